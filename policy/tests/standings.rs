//! What has changed about sessions: final where it is a revocation, and too old to admit on soon.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "a test that can't go on must stop"
)]

mod common;

use common::{DAY, NOW, SESSION, millis, secs};
use doorward_policy::Timestamp;
use doorward_policy::capability::Capabilities;
use doorward_policy::id::SessionId;
use doorward_policy::standing::{Standing, Standings};

fn standings() -> Standings {
    let mut standings = Standings::new([1; 8], secs(5));
    standings.refreshed(NOW);
    standings
}

const LIMITED: Standing = Standing::Limited(Capabilities::OBSERVE);

#[test]
fn nothing_is_known_until_the_first_look() {
    let standings = Standings::new([1; 8], secs(5));
    assert!(!standings.is_fresh(NOW));
    assert!(standings.is_fresh(Timestamp::EPOCH), "no time has passed since nothing was known");
}

#[test]
fn what_is_known_is_fresh_for_its_bound() {
    let standings = standings();
    assert!(standings.is_fresh(NOW.plus(secs(5))));
    assert!(!standings.is_fresh(NOW.plus(secs(5)).plus(millis(1))));
}

#[test]
fn a_look_that_was_overtaken_makes_nothing_older() {
    let mut standings = standings();
    standings.refreshed(NOW.minus(DAY));
    assert!(standings.is_fresh(NOW));
}

#[test]
fn an_exception_is_its_sessions_alone() {
    let mut standings = standings();
    standings.note(SESSION, Standing::Revoked, NOW.plus(DAY));
    assert_eq!(standings.of(SESSION), Standing::Revoked);
    for byte in 0..16 {
        let mut id = *SESSION.as_bytes();
        id[byte] ^= 1;
        assert_eq!(standings.of(SessionId::new(id)), Standing::Unchanged);
    }
}

#[test]
fn a_limit_can_be_changed_and_lifted() {
    let mut standings = standings();
    standings.note(SESSION, LIMITED, NOW.plus(DAY));
    assert_eq!(standings.of(SESSION), LIMITED);
    assert!(!standings.is_empty());
    standings.note(SESSION, Standing::Unchanged, NOW.plus(DAY));
    assert_eq!(standings.of(SESSION), Standing::Unchanged);
    assert!(standings.is_empty());
}

//= req: SESSION-7, type=test
#[test]
fn a_revocation_is_final() {
    let mut standings = standings();
    standings.note(SESSION, Standing::Revoked, NOW.plus(DAY));
    for later in [Standing::Unchanged, LIMITED, Standing::Revoked] {
        standings.note(SESSION, later, NOW.plus(secs(1)));
        standings.prune(NOW.plus(secs(2)));
        assert_eq!(standings.of(SESSION), Standing::Revoked, "{later:?}");
    }
}

//= req: SESSION-7, type=test
#[test]
fn an_exception_is_kept_to_the_millisecond_of_its_sessions_end() {
    let mut standings = standings();
    standings.note(SESSION, Standing::Revoked, NOW.plus(DAY));
    standings.prune(NOW.plus(DAY).minus(millis(1)));
    assert_eq!(standings.len(), 1);
    standings.prune(NOW.plus(DAY));
    assert_eq!(standings.len(), 0);
}
