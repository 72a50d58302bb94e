//! The audit file: every line once and in order, whatever happens between file and store.

mod common;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use common::{audit, fast_place, mode, open, place};
use doorward_gate::audit::Event;
use doorward_gate::export::{AuditFile, ExportError};
use doorward_gate::store::{MemoryStore, Store};
use doorward_policy::ledger::Capacity;
use rusqlite::Connection;
use rustix::fs::{FlockOperation, flock};

fn memory() -> MemoryStore {
    MemoryStore::new(Capacity::default(), [1; 8])
}

async fn record(store: &dyn Store, words: &[&str]) {
    let records = words.iter().map(|word| audit(Event::Denied).because(*word));
    store.record(records.collect()).await.expect("kept");
}

/// The numbers and reasons in a file.
fn read(path: &Path) -> Vec<(u64, String)> {
    let text = fs::read_to_string(path).expect("the file");
    assert!(text.is_empty() || text.ends_with('\n'));
    let entry = |line: &str| {
        let line = serde_json::from_str::<serde_json::Value>(line).expect("a whole line");
        (line["n"].as_u64().expect("a number"), line["reason"].as_str().expect("why").to_owned())
    };
    text.lines().map(entry).collect()
}

fn entries(expected: &[(u64, &str)]) -> Vec<(u64, String)> {
    expected.iter().map(|(number, why)| (*number, (*why).to_owned())).collect()
}

#[tokio::test]
async fn lines_are_written_in_order_and_forgotten_by_the_store() {
    let (dir, _) = place();
    let path = dir.path().join("audit.jsonl");
    let store = memory();
    let mut file = AuditFile::open(dir.path()).expect("it opens");
    assert_eq!(mode(&path), 0o600);
    assert_eq!(file.export(&store).await.expect("exported"), 0);
    record(&store, &["a", "b"]).await;
    assert_eq!(file.export(&store).await.expect("exported"), 2);
    record(&store, &["c"]).await;
    assert_eq!(file.export(&store).await.expect("exported"), 1);
    assert_eq!(read(&path), entries(&[(1, "a"), (2, "b"), (3, "c")]));
    assert!(store.audit_lines(0, 9).await.expect("lines").is_empty());
}

#[tokio::test]
async fn more_lines_than_one_batch_are_written() {
    let (dir, path) = fast_place();
    let store = open(&path);
    record(&store, &["x"; 2500]).await;
    let mut file = AuditFile::open(dir.path()).expect("it opens");
    assert_eq!(file.export(&store).await.expect("exported"), 2500);
    let numbers = read(&dir.path().join("audit.jsonl")).into_iter().map(|(number, _)| number);
    assert!(numbers.eq(1..=2500));
}

//= req: AUDIT-3, type=test
#[tokio::test]
async fn what_the_store_did_not_forget_is_not_written_twice() {
    let (dir, path) = place();
    let store = open(&path);
    record(&store, &["a", "b"]).await;
    let beside = Connection::open(&path).expect("a connection");
    let keep = "CREATE TRIGGER keep BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'no'); END";
    beside.execute_batch(keep).expect("kept");
    let mut file = AuditFile::open(dir.path()).expect("it opens");
    for _ in 0..2 {
        let error = file.export(&store).await.expect_err("the store keeps them");
        assert!(matches!(error, ExportError::Store(_)), "{error}");
    }
    record(&store, &["c"]).await;
    file.export(&store).await.expect_err("the store keeps them");
    beside.execute_batch("DROP TRIGGER keep").expect("let go");
    record(&store, &["d"]).await;
    // By another process, which finds the end of the file alone.
    let mut other = AuditFile::open(dir.path()).expect("it opens");
    assert_eq!(other.export(&store).await.expect("exported"), 1);
    let expected = entries(&[(1, "a"), (2, "b"), (3, "c"), (4, "d")]);
    assert_eq!(read(&dir.path().join("audit.jsonl")), expected);
}

