//! Files that are their owner's alone: made exclusively, never through a link, and refused where
//! others own or can read them.

use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, DirBuilder, File, Metadata};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use rustix::io::Errno;
use rustix::process::geteuid;

const OTHERS: u32 = 0o077;
const OTHERS_WRITE: u32 = 0o022;

/// A file or folder that Doorward does not touch.
#[derive(Debug)]
pub struct UnsafeFile {
    path: PathBuf,
    flaw: Flaw,
}

#[derive(Debug)]
enum Flaw {
    Link,
    Kind,
    Owner(u32),
    Readable(u32),
    Writable(u32),
    Io(io::Error),
}

impl fmt::Display for UnsafeFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.flaw {
            Flaw::Link => {
                write!(f, "{path} is a symbolic link, which is never followed: put the file there")
            }
            Flaw::Kind => write!(f, "{path} is no regular file: move it away"),
            Flaw::Owner(uid) => write!(
                f,
                "{path} belongs to user {uid}, not to the user {} who runs this: run it as its \
                 owner, or choose another state directory",
                geteuid().as_raw()
            ),
            Flaw::Readable(mode) => write!(
                f,
                "{path} is open to other users (mode {mode:04o}): if nobody else can have read \
                 it, run `chmod 600 {path}`; otherwise start with a new state directory"
            ),
            Flaw::Writable(mode) => write!(
                f,
                "other users can write to the folder {path} (mode {mode:04o}): run \
                 `chmod 700 {path}`, or choose another state directory"
            ),
            Flaw::Io(error) => write!(f, "{path}: {error}"),
        }
    }
}

impl std::error::Error for UnsafeFile {}

impl UnsafeFile {
    fn new(path: &Path, flaw: Flaw) -> Self {
        Self { path: path.to_owned(), flaw }
    }

    pub(crate) fn io(path: &Path, error: impl Into<io::Error>) -> Self {
        Self::new(path, Flaw::Io(error.into()))
    }
}

/// Makes a folder and those above it for their owner alone, where they are not there, and checks
/// that nobody else can write to it.
pub(crate) fn private_directory(dir: &Path) -> Result<(), UnsafeFile> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|error| UnsafeFile::io(dir, error))?;
    check_directory(dir)
}

//= req: STORE-7
fn check_directory(dir: &Path) -> Result<(), UnsafeFile> {
    let found = fs::metadata(dir).map_err(|error| UnsafeFile::io(dir, error))?;
    let flaw = directory_flaw(&found, geteuid().as_raw());
    flaw.map_or(Ok(()), |flaw| Err(UnsafeFile::new(dir, flaw)))
}

fn directory_flaw(found: &Metadata, user: u32) -> Option<Flaw> {
    match found.mode() {
        _ if !found.is_dir() => Some(Flaw::Kind),
        _ if found.uid() != user => Some(Flaw::Owner(found.uid())),
        mode if mode & OTHERS_WRITE != 0 => Some(Flaw::Writable(mode & 0o7777)),
        _ => None,
    }
}

/// The path of a file, through no link, in a folder that nobody else can write to.
pub(crate) fn in_private_directory(path: &Path) -> Result<PathBuf, UnsafeFile> {
    let name = path.file_name().ok_or_else(|| UnsafeFile::new(path, Flaw::Kind))?;
    let dir = path.parent().filter(|dir| *dir != OsStr::new("")).unwrap_or(Path::new("."));
    check_directory(dir)?;
    Ok(dir.canonicalize().map_err(|error| UnsafeFile::io(dir, error))?.join(name))
}

/// Makes an empty file, or checks the one that is there without opening it: closing it again
/// would drop the locks that this process holds on it (POSIX). Returns its size.
pub(crate) fn create_or_check(path: &Path) -> Result<u64, UnsafeFile> {
    match create(path) {
        Ok(file) => {
            drop(file);
            sync_directory_of(path)?;
            Ok(0)
        }
        Err(Errno::EXIST) => size(path),
        Err(error) => Err(UnsafeFile::io(path, error)),
    }
}

/// Checks a file without opening it. Returns its size.
pub(crate) fn size(path: &Path) -> Result<u64, UnsafeFile> {
    let found = fs::symlink_metadata(path).map_err(|error| UnsafeFile::io(path, error))?;
    check(path, &found)?;
    Ok(found.len())
}

//= req: STORE-7
/// Makes a file that was not there.
pub(crate) fn create(path: &Path) -> Result<File, Errno> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    open(path, flags, Mode::RUSR | Mode::WUSR).map(File::from)
}

