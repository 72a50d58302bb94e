//! Random sequences of operations: each store answers as the pure ledger does, and holds what it
//! holds after every one of them.

mod operation;
mod rights;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use doorward_gate::audit::Event;
use doorward_gate::store::{Counted, MemoryStore, Report, Store, StoreError};
use doorward_policy::grant::{Attempt, Counter, GrantRecord, GrantRequest, Nonce};
use doorward_policy::id::{GrantId, SessionId};
use doorward_policy::ledger::{Capacity, Ledger, RedeemError, Selector};
use doorward_policy::session::{Lifetimes, SessionRecord};
use doorward_policy::standing::Standing;
use doorward_policy::ticket::{TicketAttempt, TicketRecord};
use doorward_policy::token::Method;
use doorward_policy::workspace::{Directory, Reach};
use doorward_policy::{Capabilities, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use self::operation::{Operation, operation};
use self::rights::Rights;
use crate::common::{at, audit, digest, fast_place, id, open_with, subject};

const LABELS: [&str; 3] = ["ada", "bob", "ünïcode"];
const ORIGINS: [Option<&str>; 2] = [None, Some("http://localhost:8765")];

/// The ledger, and what stores keep besides.
struct Model {
    ledger: Ledger,
    now: Timestamp,
    clock: Timestamp,
    lines: Vec<String>,
    reports: BTreeMap<u8, Report>,
    grants: u64,
    tickets: u64,
    attempts: u64,
    sessions: Vec<SessionRecord>,
    rights: Rights,
    /// What a listener that asks after each operation has heard of.
    heard: BTreeMap<SessionId, Standing>,
    seen: Directory,
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
            rights: Rights::default(),
            heard: BTreeMap::new(),
            seen: Directory::default(),
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
            Operation::Redeem { grant, nonce, counter, greedy, asked } => {
                let attempt = self.attempt(*nonce, *counter, *greedy, *asked);
                self.redeem(store, *grant, attempt).await;
            }
            Operation::InsertTicket { session, origin } => {
                self.insert_ticket(store, *session, ORIGINS[*origin]).await;
            }
            Operation::ConsumeTicket { ticket, origin, beside, greedy, asked } => {
                let needed = if *greedy { Capabilities::ADMINISTER } else { Capabilities::OPERATE };
                let origin = ORIGINS[*origin].map(str::to_owned);
                let beside = beside.map(|session| self.session(session));
                let attempt = TicketAttempt {
                    origin,
                    needed,
                    asked: rights::asked(*asked),
                    reach: if *greedy { Reach::Bytes } else { Reach::Web },
                    beside,
                };
                let expected = self.ledger.consume_ticket(&digest(*ticket), &attempt, self.now);
                let answer = store.consume_ticket(digest(*ticket), attempt, self.now).await;
                assert_eq!(answer, Ok(expected));
            }
            Operation::Extend { session, by } => {
                let id = self.session(*session);
                let end = self.now.plus(Duration::from_secs(*by)).floor_to_second();
                let extended = self.ledger.extend_session(id, end);
                assert_eq!(store.extend_session(id, end).await, Ok(extended));
            }
            Operation::RevokeGrant { grant } => {
                let (grant, record) = (GrantId::new(id(*grant)), audit(Event::GrantRevoked));
                let found = self.ledger.revoke_grant(grant, self.now);
                self.lines.extend(found.then(|| record.clone().naming_grant(grant).line()));
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
                self.rights.forget(self.now);
                while store.expire(self.now).await.expect("answered") > 0 {}
            }
            Operation::Advance { millis } => {
                self.now = self.now.plus(Duration::from_millis(*millis));
            }
            Operation::Limit { .. }
            | Operation::MakeLocal { .. }
            | Operation::RemoveLocals { .. }
            | Operation::Change { .. } => self.step_rights(store, operation).await,
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
                let counted = |(session, live): &(u64, u32)| {
                    let session = SessionId::new(id(*session));
                    Counted { session, live: *live, closed: live.rotate_left(7) }
                };
                let sessions = sessions.iter().map(counted).collect();
                let until = self.now.plus(Duration::from_secs(*life));
                let report = Report { acted: *life, sessions, until };
                let answer = store.report_connections([*listener; 16], report.clone()).await;
                assert_eq!(answer, Ok(()));
                self.reports.insert(*listener, report);
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

    fn attempt(&mut self, nonce: u64, counter: u8, greedy: bool, asked: Option<usize>) -> Attempt {
        let lives = (Duration::from_secs(60), Duration::from_secs(180));
        self.attempts += 1;
        Attempt {
            asked: rights::asked(asked),
            nonce: Nonce::from_digest(digest(nonce)),
            counter: Counter::from_byte(counter).expect("a counter"),
            needed: if greedy { Capabilities::SPAWN } else { Capabilities::OPERATE },
            session: SessionId::new(id(1000 + self.attempts)),
            peer: (counter == 1).then(|| [10, 0, 0, counter].into()),
            lifetimes: Lifetimes::new(lives.0, lives.1).expect("within bounds"),
        }
    }

    async fn redeem(&mut self, store: &dyn Store, grant: u64, attempt: Attempt) {
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
        let expected = self.ledger.grants().map(|one| self.spelled(&one)).collect::<BTreeSet<_>>();
        assert_eq!(grants.iter().map(|one| self.spelled(one)).collect::<BTreeSet<_>>(), expected);
        assert_eq!(grants.len(), expected.len());

        let sessions = sorted(store.sessions().await.expect("a list"));
        assert_eq!(sessions, sorted(self.ledger.sessions().collect()));

        self.compare_rights(store).await;
        self.compare_news(store).await;

        assert_eq!(store.clock().await, Ok(self.clock));
        let current = self.reports.iter().filter(|(_, report)| self.now < report.until);
        let expected = current.map(|(listener, report)| ([*listener; 16], report.clone()));
        assert_eq!(store.reports(self.now).await, Ok(expected.collect()));
        self.compare_lines(store).await;
    }

    /// A grant with all that is in it, digests too, which print as nothing; but for redemptions that can't be
    /// repeated any more: when those are dropped is for each store to choose.
    fn spelled(&self, grant: &GrantRecord) -> String {
        let mut grant = grant.clone();
        grant.consumed.retain(|past| past.is_recent(self.now));
        let consumed = grant.consumed.iter().map(|one| one.nonce.digest().as_bytes());
        format!("{grant:?} {:?}", consumed.collect::<Vec<_>>())
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

    //= req: STORE-1, STORE-4, STORE-6, LOCAL-6, type=model
    #[test]
    fn the_memory_store_is_the_ledger(
        capacity in capacity(),
        operations in vec(operation(), 1..60),
    ) {
        run(&MemoryStore::new(capacity, [1; 8]), capacity, &operations);
    }

    //= req: STORE-1, STORE-3, STORE-4, STORE-6, LOCAL-6, type=model
    #[test]
    fn the_sqlite_store_is_the_ledger(
        capacity in capacity(),
        operations in vec(operation(), 1..60),
    ) {
        let (_dir, path) = fast_place();
        run(&open_with(&path, capacity), capacity, &operations);
    }
}
