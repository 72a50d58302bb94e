//! What a function has to say beside its answer, for C to read before the next call.

use core::cell::UnsafeCell;

use doorward_policy::Timestamp;

/// What C reads and writes between two calls.
pub(crate) struct Shared<T>(UnsafeCell<T>);

impl<T> Shared<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    pub(crate) const fn get(&self) -> *mut T {
        self.0.get()
    }
}

// SAFETY: the machine has one thread.
unsafe impl<T> Sync for Shared<T> {}

static ANSWERS: Shared<[u64; 4]> = Shared::new([0; 4]);

#[unsafe(no_mangle)]
extern "C" fn answers() -> *const u64 {
    ANSWERS.get().cast()
}

pub(crate) fn say(answers: [u64; 4]) {
    // SAFETY: nothing else holds it: the machine has one thread, and C is not running.
    unsafe { *ANSWERS.get() = answers };
}

pub(crate) fn say_moments(moments: [Timestamp; 3]) {
    let [a, b, c] = moments.map(Timestamp::as_millis);
    say([a, b, c, 0]);
}
