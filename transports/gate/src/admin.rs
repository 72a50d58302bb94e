//! Issuing and revoking, for whoever may: the owner of the state on the command line, and
//! administrators on an origin of their own.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use doorward_policy::Timestamp;
use doorward_policy::capability::Capabilities;
use doorward_policy::grant::{GrantRecord, GrantRequest, GrantRequestError, GrantSecret};
use doorward_policy::id::SessionId;
use doorward_policy::keys::Digester;
use doorward_policy::ledger::Selector;
use doorward_policy::local::{
    LocalRecord, LocalRequest, LocalRequestError, LocalSecret, LocalSelector,
};
use doorward_policy::session::SessionRecord;
use doorward_policy::token::Method;
use doorward_policy::workspace::{Change, ChangeRefusal};
use tokio::time::sleep;

use crate::audit::{AuditRecord, Event};
use crate::clock::{Clock, ClockError};
use crate::store::{ListenerId, Report, Store, StoreError};
use crate::system::{Entropy, EntropyError, random};

/// How often it is looked whether every listener has acted.
const LOOK: Duration = Duration::from_millis(25);
/// How often at most: 6 seconds long. Listeners look at the news five times a second, and close
/// what they must within a second.
const LOOKS: u32 = 240;

/// Why something could not be done.
#[derive(Debug)]
pub enum AdminError {
    /// It would end the session that asks for it, which must be said.
    Asking,
    /// What was asked for is out of bounds.
    Request(GrantRequestError),
    /// What was asked for a local token is out of bounds.
    Local(LocalRequestError),
    /// The store does not answer.
    Store(StoreError),
    /// The generator has failed.
    Entropy(EntropyError),
    /// The clock does not answer.
    Clock(ClockError),
}

impl fmt::Display for AdminError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asking => f.write_str(
                "this would end the session that asks for it, or its right to; say so if it is \
                 meant",
            ),
            Self::Request(error) => error.fmt(f),
            Self::Local(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::Entropy(error) => error.fmt(f),
            Self::Clock(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for AdminError {}

/// Makes a grant on behalf of somebody with the capabilities `issuer`. The secret exists only in
/// what is returned.
///
/// # Errors
/// If the request is out of bounds, or what it takes doesn't answer.
pub async fn issue_grant(
    store: &dyn Store,
    digester: &Digester,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
    request: &GrantRequest,
    issuer: Capabilities,
) -> Result<(GrantSecret, GrantRecord), AdminError> {
    let audit = |now| AuditRecord::new(Event::GrantMade, now);
    issue(store, digester, clock, entropy, request, issuer, audit).await
}

/// As [`issue_grant`], with a record of who asked for it.
pub(crate) async fn issue(
    store: &dyn Store,
    digester: &Digester,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
    request: &GrantRequest,
    issuer: Capabilities,
    audit: impl FnOnce(Timestamp) -> AuditRecord,
) -> Result<(GrantSecret, GrantRecord), AdminError> {
    let now = clock.now().map_err(AdminError::Clock)?;
    let id = random(entropy).map_err(AdminError::Entropy)?;
    let record = GrantRecord::issue(request, issuer, id, now).map_err(AdminError::Request)?;
    //= req: ENTROPY-1
    let secret = match request.method {
        Method::Code => GrantSecret::code(random(entropy).map_err(AdminError::Entropy)?),
        Method::Link | Method::Desktop => {
            GrantSecret::link(random(entropy).map_err(AdminError::Entropy)?)
        }
    };
    let audit = audit(now).about_grant(&record);
    let digest = secret.digest(digester);
    //= req: GRANT-12
    store.insert_grant(digest, record.clone(), audit).await.map_err(AdminError::Store)?;
    Ok((secret, record))
}

/// Makes a local token on behalf of somebody with the capabilities `issuer`, and ends the one that
/// was registered under its id before. The secret exists only in what is returned.
///
/// # Errors
/// If the request is out of bounds, or what it takes doesn't answer.
pub async fn issue_local(
    store: &dyn Store,
    digester: &Digester,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
    request: &LocalRequest,
    issuer: Capabilities,
) -> Result<(LocalSecret, LocalRecord), AdminError> {
    let now = clock.now().map_err(AdminError::Clock)?;
    let incarnation = random(entropy).map_err(AdminError::Entropy)?;
    let record =
        LocalRecord::issue(request, issuer, incarnation, now).map_err(AdminError::Local)?;
    //= req: ENTROPY-1
    let secret = LocalSecret::new(random(entropy).map_err(AdminError::Entropy)?);
    let audit = AuditRecord::new(Event::LocalMade, now).about_local(&record);
    let digest = secret.digest(digester);
    store.insert_local(digest, record.clone(), audit).await.map_err(AdminError::Store)?;
    Ok((secret, record))
}

/// Which sessions to change, and for whom.
#[derive(Clone, Copy, Debug)]
pub struct Which {
    /// The sessions.
    pub sessions: Selector,
    /// The session that asks, if it is one that does.
    pub asking: Option<SessionId>,
    /// Whether the session that asks is meant as well.
    pub self_too: bool,
}

impl Which {
    /// As the owner of the state asks for it, by no session.
    #[must_use]
    pub const fn by_owner(sessions: Selector) -> Self {
        Self { sessions, asking: None, self_too: false }
    }
}

/// Sessions that were revoked or limited, and the connections that this closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// The sessions, as they are now.
    pub sessions: Vec<SessionRecord>,
    /// How many connections the listeners that answered have closed.
    pub closed: u64,
    /// How many listeners are running and did not say in time that they have acted. One that was
    /// killed counts for a while.
    pub unheard: usize,
}

/// Local tokens that were removed, and the connections that this closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// The tokens.
    pub locals: Vec<LocalRecord>,
    /// How many connections the listeners that answered have closed.
    pub closed: u64,
    /// How many listeners did not answer in time.
    pub unheard: usize,
}

