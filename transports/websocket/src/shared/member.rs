//! A client's side of a shared connection.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::iter::once;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Sleep, sleep, timeout};
use tungstenite::error::Error;
use tungstenite::protocol::{CloseFrame, Message};

use super::hub::{Farewell, Heard, Hub, Lost};
use super::parcel::Parcel;
use super::{Permission, TURNS};
use crate::ending::{CloseReason, End, Summary};
use crate::frames::Peer;
use crate::frugal::{Frugal, READ_BUFFER, renew};
use crate::opened::Opened;
use crate::parting::{Socket, failed, part};

/// What a client is told that may not write.
const NOT_OWNER: &str = r#"{"error":"not_owner","message":"Only the owner of this shared connection can write. What was sent is dropped."}"#;
/// How long it isn't told again.
const QUIET: Duration = Duration::from_secs(1);

/// A client's place at the hub. It leaves when this is dropped.
pub(super) struct Place {
    hub: Arc<Hub>,
    seat: u64,
    permission: Arc<dyn Permission>,
}

impl Place {
    pub(super) fn new(hub: Arc<Hub>, permission: Arc<dyn Permission>) -> Self {
        let seat = hub.seat(Arc::clone(&permission));
        Self { hub, seat, permission }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.hub.leave(self.seat);
    }
}

/// Carries a client's side until it, the guarded server's, or `ended` ends it.
pub(super) async fn carry<C, E>(place: Place, client: Opened<C>, ended: E) -> Summary
where
    C: AsyncRead + AsyncWrite + Unpin,
    E: Future<Output = CloseReason>,
{
    let limits = place.hub.limits.messages;
    // Of what is longer than a control frame nothing goes through tungstenite.
    let frugal = Frugal::new(client, Peer::Client, limits.from_client).writing(0);
    // What happens once, or seldom, is boxed: its room isn't held while the connection is idle.
    let mut side = Side {
        socket: Box::pin(frugal.into_websocket()).await,
        place,
        parcel: Parcel::default(),
        flushed: true,
        owing: false,
        speaking: false,
        grown: false,
        refusal: None,
        quiet: None,
    };
    let last = {
        let mut ended = pin!(ended);
        loop {
            match poll_fn(|cx| side.poll_carry(cx, ended.as_mut())).await {
                Ok(()) => side.socket = Box::pin(renew(side.socket)).await,
                Err(last) => break last,
            }
        }
    };
    Box::pin(side.part(last, limits.goodbye)).await
}

/// How a client's side ends.
enum Last {
    /// By itself, or because of its client.
    Own(End),
    /// With the guarded server's side. What came of it before is still sent.
    Shared(Farewell),
}

impl From<Lost> for Last {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::TooSlow => Self::Own(End::Ended(CloseReason::new(1013, "too slow"))),
            Lost::Over(farewell) => Self::Shared(farewell),
        }
    }
}

impl From<End> for Last {
    fn from(end: End) -> Self {
        Self::Own(end)
    }
}

/// A timer that exists only while it runs.
type Timer = Option<Pin<Box<Sleep>>>;

struct Side<C> {
    place: Place,
    socket: Socket<C>,
    /// Being written to the client, past tungstenite. While it is, tungstenite writes nothing.
    parcel: Parcel,
    /// Whether the stream has all that was written.
    flushed: bool,
    /// Whether tungstenite has a pong to write.
    owing: bool,
    /// Whether a message of the client's waits for its turn.
    speaking: bool,
    /// Whether tungstenite's read buffer may have grown.
    grown: bool,
    /// What the client is to be told next.
    refusal: Option<Parcel>,
    /// Until when it isn't told again.
    quiet: Timer,
}

