//! The golden vectors: what any implementation of the formats must accept and refuse.
//!
//! `UPDATE_VECTORS=1 cargo test -p doorward-policy --test vectors` writes them anew.
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

#[path = "common/golden.rs"]
mod golden;

#[path = "common/vectors.rs"]
mod vectors;

use doorward_policy::Timestamp;
use doorward_policy::encoding::{decode_hex, hex};
use doorward_policy::grant::{GrantSecret, Nonce};
use doorward_policy::id::Issuer;
use doorward_policy::keys::{Digester, KeyRing, Master, MasterKeys, Purpose};
use doorward_policy::secret::Secret;
use doorward_policy::token::{TokenError, UntrustedToken, issue};
use serde_json::{Value, json};

use golden::{check_current, list, read, text};

const FILE: &str = "session-token-v1.json";

fn bytes<const N: usize>(value: &Value, key: &str) -> [u8; N] {
    decode_hex(text(value, key)).expect("hexadecimal")
}

/// The installation whose keys the file holds.
fn installation(file: &Value) -> MasterKeys {
    let masters = list(file, "masters").iter().map(|master| Master {
        id: master["key_id"].as_u64().unwrap().try_into().unwrap(),
        secret: Secret::new(bytes(master, "master_secret")),
        signs_from: Timestamp::EPOCH,
    });
    let issuer = Issuer::new(bytes(file, "issuer"));
    let masters: Vec<Master> = masters.collect();
    let last = masters.last().unwrap().id;
    MasterKeys::restore(issuer, Secret::new(bytes(file, "pepper")), last, masters).unwrap()
}

fn judge(token: &str, ring: &KeyRing, now: Timestamp) -> (&'static str, Option<Value>) {
    let verified = UntrustedToken::parse(token.as_bytes()).and_then(|one| one.verify(ring, now));
    match verified {
        Ok(verified) => ("accept", Some(vectors::claims_of(&verified))),
        Err(TokenError::Malformed) => ("malformed", None),
        Err(TokenError::UnknownKey) => ("unknown_key", None),
        Err(TokenError::BadTag) => ("bad_tag", None),
        Err(TokenError::BadRecord) => ("bad_record", None),
        Err(TokenError::NotYetValid) => ("not_yet_valid", None),
        Err(TokenError::Expired(..)) => ("expired", None),
    }
}

#[test]
fn the_file_is_what_would_be_written_now() {
    check_current(FILE, &vectors::generate());
}

//= req: TOKEN-1, TOKEN-2, TOKEN-3, TOKEN-5, TOKEN-7, TOKEN-8, type=test
#[test]
fn every_token_meets_its_result() {
    let file = read(FILE);
    let ring = installation(&file).ring(Purpose::Session);
    for vector in list(&file, "tokens") {
        let now = Timestamp::from_millis(vector["now_ms"].as_u64().unwrap());
        let (result, claims) = judge(text(vector, "token"), &ring, now);
        assert_eq!(result, text(vector, "result"), "{}", text(vector, "name"));
        assert_eq!(claims.unwrap_or_default(), vector["claims"], "{}", text(vector, "name"));
    }
}

#[test]
fn every_accepted_token_is_the_one_that_its_claims_give() {
    let file = read(FILE);
    let mut seen = 0;
    for vector in list(&file, "tokens").iter().filter(|one| one["result"] == "accept") {
        let key_id = vector["claims"]["key_id"].as_u64().unwrap();
        let masters = installation(&file);
        let ring = masters.ring(Purpose::Session);
        let token = UntrustedToken::parse(text(vector, "token").as_bytes()).unwrap();
        let now = Timestamp::from_millis(vector["now_ms"].as_u64().unwrap());
        let claims = *token.verify(&ring, now).unwrap().claims();
        // The newest key signs: only that one's tokens can be made again.
        if key_id == u64::from(masters.last_id()) {
            assert_eq!(issue(&claims, &ring, now).unwrap().expose(), text(vector, "token"));
            seen += 1;
        }
    }
    assert!(seen > 0);
}

#[test]
fn derived_keys_are_those_that_sign() {
    let file = read(FILE);
    for key in list(&file, "derived_keys") {
        let masters = list(&file, "masters");
        let master = masters.iter().find(|one| one["key_id"] == key["key_id"]).unwrap();
        let derived = common::record::derived_key(
            &bytes(master, "master_secret"),
            &bytes(&file, "issuer"),
            text(key, "info"),
        );
        assert_eq!(hex(&derived), text(key, "key"));
    }
}

fn read_grant(text: &str, digester: &Digester) -> Value {
    let secret = GrantSecret::parse(text);
    let kind = secret.as_ref().map(|one| if one.is_code() { "code" } else { "link" });
    let digest = secret.map(|one| hex(one.digest(digester).as_bytes()));
    json!({ "text": text, "kind": kind, "digest": digest })
}

//= req: GRANT-10, GRANT-12, type=test
#[test]
fn grants_are_made_and_digested_as_written() {
    let file = read(FILE);
    let digester = installation(&file).digester();
    for vector in list(&file, "made_grants") {
        let secret = match text(vector, "kind") {
            "link" => GrantSecret::link(bytes(vector, "entropy")),
            _ => GrantSecret::code(bytes(vector, "entropy")),
        };
        assert_eq!(*secret.expose(), text(vector, "text"));
        assert_eq!(hex(secret.digest(&digester).as_bytes()), text(vector, "digest"));
    }
}

#[test]
fn presented_grants_are_read_as_written() {
    let file = read(FILE);
    let digester = installation(&file).digester();
    for vector in list(&file, "presented_grants") {
        assert_eq!(read_grant(text(vector, "text"), &digester), *vector);
    }
}

//= req: GRANT-6, type=test
#[test]
fn nonces_are_read_as_written() {
    let file = read(FILE);
    let digester = installation(&file).digester();
    for vector in list(&file, "nonces") {
        let nonce = Nonce::parse(text(vector, "text"), &digester);
        let digest = nonce.map(|one| Value::from(hex(one.digest().as_bytes())));
        assert_eq!(digest.unwrap_or_default(), vector["digest"], "{}", text(vector, "text"));
    }
}
