//! A listener from its start to its end.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::door;
use crate::support::{Home, PATIENCE, Serving, within};

//= req: SECRET-6, type=test
#[test]
fn the_ready_line_is_one_line_and_the_log_has_no_secret() {
    let home = Home::new();
    let serving = home.serve(&[]);
    let ready = serving.ready.clone();
    assert_eq!(ready["event"], "ready");
    assert_eq!(ready["websocket"], serving.http().replace("http", "ws"));
    assert_eq!((&ready["quic"], &ready["certificate_sha256"]), (&Value::Null, &Value::Null));
    let (start, grant) = serving.link().split_once('#').expect("a fragment");
    assert_eq!(start, format!("{}/.doorward/pair", serving.http()));
    assert_eq!(grant.len(), 43);
    let grant = grant.to_owned();
    let ran = serving.stop();
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(0), ""));
    assert!(!ran.stderr.contains(&grant), "{}", ran.stderr);
}

//= req: SECRET-6, type=test
#[test]
fn without_a_terminal_nobody_is_shown_a_link_and_the_log_says_how_to_get_one() {
    let home = Home::new();
    let mut child = home.command(&["serve", "--listen", "127.0.0.1:0"]).spawn().expect("started");
    let log = BufReader::new(child.stderr.take().expect("piped"));
    let pid = rustix::process::Pid::from_child(&child);
    let said = within("the way to pair", Some(pid), move || {
        log.lines().map_while(Result::ok).find(|line| line.contains("doorward pair"))
    });
    assert!(said.is_some());
    assert_eq!(home.run(&["grants", "list", "--json"]).json(), serde_json::json!([]));
    rustix::process::kill_process(pid, Signal::TERM).expect("signalled");
    assert_eq!(child.wait().expect("waited").code(), Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn connections_are_carried_by_as_many_threads_as_were_asked_for() {
    let home = Home::new();
    let settings = |text: &str| {
        let path = home.write("settings.toml", text);
        path.to_str().expect("text").to_owned()
    };
    for workers in [1, 64] {
        let settings = settings(&format!("workers = {workers}"));
        let threads = home.serve(&["--config", &settings]).threads();
        // Beside them are the first thread, those of the store, and a few for looks at files.
        assert!((workers + 2..workers + 16).contains(&threads), "{workers}: {threads} threads");
    }
    for workers in ["0", "1025", "-1", "\"\"", "\"all\""] {
        let settings = settings(&format!("workers = {workers}"));
        let refused = home.run(&["serve", "--config", &settings]).refused(1);
        assert!(refused.contains("a whole number from 1 to 1024"), "{refused}");
    }
}

//= req: STORE-7, type=test
#[test]
fn state_is_its_owners_alone_and_in_the_place_for_state() {
    let home = Home::new();
    home.serve(&[]).stop();
    let mode = |name: &str| {
        let found = fs::metadata(home.state().join(name)).expect("there");
        found.permissions().mode() & 0o777
    };
    assert_eq!(mode(""), 0o700);
    for name in ["keys.json", "doorward.db", "audit.jsonl"] {
        assert_eq!(mode(name), 0o600, "{name}");
    }
    let elsewhere = fs::read_dir(home.path("")).expect("a directory").count();
    assert_eq!(elsewhere, 1, "only .local is in the home");
}

//= req: SECRET-7, type=test
#[test]
fn pair_works_beside_a_listener_and_not_after_it() {
    let home = Home::new();
    let serving = home.serve(&[]);
    let issued = home.run(&["pair", "--json", "--label", "tablet", "--can", "observe"]).json();
    let url = issued["url"].as_str().expect("a link");
    assert!(url.starts_with(&format!("{}/.doorward/pair#", serving.http())), "{url}");
    assert!(url.ends_with(issued["credential"].as_str().expect("text")));
    let code = home.run(&["pair", "--json", "--code"]).json();
    assert_eq!(code["url"], Value::Null);
    assert_eq!(code["credential"].as_str().expect("text").len(), 14);
    let shown = home.run(&["pair"]).ok();
    assert!(shown.contains("#") && shown.contains("grants revoke") && !shown.contains('\u{1b}'));
    serving.stop();
    let said = home.run(&["pair"]).refused(1);
    assert!(said.contains("no listener runs"), "{said}");
    let given = home.run(&["pair", "--json", "--url", "http://127.0.0.1:9"]).json();
    assert!(given["url"].as_str().expect("a link").starts_with("http://127.0.0.1:9/"));
}

#[test]
fn a_killed_listener_is_not_taken_for_a_running_one() {
    let home = Home::new();
    let serving = home.serve(&[]);
    serving.signal(Signal::KILL);
    assert_eq!(serving.ended().status, None);
    let said = home.run(&["pair"]).refused(1);
    assert!(said.contains("no listener runs"), "{said}");
}

//= req: STORE-1, type=test
#[test]
fn what_was_paired_survives_kill_9_and_the_audit_log_has_it() {
    let home = Home::new();
    let serving = home.serve(&[]);
    let paired = home.run_with(&["connect", "--only-pair"], serving.link()).ok();
    assert!(paired.contains("Paired with"), "{paired}");
    serving.signal(Signal::KILL);
    serving.ended();
    let sessions = home.run(&["sessions", "list", "--json"]).json();
    assert_eq!(sessions.as_array().expect("a list").len(), 1, "{sessions}");
    let audit = home.run(&["audit", "--json"]).ok();
    let redeemed: Vec<Value> = audit
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .filter(|record: &Value| record["event"] == "grant_redeemed")
        .collect();
    assert_eq!(redeemed.len(), 1, "{audit}");
    assert_eq!(redeemed[0]["session"], sessions[0]["id"]);
    assert_eq!(home.serve(&[]).stop().status, Some(0));
}

#[test]
fn told_to_stop_it_says_goodbye_to_a_live_connection_and_ends_with_status_0() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let home = Home::new();
        let serving = home.serve(&[]);
        home.run_with(&["connect", "--only-pair"], serving.link()).ok();
        let mut child = home
            .command(&["connect", serving.http()])
            .stdin(Stdio::piped())
            .spawn()
            .expect("started");
        let mut stdin = child.stdin.take().expect("piped");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        writeln!(stdin, "hello").expect("written");
        let pid = rustix::process::Pid::from_child(&child);
        let echoed = within("the echo", Some(pid), move || lines.next().expect("a line"));
        assert_eq!(echoed.expect("text"), "hello");
        serving.signal(signal);
        let output = within("the end of connect", Some(pid), move || {
            child.wait_with_output().expect("waited")
        });
        drop(stdin);
        let said = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("going away"), "the close code is 1001: {said}");
        let ran = serving.ended();
        assert_eq!(ran.status, Some(0), "{}", ran.stderr);
        let audit = fs::read_to_string(home.state().join("audit.jsonl")).expect("read");
        assert!(audit.contains("\"event\":\"closed\"") && audit.contains("\"event\":\"stopped\""));
    }
}

