//! Local tokens: which processes have one, and taking it away.

use doorward_gate::admin::{self, Removed};
use doorward_gate::audit::Event;
use doorward_gate::rfc3339;
use doorward_gate::store::live_connections;
use doorward_policy::id::SessionId;
use doorward_policy::local::{LocalRecord, LocalSelector};
use serde::Deserialize;
use serde_json::{Value, json};

use super::fault::Fault;
use super::input::{Input, Text};
use super::{Answered, Asking, listed, names, ok};

/// Local tokens to be removed: exactly one of the two.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    id: Option<Text<SessionId>>,
    #[serde(default)]
    all: bool,
}

impl Input for Which {
    const EXPECTED: &'static str = "one of {\"id\": id} and {\"all\": true}";
}

impl Which {
    fn selector(&self) -> Result<LocalSelector, Fault> {
        match (self.id, self.all) {
            (Some(id), false) => Ok(LocalSelector::Id(id.0)),
            (None, true) => Ok(LocalSelector::All),
            _ => Err(Fault::Malformed(format!("This takes {}.", Self::EXPECTED))),
        }
    }
}

impl Asking<'_> {
    /// The tokens, and nothing that one could be derived from.
    pub(super) async fn locals(&self) -> Answered {
        let now = self.now()?;
        let store = self.gate.store();
        let connections = live_connections(&store.reports(now).await?);
        let mut locals = store.locals().await?;
        locals.retain(|local| now < local.ends_at);
        let shown = locals
            .iter()
            .map(|local| shown(local, connections.get(&local.incarnation).copied().unwrap_or(0)));
        listed("locals", shown.collect())
    }

    /// Removes tokens, and answers once their connections are closed.
    pub(super) async fn revoke_locals(&self, which: Which) -> Answered {
        let selector = which.selector()?;
        let audit = self.audit(Event::LocalRemoved, self.now()?);
        let (store, clock) = (&**self.gate.store(), &**self.gate.clock());
        let removed = admin::remove_locals(store, clock, selector, audit).await?;
        let Removed { locals, closed, unheard } = &removed;
        if locals.is_empty() && !which.all {
            return Err(Fault::NotFound("There is no local token of this id."));
        }
        let ids: Vec<String> = locals.iter().map(|local| local.id.to_string()).collect();
        ok(&json!({ "locals": ids, "closed": closed, "unheard": unheard }))
    }
}

fn shown(local: &LocalRecord, connections: u32) -> Value {
    json!({
        "id": local.id.to_string(),
        "name": local.name.as_str(),
        "workspace": local.workspace.as_str(),
        "capabilities": names(local.capabilities),
        "pid": local.pid,
        "directory": local.directory,
        "created_at": rfc3339(local.created_at),
        "ends_at": rfc3339(local.ends_at),
        "connections": connections,
    })
}
