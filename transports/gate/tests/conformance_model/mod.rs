//! Random sequences of operations: each store answers as the pure ledger does, and holds what it
//! holds after every one of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use doorward_gate::audit::Event;
use doorward_gate::store::{MemoryStore, Store, StoreError};
use doorward_policy::grant::{Attempt, Counter, GrantRecord, GrantRequest, Nonce};
use doorward_policy::id::{GrantId, SessionId};
use doorward_policy::ledger::{Capacity, Ledger, RedeemError, Selector};
use doorward_policy::session::{Lifetimes, SessionRecord};
use doorward_policy::standing::Standing;
use doorward_policy::ticket::{TicketAttempt, TicketRecord};
use doorward_policy::token::Method;
use doorward_policy::workspace::{Asked, Reach};
use doorward_policy::{Capabilities, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::common::{at, audit, digest, fast_place, id, open_with, subject};

const LABELS: [&str; 3] = ["ada", "bob", "ünïcode"];
const ORIGINS: [Option<&str>; 2] = [None, Some("http://localhost:8765")];

/// Numbers pick among what was made before; one beyond that names nothing.
#[derive(Clone, Debug)]
enum Operation {
    InsertGrant { label: usize, uses: u32, life: u64, code: bool },
    Redeem { grant: u64, nonce: u64, counter: u8, greedy: bool },
    InsertTicket { session: usize, origin: usize },
    ConsumeTicket { ticket: u64, origin: usize, beside: Option<usize>, greedy: bool },
    Extend { session: usize, by: u64 },
    RevokeGrant { grant: u64 },
    RevokeSession { session: usize },
    RevokeSubject { label: usize },
    RevokeAll,
    Expire,
    Advance { millis: u64 },
    MarkClock { back: u64 },
    Report { listener: u8, sessions: Vec<(u64, u32)>, life: u64 },
    Record { count: usize },
    Trim { leave: usize },
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        4 => (0..3_usize, 1..4_u32, select(vec![1, 30, 100, 600]), any::<bool>()).prop_map(
            |(label, uses, life, code)| Operation::InsertGrant { label, uses, life, code }
        ),
        10 => (0..6_u64, 0..3_u64, 1..4_u8, prop::bool::weighted(0.1)).prop_map(
            |(grant, nonce, counter, greedy)| Operation::Redeem { grant, nonce, counter, greedy }
        ),
        4 => (0..6_usize, 0..2_usize)
            .prop_map(|(session, origin)| Operation::InsertTicket { session, origin }),
        6 => (0..5_u64, 0..2_usize, prop::option::weighted(0.2, 0..6_usize), any::<bool>())
            .prop_map(|(ticket, origin, beside, greedy)| {
                Operation::ConsumeTicket { ticket, origin, beside, greedy }
            }),
        2 => (0..6_usize, 0..200_u64)
            .prop_map(|(session, by)| Operation::Extend { session, by }),
        1 => (0..6_u64).prop_map(|grant| Operation::RevokeGrant { grant }),
        1 => (0..6_usize).prop_map(|session| Operation::RevokeSession { session }),
        1 => (0..3_usize).prop_map(|label| Operation::RevokeSubject { label }),
        1 => Just(Operation::RevokeAll),
        2 => Just(Operation::Expire),
        4 => select(vec![1, 999, 1000, 10_000, 30_000, 59_999, 60_000, 100_000])
            .prop_map(|millis| Operation::Advance { millis }),
        1 => (0..200_u64).prop_map(|back| Operation::MarkClock { back }),
        1 => (0..3_u8, vec((0..5_u64, any::<u32>()), 0..4), 0..100_u64).prop_map(
            |(listener, sessions, life)| Operation::Report { listener, sessions, life }
        ),
        1 => (0..3_usize).prop_map(|count| Operation::Record { count }),
        1 => (0..3_usize).prop_map(|leave| Operation::Trim { leave }),
    ]
}

