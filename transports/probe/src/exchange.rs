//! What went over the wire, as it may be shown.

use std::fmt::Write as _;

use serde::Serialize;

use crate::variables::Variables;

/// How much of either side is shown, in bytes.
pub const SHOWN: usize = 4096;

/// One exchange: what was sent on a connection and what came back, without any secret.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct Exchange {
    /// The number of its step in the file, from 1.
    pub step: usize,
    /// What `${each}` stood for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub each: Option<String>,
    /// What was sent.
    pub sent: Shown,
    /// What came back.
    pub received: Shown,
    /// What came of it in a few words, such as `401 grant_refused`.
    pub came_to: String,
}

/// Bytes as text in the spelling of the attack files: `\r\n`, `\xNN`.
#[derive(Clone, Debug, Default, Serialize, PartialEq, Eq)]
pub struct Shown {
    /// At most [`SHOWN`] bytes.
    pub text: String,
    /// How many bytes there were.
    pub bytes: usize,
    /// Whether the text is all of them.
    pub whole: bool,
}

impl Shown {
    pub(crate) fn new(bytes: &[u8], known: &Variables) -> Self {
        let (mut redacted, all) = known.redact_some(bytes, SHOWN);
        let whole = all && redacted.len() <= SHOWN;
        // The last name may be longer than what was left.
        redacted.truncate(SHOWN);
        Self { text: escape(&redacted), bytes: bytes.len(), whole }
    }

    /// As [`Self::new`], of the first bytes alone.
    pub(crate) fn beginning(bytes: &[u8], end: usize, known: &Variables) -> Self {
        let shown = Self::new(bytes.get(..end).unwrap_or(bytes), known);
        Self { bytes: bytes.len(), whole: shown.whole && end >= bytes.len(), ..shown }
    }
}

/// Bytes as they are written in an attack file.
#[must_use]
pub(crate) fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'\r' => text.push_str("\\r"),
            b'\n' => text.push_str("\\n"),
            b'\t' => text.push_str("\\t"),
            b'\\' => text.push_str("\\\\"),
            0x20..=0x7e => text.push(char::from(byte)),
            // Writing to a string doesn't fail.
            _ => _ = write!(text, "\\x{byte:02x}"),
        }
    }
    text
}
