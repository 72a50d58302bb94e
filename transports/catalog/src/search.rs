//! Finds threats by words.

use doorward_policy::threat::{INCIDENTS, Threat, ThreatId};

use crate::model::{Catalog, Coverage};
use crate::show::{denials, standards_of};

/// A threat that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The threat.
    pub threat: &'static Threat,
    /// In which of its parts the words were found.
    pub parts: Vec<&'static str>,
}

impl Catalog {
    /// The threats in which each of the words stands somewhere, in any case: in a text of theirs, in
    /// a requirement, an attack or an incident, or as the id of one. `CWE-294`, `ASVS 6.4.1`,
    /// `RFC6749` and `CVE-2025-52882` are words too.
    #[must_use]
    pub fn search(&self, words: &[String]) -> Vec<Found> {
        let words: Vec<String> =
            words.iter().flat_map(|word| word.split_whitespace()).map(str::to_lowercase).collect();
        ThreatId::all().filter_map(|threat| self.found(threat, &words)).collect()
    }

    fn found(&self, threat: ThreatId, words: &[String]) -> Option<Found> {
        let texts = texts(&self.of(threat));
        let mut parts = Vec::new();
        for word in words {
            let before = parts.len();
            let holds = |(_, text): &&(&'static str, String)| holds(text, word);
            parts.extend(texts.iter().filter(holds).map(|(part, _)| *part));
            if parts.len() == before {
                return None;
            }
        }
        let mut seen = Vec::new();
        parts.retain(|part| {
            let is_new = !seen.contains(part);
            seen.push(*part);
            is_new
        });
        (!parts.is_empty()).then(|| Found { threat: threat.row(), parts })
    }
}

/// Whether a word stands in a text. A number has to stand there whole: `CWE-79` is not in `CWE-798`.
fn holds(text: &str, word: &str) -> bool {
    let digit = |each: Option<char>| each.is_some_and(|each| each.is_ascii_digit());
    text.match_indices(word).any(|(place, found)| {
        let before = text.get(..place).and_then(|before| before.chars().next_back());
        let after =
            text.get(place.saturating_add(found.len())..).and_then(|rest| rest.chars().next());
        let cut_before = digit(before) && digit(word.chars().next());
        let cut_after = digit(after) && digit(word.chars().next_back());
        !cut_before && !cut_after
    })
}

/// Everything that is searched, in lower case, under the name of its part.
fn texts(coverage: &Coverage<'_>) -> Vec<(&'static str, String)> {
    let row = coverage.threat;
    let mut texts = vec![
        ("name", row.name.to_owned()),
        ("title", row.title.to_owned()),
        ("severity", format!("{} {}", row.severity.level.text(), row.severity.because)),
        ("when", row.preconditions.to_owned()),
        ("attack", row.attack.to_owned()),
        ("what remains", row.residual.to_owned()),
        ("refusals", denials(row.id).join(" ")),
    ];
    texts.extend(row.attackers.iter().map(|one| ("attackers", one.text().to_owned())));
    texts.extend(row.assets.iter().map(|one| ("at stake", one.text().to_owned())));
    texts.extend(row.stride.iter().map(|one| ("STRIDE", one.text().to_owned())));
    texts.extend(row.mitigations.iter().map(|one| ("defence", format!("{} {}", one.at, one.does))));
    texts
        .extend(row.duties.iter().map(|one| ("duties", format!("{} {}", one.of.text(), one.what))));
    texts.extend(row.invariants.iter().map(|one| ("invariants", one.name().to_owned())));
    texts.extend(standards_of(row).into_iter().map(|one| ("standards", one)));
    // The same without the blank, as one would type it: `RFC6455`, `ASVS6.4.1`, `CWE287`.
    let joined = standards_of(row).into_iter().map(|one| one.replace([' ', '-'], ""));
    texts.extend(joined.map(|one| ("standards", one)));
    for id in row.incidents {
        let known = INCIDENTS.iter().find(|one| one.id == *id);
        let (software, cause) = known.map_or(("", ""), |one| (one.software, one.cause));
        texts.push(("incidents", format!("{id} {software} {cause}")));
    }
    for requirement in &coverage.requirements {
        texts.push(("requirements", format!("{} {}", requirement.id, requirement.text)));
    }
    for attack in &coverage.attacks {
        texts.push(("attacks", format!("{} {}", attack.id, attack.title)));
    }
    texts.into_iter().map(|(part, text)| (part, text.to_lowercase())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(words: &[&str]) -> Vec<&'static str> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        Catalog::embedded().search(&words).into_iter().map(|one| one.threat.name).collect()
    }

    #[test]
    fn a_threat_is_found_by_any_of_its_texts_and_ids() {
        assert!(found(&["rebinding"]).contains(&"DW-DNS-REBINDING"));
        assert!(found(&["dw-dns-rebinding"]).contains(&"DW-DNS-REBINDING"));
        assert!(found(&["CVE-2025-52882"]).contains(&"DW-CROSS-SITE-HIJACK"));
        assert!(found(&["claude", "code"]).contains(&"DW-CROSS-SITE-HIJACK"));
        assert!(found(&["GRANT-1"]).contains(&"DW-GRANT-REPLAY"));
        for standard in standards_of(ThreatId::GrantReplay.row()) {
            assert!(found(&[&standard]).contains(&"DW-GRANT-REPLAY"), "{standard}");
            assert!(
                found(&[&standard.replace(' ', "")]).contains(&"DW-GRANT-REPLAY"),
                "{standard}"
            );
        }
    }

    #[test]
    fn every_word_must_be_found_and_a_number_whole() {
        assert_eq!(found(&["rebinding", "no-such-word"]), Vec::<&str>::new());
        assert_eq!(found(&[]), Vec::<&str>::new());
        assert!(holds("cwe-798", "cwe-798") && !holds("cwe-798", "cwe-79"));
        assert!(holds("cve-2025-1", "cve-2025") && !holds("rfc 16455", "6455"));
        assert!(holds("cwe-798 and cwe-79", "cwe-79"));
    }
}
