//! Secrets: wiped on drop, redacted when printed, compared in constant time (I9, I12).

use core::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// `N` secret bytes.
///
/// No `PartialEq`, no `Clone`: a comparison goes through [`Secret::same`], a copy has to be asked
/// for where it is made.
pub struct Secret<const N: usize>(Wiped<[u8; N]>);

impl<const N: usize> Secret<N> {
    /// Takes over bytes that came from the operating system's generator or from a key file.
    #[must_use]
    pub const fn new(bytes: [u8; N]) -> Self {
        Self(Wiped(bytes))
    }

    /// Lays the bytes open, for a MAC, a key file or the one answer that hands them out.
    #[must_use]
    pub const fn expose(&self) -> &[u8; N] {
        &self.0.0
    }

    /// Whether both hold the same bytes; takes the same time whatever they hold.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        //= req: SECRET-2
        self.expose().ct_eq(other.expose()).into()
    }
}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        //= req: SECRET-1
        f.write_str("Secret(..)")
    }
}

/// What is wiped when it is dropped. That [`zeroize::Zeroizing`] does too, but not in a constant.
/// Of any type, so that a test can see it done: what is left of bytes that were dropped, nothing
/// safe can look at.
pub(crate) struct Wiped<T: Zeroize>(pub(crate) T);

impl<T: Zeroize> Drop for Wiped<T> {
    fn drop(&mut self) {
        //= req: SECRET-3
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use super::*;

    struct Counted<'a>(&'a Cell<u32>);

    impl Zeroize for Counted<'_> {
        fn zeroize(&mut self) {
            self.0.update(|wipes: u32| wipes.saturating_add(1));
        }
    }

    //= req: SECRET-3, type=test
    #[test]
    fn what_holds_a_secret_is_wiped_when_it_is_dropped() {
        let wipes = Cell::new(0);
        let held = Wiped(Counted(&wipes));
        assert_eq!(wipes.get(), 0);
        drop(held);
        assert_eq!(wipes.get(), 1);
    }
}
