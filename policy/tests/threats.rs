//! The threat catalog is whole, and says something.
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
use std::fmt::Debug;
use std::path::Path;

use doorward_policy::Denial;
use doorward_policy::threat::{Invariant, Level, Threat, ThreatId};

fn rows() -> Vec<&'static Threat> {
    ThreatId::all().map(ThreatId::row).collect()
}

/// The root of the repository.
fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every text of a row, with the name of its part.
fn texts(row: &'static Threat) -> Vec<(&'static str, &'static str)> {
    let parts = [
        ("severity", row.severity.because),
        ("preconditions", row.preconditions),
        ("attack", row.attack),
        ("residual", row.residual),
    ];
    let mitigations = row.mitigations.iter().map(|one| ("mitigation", one.does));
    let duties = row.duties.iter().map(|one| ("duty", one.what));
    parts.into_iter().chain(mitigations).chain(duties).collect()
}

/// In its order and without repetition.
fn is_set<T: Ord + Debug>(values: &[T]) -> bool {
    values.windows(2).all(|pair| pair[0] < pair[1])
}

fn is_unique<T: Ord>(values: &[T]) -> bool {
    values.iter().collect::<BTreeSet<_>>().len() == values.len()
}

#[test]
fn the_page_of_invariants_states_them() {
    let page = read("docs/invariants.md");
    let stated: Vec<&str> = page.lines().filter(|line| line.starts_with("| I")).collect();
    let row = |one: Invariant| format!("| {} | {} |", one.name(), one.statement());
    assert_eq!(stated, Invariant::ALL.map(row));
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
        for (part, text) in texts(row).into_iter().chain([("title", row.title)]) {
            assert!(text.len() > 15, "{} {part}", row.name);
            assert!(!text.contains("  ") && text.is_ascii(), "{} {part}: {text}", row.name);
            assert!(!text.contains(['|', '\n', '<']), "{} {part}: {text}", row.name);
            assert_eq!(text.ends_with('.'), part != "title", "{} {part}: {text}", row.name);
        }
    }
}

#[test]
fn no_text_stands_in_two_rows() {
    let mut seen = BTreeSet::new();
    for row in rows() {
        for (part, text) in texts(row) {
            let shared = part == "mitigation" || part == "duty";
            assert!(seen.insert(text) || shared, "{} {part}: {text}", row.name);
        }
    }
}

#[test]
fn each_row_says_who_attacks_what_and_how() {
    for row in rows() {
        for (part, is_there) in [
            ("attackers", !row.attackers.is_empty()),
            ("assets", !row.assets.is_empty()),
            ("stride", !row.stride.is_empty()),
            ("mitigations", !row.mitigations.is_empty()),
            ("invariants", !row.invariants.is_empty()),
            ("cwe", !row.cwe.is_empty()),
        ] {
            assert!(is_there, "{} {part}", row.name);
        }
        assert!(is_unique(row.attackers) && is_unique(row.assets), "{}", row.name);
        assert!(is_unique(row.stride) && is_unique(row.incidents), "{}", row.name);
        assert!(is_set(row.cwe) && is_set(row.invariants), "{}", row.name);
    }
}

#[test]
fn the_levels_tell_rows_apart() {
    for level in [Level::Low, Level::Medium, Level::High, Level::Critical] {
        assert!(rows().iter().any(|row| row.severity.level == level), "{level:?}");
    }
}

#[test]
fn each_mitigation_is_in_a_file_that_there_is() {
    for row in rows() {
        let files: Vec<&str> = row.mitigations.iter().map(|one| one.at).collect();
        assert!(is_unique(&files), "{}: {files:?}", row.name);
        for file in files {
            assert!(root().join(file).is_file(), "{}: {file}", row.name);
        }
    }
}

/// A duty names a setting as the page for operators does.
#[test]
fn the_settings_that_duties_name_are_settings() {
    let operations = read("docs/operations.md");
    for row in rows() {
        for duty in row.duties {
            for name in duty.what.split('`').skip(1).step_by(2).filter(|name| name.contains('_')) {
                assert!(operations.contains(&format!("`{name}`")), "{}: {name}", row.name);
            }
        }
    }
}

#[test]
fn each_requirement_of_asvs_is_one() {
    let ids = read("tests/schemas/asvs-5.0.0-ids.txt");
    let ids: BTreeSet<&str> = ids.lines().collect();
    assert_eq!(ids.len(), 345);
    for row in rows() {
        assert!(is_unique(row.asvs), "{}", row.name);
        for id in row.asvs {
            assert!(ids.contains(id), "{}: {id}", row.name);
        }
        let parts = |id: &&str| -> Vec<u32> { id.split('.').map(|n| n.parse().unwrap()).collect() };
        assert!(row.asvs.is_sorted_by_key(parts), "{}: {:?}", row.name, row.asvs);
    }
    // ASVS knows nothing of early data.
    let without: Vec<ThreatId> =
        rows().iter().filter(|row| row.asvs.is_empty()).map(|row| row.id).collect();
    assert_eq!(without, [ThreatId::EarlyData]);
}

#[test]
fn each_section_of_an_rfc_can_be_one() {
    for row in rows() {
        let places: Vec<_> = row.rfcs.iter().map(|rfc| (rfc.number, rfc.section)).collect();
        assert!(is_unique(&places), "{}: {places:?}", row.name);
        assert!(row.rfcs.is_sorted_by_key(|rfc| rfc.number), "{}", row.name);
        for (number, section) in places {
            let is_part = |part: &str| {
                part.parse::<u8>().is_ok_and(|part| part > 0)
                    || (part.len() == 1 && part.as_bytes()[0].is_ascii_uppercase())
            };
            assert!(number > 1000 && section.split('.').all(is_part), "{number} {section}");
        }
    }
    // Service workers are W3C's, and how a store keeps its word is nobody's.
    let without: Vec<ThreatId> =
        rows().iter().filter(|row| row.rfcs.is_empty()).map(|row| row.id).collect();
    assert_eq!(without, [ThreatId::ServiceWorker, ThreatId::LostEffect]);
}

#[test]
fn each_invariant_is_somebodys() {
    let cited: BTreeSet<Invariant> =
        rows().iter().flat_map(|row| row.invariants).copied().collect();
    assert_eq!(cited, Invariant::ALL.into());
}

#[test]
fn each_denial_names_a_threat_and_who_has_none_is_known() {
    let denied: BTreeSet<ThreatId> = Denial::examples().iter().map(Denial::threat).collect();
    let without: Vec<ThreatId> = ThreatId::all().filter(|id| !denied.contains(id)).collect();
    // What these are about is not refused: it never comes to be. A generator that fails is an
    // outage like any other, and so denied as DW-FAIL-OPEN.
    let prevented = [
        ThreatId::SessionFixation,
        ThreatId::EarlyData,
        ThreatId::PredictableSecret,
        ThreatId::LostEffect,
        ThreatId::SecretLeak,
    ];
    assert_eq!(without, prevented);
}
