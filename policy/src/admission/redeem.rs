//! Step 9: the use of a grant or of a ticket is consumed, last, by whoever drives the policy.

use alloc::string::String;
use core::fmt;

use super::guard::Examined;
use super::{Admitted, Context, Denied, Guard};
use crate::capability::Capabilities;
use crate::cookie::CookieName;
use crate::credential::{self, Carrier};
use crate::denial::{Denial, GrantFault, Invalid, Outage};
use crate::grant::{Attempt, Counter, GrantRefusal, GrantSecret, Nonce};
use crate::host::HostProof;
use crate::id::SessionId;
use crate::keys::Digest;
use crate::limiter::{Charge, Guess};
use crate::origin::OriginProof;
use crate::session::SessionRecord;
use crate::ticket::{TicketAttempt, TicketRefusal};
use crate::time::Timestamp;
use crate::token::{self, Claims, SessionToken};
use crate::workspace::Asked;

/// Why a store brought no yes: it refused, or it could not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreFailure<R> {
    /// The record's transition refused.
    Refused(R),
    /// It has failed, or is full.
    Unavailable(Outage),
}

impl<R: fmt::Debug> fmt::Display for StoreFailure<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// The request goes to an endpoint that redeems grants: read its body, then
/// [`AwaitGrant::present`] what it brings.
#[derive(Debug)]
#[must_use = "read the body and present what it brings"]
pub struct AwaitGrant {
    context: Context,
    counter: Counter,
    needed: Capabilities,
    asked: Asked,
    host: HostProof,
    origin: OriginProof,
}

impl AwaitGrant {
    pub(super) fn new(examined: Examined<'_>, counter: Counter, needed: Capabilities) -> Self {
        let Examined { context, host, origin, asked, .. } = examined;
        Self { context, counter, needed, asked, host, origin }
    }

    /// What is known of the request.
    #[must_use]
    pub const fn context(&self) -> &Context {
        &self.context
    }

    /// Goes on with what the body brought. `session` is entropy: the id of the session that is
    /// opened if the store finds the grant good.
    ///
    /// Charged before the store is asked, so that a flood of guesses costs no transactions.
    ///
    /// # Errors
    /// If what is known of revocations is too old, or the address has no guess left.
    pub fn present(
        self,
        grant: &GrantSecret,
        nonce: Nonce,
        session: [u8; 16],
        guard: &Guard<'_>,
        limiter: &mut impl Charge,
        now: Timestamp,
    ) -> Result<Redeem, Denied> {
        credential::check_fresh(guard.standings, now)
            .map_err(|denial| self.context.deny(denial))?;
        let guess = if grant.is_code() { Guess::Code } else { Guess::Other };
        //= req: LIMIT-5
        self.context.charge(guess, limiter, now).map_err(|denial| self.context.deny(denial))?;
        let attempt = Attempt {
            nonce,
            counter: self.counter,
            needed: self.needed,
            asked: self.asked,
            session: SessionId::new(session),
            peer: Some(self.context.client.address),
            lifetimes: guard.settings.lifetimes,
        };
        let digest = grant.digest(guard.digester);
        Ok(Redeem { digest, attempt, request: self })
    }

    /// Refuses the request: what it brought can't be read, or came too late.
    #[must_use]
    pub const fn refuse(self, denial: Denial) -> Denied {
        self.context.deny(denial)
    }
}

/// A grant is to be redeemed: run the transition of its record in one transaction
/// ([`crate::grant::redeem`]), keep the session that it opens, then [`Redeem::resume`].
#[derive(Debug)]
#[must_use = "consume the grant in the store and resume"]
pub struct Redeem {
    digest: Digest,
    attempt: Attempt,
    request: AwaitGrant,
}

impl Redeem {
    /// What the store finds the grant by.
    #[must_use]
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// What the transition needs.
    #[must_use]
    pub const fn attempt(&self) -> &Attempt {
        &self.attempt
    }

    /// What is known of the request.
    #[must_use]
    pub const fn context(&self) -> &Context {
        &self.request.context
    }

    /// Goes on with what the store brought.
    ///
    /// # Errors
    /// If it brought no session, or no key signs.
    pub fn resume(
        self,
        outcome: Result<SessionRecord, StoreFailure<GrantRefusal>>,
        guard: &Guard<'_>,
        now: Timestamp,
    ) -> Result<Redeemed, Denied> {
        let AwaitGrant { context, host, origin, .. } = self.request;
        let session = outcome.map_err(|failure| context.deny(grant_denial(failure)))?;
        let claims = session.claims();
        let credential = credential::stand(claims, Carrier::Grant, guard.standings, now)
            .map_err(|failure| context.deny(failure.denial))?;
        let Attempt { asked, needed, .. } = self.attempt;
        let admitted = guard.admit(context, host, origin, credential, asked, needed)?;
        let token = token::issue(&claims, guard.keys, now)
            .ok_or_else(|| context.deny(Denial::Unavailable(Outage::Keys)))?;
        Ok(Redeemed { admitted, token })
    }
}