/// Revokes sessions, and waits until every running listener has closed their connections.
///
/// # Errors
/// If the session that asks would be one of them without being meant, or if the store or the clock
/// doesn't answer. Where the store fails after that, the sessions are revoked all the same.
pub async fn revoke_sessions(
    store: &dyn Store,
    clock: &dyn Clock,
    which: Which,
    audit: AuditRecord,
) -> Result<Revoked, AdminError> {
    check_asking(store, &which).await?;
    let now = clock.now().map_err(AdminError::Clock)?;
    let sessions = store.revoke_sessions(which.sessions, now, audit).await;
    closed_of(store, clock, sessions.map_err(AdminError::Store)?).await
}

/// Leaves sessions no more than `capabilities`, and waits until every running listener has closed
/// the connections that needed more.
///
/// # Errors
/// As [`revoke_sessions`]; a session that asks, and would no longer be allowed to, must be meant.
pub async fn limit_sessions(
    store: &dyn Store,
    clock: &dyn Clock,
    which: Which,
    capabilities: Capabilities,
    audit: AuditRecord,
) -> Result<Revoked, AdminError> {
    if !capabilities.contains(Capabilities::ADMINISTER) {
        check_asking(store, &which).await?;
    }
    let now = clock.now().map_err(AdminError::Clock)?;
    let sessions = store.limit_sessions(which.sessions, capabilities, now, audit).await;
    closed_of(store, clock, sessions.map_err(AdminError::Store)?).await
}

/// Removes local tokens, and waits until every running listener has closed their connections.
///
/// # Errors
/// If the store or the clock doesn't answer.
pub async fn remove_locals(
    store: &dyn Store,
    clock: &dyn Clock,
    which: LocalSelector,
    audit: AuditRecord,
) -> Result<Removed, AdminError> {
    let locals = store.remove_locals(which, audit).await.map_err(AdminError::Store)?;
    let keys = locals.iter().map(|local| local.incarnation).collect();
    let (closed, unheard) = settle(store, clock, keys).await?;
    Ok(Removed { locals, closed, unheard })
}

/// Changes the workspaces, and waits until every running listener goes by that. Returns how many
/// listeners did not say so in time.
///
/// # Errors
/// If the store or the clock doesn't answer; the refusal, if it can't be changed so.
pub async fn change_directory(
    store: &dyn Store,
    clock: &dyn Clock,
    change: Change,
    audit: AuditRecord,
) -> Result<Result<usize, ChangeRefusal>, AdminError> {
    if let Err(refusal) = store.change_directory(change, audit).await.map_err(AdminError::Store)? {
        return Ok(Err(refusal));
    }
    acted(store, clock).await.map(|(_, unheard)| Ok(unheard))
}

async fn check_asking(store: &dyn Store, which: &Which) -> Result<(), AdminError> {
    let Some(asking) = which.asking.filter(|_| !which.self_too) else { return Ok(()) };
    let sessions = store.sessions().await.map_err(AdminError::Store)?;
    let picked = |one: &SessionRecord| one.id == asking && which.sessions.picks(one);
    if sessions.iter().any(picked) { Err(AdminError::Asking) } else { Ok(()) }
}

async fn closed_of(
    store: &dyn Store,
    clock: &dyn Clock,
    sessions: Vec<SessionRecord>,
) -> Result<Revoked, AdminError> {
    let keys = sessions.iter().map(|session| session.id).collect();
    let (closed, unheard) = settle(store, clock, keys).await?;
    Ok(Revoked { sessions, closed, unheard })
}

/// Waits until every listener that is running has closed what it had to. Returns how many
/// connections of `keys` were closed, and how many listeners have not answered.
async fn settle(
    store: &dyn Store,
    clock: &dyn Clock,
    keys: BTreeSet<SessionId>,
) -> Result<(u64, usize), AdminError> {
    if keys.is_empty() {
        return Ok((0, 0));
    }
    let (reports, unheard) = acted(store, clock).await?;
    let counted = reports.iter().flat_map(|(_, report)| &report.sessions);
    let closed = counted.filter(|counted| keys.contains(&counted.session));
    Ok((closed.map(|counted| u64::from(counted.closed)).sum(), unheard))
}

/// Waits until every listener that is running has acted on all that was written until now. Returns
/// what they have said, and how many of them have not answered.
async fn acted(
    store: &dyn Store,
    clock: &dyn Clock,
) -> Result<(Vec<(ListenerId, Report)>, usize), AdminError> {
    let revision = store.news(u64::MAX).await.map_err(AdminError::Store)?.revision;
    let behind = |report: &Report| report.acted < revision;
    let mut looks = 1;
    let reports = loop {
        let now = clock.now().map_err(AdminError::Clock)?;
        let reports = store.reports(now).await.map_err(AdminError::Store)?;
        if looks >= LOOKS || !reports.iter().any(|(_, report)| behind(report)) {
            break reports;
        }
        looks += 1;
        sleep(LOOK).await;
    };
    let unheard = reports.iter().filter(|(_, report)| behind(report)).count();
    Ok((reports, unheard))
}
