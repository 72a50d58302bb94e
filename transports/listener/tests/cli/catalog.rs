//! `doorward catalog`, within a checkout and without one.

use std::fs;

use crate::support::Home;

/// The source of this very test.
const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

#[test]
fn a_threat_is_found_and_shown_without_a_checkout() {
    let home = Home::new();
    let found = home.run(&["catalog", "search", "CVE-2025-52882"]).ok();
    assert!(found.contains("DW-CROSS-SITE-HIJACK") && found.contains("incidents"), "{found}");
    let said = home.run(&["catalog", "search", "no-such-word"]).refused(1);
    assert!(said.contains("no-such-word") && said.contains("catalog list"), "{said}");
    let shown = home.run(&["catalog", "show", "DW-GRANT-REPLAY"]).ok();
    assert!(shown.contains("GRANT-1") && shown.contains("need a checkout"), "{shown}");
    let json = home.run(&["catalog", "show", "DW-GRANT-REPLAY", "--json"]).json();
    assert_eq!(json["id"], "DW-GRANT-REPLAY");
    assert_eq!(json["requirements"][0]["cited"], serde_json::json!([]));
}

#[test]
fn what_needs_a_checkout_says_so() {
    let home = Home::new();
    for command in ["matrix", "verify"] {
        let said = home.run(&["catalog", command]).refused(2);
        assert!(said.contains("--source"), "{said}");
        let said = home.run(&["catalog", command, "--source", "."]).refused(2);
        assert!(said.contains("no checkout") && said.contains("docs/requirements"), "{said}");
    }
    let said = home.run(&["catalog", "matrix", "--source", SOURCE, "--results", "."]).refused(1);
    assert!(said.contains("run.json") && said.contains("tests/run"), "{said}");
    for wrong in [&["verify", "--results", ".", "--all"][..], &["export", "--format", "pdf"]] {
        assert_eq!(home.run(&[&["catalog"], wrong].concat()).status, Some(2));
    }
}

#[test]
fn a_checkout_is_shown_with_its_code_and_tests() {
    let home = Home::new();
    let shown = home.run(&["catalog", "show", "DW-GRANT-REPLAY", "--source", SOURCE]).ok();
    assert!(shown.contains("policy/src/grant.rs:"), "{shown}");
    assert!(
        shown.contains("doorward-policy grants a_grant_has_as_many_sessions_as_uses"),
        "{shown}"
    );
    let table = home.run(&["catalog", "matrix", "--source", SOURCE]).ok();
    assert!(table.contains("DW-GRANT-REPLAY") && table.contains("  GRANT-1"), "{table}");
    let json = home.run(&["catalog", "matrix", "--source", SOURCE, "--json"]).json();
    assert_eq!(json["threats"].as_array().expect("a list").len(), 31);
    // From within, without being told.
    let mut inside = home.command(&["catalog", "matrix", "--json"]);
    inside.current_dir(format!("{SOURCE}/policy/src"));
    let output = inside.output().expect("ran");
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&output.stdout).expect("JSON"), json);
}

#[test]
fn a_report_on_a_run_that_was_not_of_this_does_not_hold() {
    let home = Home::new();
    home.write("run.json", r#"{"commit":"abc","clean":true,"parts":[],"versions":{}}"#);
    let ran = home.run(&[
        "catalog",
        "verify",
        "--source",
        SOURCE,
        "--results",
        ".",
        "--output",
        "report",
        "--signed-off-by",
        "Ada",
    ]);
    assert_eq!(ran.status, Some(1), "{}", ran.stderr);
    assert!(ran.stdout.starts_with("DOES NOT HOLD: ") && ran.stderr.contains("no signature"));
    let page = fs::read_to_string(home.path("report/verify.md")).expect("a page");
    assert!(page.contains("| signed off by | Ada |") && page.contains("these results are of abc"));
    let body = fs::read_to_string(home.path("report/verify.json")).expect("a body");
    let body: serde_json::Value = body.parse().expect("JSON");
    assert_eq!((&body["holds"], &body["signed_off_by"]), (&false.into(), &"Ada".into()));
}

#[test]
fn an_export_goes_where_it_is_told_to() {
    let home = Home::new();
    let printed = home.run(&["catalog", "export", "--format", "json"]).json();
    home.run(&["catalog", "export", "--format", "json", "--output", "catalog.json"]).ok();
    let written = fs::read_to_string(home.path("catalog.json")).expect("written");
    assert_eq!(written.parse::<serde_json::Value>().expect("JSON"), printed);
}
