//! The in-memory ledger: grants, sessions, tickets, local tokens and workspaces, with bounded size
//! and cheap expiry.
//!
//! It is the memory store's whole state, and the model that every other store is compared with.

mod bits;
mod grants;
mod index;
mod labels;
mod locals;
mod recent;
mod sessions;
mod slab;
mod table;
mod tickets;

use alloc::vec::Vec;
use core::fmt;

pub use self::grants::Grants;
use self::locals::Locals;
pub use self::sessions::Sessions;
use self::tickets::Tickets;
use crate::capability::Capabilities;
use crate::grant::{self, Attempt, GrantRecord, GrantRefusal, Redemption};
use crate::id::{GrantId, SessionId};
use crate::keys::Digest;
use crate::local::{LocalRecord, LocalSelector};
use crate::session::SessionRecord;
use crate::standing::Seeded;
use crate::subject::Subject;
use crate::ticket::{self, TicketAttempt, TicketRecord, TicketRefusal};
use crate::time::Timestamp;
use crate::token::Claims;
use crate::workspace::{Change, ChangeRefusal, Directory};

/// How many records of each kind a ledger holds before it refuses a further one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Grants, spent and expired ones included until they are forgotten.
    pub grants: usize,
    /// Sessions, until their absolute end.
    pub sessions: usize,
    /// Tickets.
    pub tickets: usize,
    /// Local tokens.
    pub locals: usize,
}

impl Default for Capacity {
    fn default() -> Self {
        Self { grants: 1 << 20, sessions: 1 << 20, tickets: 1 << 16, locals: 4096 }
    }
}

/// Why a record is not kept. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotKept {
    /// There is no room for a further one of its kind. Full means refuse.
    Full,
    /// There is one of this digest: a spent grant doesn't come back by being made again.
    Exists,
}

impl fmt::Display for NotKept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the ledger is full",
            Self::Exists => "there is a record of this digest already",
        })
    }
}

impl core::error::Error for NotKept {}

/// Why a redemption in the ledger yields nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedeemError {
    /// The grant is refused.
    Refused(GrantRefusal),
    /// The session would not fit, or there is one of its id already. The grant is not spent.
    Full,
}

/// Which sessions to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selector {
    /// One session.
    Session(SessionId),
    /// All of one subject.
    Subject(Subject),
    /// All but this one.
    AllBut(SessionId),
    /// All there are.
    All,
}

impl Selector {
    /// Whether it picks this session.
    #[must_use]
    pub fn picks(&self, session: &SessionRecord) -> bool {
        match self {
            Self::Session(id) => session.id == *id,
            Self::Subject(subject) => session.subject == *subject,
            Self::AllBut(id) => session.id != *id,
            Self::All => true,
        }
    }
}

/// Grants, sessions, tickets, local tokens and workspaces in memory.
#[derive(Clone, Debug)]
pub struct Ledger {
    capacity: Capacity,
    grants: Grants,
    sessions: Sessions,
    tickets: Tickets,
    locals: Locals,
    directory: Directory,
}

impl Ledger {
    /// An empty ledger; `seed` is entropy, for its hash tables.
    #[must_use]
    pub fn new(capacity: Capacity, seed: [u8; 8]) -> Self {
        Self {
            capacity,
            grants: Grants::new(seed),
            sessions: Sessions::new(seed),
            tickets: Tickets::new(Seeded(u64::from_le_bytes(seed))),
            locals: Locals::default(),
            directory: Directory::default(),
        }
    }

    /// Keeps a grant.
    ///
    /// # Errors
    /// [`NotKept`].
    pub fn insert_grant(&mut self, digest: Digest, grant: GrantRecord) -> Result<(), NotKept> {
        self.grants.insert(digest, grant, self.capacity.grants)
    }

    /// Consumes one use of a grant and keeps the session that it buys, or finds the session that
    /// the same nonce bought before.
    ///
    /// # Errors
    /// Why not; nothing has changed then.
    pub fn redeem(
        &mut self,
        digest: &Digest,
        attempt: &Attempt,
        now: Timestamp,
    ) -> Result<SessionRecord, RedeemError> {
        let full = self.sessions.len() >= self.capacity.sessions;
        let taken = self.sessions.contains(attempt.session);
        // Full means refuse, and a refusal spends nothing: the transition runs on a copy then.
        //= req: GRANT-7
        let outcome = if full || taken {
            grant::redeem(self.grants.get(digest).as_mut(), attempt, &self.directory, now)
        } else {
            self.grants.redeem(digest, attempt, &self.directory, now)
        };
        match outcome.map_err(RedeemError::Refused)? {
            Redemption::Opened(session) => {
                let kept = self.sessions.insert(&session, self.capacity.sessions);
                kept.map(|()| session).map_err(|_| RedeemError::Full)
            }
            Redemption::Repeated(id) => {
                grant::repeat(self.sessions.get(id).as_ref(), now).map_err(RedeemError::Refused)
            }
        }
    }

