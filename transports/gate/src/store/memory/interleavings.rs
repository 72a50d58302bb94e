//! Every interleaving of a few threads on the memory store: `loom` runs each model once for every
//! order in which its threads can take the lock. Built and run by `tests/formal/explore/run`.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use doorward_policy::grant::{Attempt, Counter, GrantRecord, GrantRefusal, GrantRequest, Nonce};
use doorward_policy::id::{GrantId, SessionId};
use doorward_policy::keys::Digest;
use doorward_policy::ledger::{Capacity, Ledger, Selector};
use doorward_policy::session::Lifetimes;
use doorward_policy::standing::Standing;
use doorward_policy::subject::Subject;
use doorward_policy::token::Method;
use doorward_policy::workspace::Asked;
use doorward_policy::{Capabilities, Timestamp};
use loom::sync::{Arc, Mutex};
use loom::thread;

use super::MemoryStore;
use crate::audit::{AuditRecord, Event};
use crate::store::Store as _;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const DIGEST: Digest = Digest::from_bytes([1; 32]);
const GRANT: [u8; 16] = [2; 16];

fn grant() -> GrantRecord {
    let request = GrantRequest {
        label: Subject::new("ada").expect("a subject"),
        capabilities: Capabilities::START_UP,
        method: Method::Link,
        uses: 1,
        life: Duration::from_secs(600),
    };
    GrantRecord::issue(&request, Capabilities::ALL, GRANT, NOW).expect("within bounds")
}

fn attempt(number: u8) -> Attempt {
    Attempt {
        nonce: Nonce::from_digest(Digest::from_bytes([number; 32])),
        counter: Counter::Token,
        needed: Capabilities::NONE,
        asked: Asked::Own,
        session: SessionId::new([number; 16]),
        peer: None,
        lifetimes: Lifetimes::DEFAULT,
    }
}

fn audit(event: Event) -> AuditRecord {
    AuditRecord::new(event, NOW)
}

/// A memory store never waits: its answers are there when asked for.
fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

fn store() -> Arc<MemoryStore> {
    let store = MemoryStore::new(Capacity::default(), [0; 8]);
    ready(store.insert_grant(DIGEST, grant(), audit(Event::GrantMade))).expect("kept");
    Arc::new(store)
}

fn redeem(store: &MemoryStore, number: u8) -> Result<SessionId, GrantRefusal> {
    let answer = store.redeem(DIGEST, attempt(number), NOW, audit(Event::GrantRedeemed));
    ready(answer).expect("it answers").map(|session| session.id)
}

fn lines(store: &MemoryStore) -> usize {
    ready(store.audit_lines(0, 100)).expect("they are there").len()
}

/// Runs a model in every interleaving there is, and says how many that were.
fn in_every_interleaving(model: impl Fn() + Send + Sync + 'static) {
    let seen = std::sync::Arc::new(AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&seen);
    loom::model(move || {
        count.fetch_add(1, Relaxed);
        model();
    });
    println!("interleavings: {}", seen.load(Relaxed));
}

#[test]
fn three_threads_buy_one_session_for_one_use() {
    in_every_interleaving(|| {
        let store = store();
        let buyers = [7, 8].map(|number| {
            let store = Arc::clone(&store);
            thread::spawn(move || redeem(&store, number))
        });
        let mut bought = vec![redeem(&store, 9)];
        bought.extend(buyers.map(|buyer| buyer.join().expect("no panic")));
        assert_eq!(bought.iter().filter(|one| one.is_ok()).count(), 1);
        assert_eq!(bought.iter().filter(|one| **one == Err(GrantRefusal::Spent)).count(), 2);
        assert_eq!(lines(&store), 2);
    });
}

#[test]
fn a_redemption_and_its_repetition_come_to_one_session() {
    in_every_interleaving(|| {
        let store = store();
        let again = {
            let store = Arc::clone(&store);
            thread::spawn(move || redeem(&store, 7))
        };
        let other = Attempt { session: SessionId::new([9; 16]), ..attempt(7) };
        let answer = store.redeem(DIGEST, other, NOW, audit(Event::GrantRedeemed));
        let one = ready(answer).expect("it answers").expect("it is good").id;
        assert_eq!(again.join().expect("no panic"), Ok(one));
        assert_eq!(lines(&store), 2);
    });
}

#[test]
fn a_grant_that_is_revoked_meanwhile_has_bought_before_or_buys_nothing() {
    in_every_interleaving(|| {
        let store = store();
        let buyer = {
            let store = Arc::clone(&store);
            thread::spawn(move || redeem(&store, 7))
        };
        let revoked = store.revoke_grant(GrantId::new(GRANT), NOW, audit(Event::GrantRevoked));
        assert!(ready(revoked).expect("it answers"));
        let bought = buyer.join().expect("no panic");
        assert!(matches!(bought, Ok(_) | Err(GrantRefusal::Revoked)));
        assert_eq!(redeem(&store, 8), Err(GrantRefusal::Revoked));
        assert_eq!(lines(&store), 2 + usize::from(bought.is_ok()));
    });
}

/// Whoever has heard a revision has heard all that led to it.
#[test]
fn a_revocation_is_in_the_news_of_its_revision() {
    in_every_interleaving(|| {
        let store = store();
        let session = redeem(&store, 7).expect("it is good");
        let revoker = {
            let store = Arc::clone(&store);
            thread::spawn(move || {
                let record = audit(Event::SessionRevoked);
                ready(store.revoke_sessions(Selector::All, NOW, record)).expect("it answers").len()
            })
        };
        let news = ready(store.news(0)).expect("it answers");
        let told = news.sessions.iter().map(|(id, standing, _)| (*id, *standing));
        let told: Vec<_> = told.collect();
        if news.revision == 0 {
            assert_eq!(told, []);
        } else {
            assert_eq!(told, [(session, Standing::Revoked)]);
        }
        assert_eq!(revoker.join().expect("no panic"), 1);
        let missed = ready(store.news(news.revision)).expect("it answers").sessions.len();
        assert_eq!(missed + told.len(), 1);
    });
}

/// The control: a lock that is let go between reading and writing is seen to sell a use twice.
#[test]
fn a_lock_that_is_let_go_between_is_found() {
    static SOLD_TWICE: AtomicBool = AtomicBool::new(false);
    loom::model(|| {
        let mut ledger = Ledger::new(Capacity::default(), [0; 8]);
        ledger.insert_grant(DIGEST, grant()).expect("there is room");
        let ledger = Arc::new(Mutex::new(ledger));
        let buy = |ledger: &Mutex<Ledger>, number| {
            let mut copy = ledger.lock().expect("not poisoned").clone();
            let bought = copy.redeem(&DIGEST, &attempt(number), NOW).is_ok();
            *ledger.lock().expect("not poisoned") = copy;
            bought
        };
        let buyer = {
            let ledger = Arc::clone(&ledger);
            thread::spawn(move || buy(&ledger, 7))
        };
        let one = buy(&ledger, 8);
        if one & buyer.join().expect("no panic") {
            SOLD_TWICE.store(true, Relaxed);
        }
    });
    assert!(SOLD_TWICE.load(Relaxed));
}
