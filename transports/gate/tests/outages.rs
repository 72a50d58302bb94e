//! A store that fails admits nobody and moves nothing on (I20, I21); what must end ends all the
//! same.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test that can't go on must stop"
)]

mod door;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use door::failing::FailingStore;
use door::{DAY, Door, HOUR, MINUTE, TestClock, ended, living, memory};
use doorward_policy::denial::{Denial, Invalid, Outage};
use doorward_policy::ledger::Selector;

const STORE: Denial = Denial::Unavailable(Outage::Store);
const STALE: Denial = Denial::Unavailable(Outage::StaleRevocations);

async fn hour() -> (Door, Arc<FailingStore>, Arc<TestClock>) {
    let (store, clock) = (Arc::new(FailingStore::new(memory())), Arc::new(TestClock::default()));
    let door = Door::open(living(HOUR, DAY), Arc::clone(&store) as _, Arc::clone(&clock) as _);
    (door.await, store, clock)
}

//= req: FAIL-5, type=test
#[tokio::test]
async fn an_end_moves_on_only_once_that_is_written_down() {
    let (door, store, clock) = hour().await;
    let ada = door.pair("ada").await;
    let live = door.connect(&ada).await;
    let end = live.ends_at();
    clock.advance(30 * MINUTE);
    store.writes.store(false, Ordering::SeqCst);
    live.touch();
    door.gate.refresh().await.unwrap();
    assert_eq!(live.ends_at(), end);
    store.writes.store(true, Ordering::SeqCst);
    door.refresh().await;
    assert_eq!(live.ends_at(), end, "nothing was done since");
    live.touch();
    door.refresh().await;
    assert_eq!(live.ends_at(), Some(door.now().plus(HOUR)));
}

//= req: FAIL-5, type=test
#[tokio::test]
async fn a_token_is_renewed_only_once_its_end_is_written_down() {
    let (door, store, clock) = hour().await;
    let ada = door.pair("ada").await;
    let live = door.connect(&ada).await;
    let end = live.ends_at();
    clock.advance(40 * MINUTE);
    door.refresh().await;
    let admission = door.call(&ada, "POST", "/.doorward/api/renew").await.unwrap();
    store.writes.store(false, Ordering::SeqCst);
    assert!(door.gate.renew(&admission.admitted).await.is_none());
    assert_eq!(live.ends_at(), end);
    store.writes.store(true, Ordering::SeqCst);
    assert!(door.gate.renew(&admission.admitted).await.is_some());
    assert_eq!(live.ends_at(), Some(door.now().plus(HOUR)));
}

//= req: FAIL-5, SESSION-5, type=test
/// Another process has revoked it, and no news of that has come. If none ever comes, its connection
/// still ends when what is written down says.
#[tokio::test]
async fn a_session_that_was_revoked_elsewhere_is_neither_renewed_nor_kept() {
    let (door, _store, clock) = hour().await;
    let ada = door.pair("ada").await;
    let live = door.connect(&ada).await;
    let end = live.ends_at();
    clock.advance(40 * MINUTE);
    door.refresh().await;
    let admission = door.call(&ada, "POST", "/.doorward/api/renew").await.unwrap();
    live.touch();
    door.revoke(Selector::Session(ada.id)).await;
    assert!(door.gate.renew(&admission.admitted).await.is_none());
    assert_eq!(live.ends_at(), end);
    door.refresh().await;
    assert_eq!(ended(&live).await, Some(Denial::SessionRevoked));
    assert_eq!(live.ends_at(), end);
}

#[tokio::test]
async fn a_session_ends_in_time_while_the_store_does_not_answer() {
    let (door, store, clock) = hour().await;
    let live = door.connect(&door.pair("ada").await).await;
    store.reads.store(false, Ordering::SeqCst);
    store.writes.store(false, Ordering::SeqCst);
    clock.advance(HOUR - Duration::from_millis(1));
    door.gate.refresh().await.unwrap_err();
    assert_eq!(ended(&live).await, None, "what is known grows old, and ends nothing");
    clock.advance(Duration::from_millis(1));
    door.gate.refresh().await.unwrap_err();
    assert_eq!(ended(&live).await, Some(Denial::SessionExpired));
}

