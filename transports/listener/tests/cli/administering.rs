//! The origin of administration: its own links, its own sessions, and leaving sessions less.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Stdio};

use serde_json::{Value, json};

use crate::door::{get, post};
use crate::support::{Home, Serving};

const NONCE: &str = "AAAAAAAAAAAAAAAAAAAAAA";

fn admin(serving: &Serving) -> &str {
    serving.ready["admin"].as_str().expect("a URL")
}

fn redeem(base: &str, path: &str, credential: &Value) -> crate::door::Answer {
    post(base, path, None, &json!({ "credential": credential, "nonce": NONCE }))
}

/// A WebSocket that is open, and its standard input.
fn connected(client: &Home) -> (Child, ChildStdin) {
    let mut connect = client.command(&["connect"]);
    let mut child = connect.stdin(Stdio::piped()).spawn().expect("started");
    let mut stdin = child.stdin.take().expect("piped");
    writeln!(stdin, "hello").expect("written");
    let mut echoed = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut echoed).expect("read");
    assert_eq!(echoed, "hello\n");
    (child, stdin)
}

//= req: ADMIN-1, type=test
#[test]
fn administrators_have_an_origin_of_their_own_with_links_of_its_own() {
    let home = Home::new();
    let serving = home.serve(&["--admin", "127.0.0.1:0"]);
    let (base, admin) = (serving.http(), admin(&serving));
    assert_ne!(base, admin);
    let issued = home.run(&["pair", "--admin", "--json"]).json();
    let link = format!("{admin}/#{}", issued["credential"].as_str().expect("text"));
    assert_eq!(issued["url"], json!(link));
    let ordinary = home.run(&["pair", "--json", "--can", "observe,operate,administer"]).json();

    let (grant, other) = (&issued["credential"], &ordinary["credential"]);
    let bootstrap = "/.doorward/api/bootstrap";
    assert_eq!(redeem(base, "/.doorward/api/bootstrap", grant).status, 401, "unknown there");
    assert_eq!(redeem(admin, bootstrap, other).status, 401, "unknown here");
    let session = redeem(admin, bootstrap, grant);
    assert_eq!(session.status, 200, "{session:?}");
    let bearer = format!("Bearer {}", session.json()["access_token"].as_str().expect("a token"));
    let sessions = get(admin, "/.doorward/api/sessions", Some(&bearer));
    assert_eq!(sessions.status, 200, "{sessions:?}");
    assert!(sessions.body.contains("administrator"), "{sessions:?}");
    assert_eq!(get(base, "/", Some(&bearer)).status, 401, "its token is for its own origin");
    let page = get(admin, "/", None);
    assert!(page.status == 200 && page.body.contains("pair --admin"), "{page:?}");
    let made = json!({ "do": "create", "name": "lab", "routes": ["/lab"] });
    let changed = post(admin, "/.doorward/api/workspaces", Some(&bearer), &made);
    assert_eq!((changed.status, &changed.json()["unheard"]), (200, &json!(0)), "{changed:?}");
    assert!(home.run(&["workspaces", "list"]).ok().contains("/lab"));
    assert_eq!(serving.stop().status, Some(0));
}

#[test]
fn there_is_no_link_to_a_page_that_is_not_served() {
    let home = Home::new();
    let serving = home.serve(&[]);
    assert_eq!(serving.ready["admin"], Value::Null);
    let said = home.run(&["pair", "--admin"]).refused(1);
    assert!(said.contains("--admin 127.0.0.1"), "{said}");
    let arguments = ["pair", "--admin", "--json", "--url", "https://a.example:8770"];
    let issued = home.run(&arguments).json();
    assert!(issued["url"].as_str().expect("text").starts_with("https://a.example:8770/#"));
    let said = home.run(&["pair", "--admin", "--can", "observe"]).refused(2);
    assert!(said.contains("administer"), "{said}");
}

