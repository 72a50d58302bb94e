//! Writes the golden vectors, without the code that reads them.

use doorward_policy::encoding::{base64url, hex};
use doorward_policy::token::VerifiedSession;
use serde_json::{Value, json};

use crate::common::record::{ADMIN_INFO, Record, SESSION_INFO, derived_key, join, mac, sign};

const ISSUER: [u8; 16] = *b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f";
const PEPPER: [u8; 32] = [0xa5; 32];
const OLD: [u8; 32] = [0x0b; 32];
const NEW: [u8; 32] = [0xc4; 32];
const STRANGER: [u8; 32] = [0xee; 32];
const NOW: u32 = 1_750_000_000;
const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

pub(crate) fn claims_of(verified: &VerifiedSession) -> Value {
    let claims = verified.claims();
    json!({
        "key_id": verified.key_id(),
        "method": claims.method.name(),
        "capabilities": claims.capabilities.names().collect::<Vec<_>>(),
        "session_id": claims.session.to_string(),
        "issued_at": claims.issued_at.as_secs(),
        "expires_at": claims.expires_at.as_secs(),
        "absolute_end": claims.absolute_end.as_secs(),
        "subject": claims.subject.as_str(),
    })
}

fn claims(record: &Record) -> Value {
    let names = ["observe", "operate", "spawn", "administer"];
    let method = ["link", "code", "desktop"][usize::from(record.method) - 1];
    let held = names.iter().enumerate().filter(|(bit, _)| record.capabilities >> bit & 1 == 1);
    json!({
        "key_id": record.key_id,
        "method": method,
        "capabilities": held.map(|(_, name)| *name).collect::<Vec<_>>(),
        "session_id": hex(&record.session),
        "issued_at": record.issued_at,
        "expires_at": record.expires_at,
        "absolute_end": record.absolute_end,
        "subject": String::from_utf8(record.subject.clone()).unwrap(),
    })
}

fn good() -> Record {
    Record {
        key_id: 2,
        session: *b"\xf0\xe1\xd2\xc3\xb4\xa5\x96\x87\x78\x69\x5a\x4b\x3c\x2d\x1e\x0f",
        issued_at: NOW,
        expires_at: NOW + 7 * 86_400,
        absolute_end: NOW + 30 * 86_400,
        ..Record::good()
    }
}

fn key(record: &Record) -> [u8; 32] {
    let master = if record.key_id == 1 { OLD } else { NEW };
    derived_key(&master, &ISSUER, SESSION_INFO)
}

fn text(record: &Record) -> String {
    sign(&record.bytes(), &key(record))
}

fn vector(name: &str, token: &str, now_ms: u64, result: &str, claims: Value) -> Value {
    json!({ "name": name, "token": token, "now_ms": now_ms, "result": result, "claims": claims })
}

const fn at(seconds: u32) -> u64 {
    seconds as u64 * 1000
}

fn accept_at(name: &str, record: &Record, now_ms: u64) -> Value {
    vector(name, &text(record), now_ms, "accept", claims(record))
}

fn accept(name: &str, record: &Record) -> Value {
    accept_at(name, record, at(NOW))
}

fn refuse(name: &str, token: &str, result: &str) -> Value {
    vector(name, token, at(NOW), result, Value::Null)
}

fn accepted() -> Vec<Value> {
    let subject = |text: &str| Record { subject: text.into(), ..good() };
    let end = at(good().expires_at);
    vec![
        accept("a link's session, under the newest key", &good()),
        accept("under an older key", &Record { key_id: 1, ..good() }),
        accept("a code's session", &Record { method: 2, ..good() }),
        accept("a desktop session", &Record { method: 3, ..good() }),
        accept("no capability", &Record { capabilities: 0, ..good() }),
        accept("every capability", &Record { capabilities: 15, ..good() }),
        accept("a subject of one byte", &subject("a")),
        accept("a subject of 64 bytes", &subject(&"s".repeat(64))),
        accept("a subject beyond ASCII", &subject("Küche 台所")),
        accept("a session id of zeros", &Record { session: [0; 16], ..good() }),
        accept("a session id of ones", &Record { session: [0xff; 16], ..good() }),
        accept(
            "the last times that can be told",
            &Record { expires_at: u32::MAX, absolute_end: u32::MAX, ..good() },
        ),
        accept_at("in its last millisecond", &good(), end - 1),
        accept_at("issued five minutes ahead", &good(), at(NOW) - 300_000),
    ]
}

