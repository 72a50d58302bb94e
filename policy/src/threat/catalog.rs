//! The rows of the catalog, in its order, and short ways to write their parts.

mod availability;
mod credential;
mod entry;
mod lifecycle;
mod request;
mod rights;
mod state;

pub(super) use self::availability::{
    EARLY_DATA, PARSER_ABUSE, RESOURCE_EXHAUSTION, SLOW_HANDSHAKE,
};
pub(super) use self::credential::{COOKIE_SHADOWING, CREDENTIAL_AMBIGUITY, TOKEN_FORGERY};
pub(super) use self::entry::{AMBIENT_AUTHORITY, CROSS_SITE_HIJACK, DNS_REBINDING, ROUTE_BYPASS};
pub(super) use self::lifecycle::{
    GRANT_GUESSING, GRANT_REPLAY, REVOKED_SESSION, SESSION_FIXATION, STALE_GRANT, STALE_SESSION,
    TICKET_REPLAY,
};
pub(super) use self::request::{
    EAVESDROPPING, HEADER_SPOOFING, PATH_CONFUSION, REQUEST_SMUGGLING, UPGRADE_SMUGGLING,
};
pub(super) use self::rights::{
    CAPABILITY_ESCALATION, LOCAL_IMPERSONATION, SERVICE_WORKER, WORKSPACE_CONFUSION,
};
pub(super) use self::state::{FAIL_OPEN, LOST_EFFECT, PREDICTABLE_SECRET, SECRET_LEAK};
use super::{Duty, Mitigation, Rfc, Role};

/// What stops an attack, and the source file where it does.
const fn at(at: &'static str, does: &'static str) -> Mitigation {
    Mitigation { at, does }
}

/// What whoever runs the listener has to do.
const fn operator(what: &'static str) -> Duty {
    Duty { of: Role::Operator, what }
}

/// What whoever embeds the policy or an adapter has to do.
const fn embedder(what: &'static str) -> Duty {
    Duty { of: Role::Embedder, what }
}

/// A section of an RFC.
const fn rfc(number: u16, section: &'static str) -> Rfc {
    Rfc { number, section }
}
