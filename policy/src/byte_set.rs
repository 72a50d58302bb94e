//! Sets of bytes, each a table: whoever sends a head has every byte of it looked up.

/// Some of the 256 bytes.
pub(crate) struct ByteSet([bool; 256]);

impl ByteSet {
    /// Those that are listed.
    #[expect(clippy::indexing_slicing, reason = "there is a place for every byte")]
    pub(crate) const fn of(mut listed: &[u8]) -> Self {
        let mut table = [false; 256];
        while let Some((byte, rest)) = listed.split_first() {
            table[*byte as usize] = true;
            listed = rest;
        }
        Self(table)
    }

    /// Whether it has this one.
    #[inline]
    pub(crate) fn has(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte)).copied().unwrap_or(false)
    }
}
