//! SARIF 2.1.0: a rule for each threat, with the weaknesses and the requirements of OWASP ASVS that
//! it is about as taxa, and one result for each.
//!
//! A result says what the catalog has, not what a test run has shown: `pass` where code, evidence
//! of two kinds, an attack and a negative control are there, `open` where something is missing or
//! where there was no source to look at. It is never `fail`: that takes a run (`catalog verify`,
//! `probe`).

use doorward_policy::threat::{Level, Mitigation};
use serde_json::{Value, json};

use super::view::{Entry, Piece, View, attack_file, counted};
use super::{REPOSITORY_NOTE, VERSION, links};

/// What paths are relative to.
const BASE: &str = "SOURCE";

pub(super) fn write(view: &View<'_>) -> String {
    let (cwe, asvs) = (cwe_cited(view), asvs_cited(view));
    let document = json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {
                "driver": {
                    "name": "doorward catalog",
                    "fullName": format!("Doorward's threat catalog {VERSION}"),
                    "version": VERSION,
                    "semanticVersion": VERSION,
                    "supportedTaxonomies": [
                        { "name": "CWE", "index": 0 },
                        { "name": "OWASP ASVS", "index": 1 },
                    ],
                    "rules": view.threats.iter().map(rule).collect::<Value>(),
                },
            },
            "taxonomies": [cwe_taxonomy(&cwe), asvs_taxonomy(&asvs)],
            "originalUriBaseIds": { BASE: { "description": { "text": REPOSITORY_NOTE } } },
            "columnKind": "unicodeCodePoints",
            "results": view.threats.iter().zip(0..)
                .map(|(entry, index)| result(view, entry, index)).collect::<Value>(),
        }],
    });
    format!("{document:#}\n")
}

fn cwe_cited(view: &View<'_>) -> Vec<u16> {
    let mut cited: Vec<_> = view.threats.iter().flat_map(|one| one.threat.cwe).copied().collect();
    cited.sort_unstable();
    cited.dedup();
    cited
}

