//! Whatever bytes a database holds: reading them never panics, and what is read is within the
//! policy's bounds and is written back the same.

use std::time::Duration;

use doorward_gate::store::sqlite::rows::{
    GrantRow, LocalRow, SessionRow, TicketRow, decode_consumed, decode_report, encode_consumed,
    encode_report,
};
use doorward_policy::Capabilities;
use doorward_policy::grant::{MAX_CODE_LIFE, MAX_LINK_LIFE, MAX_USES};
use doorward_policy::local::{MAX_DIRECTORY, MAX_LIFE};
use doorward_policy::session::Lifetimes;
use doorward_policy::token::Method;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// Numbers near the bounds, and any.
fn number() -> impl Strategy<Value = i64> {
    let day = 24 * 3600 * 1000;
    prop_oneof![
        4 => -1..20_i64,
        1 => 995..1005_i64,
        2 => (0..100_i64).prop_map(move |days| days * day),
        1 => any::<i64>(),
    ]
}

fn bytes(length: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![6 => vec(any::<u8>(), length), 1 => vec(any::<u8>(), 0..40)]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[a-zé ]{1,20}", 1 => any::<String>(), 1 => "[a-z]{60,600}"]
}

fn consumed() -> impl Strategy<Value = Vec<u8>> {
    let entry = (vec(any::<u8>(), 48), 0..5_u8, number()).prop_map(|(bytes, counter, at)| {
        [&bytes[..32], &[counter], &bytes[32..], &at.to_be_bytes()].concat()
    });
    prop_oneof![
        3 => vec(entry, 0..4).prop_map(|entries| entries.concat()),
        1 => vec(any::<u8>(), 0..200),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1024,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    //= req: STORE-5, type=property
    #[test]
    fn a_grant_that_is_read_is_within_bounds(
        (id, label, consumed) in (bytes(16), text(), consumed()),
        (capabilities, method, uses_left) in (number(), number(), number()),
        (created_at, expires_at, revoked_at) in (number(), number(), option::of(number())),
    ) {
        let row = GrantRow {
            id: &id,
            label: &label,
            capabilities,
            method,
            created_at,
            expires_at,
            uses_left,
            revoked_at,
            consumed: &consumed,
        };
        let Ok(grant) = row.decode() else { return Ok(()) };
        prop_assert!(grant.uses_left <= MAX_USES && i64::from(grant.uses_left) == uses_left);
        prop_assert_eq!(i64::from(grant.capabilities.bits()), capabilities);
        let longest = if grant.method == Method::Code { MAX_CODE_LIFE } else { MAX_LINK_LIFE };
        prop_assert!(grant.expires_at <= grant.created_at.plus(longest));
        prop_assert_eq!(grant.revoked_at.is_some(), revoked_at.is_some());
        prop_assert_eq!(encode_consumed(&grant.consumed), consumed);
    }

    //= req: STORE-5, type=property
    #[test]
    fn a_session_that_is_read_is_within_bounds(
        (id, granted_by, subject) in (bytes(16), bytes(16), text()),
        (capabilities, method, opened_from) in (number(), number(), option::of(bytes(4))),
        (created_at, expires_at, absolute_end) in (number(), number(), number()),
        revoked_at in option::of(number()),
    ) {
        let row = SessionRow {
            id: &id,
            subject: &subject,
            capabilities,
            method,
            granted_by: &granted_by,
            opened_from: opened_from.as_deref(),
            created_at,
            expires_at,
            absolute_end,
            revoked_at,
        };
        let Ok(session) = row.decode() else { return Ok(()) };
        prop_assert_eq!(session.subject.as_str(), subject);
        prop_assert_eq!(i64::from(session.capabilities.bits()), capabilities);
        prop_assert!(session.expires_at <= session.absolute_end);
        prop_assert!(session.absolute_end <= session.created_at.plus(Lifetimes::CEILING));
        prop_assert_eq!(session.revoked_at.is_some(), revoked_at.is_some());
        prop_assert_eq!(session.opened_from.is_some(), opened_from.is_some());
    }

    //= req: STORE-5, type=property
    #[test]
    fn a_ticket_that_is_read_is_the_one_that_is_kept(
        (session, origin) in (bytes(16), option::of(prop_oneof![text(), "[a-z]{508,516}"])),
        (capabilities, expires_at) in (number(), number()),
    ) {
        let origin = origin.as_deref();
        let row = TicketRow { session: &session, capabilities, origin, expires_at };
        let Ok(ticket) = row.decode() else { return Ok(()) };
        prop_assert_eq!(ticket.origin.as_deref(), origin);
        prop_assert!(origin.is_none_or(|origin| origin.len() <= 512));
        prop_assert_eq!(i64::from(ticket.capabilities.bits()), capabilities);
        prop_assert_eq!(&ticket.session.as_bytes()[..], session);
        let expires_at = Duration::from_millis(expires_at.try_into().expect("not negative"));
        prop_assert_eq!(Duration::from_millis(ticket.expires_at.as_millis()), expires_at);
    }

    //= req: STORE-5, type=property
    #[test]
    fn a_local_token_that_is_read_is_within_bounds(
        (id, incarnation, name, workspace) in (bytes(16), bytes(16), text(), text()),
        (capabilities, pid, started) in (number(), number(), number()),
        (created_at, ends_at) in (number(), number()),
        directory in prop_oneof![4 => text(), 1 => "[a-z/]{4090,4100}"],
    ) {
        let row = LocalRow {
            id: &id,
            incarnation: &incarnation,
            name: &name,
            workspace: &workspace,
            capabilities,
            pid,
            started,
            directory: &directory,
            created_at,
            ends_at,
        };
        let Ok(local) = row.decode() else { return Ok(()) };
        prop_assert_eq!(i64::from(local.capabilities.bits()), capabilities);
        prop_assert!(!local.capabilities.is_empty());
        prop_assert!(!local.capabilities.contains(Capabilities::ADMINISTER));
        prop_assert!(local.ends_at <= local.created_at.plus(MAX_LIFE));
        prop_assert!(local.directory.len() <= MAX_DIRECTORY && local.directory == directory);
        prop_assert!(!directory.contains(char::is_control));
        prop_assert_eq!(i64::from(local.pid), pid);
        prop_assert_eq!(local.started.cast_signed(), started);
        prop_assert_eq!((local.name.as_str(), local.workspace.as_str()), (&*name, &*workspace));
        prop_assert_eq!(&local.id.as_bytes()[..], id);
        prop_assert_eq!(&local.incarnation.as_bytes()[..], incarnation);
    }

    #[test]
    fn packed_lists_are_read_as_they_were_written(bytes in vec(any::<u8>(), 0..300)) {
        if let Ok(list) = decode_report(&bytes) {
            prop_assert_eq!(encode_report(&list), bytes.clone());
        }
        if let Ok(list) = decode_consumed(&bytes) {
            prop_assert_eq!(encode_consumed(&list), bytes);
        }
    }
}

#[test]
fn more_redemptions_than_a_grant_has_uses_are_refused() {
    let one = [&[7; 32][..], &[1], &[7; 16], &[0; 8]].concat();
    decode_consumed(&one.repeat(MAX_USES as usize)).expect("as many as there can be");
    decode_consumed(&one.repeat(MAX_USES as usize + 1)).expect_err("one too many");
}

/// A row of each kind, whose numbers are the last ones that Doorward can have written.
mod at_its_bound {
    use super::*;

    const CREATED: i64 = 5_000;

    fn after(longest: Duration) -> i64 {
        CREATED + i64::try_from(longest.as_millis()).expect("years")
    }

    fn grant(method: Method) -> GrantRow<'static> {
        let longest = if method == Method::Code { MAX_CODE_LIFE } else { MAX_LINK_LIFE };
        GrantRow {
            id: &[1; 16],
            label: "laptop",
            capabilities: 1,
            method: i64::from(method.to_byte()),
            created_at: CREATED,
            expires_at: after(longest),
            uses_left: i64::from(MAX_USES),
            revoked_at: None,
            consumed: &[],
        }
    }

    //= req: STORE-5, type=test
    #[test]
    fn a_grant_is_read_and_a_moment_or_a_use_more_is_not() {
        for method in [Method::Link, Method::Code] {
            let row = grant(method);
            row.decode().expect("it can have been written");
            let late = GrantRow { expires_at: row.expires_at + 1, ..row };
            late.decode().expect_err("a moment too long");
            let much = GrantRow { uses_left: row.uses_left + 1, ..row };
            much.decode().expect_err("a use too many");
        }
    }

    //= req: STORE-5, type=test
    #[test]
    fn a_session_is_read_and_a_moment_more_is_not() {
        let end = after(Lifetimes::CEILING);
        let row = SessionRow {
            id: &[1; 16],
            subject: "laptop",
            capabilities: 1,
            method: i64::from(Method::Link.to_byte()),
            granted_by: &[2; 16],
            opened_from: None,
            created_at: CREATED,
            expires_at: end,
            absolute_end: end,
            revoked_at: None,
        };
        row.decode().expect("it can have been written");
        let late = SessionRow { expires_at: end + 1, absolute_end: end + 1, ..row };
        late.decode().expect_err("a moment too long");
        let past = SessionRow { absolute_end: end - 1, ..row };
        past.decode().expect_err("a moment past the absolute end");
    }

    //= req: STORE-5, type=test
    #[test]
    fn a_ticket_is_read_and_an_origin_of_a_letter_more_is_not() {
        let origin = "o".repeat(513);
        let row = |length| TicketRow {
            session: &[1; 16],
            capabilities: 1,
            origin: origin.get(..length),
            expires_at: CREATED,
        };
        row(512).decode().expect("it can have been written");
        row(513).decode().expect_err("a letter too much");
    }

    //= req: STORE-5, type=test
    #[test]
    fn a_local_token_is_read_and_a_moment_or_a_letter_more_is_not() {
        let directory = "d".repeat(MAX_DIRECTORY + 1);
        let row = LocalRow {
            id: &[1; 16],
            incarnation: &[2; 16],
            name: "build",
            workspace: "home",
            capabilities: 1,
            pid: 7,
            started: 9,
            directory: &directory[..MAX_DIRECTORY],
            created_at: CREATED,
            ends_at: after(MAX_LIFE),
        };
        row.decode().expect("it can have been written");
        LocalRow { ends_at: row.ends_at + 1, ..row }.decode().expect_err("a moment too long");
        LocalRow { directory: &directory, ..row }.decode().expect_err("a letter too much");
    }
}
