//! A WebSocket to what the server guards.

use std::io;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tungstenite::Message;
use tungstenite::handshake::client::generate_key;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::{Role, WebSocketConfig};

use crate::api;
use crate::error::ClientError;
use crate::session::Session;

/// The longest message that is taken.
const LONGEST: usize = 16 << 20;

/// An open WebSocket.
#[derive(Debug)]
pub struct Connection {
    socket: WebSocketStream<TokioIo<Upgraded>>,
    /// What the server's Close frame said; its answer has yet to go out.
    goodbye: Option<Closed>,
}

/// What came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Bytes),
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closed {
    /// With a Close frame.
    Said {
        /// The close code; 1005 if there was none.
        code: u16,
        /// The reason.
        reason: String,
    },
    /// Without one.
    Dropped(String),
}

/// Opens a WebSocket on a session's server, with the session's token.
///
/// # Errors
/// If the server refuses, can't be reached, or doesn't answer as a WebSocket server does.
pub async fn connect(session: &Session, path: &str) -> Result<Connection, ClientError> {
    let server = session.server();
    let key = generate_key();
    let request = Request::builder()
        .uri(path)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_KEY, &key)
        .body(Full::new(Bytes::new()))
        .map_err(|error| ClientError::Unreachable(server.clone(), io::Error::other(error)))?;
    let response = api::send(server, request, Some(session.token())).await?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        let answer = api::read(server, response).await?;
        return Err(ClientError::Refused(answer.refusal()));
    }
    let accepted = response.headers().get(SEC_WEBSOCKET_ACCEPT).map(http::HeaderValue::as_bytes);
    if accepted != Some(derive_accept_key(key.as_bytes()).as_bytes()) {
        return Err(ClientError::Unexpected(server.clone(), "the answer to a WebSocket handshake"));
    }
    let upgraded = hyper::upgrade::on(response).await;
    let upgraded = upgraded
        .map_err(|error| ClientError::Unreachable(server.clone(), io::Error::other(error)))?;
    let config = WebSocketConfig::default()
        .read_buffer_size(16 * 1024)
        .max_message_size(Some(LONGEST))
        .max_frame_size(Some(LONGEST));
    let stream = TokioIo::new(upgraded);
    let socket = WebSocketStream::from_raw_socket(stream, Role::Client, Some(config)).await;
    Ok(Connection { socket, goodbye: None })
}

impl Connection {
    /// Sends a text message.
    ///
    /// # Errors
    /// How the connection has ended.
    pub async fn send(&mut self, text: String) -> Result<(), Closed> {
        self.socket.send(Message::text(text)).await.map_err(dropped)
    }

    /// Says goodbye. What the server had sent before it heard that still comes, and then its own
    /// goodbye.
    ///
    /// # Errors
    /// How the connection has ended already.
    pub async fn say_goodbye(&mut self) -> Result<(), Closed> {
        self.socket.send(Message::Close(None)).await.map_err(dropped)
    }

    /// The next message. Pings are answered on the way. Nothing is lost if this is dropped before
    /// it resolves.
    ///
    /// # Errors
    /// How the connection has ended.
    pub async fn next(&mut self) -> Result<Received, Closed> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => return Ok(Received::Text(text.to_string())),
                Some(Ok(Message::Binary(bytes))) => return Ok(Received::Binary(bytes)),
                Some(Ok(Message::Close(frame))) => {
                    let (code, reason) = frame.map_or((1005, String::new()), |it| {
                        (it.code.into(), it.reason.to_string())
                    });
                    self.goodbye = Some(Closed::Said { code, reason });
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(self.goodbye.take().unwrap_or(dropped(error))),
                None => {
                    let silent = || Closed::Dropped("the connection has ended".to_owned());
                    return Err(self.goodbye.take().unwrap_or_else(silent));
                }
            }
        }
    }
}

fn dropped(error: tungstenite::Error) -> Closed {
    Closed::Dropped(error.to_string())
}
