//! How a WebSocket of which Doorward is an end comes to its own.

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::WebSocketStream;
use tungstenite::error::Error;
use tungstenite::protocol::{CloseFrame, Message};

use crate::ending::End;
use crate::frames::{Peer, Violation};
use crate::frugal::Frugal;
use crate::opened::Opened;

/// A WebSocket of which Doorward is an end.
pub(crate) type Socket<S> = WebSocketStream<Frugal<S>>;

/// What an error means for the connection with `by`.
pub(crate) fn failed<S>(socket: &Socket<S>, by: Peer, error: &Error) -> End
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if let Some(violation) = socket.get_ref().scanner().violation() {
        return End::Violation { by, violation };
    }
    match error {
        Error::Utf8(_) => End::Violation { by, violation: Violation::NotUtf8 },
        Error::Io(error) => End::Dropped { by, error: Some(error.kind()) },
        _ => End::Dropped { by, error: None },
    }
}

/// Says the last word, if there is one to say, and shuts down. A Close frame may be empty.
pub(crate) async fn part<S>(mut socket: Socket<S>, close: Option<Option<CloseFrame>>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let told = close.is_some();
    if let Some(frame) = close {
        // Behind the rest of what is under way.
        let _ = socket.send(Message::Close(frame)).await;
        // For the peer's own Close frame, or the end of its stream. After a violation there is
        // nothing that could be understood.
        while let Some(Ok(_)) = socket.next().await {}
    }
    let heard = socket.get_ref().scanner().close().is_some();
    let mut peer = Opened::new(socket.into_inner().into_inner());
    let _ = peer.stream.shutdown().await;
    if told && !heard {
        // Closing with bytes unread would reset the stream under the Close frame.
        peer.drain().await;
    }
}
