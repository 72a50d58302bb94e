//! The database file: how it is made, opened, migrated and refused.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use doorward_policy::id::Issuer;
use rusqlite::config::DbConfig;
use rusqlite::{
    Connection, ErrorCode, OpenFlags, OptionalExtension as _, Transaction, TransactionBehavior,
};

use super::failure::explain;
use super::migrations::MIGRATIONS;
use crate::keyfile::files::{self, UnsafeFile};

/// "Door".
const APPLICATION: i64 = 0x446f_6f72;

/// Each thread has a connection to itself, and no link is followed.
const COMMON: OpenFlags = OpenFlags::SQLITE_OPEN_NO_MUTEX.union(OpenFlags::SQLITE_OPEN_NOFOLLOW);

/// Why a database can't be opened. Nothing in it has changed.
#[derive(Debug)]
pub enum OpenError {
    /// Its file, or the folder around it, is open to others.
    Unsafe(UnsafeFile),
    /// It is some other program's, or none at all.
    Foreign(PathBuf),
    /// A newer Doorward has written it.
    Newer {
        /// Where it is.
        path: PathBuf,
        /// Its schema version.
        found: i64,
    },
    /// It belongs to an installation with other keys.
    OtherInstallation(PathBuf),
    /// It is not there, or holds nothing, and should.
    Lost(PathBuf),
    /// SQLite or the operating system refused; the text says what.
    Failed(String),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsafe(error) => error.fmt(f),
            Self::Foreign(path) => write!(
                f,
                "{} is not a Doorward database: move it away or choose another state directory",
                path.display()
            ),
            Self::Newer { path, found } => write!(
                f,
                "{} was written by a newer Doorward (schema {found}, this one knows {}): upgrade \
                 this Doorward, or choose another state directory",
                path.display(),
                MIGRATIONS.len()
            ),
            Self::OtherInstallation(path) => write!(
                f,
                "keys and store belong to different installations: {} was made with other keys; \
                 put the matching key file beside it, or choose another state directory",
                path.display()
            ),
            Self::Lost(path) => write!(
                f,
                "the store {} has lost its content, so whatever was revoked would be valid again: \
                 bring it back from a backup, or delete it and the keys beside it to start anew, \
                 which ends every session",
                path.display()
            ),
            Self::Failed(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for OpenError {}

/// What an empty database means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Empty {
    /// A new one.
    MayBeMade,
    /// One that has lost what it held.
    IsLost,
}

/// Makes the database if it is not there, checks whose it is and brings it to this version.
/// Returns its path without links, and a connection to write with.
pub(super) fn open(
    path: &Path,
    issuer: Issuer,
    patience: Duration,
    empty: Empty,
) -> Result<(PathBuf, Connection), OpenError> {
    // Closing the new file would drop the locks that another thread of this process has taken on
    // it meanwhile (POSIX): one at a time.
    static OPENING: Mutex<()> = Mutex::new(());
    let _opening = OPENING.lock().unwrap_or_else(PoisonError::into_inner);
    let path = files::in_private_directory(path).map_err(OpenError::Unsafe)?;
    let size = match empty {
        Empty::MayBeMade => files::create_or_check(&path),
        Empty::IsLost => files::size(&path),
    };
    if size.map_err(OpenError::Unsafe)? > 0 {
        probe(&path, issuer, patience, empty)?;
    } else if empty == Empty::IsLost {
        return Err(OpenError::Lost(path));
    }
    let failed = |error| OpenError::Failed(explain(&path, &error));
    let connection = connect(&path, patience).map_err(failed)?;
    turn_to_wal(&connection, patience).map_err(failed)?;
    migrate(&connection, &path, issuer, empty)?;
    Ok((path, connection))
}

/// A connection as every thread here has it.
pub(super) fn connect(path: &Path, patience: Duration) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | COMMON;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(patience)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    // No statement is planned anew for what it is bound to: there is one good plan for each.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.execute_batch(
        //= req: STORE-2
        "PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON;
         PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;
         PRAGMA journal_size_limit = 16777216;",
    )?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Looks at a database that is there without touching it, so that one that is refused stays as it
/// is to the byte.
fn probe(path: &Path, issuer: Issuer, patience: Duration, empty: Empty) -> Result<(), OpenError> {
    // What a killed process has left is looked at and not taken up. Where there is nothing of the
    // kind, a connection that may write changes nothing, and clears away its own files again.
    let left_over = ["-wal", "-journal"].iter().any(|suffix| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        fs::symlink_metadata(name).is_ok_and(|found| found.len() > 0)
    });
    let look = || {
        let access = if left_over {
            OpenFlags::SQLITE_OPEN_READ_ONLY
        } else {
            OpenFlags::SQLITE_OPEN_READ_WRITE
        };
        let connection = Connection::open_with_flags(path, access | COMMON)?;
        connection.busy_timeout(patience)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, left_over)?;
        version(&connection)
    };
    let version = look().map_err(|error| refused(path, &error))?;
    version.judge(path, issuer, empty).map(drop)
}

fn refused(path: &Path, error: &rusqlite::Error) -> OpenError {
    if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) {
        return OpenError::Foreign(path.to_owned());
    }
    OpenError::Failed(explain(path, error))
}

