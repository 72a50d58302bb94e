//! The SQLite store: one file, which several processes on one machine may share.
//!
//! WAL with `synchronous=FULL`: what was answered survives `kill -9` and a loss of power. One
//! thread writes and groups commits; three read, so that neither a long list nor strangers who guess
//! tokens ever hold up the news about who was revoked.

pub mod document;
mod failure;
mod migrations;
mod operations;
mod query;
mod reader;
pub mod rows;
mod schema;
#[cfg(test)]
mod tests;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use doorward_policy::grant::{Attempt, GrantRecord, GrantRefusal};
use doorward_policy::id::{GrantId, Issuer, SessionId};
use doorward_policy::keys::Digest;
use doorward_policy::ledger::{Capacity, Selector};
use doorward_policy::local::{LocalRecord, LocalSelector};
use doorward_policy::session::SessionRecord;
use doorward_policy::ticket::{TicketAttempt, TicketRecord, TicketRefusal};
use doorward_policy::token::Claims;
use doorward_policy::workspace::{Change, ChangeRefusal, Directory};
use doorward_policy::{Capabilities, Timestamp};
use rusqlite::Connection;

pub use schema::OpenError;

use self::failure::Failure;
use self::operations::Parsed;
use self::reader::{Query, Reader};
use self::writer::{Desk, Operation, Shared, Work, Writer};
use super::{Answer, AuditLine, ListenerId, News, Report, Store};
use crate::audit::AuditRecord;

/// Ending or limiting every session there is may take longer than a caller waits otherwise.
const REVOKE_PATIENCE: u32 = 15;

/// How a store behaves.
#[derive(Clone, Copy, Debug)]
pub struct SqliteSettings {
    /// How many records of each kind it holds.
    pub capacity: Capacity,
    /// How long an operation may take, with its wait for other processes, before the store counts
    /// as unavailable.
    pub patience: Duration,
    /// How many operations may wait for the writer.
    pub queue: usize,
}

impl Default for SqliteSettings {
    fn default() -> Self {
        Self { capacity: Capacity::default(), patience: Duration::from_secs(4), queue: 1024 }
    }
}

/// Records in an SQLite database. Its futures need a tokio runtime with time.
#[derive(Debug)]
pub struct SqliteStore {
    shared: Arc<Shared>,
    capacity: Capacity,
    parsed: Arc<Parsed>,
    writer: Desk<Box<dyn Work>>,
    /// For what is asked several times a second.
    news: Desk<Query>,
    /// For what strangers can have looked up.
    tokens: Desk<Query>,
    /// For what may take long.
    lists: Desk<Query>,
}

impl SqliteStore {
    /// Opens the database of the installation `issuer`, and makes it if it is not there: its file
    /// is its owner's alone, in a folder that nobody else can write to.
    ///
    /// # Errors
    /// Why not; nothing has changed then.
    pub fn open(path: &Path, issuer: Issuer, settings: SqliteSettings) -> Result<Self, OpenError> {
        Self::open_or(path, issuer, settings, schema::Empty::MayBeMade)
    }

    /// Opens a database that must be there, with what it held.
    ///
    /// # Errors
    /// As [`SqliteStore::open`], and [`OpenError::Lost`].
    pub fn open_existing(
        path: &Path,
        issuer: Issuer,
        settings: SqliteSettings,
    ) -> Result<Self, OpenError> {
        Self::open_or(path, issuer, settings, schema::Empty::IsLost)
    }

    fn open_or(
        path: &Path,
        issuer: Issuer,
        settings: SqliteSettings,
        empty: schema::Empty,
    ) -> Result<Self, OpenError> {
        let SqliteSettings { capacity, patience, queue } = settings;
        let (path, connection) = schema::open(path, issuer, patience, empty)?;
        connection
            .busy_timeout(Duration::ZERO)
            .map_err(|error| OpenError::Failed(failure::explain(&path, &error)))?;
        let shared = Arc::new(Shared {
            path,
            patience,
            broken: AtomicBool::new(false),
            commits: AtomicU64::new(0),
        });
        let thread = |error| OpenError::Failed(format!("no thread for the store: {error}"));
        let writer = Writer::new(Arc::clone(&shared), connection);
        let writer = Desk::open("store-writer", Arc::clone(&shared), queue, move |jobs| {
            writer.serve(jobs);
        });
        let reader = |name| {
            let reader = Reader::new(Arc::clone(&shared));
            Desk::open(name, Arc::clone(&shared), queue, move |jobs| reader.serve(jobs))
        };
        Ok(Self {
            capacity,
            parsed: Arc::default(),
            writer: writer.map_err(thread)?,
            news: reader("store-news").map_err(thread)?,
            tokens: reader("store-tokens").map_err(thread)?,
            lists: reader("store-lists").map_err(thread)?,
            shared,
        })
    }

    /// How many transactions this store has committed: fewer than operations, where they were
    /// grouped.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.shared.commits.load(Ordering::Relaxed)
    }

    fn write<T, F>(&self, operation: F) -> Answer<'_, T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    {
        self.write_within(self.shared.patience, operation)
    }

    fn write_within<T, F>(&self, patience: Duration, operation: F) -> Answer<'_, T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    {
        Box::pin(self.writer.ask(patience, |reply| Operation::boxed(operation, reply)))
    }

    fn read<'s, T, F>(&'s self, desk: &'s Desk<Query>, read: F) -> Answer<'s, T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, &mut Option<(i64, u64)>) -> Result<T, Failure> + Send + 'static,
    {
        Box::pin(desk.ask(self.shared.patience, |reply| Reader::query(read, reply)))
    }
}

