//! base64url without padding (RFC 4648, section 5), one canonical spelling, and lower-case hex.
//!
//! Whoever sends a token makes Doorward decode it, so that is written for what tokens are: short, and
//! most often well-formed. It looks at every character before it says that one is foreign.

use alloc::string::String;
use alloc::vec;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The text of `bytes`.
#[must_use]
pub fn base64url(bytes: &[u8]) -> String {
    let mut text = vec![0; base64url_length(bytes.len())];
    encode_into(bytes, &mut text);
    String::from_utf8(text).unwrap_or_default()
}

/// How long the text of so many bytes is.
#[must_use]
pub const fn base64url_length(bytes: usize) -> usize {
    bytes.saturating_mul(4).div_ceil(3)
}

/// Writes the text of `bytes`, for which `text` has the room: nothing is written, and `None` returned,
/// where it has not.
pub fn encode_into(bytes: &[u8], text: &mut [u8]) -> Option<usize> {
    URL_SAFE_NO_PAD.encode_slice(bytes, text).ok()
}

/// Decodes exactly `N` bytes from their one canonical spelling.
///
/// `None` for any other length, a foreign alphabet, padding, or unused bits that are not zero.
#[must_use]
pub fn decode_exact<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut buffer = [0; N];
    let written = decode_into(text, &mut buffer)?;
    (written == N).then_some(buffer)
}

/// Decodes into `buffer` and says how many bytes were written; `None` as for [`decode_exact`], and
/// where the text decodes to more than `buffer` holds. What `buffer` holds then means nothing.
#[must_use]
//= req: TOKEN-1
pub fn decode_into(text: &[u8], buffer: &mut [u8]) -> Option<usize> {
    let (groups, end) = text.as_chunks::<4>();
    let (places, rest) = buffer.split_at_mut_checked(groups.len().checked_mul(3)?)?;
    let mut seen = 0;
    for (place, group) in places.as_chunks_mut::<3>().0.iter_mut().zip(groups) {
        let bits = bits(*group);
        seen |= bits;
        let [bytes @ .., _] = bits.to_le_bytes();
        *place = bytes;
    }
    // What is missing of the last group counts as zeros, and what they leave unused has to be zero.
    let (bits, bytes, unused) = match *end {
        [] => (0, 0, 0),
        [a, b] => (bits([a, b, b'A', b'A']), 1, 0xff_ff00),
        [a, b, c] => (bits([a, b, c, b'A']), 2, 0xff_0000),
        _ => return None,
    };
    for (place, byte) in rest.get_mut(..bytes)?.iter_mut().zip(bits.to_le_bytes()) {
        *place = byte;
    }
    let canonical = (seen | bits) < FOREIGN && (bits & unused) == 0;
    canonical.then_some(places.len().saturating_add(bytes))
}

/// The three bytes that four characters stand for, from the lowest; [`FOREIGN`] with them where one
/// stands for nothing.
fn bits([a, b, c, d]: [u8; 4]) -> u32 {
    let at = |values: &[u32; 256], character: u8| {
        values.get(usize::from(character)).copied().unwrap_or(FOREIGN)
    };
    let [first, second, third, fourth] = &VALUES;
    at(first, a) | at(second, b) | at(third, c) | at(fourth, d)
}

/// The bit above the three bytes.
const FOREIGN: u32 = 0x0100_0000;

/// What each character stands for at each of the four places of a group, as bytes from the lowest.
#[expect(clippy::indexing_slicing, reason = "the compiler evaluates it, and would refuse")]
const VALUES: [[u32; 256]; 4] = {
    let [mut first, mut second, mut third, mut fourth] = [[FOREIGN; 256]; 4];
    let mut value: u32 = 0;
    let mut rest: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    while let Some((character, tail)) = rest.split_first() {
        let at = *character as usize;
        first[at] = (value << 18).swap_bytes() >> 8;
        second[at] = (value << 12).swap_bytes() >> 8;
        third[at] = (value << 6).swap_bytes() >> 8;
        fourth[at] = value.swap_bytes() >> 8;
        value += 1;
        rest = tail;
    }
    [first, second, third, fourth]
};

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble & 15)).map_or('0', |&d| char::from(d));
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(*byte));
    }
    text
}

/// Decodes exactly `N` bytes of lower-case hexadecimal.
#[must_use]
//= req: LOCAL-1
pub fn decode_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != N.checked_mul(2)? {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let [high, low] = *pair.first_chunk::<2>()?;
        *byte = (nibble(high)? << 4) | nibble(low)?;
    }
    Some(bytes)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => digit.checked_sub(b'0'),
        b'a'..=b'f' => digit.checked_sub(b'a')?.checked_add(10),
        _ => None,
    }
}

#[cfg(test)]
#[allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    reason = "a test that can't go on must stop"
)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    /// What another implementation makes of it.
    fn expected(text: &[u8]) -> Option<Vec<u8>> {
        URL_SAFE_NO_PAD.decode(text).ok()
    }

    fn decoded(text: &[u8]) -> Option<Vec<u8>> {
        let mut buffer = [0xee; 100];
        let length = decode_into(text, &mut buffer)?;
        assert!(buffer[length..].iter().all(|byte| *byte == 0xee), "written beyond the end");
        Some(buffer[..length].to_vec())
    }

    //= req: TOKEN-1, type=test
    #[test]
    fn one_character_more_or_other_is_decoded_as_elsewhere_or_refused_as_there() {
        for length in 0..9 {
            let text =
                base64url(&[0x5a, 0xff, 0x00, 0x81, 0x7e, 0x3c, 0x99, 0x42][..length.min(8)]);
            for place in 0..text.len() {
                for other in 0..=255 {
                    let mut text = text.clone().into_bytes();
                    text[place] = other;
                    assert_eq!(decoded(&text), expected(&text), "{text:?}");
                    text.insert(place, b'A');
                    assert_eq!(decoded(&text), expected(&text), "{text:?}");
                }
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for length in 1..9_usize {
            let text = base64url(&[7; 9][..length]);
            assert_eq!(decode_into(text.as_bytes(), &mut [0; 9][..length]), Some(length));
            assert_eq!(decode_into(text.as_bytes(), &mut [0; 9][..length - 1]), None);
        }
    }

    proptest! {
        #[test]
        fn text_is_what_another_implementation_makes_and_comes_back(
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let text = base64url(&bytes);
            prop_assert_eq!(&text, &URL_SAFE_NO_PAD.encode(&bytes));
            prop_assert_eq!(text.len(), base64url_length(bytes.len()));
            let mut buffer = [0; 300];
            prop_assert_eq!(decode_into(text.as_bytes(), &mut buffer), Some(bytes.len()));
            prop_assert_eq!(&buffer[..bytes.len()], &bytes[..]);
        }

        #[test]
        fn any_text_is_decoded_as_elsewhere_or_refused_as_there(text in "[A-Za-z0-9_=+/.-]{0,40}") {
            prop_assert_eq!(decoded(text.as_bytes()), expected(text.as_bytes()));
        }
    }
}
