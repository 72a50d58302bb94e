//! The end of an idle session: a point in time, moved on by activity, told beforehand.

use core::time::Duration;

use crate::session::Lifetimes;
use crate::time::Timestamp;

/// Activity moves an end on only where that gains at least this part of the idle life, so that a
/// busy connection writes no record for each of its messages.
const STEP: u32 = 32;

/// What is told before an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Warning {
    /// Five minutes are left, or less.
    FiveMinutes,
    /// One minute is left, or less.
    OneMinute,
}

impl Warning {
    /// How long before the end it is told.
    #[must_use]
    pub const fn ahead(self) -> Duration {
        match self {
            Self::FiveMinutes => Duration::from_secs(300),
            Self::OneMinute => Duration::from_secs(60),
        }
    }

    /// Its name in answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FiveMinutes => "five_minutes",
            Self::OneMinute => "one_minute",
        }
    }
}

/// The warning in force at `now`; none once the end has come.
#[must_use]
pub fn warning(ends_at: Timestamp, now: Timestamp) -> Option<Warning> {
    let in_force = |warning: &Warning| now >= ends_at.minus(warning.ahead()) && now < ends_at;
    [Warning::OneMinute, Warning::FiveMinutes].into_iter().find(in_force)
}

/// When there is something to tell next, after `now`: a warning, or the end itself. `None` once it
/// has come.
#[must_use]
pub fn next(ends_at: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let ahead = [Warning::FiveMinutes.ahead(), Warning::OneMinute.ahead(), Duration::ZERO];
    ahead.into_iter().map(|span| ends_at.minus(span)).find(|at| *at > now)
}

/// Where activity at `now` moves the end of a session to: the idle life from now, never past the
/// absolute end (I6), in whole seconds. `None` where it would hardly move, has come already, or
/// would move back.
#[must_use]
pub fn extended(
    expires_at: Timestamp,
    absolute_end: Timestamp,
    lifetimes: &Lifetimes,
    now: Timestamp,
) -> Option<Timestamp> {
    let moved = now.floor_to_second().plus(lifetimes.idle()).min(absolute_end);
    let step = lifetimes.idle().checked_div(STEP).unwrap_or_default();
    let gained = moved.since(expires_at);
    let worth_it = !gained.is_zero() && (gained >= step || moved == absolute_end);
    //= req: SESSION-4
    (now < expires_at && worth_it).then_some(moved)
}
