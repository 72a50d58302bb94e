//! What an admitted session asks of the gate: to be renewed, registered, kept, ended.

use std::sync::Arc;

use doorward_policy::Timestamp;
use doorward_policy::admission::Admitted;
use doorward_policy::credential::Identity;
use doorward_policy::deadline;
use doorward_policy::denial::{Denial, Outage};
use doorward_policy::id::SessionId;
use doorward_policy::ledger::Selector;
use doorward_policy::local::LocalSelector;
use doorward_policy::session;
use doorward_policy::standing::Standing;
use doorward_policy::tenure::Tenure;
use doorward_policy::ticket::{TicketRecord, TicketSecret};
use doorward_policy::token::{Claims, SessionToken};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::news::PATIENCE;
use super::{Admission, Gate, RENEWAL_PAUSE, Refusal, lock};
use crate::audit::{AuditRecord, Event};
use crate::connections::{Active, LiveConnection, Term};
use crate::store::StoreError;
use crate::system::random;

impl Gate {
    /// Makes a ticket for an admitted session, bound to the origin that asked for it.
    ///
    /// # Errors
    /// The refusal to answer with.
    pub async fn issue_ticket(
        &self,
        admission: &Admission,
        origin: Option<&str>,
    ) -> Result<(TicketSecret, Timestamp), Refusal> {
        let context = *admission.admitted.context();
        let now = self.now().map_err(|denial| self.refuse_admitted(admission, denial))?;
        let claims = admission
            .admitted
            .claims()
            .ok_or_else(|| self.refuse_admitted(admission, Denial::CredentialMissing))?;
        let entropy = random(&*self.entropy)
            .map_err(|_| self.refuse_admitted(admission, Denial::Unavailable(Outage::Entropy)))?;
        //= req: ENTROPY-1
        let secret = TicketSecret::new(entropy);
        let record = TicketRecord::issue(claims, origin, now);
        let expires_at = record.expires_at;
        let audit = AuditRecord::new(Event::TicketMade, now)
            .traced(admission.trace)
            .of(&context)
            .claimed(claims);
        let digest = secret.digest(&self.keys().digester);
        match self.store.insert_ticket(digest, record, audit).await {
            Ok(()) => Ok((secret, expires_at)),
            Err(error) => {
                Err(self.refuse_admitted(admission, Denial::Unavailable(self.outage(&error))))
            }
        }
    }

    /// The token that renews an admitted session, if it is time for one. Its connections live on
    /// until the new expiry.
    ///
    /// A store that fails renews nothing, and the session goes on as it was; nor does one that knows of
    /// a revocation of which there was no news yet.
    pub async fn renew(&self, admitted: &Admitted) -> Option<(Claims, SessionToken)> {
        let now = self.now().ok()?;
        let (claims, token) = self.guarded(|guard, _| guard.renew(admitted, now))?;
        //= req: FAIL-5
        match self.store.extend_session(claims.session, claims.expires_at).await {
            Ok(true) => {}
            Ok(false) => return None,
            Err(error) => {
                self.outage(&error);
                return None;
            }
        }
        self.connections.extend(claims.session, claims.expires_at, now);
        Some((claims, token))
    }

    /// As [`Self::renew`], at most once a minute for each session: for cookies, which every
    /// request of a page would renew.
    pub async fn renew_cookie(&self, admitted: &Admitted) -> Option<(Claims, SessionToken)> {
        let claims = admitted.claims()?;
        let session = claims.session;
        let now = self.now().ok()?;
        // Nearly always it is too early, and nothing is locked.
        session::renewal(claims, &self.settings.lifetimes, now)?;
        {
            let renewed = lock(&self.renewed);
            if renewed.get(&session).is_some_and(|last| now.since(*last) < RENEWAL_PAUSE) {
                return None;
            }
        }
        let renewal = self.renew(admitted).await?;
        lock(&self.renewed).insert(session, now);
        Some(renewal)
    }

    /// Ends the session or the local token that asks for it, and its connections.
    ///
    /// # Errors
    /// The refusal to answer with, if that could not be written down.
    pub async fn sign_out(&self, admission: &Admission) -> Result<(), Refusal> {
        let context = *admission.admitted.context();
        let now = self.now().map_err(|denial| self.refuse_admitted(admission, denial))?;
        let audit = AuditRecord::new(Event::SignedOut, now).traced(admission.trace).of(&context);
        let (key, until, written) = match admission.admitted.identity() {
            Identity::Session { claims, .. } => {
                let which = Selector::Session(claims.session);
                let written = self.store.revoke_sessions(which, now, audit).await.map(drop);
                (claims.session, claims.absolute_end, written)
            }
            Identity::Local(claims) => {
                let which = LocalSelector::Incarnations(vec![claims.incarnation]);
                let written = self.store.remove_locals(which, audit).await.map(drop);
                (claims.incarnation, claims.ends_at, written)
            }
            Identity::Unguarded => return Ok(()),
        };
        //= req: FAIL-6
        written.map_err(|error| {
            self.refuse_admitted(admission, Denial::Unavailable(self.outage(&error)))
        })?;
        self.revoked_here(key, until, now);
        Ok(())
    }

