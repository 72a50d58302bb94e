//! No secret stands in what is reported.

use doorward_probe::{Transport, Variables};
use proptest::prelude::*;

use crate::server::{Does, Fake, ask, not_held};

/// What is made of a token, beside the token itself.
const SPOILED: &[&str] = &[
    "${a.token}",
    "${a.token | drop 1}",
    "${a.token | head}",
    "${a.token | tag}",
    "${a.token | flip}",
    "${a.token | upper}",
    "${b64 ${a.token}}",
    "${a.token | b64}",
    "${a.token | percent}",
    "x${a.token}y${a.token}",
    "${repeat 3 ${a.token}}",
];

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("it starts")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Wherever a token is put, and though the server sends everything back: neither it nor what
    /// was made of it is in any exchange or in the verdict.
    #[test]
    fn no_secret_is_in_an_exchange(
        record in "[A-Za-z0-9_-]{16,40}",
        tag in "([A-Za-z0-9_-]{4}){3,8}",
        where_to in 0_usize..4,
        spoiled in proptest::sample::select(SPOILED),
    ) {
        let token = format!("{record}.{tag}");
        let place = match where_to {
            0 => format!("credential = 'bearer {spoiled}'"),
            1 => format!("path = '/?{spoiled}'"),
            2 => format!("headers = ['X-A: {spoiled}']"),
            _ => format!("origin = '${{each}}'\neach = ['{spoiled}']"),
        };
        let session = format!("[[step]]\ndo = \"session\"\nas = \"a\"\nsubject = \"{token}\"\n");
        let steps = session + &ask(&place, "outcome = \"refused\"");
        let played = runtime().block_on(async {
            Fake::lenient(Does::Echoes).await.play(&steps, Transport::Http).await
        });
        prop_assert_eq!(played.exchanges.len(), 1);
        let report = format!("{played:?}").to_lowercase();
        let percent: String = token.bytes().map(|byte| format!("%{byte:02x}")).collect();
        for secret in [token.as_str(), &token[..token.len() - 1], &percent] {
            let secret = secret.to_lowercase();
            prop_assert!(!report.contains(&secret), "{}", report);
        }
        prop_assert!(report.contains("${"), "its name stands there: {}", report);
    }

    /// What is replaced is the secret and nothing else.
    #[test]
    fn nothing_else_is_replaced(
        before in "[ -~]{0,30}",
        secret in "[A-Z]{12,20}",
        after in "[a-z ]{0,30}",
    ) {
        prop_assume!(!before.contains(&secret[..8]));
        let mut known = Variables::new();
        known.set_secret("a.token", &secret);
        let shown = known.redact(format!("{before}{secret}{after}").as_bytes());
        prop_assert_eq!(String::from_utf8(shown).expect("text"), format!("{before}${{a.token}}{after}"));
    }
}

/// A session that an answer hands out is a secret though nobody knew it before, and though the
/// answer is cut off.
#[tokio::test]
async fn what_a_server_hands_out_is_not_shown() {
    let answer = "HTTP/1.1 200 OK\r\nSet-Cookie: s=cookie-cookie; Path=/\r\nContent-Length: 65\r\n\r\n\
        {\"access_token\":\"token-token-token\",\"ticket\":\"ticket-ticket-ticket\"}";
    let fake = Fake::lenient(Does::Says(answer)).await;
    let played = fake.play(&ask("", "outcome = \"admitted\""), Transport::Http).await;
    let received = &played.exchanges[0].received.text;
    assert!(received.contains("s=${answer}; Path=/"), "{received}");
    assert!(received.contains("\"access_token\":\"${answer}\""), "{received}");
    assert!(received.contains("\"ticket\":\"${answer}\""), "{received}");
}

/// What a report leaves out it says.
#[tokio::test]
async fn a_long_exchange_is_cut_and_says_so() {
    let fake = Fake::lenient(Does::Echoes).await;
    let long = "headers = ['X-A: ${repeat 6000 a}']";
    let played = fake.play(&ask(long, "outcome = \"admitted\""), Transport::Http).await;
    let sent = &played.exchanges[0].sent;
    assert!(!sent.whole && sent.bytes > 6000 && sent.text.len() < 6000, "{sent:?}");
}

