//! The formats once more, spelt out the plain way: slow, allocating, and with no code in common
//! with the policy.

pub(crate) mod address;
pub(crate) mod credential;
pub(crate) mod hello;
pub(crate) mod path;
pub(crate) mod request;
pub(crate) mod token;

/// base64url without padding, canonical; bit by bit.
pub(crate) fn base64url_decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut bits = Vec::new();
    for byte in text {
        let value = ALPHABET.iter().position(|symbol| symbol == byte)?;
        bits.extend((0..6).rev().map(|bit| value >> bit & 1));
    }
    let unused = bits.split_off(bits.len() / 8 * 8);
    if unused.len() >= 6 || unused.contains(&1) {
        return None;
    }
    let byte = |bits: &[usize]| bits.iter().fold(0, |byte, bit| byte << 1 | *bit) as u8;
    Some(bits.chunks(8).map(byte).collect())
}

/// The one text that [`base64url_decode`] takes for these bytes.
pub(crate) fn base64url(bytes: &[u8]) -> String {
    let mut bits: Vec<u8> =
        bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    bits.resize(bits.len().div_ceil(6) * 6, 0);
    let symbol = |bits: &[u8]| bits.iter().fold(0, |value, bit| value << 1 | usize::from(*bit));
    bits.chunks(6).map(|bits| char::from(ALPHABET[symbol(bits)])).collect()
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Without the white space around it.
pub(crate) fn trim(mut text: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0c);
    while text.first().is_some_and(blank) {
        text = &text[1..];
    }
    while text.last().is_some_and(blank) {
        text = &text[..text.len() - 1];
    }
    text
}

/// The pairs of a `Cookie` field. What has no `=` is a value without a name.
pub(crate) fn cookies(field: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let pair = |pair: &[u8]| {
        let mut halves = pair.splitn(2, |byte| *byte == b'=').map(|half| trim(half).to_vec());
        let first = halves.next().unwrap_or_default();
        halves.next().map_or((Vec::new(), first.clone()), |value| (first.clone(), value))
    };
    field.split(|byte| *byte == b';').map(pair).collect()
}
