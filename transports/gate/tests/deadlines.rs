//! The end of an idle session: moved on by activity, told beforehand, kept off by what runs on the
//! server.
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

use door::{DAY, Door, HOUR, MINUTE, Paired, TestClock, ended, living, session, warned};
use doorward_gate::Deadline;
use doorward_policy::deadline::Warning;
use doorward_policy::denial::Denial;
use doorward_policy::ledger::Selector;
use doorward_policy::{Capabilities, Timestamp};

const SECOND: Duration = Duration::from_secs(1);

/// Sessions that live for an hour of idleness, and for a day at most.
async fn hour() -> (Door, Arc<TestClock>) {
    Door::alone(living(HOUR, DAY)).await
}

/// When a session ends, as everybody can read it.
async fn recorded(door: &Door, paired: &Paired) -> Timestamp {
    let sessions = door.store.sessions().await.unwrap();
    sessions.iter().find(|one| one.id == paired.id).unwrap().expires_at
}

fn warning(ends_at: Timestamp, warning: Warning) -> Option<Deadline> {
    Some(Deadline { ends_at, warning: Some(warning) })
}

#[tokio::test]
async fn activity_moves_the_end_of_the_session_and_of_all_its_connections_on() {
    let (door, clock) = hour().await;
    let (ada, bob) = (door.pair("ada").await, door.pair("bob").await);
    let (used, idle) = (door.connect(&ada).await, door.connect(&ada).await);
    let other = door.connect(&bob).await;
    clock.advance(30 * MINUTE);
    used.touch();
    door.refresh().await;
    let end = door.now().plus(HOUR);
    assert_eq!(used.ends_at(), Some(end));
    assert_eq!(idle.ends_at(), Some(end));
    assert_eq!(recorded(&door, &ada).await, end);
    clock.advance(30 * MINUTE);
    door.refresh().await;
    assert_eq!(ended(&other).await, Some(Denial::SessionExpired));
    assert_eq!(ended(&used).await, None);
    assert_eq!(ended(&idle).await, None);
    clock.advance(30 * MINUTE);
    door.refresh().await;
    assert_eq!(ended(&used).await, Some(Denial::SessionExpired));
    assert_eq!(ended(&idle).await, Some(Denial::SessionExpired));
}

#[tokio::test]
async fn activity_is_written_down_for_each_32nd_of_the_idle_life_at_most() {
    let (door, clock) = Door::alone(living(64 * MINUTE, DAY)).await;
    let ada = door.pair("ada").await;
    let live = door.connect(&ada).await;
    let first = recorded(&door, &ada).await;
    clock.advance(2 * MINUTE - SECOND);
    live.touch();
    door.refresh().await;
    assert_eq!(recorded(&door, &ada).await, first);
    clock.advance(2 * SECOND);
    door.refresh().await;
    assert_eq!(recorded(&door, &ada).await, first, "nothing was done since");
    live.touch();
    door.refresh().await;
    assert_eq!(recorded(&door, &ada).await, first.plus(2 * MINUTE + SECOND));
}

#[tokio::test]
async fn no_activity_passes_the_absolute_end() {
    let (door, clock) = hour().await;
    let ada = door.pair("ada").await;
    let live = door.connect(&ada).await;
    let absolute = door.now().plus(DAY);
    for _ in 0..47 {
        clock.advance(30 * MINUTE);
        live.touch();
        door.refresh().await;
        assert_eq!(ended(&live).await, None);
    }
    assert_eq!(live.ends_at(), Some(absolute));
    clock.advance(30 * MINUTE - SECOND);
    live.touch();
    door.refresh().await;
    assert_eq!(ended(&live).await, None);
    clock.advance(SECOND);
    live.touch();
    door.refresh().await;
    assert_eq!(ended(&live).await, Some(Denial::SessionExpired));
}

#[tokio::test]
async fn activity_after_the_end_or_of_a_revoked_session_moves_nothing() {
    let (door, clock) = hour().await;
    let (ada, bob) = (door.pair("ada").await, door.pair("bob").await);
    let (late, revoked) = (door.connect(&ada).await, door.connect(&bob).await);
    let (end, other) = (recorded(&door, &ada).await, recorded(&door, &bob).await);
    clock.advance(30 * MINUTE);
    door.revoke(Selector::Session(bob.id)).await;
    revoked.touch();
    door.refresh().await;
    assert_eq!(recorded(&door, &bob).await, other);
    assert_eq!(ended(&revoked).await, Some(Denial::SessionRevoked));
    clock.advance(30 * MINUTE);
    late.touch();
    door.refresh().await;
    assert_eq!(ended(&late).await, Some(Denial::SessionExpired));
    assert_eq!(recorded(&door, &ada).await, end);
}

