//! The origin of administration: who gets in, and what becomes of what an administrator asks for.

mod acts;
mod entry;

use std::sync::Arc;
use std::time::Duration;

use doorward_http::{Administered, LinkPlace};
use doorward_policy::Settings;
use doorward_policy::capability::Capabilities;
use doorward_policy::session::Lifetimes;
use doorward_policy::settings::Surface;
use serde_json::Value;

use crate::door::{Answer, Door};

const NONCE: &str = "AAAAAAAAAAAAAAAAAAAAAAAA";
/// Every endpoint that administers, and a body that each takes.
const ENDPOINTS: [(&str, &str, &str); 11] = [
    ("GET", "status", ""),
    ("GET", "grants", ""),
    (
        "POST",
        "grants",
        r#"{"label":"x","capabilities":["observe"],"kind":"link","life_seconds":60}"#,
    ),
    ("POST", "grants/revoke", r#"{"id":"00000000000000000000000000000000"}"#),
    ("GET", "sessions", ""),
    ("POST", "sessions/revoke", r#"{"all":true,"self":true}"#),
    (
        "POST",
        "sessions/limit",
        r#"{"session":"00000000000000000000000000000000","capabilities":["observe"]}"#,
    ),
    ("GET", "workspaces", ""),
    ("POST", "workspaces", r#"{"do":"create","name":"x"}"#),
    ("GET", "locals", ""),
    ("POST", "locals/revoke", r#"{"all":true}"#),
];

/// A guarded origin and the one that administers it, both looked after as a listener does.
struct Desk {
    door: Door,
    admin: Door,
}

impl Desk {
    async fn open() -> Self {
        let door = Door::open().await;
        let hour = Duration::from_secs(3600);
        let settings = Settings {
            surface: Surface::Admin,
            lifetimes: Lifetimes::new(hour, 8 * hour).unwrap(),
            ..Settings::default()
        };
        let links = LinkPlace { base: door.origin(), pin: None, quic_port: None };
        let over = Administered { gate: Arc::clone(&door.gate), links, server: None };
        let admin = door.beside(settings, Some(over)).await;
        for gate in [Arc::clone(&door.gate), Arc::clone(&admin.gate)] {
            tokio::spawn(async move {
                loop {
                    gate.refresh().await.unwrap();
                    gate.upkeep().await.unwrap();
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            });
        }
        Self { door, admin }
    }

    /// The token of an administrator with these capabilities beside.
    async fn administrator(&self, beside: Capabilities) -> String {
        let capabilities = Capabilities::ADMINISTER.with(beside);
        self.admin.token_of("admin", capabilities).await
    }

    async fn get(&self, what: &str, token: &str) -> Answer {
        self.admin.get(&format!("/.doorward/api/{what}"), &bearer(token)).await
    }

    async fn post(&self, what: &str, token: &str, body: &Value) -> Answer {
        let path = format!("/.doorward/api/{what}");
        self.admin.post(&path, &bearer(token), &body.to_string()).await
    }

    /// The live sessions of a subject, as an administrator sees them.
    async fn sessions(&self, token: &str, subject: &str) -> Vec<Value> {
        let listed = self.get("sessions", token).await.json();
        let listed = listed["sessions"].as_array().unwrap().clone();
        let mine = |one: &Value| one["subject"] == subject && one["state"] == "live";
        listed.into_iter().filter(mine).collect()
    }

    async fn session_id(&self, token: &str, subject: &str) -> String {
        let sessions = self.sessions(token, subject).await;
        assert_eq!(sessions.len(), 1, "{sessions:?}");
        sessions[0]["id"].as_str().unwrap().to_owned()
    }
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}
