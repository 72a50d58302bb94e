//! What is kept beside the code: the record, and what is accepted.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use doorward_mutants::accepted::{self, Accepted};
use doorward_mutants::list::{At, Genre, Mutant, Span};
use doorward_mutants::record::{Known, Record, Row, hashes};
use doorward_mutants::run::{Outcome, Ran};

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn mutant(id: u32, function: &str, hash: &str) -> Mutant {
    let at = At { line: 1, column: 1 };
    Mutant {
        id,
        file: "policy/src/one.rs".to_owned(),
        function: function.to_owned(),
        mutation: format!("change {id}"),
        genre: Genre::FnValue,
        replacement: String::new(),
        span: Span { start: at, end: at },
        returns: String::new(),
        hash: hash.to_owned(),
        constant: false,
        in_const_fn: false,
    }
}

fn ran(mutant: &Mutant, outcome: Outcome) -> Ran {
    Ran { mutant: mutant.clone(), outcome, plain: false }
}

fn key(function: &str) -> (String, String) {
    ("policy/src/one.rs".to_owned(), function.to_owned())
}

/// A project whose policy has no sources.
fn empty() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir_all(folder.path().join("policy/src")).expect("a folder");
    folder
}

#[test]
fn a_function_is_recorded_when_nothing_of_it_is_open() {
    let mutants = [
        mutant(1, "good", "a"),
        mutant(2, "good", "a"),
        mutant(3, "bad", "b"),
        mutant(4, "half", "c"),
    ];
    let more = mutant(5, "half", "c");
    let known = hashes(&[mutants.as_slice(), &[more]].concat());
    let outcomes = [
        Outcome::Caught("a test".to_owned()),
        Outcome::Survived { tests: 3, accepted: true },
        Outcome::Survived { tests: 3, accepted: false },
        Outcome::Caught("a test".to_owned()),
    ];
    let ran: Vec<Ran> =
        mutants.iter().zip(outcomes).map(|(one, outcome)| ran(one, outcome)).collect();
    let mut record = Record::default();
    record.take(empty().path(), "policy", &known, &ran).expect("a record");
    let row = Row { hash: "a".to_owned(), caught: 1, accepted: 1, unviable: 0 };
    assert_eq!(record.0, BTreeMap::from([(key("good"), row)]));
    assert!(record.knows(&mutants[0], &known));
    assert!(!record.knows(&mutants[2], &known));
    assert!(!record.knows(&mutants[0], &hashes(&[mutant(1, "good", "changed")])));
}

#[test]
fn what_is_no_more_or_was_changed_leaves_the_record() {
    let (same, changed) = (mutant(1, "same", "a"), mutant(2, "changed", "b"));
    let known = |hash: &str| Known { hash: hash.to_owned(), mutants: 1 };
    let mut record = Record::default();
    let before = BTreeMap::from([
        (key("same"), known("a")),
        (key("changed"), known("b")),
        (key("gone"), known("c")),
    ]);
    let caught = |one: &Mutant| ran(one, Outcome::Caught(String::new()));
    let all = [caught(&same), caught(&changed), caught(&mutant(3, "gone", "c"))];
    record.take(empty().path(), "policy", &before, &all).expect("a record");
    assert_eq!(record.0.len(), 3);
    let another = ("transports/gate/src/one.rs".to_owned(), "*".to_owned());
    record.0.insert(another.clone(), Row::default());
    record.0.insert(key("*"), Row::default());
    let after = BTreeMap::from([(key("same"), known("a")), (key("changed"), known("new"))]);
    record.take(empty().path(), "policy", &after, &[]).expect("a record");
    assert_eq!(record.0.keys().collect::<Vec<_>>(), [&key("same"), &another]);
}

#[test]
fn the_record_reads_as_it_was_written() {
    let row = Row { hash: "abc".to_owned(), caught: 2, accepted: 1, unviable: 7 };
    let record = Record(BTreeMap::from([(key("<impl A for B<'_>>::c"), row)]));
    assert_eq!(Record::parse(&record.text().expect("a text")).expect("a record"), record);
    assert_eq!(record.score().to_string(), "2 caught, 1 survive, 7 do not compile: 66.6%");
    assert!(Record::parse("one\ttwo\n").is_err());
}

#[test]
fn nothing_is_accepted_without_a_reason_or_twice() {
    let one = |reason: &str| {
        format!(
            "[[accepted]]\nfile = \"a\"\nfunction = \"b\"\nmutation = \"c\"\nreason = \"{reason}\"\n"
        )
    };
    let good = one("both ways the same bytes are written");
    assert_eq!(accepted::parse(&good).expect("one").len(), 1);
    assert!(accepted::parse(&one("equivalent")).is_err());
    assert!(accepted::parse(&format!("{good}{good}")).is_err());
    assert!(accepted::parse(&format!("{good}line = 3\n")).is_err());
    let without = good.replace("reason = \"both ways the same bytes are written\"\n", "");
    assert!(accepted::parse(&without).is_err());
}

#[test]
fn the_record_has_what_is_accepted_and_nothing_else() {
    let record = Record::read(root()).expect("a record");
    let mut accepted_of = BTreeMap::<(String, String), usize>::new();
    for Accepted { file, function, .. } in accepted::read(root()).expect("what is accepted") {
        *accepted_of.entry((file, function)).or_default() += 1;
    }
    for (key, row) in &record.0 {
        assert_eq!(row.accepted, accepted_of.remove(key).unwrap_or(0), "{key:?}");
    }
    assert_eq!(accepted_of, BTreeMap::new(), "of functions that are not in the record");
}

/// Each of these pages tells the score, and as the record has it.
#[test]
fn the_score_is_told_as_it_is_recorded() {
    let score = Record::read(root()).expect("a record").score();
    let said = score.to_string().rsplit_once(": ").expect("a score").1.to_owned();
    for page in ["README.md", "docs/assurance.md", "tests/mutants/README.md"] {
        let text = fs::read_to_string(root().join(page)).expect("a page");
        let tells =
            |line: &&str| line.to_lowercase().contains("mutation score") && line.contains('%');
        let lines: Vec<&str> = text.lines().filter(tells).collect();
        assert!(!lines.is_empty(), "{page} does not say {said}");
        for line in lines {
            assert!(line.contains(&said), "{page} says `{line}`, the record: {score}");
        }
    }
}
