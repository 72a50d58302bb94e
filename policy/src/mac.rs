//! HMAC-SHA256 (RFC 2104, FIPS 180-4) under a key whose two first blocks are compressed once.
//!
//! What the `hmac` crate does with a cloned state, without the clone and its buffers: the MAC is most
//! of what a token costs, and this takes a quarter off it. The compression function is `sha2`'s.

use sha2::block_api::compress256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroize;

use crate::secret::Wiped;

const BLOCK: usize = 64;
/// What a padded end takes.
const BLOCKS: usize = 2 * BLOCK;
/// What it holds beside the mark and the length.
const MOST: usize = BLOCKS - 9;
const INNER_PAD: u8 = 0x36;
const OUTER_PAD: u8 = 0x5c;
/// SHA-256's initial hash value (FIPS 180-4, section 5.3.3).
const INITIAL: State = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// What stands behind the 32 bytes of the inner hash: the mark, zeros, and its length with the key's block.
const END_OF_INNER: [u8; 32] = {
    let mut end = [0; 32];
    [end[0], end[30]] = [0x80, 3];
    end
};

type State = [u32; 8];

/// A key, as the two states that it leaves SHA-256 in.
pub(crate) struct MacKey {
    inner: Wiped<State>,
    outer: Wiped<State>,
}

impl MacKey {
    /// From a key of 32 bytes, zero-padded to SHA-256's block as RFC 2104, section 2, does.
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self { inner: Wiped(padded(key, INNER_PAD)), outer: Wiped(padded(key, OUTER_PAD)) }
    }

    /// The MAC of a secret: neither it nor what became of it under the key stays behind.
    #[must_use]
    pub(crate) fn digest(&self, secret: &[u8]) -> [u8; 32] {
        self.open(secret, &mut Wiped(Padded::new()).0)
    }

    /// The MAC of a record, which is no secret. Two compressions for up to 55 bytes.
    #[must_use]
    pub(crate) fn sign(&self, record: &[u8]) -> [u8; 32] {
        self.open(record, &mut Padded::new())
    }

    /// Whether `tag` is the record's; takes the same time whatever the tag is, and the right one does not
    /// stay behind.
    #[must_use]
    pub(crate) fn verify(&self, record: &Padded, tag: &[u8; 32]) -> bool {
        let own = self.close(self.inner.0, record);
        let differing = own.0.iter().zip(words(tag)).fold(0, |all, (own, tag)| all | (own ^ tag));
        //= req: TOKEN-3
        differing.ct_eq(&0).into()
    }

    #[inline]
    fn open(&self, message: &[u8], end: &mut Padded) -> [u8; 32] {
        let (whole, rest) = message.as_chunks::<BLOCK>();
        let mut inner = Wiped(self.inner.0);
        compress256(&mut inner.0, whole);
        if let Some(place) = end.room().get_mut(..rest.len()) {
            place.copy_from_slice(rest);
        }
        end.finish(rest.len(), whole.len());
        bytes(&self.close(inner.0, end).0)
    }

    fn close(&self, inner: State, end: &Padded) -> Wiped<State> {
        debug_assert!(!end.blocks().is_empty(), "it was finished");
        let mut inner = Wiped(inner);
        compress256(&mut inner.0, end.blocks());
        let mut outer = Wiped(self.outer.0);
        let mut block = [0; BLOCK];
        if let Some(place) = block.first_chunk_mut::<32>() {
            *place = bytes(&inner.0);
        }
        if let Some(end) = block.last_chunk_mut::<32>() {
            *end = END_OF_INNER;
        }
        compress256(&mut outer.0, &[block]);
        outer
    }
}

impl Clone for MacKey {
    fn clone(&self) -> Self {
        Self { inner: Wiped(self.inner.0), outer: Wiped(self.outer.0) }
    }
}

/// The state after a block of the key and a pad.
fn padded(key: &[u8; 32], pad: u8) -> State {
    let mut block = [pad; BLOCK];
    for (to, from) in block.iter_mut().zip(key) {
        *to ^= from;
    }
    let mut state = INITIAL;
    compress256(&mut state, &[block]);
    block.zeroize();
    state
}

/// The end of a message, written where it is padded: what is decoded into it is hashed where it lies.
pub(crate) struct Padded {
    bytes: [u8; BLOCKS],
    blocks: usize,
}

