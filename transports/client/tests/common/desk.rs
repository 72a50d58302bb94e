//! A clock that goes as a test moves it, and the longest waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use doorward_client::Surroundings;
use doorward_policy::Timestamp;

pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_000_000);

#[derive(Debug)]
pub(crate) struct Desk(AtomicU64);

impl Desk {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(NOW.as_millis())))
    }

    pub(crate) fn set(&self, now: Timestamp) {
        self.0.store(now.as_millis(), Ordering::SeqCst);
    }

    pub(crate) fn advance(&self, span: Duration) {
        self.set(self.now().plus(span));
    }
}

impl Surroundings for Desk {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }

    fn random(&self) -> [u8; 8] {
        [255; 8]
    }
}
