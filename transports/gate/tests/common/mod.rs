//! What the tests of the stores have in common.
#![allow(dead_code)]

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use doorward_gate::audit::{AuditRecord, Event};
use doorward_gate::store::SqliteStore;
use doorward_gate::store::sqlite::SqliteSettings;
use doorward_policy::grant::{Attempt, Counter, GrantRecord, GrantRequest, Nonce};
use doorward_policy::id::{Issuer, SessionId};
use doorward_policy::keys::Digest;
use doorward_policy::ledger::Capacity;
use doorward_policy::local::{LocalRecord, LocalRequest};
use doorward_policy::session::Lifetimes;
use doorward_policy::subject::Subject;
use doorward_policy::token::Method;
use doorward_policy::workspace::{Asked, WorkspaceName};
use doorward_policy::{Capabilities, Timestamp};
use tempfile::TempDir;

pub(crate) const ISSUER: Issuer = Issuer::new([7; 16]);

/// A moment of the tests: seconds after the first.
pub(crate) fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis((1_800_000_000 + seconds) * 1000)
}

/// A digest like no other of this name.
pub(crate) fn digest(number: u64) -> Digest {
    let mut bytes = [0xd1; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    Digest::from_bytes(bytes)
}

/// An identifier of this number.
pub(crate) fn id(number: u64) -> [u8; 16] {
    let mut bytes = [0x1d; 16];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    bytes
}

/// An identifier that no process has used before.
pub(crate) fn new_id() -> [u8; 16] {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    bytes[8..12].copy_from_slice(&std::process::id().to_be_bytes());
    bytes
}

pub(crate) fn subject(text: &str) -> Subject {
    Subject::new(text).expect("a subject")
}

/// A grant of ten minutes, made at `now`.
pub(crate) fn grant(number: u64, label: &str, uses: u32, now: Timestamp) -> GrantRecord {
    let request = GrantRequest {
        label: subject(label),
        capabilities: Capabilities::START_UP,
        method: Method::Link,
        uses,
        life: std::time::Duration::from_secs(600),
    };
    GrantRecord::issue(&request, Capabilities::ALL, id(number), now).expect("within bounds")
}

/// A try with a nonce of this number, which would open a new session.
pub(crate) fn attempt(nonce: u64) -> Attempt {
    Attempt {
        asked: Asked::Default,
        nonce: Nonce::from_digest(digest(nonce)),
        counter: Counter::Bootstrap,
        needed: Capabilities::OPERATE,
        session: SessionId::new(new_id()),
        peer: Some([127, 0, 0, 1].into()),
        lifetimes: Lifetimes::DEFAULT,
    }
}

/// A local token of this id and incarnation for the workspace `blue`, made at `now`.
pub(crate) fn local(number: u64, incarnation: u64, now: Timestamp) -> LocalRecord {
    let request = LocalRequest {
        id: SessionId::new(id(number)),
        name: subject("agent"),
        workspace: WorkspaceName::new("blue").expect("a name"),
        capabilities: Capabilities::START_UP,
        pid: 4711,
        started: u64::MAX,
        directory: "/home/ada".to_owned(),
    };
    LocalRecord::issue(&request, Capabilities::ALL, id(incarnation), now).expect("within bounds")
}

pub(crate) fn audit(event: Event) -> AuditRecord {
    AuditRecord::new(event, at(0))
}

/// A folder for one test, and the database's place in it.
pub(crate) fn place() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("doorward.db");
    (dir, path)
}

pub(crate) fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, ISSUER, SqliteSettings::default()).expect("it opens")
}

pub(crate) fn open_with(path: &Path, capacity: Capacity) -> SqliteStore {
    let settings = SqliteSettings { capacity, ..SqliteSettings::default() };
    SqliteStore::open(path, ISSUER, settings).expect("it opens")
}

/// As [`place`], in memory where there is such a folder: for what does not test durability.
pub(crate) fn fast_place() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
    let path = dir.path().join("doorward.db");
    (dir, path)
}

/// Every file of a folder with its size and a hash of its content.
pub(crate) fn contents(dir: &Path) -> Vec<(String, usize, u64)> {
    let entries = fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("an entry"));
    let content = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().expect("a name");
        let bytes = fs::read(entry.path()).unwrap_or_default();
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        (name, bytes.len(), hasher.finish())
    };
    let mut contents = entries.map(content).collect::<Vec<_>>();
    contents.sort();
    contents
}

pub(crate) fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o7777
}

/// Only root can give a file away.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
