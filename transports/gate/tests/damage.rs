//! What a damaged database of local tokens and workspaces comes to: an error, and never a wider
//! right.

mod common;

use common::{at, attempt, audit, digest, fast_place, grant, local, open, subject};
use doorward_gate::audit::Event;
use doorward_gate::store::{SqliteStore, Store, StoreError};
use doorward_policy::Capabilities;
use doorward_policy::workspace::{Change, Claim, Member, Placing, Server, WorkspaceName};
use rusqlite::Connection;
use tempfile::TempDir;

fn unavailable<T: std::fmt::Debug>(answer: Result<T, StoreError>, what: &str) {
    match answer {
        Err(StoreError::Unavailable(text)) => assert!(text.contains("damaged"), "{what}: {text}"),
        other => panic!("{what}: {other:?}"),
    }
}

fn blue() -> WorkspaceName {
    WorkspaceName::new("blue").expect("a name")
}

/// A store with a workspace of one member, and a connection beside it.
async fn with_workspace() -> (TempDir, SqliteStore, Connection) {
    let (dir, path) = fast_place();
    let store = open(&path);
    let placing = Placing {
        claims: vec![Claim::parse("/blue").expect("a claim")],
        web: Some(Server::new("http://127.0.0.1:3000").expect("a server")),
        bytes: None,
    };
    let ada = Member { subject: subject("ada"), capabilities: Capabilities::OBSERVE, home: true };
    for change in [Change::Create(blue(), placing), Change::Admit(blue(), ada)] {
        let record = audit(Event::WorkspaceChanged);
        store.change_directory(change, record).await.expect("answered").expect("changed");
    }
    let beside = Connection::open(path).expect("a connection");
    (dir, store, beside)
}

//= req: STORE-5, type=test
#[tokio::test]
async fn a_damaged_local_token_proves_nothing() {
    let spoiled = [
        "capabilities = 0",
        "capabilities = 9",
        "capabilities = 19",
        "id = x'00'",
        "incarnation = x''",
        "name = ''",
        "workspace = char(7)",
        "pid = -1",
        "pid = 5000000000",
        "created_at = -1",
        "ends_at = ends_at + 1",
        "directory = hex(zeroblob(2049))",
        "directory = '/' || char(27)",
    ];
    for change in spoiled {
        let (_dir, path) = fast_place();
        let store = open(&path);
        let record = audit(Event::LocalMade);
        store.insert_local(digest(1), local(1, 11, at(0)), record).await.expect("kept");
        let beside = Connection::open(path).expect("a connection");
        beside.execute(&format!("UPDATE locals SET {change}"), []).expect("changed");
        unavailable(store.find_local(digest(1)).await, change);
        unavailable(store.locals().await, change);
    }
}

const WHOLE: &str = r#"[{"name":"blue","placement":1,"claims":["/blue"],"web":"http://127.0.0.1:3000","bytes":null,"members":[{"subject":"ada","capabilities":1,"home":true}]},{"name":"main","placement":0,"claims":[],"web":null,"bytes":null,"members":[]}]"#;

#[tokio::test]
async fn the_document_of_workspaces_is_as_it_always_was() {
    let (_dir, store, beside) = with_workspace().await;
    let document = "SELECT document FROM directory";
    assert_eq!(beside.query_row(document, [], |row| row.get(0)), Ok(WHOLE.to_owned()));
    let directory = store.directory().await.expect("answered");
    for change in [Change::Delete(blue()), Change::Delete(WorkspaceName::main())] {
        let record = audit(Event::WorkspaceChanged);
        store.change_directory(change, record).await.expect("answered").expect("changed");
    }
    assert_eq!(beside.query_row(document, [], |row| row.get(0)), Ok("[]".to_owned()));
    beside.execute("UPDATE directory SET document = ?1", [WHOLE]).expect("changed");
    assert_eq!(store.directory().await, Ok(directory));
}

