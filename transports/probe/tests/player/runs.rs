//! Whole runs: what a server that does one thing whatever comes is reported to hold.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use doorward_policy::encoding::{base64url, hex};
use doorward_probe::{
    Answer, Attack, Audited, Consent, Corpus, Door, Header, HttpAddress, Manner, NotOffered, Pace,
    Pending, Profile, QuicAddress, Report, Standing, Step, Target, Variables, Verdict, run,
};

use crate::server::{Does, Fake, OK, REFUSAL, TOKEN, ask, attack};

/// Long for a server of a few lines, and short for who waits until one has said nothing.
const BRIEF: Duration = Duration::from_millis(200);

struct House(Fake);

impl Door for House {
    fn visit(&self) -> Box<dyn Target + '_> {
        Box::new(Guest(&self.0))
    }
}

struct Guest<'a>(&'a Fake);

impl Target for Guest<'_> {
    fn http(&self) -> Option<HttpAddress> {
        self.0.http()
    }

    fn quic(&self) -> Option<QuicAddress> {
        self.0.quic()
    }

    fn profile(&self) -> &Profile {
        self.0.profile()
    }

    fn prepare<'a>(
        &'a self,
        step: &'a Step,
        known: &'a mut Variables,
    ) -> Pending<'a, Result<(), NotOffered>> {
        self.0.prepare(step, known)
    }

    fn audit<'a>(&'a self, trace_id: Option<&'a str>) -> Pending<'a, Audited> {
        self.0.audit(trace_id)
    }
}

async fn found(fake: Fake, attacks: Vec<Attack>, patience: Duration) -> Vec<Answer> {
    let house = House(fake);
    let pace = Pace::unlimited(patience);
    let manner = Manner { pace: &pace, consent: Consent::Disturb, at_once: 8 };
    run(attacks, &house, manner, async |_, _| true, |_| {}).await
}

fn text(text: &str) -> String {
    text.to_owned()
}

fn header() -> Header {
    Header {
        product: text("Echo"),
        url: text("http://127.0.0.1:1"),
        address: text("127.0.0.1:1"),
        quic: None,
        profile: text("echo"),
        strict: false,
        version: text("1"),
        corpus_attacks: 1,
        corpus_sha256: text("00"),
        started_at: text("2026-01-01T00:00:00Z"),
        notes: BTreeMap::new(),
    }
}

fn held(answers: &[Answer]) -> Vec<&str> {
    let held = answers.iter().filter(|one| Standing::of(&one.played.verdict) == Standing::Held);
    held.map(|one| one.attack.id.as_str()).collect()
}

/// However the corpus is written, who refuses everybody, closes every connection or answers
/// nothing at all has held against nothing.
#[tokio::test]
async fn a_server_that_lets_nobody_in_holds_against_nothing() {
    for does in [Does::Says(REFUSAL), Does::Closes, Does::Waits] {
        let corpus = Corpus::embedded().expect("it can be read").attacks;
        let answers = found(Fake::lenient(does).await, corpus, BRIEF).await;
        assert_eq!(held(&answers), Vec::<&str>::new(), "{does:?}");
    }
}

#[tokio::test]
async fn what_a_refusal_is_told_from_is_asked_for_first() {
    let refused = || vec![attack(&ask("host = 'evil.example'", "outcome = \"refused\""))];
    let choosy = Fake::lenient(Does::Knows("evil.example")).await;
    let answers = found(choosy, refused(), crate::server::PATIENCE).await;
    assert_eq!(held(&answers), ["it", "it"], "over HTTP and WebSocket: {answers:?}");
    let answers =
        found(Fake::lenient(Does::Says(REFUSAL)).await, refused(), crate::server::PATIENCE).await;
    for answer in &answers[..2] {
        let Verdict::NotApplicable(why) = &answer.played.verdict else { panic!("{answer:?}") };
        assert!(why.contains("nothing is let in here"), "{why}");
    }
    let answers =
        found(Fake::lenient(Does::Says(OK)).await, refused(), crate::server::PATIENCE).await;
    assert_eq!(Standing::of(&answers[0].played.verdict), Standing::NotHeld);
}

