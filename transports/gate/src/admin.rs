//! Issuing and revoking, for whoever owns the state: the command line and the listener's start.

use std::fmt;

use doorward_policy::Timestamp;
use doorward_policy::capability::Capabilities;
use doorward_policy::grant::{GrantRecord, GrantRequest, GrantRequestError, GrantSecret};
use doorward_policy::keys::Digester;
use doorward_policy::token::Method;

use crate::audit::{AuditRecord, Event};
use crate::clock::{Clock, ClockError};
use crate::store::{Store, StoreError};
use crate::system::{Entropy, EntropyError, random};

/// Why something could not be done.
#[derive(Debug)]
pub enum AdminError {
    /// What was asked for is out of bounds.
    Request(GrantRequestError),
    /// The store does not answer.
    Store(StoreError),
    /// The generator has failed.
    Entropy(EntropyError),
    /// The clock does not answer.
    Clock(ClockError),
}

impl fmt::Display for AdminError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::Entropy(error) => error.fmt(f),
            Self::Clock(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for AdminError {}

/// Makes a grant on behalf of somebody with the capabilities `issuer`. The secret exists only in
/// what is returned.
///
/// # Errors
/// If the request is out of bounds, or what it takes doesn't answer.
pub async fn issue_grant(
    store: &dyn Store,
    digester: &Digester,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
    request: &GrantRequest,
    issuer: Capabilities,
) -> Result<(GrantSecret, GrantRecord), AdminError> {
    let audit = |now| AuditRecord::new(Event::GrantMade, now);
    issue(store, digester, clock, entropy, request, issuer, audit).await
}

/// As [`issue_grant`], with a record of who asked for it.
pub(crate) async fn issue(
    store: &dyn Store,
    digester: &Digester,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
    request: &GrantRequest,
    issuer: Capabilities,
    audit: impl FnOnce(Timestamp) -> AuditRecord,
) -> Result<(GrantSecret, GrantRecord), AdminError> {
    let now = clock.now().map_err(AdminError::Clock)?;
    let id = random(entropy).map_err(AdminError::Entropy)?;
    let record = GrantRecord::issue(request, issuer, id, now).map_err(AdminError::Request)?;
    let secret = match request.method {
        Method::Code => GrantSecret::code(random(entropy).map_err(AdminError::Entropy)?),
        Method::Link | Method::Desktop => {
            GrantSecret::link(random(entropy).map_err(AdminError::Entropy)?)
        }
    };
    let audit = audit(now).about_grant(&record);
    let digest = secret.digest(digester);
    store.insert_grant(digest, record.clone(), audit).await.map_err(AdminError::Store)?;
    Ok((secret, record))
}
