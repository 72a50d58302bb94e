//! The one spelling that a token has: everything else is malformed (I7).
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

use common::record::{Record, join};
use common::{NOW, Request, World};
use doorward_policy::denial::{Denial, Invalid};
use doorward_policy::token::{MAX_TEXT, TokenError, UntrustedToken};

const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn parse(text: impl AsRef<[u8]>) -> Result<UntrustedToken, TokenError> {
    UntrustedToken::parse(text.as_ref())
}

#[track_caller]
fn malformed(text: impl AsRef<[u8]>) {
    assert_eq!(parse(text).err(), Some(TokenError::Malformed));
}

/// All texts that a lenient decoder reads as the same bytes: only the unused bits differ.
fn same_bytes_otherwise(text: &str) -> Vec<String> {
    let (start, last) = text.split_at(text.len() - 1);
    let place = ALPHABET.find(last).unwrap();
    let unused = match text.len() % 4 {
        2 => 16,
        3 => 4,
        _ => 1,
    };
    let group = place - place % unused;
    (group..group + unused)
        .filter(|other| *other != place)
        .map(|other| format!("{start}{}", &ALPHABET[other..=other]))
        .collect()
}

#[test]
fn a_well_formed_token_parses() {
    assert!(parse(Record::good().token()).is_ok());
    assert!(parse(World::new().token()).is_ok());
}

//= req: TOKEN-1, type=test
#[test]
fn every_other_spelling_of_the_tag_is_malformed() {
    let token = Record::good().token();
    let (record, tag) = token.split_once('.').unwrap();
    let others = same_bytes_otherwise(tag);
    assert_eq!(others.len(), 3, "43 characters have two unused bits");
    for other in others {
        malformed(format!("{record}.{other}"));
    }
}

//= req: TOKEN-1, type=test
#[test]
fn every_other_spelling_of_the_record_is_malformed() {
    // 35 bytes leave four unused bits, 37 none, and 36 two.
    for (subject, variants) in [("a", 3), ("ab", 0), ("abc", 15)] {
        let token = Record { subject: subject.into(), ..Record::good() }.token();
        let (record, tag) = token.split_once('.').unwrap();
        let others = same_bytes_otherwise(record);
        assert_eq!(others.len(), variants, "{subject}");
        for other in others {
            malformed(format!("{other}.{tag}"));
        }
    }
}

//= req: TOKEN-1, type=test
#[test]
fn padding_is_malformed() {
    let token = Record::good().token();
    let (record, tag) = token.split_once('.').unwrap();
    for padding in ["=", "=="] {
        malformed(format!("{record}.{tag}{padding}"));
        malformed(format!("{record}{padding}.{tag}"));
    }
}

#[test]
fn the_other_alphabet_is_malformed() {
    // All ones encode to the last character of either alphabet.
    let record = Record { session: [0xff; 16], ..Record::good() };
    let token = join(&record.bytes(), &[0xfb; 32]);
    assert!(token.contains('_') && token.contains('-') && parse(&token).is_ok());
    malformed(token.replace('_', "/"));
    malformed(token.replace('-', "+"));
}

//= req: TOKEN-1, type=test
#[test]
fn white_space_around_or_inside_is_malformed() {
    let token = Record::good().token();
    for text in [format!(" {token}"), format!("{token} "), format!("{token}\n")] {
        malformed(text);
    }
    malformed(token.replace('.', ".\n"));
    malformed(token.replace('.', "\0."));
}

//= req: TOKEN-1, type=test
#[test]
fn any_number_of_segments_but_two_is_malformed() {
    let token = Record::good().token();
    let (record, tag) = token.split_once('.').unwrap();
    malformed("");
    malformed(".");
    malformed(record);
    malformed(tag);
    malformed(format!(".{tag}"));
    malformed(format!("{record}."));
    malformed(format!(".{record}.{tag}"));
    malformed(format!("{record}.{tag}."));
    malformed(format!("{record}..{tag}"));
    malformed(format!("{record}.{record}.{tag}"));
    malformed(format!("{record}.{record}.{record}.{tag}"));
}

