//! Unadmitted connections are bounded, in all and for each address (I15).
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

use doorward_policy::Settings;
use doorward_policy::admission::Wire;
use doorward_policy::caps::{CapReached, ConnectionCaps, ConnectionLimits};
use doorward_policy::forwarding::TrustedNetwork;
use doorward_policy::limiter::LimitKey;

fn key(last: u8) -> LimitKey {
    IpAddr::from([192, 0, 2, last]).into()
}

fn caps(unadmitted: usize, per_address: usize) -> ConnectionCaps {
    ConnectionCaps::new(ConnectionLimits { unadmitted, per_address })
}

//= req: LIMIT-8, type=test
#[test]
fn one_address_has_its_share_and_no_more() {
    let mut caps = caps(10, 2);
    assert_eq!(caps.enter(key(1), false), Ok(()));
    assert_eq!(caps.enter(key(1), false), Ok(()));
    assert_eq!(caps.enter(key(1), false), Err(CapReached::Address));
    assert_eq!(caps.enter(key(2), false), Ok(()));
    assert_eq!(caps.len(), 3);
}

//= req: LIMIT-8, type=test
#[test]
fn all_addresses_together_are_bounded() {
    let mut caps = caps(3, 2);
    for address in 1..=3 {
        assert_eq!(caps.enter(key(address), false), Ok(()));
    }
    assert_eq!(caps.enter(key(4), false), Err(CapReached::All));
    assert_eq!(caps.len(), 3, "a refusal counts nothing");
}

#[test]
fn whoever_leaves_makes_room() {
    let mut caps = caps(2, 1);
    assert!(caps.is_empty());
    caps.enter(key(1), false).unwrap();
    assert!(!caps.is_empty());
    caps.enter(key(2), false).unwrap();
    caps.leave(key(1));
    assert_eq!(caps.enter(key(2), false), Err(CapReached::Address));
    assert_eq!(caps.enter(key(1), false), Ok(()));
}

#[test]
fn leaving_twice_frees_nobody_elses_place() {
    let mut caps = caps(2, 2);
    caps.enter(key(1), false).unwrap();
    caps.enter(key(2), false).unwrap();
    for _ in 0..5 {
        caps.leave(key(1));
        caps.leave(key(9));
    }
    assert_eq!(caps.len(), 1);
    caps.leave(key(2));
    assert!(caps.is_empty());
}

//= req: LIMIT-8, type=test
#[test]
fn thirty_two_of_one_address_and_256_in_all_unless_set_otherwise() {
    let mut caps = ConnectionCaps::new(ConnectionLimits::default());
    let mut enter = |address: u8, tries: usize| {
        (0..tries).filter(|_| caps.enter(key(address), false).is_ok()).count()
    };
    let counted: Vec<usize> = (1..=9).map(|address| enter(address, 40)).collect();
    assert_eq!(counted, [32, 32, 32, 32, 32, 32, 32, 32, 0]);
}

//= req: LIMIT-9, type=test
#[test]
fn a_trusted_proxy_is_exempt_from_the_share_but_not_from_the_whole() {
    let mut caps = caps(3, 1);
    for _ in 0..3 {
        assert_eq!(caps.enter(key(1), true), Ok(()));
    }
    assert_eq!(caps.enter(key(1), true), Err(CapReached::All));
}

//= req: LIMIT-9, type=test
#[test]
fn a_trusted_proxy_is_exempt_unless_it_comes_over_quic() {
    let proxy = IpAddr::from([192, 0, 2, 1]);
    let trusted_proxies = vec![TrustedNetwork::parse("192.0.2.1").expect("an address")];
    let settings = Settings { trusted_proxies, ..Settings::default() };
    assert!(settings.exempts(proxy, Wire::Plain) && settings.exempts(proxy, Wire::Tls));
    assert!(!settings.exempts(proxy, Wire::Quic));
    assert!(!settings.exempts(IpAddr::from([192, 0, 2, 2]), Wire::Plain));
}

//= req: LIMIT-8, type=test
#[test]
fn whoever_leaves_takes_nobody_else_of_the_address_along() {
    let mut caps = caps(10, 2);
    caps.enter(key(1), false).unwrap();
    caps.enter(key(1), false).unwrap();
    caps.leave(key(1));
    assert_eq!(caps.enter(key(1), false), Ok(()));
    assert_eq!(caps.enter(key(1), false), Err(CapReached::Address));
}
