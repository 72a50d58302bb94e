//! Reads the first head of a connection before hyper does, and only ever refuses.
//!
//! What is read is handed to hyper unchanged: one parser decides.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes, BytesMut};
use doorward_policy::denial::Denial;
use doorward_policy::head::{HeadScanner, Progress};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

use crate::sockets::Stream;

/// How much is read at once.
const READ: usize = 1024;

/// How the first head of a connection turned out.
pub(crate) enum FirstHead {
    /// It is complete; these bytes have been read.
    Complete(Bytes),
    /// It can't become a head that is read in exactly one way.
    Refused(Denial),
    /// The connection ended before it was complete.
    Gone,
}

/// Reads until the first head is complete. Each read is looked at once, and at most one read's worth
/// is kept beyond the bound on a head.
///
/// `arrived` tells the caller, should it lose its patience, whether anything came at all.
pub(crate) async fn first_head(
    stream: &mut (impl AsyncRead + Unpin),
    arrived: &mut bool,
) -> FirstHead {
    let mut scanner = HeadScanner::default();
    let mut buffer = BytesMut::new();
    loop {
        // Few reads for a long head, and little memory for a short one.
        buffer.reserve(READ);
        match stream.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => return FirstHead::Gone,
            Ok(_) => *arrived = true,
        }
        //= req: HTTP-4
        match scanner.scan(&buffer) {
            Ok(Progress::More) => {}
            Ok(Progress::Complete(_)) => return FirstHead::Complete(buffer.freeze()),
            Err(denial) => return FirstHead::Refused(denial),
        }
    }
}

/// A stream that begins with bytes that were read from it before; the stream itself where there are none.
pub(crate) fn prefixed(prefix: Bytes, stream: Stream) -> Stream {
    if prefix.is_empty() { stream } else { Box::new(Prefixed::new(prefix, stream)) }
}

/// A stream that begins with bytes that were read from it before.
#[derive(Debug)]
pub(crate) struct Prefixed<S> {
    prefix: Bytes,
    stream: S,
}

impl<S> Prefixed<S> {
    pub(crate) const fn new(prefix: Bytes, stream: S) -> Self {
        Self { prefix, stream }
    }

    /// The stream itself, if all that was read before has been taken.
    pub(crate) fn into_plain(self) -> Result<S, Self> {
        if self.prefix.is_empty() { Ok(self.stream) } else { Err(self) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Prefixed<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.prefix.is_empty() {
            return Pin::new(&mut this.stream).poll_read(cx, buf);
        }
        let length = this.prefix.len().min(buf.remaining());
        buf.put_slice(&this.prefix[..length]);
        this.prefix.advance(length);
        if this.prefix.is_empty() {
            // An empty slice would keep the whole of what was read alive.
            this.prefix = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Prefixed<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
