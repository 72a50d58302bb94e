//! The operations that write. Each is one savepoint of the writer's transaction: what it has
//! written is undone if it fails, and durable before anybody is told.

use doorward_policy::Timestamp;
use doorward_policy::grant::{self, Attempt, GrantRecord, GrantRefusal, REPEAT_WINDOW, Redemption};
use doorward_policy::id::{GrantId, SessionId};
use doorward_policy::keys::Digest;
use doorward_policy::ledger::{Capacity, Selector};
use doorward_policy::session::SessionRecord;
use doorward_policy::ticket::{self, TicketAttempt, TicketRecord, TicketRefusal};
use doorward_policy::token::Claims;
use doorward_policy::workspace::Directory;
use rusqlite::{Connection, Params, Row, params};

use super::failure::Failure;
use super::rows::{
    Corrupt, GrantRow, SessionRow, TicketRow, encode_address, encode_consumed, encode_report,
    millis,
};
use crate::audit::AuditRecord;
use crate::store::ListenerId;
use crate::store::memory::EXPIRE_BUDGET;

pub(super) const GRANT: &str = "id, label, capabilities, method, created_at, expires_at, \
                                uses_left, revoked_at, consumed";
pub(super) const SESSION: &str = "id, subject, capabilities, method, granted_by, opened_from, \
                                  created_at, expires_at, absolute_end, revoked_at";

pub(super) fn insert_grant(
    connection: &Connection,
    capacity: &Capacity,
    digest: &Digest,
    grant: &GrantRecord,
    audit: &AuditRecord,
) -> Result<(), Failure> {
    room(connection, "SELECT grants FROM installation", capacity.grants)?;
    let sql = "INSERT INTO grants VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) \
               ON CONFLICT (digest) DO NOTHING";
    let kept = connection.prepare_cached(sql)?.execute(params![
        digest.as_bytes(),
        grant.id.as_bytes(),
        grant.label.as_str(),
        grant.capabilities.bits(),
        grant.method.to_byte(),
        millis(grant.created_at),
        millis(grant.expires_at),
        grant.uses_left,
        grant.revoked_at.map(millis),
        encode_consumed(&grant.consumed),
    ])?;
    if kept == 0 {
        return Err(Failure::Exists);
    }
    write_down(connection, audit)
}

pub(super) fn redeem(
    connection: &Connection,
    capacity: &Capacity,
    digest: &Digest,
    attempt: &Attempt,
    now: Timestamp,
    audit: AuditRecord,
) -> Result<Result<SessionRecord, GrantRefusal>, Failure> {
    let sql = select(GRANT, "grants WHERE digest = ?1");
    let mut grant = find(connection, &sql, [digest.as_bytes()], decode_grant)?;
    let session = match grant::redeem(grant.as_mut(), attempt, &Directory::default(), now) {
        Ok(Redemption::Opened(session)) => session,
        Ok(Redemption::Repeated(id)) => {
            return Ok(grant::repeat(find_session(connection, id)?.as_ref(), now));
        }
        Err(refusal) => return Ok(Err(refusal)),
    };
    // Full means refuse, and a refusal spends nothing: the changed record is dropped.
    room(connection, "SELECT sessions FROM installation", capacity.sessions)?;
    if let Some(grant) = &grant {
        let sql = "UPDATE grants SET uses_left = ?2, revoked_at = ?3, consumed = ?4 \
                   WHERE digest = ?1";
        let consumed = encode_consumed(&grant.consumed);
        let revoked_at = grant.revoked_at.map(millis);
        let values = params![digest.as_bytes(), grant.uses_left, revoked_at, consumed];
        connection.prepare_cached(sql)?.execute(values)?;
    }
    insert_session(connection, &session)?;
    write_down(connection, &audit.about_session(&session))?;
    Ok(Ok(session))
}

