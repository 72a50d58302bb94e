//! The database file: who may open it, what is refused and stays as it is to the byte, and what
//! several stores on one file see of each other.

mod common;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::thread;

use common::{
    ISSUER, at, attempt, audit, contents, digest, grant, is_root, local, mode, open, place,
};
use doorward_gate::audit::Event;
use doorward_gate::store::sqlite::{OpenError, SqliteSettings};
use doorward_gate::store::{SqliteStore, Store};
use doorward_policy::Capabilities;
use doorward_policy::id::Issuer;
use doorward_policy::ledger::Selector;
use doorward_policy::standing::Standing;
use rusqlite::Connection;

fn try_open(path: &Path) -> Result<SqliteStore, OpenError> {
    SqliteStore::open(path, ISSUER, SqliteSettings::default())
}

/// Refused with a sentence that names the file and says `what`; nothing has changed.
fn refused(path: &Path, what: &str) {
    let dir = path.parent().expect("a folder");
    let before = contents(dir);
    let existing = SqliteStore::open_existing(path, ISSUER, SqliteSettings::default());
    for attempt in [try_open(path), existing] {
        let text = attempt.expect_err("refused").to_string();
        assert!(text.contains(what), "{text}");
        assert!(text.contains(dir.to_str().expect("a name")), "{text}");
    }
    assert_eq!(contents(dir), before);
}

//= req: STORE-7, type=test
#[tokio::test]
async fn a_new_database_is_its_owners_alone() {
    let (dir, path) = place();
    let store = open(&path);
    store.mark_clock(at(1)).await.expect("kept");
    for (name, ..) in contents(dir.path()) {
        assert_eq!(mode(&dir.path().join(name)), 0o600);
    }
}

/// As `.cargo/config.toml` has it built.
#[test]
fn the_engine_loads_no_code_and_has_no_more_parsers_than_the_store_needs() {
    let connection = Connection::open_in_memory().expect("a database");
    for asked in ["load_extension('x')", "json('{}')", "soundex('x')", "fts5_source_id()"] {
        let error = connection.prepare(&format!("SELECT {asked}")).expect_err(asked);
        assert!(error.to_string().contains("no such function"), "{asked}: {error}");
    }
    for module in ["fts3(x)", "fts5(x)", "rtree(a, b, c)", "dbstat"] {
        let made = connection.execute_batch(&format!("CREATE VIRTUAL TABLE t USING {module}"));
        let error = made.expect_err(module);
        assert!(error.to_string().contains("no such module"), "{module}: {error}");
    }
}

//= req: STORE-7, type=test
#[test]
fn a_link_is_refused() {
    let (dir, path) = place();
    let (_elsewhere, target) = place();
    drop(open(&target));
    let before = contents(target.parent().expect("a folder"));
    symlink(&target, &path).expect("a link");
    refused(&path, "symbolic link");
    assert_eq!(contents(target.parent().expect("a folder")), before);
    fs::remove_file(&path).expect("removed");
    symlink(dir.path().join("nowhere"), &path).expect("a link");
    refused(&path, "symbolic link");
}

//= req: STORE-7, type=test
#[test]
fn a_database_that_others_can_read_is_refused() {
    for open_to in [0o640, 0o604, 0o660, 0o601] {
        let (_dir, path) = place();
        drop(open(&path));
        fs::set_permissions(&path, fs::Permissions::from_mode(open_to)).expect("changed");
        refused(&path, "chmod 600");
    }
}

#[test]
fn a_folder_that_others_can_write_to_is_refused() {
    for open_to in [0o770, 0o707, 0o777] {
        let (dir, path) = place();
        drop(open(&path));
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(open_to)).expect("changed");
        refused(&path, "chmod 700");
    }
}

//= req: STORE-7, type=test
#[test]
fn a_database_of_another_user_is_refused() {
    if !is_root() {
        return;
    }
    let (dir, path) = place();
    drop(open(&path));
    chown(&path, Some(12345), None).expect("given away");
    refused(&path, "belongs to user 12345");
    chown(&path, Some(0), None).expect("taken back");
    chown(dir.path(), Some(12345), None).expect("given away");
    refused(&path, "belongs to user 12345");
}

