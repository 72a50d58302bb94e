//! What is known of a request beside the proofs: for the answer, the audit record, the limiter.

use core::net::IpAddr;

use crate::cookie::CookieName;
use crate::denial::Denial;
use crate::forwarding::{Client, Scheme};
use crate::id::SessionId;
use crate::limiter::{Charge, Guess};
use crate::route::Target;
use crate::subject::Subject;
use crate::time::Timestamp;
use crate::workspace::Reach;

/// How a request or connection is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A plain HTTP request.
    Http,
    /// An HTTP request that asks for a WebSocket, or the WebSocket that came of it.
    WebSocket,
    /// A QUIC connection.
    Quic,
}

impl Transport {
    /// `http`, `websocket` or `quic`, as audit records spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::WebSocket => "websocket",
            Self::Quic => "quic",
        }
    }
}

/// What a connection came in on, before anything of it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// TCP, in the clear.
    Plain,
    /// TLS over TCP.
    Tls,
    /// QUIC, which has TLS in it.
    Quic,
}

/// What is known of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// Who sent it: from the socket, or from a trusted proxy.
    pub client: Client,
    /// Where it goes; the guarded server until the route is known.
    pub target: Target,
    /// The name that the session cookie has for it, once its `Host` is known.
    pub cookie: Option<CookieName>,
    /// How it is carried.
    pub transport: Transport,
    /// A person opens a page in a browser.
    pub navigation: bool,
}

impl Context {
    pub(super) const fn new(peer: IpAddr, wire: Wire) -> Self {
        let (scheme, transport) = match wire {
            Wire::Plain => (Scheme::Http, Transport::Http),
            Wire::Tls => (Scheme::Https, Transport::Http),
            Wire::Quic => (Scheme::Https, Transport::Quic),
        };
        let client = Client { address: peer, scheme };
        Self { client, target: Target::Guarded, cookie: None, transport, navigation: false }
    }

    /// Whether it asks for a WebSocket.
    #[must_use]
    pub const fn is_upgrade(&self) -> bool {
        matches!(self.transport, Transport::WebSocket)
    }

    pub(super) const fn reach(&self) -> Reach {
        match self.transport {
            Transport::Http | Transport::WebSocket => Reach::Web,
            Transport::Quic => Reach::Bytes,
        }
    }

    pub(super) const fn deny(self, denial: Denial) -> Denied {
        Denied { denial, context: self, known: None, expire_cookie: None }
    }

    /// Charges a guess that this request made; the denial is that of the limit once it is reached.
    pub(super) fn charge(
        &self,
        guess: Guess,
        limiter: &mut impl Charge,
        now: Timestamp,
    ) -> Result<(), Denial> {
        limiter
            //= req: LIMIT-7
            .charge(self.client.address.into(), guess, now)
            .map_err(|limited| Denial::GuessesLimited { until: limited.until })
    }
}

/// A refusal, with what is needed to answer and to record it.
#[derive(Clone, Copy, Debug)]
pub struct Denied {
    /// Why.
    pub denial: Denial,
    /// What is known of the request.
    pub context: Context,
    /// Whose credential it was; known only where its MAC verified.
    pub known: Option<(SessionId, Subject)>,
    /// The cookie that proved nothing any more, to be removed with the answer.
    pub expire_cookie: Option<CookieName>,
}

impl Denied {
    /// The refusal of a connection before anything of it could be read.
    #[must_use]
    pub const fn early(denial: Denial, peer: IpAddr, wire: Wire) -> Self {
        Context::new(peer, wire).deny(denial)
    }
}