    /// Keeps a ticket.
    ///
    /// # Errors
    /// [`NotKept`].
    pub fn insert_ticket(&mut self, digest: Digest, ticket: TicketRecord) -> Result<(), NotKept> {
        self.tickets.insert(digest, ticket, self.capacity.tickets)
    }

    /// Consumes a ticket.
    ///
    /// # Errors
    /// Why it is refused; nothing has changed then.
    pub fn consume_ticket(
        &mut self,
        digest: &Digest,
        attempt: &TicketAttempt,
        now: Timestamp,
    ) -> Result<Claims, TicketRefusal> {
        let ticket = self.tickets.get(digest);
        let session = ticket.and_then(|ticket| self.sessions.get(ticket.session));
        let claims = ticket::consume(ticket, session.as_ref(), attempt, &self.directory, now)?;
        //= req: TICKET-1
        self.tickets.remove(digest);
        Ok(claims)
    }

    /// Moves a session's expiry on to that of a renewed token; `false` if there is none of this id, or
    /// it was revoked, and so stays as it is.
    pub fn extend_session(&mut self, id: SessionId, expires_at: Timestamp) -> bool {
        self.sessions.extend(id, expires_at)
    }

    /// Revokes a grant; `false` if there is none of this id.
    pub fn revoke_grant(&mut self, id: GrantId, now: Timestamp) -> bool {
        self.grants.revoke(id, now)
    }

    /// Revokes the live sessions that `which` picks, and returns them as they are now.
    pub fn revoke_sessions(&mut self, which: &Selector, now: Timestamp) -> Vec<SessionRecord> {
        self.sessions.revoke(which, now)
    }

    /// Leaves the live sessions that `which` picks no more than `capabilities`, and returns those
    /// that had more, as they are now.
    pub fn limit_sessions(
        &mut self,
        which: &Selector,
        capabilities: Capabilities,
        now: Timestamp,
    ) -> Vec<SessionRecord> {
        self.sessions.limit(which, capabilities, now)
    }

    /// Keeps a local token. Returns the one that was registered under its id before, which is
    /// gone now.
    ///
    /// # Errors
    /// [`NotKept`].
    pub fn insert_local(
        &mut self,
        digest: Digest,
        local: LocalRecord,
    ) -> Result<Option<LocalRecord>, NotKept> {
        self.locals.insert(digest, local, self.capacity.locals)
    }

    /// The local token of this digest.
    #[must_use]
    pub fn local(&self, digest: &Digest) -> Option<&LocalRecord> {
        self.locals.by_digest.get(digest)
    }

    /// The local tokens kept.
    pub fn locals(&self) -> impl Iterator<Item = &LocalRecord> {
        self.locals.by_digest.values()
    }

    /// Removes the local tokens that `which` picks, and returns them.
    pub fn remove_locals(&mut self, which: &LocalSelector) -> Vec<LocalRecord> {
        self.locals.remove(|local| which.picks(local))
    }

    /// The workspaces.
    #[must_use]
    pub const fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Changes the workspaces; `revision` never comes twice. Returns the local tokens that went
    /// with a workspace: one that is made later under its name is none of theirs.
    ///
    /// # Errors
    /// Why not; nothing has changed then.
    pub fn change_directory(
        &mut self,
        change: &Change,
        revision: u64,
    ) -> Result<Vec<LocalRecord>, ChangeRefusal> {
        self.directory.apply(change, revision)?;
        //= req: LOCAL-6
        let orphans = LocalSelector::orphaned_by(change);
        Ok(orphans.map(|which| self.remove_locals(&which)).unwrap_or_default())
    }

    /// The grants kept, in no order.
    pub fn grants(&self) -> impl Iterator<Item = GrantRecord> {
        self.grants.iter()
    }

    /// The sessions kept, revoked ones included, in no order.
    pub fn sessions(&self) -> impl Iterator<Item = SessionRecord> {
        self.sessions.iter()
    }

    /// One session.
    #[must_use]
    pub fn session(&self, id: SessionId) -> Option<SessionRecord> {
        self.sessions.get(id)
    }

    /// Forgets at most `budget` records of each kind that are of no more use. Returns how many, not
    /// counting redemptions that can't be repeated any more, of which it forgets as many.
    ///
    /// Costs nothing where nothing is due, whatever the number of live records (local tokens, which
    /// are few, are looked through); call it often with a small budget and no call pauses for long.
    pub fn expire(&mut self, now: Timestamp, budget: usize) -> usize {
        self.expire_and_tell(now, budget, |_| ())
    }

    /// As [`expire`](Self::expire), and tells which sessions are forgotten.
    pub fn expire_and_tell(
        &mut self,
        now: Timestamp,
        budget: usize,
        tell: impl FnMut(SessionId),
    ) -> usize {
        let grants = self.grants.expire(now, budget);
        let sessions = self.sessions.expire(now, budget, tell);
        let tickets = self.tickets.expire(now, budget);
        let locals = self.locals.expire(now, budget);
        grants.saturating_add(sessions).saturating_add(tickets).saturating_add(locals)
    }
}
