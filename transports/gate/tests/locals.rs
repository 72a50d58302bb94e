//! Local tokens at the gate: for one workspace, and gone with their process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test that can't go on must stop"
)]

mod door;

use std::sync::Arc;
use std::time::Duration;

use door::{Door, Paired, TestClock, ended, name};
use doorward_policy::credential::Identity;
use doorward_policy::denial::{Denial, Invalid, Outage};
use doorward_policy::local::MAX_LIFE;
use doorward_policy::settings::Surface;
use doorward_policy::{Capabilities, Settings};

const UNKNOWN: Denial = Denial::CredentialInvalid(Invalid::LocalUnknown);
const DEAD: Denial = Denial::CredentialInvalid(Invalid::LocalDead);
const CHECK: Duration = Duration::from_secs(10);

/// A server with two workspaces, and a process in one of them.
async fn red() -> (Door, Arc<TestClock>, Paired) {
    let (door, clock) = Door::alone(Settings::default()).await;
    door.workspace("red").await;
    door.workspace("blue").await;
    // A member of the token's name, of every other workspace.
    for workspace in ["main", "blue"] {
        door.admit(workspace, "agent", Capabilities::ALL).await;
    }
    door.refresh().await;
    door.processes.start(7, 100);
    let agent = door.local(1, "red", 7).await;
    door.audit().await;
    (door, clock, agent)
}

async fn refused(door: &Door, paired: &Paired, path: &str) -> Denial {
    door.enter_at(paired, path).await.expect_err("it is refused").denied.denial
}

#[tokio::test]
async fn a_process_reaches_its_own_workspace_and_no_other() {
    let (door, _clock, agent) = red().await;
    for path in ["/red", "/red/deep", "/", "/elsewhere"] {
        let admitted = door.enter_at(&agent, path).await.expect(path).admitted;
        assert_eq!(admitted.joined().unwrap().name, name("red"), "{path}");
        assert_eq!(admitted.capabilities(), Capabilities::START_UP);
        let Identity::Local(claims) = admitted.identity() else { panic!("it is a process") };
        assert_eq!((claims.id, claims.pid), (agent.id, 7));
    }
    // Unknown and foreign are one.
    assert_eq!(refused(&door, &agent, "/blue").await, Denial::WorkspaceUnknown);
    assert_eq!(refused(&door, &agent, "/blue/../red").await, Denial::WorkspaceUnknown);
    let entered = ("admitted".to_owned(), String::new(), agent.id.to_string());
    assert!(door.audit().await.contains(&entered));
}

#[tokio::test]
async fn a_token_for_another_workspace_than_main_is_for_nothing_without_workspaces() {
    let (door, _clock) = Door::alone(Settings::default()).await;
    door.processes.start(7, 100);
    let (red, main) = (door.local(1, "red", 7).await, door.local(2, "main", 7).await);
    assert_eq!(refused(&door, &red, "/").await, Denial::WorkspaceUnknown);
    assert!(door.admits(&main).await);
}

//= req: LOCAL-2, type=test
#[tokio::test]
async fn the_token_of_a_killed_process_is_refused_and_removed_at_once() {
    let (door, _clock, agent) = red().await;
    let live = door.connect(&agent).await;
    door.processes.kill(7);
    assert_eq!(refused(&door, &agent, "/red").await, DEAD);
    assert_eq!(door.store.locals().await.unwrap(), []);
    assert_eq!(ended(&live).await, Some(Denial::SessionRevoked));
    assert_eq!(refused(&door, &agent, "/red").await, UNKNOWN, "there is none any more");
    let gone = "its process has ended".to_owned();
    assert!(door.audit().await.contains(&("local_removed".to_owned(), gone, agent.id.to_string())));
    // Nobody comes back under its id.
    door.processes.start(7, 100);
    assert_eq!(refused(&door, &agent, "/red").await, UNKNOWN);
}

//= req: FAIL-7, type=test
#[tokio::test]
async fn another_process_of_the_same_id_is_not_it() {
    let (door, _clock, agent) = red().await;
    door.processes.start(7, 101);
    assert_eq!(refused(&door, &agent, "/red").await, DEAD);
    assert_eq!(door.store.locals().await.unwrap(), []);
}

#[tokio::test]
async fn nobody_needs_to_ask_for_the_token_of_a_killed_process_to_go() {
    let (door, clock, agent) = red().await;
    door.processes.start(8, 100);
    let other = door.local(2, "red", 8).await;
    let (live, lives) = (door.connect(&agent).await, door.connect(&other).await);
    door.tick().await;
    door.processes.kill(7);
    clock.advance(CHECK - Duration::from_millis(1));
    door.tick().await;
    assert_eq!(door.store.locals().await.unwrap().len(), 2);
    clock.advance(Duration::from_millis(1));
    door.tick().await;
    let left = door.store.locals().await.unwrap();
    assert_eq!(left.iter().map(|one| one.id).collect::<Vec<_>>(), [other.id]);
    assert_eq!(ended(&live).await, Some(Denial::SessionRevoked));
    assert_eq!(ended(&lives).await, None);
}

