//! What the operations and the readers have in common: statements, and rows as records.

use doorward_policy::grant::GrantRecord;
use doorward_policy::local::LocalRecord;
use doorward_policy::session::SessionRecord;
use doorward_policy::ticket::TicketRecord;
use rusqlite::{Connection, Params, Row, params_from_iter};

use super::failure::Failure;
use super::rows::{Corrupt, GrantRow, LocalRow, SessionRow, TicketRow};
use crate::audit::AuditRecord;

pub(super) const GRANT: &str = "id, label, capabilities, method, created_at, expires_at, \
                                uses_left, revoked_at, consumed";
pub(super) const SESSION: &str = "id, subject, capabilities, method, granted_by, opened_from, \
                                  created_at, expires_at, absolute_end, revoked_at";
pub(super) const LOCAL: &str = "id, incarnation, name, workspace, capabilities, pid, started, \
                                directory, created_at, ends_at";

pub(super) fn select(columns: &str, rest: &str) -> String {
    format!("SELECT {columns} FROM {rest}")
}

pub(super) fn find<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    decode: fn(&Row<'_>) -> Result<T, Failure>,
) -> Result<Option<T>, Failure> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    rows.next()?.map(decode).transpose()
}

pub(super) fn all<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    decode: fn(&Row<'_>) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(decode(row)?);
    }
    Ok(found)
}

/// Full means refuse.
pub(super) fn room(connection: &Connection, count: &str, most: usize) -> Result<(), Failure> {
    let held = connection.prepare_cached(count)?.query_row([], |row| row.get::<_, i64>(0))?;
    let held = usize::try_from(held).map_err(|_| Corrupt("installation"))?;
    //= req: STORE-4
    if held >= most { Err(Failure::Full) } else { Ok(()) }
}

pub(super) fn write_down(connection: &Connection, audit: &AuditRecord) -> Result<(), Failure> {
    let sql = "INSERT INTO audit (line) VALUES (?1)";
    connection.prepare_cached(sql)?.execute([audit.line()])?;
    Ok(())
}

/// The same for several at once, which costs less for each.
pub(super) fn write_many_down(
    connection: &Connection,
    audit: &[AuditRecord; 16],
) -> Result<(), Failure> {
    let sql = "INSERT INTO audit (line) VALUES \
               (?1), (?2), (?3), (?4), (?5), (?6), (?7), (?8), \
               (?9), (?10), (?11), (?12), (?13), (?14), (?15), (?16)";
    let lines = audit.iter().map(AuditRecord::line);
    connection.prepare_cached(sql)?.execute(params_from_iter(lines))?;
    Ok(())
}

pub(super) fn decode_grant(row: &Row<'_>) -> Result<GrantRecord, Failure> {
    let row = GrantRow {
        id: row.get_ref(0)?.as_blob()?,
        label: row.get_ref(1)?.as_str()?,
        capabilities: row.get_ref(2)?.as_i64()?,
        method: row.get_ref(3)?.as_i64()?,
        created_at: row.get_ref(4)?.as_i64()?,
        expires_at: row.get_ref(5)?.as_i64()?,
        uses_left: row.get_ref(6)?.as_i64()?,
        revoked_at: row.get_ref(7)?.as_i64_or_null()?,
        consumed: row.get_ref(8)?.as_blob()?,
    };
    Ok(row.decode()?)
}

pub(super) fn decode_session(row: &Row<'_>) -> Result<SessionRecord, Failure> {
    let row = SessionRow {
        id: row.get_ref(0)?.as_blob()?,
        subject: row.get_ref(1)?.as_str()?,
        capabilities: row.get_ref(2)?.as_i64()?,
        method: row.get_ref(3)?.as_i64()?,
        granted_by: row.get_ref(4)?.as_blob()?,
        opened_from: row.get_ref(5)?.as_blob_or_null()?,
        created_at: row.get_ref(6)?.as_i64()?,
        expires_at: row.get_ref(7)?.as_i64()?,
        absolute_end: row.get_ref(8)?.as_i64()?,
        revoked_at: row.get_ref(9)?.as_i64_or_null()?,
    };
    Ok(row.decode()?)
}

pub(super) fn decode_ticket(row: &Row<'_>) -> Result<TicketRecord, Failure> {
    let row = TicketRow {
        session: row.get_ref(0)?.as_blob()?,
        capabilities: row.get_ref(1)?.as_i64()?,
        origin: row.get_ref(2)?.as_str_or_null()?,
        expires_at: row.get_ref(3)?.as_i64()?,
    };
    Ok(row.decode()?)
}

pub(super) fn decode_local(row: &Row<'_>) -> Result<LocalRecord, Failure> {
    let row = LocalRow {
        id: row.get_ref(0)?.as_blob()?,
        incarnation: row.get_ref(1)?.as_blob()?,
        name: row.get_ref(2)?.as_str()?,
        workspace: row.get_ref(3)?.as_str()?,
        capabilities: row.get_ref(4)?.as_i64()?,
        pid: row.get_ref(5)?.as_i64()?,
        started: row.get_ref(6)?.as_i64()?,
        directory: row.get_ref(7)?.as_str()?,
        created_at: row.get_ref(8)?.as_i64()?,
        ends_at: row.get_ref(9)?.as_i64()?,
    };
    Ok(row.decode()?)
}
