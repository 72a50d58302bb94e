//! I5: what threads and processes see of a store at the same time could have happened one after the
//! other, in the policy's ledger, in an order that agrees with the clock on the wall.
//!
//! Threads note when they ask and when they are answered; the checker of `stateright` looks for such
//! an order in each history.

mod common;

use std::sync::{Barrier, Mutex};
use std::thread;

use common::{at, attempt, audit, digest, fast_place, grant, id, open, subject};
use doorward_gate::audit::Event;
use doorward_gate::store::{MemoryStore, Store};
use doorward_policy::capability::Capabilities;
use doorward_policy::grant::{Attempt, GrantRecord, GrantRefusal};
use doorward_policy::id::GrantId;
use doorward_policy::ledger::{Capacity, Ledger, RedeemError, Selector};
use doorward_policy::session::SessionRecord;
use doorward_policy::ticket::{TicketAttempt, TicketRecord, TicketRefusal};
use doorward_policy::token::Claims;
use doorward_policy::workspace::{Asked, Reach};
use stateright::semantics::{ConsistencyTester as _, LinearizabilityTester, SequentialSpec};

const THREADS: usize = 3;
const OPERATIONS: usize = 4;
const TICKET: u64 = 900;
const MEMORY_HISTORIES: u64 = 300;
/// Fewer: each takes a database of its own.
const SQLITE_HISTORIES: u64 = 60;

/// One transaction.
#[derive(Clone, Debug)]
enum Op {
    Redeem(u64, Attempt),
    RevokeGrant(u64),
    RevokeSessions(Selector),
    UseTicket,
}

/// What it comes to.
#[derive(Clone, Debug, PartialEq)]
enum Ret {
    Redeemed(Result<SessionRecord, GrantRefusal>),
    GrantRevoked(bool),
    SessionsRevoked(Vec<SessionRecord>),
    TicketUsed(Result<Claims, TicketRefusal>),
}

/// What carries out transactions.
trait Subject: Sync {
    fn carry_out(&self, op: &Op) -> Ret;
}

/// The ledger, one transaction after the other.
#[derive(Clone, Debug)]
struct Sequential(Ledger);

impl SequentialSpec for Sequential {
    type Op = Op;
    type Ret = Ret;

    fn invoke(&mut self, op: &Op) -> Ret {
        let Self(ledger) = self;
        match op {
            Op::Redeem(grant, attempt) => Ret::Redeemed(redeem(ledger, *grant, attempt)),
            Op::RevokeGrant(grant) => {
                Ret::GrantRevoked(ledger.revoke_grant(GrantId::new(id(*grant)), at(1)))
            }
            Op::RevokeSessions(which) => {
                Ret::SessionsRevoked(sorted(ledger.revoke_sessions(which, at(1))))
            }
            Op::UseTicket => {
                let (digest, attempt) = (digest(TICKET), ticket_attempt());
                Ret::TicketUsed(ledger.consume_ticket(&digest, &attempt, at(1)))
            }
        }
    }
}

fn redeem(
    ledger: &mut Ledger,
    grant: u64,
    attempt: &Attempt,
) -> Result<SessionRecord, GrantRefusal> {
    ledger.redeem(&digest(grant), attempt, at(1)).map_err(|error| match error {
        RedeemError::Refused(refusal) => refusal,
        RedeemError::Full => panic!("there is room"),
    })
}

fn sorted(mut sessions: Vec<SessionRecord>) -> Vec<SessionRecord> {
    sessions.sort_by_key(|session| session.id);
    sessions
}

/// A store behind the call that a driver makes.
struct Driven<'s>(&'s dyn Store);

impl Subject for Driven<'_> {
    fn carry_out(&self, op: &Op) -> Ret {
        let Self(store) = self;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            match op.clone() {
                Op::Redeem(grant, attempt) => {
                    let record = audit(Event::GrantRedeemed);
                    let answer = store.redeem(digest(grant), attempt, at(1), record).await;
                    Ret::Redeemed(answer.expect("it answers"))
                }
                Op::RevokeGrant(grant) => {
                    let record = audit(Event::GrantRevoked);
                    let answer = store.revoke_grant(GrantId::new(id(grant)), at(1), record).await;
                    Ret::GrantRevoked(answer.expect("it answers"))
                }
                Op::RevokeSessions(which) => {
                    let record = audit(Event::SessionRevoked);
                    let answer = store.revoke_sessions(which, at(1), record).await;
                    Ret::SessionsRevoked(sorted(answer.expect("it answers")))
                }
                Op::UseTicket => {
                    let answer = store.consume_ticket(digest(TICKET), ticket_attempt(), at(1));
                    Ret::TicketUsed(answer.await.expect("it answers"))
                }
            }
        })
    }
}

fn ticket_attempt() -> TicketAttempt {
    TicketAttempt {
        origin: None,
        needed: Capabilities::OPERATE,
        asked: Asked::Default,
        reach: Reach::Web,
        beside: None,
    }
}

/// What each history begins with: a grant of one use, one of two, and a session with a ticket.
struct Beginning {
    grants: Vec<(u64, GrantRecord)>,
    attempt: Attempt,
    ticket: TicketRecord,
}

impl Beginning {
    fn new() -> Self {
        let grants = vec![
            (1, grant(1, "ada", 1, at(0))),
            (2, grant(2, "bob", 2, at(0))),
            (3, grant(3, "ada", 1, at(0))),
        ];
        let attempt = attempt(300);
        let ticket = TicketRecord {
            session: attempt.session,
            capabilities: Capabilities::START_UP,
            origin: None,
            expires_at: at(30),
        };
        Self { grants, attempt, ticket }
    }

