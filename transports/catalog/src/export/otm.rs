//! An Open Threat Model, version 0.2.0 (<https://github.com/iriusrisk/OpenThreatModel>).
//!
//! OTM wants numbers from 0 to 100 that the catalog doesn't have. Those of threats follow their
//! level, those of assets and zones stand here, and what a mitigation takes away is an equal share
//! of its threat: an order of importance, not a measurement. A likelihood is not given.

use doorward_policy::threat::{Asset, Level, Mitigation, Stride};
use serde_json::{Value, json};

use super::view::{Entry, Piece, View, attack_file};
use super::{REPOSITORY_NOTE, VERSION};

/// Who is trusted how much: identifier, name, rating, description.
const ZONES: [(&str, &str, u8, &str); 4] = [
    ("outside", "Outside", 0, "Whatever can reach the port: pages, networks, other programs."),
    ("paired", "Paired", 40, "Whoever holds a session, with the capabilities that it gives."),
    ("guarded", "Guarded", 60, "The guarded server: never trusted with a credential."),
    ("doorward", "Doorward", 100, "The process and its state directory."),
];

/// The part that a mitigation is in if it is in no crate.
const BUILD: &str = "build";

/// The parts: identifier, name, type, zone, the folder of its source.
const PARTS: [(&str, &str, &str, &str, &str); 11] = [
    ("stranger", "A stranger: a page, a program, whoever is on the way", "external", "outside", ""),
    ("client", "A client that wants to get in", "client", "paired", "transports/client"),
    ("policy", "The decisions", "process", "doorward", "policy"),
    ("gate", "Clock, entropy, stores and audit log", "process", "doorward", "transports/gate"),
    ("http", "HTTP: endpoints, pages, proxy", "gateway", "doorward", "transports/http"),
    ("websocket", "WebSocket relay", "gateway", "doorward", "transports/websocket"),
    ("quic", "QUIC: hello and streams", "gateway", "doorward", "transports/quic"),
    ("listener", "The command", "process", "doorward", "transports/listener"),
    (BUILD, "What is built: versions, features, lints", "process", "doorward", ""),
    ("store", "State directory", "datastore", "doorward", ""),
    ("upstream", "The guarded server", "process", "guarded", ""),
];

/// What goes where: identifier, name, source, destination, the assets that go along.
const FLOWS: [(&str, &str, &str, &str, &[Asset]); 12] = [
    ("stranger-http", "An attack over HTTP", "stranger", "http", &[]),
    ("stranger-quic", "An attack over QUIC", "stranger", "quic", &[]),
    ("client-http", "Requests and upgrades", "client", "http", &[Asset::Session, Asset::Grant]),
    ("client-quic", "Hello and streams", "client", "quic", &[Asset::Session, Asset::Grant]),
    ("http-websocket", "Admitted upgrades", "http", "websocket", &[]),
    ("http-gate", "What is to be decided", "http", "gate", &[Asset::Session, Asset::Grant]),
    ("quic-gate", "What is to be decided", "quic", "gate", &[Asset::Session, Asset::Grant]),
    ("gate-policy", "Time, entropy, standing", "gate", "policy", &[Asset::Keys]),
    ("gate-store", "What is kept", "gate", "store", &[Asset::Keys, Asset::AuditLog]),
    ("http-upstream", "Admitted requests", "http", "upstream", &[Asset::GuardedServer]),
    ("websocket-upstream", "Messages", "websocket", "upstream", &[Asset::GuardedServer]),
    ("quic-upstream", "Bytes", "quic", "upstream", &[Asset::GuardedServer]),
];

const ASSETS: [Asset; 7] = [
    Asset::GuardedServer,
    Asset::Session,
    Asset::Grant,
    Asset::Keys,
    Asset::Workspace,
    Asset::Availability,
    Asset::AuditLog,
];

pub(super) fn write(view: &View<'_>) -> String {
    let document = json!({
        "otmVersion": "0.2.0",
        "project": {
            "name": "Doorward",
            "id": "doorward",
            "description": format!(
                "A listener that guards a server: what attacks it, and what stops that. \
                {REPOSITORY_NOTE}"
            ),
            "attributes": { "version": VERSION },
        },
        "representations": [{
            "name": "Source",
            "id": "source",
            "type": "code",
            "description": REPOSITORY_NOTE,
        }],
        "assets": ASSETS.map(asset),
        "trustZones": ZONES.map(|(id, name, rating, description)| json!({
            "id": id,
            "name": name,
            "type": id,
            "description": description,
            "risk": { "trustRating": rating },
        })),
        "components": PARTS.iter().map(|part| component(view, part)).collect::<Value>(),
        "dataflows": FLOWS.map(|(id, name, source, destination, assets)| json!({
            "id": id,
            "name": name,
            "source": source,
            "destination": destination,
            "bidirectional": true,
            "assets": assets.iter().map(|one| asset_id(*one)).collect::<Value>(),
        })),
        "threats": view.threats.iter().map(threat).collect::<Value>(),
        "mitigations": view.threats.iter().flat_map(mitigations).collect::<Value>(),
    });
    format!("{document:#}\n")
}

fn asset_id(asset: Asset) -> &'static str {
    match asset {
        Asset::GuardedServer => "guarded-server",
        Asset::Session => "sessions",
        Asset::Grant => "grants",
        Asset::Keys => "keys",
        Asset::Workspace => "workspaces",
        Asset::Availability => "availability",
        Asset::AuditLog => "audit-log",
    }
}

