//! Rows: `doorward_gate::store::sqlite::rows`.

use doorward_gate::store::sqlite::rows::{
    GrantRow, LocalRow, SessionRow, TicketRow, decode_consumed, decode_report, encode_consumed,
    encode_report,
};
use doorward_policy::Timestamp;

use super::Columns;

const DAY: i64 = 24 * 3_600_000;

pub(super) fn grant(columns: &mut Columns<'_, '_>) {
    let (id, label) = (columns.bytes(), columns.text());
    let (capabilities, method) = (columns.number(), columns.number());
    let (created_at, expires_at, uses_left) =
        (columns.number(), columns.number(), columns.number());
    let revoked_at = columns.optional(Columns::number);
    let redeemed = columns.bytes();
    let row = GrantRow {
        id: &id,
        label,
        capabilities,
        method,
        created_at,
        expires_at,
        uses_left,
        revoked_at,
        consumed: &redeemed,
    };
    let longest = if method == 2 { 600_000 } else { 30 * DAY };
    let sound = id.len() == 16
        && is_name(label)
        && (0..16).contains(&capabilities)
        && (1..=3).contains(&method)
        && lasts(created_at, expires_at, longest)
        && (0..=1000).contains(&uses_left)
        && revoked_at.is_none_or(|time| time >= 0)
        && are_redemptions(&redeemed);
    let read = row.decode();
    assert_eq!(read.is_ok(), sound, "{row:?}: {read:?}");
    let Ok(read) = read else { return };
    let consumed = encode_consumed(&read.consumed);
    let again = GrantRow {
        id: read.id.as_bytes(),
        label: read.label.as_str(),
        capabilities: read.capabilities.bits().into(),
        method: read.method.to_byte().into(),
        created_at: number(read.created_at),
        expires_at: number(read.expires_at),
        uses_left: read.uses_left.into(),
        revoked_at: read.revoked_at.map(number),
        consumed: &consumed,
    };
    assert_same(&again, &row);
}

pub(super) fn session(columns: &mut Columns<'_, '_>) {
    let (id, subject) = (columns.bytes(), columns.text());
    let (capabilities, method, granted_by) = (columns.number(), columns.number(), columns.bytes());
    let opened_from = columns.optional(Columns::bytes);
    let (created_at, expires_at, absolute_end) =
        (columns.number(), columns.number(), columns.number());
    let revoked_at = columns.optional(Columns::number);
    let row = SessionRow {
        id: &id,
        subject,
        capabilities,
        method,
        granted_by: &granted_by,
        opened_from: opened_from.as_deref(),
        created_at,
        expires_at,
        absolute_end,
        revoked_at,
    };
    let sound = id.len() == 16
        && is_name(subject)
        && (0..16).contains(&capabilities)
        && (1..=3).contains(&method)
        && granted_by.len() == 16
        && opened_from.as_ref().is_none_or(|bytes| matches!(bytes.len(), 4 | 16))
        && lasts(created_at, absolute_end, 90 * DAY)
        && (0..=absolute_end).contains(&expires_at)
        && revoked_at.is_none_or(|time| time >= 0);
    let read = row.decode();
    assert_eq!(read.is_ok(), sound, "{row:?}: {read:?}");
    let Ok(read) = read else { return };
    let opened_from = read.opened_from.map(|address| match address {
        std::net::IpAddr::V4(four) => four.octets().to_vec(),
        std::net::IpAddr::V6(six) => six.octets().to_vec(),
    });
    let again = SessionRow {
        id: read.id.as_bytes(),
        subject: read.subject.as_str(),
        capabilities: read.capabilities.bits().into(),
        method: read.method.to_byte().into(),
        granted_by: read.grant.as_bytes(),
        opened_from: opened_from.as_deref(),
        created_at: number(read.created_at),
        expires_at: number(read.expires_at),
        absolute_end: number(read.absolute_end),
        revoked_at: read.revoked_at.map(number),
    };
    assert_same(&again, &row);
}

