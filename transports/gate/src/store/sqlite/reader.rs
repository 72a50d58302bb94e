//! A thread that reads, on a connection of its own: WAL lets it see the last commit while the
//! next one is under way.

use std::sync::Arc;
use std::sync::mpsc::Receiver;

use doorward_policy::Timestamp;
use doorward_policy::grant::GrantRecord;
use doorward_policy::id::SessionId;
use doorward_policy::keys::Digest;
use doorward_policy::local::LocalRecord;
use doorward_policy::session::SessionRecord;
use doorward_policy::standing::Standing;
use doorward_policy::workspace::Directory;
use rusqlite::{Connection, Row};
use tokio::sync::oneshot;

use super::document;
use super::failure::Failure;
use super::query::{
    GRANT, LOCAL, SESSION, all, decode_grant, decode_local, decode_session, find, select,
};
use super::rows::{Corrupt, array, decode_report, millis, time};
use super::schema;
use super::writer::Shared;
use crate::store::{AuditLine, ListenerId, News, Report, StoreError, standing};

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

pub(super) fn find_local(
    connection: &Connection,
    digest: &Digest,
) -> Result<Option<LocalRecord>, Failure> {
    find(connection, &select(LOCAL, "locals WHERE digest = ?1"), [digest.as_bytes()], decode_local)
}

pub(super) fn locals(connection: &Connection) -> Result<Vec<LocalRecord>, Failure> {
    let sql = select(LOCAL, "locals ORDER BY created_at DESC, id");
    all(connection, &sql, [], decode_local)
}

pub(super) fn directory(connection: &Connection) -> Result<Directory, Failure> {
    directory_after(connection, -1)?.ok_or(Failure::Corrupt(Corrupt("directory")))
}

/// The workspaces, unless they are as they were at a revision.
fn directory_after(connection: &Connection, after: i64) -> Result<Option<Directory>, Failure> {
    let mut statement = connection.prepare_cached("SELECT revision, document FROM directory")?;
    let mut rows = statement.query([])?;
    let row = rows.next()?.ok_or(Corrupt("directory"))?;
    if row.get_ref(0)?.as_i64()? <= after {
        return Ok(None);
    }
    Ok(Some(document::decode(row.get_ref(1)?.as_str()?)?))
}

/// `seen` spares the look where no other connection has committed since: SQLite tells that from
/// the header of the write-ahead log.
pub(super) fn news(
    connection: &Connection,
    seen: &mut Option<(i64, u64)>,
    after: u64,
) -> Result<News, Failure> {
    let sql = "PRAGMA data_version";
    let version = connection.prepare_cached(sql)?.query_row([], |row| row.get::<_, i64>(0))?;
    if let Some((_, revision)) = seen.filter(|(at, revision)| *at == version && after >= *revision)
    {
        return Ok(News { revision, ..News::default() });
    }
    // One transaction, so that rows and revision are of one moment. The version was read before:
    // a commit in between is looked at twice rather than never.
    let transaction = connection.unchecked_transaction()?;
    let news = look(&transaction, after)?;
    transaction.finish()?;
    *seen = Some((version, news.revision));
    Ok(news)
}

fn look(connection: &Connection, after: u64) -> Result<News, Failure> {
    if !schema::is_current(connection)? {
        return Err(Failure::Migrated);
    }
    let sql = "SELECT revision FROM installation";
    let revision = connection.prepare_cached(sql)?.query_row([], |row| row.get::<_, i64>(0))?;
    let revision = u64::try_from(revision).map_err(|_| Corrupt("installation"))?;
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let sql = select(SESSION, "sessions WHERE changed > ?1");
    let changed = all(connection, &sql, [after], decode_session)?;
    let departed = |row: &Row<'_>| {
        let incarnation = SessionId::new(array(row.get_ref(0)?.as_blob()?, "incarnation")?);
        Ok((incarnation, Standing::Revoked, time(row.get_ref(1)?.as_i64()?, "ends_at")?))
    };
    let sql = "SELECT incarnation, ends_at FROM departed WHERE revision > ?1";
    let departed = all(connection, sql, [after], departed)?;
    let sessions = changed.iter().map(standing).chain(departed).collect();
    Ok(News { revision, sessions, directory: directory_after(connection, after)? })
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

pub(super) fn reports(
    connection: &Connection,
    now: Timestamp,
) -> Result<Vec<(ListenerId, Report)>, Failure> {
    let sql = "SELECT listener, acted, until, sessions FROM reports WHERE until > ?1 \
               ORDER BY listener";
    let decode = |row: &Row<'_>| {
        let report = Report {
            acted: u64::try_from(row.get_ref(1)?.as_i64()?).map_err(|_| Corrupt("acted"))?,
            until: time(row.get_ref(2)?.as_i64()?, "until")?,
            sessions: decode_report(row.get_ref(3)?.as_blob()?)?,
        };
        Ok((array(row.get_ref(0)?.as_blob()?, "listener")?, report))
    };
    all(connection, sql, [millis(now)], decode)
}
