//! Administration: what its own origin answers for administrators, and for nobody else.
//!
//! It shares nothing with the guarded origin that a script there could use: another port, keys and
//! grants of its own, and tokens that no browser attaches by itself.

mod fault;
mod grants;
mod input;
mod locals;
mod qr;
mod sessions;
mod workspaces;

use std::sync::Arc;
use std::time::Duration;

use doorward_gate::audit::{AuditRecord, Event};
use doorward_gate::{Admission, Gate, rfc3339};
use doorward_policy::Timestamp;
use doorward_policy::capability::Capabilities;
use doorward_policy::id::SessionId;
use doorward_policy::route::Admin;
use doorward_policy::settings::Guarding;
use http::{Response, StatusCode};
use hyper::body::Incoming;
use serde::Serialize;
use serde_json::{Value, json};

use self::fault::Fault;
use self::input::Input;
use crate::answer;
use crate::body::Body;
use crate::links::LinkPlace;
use crate::site::Site;

/// What is administered.
#[derive(Clone, Debug)]
pub struct Administered {
    /// The gate of the guarded origin, on the same store.
    pub gate: Arc<Gate>,
    /// Where its links lead.
    pub links: LinkPlace,
    /// The guarded server of `main`, as it is shown; none for the built-in console.
    pub server: Option<String>,
}

/// One request of an administrator.
#[derive(Clone, Copy)]
struct Asking<'a> {
    /// The gate of the origin of administration.
    gate: &'a Gate,
    over: &'a Administered,
    admission: &'a Admission,
    /// For its body.
    deadline: Duration,
}

/// What an endpoint comes to.
type Answered = Result<Response<Body>, Fault>;

/// Answers for an endpoint of administration, whose session has been admitted to it.
pub(crate) async fn answer(
    site: &Site,
    endpoint: Admin,
    admission: &Admission,
    body: Incoming,
) -> Response<Body> {
    let Some(over) = &site.administered else { return answer::empty(StatusCode::NOT_FOUND) };
    let deadline = site.limits.head_deadline;
    let asking = Asking { gate: &site.gate, over, admission, deadline };
    let answered = asking.answered(endpoint, body).await;
    answered.unwrap_or_else(|fault| fault.answer(site, admission))
}

impl Asking<'_> {
    async fn answered(&self, endpoint: Admin, body: Incoming) -> Answered {
        match endpoint {
            Admin::Status => self.status(),
            Admin::Grants => self.grants().await,
            Admin::Sessions => self.sessions().await,
            Admin::Workspaces => self.workspaces().await,
            Admin::Locals => self.locals().await,
            Admin::MakeGrant => self.make_grant(self.read(body).await?).await,
            Admin::RevokeGrant => self.revoke_grant(self.read(body).await?).await,
            Admin::RevokeSessions => self.revoke_sessions(self.read(body).await?).await,
            Admin::LimitSession => self.limit_sessions(self.read(body).await?).await,
            Admin::ChangeWorkspaces => self.change_workspaces(self.read(body).await?).await,
            Admin::RevokeLocal => self.revoke_locals(self.read(body).await?).await,
            // The policy routes these elsewhere.
            Admin::Page | Admin::Bootstrap => Ok(answer::empty(StatusCode::NOT_FOUND)),
        }
    }

    /// What the administrator sends, who still is one when it is all there.
    async fn read<I: Input>(&self, body: Incoming) -> Result<I, Fault> {
        let read = input::read(body, self.deadline).await?;
        //= req: ADMIN-5
        self.gate.look_again(self.admission).map_err(Fault::Denied)?;
        Ok(read)
    }

    /// What is guarded, and how.
    fn status(&self) -> Answered {
        let Administered { gate, links, server } = self.over;
        let settings = gate.settings();
        let lifetimes = &settings.lifetimes;
        ok(&json!({
            "guarded": server,
            "base": links.base,
            "pair": links.page(),
            "elsewhere": links.elsewhere(),
            "quic_port": links.quic_port,
            "unguarded": settings.guarding == Guarding::Unguarded,
            "exposure": settings.exposure.to_string(),
            "workspaces": !gate.directory().is_off(),
            "idle_seconds": lifetimes.idle().as_secs(),
            "absolute_seconds": lifetimes.absolute().as_secs(),
            "capabilities": names(self.held()),
            "now": rfc3339(self.now()?),
        }))
    }

    /// What the administrator may do, and so may hand on.
    const fn held(&self) -> Capabilities {
        self.admission.admitted.capabilities()
    }

    /// Refuses what would hand on more than that.
    fn check_held(&self, wanted: Capabilities) -> Result<(), Fault> {
        let beyond = wanted.without(self.held());
        //= req: ADMIN-4
        if beyond.is_empty() { Ok(()) } else { Err(Fault::Beyond(beyond)) }
    }

    /// The session that asks.
    fn asker(&self) -> Option<SessionId> {
        self.admission.admitted.holder().map(|holder| holder.key)
    }

    fn now(&self) -> Result<Timestamp, Fault> {
        self.gate.now().map_err(Fault::Denied)
    }

    /// The record of what is done, by whom and from where.
    fn audit(&self, event: Event, now: Timestamp) -> AuditRecord {
        let admitted = &self.admission.admitted;
        let by = self.asker().map_or_else(String::new, |by| format!("by session {by}"));
        let record = AuditRecord::new(event, now).traced(self.admission.trace);
        record.of(admitted.context()).because(by)
    }
}

fn ok(value: &impl Serialize) -> Answered {
    Ok(answer::json(StatusCode::OK, value))
}

fn names(capabilities: Capabilities) -> Vec<&'static str> {
    capabilities.names().collect()
}

/// How many of a list are shown; the rest is counted.
const MOST_LISTED: usize = 1000;

/// A list under its name, at most [`MOST_LISTED`] of it, and how many were left out.
fn listed(name: &str, mut values: Vec<Value>) -> Answered {
    let left_out = values.len().saturating_sub(MOST_LISTED);
    values.truncate(MOST_LISTED);
    ok(&json!({ name: values, "left_out": left_out }))
}
