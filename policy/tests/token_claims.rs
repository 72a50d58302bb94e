//! What a token says is believed only under its tag, and then only if it is whole (I6, I7).
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

use common::record::{ADMIN_INFO, Record, SESSION_INFO, derived_key, join, mac, sign};
use common::{DAY, ISSUER, MASTER, NOW, PEPPER, SESSION, claims, masters, millis, secs};
use doorward_policy::Timestamp;
use doorward_policy::capability::Capabilities;
use doorward_policy::keys::{MasterKeys, Purpose};
use doorward_policy::token::{CLOCK_SKEW, TokenError, UntrustedToken, VerifiedSession};

fn verify_at(text: &str, now: Timestamp) -> Result<VerifiedSession, TokenError> {
    UntrustedToken::parse(text.as_bytes())?.verify(&masters().ring(Purpose::Session), now)
}

fn verify(text: &str) -> Result<VerifiedSession, TokenError> {
    verify_at(text, NOW)
}

#[track_caller]
fn refused(record: &Record, error: TokenError) {
    assert_eq!(verify(&record.token()), Err(error), "{record:?}");
}

#[test]
fn a_good_token_says_what_was_signed() {
    let verified = verify(&Record::good().token()).unwrap();
    assert_eq!(*verified.claims(), claims());
    assert_eq!(verified.key_id(), 1);
}