/// The ledger, and what stores keep besides.
struct Model {
    ledger: Ledger,
    now: Timestamp,
    clock: Timestamp,
    lines: Vec<String>,
    reports: BTreeMap<u8, (BTreeMap<SessionId, u32>, Timestamp)>,
    grants: u64,
    tickets: u64,
    attempts: u64,
    sessions: Vec<SessionRecord>,
    /// What a listener that asks after each operation has heard of.
    heard: BTreeSet<SessionId>,
    revision: u64,
    highest: u64,
}

impl Model {
    fn new(capacity: Capacity) -> Self {
        Self {
            ledger: Ledger::new(capacity, [5; 8]),
            now: at(0),
            clock: Timestamp::EPOCH,
            lines: Vec::new(),
            reports: BTreeMap::new(),
            grants: 0,
            tickets: 0,
            attempts: 0,
            sessions: Vec::new(),
            heard: BTreeSet::new(),
            revision: 0,
            highest: 0,
        }
    }

    fn session(&self, number: usize) -> SessionId {
        self.sessions.get(number).map_or(SessionId::new(id(u64::MAX)), |session| session.id)
    }

    async fn step(&mut self, store: &dyn Store, operation: &Operation) {
        match operation {
            Operation::InsertGrant { label, uses, life, code } => {
                self.insert_grant(store, LABELS[*label], *uses, *life, *code).await;
            }
            Operation::Redeem { grant, nonce, counter, greedy } => {
                self.redeem(store, *grant, *nonce, *counter, *greedy).await;
            }
            Operation::InsertTicket { session, origin } => {
                self.insert_ticket(store, *session, ORIGINS[*origin]).await;
            }
            Operation::ConsumeTicket { ticket, origin, beside, greedy } => {
                let needed = if *greedy { Capabilities::ADMINISTER } else { Capabilities::OPERATE };
                let origin = ORIGINS[*origin].map(str::to_owned);
                let beside = beside.map(|session| self.session(session));
                let attempt = TicketAttempt {
                    origin,
                    needed,
                    asked: Asked::Default,
                    reach: Reach::Web,
                    beside,
                };
                let expected = self.ledger.consume_ticket(&digest(*ticket), &attempt, self.now);
                let answer = store.consume_ticket(digest(*ticket), attempt, self.now).await;
                assert_eq!(answer, Ok(expected));
            }
            Operation::Extend { session, by } => {
                let id = self.session(*session);
                let end = self.now.plus(Duration::from_secs(*by)).floor_to_second();
                self.ledger.extend_session(id, end);
                assert_eq!(store.extend_session(id, end).await, Ok(()));
            }
            Operation::RevokeGrant { grant } => {
                let (grant, record) = (GrantId::new(id(*grant)), audit(Event::GrantRevoked));
                let found = self.ledger.revoke_grant(grant, self.now);
                self.lines.extend(found.then(|| record.line()));
                assert_eq!(store.revoke_grant(grant, self.now, record).await, Ok(found));
            }
            Operation::RevokeSession { session } => {
                self.revoke(store, Selector::Session(self.session(*session))).await;
            }
            Operation::RevokeSubject { label } => {
                self.revoke(store, Selector::Subject(subject(LABELS[*label]))).await;
            }
            Operation::RevokeAll => self.revoke(store, Selector::All).await,
            Operation::Expire => {
                while self.ledger.expire(self.now, 1000) > 0 {}
                while store.expire(self.now).await.expect("answered") > 0 {}
            }
            Operation::Advance { millis } => {
                self.now = self.now.plus(Duration::from_millis(*millis));
            }
            _ => self.step_beside(store, operation).await,
        }
    }

