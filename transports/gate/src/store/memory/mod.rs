//! The memory store: the policy's ledger behind a lock. For tests and for embedding; nothing
//! outlives the process.

#[cfg(test)]
#[cfg(loom)]
mod interleavings;
mod state;

use std::cmp::Reverse;
#[cfg(not(all(test, loom)))]
use std::sync::{Mutex, MutexGuard};

#[cfg(all(test, loom))]
use loom::sync::{Mutex, MutexGuard};

use doorward_policy::grant::{Attempt, GrantRecord, GrantRefusal};
use doorward_policy::id::{GrantId, SessionId};
use doorward_policy::keys::Digest;
use doorward_policy::ledger::{Capacity, Selector};
use doorward_policy::local::{LocalRecord, LocalSelector};
use doorward_policy::session::SessionRecord;
use doorward_policy::ticket::{TicketAttempt, TicketRecord, TicketRefusal};
use doorward_policy::token::Claims;
use doorward_policy::workspace::{Change, ChangeRefusal, Directory};
use doorward_policy::{Capabilities, Timestamp};

pub(super) use self::state::EXPIRE_BUDGET;
use self::state::{State, not_kept};
use super::{Answer, AuditLine, ListenerId, News, Report, Store, StoreError};
use crate::audit::AuditRecord;

/// Records in memory.
#[derive(Debug)]
pub struct MemoryStore {
    state: Mutex<State>,
}

impl MemoryStore {
    /// An empty store; `seed` is entropy, for its hash tables.
    #[must_use]
    pub fn new(capacity: Capacity, seed: [u8; 8]) -> Self {
        Self { state: Mutex::new(State::new(capacity, seed)) }
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

    fn extend_session(&self, session: SessionId, expires_at: Timestamp) -> Answer<'_, bool> {
        self.answer(move |state| Ok(state.ledger.extend_session(session, expires_at)))
    }

    fn revoke_grant(&self, grant: GrantId, now: Timestamp, audit: AuditRecord) -> Answer<'_, bool> {
        self.answer(move |state| {
            let found = state.ledger.revoke_grant(grant, now);
            if found {
                state.write_down(&audit.naming_grant(grant));
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

    fn limit_sessions(
        &self,
        which: Selector,
        capabilities: Capabilities,
        now: Timestamp,
        audit: AuditRecord,
    ) -> Answer<'_, Vec<SessionRecord>> {
        self.answer(move |state| Ok(state.limit(&which, capabilities, now, &audit)))
    }

    fn insert_local(
        &self,
        digest: Digest,
        local: LocalRecord,
        audit: AuditRecord,
    ) -> Answer<'_, Option<LocalRecord>> {
        self.answer(move |state| state.insert_local(digest, local, &audit))
    }

    fn find_local(&self, digest: Digest) -> Answer<'_, Option<LocalRecord>> {
        self.answer(move |state| Ok(state.ledger.local(&digest).cloned()))
    }

    fn locals(&self) -> Answer<'_, Vec<LocalRecord>> {
        self.answer(move |state| {
            let mut locals = state.ledger.locals().cloned().collect::<Vec<_>>();
            locals.sort_by_key(|local| (Reverse(local.created_at), local.id));
            Ok(locals)
        })
    }

    fn remove_locals(
        &self,
        which: LocalSelector,
        audit: AuditRecord,
    ) -> Answer<'_, Vec<LocalRecord>> {
        self.answer(move |state| Ok(state.remove_locals(&which, &audit)))
    }

    fn directory(&self) -> Answer<'_, Directory> {
        self.answer(move |state| Ok(state.ledger.directory().clone()))
    }

    fn change_directory(
        &self,
        change: Change,
        audit: AuditRecord,
    ) -> Answer<'_, Result<(), ChangeRefusal>> {
        self.answer(move |state| Ok(state.change_directory(&change, &audit)))
    }

    fn grants(&self) -> Answer<'_, Vec<GrantRecord>> {
        self.answer(move |state| {
            let mut grants = state.ledger.grants().collect::<Vec<_>>();
            grants.sort_by_key(|grant| (Reverse(grant.created_at), grant.id));
            Ok(grants)
        })
    }

    fn sessions(&self) -> Answer<'_, Vec<SessionRecord>> {
        self.answer(move |state| {
            let mut sessions = state.ledger.sessions().collect::<Vec<_>>();
            sessions.sort_by_key(|session| (Reverse(session.created_at), session.id));
            Ok(sessions)
        })
    }

    fn news(&self, revision: u64) -> Answer<'_, News> {
        self.answer(move |state| Ok(state.news(revision)))
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

    fn report_connections(&self, listener: ListenerId, report: Report) -> Answer<'_, ()> {
        self.answer(move |state| {
            state.reports.insert(listener, report);
            Ok(())
        })
    }

    fn reports(&self, now: Timestamp) -> Answer<'_, Vec<(ListenerId, Report)>> {
        self.answer(move |state| {
            let current = state.reports.iter().filter(|(_, report)| now < report.until);
            Ok(current.map(|(listener, report)| (*listener, report.clone())).collect())
        })
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    //= req: FAIL-4, type=test
    #[tokio::test]
    async fn after_a_panic_every_call_is_unavailable() {
        let store = MemoryStore::new(Capacity::default(), [1; 8]);
        let panics = || store.lock().map(|_state| panic!("a bug"));
        catch_unwind(AssertUnwindSafe(panics)).expect_err("it panics");
        let answer = store.news(0).await;
        assert!(matches!(answer, Err(StoreError::Unavailable(_))));
        let answer = store.mark_clock(Timestamp::from_millis(1)).await;
        assert!(matches!(answer, Err(StoreError::Unavailable(_))));
    }
}
