//! What carries a WebSocket once it has been admitted: another crate, behind this trait.

use std::future::Future;
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};

/// A stream of bytes in both directions.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// An upgraded connection, with whatever has arrived on it already.
pub type Stream = Box<dyn Duplex>;

/// Why a live connection must end: the close code and its reason (RFC 6455, section 7.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The close code.
    pub code: u16,
    /// The reason, at most 123 bytes.
    pub reason: String,
}

/// Carries admitted WebSockets.
pub trait Sockets: Send + Sync + 'static {
    /// The `Sec-WebSocket-Accept` of a key (RFC 6455, section 4.2.2).
    fn accept_key(&self, key: &[u8]) -> String;

    /// Carries an upgraded connection until either end closes it or `ended` resolves: between the
    /// client and the guarded server, or the built-in echo where there is none.
    fn carry(
        &self,
        client: Stream,
        upstream: Option<Stream>,
        ended: Pin<Box<dyn Future<Output = Ended> + Send>>,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}
