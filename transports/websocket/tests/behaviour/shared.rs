//! A connection that clients share.

mod endings;
mod fairness;
mod writing;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use doorward_websocket::{CloseReason, Limits, Opened, Shared, SharedLimits, Summary, share};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex,
};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tungstenite::protocol::{Message, Role};

use crate::support::{
    BINARY, CONTINUE, FIN, GOODBYE, PING, PONG, TEXT, clear, masked, soon, until, websocket,
};

/// What a pipe holds that is never full in a test.
const WIDE: usize = 1 << 22;

/// The guarded server's end of a shared connection, and what clients join by.
struct Room {
    server: DuplexStream,
    shared: Shared,
    over: oneshot::Sender<CloseReason>,
    carried: JoinHandle<Summary>,
}

/// A client of it.
struct Member {
    client: WebSocketStream<DuplexStream>,
    may_write: Arc<AtomicBool>,
    end: oneshot::Sender<CloseReason>,
    carried: JoinHandle<Summary>,
}

fn limits() -> SharedLimits {
    SharedLimits {
        messages: Limits { goodbye: GOODBYE, ..Limits::default() },
        ..SharedLimits::default()
    }
}

fn room(width: usize) -> Room {
    room_with(width, limits())
}

fn room_with(width: usize, limits: SharedLimits) -> Room {
    let (server, near) = duplex(width);
    let (over, ended) = oneshot::channel();
    let (shared, carry) = share(Opened::new(near), limits, until(ended));
    Room { server, shared, over, carried: tokio::spawn(carry) }
}

impl Room {
    async fn owner(&self, width: usize) -> Member {
        self.member(width, true).await
    }

    async fn follower(&self, width: usize) -> Member {
        self.member(width, false).await
    }

    async fn member(&self, width: usize, may_write: bool) -> Member {
        let (client, near) = duplex(width);
        let (end, ended) = oneshot::channel();
        let may_write = Arc::new(AtomicBool::new(may_write));
        let asked = Arc::clone(&may_write);
        let permission = move || asked.load(Ordering::SeqCst);
        let carry = self.shared.join(Opened::new(near), permission, until(ended));
        let client = websocket(client, Role::Client).await;
        Member { client, may_write, end, carried: tokio::spawn(carry) }
    }

    async fn say(&mut self, frame: &[u8]) {
        self.server.write_all(frame).await.expect("the server's side is there");
    }

    /// The server, with a library of its own.
    async fn server(self) -> WebSocketStream<DuplexStream> {
        websocket(self.server, Role::Server).await
    }
}

impl Member {
    async fn hear(&mut self) -> Message {
        hear(&mut self.client).await
    }

    async fn say(&mut self, text: &str) {
        self.client.send(Message::text(text)).await.expect("carried");
    }
}

/// All that can happen has happened. Where time is paused, it passes only then.
async fn settled() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

async fn hear(socket: &mut WebSocketStream<DuplexStream>) -> Message {
    soon(socket.next()).await.expect("a message").expect("lawful")
}

#[tokio::test]
async fn what_the_server_says_reaches_everybody() {
    let mut room = room(64);
    let mut members = [room.owner(64).await, room.follower(WIDE).await, room.follower(7).await];
    let said: [(u8, Vec<u8>); 6] = [
        (TEXT, b"hello".to_vec()),
        (TEXT, b"".to_vec()),
        (BINARY, vec![0, 255]),
        (TEXT, "\u{fc}".repeat(3_000).into_bytes()),
        (BINARY, vec![3; 4096]),
        (BINARY, vec![4; 10_000]),
    ];
    let frames: Vec<u8> =
        said.iter().flat_map(|(opcode, payload)| clear(FIN | opcode, payload)).collect();
    let say = async { room.server.write_all(&frames).await.expect("carried") };
    let hear_all = futures_util::future::join_all(members.iter_mut().map(async |member| {
        for (opcode, payload) in &said {
            let heard = member.hear().await;
            assert_eq!(heard.is_text(), *opcode == TEXT);
            assert!(heard.into_data() == payload[..]);
        }
    }));
    tokio::join!(say, hear_all);
}

