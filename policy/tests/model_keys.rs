//! The key ring against a plain model: a list of rotations with their times.
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

use common::{DAY, MASTER, NOW, claims, masters, secs};
use doorward_policy::Timestamp;
use doorward_policy::keys::{KeyRing, MasterKeys, PROPAGATION, Purpose};
use doorward_policy::session::Lifetimes;
use doorward_policy::token::{Claims, UntrustedToken, issue};
use proptest::prelude::*;

#[derive(Clone, Copy, Debug)]
enum Event {
    Rotate,
    Prune,
    Wait(u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        Just(Event::Rotate),
        Just(Event::Prune),
        prop_oneof![0..130_u64, 0..100 * 86_400_u64].prop_map(Event::Wait),
    ]
}

/// A token, and from and until when it must verify.
struct Issued {
    text: String,
    from: Timestamp,
    until: Timestamp,
}

fn issue_at(ring: &KeyRing, now: Timestamp) -> Issued {
    let start = now.floor_to_second();
    let until = start.plus(Lifetimes::CEILING);
    let claims = Claims { issued_at: start, expires_at: until, absolute_end: until, ..claims() };
    let token = issue(&claims, ring, now).unwrap();
    Issued { text: token.expose().to_owned(), from: start, until }
}

fn key_id(ring: &KeyRing, token: &Issued, now: Timestamp) -> Option<u8> {
    let untrusted = UntrustedToken::parse(token.text.as_bytes()).unwrap();
    untrusted.verify(ring, now).ok().map(|verified| verified.key_id())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    //= req: KEY-1, KEY-2, KEY-3, type=property
    #[test]
    fn no_token_is_orphaned_and_no_id_comes_back(events in prop::collection::vec(event(), 0..40)) {
        let mut masters = masters();
        let mut now = NOW;
        let mut rotations = vec![(1_u8, NOW.minus(DAY))];
        let mut issued = Vec::new();
        for event in events {
            match event {
                Event::Rotate => {
                    let id = masters.rotate(MASTER, now).unwrap();
                    prop_assert_eq!(id, rotations.last().unwrap().0 + 1);
                    rotations.push((id, now.plus(PROPAGATION)));
                }
                Event::Prune => masters.prune(now),
                Event::Wait(span) => now = now.plus(secs(span)),
            }
            let ring = masters.ring(Purpose::Session);
            let token = issue_at(&ring, now);
            let signer = rotations.iter().rev().find(|(_, from)| *from <= now).unwrap().0;
            prop_assert_eq!(key_id(&ring, &token, now), Some(signer));
            issued.push(token);
            // Whatever was pruned, no token that still lives has lost its key.
            for token in issued.iter().filter(|token| now < token.until) {
                prop_assert!(key_id(&ring, token, now).is_some());
            }
        }
    }

    //= req: KEY-1, KEY-5, type=property
    #[test]
    fn nothing_from_before_the_older_keys_were_dropped_verifies(
        before in prop::collection::vec(event(), 0..20),
        after in prop::collection::vec(event(), 0..20),
    ) {
        let mut masters = masters();
        let mut now = NOW;
        let step = |masters: &mut MasterKeys, now: &mut Timestamp, event| {
            match event {
                Event::Rotate => drop(masters.rotate(MASTER, *now).unwrap()),
                Event::Prune => masters.prune(*now),
                Event::Wait(span) => *now = now.plus(secs(span)),
            }
            issue_at(&masters.ring(Purpose::Session), *now)
        };
        let old: Vec<_> =
            before.into_iter().map(|event| step(&mut masters, &mut now, event)).collect();
        let highest = masters.last_id();
        prop_assert_eq!(masters.replace([0x77; 32], now), Ok(highest + 1));
        let fresh = issue_at(&masters.ring(Purpose::Session), now);
        prop_assert_eq!(key_id(&masters.ring(Purpose::Session), &fresh, now), Some(highest + 1));
        for event in after {
            step(&mut masters, &mut now, event);
            let ring = masters.ring(Purpose::Session);
            prop_assert!(old.iter().all(|token| key_id(&ring, token, token.from).is_none()));
        }
    }

    //= req: KEY-3, type=property
    #[test]
    fn a_pruned_ring_holds_only_keys_that_a_token_may_need(
        waits in prop::collection::vec(0..60 * 86_400_u64, 1..20),
    ) {
        let mut masters = masters();
        let mut now = NOW;
        for wait in waits {
            now = now.plus(secs(wait));
            masters.rotate(MASTER, now).unwrap();
            masters.prune(now);
            let kept = masters.masters();
            for pair in kept.windows(2) {
                let last_token = pair[1].signs_from.plus(Lifetimes::CEILING);
                prop_assert!(now < last_token);
            }
        }
    }
}
