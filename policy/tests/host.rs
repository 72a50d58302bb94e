//! The Host of a request is on a list, exactly, or the request is denied (I2).
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
use doorward_policy::denial::{Denial, HeadFault, Shown};
use doorward_policy::host::{AllowedHost, Authority, HostName};
use doorward_policy::settings::Exposure;

fn world(exposure: Exposure, hosts: &[&str]) -> World {
    let mut world = World::new();
    world.settings.exposure = exposure;
    world.settings.allowed_hosts =
        hosts.iter().map(|host| AllowedHost::parse(host).unwrap()).collect();
    world
}

#[track_caller]
fn admits(world: &mut World, host: &str) -> bool {
    let request = Request::get("/").host(host).bearer(&world.token());
    match world.decide(&request) {
        doorward_policy::Decision::Admit(_) => true,
        doorward_policy::Decision::Deny(denied) => {
            assert_eq!(denied.denial, Denial::HostDenied { seen: Shown::new(host) });
            false
        }
        other => panic!("{other:?}"),
    }
}

const MALFORMED: Denial = Denial::MalformedHead(HeadFault::Host);

#[test]
fn three_loopback_names_are_implied_at_any_port() {
    for exposure in [Exposure::Loopback, Exposure::Desktop] {
        let mut world = world(exposure, &[]);
        for host in
            ["localhost", "LocalHost:1", "127.0.0.1", "127.0.0.1:65535", "[::1]", "[0:0::1]:8765"]
        {
            assert!(admits(&mut world, host), "{host}");
        }
    }
}

//= req: HOST-1, HOST-2, type=test
#[test]
fn nothing_else_is_implied() {
    let mut world = world(Exposure::Loopback, &[]);
    for host in [
        "rebind.evil:8080",
        "evil.example",
        "localhost.evil.example",
        "evil-localhost",
        "localhost.localdomain",
        "127.0.0.1.nip.io",
        "127.0.0.2",
        "0.0.0.0",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[fe80::1]",
        "192.168.1.5",
    ] {
        assert!(!admits(&mut world, host), "{host}");
    }
}

//= req: HOST-2, type=test
#[test]
fn a_remote_listener_implies_no_name() {
    let mut world = world(Exposure::Remote, &[]);
    for host in ["localhost", "127.0.0.1:8765", "[::1]"] {
        assert!(!admits(&mut world, host), "{host}");
    }
}

//= req: HOST-5, type=test
#[test]
fn a_listed_host_is_exact() {
    let mut world =
        world(Exposure::Remote, &["door.example.com", "other.example:444", "192.0.2.7"]);
    for host in [
        "door.example.com",
        "DOOR.example.com",
        "door.example.com:8443",
        "other.example:444",
        "192.0.2.7:1",
    ] {
        assert!(admits(&mut world, host), "{host}");
    }
    for host in [
        "example.com",
        "a.door.example.com",
        "door.example.com.evil.example",
        "doorxexample.com",
        "other.example",
        "other.example:443",
        "192.0.2.70",
    ] {
        assert!(!admits(&mut world, host), "{host}");
    }
}

#[test]
fn a_listed_default_port_is_the_unwritten_one() {
    let mut world = world(Exposure::Remote, &["plain.example:80", "door.example:443"]);
    assert!(admits(&mut world, "plain.example"));
    assert!(!admits(&mut world, "door.example"));
    let token = world.token();
    assert!(world.admits(&Request::get("/").host("door.example").bearer(&token).tls()));
}

