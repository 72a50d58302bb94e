//! Saved sessions: one file for each server, its owner's alone.

use std::fmt;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags, flock};
use zeroize::Zeroizing;

use crate::server::{Identity, Server};
use crate::session::{Session, SessionText};

/// The longest file of a session.
const MOST: usize = 16 * 1024;

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

    /// The session of a server. One that is named without a pin is known in the way that was
    /// saved; for another pin than that there is no session.
    ///
    /// # Errors
    /// If its file is a link, another user's, readable by others, damaged, or another server's.
    pub fn load(&self, server: &Server) -> Result<Option<Session>, SavedError> {
        let path = self.path(server);
        let Some(session) = read(&path)? else { return Ok(None) };
        //= req: CLIENT-4
        if !session.server().same_address(server) {
            return Err(flaw(&path, "is another server's: delete it and pair again"));
        }
        let known = match server.identity() {
            Identity::Pinned(_) => session.server() == server,
            Identity::Local | Identity::Name => true,
        };
        Ok(known.then_some(session))
    }

    /// The servers that there is a session for.
    #[must_use]
    pub fn servers(&self) -> Vec<Server> {
        self.all().map(|session| session.server().clone()).collect()
    }

    /// The ids of all saved sessions.
    #[must_use]
    pub fn ids(&self) -> Vec<String> {
        self.all().map(|session| session.id().to_owned()).collect()
    }

    fn all(&self) -> impl Iterator<Item = Session> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let sessions =
            entries.filter(|entry| entry.path().extension().is_some_and(|it| it == "json"));
        sessions.filter_map(|entry| read(&entry.path()).ok().flatten())
    }

    /// Keeps a session in the place of the one before it.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn save(&self, session: &Session) -> Result<(), SavedError> {
        let path = self.path(session.server());
        let _alone = self.alone(&path)?;
        self.put(&path, session)
    }

    /// Keeps what a session was renewed to, unless another has taken its place: somebody may have
    /// paired anew.
    ///
    /// # Errors
    /// If its file can't be read or written.
    pub fn renew(&self, fresher: &Session) -> Result<(), SavedError> {
        let path = self.path(fresher.server());
        let _alone = self.alone(&path)?;
        match read(&path)? {
            Some(saved) if saved.id() != fresher.id() => Ok(()),
            _ => self.put(&path, fresher),
        }
    }

    /// Forgets a session, unless another has taken its place: somebody may have paired anew.
    ///
    /// # Errors
    /// If its file can't be read or removed.
    pub fn forget(&self, session: &Session) -> Result<(), SavedError> {
        let path = self.path(session.server());
        if !self.folder.exists() {
            return Ok(());
        }
        let _alone = self.alone(&path)?;
        if !read(&path)?.is_some_and(|saved| saved.is(session)) {
            return Ok(());
        }
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(flaw(&path, &format!("can't be removed: {error}")))
            }
            _ => Ok(()),
        }
    }

    /// The folder, made if it is not there, and no other process's until this is dropped.
    fn alone(&self, path: &Path) -> Result<File, SavedError> {
        let locked = || {
            DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
            let folder = File::open(&self.folder)?;
            flock(&folder, FlockOperation::LockExclusive)?;
            Ok(folder)
        };
        locked().map_err(|error: io::Error| flaw(path, &format!("can't be written: {error}")))
    }

    fn put(&self, path: &Path, session: &Session) -> Result<(), SavedError> {
        let written = encode(&session.to_text()).and_then(|text| self.write(path, &text));
        written.map_err(|error| flaw(path, &format!("can't be written: {error}")))
    }

    fn write(&self, path: &Path, text: &[u8]) -> io::Result<()> {
        let next = path.with_extension("next");
        // One that a killed process has left.
        let _result = fs::remove_file(&next);
        //= req: CLIENT-6
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&next)?;
        file.write_all(text)?;
        file.sync_all()?;
        fs::rename(&next, path)?;
        File::open(&self.folder)?.sync_all()
    }

    /// A file name of the server's own: what its authority has beside letters, digits, dots and
    /// hyphens is spelt so that no two servers share one.
    fn path(&self, server: &Server) -> PathBuf {
        let mut name = format!("{}-", server.transport().scheme());
        for each in server.authority().chars() {
            match each {
                'a'..='z' | '0'..='9' | '.' | '-' => name.push(each),
                each => name.push_str(&format!("_{:x}", u32::from(each))),
            }
        }
        self.folder.join(name + ".json")
    }
}

