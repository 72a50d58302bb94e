//! A WebSocket end point that gives its memory back.
//!
//! tungstenite's read buffer grows to the longest message that it ever held, and its write buffer
//! likewise; neither shrinks. Replacing the WebSocket by a new one over the same stream frees both,
//! but would lose whatever the old one had read beyond the message that it returned. [`Frugal`]
//! sits below and never lets it read beyond: no read delivers bytes of more than one frame, and
//! tungstenite reads only while its frame is incomplete, so when it returns a message its read
//! buffer is empty.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::SinkExt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tungstenite::protocol::{Role, WebSocketConfig};

use crate::frames::{FrameScanner, MAX_CONTROL, MAX_HEADER, Peer, Violation};
use crate::opened::Opened;

/// tungstenite's read buffer, which it holds all the time. Longer messages come in reads of this
/// size.
pub(crate) const READ_BUFFER: usize = 2048;

/// Bytes that one read takes at the beginning of a frame; those beyond its end are kept.
const READ: usize = 16 * 1024;

/// A stream below a WebSocket, whose reads end where frames end.
///
/// What breaks the protocol or exceeds the limit is not delivered: the read fails with a
/// [`Violation`] inside an error of kind `InvalidData`. After a Close frame, whatever follows is
/// dropped.
#[derive(Debug)]
pub struct Frugal<S> {
    inner: Opened<S>,
    from: Peer,
    limit: usize,
    /// The longest message that is written.
    longest: usize,
    scanner: FrameScanner,
    /// Read and not delivered yet. Without memory while it is empty.
    stash: Vec<u8>,
    delivered: usize,
    /// Bytes of the stash that belong to the current frame and were judged.
    granted: usize,
    read: u64,
    written: u64,
}

impl<S> Frugal<S> {
    /// Over a stream on which `from` sends messages of at most `limit` bytes.
    pub const fn new(inner: Opened<S>, from: Peer, limit: usize) -> Self {
        Self {
            inner,
            from,
            limit,
            longest: limit,
            scanner: FrameScanner::new(from, limit as u64),
            stash: Vec::new(),
            delivered: 0,
            granted: 0,
            read: 0,
            written: 0,
        }
    }

    /// The same, where the longest message that the WebSocket above writes has `longest` bytes. It
    /// is as long as those that are read, unless stated.
    #[must_use]
    pub const fn writing(mut self, longest: usize) -> Self {
        self.longest = longest;
        self
    }

    /// Where in the frames that it receives it is, and what was wrong with them.
    #[must_use]
    pub const fn scanner(&self) -> &FrameScanner {
        &self.scanner
    }

    /// Bytes delivered so far.
    #[must_use]
    pub const fn bytes_read(&self) -> u64 {
        self.read
    }

    /// Bytes written so far.
    #[must_use]
    pub const fn bytes_written(&self) -> u64 {
        self.written
    }

    /// The stream. Bytes that were read from it and not delivered are lost.
    pub fn into_inner(self) -> S {
        self.inner.stream
    }

    fn config(&self) -> WebSocketConfig {
        let overhead = 2 * (MAX_HEADER + MAX_CONTROL as usize) + MAX_HEADER;
        WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            // One message under way, a pong and a Close frame behind it.
            .max_write_buffer_size(self.longest.saturating_add(overhead))
            .max_message_size(Some(self.limit))
            .max_frame_size(Some(self.limit))
    }

    const fn role(&self) -> Role {
        match self.from {
            Peer::Client => Role::Server,
            Peer::Server => Role::Client,
        }
    }

    /// Whether all that was delivered are whole messages, so that the reader holds none of them.
    fn between_messages(&self) -> bool {
        self.granted == 0 && self.scanner.between_messages() && !self.scanner.has_halted()
    }