/// Not two canonical segments within the bounds, or not version 1.
fn malformed() -> Vec<Value> {
    let token = text(&good());
    let (record, tag) = token.split_once('.').unwrap();
    let bytes = good().bytes();
    let whole_tag = mac(&key(&good()), &bytes);
    let last = |text: &str, by: usize| {
        let place = ALPHABET.find(&text[text.len() - 1..]).unwrap() ^ by;
        format!("{}{}", &text[..text.len() - 1], &ALPHABET[place..=place])
    };
    let dots = ".".repeat(1000);
    let longest = Record { subject: vec![b's'; 64], trailing: vec![0], ..good() };
    let cases: [(&str, String); 30] = [
        ("nothing", String::new()),
        ("a dot", ".".into()),
        ("one segment", record.into()),
        ("an empty record", format!(".{tag}")),
        ("an empty tag", format!("{record}.")),
        ("a leading dot", format!(".{token}")),
        ("a trailing dot", format!("{token}.")),
        ("three segments", format!("{record}.{record}.{tag}")),
        ("a thousand dots", dots),
        ("257 characters", "A".repeat(257)),
        ("unused bits of the tag: 1", format!("{record}.{}", last(tag, 1))),
        ("unused bits of the tag: 2", format!("{record}.{}", last(tag, 2))),
        ("unused bits of the tag: 3", format!("{record}.{}", last(tag, 3))),
        ("unused bits of the record", {
            // 40 bytes leave two unused bits.
            format!("{}.{tag}", last(record, 1))
        }),
        ("padding after the tag", format!("{token}=")),
        ("padding after the record", format!("{record}=.{tag}")),
        ("a space before", format!(" {token}")),
        ("a line feed after", format!("{token}\n")),
        ("the other alphabet, plus", join(&bytes, &[0xfb; 32]).replace('-', "+")),
        ("the other alphabet, slash", join(&bytes, &[0xff; 32]).replace('_', "/")),
        ("a tag of 0 bytes", join(&bytes, &[])),
        ("a tag of 1 byte", join(&bytes, &whole_tag[..1])),
        ("a tag of 31 bytes", join(&bytes, &whole_tag[..31])),
        ("a tag of 33 bytes", join(&bytes, &[&whole_tag[..], &[0]].concat())),
        ("JSON that says alg none", join(br#"{"alg":"none"}"#, &[])),
        ("JSON that says alg HS256", join(br#"{"alg":"HS256"}"#, &whole_tag)),
        ("version 0", text(&Record { version: 0, ..good() })),
        ("version 2", text(&Record { version: 2, ..good() })),
        ("no subject", text(&Record { subject: Vec::new(), ..good() })),
        ("a record of 99 bytes", text(&longest)),
    ];
    cases.iter().map(|(name, token)| refuse(name, token, "malformed")).collect()
}

/// Well-formed, and not ours.
fn forged() -> Vec<Value> {
    let bytes = good().bytes();
    let tag = mac(&key(&good()), &bytes);
    let mut flipped = tag;
    flipped[31] ^= 1;
    let other_claims = Record { capabilities: 15, ..good() };
    let signed = |key: [u8; 32]| sign(&bytes, &key);
    let bad = |name, token: String| refuse(name, &token, "bad_tag");
    vec![
        bad("a tag of zeros", join(&bytes, &[0; 32])),
        bad("one bit of the tag", join(&bytes, &flipped)),
        bad("other claims under this tag", join(&other_claims.bytes(), &tag)),
        bad("another issuer", signed(derived_key(&NEW, &[9; 16], SESSION_INFO))),
        bad("another purpose", signed(derived_key(&NEW, &ISSUER, ADMIN_INFO))),
        bad("another master", signed(derived_key(&STRANGER, &ISSUER, SESSION_INFO))),
        bad("the older key under the newer id", signed(derived_key(&OLD, &ISSUER, SESSION_INFO))),
        bad("the master itself for a key", signed(NEW)),
        bad("an unknown capability under no tag", {
            join(&Record { capabilities: 0xffff, ..good() }.bytes(), &[0; 32])
        }),
        bad("an expired token under no tag", {
            join(&Record { expires_at: 1, ..good() }.bytes(), &[0; 32])
        }),
        refuse("key id 0", &text(&Record { key_id: 0, ..good() }), "unknown_key"),
        refuse("key id 3", &text(&Record { key_id: 3, ..good() }), "unknown_key"),
    ]
}

/// Under a good tag, and nothing that Doorward writes.
fn bad_records() -> Vec<Value> {
    let bad = |name, record: Record| refuse(name, &text(&record), "bad_record");
    let subject = |bytes: &[u8]| Record { subject: bytes.to_vec(), ..good() };
    vec![
        bad("method 0", Record { method: 0, ..good() }),
        bad("method 4", Record { method: 4, ..good() }),
        bad("an unknown capability", Record { capabilities: 0x0010, ..good() }),
        bad("the highest capability bit", Record { capabilities: 0x8003, ..good() }),
        bad("a byte after the subject", Record { trailing: vec![0], ..good() }),
        bad("a subject longer than it is", Record { claimed_length: Some(7), ..good() }),
        bad("a subject shorter than it is", Record { claimed_length: Some(5), ..good() }),
        bad("a subject of length 0", Record { claimed_length: Some(0), ..good() }),
        bad("a subject with a line feed", subject(b"a\nb")),
        bad("a subject with an escape", subject(b"\x1b[31m")),
        bad("a subject with DEL", subject(b"a\x7f")),
        bad("a subject with U+0085", subject(b"a\xc2\x85")),
        bad("a subject that is no UTF-8", subject(b"\xff\xfe")),
        bad("a subject with an overlong slash", subject(b"\xc0\xaf")),
        bad("a subject with a surrogate", subject(b"\xed\xa0\x80")),
    ]
}

fn badly_timed() -> Vec<Value> {
    let token = text(&good());
    let ends_early = Record { absolute_end: NOW, ..good() };
    let expired = |name, token: &str, now_ms| vector(name, token, now_ms, "expired", Value::Null);
    vec![
        expired("at its expiry", &token, at(good().expires_at)),
        expired("at the end of time", &token, u64::from(u32::MAX) * 1000),
        expired("at its absolute end, before its expiry", &text(&ends_early), at(NOW)),
        expired("expired when it was issued", &text(&Record { expires_at: 0, ..good() }), at(NOW)),
        vector(
            "issued five minutes and a millisecond ahead",
            &token,
            at(NOW) - 300_001,
            "not_yet_valid",
            Value::Null,
        ),
    ]
}

fn code_text(entropy: &[u8; 12]) -> String {
    let symbols = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    entropy.iter().map(|byte| char::from(symbols[usize::from(byte & 31)])).collect()
}

fn made_grants() -> Vec<Value> {
    let digest = |bytes: &[u8]| hex(&mac(&PEPPER, bytes));
    let links = [[0; 32], [0xff; 32], core::array::from_fn(|place| place as u8)];
    let links = links.iter().map(|entropy| {
        json!({
            "kind": "link",
            "entropy": hex(entropy),
            "text": base64url(entropy),
            "digest": digest(entropy),
        })
    });
    let codes = [[0; 12], [0xff; 12], core::array::from_fn(|place| place as u8 * 23)];
    let codes = codes.iter().map(|entropy| {
        let plain = code_text(entropy);
        json!({
            "kind": "code",
            "entropy": hex(entropy),
            "text": format!("{}-{}-{}", &plain[..4], &plain[4..8], &plain[8..]),
            "digest": digest(plain.as_bytes()),
        })
    });
    links.chain(codes).collect()
}

fn presented_grants() -> Vec<Value> {
    let link = base64url(&[0xfb; 32]);
    let code = "23456789WXYZ";
    let digest = |bytes: &[u8]| Value::from(hex(&mac(&PEPPER, bytes)));
    let read = |text: &str, kind: Option<&str>, digest: Value| json!({ "text": text, "kind": kind, "digest": digest });
    let good_codes = ["2345-6789-WXYZ", "23456789wxyz", " 2345 6789 wxyz ", "2345_6789_wXyZ"];
    let bad = [
        String::new(),
        "2345-6789-WXY".into(),
        "2345-6789-WXYZZ".into(),
        "2345-6789-WXY0".into(),
        "2345-6789-WXYI".into(),
        "2345.6789.WXYZ".into(),
        "2-3-4-5-6-7-8-9-W-X-Y-Z---------------------".into(),
        link[..42].into(),
        format!("{link}="),
        link.replace('-', "+"),
        format!("{}t", &link[..42]),
    ];
    [read(&link, Some("link"), digest(&[0xfb; 32]))]
        .into_iter()
        .chain(good_codes.map(|text| read(text, Some("code"), digest(code.as_bytes()))))
        .chain(bad.iter().map(|text| read(text, None, Value::Null)))
        .collect()
}

fn nonces() -> Vec<Value> {
    (14..=34_usize)
        .map(|length| {
            let bytes = vec![0x3c; length];
            let good = (16..=32).contains(&length);
            let digest = good.then(|| hex(&mac(&PEPPER, &bytes)));
            json!({ "text": base64url(&bytes), "digest": digest })
        })
        .collect()
}

pub(crate) fn generate() -> Value {
    let tokens = [accepted(), malformed(), forged(), bad_records(), badly_timed()].concat();
    let masters = [(1, OLD), (2, NEW)];
    let derived = masters.iter().flat_map(|(id, master)| {
        [SESSION_INFO, ADMIN_INFO].map(|info| {
            json!({ "key_id": id, "info": info, "key": hex(&derived_key(master, &ISSUER, info)) })
        })
    });
    json!({
        "about": "Doorward session token, version 1: see docs/session-token.md",
        "issuer": hex(&ISSUER),
        "pepper": hex(&PEPPER),
        "masters": masters
            .map(|(id, secret)| json!({ "key_id": id, "master_secret": hex(&secret) })),
        "derived_keys": derived.collect::<Vec<_>>(),
        "tokens": tokens,
        "made_grants": made_grants(),
        "presented_grants": presented_grants(),
        "nonces": nonces(),
    })
}
