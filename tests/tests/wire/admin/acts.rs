//! What an administrator does, and may not.

use std::collections::BTreeSet;
use std::time::Duration;

use doorward_gate::store::Report;
use doorward_gate::{Clock as _, SystemEntropy, admin as owner};
use doorward_policy::capability::Capabilities;
use doorward_policy::id::SessionId;
use doorward_policy::local::LocalRequest;
use doorward_policy::subject::Subject;
use doorward_policy::workspace::WorkspaceName;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::{Desk, NONCE, bearer};
use crate::door::{Door, read_answer};
use crate::lifecycle::{close_code, live};

/// Sends a request but for the end of its body, once its head has been admitted.
async fn begin(door: &Door, path: &str, token: &str, body: &str) -> TcpStream {
    let admitted = async || {
        let audit = door.audit().await;
        audit.iter().filter(|one| one["event"] == "admitted").count()
    };
    let before = admitted().await;
    let mut stream = TcpStream::connect(door.address).await.unwrap();
    let request = format!(
        "POST /.doorward/api/{path} HTTP/1.1\r\nHost: {}\r\n{}Content-Length: {}\r\n\r\n{{",
        door.address,
        bearer(token),
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    while admitted().await == before {
        tokio::task::yield_now().await;
    }
    stream
}

//= req: ADMIN-5, type=test
#[tokio::test]
async fn who_is_revoked_while_their_request_is_on_its_way_has_nothing_done() {
    let desk = Desk::open().await;
    let one = desk.admin.token_of("one", Capabilities::ALL).await;
    let other = desk.admin.token_of("other", Capabilities::ALL).await;
    let guest = desk.door.token_of("guest", Capabilities::ALL).await;
    let grant = r#"{"label":"x","capabilities":["observe"],"kind":"link","life_seconds":60}"#;
    let ask = r#"{"do":"ask"}"#;
    let mut begun = [
        (&desk.admin, begin(&desk.admin, "grants", &other, grant).await, grant),
        (&desk.door, begin(&desk.door, "room", &guest, ask).await, ask),
    ];
    let before = desk.door.store.grants().await.unwrap().len();
    let revoked = desk.post("sessions/revoke", &one, &json!({ "others": true })).await.json();
    assert_eq!(revoked["sessions"].as_array().unwrap().len(), 2);
    for (door, stream, body) in &mut begun {
        stream.write_all(&body.as_bytes()[1..]).await.unwrap();
        let answer = read_answer(stream).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "session_revoked"), "{body}");
        let denial = door.last_denial().await;
        assert!(revoked["sessions"].as_array().unwrap().contains(&denial["session"]), "{denial}");
    }
    assert_eq!(desk.door.store.grants().await.unwrap().len(), before);
}

//= req: ADMIN-4, type=test
#[tokio::test]
async fn a_new_link_carries_at_most_what_its_maker_has_and_pairs() {
    let desk = Desk::open().await;
    let token = desk.administrator(Capabilities::OBSERVE).await;
    let wanted = |capabilities: Value| json!({ "label": "phone", "capabilities": capabilities, "kind": "link", "life_seconds": 60 });
    let beyond = desk.post("grants", &token, &wanted(json!(["observe", "operate"]))).await;
    assert_eq!((beyond.status, beyond.code()), (403, "insufficient_capability".to_owned()));
    assert_eq!(desk.admin.last_denial().await["trace_id"], beyond.json()["trace_id"]);
    let nothing = desk.post("grants", &token, &wanted(json!([]))).await;
    assert_eq!(nothing.status, 400, "{nothing:?}");

    let made = desk.post("grants", &token, &wanted(json!(["observe"]))).await;
    assert_eq!(made.status, 200, "{made:?}");
    assert_eq!(made.header("cache-control"), Some("no-store"));
    let made = made.json();
    let credential = made["credential"].as_str().unwrap();
    assert_eq!(made["url"], format!("{}/.doorward/pair#{credential}", desk.door.origin()));
    let rows = made["qr"].as_array().unwrap();
    assert!(rows.iter().all(|row| row.as_str().unwrap().len() == rows.len()));
    let paired = desk.door.redeem("token", credential, NONCE, "").await.json();
    assert_eq!(
        (&paired["subject"], &paired["capabilities"]),
        (&json!("phone"), &json!(["observe"]))
    );
    let made_by = desk.session_id(&token, "admin").await;
    let audit = desk.admin.audit().await;
    let record =
        audit.iter().find(|one| one["event"] == "grant_made" && one["peer"] != json!(null));
    let record = record.expect("the audit log says who made it");
    assert_eq!(record["reason"], format!("by session {made_by}"));
    assert!(!format!("{audit:?}").contains(credential));
}

