//! The list of threats with its filter, and the matrix.

use doorward_policy::threat::{Attacker, Level, Stride};

use super::super::view::{Entry, View, counted, words};
use super::text::escape;
use super::threat;
use crate::Kind;

const LEVELS: [Level; 4] = [Level::Critical, Level::High, Level::Medium, Level::Low];
const STRIDES: [Stride; 6] = [
    Stride::Spoofing,
    Stride::Tampering,
    Stride::Repudiation,
    Stride::InformationDisclosure,
    Stride::DenialOfService,
    Stride::ElevationOfPrivilege,
];
const ATTACKERS: [Attacker; 8] = [
    Attacker::WebPage,
    Attacker::RemoteStranger,
    Attacker::LocalProcess,
    Attacker::Network,
    Attacker::SessionHolder,
    Attacker::CredentialHolder,
    Attacker::GuardedServer,
    Attacker::Failure,
];

/// The columns of the matrix: what is counted, the heading, and what the heading stands for.
const COLUMNS: [(Kind, &str, &str); 7] = [
    (Kind::Implementation, "Code", "Places in the code that are cited"),
    (Kind::Test, "Test", "Tests of examples"),
    (Kind::Property, "Property", "Tests of generated input"),
    (Kind::Model, "Model", "Tests in lockstep with a plain model"),
    (Kind::Fuzz, "Fuzz", "Fuzz targets"),
    (Kind::Proof, "Proof", "What the compiler checks"),
    (Kind::Attack, "Attack", "Attacks that are replayed on a running server"),
];

/// The list of all threats. The filter is there for who has the script.
pub(super) fn index(view: &View<'_>) -> String {
    let all = counted(view.threats.len(), "threat", "threats");
    let rows: String = view.threats.iter().map(row).collect();
    format!(
        "<section id=\"list\" aria-labelledby=\"list-title\">\n\
        <h2 id=\"list-title\">The list</h2>\n{filter}\
        <p id=\"count\" role=\"status\">{all}</p>\n\
        <table class=\"index\">\n<thead><tr><th scope=\"col\">Severity</th>\
        <th scope=\"col\">What an attacker would get</th><th scope=\"col\">STRIDE</th>\
        <th scope=\"col\">Who attacks</th><th scope=\"col\">Evidence</th></tr></thead>\n\
        <tbody>\n{rows}</tbody>\n</table>\n</section>\n",
        filter = filter(),
    )
}

fn filter() -> String {
    let options = |texts: Vec<&str>| {
        let option = |text: &&str| format!("<option>{}</option>", escape(text));
        texts.iter().map(option).collect::<String>()
    };
    let choice = |id: &str, label: &str, texts: Vec<&str>| {
        format!(
            "<label for=\"{id}\">{label}<select id=\"{id}\"><option value=\"\">any</option>{}\
            </select></label>\n",
            options(texts)
        )
    };
    format!(
        "<form id=\"filter\" role=\"search\" aria-label=\"Threats\" hidden>\n\
        <label for=\"words\" class=\"words\">Words<input id=\"words\" type=\"search\" \
        autocomplete=\"off\" spellcheck=\"false\" aria-describedby=\"keys\" \
        placeholder=\"cookie, CVE-2025, GRANT-1, policy/src/host.rs\"></label>\n{}{}{}\
        <div class=\"actions\"><button type=\"button\" id=\"clear\">Clear</button>\
        <button type=\"button\" id=\"unfold\" aria-pressed=\"false\">Unfold all</button></div>\n\
        <p id=\"keys\" class=\"small\"><kbd>/</kbd> goes to the words, <kbd>Esc</kbd> clears. \
        The list, the matrix and the threats below follow.</p>\n</form>\n",
        choice("level", "Severity", LEVELS.map(Level::text).to_vec()),
        choice("stride", "STRIDE", STRIDES.map(Stride::text).to_vec()),
        choice("attacker", "Who attacks", ATTACKERS.map(Attacker::text).to_vec()),
    )
}

fn row(entry: &Entry<'_>) -> String {
    let row = entry.threat;
    let (name, level) = (row.name, row.severity.level.text());
    let strides: Vec<_> = row.stride.iter().map(|one| one.text()).collect();
    let attackers: Vec<_> = row.attackers.iter().map(|one| one.text()).collect();
    let tests = entry.evidence().len();
    let mut evidence = Vec::new();
    if tests > 0 {
        evidence.push(counted(tests, "test", "tests"));
    }
    evidence.push(counted(entry.coverage.attacks.len(), "attack", "attacks"));
    format!(
        "<tr data-of=\"{name}\"><td><span class=\"level {level}\">{level}</span></td>\
        <th scope=\"row\"><a href=\"#{anchor}\">{title}</a> <code>{name}</code></th>\
        <td>{strides}</td><td>{attackers}</td><td>{evidence}</td></tr>\n",
        anchor = threat::anchor(row),
        title = escape(row.title),
        strides = escape(&strides.join(", ")),
        attackers = escape(&attackers.join(", ")),
        evidence = escape(&evidence.join(", ")),
    )
}

/// Threats against what there is about them.
pub(super) fn matrix(view: &View<'_>) -> String {
    let head: String = COLUMNS
        .iter()
        .map(|(_, name, title)| {
            format!("<th scope=\"col\"><abbr title=\"{title}\">{name}</abbr></th>")
        })
        .collect();
    let rows: String = view.threats.iter().map(|entry| matrix_row(view, entry)).collect();
    format!(
        "<section id=\"matrix\" aria-labelledby=\"matrix-title\">\n\
        <h2 id=\"matrix-title\">The matrix</h2>\n\
        <p>How much there is of each kind. At least two kinds of evidence, an attack and a negative \
        control are asked of every threat.</p>\n\
        <div class=\"scroll\" role=\"region\" aria-labelledby=\"matrix-title\" tabindex=\"0\">\n\
        <table class=\"matrix\">\n<thead><tr><th scope=\"col\">Threat</th>\
        <th scope=\"col\"><abbr title=\"Requirements\">MUST</abbr></th>{head}\
        <th scope=\"col\"><abbr title=\"A patch that takes the guard out\">Control</abbr></th>\
        </tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n</div>\n</section>\n"
    )
}

fn matrix_row(view: &View<'_>, entry: &Entry<'_>) -> String {
    let cell = |count: usize, what: (&str, &str)| {
        if count == 0 {
            return "<td class=\"none\"><span aria-label=\"none\">·</span></td>".to_owned();
        }
        format!("<td><span title=\"{}\">{count}</span></td>", counted(count, what.0, what.1))
    };
    let counts: String =
        COLUMNS.iter().map(|(kind, ..)| cell(entry.count(*kind), words(*kind))).collect();
    let requirements = cell(entry.coverage.requirements.len(), ("requirement", "requirements"));
    let control = match entry.coverage.control {
        Some(_) => "<td><span aria-label=\"yes\">✓</span></td>",
        None => "<td class=\"none\"><span aria-label=\"none\">·</span></td>",
    };
    let gap = if view.gaps(entry).is_empty() {
        ""
    } else {
        " <span class=\"gap\" role=\"img\" aria-label=\"incomplete\" title=\"incomplete\">!</span>"
    };
    format!(
        "<tr data-of=\"{name}\"><th scope=\"row\">{link}{gap}</th>{requirements}{counts}{control}\
        </tr>\n",
        name = entry.threat.name,
        link = threat::to(entry.threat),
    )
}
