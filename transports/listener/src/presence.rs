//! Which listeners run on a state directory: a file each, locked for as long as its process lives.
//!
//! A lock ends with its process however that ends, so a file that can be locked is a leftover.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

const FOLDER: &str = "listeners";

/// What a listener says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Listener {
    /// The process.
    pub(crate) pid: u32,
    /// Where it listens.
    pub(crate) http: String,
    /// The URL that people use: its public one, or where it listens.
    pub(crate) base: String,
    /// The digest of the certificate that clients are to pin, in hexadecimal.
    #[serde(default)]
    pub(crate) pin: Option<String>,
    /// The UDP port on which it speaks QUIC.
    #[serde(default)]
    pub(crate) quic_port: Option<u16>,
    /// The URL of its origin of administration.
    #[serde(default)]
    pub(crate) admin: Option<String>,
}

/// This process's file. It goes when this is dropped.
#[derive(Debug)]
pub(crate) struct Presence {
    path: PathBuf,
    _locked: File,
}

impl Presence {
    /// Says that a listener runs, and removes what listeners before it have left behind.
    pub(crate) fn announce(state_dir: &Path, listener: &Listener) -> io::Result<Self> {
        let folder = state_dir.join(FOLDER);
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        for (path, file) in files(&folder) {
            if file.try_lock().is_ok() {
                fs::remove_file(path)?;
            }
        }
        let path = folder.join(format!("{}.json", listener.pid));
        let mut file = locked(&path)?;
        file.set_len(0)?;
        file.write_all(serde_json::to_string(listener)?.as_bytes())?;
        Ok(Self { path, _locked: file })
    }
}

/// Opens and locks the file of this path. Another listener that starts may have taken it for a
/// leftover before it was locked, and removed it: then once more.
fn locked(path: &Path) -> io::Result<File> {
    loop {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(path)?;
        file.lock()?;
        let same = |there: fs::Metadata, here: fs::Metadata| there.ino() == here.ino();
        if fs::metadata(path).is_ok_and(|there| file.metadata().is_ok_and(|here| same(there, here)))
        {
            return Ok(file);
        }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        // A leftover does no harm: it is not locked.
        let _result = fs::remove_file(&self.path);
    }
}

/// The listener on this state directory that was started last.
pub(crate) fn running(state_dir: &Path) -> Option<Listener> {
    let locked = |file: &File| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
    files(&state_dir.join(FOLDER))
        .filter(|(_, file)| locked(file))
        .filter_map(|(_, mut file)| {
            let mut text = String::new();
            file.read_to_string(&mut text).ok()?;
            let started = file.metadata().ok()?.modified().ok()?;
            let listener: Listener = serde_json::from_str(&text).ok()?;
            Some((started, listener))
        })
        .max_by_key(|(started, listener)| (*started, listener.pid))
        .map(|(_, listener)| listener)
}

fn files(folder: &Path) -> impl Iterator<Item = (PathBuf, File)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let path = entry.path();
        let file = OpenOptions::new().read(true).write(true).open(&path).ok()?;
        Some((path, file))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(pid: u32) -> Listener {
        let http = format!("http://127.0.0.1:{pid}");
        Listener { pid, base: http.clone(), http, pin: None, quic_port: None, admin: None }
    }

    #[test]
    fn a_listener_is_found_while_it_runs_and_not_after() {
        let dir = tempfile::tempdir().expect("a directory");
        assert_eq!(running(dir.path()), None);
        let one = Presence::announce(dir.path(), &listener(1)).expect("announced");
        let two = Presence::announce(dir.path(), &listener(2)).expect("announced");
        assert_eq!(running(dir.path()), Some(listener(2)));
        drop(two);
        assert_eq!(running(dir.path()), Some(listener(1)));
        drop(one);
        assert_eq!(running(dir.path()), None);
    }

    #[test]
    fn what_a_killed_listener_left_behind_counts_for_nothing_and_is_removed() {
        let dir = tempfile::tempdir().expect("a directory");
        let left = dir.path().join(FOLDER).join("7.json");
        fs::create_dir_all(left.parent().expect("a parent")).expect("created");
        fs::write(&left, serde_json::to_string(&listener(7)).expect("text")).expect("written");
        assert_eq!(running(dir.path()), None);
        let _present = Presence::announce(dir.path(), &listener(8)).expect("announced");
        assert!(!left.exists());
    }
}
