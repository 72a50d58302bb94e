//! Writes the golden vectors of the hello, its answer and the notices, without the code that reads them.

use doorward_policy::encoding::{base64url, hex};
use serde_json::{Value, json};

use crate::common::hello::{GRANT_KIND, LOCAL_KIND, SESSION_KIND, TICKET_KIND, framed};
use crate::common::{RawHello, record::Record};

const NAMES: [&str; 4] = ["observe", "operate", "spawn", "administer"];

pub(crate) fn names(bits: u16) -> Vec<&'static str> {
    let held = NAMES.iter().enumerate().filter(|(bit, _)| bits >> bit & 1 == 1);
    held.map(|(_, name)| *name).collect()
}

fn meaning(hello: &RawHello) -> Value {
    let kinds = ["session", "grant", "ticket", "local"];
    let offered = match &*hello.credentials {
        [] => json!("nothing"),
        [(kind, bytes)] => {
            json!({ "kind": kinds[usize::from(*kind) - 1], "bytes": hex(bytes) })
        }
        _ => json!("several"),
    };
    let purposes = ["open", "token"];
    let purpose = purposes[usize::from(hello.purpose) - 1];
    let workspace = String::from_utf8(hello.workspace.clone()).unwrap();
    json!({
        "purpose": purpose,
        "offered": offered,
        "nonce": hex(&hello.nonce),
        "workspace": (!workspace.is_empty()).then_some(workspace),
        "capabilities": names(hello.capabilities),
    })
}

fn vector(name: &str, frame: &[u8], result: &str, hello: Value) -> Value {
    json!({ "name": name, "frame": hex(frame), "result": result, "hello": hello })
}

fn accept(name: &str, hello: &RawHello) -> Value {
    vector(name, &hello.frame(), "accept", meaning(hello))
}

fn refuse(name: &str, result: &str, frame: &[u8]) -> Value {
    vector(name, frame, result, Value::Null)
}

fn refuse_body(name: &str, result: &str, body: &[u8]) -> Value {
    refuse(name, result, &framed(body))
}

/// The text of a token, of a link and of a ticket: a frame says nothing of what they are worth.
fn token() -> String {
    Record::good().token()
}

fn link() -> String {
    base64url(&[0x4c; 32])
}

fn good() -> RawHello {
    RawHello::open().session(&token())
}

fn everything() -> RawHello {
    RawHello::token().grant(&link()).workspace("Küche 台所").needing(15)
}

/// With a credential of as many bytes as it takes.
fn of_length(length: usize) -> RawHello {
    let without = RawHello::open().session("").body().len();
    RawHello::open().with(SESSION_KIND, vec![b'A'; length - without])
}

fn accepted() -> Vec<Value> {
    let nonce = |length: usize| RawHello::open().with(GRANT_KIND, link()).nonce(vec![0x3c; length]);
    vec![
        accept("a session, to what is guarded", &good()),
        accept("a session, to be renewed", &RawHello::token().session(&token())),
        accept("a link's grant", &RawHello::token().grant(&link())),
        accept("a typed code", &RawHello::open().grant("2345-6789-WXYZ")),
        accept("a ticket", &RawHello::open().ticket(&link())),
        accept("a local token", &RawHello::open().with(LOCAL_KIND, "0f".repeat(32))),
        accept("no credential", &RawHello::open()),
        accept("a credential of no bytes", &RawHello::open().with(TICKET_KIND, "")),
        accept("a credential that is no text", &RawHello::open().with(SESSION_KIND, [0xff, 0])),
        accept("two credentials", &good().ticket(&link())),
        accept("255 credentials", &RawHello { credentials: vec![(3, vec![]); 255], ..good() }),
        accept("a nonce of 16 bytes", &nonce(16)),
        accept("a nonce of 24 bytes", &nonce(24)),
        accept("a nonce of 32 bytes", &nonce(32)),
        accept("a nonce beside a session", &good().nonce([0; 16])),
        accept("a grant without the nonce that it needs", &nonce(0)),
        accept("a workspace of one byte", &good().workspace("w")),
        accept("a workspace of 64 bytes", &good().workspace("w".repeat(64))),
        accept("a workspace beyond ASCII", &good().workspace("Küche 台所")),
        accept("every capability", &good().needing(15)),
        accept("everything at once", &everything()),
        accept("a body of 1,024 bytes", &of_length(1024)),
    ]
}

fn cut_short() -> Vec<Value> {
    let body = everything().body();
    let short = |name, end: usize| refuse_body(name, "truncated", &body[..end]);
    let credential = 3 + 3 + 43;
    let nonce = credential + 1 + 16;
    let mut frame = good().frame();
    frame.pop();
    vec![
        refuse_body("nothing", "truncated", &[]),
        short("a version alone", 1),
        short("up to the purpose", 2),
        short("up to the count", 3),
        short("up to a credential's kind", 4),
        short("in a credential's length", 5),
        short("up to a credential's length", 6),
        short("all but a credential's last byte", credential - 1),
        short("up to the credential", credential),
        short("all but the nonce's last byte", nonce - 1),
        short("up to the nonce", nonce),
        short("all but the workspace's last byte", body.len() - 3),
        short("up to the workspace", body.len() - 2),
        short("half of the capabilities", body.len() - 1),
        refuse("less than the length says", "truncated", &frame),
    ]
}

