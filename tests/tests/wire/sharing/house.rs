//! A listener that shares, two guarded servers, and members who speak over either transport.

use std::net::SocketAddr;
use std::time::Duration;

use doorward_gate::audit::{AuditRecord, Event};
use doorward_policy::Timestamp;
use doorward_policy::capability::Capabilities;
use doorward_policy::route::Routes;
use doorward_policy::settings::Settings;
use doorward_policy::token::Method;
use doorward_policy::workspace::Change;
use quinn::{Connection, RecvStream, SendStream};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::door::{Answer, Door, read_answer};
use crate::quic::{Closed, Greeted, Wicket, Words, closed};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    WebSocket,
    Quic,
}

pub(super) const BOTH: [Wire; 2] = [Wire::WebSocket, Wire::Quic];

/// For how long a lease outlives its owner's last connection.
pub(super) const GRACE: Duration = Duration::from_secs(30);

/// A listener that shares, and what it guards.
pub(super) struct House {
    pub(super) door: Door,
    pub(super) wicket: Wicket,
    web: TcpListener,
    bytes: Option<TcpListener>,
}

impl House {
    pub(super) async fn open() -> Self {
        let listen = async || TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (web, bytes) = (listen().await, listen().await);
        let mut routes = Routes::none();
        assert!(routes.add("/", Capabilities::OBSERVE));
        let settings = Settings { share: true, routes, ..Settings::default() };
        let url = format!("http://{}", web.local_addr().unwrap());
        let upstream = doorward_http::Upstream::parse(&url).unwrap();
        let door = Door::with(settings, Some(upstream), doorward_http::Limits::default()).await;
        let url = format!("tcp://{}", bytes.local_addr().unwrap());
        let upstream = doorward_quic::Upstream::parse(&url).unwrap();
        let wicket = Wicket::with(&door, Some(upstream), doorward_quic::Limits::default());
        Self { door, wicket, web, bytes: Some(bytes) }
    }

    /// The token of somebody who may operate.
    pub(super) async fn operator(&self) -> String {
        self.door.token().await
    }

    /// The token of somebody who may only observe.
    pub(super) async fn observer(&self) -> String {
        let grant = self.door.grant(Method::Link, Capabilities::OBSERVE).await;
        let answer = self.door.redeem("token", &grant, "AAAAAAAAAAAAAAAAAAAAAAAA", "").await;
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }

    /// Takes a place; what it is refused with otherwise.
    pub(super) async fn ask(&self, wire: Wire, token: &str) -> Result<Member, Refused> {
        match wire {
            Wire::WebSocket => {
                let mut stream = TcpStream::connect(self.door.address).await.unwrap();
                let request = self.door.handshake(&bearer(token));
                stream.write_all(request.as_bytes()).await.unwrap();
                let answer = read_answer(&mut stream).await;
                if answer.status == 101 {
                    Ok(Member::WebSocket(stream))
                } else {
                    Err(Refused { code: answer.status.into(), error: answer.code() })
                }
            }
            Wire::Quic => match self.wicket.greet(&Words::token(token)).await {
                Greeted::Welcome(connection, _) => {
                    let (mut send, receive) = connection.open_bi().await.unwrap();
                    // The server hears of a stream by its first frame, which needs no bytes.
                    let _result = send.write(&[]).await;
                    Ok(Member::Quic(connection, send, receive))
                }
                Greeted::Closed(closed) => Err(closed.into()),
            },
        }
    }

    pub(super) async fn join(&self, wire: Wire, token: &str) -> Member {
        self.ask(wire, token).await.unwrap()
    }

    /// The connection to the guarded server that somebody is about to open.
    pub(super) async fn server(&self, wire: Wire) -> Server {
        let bytes = || self.bytes.as_ref().unwrap();
        let listener = if wire == Wire::WebSocket { &self.web } else { bytes() };
        Server::accept(wire, listener).await
    }

    /// The server of streams goes, and nobody answers at its address.
    pub(super) fn stop_bytes(&mut self) -> SocketAddr {
        self.bytes.take().unwrap().local_addr().unwrap()
    }

    pub(super) async fn start_bytes(&mut self, address: SocketAddr) {
        self.bytes = Some(TcpListener::bind(address).await.unwrap());
    }

    /// Has a session open the room, and the guarded server take it.
    pub(super) async fn opened(&self, wire: Wire, token: &str) -> (Member, Server) {
        tokio::join!(self.join(wire, token), self.server(wire))
    }

    /// Lets time pass, and the listener notice.
    pub(super) async fn wait(&self, by: Duration) {
        self.door.clock.turn(by);
        self.door.gate.refresh().await.unwrap();
    }

    pub(super) async fn change(&self, change: Change) {
        let audit = AuditRecord::new(Event::WorkspaceChanged, Timestamp::EPOCH);
        self.door.store.change_directory(change, audit).await.unwrap().unwrap();
        self.door.gate.refresh().await.unwrap();
    }

