//! The end of an idle session: moved on by activity, told beforehand, never past the absolute end
//! (I6).
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

use core::time::Duration;

use common::{DAY, NOW, millis, secs};
use doorward_policy::Timestamp;
use doorward_policy::deadline::{Warning, extended, next, warning};
use doorward_policy::session::{Lifetimes, renewal};
use doorward_policy::token::Claims;
use proptest::prelude::*;

fn lifetimes(idle: u64, absolute: u64) -> Lifetimes {
    Lifetimes::new(secs(idle), secs(absolute)).unwrap()
}

/// `offset` milliseconds from a moment, back or on.
fn around(moment: Timestamp, offset: i64) -> Timestamp {
    let span = millis(offset.unsigned_abs());
    if offset < 0 { moment.minus(span) } else { moment.plus(span) }
}

#[test]
fn warnings_come_at_five_minutes_and_at_one() {
    let end = NOW.plus(DAY);
    for (left, expected) in [
        (millis(300_001), None),
        (millis(300_000), Some(Warning::FiveMinutes)),
        (millis(60_001), Some(Warning::FiveMinutes)),
        (millis(60_000), Some(Warning::OneMinute)),
        (millis(1), Some(Warning::OneMinute)),
        (millis(0), None),
    ] {
        assert_eq!(warning(end, end.minus(left)), expected, "{left:?}");
    }
    assert_eq!(warning(end, end.plus(millis(1))), None);
    let names = [Warning::FiveMinutes, Warning::OneMinute].map(Warning::name);
    assert_eq!(names, ["five_minutes", "one_minute"]);
}

#[test]
fn there_is_something_to_tell_at_each_warning_and_at_the_end() {
    let end = NOW.plus(DAY);
    let mut now = NOW;
    let mut told = Vec::new();
    while let Some(at) = next(end, now) {
        assert!(at > now, "told again and again");
        told.push((end.since(at), warning(end, at)));
        now = at;
    }
    let expected = [
        (secs(300), Some(Warning::FiveMinutes)),
        (secs(60), Some(Warning::OneMinute)),
        (secs(0), None),
    ];
    assert_eq!(told, expected);
}

#[test]
fn an_end_near_the_beginning_of_time_has_no_warning_before_it() {
    let end = Timestamp::from_secs(30);
    assert_eq!(next(end, Timestamp::EPOCH), Some(end));
    assert_eq!(warning(end, Timestamp::EPOCH), Some(Warning::OneMinute));
}

#[test]
fn activity_moves_the_end_on_once_that_gains_a_32nd_of_the_idle_life() {
    let lifetimes = lifetimes(3200, 86_400);
    let (end, absolute) = (NOW.plus(secs(3200)), NOW.plus(secs(86_400)));
    assert_eq!(extended(end, absolute, &lifetimes, NOW), None);
    assert_eq!(extended(end, absolute, &lifetimes, NOW.plus(millis(99_999))), None);
    let moved = extended(end, absolute, &lifetimes, NOW.plus(secs(100)));
    assert_eq!(moved, Some(end.plus(secs(100))));
}

#[test]
fn the_last_step_to_the_absolute_end_is_taken_however_small() {
    let lifetimes = lifetimes(3200, 86_400);
    let (end, absolute) = (NOW.plus(secs(3200)), NOW.plus(secs(3201)));
    assert_eq!(extended(end, absolute, &lifetimes, NOW.plus(secs(1))), Some(absolute));
    assert_eq!(extended(absolute, absolute, &lifetimes, NOW.plus(secs(2))), None);
}

//= req: SESSION-4, type=test
#[test]
fn activity_at_the_end_is_too_late() {
    let lifetimes = lifetimes(3200, 86_400);
    let (end, absolute) = (NOW.plus(secs(3200)), NOW.plus(secs(86_400)));
    let last = end.minus(millis(1));
    assert_eq!(
        extended(end, absolute, &lifetimes, last),
        Some(last.floor_to_second().plus(secs(3200)))
    );
    for late in [end, end.plus(millis(1)), end.plus(DAY)] {
        assert_eq!(extended(end, absolute, &lifetimes, late), None);
    }
}

