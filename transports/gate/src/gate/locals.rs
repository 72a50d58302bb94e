//! Local tokens: looked up, and gone with their process.

use std::sync::atomic::Ordering;
use std::time::Duration;

use doorward_policy::Timestamp;
use doorward_policy::admission::AwaitLocal;
use doorward_policy::local::{Liveness, LocalRecord, LocalSelector};
use doorward_policy::settings::Surface;
use tokio::task::yield_now;

use super::{Admission, Gate, Refusal};
use crate::audit::{AuditRecord, Event};
use crate::store::StoreError;

/// How often it is looked whether the processes of local tokens are there. Whoever presents a
/// token is looked at then.
const CHECK: Duration = Duration::from_secs(10);
/// How many are looked at before connections on the same thread get their turn: each look is a read from
/// `/proc`.
const LOOKS: usize = 32;

impl Gate {
    pub(super) async fn look_up_local(
        &self,
        awaiting: AwaitLocal,
        now: Timestamp,
    ) -> Result<Admission, Refusal> {
        let found = self.store.find_local(*awaiting.digest()).await;
        let found = found.map_err(|error| self.outage(&error));
        let record = found.as_ref().ok().and_then(Option::as_ref);
        //= req: LOCAL-2
        let liveness = record.map_or(Liveness::Unknown, |record| self.liveness(record));
        if let Some(record) = record.filter(|_| liveness == Liveness::Dead) {
            // Refused in any case; if this fails, it is tried again before long.
            let _result = self.bury(vec![record.clone()], now).await;
        }
        let found = found.as_ref().map(Option::as_ref).map_err(|outage| *outage);
        self.guarded(|guard, limiter| awaiting.resume(found, liveness, guard, limiter, now))
            .map(|admitted| self.admission(admitted, now))
            .map_err(|denied| self.refusal(denied, now))
    }

    fn liveness(&self, record: &LocalRecord) -> Liveness {
        match self.processes.started(record.pid) {
            //= req: FAIL-7
            Ok(Some(started)) if started == record.started => Liveness::Alive,
            Ok(_) => Liveness::Dead,
            Err(error) => {
                tracing::error!(%error, "a local token can't be judged");
                Liveness::Unknown
            }
        }
    }

    /// Removes the tokens whose process has ended, when it is time to look.
    pub(super) async fn check_locals(&self, now: Timestamp) -> Result<(), StoreError> {
        let checked = Timestamp::from_millis(self.locals_checked.load(Ordering::Relaxed));
        // Tokens are for the guarded origin, and one gate's look is enough.
        if self.settings.surface == Surface::Admin || now.since(checked) < CHECK {
            return Ok(());
        }
        let locals = self.store.locals().await?;
        self.locals_checked.store(now.as_millis(), Ordering::Relaxed);
        let mut dead = Vec::new();
        for some in locals.chunks(LOOKS) {
            let ended = some.iter().filter(|record| self.liveness(record) == Liveness::Dead);
            dead.extend(ended.cloned());
            yield_now().await;
        }
        self.bury(dead, now).await
    }

    async fn bury(&self, dead: Vec<LocalRecord>, now: Timestamp) -> Result<(), StoreError> {
        if dead.is_empty() {
            return Ok(());
        }
        let these = dead.iter().map(|record| record.incarnation).collect();
        let audit = AuditRecord::new(Event::LocalRemoved, now).because("its process has ended");
        let removed = self.store.remove_locals(LocalSelector::Incarnations(these), audit).await;
        // Over it is in any case.
        for record in dead {
            self.revoked_here(record.incarnation, record.ends_at, now);
        }
        removed.map(drop).inspect_err(|error| {
            tracing::error!(%error, "a local token of a process that has ended is not removed");
        })
    }
}
