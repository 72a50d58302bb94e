//! The live connections: who holds them, and telling each of them when its session ends (I10).

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use doorward_policy::Timestamp;
use doorward_policy::denial::{Denial, Outage};
use doorward_policy::id::SessionId;
use tokio::sync::Notify;

/// Why a live connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Its session was revoked.
    Revoked,
    /// Its session has expired.
    Expired,
    /// The server is going away.
    Draining,
}

impl End {
    /// The refusal that it amounts to, with its close code and reason.
    #[must_use]
    pub const fn denial(self) -> Denial {
        match self {
            Self::Revoked => Denial::SessionRevoked,
            Self::Expired => Denial::SessionExpired,
            Self::Draining => Denial::Unavailable(Outage::Draining),
        }
    }
}

/// The connections of a process, by session.
///
/// A connection without a session, on an unguarded server, is registered under none and ends only
/// with the server.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    sessions: Mutex<HashMap<Option<SessionId>, Held>>,
}

#[derive(Debug)]
struct Held {
    count: u32,
    expires_at: Timestamp,
    signal: Arc<Signal>,
}

/// Tells the connections of a session, once, that they must end.
#[derive(Debug, Default)]
struct Signal {
    end: OnceLock<End>,
    told: Notify,
}

impl Connections {
    pub(crate) fn register(
        self: &Arc<Self>,
        session: Option<SessionId>,
        expires_at: Timestamp,
    ) -> LiveConnection {
        let mut sessions = self.lock();
        let held = sessions.entry(session).or_insert_with(|| Held {
            count: 0,
            expires_at,
            signal: Arc::default(),
        });
        held.count += 1;
        held.expires_at = held.expires_at.max(expires_at);
        LiveConnection { session, signal: Arc::clone(&held.signal), connections: Arc::clone(self) }
    }

    /// A renewal moves the end of the session's connections on: they live until its latest expiry.
    pub(crate) fn extend(&self, session: SessionId, expires_at: Timestamp) {
        if let Some(held) = self.lock().get_mut(&Some(session)) {
            held.expires_at = held.expires_at.max(expires_at);
        }
    }

    /// Ends the connections of the sessions that `revoked` says are, and of those that have
    /// expired by `now`.
    pub(crate) fn sweep(&self, now: Timestamp, revoked: impl Fn(SessionId) -> bool) {
        for (session, held) in self.lock().iter() {
            let Some(session) = session else { continue };
            if revoked(*session) {
                held.tell(End::Revoked);
            } else if now >= held.expires_at {
                held.tell(End::Expired);
            }
        }
    }

    /// Ends every connection.
    pub(crate) fn drain(&self) {
        self.lock().values().for_each(|held| held.tell(End::Draining));
    }

    /// How many connections each session has.
    pub(crate) fn counts(&self) -> Vec<(SessionId, u32)> {
        self.lock()
            .iter()
            .filter_map(|(session, held)| session.map(|session| (session, held.count)))
            .collect()
    }

    /// How many connections there are in all.
    pub(crate) fn total(&self) -> usize {
        self.lock().values().map(|held| held.count as usize).sum()
    }

    fn leave(&self, session: Option<SessionId>) {
        let mut sessions = self.lock();
        if let Some(held) = sessions.get_mut(&session) {
            held.count -= 1;
            if held.count == 0 {
                sessions.remove(&session);
            }
        }
    }

    /// The table is consistent between any two statements, so a panic elsewhere spoils nothing.
    fn lock(&self) -> MutexGuard<'_, HashMap<Option<SessionId>, Held>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn tell(&self, end: End) {
        if self.signal.end.set(end).is_ok() {
            self.signal.told.notify_waiters();
        }
    }
}

/// A registered connection; leaves the register when dropped.
#[derive(Debug)]
pub struct LiveConnection {
    session: Option<SessionId>,
    signal: Arc<Signal>,
    connections: Arc<Connections>,
}

impl LiveConnection {
    /// Resolves when the connection must end, and says why.
    pub async fn ended(&mut self) -> End {
        let mut told = pin!(self.signal.told.notified());
        // From here on it is woken: the end is either seen now or told later.
        told.as_mut().enable();
        if self.signal.end.get().is_none() {
            told.await;
        }
        // It is set before anybody is told.
        self.signal.end.get().copied().unwrap_or(End::Draining)
    }

    /// The session that it belongs to.
    #[must_use]
    pub const fn session(&self) -> Option<SessionId> {
        self.session
    }
}

impl Drop for LiveConnection {
    fn drop(&mut self) {
        self.connections.leave(self.session);
    }
}
