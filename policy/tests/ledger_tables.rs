//! The packed tables: what goes in comes out exactly, places and labels are given back, and a
//! thousand records with one deadline are as good as any.
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

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use common::{DAY, NOW, attempt, grant, millis, secs, subject};
use doorward_policy::Timestamp;
use doorward_policy::capability::Capabilities;
use doorward_policy::grant::{Consumed, Counter, GrantRecord, Nonce, REPEAT_WINDOW};
use doorward_policy::id::{GrantId, SessionId};
use doorward_policy::keys::Digest;
use doorward_policy::ledger::{Grants, NotKept, Selector, Sessions};
use doorward_policy::session::SessionRecord;
use doorward_policy::subject::Subject;
use doorward_policy::token::Method;
use doorward_policy::workspace::Directory;
use proptest::prelude::*;

const ANY: usize = usize::MAX;

fn edges() -> impl Strategy<Value = u64> {
    let edge = prop::sample::select(vec![
        0,
        1,
        999,
        1000,
        u64::from(u32::MAX),
        1 << 32,
        u64::from(u32::MAX) * 1000,
        u64::from(u32::MAX) * 1000 + 1000,
        (1 << 47) - 1,
        1 << 47,
        (1 << 54) - 1,
        1 << 54,
        u64::MAX - 60_000,
        u64::MAX,
    ]);
    prop_oneof![edge, any::<u64>(), 0..4_000_000_000_000_u64]
}

fn time() -> impl Strategy<Value = Timestamp> {
    let whole = any::<u32>().prop_map(Timestamp::from_secs);
    prop_oneof![whole, edges().prop_map(Timestamp::from_millis)]
}

fn method() -> impl Strategy<Value = Method> {
    prop::sample::select(vec![Method::Link, Method::Code, Method::Desktop])
}

fn label() -> impl Strategy<Value = Subject> {
    let texts = vec!["a".to_owned(), "ada's laptop".to_owned(), "é".repeat(32), "x".repeat(64)];
    prop::sample::select(texts).prop_map(|text| subject(&text))
}

fn consumed() -> impl Strategy<Value = Consumed> {
    (any::<[u8; 32]>(), any::<[u8; 16]>(), time()).prop_map(|(nonce, session, at)| Consumed {
        nonce: Nonce::from_digest(Digest::from_bytes(nonce)),
        counter: Counter::Hello,
        session: SessionId::new(session),
        at,
    })
}

prop_compose! {
    fn any_grant()(
        id in any::<[u8; 16]>(),
        label in label(),
        bits in 0..16_u16,
        method in method(),
        created_at in time(),
        expires_at in time(),
        uses_left in prop_oneof![0..2000_u32, 1020..1030_u32, Just(u32::MAX)],
        revoked_at in prop::option::weighted(0.2, time()),
        consumed in prop_oneof![4 => Just(Vec::new()), 1 => prop::collection::vec(consumed(), 1..3)],
    ) -> GrantRecord {
        let capabilities = Capabilities::from_bits(bits).unwrap();
        let id = GrantId::new(id);
        GrantRecord {
            id, label, capabilities, method, created_at, expires_at, uses_left, revoked_at, consumed,
        }
    }
}

prop_compose! {
    fn any_session()(
        (id, grant) in any::<([u8; 16], [u8; 16])>(),
        subject in label(),
        bits in 0..16_u16,
        method in method(),
        opened_from in any::<Option<IpAddr>>(),
        (created_at, expires_at, absolute_end) in (time(), time(), time()),
        revoked_at in prop::option::of(time()),
    ) -> SessionRecord {
        SessionRecord {
            id: SessionId::new(id), subject, capabilities: Capabilities::from_bits(bits).unwrap(),
            method, grant: GrantId::new(grant), opened_from, created_at, expires_at, absolute_end,
            revoked_at,
        }
    }
}

