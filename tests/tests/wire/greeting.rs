//! QUIC connections of clients who mean well: their hello, their streams, and their end.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use doorward_gate::Clock as _;
use doorward_gate::audit::{AuditRecord, Event};
use doorward_http::Limits as HttpLimits;
use doorward_policy::Settings;
use doorward_policy::capability::Capabilities;
use doorward_policy::ledger::Selector;
use doorward_policy::settings::Guarding;
use doorward_policy::token::Method;
use doorward_quic::{Limits, Upstream};
use quinn::{Connection, ConnectionError, ReadError, TransportErrorCode, VarInt};
use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket, UnixListener};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::door::Door;
use crate::quic::{Caller, GRANT, OPEN, SESSION, TOKEN, Wicket, Words, closed, echoes, greet};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// The code of a stream whose guarded server doesn't answer.
const BAD_GATEWAY: VarInt = VarInt::from_u32(4502);
/// No test waits for as long.
const NEVER: Duration = Duration::from_secs(3600);

async fn on(settings: Settings) -> Door {
    Door::with(settings, None, HttpLimits::default()).await
}

/// A connection that a session token of its own has opened.
async fn opened(door: &Door, wicket: &Wicket) -> (Connection, String) {
    let token = door.token().await;
    let (connection, _accept) = wicket.greet(&Words::token(&token)).await.welcome();
    (connection, token)
}

async fn bearer_works(door: &Door, token: &[u8]) {
    let bearer = format!("Authorization: Bearer {}\r\n", str::from_utf8(token).unwrap());
    assert_eq!(door.get("/", &bearer).await.status, 200);
}

#[tokio::test]
async fn a_session_token_opens_and_streams_are_echoed_to_their_end() {
    let door = Door::open().await;
    let wicket = Wicket::of(&door);
    let token = door.token().await;
    let (connection, accept) = wicket.greet(&Words::token(&token)).await.welcome();
    let session = accept.session.unwrap();
    assert_eq!(session.capabilities, Capabilities::START_UP);
    assert_eq!(session.subject.as_str(), "tester");
    assert_eq!(u64::from(session.expires_in), 7 * DAY.as_secs());
    assert!(accept.token.is_none());
    for _ in 0..3 {
        let (mut send, mut receive) = echoes(&connection).await;
        send.write_all(b"there").await.unwrap();
        send.finish().unwrap();
        assert_eq!(receive.read_to_end(16).await.unwrap(), b"there");
    }
    let record = door.audit().await.pop().unwrap();
    assert_eq!((&record["event"], &record["transport"]), (&"admitted".into(), &"quic".into()));
}

/// A reset is a reset, and who stops reading is not written to.
#[tokio::test]
async fn an_echo_passes_on_a_reset_and_a_stop() {
    let door = Door::open().await;
    let wicket = Wicket::of(&door);
    let (connection, _token) = opened(&door, &wicket).await;
    let (mut send, mut receive) = echoes(&connection).await;
    send.reset(VarInt::from_u32(7)).unwrap();
    assert_eq!(receive.read(&mut [0]).await, Err(ReadError::Reset(VarInt::from_u32(7))));
    let (mut send, mut receive) = echoes(&connection).await;
    receive.stop(VarInt::from_u32(8)).unwrap();
    send.write_all(b"more").await.unwrap();
    assert_eq!(send.stopped().await, Ok(Some(VarInt::from_u32(8))));
}

#[tokio::test]
async fn a_grant_opens_and_the_answer_has_its_token() {
    let door = Door::open().await;
    let wicket = Wicket::of(&door);
    let grant = door.grant(Method::Link, Capabilities::START_UP).await;
    let words = Words::one(OPEN, GRANT, &grant);
    let (connection, accept) = wicket.greet(&words).await.welcome();
    echoes(&connection).await;
    let token = accept.token.unwrap();
    bearer_works(&door, &token).await;
    // An answer that was lost is fetched again with the same nonce.
    let (_connection, again) = wicket.greet(&words).await.welcome();
    assert_eq!(again.session, accept.session);
    let other = Words { nonce: vec![1; 18], ..words };
    assert_eq!(wicket.greet(&other).await.closed().error(), "grant_refused");
}

