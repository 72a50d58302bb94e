//! What has changed about sessions since their tokens were signed.
//!
//! A driver mirrors its store's exceptions into [`Standings`]; a verified token is then judged
//! without a look at the store. Revocation is keyed on the session id inside the MAC (I8).

use core::fmt;
use core::hash::{BuildHasher, Hasher};
use core::time::Duration;

use hashbrown::HashMap;

use crate::capability::Capabilities;
use crate::id::SessionId;
use crate::time::Timestamp;

/// How old the mirrored exceptions may be before nobody is admitted on them.
pub const DEFAULT_FRESHNESS: Duration = Duration::from_secs(5);

/// What is different about one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// As its token says.
    Unchanged,
    /// Ended by an administrator or its holder.
    Revoked,
    /// At most these capabilities.
    Limited(Capabilities),
}

/// The exceptions, as of a moment.
#[derive(Clone, Debug)]
pub struct Standings {
    exceptions: HashMap<SessionId, Exception, Seeded>,
    as_of: Timestamp,
    freshness: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Exception {
    standing: Standing,
    until: Timestamp,
}

impl Standings {
    /// No exceptions yet, and none known to be absent: stale until the first
    /// [`Standings::refreshed`]. `seed` is entropy.
    #[must_use]
    pub fn new(seed: [u8; 8], freshness: Duration) -> Self {
        let exceptions = HashMap::with_hasher(Seeded(u64::from_le_bytes(seed)));
        Self { exceptions, as_of: Timestamp::EPOCH, freshness }
    }

    /// Notes an exception, kept until the session's absolute end. A revocation is final: what a
    /// slower look at the store brings after it changes nothing.
    pub fn note(&mut self, session: SessionId, standing: Standing, until: Timestamp) {
        //= req: SESSION-7
        if self.of(session) == Standing::Revoked {
            return;
        }
        match standing {
            Standing::Unchanged => self.exceptions.remove(&session),
            _ => self.exceptions.insert(session, Exception { standing, until }),
        };
    }

    /// All that the store knew at `now` has been noted.
    pub fn refreshed(&mut self, now: Timestamp) {
        self.as_of = self.as_of.max(now);
    }

    /// Drops the exceptions of sessions that are past their absolute end.
    pub fn prune(&mut self, now: Timestamp) {
        //= req: SESSION-7
        self.exceptions.retain(|_, exception| now < exception.until);
    }

    /// Whether what is mirrored is recent enough to admit on (I20).
    #[must_use]
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        now.since(self.as_of) <= self.freshness
    }

    /// What is different about a session.
    #[must_use]
    pub fn of(&self, session: SessionId) -> Standing {
        self.exceptions.get(&session).map_or(Standing::Unchanged, |found| found.standing)
    }

    /// How many exceptions are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.exceptions.len()
    }

    /// Whether no exception is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.exceptions.is_empty()
    }
}

/// Hashes random bytes in whole words, an id's 16 or a digest's 32, by folding them over a seed. The
/// bytes are Doorward's own, looked up only once a MAC has proved it, so nobody outside chooses them.
/// The seed is no fence against somebody who does: it changes where all keys are, not which are together.
#[derive(Clone)]
pub(crate) struct Seeded(pub(crate) u64);

/// Whoever knows the seed can choose labels that are together.
impl fmt::Debug for Seeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seeded(..)")
    }
}

impl BuildHasher for Seeded {
    type Hasher = Fold;

    fn build_hasher(&self) -> Fold {
        Fold(self.0)
    }
}

pub(crate) struct Fold(u64);

impl Hasher for Fold {
    fn write(&mut self, bytes: &[u8]) {
        // Every key has whole words: there is no end of one to fold in.
        let (words, end) = bytes.as_chunks::<8>();
        debug_assert!(end.is_empty(), "a key of {} bytes", bytes.len());
        for word in words {
            self.0 = self.0.rotate_left(29) ^ u64::from_le_bytes(*word);
        }
    }

    // A fixed-size array announces its length first; it is the same for every key.
    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_prints_as_nothing() {
        assert_eq!(alloc::format!("{:?}", Seeded(7)), "Seeded(..)");
    }

    /// Else some of the keys that nobody chose would fall on one place of the table.
    #[test]
    fn every_bit_of_a_key_and_of_the_seed_changes_the_hash() {
        let hash = |seed: u64, key: u128| Seeded(seed).hash_one(SessionId::new(key.to_le_bytes()));
        let (seed, key) = (0x0123_4567_89ab_cdef, 0x1032_5476_98ba_dcfe_0f1e_2d3c_4b5a_6978);
        for bit in 0..64 {
            assert_ne!(hash(seed ^ (1 << bit), key), hash(seed, key), "bit {bit} of the seed");
        }
        for bit in 0..128 {
            assert_ne!(hash(seed, key ^ (1 << bit)), hash(seed, key), "bit {bit} of the key");
        }
    }
}
