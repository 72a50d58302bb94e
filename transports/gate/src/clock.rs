//! `now`, made of two readings: it never goes back, and runs on while the machine sleeps.

use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use doorward_policy::Timestamp;

use crate::system::SystemReadings;

/// Where `now` comes from. A failing clock is a denial (I20).
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The present, which never goes back.
    ///
    /// # Errors
    /// If it can't be told.
    fn now(&self) -> Result<Timestamp, ClockError>;
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

/// What the operating system's clocks read at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Since 1970 UTC, by the clock that people and time servers set; `None` for a time before.
    pub wall: Option<Duration>,
    /// Since the machine was started, asleep or awake; nobody sets it.
    pub boot: Duration,
}

/// Where a [`SystemClock`] reads.
pub trait Readings: fmt::Debug + Send + Sync + 'static {
    /// Both clocks, now.
    fn read(&self) -> Reading;
}

/// Wall time that never goes back: the highest reading so far, carried forward by the boot-time
/// clock, which also runs while the machine sleeps.
///
/// A wall clock that is set back is not believed, so that nothing that has an end is given time. One
/// that is set forward is: it may have been wrong until then. What it said goes on to count when
/// it is set back again.
#[derive(Debug)]
pub struct SystemClock<R = SystemReadings> {
    readings: R,
    anchor: Mutex<Anchor>,
}

#[derive(Clone, Copy, Debug)]
struct Anchor {
    /// `None` while nothing was read, and nothing had been persisted.
    wall: Option<Duration>,
    boot: Duration,
}

impl SystemClock {
    /// A clock that never reads less than `floor`: the highest reading that was persisted.
    #[must_use]
    pub fn new(floor: Timestamp) -> Self {
        Self::reading(SystemReadings, floor)
    }
}

impl<R: Readings> SystemClock<R> {
    /// As [`SystemClock::new`], of other clocks.
    #[must_use]
    pub fn reading(readings: R, floor: Timestamp) -> Self {
        let wall = (floor > Timestamp::EPOCH).then(|| Duration::from_millis(floor.as_millis()));
        let anchor = Mutex::new(Anchor { wall, boot: readings.read().boot });
        Self { readings, anchor }
    }
}

impl<R: Readings> Clock for SystemClock<R> {
    fn now(&self) -> Result<Timestamp, ClockError> {
        // Read under the lock: a reading that waited for it would be older than the anchor.
        let mut anchor = self.anchor.lock().map_err(|_| ClockError)?;
        let Reading { wall: read, boot } = self.readings.read();
        let passed = boot.saturating_sub(anchor.boot);
        let carried = anchor.wall.map(|wall| wall.saturating_add(passed));
        //= req: TIME-1
        let wall = carried.max(read).ok_or(ClockError)?;
        let now = u64::try_from(wall.as_millis()).map_err(|_| ClockError)?;
        *anchor = Anchor { wall: Some(wall), boot };
        Ok(Timestamp::from_millis(now))
    }
}
