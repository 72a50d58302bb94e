//! `doorward probe`: it disturbs nobody who wasn't asked, and leaves nothing behind.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::{Home, Ran, within};

/// It shuts everybody out for as long as its workspace is there, which is long.
const SHUTS_OUT: &str = r#"
title = "A workspace is there, and time passes"
threat = "DW-REVOKED-SESSION"
over = ["http"]

[[step]]
do = "session"
as = "a"

[[step]]
do = "workspace"
name = "probed"
prefix = "/probed"
members = ["tester"]

[[step]]
do = "advance"
by = "60s"

[[step]]
do = "ask"
credential = "bearer ${a.token}"
expect = { outcome = "refused" }
"#;

fn corpus(home: &Home) -> String {
    let directory = home.path("corpus");
    fs::create_dir(&directory).expect("a directory");
    fs::write(directory.join("shuts-out.toml"), SHUTS_OUT).expect("written");
    directory.to_str().expect("text").to_owned()
}

fn workspaces(home: &Home) -> Value {
    home.run(&["workspaces", "list", "--json"]).json()
}

#[test]
fn who_stops_a_probe_finds_everything_as_it_was() {
    for signal in [Signal::INT, Signal::TERM] {
        let home = Home::new();
        let serving = home.serve(&[]);
        let (attacks, state) = (corpus(&home), home.state());
        let state = state.to_str().expect("text");
        let sessions = home.run(&["sessions", "list", "--json"]).json();
        let arguments = ["probe", serving.http(), "--attacks", &attacks, "--state-dir", state];
        let probe = home.command(&arguments).arg("--disturb").spawn().expect("started");
        let pid = Pid::from_child(&probe);
        let home = within("a workspace", Some(pid), move || {
            while workspaces(&home) == json!([]) {}
            home
        });
        kill_process(pid, signal).expect("signalled");
        let stopped = Ran::of(probe).refused(1);
        assert!(stopped.contains("stopped"), "{stopped}");
        assert_eq!(workspaces(&home), json!([]));
        assert_eq!(home.run(&["sessions", "list", "--json"]).json(), sessions);
    }
}

/// Neither standard input that nobody sits at, nor what is found there, is a consent.
#[test]
fn nobody_is_disturbed_unasked() {
    let home = Home::new();
    let serving = home.serve(&[]);
    let (attacks, state) = (corpus(&home), home.state());
    let state = state.to_str().expect("text");
    let arguments =
        ["probe", serving.http(), "--attacks", &attacks, "--state-dir", state, "--json"];
    for input in ["", "y\n", "yes\ny\n"] {
        let ran = home.run_with(&arguments, input);
        assert_eq!(ran.status, Some(1), "nothing was shown: {}", ran.stderr);
        let report: Value = serde_json::from_str(&ran.stdout).expect("JSON");
        let attack = &report["threats"][0]["attacks"][0];
        assert_eq!(attack["standing"], "not_applicable");
        assert_eq!(attack["exchanges"], json!([]));
        assert!(attack["reason"].as_str().expect("text").starts_with("could disturb: "));
    }
    let log = serving.stop().stderr;
    assert!(!log.contains("workspace"), "{log}");
}

#[test]
fn who_is_not_let_in_hears_the_servers_reason() {
    let (home, other) = (Home::new(), Home::new());
    let (serving, elsewhere) = (home.serve(&[]), other.serve(&[]));
    let state = other.state();
    let state = state.to_str().expect("text");
    let said = home.run(&["probe", serving.http(), "--state-dir", state]).refused(1);
    assert!(said.contains("nobody can be paired there") && said.contains("with 401, \""), "{said}");
    drop(elsewhere);
}
