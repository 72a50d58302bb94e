//! `doorward sessions`: who is paired, and ending that.

use std::collections::BTreeMap;
use std::time::Duration;

use doorward_gate::audit::Event;
use doorward_gate::rfc3339;
use doorward_gate::store::live_connections;
use doorward_policy::Timestamp;
use doorward_policy::id::SessionId;
use doorward_policy::ledger::Selector;
use doorward_policy::session::SessionRecord;
use doorward_policy::subject::Subject;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::names;
use crate::cli::{ListArgs, RevokeSessionsArgs, RevokeSessionsWhich, SessionsCommand};
use crate::failure::{Failure, Outcome};
use crate::output;
use crate::presence;
use crate::state::State;

/// How long it takes at most until every listener has seen a revocation, has ended the connections
/// that it concerns, and has reported which are left: it looks five times a second and reports
/// every second.
const SETTLED: Duration = Duration::from_millis(1300);
/// How long a listener may take beyond that.
const PATIENCE: Duration = Duration::from_secs(6);

pub(super) async fn run(command: &SessionsCommand) -> Outcome {
    match command {
        SessionsCommand::List(args) => list(args).await,
        SessionsCommand::Revoke(args) => revoke(args).await,
    }
}

async fn list(args: &ListArgs) -> Outcome {
    let state = State::open(&args.state).await?;
    let now = state.now()?;
    let connections = connections(&state).await?;
    let mut sessions = state.store.sessions().await.map_err(Failure::failed)?;
    sessions.retain(|session| args.all || session.is_live(now));
    let live = |session: &SessionRecord| connections.get(&session.id).copied().unwrap_or(0);
    if args.json {
        let shown = sessions.iter().map(|session| shown(session, live(session), now));
        return output::json(&shown.collect());
    }
    if sessions.is_empty() {
        return output::line("Nobody is paired; `doorward pair` makes a link for a client.");
    }
    let row = |session: &SessionRecord| {
        [
            session.id.to_string(),
            session.subject.to_string(),
            session.capabilities.to_string(),
            live(session).to_string(),
            output::minute(session.created_at),
            output::minute(session.expires_at),
            standing(session, now).to_owned(),
        ]
    };
    let rows: Vec<_> = sessions.iter().map(row).collect();
    let headings = ["ID", "SUBJECT", "CAPABILITIES", "CONNECTIONS", "CREATED", "EXPIRES", "STATE"];
    output::table(headings, &rows)
}

async fn connections(state: &State) -> Outcome<BTreeMap<SessionId, u32>> {
    let reports = state.store.reports(state.now()?).await.map_err(Failure::failed)?;
    Ok(live_connections(&reports))
}

fn standing(session: &SessionRecord, now: Timestamp) -> &'static str {
    match session {
        SessionRecord { revoked_at: Some(_), .. } => "revoked",
        session if session.is_live(now) => "live",
        _ => "expired",
    }
}

fn shown(session: &SessionRecord, connections: u32, now: Timestamp) -> Value {
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
        "state": standing(session, now),
    })
}

async fn revoke(args: &RevokeSessionsArgs) -> Outcome {
    let which = selector(&args.which)?;
    let state = State::open(&args.state).await?;
    let now = state.now()?;
    let audit = state.audit(Event::SessionRevoked)?;
    let revoked = state.store.revoke_sessions(which, now, audit).await.map_err(Failure::failed)?;
    if revoked.is_empty() && !matches!(which, Selector::All) {
        let what = "there is no such live session; see `doorward sessions list`";
        return Err(Failure::failed(what));
    }
    let left = if presence::running(&state.dir).is_some() && !revoked.is_empty() {
        sleep(SETTLED).await;
        timeout(PATIENCE, until_closed(&state, &revoked)).await
    } else {
        Ok(Ok(()))
    };
    let sessions = match revoked.len() {
        1 => "1 session".to_owned(),
        number => format!("{number} sessions"),
    };
    let Ok(closed) = left else {
        return Err(Failure::failed(format!(
            "revoked {sessions}, and a listener still reports open connections: look at its log"
        )));
    };
    closed?;
    if args.json {
        return output::json(&revoked.iter().map(|one| shown(one, 0, now)).collect());
    }
    output::line(&format!("Revoked {sessions}; no connection is left open."))
}

fn selector(which: &RevokeSessionsWhich) -> Outcome<Selector> {
    if let Some(id) = &which.id {
        let id = SessionId::parse(id).ok_or_else(|| {
            Failure::usage("a session's id has 32 hexadecimal digits; see `doorward sessions list`")
        })?;
        return Ok(Selector::Session(id));
    }
    match &which.subject {
        Some(subject) => Subject::new(subject).map(Selector::Subject).ok_or_else(|| {
            Failure::usage("a subject has 1 to 64 bytes; see `doorward sessions list`")
        }),
        None => Ok(Selector::All),
    }
}

async fn until_closed(state: &State, revoked: &[SessionRecord]) -> Outcome {
    loop {
        let open = connections(state).await?;
        if !revoked.iter().any(|session| open.contains_key(&session.id)) {
            return Ok(());
        }
        sleep(Duration::from_millis(50)).await;
    }
}