/// With what prints as nothing.
fn spelled(grant: &GrantRecord) -> String {
    let nonces = grant.consumed.iter().map(|one| one.nonce.digest().as_bytes());
    format!("{grant:?} {:?}", nonces.collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_grant_comes_out_as_it_went_in(
        records in prop::collection::btree_map(any::<[u8; 32]>(), any_grant(), 1..40),
        seed in any::<[u8; 8]>(),
    ) {
        let mut grants = Grants::new(seed);
        prop_assert!(grants.is_empty());
        for (digest, record) in &records {
            grants.insert(Digest::from_bytes(*digest), record.clone(), ANY).unwrap();
        }
        for (digest, record) in &records {
            let digest = Digest::from_bytes(*digest);
            prop_assert_eq!(spelled(&grants.get(&digest).unwrap()), spelled(record));
            prop_assert_eq!(grants.insert(digest, record.clone(), ANY), Err(NotKept::Exists));
        }
        let mut seen: Vec<_> = grants.iter().map(|one| spelled(&one)).collect();
        let mut expected: Vec<_> = records.values().map(spelled).collect();
        seen.sort();
        expected.sort();
        prop_assert_eq!(seen, expected);
        prop_assert_eq!((grants.len(), grants.is_empty()), (records.len(), false));
        while grants.expire(Timestamp::from_millis(u64::MAX), 7) > 0 {}
        prop_assert_eq!((grants.len(), grants.labels(), grants.iter().count()), (0, 0, 0));
    }

    #[test]
    fn a_session_comes_out_as_it_went_in_and_as_it_was_changed(
        records in prop::collection::vec(any_session(), 1..40),
        seed in any::<[u8; 8]>(),
        now in time(),
        until in time(),
        left in 0..16_u16,
    ) {
        let left = Capabilities::from_bits(left).unwrap();
        let mut model: BTreeMap<_, _> = records.iter().map(|one| (one.id, *one)).collect();
        let mut sessions = Sessions::new(seed);
        prop_assert!(sessions.is_empty());
        for record in model.values() {
            sessions.insert(record, ANY).unwrap();
        }
        let subjects: BTreeSet<_> = model.values().map(|one| one.subject).collect();
        prop_assert_eq!((sessions.labels(), sessions.is_empty()), (subjects.len(), false));
        for step in 0..3 {
            for record in model.values() {
                prop_assert_eq!(sessions.get(record.id), Some(*record));
            }
            for record in model.values_mut() {
                match step {
                    0 => {
                        let open = record.revoked_at.is_none();
                        prop_assert_eq!(sessions.extend(record.id, until), open);
                        if open { record.extend(until) }
                    }
                    1 if record.is_live(now) => {
                        record.limit(left);
                        sessions.limit(&Selector::Session(record.id), left, now);
                    }
                    2 if record.is_live(now) => {
                        record.revoke(now);
                        sessions.revoke(&Selector::Session(record.id), now);
                    }
                    _ => {}
                }
            }
        }
        let mut seen: Vec<_> = sessions.iter().collect();
        seen.sort_by_key(|one| one.id);
        prop_assert_eq!(seen, model.into_values().collect::<Vec<_>>());
    }
}

fn digest(number: u32) -> Digest {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&number.wrapping_mul(0x9e37_79b1).to_le_bytes());
    Digest::from_bytes(bytes)
}

fn labelled(number: u32, life: u64) -> GrantRecord {
    GrantRecord { label: subject(&format!("laptop {number}")), ..grant(1, secs(life)) }
}

