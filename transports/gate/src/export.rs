//! The audit file: `audit.jsonl`, written from the store's audit lines, each exactly once.
//!
//! A line is appended and synced before the store forgets it. What a crash leaves between the two
//! is found again at the end of the file by its text, which holds its number, and not written a
//! second time.

use std::collections::HashSet;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use serde::de::IgnoredAny;
use tokio::task::spawn_blocking;

use crate::keyfile::UnsafeFile;
use crate::keyfile::files;
use crate::store::{AuditLine, Store, StoreError};

/// The audit file in a state directory.
pub const AUDIT: &str = "audit.jsonl";
/// Held by the one process that exports.
const LOCK: &str = "audit.lock";
/// How many lines are written between two syncs.
const LINES: usize = 1024;
/// How much of the end of the file is compared: far more than `LINES` lines.
const TAIL: u64 = 4 << 20;
/// How each line starts.
const START: &[u8] = b"{\"n\":";

/// Why audit lines were not exported. They are still in the store.
#[derive(Debug)]
pub enum ExportError {
    /// The file, or the folder around it, is open to others, or it can't be written.
    File(UnsafeFile),
    /// The store brought no answer.
    Store(StoreError),
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => write!(f, "the audit log can't be written: {error}"),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ExportError {}

impl From<UnsafeFile> for ExportError {
    fn from(error: UnsafeFile) -> Self {
        Self::File(error)
    }
}

impl From<StoreError> for ExportError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The audit file of a state directory.
#[derive(Debug)]
pub struct AuditFile {
    path: PathBuf,
    lock: PathBuf,
    written: Arc<Mutex<Option<Written>>>,
}

/// The file as this process left it.
#[derive(Debug)]
struct Written {
    file: File,
    /// Device, file number and size, which tell whether it was moved away or changed by others.
    identity: (u64, u64),
    size: u64,
    /// The lines at its end that may still be in the store.
    tail: HashSet<Vec<u8>>,
}

impl AuditFile {
    /// Opens the audit file of a state directory, and makes it if it is not there.
    ///
    /// # Errors
    /// If it is a link, another user's or open to others.
    pub fn open(dir: &Path) -> Result<Self, ExportError> {
        files::private_directory(dir)?;
        let path = dir.join(AUDIT);
        files::append(&path)?;
        Ok(Self { path, lock: dir.join(LOCK), written: Arc::default() })
    }

    /// Moves the audit lines that the store holds into the file. Returns how many were written;
    /// none if another process is doing so.
    ///
    /// The file is opened anew if it was moved away, as a log rotation does.
    ///
    /// # Errors
    /// If file or store fail; what was not written is still in the store.
    pub async fn export(&mut self, store: &dyn Store) -> Result<usize, ExportError> {
        // Looked at again under the lock; without anything to write, none is taken.
        if store.audit_lines(0, 1).await?.is_empty() {
            return Ok(0);
        }
        let lock = self.lock.clone();
        let mut lock = on_disk(&self.lock, move || files::try_lock(&lock)).await??;
        if lock.is_none() {
            return Ok(0);
        }
        let exported = self.export_locked(store, &mut lock).await;
        // Where the file is on a server, that one is asked.
        on_disk(&self.lock, move || drop(lock)).await?;
        exported
    }

    async fn export_locked(
        &mut self,
        store: &dyn Store,
        lock: &mut Option<files::Lock>,
    ) -> Result<usize, ExportError> {
        let mut written = 0;
        let mut after = 0;
        loop {
            let lines = store.audit_lines(after, LINES).await?;
            let Some(last) = lines.last().map(|line| line.number) else { return Ok(written) };
            let complete = lines.len() < LINES;
            let (path, file) = (self.path.clone(), Arc::clone(&self.written));
            let held = lock.take();
            // The lock goes along: a caller that gives up does not let another process in.
            let append = move || (append(&path, &file, &lines), held);
            let (appended, held) = on_disk(&self.path, append).await?;
            *lock = held;
            written += appended?;
            //= req: AUDIT-2
            store.trim_audit(last).await?;
            if complete {
                return Ok(written);
            }
            after = last;
        }
    }
}

/// On a thread that no connection waits for. A panic there is an error here: the lines are in the store
/// still.
async fn on_disk<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, UnsafeFile> {
    // Always the same text: a failure that goes on is told once.
    let panicked = |_| UnsafeFile::io(path, io::Error::other("work on it has panicked"));
    spawn_blocking(work).await.map_err(panicked)
}

fn append(
    path: &Path,
    written: &Mutex<Option<Written>>,
    lines: &[AuditLine],
) -> Result<usize, ExportError> {
    let mut written = written.lock().unwrap_or_else(PoisonError::into_inner);
    // Taken out: after a failure the file is looked at anew.
    let mut current = match written.take() {
        Some(current) if current.is_current(path) => current,
        _ => Written::open(path)?,
    };
    let appended = current.append(lines).map_err(|error| UnsafeFile::io(path, error))?;
    *written = Some(current);
    Ok(appended)
}

impl Written {
    fn open(path: &Path) -> Result<Self, UnsafeFile> {
        let failed = |error| UnsafeFile::io(path, error);
        let mut file = files::append(path)?;
        files::sync_directory_of(path)?;
        let mut tail = HashSet::new();
        let size = file.metadata().map_err(failed)?.len();
        let torn = read_tail(&mut file, size, &mut tail).map_err(failed)?;
        mend(&mut file, size, &torn).map_err(failed)?;
        tail.insert(torn);
        if size < TAIL
            && let Some(previous) = previous(path)
            && let Ok(Some(mut previous)) = files::read(&previous)
        {
            // The rest was moved away, perhaps before the store had forgotten it.
            let size = previous.metadata().map_err(failed)?.len();
            let torn = read_tail(&mut previous, size, &mut tail).map_err(failed)?;
            tail.insert(torn);
        }
        let found = file.metadata().map_err(failed)?;
        Ok(Self { file, identity: (found.dev(), found.ino()), size: found.len(), tail })
    }

