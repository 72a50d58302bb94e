//! Frames by hand and connections by tungstenite.

use std::time::Duration;

use doorward_websocket::{CloseReason, Limits, Opened, Summary, relay};
use futures_util::StreamExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, DuplexStream, duplex};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Message, Role, WebSocketConfig};

pub(crate) const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
pub(crate) const FIN: u8 = 0x80;
pub(crate) const CONTINUE: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// A header as the two first bytes and the length say, whether or not it is lawful.
pub(crate) fn header(first: u8, masked: bool, length: u64) -> Vec<u8> {
    let flag = if masked { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match length {
        0..=125 => bytes.push(flag | length as u8),
        126..=0xffff => {
            bytes.push(flag | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
        _ => {
            bytes.push(flag | 127);
            bytes.extend(length.to_be_bytes());
        }
    }
    if masked {
        bytes.extend(MASK);
    }
    bytes
}

/// A client's frame.
pub(crate) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(first, true, payload.len() as u64);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// A server's frame.
pub(crate) fn clear(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(first, false, payload.len() as u64);
    bytes.extend(payload);
    bytes
}

/// Without limits of its own, so that what is seen is what the crate did.
pub(crate) fn unlimited() -> WebSocketConfig {
    WebSocketConfig::default().max_message_size(None).max_frame_size(None)
}

pub(crate) async fn websocket<S>(stream: S, role: Role) -> WebSocketStream<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    WebSocketStream::from_raw_socket(stream, role, Some(unlimited())).await
}

pub(crate) fn close_message(code: u16, reason: &str) -> Message {
    Message::Close(Some(CloseFrame { code: CloseCode::from(code), reason: reason.into() }))
}

/// Fails rather than waits for ever. Where time is paused, it costs none.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(10), future).await.expect("in time")
}

/// Reads on until a Close frame and returns its code and reason.
pub(crate) async fn close_of<S>(socket: &mut WebSocketStream<S>) -> Option<(u16, String)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let heard = async {
        while let Some(Ok(message)) = socket.next().await {
            if let Message::Close(frame) = message {
                // Answers it, and waits for the end of the stream.
                while let Some(Ok(_)) = socket.next().await {}
                return frame.map(|frame| (frame.code.into(), frame.reason.to_string()));
            }
        }
        None
    };
    soon(heard).await
}

/// All that comes until the end of the stream.
pub(crate) async fn rest<S: AsyncRead + Unpin>(stream: &mut S) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A stream that breaks has ended too.
    let _ = soon(stream.read_to_end(&mut bytes)).await;
    bytes
}

/// A relay between two pipes of `room` bytes each way.
pub(crate) struct Pipes {
    pub(crate) client: DuplexStream,
    pub(crate) server: DuplexStream,
    pub(crate) end: oneshot::Sender<CloseReason>,
    pub(crate) relay: JoinHandle<Summary>,
}

pub(crate) const GOODBYE: Duration = Duration::from_secs(2);

pub(crate) fn pipes(room: usize) -> Pipes {
    pipes_with(room, Limits { goodbye: GOODBYE, ..Limits::default() })
}

pub(crate) fn pipes_with(room: usize, limits: Limits) -> Pipes {
    let (client, near_client) = duplex(room);
    let (server, near_server) = duplex(room);
    let (end, ended) = oneshot::channel();
    let relay = tokio::spawn(relay(
        Opened::new(near_client),
        Opened::new(near_server),
        limits,
        until(ended),
    ));
    Pipes { client, server, end, relay }
}

/// Never, if the sender is dropped.
pub(crate) async fn until(ended: oneshot::Receiver<CloseReason>) -> CloseReason {
    match ended.await {
        Ok(reason) => reason,
        Err(_) => std::future::pending().await,
    }
}

pub(crate) fn revoked() -> CloseReason {
    CloseReason::new(4403, "session revoked")
}
