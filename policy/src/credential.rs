//! What a request presents: exactly one source, extracted without precedence, then verified.

use crate::capability::Capabilities;
use crate::cookie::{self, CookieName};
use crate::denial::{Denial, Invalid, Outage};
use crate::id::SessionId;
use crate::keys::{Digest, Digester, KeyRing};
use crate::local::{LocalClaims, LocalRefusal, LocalSecret};
use crate::request::Fields;
use crate::settings::{Guarding, Settings, Surface};
use crate::standing::{Standing, Standings};
use crate::subject::Subject;
use crate::ticket::TicketSecret;
use crate::time::Timestamp;
use crate::token::{self, Claims, TokenError, UntrustedToken};

/// The subprotocol that tells that the client speaks to Doorward itself.
pub const SUBPROTOCOL: &str = "doorward";
/// What the subprotocol that carries a ticket begins with.
pub const TICKET_PREFIX: &str = "doorward.ticket.";

/// How a session token was presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// In a cookie: a browser attaches it by itself.
    Cookie,
    /// In `Authorization: Bearer`.
    Bearer,
    /// It was not: a ticket stood for it.
    Ticket,
    /// It was not: a grant has just been redeemed.
    Grant,
}

/// What a request presents.
#[derive(Clone, Copy)]
pub(crate) enum Presented<'a> {
    Nothing,
    Cookie(&'a [u8]),
    Bearer(&'a [u8]),
    Ticket { ticket: &'a [u8], cookie: Option<&'a [u8]> },
    Local(&'a [u8]),
}

impl Presented<'_> {
    /// Whether a browser attaches it by itself.
    pub(crate) const fn is_ambient(&self) -> bool {
        matches!(self, Self::Cookie(_) | Self::Ticket { cookie: Some(_), .. })
    }
}

/// Finds the one credential of a request. Cookies are looked at where they have a name.
///
/// `Authorization` is ours only with scheme `Doorward-Session`, or `Bearer` with a value shaped
/// like our token; any other value is the guarded server's.
pub(crate) fn extract<'a>(
    fields: &Fields<'a>,
    name: Option<CookieName>,
    upgrade: bool,
) -> Result<Presented<'a>, Denial> {
    let cookie = match fields.cookie.value().zip(name) {
        Some((field, name)) => cookie::find(field, name)?,
        None => None,
    };
    //= req: TICKET-8
    let offered = fields.websocket_protocol.value().filter(|_| upgrade);
    let ticket = offered.map(find_ticket).transpose()?.flatten();
    match (authorization(fields), cookie, ticket) {
        (None, None, None) => Ok(Presented::Nothing),
        (None, Some(cookie), None) => Ok(Presented::Cookie(cookie)),
        (None, cookie, Some(ticket)) => Ok(Presented::Ticket { ticket, cookie }),
        (Some(presented), None, None) => Ok(presented),
        //= req: CRED-2
        _ => Err(Denial::CredentialAmbiguous),
    }
}

//= req: CRED-4
fn authorization<'a>(fields: &Fields<'a>) -> Option<Presented<'a>> {
    let value = fields.authorization.value()?;
    let space = value.iter().position(|byte| *byte == b' ').unwrap_or(value.len());
    let (scheme, rest) = value.split_at_checked(space)?;
    let rest = rest.trim_ascii();
    if scheme.eq_ignore_ascii_case(b"doorward-session") {
        return Some(Presented::Local(rest));
    }
    let ours = scheme.eq_ignore_ascii_case(b"bearer") && UntrustedToken::looks_like_ours(rest);
    ours.then_some(Presented::Bearer(rest))
}

fn find_ticket(offered: &[u8]) -> Result<Option<&[u8]>, Denial> {
    let ticket = |item: &'_ [u8]| item.trim_ascii().starts_with(TICKET_PREFIX.as_bytes());
    let mut tickets = offered.split(|byte| *byte == b',').filter(|item| ticket(item));
    let first = tickets.next().and_then(|item| item.trim_ascii().get(TICKET_PREFIX.len()..));
    //= req: CRED-2
    if tickets.next().is_some() {
        return Err(Denial::CredentialAmbiguous);
    }
    Ok(first)
}

