//! The hello frame and its answer: one spelling each, and every other one has its fault.
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

use common::{RawHello, SESSION, subject};
use doorward_policy::Capabilities;
use doorward_policy::denial::{Bound, Denial, HelloFault};
use doorward_policy::hello::{
    ALPN, Accept, AcceptedSession, Hello, Kind, MAX_BODY, Offered, PREFIX, Purpose, body_length,
};
use doorward_policy::id::SessionId;
use doorward_policy::workspace::WorkspaceName;
use proptest::prelude::*;
use zeroize::Zeroizing;

const TOO_LARGE: Denial = Denial::TooLarge(Bound::HelloBytes);

fn fault(body: &[u8]) -> HelloFault {
    match Hello::parse(body) {
        Err(Denial::MalformedHello(fault)) => fault,
        other => panic!("expected a fault of {body:?}, got {other:?}"),
    }
}

fn fault_of(hello: RawHello) -> HelloFault {
    fault(&hello.body())
}

fn hello<'a>(kind: Kind, text: &'a [u8]) -> Hello<'a> {
    Hello {
        purpose: Purpose::Open,
        offered: Offered::One(kind, text),
        nonce: &[],
        workspace: None,
        capabilities: Capabilities::NONE,
    }
}

fn session() -> AcceptedSession {
    AcceptedSession {
        id: SESSION,
        capabilities: Capabilities::START_UP,
        expires_in: 600,
        subject: subject("laptop"),
    }
}

fn accept(token: Option<Vec<u8>>) -> Accept {
    Accept { session: Some(session()), token: token.map(Zeroizing::new) }
}

/// Whether to open, the credential, the nonce, the workspace, the capabilities.
type Parts = (bool, Option<(u8, Vec<u8>)>, Vec<u8>, String, u16);

const KINDS: [Kind; 4] = [Kind::Session, Kind::Grant, Kind::Ticket, Kind::Local];

fn parts(hello: &Hello<'_>) -> Parts {
    let byte = |kind| KINDS.iter().zip(1..).find(|(one, _)| **one == kind).unwrap().1;
    let credential = match hello.offered {
        Offered::One(kind, text) => Some((byte(kind), text.to_vec())),
        Offered::Nothing => None,
        Offered::Several => panic!("it was written with one"),
    };
    let workspace = hello.workspace.map(|name| name.as_str().to_owned()).unwrap_or_default();
    let open = hello.purpose == Purpose::Open;
    (open, credential, hello.nonce.to_vec(), workspace, hello.capabilities.bits())
}

#[test]
fn the_protocol_is_the_one_that_is_registered_in_the_specification() {
    assert_eq!(ALPN, b"doorward/1");
    assert_eq!((MAX_BODY, PREFIX), (1024, 2));
}

//= req: HELLO-2, type=test
#[test]
fn a_version_of_one_alone_is_spoken() {
    for version in (0..=u8::MAX).filter(|version| *version != 1) {
        assert_eq!(fault_of(RawHello { version, ..RawHello::open() }), HelloFault::Version);
    }
}

#[test]
fn there_are_two_purposes() {
    for purpose in 0..=u8::MAX {
        let body = RawHello { purpose, ..RawHello::open() }.body();
        match purpose {
            1 => assert_eq!(Hello::parse(&body).unwrap().purpose, Purpose::Open),
            2 => assert_eq!(Hello::parse(&body).unwrap().purpose, Purpose::Token),
            _ => assert_eq!(fault(&body), HelloFault::Purpose),
        }
    }
}

#[test]
fn there_are_four_kinds_of_credential() {
    for byte in 0..=u8::MAX {
        let body = RawHello::open().with(byte, "text").body();
        let Some(kind) = usize::from(byte).checked_sub(1).and_then(|at| KINDS.get(at)) else {
            assert_eq!(fault(&body), HelloFault::Credential);
            continue;
        };
        let parsed = Hello::parse(&body).unwrap();
        assert!(matches!(parsed.offered, Offered::One(one, b"text") if one == *kind));
        assert_eq!(*hello(*kind, b"text").frame().unwrap(), common::hello::framed(&body));
    }
}

