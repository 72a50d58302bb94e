use doorward_policy::grant::GrantRequest;
use doorward_policy::keys::MasterKeys;
use doorward_policy::ledger::Capacity;
use doorward_policy::request::{Field, Head};
use doorward_policy::subject::Subject;
use doorward_policy::token::Method;
use doorward_policy::{Capabilities, Settings};

use super::*;
use crate::admin::issue_grant;
use crate::store::MemoryStore;
use crate::{Clock as _, Gate, Parts, SystemClock, SystemEntropy, SystemProcesses, Verdict};

/// On what a session was admitted.
async fn tenure() -> Tenure {
    let keys = MasterKeys::generate([7; 16], [8; 32], [9; 32], Timestamp::EPOCH);
    let (store, clock) =
        (MemoryStore::new(Capacity::default(), [1; 8]), SystemClock::new(Timestamp::EPOCH));
    let request = GrantRequest {
        label: Subject::new("ada").expect("a subject"),
        capabilities: Capabilities::START_UP,
        method: Method::Link,
        uses: 1,
        life: Duration::from_secs(600),
    };
    let (digester, all) = (keys.digester(), Capabilities::ALL);
    let issued = issue_grant(&store, &digester, &clock, &SystemEntropy, &request, all).await;
    let parts = Parts {
        settings: Settings::default(),
        keys,
        store: Arc::new(store),
        clock: Arc::new(clock),
        entropy: Arc::new(SystemEntropy),
        processes: Arc::new(SystemProcesses),
    };
    let gate = Gate::open(parts).await.expect("it opens");
    let fields = [Field { name: "host", value: b"localhost" }];
    let (target, peer) = ("/.doorward/api/token", [127, 0, 0, 1].into());
    let head = Head { method: "POST", target, fields: &fields, peer, tls: false };
    let Verdict::Grant(awaiting) = gate.decide(&head).await else { panic!("a grant is asked for") };
    let secret = issued.expect("a grant").0.expose();
    let redeemed = gate.redeem(awaiting, &secret, "AAAAAAAAAAAAAAAAAAAAAA").await;
    Tenure::of(redeemed.expect("a session").0.admitted())
}

#[test]
fn a_further_connection_of_a_session_takes_less_than_250_bytes() {
    // An `Arc` counts twice beside its content; the register and the connection hold one.
    let counted = size_of::<Entry>() + 2 * size_of::<usize>();
    let taken = counted + size_of::<Arc<Entry>>() + size_of::<LiveConnection>();
    assert!(taken < 250, "{taken}");
}

/// A revocation may find a connection between its registration and the second look at its session.
#[tokio::test]
async fn a_connection_that_news_ended_before_it_came_to_be_is_not_counted_as_closed() {
    let (tenure, connections) = (tenure().await, Arc::new(Connections::default()));
    let now = SystemClock::new(Timestamp::EPOCH).now().expect("it tells the time");
    let never = connections.register(tenure, Term::ENDLESS, true, now);
    let came = connections.register(tenure, Term::ENDLESS, true, now).admit();
    connections.hear(7, std::iter::empty(), true, now, |_, _| Err(Denial::SessionRevoked));
    assert_eq!(connections.tally().acted, 0);
    drop(never);
    assert_eq!(connections.tally().acted, 0, "one is still there");
    drop(came);
    let tally = connections.tally();
    assert_eq!(tally.acted, 7);
    assert_eq!(tally.sessions, [(tenure.key().expect("a session"), 0, 1)]);
    let over = now.plus(CLOSED_LIFE);
    connections.prune(over.minus(Duration::from_millis(1)));
    assert_eq!(connections.tally().sessions.len(), 1, "it is told for a minute");
    assert_eq!(connections.state(), (7, tally.changes));
    connections.prune(over);
    assert_eq!(connections.tally().sessions, []);
    assert_eq!(connections.state(), (7, tally.changes + 1), "there is less to tell");
}

/// Whoever compares two numbers of changes must not take what has gone for what never was.
#[tokio::test]
async fn no_change_is_taken_back_by_another() {
    let (tenure, connections) = (tenure().await, Arc::new(Connections::default()));
    let now = SystemClock::new(Timestamp::EPOCH).now().expect("it tells the time");
    let mut seen = vec![connections.state().1];
    for _ in 0..3 {
        let live = connections.register(tenure, Term::ENDLESS, true, now);
        seen.push(connections.state().1);
        drop(live);
        seen.push(connections.state().1);
    }
    assert!(seen.is_sorted_by(|before, after| before < after), "{seen:?}");
}