#[test]
fn a_newer_schema_is_refused_untouched() {
    let (_dir, path) = place();
    drop(open(&path));
    let connection = Connection::open(&path).expect("a connection");
    connection.pragma_update(None, "user_version", 9).expect("changed");
    drop(connection);
    refused(&path, "newer Doorward");
}

#[test]
fn a_newer_schema_in_the_write_ahead_log_is_refused_untouched() {
    let (_dir, path) = place();
    drop(open(&path));
    let connection = Connection::open(&path).expect("a connection");
    connection.execute_batch("PRAGMA wal_autocheckpoint = 0").expect("changed");
    connection.pragma_update(None, "user_version", 9).expect("changed");
    // As a killed process leaves it.
    let (copy, copied) = place();
    for name in ["doorward.db", "doorward.db-wal"] {
        fs::copy(path.with_file_name(name), copied.with_file_name(name)).expect("copied");
    }
    let before = contents(copy.path());
    let text = try_open(&copied).expect_err("refused").to_string();
    assert!(text.contains("newer Doorward"), "{text}");
    let after = contents(copy.path());
    assert!(before.iter().all(|file| after.contains(file)));
}

/// An empty one is not what a killed process leaves: whoever looks clears away their own files.
#[test]
fn a_look_at_a_database_with_an_empty_journal_leaves_nothing_behind() {
    let (_dir, path) = place();
    drop(open(&path));
    let connection = Connection::open(&path).expect("a connection");
    connection.pragma_update(None, "user_version", 9).expect("changed");
    drop(connection);
    fs::write(path.with_file_name("doorward.db-journal"), "").expect("made");
    refused(&path, "newer Doorward");
}

/// A database as the first version left it.
fn of_the_first_version(path: &Path) {
    let connection = Connection::open(path).expect("a connection");
    connection.execute_batch(include_str!("data/schema_1.sql")).expect("made");
    drop(connection);
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("changed");
}

#[tokio::test]
async fn a_database_of_the_first_version_is_taken_over_with_what_it_holds() {
    let (_dir, path) = place();
    of_the_first_version(&path);
    let existing = SqliteStore::open_existing(&path, ISSUER, SqliteSettings::default());
    let store = existing.expect("it is migrated");
    assert_eq!(store.clock().await, Ok(at(5)));
    assert_eq!(store.grants().await.expect("a list").len(), 1);
    let sessions = store.sessions().await.expect("a list");
    assert_eq!(sessions.len(), 2);
    let news = store.news(0).await.expect("answered");
    let bob = sessions.iter().find(|one| one.subject.as_str() == "bob").expect("bob");
    assert_eq!(news.sessions, [(bob.id, Standing::Revoked, bob.absolute_end)]);
    assert_eq!(news.revision, 1);
    assert!(news.directory.is_none() && store.directory().await.expect("answered").is_off());
    assert_eq!(store.locals().await, Ok(Vec::new()));
    assert_eq!(store.reports(at(0)).await, Ok(Vec::new()), "of another form, and for 5 s");
    assert_eq!(store.audit_lines(0, 9).await.expect("lines").len(), 1);

    // It goes on from there, and counts right.
    let record = audit(Event::LocalMade);
    store.insert_local(digest(1), local(1, 11, at(0)), record.clone()).await.expect("kept");
    let limited = store.limit_sessions(Selector::All, Capabilities::OBSERVE, at(6), record).await;
    assert_eq!(limited.expect("done").len(), 1);
    assert_eq!(store.news(1).await.expect("answered").sessions.len(), 1);
    assert!(store.expire(at(3_000_000)).await.expect("done") >= 4);
    drop(store);
    let connection = Connection::open(&path).expect("a connection");
    let counts = "SELECT grants || sessions || tickets || locals FROM installation";
    assert_eq!(connection.query_row(counts, [], |row| row.get(0)), Ok("0000".to_owned()));
    drop(connection);
    drop(open(&path));
}

#[test]
fn a_migrated_database_is_as_a_new_one() {
    let schema = |path: &Path| {
        let connection = Connection::open(path).expect("a connection");
        let sql = "SELECT name || ': ' || coalesce(sql, '') FROM sqlite_schema ORDER BY name";
        let mut statement = connection.prepare(sql).expect("a query");
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).expect("rows");
        // But for how the lines are indented.
        let words = |sql: String| sql.split_whitespace().collect::<Vec<_>>().join(" ");
        rows.map(|row| row.map(words)).collect::<Result<Vec<_>, _>>().expect("texts")
    };
    let ((_one, old), (_other, new)) = (place(), place());
    of_the_first_version(&old);
    drop(open(&old));
    drop(open(&new));
    assert_eq!(schema(&old), schema(&new), "the first version's part was edited");
}