/// Whether an `Authorization` value is Doorward's, and so never reaches the guarded server.
#[must_use]
pub fn is_our_authorization(value: &[u8]) -> bool {
    let fields = Fields { authorization: crate::request::Single::Once(value), ..Fields::default() };
    authorization(&fields).is_some()
}

/// Proof that a credential was verified, and whose it is.
#[derive(Debug)]
pub(crate) struct CredentialProof {
    identity: Identity,
}

/// Whom a request was admitted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// A session.
    Session {
        /// What was verified; its capabilities are those in force now.
        claims: Claims,
        /// How it was presented.
        carrier: Carrier,
    },
    /// A process on this machine.
    Local(LocalClaims),
    /// Nobody in particular: the operator asked for no guard.
    Unguarded,
}

/// Who holds a session or a local token: what their connections are kept under, and shown as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// What standings and connections are kept under.
    pub key: SessionId,
    /// What is shown; the same, but for a local token.
    pub id: SessionId,
    /// Whose it is.
    pub subject: Subject,
    /// The first moment at which it is over, as far as its credential says.
    pub expires_at: Timestamp,
}

impl Identity {
    /// The session, if there is one.
    #[must_use]
    pub const fn claims(&self) -> Option<&Claims> {
        match self {
            Self::Session { claims, .. } => Some(claims),
            Self::Local(_) | Self::Unguarded => None,
        }
    }

    /// Who it is, if it is anybody in particular.
    #[must_use]
    pub const fn holder(&self) -> Option<Holder> {
        match self {
            Self::Session { claims, .. } => Some(Holder {
                key: claims.session,
                id: claims.session,
                subject: claims.subject,
                expires_at: claims.expires_at,
            }),
            Self::Local(claims) => Some(Holder {
                key: claims.incarnation,
                id: claims.id,
                subject: claims.name,
                expires_at: claims.ends_at,
            }),
            Self::Unguarded => None,
        }
    }

    /// What its credential allows: all, where no guard was asked for.
    #[must_use]
    pub const fn capabilities(&self) -> Capabilities {
        match self {
            Self::Session { claims, .. } => claims.capabilities,
            Self::Local(claims) => claims.capabilities,
            //= req: CRED-6
            Self::Unguarded => Capabilities::ALL.without(Capabilities::ADMINISTER),
        }
    }
}

impl CredentialProof {
    /// Whom it proves.
    pub(crate) const fn identity(&self) -> &Identity {
        &self.identity
    }
}

/// A verification that failed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failure {
    pub(crate) denial: Denial,
    /// Whose credential it was; known only once its MAC verified, or its digest was found. Such a
    /// failure is no guess.
    pub(crate) known: Option<(SessionId, Subject)>,
}

impl From<Denial> for Failure {
    fn from(denial: Denial) -> Self {
        Self { denial, known: None }
    }
}

/// The proof that none is needed, where the operator asked for no guard by name. The origin of
/// administration always has one.
pub(crate) fn unguarded(settings: &Settings) -> Option<CredentialProof> {
    match (settings.guarding, settings.surface) {
        //= req: ADMIN-3
        (Guarding::Required, _) | (Guarding::Unguarded, Surface::Admin) => None,
        (Guarding::Unguarded, Surface::Guarded) => {
            Some(CredentialProof { identity: Identity::Unguarded })
        }
    }
}

/// Verifies a session token: form, MAC, times, revocation. Without a write, without a lock,
/// without an allocation.
pub(crate) fn verify_token(
    text: &[u8],
    carrier: Carrier,
    keys: &KeyRing,
    standings: &Standings,
    now: Timestamp,
) -> Result<CredentialProof, Failure> {
    match token::verify(text, keys, now) {
        Ok(verified) => stand(*verified.claims(), carrier, standings, now),
        Err(error) => Err(token_failure(error)),
    }
}