#[test]
fn several_credentials_are_never_told_apart() {
    for count in 2..=255 {
        let several = RawHello { credentials: vec![(1, vec![]); count], ..RawHello::open() };
        assert!(matches!(Hello::parse(&several.body()).unwrap().offered, Offered::Several));
    }
    // An unknown kind is malformed wherever it stands.
    assert_eq!(fault_of(RawHello::open().session("A.b").with(9, "")), HelloFault::Credential);
}

#[test]
fn a_nonce_is_none_or_16_to_32_bytes() {
    for length in 0..=255 {
        let body = RawHello::open().nonce(vec![7; length]).body();
        if matches!(length, 0 | 16..=32) {
            assert_eq!(Hello::parse(&body).unwrap().nonce, vec![7; length]);
        } else {
            assert_eq!(fault(&body), HelloFault::Nonce, "{length}");
        }
    }
}

#[test]
fn a_workspace_is_none_or_1_to_64_bytes_of_plain_text() {
    assert_eq!(Hello::parse(&RawHello::open().body()).unwrap().workspace, None);
    for name in ["w", "Küche 台所", &"w".repeat(64)] {
        let body = RawHello::open().workspace(name).body();
        assert_eq!(Hello::parse(&body).unwrap().workspace.unwrap().as_str(), name);
    }
    for bad in [&b"a\nb"[..], b"\0", b"\x7f", b"\xc2\x85", b"\xff", b"\xed\xa0\x80", &[b'w'; 65]] {
        assert_eq!(fault_of(RawHello::open().workspace(bad)), HelloFault::Workspace, "{bad:?}");
    }
}

//= req: HELLO-2, type=test
#[test]
fn an_unknown_capability_is_refused() {
    for bits in 0..=u16::MAX {
        let body = RawHello::open().needing(bits).body();
        if bits < 16 {
            assert_eq!(Hello::parse(&body).unwrap().capabilities.bits(), bits);
        } else {
            assert_eq!(fault(&body), HelloFault::Capabilities);
        }
    }
}

//= req: HELLO-1, type=test
#[test]
fn a_body_of_1024_bytes_is_the_largest() {
    let empty = RawHello::open().session("").body().len();
    let of_length = |length: usize| RawHello::open().with(1, vec![b'A'; length - empty]).body();
    assert!(Hello::parse(&of_length(1024)).is_ok());
    assert_eq!(Hello::parse(&of_length(1025)).unwrap_err(), TOO_LARGE);
    // Whatever else is wrong with it: nothing of it is looked at.
    assert_eq!(Hello::parse(&[0; 1025]).unwrap_err(), TOO_LARGE);
    for length in 0..=u16::MAX {
        let announced = body_length(length.to_be_bytes());
        let expected = if length > 1024 { Err(TOO_LARGE) } else { Ok(usize::from(length)) };
        assert_eq!(announced, expected);
    }
}

#[test]
fn a_hello_that_does_not_fit_is_not_written() {
    let empty = RawHello::open().session("").body().len();
    let text = vec![b'A'; 70_000];
    let largest = hello(Kind::Session, &text[..1024 - empty]).frame().unwrap();
    assert_eq!(largest.len(), PREFIX + MAX_BODY);
    assert_eq!(largest.capacity(), PREFIX + MAX_BODY, "a secret was moved and left behind");
    for length in [1025 - empty, 1024, 1025, 65_535, 65_536, 70_000] {
        assert!(hello(Kind::Session, &text[..length]).frame().is_none(), "{length}");
    }
}

#[test]
fn what_would_not_be_read_is_not_written() {
    for length in [1, 15, 33, 255, 256, 1000] {
        let nonce = vec![7; length];
        let hello = Hello { nonce: &nonce, ..hello(Kind::Grant, b"") };
        assert!(hello.frame().is_none(), "{length}");
    }
    let several = Hello { offered: Offered::Several, ..hello(Kind::Grant, b"") };
    assert!(several.frame().is_none());
}