impl Padded {
    /// Nothing yet.
    #[inline]
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; BLOCKS], blocks: 0 }
    }

    /// Where to write the end of the message: 119 bytes, of which those that are not its are left zero.
    #[inline]
    pub(crate) fn room(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..MOST).unwrap_or_default()
    }

    /// Pads `length` bytes that were written, after the key's block and `before` others (FIPS 180-4,
    /// section 5.1.1).
    #[inline]
    pub(crate) fn finish(&mut self, length: usize, before: usize) {
        debug_assert!(length <= MOST, "{length} bytes and their padding take more than two blocks");
        self.blocks = if length > BLOCK.saturating_sub(9) { 2 } else { 1 };
        let whole = before.saturating_add(1).saturating_mul(BLOCK);
        let bits = (whole.saturating_add(length) as u64).saturating_mul(8);
        if let Some(mark) = self.bytes.get_mut(length) {
            *mark = 0x80;
        }
        let blocks = self.bytes.as_chunks_mut::<BLOCK>().0.iter_mut();
        if let Some(place) = blocks.take(self.blocks).last().and_then(|last| last.last_chunk_mut())
        {
            *place = bits.to_be_bytes();
        }
    }

    #[inline]
    fn blocks(&self) -> &[[u8; BLOCK]] {
        self.bytes.as_chunks().0.get(..self.blocks).unwrap_or_default()
    }

    /// The first bytes of it, of which `length` were written.
    #[inline]
    pub(crate) fn message(&self, length: usize) -> Option<&[u8]> {
        self.bytes.get(..length)
    }
}

impl Zeroize for Padded {
    fn zeroize(&mut self) {
        self.bytes.zeroize();
    }
}

fn words(bytes: &[u8; 32]) -> State {
    let mut words = [0; 8];
    for (to, word) in words.iter_mut().zip(bytes.as_chunks::<4>().0) {
        *to = u32::from_be_bytes(*word);
    }
    words
}

fn bytes(state: &State) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (to, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *to = word.to_be_bytes();
    }
    bytes
}

#[cfg(test)]
#[allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    reason = "a test that can't go on must stop"
)]
mod tests {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    use proptest::prelude::*;
    use sha2::Sha256;

    use super::*;

    /// What the crate of that name makes of it.
    fn expected(key: [u8; 32], message: &[u8]) -> [u8; 32] {
        let mac = Hmac::<Sha256>::new_from_slice(&key).expect("any length is a key");
        mac.chain_update(message).finalize().into_bytes().into()
    }

    fn padded_of(message: &[u8]) -> Padded {
        let mut padded = Padded::new();
        padded.room()[..message.len()].copy_from_slice(message);
        padded.finish(message.len(), 0);
        padded
    }

    /// RFC 4231, section 4.2: the key there is shorter, and padded with zeros as any is.
    #[test]
    fn the_first_published_example_comes_out() {
        let mut key = [0; 32];
        key[..20].fill(0x0b);
        let published = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7";
        let tag = MacKey::new(&key).sign(b"Hi There");
        assert_eq!(crate::encoding::hex(&tag), published);
    }

    /// One for each number of bytes in the last block, with none to two whole ones before it.
    #[test]
    fn every_length_of_message_is_padded_as_it_should_be() {
        let message: [u8; 192] = core::array::from_fn(|at| at as u8);
        for length in 0..=message.len() {
            let tag = MacKey::new(&[7; 32]).sign(&message[..length]);
            assert_eq!(tag, expected([7; 32], &message[..length]), "{length} bytes");
            if length <= MOST {
                let padded = padded_of(&message[..length]);
                assert!(MacKey::new(&[7; 32]).verify(&padded, &tag), "{length} bytes");
            }
        }
    }

    /// Differences that cancel each other out are differences still.
    //= req: TOKEN-3, type=test
    #[test]
    fn a_tag_that_differs_twice_in_the_same_way_is_none() {
        let (mac, message) = (MacKey::new(&[7; 32]), [0x5a; 50]);
        for other in (4..32).step_by(4) {
            let mut tag = mac.sign(&message);
            tag[0] ^= 1;
            tag[other] ^= 1;
            assert!(!mac.verify(&padded_of(&message), &tag), "byte {other}");
        }
    }

    //= req: SECRET-3, type=test
    #[test]
    fn nothing_of_a_message_is_left_where_it_was_wiped() {
        let mut padded = padded_of(&[0x5a; 50]);
        padded.zeroize();
        assert_eq!(padded.bytes, [0; BLOCKS]);
    }

    proptest! {
        #[test]
        fn a_tag_is_what_another_implementation_makes(
            key: [u8; 32],
            message in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let mac = MacKey::new(&key);
            let tag = expected(key, &message);
            prop_assert_eq!(mac.sign(&message), tag);
            prop_assert_eq!(mac.digest(&message), tag);
            prop_assert!(message.len() > MOST || mac.verify(&padded_of(&message), &tag));
        }

        //= req: TOKEN-3, type=test
        #[test]
        fn a_tag_that_differs_in_one_bit_is_none(
            bit in 0_usize..256,
            message in proptest::collection::vec(any::<u8>(), 0..MOST),
        ) {
            let mac = MacKey::new(&[7; 32]);
            let mut tag = mac.sign(&message);
            tag[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!mac.verify(&padded_of(&message), &tag));
        }
    }
}
