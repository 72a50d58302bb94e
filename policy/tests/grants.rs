//! A grant buys what it says, once, in time, for those who know it (I5, I6).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "a test that can't go on must stop"
)]

mod common;

use core::time::Duration;

use common::{
    DAY, NOW, attempt, grant, grant_request, masters, millis, nonce, secs, session_record, subject,
};
use doorward_policy::Timestamp;
use doorward_policy::capability::Capabilities;
use doorward_policy::grant::{
    Attempt, Counter, GrantRecord, GrantRefusal, GrantRequest, GrantRequestError, GrantSecret,
    MAX_CODE_LIFE, MAX_LINK_LIFE, MAX_USES, Nonce, REPEAT_WINDOW, Redemption, redeem, repeat,
};
use doorward_policy::id::SessionId;
use doorward_policy::token::Method;
use doorward_policy::workspace::Directory;

const HOUR: Duration = Duration::from_secs(3600);

fn opened(outcome: Result<Redemption, GrantRefusal>) -> SessionId {
    match outcome {
        Ok(Redemption::Opened(session)) => session.id,
        other => panic!("expected a new session, got {other:?}"),
    }
}

/// What a refusal must leave as it was.
fn state(grant: &GrantRecord) -> (u32, usize) {
    (grant.uses_left, grant.consumed.len())
}

#[track_caller]
fn refused(grant: &mut GrantRecord, attempt: &Attempt, at: Timestamp) -> GrantRefusal {
    let before = state(grant);
    let refusal = redeem(Some(grant), attempt, &Directory::default(), at).unwrap_err();
    assert_eq!(state(grant), before, "a refusal changes nothing");
    refusal
}

#[test]
fn a_redemption_opens_a_session_with_what_the_grant_says() {
    let mut grant = grant(1, HOUR);
    let at = NOW.plus(millis(1_500));
    let Ok(Redemption::Opened(session)) =
        redeem(Some(&mut grant), &attempt(1, 9), &Directory::default(), at)
    else {
        panic!("refused");
    };
    assert_eq!(session.id, SessionId::new([9; 16]));
    assert_eq!((session.subject, session.capabilities), (grant.label, grant.capabilities));
    assert_eq!((session.method, session.grant), (grant.method, grant.id));
    assert_eq!(session.created_at, NOW.plus(secs(1)));
    assert_eq!(session.expires_at, NOW.plus(secs(1)).plus(7 * DAY));
    assert_eq!(session.absolute_end, NOW.plus(secs(1)).plus(30 * DAY));
    assert_eq!(session.revoked_at, None);
}

#[test]
fn a_grant_that_nobody_issued_is_unknown() {
    assert_eq!(
        redeem(None, &attempt(1, 1), &Directory::default(), NOW),
        Err(GrantRefusal::Unknown)
    );
}

//= req: GRANT-1, type=test
#[test]
fn a_grant_has_as_many_sessions_as_uses() {
    let mut grant = grant(3, HOUR);
    for session in 1..=3 {
        assert_eq!(
            opened(redeem(
                Some(&mut grant),
                &attempt(session, session),
                &Directory::default(),
                NOW
            )),
            SessionId::new([session; 16])
        );
    }
    assert_eq!(refused(&mut grant, &attempt(4, 4), NOW), GrantRefusal::Spent);
}

//= req: GRANT-2, type=test
#[test]
fn a_grant_is_valid_to_the_millisecond_before_it_expires() {
    let end = NOW.plus(HOUR);
    assert!(
        redeem(
            Some(&mut grant(1, HOUR)),
            &attempt(1, 1),
            &Directory::default(),
            end.minus(millis(1))
        )
        .is_ok()
    );
    assert_eq!(refused(&mut grant(1, HOUR), &attempt(1, 1), end), GrantRefusal::Expired);
}

//= req: GRANT-4, type=test
#[test]
fn the_same_nonce_gets_the_same_session_for_sixty_seconds() {
    let mut grant = grant(1, HOUR);
    let first = opened(redeem(Some(&mut grant), &attempt(1, 1), &Directory::default(), NOW));
    let last = NOW.plus(REPEAT_WINDOW).minus(millis(1));
    for at in [NOW, NOW.plus(secs(30)), last] {
        let again = redeem(Some(&mut grant), &attempt(1, 2), &Directory::default(), at);
        assert_eq!(again, Ok(Redemption::Repeated(first)), "the new id is not used");
    }
    let over = NOW.plus(REPEAT_WINDOW);
    assert_eq!(refused(&mut grant, &attempt(1, 2), over), GrantRefusal::Spent);
}

//= req: GRANT-4, type=test
#[test]
fn a_repetition_consumes_no_further_use() {
    let mut grant = grant(2, HOUR);
    let first = opened(redeem(Some(&mut grant), &attempt(1, 1), &Directory::default(), NOW));
    for _ in 0..5 {
        let again = redeem(Some(&mut grant), &attempt(1, 7), &Directory::default(), NOW);
        assert_eq!(again, Ok(Redemption::Repeated(first)));
    }
    assert_eq!(grant.uses_left, 1);
}

