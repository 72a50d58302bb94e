//! CycloneDX 1.6 attestations: a claim for each threat, the evidence for it, and the requirements
//! that it answers, ours with their text and those of OWASP ASVS 5.0.0 by their identifiers.
//!
//! No score is given for conformance or confidence: nothing was measured. There is no serial number
//! and no time, so that the same catalog gives the same bytes.

use doorward_policy::threat::Mitigation;
use serde_json::{Map, Value, json};

use super::view::{Entry, Piece, View, attack_file, counted, natural};
use super::{VERSION, links};
use crate::{Control, Requirement};

/// The crates that mitigations stand in: the folder, the package, what it is.
const CRATES: [(&str, &str, &str); 7] = [
    ("policy", "doorward-policy", "Every decision, without I/O, clock or randomness"),
    ("transports/gate", "doorward-gate", "Drives the policy: clock, entropy, stores, audit log"),
    ("transports/http", "doorward-http", "Pairing, pages, endpoints, reverse proxy"),
    ("transports/websocket", "doorward-websocket", "Carries admitted WebSockets"),
    ("transports/quic", "doorward-quic", "Greets QUIC connections and carries their streams"),
    ("transports/client", "doorward-client", "Pairs, connects and reconnects"),
    ("transports/listener", "doorward", "The command"),
];

/// The whole, which the claims are about.
const TARGET: &str = "doorward-application";
const ASSESSOR: &str = "assessor:doorward";

pub(super) fn write(view: &View<'_>) -> String {
    let crates: Vec<Value> = CRATES.iter().map(component).collect();
    let parts: Value = CRATES.iter().map(|(_, package, _)| crate_ref(package)).collect();
    let document = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": TARGET,
                "name": "Doorward",
                "version": VERSION,
                "description": "Guards a server: pair once, then only paired clients get through",
                "licenses": [{ "expression": "MIT OR Apache-2.0" }],
            },
        },
        "components": crates,
        "dependencies": [{ "ref": TARGET, "dependsOn": parts }],
        "definitions": { "standards": [own_standard(view), asvs_standard(view)] },
        "declarations": {
            "assessors": [{
                "bom-ref": ASSESSOR,
                "thirdParty": false,
                "organization": { "name": "The authors of Doorward" },
            }],
            "attestations": [{
                "summary": "Which claims answer which requirements. Whether the evidence passes \
                    is shown by running it: `doorward catalog verify`.",
                "assessor": ASSESSOR,
                "map": mapping(view),
            }],
            "claims": view.threats.iter().map(|entry| claim(view, entry)).collect::<Value>(),
            "evidence": evidence(view),
        },
    });
    format!("{document:#}\n")
}

fn crate_ref(package: &str) -> String {
    format!("crate:{package}")
}

fn component((folder, package, description): &(&str, &str, &str)) -> Value {
    json!({
        "type": if *package == "doorward" { "application" } else { "library" },
        "bom-ref": crate_ref(package),
        "name": package,
        "version": VERSION,
        "description": description,
        "licenses": [{ "expression": "MIT OR Apache-2.0" }],
        "properties": [{ "name": "doorward:folder", "value": folder }],
    })
}

fn own_ref(requirement: &str) -> String {
    format!("requirement:{requirement}")
}

fn asvs_ref(id: &str) -> String {
    format!("asvs-5.0.0:{id}")
}

fn claim_ref(entry: &Entry<'_>) -> String {
    format!("claim:{}", entry.threat.name)
}

fn own_standard(view: &View<'_>) -> Value {
    let shown = |one: &Requirement| {
        json!({
            "bom-ref": own_ref(one.id.as_str()),
            "identifier": one.id.as_str(),
            "text": one.text,
            "properties": [{ "name": "doorward:file", "value": one.file }],
        })
    };
    json!({
        "bom-ref": "standard:doorward",
        "name": "Doorward requirements",
        "version": VERSION,
        "owner": "The authors of Doorward",
        "requirements": view.catalog.requirements.iter().map(shown).collect::<Value>(),
    })
}

/// The identifiers that the rows cite, each once, in order.
fn asvs_cited(view: &View<'_>) -> Vec<&'static str> {
    let mut cited: Vec<_> = view.threats.iter().flat_map(|one| one.threat.asvs).copied().collect();
    cited.sort_by_key(|id| {
        id.split('.').map(|part| part.parse::<u32>().unwrap_or(u32::MAX)).collect::<Vec<_>>()
    });
    cited.dedup();
    cited
}

fn asvs_standard(view: &View<'_>) -> Value {
    let shown = |id: &'static str| {
        let mut shown = Map::new();
        shown.insert("bom-ref".to_owned(), asvs_ref(id).into());
        shown.insert("identifier".to_owned(), format!("V{id}").into());
        if let Some(url) = links::asvs(id) {
            let reference = json!([{ "type": "documentation", "url": url }]);
            shown.insert("externalReferences".to_owned(), reference);
        }
        Value::Object(shown)
    };
    json!({
        "bom-ref": "standard:asvs-5.0.0",
        "name": "OWASP Application Security Verification Standard",
        "version": "5.0.0",
        "owner": "OWASP Foundation",
        "description": "Only the requirements that a claim answers, by their identifiers.",
        "requirements": asvs_cited(view).into_iter().map(shown).collect::<Value>(),
        "externalReferences": [{ "type": "website", "url": links::ASVS }],
    })
}