impl<C> Side<C>
where
    C: AsyncRead + AsyncWrite + Unpin,
{
    /// Carries messages both ways. Ready when a long one is gone, so that the memory that it took
    /// can be given back; an error is the end.
    fn poll_carry<E>(
        &mut self,
        cx: &mut Context<'_>,
        mut ended: Pin<&mut E>,
    ) -> Poll<Result<(), Last>>
    where
        E: Future<Output = CloseReason>,
    {
        for _ in 0..TURNS {
            // Before each read: nothing that comes after it is passed on.
            if let Poll::Ready(reason) = ended.as_mut().poll(cx) {
                return Poll::Ready(Err(End::Ended(reason).into()));
            }
            if let Poll::Ready(lost) = self.place.hub.poll_lost(self.place.seat, cx) {
                return Poll::Ready(Err(lost.into()));
            }
            let told = self.poll_tell(cx)?;
            let heard = self.poll_hear(cx)?;
            if self.grown && !self.owing && !self.speaking {
                self.grown = false;
                return Poll::Ready(Ok(()));
            }
            if told.is_pending() && heard.is_pending() {
                return Poll::Pending;
            }
        }
        // Others get their turn.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Writes a message to the client. Ready when it is written.
    fn poll_tell(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        if self.parcel.is_empty() {
            if self.owing {
                ready!(self.poll_flush(cx))?;
            }
            let next = self.refusal.take().or_else(|| self.place.hub.next(self.place.seat));
            let Some(parcel) = next else {
                if !self.flushed {
                    ready!(self.poll_flush(cx))?;
                }
                return Poll::Pending;
            };
            self.parcel = parcel;
            self.flushed = false;
        }
        self.poll_parcel(cx)
    }

    fn poll_parcel(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        let written = ready!(self.parcel.poll_write(cx, self.socket.get_mut()));
        Poll::Ready(written.map_err(|error| self.failed(&error.into())))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        let flushed = ready!(self.socket.poll_flush_unpin(cx));
        self.flushed = true;
        self.owing = false;
        Poll::Ready(flushed.map_err(|error| self.failed(&error)))
    }

    /// Takes the client's next message. Ready when it was taken, or has had its turn.
    fn poll_hear(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        if self.speaking {
            let heard = ready!(self.place.hub.poll_heard(self.place.seat, cx));
            self.speaking = false;
            if heard == Heard::Refused {
                self.refuse(cx);
            }
            return Poll::Ready(Ok(()));
        }
        // tungstenite writes its pong when it is asked for more, be it into a frame of ours. And no
        // further ping is read before this one's answer is written.
        if self.owing {
            return Poll::Pending;
        }
        match ready!(self.socket.poll_next_unpin(cx)) {
            Some(Ok(message)) => Poll::Ready(self.heard(message, cx)),
            Some(Err(error)) => Poll::Ready(Err(self.failed(&error))),
            None => Poll::Ready(Err(End::Dropped { by: Peer::Client, error: None })),
        }
    }

    fn heard(&mut self, message: Message, cx: &mut Context<'_>) -> Result<(), End> {
        self.grown |= message.len() > READ_BUFFER;
        match message {
            Message::Text(_) | Message::Binary(_) => {
                //= req: WS-6
                if self.place.permission.may_write() {
                    self.place.hub.speak(self.place.seat, message);
                    self.speaking = true;
                } else {
                    self.refuse(cx);
                }
                Ok(())
            }
            Message::Ping(_) => {
                self.owing = true;
                Ok(())
            }
            Message::Pong(_) | Message::Frame(_) => Ok(()),
            Message::Close(_) => {
                let code = self.socket.get_ref().scanner().close().and_then(|close| close.code);
                Err(End::Closed { by: Peer::Client, code })
            }
        }
    }

    /// Has the client told that it may not write, if it wasn't just told.
    fn refuse(&mut self, cx: &mut Context<'_>) {
        if let Some(quiet) = &mut self.quiet
            && quiet.as_mut().poll(cx).is_pending()
        {
            return;
        }
        self.refusal = Some(Parcel::text(NOT_OWNER));
        self.quiet = Some(Box::pin(sleep(QUIET)));
    }

    fn failed(&self, error: &Error) -> End {
        failed(&self.socket, Peer::Client, error)
    }

    /// Leaves, and says what is to be said last.
    async fn part(self, last: Last, goodbye: Duration) -> Summary {
        let Self { place, mut socket, mut parcel, .. } = self;
        let (end, close, queue) = match last {
            Last::Shared(farewell) => {
                (farewell.end, Some(farewell.close), place.hub.take_queue(place.seat))
            }
            Last::Own(end) => {
                let close = last_word(&end);
                (end, close, VecDeque::new())
            }
        };
        drop(place);
        let from_client = socket.get_ref().bytes_read();
        let mut from_server = socket.get_ref().bytes_written();
        let farewell = async {
            for next in once(mem::take(&mut parcel)).chain(queue) {
                parcel = next;
                if poll_fn(|cx| parcel.poll_write(cx, socket.get_mut())).await.is_err() {
                    return;
                }
                from_server = socket.get_ref().bytes_written();
            }
            if matches!(end, End::Closed { by: Peer::Client, .. }) {
                // The answer to its Close frame goes out while its stream's end is waited for.
                while let Some(Ok(_)) = socket.next().await {}
            }
            part(socket, close).await;
        };
        // When time is up, the stream is dropped as it is.
        let _ = timeout(goodbye, farewell).await;
        Summary { from_client, from_server, end }
    }
}

/// The Close frame that a client's own end calls for.
fn last_word(end: &End) -> Option<Option<CloseFrame>> {
    match end {
        End::Ended(reason) => Some(Some(reason.to_frame())),
        End::Violation { violation, .. } => Some(Some(CloseReason::from(*violation).to_frame())),
        End::Closed { .. } | End::Dropped { .. } => None,
    }
}
