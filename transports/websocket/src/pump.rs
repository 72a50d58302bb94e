//! One direction of a relay: what one end sends, watched by a [`FrameScanner`], to the other.

use std::io::{ErrorKind, Result};
use std::mem::{self, MaybeUninit};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::ending::CloseReason;
use crate::frames::{FrameScanner, MAX_HEADER, Peer, Violation};
use crate::opened::{Opened, TURNS, with_scratch};

/// Why a direction carries nothing any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The sender's Close frame was passed on.
    Closed(Option<u16>),
    /// The sender's stream ended, and the receiver's was told.
    Eof,
    /// The sender's stream broke.
    ReadFailed(ErrorKind),
    /// The receiver's stream broke.
    WriteFailed(ErrorKind),
    /// The sender sent what may not be sent; all that came before was passed on.
    Violation(Violation),
}

/// How far a goodbye to the receiver has come.
#[derive(Debug)]
enum Goodbye {
    /// To be written when the rest of a frame has been passed on.
    AfterFrame(Bytes),
    /// To be written.
    Due(Bytes),
    /// Being written, or there is nothing to say.
    Said,
}

/// One direction. At any time it holds at most one read's worth of bytes that the receiver
/// hasn't taken; while it does, it doesn't read on.
#[derive(Debug)]
pub(crate) struct Pump {
    from: Peer,
    scanner: FrameScanner,
    /// The beginning of a header.
    held: [u8; MAX_HEADER],
    held_len: usize,
    /// Judged and not taken by the receiver yet. Empty, and without memory, while all is taken.
    pending: Bytes,
    /// Whether the receiver's stream may be keeping bytes to itself.
    unflushed: bool,
    passed: u64,
    /// Whether what is written is the sender's, and no goodbye of ours.
    counting: bool,
    /// What the last read told, to be answered when all before it is written.
    stopping: Option<Stop>,
    stop: Option<Stop>,
    goodbye: Goodbye,
    /// Whether nothing that the sender might still say is of interest.
    heard: bool,
    /// Whether the receiver was given a Close frame, the sender's or a goodbye.
    told: bool,
}

impl Pump {
    pub(crate) const fn new(from: Peer, limit: u64) -> Self {
        Self {
            from,
            scanner: FrameScanner::new(from, limit),
            held: [0; MAX_HEADER],
            held_len: 0,
            pending: Bytes::new(),
            unflushed: false,
            passed: 0,
            counting: true,
            stopping: None,
            stop: None,
            goodbye: Goodbye::Said,
            heard: false,
            told: false,
        }
    }

    /// Bytes that the receiver's stream has taken, but for a goodbye.
    pub(crate) const fn passed(&self) -> u64 {
        self.passed
    }

    /// Whether the receiver was given a Close frame, and so may answer with one.
    pub(crate) const fn has_told(&self) -> bool {
        self.told
    }

    /// Whether the sender broke the protocol, so that no Close frame of its will be recognised.
    pub(crate) const fn is_deaf(&self) -> bool {
        self.scanner.violation().is_some()
    }

    /// Why it stopped, or will when all that came before is written.
    pub(crate) fn stopping(&self) -> Option<Stop> {
        self.stop.or(self.stopping)
    }

