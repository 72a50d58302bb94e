//! One page that needs nothing but itself.
//!
//! Its policy allows its own script and style, by their hashes, and no request at all. Everything
//! is there without the script, unfolded: the script folds, and filters.

mod frame;
mod text;
mod threat;

use doorward_policy::threat::{INCIDENTS, Incident, Invariant};
use sha2::{Digest as _, Sha256};

use self::text::{code, escape, link, prose};
use super::view::View;
use super::{REPOSITORY_NOTE, VERSION, links};
use crate::{Exemption, Kind};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// A door, as on the other pages.
const DOOR: &str = "<svg viewBox=\"0 0 20 20\" fill=\"none\" stroke=\"currentColor\" \
    stroke-width=\"2\" aria-hidden=\"true\"><path d=\"M1 18.5h18M4 18V2.5h12V18\"/>\
    <path d=\"M12.2 10v1.6\" stroke-linecap=\"round\"/></svg>";

pub(super) fn write(view: &View<'_>) -> String {
    let threats: String = view.threats.iter().map(|entry| threat::article(view, entry)).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
        <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
        <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
        <meta name=\"color-scheme\" content=\"light dark\">\n\
        <meta name=\"referrer\" content=\"no-referrer\">\n\
        <link rel=\"icon\" href=\"data:,\">\n\
        <title>Threats · Doorward {VERSION}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
        <a class=\"skip\" href=\"#list\">To the list of threats</a>\n\
        <header class=\"top\">{DOOR}<p>Doorward <span>{VERSION}</span></p></header>\n<main>\n\
        {lead}{index}{matrix}\
        <section id=\"threats\" aria-labelledby=\"threats-title\">\n\
        <h2 id=\"threats-title\">Threat by threat</h2>\n{threats}</section>\n\
        {invariants}{not_covered}</main>\n\
        <footer><p>Doorward {VERSION}. {REPOSITORY_NOTE}</p></footer>\n\
        <script>{SCRIPT}</script>\n</body>\n</html>\n",
        policy = policy(),
        lead = lead(view),
        index = frame::index(view),
        matrix = frame::matrix(view),
        invariants = invariants(view),
        not_covered = not_covered(view),
    )
}

/// Content Security Policy Level 3, as far as a page can state its own.
fn policy() -> String {
    format!(
        "default-src 'none'; script-src {}; style-src {}; img-src data:; base-uri 'none'; \
        form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
        hash(SCRIPT),
        hash(STYLE),
    )
}

/// A hash source: base64 with padding, as browsers expect it.
fn hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let plain = doorward_policy::encoding::base64url(&digest).replace('-', "+").replace('_', "/");
    format!("'sha256-{plain}='")
}

/// What this page is, and how much there is.
fn lead(view: &View<'_>) -> String {
    let catalog = view.catalog;
    let mut figures = vec![
        (view.threats.len(), "threats"),
        (INCIDENTS.len(), "real incidents"),
        (catalog.requirements.len(), "requirements"),
        (catalog.attacks.len(), "attacks"),
    ];
    if view.evidence_read() {
        figures.push((view.pieces().len(), "cited tests"));
        figures.push((catalog.controls.len(), "negative controls"));
    }
    let shown =
        |(count, what): &(usize, &str)| format!("<div><dt>{what}</dt><dd>{count}</dd></div>\n");
    let figures: String = figures.iter().map(shown).collect();
    let evidence = if view.evidence_read() {
        ""
    } else {
        "<p class=\"note\">Written without a checkout of the source: requirements and attacks are \
        those of the binary; code, tests and negative controls were not looked at.</p>\n"
    };
    format!(
        "<section class=\"lead\">\n<h1>What attacks Doorward, and what stops it</h1>\n\
        <p>Doorward guards a server that drives something valuable: a notebook, an agent, a shell. \
        Each row here is a way to get past it. It says how the attack works, what stops it and \
        where, what remains, and what shows all this: tests, attacks that are replayed on a \
        running server, and a <em>negative control</em>, a patch that takes the guard out and \
        under which the evidence must fail.</p>\n\
        <p>Nothing was run to write this page. Whether the evidence passes is what {verify} shows; \
        <a href=\"#not-covered\">what is not covered</a> stands at the end.</p>\n\
        {evidence}<dl class=\"figures\">\n{figures}</dl>\n\
        <nav aria-label=\"On this page\"><a href=\"#list\">The list</a> \
        <a href=\"#matrix\">The matrix</a> <a href=\"#threats\">Threat by threat</a> \
        <a href=\"#invariants\">Invariants</a> <a href=\"#not-covered\">Not covered</a></nav>\n\
        </section>\n",
        verify = code("doorward catalog verify"),
    )
}

fn invariants(view: &View<'_>) -> String {
    let row = |one: &Invariant| {
        let name = one.name();
        let touched = view.threats.iter().filter(|entry| entry.threat.invariants.contains(one));
        let threats: Vec<_> = touched.map(|entry| threat::to(entry.threat)).collect();
        format!(
            "<div id=\"{anchor}\"><dt>{name}</dt><dd>{statement}<p class=\"small\">{threats}</p>\
            </dd></div>\n",
            anchor = name.to_ascii_lowercase(),
            statement = prose(one.statement()),
            threats = threats.join(", "),
        )
    };
    let rows: String = Invariant::ALL.iter().map(row).collect();
    format!(
        "<section id=\"invariants\" aria-labelledby=\"invariants-title\">\n\
        <h2 id=\"invariants-title\">What Doorward exists to hold</h2>\n\
        <dl class=\"invariants\">\n{rows}</dl>\n</section>\n"
    )
}

/// What nobody should read out of the rest.
fn not_covered(view: &View<'_>) -> String {
    let incident = |one: &Incident| {
        let id = links::incident(one.id).map_or_else(|| escape(one.id), |url| link(&url, one.id));
        format!("<li>{id} ({}): {}</li>\n", escape(one.software), escape(one.cause))
    };
    let exceptions = view.catalog.citations.iter().filter(|one| one.kind == Kind::Exception);
    let exceptions = exceptions.map(|one| {
        let reason = prose(one.reason.as_deref().unwrap_or_default());
        format!("<li><b>{}</b> {reason}</li>\n", escape(&one.requirement))
    });
    let gaps = view.threats.iter().flat_map(|entry| {
        let row = entry.threat;
        let shown = move |gap: String| format!("<li>{}: {}</li>\n", threat::to(row), prose(&gap));
        view.gaps(entry).into_iter().map(shown)
    });
    let exemption = |one: &Exemption| {
        let (id, reason) = (escape(&one.incident), prose(&one.reason));
        format!("<li>{id}: {reason} <span class=\"at\">{}</span></li>\n", code(&one.test.command()))
    };
    let lists = [
        ("Incidents that no row answers for", view.unanswered().map(incident).collect::<String>()),
        (
            "Incidents that no attack replays, and the test instead",
            view.catalog.exemptions.iter().map(exemption).collect(),
        ),
        ("Requirements without code of ours", exceptions.collect()),
        ("What is missing", gaps.collect()),
    ];
    let shown = lists.iter().filter(|(_, items)| !items.is_empty());
    let shown: String =
        shown.map(|(title, items)| format!("<h3>{title}</h3>\n<ul>\n{items}</ul>\n")).collect();
    format!(
        "<section id=\"not-covered\" aria-labelledby=\"not-covered-title\">\n\
        <h2 id=\"not-covered-title\">What is not covered</h2>\n\
        <p>What remains of a threat, and what is left to whoever runs or embeds Doorward, stands \
        with the threat.</p>\n{shown}</section>\n"
    )
}
