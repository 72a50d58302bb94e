//! What carries a WebSocket once it has been admitted: another crate, behind this trait.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

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

/// Resolves when a connection must end.
pub type Ending = Pin<Box<dyn Future<Output = Ended> + Send>>;

/// A connection being carried, until its end.
pub type Carried = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Told of each part of a message that has come from a client: its session is in use.
pub type Active = Box<dyn Fn() + Send + Sync>;

/// Whether what has come from a client may go to the guarded server: asked for each message.
pub type MayWrite = Box<dyn Fn() -> bool + Send + Sync>;

/// A connection to the guarded server that clients share.
pub trait Shared: Send + Sync + 'static {
    /// Gives a client a part in it: what the guarded server sends from now on is kept for it.
    fn join(&self, may_write: MayWrite) -> Box<dyn Part>;
}

/// A client's part in a shared connection, given up by dropping it.
pub trait Part: Send + 'static {
    /// Carries the upgraded client until it leaves, `ended` resolves, or the shared connection is
    /// over.
    fn carry(self: Box<Self>, client: Stream, ended: Ending) -> Carried;
}

/// Carries admitted WebSockets.
pub trait Sockets: Send + Sync + 'static {
    /// The `Sec-WebSocket-Accept` of a key (RFC 6455, section 4.2.2).
    fn accept_key(&self, key: &[u8]) -> String;

    /// Carries an upgraded connection until either end closes it or `ended` resolves: between the
    /// client and the guarded server, or the built-in echo where there is none. `active` is called
    /// for what comes from the client, except for pings, pongs and its goodbye.
    fn carry(
        &self,
        client: Stream,
        upstream: Option<Stream>,
        active: Active,
        ended: Ending,
    ) -> Carried;

    /// Shares an upgraded connection to the guarded server, which is carried until that closes it
    /// or `over` resolves.
    fn share(&self, upstream: Stream, over: Ending) -> (Arc<dyn Shared>, Carried);
}