/// Opens a file to read; `None` if there is none.
pub(crate) fn read(path: &Path) -> Result<Option<File>, UnsafeFile> {
    match open_checked(path, OFlags::RDONLY) {
        Ok(file) => Ok(Some(file)),
        Err(UnsafeFile { flaw: Flaw::Io(error), .. })
            if error.kind() == io::ErrorKind::NotFound =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Opens a file to read and to append to, and makes it if it is not there.
pub(crate) fn append(path: &Path) -> Result<File, UnsafeFile> {
    open_checked(path, OFlags::RDWR | OFlags::APPEND | OFlags::CREATE)
}

fn open_checked(path: &Path, flags: OFlags) -> Result<File, UnsafeFile> {
    // Without NONBLOCK a pipe of that name would wait for its other end.
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = match open(path, flags, Mode::RUSR | Mode::WUSR) {
        Ok(file) => File::from(file),
        Err(Errno::LOOP) => return Err(UnsafeFile::new(path, Flaw::Link)),
        Err(error) => return Err(UnsafeFile::io(path, error)),
    };
    let found = file.metadata().map_err(|error| UnsafeFile::io(path, error))?;
    check(path, &found)?;
    Ok(file)
}

//= req: STORE-7
fn check(path: &Path, found: &Metadata) -> Result<(), UnsafeFile> {
    let flaw = file_flaw(found, geteuid().as_raw());
    flaw.map_or(Ok(()), |flaw| Err(UnsafeFile::new(path, flaw)))
}

fn file_flaw(found: &Metadata, user: u32) -> Option<Flaw> {
    match found.mode() {
        _ if found.is_symlink() => Some(Flaw::Link),
        _ if !found.is_file() => Some(Flaw::Kind),
        _ if found.uid() != user => Some(Flaw::Owner(found.uid())),
        mode if mode & OTHERS != 0 => Some(Flaw::Readable(mode & 0o7777)),
        _ => None,
    }
}

/// Held until it is dropped, by one process at a time.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: OwnedFd,
}

/// Waits for a lock file.
pub(crate) fn lock(path: &Path) -> Result<Lock, UnsafeFile> {
    let file = append(path)?;
    flock(&file, FlockOperation::LockExclusive).map_err(|error| UnsafeFile::io(path, error))?;
    Ok(Lock { _file: file.into() })
}

/// Takes a lock file; `None` if another process holds it.
pub(crate) fn try_lock(path: &Path) -> Result<Option<Lock>, UnsafeFile> {
    let file = append(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(Lock { _file: file.into() })),
        Err(Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(UnsafeFile::io(path, error)),
    }
}

/// Makes durable what was created, renamed or removed beside `path`.
pub(crate) fn sync_directory_of(path: &Path) -> Result<(), UnsafeFile> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let synced = File::open(dir).and_then(|dir| dir.sync_all());
    synced.map_err(|error| UnsafeFile::io(dir, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    //= req: STORE-7, type=test
    /// Nobody but root can give a file away, but anybody can ask for somebody else.
    #[test]
    fn what_is_another_users_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("file");
        drop(create(&path).expect("made"));
        let (file, folder) = (fs::metadata(&path), fs::metadata(dir.path()));
        let (file, folder) = (file.expect("there"), folder.expect("there"));
        let (mine, other) = (file.uid(), file.uid().wrapping_add(1));
        assert!(file_flaw(&file, mine).is_none() && directory_flaw(&folder, mine).is_none());
        assert!(matches!(file_flaw(&file, other), Some(Flaw::Owner(uid)) if uid == mine));
        assert!(matches!(directory_flaw(&folder, other), Some(Flaw::Owner(uid)) if uid == mine));
    }
    #[test]
    fn what_is_no_folder_is_not_taken_for_one() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("file");
        drop(create(&path).expect("made"));
        let found = fs::metadata(&path).expect("there");
        assert!(matches!(directory_flaw(&found, found.uid()), Some(Flaw::Kind)));
    }

    #[test]
    fn a_folder_that_can_not_be_synced_is_an_error_that_names_it() {
        let dir = tempfile::tempdir().expect("a folder");
        let gone = dir.path().join("gone");
        sync_directory_of(&gone).expect("its folder is there");
        let error = sync_directory_of(&gone.join("file")).expect_err("it is not there");
        assert!(matches!(&error.flaw, Flaw::Io(why) if why.kind() == io::ErrorKind::NotFound));
        assert_eq!(error.path, gone);
    }
}
