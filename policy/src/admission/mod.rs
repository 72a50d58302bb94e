//! The decision on one request or connection, and its order.
//!
//! 1. shape, 2. host, 3. route, 4. credential, 5. origin, 6. verification, 7. limiter,
//! 8. workspace, then capability, 9. consumption of a use, last. Then [`Admitted`].
//!
//! [`Guard::decide`] takes the steps 1 to 8 for an HTTP request, [`Guard::decide_hello`] for the
//! hello of a QUIC connection: what each reads off the wire differs up to step 5, and from there on
//! they are one. Either returns a [`Decision`]. Where a grant or a ticket
//! is to be consumed, it owns what is needed to go on: the driver awaits its store and resumes.

mod context;
mod greeting;
mod guard;
mod local;
mod redeem;
mod upgrade;

use alloc::string::String;

pub use context::{Context, Denied, Transport, Wire};
pub use greeting::Greeting;
pub use guard::Guard;
pub use local::AwaitLocal;
pub use redeem::{AwaitGrant, AwaitTicket, Redeem, Redeemed, StoreFailure};

use crate::capability::Capabilities;
use crate::credential::{Carrier, CredentialProof, Holder, Identity};
use crate::host::HostProof;
use crate::origin::OriginProof;
use crate::route::{CapabilityProof, Target};
use crate::token::Claims;
use crate::workspace::{Joined, WorkspaceProof};

/// What is decided, or what is to be done before it can be.
#[derive(Debug)]
#[must_use = "a decision that nobody acts on is a door that nobody closed"]
pub enum Decision {
    /// Every check has passed.
    Admit(Admitted),
    /// Doorward's own page or endpoint, which needs no credential. Proves nothing.
    Open(Opened),
    /// The body must bring a grant.
    Grant(AwaitGrant),
    /// A ticket is to be consumed.
    Ticket(AwaitTicket),
    /// A local token is to be looked up.
    Local(AwaitLocal),
    /// A check has failed.
    Deny(Denied),
}

/// Access to one of Doorward's own pages or endpoints, by nobody in particular.
#[derive(Debug)]
pub struct Opened {
    context: Context,
    _host: HostProof,
    _origin: OriginProof,
}

impl Opened {
    /// What is known of the request.
    #[must_use]
    pub const fn context(&self) -> &Context {
        &self.context
    }
}

/// An admission. It holds a witness of every check; there is no way to make one without them.
#[derive(Debug)]
pub struct Admitted {
    context: Context,
    credential: CredentialProof,
    _host: HostProof,
    _origin: OriginProof,
    workspace: WorkspaceProof,
    capability: CapabilityProof,
}

impl Admitted {
    fn new(
        context: Context,
        host: HostProof,
        origin: OriginProof,
        credential: CredentialProof,
        workspace: WorkspaceProof,
        capability: CapabilityProof,
    ) -> Self {
        Self { context, credential, _host: host, _origin: origin, workspace, capability }
    }

    /// What is known of the request.
    #[must_use]
    pub const fn context(&self) -> &Context {
        &self.context
    }

    /// Whom it was admitted as.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        self.credential.identity()
    }

    /// Who it was admitted as, if as anybody in particular.
    #[must_use]
    pub const fn holder(&self) -> Option<Holder> {
        self.credential.identity().holder()
    }

    /// What may be done: what the credential allows, and the membership.
    #[must_use]
    pub const fn capabilities(&self) -> Capabilities {
        self.capability.held
    }

    /// The workspace that was joined; none at Doorward's own pages and endpoints.
    #[must_use]
    pub const fn joined(&self) -> Option<&Joined> {
        self.workspace.joined.as_ref()
    }

    /// What the session's token says, if there is a session. What may be done in a workspace is
    /// [`capabilities`](Self::capabilities).
    #[must_use]
    pub const fn claims(&self) -> Option<&Claims> {
        self.credential.identity().claims()
    }

    /// Whether the credential was a cookie, so that a renewed one is to be set.
    #[must_use]
    pub const fn by_cookie(&self) -> bool {
        matches!(self.identity(), Identity::Session { carrier: Carrier::Cookie, .. })
    }

    /// Where it goes.
    #[must_use]
    pub const fn target(&self) -> Target {
        self.context.target
    }
}

/// The subprotocol to answer an upgrade with when Doorward itself answers: `doorward`, if offered.
/// Never the one that bears a ticket.
#[must_use]
//= req: TICKET-8
pub fn own_subprotocol(offered: &[u8]) -> Option<&'static str> {
    let name = crate::credential::SUBPROTOCOL;
    crate::request::lists(offered, name.as_bytes()).then_some(name)
}

/// The subprotocols to offer to the guarded server: all but Doorward's own. `None` if none is left.
#[must_use]
pub fn foreign_subprotocols(offered: &str) -> Option<String> {
    let ours = |item: &&str| {
        item.get(..8)
            .is_some_and(|start| start.eq_ignore_ascii_case(crate::credential::SUBPROTOCOL))
    };
    let mut list = String::new();
    for item in offered.split(',').map(str::trim).filter(|item| !item.is_empty() && !ours(item)) {
        if !list.is_empty() {
            list.push_str(", ");
        }
        list.push_str(item);
    }
    (!list.is_empty()).then_some(list)
}
