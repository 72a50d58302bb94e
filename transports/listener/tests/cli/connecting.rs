//! `doorward connect`: pairing once, and the saved session afterwards.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use crate::support::{Home, Serving};

fn saved(home: &Home, serving: &Serving) -> PathBuf {
    let name = serving.authority().replace(':', "_3a");
    home.state().join("client").join(format!("http-{name}.json"))
}

#[test]
fn a_link_pairs_once_and_the_saved_session_connects_afterwards() {
    let home = Home::new();
    let serving = home.serve(&[]);
    let input = format!("{}\nfirst\nsecond\n", serving.link());
    assert_eq!(home.run_with(&["connect"], &input).ok(), "first\nsecond\n");
    let file = saved(&home, &serving);
    assert_eq!(fs::metadata(&file).expect("saved").permissions().mode() & 0o777, 0o600);
    assert_eq!(home.run_with(&["connect", serving.http()], "third\n").ok(), "third\n");
    assert_eq!(home.run_with(&["connect"], "fourth\n").ok(), "fourth\n", "the only one there is");
    let sessions = home.run(&["sessions", "list", "--json"]).json();
    assert_eq!(sessions.as_array().expect("a list").len(), 1);
}

#[test]
fn a_code_is_typed_in_any_spelling_and_needs_the_server() {
    let home = Home::new();
    let serving = home.serve(&[]);
    let issued = home.run(&["pair", "--code", "--json"]).json();
    let code = issued["credential"].as_str().expect("text").replace('-', " ").to_lowercase();
    let said = home.run_with(&["connect"], &format!("{code}\n")).refused(2);
    assert!(said.contains("http://HOST:PORT"), "{said}");
    let input = format!("{code}\nhello\n");
    assert_eq!(home.run_with(&["connect", serving.http()], &input).ok(), "hello\n");
}

//= req: CLIENT-7, type=test
#[test]
fn a_link_on_a_script_s_input_is_never_sent_as_a_message() {
    let home = Home::new();
    let serving = home.serve(&[]);
    home.run_with(&["connect", "--only-pair"], serving.link()).ok();
    let issued = home.run(&["pair", "--json", "--label", "second"]).json();
    let input = format!("{}\nhello\n", issued["url"].as_str().expect("text"));
    assert_eq!(home.run_with(&["connect"], &input).ok(), "hello\n");
    let sessions = home.run(&["sessions", "list", "--json"]).json();
    assert_eq!(sessions.as_array().expect("a list").len(), 2);
    let issued = home.run(&["pair", "--json", "--label", "third"]).json();
    let input = format!("\n \n{}\nhello\n", issued["url"].as_str().expect("text"));
    let came = home.run_with(&["connect"], &input).ok();
    assert_eq!(came.trim(), "hello", "nor is one after blank lines");
}

#[test]
fn a_damaged_link_is_never_sent_as_a_message_either() {
    let home = Home::new();
    let serving = home.serve(&[]);
    home.run_with(&["connect", "--only-pair"], serving.link()).ok();
    let link = serving.link();
    let said = home.run_with(&["connect"], &link[..link.len() - 1]).refused(1);
    assert!(said.contains("neither a pairing link nor a code"), "{said}");
}

#[test]
fn what_is_wrong_with_a_server_or_its_url_is_told() {
    let home = Home::new();
    let serving = home.serve(&[]);
    let said = home.run(&["connect"]).refused(1);
    assert!(said.contains("standard input is empty"), "{said}");
    let url = format!("https://{}", serving.authority());
    let said = home.run_with(&["connect", &url], "2345-6789-ABCD").refused(1);
    assert!(said.contains("is it served as http, not https?"), "{said}");
}

#[test]
fn a_used_link_is_refused_with_the_denial_s_sentence() {
    let home = Home::new();
    let serving = home.serve(&[]);
    home.run_with(&["connect", "--only-pair"], serving.link()).ok();
    let other = Home::new();
    let said = other.run_with(&["connect", "--only-pair"], serving.link()).refused(1);
    assert!(said.contains("was used already"), "{said}");
    assert!(!saved(&other, &serving).exists());
}

//= req: SECRET-9, type=test
#[test]
fn a_grant_file_pairs_if_it_is_its_owner_s_alone() {
    let home = Home::new();
    let serving = home.serve(&[]);
    let file = home.write("link", serving.link());
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("changed");
    let said = home.run(&["connect", "--grant-file", "link"]).refused(1);
    assert!(said.contains("chmod 600"), "{said}");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("changed");
    let arguments = ["connect", "--grant-file", "link"];
    assert_eq!(home.run_with(&arguments, "hello\n").ok(), "hello\n");
}

//= req: CLIENT-4, type=test
#[test]
fn a_saved_session_goes_to_its_own_server_alone() {
    let home = Home::new();
    let (one, two) = (home.serve(&[]), home.serve(&[]));
    home.run_with(&["connect", "--only-pair"], one.link()).ok();
    let said = home.run_with(&["connect", two.http()], "hello\n").refused(1);
    assert!(
        said.contains("neither a pairing link nor a code"),
        "it asked for a credential: {said}"
    );
    fs::rename(saved(&home, &one), saved(&home, &two)).expect("moved");
    let said = home.run_with(&["connect", two.http()], "hello\n").refused(1);
    assert!(said.contains("another server's"), "{said}");
    let said = home.run_with(&["connect", one.http(), "--pair"], two.link()).refused(1);
    assert!(said.contains("sent to no other server"), "{said}");
}

//= req: CLIENT-6, type=test
#[test]
fn a_saved_session_that_others_can_read_is_refused() {
    let home = Home::new();
    let serving = home.serve(&[]);
    home.run_with(&["connect", "--only-pair"], serving.link()).ok();
    let file = saved(&home, &serving);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("changed");
    let said = home.run_with(&["connect", serving.http()], "hello\n").refused(1);
    assert!(said.contains("can be read by others"), "{said}");
}

#[test]
fn without_a_listener_it_says_who_does_not_answer() {
    let home = Home::new();
    let link = "http://127.0.0.1:9/.doorward/pair#AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let said = home.run_with(&["connect"], link).refused(1);
    assert!(said.contains("http://127.0.0.1:9") && said.contains("doorward serve"), "{said}");
    for url in ["http://192.0.2.1:80", "quic://dev.example", "nonsense"] {
        home.run(&["connect", url]).refused(2);
    }
}

#[test]
fn a_path_where_nothing_is_is_refused_with_a_sentence() {
    let home = Home::new();
    let serving = home.serve(&[]);
    home.run_with(&["connect", "--only-pair"], serving.link()).ok();
    let url = format!("{}/elsewhere", serving.http());
    assert!(home.run(&["connect", &url]).refused(1).contains("/echo"));
}