//= req: HOST-3, type=test
#[test]
fn what_is_no_authority_is_malformed() {
    let mut world = world(Exposure::Loopback, &[]);
    for host in [
        "",
        " localhost",
        "localhost ",
        "localhost.",
        ".localhost",
        "local..host",
        "localhost:",
        "localhost:0",
        "localhost:080",
        "localhost:+80",
        "localhost:65536",
        "localhost:80:80",
        "localhost:http",
        "user@localhost",
        "localhost/",
        "localhost#",
        "localhost,evil.example",
        "localhost\0",
        "loc\u{e4}lhost",
        "*",
        "[::1",
        "::1",
        "[::1]x",
        "[::1%lo]",
        "[::1%25lo]",
        "[127.0.0.1]",
        "http://localhost",
        &format!("{}.example", "a".repeat(64)),
        &["a".repeat(60).as_str(); 5].join("."),
    ] {
        assert_eq!(world.denial(&Request::get("/").host(host)), MALFORMED, "{host:?}");
    }
    let latin1 = Request::get("/").replacing("Host", b"localhost\xe4");
    assert_eq!(world.denial(&latin1), MALFORMED);
}

//= req: HOST-4, type=test
#[test]
fn whoever_looks_like_an_ip_address_is_four_plain_numbers() {
    let mut world = world(Exposure::Loopback, &[]);
    for host in [
        "10.0.2.555:9229",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "127.0.0.0x1",
        "0177.0.0.1",
        "127.0.0.01",
        "127.000.0.1",
        "1.2.3.4.5",
        "256.256.256.256",
        "evil.example.1",
        "a.0x",
    ] {
        assert_eq!(world.denial(&Request::get("/").host(host)), MALFORMED, "{host}");
    }
}

//= req: HEAD-6, type=test
#[test]
fn no_host_and_two_hosts_are_malformed() {
    let mut world = world(Exposure::Loopback, &[]);
    assert_eq!(world.denial(&Request::get("/").without("Host")), MALFORMED);
    for second in ["localhost:8765", "evil.example"] {
        assert_eq!(world.denial(&Request::get("/").with("hOsT", second)), MALFORMED);
    }
}

//= req: HOST-1, type=test
#[test]
fn the_check_doesnt_depend_on_origin_or_on_where_the_request_comes_from() {
    let mut world = world(Exposure::Loopback, &[]);
    let token = world.token();
    for peer in ["127.0.0.1", "::1"] {
        let request = Request::get("/").host("rebind.evil:8080").bearer(&token).peer(peer);
        assert!(matches!(world.denial(&request), Denial::HostDenied { .. }));
        let agreeing = request.origin("http://rebind.evil:8080");
        assert!(matches!(world.denial(&agreeing), Denial::HostDenied { .. }));
    }
}

//= req: HOST-5, type=test
#[test]
fn a_list_has_no_wildcards_and_no_expressions() {
    for entry in
        ["*", "*.example.com", "", "^door", "http://door.example", "door.example/", ".example.com"]
    {
        assert!(AllowedHost::parse(entry).is_none(), "{entry}");
    }
    let mut world = world(Exposure::Remote, &["door.example.com"]);
    assert!(!admits(&mut world, "doorAexample.com"));
}

/// RFC 1035, section 2.3.4: a label has 63 bytes at most, and a name what is left of 255 without
/// the length of its first label and the root.
#[test]
fn a_name_and_its_labels_are_as_long_as_names_can_be() {
    let name = |last: usize| {
        let labels = [63, 63, 63, last].map(|length| "a".repeat(length));
        labels.join(".")
    };
    assert_eq!(name(61).len(), 253);
    let longest = name(61);
    assert_eq!(Authority::parse(&longest).unwrap().host, HostName::Name(&longest));
    assert_eq!(Authority::parse(&name(62)), None);
    assert_eq!(Authority::parse(&format!("{}.example", "a".repeat(64))), None);
}

#[test]
fn an_authority_says_what_was_written() {
    let read = |text| Authority::parse(text).unwrap();
    assert_eq!(read("Door.example:8443").port, Some(8443));
    assert_eq!(read("door.example").host, HostName::Name("DOOR.EXAMPLE"));
    assert_ne!(read("127.0.0.1").host, HostName::Name("127.0.0.1"));
    assert_eq!(read("[::1]").port_or_default(true), 443);
    assert_eq!(read("[::1]").port_or_default(false), 80);
}
