//! Grants in memory, at some 77 bytes each, growing and forgetting without a pause.

use alloc::collections::BTreeMap;

use super::NotKept;
use super::bits::{Bits, Field, join, split};
use super::labels::Labels;
use super::recent::{Past, Recent};
use super::slab::NONE;
use super::table::{Packed, Table};
use crate::capability::Capabilities;
use crate::grant::{self, Attempt, Consumed, GrantRecord, GrantRefusal, Redemption};
use crate::id::GrantId;
use crate::keys::Digest;
use crate::standing::Seeded;
use crate::time::Timestamp;
use crate::token::Method;
use crate::workspace::Directory;

/// Grants by the digests of their secrets.
///
/// What all of them have is packed, and redemptions are beside for as long as they can be repeated;
/// a grant that has anything else about it that does not fit is kept whole. Records go in and come
/// out exactly as they are, but for redemptions that can't be repeated any more: with a clock that
/// goes back, what was forgotten stays so.
#[derive(Clone, Debug)]
pub struct Grants {
    table: Table<PackedGrant>,
    labels: Labels,
    recent: Recent,
    /// Those of which something does not fit, by their places, such as one that was revoked.
    odd: BTreeMap<u32, GrantRecord>,
}

impl Grants {
    /// None yet; `seed` is entropy.
    #[must_use]
    pub const fn new(seed: [u8; 8]) -> Self {
        let seed = u64::from_le_bytes(seed);
        Self {
            table: Table::new(Seeded(seed)),
            labels: Labels::new(Seeded(seed)),
            recent: Recent::new(),
            odd: BTreeMap::new(),
        }
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many different labels they have.
    #[must_use]
    pub const fn labels(&self) -> usize {
        self.labels.len()
    }

    /// Keeps a grant, unless there are `most` already, until it is of no more use.
    ///
    /// # Errors
    /// [`NotKept`].
    pub fn insert(
        &mut self,
        digest: Digest,
        grant: GrantRecord,
        most: usize,
    ) -> Result<(), NotKept> {
        let labels = &mut self.labels;
        let packed = PackedGrant::of(digest, &grant);
        let odd = packed.is_none();
        let at = self.table.insert(digest, grant.forget_at(), most, || {
            let label = labels.take(&grant.label)?;
            let packed = packed.unwrap_or_else(|| PackedGrant::odd(digest, grant.id));
            Some(PackedGrant { label, ..packed })
        })?;
        if odd {
            self.odd.insert(at, grant);
        } else {
            for past in grant.consumed {
                // One that there is no room for is refused when repeated, and no use is got back.
                let _ = self.remember(at, past);
            }
        }
        Ok(())
    }

    /// The grant of this digest.
    #[must_use]
    pub fn get(&self, digest: &Digest) -> Option<GrantRecord> {
        let at = self.table.find(*digest)?;
        self.unpack(at, self.table.get(at)?)
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = GrantRecord> {
        self.table.iter().filter_map(|(at, packed)| self.unpack(at, packed))
    }

    /// Takes the transition of [`grant::redeem`], and keeps what has come of it.
    ///
    /// # Errors
    /// Why not; nothing has changed then.
    pub fn redeem(
        &mut self,
        digest: &Digest,
        attempt: &Attempt,
        directory: &Directory,
        now: Timestamp,
    ) -> Result<Redemption, GrantRefusal> {
        let at = self.table.find(*digest).ok_or(GrantRefusal::Unknown)?;
        let grant = self.table.get(at).and_then(|packed| self.unpack(at, packed));
        let mut grant = grant.ok_or(GrantRefusal::Unknown)?;
        grant.consumed.reserve_exact(1);
        let redeemed = grant::redeem(Some(&mut grant), attempt, directory, now)?;
        if let Redemption::Opened(_) = redeemed {
            self.keep_redeemed(at, grant).ok_or(GrantRefusal::Unknown)?;
        }
        Ok(redeemed)
    }

    /// Revokes a grant; `false` if there is none of this id. Looks through all of them.
    pub fn revoke(&mut self, id: GrantId, now: Timestamp) -> bool {
        let found = self
            .table
            .iter()
            .filter(|(_, packed)| packed.id == id)
            .find_map(|(at, packed)| Some((at, self.unpack(at, packed)?)));
        let revoked = found.and_then(|(at, mut grant)| {
            grant.revoke(now);
            self.keep_whole(at, grant)
        });
        revoked.is_some()
    }

    /// Forgets at most `budget` grants that are of no more use, and as many redemptions that can't be
    /// repeated any more. Returns how many grants.
    pub fn expire(&mut self, now: Timestamp, budget: usize) -> usize {
        let (labels, recent, odd) = (&mut self.labels, &mut self.recent, &mut self.odd);
        let forgotten = self.table.expire(now, budget, |at, packed| {
            let _ = packed.label(recent).and_then(|label| labels.release(label));
            if packed.is_odd() {
                odd.remove(&at);
            }
        });
        self.settle(now, budget);
        forgotten
    }

    /// Forgets at most `budget` redemptions that can't be repeated any more.
    fn settle(&mut self, now: Timestamp, budget: usize) {
        for _ in 0..budget {
            let Some((at, past)) = self.recent.pop(now) else { break };
            let _ = self.let_go(at, &past);
        }
    }

    /// Takes a redemption that is forgotten away from its grant, unless that is gone already.
    fn let_go(&mut self, at: u32, past: &Past) -> Option<()> {
        let packed = self.table.get_mut(past.place)?;
        if packed.newest() == at {
            packed.bits.set(REMEMBERS, 0)?;
            packed.label = past.label;
        } else {
            self.recent.close(packed.newest(), at, past);
        }
        Some(())
    }

    fn unpack(&self, at: u32, packed: &PackedGrant) -> Option<GrantRecord> {
        if packed.is_odd() {
            self.odd.get(&at).cloned()
        } else {
            packed.unpack(&self.labels, &self.recent)
        }
    }

    /// Keeps what [`grant::redeem`] changes of a grant, and only that: its uses and redemptions.
    fn keep_redeemed(&mut self, at: u32, grant: GrantRecord) -> Option<()> {
        if self.table.get(at)?.is_odd() {
            self.odd.insert(at, grant);
            return Some(());
        }
        self.remember(at, *grant.consumed.last()?)?;
        self.table.get_mut(at)?.bits.set(USES, grant.uses_left)
    }

    /// Adds a redemption to those of a packed grant.
    fn remember(&mut self, at: u32, past: Consumed) -> Option<()> {
        let packed = self.table.get_mut(at)?;
        let label = packed.label(&self.recent)?;
        packed.label = self.recent.push(past, packed.newest(), label, at)?;
        packed.bits.set(REMEMBERS, 1)
    }

    /// Puts a grant of the same label, which does not fit any more, in its place.
    fn keep_whole(&mut self, at: u32, grant: GrantRecord) -> Option<()> {
        let packed = self.table.get_mut(at)?;
        let label = packed.label(&self.recent)?;
        *packed = PackedGrant { label, ..PackedGrant::odd(packed.digest, packed.id) };
        self.odd.insert(at, grant);
        Some(())
    }
}

/// What every grant has, in 64 bytes; with the calendar's link 68.
#[derive(Clone, Debug)]
struct PackedGrant {
    digest: Digest,
    id: GrantId,
    /// Milliseconds; the rest is in `bits`.
    expires_low: u32,
    /// From the making to the expiry, in milliseconds.
    life: u32,
    /// The label's number, or where its newest redemption is: there the label's number is.
    label: u32,
    bits: Bits,
}

const USES: Field = Field { shift: 0, most: 0x3ff };
const CAPABILITIES: Field = Field { shift: 10, most: 0xf };
const METHOD: Field = Field { shift: 14, most: 3 };
/// Whether it does not fit, and is kept whole beside.
const ODD: Field = Field { shift: 16, most: 1 };
/// Whether there are redemptions.
const REMEMBERS: Field = Field { shift: 17, most: 1 };
/// The expiry's highest bits.
const EXPIRES_HIGH: Field = Field { shift: 18, most: 0x3fff };

impl Default for PackedGrant {
    fn default() -> Self {
        Self {
            digest: Digest::from_bytes([0; 32]),
            id: GrantId::new([0; 16]),
            expires_low: 0,
            life: 0,
            label: NONE,
            bits: Bits::default(),
        }
    }
}

impl Packed for PackedGrant {
    type Key = Digest;

    fn key(&self) -> Digest {
        self.digest
    }
}

impl PackedGrant {
    /// All but the label and the redemptions; `None` where anything about it does not fit.
    fn of(digest: Digest, grant: &GrantRecord) -> Option<Self> {
        let expires = grant.expires_at.as_millis();
        let life = expires.checked_sub(grant.created_at.as_millis())?;
        let (expires_high, expires_low) = split(expires);
        let mut bits = Bits::default();
        bits.set(USES, grant.uses_left)?;
        bits.set(CAPABILITIES, grant.capabilities.bits().into())?;
        bits.set(METHOD, grant.method.to_byte().into())?;
        bits.set(EXPIRES_HIGH, expires_high)?;
        grant.revoked_at.is_none().then_some(Self {
            digest,
            id: grant.id,
            expires_low,
            life: u32::try_from(life).ok()?,
            label: NONE,
            bits,
        })
    }

    fn odd(digest: Digest, id: GrantId) -> Self {
        let mut odd = Self { digest, id, ..Self::default() };
        let _ = odd.bits.set(ODD, 1);
        odd
    }

    const fn is_odd(&self) -> bool {
        self.bits.get(ODD) != 0
    }

    /// Where its newest redemption is.
    const fn newest(&self) -> u32 {
        if self.bits.get(REMEMBERS) == 0 { NONE } else { self.label }
    }

    /// The label's number.
    fn label(&self, recent: &Recent) -> Option<u32> {
        match self.newest() {
            NONE => Some(self.label),
            newest => recent.label(newest),
        }
    }

    fn unpack(&self, labels: &Labels, recent: &Recent) -> Option<GrantRecord> {
        let expires = join(self.bits.get(EXPIRES_HIGH), self.expires_low);
        Some(GrantRecord {
            id: self.id,
            label: labels.get(self.label(recent)?)?,
            capabilities: Capabilities::from_bits(self.bits.get(CAPABILITIES) as u16)?,
            method: Method::from_byte(self.bits.get(METHOD) as u8)?,
            created_at: Timestamp::from_millis(expires.checked_sub(self.life.into())?),
            expires_at: Timestamp::from_millis(expires),
            uses_left: self.bits.get(USES),
            revoked_at: None,
            consumed: recent.all(self.newest()),
        })
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;
    use core::time::Duration;

    use super::*;
    use crate::grant::{Counter, Nonce};
    use crate::id::SessionId;
    use crate::subject::Subject;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn digest(number: u8) -> Digest {
        Digest::from_bytes([number; 32])
    }

    fn label(number: u8) -> Subject {
        Subject::new(&alloc::format!("laptop {number}")).unwrap_or(Subject::EMPTY)
    }

    fn grant(number: u8, uses_left: u32, consumed: Vec<Consumed>) -> GrantRecord {
        GrantRecord {
            id: GrantId::new([number; 16]),
            label: label(number),
            capabilities: Capabilities::ALL,
            method: Method::Link,
            created_at: NOW,
            expires_at: NOW.plus(Duration::from_secs(600)),
            uses_left,
            revoked_at: None,
            consumed,
        }
    }

    fn consumed(number: u8, at: Timestamp) -> Consumed {
        let nonce = Nonce::from_digest(digest(number));
        Consumed { nonce, counter: Counter::Token, session: SessionId::new([number; 16]), at }
    }

    fn remembered(grants: &Grants, number: u8) -> Vec<SessionId> {
        let grant = grants.get(&digest(number));
        grant.into_iter().flat_map(|grant| grant.consumed).map(|past| past.session).collect()
    }

    #[test]
    fn a_grant_takes_68_bytes() {
        assert_eq!(size_of::<super::super::slab::Place<PackedGrant>>(), 68);
    }

    /// Whole records would come out as they went in too, but they take far more memory.
    #[test]
    fn only_what_does_not_fit_is_kept_whole_and_only_for_as_long() {
        let mut grants = Grants::new([7; 8]);
        let usual = grant(1, 1000, [consumed(1, NOW)].into());
        let forget_at = usual.forget_at();
        assert_eq!(grants.insert(digest(1), usual, 2), Ok(()));
        assert_eq!(grants.insert(digest(2), grant(2, 1024, Vec::new()), 2), Ok(()));
        assert_eq!(grants.odd.len(), 1);
        assert!(grants.revoke(GrantId::new([1; 16]), NOW));
        assert_eq!(grants.odd.len(), 2);
        assert!(grants.revoke(GrantId::new([2; 16]), NOW));
        assert!(grants.iter().all(|one| one.revoked_at == Some(NOW)));
        assert!(!grants.revoke(GrantId::new([3; 16]), NOW));
        assert_eq!(grants.expire(forget_at, 2), 2);
        assert_eq!((grants.len(), grants.labels(), grants.odd.len()), (0, 0, 0));
    }

    /// Of three grants in turn, of which one is revoked, and forgotten by turns too.
    #[test]
    fn redemptions_are_forgotten_one_after_the_other_and_their_places_taken_again() {
        let mut grants = Grants::new([7; 8]);
        for number in 0..3 {
            assert_eq!(grants.insert(digest(number), grant(number, 1, Vec::new()), 3), Ok(()));
        }
        let time = |at: u8| NOW.plus(Duration::from_secs(at.into()));
        let redeem = |grants: &mut Grants, at: u8| {
            let place = grants.table.find(digest(at % 3));
            let kept = place.and_then(|place| grants.remember(place, consumed(at, time(at))));
            assert!(kept.is_some());
        };
        (0..60).for_each(|at| redeem(&mut grants, at));
        assert!(grants.revoke(GrantId::new([2; 16]), NOW));
        for at in 60..120 {
            let now = time(at);
            grants.expire(now, 10);
            for number in 0..2 {
                let left = (at - 59..at).filter(|at| at % 3 == number);
                let left: Vec<_> = left.map(|at| SessionId::new([at; 16])).collect();
                assert_eq!(remembered(&grants, number), left, "{number} at {at}");
                assert_eq!(grants.get(&digest(number)).map(|one| one.label), Some(label(number)));
            }
            if at % 3 < 2 {
                redeem(&mut grants, at);
            }
        }
        assert!(grants.recent.places() <= 61, "{}", grants.recent.places());
        grants.expire(time(240), 100);
        assert_eq!(remembered(&grants, 0).len() + remembered(&grants, 1).len(), 0);
        redeem(&mut grants, 240);
        assert_eq!(remembered(&grants, 0), [SessionId::new([240; 16])]);
        assert!(grants.recent.places() <= 61);
    }
}
