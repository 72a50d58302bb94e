//! Rotation: a new key verifies at once and signs later; an old one verifies until it is pruned.
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

use common::{DAY, ISSUER, NOW, claims, masters, millis, secs};
use doorward_policy::Timestamp;
use doorward_policy::id::Issuer;
use doorward_policy::keys::{KeyMaterialError, Master, MasterKeys, PROPAGATION, Purpose};
use doorward_policy::secret::Secret;
use doorward_policy::session::Lifetimes;
use doorward_policy::token::{self, UntrustedToken};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

fn signing_id(masters: &MasterKeys, now: Timestamp) -> u8 {
    let ring = masters.ring(Purpose::Session);
    let token = token::issue(&claims(), &ring, now).unwrap();
    let verified = UntrustedToken::parse(token.expose().as_bytes()).unwrap().verify(&ring, NOW);
    verified.expect("what is signed verifies at once").key_id()
}

fn signed_by_newest(masters: &MasterKeys) -> String {
    let ring = masters.ring(Purpose::Session);
    token::issue(&claims(), &ring, NOW.plus(DAY)).unwrap().expose().to_owned()
}

fn verifies(masters: &MasterKeys, text: &str) -> bool {
    let ring = masters.ring(Purpose::Session);
    UntrustedToken::parse(text.as_bytes()).unwrap().verify(&ring, NOW).is_ok()
}

//= req: KEY-2, type=test
#[test]
fn a_new_key_verifies_at_once() {
    let mut masters = masters();
    masters.rotate([0x44; 32], NOW).unwrap();
    // Another process that already signs with it.
    assert!(verifies(&masters, &signed_by_newest(&masters)));
}

//= req: KEY-2, type=test
#[test]
fn a_new_key_signs_once_everybody_has_read_it() {
    let mut masters = masters();
    masters.rotate([0x44; 32], NOW).unwrap();
    assert_eq!(signing_id(&masters, NOW), 1);
    assert_eq!(signing_id(&masters, NOW.plus(PROPAGATION).minus(millis(1))), 1);
    assert_eq!(signing_id(&masters, NOW.plus(PROPAGATION)), 2);
}

#[test]
fn a_clock_before_the_first_key_signs_with_the_first_key() {
    assert_eq!(signing_id(&masters(), NOW.minus(2 * DAY)), 1);
}

//= req: KEY-3, type=test
#[test]
fn an_old_key_verifies_until_no_token_under_it_can_live() {
    let mut masters = masters();
    let old = signed_by_newest(&masters);
    masters.rotate([0x44; 32], NOW).unwrap();
    let signs_from = NOW.plus(PROPAGATION);
    masters.prune(signs_from.plus(Lifetimes::CEILING).minus(millis(1)));
    assert!(verifies(&masters, &old));
    masters.prune(signs_from.plus(Lifetimes::CEILING));
    assert!(!verifies(&masters, &old));
    assert_eq!(masters.masters().len(), 1);
}

//= req: KEY-5, type=test
#[test]
fn once_the_older_keys_are_dropped_nothing_under_them_verifies() {
    let mut masters = masters();
    masters.rotate([0x44; 32], NOW.minus(DAY)).unwrap();
    let old = signed_by_newest(&masters);
    assert_eq!(masters.replace([0x55; 32], NOW), Ok(3));
    assert!(!verifies(&masters, &old));
    assert_eq!(masters.masters().iter().map(|master| master.id).collect::<Vec<_>>(), [3]);
    assert_eq!(signing_id(&masters, NOW), 3);
    assert!(verifies(&masters, &signed_by_newest(&masters)));
}

#[test]
fn the_newest_key_is_never_pruned() {
    let mut masters = masters();
    masters.prune(Timestamp::from_millis(u64::MAX));
    assert_eq!(masters.masters().len(), 1);
    masters.rotate([0x44; 32], NOW).unwrap();
    masters.rotate([0x55; 32], NOW.plus(secs(1))).unwrap();
    masters.prune(Timestamp::from_millis(u64::MAX));
    assert_eq!(masters.masters().iter().map(|master| master.id).collect::<Vec<_>>(), [3]);
}

//= req: KEY-1, type=test
#[test]
fn ids_are_never_used_twice_and_end_at_255() {
    let mut masters = masters();
    for id in 2..=255 {
        masters.prune(Timestamp::from_millis(u64::MAX));
        assert_eq!(masters.rotate([id; 32], NOW), Ok(id));
    }
    let before = masters.masters().len();
    assert_eq!(masters.rotate([0; 32], NOW), Err(KeyMaterialError::Exhausted));
    assert_eq!((masters.masters().len(), masters.last_id()), (before, 255));
    masters.prune(Timestamp::from_millis(u64::MAX));
    assert_eq!(masters.rotate([0; 32], NOW), Err(KeyMaterialError::Exhausted));
}