pub(super) fn ticket(columns: &mut Columns<'_, '_>) {
    let (session, capabilities) = (columns.bytes(), columns.number());
    let origin = columns.optional(Columns::text);
    let expires_at = columns.number();
    let row = TicketRow { session: &session, capabilities, origin, expires_at };
    let sound = session.len() == 16
        && (0..16).contains(&capabilities)
        && origin.is_none_or(|origin| origin.len() <= 512)
        && expires_at >= 0;
    let read = row.decode();
    assert_eq!(read.is_ok(), sound, "{row:?}: {read:?}");
    let Ok(read) = read else { return };
    let again = TicketRow {
        session: read.session.as_bytes(),
        capabilities: read.capabilities.bits().into(),
        origin: read.origin.as_deref(),
        expires_at: number(read.expires_at),
    };
    assert_same(&again, &row);
}

pub(super) fn local(columns: &mut Columns<'_, '_>) {
    let (id, incarnation) = (columns.bytes(), columns.bytes());
    let (name, workspace) = (columns.text(), columns.text());
    let (capabilities, pid, started) = (columns.number(), columns.number(), columns.number());
    let directory = columns.text();
    let (created_at, ends_at) = (columns.number(), columns.number());
    let row = LocalRow {
        id: &id,
        incarnation: &incarnation,
        name,
        workspace,
        capabilities,
        pid,
        started,
        directory,
        created_at,
        ends_at,
    };
    let sound = id.len() == 16
        && incarnation.len() == 16
        && is_name(name)
        && is_name(workspace)
        // Some, and not to administer.
        && (1..8).contains(&capabilities)
        && u32::try_from(pid).is_ok()
        && directory.len() <= 4096
        && is_shown(directory)
        && lasts(created_at, ends_at, 30 * DAY);
    let read = row.decode();
    assert_eq!(read.is_ok(), sound, "{row:?}: {read:?}");
    let Ok(read) = read else { return };
    let again = LocalRow {
        id: read.id.as_bytes(),
        incarnation: read.incarnation.as_bytes(),
        name: read.name.as_str(),
        workspace: read.workspace.as_str(),
        capabilities: read.capabilities.bits().into(),
        pid: read.pid.into(),
        started: read.started.cast_signed(),
        directory: &read.directory,
        created_at: number(read.created_at),
        ends_at: number(read.ends_at),
    };
    assert_same(&again, &row);
}

pub(super) fn consumed(bytes: &[u8]) {
    let read = decode_consumed(bytes);
    assert_eq!(read.is_ok(), are_redemptions(bytes));
    if let Ok(read) = read {
        assert_eq!(encode_consumed(&read), bytes);
    }
}

pub(super) fn report(bytes: &[u8]) {
    let read = decode_report(bytes);
    assert_eq!(read.is_ok(), bytes.len().is_multiple_of(24));
    if let Ok(read) = read {
        assert_eq!(encode_report(&read), bytes);
    }
}

/// Every column of a row is in its debug output.
fn assert_same(again: &impl std::fmt::Debug, row: &impl std::fmt::Debug) {
    assert_eq!(format!("{again:?}"), format!("{row:?}"), "what was read isn't what is written");
}

/// At most 1000 of 57 bytes, each with its endpoint and a time after 1970.
fn are_redemptions(bytes: &[u8]) -> bool {
    let sound = |one: &[u8]| (1..=4).contains(&one[32]) && one[49] < 0x80;
    bytes.len().is_multiple_of(57) && bytes.len() <= 57_000 && bytes.chunks(57).all(sound)
}

fn lasts(from: i64, to: i64, most: i64) -> bool {
    from >= 0 && to >= 0 && to <= from.saturating_add(most)
}

fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len()) && is_shown(text)
}

fn is_shown(text: &str) -> bool {
    let control = |one: char| matches!(one, '\0'..='\x1f' | '\x7f'..='\u{9f}');
    !text.chars().any(control)
}

fn number(time: Timestamp) -> i64 {
    time.as_millis().try_into().expect("it was one")
}