fn insert_session(connection: &Connection, session: &SessionRecord) -> Result<(), Failure> {
    let sql = "INSERT INTO sessions VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, NULL)";
    connection.prepare_cached(sql)?.execute(params![
        session.id.as_bytes(),
        session.subject.as_str(),
        session.capabilities.bits(),
        session.method.to_byte(),
        session.grant.as_bytes(),
        session.opened_from.map(encode_address),
        millis(session.created_at),
        millis(session.expires_at),
        millis(session.absolute_end),
        session.revoked_at.map(millis),
    ])?;
    Ok(())
}

pub(super) fn insert_ticket(
    connection: &Connection,
    capacity: &Capacity,
    digest: &Digest,
    ticket: &TicketRecord,
    audit: &AuditRecord,
) -> Result<(), Failure> {
    room(connection, "SELECT tickets FROM installation", capacity.tickets)?;
    let sql = "INSERT INTO tickets VALUES (?1, ?2, ?3, ?4, ?5)";
    connection.prepare_cached(sql)?.execute(params![
        digest.as_bytes(),
        ticket.session.as_bytes(),
        ticket.capabilities.bits(),
        ticket.origin,
        millis(ticket.expires_at),
    ])?;
    write_down(connection, audit)
}

pub(super) fn consume_ticket(
    connection: &Connection,
    digest: &Digest,
    attempt: &TicketAttempt,
    now: Timestamp,
) -> Result<Result<Claims, TicketRefusal>, Failure> {
    let sql = "SELECT session, capabilities, origin, expires_at FROM tickets WHERE digest = ?1";
    let ticket = find(connection, sql, [digest.as_bytes()], decode_ticket)?;
    let session = match &ticket {
        Some(ticket) => find_session(connection, ticket.session)?,
        None => None,
    };
    let outcome =
        ticket::consume(ticket.as_ref(), session.as_ref(), attempt, &Directory::default(), now);
    if outcome.is_ok() {
        let sql = "DELETE FROM tickets WHERE digest = ?1";
        connection.prepare_cached(sql)?.execute([digest.as_bytes()])?;
    }
    Ok(outcome)
}

pub(super) fn extend_session(
    connection: &Connection,
    id: SessionId,
    expires_at: Timestamp,
) -> Result<(), Failure> {
    let found = find_session(connection, id)?.filter(|session| session.revoked_at.is_none());
    let Some(mut session) = found else { return Ok(()) };
    let before = session.expires_at;
    session.extend(expires_at);
    if session.expires_at != before {
        let sql = "UPDATE sessions SET expires_at = ?2 WHERE id = ?1";
        let values = params![id.as_bytes(), millis(session.expires_at)];
        connection.prepare_cached(sql)?.execute(values)?;
    }
    Ok(())
}

pub(super) fn revoke_grant(
    connection: &Connection,
    id: GrantId,
    now: Timestamp,
    audit: &AuditRecord,
) -> Result<bool, Failure> {
    let sql = "UPDATE grants SET revoked_at = coalesce(revoked_at, ?2) WHERE id = ?1";
    let values = params![id.as_bytes(), millis(now)];
    let found = connection.prepare_cached(sql)?.execute(values)? > 0;
    if found {
        write_down(connection, audit)?;
    }
    Ok(found)
}

pub(super) fn revoke_sessions(
    connection: &Connection,
    which: &Selector,
    now: Timestamp,
    audit: &AuditRecord,
) -> Result<Vec<SessionRecord>, Failure> {
    let live = "revoked_at IS NULL AND expires_at > ?1";
    let now = millis(now);
    let revoke = |which: &str, params: &[&dyn rusqlite::ToSql]| {
        let sql = format!(
            "UPDATE sessions SET revoked_at = ?1, \
             revision = (SELECT revision + 1 FROM installation) \
             WHERE {live}{which} RETURNING {SESSION}"
        );
        all(connection, &sql, params, decode_session)
    };
    let revoked = match which {
        Selector::Session(id) => revoke(" AND id = ?2", &[&now, id.as_bytes()])?,
        Selector::Subject(subject) => revoke(" AND subject = ?2", &[&now, &subject.as_str()])?,
        Selector::All => revoke("", &[&now])?,
    };
    if !revoked.is_empty() {
        let sql = "UPDATE installation SET revision = revision + 1";
        connection.prepare_cached(sql)?.execute([])?;
    }
    for session in &revoked {
        write_down(connection, &audit.clone().about_session(session))?;
    }
    Ok(revoked)
}

