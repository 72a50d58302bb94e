//! `doorward catalog`: the threats that refusals name.

use doorward_policy::threat::{self, Threat, ThreatId};
use serde_json::{Value, json};

use crate::failure::{Failure, Outcome};
use crate::output;

pub(super) fn list(as_json: bool) -> Outcome {
    let rows = || ThreatId::all().map(ThreatId::row);
    if as_json {
        return output::json(&rows().map(shown).collect());
    }
    let row = |threat: &Threat| {
        [threat.name.to_owned(), threat.title.to_owned(), invariants(threat, " ")]
    };
    output::table(
        ["THREAT", "WHAT AN ATTACKER WOULD GET", "INVARIANTS"],
        &rows().map(row).collect::<Vec<_>>(),
    )
}

fn shown(threat: &Threat) -> Value {
    json!({
        "id": threat.name,
        "title": threat.title,
        "attack": threat.attack,
        "mitigations": threat.mitigations.iter().map(|one| one.does).collect::<Value>(),
        "residual": threat.residual,
        "invariants": threat.invariants.iter().map(|one| one.name()).collect::<Value>(),
        "incidents": threat.incidents,
    })
}

fn invariants(threat: &Threat, between: &str) -> String {
    threat.invariants.iter().map(|one| one.name()).collect::<Vec<_>>().join(between)
}

pub(super) fn show(name: &str) -> Outcome {
    let threat = Threat::find(name).ok_or_else(|| {
        Failure::failed(format!("no threat is called \"{name}\"; see `doorward catalog list`"))
    })?;
    output::line(&format!("{}\n{}\n", threat.name, threat.title))?;
    let incidents = if threat.incidents.is_empty() {
        "none known".to_owned()
    } else {
        threat.incidents.join(", ")
    };
    let defence = threat.mitigations.iter().map(|one| one.does).collect::<Vec<_>>().join(" ");
    let parts = [
        ("Attack", threat.attack),
        ("Defence", &defence),
        ("What remains", threat.residual),
        ("Invariants", &invariants(threat, ", ")),
        ("Incidents", &incidents),
    ];
    parts.iter().try_for_each(|(heading, text)| output::line(&format!("{heading}: {text}\n")))
}

pub(super) fn markdown() -> Outcome {
    output::line(threat::markdown().trim_end())
}
