//! A tunnel: a QUIC connection on which each stream is one connection to what is guarded.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use doorward_policy::hello::{Hello, Kind, Offered, Purpose};
use doorward_policy::notice::Notice;
use quinn::{ConnectionError, RecvStream, SendStream, VarInt, WriteError};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;

use crate::client::Client;
use crate::connection::Closed;
use crate::error::{ClientError, Refused};
use crate::quic::{self, Dialled};
use crate::server::Transport;
use crate::session::Session;

/// How long the server may take to hear of an end.
const FAREWELL: Duration = Duration::from_secs(1);
/// The code of a stream that is given up.
const GIVEN_UP: VarInt = VarInt::from_u32(0);

/// An open tunnel. Copies share it; it closes when the last one and all streams are gone.
#[derive(Clone, Debug)]
pub struct Tunnel {
    dialled: Dialled,
}

/// One connection to what is guarded: bytes as they come, either way. Shutting it down ends this
/// side alone; the other ends when it reads nothing more.
#[derive(Debug)]
pub struct Stream {
    sender: SendStream,
    receiver: RecvStream,
}

impl Client {
    /// Opens a tunnel to a session's server, with the session's token, in the workspace that the
    /// client joins ([`Client::joining`]) or the session's default.
    ///
    /// # Errors
    /// If the server refuses, can't be reached, is not the one meant, or speaks no QUIC.
    pub async fn tunnel(&self, session: &Session) -> Result<Tunnel, ClientError> {
        let server = session.server();
        if server.transport() != Transport::Quic {
            return Err(ClientError::Unexpected(server.clone(), "a QUIC server"));
        }
        let offered = Offered::One(Kind::Session, session.token().as_bytes());
        let workspace = self.workspace();
        let hello = Hello { workspace, ..quic::hello(Purpose::Open, offered, &[]) };
        let (dialled, _accept) = quic::greet(self, server, &hello).await?;
        Ok(Tunnel { dialled })
    }
}

impl Tunnel {
    /// Opens a connection to what is guarded. Waits while the server allows no further one.
    ///
    /// # Errors
    /// How the tunnel has ended.
    pub async fn open(&self) -> Result<Stream, Closed> {
        let connection = &self.dialled.connection;
        let (mut sender, receiver) = connection.open_bi().await.map_err(Closed::from)?;
        // The server hears of a stream by its first frame, and what is guarded may be the one to
        // speak first. Nothing written makes a frame without bytes (RFC 9000, section 19.8).
        match sender.write(&[]).await {
            Err(WriteError::ConnectionLost(error)) => Err(error.into()),
            // What else is wrong, whoever uses it finds.
            _ => Ok(Stream { sender, receiver }),
        }
    }

    /// Waits for the next notice of when the session ends. What is no notice is passed over, and so
    /// is one that is still on its way when the next one comes.
    ///
    /// # Errors
    /// How the tunnel has ended.
    pub async fn notice(&self) -> Result<Notice, Closed> {
        let connection = &self.dialled.connection;
        let mut stream = connection.accept_uni().await?;
        loop {
            let frame = tokio::select! {
                biased;
                frame = stream.read_to_end(quic::MAX_FRAME) => frame.unwrap_or_default(),
                newer = connection.accept_uni() => {
                    stream = newer?;
                    continue;
                }
            };
            if let Some(notice) = quic::only_body(&frame).and_then(Notice::parse) {
                return Ok(notice);
            }
            stream = connection.accept_uni().await?;
        }
    }

    /// Waits for the end of the tunnel, and says how it came.
    pub async fn closed(&self) -> Closed {
        self.dialled.connection.closed().await.into()
    }

    /// How it has ended, if it has.
    #[must_use]
    pub fn end(&self) -> Option<Closed> {
        self.dialled.connection.close_reason().map(Closed::from)
    }

    /// Ends it, and all streams with it.
    pub fn close(&self) {
        self.dialled.connection.close(quic::DONE, &[]);
    }

    /// Ends it, and waits a moment until the server knows: a program that is about to end would
    /// otherwise leave the server to find out by itself.
    pub async fn leave(self) {
        self.close();
        // Whoever doesn't hear it finds out by the silence.
        let _result = timeout(FAREWELL, self.dialled.endpoint.wait_idle()).await;
    }

    /// How many datagrams have come: more than before means that the server is there.
    pub(crate) fn heard(&self) -> u64 {
        self.dialled.connection.stats().udp_rx.datagrams
    }
}

impl Stream {
    /// Gives up both sides at once: the other end hears of a failure, not of an end.
    pub fn reset(&mut self) {
        // One that is over already has nothing to be given up.
        let _result = self.sender.reset(GIVEN_UP);
        let _result = self.receiver.stop(GIVEN_UP);
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        AsyncRead::poll_read(Pin::new(&mut self.receiver), cx, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        AsyncWrite::poll_write(Pin::new(&mut self.sender), cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_flush(Pin::new(&mut self.sender), cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_shutdown(Pin::new(&mut self.sender), cx)
    }
}

impl From<ConnectionError> for Closed {
    fn from(error: ConnectionError) -> Self {
        let ConnectionError::ApplicationClosed(close) = &error else {
            return Self::Dropped(quic::told(&error));
        };
        let code = close.error_code.into_inner();
        match Refused::from_quic(code, &close.reason) {
            Some(refused) => Self::Refused(refused),
            None => Self::Dropped(quic::told(&error)),
        }
    }
}