#[tokio::test]
async fn an_open_code_is_listed_without_its_secret_and_taken_back() {
    let desk = Desk::open().await;
    let token = desk.administrator(Capabilities::START_UP).await;
    let wanted = json!({
        "label": "tv", "capabilities": ["observe"], "kind": "code", "life_seconds": 600, "uses": 3,
    });
    let made = desk.post("grants", &token, &wanted).await.json();
    assert_eq!((&made["url"], &made["qr"]), (&json!(null), &json!(null)));
    let code = made["credential"].as_str().unwrap();
    let listed = desk.get("grants", &token).await;
    let text = String::from_utf8_lossy(&listed.body).into_owned();
    assert!(!text.contains(code) && !text.contains(&code.replace('-', "")));
    let id = &made["grant"]["id"];
    let listed = listed.json();
    let of_it = |one: &&Value| one["id"] == *id;
    let shown = listed["grants"].as_array().unwrap().iter().find(of_it).unwrap();
    assert_eq!((&shown["state"], &shown["uses_left"]), (&json!("open"), &json!(3)));

    assert_eq!(desk.post("grants/revoke", &token, &json!({ "id": id })).await.status, 204);
    let audit = desk.admin.audit().await;
    let record = audit.iter().find(|one| one["event"] == "grant_revoked").unwrap();
    assert_eq!(record["grant"], *id, "the audit log says which");
    assert_eq!(desk.door.redeem("token", code, NONCE, "").await.code(), "grant_refused");
    let unknown = json!({ "id": "00000000000000000000000000000000" });
    assert_eq!(desk.post("grants/revoke", &token, &unknown).await.code(), "not_found");
}

#[tokio::test]
async fn revoking_a_session_closes_its_connections_before_it_is_answered() {
    let desk = Desk::open().await;
    let token = desk.administrator(Capabilities::NONE).await;
    let (phone, laptop) = (
        desk.door.token_of("phone", Capabilities::START_UP).await,
        desk.door.token_of("laptop", Capabilities::START_UP).await,
    );
    let mut ends = live(&desk.door, &bearer(&phone)).await;
    let mut stays = live(&desk.door, &bearer(&laptop)).await;
    let id = desk.session_id(&token, "phone").await;
    let revoked = desk.post("sessions/revoke", &token, &json!({ "session": id })).await;
    assert_eq!(revoked.json(), json!({ "sessions": [id], "closed": 1, "unheard": 0 }));
    assert_eq!(close_code(&mut ends).await, 4403);
    crate::lifecycle::echoes(&mut stays).await;
    let refused = desk.door.get("/.doorward/api/session", &bearer(&phone)).await;
    assert_eq!(refused.code(), "session_revoked");
    assert_eq!(desk.sessions(&token, "phone").await.len(), 0);
    let again = desk.post("sessions/revoke", &token, &json!({ "session": id })).await;
    assert_eq!(again.code(), "not_found");
}

