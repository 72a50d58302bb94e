//! What fails says no: the store, the clock, the generator, and what is known of revocations.

use std::sync::Arc;
use std::time::Duration;

use doorward_gate::store::MemoryStore;
use doorward_gate::{Gate, Verdict};
use doorward_http::Limits;
use doorward_policy::Settings;
use doorward_policy::capability::Capabilities;
use doorward_policy::denial::Denial;
use doorward_policy::ledger::Capacity;
use doorward_policy::request::{Field, Head};
use doorward_policy::token::Method;

use crate::door::{Answer, Door};

const NONCE: &str = "AAAAAAAAAAAAAAAAAAAAAAAA";

async fn unavailable(door: &Door, answer: Answer, reason: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (503, "unavailable"), "{answer:?}");
    assert_eq!(answer.header("retry-after"), Some("1"));
    let record = door.last_denial().await;
    assert_eq!(record["threat"], "DW-FAIL-OPEN", "{record}");
    assert_eq!(record["reason"], format!("unavailable: {reason}"), "{record}");
}

//= req: FAIL-3, type=test
#[tokio::test]
async fn nobody_is_admitted_on_revocations_older_than_5_s() {
    let door = Door::open().await;
    let bearer = format!("Authorization: Bearer {}\r\n", door.token().await);
    let grant = door.grant(Method::Link, Capabilities::START_UP).await;
    door.clock.turn(Duration::from_millis(5001));
    unavailable(&door, door.upgrade(&bearer).await, "revocations too old").await;
    let answer = door.redeem("token", &grant, NONCE, "").await;
    unavailable(&door, answer, "revocations too old").await;
    door.gate.refresh().await.unwrap();
    assert_eq!(door.upgrade(&bearer).await.status, 101);
    // The refusal spent nothing.
    assert_eq!(door.redeem("token", &grant, NONCE, "").await.status, 200);
}

//= req: STORE-4, FAIL-1, type=test
#[tokio::test]
async fn a_full_store_refuses_and_spends_nothing() {
    let capacity = Capacity { sessions: 0, ..Capacity::default() };
    let store = Arc::new(MemoryStore::new(capacity, [1; 8]));
    let door = Door::on(store, Settings::default(), None, Limits::default()).await;
    let grant = door.grant(Method::Link, Capabilities::START_UP).await;
    unavailable(&door, door.redeem("token", &grant, NONCE, "").await, "a table is full").await;
    assert_eq!(door.store.grants().await.unwrap()[0].uses_left, 1);
}

//= req: ENTROPY-2, type=test
#[tokio::test]
async fn a_broken_generator_refuses() {
    let door = Door::open().await;
    let bearer = format!("Authorization: Bearer {}\r\n", door.token().await);
    let grant = door.grant(Method::Link, Capabilities::START_UP).await;
    door.entropy.set_broken(true);
    unavailable(&door, door.redeem("token", &grant, NONCE, "").await, "generator").await;
    unavailable(&door, door.post("/.doorward/api/ticket", &bearer, "").await, "generator").await;
    door.entropy.set_broken(false);
    assert_eq!(door.redeem("token", &grant, NONCE, "").await.status, 200);
}

//= req: FAIL-2, type=test
#[tokio::test]
async fn a_broken_clock_refuses() {
    let door = Door::open().await;
    let bearer = format!("Authorization: Bearer {}\r\n", door.token().await);
    door.clock.set_broken(true);
    unavailable(&door, door.upgrade(&bearer).await, "clock").await;
    door.clock.set_broken(false);
    assert_eq!(door.upgrade(&bearer).await.status, 101);
}

//= req: SESSION-10, type=test
/// A session that is revoked between its admission and the registration of its connection is seen.
#[tokio::test]
async fn a_revocation_between_admission_and_registration_is_seen() {
    let door = Door::open().await;
    let token = door.token().await;
    let admission = decide(&door.gate, &token).await;
    let bearer = format!("Authorization: Bearer {token}\r\n");
    assert_eq!(door.post("/.doorward/api/logout", &bearer, "").await.status, 204);
    let refusal = door.gate.register(&admission).unwrap_err();
    assert_eq!(refusal.denied.denial, Denial::SessionRevoked);
}

async fn decide(gate: &Gate, token: &str) -> doorward_gate::Admission {
    let authorization = format!("Bearer {token}");
    let fields = [
        Field { name: "host", value: b"localhost" },
        Field { name: "authorization", value: authorization.as_bytes() },
    ];
    let peer = std::net::Ipv4Addr::LOCALHOST.into();
    let head = Head { method: "GET", target: "/", fields: &fields, peer, tls: false };
    match gate.decide(&head).await {
        Verdict::Admit(admission) => admission,
        verdict => panic!("{verdict:?}"),
    }
}
