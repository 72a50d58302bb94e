//! A report for programs, with all that was sent and received.

use doorward_policy::threat::Threat;
use serde_json::{Value, json};

use super::{OfThreat, Report, Standing, reason, transport};
use crate::run::Answer;

impl Report {
    /// The whole report. Bytes are spelled as in attack files; secrets are their names.
    #[must_use]
    pub fn json(&self) -> Value {
        let header = &self.header;
        json!({
            "tool": { "name": "doorward probe", "version": header.version },
            "started_at": header.started_at,
            "target": {
                "product": header.product,
                "url": header.url,
                "address": header.address,
                "quic": header.quic,
                "profile": header.profile,
                "checked": if header.strict { "everything" } else { "outcomes" },
            },
            "corpus": { "attacks": header.corpus_attacks, "sha256": header.corpus_sha256 },
            "standing": self.standing().code(),
            "threats_held": self.count(Standing::Held),
            "threats_not_held": self.count(Standing::NotHeld),
            "threats_not_applicable": self.count(Standing::NotApplicable),
            "threats": self.threats().iter().map(|one| self.of_threat(one)).collect::<Value>(),
        })
    }

    fn of_threat(&self, found: &OfThreat<'_>) -> Value {
        json!({
            "id": found.threat,
            "title": Threat::find(found.threat).map(|threat| threat.title),
            "standing": found.standing().code(),
            "note": self.header.notes.get(found.threat),
            "attacks": found.answers.iter().copied().map(of_attack).collect::<Value>(),
        })
    }
}

fn of_attack(answer: &Answer) -> Value {
    json!({
        "id": answer.attack.id,
        "title": answer.attack.title,
        "incidents": answer.attack.incidents,
        "over": transport(answer),
        "standing": Standing::of(&answer.played.verdict).code(),
        "reason": Some(reason(answer)).filter(|reason| !reason.is_empty()),
        "exchanges": answer.played.exchanges,
    })
}
