//! What a live connection keeps: as much as a new one would be admitted to, and no more (I10).

use crate::admission::{Admitted, Guard};
use crate::capability::Capabilities;
use crate::denial::{Denial, Outage};
use crate::id::SessionId;
use crate::standing::Standing;
use crate::time::Timestamp;
use crate::workspace::{Joined, Visitor};

/// On what a connection was admitted, kept for as long as it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tenure {
    key: Option<SessionId>,
    visitor: Visitor,
    /// What it was allowed, and the guarded server was told: no more than its credential allowed.
    granted: Capabilities,
    joined: Option<Joined>,
}

impl Tenure {
    /// That of a request or connection that was admitted.
    #[must_use]
    pub fn of(admitted: &Admitted) -> Self {
        let identity = admitted.identity();
        Self {
            key: identity.holder().map(|holder| holder.key),
            visitor: Visitor::of(identity),
            granted: admitted.capabilities(),
            joined: admitted.joined().copied(),
        }
    }

    /// The session that it goes by, if there is one.
    #[must_use]
    pub const fn key(&self) -> Option<SessionId> {
        self.key
    }

    /// The workspace that it has joined; none with Doorward itself.
    #[must_use]
    pub const fn joined(&self) -> Option<&Joined> {
        self.joined.as_ref()
    }
}

impl Guard<'_> {
    /// Whether a live connection may go on, whose session ends at `expires_at`.
    ///
    /// # Errors
    /// Why it must end: its session has expired or was revoked, a membership or a capability that
    /// it was admitted with is gone, or what it is connected to has moved.
    pub fn tenure(
        &self,
        tenure: &Tenure,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), Denial> {
        let standing = tenure.key.map_or(Standing::Unchanged, |key| self.standings.of(key));
        let limit = match standing {
            //= req: SESSION-9
            Standing::Revoked => return Err(Denial::SessionRevoked),
            Standing::Unchanged => Capabilities::ALL,
            Standing::Limited(limit) => limit,
        };
        //= req: SESSION-9
        if now >= expires_at {
            return Err(Denial::SessionExpired);
        }
        let membership = match &tenure.joined {
            None => Capabilities::ALL,
            Some(joined) => self.still_in(joined, tenure.visitor)?,
        };
        let lost = tenure.granted.without(limit.common(membership));
        //= req: CAP-5
        if lost.is_empty() { Ok(()) } else { Err(Denial::CapabilityLacking(lost)) }
    }

    /// What a request of Doorward's own endpoints may do in a workspace that its sender has joined
    /// by a live connection, for what it asks about that connection.
    ///
    /// # Errors
    /// As [`tenure`](Self::tenure) says of a membership.
    pub fn membership(&self, admitted: &Admitted, joined: &Joined) -> Result<Capabilities, Denial> {
        let membership = self.still_in(joined, Visitor::of(admitted.identity()))?;
        Ok(admitted.identity().capabilities().common(membership))
    }

    fn still_in(&self, joined: &Joined, visitor: Visitor) -> Result<Capabilities, Denial> {
        let membership = self.directory.membership(joined, visitor);
        //= req: WORK-8
        let membership = membership.ok_or(Denial::WorkspaceUnknown)?;
        //= req: WORK-8
        if self.directory.is_in_place(joined) {
            Ok(membership)
        } else {
            Err(Denial::Unavailable(Outage::Moved))
        }
    }
}
