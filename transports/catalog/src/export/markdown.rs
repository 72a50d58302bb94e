//! The page `docs/threats.md`.
//!
//! No line numbers: the page changes when what is cited changes, not when a line moves.

use std::fmt::Write as _;

use doorward_policy::threat::{Incident, Threat};

use super::links;
use super::view::{Entry, Piece, View, attack_file, counted, words};
use crate::{Exemption, Item, Kind};

const PREFACE: &str = "# Threats

Generated from the catalog; don't edit. To regenerate:
`cargo run -- catalog export --format markdown > docs/threats.md`.

Every refusal names the threat that it defeats. A row says who attacks what, how bad that is when
nothing stops it, how the attack works, what stops it and in which file, what remains, and what is
left to whoever runs the listener (operator) or puts the policy or an adapter into a server of their
own (embedder). Then it says what is required, in which files that is done, and what shows it: tests
by the names that they have when they run, attacks that are replayed on a running server, and a
patch that takes the guard out, under which the evidence must fail. The denials are the reasons as
the audit log spells them. [Auditing](auditing.md) is about running all this, and
[invariants](invariants.md) about what the invariants promise.

Severity is low for a nuisance or a step towards something else, medium for one person's access or
secrecy under conditions, high for access to the guarded server under conditions, and critical for
access for whoever tries.

| threat | what an attacker would get | severity | evidence |
|---|---|---|---|
";

const EXEMPT: &str = "
## Incidents that no attack replays

| incident | why not | the test instead |
|---|---|---|
";

const UNANSWERED: &str = "
## Incidents that no row answers for

| incident | software | cause |
|---|---|---|
";

/// The whole catalog: an index, a section for each threat, and what no row can answer for.
pub(super) fn write(view: &View<'_>) -> String {
    let mut page = String::from(PREFACE);
    for entry in &view.threats {
        let Threat { name, title, severity, .. } = entry.threat;
        let (anchor, level) = (name.to_ascii_lowercase(), severity.level.text());
        let kinds = entry.coverage.kinds();
        let kinds: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
        let kinds = cell(&kinds.join(", "));
        line(&mut page, &format!("| [{name}](#{anchor}) | {} | {level} | {kinds} |", cell(title)));
    }
    for entry in &view.threats {
        section(&mut page, view, entry);
    }
    if !view.catalog.exemptions.is_empty() {
        page.push_str(EXEMPT);
    }
    for Exemption { incident, reason, test, .. } in &view.catalog.exemptions {
        line(&mut page, &format!("| {incident} | {} | `{test}` |", cell(reason)));
    }
    let unanswered: String = view.unanswered().map(incident).collect();
    if !unanswered.is_empty() {
        page.push_str(UNANSWERED);
        page.push_str(&unanswered);
    }
    page
}

fn line(page: &mut String, text: &str) {
    page.push_str(text);
    page.push('\n');
}

fn section(page: &mut String, view: &View<'_>, entry: &Entry<'_>) {
    let Threat { name, title, attack, residual, .. } = entry.threat;
    let _infallible = write!(page, "\n## {name}\n\n**{title}.** {attack}\n\n");
    facts(page, entry);
    line(page, "\n*What stops it.*\n");
    for one in entry.threat.mitigations {
        line(page, &format!("- {}: {}", file(one.at), one.does));
    }
    let _infallible = write!(page, "\n*What remains.* {residual}\n");
    duties(page, entry);
    requirements(page, entry);
    evidence(page, view, entry);
    incidents(page, entry);
}

/// What can be said in a few words, as a table.
fn facts(page: &mut String, entry: &Entry<'_>) {
    let row = entry.threat;
    let texts = |list: Vec<&str>| list.join(", ");
    let links = |list: Vec<(String, String)>| {
        let links = list.into_iter().map(|(name, url)| format!("[{name}]({url})"));
        links.collect::<Vec<_>>().join(", ")
    };
    let asvs = row.asvs.iter().map(|id| match links::asvs(id) {
        Some(url) => format!("[{id}]({url})"),
        None => (*id).to_owned(),
    });
    let denials: Vec<_> = entry.denials.iter().map(|text| format!("`{text}`")).collect();
    let severity = format!("{}: {}", row.severity.level.text(), row.severity.because);
    let denied = if denials.is_empty() {
        "none: it is prevented rather than refused".to_owned()
    } else {
        denials.join(", ")
    };
    line(page, "| | |\n|---|---|");
    for (what, text) in [
        ("Who attacks", texts(row.attackers.iter().map(|one| one.text()).collect())),
        ("What is at stake", texts(row.assets.iter().map(|one| one.text()).collect())),
        ("STRIDE", texts(row.stride.iter().map(|one| one.text()).collect())),
        ("Severity", severity),
        ("What it takes", row.preconditions.to_owned()),
        ("Invariants", texts(row.invariants.iter().map(|one| one.name()).collect())),
        ("Denials", denied),
        (
            "Weaknesses",
            links(row.cwe.iter().map(|id| (format!("CWE-{id}"), links::cwe(*id))).collect()),
        ),
        ("ASVS 5.0.0", asvs.collect::<Vec<_>>().join(", ")),
        (
            "RFCs",
            links(row.rfcs.iter().map(|one| (links::rfc_name(*one), links::rfc(*one))).collect()),
        ),
    ] {
        if !text.is_empty() {
            line(page, &format!("| {what} | {} |", cell(&text)));
        }
    }
}