    /// What is not the ledger's.
    async fn step_beside(&mut self, store: &dyn Store, operation: &Operation) {
        match operation {
            Operation::MarkClock { back } => {
                let time = self.now.minus(Duration::from_secs(*back));
                self.clock = self.clock.max(time);
                assert_eq!(store.mark_clock(time).await, Ok(()));
            }
            Operation::Report { listener, sessions, life } => {
                let until = self.now.plus(Duration::from_secs(*life));
                let counts = sessions.iter().map(|(one, count)| (SessionId::new(id(*one)), *count));
                let counts = counts.collect::<BTreeMap<_, _>>();
                let report = counts.clone().into_iter().collect();
                let answer = store.report_connections([*listener; 16], report, until).await;
                assert_eq!(answer, Ok(()));
                self.reports.insert(*listener, (counts, until));
            }
            Operation::Record { count } => {
                let records = vec![audit(Event::Denied).because("model"); *count];
                self.lines.extend(records.iter().map(|record| record.line()));
                assert_eq!(store.record(records).await, Ok(()));
            }
            Operation::Trim { leave } => {
                let held = store.audit_lines(0, usize::MAX).await.expect("lines");
                let drop = held.len().saturating_sub(*leave);
                let last = held.get(drop.wrapping_sub(1)).map_or(0, |line| line.number);
                assert_eq!(store.trim_audit(last).await, Ok(()));
                self.lines = held[drop..].iter().map(|line| line.json.clone()).collect();
            }
            _ => {}
        }
    }

    async fn insert_grant(
        &mut self,
        store: &dyn Store,
        label: &str,
        uses: u32,
        life: u64,
        code: bool,
    ) {
        let request = GrantRequest {
            label: subject(label),
            capabilities: Capabilities::START_UP,
            method: if code { Method::Code } else { Method::Link },
            uses,
            life: Duration::from_secs(life),
        };
        let number = self.grants;
        self.grants += 1;
        let grant = GrantRecord::issue(&request, Capabilities::ALL, id(number), self.now);
        let grant = grant.expect("within bounds");
        let expected = self.ledger.insert_grant(digest(number), grant.clone());
        let record = audit(Event::GrantMade);
        self.lines.extend(expected.is_ok().then(|| record.line()));
        let answer = store.insert_grant(digest(number), grant, record).await;
        assert_eq!(answer, expected.map_err(|_| StoreError::Full));
    }

    async fn redeem(
        &mut self,
        store: &dyn Store,
        grant: u64,
        nonce: u64,
        counter: u8,
        greedy: bool,
    ) {
        let lives = (Duration::from_secs(60), Duration::from_secs(180));
        self.attempts += 1;
        let attempt = Attempt {
            asked: Asked::Own,
            nonce: Nonce::from_digest(digest(nonce)),
            counter: Counter::from_byte(counter).expect("a counter"),
            needed: if greedy { Capabilities::SPAWN } else { Capabilities::OPERATE },
            session: SessionId::new(id(1000 + self.attempts)),
            peer: (counter == 1).then(|| [10, 0, 0, counter].into()),
            lifetimes: Lifetimes::new(lives.0, lives.1).expect("within bounds"),
        };
        let record = audit(Event::GrantRedeemed);
        let expected = self.ledger.redeem(&digest(grant), &attempt, self.now);
        let answer = store.redeem(digest(grant), attempt, self.now, record.clone()).await;
        match expected {
            Ok(session) => {
                assert_eq!(answer, Ok(Ok(session)));
                if session.id == attempt.session {
                    self.lines.push(record.about_session(&session).line());
                    self.sessions.push(session);
                }
            }
            Err(RedeemError::Refused(refusal)) => assert_eq!(answer, Ok(Err(refusal))),
            Err(RedeemError::Full) => assert_eq!(answer, Err(StoreError::Full)),
        }
    }

    async fn insert_ticket(&mut self, store: &dyn Store, session: usize, origin: Option<&str>) {
        let Some(session) = self.sessions.get(session) else { return };
        let ticket = TicketRecord::issue(&session.claims(), origin, self.now);
        let number = self.tickets;
        self.tickets += 1;
        let expected = self.ledger.insert_ticket(digest(number), ticket.clone());
        let record = audit(Event::TicketMade);
        self.lines.extend(expected.is_ok().then(|| record.line()));
        let answer = store.insert_ticket(digest(number), ticket, record).await;
        assert_eq!(answer, expected.map_err(|_| StoreError::Full));
    }

