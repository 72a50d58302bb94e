//! What no verification can do without: HMAC-SHA256 from saved midstates, and nothing else.
//!
//! The states after the key's two blocks are kept, so that a record of up to 55 bytes costs two
//! compressions. Padding is written by hand and the tag compared as it comes, without a type, a
//! buffer or a constant-time comparison in between. For measuring alone: nothing here is secret.

use sha2::block_api::compress256;

const BLOCK: usize = 64;
/// The most bytes that one block holds beside the padding's first byte and the length.
const ONE_BLOCK: usize = BLOCK - 9;
const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// A key, as SHA-256's states after its inner and its outer block (RFC 2104).
#[derive(Clone, Copy, Debug)]
pub struct Midstates {
    inner: [u32; 8],
    outer: [u32; 8],
}

impl Midstates {
    /// Of this key.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self { inner: after(key, 0x36), outer: after(key, 0x5c) }
    }

    /// The tag of a record of at most 119 bytes (two blocks).
    #[must_use]
    #[inline]
    pub fn tag(&self, record: &[u8]) -> [u8; 32] {
        let mut state = self.inner;
        if record.len() <= ONE_BLOCK {
            compress256(&mut state, &[padded::<BLOCK>(record)]);
        } else {
            let both = padded::<{ 2 * BLOCK }>(record);
            let (blocks, _) = both.as_chunks::<BLOCK>();
            compress256(&mut state, blocks);
        }
        let inner = bytes(&state);
        state = self.outer;
        compress256(&mut state, &[padded::<BLOCK>(&inner)]);
        bytes(&state)
    }

    /// Whether the tag is the record's.
    #[must_use]
    #[inline]
    pub fn verify(&self, record: &[u8], tag: &[u8; 32]) -> bool {
        self.tag(record) == *tag
    }
}

fn after(key: &[u8; 32], pad: u8) -> [u32; 8] {
    let mut block = [pad; BLOCK];
    for (to, from) in block.iter_mut().zip(key) {
        *to ^= from;
    }
    let mut state = INITIAL;
    compress256(&mut state, &[block]);
    state
}

/// The end of a message that had one block before: `0x80`, zeros, and its length in bits
/// (FIPS 180-4, section 5.1.1).
fn padded<const N: usize>(end: &[u8]) -> [u8; N] {
    let mut padded = [0; N];
    padded[..end.len()].copy_from_slice(end);
    padded[end.len()] = 0x80;
    let bits = 8 * (BLOCK + end.len()) as u64;
    padded[N - 8..].copy_from_slice(&bits.to_be_bytes());
    padded
}

fn bytes(state: &[u32; 8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (to, word) in bytes.chunks_exact_mut(4).zip(state) {
        to.copy_from_slice(&word.to_be_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    use sha2::Sha256;

    use super::*;

    #[test]
    fn the_limit_is_an_hmac() {
        let key = [7; 32];
        let record: Vec<u8> = (0..119).collect();
        let raw = Midstates::new(&key);
        for length in 0..=record.len() {
            let record = &record[..length];
            let mac = Hmac::<Sha256>::new_from_slice(&key).expect("any length of key will do");
            let tag: [u8; 32] = mac.chain_update(record).finalize().into_bytes().into();
            assert_eq!(raw.tag(record), tag, "{length} bytes");
            assert!(raw.verify(record, &tag));
            assert!(!raw.verify(record, &[0; 32]));
        }
    }
}
