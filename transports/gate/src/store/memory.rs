//! The memory store: the policy's ledger behind a lock. For tests and for embedding; nothing
//! outlives the process.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard};

use doorward_policy::Timestamp;
use doorward_policy::grant::{Attempt, GrantRecord, GrantRefusal};
use doorward_policy::id::{GrantId, SessionId};
use doorward_policy::keys::Digest;
use doorward_policy::ledger::{Capacity, Ledger, NotKept, RedeemError, Selector};
use doorward_policy::session::SessionRecord;
use doorward_policy::standing::Standing;
use doorward_policy::ticket::{TicketAttempt, TicketRecord, TicketRefusal};
use doorward_policy::token::Claims;

use super::{Answer, AuditLine, Exceptions, ListenerId, Store, StoreError};
use crate::audit::AuditRecord;

/// How many records of each kind one call forgets at most.
pub(super) const EXPIRE_BUDGET: usize = 1024;
/// How many audit lines are held before the oldest is dropped.
const MOST_LINES: usize = 1 << 16;

/// Records in memory.
#[derive(Debug)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    ledger: Ledger,
    revision: u64,
    /// Which session was revoked at which revision.
    revoked: BTreeMap<u64, SessionId>,
    lines: VecDeque<AuditLine>,
    last_line: u64,
    clock: Timestamp,
    reports: BTreeMap<ListenerId, Report>,
}

#[derive(Debug)]
struct Report {
    connections: Vec<(SessionId, u32)>,
    until: Timestamp,
}

impl MemoryStore {
    /// An empty store; `seed` is entropy, for its hash tables.
    #[must_use]
    pub fn new(capacity: Capacity, seed: [u8; 8]) -> Self {
        let state = State {
            ledger: Ledger::new(capacity, seed),
            revision: 0,
            revoked: BTreeMap::new(),
            lines: VecDeque::new(),
            last_line: 0,
            clock: Timestamp::EPOCH,
            reports: BTreeMap::new(),
        };
        Self { state: Mutex::new(state) }
    }

    /// Runs one operation under the lock. A panic in one of them leaves the lock poisoned, and
    /// every later one without an answer: what it left behind can't be trusted (I20).
    fn answer<T, F>(&self, operation: F) -> Answer<'_, T>
    where
        T: Send + 'static,
        F: FnOnce(&mut State) -> Result<T, StoreError> + Send + 'static,
    {
        Box::pin(async move { operation(&mut *self.lock()?) })
    }

    fn lock(&self) -> Result<MutexGuard<'_, State>, StoreError> {
        let broken = "an operation on the memory store has panicked; restart";
        self.state.lock().map_err(|_| StoreError::Unavailable(broken.to_owned()))
    }
}

impl State {
    fn write_down(&mut self, audit: &AuditRecord) {
        if self.lines.len() >= MOST_LINES {
            self.lines.pop_front();
        }
        self.last_line = self.last_line.saturating_add(1);
        self.lines.push_back(AuditLine { number: self.last_line, json: audit.line() });
    }

    fn redeem(
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

    fn revoke(
        &mut self,
        which: &Selector,
        now: Timestamp,
        audit: &AuditRecord,
    ) -> Vec<SessionRecord> {
        let revoked = self.ledger.revoke_sessions(which, now);
        for session in &revoked {
            self.revision = self.revision.saturating_add(1);
            self.revoked.insert(self.revision, session.id);
            self.write_down(&audit.clone().about_session(session));
        }
        revoked
    }

    fn exceptions(&self, revision: u64) -> Exceptions {
        let ledger = &self.ledger;
        let after = self.revoked.range(revision.saturating_add(1)..);
        let standing =
            |session: &SessionRecord| (session.id, Standing::Revoked, session.absolute_end);
        let sessions = after.filter_map(|(_, id)| ledger.session(*id)).map(standing).collect();
        Exceptions { revision: self.revision, sessions }
    }

    fn expire(&mut self, now: Timestamp) -> usize {
        let forgotten = self.ledger.expire(now, EXPIRE_BUDGET);
        if forgotten > 0 {
            let ledger = &self.ledger;
            self.revoked.retain(|_, id| ledger.session(*id).is_some());
        }
        let before = self.reports.len();
        self.reports.retain(|_, report| now < report.until);
        forgotten.saturating_add(before.saturating_sub(self.reports.len()))
    }

    fn connections(&self, now: Timestamp) -> Vec<(SessionId, u32)> {
        let mut sum = BTreeMap::<SessionId, u32>::new();
        let current = self.reports.values().filter(|report| now < report.until);
        for (session, count) in current.flat_map(|report| &report.connections) {
            let held = sum.entry(*session).or_default();
            *held = held.saturating_add(*count);
        }
        sum.into_iter().collect()
    }
}

const fn not_kept(why: NotKept) -> StoreError {
    match why {
        NotKept::Full => StoreError::Full,
        NotKept::Exists => StoreError::Exists,
    }
}

impl Store for MemoryStore {
    fn insert_grant(
        &self,
        digest: Digest,
        grant: GrantRecord,
        audit: AuditRecord,
    ) -> Answer<'_, ()> {
        self.answer(move |state| {
            state.ledger.insert_grant(digest, grant).map_err(not_kept)?;
            state.write_down(&audit);
            Ok(())
        })
    }

