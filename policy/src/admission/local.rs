//! Step 6 for a local token: its record is looked up, and whether its process is there.

use super::guard::Examined;
use super::{Admitted, Context, Denied, Guard};
use crate::capability::Capabilities;
use crate::credential::{self, Failure};
use crate::denial::{Denial, Outage};
use crate::host::HostProof;
use crate::keys::Digest;
use crate::limiter::Charge;
use crate::local::{self, Liveness, LocalRecord};
use crate::origin::OriginProof;
use crate::time::Timestamp;
use crate::workspace::Asked;

/// A local token is to be looked up: read its record, find out whether its process is there, then
/// [`AwaitLocal::resume`]. Nothing is consumed.
#[derive(Debug)]
#[must_use = "look the local token up and resume"]
pub struct AwaitLocal {
    context: Context,
    digest: Digest,
    needed: Capabilities,
    asked: Asked,
    host: HostProof,
    origin: OriginProof,
}

impl AwaitLocal {
    pub(super) fn new(examined: Examined<'_>, digest: Digest, needed: Capabilities) -> Self {
        let Examined { context, host, origin, asked, .. } = examined;
        Self { context, digest, needed, asked, host, origin }
    }

    /// What the store finds the token by.
    #[must_use]
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// What is known of the request.
    #[must_use]
    pub const fn context(&self) -> &Context {
        &self.context
    }

    /// Goes on with what the store has, and whether the process that it names is there.
    ///
    /// # Errors
    /// If the token is not good, or not for what is asked for. Where none is known it was a guess,
    /// and is charged; one of a process that has ended is none: whoever has it didn't guess it, and
    /// everything on this machine shares an address.
    pub fn resume(
        self,
        found: Result<Option<&LocalRecord>, Outage>,
        liveness: Liveness,
        guard: &Guard<'_>,
        limiter: &mut impl Charge,
        now: Timestamp,
    ) -> Result<Admitted, Denied> {
        let Self { context, needed, asked, host, origin, .. } = self;
        let record = found.map_err(|outage| context.deny(Denial::Unavailable(outage)))?;
        let known = record.map(|record| (record.id, record.name));
        let claims = local::verify(record, liveness, now);
        let credential = credential::stand_local(claims, guard.standings, now)
            .map_err(|failure| guard.refuse(context, Failure { known, ..failure }, limiter, now))?;
        guard.admit(context, host, origin, credential, asked, needed)
    }
}