#[tokio::test]
async fn purpose_token_pairs_and_renews_and_leaves() {
    let door = Door::open().await;
    let wicket = Wicket::of(&door);
    let grant = door.grant(Method::Link, Capabilities::START_UP).await;
    let (connection, accept) = wicket.greet(&Words::one(TOKEN, GRANT, &grant)).await.welcome();
    assert_eq!(closed(&connection).await.code, 0);
    let first = accept.token.unwrap();
    bearer_works(&door, &first).await;

    let renewal = Words::one(TOKEN, SESSION, &first);
    let (connection, accept) = wicket.greet(&renewal).await.welcome();
    assert_eq!(closed(&connection).await.code, 0);
    assert!(accept.token.is_none(), "before half of its life");
    door.clock.turn(4 * DAY);
    door.gate.refresh().await.unwrap();
    let (_connection, accept) = wicket.greet(&renewal).await.welcome();
    let second = accept.token.unwrap();
    assert_ne!(first, second);
    door.clock.turn(4 * DAY);
    door.gate.refresh().await.unwrap();
    assert_eq!(wicket.greet(&renewal).await.closed().error(), "session_expired");
    bearer_works(&door, &second).await;
}

#[tokio::test]
async fn nobody_in_particular_opens_an_unguarded_server() {
    let settings = Settings { guarding: Guarding::Unguarded, ..Settings::default() };
    let door = on(settings).await;
    let wicket = Wicket::of(&door);
    let (connection, accept) = wicket.greet(&Words::nothing()).await.welcome();
    assert!(accept.session.is_none() && accept.token.is_none());
    echoes(&connection).await;
}

#[tokio::test]
async fn a_name_that_the_server_does_not_go_by_is_refused() {
    let door = Door::open().await;
    let wicket = Wicket::of(&door);
    let words = Words::token(&door.token().await);
    let caller = Caller { server_name: "rebind.evil", ..Caller::default() };
    let connection = caller.connect(wicket.address).await.unwrap();
    let closed = greet(connection, &words.frame()).await.closed();
    assert_eq!((closed.code, closed.error()), (4403, "host_denied"));
    let record = door.last_denial().await;
    assert_eq!(record["reason"], "host_denied: rebind.evil");
    assert_eq!(record["threat"], "DW-DNS-REBINDING");
    // An address is never sent as a name.
    let caller = Caller { server_name: "127.0.0.1", ..Caller::default() };
    let connection = caller.connect(wicket.address).await.unwrap();
    greet(connection, &words.frame()).await.welcome();
}

#[tokio::test]
async fn a_connection_ends_with_its_session_and_says_so() {
    let door = Door::open().await;
    let wicket = Wicket::of(&door);
    let (revoked, token) = opened(&door, &wicket).await;
    let (expiring, _token) = opened(&door, &wicket).await;

    let (_send, mut cut) = echoes(&revoked).await;
    let bearer = format!("Authorization: Bearer {token}\r\n");
    assert_eq!(door.post("/.doorward/api/logout", &bearer, "").await.status, 204);
    assert!(matches!(cut.read(&mut [0]).await, Err(ReadError::ConnectionLost(_))));
    ended(&door, &revoked, 4403, "session_revoked", "DW-REVOKED-SESSION").await;

    let (_send, mut cut) = echoes(&expiring).await;
    door.clock.turn(7 * DAY);
    door.gate.refresh().await.unwrap();
    assert!(matches!(cut.read(&mut [0]).await, Err(ReadError::ConnectionLost(_))));
    ended(&door, &expiring, 4401, "session_expired", "DW-STALE-SESSION").await;

    let (drained, _token) = opened(&door, &wicket).await;
    let (_send, mut cut) = echoes(&drained).await;
    door.gate.drain();
    assert!(matches!(cut.read(&mut [0]).await, Err(ReadError::ConnectionLost(_))));
    ended(&door, &drained, 1001, "draining", "DW-FAIL-OPEN").await;
    // Who comes now is told the same.
    let late = closed(&wicket.connect().await).await;
    assert_eq!((late.code, late.error()), (1001, "draining"));
    wicket.drain().await;
}

