//! What the exports say: all of it, the same each time, and nothing that a text could smuggle in.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    reason = "a test that can't go on must stop"
)]

use std::collections::BTreeSet;
use std::path::Path;

use doorward_catalog::export::{Format, export};
use doorward_catalog::{Catalog, Kind};
use doorward_policy::Denial;
use doorward_policy::threat::{INCIDENTS, Threat, ThreatId};
use serde_json::Value;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn checkout() -> Catalog {
    Catalog::read(root()).unwrap_or_else(|error| panic!("{error}"))
}

fn json(catalog: &Catalog, format: Format) -> Value {
    serde_json::from_str(&export(catalog, format)).unwrap()
}

fn rows() -> impl Iterator<Item = &'static Threat> {
    ThreatId::all().map(ThreatId::row)
}

fn items<'a>(value: &'a Value, pointer: &str) -> &'a Vec<Value> {
    value.pointer(pointer).and_then(Value::as_array).unwrap_or_else(|| panic!("no {pointer}"))
}

fn ids<'a>(items: &'a [Value], member: &str) -> Vec<&'a str> {
    items.iter().map(|item| item[member].as_str().unwrap()).collect()
}

#[test]
fn the_page_of_threats_is_current() {
    let page = std::fs::read_to_string(root().join("docs/threats.md")).unwrap_or_default();
    assert!(
        page == export(&checkout(), Format::Markdown),
        "docs/threats.md is not what the catalog says: regenerate it with \
        `cargo run -- catalog export --format markdown > docs/threats.md`"
    );
}

#[test]
fn a_format_is_found_by_its_name() {
    for format in Format::ALL {
        assert_eq!(Format::named(format.name()), Some(format));
    }
    assert_eq!(Format::named("pdf"), None);
}

#[test]
fn each_format_has_every_threat_and_says_nothing_of_this_machine() {
    let catalog = checkout();
    for format in Format::ALL {
        let text = export(&catalog, format);
        rows().for_each(|row| assert!(text.contains(row.name), "{format:?} {}", row.name));
        assert!(!text.contains(env!("CARGO_MANIFEST_DIR")), "{format:?}");
        assert!(text.ends_with('\n') && text == export(&checkout(), format), "{format:?}");
    }
}

#[test]
fn the_page_has_every_row_denial_incident_requirement_and_attack() {
    let catalog = checkout();
    let page = export(&catalog, Format::Markdown);
    for row in rows() {
        assert!(page.contains(&format!("\n## {}\n", row.name)));
        for text in [row.title, row.severity.because, row.preconditions, row.attack, row.residual] {
            assert!(page.contains(text), "{}: {text}", row.name);
        }
        row.mitigations
            .iter()
            .for_each(|one| assert!(page.contains(one.does) && page.contains(one.at)));
        row.duties.iter().for_each(|one| assert!(page.contains(one.what)));
    }
    for denial in Denial::examples() {
        let name = denial.audit();
        let name = name.split(": ").next().unwrap();
        assert!(page.contains(&format!("`{name}")), "{name}");
    }
    assert!(
        !page.contains("https://evil.example"),
        "what an example saw is no part of the catalog"
    );
    INCIDENTS.iter().for_each(|one| assert!(page.contains(one.id), "{}", one.id));
    catalog.requirements.iter().for_each(|one| assert!(page.contains(&one.text), "{}", one.id));
    catalog.attacks.iter().for_each(|one| assert!(page.contains(&one.title), "{}", one.id));
}

/// So that the page changes with what is cited, and not with every line that moves.
#[test]
fn the_page_has_no_line_numbers() {
    let mut catalog = checkout();
    let page = export(&catalog, Format::Markdown);
    catalog.citations.iter_mut().for_each(|one| one.line += 1000);
    catalog.requirements.iter_mut().for_each(|one| one.line += 1000);
    assert_eq!(export(&catalog, Format::Markdown), page);
}

#[test]
fn a_link_of_the_page_leads_to_a_file() {
    let page = export(&checkout(), Format::Markdown);
    let links: BTreeSet<&str> =
        page.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert!(links.len() > 50);
    for link in
        links.into_iter().filter(|link| !link.starts_with("https:") && !link.starts_with('#'))
    {
        assert!(root().join("docs").join(link).is_file(), "{link}");
    }
}

#[test]
fn nothing_of_a_text_becomes_markup() {
    const HOSTILE: &str = "</script><script>alert(1)</script><img src=x onerror=\"alert(1)\">";
    let mut catalog = checkout();
    catalog.requirements.iter_mut().for_each(|one| one.text = HOSTILE.to_owned());
    for attack in &mut catalog.attacks {
        attack.title = HOSTILE.to_owned();
        attack.id = format!("{}{HOSTILE}", attack.id);
    }
    for citation in &mut catalog.citations {
        citation.file = HOSTILE.to_owned();
        citation.reason = Some(HOSTILE.to_owned());
        if let Some(item) = &mut citation.item {
            item.name = HOSTILE.to_owned();
        }
    }
    catalog.controls.iter_mut().for_each(|one| one.guard = HOSTILE.to_owned());
    let page = export(&catalog, Format::Html);
    assert!(page.contains("&lt;/script&gt;"));
    assert_eq!(page.matches("<script").count(), 1);
    assert_eq!(page.matches("<img").count(), 0);
    assert!(!page.contains("onerror=\"alert"));
}

