//! Forwarding headers are a trusted proxy's word, or nobody's (I3, I16).
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

use core::net::IpAddr;

use common::request::COOKIE;
use common::{Request, World};
use doorward_policy::admission::Context;
use doorward_policy::denial::{Denial, HeadFault};
use doorward_policy::forwarding::{Scheme, TrustedNetwork};
use doorward_policy::{Decision, Denied};

const UNREADABLE: Denial = Denial::MalformedHead(HeadFault::Forwarding);

fn behind(proxies: &[&str]) -> World {
    let mut world = World::new();
    world.settings.trusted_proxies =
        proxies.iter().map(|text| TrustedNetwork::parse(text).unwrap()).collect();
    world
}

/// The client of a request that brings nothing.
fn client(world: &mut World, request: &Request) -> (IpAddr, Scheme) {
    let Decision::Deny(Denied { context: Context { client, .. }, denial, .. }) =
        world.decide(request)
    else {
        panic!("admitted");
    };
    assert!(
        matches!(denial, Denial::CredentialMissing | Denial::InsecureTransport),
        "{denial:?}: {request:?}"
    );
    (client.address, client.scheme)
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

//= req: FORWARD-1, type=test
#[test]
fn a_strangers_forwarding_headers_are_as_if_they_werent_there() {
    let mut world = behind(&["10.0.0.0/8"]);
    let request = Request::get("/")
        .peer("203.0.113.9")
        .tls()
        .with("X-Forwarded-For", "127.0.0.1")
        .with("X-Forwarded-Proto", "http");
    assert_eq!(client(&mut world, &request), (address("203.0.113.9"), Scheme::Https));
    let garbage = request.replacing("X-Forwarded-For", "garbage").with("X-Forwarded-For", "twice");
    assert_eq!(client(&mut world, &garbage), (address("203.0.113.9"), Scheme::Https));
}

//= req: FORWARD-1, type=test
#[test]
fn a_stranger_that_says_it_is_local_is_not() {
    let mut world = World::new();
    let token = world.token();
    let request = Request::get("/")
        .peer("203.0.113.9")
        .with("X-Forwarded-For", "127.0.0.1")
        .with("X-Forwarded-Proto", "https")
        .bearer(&token);
    assert_eq!(world.denial(&request), Denial::InsecureTransport);
}

//= req: FORWARD-2, type=test
#[test]
fn the_last_address_that_no_trusted_proxy_has_is_the_client() {
    let mut world = behind(&["10.0.0.0/8", "2001:db8::/32"]);
    let request = Request::get("/").peer("10.0.0.1").with("X-Forwarded-Proto", "https");
    for (list, expected) in [
        ("198.51.100.7", "198.51.100.7"),
        ("127.0.0.1, 198.51.100.7", "198.51.100.7"),
        ("garbage, 198.51.100.7", "198.51.100.7"),
        ("127.0.0.1,198.51.100.7,10.9.9.9", "198.51.100.7"),
        ("198.51.100.7, 2001:db8::5 , 10.1.1.1", "198.51.100.7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("10.3.3.3, 10.2.2.2", "10.3.3.3"),
        ("2001:db9::1", "2001:db9::1"),
    ] {
        let request = request.clone().with("X-Forwarded-For", list);
        assert_eq!(client(&mut world, &request), (address(expected), Scheme::Https), "{list}");
    }
    assert_eq!(client(&mut world, &request).0, address("10.0.0.1"));
}

//= req: FORWARD-3, type=test
#[test]
fn what_a_trusted_proxy_says_is_read_or_denied() {
    let mut world = behind(&["10.0.0.0/8"]);
    let request = Request::get("/").peer("10.0.0.1");
    for list in
        ["", "garbage", "198.51.100.7,", "198.51.100.7:443", "unknown", "_hidden", "a\u{e4}"]
    {
        assert_eq!(
            world.denial(&request.clone().with("X-Forwarded-For", list)),
            UNREADABLE,
            "{list}"
        );
    }
    for scheme in ["", "HTTPS", "https,http", "https, https", "ftp", "on", "wss"] {
        let request = request.clone().with("X-Forwarded-Proto", scheme);
        assert_eq!(world.denial(&request), UNREADABLE, "{scheme}");
    }
    for field in ["X-Forwarded-For", "X-Forwarded-Proto"] {
        let value = if field == "X-Forwarded-For" { "198.51.100.7" } else { "https" };
        let twice = request.clone().with(field, value).with(field, value);
        assert_eq!(world.denial(&twice), UNREADABLE, "{field}");
    }
}

//= req: FORWARD-4, type=test
#[test]
fn the_scheme_decides_on_cookie_and_transport() {
    let mut world = behind(&["10.0.0.1"]);
    let token = world.token();
    let through = Request::get("/")
        .peer("10.0.0.1")
        .with("X-Forwarded-For", "198.51.100.7")
        .with("Sec-Fetch-Site", "same-origin");
    let https = through.clone().with("X-Forwarded-Proto", "https");
    assert!(world.admits(&https.clone().with("Cookie", format!("__Host-doorward={token}"))));
    assert!(!world.admits(&https.with("Cookie", format!("{COOKIE}={token}"))));
    let http = through.with("X-Forwarded-Proto", "http");
    assert_eq!(world.denial(&http.cookie(&token)), Denial::InsecureTransport);
}

//= req: FORWARD-4, type=test
#[test]
fn plain_http_is_for_this_machine() {
    let mut world = World::new();
    let token = world.token();
    let request = Request::get("/").bearer(&token);
    for peer in ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"] {
        assert!(world.admits(&request.clone().peer(peer)), "{peer}");
    }
    for peer in
        ["192.168.1.5", "10.0.0.1", "0.0.0.0", "::", "fe80::1", "203.0.113.9", "::ffff:10.0.0.1"]
    {
        assert_eq!(world.denial(&request.clone().peer(peer)), Denial::InsecureTransport, "{peer}");
        assert!(world.admits(&request.clone().peer(peer).tls()), "{peer}");
    }
}

//= req: LIMIT-7, type=test
#[test]
fn guesses_are_counted_for_the_client_and_not_for_the_proxy() {
    let mut world = behind(&["10.0.0.1"]);
    let request = Request::get("/")
        .peer("10.0.0.1")
        .with("X-Forwarded-Proto", "https")
        .with("X-Forwarded-For", "127.0.0.1, 198.51.100.7")
        .bearer("A.b");
    world.denial(&request);
    let charged: Vec<_> = world.limiter.charges.iter().map(|(key, _)| *key).collect();
    assert_eq!(charged, [address("198.51.100.7").into()]);
}

#[test]
fn a_network_has_its_own_addresses_only() {
    let network = |text: &str| TrustedNetwork::parse(text).unwrap();
    for (text, inside, outside) in [
        ("10.0.0.1", "10.0.0.1", "10.0.0.2"),
        ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
        ("192.0.2.128/25", "192.0.2.200", "192.0.2.100"),
        ("::1", "::1", "127.0.0.1"),
        ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
        ("127.0.0.1", "::ffff:127.0.0.1", "::1"),
        ("::ffff:10.0.0.0/104", "10.1.1.1", "11.1.1.1"),
    ] {
        assert!(network(text).contains(address(inside)), "{text} {inside}");
        assert!(!network(text).contains(address(outside)), "{text} {outside}");
    }
}

//= req: FORWARD-5, type=test
#[test]
fn a_network_of_all_addresses_of_a_family_is_none() {
    for text in [
        "0.0.0.0/0",
        "::/0",
        "10.0.0.0/0",
        "::ffff:0:0/96",
        "::ffff:10.0.0.0/8",
        "::/64",
        "::1/64",
        "::/1",
    ] {
        assert_eq!(TrustedNetwork::parse(text), None, "{text}");
    }
    for text in
        ["", "*", "10.0.0", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "localhost"]
    {
        assert_eq!(TrustedNetwork::parse(text), None, "{text}");
    }
}

/// A proxy that names one of the two has said nothing on the other: the socket knows that.
#[test]
fn what_a_trusted_proxy_leaves_out_is_as_the_socket_has_it() {
    let mut world = behind(&["10.0.0.0/8"]);
    let request = Request::get("/").peer("10.0.0.1").tls();
    assert_eq!(client(&mut world, &request), (address("10.0.0.1"), Scheme::Https));
    let named = request.clone().with("X-Forwarded-For", "203.0.113.9");
    assert_eq!(client(&mut world, &named), (address("203.0.113.9"), Scheme::Https));
    let schemed = request.with("X-Forwarded-Proto", "http");
    assert_eq!(client(&mut world, &schemed), (address("10.0.0.1"), Scheme::Http));
}
