//! What outlives every crash: the ledger, what was written down beside it, and the news.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _};

use doorward_policy::Timestamp;
use doorward_policy::capability::Capabilities;
use doorward_policy::grant::{Attempt, GrantRecord};
use doorward_policy::id::{GrantId, SessionId};
use doorward_policy::keys::Digest;
use doorward_policy::ledger::{Ledger, RedeemError, Selector};
use doorward_policy::session::SessionRecord;
use doorward_policy::standing::Standing;
use doorward_policy::subject::Subject;
use doorward_policy::workspace::{Change, Directory};

use super::facts::Place;
use super::kept::Content;
use super::label_of;

/// An effect, as an audit record names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// A session was opened.
    Opened(SessionId),
    /// A session was revoked.
    Revoked(SessionId),
    /// A session was left less.
    Limited(SessionId),
    /// A grant was revoked.
    Withdrawn(GrantId),
}

/// What has changed after a revision.
#[derive(Debug)]
pub struct News {
    /// Ask for what comes after this next time.
    pub revision: u64,
    /// The sessions that were revoked or limited.
    pub sessions: Vec<(SessionId, Standing, Timestamp)>,
    /// The workspaces, if they have changed.
    pub directory: Option<Directory>,
}

/// The durable side of an installation. Each method is one transaction, with its audit record.
#[derive(Clone, Debug)]
pub struct Store {
    /// The records: the policy's own ledger.
    pub ledger: Ledger,
    /// What was written down.
    pub audit: BTreeSet<Effect>,
    /// Counts what gates are told of.
    pub revision: u64,
    changed: BTreeMap<SessionId, u64>,
    placed: u64,
    /// What the first client's subject may do in `blue`, from which revision on: what the directory
    /// is compared with.
    pub(super) memberships: BTreeMap<u64, Capabilities>,
}

impl Store {
    /// A store with what is in this ledger.
    #[must_use]
    pub fn new(ledger: Ledger) -> Self {
        let audit = ledger.sessions().map(|session| Effect::Opened(session.id)).collect();
        let (changed, memberships) = (BTreeMap::new(), BTreeMap::new());
        Self { ledger, audit, revision: 0, changed, placed: 0, memberships }
    }

    /// Consumes a use of a grant, without the audit record.
    ///
    /// # Errors
    /// As the ledger says.
    pub fn redeem(
        &mut self,
        digest: &Digest,
        attempt: &Attempt,
        now: Timestamp,
    ) -> Result<SessionRecord, RedeemError> {
        self.ledger.redeem(digest, attempt, now)
    }

    /// Revokes a grant.
    pub fn withdraw(&mut self, grant: GrantId, now: Timestamp) {
        if self.ledger.revoke_grant(grant, now) {
            self.audit.insert(Effect::Withdrawn(grant));
        }
    }

    /// Revokes a session.
    pub fn revoke(&mut self, session: SessionId, now: Timestamp) {
        let revoked = self.ledger.revoke_sessions(&Selector::Session(session), now);
        self.note(&revoked, Effect::Revoked);
    }

    /// Leaves a session less.
    pub fn limit(&mut self, session: SessionId, left: Capabilities, now: Timestamp) {
        let limited = self.ledger.limit_sessions(&Selector::Session(session), left, now);
        self.note(&limited, Effect::Limited);
    }

    fn note(&mut self, sessions: &[SessionRecord], effect: fn(SessionId) -> Effect) {
        if !sessions.is_empty() {
            self.revision += 1;
        }
        for session in sessions {
            self.changed.insert(session.id, self.revision);
            self.audit.insert(effect(session.id));
        }
    }

    /// Changes the workspaces; `false` if it is refused.
    pub fn change_directory(&mut self, change: &Change) -> bool {
        let revision = self.revision + 1;
        let changed = self.ledger.change_directory(change, revision).is_ok();
        if changed {
            self.revision = revision;
            self.placed = revision;
        }
        changed
    }

    /// What a subject may do somewhere as of a revision, told without the directory.
    #[must_use]
    pub fn membership(&self, subject: Subject, place: Place, as_of: u64) -> Capabilities {
        match place {
            Place::Default => Capabilities::START_UP,
            Place::Blue if subject.as_str() == label_of(0) => {
                let known = self.memberships.range(..=as_of).next_back();
                known.map_or(Capabilities::NONE, |(_, capabilities)| *capabilities)
            }
            Place::Blue => Capabilities::NONE,
        }
    }

    /// What a gate that has heard all up to `after` is told.
    #[must_use]
    pub fn news(&self, after: u64) -> News {
        let changed = self.changed.iter().filter(|(_, revision)| **revision > after);
        let sessions =
            changed.filter_map(|(id, _)| self.ledger.session(*id)).map(|one| standing(&one));
        News {
            revision: self.revision,
            sessions: sessions.collect(),
            directory: (self.placed > after).then(|| self.ledger.directory().clone()),
        }
    }

    /// From which revision on gates know that a session was revoked; `None` if it was not.
    #[must_use]
    pub fn revoked_in(&self, session: SessionId) -> Option<u64> {
        let revoked = self.ledger.session(session)?.revoked_at.is_some();
        revoked.then(|| self.changed.get(&session).copied()).flatten()
    }
}

/// As the stores of the gate put it.
fn standing(session: &SessionRecord) -> (SessionId, Standing, Timestamp) {
    let standing = match session.revoked_at {
        Some(_) => Standing::Revoked,
        None => Standing::Limited(session.capabilities),
    };
    (session.id, standing, session.absolute_end)
}

impl Content for Store {
    fn lay_out(&self, into: &mut DefaultHasher) {
        let mut grants: Vec<_> = self.ledger.grants().collect();
        grants.sort_by_key(|grant| grant.id);
        grants.iter().for_each(|grant| lay_out_grant(grant, into));
        let mut sessions: Vec<_> = self.ledger.sessions().collect();
        sessions.sort_by_key(|session| session.id);
        sessions.iter().for_each(|session| lay_out_session(session, into));
        format!("{:?}", self.ledger.directory()).hash(into);
        self.audit.hash(into);
        self.changed.hash(into);
        (self.revision, self.placed, &self.memberships).hash(into);
    }
}

/// What never changes about a grant of a world is left out.
fn lay_out_grant(grant: &GrantRecord, into: &mut DefaultHasher) {
    (grant.id, grant.uses_left, grant.revoked_at, grant.consumed.len()).hash(into);
    for past in &grant.consumed {
        (past.nonce.digest(), past.counter, past.session, past.at).hash(into);
    }
}

pub(super) fn lay_out_session(session: &SessionRecord, into: &mut DefaultHasher) {
    let SessionRecord { id, subject, capabilities, method, grant, .. } = session;
    (id, subject.as_str(), capabilities, method, grant).hash(into);
    let SessionRecord { opened_from, created_at, expires_at, absolute_end, .. } = session;
    (opened_from, created_at, expires_at, absolute_end, session.revoked_at).hash(into);
}