#[tokio::test]
async fn the_session_that_asks_is_ended_only_if_it_is_meant() {
    let desk = Desk::open().await;
    let token = desk.administrator(Capabilities::START_UP).await;
    let phone = desk.door.token_of("phone", Capabilities::START_UP).await;
    let own = desk.session_id(&token, "admin").await;
    for which in [json!({ "session": own }), json!({ "subject": "admin" }), json!({ "all": true })]
    {
        let refused = desk.post("sessions/revoke", &token, &which).await;
        assert_eq!((refused.status, refused.code()), (409, "own_session".to_owned()), "{which}");
    }
    let less = json!({ "session": own, "capabilities": ["observe"] });
    assert_eq!(desk.post("sessions/limit", &token, &less).await.code(), "own_session");
    // Nothing has changed: the phone is still in, too.
    assert_eq!(desk.sessions(&token, "phone").await.len(), 1);

    let others = desk.post("sessions/revoke", &token, &json!({ "others": true })).await;
    assert_eq!(others.json()["sessions"].as_array().unwrap().len(), 1);
    let refused = desk.door.get("/.doorward/api/session", &bearer(&phone)).await;
    assert_eq!(refused.code(), "session_revoked");

    let meant = desk.post("sessions/revoke", &token, &json!({ "all": true, "self": true })).await;
    assert_eq!(meant.status, 200, "{meant:?}");
    assert_eq!(desk.get("sessions", &token).await.code(), "session_revoked");
}

#[tokio::test]
async fn limiting_a_session_closes_what_needed_more() {
    let desk = Desk::open().await;
    let token = desk.administrator(Capabilities::NONE).await;
    let phone = desk.door.token_of("phone", Capabilities::START_UP).await;
    let mut socket = live(&desk.door, &bearer(&phone)).await;
    let id = desk.session_id(&token, "phone").await;
    let limit = |names: Value| json!({ "session": id, "capabilities": names });
    assert_eq!(desk.post("sessions/limit", &token, &limit(json!([]))).await.status, 400);
    let limited = desk.post("sessions/limit", &token, &limit(json!(["observe"]))).await;
    assert_eq!(limited.json(), json!({ "sessions": [id], "closed": 1, "unheard": 0 }));
    assert_eq!(close_code(&mut socket).await, 4403);
    assert_eq!(desk.door.upgrade(&bearer(&phone)).await.code(), "insufficient_capability");
    // What was taken away does not come back.
    let more = limit(json!(["observe", "operate", "spawn"]));
    assert_eq!(desk.post("sessions/limit", &token, &more).await.json()["sessions"], json!([]));
    assert_eq!(desk.sessions(&token, "phone").await[0]["capabilities"], json!(["observe"]));
}

#[tokio::test]
async fn workspaces_are_made_shared_and_taken_away_at_once() {
    let desk = Desk::open().await;
    let token = desk.administrator(Capabilities::START_UP).await;
    let change = |change: Value| {
        let (desk, token) = (&desk, &token);
        async move { desk.post("workspaces", token, &change).await }
    };
    let created = change(json!({ "do": "create", "name": "lab", "routes": ["/lab"] })).await;
    assert_eq!((created.status, created.json()), (200, json!({ "unheard": 0 })));
    let member = json!({
        "do": "admit", "name": "lab", "subject": "ada", "capabilities": ["observe", "operate"],
        "home": true,
    });
    assert_eq!(change(member).await.status, 200);
    let listed = desk.get("workspaces", &token).await.json();
    let names = listed["workspaces"].as_array().unwrap().iter().map(|one| &one["name"]);
    assert_eq!(names.collect::<Vec<_>>(), [&json!("lab"), &json!("main")]);
    assert_eq!(listed["workspaces"][0]["members"][0]["subject"], "ada");

    desk.door.gate.refresh().await.unwrap();
    let ada = desk.door.token_of("ada", Capabilities::START_UP).await;
    let bob = desk.door.token_of("bob", Capabilities::START_UP).await;
    assert_eq!(desk.door.get("/lab/", &bearer(&ada)).await.status, 200);
    assert_eq!(desk.door.get("/lab/", &bearer(&bob)).await.status, 404);
    let mut socket = live(&desk.door, &bearer(&ada)).await;
    let expel = json!({ "do": "expel", "name": "lab", "subject": "ada" });
    assert_eq!(change(expel).await.status, 200);
    assert_eq!(close_code(&mut socket).await, 4404);
    assert_eq!(desk.door.get("/lab/", &bearer(&ada)).await.status, 404);
    assert_eq!(change(json!({ "do": "delete", "name": "lab" })).await.status, 200);
}

