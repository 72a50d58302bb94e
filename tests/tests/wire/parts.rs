//! A clock and a generator that a test turns, holds and breaks.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use doorward_gate::{Clock, ClockError, Entropy, EntropyError, SystemEntropy};
use doorward_policy::Timestamp;
use tokio::sync::oneshot;

/// A clock that stands still until it is turned, and can be broken.
#[derive(Debug)]
pub(crate) struct TestClock {
    millis: AtomicU64,
    broken: AtomicBool,
}

impl TestClock {
    /// In 2030.
    pub(crate) fn standing() -> Self {
        Self { millis: AtomicU64::new(1_900_000_000_000), broken: AtomicBool::new(false) }
    }

    pub(crate) fn turn(&self, by: Duration) {
        self.millis.fetch_add(by.as_millis() as u64, Ordering::SeqCst);
    }

    pub(crate) fn turn_back(&self, by: Duration) {
        self.millis.fetch_sub(by.as_millis() as u64, Ordering::SeqCst);
    }

    pub(crate) fn set_broken(&self, broken: bool) {
        self.broken.store(broken, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Result<Timestamp, ClockError> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(ClockError);
        }
        Ok(Timestamp::from_millis(self.millis.load(Ordering::SeqCst)))
    }
}

/// The operating system's generator, until it is broken or held.
#[derive(Debug, Default)]
pub(crate) struct TestEntropy {
    broken: AtomicBool,
    held: Mutex<Option<Holding>>,
}

/// The side of a held request.
#[derive(Debug)]
struct Holding {
    asked: oneshot::Sender<()>,
    go_on: mpsc::Receiver<()>,
}

/// A request for entropy that waits until it is told to go on.
pub(crate) struct Held {
    /// That it has come.
    pub(crate) asked: oneshot::Receiver<()>,
    pub(crate) go_on: mpsc::Sender<()>,
}

impl TestEntropy {
    pub(crate) fn set_broken(&self, broken: bool) {
        self.broken.store(broken, Ordering::SeqCst);
    }

    /// Holds the next request. It blocks a thread, so the runtime needs another.
    pub(crate) fn hold(&self) -> Held {
        let ((tell, asked), (go_on, wait)) = (oneshot::channel(), mpsc::channel());
        *self.held.lock().unwrap() = Some(Holding { asked: tell, go_on: wait });
        Held { asked, go_on }
    }
}

impl Entropy for TestEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        let held = self.held.lock().unwrap().take();
        if let Some(Holding { asked, go_on }) = held {
            asked.send(()).unwrap();
            tokio::task::block_in_place(|| go_on.recv().unwrap());
        }
        if self.broken.load(Ordering::SeqCst) {
            return Err(EntropyError);
        }
        SystemEntropy.fill(bytes)
    }
}