impl Store for SqliteStore {
    fn insert_grant(
        &self,
        digest: Digest,
        grant: GrantRecord,
        audit: AuditRecord,
    ) -> Answer<'_, ()> {
        let capacity = self.capacity;
        self.write(move |connection| {
            operations::insert_grant(connection, &capacity, &digest, &grant, &audit)
        })
    }

    fn redeem(
        &self,
        digest: Digest,
        attempt: Attempt,
        now: Timestamp,
        audit: AuditRecord,
    ) -> Answer<'_, Result<SessionRecord, GrantRefusal>> {
        let (capacity, parsed) = (self.capacity, Arc::clone(&self.parsed));
        self.write(move |connection| {
            operations::redeem(connection, &capacity, &parsed, &digest, &attempt, now, audit)
        })
    }

    fn insert_ticket(
        &self,
        digest: Digest,
        ticket: TicketRecord,
        audit: AuditRecord,
    ) -> Answer<'_, ()> {
        let capacity = self.capacity;
        self.write(move |connection| {
            operations::insert_ticket(connection, &capacity, &digest, &ticket, &audit)
        })
    }

    fn consume_ticket(
        &self,
        digest: Digest,
        attempt: TicketAttempt,
        now: Timestamp,
    ) -> Answer<'_, Result<Claims, TicketRefusal>> {
        let parsed = Arc::clone(&self.parsed);
        self.write(move |connection| {
            operations::consume_ticket(connection, &parsed, &digest, &attempt, now)
        })
    }

    fn extend_session(&self, session: SessionId, expires_at: Timestamp) -> Answer<'_, bool> {
        self.write(move |connection| operations::extend_session(connection, session, expires_at))
    }

    fn revoke_grant(&self, grant: GrantId, now: Timestamp, audit: AuditRecord) -> Answer<'_, bool> {
        self.write(move |connection| operations::revoke_grant(connection, grant, now, audit))
    }

    fn revoke_sessions(
        &self,
        which: Selector,
        now: Timestamp,
        audit: AuditRecord,
    ) -> Answer<'_, Vec<SessionRecord>> {
        let patience = self.shared.patience.saturating_mul(REVOKE_PATIENCE);
        self.write_within(patience, move |connection| {
            operations::revoke_sessions(connection, &which, now, &audit)
        })
    }

    fn limit_sessions(
        &self,
        which: Selector,
        capabilities: Capabilities,
        now: Timestamp,
        audit: AuditRecord,
    ) -> Answer<'_, Vec<SessionRecord>> {
        let patience = self.shared.patience.saturating_mul(REVOKE_PATIENCE);
        self.write_within(patience, move |connection| {
            operations::limit_sessions(connection, &which, capabilities, now, &audit)
        })
    }

    fn insert_local(
        &self,
        digest: Digest,
        local: LocalRecord,
        audit: AuditRecord,
    ) -> Answer<'_, Option<LocalRecord>> {
        let capacity = self.capacity;
        self.write(move |connection| {
            operations::insert_local(connection, &capacity, &digest, &local, &audit)
        })
    }

    fn find_local(&self, digest: Digest) -> Answer<'_, Option<LocalRecord>> {
        self.read(&self.tokens, move |connection, _| reader::find_local(connection, &digest))
    }

    fn locals(&self) -> Answer<'_, Vec<LocalRecord>> {
        self.read(&self.lists, |connection, _| reader::locals(connection))
    }

    fn remove_locals(
        &self,
        which: LocalSelector,
        audit: AuditRecord,
    ) -> Answer<'_, Vec<LocalRecord>> {
        self.write(move |connection| operations::remove_locals(connection, &which, &audit))
    }

    fn directory(&self) -> Answer<'_, Directory> {
        self.read(&self.lists, |connection, _| reader::directory(connection))
    }

    fn change_directory(
        &self,
        change: Change,
        audit: AuditRecord,
    ) -> Answer<'_, Result<(), ChangeRefusal>> {
        self.write(move |connection| operations::change_directory(connection, &change, &audit))
    }

    fn grants(&self) -> Answer<'_, Vec<GrantRecord>> {
        self.read(&self.lists, |connection, _| reader::grants(connection))
    }

    fn sessions(&self) -> Answer<'_, Vec<SessionRecord>> {
        self.read(&self.lists, |connection, _| reader::sessions(connection))
    }

    fn news(&self, revision: u64) -> Answer<'_, News> {
        self.read(&self.news, move |connection, seen| reader::news(connection, seen, revision))
    }

    fn record(&self, audit: Vec<AuditRecord>) -> Answer<'_, ()> {
        if audit.is_empty() {
            return Box::pin(async { self.shared.sound() });
        }
        self.write(move |connection| operations::record(connection, &audit))
    }

    fn audit_lines(&self, after: u64, most: usize) -> Answer<'_, Vec<AuditLine>> {
        self.read(&self.lists, move |connection, _| reader::audit_lines(connection, after, most))
    }

    fn trim_audit(&self, up_to: u64) -> Answer<'_, ()> {
        self.write(move |connection| operations::trim_audit(connection, up_to))
    }

    fn expire(&self, now: Timestamp) -> Answer<'_, usize> {
        self.write(move |connection| operations::expire(connection, now))
    }

    fn clock(&self) -> Answer<'_, Timestamp> {
        self.read(&self.news, |connection, _| reader::clock(connection))
    }

    fn mark_clock(&self, now: Timestamp) -> Answer<'_, ()> {
        self.write(move |connection| operations::mark_clock(connection, now))
    }

    fn report_connections(&self, listener: ListenerId, report: Report) -> Answer<'_, ()> {
        self.write(move |connection| operations::report_connections(connection, &listener, &report))
    }

    fn reports(&self, now: Timestamp) -> Answer<'_, Vec<(ListenerId, Report)>> {
        self.read(&self.lists, move |connection, _| reader::reports(connection, now))
    }
}
