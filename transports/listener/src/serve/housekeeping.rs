//! What goes on beside the connections: revocations are read, the audit log is written, keys that
//! were rotated and certificates that were renewed are put in force, files that hold tokens of no
//! more use are removed.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::future::pending;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use doorward_gate::export::AuditFile;
use doorward_gate::{Gate, keyfile};
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::blocking::unblock;
use crate::failure::{Failure, Outcome};
use crate::locals::LocalFiles;
use crate::tls::Certificates;
use crate::watch::{Mark, mark};

/// How long a revocation by another process goes unnoticed at most.
const REFRESH: Duration = Duration::from_millis(200);
const EXPORT: Duration = Duration::from_millis(500);
const UPKEEP: Duration = Duration::from_secs(1);
const TIDY: Duration = Duration::from_secs(10);
/// After what time it is said that files are not answered for.
const SLOW: Duration = Duration::from_secs(10);

/// The tasks, and what the last run of them needs.
pub(super) struct Housekeeping {
    /// Those of all origins, on one store.
    gates: Vec<Arc<Gate>>,
    tasks: JoinSet<()>,
    /// Told to end, not cut off: what it has taken to write would be lost, or locked for the last run.
    exporter: JoinHandle<AuditFile>,
    /// Ends that one when it is dropped.
    stop_exporting: oneshot::Sender<Infallible>,
}

impl Housekeeping {
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
            tasks.spawn(upkeep(Arc::clone(gate)));
        }
        let (stop_exporting, over) = oneshot::channel();
        let exporter = tokio::spawn(export(gates.clone(), file, over));
        // Looked at here, so that no change from now on is taken for what was there.
        let known = mark(&dir.join(keyfile::KEYS));
        tasks.spawn(watch_keys(gates.clone(), dir.to_owned(), known));
        if let Some(gate) = gates.first() {
            tasks.spawn(tidy_locals(Arc::clone(gate), LocalFiles::of(dir)));
        }
        if let Some((gate, certificates)) = gates.first().zip(certificates) {
            tasks.spawn(watch_certificate(Arc::clone(gate), certificates));
        }
        Ok(Self { gates, tasks, exporter, stop_exporting })
    }

    /// Lets the tasks run, for ever.
    ///
    /// # Panics
    /// When one of them does: a listener that hears of no revocation any more must not stay. What was noted
    /// since the audit log was last written is lost then, as when the process is killed.
    pub(super) async fn go_on(&mut self) -> Infallible {
        let all = async {
            while let Some(ended) = self.tasks.join_next().await {
                ended.unwrap_or_else(pass_on);
            }
        };
        let exported = async { (&mut self.exporter).await.map_or_else(pass_on, drop) };
        // They end, if at all, because there is nothing to do.
        tokio::join!(all, exported);
        pending().await
    }

    /// Stops the tasks and writes what is left to write.
    pub(super) async fn finish(self) -> Outcome {
        let Self { gates, mut tasks, exporter, stop_exporting } = self;
        drop(stop_exporting);
        tasks.shutdown().await;
        // First, and whatever comes of it: what it could not write is with the gates again.
        let exporter = exporter.await;
        let (mut flushed, mut kept) = (Ok(()), Ok(()));
        for gate in &gates {
            flushed = flushed.and(gate.flush().await);
            kept = kept.and(gate.upkeep().await);
        }
        let exported = export_rest(&gates, exporter).await;
        flushed.map_err(|error| stopped_but("the end of the audit log is lost", &error))?;
        exported.map_err(|error| {
            stopped_but("the end of the audit log is written at the next start only", &*error)
        })?;
        kept.map_err(|error| stopped_but("the store was not tidied up", &error))
    }
}

async fn export_rest(
    gates: &[Arc<Gate>],
    exporter: Result<AuditFile, JoinError>,
) -> Result<(), Box<dyn Error>> {
    let mut file = exporter?;
    if let Some(gate) = gates.first() {
        file.export(&**gate.store()).await?;
    }
    Ok(())
}

fn stopped_but(what: &str, error: &dyn fmt::Display) -> Failure {
    Failure::failed(format!("stopped, but {what}: {error}"))
}

/// Goes down with a task that has panicked. Nothing else ends one before its time.
fn pass_on(ended: JoinError) {
    resume_unwind(ended.into_panic())
}

async fn refresh(gate: Arc<Gate>) {
    let mut state = Watched::new("reading revocations");
    let mut ticks = every(REFRESH);
    loop {
        ticks.tick().await;
        state.saw(gate.refresh().await);
    }
}