/// Checks that what is known of revocations is recent enough to admit anybody on (I20). Looked at
/// before a use is consumed, too: a request that is refused afterwards would have spent it.
pub(crate) fn check_fresh(standings: &Standings, now: Timestamp) -> Result<(), Denial> {
    let stale = Denial::Unavailable(Outage::StaleRevocations);
    //= req: SESSION-8
    standings.is_fresh(now).then_some(()).ok_or(stale)
}

/// The proof of a session whose claims are known to hold, once its standing has been looked at.
pub(crate) fn stand(
    claims: Claims,
    carrier: Carrier,
    standings: &Standings,
    now: Timestamp,
) -> Result<CredentialProof, Failure> {
    let known = Some((claims.session, claims.subject));
    check_fresh(standings, now).map_err(|denial| Failure { denial, known })?;
    let capabilities = match standings.of(claims.session) {
        Standing::Unchanged => claims.capabilities,
        //= req: CAP-2
        Standing::Limited(capabilities) => claims.capabilities.common(capabilities),
        //= req: SESSION-6
        Standing::Revoked => return Err(Failure { denial: Denial::SessionRevoked, known }),
    };
    let claims = Claims { capabilities, ..claims };
    Ok(CredentialProof { identity: Identity::Session { claims, carrier } })
}

fn token_failure(error: TokenError) -> Failure {
    let invalid = |invalid| Failure::from(Denial::CredentialInvalid(invalid));
    match error {
        TokenError::Malformed => invalid(Invalid::Malformed),
        TokenError::UnknownKey => invalid(Invalid::UnknownKey),
        TokenError::BadTag => invalid(Invalid::BadTag),
        TokenError::BadRecord => invalid(Invalid::BadRecord),
        TokenError::NotYetValid => invalid(Invalid::NotYetValid),
        TokenError::Expired(session, subject) => {
            Failure { denial: Denial::SessionExpired, known: Some((session, subject)) }
        }
    }
}

/// The digest of a presented ticket.
pub(crate) fn ticket_digest(text: &[u8], digester: &Digester) -> Result<Digest, Failure> {
    let malformed = Denial::CredentialInvalid(Invalid::Malformed);
    Ok(TicketSecret::parse(text).ok_or(malformed)?.digest(digester))
}

/// The digest of a presented local token.
pub(crate) fn local_digest(text: &[u8], digester: &Digester) -> Result<Digest, Failure> {
    let malformed = Denial::CredentialInvalid(Invalid::LocalMalformed);
    Ok(LocalSecret::parse(text).ok_or(malformed)?.digest(digester))
}

/// The proof of a local token whose record was looked up, once its standing has been looked at.
pub(crate) fn stand_local(
    found: Result<LocalClaims, LocalRefusal>,
    standings: &Standings,
    now: Timestamp,
) -> Result<CredentialProof, Failure> {
    check_fresh(standings, now)?;
    let invalid = |invalid| Failure::from(Denial::CredentialInvalid(invalid));
    let claims = found.map_err(|refusal| match refusal {
        LocalRefusal::Unknown => invalid(Invalid::LocalUnknown),
        LocalRefusal::Expired => invalid(Invalid::LocalExpired),
        LocalRefusal::Dead => invalid(Invalid::LocalDead),
        LocalRefusal::Unclear => Denial::Unavailable(Outage::Processes).into(),
    })?;
    let capabilities = match standings.of(claims.incarnation) {
        Standing::Unchanged => claims.capabilities,
        //= req: CAP-2
        Standing::Limited(limit) => claims.capabilities.common(limit),
        // Replaced or removed a moment ago.
        //= req: LOCAL-6
        Standing::Revoked => return Err(invalid(Invalid::LocalUnknown)),
    };
    let claims = LocalClaims { capabilities, ..claims };
    Ok(CredentialProof { identity: Identity::Local(claims) })
}
