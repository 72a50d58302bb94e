//! What is missing or wrong in the matrix.

use std::collections::BTreeSet;

use doorward_policy::threat::{INCIDENTS, Invariant, Threat, ThreatId};
use doorward_probe::Attack;

use crate::model::{Catalog, Citation, Control, Coverage, Fault, Item, Kind, Requirement, Rule};
use crate::results::{How, Results};
use crate::{citations, exemptions};

/// The folder of the negative controls.
const CONTROLS: &str = "tests/negative-controls";
/// Where the rows are, for what has no line of its own.
const ROWS: &str = "policy/src/threat";

impl Catalog {
    /// Everything that is missing or wrong, by file and line. Without results, what can be seen in
    /// the source; with them, also what is cited and did not run or failed, in the parts that ran.
    ///
    /// Without a source ([`Catalog::embedded`]) there are no citations, and nothing is said of them.
    #[must_use]
    pub fn faults(&self, results: Option<&Results>) -> Vec<Fault> {
        let mut faults = self.unread.clone();
        faults.extend(self.attack_faults());
        if self.source.is_some() {
            faults.extend(citations::of_nothing(&self.citations, &self.requirements));
            faults.extend(self.requirements.iter().flat_map(|one| self.requirement_faults(one)));
            faults.extend(ThreatId::all().flat_map(|threat| self.threat_faults(threat)));
            faults.extend(self.invariant_faults());
            faults.extend(self.incident_faults());
            faults.extend(self.controls.iter().flat_map(|control| self.control_faults(control)));
        }
        if let Some(results) = results {
            faults.extend(self.citations.iter().filter_map(|one| cited_fault(one, results)));
            faults.extend(self.attacks.iter().flat_map(|attack| played_faults(attack, results)));
            faults.extend(self.exemptions.iter().filter_map(|one| {
                let place = (exemptions::FILE.to_owned(), Some(one.line));
                let is_covered = results.covers(&one.test);
                is_covered.then(|| ran(&one.test, &one.incident, place, results)).flatten()
            }));
        }
        faults.sort();
        faults.dedup();
        faults
    }

    fn requirement_faults(&self, requirement: &Requirement) -> Vec<Fault> {
        let id = &requirement.id;
        let has = |wanted: &dyn Fn(&Citation) -> bool| {
            self.citations.iter().any(|one| one.requirement == id.as_str() && wanted(one))
        };
        let fault = |rule, what| Fault {
            file: requirement.file.clone(),
            line: Some(requirement.line),
            rule,
            what,
        };
        let mut faults = Vec::new();
        let exempt = has(&|one| one.kind == Kind::Exception);
        if !exempt && !has(&|one| one.kind == Kind::Implementation) {
            faults.push(fault(
                Rule::Implemented,
                format!(
                    "no code is cited for {id}; put `//= req: {id}` above what does it, or say why \
                     none is needed: `//= req: {id}, type=exception, reason=TEXT`"
                ),
            ));
        }
        if !has(&shows) {
            faults.push(fault(
                Rule::Tested,
                format!(
                    "no evidence is cited for {id}; put `//= req: {id}, type=test` above a test"
                ),
            ));
        }
        faults
    }

    fn threat_faults(&self, threat: ThreatId) -> Vec<Fault> {
        let coverage = self.of(threat);
        let name = threat.name();
        let mut faults = Vec::new();
        let mut fault = |rule, what| faults.push(self.row_fault(name, rule, what));
        if coverage.requirements.is_empty() {
            fault(
                Rule::Required,
                format!("no requirement defeats {name}; write one down in docs/requirements"),
            );
        }
        let kinds = shown_by(&coverage);
        if kinds.len() < 2 {
            let found: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
            let found = if found.is_empty() { "none".to_owned() } else { found.join(", ") };
            fault(
                Rule::TwoKinds,
                format!(
                    "{name} has evidence of fewer than two kinds ({found}); cite another kind for one \
                     of its requirements"
                ),
            );
        }
        if coverage.attacks.is_empty() {
            fault(
                Rule::Attacked,
                format!("no attack of tests/attacks has `threat = \"{name}\"`; write one"),
            );
        }
        if coverage.control.is_none() {
            fault(
                Rule::Controlled,
                format!("{name} has no negative control; write {CONTROLS}/{name}.patch"),
            );
        }
        faults
    }

