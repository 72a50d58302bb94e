//! Work that may have to wait: for a disk that spins up, for a file server that is gone.

use std::future::pending;
use std::panic::resume_unwind;

use tokio::task::spawn_blocking;

/// Does it on a thread that is there for that. On a worker it would hold up that one's connections.
///
/// # Panics
/// If `work` does.
pub(crate) async fn unblock<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
        // The runtime is ending, and whoever waits with it.
        Err(_cancelled) => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::task::yield_now;

    use super::*;

    /// On one thread, where it would wait for ever for what comes after it.
    #[tokio::test]
    async fn who_waits_for_a_file_holds_up_nobody_else() {
        let (answer, answered) = mpsc::channel();
        let waiting = tokio::spawn(unblock(move || answered.recv()));
        yield_now().await;
        answer.send("read").expect("somebody waits");
        assert_eq!(waiting.await.expect("done"), Ok("read"));
    }

    #[tokio::test]
    async fn a_panic_is_that_of_whoever_waits() {
        let waiting = tokio::spawn(unblock(|| panic!("broken")));
        let error = waiting.await.expect_err("it panics");
        assert_eq!(error.into_panic().downcast_ref(), Some(&"broken"));
    }
}
