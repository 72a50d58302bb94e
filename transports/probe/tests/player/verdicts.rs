//! What the player takes for held, and what it doesn't.

use doorward_probe::{Audited, Recorded, Transport, Verdict};

use crate::server::{Does, Fake, OK, REFUSAL, UPGRADED, ask, not_held};

const REFUSED: &str = "outcome = \"refused\"";
const ADMITTED: &str = "outcome = \"admitted\"";

#[tokio::test]
async fn a_server_that_says_yes_to_everything_does_not_hold() {
    for fake in [Fake::strict(Does::Says(OK)).await, Fake::lenient(Does::Says(OK)).await] {
        for over in [Transport::Http, Transport::Websocket] {
            let played = fake.play(&ask("", REFUSED), over).await;
            let why = "step 1: it had to be refused, and came to: 200";
            assert_eq!(not_held(&played), why);
            assert_eq!(played.exchanges[0].came_to, "200");
        }
    }
}

#[tokio::test]
async fn a_server_that_ends_the_connection_holds() {
    let fake = Fake::lenient(Does::Closes).await;
    let played = fake.play(&ask("", REFUSED), Transport::Http).await;
    assert_eq!(played.verdict, Verdict::Held);
    assert_eq!(played.exchanges[0].came_to, "the connection ended");
}

#[tokio::test]
async fn a_server_that_says_nothing_does_not_hold() {
    let fake = Fake::lenient(Does::Waits).await;
    let attack = crate::server::attack(&ask("", REFUSED));
    let soon = doorward_probe::Pace::unlimited(std::time::Duration::from_millis(1));
    // It has no time to say anything, and would have none either if it had an hour.
    let played = doorward_probe::play(&attack, Transport::Http, &fake, &soon).await;
    assert!(!matches!(played.verdict, Verdict::Held), "{played:?}");
}

/// Nothing hostile was sent yet, so that it says nothing; afterwards it may be what a crash looks like.
#[tokio::test]
async fn a_harmless_connection_that_is_lost_counts_once_something_hostile_was_sent() {
    let fake = Fake::strict(Does::Closes).await;
    let played = fake.play(&ask("", ADMITTED), Transport::Http).await;
    let lost = "step 1: the connection of the harmless request was lost".to_owned();
    assert_eq!(played.verdict, Verdict::NotApplicable(lost));
    let hostile = ask("", "outcome = \"refused\", threat = \"\"");
    let played = fake.play(&format!("{hostile}\n{}", ask("", ADMITTED)), Transport::Http).await;
    assert!(not_held(&played).starts_with("step 2: it had to be admitted"), "{played:?}");
}

/// The refusal that a Doorward gives, and what each field of `expect` has to say to hold.
const AS_IT_IS: &str = "outcome = \"refused\", status = 403, code = \"host_denied\", \
    reason = \"host_denied\", threat = \"DW-DNS-REBINDING\", never = [\"secret\"]";

#[tokio::test]
async fn what_is_as_expected_holds() {
    let fake = Fake::strict(Does::Says(REFUSAL)).await;
    for over in [Transport::Http, Transport::Websocket] {
        let played = fake.play(&ask("", AS_IT_IS), over).await;
        assert_eq!(played.verdict, Verdict::Held, "{played:?}");
    }
}

#[tokio::test]
async fn each_expectation_is_seen_to_fail() {
    let fake = Fake::strict(Does::Says(REFUSAL)).await;
    for (right, wrong, said) in [
        ("outcome = \"refused\"", "outcome = \"admitted\"", "it had to be admitted"),
        ("status = 403", "status = 401", "its status had to be 401"),
        ("code = \"host_denied\"", "code = \"origin_denied\"", "its code had to be"),
        ("reason = \"host_denied\"", "reason = \"origin\"", "its reason in the audit log"),
        ("threat = \"DW-DNS-REBINDING\"", "threat = \"DW-FAIL-OPEN\"", "its threat in the audit"),
        ("never = [\"secret\"]", "never = [\"denied\"]", "`denied` came back"),
        ("never = [\"secret\"]", "never = [\"event\"]", "`event` is in the audit log"),
    ] {
        let expect = AS_IT_IS.replacen(right, wrong, 1);
        assert_ne!(expect, AS_IT_IS);
        let played = fake.play(&ask("", &expect), Transport::Http).await;
        assert!(not_held(&played).contains(said), "{wrong}: {played:?}");
    }
}

/// The threat of a refusal is that of its attack, where it says no other.
#[tokio::test]
async fn the_threat_of_an_attack_is_expected_unasked() {
    let mut fake = Fake::strict(Does::Says(REFUSAL)).await;
    let (reason, threat) = ("host_denied".to_owned(), "DW-FAIL-OPEN".to_owned());
    fake.audit = Audited::Recorded(Recorded { reason, threat });
    let played = fake.play(&ask("", REFUSED), Transport::Http).await;
    assert!(not_held(&played).contains("had to be DW-DNS-REBINDING"), "{played:?}");
    let none = "outcome = \"refused\", threat = \"\"";
    assert_eq!(fake.play(&ask("", none), Transport::Http).await.verdict, Verdict::Held);
}