#[test]
fn a_silent_connection_does_not_hold_up_the_end() {
    let home = Home::new();
    let serving = home.serve(&["--drain", "200ms"]);
    let _silent = std::net::TcpStream::connect(serving.authority()).expect("connected");
    let issued = home.run(&["pair", "--json"]).json();
    assert!(issued["url"].is_string());
    assert_eq!(serving.stop().status, Some(0));
}

#[test]
fn unguarded_warns_at_every_start_and_shows_no_link() {
    let home = Home::new();
    for level in ["info", "off"] {
        let mut command = home.command(&["serve", "--listen", "127.0.0.1:0", "--ready-json"]);
        let command = command.arg("--unguarded").env("DOORWARD_LOG", level);
        let serving = Serving::of(command.spawn().expect("started"));
        assert_eq!(serving.ready["pairing_url"], Value::Null);
        assert!(serving.stop().stderr.contains("UNGUARDED"), "{level}");
    }
}

#[test]
fn a_parent_process_hands_over_the_first_grant() {
    let home = Home::new();
    let grant = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY";
    let file = home.write("grant", &format!("{grant}\n"));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("changed");
    let serving = home.serve(&["--exposure", "desktop", "--grant-file", "grant"]);
    assert_eq!(serving.ready["pairing_url"], Value::Null);
    let link = format!("{}/.doorward/pair#{grant}", serving.http());
    home.run_with(&["connect", "--only-pair"], &link).ok();
    let sessions = home.run(&["sessions", "list", "--json"]).json();
    assert_eq!(sessions[0]["method"], "desktop");
    let ran = serving.stop();
    assert!(!ran.stderr.contains(grant));
}

