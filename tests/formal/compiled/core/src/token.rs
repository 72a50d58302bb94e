//! Session tokens: their records and their times.

use doorward_policy::token::{Claims, MAX_RECORD, TokenError};

use crate::NOTHING;
use crate::answers::{Shared, say};
use crate::session::claims;
use crate::time::at;

/// The record that C writes before a call, and what the policy makes of it again.
static RECORD: Shared<[u8; MAX_RECORD]> = Shared::new([0; MAX_RECORD]);
static WRITTEN: Shared<[u8; MAX_RECORD]> = Shared::new([0; MAX_RECORD]);

#[unsafe(no_mangle)]
extern "C" fn token_record() -> *mut u8 {
    RECORD.get().cast()
}

#[unsafe(no_mangle)]
extern "C" fn token_written() -> *const u8 {
    WRITTEN.get().cast()
}

/// What the first bytes of the record say.
fn read(length: u32) -> Option<Claims> {
    // SAFETY: nothing writes to it: the machine has one thread, and C is not running.
    let record = unsafe { &*RECORD.get() };
    Claims::read(record.get(..usize::try_from(length).ok()?)?)
}

/// 1 for a record that is one. Says its times, and its method beside its capabilities.
#[unsafe(no_mangle)]
extern "C" fn token_read(length: u32) -> u32 {
    let Some(claims) = read(length) else { return 0 };
    let Claims { issued_at, expires_at, absolute_end, method, capabilities, .. } = claims;
    let [a, b, c] = [issued_at, expires_at, absolute_end].map(|moment| moment.as_millis());
    say([a, b, c, u64::from(method.to_byte()) << 16 | u64::from(capabilities.bits())]);
    1
}

/// How long what was read is when it is written again, under the same key.
#[unsafe(no_mangle)]
extern "C" fn token_rewrite(length: u32) -> u32 {
    let Some(claims) = read(length) else { return NOTHING };
    // SAFETY: nothing else holds either: the machine has one thread, and C is not running.
    let (key_id, written) = unsafe { ((*RECORD.get())[1], &mut *WRITTEN.get()) };
    claims.write(key_id, written).map_or(NOTHING, |record| record.len() as u32)
}

/// 0 for claims that hold, 1 for not yet, 2 for no longer.
#[unsafe(no_mangle)]
extern "C" fn token_times(issued_at: u64, expires_at: u64, absolute_end: u64, now: u64) -> u32 {
    match claims(issued_at, expires_at, absolute_end).check_times(at(now)) {
        Ok(()) => 0,
        Err(TokenError::NotYetValid) => 1,
        Err(TokenError::Expired(..)) => 2,
        Err(_) => 3,
    }
}
