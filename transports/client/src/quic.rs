//! A QUIC connection to a server, and the one hello on it (`docs/quic-hello.md`).

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use doorward_policy::capability::Capabilities;
use doorward_policy::hello::{
    ALPN, Accept, Hello, MAX_BODY, Offered, PREFIX, Purpose, body_length,
};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{
    ClientConfig, Connection, ConnectionError, Endpoint, IdleTimeout, TransportConfig,
    TransportErrorCode, VarInt,
};
use tokio::net::lookup_host;
use tokio::time::{sleep, timeout};
use zeroize::Zeroizing;

use crate::client::Client;
use crate::error::{ClientError, Refused};
use crate::server::Server;
use crate::tls::{self, Handshake, Verdict};

/// How long a handshake may take, and the answer to a hello after it.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the reason for which a server has ended a connection may come after the last of its
/// streams: packets overtake each other.
const LAST_WORD: Duration = Duration::from_secs(1);
/// How far apart the addresses of one name are tried (RFC 8305, section 5).
const STAGGER: Duration = Duration::from_millis(250);
/// How many addresses of one name are tried.
const MOST_ADDRESSES: usize = 8;
/// How often a silent connection says that it is there: well within what a router forgets.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// After how much silence of the server a connection is lost, in milliseconds.
const MAX_IDLE: VarInt = VarInt::from_u32(30_000);
/// How many notices may be on their way.
const MAX_NOTICES: u32 = 2;
/// The longest frame of an answer.
pub(crate) const MAX_FRAME: usize = PREFIX + MAX_BODY;
/// The code of an end that nothing is wrong with.
pub(crate) const DONE: VarInt = VarInt::from_u32(0);

/// A hello that asks for nothing beside what the rules ask for.
pub(crate) fn hello<'a>(purpose: Purpose, offered: Offered<'a>, nonce: &'a [u8]) -> Hello<'a> {
    Hello { purpose, offered, nonce, workspace: None, capabilities: Capabilities::NONE }
}

/// Says a hello on a connection of its own, and leaves.
pub(crate) async fn ask(
    client: &Client,
    server: &Server,
    hello: &Hello<'_>,
) -> Result<Accept, ClientError> {
    let (dialled, accept) = greet(client, server, hello).await?;
    dialled.connection.close(DONE, &[]);
    Ok(accept)
}

/// A connection, and the socket that it goes through.
#[derive(Clone, Debug)]
pub(crate) struct Dialled {
    pub(crate) connection: Connection,
    pub(crate) endpoint: Endpoint,
}

/// Connects, says a hello and reads the answer. The server has proved itself before it hears any.
pub(crate) async fn greet(
    client: &Client,
    server: &Server,
    hello: &Hello<'_>,
) -> Result<(Dialled, Accept), ClientError> {
    let dialled = dial(client, server).await?;
    match timeout(PATIENCE, exchange(&dialled.connection, server, hello)).await {
        Ok(answered) => Ok((dialled, answered?)),
        Err(_) => Err(ClientError::Unreachable(server.clone(), io::ErrorKind::TimedOut.into())),
    }
}

async fn exchange(
    connection: &Connection,
    server: &Server,
    hello: &Hello<'_>,
) -> Result<Accept, ClientError> {
    // Whatever is wrong with a stream, the connection knows why if it ends.
    let wrong = async || match timeout(LAST_WORD, connection.closed()).await {
        Ok(reason) => failed(server, &reason),
        Err(_) => unexpected(server),
    };
    let frame = hello.frame().ok_or_else(|| unexpected(server))?;
    let opened = connection.open_bi().await;
    let (mut sender, mut receiver) = opened.map_err(|error| failed(server, &error))?;
    if sender.write_all(&frame).await.is_err() {
        return Err(wrong().await);
    }
    // Nothing may follow the hello. A server that has answered already doesn't listen any more.
    let _result = sender.finish();
    //= req: CLIENT-8
    let answer = receiver.read_to_end(MAX_FRAME).await.map(Zeroizing::new);
    match answer.ok().as_deref().and_then(|frame| read_accept(frame)) {
        Some(accept) => Ok(accept),
        None => Err(wrong().await),
    }
}

fn unexpected(server: &Server) -> ClientError {
    ClientError::Unexpected(server.clone(), "the answer to a hello")
}

