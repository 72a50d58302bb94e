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
        [threat.name.to_owned(), threat.title.to_owned(), threat.invariants.join(" ")]
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
        "defence": threat.defence,
        "residual": threat.residual,
        "invariants": threat.invariants,
        "incidents": threat.incidents,
    })
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
    let parts = [
        ("Attack", threat.attack),
        ("Defence", threat.defence),
        ("What remains", threat.residual),
        ("Invariants", &threat.invariants.join(", ")),
        ("Incidents", &incidents),
    ];
    parts.iter().try_for_each(|(heading, text)| output::line(&format!("{heading}: {text}\n")))
}

pub(super) fn markdown() -> Outcome {
    output::line(threat::markdown().trim_end())
}
