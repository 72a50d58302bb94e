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
    connections.prune(now.plus(CLOSED_LIFE));
    assert_eq!(connections.tally().sessions, []);
}