async fn ended(door: &Door, connection: &Connection, code: u64, error: &str, threat: &str) {
    let closed = closed(connection).await;
    assert_eq!((closed.code, closed.error()), (code, error));
    let records = door.audit().await;
    let record = records.iter().rfind(|record| record["event"] == "closed").unwrap();
    assert_eq!(record["threat"], threat);
    assert_eq!(record["trace_id"], closed.reason["trace_id"]);
}

/// As another process would: the store is told, and the gate finds it there.
#[tokio::test]
async fn what_another_process_revokes_ends_here() {
    let door = Door::open().await;
    let wicket = Wicket::of(&door);
    let token = door.token().await;
    let (connection, accept) = wicket.greet(&Words::token(&token)).await.welcome();
    let (other, _token) = opened(&door, &wicket).await;
    let now = door.clock.now().unwrap();
    let which = Selector::Session(accept.session.unwrap().id);
    let audit = AuditRecord::new(Event::SessionRevoked, now);
    door.store.revoke_sessions(which, now, audit).await.unwrap();
    door.gate.refresh().await.unwrap();
    assert_eq!(closed(&connection).await.code, 4403);
    echoes(&other).await;
}

/// Whoever has said nothing yet holds nothing up: without an end of that, this would never end.
#[tokio::test]
async fn a_drain_waits_for_nobody_who_is_silent() {
    let door = Door::open().await;
    let limits = Limits { deadline: NEVER, ..Limits::default() };
    let wicket = Wicket::with(&door, None, limits);
    let silent = wicket.connect().await;
    door.gate.drain();
    wicket.drain().await;
    silent.closed().await;
}

#[tokio::test]
async fn a_listener_that_is_told_to_drain_ends_after_its_connections() {
    let door = Door::open().await;
    let wicket = Wicket::of(&door);
    let (connection, _token) = opened(&door, &wicket).await;
    let (address, drained) = (wicket.address, tokio::spawn(wicket.drain()));
    // It takes no more, but carries on what there is.
    let refused = loop {
        match Caller::default().connect(address).await {
            // It has not heard yet.
            Ok(early) => early.close(VarInt::from_u32(0), b""),
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, ConnectionError::ConnectionClosed(_)), "{refused}");
    echoes(&connection).await;
    assert!(!drained.is_finished());
    door.gate.drain();
    assert_eq!(closed(&connection).await.code, 1001);
    drained.await.unwrap();
}

/// A guarded server on a TCP port.
async fn tcp() -> (Upstream, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = Upstream::parse(&format!("tcp://{}", listener.local_addr().unwrap())).unwrap();
    (upstream, listener)
}

#[tokio::test]
async fn a_stream_is_a_connection_to_a_guarded_port() {
    let (upstream, listener) = tcp().await;
    let door = Door::open().await;
    let wicket = Wicket::with(&door, Some(upstream), Limits::default());
    let (connection, _token) = opened(&door, &wicket).await;
    for client_first in [true, false] {
        let accept = async { listener.accept().await.unwrap().0 };
        converse(&connection, accept, client_first).await;
    }
}

#[tokio::test]
async fn a_stream_is_a_connection_to_a_guarded_socket() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("guarded");
    let listener = UnixListener::bind(&path).unwrap();
    let upstream = Upstream::parse(&format!("unix:{}", path.display())).unwrap();
    let door = Door::open().await;
    let wicket = Wicket::with(&door, Some(upstream), Limits::default());
    let (connection, _token) = opened(&door, &wicket).await;
    for client_first in [true, false] {
        let accept = async { listener.accept().await.unwrap().0 };
        converse(&connection, accept, client_first).await;
    }
}

