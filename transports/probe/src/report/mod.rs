//! What a probe has found, and the forms that it is told in.

mod json;
mod markdown;
mod sarif;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use crate::play::Verdict;
use crate::run::Answer;

/// What a probe has found.
#[derive(Clone, Debug)]
pub struct Report {
    /// Of what, when, and with what.
    pub header: Header,
    /// What came of each attack, in the order of the corpus.
    pub answers: Vec<Answer>,
}

/// Of what a report is, when it was made, and with what.
#[derive(Clone, Debug)]
pub struct Header {
    /// What was probed, such as `Jupyter Server 2.21.1`.
    pub product: String,
    /// Its URL.
    pub url: String,
    /// The one address that every TCP connection went to.
    pub address: String,
    /// Where it speaks QUIC, if that was named.
    pub quic: Option<String>,
    /// The name of its profile.
    pub profile: String,
    /// Whether all that an attack expects was checked, or the outcome alone.
    pub strict: bool,
    /// The version of the prober.
    pub version: String,
    /// How many attacks the corpus has.
    pub corpus_attacks: usize,
    /// The SHA-256 of the corpus, in hexadecimal.
    pub corpus_sha256: String,
    /// When the first attack was played: RFC 3339, UTC.
    pub started_at: String,
    /// What somebody who knows the product says of a threat, by the threat's name.
    pub notes: BTreeMap<String, String>,
}

/// What a server does about a threat, or against one attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// At least one attack was let through.
    NotHeld,
    /// No attack was let through, and at least one was refused.
    Held,
    /// No attack says anything of this server.
    NotApplicable,
}

impl Standing {
    /// What a verdict comes to.
    #[must_use]
    pub const fn of(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Held => Self::Held,
            Verdict::NotHeld(_) => Self::NotHeld,
            Verdict::NotApplicable(_) => Self::NotApplicable,
        }
    }

    /// For programs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotHeld => "not_held",
            Self::Held => "held",
            Self::NotApplicable => "not_applicable",
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NotHeld => "not held",
            Self::Held => "held",
            Self::NotApplicable => "not applicable",
        })
    }
}

/// What was found about one threat.
#[derive(Clone, Debug)]
pub struct OfThreat<'a> {
    /// Its name.
    pub threat: &'a str,
    /// What came of its attacks.
    pub answers: Vec<&'a Answer>,
}

impl OfThreat<'_> {
    /// What all of its attacks come to.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let standings = self.answers.iter().map(|one| Standing::of(&one.played.verdict));
        standings.min().unwrap_or(Standing::NotApplicable)
    }

    /// How many of its attacks came to this.
    #[must_use]
    pub fn count(&self, standing: Standing) -> usize {
        let same = |one: &&&Answer| Standing::of(&one.played.verdict) == standing;
        self.answers.iter().filter(same).count()
    }
}

impl Report {
    /// What was found, threat by threat: in the catalog's order, then what no catalog knows.
    #[must_use]
    pub fn threats(&self) -> Vec<OfThreat<'_>> {
        use doorward_policy::threat::ThreatId;
        let catalog: Vec<&str> = ThreatId::all().map(|id| id.row().name).collect();
        let place = |name: &str| catalog.iter().position(|known| *known == name);
        let mut names: Vec<&str> =
            self.answers.iter().map(|it| it.attack.threat.as_str()).collect();
        names.sort_by_key(|name| (place(name).unwrap_or(usize::MAX), *name));
        names.dedup();
        let of = |threat| {
            let same = |answer: &&Answer| answer.attack.threat == threat;
            OfThreat { threat, answers: self.answers.iter().filter(same).collect() }
        };
        names.into_iter().map(of).collect()
    }

    /// How many threats came to this.
    #[must_use]
    pub fn count(&self, standing: Standing) -> usize {
        self.threats().iter().filter(|threat| threat.standing() == standing).count()
    }

    /// What the whole comes to: held if something was held and nothing was not.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let standings = self.answers.iter().map(|one| Standing::of(&one.played.verdict));
        standings.min().unwrap_or(Standing::NotApplicable)
    }

    /// `29 threats held, 1 not held, 1 not applicable`.
    fn summary(&self) -> String {
        let counts = [Standing::Held, Standing::NotHeld, Standing::NotApplicable];
        let [held, not_held, rest] = counts.map(|standing| self.count(standing));
        let threats = if held == 1 { "threat" } else { "threats" };
        format!("{held} {threats} held, {not_held} not held, {rest} not applicable")
    }
}

/// Why an attack was not held or not applicable; empty where it was held.
fn reason(answer: &Answer) -> &str {
    match &answer.played.verdict {
        Verdict::Held => "",
        Verdict::NotHeld(why) | Verdict::NotApplicable(why) => why,
    }
}

/// The same, as far as a reader wants it: a target may be as long as a page.
fn short_reason(answer: &Answer) -> String {
    shortened(reason(answer), 200)
}

/// A text of at most so many characters, and what is left out in the middle.
fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let head: String = text.chars().take(most / 2).collect();
    let tail: Vec<char> = text.chars().rev().take(most / 2).collect();
    let tail: String = tail.into_iter().rev().collect();
    format!("{head} [...] {tail}")
}

/// `websocket`, and so on.
const fn transport(answer: &Answer) -> &'static str {
    use crate::attack::Transport;
    match answer.over {
        Transport::Http => "http",
        Transport::Websocket => "websocket",
        Transport::Quic => "quic",
    }
}
