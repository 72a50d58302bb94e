//! Several servers behind one door: made, placed, and seen by their members alone.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::door::web_server;
use crate::support::Home;

/// Pairs a client of its own home as somebody; the home.
fn paired(home: &Home, label: &str) -> Home {
    let link = home.run(&["pair", "--json", "--label", label]).json();
    let client = Home::new();
    let link = link["url"].as_str().expect("text");
    client.run_with(&["connect", "--only-pair"], link).ok();
    client
}

fn show(home: &Home, name: &str) -> Value {
    home.run(&["workspaces", "show", name, "--json"]).json()
}

#[test]
fn the_first_workspace_says_that_membership_counts_from_now_on() {
    let home = Home::new();
    let serving = home.serve(&[]);
    let tablet = paired(&home, "tablet");
    assert_eq!(home.run(&["workspaces", "list", "--json"]).json(), json!([]));
    assert!(home.run(&["workspaces", "list"]).ok().contains("every session reaches"));
    tablet.run(&["connect", serving.http(), "--only-pair"]).ok();
    let said = home.run(&["workspaces", "create", "lab", "--route", "/lab"]).ok();
    for part in ["membership counts", "add main SUBJECT", "add lab SUBJECT", "tablet"] {
        assert!(said.contains(part), "{said}");
    }
    let said = home.run(&["workspaces", "create", "other", "--route", "other.example"]).ok();
    assert!(!said.contains("membership counts"), "{said}");
    let refused = tablet.run(&["connect", serving.http()]).refused(1);
    assert!(!refused.contains("pair again"), "{refused}");
    home.run(&["workspaces", "add", "main", "tablet"]).ok();
    assert_eq!(
        tablet.run_with(&["connect", serving.http(), "--linger", "1s"], "hi\n").ok(),
        "hi\n"
    );

    for name in ["other", "lab"] {
        home.run(&["workspaces", "delete", name]).ok();
    }
    assert!(home.run(&["workspaces", "delete", "main"]).ok().contains("no workspaces any more"));
    assert_eq!(home.run(&["workspaces", "list", "--json"]).json(), json!([]));
}

#[test]
fn what_is_listed_and_shown_is_what_was_placed_and_who_was_added() {
    let home = Home::new();
    let _serving = home.serve(&[]);
    let create = ["workspaces", "create", "lab", "--route", "/lab", "--route", "lab.example:8765"];
    let upstreams = ["--upstream", "http://127.0.0.1:8888", "--upstream", "tcp://127.0.0.1:5432"];
    let said = home.run(&[&create[..], &upstreams].concat()).ok();
    assert!(said.contains("give it --quic"), "{said}");
    let said =
        home.run(&["workspaces", "add", "lab", "a tablet", "--can", "observe", "--home"]).ok();
    assert!(said.contains("doorward pair --label 'a tablet'"), "{said}");
    let expected = json!({
        "name": "lab",
        "routes": ["/lab", "lab.example:8765"],
        "web": "http://127.0.0.1:8888",
        "bytes": "tcp://127.0.0.1:5432",
        "members": [{ "subject": "a tablet", "capabilities": ["observe"], "home": true }],
    });
    assert_eq!(show(&home, "lab"), expected);
    let listed = home.run(&["workspaces", "list", "--json"]).json();
    assert_eq!(listed, json!([expected, show(&home, "main")]));
    assert_eq!(show(&home, "main")["web"], Value::Null);
    let table = home.run(&["workspaces", "list"]).ok();
    for part in ["lab.example:8765", "tcp://127.0.0.1:5432", "the listener's own"] {
        assert!(table.contains(part), "{table}");
    }
    assert!(home.run(&["workspaces", "show", "lab"]).ok().contains("a tablet"));

    home.run(&["workspaces", "add", "lab", "a tablet", "--can", "operate"]).ok();
    let replaced = json!([{ "subject": "a tablet", "capabilities": ["operate"], "home": false }]);
    assert_eq!(show(&home, "lab")["members"], replaced, "replaced, not added to");
    home.run(&["workspaces", "place", "lab", "--route", "/elsewhere"]).ok();
    let placed = show(&home, "lab");
    assert_eq!((&placed["routes"], &placed["web"]), (&json!(["/elsewhere"]), &Value::Null));
    assert_eq!(placed["members"], replaced, "its members stay");
    home.run(&["workspaces", "remove", "lab", "a tablet"]).ok();
    assert_eq!(show(&home, "lab")["members"], json!([]));
}

