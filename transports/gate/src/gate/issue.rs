//! Grants that an administrator makes through the listener.

use doorward_policy::Timestamp;
use doorward_policy::capability::Capabilities;
use doorward_policy::grant::{GrantRecord, GrantRequest, GrantSecret};

use super::Gate;
use crate::admin::{self, AdminError};
use crate::audit::AuditRecord;

impl Gate {
    /// Makes a grant for this gate's origin, on behalf of somebody with the capabilities `issuer`;
    /// `audit` says who. The secret exists only in what is returned.
    ///
    /// # Errors
    /// If the request is out of bounds, or what it takes doesn't answer.
    pub async fn issue_grant(
        &self,
        request: &GrantRequest,
        issuer: Capabilities,
        audit: impl FnOnce(Timestamp) -> AuditRecord + Send,
    ) -> Result<(GrantSecret, GrantRecord), AdminError> {
        let keys = self.keys();
        let (store, clock, entropy) = (&*self.store, &*self.clock, &*self.entropy);
        admin::issue(store, &keys.digester, clock, entropy, request, issuer, audit).await
    }
}