/// A redemption that succeeded: the session's admission, and its first token.
#[derive(Debug)]
pub struct Redeemed {
    admitted: Admitted,
    token: SessionToken,
}

impl Redeemed {
    /// The admission of the request that redeemed the grant.
    #[must_use]
    pub const fn admitted(&self) -> &Admitted {
        &self.admitted
    }

    /// The token, for the one answer that carries it.
    #[must_use]
    pub const fn token(&self) -> &SessionToken {
        &self.token
    }

    /// Both, for a connection that the redemption opens.
    #[must_use]
    pub fn into_parts(self) -> (Admitted, SessionToken) {
        (self.admitted, self.token)
    }

    /// The cookie to carry it in.
    #[must_use]
    pub const fn cookie(&self) -> Option<CookieName> {
        self.admitted.context().cookie
    }
}

/// A ticket is to be consumed: run its transition in one transaction
/// ([`crate::ticket::consume`]), then [`AwaitTicket::resume`].
#[derive(Debug)]
#[must_use = "consume the ticket in the store and resume"]
pub struct AwaitTicket {
    context: Context,
    digest: Digest,
    attempt: TicketAttempt,
    host: HostProof,
    origin: OriginProof,
}

impl AwaitTicket {
    pub(super) fn new(
        examined: Examined<'_>,
        digest: Digest,
        beside: Option<SessionId>,
        needed: Capabilities,
    ) -> Self {
        let Examined { context, host, origin, origin_text, asked, .. } = examined;
        let origin_text = origin_text.and_then(|text| core::str::from_utf8(text).ok());
        let (origin_text, reach) = (origin_text.map(String::from), context.reach());
        let attempt = TicketAttempt { origin: origin_text, needed, asked, reach, beside };
        Self { context, digest, attempt, host, origin }
    }

    /// What the store finds the ticket by.
    #[must_use]
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// What the transition needs.
    #[must_use]
    pub const fn attempt(&self) -> &TicketAttempt {
        &self.attempt
    }

    /// What is known of the request.
    #[must_use]
    pub const fn context(&self) -> &Context {
        &self.context
    }

    /// Goes on with what the store brought.
    ///
    /// # Errors
    /// If it brought no session. A ticket that is not good is charged as a guess.
    pub fn resume(
        self,
        outcome: Result<Claims, StoreFailure<TicketRefusal>>,
        guard: &Guard<'_>,
        limiter: &mut impl Charge,
        now: Timestamp,
    ) -> Result<Admitted, Denied> {
        let context = self.context;
        let claims = outcome.map_err(|failure| {
            guard.refuse(context, ticket_denial(failure).into(), limiter, now)
        })?;
        let credential = credential::stand(claims, Carrier::Ticket, guard.standings, now)
            .map_err(|failure| guard.refuse(context, failure, limiter, now))?;
        let Self { host, origin, attempt, .. } = self;
        guard.admit(context, host, origin, credential, attempt.asked, attempt.needed)
    }
}

fn grant_denial(failure: StoreFailure<GrantRefusal>) -> Denial {
    let refused = match failure {
        StoreFailure::Refused(refused) => refused,
        StoreFailure::Unavailable(outage) => return Denial::Unavailable(outage),
    };
    Denial::GrantRefused(match refused {
        GrantRefusal::Unknown => GrantFault::Unknown,
        GrantRefusal::Revoked => GrantFault::Revoked,
        GrantRefusal::Expired => GrantFault::Expired,
        GrantRefusal::Spent => GrantFault::Spent,
        GrantRefusal::SessionGone => GrantFault::SessionGone,
        GrantRefusal::Workspace => return Denial::WorkspaceUnknown,
        GrantRefusal::Insufficient(lacking) => return Denial::CapabilityLacking(lacking),
    })
}

fn ticket_denial(failure: StoreFailure<TicketRefusal>) -> Denial {
    let refused = match failure {
        StoreFailure::Refused(refused) => refused,
        StoreFailure::Unavailable(outage) => return Denial::Unavailable(outage),
    };
    Denial::CredentialInvalid(match refused {
        TicketRefusal::Unknown => Invalid::TicketUnknown,
        TicketRefusal::Expired => Invalid::TicketExpired,
        TicketRefusal::OtherOrigin => Invalid::TicketOrigin,
        TicketRefusal::OtherSession => Invalid::TicketSession,
        TicketRefusal::Workspace => return Denial::WorkspaceUnknown,
        TicketRefusal::SessionRevoked => return Denial::SessionRevoked,
        TicketRefusal::SessionExpired => return Denial::SessionExpired,
        TicketRefusal::Insufficient(lacking) => return Denial::CapabilityLacking(lacking),
    })
}