#[test]
fn a_migration_that_fails_changes_nothing() {
    let (_dir, path) = place();
    of_the_first_version(&path);
    let beside = Connection::open(&path).expect("a connection");
    beside.execute_batch("CREATE TABLE departed (x)").expect("it is in the way");
    let schema = || {
        let sql = "SELECT user_version || group_concat(name || coalesce(sql, ''))
            FROM sqlite_schema, pragma_user_version";
        beside.query_row(sql, [], |row| row.get::<_, String>(0)).expect("a text")
    };
    let before = schema();
    let text = try_open(&path).expect_err("it can't be migrated").to_string();
    assert!(text.contains("departed already exists"), "{text}");
    assert_eq!(schema(), before);
}

#[test]
fn opening_a_database_of_this_version_writes_nothing() {
    let (_dir, path) = place();
    let _store = open(&path);
    let beside = Connection::open(&path).expect("a connection");
    // Is another after each commit of somebody else that has written.
    let sql = "PRAGMA data_version";
    let version = || beside.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a number");
    let before = version();
    drop(open(&path));
    assert_eq!(version(), before);
}

/// It knows of no limits and workspaces: it must not go on admitting on what it knows.
#[tokio::test]
async fn a_listener_of_the_first_version_hears_no_more_news_after_the_migration() {
    let (_dir, path) = place();
    of_the_first_version(&path);
    let old = Connection::open(&path).expect("a connection");
    let look = || {
        let sql = "SELECT id FROM sessions WHERE revision > 0";
        old.query_row(sql, [], |row| row.get::<_, Vec<u8>>(0))
    };
    look().expect("as it always did");
    drop(open(&path));
    look().expect_err("what it asks for is not there any more");
}

#[tokio::test]
async fn after_a_migration_by_a_newer_one_there_is_no_more_news() {
    let (_dir, path) = place();
    let store = open(&path);
    store.news(0).await.expect("answered");
    let newer = Connection::open(&path).expect("a connection");
    newer.pragma_update(None, "user_version", 9).expect("changed");
    let text = store.news(0).await.expect_err("it may not know what matters now").to_string();
    assert!(text.contains("a newer Doorward has changed"), "{text}");
}

#[test]
fn another_programs_database_is_refused_untouched() {
    for content in [
        "CREATE TABLE cookies (x); PRAGMA user_version = 7",
        // As ours is numbered.
        "CREATE TABLE cookies (x); PRAGMA user_version = 1",
        "CREATE TABLE cookies (x)",
        "PRAGMA user_version = 7",
        "PRAGMA application_id = 7",
        // It says that it is ours, and nothing else.
        "PRAGMA application_id = 0x446f6f72",
    ] {
        let (_dir, path) = place();
        let connection = Connection::open(&path).expect("a connection");
        connection.execute_batch(content).expect("changed");
        drop(connection);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("changed");
        refused(&path, "not a Doorward database");
    }
}

#[test]
fn what_is_no_database_is_refused_untouched() {
    let (_dir, path) = place();
    fs::write(&path, "remember the milk\n".repeat(100)).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("changed");
    refused(&path, "not a Doorward database");
    fs::remove_file(&path).expect("removed");
    fs::create_dir(&path).expect("a folder");
    refused(&path, "no regular file");
}

#[test]
fn the_database_of_another_installation_is_refused_untouched() {
    let (dir, path) = place();
    let other = Issuer::new([8; 16]);
    drop(SqliteStore::open(&path, other, SqliteSettings::default()).expect("it opens"));
    refused(&path, "belong to different installations");
    assert_eq!(mode(&dir.path().join("doorward.db")), 0o600);
}

