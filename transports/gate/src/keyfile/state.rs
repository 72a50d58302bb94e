//! The state directory: keys and store, which belong together.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use doorward_policy::Timestamp;
use doorward_policy::keys::MasterKeys;

use super::files::{self, UnsafeFile};
use super::{KeyFileError, create_locked, load};
use crate::store::SqliteStore;
use crate::store::sqlite::{OpenError, SqliteSettings};
use crate::system::{Entropy, EntropyError, random};

/// The store's file in a state directory.
pub const STORE: &str = "doorward.db";
/// There from before the first file of a state directory is made until the last one is.
const UNFINISHED: &str = "setting-up";

/// What a state directory holds.
#[derive(Debug)]
pub struct State {
    /// The keys of this installation.
    pub keys: MasterKeys,
    /// Its records.
    pub store: SqliteStore,
}

/// Why a state directory can't be used. Nothing in it was overwritten.
#[derive(Debug)]
pub enum StateError {
    /// The folder or a file in it is open to others.
    Unsafe(UnsafeFile),
    /// The keys can't be used.
    Keys(KeyFileError),
    /// The store can't be used.
    Store(OpenError),
    /// Keys without their store.
    StoreMissing {
        /// Where the keys are.
        keys: PathBuf,
        /// Where the store should be.
        store: PathBuf,
    },
    /// A store without its keys.
    KeysMissing {
        /// Where the keys should be.
        keys: PathBuf,
        /// Where the store is.
        store: PathBuf,
    },
    /// No entropy for new keys.
    Entropy(EntropyError),
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsafe(error) => error.fmt(f),
            Self::Keys(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::StoreMissing { keys, store } => write!(
                f,
                "the keys {} are there and their store {} is not, so whatever was revoked would \
                 be valid again: bring the store back, or delete the keys to start anew, which \
                 ends every session",
                keys.display(),
                store.display()
            ),
            Self::KeysMissing { keys, store } => write!(
                f,
                "the store {} is there and its keys {} are not: bring the key file back, or \
                 delete the store to start anew, which ends every session",
                store.display(),
                keys.display()
            ),
            Self::Entropy(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for StateError {}

impl From<UnsafeFile> for StateError {
    fn from(error: UnsafeFile) -> Self {
        Self::Unsafe(error)
    }
}

impl From<KeyFileError> for StateError {
    fn from(error: KeyFileError) -> Self {
        Self::Keys(error)
    }
}

/// Opens a state directory; a first start makes its keys, then its store.
///
/// A first start that was cut short is taken up again: until both are durable a mark says so, and
/// no token was signed. Without that mark, keys without their store are refused: a lost store
/// would bring revoked sessions back.
///
/// # Errors
/// Why not, and what to do; nothing was overwritten.
pub fn open_state(dir: &Path, now: Timestamp, entropy: &dyn Entropy) -> Result<State, StateError> {
    files::private_directory(dir)?;
    let lock = files::lock(&dir.join(super::LOCK))?;
    let (key_path, store_path) = (dir.join(super::KEYS), dir.join(STORE));
    let mark = dir.join(UNFINISHED);
    let unfinished = is_there(&mark)?;
    let store_there = is_there(&store_path)?;
    let (keys, first) = match load(dir)? {
        //= req: STORE-8
        Some(_) if !store_there && !unfinished => {
            return Err(StateError::StoreMissing { keys: key_path, store: store_path });
        }
        //= req: STORE-8
        None if store_there => {
            return Err(StateError::KeysMissing { keys: key_path, store: store_path });
        }
        Some(keys) => (keys, unfinished),
        None => (first_start(dir, &mark, now, entropy, &lock)?, true),
    };
    let settings = SqliteSettings::default();
    let opened = if first {
        SqliteStore::open(&store_path, keys.issuer(), settings)
    } else {
        SqliteStore::open_existing(&store_path, keys.issuer(), settings)
    };
    let store = opened.map_err(StateError::Store)?;
    if first {
        fs::remove_file(&mark).map_err(|error| UnsafeFile::io(&mark, error))?;
        files::sync_directory_of(&mark)?;
    }
    Ok(State { keys, store })
}

fn first_start(
    dir: &Path,
    mark: &Path,
    now: Timestamp,
    entropy: &dyn Entropy,
    lock: &files::Lock,
) -> Result<MasterKeys, StateError> {
    files::create_or_check(mark)?;
    let issuer = random(entropy).map_err(StateError::Entropy)?;
    let pepper = random(entropy).map_err(StateError::Entropy)?;
    //= req: ENTROPY-1
    let master = random(entropy).map_err(StateError::Entropy)?;
    let keys = MasterKeys::generate(issuer, pepper, master, now);
    create_locked(dir, &keys, lock)?;
    Ok(keys)
}

fn is_there(path: &Path) -> Result<bool, UnsafeFile> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(UnsafeFile::io(path, error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    //= req: STORE-8, type=test
    /// A store that is taken for missing would be made anew.
    #[test]
    fn what_can_not_be_looked_for_is_not_taken_for_missing() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("file");
        assert!(!is_there(&file).expect("it can be told"));
        fs::write(&file, "").expect("written");
        assert!(is_there(&file).expect("it can be told"));
        is_there(&file.join("inside")).expect_err("a file has nothing in it");
    }
}
