//! What goes on beside the requests: records to the store, what is forgotten, and the end.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use doorward_policy::Timestamp;
use doorward_policy::keys::MasterKeys;

use super::{Gate, Keys, RENEWAL_PAUSE, lock};
use crate::store::StoreError;

/// How often the time is persisted: so much may a clock that was set back while no listener ran
/// give anybody.
const CLOCK_MARK: Duration = Duration::from_secs(30);

impl Gate {
    /// From now on nobody new gets in, and live connections are told to end.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
        self.connections.drain();
    }

    /// Puts other keys in force, after a rotation.
    pub fn replace_keys(&self, masters: &MasterKeys) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) =
            Keys::of(masters, self.settings.surface);
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

    /// The upkeep of once a second: forgets what is over, persists the time, looks after local
    /// tokens, and tells other processes how many connections each session has.
    ///
    /// # Errors
    /// If the store doesn't answer.
    pub async fn upkeep(&self) -> Result<(), StoreError> {
        let Ok(now) = self.now() else { return Ok(()) };
        self.write_known().standings.prune(now);
        lock(&self.renewed).retain(|_, last| now.since(*last) < RENEWAL_PAUSE);
        self.store.expire(now).await?;
        let marked = Timestamp::from_millis(self.marked.load(Ordering::Relaxed));
        //= req: TIME-2
        if now.since(marked) >= CLOCK_MARK || (self.is_draining() && now > marked) {
            self.store.mark_clock(now).await?;
            self.marked.store(now.as_millis(), Ordering::Relaxed);
        }
        self.check_locals(now).await?;
        self.connections.prune(now);
        self.report_changes(now).await
    }
}
