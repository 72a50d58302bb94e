//! What goes wrong in SQLite, in the words of a log.

use std::path::Path;

use rusqlite::ErrorCode;

use super::rows::Corrupt;
use crate::store::StoreError;

/// Why an operation has no outcome.
#[derive(Debug)]
pub(super) enum Failure {
    Sqlite(rusqlite::Error),
    Corrupt(Corrupt),
    /// A newer Doorward has migrated the database meanwhile.
    Migrated,
    Full,
    Exists,
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<rusqlite::types::FromSqlError> for Failure {
    fn from(_: rusqlite::types::FromSqlError) -> Self {
        Self::Corrupt(Corrupt("a column has another type"))
    }
}

impl From<Corrupt> for Failure {
    fn from(corrupt: Corrupt) -> Self {
        Self::Corrupt(corrupt)
    }
}

impl Failure {
    pub(super) fn tell(&self, path: &Path) -> StoreError {
        match self {
            Self::Sqlite(error) => StoreError::Unavailable(explain(path, error)),
            Self::Corrupt(corrupt) => {
                StoreError::Unavailable(format!("{}: {corrupt}", path.display()))
            }
            Self::Migrated => StoreError::Unavailable(format!(
                "a newer Doorward has changed {}: restart with that one",
                path.display()
            )),
            Self::Full => StoreError::Full,
            Self::Exists => StoreError::Exists,
        }
    }
}

/// One sentence that says what and what to do.
pub(super) fn explain(path: &Path, error: &rusqlite::Error) -> String {
    let path = path.display();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => {
            format!("there is no room left for {path}: free some space on its disk")
        }
        Some(ErrorCode::SystemIoFailure) => {
            format!("{path} can't be read or written: check its disk ({error})")
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            format!("another process has kept {path} busy for too long")
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            format!("{path} is damaged: restore it from a backup ({error})")
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            format!("{path} can't be opened for writing: check its permissions ({error})")
        }
        _ => format!("{path}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    #[test]
    fn each_failure_says_what_to_do() {
        for (code, advice) in [
            (ffi::SQLITE_FULL, "free some space"),
            (ffi::SQLITE_IOERR, "check its disk"),
            (ffi::SQLITE_BUSY, "busy for too long"),
            (ffi::SQLITE_LOCKED, "busy for too long"),
            (ffi::SQLITE_CORRUPT, "restore it from a backup"),
            (ffi::SQLITE_NOTADB, "restore it from a backup"),
            (ffi::SQLITE_READONLY, "check its permissions"),
            (ffi::SQLITE_CANTOPEN, "check its permissions"),
            (ffi::SQLITE_MISMATCH, "state.db"),
        ] {
            let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            let said = explain(Path::new("state.db"), &error);
            assert!(said.contains(advice) && said.contains("state.db"), "{code}: {said}");
        }
    }
}
