//! Drives Doorward's policy: a clock, entropy, a store and an audit log; no sockets.
//!
//! An adapter builds a [`doorward_policy::request::Head`] from what it has parsed and asks the
//! [`Gate`]: [`Gate::decide`] for every request, [`Gate::redeem`] with what a body brought,
//! [`Gate::register`] for a connection that stays open. The gate takes no decision of its own: it
//! hands the policy what it needs, awaits the store where the policy says so, and writes down what
//! came of it.

pub mod admin;
pub mod audit;
mod clock;
mod connections;
pub mod export;
mod gate;
mod journal;
pub mod keyfile;
pub mod rooms;
pub mod store;
mod system;

use doorward_policy::Timestamp;

pub use clock::{Clock, ClockError, Reading, Readings, SystemClock};
pub use connections::{Deadline, End, LiveConnection};
pub use gate::{
    Admission, Begun, ClientSlot, Gate, GateError, Parts, Problem, Refusal, Verdict, Welcome,
    Welcomed,
};
pub use system::{
    Entropy, EntropyError, ProcessError, Processes, SystemEntropy, SystemProcesses, SystemReadings,
    random,
};

/// A time as RFC 3339, in UTC, to the millisecond.
#[must_use]
pub fn rfc3339(time: Timestamp) -> String {
    let (seconds, millis) = (time.as_millis() / 1000, time.as_millis() % 1000);
    let moment = i64::try_from(seconds).ok().map(time::OffsetDateTime::from_unix_timestamp);
    let Some(Ok(moment)) = moment else { return "9999-12-31T23:59:59.999Z".to_owned() };
    let ((year, month, day), (hour, minute, second)) = (moment.to_calendar_date(), moment.to_hms());
    let mut text = String::with_capacity(24);
    for (number, digits, after) in [
        (year.unsigned_abs().into(), 4, '-'),
        (u8::from(month).into(), 2, '-'),
        (day.into(), 2, 'T'),
        (hour.into(), 2, ':'),
        (minute.into(), 2, ':'),
        (second.into(), 2, '.'),
        (millis, 3, 'Z'),
    ] {
        push_digits(&mut text, number, digits);
        text.push(after);
    }
    text
}

/// The last so many decimal digits of a number.
fn push_digits(text: &mut String, number: u64, digits: u32) {
    for place in (0..digits).rev() {
        let digit = u8::try_from(number / 10_u64.pow(place) % 10).unwrap_or(0);
        text.push(char::from(b'0' + digit));
    }
}
