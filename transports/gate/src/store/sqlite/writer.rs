//! The one thread of a process that writes.
//!
//! What has queued up while a commit was on its way goes into the next one, at most [`BATCH`]
//! operations with a savepoint each; a lone one goes at once. Nobody is answered before COMMIT,
//! and where that fails nobody is told that anything happened.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::failure::{Failure, explain};
use super::schema;
use crate::store::StoreError;

/// How many operations one commit takes at most.
pub(super) const BATCH: usize = 64;
/// How long to wait before the next try for the lock that another process holds.
const PAUSE: Duration = Duration::from_millis(2);

/// What the threads of one store have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) path: PathBuf,
    /// How long a caller waits for its answer, and the writer for another process's lock.
    pub(super) patience: Duration,
    /// A thread has panicked: nothing is answered any more (I20).
    pub(super) broken: AtomicBool,
    pub(super) commits: AtomicU64,
}

impl Shared {
    pub(super) fn sound(&self) -> Result<(), StoreError> {
        if self.broken.load(Ordering::Acquire) { Err(self.gone()) } else { Ok(()) }
    }

    fn gone(&self) -> StoreError {
        let path = self.path.display();
        StoreError::Unavailable(format!("the thread that serves {path} has stopped: restart"))
    }

    fn busy(&self) -> StoreError {
        let (path, patience) = (self.path.display(), self.patience);
        StoreError::Unavailable(format!("{path} did not answer within {patience:?}"))
    }
}

/// Raised when its thread panics.
pub(super) struct Alarm(pub(super) Arc<Shared>);

impl Drop for Alarm {
    fn drop(&mut self) {
        //= req: FAIL-4
        if thread::panicking() {
            self.0.broken.store(true, Ordering::Release);
        }
    }
}

/// Sends jobs to a thread and awaits what they answer.
pub(super) struct Desk<J> {
    shared: Arc<Shared>,
    queue: Option<SyncSender<J>>,
    thread: Option<JoinHandle<()>>,
}

impl<J> fmt::Debug for Desk<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("shared", &self.shared).finish_non_exhaustive()
    }
}

impl<J: Send + 'static> Desk<J> {
    pub(super) fn open(
        name: &str,
        shared: Arc<Shared>,
        places: usize,
        serve: impl FnOnce(&Receiver<J>) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (queue, jobs) = sync_channel(places);
        let alarm = Alarm(Arc::clone(&shared));
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            let _alarm = alarm;
            serve(&jobs);
        })?;
        Ok(Self { shared, queue: Some(queue), thread: Some(thread) })
    }

    /// Queues the job that `job` makes of a reply, and awaits it for at most `patience`.
    pub(super) async fn ask<T>(
        &self,
        patience: Duration,
        job: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> J,
    ) -> Result<T, StoreError> {
        self.shared.sound()?;
        let (reply, answer) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or_else(|| self.shared.gone())?;
        queue.try_send(job(reply)).map_err(|error| match error {
            TrySendError::Full(_) => self.shared.busy(),
            TrySendError::Disconnected(_) => self.shared.gone(),
        })?;
        //= req: FAIL-1
        match timeout(patience, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(self.shared.gone()),
            Err(_) => Err(self.shared.busy()),
        }
    }
}

impl<J> Drop for Desk<J> {
    /// Waits for what is queued: the file is closed when this returns.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // It may have panicked; nobody is left to tell.
            let _ = thread.join();
        }
    }
}

/// An operation and the reply that it owes.
pub(super) trait Work: Send {
    /// Whether nobody waits for it any more. Such an operation is not begun.
    fn abandoned(&self) -> bool;
    /// Runs it; `false` if what it has written must be undone.
    fn run(&mut self, connection: &Connection) -> bool;
    /// Replies, once its transaction was committed or has failed.
    fn settle(self: Box<Self>, shared: &Shared, committed: &Result<(), StoreError>);
}

