//! What is kept beside the effects: audit records, the clock, reports; and forgetting.

use doorward_policy::Timestamp;
use doorward_policy::grant::REPEAT_WINDOW;
use rusqlite::{Connection, params};

use crate::audit::AuditRecord;
use crate::store::memory::EXPIRE_BUDGET;
use crate::store::sqlite::failure::Failure;
use crate::store::sqlite::query::{write_down, write_many_down};
use crate::store::sqlite::rows::{encode_report, millis};
use crate::store::{ListenerId, Report};

pub(in crate::store::sqlite) fn record(
    connection: &Connection,
    audit: &[AuditRecord],
) -> Result<(), Failure> {
    let (many, rest) = audit.as_chunks();
    many.iter().try_for_each(|records| write_many_down(connection, records))?;
    rest.iter().try_for_each(|record| write_down(connection, record))
}

pub(in crate::store::sqlite) fn trim_audit(
    connection: &Connection,
    up_to: u64,
) -> Result<(), Failure> {
    let up_to = i64::try_from(up_to).unwrap_or(i64::MAX);
    connection.prepare_cached("DELETE FROM audit WHERE number <= ?1")?.execute([up_to])?;
    Ok(())
}

/// Forgets what the ledger would: most records go in the second after their end.
pub(in crate::store::sqlite) fn expire(
    connection: &Connection,
    now: Timestamp,
) -> Result<usize, Failure> {
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
    let locals = forget(
        "DELETE FROM locals WHERE digest IN \
         (SELECT digest FROM locals WHERE ends_at <= ?1 ORDER BY ends_at LIMIT ?2)",
        millis(now),
    )?;
    let departed = forget(
        "DELETE FROM departed WHERE incarnation IN \
         (SELECT incarnation FROM departed WHERE ends_at <= ?1 ORDER BY ends_at LIMIT ?2)",
        millis(now),
    )?;
    Ok(grants + sessions + tickets + reports + locals + departed)
}

pub(in crate::store::sqlite) fn mark_clock(
    connection: &Connection,
    now: Timestamp,
) -> Result<(), Failure> {
    let sql = "UPDATE installation SET clock = ?1 WHERE clock < ?1";
    connection.prepare_cached(sql)?.execute([millis(now)])?;
    Ok(())
}

pub(in crate::store::sqlite) fn report_connections(
    connection: &Connection,
    listener: &ListenerId,
    report: &Report,
) -> Result<(), Failure> {
    let sql = "INSERT OR REPLACE INTO reports VALUES (?1, ?2, ?3, ?4)";
    let acted = i64::try_from(report.acted).unwrap_or(i64::MAX);
    let sessions = encode_report(&report.sessions);
    let values = params![listener, acted, millis(report.until), sessions];
    connection.prepare_cached(sql)?.execute(values)?;
    Ok(())
}
