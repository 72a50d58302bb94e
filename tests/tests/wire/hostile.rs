//! QUIC clients who don't mean well: each is refused, and recorded with the threat that it is; or
//! ended by QUIC itself, and nothing was decided.

use std::sync::Arc;
use std::time::Duration;

use doorward_policy::capability::Capabilities;
use doorward_policy::token::Method;
use doorward_quic::Limits;
use quinn::{Connection, ConnectionError, TransportConfig, TransportErrorCode, VarInt};
use serde_json::Value;
use tokio::net::UdpSocket;
use tokio::time::timeout;

use crate::bad::{Deed, first_streams};
use crate::door::Door;
use crate::quic::{
    Caller, Closed, GRANT, LOCAL, NEVER, OPEN, SESSION, TOKEN, Wicket, Words, answer, broken,
    closed, echoes, greet,
};

/// Short, for a client that never gets any further.
const SOON: Duration = Duration::from_secs(2);

async fn recorded(door: &Door, closed: &Closed, reason: &str, threat: &str) {
    let record = door.last_denial().await;
    assert_eq!(record["reason"], reason, "{record}");
    assert_eq!(record["threat"], threat, "{record}");
    assert_eq!(record["transport"], "quic", "{record}");
    assert_eq!(record["trace_id"], closed.reason["trace_id"], "{record}");
}

/// The records of decisions.
async fn decisions(door: &Door) -> Vec<Value> {
    let mut records = door.audit().await;
    records.retain(|record| record["transport"] == "quic");
    records
}

//= req: HELLO-1, HELLO-2, HELLO-3, type=test
#[tokio::test]
async fn what_is_not_exactly_one_hello_is_malformed() {
    let door = Door::open().await;
    let wicket = Wicket::of(&door);
    let token = door.token().await;
    for bad in first_streams(&token) {
        let closed = greet(wicket.connect().await, &bad.bytes).await.closed();
        assert_eq!((closed.code, closed.error()), (4400, "malformed"), "{}", bad.name);
        recorded(&door, &closed, &bad.reason, bad.threat).await;
    }
    let events = decisions(&door).await;
    assert!(events.iter().all(|record| record["event"] == "denied"), "{events:?}");
    wicket.greet(&Words::token(&token)).await.welcome();
}

//= req: HELLO-2, type=test
#[tokio::test]
async fn a_hello_that_is_cut_anywhere_is_truncated() {
    let door = Door::open().await;
    let wicket = Wicket::of(&door);
    let whole = Words::token(&door.token().await).frame();
    for end in (0..whole.len()).step_by(7) {
        let closed = greet(wicket.connect().await, &whole[..end]).await.closed();
        recorded(&door, &closed, "malformed_hello: it ends in the middle", "DW-PARSER-ABUSE").await;
    }
}

/// A reset in the middle is no more of a hello than an end there.
#[tokio::test]
async fn a_hello_that_is_reset_is_truncated() {
    let door = Door::open().await;
    let wicket = Wicket::of(&door);
    let connection = wicket.connect().await;
    let (mut send, _receive) = connection.open_bi().await.unwrap();
    send.write_all(&Words::nothing().frame()[..3]).await.unwrap();
    send.reset(0_u32.into()).unwrap();
    let closed = closed(&connection).await;
    assert_eq!(closed.code, 4400);
    recorded(&door, &closed, "malformed_hello: it ends in the middle", "DW-PARSER-ABUSE").await;
}

//= req: HELLO-4, type=test
/// What is malformed spends nothing, whatever it presents.
#[tokio::test]
async fn a_malformed_hello_spends_no_grant() {
    let door = Door::open().await;
    let wicket = Wicket::of(&door);
    let grant = door.grant(Method::Link, Capabilities::START_UP).await;
    let words = Words::one(OPEN, GRANT, &grant);
    let longer = [words.frame(), vec![0]].concat();
    assert_eq!(greet(wicket.connect().await, &longer).await.closed().code, 4400);
    assert_eq!(door.store.grants().await.unwrap()[0].uses_left, 1);
    wicket.greet(&words).await.welcome();
}