#[tokio::test]
async fn a_session_s_own_connections_are_not_among_its_clients() {
    let (tenure, connections) = (tenure().await, Arc::new(Connections::default()));
    let now = SystemClock::new(Timestamp::EPOCH).now().expect("it tells the time");
    let key = tenure.key().expect("a session");
    let client = connections.register(tenure, Term::ENDLESS, true, now).admit();
    let own = connections.register(tenure, Term::ENDLESS, false, now);
    assert_eq!(connections.tally().sessions, [(key, 1, 0)]);
    drop(own);
    assert_eq!(connections.tally().sessions, [(key, 1, 0)]);
    let other = connections.register(tenure, Term::ENDLESS, true, now).admit();
    assert_eq!(connections.tally().sessions, [(key, 2, 0)]);
    drop((client, other));
    assert_eq!(connections.tally().sessions, []);
}

#[tokio::test]
async fn news_closes_what_is_there_and_time_is_no_news() {
    let (tenure, connections) = (tenure().await, Arc::new(Connections::default()));
    let now = SystemClock::new(Timestamp::EPOCH).now().expect("it tells the time");
    let key = tenure.key().expect("a session");
    let connect = || connections.register(tenure, Term::ENDLESS, true, now).admit();
    let hear = |revision, denial| {
        connections.hear(revision, std::iter::empty(), true, now, move |_, _| Err(denial));
    };
    let expired = connect();
    hear(7, Denial::SessionExpired);
    assert_eq!(connections.state().0, 7, "nobody is waited for");
    drop(expired);
    assert_eq!(connections.tally().sessions, []);
    // Told twice, it is closed once.
    let one = connect();
    hear(8, Denial::SessionRevoked);
    hear(9, Denial::SessionRevoked);
    assert_eq!(connections.state().0, 7);
    drop(one);
    assert_eq!((connections.state().0, connections.tally().sessions), (9, vec![(key, 0, 1)]));
    // Later news is about others.
    let (two, three) = (connect(), connect());
    hear(10, Denial::SessionRevoked);
    assert_eq!(connections.tally().sessions, [(key, 2, 0)]);
    drop((two, three));
    assert_eq!(connections.tally().sessions, [(key, 0, 2)]);
}

#[tokio::test]
async fn no_activity_is_noted_of_what_it_can_not_move_on() {
    let (tenure, connections) = (tenure().await, Arc::new(Connections::default()));
    let now = SystemClock::new(Timestamp::EPOCH).now().expect("it tells the time");
    let end = now.plus(Duration::from_secs(60));
    let fixed = connections.register(tenure, Term::fixed(end), true, now);
    fixed.touch();
    assert!(connections.take_active().is_empty());
    drop(fixed);
    let absolute_end = end.plus(Duration::from_secs(60));
    let live = connections.register(tenure, Term { ends_at: end, absolute_end }, true, now);
    live.touch();
    live.touch();
    assert_eq!(connections.take_active().len(), 1, "each session once");
    assert!(connections.take_active().is_empty());
}

/// Wrapped around, it would be a moment long ago.
#[tokio::test]
async fn an_end_past_all_that_a_deadline_can_tell_is_the_far_end_of_time() {
    let (tenure, connections) = (tenure().await, Arc::new(Connections::default()));
    let now = SystemClock::new(Timestamp::EPOCH).now().expect("it tells the time");
    let last = (1 << 62) - 1;
    for millis in [last, last + 1, u64::MAX] {
        let term = Term::fixed(Timestamp::from_millis(millis));
        let live = connections.register(tenure, term, true, now);
        assert_eq!(live.ends_at(), Some(Timestamp::from_millis(last)), "{millis}");
    }
}

#[test]
fn what_is_due_first_is_looked_at_first() {
    let [soon, late] = [5, 9].map(Timestamp::from_secs);
    assert_eq!(earlier(None, late), Some(late));
    assert_eq!(earlier(Some(late), soon), Some(soon));
    assert_eq!(earlier(Some(soon), late), Some(soon));
}
