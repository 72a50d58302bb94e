//! Session tokens: their times.

use doorward_policy::token::TokenError;

use crate::session::claims;
use crate::time::at;

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
