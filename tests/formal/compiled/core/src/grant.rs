//! Grants: whether a use is consumed.

use doorward_policy::grant::{GrantRefusal, Left, Step};
use doorward_policy::id::SessionId;
use doorward_policy::{Capabilities, Timestamp};

/// What a step says, in the upper half; below it, the uses that are left.
fn outcome(word: u64, uses_left: u32) -> u64 {
    word << 32 | u64::from(uses_left)
}

#[unsafe(no_mangle)]
extern "C" fn grant_step(
    uses: u32,
    expires_at: u64,
    revoked: u32,
    repeats: u32,
    lacking: u32,
    now: u64,
) -> u64 {
    let left =
        Left { uses, expires_at: Timestamp::from_millis(expires_at), revoked: revoked != 0 };
    let repeated = (repeats != 0).then_some(SessionId::new([7; 16]));
    let sufficient = || match lacking {
        0 => Ok(()),
        1 => Err(GrantRefusal::Workspace),
        _ => Err(GrantRefusal::Insufficient(Capabilities::OPERATE)),
    };
    match left.step(repeated, sufficient, Timestamp::from_millis(now)) {
        Ok(Step::Consume { uses_left }) => outcome(0, uses_left),
        Ok(Step::Repeat(_)) => outcome(1, uses),
        Err(GrantRefusal::Revoked) => outcome(2, uses),
        Err(GrantRefusal::Expired) => outcome(3, uses),
        Err(GrantRefusal::Spent) => outcome(4, uses),
        Err(GrantRefusal::Workspace) => outcome(5, uses),
        Err(GrantRefusal::Insufficient(_)) => outcome(6, uses),
        Err(GrantRefusal::Unknown | GrantRefusal::SessionGone) => outcome(7, uses),
    }
}
