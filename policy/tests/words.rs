//! The words that lists, records, settings and messages have for things: each has one, another for
//! another thing, and what is read back is what was written.
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

use std::collections::BTreeSet;
use std::fmt::Display;
use std::net::IpAddr;

use common::subject;
use doorward_policy::Capabilities;
use doorward_policy::Denial;
use doorward_policy::admission::{StoreFailure, Transport};
use doorward_policy::denial::{Outage, PublicAnswer};
use doorward_policy::forwarding::{Client, Scheme};
use doorward_policy::grant::{
    GrantRefusal, GrantRequestError, MAX_CODE_LIFE, MAX_LINK_LIFE, MAX_USES,
};
use doorward_policy::hello::{Kind, Offered};
use doorward_policy::host::Authority;
use doorward_policy::id::{GrantId, Issuer, SessionId};
use doorward_policy::keys::KeyMaterialError;
use doorward_policy::ledger::NotKept;
use doorward_policy::origin::AllowedOrigin;
use doorward_policy::room::{Because, Role};
use doorward_policy::route::Prefix;
use doorward_policy::session::{LifetimeError, Lifetimes};
use doorward_policy::settings::Exposure;
use doorward_policy::threat::{self, Level, ThreatId};
use doorward_policy::workspace::{Claim, Server, WorkspaceName};

/// Whether each of these texts says something, and no two the same.
fn tells_apart<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> bool {
    let mut seen = BTreeSet::new();
    texts.into_iter().all(|text| !text.as_ref().is_empty() && seen.insert(text.as_ref().to_owned()))
}

fn says(what: &impl Display, words: &[&str]) {
    let text = what.to_string();
    for word in words {
        assert!(text.contains(word), "{text:?} names no {word:?}");
    }
}

#[test]
fn records_and_answers_have_one_word_for_each_thing() {
    let transports = [Transport::Http, Transport::WebSocket, Transport::Quic];
    assert_eq!(transports.map(Transport::name), ["http", "websocket", "quic"]);
    assert_eq!([Role::Owner, Role::Follower].map(Role::name), ["owner", "follower"]);
    let reasons =
        [Because::OwnerSaidNo, Because::OwnerLeft, Because::OwnerChanged, Because::TimedOut];
    let words = ["owner_said_no", "owner_left", "owner_changed", "timed_out"];
    assert_eq!(reasons.map(Because::name), words);
    let exposures = [Exposure::Loopback, Exposure::Desktop, Exposure::Remote];
    assert_eq!(exposures.map(|one| one.to_string()), ["loopback", "desktop", "remote"]);
}

#[test]
fn a_list_of_capabilities_is_read_as_it_is_written() {
    for bits in 1..=15 {
        let held = Capabilities::from_bits(bits).unwrap();
        assert_eq!(Capabilities::parse(&held.to_string()), Ok(held));
    }
    assert_eq!(format!("{:?}", Capabilities::START_UP), "Capabilities(observe,operate)");
    assert_eq!(format!("{:?}", Capabilities::NONE), "Capabilities()");
    let spaced = Capabilities::parse(" operate , observe,operate");
    assert_eq!(spaced, Ok(Capabilities::START_UP));
}

/// A word that is passed over would leave somebody with less than was meant, or with more.
#[test]
fn a_list_with_a_word_that_is_no_capability_is_refused_by_that_word() {
    for (list, word) in [
        ("", ""),
        ("observe,", ""),
        ("observe,operat", "operat"),
        ("Observe", "Observe"),
        ("observe operate", "observe operate"),
        ("all,observe", "all"),
    ] {
        assert_eq!(Capabilities::parse(list), Err(word), "{list:?}");
    }
}

#[test]
fn an_id_is_read_as_it_is_written_and_in_no_other_way() {
    let text = "00112233445566778899aabbccddeeff";
    assert_eq!(SessionId::parse(text).unwrap().to_string(), text);
    assert_eq!(
        GrantId::parse(text).map(|id| *id.as_bytes()),
        Issuer::parse(text).map(|id| *id.as_bytes())
    );
    for other in
        [&text[1..], &text.to_uppercase(), &format!("{text}0"), &text.replace('f', "g"), ""]
    {
        assert_eq!(SessionId::parse(other), None, "{other:?}");
    }
}