//= req: TOKEN-3, type=test
#[test]
fn a_tag_that_is_not_the_records_is_refused() {
    let record = Record::good().bytes();
    let key = derived_key(&MASTER, &ISSUER, SESSION_INFO);
    let tag = mac(&key, &record);
    for bit in 0..256 {
        let mut tag = tag;
        tag[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(verify(&join(&record, &tag)), Err(TokenError::BadTag), "bit {bit}");
    }
    assert_eq!(verify(&join(&record, &[0; 32])), Err(TokenError::BadTag));
}

//= req: TOKEN-3, type=test
#[test]
fn a_record_that_the_tag_is_not_of_is_refused() {
    let tag = mac(&derived_key(&MASTER, &ISSUER, SESSION_INFO), &Record::good().bytes());
    let other = Record { capabilities: 15, ..Record::good() };
    assert_eq!(verify(&join(&other.bytes(), &tag)), Err(TokenError::BadTag));
}

#[test]
fn the_master_itself_is_no_signing_key() {
    assert_eq!(verify(&sign(&Record::good().bytes(), &MASTER)), Err(TokenError::BadTag));
}

//= req: TOKEN-6, type=test
#[test]
fn a_token_of_another_issuer_is_refused() {
    let elsewhere = derived_key(&MASTER, &[0x12; 16], SESSION_INFO);
    assert_eq!(verify(&sign(&Record::good().bytes(), &elsewhere)), Err(TokenError::BadTag));
    // Nor does one under the very same secrets.
    let elsewhere = MasterKeys::generate([0x12; 16], PEPPER, MASTER, NOW);
    let text = doorward_policy::token::issue(&claims(), &elsewhere.ring(Purpose::Session), NOW);
    assert_eq!(verify(text.unwrap().expose()), Err(TokenError::BadTag));
}

//= req: TOKEN-6, type=test
#[test]
fn a_token_of_another_purpose_is_refused_both_ways() {
    let record = Record::good().bytes();
    let admin = sign(&record, &derived_key(&MASTER, &ISSUER, ADMIN_INFO));
    let session = sign(&record, &derived_key(&MASTER, &ISSUER, SESSION_INFO));
    assert_eq!(verify(&admin), Err(TokenError::BadTag));
    let ring = masters().ring(Purpose::Admin);
    let token = |text: &str| UntrustedToken::parse(text.as_bytes()).unwrap();
    assert_eq!(token(&session).verify(&ring, NOW), Err(TokenError::BadTag));
    assert!(token(&admin).verify(&ring, NOW).is_ok());
}

#[test]
fn a_token_of_another_key_id_is_refused() {
    for key_id in (0..=u8::MAX).filter(|id| *id != 1) {
        refused(&Record { key_id, ..Record::good() }, TokenError::UnknownKey);
    }
}

//= req: TOKEN-3, type=test
#[test]
fn a_token_under_another_live_keys_id_is_refused() {
    let mut masters = masters();
    assert_eq!(masters.rotate([0x44; 32], NOW), Ok(2));
    let ring = masters.ring(Purpose::Session);
    let text = Record { key_id: 2, ..Record::good() }.token();
    let token = UntrustedToken::parse(text.as_bytes()).unwrap();
    assert_eq!(token.verify(&ring, NOW), Err(TokenError::BadTag));
}

#[test]
fn a_token_of_another_installation_with_the_same_key_id_is_refused() {
    let other = MasterKeys::generate([1; 16], [2; 32], [3; 32], NOW);
    let text = doorward_policy::token::issue(&claims(), &other.ring(Purpose::Session), NOW);
    assert_eq!(verify(text.unwrap().expose()), Err(TokenError::BadTag));
}

//= req: TOKEN-5, type=test
#[test]
fn an_unknown_capability_bit_is_refused() {
    for bit in 4..16 {
        refused(&Record { capabilities: 3 | 1 << bit, ..Record::good() }, TokenError::BadRecord);
    }
    assert!(verify(&Record { capabilities: 15, ..Record::good() }.token()).is_ok());
}

//= req: TOKEN-5, type=test
#[test]
fn an_unknown_method_is_refused() {
    for method in (0..=u8::MAX).filter(|method| !(1..=3).contains(method)) {
        refused(&Record { method, ..Record::good() }, TokenError::BadRecord);
    }
}

//= req: TOKEN-5, type=test
#[test]
fn trailing_bytes_are_refused() {
    for extra in 1..=8 {
        for byte in [0, b'x'] {
            let record = Record { trailing: vec![byte; extra], ..Record::good() };
            refused(&record, TokenError::BadRecord);
        }
    }
}

//= req: TOKEN-5, type=test
#[test]
fn a_length_byte_that_is_not_the_subjects_is_refused() {
    for length in (0..=u8::MAX).filter(|length| *length != 6) {
        refused(&Record { claimed_length: Some(length), ..Record::good() }, TokenError::BadRecord);
    }
}

//= req: TOKEN-5, type=test
#[test]
fn a_subject_with_control_characters_or_broken_utf8_is_refused() {
    let subjects: [&[u8]; 7] =
        [b"a\nb", b"\0", b"\x1b[31m", b"a\x7f", b"\xc2\x85", b"\xff\xfe", b"\xc0\xaf"];
    for subject in subjects {
        refused(&Record { subject: subject.to_vec(), ..Record::good() }, TokenError::BadRecord);
    }
    for subject in ["é", "日本", "a b", &"s".repeat(64)] {
        let record = Record { subject: subject.into(), ..Record::good() };
        assert_eq!(verify(&record.token()).unwrap().claims().subject.as_str(), subject);
    }
}

//= req: TOKEN-7, type=test
#[test]
fn a_token_is_valid_to_the_millisecond_before_it_expires() {
    let token = Record::good().token();
    let expired = Err(TokenError::Expired(SESSION, claims().subject));
    let end = NOW.plus(7 * DAY);
    assert!(verify_at(&token, end.minus(millis(1))).is_ok());
    assert_eq!(verify_at(&token, end), expired);
    assert_eq!(verify_at(&token, end.plus(DAY)), expired);
}

//= req: TOKEN-7, type=test
#[test]
fn a_token_ends_with_its_session_even_if_it_says_that_it_expires_later() {
    let record = Record { absolute_end: NOW.as_secs() + 10, ..Record::good() };
    let end = NOW.plus(secs(10));
    assert!(verify_at(&record.token(), end.minus(millis(1))).is_ok());
    assert!(matches!(verify_at(&record.token(), end), Err(TokenError::Expired(..))));
}

//= req: TOKEN-8, type=test
#[test]
fn a_token_is_accepted_at_most_five_minutes_before_it_was_issued() {
    let token = Record::good().token();
    let first = NOW.minus(CLOCK_SKEW);
    assert!(verify_at(&token, first).is_ok());
    assert_eq!(verify_at(&token, first.minus(millis(1))), Err(TokenError::NotYetValid));
    assert_eq!(verify_at(&token, Timestamp::EPOCH), Err(TokenError::NotYetValid));
}

#[test]
fn an_empty_lifetime_is_no_lifetime() {
    let now = NOW.as_secs();
    for expires_at in [0, now - 1, now] {
        let record = Record { expires_at, ..Record::good() };
        assert!(matches!(verify(&record.token()), Err(TokenError::Expired(..))), "{expires_at}");
    }
}

//= req: TOKEN-4, type=test
#[test]
fn only_a_verified_tag_tells_expired_from_invalid() {
    let expired = Record { expires_at: 1, ..Record::good() };
    let forged = join(&expired.bytes(), &[0; 32]);
    assert_eq!(verify(&forged), Err(TokenError::BadTag));
    let unknown = Record { capabilities: 0xffff, ..Record::good() };
    assert_eq!(verify(&join(&unknown.bytes(), &[0; 32])), Err(TokenError::BadTag));
}

#[test]
fn a_verified_session_can_only_be_limited() {
    let verified = verify(&Record::good().token()).unwrap();
    let observe = verified.limited_to(Capabilities::OBSERVE);
    assert_eq!(observe.claims().capabilities, Capabilities::OBSERVE);
    let all = observe.limited_to(Capabilities::ALL);
    assert_eq!(all.claims().capabilities, Capabilities::OBSERVE);
}

#[test]
fn with_a_subject_of_21_bytes_the_mac_costs_two_compressions() {
    // HMAC hashes the key's block beforehand; the message shares its blocks with 9 bytes of padding.
    let record = Record { subject: vec![b's'; 21], ..Record::good() }.bytes();
    assert!(record.len() + 9 <= 64);
}