/// Three rounds of the same places, of which some remember a redemption for a while.
#[test]
fn places_and_labels_are_given_back_and_taken_again() {
    let mut grants = Grants::new([7; 8]);
    let directory = Directory::default();
    for round in 0..3_u32 {
        let start = NOW.plus(DAY * round);
        for number in 0..3000 {
            let mut record = labelled(number, 100);
            record.expires_at = start.plus(secs(100 + u64::from(number / 1500)));
            grants.insert(digest(number), record, ANY).unwrap();
        }
        assert_eq!((grants.len(), grants.labels()), (3000, 3000));
        for number in (0..3000).step_by(3) {
            let seed = (number % 256) as u8;
            grants.redeem(&digest(number), &attempt(seed, seed), &directory, start).unwrap();
        }
        assert_eq!(grants.expire(start.plus(REPEAT_WINDOW), 5000), 0);
        let spent = grants.iter().filter(|one| one.uses_left == 0).collect::<Vec<_>>();
        assert_eq!(spent.len(), 1000);
        assert!(spent.iter().all(|one| one.consumed.is_empty()), "nothing is left to repeat");
        assert_eq!(grants.expire(start.plus(secs(160)), 700), 700);
        assert_eq!(grants.expire(start.plus(secs(160)), 5000), 800, "and not those a second later");
        assert_eq!((grants.len(), grants.labels()), (1500, 1500));
        assert_eq!(grants.expire(start.plus(secs(161)), 5000), 1500);
        assert_eq!((grants.len(), grants.labels()), (0, 0));
    }
}

#[test]
fn a_grant_keeps_a_redemption_for_as_long_as_it_can_be_repeated() {
    let mut grants = Grants::new([7; 8]);
    let directory = Directory::default();
    grants.insert(digest(1), grant(3, DAY), ANY).unwrap();
    let redeem = |grants: &mut Grants, seed, now| {
        grants.redeem(&digest(1), &attempt(seed, seed), &directory, now).unwrap()
    };
    redeem(&mut grants, 1, NOW);
    let later = NOW.plus(secs(40));
    redeem(&mut grants, 2, later);
    let kept = |grants: &mut Grants, now| {
        grants.expire(now, 10);
        grants.get(&digest(1)).unwrap().consumed.len()
    };
    assert_eq!(kept(&mut grants, NOW.plus(REPEAT_WINDOW).minus(millis(1))), 2);
    assert_eq!(kept(&mut grants, NOW.plus(REPEAT_WINDOW)), 1);
    assert_eq!(kept(&mut grants, later.plus(REPEAT_WINDOW).minus(millis(1))), 1);
    assert_eq!(kept(&mut grants, later.plus(REPEAT_WINDOW)), 0);
    assert!(grants.revoke(GrantId::new([0x6a; 16]), NOW));
    assert_eq!(grants.get(&digest(1)).unwrap().revoked_at, Some(NOW));
    assert_eq!(grants.get(&digest(1)).unwrap().uses_left, 1);
}

/// A place of the grant before that waits in the queue may not be taken for the one of the grant that has come after, for
/// whose secret another's session would be given out then.
#[test]
fn a_grant_that_was_forgotten_leaves_nothing_to_the_one_in_its_place() {
    let mut grants = Grants::new([7; 8]);
    let directory = Directory::default();
    grants.insert(digest(1), grant(3, secs(10)), ANY).unwrap();
    for seed in [1, 2, 3] {
        let late = NOW.plus(secs(9));
        grants.redeem(&digest(1), &attempt(seed, seed), &directory, late).unwrap();
    }
    // The grant and one of its redemptions: two are left in the queue.
    assert_eq!(grants.expire(NOW.plus(secs(70)), 1), 1);
    grants.insert(digest(2), grant(2, DAY), ANY).unwrap();
    grants.redeem(&digest(2), &attempt(4, 4), &directory, NOW.plus(secs(70))).unwrap();
    for budget in [1, 10] {
        grants.expire(NOW.plus(secs(71)), budget);
        let consumed = grants.get(&digest(2)).unwrap().consumed;
        let sessions: Vec<_> = consumed.iter().map(|past| past.session).collect();
        assert_eq!(sessions, [attempt(4, 4).session]);
    }
    assert!(grants.get(&digest(1)).is_none());
    assert_eq!(grants.labels(), 1);
}
