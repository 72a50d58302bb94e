//! How fast an attack is played, and how long anything is waited for.

use std::pin::Pin;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Sleep, sleep};

/// How fast an attack is played, and how long anything is waited for. One is shared by all attacks
/// on a server: the rate is that of all of them together.
#[derive(Debug)]
pub struct Pace {
    /// How long an answer, the end of a connection or a handshake is waited for.
    pub patience: Duration,
    between: Duration,
    /// Until the next connection may be opened.
    next: Mutex<Option<Pin<Box<Sleep>>>>,
}

impl Pace {
    /// As fast as the server answers.
    #[must_use]
    pub fn unlimited(patience: Duration) -> Self {
        Self { patience, between: Duration::ZERO, next: Mutex::new(None) }
    }

    /// At most so many connections a second, and at least one.
    #[must_use]
    pub fn limited(patience: Duration, per_second: u32) -> Self {
        let between = Duration::from_secs(1) / per_second.max(1);
        Self { patience, between, next: Mutex::new(None) }
    }

    /// Waits until the next connection may be opened.
    pub async fn turn(&self) {
        if self.between.is_zero() {
            return;
        }
        // Whoever waits for their turn keeps it locked: the others stand in line behind them.
        let mut next = self.next.lock().await;
        if let Some(until) = next.take() {
            until.await;
        }
        *next = Some(Box::pin(sleep(self.between)));
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn turns_are_as_far_apart_as_the_rate_says() {
        let pace = Pace::limited(Duration::from_secs(1), 10);
        let mut clock = Box::pin(sleep(Duration::from_millis(399)));
        for _ in 0..4 {
            pace.turn().await;
        }
        assert!(!clock.is_elapsed(), "the first has its turn at once, and three wait 100 ms each");
        pace.turn().await;
        (&mut clock).await;
        assert!(timeout(Duration::from_millis(99), pace.turn()).await.is_err(), "the sixth waits");
        let unlimited = Pace::unlimited(Duration::from_secs(1));
        let turns = async {
            unlimited.turn().await;
            unlimited.turn().await;
        };
        assert!(timeout(Duration::from_millis(1), turns).await.is_ok());
    }
}