/// As a hello comes from an attacker who splits it, or from a poor network.
#[tokio::test]
async fn a_hello_may_come_byte_by_byte() {
    let door = Door::open().await;
    let wicket = Wicket::of(&door);
    let hello = Words::token(&door.token().await).frame();
    let connection = wicket.connect().await;
    let (mut send, receive) = connection.open_bi().await.unwrap();
    for byte in &hello {
        let before = connection.stats().frame_tx.stream;
        send.write_all(&[*byte]).await.unwrap();
        while connection.stats().frame_tx.stream == before {
            tokio::task::yield_now().await;
        }
    }
    let (connection, _accept) = answer(connection, receive).await.welcome();
    echoes(&connection).await;
}

async fn deadline_passed(door: &Door, connection: &Connection) {
    let closed = closed(connection).await;
    assert_eq!((closed.code, closed.error()), (4408, "deadline_passed"));
    recorded(door, &closed, "deadline_passed", "DW-SLOW-HANDSHAKE").await;
}

//= req: QUIC-7, type=test
#[tokio::test]
async fn a_hello_that_never_comes_or_never_ends_is_refused_at_its_deadline() {
    assert_eq!(Limits::default().deadline, Duration::from_secs(5));
    let door = Door::open().await;
    let wicket = Wicket::with(&door, None, Limits { deadline: SOON, ..Limits::default() });
    let whole = Words::token(&door.token().await).frame();
    deadline_passed(&door, &wicket.connect().await).await;
    for begun in [&whole[..1], &whole[..2], &whole[..whole.len() - 1]] {
        let connection = wicket.connect().await;
        let (mut send, _receive) = connection.open_bi().await.unwrap();
        send.write_all(begun).await.unwrap();
        deadline_passed(&door, &connection).await;
    }
}

/// Whether it is admitted by then, or wants nothing but the answer.
#[tokio::test(start_paused = true)]
async fn whoever_does_not_take_the_answer_is_let_go_of_at_the_deadline() {
    let door = Door::open().await;
    let limits = Limits { deadline: SOON, idle: NEVER, ..Limits::default() };
    let wicket = Wicket::with(&door, None, limits);
    let mut transport = TransportConfig::default();
    transport.receive_window(VarInt::from_u32(1));
    let caller = Caller { transport: Arc::new(transport), ..Caller::default() };
    let grant = door.grant(Method::Link, Capabilities::START_UP).await;
    for words in [Words::token(&door.token().await), Words::one(TOKEN, GRANT, &grant)] {
        let connection = caller.connect(wicket.address).await.unwrap();
        let (mut send, _receive) = connection.open_bi().await.unwrap();
        send.write_all(&words.frame()).await.unwrap();
        // Not as one who was refused: what was decided stands.
        let closed = closed(&connection).await;
        assert_eq!((closed.code, closed.reason), (0, Value::Null));
        assert_eq!(door.gate.live_connections(), 0);
    }
    let records = decisions(&door).await;
    let mut events: Vec<_> = records.iter().map(|record| &record["event"]).collect();
    events.sort_by_key(|event| event.as_str());
    assert_eq!(events, ["admitted", "grant_redeemed"]);
}

//= req: QUIC-8, type=test
/// Who keeps to the limits can't even open one.
#[tokio::test]
async fn there_is_no_unidirectional_stream_and_no_datagram() {
    let door = Door::open().await;
    let wicket = Wicket::with(&door, None, Limits { deadline: SOON, ..Limits::default() });
    let connection = wicket.connect().await;
    assert_eq!(connection.max_datagram_size(), None);
    assert!(connection.open_uni().await.is_err());
    deadline_passed(&door, &connection).await;
}

//= req: QUIC-8, type=test
#[tokio::test]
async fn what_quic_forbids_ends_by_quic_and_decides_nothing() {
    let door = Door::open().await;
    let wicket = Wicket::with(&door, None, Limits { deadline: NEVER, ..Limits::default() });
    let grant = door.grant(Method::Link, Capabilities::START_UP).await;
    let words = Words::one(OPEN, GRANT, &grant);
    for deed in Deed::ALL {
        let connection = Caller::lawless().connect(wicket.address).await.unwrap();
        deed.commit(&connection, &words.frame()).await;
        assert_eq!(broken(&connection).await, deed.code(), "{deed:?}");
        assert!(decisions(&door).await.is_empty(), "{deed:?}");
    }
    assert_eq!(door.store.grants().await.unwrap()[0].uses_left, 1);
    wicket.greet(&words).await.welcome();
}