#[test]
fn variables_print_their_names_alone() {
    let mut known = Variables::new();
    known.set_secret("a.token", "abcdefghij");
    assert_eq!(format!("{known:?}"), "{\"a.token\"}");
}

/// Nor is it where the answer is no whole one, or comes behind another.
#[tokio::test]
async fn what_is_handed_out_beside_an_answer_is_not_shown() {
    let cut = "HTTP/1.1 200 OK\r\nSet-Cookie: s=cookie-cookie\r\nX-A";
    let fake = Fake::lenient(Does::Says(cut)).await;
    let played = fake.play(&ask("", "outcome = \"refused\""), Transport::Http).await;
    assert!(!format!("{played:?}").contains("cookie-cookie"), "{played:?}");
    let two = "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\
        Set-Cookie: s=cookie-cookie\r\n\r\n{\"token\":\"token-token-token\"}";
    let fake = Fake::lenient(Does::Says(two)).await;
    let send = "[[step]]\ndo = \"send\"\nbytes = 'GET / HTTP/1.1\\r\\n\\r\\n'\n\
        expect = { outcome = \"refused\", never = [\"nothing of it\"] }\n";
    let played = fake.play(send, Transport::Http).await;
    let report = format!("{played:?}");
    assert!(report.contains("HTTP/1.1 200"), "{report}");
    assert!(!report.contains("cookie-cookie") && !report.contains("token-token"), "{report}");
}

/// A person's secret may be short, and a server may send it back though no step has named it.
#[tokio::test]
async fn a_short_secret_is_a_secret() {
    let session = "[[step]]\ndo = \"session\"\nas = \"a\"\nsubject = \"zq7\"\n";
    let presented = ask("credential = 'bearer ${a.token}'", "outcome = \"refused\"");
    let fake = Fake::lenient(Does::Echoes).await;
    let played = fake.play(&(session.to_owned() + &presented), Transport::Http).await;
    assert!(!format!("{played:?}").contains("zq7"), "{played:?}");
    let mut fake = Fake::lenient(Does::Says(
        "HTTP/1.1 403 No\r\nX-Last: given-by-a-person\r\n\r\n{\"error\":\"given-by-a-person\"}",
    ))
    .await;
    fake.secrets = vec![("secret".to_owned(), "given-by-a-person".to_owned())];
    let played = fake.play(&ask("", "outcome = \"admitted\""), Transport::Http).await;
    let report = format!("{played:?}");
    assert!(report.contains("${secret}") && !report.contains("given-by-a-person"), "{report}");
}

/// More secrets than anybody has cost no more time than one, and are not shown.
#[tokio::test]
async fn a_flood_of_secrets_is_cut_off() {
    let flood: String =
        (0..150_000).map(|number| format!("{{\"token\":\"{number:012}\"}},")).collect();
    let answer = format!("HTTP/1.1 200 OK\r\n\r\n{flood}");
    let fake = Fake::lenient(Does::Says(answer.leak())).await;
    let played = fake.play(&ask("", "outcome = \"admitted\""), Transport::Http).await;
    let received = &played.exchanges[0].received;
    assert!(received.text.contains("${answer}") && !received.whole, "{received:?}");
    assert!(!received.text.contains("0000"), "{received:?}");
}

/// What a server says goes into a reason: in one line, and with nothing that a terminal obeys.
#[tokio::test]
async fn the_words_of_a_server_are_plain_and_few() {
    let long = "x".repeat(100_000);
    let code = format!("\\u001b[2Ja\\nb\\u009b1m\\u202e\u{1F4A3}{long}");
    let answer = format!("HTTP/1.1 403 No\r\n\r\n{{\"error\":\"{code}\"}}");
    let fake = Fake::strict(Does::Says(answer.leak())).await;
    let played = fake.play(&ask("", "outcome = \"admitted\""), Transport::Http).await;
    for text in [not_held(&played), &played.exchanges[0].came_to] {
        assert!(text.len() < 2000 && text.ends_with("..."), "{}", text.len());
        assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{text}");
        assert!(text.contains("\\u{1b}[2Ja\\nb"), "{text}");
    }
}
