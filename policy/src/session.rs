//! Sessions: their durable record, their lifetimes and their renewal.

use core::fmt;
use core::net::IpAddr;
use core::time::Duration;

use crate::capability::Capabilities;
use crate::id::{GrantId, SessionId};
use crate::subject::Subject;
use crate::time::Timestamp;
use crate::token::{Claims, Method};

/// How long sessions live. A lifetime comes from here, never from a caller (I6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    idle: Duration,
    absolute: Duration,
}

/// A lifetime outside its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LifetimeError;

impl fmt::Display for LifetimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "session lifetimes need 1 minute <= idle <= absolute <= 90 days, in whole seconds",
        )
    }
}

impl core::error::Error for LifetimeError {}

impl Lifetimes {
    /// The longest lifetime that a setting may ask for.
    pub const CEILING: Duration = Duration::from_secs(90 * 24 * 3600);
    /// 7 days idle, 30 days in all.
    pub const DEFAULT: Self = Self {
        idle: Duration::from_secs(7 * 24 * 3600),
        absolute: Duration::from_secs(30 * 24 * 3600),
    };

    /// Lifetimes within their bounds.
    ///
    /// # Errors
    /// Unless 1 minute <= `idle` <= `absolute` <= [`Self::CEILING`], in whole seconds.
    pub fn new(idle: Duration, absolute: Duration) -> Result<Self, LifetimeError> {
        let whole = idle.subsec_nanos() == 0 && absolute.subsec_nanos() == 0;
        let ordered = idle >= Duration::from_secs(60) && idle <= absolute;
        let within = absolute <= Self::CEILING;
        //= req: SESSION-3
        (whole && ordered && within).then_some(Self { idle, absolute }).ok_or(LifetimeError)
    }

    /// How long a token lives.
    #[must_use]
    pub const fn idle(&self) -> Duration {
        self.idle
    }

    /// How long a session lives, however often it is renewed.
    #[must_use]
    pub const fn absolute(&self) -> Duration {
        self.absolute
    }
}

/// The durable row of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// New at every redemption (I14).
    pub id: SessionId,
    /// The label of the grant that bought it.
    pub subject: Subject,
    /// What it may do.
    pub capabilities: Capabilities,
    /// How it came to be.
    pub method: Method,
    /// The grant that bought it.
    pub grant: GrantId,
    /// Where it was opened from.
    pub opened_from: Option<IpAddr>,
    /// Whole seconds.
    pub created_at: Timestamp,
    /// Until when the latest token lives; whole seconds.
    pub expires_at: Timestamp,
    /// The end that no renewal passes; whole seconds.
    pub absolute_end: Timestamp,
    /// When it was revoked, if it was. Kept until the absolute end.
    pub revoked_at: Option<Timestamp>,
}

impl SessionRecord {
    /// What the session's first token says.
    #[must_use]
    pub const fn claims(&self) -> Claims {
        Claims {
            session: self.id,
            subject: self.subject,
            capabilities: self.capabilities,
            method: self.method,
            issued_at: self.created_at,
            expires_at: self.expires_at,
            absolute_end: self.absolute_end,
        }
    }

    /// Whether it is neither revoked nor past its end.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }

    /// Moves the expiry on to that of a renewed token; never back, never past the absolute end.
    pub fn extend(&mut self, expires_at: Timestamp) {
        self.expires_at = self.expires_at.max(expires_at.min(self.absolute_end));
    }

    /// Leaves it no more than `capabilities`. What was taken away does not come back.
    pub fn limit(&mut self, capabilities: Capabilities) {
        //= req: CAP-3
        self.capabilities = self.capabilities.common(capabilities);
    }

    /// Marks it revoked; the first mark stays.
    pub fn revoke(&mut self, now: Timestamp) {
        self.revoked_at.get_or_insert(now);
    }
}

/// The times of a session opened at `now`: its start, its expiry and its absolute end.
#[must_use]
pub fn times(lifetimes: &Lifetimes, now: Timestamp) -> (Timestamp, Timestamp, Timestamp) {
    let start = now.floor_to_second();
    (start, start.plus(lifetimes.idle), start.plus(lifetimes.absolute))
}

/// The claims of the token that renews a verified one, if it is time: the second half of its
/// life has begun and its end is not the absolute end yet.
///
/// The new end never passes the absolute end, to the second (I6).
#[must_use]
pub fn renewal(claims: &Claims, lifetimes: &Lifetimes, now: Timestamp) -> Option<Claims> {
    let life = claims.expires_at.since(claims.issued_at);
    let half = claims.issued_at.plus(life.checked_div(2).unwrap_or_default());
    let start = now.floor_to_second();
    let expires_at = start.plus(lifetimes.idle).min(claims.absolute_end);
    //= req: SESSION-2
    let due = now >= half && now < claims.expires_at && expires_at > claims.expires_at;
    due.then_some(Claims { issued_at: start, expires_at, ..*claims })
}