/// An asset, with what it is worth as confidential, unchanged and available.
fn asset(asset: Asset) -> Value {
    let (confidentiality, integrity, availability) = match asset {
        Asset::GuardedServer | Asset::Keys => (100, 100, 75),
        Asset::Session | Asset::Grant => (100, 100, 50),
        Asset::Workspace => (75, 100, 50),
        Asset::Availability => (0, 0, 100),
        Asset::AuditLog => (50, 100, 75),
    };
    json!({
        "id": asset_id(asset),
        "name": asset.text(),
        "risk": {
            "confidentiality": confidentiality,
            "integrity": integrity,
            "availability": availability,
        },
    })
}

/// A part, with the threats that it has a mitigation against.
fn component(view: &View<'_>, part: &(&str, &str, &str, &str, &str)) -> Value {
    let (id, name, kind, zone, folder) = *part;
    let threats = view.threats.iter().filter_map(|entry| {
        let here = mitigations_of(entry)
            .filter(|(_, one)| part_of(one.at) == id)
            .map(|(id, _)| json!({ "mitigation": id, "state": "implemented" }));
        let here: Vec<Value> = here.collect();
        let state = if view.gaps(entry).is_empty() { "mitigated" } else { "partly-mitigated" };
        let some = !here.is_empty();
        some.then(|| json!({ "threat": entry.threat.name, "state": state, "mitigations": here }))
    });
    let mut shown = json!({
        "id": id,
        "name": name,
        "type": kind,
        "parent": { "trustZone": zone },
        "threats": threats.collect::<Value>(),
    });
    if let (Some(shown), false) = (shown.as_object_mut(), folder.is_empty()) {
        let place = json!([{ "representation": "source", "id": folder, "file": folder }]);
        shown.insert("representations".to_owned(), place);
    }
    shown
}

fn part_of(file: &str) -> &'static str {
    let within = |folder: &str| {
        !folder.is_empty() && file.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
    };
    PARTS.iter().find(|(.., folder)| within(folder)).map_or(BUILD, |(id, ..)| id)
}

fn threat(entry: &Entry<'_>) -> Value {
    let row = entry.threat;
    let (id, title) = (row.name, row.title);
    json!({
        "id": id,
        "name": title,
        "description": row.attack,
        "categories": row.stride.iter().copied().map(category).collect::<Value>(),
        "cwes": row.cwe.iter().map(|number| format!("CWE-{number}")).collect::<Value>(),
        "risk": {
            "likelihood": null,
            "likelihoodComment": row.preconditions,
            "impact": impact(row.severity.level),
            "impactComment": row.severity.because,
        },
        "tags": row.invariants.iter().map(|one| one.name()).collect::<Value>(),
        "attributes": {
            "attackers": joined(row.attackers.iter().map(|one| one.text())),
            "assets": joined(row.assets.iter().map(|one| asset_id(*one))),
            "severity": row.severity.level.text(),
            "residual": row.residual,
            "duties": joined(row.duties.iter().map(|one| one.what)),
            "incidents": joined(row.incidents.iter().copied()),
            "requirements": joined(entry.coverage.requirements.iter().map(|one| one.id.as_str())),
            "evidence": evidence(entry),
            "attacks": joined(entry.coverage.attacks.iter().map(|one| attack_file(&one.id))),
            "negativeControl": entry.coverage.control.map_or("", |control| control.file.as_str()),
        },
    })
}

/// OTM's attributes are texts.
fn joined<T: Into<String>>(texts: impl Iterator<Item = T>) -> String {
    texts.map(Into::into).collect::<Vec<String>>().join("; ")
}

fn evidence(entry: &Entry<'_>) -> String {
    let shown =
        |piece: &Piece<'_>| format!("{} {}: {}", piece.kind.name(), piece.file, piece.name());
    joined(entry.evidence().iter().map(shown))
}

const fn category(stride: Stride) -> &'static str {
    match stride {
        Stride::Spoofing => "Spoofing",
        Stride::Tampering => "Tampering",
        Stride::Repudiation => "Repudiation",
        Stride::InformationDisclosure => "Information Disclosure",
        Stride::DenialOfService => "Denial of Service",
        Stride::ElevationOfPrivilege => "Elevation of Privilege",
    }
}

const fn impact(level: Level) -> u8 {
    match level {
        Level::Low => 25,
        Level::Medium => 50,
        Level::High => 75,
        Level::Critical => 100,
    }
}

fn mitigations_of(entry: &Entry<'_>) -> impl Iterator<Item = (String, &'static Mitigation)> {
    let name = entry.threat.name;
    let numbered = entry.threat.mitigations.iter().zip(1..);
    numbered.map(move |(one, number)| (format!("{name}-M{number}"), one))
}

fn mitigations(entry: &Entry<'_>) -> Vec<Value> {
    let share = 100_usize.checked_div(entry.threat.mitigations.len()).unwrap_or(0);
    let shown = |(id, one): (String, &Mitigation)| {
        json!({
            "id": id,
            "name": format!("{} in {}", entry.threat.name, one.at),
            "description": one.does,
            "riskReduction": share,
            "attributes": { "file": one.at },
        })
    };
    mitigations_of(entry).map(shown).collect()
}
