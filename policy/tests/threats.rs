//! The threat catalog is whole, says something, and is the page that is checked in.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "a test that can't go on must stop"
)]

use std::collections::BTreeSet;

use doorward_policy::Denial;
use doorward_policy::threat::{INCIDENTS_ELSEWHERE, Threat, ThreatId, markdown};

fn rows() -> Vec<&'static Threat> {
    ThreatId::all().map(ThreatId::row).collect()
}

#[test]
fn the_page_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/threats.md");
    let page = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        page == markdown(),
        "docs/threats.md is not what the catalog says: regenerate it with \
        `cargo run -- catalog markdown > docs/threats.md`"
    );
}

#[test]
fn each_row_is_that_of_its_id_and_found_by_its_name() {
    let mut names = BTreeSet::new();
    for id in ThreatId::all() {
        let row = id.row();
        assert_eq!(row.id, id);
        assert_eq!(row.name, id.name());
        assert_eq!(Threat::find(row.name), Some(row));
        assert_eq!(Threat::find(&row.name.to_lowercase()), Some(row));
        assert!(names.insert(row.name), "{} twice", row.name);
        let plain = |byte: u8| byte.is_ascii_uppercase() || byte == b'-';
        assert!(row.name.starts_with("DW-") && row.name.bytes().all(plain), "{}", row.name);
    }
    assert_eq!(Threat::find("DW-NOTHING"), None);
}

#[test]
fn names_follow_the_variants() {
    for id in ThreatId::all() {
        let variant: String = format!("{id:?}")
            .chars()
            .flat_map(|char| {
                let dash = char.is_ascii_uppercase().then_some('-');
                dash.into_iter().chain([char.to_ascii_uppercase()])
            })
            .collect();
        assert_eq!(id.name(), format!("DW{variant}"));
    }
}

#[test]
fn each_row_says_something() {
    for row in rows() {
        for (part, text) in [
            ("title", row.title),
            ("attack", row.attack),
            ("defence", row.defence),
            ("residual", row.residual),
        ] {
            assert!(text.len() > 15, "{} {part}", row.name);
            assert!(!text.contains("  ") && text.is_ascii(), "{} {part}: {text}", row.name);
            assert_eq!(text.ends_with('.'), part != "title", "{} {part}", row.name);
        }
    }
}

#[test]
fn invariants_are_known_and_each_is_somebodys() {
    let cited: BTreeSet<&str> = rows().iter().flat_map(|row| row.invariants).copied().collect();
    for row in rows() {
        assert!(!row.invariants.is_empty(), "{}", row.name);
        let mut sorted: Vec<u8> = row
            .invariants
            .iter()
            .map(|name| name.trim_start_matches('I').parse().unwrap())
            .collect();
        let written = sorted.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted, written, "{}", row.name);
    }
    // I17 is about early data, which only QUIC has; I21 is the stores' alone.
    let all = (1..=21).filter(|number| ![17, 21].contains(number));
    let expected: BTreeSet<String> = all.map(|number| format!("I{number}")).collect();
    assert_eq!(cited, expected.iter().map(String::as_str).collect());
}

#[test]
fn each_denial_names_a_threat_and_each_threat_but_one_has_a_denial() {
    let denied: BTreeSet<ThreatId> = Denial::examples().iter().map(Denial::threat).collect();
    let without: Vec<ThreatId> = ThreatId::all().filter(|id| !denied.contains(id)).collect();
    assert_eq!(without, [ThreatId::SecretLeak]);
}

#[test]
fn no_incident_is_in_a_row_twice_or_in_one_and_excused() {
    for row in rows() {
        let unique: BTreeSet<_> = row.incidents.iter().collect();
        assert_eq!(unique.len(), row.incidents.len(), "{}", row.name);
        for elsewhere in INCIDENTS_ELSEWHERE {
            assert!(!row.incidents.contains(&elsewhere.id), "{}", elsewhere.id);
            assert!(!elsewhere.reason.is_empty() && !elsewhere.software.is_empty());
        }
    }
}

#[test]
fn the_page_has_every_row_denial_and_incident() {
    let page = markdown();
    for row in rows() {
        assert!(page.contains(&format!("\n## {}\n", row.name)));
        assert!(page.contains(row.attack) && page.contains(row.defence));
        assert!(page.contains(row.residual));
        row.incidents.iter().for_each(|id| assert!(page.contains(id)));
    }
    for denial in Denial::examples() {
        let name = denial.audit();
        let name = name.split(": ").next().unwrap();
        assert!(page.contains(&format!("`{name}")), "{name}");
    }
    assert!(!page.contains("evil.example"), "what an example saw is no part of the catalog");
}