//= req: SECRET-1, type=test
#[test]
fn no_credential_and_no_nonce_is_shown() {
    let secret = b"hunter2hunter2hunter2";
    for kind in KINDS {
        let hello = Hello { nonce: secret, ..hello(kind, secret) };
        let shown = format!("{hello:?} {hello:#?} {:?}", hello.offered);
        let listed = format!("{:?}", &secret[..4]);
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(!shown.contains(listed.trim_matches(['[', ']'])), "{shown}");
        assert!(shown.contains(&format!("{kind:?}")), "{shown}");
    }
    let shown = format!("{:?}", accept(Some(secret.to_vec())));
    assert!(shown.contains("laptop") && !shown.contains("hunter2") && !shown.contains("104, 117"));
}

#[test]
fn a_hello_shows_what_it_is_for_and_what_kind_of_credential_it_brings() {
    let workspace = WorkspaceName::new("alpha");
    let hello = Hello { workspace, ..hello(Kind::Grant, b"hunter2") };
    assert_eq!(
        format!("{hello:?}"),
        "Hello { purpose: Open, offered: One(Grant, ..), workspace: Some(\"alpha\"), \
         capabilities: Capabilities(), .. }"
    );
}

#[test]
fn an_accept_reads_back_as_what_it_was_made_of() {
    for token in [None, Some(b"AQEB.x".to_vec())] {
        let frame = accept(token.clone()).frame().unwrap();
        let read = Accept::parse(&frame[PREFIX..]).unwrap();
        assert_eq!(read.session, Some(session()));
        assert_eq!(read.token.map(|token| token.to_vec()), token);
    }
    let nobody = Accept { session: None, token: None }.frame().unwrap();
    assert_eq!(*nobody, [0, 4, 1, 0, 0, 0]);
    assert!(Accept::parse(&nobody[PREFIX..]).unwrap().session.is_none());
}

#[test]
fn an_accept_has_one_version_and_at_most_one_session() {
    let frame = accept(None).frame().unwrap();
    for (place, known) in [(0, &[1][..]), (1, &[1])] {
        for byte in (0..=u8::MAX).filter(|byte| !known.contains(byte)) {
            let mut body = frame[PREFIX..].to_vec();
            body[place] = byte;
            assert!(Accept::parse(&body).is_none(), "{byte} in place {place}");
        }
    }
    let mut body = frame[PREFIX..].to_vec();
    body[19] |= 0x10;
    assert!(Accept::parse(&body).is_none(), "an unknown capability");
}

#[test]
fn an_accept_is_within_its_bound_read_and_written() {
    let room = MAX_BODY - (accept(None).frame().unwrap().len() - PREFIX);
    let largest = accept(Some(vec![b'A'; room])).frame().unwrap();
    assert_eq!(largest.len(), PREFIX + MAX_BODY);
    assert_eq!(largest.capacity(), PREFIX + MAX_BODY, "a secret was moved and left behind");
    assert!(Accept::parse(&largest[PREFIX..]).is_some());
    for length in [room + 1, 1024, 1025, 65_536] {
        assert!(accept(Some(vec![b'A'; length])).frame().is_none(), "{length}");
    }
    let length = u16::try_from(room + 1).unwrap().to_be_bytes();
    let mut longer = largest[PREFIX..].to_vec();
    let at = longer.len() - room;
    longer[at - 2..at].copy_from_slice(&length);
    longer.push(b'A');
    assert!(Accept::parse(&longer).is_none());
}

fn any_parts() -> impl Strategy<Value = Parts> {
    let bytes = |sizes| prop::collection::vec(any::<u8>(), sizes);
    (
        any::<bool>(),
        prop::option::of((1..=4_u8, bytes(0..=300))),
        prop_oneof![Just(Vec::new()), bytes(16..=32)],
        "[^\\p{Cc}]{0,16}",
        0..16_u16,
    )
}

