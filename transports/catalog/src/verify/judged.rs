//! One threat, and what became of its evidence.

use serde_json::{Value, json};

use crate::faults::played;
use crate::model::{Citation, Coverage, Kind};
use crate::results::{Controlled, How, Part, Results};

/// A threat with what became of its evidence.
pub(crate) struct Judged<'a> {
    pub(crate) coverage: Coverage<'a>,
    /// By kind and name.
    pub(crate) evidence: Vec<Evidence>,
    /// What the negative control came to, if it was run.
    pub(crate) controlled: Option<&'a Controlled>,
}

/// A piece of evidence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Evidence {
    pub(crate) kind: Kind,
    /// What ran, or where an assertion stands.
    pub(crate) name: String,
    pub(crate) how: How,
    /// The requirements that it is cited for; none for an attack.
    pub(crate) requirements: Vec<String>,
    /// How to run it.
    pub(crate) run: String,
}

pub(crate) fn judge<'a>(coverage: Coverage<'a>, results: &'a Results) -> Judged<'a> {
    let mut evidence: Vec<Evidence> = Vec::new();
    for citation in &coverage.evidence {
        let Some(one) = cited(citation, results) else { continue };
        match evidence.iter_mut().find(|known| (known.kind, &known.name) == (one.kind, &one.name)) {
            Some(known) => known.requirements.extend(one.requirements),
            None => evidence.push(one),
        }
    }
    evidence.extend(coverage.attacks.iter().copied().flat_map(played).map(|item| Evidence {
        kind: Kind::Attack,
        name: item.to_string(),
        how: results.of(&item),
        requirements: Vec::new(),
        run: item.command(),
    }));
    evidence.sort();
    Judged { controlled: results.controls.get(&coverage.threat.id), coverage, evidence }
}

/// What became of what a citation stands above; `None` if that is nothing.
fn cited(citation: &Citation, results: &Results) -> Option<Evidence> {
    let requirements = vec![citation.requirement.clone()];
    let kind = citation.kind;
    if let Some(item) = &citation.item {
        let (name, run) = (item.to_string(), item.command());
        return Some(Evidence { kind, name, how: results.of(item), requirements, run });
    }
    // The compiler has asserted it, if it compiled anything.
    let compiled = results.parts.contains(&Part::Cargo);
    (kind == Kind::Proof).then(|| Evidence {
        kind,
        name: format!("{}:{}", citation.file, citation.line),
        how: if compiled { How::Passed } else { How::DidNotRun },
        requirements,
        run: "cargo check --workspace".to_owned(),
    })
}

impl Judged<'_> {
    /// `12 passed, 1 FAILED`
    pub(crate) fn summary(&self) -> String {
        let count = |how: How| {
            let count = self.evidence.iter().filter(|one| one.how == how).count();
            (count > 0).then(|| format!("{count} {}", how.text()))
        };
        let parts = [How::Passed, How::Failed, How::DidNotRun].into_iter().filter_map(count);
        let parts = parts.collect::<Vec<_>>().join(", ");
        if parts.is_empty() { "no evidence".to_owned() } else { parts }
    }

    pub(crate) fn json(&self) -> Value {
        let row = self.coverage.threat;
        let evidence = self.evidence.iter().map(|one| {
            json!({
                "kind": one.kind.name(),
                "test": one.name,
                "requirements": one.requirements,
                "run": one.run,
                "result": match one.how {
                    How::Passed => "passed",
                    How::Failed => "failed",
                    How::DidNotRun => "did-not-run",
                },
            })
        });
        let requirements = self.coverage.requirements.iter();
        json!({
            "id": row.name,
            "title": row.title,
            "severity": row.severity.level.text(),
            "requirements": requirements
                .map(|one| json!({ "id": one.id.as_str(), "text": one.text }))
                .collect::<Vec<_>>(),
            "evidence": evidence.collect::<Vec<_>>(),
            "negative_control": self.coverage.control.map(|control| json!({
                "file": control.file,
                "guard": control.guard,
                "caught": self.controlled.map(|found| found.caught),
                "said": self.controlled.map(|found| &found.said),
            })),
        })
    }
}
