//! The matrix: threat -> requirement -> code -> evidence.

use doorward_policy::threat::ThreatId;

use crate::model::{Catalog, Citation, Coverage, Kind};
use crate::requirements;

impl Catalog {
    /// What there is about a threat.
    #[must_use]
    pub fn of(&self, threat: ThreatId) -> Coverage<'_> {
        let requirements = requirements::of(&self.requirements, threat);
        let concerns = |citation: &&Citation| {
            requirements.iter().any(|one| one.id.as_str() == citation.requirement)
        };
        let cited: Vec<&Citation> = self.citations.iter().filter(concerns).collect();
        let of_kind = |kind: Kind| cited.iter().copied().filter(move |one| one.kind == kind);
        Coverage {
            threat: threat.row(),
            code: of_kind(Kind::Implementation).collect(),
            exceptions: of_kind(Kind::Exception).collect(),
            evidence: Kind::ALL
                .into_iter()
                .filter(|kind| kind.is_evidence())
                .flat_map(of_kind)
                .collect(),
            attacks: self.attacks.iter().filter(|one| one.threat == threat.name()).collect(),
            control: self.controls.iter().find(|one| one.threat == threat),
            requirements,
        }
    }
}
