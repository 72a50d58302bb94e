//! One threat, in full.

use std::fmt::Write as _;

use doorward_policy::threat::{INCIDENTS, Threat, ThreatId};

use super::denials;
use crate::faults::{overs, shown_by};
use crate::model::{Catalog, Citation, Coverage, Kind};

/// Lines are never made shorter than this, however narrow the terminal is.
const NARROWEST: usize = 40;

impl Catalog {
    /// Everything about a threat, in lines of at most `width` characters, but for words that are
    /// longer.
    #[must_use]
    pub fn shown(&self, threat: ThreatId, width: usize) -> String {
        let coverage = self.of(threat);
        let row = coverage.threat;
        let mut page = Page { width: width.max(NARROWEST), text: String::new() };
        page.line(0, &format!("{}  {}", row.name, row.title));
        page.line(0, &format!("severity {}: {}", row.severity.level.text(), row.severity.because));
        page.line(0, "");
        described(&mut page, row);
        self.evidence(&mut page, &coverage);
        standards(&mut page, row);
        page.text
    }

    fn evidence(&self, page: &mut Page, coverage: &Coverage<'_>) {
        page.heading("Requirements");
        for requirement in &coverage.requirements {
            page.line(2, &format!("{}  {}", requirement.id, requirement.text));
            let cites = |one: &&&Citation| one.requirement == requirement.id.as_str();
            let all = [&coverage.code, &coverage.exceptions, &coverage.evidence];
            for citation in all.into_iter().flatten().filter(cites) {
                page.line(6, &cited(citation));
            }
        }
        if self.source.is_none() {
            page.line(
                2,
                "Code, evidence and negative controls need a checkout: run this in one, or give \
                         --source DIR.",
            );
        }
        page.heading("Attacks");
        for attack in &coverage.attacks {
            let over = overs(attack).collect::<Vec<_>>().join(", ");
            page.line(2, &format!("{}  {} ({over})", attack.id, attack.title));
        }
        page.none(coverage.attacks.is_empty());
        if self.source.is_some() {
            let kinds: Vec<&str> = shown_by(coverage).into_iter().map(Kind::name).collect();
            page.heading("Kinds of evidence");
            page.line(2, &kinds.join(", "));
            page.none(kinds.is_empty());
            page.heading("Negative control");
            if let Some(control) = coverage.control {
                page.line(2, &format!("{}: takes out that {}", control.file, control.guard));
                for item in &control.evidence {
                    page.line(6, &format!("then must fail: {item}"));
                }
            }
            page.none(coverage.control.is_none());
        }
    }
}

/// One citation on a line: kind, what can be run, and where it stands.
fn cited(citation: &Citation) -> String {
    let Citation { kind, file, line, .. } = citation;
    let kind = if *kind == Kind::Implementation { "code" } else { kind.name() };
    match (&citation.item, &citation.reason) {
        (Some(item), _) => format!("{kind}  {item}  ({file}:{line})"),
        (None, Some(reason)) => format!("{kind}  {reason}  ({file}:{line})"),
        (None, None) => format!("{kind}  {file}:{line}"),
    }
}

fn described(page: &mut Page, row: &Threat) {
    let list = |texts: Vec<&str>| texts.join(", ");
    page.line(
        0,
        &format!("Attackers: {}", list(row.attackers.iter().map(|one| one.text()).collect())),
    );
    page.line(0, &format!("At stake: {}", list(row.assets.iter().map(|one| one.text()).collect())));
    page.line(0, &format!("STRIDE: {}", list(row.stride.iter().map(|one| one.text()).collect())));
    page.heading("When");
    page.line(2, row.preconditions);
    page.heading("Attack");
    page.line(2, row.attack);
    page.heading("Defence");
    for mitigation in row.mitigations {
        page.line(2, mitigation.at);
        page.line(6, mitigation.does);
    }
    page.heading("What remains");
    page.line(2, row.residual);
    page.heading("Left to whoever runs or embeds it");
    for duty in row.duties {
        page.line(2, &format!("{}: {}", duty.of.text(), duty.what));
    }
    page.none(row.duties.is_empty());
    page.heading("Refusals");
    let denials = denials(row.id);
    page.line(2, &denials.join(", "));
    if denials.is_empty() {
        page.line(2, "none: it is prevented rather than refused");
    }
    page.heading("Invariants");
    for invariant in row.invariants {
        page.line(2, &format!("{}  {}", invariant.name(), invariant.statement()));
    }
}

fn standards(page: &mut Page, row: &Threat) {
    page.heading("Incidents");
    for id in row.incidents {
        match INCIDENTS.iter().find(|one| one.id == *id) {
            Some(one) => page.line(2, &format!("{id}  {}: {}", one.software, one.cause)),
            None => page.line(2, id),
        }
    }
    page.none(row.incidents.is_empty());
    page.heading("Standards");
    page.line(2, &standards_of(row).join(", "));
}

/// What a row cites: `CWE-294`, `ASVS 6.4.1`, `RFC 6749 section 10.5`.
pub(crate) fn standards_of(row: &Threat) -> Vec<String> {
    let cwe = row.cwe.iter().map(|number| format!("CWE-{number}"));
    let asvs = row.asvs.iter().map(|id| format!("ASVS {id}"));
    let rfcs = row.rfcs.iter().map(|rfc| format!("RFC {} section {}", rfc.number, rfc.section));
    cwe.chain(asvs).chain(rfcs).collect()
}

struct Page {
    width: usize,
    text: String,
}

impl Page {
    fn heading(&mut self, heading: &str) {
        _ = writeln!(self.text, "\n{heading}");
    }

    fn none(&mut self, is_none: bool) {
        if is_none {
            self.line(2, "none");
        }
    }

    /// A paragraph, indented, with the lines after its first one two deeper.
    fn line(&mut self, indent: usize, text: &str) {
        let mut left = 0;
        for word in text.split_whitespace() {
            let length = word.chars().count();
            if left == 0 {
                _ = write!(self.text, "{:indent$}", "");
                left = indent;
            } else if left.saturating_add(1).saturating_add(length) > self.width {
                let deeper = indent.saturating_add(2);
                _ = write!(self.text, "\n{:deeper$}", "");
                left = deeper;
            } else {
                self.text.push(' ');
                left = left.saturating_add(1);
            }
            self.text.push_str(word);
            left = left.saturating_add(length);
        }
        if left > 0 {
            self.text.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paragraph_is_wrapped_and_hangs() {
        let mut page = Page { width: 20, text: String::new() };
        page.line(2, "I5  one two three four five-that-is-far-too-long six");
        assert_eq!(
            page.text,
            "  I5 one two three\n    four\n    five-that-is-far-too-long\n    six\n"
        );
    }

    #[test]
    fn a_page_has_everything_of_a_row_and_no_line_too_long() {
        let catalog = Catalog::embedded();
        for threat in ThreatId::all() {
            let page = catalog.shown(threat, 72);
            let long = |line: &&str| line.chars().count() > 72 && line.trim().contains(' ');
            assert_eq!(page.lines().find(long), None);
            let flat = page.split_whitespace().collect::<Vec<_>>().join(" ");
            let row = threat.row();
            let all = [row.name, row.title, row.attack, row.residual, row.severity.because];
            let texts = all.into_iter().chain(row.incidents.iter().copied());
            for text in texts.chain(row.duties.iter().map(|duty| duty.what)) {
                assert!(flat.contains(text), "{}: {text}", row.name);
            }
            for standard in standards_of(row) {
                assert!(flat.contains(&standard), "{}: {standard}", row.name);
            }
        }
    }
}
