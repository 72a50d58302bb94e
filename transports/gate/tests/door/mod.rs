//! A gate on a memory store, asked as an adapter asks, at times that a test sets.
#![allow(dead_code)]

use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use doorward_gate::admin::issue_grant;
use doorward_gate::store::{MemoryStore, Store};
use doorward_gate::{
    Admission, Clock, ClockError, End, Gate, LiveConnection, Parts, Refusal, SystemEntropy, Verdict,
};
use doorward_policy::denial::Denial;
use doorward_policy::grant::GrantRequest;
use doorward_policy::id::SessionId;
use doorward_policy::keys::MasterKeys;
use doorward_policy::ledger::Capacity;
use doorward_policy::request::{Field, Head};
use doorward_policy::session::Lifetimes;
use doorward_policy::subject::Subject;
use doorward_policy::token::Method;
use doorward_policy::{Capabilities, Settings, Timestamp};

pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);

/// 16 bytes of zeros.
const NONCE: &str = "AAAAAAAAAAAAAAAAAAAAAA";

/// A clock that stands until it is told to go on.
#[derive(Debug)]
pub(crate) struct TestClock(AtomicU64);

impl Default for TestClock {
    fn default() -> Self {
        Self(AtomicU64::new(1_900_000_000_000))
    }
}

impl TestClock {
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_millis() as u64, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Result<Timestamp, ClockError> {
        Ok(Timestamp::from_millis(self.0.load(Ordering::SeqCst)))
    }
}

/// A session's id and its token.
#[derive(Clone, Debug)]
pub(crate) struct Paired {
    pub(crate) id: SessionId,
    pub(crate) token: String,
}

/// A gate and what it is made of. Another on the same parts is another process on its store.
pub(crate) struct Door {
    pub(crate) gate: Arc<Gate>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
}

pub(crate) fn keys() -> MasterKeys {
    MasterKeys::generate([7; 16], [8; 32], [9; 32], Timestamp::from_secs(1))
}

pub(crate) fn memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new(Capacity::default(), [3; 8]))
}

/// Sessions of this idle life, and of that absolute one.
pub(crate) fn living(idle: Duration, absolute: Duration) -> Settings {
    let lifetimes = Lifetimes::new(idle, absolute).expect("within bounds");
    Settings { lifetimes, ..Settings::default() }
}

impl Door {
    pub(crate) async fn open(
        settings: Settings,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let parts = Parts {
            settings,
            keys: keys(),
            store: Arc::clone(&store),
            clock: Arc::clone(&clock),
            entropy: Arc::new(SystemEntropy),
        };
        let gate = Gate::open(parts).await.expect("it opens");
        Self { gate, store, clock }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now().expect("it tells the time")
    }

    /// What goes on beside the requests, once.
    pub(crate) async fn tick(&self) {
        self.gate.refresh().await.expect("the store answers");
        self.gate.upkeep().await.expect("the store answers");
    }

    /// A session of somebody of this name, with what a start-up grant carries.
    pub(crate) async fn pair(&self, name: &str) -> Paired {
        self.pair_with(name, Capabilities::START_UP).await
    }

    pub(crate) async fn pair_with(&self, name: &str, capabilities: Capabilities) -> Paired {
        let request = GrantRequest {
            label: Subject::new(name).expect("a subject"),
            capabilities,
            method: Method::Link,
            uses: 1,
            life: Duration::from_secs(600),
        };
        let (store, all) = (&*self.store, Capabilities::ALL);
        let digester = keys().digester();
        let issued = issue_grant(store, &digester, &*self.clock, &SystemEntropy, &request, all);
        let (secret, _) = issued.await.expect("a grant");
        let Verdict::Grant(awaiting) = self.ask("POST", "/.doorward/api/token", None).await else {
            panic!("a grant is asked for");
        };
        let redeemed = self.gate.redeem(awaiting, &secret.expose(), NONCE).await;
        let (redeemed, _trace) = redeemed.expect("a session");
        let id = redeemed.admitted().claims().expect("claims").session;
        Paired { id, token: redeemed.token().expose().to_owned() }
    }

    /// What is said to a request, with this text in its `Authorization`.
    pub(crate) async fn ask(
        &self,
        method: &str,
        target: &str,
        authorization: Option<&str>,
    ) -> Verdict {
        let mut fields = vec![Field { name: "host", value: b"localhost:8765" }];
        fields.extend(
            authorization.map(|text| Field { name: "authorization", value: text.as_bytes() }),
        );
        let peer = [127, 0, 0, 1].into();
        self.gate.decide(&Head { method, target, fields: &fields, peer, tls: false }).await
    }

    /// Whether a session is let through to what is guarded.
    pub(crate) async fn enter(&self, paired: &Paired) -> Result<Admission, Refusal> {
        let bearer = format!("Bearer {}", paired.token);
        match self.ask("GET", "/", Some(&bearer)).await {
            Verdict::Admit(admission) => Ok(admission),
            Verdict::Deny(refusal) => Err(refusal),
            other => panic!("neither let through nor refused: {other:?}"),
        }
    }

    pub(crate) async fn admits(&self, paired: &Paired) -> bool {
        self.enter(paired).await.is_ok()
    }

    pub(crate) async fn denial(&self, paired: &Paired) -> Denial {
        self.enter(paired).await.expect_err("it is refused").denied.denial
    }

    /// A connection of a session that stays open.
    pub(crate) async fn connect(&self, paired: &Paired) -> LiveConnection {
        let admission = self.enter(paired).await.expect("it is let through");
        self.gate.register(&admission).expect("it stands")
    }
}

/// Why a connection must end, if it must by now.
pub(crate) async fn ended(live: &mut LiveConnection) -> Option<End> {
    tokio::select! {
        biased;
        end = live.ended() => Some(end),
        () = ready(()) => None,
    }
}
