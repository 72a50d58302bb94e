//! The operating system's clock and generator: the one place where time and randomness enter.

#![allow(clippy::disallowed_methods)]

use std::fmt;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use doorward_policy::Timestamp;
use rustix::time::{ClockId, clock_gettime};

/// Where `now` comes from. A failing clock is a denial (I20).
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The present, which never goes back.
    ///
    /// # Errors
    /// If it can't be told.
    fn now(&self) -> Result<Timestamp, ClockError>;
}

/// Where secrets come from. A failing generator is an error, never a fallback (I19, I20).
pub trait Entropy: fmt::Debug + Send + Sync + 'static {
    /// Fills `bytes` from a cryptographically secure generator.
    ///
    /// # Errors
    /// If it can't; the content of `bytes` must not be used then.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError>;
}

/// The clock can't tell the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockError;

impl fmt::Display for ClockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the system clock reads a time before 1970; set it")
    }
}

impl std::error::Error for ClockError {}

/// The generator has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntropyError;

impl fmt::Display for EntropyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the operating system's random generator has failed")
    }
}

impl std::error::Error for EntropyError {}

/// `N` random bytes.
///
/// # Errors
/// If the generator fails.
pub fn random<const N: usize>(entropy: &dyn Entropy) -> Result<[u8; N], EntropyError> {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes)?;
    Ok(bytes)
}

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        getrandom::fill(bytes).map_err(|_| EntropyError)
    }
}

/// Wall time that never goes back: the highest reading so far, carried forward by the boot-time
/// clock, which also runs while the machine sleeps.
#[derive(Debug)]
pub struct SystemClock {
    anchor: Mutex<Anchor>,
}

#[derive(Clone, Copy, Debug)]
struct Anchor {
    wall: Duration,
    boot: Duration,
}

impl SystemClock {
    /// A clock that never reads less than `floor`: the highest reading that was persisted.
    #[must_use]
    pub fn new(floor: Timestamp) -> Self {
        let wall = Duration::from_millis(floor.as_millis());
        Self { anchor: Mutex::new(Anchor { wall, boot: since_boot() }) }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Result<Timestamp, ClockError> {
        let read =
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_err(|_| ClockError)?;
        let boot = since_boot();
        let mut anchor = self.anchor.lock().map_err(|_| ClockError)?;
        let carried = anchor.wall.saturating_add(boot.saturating_sub(anchor.boot));
        let wall = carried.max(read);
        *anchor = Anchor { wall, boot };
        u64::try_from(wall.as_millis()).map(Timestamp::from_millis).map_err(|_| ClockError)
    }
}

fn since_boot() -> Duration {
    let read = clock_gettime(ClockId::Boottime);
    let secs = u64::try_from(read.tv_sec).unwrap_or(0);
    Duration::new(secs, u32::try_from(read.tv_nsec).unwrap_or(0))
}