#[tokio::test]
async fn fragments_arrive_as_one_message() {
    let mut room = room(WIDE);
    let mut member = room.follower(WIDE).await;
    let parts = [clear(TEXT, b"in "), clear(FIN | PING, b""), clear(CONTINUE, b"three ")];
    room.say(&[parts.concat(), clear(FIN | CONTINUE, b"go")].concat()).await;
    assert_eq!(member.hear().await, Message::text("in three go"));
}

#[tokio::test]
async fn what_is_said_before_anybody_is_there_is_for_the_first() {
    let mut room = room(WIDE);
    room.say(&clear(FIN | TEXT, b"welcome")).await;
    tokio::task::yield_now().await;
    let mut first = room.owner(WIDE).await;
    assert_eq!(first.hear().await, Message::text("welcome"));
    let mut second = room.follower(WIDE).await;
    room.say(&clear(FIN | TEXT, b"to both")).await;
    assert_eq!(first.hear().await, Message::text("to both"));
    assert_eq!(second.hear().await, Message::text("to both"));
}

#[tokio::test]
async fn the_server_outlives_its_clients() {
    let mut room = room(WIDE);
    let mut first = room.owner(WIDE).await;
    room.say(&clear(FIN | TEXT, b"1")).await;
    assert_eq!(first.hear().await, Message::text("1"));
    drop(first.client);
    soon(first.carried).await.expect("no panic");
    // Nobody is there for this one. The ping is answered once it has been taken.
    room.say(&[clear(FIN | TEXT, b"2"), clear(FIN | PING, b"")].concat()).await;
    let mut server = websocket(room.server, Role::Server).await;
    assert!(hear(&mut server).await.is_pong());
    let (client, near) = duplex(WIDE);
    tokio::spawn(room.shared.join(Opened::new(near), || true, std::future::pending()));
    server.send(Message::text("3")).await.expect("carried");
    let mut second = websocket(client, Role::Client).await;
    assert_eq!(hear(&mut second).await, Message::text("3"));
}

#[tokio::test]
async fn a_seat_misses_nothing_that_is_said_before_its_client_is_there() {
    let mut room = room(WIDE);
    let mut first = room.owner(WIDE).await;
    let seat = room.shared.sit(|| false);
    room.say(&clear(FIN | TEXT, b"1")).await;
    assert_eq!(first.hear().await, Message::text("1"));
    let (client, near) = duplex(WIDE);
    tokio::spawn(seat.carry(Opened::new(near), std::future::pending()));
    let mut client = websocket(client, Role::Client).await;
    assert_eq!(hear(&mut client).await, Message::text("1"));
}

/// A stream that takes one byte at a time, and every other time none.
struct Stuttering {
    stream: DuplexStream,
    takes: bool,
}

impl AsyncRead for Stuttering {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stuttering {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.takes = !self.takes;
        if self.takes {
            return Pin::new(&mut self.stream).poll_write(cx, &bytes[..1]);
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[tokio::test]
async fn a_ping_that_comes_while_a_message_goes_out_is_answered_behind_it() {
    let mut room = room(WIDE);
    let (mut client, stream) = duplex(WIDE);
    let near = Opened::new(Stuttering { stream, takes: false });
    tokio::spawn(room.shared.join(near, || false, std::future::pending()));
    room.say(&clear(FIN | BINARY, &[5; 5_000])).await;
    // Its beginning.
    client.read_u8().await.expect("carried");
    client.write_all(&masked(FIN | PING, b"there?")).await.expect("carried");
    let expected = [clear(FIN | BINARY, &[5; 5_000]), clear(FIN | PONG, b"there?")].concat();
    let mut got = vec![0; expected.len() - 1];
    soon(client.read_exact(&mut got)).await.expect("carried");
    assert!(got == expected[1..]);
}
