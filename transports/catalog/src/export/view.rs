//! What every format shows: each row with all that stands beside it, in one order.

use std::collections::BTreeMap;

use doorward_policy::Denial;
use doorward_policy::threat::{INCIDENTS, Incident, Threat, ThreatId};

use crate::{Catalog, Citation, Coverage, Item, Kind, Requirement};

/// The catalog as it is shown.
pub(super) struct View<'a> {
    /// Where the rest stands.
    pub(super) catalog: &'a Catalog,
    /// The threats, in the order of the catalog.
    pub(super) threats: Vec<Entry<'a>>,
}

/// One threat.
pub(super) struct Entry<'a> {
    /// The row.
    pub(super) threat: &'static Threat,
    /// What there is about it.
    pub(super) coverage: Coverage<'a>,
    /// The reasons to refuse that point to it, as the audit log spells them.
    pub(super) denials: Vec<String>,
    /// The published incidents of its kind.
    pub(super) incidents: Vec<&'static Incident>,
}

/// Something that was cited for one or more requirements.
pub(super) struct Piece<'a> {
    /// What it is.
    pub(super) kind: Kind,
    /// The file.
    pub(super) file: &'a str,
    /// The line of its first citation.
    pub(super) line: usize,
    /// The test, where it is one.
    pub(super) item: Option<&'a Item>,
    /// The requirements that it is cited for.
    pub(super) requirements: Vec<&'a str>,
}

impl<'a> View<'a> {
    pub(super) fn of(catalog: &'a Catalog) -> Self {
        let denials = Denial::examples();
        let threats = ThreatId::all().map(|id| Entry {
            threat: id.row(),
            coverage: catalog.of(id),
            denials: spelled(&denials, id),
            incidents: INCIDENTS
                .iter()
                .filter(|one| id.row().incidents.contains(&one.id))
                .collect(),
        });
        Self { catalog, threats: threats.collect() }
    }

    /// Whether code and tests were looked at: without a source there are none to look at, and
    /// nothing can be said to be missing.
    pub(super) const fn evidence_read(&self) -> bool {
        self.catalog.source.is_some()
    }

    /// What is missing for a threat; nothing where nothing was looked at.
    pub(super) fn gaps(&self, entry: &Entry<'_>) -> Vec<String> {
        if self.evidence_read() { entry.gaps() } else { Vec::new() }
    }

    /// The distinct tests that are cited, of whatever kind, for whatever requirement.
    pub(super) fn pieces(&self) -> Vec<Piece<'a>> {
        pieces(self.catalog.citations.iter().filter(|citation| citation.kind.is_evidence()))
    }

    /// The incidents that are in no row.
    pub(super) fn unanswered(&self) -> impl Iterator<Item = &'static Incident> {
        INCIDENTS.iter().filter(|one| self.answering(one.id).is_empty())
    }

    /// The threats whose incidents include this one.
    pub(super) fn answering(&self, incident: &str) -> Vec<&'static str> {
        let answers = |entry: &&Entry<'_>| entry.threat.incidents.contains(&incident);
        self.threats.iter().filter(answers).map(|entry| entry.threat.name).collect()
    }
}

