//! How workspaces are shown.

use std::collections::BTreeSet;

use doorward_policy::subject::Subject;
use doorward_policy::workspace::{Member, Placing, Server, Workspace};
use serde_json::{Value, json};

use crate::commands::names;
use crate::failure::{Failure, Outcome};
use crate::output;
use crate::state::State;

/// What answers where a workspace names no server.
const BUILT_IN: &str = "the built-in console";
/// What `main` is.
const OWN: &str = "the listener's own";

pub(super) fn as_json(workspace: &Workspace) -> Value {
    let member = |member: &Member| {
        json!({
            "subject": member.subject.as_str(),
            "capabilities": names(member.capabilities),
            "home": member.home,
        })
    };
    json!({
        "name": workspace.name().as_str(),
        "routes": workspace.claims().iter().map(ToString::to_string).collect::<Vec<_>>(),
        "web": workspace.web().map(Server::as_str),
        "bytes": workspace.bytes().map(Server::as_str),
        "members": workspace.members().iter().map(member).collect::<Vec<_>>(),
    })
}

pub(super) fn table(workspaces: &[Workspace]) -> Outcome {
    let row = |workspace: &Workspace| {
        [
            workspace.name().to_string(),
            listed(routes(workspace), "-"),
            listed(servers(workspace.web(), workspace.bytes()), nothing_named(workspace)),
            workspace.members().len().to_string(),
        ]
    };
    let rows: Vec<_> = workspaces.iter().map(row).collect();
    output::table(["NAME", "ROUTES", "SERVERS", "MEMBERS"], &rows)
}

pub(super) fn whole(workspace: &Workspace) -> Outcome {
    output::line(&format!(
        "{}\n  routes   {}\n  servers  {}\n",
        output::printable(workspace.name().as_str()),
        listed(routes(workspace), "-"),
        listed(servers(workspace.web(), workspace.bytes()), nothing_named(workspace)),
    ))?;
    if workspace.members().is_empty() {
        return output::line("Nobody is a member; `doorward workspaces add` makes somebody one.");
    }
    let row = |member: &Member| {
        [
            member.subject.to_string(),
            member.capabilities.to_string(),
            if member.home { "yes" } else { "" }.to_owned(),
        ]
    };
    let rows: Vec<_> = workspace.members().iter().map(row).collect();
    output::table(["SUBJECT", "CAPABILITIES", "DEFAULT"], &rows)
}

/// Where something was placed, in words.
pub(super) fn placing(placing: &Placing) -> String {
    let servers = listed(servers(placing.web.as_ref(), placing.bytes.as_ref()), BUILT_IN);
    let routes = placing.claims.iter().map(ToString::to_string).collect();
    format!("{servers} at {}", listed(routes, "no route of its own"))
}

/// Says who is paired, for somebody who is about to name members.
pub(super) async fn subjects(state: &State) -> Outcome {
    let known = known_subjects(state).await?;
    if known.is_empty() {
        return Ok(());
    }
    let known = known.iter().map(ToString::to_string).collect();
    output::line(&format!("Subjects there are: {}.", output::printable(&listed(known, ""))))
}

/// The subjects that somebody is paired as, or can pair as.
pub(super) async fn known_subjects(state: &State) -> Outcome<BTreeSet<Subject>> {
    let now = state.now()?;
    let sessions = state.store.sessions().await.map_err(Failure::failed)?;
    let grants = state.store.grants().await.map_err(Failure::failed)?;
    let paired = sessions.iter().filter(|one| one.is_live(now)).map(|one| one.subject);
    let open = grants
        .iter()
        .filter(|one| one.revoked_at.is_none() && one.uses_left > 0 && now < one.expires_at);
    Ok(paired.chain(open.map(|grant| grant.label)).collect())
}

fn routes(workspace: &Workspace) -> Vec<String> {
    workspace.claims().iter().map(ToString::to_string).collect()
}

fn servers(web: Option<&Server>, bytes: Option<&Server>) -> Vec<String> {
    web.into_iter().chain(bytes).map(|server| server.as_str().to_owned()).collect()
}

fn nothing_named(workspace: &Workspace) -> &'static str {
    if workspace.name().is_main() { OWN } else { BUILT_IN }
}

fn listed(items: Vec<String>, none: &str) -> String {
    if items.is_empty() { none.to_owned() } else { items.join(", ") }
}