/// More than is on the way at once in either direction, both ways, and both ends, one after the
/// other.
async fn converse<S>(connection: &Connection, accept: impl Future<Output = S>, client_first: bool)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    send.write_all(b"first").await.unwrap();
    let mut server = accept.await;
    let mut first = [0; 5];
    server.read_exact(&mut first).await.unwrap();
    let (mut got, mut given) = (Vec::new(), Vec::new());
    if client_first {
        let sending = async {
            send.write_all(&bytes).await.unwrap();
            send.finish().unwrap();
        };
        let _both = tokio::join!(sending, server.read_to_end(&mut got));
        // Its own side is still open.
        let answering = async {
            server.write_all(&bytes).await.unwrap();
            server.shutdown().await.unwrap();
        };
        let reading = async { given = receive.read_to_end(bytes.len()).await.unwrap() };
        tokio::join!(answering, reading);
    } else {
        let answering = async {
            server.write_all(&bytes).await.unwrap();
            server.shutdown().await.unwrap();
        };
        let reading = async { given = receive.read_to_end(bytes.len()).await.unwrap() };
        tokio::join!(answering, reading);
        let sending = async {
            send.write_all(&bytes).await.unwrap();
            send.finish().unwrap();
        };
        let _both = tokio::join!(sending, server.read_to_end(&mut got));
    }
    assert!(got == bytes && given == bytes, "{} and {} bytes", got.len(), given.len());
}

#[tokio::test]
async fn a_guarded_server_that_fails_resets_the_stream_and_no_other() {
    let (upstream, listener) = tcp().await;
    let door = Door::open().await;
    let wicket = Wicket::with(&door, Some(upstream), Limits::default());
    let (connection, _token) = opened(&door, &wicket).await;
    let (mut kept_send, mut kept) = connection.open_bi().await.unwrap();
    kept_send.write_all(b"x").await.unwrap();
    let (mut kept_server, _) = listener.accept().await.unwrap();

    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    send.write_all(b"x").await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    server.set_zero_linger().unwrap();
    drop(server);
    assert_eq!(receive.read(&mut [0]).await, Err(ReadError::Reset(BAD_GATEWAY)));
    assert_eq!(send.stopped().await, Ok(Some(BAD_GATEWAY)));

    drop(listener);
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    send.write_all(b"x").await.unwrap();
    assert_eq!(receive.read(&mut [0]).await, Err(ReadError::Reset(BAD_GATEWAY)));
    assert_eq!(send.stopped().await, Ok(Some(BAD_GATEWAY)));

    kept_server.write_all(b"kept").await.unwrap();
    let mut four = [0; 4];
    kept.read_exact(&mut four).await.unwrap();
    assert_eq!(&four, b"kept");
}

/// A stream through which the guarded server has read one byte.
async fn half_said(
    connection: &Connection,
    listener: &TcpListener,
) -> (quinn::SendStream, quinn::RecvStream, TcpStream) {
    let (mut send, receive) = connection.open_bi().await.unwrap();
    send.write_all(b"x").await.unwrap();
    let (mut server, _) = listener.accept().await.unwrap();
    server.read_exact(&mut [0]).await.unwrap();
    (send, receive, server)
}

