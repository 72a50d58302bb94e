//! What a memory store holds: the ledger, and what is kept beside it.

use std::collections::{BTreeMap, VecDeque};

use doorward_policy::grant::{Attempt, GrantRefusal};
use doorward_policy::id::SessionId;
use doorward_policy::keys::Digest;
use doorward_policy::ledger::{Capacity, Ledger, NotKept, RedeemError, Selector};
use doorward_policy::local::{LocalRecord, LocalSelector};
use doorward_policy::session::SessionRecord;
use doorward_policy::standing::Standing;
use doorward_policy::workspace::{Change, ChangeRefusal};
use doorward_policy::{Capabilities, Timestamp};

use crate::audit::AuditRecord;
use crate::store::{AuditLine, ListenerId, News, Report, StoreError, standing};

/// How many records of each kind one call forgets at most.
pub(in crate::store) const EXPIRE_BUDGET: usize = 1024;
/// How many audit lines are held before the oldest is dropped.
const MOST_LINES: usize = 1 << 16;

#[derive(Debug)]
pub(super) struct State {
    pub(super) ledger: Ledger,
    revision: u64,
    /// At which revision each session was revoked or limited last.
    changed: BTreeMap<SessionId, u64>,
    /// The incarnations of local tokens that were removed or replaced: the revision of that, and
    /// until when it matters.
    departed: BTreeMap<SessionId, (u64, Timestamp)>,
    /// At which revision the workspaces changed last.
    placed: u64,
    pub(super) lines: VecDeque<AuditLine>,
    last_line: u64,
    pub(super) clock: Timestamp,
    pub(super) reports: BTreeMap<ListenerId, Report>,
}

impl State {
    pub(super) fn new(capacity: Capacity, seed: [u8; 8]) -> Self {
        Self {
            ledger: Ledger::new(capacity, seed),
            revision: 0,
            changed: BTreeMap::new(),
            departed: BTreeMap::new(),
            placed: 0,
            lines: VecDeque::new(),
            last_line: 0,
            clock: Timestamp::EPOCH,
            reports: BTreeMap::new(),
        }
    }

    pub(super) fn write_down(&mut self, audit: &AuditRecord) {
        if self.lines.len() >= MOST_LINES {
            self.lines.pop_front();
        }
        self.last_line = self.last_line.saturating_add(1);
        self.lines.push_back(AuditLine { number: self.last_line, json: audit.line() });
    }

    pub(super) fn redeem(
        &mut self,
        digest: &Digest,
        attempt: &Attempt,
        now: Timestamp,
        audit: AuditRecord,
    ) -> Result<Result<SessionRecord, GrantRefusal>, StoreError> {
        match self.ledger.redeem(digest, attempt, now) {
            Ok(session) => {
                // Any other id is that of a session which was opened before.
                if session.id == attempt.session {
                    self.write_down(&audit.about_session(&session));
                }
                Ok(Ok(session))
            }
            Err(RedeemError::Refused(refusal)) => Ok(Err(refusal)),
            Err(RedeemError::Full) => Err(StoreError::Full),
        }
    }

    pub(super) fn revoke(
        &mut self,
        which: &Selector,
        now: Timestamp,
        audit: &AuditRecord,
    ) -> Vec<SessionRecord> {
        let revoked = self.ledger.revoke_sessions(which, now);
        self.note(&revoked, audit);
        revoked
    }

    pub(super) fn limit(
        &mut self,
        which: &Selector,
        capabilities: Capabilities,
        now: Timestamp,
        audit: &AuditRecord,
    ) -> Vec<SessionRecord> {
        let limited = self.ledger.limit_sessions(which, capabilities, now);
        self.note(&limited, audit);
        limited
    }

    fn note(&mut self, sessions: &[SessionRecord], audit: &AuditRecord) {
        if !sessions.is_empty() {
            self.revision = self.revision.saturating_add(1);
        }
        for session in sessions {
            self.changed.insert(session.id, self.revision);
            self.write_down(&audit.clone().about_session(session));
        }
    }

    pub(super) fn insert_local(
        &mut self,
        digest: Digest,
        local: LocalRecord,
        audit: &AuditRecord,
    ) -> Result<Option<LocalRecord>, StoreError> {
        let evicted = self.ledger.insert_local(digest, local).map_err(not_kept)?;
        self.depart(evicted.as_slice(), &audit.clone().replacing());
        self.write_down(audit);
        Ok(evicted)
    }