#[tokio::test]
async fn of_very_many_active_sessions_none_is_forgotten() {
    let (door, clock) = hour().await;
    let mut connections = Vec::new();
    for number in 0..600 {
        let paired = door.pair(&format!("client {number}")).await;
        connections.push(door.connect(&paired).await);
    }
    clock.advance(30 * MINUTE);
    connections.iter().for_each(|live| (0..3).for_each(|_| live.touch()));
    let end = Some(door.now().plus(HOUR));
    let mut moved = Vec::new();
    for _ in 0..3 {
        door.refresh().await;
        moved.push(connections.iter().filter(|live| live.ends_at() == end).count());
    }
    assert_eq!(moved, [256, 512, 600]);
}

#[tokio::test]
async fn each_connection_is_warned_five_minutes_and_one_minute_before_its_end_once() {
    let (door, clock) = hour().await;
    let ada = door.pair("ada").await;
    let connections = [door.connect(&ada).await, door.connect(&ada).await];
    let end = door.now().plus(HOUR);
    let mut told = Vec::new();
    for _ in 0..61 {
        for live in &connections {
            told.extend(warned(live).await);
        }
        clock.advance(MINUTE);
        door.refresh().await;
    }
    let five = Deadline { ends_at: end, warning: Some(Warning::FiveMinutes) };
    let one = Deadline { ends_at: end, warning: Some(Warning::OneMinute) };
    assert_eq!(told, [five, five, one, one]);
}

#[tokio::test]
async fn a_warning_wakes_whoever_waits_for_it() {
    let (door, clock) = hour().await;
    let live = door.connect(&door.pair("ada").await).await;
    let end = door.now().plus(HOUR);
    let waits = tokio::spawn(async move { live.warning().await });
    tokio::task::yield_now().await;
    clock.advance(55 * MINUTE);
    door.refresh().await;
    assert_eq!(Some(waits.await.unwrap()), warning(end, Warning::FiveMinutes));
}

#[tokio::test]
async fn an_end_that_moves_on_after_a_warning_is_told_and_warned_of_again() {
    let (door, clock) = hour().await;
    let live = door.connect(&door.pair("ada").await).await;
    let end = door.now().plus(HOUR);
    clock.advance(57 * MINUTE);
    door.refresh().await;
    assert_eq!(warned(&live).await, warning(end, Warning::FiveMinutes));
    live.touch();
    door.refresh().await;
    let later = door.now().plus(HOUR);
    assert_eq!(warned(&live).await, Some(Deadline { ends_at: later, warning: None }));
    assert_eq!(warned(&live).await, None);
    clock.advance(59 * MINUTE);
    door.refresh().await;
    assert_eq!(warned(&live).await, warning(later, Warning::OneMinute));
    assert_eq!(warned(&live).await, None);
}

#[tokio::test]
async fn a_connection_that_comes_late_is_warned_at_once() {
    let (door, clock) = hour().await;
    let ada = door.pair("ada").await;
    let end = door.now().plus(HOUR);
    clock.advance(59 * MINUTE + SECOND);
    door.refresh().await;
    let live = door.connect(&ada).await;
    assert_eq!(warned(&live).await, warning(end, Warning::OneMinute));
}

#[tokio::test]
async fn a_renewal_is_no_news_to_who_was_not_warned() {
    let (door, clock) = hour().await;
    let ada = door.pair("ada").await;
    let live = door.connect(&ada).await;
    clock.advance(40 * MINUTE);
    door.refresh().await;
    let admission = door.call(&ada, "POST", "/.doorward/api/renew").await.unwrap();
    door.gate.renew(&admission.admitted).await.expect("it is time");
    assert_eq!(live.ends_at(), Some(door.now().plus(HOUR)));
    assert_eq!(warned(&live).await, None);
    clock.advance(30 * MINUTE);
    door.refresh().await;
    assert_eq!(ended(&live).await, None, "it lives until its session's latest end");
}

#[tokio::test]
async fn a_session_that_ends_sooner_than_all_that_came_before_it_ends_in_time() {
    let (door, clock, ada, agent) = red().await;
    // A process's token lives for a month.
    let (long, short) = (door.connect(&agent).await, door.connect_at(&ada, "/red").await);
    clock.advance(55 * MINUTE);
    door.refresh().await;
    assert!(warned(&short).await.is_some());
    clock.advance(5 * MINUTE);
    door.refresh().await;
    assert_eq!(ended(&short).await, Some(Denial::SessionExpired));
    assert_eq!(ended(&long).await, None);
}

