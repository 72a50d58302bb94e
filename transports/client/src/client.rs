//! A client: whom it trusts, and what it can be asked to do.

use doorward_policy::workspace::WorkspaceName;

use crate::tls::Trust;

/// Speaks to servers, each of which has to prove that it is the one meant.
///
/// It pairs ([`Client::pair`]), renews what that bought ([`Client::renew`]), and opens a
/// WebSocket ([`Client::connect`]) or a tunnel ([`Client::tunnel`]).
#[derive(Clone, Debug)]
pub struct Client {
    trust: Trust,
    workspace: Option<WorkspaceName>,
}

impl Client {
    /// A client that trusts these roots where a server is known by its name.
    #[must_use]
    pub const fn new(trust: Trust) -> Self {
        Self { trust, workspace: None }
    }

    /// The same client, whose tunnels join this workspace instead of a session's default. Over
    /// HTTP it is the route that says which workspace is meant.
    #[must_use]
    pub fn joining(self, workspace: WorkspaceName) -> Self {
        Self { workspace: Some(workspace), ..self }
    }

    pub(crate) const fn trust(&self) -> &Trust {
        &self.trust
    }

    pub(crate) const fn workspace(&self) -> Option<WorkspaceName> {
        self.workspace
    }
}
