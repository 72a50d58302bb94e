//! A report as a page of documentation.

use std::fmt::Write as _;

use doorward_policy::threat::Threat;

use super::{OfThreat, Report, Standing, short_reason, shortened, transport};
use crate::exchange::{Exchange, Shown};
use crate::run::Answer;

/// How many lines of either side of an exchange are shown, and how much of each.
const LINES: usize = 24;
const LENGTH: usize = 200;

impl Report {
    /// The report in Markdown: a table of the threats, then each with what came of its attacks, and
    /// the bytes of what was let through.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut page = self.preface();
        let threats = self.threats();
        page.push_str("\n| threat | | held | not held | not applicable |\n|---|---|--:|--:|--:|\n");
        for found in &threats {
            let counts = [Standing::Held, Standing::NotHeld, Standing::NotApplicable];
            let [held, not_held, rest] = counts.map(|standing| found.count(standing));
            let (name, standing) = (found.threat, found.standing());
            let anchor = name.to_lowercase();
            _ = writeln!(
                page,
                "| [{name}](#{anchor}) | {standing} | {held} | {not_held} | {rest} |"
            );
        }
        for found in &threats {
            page.push_str(&self.section(found));
        }
        page
    }

    fn preface(&self) -> String {
        let header = &self.header;
        let checked = match header.strict {
            true => {
                "Everything that an attack expects was checked: status, code, and what the audit \
                log says where it can be read."
            }
            false => {
                "Of another product, only whether it lets an attack through is checked, not in \
                what words it refuses."
            }
        };
        let quic = header.quic.iter().map(|quic| format!(" and over QUIC at `{quic}`"));
        format!(
            "# {}\n\nProbed at `{}`{} on {} by `doorward probe` {} with the profile `{}`, {} attacks \
             (SHA-256 `{}`). {checked}\n\n**{}.**\n",
            header.product,
            header.url,
            quic.collect::<String>(),
            header.started_at.get(..10).unwrap_or(&header.started_at),
            header.version,
            header.profile,
            header.corpus_attacks,
            header.corpus_sha256,
            self.summary(),
        )
    }

    fn section(&self, found: &OfThreat<'_>) -> String {
        let (name, standing) = (found.threat, found.standing());
        let title = Threat::find(name).map_or("", |threat| threat.title);
        let mut text = format!("\n## {name}\n\n{title}: **{standing}**.\n");
        if let Some(note) = self.header.notes.get(name) {
            _ = write!(text, "\n{}\n", note.trim());
        }
        text.push('\n');
        for answer in &found.answers {
            let standing = Standing::of(&answer.played.verdict);
            let why = match short_reason(answer) {
                why if why.is_empty() => why,
                why => format!(": {}", escaped(&why)),
            };
            let (id, over) = (&answer.attack.id, transport(answer));
            _ = writeln!(
                text,
                "- {} (`{id}`, {over}): {standing}{why}",
                escaped(&answer.attack.title)
            );
        }
        let let_through = |one: &&&Answer| Standing::of(&one.played.verdict) == Standing::NotHeld;
        for answer in found.answers.iter().filter(let_through) {
            if let Some(last) = answer.played.exchanges.last() {
                text.push_str(&exchange(answer, last));
            }
        }
        text
    }
}

fn exchange(answer: &Answer, exchange: &Exchange) -> String {
    let mut text = format!("\n`{}` over {}:\n\n```text\n", answer.attack.id, transport(answer));
    side(&mut text, "> ", &exchange.sent);
    side(&mut text, "< ", &exchange.received);
    text.push_str("```\n");
    text
}

fn side(text: &mut String, prefix: &str, shown: &Shown) {
    let whole = shown.text.replace("\\r\\n", "\n").replace("\\n", "\n");
    let lines: Vec<&str> = whole.lines().collect();
    for line in lines.iter().take(LINES) {
        // No answer ends the block that it stands in.
        let line = shortened(&line.replace("```", "+++"), LENGTH);
        _ = writeln!(text, "{}", format!("{prefix}{line}").trim_end());
    }
    if !shown.whole || lines.len() > LINES {
        _ = writeln!(text, "{prefix}... ({} bytes)", shown.bytes);
    }
}

/// Text without what Markdown would read in it.
fn escaped(text: &str) -> String {
    let special = |each: char| "\\`*_{}[]<>|#".contains(each);
    let written = text.chars().map(|each| match each {
        '\n' | '\r' => " ".to_owned(),
        each if special(each) => format!("\\{each}"),
        each => each.to_string(),
    });
    written.collect()
}
