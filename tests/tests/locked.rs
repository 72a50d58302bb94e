//! The versions of libraries that fixed what was published about them, as `Cargo.lock` has them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    reason = "a test that can't go on must stop"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

type Version = (u64, u64, u64);

fn lock_file(folder: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder).join("Cargo.lock");
    std::fs::read_to_string(path).unwrap()
}

/// Every version of a package in the lock file: there may be several at once.
fn locked(package: &str) -> Vec<Version> {
    let text = lock_file("");
    let name = format!("name = \"{package}\"");
    let lines: Vec<&str> = text.lines().collect();
    let versions = lines.windows(2).filter(|pair| pair[0] == name).map(|pair| {
        let version = pair[1].strip_prefix("version = \"").unwrap().trim_end_matches('"');
        let mut numbers = version.splitn(3, '.').map(|number| number.parse().unwrap());
        (numbers.next().unwrap(), numbers.next().unwrap(), numbers.next().unwrap())
    });
    versions.collect()
}

fn at_least(package: &str, least: Version) {
    let versions = locked(package);
    assert!(!versions.is_empty(), "{package} is not locked");
    assert!(versions.iter().all(|version| *version >= least), "{package}: {versions:?}");
}

/// CVE-2023-42805 (an unknown frame panics), CVE-2024-45311 (`retry` panics), CVE-2026-31812 (bad
/// transport parameters panic), CVE-2026-25800 (fragments with gaps exhaust memory): the last of
/// them was fixed in 0.11.15.
//= req: QUIC-9, type=exception, reason=what is fixed is quinn's own code, which only its version can bring
//= req: QUIC-9, type=test
#[test]
fn quinn_has_what_was_published_about_it_fixed() {
    at_least("quinn-proto", (0, 11, 15));
}

/// CVE-2023-43669: the head of a handshake was parsed again for each piece of it.
//= req: WS-7, type=exception, reason=what is fixed is tungstenite's own code, which only its version can bring
//= req: WS-7, type=test
#[test]
fn tungstenite_has_what_was_published_about_it_fixed() {
    at_least("tungstenite", (0, 20, 1));
}

/// CVE-2026-23519 (a comparison in constant time is compiled into a branch on small ARM cores):
/// fixed in 0.4.4, and wrong results on AArch64 in 0.5.4. The library of MACs compares with it.
//= req: SECRET-2, type=test
#[test]
fn what_compares_in_constant_time_has_what_was_published_about_it_fixed() {
    at_least("cmov", (0, 5, 4));
}

/// What is fuzzed, proved on compiled code and run under valgrind is built from lock files of its own.
#[test]
fn what_is_built_apart_is_built_from_the_same_versions() {
    let whole = packages(&lock_file(""));
    for folder in ["fuzz", "tests/formal/compiled/core", "tests/formal/constant-time"] {
        for (name, versions) in packages(&lock_file(folder)) {
            let others: Vec<_> = whole
                .get(&name)
                .map(|known| versions.difference(known).collect())
                .unwrap_or_default();
            assert!(others.is_empty(), "{folder}/Cargo.lock has another {name}: {others:?}");
        }
    }
}

/// The packages of a lock file with their versions, as they stand there.
fn packages(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut packages = BTreeMap::<_, BTreeSet<_>>::new();
    let lines: Vec<&str> = text.lines().collect();
    for pair in lines.windows(2).filter(|pair| pair[0].starts_with("name = ")) {
        packages.entry(pair[0].to_owned()).or_default().insert(pair[1].to_owned());
    }
    packages
}
