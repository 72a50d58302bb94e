//! Who lets the probe in: the owner of the state directory, or somebody who has a link.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use doorward_gate::admin::{Which, change_directory, issue_grant, issue_local, revoke_sessions};
use doorward_gate::audit::Event;
use doorward_gate::{Processes as _, SystemProcesses, random};
use doorward_policy::capability::Capabilities;
use doorward_policy::grant::{GrantRequest, GrantSecret};
use doorward_policy::id::{GrantId, SessionId};
use doorward_policy::ledger::Selector;
use doorward_policy::link::LinkFragment;
use doorward_policy::local::{LocalRequest, LocalSelector};
use doorward_policy::subject::Subject;
use doorward_policy::token::Method;
use doorward_policy::workspace::{Change, Claim, Member, Placing, WorkspaceName};
use doorward_probe::NotOffered;
use zeroize::Zeroizing;

use super::watched::Watched;
use crate::config::{Config, Overrides, Raw};
use crate::failure::{Failure, Outcome};
use crate::presence::{self, Listener};
use crate::state::State;

/// How long what is made for the probe is good, if it isn't cleared away.
const LIFE: Duration = Duration::from_secs(600);

/// Who lets the probe in.
#[derive(Debug)]
pub(super) enum Owner {
    /// The owner of the state directory, who may do everything.
    State(Box<StateOwner>),
    /// Somebody with a link or a code.
    Grant(GrantSecret),
}

/// The owner of a state directory.
#[derive(Debug)]
pub(super) struct StateOwner {
    state: State,
    /// The settings, where they were named.
    pub(super) config: Option<Config>,
    pub(super) watched: Watched,
    made: Mutex<Made>,
}

/// What was made, to be cleared away.
#[derive(Debug, Default)]
struct Made {
    grants: Vec<GrantId>,
    locals: Vec<SessionId>,
    workspaces: Vec<WorkspaceName>,
    members: Vec<(WorkspaceName, Subject)>,
}

impl Owner {
    pub(super) async fn of_state(dir: &Path, config: Option<&Path>) -> Outcome<Self> {
        let named = dir.to_string_lossy().into_owned();
        let overrides: Overrides = [("state_dir", Raw::One(named))].into_iter().collect();
        let loaded = Config::load(config, overrides)?;
        let state = State::existing(&loaded.state_dir()?).await?;
        let config = config.map(|_| loaded);
        let watched = Watched::begin(&state).await?;
        let owner = StateOwner { state, config, watched, made: Mutex::default() };
        Ok(Self::State(Box::new(owner)))
    }

    pub(super) fn of_grant(text: &str) -> Outcome<Self> {
        let secret = match text.split_once('#') {
            Some((_, fragment)) => LinkFragment::parse(fragment).map(|parsed| parsed.grant),
            None => GrantSecret::parse(text),
        };
        let wrong = || Failure::failed("that is no link and no code of a Doorward");
        secret.map(Self::Grant).ok_or_else(wrong)
    }
}

fn not_offered(error: impl std::fmt::Display) -> NotOffered {
    NotOffered(error.to_string())
}

fn capabilities(list: Option<&str>) -> Result<Capabilities, NotOffered> {
    let Some(list) = list else { return Ok(Capabilities::START_UP) };
    Capabilities::parse(list).map_err(|word| NotOffered(format!("a capability called {word}")))
}

fn subject(text: &str) -> Result<Subject, NotOffered> {
    Subject::new(text).ok_or_else(|| NotOffered(format!("a subject called {text}")))
}

fn workspace(text: &str) -> Result<WorkspaceName, NotOffered> {
    WorkspaceName::new(text).ok_or_else(|| NotOffered(format!("a workspace called {text}")))
}

/// What a grant is to be.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) label: &'a str,
    pub(super) uses: u32,
    pub(super) can: Option<&'a str>,
    pub(super) code: bool,
}

impl StateOwner {
    /// The listener that runs on this state directory.
    pub(super) fn listener(&self) -> Option<Listener> {
        presence::running(&self.state.dir)
    }

    pub(super) fn store(&self) -> &dyn doorward_gate::store::Store {
        &*self.state.store
    }

