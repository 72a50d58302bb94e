//! The steps that prepare something on a server in this process.

use std::sync::atomic::{AtomicU8, Ordering};

use doorward_gate::audit::{AuditRecord, Event};
use doorward_gate::{Clock as _, Processes as _, SystemEntropy, SystemProcesses, admin};
use doorward_policy::capability::Capabilities;
use doorward_policy::id::SessionId;
use doorward_policy::ledger::Selector;
use doorward_policy::local::LocalRequest;
use doorward_policy::subject::Subject;
use doorward_policy::token::Method;
use doorward_policy::workspace::{Change, Claim, Member, Placing, Server as Place, WorkspaceName};
use doorward_probe::{NotOffered, Part, Step, Variables, duration};

use crate::door::{Answer, Door};
use crate::guarded::{echoes, mirror};
use crate::server::{Running, Server};

const NONCE: &str = "AAAAAAAAAAAAAAAAAAAAAAAA";

fn lacking(what: impl std::fmt::Display) -> NotOffered {
    NotOffered(what.to_string())
}

impl Server {
    pub(crate) async fn take(&self, step: &Step, known: &mut Variables) -> Result<(), NotOffered> {
        let mut running = self.running.lock().await;
        match step {
            Step::Session { r#as, subject, can } => {
                let subject = subject.as_deref().unwrap_or("tester");
                session(running.way_in(), known, r#as, subject, can.as_deref()).await?;
            }
            Step::Renew { session } => renew(running.way_in(), known, session).await?,
            Step::Grant { r#as, uses, can, code } => {
                let method = if *code { Method::Code } else { Method::Link };
                let (can, uses) = (capabilities(can.as_deref())?, uses.unwrap_or(1));
                let secret = running.door().grant_of("tester", method, can, uses).await;
                known.set_secret(&format!("{as}.secret", as = r#as), &secret);
            }
            Step::Ticket { r#as, of, origin } => {
                ticket(running.way_in(), known, r#as, of, origin.as_deref()).await?;
            }
            Step::Local { r#as, ended } => local(running.door(), known, r#as, *ended).await?,
            Step::Workspace { name, prefix, members } => {
                workspace(&running, name, prefix, members).await?;
            }
            Step::Member { of, subject, can } => {
                let (of, subject) = (workspace_name(of)?, named(subject)?);
                let change = match can {
                    None => Change::Expel(of, subject),
                    Some(can) => Change::Admit(of, member(subject, capabilities(Some(can))?)),
                };
                apply(running.door(), change).await?;
            }
            Step::Revoke { session } => revoke(running.door(), known, session).await?,
            Step::Advance { by } => {
                running.door().clock.turn(duration(by).ok_or_else(|| lacking(by))?);
                // A store that fails brings no news: what is known grows old.
                let _refreshed = running.door().gate.refresh().await;
            }
            Step::Fail { what } => match what {
                Part::Store => drop(running.store.set_broken(true)),
                Part::Clock => running.door().clock.set_broken(true),
                Part::Entropy => running.door().entropy.set_broken(true),
            },
            Step::Restart {} => self.restart(&mut running).await?,
            Step::Ask(_)
            | Step::Send(_)
            | Step::Hello(_)
            | Step::Packets(_)
            | Step::Differ { .. }
            | Step::Say { .. } => {
                return Err(lacking("a step that the player takes itself"));
            }
        }
        Ok(())
    }
}

fn capabilities(list: Option<&str>) -> Result<Capabilities, NotOffered> {
    match list {
        None => Ok(Capabilities::START_UP),
        Some(list) => Capabilities::parse(list).map_err(lacking),
    }
}

fn named(subject: &str) -> Result<Subject, NotOffered> {
    Subject::new(subject).ok_or_else(|| lacking(format!("the subject {subject}")))
}

fn workspace_name(name: &str) -> Result<WorkspaceName, NotOffered> {
    WorkspaceName::new(name).ok_or_else(|| lacking(format!("the workspace {name}")))
}

fn member(subject: Subject, capabilities: Capabilities) -> Member {
    Member { subject, capabilities, home: false }
}

/// An answer of the server's to something that nobody could object to.
fn granted(answer: Answer) -> Result<serde_json::Value, NotOffered> {
    match answer.status {
        200..=299 => Ok(answer.json()),
        status => Err(lacking(format!("a preparation came to {status} {}", answer.code()))),
    }
}

fn text<'a>(json: &'a serde_json::Value, name: &str) -> &'a str {
    json[name].as_str().unwrap_or_default()
}

fn bearer(known: &Variables, session: &str) -> String {
    let token = known.get(&format!("{session}.token")).unwrap_or_default();
    format!("Authorization: Bearer {token}\r\n")
}

fn keep(known: &mut Variables, name: &str, token: &str) {
    known.set_secret(&format!("{name}.token"), token);
    // A page's cookie holds the same.
    known.set_secret(&format!("{name}.cookie"), token);
}

async fn session(
    door: &Door,
    known: &mut Variables,
    name: &str,
    subject: &str,
    can: Option<&str>,
) -> Result<(), NotOffered> {
    let grant = door.grant_of(subject, Method::Link, capabilities(can)?, 1).await;
    let paired = granted(door.redeem("token", &grant, NONCE, "").await)?;
    keep(known, name, text(&paired, "access_token"));
    known.set(&format!("{name}.id"), text(&paired, "session_id"));
    Ok(())
}

async fn renew(door: &Door, known: &mut Variables, name: &str) -> Result<(), NotOffered> {
    let answer = door.post("/.doorward/api/renew", &bearer(known, name), "").await;
    let renewed = granted(answer)?;
    if let Some(token) = renewed["access_token"].as_str() {
        keep(known, name, token);
    }
    Ok(())
}

async fn ticket(
    door: &Door,
    known: &mut Variables,
    name: &str,
    of: &str,
    origin: Option<&str>,
) -> Result<(), NotOffered> {
    let mut headers = bearer(known, of);
    if let Some(origin) = origin {
        headers.push_str(&format!("Origin: {}\r\n", known.fill(origin).map_err(lacking)?));
    }
    let made = granted(door.post("/.doorward/api/ticket", &headers, "").await)?;
    known.set_secret(&format!("{name}.secret"), text(&made, "ticket"));
    Ok(())
}

/// A token of this process or, if that has ended, of another that had its number.
async fn local(
    door: &Door,
    known: &mut Variables,
    name: &str,
    ended: bool,
) -> Result<(), NotOffered> {
    static NUMBER: AtomicU8 = AtomicU8::new(0);
    let pid = std::process::id();
    let started =
        SystemProcesses.started(pid).map_err(lacking)?.ok_or_else(|| lacking("this process"))?;
    let request = LocalRequest {
        id: SessionId::new([NUMBER.fetch_add(1, Ordering::Relaxed); 16]),
        name: named("agent")?,
        workspace: WorkspaceName::main(),
        capabilities: Capabilities::START_UP,
        pid,
        started: if ended { started.wrapping_sub(1) } else { started },
        directory: "/".to_owned(),
    };
    let (store, digester) = (&*door.store, door.digester());
    let (clock, all) = (&*door.clock, Capabilities::ALL);
    let made = admin::issue_local(store, &digester, clock, &SystemEntropy, &request, all).await;
    let made = made.map_err(lacking)?;
    known.set_secret(&format!("{name}.token"), &made.0.expose());
    door.gate.refresh().await.map_err(lacking)
}

async fn apply(door: &Door, change: Change) -> Result<(), NotOffered> {
    let now = door.clock.now().map_err(lacking)?;
    let audit = AuditRecord::new(Event::WorkspaceChanged, now).about_change(&change);
    let changed = door.store.change_directory(change, audit).await.map_err(lacking)?;
    changed.map_err(|refused| lacking(format!("{refused:?}")))?;
    door.gate.refresh().await.map_err(lacking)
}

async fn workspace(
    running: &Running,
    name: &str,
    prefix: &str,
    members: &[String],
) -> Result<(), NotOffered> {
    let claim = Claim::parse(prefix).ok_or_else(|| lacking(format!("the prefix {prefix}")))?;
    let (web, bytes) = (format!("http://{}", mirror().await), format!("tcp://{}", echoes().await));
    let placing = Placing { claims: vec![claim], web: Place::new(&web), bytes: Place::new(&bytes) };
    let name = workspace_name(name)?;
    apply(running.door(), Change::Create(name, placing)).await?;
    for subject in members {
        let member = member(named(subject)?, Capabilities::START_UP);
        apply(running.door(), Change::Admit(name, member)).await?;
    }
    Ok(())
}

async fn revoke(door: &Door, known: &Variables, name: &str) -> Result<(), NotOffered> {
    let id = known.get(&format!("{name}.id")).unwrap_or_default();
    let sessions = door.store.sessions().await.map_err(lacking)?;
    let session = sessions.iter().find(|session| session.id.to_string() == id);
    let session = session.ok_or_else(|| lacking(format!("the session {name}")))?;
    let now = door.clock.now().map_err(lacking)?;
    let audit = AuditRecord::new(Event::SessionRevoked, now);
    let revoked = door.store.revoke_sessions(Selector::Session(session.id), now, audit);
    revoked.await.map_err(lacking)?;
    door.gate.refresh().await.map_err(lacking)
}
