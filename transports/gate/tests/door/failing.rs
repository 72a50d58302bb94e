//! A store that a test breaks and mends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use doorward_gate::audit::AuditRecord;
use doorward_gate::store::{Answer, AuditLine, ListenerId, News, Report, Store, StoreError};
use doorward_policy::grant::{Attempt, GrantRecord, GrantRefusal};
use doorward_policy::id::{GrantId, SessionId};
use doorward_policy::keys::Digest;
use doorward_policy::ledger::Selector;
use doorward_policy::local::{LocalRecord, LocalSelector};
use doorward_policy::session::SessionRecord;
use doorward_policy::ticket::{TicketAttempt, TicketRecord, TicketRefusal};
use doorward_policy::token::Claims;
use doorward_policy::workspace::{Change, ChangeRefusal, Directory};
use doorward_policy::{Capabilities, Timestamp};

#[derive(Debug)]
pub(crate) struct FailingStore {
    inner: Arc<dyn Store>,
    pub(crate) reads: AtomicBool,
    pub(crate) writes: AtomicBool,
}

impl FailingStore {
    /// One that works, until a test says otherwise.
    pub(crate) fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner, reads: AtomicBool::new(true), writes: AtomicBool::new(true) }
    }
}

macro_rules! pass_on {
    ($works:ident: $($name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        $(fn $name(&self, $($argument: $type),*) -> Answer<'_, $answer> {
            if self.$works.load(Ordering::SeqCst) {
                return self.inner.$name($($argument),*);
            }
            Box::pin(async { Err(StoreError::Unavailable("it is broken".to_owned())) })
        })*
    };
}

impl Store for FailingStore {
    pass_on! { writes:
        insert_grant(digest: Digest, grant: GrantRecord, audit: AuditRecord) -> ();
        redeem(digest: Digest, attempt: Attempt, now: Timestamp, audit: AuditRecord)
            -> Result<SessionRecord, GrantRefusal>;
        insert_ticket(digest: Digest, ticket: TicketRecord, audit: AuditRecord) -> ();
        consume_ticket(digest: Digest, attempt: TicketAttempt, now: Timestamp)
            -> Result<Claims, TicketRefusal>;
        extend_session(session: SessionId, expires_at: Timestamp) -> bool;
        revoke_grant(grant: GrantId, now: Timestamp, audit: AuditRecord) -> bool;
        revoke_sessions(which: Selector, now: Timestamp, audit: AuditRecord) -> Vec<SessionRecord>;
        limit_sessions(which: Selector, most: Capabilities, now: Timestamp, audit: AuditRecord)
            -> Vec<SessionRecord>;
        insert_local(digest: Digest, local: LocalRecord, audit: AuditRecord)
            -> Option<LocalRecord>;
        remove_locals(which: LocalSelector, audit: AuditRecord) -> Vec<LocalRecord>;
        change_directory(change: Change, audit: AuditRecord) -> Result<(), ChangeRefusal>;
        record(audit: Vec<AuditRecord>) -> ();
        trim_audit(up_to: u64) -> ();
        expire(now: Timestamp) -> usize;
        mark_clock(now: Timestamp) -> ();
        report_connections(listener: ListenerId, report: Report) -> ();
    }
    pass_on! { reads:
        find_local(digest: Digest) -> Option<LocalRecord>;
        locals() -> Vec<LocalRecord>;
        directory() -> Directory;
        grants() -> Vec<GrantRecord>;
        sessions() -> Vec<SessionRecord>;
        news(revision: u64) -> News;
        audit_lines(after: u64, most: usize) -> Vec<AuditLine>;
        clock() -> Timestamp;
        reports(now: Timestamp) -> Vec<(ListenerId, Report)>;
    }
}