fn asvs_cited(view: &View<'_>) -> Vec<&'static str> {
    let mut cited: Vec<_> = view.threats.iter().flat_map(|one| one.threat.asvs).copied().collect();
    cited.sort_unstable();
    cited.dedup();
    cited
}

fn cwe_taxonomy(cited: &[u16]) -> Value {
    let taxon = |number: &u16| json!({ "id": number.to_string(), "helpUri": links::cwe(*number) });
    json!({
        "name": "CWE",
        "organization": "MITRE",
        "shortDescription": { "text": "The MITRE Common Weakness Enumeration" },
        "informationUri": "https://cwe.mitre.org/",
        "isComprehensive": false,
        "taxa": cited.iter().map(taxon).collect::<Value>(),
    })
}

fn asvs_taxonomy(cited: &[&str]) -> Value {
    let taxon = |id: &&str| match links::asvs(id) {
        Some(url) => json!({ "id": format!("V{id}"), "helpUri": url }),
        None => json!({ "id": format!("V{id}") }),
    };
    json!({
        "name": "OWASP ASVS",
        "version": "5.0.0",
        "organization": "OWASP Foundation",
        "shortDescription": { "text": "The OWASP Application Security Verification Standard" },
        "informationUri": links::ASVS,
        "isComprehensive": false,
        "taxa": cited.iter().map(taxon).collect::<Value>(),
    })
}

fn rule(entry: &Entry<'_>) -> Value {
    let row = entry.threat;
    let relation = |taxonomy: &str, index: u8, id: String| {
        json!({
            "target": { "id": id, "toolComponent": { "name": taxonomy, "index": index } },
            "kinds": ["relevant"],
        })
    };
    let cwe = row.cwe.iter().map(|number| relation("CWE", 0, number.to_string()));
    let asvs = row.asvs.iter().map(|id| relation("OWASP ASVS", 1, format!("V{id}")));
    let mut tags = vec!["security".to_owned()];
    tags.extend(row.stride.iter().map(|one| one.text().to_owned()));
    // As code scanners tag them.
    tags.extend(row.cwe.iter().map(|number| format!("external/cwe/cwe-{number:03}")));
    json!({
        "id": row.name,
        "name": camel(row.name),
        "shortDescription": { "text": sentence(row.title) },
        "fullDescription": { "text": row.attack },
        "help": { "text": help(entry, ""), "markdown": help(entry, "**") },
        "defaultConfiguration": { "level": level(row.severity.level) },
        "relationships": cwe.chain(asvs).collect::<Value>(),
        "properties": {
            "tags": tags,
            "severity": row.severity.level.text(),
            "invariants": row.invariants.iter().map(|one| one.name()).collect::<Value>(),
            "incidents": row.incidents,
        },
    })
}

/// What a reader of the rule is told; `mark` stands around headings.
fn help(entry: &Entry<'_>, mark: &str) -> String {
    let row = entry.threat;
    let stops: Vec<_> =
        row.mitigations.iter().map(|one| format!("- {}: {}", one.at, one.does)).collect();
    let duties: Vec<_> = row
        .duties
        .iter()
        .map(|duty| format!("- For the {}: {}", duty.of.text(), duty.what))
        .collect();
    let left = if duties.is_empty() {
        String::new()
    } else {
        format!("\n\n{mark}What is left to do{mark}\n\n{}", duties.join("\n"))
    };
    format!(
        "{}\n\n{mark}What it takes{mark}\n\n{}\n\n{mark}What stops it{mark}\n\n{}\n\n\
        {mark}What remains{mark}\n\n{}{left}",
        row.attack,
        row.preconditions,
        stops.join("\n"),
        row.residual,
    )
}

/// `DW-GRANT-REPLAY` as `GrantReplay`.
fn camel(name: &str) -> String {
    let word = |word: &str| {
        let lower = word.to_ascii_lowercase();
        let mut letters = lower.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    name.split('-').skip(1).map(word).collect()
}

fn sentence(text: &str) -> String {
    if text.ends_with('.') { text.to_owned() } else { format!("{text}.") }
}

const fn level(level: Level) -> &'static str {
    match level {
        Level::Low => "note",
        Level::Medium => "warning",
        Level::High | Level::Critical => "error",
    }
}

fn result(view: &View<'_>, entry: &Entry<'_>, index: usize) -> Value {
    let row = entry.threat;
    let gaps = view.gaps(entry);
    let evidence = entry.evidence();
    let kind = if view.evidence_read() && gaps.is_empty() { "pass" } else { "open" };
    let code = entry.code();
    let places: Vec<Value> = if code.is_empty() {
        row.mitigations.iter().map(mitigated).collect()
    } else {
        code.iter().map(|piece| location(piece.file, Some(piece.line), None)).collect()
    };
    let tests = evidence.iter().map(|piece: &Piece<'_>| {
        let text = format!("{}: {}", piece.kind.name(), piece.name());
        location(piece.file, Some(piece.line), Some(&text))
    });
    let attacks =
        entry.coverage.attacks.iter().map(|one| {
            location(&attack_file(&one.id), None, Some(&format!("attack: {}", one.title)))
        });
    let control = entry
        .coverage
        .control
        .map(|one| location(&one.file, None, Some(&format!("negative control: {}", one.guard))));
    json!({
        "ruleId": row.name,
        "ruleIndex": index,
        "kind": kind,
        "level": "none",
        "message": { "text": message(view, entry, evidence.len(), &gaps) },
        "locations": places,
        "relatedLocations": tests.chain(attacks).chain(control).collect::<Value>(),
        "partialFingerprints": { "threat/v1": row.name },
    })
}

fn message(view: &View<'_>, entry: &Entry<'_>, evidence: usize, gaps: &[String]) -> String {
    let required = entry.coverage.requirements.len();
    let required = counted(required, "requirement", "requirements");
    let attacks = counted(entry.coverage.attacks.len(), "attack", "attacks");
    let title = entry.threat.title;
    if !view.evidence_read() {
        return format!(
            "{title}: {required} and {attacks}. Tests and code were not looked at: this was \
            written without a source."
        );
    }
    let tests = counted(evidence, "test", "tests");
    let mut text = format!("{title}: {required}, {tests} and {attacks}");
    if entry.coverage.control.is_some() {
        text.push_str(", and a negative control");
    }
    text.push_str(". Whether they pass is shown by running them.");
    for gap in gaps {
        text.push_str(" Missing: ");
        text.push_str(gap);
    }
    text
}

fn mitigated(one: &Mitigation) -> Value {
    location(one.at, None, Some(one.does))
}

fn location(file: &str, line: Option<usize>, text: Option<&str>) -> Value {
    let mut physical = json!({ "artifactLocation": { "uri": file, "uriBaseId": BASE } });
    if let (Some(line), Some(physical)) = (line, physical.as_object_mut()) {
        physical.insert("region".to_owned(), json!({ "startLine": line }));
    }
    match text {
        Some(text) => json!({ "physicalLocation": physical, "message": { "text": text } }),
        None => json!({ "physicalLocation": physical }),
    }
}
