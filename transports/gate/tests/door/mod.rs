//! A gate on a memory store, asked as an adapter asks, at times that a test sets.
#![allow(dead_code)]

pub(crate) mod failing;

use std::collections::HashMap;
use std::future::ready;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use doorward_gate::admin::{issue_grant, issue_local};
use doorward_gate::audit::{AuditRecord, Event};
use doorward_gate::store::{MemoryStore, Store};
use doorward_gate::{
    Admission, Clock, ClockError, Deadline, Gate, LiveConnection, Parts, ProcessError, Processes,
    Refusal, SystemEntropy, Verdict,
};
use doorward_policy::denial::Denial;
use doorward_policy::grant::GrantRequest;
use doorward_policy::id::SessionId;
use doorward_policy::keys::{MasterKeys, Purpose};
use doorward_policy::ledger::{Capacity, Selector};
use doorward_policy::local::LocalRequest;
use doorward_policy::request::{Field, Head};
use doorward_policy::session::Lifetimes;
use doorward_policy::settings::Surface;
use doorward_policy::subject::Subject;
use doorward_policy::token::Method;
use doorward_policy::workspace::{Change, Claim, Member, Placing, WorkspaceName};
use doorward_policy::{Capabilities, Settings, Timestamp};
use serde_json::Value;

pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);

/// 16 bytes of zeros.
pub(crate) const NONCE: &str = "AAAAAAAAAAAAAAAAAAAAAA";

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

/// Processes that a test starts and ends. A process id in no list is that of nobody.
#[derive(Debug, Default)]
pub(crate) struct TestProcesses(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    started: HashMap<u32, u64>,
    broken: bool,
}

impl TestProcesses {
    /// A process of this id, which is another one each time.
    pub(crate) fn start(&self, pid: u32, started: u64) {
        self.0.lock().unwrap().started.insert(pid, started);
    }

    pub(crate) fn kill(&self, pid: u32) {
        self.0.lock().unwrap().started.remove(&pid);
    }

    pub(crate) fn break_down(&self) {
        self.0.lock().unwrap().broken = true;
    }
}

impl Processes for TestProcesses {
    fn started(&self, pid: u32) -> Result<Option<u64>, ProcessError> {
        let known = self.0.lock().unwrap();
        if known.broken { Err(ProcessError) } else { Ok(known.started.get(&pid).copied()) }
    }
}

/// A session's id and its token.
#[derive(Clone, Debug)]
pub(crate) struct Paired {
    pub(crate) id: SessionId,
    /// What it says in its `Authorization`.
    pub(crate) says: String,
}