/// What ends a server a moment later, when its own attack is over, is seen as well.
#[tokio::test]
async fn a_server_that_is_gone_in_the_end_has_not_held() {
    struct Mortal {
        fake: Fake,
        dead: Fake,
        is_dead: AtomicBool,
    }
    impl Door for Mortal {
        fn visit(&self) -> Box<dyn Target + '_> {
            let dead = self.is_dead.load(Ordering::Relaxed);
            Box::new(Guest(if dead { &self.dead } else { &self.fake }))
        }
    }
    let (fake, mut dead) =
        (Fake::lenient(Does::Knows("evil.example")).await, Fake::lenient(Does::Closes).await);
    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    dead.http = Some(port.local_addr().expect("it is bound"));
    drop(port);
    let mortal = Mortal { fake, dead, is_dead: AtomicBool::new(false) };
    let pace = Pace::unlimited(crate::server::PATIENCE);
    let manner = Manner { pace: &pace, consent: Consent::Disturb, at_once: 1 };
    let attacks = vec![attack(&ask("host = 'evil.example'", "outcome = \"refused\""))];
    let dies = |one: &Answer| {
        let held = one.played.verdict == Verdict::Held;
        mortal.is_dead.fetch_or(held, Ordering::Relaxed);
    };
    let answers = run(attacks, &mortal, manner, async |_, _| true, dies).await;
    let over = answers.iter().any(|one| match &one.played.verdict {
        Verdict::NotHeld(why) => why.contains("nobody took connections any more"),
        _ => false,
    });
    assert!(over, "{answers:?}");
}

/// Every form of a report on a server that sends everything back, and the debug output: in none is
/// the token of a session, a part of it that proves anything, or it in another spelling.
#[tokio::test]
async fn no_form_of_a_report_has_a_secret() {
    let corpus = Corpus::embedded().expect("it can be read");
    let (count, sha256) = (corpus.attacks.len(), corpus.sha256);
    let answers = found(Fake::lenient(Does::Echoes).await, corpus.attacks, BRIEF).await;
    let header = Header { corpus_attacks: count, corpus_sha256: sha256, ..header() };
    let report = Report { header, answers };
    let (_, tag) = TOKEN.split_once('.').expect("it has a tag");
    let percent: String = TOKEN.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let secrets = [
        text(tag),
        text(&tag[..tag.len() - 1]),
        text("tag-of-thirty-two-bytes"),
        hex(b"tag-of-thirty-two-bytes"),
        hex(tag.as_bytes()),
        percent,
        base64url(TOKEN.as_bytes()),
        base64url(tag.as_bytes()),
        base64url(format!("bearer {TOKEN}").as_bytes()),
    ];
    for (form, shown) in [
        ("table", report.table()),
        ("Markdown", report.markdown()),
        ("SARIF", report.sarif().to_string()),
        ("JSON", report.json().to_string()),
        ("Debug", format!("{report:?}")),
    ] {
        for secret in &secrets {
            let found = shown.to_lowercase().find(&secret.to_lowercase());
            assert_eq!(found, None, "{secret} is in the {form}");
        }
        if matches!(form, "SARIF" | "JSON" | "Debug") {
            assert!(shown.contains("${a.token}"), "it would be in the {form}");
        }
    }
}

/// A server chooses a part of the words that a reason has: they are neither a link nor markup.
#[tokio::test]
async fn the_words_of_a_server_are_no_markup() {
    let says = Does::Says(
        "HTTP/1.1 200 OK\r\n\r\n{\"error\":\"[a](https://evil.example) <b>|```\\u001b[2J\"}",
    );
    let attacks = vec![attack(&ask("", "outcome = \"refused\""))];
    let answers = found(Fake::lenient(says).await, attacks, crate::server::PATIENCE).await;
    let report = Report { header: header(), answers };
    let result = &report.sarif()["runs"][0]["results"][0];
    let said = result["message"]["text"].as_str().expect("text").to_owned();
    assert!(said.contains("\\[a\\](https"), "{said}");
    for text in [said, report.markdown(), report.table(), report.json().to_string()] {
        assert!(!text.contains('\u{1b}'), "{text}");
    }
    let page = report.markdown();
    assert!(!page.contains("<b>|```"), "{page}");
}