//= req: FAIL-3, type=test
#[tokio::test]
async fn nobody_new_comes_in_on_what_was_known_too_long_ago() {
    let (door, store, clock) = hour().await;
    let ada = door.pair("ada").await;
    let admission = door.enter(&ada).await.unwrap();
    store.reads.store(false, Ordering::SeqCst);
    clock.advance(Duration::from_millis(5001));
    door.gate.refresh().await.unwrap_err();
    assert_eq!(door.denial(&ada).await, STALE);
    // It was admitted while it was known.
    assert!(door.gate.register(&admission).is_ok());
    store.reads.store(true, Ordering::SeqCst);
    door.refresh().await;
    assert!(door.admits(&ada).await);
}

#[tokio::test]
async fn a_revocation_that_no_listener_could_tell_of_is_told_later() {
    let (door, store, _clock) = hour().await;
    let live = door.connect(&door.pair("ada").await).await;
    door.revoke(Selector::All).await;
    store.writes.store(false, Ordering::SeqCst);
    door.gate.refresh().await.unwrap();
    assert_eq!(ended(&live).await, Some(Denial::SessionRevoked));
    drop(live);
    door.gate.refresh().await.unwrap_err();
    store.writes.store(true, Ordering::SeqCst);
    door.refresh().await;
    let (_, report) = door.store.reports(door.now()).await.unwrap().remove(0);
    assert_eq!(report.acted, door.store.news(u64::MAX).await.unwrap().revision);
    assert_eq!(report.sessions.iter().map(|one| one.closed).sum::<u32>(), 1);
}

#[tokio::test]
async fn a_local_token_is_no_admission_while_it_can_not_be_looked_up() {
    let (door, store, _clock) = hour().await;
    door.processes.start(7, 1);
    let agent = door.local(1, "main", 7).await;
    store.reads.store(false, Ordering::SeqCst);
    assert_eq!(door.denial(&agent).await, STORE);
    store.reads.store(true, Ordering::SeqCst);
    assert!(door.admits(&agent).await);
}

#[tokio::test]
async fn the_token_of_a_killed_process_is_dead_even_if_it_can_not_be_removed() {
    let (door, store, clock) = hour().await;
    door.processes.start(7, 1);
    let agent = door.local(1, "main", 7).await;
    let live = door.connect(&agent).await;
    door.processes.kill(7);
    store.writes.store(false, Ordering::SeqCst);
    let dead = Denial::CredentialInvalid(Invalid::LocalDead);
    assert_eq!(door.denial(&agent).await, dead);
    assert_eq!(ended(&live).await, Some(Denial::SessionRevoked));
    store.writes.store(true, Ordering::SeqCst);
    clock.advance(Duration::from_secs(10));
    door.tick().await;
    assert_eq!(door.store.locals().await.unwrap(), [], "it is tried again");
}

//= req: FAIL-6, type=test
#[tokio::test]
async fn a_session_that_can_not_be_signed_out_is_not_told_that_it_is() {
    let (door, store, _clock) = hour().await;
    let ada = door.pair("ada").await;
    let live = door.connect(&ada).await;
    let admission = door.call(&ada, "POST", "/.doorward/api/logout").await.unwrap();
    store.writes.store(false, Ordering::SeqCst);
    assert_eq!(door.gate.sign_out(&admission).await.unwrap_err().denied.denial, STORE);
    assert_eq!(ended(&live).await, None);
    assert!(door.admits(&ada).await);
}

#[tokio::test]
async fn records_that_can_not_be_written_are_kept_for_the_next_time() {
    let (door, store, _clock) = hour().await;
    let ada = door.pair("ada").await;
    door.audit().await;
    assert!(door.admits(&ada).await);
    store.writes.store(false, Ordering::SeqCst);
    door.gate.flush().await.unwrap_err();
    assert_eq!(door.store.audit_lines(0, 10).await.unwrap().len(), 0);
    store.writes.store(true, Ordering::SeqCst);
    let admitted = ("admitted".to_owned(), String::new(), ada.id.to_string());
    assert_eq!(door.audit().await, [admitted]);
    assert_eq!(door.audit().await, [], "once is enough");
}