#[tokio::test]
async fn a_listener_that_does_not_say_that_it_goes_by_a_change_is_counted() {
    let desk = Desk::open().await;
    let token = desk.administrator(Capabilities::START_UP).await;
    let until = desk.door.clock.now().unwrap().plus(Duration::from_secs(3600));
    let stuck = Report { acted: 0, sessions: Vec::new(), until };
    desk.door.store.report_connections([9; 16], stuck).await.unwrap();
    let created = desk.post("workspaces", &token, &json!({ "do": "create", "name": "lab" })).await;
    assert_eq!(created.json(), json!({ "unheard": 1 }));
}

#[tokio::test]
async fn a_change_that_is_refused_says_why_and_changes_nothing() {
    let desk = Desk::open().await;
    let token = desk.administrator(Capabilities::ALL).await;
    let create = json!({ "do": "create", "name": "lab", "routes": ["/lab"] });
    assert_eq!(desk.post("workspaces", &token, &create).await.status, 200);
    let before = desk.get("workspaces", &token).await.json();
    let conflicts = [
        create,
        json!({ "do": "create", "name": "lab2", "routes": ["/lab"] }),
        json!({ "do": "delete", "name": "main" }),
        json!({ "do": "delete", "name": "unknown" }),
        json!({ "do": "expel", "name": "lab", "subject": "ada" }),
        json!({ "do": "place", "name": "main", "web": "http://127.0.0.1:1" }),
    ];
    for change in conflicts {
        let refused = desk.post("workspaces", &token, &change).await;
        let expected = (409, "workspaces_unchanged".to_owned());
        assert_eq!((refused.status, refused.code()), expected, "{change}");
        assert!(refused.json()["message"].as_str().unwrap().contains("Nothing was changed: "));
    }
    assert_eq!(desk.get("workspaces", &token).await.json(), before);
}

//= req: ADMIN-4, type=test
#[tokio::test]
async fn a_change_hands_on_no_more_than_its_maker_has() {
    let desk = Desk::open().await;
    let (all, token) = (
        desk.administrator(Capabilities::ALL).await,
        desk.administrator(Capabilities::OBSERVE).await,
    );
    let create = json!({ "do": "create", "name": "lab" });
    assert_eq!(desk.post("workspaces", &token, &create).await.status, 200);
    let admit =
        json!({ "do": "admit", "name": "lab", "subject": "ada", "capabilities": ["operate"] });
    assert_eq!(desk.post("workspaces", &token, &admit).await.code(), "insufficient_capability");
    let delete = |name: &str| json!({ "do": "delete", "name": name });
    assert_eq!(desk.post("workspaces", &token, &delete("lab")).await.status, 200);
    // Without workspaces, everybody has all that their token allows.
    let last = delete("main");
    assert_eq!(desk.post("workspaces", &token, &last).await.code(), "insufficient_capability");
    assert_eq!(desk.post("workspaces", &all, &last).await.status, 200);
}