#[test]
fn a_rotated_key_is_taken_up_by_the_running_listener() {
    let home = Home::new();
    let mut serving = home.command(&["serve", "--listen", "127.0.0.1:0", "--ready-json"]);
    let mut child = serving.spawn().expect("started");
    let pid = rustix::process::Pid::from_child(&child);
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    let log = BufReader::new(child.stderr.take().expect("piped"));
    within("the ready line", Some(pid), move || {
        stdout.read_line(&mut String::new()).expect("read");
    });
    let said = home.run(&["key", "rotate"]).ok();
    assert!(said.contains("key 2") && said.contains("signs from"), "{said}");
    let taken_up = within("the new keys", Some(pid), move || {
        log.lines().map_while(Result::ok).find(|line| line.contains("key file has changed"))
    });
    assert!(taken_up.is_some());
    assert!(home.run(&["audit"]).ok().contains("key rotated"));
    rustix::process::kill_process(pid, Signal::TERM).expect("signalled");
    assert_eq!(child.wait().expect("waited").code(), Some(0));
}

//= req: KEY-5, type=test
#[test]
fn once_the_older_keys_are_dropped_everybody_is_out_and_their_tokens_are_nothing() {
    let home = Home::new();
    let serving = home.serve(&[]);
    let base = serving.http().to_owned();
    let grant = home.run(&["pair", "--json"]).json()["credential"].clone();
    let bearer = door::bearer(&base, &grant);
    assert_eq!(door::get(&base, "/", Some(&bearer)).status, 200);
    let said = home.run(&["key", "rotate", "--drop-older"]).ok();
    assert!(said.contains("Key 2 is the only one") && said.contains("Revoked 1 session"), "{said}");
    // Told that it was revoked as long as its token verifies, which is until the listener has read the
    // new keys.
    let refused = within("the new keys", None, move || {
        let ask = || door::get(&base, "/", Some(&bearer));
        std::iter::repeat_with(ask).find(|answer| answer.json()["error"] != "session_revoked")
    });
    let refused = refused.expect("an answer");
    assert_eq!((refused.status, &refused.json()["error"]), (401, &"credential_invalid".into()));
    let audit = home.run(&["audit"]).ok();
    assert!(audit.contains("instead of all up to key 1"), "{audit}");
    assert_eq!(serving.stop().status, Some(0));
}

/// Sends a redemption; the answer if one came.
fn redeem(authority: &str, body: &str, then: impl FnOnce()) -> Option<String> {
    let mut stream = TcpStream::connect(authority).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    let head = format!(
        "POST /.doorward/api/token HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    then();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split_once("\r\n\r\n").map(|(head, _)| head.to_owned())
}

#[test]
fn kill_9_in_the_middle_of_a_redemption_loses_no_session_and_makes_no_second_one() {
    let home = Home::new();
    let mut won = 0;
    for round in 0..12_u32 {
        let serving = home.serve(&[]);
        let grant = serving.link().split_once('#').expect("a fragment").1.to_owned();
        let nonce = format!("{round:a>24}");
        let body = serde_json::json!({ "credential": grant, "nonce": nonce }).to_string();
        // Not a wait for anything: it only moves the blow along.
        let blow = Duration::from_micros(300) * round;
        let kill = || {
            std::thread::sleep(blow);
            serving.signal(Signal::KILL);
        };
        let answered = redeem(serving.authority(), &body, kill);
        won += u32::from(answered.is_some_and(|head| head.starts_with("HTTP/1.1 200")));
        serving.ended();

        let serving = home.serve(&[]);
        let answer = redeem(serving.authority(), &body, || ()).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200"), "round {round}: {answer}");
        let other = serde_json::json!({ "credential": grant, "nonce": "b".repeat(24) }).to_string();
        let answer = redeem(serving.authority(), &other, || ()).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 401"), "round {round}: {answer}");
        serving.stop();
        let sessions = home.run(&["sessions", "list", "--json"]).json();
        let count = sessions.as_array().expect("a list").len();
        assert_eq!(count, round as usize + 1, "one session for each grant");
    }
    println!("{won} of 12 were answered before the blow");
}
