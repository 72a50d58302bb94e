//! Bytes from a client to the guarded server and back.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Sleep, sleep, timeout};

use crate::ending::{CloseReason, End, Limits, Summary};
use crate::frames::Peer;
use crate::opened::Opened;
use crate::pump::{Pump, Stop};

/// Passes WebSocket frames between a client and the guarded server until either says goodbye,
/// breaks the rules or goes away, or until `ended` resolves.
///
/// Both streams have finished their upgrade, with the same subprotocol and without extensions.
/// Bytes pass unchanged: messages, fragments, pings and close codes arrive as they were sent, a
/// client's frames under the client's own masks. Each direction is watched by a
/// [`FrameScanner`](crate::FrameScanner) with its own limit.
///
/// * **Backpressure.** A direction whose receiver doesn't take what it is sent holds at most 128 KiB
///   and reads no further. While all is taken it holds nothing: reads go to room that all
///   connections of a thread share.
/// * **`ended`** (a revoked session, 4403; an expired one, 4401; a drain, 1001). Nothing that is
///   read from the client after it reaches the server, not even the rest of a frame. The client
///   gets a Close frame with that code, after the rest of a frame under way to it; the server gets
///   1001, unless it is in the middle of a frame, which then stays cut off.
/// * **A violation.** Who committed it gets 1002 or 1009. The other side gets 1001 if it was the
///   client, 1011 if it was the server.
/// * **An end without a Close frame** is passed on as just that: the other side's stream is shut
///   down, and it has `limits.goodbye` to say what it has to say.
///
/// Whatever happens last takes at most `limits.goodbye`; then both streams are dropped.
pub async fn relay<C, S, E>(
    client: Opened<C>,
    server: Opened<S>,
    limits: Limits,
    ended: E,
) -> Summary
where
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
    E: Future<Output = CloseReason>,
{
    let mut relay = Relay {
        client,
        server,
        to_server: Pump::new(Peer::Client, limits.of(Peer::Client)),
        to_client: Pump::new(Peer::Server, limits.of(Peer::Server)),
        first: None,
    };
    let end = {
        let mut ended = pin!(ended);
        // Only needed, and only allocated, once one side has nothing more to say.
        let mut patience = None;
        poll_fn(|cx| relay.poll_carry(cx, ended.as_mut(), &mut patience, limits)).await
    };
    relay.say_goodbye(&end);
    let mut parting = Parting {
        wait: !matches!(end, End::Closed { .. } | End::Dropped { .. }),
        ..Parting::default()
    };
    // When time is up, the streams are dropped as they are.
    //= req: WS-5
    let _ = timeout(limits.goodbye, poll_fn(|cx| relay.poll_part(cx, &mut parting))).await;
    Summary { from_client: relay.to_server.passed(), from_server: relay.to_client.passed(), end }
}

/// A timer that exists only while it runs.
type Patience = Option<Pin<Box<Sleep>>>;

struct Relay<C, S> {
    client: Opened<C>,
    server: Opened<S>,
    to_server: Pump,
    to_client: Pump,
    /// Who stopped first, and why.
    first: Option<(Peer, Stop)>,
}

/// What of a goodbye is done.
#[derive(Default)]
struct Parting {
    /// Whether to wait for each side's own goodbye.
    wait: bool,
    client_shut: bool,
    server_shut: bool,
}

