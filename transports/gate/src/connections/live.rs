//! One live connection: its end, its deadline, and the activity of its client.

use std::pin::pin;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};
use std::sync::{Arc, OnceLock};

use doorward_policy::Timestamp;
use doorward_policy::deadline::{self, Warning};
use doorward_policy::denial::{Denial, Outage};
use doorward_policy::id::SessionId;
use doorward_policy::tenure::Tenure;
use tokio::sync::Notify;

use super::Connections;

/// The far end of time, as far as a deadline can tell it.
pub(super) const NEVER: Timestamp = Timestamp::from_millis(u64::MAX >> 2);

/// Why a live connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End(Denial);

impl End {
    /// The refusal that it amounts to, with its close code and reason.
    #[must_use]
    pub const fn denial(self) -> Denial {
        self.0
    }
}

/// How long a session has left, as its clients are to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// When it ends, unless it is moved on.
    pub ends_at: Timestamp,
    /// What is in force; none where the end that was warned of has moved on.
    pub warning: Option<Warning>,
}

impl Deadline {
    pub(super) fn of(ends_at: Timestamp, now: Timestamp) -> Self {
        Self { ends_at, warning: deadline::warning(ends_at, now) }
    }

    /// In one word, so that it is read without a lock.
    fn pack(self) -> u64 {
        let warning = match self.warning {
            None => 0,
            Some(Warning::FiveMinutes) => 1,
            Some(Warning::OneMinute) => 2,
        };
        (self.ends_at.min(NEVER).as_millis() << 2) | warning
    }

    fn unpack(word: u64) -> Self {
        let warning = match word & 3 {
            0 => None,
            1 => Some(Warning::FiveMinutes),
            _ => Some(Warning::OneMinute),
        };
        Self { ends_at: Timestamp::from_millis(word >> 2), warning }
    }
}

/// What the connections of one session have in common.
#[derive(Debug)]
pub(super) struct Holding {
    pub(super) key: Option<SessionId>,
    /// The end that no activity passes.
    pub(super) absolute_end: Timestamp,
    deadline: AtomicU64,
    pub(super) active: AtomicBool,
    told: Notify,
}

impl Holding {
    pub(super) fn new(
        key: Option<SessionId>,
        absolute_end: Timestamp,
        ends_at: Timestamp,
        now: Timestamp,
    ) -> Self {
        let deadline = AtomicU64::new(Deadline::of(ends_at, now).pack());
        Self { key, absolute_end, deadline, active: AtomicBool::new(false), told: Notify::new() }
    }

    pub(super) fn deadline(&self) -> Deadline {
        Deadline::unpack(self.deadline.load(SeqCst))
    }

    /// Moves the end on, never back, and tells what is in force at `now`.
    pub(super) fn put(&self, ends_at: Timestamp, now: Timestamp) {
        let before = self.deadline();
        let after = Deadline::of(before.ends_at.max(ends_at), now);
        if after != before {
            self.deadline.store(after.pack(), SeqCst);
        }
        // Most often there is nothing to tell, and there may be many to be woken for nothing.
        if after != before && (after.warning.is_some() || before.warning.is_some()) {
            self.told.notify_waiters();
        }
    }
}

/// One connection in the register. There may be very many: what is alike is shared.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) tenure: Arc<Tenure>,
    pub(super) holding: Arc<Holding>,
    end: OnceLock<Box<Denial>>,
    ended: Notify,
    /// The deadline that its client was told last.
    warned: AtomicU64,
    /// The number of the news that ended it; 0 if none did. Written under the register's lock, as
    /// is the next.
    pub(super) news: AtomicU64,
    /// Its place among the connections of its session.
    pub(super) place: AtomicU32,
    /// Whether it is a client's, and so counts as one of its session's.
    pub(super) by_client: bool,
}

impl Entry {
    pub(super) fn new(
        tenure: Arc<Tenure>,
        holding: Arc<Holding>,
        place: u32,
        by_client: bool,
    ) -> Self {
        Self {
            tenure,
            holding,
            end: OnceLock::new(),
            ended: Notify::new(),
            warned: AtomicU64::new(0),
            news: AtomicU64::new(0),
            place: AtomicU32::new(place),
            by_client,
        }
    }

    pub(super) fn tell(&self, denial: Denial) {
        if self.end.set(Box::new(denial)).is_ok() {
            self.ended.notify_waiters();
        }
    }

    async fn ended(&self) -> End {
        let mut told = pin!(self.ended.notified());
        // From here on it is woken: the end is either seen now or told later.
        told.as_mut().enable();
        if !self.is_told() {
            told.await;
        }
        // It is set before anybody is told.
        let end = self.end.get().map(|denial| **denial);
        End(end.unwrap_or(Denial::Unavailable(Outage::Draining)))
    }

    pub(super) fn is_told(&self) -> bool {
        self.end.get().is_some()
    }

    /// What its client is to be told now, if anything.
    fn untold(&self) -> Option<Deadline> {
        let now = self.holding.deadline();
        let told = Deadline::unpack(self.warned.load(SeqCst));
        let news = match now.warning {
            Some(_) => now != told,
            // At the end itself there is none either, and nothing has moved on.
            None => told.warning.is_some() && now.ends_at != told.ends_at,
        };
        news.then(|| {
            self.warned.store(now.pack(), SeqCst);
            now
        })
    }
}

/// A registered connection; leaves the register when dropped.
#[derive(Debug)]
pub struct LiveConnection {
    entry: Arc<Entry>,
    connections: Arc<Connections>,
    /// Whether it came to be: one that was ended before it was carried is not counted as closed,
    /// nor is one that is no client's.
    admitted: bool,
}

impl LiveConnection {
    pub(super) const fn new(entry: Arc<Entry>, connections: Arc<Connections>) -> Self {
        Self { entry, connections, admitted: false }
    }

    pub(crate) const fn admit(mut self) -> Self {
        self.admitted = true;
        self
    }

    /// Resolves when the connection must end, and says why. May be dropped and asked again.
    pub async fn ended(&self) -> End {
        self.entry.ended().await
    }

    /// As [`Self::ended`], for whoever does not hold the connection: does not resolve if it leaves
    /// before.
    pub fn ending(&self) -> impl Future<Output = End> + Send + use<> {
        let entry = Arc::clone(&self.entry);
        async move { entry.ended().await }
    }

    /// Resolves when there is something to tell the client about its session's end: a warning that
    /// it has not been told yet, or that an end it was warned of has moved on. May be dropped and
    /// asked again.
    pub async fn warning(&self) -> Deadline {
        loop {
            let mut told = pin!(self.entry.holding.told.notified());
            told.as_mut().enable();
            if let Some(deadline) = self.entry.untold() {
                return deadline;
            }
            told.await;
        }
    }

    /// The client has done something: its session is in use, and its end moves on. Costs nothing
    /// worth mentioning; for every message that comes from a client, and for nothing that doesn't.
    pub fn touch(&self) {
        self.connections.touch(&self.entry.holding);
    }

    /// When its session ends, as of now; none for a connection that goes by no session.
    #[must_use]
    pub fn ends_at(&self) -> Option<Timestamp> {
        self.entry.holding.key.map(|_| self.entry.holding.deadline().ends_at)
    }

    /// What it was admitted on.
    #[must_use]
    pub fn tenure(&self) -> &Tenure {
        &self.entry.tenure
    }
}

impl Drop for LiveConnection {
    fn drop(&mut self) {
        self.connections.leave(&self.entry, self.admitted);
    }
}