    fn is_current(&self, path: &Path) -> bool {
        fs::symlink_metadata(path).is_ok_and(|found| {
            (found.dev(), found.ino()) == self.identity && found.len() == self.size
        })
    }

    fn append(&mut self, lines: &[AuditLine]) -> io::Result<usize> {
        let mut text = Vec::new();
        let mut count = 0;
        let mut tail = HashSet::with_capacity(lines.len());
        for numbered in lines.iter().map(numbered) {
            //= req: AUDIT-3
            if !self.tail.contains(&numbered) {
                text.extend_from_slice(&numbered);
                text.push(b'\n');
                count += 1;
            }
            tail.insert(numbered);
        }
        // Until the store has forgotten these; earlier ones it has.
        self.tail = tail;
        self.file.write_all(&text)?;
        // Also where nothing was written: what was found there may not have been synced.
        //= req: AUDIT-2
        self.file.sync_data()?;
        self.size = self.file.metadata()?.len();
        Ok(count)
    }
}

/// The line as it stands in the file: the JSON object with its number in front.
fn numbered(line: &AuditLine) -> Vec<u8> {
    let fields = line.json.strip_prefix('{').unwrap_or("}");
    let comma = if fields.starts_with('}') { "" } else { "," };
    format!("{{\"n\":{}{comma}{fields}", line.number).into_bytes()
}

/// Gathers the complete lines at the end of a file. Returns what follows the last of them.
fn read_tail(file: &mut File, size: u64, lines: &mut HashSet<Vec<u8>>) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(size.saturating_sub(TAIL)))?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes)?;
    let mut pieces = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec);
    let torn = pieces.next_back().unwrap_or_default();
    lines.extend(pieces);
    Ok(torn)
}

//= req: AUDIT-3
/// Cuts off the piece of a line that a crash has left, which is still whole in the store; ends
/// with a line feed what is none of ours, or lacks nothing else.
fn mend(file: &mut File, size: u64, torn: &[u8]) -> io::Result<()> {
    if torn.is_empty() {
        return Ok(());
    }
    let ours = torn.iter().zip(START).all(|(one, other)| one == other);
    let whole = serde_json::from_slice::<IgnoredAny>(torn).is_ok();
    if whole || !ours {
        return file.write_all(b"\n");
    }
    let length = u64::try_from(torn.len()).unwrap_or(u64::MAX);
    file.set_len(size.saturating_sub(length))
}

/// The file that was this one before the last rotation: `audit.jsonl.1`, `audit.jsonl-20260101`.
fn previous(path: &Path) -> Option<PathBuf> {
    let rotated = |entry: &fs::DirEntry| {
        let name = entry.file_name();
        name.as_encoded_bytes().starts_with(AUDIT.as_bytes()) && name != AUDIT
    };
    let modified = |entry: &fs::DirEntry| {
        entry.metadata().and_then(|found| found.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
    };
    let entries = fs::read_dir(path.parent()?).ok()?.filter_map(Result::ok).filter(rotated);
    entries.max_by_key(modified).map(|entry| entry.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_over_the_file_reads_the_same_each_time() {
        let broken = async || on_disk::<()>(Path::new("audit"), || panic!("broken")).await;
        let [first, again] =
            [broken().await, broken().await].map(|ended| ended.expect_err("it panics").to_string());
        assert_eq!(first, again);
    }
}