/// What is written to a file that is not too long to be read again.
fn encode(text: &SessionText) -> io::Result<Zeroizing<Vec<u8>>> {
    // Room for all of it at once: growing would leave a copy of the token behind.
    let mut bytes = Zeroizing::new(vec![0; MOST]);
    let mut rest = bytes.as_mut_slice();
    serde_json::to_writer(&mut rest, text).map_err(io::Error::other)?;
    let length = MOST.saturating_sub(rest.len());
    bytes.truncate(length);
    Ok(bytes)
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
    let user = rustix::process::geteuid().as_raw();
    exposed(&seen, user).map_or(Ok(()), |what| Err(flaw(path, what)))?;
    // Here, too: `read_to_end` grows a buffer that it has filled.
    let mut text = Zeroizing::new(Vec::with_capacity(MOST + 1));
    let limit = u64::try_from(MOST).unwrap_or(u64::MAX);
    file.take(limit).read_to_end(&mut text).map_err(unreadable)?;
    let parsed = serde_json::from_slice::<SessionText>(&text).ok().and_then(Session::from_text);
    parsed.map(Some).ok_or_else(|| flaw(path, "is damaged: delete it and pair again"))
}

//= req: CLIENT-6
/// What others may have done with a file that is to be a user's alone.
fn exposed(seen: &Metadata, user: u32) -> Option<&'static str> {
    if !seen.is_file() || seen.uid() != user {
        return Some("is not a file of yours: delete it and pair again");
    }
    let open = "can be read by others, who may have its token: revoke the session, delete the file \
                and pair again";
    (seen.mode() & 0o077 != 0).then_some(open)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Target;
    use doorward_policy::link::CertificatePin;

    fn server(url: &str) -> Server {
        Target::parse(url).expect("valid").server
    }

    fn text(version: u32, server: &str, certificate: &str) -> String {
        format!(
            r#"{{"version":{version},"server":"{server}",{certificate}"access_token":"A.token",
            "session_id":"00","subject":"me","received_at":1,"expires_at":2}}"#
        )
    }

    fn session(version: u32, server: &str, certificate: &str) -> Option<Session> {
        let text = text(version, server, certificate);
        serde_json::from_str::<SessionText>(&text).ok().and_then(Session::from_text)
    }

    fn pinned(byte: u8) -> Session {
        let pin = format!(r#""certificate":"{}","#, format!("{byte:02x}").repeat(32));
        session(2, "quic://dev.example:4433", &pin).expect("valid")
    }

    fn saved() -> (tempfile::TempDir, SavedSessions) {
        let dir = tempfile::tempdir().expect("a directory");
        let saved = SavedSessions::new(dir.path().join("client"));
        (dir, saved)
    }

    #[test]
    fn a_session_is_saved_with_the_certificate_that_its_server_is_known_by() {
        let (_dir, saved) = saved();
        let named = server("quic://dev.example:4433");
        saved.save(&pinned(7)).expect("saved");
        let known = named.clone().pinned(CertificatePin::new([7; 32]));
        let found = saved.load(&named).expect("readable").expect("there");
        assert_eq!(found.server(), &known, "the URL names no pin: the saved one is used");
        assert!(saved.load(&known).expect("readable").is_some());
        let other = named.pinned(CertificatePin::new([8; 32]));
        assert!(saved.load(&other).expect("readable").is_none());
        assert!(saved.load(&server("https://dev.example:4433")).expect("readable").is_none());
        assert_eq!(saved.servers(), [known]);
    }

    #[test]
    fn a_session_of_a_server_known_by_name_is_none_of_a_pinned_one() {
        let (_dir, saved) = saved();
        saved.save(&session(2, "https://dev.example", "").expect("valid")).expect("saved");
        let named = server("https://dev.example");
        assert!(saved.load(&named).expect("readable").is_some());
        let pinned = named.pinned(CertificatePin::new([7; 32]));
        assert!(saved.load(&pinned).expect("readable").is_none());
    }

    //= req: CLIENT-6, type=test
    /// Nobody but root can give a file away, but anybody can ask for somebody else.
    #[test]
    fn a_file_is_its_user_s_alone_and_never_a_link() {
        let (_dir, saved) = saved();
        saved.save(&pinned(7)).expect("saved");
        let path = saved.path(pinned(7).server());
        let seen = fs::metadata(&path).expect("there");
        assert_eq!(seen.mode() & 0o777, 0o600);
        assert_eq!(exposed(&seen, seen.uid()), None);
        let said = exposed(&seen, seen.uid().wrapping_add(1)).expect("another user's");
        assert!(said.contains("not a file of yours"), "{said}");
        let elsewhere = path.with_extension("elsewhere");
        fs::rename(&path, &elsewhere).expect("moved");
        std::os::unix::fs::symlink(&elsewhere, &path).expect("linked");
        saved.load(pinned(7).server()).expect_err("a link");
    }

    //= req: CLIENT-4, type=test
    #[test]
    fn a_file_that_was_moved_is_another_server_s() {
        let (_dir, saved) = saved();
        saved.save(&pinned(7)).expect("saved");
        let other = server("quic://other.example:4433");
        fs::rename(saved.path(pinned(7).server()), saved.path(&other)).expect("moved");
        let error = saved.load(&other).expect_err("it is another server's");
        assert!(error.to_string().contains("another server's"), "{error}");
    }

    #[test]
    fn one_session_is_forgotten_and_not_the_one_that_took_its_place() {
        let (_dir, saved) = saved();
        saved.save(&pinned(8)).expect("saved");
        saved.forget(&pinned(7)).expect("nothing to do");
        assert!(saved.load(pinned(8).server()).expect("readable").is_some());
        saved.forget(&pinned(8)).expect("forgotten");
        saved.forget(&pinned(8)).expect("twice is once");
        assert!(saved.load(pinned(8).server()).expect("readable").is_none());
    }

    #[test]
    fn a_renewal_takes_the_place_of_its_own_session_alone() {
        let (_dir, saved) = saved();
        let with = |token: &str, id: &str| {
            let text = text(2, "https://dev.example", "").replace("A.token", token);
            let text = serde_json::from_str(&text.replace(r#""00""#, &format!(r#""{id}""#)));
            Session::from_text(text.expect("valid")).expect("valid")
        };
        let token = || {
            let found = saved.load(&server("https://dev.example")).expect("readable");
            found.expect("there").token().to_owned()
        };
        saved.renew(&with("A.first", "01")).expect("there was none");
        saved.renew(&with("A.fresher", "01")).expect("its own");
        assert_eq!(token(), "A.fresher");
        saved.save(&with("A.paired", "02")).expect("saved");
        saved.renew(&with("A.freshest", "01")).expect("nothing to do");
        assert_eq!(token(), "A.paired");
    }

    #[test]
    fn a_token_is_written_without_a_copy_left_behind() {
        let (_dir, saved) = saved();
        let with_token = |length: usize| {
            let text = text(2, "quic://dev.example:4433", "");
            let text = text.replace("A.token", &"A".repeat(length));
            serde_json::from_str::<SessionText>(&text).expect("valid")
        };
        let text = with_token(9000);
        let bytes = encode(&text).expect("short enough");
        assert_eq!(bytes.capacity(), MOST);
        assert_eq!(*bytes, serde_json::to_vec(&text).expect("text"));

        let long = Session::from_text(with_token(MOST)).expect("valid");
        assert!(saved.save(&long).is_err(), "it could not be read again");
        assert!(saved.load(long.server()).expect("readable").is_none());
    }

    #[test]
    fn the_first_version_knew_plain_http_alone() {
        assert!(session(1, "http://127.0.0.1:8765", "").is_some());
        assert!(session(1, "https://dev.example", "").is_none());
        assert!(session(3, "http://127.0.0.1:8765", "").is_none());
        assert!(session(2, "https://dev.example", r#""certificate":"00","#).is_none());
    }
}
