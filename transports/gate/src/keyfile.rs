//! The key file: the master keys of one installation, in its state directory.
//!
//! `keys.json`, 0600 in a folder that nobody else can write to. It is replaced whole and never
//! edited in place; what is there and can't be used is refused and left as it is.

pub(crate) mod files;
mod state;

use std::fmt;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use doorward_policy::Timestamp;
use doorward_policy::encoding::{base64url, decode_exact};
use doorward_policy::id::Issuer;
use doorward_policy::keys::{KeyMaterialError, Master, MasterKeys};
use doorward_policy::secret::Secret;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

pub use files::UnsafeFile;
pub use state::{STORE, State, StateError, open_state};

/// The key file in a state directory.
pub const KEYS: &str = "keys.json";
/// Taken by whoever changes what a state directory holds.
const LOCK: &str = "lock";
/// Where the next key file is written before it takes the place of the old one.
const NEXT: &str = "keys.json.next";
const VERSION: u32 = 1;
/// 255 masters need less than 48 KiB.
const MAX_SIZE: usize = 64 * 1024;

/// Why keys can't be read or written. The key file is as it was.
#[derive(Debug)]
pub enum KeyFileError {
    /// The file, or the folder around it, is open to others.
    Unsafe(UnsafeFile),
    /// It does not hold what Doorward writes.
    Damaged {
        /// Where it is.
        path: PathBuf,
        /// What is wrong with it; never a part of its content.
        what: String,
    },
    /// A newer Doorward has written it.
    Newer {
        /// Where it is.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// There is one already.
    Exists(PathBuf),
    /// There is none to replace.
    Missing(PathBuf),
    /// It was changed meanwhile, or the new keys are not made from those in it.
    Changed(PathBuf),
    /// The keys can't be changed in that way.
    Material(KeyMaterialError),
}

impl fmt::Display for KeyFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsafe(error) => error.fmt(f),
            Self::Damaged { path, what } => write!(
                f,
                "the key file {} is damaged ({what}): bring it back from a backup, or move the \
                 whole state directory away to start anew, which ends every session",
                path.display()
            ),
            Self::Newer { path, found } => write!(
                f,
                "the key file {} was written by a newer Doorward (version {found}, this one knows \
                 {VERSION}): upgrade this Doorward, or choose another state directory",
                path.display()
            ),
            Self::Exists(path) => {
                write!(f, "there is a key file {} already: it is never overwritten", path.display())
            }
            Self::Missing(path) => {
                write!(f, "there is no key file {}: run `doorward serve` first", path.display())
            }
            Self::Changed(path) => write!(
                f,
                "the key file {} was changed by another process meanwhile: try again",
                path.display()
            ),
            Self::Material(error) => write!(f, "the keys can't be changed: {error}"),
        }
    }
}

impl std::error::Error for KeyFileError {}

impl From<UnsafeFile> for KeyFileError {
    fn from(error: UnsafeFile) -> Self {
        Self::Unsafe(error)
    }
}

/// The keys of a state directory; `None` if it has none yet.
///
/// # Errors
/// If the file is a link, another user's, open to others, or damaged.
pub fn load(dir: &Path) -> Result<Option<MasterKeys>, KeyFileError> {
    let path = dir.join(KEYS);
    let Some(file) = files::read(&path)? else { return Ok(None) };
    files::in_private_directory(&path)?;
    // Room for all of it at once: growing would leave a copy behind.
    let mut text = Zeroizing::new(Vec::with_capacity(MAX_SIZE + 1));
    let limit = u64::try_from(MAX_SIZE + 1).unwrap_or(u64::MAX);
    file.take(limit).read_to_end(&mut text).map_err(|error| UnsafeFile::io(&path, error))?;
    decode(&path, &text).map(Some)
}

