//! What can only be seen from inside: the writer's batches, and its failures.

use std::future::Future;
use std::pin::Pin;
use std::sync::mpsc;
use std::task::{Context, Waker};
use std::thread;

use doorward_policy::Capabilities;
use doorward_policy::grant::{Counter, GrantRequest, Nonce};
use doorward_policy::session::Lifetimes;
use doorward_policy::subject::Subject;
use doorward_policy::token::Method;
use doorward_policy::workspace::Asked;
use rusqlite::StatementStatus;
use tempfile::TempDir;
use tokio::sync::oneshot::channel as oneshot;
use tokio::time::timeout;

use super::*;
use crate::audit::Event;
use crate::store::StoreError;

const ISSUER: Issuer = Issuer::new([7; 16]);

struct Fixture {
    store: SqliteStore,
    dir: TempDir,
}

impl Fixture {
    fn new(settings: SqliteSettings) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let store = SqliteStore::open(&dir.path().join("doorward.db"), ISSUER, settings);
        Self { store: store.expect("it opens"), dir }
    }

    fn beside(&self) -> Connection {
        Connection::open(self.dir.path().join("doorward.db")).expect("a connection")
    }

    /// Keeps the writer in an operation until the sender is dropped.
    async fn occupy(&self) -> (mpsc::Sender<()>, Answer<'_, ()>) {
        let (release, released) = mpsc::channel::<()>();
        let (begun, begins) = oneshot();
        let mut busy = self.store.write(move |_| {
            begun.send(()).map_err(|()| Failure::Full)?;
            // Ends with the sender.
            let _ = released.recv();
            Ok(())
        });
        start(&mut busy);
        begins.await.expect("the writer has begun");
        (release, busy)
    }

    fn grant(&self, number: u8) -> Answer<'_, ()> {
        let record = AuditRecord::new(Event::GrantMade, at(0));
        self.store.insert_grant(digest(number), grant(number), record)
    }

    fn redeem(&self, number: u8) -> Answer<'_, Result<SessionRecord, GrantRefusal>> {
        let attempt = Attempt {
            asked: Asked::Default,
            nonce: Nonce::from_digest(digest(number)),
            counter: Counter::Token,
            needed: Capabilities::OPERATE,
            session: SessionId::new([number; 16]),
            peer: None,
            lifetimes: Lifetimes::DEFAULT,
        };
        let record = AuditRecord::new(Event::GrantRedeemed, at(0));
        self.store.redeem(digest(number), attempt, at(0), record)
    }

    async fn count(&self) -> usize {
        self.store.grants().await.expect("a list").len()
    }
}

impl Default for Fixture {
    fn default() -> Self {
        Self::new(SqliteSettings::default())
    }
}

const fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + millis)
}

const fn digest(number: u8) -> Digest {
    Digest::from_bytes([number; 32])
}

fn grant(number: u8) -> GrantRecord {
    let request = GrantRequest {
        label: Subject::new("ada").expect("a subject"),
        capabilities: Capabilities::START_UP,
        method: Method::Link,
        uses: 1,
        life: Duration::from_secs(600),
    };
    GrantRecord::issue(&request, Capabilities::ALL, [number; 16], at(0)).expect("within bounds")
}

/// Polls once: what was asked is in the queue after that.
fn start<T>(answer: &mut Answer<'_, T>) {
    let pending = Pin::new(answer).poll(&mut Context::from_waker(Waker::noop())).is_pending();
    assert!(pending);
}

