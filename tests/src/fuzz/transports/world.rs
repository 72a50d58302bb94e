//! One gate, asked over one transport.

use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use doorward_gate::admin::{issue_grant, issue_local};
use doorward_gate::audit::{AuditRecord, Event};
use doorward_gate::store::{MemoryStore, Store};
use doorward_gate::{
    Admission, Clock, ClockError, Entropy, EntropyError, Gate, LiveConnection, Parts, ProcessError,
    Processes, Refusal, Verdict, Welcomed,
};
use doorward_policy::admission::{Admitted, Greeting};
use doorward_policy::denial::Denial;
use doorward_policy::grant::GrantRequest;
use doorward_policy::hello::{ALPN, Hello, Kind, Offered, PREFIX, Purpose};
use doorward_policy::id::{GrantId, SessionId};
use doorward_policy::keys::{Digester, MasterKeys};
use doorward_policy::ledger::{Capacity, Selector};
use doorward_policy::local::LocalRequest;
use doorward_policy::request::{Field, Head};
use doorward_policy::route::{Routes, Target};
use doorward_policy::settings::Guarding;
use doorward_policy::subject::Subject;
use doorward_policy::token::Method;
use doorward_policy::workspace::{Change, Claim, Member, Placing, Server, WorkspaceName};
use doorward_policy::{Capabilities, Settings, Timestamp};
use serde_json::Value;

use super::script::{Place, Shown, Step};
use crate::fuzz::input::Input;
use crate::fuzz::naive::base64url;
use crate::fuzz::world::{HANDSHAKE, NOW};

/// What both gates see of the machine that they run on.
#[derive(Debug)]
pub(super) struct Machine {
    millis: AtomicU64,
    /// A bit for each process that has ended.
    ended: AtomicU64,
}

impl Default for Machine {
    fn default() -> Self {
        Self { millis: AtomicU64::new(NOW.as_millis()), ended: AtomicU64::new(0) }
    }
}

impl Machine {
    pub(super) fn take(&self, step: &Step) {
        match step {
            Step::Wait(span) => drop(self.millis.fetch_add(*span, SeqCst)),
            Step::Kill(process) => drop(self.ended.fetch_or(1 << process, SeqCst)),
            _ => {}
        }
    }
}

impl Clock for Machine {
    fn now(&self) -> Result<Timestamp, ClockError> {
        Ok(Timestamp::from_millis(self.millis.load(SeqCst)))
    }
}

impl Processes for Machine {
    fn started(&self, pid: u32) -> Result<Option<u64>, ProcessError> {
        Ok((self.ended.load(SeqCst) >> pid & 1 == 0).then_some(7))
    }
}

/// The same for both gates within a step, and never the same twice.
#[derive(Debug, Default)]
struct Steps {
    drawn: AtomicU64,
}

impl Entropy for Steps {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        let number = self.drawn.fetch_add(1, SeqCst).to_be_bytes();
        bytes.fill(0x5e);
        bytes.iter_mut().zip(number).for_each(|(byte, one)| *byte = one);
        Ok(())
    }
}

/// The transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    Web,
    Quic,
}

/// What a step came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Whoever it is may go where.
    Admitted {
        who: Option<(SessionId, Subject)>,
        held: Capabilities,
        place: Option<WorkspaceName>,
    },
    /// A session is told its capabilities and how many seconds it has, and its new token.
    Told {
        session: Option<(SessionId, Capabilities, u64)>,
        token: Option<String>,
    },
    Denied(Denial),
    /// Something else was done, or could not be.
    Done(bool),
}

pub(super) struct World {
    over: Over,
    gate: Arc<Gate>,
    store: Arc<dyn Store>,
    machine: Arc<Machine>,
    entropy: Arc<Steps>,
    digester: Digester,
    peer: IpAddr,
    /// What everything takes, unless nobody is asked for anything.
    pub(super) needed: Option<Capabilities>,
    grants: Vec<(String, GrantId)>,
    tokens: Vec<(String, SessionId)>,
    tickets: Vec<String>,
    locals: Vec<String>,
    live: Vec<LiveConnection>,
}