    fn redeem(
        &self,
        digest: Digest,
        attempt: Attempt,
        now: Timestamp,
        audit: AuditRecord,
    ) -> Answer<'_, Result<SessionRecord, GrantRefusal>> {
        self.answer(move |state| state.redeem(&digest, &attempt, now, audit))
    }

    fn insert_ticket(
        &self,
        digest: Digest,
        ticket: TicketRecord,
        audit: AuditRecord,
    ) -> Answer<'_, ()> {
        self.answer(move |state| {
            state.ledger.insert_ticket(digest, ticket).map_err(not_kept)?;
            state.write_down(&audit);
            Ok(())
        })
    }

    fn consume_ticket(
        &self,
        digest: Digest,
        attempt: TicketAttempt,
        now: Timestamp,
    ) -> Answer<'_, Result<Claims, TicketRefusal>> {
        self.answer(move |state| Ok(state.ledger.consume_ticket(&digest, &attempt, now)))
    }

    fn extend_session(&self, session: SessionId, expires_at: Timestamp) -> Answer<'_, ()> {
        self.answer(move |state| {
            state.ledger.extend_session(session, expires_at);
            Ok(())
        })
    }

    fn revoke_grant(&self, grant: GrantId, now: Timestamp, audit: AuditRecord) -> Answer<'_, bool> {
        self.answer(move |state| {
            let found = state.ledger.revoke_grant(grant, now);
            if found {
                state.write_down(&audit);
            }
            Ok(found)
        })
    }

    fn revoke_sessions(
        &self,
        which: Selector,
        now: Timestamp,
        audit: AuditRecord,
    ) -> Answer<'_, Vec<SessionRecord>> {
        self.answer(move |state| Ok(state.revoke(&which, now, &audit)))
    }

    fn grants(&self) -> Answer<'_, Vec<GrantRecord>> {
        self.answer(move |state| {
            let mut grants = state.ledger.grants().cloned().collect::<Vec<_>>();
            grants.sort_by_key(|grant| (std::cmp::Reverse(grant.created_at), grant.id));
            Ok(grants)
        })
    }

    fn sessions(&self) -> Answer<'_, Vec<SessionRecord>> {
        self.answer(move |state| {
            let mut sessions = state.ledger.sessions().copied().collect::<Vec<_>>();
            sessions.sort_by_key(|session| (std::cmp::Reverse(session.created_at), session.id));
            Ok(sessions)
        })
    }

    fn exceptions(&self, revision: u64) -> Answer<'_, Exceptions> {
        self.answer(move |state| Ok(state.exceptions(revision)))
    }

    fn record(&self, audit: Vec<AuditRecord>) -> Answer<'_, ()> {
        self.answer(move |state| {
            audit.iter().for_each(|record| state.write_down(record));
            Ok(())
        })
    }

    fn audit_lines(&self, after: u64, most: usize) -> Answer<'_, Vec<AuditLine>> {
        self.answer(move |state| {
            let start = state.lines.partition_point(|line| line.number <= after);
            Ok(state.lines.range(start..).take(most).cloned().collect())
        })
    }

    fn trim_audit(&self, up_to: u64) -> Answer<'_, ()> {
        self.answer(move |state| {
            let end = state.lines.partition_point(|line| line.number <= up_to);
            state.lines.drain(..end);
            Ok(())
        })
    }

    fn expire(&self, now: Timestamp) -> Answer<'_, usize> {
        self.answer(move |state| Ok(state.expire(now)))
    }

    fn clock(&self) -> Answer<'_, Timestamp> {
        self.answer(move |state| Ok(state.clock))
    }

    fn mark_clock(&self, now: Timestamp) -> Answer<'_, ()> {
        self.answer(move |state| {
            state.clock = state.clock.max(now);
            Ok(())
        })
    }

    fn report_connections(
        &self,
        listener: ListenerId,
        connections: Vec<(SessionId, u32)>,
        until: Timestamp,
    ) -> Answer<'_, ()> {
        self.answer(move |state| {
            state.reports.insert(listener, Report { connections, until });
            Ok(())
        })
    }

    fn connections(&self, now: Timestamp) -> Answer<'_, Vec<(SessionId, u32)>> {
        self.answer(move |state| Ok(state.connections(now)))
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[tokio::test]
    async fn after_a_panic_every_call_is_unavailable() {
        let store = MemoryStore::new(Capacity::default(), [1; 8]);
        let panics = || store.lock().map(|_state| panic!("a bug"));
        catch_unwind(AssertUnwindSafe(panics)).expect_err("it panics");
        let answer = store.exceptions(0).await;
        assert!(matches!(answer, Err(StoreError::Unavailable(_))));
        let answer = store.mark_clock(Timestamp::from_millis(1)).await;
        assert!(matches!(answer, Err(StoreError::Unavailable(_))));
    }
}
