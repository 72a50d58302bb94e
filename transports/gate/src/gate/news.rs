//! News from the store, what they mean to live connections, and telling that they were acted on.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use doorward_policy::Timestamp;
use tokio::time::timeout;

use super::{Gate, Known};
use crate::connections::Tally;
use crate::store::{Counted, News, Report, StoreError};

/// How long a look at the news waits at most for what it has to write down, so that the next one
/// comes in time. What is not written by then is written after the next.
pub(super) const PATIENCE: Duration = Duration::from_millis(500);
/// How long what is told about live connections counts.
const REPORT_LIFE: Duration = Duration::from_secs(5);
/// As long as there is none, a listener only says that it is there, and seldom.
const IDLE_REPORT_LIFE: Duration = Duration::from_secs(40);

/// What other processes were told last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reported {
    acted: u64,
    changes: u64,
    until: Timestamp,
    life: Duration,
}

impl Gate {
    /// Ends the connections whose time is over, reads what has changed in the store and ends those
    /// that may not go on, moves on the ends of sessions in use, and tells other processes when all
    /// that had to end has ended. To be called several times a second.
    ///
    /// # Errors
    /// If the store doesn't answer: what is known grows old then, and after 5 s nobody is admitted.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        let Ok(now) = self.now() else { return Ok(()) };
        self.rooms.tick(now);
        // Before the store is asked, which may take its time.
        self.guarded(|guard, _| {
            self.connections.pass(now, |tenure, ends_at| guard.tenure(tenure, ends_at, now));
        });
        let known = self.revision.load(Ordering::SeqCst);
        //= req: FAIL-3
        let news = self.store.news(known).await?;
        self.hear(&news, known, now);
        self.extend_active(now).await;
        self.report_acted(now).await
    }

    fn hear(&self, news: &News, known: u64, now: Timestamp) {
        {
            let mut mirror = self.write_known();
            let Known { standings, directory } = &mut *mirror;
            for (session, standing, until) in &news.sessions {
                standings.note(*session, *standing, *until);
            }
            if let Some(changed) = &news.directory {
                *directory = Arc::new(changed.clone());
            }
            //= req: FAIL-3
            standings.refreshed(now);
        }
        if news.revision <= known {
            return;
        }
        self.revision.store(news.revision, Ordering::SeqCst);
        let concerned = news.sessions.iter().map(|(session, ..)| *session);
        self.guarded(|guard, _| {
            let judge = |tenure: &_, ends_at| guard.tenure(tenure, ends_at, now);
            let everybody = news.directory.is_some();
            self.connections.hear(news.revision, concerned, everybody, now, judge);
        });
    }

    /// Tells at once that further news were acted on: somebody may be waiting for it. If the store
    /// takes its time, the next look at the news does not wait, and tells it again.
    async fn report_acted(&self, now: Timestamp) -> Result<(), StoreError> {
        let told = self.report(now, |reported, acted, _| reported.acted != acted);
        timeout(PATIENCE, told).await.unwrap_or(Ok(()))
    }

    /// Tells what has changed, and before long that nothing has.
    pub(super) async fn report_changes(&self, now: Timestamp) -> Result<(), StoreError> {
        let due = |reported: &Reported, acted, changes| {
            let stale = now.plus(reported.life / 2) >= reported.until;
            reported.acted != acted || reported.changes != changes || stale
        };
        self.report(now, due).await
    }

    async fn report(
        &self,
        now: Timestamp,
        due: impl Fn(&Reported, u64, u64) -> bool,
    ) -> Result<(), StoreError> {
        let mut reported = self.reported.lock().await;
        let (acted, changes) = self.connections.state();
        if reported.as_ref().is_some_and(|reported| !due(reported, acted, changes)) {
            return Ok(());
        }
        let Tally { acted, changes, sessions } = self.connections.tally();
        let gone = self.is_draining() && self.connections.total() == 0;
        let life = match sessions.is_empty() {
            _ if gone => Duration::ZERO,
            true => IDLE_REPORT_LIFE,
            false => REPORT_LIFE,
        };
        let until = now.plus(life);
        let counted = |(session, live, closed)| Counted { session, live, closed };
        let sessions = sessions.into_iter().map(counted).collect();
        self.store.report_connections(self.listener, Report { acted, sessions, until }).await?;
        *reported = Some(Reported { acted, changes, until, life });
        Ok(())
    }
}
