//! What goes on beside the connections: revocations are read, the audit log is written, keys that
//! were rotated and certificates that were renewed are put in force, files that hold tokens of no
//! more use are removed.

use std::convert::Infallible;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use doorward_gate::export::AuditFile;
use doorward_gate::{Gate, keyfile};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::failure::{Failure, Outcome};
use crate::locals::LocalFiles;
use crate::tls::Certificates;
use crate::watch::{Mark, mark};

/// How long a revocation by another process goes unnoticed at most.
const REFRESH: Duration = Duration::from_millis(200);
const EXPORT: Duration = Duration::from_millis(500);
const UPKEEP: Duration = Duration::from_secs(1);
const TIDY: Duration = Duration::from_secs(10);

/// The tasks, and what the last run of them needs.
pub(super) struct Housekeeping {
    /// Those of all origins, on one store.
    gates: Vec<Arc<Gate>>,
    dir: PathBuf,
    tasks: JoinSet<()>,
}

impl Housekeeping {
    /// What opens files is on this thread, which is to be no worker: one that takes its time holds up no
    /// connection then. What only asks the store, and ends connections, doesn't wait for that.
    ///
    /// # Panics
    /// Outside a [`tokio::task::LocalSet`].
    pub(super) fn start(
        gates: Vec<Arc<Gate>>,
        dir: &Path,
        certificates: Option<Arc<Certificates>>,
    ) -> Outcome<Self> {
        // Opened here already, so that one that can't be written is known at the start.
        let file = AuditFile::open(dir).map_err(Failure::failed)?;
        let mut tasks = JoinSet::new();
        for gate in &gates {
            tasks.spawn(refresh(Arc::clone(gate)));
            tasks.spawn_local(upkeep(Arc::clone(gate)));
        }
        tasks.spawn_local(export(gates.clone(), file));
        // Looked at here, so that no change from now on is taken for what was there.
        let known = mark(&dir.join(keyfile::KEYS));
        tasks.spawn_local(watch_keys(gates.clone(), dir.to_owned(), known));
        if let Some(gate) = gates.first() {
            tasks.spawn_local(tidy_locals(Arc::clone(gate), LocalFiles::of(dir)));
        }
        if let Some((gate, certificates)) = gates.first().zip(certificates) {
            tasks.spawn_local(watch_certificate(Arc::clone(gate), certificates));
        }
        Ok(Self { gates, dir: dir.to_owned(), tasks })
    }

    /// Stops the tasks and writes what is left to write.
    pub(super) async fn finish(&mut self) -> Outcome {
        self.tasks.shutdown().await;
        let late = |error: &dyn fmt::Display| {
            Failure::failed(format!("stopped, but the end of the audit log is lost: {error}"))
        };
        for gate in &self.gates {
            gate.flush().await.map_err(|error| late(&error))?;
            gate.upkeep().await.map_err(|error| late(&error))?;
        }
        let Some(gate) = self.gates.first() else { return Ok(()) };
        let mut file = AuditFile::open(&self.dir).map_err(|error| late(&error))?;
        file.export(&**gate.store()).await.map_err(|error| late(&error))?;
        Ok(())
    }
}

async fn refresh(gate: Arc<Gate>) {
    let mut state = Watched::new("reading revocations");
    let mut ticks = every(REFRESH);
    loop {
        ticks.tick().await;
        state.saw(gate.refresh().await);
    }
}

async fn export(gates: Vec<Arc<Gate>>, mut file: AuditFile) {
    let Some(store) = gates.first().map(|gate| Arc::clone(gate.store())) else { return };
    let mut written = Watched::new("writing the audit log");
    let mut exported = Watched::new("exporting the audit log");
    let mut ticks = every(EXPORT);
    loop {
        ticks.tick().await;
        let mut flushed = Ok(());
        for gate in &gates {
            flushed = flushed.and(gate.flush().await);
        }
        written.saw(flushed);
        exported.saw(file.export(&*store).await);
    }
}

async fn upkeep(gate: Arc<Gate>) {
    let mut state = Watched::new("the upkeep of the store");
    let mut ticks = every(UPKEEP);
    loop {
        ticks.tick().await;
        state.saw(gate.upkeep().await);
    }
}

