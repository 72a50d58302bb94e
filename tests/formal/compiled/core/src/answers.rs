//! What a function has to say beside its answer, for C to read before the next call.

use core::cell::UnsafeCell;

use doorward_policy::Timestamp;

/// What C reads between two calls.
struct Shared<T>(UnsafeCell<T>);

// SAFETY: the machine has one thread.
unsafe impl<T> Sync for Shared<T> {}

static ANSWERS: Shared<[u64; 4]> = Shared(UnsafeCell::new([0; 4]));

#[unsafe(no_mangle)]
extern "C" fn answers() -> *const u64 {
    ANSWERS.0.get().cast()
}

pub(crate) fn say(answers: [u64; 4]) {
    // SAFETY: nothing else holds it: the machine has one thread, and C is not running.
    unsafe { *ANSWERS.0.get() = answers };
}

pub(crate) fn say_moments(moments: [Timestamp; 3]) {
    let [a, b, c] = moments.map(Timestamp::as_millis);
    say([a, b, c, 0]);
}