/// Writes the keys of a state directory that has none, and makes the directory.
///
/// # Errors
/// [`KeyFileError::Exists`], or whatever went wrong; no key file was overwritten.
pub fn create(dir: &Path, keys: &MasterKeys) -> Result<(), KeyFileError> {
    files::private_directory(dir)?;
    let lock = files::lock(&dir.join(LOCK))?;
    create_locked(dir, keys, &lock)
}

//= req: STORE-9
fn create_locked(dir: &Path, keys: &MasterKeys, lock: &files::Lock) -> Result<(), KeyFileError> {
    let path = dir.join(KEYS);
    let next = write_next(dir, keys, lock)?;
    // A link is made only where nothing is.
    let linked = fs::hard_link(&next, &path);
    fs::remove_file(&next).map_err(|error| UnsafeFile::io(&next, error))?;
    linked.map_err(|error| match Errno::from_io_error(&error) {
        Some(Errno::EXIST) => KeyFileError::Exists(path.clone()),
        _ => UnsafeFile::io(&path, error).into(),
    })?;
    Ok(files::sync_directory_of(&path)?)
}

/// Puts `keys`, which were made from those in the key file, in their place.
///
/// # Errors
/// [`KeyFileError::Changed`] if the key file has other keys than these were made from: two
/// rotations at once would give one id to two secrets, and one of them would be lost.
pub fn replace(dir: &Path, keys: &MasterKeys) -> Result<(), KeyFileError> {
    files::private_directory(dir)?;
    let lock = files::lock(&dir.join(LOCK))?;
    replace_locked(dir, keys, &lock)
}

/// What becomes of the masters that there are when one is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Older {
    /// They verify for as long as a token under them can live.
    Verify,
    /// They are gone, and every token under them is worthless: one of them is in the wrong hands.
    Drop,
}

/// Adds a master to the key file and drops those that no token can need any more, or all others: all
/// under one lock, so that of two rotations at once the second builds on the first. Returns the keys
/// as they are now.
///
/// # Errors
/// Whatever went wrong; the key file is as it was.
pub fn rotate(
    dir: &Path,
    secret: [u8; 32],
    older: Older,
    now: Timestamp,
) -> Result<MasterKeys, KeyFileError> {
    files::private_directory(dir)?;
    let lock = files::lock(&dir.join(LOCK))?;
    let mut keys = load(dir)?.ok_or_else(|| KeyFileError::Missing(dir.join(KEYS)))?;
    keys.prune(now);
    let added = match older {
        Older::Verify => keys.rotate(secret, now),
        Older::Drop => keys.replace(secret, now),
    };
    added.map_err(KeyFileError::Material)?;
    replace_locked(dir, &keys, &lock)?;
    Ok(keys)
}

fn replace_locked(dir: &Path, keys: &MasterKeys, lock: &files::Lock) -> Result<(), KeyFileError> {
    let path = dir.join(KEYS);
    let held = load(dir)?.ok_or_else(|| KeyFileError::Missing(path.clone()))?;
    //= req: STORE-9
    if !follows(keys, &held) {
        return Err(KeyFileError::Changed(path));
    }
    let next = write_next(dir, keys, lock)?;
    fs::rename(&next, &path).map_err(|error| UnsafeFile::io(&path, error))?;
    Ok(files::sync_directory_of(&path)?)
}

/// Whether `next` can have come from `held` by rotating and pruning.
fn follows(next: &MasterKeys, held: &MasterKeys) -> bool {
    let kept = |master: &Master| {
        master.id > held.last_id()
            || held.masters().iter().any(|one| {
                one.id == master.id
                    && one.signs_from == master.signs_from
                    && one.secret.same(&master.secret)
            })
    };
    next.issuer() == held.issuer()
        && next.pepper().same(held.pepper())
        && next.last_id() >= held.last_id()
        && next.masters().iter().all(kept)
}