//= req: KEY-4, type=test
#[test]
fn restored_ids_ascend_from_one_to_the_last() {
    let restore = |last_id, ids: &[u8]| {
        let master = |id: &u8| Master { id: *id, secret: Secret::new([*id; 32]), signs_from: NOW };
        let masters = ids.iter().map(master).collect();
        MasterKeys::restore(Issuer::new(ISSUER), Secret::new([0; 32]), last_id, masters).err()
    };
    assert_eq!(restore(1, &[1]), None);
    assert_eq!(restore(9, &[3, 7]), None);
    assert_eq!(restore(1, &[]), Some(KeyMaterialError::Empty));
    for (last_id, ids) in [(2, &[1, 1][..]), (2, &[2, 1]), (1, &[2]), (1, &[0]), (0, &[0])] {
        assert_eq!(restore(last_id, ids), Some(KeyMaterialError::Ids), "{last_id} {ids:?}");
    }
}

#[test]
fn what_is_restored_goes_on_counting() {
    let original = masters();
    let copy = original.masters().iter().map(|master| Master {
        id: master.id,
        secret: Secret::new(*master.secret.expose()),
        signs_from: master.signs_from,
    });
    let pepper = Secret::new(*original.pepper().expose());
    let mut restored = MasterKeys::restore(original.issuer(), pepper, 41, copy.collect()).unwrap();
    assert!(verifies(&restored, &signed_by_newest(&original)));
    assert_eq!(original.digester().digest(b"x"), restored.digester().digest(b"x"));
    assert_eq!(restored.rotate([0; 32], NOW), Ok(42));
}

#[test]
fn an_endpoint_has_the_same_secrets_at_every_start_and_shares_them_with_no_other() {
    let exposed = |keys: &MasterKeys, address: &str| {
        let secrets = keys.endpoint(address);
        let [reset, ids] = [secrets.reset, secrets.connection_ids].map(|one| one.tag(b"x"));
        let tokens = Hmac::<Sha256>::new_from_slice(secrets.address_tokens.expose()).unwrap();
        let tokens = tokens.chain_update(b"x").finalize().into_bytes();
        [reset, tokens.into(), ids]
    };
    let mut keys = common::masters();
    let first = exposed(&keys, "127.0.0.1:8766");
    keys.rotate([0x44; 32], NOW).expect("an id is left");
    assert_eq!(exposed(&keys, "127.0.0.1:8766"), first, "a rotation changes nothing");
    let other = exposed(&keys, "127.0.0.1:8767");
    let mut all: Vec<_> = first.iter().chain(&other).collect();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 6, "no two are alike");
}

/// What other versions find in ids that they made: RFC 5869 and RFC 2104, as other crates have them.
#[test]
fn an_endpoint_makes_the_same_tags_in_every_version() {
    let secret = |info: &str| {
        let mut secret = [0; 32];
        let hkdf = Hkdf::<Sha256>::new(Some(&ISSUER), &common::PEPPER);
        hkdf.expand(format!("doorward/v1/{info}/[::1]:8765").as_bytes(), &mut secret).unwrap();
        secret
    };
    let tag = |info: &str| -> [u8; 32] {
        let mac = Hmac::<Sha256>::new_from_slice(&secret(info)).unwrap();
        mac.chain_update(b"8 random").finalize().into_bytes().into()
    };
    let endpoint = masters().endpoint("[::1]:8765");
    assert_eq!(endpoint.connection_ids.tag(b"8 random"), tag("quic-connection-id"));
    assert_eq!(endpoint.reset.tag(b"8 random"), tag("quic-reset"));
    assert_eq!(*endpoint.address_tokens.expose(), secret("quic-token"));
}

//= req: SECRET-2, type=test
#[test]
fn a_tag_is_that_of_its_key_and_message_in_every_bit_and_begins_as_the_whole_mac() {
    let [key, other] = ["127.0.0.1:8766", "127.0.0.1:8767"]
        .map(|address| common::masters().endpoint(address).connection_ids);
    let (whole, short): ([u8; 32], [u8; 8]) = (key.tag(b"x"), key.tag(b"x"));
    assert_eq!(whole[..8], short);
    assert!(key.verify(b"x", &whole) && key.verify(b"x", &short));
    assert!(!key.verify(b"y", &short) && !other.verify(b"x", &short));
    for bit in 0..64 {
        let mut forged = short;
        forged[bit / 8] ^= 1 << (bit % 8);
        assert!(!key.verify(b"x", &forged), "bit {bit}");
    }
    for byte in 0..32 {
        let mut forged = whole;
        forged[byte] ^= 1;
        assert!(!key.verify(b"x", &forged), "byte {byte}");
    }
}

//= req: KEY-1, type=test
#[test]
fn without_an_id_left_nothing_is_replaced() {
    let mut masters = masters();
    for id in 2..=255 {
        masters.rotate([id; 32], NOW).unwrap();
    }
    let signed = signed_by_newest(&masters);
    assert_eq!(masters.replace([0; 32], NOW), Err(KeyMaterialError::Exhausted));
    assert_eq!(masters.masters().len(), 255);
    assert!(verifies(&masters, &signed));
}