impl<'a> Entry<'a> {
    /// The evidence, each piece once, by kind, file and name.
    pub(super) fn evidence(&self) -> Vec<Piece<'a>> {
        pieces(self.coverage.evidence.iter().copied())
    }

    /// The code that is cited, each place once.
    pub(super) fn code(&self) -> Vec<Piece<'a>> {
        pieces(self.coverage.code.iter().copied())
    }

    /// The files of [`Self::code`], each once.
    pub(super) fn code_files(&self) -> Vec<&'a str> {
        let mut files: Vec<_> = self.coverage.code.iter().map(|one| one.file.as_str()).collect();
        files.sort_unstable();
        files.dedup();
        files
    }

    /// How many pieces of a kind there are.
    pub(super) fn count(&self, kind: Kind) -> usize {
        match kind {
            Kind::Attack => self.coverage.attacks.len(),
            Kind::Implementation => self.code().len(),
            Kind::Exception => self.coverage.exceptions.len(),
            _ => self.evidence().iter().filter(|piece| piece.kind == kind).count(),
        }
    }

    /// What is missing, as sentences.
    fn gaps(&self) -> Vec<String> {
        let Coverage { requirements, code, exceptions, evidence, attacks, control, .. } =
            &self.coverage;
        let cites = |list: &[&Citation], one: &Requirement| {
            list.iter().any(|citation| citation.requirement == one.id.as_str())
        };
        let mut gaps = Vec::new();
        let mut gap = |missing: bool, text: String| {
            if missing {
                gaps.push(text);
            }
        };
        gap(requirements.is_empty(), "No requirement names it.".to_owned());
        for one in requirements {
            let excepted = cites(exceptions, one);
            gap(!excepted && !cites(code, one), format!("No code is cited for {}.", one.id));
            gap(!cites(evidence, one), format!("No test is cited for {}.", one.id));
        }
        gap(self.coverage.kinds().len() < 2, "Its evidence is of fewer than two kinds.".to_owned());
        gap(attacks.is_empty(), "No attack replays it.".to_owned());
        gap(control.is_none(), "No negative control takes its guard out.".to_owned());
        gaps
    }
}

impl Piece<'_> {
    /// What it is called: the test's name, or else the file's.
    pub(super) fn name(&self) -> &str {
        match self.item {
            Some(item) => &item.name,
            None => self.file.rsplit('/').next().unwrap_or(self.file),
        }
    }
}

/// Citations of the same thing become one piece.
fn pieces<'a>(citations: impl Iterator<Item = &'a Citation>) -> Vec<Piece<'a>> {
    let mut found: BTreeMap<_, Piece<'a>> = BTreeMap::new();
    for citation in citations {
        let Citation { requirement, kind, file, line, item, .. } = citation;
        // Code has no name: there the place is what tells one from another.
        let place = if item.is_some() { 0 } else { *line };
        let piece = found.entry((*kind, file, item, place)).or_insert_with(|| Piece {
            kind: *kind,
            file,
            line: *line,
            item: item.as_ref(),
            requirements: Vec::new(),
        });
        piece.line = piece.line.min(*line);
        if !piece.requirements.contains(&requirement.as_str()) {
            piece.requirements.push(requirement);
        }
    }
    let mut pieces: Vec<_> = found.into_values().collect();
    pieces.iter_mut().for_each(|piece| piece.requirements.sort_unstable_by_key(|id| natural(id)));
    pieces
}

/// `GRANT-2` before `GRANT-10`.
pub(super) fn natural(id: &str) -> (&str, u32) {
    let (prefix, number) = id.rsplit_once('-').unwrap_or((id, ""));
    (prefix, number.parse().unwrap_or(0))
}

/// The denials that point to a threat, without what the example happened to see.
fn spelled(denials: &[Denial], id: ThreatId) -> Vec<String> {
    let of_this = denials.iter().filter(|denial| denial.threat() == id);
    let text = |denial: &Denial| {
        let text = denial.audit();
        match denial {
            Denial::HostDenied { .. }
            | Denial::OriginDenied { .. }
            | Denial::FetchMetadata { .. }
            | Denial::CapabilityLacking(_) => text.split(':').next().unwrap_or_default().to_owned(),
            _ => text,
        }
    };
    of_this.map(text).collect()
}

/// The file of an attack.
pub(super) fn attack_file(id: &str) -> String {
    format!("tests/attacks/{id}.toml")
}

/// `1 test`, `2 tests`.
pub(super) fn counted(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

/// What a kind of evidence is called, for one and for many.
pub(super) const fn words(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Implementation => ("place in the code", "places in the code"),
        Kind::Test => ("test", "tests"),
        Kind::Property => ("property test", "property tests"),
        Kind::Fuzz => ("fuzz target", "fuzz targets"),
        Kind::Model => ("model test", "model tests"),
        Kind::Proof => ("proof", "proofs"),
        Kind::Attack => ("attack", "attacks"),
        Kind::Exception => ("exception", "exceptions"),
    }
}