#[tokio::test]
async fn so_many_have_to_come_to_it() {
    let fake = Fake::strict(Does::Says(REFUSAL)).await;
    for at_once in ["", "\nat_once = true"] {
        let three = format!("times = 3{at_once}");
        let exactly = |count| format!("outcome = \"refused\", exactly = {count}");
        let played = fake.play(&ask(&three, &exactly(3)), Transport::Http).await;
        assert_eq!((&played.verdict, played.exchanges.len()), (&Verdict::Held, 3));
        let played = fake.play(&ask(&three, &exactly(2)), Transport::Http).await;
        assert!(not_held(&played).contains("3 of 3 were refused, and 2 had to be"), "{played:?}");
    }
}

fn stays(say: &str) -> String {
    let first = ask("stay = \"it\"", ADMITTED);
    format!("{first}[[step]]\ndo = \"say\"\non = \"it\"\n{say}\n")
}

#[tokio::test]
async fn how_a_connection_is_ended_is_seen() {
    // A Close frame with 4403 and two letters.
    let closes = Does::SaysThen(UPGRADED, b"\x88\x04\x11\x33no");
    let fake = Fake::strict(closes).await;
    let ends = |more: &str| {
        stays(&format!("bytes = '${{frame 129 hi}}'\nexpect = {{ outcome = \"ended\"{more} }}"))
    };
    let over = Transport::Websocket;
    let played = fake.play(&ends(", close = 4403, code = \"no\""), over).await;
    assert_eq!(played.verdict, Verdict::Held, "{played:?}");
    let played = fake.play(&ends(", close = 1001"), over).await;
    assert!(not_held(&played).contains("it had to be closed with 1001"), "{played:?}");
    let played = fake.play(&stays("expect = { outcome = \"open\" }"), over).await;
    assert!(not_held(&played).contains("it had to be open"), "{played:?}");
}

#[tokio::test]
async fn a_connection_that_answers_a_ping_is_open() {
    let fake = Fake::strict(Does::SaysThen(UPGRADED, b"\x8a\x05there")).await;
    let over = Transport::Websocket;
    let played = fake.play(&stays("expect = { outcome = \"open\" }"), over).await;
    assert_eq!(played.verdict, Verdict::Held, "{played:?}");
    let played = fake.play(&stays("bytes = 'x'\nexpect = { outcome = \"ended\" }"), over).await;
    assert!(not_held(&played).contains("it had to be ended"), "{played:?}");
}

#[tokio::test]
async fn a_second_answer_is_judged_as_well() {
    let then = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let fake = Fake::strict(Does::SaysThen(OK, then)).await;
    let send = |afterwards: &str| {
        format!(
            "[[step]]\ndo = \"send\"\nbytes = '''\nGET / HTTP/1.1\\r\\n\n\\r\\n\n'''\n\
            then = 'GET /'\nexpect = {{ {ADMITTED} }}\nafterwards = {{ {afterwards} }}\n"
        )
    };
    let played = fake.play(&send(ADMITTED), Transport::Http).await;
    assert_eq!(played.verdict, Verdict::Held, "{played:?}");
    assert_eq!(played.exchanges[0].sent.text, "GET / HTTP/1.1\\r\\n\\r\\n");
    let played = fake.play(&send(REFUSED), Transport::Http).await;
    assert!(not_held(&played).contains("it had to be refused"), "{played:?}");
}

#[tokio::test]
async fn what_must_differ_does() {
    let fake = Fake::strict(Does::Says(OK)).await;
    let sessions = |one: &str, other: &str| {
        format!(
            "{}[[step]]\ndo = \"session\"\nas = \"a\"\nsubject = \"{one}\"\n[[step]]\n\
            do = \"session\"\nas = \"b\"\nsubject = \"{other}\"\n[[step]]\ndo = \"differ\"\n\
            values = [\"${{a.token}}\", \"${{b.token}}\"]\n",
            ask("", ADMITTED)
        )
    };
    let played = fake.play(&sessions("abcdefgh", "12cd5678"), Transport::Http).await;
    assert_eq!(played.verdict, Verdict::Held, "{played:?}");
    let played = fake.play(&sessions("abcdefgh", "abcdef78"), Transport::Http).await;
    let said = not_held(&played);
    assert!(said.contains("`${a.token}` and `${b.token}` have 6 of 8"), "{said}");
}

/// Another product is judged by the outcome alone, and only where it lets anything through.
#[tokio::test]
async fn another_product_need_not_use_our_words() {
    let fake = Fake::lenient(Does::Says(REFUSAL)).await;
    let other = "outcome = \"refused\", status = 401, code = \"x\", reason = \"y\", close = 1";
    let played = fake.play(&ask("", other), Transport::Http).await;
    assert_eq!(played.verdict, Verdict::Held, "{played:?}");
    let played = fake.play(&ask("", ADMITTED), Transport::Http).await;
    let Verdict::NotApplicable(why) = played.verdict else { panic!("{played:?}") };
    assert!(why.contains("the harmless request is refused too"), "{why}");
}

