//! The report on a run of the evidence.

mod judged;
mod page;

use std::fmt::Write as _;

use doorward_policy::threat::{OUTSIDE, ThreatId};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::model::{Catalog, Exemption, Fault, Kind, Rule};
use crate::results::{How, Part, Results};
use crate::show::fault_json;
use judged::{Judged, judge};

/// What a report says about where and when the evidence ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The version of Doorward, whose rows these are.
    pub doorward: String,
    /// The commit of the source; `None` outside of a repository.
    pub commit: Option<String>,
    /// Whether nothing but that commit is in the working tree.
    pub clean: bool,
    /// When the report was written, RFC 3339.
    pub date: String,
    /// Who signs it off.
    pub signed_off_by: String,
}

/// A report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The body, for a program: `verify.json`.
    pub json: String,
    /// The same for a person, with the digest of the body: `verify.md`.
    pub markdown: String,
    /// The SHA-256 of [`json`](Self::json), in hexadecimal. It is no signature.
    pub sha256: String,
    /// Whether everything that was to run ran and passed, and nothing is missing in the matrix.
    pub holds: bool,
    /// That in a sentence.
    pub verdict: String,
}

/// What a report consists of, before it is written down.
pub(crate) struct Body<'a> {
    facts: &'a Facts,
    results: &'a Results,
    threats: Vec<Judged<'a>>,
    faults: Vec<Fault>,
    exceptions: Vec<(&'a str, &'a str)>,
    exemptions: &'a [Exemption],
}

impl Catalog {
    /// Writes a report on a run.
    ///
    /// It holds if nothing is missing in the matrix and everything that is cited ran and passed, in
    /// the parts that were run, as did the negative controls that were. What was not run is said.
    #[must_use]
    pub fn report(&self, results: &Results, facts: &Facts) -> Report {
        let body = Body::new(self, results, facts);
        let json = format!("{:#}\n", body.json());
        let sha256 = hexadecimal(&Sha256::digest(json.as_bytes()));
        Report {
            markdown: page::markdown(&body, &sha256),
            holds: body.holds(),
            verdict: body.verdict(),
            json,
            sha256,
        }
    }
}

impl<'a> Body<'a> {
    fn new(catalog: &'a Catalog, results: &'a Results, facts: &'a Facts) -> Self {
        let mut faults = catalog.faults(Some(results));
        faults.extend(other_commit(results, facts));
        let exceptions = catalog.citations.iter().filter(|one| one.kind == Kind::Exception);
        Self {
            facts,
            results,
            threats: ThreatId::all().map(|threat| judge(catalog.of(threat), results)).collect(),
            faults,
            exemptions: &catalog.exemptions,
            exceptions: exceptions
                .map(|one| (one.requirement.as_str(), one.reason.as_deref().unwrap_or_default()))
                .collect(),
        }
    }

