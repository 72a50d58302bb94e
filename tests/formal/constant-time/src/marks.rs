//! Secret and public, as valgrind's memcheck sees them: what is secret is marked as never written, and
//! the mark follows it through copies and arithmetic. A jump or an address that depends on one is an
//! error.

use std::ffi::c_void;
use std::hint::black_box;

use crabgrind::memcheck::{MemState, mark_memory};
use crabgrind::valgrind::{RunningMode, count_errors, running_mode};

/// Whether anything here would be noticed.
pub(crate) fn is_watched() -> bool {
    running_mode() != RunningMode::Native
}

fn mark<T: ?Sized>(value: &mut T, state: MemState) {
    let size = size_of_val(value);
    let address: *const c_void = std::ptr::from_mut(value).cast();
    mark_memory(address, size, state).expect("it runs under valgrind");
}

/// The same bytes, a secret from here on.
pub(crate) fn secret<const N: usize>(bytes: [u8; N]) -> [u8; N] {
    let mut bytes = black_box(bytes);
    mark(&mut bytes, MemState::Undefined);
    black_box(bytes)
}

/// Makes a part of a value secret: the place at which these bytes lie in it.
pub(crate) fn make_secret<T>(value: &mut T, part: &[u8]) {
    let start: *mut u8 = std::ptr::from_mut(value).cast();
    // SAFETY: the bytes of a value that is borrowed for as long, none of them read as anything but a byte.
    let bytes = unsafe { std::slice::from_raw_parts_mut(start, size_of::<T>()) };
    let at = bytes.windows(part.len()).position(|window| window == part).expect("a part of it");
    mark(&mut bytes[at..at + part.len()], MemState::Undefined);
    black_box(value);
}

/// The same value, which anybody may know. Wherever it is called the reason stands beside it.
pub(crate) fn public<T>(value: T) -> T {
    let mut value = black_box(value);
    mark(&mut value, MemState::Defined);
    black_box(value)
}

/// Called by the seam in `subtle` and `ctutils`, and by nothing else: the result of a comparison that
/// took the same time whatever was compared is the one thing that may be known of two secrets.
#[unsafe(no_mangle)]
fn made_public(verdict: u8) -> u8 {
    public(verdict)
}

/// How many jumps and addresses depended on a secret while this ran.
pub(crate) fn leaks(run: impl FnOnce()) -> usize {
    let before = count_errors();
    run();
    count_errors() - before
}