#[test]
fn a_membership_opens_one_workspace_and_its_end_closes_what_is_connected() {
    let home = Home::new();
    let serving = home.serve(&[]);
    let tablet = paired(&home, "tablet");
    home.run(&["workspaces", "create", "lab", "--route", "/lab"]).ok();
    home.run(&["workspaces", "create", "other", "--route", "/other"]).ok();
    home.run(&["workspaces", "add", "lab", "tablet"]).ok();
    let url = |path: &str| format!("ws://{}{path}", serving.authority());
    let foreign = tablet.run(&["connect", &url("/other/echo")]).refused(1);
    let nowhere = tablet.run(&["connect", &url("/other/echo/x")]).refused(1);
    assert_eq!(foreign, nowhere);

    let own = url("/lab/echo");
    let mut connect = tablet.command(&["connect", &own]);
    let mut child = connect.stdin(Stdio::piped()).spawn().expect("started");
    let mut stdin = child.stdin.take().expect("piped");
    writeln!(stdin, "hello").expect("written");
    let mut echoed = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut echoed).expect("read");
    assert_eq!(echoed, "hello\n");
    home.run(&["workspaces", "remove", "lab", "tablet"]).ok();
    let output = child.wait_with_output().expect("waited");
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("4404"), "{said}");
    drop(stdin);
}

#[test]
fn a_workspace_is_joined_by_its_name_through_quic() {
    let home = Home::new();
    let serving = home.serve(&["--quic", "127.0.0.1:0"]);
    let quic = format!("quic://{}", serving.ready["quic"].as_str().expect("text"));
    let client = Home::new();
    client.run_with(&["connect", &quic, "--only-pair"], serving.link()).ok();
    home.run(&["workspaces", "create", "bytes"]).ok();
    home.run(&["workspaces", "create", "other"]).ok();
    home.run(&["workspaces", "add", "bytes", "start-up link"]).ok();
    let join = |name: &str| client.run_with(&["connect", &quic, "--workspace", name], "hello");
    assert_eq!(join("bytes").ok(), "hello");
    let (foreign, unknown) = (join("other").refused(1), join("no-such").refused(1));
    assert_eq!(foreign, unknown);
}

#[test]
fn what_a_workspace_can_t_be_is_refused_with_what_it_can() {
    let home = Home::new();
    let _serving = home.serve(&[]);
    home.run(&["workspaces", "create", "lab", "--route", "/lab"]).ok();
    let web = web_server("x");
    for (arguments, status, wanted) in [
        (&["create", "lab"][..], 1, "workspaces place"),
        (&["create", "main"], 1, "--upstream"),
        (&["create", "x", "--route", "/lab"], 1, "another workspace has this route"),
        (&["create", "x", "--route", "/"], 2, "but not /"),
        (&["create", "x", "--route", "/.doorward/x"], 2, "outside of /.doorward"),
        (&["create", "x", "--upstream", "ftp://me:hunter2@x"], 2, "http://HOST:PORT"),
        (&["create", "x", "--upstream", &web, "--upstream", &web], 2, "one web server"),
        (&["create", ""], 2, "1 to 64 bytes"),
        (&["place", "lab"], 2, "--route and --upstream"),
        (&["place", "nowhere", "--route", "/x"], 1, "workspaces list"),
        (&["show", "nowhere"], 1, "workspaces list"),
        (&["delete", "main"], 1, "main goes last"),
        (&["add", "lab", "me", "--can", "fly"], 2, "no capability is called \"fly\""),
        (&["remove", "lab", "me"], 1, "not a member"),
    ] {
        let said = home.run(&[&["workspaces"], arguments].concat()).refused(status);
        assert!(said.contains(wanted) && !said.contains("hunter2"), "{said}");
    }
}