    /// Puts a revocation in force that was written down a moment ago, ahead of the news of it.
    pub(super) fn revoked_here(&self, key: SessionId, until: Timestamp, now: Timestamp) {
        self.write_known().standings.note(key, Standing::Revoked, until);
        self.guarded(|guard, _| {
            self.connections.end(key, now, |tenure, ends_at| guard.tenure(tenure, ends_at, now));
        });
    }

    /// Registers an admitted connection that stays open, and looks once more at what it was
    /// admitted on: whatever has changed is either seen here or finds the connection.
    ///
    /// # Errors
    /// The refusal, if that no longer stands or the server began to drain meanwhile.
    pub fn register(&self, admission: &Admission) -> Result<LiveConnection, Refusal> {
        self.registered(admission, true).map(LiveConnection::admit)
    }

    /// As [`Self::register`], for a connection to the guarded server that outlives the client's
    /// that it was made for: it ends with its session as any other, and counts as none of its
    /// clients'.
    ///
    /// # Errors
    /// As [`Self::register`].
    pub fn register_own(&self, admission: &Admission) -> Result<LiveConnection, Refusal> {
        self.registered(admission, false)
    }

    fn registered(
        &self,
        admission: &Admission,
        by_client: bool,
    ) -> Result<LiveConnection, Refusal> {
        let Admission { admitted, at: now, .. } = admission;
        let term = match admitted.identity() {
            Identity::Session { claims, .. } => {
                Term { ends_at: claims.expires_at, absolute_end: claims.absolute_end }
            }
            Identity::Local(claims) => Term::fixed(claims.ends_at),
            Identity::Unguarded => Term::ENDLESS,
        };
        let live = self.connections.register(Tenure::of(admitted), term, by_client, *now);
        if self.is_draining() {
            return Err(self.refuse_admitted(admission, Denial::Unavailable(Outage::Draining)));
        }
        //= req: SESSION-10
        self.guarded(|guard, _| guard.still_stands(admitted, *now))
            .map_err(|denial| self.refuse_admitted(admission, denial))?;
        Ok(live)
    }

    /// Looks once more at what a request was admitted on: its body may have taken its time, and
    /// whoever lost their rights meanwhile has nothing done.
    ///
    /// # Errors
    /// What has changed.
    pub fn look_again(&self, admission: &Admission) -> Result<(), Denial> {
        let now = self.now()?;
        self.guarded(|guard, _| guard.still_stands(&admission.admitted, now))
    }

    /// Keeps a session from ending for being idle, as what runs on the server asks for it: a local
    /// token of the workspace in which that session has a live connection. Returns when it ends
    /// now.
    ///
    /// # Errors
    /// The refusal; a session that is elsewhere is refused as one that is not.
    pub async fn stay(
        &self,
        admission: &Admission,
        session: SessionId,
    ) -> Result<Timestamp, Refusal> {
        let context = *admission.admitted.context();
        let refuse = |denial| self.refuse_admitted(admission, denial);
        let now = self.now().map_err(refuse)?;
        let Identity::Local(claims) = admission.admitted.identity() else {
            return Err(refuse(Denial::LocalOnly));
        };
        let active = self.connections.find_in(session, &claims.workspace);
        let active = active.filter(|active| now < active.term.ends_at);
        let active = active.ok_or_else(|| refuse(Denial::WorkspaceUnknown))?;
        let Some(ends_at) = self.moved(&active, now) else { return Ok(active.term.ends_at) };
        let extended = self.store.extend_session(session, ends_at).await;
        let extended =
            extended.map_err(|error| refuse(Denial::Unavailable(self.outage(&error))))?;
        if !extended {
            return Err(refuse(Denial::WorkspaceUnknown));
        }
        self.connections.extend(session, ends_at, now);
        let record = AuditRecord::new(Event::Stayed, now).traced(admission.trace).of(&context);
        let record = record.held(&admission.admitted).because(format!("session {session}"));
        self.journal.note(record);
        Ok(ends_at)
    }

    fn moved(&self, active: &Active, now: Timestamp) -> Option<Timestamp> {
        let Term { ends_at, absolute_end } = active.term;
        deadline::extended(ends_at, absolute_end, &self.settings.lifetimes, now)
    }

    /// Moves on the ends of sessions that were active, once that is written down.
    pub(super) async fn extend_active(&self, now: Timestamp) {
        let mut writes = JoinSet::new();
        for active in self.connections.take_active() {
            if let Some(ends_at) = self.moved(&active, now) {
                let store = Arc::clone(&self.store);
                writes.spawn(async move {
                    let extended = store.extend_session(active.key, ends_at).await?;
                    Ok(extended.then_some((active.key, ends_at)))
                });
            }
        }
        if writes.is_empty() {
            return;
        }
        let written = async {
            while let Some(Ok(written)) = writes.join_next().await {
                self.extend_written(written, now);
            }
        };
        if timeout(PATIENCE, written).await.is_err() {
            tracing::warn!("the store is too slow to write down which sessions are in use");
        }
    }

    fn extend_written(
        &self,
        written: Result<Option<(SessionId, Timestamp)>, StoreError>,
        now: Timestamp,
    ) {
        match written {
            //= req: FAIL-5
            Ok(Some((session, ends_at))) => self.connections.extend(session, ends_at, now),
            // Revoked meanwhile: the news of it end its connections.
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "a session in use was not extended"),
        }
    }
}