/// A gate and what it is made of. Another on the same parts is another process on its store.
pub(crate) struct Door {
    pub(crate) gate: Arc<Gate>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) processes: Arc<TestProcesses>,
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
        let processes = Arc::new(TestProcesses::default());
        let parts = Parts {
            settings,
            keys: keys(),
            store: Arc::clone(&store),
            clock: Arc::clone(&clock),
            entropy: Arc::new(SystemEntropy),
            processes: Arc::clone(&processes) as Arc<dyn Processes>,
        };
        let gate = Gate::open(parts).await.expect("it opens");
        Self { gate, store, clock, processes }
    }

    /// On a store and a clock of its own.
    pub(crate) async fn alone(settings: Settings) -> (Self, Arc<TestClock>) {
        let clock = Arc::new(TestClock::default());
        (Self::open(settings, memory(), Arc::clone(&clock) as _).await, clock)
    }

    pub(crate) async fn revoke(&self, which: Selector) {
        let audit = AuditRecord::new(Event::SessionRevoked, self.now());
        self.store.revoke_sessions(which, self.now(), audit).await.expect("the store answers");
    }

    pub(crate) async fn limit(&self, which: Selector, capabilities: Capabilities) {
        let audit = AuditRecord::new(Event::SessionLimited, self.now());
        let limited = self.store.limit_sessions(which, capabilities, self.now(), audit).await;
        limited.expect("the store answers");
    }

    pub(crate) async fn refresh(&self) {
        self.gate.refresh().await.expect("the store answers");
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now().expect("it tells the time")
    }

    /// What goes on beside the requests, once.
    pub(crate) async fn tick(&self) {
        self.refresh().await;
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
        let (digester, path) = match self.gate.settings().surface {
            Surface::Guarded => (keys().digester(), "/.doorward/api/token"),
            Surface::Admin => (keys().digester_for(Purpose::Admin), "/.doorward/api/bootstrap"),
        };
        let issued = issue_grant(store, &digester, &*self.clock, &SystemEntropy, &request, all);
        let (secret, _) = issued.await.expect("a grant");
        let Verdict::Grant(awaiting) = self.ask("POST", path, None).await else {
            panic!("a grant is asked for");
        };
        let redeemed = self.gate.redeem(awaiting, &secret.expose(), NONCE).await;
        let (redeemed, _trace) = redeemed.expect("a session");
        let id = redeemed.admitted().claims().expect("claims").session;
        Paired { id, says: format!("Bearer {}", redeemed.token().expose()) }
    }

    /// A local token of a process.
    pub(crate) async fn local(&self, id: u8, workspace: &str, pid: u32) -> Paired {
        let started = self.processes.started(pid).expect("it can be told").expect("a process");
        let request = LocalRequest {
            id: session(id),
            name: Subject::new("agent").expect("a subject"),
            workspace: name(workspace),
            capabilities: Capabilities::START_UP,
            pid,
            started,
            directory: "/srv".to_owned(),
        };
        let (store, clock, all) = (&*self.store, &*self.clock, Capabilities::ALL);
        let issued =
            issue_local(store, &keys().digester(), clock, &SystemEntropy, &request, all).await;
        let (secret, record) = issued.expect("a token");
        Paired { id: record.id, says: format!("Doorward-Session {}", *secret.expose()) }
    }

    pub(crate) async fn change(&self, change: Change) {
        let audit = AuditRecord::new(Event::WorkspaceChanged, self.now()).about_change(&change);
        let changed = self.store.change_directory(change, audit).await;
        changed.expect("the store answers").expect("it is possible");
    }

    /// A workspace of this name, at a path of this name.
    pub(crate) async fn workspace(&self, called: &str) {
        self.change(Change::Create(name(called), placing(called))).await;
    }

    pub(crate) async fn admit(&self, workspace: &str, subject: &str, capabilities: Capabilities) {
        let subject = Subject::new(subject).expect("a subject");
        let member = Member { subject, capabilities, home: false };
        self.change(Change::Admit(name(workspace), member)).await;
    }

    pub(crate) async fn expel(&self, workspace: &str, subject: &str) {
        let subject = Subject::new(subject).expect("a subject");
        self.change(Change::Expel(name(workspace), subject)).await;
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
        let peer = peer().into();
        self.gate.decide(&Head { method, target, fields: &fields, peer, tls: false }).await
    }

    /// Whether a session is let through to what is guarded.
    pub(crate) async fn enter(&self, paired: &Paired) -> Result<Admission, Refusal> {
        self.enter_at(paired, "/").await
    }

    pub(crate) async fn enter_at(&self, paired: &Paired, path: &str) -> Result<Admission, Refusal> {
        self.call(paired, "GET", path).await
    }

    /// What a session gets of what needs one.
    pub(crate) async fn call(
        &self,
        paired: &Paired,
        method: &str,
        path: &str,
    ) -> Result<Admission, Refusal> {
        match self.ask(method, path, Some(&paired.says)).await {
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
        self.connect_at(paired, "/").await
    }

    pub(crate) async fn connect_at(&self, paired: &Paired, path: &str) -> LiveConnection {
        let admission = self.enter_at(paired, path).await.expect("it is let through");
        self.gate.register(&admission).expect("it stands")
    }

    /// The events of the audit log with the reason and the session of each, without what went
    /// before.
    pub(crate) async fn audit(&self) -> Vec<(String, String, String)> {
        self.gate.flush().await.expect("the store answers");
        let lines = self.store.audit_lines(0, 10_000).await.expect("the store answers");
        let last = lines.last().map_or(0, |line| line.number);
        self.store.trim_audit(last).await.expect("the store answers");
        let lines = lines.iter().map(|line| {
            let line: Value = serde_json::from_str(&line.json).expect("JSON");
            let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
            (text("event"), text("reason"), text("session"))
        });
        lines.collect()
    }
}

pub(crate) fn name(text: &str) -> WorkspaceName {
    WorkspaceName::new(text).expect("a name")
}

pub(crate) fn placing(path: &str) -> Placing {
    let claims = vec![Claim::parse(&format!("/{path}")).expect("a path")];
    Placing { claims, ..Placing::default() }
}

/// Why a connection must end, if it must by now.
pub(crate) async fn ended(live: &LiveConnection) -> Option<Denial> {
    tokio::select! {
        biased;
        end = live.ended() => Some(end.denial()),
        () = ready(()) => None,
    }
}

/// What a client is to be told about its session's end, if anything by now.
pub(crate) async fn warned(live: &LiveConnection) -> Option<Deadline> {
    tokio::select! {
        biased;
        deadline = live.warning() => Some(deadline),
        () = ready(()) => None,
    }
}

/// Another address of this machine each time, so that no limit for each address is reached.
fn peer() -> [u8; 4] {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let [_, one, two, three] = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    [127, one, two, three]
}

pub(crate) const fn session(number: u8) -> SessionId {
    SessionId::new([number; 16])
}
