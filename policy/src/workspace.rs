//! Which workspace a request belongs to: resolved on the server, never by the client (I11).
//!
//! There is one workspace, which every session is a member of.

use core::fmt;

use crate::denial::Denial;
use crate::subject::Subject;

/// The name of a workspace: 1 to 64 bytes of UTF-8 without control characters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct WorkspaceName(Subject);

impl WorkspaceName {
    /// Takes a name; `None` if it is none.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        Subject::new(text).map(Self)
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

/// Proof that the workspace check ran and passed.
#[derive(Debug)]
pub(crate) struct WorkspaceProof(());

/// Checks what a request asks to join: only the one workspace, by not naming any.
pub(crate) fn verify(requested: Option<WorkspaceName>) -> Result<WorkspaceProof, Denial> {
    match requested {
        None => Ok(WorkspaceProof(())),
        Some(_) => Err(Denial::WorkspaceUnknown),
    }
}