/// What the operator chose: what everything takes, and `u` to ask for no credential.
fn settings(choices: &[u8]) -> (Settings, Option<Capabilities>) {
    let mut input = Input::new(choices);
    let needed = Capabilities::from_bits(input.below(16) as u16).expect("all 16 are known");
    let mut settings = Settings { routes: Routes::none(), ..Settings::default() };
    assert!(settings.routes.add("/", needed));
    let unguarded = input.byte() == b'u';
    if unguarded {
        settings.guarding = Guarding::Unguarded;
    }
    settings.guesses.codes = 2;
    settings.guesses.others = 4;
    (settings, (!unguarded).then_some(needed))
}

impl World {
    pub(super) async fn open(over: Over, choices: &[u8], machine: &Arc<Machine>) -> Self {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new(Capacity::default(), [3; 8]));
        let entropy = Arc::new(Steps::default());
        let keys = || MasterKeys::generate([7; 16], [8; 32], [9; 32], Timestamp::from_secs(1));
        let (settings, needed) = settings(choices);
        let parts = Parts {
            settings,
            keys: keys(),
            store: Arc::clone(&store),
            clock: Arc::clone(machine) as Arc<dyn Clock>,
            entropy: Arc::clone(&entropy) as Arc<dyn Entropy>,
            processes: Arc::clone(machine) as Arc<dyn Processes>,
        };
        Self {
            over,
            gate: Gate::open(parts).await.expect("it opens"),
            store,
            machine: Arc::clone(machine),
            entropy,
            digester: keys().digester(),
            peer: [192, 0, 2, 0].into(),
            needed,
            grants: Vec::new(),
            tokens: Vec::new(),
            tickets: Vec::new(),
            locals: Vec::new(),
            live: Vec::new(),
        }
    }

    pub(super) async fn take(&mut self, step: &Step, number: usize) -> Said {
        self.entropy.drawn.store((number as u64 + 1) << 16, SeqCst);
        match *step {
            Step::Grant(held, uses, method) => self.make_grant(held, uses, method).await,
            Step::Redeem(grant, nonce) => {
                let unknown = "A".repeat(43);
                let grant = self.grants.get(grant).map_or(unknown, |(text, _)| text.clone());
                self.redeem(&grant, [nonce; 16]).await
            }
            Step::Open(shown, place) => self.connect(shown, place).await,
            // Without an upgrade, a ticket is none over the web.
            Step::Renew(Shown::Ticket(_)) | Step::Ticket(Shown::Ticket(_)) => Said::Done(false),
            Step::Renew(shown) => self.renew(shown).await,
            Step::Ticket(shown) => self.make_ticket(shown).await,
            Step::Local(process, held, place) => self.make_local(process, held, place).await,
            Step::Hear => Said::Done(self.gate.refresh().await.is_ok()),
            Step::Wait(_) | Step::Kill(_) => Said::Done(true),
            Step::From(client) => {
                self.peer = [192, 0, 2, client].into();
                Said::Done(true)
            }
            _ => self.administer(step).await,
        }
    }

    /// Which live connections were told to end, and why.
    pub(super) fn ended(&self) -> Vec<Option<Denial>> {
        let end = |live: &LiveConnection| {
            let mut context = Context::from_waker(Waker::noop());
            match pin!(live.ended()).poll(&mut context) {
                Poll::Ready(end) => Some(end.denial()),
                Poll::Pending => None,
            }
        };
        self.live.iter().map(end).collect()
    }

    /// The audit log, without what tells the transports apart.
    pub(super) async fn written(&self) -> Vec<Value> {
        self.gate.flush().await.expect("written");
        let lines = self.store.audit_lines(0, 1000).await.expect("read");
        let line = |json: &str| {
            let mut line: Value = json.parse().expect("an object");
            let fields = line.as_object_mut().expect("an object");
            for apart in ["transport", "trace_id", "method", "path"] {
                fields.remove(apart);
            }
            line
        };
        lines.iter().map(|one| line(&one.json)).collect()
    }

    fn now(&self) -> Timestamp {
        self.machine.now().expect("it never fails")
    }

    async fn make_grant(&mut self, held: Capabilities, uses: u32, method: Method) -> Said {
        let request = GrantRequest {
            label: subject(),
            capabilities: held,
            method,
            uses,
            life: Duration::from_secs(600),
        };
        let (store, clock, entropy) = (&*self.store, &*self.machine, &*self.entropy);
        let all = Capabilities::ALL;
        let made = issue_grant(store, &self.digester, clock, entropy, &request, all).await;
        self.grants
            .extend(made.iter().map(|(secret, record)| (secret.expose().to_string(), record.id)));
        Said::Done(made.is_ok())
    }

    async fn make_local(&mut self, process: u32, held: Capabilities, place: Place) -> Said {
        let request = LocalRequest {
            id: SessionId::new([process as u8; 16]),
            name: Subject::new("agent").expect("it is sound"),
            workspace: place.map_or_else(WorkspaceName::main, name),
            capabilities: held,
            pid: process,
            started: 7,
            directory: "/".to_owned(),
        };
        let (store, clock, entropy) = (&*self.store, &*self.machine, &*self.entropy);
        let all = Capabilities::ALL;
        let made = issue_local(store, &self.digester, clock, entropy, &request, all).await;
        self.locals.extend(made.iter().map(|(secret, _)| secret.expose().to_string()));
        Said::Done(made.is_ok())
    }

    /// What whoever owns the state does, past both transports.
    async fn administer(&self, step: &Step) -> Said {
        let (store, now) = (&self.store, self.now());
        let audit = AuditRecord::new(Event::SessionRevoked, now);
        let session = |token: usize| self.tokens.get(token).map(|(_, id)| Selector::Session(*id));
        let change = match *step {
            Step::Revoke(token) => {
                let Some(which) = session(token) else { return Said::Done(false) };
                return Said::Done(store.revoke_sessions(which, now, audit).await.is_ok());
            }
            Step::RevokeAll => {
                return Said::Done(store.revoke_sessions(Selector::All, now, audit).await.is_ok());
            }
            Step::Limit(token, held) => {
                let Some(which) = session(token) else { return Said::Done(false) };
                return Said::Done(store.limit_sessions(which, held, now, audit).await.is_ok());
            }
            Step::RevokeGrant(grant) => {
                let Some((_, id)) = self.grants.get(grant) else { return Said::Done(false) };
                return Said::Done(store.revoke_grant(*id, now, audit).await.expect("answered"));
            }
            Step::Make(place) => Change::Create(named(place), placing(place)),
            Step::Delete(place) => Change::Delete(named(place)),
            Step::Join(place, capabilities, home) => {
                Change::Admit(named(place), Member { subject: subject(), capabilities, home })
            }
            Step::Expel(place) => Change::Expel(named(place), subject()),
            _ => return Said::Done(false),
        };
        Said::Done(store.change_directory(change, audit).await.expect("answered").is_ok())
    }

    async fn redeem(&mut self, grant: &str, nonce: [u8; 16]) -> Said {
        let said = match self.over {
            Over::Quic => {
                let offered = Offered::One(Kind::Grant, grant.as_bytes());
                self.greet(Purpose::Token, offered, &nonce, None).await
            }
            Over::Web => {
                let path = "/.doorward/api/token";
                match self.ask("POST", path, Shown::Nothing).await {
                    Verdict::Grant(waiting) => {
                        let redeemed = self.gate.redeem(waiting, grant, &base64url(&nonce)).await;
                        redeemed.map_or_else(denied, |(redeemed, _)| {
                            let (admitted, token) = redeemed.into_parts();
                            self.told(&admitted, Some(token.expose()))
                        })
                    }
                    Verdict::Deny(refusal) => denied(refusal),
                    other => panic!("no grant was asked for: {other:?}"),
                }
            }
        };
        self.remember(&said);
        said
    }

    async fn renew(&mut self, shown: Shown) -> Said {
        let said = match self.over {
            Over::Quic => {
                let (kind, text) = self.text(shown);
                let offered = kind.map_or(Offered::Nothing, |kind| Offered::One(kind, &text));
                self.greet(Purpose::Token, offered, &[], None).await
            }
            Over::Web => match self.ask("POST", "/.doorward/api/renew", shown).await {
                Verdict::Admit(admission) => {
                    let renewed = self.gate.renew(&admission.admitted).await;
                    let mut told = self.told(&admission.admitted, None);
                    if let (Said::Told { session: Some((.., left)), token }, Some((claims, text))) =
                        (&mut told, &renewed)
                    {
                        *left = claims.expires_at.since(self.now()).as_secs();
                        *token = Some(text.expose().to_owned());
                    }
                    told
                }
                Verdict::Deny(refusal) => denied(refusal),
                other => panic!("renewing is for sessions: {other:?}"),
            },
        };
        self.remember(&said);
        said
    }

    /// Tickets are made over HTTP alone.
    async fn make_ticket(&mut self, shown: Shown) -> Said {
        match self.ask("POST", "/.doorward/api/ticket", shown).await {
            Verdict::Admit(admission) => {
                let made = self.gate.issue_ticket(&admission, None).await;
                made.map_or_else(denied, |(secret, _)| {
                    self.tickets.push(secret.expose().to_string());
                    Said::Done(true)
                })
            }
            Verdict::Deny(refusal) => denied(refusal),
            other => panic!("tickets are for sessions: {other:?}"),
        }
    }

    /// A connection that stays open.
    async fn connect(&mut self, shown: Shown, place: Place) -> Said {
        let admission = match self.over {
            Over::Web => {
                let path = place.map_or("/x".to_owned(), |place| format!("/{place}/x"));
                match self.ask("GET", &path, shown).await {
                    Verdict::Admit(admission) => Ok(admission),
                    Verdict::Deny(refusal) => Err(refusal),
                    other => panic!("nothing else is there: {other:?}"),
                }
            }
            Over::Quic => {
                let (kind, text) = self.text(shown);
                let offered = kind.map_or(Offered::Nothing, |kind| Offered::One(kind, &text));
                // What nobody claims is the default over the web, where none can be named.
                let directory = self.gate.directory();
                let place = place.filter(|place| directory.workspace(&name(*place)).is_some());
                self.greeted(Purpose::Open, offered, &[], place).await.map(|welcome| match welcome
                    .outcome
                {
                    Welcomed::Open(admission) => admission,
                    Welcomed::Answered => panic!("it asked to be let in"),
                })
            }
        };
        match admission {
            Ok(admission) => self.register(&admission),
            Err(refusal) => denied(refusal),
        }
    }

    fn register(&mut self, admission: &Admission) -> Said {
        let admitted = &admission.admitted;
        assert_eq!(admitted.target(), Target::Guarded);
        match self.gate.register(admission) {
            Ok(live) => self.live.push(live),
            Err(refusal) => return denied(refusal),
        }
        Said::Admitted {
            who: admitted.holder().map(|holder| (holder.id, holder.subject)),
            held: admitted.capabilities(),
            place: admitted.joined().map(|joined| joined.name),
        }
    }

    fn told(&self, admitted: &Admitted, token: Option<&str>) -> Said {
        let told = |holder: doorward_policy::credential::Holder| {
            let left = holder.expires_at.since(self.now()).as_secs();
            (holder.id, admitted.capabilities(), left)
        };
        Said::Told { session: admitted.holder().map(told), token: token.map(str::to_owned) }
    }

    fn remember(&mut self, said: &Said) {
        if let Said::Told { session: Some((id, ..)), token: Some(token) } = said {
            self.tokens.push((token.clone(), *id));
        }
    }

    /// A credential's kind in a hello, and its text.
    fn text(&self, shown: Shown) -> (Option<Kind>, Vec<u8>) {
        let token = |number: usize| self.tokens.get(number).map(|(text, _)| text.clone());
        let (kind, text) = match shown {
            Shown::Nothing => return (None, Vec::new()),
            Shown::Token(number) => (Kind::Session, token(number)),
            Shown::Forged(number) => (Kind::Session, token(number).map(forged)),
            Shown::Ticket(number) => (Kind::Ticket, self.tickets.get(number).cloned()),
            Shown::Local(number) => (Kind::Local, self.locals.get(number).cloned()),
        };
        text.map_or((None, Vec::new()), |text| (Some(kind), text.into_bytes()))
    }

    async fn ask(&self, method: &str, path: &str, shown: Shown) -> Verdict {
        let (kind, text) = self.text(shown);
        let text = String::from_utf8(text).expect("credentials are text");
        let authorization = match kind {
            Some(Kind::Local) => Some(format!("Doorward-Session {text}")),
            Some(Kind::Ticket) | None => None,
            Some(_) => Some(format!("Bearer {text}")),
        };
        let protocol =
            (kind == Some(Kind::Ticket)).then(|| format!("doorward, doorward.ticket.{text}"));
        let mut fields: Vec<(&str, &[u8])> = vec![("Host", b"localhost:8765")];
        // Every connection to what is guarded is a WebSocket here.
        fields.extend(if method == "GET" { &HANDSHAKE[..] } else { &[] });
        fields.extend(authorization.iter().map(|value| ("Authorization", value.as_bytes())));
        fields.extend(protocol.iter().map(|value| ("Sec-WebSocket-Protocol", value.as_bytes())));
        let fields: Vec<Field<'_>> =
            fields.into_iter().map(|(name, value)| Field { name, value }).collect();
        let head = Head { method, target: path, fields: &fields, peer: self.peer, tls: true };
        self.gate.decide(&head).await
    }

    async fn greeted(
        &self,
        purpose: Purpose,
        offered: Offered<'_>,
        nonce: &[u8],
        place: Place,
    ) -> Result<doorward_gate::Welcome, Refusal> {
        let workspace = place.map(name);
        let hello = Hello { purpose, offered, nonce, workspace, capabilities: Capabilities::NONE };
        let frame = hello.frame().expect("it fits");
        let greeting = Greeting {
            body: &frame[PREFIX..],
            server_name: Some("localhost"),
            protocol: ALPN,
            peer: self.peer,
        };
        self.gate.greet(&greeting).await
    }

    async fn greet(
        &self,
        purpose: Purpose,
        offered: Offered<'_>,
        nonce: &[u8],
        place: Place,
    ) -> Said {
        match self.greeted(purpose, offered, nonce, place).await {
            Ok(welcome) => {
                assert!(matches!(welcome.outcome, Welcomed::Answered), "it asked for a token");
                let session = welcome.accept.session;
                let token = welcome.accept.token.map(|token| token.to_vec());
                Said::Told {
                    session: session.map(|one| (one.id, one.capabilities, one.expires_in.into())),
                    token: token.map(|token| String::from_utf8(token).expect("tokens are text")),
                }
            }
            Err(refusal) => denied(refusal),
        }
    }
}

fn denied(refusal: Refusal) -> Said {
    Said::Denied(refusal.denied.denial)
}

fn forged(mut token: String) -> String {
    let place = token.len() - 9;
    let other = if token.as_bytes()[place] == b'A' { "B" } else { "A" };
    token.replace_range(place..=place, other);
    token
}

fn subject() -> Subject {
    Subject::new("someone").expect("it is sound")
}

fn name(place: char) -> WorkspaceName {
    WorkspaceName::new(&place.to_string()).expect("a name")
}

fn named(place: Place) -> WorkspaceName {
    place.map_or_else(WorkspaceName::main, name)
}

/// Each has a server for either transport, and what lies under its letter.
fn placing(place: Place) -> Placing {
    let Some(place) = place else { return Placing::default() };
    Placing {
        claims: Claim::parse(&format!("/{place}")).into_iter().collect(),
        web: Server::new("http://127.0.0.1:3000"),
        bytes: Server::new("tcp://127.0.0.1:3001"),
    }
}