    /// How many pieces of evidence came out like this. One that stands for several threats counts
    /// once.
    fn count(&self, how: How) -> usize {
        let all = self.threats.iter().flat_map(|threat| &threat.evidence);
        let mut names: Vec<&str> =
            all.filter(|one| one.how == how).map(|one| one.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names.len()
    }

    /// The threats whose guard was taken out without all of the evidence failing.
    fn survived(&self) -> usize {
        let controls = self.threats.iter().filter_map(|threat| threat.controlled);
        controls.filter(|control| !control.caught).count()
    }

    fn controlled(&self) -> usize {
        self.threats.iter().filter(|threat| threat.controlled.is_some()).count()
    }

    fn holds(&self) -> bool {
        let ran = !self.results.parts.is_empty()
            && self.results.failed == Some(0)
            && self.count(How::Failed) == 0;
        ran && self.faults.is_empty() && self.survived() == 0
    }

    fn verdict(&self) -> String {
        let verdict = if self.holds() { "HOLDS" } else { "DOES NOT HOLD" };
        let mut said = format!(
            "{verdict}: {} pieces of evidence passed, {} failed, {} did not run; {} faults in the matrix; ",
            self.count(How::Passed),
            self.count(How::Failed),
            self.count(How::DidNotRun),
            self.faults.len()
        );
        _ = match self.results.failed {
            None => write!(said, "the run did not come to its end; "),
            Some(0) => Ok(()),
            Some(failed) => write!(said, "{failed} of all that ran failed; "),
        };
        let controlled = self.controlled();
        _ = if controlled == 0 {
            write!(said, "no negative control was run")
        } else {
            let caught = controlled.saturating_sub(self.survived());
            write!(
                said,
                "{caught} of {controlled} guards were noticed missing when they were taken out"
            )
        };
        said
    }

    /// The parts that were not run.
    fn left_out(&self) -> impl Iterator<Item = Part> {
        Part::ALL.into_iter().filter(|part| !self.results.parts.contains(part))
    }

    fn json(&self) -> Value {
        let facts = self.facts;
        let mut versions: serde_json::Map<_, _> =
            self.results.versions.iter().map(|(name, text)| (name.clone(), json!(text))).collect();
        versions.insert("doorward".to_owned(), json!(facts.doorward));
        json!({
            "format": "doorward-verify/1",
            "holds": self.holds(),
            "verdict": self.verdict(),
            "date": facts.date,
            "signed_off_by": facts.signed_off_by,
            "versions": versions,
            "commit": facts.commit,
            "clean": facts.clean && self.results.clean,
            "parts": self.results.parts.iter().map(|part| part.name()).collect::<Vec<_>>(),
            "failed": self.results.failed,
            "evidence": {
                "passed": self.count(How::Passed),
                "failed": self.count(How::Failed),
                "did_not_run": self.count(How::DidNotRun),
            },
            "threats": self.threats.iter().map(Judged::json).collect::<Vec<_>>(),
            "faults": self.faults.iter().map(fault_json).collect::<Vec<_>>(),
            "not_covered": self.not_covered(),
        })
    }

    fn not_covered(&self) -> Value {
        let residual = self.threats.iter().map(|judged| {
            json!({ "threat": judged.coverage.threat.name, "remains": judged.coverage.threat.residual })
        });
        let exceptions = self.exceptions.iter();
        json!({
            "parts_not_run": self.left_out().map(Part::name).collect::<Vec<_>>(),
            "evidence_that_did_not_run": self.did_not_run().collect::<Vec<_>>(),
            "guards_not_taken_out": self.not_controlled().collect::<Vec<_>>(),
            "requirements_without_code": exceptions
                .map(|(id, reason)| json!({ "requirement": id, "reason": reason }))
                .collect::<Vec<_>>(),
            "incidents_without_attack": self
                .exemptions
                .iter()
                .map(|one| json!({
                    "incident": one.incident,
                    "reason": one.reason,
                    "test": one.test.to_string(),
                }))
                .collect::<Vec<_>>(),
            "what_remains": residual.collect::<Vec<_>>(),
            "outside": OUTSIDE
                .iter()
                .map(|one| json!({ "what": one.what, "means": one.means }))
                .collect::<Vec<_>>(),
        })
    }

    fn did_not_run(&self) -> impl Iterator<Item = &str> {
        let all = self.threats.iter().flat_map(|threat| &threat.evidence);
        let names = all.filter(|one| one.how == How::DidNotRun).map(|one| one.name.as_str());
        names.collect::<std::collections::BTreeSet<_>>().into_iter()
    }

    fn not_controlled(&self) -> impl Iterator<Item = &str> {
        let not = self.threats.iter().filter(|threat| threat.controlled.is_none());
        not.map(|threat| threat.coverage.threat.name)
    }
}

/// Results of another commit say nothing about this one.
fn other_commit(results: &Results, facts: &Facts) -> Option<Fault> {
    if results.commit == facts.commit {
        return None;
    }
    let name = |commit: &Option<String>| commit.clone().unwrap_or_else(|| "no commit".to_owned());
    Some(Fault {
        file: "run.json".to_owned(),
        line: None,
        rule: Rule::Ran,
        what: format!(
            "these results are of {}, and the source is at {}; run tests/run again",
            name(&results.commit),
            name(&facts.commit)
        ),
    })
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        _ = write!(text, "{byte:02x}");
        text
    })
}