    /// The one room that a session has a place in.
    pub(super) async fn room(&self, token: &str) -> Value {
        let answer = self.door.get("/.doorward/api/room", &bearer(token)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["rooms"][0].clone()
    }

    /// Does something in it.
    pub(super) async fn act(&self, token: &str, what: &str) -> Answer {
        self.door.post("/.doorward/api/room", &bearer(token), what).await
    }

    /// Waits until a room looks so to a session, for as long as a connection takes to come or go.
    pub(super) async fn until(&self, token: &str, looks: impl Fn(&Value) -> bool) {
        soon(async { while !looks(&self.room(token).await) {} }).await;
    }
}

/// Fails rather than waits for ever.
pub(super) async fn soon<F: Future>(future: F) -> F::Output {
    timeout(Duration::from_secs(20), future).await.expect("in time")
}

pub(super) fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

/// How a connection is refused or ended: the status, or the code.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) code: u64,
    pub(super) error: String,
}

impl From<Closed> for Refused {
    fn from(closed: Closed) -> Self {
        Self { code: closed.code, error: closed.error().to_owned() }
    }
}

/// One who has a place in a room.
#[derive(Debug)]
pub(super) enum Member {
    WebSocket(TcpStream),
    Quic(Connection, SendStream, RecvStream),
}

impl Member {
    pub(super) async fn say(&mut self, text: &str) {
        match self {
            Self::WebSocket(stream) => {
                let head = [0x81, 0x80 | text.len() as u8, 0, 0, 0, 0];
                stream.write_all(&[&head, text.as_bytes()].concat()).await.unwrap();
            }
            Self::Quic(_, send, _) => send.write_all(text.as_bytes()).await.unwrap(),
        }
    }

    /// Hears just this.
    pub(super) async fn hears(&mut self, text: &str) {
        let heard = match self {
            Self::WebSocket(stream) => frame(stream).await.1,
            Self::Quic(_, _, receive) => {
                let mut heard = vec![0; text.len()];
                soon(receive.read_exact(&mut heard)).await.unwrap();
                heard
            }
        };
        assert_eq!(String::from_utf8_lossy(&heard), text);
    }

    /// Is told that it may not write, and no more than that.
    pub(super) async fn is_told_that_it_follows(&mut self) {
        match self {
            Self::WebSocket(stream) => {
                let (first, told) = frame(stream).await;
                let told: Value = serde_json::from_slice(&told).unwrap();
                assert_eq!((first, told["error"].as_str()), (0x81, Some("not_owner")));
            }
            Self::Quic(_, send, _) => {
                let code = soon(send.stopped()).await.unwrap().unwrap();
                assert_eq!(code.into_inner(), 4403);
            }
        }
    }

    /// Waits for the code with which its connection ends, or its stream.
    pub(super) async fn ends(&mut self) -> u64 {
        match self {
            Self::WebSocket(stream) => {
                let (first, close) = frame(stream).await;
                assert_eq!(first, 0x88, "{close:?}");
                close.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code).into())
            }
            Self::Quic(connection, _, receive) => match soon(receive.read(&mut [0])).await {
                Ok(None) => 0,
                Err(quinn::ReadError::Reset(code)) => code.into_inner(),
                Err(quinn::ReadError::ConnectionLost(_)) => closed(connection).await.code,
                other => panic!("{other:?}"),
            },
        }
    }
}

/// The guarded server's end of what is shared.
#[derive(Debug)]
pub(super) struct Server {
    wire: Wire,
    pub(super) stream: TcpStream,
}

impl Server {
    pub(super) async fn accept(wire: Wire, listener: &TcpListener) -> Self {
        let (mut stream, _) = listener.accept().await.unwrap();
        if wire == Wire::WebSocket {
            let request = read_answer(&mut stream).await;
            let key = request.header("sec-websocket-key").unwrap();
            let accept = doorward_websocket::accept_key(key.as_bytes());
            let answer = format!(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
                Upgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        Self { wire, stream }
    }

    pub(super) async fn say(&mut self, text: &str) {
        let said = match self.wire {
            Wire::WebSocket => [&[0x81, text.len() as u8], text.as_bytes()].concat(),
            Wire::Quic => text.as_bytes().to_vec(),
        };
        self.stream.write_all(&said).await.unwrap();
    }

    pub(super) async fn hears(&mut self, text: &str) {
        let heard = match self.wire {
            Wire::WebSocket => frame(&mut self.stream).await.1,
            Wire::Quic => {
                let mut heard = vec![0; text.len()];
                soon(self.stream.read_exact(&mut heard)).await.unwrap();
                heard
            }
        };
        assert_eq!(String::from_utf8_lossy(&heard), text);
    }

    /// Waits until Doorward has ended it.
    pub(super) async fn ends(&mut self) {
        let mut rest = Vec::new();
        // A connection that is reset has ended too.
        let _result = soon(self.stream.read_to_end(&mut rest)).await;
        let expected = if self.wire == Wire::WebSocket { 0x88 } else { 0 };
        assert_eq!(rest.first().copied().unwrap_or_default(), expected, "{rest:?}");
    }
}

/// The first byte and the payload of one short frame.
async fn frame(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let mut head = [0; 2];
    soon(stream.read_exact(&mut head)).await.unwrap();
    let mut mask = [0; 4];
    if head[1] & 0x80 != 0 {
        stream.read_exact(&mut mask).await.unwrap();
    }
    let length = match head[1] & 0x7f {
        126 => stream.read_u16().await.unwrap().into(),
        length => usize::from(length),
    };
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).await.unwrap();
    payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    (head[0], payload)
}
