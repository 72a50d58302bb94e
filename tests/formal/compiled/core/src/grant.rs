//! Grants: how one is made, and whether a use is consumed.

use core::time::Duration;

use doorward_policy::Capabilities;
use doorward_policy::grant::{
    Consumed, Counter, GrantRecord, GrantRefusal, GrantRequest, GrantRequestError, Left, Nonce,
    Step, repeat,
};
use doorward_policy::id::SessionId;
use doorward_policy::keys::Digest;
use doorward_policy::token::Method;

use crate::answers::say;
use crate::capability::set;
use crate::session::{SESSION, row, subject};
use crate::time::at;
use crate::{NOTHING, session};

fn refusal(refusal: GrantRefusal) -> u32 {
    match refusal {
        GrantRefusal::Revoked => 2,
        GrantRefusal::Expired => 3,
        GrantRefusal::Spent => 4,
        GrantRefusal::Workspace => 5,
        GrantRefusal::Insufficient(_) => 6,
        GrantRefusal::Unknown => 7,
        GrantRefusal::SessionGone => 8,
    }
}

/// What a step says in the upper half; below it, the uses that are left.
#[unsafe(no_mangle)]
extern "C" fn grant_step(
    uses: u32,
    expires_at: u64,
    revoked: u32,
    repeats: u32,
    lacking: u32,
    now: u64,
) -> u64 {
    let left = Left { uses, expires_at: at(expires_at), revoked: revoked != 0 };
    let repeated = (repeats != 0).then_some(SESSION);
    let sufficient = || match lacking {
        0 => Ok(()),
        1 => Err(GrantRefusal::Workspace),
        _ => Err(GrantRefusal::Insufficient(Capabilities::OPERATE)),
    };
    let (word, uses_left) = match left.step(repeated, sufficient, at(now)) {
        Ok(Step::Consume { uses_left }) => (0, uses_left),
        Ok(Step::Repeat(_)) => (1, uses),
        Err(refused) => (refusal(refused), uses),
    };
    u64::from(word) << 32 | u64::from(uses_left)
}

#[unsafe(no_mangle)]
extern "C" fn grant_is_recent(consumed_at: u64, now: u64) -> u32 {
    let consumed = Consumed {
        nonce: Nonce::from_digest(Digest::from_bytes([0; 32])),
        counter: Counter::Token,
        session: SessionId::new([0; 16]),
        at: at(consumed_at),
    };
    consumed.is_recent(at(now)).into()
}

/// 0 for the session that was bought, or why not.
#[unsafe(no_mangle)]
extern "C" fn grant_repeat(there: u32, revoked: u32, expires_at: u64, now: u64) -> u32 {
    let session = session::revoked(row(expires_at, expires_at, Capabilities::ALL), revoked);
    let session = (there != 0).then_some(&session);
    repeat(session, at(now)).map_or_else(refusal, |_| 0)
}

/// 0 for a grant, and says when it expires, its uses and its capabilities. Its life in seconds and
/// nanoseconds.
#[unsafe(no_mangle)]
extern "C" fn grant_issue(
    capabilities: u32,
    issuer: u32,
    method: u32,
    uses: u32,
    life: u64,
    life_nanos: u32,
    now: u64,
) -> u32 {
    let method = u8::try_from(method).ok().and_then(Method::from_byte);
    let Some(((capabilities, issuer), method)) = set(capabilities).zip(set(issuer)).zip(method)
    else {
        return NOTHING;
    };
    let life = Duration::new(life, life_nanos);
    let request = GrantRequest { label: subject(), capabilities, method, uses, life };
    match GrantRecord::issue(&request, issuer, [9; 16], at(now)) {
        Ok(grant) => {
            let capabilities = grant.capabilities.bits().into();
            say([grant.expires_at.as_millis(), grant.uses_left.into(), capabilities, 0]);
            0
        }
        Err(GrantRequestError::Capabilities) => 1,
        Err(GrantRequestError::Uses) => 2,
        Err(GrantRequestError::Life) => 3,
    }
}