    fn made(&self) -> MutexGuard<'_, Made> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn grant(
        &self,
        wanted: Wanted<'_>,
    ) -> Result<(Zeroizing<String>, String), NotOffered> {
        let request = GrantRequest {
            label: subject(wanted.label)?,
            capabilities: capabilities(wanted.can)?,
            method: if wanted.code { Method::Code } else { Method::Link },
            uses: wanted.uses,
            life: LIFE,
        };
        let state = &self.state;
        let digester = state.keys.digester();
        let (clock, entropy) = (&*state.clock, &*state.entropy);
        let issued =
            issue_grant(&*state.store, &digester, clock, entropy, &request, Capabilities::ALL);
        let (secret, record) = issued.await.map_err(not_offered)?;
        self.made().grants.push(record.id);
        Ok((secret.expose(), record.id.to_string()))
    }

    /// A token for this very process or, where that is to have `ended`, for one that was here
    /// before it under its number.
    pub(super) async fn local(&self, ended: bool) -> Result<Zeroizing<String>, NotOffered> {
        let pid = std::process::id();
        let started = SystemProcesses.started(pid).map_err(not_offered)?;
        let started = started.ok_or_else(|| NotOffered("tokens for processes".to_owned()))?;
        let started = if ended { started.wrapping_sub(1) } else { started };
        let state = &self.state;
        let request = LocalRequest {
            id: SessionId::new(random(&*state.entropy).map_err(not_offered)?),
            name: subject("probe")?,
            workspace: WorkspaceName::main(),
            capabilities: Capabilities::START_UP,
            pid,
            started,
            directory: "/".to_owned(),
        };
        let (store, clock) = (&*state.store, &*state.clock);
        let digester = state.keys.digester();
        let issued =
            issue_local(store, &digester, clock, &*state.entropy, &request, Capabilities::ALL);
        let (secret, record) = issued.await.map_err(not_offered)?;
        self.made().locals.push(record.incarnation);
        Ok(secret.expose())
    }

    pub(super) async fn revoke(&self, session: &str) -> Result<(), NotOffered> {
        let id = SessionId::parse(session);
        let id = id.ok_or_else(|| NotOffered("the session's id".to_owned()))?;
        let audit = self.state.audit(Event::SessionRevoked).map_err(of_failure)?;
        let which = Which::by_owner(Selector::Session(id));
        let (store, clock) = (&*self.state.store, &*self.state.clock);
        revoke_sessions(store, clock, which, audit).await.map(drop).map_err(not_offered)
    }

    pub(super) async fn make_workspace(
        &self,
        name: &str,
        prefix: &str,
        members: &[String],
    ) -> Result<(), NotOffered> {
        let name = workspace(name)?;
        let claim = Claim::parse(prefix);
        let claim = claim.ok_or_else(|| NotOffered(format!("a workspace at {prefix}")))?;
        let placing = Placing { claims: vec![claim], ..Placing::default() };
        let directory = self.state.store.directory().await.map_err(not_offered)?;
        if self.made().workspaces.is_empty() && !directory.is_off() {
            return Err(NotOffered("workspaces beside those that it has".to_owned()));
        }
        // Noted before it is there: whoever stops the probe may do so in between.
        self.made().workspaces.push(name);
        if let Err(refused) = self.change(Change::Create(name, placing)).await {
            self.made().workspaces.pop();
            return Err(refused);
        }
        for member in members {
            self.admit(name, subject(member)?, Capabilities::START_UP).await?;
        }
        Ok(())
    }

    /// Sets a membership, of a workspace that was made here or of `main` beside it.
    pub(super) async fn member(
        &self,
        of: &str,
        who: &str,
        can: Option<&str>,
    ) -> Result<(), NotOffered> {
        let (name, who) = (workspace(of)?, subject(who)?);
        if self.made().workspaces.is_empty() {
            return Err(NotOffered("members of workspaces that it has".to_owned()));
        }
        match can {
            Some(can) => self.admit(name, who, capabilities(Some(can))?).await,
            None => self.change(Change::Expel(name, who)).await,
        }
    }

    async fn admit(
        &self,
        name: WorkspaceName,
        subject: Subject,
        capabilities: Capabilities,
    ) -> Result<(), NotOffered> {
        let member = Member { subject, capabilities, home: false };
        self.made().members.push((name, subject));
        self.change(Change::Admit(name, member)).await
    }

    async fn change(&self, change: Change) -> Result<(), NotOffered> {
        let audit = self.state.audit(Event::WorkspaceChanged).map_err(of_failure)?;
        let audit = audit.about_change(&change);
        let (store, clock) = (&*self.state.store, &*self.state.clock);
        let changed = change_directory(store, clock, change, audit).await;
        changed.map_err(not_offered)?.map(drop).map_err(not_offered)
    }

    /// Takes back all that was made: workspaces with their members, tokens, grants, and every
    /// session that those grants have bought.
    pub(super) async fn clear_away(&self) -> Outcome {
        self.clear_workspaces().await;
        let made = std::mem::take(&mut *self.made());
        let (state, now) = (&self.state, self.state.now()?);
        let store = &*state.store;
        if !made.locals.is_empty() {
            let audit = state.audit(Event::LocalRemoved)?;
            let which = LocalSelector::Incarnations(made.locals);
            store.remove_locals(which, audit).await.map_err(Failure::failed)?;
        }
        for grant in &made.grants {
            let audit = state.audit(Event::GrantRevoked)?;
            store.revoke_grant(*grant, now, audit).await.map_err(Failure::failed)?;
        }
        let sessions = store.sessions().await.map_err(Failure::failed)?;
        for session in sessions {
            if session.is_live(now) && made.grants.contains(&session.grant) {
                let audit = state.audit(Event::SessionRevoked)?;
                let which = Selector::Session(session.id);
                store.revoke_sessions(which, now, audit).await.map_err(Failure::failed)?;
            }
        }
        Ok(())
    }

    /// Takes back workspaces and memberships; also between attacks, each of which makes its own.
    pub(super) async fn clear_workspaces(&self) {
        let (workspaces, members) = {
            let mut made = self.made();
            (std::mem::take(&mut made.workspaces), std::mem::take(&mut made.members))
        };
        if workspaces.is_empty() {
            return;
        }
        for (name, subject) in members.into_iter().filter(|(name, _)| name.is_main()) {
            // An attack may have ended it already.
            let _result = self.change(Change::Expel(name, subject)).await;
        }
        for name in workspaces {
            let _result = self.change(Change::Delete(name)).await;
        }
        // It came with the first of them: there were none before.
        let _result = self.change(Change::Delete(WorkspaceName::main())).await;
    }
}

fn of_failure(failure: Failure) -> NotOffered {
    match failure {
        Failure::Usage(what) | Failure::Failed(what) => NotOffered(what),
        Failure::OutputClosed => NotOffered("standard output".to_owned()),
    }
}