/// Writes and syncs the next key file. Holding the lock, whatever is there is what a crash left.
fn write_next(dir: &Path, keys: &MasterKeys, _lock: &files::Lock) -> Result<PathBuf, KeyFileError> {
    let next = dir.join(NEXT);
    let made = match files::create(&next) {
        Err(Errno::EXIST) => {
            fs::remove_file(&next).map_err(|error| UnsafeFile::io(&next, error))?;
            files::create(&next)
        }
        made => made,
    };
    let mut file = made.map_err(|error| UnsafeFile::io(&next, error))?;
    let written = file.write_all(&encode(keys)).and_then(|()| file.sync_all());
    written.map_err(|error| UnsafeFile::io(&next, error))?;
    Ok(next)
}

#[derive(Deserialize)]
struct AnyVersion {
    version: u32,
}

/// Borrows from the text that it was read from, which is wiped.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeysText<'t> {
    version: u32,
    issuer: &'t str,
    pepper: &'t str,
    last_id: u8,
    #[serde(borrow)]
    masters: Vec<MasterText<'t>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MasterText<'t> {
    id: u8,
    secret: &'t str,
    /// Milliseconds since 1970 UTC.
    signs_from: u64,
}

/// The content of a key file.
#[must_use]
pub fn encode(keys: &MasterKeys) -> Zeroizing<Vec<u8>> {
    let secret = |secret: &Secret<32>| Zeroizing::new(base64url(secret.expose()));
    let issuer = keys.issuer().to_string();
    let pepper = secret(keys.pepper());
    let secrets = keys.masters().iter().map(|master| secret(&master.secret)).collect::<Vec<_>>();
    let masters = keys.masters().iter().zip(&secrets).map(|(master, secret)| MasterText {
        id: master.id,
        secret,
        signs_from: master.signs_from.as_millis(),
    });
    let text = KeysText {
        version: VERSION,
        issuer: &issuer,
        pepper: &pepper,
        last_id: keys.last_id(),
        masters: masters.collect(),
    };
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_SIZE));
    let written = serde_json::to_writer_pretty(&mut *bytes, &text);
    debug_assert!(written.is_ok(), "numbers and text into memory");
    bytes.push(b'\n');
    bytes
}

/// The keys of a key file's content; `path` is for what is said about it.
///
/// # Errors
/// If [`encode`] can't have written that.
pub fn decode(path: &Path, text: &[u8]) -> Result<MasterKeys, KeyFileError> {
    let damaged =
        |what: &str| KeyFileError::Damaged { path: path.to_owned(), what: what.to_owned() };
    // serde's messages quote what they found, which may be a secret: the place has to do.
    //= req: SECRET-10
    let place = |error: serde_json::Error| {
        damaged(&format!("line {}, column {}", error.line(), error.column()))
    };
    if text.len() > MAX_SIZE {
        return Err(damaged("it is too long"));
    }
    let AnyVersion { version } = serde_json::from_slice(text).map_err(place)?;
    if version > VERSION {
        return Err(KeyFileError::Newer { path: path.to_owned(), found: version });
    }
    if version != VERSION {
        return Err(damaged("its version is none that there was"));
    }
    let keys = serde_json::from_slice::<KeysText<'_>>(text).map_err(place)?;
    let issuer = Issuer::parse(keys.issuer).ok_or_else(|| damaged("its issuer"))?;
    let secret = |text: &str| decode_exact(text.as_bytes()).map(Secret::new);
    let pepper = secret(keys.pepper).ok_or_else(|| damaged("its pepper"))?;
    let master = |master: &MasterText<'_>| {
        Some(Master {
            id: master.id,
            secret: secret(master.secret)?,
            signs_from: Timestamp::from_millis(master.signs_from),
        })
    };
    let masters = keys.masters.iter().map(master).collect::<Option<Vec<_>>>();
    let masters = masters.ok_or_else(|| damaged("one of its secrets"))?;
    MasterKeys::restore(issuer, pepper, keys.last_id, masters)
        .map_err(|error| damaged(&error.to_string()))
}