#[test]
fn a_repetition_works_past_the_grants_expiry() {
    let mut grant = grant(1, HOUR);
    let first = opened(redeem(
        Some(&mut grant),
        &attempt(1, 1),
        &Directory::default(),
        NOW.plus(HOUR).minus(millis(1)),
    ));
    let late = NOW.plus(HOUR).plus(secs(30));
    let again = redeem(Some(&mut grant), &attempt(1, 2), &Directory::default(), late);
    assert_eq!(again, Ok(Redemption::Repeated(first)));
    assert_eq!(refused(&mut grant, &attempt(2, 2), late), GrantRefusal::Expired);
}

//= req: GRANT-4, type=test
#[test]
fn another_nonce_is_no_repetition() {
    let mut grant = grant(1, HOUR);
    opened(redeem(Some(&mut grant), &attempt(1, 1), &Directory::default(), NOW));
    assert_eq!(refused(&mut grant, &attempt(2, 2), NOW), GrantRefusal::Spent);
}

//= req: GRANT-4, type=test
#[test]
fn another_endpoint_is_no_repetition() {
    let mut grant = grant(1, HOUR);
    opened(redeem(Some(&mut grant), &attempt(1, 1), &Directory::default(), NOW));
    for counter in [Counter::Token, Counter::Hello] {
        let elsewhere = Attempt { counter, ..attempt(1, 2) };
        assert_eq!(refused(&mut grant, &elsewhere, NOW), GrantRefusal::Spent, "{counter:?}");
    }
}

//= req: GRANT-3, type=test
#[test]
fn a_revoked_grant_is_refused_repetitions_too() {
    let mut unused = grant(1, HOUR);
    unused.revoke(NOW);
    assert_eq!(refused(&mut unused, &attempt(1, 1), NOW), GrantRefusal::Revoked);
    let mut used = grant(1, HOUR);
    opened(redeem(Some(&mut used), &attempt(1, 1), &Directory::default(), NOW));
    used.revoke(NOW);
    assert_eq!(refused(&mut used, &attempt(1, 1), NOW), GrantRefusal::Revoked);
    used.revoke(NOW.plus(secs(5)));
    assert_eq!(used.revoked_at, Some(NOW), "the first mark stays");
}

//= req: GRANT-7, type=test
#[test]
fn a_grant_that_lacks_what_is_needed_is_not_spent() {
    let mut grant = grant(1, HOUR);
    let greedy = Attempt { needed: Capabilities::SPAWN, ..attempt(1, 1) };
    let lacking = GrantRefusal::Insufficient(Capabilities::SPAWN);
    assert_eq!(refused(&mut grant, &greedy, NOW), lacking);
    opened(redeem(Some(&mut grant), &attempt(1, 1), &Directory::default(), NOW));
}

//= req: GRANT-5, type=test
#[test]
fn a_repeated_session_must_still_be_there() {
    let session = session_record(1, NOW);
    assert_eq!(repeat(Some(&session), NOW), Ok(session));
    assert_eq!(repeat(None, NOW), Err(GrantRefusal::SessionGone));
    let end = session.expires_at;
    assert!(repeat(Some(&session), end.minus(millis(1))).is_ok());
    assert_eq!(repeat(Some(&session), end), Err(GrantRefusal::SessionGone));
    let mut revoked = session;
    revoked.revoke(NOW);
    assert_eq!(repeat(Some(&revoked), NOW), Err(GrantRefusal::Revoked));
}

#[test]
fn only_the_last_minutes_redemptions_are_kept() {
    let mut grant = grant(1000, DAY);
    for second in 0..200_u8 {
        let at = NOW.plus(secs(second.into()));
        opened(redeem(Some(&mut grant), &attempt(second, second), &Directory::default(), at));
        assert!(grant.consumed.len() <= 60);
    }
}

#[test]
fn a_record_is_kept_until_nothing_is_left_to_repeat() {
    assert_eq!(grant(1, HOUR).forget_at(), NOW.plus(HOUR).plus(REPEAT_WINDOW));
}

//= req: GRANT-8, type=test
#[test]
fn a_grant_never_carries_what_its_issuer_lacks() {
    let issue = |capabilities, issuer| {
        let request = GrantRequest { capabilities, ..grant_request(1, HOUR) };
        GrantRecord::issue(&request, issuer, [0; 16], NOW).err()
    };
    let refused = Some(GrantRequestError::Capabilities);
    assert_eq!(issue(Capabilities::OPERATE, Capabilities::START_UP), None);
    assert_eq!(issue(Capabilities::ADMINISTER, Capabilities::START_UP), refused);
    assert_eq!(issue(Capabilities::ALL, Capabilities::START_UP), refused);
    assert_eq!(issue(Capabilities::OBSERVE, Capabilities::NONE), refused);
    assert_eq!(issue(Capabilities::NONE, Capabilities::ALL), refused);
}

