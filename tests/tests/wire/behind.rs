//! What is behind the door: whose requests go where, what a server is told, and what a session sees.

use std::time::Duration;

use doorward_gate::audit::{AuditRecord, Event};
use doorward_policy::Settings;
use doorward_policy::capability::Capabilities;
use doorward_policy::subject::Subject;
use doorward_policy::workspace::{Change, Claim, Member, Placing, Server, WorkspaceName};
use serde_json::json;

use crate::door::Door;
use crate::lifecycle::{echoes, live};
use crate::proxying::{PLAIN, guarded};

async fn change(door: &Door, change: Change) {
    let audit = AuditRecord::new(Event::WorkspaceChanged, door.gate.now().unwrap());
    door.store.change_directory(change, audit).await.unwrap().unwrap();
    door.gate.refresh().await.unwrap();
}

fn name(text: &str) -> WorkspaceName {
    WorkspaceName::new(text).unwrap()
}

async fn create(door: &Door, workspace: &str, route: &str, web: Option<&str>) {
    let claims = vec![Claim::parse(route).unwrap()];
    let placing = Placing { claims, web: web.and_then(Server::new), bytes: None };
    change(door, Change::Create(name(workspace), placing)).await;
}

async fn admit(door: &Door, workspace: &str, subject: &str, capabilities: Capabilities) {
    let subject = Subject::new(subject).unwrap();
    let member = Member { subject, capabilities, home: false };
    change(door, Change::Admit(name(workspace), member)).await;
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

//= req: PROXY-3, PROXY-7, type=test
#[tokio::test]
async fn each_workspace_reaches_its_own_server_which_is_told_its_name_and_what_is_allowed_there() {
    let (main, at_main) = guarded(PLAIN).await;
    let (lab, at_lab) = guarded(PLAIN).await;
    let door = Door::with(Settings::default(), Some(main), Default::default()).await;
    let ada = door.token_of("ada", Capabilities::ALL).await;
    create(&door, "läb 1", "/lab", Some(&format!("http://{}", lab.authority()))).await;
    admit(&door, "läb 1", "ada", Capabilities::START_UP).await;
    assert_eq!(door.get("/lab/x", &bearer(&ada)).await.status, 200);
    {
        let heads = at_lab.lock().unwrap();
        assert!(heads[0].starts_with("get /lab/x http/1.1"), "{heads:?}");
        for told in [
            "x-doorward-workspace: l%c3%a4b%201\r\n",
            "x-doorward-subject: ada\r\n",
            // What the token has beyond the membership is not told.
            "x-doorward-capabilities: observe,operate\r\n",
        ] {
            assert!(heads[0].contains(told), "{told}: {heads:?}");
        }
    }
    // Ada's default is the only workspace that she may see; main is not.
    assert_eq!(door.get("/", &bearer(&ada)).await.status, 200);
    assert!(at_main.lock().unwrap().is_empty());
    admit(&door, "main", "ada", Capabilities::START_UP).await;
    assert_eq!(door.get("/", &bearer(&ada)).await.status, 200);
    assert!(at_main.lock().unwrap()[0].contains("x-doorward-workspace: main\r\n"));
    assert_eq!(at_lab.lock().unwrap().len(), 2);
}

//= req: PROXY-7, type=test
#[tokio::test]
async fn another_server_is_reached_as_soon_as_a_workspace_is_placed_anew() {
    let (before, at_first) = guarded(PLAIN).await;
    let (after, at_second) = guarded(PLAIN).await;
    let door = Door::open().await;
    let ada = door.token_of("ada", Capabilities::START_UP).await;
    create(&door, "lab", "/lab", Some(&format!("http://{}", before.authority()))).await;
    admit(&door, "lab", "ada", Capabilities::START_UP).await;
    assert_eq!(door.get("/lab", &bearer(&ada)).await.status, 200);
    let web = Server::new(&format!("http://{}", after.authority()));
    let placing = Placing { claims: vec![Claim::parse("/lab").unwrap()], web, bytes: None };
    change(&door, Change::Place(name("lab"), placing)).await;
    assert_eq!(door.get("/lab", &bearer(&ada)).await.status, 200);
    assert_eq!((at_first.lock().unwrap().len(), at_second.lock().unwrap().len()), (1, 1));
}

#[tokio::test]
async fn a_workspace_without_a_server_has_a_console_and_an_echo_at_its_path() {
    let door = Door::open().await;
    let ada = door.token_of("ada", Capabilities::START_UP).await;
    create(&door, "lab", "/lab", None).await;
    admit(&door, "lab", "ada", Capabilities::START_UP).await;
    for path in ["/lab", "/lab/"] {
        let page = door.get(path, &bearer(&ada)).await;
        assert_eq!(page.status, 200);
        assert!(page.header("content-type").unwrap().starts_with("text/html"));
    }
    assert_eq!(door.get("/lab/nothing", &bearer(&ada)).await.code(), "not_found");
    let handshake = crate::door::handshake(&door.address.to_string(), "/lab/echo", &bearer(&ada));
    assert_eq!(door.send(handshake.as_bytes()).await.status, 101);
}

#[tokio::test]
async fn a_session_is_told_its_own_workspaces_and_of_nobody_elses() {
    let door = Door::open().await;
    let ada = door.token_of("ada", Capabilities::OBSERVE).await;
    let listed = door.get("/.doorward/api/workspaces", &bearer(&ada)).await.json();
    let main = json!({
        "name": "main", "capabilities": ["observe"], "home": true, "routes": [],
        "reached_by": ["web", "bytes"],
    });
    assert_eq!(listed, json!({ "workspaces": [main] }));

    create(&door, "lab", "/lab", Some("http://127.0.0.1:1")).await;
    create(&door, "secret", "/secret", None).await;
    admit(&door, "lab", "ada", Capabilities::START_UP).await;
    admit(&door, "secret", "bob", Capabilities::START_UP).await;
    let listed = door.get("/.doorward/api/workspaces", &bearer(&ada)).await.json();
    let lab = json!({
        "name": "lab", "capabilities": ["observe"], "home": true, "routes": ["/lab"],
        "reached_by": ["web"],
    });
    assert_eq!(listed, json!({ "workspaces": [lab] }));
    let who = door.get("/.doorward/api/session", &bearer(&ada)).await.json();
    assert_eq!(who["workspaces"], listed["workspaces"]);
}

#[tokio::test]
async fn asking_who_one_is_tells_of_the_end_and_does_not_move_it() {
    let door = Door::open().await;
    let cookie = door.cookie().await;
    let headers = format!("Cookie: {cookie}\r\nSec-Fetch-Site: same-origin\r\n");
    let left = |door: &Door, seconds: u64| {
        door.clock.turn(Duration::from_secs(7 * 24 * 3600 - seconds));
    };
    let ask = || door.get("/.doorward/api/session", &headers);
    assert_eq!(ask().await.json()["warning"], json!(null));
    left(&door, 300);
    door.gate.refresh().await.unwrap();
    let answer = ask().await;
    let told = answer.json();
    assert_eq!(
        (&told["deadline_seconds"], &told["warning"]),
        (&json!(300), &json!("five_minutes"))
    );
    assert!(answer.header("set-cookie").is_none(), "{answer:?}");
    door.clock.turn(Duration::from_secs(240));
    door.gate.refresh().await.unwrap();
    let told = ask().await.json();
    assert_eq!((&told["deadline_seconds"], &told["warning"]), (&json!(60), &json!("one_minute")));
    door.clock.turn(Duration::from_secs(60));
    door.gate.refresh().await.unwrap();
    assert_eq!(ask().await.code(), "session_expired");
}

#[tokio::test]
async fn staying_renews_what_is_due_and_says_if_nothing_was() {
    let door = Door::open().await;
    let cookie = door.cookie().await;
    let headers = format!("Cookie: {cookie}\r\nOrigin: {}\r\n", door.origin());
    let stay = || door.post("/.doorward/api/renew", &headers, "");
    let early = stay().await;
    assert_eq!((&early.json()["renewed"], early.header("set-cookie")), (&json!(false), None));
    door.clock.turn(Duration::from_secs(6 * 24 * 3600));
    door.gate.refresh().await.unwrap();
    let due = stay().await;
    assert_eq!(due.json()["renewed"], true);
    assert_eq!(due.json()["deadline_seconds"], 7 * 24 * 3600);
    assert!(due.header("set-cookie").is_some());
}

#[tokio::test]
async fn what_runs_on_the_server_keeps_a_session_that_is_in_use_through_it() {
    let door = Door::open().await;
    let ada = door.token_of("ada", Capabilities::START_UP).await;
    let local = door.local("builder").await;
    let local = format!("Authorization: Doorward-Session {local}\r\n");
    let id = door.get("/.doorward/api/session", &bearer(&ada)).await.json()["session_id"].clone();
    let body = json!({ "session": id }).to_string();
    let stay = |headers: String| {
        let (door, body) = (&door, &body);
        async move { door.post("/.doorward/api/stay", &headers, body).await }
    };
    assert_eq!(stay(bearer(&ada)).await.code(), "local_only");
    // Not in use: as unknown as one that never was.
    assert_eq!(stay(local.clone()).await.status, 404);
    let mut socket = live(&door, &bearer(&ada)).await;
    door.clock.turn(Duration::from_secs(6 * 24 * 3600));
    door.gate.refresh().await.unwrap();
    let stayed = stay(local.clone()).await;
    assert_eq!(stayed.json()["deadline_seconds"], 7 * 24 * 3600, "{stayed:?}");
    door.clock.turn(Duration::from_secs(2 * 24 * 3600));
    door.gate.refresh().await.unwrap();
    echoes(&mut socket).await;
    let answer = door.post("/.doorward/api/stay", &local, "{\"session\":\"x\"}").await;
    assert_eq!((answer.status, answer.code()), (400, "malformed".to_owned()));
}