#[test]
fn a_store_that_must_be_there_is_not_made() {
    let (dir, path) = place();
    let existing = || SqliteStore::open_existing(&path, ISSUER, SqliteSettings::default());
    existing().expect_err("it is not there");
    assert!(contents(dir.path()).is_empty());
    drop(open(&path));
    drop(existing().expect("it is there"));
    fs::File::options().write(true).truncate(true).open(&path).expect("emptied");
    let text = existing().expect_err("it has lost its content").to_string();
    assert!(text.contains("lost its content"), "{text}");
    assert_eq!(fs::metadata(&path).expect("a file").len(), 0, "as it was");
    assert_eq!(contents(dir.path()).len(), 1);
    // One page, and nothing on it.
    Connection::open(&path).expect("a connection").execute_batch("VACUUM").expect("written");
    let before = contents(dir.path());
    assert!(before[0].1 > 0);
    let text = existing().expect_err("it has lost its content").to_string();
    assert!(text.contains("lost its content"), "{text}");
    assert_eq!(contents(dir.path()), before);
}

/// What was written last may be there still, for whoever brings the rest back.
#[test]
fn what_is_beside_a_store_that_has_lost_its_content_stays() {
    let (dir, path) = place();
    drop(open(&path));
    fs::File::options().write(true).truncate(true).open(&path).expect("emptied");
    fs::write(path.with_file_name("doorward.db-wal"), "the last commits").expect("written");
    let before = contents(dir.path());
    let existing = SqliteStore::open_existing(&path, ISSUER, SqliteSettings::default());
    let text = existing.expect_err("it has lost its content").to_string();
    assert!(text.contains("lost its content"), "{text}");
    assert_eq!(contents(dir.path()), before);
}

#[test]
fn several_may_open_a_new_database_at_once() {
    for _ in 0..10 {
        let (_dir, path) = place();
        let path = &path;
        thread::scope(|scope| {
            let opened = (0..8).map(|_| scope.spawn(move || try_open(path)));
            for one in opened.collect::<Vec<_>>() {
                one.join().expect("no panic").expect("it opens");
            }
        });
    }
}

#[tokio::test]
async fn what_was_kept_is_there_after_reopening() {
    let (_dir, path) = place();
    let store = open(&path);
    let record = audit(Event::GrantMade);
    store.insert_grant(digest(1), grant(1, "ada", 2, at(0)), record.clone()).await.expect("kept");
    let one = store.redeem(digest(1), attempt(1), at(0), record).await.expect("answered");
    let one = one.expect("a session");
    let before = (store.audit_lines(0, 9).await, store.sessions().await);
    drop(store);
    let store = open(&path);
    assert_eq!((store.audit_lines(0, 9).await, store.sessions().await), before);
    let again = store.redeem(digest(1), attempt(1), at(1), audit(Event::GrantRedeemed)).await;
    assert_eq!(again.expect("answered"), Ok(one));
}

#[tokio::test]
async fn stores_on_one_file_see_what_each_other_did() {
    let (_dir, path) = place();
    let (serve, pair) = (open(&path), open(&path));
    let start = serve.news(0).await.expect("answered");
    pair.insert_grant(digest(1), grant(1, "ada", 1, at(0)), audit(Event::GrantMade))
        .await
        .expect("kept");
    let redeemed = serve.redeem(digest(1), attempt(1), at(1), audit(Event::GrantRedeemed)).await;
    let session = redeemed.expect("answered").expect("a session");
    let revoked = pair.revoke_sessions(Selector::All, at(2), audit(Event::SessionRevoked)).await;
    assert_eq!(revoked.expect("done").len(), 1);
    let news = serve.news(start.revision).await.expect("answered");
    assert_eq!(news.sessions[0].0, session.id);
    drop(pair);
    serve.mark_clock(at(3)).await.expect("still open");
}

#[tokio::test]
async fn one_call_forgets_a_bounded_number() {
    let (_dir, path) = common::fast_place();
    let store = open(&path);
    let connection = Connection::open(&path).expect("a connection");
    let many = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
        INSERT INTO tickets SELECT randomblob(32), randomblob(16), 1, NULL, 1 FROM n";
    connection.execute(many, []).expect("filled");
    let mut left = 3000;
    while left > 0 {
        let forgotten = store.expire(at(0)).await.expect("done");
        assert!((1..=1024).contains(&forgotten));
        left -= forgotten;
    }
    assert_eq!(store.expire(at(0)).await, Ok(0));
    let counted = "SELECT tickets FROM installation";
    assert_eq!(connection.query_row(counted, [], |row| row.get::<_, i64>(0)), Ok(0));
}
