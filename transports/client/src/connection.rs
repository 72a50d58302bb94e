//! A WebSocket to what the server guards.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::sync::Notify;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};
use tokio_tungstenite::WebSocketStream;
use tungstenite::Message;
use tungstenite::handshake::client::generate_key;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::{Role, WebSocketConfig};

use crate::api;
use crate::client::Client;
use crate::error::{ClientError, Next, Refused};
use crate::plain::plain;
use crate::session::Session;

/// The longest message that is taken.
const LONGEST: usize = 16 << 20;

/// After how much silence the server is asked whether it is there.
const SILENCE: Duration = Duration::from_secs(20);
/// How long it may take to answer that.
const ANSWER: Duration = Duration::from_secs(20);
/// How long it may take where there is reason to doubt that it is there.
const DOUBTED: Duration = Duration::from_secs(5);

/// An open WebSocket. While somebody waits for its next message, a server that is silent is asked
/// whether it is still there.
#[derive(Debug)]
pub struct Connection {
    socket: WebSocketStream<TokioIo<Upgraded>>,
    /// What the server's Close frame said; its answer has yet to go out.
    goodbye: Option<Closed>,
    /// Whether the last word is said: nothing may follow it.
    leaving: bool,
    /// Ticks when the server was silent for too long.
    silence: Interval,
    /// Whether it has been asked for a sign of life.
    asked: bool,
    doubts: Prober,
}

/// Lets others doubt that a server is still there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Prober(Arc<Notify>);

impl Prober {
    /// Whoever waits for the next message learns soon whether one can come.
    pub(crate) fn probe(&self) {
        self.0.notify_one();
    }
}

/// What came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Bytes),
}

/// How a WebSocket or a tunnel ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closed {
    /// The server has ended a tunnel, and says why as it does for a refusal.
    Refused(Refused),
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

impl Client {
    /// Opens a WebSocket on a session's server, with the session's token.
    ///
    /// # Errors
    /// If the server refuses, can't be reached, or doesn't answer as a WebSocket server does.
    pub async fn connect(&self, session: &Session, path: &str) -> Result<Connection, ClientError> {
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
        let response = api::send(self, server, request, Some(session.token())).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            let refused = api::read(server, response).await?.refusal();
            return Err(self.whose(session, refused).await);
        }
        let accepted =
            response.headers().get(SEC_WEBSOCKET_ACCEPT).map(http::HeaderValue::as_bytes);
        if accepted != Some(derive_accept_key(key.as_bytes()).as_bytes()) {
            return Err(ClientError::Unexpected(
                server.clone(),
                "the answer to a WebSocket handshake",
            ));
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
        Ok(Connection::new(socket))
    }

    /// Whose refusal it is. Only Doorward knows that a session is over.
    async fn whose(&self, session: &Session, refused: Refused) -> ClientError {
        if refused.status != 401 && !refused.wants_pairing() {
            // Every refusal of Doorward's has a code.
            return match refused.code.is_empty() {
                true => ClientError::Guarded(refused),
                false => ClientError::Refused(refused),
            };
        }
        match self.check(session).await {
            Ok(()) => ClientError::Guarded(refused),
            Err(error) => error,
        }
    }
}

impl Connection {
    fn new(socket: WebSocketStream<TokioIo<Upgraded>>) -> Self {
        let mut silence = interval(SILENCE);
        silence.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first tick of an interval is due at once.
        silence.reset();
        let doubts = Prober::default();
        Self { socket, goodbye: None, leaving: false, silence, asked: false, doubts }
    }

    pub(crate) fn prober(&self) -> Prober {
        self.doubts.clone()
    }

    /// Sends a text message.
    ///
    /// # Errors
    /// How the connection has ended.
    pub async fn send(&mut self, text: String) -> Result<(), Closed> {
        match timeout(SILENCE + ANSWER, self.socket.send(Message::text(text))).await {
            Ok(sent) => sent.map_err(dropped),
            Err(_) => Err(silent()),
        }
    }

    /// Says goodbye. What the server had sent before it heard that still comes, and then its own
    /// goodbye.
    ///
    /// # Errors
    /// How the connection has ended already.
    pub async fn say_goodbye(&mut self) -> Result<(), Closed> {
        self.leaving = true;
        self.socket.send(Message::Close(None)).await.map_err(dropped)
    }

