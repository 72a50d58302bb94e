//! Who a session belongs to: the label of the grant that bought it.

use alloc::boxed::Box;
use core::fmt;

/// 1 to 64 bytes of UTF-8 without control characters, ordered by them. Stored in place, so that
/// verifying a token allocates nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
// Aligned, so that what holds one is moved in whole words: most of a verification that is not the MAC
// was moving claims by odd bytes.
#[repr(align(8))]
pub struct Subject {
    // Before the length, for the order: none has a zero byte in it.
    bytes: [u8; Subject::MAX],
    length: u8,
}

impl Subject {
    /// The most bytes that a subject has.
    pub const MAX: usize = 64;
    /// No subject: what [`Subject::new`] never makes.
    pub(crate) const EMPTY: Self = Self { length: 0, bytes: [0; Self::MAX] };

    /// Takes a subject's text; `None` if it is empty, longer than 64 bytes, or has a control
    /// character (`char::is_control`).
    #[must_use]
    #[inline]
    pub fn new(text: &str) -> Option<Self> {
        Self::from_utf8(text.as_bytes())
    }

    /// As [`new`](Self::new), of bytes that may be no text: `None` for those as well.
    #[must_use]
    #[inline]
    pub fn from_utf8(text: &[u8]) -> Option<Self> {
        let kept = Self::kept(text)?;
        // Most subjects are of printable ASCII, which is told by one look at all of the room.
        let printable = kept
            .bytes
            .iter()
            .fold(0_u8, |count, byte| count.wrapping_add(u8::from(matches!(byte, b' '..=b'~'))));
        (printable == kept.length || is_without_controls(text)).then_some(kept)
    }

    /// What is known to be text without control characters, if it has the length of a subject.
    #[inline]
    fn kept(text: &[u8]) -> Option<Self> {
        let mut bytes = [0; Self::MAX];
        bytes.get_mut(..text.len()).filter(|place| !place.is_empty())?.copy_from_slice(text);
        Some(Self { length: u8::try_from(text.len()).ok()?, bytes })
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

#[cold]
fn is_without_controls(text: &[u8]) -> bool {
    core::str::from_utf8(text).is_ok_and(|text| !text.chars().any(char::is_control))
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A subject in no more bytes than it has, for whoever keeps many. The default is none.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeptSubject(Option<Box<[u8]>>);

impl KeptSubject {
    pub(crate) fn new(subject: &Subject) -> Self {
        Self(Some(subject.as_bytes().into()))
    }

    pub(crate) fn as_bytes(&self) -> Option<&[u8]> {
        self.0.as_deref()
    }

    /// What it was made of, which needs no second look at its characters.
    pub(crate) fn subject(&self) -> Option<Subject> {
        Subject::kept(self.0.as_deref()?)
    }
}
