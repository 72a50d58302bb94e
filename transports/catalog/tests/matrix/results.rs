//! What is cited and did not run, or failed.

use doorward_catalog::{Fault, How, Item, Results, Rule};
use doorward_policy::threat::ThreatId;

use crate::tree::{ATTACK, CODE, TESTS, Tree, write};

/// The logs of a run of everything, in which everything passed.
pub(crate) fn logs() -> Logs {
    let mut log = String::from(
        "     Running tests/examples.rs (target/debug/deps/examples-1)\ntest holds ... ok\n\
        test holds_for_all ... ok\n     Running tests/attacks/main.rs (target/debug/deps/attacks-2)\n",
    );
    for threat in ThreatId::all() {
        let name = threat.name().to_lowercase();
        log += &format!("test {name}::http ... ok\ntest {name}::quic ... ok\n");
    }
    let target = |package: &str, target: &str, program: &str| {
        format!(
            "{{\"package_id\":\"path+file:///x#{package}@0.1.0\",\"target\":{{\"kind\":[\"test\"],\
            \"name\":\"{target}\"}},\"profile\":{{\"test\":true}},\"executable\":\"/x/{program}\"}}\n"
        )
    };
    let targets = target("doorward-policy", "examples", "examples-1")
        + &target("doorward-tests", "attacks", "attacks-2");
    let run =
        r#"{"commit":"abc","clean":true,"parts":["cargo"],"versions":{"rustc":"1.95"},"failed":0}"#;
    let (tap, controls, proved) = (String::new(), String::new(), String::new());
    Logs { run: run.to_owned(), targets, log, tap, controls, proved }
}

pub(crate) struct Logs {
    pub(crate) run: String,
    pub(crate) targets: String,
    pub(crate) log: String,
    pub(crate) tap: String,
    pub(crate) controls: String,
    pub(crate) proved: String,
}

impl Logs {
    pub(crate) fn read(&self) -> Results {
        let folder = tempfile::TempDir::new().expect("a folder");
        write(folder.path(), "run.json", &self.run);
        write(folder.path(), "cargo-test-targets.json", &self.targets);
        write(folder.path(), "cargo-test.log", &self.log);
        write(folder.path(), "scenarios.tap", &self.tap);
        write(folder.path(), "negative-controls.tsv", &self.controls);
        write(folder.path(), "formal/proved.txt", &self.proved);
        Results::read(folder.path()).expect("read")
    }

    fn faults(&self, tree: &Tree) -> Vec<Fault> {
        tree.catalog().faults(Some(&self.read()))
    }
}

#[test]
fn nothing_is_missing_where_everything_passed() {
    assert_eq!(logs().faults(&Tree::whole()), []);
}

#[test]
fn a_cited_test_has_to_run_and_to_pass() {
    for (from, to, rule, said) in [
        (
            "test holds ... ok\n",
            "",
            Rule::Ran,
            "did not run; see why `cargo test -p doorward-policy",
        ),
        ("test holds ... ok\n", "test holds ... ignored\n", Rule::Ran, "did not run"),
        (
            "test holds ... ok\n",
            "test holds ... FAILED\n",
            Rule::Passed,
            "and failed; see `cargo test",
        ),
    ] {
        let faults = Logs { log: logs().log.replace(from, to), ..logs() }.faults(&Tree::whole());
        // It is cited for every requirement.
        assert_eq!(faults.len(), ThreatId::all().count(), "{faults:?}");
        for fault in faults {
            assert_eq!((fault.file.as_str(), fault.line, fault.rule), (TESTS, Some(1), rule));
            assert!(fault.what.contains(said), "{fault}");
        }
    }
}

#[test]
fn an_attack_has_to_be_played_over_each_of_its_transports() {
    let log = logs().log.replace("test dw-dns-rebinding::quic ... ok\n", "");
    let faults = Logs { log, ..logs() }.faults(&Tree::whole());
    let [fault] = faults.as_slice() else { panic!("{faults:?}") };
    assert_eq!((fault.file.as_str(), fault.rule), (ATTACK, Rule::Ran));
    assert!(fault.what.contains("attacks dw-dns-rebinding::quic"), "{fault}");
}

