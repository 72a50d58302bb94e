//! Which workspace a request belongs to: resolved on the server, never by the client (I11).
//!
//! There is one workspace, which every session is a member of.

use crate::denial::Denial;

/// Proof that the workspace check ran and passed.
#[derive(Debug)]
pub(crate) struct WorkspaceProof(());

/// Checks what a request asks to join: only the one workspace, by not naming any.
pub(crate) fn verify(requested: Option<&str>) -> Result<WorkspaceProof, Denial> {
    match requested {
        None => Ok(WorkspaceProof(())),
        Some(_) => Err(Denial::WorkspaceUnknown),
    }
}