fn duties(page: &mut String, entry: &Entry<'_>) {
    if entry.threat.duties.is_empty() {
        return;
    }
    line(page, "\n*What is left to do.*\n");
    for duty in entry.threat.duties {
        line(page, &format!("- For the {}: {}", duty.of.text(), duty.what));
    }
}

fn requirements(page: &mut String, entry: &Entry<'_>) {
    if entry.coverage.requirements.is_empty() {
        return;
    }
    line(page, "\n*What is required.*\n");
    for one in &entry.coverage.requirements {
        let name = one.file.strip_prefix("docs/").map_or_else(|| up(&one.file), str::to_owned);
        line(page, &format!("- [{}]({name}) {}", one.id, one.text));
    }
    for one in &entry.coverage.exceptions {
        let reason = one.reason.as_deref().unwrap_or_default();
        line(page, &format!("- {} has no code here: {reason}", one.requirement));
    }
}

fn evidence(page: &mut String, view: &View<'_>, entry: &Entry<'_>) {
    line(page, "\n*What shows it.*\n");
    if !view.evidence_read() {
        line(page, "- Which code and which tests is said only beside a checkout of the source.");
    }
    let code: Vec<_> = entry.code_files().into_iter().map(file).collect();
    if !code.is_empty() {
        line(page, &format!("- Code: {}", code.join(", ")));
    }
    let pieces = entry.evidence();
    for kind in Kind::ALL {
        let of_kind: Vec<_> = pieces.iter().filter(|piece| piece.kind == kind).collect();
        if !of_kind.is_empty() {
            let (one, many) = words(kind);
            let title = counted(of_kind.len(), one, many);
            line(page, &format!("- {title}: {}", by_file(&of_kind)));
        }
    }
    let attacks: Vec<_> = entry.coverage.attacks.iter().map(|one| attack(one)).collect();
    if !attacks.is_empty() {
        let title = counted(attacks.len(), "attack", "attacks");
        line(page, &format!("- {title}: {}", attacks.join("; ")));
    }
    if let Some(control) = entry.coverage.control {
        let tests: Vec<_> = control.evidence.iter().map(named).collect();
        let (guard, tests) = (control.guard.trim_end_matches('.'), tests.join(", "));
        let link = format!("[negative control](../{})", control.file);
        line(page, &format!("- {link}, which takes out: {guard}. These must then fail: {tests}"));
    }
    for gap in view.gaps(entry) {
        line(page, &format!("- **Missing.** {gap}"));
    }
}

fn attack(one: &doorward_probe::Attack) -> String {
    format!("[{}](../{}) {}", one.id, attack_file(&one.id), one.title)
}

/// The pieces of one kind: each file once, with the names of its tests.
fn by_file(pieces: &[&Piece<'_>]) -> String {
    let mut text = String::new();
    let mut last = "";
    for piece in pieces {
        let separator = match last {
            "" => "",
            last if last == piece.file => ", ",
            _ => "; ",
        };
        text.push_str(separator);
        if last != piece.file {
            text.push_str(&file(piece.file));
            last = piece.file;
            text.push_str(if piece.item.is_some() { " " } else { "" });
        }
        if let Some(item) = piece.item {
            let _infallible = write!(text, "`{}`", item.name);
        }
    }
    text
}

fn named(item: &Item) -> String {
    format!("`{item}`")
}

fn incidents(page: &mut String, entry: &Entry<'_>) {
    if entry.incidents.is_empty() {
        return line(page, "\n*Incidents of this kind.* None on record here.");
    }
    line(page, "\n*Incidents of this kind.*\n\n| incident | software | cause |\n|---|---|---|");
    page.extend(entry.incidents.iter().map(|one| incident(one)));
}

/// A line of a table.
fn incident(one: &Incident) -> String {
    let id = links::incident(one.id)
        .map_or_else(|| one.id.to_owned(), |url| format!("[{}]({url})", one.id));
    format!("| {id} | {} | {} |\n", cell(&plain(one.software)), cell(&plain(one.cause)))
}

/// A link to a file, from the folder `docs`.
fn file(path: &str) -> String {
    format!("[{path}]({})", up(path))
}

fn up(path: &str) -> String {
    format!("../{path}")
}

/// What stands in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// Text that is no Markdown.
fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for each in text.chars() {
        if matches!(each, '<' | '*' | '_' | '`' | '[' | ']' | '\\') {
            shown.push('\\');
        }
        shown.push(each);
    }
    shown
}
