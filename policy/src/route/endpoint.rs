//! Doorward's own pages and endpoints, on the guarded origin and on that of administration.

use super::Access;
use crate::capability::Capabilities;
use crate::grant::Counter;
use crate::settings::Surface;

/// Doorward's own pages and endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `GET pair`: the pairing page.
    PairPage,
    /// `POST api/bootstrap`: a grant for a cookie.
    Bootstrap,
    /// `POST api/token`: a grant for a bearer token.
    Token,
    /// `GET api/session`: who am I.
    Session,
    /// `POST api/renew`: a token for a fresher one.
    Renew,
    /// `POST api/ticket`: a ticket for an upgrade.
    Ticket,
    /// `POST api/logout`: end this session.
    Logout,
    /// `GET health`.
    Health,
    /// `GET api/workspaces`: those that the session is a member of.
    Workspaces,
    /// `POST api/stay`: what runs on the server keeps a session from its idle end.
    Stay,
    /// `GET api/room`: the shared connections that the session has a part in.
    Room,
    /// `POST api/room`: ask for the right to write to one, pass it on, answer a question.
    ActInRoom,
    /// `POST api/ask`: what runs on the server asks whoever may write.
    Ask,
    /// What only the origin of administration has.
    Admin(Admin),
}

/// The page and endpoints of administration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admin {
    /// `GET /`: the page.
    Page,
    /// `POST api/bootstrap`: a grant for a bearer token.
    Bootstrap,
    /// `GET api/status`: what is guarded, and how.
    Status,
    /// `GET api/grants`: the grants that are kept.
    Grants,
    /// `POST api/grants`: a new grant.
    MakeGrant,
    /// `POST api/grants/revoke`.
    RevokeGrant,
    /// `GET api/sessions`: the sessions that are kept.
    Sessions,
    /// `POST api/sessions/revoke`: by id, by subject, or all.
    RevokeSessions,
    /// `POST api/sessions/limit`: to fewer capabilities.
    LimitSession,
    /// `GET api/workspaces`: all of them.
    Workspaces,
    /// `POST api/workspaces`: one change to them.
    ChangeWorkspaces,
    /// `GET api/locals`: the local tokens.
    Locals,
    /// `POST api/locals/revoke`.
    RevokeLocal,
}

/// What the origin of administration has beside [`super::OWN_PREFIX`]: its page.
pub(super) fn front(path: &str, method: &str) -> Option<(Endpoint, Access)> {
    let page = path == "/" && matches!(method, "GET" | "HEAD");
    page.then_some((Endpoint::Admin(Admin::Page), Access::Open))
}

/// The endpoint of this path behind [`super::OWN_PREFIX`], and what it asks for.
pub(super) fn find(path: &str, method: &str, surface: Surface) -> Option<(Endpoint, Access)> {
    match surface {
        Surface::Guarded => guarded(path, method),
        Surface::Admin => admin(path, method),
    }
}

//= req: ROUTE-3
fn guarded(path: &str, method: &str) -> Option<(Endpoint, Access)> {
    let session = Access::Session(Capabilities::NONE);
    let redeem = |counter| Access::Redeem(counter, Capabilities::NONE);
    Some(match (path, method) {
        ("pair", "GET" | "HEAD") => (Endpoint::PairPage, Access::Open),
        ("health", "GET" | "HEAD") => (Endpoint::Health, Access::Open),
        ("api/bootstrap", "POST") => (Endpoint::Bootstrap, redeem(Counter::Bootstrap)),
        ("api/token", "POST") => (Endpoint::Token, redeem(Counter::Token)),
        ("api/session", "GET") => (Endpoint::Session, Access::Anyone),
        ("api/renew", "POST") => (Endpoint::Renew, session),
        ("api/ticket", "POST") => (Endpoint::Ticket, session),
        ("api/logout", "POST") => (Endpoint::Logout, session),
        ("api/workspaces", "GET") => (Endpoint::Workspaces, session),
        ("api/stay", "POST") => (Endpoint::Stay, Access::Process),
        ("api/room", "GET") => (Endpoint::Room, session),
        ("api/room", "POST") => (Endpoint::ActInRoom, session),
        ("api/ask", "POST") => (Endpoint::Ask, Access::Process),
        _ => return None,
    })
}

fn admin(path: &str, method: &str) -> Option<(Endpoint, Access)> {
    //= req: ADMIN-3
    let administer = Access::Session(Capabilities::ADMINISTER);
    let redeem = Access::Redeem(Counter::Admin, Capabilities::ADMINISTER);
    let (endpoint, access) = match (path, method) {
        ("health", "GET" | "HEAD") => return Some((Endpoint::Health, Access::Open)),
        ("api/session", "GET") => return Some((Endpoint::Session, Access::Anyone)),
        ("api/renew", "POST") => return Some((Endpoint::Renew, administer)),
        ("api/logout", "POST") => return Some((Endpoint::Logout, administer)),
        ("api/bootstrap", "POST") => (Admin::Bootstrap, redeem),
        ("api/status", "GET") => (Admin::Status, administer),
        ("api/grants", "GET") => (Admin::Grants, administer),
        ("api/grants", "POST") => (Admin::MakeGrant, administer),
        ("api/grants/revoke", "POST") => (Admin::RevokeGrant, administer),
        ("api/sessions", "GET") => (Admin::Sessions, administer),
        ("api/sessions/revoke", "POST") => (Admin::RevokeSessions, administer),
        ("api/sessions/limit", "POST") => (Admin::LimitSession, administer),
        ("api/workspaces", "GET") => (Admin::Workspaces, administer),
        ("api/workspaces", "POST") => (Admin::ChangeWorkspaces, administer),
        ("api/locals", "GET") => (Admin::Locals, administer),
        ("api/locals/revoke", "POST") => (Admin::RevokeLocal, administer),
        _ => return None,
    };
    Some((Endpoint::Admin(endpoint), access))
}
