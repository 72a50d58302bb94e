//! Tickets: single-use credentials for a client that can't set headers on an upgrade.

use alloc::string::String;
use core::time::Duration;

use zeroize::Zeroizing;

use crate::capability::Capabilities;
use crate::encoding::{base64url, decode_exact};
use crate::id::SessionId;
use crate::keys::{Digest, Digester};
use crate::secret::Secret;
use crate::session::SessionRecord;
use crate::time::Timestamp;
use crate::token::Claims;
use crate::workspace::{self, Asked, Directory, Reach, Visitor};

/// How long a ticket can be used.
pub const LIFE: Duration = Duration::from_secs(30);

/// A ticket's secret: 32 random bytes.
#[derive(Debug)]
pub struct TicketSecret(Secret<32>);

impl TicketSecret {
    /// From entropy.
    #[must_use]
    pub const fn new(entropy: [u8; 32]) -> Self {
        Self(Secret::new(entropy))
    }

    /// From its 43 characters of base64url.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        decode_exact(text).map(Secret::new).map(Self)
    }

    /// What a store finds it by.
    #[must_use]
    pub fn digest(&self, digester: &Digester) -> Digest {
        digester.digest(self.0.expose())
    }

    /// Lays the text open, for the one answer that carries it.
    #[must_use]
    pub fn expose(&self) -> Zeroizing<String> {
        Zeroizing::new(base64url(self.0.expose()))
    }
}

/// The durable record of a ticket. Consuming it removes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketRecord {
    /// The session that asked for it.
    pub session: SessionId,
    /// At most what that session's token allowed.
    pub capabilities: Capabilities,
    /// The serialised origin that asked for it (RFC 6454, section 6.2); a request with a ticket
    /// must come from the same, or from none if none asked.
    pub origin: Option<String>,
    /// At most [`LIFE`] after it was made, and not past the token that asked for it.
    pub expires_at: Timestamp,
}

impl TicketRecord {
    /// The record of a new ticket for a verified session.
    #[must_use]
    pub fn issue(claims: &Claims, origin: Option<&str>, now: Timestamp) -> Self {
        Self {
            session: claims.session,
            capabilities: claims.capabilities,
            origin: origin.map(String::from),
            //= req: TICKET-2
            expires_at: now.plus(LIFE).min(claims.expires_at),
        }
    }
}

/// One try to use a ticket.
#[derive(Clone, Debug)]
pub struct TicketAttempt {
    /// The request's origin, serialised.
    pub origin: Option<String>,
    /// What the request needs.
    pub needed: Capabilities,
    /// The workspace that it asks for.
    pub asked: Asked,
    /// How it would be reached.
    pub reach: Reach,
    /// The session of the cookie that came along, which must be the ticket's.
    pub beside: Option<SessionId>,
}

/// Why a ticket is refused. Outside, the first four are one and the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TicketRefusal {
    /// No ticket has this digest: never made, or used.
    Unknown,
    /// `now >= expires_at`.
    Expired,
    /// Presented from another origin than asked for it.
    OtherOrigin,
    /// The cookie beside it proves another session.
    OtherSession,
    /// Its session was revoked.
    SessionRevoked,
    /// Its session has expired, or is not known.
    SessionExpired,
    /// The workspace that is asked for is none of its session's.
    Workspace,
    /// It lacks what the request needs.
    Insufficient(Capabilities),
}

/// The transition of a ticket: decides whether it is consumed, and for which claims. A store calls
/// this inside the transaction that removes the ticket, with its own directory; on a refusal
/// nothing is removed.
///
/// # Errors
/// Why the ticket is refused.
pub fn consume(
    ticket: Option<&TicketRecord>,
    session: Option<&SessionRecord>,
    attempt: &TicketAttempt,
    directory: &Directory,
    now: Timestamp,
) -> Result<Claims, TicketRefusal> {
    let ticket = ticket.ok_or(TicketRefusal::Unknown)?;
    //= req: TICKET-2
    if now >= ticket.expires_at {
        return Err(TicketRefusal::Expired);
    }
    //= req: TICKET-3
    if ticket.origin != attempt.origin {
        return Err(TicketRefusal::OtherOrigin);
    }
    //= req: TICKET-4
    if attempt.beside.is_some_and(|beside| beside != ticket.session) {
        return Err(TicketRefusal::OtherSession);
    }
    //= req: TICKET-6
    let session = session.ok_or(TicketRefusal::SessionExpired)?;
    //= req: TICKET-6
    if session.revoked_at.is_some() {
        return Err(TicketRefusal::SessionRevoked);
    }
    //= req: TICKET-6
    if now >= session.expires_at {
        return Err(TicketRefusal::SessionExpired);
    }
    //= req: TICKET-5
    let capabilities = ticket.capabilities.common(session.capabilities);
    let visitor = Visitor::Subject(session.subject);
    let joined = workspace::verify(directory, attempt.asked, visitor, attempt.reach);
    //= req: GRANT-7
    let membership = joined.map_err(|_| TicketRefusal::Workspace)?.capabilities;
    let lacking = attempt.needed.without(capabilities.common(membership));
    if !lacking.is_empty() {
        return Err(TicketRefusal::Insufficient(lacking));
    }
    Ok(Claims { capabilities, ..session.claims() })
}