    fn ledger(&self) -> Ledger {
        let mut ledger = Ledger::new(Capacity::default(), [5; 8]);
        for (number, grant) in &self.grants {
            ledger.insert_grant(digest(*number), grant.clone()).expect("there is room");
        }
        redeem(&mut ledger, 3, &self.attempt).expect("it is good");
        ledger.insert_ticket(digest(TICKET), self.ticket.clone()).expect("there is room");
        ledger
    }

    async fn put_into(&self, store: &dyn Store) {
        for (number, grant) in &self.grants {
            let record = audit(Event::GrantMade);
            store.insert_grant(digest(*number), grant.clone(), record).await.expect("kept");
        }
        let record = audit(Event::GrantRedeemed);
        let redeemed = store.redeem(digest(3), self.attempt, at(1), record).await;
        redeemed.expect("it answers").expect("it is good");
        let record = audit(Event::TicketMade);
        store.insert_ticket(digest(TICKET), self.ticket.clone(), record).await.expect("kept");
    }
}

/// What a thread does, as a seed has it.
fn plan(rng: &mut fastrand::Rng) -> Vec<Op> {
    let op = |rng: &mut fastrand::Rng| match rng.u8(..8) {
        0 => Op::RevokeGrant(rng.u64(1..=2)),
        1 => Op::RevokeSessions(Selector::Subject(subject("ada"))),
        2 | 3 => Op::UseTicket,
        // Few nonces, so that some come twice, and from two threads.
        _ => Op::Redeem(rng.u64(1..=2), attempt(rng.u64(100..=102))),
    };
    (0..OPERATIONS).map(|_| op(rng)).collect()
}

type History = LinearizabilityTester<usize, Sequential>;

/// Has each thread do what it plans, all at once, and notes what came of it.
fn history(ledger: Ledger, subjects: &[&dyn Subject], plans: Vec<Vec<Op>>) -> History {
    let noted = Mutex::new(LinearizabilityTester::new(Sequential(ledger)));
    let start = Barrier::new(plans.len());
    thread::scope(|scope| {
        for (number, plan) in plans.into_iter().enumerate() {
            let subject = subjects[number % subjects.len()];
            let (noted, start) = (&noted, &start);
            scope.spawn(move || {
                start.wait();
                for op in plan {
                    let note = || noted.lock().expect("no thread panics");
                    note().on_invoke(number, op.clone()).expect("one at a time");
                    let ret = subject.carry_out(&op);
                    note().on_return(number, ret).expect("it was asked");
                }
            });
        }
    });
    noted.into_inner().expect("no thread panics")
}

fn plans(seed: u64) -> Vec<Vec<Op>> {
    let mut rng = fastrand::Rng::with_seed(seed);
    (0..THREADS).map(|_| plan(&mut rng)).collect()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(future)
}

//= req: GRANT-1, type=model
#[test]
fn the_memory_store_is_linearizable() {
    for seed in 0..MEMORY_HISTORIES {
        let beginning = Beginning::new();
        let store = MemoryStore::new(Capacity::default(), [5; 8]);
        block_on(beginning.put_into(&store));
        let history = history(beginning.ledger(), &[&Driven(&store)], plans(seed));
        assert!(history.is_consistent(), "seed {seed}: {history:#?}");
    }
    println!("linearized: {MEMORY_HISTORIES}");
}

//= req: STORE-3, type=model
/// Two handles on one file, in one process, each with its own connections and writer. `tests/clients` races processes.
#[test]
fn the_sqlite_store_is_linearizable_over_two_handles() {
    for seed in 0..SQLITE_HISTORIES {
        let (_dir, path) = fast_place();
        let beginning = Beginning::new();
        let (one, other) = (open(&path), open(&path));
        block_on(beginning.put_into(&one));
        let subjects: [&dyn Subject; 2] = [&Driven(&one), &Driven(&other)];
        let history = history(beginning.ledger(), &subjects, plans(seed));
        assert!(history.is_consistent(), "seed {seed}: {history:#?}");
    }
    println!("linearized: {SQLITE_HISTORIES}");
}

/// A store that reads in one step and writes in another.
struct Torn {
    ledger: Mutex<Ledger>,
    both_have_read: Barrier,
}

impl Subject for Torn {
    fn carry_out(&self, op: &Op) -> Ret {
        let mut copy = Sequential(self.ledger.lock().expect("no thread panics").clone());
        self.both_have_read.wait();
        let ret = copy.invoke(op);
        *self.ledger.lock().expect("no thread panics") = copy.0;
        ret
    }
}

/// The control: a use that is sold twice has no order.
#[test]
fn a_store_that_is_not_atomic_is_refuted() {
    let beginning = Beginning::new();
    let ledger = Mutex::new(beginning.ledger());
    let torn = Torn { ledger, both_have_read: Barrier::new(2) };
    let plans = [101, 102].map(|nonce| vec![Op::Redeem(1, attempt(nonce))]);
    let history = history(beginning.ledger(), &[&torn], plans.into());
    assert!(!history.is_consistent(), "{history:#?}");
}

/// The control: a use that was spent before is not spent afterwards, whatever order would explain it.
#[test]
fn an_order_against_the_clock_is_refuted() {
    let beginning = Beginning::new();
    let mut history = LinearizabilityTester::new(Sequential(beginning.ledger()));
    let (early, late) = (attempt(101), attempt(102));
    let spent = Ret::Redeemed(Err(GrantRefusal::Spent));
    let mut spec = Sequential(beginning.ledger());
    let bought = spec.invoke(&Op::Redeem(1, late));
    history.on_invret(0, Op::Redeem(1, early), spent).expect("one at a time");
    history.on_invret(1, Op::Redeem(1, late), bought).expect("one at a time");
    assert!(!history.is_consistent(), "{history:#?}");
}
