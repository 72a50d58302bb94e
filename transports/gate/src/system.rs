//! The operating system's clocks and generator: the one place where time and randomness enter.

#![allow(clippy::disallowed_methods)]

use std::fmt;
use std::time::{Duration, SystemTime};

use rustix::time::{ClockId, clock_gettime};

use crate::clock::{Reading, Readings};

/// Where secrets come from. A failing generator is an error, never a fallback (I19, I20).
pub trait Entropy: fmt::Debug + Send + Sync + 'static {
    /// Fills `bytes` from a cryptographically secure generator.
    ///
    /// # Errors
    /// If it can't; the content of `bytes` must not be used then.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError>;
}

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

/// The operating system's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemReadings;

impl Readings for SystemReadings {
    fn read(&self) -> Reading {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok();
        Reading { wall, boot: since_boot() }
    }
}

fn since_boot() -> Duration {
    let read = clock_gettime(ClockId::Boottime);
    let secs = u64::try_from(read.tv_sec).unwrap_or(0);
    Duration::new(secs, u32::try_from(read.tv_nsec).unwrap_or(0))
}
