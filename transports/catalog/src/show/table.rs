//! The matrix as a table.

use std::collections::BTreeSet;

use doorward_policy::threat::ThreatId;

use crate::faults::played;
use crate::model::{Catalog, Citation, Item, Kind};
use crate::results::{How, Results};

/// The columns after the first: what is counted.
const COUNTED: [(&str, Kind); 7] = [
    ("CODE", Kind::Implementation),
    ("TEST", Kind::Test),
    ("PROPERTY", Kind::Property),
    ("MODEL", Kind::Model),
    ("FUZZ", Kind::Fuzz),
    ("PROOF", Kind::Proof),
    ("ATTACK", Kind::Attack),
];

impl Catalog {
    /// How much there is for each threat and each of its requirements, and with results what became
    /// of the evidence. The first line is the headings.
    #[must_use]
    pub fn matrix_table(&self, results: Option<&Results>) -> Vec<Vec<String>> {
        let mut headings = vec!["THREAT, REQUIREMENT".to_owned()];
        headings.extend(COUNTED.map(|(heading, _)| heading.to_owned()));
        headings.push("CONTROL".to_owned());
        headings.extend(results.map(|_| "EVIDENCE".to_owned()));
        let mut rows = vec![headings];
        for threat in ThreatId::all() {
            self.rows_of(threat, results, &mut rows);
        }
        rows
    }

    fn rows_of(&self, threat: ThreatId, results: Option<&Results>, rows: &mut Vec<Vec<String>>) {
        let coverage = self.of(threat);
        let cited: Vec<&Citation> =
            coverage.code.iter().chain(&coverage.evidence).copied().collect();
        let played: Vec<Item> = coverage.attacks.iter().copied().flat_map(played).collect();
        let mut row = vec![threat.name().to_owned()];
        row.extend(counts(&cited, coverage.attacks.len()));
        row.push(if coverage.control.is_some() { "yes" } else { "none" }.to_owned());
        row.extend(results.map(|results| ran(&cited, &played, results)));
        rows.push(row);
        for requirement in &coverage.requirements {
            let cites = |one: &&&Citation| one.requirement == requirement.id.as_str();
            let own: Vec<&Citation> = cited.iter().filter(cites).copied().collect();
            let exempt = coverage.exceptions.iter().filter(cites).count() > 0;
            let mut row = vec![format!("  {}", requirement.id)];
            row.extend(counts(&own, 0));
            if let Some(code) = row.get_mut(1).filter(|code| exempt && *code == "-") {
                "exempt".clone_into(code);
            }
            row.push(String::new());
            row.extend(results.map(|results| ran(&own, &[], results)));
            rows.push(row);
        }
    }
}

fn counts(cited: &[&Citation], attacks: usize) -> impl Iterator<Item = String> {
    COUNTED
        .map(|(_, kind)| {
            let count = match kind {
                Kind::Attack => attacks,
                // What several requirements cite is there once.
                kind => {
                    let of_kind = cited.iter().filter(|one| one.kind == kind);
                    let places = of_kind.map(|one| (&one.item, &one.file, one.line));
                    places.collect::<BTreeSet<_>>().len()
                }
            };
            if count == 0 { "-".to_owned() } else { count.to_string() }
        })
        .into_iter()
}

/// `12 passed, 1 FAILED, 2 did not run`
fn ran(cited: &[&Citation], played: &[Item], results: &Results) -> String {
    let items = cited.iter().filter_map(|one| one.item.as_ref()).chain(played);
    let mut items: Vec<&Item> = items.collect();
    items.sort_unstable();
    items.dedup();
    let all: Vec<How> = items.into_iter().map(|item| results.of(item)).collect();
    let count = |how: How| {
        let count = all.iter().filter(|one| **one == how).count();
        (count > 0).then(|| format!("{count} {}", how.text()))
    };
    let parts = [How::Passed, How::Failed, How::DidNotRun].into_iter().filter_map(count);
    parts.collect::<Vec<_>>().join(", ")
}
