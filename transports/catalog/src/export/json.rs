//! Everything there is, in a shape of our own.
//!
//! `docs/catalog-export.md` describes it and `tests/schemas/doorward-catalog.schema.json` checks it.
//! A member may be added; one that is renamed, removed or changed in meaning makes a new
//! `format_version`.

use doorward_policy::threat::{INCIDENTS, Incident, Invariant};
use doorward_probe::Attack;
use serde_json::{Value, json};

use super::view::{Entry, Piece, View, attack_file};
use super::{VERSION, links};
use crate::{Citation, Control, Item, Kind, Requirement};

/// The version of this shape.
const FORMAT_VERSION: u32 = 1;

pub(super) fn write(view: &View<'_>) -> String {
    let catalog = view.catalog;
    let document = json!({
        "format": "doorward-catalog",
        "format_version": FORMAT_VERSION,
        "version": VERSION,
        "evidence_read": view.evidence_read(),
        "invariants": Invariant::ALL.map(invariant),
        "threats": list(&view.threats, |entry| threat(view, entry)),
        "requirements": list(&catalog.requirements, |one| requirement(view, one)),
        "attacks": list(&catalog.attacks, attack),
        "negative_controls": list(&catalog.controls, control),
        "incidents": INCIDENTS.iter().map(|one| incident(view, one)).collect::<Value>(),
        "not_covered": not_covered(view),
    });
    format!("{document:#}\n")
}

fn list<T>(items: &[T], shown: impl Fn(&T) -> Value) -> Value {
    items.iter().map(shown).collect()
}

fn names(invariants: &[Invariant]) -> Value {
    list(invariants, |one| one.name().into())
}

fn invariant(one: Invariant) -> Value {
    json!({ "id": one.name(), "statement": one.statement() })
}

fn threat(view: &View<'_>, entry: &Entry<'_>) -> Value {
    let row = entry.threat;
    json!({
        "id": row.name,
        "title": row.title,
        "attackers": list(row.attackers, |one| one.text().into()),
        "assets": list(row.assets, |one| one.text().into()),
        "stride": list(row.stride, |one| one.text().into()),
        "severity": { "level": row.severity.level.text(), "because": row.severity.because },
        "preconditions": row.preconditions,
        "attack": row.attack,
        "mitigations": list(row.mitigations, |one| json!({ "file": one.at, "does": one.does })),
        "residual": row.residual,
        "duties": list(row.duties, |one| json!({ "of": one.of.text(), "what": one.what })),
        "denials": entry.denials,
        "invariants": names(row.invariants),
        "requirements": list(&entry.coverage.requirements, |one| one.id.as_str().into()),
        "code": list(&entry.code(), piece),
        "evidence": list(&entry.evidence(), piece),
        "attacks": list(&entry.coverage.attacks, |one| one.id.as_str().into()),
        "negative_control": entry.coverage.control.map(|one| one.file.as_str()),
        "incidents": row.incidents,
        "cwe": list(row.cwe, |number| json!({ "id": number, "url": links::cwe(*number) })),
        "asvs": list(row.asvs, |id| json!({ "id": id, "url": links::asvs(id) })),
        "rfcs": list(row.rfcs, |one| {
            json!({ "number": one.number, "section": one.section, "url": links::rfc(*one) })
        }),
        "gaps": view.gaps(entry),
    })
}

/// Something that was cited, with the command that runs it where one does.
fn piece(piece: &Piece<'_>) -> Value {
    json!({
        "kind": piece.kind.name(),
        "file": piece.file,
        "line": piece.line,
        "test": piece.item.map(test),
        "requirements": piece.requirements,
    })
}

fn test(item: &Item) -> Value {
    json!({
        "package": item.package,
        "target": item.target,
        "name": item.name,
        "command": item.command(),
    })
}

fn requirement(view: &View<'_>, one: &Requirement) -> Value {
    let concerns = |citation: &&Citation| citation.requirement == one.id.as_str();
    let place = |citation: &Citation| json!({ "kind": citation.kind.name(), "file": citation.file, "line": citation.line });
    let cited = view.catalog.citations.iter().filter(concerns);
    json!({
        "id": one.id.as_str(),
        "text": one.text,
        "threats": list(&one.threats, |threat| threat.name().into()),
        "invariants": names(&one.invariants),
        "file": one.file,
        "line": one.line,
        "citations": cited.map(place).collect::<Value>(),
    })
}

fn attack(one: &Attack) -> Value {
    json!({
        "id": one.id,
        "title": one.title,
        "threat": one.threat,
        "incidents": one.incidents,
        "over": list(&one.over, |transport| format!("{transport:?}").to_lowercase().into()),
        "disturbs": one.disturbs,
        "steps": one.steps.len(),
        "file": attack_file(&one.id),
    })
}

fn control(one: &Control) -> Value {
    json!({
        "threat": one.threat.name(),
        "guard": one.guard,
        "file": one.file,
        "evidence": list(&one.evidence, test),
    })
}

fn incident(view: &View<'_>, one: &Incident) -> Value {
    json!({
        "id": one.id,
        "software": one.software,
        "cause": one.cause,
        "replay": one.replay,
        "invariants": names(one.invariants),
        "threats": view.answering(one.id),
        "url": links::incident(one.id),
    })
}

/// What nobody should read out of the rest: incidents that no row answers for or no attack replays,
/// requirements without code of ours, and what is missing for a threat.
fn not_covered(view: &View<'_>) -> Value {
    let exceptions = view.catalog.citations.iter().filter(|one| one.kind == Kind::Exception);
    let incidents = view.unanswered().map(|one| Value::from(one.id));
    let gaps = view.threats.iter().flat_map(|entry| {
        let name = entry.threat.name;
        view.gaps(entry).into_iter().map(move |gap| json!({ "threat": name, "gap": gap }))
    });
    json!({
        "incidents": incidents.collect::<Value>(),
        "exemptions": list(&view.catalog.exemptions, |one| {
            json!({ "incident": one.incident, "reason": one.reason, "test": test(&one.test) })
        }),
        "exceptions": exceptions
            .map(|one| json!({ "requirement": one.requirement, "reason": one.reason }))
            .collect::<Value>(),
        "gaps": gaps.collect::<Value>(),
    })
}
