//! Secrets: wiped on drop, redacted when printed, compared in constant time (I9, I12).

use core::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// `N` secret bytes.
///
/// No `PartialEq`, no `Clone`: a comparison goes through [`Secret::same`], a copy has to be asked
/// for where it is made.
pub struct Secret<const N: usize>([u8; N]);

impl<const N: usize> Secret<N> {
    /// Takes over bytes that came from the operating system's generator or from a key file.
    #[must_use]
    pub const fn new(bytes: [u8; N]) -> Self {
        Self(bytes)
    }

    /// Lays the bytes open, for a MAC, a key file or the one answer that hands them out.
    #[must_use]
    pub const fn expose(&self) -> &[u8; N] {
        &self.0
    }

    /// Whether both hold the same bytes; takes the same time whatever they hold.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        //= req: SECRET-2
        self.0.ct_eq(&other.0).into()
    }

    /// Of its own so that a test can look at what is left. Without its caller, in `drop`, the build
    /// warns that nothing uses it.
    fn wipe(&mut self) {
        //= req: SECRET-3
        self.0.zeroize();
    }
}

impl<const N: usize> Drop for Secret<N> {
    fn drop(&mut self) {
        self.wipe();
    }
}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        //= req: SECRET-1
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    //= req: SECRET-3, type=test
    #[test]
    fn nothing_is_left_of_what_was_wiped() {
        let mut secret = Secret::new([7; 32]);
        secret.wipe();
        assert_eq!(*secret.expose(), [0; 32]);
    }
}
