//! A mutant behind a switch does what it does when it is carried out by itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use doorward_mutants::list::{self, Genre, Mutant};
use doorward_mutants::rewrite::{Owner, carry_out, owner, rewrite};
use doorward_mutants::tree::SWITCH;

fn fixture() -> (String, Vec<Mutant>) {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixture"));
    let listed = fs::read(folder.join("listed.json")).expect("a list");
    let source = fs::read_to_string(folder.join("source.rs")).expect("a source");
    (source, list::read(folder, &listed, true).expect("mutants"))
}

fn compiled(folder: &Path, name: &str, text: &str) -> PathBuf {
    let (source, program) = (folder.join(format!("{name}.rs")), folder.join(name));
    fs::write(&source, text).expect("a file");
    let status = Command::new("rustc")
        .args(["--edition", "2024", "--cap-lints", "allow", "-C", "debug-assertions=on", "-o"])
        .args([&program, &source])
        .env("RUSTC_BOOTSTRAP", "1")
        .status()
        .expect("a compiler");
    assert!(status.success(), "{name} compiles");
    program
}

fn said(program: &Path, id: u32) -> (Option<i32>, String) {
    let output =
        Command::new(program).env("DOORWARD_MUTANT", id.to_string()).output().expect("a run");
    (output.status.code(), String::from_utf8(output.stdout).expect("text"))
}

/// All mutants of `mutants`, each carried out in a module of its own.
fn one_by_one(source: &str, mutants: &[&Mutant]) -> String {
    let mut text = format!("mod m0 {{ {source} }}\n");
    let mut arms = String::new();
    for mutant in mutants {
        let changed = carry_out(source, mutant).expect("a change");
        text.push_str(&format!("mod m{} {{ {changed} }}\n", mutant.id));
        arms.push_str(&format!("\"{0}\" => m{0}::main(),\n", mutant.id));
    }
    let choice = "std::env::var(\"DOORWARD_MUTANT\").unwrap_or_default().as_str()";
    format!("{text}fn main() {{ match {choice} {{ {arms} _ => m0::main() }} }}")
}

#[test]
fn a_mutant_behind_a_switch_does_what_it_does_alone() {
    let (source, mutants) = fixture();
    let rewritten = rewrite(&source, &mutants.iter().collect::<Vec<_>>()).expect("a text");
    // What a chain with `let` in it holds together can't be taken apart, by anybody.
    let placed: Vec<&Mutant> =
        mutants.iter().filter(|one| !rewritten.unplaced.contains(&one.id)).collect();
    assert_eq!(mutants.len() - placed.len(), 2);
    let folder = tempfile::tempdir().expect("a folder");
    let features = "#![feature(core_intrinsics, const_eval_select)]\n";
    let switch = format!("mod mutant_switch {{ {SWITCH} }}\n");
    let all = compiled(folder.path(), "all", &format!("{features}{}{switch}", rewritten.text));
    let each = compiled(folder.path(), "each", &one_by_one(&source, &placed));
    let as_it_is = said(&each, 0);
    assert_eq!(said(&all, 0), as_it_is);
    let mut different = 0;
    for mutant in placed {
        let alone = said(&each, mutant.id);
        assert_eq!(said(&all, mutant.id), alone, "{}", mutant.name());
        different += usize::from(alone != as_it_is);
    }
    assert!(different > 60, "only {different} mutants show");
}

#[test]
fn every_kind_of_change_is_in_the_fixture() {
    let (_, mutants) = fixture();
    for genre in [
        Genre::FnValue,
        Genre::BinaryOperator,
        Genre::UnaryOperator,
        Genre::MatchArm,
        Genre::MatchArmGuard,
        Genre::StructField,
    ] {
        assert!(mutants.iter().any(|one| one.genre == genre), "{genre:?}");
    }
}

#[test]
fn the_innermost_mark_says_whose_code_it_is() {
    let text = "a /*m[1,2*/ b /*m<1*/ c /*m[3*/ d /*m]*/ /*m>*/ /*m]*/ e";
    let at = |letter: &str| text.find(&format!(" {letter} ")).map(|at| at + 1..at + 2);
    let whose = |letter: &str| at(letter).and_then(|range| owner(text, range));
    assert_eq!(whose("b"), Some(Owner::Around(vec![1, 2])));
    assert_eq!(whose("c"), Some(Owner::Replacement(1)));
    assert_eq!(whose("d"), Some(Owner::Around(vec![3])));
    assert_eq!(owner(text, 0..1), None);
}

#[test]
fn documentation_is_no_change_of_a_function() {
    let hash = |text: &str| list::hash(text).expect("tokens");
    let plain = hash("fn one() -> u32 { 1 }");
    assert_eq!(
        hash("/// One.\n#[doc = \"x\"]\nfn one() -> u32 {\n    // as always\n    1 }"),
        plain
    );
    assert_ne!(hash("#[must_use] fn one() -> u32 { 1 }"), plain);
    assert_ne!(hash("fn one() -> u32 { 2 }"), plain);
}
