//! A message for clients, encoded once and shared by all that it goes to.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::AsyncWrite;
use tungstenite::protocol::Message;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::frames::MAX_HEADER;

/// Up to this length a message is copied behind its header: it goes out in one write, and doesn't
/// keep alive the read buffer that it came in, which may be a hundred times as long.
const SMALL: usize = 4096;
/// What a place in a queue takes besides the message: a queue of empty messages is bounded too.
const OVERHEAD: usize = 128;

/// A frame of a server's, or what is still to be written of one.
#[derive(Clone, Debug, Default)]
pub(super) struct Parcel {
    /// The header, and the payload behind it if it is short.
    head: Bytes,
    /// The payload if it is long.
    body: Bytes,
}

impl Parcel {
    /// The only frame of a message; `None` of one without data.
    pub(super) fn of(message: Message) -> Option<Self> {
        match message {
            Message::Text(text) => Some(Self::new(Data::Text, text.into())),
            Message::Binary(bytes) => Some(Self::new(Data::Binary, bytes)),
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => None,
        }
    }

    pub(super) fn text(text: &'static str) -> Self {
        Self::new(Data::Text, Bytes::from_static(text.as_bytes()))
    }

    fn new(opcode: Data, payload: Bytes) -> Self {
        let header = FrameHeader { opcode: OpCode::Data(opcode), ..FrameHeader::default() };
        let small = payload.len() <= SMALL;
        let behind = if small { payload.len() } else { 0 };
        let mut head = Vec::with_capacity(MAX_HEADER + behind);
        // Writing to memory doesn't fail.
        let _ = header.format(payload.len() as u64, &mut head);
        if small {
            head.extend_from_slice(&payload);
            return Self { head: head.into(), body: Bytes::new() };
        }
        Self { head: head.into(), body: payload }
    }

    /// What it counts for in a queue, in bytes.
    pub(super) fn cost(&self) -> usize {
        (self.head.len() + self.body.len()).saturating_add(OVERHEAD)
    }

    /// Whether all of it was written.
    pub(super) fn is_empty(&self) -> bool {
        self.head.is_empty() && self.body.is_empty()
    }

    /// Writes what is left of it.
    pub(super) fn poll_write<W>(
        &mut self,
        cx: &mut Context<'_>,
        writer: &mut W,
    ) -> Poll<io::Result<()>>
    where
        W: AsyncWrite + Unpin,
    {
        while !self.is_empty() {
            let part = if self.head.is_empty() { &mut self.body } else { &mut self.head };
            let written = ready!(Pin::new(&mut *writer).poll_write(cx, part))?;
            if written == 0 {
                return Poll::Ready(Err(ErrorKind::WriteZero.into()));
            }
            part.advance(written);
        }
        // An empty `Bytes` would still hold what it was cut from.
        *self = Self::default();
        Poll::Ready(Ok(()))
    }
}
