//! Lifetimes come from policy, and renewal never passes the absolute end (I6).
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

use common::{DAY, NOW, Request, World, claims, millis, secs, session_record};
use doorward_policy::Timestamp;
use doorward_policy::session::{Lifetimes, renewal};
use doorward_policy::token::Claims;

const DEFAULTS: Lifetimes = Lifetimes::DEFAULT;

//= req: SESSION-2, type=test
#[test]
fn a_token_renews_in_the_second_half_of_its_life_only() {
    let half = NOW.plus(7 * DAY / 2);
    let end = NOW.plus(7 * DAY);
    assert_eq!(renewal(&claims(), &DEFAULTS, NOW), None);
    assert_eq!(renewal(&claims(), &DEFAULTS, half.minus(millis(1))), None);
    let renewed = renewal(&claims(), &DEFAULTS, half).unwrap();
    assert_eq!((renewed.issued_at, renewed.expires_at), (half, half.plus(7 * DAY)));
    assert!(renewal(&claims(), &DEFAULTS, end.minus(millis(1))).is_some());
    assert_eq!(renewal(&claims(), &DEFAULTS, end), None);
}

#[test]
fn renewal_changes_nothing_but_two_times() {
    let renewed = renewal(&claims(), &DEFAULTS, NOW.plus(5 * DAY)).unwrap();
    let Claims { issued_at, expires_at, .. } = renewed;
    assert_eq!(renewed, Claims { issued_at, expires_at, ..claims() });
}

//= req: SESSION-2, type=test
#[test]
fn renewal_never_passes_the_absolute_end() {
    let near = Claims { issued_at: NOW.plus(20 * DAY), expires_at: NOW.plus(27 * DAY), ..claims() };
    let renewed = renewal(&near, &DEFAULTS, NOW.plus(25 * DAY)).unwrap();
    assert_eq!(renewed.expires_at, near.absolute_end);
    // At its end, to the second, there is nothing left to renew.
    for before in [secs(1), millis(1), secs(3600), DAY] {
        assert_eq!(renewal(&renewed, &DEFAULTS, near.absolute_end.minus(before)), None);
    }
}

#[test]
fn renewal_takes_its_lifetime_from_the_settings() {
    let short = Lifetimes::new(secs(60), DAY).unwrap();
    // A shorter setting never shortens what was promised; it just doesn't renew.
    assert_eq!(renewal(&claims(), &short, NOW.plus(4 * DAY)), None);
    let late = NOW.plus(7 * DAY).minus(secs(30));
    assert_eq!(renewal(&claims(), &short, late).unwrap().expires_at, late.plus(secs(60)));
}

#[test]
fn times_are_whole_seconds() {
    let at = NOW.plus(5 * DAY).plus(millis(999));
    let renewed = renewal(&claims(), &DEFAULTS, at).unwrap();
    assert_eq!(renewed.issued_at, NOW.plus(5 * DAY));
}

#[test]
fn a_renewed_token_verifies_and_is_the_same_session() {
    let mut world = World::new();
    let token = world.token();
    world.advance(4 * DAY);
    let admitted = world.admit(&Request::get("/").bearer(&token));
    let (claims, token) = world.guard().renew(&admitted, world.now).unwrap();
    assert_eq!(claims.expires_at, world.now.plus(7 * DAY));
    world.advance(5 * DAY);
    let again = world.admit(&Request::get("/").bearer(token.expose()));
    assert_eq!(again.claims().unwrap().session, claims.session);
}

#[test]
fn an_extended_session_never_shrinks_and_never_passes_its_end() {
    let mut session = session_record(1, NOW);
    session.extend(NOW.plus(9 * DAY));
    assert_eq!(session.expires_at, NOW.plus(9 * DAY));
    session.extend(NOW.plus(8 * DAY));
    assert_eq!(session.expires_at, NOW.plus(9 * DAY));
    session.extend(NOW.plus(90 * DAY));
    assert_eq!(session.expires_at, session.absolute_end);
}

#[test]
fn a_session_is_live_until_the_millisecond_of_its_end_or_its_revocation() {
    let mut session = session_record(1, NOW);
    assert!(session.is_live(NOW) && session.is_live(session.expires_at.minus(millis(1))));
    assert!(!session.is_live(session.expires_at));
    session.revoke(NOW.plus(DAY));
    assert!(!session.is_live(NOW.plus(DAY)), "at once, whatever its end");
}

//= req: SESSION-3, type=test
#[test]
fn lifetimes_have_a_floor_an_order_and_a_ceiling() {
    assert!(Lifetimes::new(secs(60), secs(60)).is_ok());
    assert!(Lifetimes::new(DAY, Lifetimes::CEILING).is_ok());
    assert!(Lifetimes::new(secs(59), DAY).is_err());
    assert!(Lifetimes::new(secs(61), secs(60)).is_err());
    assert!(Lifetimes::new(DAY, Lifetimes::CEILING + secs(1)).is_err());
    assert!(Lifetimes::new(millis(60_500), DAY).is_err());
    assert!(Lifetimes::new(secs(60), millis(90_500)).is_err());
}

#[test]
fn lifetimes_say_what_they_are() {
    let lifetimes = Lifetimes::new(secs(60), secs(3600)).unwrap();
    assert_eq!((lifetimes.idle(), lifetimes.absolute()), (secs(60), secs(3600)));
}

/// A token has four bytes for a second: 2106 comes before anybody's `now` wraps round to 1970.
#[test]
fn a_second_that_no_token_can_spell_is_the_last_that_one_can() {
    let last = Timestamp::from_secs(u32::MAX);
    for beyond in [last.plus(secs(1)), Timestamp::from_millis(u64::MAX)] {
        assert_eq!(beyond.as_secs(), u32::MAX);
        assert_eq!(beyond.floor_to_second(), last);
    }
    assert_eq!(last.as_millis(), u64::from(u32::MAX) * 1000);
    assert_eq!(last.minus(millis(1)).as_secs(), u32::MAX - 1);
}