pub(super) fn record(connection: &Connection, audit: &[AuditRecord]) -> Result<(), Failure> {
    audit.iter().try_for_each(|record| write_down(connection, record))
}

pub(super) fn trim_audit(connection: &Connection, up_to: u64) -> Result<(), Failure> {
    let up_to = i64::try_from(up_to).unwrap_or(i64::MAX);
    connection.prepare_cached("DELETE FROM audit WHERE number <= ?1")?.execute([up_to])?;
    Ok(())
}

/// Forgets what the ledger would: a record goes in the second after its end.
pub(super) fn expire(connection: &Connection, now: Timestamp) -> Result<usize, Failure> {
    let second = millis(now.floor_to_second());
    let window = i64::try_from(REPEAT_WINDOW.as_millis()).unwrap_or(i64::MAX);
    let budget = i64::try_from(EXPIRE_BUDGET).unwrap_or(i64::MAX);
    let forget = |sql: &str, end: i64| {
        connection.prepare_cached(sql).and_then(|mut delete| delete.execute([end, budget]))
    };
    let grants = forget(
        "DELETE FROM grants WHERE digest IN \
         (SELECT digest FROM grants WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)",
        second.saturating_sub(window),
    )?;
    let sessions = forget(
        "DELETE FROM sessions WHERE id IN \
         (SELECT id FROM sessions WHERE absolute_end <= ?1 ORDER BY absolute_end LIMIT ?2)",
        second,
    )?;
    let tickets = forget(
        "DELETE FROM tickets WHERE digest IN \
         (SELECT digest FROM tickets WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)",
        second,
    )?;
    let reports = forget(
        "DELETE FROM reports WHERE rowid IN \
         (SELECT rowid FROM reports WHERE until <= ?1 LIMIT ?2)",
        millis(now),
    )?;
    Ok(grants + sessions + tickets + reports)
}

pub(super) fn mark_clock(connection: &Connection, now: Timestamp) -> Result<(), Failure> {
    let sql = "UPDATE installation SET clock = ?1 WHERE clock < ?1";
    connection.prepare_cached(sql)?.execute([millis(now)])?;
    Ok(())
}

pub(super) fn report_connections(
    connection: &Connection,
    listener: &ListenerId,
    connections: &[(SessionId, u32)],
    until: Timestamp,
) -> Result<(), Failure> {
    let sql = "INSERT OR REPLACE INTO reports VALUES (?1, ?2, ?3)";
    let values = params![listener, millis(until), encode_report(connections)];
    connection.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

fn room(connection: &Connection, count: &str, most: usize) -> Result<(), Failure> {
    let held = connection.prepare_cached(count)?.query_row([], |row| row.get::<_, i64>(0))?;
    let held = usize::try_from(held).map_err(|_| Corrupt("installation"))?;
    if held >= most { Err(Failure::Full) } else { Ok(()) }
}

fn write_down(connection: &Connection, audit: &AuditRecord) -> Result<(), Failure> {
    let sql = "INSERT INTO audit (line) VALUES (?1)";
    connection.prepare_cached(sql)?.execute([audit.line()])?;
    Ok(())
}

fn find_session(connection: &Connection, id: SessionId) -> Result<Option<SessionRecord>, Failure> {
    let sql = select(SESSION, "sessions WHERE id = ?1");
    find(connection, &sql, [id.as_bytes()], decode_session)
}

fn select(columns: &str, rest: &str) -> String {
    format!("SELECT {columns} FROM {rest}")
}

fn find<T>(
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

fn decode_ticket(row: &Row<'_>) -> Result<TicketRecord, Failure> {
    let row = TicketRow {
        session: row.get_ref(0)?.as_blob()?,
        capabilities: row.get_ref(1)?.as_i64()?,
        origin: row.get_ref(2)?.as_str_or_null()?,
        expires_at: row.get_ref(3)?.as_i64()?,
    };
    Ok(row.decode()?)
}