    /// Carries bytes until the direction stops. Then, and when polled again, it says why.
    pub(crate) fn poll_carry<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut Opened<R>,
        writer: &mut W,
    ) -> Poll<Stop>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        if let Some(stop) = self.stop {
            return Poll::Ready(stop);
        }
        for _ in 0..TURNS {
            match self.poll_turn(cx, reader, writer) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(None)) => {}
                Poll::Ready(Ok(Some(stop))) => return self.stopped(stop),
                Poll::Ready(Err(error)) => return self.stopped(Stop::WriteFailed(error.kind())),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn stopped(&mut self, stop: Stop) -> Poll<Stop> {
        self.stop = Some(stop);
        self.heard = matches!(stop, Stop::Closed(_) | Stop::Eof | Stop::ReadFailed(_));
        Poll::Ready(stop)
    }

    /// One read and what comes of it. Errors are the writer's.
    fn poll_turn<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut Opened<R>,
        writer: &mut W,
    ) -> Poll<Result<Option<Stop>>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        ready!(self.poll_drain(cx, writer))?;
        if let Some(stop) = self.stopping {
            if matches!(stop, Stop::Eof | Stop::ReadFailed(_)) {
                ready!(Pin::new(&mut *writer).poll_shutdown(cx))?;
            } else {
                ready!(self.poll_flush(cx, writer))?;
            }
            return Poll::Ready(Ok(Some(stop)));
        }

        with_scratch(|room| self.poll_pass(cx, reader, writer, room)).map_ok(|()| None)
    }

    /// Reads once, and passes on what may be.
    fn poll_pass<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut Opened<R>,
        writer: &mut W,
        room: &mut [MaybeUninit<u8>],
    ) -> Poll<Result<()>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let mut buf = self.recall(room);
        match reader.poll_read(cx, &mut buf) {
            Poll::Pending => {
                let _ = self.poll_flush(cx, writer)?;
                return Poll::Pending;
            }
            Poll::Ready(Ok(0)) => self.stopping = Some(Stop::Eof),
            Poll::Ready(Err(error)) => self.stopping = Some(Stop::ReadFailed(error.kind())),
            Poll::Ready(Ok(_)) => {
                let read = buf.filled();
                let pass = self.scanner.scan(read);
                if self.scanner.take_message_passed() {
                    reader.note_activity();
                }
                self.hold(&read[pass..]);
                self.stopping = match (self.scanner.close(), self.scanner.violation()) {
                    (Some(close), _) => Some(Stop::Closed(close.code)),
                    (None, Some(violation)) => Some(Stop::Violation(violation)),
                    (None, None) => None,
                };
                self.write(cx, writer, &read[..pass])?;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// From here on the sender isn't listened to, except that it may finish a frame under way if
    /// `finish` says so. The receiver is told `reason`, if it is in a state to be told.
    pub(crate) fn say_goodbye(&mut self, reason: Option<&CloseReason>, finish: bool) {
        self.heard |= self.scanner.close().is_some();
        self.told = self.scanner.close().is_some();
        let writable = match self.stop {
            None | Some(Stop::Violation(_)) => self.scanner.close().is_none(),
            Some(Stop::Closed(_) | Stop::Eof | Stop::ReadFailed(_) | Stop::WriteFailed(_)) => false,
        };
        self.goodbye = match reason.map(|reason| reason.encode(self.from)) {
            Some(frame) if writable && self.scanner.at_boundary() => Goodbye::Due(frame),
            Some(frame) if writable && finish => Goodbye::AfterFrame(frame),
            _ => Goodbye::Said,
        };
    }

    /// Writes what is left to write, the goodbye last. Errors end it.
    pub(crate) fn poll_goodbye<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut Opened<R>,
        writer: &mut W,
    ) -> Poll<()>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        for _ in 0..TURNS {
            if ready!(self.poll_drain(cx, writer)).is_err() {
                self.goodbye = Goodbye::Said;
                return Poll::Ready(());
            }
            self.goodbye = match mem::replace(&mut self.goodbye, Goodbye::Said) {
                Goodbye::Said => return self.poll_flush(cx, writer).map(drop),
                Goodbye::Due(frame) => {
                    self.counting = false;
                    self.told = true;
                    self.pending = frame;
                    Goodbye::Said
                }
                Goodbye::AfterFrame(frame) => {
                    let rest = with_scratch(|room| self.poll_rest(cx, reader, writer, room, frame));
                    ready!(rest)
                }
            };
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Reads once for the rest of a frame. Returns what is next.
    fn poll_rest<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut Opened<R>,
        writer: &mut W,
        room: &mut [MaybeUninit<u8>],
        frame: Bytes,
    ) -> Poll<Goodbye>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let mut buf = ReadBuf::uninit(room);
        Poll::Ready(match reader.poll_read(cx, &mut buf) {
            Poll::Pending => {
                self.goodbye = Goodbye::AfterFrame(frame);
                let _ = self.poll_flush(cx, writer);
                return Poll::Pending;
            }
            Poll::Ready(Ok(0) | Err(_)) => {
                self.heard = true;
                Goodbye::Said
            }
            Poll::Ready(Ok(_)) => self.finish(cx, writer, buf.filled(), frame),
        })
    }

    /// Passes on the rest of a frame, and no more of what was read.
    fn finish<W>(
        &mut self,
        cx: &mut Context<'_>,
        writer: &mut W,
        read: &[u8],
        frame: Bytes,
    ) -> Goodbye
    where
        W: AsyncWrite + Unpin,
    {
        let pass = self.scanner.step(read);
        let finished = self.scanner.at_boundary();
        let was_close = self.scanner.close().is_some();
        self.told |= was_close;
        self.ignore(&read[pass..]);
        if self.write(cx, writer, &read[..pass]).is_err() || was_close {
            Goodbye::Said
        } else if finished {
            Goodbye::Due(frame)
        } else {
            Goodbye::AfterFrame(frame)
        }
    }

    /// Reads and drops what the sender still sends, until its Close frame or its end.
    pub(crate) fn poll_hear<R>(&mut self, cx: &mut Context<'_>, reader: &mut Opened<R>) -> Poll<()>
    where
        R: AsyncRead + Unpin,
    {
        if matches!(self.goodbye, Goodbye::AfterFrame(_)) {
            // `poll_goodbye` is reading.
            return Poll::Pending;
        }
        for _ in 0..TURNS {
            if self.heard {
                return Poll::Ready(());
            }
            ready!(with_scratch(|room| self.poll_ignore(cx, reader, room)));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Reads once, and drops what came.
    fn poll_ignore<R>(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut Opened<R>,
        room: &mut [MaybeUninit<u8>],
    ) -> Poll<()>
    where
        R: AsyncRead + Unpin,
    {
        let mut buf = self.recall(room);
        match ready!(reader.poll_read(cx, &mut buf)) {
            Ok(0) | Err(_) => self.heard = true,
            Ok(_) => self.ignore(buf.filled()),
        }
        Poll::Ready(())
    }

    /// Looks for a Close frame in what isn't passed on.
    fn ignore(&mut self, read: &[u8]) {
        let pass = self.scanner.scan(read);
        self.hold(&read[pass..]);
        self.heard |= self.scanner.close().is_some();
    }

    /// A buffer that begins with the header bytes that were held back.
    fn recall<'a>(&self, room: &'a mut [MaybeUninit<u8>]) -> ReadBuf<'a> {
        let mut buf = ReadBuf::uninit(room);
        buf.put_slice(&self.held[..self.held_len]);
        buf
    }

    /// Keeps the beginning of a header. After a halt there is nothing to keep.
    fn hold(&mut self, rest: &[u8]) {
        self.held_len = 0;
        if !self.scanner.has_halted()
            && let Some(held) = self.held.get_mut(..rest.len())
        {
            held.copy_from_slice(rest);
            self.held_len = rest.len();
        }
    }

    /// Writes what the receiver takes now and keeps the rest.
    fn write<W>(&mut self, cx: &mut Context<'_>, writer: &mut W, bytes: &[u8]) -> Result<()>
    where
        W: AsyncWrite + Unpin,
    {
        if bytes.is_empty() {
            return Ok(());
        }
        let taken = match Pin::new(writer).poll_write(cx, bytes) {
            Poll::Ready(Ok(0)) => return Err(ErrorKind::WriteZero.into()),
            Poll::Ready(Ok(taken)) => taken,
            Poll::Ready(Err(error)) => return Err(error),
            Poll::Pending => 0,
        };
        self.took(taken);
        if taken < bytes.len() {
            self.pending = Bytes::copy_from_slice(&bytes[taken..]);
        }
        Ok(())
    }

    /// Writes what the receiver hasn't taken yet.
    fn poll_drain<W>(&mut self, cx: &mut Context<'_>, writer: &mut W) -> Poll<Result<()>>
    where
        W: AsyncWrite + Unpin,
    {
        if self.pending.is_empty() {
            return Poll::Ready(Ok(()));
        }
        while !self.pending.is_empty() {
            let taken = ready!(Pin::new(&mut *writer).poll_write(cx, &self.pending))?;
            if taken == 0 {
                return Poll::Ready(Err(ErrorKind::WriteZero.into()));
            }
            self.took(taken);
            self.pending.advance(taken);
        }
        // An empty `Bytes` would still hold the memory of what it was.
        self.pending = Bytes::new();
        Poll::Ready(Ok(()))
    }

    fn took(&mut self, taken: usize) {
        if self.counting {
            self.passed += taken as u64;
        }
        self.unflushed |= taken > 0;
    }

    fn poll_flush<W>(&mut self, cx: &mut Context<'_>, writer: &mut W) -> Poll<Result<()>>
    where
        W: AsyncWrite + Unpin,
    {
        if self.unflushed {
            ready!(Pin::new(writer).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }
}