/// What was cut off must not look complete to the guarded server either: half of an upload is
/// none.
#[tokio::test]
async fn what_is_cut_off_does_not_look_complete_to_the_guarded_server() {
    let (upstream, listener) = tcp().await;
    let door = Door::open().await;
    let wicket = Wicket::with(&door, Some(upstream), Limits::default());

    let (connection, _token) = opened(&door, &wicket).await;
    let (mut send, _receive, mut server) = half_said(&connection, &listener).await;
    send.reset(VarInt::from_u32(1)).unwrap();
    assert_eq!(
        server.read(&mut [0]).await.unwrap_err().kind(),
        std::io::ErrorKind::ConnectionReset
    );

    let (_send, mut receive, mut server) = half_said(&connection, &listener).await;
    receive.stop(VarInt::from_u32(1)).unwrap();
    server.write_all(b"unwanted").await.unwrap();
    assert_eq!(
        server.read(&mut [0]).await.unwrap_err().kind(),
        std::io::ErrorKind::ConnectionReset
    );

    let (_send, _receive, mut server) = half_said(&connection, &listener).await;
    connection.close(VarInt::from_u32(0), b"");
    assert_eq!(
        server.read(&mut [0]).await.unwrap_err().kind(),
        std::io::ErrorKind::ConnectionReset
    );

    let (connection, token) = opened(&door, &wicket).await;
    let (_send, _receive, mut server) = half_said(&connection, &listener).await;
    let bearer = format!("Authorization: Bearer {token}\r\n");
    assert_eq!(door.post("/.doorward/api/logout", &bearer, "").await.status, 204);
    assert_eq!(
        server.read(&mut [0]).await.unwrap_err().kind(),
        std::io::ErrorKind::ConnectionReset
    );
}

/// Of three connections that say nothing, the server refuses one.
async fn one_too_many(door: &Door, reason: &str) {
    let limits = Limits { deadline: NEVER, ..Limits::default() };
    let wicket = Wicket::with(door, None, limits);
    // Those that were admitted do not count.
    let mut admitted = Vec::new();
    for _ in 0..4 {
        admitted.push(opened(door, &wicket).await);
    }
    let mut waiting = JoinSet::new();
    for _ in 0..3 {
        let connection = wicket.connect().await;
        waiting.spawn(async move { closed(&connection).await });
    }
    let refused = waiting.join_next().await.unwrap().unwrap();
    assert_eq!((refused.code, refused.error()), (4429, "connections_limited"));
    assert_eq!(refused.reason["retry_after"], 1);
    let record = door.last_denial().await;
    assert_eq!(record["reason"], reason);
    assert_eq!(record["threat"], "DW-RESOURCE-EXHAUSTION");
    assert!(waiting.try_join_next().is_none());
}

#[tokio::test]
async fn unadmitted_connections_of_an_address_are_capped_and_admitted_ones_are_not() {
    let mut settings = Settings::default();
    settings.connections.per_address = 2;
    one_too_many(&on(settings).await, "connections_limited: from this address").await;
}

#[tokio::test]
async fn unadmitted_connections_are_capped_in_all() {
    let mut settings = Settings::default();
    settings.connections.unadmitted = 2;
    one_too_many(&on(settings).await, "connections_limited: in all").await;
}

/// A connection that was refused, or has ended unadmitted, makes room for another.
#[tokio::test]
async fn a_refused_connection_makes_room() {
    let mut settings = Settings::default();
    settings.connections.per_address = 1;
    let door = on(settings).await;
    let wicket = Wicket::of(&door);
    for _ in 0..3 {
        let closed = wicket.greet(&Words::nothing()).await.closed();
        assert_eq!(closed.error(), "credential_missing");
    }
}

/// A proxy of datagrams between one client and the server, which looks at what the server says.
struct Proxy {
    address: SocketAddr,
    /// The first byte of each datagram of the server.
    seen: Arc<Mutex<Vec<u8>>>,
    answered: Arc<Notify>,
}

impl Proxy {
    /// Passes all that the server sends, and `most` of what the client does, with so much
    /// after a Retry.
    async fn to(server: SocketAddr, most: usize, after_retry: usize) -> Self {
        let front = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let back = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        back.connect(server).await.unwrap();
        let address = front.local_addr().unwrap();
        let (seen, answered) = (Arc::<Mutex<Vec<u8>>>::default(), Arc::new(Notify::new()));
        let (firsts, told) = (Arc::clone(&seen), Arc::clone(&answered));
        tokio::spawn(async move {
            let (mut left, mut client) = (most, address);
            let (mut ours, mut theirs) = (vec![0; 65_536], vec![0; 65_536]);
            loop {
                tokio::select! {
                    came = front.recv_from(&mut ours) => {
                        let Ok((length, from)) = came else { return };
                        client = from;
                        if left > 0 {
                            left -= 1;
                            let _sent = back.send(&ours[..length]).await;
                        }
                    }
                    came = back.recv(&mut theirs) => {
                        let Ok(length) = came else { return };
                        firsts.lock().unwrap().push(theirs[0]);
                        if is_retry(&theirs[0]) {
                            left = left.max(after_retry);
                        }
                        told.notify_one();
                        let _sent = front.send_to(&theirs[..length], client).await;
                    }
                }
            }
        });
        Self { address, seen, answered }
    }
}