//= req: QUIC-11, type=test
/// A lawless client that does what is allowed gets in: it is its deeds that end the others.
#[tokio::test]
async fn a_flood_of_streams_ends_an_admitted_connection_too() {
    let door = Door::open().await;
    let wicket = Wicket::of(&door);
    let words = Words::token(&door.token().await).frame();
    let connection = Caller::lawless().connect(wicket.address).await.unwrap();
    let (connection, _accept) = greet(connection, &words).await.welcome();
    echoes(&connection).await;
    Deed::Flood.commit(&connection, &words).await;
    assert_eq!(broken(&connection).await, TransportErrorCode::STREAM_LIMIT_ERROR);
}

//= req: QUIC-11, type=test
/// Nor does an admitted one send what it may not.
#[tokio::test]
async fn an_admitted_connection_has_no_unidirectional_streams_and_no_datagrams() {
    let door = Door::open().await;
    let wicket = Wicket::of(&door);
    let words = Words::token(&door.token().await).frame();
    for deed in [Deed::Unidirectional, Deed::Datagram] {
        let connection = Caller::lawless().connect(wicket.address).await.unwrap();
        let (connection, _accept) = greet(connection, &words).await.welcome();
        echoes(&connection).await;
        deed.commit(&connection, &words).await;
        assert_eq!(broken(&connection).await, deed.code(), "{deed:?}");
    }
}

//= req: QUIC-11, type=test
#[tokio::test]
async fn streams_are_as_many_as_are_allowed_and_one_that_ends_makes_room() {
    let door = Door::open().await;
    let wicket = Wicket::with(&door, None, Limits { streams: 3, ..Limits::default() });
    let (connection, _accept) = wicket.greet(&Words::token(&door.token().await)).await.welcome();
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(echoes(&connection).await);
    }
    let mut fourth = Box::pin(connection.open_bi());
    assert!(timeout(Duration::ZERO, &mut fourth).await.is_err());
    let (mut send, mut receive) = open.pop().unwrap();
    send.finish().unwrap();
    receive.read_to_end(0).await.unwrap();
    drop(receive);
    fourth.await.unwrap();
}

//= req: QUIC-8, type=test
/// Before its answer a connection may send two hellos' worth; afterwards as much as is taken.
#[tokio::test]
async fn a_connection_without_an_answer_sends_next_to_nothing() {
    let door = Door::open().await;
    let wicket = Wicket::of(&door);
    let connection = wicket.connect().await;
    let (mut send, _receive) = connection.open_bi().await.unwrap();
    assert_eq!(send.write(&[0; 10_000]).await, Ok(2052));

    let words = Words::token(&door.token().await);
    let (connection, _accept) = wicket.greet(&words).await.welcome();
    let (mut send, _receive) = echoes(&connection).await;
    assert_eq!(send.write(&[0; 10_000]).await, Ok(10_000));

    let connection = Caller::lawless().connect(wicket.address).await.unwrap();
    let (mut send, _receive) = connection.open_bi().await.unwrap();
    let _result = send.write_all(&[0; 1 << 20]).await;
    // Whichever is seen first: that it is too much, or that it is no hello.
    match connection.closed().await {
        ConnectionError::ConnectionClosed(close) => {
            assert_eq!(close.error_code, TransportErrorCode::FLOW_CONTROL_ERROR);
        }
        ConnectionError::ApplicationClosed(close) => {
            assert_eq!(close.error_code.into_inner(), 4400);
        }
        error => panic!("{error}"),
    }
}

//= req: HELLO-4, type=test
/// What follows a hello is seen even where it comes while the hello is being decided on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_during_the_decision_is_trailing_too() {
    let door = Door::open().await;
    let wicket = Wicket::of(&door);
    let grant = door.grant(Method::Link, Capabilities::START_UP).await;
    let connection = wicket.connect().await;
    let (mut send, _receive) = connection.open_bi().await.unwrap();
    let held = door.entropy.hold();
    send.write_all(&Words::one(OPEN, GRANT, &grant).frame()).await.unwrap();
    held.asked.await.unwrap();
    send.write_all(b"more").await.unwrap();
    send.finish().unwrap();
    // The server has it now.
    assert_eq!(send.stopped().await, Ok(None));
    held.go_on.send(()).unwrap();
    let closed = closed(&connection).await;
    assert_eq!(closed.code, 4400);
    let reason = "malformed_hello: something follows it before it was answered";
    recorded(&door, &closed, reason, "DW-PARSER-ABUSE").await;
    assert_eq!(door.gate.live_connections(), 0);
    // The decision was under way: its use is spent, and the same nonce asks for the session.
    assert_eq!(door.store.grants().await.unwrap()[0].uses_left, 0);
}

