//! The page `docs/threats.md`.
//!
//! No line numbers: the page changes when what is cited changes, not when a line moves.

use std::fmt::Write as _;

use doorward_policy::threat::Threat;

use super::links;
use super::view::{Entry, Piece, View, attack_file, counted, elsewhere, words};
use crate::{Item, Kind};

const PREFACE: &str = "# Threats

Generated from the catalog; don't edit. To regenerate:
`cargo run -- catalog export --format markdown > docs/threats.md`.

Every refusal names the threat that it defeats. A row says how the attack works, what stops it and
where that is, what remains and what is left to do for whoever runs or embeds Doorward; then what is
required, which code does it, and which evidence shows it. A test is named as it is when it runs; a
patch takes the guard out, and the evidence must then fail. The denials are the reasons as the audit
log spells them. [Auditing](auditing.md) says how to run all of it, and
[invariants](invariants.md) what the invariants promise.

| threat | what an attacker would get | severity | evidence |
|---|---|---|---|
";

const ELSEWHERE: &str = "
## Incidents that no row answers for

| incident | software | why |
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
    page.push_str(ELSEWHERE);
    for (id, software, reason) in elsewhere() {
        let (software, reason) = (cell(&plain(software)), cell(reason));
        line(&mut page, &format!("| {} | {software} | {reason} |", incident(id)));
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
        line(page, &format!("- {} ({})", one.does, file(one.at)));
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
        let link = format!("[negative control](../{})", control.file);
        let tests = tests.join(", ");
        line(page, &format!("- {link}: without this, {tests} must fail: {}", control.guard));
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
    for one in &entry.incidents {
        let (software, cause) = (cell(&plain(one.software)), cell(&plain(one.cause)));
        line(page, &format!("| {} | {software} | {cause} |", incident(one.id)));
    }
}

fn incident(id: &str) -> String {
    links::incident(id).map_or_else(|| id.to_owned(), |url| format!("[{id}]({url})"))
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
