//! The catalog for a person at a terminal, and the same for a program.

mod json;
mod table;
mod text;

pub(crate) use json::fault_json;
pub(crate) use text::standards_of;

use doorward_policy::Denial;
use doorward_policy::threat::ThreatId;

/// The reasons of refusals that defeat a threat, as the audit log spells them, without what each
/// saw.
pub(crate) fn denials(threat: ThreatId) -> Vec<String> {
    let mut names: Vec<String> = Denial::examples()
        .iter()
        .filter(|denial| denial.threat() == threat)
        .map(|denial| denial.audit().split(':').next().unwrap_or_default().to_owned())
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}
