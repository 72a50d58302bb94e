//! Who gets in, and for how long.

use std::sync::Arc;
use std::time::Duration;

use doorward_http::{Administered, LinkPlace};
use doorward_policy::Settings;
use doorward_policy::capability::Capabilities;
use doorward_policy::settings::Surface;
use doorward_policy::token::Method;
use serde_json::json;

use super::{Desk, ENDPOINTS, NONCE, bearer};
use crate::door::Door;

//= req: HTTP-11, ADMIN-3, type=test
#[tokio::test]
async fn nobody_administers_without_a_session_of_this_origin() {
    let desk = Desk::open().await;
    let everything = desk.door.token_of("everything", Capabilities::ALL).await;
    for headers in [String::new(), bearer(&everything), bearer("A.A")] {
        for (method, path, body) in ENDPOINTS {
            let path = format!("/.doorward/api/{path}");
            let answer = match method {
                "GET" => desk.admin.get(&path, &headers).await,
                _ => desk.admin.post(&path, &headers, body).await,
            };
            assert_eq!(answer.status, 401, "{path} {headers}: {answer:?}");
        }
    }
    // What the last of them asks for was not done.
    let mine = desk.door.get("/.doorward/api/session", &bearer(&everything)).await;
    assert_eq!(mine.json()["subject"], "everything");
    let page = desk.admin.get("/", "").await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-security-policy").unwrap().contains("default-src 'none'"));
    assert_eq!(desk.admin.get("/.doorward/pair", "").await.status, 404);
    assert_eq!(desk.admin.get("/anything", "").await.status, 404);
}

#[tokio::test]
async fn a_person_who_opens_an_endpoint_is_not_shown_the_page_of_the_other_origin() {
    let desk = Desk::open().await;
    let navigation =
        "Sec-Fetch-Site: none\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n";
    let guarded = desk.door.get("/", navigation).await;
    assert!(guarded.header("content-type").unwrap().starts_with("text/html"));
    for path in ["/.doorward/api/sessions", "/.doorward/api/status"] {
        let answer = desk.admin.get(path, navigation).await;
        assert_eq!((answer.status, answer.header("content-type")), (401, Some("application/json")));
    }
}

//= req: ADMIN-1, type=test
#[tokio::test]
async fn a_token_of_administration_opens_nothing_that_is_guarded() {
    let desk = Desk::open().await;
    let token = desk.administrator(Capabilities::ALL).await;
    assert_eq!(desk.get("status", &token).await.status, 200);
    for path in ["/", "/.doorward/api/session", "/.doorward/api/workspaces"] {
        assert_eq!(desk.door.get(path, &bearer(&token)).await.status, 401, "{path}");
    }
    assert_eq!(desk.door.upgrade(&bearer(&token)).await.status, 401);
}

//= req: ADMIN-1, type=test
#[tokio::test]
async fn a_grant_of_one_origin_is_unknown_at_the_other() {
    let desk = Desk::open().await;
    let guarded = desk.door.grant(Method::Link, Capabilities::ALL).await;
    assert_eq!(desk.admin.redeem("bootstrap", &guarded, NONCE, "").await.code(), "grant_refused");
    let admin = desk.admin.grant(Method::Code, Capabilities::ALL).await;
    let origin = format!("Origin: {}\r\n", desk.door.origin());
    for (endpoint, headers) in [("bootstrap", &*origin), ("token", "")] {
        let refused = desk.door.redeem(endpoint, &admin, NONCE, headers).await;
        assert_eq!(refused.code(), "grant_refused", "{endpoint}");
    }
    // Neither was spent by that.
    let answer = desk.admin.redeem("bootstrap", &admin, NONCE, "").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.header("set-cookie").is_none());
    assert_eq!(desk.door.redeem("token", &guarded, NONCE, "").await.status, 200);
}

#[tokio::test]
async fn a_grant_that_does_not_administer_is_refused_unspent() {
    let desk = Desk::open().await;
    let grant = desk.admin.grant(Method::Link, Capabilities::START_UP).await;
    let refused = desk.admin.redeem("bootstrap", &grant, NONCE, "").await;
    assert_eq!((refused.status, refused.code()), (403, "insufficient_capability".to_owned()));
    let grants = desk.admin.store.grants().await.unwrap();
    assert_eq!(grants[0].uses_left, 1);
}

//= req: ADMIN-2, type=test
#[tokio::test]
async fn a_cookie_proves_nothing_here_and_stands_in_nobodys_way() {
    let desk = Desk::open().await;
    let token = desk.administrator(Capabilities::NONE).await;
    for name in [format!("doorward_{}", desk.admin.port()), "__Host-doorward".to_owned()] {
        let cookie = format!("Cookie: {name}={token}\r\nSec-Fetch-Site: same-origin\r\n");
        let answer = desk.admin.get("/.doorward/api/status", &cookie).await;
        assert_eq!(answer.status, 401, "{name}");
        assert!(answer.header("set-cookie").is_none(), "{answer:?}");
    }
    let beside = format!("Cookie: doorward_{}=stale\r\n{}", desk.admin.port(), bearer(&token));
    assert_eq!(desk.admin.get("/.doorward/api/status", &beside).await.status, 200);
}

