//! Reports on answers that are made up.

use super::*;
use crate::attack::{Attack, Transport};
use crate::exchange::{Exchange, Shown};
use crate::play::Played;

fn shown(text: &str) -> Shown {
    Shown { text: text.to_owned(), bytes: text.len(), whole: true }
}

fn answer(id: &str, threat: &str, over: Transport, verdict: Verdict) -> Answer {
    let text = format!(
        "title = 'What *{id}* does'\nthreat = '{threat}'\nincidents = ['CVE-2026-42559']\n\
         over = ['http']\n[[step]]\ndo = 'ask'\nexpect = {{ outcome = 'refused' }}\n"
    );
    let attack = Attack::parse(id, &text).expect("an attack");
    let exchange = Exchange {
        step: 1,
        each: None,
        sent: shown("GET / HTTP/1.1\\r\\nAuthorization: Bearer ${a.token}\\r\\n\\r\\n"),
        received: shown("HTTP/1.1 200 OK\\r\\n\\r\\n```"),
        came_to: "200".to_owned(),
    };
    Answer { attack, over, played: Played { verdict, exchanges: vec![exchange] } }
}

fn report(answers: Vec<Answer>) -> Report {
    let header = Header {
        product: "Something 1.2".to_owned(),
        url: "http://127.0.0.1:8765".to_owned(),
        address: "127.0.0.1:8765".to_owned(),
        quic: None,
        profile: "something".to_owned(),
        strict: false,
        version: "0.1.0".to_owned(),
        corpus_attacks: 3,
        corpus_sha256: "ab".repeat(32),
        started_at: "2026-11-27T12:00:00.000Z".to_owned(),
        notes: [("DW-DNS-REBINDING".to_owned(), "It is meant to be so.".to_owned())].into(),
    };
    Report { header, answers }
}

fn mixed() -> Report {
    let why = format!("step 1 (each = `{}`): it had to be refused", "a".repeat(500));
    report(vec![
        answer("later", "DW-GRANT-REPLAY", Transport::Http, Verdict::Held),
        answer("one", "DW-DNS-REBINDING", Transport::Http, Verdict::Held),
        answer("one", "DW-DNS-REBINDING", Transport::Websocket, Verdict::NotHeld(why)),
        answer(
            "two",
            "DW-FAIL-OPEN",
            Transport::Quic,
            Verdict::NotApplicable("no QUIC".to_owned()),
        ),
    ])
}

#[test]
fn a_threat_is_held_if_one_attack_was_and_none_was_not() {
    let report = mixed();
    let standings: Vec<_> =
        report.threats().iter().map(|found| (found.threat.to_owned(), found.standing())).collect();
    assert_eq!(
        standings,
        [
            ("DW-DNS-REBINDING".to_owned(), Standing::NotHeld),
            ("DW-GRANT-REPLAY".to_owned(), Standing::Held),
            ("DW-FAIL-OPEN".to_owned(), Standing::NotApplicable),
        ]
    );
    assert_eq!(report.standing(), Standing::NotHeld);
    assert_eq!(report.summary(), "1 threat held, 1 not held, 1 not applicable");
}

#[test]
fn the_whole_is_held_only_if_something_was() {
    let lacking = || Verdict::NotApplicable("nothing".to_owned());
    let of = |verdicts: Vec<Verdict>| {
        let answers = verdicts.into_iter();
        report(answers.map(|it| answer("a", "DW-FAIL-OPEN", Transport::Http, it)).collect())
            .standing()
    };
    assert_eq!(of(vec![Verdict::Held, lacking()]), Standing::Held);
    assert_eq!(of(vec![lacking()]), Standing::NotApplicable);
    assert_eq!(of(vec![]), Standing::NotApplicable);
    assert_eq!(of(vec![Verdict::Held, Verdict::NotHeld(String::new())]), Standing::NotHeld);
}

#[test]
fn a_table_fits_a_terminal_and_shows_the_bytes_of_what_was_let_through() {
    let table = mixed().table();
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    for part in [
        "Something 1.2 at http://127.0.0.1:8765",
        "SHA-256 abababababab...",
        "DW-DNS-REBINDING          not held",
        "Note: It is meant to be so.",
        "    > GET / HTTP/1.1",
        "    < HTTP/1.1 200 OK",
        "* no QUIC: two (quic)",
        "1 threat held, 1 not held, 1 not applicable",
    ] {
        assert!(table.contains(part), "{part}\n{table}");
    }
    assert_eq!(table.matches("    > GET").count(), 1, "only of what was let through");
}

#[test]
fn a_page_says_what_came_of_each_attack_and_nothing_in_it_is_read_as_markup() {
    let page = mixed().markdown();
    assert!(page.contains("- What \\*one\\* does (`one`, http): held\n"), "{page}");
    assert!(page.contains("(`one`, websocket): not held: step 1"), "{page}");
    assert!(page.contains("(`two`, quic): not applicable: no QUIC\n"), "{page}");
    assert_eq!(page.matches("```").count(), 2, "an answer ends no block: {page}");
    assert!(page.lines().all(|line| line.chars().count() < 1000));
}

#[test]
fn programs_are_told_everything() {
    let json = mixed().json();
    assert_eq!(json["standing"], "not_held");
    assert_eq!(json["threats_held"], 1);
    assert_eq!(json["corpus"]["sha256"], "ab".repeat(32));
    assert_eq!(json["threats"][0]["attacks"][1]["over"], "websocket");
    let sent = &json["threats"][0]["attacks"][1]["exchanges"][0]["sent"]["text"];
    assert!(sent.as_str().is_some_and(|text| text.contains("${a.token}")));
}

#[test]
fn sarif_has_a_rule_for_each_threat_and_a_result_for_each_attack() {
    let sarif = mixed().sarif();
    let run = &sarif["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
    let results = run["results"].as_array().expect("results");
    assert_eq!((rules.len(), results.len()), (3, 4));
    for result in results {
        let index = result["ruleIndex"].as_u64().and_then(|it| usize::try_from(it).ok());
        assert_eq!(rules[index.expect("an index")]["id"], result["ruleId"]);
    }
    let kinds: Vec<_> = results.iter().map(|it| (&it["kind"], &it["level"])).collect();
    assert_eq!(kinds[0].0, "pass");
    assert_eq!((kinds[1].0, kinds[1].1), (&"fail".into(), &"error".into()));
    assert_eq!((kinds[3].0, kinds[3].1), (&"notApplicable".into(), &"none".into()));
}