pub(super) struct Operation<T, F> {
    operation: Option<F>,
    outcome: Option<Result<T, Failure>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Operation<T, F>
where
    T: Send + 'static,
    F: FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
{
    pub(super) fn boxed(
        operation: F,
        reply: oneshot::Sender<Result<T, StoreError>>,
    ) -> Box<dyn Work> {
        Box::new(Self { operation: Some(operation), outcome: None, reply })
    }
}

impl<T, F> Work for Operation<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> Result<T, Failure> + Send,
{
    fn abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn run(&mut self, connection: &Connection) -> bool {
        self.outcome = self.operation.take().map(|operation| operation(connection));
        matches!(self.outcome, Some(Ok(_)))
    }

    fn settle(self: Box<Self>, shared: &Shared, committed: &Result<(), StoreError>) {
        let answer = match (self.outcome, committed) {
            (Some(Err(failure)), _) => Err(failure.tell(&shared.path)),
            //= req: STORE-1
            (_, Err(error)) => Err(error.clone()),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (None, Ok(())) => return,
        };
        // Whoever asked may have gone.
        let _ = self.reply.send(answer);
    }
}

/// The writing thread's own state.
pub(super) struct Writer {
    shared: Arc<Shared>,
    /// `None` after a failure that only a new connection recovers from.
    connection: Option<Connection>,
}

impl Writer {
    pub(super) const fn new(shared: Arc<Shared>, connection: Connection) -> Self {
        Self { shared, connection: Some(connection) }
    }

    /// Serves until the store is dropped and the queue is empty.
    pub(super) fn serve(mut self, queue: &Receiver<Box<dyn Work>>) {
        while let Ok(first) = queue.recv() {
            let mut batch = Vec::with_capacity(BATCH);
            batch.push(first);
            //= req: STORE-1
            let committed = self.commit(&mut batch, queue);
            for work in batch {
                work.settle(&self.shared, &committed);
            }
        }
    }

    fn commit(
        &mut self,
        batch: &mut Vec<Box<dyn Work>>,
        queue: &Receiver<Box<dyn Work>>,
    ) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        let unavailable = |error| StoreError::Unavailable(explain(&shared.path, &error));
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => connect(&shared).map_err(unavailable)?,
        };
        let committed = begin(&connection, &shared, batch)
            .and_then(|()| {
                batch.extend(queue.try_iter().take(BATCH.saturating_sub(batch.len())));
                run(&connection, batch)
            })
            .and_then(|()| connection.execute_batch("COMMIT"));
        let clean = connection.is_autocommit() || connection.execute_batch("ROLLBACK").is_ok();
        self.connection = clean.then_some(connection);
        shared.commits.fetch_add(u64::from(committed.is_ok()), Ordering::Relaxed);
        committed.map_err(unavailable)
    }
}

/// The writer waits for locks in a loop of its own, which can tell whether anybody still waits.
pub(super) fn connect(shared: &Shared) -> rusqlite::Result<Connection> {
    let connection = schema::connect(&shared.path, shared.patience)?;
    connection.busy_timeout(Duration::ZERO)?;
    Ok(connection)
}

/// Takes the write lock, which other processes take too.
fn begin(
    connection: &Connection,
    shared: &Shared,
    batch: &[Box<dyn Work>],
) -> rusqlite::Result<()> {
    let mut waited = Duration::ZERO;
    loop {
        //= req: STORE-3
        let begun = connection.execute_batch("BEGIN IMMEDIATE");
        let Err(error) = begun else { return Ok(()) };
        let busy = error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy);
        let wanted = batch.iter().any(|work| !work.abandoned());
        if !busy || !wanted || waited >= shared.patience {
            return Err(error);
        }
        thread::sleep(PAUSE);
        waited += PAUSE;
    }
}

fn run(connection: &Connection, batch: &mut [Box<dyn Work>]) -> rusqlite::Result<()> {
    let execute = |sql| connection.prepare_cached(sql)?.execute([]).map(drop);
    for work in batch {
        if work.abandoned() {
            continue;
        }
        execute("SAVEPOINT operation")?;
        let kept = work.run(connection);
        if connection.is_autocommit() {
            // SQLite undid the whole transaction, as it does where a disk is full.
            return Err(lost());
        }
        if !kept {
            //= req: STORE-4
            execute("ROLLBACK TO operation")?;
        }
        execute("RELEASE operation")?;
    }
    Ok(())
}

fn lost() -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ABORT_ROLLBACK);
    rusqlite::Error::SqliteFailure(code, Some("the transaction was rolled back".to_owned()))
}
