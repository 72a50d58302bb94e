//! What a gate writes down of a connection, and how many it lets in that nobody was admitted on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test that can't go on must stop"
)]

mod door;

use std::net::IpAddr;
use std::sync::Arc;

use door::{DAY, Door, HOUR, MINUTE, TestClock, keys, living, memory, name, placing};
use doorward_gate::Clock as _;
use doorward_gate::admin::change_directory;
use doorward_gate::audit::{AuditRecord, Event};
use doorward_policy::admission::Wire;
use doorward_policy::caps::ConnectionLimits;
use doorward_policy::denial::{Denial, Invalid};
use doorward_policy::route::Routes;
use doorward_policy::workspace::{Change, ChangeRefusal};
use doorward_policy::{Capabilities, Settings};
use serde_json::Value;

const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

async fn written(door: &Door) -> Vec<Value> {
    door.gate.flush().await.unwrap();
    let lines = door.store.audit_lines(0, 1000).await.unwrap();
    lines.iter().map(|line| serde_json::from_str(&line.json).unwrap()).collect()
}

/// A door with a workspace `lab`, where ann may do all, as in `main`.
async fn lab() -> Door {
    let mut routes = Routes::none();
    assert!(routes.add("/", Capabilities::OBSERVE));
    let (door, _clock) = Door::alone(Settings { routes, ..Settings::default() }).await;
    door.workspace("lab").await;
    for workspace in ["lab", "main"] {
        door.admit(workspace, "ann", Capabilities::ALL).await;
    }
    door.refresh().await;
    door
}

#[tokio::test]
async fn a_connection_that_was_ended_is_written_down_with_whose_it_was_and_why() {
    let door = lab().await;
    let ann = door.pair("ann").await;
    let admission = door.enter_at(&ann, "/lab").await.unwrap();
    door.gate.closed(&admission, Denial::SessionRevoked);
    let lines = written(&door).await;
    let closed = lines.iter().find(|line| line["event"] == "closed").unwrap();
    assert_eq!(closed["session"], ann.id.to_string());
    assert_eq!(closed["subject"], "ann");
    assert_eq!(closed["workspace"], "lab");
    assert_eq!(closed["reason"], Denial::SessionRevoked.audit());
    assert_eq!(closed["threat"], Denial::SessionRevoked.threat().name());
}

/// `main` is the listener's own, and goes without saying.
#[tokio::test]
async fn whoever_is_admitted_to_a_workspace_is_written_down_with_its_name() {
    let door = lab().await;
    let ann = door.pair("ann").await;
    for path in ["/lab", "/"] {
        door.enter_at(&ann, path).await.unwrap();
    }
    let lines = written(&door).await;
    let admitted = lines.iter().filter(|line| line["event"] == "admitted");
    let workspaces: Vec<_> = admitted.map(|line| line["workspace"].as_str()).collect();
    assert_eq!(workspaces, [Some("lab"), None]);
}

#[tokio::test]
async fn what_happens_to_the_listener_is_written_down_with_its_reason() {
    let (door, _clock) = Door::alone(Settings::default()).await;
    door.gate.note(Event::Started, "version 7");
    let noted = ("started".to_owned(), "version 7".to_owned(), String::new());
    assert_eq!(door.audit().await, [noted]);
}

//= req: LIMIT-8, type=test
#[tokio::test]
async fn whoever_was_let_in_counts_until_they_leave() {
    let connections = ConnectionLimits { unadmitted: 2, per_address: 1 };
    let (door, _clock) = Door::alone(Settings { connections, ..Settings::default() }).await;
    let enter = |last: u8| {
        let peer = IpAddr::from([192, 0, 2, last]);
        door.gate.enter(peer, Wire::Tls).map_err(|refusal| refusal.denied.denial)
    };
    let limited = |from_address| Some(Denial::ConnectionsLimited { from_address });
    let first = enter(1).unwrap();
    assert_eq!(enter(1).err(), limited(true));
    let second = enter(2).unwrap();
    assert_eq!(enter(3).err(), limited(false));
    drop(first);
    let again = enter(1).unwrap();
    drop((second, again));
    assert!(door.gate.enter(PEER, Wire::Tls).is_ok());
}

/// Where no listener runs, nobody is waited for.
#[tokio::test]
async fn a_changed_workspace_is_in_the_store_and_in_the_gate_that_looks_there() {
    let (store, clock) = (memory(), Arc::new(TestClock::default()));
    let changed = async || {
        let change = Change::Create(name("lab"), placing("lab"));
        let audit = AuditRecord::new(Event::WorkspaceChanged, clock.now().unwrap());
        change_directory(&*store, &*clock, change, audit).await.unwrap()
    };
    assert_eq!(changed().await, Ok(0));
    assert_eq!(changed().await, Err(ChangeRefusal::Exists));
    let door = Door::open(Settings::default(), Arc::clone(&store), Arc::clone(&clock) as _).await;
    door.refresh().await;
    assert!(door.gate.directory().workspace(&name("lab")).is_some());
}

/// Every request of a page brings the cookie, and each would have it renewed.
#[tokio::test]
async fn a_cookie_is_renewed_once_a_minute_at_most() {
    let (door, clock) = Door::alone(living(HOUR, DAY)).await;
    let ada = door.pair("ada").await;
    let admission = door.enter(&ada).await.unwrap();
    let renewed = async || door.gate.renew_cookie(&admission.admitted).await.is_some();
    assert!(!renewed().await, "too early");
    clock.advance(31 * MINUTE);
    assert!(renewed().await);
    for part in [59_999, 1] {
        door.tick().await;
        assert!(!renewed().await);
        clock.advance(std::time::Duration::from_millis(part));
    }
    assert!(renewed().await);
}

#[tokio::test]
async fn keys_that_were_replaced_prove_nothing_any_more() {
    let (door, _clock) = Door::alone(Settings::default()).await;
    let ada = door.pair("ada").await;
    assert!(door.admits(&ada).await);
    let mut masters = keys();
    masters.replace([5; 32], door.now()).unwrap();
    door.gate.replace_keys(&masters);
    let denial = door.denial(&ada).await;
    assert!(matches!(denial, Denial::CredentialInvalid(Invalid::UnknownKey)), "{denial}");
}