impl<C, S> Relay<C, S>
where
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    fn poll_carry<E>(
        &mut self,
        cx: &mut Context<'_>,
        ended: Pin<&mut E>,
        patience: &mut Patience,
        limits: Limits,
    ) -> Poll<End>
    where
        E: Future<Output = CloseReason>,
    {
        //= req: WS-4
        if let Poll::Ready(reason) = ended.poll(cx) {
            return Poll::Ready(End::Ended(reason));
        }
        let client_done = self.to_server.poll_carry(cx, &mut self.client, &mut self.server.stream);
        self.note(Peer::Client);
        let server_done = self.to_client.poll_carry(cx, &mut self.server, &mut self.client.stream);
        self.note(Peer::Server);

        for (by, pump) in [(Peer::Client, &self.to_server), (Peer::Server, &self.to_client)] {
            if let Some(Stop::Violation(violation)) = pump.stopping() {
                return Poll::Ready(End::Violation { by, violation });
            }
        }
        let Some(first) = self.first else {
            return Poll::Pending;
        };
        let timer = patience.get_or_insert_with(|| Box::pin(sleep(limits.goodbye)));
        let expired = timer.as_mut().poll(cx).is_ready();
        if expired || (client_done.is_ready() && server_done.is_ready()) {
            return Poll::Ready(self.without_fault(first));
        }
        Poll::Pending
    }

    /// Remembers who stopped first.
    fn note(&mut self, by: Peer) {
        let pump = match by {
            Peer::Client => &self.to_server,
            Peer::Server => &self.to_client,
        };
        if self.first.is_none() {
            self.first = pump.stopping().map(|stop| (by, stop));
        }
    }

    /// How it ended if nobody broke a rule.
    fn without_fault(&self, (by, stop): (Peer, Stop)) -> End {
        match stop {
            Stop::Closed(code) => End::Closed { by, code },
            Stop::ReadFailed(error) => End::Dropped { by, error: Some(error) },
            Stop::WriteFailed(error) => End::Dropped { by: by.other(), error: Some(error) },
            Stop::Eof | Stop::Violation(_) => End::Dropped { by, error: None },
        }
    }

    fn say_goodbye(&mut self, end: &End) {
        let (to_client, to_server) = match end {
            End::Closed { .. } | End::Dropped { .. } => (None, None),
            End::Ended(reason) => {
                (Some(reason.clone()), Some(CloseReason::going_away("the connection was ended")))
            }
            End::Violation { by: Peer::Client, violation } => {
                let away = CloseReason::going_away("the client broke the protocol");
                (Some((*violation).into()), Some(away))
            }
            End::Violation { by: Peer::Server, violation } => {
                let failed = CloseReason::new(1011, "the server broke the protocol");
                (Some(failed), Some((*violation).into()))
            }
        };
        self.to_client.say_goodbye(to_client.as_ref(), true);
        self.to_server.say_goodbye(to_server.as_ref(), !matches!(end, End::Ended(_)));
    }

    /// Says what is to be said, listens for what each side says last, and shuts both down.
    fn poll_part(&mut self, cx: &mut Context<'_>, parting: &mut Parting) -> Poll<()> {
        let told_server =
            self.to_server.poll_goodbye(cx, &mut self.client, &mut self.server.stream).is_ready();
        let told_client =
            self.to_client.poll_goodbye(cx, &mut self.server, &mut self.client.stream).is_ready();
        let heard_client =
            !parting.wait || self.to_server.poll_hear(cx, &mut self.client).is_ready();
        let heard_server =
            !parting.wait || self.to_client.poll_hear(cx, &mut self.server).is_ready();

        // Who got a Close frame has its turn to answer before the stream is shut down. Who got
        // none, or broke the protocol so that its answer couldn't be found, is shut down at once
        // and then has time to go: closing earlier would reset the stream under the Close frame.
        let answers = self.to_client.has_told() && !self.to_server.is_deaf();
        if told_client && (heard_client || !answers) && !parting.client_shut {
            parting.client_shut = Pin::new(&mut self.client.stream).poll_shutdown(cx).is_ready();
        }
        let answers = self.to_server.has_told() && !self.to_client.is_deaf();
        if told_server && (heard_server || !answers) && !parting.server_shut {
            parting.server_shut = Pin::new(&mut self.server.stream).poll_shutdown(cx).is_ready();
        }
        if parting.client_shut && parting.server_shut && heard_client && heard_server {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}