fn malformed() -> Vec<Value> {
    let bad = |name, result, hello: RawHello| refuse(name, result, &hello.frame());
    let workspace = |name, bytes: &[u8]| bad(name, "workspace", good().workspace(bytes));
    let nonce = |name, length: usize| bad(name, "nonce", good().nonce(vec![0x3c; length]));
    let counted = |count, hello| RawHello { claimed_count: Some(count), ..hello };
    let fewer = counted(0, RawHello::open().with(0, ""));
    let mut after = good().frame();
    after.push(0);
    vec![
        bad("version 0", "version", RawHello { version: 0, ..good() }),
        bad("version 2", "version", RawHello { version: 2, ..good() }),
        bad("purpose 0", "purpose", RawHello { purpose: 0, ..good() }),
        bad("purpose 3", "purpose", RawHello { purpose: 3, ..good() }),
        bad("a credential of kind 0", "credential", RawHello::open().with(0, token())),
        bad("a credential of kind 5", "credential", RawHello::open().with(5, token())),
        bad("a second credential of kind 9", "credential", good().with(9, token())),
        bad("one credential more than there are", "credential", counted(2, good())),
        nonce("a nonce of 1 byte", 1),
        nonce("a nonce of 15 bytes", 15),
        nonce("a nonce of 33 bytes", 33),
        nonce("a nonce of 255 bytes", 255),
        workspace("a workspace of 65 bytes", &[b'w'; 65]),
        workspace("a workspace with a line feed", b"a\nb"),
        workspace("a workspace of NUL", b"\0"),
        workspace("a workspace with DEL", b"a\x7f"),
        workspace("a workspace with U+0085", b"a\xc2\x85"),
        workspace("a workspace that is no UTF-8", b"\xff\xfe"),
        workspace("a workspace with an overlong slash", b"\xc0\xaf"),
        workspace("a workspace with a surrogate", b"\xed\xa0\x80"),
        bad("an unknown capability", "capabilities", good().needing(0x10)),
        bad("the highest capability bit", "capabilities", good().needing(0x8003)),
        bad("a byte after the capabilities", "trailing", RawHello { trailing: vec![0], ..good() }),
        bad("a second hello", "trailing", RawHello { trailing: good().body(), ..good() }),
        bad("a credential that the count leaves out", "trailing", fewer),
        refuse("a byte after the frame", "trailing", &after),
        bad("a body of 1,025 bytes", "too_large", of_length(1025)),
        refuse("the largest length, and nothing", "too_large", &[0xff, 0xff]),
        // The first thing that is wrong is the reason.
        bad(
            "another version and purpose",
            "version",
            RawHello { purpose: 9, version: 9, ..good() },
        ),
        bad("a bad nonce and workspace", "nonce", good().nonce([1]).workspace("\n")),
        bad(
            "an unknown capability, and more",
            "capabilities",
            RawHello { trailing: vec![0], ..good().needing(16) },
        ),
    ]
}

/// An accept, field by field.
#[derive(Clone)]
struct RawAccept {
    version: u8,
    sessions: u8,
    id: [u8; 16],
    capabilities: u16,
    expires_in: u32,
    subject: Vec<u8>,
    token: Vec<u8>,
}

impl RawAccept {
    fn good() -> Self {
        Self {
            version: 1,
            sessions: 1,
            id: *b"\xf0\xe1\xd2\xc3\xb4\xa5\x96\x87\x78\x69\x5a\x4b\x3c\x2d\x1e\x0f",
            capabilities: 3,
            expires_in: 604_800,
            subject: b"laptop".to_vec(),
            token: Vec::new(),
        }
    }

    fn body(&self) -> Vec<u8> {
        let mut body = vec![self.version, self.sessions];
        if self.sessions == 1 {
            body.extend(self.id);
            body.extend(self.capabilities.to_be_bytes());
            body.extend(self.expires_in.to_be_bytes());
            body.push(u8::try_from(self.subject.len()).unwrap());
            body.extend(&self.subject);
        }
        body.extend(u16::try_from(self.token.len()).unwrap().to_be_bytes());
        body.extend(&self.token);
        body
    }

    fn meaning(&self) -> Value {
        let session = json!({
            "session_id": hex(&self.id),
            "capabilities": names(self.capabilities),
            "expires_in": self.expires_in,
            "subject": String::from_utf8_lossy(&self.subject),
        });
        let token = String::from_utf8_lossy(&self.token);
        json!({
            "session": (self.sessions == 1).then_some(session),
            "token": (!token.is_empty()).then_some(token),
        })
    }
}

fn answer(name: &str, accept: &RawAccept) -> Value {
    let frame = hex(&framed(&accept.body()));
    json!({ "name": name, "frame": frame, "result": "accept", "accept": accept.meaning() })
}

fn no_answer(name: &str, frame: &[u8]) -> Value {
    json!({ "name": name, "frame": hex(frame), "result": "refuse", "accept": null })
}