#[test]
fn the_page_asks_nobody_for_anything() {
    let page = export(&checkout(), Format::Html);
    for loads in
        [" src=", "url(", "@import", "fetch(", "<iframe", "<object", " style=", " onclick="]
    {
        assert!(!page.contains(loads), "{loads}");
    }
    assert_eq!(page.matches("<link").count(), 1);
    assert!(page.contains("<link rel=\"icon\" href=\"data:,\">"));
}

#[test]
fn an_anchor_is_there_once_and_whatever_is_linked_to_is_there() {
    let page = export(&checkout(), Format::Html);
    let after = |mark: &'static str| -> Vec<&str> {
        page.split(mark).skip(1).filter_map(|rest| rest.split('"').next()).collect()
    };
    let anchors = after(" id=\"");
    let unique: BTreeSet<&str> = anchors.iter().copied().collect();
    assert_eq!(unique.len(), anchors.len());
    for link in after(" href=\"#") {
        assert!(unique.contains(link), "#{link}");
    }
}

#[test]
fn without_a_source_nothing_is_said_to_be_missing_or_to_be_there() {
    let catalog = Catalog::embedded();
    let document = json(&catalog, Format::Json);
    assert_eq!(document["evidence_read"], false);
    assert!(items(&document, "/not_covered/gaps").is_empty());
    let sarif = json(&catalog, Format::Sarif);
    for result in items(&sarif, "/runs/0/results") {
        assert_eq!(result["kind"], "open");
    }
    assert!(export(&catalog, Format::Markdown).contains("beside a checkout"));
    assert!(export(&catalog, Format::Html).contains("without a checkout"));
}

#[test]
fn what_is_missing_is_said_in_every_format() {
    let mut catalog = checkout();
    let name = ThreatId::GrantReplay.name();
    catalog.controls.retain(|one| one.threat != ThreatId::GrantReplay);
    catalog.attacks.retain(|one| one.threat != name);
    let document = json(&catalog, Format::Json);
    let gaps = items(&document, "/not_covered/gaps");
    let gaps = gaps.iter().filter(|gap| gap["threat"] == name).count();
    assert!(gaps >= 2);
    let sarif = json(&catalog, Format::Sarif);
    let results = items(&sarif, "/runs/0/results");
    let result = results.iter().find(|result| result["ruleId"] == name).unwrap();
    assert_eq!(result["kind"], "open");
    for format in Format::ALL.into_iter().filter(|format| *format != Format::Otm) {
        assert!(export(&catalog, format).contains("No attack replays it."), "{format:?}");
    }
    let otm = json(&catalog, Format::Otm);
    let parts = items(&otm, "/components").iter().flat_map(|part| items(part, "/threats"));
    let states: BTreeSet<_> = parts
        .filter(|one| one["threat"] == name)
        .map(|one| one["state"].as_str().unwrap())
        .collect();
    assert_eq!(states, BTreeSet::from(["partly-mitigated"]));
}

#[test]
fn json_has_all_that_the_catalog_has() {
    let catalog = checkout();
    let document = json(&catalog, Format::Json);
    let names: Vec<&str> = rows().map(|row| row.name).collect();
    assert_eq!(ids(items(&document, "/threats"), "id"), names);
    assert_eq!(items(&document, "/requirements").len(), catalog.requirements.len());
    assert_eq!(items(&document, "/attacks").len(), catalog.attacks.len());
    assert_eq!(items(&document, "/negative_controls").len(), catalog.controls.len());
    assert_eq!(items(&document, "/incidents").len(), INCIDENTS.len());
    let citations: usize =
        items(&document, "/requirements").iter().map(|one| items(one, "/citations").len()).sum();
    assert_eq!(citations, catalog.citations.len());
    let exceptions = catalog.citations.iter().filter(|one| one.kind == Kind::Exception).count();
    assert_eq!(items(&document, "/not_covered/exceptions").len(), exceptions);
}

/// The names in CycloneDX are what claims, evidence and requirements are tied together by.
#[test]
fn each_name_in_cyclonedx_is_there_once() {
    let document = json(&checkout(), Format::Cyclonedx);
    let mut names = Vec::new();
    collect(&document, &mut names);
    let unique: BTreeSet<&String> = names.iter().collect();
    assert_eq!(unique.len(), names.len());
    for claim in items(&document, "/declarations/claims") {
        for kind in ["/evidence", "/counterEvidence", "/mitigationStrategies"] {
            for name in items(claim, kind) {
                assert!(unique.contains(&name.as_str().unwrap().to_owned()), "{name}");
            }
        }
    }
}

fn collect(value: &Value, names: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, names)),
        Value::Object(members) => {
            names.extend(members.get("bom-ref").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|item| collect(item, names));
        }
        _ => {}
    }
}
