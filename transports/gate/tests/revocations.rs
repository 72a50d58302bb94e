//! Revoking from beside the listeners: it is done when they all say so, and says what it closed.
//!
//! Tokio's clock stands still but for whoever waits for it, so that no test waits in truth.
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

use door::{DAY, Door, MINUTE, Paired, TestClock, ended, living, session};
use doorward_gate::admin::{
    AdminError, Removed, Revoked, Which, limit_sessions, remove_locals, revoke_sessions,
};
use doorward_gate::audit::{AuditRecord, Event};
use doorward_gate::store::{ListenerId, Report, live_connections};
use doorward_policy::denial::Denial;
use doorward_policy::id::SessionId;
use doorward_policy::ledger::Selector;
use doorward_policy::local::LocalSelector;
use doorward_policy::settings::Surface;
use doorward_policy::subject::Subject;
use doorward_policy::{Capabilities, Settings};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

/// Two listeners on one store.
async fn two() -> (Door, Door, Arc<TestClock>) {
    let (one, clock) = Door::alone(living(7 * DAY, 30 * DAY)).await;
    let (store, watch) = (Arc::clone(&one.store), Arc::clone(&clock));
    let other = Door::open(living(7 * DAY, 30 * DAY), store, watch).await;
    (one, other, clock)
}

/// As a person does it on the command line, beside the listeners.
fn revoking(door: &Door, which: Selector) -> JoinHandle<Revoked> {
    let (store, clock) = (Arc::clone(&door.store), Arc::clone(&door.clock));
    tokio::spawn(async move {
        let audit = AuditRecord::new(Event::SessionRevoked, clock.now().unwrap());
        let revoked = revoke_sessions(&*store, &*clock, Which::by_owner(which), audit).await;
        revoked.expect("it is possible")
    })
}

/// A while, in which whoever waits looks several times.
async fn a_while() {
    sleep(SECOND).await;
    yield_now().await;
}

fn ids(revoked: &Revoked) -> Vec<SessionId> {
    let mut ids: Vec<_> = revoked.sessions.iter().map(|session| session.id).collect();
    ids.sort_unstable();
    ids
}

async fn asked(door: &Door, which: Which) -> Result<Revoked, AdminError> {
    let audit = AuditRecord::new(Event::SessionRevoked, door.now());
    revoke_sessions(&*door.store, &*door.clock, which, audit).await
}

#[tokio::test(start_paused = true)]
async fn it_is_done_when_the_last_connection_has_left_the_last_listener() {
    let (one, other, _clock) = two().await;
    let (ada, bob) = (one.pair("ada").await, one.pair("bob").await);
    let mut here = vec![one.connect(&ada).await, one.connect(&ada).await];
    let there = [other.connect(&ada).await, other.connect(&bob).await];
    let revoking = revoking(&one, Selector::Session(ada.id));
    a_while().await;
    assert!(!revoking.is_finished(), "no listener has looked yet");
    one.refresh().await;
    here.clear();
    one.refresh().await;
    a_while().await;
    assert!(!revoking.is_finished(), "the other listener has not looked yet");
    other.refresh().await;
    a_while().await;
    assert!(!revoking.is_finished(), "its connection has not left yet");
    assert_eq!(ended(&there[0]).await, Some(Denial::SessionRevoked));
    let [left, stays] = there;
    drop(left);
    other.refresh().await;
    let revoked = revoking.await.unwrap();
    assert_eq!(ids(&revoked), [ada.id]);
    assert_eq!((revoked.closed, revoked.unheard), (3, 0));
    assert_eq!(ended(&stays).await, None);
}