/// Files of tokens that are gone with their process, or were taken back by another command.
async fn tidy_locals(gate: Arc<Gate>, files: LocalFiles) {
    let mut state = Watched::new("looking for files of local tokens that are gone");
    let mut ticks = every(TIDY);
    loop {
        ticks.tick().await;
        state.saw(files.tidy(&**gate.store()).await);
    }
}

/// A rotated key signs only a minute after it was added, so a second is soon enough to know it.
async fn watch_keys(gates: Vec<Arc<Gate>>, dir: PathBuf, mut known: Option<Mark>) {
    let mut state = Watched::new("reading the key file");
    let mut ticks = every(UPKEEP);
    let path = dir.join(keyfile::KEYS);
    loop {
        ticks.tick().await;
        let seen = mark(&path);
        if seen == known && state.failing.is_none() {
            continue;
        }
        known = seen;
        match keyfile::load(&dir) {
            Ok(Some(keys)) => {
                gates.iter().for_each(|gate| gate.replace_keys(&keys));
                tracing::info!("the key file has changed: its keys are in force");
                state.saw(Ok::<_, Infallible>(()));
            }
            Ok(None) => state.saw(Err::<(), _>("there is none any more")),
            Err(error) => state.saw(Err::<(), _>(error)),
        }
    }
}

/// Certificates are renewed without a restart, under which every connection would end.
async fn watch_certificate(gate: Arc<Gate>, certificates: Arc<Certificates>) {
    let Some(files) = certificates.files() else { return };
    let mut state = Watched::new("taking up the new certificate");
    let mut ticks = every(UPKEEP);
    // What was there when it was loaded: a renewal since then is news.
    let mut known = certificates.opened();
    let mut settling = Settling(known);
    loop {
        ticks.tick().await;
        let seen = files.marks();
        if !settling.is_over(seen) || (seen == known && state.failing.is_none()) {
            continue;
        }
        known = seen;
        // Only a warning about its times needs the clock.
        let reloaded = certificates.reload(gate.now().unwrap_or_default());
        if reloaded.is_ok() {
            tracing::info!("the certificate's files have changed: the new one is in force");
        }
        state.saw(reloaded.map_err(|error| format!("{error} (the old one stays in force)")));
    }
}

/// Files that belong together are replaced one after the other: only what has stayed for a tick is
/// complete.
struct Settling<T>(T);

impl<T: Copy + PartialEq> Settling<T> {
    fn is_over(&mut self, seen: T) -> bool {
        std::mem::replace(&mut self.0, seen) == seen
    }
}

fn every(period: Duration) -> tokio::time::Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Says once that something began to fail, or fails for another reason, and once that it works
/// again.
struct Watched {
    what: &'static str,
    failing: Option<String>,
}

impl Watched {
    const fn new(what: &'static str) -> Self {
        Self { what, failing: None }
    }

    fn saw<T>(&mut self, result: Result<T, impl fmt::Display>) {
        if !self.is_news(result.err().map(|error| error.to_string())) {
            return;
        }
        match &self.failing {
            Some(error) => tracing::error!("{} fails: {error}", self.what),
            None => tracing::info!("{} works again", self.what),
        }
    }

    fn is_news(&mut self, failing: Option<String>) -> bool {
        let before = std::mem::replace(&mut self.failing, failing);
        before != self.failing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_from_tick_to_tick_has_not_settled() {
        let mut settling = Settling(["old", "old"]);
        assert!(settling.is_over(["old", "old"]));
        assert!(!settling.is_over(["new", "old"]), "the other one may be about to follow");
        assert!(!settling.is_over(["new", "new"]));
        assert!(settling.is_over(["new", "new"]));
    }

    #[test]
    fn a_state_says_once_that_it_fails_and_why_and_once_that_it_works() {
        let mut state = Watched::new("something");
        for (failing, is_news) in [
            (None, false),
            (Some("why"), true),
            (Some("why"), false),
            (Some("how"), true),
            (None, true),
            (None, false),
        ] {
            assert_eq!(state.is_news(failing.map(str::to_owned)), is_news, "{failing:?}");
        }
    }
}