fn read_accept(frame: &[u8]) -> Option<Accept> {
    only_body(frame).and_then(Accept::parse)
}

/// The body of what is exactly one frame.
pub(crate) fn only_body(frame: &[u8]) -> Option<&[u8]> {
    let (prefix, body) = frame.split_first_chunk::<PREFIX>()?;
    let length = body_length(*prefix).ok()?;
    (body.len() == length).then_some(body)
}

/// Connects to the first address of the server that completes a handshake: names such as
/// `localhost` have several, and nothing says of a silent one that nobody is there.
async fn dial(client: &Client, server: &Server) -> Result<Dialled, ClientError> {
    let unreachable = |error| ClientError::Unreachable(server.clone(), error);
    let addresses = timeout(PATIENCE, lookup_host(server.endpoint())).await;
    let addresses = addresses.map_err(|_| unreachable(io::ErrorKind::TimedOut.into()))?;
    let addresses = addresses.map_err(unreachable)?;
    let mut attempts: FuturesUnordered<_> = (0..)
        .zip(addresses.take(MOST_ADDRESSES))
        .map(|(turn, address)| async move {
            sleep(STAGGER.saturating_mul(turn)).await;
            shake_hands(client, server, address).await
        })
        .collect();
    let mut worst = unreachable(io::ErrorKind::NotFound.into());
    while let Some(attempt) = attempts.next().await {
        match attempt {
            Ok(dialled) => return Ok(dialled),
            // That one address doesn't answer says less than that another is an impostor's.
            Err(error) if matches!(worst, ClientError::Unreachable(..)) => worst = error,
            Err(_) => {}
        }
    }
    Err(worst)
}

async fn shake_hands(
    client: &Client,
    server: &Server,
    address: SocketAddr,
) -> Result<Dialled, ClientError> {
    let unreachable = |error| ClientError::Unreachable(server.clone(), error);
    let Handshake { config, verdict } = Handshake::new(client.trust(), server, ALPN)?;
    let config = QuicClientConfig::try_from(config)
        .map_err(|error| ClientError::Incompatible(server.clone(), error.to_string()))?;
    let mut config = ClientConfig::new(Arc::new(config));
    config.transport_config(Arc::new(transport()));
    let endpoint = Endpoint::client(wildcard(address)).map_err(unreachable)?;
    let connecting = endpoint
        .connect_with(config, address, server.host())
        .map_err(|error| unreachable(io::Error::other(error)))?;
    match timeout(PATIENCE, connecting).await {
        Ok(Ok(connection)) => Ok(Dialled { connection, endpoint }),
        Ok(Err(error)) => Err(judged(server, &verdict, &error)),
        // Another kind than that of an answer that doesn't come: no credential was sent yet.
        Err(_) => Err(unreachable(io::Error::new(
            io::ErrorKind::HostUnreachable,
            "nobody answers on this UDP port, or a firewall drops the packets",
        ))),
    }
}

/// Any address of ours, of the family of one of theirs.
fn wildcard(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}

fn transport() -> TransportConfig {
    let mut transport = TransportConfig::default();
    transport
        .keep_alive_interval(Some(KEEP_ALIVE))
        .max_idle_timeout(Some(IdleTimeout::from(MAX_IDLE)))
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .max_concurrent_uni_streams(VarInt::from_u32(MAX_NOTICES))
        .datagram_receive_buffer_size(None);
    transport
}

/// What a failed handshake stands for.
fn judged(server: &Server, verdict: &Verdict, error: &ConnectionError) -> ClientError {
    verdict.fault(server).unwrap_or_else(|| failed(server, error))
}

/// What the end of a connection stands for, if it came before the answer to a hello.
fn failed(server: &Server, error: &ConnectionError) -> ClientError {
    match error {
        ConnectionError::ApplicationClosed(close) => {
            let refused = Refused::from_quic(close.error_code.into_inner(), &close.reason);
            refused.map_or_else(|| unexpected(server), ClientError::Refused)
        }
        ConnectionError::VersionMismatch => incompatible(server, error),
        ConnectionError::TransportError(fault) if is_final(fault.code) => {
            incompatible(server, error)
        }
        ConnectionError::ConnectionClosed(close) if is_final(close.error_code) => {
            incompatible(server, error)
        }
        _ => ClientError::Unreachable(server.clone(), io::Error::new(kind(error), told(error))),
    }
}

