//! The report for a person.

use std::fmt::Write as _;

use doorward_policy::threat::OUTSIDE;

use super::Body;
use super::judged::Judged;
use crate::model::Fault;
use crate::results::How;

const ABOUT: &str = "
## About this report

It says what was run on one machine, at one time, by whoever had that machine. The name in \"signed off by\" is what
that person typed or has in git: nothing here proves it. **The digest is no signature**: whoever changes `verify.json`
computes it anew. It only ties this page to that file. To sign the file, and to check a signature:

```sh
ssh-keygen -Y sign -f ~/.ssh/id_ed25519 -n doorward-verify verify.json
ssh-keygen -Y verify -f allowed_signers -I NAME -n doorward-verify -s verify.json.sig < verify.json
```

To see for yourself, run it: `docs/auditing.md` says how, for all of it and for each piece of evidence.
";

/// Writes the page.
pub(crate) fn markdown(body: &Body<'_>, sha256: &str) -> String {
    let mut page = String::from("# Verification of the threat catalog\n\n");
    _ = writeln!(page, "**{}**\n", body.verdict());
    facts(&mut page, body, sha256);
    faults(&mut page, &body.faults);
    overview(&mut page, body);
    not_covered(&mut page, body);
    page.push_str("\n## Evidence\n");
    for judged in &body.threats {
        threat(&mut page, judged);
    }
    page.push_str(ABOUT);
    page
}

fn facts(page: &mut String, body: &Body<'_>, sha256: &str) {
    let facts = body.facts;
    page.push_str("| | |\n|---|---|\n");
    let mut row = |name: &str, value: &str| _ = writeln!(page, "| {name} | {} |", cell(value));
    row("date", &facts.date);
    row("signed off by", &facts.signed_off_by);
    let changed = if facts.clean && body.results.clean {
        ""
    } else {
        " **with changes that are in no commit**: nobody else can see what ran"
    };
    let commit = facts.commit.as_deref().unwrap_or("none: this is no repository");
    row("commit", &format!("{commit}{changed}"));
    row("Doorward", &facts.doorward);
    for (name, version) in &body.results.versions {
        row(name, version);
    }
    let parts: Vec<&str> = body.results.parts.iter().map(|part| part.name()).collect();
    row("ran", &parts.join(", "));
    row("SHA-256 of verify.json", &format!("`{sha256}` (no signature, see the end)"));
}

fn faults(page: &mut String, faults: &[Fault]) {
    if faults.is_empty() {
        return;
    }
    page.push_str("\n## Faults\n\n");
    for fault in faults {
        _ = writeln!(page, "- {fault}");
    }
}

fn overview(page: &mut String, body: &Body<'_>) {
    page.push_str("\n## Threats\n\n| threat | severity | requirements | evidence | without its guard |\n|---|---|---|---|---|\n");
    for judged in &body.threats {
        let row = judged.coverage.threat;
        let without = match judged.controlled {
            Some(control) if control.caught => "all of it fails, as it must",
            Some(_) => "**NOT CAUGHT**",
            None => "not run",
        };
        _ = writeln!(
            page,
            "| [{0}](#{1}) {2} | {3} | {4} | {5} | {without} |",
            row.name,
            row.name.to_ascii_lowercase(),
            cell(row.title),
            row.severity.level.text(),
            judged.coverage.requirements.len(),
            judged.summary()
        );
    }
}

fn not_covered(page: &mut String, body: &Body<'_>) {
    page.push_str("\n## What is not covered\n\n");
    let left_out: Vec<&str> = body.left_out().map(|part| part.name()).collect();
    if !left_out.is_empty() {
        _ = writeln!(page, "These parts were not run: {}.\n", left_out.join(", "));
    }
    list(page, "Evidence that did not run", body.did_not_run());
    list(page, "Guards that were not taken out", body.not_controlled());
    let exceptions = body.exceptions.iter().map(|(id, reason)| format!("{id}: {reason}"));
    list(page, "Requirements without code of ours", exceptions);
    let exemptions = body.exemptions.iter();
    let exemptions =
        exemptions.map(|one| format!("{}: {} (`{}`)", one.incident, one.reason, one.test));
    list(page, "Incidents that no attack replays", exemptions);
    let residual = body.threats.iter().map(|judged| judged.coverage.threat);
    let residual = residual.map(|row| format!("{}: {}", row.name, row.residual));
    list(page, "What remains of each threat", residual);
    let outside = OUTSIDE.iter().map(|one| format!("{}. {}", one.what, one.means));
    list(page, "What none of this speaks of", outside);
}

fn list(page: &mut String, heading: &str, items: impl Iterator<Item = impl std::fmt::Display>) {
    _ = writeln!(page, "### {heading}\n");
    let mut none = true;
    for item in items {
        none = false;
        _ = writeln!(page, "- {item}");
    }
    page.push_str(if none { "None.\n\n" } else { "\n" });
}

fn threat(page: &mut String, judged: &Judged<'_>) {
    let row = judged.coverage.threat;
    _ = writeln!(page, "\n### {}\n\n{}: {}.\n", row.name, row.title, judged.summary());
    for requirement in &judged.coverage.requirements {
        _ = writeln!(page, "- **{}** {}", requirement.id, requirement.text);
    }
    if let Some(control) = judged.coverage.control {
        let came_to = judged.controlled.map_or("not run", |found| found.said.as_str());
        _ = writeln!(page, "- Negative control (`{}`): {came_to}", control.file);
    }
    if judged.evidence.is_empty() {
        return;
    }
    page.push_str("\n| kind | evidence | for | result |\n|---|---|---|---|\n");
    for one in &judged.evidence {
        let result = match one.how {
            How::Passed => one.how.text().to_owned(),
            How::Failed | How::DidNotRun => format!("**{}**", one.how.text()),
        };
        let requirements = one.requirements.join(", ");
        _ = writeln!(
            page,
            "| {} | `{}` | {requirements} | {result} |",
            one.kind.name(),
            cell(&one.name)
        );
    }
}

/// A text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace(['\n', '\r'], " ")
}
