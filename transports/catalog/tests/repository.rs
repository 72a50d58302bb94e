//! The repository itself: what it requires is there, cited, tested, attacked and controlled.

use std::path::Path;

use doorward_catalog::{Catalog, Fault};
use doorward_policy::threat::OUTSIDE;

fn listed(faults: &[Fault]) -> String {
    faults.iter().map(|fault| format!("{fault}\n")).collect()
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

#[test]
fn nothing_is_missing_in_the_matrix() {
    let catalog = Catalog::read(root()).expect("read");
    let faults = catalog.faults(None);
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), listed(&faults));
}

#[test]
fn what_is_compiled_in_is_what_is_in_the_tree() {
    let (here, carried) = (Catalog::read(root()).expect("read"), Catalog::embedded());
    assert_eq!(carried.requirements, here.requirements);
    let names = |catalog: &Catalog| -> Vec<String> {
        catalog.attacks.iter().map(|attack| attack.id.clone()).collect()
    };
    assert_eq!(names(&carried), names(&here));
    assert!(carried.citations.is_empty() && carried.source.is_none());
    assert!(carried.faults(None).is_empty(), "{}", listed(&carried.faults(None)));
}

#[test]
fn the_auditors_page_says_what_no_evidence_speaks_of() {
    let page = std::fs::read_to_string(root().join("docs/auditing.md")).expect("a page");
    let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
    for one in OUTSIDE {
        let said = format!("- **{}.** {}", one.what, one.means);
        assert!(page.contains(&said), "docs/auditing.md lacks \"{said}\"");
    }
}
