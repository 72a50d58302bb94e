//! Tokens of processes: what they open, and when they die.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use serde_json::{Value, json};

use crate::door::{Answer, get, web_server};
use crate::support::{Home, Serving};

const VARIABLE: &str = "DOORWARD_TOKEN_FILE";

/// A listener with two workspaces, each with a server that says its name.
fn two_workspaces(home: &Home) -> Serving {
    let serving = home.serve(&["--upstream", &web_server("main's")]);
    for (name, says) in [("one", "one's"), ("two", "two's")] {
        let (route, upstream) = (format!("/{name}"), web_server(says));
        let create = ["workspaces", "create", name, "--route", &route, "--upstream", &upstream];
        home.run(&create).ok();
    }
    serving
}

/// A process that has nothing but the variable, and waits.
fn exec(home: &Home, arguments: &[&str]) -> (Child, PathBuf) {
    let shell = "--,/bin/sh,-c,echo \"$DOORWARD_TOKEN_FILE\"; read line".split(',');
    let arguments = [&["local", "exec"], arguments, &shell.collect::<Vec<_>>()].concat();
    let mut child = home.command(&arguments).stdin(Stdio::piped()).spawn().expect("started");
    let mut path = String::new();
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    stdout.read_line(&mut path).expect("read");
    assert!(path.starts_with('/'), "{path}");
    (child, PathBuf::from(path.trim_end()))
}

fn ask(serving: &Serving, path: &str, token: &str) -> Answer {
    get(serving.http(), path, Some(&format!("Doorward-Session {token}")))
}

fn locals(home: &Home) -> Vec<Value> {
    let listed = home.run(&["local", "list", "--json"]).json();
    listed.as_array().expect("a list").clone()
}

//= req: FAIL-7, LOCAL-2, LOCAL-4, type=test
#[test]
fn a_process_that_inherits_only_the_variable_reaches_its_own_workspace_and_no_other() {
    let home = Home::new();
    let serving = two_workspaces(&home);
    let (mut child, path) = exec(&home, &["--workspace", "one", "--name", "agent"]);
    let token = fs::read_to_string(&path).expect("read");
    let own = ask(&serving, "/one/x", &token);
    assert_eq!((own.status, own.body.as_str()), (200, "one's"));
    assert_eq!(ask(&serving, "/", &token).body, "one's", "it is where it gets by default");
    let foreign = ask(&serving, "/two/x", &token);
    assert_eq!(foreign.status, 404, "{foreign:?}");
    let listed = &locals(&home)[0];
    assert_eq!((&listed["name"], &listed["workspace"]), (&json!("agent"), &json!("one")));
    assert_eq!((&listed["pid"], &listed["alive"]), (&json!(child.id()), &json!(true)));

    child.kill().expect("killed");
    // Not reaped yet: its id is still taken, and it is dead all the same.
    let pid = Pid::from_child(&child);
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    waitid(WaitId::Pid(pid), options).expect("waited");
    assert_eq!(ask(&serving, "/one/x", &token).status, 401);
    child.wait().expect("waited");
    assert_eq!(ask(&serving, "/one/x", &token).status, 401);
    assert!(locals(&home).is_empty(), "a token that was found dead is gone");
}

//= req: SECRET-8, type=test
#[test]
fn a_token_is_for_the_process_that_runs_the_command_and_in_a_file_of_its_owner_s() {
    let home = Home::new();
    let serving = home.serve(&[]);
    let said = home.run(&["local", "mint", "--name", "a test"]).ok();
    let path = said.trim_end().strip_prefix("DOORWARD_TOKEN_FILE=").expect("the variable");
    let path = Path::new(path);
    let token = fs::read_to_string(path).expect("read");
    let digits = token.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    assert!(token.len() == 64 && digits && !said.contains(&token));
    let folder = path.parent().expect("a folder");
    assert_eq!(folder, home.state().join("local"));
    let mode = |path: &Path| fs::metadata(path).expect("there").mode() & 0o777;
    assert_eq!((mode(path), mode(folder)), (0o600, 0o700));
    assert_eq!(ask(&serving, "/", &token).status, 200);

    let shown = [&["local", "list", "--json"][..], &["local", "list"]]
        .map(|arguments| home.run(arguments).ok());
    for shown in &shown {
        let name = path.file_name().expect("a name").to_str().expect("text");
        assert!(!shown.contains(&token) && !shown.contains(name), "{shown}");
        assert!(shown.contains("a test"));
    }
    let listed: Value = serde_json::from_str(&shown[0]).expect("JSON");
    assert_eq!(listed[0]["pid"], json!(std::process::id()));
    let here = std::env::current_dir().expect("a directory");
    assert_eq!(listed[0]["directory"], json!(here));
}