//= req: LOCAL-2, type=test
#[tokio::test]
async fn what_can_not_be_told_is_no_admission_and_removes_nothing() {
    let (door, clock, agent) = red().await;
    door.processes.break_down();
    let unclear = Denial::Unavailable(Outage::Processes);
    assert_eq!(refused(&door, &agent, "/red").await, unclear);
    clock.advance(CHECK);
    door.tick().await;
    assert_eq!(door.store.locals().await.unwrap().len(), 1);
}

//= req: LOCAL-6, type=test
#[tokio::test]
async fn registering_an_id_again_ends_the_old_token_and_its_connections_alone() {
    let (door, _clock, old) = red().await;
    let before = door.connect(&old).await;
    door.processes.start(9, 300);
    let new = door.local(1, "red", 9).await;
    assert_eq!(new.id, old.id);
    assert_eq!(refused(&door, &old, "/red").await, UNKNOWN);
    let after = door.connect(&new).await;
    door.refresh().await;
    assert_eq!(ended(&before).await, Some(Denial::SessionRevoked));
    assert_eq!(ended(&after).await, None);
    assert!(door.admits(&new).await);
    // The old process may end without taking the new one along.
    door.processes.kill(7);
    door.tick().await;
    assert!(door.admits(&new).await);
}

#[tokio::test]
async fn a_process_that_signs_out_has_no_token_any_more() {
    let (door, _clock, agent) = red().await;
    let live = door.connect(&agent).await;
    let admission = door.call(&agent, "POST", "/.doorward/api/logout").await.unwrap();
    door.gate.sign_out(&admission).await.unwrap();
    assert_eq!(ended(&live).await, Some(Denial::SessionRevoked));
    assert_eq!(door.store.locals().await.unwrap(), []);
    assert_eq!(refused(&door, &agent, "/red").await, UNKNOWN);
    let out = ("signed_out".to_owned(), String::new(), agent.id.to_string());
    assert!(door.audit().await.contains(&out));
}

#[tokio::test]
async fn a_token_ends_with_its_time_whatever_its_process_does() {
    let (door, clock, agent) = red().await;
    let live = door.connect(&agent).await;
    // No activity moves the end of a process's token.
    clock.advance(MAX_LIFE - Duration::from_secs(1));
    live.touch();
    door.refresh().await;
    assert_eq!(ended(&live).await, None);
    clock.advance(Duration::from_secs(1));
    live.touch();
    door.refresh().await;
    assert_eq!(ended(&live).await, Some(Denial::SessionExpired));
    let expired = Denial::CredentialInvalid(Invalid::LocalExpired);
    assert_eq!(refused(&door, &agent, "/red").await, expired);
}

//= req: LOCAL-6, type=test
#[tokio::test]
async fn a_workspace_that_goes_takes_its_tokens_and_their_connections_along() {
    let (door, _clock, agent) = red().await;
    let live = door.connect(&agent).await;
    door.change(doorward_policy::workspace::Change::Delete(name("red"))).await;
    door.refresh().await;
    assert_eq!(ended(&live).await, Some(Denial::SessionRevoked));
    assert_eq!(refused(&door, &agent, "/").await, UNKNOWN);
}

#[tokio::test]
async fn a_wrong_token_is_refused_and_counted_as_a_guess() {
    let (door, _clock, agent) = red().await;
    let flip = |says: &str| {
        let last = if says.ends_with('0') { "1" } else { "0" };
        format!("{}{last}", &says[..says.len() - 1])
    };
    let other = Paired { says: flip(&agent.says), ..agent.clone() };
    assert_eq!(refused(&door, &other, "/red").await, UNKNOWN);
    let malformed = Denial::CredentialInvalid(Invalid::LocalMalformed);
    for says in [agent.says.to_uppercase(), format!("{}0", agent.says), "Doorward-Session ".into()]
    {
        let other = Paired { says, ..agent.clone() };
        assert_eq!(refused(&door, &other, "/red").await, malformed);
    }
    assert!(door.admits(&agent).await);
}

#[tokio::test]
async fn administration_knows_no_processes() {
    let (door, clock, agent) = red().await;
    let settings = Settings { surface: Surface::Admin, ..Settings::default() };
    let admin = Door::open(settings, Arc::clone(&door.store), clock).await;
    admin.processes.start(7, 100);
    let denied = admin.call(&agent, "GET", "/.doorward/api/sessions").await.unwrap_err();
    assert_eq!(denied.denied.denial, UNKNOWN);
    // And leaves them alone: its machine's processes are looked at by the other gate.
    admin.processes.kill(7);
    admin.tick().await;
    assert!(door.admits(&agent).await);
}