#[tokio::test]
async fn a_page_of_another_origin_does_nothing_even_with_the_token() {
    let desk = Desk::open().await;
    let token = desk.administrator(Capabilities::ALL).await;
    let grant = desk.admin.grant(Method::Link, Capabilities::ALL).await;
    for origin in [desk.door.origin(), "null".to_owned(), "https://evil.example".to_owned()] {
        let from = format!("Origin: {origin}\r\n{}", bearer(&token));
        for (method, path, body) in ENDPOINTS {
            let path = format!("/.doorward/api/{path}");
            let answer = match method {
                "GET" => desk.admin.get(&path, &from).await,
                _ => desk.admin.post(&path, &from, body).await,
            };
            assert_eq!(answer.status, 403, "{origin} {path}: {answer:?}");
            assert!(answer.header("access-control-allow-origin").is_none());
        }
        let from = format!("Origin: {origin}\r\n");
        assert_eq!(desk.admin.redeem("bootstrap", &grant, NONCE, &from).await.status, 403);
    }
    let own = format!("Origin: {}\r\n{}", desk.admin.origin(), bearer(&token));
    assert_eq!(desk.admin.get("/.doorward/api/status", &own).await.status, 200);
}

//= req: ADMIN-3, type=test
#[tokio::test]
async fn whoever_loses_administer_administers_nothing_more() {
    let desk = Desk::open().await;
    let (one, other) = (
        desk.admin.token_of("one", Capabilities::ALL).await,
        desk.admin.token_of("other", Capabilities::ALL).await,
    );
    let id = desk.session_id(&one, "other").await;
    let limit = json!({ "session": id, "capabilities": ["observe", "operate"] });
    let limited = desk.post("sessions/limit", &one, &limit).await;
    assert_eq!(limited.status, 200, "{limited:?}");
    assert_eq!(limited.json()["unheard"], 0);
    for (method, path, body) in ENDPOINTS {
        let path = format!("/.doorward/api/{path}");
        let answer = match method {
            "GET" => desk.admin.get(&path, &bearer(&other)).await,
            _ => desk.admin.post(&path, &bearer(&other), body).await,
        };
        assert_eq!(answer.code(), "insufficient_capability", "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn looking_renews_nothing_and_a_renewal_is_asked_for() {
    let desk = Desk::open().await;
    let token = desk.administrator(Capabilities::NONE).await;
    desk.admin.clock.turn(Duration::from_secs(3300));
    desk.admin.gate.refresh().await.unwrap();
    let who = desk.get("session", &token).await.json();
    assert_eq!((&who["deadline_seconds"], &who["warning"]), (&json!(300), &json!("five_minutes")));
    assert!(desk.get("sessions", &token).await.header("set-cookie").is_none());
    let renewed = desk.post("renew", &token, &json!({})).await.json();
    let fresh = renewed["access_token"].as_str().unwrap().to_owned();
    desk.admin.clock.turn(Duration::from_secs(301));
    desk.admin.gate.refresh().await.unwrap();
    assert_eq!(desk.get("status", &token).await.code(), "session_expired");
    assert_eq!(desk.get("status", &fresh).await.status, 200);
    assert_eq!(desk.post("logout", &fresh, &json!({})).await.status, 204);
    assert_eq!(desk.get("status", &fresh).await.code(), "session_revoked");
}

//= req: ADMIN-3, type=test
#[tokio::test]
async fn an_unguarded_server_says_so_and_is_still_administered_by_administrators_alone() {
    let settings = Settings {
        guarding: doorward_policy::settings::Guarding::Unguarded,
        ..Settings::default()
    };
    let door = Door::under(settings.clone()).await;
    let links = LinkPlace { base: door.origin(), pin: None, quic_port: None };
    let over = Administered { gate: Arc::clone(&door.gate), links, server: None };
    let admin = door
        .beside(Settings { surface: Surface::Admin, ..Settings::default() }, Some(over.clone()))
        .await;
    let token = admin.token_of("admin", Capabilities::ALL).await;
    let status = admin.get("/.doorward/api/status", &bearer(&token)).await.json();
    assert_eq!(status["unguarded"], true);
    // Even if somebody opened it with the settings of the guarded origin.
    let careless = door.beside(Settings { surface: Surface::Admin, ..settings }, Some(over)).await;
    for (method, path, body) in ENDPOINTS {
        let path = format!("/.doorward/api/{path}");
        let answer = match method {
            "GET" => careless.get(&path, "").await,
            _ => careless.post(&path, "", body).await,
        };
        assert_eq!(answer.status, 401, "{path}");
    }
}
