//! The server of the built-in console: it says what it is told.

use std::pin::pin;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tungstenite::error::Error;
use tungstenite::protocol::Message;

use crate::ending::{CloseReason, End, Limits, Summary};
use crate::frames::{Peer, Violation};
use crate::frugal::{Frugal, READ_BUFFER, shrink};
use crate::opened::Opened;

type Socket<S> = WebSocketStream<Frugal<S>>;

/// Answers a client with what it sent, text as text and binary as binary, its pings with pongs and
/// its Close with Close, until it goes or `ended` resolves.
///
/// At most one message and its answer are held, and no further message is read before the answer
/// has been written; while nothing happens, about 3.5 KiB are, tokio's task included. `ended` and
/// violations are told as in [`relay`](crate::relay), within `limits.goodbye`.
pub async fn echo<S, E>(client: Opened<S>, limits: Limits, ended: E) -> Summary
where
    S: AsyncRead + AsyncWrite + Unpin,
    E: Future<Output = CloseReason>,
{
    let mut ended = pin!(ended);
    // What happens once, or seldom, is boxed: its room isn't held while the connection is idle.
    let frugal = Frugal::new(client, Peer::Client, limits.from_client);
    let mut socket = Box::pin(frugal.into_websocket()).await;
    let end = loop {
        let turn = tokio::select! {
            biased;
            reason = ended.as_mut() => Err(End::Ended(reason)),
            turn = turn(&mut socket, limits) => turn,
        };
        match turn {
            Ok(length) if length > READ_BUFFER => socket = Box::pin(shrink(socket)).await,
            Ok(_) => {}
            Err(end) => break end,
        }
    };
    let (from_client, from_server) =
        (socket.get_ref().bytes_read(), socket.get_ref().bytes_written());
    // When time is up, the stream is dropped as it is.
    let _ = Box::pin(timeout(limits.goodbye, part(socket, &end))).await;
    Summary { from_client, from_server, end }
}

/// Takes one message and answers it. Returns its length.
async fn turn<S>(socket: &mut Socket<S>, limits: Limits) -> Result<usize, End>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let message = match socket.next().await {
        Some(Ok(message)) => message,
        Some(Err(error)) => return Err(failed(socket, &error)),
        None => return Err(End::Dropped { by: Peer::Client, error: None }),
    };
    let length = message.len();
    let answered = match message {
        Message::Text(_) | Message::Binary(_) => socket.send(message).await,
        // tungstenite has a pong ready. Until it is written, no further ping is read.
        Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => socket.flush().await,
        Message::Close(_) => {
            let answer = async { while let Some(Ok(_)) = socket.next().await {} };
            let _ = Box::pin(timeout(limits.goodbye, answer)).await;
            let code = socket.get_ref().scanner().close().and_then(|close| close.code);
            return Err(End::Closed { by: Peer::Client, code });
        }
    };
    match answered {
        Ok(()) => Ok(length),
        Err(error) => Err(failed(socket, &error)),
    }
}

/// What an error means for the connection.
fn failed<S>(socket: &Socket<S>, error: &Error) -> End
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let by = Peer::Client;
    if let Some(violation) = socket.get_ref().scanner().violation() {
        return End::Violation { by, violation };
    }
    match error {
        Error::Utf8(_) => End::Violation { by, violation: Violation::NotUtf8 },
        Error::Io(error) => End::Dropped { by, error: Some(error.kind()) },
        _ => End::Dropped { by, error: None },
    }
}

/// Says why, if there is something to say, and shuts down.
async fn part<S>(mut socket: Socket<S>, end: &End)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let reason = match end {
        End::Ended(reason) => Some(reason.clone()),
        End::Violation { violation, .. } => Some((*violation).into()),
        End::Closed { .. } | End::Dropped { .. } => None,
    };
    if let Some(reason) = &reason {
        // Behind the rest of an answer under way.
        let _ = socket.send(Message::Close(Some(reason.to_frame()))).await;
        // For the client's own Close frame, or the end of its stream. After a violation there is
        // nothing that could be understood.
        while let Some(Ok(_)) = socket.next().await {}
    }
    let heard = socket.get_ref().scanner().close().is_some();
    let mut client = Opened::new(socket.into_inner().into_inner());
    let _ = client.stream.shutdown().await;
    if reason.is_some() && !heard {
        // Closing with bytes unread would reset the stream under the Close frame.
        client.drain().await;
    }
}
