//! A client: whom it trusts, and what it can be asked to do.

use crate::tls::Trust;

/// Speaks to servers, each of which has to prove that it is the one meant.
///
/// It pairs ([`Client::pair`]), renews what that bought ([`Client::renew`]), and opens a
/// WebSocket ([`Client::connect`]) or a tunnel ([`Client::tunnel`]).
#[derive(Clone, Debug)]
pub struct Client {
    trust: Trust,
}

impl Client {
    /// A client that trusts these roots where a server is known by its name.
    #[must_use]
    pub const fn new(trust: Trust) -> Self {
        Self { trust }
    }

    pub(crate) const fn trust(&self) -> &Trust {
        &self.trust
    }
}