fn unavailable<T: std::fmt::Debug>(answer: Result<T, StoreError>) -> String {
    match answer {
        Err(StoreError::Unavailable(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_has_queued_up_goes_into_one_commit_of_at_most_64() {
    let fixture = Fixture::default();
    let (release, busy) = fixture.occupy().await;
    let mut waiting = (0..200).map(|number| fixture.grant(number)).collect::<Vec<_>>();
    waiting.iter_mut().for_each(start);
    let before = fixture.store.commits();
    drop(release);
    busy.await.expect("committed");
    for grant in waiting {
        grant.await.expect("committed");
    }
    assert_eq!(fixture.store.commits() - before, 1 + 4, "64 + 64 + 64 + 8 after the first");
    assert_eq!(fixture.count().await, 200);
}

#[test]
fn a_store_is_shown_with_the_place_of_its_database() {
    let fixture = Fixture::default();
    let shown = format!("{:?}", fixture.store);
    assert!(shown.contains("writer: Desk { shared: Shared { path: "), "{shown}");
}

#[tokio::test]
async fn a_lone_operation_waits_for_no_other() {
    let fixture = Fixture::default();
    for number in 0..5 {
        fixture.grant(number).await.expect("committed");
        assert_eq!(fixture.store.commits(), u64::from(number) + 1);
    }
}

//= req: STORE-4, type=test
#[tokio::test]
async fn a_refused_operation_leaves_the_rest_of_its_batch() {
    let capacity = Capacity { grants: 2, ..Capacity::default() };
    let fixture = Fixture::new(SqliteSettings { capacity, ..SqliteSettings::default() });
    let (release, busy) = fixture.occupy().await;
    let mut waiting = (0..3).map(|number| fixture.grant(number)).collect::<Vec<_>>();
    let mut half = fixture.store.write(|connection| {
        connection.execute("UPDATE installation SET clock = 5", [])?;
        Err::<(), _>(Failure::Full)
    });
    waiting.iter_mut().for_each(start);
    start(&mut half);
    drop(release);
    busy.await.expect("committed");
    let mut answers = Vec::new();
    for grant in waiting {
        answers.push(grant.await);
    }
    assert_eq!(answers, [Ok(()), Ok(()), Err(StoreError::Full)]);
    assert_eq!(half.await, Err(StoreError::Full));
    assert_eq!(fixture.count().await, 2);
    assert_eq!(fixture.store.clock().await, Ok(Timestamp::EPOCH), "what it wrote is undone");
}

//= req: STORE-1, type=test
#[tokio::test]
async fn nobody_is_told_of_a_success_whose_commit_failed() {
    let fixture = Fixture::default();
    let broken = "CREATE TABLE a (x PRIMARY KEY);
        CREATE TABLE b (x REFERENCES a (x) DEFERRABLE INITIALLY DEFERRED);";
    let made = fixture.store.write(move |connection| Ok(connection.execute_batch(broken)?));
    made.await.expect("committed");
    let (release, busy) = fixture.occupy().await;
    let mut good = fixture.grant(1);
    // Is found out at COMMIT.
    let mut bad = fixture
        .store
        .write(|connection| Ok(connection.execute("INSERT INTO b VALUES (1)", []).map(drop)?));
    start(&mut good);
    start(&mut bad);
    drop(release);
    busy.await.expect("committed");
    unavailable(good.await);
    unavailable(bad.await);
    assert_eq!(fixture.count().await, 0);
    fixture.grant(1).await.expect("the next one is committed");
}

//= req: FAIL-4, type=test
#[tokio::test]
async fn after_a_panic_every_call_is_unavailable() {
    let fixture = Fixture::default();
    fixture.grant(1).await.expect("committed");
    let (release, busy) = fixture.occupy().await;
    let mut mate = fixture.redeem(1);
    let mut panics = fixture.store.write(|_| -> Result<(), Failure> { panic!("a bug") });
    start(&mut mate);
    start(&mut panics);
    drop(release);
    busy.await.expect("committed before");
    unavailable(mate.await);
    unavailable(panics.await);
    unavailable(fixture.redeem(1).await);
    unavailable(fixture.store.news(0).await);
    unavailable(fixture.store.sessions().await);
    unavailable(fixture.store.record(Vec::new()).await);
    let Fixture { store, dir } = fixture;
    drop(store);
    let settings = SqliteSettings::default();
    let store = SqliteStore::open(&dir.path().join("doorward.db"), ISSUER, settings);
    let store = store.expect("it opens again");
    assert!(store.sessions().await.expect("a list").is_empty());
}

//= req: STORE-4, FAIL-1, type=test
#[tokio::test]
async fn a_full_disk_is_unavailable_and_nothing_is_lost() {
    let fixture = Fixture::default();
    fixture.grant(0).await.expect("committed");
    let most = |pages: &'static str| {
        fixture.store.write(move |connection| {
            let sql = format!("PRAGMA max_page_count = {pages}");
            Ok(connection.query_row(&sql, [], |row| row.get::<_, i64>(0))?)
        })
    };
    let pages = most("1").await.expect("it says how many there are");
    assert!(pages > 1);
    let record = AuditRecord::new(Event::Denied, at(0)).because("x".repeat(8000));
    let text = unavailable(fixture.store.record(vec![record.clone()]).await);
    assert!(text.contains("free some space"), "{text}");
    let mut kept = Vec::new();
    let refused = loop {
        let number = u8::try_from(kept.len() + 1).expect("it is full before that");
        match fixture.grant(number).await {
            Ok(()) => kept.push(number),
            Err(error) => break (number, error),
        }
    };
    unavailable::<()>(Err(refused.1));
    assert_eq!(fixture.count().await, 1 + kept.len());
    // It recovers without being opened anew.
    most("1000000").await.expect("more room");
    fixture.store.record(vec![record]).await.expect("kept");
    fixture.grant(refused.0).await.expect("kept");
    fixture.redeem(0).await.expect("answered").expect("still unspent");
}

#[tokio::test]
async fn a_full_queue_is_unavailable_at_once() {
    let fixture = Fixture::new(SqliteSettings { queue: 2, ..SqliteSettings::default() });
    let (release, busy) = fixture.occupy().await;
    let mut waiting = (0..2).map(|number| fixture.grant(number)).collect::<Vec<_>>();
    waiting.iter_mut().for_each(start);
    let text = unavailable(fixture.grant(3).await);
    assert!(text.contains("did not answer"), "{text}");
    drop(release);
    busy.await.expect("committed");
    for grant in waiting {
        grant.await.expect("committed");
    }
    fixture.grant(3).await.expect("there is room again");
}

#[tokio::test]
async fn what_nobody_waits_for_is_not_begun() {
    let fixture = Fixture::default();
    let (release, busy) = fixture.occupy().await;
    let mut given_up = fixture.grant(1);
    start(&mut given_up);
    drop(given_up);
    drop(release);
    busy.await.expect("committed");
    fixture.grant(2).await.expect("committed");
    assert_eq!(fixture.count().await, 1);
}

//= req: FAIL-1, type=test
#[tokio::test]
async fn another_process_that_keeps_the_lock_makes_it_unavailable() {
    let patience = Duration::from_millis(50);
    let fixture = Fixture::new(SqliteSettings { patience, ..SqliteSettings::default() });
    let other = fixture.beside();
    other.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    let answer = timeout(Duration::from_secs(2), fixture.grant(1)).await;
    unavailable(answer.expect("long before that"));
    assert_eq!(fixture.count().await, 0, "readers don't wait");
    other.execute_batch("COMMIT").expect("released");
    fixture.grant(2).await.expect("committed");
    assert_eq!(fixture.count().await, 1, "the one that was given up is not begun later");
}

#[tokio::test]
async fn for_one_who_has_gone_the_writer_waits_for_no_lock() {
    let patience = Duration::from_secs(3600);
    let fixture = Fixture::new(SqliteSettings { patience, ..SqliteSettings::default() });
    let other = fixture.beside();
    other.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    let mut given_up = fixture.grant(1);
    start(&mut given_up);
    drop(given_up);
    let Fixture { store, dir: _dir } = fixture;
    let (done, ends) = mpsc::channel();
    thread::spawn(move || {
        // Waits for the writer.
        drop(store);
        done.send(())
    });
    ends.recv_timeout(Duration::from_secs(10)).expect("long before that");
    other.execute_batch("COMMIT").expect("it had the lock all the time");
}

//= req: FAIL-1, type=test
/// The lock is its own: here it is the thread that gets to nothing else.
#[tokio::test]
async fn an_operation_that_does_not_end_makes_the_others_unavailable() {
    let patience = Duration::from_millis(50);
    let fixture = Fixture::new(SqliteSettings { patience, ..SqliteSettings::default() });
    let (release, _busy) = fixture.occupy().await;
    let answer = timeout(Duration::from_secs(10), fixture.grant(1)).await;
    let text = unavailable(answer.expect("long before that"));
    assert!(text.contains("did not answer"), "{text}");
    drop(release);
}

//= req: STORE-5, type=test
#[tokio::test]
async fn a_damaged_row_is_unavailable_and_never_a_wider_right() {
    let spoiled = [
        "grants SET capabilities = 31",
        "grants SET capabilities = -1",
        "grants SET method = 9",
        "grants SET uses_left = 1001",
        "grants SET uses_left = -1",
        "grants SET expires_at = 9000000000000000000",
        "grants SET created_at = -5",
        "grants SET label = ''",
        "grants SET id = x'00'",
        "grants SET consumed = x'00'",
        "grants SET revoked_at = -1",
    ];
    for change in spoiled {
        let fixture = Fixture::default();
        fixture.grant(1).await.expect("committed");
        let beside = fixture.beside();
        beside.execute(&format!("UPDATE {change}"), []).expect("changed");
        let text = unavailable(fixture.redeem(1).await);
        assert!(text.contains("damaged"), "{change}: {text}");
        unavailable(fixture.store.grants().await);
        assert!(fixture.store.sessions().await.expect("a list").is_empty());
    }
    let spoiled = [
        "capabilities = 16",
        "method = 0",
        "absolute_end = absolute_end + 9000000000000",
        "expires_at = absolute_end + 1",
        "opened_from = x'0102'",
        "granted_by = x''",
        "subject = char(7)",
        "revoked_at = -1",
    ];
    for change in spoiled {
        let fixture = Fixture::default();
        fixture.grant(1).await.expect("committed");
        fixture.redeem(1).await.expect("answered").expect("a session");
        let beside = fixture.beside();
        beside.execute(&format!("UPDATE sessions SET {change}"), []).expect("changed");
        let text = unavailable(fixture.redeem(1).await);
        assert!(text.contains("damaged"), "{change}: {text}");
        unavailable(fixture.store.sessions().await);
    }
}

#[test]
fn news_is_looked_up_only_after_a_commit_of_somebody_else() {
    let fixture = Fixture::default();
    let reading = fixture.beside();
    let mut seen = None;
    reader::news(&reading, &mut seen, 0).expect("a look");
    // The version of a connection does not count what it writes itself.
    reading.execute_batch("ALTER TABLE sessions RENAME TO hidden").expect("hidden");
    reader::news(&reading, &mut seen, 0).expect("no look");
    fixture.beside().execute("UPDATE installation SET clock = 1", []).expect("a commit");
    reader::news(&reading, &mut seen, 0).expect_err("a look");
}

#[test]
fn what_is_asked_often_or_decides_uses_an_index() {
    let fixture = Fixture::default();
    let connection = fixture.beside();
    let session = query::SESSION;
    let queries = [
        format!("SELECT {} FROM grants WHERE digest = x'00'", query::GRANT),
        "UPDATE grants SET revoked_at = 1 WHERE id = x'00'".to_owned(),
        format!("SELECT {session} FROM sessions WHERE id = x'00'"),
        format!("SELECT {session} FROM sessions WHERE changed > 5"),
        format!("SELECT {} FROM locals WHERE digest = x'00'", query::LOCAL),
        "DELETE FROM locals WHERE id = x'00'".to_owned(),
        "DELETE FROM locals WHERE incarnation = x'00'".to_owned(),
        "SELECT incarnation FROM departed WHERE revision > 5".to_owned(),
        "SELECT digest FROM locals WHERE ends_at <= 1 ORDER BY ends_at LIMIT 5".to_owned(),
        "SELECT incarnation FROM departed WHERE ends_at <= 1 ORDER BY ends_at LIMIT 5".to_owned(),
        "UPDATE sessions SET revoked_at = 1 WHERE subject = 'a'".to_owned(),
        "SELECT origin FROM tickets WHERE digest = x'00'".to_owned(),
        "SELECT digest FROM grants WHERE expires_at <= 1 ORDER BY expires_at LIMIT 5".to_owned(),
        "SELECT id FROM sessions WHERE absolute_end <= 1 ORDER BY absolute_end LIMIT 5".to_owned(),
        "SELECT digest FROM tickets WHERE expires_at <= 1 ORDER BY expires_at LIMIT 5".to_owned(),
        "SELECT line FROM audit WHERE number > 3 ORDER BY number LIMIT 4".to_owned(),
    ];
    for query in queries {
        let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {query}")).expect("a plan");
        let steps = plan.query_map([], |row| row.get::<_, String>(3)).expect("steps");
        for step in steps {
            let step = step.expect("a step");
            assert!(step.starts_with("SEARCH"), "{query}: {step}");
        }
    }
}

//= req: STORE-2, type=test
#[tokio::test]
async fn what_is_committed_is_on_the_disk() {
    let fixture = Fixture::default();
    let pragma = |name: &'static str| {
        fixture.store.write(move |connection| {
            let read = |row: &rusqlite::Row<'_>| row.get::<_, rusqlite::types::Value>(0);
            let value = connection.pragma_query_value(None, name, read)?;
            Ok(format!("{value:?}"))
        })
    };
    assert_eq!(pragma("synchronous").await.expect("a setting"), "Integer(2)");
    assert_eq!(pragma("journal_mode").await.expect("a setting"), "Text(\"wal\")");
    assert_eq!(pragma("foreign_keys").await.expect("a setting"), "Integer(1)");
}

#[tokio::test]
async fn what_a_statement_is_bound_to_does_not_have_it_planned_anew() {
    let fixture = Fixture::default();
    let planned = fixture.store.write(|connection| {
        let sql = "SELECT id FROM sessions WHERE absolute_end <= ?1 ORDER BY absolute_end LIMIT ?2";
        let mut statement = connection.prepare(sql)?;
        for number in 1..4 {
            assert!(!statement.exists([number, number])?);
        }
        Ok(statement.get_status(StatementStatus::RePrepare))
    });
    assert_eq!(planned.await.expect("an answer"), 0);
    let index = fixture.store.write(|connection| {
        let sql = "EXPLAIN QUERY PLAN SELECT id FROM sessions WHERE changed > ?1";
        let mut plan = connection.prepare(sql)?;
        Ok(plan.query_row([5], |row| row.get::<_, String>(3))?)
    });
    let index = index.await.expect("an answer");
    assert!(index.starts_with("SEARCH"), "{index}");
}

#[tokio::test]
async fn records_are_numbered_in_their_order_however_many_are_written_at_once() {
    let fixture = Fixture::default();
    let mut expected = Vec::new();
    for many in [1, 15, 16, 17, 40] {
        let record = |number: u64| AuditRecord::new(Event::Admitted, at(number));
        let first = expected.len() as u64;
        let records: Vec<_> = (first..first + many).map(record).collect();
        expected.extend(records.iter().map(AuditRecord::line));
        fixture.store.record(records).await.expect("written");
    }
    let lines = fixture.store.audit_lines(0, 1000).await.expect("lines");
    let found: Vec<_> = lines.iter().map(|line| (line.number, line.json.clone())).collect();
    assert_eq!(found, (1..).zip(expected).collect::<Vec<_>>());
}
