//! Guesses are counted by address, and no flood makes the limiter forget or lock out (I16).
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

use common::{NOW, millis, secs};
use doorward_policy::Timestamp;
use doorward_policy::limiter::{Charge, Guess, LimitKey, Limited, Limiter, Limits, WINDOW};

fn key(address: &str) -> LimitKey {
    address.parse::<IpAddr>().unwrap().into()
}

fn charge(limiter: &mut Limiter, address: &str, guess: Guess, at: Timestamp) -> bool {
    limiter.charge(key(address), guess, at).is_ok()
}

fn passed(limiter: &mut Limiter, address: &str, guess: Guess, tries: usize) -> usize {
    (0..tries).filter(|_| charge(limiter, address, guess, NOW)).count()
}

//= req: LIMIT-1, type=test
#[test]
fn ten_codes_and_a_hundred_others_pass_each_minute() {
    let mut limiter = Limiter::new(Limits::default());
    assert_eq!(passed(&mut limiter, "192.0.2.1", Guess::Code, 50), 10);
    assert_eq!(passed(&mut limiter, "192.0.2.1", Guess::Other, 500), 100);
}

//= req: LIMIT-1, type=test
#[test]
fn a_counter_ends_sixty_seconds_after_its_first_charge() {
    let mut limiter = Limiter::new(Limits { codes: 1, ..Limits::default() });
    assert!(charge(&mut limiter, "192.0.2.1", Guess::Code, NOW));
    let end = NOW.plus(WINDOW);
    let late = end.minus(millis(1));
    let limited = limiter.charge(key("192.0.2.1"), Guess::Code, late);
    assert_eq!(limited, Err(Limited { until: end }));
    assert!(charge(&mut limiter, "192.0.2.1", Guess::Code, end));
    assert!(!charge(&mut limiter, "192.0.2.1", Guess::Code, end.plus(secs(59))), "a new minute");
}

//= req: LIMIT-1, type=test
#[test]
fn a_charge_that_is_refused_doesnt_prolong_the_wait() {
    let mut limiter = Limiter::new(Limits { codes: 1, ..Limits::default() });
    for second in 0..60 {
        charge(&mut limiter, "192.0.2.1", Guess::Code, NOW.plus(secs(second)));
    }
    assert!(charge(&mut limiter, "192.0.2.1", Guess::Code, NOW.plus(WINDOW)));
}

//= req: LIMIT-2, type=test
#[test]
fn one_address_doesnt_lock_another_out() {
    let mut limiter = Limiter::new(Limits::default());
    passed(&mut limiter, "192.0.2.1", Guess::Code, 50);
    assert_eq!(passed(&mut limiter, "192.0.2.2", Guess::Code, 50), 10);
}

//= req: LIMIT-2, type=test
#[test]
fn an_ipv6_network_is_one_address() {
    assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff:ffff:ffff:ffff"));
    assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
    assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
    assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
    assert_ne!(key("::1"), key("127.0.0.1"));
}

//= req: LIMIT-3, type=test
#[test]
fn a_full_table_refuses_no_newcomer() {
    let mut limiter = Limiter::new(Limits { codes: 1, others: 1, capacity: 2 });
    for address in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
        assert!(charge(&mut limiter, address, Guess::Code, NOW), "{address}");
    }
    assert_eq!((limiter.len(), limiter.uncounted()), (2, 1));
}

//= req: LIMIT-3, type=test
#[test]
fn a_full_table_drops_no_live_counter() {
    let mut limiter = Limiter::new(Limits { capacity: 100, ..Limits::default() });
    passed(&mut limiter, "192.0.2.1", Guess::Code, 10);
    for other in 0..10_000_u32 {
        let address = format!("10.{}.{}.{}", other >> 16, (other >> 8) & 255, other & 255);
        charge(&mut limiter, &address, Guess::Code, NOW.plus(secs(30)));
    }
    assert!(!charge(&mut limiter, "192.0.2.1", Guess::Code, NOW.plus(secs(59))));
    assert_eq!(limiter.len(), 100);
}

#[test]
fn ended_counters_make_room() {
    let mut limiter = Limiter::new(Limits { capacity: 2, ..Limits::default() });
    assert!(limiter.is_empty());
    charge(&mut limiter, "192.0.2.1", Guess::Code, NOW);
    charge(&mut limiter, "192.0.2.2", Guess::Code, NOW.plus(secs(30)));
    charge(&mut limiter, "192.0.2.3", Guess::Code, NOW.plus(WINDOW));
    assert_eq!((limiter.len(), limiter.uncounted()), (2, 0));
    assert!(!limiter.is_empty());
}
