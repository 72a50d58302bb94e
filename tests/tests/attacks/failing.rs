//! A store that can be made to fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use doorward_gate::audit::AuditRecord;
use doorward_gate::store::{Answer, AuditLine, ListenerId, News, Report, Store, StoreError};
use doorward_policy::Timestamp;
use doorward_policy::capability::Capabilities;
use doorward_policy::grant::{Attempt, GrantRecord, GrantRefusal};
use doorward_policy::id::{GrantId, SessionId};
use doorward_policy::keys::Digest;
use doorward_policy::ledger::Selector;
use doorward_policy::local::{LocalRecord, LocalSelector};
use doorward_policy::session::SessionRecord;
use doorward_policy::ticket::{TicketAttempt, TicketRecord, TicketRefusal};
use doorward_policy::token::Claims;
use doorward_policy::workspace::{Change, ChangeRefusal, Directory};

/// Passes everything on to another store until it is broken.
#[derive(Debug)]
pub(crate) struct Breakable {
    store: Arc<dyn Store>,
    broken: AtomicBool,
}

impl Breakable {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, broken: AtomicBool::new(false) }
    }

    /// Breaks or mends it, and says whether it was broken.
    pub(crate) fn set_broken(&self, broken: bool) -> bool {
        self.broken.swap(broken, Ordering::SeqCst)
    }
}

macro_rules! passed_on {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)+) => {
        impl Store for Breakable {
            $(fn $name(&self, $($argument: $kind),*) -> Answer<'_, $answer> {
                if self.broken.load(Ordering::SeqCst) {
                    let error = StoreError::Unavailable("it is broken".to_owned());
                    return Box::pin(std::future::ready(Err(error)));
                }
                self.store.$name($($argument),*)
            })+
        }
    };
}

passed_on! {
    insert_grant(digest: Digest, grant: GrantRecord, audit: AuditRecord) -> ();
    redeem(digest: Digest, attempt: Attempt, now: Timestamp, audit: AuditRecord)
        -> Result<SessionRecord, GrantRefusal>;
    insert_ticket(digest: Digest, ticket: TicketRecord, audit: AuditRecord) -> ();
    consume_ticket(digest: Digest, attempt: TicketAttempt, now: Timestamp)
        -> Result<Claims, TicketRefusal>;
    extend_session(session: SessionId, expires_at: Timestamp) -> bool;
    revoke_grant(grant: GrantId, now: Timestamp, audit: AuditRecord) -> bool;
    revoke_sessions(which: Selector, now: Timestamp, audit: AuditRecord) -> Vec<SessionRecord>;
    limit_sessions(which: Selector, capabilities: Capabilities, now: Timestamp, audit: AuditRecord)
        -> Vec<SessionRecord>;
    insert_local(digest: Digest, local: LocalRecord, audit: AuditRecord) -> Option<LocalRecord>;
    find_local(digest: Digest) -> Option<LocalRecord>;
    locals() -> Vec<LocalRecord>;
    remove_locals(which: LocalSelector, audit: AuditRecord) -> Vec<LocalRecord>;
    directory() -> Directory;
    change_directory(change: Change, audit: AuditRecord) -> Result<(), ChangeRefusal>;
    grants() -> Vec<GrantRecord>;
    sessions() -> Vec<SessionRecord>;
    news(revision: u64) -> News;
    record(audit: Vec<AuditRecord>) -> ();
    audit_lines(after: u64, most: usize) -> Vec<AuditLine>;
    trim_audit(up_to: u64) -> ();
    expire(now: Timestamp) -> usize;
    clock() -> Timestamp;
    mark_clock(now: Timestamp) -> ();
    report_connections(listener: ListenerId, report: Report) -> ();
    reports(now: Timestamp) -> Vec<(ListenerId, Report)>;
}
