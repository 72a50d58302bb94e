//! The files of local tokens: one for each, its owner's alone, in a folder that is its owner's
//! alone.
//!
//! A file is named after its token's incarnation, which tells nothing of the token. A token is in
//! the store before it has a file, so a file whose token the store doesn't know is of no more use.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use doorward_gate::store::{Store, StoreError};
use doorward_policy::id::SessionId;
use doorward_policy::local::LocalSecret;

use crate::blocking::unblock;

const FOLDER: &str = "local";

/// The folder of the files.
#[derive(Clone, Debug)]
pub(crate) struct LocalFiles {
    folder: PathBuf,
}

impl LocalFiles {
    /// Those of a state directory.
    pub(crate) fn of(state_dir: &Path) -> Self {
        Self { folder: state_dir.join(FOLDER) }
    }

    /// Writes the file of a token that the store has; where it is, from wherever one is.
    pub(crate) fn write(
        &self,
        incarnation: SessionId,
        secret: &LocalSecret,
    ) -> io::Result<PathBuf> {
        self.make_folder()?;
        // Absolute, as the settings make every directory: who is told may work somewhere else.
        let path = self.path(incarnation);
        //= req: SECRET-8
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let written = file.write_all(secret.expose().as_bytes());
        if written.is_err() {
            self.remove(incarnation);
        }
        written.map(|()| path)
    }

    /// Removes the file of a token that the store has no more.
    pub(crate) fn remove(&self, incarnation: SessionId) {
        // One that can't be removed holds a token that opens nothing.
        let _result = fs::remove_file(self.path(incarnation));
    }

    /// Removes the files of tokens that the store has no more.
    pub(crate) async fn tidy(&self, store: &dyn Store) -> Result<(), StoreError> {
        // Looked at before the store: whatever has a file here has been in the store.
        let files = self.clone();
        let there = unblock(move || files.incarnations()).await;
        if there.is_empty() {
            return Ok(());
        }
        let known: Vec<_> = store.locals().await?.iter().map(|local| local.incarnation).collect();
        let files = self.clone();
        let gone = there.into_iter().filter(move |one| !known.contains(one));
        unblock(move || gone.for_each(|one| files.remove(one))).await;
        Ok(())
    }

    fn incarnations(&self) -> Vec<SessionId> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        entries.filter_map(|entry| SessionId::parse(entry.file_name().to_str()?)).collect()
    }

    fn make_folder(&self) -> io::Result<()> {
        match DirBuilder::new().mode(0o700).create(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let seen = fs::symlink_metadata(&self.folder)?;
        let own = seen.uid() == rustix::process::geteuid().as_raw();
        //= req: SECRET-8
        if seen.is_dir() && own && seen.mode() & 0o077 == 0 {
            return Ok(());
        }
        let what = "it is not a directory that only you can use: remove it";
        Err(io::Error::new(io::ErrorKind::PermissionDenied, what))
    }

    fn path(&self, incarnation: SessionId) -> PathBuf {
        self.folder.join(incarnation.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use doorward_gate::audit::{AuditRecord, Event};
    use doorward_gate::store::MemoryStore;
    use doorward_policy::Timestamp;
    use doorward_policy::capability::Capabilities;
    use doorward_policy::keys::Digest;
    use doorward_policy::ledger::Capacity;
    use doorward_policy::local::{LocalRecord, LocalSelector};
    use doorward_policy::subject::Subject;
    use doorward_policy::workspace::WorkspaceName;

    use super::*;

    const TOKEN: SessionId = SessionId::new([7; 16]);

    fn write(files: &LocalFiles) -> io::Result<PathBuf> {
        files.write(TOKEN, &LocalSecret::new([1; 32]))
    }

    //= req: SECRET-8, type=test
    #[test]
    fn a_file_is_its_owner_s_alone_and_never_an_older_one() {
        let dir = tempfile::tempdir().expect("a directory");
        let files = LocalFiles::of(dir.path());
        let path = write(&files).expect("written");
        assert_eq!(fs::read_to_string(&path).expect("read"), "01".repeat(32));
        let mode = |path: &Path| fs::metadata(path).expect("there").mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().expect("a folder"))), (0o600, 0o700));
        assert_eq!(files.incarnations(), [TOKEN]);
        assert_eq!(write(&files).expect_err("it is there").kind(), io::ErrorKind::AlreadyExists);
        files.remove(TOKEN);
        assert_eq!(files.incarnations(), []);
    }

    #[tokio::test]
    async fn a_file_goes_when_the_store_has_its_token_no_more() {
        let dir = tempfile::tempdir().expect("a directory");
        let files = LocalFiles::of(dir.path());
        let store = MemoryStore::new(Capacity::default(), [0; 8]);
        write(&files).expect("written");
        let audit = || AuditRecord::new(Event::LocalMade, Timestamp::EPOCH);
        store.insert_local(Digest::from_bytes([1; 32]), record(), audit()).await.expect("kept");
        files.tidy(&store).await.expect("the store answers");
        assert_eq!(files.incarnations(), [TOKEN]);
        store.remove_locals(LocalSelector::All, audit()).await.expect("removed");
        fs::write(files.folder.join("a note"), "not a token").expect("written");
        files.tidy(&store).await.expect("the store answers");
        assert_eq!(files.incarnations(), []);
        assert!(files.folder.join("a note").exists());
    }

    fn record() -> LocalRecord {
        LocalRecord {
            id: SessionId::new([1; 16]),
            incarnation: TOKEN,
            name: Subject::new("agent").expect("a name"),
            workspace: WorkspaceName::main(),
            capabilities: Capabilities::OBSERVE,
            pid: 1,
            started: 1,
            directory: "/".to_owned(),
            created_at: Timestamp::EPOCH,
            ends_at: Timestamp::from_secs(1),
        }
    }

    //= req: SECRET-8, type=test
    #[test]
    fn nothing_is_written_where_others_could_read_or_have_prepared_something() {
        let dir = tempfile::tempdir().expect("a directory");
        let (files, elsewhere) = (LocalFiles::of(dir.path()), dir.path().join("elsewhere"));
        fs::create_dir(&elsewhere).expect("made");
        symlink(&elsewhere, &files.folder).expect("linked");
        write(&files).expect_err("the folder is a link");
        fs::remove_file(&files.folder).expect("removed");

        fs::create_dir(&files.folder).expect("made");
        fs::set_permissions(&files.folder, fs::Permissions::from_mode(0o755)).expect("opened");
        write(&files).expect_err("others can look into the folder");
        fs::set_permissions(&files.folder, fs::Permissions::from_mode(0o700)).expect("closed");

        symlink(elsewhere.join("theirs"), files.path(TOKEN)).expect("linked");
        write(&files).expect_err("the file is a link");
        assert!(!elsewhere.join("theirs").exists());
    }
}
