//! What is listed, and what is taken back.

use serde_json::{Value, json};

use crate::support::Home;

#[test]
fn grants_are_listed_without_their_secrets_and_revoked_by_id() {
    let home = Home::new();
    let serving = home.serve(&[]);
    let issued = home.run(&["pair", "--json", "--label", "tablet", "--uses", "3"]).json();
    let id = issued["grant_id"].as_str().expect("text");
    let text = home.run(&["grants", "list", "--json"]).ok();
    assert!(!text.contains(issued["credential"].as_str().expect("text")));
    let grants: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(grants.as_array().expect("a list").len(), 2, "the start-up link is the other");
    let mine = grants.as_array().expect("a list").iter().find(|grant| grant["id"] == id);
    let mine = mine.expect("listed");
    assert_eq!(mine["label"], "tablet");
    assert_eq!(mine["uses_left"], 3);
    assert_eq!(mine["capabilities"], json!(["observe", "operate"]));
    assert_eq!(mine["expires_at"], issued["expires_at"]);
    assert!(mine["created_at"].as_str().expect("text").ends_with('Z'));
    assert!(home.run(&["grants", "list"]).ok().contains("tablet"));

    home.run(&["grants", "revoke", id]).ok();
    let link = issued["url"].as_str().expect("text");
    let said = home.run_with(&["connect", "--only-pair"], link).refused(1);
    assert!(said.contains("doorward pair"), "{said}");
    let left = home.run(&["grants", "list", "--json"]).json();
    assert_eq!(left.as_array().expect("a list").len(), 1);
    let unknown = "0".repeat(32);
    assert!(home.run(&["grants", "revoke", &unknown]).refused(1).contains("grants list"));
    drop(serving);
}

#[test]
fn sessions_are_listed_and_ended_with_their_connections() {
    let home = Home::new();
    let serving = home.serve(&[]);
    assert!(home.run(&["sessions", "list"]).ok().contains("doorward pair"));
    home.run_with(&["connect", "--only-pair"], serving.link()).ok();
    let sessions = home.run(&["sessions", "list", "--json"]).json();
    let session = &sessions[0];
    assert_eq!(session["subject"], "start-up link");
    assert_eq!(session["connections"], 0);
    for name in ["created_at", "expires_at"] {
        assert!(session[name].as_str().expect("text").ends_with('Z'), "{name}");
    }
    let id = session["id"].as_str().expect("text");
    assert!(home.run(&["sessions", "revoke", id, "--self"]).ok().starts_with("Revoked 1 session;"));
    assert_eq!(home.run(&["sessions", "list", "--json"]).json(), json!([]));
    let all = home.run(&["sessions", "list", "--all", "--json"]).json();
    assert_eq!(all[0]["state"], "revoked");
    assert!(home.run(&["sessions", "revoke", id]).refused(1).contains("sessions list"));

    let said = home.run(&["connect", serving.http()]).refused(1);
    assert!(said.contains("revoked"), "{said}");
}

#[test]
fn a_revocation_closes_a_live_connection_and_says_so() {
    use std::io::{BufRead as _, BufReader, Write as _};
    let home = Home::new();
    let serving = home.serve(&[]);
    home.run_with(&["connect", "--only-pair"], serving.link()).ok();
    let mut connect = home.command(&["connect"]);
    let mut child = connect.stdin(std::process::Stdio::piped()).spawn().expect("started");
    let mut stdin = child.stdin.take().expect("piped");
    writeln!(stdin, "hello").expect("written");
    let mut echoed = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut echoed).expect("read");
    assert_eq!(echoed, "hello\n");
    home.run(&["sessions", "revoke", "--subject", "start-up link", "--self"]).ok();
    let output = child.wait_with_output().expect("waited");
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("was revoked"), "{said}");
    drop((stdin, serving));
}

#[test]
fn a_token_is_inspected_from_standard_input_and_not_repeated() {
    let home = Home::new();
    let serving = home.serve(&[]);
    home.run_with(&["connect", "--only-pair"], serving.link()).ok();
    let saved = home.state().join("client");
    let saved = std::fs::read_dir(saved).expect("a directory").next().expect("one").expect("one");
    let saved: Value =
        serde_json::from_slice(&std::fs::read(saved.path()).expect("read")).expect("JSON");
    let token = saved["access_token"].as_str().expect("text");
    let shown = home.run_with(&["token", "inspect", "--json"], token).ok();
    assert!(!shown.contains(token));
    let said: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(said["session_id"], saved["session_id"]);
    assert_eq!((&said["state"], &said["method"]), (&json!("live"), &json!("link")));
    assert!(home.run_with(&["token", "inspect"], token).ok().contains("observe,operate"));

    let altered = format!("{}AAAA", &token[..token.len() - 4]);
    let said = home.run_with(&["token", "inspect"], &altered).refused(1);
    assert!(said.contains("altered") && !said.contains(&altered), "{said}");
    assert!(
        home.run_with(&["token", "inspect"], "nonsense").refused(1).contains("no session token")
    );
}

#[test]
fn the_catalog_is_listed_and_shown() {
    let home = Home::new();
    let listed = home.run(&["catalog", "list", "--json"]).json();
    assert!(listed.as_array().expect("a list").len() > 20);
    assert!(home.run(&["catalog", "list"]).ok().contains("DW-DNS-REBINDING"));
    assert!(home.run(&["catalog", "show", "dw-dns-rebinding"]).ok().contains("Host"));
    assert!(home.run(&["catalog", "show", "DW-NOTHING"]).refused(1).contains("catalog list"));
}

#[test]
fn check_config_shows_what_is_in_effect_and_can_be_read_back() {
    let home = Home::new();
    let file = home.write("doorward.toml", "[session]\nidle = \"1d\"\n");
    let file = file.to_str().expect("text");
    let shown = home.run(&["check-config", "--config", file, "--allow-host", "a.example"]).ok();
    assert!(shown.contains("idle = \"1d\"") && shown.contains("allow_hosts = [\"a.example\"]"));
    let back = home.write("back.toml", &shown);
    assert_eq!(home.run(&["check-config", "--config", back.to_str().expect("text")]).ok(), shown);
}
