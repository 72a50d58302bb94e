//! The guarded server's side of a shared connection.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tungstenite::error::Error;
use tungstenite::protocol::{CloseFrame, Message};

use super::TURNS;
use super::hub::{Farewell, Heard, Hub};
use super::parcel::Parcel;
use crate::ending::{CloseReason, End, Summary};
use crate::frames::Peer;
use crate::frugal::{Frugal, READ_BUFFER, renew};
use crate::opened::Opened;
use crate::parting::{Socket, failed, part};

/// As long as it is there, so is the guarded server.
pub(super) struct Attendance {
    hub: Arc<Hub>,
}

impl Attendance {
    pub(super) const fn new(hub: Arc<Hub>) -> Self {
        Self { hub }
    }
}

impl Drop for Attendance {
    fn drop(&mut self) {
        self.hub.end(farewell(End::Ended(CloseReason::going_away("the connection is over")), None));
    }
}

/// Carries the guarded server's side until it or `over` ends it.
pub(super) async fn carry<S, E>(attendance: Attendance, server: Opened<S>, over: E) -> Summary
where
    S: AsyncRead + AsyncWrite + Unpin,
    E: Future<Output = CloseReason>,
{
    let hub = &*attendance.hub;
    let limits = hub.limits.messages;
    let frugal = Frugal::new(server, Peer::Server, limits.from_server).writing(limits.from_client);
    let socket = frugal.into_websocket().await;
    let mut side = Side { hub, socket, held: None, flushed: true, grown: false, close: None };
    let mut over = pin!(over);
    let end = loop {
        match poll_fn(|cx| side.poll_carry(cx, over.as_mut())).await {
            Ok(()) => side.socket = renew(side.socket).await,
            Err(end) => break end,
        }
    };
    // What has come was to be handed out.
    if let Some(parcel) = &side.held {
        hub.publish(parcel);
    }
    let (from_client, from_server) =
        (side.socket.get_ref().bytes_written(), side.socket.get_ref().bytes_read());
    hub.end(farewell(end.clone(), side.close.take()));
    // When time is up, the stream is dropped as it is.
    let _ = timeout(limits.goodbye, side.part(&end)).await;
    Summary { from_client, from_server, end }
}

/// What clients are told of an end. `close` is the guarded server's own Close frame.
fn farewell(end: End, close: Option<CloseFrame>) -> Farewell {
    let broken = |reason| Some(CloseReason::new(1011, reason).to_frame());
    let close = match &end {
        End::Closed { .. } => close,
        End::Dropped { .. } => broken("the server is gone"),
        End::Violation { .. } => broken("the server broke the protocol"),
        End::Ended(reason) => Some(reason.to_frame()),
    };
    Farewell { end, close }
}

struct Side<'a, S> {
    hub: &'a Hub,
    socket: Socket<S>,
    /// Came from the guarded server, and waits for a client to have room for it.
    held: Option<Parcel>,
    /// Whether the stream has all that was written.
    flushed: bool,
    /// Whether buffers may have grown.
    grown: bool,
    /// The guarded server's Close frame.
    close: Option<CloseFrame>,
}

impl<S> Side<'_, S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    /// Carries messages both ways. Ready when a long one is gone, so that the memory that it took
    /// can be given back; an error is the end.
    fn poll_carry<E>(
        &mut self,
        cx: &mut Context<'_>,
        mut over: Pin<&mut E>,
    ) -> Poll<Result<(), End>>
    where
        E: Future<Output = CloseReason>,
    {
        if let Poll::Ready(reason) = over.as_mut().poll(cx) {
            return Poll::Ready(Err(End::Ended(reason)));
        }
        // One message this way, one the other way: neither direction keeps the other waiting.
        for _ in 0..TURNS {
            let spoken = self.poll_speak(cx)?;
            let listened = self.poll_listen(cx)?;
            if self.grown && self.flushed && self.held.is_none() {
                self.grown = false;
                return Poll::Ready(Ok(()));
            }
            if spoken.is_pending() && listened.is_pending() {
                return Poll::Pending;
            }
        }
        // Others get their turn.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Passes on the message whose turn it is.
    fn poll_speak(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        if let Err(error) = ready!(self.socket.poll_ready_unpin(cx)) {
            return Poll::Ready(Err(self.failed(&error)));
        }
        let Poll::Ready(turn) = self.hub.poll_turn(cx) else {
            if !self.flushed {
                if let Err(error) = ready!(self.socket.poll_flush_unpin(cx)) {
                    return Poll::Ready(Err(self.failed(&error)));
                }
                self.flushed = true;
            }
            return Poll::Pending;
        };
        //= req: WS-6
        if !turn.permission.may_write() {
            self.hub.answer(turn.seat, Heard::Refused);
            return Poll::Ready(Ok(()));
        }
        self.grown |= turn.message.len() > READ_BUFFER;
        self.flushed = false;
        let sent = self.socket.start_send_unpin(turn.message);
        self.hub.answer(turn.seat, Heard::PassedOn);
        Poll::Ready(sent.map_err(|error| self.failed(&error)))
    }

    /// Hands out a message, or takes the next one.
    fn poll_listen(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        if let Some(parcel) = &self.held {
            ready!(self.hub.poll_room(parcel.cost(), cx));
            self.hub.publish(parcel);
            self.held = None;
            return Poll::Ready(Ok(()));
        }
        ready!(self.hub.poll_attended(cx));
        match ready!(self.socket.poll_next_unpin(cx)) {
            Some(Ok(Message::Close(frame))) => {
                let code = self.socket.get_ref().scanner().close().and_then(|close| close.code);
                self.close = frame;
                Poll::Ready(Err(End::Closed { by: Peer::Server, code }))
            }
            Some(Ok(message)) => {
                self.grown |= message.len() > READ_BUFFER;
                // tungstenite has a pong ready for a ping.
                self.flushed &= !matches!(message, Message::Ping(_));
                self.held = Parcel::of(message);
                Poll::Ready(Ok(()))
            }
            Some(Err(error)) => Poll::Ready(Err(self.failed(&error))),
            None => Poll::Ready(Err(End::Dropped { by: Peer::Server, error: None })),
        }
    }

    fn failed(&self, error: &Error) -> End {
        failed(&self.socket, Peer::Server, error)
    }

    async fn part(mut self, end: &End) {
        let close = match end {
            End::Closed { .. } => {
                // The answer to its Close frame goes out while its stream's end is waited for.
                while let Some(Ok(_)) = self.socket.next().await {}
                None
            }
            End::Dropped { .. } => None,
            End::Violation { violation, .. } => Some(CloseReason::from(*violation)),
            End::Ended(_) => Some(CloseReason::going_away("the connection is over")),
        };
        part(self.socket, close.map(|reason| Some(reason.to_frame()))).await;
    }
}
