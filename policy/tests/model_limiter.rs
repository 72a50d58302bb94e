//! The limiter against a naive one that keeps every charge for ever.
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

use common::{NOW, millis};
use doorward_policy::Timestamp;
use doorward_policy::limiter::{Charge, Guess, LimitKey, Limited, Limiter, Limits, WINDOW};
use proptest::prelude::*;

const LIMITS: Limits = Limits { codes: 3, others: 5, capacity: 4 };

/// Everything that was ever charged and let through, with the start of the minute it fell into.
#[derive(Default)]
struct Naive {
    charges: Vec<(LimitKey, Guess, Timestamp)>,
    minutes: Vec<(LimitKey, Timestamp)>,
}

impl Naive {
    fn minute(&self, key: LimitKey, now: Timestamp) -> Option<Timestamp> {
        let live = |(_, start): &&(LimitKey, Timestamp)| now < start.plus(WINDOW);
        self.minutes.iter().filter(|(one, _)| *one == key).find(live).map(|(_, start)| *start)
    }

    fn live(&self, now: Timestamp) -> usize {
        self.minutes.iter().filter(|(_, start)| now < start.plus(WINDOW)).count()
    }

    fn charge(&mut self, key: LimitKey, guess: Guess, now: Timestamp) -> Result<(), Limited> {
        let start = match self.minute(key, now) {
            Some(start) => start,
            None if self.live(now) >= LIMITS.capacity => return Ok(()),
            None => {
                self.minutes.push((key, now));
                now
            }
        };
        let so_far = self.charges.iter().filter(|charge| **charge == (key, guess, start)).count();
        let most = if guess == Guess::Code { LIMITS.codes } else { LIMITS.others };
        if so_far >= most as usize {
            return Err(Limited { until: start.plus(WINDOW) });
        }
        self.charges.push((key, guess, start));
        Ok(())
    }
}

fn steps() -> impl Strategy<Value = Vec<(u8, Guess, u64)>> {
    let guess = prop_oneof![Just(Guess::Code), Just(Guess::Other)];
    let wait =
        prop_oneof![4 => Just(0_u64), 2 => 0..20_000_u64, 1 => Just(59_999), 1 => Just(60_000)];
    prop::collection::vec((0..7_u8, guess, wait), 0..200)
}

const fn key(address: u8) -> LimitKey {
    LimitKey::V4([192, 0, 2, address])
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    //= req: LIMIT-1, LIMIT-3, type=model
    #[test]
    fn limiter_says_what_a_naive_one_says(steps in steps()) {
        let (mut limiter, mut naive) = (Limiter::new(LIMITS), Naive::default());
        let mut now = NOW;
        for (address, guess, wait) in steps {
            now = now.plus(millis(wait));
            let expected = naive.charge(key(address), guess, now);
            prop_assert_eq!(limiter.charge(key(address), guess, now), expected);
            prop_assert_eq!(limiter.len(), naive.live(now));
        }
    }

    //= req: LIMIT-3, type=property
    #[test]
    fn no_flood_of_others_gives_a_counted_address_another_guess(
        flood in prop::collection::vec((1..255_u8, 0..500_u64), 0..100),
    ) {
        let mut limiter = Limiter::new(LIMITS);
        for _ in 0..LIMITS.codes {
            prop_assert!(limiter.charge(key(0), Guess::Code, NOW).is_ok());
        }
        let mut now = NOW;
        for (address, wait) in flood {
            now = now.plus(millis(wait));
            let _whatever = limiter.charge(key(address), Guess::Code, now);
        }
        prop_assert!(limiter.charge(key(0), Guess::Code, now).is_err());
    }
}
