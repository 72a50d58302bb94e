//! The catalog as a page.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::{Duty, INCIDENTS, Incident, Rfc, Role, Threat, ThreatId};
use crate::denial::Denial;

const PREFACE: &str = "# Threats

Generated from `policy/src/threat`; don't edit. To regenerate:
`cargo run -- catalog markdown > docs/threats.md`.

Every refusal names the threat that it defeats. Each row says who attacks what, how bad that is when
nothing stops it, how the attack works, what stops it and in which file, what remains, and what is
left to whoever runs the listener (operator) or puts the policy or an adapter into a server of their
own (embedder). It cites the [invariants](invariants.md) that would be broken, published incidents
of its kind, weaknesses of the Common Weakness Enumeration, requirements of OWASP ASVS 5.0.0 by
their numbers, and the standards. The denials are the reasons as the audit log spells them.

Severity is low for a nuisance or a step towards something else, medium for one person's access or
secrecy under conditions, high for access to the guarded server under conditions, and critical for
access for whoever tries.

| threat | what an attacker would get | severity |
|---|---|---|
";

const REPLAYED: &str = "
## Incidents

Published vulnerabilities of servers like the guarded ones, and of what such servers are built from.

| incident | software | what was wrong | invariants | threats |
|---|---|---|---|---|
";

/// The whole catalog in Markdown: an index, a section for each threat with the denials that point
/// to it, and the incidents with the threats that they were of.
#[must_use]
pub fn markdown() -> String {
    let denials = Denial::examples();
    let rows = || ThreatId::all().map(ThreatId::row);
    let index = rows().map(|threat| {
        let Threat { name, title, severity, .. } = threat;
        format!("| {} | {title} | {} |\n", link(name), severity.level.text())
    });
    core::iter::once(String::from(PREFACE))
        .chain(index)
        .chain(rows().map(|threat| section(threat, &denials)))
        .chain([String::from(REPLAYED)])
        .chain(INCIDENTS.iter().map(incident))
        .collect()
}

fn section(threat: &Threat, denials: &[Denial]) -> String {
    let Threat { name, title, attack, residual, .. } = threat;
    let defence = bullets(threat.mitigations.iter().map(|one| {
        let at = one.at;
        format!("[`{at}`](../{at}): {}", one.does)
    }));
    let duties = if threat.duties.is_empty() {
        String::from(" Nothing.\n")
    } else {
        let duty = |one: &Duty| match one.of {
            Role::Operator => format!("Operator: {}", one.what),
            Role::Embedder => format!("Embedder: {}", one.what),
        };
        format!("\n\n{}", bullets(threat.duties.iter().map(duty)))
    };
    let facts = bullets(facts(threat).into_iter());
    let citations = bullets(citations(threat, denials).into_iter());
    format!(
        "\n## {name}\n\n**{title}.** {attack}\n\n{facts}\n*Defence.*\n\n{defence}\n\
        *What remains.* {residual}\n\n*Left to others.*{duties}\n*See.*\n\n{citations}"
    )
}

/// Who, what, how bad.
fn facts(threat: &Threat) -> [String; 4] {
    let Threat { severity, preconditions, .. } = threat;
    let attackers = list(threat.attackers.iter().map(|one| one.text()));
    let assets = list(threat.assets.iter().map(|one| one.text()));
    let stride = list(threat.stride.iter().map(|one| one.text()));
    [
        format!("**Severity: {}.** {}", severity.level.text(), severity.because),
        format!("**Needs.** {preconditions}"),
        format!("**Attacker:** {attackers}. **At stake:** {assets}"),
        format!("**STRIDE:** {stride}"),
    ]
}

/// What points to it, and what it points to.
fn citations(threat: &Threat, denials: &[Denial]) -> [String; 4] {
    let of_this = |denial: &&Denial| denial.threat() == threat.id;
    let names = denials.iter().filter(of_this).map(|denial| format!("`{}`", generic(denial)));
    let incidents = threat.incidents.iter().copied();
    let invariants = threat.invariants.iter().map(|one| one.name());
    let cwe = threat.cwe.iter().map(|number| {
        format!("[CWE-{number}](https://cwe.mitre.org/data/definitions/{number}.html)")
    });
    let asvs = threat.asvs.iter().map(|id| format!("ASVS {id}"));
    let standards = cwe.chain(asvs).chain(threat.rfcs.iter().map(standard));
    [
        format!("Denials: {}", or(list(names), "none: it is prevented rather than refused")),
        format!("Invariants: {}", list(invariants)),
        format!("Incidents: {}", or(list(incidents), "none on record here")),
        format!("Standards: {}", list(standards)),
    ]
}

fn standard(rfc: &Rfc) -> String {
    let Rfc { number, section } = rfc;
    let part = if section.starts_with(|first: char| first.is_ascii_digit()) {
        "section"
    } else {
        "appendix"
    };
    let place = format!("https://www.rfc-editor.org/rfc/rfc{number}#{part}-{section}");
    format!("[RFC {number}, {part} {section}]({place})")
}

fn incident(incident: &Incident) -> String {
    let Incident { id, software, cause, invariants, .. } = incident;
    let rows = ThreatId::all().map(ThreatId::row);
    let threats = list(rows.filter(|row| row.incidents.contains(id)).map(|row| link(row.name)));
    let invariants = list(invariants.iter().map(|one| one.name()));
    format!("| {id} | {software} | {cause} | {invariants} | {threats} |\n")
}

fn link(name: &str) -> String {
    format!("[{name}](#{})", name.to_ascii_lowercase())
}

fn bullets(lines: impl Iterator<Item = String>) -> String {
    lines.map(|line| format!("- {line}\n")).collect()
}

fn list<T: Into<String>>(texts: impl Iterator<Item = T>) -> String {
    texts.map(Into::into).collect::<Vec<String>>().join(", ")
}

fn or(text: String, otherwise: &str) -> String {
    if text.is_empty() { otherwise.to_string() } else { text }
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
