//! Local tokens.

use doorward_policy::id::SessionId;
use doorward_policy::keys::Digest;
use doorward_policy::ledger::Capacity;
use doorward_policy::local::{LocalRecord, LocalSelector};
use rusqlite::{Connection, params};

use super::next_revision;
use crate::audit::AuditRecord;
use crate::store::sqlite::failure::Failure;
use crate::store::sqlite::query::{LOCAL, all, decode_local, room, write_down};
use crate::store::sqlite::rows::millis;

pub(in crate::store::sqlite) fn insert_local(
    connection: &Connection,
    capacity: &Capacity,
    digest: &Digest,
    local: &LocalRecord,
    audit: &AuditRecord,
) -> Result<Option<LocalRecord>, Failure> {
    let sql = "SELECT 1 FROM locals WHERE digest = ?1";
    if connection.prepare_cached(sql)?.exists([digest.as_bytes()])? {
        return Err(Failure::Exists);
    }
    let same = LocalSelector::Id(local.id);
    //= req: LOCAL-6
    let evicted = remove_locals(connection, &same, &audit.clone().replacing())?.pop();
    room(connection, "SELECT locals FROM installation", capacity.locals)?;
    let sql = "INSERT INTO locals VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    connection.prepare_cached(sql)?.execute(params![
        digest.as_bytes(),
        local.id.as_bytes(),
        local.incarnation.as_bytes(),
        local.name.as_str(),
        local.workspace.as_str(),
        local.capabilities.bits(),
        local.pid,
        local.started.cast_signed(),
        local.directory,
        millis(local.created_at),
        millis(local.ends_at),
    ])?;
    write_down(connection, audit)?;
    Ok(evicted)
}

pub(in crate::store::sqlite) fn remove_locals(
    connection: &Connection,
    which: &LocalSelector,
    audit: &AuditRecord,
) -> Result<Vec<LocalRecord>, Failure> {
    let delete = |picks: &str| format!("DELETE FROM locals{picks} RETURNING {LOCAL}");
    let removed = match which {
        LocalSelector::Id(id) => {
            all(connection, &delete(" WHERE id = ?1"), [id.as_bytes()], decode_local)?
        }
        LocalSelector::Incarnations(these) => {
            let sql = delete(" WHERE incarnation = ?1");
            let remove = |one: &SessionId| all(connection, &sql, [one.as_bytes()], decode_local);
            these.iter().map(remove).collect::<Result<Vec<_>, _>>()?.concat()
        }
        LocalSelector::Workspace(name) => {
            all(connection, &delete(" WHERE workspace = ?1"), [name.as_str()], decode_local)?
        }
        LocalSelector::All => all(connection, &delete(""), [], decode_local)?,
    };
    if removed.is_empty() {
        return Ok(removed);
    }
    // Listeners hear of it: their connections end.
    let revision = next_revision(connection)?;
    for local in &removed {
        let sql = "INSERT OR REPLACE INTO departed VALUES (?1, ?2, ?3)";
        let values = params![local.incarnation.as_bytes(), millis(local.ends_at), revision];
        connection.prepare_cached(sql)?.execute(values)?;
        write_down(connection, &audit.clone().about_local(local))?;
    }
    Ok(removed)
}
