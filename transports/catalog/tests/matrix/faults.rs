//! What can be seen in the source.

use doorward_catalog::Rule;

use crate::tree::{ATTACK, CODE, CONTROL, FIRST, REQUIREMENTS, TESTS, Tree};

/// This is the only thing that is wrong, there, and is said like this.
#[track_caller]
fn only(tree: Tree, rule: Rule, place: &str, said: &str) {
    let faults = tree.faults();
    let texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(faults.len(), 1, "{texts:#?}");
    assert_eq!(faults[0].rule, rule, "{texts:?}");
    assert!(texts[0].starts_with(&format!("{place}: ")), "{texts:?}");
    assert!(texts[0].contains(said), "{texts:?}");
}

/// This is among what is wrong.
#[track_caller]
fn among(tree: Tree, rule: Rule, said: &str) {
    let faults = tree.faults();
    let found = faults.iter().any(|fault| fault.rule == rule && fault.what.contains(said));
    let texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert!(found, "{texts:#?}");
}

fn line(number: usize, path: &str) -> String {
    format!("{path}:{number}")
}

#[test]
fn a_whole_repository_has_none() {
    let faults = Tree::whole().faults();
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn a_requirement_has_code() {
    let tree = || Tree::whole().replace(CODE, "R-1, ", "");
    only(tree(), Rule::Implemented, &line(5, REQUIREMENTS), "no code is cited for R-1; put");
    let exception = "//= req: R-1, type=exception, reason=the kernel does it\n";
    assert_eq!(tree().add(CODE, exception).faults(), []);
}

#[test]
fn a_requirement_has_evidence() {
    let tree = Tree::whole().replace(TESTS, "R-2, ", "").replace(TESTS, "R-3, ", "");
    let faults = tree.faults();
    let rules: Vec<(Rule, Option<usize>)> =
        faults.iter().map(|fault| (fault.rule, fault.line)).collect();
    assert!(rules.contains(&(Rule::Tested, Some(6))) && rules.contains(&(Rule::Tested, Some(7))));
    among(tree, Rule::Tested, "no evidence is cited for R-2");
}

#[test]
fn a_threat_has_evidence_of_two_kinds() {
    // Examples and an attack are two; an attack alone is one.
    let one = || Tree::whole().replace(TESTS, "R-1, ", "");
    among(one(), Rule::TwoKinds, "DW-DNS-REBINDING has evidence of fewer than two kinds (attack)");
    let two = one().add(TESTS, "//= req: R-1, type=test\n#[test]\nfn more() {}\n");
    assert_eq!(two.faults(), []);
}

#[test]
fn a_threat_has_requirements_and_an_invariant_too() {
    let tree = || Tree::whole().replace(REQUIREMENTS, FIRST, "DW-FAIL-OPEN");
    among(tree(), Rule::Required, "no requirement defeats DW-DNS-REBINDING");
    let tree = Tree::whole().replace(REQUIREMENTS, ", I21", "");
    only(tree, Rule::InvariantRequired, "policy/src/threat", "no requirement is part of I21");
}

#[test]
fn a_threat_has_an_attack_and_so_has_an_incident() {
    let tree = || Tree::whole().remove(ATTACK);
    among(tree(), Rule::Attacked, "no attack of tests/attacks has `threat = \"DW-DNS-REBINDING\"`");
    among(tree(), Rule::IncidentReplayed, "no attack replays CVE-2025-66416");
    // What names an attack that is gone is seen as well.
    among(tree(), Rule::ControlEvidence, "doorward-tests attacks dw-dns-rebinding` is no test");
}

#[test]
fn an_incident_is_exempt_with_a_reason_and_a_test() {
    let exempt = |test: &str| {
        format!("[[incident]]\nid = \"CVE-2025-66416\"\nreason = \"x\"\ntest = \"{test}\"\n")
    };
    let file = "tests/attacks/exempt.toml";
    let tree = || Tree::whole().replace(ATTACK, "\"CVE-2025-66416\", ", "");
    assert_eq!(tree().add(file, &exempt("doorward-policy examples holds")).faults(), []);
    let said = "doorward-policy examples nothing is no test that exists";
    let nothing = exempt("doorward-policy examples nothing");
    only(tree().add(file, &nothing), Rule::IncidentReplayed, &line(2, file), said);
    let both = Tree::whole().add(file, &exempt("doorward-policy examples holds"));
    only(both, Rule::IncidentReplayed, &line(2, file), "take this exemption out");
    let tree =
        Tree::whole().add(file, &exempt("doorward-policy examples holds").replace("66416", "0"));
    only(tree, Rule::IncidentReplayed, &line(2, file), "CVE-2025-0 is in no list");
    let tree = Tree::whole().add(file, "[[incident]]\nid = \"CVE-2025-66416\"\n");
    only(tree, Rule::Readable, file, "an exemption is `[[incident]]`");
}

#[test]
fn an_attack_is_of_a_threat_and_of_its_incidents() {
    let tree = Tree::whole().replace(ATTACK, "threat = \"DW-DNS", "threat = \"DW-DMS");
    among(tree, Rule::Readable, "`DW-DMS-REBINDING` is no threat");
    let with = |id: &str| {
        Tree::whole().replace(ATTACK, "incidents = [", &format!("incidents = [\"{id}\", "))
    };
    only(with("CVE-1-1"), Rule::KnownThreat, ATTACK, "CVE-1-1 is in no list of incidents");
    // One of another row.
    only(
        with("CVE-2025-52882"),
        Rule::KnownThreat,
        ATTACK,
        "is none of DW-DNS-REBINDING's incidents",
    );
    let tree = Tree::whole().replace(ATTACK, "title = ", "tilte = ");
    among(tree, Rule::Readable, "this is no attack");
}

#[test]
fn a_threat_has_a_negative_control() {
    let place = "policy/src/threat/rows.rs:1";
    let tree = Tree::whole().remove(CONTROL);
    only(tree, Rule::Controlled, place, "DW-DNS-REBINDING has no negative control; write tests/");
    let tree = Tree::whole().replace(CONTROL, "Guard: it holds\n", "");
    among(tree, Rule::Readable, "no line `Guard:`");
}

#[test]
fn a_negative_control_names_tests_of_two_kinds_that_exist() {
    let evidence = |from: &str, to: &str, said: &str| {
        only(Tree::whole().replace(CONTROL, from, to), Rule::ControlEvidence, CONTROL, said);
    };
    evidence("examples holds", "examples nothing", "doorward-policy examples nothing` is no test");
    evidence(
        "examples holds",
        "grants holds",
        "`cargo test -p doorward-policy --test grants -- holds`",
    );
    evidence(
        "attacks dw-dns",
        "attacks dw-dms",
        "attacks dw-dms-rebinding` is no test that exists",
    );
    evidence(
        "doorward-tests attacks dw-dns-rebinding",
        "doorward-policy examples holds_for",
        "none",
    );
    evidence(
        "doorward-policy examples holds",
        "doorward-tests attacks dw-dns",
        "all of its evidence",
    );
}

#[test]
fn a_citation_is_of_a_requirement() {
    let tree = || Tree::whole().replace(CODE, "R-1,", "R-1, R-99,");
    only(tree(), Rule::KnownRequirement, &line(1, CODE), "R-99 is no requirement; write it down");
    let tree = || Tree::whole().add(CODE, "//= req: R-1, type=proven\nfn more() {}\n");
    only(tree(), Rule::Readable, &line(3, CODE), "no citation is of type \"proven\"");
    let tree = || Tree::whole().add(CODE, "//=req: R-1\nfn more() {}\n");
    only(tree(), Rule::Readable, &line(3, CODE), "a citation is written `//= req: ID`");
    let tree = || Tree::whole().add(CODE, "fn more() {} //= req: R-1\n");
    only(tree(), Rule::Readable, &line(3, CODE), "on a line of its own");
    let text = "const TEXT: &str = \"\n//= req: R-99\n\";\n";
    assert_eq!(Tree::whole().add(CODE, text).faults(), [], "no citation, but a line of a string");
}

#[test]
fn evidence_stands_above_a_test() {
    let above = |file: &str, text: &str, at: usize, said: &str| {
        let tree = Tree::whole().add(file, text);
        only(tree, Rule::StandsAboveTest, &line(at, file), said);
    };
    above(TESTS, "//= req: R-1, type=test\nfn helper() {}\n", 10, "this stands above no test");
    above(TESTS, "//= req: R-1, type=model\n", 10, "this stands above no test");
    above(TESTS, "//= req: R-1, type=fuzz\n#[test]\nfn x() {}\n", 10, "above no fuzz target");
    above(TESTS, "//= req: R-1, type=proof\n#[test]\nfn x() {}\n", 10, "that the compiler asserts");
    above(TESTS, "//= req: R-1\n#[test]\nfn x() {}\n", 10, "nothing here is code that is shipped");
    above(CODE, "//= req: R-1\n", 3, "this stands above no code");
    let lemma = "(*= req: R-1, type=proof *)\nLemma x : True.\n";
    above("tests/formal/model/Theorems.v", lemma, 1, "this stands above no theorem");
    let test = "(*= req: R-1, type=test *)\nTheorem x : True.\n";
    above("tests/formal/model/Theorems.v", test, 1, "can't be cited here");
    let script = "//= req: R-1, type=test\nconst x = 1\n";
    above("tests/clients/a.test.mjs", script, 1, "right above `test('name', ...`");
    above("tests/vectors/check.py", "#= req: R-1, type=test\nx = 1\n", 1, "can't be cited here");
    let body = "//= req: R-1, type=fuzz\npub fn token(data: &[u8]) {}\n";
    above("tests/src/fuzz/token.rs", body, 1, "has the name of a file of fuzz/fuzz_targets");
    // Nor does it count as evidence.
    let helper = "//= req: R-1, type=test\nfn helper() {}\n";
    let tree = || Tree::whole().replace(TESTS, "R-1, ", "").add(TESTS, helper);
    among(tree(), Rule::Tested, "no evidence is cited for R-1");
    among(tree(), Rule::TwoKinds, "DW-DNS-REBINDING has evidence of fewer than two kinds");
}

#[test]
fn evidence_of_every_kind_counts() {
    let fuzz = "//= req: R-1, type=fuzz\npub fn token(data: &[u8]) {}\n";
    let with = |path: &str, text: &str| {
        Tree::whole()
            .replace(TESTS, "R-1, ", "")
            .add("fuzz/fuzz_targets/token.rs", "\n")
            .add(path, text)
            .faults()
    };
    // An attack is there; each of these is the second kind.
    assert_eq!(with("tests/src/fuzz/token.rs", fuzz), []);
    assert_eq!(with(CODE, "//= req: R-1, type=proof\nconst _: () = assert!(true);\n"), []);
    assert_eq!(with(TESTS, "//= req: R-1, type=model\n#[test]\nfn model() {}\n"), []);
    let script = "//= req: R-1, type=test\ntest('a: b', async t => {})\n";
    assert_eq!(with("tests/clients/a.test.mjs", script), []);
    let made = "macro_rules! all { ($($n:ident)*) => { $(#[test] fn $n() {})* } }\nall! {\n    \
        //= req: R-1, type=test\n    one\n}\n";
    assert_eq!(with(TESTS, made), []);
}

#[test]
fn a_table_is_of_the_form_to_the_letter() {
    let row = |row: &str, said: &str| {
        let tree = Tree::whole().add(REQUIREMENTS, &format!("{row}\n"));
        only(tree, Rule::Readable, &line(36, REQUIREMENTS), said);
    };
    row("| R-99 | It MUST hold. | DW-FAIL-OPEN |", "3 cells instead of 4");
    row("| R-99 | It MUST hold. | DW-FAIL-OPEN | I1", "ends with `|`");
    row("| r-99 | It MUST hold. | DW-FAIL-OPEN | I1 |", "\"r-99\" is no name of a requirement");
    row("| R-99 | It holds. | DW-FAIL-OPEN | I1 |", "R-99 says nowhere what MUST hold");
    row("| R-99 | It MUST hold | DW-FAIL-OPEN | I1 |", "without a full stop");
    row("| R-99 | It MUST hold. |  | I1 |", "R-99 names no threat");
    row("| R-99 | It MUST hold. | DW-FAIL-OPEN | |", "R-99 names no invariant");
    row("| R-99 | It MUST hold. | DW-FAIL-SHUT | I1 |", "no threat is called that");
    row("| R-99 | It MUST hold. | DW-FAIL-OPEN | I22 |", "no invariant is called that");
    row("| R-99 | It MUST hold. | DW-FAIL-OPEN | I1, I1 |", "the invariant I1 twice");
    row("| R-1 | It MUST hold. | DW-FAIL-OPEN | I1 |", "R-1 stands in docs/requirements/all.md:5");
    let tree = Tree::whole().add(REQUIREMENTS, "\n| name | text |\n|---|---|\n");
    only(tree, Rule::Readable, &line(37, REQUIREMENTS), "begins with `| id | requirement |");
    let escaped = "| R-99 | It MUST hold \\| be. | DW-FAIL-OPEN | I1 |\n";
    let text = Tree::whole().add(REQUIREMENTS, escaped).catalog().requirements;
    assert_eq!(text.last().expect("one").text, "It MUST hold | be.");
}
