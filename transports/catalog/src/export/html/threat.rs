//! One threat.

use doorward_policy::threat::Threat;
use doorward_probe::Attack;

use super::super::links;
use super::super::view::{Entry, View, attack_file, counted, words};
use super::text::{code, escape, link, prose};
use crate::{Citation, Control, Kind, Requirement};

/// Where a threat is on the page.
pub(super) fn anchor(threat: &Threat) -> String {
    threat.name.to_ascii_lowercase()
}

/// A link to a threat on the page.
pub(super) fn to(threat: &Threat) -> String {
    format!("<a href=\"#{}\"><code>{}</code></a>", anchor(threat), threat.name)
}

pub(super) fn article(view: &View<'_>, entry: &Entry<'_>) -> String {
    let row = entry.threat;
    let (name, level) = (row.name, row.severity.level.text());
    let stops: String = row
        .mitigations
        .iter()
        .map(|one| {
            format!("<li><span class=\"at\">{}</span> {}</li>\n", code(one.at), prose(one.does))
        })
        .collect();
    format!(
        "<article id=\"{id}\" class=\"threat\" aria-labelledby=\"{id}-title\" data-threat=\"{name}\" \
        data-level=\"{level}\" data-stride=\"{strides}\" data-attacker=\"{attackers}\">\n\
        <header><h3 id=\"{id}-title\"><a href=\"#{id}\">{title}</a></h3>\n\
        <p><span class=\"level {level}\">{level}</span> <code>{name}</code></p></header>\n\
        <div class=\"sides\">\n<div class=\"story\">\n\
        <h4>The attack</h4>\n<p>{attack}</p>\n\
        <h4>What stops it</h4>\n<ul class=\"stops\">\n{stops}</ul>\n\
        <h4>What remains</h4>\n<p>{residual}</p>\n{duties}</div>\n\
        <dl class=\"facts\">\n{facts}</dl>\n</div>\n{gaps}{requirements}{attacks}{incidents}\
        </article>\n",
        id = anchor(row),
        strides = joined(row.stride.iter().map(|one| one.text())),
        attackers = joined(row.attackers.iter().map(|one| one.text())),
        title = escape(row.title),
        attack = prose(row.attack),
        residual = prose(row.residual),
        duties = duties(row),
        facts = facts(entry),
        gaps = gaps(view, entry),
        requirements = requirements(view, entry),
        attacks = attacks(entry),
        incidents = incidents(entry),
    )
}

/// Several words in one attribute.
fn joined<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    escape(&texts.collect::<Vec<_>>().join("|"))
}

fn duties(row: &Threat) -> String {
    if row.duties.is_empty() {
        return String::new();
    }
    let shown = row
        .duties
        .iter()
        .map(|duty| format!("<li><b>For the {}.</b> {}</li>\n", duty.of.text(), prose(duty.what)));
    format!("<h4>What is left to do</h4>\n<ul>\n{}</ul>\n", shown.collect::<String>())
}

/// What can be said in a few words.
fn facts(entry: &Entry<'_>) -> String {
    let row = entry.threat;
    let words = |texts: Vec<&str>| escape(&texts.join(", "));
    let list = |items: Vec<String>| items.join(", ");
    let asvs = row.asvs.iter().map(|id| match links::asvs(id) {
        Some(url) => link(&url, id),
        None => escape(id),
    });
    let invariants = row
        .invariants
        .iter()
        .map(|one| format!("<a href=\"#{}\">{}</a>", one.name().to_ascii_lowercase(), one.name()));
    let because = format!(
        "<span class=\"first\">{}</span>: {}",
        row.severity.level.text(),
        prose(row.severity.because)
    );
    let cwe = row.cwe.iter().map(|id| link(&links::cwe(*id), &format!("CWE-{id}")));
    let rfcs = row.rfcs.iter().map(|one| link(&links::rfc(*one), &links::rfc_name(*one)));
    let denials = entry.denials.iter().map(|text| code(text)).collect::<Vec<_>>();
    let denied =
        if denials.is_empty() { "none: prevented, not refused".to_owned() } else { list(denials) };
    let shown = [
        ("Severity", because),
        ("Who attacks", words(row.attackers.iter().map(|one| one.text()).collect())),
        ("What is at stake", words(row.assets.iter().map(|one| one.text()).collect())),
        ("What it takes", prose(row.preconditions)),
        ("STRIDE", words(row.stride.iter().map(|one| one.text()).collect())),
        ("Invariants", list(invariants.collect())),
        ("Refused with", denied),
        ("Weaknesses", list(cwe.collect())),
        ("ASVS 5.0.0", list(asvs.collect())),
        ("Standards", list(rfcs.collect())),
    ];
    let shown = shown.iter().filter(|(_, text)| !text.is_empty());
    shown.map(|(what, text)| format!("<div><dt>{what}</dt><dd>{text}</dd></div>\n")).collect()
}

fn gaps(view: &View<'_>, entry: &Entry<'_>) -> String {
    let gaps = view.gaps(entry);
    if gaps.is_empty() {
        return String::new();
    }
    let items: String = gaps.iter().map(|gap| format!("<li>{}</li>", prose(gap))).collect();
    format!("<div class=\"missing\"><b>Missing</b><ul>{items}</ul></div>\n")
}

