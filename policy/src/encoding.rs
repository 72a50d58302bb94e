//! base64url without padding (RFC 4648, section 5), one canonical spelling, and lower-case hex.

use alloc::string::String;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The text of `bytes`.
#[must_use]
pub fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes exactly `N` bytes from their one canonical spelling.
///
/// `None` for any other length, a foreign alphabet, padding, or unused bits that are not zero.
#[must_use]
pub fn decode_exact<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut buffer = [0; N];
    let written = decode_into(text, &mut buffer)?;
    //= req: TOKEN-3
    (written == N).then_some(buffer)
}

/// Decodes into `buffer` and says how many bytes were written; `None` as for [`decode_exact`], and
/// where the text decodes to more than `buffer` holds.
#[must_use]
//= req: TOKEN-1
pub fn decode_into(text: &[u8], buffer: &mut [u8]) -> Option<usize> {
    // Length first: the decoder is never given more text than `buffer` can take.
    let most = buffer.len().checked_mul(4)?.div_ceil(3);
    if text.len() > most {
        return None;
    }
    URL_SAFE_NO_PAD.decode_slice(text, buffer).ok()
}

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
