//! The catalog as a page.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::{INCIDENTS_ELSEWHERE, Threat, ThreatId};
use crate::denial::Denial;

const PREFACE: &str = "# Threats

Generated from `policy/src/threat`; don't edit. To regenerate:
`cargo run -- catalog markdown > docs/threats.md`.

Every refusal names the threat that it defeats. Each row says how the attack works, which check
stops it and where that is, what remains, which invariants it would break, and which published
incidents were of its kind. The denials are the reasons as the audit log spells them.

| threat | what an attacker would get |
|---|---|
";

const ELSEWHERE: &str = "
## Incidents that no row answers for

| incident | software | why |
|---|---|---|
";

/// The whole catalog in Markdown: an index, a section for each threat with the denials that point
/// to it, and the incidents that no row can answer for.
#[must_use]
pub fn markdown() -> String {
    let denials = Denial::examples();
    let rows = || ThreatId::all().map(ThreatId::row);
    let index = rows().map(|threat| {
        let Threat { name, title, .. } = threat;
        format!("| [{name}](#{}) | {title} |\n", name.to_ascii_lowercase())
    });
    let elsewhere = INCIDENTS_ELSEWHERE
        .iter()
        .map(|one| format!("| {} | {} | {} |\n", one.id, one.software, one.reason));
    core::iter::once(String::from(PREFACE))
        .chain(index)
        .chain(rows().map(|threat| section(threat, &denials)))
        .chain([String::from(ELSEWHERE)])
        .chain(elsewhere)
        .collect()
}

fn section(threat: &Threat, denials: &[Denial]) -> String {
    let Threat { name, title, attack, residual, .. } = threat;
    let of_this = |denial: &&Denial| denial.threat() == threat.id;
    let names: Vec<String> =
        denials.iter().filter(of_this).map(|denial| format!("`{}`", generic(denial))).collect();
    let names = if names.is_empty() {
        String::from("none: it is prevented rather than refused")
    } else {
        names.join(", ")
    };
    let incidents = if threat.incidents.is_empty() {
        String::from("none on record here")
    } else {
        threat.incidents.join(", ")
    };
    let list = |texts: Vec<&str>| texts.join(", ");
    let invariants = list(threat.invariants.iter().map(|one| one.name()).collect());
    let defence: Vec<&str> = threat.mitigations.iter().map(|one| one.does).collect();
    let defence = defence.join(" ");
    format!(
        "\n## {name}\n\n**{title}.** {attack}\n\n*Defence.* {defence}\n\n*What remains.* {residual}\n\n\
        - Denials: {names}\n- Invariants: {invariants}\n- Incidents: {incidents}\n"
    )
}

/// The audit text without what this example happened to see.
fn generic(denial: &Denial) -> String {
    let text = denial.audit();
    match denial {
        Denial::HostDenied { .. }
        | Denial::OriginDenied { .. }
        | Denial::FetchMetadata { .. }
        | Denial::CapabilityLacking(_) => text.split(':').next().unwrap_or_default().to_string(),
        _ => text,
    }
}