    /// Delivers what may be delivered of the stash. `false` if nothing may.
    fn deliver(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        if self.granted == 0 {
            self.granted = self.scanner.step(&self.stash[self.delivered..]);
        }
        let here = self.granted.min(buf.remaining());
        if here == 0 {
            return false;
        }
        buf.put_slice(&self.stash[self.delivered..self.delivered + here]);
        self.delivered += here;
        self.granted -= here;
        self.read += here as u64;
        if self.delivered == self.stash.len() {
            self.stash = Vec::new();
            self.delivered = 0;
        }
        true
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Frugal<S> {
    /// The WebSocket over this stream; its role is the one that `from` talks to.
    pub async fn into_websocket(self) -> WebSocketStream<Self> {
        let (role, config) = (self.role(), self.config());
        WebSocketStream::from_raw_socket(self, role, Some(config)).await
    }
}

/// Gives back what a WebSocket's buffers have grown to, by replacing it by a new one over the same
/// stream.
///
/// The WebSocket comes back as it was where a new one would lose something: while what it wrote
/// can't be flushed, in the middle of an incoming frame or fragmented message, and after a Close
/// frame came. Not to be called after a Close frame was sent: the new WebSocket wouldn't know.
pub async fn shrink<S>(mut socket: WebSocketStream<Frugal<S>>) -> WebSocketStream<Frugal<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if socket.flush().await.is_err() {
        return socket;
    }
    renew(socket).await
}

/// The same for a WebSocket that has written all that it was given. Resolves at once.
pub(crate) async fn renew<S>(socket: WebSocketStream<Frugal<S>>) -> WebSocketStream<Frugal<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if !socket.get_ref().between_messages() {
        return socket;
    }
    socket.into_inner().into_websocket().await
}

impl<S: AsyncRead + Unpin> AsyncRead for Frugal<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            if this.deliver(buf) {
                return Poll::Ready(Ok(()));
            }
            if let Some(violation) = this.scanner.violation() {
                return Poll::Ready(Err(invalid(violation)));
            }
            if !this.scanner.at_boundary() {
                return this.poll_payload(cx, buf);
            }
            // The stash is empty or holds the beginning of a header; after a Close frame it holds
            // what nobody wants.
            let mut room = [MaybeUninit::uninit(); READ];
            let mut fresh = ReadBuf::uninit(&mut room);
            if this.scanner.close().is_none() {
                fresh.put_slice(&this.stash[this.delivered..]);
            }
            if ready!(this.inner.poll_read(cx, &mut fresh))? == 0 {
                return Poll::Ready(Ok(()));
            }
            this.delivered = 0;
            this.stash =
                if this.scanner.close().is_none() { fresh.filled().to_vec() } else { Vec::new() };
        }
    }
}

impl<S: AsyncRead + Unpin> Frugal<S> {
    /// Reads payload of the current frame straight to where it is wanted.
    fn poll_payload(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let rest = usize::try_from(self.scanner.remaining()).unwrap_or(usize::MAX);
        let wanted = rest.min(buf.remaining());
        let mut part = ReadBuf::new(buf.initialize_unfilled_to(wanted));
        let came = ready!(self.inner.poll_read(cx, &mut part))?;
        let passed = self.scanner.step(part.filled());
        debug_assert_eq!(passed, came, "all of it is payload");
        buf.advance(came);
        self.read += came as u64;
        Poll::Ready(Ok(()))
    }
}

fn invalid(violation: Violation) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, violation)
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Frugal<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let taken = ready!(Pin::new(&mut self.inner.stream).poll_write(cx, bytes))?;
        self.written += taken as u64;
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, duplex};

    use super::*;

    #[tokio::test]
    async fn a_frame_that_was_judged_and_not_delivered_is_no_place_to_stop() {
        let (_peer, stream) = duplex(1);
        let opened = Opened::with_read(stream, bytes::Bytes::from_static(b"\x82\x02ab"));
        let mut frugal = Frugal::new(opened, Peer::Server, 2);
        assert!(frugal.between_messages());
        for left in (0..4).rev() {
            frugal.read_exact(&mut [0]).await.expect("lawful");
            assert_eq!(frugal.between_messages(), left == 0);
        }
    }
}
