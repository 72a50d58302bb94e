//! A thread that reads, on a connection of its own: WAL lets it see the last commit while the
//! next one is under way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use doorward_policy::Timestamp;
use doorward_policy::grant::GrantRecord;
use doorward_policy::id::SessionId;
use doorward_policy::session::SessionRecord;
use doorward_policy::standing::Standing;
use rusqlite::{Connection, Row};
use tokio::sync::oneshot;

use super::failure::Failure;
use super::operations::{GRANT, SESSION, all, decode_grant, decode_session};
use super::rows::{Corrupt, decode_report, millis, time};
use super::schema;
use super::writer::Shared;
use crate::store::{AuditLine, Exceptions, StoreError};

/// A question and the reply that it owes.
pub(super) type Query = Box<dyn FnOnce(&mut Reader) + Send>;

/// The reading thread's own state.
pub(super) struct Reader {
    shared: Arc<Shared>,
    connection: Option<Connection>,
    /// The database's version when its revision was read last, and that revision.
    seen: Option<(i64, u64)>,
}

impl Reader {
    pub(super) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared, connection: None, seen: None }
    }

    pub(super) fn serve(mut self, queue: &Receiver<Query>) {
        while let Ok(query) = queue.recv() {
            query(&mut self);
        }
    }

    pub(super) fn query<T, F>(read: F, reply: oneshot::Sender<Result<T, StoreError>>) -> Query
    where
        T: Send + 'static,
        F: FnOnce(&Connection, &mut Option<(i64, u64)>) -> Result<T, Failure> + Send + 'static,
    {
        Box::new(move |reader| {
            if !reply.is_closed() {
                // Whoever asked may have gone meanwhile.
                let _ = reply.send(reader.answer(read));
            }
        })
    }

    fn answer<T>(
        &mut self,
        read: impl FnOnce(&Connection, &mut Option<(i64, u64)>) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let tell = |failure: Failure| failure.tell(&self.shared.path);
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => connect(&self.shared).map_err(Failure::from).map_err(tell)?,
        };
        let answer = read(&connection, &mut self.seen).map_err(tell);
        // A connection that failed is made anew: its version counter starts afresh.
        match answer {
            Ok(_) => self.connection = Some(connection),
            Err(_) => self.seen = None,
        }
        answer
    }
}

fn connect(shared: &Shared) -> rusqlite::Result<Connection> {
    let connection = schema::connect(&shared.path, shared.patience)?;
    connection.execute_batch("PRAGMA query_only = ON")?;
    Ok(connection)
}

pub(super) fn grants(connection: &Connection) -> Result<Vec<GrantRecord>, Failure> {
    let sql = format!("SELECT {GRANT} FROM grants ORDER BY created_at DESC, id");
    all(connection, &sql, [], decode_grant)
}

pub(super) fn sessions(connection: &Connection) -> Result<Vec<SessionRecord>, Failure> {
    let sql = format!("SELECT {SESSION} FROM sessions ORDER BY created_at DESC, id");
    all(connection, &sql, [], decode_session)
}

/// `seen` spares the look where no other connection has committed since: SQLite tells that from
/// the header of the write-ahead log.
pub(super) fn exceptions(
    connection: &Connection,
    seen: &mut Option<(i64, u64)>,
    after: u64,
) -> Result<Exceptions, Failure> {
    let sql = "PRAGMA data_version";
    let version = connection.prepare_cached(sql)?.query_row([], |row| row.get::<_, i64>(0))?;
    if let Some((_, revision)) = seen.filter(|(at, revision)| *at == version && after >= *revision)
    {
        return Ok(Exceptions { revision, sessions: Vec::new() });
    }
    // One transaction, so that rows and revision are of one moment. The version was read before:
    // a commit in between is looked at twice rather than never.
    let transaction = connection.unchecked_transaction()?;
    let sql = "SELECT revision FROM installation";
    let revision = transaction.prepare_cached(sql)?.query_row([], |row| row.get::<_, i64>(0))?;
    let revision = u64::try_from(revision).map_err(|_| Corrupt("installation"))?;
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let sql = format!("SELECT {SESSION} FROM sessions WHERE revision > ?1");
    let revoked = all(&transaction, &sql, [after], decode_session)?;
    transaction.finish()?;
    *seen = Some((version, revision));
    let standing = |one: &SessionRecord| (one.id, Standing::Revoked, one.absolute_end);
    Ok(Exceptions { revision, sessions: revoked.iter().map(standing).collect() })
}

pub(super) fn audit_lines(
    connection: &Connection,
    after: u64,
    most: usize,
) -> Result<Vec<AuditLine>, Failure> {
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let sql = "SELECT number, line FROM audit WHERE number > ?1 ORDER BY number LIMIT ?2";
    let decode = |row: &Row<'_>| {
        let number = u64::try_from(row.get_ref(0)?.as_i64()?).map_err(|_| Corrupt("number"))?;
        Ok(AuditLine { number, json: row.get_ref(1)?.as_str()?.to_owned() })
    };
    all(connection, sql, [after, most], decode)
}

pub(super) fn clock(connection: &Connection) -> Result<Timestamp, Failure> {
    let sql = "SELECT clock FROM installation";
    let clock = connection.prepare_cached(sql)?.query_row([], |row| row.get::<_, i64>(0))?;
    Ok(time(clock, "clock")?)
}

pub(super) fn connections(
    connection: &Connection,
    now: Timestamp,
) -> Result<Vec<(SessionId, u32)>, Failure> {
    let sql = "SELECT connections FROM reports WHERE until > ?1";
    let decode = |row: &Row<'_>| Ok(decode_report(row.get_ref(0)?.as_blob()?)?);
    let mut sum = BTreeMap::<SessionId, u32>::new();
    for (session, count) in all(connection, sql, [millis(now)], decode)?.into_iter().flatten() {
        let held = sum.entry(session).or_default();
        *held = held.saturating_add(count);
    }
    Ok(sum.into_iter().collect())
}
