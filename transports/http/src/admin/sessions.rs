//! Sessions: who is paired, ending that, and taking capabilities away.

use doorward_gate::admin::{self, Revoked};
use doorward_gate::audit::Event;
use doorward_gate::rfc3339;
use doorward_gate::store::live_connections;
use doorward_policy::Timestamp;
use doorward_policy::id::SessionId;
use doorward_policy::ledger::Selector;
use doorward_policy::session::SessionRecord;
use doorward_policy::subject::Subject;
use serde::Deserialize;
use serde_json::{Value, json};

use super::fault::Fault;
use super::input::{CapabilityList, Input, Text};
use super::{Answered, Asking, listed, names, ok};

/// Sessions to be ended: exactly one of the first four.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    session: Option<Text<SessionId>>,
    subject: Option<Text<Subject>>,
    #[serde(default)]
    all: bool,
    /// All but the one that asks.
    #[serde(default)]
    others: bool,
    /// Whether the session that asks is meant as well.
    #[serde(default, rename = "self")]
    self_too: bool,
}

impl Input for Which {
    const EXPECTED: &'static str = "one of {\"session\": id}, {\"subject\": name}, \
        {\"all\": true} and {\"others\": true}, and \"self\": true if your own is meant";
}

impl Which {
    fn selector(&self, asker: Option<SessionId>) -> Result<Selector, Fault> {
        let one = || Fault::Malformed(format!("This takes {}.", Self::EXPECTED));
        let others =
            if self.others { Some(Selector::AllBut(asker.ok_or_else(one)?)) } else { None };
        let named = [
            self.session.map(|id| Selector::Session(id.0)),
            self.subject.map(|subject| Selector::Subject(subject.0)),
            self.all.then_some(Selector::All),
            others,
        ];
        let mut named = named.into_iter().flatten();
        match (named.next(), named.next()) {
            (Some(which), None) => Ok(which),
            _ => Err(one()),
        }
    }
}

/// A session that is to be left these capabilities at most.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limit {
    session: Text<SessionId>,
    capabilities: CapabilityList,
    #[serde(default, rename = "self")]
    self_too: bool,
}

impl Input for Limit {
    const EXPECTED: &'static str = "{\"session\": id, \"capabilities\": [name, …]}, and \
        \"self\": true if your own is meant";
}

impl Asking<'_> {
    /// Who is paired, and who was, as long as that is kept; the live ones first.
    pub(super) async fn sessions(&self) -> Answered {
        let now = self.now()?;
        let store = self.gate.store();
        let connections = live_connections(&store.reports(now).await?);
        let mut sessions = store.sessions().await?;
        sessions.sort_by_key(|session| !session.is_live(now));
        let asker = self.asker();
        let shown = sessions.iter().map(|session| {
            let live = connections.get(&session.id).copied().unwrap_or(0);
            shown(session, live, asker == Some(session.id), now)
        });
        listed("sessions", shown.collect())
    }

    /// Ends sessions, and answers once their connections are closed.
    pub(super) async fn revoke_sessions(&self, which: Which) -> Answered {
        let selector = which.selector(self.asker())?;
        let which = self.which(selector, which.self_too);
        let audit = self.audit(Event::SessionRevoked, self.now()?);
        let (store, clock) = (&**self.gate.store(), &**self.gate.clock());
        let revoked = admin::revoke_sessions(store, clock, which, audit).await?;
        let named = matches!(selector, Selector::Session(_) | Selector::Subject(_));
        if named && revoked.sessions.is_empty() {
            return Err(NO_SESSION);
        }
        done(&revoked)
    }

    /// Takes capabilities away, and answers once the connections that needed them are closed.
    pub(super) async fn limit_sessions(&self, limit: Limit) -> Answered {
        let Limit { session, capabilities, self_too } = limit;
        if capabilities.0.is_empty() {
            let what = "A session keeps at least one capability; to end it, revoke it.";
            return Err(Fault::Malformed(what.to_owned()));
        }
        let now = self.now()?;
        let sessions = self.gate.store().sessions().await?;
        if !sessions.iter().any(|one| one.id == session.0 && one.is_live(now)) {
            return Err(NO_SESSION);
        }
        let which = self.which(Selector::Session(session.0), self_too);
        let audit = self.audit(Event::SessionLimited, now).limited_to(capabilities.0);
        let (store, clock) = (&**self.gate.store(), &**self.gate.clock());
        done(&admin::limit_sessions(store, clock, which, capabilities.0, audit).await?)
    }

    fn which(&self, sessions: Selector, self_too: bool) -> admin::Which {
        admin::Which { sessions, asking: self.asker(), self_too }
    }
}

const NO_SESSION: Fault = Fault::NotFound("There is no such live session.");

/// What was done: a listener that was not heard in time may have connections open still.
fn done(revoked: &Revoked) -> Answered {
    let Revoked { sessions, closed, unheard } = revoked;
    let ids: Vec<String> = sessions.iter().map(|session| session.id.to_string()).collect();
    ok(&json!({ "sessions": ids, "closed": closed, "unheard": unheard }))
}

fn state(session: &SessionRecord, now: Timestamp) -> &'static str {
    match session {
        SessionRecord { revoked_at: Some(_), .. } => "revoked",
        session if session.is_live(now) => "live",
        _ => "expired",
    }
}

fn shown(session: &SessionRecord, connections: u32, own: bool, now: Timestamp) -> Value {
    json!({
        "id": session.id.to_string(),
        "subject": session.subject.as_str(),
        "capabilities": names(session.capabilities),
        "method": session.method.name(),
        "grant": session.grant.to_string(),
        "opened_from": session.opened_from.map(|address| address.to_string()),
        "created_at": rfc3339(session.created_at),
        "expires_at": rfc3339(session.expires_at),
        "absolute_end": rfc3339(session.absolute_end),
        "connections": connections,
        "state": state(session, now),
        "self": own,
    })
}