fn incompatible(server: &Server, error: &ConnectionError) -> ClientError {
    ClientError::Incompatible(server.clone(), told(error))
}

fn kind(error: &ConnectionError) -> io::ErrorKind {
    match error {
        ConnectionError::TimedOut => io::ErrorKind::TimedOut,
        ConnectionError::Reset => io::ErrorKind::ConnectionReset,
        ConnectionError::ConnectionClosed(_) | ConnectionError::ApplicationClosed(_) => {
            io::ErrorKind::ConnectionAborted
        }
        _ => io::ErrorKind::Other,
    }
}

/// How a connection has ended, without a word of the server's: before its certificate is judged,
/// its reason is that of whoever can send a packet.
pub(crate) fn told(error: &ConnectionError) -> String {
    match error {
        ConnectionError::VersionMismatch => "the server speaks another version of QUIC".to_owned(),
        ConnectionError::TransportError(fault) => {
            format!("its packets are not as they have to be: {}", fault.code)
        }
        ConnectionError::ConnectionClosed(close) => {
            let code = u64::from(close.error_code);
            format!("the server has ended the connection with code {code}: {}", close.error_code)
        }
        ConnectionError::ApplicationClosed(close) => {
            format!("the server has ended the connection with code {}", close.error_code)
        }
        ConnectionError::Reset => "the server doesn't know the connection any more".to_owned(),
        ConnectionError::TimedOut => "the server is silent".to_owned(),
        ConnectionError::LocallyClosed => "it was closed here".to_owned(),
        ConnectionError::CidsExhausted => "there are no connection ids left".to_owned(),
    }
}

/// Whether a handshake failed for something that the next attempt fails for, too: an alert of TLS
/// (RFC 9001, section 4.8).
fn is_final(code: TransportErrorCode) -> bool {
    let code = u64::from(code);
    let alert = code.checked_sub(0x100).and_then(|alert| u8::try_from(alert).ok());
    alert.is_some_and(tls::is_final)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::Closed;
    use quinn::{ApplicationClose, ConnectionClose};

    #[test]
    fn an_answer_is_one_frame_and_nothing_else() {
        let accept = Accept { session: None, token: None };
        let frame = accept.frame().expect("short");
        assert!(read_accept(&frame).is_some());
        let longer: Vec<u8> = frame.iter().copied().chain([0]).collect();
        assert!(read_accept(&longer).is_none());
        for end in 0..frame.len() {
            assert!(read_accept(&frame[..end]).is_none());
        }
    }

    #[test]
    fn a_server_of_another_version_of_quic_will_never_do() {
        let server = crate::server::Target::parse("quic://dev.example:4433").expect("valid").server;
        let error = failed(&server, &ConnectionError::VersionMismatch);
        assert!(matches!(error, ClientError::Incompatible(..)), "{error}");
        for lost in [ConnectionError::TimedOut, ConnectionError::Reset] {
            let error = failed(&server, &lost);
            assert!(matches!(error, ClientError::Unreachable(..)), "{error}");
        }
    }

    #[test]
    fn no_word_of_whoever_ends_a_connection_is_repeated() {
        let server = crate::server::Target::parse("quic://dev.example:4433").expect("valid").server;
        let text = "\u{1b}]0;evil\u{7}";
        for code in [TransportErrorCode::crypto(120), TransportErrorCode::CONNECTION_REFUSED] {
            let close = ConnectionClose { error_code: code, frame_type: None, reason: text.into() };
            let shown = failed(&server, &ConnectionError::ConnectionClosed(close)).to_string();
            assert!(!shown.contains("evil") && shown.contains("dev.example"), "{shown}");
        }
        let close = ApplicationClose { error_code: VarInt::from_u32(7), reason: text.into() };
        let closed = Closed::from(ConnectionError::ApplicationClosed(close)).to_string();
        assert!(!closed.contains("evil") && closed.contains("code 7"), "{closed}");
    }

    #[test]
    fn alerts_that_come_again_are_final() {
        assert!(
            is_final(TransportErrorCode::crypto(120)) && is_final(TransportErrorCode::crypto(70))
        );
        assert!(!is_final(TransportErrorCode::crypto(80)));
        assert!(!is_final(TransportErrorCode::CONNECTION_REFUSED));
    }
}
