//! Streams whose handshake is over, and reading them without a buffer.

use std::cell::Cell;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::mem::{self, MaybeUninit};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, ReadBuf};

/// Bytes that one read of a relay takes.
const SCRATCH: usize = 128 * 1024;
/// Addresses that differ by this much end alike, and a processor takes a load from one for a load of what was just
/// stored at the other, until it has looked closer (4K aliasing).
const PAGE: usize = 4096;
/// Where in a page those bytes go. The kernel copies what came in long messages from the beginning of pages. Large
/// allocations of glibc's begin 16 bytes behind that of a page, where each load then follows a store that it seems to
/// depend on. Half a page apart, 64 KiB messages took a sixth less CPU on an x86-64 server (`benches/report --only load`).
const MIDDLE: usize = PAGE / 2;
/// Reads in one poll before others get their turn.
pub(crate) const TURNS: usize = 4;

thread_local! {
    /// Empty, and without memory until a thread's first read.
    static ROOM: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Has `read` read into room that all connections of a thread share, so that none is held while a
/// connection waits. It is never initialised, and too much for every poll to find on its stack.
pub(crate) fn with_scratch<T>(read: impl FnOnce(&mut [MaybeUninit<u8>]) -> T) -> T {
    let mut scratch = ROOM.take();
    scratch.reserve_exact(PAGE + SCRATCH);
    let room = scratch.spare_capacity_mut();
    let skipped = MIDDLE.wrapping_sub(room.as_ptr().addr()) % PAGE;
    let done = read(&mut room[skipped..][..SCRATCH]);
    ROOM.set(scratch);
    done
}

/// A stream that has finished its upgrade, with what was read beyond the handshake.
#[derive(Debug)]
pub struct Opened<S> {
    /// The stream.
    pub stream: S,
    /// Bytes that were read from it already and come first.
    pub read: Bytes,
    activity: Activity,
}

/// Whom to tell that the other end has said something.
#[derive(Default)]
pub(crate) struct Activity(Option<Box<dyn Fn() + Send + Sync>>);

impl Activity {
    pub(crate) fn note(&self) {
        if let Some(tell) = &self.0 {
            tell();
        }
    }
}

impl fmt::Debug for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Activity").field(&self.0.is_some()).finish()
    }
}

impl<S> Opened<S> {
    /// A stream of which nothing was read beyond the handshake.
    pub const fn new(stream: S) -> Self {
        Self::with_read(stream, Bytes::new())
    }

    /// A stream of which `read` was read beyond the handshake.
    pub const fn with_read(stream: S, read: Bytes) -> Self {
        Self { stream, read, activity: Activity(None) }
    }

    /// The same stream; [`relay`](crate::relay) and [`echo`](crate::echo) call `tell`, which should
    /// cost little, whenever a part of a message has come on it. Pings, pongs and a Close frame,
    /// which nobody need have asked for, are none.
    #[must_use]
    pub fn noting(self, tell: impl Fn() + Send + Sync + 'static) -> Self {
        Self { activity: Activity(Some(Box::new(tell))), ..self }
    }

    pub(crate) fn take_activity(&mut self) -> Activity {
        mem::take(&mut self.activity)
    }

    pub(crate) fn note_activity(&self) {
        self.activity.note();
    }
}

impl<S: AsyncRead + Unpin> Opened<S> {
    /// Reads once. Returns how much came; 0 at the end of the stream or if there is no room.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<usize>> {
        let before = buf.filled().len();
        if self.read.is_empty() {
            ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        } else {
            let here = self.read.len().min(buf.remaining());
            buf.put_slice(&self.read[..here]);
            self.read.advance(here);
            if self.read.is_empty() {
                // An empty `Bytes` would still hold what it was cut from.
                self.read = Bytes::new();
            }
        }
        Poll::Ready(Ok(buf.filled().len() - before))
    }

    /// Reads and drops what comes, until the end of the stream.
    pub(crate) async fn drain(&mut self) {
        poll_fn(|cx| {
            for _ in 0..TURNS {
                let read = with_scratch(|room| self.poll_read(cx, &mut ReadBuf::uninit(room)));
                if !matches!(ready!(read), Ok(1..)) {
                    return Poll::Ready(());
                }
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_goes_to_the_middle_of_a_page_and_whole() {
        with_scratch(|room| {
            assert_eq!(room.as_ptr().addr() % PAGE, MIDDLE);
            assert_eq!(room.len(), SCRATCH);
        });
    }
}
