//! The catalog for a program.

use doorward_policy::threat::{INCIDENTS, Threat, ThreatId};
use serde_json::{Value, json};

use super::denials;
use crate::faults::{overs, played};
use crate::model::{Catalog, Citation, Fault, Item, Requirement};
use crate::results::{How, Results};

impl Catalog {
    /// Everything about a threat; with results also what became of its evidence.
    #[must_use]
    pub fn threat_json(&self, threat: ThreatId, results: Option<&Results>) -> Value {
        let coverage = self.of(threat);
        let mut value = row(coverage.threat);
        let requirements: Vec<Value> = coverage
            .requirements
            .iter()
            .map(|requirement| self.requirement_json(requirement, results))
            .collect();
        let attacks: Vec<Value> = coverage
            .attacks
            .iter()
            .map(|attack| {
                json!({
                    "id": attack.id,
                    "title": attack.title,
                    "over": overs(attack).collect::<Vec<_>>(),
                    "incidents": attack.incidents,
                    "disturbs": attack.disturbs,
                    "played": played(attack).map(|item| ran(&item, results)).collect::<Vec<_>>(),
                })
            })
            .collect();
        let control = coverage.control.map(|control| {
            let found = results.and_then(|results| results.controls.get(&control.threat));
            json!({
                "file": control.file,
                "guard": control.guard,
                "evidence": control.evidence.iter().map(Item::to_string).collect::<Vec<_>>(),
                "caught": found.map(|found| found.caught),
                "said": found.map(|found| &found.said),
            })
        });
        if let Some(object) = value.as_object_mut() {
            object.insert("requirements".to_owned(), requirements.into());
            object.insert("attacks".to_owned(), attacks.into());
            object.insert("negative_control".to_owned(), control.into());
        }
        value
    }

    /// The whole matrix, with what is missing in it.
    #[must_use]
    pub fn matrix_json(&self, results: Option<&Results>) -> Value {
        let threats = ThreatId::all().map(|threat| self.threat_json(threat, results));
        let faults = self.faults(results);
        json!({
            "threats": threats.collect::<Vec<_>>(),
            "faults": faults.iter().map(fault_json).collect::<Vec<_>>(),
        })
    }

    fn requirement_json(&self, requirement: &Requirement, results: Option<&Results>) -> Value {
        let cited = self.citations.iter().filter(|one| one.requirement == requirement.id.as_str());
        json!({
            "id": requirement.id.as_str(),
            "text": requirement.text,
            "threats": requirement.threats.iter().map(|one| one.name()).collect::<Vec<_>>(),
            "invariants": requirement.invariants.iter().map(|one| one.name()).collect::<Vec<_>>(),
            "file": requirement.file,
            "line": requirement.line,
            "cited": cited.map(|one| citation_json(one, results)).collect::<Vec<_>>(),
        })
    }
}

/// A row of the catalog by itself.
pub(crate) fn row(row: &Threat) -> Value {
    let incidents = row.incidents.iter().map(|id| {
        let known = INCIDENTS.iter().find(|one| one.id == *id);
        json!({
            "id": id,
            "software": known.map(|one| one.software),
            "cause": known.map(|one| one.cause),
        })
    });
    json!({
        "id": row.name,
        "title": row.title,
        "severity": { "level": row.severity.level.text(), "because": row.severity.because },
        "attackers": row.attackers.iter().map(|one| one.text()).collect::<Vec<_>>(),
        "assets": row.assets.iter().map(|one| one.text()).collect::<Vec<_>>(),
        "stride": row.stride.iter().map(|one| one.text()).collect::<Vec<_>>(),
        "preconditions": row.preconditions,
        "attack": row.attack,
        "mitigations": row
            .mitigations
            .iter()
            .map(|one| json!({ "at": one.at, "does": one.does }))
            .collect::<Vec<_>>(),
        "residual": row.residual,
        "duties": row
            .duties
            .iter()
            .map(|one| json!({ "of": one.of.text(), "what": one.what }))
            .collect::<Vec<_>>(),
        "denials": denials(row.id),
        "invariants": row.invariants.iter().map(|one| one.name()).collect::<Vec<_>>(),
        "incidents": incidents.collect::<Vec<_>>(),
        "cwe": row.cwe,
        "asvs": row.asvs,
        "rfcs": row
            .rfcs
            .iter()
            .map(|one| json!({ "number": one.number, "section": one.section }))
            .collect::<Vec<_>>(),
    })
}

fn citation_json(citation: &Citation, results: Option<&Results>) -> Value {
    json!({
        "type": citation.kind.name(),
        "file": citation.file,
        "line": citation.line,
        "reason": citation.reason,
        "test": citation.item.as_ref().map(|item| ran(item, results)),
    })
}

/// A test, and what became of it.
fn ran(item: &Item, results: Option<&Results>) -> Value {
    let how = |results: &Results| match results.of(item) {
        How::Passed => "passed",
        How::Failed => "failed",
        How::DidNotRun => "did-not-run",
    };
    json!({ "test": item.to_string(), "run": item.command(), "result": results.map(how) })
}

pub(crate) fn fault_json(fault: &Fault) -> Value {
    json!({ "rule": fault.rule.name(), "file": fault.file, "line": fault.line, "what": fault.what })
}