#[test]
fn what_is_exempt_from_attacks_has_a_test_that_ran() {
    let exempt = "[[incident]]\nid = \"CVE-2025-66416\"\nreason = \"x\"\n\
        test = \"doorward-policy examples more\"\n";
    let tree = Tree::whole()
        .replace(ATTACK, "\"CVE-2025-66416\", ", "")
        .add("tests/attacks/exempt.toml", exempt)
        .add(TESTS, "#[test]\nfn more() {}\n");
    let faults = logs().faults(&tree);
    let [fault] = faults.as_slice() else { panic!("{faults:?}") };
    assert_eq!((fault.rule, fault.line), (Rule::Ran, Some(2)));
}

#[test]
fn only_the_parts_that_were_run_are_looked_at() {
    let script = "//= req: R-1, type=test\ntest(`a: ${N} b`, async t => {})\n";
    let tree = Tree::whole().add("tests/clients/a.test.mjs", script);
    assert_eq!(logs().faults(&tree), [], "scenarios were not run");
    let all = logs().run.replace("[\"cargo\"]", "[\"cargo\",\"scenarios\"]");
    let with = |tap: &str| Logs { run: all.clone(), tap: tap.to_owned(), ..logs() };
    assert_eq!(with("").faults(&tree).len(), 1);
    assert_eq!(with("ok 1 - a: 3 b\n").faults(&tree), []);
    let none = Logs { run: logs().run.replace("\"cargo\"", ""), ..logs() };
    assert_eq!(Logs { log: String::new(), ..none }.faults(&tree), []);
}

#[test]
fn a_theorem_has_to_be_proved_where_proofs_were_checked() {
    let theorem = "(*= req: R-1, type=proof *)\nTheorem t chosen :\n  True.\n";
    let tree = Tree::whole().add("tests/formal/model/Theorems.v", theorem);
    assert_eq!(logs().faults(&tree), [], "proofs were not checked");
    let run = logs().run.replace("[\"cargo\"]", "[\"cargo\",\"formal\"]");
    let with = |proved: &str| Logs { run: run.clone(), proved: proved.to_owned(), ..logs() };
    assert_eq!(with("run\tdef\nt\n").faults(&tree).len(), 1, "another commit's");
    let faults = with("run\tabc\nother\n").faults(&tree);
    let [fault] = faults.as_slice() else { panic!("{faults:?}") };
    assert_eq!((fault.rule, fault.line), (Rule::Ran, Some(1)));
    assert!(fault.what.contains("tests/formal/model/run"), "{fault}");
    assert_eq!(with("run\tabc\nother\nt\n").faults(&tree), []);
}

#[test]
fn results_that_are_not_there_are_an_error() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let error = Results::read(folder.path()).expect_err("nothing there");
    assert!(error.to_string().contains("run.json"), "{error}");
}

#[test]
fn a_table_says_what_became_of_the_evidence() {
    let tree = Tree::whole().add(CODE, "//= req: R-1, type=proof\nconst _: () = assert!(true);\n");
    let log = logs().log.replace("test dw-dns-rebinding::quic ... ok\n", "");
    let results = Logs { log, ..logs() }.read();
    let table = tree.catalog().matrix_table(Some(&results));
    let row = |name: &str| {
        let row = table.iter().find(|row| row[0].trim() == name).expect("a row");
        row.join(" ")
    };
    assert_eq!(
        row("DW-DNS-REBINDING"),
        "DW-DNS-REBINDING 1 1 1 - - 1 1 yes 3 passed, 1 did not run"
    );
    assert_eq!(row("R-1"), "  R-1 1 1 1 - - 1 -  2 passed");
    let item = Item {
        package: "doorward-policy".to_owned(),
        target: "examples".to_owned(),
        name: "holds".to_owned(),
    };
    assert_eq!(results.of(&item), How::Passed);
    let json = tree.catalog().matrix_json(Some(&results));
    assert_eq!(json["threats"][0]["attacks"][0]["played"][1]["result"], "did-not-run");
    assert_eq!(json["threats"][0]["requirements"][0]["cited"][2]["test"]["result"], "passed");
    assert_eq!(json["faults"][0]["rule"], "ran");
}
