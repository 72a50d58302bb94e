//! The operations that write. Each is one savepoint of the writer's transaction: what it has
//! written is undone if it fails, and durable before anybody is told.

mod locals;
mod upkeep;
mod workspaces;

use doorward_policy::grant::{self, Attempt, GrantRecord, GrantRefusal, Redemption};
use doorward_policy::id::{GrantId, SessionId};
use doorward_policy::keys::Digest;
use doorward_policy::ledger::{Capacity, Selector};
use doorward_policy::session::SessionRecord;
use doorward_policy::ticket::{self, TicketAttempt, TicketRecord, TicketRefusal};
use doorward_policy::token::Claims;
use doorward_policy::{Capabilities, Timestamp};
use rusqlite::{Connection, ToSql, params};

pub(super) use self::locals::{insert_local, remove_locals};
pub(super) use self::upkeep::{expire, mark_clock, record, report_connections, trim_audit};
pub(super) use self::workspaces::{Parsed, change_directory};
use super::failure::Failure;
use super::query::{
    GRANT, SESSION, all, decode_grant, decode_session, decode_ticket, find, room, select,
    write_down,
};
use super::rows::{encode_address, encode_consumed, millis};
use crate::audit::AuditRecord;

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
    parsed: &Parsed,
    digest: &Digest,
    attempt: &Attempt,
    now: Timestamp,
    audit: AuditRecord,
) -> Result<Result<SessionRecord, GrantRefusal>, Failure> {
    let sql = select(GRANT, "grants WHERE digest = ?1");
    //= req: STORE-3
    let mut grant = find(connection, &sql, [digest.as_bytes()], decode_grant)?;
    let outcome =
        //= req: STORE-6
        parsed.with(connection, |directory| grant::redeem(grant.as_mut(), attempt, directory, now));
    let session = match outcome? {
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
    parsed: &Parsed,
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
    //= req: STORE-6
    let outcome = parsed.with(connection, |directory| {
        ticket::consume(ticket.as_ref(), session.as_ref(), attempt, directory, now)
    })?;
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
) -> Result<bool, Failure> {
    let found = find_session(connection, id)?.filter(|session| session.revoked_at.is_none());
    let Some(mut session) = found else { return Ok(false) };
    let before = session.expires_at;
    session.extend(expires_at);
    if session.expires_at != before {
        let sql = "UPDATE sessions SET expires_at = ?2 WHERE id = ?1";
        let values = params![id.as_bytes(), millis(session.expires_at)];
        connection.prepare_cached(sql)?.execute(values)?;
    }
    Ok(true)
}

pub(super) fn revoke_grant(
    connection: &Connection,
    id: GrantId,
    now: Timestamp,
    audit: AuditRecord,
) -> Result<bool, Failure> {
    let sql = "UPDATE grants SET revoked_at = coalesce(revoked_at, ?2) WHERE id = ?1";
    let values = params![id.as_bytes(), millis(now)];
    let found = connection.prepare_cached(sql)?.execute(values)? > 0;
    if found {
        write_down(connection, &audit.naming_grant(id))?;
    }
    Ok(found)
}

pub(super) fn revoke_sessions(
    connection: &Connection,
    which: &Selector,
    now: Timestamp,
    audit: &AuditRecord,
) -> Result<Vec<SessionRecord>, Failure> {
    let now = millis(now);
    change_sessions(connection, which, "revoked_at = ?1", "TRUE", &[&now], audit)
}

pub(super) fn limit_sessions(
    connection: &Connection,
    which: &Selector,
    capabilities: Capabilities,
    now: Timestamp,
    audit: &AuditRecord,
) -> Result<Vec<SessionRecord>, Failure> {
    let (now, left) = (millis(now), i64::from(capabilities.bits()));
    let set = "capabilities = capabilities & ?2";
    let more = "capabilities & ~?2 <> 0";
    change_sessions(connection, which, set, more, &[&now, &left], audit)
}

/// Changes the live sessions that are picked and of which `which_of` is true, under a revision of
/// their own. The first of `values` is the present.
fn change_sessions(
    connection: &Connection,
    which: &Selector,
    set: &str,
    which_of: &str,
    values: &[&dyn ToSql],
    audit: &AuditRecord,
) -> Result<Vec<SessionRecord>, Failure> {
    let change = |picks: &str, picked: Option<&dyn ToSql>| {
        let sql = format!(
            "UPDATE sessions SET {set}, changed = (SELECT revision + 1 FROM installation) \
             WHERE revoked_at IS NULL AND expires_at > ?1 AND {which_of}{picks}{} \
             RETURNING {SESSION}",
            if picked.is_some() { format!("?{}", values.len() + 1) } else { String::new() },
        );
        let values = values.iter().copied().chain(picked).collect::<Vec<_>>();
        all(connection, &sql, &*values, decode_session)
    };
    let changed = match which {
        Selector::Session(id) => change(" AND id = ", Some(id.as_bytes()))?,
        Selector::Subject(subject) => change(" AND subject = ", Some(&subject.as_str()))?,
        Selector::AllBut(id) => change(" AND id <> ", Some(id.as_bytes()))?,
        Selector::All => change("", None)?,
    };
    if !changed.is_empty() {
        next_revision(connection)?;
    }
    for session in &changed {
        write_down(connection, &audit.clone().about_session(session))?;
    }
    Ok(changed)
}

/// The revision of a change in this transaction, which no other has.
fn next_revision(connection: &Connection) -> Result<i64, Failure> {
    let sql = "UPDATE installation SET revision = revision + 1 RETURNING revision";
    Ok(connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
}

fn find_session(connection: &Connection, id: SessionId) -> Result<Option<SessionRecord>, Failure> {
    let sql = select(SESSION, "sessions WHERE id = ?1");
    find(connection, &sql, [id.as_bytes()], decode_session)
}
