//! Who a session is, for how long, and where it may go.

use doorward_gate::{Admission, rfc3339};
use doorward_policy::Timestamp;
use doorward_policy::admission::Admitted;
use doorward_policy::capability::Capabilities;
use doorward_policy::credential::Identity;
use doorward_policy::deadline;
use doorward_policy::token::Claims;
use doorward_policy::workspace::{Directory, Workspace, WorkspaceName};
use serde::Serialize;

/// A session as it is told about itself.
#[derive(Serialize)]
pub(crate) struct Who {
    authenticated: bool,
    session_id: String,
    subject: String,
    capabilities: Vec<&'static str>,
    method: &'static str,
    expires_at: String,
    /// The end that no renewal passes; none for a local token, which has no other.
    #[serde(skip_serializing_if = "Option::is_none")]
    absolute_end: Option<String>,
    /// From now to `expires_at`, in whole seconds: for clients whose own clock is wrong.
    deadline_seconds: u64,
    /// `five_minutes` or `one_minute`, once so little is left.
    warning: Option<&'static str>,
}

impl Who {
    /// The holder of a session.
    pub(crate) fn of(claims: &Claims, now: Timestamp) -> Self {
        let absolute_end = Some(rfc3339(claims.absolute_end));
        let Claims { session, subject, capabilities, expires_at, .. } = claims;
        Self {
            authenticated: true,
            session_id: session.to_string(),
            subject: subject.as_str().to_owned(),
            capabilities: capabilities.names().collect(),
            method: claims.method.name(),
            expires_at: rfc3339(*expires_at),
            absolute_end,
            deadline_seconds: expires_at.since(now).as_secs(),
            warning: deadline::warning(*expires_at, now).map(deadline::Warning::name),
        }
    }

    /// Whoever a request was admitted as; `None` for nobody in particular.
    pub(crate) fn admitted(admitted: &Admitted, now: Timestamp) -> Option<Self> {
        match admitted.identity() {
            Identity::Session { claims, .. } => Some(Self::of(claims, now)),
            Identity::Local(claims) => Some(Self {
                authenticated: true,
                session_id: claims.id.to_string(),
                subject: claims.name.as_str().to_owned(),
                capabilities: claims.capabilities.names().collect(),
                method: "local",
                expires_at: rfc3339(claims.ends_at),
                absolute_end: None,
                deadline_seconds: claims.ends_at.since(now).as_secs(),
                warning: deadline::warning(claims.ends_at, now).map(deadline::Warning::name),
            }),
            Identity::Unguarded => None,
        }
    }
}

/// A workspace as its member sees it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Seen {
    name: String,
    /// What this session may do there: of the membership, what its own token allows.
    capabilities: Vec<&'static str>,
    /// Whether it is where requests go that name no workspace.
    home: bool,
    /// The hosts and paths that are its own.
    routes: Vec<String>,
    /// `web`, `bytes`, or both.
    reached_by: Vec<&'static str>,
}

/// The workspaces of whoever asks, in the order of their names. Nobody is told of another's.
pub(crate) fn seen(admission: &Admission, directory: &Directory) -> Vec<Seen> {
    let held = admission.admitted.identity().capabilities();
    match admission.admitted.identity() {
        Identity::Session { claims, .. } if !directory.is_off() => {
            let home = directory.home_of(claims.subject).map(Workspace::name);
            let seen = directory.seen_by(claims.subject);
            seen.map(|(one, member)| {
                Seen::of(one, held.common(member.capabilities), home == Some(one.name()))
            })
            .collect()
        }
        Identity::Local(claims) if !directory.is_off() => {
            let own = directory.workspace(&claims.workspace);
            own.map(|one| Seen::of(one, held, true)).into_iter().collect()
        }
        Identity::Local(claims) if !claims.workspace.is_main() => Vec::new(),
        Identity::Session { .. } | Identity::Local(_) => vec![Seen::main(held)],
        Identity::Unguarded if directory.is_off() => vec![Seen::main(held)],
        Identity::Unguarded => Vec::new(),
    }
}

impl Seen {
    fn of(workspace: &Workspace, capabilities: Capabilities, home: bool) -> Self {
        let (web, bytes) = (workspace.web().is_some(), workspace.bytes().is_some());
        // Without any server, Doorward's own console and echo are reached in both ways.
        let reached = [("web", web || !bytes), ("bytes", bytes || !web)];
        Self {
            name: workspace.name().as_str().to_owned(),
            capabilities: capabilities.names().collect(),
            home,
            routes: workspace.claims().iter().map(ToString::to_string).collect(),
            reached_by: reached.into_iter().filter(|(_, is)| *is).map(|(way, _)| way).collect(),
        }
    }

    fn main(capabilities: Capabilities) -> Self {
        Self {
            name: WorkspaceName::main().as_str().to_owned(),
            capabilities: capabilities.names().collect(),
            home: true,
            routes: Vec::new(),
            reached_by: vec!["web", "bytes"],
        }
    }
}