/// A Retry packet: a long header of type 3 (RFC 9000, section 17.2.5).
fn is_retry(first: &u8) -> bool {
    first & 0xf0 == 0xf0
}

#[tokio::test]
async fn a_client_is_asked_to_validate_its_address_and_gets_in() {
    let door = Door::open().await;
    let words = Words::token(&door.token().await).frame();
    for (retry_from, retries) in [(0, 1), (1, 0)] {
        let limits = Limits { retry_from, ..Limits::default() };
        let wicket = Wicket::with(&door, None, limits);
        let proxy = Proxy::to(wicket.address, usize::MAX, 0).await;
        let connection = Caller::default().connect(proxy.address).await.unwrap();
        let (connection, _accept) = greet(connection, &words).await.welcome();
        echoes(&connection).await;
        let seen = proxy.seen.lock().unwrap().clone();
        assert_eq!(seen.iter().filter(|first| is_retry(first)).count(), retries, "{seen:?}");
    }
}

/// A client that begins a handshake and never goes on, and whose beginning the server has seen.
async fn begun(wicket: &Wicket) -> (Proxy, tokio::task::JoinHandle<()>) {
    stuck(Proxy::to(wicket.address, 1, 0).await).await
}

/// One whose first packets go through a proxy that lets no more through.
async fn stuck(proxy: Proxy) -> (Proxy, tokio::task::JoinHandle<()>) {
    let address = proxy.address;
    let trying = tokio::spawn(async move {
        let _never = Caller::default().connect(address).await;
    });
    proxy.answered.notified().await;
    (proxy, trying)
}

/// An address that has proved nothing may be anybody's: handshakes in its name keep nobody out.
#[tokio::test]
async fn an_unvalidated_address_is_not_counted_against() {
    let mut settings = Settings::default();
    settings.connections.per_address = 1;
    let door = on(settings).await;
    let limits = Limits { deadline: NEVER, ..Limits::default() };
    let wicket = Wicket::with(&door, None, limits);
    let _begun = [begun(&wicket).await, begun(&wicket).await];
    let (connection, _token) = opened(&door, &wicket).await;
    echoes(&connection).await;
}

/// From some handshakes on, whoever comes has to validate the address first.
#[tokio::test]
async fn handshakes_under_way_ask_the_next_for_its_address() {
    let door = Door::open().await;
    let limits = Limits { deadline: NEVER, retry_from: 1, ..Limits::default() };
    let wicket = Wicket::with(&door, None, limits);
    let (first, _trying) = begun(&wicket).await;
    assert!(!first.seen.lock().unwrap().iter().any(is_retry));
    let (second, _trying) = begun(&wicket).await;
    assert!(second.seen.lock().unwrap().iter().all(is_retry));
}

#[tokio::test]
async fn handshakes_under_way_are_capped() {
    let door = Door::open().await;
    let limits = Limits { deadline: NEVER, handshakes: 1, ..Limits::default() };
    let wicket = Wicket::with(&door, None, limits);
    // With room for one alone, whoever comes has to validate the address first, and this one goes
    // no further.
    let (begun, _trying) = stuck(Proxy::to(wicket.address, 1, 1).await).await;
    while begun.seen.lock().unwrap().iter().all(is_retry) {
        begun.answered.notified().await;
    }
    let Err(ConnectionError::ConnectionClosed(close)) =
        Caller::default().connect(wicket.address).await
    else {
        panic!("it was not refused");
    };
    assert_eq!(close.error_code, TransportErrorCode::CONNECTION_REFUSED);
    let record = door.last_denial().await;
    assert_eq!(record["reason"], "connections_limited: in all");
}

