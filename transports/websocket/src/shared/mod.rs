//! One connection to the guarded server, shared by any number of clients.
//!
//! The guarded server's messages go to every client; a client's go to the guarded server if it may
//! write. Here Doorward is an end of each connection, so messages pass, not frames: fragments are
//! joined, and pings are answered by Doorward.

mod hub;
mod member;
mod parcel;
mod server;

use std::fmt;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

use self::hub::Hub;
use crate::ending::{CloseReason, Limits, Summary};
use crate::opened::Opened;

/// Messages that one side takes in one poll before others get their turn.
const TURNS: usize = 32;

/// Whether a client may write. It is asked about each message: when it has come, and again right
/// before it is passed on.
///
/// Dropped, as `ended` is, once the client has left and only the goodbye is still to be said. Has
/// to answer at once.
pub trait Permission: Send + Sync + 'static {
    /// Whether the client may write now.
    fn may_write(&self) -> bool;
}

impl<F: Fn() -> bool + Send + Sync + 'static> Permission for F {
    fn may_write(&self) -> bool {
        self()
    }
}

/// Bounds on a shared connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedLimits {
    /// How long messages may be, and how long a goodbye may take.
    pub messages: Limits,
    /// Bytes that may wait for a client that is slower than others. The message that exceeds it is
    /// still kept, and so are always two.
    pub queue: usize,
}

impl Default for SharedLimits {
    /// 4 MiB may wait.
    fn default() -> Self {
        Self { messages: Limits::default(), queue: 4 << 20 }
    }
}

/// Shares the guarded server's stream, which has finished its upgrade without extensions.
///
/// Returns what clients join by, and the future that carries the guarded server's side. It has to
/// be polled, in a task of its own, and resolves when that side is over:
///
/// * **The guarded server closes**: each client gets its code and reason; without a Close frame,
///   1011.
/// * **It breaks the rules** (a message longer than `limits.messages.from_server`, or unlawful): it
///   is told with 1002, 1007 or 1009, and each client gets 1011.
/// * **`over` resolves**: each client gets that code, the guarded server 1001.
///
/// What came before reaches the clients that take it within `limits.messages.goodbye`. It doesn't
/// end because clients leave: that is for `over` to say. Dropping the future ends it like `over`,
/// with 1001, without a word to the guarded server.
///
/// Nothing is read from the guarded server before the first client has joined. Later a message goes
/// to whoever is there, be it nobody. The guarded server is read at the pace of the fastest client;
/// nobody is slowed down by another one.
pub fn share<S, E>(
    server: Opened<S>,
    limits: SharedLimits,
    over: E,
) -> (Shared, impl Future<Output = Summary>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    E: Future<Output = CloseReason>,
{
    let hub = Arc::new(Hub::new(limits));
    let carry = server::carry(server::Attendance::new(Arc::clone(&hub)), server, over);
    (Shared { hub }, carry)
}

/// By what clients join a shared connection.
#[derive(Clone)]
pub struct Shared {
    hub: Arc<Hub>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("over", &self.is_over()).finish_non_exhaustive()
    }
}

impl Shared {
    /// Whether the guarded server's side has ended. Who joins now is only told so.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.hub.is_over()
    }

    /// Carries a client, whose stream has finished its upgrade without extensions, until it says
    /// goodbye, breaks the rules or goes away, until the connection is over, or until `ended`
    /// resolves. It has joined when this returns; the future does the rest, in a task of its own.
    ///
    /// * **Who may not write** and does is told with a text message,
    ///   `{"error":"not_owner","message":"…"}`, at most once a second. What it said is dropped; it
    ///   stays.
    /// * **Who doesn't keep up** with faster ones, so that its queue is full, gets 1013.
    /// * **`ended`**: nothing that is read after it is passed on, nor is what hasn't had its turn
    ///   yet. The client gets that code, behind the rest of a message under way.
    /// * **A violation** ends this client alone, with 1002, 1007 or 1009.
    ///
    /// A client's messages are passed on whole, one at a time, in turn with those of others; no
    /// further one is read before. How many may join is for the caller to bound.
    ///
    /// The end that is returned is [`End::Ended`](crate::End::Ended) with 1013 for who was too slow,
    /// and the guarded server's for who was there at the end of it.
    pub fn join<C, P, E>(
        &self,
        client: Opened<C>,
        permission: P,
        ended: E,
    ) -> impl Future<Output = Summary> + use<C, P, E>
    where
        C: AsyncRead + AsyncWrite + Unpin,
        P: Permission,
        E: Future<Output = CloseReason>,
    {
        self.sit(permission).carry(client, ended)
    }

    /// Takes a seat for a client whose stream has not finished its upgrade yet: whatever comes from
    /// now on is kept for it, within `limits.queue`. Dropping the seat gives it up.
    pub fn sit(&self, permission: impl Permission) -> Seat {
        let permission: Arc<dyn Permission> = Arc::new(permission);
        Seat(member::Place::new(Arc::clone(&self.hub), permission))
    }
}

/// A client's seat at a shared connection.
#[must_use = "a seat that is dropped is given up"]
pub struct Seat(member::Place);

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seat(..)")
    }
}

impl Seat {
    /// Carries the client, as [`Shared::join`] does.
    pub fn carry<C, E>(
        self,
        client: Opened<C>,
        ended: E,
    ) -> impl Future<Output = Summary> + use<C, E>
    where
        C: AsyncRead + AsyncWrite + Unpin,
        E: Future<Output = CloseReason>,
    {
        member::carry(self.0, client, ended)
    }
}
