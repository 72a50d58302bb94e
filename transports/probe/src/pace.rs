//! How fast an attack is played, and how long anything is waited for.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// How fast an attack is played, and how long anything is waited for. One is shared by all attacks
/// on a server: the rate is that of all of them together.
#[derive(Debug)]
pub struct Pace {
    /// How long an answer, the end of a connection or a handshake is waited for.
    pub patience: Duration,
    between: Duration,
    next: Mutex<Option<Instant>>,
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
        let mut next = self.next.lock().await;
        let now = Instant::now();
        let at = next.unwrap_or(now).max(now);
        *next = Some(at + self.between);
        drop(next);
        sleep_until(at).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn turns_are_as_far_apart_as_the_rate_says() {
        let pace = Pace::limited(Duration::from_secs(1), 10);
        let begun = Instant::now();
        for tenths in 0..5 {
            pace.turn().await;
            assert_eq!(begun.elapsed().as_millis() / 100, tenths);
        }
        let unlimited = Pace::unlimited(Duration::from_secs(1));
        let begun = Instant::now();
        unlimited.turn().await;
        unlimited.turn().await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }
}