    /// The next message. Pings are answered on the way. Nothing is lost if this is dropped before
    /// it resolves.
    ///
    /// # Errors
    /// How the connection has ended.
    pub async fn next(&mut self) -> Result<Received, Closed> {
        loop {
            let message = tokio::select! {
                biased;
                message = self.socket.next() => message,
                () = self.doubts.0.notified() => {
                    self.ask(DOUBTED).await?;
                    continue;
                }
                _ = self.silence.tick() => {
                    if self.asked {
                        return Err(silent());
                    }
                    self.ask(ANSWER).await?;
                    continue;
                }
            };
            self.asked = false;
            self.silence.reset();
            match message {
                Some(Ok(Message::Text(text))) => return Ok(Received::Text(text.to_string())),
                Some(Ok(Message::Binary(bytes))) => return Ok(Received::Binary(bytes)),
                Some(Ok(Message::Close(frame))) => {
                    let (code, reason) = frame.map_or((1005, String::new()), |it| {
                        (it.code.into(), it.reason.to_string())
                    });
                    self.leaving = true;
                    self.goodbye = Some(Closed::Said { code, reason });
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(self.goodbye.take().unwrap_or(dropped(error))),
                None => {
                    let ended = || Closed::Dropped("the connection has ended".to_owned());
                    return Err(self.goodbye.take().unwrap_or_else(ended));
                }
            }
        }
    }

    /// Asks for a sign of life, which has to come within this time.
    async fn ask(&mut self, patience: Duration) -> Result<(), Closed> {
        if self.leaving {
            return Ok(());
        }
        self.asked = true;
        self.silence.reset_after(patience);
        match timeout(patience, self.socket.send(Message::Ping(Bytes::new()))).await {
            Ok(sent) => sent.map_err(dropped),
            Err(_) => Err(silent()),
        }
    }
}

impl Closed {
    /// What follows from it for who wants the connection kept.
    pub(crate) fn next(&self) -> Next {
        match self {
            Self::Refused(refused) => refused.next(),
            Self::Dropped(_) => Next::Retry(None),
            Self::Said { code, reason } => match code {
                // The reason of a denial is its stable code.
                4400..=4599 => Refused {
                    status: code.saturating_sub(4000),
                    code: reason.clone(),
                    message: String::new(),
                    retry_after: None,
                }
                .next(),
                // What was said breaks a rule, and would be said again.
                1002 | 1003 | 1007..=1010 => Next::Stop,
                _ => Next::Retry(None),
            },
        }
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refused) => refused.fmt(f),
            Self::Dropped(what) => write!(f, "the connection was lost: {what}"),
            Self::Said { code, reason } => {
                write!(f, "the server closed the connection: {code} {}", plain(reason))
            }
        }
    }
}

fn silent() -> Closed {
    Closed::Dropped("the server is silent".to_owned())
}

fn dropped(error: tungstenite::Error) -> Closed {
    Closed::Dropped(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_from_the_end_of_a_websocket() {
        let said = |code, reason: &str| Closed::Said { code, reason: reason.to_owned() }.next();
        for (code, reason, expected) in [
            (1000, "", Next::Retry(None)),
            (1001, "draining", Next::Retry(None)),
            (1008, "", Next::Stop),
            (1009, "", Next::Stop),
            (1011, "", Next::Retry(None)),
            (1013, "unavailable", Next::Retry(None)),
            (4401, "session_expired", Next::PairAgain),
            (4403, "session_revoked", Next::PairAgain),
            (4403, "insufficient_capability", Next::Stop),
            (4404, "not_found", Next::Stop),
            (4408, "deadline", Next::Retry(None)),
            (4429, "limited", Next::Retry(None)),
        ] {
            assert_eq!(said(code, reason), expected, "{code} {reason}");
        }
        assert_eq!(Closed::Dropped(String::new()).next(), Next::Retry(None));
    }

    #[test]
    fn no_reason_steers_a_terminal() {
        let closed = Closed::Said { code: 1011, reason: "a\u{1b}[2Jb".to_owned() };
        assert_eq!(closed.to_string(), "the server closed the connection: 1011 a[2Jb");
    }
}