//= req: AUDIT-3, type=test
#[tokio::test]
async fn a_torn_line_is_written_again_whole() {
    let (whole, _) = place();
    let store = memory();
    record(&store, &["a", "b"]).await;
    let copy = memory();
    record(&copy, &["a", "b"]).await;
    AuditFile::open(whole.path()).expect("it opens").export(&copy).await.expect("exported");
    let text = fs::read(whole.path().join("audit.jsonl")).expect("the file");
    let first = text.iter().position(|byte| *byte == b'\n').expect("a line") + 1;
    for torn in [first + 8, text.len() - 10, text.len() - 1, 3, first] {
        let (dir, _) = place();
        let path = dir.path().join("audit.jsonl");
        let store = memory();
        record(&store, &["a", "b", "c"]).await;
        let mut file = AuditFile::open(dir.path()).expect("it opens");
        fs::write(&path, &text[..torn]).expect("torn");
        file.export(&store).await.expect("exported");
        assert_eq!(read(&path), entries(&[(1, "a"), (2, "b"), (3, "c")]), "torn at {torn}");
    }
}

#[tokio::test]
async fn a_line_of_somebody_else_is_left_alone() {
    let (dir, _) = place();
    let path = dir.path().join("audit.jsonl");
    let store = memory();
    record(&store, &["a"]).await;
    let mut file = AuditFile::open(dir.path()).expect("it opens");
    fs::write(&path, "a note without a line feed").expect("written");
    file.export(&store).await.expect("exported");
    let text = fs::read_to_string(&path).expect("the file");
    assert!(text.starts_with("a note without a line feed\n{\"n\":1,"), "{text}");
}

//= req: AUDIT-3, type=test
#[tokio::test]
async fn one_process_exports_at_a_time() {
    let (dir, _) = place();
    let store = memory();
    record(&store, &["a"]).await;
    let mut file = AuditFile::open(dir.path()).expect("it opens");
    file.export(&store).await.expect("exported");
    let held = fs::File::open(dir.path().join("audit.lock")).expect("the lock");
    flock(&held, FlockOperation::LockExclusive).expect("locked");
    record(&store, &["b"]).await;
    assert_eq!(file.export(&store).await.expect("nothing to do"), 0);
    assert_eq!(store.audit_lines(0, 9).await.expect("lines").len(), 1);
    drop(held);
    assert_eq!(file.export(&store).await.expect("exported"), 1);
}

//= req: AUDIT-2, type=test
#[tokio::test]
async fn the_store_keeps_what_could_not_be_written() {
    let (dir, _) = place();
    let path = dir.path().join("audit.jsonl");
    let store = memory();
    let mut file = AuditFile::open(dir.path()).expect("it opens");
    record(&store, &["a"]).await;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("changed");
    let error = file.export(&store).await.expect_err("refused");
    assert!(matches!(error, ExportError::File(_)), "{error}");
    assert_eq!(store.audit_lines(0, 9).await.expect("lines").len(), 1);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("changed");
    assert_eq!(file.export(&store).await.expect("exported"), 1);
    assert_eq!(read(&path), entries(&[(1, "a")]));
}

#[tokio::test]
async fn exporters_may_take_turns() {
    let (dir, _) = place();
    let store = memory();
    let mut files = [0, 1].map(|_| AuditFile::open(dir.path()).expect("it opens"));
    for word in ["a", "b", "c", "d"] {
        record(&store, &[word]).await;
        files[0].export(&store).await.expect("exported");
        files.rotate_left(1);
    }
    let expected = entries(&[(1, "a"), (2, "b"), (3, "c"), (4, "d")]);
    assert_eq!(read(&dir.path().join("audit.jsonl")), expected);
}

#[tokio::test]
async fn a_file_that_was_moved_away_is_made_anew() {
    let (dir, _) = place();
    let (path, old) = (dir.path().join("audit.jsonl"), dir.path().join("audit.jsonl.1"));
    let store = memory();
    let mut file = AuditFile::open(dir.path()).expect("it opens");
    record(&store, &["a"]).await;
    file.export(&store).await.expect("exported");
    fs::rename(&path, &old).expect("rotated");
    record(&store, &["b"]).await;
    file.export(&store).await.expect("exported");
    assert_eq!(read(&old), entries(&[(1, "a")]));
    assert_eq!(read(&path), entries(&[(2, "b")]));
    assert_eq!(mode(&path), 0o600);
}

