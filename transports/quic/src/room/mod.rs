//! A room: one connection to the guarded server, shared by the connections of a workspace. Each
//! joins with its first stream; whoever holds the lease writes, and all of them hear.

mod fan;
mod line;

use std::sync::Arc;
use std::time::Duration;

use doorward_gate::LiveConnection;
use doorward_gate::rooms::{Found, Links, RoomPlace};
use doorward_policy::capability::Capabilities;
use doorward_policy::denial::{Denial, Outage};
use futures_util::future::{self, Either};
use quinn::{RecvStream, SendStream, VarInt};
use tokio::time::timeout;

use self::fan::{End, Next, Seat};
use self::line::{Line, Wrote};
use crate::answer::{BAD_GATEWAY, DONE, code};
use crate::echo::stopped;
use crate::forward::{MOST, give_up, with_next};
use crate::listener::Shared;
use crate::upstream::Upstream;

/// How long a connection waits for another one to open the room's.
const PATIENCE: Duration = Duration::from_secs(5);
/// A stream's own code, where the connection has joined its room already: 4000 and HTTP's 409.
const JOINED: VarInt = VarInt::from_u32(4409);
/// What a follower that writes is refused with, and hears on.
const NOT_OWNER: Denial = Denial::CapabilityLacking(Capabilities::OPERATE);
/// What whoever doesn't keep up is refused with.
const TOO_SLOW: Denial = Denial::Unavailable(Outage::Full);

/// The rooms' connections to the guarded server.
pub(crate) type Lines = Links<Arc<Line>>;

/// A connection in a room.
pub(crate) struct Member {
    pub(crate) place: Arc<RoomPlace>,
    pub(crate) live: Arc<LiveConnection>,
}

/// What a stream that has joined a room came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Joined {
    /// It has ended, and was told how.
    Over,
    /// There is nothing to join, and it isn't this connection's to open.
    Empty,
}

/// Refuses a stream that would join a second time.
pub(crate) fn refuse((mut send, mut receive): (SendStream, RecvStream)) {
    give_up(&mut send, &mut receive, JOINED);
}

/// Carries a connection's first stream as its place in the room, until the guarded server or the
/// client ends it.
pub(crate) async fn join(
    shared: Arc<Shared>,
    upstream: Upstream,
    Member { place, live }: Member,
    (mut send, mut receive): (SendStream, RecvStream),
) -> Joined {
    let (line, seat) = match line_of(&shared, &upstream, &place).await {
        Ok(found) => found,
        Err(NoLine::Empty) => {
            give_up(&mut send, &mut receive, code(Denial::Unavailable(Outage::RoomEmpty)));
            return Joined::Empty;
        }
        Err(NoLine::Unreachable) => {
            give_up(&mut send, &mut receive, BAD_GATEWAY);
            return Joined::Over;
        }
    };
    let result = {
        let said = Box::pin(say(&line, &place, &live, &mut receive));
        let heard = Box::pin(hear(&seat, &mut send));
        // Who has nothing more to say still hears.
        match future::select(said, heard).await {
            Either::Left(((), heard)) => heard.await,
            Either::Right((result, _said)) => result,
        }
    };
    match result {
        Ok(()) => {
            let _result = receive.stop(DONE);
        }
        Err(code) => give_up(&mut send, &mut receive, code),
    }
    Joined::Over
}

/// Why there is nothing to join.
enum NoLine {
    Empty,
    Unreachable,
}

/// The room's connection to the guarded server, opened if it is this member's to open, and a seat
/// at it.
async fn line_of(
    shared: &Arc<Shared>,
    upstream: &Upstream,
    place: &RoomPlace,
) -> Result<(Arc<Line>, Seat), NoLine> {
    let found = timeout(PATIENCE, shared.lines.find(place)).await;
    match found.unwrap_or(Found::Nothing) {
        Found::Open(line) => {
            let seat = line.sit();
            Ok((line, seat))
        }
        Found::Nothing => Err(NoLine::Empty),
        Found::Yours(opening) => {
            let link = upstream.connect().await.map_err(|error| {
                tracing::warn!(%upstream, %error, "the guarded server is unreachable");
                NoLine::Unreachable
            })?;
            let line = Arc::new(Line::new(link));
            // Before anything is read: what the server says first is for whoever has opened it.
            let seat = line.sit();
            opening.opened(Arc::clone(&line));
            let (over, shared) = (place.over(), Arc::clone(shared));
            let ended = async move {
                tokio::select! {
                    () = over => End::Broken,
                    () = shared.drained() => End::Away,
                }
            };
            tokio::spawn(line::keep(Arc::clone(&line), opening, ended));
            Ok((line, seat))
        }
    }
}

/// Passes on what the client says for as long as it may write. Then it is told to stop, and hears
/// on.
async fn say(line: &Line, place: &RoomPlace, live: &LiveConnection, receive: &mut RecvStream) {
    let pen = place.pen();
    let mut owner = place.owner();
    let key = place.member().key;
    // A client that resets its side says nothing more, like one that finishes it.
    while let Ok(Some(chunk)) = receive.read_chunk(MOST, true).await {
        let Ok(chunks) = with_next(chunk.bytes, receive) else { return };
        live.touch();
        let wrote = tokio::select! {
            biased;
            // Whoever has lost the lease is cut off, even while the guarded server takes nothing.
            _lost = owner.wait_for(|owner| *owner != Some(key)) => Wrote::Refused,
            wrote = line.write(&pen, chunks) => wrote,
        };
        match wrote {
            Wrote::All => {}
            Wrote::Refused => {
                let _result = receive.stop(code(NOT_OWNER));
                return;
            }
            // Whoever listens to it is told.
            Wrote::Failed => return,
        }
    }
}

/// Sends the client what the guarded server says, until it has said all; else why not, as a code.
async fn hear(seat: &Seat, send: &mut SendStream) -> Result<(), VarInt> {
    loop {
        let next = tokio::select! {
            next = seat.next() => next,
            gone = send.stopped() => return Err(gone.ok().flatten().unwrap_or(DONE)),
        };
        let bytes = match next {
            Next::Bytes(bytes) => bytes,
            Next::End(End::Finished) => {
                // Closed already is as good as finished.
                let _result = send.finish();
                return Ok(());
            }
            Next::End(End::Broken) => return Err(BAD_GATEWAY),
            Next::End(End::Away) => return Err(code(Denial::Unavailable(Outage::Draining))),
            Next::TooSlow => return Err(code(TOO_SLOW)),
        };
        tokio::select! {
            biased;
            written = send.write_chunk(bytes) => written.map_err(|error| stopped(&error))?,
            () = seat.too_slow() => return Err(code(TOO_SLOW)),
        }
    }
}