#[test]
fn a_token_for_a_door_that_isn_t_there_is_made_and_said_to_be() {
    let home = Home::new();
    let serving = home.serve(&[]);
    assert_eq!(home.run(&["local", "mint"]).stderr, "");
    assert_eq!(serving.stop().status, Some(0));
    let minted = home.run(&["local", "mint"]);
    assert!(minted.stderr.contains("no listener runs"), "{}", minted.stderr);
    assert!(minted.ok().starts_with("DOORWARD_TOKEN_FILE="));
}

#[test]
fn where_a_token_is_holds_in_any_directory() {
    let home = Home::new();
    let _serving = home.serve(&["--state-dir", "here"]);
    let minted = home.run(&["local", "mint", "--json", "--state-dir", "here"]).json();
    let path = Path::new(minted["token_file"].as_str().expect("text"));
    assert!(path.is_absolute(), "{minted}");
    let shell = "--,/bin/sh,-c,cd / && cat \"$DOORWARD_TOKEN_FILE\"".split(',');
    let exec = ["local", "exec", "--state-dir", "here"];
    let told = home.run(&[&exec[..], &shell.collect::<Vec<_>>()].concat()).ok();
    assert_eq!(told.len(), 64, "{told}");
}

#[test]
fn a_token_of_the_same_id_takes_the_place_of_the_one_before() {
    let home = Home::new();
    let serving = home.serve(&[]);
    let id = "0f".repeat(16);
    let mint = || {
        let minted = home.run(&["local", "mint", "--json", "--id", &id]).json();
        assert_eq!(minted["id"], json!(id));
        PathBuf::from(minted["token_file"].as_str().expect("text"))
    };
    let first = mint();
    let old = fs::read_to_string(&first).expect("read");
    let second = mint();
    assert!(!first.exists());
    assert_eq!(ask(&serving, "/", &old).status, 401);
    assert_eq!(ask(&serving, "/", &fs::read_to_string(second).expect("read")).status, 200);
    assert_eq!(locals(&home).len(), 1);
}

#[test]
fn a_token_is_taken_back_with_its_file_and_its_own_by_name_alone() {
    let home = Home::new();
    let serving = home.serve(&[]);
    let minted = home.run(&["local", "mint", "--json"]).json();
    let id = minted["id"].as_str().expect("text");
    let path = minted["token_file"].as_str().expect("text");
    let token = fs::read_to_string(path).expect("read");
    let own = |arguments: &[&str]| {
        let mut command = home.command(&[&["local", "revoke"], arguments].concat());
        let output = command.env(VARIABLE, path).output().expect("ran");
        (output.status.code(), String::from_utf8(output.stderr).expect("text"))
    };
    for arguments in [&[id][..], &["--all"]] {
        let (status, said) = own(arguments);
        assert!(status == Some(1) && said.contains("--self"), "{said}");
    }
    assert_eq!(ask(&serving, "/", &token).status, 200, "nothing was revoked");
    assert_eq!(own(&[id, "--self"]).0, Some(0));
    assert_eq!(ask(&serving, "/", &token).status, 401);
    assert!(!Path::new(path).exists());
    assert!(home.run(&["local", "revoke", id]).refused(1).contains("local list"));
    assert!(home.run(&["local", "revoke", "--all"]).ok().contains("Revoked 0 tokens"));
}

#[test]
fn a_command_that_cannot_be_run_leaves_no_token() {
    let home = Home::new();
    let _serving = home.serve(&[]);
    let said = home.run(&["local", "exec", "--", "/nowhere/at-all"]).refused(1);
    assert!(said.contains("can't run /nowhere/at-all"), "{said}");
    assert!(locals(&home).is_empty());
    assert_eq!(fs::read_dir(home.state().join("local")).expect("a folder").count(), 0);
    // What is behind the dashes is another program's, and may look like anything.
    let secret = "A".repeat(43);
    let echoed = home.run(&["local", "exec", "--", "/bin/echo", &secret]).ok();
    assert_eq!(echoed.trim_end(), secret);
}

#[test]
fn what_a_token_can_t_be_for_is_refused_with_what_it_can() {
    let home = Home::new();
    let _serving = home.serve(&[]);
    for (arguments, status, wanted) in [
        (&["--pid", "4194305"][..], 1, "no process has the id 4194305"),
        (&["--workspace", "nowhere"], 1, "workspaces list"),
        (&["--can", "administer"], 2, "observe, operate and spawn"),
        (&["--id", "x"], 2, "32 hexadecimal digits"),
        (&["--name", ""], 2, "1 to 64 bytes"),
    ] {
        let said = home.run(&[&["local", "mint"], arguments].concat()).refused(status);
        assert!(said.contains(wanted), "{said}");
    }
    assert!(locals(&home).is_empty());
}