//= req: STORE-5, type=test
/// Each would let somebody in, or send somebody elsewhere, if it were read leniently.
#[tokio::test]
async fn a_damaged_document_of_workspaces_denies_everything() {
    let (_dir, store, beside) = with_workspace().await;
    let record = audit(Event::GrantMade);
    store.insert_grant(digest(1), grant(1, "ada", 1, at(0)), record.clone()).await.expect("kept");
    let replaced = |from: &str, to: &str| {
        assert!(WHOLE.contains(from), "{from}");
        WHOLE.replacen(from, to, 1)
    };
    let without_main = format!("{}]", &WHOLE[..WHOLE.find(r#",{"name":"main""#).expect("main")]);
    let spoiled = [
        String::new(),
        "null".to_owned(),
        "{}".to_owned(),
        WHOLE[..WHOLE.len() - 1].to_owned(),
        format!("{WHOLE} x"),
        without_main,
        replaced("\"blue\"", "\"zebra\""),
        replaced("\"blue\"", "\"main\""),
        replaced("\"blue\"", "\"\""),
        replaced("\"placement\":1", "\"placement\":0"),
        replaced("\"placement\":1", "\"placement\":-1"),
        replaced("\"placement\":0", "\"placement\":3"),
        replaced("\"/blue\"", "\"/\""),
        replaced("\"/blue\"", "\"/.doorward\""),
        replaced("\"/blue\"", "7"),
        replaced("\"claims\":[]", "\"claims\":[\"/a\"]"),
        replaced("http://127.0.0.1:3000", "http://127.0.0.1:3000/\\n"),
        replaced("\"bytes\":null,", ""),
        replaced("\"bytes\":null", "\"bytes\":\"\""),
        replaced("\"bytes\":null", "\"bytes\":null,\"more\":1"),
        replaced("\"bytes\":null", "\"bytes\":null,\"bytes\":null"),
        replaced("\"capabilities\":1", "\"capabilities\":16"),
        replaced("\"capabilities\":1", "\"capabilities\":0"),
        replaced("\"capabilities\":1", "\"capabilities\":\"1\""),
        replaced("\"capabilities\":1,", ""),
        replaced(",\"home\":true", ""),
        replaced("\"ada\"", "\"\""),
        replaced(
            "\"members\":[]}",
            "\"members\":[{\"subject\":\"ada\",\"capabilities\":3,\"home\":true}]}",
        ),
        replaced(
            "\"home\":true}",
            "\"home\":true},{\"subject\":\"ada\",\"capabilities\":3,\"home\":false}",
        ),
    ];
    for document in spoiled {
        let sql = "UPDATE directory SET document = ?1";
        beside.execute(sql, [&document]).expect("changed");
        let redeemed = store.redeem(digest(1), attempt(1), at(1), record.clone()).await;
        unavailable(redeemed, &document);
        unavailable(store.directory().await, &document);
        unavailable(store.news(0).await, &document);
        let change = Change::Delete(blue());
        unavailable(store.change_directory(change, record.clone()).await, &document);
        let kept = "SELECT document FROM directory";
        assert_eq!(beside.query_row(kept, [], |row| row.get(0)), Ok(document));
    }
    beside.execute("DELETE FROM directory", []).expect("changed");
    unavailable(store.directory().await, "no row");
    unavailable(store.news(0).await, "no row");
    unavailable(store.redeem(digest(1), attempt(1), at(1), record).await, "no row");
    assert!(store.sessions().await.expect("a list").is_empty());
}

//= req: STORE-6, type=test
/// A document is parsed once, and known by its text: what another process writes counts at once.
#[tokio::test]
async fn a_redemption_goes_by_the_workspaces_of_this_moment() {
    let (_dir, store, beside) = with_workspace().await;
    let record = audit(Event::GrantMade);
    store.insert_grant(digest(1), grant(1, "ada", 9, at(0)), record.clone()).await.expect("kept");
    let redeem = |nonce| store.redeem(digest(1), attempt(nonce), at(1), record.clone());
    // A web server alone is not reached as a stream of bytes.
    let narrow = WHOLE.replacen("\"http://127.0.0.1:3000\"", "null", 1);
    let wider = narrow.replacen("\"capabilities\":1", "\"capabilities\":3", 1);
    let documents = [(WHOLE, false), (&*wider, true), (&*narrow, false), ("[]", true)];
    for (nonce, (document, good)) in (1..).zip(documents) {
        beside.execute("UPDATE directory SET document = ?1", [document]).expect("changed");
        assert_eq!(redeem(nonce).await.expect("answered").is_ok(), good, "{document}");
    }
}
