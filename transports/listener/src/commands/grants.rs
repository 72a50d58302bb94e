//! `doorward grants`: the links and codes that can still be used.

use doorward_gate::audit::Event;
use doorward_gate::rfc3339;
use doorward_policy::Timestamp;
use doorward_policy::grant::GrantRecord;
use doorward_policy::id::GrantId;
use serde_json::{Value, json};

use super::names;
use crate::cli::{GrantsCommand, ListArgs, RevokeGrantArgs};
use crate::failure::{Failure, Outcome};
use crate::output;
use crate::state::State;

pub(super) async fn run(command: &GrantsCommand) -> Outcome {
    match command {
        GrantsCommand::List(args) => list(args).await,
        GrantsCommand::Revoke(args) => revoke(args).await,
    }
}

async fn list(args: &ListArgs) -> Outcome {
    let state = State::open(&args.state).await?;
    let now = state.now()?;
    let mut grants = state.store.grants().await.map_err(Failure::failed)?;
    grants.retain(|grant| args.all || standing(grant, now) == "open");
    if args.json {
        return output::json(&grants.iter().map(|grant| shown(grant, now)).collect());
    }
    if grants.is_empty() {
        return output::line("No link or code is open; `doorward pair` makes one.");
    }
    let row = |grant: &GrantRecord| {
        [
            grant.id.to_string(),
            grant.label.to_string(),
            grant.method.name().to_owned(),
            grant.capabilities.to_string(),
            grant.uses_left.to_string(),
            output::minute(grant.created_at),
            output::minute(grant.expires_at),
            standing(grant, now).to_owned(),
        ]
    };
    let rows: Vec<_> = grants.iter().map(row).collect();
    let headings = ["ID", "LABEL", "KIND", "CAPABILITIES", "USES LEFT", "SINCE", "UNTIL", "STATE"];
    output::table(headings, &rows)
}

fn standing(grant: &GrantRecord, now: Timestamp) -> &'static str {
    match grant {
        GrantRecord { revoked_at: Some(_), .. } => "revoked",
        GrantRecord { uses_left: 0, .. } => "spent",
        GrantRecord { expires_at, .. } if now >= *expires_at => "expired",
        _ => "open",
    }
}

fn shown(grant: &GrantRecord, now: Timestamp) -> Value {
    json!({
        "id": grant.id.to_string(),
        "label": grant.label.as_str(),
        "method": grant.method.name(),
        "capabilities": names(grant.capabilities),
        "created_at": rfc3339(grant.created_at),
        "expires_at": rfc3339(grant.expires_at),
        "uses_left": grant.uses_left,
        "state": standing(grant, now),
    })
}

async fn revoke(args: &RevokeGrantArgs) -> Outcome {
    let id = GrantId::parse(&args.id).ok_or_else(|| {
        Failure::usage("a grant's id has 32 hexadecimal digits; see `doorward grants list`")
    })?;
    let state = State::open(&args.state).await?;
    let audit = state.audit(Event::GrantRevoked)?;
    let revoked = state.store.revoke_grant(id, state.now()?, audit).await;
    if !revoked.map_err(Failure::failed)? {
        return Err(Failure::failed(format!("there is no grant {id}; see `doorward grants list`")));
    }
    output::line(&format!(
        "Revoked {id}. It buys no session any more; those it bought are listed by `doorward sessions list`."
    ))
}
