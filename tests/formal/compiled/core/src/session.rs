//! Sessions: their times, their renewal, their ends.

use core::time::Duration;

use doorward_policy::Capabilities;
use doorward_policy::id::{GrantId, SessionId};
use doorward_policy::session::{Lifetimes, SessionRecord, renewal, times};
use doorward_policy::subject::Subject;
use doorward_policy::token::{Claims, Method};

use crate::NOTHING;
use crate::answers::say_moments;
use crate::capability::set;
use crate::time::at;

pub(crate) const SESSION: SessionId = SessionId::new([7; 16]);

pub(crate) fn subject() -> Subject {
    match Subject::new("s") {
        Some(subject) => subject,
        None => core::arch::wasm32::unreachable(),
    }
}

/// A session's row with these times.
pub(crate) fn row(expires_at: u64, absolute_end: u64, capabilities: Capabilities) -> SessionRecord {
    SessionRecord {
        id: SESSION,
        subject: subject(),
        capabilities,
        method: Method::Link,
        grant: GrantId::new([8; 16]),
        opened_from: None,
        created_at: at(0),
        expires_at: at(expires_at),
        absolute_end: at(absolute_end),
        revoked_at: None,
    }
}

pub(crate) fn revoked(mut session: SessionRecord, revoked: u32) -> SessionRecord {
    if revoked != 0 {
        session.revoke(at(1));
    }
    session
}

pub(crate) fn claims(issued_at: u64, expires_at: u64, absolute_end: u64) -> Claims {
    Claims { issued_at: at(issued_at), ..row(expires_at, absolute_end, Capabilities::ALL).claims() }
}

/// Lifetimes in whole seconds.
fn lifetimes(idle: u32, absolute: u32) -> Option<Lifetimes> {
    Lifetimes::new(Duration::from_secs(idle.into()), Duration::from_secs(absolute.into())).ok()
}

/// In seconds and nanoseconds.
#[unsafe(no_mangle)]
extern "C" fn session_lifetimes(
    idle: u64,
    idle_nanos: u32,
    absolute: u64,
    absolute_nanos: u32,
) -> u32 {
    let (idle, absolute) =
        (Duration::new(idle, idle_nanos), Duration::new(absolute, absolute_nanos));
    Lifetimes::new(idle, absolute).is_ok().into()
}

/// Says the start, the expiry and the absolute end of a session opened at `now`.
#[unsafe(no_mangle)]
extern "C" fn session_times(idle: u32, absolute: u32, now: u64) -> u32 {
    let Some(lifetimes) = lifetimes(idle, absolute) else { return NOTHING };
    let (start, expires_at, absolute_end) = times(&lifetimes, at(now));
    say_moments([start, expires_at, absolute_end]);
    0
}

/// Whether a token is renewed: 1, or 2 if more has changed than its times. Says the renewed one's
/// times.
#[unsafe(no_mangle)]
extern "C" fn session_renewal(
    issued_at: u64,
    expires_at: u64,
    absolute_end: u64,
    idle: u32,
    absolute: u32,
    now: u64,
) -> u32 {
    let Some(lifetimes) = lifetimes(idle, absolute) else { return NOTHING };
    let claims = claims(issued_at, expires_at, absolute_end);
    let Some(renewed) = renewal(&claims, &lifetimes, at(now)) else { return 0 };
    say_moments([renewed.issued_at, renewed.expires_at, renewed.absolute_end]);
    let Claims { issued_at, expires_at, absolute_end, .. } = claims;
    if (Claims { issued_at, expires_at, absolute_end, ..renewed }) == claims { 1 } else { 2 }
}

#[unsafe(no_mangle)]
extern "C" fn session_extend(expires_at: u64, absolute_end: u64, to: u64) -> u64 {
    let mut session = row(expires_at, absolute_end, Capabilities::ALL);
    session.extend(at(to));
    session.expires_at.as_millis()
}

#[unsafe(no_mangle)]
extern "C" fn session_limit(capabilities: u32, to: u32) -> u32 {
    let Some((capabilities, to)) = set(capabilities).zip(set(to)) else { return NOTHING };
    let mut session = row(0, 0, capabilities);
    session.limit(to);
    session.capabilities.bits().into()
}

#[unsafe(no_mangle)]
extern "C" fn session_is_live(is_revoked: u32, expires_at: u64, now: u64) -> u32 {
    revoked(row(expires_at, expires_at, Capabilities::ALL), is_revoked).is_live(at(now)).into()
}
