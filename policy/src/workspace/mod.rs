//! Workspaces: what one guards beside another, who may see which, and which of them a request
//! belongs to. All of it is looked up on the server at every decision (I11).
//!
//! As long as there is no workspace, everything is `main`: the listener's own server, open to every
//! session. With the first workspace `main` gets members too, and whoever is none of them finds
//! nothing there.

mod change;
mod claim;
mod directory;
mod restore;

use core::fmt;

pub use change::{Change, ChangeRefusal, Placing};
pub use claim::{Claim, Claims};
pub use directory::{Directory, MOST_MEMBERS, MOST_WORKSPACES, Member, Server, Workspace};
pub use restore::Kept;

use crate::capability::Capabilities;
use crate::credential::Identity;
use crate::denial::Denial;
use crate::host::Authority;
use crate::route::Path;
use crate::subject::Subject;

const MAIN: &str = "main";

/// The name of a workspace: 1 to 64 bytes of UTF-8 without control characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkspaceName(Subject);

impl WorkspaceName {
    /// Takes a name; `None` if it is none.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        Subject::new(text).map(Self)
    }

    /// `main`: what the listener guards itself.
    #[must_use]
    pub fn main() -> Self {
        Self(Subject::new(MAIN).unwrap_or(Subject::EMPTY))
    }

    /// Whether it is `main`.
    #[must_use]
    pub fn is_main(&self) -> bool {
        self.as_str() == MAIN
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Debug for WorkspaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for WorkspaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The workspace that a request asks for, whoever sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// None: Doorward's own pages and endpoints belong to no workspace.
    Own,
    /// No particular one: the session's default.
    Default,
    /// This one, by a claim on the route or by name.
    Named(WorkspaceName),
    /// One to some server and another to another: nobody's.
    Unclear,
}

impl Asked {
    /// What a route belongs to: the workspace that claims its host, else the one with the longest
    /// claim on its path.
    pub(crate) fn by_route(
        directory: &Directory,
        host: &Authority<'_>,
        secure: bool,
        path: &Path<'_>,
    ) -> Self {
        directory.claimant(host, secure, path)
    }

    pub(crate) fn by_name(name: Option<WorkspaceName>) -> Self {
        name.map_or(Self::Default, Self::Named)
    }
}

/// How what is guarded is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Request by request: HTTP and WebSocket.
    Web,
    /// As streams of bytes: QUIC.
    Bytes,
}

/// The workspace that a request or connection has joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joined {
    /// Its name.
    pub name: WorkspaceName,
    /// Where it was placed when it was joined: another number means other routes or servers.
    pub placement: u64,
}

/// Who asks, as far as a workspace goes by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visitor {
    /// Whoever is known by this name: what they may do follows from their membership.
    Subject(Subject),
    /// A process whose token is for this one workspace.
    Local(WorkspaceName),
    /// Nobody in particular.
    Nobody,
}

impl Visitor {
    pub(crate) const fn of(identity: &Identity) -> Self {
        match identity {
            Identity::Session { claims, .. } => Self::Subject(claims.subject),
            Identity::Local(claims) => Self::Local(claims.workspace),
            Identity::Unguarded => Self::Nobody,
        }
    }
}

/// Proof that the workspace check ran and passed.
#[derive(Debug)]
pub(crate) struct WorkspaceProof {
    pub(crate) joined: Option<Joined>,
    /// What the membership allows at most.
    pub(crate) capabilities: Capabilities,
}

/// Checks what a request asks to join against what its sender may see. What does not exist and
/// what is somebody else's come to the same.
///
/// # Errors
/// [`Denial::WorkspaceUnknown`].
pub(crate) fn verify(
    directory: &Directory,
    asked: Asked,
    visitor: Visitor,
    reach: Reach,
) -> Result<WorkspaceProof, Denial> {
    let (joined, capabilities) = match asked {
        Asked::Own => (None, Capabilities::ALL),
        Asked::Default | Asked::Named(_) | Asked::Unclear => {
            //= req: WORK-2
            let found = directory.join(asked, visitor, reach).ok_or(Denial::WorkspaceUnknown)?;
            (Some(found.0), found.1)
        }
    };
    Ok(WorkspaceProof { joined, capabilities })
}