    pub(super) fn remove_locals(
        &mut self,
        which: &LocalSelector,
        audit: &AuditRecord,
    ) -> Vec<LocalRecord> {
        let removed = self.ledger.remove_locals(which);
        self.depart(&removed, audit);
        removed
    }

    fn depart(&mut self, locals: &[LocalRecord], audit: &AuditRecord) {
        if !locals.is_empty() {
            self.revision = self.revision.saturating_add(1);
        }
        for local in locals {
            self.departed.insert(local.incarnation, (self.revision, local.ends_at));
            self.write_down(&audit.clone().about_local(local));
        }
    }

    pub(super) fn change_directory(
        &mut self,
        change: &Change,
        audit: &AuditRecord,
    ) -> Result<(), ChangeRefusal> {
        let revision = self.revision.saturating_add(1);
        let orphans = self.ledger.change_directory(change, revision)?;
        self.revision = revision;
        self.placed = revision;
        self.write_down(audit);
        self.depart(&orphans, &audit.clone().orphaning());
        Ok(())
    }

    pub(super) fn news(&self, after: u64) -> News {
        if after >= self.revision {
            return News { revision: self.revision, ..News::default() };
        }
        let changed = self.changed.iter().filter(|(_, revision)| **revision > after);
        let changed =
            changed.filter_map(|(id, _)| self.ledger.session(*id)).map(|one| standing(&one));
        let departed = self.departed.iter().filter(|(_, (revision, _))| *revision > after);
        let departed = departed.map(|(id, (_, until))| (*id, Standing::Revoked, *until));
        News {
            revision: self.revision,
            sessions: changed.chain(departed).collect(),
            directory: (self.placed > after).then(|| self.ledger.directory().clone()),
        }
    }

    pub(super) fn expire(&mut self, now: Timestamp) -> usize {
        let changed = &mut self.changed;
        let forgotten = self.ledger.expire_and_tell(now, EXPIRE_BUDGET, |id| {
            changed.remove(&id);
        });
        let before = self.reports.len().saturating_add(self.departed.len());
        self.reports.retain(|_, report| now < report.until);
        self.departed.retain(|_, (_, until)| now < *until);
        let left = self.reports.len().saturating_add(self.departed.len());
        forgotten.saturating_add(before.saturating_sub(left))
    }
}

pub(super) const fn not_kept(why: NotKept) -> StoreError {
    match why {
        NotKept::Full => StoreError::Full,
        NotKept::Exists => StoreError::Exists,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use doorward_policy::grant::{Counter, GrantRecord, GrantRequest, Nonce};
    use doorward_policy::session::Lifetimes;
    use doorward_policy::subject::Subject;
    use doorward_policy::token::Method;
    use doorward_policy::workspace::Asked;

    use super::*;
    use crate::audit::Event;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
    const DIGEST: Digest = Digest::from_bytes([1; 32]);

    /// A state with one session, which was revoked.
    fn revoked() -> (State, SessionRecord) {
        let request = GrantRequest {
            label: Subject::new("ada").expect("a subject"),
            capabilities: Capabilities::START_UP,
            method: Method::Link,
            uses: 1,
            life: Duration::from_secs(600),
        };
        let grant = GrantRecord::issue(&request, Capabilities::ALL, [2; 16], NOW);
        let attempt = Attempt {
            nonce: Nonce::from_digest(DIGEST),
            counter: Counter::Token,
            needed: Capabilities::NONE,
            asked: Asked::Own,
            session: SessionId::new([3; 16]),
            peer: None,
            lifetimes: Lifetimes::DEFAULT,
        };
        let audit = |event| AuditRecord::new(event, NOW);
        let mut state = State::new(Capacity::default(), [1; 8]);
        state.ledger.insert_grant(DIGEST, grant.expect("within bounds")).expect("there is room");
        let session = state.redeem(&DIGEST, &attempt, NOW, audit(Event::GrantRedeemed));
        state.revoke(&Selector::All, NOW, &audit(Event::SessionRevoked));
        (state, session.expect("there is room").expect("it is good"))
    }

    /// Nobody would see what is left, but it would grow for as long as the process runs.
    #[test]
    fn of_a_session_that_is_forgotten_nothing_is_left() {
        let (mut state, session) = revoked();
        let before = session.absolute_end.minus(Duration::from_secs(1));
        assert!(state.expire(before) > 0, "the grant");
        assert_eq!(state.changed.len(), 1);
        assert_eq!(state.expire(session.absolute_end), 1);
        assert!(state.changed.is_empty());
    }
}
