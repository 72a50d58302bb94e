//! The gate: one listener's policy, driven.

mod greet;
mod issue;
mod locals;
mod news;
mod room;
mod sessions;
mod upkeep;
mod verdict;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockWriteGuard};
use std::time::Duration;

use doorward_policy::Timestamp;
use doorward_policy::admission::{
    Admitted, AwaitGrant, AwaitTicket, Context, Decision, Denied, Guard, Redeemed, StoreFailure,
    Wire,
};
use doorward_policy::caps::{CapReached, ConnectionCaps};
use doorward_policy::denial::{Denial, Outage};
use doorward_policy::grant::{GrantSecret, Nonce};
use doorward_policy::id::{SessionId, TraceId};
use doorward_policy::keys::{Digester, KeyRing, MasterKeys, Purpose};
use doorward_policy::limiter::{Charge, Guess, LimitKey, Limited, Limiter};
use doorward_policy::request::Head;
use doorward_policy::settings::{Settings, Surface};
use doorward_policy::standing::{self, Standings};
use doorward_policy::workspace::Directory;

pub use self::greet::{Welcome, Welcomed};
use self::news::Reported;
pub use self::verdict::{Admission, Begun, GateError, Parts, Problem, Refusal, Verdict};
use crate::audit::{AuditRecord, Event};
use crate::clock::Clock;
use crate::connections::Connections;
use crate::journal::Journal;
use crate::rooms::Rooms;
use crate::store::{ListenerId, Store, StoreError};
use crate::system::{Entropy, Processes, random};

/// How often a session is given a new cookie at most: a page asks for many things at once.
const RENEWAL_PAUSE: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Keys {
    ring: KeyRing,
    digester: Digester,
}

impl Keys {
    fn of(masters: &MasterKeys, surface: Surface) -> Arc<Self> {
        let purpose = match surface {
            Surface::Guarded => Purpose::Session,
            Surface::Admin => Purpose::Admin,
        };
        //= req: ADMIN-1
        Arc::new(Self { ring: masters.ring(purpose), digester: masters.digester_for(purpose) })
    }
}

/// What was read from the store last, of one moment.
#[derive(Debug)]
struct Known {
    standings: Standings,
    directory: Arc<Directory>,
}

/// The policy of one listener, with all that it is driven by.
#[derive(Debug)]
pub struct Gate {
    settings: Settings,
    keys: RwLock<Arc<Keys>>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    processes: Arc<dyn Processes>,
    known: RwLock<Known>,
    revision: AtomicU64,
    limiter: Mutex<Limiter>,
    caps: Mutex<ConnectionCaps>,
    connections: Arc<Connections>,
    renewed: Mutex<HashMap<SessionId, Timestamp>>,
    journal: Arc<Journal>,
    rooms: Arc<Rooms>,
    listener: ListenerId,
    traces: AtomicU64,
    draining: AtomicBool,
    marked: AtomicU64,
    locals_checked: AtomicU64,
    reported: tokio::sync::Mutex<Option<Reported>>,
}

impl Gate {
    /// Opens a gate: reads what is revoked before anybody is admitted.
    ///
    /// # Errors
    /// If clock, generator or store don't answer.
    pub async fn open(parts: Parts) -> Result<Arc<Self>, GateError> {
        let Parts { settings, keys, store, clock, entropy, processes } = parts;
        let seed = random(&*entropy).map_err(GateError::Entropy)?;
        let listener = random(&*entropy).map_err(GateError::Entropy)?;
        let journal = Arc::new(Journal::default());
        let rooms = Rooms::new(Arc::clone(&clock), Arc::clone(&journal));
        let gate = Arc::new(Self {
            keys: RwLock::new(Keys::of(&keys, settings.surface)),
            known: RwLock::new(Known {
                standings: Standings::new(seed, standing::DEFAULT_FRESHNESS),
                directory: Arc::default(),
            }),
            revision: AtomicU64::new(0),
            limiter: Mutex::new(Limiter::new(settings.guesses)),
            caps: Mutex::new(ConnectionCaps::new(settings.connections)),
            connections: Arc::new(Connections::default()),
            renewed: Mutex::default(),
            journal,
            rooms: Arc::new(rooms),
            listener,
            traces: AtomicU64::new(0),
            draining: AtomicBool::new(false),
            marked: AtomicU64::new(0),
            locals_checked: AtomicU64::new(0),
            reported: tokio::sync::Mutex::default(),
            settings,
            store,
            clock,
            entropy,
            processes,
        });
        gate.now().map_err(|_| GateError::Clock)?;
        gate.refresh().await.map_err(GateError::Store)?;
        Ok(gate)
    }

    /// The settings in force.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The rooms in which connections share one to the guarded server.
    #[must_use]
    pub const fn rooms(&self) -> &Arc<Rooms> {
        &self.rooms
    }

