//! How secrets are compared: by what takes the same time whatever they hold, and nowhere else.
//!
//! No attack shows this over a network, and no test here measures time. What is looked at is the
//! source: a secret that lies open, or a tag, is never an operand of a comparison.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    reason = "a test that can't go on must stop"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// What lays a secret open, or is one.
const OPEN: [&str; 5] =
    [".expose()", "self.tag", ".token.as_bytes()", "self.0.as_bytes()", "tag.as_ref()"];
/// What compares one byte after the other, and stops at the first that differs.
const COMPARES: [&str; 7] =
    [" == ", " != ", ".eq(", ".ne(", ".cmp(", ".starts_with(", ".ends_with("];

fn sources() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut folders = vec![root.join("policy/src")];
    for transport in fs::read_dir(root.join("transports")).unwrap() {
        folders.push(transport.unwrap().path().join("src"));
    }
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                files.push(path);
            }
        }
    }
    files
}

/// The statements of a source without its comments and its tests.
fn statements(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let joined = lines.map(str::trim).collect::<Vec<_>>().join(" ");
    joined.split([';', '{', '}', ',']).map(|one| one.trim().to_owned()).collect()
}

/// The comparisons of something secret in a source.
fn compared(text: &str) -> Vec<String> {
    let mut found = statements(text);
    found.retain(|statement| {
        OPEN.iter().any(|open| statement.contains(open))
            && COMPARES.iter().any(|compares| statement.contains(compares))
    });
    found
}

//= req: SECRET-2, type=test
#[test]
fn no_secret_that_lies_open_is_compared() {
    let files = sources();
    let seen = files.iter().map(|file| fs::read_to_string(file).unwrap());
    let opened: usize = seen.map(|text| text.matches(".expose()").count()).sum();
    assert!(opened > 20, "the sources are looked at");
    for file in files {
        let found = compared(&fs::read_to_string(&file).unwrap());
        assert!(found.is_empty(), "{}: {found:?}", file.display());
    }
}

#[test]
fn a_comparison_of_one_is_seen() {
    let planted = "fn same(&self, other: &Self) -> bool {\n    self.0.expose()\n        == other.0.expose()\n}";
    assert_eq!(compared(planted), ["self.0.expose() == other.0.expose()"]);
    assert!(compared("// self.0.expose() == other\nself.0.ct_eq(&other.0)").is_empty());
}

/// A type that holds a secret and compares as its bytes do would compare it unseen.
//= req: SECRET-2, type=test
#[test]
fn secrets_and_tags_are_compared_by_what_takes_the_same_time() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    let secret = read("policy/src/secret.rs");
    let (before, after) = secret.split_once("pub struct Secret").unwrap();
    let attributes = before.rsplit("\n\n").next().unwrap_or_default();
    assert!(!attributes.contains("derive"), "{attributes}");
    assert!(!after.contains("PartialEq"), "a secret is compared by `same` alone");
    assert!(after.contains("self.0.ct_eq(&other.0).into()"), "it takes the same time");
    let token = read("policy/src/token.rs");
    assert!(token.contains(".verify(&self.tag.into())"), "a tag is verified by its MAC's library");
}
