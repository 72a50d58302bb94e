//! Saved sessions: one file for each server, its owner's alone.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use zeroize::Zeroizing;

use crate::server::Server;
use crate::session::{Session, SessionText};

const MOST: u64 = 16 * 1024;

/// The folder of saved sessions.
#[derive(Clone, Debug)]
pub struct SavedSessions {
    folder: PathBuf,
}

/// Why a saved session can't be read or written.
#[derive(Debug)]
pub struct SavedError {
    path: PathBuf,
    what: String,
}

impl fmt::Display for SavedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the saved session {} {}", self.path.display(), self.what)
    }
}

impl std::error::Error for SavedError {}

impl SavedSessions {
    /// The sessions that are kept in a folder, which need not be there yet.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The session of a server.
    ///
    /// # Errors
    /// If its file is a link, another user's, readable by others, damaged, or another server's.
    pub fn load(&self, server: &Server) -> Result<Option<Session>, SavedError> {
        let path = self.path(server);
        let Some(session) = read(&path)? else { return Ok(None) };
        if session.server() != server {
            return Err(flaw(&path, "is another server's: delete it and pair again"));
        }
        Ok(Some(session))
    }

    /// The servers that there is a session for.
    #[must_use]
    pub fn servers(&self) -> Vec<Server> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let sessions =
            entries.filter(|entry| entry.path().extension().is_some_and(|it| it == "json"));
        let sessions = sessions.filter_map(|entry| read(&entry.path()).ok().flatten());
        sessions.map(|session| session.server().clone()).collect()
    }

    /// Keeps a session in the place of the one before it.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn save(&self, session: &Session) -> Result<(), SavedError> {
        let path = self.path(session.server());
        let written = serde_json::to_vec(&session.to_text()).map_err(io::Error::other);
        let written = written.map(Zeroizing::new).and_then(|text| self.write(&path, &text));
        written.map_err(|error| flaw(&path, &format!("can't be written: {error}")))
    }

    /// Forgets the session of a server.
    ///
    /// # Errors
    /// If its file can't be removed.
    pub fn remove(&self, server: &Server) -> Result<(), SavedError> {
        let path = self.path(server);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(flaw(&path, &format!("can't be removed: {error}")))
            }
            _ => Ok(()),
        }
    }

    fn write(&self, path: &Path, text: &[u8]) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let next = path.with_extension(format!("{}.next", std::process::id()));
        // One that a killed process of the same number has left.
        let _result = fs::remove_file(&next);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&next)?;
        file.write_all(text)?;
        file.sync_all()?;
        fs::rename(&next, path)?;
        File::open(&self.folder)?.sync_all()
    }

    /// A file name of the server's own: what its authority has beside letters, digits, dots and
    /// hyphens is spelt so that no two servers share one.
    fn path(&self, server: &Server) -> PathBuf {
        let mut name = String::from("http-");
        for each in server.authority().chars() {
            match each {
                'a'..='z' | '0'..='9' | '.' | '-' => name.push(each),
                each => name.push_str(&format!("_{:x}", u32::from(each))),
            }
        }
        self.folder.join(name + ".json")
    }
}

fn flaw(path: &Path, what: &str) -> SavedError {
    SavedError { path: path.to_owned(), what: what.to_owned() }
}

fn read(path: &Path) -> Result<Option<Session>, SavedError> {
    let unreadable = |error: io::Error| flaw(path, &format!("can't be read: {error}"));
    let nofollow = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default();
    let file = match OpenOptions::new().read(true).custom_flags(nofollow).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    let seen = file.metadata().map_err(unreadable)?;
    if !seen.is_file() || seen.uid() != rustix::process::geteuid().as_raw() {
        return Err(flaw(path, "is not a file of yours: delete it and pair again"));
    }
    if seen.mode() & 0o077 != 0 {
        let what = "can be read by others, who may have its token: revoke the session, delete the \
                    file and pair again";
        return Err(flaw(path, what));
    }
    let mut text = Zeroizing::new(Vec::with_capacity(1024));
    file.take(MOST).read_to_end(&mut text).map_err(unreadable)?;
    let parsed = serde_json::from_slice::<SessionText>(&text).ok().and_then(Session::from_text);
    parsed.map(Some).ok_or_else(|| flaw(path, "is damaged: delete it and pair again"))
}
