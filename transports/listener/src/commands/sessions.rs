//! `doorward sessions`: who is paired, and leaving them less, or nothing.

use std::collections::BTreeMap;

use doorward_gate::admin::{self, AdminError, Revoked, Which};
use doorward_gate::audit::Event;
use doorward_gate::rfc3339;
use doorward_gate::store::live_connections;
use doorward_policy::Timestamp;
use doorward_policy::id::SessionId;
use doorward_policy::ledger::Selector;
use doorward_policy::session::SessionRecord;
use doorward_policy::subject::Subject;
use serde_json::{Value, json};

use super::{asking, capabilities, counted, names, unheard};
use crate::cli::{
    LimitSessionArgs, ListArgs, RevokeSessionsArgs, RevokeSessionsWhich, SessionsCommand,
};
use crate::failure::{Failure, Outcome};
use crate::output;
use crate::state::State;

pub(super) async fn run(command: &SessionsCommand) -> Outcome {
    match command {
        SessionsCommand::List(args) => list(args).await,
        SessionsCommand::Revoke(args) => revoke(args).await,
        SessionsCommand::Limit(args) => limit(args).await,
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
            session.opened_from.map_or_else(|| "-".to_owned(), |from| from.to_string()),
            output::minute(session.created_at),
            output::minute(session.expires_at),
            live(session).to_string(),
            standing(session, now).to_owned(),
        ]
    };
    let rows: Vec<_> = sessions.iter().map(row).collect();
    let headings =
        ["ID", "SUBJECT", "CAPABILITIES", "FROM", "SINCE", "UNTIL", "CONNECTIONS", "STATE"];
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
    if !args.self_too {
        check_asking(&state, which).await?;
    }
    let audit = state.audit(Event::SessionRevoked)?;
    let (store, clock) = (&*state.store, &*state.clock);
    let revoked = admin::revoke_sessions(store, clock, Which::by_owner(which), audit).await;
    let revoked = revoked.map_err(failed)?;
    if revoked.sessions.is_empty() && !matches!(which, Selector::All) {
        let what = "there is no such live session; see `doorward sessions list`";
        return Err(Failure::failed(what));
    }
    tell(&state, args.json, &revoked, &format!("Revoked {}", sessions(&revoked)))
}

async fn limit(args: &LimitSessionArgs) -> Outcome {
    let (id, capabilities) = (id(&args.id)?, capabilities("--can", &args.can)?);
    let state = State::open(&args.state).await?;
    let audit = state.audit(Event::SessionLimited)?.limited_to(capabilities);
    let (store, clock) = (&*state.store, &*state.clock);
    let which = Which::by_owner(Selector::Session(id));
    let limited = admin::limit_sessions(store, clock, which, capabilities, audit).await;
    let limited = limited.map_err(failed)?;
    let Some(session) = limited.sessions.first() else {
        return Err(Failure::failed(format!(
            "there is no live session {id} that may more than {capabilities}; see `doorward \
             sessions list`"
        )));
    };
    let may = match session.capabilities {
        nothing if nothing.is_empty() => "nothing".to_owned(),
        left => left.to_string(),
    };
    tell(&state, args.json, &limited, &format!("{} may {may} now", session.subject))
}

/// Says what was done, and exactly how many connections that closed.
fn tell(state: &State, as_json: bool, done: &Revoked, what: &str) -> Outcome {
    let closed = counted(done.closed, "connection");
    if done.unheard > 0 {
        return Err(unheard(&format!("{what}; closed {closed}"), done.unheard));
    }
    if as_json {
        let now = state.now()?;
        let sessions: Vec<_> = done.sessions.iter().map(|one| shown(one, 0, now)).collect();
        return output::json(&json!({ "sessions": sessions, "closed": done.closed }));
    }
    output::line(&format!("{what}; closed {closed}."))
}

fn sessions(revoked: &Revoked) -> String {
    counted(u64::try_from(revoked.sessions.len()).unwrap_or(u64::MAX), "session")
}

/// Refuses to end a session that this command's user connects with.
async fn check_asking(state: &State, which: Selector) -> Outcome {
    let (own, now) = (asking::sessions(), state.now()?);
    let sessions = state.store.sessions().await.map_err(Failure::failed)?;
    let picked =
        |one: &&SessionRecord| which.picks(one) && one.is_live(now) && own.contains(&one.id);
    match sessions.iter().find(picked) {
        Some(one) => Err(asking::refusal(&format!(
            "the session that `doorward connect` has saved here ({}, {})",
            one.id, one.subject
        ))),
        None => Ok(()),
    }
}

fn failed(error: AdminError) -> Failure {
    Failure::failed(error)
}

fn selector(which: &RevokeSessionsWhich) -> Outcome<Selector> {
    if let Some(text) = &which.id {
        return id(text).map(Selector::Session);
    }
    match &which.subject {
        Some(subject) => Subject::new(subject).map(Selector::Subject).ok_or_else(|| {
            Failure::usage("a subject has 1 to 64 bytes; see `doorward sessions list`")
        }),
        None => Ok(Selector::All),
    }
}

fn id(text: &str) -> Outcome<SessionId> {
    SessionId::parse(text).ok_or_else(|| {
        Failure::usage("a session's id has 32 hexadecimal digits; see `doorward sessions list`")
    })
}
