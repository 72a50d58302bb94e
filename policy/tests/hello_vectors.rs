//! The golden vectors of the hello: what any client may send and must understand.
//!
//! `UPDATE_VECTORS=1 cargo test -p doorward-policy --test hello_vectors` writes them anew.
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

#[path = "common/golden.rs"]
mod golden;

#[path = "common/hello_vectors.rs"]
mod vectors;

use doorward_policy::denial::{Bound, Denial, HelloFault};
use doorward_policy::encoding::hex;
use doorward_policy::hello::{Accept, Hello, Kind, Offered, PREFIX, Purpose, body_length};
use doorward_policy::notice::Notice;
use serde_json::{Value, json};

use golden::{check_current, list, read, text};

const FILE: &str = "quic-hello-v1.json";

fn frame(vector: &Value) -> Vec<u8> {
    let digits = text(vector, "frame");
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal");
    (0..digits.len()).step_by(2).map(byte).collect()
}

/// The body of the one frame that a stream brought, as a reader of streams takes it off.
fn body(frame: &[u8]) -> Result<&[u8], Denial> {
    let (prefix, rest) = frame.split_first_chunk::<PREFIX>().expect("a length");
    let length = body_length(*prefix)?;
    rest.get(..length).ok_or(Denial::MalformedHello(HelloFault::Truncated))
}

fn judge_hello(frame: &[u8]) -> Result<Hello<'_>, Denial> {
    let body = body(frame)?;
    let hello = Hello::parse(body)?;
    let alone = frame.len() == PREFIX + body.len();
    alone.then_some(hello).ok_or(Denial::MalformedHello(HelloFault::Trailing))
}

fn judge_accept(frame: &[u8]) -> Option<Accept> {
    let body = body(frame).ok()?;
    Accept::parse(body).filter(|_| frame.len() == PREFIX + body.len())
}

fn judge_notice(frame: &[u8]) -> Option<Notice> {
    let body = body(frame).ok()?;
    Notice::parse(body).filter(|_| frame.len() == PREFIX + body.len())
}

fn result_of(denial: Denial) -> &'static str {
    match denial {
        Denial::MalformedHello(fault) => match fault {
            HelloFault::Version => "version",
            HelloFault::Purpose => "purpose",
            HelloFault::Truncated => "truncated",
            HelloFault::Trailing => "trailing",
            HelloFault::Credential => "credential",
            HelloFault::Nonce => "nonce",
            HelloFault::Workspace => "workspace",
            HelloFault::Capabilities => "capabilities",
        },
        Denial::TooLarge(Bound::HelloBytes) => "too_large",
        other => panic!("no frame is refused for {other:?}"),
    }
}

fn meaning(hello: &Hello<'_>) -> Value {
    let offered = match hello.offered {
        Offered::Nothing => json!("nothing"),
        Offered::Several => json!("several"),
        Offered::One(kind, bytes) => {
            let kind = match kind {
                Kind::Session => "session",
                Kind::Grant => "grant",
                Kind::Ticket => "ticket",
                Kind::Local => "local",
            };
            json!({ "kind": kind, "bytes": hex(bytes) })
        }
    };
    json!({
        "purpose": match hello.purpose { Purpose::Open => "open", Purpose::Token => "token" },
        "offered": offered,
        "nonce": hex(hello.nonce),
        "workspace": hello.workspace.as_ref().map(|name| name.as_str()),
        "capabilities": vectors::names(hello.capabilities.bits()),
    })
}

fn answer(accept: &Accept) -> Value {
    let session = accept.session.map(|session| {
        json!({
            "session_id": session.id.to_string(),
            "capabilities": vectors::names(session.capabilities.bits()),
            "expires_in": session.expires_in,
            "subject": session.subject.as_str(),
        })
    });
    let token = accept.token.as_ref().map(|token| String::from_utf8(token.to_vec()).unwrap());
    json!({ "session": session, "token": token })
}

#[test]
fn the_file_is_what_would_be_written_now() {
    check_current(FILE, &vectors::generate());
}

#[test]
fn every_hello_meets_its_result() {
    let file = read(FILE);
    for vector in list(&file, "hellos") {
        let frame = frame(vector);
        let (result, meant) = match judge_hello(&frame) {
            Ok(hello) => ("accept", meaning(&hello)),
            Err(denial) => (result_of(denial), Value::Null),
        };
        assert_eq!(result, text(vector, "result"), "{}", text(vector, "name"));
        assert_eq!(meant, vector["hello"], "{}", text(vector, "name"));
    }
}

#[test]
fn every_accepted_hello_is_the_one_that_would_be_written() {
    let file = read(FILE);
    for vector in list(&file, "hellos").iter().filter(|one| one["result"] == "accept") {
        let frame = frame(vector);
        let hello = judge_hello(&frame).unwrap();
        let several = matches!(hello.offered, Offered::Several);
        let written = hello.frame().map(|written| written.to_vec());
        assert_eq!(written, (!several).then_some(frame.clone()), "{}", text(vector, "name"));
    }
}

#[test]
fn every_accept_meets_its_result_and_is_the_one_that_would_be_written() {
    let file = read(FILE);
    for vector in list(&file, "accepts") {
        let frame = frame(vector);
        let accept = judge_accept(&frame);
        let result = if accept.is_some() { "accept" } else { "refuse" };
        assert_eq!(result, text(vector, "result"), "{}", text(vector, "name"));
        let meant = accept.as_ref().map(answer).unwrap_or_default();
        assert_eq!(meant, vector["accept"], "{}", text(vector, "name"));
        if let Some(accept) = accept {
            assert_eq!(*accept.frame().unwrap(), frame, "{}", text(vector, "name"));
        }
    }
}

#[test]
fn every_notice_meets_its_result_and_is_the_one_that_would_be_written() {
    let file = read(FILE);
    for vector in list(&file, "notices") {
        let frame = frame(vector);
        let notice = judge_notice(&frame);
        let result = if notice.is_some() { "accept" } else { "refuse" };
        assert_eq!(result, text(vector, "result"), "{}", text(vector, "name"));
        let Some(notice) = notice else { continue };
        let Notice { left, absolute } = notice;
        let meant = json!({ "kind": "ending", "left": left, "absolute": absolute });
        assert_eq!(meant, vector["notice"], "{}", text(vector, "name"));
        assert_eq!(notice.frame()[..], frame, "{}", text(vector, "name"));
    }
}

#[test]
fn every_fault_has_its_vector() {
    let file = read(FILE);
    let results = list(&file, "hellos").iter().map(|vector| text(vector, "result"));
    let results: std::collections::BTreeSet<_> = results.collect();
    let faults = [
        "accept",
        "capabilities",
        "credential",
        "nonce",
        "purpose",
        "too_large",
        "trailing",
        "truncated",
        "version",
        "workspace",
    ];
    assert_eq!(results.into_iter().collect::<Vec<_>>(), faults);
}