#[tokio::test(start_paused = true)]
async fn what_had_left_by_itself_and_what_never_came_to_be_is_not_counted() {
    let (one, _other, _clock) = two().await;
    let ada = one.pair("ada").await;
    drop(one.connect(&ada).await);
    let admission = one.enter(&ada).await.unwrap();
    let stays = one.connect(&ada).await;
    let revoking = revoking(&one, Selector::All);
    a_while().await;
    one.refresh().await;
    one.gate.register(&admission).unwrap_err();
    drop(stays);
    one.refresh().await;
    // The other one has not looked, and is gone.
    let revoked = revoking.await.unwrap();
    assert_eq!((revoked.closed, revoked.unheard), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_listener_that_has_stopped() {
    let (one, other, _clock) = two().await;
    let ada = one.pair("ada").await;
    let live = other.connect(&ada).await;
    other.tick().await;
    other.gate.drain();
    drop(live);
    other.gate.upkeep().await.unwrap();
    one.refresh().await;
    let revoking = revoking(&one, Selector::All);
    a_while().await;
    one.refresh().await;
    let revoked = revoking.await.unwrap();
    assert_eq!((revoked.closed, revoked.unheard), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_long_for_a_listener_that_was_killed() {
    let (one, other, clock) = two().await;
    let ada = one.pair("ada").await;
    let _live = other.connect(&ada).await;
    other.tick().await;
    // It says nothing any more, and what it said last counts for five seconds.
    clock.advance(5 * SECOND);
    one.tick().await;
    let revoking = revoking(&one, Selector::All);
    a_while().await;
    one.refresh().await;
    let revoked = revoking.await.unwrap();
    assert_eq!((revoked.closed, revoked.unheard), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn an_idle_listener_says_seldom_that_it_is_there_and_a_busy_one_more_often() {
    let (door, clock) = Door::alone(Settings::default()).await;
    let said = async || door.store.reports(door.now()).await.unwrap();
    let at_first = said().await;
    assert_eq!(at_first.len(), 1, "before anybody is admitted");
    clock.advance(SECOND);
    door.tick().await;
    assert_eq!(said().await, at_first, "an idle one writes nothing");
    clock.advance(MINUTE / 2);
    door.tick().await;
    assert!(until(&said().await) > until(&at_first));
    let live = door.connect(&door.pair("ada").await).await;
    clock.advance(SECOND);
    door.tick().await;
    let busy = said().await;
    assert_eq!(until(&busy), door.now().plus(5 * SECOND));
    clock.advance(2 * SECOND);
    door.tick().await;
    assert_eq!(said().await, busy);
    clock.advance(SECOND);
    door.tick().await;
    assert_eq!(until(&said().await), door.now().plus(5 * SECOND));
    drop(live);
}

fn until(reports: &[(ListenerId, Report)]) -> doorward_policy::Timestamp {
    reports[0].1.until
}

#[tokio::test(start_paused = true)]
async fn the_connections_of_each_session_are_counted_over_all_listeners() {
    let (one, other, _clock) = two().await;
    let (ada, bob) = (one.pair("ada").await, one.pair("bob").await);
    let mut live = vec![one.connect(&ada).await, other.connect(&ada).await];
    live.push(other.connect(&bob).await);
    one.tick().await;
    other.tick().await;
    let counted = async || live_connections(&one.store.reports(one.now()).await.unwrap());
    assert_eq!(counted().await, [(ada.id, 2), (bob.id, 1)].into());
    live.clear();
    one.tick().await;
    other.tick().await;
    assert_eq!(counted().await, [].into());
}

#[tokio::test(start_paused = true)]
async fn what_is_held_to_the_guarded_server_for_a_session_ends_with_it_and_is_not_counted() {
    let (door, _clock) = Door::alone(Settings::default()).await;
    let ada = door.pair("ada").await;
    let live = door.connect(&ada).await;
    let own = door.gate.register_own(&door.enter(&ada).await.unwrap()).unwrap();
    door.tick().await;
    let reports = door.store.reports(door.now()).await.unwrap();
    assert_eq!(live_connections(&reports), [(ada.id, 1)].into());
    let revoking = revoking(&door, Selector::Session(ada.id));
    a_while().await;
    door.refresh().await;
    assert_eq!(ended(&own).await, Some(Denial::SessionRevoked));
    drop(live);
    door.refresh().await;
    a_while().await;
    assert!(!revoking.is_finished(), "it is waited for all the same");
    drop(own);
    door.refresh().await;
    assert_eq!(revoking.await.unwrap().closed, 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_limit_closes_is_counted_apart_from_what_a_revocation_closes() {
    let (door, _clock) = Door::alone(Settings::default()).await;
    let ada = door.pair("ada").await;
    let live = [door.connect(&ada).await, door.connect(&ada).await];
    let (store, clock) = (Arc::clone(&door.store), Arc::clone(&door.clock));
    let which = Which::by_owner(Selector::Session(ada.id));
    let limiting = tokio::spawn(async move {
        let audit = AuditRecord::new(Event::SessionLimited, clock.now().unwrap());
        limit_sessions(&*store, &*clock, which, Capabilities::OPERATE, audit).await.unwrap()
    });
    a_while().await;
    door.refresh().await;
    drop(live);
    door.refresh().await;
    assert_eq!(limiting.await.unwrap().closed, 2);
    let live = door.connect(&ada).await;
    let revoking = revoking(&door, Selector::Session(ada.id));
    a_while().await;
    door.refresh().await;
    drop(live);
    door.refresh().await;
    assert_eq!(revoking.await.unwrap().closed, 1);
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_change_has_closed_is_not_told_again() {
    let (door, _clock) = Door::alone(Settings::default()).await;
    let ada = door.pair("ada").await;
    let live = door.connect(&ada).await;
    door.limit(Selector::Session(ada.id), Capabilities::OPERATE).await;
    door.refresh().await;
    drop(live);
    door.refresh().await;
    let revoking = revoking(&door, Selector::Session(ada.id));
    a_while().await;
    door.refresh().await;
    assert_eq!(revoking.await.unwrap().closed, 0);
}

#[tokio::test(start_paused = true)]
async fn removing_a_local_token_says_what_it_closed() {
    let (door, _clock) = Door::alone(Settings::default()).await;
    door.processes.start(7, 1);
    let agent = door.local(1, "main", 7).await;
    let live = [door.connect(&agent).await, door.connect(&agent).await];
    let (store, clock) = (Arc::clone(&door.store), Arc::clone(&door.clock));
    let removing = tokio::spawn(async move {
        let audit = AuditRecord::new(Event::LocalRemoved, clock.now().unwrap());
        remove_locals(&*store, &*clock, LocalSelector::Id(agent.id), audit).await.unwrap()
    });
    a_while().await;
    door.refresh().await;
    assert_eq!(ended(&live[0]).await, Some(Denial::SessionRevoked));
    drop(live);
    door.refresh().await;
    let Removed { locals, closed, unheard } = removing.await.unwrap();
    assert_eq!((locals.len(), closed, unheard), (1, 2, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_not_waited_for() {
    let (one, _other, _clock) = two().await;
    let revoked = asked(&one, Which::by_owner(Selector::Session(session(9)))).await.unwrap();
    assert_eq!(revoked, Revoked { sessions: Vec::new(), closed: 0, unheard: 0 });
}

/// An administrator, and somebody else, on a store without a listener.
async fn administrator() -> (Door, Paired, Paired) {
    let (door, _clock) = Door::alone(Settings::default()).await;
    door.gate.drain();
    door.tick().await;
    let ada = door.pair_with("ada", Capabilities::ALL).await;
    let bob = door.pair_with("bob", Capabilities::ALL).await;
    (door, ada, bob)
}

#[tokio::test(start_paused = true)]
async fn no_administrator_ends_the_session_that_asks_without_saying_so() {
    let (door, ada, bob) = administrator().await;
    let asking = Some(ada.id);
    let subject = Selector::Subject(Subject::new("ada").unwrap());
    for sessions in [Selector::Session(ada.id), subject, Selector::All] {
        let refused = asked(&door, Which { sessions, asking, self_too: false }).await;
        assert!(matches!(refused, Err(AdminError::Asking)), "{sessions:?}");
    }
    let live = door.store.sessions().await.unwrap();
    assert!(live.iter().all(|session| session.is_live(door.now())), "nothing has changed");
    let other = Which { sessions: Selector::Session(bob.id), asking, self_too: false };
    assert_eq!(ids(&asked(&door, other).await.unwrap()), [bob.id]);
    let meant = Which { sessions: Selector::All, asking, self_too: true };
    assert_eq!(ids(&asked(&door, meant).await.unwrap()), [ada.id]);
}

#[tokio::test(start_paused = true)]
async fn no_administrator_takes_their_own_right_away_without_saying_so() {
    let (door, ada, _bob) = administrator().await;
    let limit = async |self_too, capabilities| {
        let asking = Some(ada.id);
        let which = Which { sessions: Selector::Session(ada.id), asking, self_too };
        let audit = AuditRecord::new(Event::SessionLimited, door.now());
        limit_sessions(&*door.store, &*door.clock, which, capabilities, audit).await
    };
    let refused = limit(false, Capabilities::START_UP).await;
    assert!(matches!(refused, Err(AdminError::Asking)));
    // Less, but still an administrator.
    assert_eq!(ids(&limit(false, Capabilities::ADMINISTER).await.unwrap()), [ada.id]);
    assert_eq!(ids(&limit(true, Capabilities::OBSERVE).await.unwrap()), [ada.id]);
}

//= req: ADMIN-1, type=test
#[tokio::test(start_paused = true)]
async fn each_origin_knows_its_own_tokens_and_grants_alone() {
    let (door, clock) = Door::alone(Settings::default()).await;
    let settings = Settings { surface: Surface::Admin, ..Settings::default() };
    let admin = Door::open(settings, Arc::clone(&door.store), clock).await;
    let there = admin.pair_with("ada", Capabilities::ALL).await;
    let here = door.pair_with("ada", Capabilities::ALL).await;
    let list = "/.doorward/api/sessions";
    assert!(admin.call(&there, "GET", list).await.is_ok());
    assert!(admin.call(&here, "GET", list).await.is_err());
    assert!(door.admits(&here).await);
    assert!(!door.admits(&there).await);
    // Both are ended by either.
    let revoking = revoking(&door, Selector::All);
    a_while().await;
    admin.refresh().await;
    door.refresh().await;
    assert_eq!(revoking.await.unwrap().sessions.len(), 2);
    let denied = admin.call(&there, "GET", list).await.unwrap_err();
    assert_eq!(denied.denied.denial, Denial::SessionRevoked);
}