fn accepts() -> Vec<Value> {
    let good = RawAccept::good;
    let with_token = RawAccept { token: token().into(), ..good() };
    let subject = |text: &str| RawAccept { subject: text.into(), ..good() };
    let largest = RawAccept { token: vec![b'A'; 1024 - good().body().len()], ..good() };
    vec![
        answer("a session that was there", &good()),
        answer("a session and its token", &with_token),
        answer("an unguarded server", &RawAccept { sessions: 0, ..good() }),
        answer("no capability", &RawAccept { capabilities: 0, ..good() }),
        answer("every capability", &RawAccept { capabilities: 15, ..good() }),
        answer("about to expire", &RawAccept { expires_in: 0, ..good() }),
        answer("as late as can be told", &RawAccept { expires_in: u32::MAX, ..good() }),
        answer("a subject of one byte", &subject("a")),
        answer("a subject of 64 bytes", &subject(&"s".repeat(64))),
        answer("a subject beyond ASCII", &subject("Küche 台所")),
        answer("a body of 1,024 bytes", &largest),
    ]
}

fn no_accepts() -> Vec<Value> {
    let good = RawAccept { token: token().into(), ..RawAccept::good() };
    let bad = |name, accept: RawAccept| no_answer(name, &framed(&accept.body()));
    let subject =
        |name, bytes: &[u8]| bad(name, RawAccept { subject: bytes.into(), ..good.clone() });
    let body = good.body();
    let short = |name, end: usize| no_answer(name, &framed(&body[..end]));
    let token_at = 2 + 16 + 2 + 4 + 1 + 6;
    vec![
        no_answer("nothing", &framed(&[])),
        bad("version 0", RawAccept { version: 0, ..good.clone() }),
        bad("version 2", RawAccept { version: 2, ..good.clone() }),
        bad("two sessions", RawAccept { sessions: 2, ..good.clone() }),
        bad("an unknown capability", RawAccept { capabilities: 16, ..good.clone() }),
        subject("a subject of no bytes", b""),
        subject("a subject of 65 bytes", &[b's'; 65]),
        subject("a subject with an escape", b"\x1b[31m"),
        subject("a subject that is no UTF-8", b"\xff\xfe"),
        short("a version alone", 1),
        short("in the session's id", 17),
        short("in the capabilities", 19),
        short("in the expiry", 23),
        short("in the subject", token_at - 1),
        short("up to the token", token_at),
        short("all but the token's last byte", body.len() - 1),
        no_answer("a byte after the token", &framed(&[&body[..], &[0]].concat())),
        no_answer("a byte after the frame", &[&framed(&body)[..], &[0]].concat()),
        no_answer(
            "a body of 1,025 bytes",
            &framed(&{
                let room = 1025 - RawAccept::good().body().len();
                RawAccept { token: vec![b'A'; room], ..RawAccept::good() }.body()
            }),
        ),
    ]
}

/// A notice, field by field.
fn raw_notice(version: u8, kind: u8, left: u32, absolute: u8) -> Vec<u8> {
    [&[version, kind][..], &left.to_be_bytes(), &[absolute]].concat()
}

fn notice(name: &str, left: u32, absolute: bool) -> Value {
    let frame = hex(&framed(&raw_notice(1, 1, left, absolute.into())));
    let meaning = json!({ "kind": "ending", "left": left, "absolute": absolute });
    json!({ "name": name, "frame": frame, "result": "accept", "notice": meaning })
}

fn no_notice(name: &str, frame: &[u8]) -> Value {
    json!({ "name": name, "frame": hex(frame), "result": "refuse", "notice": null })
}

fn notices() -> Vec<Value> {
    let good = raw_notice(1, 1, 300, 1);
    let bad = |name, body: Vec<u8>| no_notice(name, &framed(&body));
    vec![
        notice("five minutes, unless the session is used", 300, false),
        notice("one minute, whatever happens", 60, true),
        notice("at once", 0, false),
        notice("as late as can be told", u32::MAX, true),
        bad("nothing", Vec::new()),
        bad("version 0", raw_notice(0, 1, 300, 1)),
        bad("version 2", raw_notice(2, 1, 300, 1)),
        bad("kind 0", raw_notice(1, 0, 300, 1)),
        bad("kind 2", raw_notice(1, 2, 300, 1)),
        bad("neither absolute nor not", raw_notice(1, 1, 300, 2)),
        bad("without its last byte", good[..6].to_vec()),
        bad("a byte after the notice", [&good[..], &[0]].concat()),
        no_notice("a byte after the frame", &[&framed(&good)[..], &[0]].concat()),
        no_notice("less than the length says", &framed(&good)[..8]),
    ]
}

pub(crate) fn generate() -> Value {
    let hellos = [accepted(), cut_short(), malformed()].concat();
    let accepts = [accepts(), no_accepts()].concat();
    json!({
        "about": "Doorward QUIC hello, version 1: see docs/quic-hello.md",
        "hellos": hellos,
        "accepts": accepts,
        "notices": notices(),
    })
}
