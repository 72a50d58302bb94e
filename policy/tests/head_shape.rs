//! What a parsed head may bring: each field once, one length, one kind of upgrade (I15, I18).
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

use common::{Request, World};
use doorward_policy::Decision;
use doorward_policy::denial::{Bound, Denial, HeadFault};
use doorward_policy::request::MAX_FIELDS;

//= req: HEAD-8, type=test
#[test]
fn whatever_the_decision_reads_occurs_once() {
    let mut world = World::new();
    for (name, fault) in [
        ("Host", HeadFault::Host),
        ("Origin", HeadFault::Origins),
        ("Authorization", HeadFault::Authorizations),
        ("Cookie", HeadFault::Cookies),
        ("Upgrade", HeadFault::Repeated),
        ("Connection", HeadFault::Repeated),
        ("Sec-WebSocket-Key", HeadFault::Repeated),
        ("Sec-WebSocket-Version", HeadFault::Repeated),
        ("Sec-WebSocket-Protocol", HeadFault::Repeated),
        ("Sec-Fetch-Site", HeadFault::Repeated),
        ("Sec-Fetch-Mode", HeadFault::Repeated),
        ("Sec-Fetch-Dest", HeadFault::Repeated),
        ("Service-Worker", HeadFault::Repeated),
        ("Transfer-Encoding", HeadFault::Framing),
        ("Content-Length", HeadFault::Framing),
    ] {
        let upper = name.to_ascii_uppercase();
        let request = Request::get("/").without(name).with(name, "x").with(&upper, "x");
        assert_eq!(world.denial(&request), Denial::MalformedHead(fault), "{name}");
    }
}

#[test]
fn fields_of_others_may_repeat() {
    let mut world = World::new();
    let request = Request::get("/")
        .with("Accept", "a")
        .with("Accept", "b")
        .with("Cookies", "x")
        .with("Hosts", "x")
        .with("X-Host", "evil")
        .with("Sec-Fetch-User", "?1")
        .bearer(&world.token());
    assert!(world.admits(&request));
}

//= req: HEAD-7, type=test
#[test]
fn a_length_beside_chunking_is_refused() {
    let request =
        Request::post("/").with("Content-Length", "3").with("Transfer-Encoding", "chunked");
    assert_eq!(World::new().denial(&request), Denial::MalformedHead(HeadFault::Framing));
}

//= req: HEAD-2, type=test
#[test]
fn the_number_of_fields_is_bounded() {
    let mut world = World::new();
    let token = world.token();
    let with_fields = |count: usize| {
        (2..count).fold(Request::get("/").bearer(&token), |request, _| request.with("X", "y"))
    };
    assert!(world.admits(&with_fields(MAX_FIELDS)));
    let too_many = Denial::TooLarge(Bound::HeadFields);
    assert_eq!(world.denial(&with_fields(MAX_FIELDS + 1)), too_many);
    assert_eq!(world.denial(&with_fields(10_000)), too_many);
}

//= req: UPGRADE-2, type=test
#[test]
fn a_complete_websocket_handshake_is_an_upgrade() {
    let mut world = World::new();
    let token = world.token();
    let handshake = Request::upgrade().bearer(&token);
    assert!(world.admit(&handshake).context().is_upgrade());
    for request in [
        handshake.clone().replacing("Upgrade", "WebSocket"),
        handshake.clone().replacing("Connection", "UPGRADE"),
        handshake.clone().with("Content-Length", "0"),
    ] {
        assert!(world.admit(&request).context().is_upgrade(), "{request:?}");
    }
    let plain = handshake.without("Upgrade");
    assert!(!world.admit(&plain).context().is_upgrade());
}

//= req: UPGRADE-2, type=test
#[test]
fn every_other_upgrade_is_denied() {
    let mut world = World::new();
    let token = world.token();
    let handshake = Request::upgrade().bearer(&token);
    let mut post = handshake.clone();
    post.method = "POST".into();
    let key = |key: &str| handshake.clone().replacing("Sec-WebSocket-Key", key);
    for request in [
        post,
        handshake.clone().replacing("Upgrade", "h2c"),
        handshake.clone().replacing("Upgrade", "websocket, h2c"),
        handshake.clone().replacing("Upgrade", "h2c, websocket"),
        handshake.clone().replacing("Upgrade", "TLS/1.0"),
        handshake.clone().replacing("Upgrade", ""),
        handshake.clone().without("Connection"),
        handshake.clone().replacing("Connection", "keep-alive"),
        handshake.clone().replacing("Connection", "upgrades"),
        handshake.clone().without("Sec-WebSocket-Version"),
        handshake.clone().replacing("Sec-WebSocket-Version", "8"),
        handshake.clone().replacing("Sec-WebSocket-Version", "13, 8"),
        handshake.clone().without("Sec-WebSocket-Key"),
        key(""),
        key("dGhlIHNhbXBsZSBub25jZQ"),
        key("dGhlIHNhbXBsZSBub25jZR=="),
        key("dGhlIHNhbXBsZSBub25jZQ==="),
        key("dGhlIHNhbXBsZSBub25jZSEh"),
        key("dGhlIHNhbXBsZSBub25j!Q=="),
        key("-_hlIHNhbXBsZSBub25jZQ=="),
        handshake.clone().with("Content-Length", "1"),
        handshake.clone().with("Content-Length", "00"),
        handshake.clone().with("Transfer-Encoding", "chunked"),
    ] {
        assert_eq!(world.denial(&request), Denial::UpgradeRefused, "{request:?}");
    }
}

//= req: UPGRADE-1, type=test
#[test]
fn connect_is_denied() {
    let mut world = World::new();
    let token = world.token();
    for target in ["/", "localhost:22"] {
        let request = Request::new("CONNECT", target).bearer(&token);
        assert_eq!(world.denial(&request), Denial::UpgradeRefused);
    }
}

//= req: ROUTE-5, type=test
#[test]
fn a_service_worker_script_is_denied_unless_it_was_asked_for() {
    let mut world = World::new();
    let token = world.token();
    let request = Request::get("/sw.js").with("Service-Worker", "script").bearer(&token);
    assert_eq!(world.denial(&request), Denial::ServiceWorkerScript);
    world.settings.service_workers = true;
    assert!(matches!(world.decide(&request), Decision::Admit(_)));
}

/// 16 bytes in base64 (RFC 4648, section 4), which URLs spell with another alphabet.
//= req: UPGRADE-2, type=test
#[test]
fn a_handshakes_key_is_in_the_alphabet_that_it_has_to_be_in() {
    let mut world = World::new();
    let token = world.token();
    let with = |key: &str| Request::upgrade().replacing("Sec-WebSocket-Key", key).bearer(&token);
    for key in ["++++++++++++++++++++/w==", "////////////////////+g=="] {
        assert!(world.admits(&with(key)), "{key}");
    }
    for key in ["--------------------_w==", "____________________-g=="] {
        assert_eq!(world.denial(&with(key)), Denial::UpgradeRefused, "{key}");
    }
}