#[test]
fn hosts_origins_prefixes_and_clients_are_shown_as_they_were_written() {
    for text in ["dev.example", "127.0.0.1", "::1"] {
        let written =
            if text.contains("::") { format!("[{text}]:80") } else { format!("{text}:80") };
        assert_eq!(Authority::parse(&written).unwrap().host.to_string(), text);
    }
    for text in ["https://dev.example:8443", "vscode-webview://panel"] {
        assert_eq!(AllowedOrigin::parse(text).unwrap().to_string(), text);
    }
    for text in ["/", "/a", "/a/b"] {
        assert_eq!(Prefix::parse(text).unwrap().to_string(), text);
    }
    for text in ["/a/b", "dev.example:8443"] {
        assert_eq!(Claim::parse(text).unwrap().to_string(), text);
    }
    let address = IpAddr::from([192, 0, 2, 7]);
    assert_eq!(Client { address, scheme: Scheme::Https }.to_string(), "192.0.2.7 (https)");
    assert_eq!(subject("a laptop").to_string(), "a laptop");
    assert_eq!(format!("{:?}", WorkspaceName::new("alpha").unwrap()), "\"alpha\"");
    assert_eq!(
        format!("{:?}", Server::new("http://127.0.0.1:1").unwrap()),
        "\"http://127.0.0.1:1\""
    );
}

/// Whoever reads a refusal learns the bound from it: the one that is in force.
#[test]
fn what_is_out_of_bounds_is_told_the_bounds() {
    let days = |span: core::time::Duration| format!("{} days", span.as_secs() / 86_400);
    let minutes = format!("{} minutes", MAX_CODE_LIFE.as_secs() / 60);
    says(&GrantRequestError::Life, &[&days(MAX_LINK_LIFE), &minutes]);
    says(&GrantRequestError::Uses, &["1 to", &MAX_USES.to_string()]);
    says(&GrantRequestError::Capabilities, &["at least one", "issuer"]);
    says(&LifetimeError, &["1 minute", &days(Lifetimes::CEILING), "whole seconds"]);
    says(&KeyMaterialError::Empty, &["no master"]);
    says(&KeyMaterialError::Ids, &["ascending"]);
    says(&KeyMaterialError::Exhausted, &["255"]);
    says(&NotKept::Full, &["full"]);
    says(&NotKept::Exists, &["already"]);
    says(&StoreFailure::Refused(GrantRefusal::Spent), &["Refused", "Spent"]);
    says(&StoreFailure::<GrantRefusal>::Unavailable(Outage::Full), &["Unavailable", "Full"]);
}

/// What a live connection is closed with where the two of them share a code, and 4000 and the
/// status where one is refused before it lives.
#[test]
fn the_code_of_a_refused_connection_is_the_close_code_or_made_of_the_status() {
    for denial in Denial::examples() {
        let answer = denial.public();
        let PublicAnswer { status, close, .. } = answer;
        assert_eq!(answer.error_code(), close.unwrap_or(4000 + status), "{denial}");
    }
    assert_eq!(Denial::CredentialMissing.public().error_code(), 4401);
}

//= req: SECRET-1, type=test
#[test]
fn how_many_credentials_a_hello_offers_is_shown_and_none_of_them() {
    let shown = |offered: Offered<'_>| format!("{offered:?}");
    assert_eq!(shown(Offered::Nothing), "Nothing");
    assert_eq!(shown(Offered::One(Kind::Grant, b"grant-secret")), "One(Grant, ..)");
    assert_eq!(shown(Offered::Several), "Several");
}

#[test]
fn the_catalog_has_a_word_for_whatever_a_row_names() {
    let rows: Vec<_> = ThreatId::all().map(ThreatId::row).collect();
    let attackers: BTreeSet<_> = rows.iter().flat_map(|row| row.attackers).collect();
    assert!(tells_apart(attackers.iter().map(|one| one.text())));
    let assets: BTreeSet<_> = rows.iter().flat_map(|row| row.assets).collect();
    assert!(tells_apart(assets.iter().map(|one| one.text())));
    let stride: BTreeSet<_> = rows.iter().flat_map(|row| row.stride).collect();
    assert!(tells_apart(stride.iter().map(|one| one.text())));
    assert!(tells_apart([threat::Role::Operator, threat::Role::Embedder].map(threat::Role::text)));
    let levels = [Level::Low, Level::Medium, Level::High, Level::Critical];
    assert_eq!(levels.map(Level::text), ["low", "medium", "high", "critical"]);
}
