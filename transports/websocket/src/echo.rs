//! The server of the built-in console: it says what it is told.

use std::pin::pin;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tungstenite::protocol::{CloseFrame, Message};

use crate::ending::{CloseReason, End, Limits, Summary};
use crate::frames::Peer;
use crate::frugal::{Frugal, READ_BUFFER, shrink};
use crate::opened::{Activity, Opened};
use crate::parting::{Socket, failed, part};

/// Answers a client with what it sent, text as text and binary as binary, its pings with pongs and
/// its Close with Close, until it goes or `ended` resolves.
///
/// At most one message and its answer are held, and no further message is read before the answer
/// has been written; while nothing happens, about 3.5 KiB are, tokio's task included. `ended` and
/// violations are told as in [`relay`](crate::relay), within `limits.goodbye`.
pub async fn echo<S, E>(mut client: Opened<S>, limits: Limits, ended: E) -> Summary
where
    S: AsyncRead + AsyncWrite + Unpin,
    E: Future<Output = CloseReason>,
{
    let mut ended = pin!(ended);
    let activity = client.take_activity();
    // What happens once, or seldom, is boxed: its room isn't held while the connection is idle.
    let frugal = Frugal::new(client, Peer::Client, limits.from_client);
    let mut socket = Box::pin(frugal.into_websocket()).await;
    let end = loop {
        let turn = tokio::select! {
            biased;
            reason = ended.as_mut() => Err(End::Ended(reason)),
            turn = turn(&mut socket, &activity, limits) => turn,
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
    let _ = Box::pin(timeout(limits.goodbye, part(socket, last_word(&end)))).await;
    Summary { from_client, from_server, end }
}

/// Takes one message and answers it. Returns its length.
async fn turn<S>(socket: &mut Socket<S>, activity: &Activity, limits: Limits) -> Result<usize, End>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let message = match socket.next().await {
        Some(Ok(message)) => message,
        Some(Err(error)) => return Err(failed(socket, Peer::Client, &error)),
        None => return Err(End::Dropped { by: Peer::Client, error: None }),
    };
    let length = message.len();
    let answered = match message {
        Message::Text(_) | Message::Binary(_) => {
            activity.note();
            socket.send(message).await
        }
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
        Err(error) => Err(failed(socket, Peer::Client, &error)),
    }
}

/// The Close frame that an end calls for. After a closing handshake nothing is left to say.
fn last_word(end: &End) -> Option<Option<CloseFrame>> {
    match end {
        End::Ended(reason) => Some(Some(reason.to_frame())),
        End::Violation { violation, .. } => Some(Some(CloseReason::from(*violation).to_frame())),
        End::Closed { .. } | End::Dropped { .. } => None,
    }
}
