//! What a stranger sent, made fit to be shown.

use alloc::string::ToString as _;
use core::fmt;

/// At most 80 printable characters of something that a stranger sent, fit for an answer or a log
/// line: whatever is not printable ASCII, or would end a quotation, is shown as `?`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    length: u8,
    bytes: [u8; Shown::MAX],
}

impl Shown {
    const MAX: usize = 80;

    /// Takes the start of a text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self::from_bytes(text.as_bytes())
    }

    /// Takes the start of some bytes.
    #[must_use]
    pub fn from_bytes(text: &[u8]) -> Self {
        let mut bytes = [0; Self::MAX];
        let mut length = 0_u8;
        for (to, from) in bytes.iter_mut().zip(text) {
            let plain = (from.is_ascii_graphic() || *from == b' ')
                && !matches!(from, b'"' | b'\\' | b'<' | b'>' | b'&');
            *to = if plain { *from } else { b'?' };
            length = length.saturating_add(1);
        }
        Self { length, bytes }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.bytes.get(..usize::from(self.length)).unwrap_or_default();
        f.write_str(core::str::from_utf8(shown).unwrap_or_default())
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}