/// Whether the database is of this Doorward's version still.
pub(super) fn is_current(connection: &Connection) -> rusqlite::Result<bool> {
    let sql = "PRAGMA user_version";
    let found = connection.prepare_cached(sql)?.query_row([], |row| row.get::<_, i64>(0))?;
    Ok(found == MIGRATIONS.len() as i64)
}

/// What a database says about itself.
struct Version {
    application: i64,
    schema: i64,
    objects: i64,
    issuer: Option<Vec<u8>>,
}

fn version(connection: &Connection) -> rusqlite::Result<Version> {
    let read = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let application = read("PRAGMA application_id")?;
    let schema = read("PRAGMA user_version")?;
    let objects = read("SELECT count(*) FROM sqlite_schema")?;
    let known = application == APPLICATION && (1..=MIGRATIONS.len() as i64).contains(&schema);
    let issuer = if known {
        let sql = "SELECT issuer FROM installation";
        connection.query_row(sql, [], |row| row.get(0)).optional()?
    } else {
        None
    };
    Ok(Version { application, schema, objects, issuer })
}

impl Version {
    /// How many migrations it has seen, if this Doorward may use it.
    fn judge(&self, path: &Path, issuer: Issuer, empty: Empty) -> Result<usize, OpenError> {
        if self.application == 0 && self.schema == 0 && self.objects == 0 {
            return match empty {
                Empty::MayBeMade => Ok(0),
                Empty::IsLost => Err(OpenError::Lost(path.to_owned())),
            };
        }
        if self.application != APPLICATION {
            return Err(OpenError::Foreign(path.to_owned()));
        }
        let seen = usize::try_from(self.schema).ok().filter(|seen| *seen <= MIGRATIONS.len());
        let Some(seen) = seen else {
            return Err(OpenError::Newer { path: path.to_owned(), found: self.schema });
        };
        match &self.issuer {
            Some(found) if found == issuer.as_bytes() => Ok(seen),
            //= req: STORE-8
            Some(_) => Err(OpenError::OtherInstallation(path.to_owned())),
            None => Err(OpenError::Foreign(path.to_owned())),
        }
    }
}

/// Two processes may do this to a new file at once, and SQLite does not wait for one of them.
fn turn_to_wal(connection: &Connection, patience: Duration) -> rusqlite::Result<()> {
    const PAUSE: Duration = Duration::from_millis(5);
    let mut left = patience;
    loop {
        //= req: STORE-2
        let sql = "PRAGMA journal_mode = WAL";
        let mode = connection.query_row(sql, [], |row| row.get::<_, String>(0));
        let busy = |error: &rusqlite::Error| {
            error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && !left.is_zero()
        };
        match mode {
            Ok(_) => return Ok(()),
            Err(error) if busy(&error) => {
                left = left.saturating_sub(PAUSE);
                thread::sleep(PAUSE);
            }
            Err(error) => return Err(error),
        }
    }
}

/// Brings a database to this version in one transaction, which a failure undoes.
fn migrate(
    connection: &Connection,
    path: &Path,
    issuer: Issuer,
    empty: Empty,
) -> Result<(), OpenError> {
    let failed = |error| refused(path, &error);
    let begun = Transaction::new_unchecked(connection, TransactionBehavior::Immediate);
    let transaction = begun.map_err(failed)?;
    let seen = version(&transaction).map_err(failed)?.judge(path, issuer, empty)?;
    apply(&transaction, issuer, seen).map_err(failed)?;
    transaction.commit().map_err(failed)
}

fn apply(connection: &Connection, issuer: Issuer, seen: usize) -> rusqlite::Result<()> {
    for migration in MIGRATIONS.iter().skip(seen) {
        connection.execute_batch(migration)?;
    }
    if seen == 0 {
        let sql = "INSERT INTO installation VALUES (1, ?1, 0, 0, 0, 0, 0, 0)";
        connection.execute(sql, [issuer.as_bytes()])?;
        connection.pragma_update(None, "application_id", APPLICATION)?;
    }
    if seen < MIGRATIONS.len() {
        connection.pragma_update(None, "user_version", MIGRATIONS.len() as i64)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    /// A connection to a database that another one keeps until this one has tried so many times
    /// to look at it.
    fn held_for(tries: usize) -> (TempDir, Connection) {
        let dir = tempfile::tempdir().expect("a folder");
        let connect = || Connection::open(dir.path().join("doorward.db")).expect("a connection");
        let (holder, mut connection) = (connect(), connect());
        holder.execute_batch("BEGIN EXCLUSIVE").expect("the lock");
        let (mut holder, mut left) = (Some(holder), tries);
        let tried = move |_| {
            left = left.saturating_sub(1);
            if left == 0 {
                drop(holder.take());
            }
            // No second try by SQLite itself.
            false
        };
        connection.busy_handler(Some(tried)).expect("a handler");
        (dir, connection)
    }

    #[test]
    fn whoever_else_is_busy_with_a_new_database_is_waited_for_with_patience() {
        let short = Duration::from_millis(1);
        for (patience, tries, good) in
            [(Duration::ZERO, 1, false), (short, 1, true), (short, 2, false)]
        {
            let (_dir, connection) = held_for(tries);
            let turned =
                turn_to_wal(&connection, patience).map_err(|error| error.sqlite_error_code());
            let expected = if good { Ok(()) } else { Err(Some(ErrorCode::DatabaseBusy)) };
            assert_eq!(turned, expected, "{patience:?}, {tries}");
        }
    }
}
