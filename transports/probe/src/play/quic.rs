//! Hellos over QUIC (`docs/quic-hello.md`), well-formed or not.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use doorward_policy::hello::{ALPN, Accept, MAX_BODY, PREFIX};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{
    ClientConfig, Connection, ConnectionError, Endpoint, RecvStream, SendStream, TransportConfig,
    VarInt,
};
use tokio::time::timeout;

use super::answer::{Answer, Bought, Came, MOST};
use super::trust;
use crate::target::QuicAddress;

/// How much a server may send on one connection before any of it is read.
const WINDOW: VarInt = VarInt::from_u32(4 << 20);

/// A connection, and the socket that it goes through.
pub(super) struct Dialled {
    pub(super) connection: Connection,
    _endpoint: Endpoint,
    /// A first stream without an end: one would be sent as it is dropped.
    _unfinished: Option<SendStream>,
}

/// Bytes on a first stream.
pub(super) struct Greeting<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) from: Option<IpAddr>,
    pub(super) early: bool,
    pub(super) unfinished: bool,
    /// Whether nothing is waited for.
    pub(super) unanswered: bool,
}

/// What came of a greeting, with the connection if it was made.
pub(super) type Greeted = (Answer, Option<Dialled>);

/// Connects and says these bytes.
pub(super) async fn greet(
    to: &QuicAddress,
    greeting: &Greeting<'_>,
    patience: Duration,
) -> io::Result<Greeted> {
    let local = greeting.from.unwrap_or(match to.address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    });
    let endpoint = Endpoint::client((local, 0).into())?;
    let config = config(to)?;
    let connect = || {
        let connecting = endpoint.connect_with(config.clone(), to.address, &to.server_name);
        connecting.map_err(io::Error::other)
    };
    if greeting.early {
        // A connection from which there could be a ticket to resume. Tickets come before the answer
        // to whatever is said, so that it is waited for; an empty hello spends nothing.
        if let Ok(Ok(first)) = timeout(patience, connect()?).await {
            let (_answer, _) =
                say(&first, &Greeting { bytes: &[0, 0], ..*greeting }, patience).await;
            first.close(VarInt::from_u32(0), &[]);
        }
        return Ok(match connect()?.into_0rtt() {
            Err(_) => {
                let mut answer = Answer::new(Came::Refused, Vec::new());
                answer.undecided = true;
                (answer.noted("there is no early data"), None)
            }
            Ok((connection, accepted)) => {
                let (answer, unfinished) = say(&connection, greeting, patience).await;
                if timeout(patience, accepted).await == Ok(true) {
                    let (_endpoint, _unfinished) = (endpoint, unfinished);
                    (answer, Some(Dialled { connection, _endpoint, _unfinished }))
                } else {
                    let mut answer = Answer::new(Came::Refused, answer.received);
                    answer.undecided = true;
                    (answer.noted("early data is not taken"), None)
                }
            }
        });
    }
    match timeout(patience, connect()?).await {
        Ok(Ok(connection)) => {
            let (answer, _unfinished) = say(&connection, greeting, patience).await;
            Ok((answer, Some(Dialled { connection, _endpoint: endpoint, _unfinished })))
        }
        Ok(Err(
            error @ (ConnectionError::ApplicationClosed(_) | ConnectionError::ConnectionClosed(_)),
        )) => Ok((ended(&error), None)),
        // That nobody is there, or another than was pinned, is no refusal.
        Ok(Err(error)) => Err(io::Error::other(error)),
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

fn config(to: &QuicAddress) -> io::Result<ClientConfig> {
    let mut tls = trust::config(to.certificate_sha256, &[ALPN]).map_err(io::Error::other)?;
    tls.enable_early_data = true;
    let tls = QuicClientConfig::try_from(tls).map_err(io::Error::other)?;
    let mut config = ClientConfig::new(Arc::new(tls));
    let mut transport = TransportConfig::default();
    // Nobody reads what a server opens, and what it sends without end is not kept.
    transport.max_concurrent_uni_streams(VarInt::from_u32(0));
    transport.max_concurrent_bidi_streams(VarInt::from_u32(0));
    transport.receive_window(WINDOW);
    transport.datagram_receive_buffer_size(None);
    config.transport_config(Arc::new(transport));
    Ok(config)
}

/// Says these bytes on a first stream and waits for the answer. A stream without an end comes back.
async fn say(
    connection: &Connection,
    greeting: &Greeting<'_>,
    patience: Duration,
) -> (Answer, Option<SendStream>) {
    let said = async {
        let (mut sender, receiver) = connection.open_bi().await.ok()?;
        // A server that has seen enough doesn't take the rest.
        let _result = sender.write_all(greeting.bytes).await;
        if greeting.unfinished {
            return Some((Some(sender), receiver));
        }
        let _result = sender.finish();
        Some((None, receiver))
    };
    let (sender, receiver) = match timeout(patience, said).await {
        Ok(Some(said)) => said,
        Ok(None) => return (closed(connection, patience).await, None),
        Err(_) => return (Answer::new(Came::Silent, Vec::new()), None),
    };
    let answer = match connection.close_reason() {
        Some(reason) => ended(&reason),
        None if greeting.unanswered => Answer::new(Came::Open, Vec::new()),
        None => answer(connection, receiver, patience).await,
    };
    (answer, sender)
}

async fn answer(connection: &Connection, mut receiver: RecvStream, patience: Duration) -> Answer {
    match timeout(patience, receiver.read_to_end(PREFIX + MAX_BODY)).await {
        Ok(Ok(frame)) => match frame.get(PREFIX..).and_then(Accept::parse) {
            Some(accept) => {
                let mut answer = Answer::new(Came::Admitted, frame);
                let token = accept.token.and_then(|token| String::from_utf8(token.to_vec()).ok());
                let id = accept.session.map(|session| session.id.to_string());
                answer.bought = token.map(|token| Bought { token, id });
                answer
            }
            None => closed(connection, patience).await,
        },
        Ok(Err(_)) => closed(connection, patience).await,
        Err(_) => Answer::new(Came::Silent, Vec::new()),
    }
}

/// Waits for the end of a connection.
pub(super) async fn closed(connection: &Connection, patience: Duration) -> Answer {
    match timeout(patience, connection.closed()).await {
        Ok(reason) => ended(&reason),
        Err(_) => Answer::new(Came::Open, Vec::new()),
    }
}

/// Opens a stream, sends these bytes, reads what comes, and says whether the connection goes on.
pub(super) async fn speak(connection: &Connection, bytes: &[u8], patience: Duration) -> Answer {
    let spoken = async {
        let (mut sender, mut receiver) = connection.open_bi().await.ok()?;
        sender.write_all(bytes).await.ok()?;
        sender.finish().ok()?;
        receiver.read_to_end(MOST).await.ok()
    };
    let received = timeout(patience, spoken).await.ok().flatten().unwrap_or_default();
    match connection.close_reason() {
        Some(reason) => Answer { received, ..ended(&reason) },
        None => Answer::new(Came::Open, received),
    }
}

/// What the end of a connection says.
fn ended(error: &ConnectionError) -> Answer {
    match error {
        ConnectionError::ApplicationClosed(close) => {
            let answer = Answer::new(Came::Refused, close.reason.to_vec());
            let mut answer = answer.explained(&close.reason);
            answer.close = Some(close.error_code.into_inner());
            answer
        }
        ConnectionError::ConnectionClosed(close) => {
            let code = u64::from(close.error_code);
            Answer::new(Came::Ended, Vec::new()).noted(format!("by QUIC itself with {code:#x}"))
        }
        error => Answer::new(Came::Ended, Vec::new()).noted(error.to_string()),
    }
}

/// One credential of a hello: its kind, and its text.
pub(super) type Presented = (u8, Vec<u8>);

/// A hello with these fields, whether or not it may have them: `None` where one doesn't fit.
pub(super) fn hello(
    open: bool,
    credentials: &[Presented],
    nonce: &[u8],
    workspace: &[u8],
) -> Option<Vec<u8>> {
    let purpose = if open { 1 } else { 2 };
    let mut body = vec![1, purpose, u8::try_from(credentials.len()).ok()?];
    for (kind, credential) in credentials {
        body.push(*kind);
        body.extend(u16::try_from(credential.len()).ok()?.to_be_bytes());
        body.extend(credential);
    }
    for short in [nonce, workspace] {
        body.push(u8::try_from(short.len()).ok()?);
        body.extend(short);
    }
    body.extend([0; 2]);
    let mut frame = u16::try_from(body.len()).ok()?.to_be_bytes().to_vec();
    frame.append(&mut body);
    Some(frame)
}