//= req: GRANT-9, type=test
#[test]
fn uses_and_lives_are_bounded() {
    let issue = |method, uses, life| {
        let request = GrantRequest { method, ..grant_request(uses, life) };
        GrantRecord::issue(&request, Capabilities::ALL, [0; 16], NOW).err()
    };
    assert_eq!(issue(Method::Link, MAX_USES, MAX_LINK_LIFE), None);
    assert_eq!(issue(Method::Code, 1, MAX_CODE_LIFE), None);
    let uses = Some(GrantRequestError::Uses);
    assert_eq!(issue(Method::Link, 0, HOUR), uses);
    assert_eq!(issue(Method::Link, MAX_USES + 1, HOUR), uses);
    let life = Some(GrantRequestError::Life);
    assert_eq!(issue(Method::Link, 1, secs(0)), life);
    assert_eq!(issue(Method::Link, 1, MAX_LINK_LIFE + millis(1)), life);
    assert_eq!(issue(Method::Desktop, 1, MAX_LINK_LIFE + millis(1)), life);
    assert_eq!(issue(Method::Code, 1, MAX_CODE_LIFE + millis(1)), life);
}

//= req: GRANT-10, type=test
#[test]
fn a_link_is_43_canonical_characters() {
    let text = GrantSecret::link([0xfb; 32]).expose().to_string();
    assert_eq!(text.len(), 43);
    assert!(matches!(GrantSecret::parse(&text), Some(GrantSecret::Link(_))));
    assert!(GrantSecret::parse(&text[..42]).is_none());
    assert!(GrantSecret::parse(&format!("{text}=")).is_none());
    assert!(GrantSecret::parse(&text.replace('-', "+").replace('_', "/")).is_none());
    // 43 characters leave two unused bits.
    for last in ["t", "u", "v"] {
        assert!(GrantSecret::parse(&format!("{}{last}", &text[..42])).is_none(), "{last}");
    }
}

//= req: GRANT-10, type=test
#[test]
fn a_code_is_read_in_any_case_and_grouping() {
    let code = GrantSecret::code([0, 1, 2, 3, 4, 5, 6, 7, 28, 29, 30, 31]);
    let digester = masters().digester();
    assert_eq!(*code.expose(), "2345-6789-WXYZ");
    for text in [
        "2345-6789-WXYZ",
        "23456789wxyz",
        " 2345 6789 wxyz ",
        "2-3-4-5-6-7-8-9-W-X-Y-Z",
        "2345_6789_wXyZ",
    ] {
        let read = GrantSecret::parse(text).unwrap();
        assert!(read.is_code());
        assert_eq!(read.digest(&digester), code.digest(&digester), "{text}");
    }
    for text in [
        "",
        "2345-6789-WXY",
        "2345-6789-WXYZZ",
        "2345-6789-WXY0",
        "2345-6789-WXYI",
        "2345-6789-WXYO",
        "2345-6789-WXY1",
        "2345-6789-WXYé",
        "2345\n6789-WXYZ",
        "2345.6789.WXYZ",
        "------------",
    ] {
        assert!(GrantSecret::parse(text).is_none(), "{text}");
    }
}

//= req: GRANT-10, type=test
#[test]
fn a_code_has_sixty_bits_of_its_entropy() {
    let texts: std::collections::BTreeSet<String> =
        (0..=u8::MAX).map(|byte| GrantSecret::code([byte; 12]).expose().to_string()).collect();
    assert_eq!(texts.len(), 32, "five bits for each character");
    for place in 0..12 {
        let mut entropy = [0; 12];
        entropy[place] = 31;
        let text = GrantSecret::code(entropy).expose().replace('-', "");
        assert_eq!(text.find('Z'), Some(place));
    }
}

//= req: GRANT-12, type=test
#[test]
fn a_digest_is_keyed_with_the_pepper() {
    let secret = GrantSecret::link([1; 32]);
    let other = doorward_policy::keys::MasterKeys::generate([0; 16], [9; 32], [0; 32], NOW);
    assert_ne!(secret.digest(&masters().digester()), secret.digest(&other.digester()));
    let expected = common::record::mac(&common::PEPPER, &[1; 32]);
    assert_eq!(*secret.digest(&masters().digester()).as_bytes(), expected);
}

//= req: GRANT-6, type=test
#[test]
fn a_nonce_has_16_to_32_bytes() {
    let digester = masters().digester();
    let parse = |length: usize| {
        Nonce::parse(&doorward_policy::encoding::base64url(&vec![7; length]), &digester).is_some()
    };
    for length in 0..64 {
        assert_eq!(parse(length), (16..=32).contains(&length), "{length} bytes");
    }
    assert!(Nonce::parse("AAAAAAAAAAAAAAAAAAAAAB", &digester).is_none(), "not canonical");
    assert_ne!(nonce(1).digest(), nonce(2).digest());
}

#[test]
fn a_label_is_short_and_has_no_control_characters() {
    use doorward_policy::subject::Subject;
    assert_eq!(subject("küche").as_str(), "küche");
    for text in ["", "a\nb", "a\u{7f}", "a\u{9b}b", &"s".repeat(65)] {
        assert!(Subject::new(text).is_none(), "{text:?}");
    }
}