//= req: CRED-2, type=test
#[tokio::test]
async fn more_than_one_credential_is_ambiguous_even_of_one_session() {
    let door = Door::open().await;
    let wicket = Wicket::of(&door);
    let token = door.token().await;
    let grant = door.grant(Method::Link, Capabilities::START_UP).await;
    let session = (SESSION, token.clone().into_bytes());
    for second in [session.clone(), (GRANT, grant.into_bytes()), (LOCAL, b"x".to_vec())] {
        for purpose in [OPEN, TOKEN] {
            let credentials = vec![session.clone(), second.clone()];
            let words = Words { purpose, credentials, ..Words::nothing() };
            let closed = wicket.greet(&words).await.closed();
            assert_eq!((closed.code, closed.error()), (4401, "credential_ambiguous"));
            recorded(&door, &closed, "credential_ambiguous", "DW-CREDENTIAL-AMBIGUITY").await;
        }
    }
    assert!(door.store.grants().await.unwrap().iter().any(|grant| grant.uses_left == 1));
}

#[tokio::test]
async fn another_workspace_is_unknown() {
    let door = Door::open().await;
    let wicket = Wicket::of(&door);
    let words = Words { workspace: b"other".to_vec(), ..Words::token(&door.token().await) };
    let closed = wicket.greet(&words).await.closed();
    assert_eq!((closed.code, closed.error()), (4404, "not_found"));
    recorded(&door, &closed, "workspace_unknown", "DW-WORKSPACE-CONFUSION").await;
}

/// The alert is no_application_protocol (RFC 7301, section 3.2).
#[tokio::test]
async fn another_protocol_gets_no_connection() {
    let door = Door::open().await;
    let wicket = Wicket::of(&door);
    for protocol in [&b"h3"[..], b"doorward/2", b"doorward", b""] {
        let caller = Caller { protocol, ..Caller::default() };
        let Err(ConnectionError::ConnectionClosed(close)) = caller.connect(wicket.address).await
        else {
            panic!("{protocol:?} was not refused");
        };
        assert_eq!(close.error_code, TransportErrorCode::crypto(120), "{protocol:?}");
    }
    assert!(decisions(&door).await.is_empty());
}

/// An Initial packet of a version that there is none of is answered with the versions that there
/// are (RFC 9000, section 6).
#[tokio::test]
async fn another_version_of_quic_is_told_which_there_are() {
    const GREASE: [u8; 4] = [0x0a; 4];
    let door = Door::open().await;
    let wicket = Wicket::of(&door);
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(wicket.address).await.unwrap();
    let (ours, theirs) = ([1; 8], [2; 8]);
    let mut packet = [&[0xc0], &GREASE[..], &[8], &theirs, &[8], &ours].concat();
    packet.resize(1200, 0);
    socket.send(&packet).await.unwrap();
    let mut answer = [0; 1500];
    let length = socket.recv(&mut answer).await.unwrap();
    let (head, versions) = answer[..length].split_at(23);
    // A long header of version 0, with the connection ids the other way round.
    assert_eq!(head[0] & 0x80, 0x80);
    assert_eq!(head[1..], [&[0; 4], &[8][..], &ours, &[8], &theirs].concat());
    let mut versions = versions.chunks(4);
    assert!(versions.any(|version| version == [0, 0, 0, 1]));
}

/// Whatever comes on the socket, the next client is greeted.
#[tokio::test]
async fn what_is_no_quic_at_all_is_passed_over() {
    let door = Door::open().await;
    let wicket = Wicket::of(&door);
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for first in 0..=255 {
        for length in [1, 7, 21, 100, 1200] {
            let mut packet = vec![first; length];
            packet[0] = first;
            socket.send_to(&packet, wicket.address).await.unwrap();
        }
    }
    wicket.greet(&Words::token(&door.token().await)).await.welcome();
}
