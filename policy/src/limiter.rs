//! The limiter of guesses: a bounded table of counters, keyed on validated addresses (I16).
//!
//! Charged only for failed verifications and for redemptions. Making room drops nothing but
//! counters whose minute is over: when all are live, a newcomer is let through uncounted rather
//! than refused, since the secrets themselves have 60 and 256 bits and a full table must not
//! become a way to lock people out.

use alloc::collections::{BTreeMap, VecDeque};
use core::net::IpAddr;
use core::time::Duration;

use crate::time::Timestamp;

/// How long a counter lives, from its first charge.
pub const WINDOW: Duration = Duration::from_secs(60);

/// Whom a counter counts: an IPv4 address, or the /64 of an IPv6 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LimitKey {
    /// An IPv4 address; an IPv4-mapped IPv6 address is that IPv4 address.
    V4([u8; 4]),
    /// The upper 64 bits of an IPv6 address.
    V6(u64),
}

impl From<IpAddr> for LimitKey {
    fn from(address: IpAddr) -> Self {
        //= req: LIMIT-2
        match address.to_canonical() {
            IpAddr::V4(v4) => Self::V4(v4.octets()),
            IpAddr::V6(v6) => {
                let [upper, ..] = [(v6.to_bits() >> 64) as u64];
                Self::V6(upper)
            }
        }
    }
}

/// What was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guess {
    /// A code that people type: 60 bits.
    Code,
    /// Any other credential: 256 bits.
    Other,
}

/// How many guesses a minute one key has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Typed codes.
    pub codes: u32,
    /// The rest.
    pub others: u32,
    /// How many counters are kept.
    pub capacity: usize,
}

impl Default for Limits {
    fn default() -> Self {
        //= req: LIMIT-1
        Self { codes: 10, others: 100, capacity: 1 << 16 }
    }
}

/// The limit is reached; the counter ends at this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limited {
    /// When to come back.
    pub until: Timestamp,
}

/// Something that charges a guess: the limiter itself, or a driver's lock around it that is taken
/// only when something is charged.
pub trait Charge {
    /// Charges one guess.
    ///
    /// # Errors
    /// If the key had none left.
    fn charge(&mut self, key: LimitKey, guess: Guess, now: Timestamp) -> Result<(), Limited>;
}

/// The counters.
#[derive(Debug)]
pub struct Limiter {
    limits: Limits,
    counters: BTreeMap<LimitKey, Counter>,
    /// Keys in the order of their counters' start, which is the order of their end.
    oldest: VecDeque<(Timestamp, LimitKey)>,
    uncounted: u64,
}

/// What one key has used up of its minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    /// When it was charged first.
    pub start: Timestamp,
    /// Typed codes since then.
    pub codes: u32,
    /// The rest since then.
    pub others: u32,
}

impl Counter {
    /// One that nothing was charged to yet.
    #[must_use]
    pub const fn new(start: Timestamp) -> Self {
        Self { start, codes: 0, others: 0 }
    }

    /// When its minute is over.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        self.start.plus(WINDOW)
    }

    /// Charges one guess.
    ///
    /// # Errors
    /// If there was none left; nothing has changed then.
    pub fn charge(&mut self, guess: Guess, limits: &Limits) -> Result<(), Limited> {
        let (count, most) = match guess {
            Guess::Code => (&mut self.codes, limits.codes),
            Guess::Other => (&mut self.others, limits.others),
        };
        //= req: LIMIT-1
        if *count >= most {
            return Err(Limited { until: self.end() });
        }
        *count = count.saturating_add(1);
        Ok(())
    }
}

impl Limiter {
    /// An empty limiter.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        let oldest = VecDeque::new();
        Self { limits, counters: BTreeMap::new(), oldest, uncounted: 0 }
    }

    /// How many guesses were let through uncounted because every counter was live.
    #[must_use]
    pub const fn uncounted(&self) -> u64 {
        self.uncounted
    }

    /// How many counters are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.counters.len()
    }

    /// Whether no counter is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counters.is_empty()
    }

    fn drop_ended(&mut self, now: Timestamp) {
        while let Some(&(start, key)) = self.oldest.front() {
            //= req: LIMIT-3
            if now < Counter::new(start).end() {
                break;
            }
            self.oldest.pop_front();
            self.counters.remove(&key);
        }
    }

    fn counter(&mut self, key: LimitKey, now: Timestamp) -> Option<&mut Counter> {
        if !self.counters.contains_key(&key) {
            //= req: LIMIT-3
            if self.counters.len() >= self.limits.capacity {
                return None;
            }
            self.counters.insert(key, Counter::new(now));
            self.oldest.push_back((now, key));
        }
        self.counters.get_mut(&key)
    }
}

impl Charge for Limiter {
    fn charge(&mut self, key: LimitKey, guess: Guess, now: Timestamp) -> Result<(), Limited> {
        self.drop_ended(now);
        let limits = self.limits;
        let Some(counter) = self.counter(key, now) else {
            self.uncounted = self.uncounted.saturating_add(1);
            return Ok(());
        };
        counter.charge(guess, &limits)
    }
}
