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
    use time::OffsetDateTime;
    use time::macros::format_description;
    let nanos = i128::from(time.as_millis()).saturating_mul(1_000_000);
    let format =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    OffsetDateTime::from_unix_timestamp_nanos(nanos)
        .ok()
        .and_then(|time| time.format(&format).ok())
        .unwrap_or_else(|| "9999-12-31T23:59:59.999Z".to_owned())
}
