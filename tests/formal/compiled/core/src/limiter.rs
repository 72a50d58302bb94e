//! The limiter: one counter, and whom it counts.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use doorward_policy::limiter::{Counter, Guess, LimitKey, Limits};

use crate::answers::say;
use crate::time::at;

fn guess(code: u32) -> Guess {
    if code != 0 { Guess::Code } else { Guess::Other }
}

/// Whether a charge passes. Says the counter then: codes, the rest, its start; and when to come
/// back, if it did not pass.
#[unsafe(no_mangle)]
extern "C" fn limiter_charge(
    start: u64,
    codes: u32,
    others: u32,
    code: u32,
    most_codes: u32,
    most_others: u32,
) -> u32 {
    let mut counter = Counter { start: at(start), codes, others };
    let limits = Limits { codes: most_codes, others: most_others, capacity: 1 };
    let charged = counter.charge(guess(code), &limits);
    let until = charged.map_or_else(|limited| limited.until.as_millis(), |()| 0);
    say([counter.codes.into(), counter.others.into(), counter.start.as_millis(), until]);
    charged.is_ok().into()
}

#[unsafe(no_mangle)]
extern "C" fn limiter_end(start: u64) -> u64 {
    Counter::new(at(start)).end().as_millis()
}

/// Which 0: the family that is counted, 4 or 6; 1: the number.
fn key(which: u32, address: IpAddr) -> u64 {
    match (which, LimitKey::from(address)) {
        (0, LimitKey::V4(_)) => 4,
        (0, LimitKey::V6(_)) => 6,
        (_, LimitKey::V4(octets)) => u32::from_be_bytes(octets).into(),
        (_, LimitKey::V6(upper)) => upper,
    }
}

#[unsafe(no_mangle)]
extern "C" fn limit_key_v4(which: u32, address: u32) -> u64 {
    key(which, Ipv4Addr::from_bits(address).into())
}

#[unsafe(no_mangle)]
extern "C" fn limit_key_v6(which: u32, upper: u64, lower: u64) -> u64 {
    key(which, Ipv6Addr::from_bits(u128::from(upper) << 64 | u128::from(lower)).into())
}