#[tokio::test]
async fn local_tokens_are_listed_without_what_proves_them_and_removed() {
    let desk = Desk::open().await;
    let token = desk.administrator(Capabilities::NONE).await;
    let request = LocalRequest {
        id: SessionId::new([9; 16]),
        name: Subject::new("builder").unwrap(),
        workspace: WorkspaceName::main(),
        capabilities: Capabilities::START_UP,
        pid: 4242,
        started: 1,
        directory: "/srv/work".to_owned(),
    };
    let (secret, _) = owner::issue_local(
        &*desk.door.store,
        &desk.door.digester(),
        &*desk.door.clock,
        &SystemEntropy,
        &request,
        Capabilities::ALL,
    )
    .await
    .unwrap();
    let listed = desk.get("locals", &token).await;
    assert!(!String::from_utf8_lossy(&listed.body).contains(&**secret.expose()));
    let shown = &listed.json()["locals"][0];
    let keys: BTreeSet<_> = shown.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
        "capabilities",
        "connections",
        "created_at",
        "directory",
        "ends_at",
        "id",
        "name",
        "pid",
        "workspace",
    ];
    assert_eq!(keys, BTreeSet::from(expected));
    assert_eq!((&shown["name"], &shown["directory"]), (&json!("builder"), &json!("/srv/work")));

    let id = json!({ "id": shown["id"] });
    assert_eq!(desk.post("locals/revoke", &token, &id).await.status, 200);
    assert_eq!(desk.get("locals", &token).await.json()["locals"], json!([]));
    assert_eq!(desk.post("locals/revoke", &token, &id).await.code(), "not_found");
}

//= req: ADMIN-7, type=test
#[tokio::test]
async fn a_body_that_is_not_understood_whole_does_nothing_and_says_what_is_expected() {
    let desk = Desk::open().await;
    let token = desk.administrator(Capabilities::ALL).await;
    let _phone = desk.door.token_of("phone", Capabilities::START_UP).await;
    let bodies = [
        ("sessions/revoke", r#"{}"#),
        ("sessions/revoke", r#"{"all":true,"subject":"phone"}"#),
        ("sessions/revoke", r#"{"subject":"phone","selfish":true}"#),
        ("sessions/revoke", r#"{"session":"ABC"}"#),
        ("sessions/revoke", ""),
        (
            "sessions/limit",
            r#"{"session":"00000000000000000000000000000000","capabilities":["root"]}"#,
        ),
        ("grants", r#"{"label":"","capabilities":["observe"],"kind":"link","life_seconds":60}"#),
        (
            "grants",
            r#"{"label":"x","capabilities":["observe"],"kind":"desktop","life_seconds":60}"#,
        ),
        ("grants", r#"{"label":"x","capabilities":["observe"],"kind":"code","life_seconds":6000}"#),
        (
            "grants",
            r#"{"label":"x","capabilities":["observe"],"kind":"link","life_seconds":60,"uses":0}"#,
        ),
        ("workspaces", r#"{"do":"create","name":"x","owner":"me"}"#),
        ("workspaces", r#"{"do":"create","name":"x","routes":["/"]}"#),
        ("workspaces", r#"{"do":"create","name":"x","web":"file:///etc"}"#),
        ("workspaces", r#"{"do":"create","name":"x","bytes":"unix:relative"}"#),
        ("workspaces", r#"{"do":"rule"}"#),
        ("locals/revoke", r#"{"id":"00000000000000000000000000000000","all":true}"#),
        ("grants/revoke", "[]"),
    ];
    for (path, body) in bodies {
        let path = format!("/.doorward/api/{path}");
        let answer = desk.admin.post(&path, &bearer(&token), body).await;
        assert_eq!((answer.status, answer.code()), (400, "malformed".to_owned()), "{path} {body}");
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(message.len() > 20 && message.ends_with('.'), "{message}");
    }
    let long = format!("{{\"id\":\"{}\"}}", "0".repeat(20_000));
    let long = desk.admin.post("/.doorward/api/grants/revoke", &bearer(&token), &long).await;
    assert_eq!((long.status, long.code()), (400, "malformed".to_owned()));
    assert_eq!(desk.admin.last_denial().await["trace_id"], long.json()["trace_id"]);
    assert_eq!(desk.sessions(&token, "phone").await.len(), 1);
    assert_eq!(desk.get("workspaces", &token).await.json()["workspaces"], json!([]));
}
