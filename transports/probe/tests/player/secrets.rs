//! No secret stands in what is reported.

use doorward_probe::{Transport, Variables};
use proptest::prelude::*;

use crate::server::{Does, Fake, ask};

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