    async fn revoke(&mut self, store: &dyn Store, which: Selector) {
        let record = audit(Event::SessionRevoked);
        let expected = sorted(self.ledger.revoke_sessions(&which, self.now));
        let lines = expected.iter().map(|session| record.clone().about_session(session).line());
        self.lines.extend(lines);
        let answer = store.revoke_sessions(which, self.now, record).await.expect("answered");
        assert_eq!(sorted(answer), expected);
    }

    async fn compare(&mut self, store: &dyn Store) {
        let grants = store.grants().await.expect("a list");
        let expected = self.ledger.grants().map(spelled).collect::<BTreeSet<_>>();
        assert_eq!(grants.iter().map(spelled).collect::<BTreeSet<_>>(), expected);
        assert_eq!(grants.len(), expected.len());

        let sessions = sorted(store.sessions().await.expect("a list"));
        assert_eq!(sessions, sorted(self.ledger.sessions().copied().collect()));

        let revoked = sessions.iter().filter(|session| session.revoked_at.is_some());
        let expected = revoked.map(|one| (one.id, one.absolute_end)).collect::<BTreeSet<_>>();
        let all = store.exceptions(0).await.expect("answered");
        assert!(all.sessions.iter().all(|(_, standing, _)| *standing == Standing::Revoked));
        let all = all.sessions.into_iter().map(|(id, _, until)| (id, until));
        assert_eq!(all.collect::<BTreeSet<_>>(), expected);
        let news = store.exceptions(self.revision).await.expect("answered");
        self.revision = news.revision;
        self.heard.extend(news.sessions.into_iter().map(|(id, _, _)| id));
        assert!(expected.iter().all(|(id, _)| self.heard.contains(id)));

        assert_eq!(store.clock().await, Ok(self.clock));
        let mut sum = BTreeMap::<SessionId, u32>::new();
        for (counts, _) in self.reports.values().filter(|(_, until)| self.now < *until) {
            for (session, count) in counts {
                let held = sum.entry(*session).or_default();
                *held = held.saturating_add(*count);
            }
        }
        let connections = store.connections(self.now).await.expect("a list");
        assert_eq!(connections, sum.into_iter().collect::<Vec<_>>());
        self.compare_lines(store).await;
    }

    /// The same lines under ascending numbers; those of one revocation in any order.
    async fn compare_lines(&mut self, store: &dyn Store) {
        let held = store.audit_lines(0, usize::MAX).await.expect("lines");
        assert!(held.is_sorted_by(|one, next| one.number < next.number));
        self.highest = held.last().map_or(self.highest, |line| {
            assert!(line.number >= self.highest);
            line.number
        });
        let mut held = held.into_iter().map(|line| line.json).collect::<Vec<_>>();
        let mut expected = self.lines.clone();
        held.sort();
        expected.sort();
        assert_eq!(held, expected);
    }
}

fn sorted(mut sessions: Vec<SessionRecord>) -> Vec<SessionRecord> {
    sessions.sort_by_key(|session| session.id);
    sessions
}

/// A grant with all that is in it: its digests print as nothing.
fn spelled(grant: &GrantRecord) -> String {
    let consumed = grant.consumed.iter().map(|one| one.nonce.digest().as_bytes());
    format!("{grant:?} {:?}", consumed.collect::<Vec<_>>())
}

fn run(store: &dyn Store, capacity: Capacity, operations: &[Operation]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime").block_on(async {
        let mut model = Model::new(capacity);
        for operation in operations {
            model.step(store, operation).await;
            model.compare(store).await;
        }
    });
}

fn capacity() -> impl Strategy<Value = Capacity> {
    select(vec![Capacity { grants: 3, sessions: 3, tickets: 2, locals: 2 }, Capacity::default()])
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 128,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_memory_store_is_the_ledger(
        capacity in capacity(),
        operations in vec(operation(), 1..60),
    ) {
        run(&MemoryStore::new(capacity, [1; 8]), capacity, &operations);
    }

    #[test]
    fn the_sqlite_store_is_the_ledger(
        capacity in capacity(),
        operations in vec(operation(), 1..60),
    ) {
        let (_dir, path) = fast_place();
        run(&open_with(&path, capacity), capacity, &operations);
    }
}
