//! Grants: which are open, making one, taking one back.

use std::time::Duration;

use doorward_gate::audit::Event;
use doorward_gate::rfc3339;
use doorward_policy::Timestamp;
use doorward_policy::grant::{GrantRecord, GrantRequest, GrantSecret};
use doorward_policy::id::GrantId;
use doorward_policy::subject::Subject;
use doorward_policy::token::Method;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::fault::Fault;
use super::input::{CapabilityList, Input, Text};
use super::{Answered, Asking, listed, names, ok, qr};
use crate::answer;

/// How a new grant is handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Link,
    Code,
}

/// A grant to be made.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    label: Text<Subject>,
    capabilities: CapabilityList,
    kind: Kind,
    #[serde(default = "once")]
    uses: u32,
    life_seconds: u64,
}

const fn once() -> u32 {
    1
}

impl Input for Wanted {
    const EXPECTED: &'static str = "{\"label\": text, \"capabilities\": [name, …], \
        \"kind\": \"link\" or \"code\", \"life_seconds\": number, \"uses\": number (1)}";
}

/// A grant to be taken back.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    id: Text<GrantId>,
}

impl Input for Which {
    const EXPECTED: &'static str = "{\"id\": the id of a grant}";
}

impl Asking<'_> {
    pub(super) async fn grants(&self) -> Answered {
        let now = self.now()?;
        let mut grants = self.gate.store().grants().await?;
        // Open ones first; each kind stays in its order, the newest first.
        grants.sort_by_key(|grant| state(grant, now) != "open");
        listed("grants", grants.iter().map(|grant| shown(grant, now)).collect())
    }

    /// Makes a grant for the guarded origin, of at most what the maker holds.
    pub(super) async fn make_grant(&self, wanted: Wanted) -> Answered {
        let Wanted { label, capabilities, kind, uses, life_seconds } = wanted;
        self.check_held(capabilities.0)?;
        let request = GrantRequest {
            label: label.0,
            capabilities: capabilities.0,
            method: if kind == Kind::Code { Method::Code } else { Method::Link },
            uses,
            life: Duration::from_secs(life_seconds),
        };
        let audit = |now| self.audit(Event::GrantMade, now);
        let (secret, record) = self.over.gate.issue_grant(&request, self.held(), audit).await?;
        self.handed_over(secret, &record)
    }

    /// The one answer with the secret in it.
    fn handed_over(&self, secret: GrantSecret, record: &GrantRecord) -> Answered {
        let (links, now) = (&self.over.links, self.now()?);
        let credential = secret.expose();
        let link = (!secret.is_code()).then(|| links.link(secret));
        let modules = link.as_deref().and_then(|link| qr::modules(link));
        ok(&json!({
            "grant": shown(record, now),
            "credential": *credential,
            "url": link.as_deref(),
            "qr": modules,
            "pair": links.page(),
            "elsewhere": link.as_ref().and_then(|_| links.elsewhere()),
        }))
    }

    pub(super) async fn revoke_grant(&self, which: Which) -> Answered {
        let now = self.now()?;
        let audit = self.audit(Event::GrantRevoked, now);
        if self.gate.store().revoke_grant(which.id.0, now, audit).await? {
            return Ok(answer::empty(StatusCode::NO_CONTENT));
        }
        Err(Fault::NotFound("There is no grant of this id."))
    }
}

fn state(grant: &GrantRecord, now: Timestamp) -> &'static str {
    match grant {
        GrantRecord { revoked_at: Some(_), .. } => "revoked",
        GrantRecord { uses_left: 0, .. } => "spent",
        grant if now >= grant.expires_at => "expired",
        _ => "open",
    }
}

fn shown(grant: &GrantRecord, now: Timestamp) -> Value {
    json!({
        "id": grant.id.to_string(),
        "label": grant.label.as_str(),
        "capabilities": names(grant.capabilities),
        "method": grant.method.name(),
        "created_at": rfc3339(grant.created_at),
        "expires_at": rfc3339(grant.expires_at),
        "uses_left": grant.uses_left,
        "state": state(grant, now),
    })
}
