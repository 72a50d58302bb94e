//! Leaks, each of a kind that somebody might write: a run that misses one proves nothing.

use std::collections::BTreeMap;
use std::hint::black_box;

use doorward_policy::keys::{Digest, MasterKeys, Purpose};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::Named;
use crate::checks::{EPOCH, claims, token_under};
use crate::marks::secret;

pub(crate) const ALL: &[Named] = &[
    ("a comparison that ends at the first difference", early_exit),
    ("a comparison of slices by ==", compared_as_slices),
    ("a comparison of arrays by ==", compared_as_arrays),
    ("half of a tag, compared as the beginning of the other", tag_by_prefix),
    ("a whole token under a secret key, compared as a text", token_as_text),
    ("a digest as the key of an ordered map", ordered_map),
    ("a jump on a byte of a key", jump),
    ("a table looked up by a byte of a key", table),
];

/// Does one thing or another, as whoever compares means to.
#[inline(never)]
fn act_on(verdict: bool) {
    if verdict {
        black_box(vec![0; 8]);
    }
}

fn early_exit() {
    let (one, two) = (secret([7; 32]), black_box([7; 32]));
    act_on(one.iter().zip(&two).all(|(one, two)| one == two));
}

fn compared_as_slices() {
    let (one, two) = (secret([7; 32]), black_box(vec![7; 32]));
    act_on(one[..] == two[..]);
}

/// The compiler makes one comparison of it, which takes the same time today, on this processor.
fn compared_as_arrays() {
    act_on(secret([7; 32]) == black_box([7; 32]));
}

fn tag_by_prefix() {
    let mac = Hmac::<Sha256>::new_from_slice(&secret([3; 32])).expect("any length is a key");
    let tag = mac.chain_update(b"a record").finalize().into_bytes();
    act_on(tag.starts_with(&black_box([9; 16])));
}

fn token_as_text() {
    let keys = MasterKeys::generate([1; 16], [2; 32], secret([3; 32]), EPOCH);
    let ring = keys.ring(Purpose::Session);
    let issued = doorward_policy::token::issue(&claims(), &ring, EPOCH).expect("it signs");
    act_on(issued.expose() == token_under([4; 32]));
}

/// What `Digest` may do once it is public, and a secret may not.
fn ordered_map() {
    let keep = |seed| (Digest::from_bytes(secret([seed; 32])), seed);
    black_box(BTreeMap::from([keep(3), keep(2), keep(4)]));
}

fn jump() {
    act_on(secret([3; 32])[0] & 1 == 1);
}

fn table() {
    let table = black_box([5; 256]);
    black_box(table[usize::from(secret([3; 32])[7])]);
}