/// However the limits are set, packets that nobody stands behind leave room for others.
#[tokio::test]
async fn handshakes_of_unvalidated_addresses_fill_no_more_than_half() {
    let door = Door::open().await;
    let limits = Limits { deadline: NEVER, handshakes: 2, retry_from: 9, ..Limits::default() };
    let wicket = Wicket::with(&door, None, limits);
    let _begun = [begun(&wicket).await, begun(&wicket).await, begun(&wicket).await];
    let (connection, _token) = opened(&door, &wicket).await;
    echoes(&connection).await;
}

#[tokio::test]
async fn a_handshake_that_is_over_makes_room() {
    let door = Door::open().await;
    let wicket = Wicket::with(&door, None, Limits { handshakes: 1, ..Limits::default() });
    let words = Words::token(&door.token().await);
    let mut live = Vec::new();
    for _ in 0..3 {
        live.push(wicket.greet(&words).await.welcome());
    }
}

/// With its address validated, a client that is one too many is refused before a handshake costs
/// anything.
#[tokio::test]
async fn a_validated_address_is_counted_before_its_handshake() {
    let mut settings = Settings::default();
    settings.connections.per_address = 1;
    let door = on(settings).await;
    let limits = Limits { deadline: NEVER, retry_from: 0, ..Limits::default() };
    let wicket = Wicket::with(&door, None, limits);
    let _waiting = wicket.connect().await;
    let Err(ConnectionError::ConnectionClosed(close)) =
        Caller::default().connect(wicket.address).await
    else {
        panic!("it was not refused");
    };
    assert_eq!(close.error_code, TransportErrorCode::CONNECTION_REFUSED);
    let record = door.last_denial().await;
    assert_eq!(record["reason"], "connections_limited: from this address");
}

/// Counts the session tickets that a server sends.
#[derive(Debug, Default)]
struct Tickets(Mutex<usize>);

impl ClientSessionStore for Tickets {
    fn set_kx_hint(&self, _server: ServerName<'static>, _group: NamedGroup) {}

    fn kx_hint(&self, _server: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn set_tls12_session(&self, _server: ServerName<'static>, _value: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _server: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _server: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _server: ServerName<'static>, _value: Tls13ClientSessionValue) {
        *self.0.lock().unwrap() += 1;
    }

    fn take_tls13_ticket(&self, _server: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        None
    }
}

/// Neither a ticket to resume with nor a token to skip a Retry with.
#[tokio::test]
async fn nothing_outlives_a_connection() {
    let door = Door::open().await;
    let words = Words::token(&door.token().await).frame();
    for retry_from in [0, 32] {
        let limits = Limits { retry_from, ..Limits::default() };
        let wicket = Wicket::with(&door, None, limits);
        let tickets = Arc::new(Tickets::default());
        let store = Arc::clone(&tickets) as Arc<dyn ClientSessionStore>;
        let caller = Caller { tickets: Some(store), ..Caller::default() };
        let connection = caller.connect(wicket.address).await.unwrap();
        let (connection, _accept) = greet(connection, &words).await.welcome();
        echoes(&connection).await;
        let received = connection.stats().frame_rx;
        assert_eq!((received.handshake_done, received.new_token), (1, 0));
        assert_eq!(*tickets.0.lock().unwrap(), 0);
    }
}

fn shown(connection: &Connection) -> CertificateDer<'static> {
    let chain = connection.peer_identity().unwrap();
    chain.downcast::<Vec<CertificateDer<'static>>>().unwrap()[0].clone()
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_new_connections_and_ends_no_old_one() {
    let door = Door::open().await;
    let wicket = Wicket::of(&door);
    let (old, _token) = opened(&door, &wicket).await;
    let renewed = wicket.renew_certificate();
    let (new, _token) = opened(&door, &wicket).await;
    assert_eq!(shown(&new), renewed);
    assert_ne!(shown(&old), renewed);
    echoes(&old).await;
}
