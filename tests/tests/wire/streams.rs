//! What an admitted QUIC connection carries: each stream is a connection to the guarded server.

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use doorward_quic::{Limits, Upstream};
use quinn::{
    Connection, ConnectionError, Endpoint, ReadError, ReadExactError, TransportConfig, VarInt,
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::time::timeout;

use crate::door::Door;
use crate::quic::{Caller, Wicket, Words, echoes, greet};

/// The code of a stream whose guarded server doesn't answer.
const BAD_GATEWAY: VarInt = VarInt::from_u32(4502);

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
    let (connection, _token) = wicket.opened(&door).await;
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
    let (connection, _token) = wicket.opened(&door).await;
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
    let (connection, _token) = wicket.opened(&door).await;
    let (mut kept_send, mut kept) = connection.open_bi().await.unwrap();
    kept_send.write_all(b"x").await.unwrap();
    let (mut kept_server, _) = listener.accept().await.unwrap();

    // Once it was spoken to: it fails in the middle, not while it is connected to.
    let (send, mut receive, server) = half_said(&connection, &listener).await;
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

async fn assert_reset(server: &mut TcpStream) {
    let error = server.read(&mut [0]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

/// A client may want no more while the server has nothing to say.
#[tokio::test]
async fn a_client_that_wants_no_more_lets_go_of_a_silent_server() {
    let (upstream, listener) = tcp().await;
    let door = Door::open().await;
    let limits = Limits { streams: 1, ..Limits::default() };
    let wicket = Wicket::with(&door, Some(upstream), limits);
    let (connection, _token) = wicket.opened(&door).await;
    let mut servers = Vec::new();
    for _ in 0..3 {
        // There is room for one stream at a time.
        let opened = timeout(Duration::from_secs(60), half_said(&connection, &listener)).await;
        let (mut send, mut receive, server) = opened.expect("the one before was let go of");
        send.finish().unwrap();
        receive.stop(VarInt::from_u32(1)).unwrap();
        servers.push(server);
    }
}

/// What was cut off must not look complete to the guarded server either: half of an upload is
/// none.
#[tokio::test]
async fn what_is_cut_off_does_not_look_complete_to_the_guarded_server() {
    let (upstream, listener) = tcp().await;
    let door = Door::open().await;
    let wicket = Wicket::with(&door, Some(upstream), Limits::default());

    let (connection, _token) = wicket.opened(&door).await;
    let (mut send, _receive, mut server) = half_said(&connection, &listener).await;
    send.reset(VarInt::from_u32(1)).unwrap();
    assert_reset(&mut server).await;

    let (_send, mut receive, mut server) = half_said(&connection, &listener).await;
    receive.stop(VarInt::from_u32(1)).unwrap();
    server.write_all(b"unwanted").await.unwrap();
    assert_reset(&mut server).await;

    let (_send, _receive, mut server) = half_said(&connection, &listener).await;
    connection.close(VarInt::from_u32(0), b"");
    assert_reset(&mut server).await;

    let (connection, token) = wicket.opened(&door).await;
    let (_send, _receive, mut server) = half_said(&connection, &listener).await;
    let bearer = format!("Authorization: Bearer {token}\r\n");
    assert_eq!(door.post("/.doorward/api/logout", &bearer, "").await.status, 204);
    assert_reset(&mut server).await;
}

/// The guarded server is told too: half of an upload that never goes on is none.
#[tokio::test(start_paused = true)]
async fn a_client_that_falls_silent_is_cut_off() {
    const IDLE: Duration = Duration::from_secs(10);
    let (upstream, listener) = tcp().await;
    let door = Door::open().await;
    let wicket = Wicket::with(&door, Some(upstream), Limits { idle: IDLE, ..Limits::default() });
    // One that would bear the silence itself.
    let mut transport = TransportConfig::default();
    transport.max_idle_timeout(None);
    let caller = Caller { transport: Arc::new(transport), ..Caller::default() };
    let connection = caller.connect(wicket.address).await.unwrap();
    let words = Words::token(&door.token().await).frame();
    let (connection, _accept) = greet(connection, &words).await.welcome();
    let (_send, _receive, mut server) = half_said(&connection, &listener).await;
    // Sooner than by quinn's own default.
    timeout(2 * IDLE, assert_reset(&mut server)).await.expect("it was cut off in time");
    // Which ends after its connections.
    wicket.drain().await;
    assert_eq!(door.gate.live_connections(), 0);
}

/// With it off, a server hears nothing of what comes from elsewhere.
#[tokio::test(start_paused = true)]
async fn a_connection_moves_to_another_address_if_it_may() {
    let door = Door::open().await;
    for migration in [true, false] {
        let wicket = Wicket::with(&door, None, Limits { migration, ..Limits::default() });
        let endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let connection = Caller::default().connect_from(&endpoint, wicket.address).await.unwrap();
        let words = Words::token(&door.token().await).frame();
        let (connection, _accept) = greet(connection, &words).await.welcome();
        let (mut send, mut receive) = echoes(&connection).await;
        endpoint.rebind(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()).unwrap();
        send.write_all(b"on").await.unwrap();
        let heard = receive.read_exact(&mut [0; 2]).await;
        let lost = ReadExactError::ReadError(ReadError::ConnectionLost(ConnectionError::TimedOut));
        assert_eq!(heard, if migration { Ok(()) } else { Err(lost) });
    }
}
