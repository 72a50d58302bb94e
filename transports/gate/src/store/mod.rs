//! Where grants, sessions, tickets, local tokens and workspaces are kept.
//!
//! The transition of a record is a pure function of the policy; a store only makes it atomic. An
//! effect and its audit record are durable, in one transaction, before a future here resolves
//! (I21). A store that fails says so, and the gate denies (I20).

mod memory;
pub mod sqlite;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

use doorward_policy::grant::{Attempt, GrantRecord, GrantRefusal};
use doorward_policy::id::{GrantId, SessionId};
use doorward_policy::keys::Digest;
use doorward_policy::ledger::Selector;
use doorward_policy::local::{LocalRecord, LocalSelector};
use doorward_policy::session::SessionRecord;
use doorward_policy::standing::Standing;
use doorward_policy::ticket::{TicketAttempt, TicketRecord, TicketRefusal};
use doorward_policy::token::Claims;
use doorward_policy::workspace::{Change, ChangeRefusal, Directory};
use doorward_policy::{Capabilities, Timestamp};

pub use memory::MemoryStore;
pub use sqlite::SqliteStore;

use crate::audit::AuditRecord;

/// What a store answers, in its time.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// A store brought no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// It has failed, or was busy past its deadline; the text is for the log.
    Unavailable(String),
    /// It has no room. Nothing has changed.
    Full,
    /// It has a record of this digest already. Nothing has changed.
    Exists,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(what) => write!(f, "the store is unavailable: {what}"),
            Self::Full => f.write_str("the store is full"),
            Self::Exists => f.write_str("it was made before, and can't be made again"),
        }
    }
}

impl std::error::Error for StoreError {}

/// What has changed after a revision.
#[derive(Clone, Debug, Default)]
pub struct News {
    /// Ask for what comes after this next time.
    pub revision: u64,
    /// The sessions whose standing has changed: each with the one it has now, and until when that
    /// matters. A local token that was removed or replaced comes as its incarnation, revoked.
    pub sessions: Vec<(SessionId, Standing, Timestamp)>,
    /// The workspaces, if they have changed: there are none at revision 0.
    pub directory: Option<Directory>,
}

/// A line of the audit log and its number. Numbers ascend and are never used twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditLine {
    /// Its number.
    pub number: u64,
    /// The JSON object.
    pub json: String,
}

/// Names a running listener among several on one store.
pub type ListenerId = [u8; 16];

/// What a listener says about its live connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The revision up to which it has acted on the news: whatever connection had to end has ended.
    pub acted: u64,
    /// The sessions that it knows connections of.
    pub sessions: Vec<Counted>,
    /// Until when this counts: a listener that says nothing later has gone.
    pub until: Timestamp,
}

/// The connections of one session with one listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The session, or the incarnation of a local token.
    pub session: SessionId,
    /// How many are live.
    pub live: u32,
    /// How many the listener has ended.
    pub closed: u32,
}

/// The live connections of each session over all listeners.
#[must_use]
pub fn live_connections(reports: &[(ListenerId, Report)]) -> BTreeMap<SessionId, u32> {
    let mut sum = BTreeMap::<SessionId, u32>::new();
    for counted in reports.iter().flat_map(|(_, report)| &report.sessions) {
        let held = sum.entry(counted.session).or_default();
        *held = held.saturating_add(counted.live);
    }
    sum.retain(|_, live| *live > 0);
    sum
}

/// What listeners are told about a session that was revoked or limited.
const fn standing(session: &SessionRecord) -> (SessionId, Standing, Timestamp) {
    let standing = match session.revoked_at {
        Some(_) => Standing::Revoked,
        None => Standing::Limited(session.capabilities),
    };
    (session.id, standing, session.absolute_end)
}