    /// What it reads the time from.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The workspaces, as of the last look at the store.
    #[must_use]
    pub fn directory(&self) -> Arc<Directory> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner).directory)
    }

    /// The present.
    ///
    /// # Errors
    /// The denial that a failing clock is.
    pub fn now(&self) -> Result<Timestamp, Denial> {
        //= req: FAIL-2
        self.clock.now().map_err(|_| Denial::Unavailable(Outage::Clock))
    }

    /// Decides on a request. A ticket that it presents is consumed.
    pub async fn decide(&self, head: &Head<'_>) -> Verdict {
        let begun = self.begin(head);
        self.finish(begun).await
    }

    /// Decides on a request as far as that goes without the store; the head is not needed
    /// afterwards.
    pub fn begin(&self, head: &Head<'_>) -> Begun {
        let now = match self.now() {
            Ok(now) => now,
            Err(denial) => {
                let wire = if head.tls { Wire::Tls } else { Wire::Plain };
                return self.refuse_early(denial, head.peer, wire).into();
            }
        };
        match self.guarded(|guard, limiter| guard.decide(head, limiter, now)) {
            Decision::Admit(admitted) => Verdict::Admit(self.admission(admitted, now)).into(),
            Decision::Open(opened) => Verdict::Open(opened).into(),
            Decision::Grant(awaiting) => Verdict::Grant(awaiting).into(),
            Decision::Ticket(awaiting) => Begun::Ticket(awaiting, now),
            Decision::Local(awaiting) => Begun::Local(awaiting, now),
            Decision::Deny(denied) => self.refusal(denied, now).into(),
        }
    }

    /// Goes on with what was begun.
    pub async fn finish(&self, begun: Begun) -> Verdict {
        match begun {
            Begun::Decided(verdict) => verdict,
            Begun::Ticket(awaiting, now) => {
                let consumed = Box::pin(self.consume_ticket(awaiting, now)).await;
                consumed.map_or_else(Verdict::Deny, Verdict::Admit)
            }
            Begun::Local(awaiting, now) => {
                let found = Box::pin(self.look_up_local(awaiting, now)).await;
                found.map_or_else(Verdict::Deny, Verdict::Admit)
            }
        }
    }

    async fn consume_ticket(
        &self,
        awaiting: AwaitTicket,
        now: Timestamp,
    ) -> Result<Admission, Refusal> {
        let (digest, attempt) = (*awaiting.digest(), awaiting.attempt().clone());
        let outcome = match self.store.consume_ticket(digest, attempt, now).await {
            Ok(outcome) => outcome.map_err(StoreFailure::Refused),
            Err(error) => Err(StoreFailure::Unavailable(self.outage(&error))),
        };
        self.guarded(|guard, limiter| awaiting.resume(outcome, guard, limiter, now))
            .map(|admitted| self.admission(admitted, now))
            .map_err(|denied| self.refusal(denied, now))
    }

    /// Redeems what a body brought: the link's 43 characters or the code, and the nonce.
    ///
    /// # Errors
    /// The refusal to answer with.
    pub async fn redeem(
        &self,
        awaiting: AwaitGrant,
        credential: &str,
        nonce: &str,
    ) -> Result<(Redeemed, TraceId), Refusal> {
        let nonce = Nonce::parse(nonce, &self.keys().digester);
        match GrantSecret::parse(credential).zip(nonce) {
            Some((grant, nonce)) => self.redeem_parsed(awaiting, grant, nonce).await,
            None => Err(self.refuse(awaiting, Denial::MalformedBody)),
        }
    }

    async fn redeem_parsed(
        &self,
        awaiting: AwaitGrant,
        grant: GrantSecret,
        nonce: Nonce,
    ) -> Result<(Redeemed, TraceId), Refusal> {
        let now = match self.now() {
            Ok(now) => now,
            Err(denial) => return Err(self.refuse(awaiting, denial)),
        };
        //= req: ENTROPY-2, ENTROPY-3
        let Ok(session) = random(&*self.entropy) else {
            return Err(self.refuse(awaiting, Denial::Unavailable(Outage::Entropy)));
        };
        let redeem = self
            .guarded(|guard, limiter| awaiting.present(&grant, nonce, session, guard, limiter, now))
            .map_err(|denied| self.refusal(denied, now))?;
        let trace = self.trace();
        let audit = AuditRecord::new(Event::GrantRedeemed, now).traced(trace).of(redeem.context());
        let (digest, attempt) = (*redeem.digest(), *redeem.attempt());
        let outcome = match self.store.redeem(digest, attempt, now, audit).await {
            Ok(outcome) => outcome.map_err(StoreFailure::Refused),
            Err(error) => Err(StoreFailure::Unavailable(self.outage(&error))),
        };
        self.guarded(|guard, _| redeem.resume(outcome, guard, now))
            .map(|redeemed| (redeemed, trace))
            .map_err(|denied| self.refusal(denied, now))
    }

    /// Counts a connection in that nobody has been admitted on yet.
    ///
    /// # Errors
    /// The refusal, if there are too many or the server drains.
    pub fn enter(self: &Arc<Self>, peer: IpAddr, wire: Wire) -> Result<ClientSlot, Refusal> {
        if self.is_draining() {
            return Err(self.refuse_early(Denial::Unavailable(Outage::Draining), peer, wire));
        }
        let key = LimitKey::from(peer);
        let entered = lock(&self.caps).enter(key, self.settings.exempts(peer, wire));
        match entered {
            Ok(()) => Ok(ClientSlot { gate: Arc::clone(self), key }),
            Err(reached) => {
                let from_address = reached == CapReached::Address;
                Err(self.refuse_early(Denial::ConnectionsLimited { from_address }, peer, wire))
            }
        }
    }

    /// Refuses a redemption whose body can't be read, or came too late.
    pub fn refuse(&self, awaiting: AwaitGrant, denial: Denial) -> Refusal {
        let denied = awaiting.refuse(denial);
        self.refusal(denied, self.now().unwrap_or_default())
    }

    /// Refuses a connection of which nothing could be read.
    pub fn refuse_early(&self, denial: Denial, peer: IpAddr, wire: Wire) -> Refusal {
        self.refusal(Denied::early(denial, peer, wire), self.now().unwrap_or_default())
    }

    /// Refuses a request that was admitted, and whose session has ended since.
    pub fn refuse_admitted(&self, admission: &Admission, denial: Denial) -> Refusal {
        let Admission { admitted, .. } = admission;
        let known = admitted.holder().map(|holder| (holder.id, holder.subject));
        let context = *admitted.context();
        let denied = Denied { denial, context, known, expire_cookie: None };
        self.refusal(denied, self.now().unwrap_or_default())
    }

    /// As [`Self::refuse_admitted`], where what was admitted is no longer at hand.
    pub fn refuse_late(&self, denial: Denial, context: Context) -> Refusal {
        let denied = Denied { denial, context, known: None, expire_cookie: None };
        self.refusal(denied, self.now().unwrap_or_default())
    }

    /// Writes down that a live connection was ended, and why.
    pub fn closed(&self, admission: &Admission, denial: Denial) {
        let mut record = AuditRecord::new(Event::Closed, self.now().unwrap_or_default())
            .traced(admission.trace)
            .of(admission.admitted.context())
            .because(denial.audit());
        record.threat = Some(denial.threat().name());
        record = record.held(&admission.admitted);
        self.journal.note(record);
    }

    /// Writes down something about the listener itself.
    pub fn note(&self, event: Event, reason: impl Into<String>) {
        let now = self.now().unwrap_or_default();
        self.journal.note(AuditRecord::new(event, now).because(reason));
    }

    /// Whether the server is going away.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    /// How many connections are live.
    #[must_use]
    pub fn live_connections(&self) -> usize {
        self.connections.total()
    }

    fn admission(&self, admitted: Admitted, now: Timestamp) -> Admission {
        let trace = self.trace();
        let record = AuditRecord::new(Event::Admitted, now).traced(trace).of(admitted.context());
        self.journal.note(record.held(&admitted));
        Admission { admitted, at: now, trace }
    }

    fn refusal(&self, denied: Denied, now: Timestamp) -> Refusal {
        let trace = self.trace();
        self.journal.note(AuditRecord::denied(&denied, trace, now));
        Refusal { denied, trace, retry_after: denied.denial.retry_after(now) }
    }

    /// A trace id: unique, and no secret.
    fn trace(&self) -> TraceId {
        let count = self.traces.fetch_add(1, Ordering::Relaxed);
        let mut bytes = self.listener;
        bytes[8..].copy_from_slice(&count.to_be_bytes());
        TraceId::new(bytes)
    }

    //= req: FAIL-1
    fn outage(&self, error: &StoreError) -> Outage {
        tracing::error!(%error, "a decision could not be taken");
        match error {
            StoreError::Unavailable(_) | StoreError::Exists => Outage::Store,
            StoreError::Full => Outage::Full,
        }
    }

    fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn guarded<T>(&self, decide: impl FnOnce(&Guard<'_>, &mut Locked<'_>) -> T) -> T {
        let keys = self.keys();
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let guard = Guard {
            settings: &self.settings,
            keys: &keys.ring,
            digester: &keys.digester,
            standings: &known.standings,
            directory: &known.directory,
        };
        decide(&guard, &mut Locked(&self.limiter))
    }

    fn write_known(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The limiter behind its lock, which is taken only when something is charged.
struct Locked<'a>(&'a Mutex<Limiter>);

impl Charge for Locked<'_> {
    fn charge(&mut self, key: LimitKey, guess: Guess, now: Timestamp) -> Result<(), Limited> {
        lock(self.0).charge(key, guess, now)
    }
}

/// A connection that counts as unadmitted until this is dropped.
#[derive(Debug)]
pub struct ClientSlot {
    gate: Arc<Gate>,
    key: LimitKey,
}

impl Drop for ClientSlot {
    fn drop(&mut self) {
        lock(&self.gate.caps).leave(self.key);
    }
}

/// Each of these tables is consistent between any two statements, so a panic elsewhere while one
/// was locked has spoilt nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