/// Lifetimes, a session's two ends, and a moment near one of the points that matter.
fn session() -> impl Strategy<Value = (Lifetimes, Timestamp, Timestamp, Timestamp)> {
    let lives = (60..100_000_u64).prop_flat_map(|idle| (Just(idle), idle..=idle + 200_000));
    (lives, 0..300_000_u64, 0..200_000_u64, 0..5_usize, -400_000..400_000_i64).prop_map(
        |((idle, absolute), to_end, beyond, near, offset)| {
            let end = NOW.plus(secs(to_end));
            let absolute_end = end.plus(secs(beyond));
            let points =
                [NOW, end, absolute_end, end.minus(secs(idle)), absolute_end.minus(secs(idle))];
            (lifetimes(idle, absolute), end, absolute_end, around(points[near], offset))
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    //= req: SESSION-4, type=property
    #[test]
    fn no_end_moves_past_the_absolute_end((lifetimes, end, absolute, now) in session()) {
        if let Some(moved) = extended(end, absolute, &lifetimes, now) {
            prop_assert!(moved <= absolute);
            prop_assert!(moved <= now.plus(lifetimes.idle()));
            prop_assert_eq!(moved, moved.floor_to_second());
        }
    }

    //= req: SESSION-4, type=property
    #[test]
    fn no_end_moves_back_or_stays((lifetimes, end, absolute, now) in session()) {
        prop_assert!(extended(end, absolute, &lifetimes, now).is_none_or(|moved| moved > end));
    }

    //= req: SESSION-4, type=property
    #[test]
    fn activity_never_revives((lifetimes, end, absolute, now) in session()) {
        if now >= end {
            prop_assert_eq!(extended(end, absolute, &lifetimes, now), None);
        }
    }

    /// As long as somebody is active more often than a 32nd of the idle life before the end, it is
    /// always at least the rest of the idle life away, or absolute.
    #[test]
    fn what_is_in_use_stays(
        idle in 3200..100_000_u64, pauses in prop::collection::vec(1..100_000_u64, 1..60),
    ) {
        let lifetimes = lifetimes(idle, idle * 20);
        let absolute = NOW.plus(secs(idle * 20));
        let (mut end, mut now) = (NOW.plus(secs(idle)), NOW);
        for pause in pauses {
            now = now.plus(secs(pause % (idle * 31 / 32)));
            if now >= absolute {
                break;
            }
            prop_assert!(now < end);
            end = extended(end, absolute, &lifetimes, now).unwrap_or(end);
            let least = lifetimes.idle() - lifetimes.idle() / 32 - Duration::from_secs(1);
            prop_assert!(end.since(now) >= least || end == absolute);
        }
    }

    /// A clock that jumps back moves nothing, and nothing is gained by it later.
    #[test]
    fn a_jump_back_gains_no_time(
        (lifetimes, end, absolute, now) in session(), back in 0..100_000_u64,
    ) {
        let earlier = now.minus(secs(back));
        let moved = extended(end, absolute, &lifetimes, earlier).unwrap_or(end);
        let at_once = extended(end, absolute, &lifetimes, now).unwrap_or(end);
        let later = extended(moved, absolute, &lifetimes, now).unwrap_or(moved);
        let most = end.max(now.floor_to_second().plus(lifetimes.idle()).min(absolute));
        if now < end {
            prop_assert!(moved <= most && later <= most && at_once <= most);
        }
    }

    /// Activity gives no more than a renewed token would.
    #[test]
    fn activity_never_outdoes_a_renewal((lifetimes, end, absolute, now) in session()) {
        let claims = Claims { issued_at: NOW.minus(DAY), expires_at: end, absolute_end: absolute, ..common::claims() };
        if let (Some(moved), Some(renewed)) =
            (extended(end, absolute, &lifetimes, now), renewal(&claims, &lifetimes, now))
        {
            prop_assert_eq!(moved, renewed.expires_at);
        }
    }

    /// At every moment before the end the warning is what is left of the time, and `next` is the
    /// first moment after it at which that differs.
    #[test]
    fn the_warning_changes_exactly_when_it_is_said_to((_, end, _, now) in session()) {
        let left = end.since(now);
        let expected = match left.as_millis() {
            0 => None,
            1..=60_000 => Some(Warning::OneMinute),
            60_001..=300_000 => Some(Warning::FiveMinutes),
            _ => None,
        };
        prop_assert_eq!(warning(end, now), expected);
        match next(end, now) {
            None => prop_assert!(now >= end),
            Some(at) => {
                prop_assert!(at > now && at <= end);
                prop_assert_eq!(warning(end, at.minus(millis(1))), expected);
                prop_assert_ne!(warning(end, at), expected);
            }
        }
    }
}