/// Something that unfolds; unfolded as it stands, for who has no script.
fn fold(title: &str, summary: &str, body: &str) -> String {
    format!(
        "<details open><summary><b>{title}</b> <span>{}</span></summary>\n{body}</details>\n",
        escape(summary)
    )
}

/// Each requirement with its code and its tests.
fn requirements(view: &View<'_>, entry: &Entry<'_>) -> String {
    let required = &entry.coverage.requirements;
    if required.is_empty() {
        return String::new();
    }
    let counts =
        [Kind::Implementation, Kind::Test, Kind::Property, Kind::Model, Kind::Fuzz, Kind::Proof]
            .map(|kind| (entry.count(kind), words(kind)));
    let mut summary = vec![counted(required.len(), "requirement", "requirements")];
    let some = counts.iter().filter(|(count, _)| *count > 0);
    summary.extend(some.map(|(count, (one, many))| counted(*count, one, many)));
    let items: String = required.iter().map(|one| requirement(view, one)).collect();
    let body = format!("<ul class=\"required\">\n{items}</ul>\n");
    fold("What is required, and what shows it", &summary.join(" · "), &body)
}

fn requirement(view: &View<'_>, one: &Requirement) -> String {
    let mut cited: Vec<&Citation> = view
        .catalog
        .citations
        .iter()
        .filter(|citation| citation.requirement == one.id.as_str())
        .collect();
    cited.sort_by(|a, b| (a.kind, &a.file, a.line).cmp(&(b.kind, &b.file, b.line)));
    let items: String = cited.into_iter().map(cites).collect();
    let items = if items.is_empty() {
        String::new()
    } else {
        format!("<ul class=\"cites\">\n{items}</ul>\n")
    };
    format!("<li><p><b>{}</b> {}</p>\n{items}</li>\n", one.id, prose(&one.text))
}

fn cites(citation: &Citation) -> String {
    let what = match (&citation.item, &citation.reason) {
        (Some(item), _) => code(&item.name),
        (None, Some(reason)) => prose(reason),
        (None, None) => String::new(),
    };
    let place = code(&format!("{}:{}", citation.file, citation.line));
    format!(
        "<li><span class=\"kind\">{}</span> <span>{what} <span class=\"at\">{place}</span></span></li>\n",
        match citation.kind {
            Kind::Implementation => "code",
            kind => kind.name(),
        }
    )
}

fn attacks(entry: &Entry<'_>) -> String {
    let attacks = &entry.coverage.attacks;
    if attacks.is_empty() && entry.coverage.control.is_none() {
        return String::new();
    }
    let mut summary = vec![counted(attacks.len(), "attack", "attacks")];
    if entry.coverage.control.is_some() {
        summary.push("a negative control".to_owned());
    }
    let items: String = attacks.iter().map(|one| attack(one)).collect();
    let control = entry.coverage.control.map(control).unwrap_or_default();
    let body = format!("<ul class=\"attacks\">\n{items}</ul>\n{control}");
    fold("How it is attacked", &summary.join(" · "), &body)
}

fn attack(one: &Attack) -> String {
    let over: Vec<_> =
        one.over.iter().map(|transport| format!("{transport:?}").to_lowercase()).collect();
    let incidents = if one.incidents.is_empty() {
        String::new()
    } else {
        format!("; replays {}", one.incidents.join(", "))
    };
    format!(
        "<li>{} <span class=\"at\">{} over {}{}</span></li>\n",
        prose(&one.title),
        code(&attack_file(&one.id)),
        over.join(", "),
        escape(&incidents),
    )
}

fn control(control: &Control) -> String {
    let items: String = control
        .evidence
        .iter()
        .map(|item| format!("<li>{}</li>\n", code(&item.command())))
        .collect();
    format!(
        "<p><b>Negative control.</b> Taken out: {}. With {}, each of these must fail:</p>\n\
        <ul class=\"commands\">\n{items}</ul>\n",
        prose(control.guard.trim_end_matches('.')),
        code(&control.file),
    )
}

fn incidents(entry: &Entry<'_>) -> String {
    if entry.incidents.is_empty() {
        return String::new();
    }
    let rows = entry.incidents.iter().map(|one| {
        let id = links::incident(one.id).map_or_else(|| escape(one.id), |url| link(&url, one.id));
        format!(
            "<tr><th scope=\"row\">{id}</th><td>{}</td><td>{}</td></tr>\n",
            escape(one.software),
            escape(one.cause)
        )
    });
    let body = format!(
        "<table class=\"incidents\">\n<thead><tr><th scope=\"col\">Incident</th>\
        <th scope=\"col\">Software</th><th scope=\"col\">Cause</th></tr></thead>\n<tbody>\n{}</tbody>\n\
        </table>\n",
        rows.collect::<String>()
    );
    let count = counted(entry.incidents.len(), "published incident", "published incidents");
    fold("Where it happened", &count, &body)
}