    fn invariant_faults(&self) -> Vec<Fault> {
        let lacks = |invariant: &Invariant| {
            !self.requirements.iter().any(|one| one.invariants.contains(invariant))
        };
        let fault = |invariant: Invariant| {
            let name = invariant.name();
            let what = format!(
                "no requirement is part of {name}; write down in docs/requirements what it asks of code"
            );
            self.row_fault(name, Rule::InvariantRequired, what)
        };
        Invariant::ALL.into_iter().filter(lacks).map(fault).collect()
    }

    fn incident_faults(&self) -> Vec<Fault> {
        let replayed =
            |id: &str| self.attacks.iter().any(|one| one.incidents.iter().any(|cited| cited == id));
        let exempt = |id: &str| self.exemptions.iter().any(|one| one.incident == id);
        let lacks = INCIDENTS.iter().filter(|one| !replayed(one.id) && !exempt(one.id));
        let mut faults: Vec<Fault> = lacks
            .map(|one| {
                let what = format!(
                    "no attack replays {}; name it in one of tests/attacks, whose threat's row has it, \
                     or say in {} why none can",
                    one.id,
                    exemptions::FILE
                );
                self.row_fault(one.id, Rule::IncidentReplayed, what)
            })
            .collect();
        for one in &self.exemptions {
            let mut fault = |rule, what| {
                let (file, line) = (exemptions::FILE.to_owned(), Some(one.line));
                faults.push(Fault { file, line, rule, what });
            };
            let id = &one.incident;
            if !INCIDENTS.iter().any(|known| known.id == id) {
                fault(
                    Rule::IncidentReplayed,
                    format!("{id} is in no list of incidents; take it out"),
                );
            }
            if replayed(id) {
                fault(
                    Rule::IncidentReplayed,
                    format!("an attack replays {id}; take this exemption out"),
                );
            }
            if !self.exists(&one.test) {
                let (test, run) = (&one.test, one.test.command());
                fault(
                    Rule::IncidentReplayed,
                    format!("{test} is no test that exists; `{run}` must run one"),
                );
            }
        }
        faults
    }

    fn attack_faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        for attack in &self.attacks {
            let file = attack_file(&attack.id);
            let mut fault = |what| {
                let (file, line) = (file.clone(), None);
                faults.push(Fault { file, line, rule: Rule::KnownThreat, what });
            };
            // An attack of a threat that there is not can't be read in the first place.
            let Some(row) = Threat::find(&attack.threat) else { continue };
            for incident in &attack.incidents {
                if !INCIDENTS.iter().any(|one| one.id == incident) {
                    fault(format!(
                        "{incident} is in no list of incidents; add it to policy/src/threat/incident.rs"
                    ));
                } else if !row.incidents.contains(&incident.as_str()) {
                    fault(format!(
                        "{incident} is none of {}'s incidents; put it in that row, or in an attack of \
                         the threat that it belongs to",
                        row.name
                    ));
                }
            }
        }
        faults
    }

    fn control_faults(&self, control: &Control) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut fault = |what| {
            let (file, line) = (control.file.clone(), None);
            faults.push(Fault { file, line, rule: Rule::ControlEvidence, what });
        };
        for item in &control.evidence {
            if !self.exists(item) {
                fault(format!(
                    "`Evidence: {item}` is no test that exists; `{}` must run one",
                    item.command()
                ));
            }
        }
        let attacks = control.evidence.iter().filter(|item| is_attacks(item)).count();
        if control.evidence.is_empty() {
            fault("it names no evidence; name what must fail: a test and an attack".to_owned());
        } else if attacks == 0 {
            fault("none of its evidence is an attack; name one: `Evidence: doorward-tests attacks NAME`"
                .to_owned());
        }
        if attacks > 0 && attacks == control.evidence.len() {
            fault("all of its evidence is attacks; name a test as well".to_owned());
        }
        faults
    }

    /// Whether `cargo test` with this filter runs anything.
    fn exists(&self, item: &Item) -> bool {
        if is_attacks(item) {
            return self
                .attacks
                .iter()
                .any(|attack| plays(attack).any(|one| one.contains(&item.name)));
        }
        self.tests.iter().any(|test| selects(item, test))
    }

    /// A fault in a row, where that row is written.
    fn row_fault(&self, name: &str, rule: Rule, what: String) -> Fault {
        let place = self.rows.get(name).map(|(file, line)| (file.clone(), Some(*line)));
        let (file, line) = place.unwrap_or_else(|| (ROWS.to_owned(), None));
        Fault { file, line, rule, what }
    }
}