/// The frame of the code under test, and the same bytes without it.
fn both(meant: &Parts) -> (Vec<u8>, RawHello) {
    let (open, credential, nonce, workspace, bits) = meant;
    let offered = credential
        .as_ref()
        .map_or(Offered::Nothing, |(kind, text)| Offered::One(KINDS[usize::from(*kind) - 1], text));
    let hello = Hello {
        purpose: if *open { Purpose::Open } else { Purpose::Token },
        offered,
        nonce,
        workspace: WorkspaceName::new(workspace),
        capabilities: Capabilities::from_bits(*bits).unwrap(),
    };
    let raw = if *open { RawHello::open() } else { RawHello::token() };
    let raw = raw.nonce(nonce).workspace(workspace).needing(*bits);
    let raw = credential.iter().fold(raw, |raw, (kind, text)| raw.with(*kind, text));
    let frame = hello.frame().unwrap().to_vec();
    let read = Hello::parse(&frame[PREFIX..]).unwrap();
    assert_eq!(parts(&read), *meant);
    (frame, raw)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_what_the_table_says_and_reads_back(parts in any_parts()) {
        let (frame, raw) = both(&parts);
        prop_assert_eq!(frame, raw.frame());
    }

    //= req: HELLO-2, type=property
    #[test]
    fn what_ends_early_is_truncated(parts in any_parts(), end in any::<prop::sample::Index>()) {
        let (_, raw) = both(&parts);
        let body = raw.body();
        prop_assert_eq!(fault(&body[..end.index(body.len())]), HelloFault::Truncated);
    }

    //= req: HELLO-2, type=property
    #[test]
    fn what_has_more_is_trailing(
        parts in any_parts(),
        more in prop::collection::vec(any::<u8>(), 1..40),
    ) {
        let (_, raw) = both(&parts);
        let raw = RawHello { trailing: more, ..raw };
        prop_assert_eq!(fault(&raw.body()), HelloFault::Trailing);
    }

    //= req: HELLO-2, type=property
    #[test]
    fn a_changed_byte_is_refused_or_is_another_hello(
        parts in any_parts(),
        place in any::<prop::sample::Index>(),
        other in any::<u8>(),
    ) {
        let (_, raw) = both(&parts);
        let mut body = raw.body();
        let place = place.index(body.len());
        body[place] = other;
        if let Ok(hello) = Hello::parse(&body)
            && !matches!(hello.offered, Offered::Several)
        {
            prop_assert_eq!(hello.frame().unwrap().to_vec(), common::hello::framed(&body));
        }
    }

    //= req: HELLO-2, type=property
    #[test]
    fn no_bytes_are_a_panic_and_two_spellings_never_one_hello(
        bytes in prop::collection::vec(prop_oneof![0..6_u8, any::<u8>()], 0..1100),
        begun in any::<bool>(),
    ) {
        let mut body = bytes;
        if begun && body.len() > 2 {
            body[..2].copy_from_slice(&[1, 1]);
        }
        match Hello::parse(&body) {
            Ok(hello) if !matches!(hello.offered, Offered::Several) => {
                prop_assert_eq!(hello.frame().unwrap().to_vec(), common::hello::framed(&body));
            }
            Ok(_) => {}
            Err(denial) => {
                let expected = matches!(denial, Denial::MalformedHello(_));
                prop_assert!(expected || (denial == TOO_LARGE && body.len() > MAX_BODY));
            }
        }
        if let Some(accept) = Accept::parse(&body) {
            prop_assert_eq!(accept.frame().unwrap().to_vec(), common::hello::framed(&body));
        }
    }

    #[test]
    fn an_accept_reads_back_whole_and_not_in_part(
        id in any::<[u8; 16]>(),
        bits in 0..16_u16,
        expires_in in any::<u32>(),
        name in "[^\\p{Cc}]{1,16}",
        token in prop::option::of(prop::collection::vec(any::<u8>(), 1..256)),
        nobody in any::<bool>(),
        more in any::<u8>(),
    ) {
        let session = AcceptedSession {
            id: SessionId::new(id),
            capabilities: Capabilities::from_bits(bits).unwrap(),
            expires_in,
            subject: subject(&name),
        };
        let session = (!nobody).then_some(session);
        let frame = Accept { session, token: token.clone().map(Zeroizing::new) }.frame().unwrap();
        let body = &frame[PREFIX..];
        let read = Accept::parse(body).unwrap();
        prop_assert_eq!(read.session, session);
        prop_assert_eq!(read.token.map(|token| token.to_vec()), token);
        for end in 0..body.len() {
            prop_assert!(Accept::parse(&body[..end]).is_none());
        }
        prop_assert!(Accept::parse(&[body, &[more]].concat()).is_none());
    }
}
