//! Peers that never have to be waited for, beside others on the same thread.

use std::cell::Cell;
use std::future::pending;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake};

use doorward_websocket::{CloseReason, Limits, Opened, echo, relay};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::support::{BINARY, FIN, clear, masked, revoked};

/// Both directions of a relay together, in a poll that carries and then parts.
const MOST: usize = 2 << 20;

/// Sends one frame over and over, and takes whatever it is sent.
struct Tireless {
    frame: Vec<u8>,
    at: usize,
    sent: Rc<Cell<usize>>,
}

impl AsyncRead for Tireless {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.sent.set(self.sent.get() + buf.remaining());
        assert!(self.sent.get() <= MOST, "nobody else gets a turn");
        while buf.remaining() > 0 {
            let rest = &self.frame[self.at..];
            let here = rest.len().min(buf.remaining());
            buf.put_slice(&rest[..here]);
            self.at = (self.at + here) % self.frame.len();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tireless {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// However often it is polled, it reads so much and comes back for more.
fn takes_turns(carried: impl Future, sent: &Cell<usize>) {
    let mut carried = pin!(carried);
    let woken = Arc::new(Woken::default());
    for _ in 0..3 {
        let waker = Arc::clone(&woken).into();
        sent.set(0);
        woken.0.store(0, Ordering::Relaxed);
        assert!(carried.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        assert!((1..=MOST).contains(&sent.get()), "{}", sent.get());
        assert!(woken.0.load(Ordering::Relaxed) > 0);
    }
}

async fn in_the_second_poll() -> CloseReason {
    tokio::task::yield_now().await;
    revoked()
}

#[tokio::test]
async fn peers_that_never_pause_let_others_have_their_turn() {
    let sent = Rc::default();
    let tireless = |frame| Opened::new(Tireless { frame, at: 0, sent: Rc::clone(&sent) });
    let client = || tireless(masked(FIN | BINARY, &[0; 5_000]));
    let server = || tireless(clear(FIN | BINARY, &[0; 5_000]));
    takes_turns(relay(client(), server(), Limits::default(), pending()), &sent);
    // One in whose frame the end comes, which is finished first.
    let long = tireless(clear(FIN | BINARY, &[0; 8 << 20]));
    takes_turns(relay(client(), long, Limits::default(), in_the_second_poll()), &sent);
    // Those that broke the rules, and are heard out.
    takes_turns(relay(server(), client(), Limits::default(), pending()), &sent);
    takes_turns(echo(server(), Limits::default(), pending()), &sent);
}