//= req: TOKEN-3, type=test
#[test]
fn a_tag_of_any_length_but_32_bytes_is_malformed() {
    let record = Record::good();
    let tag = [0x5a; 64];
    for length in (0..=64).filter(|length| *length != 32) {
        malformed(join(&record.bytes(), &tag[..length]));
    }
    assert!(parse(join(&record.bytes(), &tag[..32])).is_ok());
}

#[test]
fn a_json_header_in_place_of_the_record_is_malformed() {
    for header in [r#"{"alg":"none"}"#, r#"{"alg":"HS256","typ":"JWT"}"#] {
        malformed(join(header.as_bytes(), &[]));
        malformed(join(header.as_bytes(), &[0; 32]));
        malformed(format!("{header}.{header}"));
    }
}

//= req: TOKEN-2, type=test
#[test]
fn another_version_is_malformed() {
    for version in (0..=u8::MAX).filter(|version| *version != 1) {
        malformed(Record { version, ..Record::good() }.token());
    }
}

//= req: TOKEN-2, type=test
#[test]
fn a_record_without_a_subject_is_malformed() {
    malformed(Record { subject: Vec::new(), ..Record::good() }.token());
    for length in 0..34 {
        malformed(join(&Record::good().bytes()[..length], &[0; 32]));
    }
}

//= req: TOKEN-2, type=test
#[test]
fn a_record_longer_than_any_that_is_written_is_malformed() {
    let longest = Record { subject: vec![b's'; 64], ..Record::good() };
    assert!(parse(longest.token()).is_ok());
    for extra in 1..=100 {
        malformed(Record { trailing: vec![0; extra], ..longest.clone() }.token());
    }
}

//= req: TOKEN-1, type=test
#[test]
fn more_than_256_characters_are_malformed_whatever_they_are() {
    malformed("A".repeat(MAX_TEXT + 1));
    malformed(format!("{}.{}", "A".repeat(213), "A".repeat(43)));
    malformed("A".repeat(16 << 20));
}

#[test]
fn a_million_dots_are_malformed_and_not_taken_for_ours() {
    let dots = ".".repeat(1_000_000);
    malformed(&dots);
    assert!(!UntrustedToken::looks_like_ours(dots.as_bytes()));
    assert!(!UntrustedToken::looks_like_ours(format!("A{dots}").as_bytes()));
    // As the guarded server's own, it is no credential here.
    assert_eq!(World::new().denial(&Request::get("/").bearer(&dots)), Denial::CredentialMissing);
}

//= req: CRED-4, type=test
#[test]
fn only_one_dot_after_an_a_looks_like_ours() {
    for (text, ours) in [
        ("A.b", true),
        ("AQEB.x", true),
        ("A", false),
        ("A.b.c", false),
        ("a.b", false),
        ("eyJhbGciOiJub25lIn0.e30.", false),
        ("", false),
        (".", false),
    ] {
        assert_eq!(UntrustedToken::looks_like_ours(text.as_bytes()), ours, "{text}");
    }
}

#[test]
fn a_malformed_token_is_denied_the_same_in_a_cookie_and_in_a_header() {
    let malformed = Denial::CredentialInvalid(Invalid::Malformed);
    let token = format!("{}A", Record::good().token());
    let mut world = World::new();
    assert_eq!(world.denial(&Request::get("/").bearer(&token)), malformed);
    let request = Request::get("/").cookie(&token).with("Sec-Fetch-Site", "same-origin");
    assert_eq!(world.denial(&request), malformed);
    assert_eq!(world.denial(&request.replacing("Cookie", "doorward_8765=")), malformed);
}

#[test]
fn what_is_issued_has_the_form_that_is_read() {
    let world = World::new();
    let token = world.token();
    assert_eq!(token, Record::good().token(), "bytes as the format says");
    assert!(parse(&token).unwrap().verify(&world.keys, NOW).is_ok());
}
