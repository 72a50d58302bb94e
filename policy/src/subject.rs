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
        if text.is_empty() || has_control(text) {
            return None;
        }
        let mut bytes = [0; Self::MAX];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
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

/// Printable ASCII, which most subjects are, is told by one look at all bytes at once.
fn has_control(text: &str) -> bool {
    let printable = text.bytes().fold(true, |all, byte| all & matches!(byte, b' '..=b'~'));
    !printable && text.chars().any(char::is_control)
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
        let text = self.0.as_deref()?;
        let mut bytes = [0; Subject::MAX];
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        Some(Subject { length: u8::try_from(text.len()).ok()?, bytes })
    }
}
