//! The report.

use doorward_catalog::{Facts, Report};
use serde_json::Value;

use crate::results::{Logs, logs};
use crate::tree::{CODE, Tree};

fn facts() -> Facts {
    Facts {
        doorward: "0.1.0".to_owned(),
        commit: Some("abc".to_owned()),
        clean: true,
        date: "2026-01-01T00:00:00Z".to_owned(),
        signed_off_by: "Ada | <ada@example>".to_owned(),
    }
}

fn report(tree: &Tree, logs: &Logs, facts: &Facts) -> Report {
    tree.catalog().report(&logs.read(), facts)
}

fn body(report: &Report) -> Value {
    report.json.parse().expect("JSON")
}

#[test]
fn a_report_says_what_ran_of_what_and_who_signs_it_off() {
    let report = report(&Tree::whole(), &logs(), &facts());
    assert!(report.holds && report.verdict.starts_with("HOLDS: "), "{}", report.verdict);
    let body = body(&report);
    for (key, value) in [
        ("commit", "abc"),
        ("date", "2026-01-01T00:00:00Z"),
        ("signed_off_by", "Ada | <ada@example>"),
    ] {
        assert_eq!(body[key], value);
    }
    assert_eq!((&body["clean"], &body["holds"]), (&true.into(), &true.into()));
    assert_eq!(body["versions"]["doorward"], "0.1.0");
    assert_eq!(body["versions"]["rustc"], "1.95");
    let first = &body["threats"][0];
    assert_eq!(first["id"], "DW-DNS-REBINDING");
    assert_eq!(first["requirements"][0]["id"], "R-1");
    let evidence = first["evidence"].as_array().expect("a list");
    assert_eq!(evidence.len(), 4, "a test, a property, and the attack over two transports");
    assert!(evidence.iter().all(|one| one["result"] == "passed"));
    assert!(report.markdown.contains("| signed off by | Ada \\| <ada@example> |"));
}

#[test]
fn the_digest_is_of_the_body_and_no_signature() {
    use sha2::{Digest as _, Sha256};
    let report = report(&Tree::whole(), &logs(), &facts());
    let digest: String =
        Sha256::digest(report.json.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(report.sha256, digest);
    assert!(report.markdown.contains(&digest));
    assert!(report.markdown.contains("**The digest is no signature**"));
    assert!(report.markdown.contains("ssh-keygen -Y sign -f"));
}

#[test]
fn what_failed_or_did_not_run_does_not_hold() {
    for (from, to) in [
        ("test holds ... ok\n", "test holds ... FAILED\n"),
        ("test holds ... ok\n", ""),
        ("test dw-fail-open::http ... ok\n", ""),
    ] {
        let logs = Logs { log: logs().log.replace(from, to), ..logs() };
        let report = report(&Tree::whole(), &logs, &facts());
        assert!(!report.holds && report.verdict.starts_with("DOES NOT HOLD: "), "{from} {to}");
        assert!(report.markdown.contains("\n## Faults\n"));
    }
}

#[test]
fn a_fault_in_the_source_does_not_hold() {
    let tree = Tree::whole().replace(CODE, "R-1, ", "");
    let report = report(&tree, &logs(), &facts());
    assert!(!report.holds);
    assert_eq!(body(&report)["faults"][0]["rule"], "implemented");
}

#[test]
fn results_of_another_commit_or_of_nothing_do_not_hold() {
    let other = Facts { commit: Some("def".to_owned()), ..facts() };
    let report_of = |facts: &Facts| report(&Tree::whole(), &logs(), facts);
    assert!(!report_of(&other).holds);
    assert!(
        report_of(&other).markdown.contains("these results are of abc, and the source is at def")
    );
    let nothing = Logs { run: logs().run.replace("\"cargo\"", ""), ..logs() };
    assert!(!report(&Tree::whole(), &nothing, &facts()).holds);
    // Changes that are in no commit are said, whenever they were made.
    for (changed, logs) in [
        (Facts { clean: false, ..facts() }, logs()),
        (facts(), Logs { run: logs().run.replace("true", "false"), ..logs() }),
    ] {
        let report = report(&Tree::whole(), &logs, &changed);
        assert_eq!(body(&report)["clean"], false);
        assert!(report.markdown.contains("with changes that are in no commit"));
    }
}

#[test]
fn a_guard_that_nobody_misses_does_not_hold() {
    let with = |controls: &str| {
        let logs = Logs { controls: controls.to_owned(), ..logs() };
        report(&Tree::whole(), &logs, &facts())
    };
    let caught = with("run\tabc\nDW-FAIL-OPEN\tcaught\tall 2 fail without it\n");
    assert!(caught.holds, "{}", caught.verdict);
    assert!(caught.markdown.contains("all 2 fail without it"));
    let survived = with("run\tabc\nDW-FAIL-OPEN\tsurvived\tone notices nothing\n");
    assert!(!survived.holds && survived.markdown.contains("**NOT CAUGHT**"));
    let elsewhere = with("run\tdef\nDW-FAIL-OPEN\tsurvived\tone notices nothing\n");
    assert!(elsewhere.holds && elsewhere.verdict.contains("no negative control was run"));
}

#[test]
fn what_is_cited_by_nobody_must_not_fail_either() {
    for (failed, said) in
        [(",\"failed\":2}", "2 of all that ran failed"), ("}", "the run did not come to its end")]
    {
        let run = logs().run.replace(",\"failed\":0}", failed);
        let report = report(&Tree::whole(), &Logs { run, ..logs() }, &facts());
        assert!(!report.holds && report.verdict.contains(said), "{}", report.verdict);
    }
}

#[test]
fn what_is_not_covered_is_said() {
    let script = "//= req: R-1, type=test\ntest('a: b', async t => {})\n";
    let tree = Tree::whole()
        .replace(CODE, "R-1, ", "")
        .add(CODE, "//= req: R-1, type=exception, reason=the kernel does it\n")
        .add("tests/clients/a.test.mjs", script);
    let report = report(&tree, &logs(), &facts());
    assert!(report.holds, "{}", report.verdict);
    let body = body(&report);
    let not = &body["not_covered"];
    assert_eq!(not["parts_not_run"], serde_json::json!(["fuzz", "scenarios", "formal"]));
    assert_eq!(not["evidence_that_did_not_run"], serde_json::json!(["tests/clients a a: b"]));
    assert_eq!(not["requirements_without_code"][0]["reason"], "the kernel does it");
    let list = |key: &str| not[key].as_array().expect("a list").len();
    assert_eq!(list("guards_not_taken_out"), list("what_remains"));
    assert!(list("outside") > 10);
    for text in [
        "These parts were not run: fuzz, scenarios, formal.",
        "- R-1: the kernel does it",
        "- The browser. ",
    ] {
        assert!(report.markdown.contains(text), "{text}");
    }
}