//= req: AUDIT-3, type=test
#[tokio::test]
async fn another_file_in_its_place_is_told_from_it_even_by_nothing_but_its_identity() {
    let (dir, _) = place();
    let (path, old) = (dir.path().join("audit.jsonl"), dir.path().join("audit.jsonl.1"));
    let store = memory();
    let mut file = AuditFile::open(dir.path()).expect("it opens");
    record(&store, &["a"]).await;
    file.export(&store).await.expect("exported");
    fs::copy(&path, &old).expect("of the same size, and as private");
    fs::rename(&old, &path).expect("put in its place");
    record(&store, &["b"]).await;
    file.export(&store).await.expect("exported");
    assert_eq!(read(&path), entries(&[(1, "a"), (2, "b")]));
}

/// Another process that was cut off within a line, say.
//= req: AUDIT-3, type=test
#[tokio::test]
async fn what_others_have_added_since_is_looked_at() {
    let (dir, _) = place();
    let path = dir.path().join("audit.jsonl");
    let store = memory();
    let mut file = AuditFile::open(dir.path()).expect("it opens");
    record(&store, &["a"]).await;
    file.export(&store).await.expect("exported");
    let mut text = fs::read(&path).expect("the file");
    text.extend_from_slice(b"a note without a line feed");
    fs::write(&path, text).expect("added");
    record(&store, &["b"]).await;
    file.export(&store).await.expect("exported");
    let text = fs::read_to_string(&path).expect("the file");
    assert!(text.contains("\na note without a line feed\n{\"n\":2,"), "{text}");
}

#[tokio::test]
async fn what_was_moved_away_before_the_store_forgot_it_is_not_written_again() {
    let (dir, path) = place();
    let store = open(&path);
    record(&store, &["a"]).await;
    let beside = Connection::open(&path).expect("a connection");
    let keep = "CREATE TRIGGER keep BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'no'); END";
    beside.execute_batch(keep).expect("kept");
    let mut file = AuditFile::open(dir.path()).expect("it opens");
    file.export(&store).await.expect_err("the store keeps it");
    beside.execute_batch("DROP TRIGGER keep").expect("let go");
    let path = dir.path().join("audit.jsonl");
    fs::rename(&path, dir.path().join("audit.jsonl.1")).expect("rotated");
    record(&store, &["b"]).await;
    let mut other = AuditFile::open(dir.path()).expect("it opens");
    assert_eq!(other.export(&store).await.expect("exported"), 1);
    assert_eq!(read(&path), entries(&[(2, "b")]));
}

#[tokio::test]
async fn a_new_store_writes_on_in_an_old_file() {
    let (dir, _) = place();
    let mut file = AuditFile::open(dir.path()).expect("it opens");
    for words in [["a", "b", "c"], ["d", "e", "f"]] {
        // Both count from 1.
        let store = memory();
        record(&store, &words).await;
        assert_eq!(file.export(&store).await.expect("exported"), 3);
    }
    assert_eq!(read(&dir.path().join("audit.jsonl")).len(), 6);
}

//= req: STORE-7, type=test
#[test]
fn a_link_or_an_open_file_is_refused() {
    let (dir, _) = place();
    let path = dir.path().join("audit.jsonl");
    let target = dir.path().join("elsewhere");
    fs::write(&target, "mine").expect("written");
    symlink(&target, &path).expect("a link");
    let error = AuditFile::open(dir.path()).expect_err("refused").to_string();
    assert!(error.contains("symbolic link"), "{error}");
    assert_eq!(fs::read_to_string(&target).expect("text"), "mine");
    fs::remove_file(&path).expect("removed");
    fs::write(&path, "").expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("changed");
    let error = AuditFile::open(dir.path()).expect_err("refused").to_string();
    assert!(error.contains("chmod 600"), "{error}");
}
