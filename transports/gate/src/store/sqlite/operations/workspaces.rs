//! Workspaces: one document, changed whole.

use std::sync::{Mutex, PoisonError};

use doorward_policy::local::LocalSelector;
use doorward_policy::workspace::{Change, ChangeRefusal, Directory};
use rusqlite::{Connection, params};

use super::{next_revision, remove_locals};
use crate::audit::AuditRecord;
use crate::store::sqlite::document::{self, EMPTY};
use crate::store::sqlite::failure::Failure;
use crate::store::sqlite::query::write_down;
use crate::store::sqlite::rows::Corrupt;

/// The document that was parsed last: one that has not changed is parsed once.
#[derive(Debug, Default)]
pub(in crate::store::sqlite) struct Parsed(Mutex<Option<(String, Directory)>>);

impl Parsed {
    /// Lends out the workspaces as they are in this transaction.
    pub(in crate::store::sqlite) fn with<T>(
        &self,
        connection: &Connection,
        see: impl FnOnce(&Directory) -> T,
    ) -> Result<T, Failure> {
        let text = read(connection)?;
        if text == EMPTY {
            return Ok(see(&Directory::default()));
        }
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // By its text, since a revision that was not committed comes again.
        let (_, directory) = match last.take().filter(|(parsed, _)| *parsed == text) {
            Some(known) => last.insert(known),
            None => {
                let directory = document::decode(&text)?;
                last.insert((text, directory))
            }
        };
        Ok(see(directory))
    }
}

pub(in crate::store::sqlite) fn change_directory(
    connection: &Connection,
    change: &Change,
    audit: &AuditRecord,
) -> Result<Result<(), ChangeRefusal>, Failure> {
    let mut directory = document::decode(&read(connection)?)?;
    let sql = "SELECT revision + 1 FROM installation";
    let revision = connection.prepare_cached(sql)?.query_row([], |row| row.get::<_, i64>(0))?;
    let placement = u64::try_from(revision).map_err(|_| Corrupt("installation"))?;
    if let Err(refusal) = directory.apply(change, placement) {
        return Ok(Err(refusal));
    }
    next_revision(connection)?;
    let sql = "UPDATE directory SET revision = ?1, document = ?2";
    let values = params![revision, document::encode(&directory)];
    connection.prepare_cached(sql)?.execute(values)?;
    write_down(connection, audit)?;
    if let Some(orphans) = LocalSelector::orphaned_by(change) {
        remove_locals(connection, &orphans, &audit.clone().orphaning())?;
    }
    Ok(Ok(()))
}

fn read(connection: &Connection) -> Result<String, Failure> {
    let sql = "SELECT document FROM directory";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let row = rows.next()?.ok_or(Corrupt("directory"))?;
    Ok(row.get_ref(0)?.as_str()?.to_owned())
}