#[tokio::test]
async fn a_redirect_to_the_login_is_a_refusal_and_no_other_is() {
    for (location, verdict) in [
        ("/login?next=/", Verdict::Held),
        ("https://a.example/login", Verdict::Held),
        ("/elsewhere", Verdict::NotHeld("step 1: it had to be refused, and came to: 302".into())),
    ] {
        let answer = format!(
            "HTTP/1.1 302 Found\r\nLocation: {location}\r\nTransfer-Encoding: chunked\r\n\r\n\
            2\r\nok\r\n0\r\n\r\n"
        );
        let fake = Fake::lenient(Does::Says(answer.leak())).await;
        let played = fake.play(&ask("", REFUSED), Transport::Http).await;
        assert_eq!(played.verdict, verdict);
    }
}

#[tokio::test]
async fn what_a_target_has_not_got_is_named() {
    let fake = Fake::lenient(Does::Says(OK)).await;
    let grant = format!("[[step]]\ndo = \"grant\"\nas = \"g\"\n{}", ask("", REFUSED));
    for (steps, over, said) in [
        (grant.as_str(), Transport::Http, "step 1: not offered: Grant"),
        (&ask("", REFUSED), Transport::Quic, "the server has not got QUIC"),
    ] {
        let played = fake.play(steps, over).await;
        let Verdict::NotApplicable(why) = played.verdict else { panic!("{played:?}") };
        assert!(why.contains(said), "{why}");
    }
    let mut attack = crate::server::attack(&ask("", REFUSED));
    attack.settings.insert("exposure".into(), toml::Value::from("remote"));
    let pace = doorward_probe::Pace::unlimited(crate::server::PATIENCE);
    let played = doorward_probe::play(&attack, Transport::Http, &fake, &pace).await;
    let Verdict::NotApplicable(why) = played.verdict else { panic!("{played:?}") };
    assert!(why.contains("a server with other settings: exposure"), "{why}");
}

/// An attack that ends a server is none that it held against, whatever it answered.
#[tokio::test]
async fn a_server_that_is_gone_afterwards_does_not_hold() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let mut fake = Fake::lenient(Does::Closes).await;
    fake.http = Some(listener.local_addr().expect("it is bound"));
    let crashes = tokio::spawn(async move { drop(listener.accept().await) });
    let played = fake.play(&ask("", REFUSED), Transport::Http).await;
    assert!(not_held(&played).contains("nobody takes connections any more"), "{played:?}");
    crashes.await.expect("it is gone");
    let played = fake.play(&ask("", REFUSED), Transport::Http).await;
    assert!(matches!(played.verdict, Verdict::NotApplicable(_)), "it was never there: {played:?}");
}

/// A server that overlooks an upgrade and sends its page has opened no WebSocket.
#[tokio::test]
async fn a_page_is_no_websocket() {
    let fake = Fake::lenient(Does::Says(OK)).await;
    let played = fake.play(&ask("", ADMITTED), Transport::Websocket).await;
    assert!(matches!(played.verdict, Verdict::NotApplicable(_)), "{played:?}");
    assert_eq!(fake.play(&ask("", ADMITTED), Transport::Http).await.verdict, Verdict::Held);
    let played = fake.play(&ask("", REFUSED), Transport::Websocket).await;
    assert!(matches!(played.verdict, Verdict::NotHeld(_)), "{played:?}");
}

/// Of a server that says nothing nobody waits for every answer that it owes.
#[tokio::test]
async fn the_first_silence_is_enough() {
    let fake = Fake::strict(Does::Waits).await;
    let asked = crate::server::attack(&ask("times = 9", "outcome = \"refused\", exactly = 3"));
    let brief = doorward_probe::Pace::unlimited(std::time::Duration::from_millis(200));
    let played = doorward_probe::play(&asked, Transport::Http, &fake, &brief).await;
    assert!(not_held(&played).contains("nothing came"), "{played:?}");
    assert_eq!(played.exchanges.len(), 1);
}

/// There are servers that open every WebSocket, and close those at once that they refuse.
#[tokio::test]
async fn a_websocket_that_is_closed_at_once_was_refused() {
    let over = Transport::Websocket;
    for (then, is_refused) in [
        (b"\x88\x02\x03\xf0".as_slice(), true),
        (b"", true),
        (b"\x8a\x05there", false),
        (b"\x81\x02hi\x88\x02\x03\xf0", false),
        (b"\x88\x02\x03\xe8", false),
    ] {
        let fake = Fake::lenient(Does::SaysThen(UPGRADED, then)).await;
        let played = fake.play(&ask("", REFUSED), over).await;
        assert_eq!(played.verdict == Verdict::Held, is_refused, "{then:?}: {played:?}");
        let played = fake.play(&ask("", ADMITTED), over).await;
        assert_eq!(played.verdict == Verdict::Held, !is_refused, "{then:?}: {played:?}");
    }
}
