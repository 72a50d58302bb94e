//! A report in the Static Analysis Results Interchange Format, version 2.1.0 (OASIS), which code
//! scanning services and CI read.

use doorward_policy::threat::{Stride, Threat};
use serde_json::{Value, json};

use super::{OfThreat, Report, Standing, reason, transport};
use crate::run::Answer;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

impl Report {
    /// The report as a SARIF log of one run: a rule for each threat, a result for each attack and
    /// transport.
    #[must_use]
    pub fn sarif(&self) -> Value {
        let header = &self.header;
        let threats = self.threats();
        let results = threats.iter().enumerate().flat_map(|(index, found)| {
            found.answers.iter().map(move |answer| self.result(index, found.threat, answer))
        });
        json!({
            "$schema": SCHEMA,
            "version": "2.1.0",
            "runs": [{
                "tool": { "driver": {
                    "name": "doorward probe",
                    "semanticVersion": header.version,
                    "rules": threats.iter().map(rule).collect::<Value>(),
                } },
                "automationDetails": { "id": format!("doorward-probe/{}/", header.profile) },
                "invocations": [{
                    "executionSuccessful": true,
                    "startTimeUtc": header.started_at,
                }],
                "properties": {
                    "product": header.product,
                    "address": header.address,
                    "quic": header.quic,
                    "corpusSha256": header.corpus_sha256,
                },
                "results": results.collect::<Value>(),
            }],
        })
    }

    fn result(&self, index: usize, threat: &str, answer: &Answer) -> Value {
        let (kind, level) = match Standing::of(&answer.played.verdict) {
            Standing::Held => ("pass", "none"),
            Standing::NotHeld => ("fail", "error"),
            Standing::NotApplicable => ("notApplicable", "none"),
        };
        let (title, over) = (&answer.attack.title, transport(answer));
        let text = match reason(answer) {
            "" => format!("{title} (over {over}): refused, as it has to be."),
            why => format!("{title} (over {over}): {why}."),
        };
        // What stands in brackets is a link there, and a part of the reason may be the server's.
        let text = text.replace('[', "\\[").replace(']', "\\]");
        json!({
            "ruleId": threat,
            "ruleIndex": index,
            "kind": kind,
            "level": level,
            "message": { "text": text },
            "locations": [{
                "physicalLocation": { "artifactLocation": { "uri": self.header.url } },
                "logicalLocations": [{ "name": answer.attack.id, "kind": "attack" }],
            }],
            "partialFingerprints": { "attack/v1": format!("{}/{over}", answer.attack.id) },
            "properties": {
                "incidents": answer.attack.incidents,
                "exchanges": answer.played.exchanges,
            },
        })
    }
}

fn rule(found: &OfThreat<'_>) -> Value {
    let Some(threat) = Threat::find(found.threat) else { return json!({ "id": found.threat }) };
    let weaknesses = threat.cwe.iter().map(|number| format!("external/cwe/cwe-{number}"));
    let tags: Vec<String> = std::iter::once("security".to_owned()).chain(weaknesses).collect();
    json!({
        "id": threat.name,
        "shortDescription": { "text": threat.title },
        "fullDescription": { "text": threat.attack },
        "defaultConfiguration": { "level": "error" },
        "properties": {
            "tags": tags,
            "severity": threat.severity.level.text(),
            "stride": threat.stride.iter().map(|kind: &Stride| kind.text()).collect::<Value>(),
        },
    })
}