/// Whether a citation is evidence, and not only says so.
fn shows(citation: &Citation) -> bool {
    citation.kind.is_evidence() && (citation.item.is_some() || citation.kind == Kind::Proof)
}

/// The kinds of evidence of a threat that are there.
pub(crate) fn shown_by(coverage: &Coverage<'_>) -> BTreeSet<Kind> {
    let attack = (!coverage.attacks.is_empty()).then_some(Kind::Attack);
    let cited = coverage.evidence.iter().filter(|one| shows(one)).map(|one| one.kind);
    cited.chain(attack).collect()
}

fn attack_file(id: &str) -> String {
    format!("tests/attacks/{id}.toml")
}

fn is_attacks(item: &Item) -> bool {
    item.package == Item::TESTS && item.target == Item::ATTACKS
}

/// The names of what an attack is played over.
pub(crate) fn overs(attack: &Attack) -> impl Iterator<Item = String> {
    attack.over.iter().map(|over| format!("{over:?}").to_lowercase())
}

/// The names under which an attack is played, one for each transport.
fn plays(attack: &Attack) -> impl Iterator<Item = String> {
    overs(attack).map(|over| format!("{}::{over}", attack.id))
}

/// The tests that an attack is, one for each transport.
pub(crate) fn played(attack: &Attack) -> impl Iterator<Item = Item> {
    plays(attack).map(|name| Item {
        package: Item::TESTS.to_owned(),
        target: Item::ATTACKS.to_owned(),
        name,
    })
}

/// Whether `cargo test` with this filter runs that test. The modules of a test that a macro makes
/// are not known: a filter that names them is taken at its word.
fn selects(filter: &Item, test: &Item) -> bool {
    let same = filter.package == test.package && filter.target == test.target;
    let last = filter.name.rsplit("::").next().unwrap_or_default();
    same && (test.name.contains(&filter.name) || test.name == last)
}

/// Evidence that did not run, or failed.
fn cited_fault(citation: &Citation, results: &Results) -> Option<Fault> {
    let item = citation.item.as_ref().filter(|item| results.covers(item))?;
    let place = (citation.file.clone(), Some(citation.line));
    ran(item, &citation.requirement, place, results)
}

fn played_faults(attack: &Attack, results: &Results) -> Vec<Fault> {
    let items = played(attack).filter(|item| results.covers(item));
    let place = || (attack_file(&attack.id), None);
    items.filter_map(|item| ran(&item, &attack.threat, place(), results)).collect()
}

fn ran(item: &Item, of: &str, place: (String, Option<usize>), results: &Results) -> Option<Fault> {
    let (rule, what) = match results.of(item) {
        How::Passed => return None,
        How::Failed => (
            Rule::Passed,
            format!("{item} is evidence of {of} and failed; see `{}`", item.command()),
        ),
        How::DidNotRun => (
            Rule::Ran,
            format!(
                "{item} is evidence of {of} and did not run; see why `{}` leaves it out",
                item.command()
            ),
        ),
    };
    let (file, line) = place;
    Some(Fault { file, line, rule, what })
}