/// Each requirement with the claims that answer it.
fn mapping(view: &View<'_>) -> Vec<Value> {
    let answering = |answers: &dyn Fn(&Entry<'_>) -> bool| {
        let claims = view.threats.iter().filter(|entry| answers(entry)).map(claim_ref);
        claims.collect::<Vec<_>>()
    };
    let mut map = Vec::new();
    for one in &view.catalog.requirements {
        let claims = answering(&|entry| one.threats.contains(&entry.threat.id));
        map.push(json!({ "requirement": own_ref(one.id.as_str()), "claims": claims }));
    }
    for id in asvs_cited(view) {
        let claims = answering(&|entry| entry.threat.asvs.contains(&id));
        map.push(json!({ "requirement": asvs_ref(id), "claims": claims }));
    }
    map
}

fn claim(view: &View<'_>, entry: &Entry<'_>) -> Value {
    let row = entry.threat;
    let mut evidence: Vec<String> = entry.evidence().iter().map(piece_ref).collect();
    evidence.extend(entry.coverage.attacks.iter().map(|one| attack_ref(&one.id)));
    evidence.extend(entry.coverage.control.map(control_ref));
    let mitigations: Vec<String> = numbered(entry).map(|(reference, _)| reference).collect();
    let weaknesses = row.cwe.iter().map(|number| {
        json!({ "type": "other", "url": links::cwe(*number), "comment": format!("CWE-{number}") })
    });
    let standards = row.rfcs.iter().map(|one| {
        let name = links::rfc_name(*one);
        json!({ "type": "documentation", "url": links::rfc(*one), "comment": name })
    });
    let reports = row.incidents.iter().filter_map(|id| {
        let url = links::incident(id)?;
        Some(json!({ "type": "advisories", "url": url, "comment": format!("{id}, elsewhere") }))
    });
    json!({
        "bom-ref": claim_ref(entry),
        "target": TARGET,
        "predicate": format!("{} is prevented: {}", row.name, row.title),
        "reasoning": reasoning(view, entry),
        "mitigationStrategies": mitigations,
        "evidence": evidence,
        "counterEvidence": [residual_ref(entry)],
        "externalReferences":
            weaknesses.chain(standards).chain(reports).collect::<Value>(),
    })
}

fn reasoning(view: &View<'_>, entry: &Entry<'_>) -> String {
    let (kinds, required) = (entry.coverage.kinds(), entry.coverage.requirements.len());
    let kinds: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
    let required = counted(required, "requirement", "requirements");
    let mut text = format!("{required}; evidence of these kinds: {}.", kinds.join(", "));
    if entry.coverage.control.is_some() {
        text.push_str(" With the guard taken out, the evidence fails (negative control).");
    }
    if !view.evidence_read() {
        text.push_str(" Tests and code were not looked at: this was written without a source.");
    }
    for gap in view.gaps(entry) {
        text.push_str(" Missing: ");
        text.push_str(&gap);
    }
    text
}

fn numbered(entry: &Entry<'_>) -> impl Iterator<Item = (String, &'static Mitigation)> {
    let name = entry.threat.name;
    let mitigations = entry.threat.mitigations.iter().zip(1..);
    mitigations.map(move |(one, number)| (format!("mitigation:{name}:{number}"), one))
}

/// A test that two files bring under one name is two.
fn piece_ref(piece: &Piece<'_>) -> String {
    match piece.item {
        Some(item) => format!("{}:{}:{item}", piece.kind.name(), piece.file),
        None => format!("{}:{}:{}", piece.kind.name(), piece.file, piece.line),
    }
}

fn attack_ref(id: &str) -> String {
    format!("attack:{id}")
}

fn control_ref(control: &Control) -> String {
    format!("negative-control:{}", control.threat.name())
}

fn residual_ref(entry: &Entry<'_>) -> String {
    format!("residual:{}", entry.threat.name)
}

/// One piece of evidence: what kind, what it is, and the file that it is in.
fn shown(reference: &str, kind: &str, description: &str, file: Option<&str>) -> Value {
    let mut shown = Map::new();
    shown.insert("bom-ref".to_owned(), reference.into());
    shown.insert("propertyName".to_owned(), format!("doorward:{kind}").into());
    shown.insert("description".to_owned(), description.into());
    if let Some(file) = file {
        // By name: a validator takes its time over every address.
        shown.insert("data".to_owned(), json!([{ "name": file }]));
    }
    Value::Object(shown)
}

fn evidence(view: &View<'_>) -> Vec<Value> {
    let pieces = view.pieces().into_iter().map(|piece| {
        let mut requirements = piece.requirements.clone();
        requirements.sort_unstable_by_key(|id| natural(id));
        let runs = piece.item.map_or_else(String::new, |item| format!(" Run: {}", item.command()));
        let text = format!("{}, for {}.{runs}", piece.name(), requirements.join(", "));
        shown(&piece_ref(&piece), piece.kind.name(), &text, Some(piece.file))
    });
    let attacks = view.threats.iter().flat_map(|entry| &entry.coverage.attacks).map(|one| {
        let file = attack_file(&one.id);
        shown(&attack_ref(&one.id), "attack", &one.title, Some(&file))
    });
    let controls = view.threats.iter().filter_map(|entry| entry.coverage.control).map(|one| {
        let text = format!("Taken out: {}. The evidence must then fail.", one.guard);
        shown(&control_ref(one), "negative-control", &text, Some(&one.file))
    });
    let strategies = view.threats.iter().flat_map(|entry| {
        let mitigation =
            |(id, one): (String, &Mitigation)| shown(&id, "mitigation", one.does, Some(one.at));
        let residual = shown(&residual_ref(entry), "residual", entry.threat.residual, None);
        numbered(entry).map(mitigation).chain([residual])
    });
    pieces.chain(attacks).chain(controls).chain(strategies).collect()
}
