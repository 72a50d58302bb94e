//! Every refusal: what the caller is told, what it never learns, and that no secret is in it (I12).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "a test that can't go on must stop"
)]

mod common;

use std::collections::BTreeMap;

use common::{NOW, Request, World, secs};
use doorward_policy::Denial;
use doorward_policy::admission::Wire;
use doorward_policy::denial::{GrantFault, HeadFault, NextStep, Outage, PublicAnswer, Shown};
use doorward_policy::grant::GrantSecret;
use doorward_policy::secret::Secret;
use doorward_policy::ticket::TicketSecret;
use doorward_policy::token::{UntrustedToken, issue};

#[test]
fn the_reasons_are_all_different() {
    let mut texts: Vec<String> = Denial::examples().iter().map(Denial::audit).collect();
    let count = texts.len();
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), count);
}

#[test]
fn each_status_is_one_that_the_interface_knows() {
    for denial in Denial::examples() {
        let PublicAnswer { status, code, close, next } = denial.public();
        assert!([400, 401, 403, 404, 408, 429, 503].contains(&status), "{denial}");
        let expected_close = match status {
            400 => vec![Some(4400)],
            401 => vec![None, Some(4401), Some(4403)],
            403 => vec![None, Some(4403)],
            404 => vec![None, Some(4404)],
            408 => vec![Some(4408)],
            429 => vec![Some(4429)],
            _ => vec![Some(1013), Some(1001)],
        };
        assert!(expected_close.contains(&close), "{denial}: {close:?}");
        let expected_next = match status {
            401 => NextStep::Pair,
            408 => NextStep::Retry,
            429 => NextStep::Wait,
            503 => NextStep::BackOff,
            _ => NextStep::Stop,
        };
        assert_eq!(next, expected_next, "{denial}");
        assert!(code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{code}");
        assert!(denial.message().ends_with('.'), "{denial}");
        assert_eq!(denial.retry_after(NOW).is_some(), [429, 503].contains(&status), "{denial}");
    }
}

//= req: GRANT-11, WORK-2, type=test
#[test]
fn what_must_look_the_same_outside_does() {
    let mut groups: BTreeMap<&str, Vec<(PublicAnswer, String)>> = BTreeMap::new();
    for denial in Denial::examples() {
        let group = match denial {
            Denial::GrantRefused(_) => "grant",
            Denial::CredentialInvalid(_) | Denial::CookieShadowed => "credential",
            Denial::NoRoute => "absent",
            _ => continue,
        };
        groups.entry(group).or_default().push((denial.public(), denial.message()));
    }
    for (group, answers) in groups {
        assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{group}");
    }
    assert_eq!(Denial::WorkspaceUnknown.message(), Denial::NoRoute.message());
    assert_eq!(Denial::WorkspaceUnknown.public().code, Denial::NoRoute.public().code);
}

#[test]
fn the_audit_knows_what_the_caller_doesnt() {
    let spent = Denial::GrantRefused(GrantFault::Spent);
    assert_eq!(spent.to_string(), "grant_refused: spent");
    assert!(!spent.message().contains("was spent"));
    assert_eq!(Denial::Unavailable(Outage::Store).audit(), "unavailable: store");
}

#[test]
fn a_wait_is_told_in_whole_seconds_and_never_zero() {
    let limited = |until| Denial::GuessesLimited { until }.retry_after(NOW);
    assert_eq!(limited(NOW.plus(secs(60))), Some(60));
    assert_eq!(limited(NOW.plus(common::millis(1_001))), Some(2));
    assert_eq!(limited(NOW), Some(1));
    assert_eq!(limited(NOW.minus(secs(5))), Some(1));
}

#[test]
fn what_a_stranger_sent_is_shown_short_and_harmless() {
    for (seen, shown) in [
        ("https://evil.example", "https://evil.example"),
        ("\"><script>&", "???script??"),
        ("a\r\nSet-Cookie: b", "a??Set-Cookie: b"),
        ("\u{1b}[31m", "?[31m"),
        ("é", "??"),
        ("\\", "?"),
    ] {
        assert_eq!(Shown::new(seen).to_string(), shown);
    }
    assert_eq!(Shown::new(&"x".repeat(10_000)).to_string().len(), 80);
    assert_eq!(format!("{:?}", Shown::new("a\"\n")), "\"a??\"", "a test that fails shows it too");
    let denial = Denial::HostDenied { seen: Shown::new("a\"}\n{\"b") };
    assert!(denial.message().chars().all(|char| !char.is_control()));
    assert_eq!(denial.audit(), "host_denied: a?}?{?b");
}

#[test]
fn no_denial_repeats_a_credential() {
    let mut world = World::new();
    let token = world.token();
    let ticket = TicketSecret::new([0xab; 32]).expose().to_string();
    let forged = format!("{}B", &token[..token.len() - 1]);
    let lacking = world.token_with(doorward_policy::Capabilities::NONE);
    for (request, secret) in [
        (Request::get("/").bearer(&forged), &forged),
        (Request::get("/").bearer(&lacking), &lacking),
        (Request::get("/").cookie(&token), &token),
        (Request::get("/").cookie(&token).bearer(&token), &token),
        (Request::get(&format!("/.doorward/{token}")), &token),
        (Request::upgrade().ticket(&format!("{ticket}x")), &ticket),
        (Request::upgrade().ticket(&ticket).bearer(&token), &ticket),
    ] {
        let denied = world.denied(&request);
        for text in [
            denied.denial.message(),
            denied.denial.audit(),
            format!("{denied:?}"),
            format!("{denied:#?}"),
        ] {
            assert!(!text.contains(secret.as_str()), "{text}");
        }
    }
}

#[test]
fn no_secret_prints_itself() {
    let world = World::new();
    let masters = common::masters();
    let token = issue(&common::claims(), &world.keys, NOW).unwrap();
    let untrusted = UntrustedToken::parse(token.expose().as_bytes()).unwrap();
    for (text, secret) in [
        (format!("{token:?}"), token.expose().to_owned()),
        (format!("{untrusted:?}"), token.expose().to_owned()),
        (format!("{:?}", Secret::new([77; 4])), "77".into()),
        (format!("{:?}", GrantSecret::link([77; 32])), "77".into()),
        (format!("{:?}", GrantSecret::code([7; 12])), "9999".into()),
        (format!("{:?}", TicketSecret::new([77; 32])), "77".into()),
        (format!("{masters:?}"), "51".into()),
        (format!("{:?}", masters.ring(doorward_policy::keys::Purpose::Session)), "51".into()),
        (format!("{:?}", masters.digester()), "34".into()),
        (format!("{:?}", common::nonce(77)), "77".into()),
    ] {
        assert!(text.contains("(..)") || text.contains(", ..)"), "{text}");
        assert!(!text.contains(&secret), "{text}");
    }
}

#[test]
fn secrets_compare_by_all_their_bytes() {
    let secret = Secret::new([7; 32]);
    assert!(secret.same(&Secret::new([7; 32])));
    for byte in 0..32 {
        let mut other = [7; 32];
        other[byte] ^= 0x80;
        assert!(!secret.same(&Secret::new(other)));
    }
}

#[test]
fn an_early_refusal_knows_the_address_alone() {
    let peer = "203.0.113.9".parse().unwrap();
    let denied =
        doorward_policy::Denied::early(Denial::MalformedHead(HeadFault::Line), peer, Wire::Tls);
    assert_eq!(denied.context.client.address, peer);
    assert_eq!((denied.known, denied.expire_cookie), (None, None));
}