/// Where records are kept.
///
/// One call is one transaction: shaped so that a store on another machine needs one round trip
/// for each.
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Keeps a new grant, with its audit record; [`StoreError::Exists`] if its secret was a
    /// grant's before.
    fn insert_grant(
        &self,
        digest: Digest,
        grant: GrantRecord,
        audit: AuditRecord,
    ) -> Answer<'_, ()>;

    /// Runs [`doorward_policy::grant::redeem`] on the grant of this digest and the workspaces as
    /// they are, and [`doorward_policy::grant::repeat`] where it says so; keeps what it yields. `audit` is kept
    /// with [`AuditRecord::about_session`] if, and only if, a session is opened.
    fn redeem(
        &self,
        digest: Digest,
        attempt: Attempt,
        now: Timestamp,
        audit: AuditRecord,
    ) -> Answer<'_, Result<SessionRecord, GrantRefusal>>;

    /// Keeps a new ticket, with its audit record.
    fn insert_ticket(
        &self,
        digest: Digest,
        ticket: TicketRecord,
        audit: AuditRecord,
    ) -> Answer<'_, ()>;

    /// Runs [`doorward_policy::ticket::consume`] on the ticket of this digest and the workspaces
    /// as they are, and removes the ticket that it accepts.
    fn consume_ticket(
        &self,
        digest: Digest,
        attempt: TicketAttempt,
        now: Timestamp,
    ) -> Answer<'_, Result<Claims, TicketRefusal>>;

    /// Moves a session's expiry on to that of a renewed token; `false` if there is none of this id, or
    /// it was revoked, and so stays as it is.
    fn extend_session(&self, session: SessionId, expires_at: Timestamp) -> Answer<'_, bool>;

    /// Revokes a grant, with its audit record ([`AuditRecord::naming_grant`]); `false` if there is none
    /// of this id.
    fn revoke_grant(&self, grant: GrantId, now: Timestamp, audit: AuditRecord) -> Answer<'_, bool>;

    /// Revokes the live sessions that are picked, each with its own copy of the audit record
    /// ([`AuditRecord::about_session`]), in one transaction. Returns them.
    fn revoke_sessions(
        &self,
        which: Selector,
        now: Timestamp,
        audit: AuditRecord,
    ) -> Answer<'_, Vec<SessionRecord>>;

    /// Leaves the live sessions that are picked no more than `capabilities`, each that had more
    /// with its own copy of the audit record ([`AuditRecord::about_session`]), in one transaction.
    /// Returns those.
    fn limit_sessions(
        &self,
        which: Selector,
        capabilities: Capabilities,
        now: Timestamp,
        audit: AuditRecord,
    ) -> Answer<'_, Vec<SessionRecord>>;

    /// Keeps a new local token, with its audit record; [`StoreError::Exists`] if there is one of
    /// its digest. Returns the one that was registered under its id before, which is removed, with a
    /// record of that.
    fn insert_local(
        &self,
        digest: Digest,
        local: LocalRecord,
        audit: AuditRecord,
    ) -> Answer<'_, Option<LocalRecord>>;

    /// The local token of this digest.
    fn find_local(&self, digest: Digest) -> Answer<'_, Option<LocalRecord>>;

    /// Every local token that is not forgotten, newest first.
    fn locals(&self) -> Answer<'_, Vec<LocalRecord>>;

    /// Removes the local tokens that are picked, each with its own copy of the audit record
    /// ([`AuditRecord::about_local`]), in one transaction. Returns them.
    fn remove_locals(
        &self,
        which: LocalSelector,
        audit: AuditRecord,
    ) -> Answer<'_, Vec<LocalRecord>>;

    /// The workspaces.
    fn directory(&self) -> Answer<'_, Directory>;

    /// Runs [`Directory::apply`] under a new revision, and removes the local tokens of a workspace
    /// that is deleted, with a record of that. `audit` is kept if, and only if, it is not refused.
    fn change_directory(
        &self,
        change: Change,
        audit: AuditRecord,
    ) -> Answer<'_, Result<(), ChangeRefusal>>;

    /// Every grant that is not forgotten, newest first.
    fn grants(&self) -> Answer<'_, Vec<GrantRecord>>;

    /// Every session that is not forgotten, newest first.
    fn sessions(&self) -> Answer<'_, Vec<SessionRecord>>;

    /// What has changed after `revision`: 0 for all that matters, [`u64::MAX`] for the revision
    /// alone. Called several times a second: a store that can tell cheaply that nothing has
    /// changed does.
    fn news(&self, revision: u64) -> Answer<'_, News>;

    /// Keeps audit records that belong to no effect.
    fn record(&self, audit: Vec<AuditRecord>) -> Answer<'_, ()>;

    /// At most `most` audit lines with a number above `after`, ascending.
    fn audit_lines(&self, after: u64, most: usize) -> Answer<'_, Vec<AuditLine>>;

    /// Drops the audit lines up to and with this number: they are durable elsewhere.
    fn trim_audit(&self, up_to: u64) -> Answer<'_, ()>;

    /// Forgets a bounded number of records that are of no more use. Returns how many.
    fn expire(&self, now: Timestamp) -> Answer<'_, usize>;

    /// The highest time that was persisted; the epoch if none was.
    fn clock(&self) -> Answer<'_, Timestamp>;

    /// Persists a time, unless a higher one is.
    fn mark_clock(&self, now: Timestamp) -> Answer<'_, ()>;

    /// Replaces what this listener said about its live connections.
    fn report_connections(&self, listener: ListenerId, report: Report) -> Answer<'_, ()>;

    /// What each listener said last, as far as that counts still.
    fn reports(&self, now: Timestamp) -> Answer<'_, Vec<(ListenerId, Report)>>;
}
