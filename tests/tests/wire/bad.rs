//! Bad input on a QUIC connection: first streams that are no hello, and deeds that QUIC forbids.

use doorward_policy::hello::MAX_BODY;
use quinn::{Connection, TransportErrorCode};

use crate::quic::{GRANT, SESSION, Words, frame};

const TRUNCATED: &str = "it ends in the middle";
const TRAILING: &str = "something follows it before it was answered";
const CREDENTIAL: &str = "its credential is of no known kind or form";
const NONCE: &str = "a grant needs a nonce of 16 to 32 random bytes";
const WORKSPACE: &str = "its workspace is no name";

/// A first stream that is not exactly one hello.
pub(crate) struct Bad {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
    /// What is recorded.
    pub(crate) reason: String,
    pub(crate) threat: &'static str,
}

impl Bad {
    fn malformed(name: &'static str, bytes: Vec<u8>, fault: &str) -> Self {
        let reason = format!("malformed_hello: {fault}");
        Self { name, bytes, reason, threat: "DW-PARSER-ABUSE" }
    }

    fn hello(name: &'static str, words: &Words, fault: &str) -> Self {
        Self::malformed(name, words.frame(), fault)
    }

    fn oversized(name: &'static str, bytes: Vec<u8>) -> Self {
        let reason = "too_large: a hello above the limit".to_owned();
        Self { name, bytes, reason, threat: "DW-RESOURCE-EXHAUSTION" }
    }
}

/// Each kind of bad first stream, around a hello with this token that would be good.
pub(crate) fn first_streams(token: &str) -> Vec<Bad> {
    let good = Words::token(token);
    let grant = Words::one(1, GRANT, "A".repeat(43));
    let (body, whole) = (good.body(), good.frame());
    let half = body.len() / 2;
    let padded = |length: usize| [body.clone(), vec![0; length - body.len()]].concat();
    let credential = |kind: u8, text: &str| (kind, text.as_bytes().to_vec());
    vec![
        Bad::malformed("nothing", Vec::new(), TRUNCATED),
        Bad::malformed("half a length", vec![0], TRUNCATED),
        Bad::malformed("a length alone", whole[..2].to_vec(), TRUNCATED),
        Bad::malformed("all but the last byte", whole[..whole.len() - 1].to_vec(), TRUNCATED),
        Bad::malformed("an empty body", frame(&[]), TRUNCATED),
        Bad::malformed("half a body", frame(&body[..half]), TRUNCATED),
        Bad::oversized("a length one above the bound", frame(&padded(MAX_BODY + 1))),
        Bad::oversized("a length far above it", [&[0xff, 0xff], body.as_slice()].concat()),
        Bad::malformed("a byte behind the last field", frame(&padded(body.len() + 1)), TRAILING),
        Bad::malformed("the largest body", frame(&padded(MAX_BODY)), TRAILING),
        Bad::malformed("a byte behind the hello", [whole.as_slice(), &[0]].concat(), TRAILING),
        Bad::malformed("the hello twice", whole.repeat(2), TRAILING),
        Bad::hello("version 0", &Words { version: 0, ..good.clone() }, "its version is not 1"),
        Bad::hello("version 2", &Words { version: 2, ..good.clone() }, "its version is not 1"),
        Bad::hello(
            "purpose 0",
            &Words { purpose: 0, ..good.clone() },
            "its purpose is none that there is",
        ),
        Bad::hello(
            "purpose 3",
            &Words { purpose: 3, ..good.clone() },
            "its purpose is none that there is",
        ),
        Bad::hello("kind 0", &Words::one(1, 0, token), CREDENTIAL),
        Bad::hello("kind 5", &Words::one(1, 5, token), CREDENTIAL),
        Bad::hello(
            "a second credential of no kind",
            &Words {
                credentials: vec![credential(SESSION, token), credential(9, "x")],
                ..good.clone()
            },
            CREDENTIAL,
        ),
        Bad::hello("a nonce of 15", &Words { nonce: vec![0; 15], ..good.clone() }, NONCE),
        Bad::hello("a nonce of 33", &Words { nonce: vec![0; 33], ..good.clone() }, NONCE),
        Bad::hello("a grant without", &Words { nonce: Vec::new(), ..grant.clone() }, NONCE),
        Bad::hello("a grant of no form", &Words::one(1, GRANT, "A".repeat(42)), CREDENTIAL),
        Bad::hello(
            "a workspace of 65",
            &Words { workspace: vec![b'w'; 65], ..good.clone() },
            WORKSPACE,
        ),
        Bad::hello(
            "a workspace with a bell",
            &Words { workspace: vec![7], ..good.clone() },
            WORKSPACE,
        ),
        Bad::hello(
            "a workspace not in UTF-8",
            &Words { workspace: vec![0xff], ..good.clone() },
            WORKSPACE,
        ),
        Bad::hello(
            "a capability of none",
            &Words { capabilities: 0x8000, ..good },
            "it asks for an unknown capability",
        ),
    ]
}

/// What only a client does that keeps to no limit.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Deed {
    /// The hello on a unidirectional stream.
    Unidirectional,
    /// The hello in a datagram (RFC 9221).
    Datagram,
    /// Data on a second stream, and no hello on the first.
    DataFirst,
    /// The hello on two streams at once.
    TwoHellos,
    /// A thousand streams at once.
    Flood,
}

impl Deed {
    pub(crate) const ALL: [Self; 5] =
        [Self::Unidirectional, Self::Datagram, Self::DataFirst, Self::TwoHellos, Self::Flood];

    /// With what QUIC itself ends it.
    pub(crate) fn code(self) -> TransportErrorCode {
        match self {
            Self::Datagram => TransportErrorCode::PROTOCOL_VIOLATION,
            _ => TransportErrorCode::STREAM_LIMIT_ERROR,
        }
    }

    pub(crate) async fn commit(self, connection: &Connection, hello: &[u8]) {
        match self {
            Self::Unidirectional => {
                let mut send = connection.open_uni().await.unwrap();
                let _result = send.write_all(hello).await;
            }
            Self::Datagram => connection.send_datagram(hello.to_vec().into()).unwrap(),
            Self::DataFirst => {
                let _first = connection.open_bi().await.unwrap();
                let (mut send, _receive) = connection.open_bi().await.unwrap();
                let _result = send.write_all(b"data").await;
            }
            Self::TwoHellos => {
                let (mut one, _receive) = connection.open_bi().await.unwrap();
                let (mut two, _receive) = connection.open_bi().await.unwrap();
                // Both are on their way before either is answered.
                let _result = tokio::join!(one.write_all(hello), two.write_all(hello));
            }
            Self::Flood => {
                let mut open = Vec::new();
                while open.len() < 1000 {
                    let Ok((mut send, receive)) = connection.open_bi().await else { return };
                    let _result = send.write_all(b"x").await;
                    open.push((send, receive));
                }
                // Dropped before, they would be finished.
                connection.closed().await;
            }
        }
    }
}