async fn export(
    gates: Vec<Arc<Gate>>,
    mut file: AuditFile,
    mut over: oneshot::Receiver<Infallible>,
) -> AuditFile {
    let mut written = Watched::new("writing the audit log");
    let mut exported = Watched::new("exporting the audit log");
    let mut ticks = every(EXPORT);
    loop {
        tokio::select! {
            biased;
            _ = &mut over => return file,
            _ = ticks.tick() => {}
        }
        let mut flushed = Ok(());
        for gate in &gates {
            flushed = flushed.and(gate.flush().await);
        }
        written.saw(flushed);
        if let Some(gate) = gates.first() {
            exported.saw(file.export(&**gate.store()).await);
        }
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
    loop {
        ticks.tick().await;
        let path = dir.join(keyfile::KEYS);
        let seen = look(&mut state, move || mark(&path)).await;
        if seen == known && state.failing.is_none() {
            continue;
        }
        known = seen;
        let dir = dir.clone();
        match look(&mut state, move || keyfile::load(&dir)).await {
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
    let Some(files) = certificates.files().cloned() else { return };
    let mut state = Watched::new("taking up the new certificate");
    let mut ticks = every(UPKEEP);
    // What was there when it was loaded: a renewal since then is news.
    let mut known = certificates.opened();
    let mut settling = Settling(known);
    loop {
        ticks.tick().await;
        let looked_at = files.clone();
        let seen = look(&mut state, move || looked_at.marks()).await;
        if !settling.is_over(seen) || (seen == known && state.failing.is_none()) {
            continue;
        }
        known = seen;
        // Only a warning about its times needs the clock.
        let (certificates, now) = (Arc::clone(&certificates), gate.now().unwrap_or_default());
        let reloaded = look(&mut state, move || certificates.reload(now)).await;
        if reloaded.is_ok() {
            tracing::info!("the certificate's files have changed: the new one is in force");
        }
        state.saw(reloaded.map_err(|error| format!("{error} (the old one stays in force)")));
    }
}

/// Looks at files. One look at a time: those that wait for a dead file server would only gather.
async fn look<T: Send + 'static>(
    state: &mut Watched,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    let mut looking = pin!(unblock(work));
    if let Ok(seen) = timeout(SLOW, &mut looking).await {
        return seen;
    }
    let before = state.failing.clone();
    state.saw(Err::<(), _>("the file system that it is on doesn't answer"));
    let seen = looking.await;
    state.saw(before.map_or(Ok(()), Err));
    seen
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
    use std::fs;
    use std::future::ready;
    use std::sync::mpsc;

    use doorward_gate::audit::Event;
    use doorward_gate::export::AUDIT;
    use doorward_policy::Settings;
    use tokio::task::yield_now;
    use tokio::time::advance;

    use super::super::open;
    use super::*;
    use crate::state::State;

    fn with(
        exporter: impl Future<Output = AuditFile> + Send + 'static,
        gates: Vec<Arc<Gate>>,
        tasks: JoinSet<()>,
    ) -> Housekeeping {
        let (stop_exporting, _over) = oneshot::channel();
        Housekeeping { gates, tasks, exporter: tokio::spawn(exporter), stop_exporting }
    }

    /// What a listener goes down with.
    async fn broken(
        tasks: JoinSet<()>,
        exporter: impl Future<Output = AuditFile> + Send + 'static,
    ) -> &'static str {
        let mut housekeeping = with(exporter, Vec::new(), tasks);
        let ended = tokio::spawn(async move { housekeeping.go_on().await }).await;
        let panic = ended.expect_err("it goes on for ever, or not").into_panic();
        panic.downcast_ref().copied().unwrap_or_default()
    }

    #[tokio::test]
    async fn a_task_that_breaks_takes_the_listener_with_it_and_one_that_is_done_does_not() {
        let mut tasks = JoinSet::new();
        tasks.spawn(ready(()));
        tasks.spawn(async { panic!("the task") });
        assert_eq!(broken(tasks, pending()).await, "the task");
        assert_eq!(broken(JoinSet::new(), async { panic!("the exporter") }).await, "the exporter");
    }

    #[tokio::test]
    async fn what_is_noted_last_is_exported_and_without_an_exporter_kept() {
        let dir = tempfile::tempdir().expect("a directory");
        let state = State::create(&dir.path().join("state")).await.expect("a state");
        let gate = open(Settings::default(), &state).await.expect("a gate");
        let kept = async || gate.store().audit_lines(0, 9).await.expect("the store answers").len();

        gate.note(Event::Stopped, "the exporter broke");
        let housekeeping =
            with(async { panic!("broken") }, vec![Arc::clone(&gate)], JoinSet::new());
        housekeeping.finish().await.expect_err("nobody exports");
        assert_eq!(kept().await, 1);

        let housekeeping = Housekeeping::start(vec![Arc::clone(&gate)], &state.dir, None);
        gate.note(Event::Stopped, "told to stop");
        housekeeping.expect("it starts").finish().await.expect("it ends");
        assert_eq!(kept().await, 0);
        let log = fs::read_to_string(state.dir.join(AUDIT)).expect("a log");
        assert!(log.contains("broke") && log.contains("told to stop"), "{log}");
    }

    /// Polls a look until it is slow, and then until it ends if it is answered.
    async fn slow(state: &mut Watched, is_answered: bool) {
        let (answer, answered) = mpsc::channel();
        let mut looking = Box::pin(look(state, move || answered.recv()));
        for passed in [Duration::ZERO, SLOW] {
            advance(passed).await;
            tokio::select! {
                biased;
                _ = &mut looking => panic!("nobody has answered"),
                () = yield_now() => {}
            }
        }
        if is_answered {
            answer.send("late").expect("somebody waits");
            assert_eq!(looking.await, Ok("late"));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_without_an_answer_is_a_failure_until_it_is_answered() {
        for before in [None, Some("it is torn".to_owned())] {
            let mut state = Watched { what: "something", failing: before.clone() };
            slow(&mut state, true).await;
            assert_eq!(state.failing, before);
            slow(&mut state, false).await;
            assert!(state.failing.is_some_and(|error| error.contains("doesn't answer")));
        }
    }

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
