//! What goes on beside the requests: news from the store, records to it, and the end.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use doorward_policy::Timestamp;
use doorward_policy::keys::MasterKeys;
use doorward_policy::standing::Standing;

use super::{Gate, Keys, RENEWAL_PAUSE, lock};
use crate::store::{Counted, Report, StoreError};

/// How often the time is persisted: so much may a clock that was set back while no listener ran
/// give anybody.
const CLOCK_MARK: Duration = Duration::from_secs(30);
/// How long what is told about live connections counts.
const REPORT_LIFE: Duration = Duration::from_secs(5);

impl Gate {
    /// From now on nobody new gets in, and live connections are told to end.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
        self.connections.drain();
    }

    /// Puts other keys in force, after a rotation.
    pub fn replace_keys(&self, masters: &MasterKeys) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Keys::of(masters);
    }

    /// Reads what has changed in the store, and ends the connections that it concerns and those
    /// whose session has expired.
    ///
    /// # Errors
    /// If the store doesn't answer: what is known grows old then, and after 5 s nobody is admitted.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        let Ok(now) = self.now() else { return Ok(()) };
        self.rooms.tick(now);
        let known = self.revision.load(Ordering::SeqCst);
        let news = self.store.news(known).await;
        if let Ok(news) = &news {
            if let Some(directory) = &news.directory {
                let directory = Arc::new(directory.clone());
                *self.directory.write().unwrap_or_else(PoisonError::into_inner) = directory;
            }
            let mut standings = self.write_standings();
            for (session, standing, until) in &news.sessions {
                standings.note(*session, *standing, *until);
            }
            standings.refreshed(now);
            self.revision.store(news.revision.max(known), Ordering::SeqCst);
        }
        let standings = self.standings.read().unwrap_or_else(PoisonError::into_inner);
        self.connections.sweep(now, |session| standings.of(session) == Standing::Revoked);
        news.map(|_| ())
    }

    /// Writes the gathered audit records.
    ///
    /// # Errors
    /// If the store doesn't take them; they are kept for the next time, as far as there is room.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let records = self.journal.take(self.now().unwrap_or_default());
        if records.is_empty() {
            return Ok(());
        }
        let written = self.store.record(records.clone()).await;
        if written.is_err() {
            self.journal.put_back(records);
        }
        written
    }

    /// The upkeep of once a second: forgets what is over, persists the time, and tells other
    /// processes how many connections each session has.
    ///
    /// # Errors
    /// If the store doesn't answer.
    pub async fn upkeep(&self) -> Result<(), StoreError> {
        let Ok(now) = self.now() else { return Ok(()) };
        self.write_standings().prune(now);
        lock(&self.renewed).retain(|_, last| now.since(*last) < RENEWAL_PAUSE);
        self.store.expire(now).await?;
        let marked = Timestamp::from_millis(self.marked.load(Ordering::Relaxed));
        if now.since(marked) >= CLOCK_MARK || (self.is_draining() && now > marked) {
            self.store.mark_clock(now).await?;
            self.marked.store(now.as_millis(), Ordering::Relaxed);
        }
        self.report(now).await
    }

    /// Tells other processes how many connections each session has. An idle listener has told
    /// them that there is none, and writes nothing.
    async fn report(&self, now: Timestamp) -> Result<(), StoreError> {
        let counts = self.connections.counts();
        let any = !counts.is_empty();
        if !any && !self.reported.load(Ordering::Relaxed) {
            return Ok(());
        }
        let sessions =
            counts.into_iter().map(|(session, live)| Counted { session, live, closed: 0 });
        let acted = self.revision.load(Ordering::SeqCst);
        let until = now.plus(REPORT_LIFE);
        let report = Report { acted, sessions: sessions.collect(), until };
        self.store.report_connections(self.listener, report).await?;
        self.reported.store(any, Ordering::Relaxed);
        Ok(())
    }
}
