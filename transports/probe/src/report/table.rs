//! A report for a terminal of 80 columns.

use doorward_policy::threat::Threat;

use super::{OfThreat, Report, Standing, reason, short_reason, shortened, transport};
use crate::exchange::{Exchange, Shown};
use crate::run::Answer;

/// How wide a line may be.
const WIDTH: usize = 80;
/// How many lines of either side of an exchange are shown.
const LINES: usize = 12;

impl Report {
    /// A table of the threats; then, of each that was not held, what was sent and received; then why
    /// the rest says nothing.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = self.heading();
        let threats = self.threats();
        text.push_str(&row("THREAT", "", ["HELD", "NOT HELD", "N/A"].map(str::to_owned)));
        for found in &threats {
            let counts = [Standing::Held, Standing::NotHeld, Standing::NotApplicable];
            let counts = counts.map(|standing| match found.count(standing) {
                0 => "-".to_owned(),
                count => count.to_string(),
            });
            text.push_str(&row(found.threat, &found.standing().to_string(), counts));
        }
        for found in threats.iter().filter(|found| found.standing() == Standing::NotHeld) {
            text.push_str(&self.not_held(found));
        }
        text.push_str(&not_applicable(&self.answers));
        text.push_str(&format!("\n{}\n", self.summary()));
        text
    }

    fn heading(&self) -> String {
        let header = &self.header;
        let quic = header.quic.iter().map(|quic| format!(", QUIC at {quic}")).collect::<String>();
        let minute = header.started_at.get(..16).unwrap_or(&header.started_at).replace('T', " ");
        let digest = header.corpus_sha256.get(..12).unwrap_or(&header.corpus_sha256);
        let checked = match header.strict {
            true => "",
            false => "Of another product, only whether it lets an attack through is checked.\n",
        };
        let place = format!("{} at {} ({}){quic}", header.product, header.url, header.address);
        let (version, attacks) = (&header.version, header.corpus_attacks);
        let made =
            format!("{minute}Z, doorward {version}, {attacks} attacks (SHA-256 {digest}...)");
        format!("{}{}{checked}\n", wrapped("", &place), wrapped("", &made))
    }

    fn not_held(&self, found: &OfThreat<'_>) -> String {
        let title = Threat::find(found.threat).map_or("", |threat| threat.title);
        let heading = format!("{} is not held: {title}", found.threat);
        let mut text = format!("\n{}", wrapped("", &heading));
        if let Some(note) = self.header.notes.get(found.threat) {
            text.push_str(&wrapped("  Note: ", note));
        }
        let let_through = |one: &&&Answer| Standing::of(&one.played.verdict) == Standing::NotHeld;
        for answer in found.answers.iter().filter(let_through) {
            let title =
                format!("{} [{}, {}]", answer.attack.title, answer.attack.id, transport(answer));
            text.push_str(&wrapped("  * ", &title));
            text.push_str(&wrapped("    ", &short_reason(answer)));
            if let Some(last) = answer.played.exchanges.last() {
                text.push_str(&exchange(last));
            }
        }
        text
    }
}

fn row(threat: &str, standing: &str, counts: [String; 3]) -> String {
    let [held, not_held, rest] = counts;
    format!("{threat:<26}{standing:<16}{held:>6}{not_held:>10}{rest:>5}\n")
}

/// Why attacks say nothing of this server, each reason once.
fn not_applicable(answers: &[Answer]) -> String {
    let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
    for answer in answers {
        if Standing::of(&answer.played.verdict) != Standing::NotApplicable {
            continue;
        }
        let name = format!("{} ({})", answer.attack.id, transport(answer));
        match reasons.iter_mut().find(|(why, _)| *why == reason(answer)) {
            Some((_, names)) => names.push(name),
            None => reasons.push((reason(answer), vec![name])),
        }
    }
    if reasons.is_empty() {
        return String::new();
    }
    let told = reasons.iter().map(|(why, names)| {
        wrapped("  * ", &format!("{}: {}", why.trim_end_matches('.'), names.join(", ")))
    });
    std::iter::once("\nNot applicable\n".to_owned()).chain(told).collect()
}

fn exchange(exchange: &Exchange) -> String {
    side("    > ", &exchange.sent) + &side("    < ", &exchange.received)
}

/// One side of an exchange, in the lines that it has.
fn side(prefix: &str, shown: &Shown) -> String {
    let text = shown.text.replace("\\r\\n", "\n").replace("\\n", "\n");
    let lines: Vec<&str> = text.lines().collect();
    let mut told: String = lines.iter().take(LINES).map(|line| cut(prefix, line)).collect();
    if lines.len() > LINES || !shown.whole {
        told.push_str(&format!("{prefix}... ({} bytes)\n", shown.bytes));
    }
    told
}

/// One line, cut where the terminal ends.
fn cut(prefix: &str, line: &str) -> String {
    let room = WIDTH.saturating_sub(prefix.len());
    if line.chars().count() <= room {
        return format!("{prefix}{line}\n");
    }
    let kept: String = line.chars().take(room.saturating_sub(3)).collect();
    format!("{prefix}{kept}...\n")
}

/// Text in lines that fit, the first behind a prefix and the others as far in.
fn wrapped(prefix: &str, text: &str) -> String {
    let indent = " ".repeat(prefix.len());
    let mut lines = String::new();
    let mut line = prefix.to_owned();
    let mut empty = true;
    let room = WIDTH.saturating_sub(prefix.len());
    for word in text.split_whitespace() {
        let word = shortened(word, room.saturating_sub(7));
        if !empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push_str(&line);
            lines.push('\n');
            line.clone_from(&indent);
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(&word);
        empty = false;
    }
    lines + &line + "\n"
}