/// A session of somebody in `red`, and a process there.
async fn red() -> (Door, Arc<TestClock>, Paired, Paired) {
    let (door, clock) = hour().await;
    for workspace in ["red", "blue"] {
        door.workspace(workspace).await;
        door.admit(workspace, "ada", Capabilities::START_UP).await;
    }
    door.refresh().await;
    door.processes.start(7, 1);
    let (ada, agent) = (door.pair("ada").await, door.local(1, "red", 7).await);
    (door, clock, ada, agent)
}

#[tokio::test]
async fn what_runs_in_a_workspace_keeps_a_session_there_from_ending() {
    let (door, clock, ada, agent) = red().await;
    let live = door.connect_at(&ada, "/red").await;
    clock.advance(58 * MINUTE);
    door.refresh().await;
    assert!(warned(&live).await.is_some());
    door.audit().await;
    let asks = door.call(&agent, "POST", "/.doorward/api/stay").await.unwrap();
    let end = door.gate.stay(&asks, ada.id).await.unwrap();
    assert_eq!(end, door.now().plus(HOUR));
    assert_eq!(live.ends_at(), Some(end));
    assert_eq!(recorded(&door, &ada).await, end);
    assert_eq!(warned(&live).await, Some(Deadline { ends_at: end, warning: None }));
    let stayed = ("stayed".to_owned(), format!("session {}", ada.id), agent.id.to_string());
    assert!(door.audit().await.contains(&stayed));
    // Asked again at once, it is at its end already.
    assert_eq!(door.gate.stay(&asks, ada.id).await.unwrap(), end);
}

/// Another process has revoked it, and no news of that has come.
#[tokio::test]
async fn no_process_keeps_a_session_that_was_revoked_elsewhere() {
    let (door, clock, ada, agent) = red().await;
    let live = door.connect_at(&ada, "/red").await;
    clock.advance(58 * MINUTE);
    door.refresh().await;
    let asks = door.call(&agent, "POST", "/.doorward/api/stay").await.unwrap();
    let end = live.ends_at();
    door.revoke(Selector::Session(ada.id)).await;
    let refused = door.gate.stay(&asks, ada.id).await.unwrap_err();
    assert_eq!(refused.denied.denial, Denial::WorkspaceUnknown);
    assert_eq!(live.ends_at(), end);
}

#[tokio::test]
async fn no_process_keeps_a_session_that_is_elsewhere_or_nowhere() {
    let (door, clock, ada, agent) = red().await;
    let elsewhere = door.connect_at(&ada, "/blue").await;
    clock.advance(30 * MINUTE);
    door.refresh().await;
    let asks = door.call(&agent, "POST", "/.doorward/api/stay").await.unwrap();
    for id in [ada.id, session(99), agent.id] {
        let refused = door.gate.stay(&asks, id).await.unwrap_err();
        assert_eq!(refused.denied.denial, Denial::WorkspaceUnknown);
    }
    let here = door.connect_at(&ada, "/red").await;
    // Nobody has looked at the time yet, and it is over all the same.
    clock.advance(30 * MINUTE);
    let refused = door.gate.stay(&asks, ada.id).await.unwrap_err();
    assert_eq!(refused.denied.denial, Denial::WorkspaceUnknown, "it ends now");
    drop((elsewhere, here));
}

#[tokio::test]
async fn no_process_keeps_a_session_that_has_ended() {
    let (door, _clock, ada, agent) = red().await;
    let asks = door.call(&agent, "POST", "/.doorward/api/stay").await.unwrap();
    let here = door.connect_at(&ada, "/red").await;
    door.revoke(Selector::Session(ada.id)).await;
    door.refresh().await;
    let refused = door.gate.stay(&asks, ada.id).await.unwrap_err();
    assert_eq!(refused.denied.denial, Denial::WorkspaceUnknown);
    drop(here);
}

#[tokio::test]
async fn a_session_does_not_ask_to_stay() {
    let (door, _clock, ada, _agent) = red().await;
    let _live = door.connect_at(&ada, "/red").await;
    let refused = door.call(&ada, "POST", "/.doorward/api/stay").await.unwrap_err();
    assert_eq!(refused.denied.denial, Denial::LocalOnly);
    let admission = door.enter_at(&ada, "/red").await.unwrap();
    let refused = door.gate.stay(&admission, ada.id).await.unwrap_err();
    assert_eq!(refused.denied.denial, Denial::LocalOnly);
}