//= req: ADMIN-6, type=test
#[test]
fn a_page_of_administration_needs_a_port_of_its_own_and_tls_on_a_network() {
    let home = Home::new();
    let both = ["serve", "--listen", "127.0.0.1:4999", "--admin", "127.0.0.1:4999"];
    assert!(home.run(&both).refused(1).contains("a port of its own"));
    let clear = ["serve", "--listen", "127.0.0.1:0", "--admin", "0.0.0.0:0"];
    assert!(home.run(&clear).refused(1).contains("readable"));
    let serving = home.serve(&["--admin", "127.0.0.1:0", "--tls-self-signed"]);
    assert!(admin(&serving).starts_with("https://"), "TLS exactly where the listener has it");
    let taken = serving.ready["admin"].as_str().expect("a URL").split_once("//").expect("a URL").1;
    let said = home.run(&["serve", "--listen", "127.0.0.1:0", "--admin", taken]).refused(1);
    assert!(said.contains("choose another with --admin"), "{said}");
}

#[test]
fn what_a_session_is_left_with_closes_what_needed_more_and_says_how_many() {
    let home = Home::new();
    let serving = home.serve(&[]);
    let client = Home::new();
    client.run_with(&["connect", "--only-pair"], serving.link()).ok();
    let (child, stdin) = connected(&client);
    let sessions = home.run(&["sessions", "list", "--json"]).json();
    let id = sessions[0]["id"].as_str().expect("text");
    let limit = ["sessions", "limit", id, "--can", "observe"];
    let said = home.run(&limit).ok();
    assert_eq!(said, "start-up link may observe now; closed 1 connection.\n");
    let output = child.wait_with_output().expect("waited");
    assert_eq!(output.status.code(), Some(1));
    drop(stdin);
    let listed = home.run(&["sessions", "list", "--json"]).json();
    assert_eq!(listed[0]["capabilities"], json!(["observe"]));
    assert!(home.run(&limit).refused(1).contains("sessions list"), "it has no more than that");
    let said = client.run(&["connect", serving.http()]).refused(1);
    assert!(said.contains("operate"), "{said}");
}

#[test]
fn a_revocation_says_exactly_how_many_connections_it_closed() {
    let home = Home::new();
    let serving = home.serve(&[]);
    let (one, two) = (Home::new(), Home::new());
    one.run_with(&["connect", "--only-pair"], serving.link()).ok();
    let second = home.run(&["pair", "--json", "--label", "second"]).json();
    two.run_with(&["connect", "--only-pair"], second["url"].as_str().expect("text")).ok();
    let held = [connected(&one), connected(&one), connected(&two)];
    let said = home.run(&["sessions", "revoke", "--subject", "start-up link", "--json"]).json();
    assert_eq!(said["closed"], 2);
    assert_eq!(said["sessions"][0]["subject"], "start-up link");
    assert_eq!(said["sessions"][0]["state"], "revoked");
    let left = home.run(&["sessions", "list", "--json"]).json();
    assert_eq!((&left[0]["subject"], left.as_array().map(Vec::len)), (&json!("second"), Some(1)));
    assert_eq!(
        home.run(&["sessions", "revoke", "--all"]).ok(),
        "Revoked 1 session; closed 1 connection.\n"
    );
    for (child, stdin) in held {
        assert_eq!(child.wait_with_output().expect("waited").status.code(), Some(1));
        drop(stdin);
    }
}

#[test]
fn the_session_that_one_connects_with_is_not_ended_by_mistake() {
    let home = Home::new();
    let serving = home.serve(&[]);
    home.run_with(&["connect", "--only-pair"], serving.link()).ok();
    let other = home.run(&["pair", "--json", "--label", "other"]).json();
    let client = Home::new();
    client.run_with(&["connect", "--only-pair"], other["url"].as_str().expect("text")).ok();
    let sessions = home.run(&["sessions", "list", "--json"]).json();
    let own = sessions.as_array().expect("a list").iter().find(|one| one["subject"] != "other");
    let own = own.expect("paired")["id"].as_str().expect("text");
    for which in [&[own][..], &["--all"], &["--subject", "start-up link"]] {
        let said = home.run(&[&["sessions", "revoke"], which].concat()).refused(1);
        assert!(said.contains("--self") && said.contains(own), "{said}");
    }
    let left = home.run(&["sessions", "list", "--json"]).json();
    assert_eq!(left.as_array().map(Vec::len), Some(2), "nothing was revoked");
    home.run(&["sessions", "revoke", "--subject", "other"]).ok();
    home.run(&["sessions", "revoke", "--all", "--self"]).ok();
    assert_eq!(home.run(&["sessions", "list", "--json"]).json(), json!([]));
}
