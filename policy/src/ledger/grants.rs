//! Grants in memory, at some 77 bytes each, growing and forgetting without a pause.

use core::mem;

use super::NotKept;
use super::labels::Labels;
use super::recent::{Due, Recent};
use super::slab::NONE;
use super::spill::Spill;
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
/// out exactly as they are, but for redemptions that can't be repeated any more.
#[derive(Clone, Debug)]
pub struct Grants {
    table: Table<PackedGrant>,
    labels: Labels,
    recent: Recent,
    spill: Spill,
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
            spill: Spill::new(),
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
        mut grant: GrantRecord,
        most: usize,
    ) -> Result<(), NotKept> {
        let (labels, spill) = (&mut self.labels, &mut self.spill);
        let packed = PackedGrant::of(digest, &grant);
        let consumed = packed.as_ref().map(|_| mem::take(&mut grant.consumed));
        let at = self.table.insert(digest, grant.forget_at(), most, || {
            let label = labels.take(&grant.label)?;
            let kept = match packed {
                Some(packed) => Some(PackedGrant { label, ..packed }),
                None => spill.insert(grant, label).map(|at| PackedGrant::whole(digest, at)),
            };
            if kept.is_none() {
                labels.release(label);
            }
            kept
        })?;
        for past in consumed.into_iter().flatten() {
            // One that there is no room for is refused when it is repeated, and no use is got back.
            self.remember(at, past);
        }
        Ok(())
    }

    /// The grant of this digest.
    #[must_use]
    pub fn get(&self, digest: &Digest) -> Option<GrantRecord> {
        self.unpack(self.table.get(self.table.find(*digest)?)?)
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = GrantRecord> {
        self.table.iter().filter_map(|(_, packed)| self.unpack(packed))
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
        let grant = self.table.get(at).and_then(|packed| self.unpack(packed));
        let mut grant = grant.ok_or(GrantRefusal::Unknown)?;
        grant.consumed.reserve_exact(1);
        let redeemed = grant::redeem(Some(&mut grant), attempt, directory, now)?;
        if let Redemption::Opened(_) = redeemed {
            self.keep_redeemed(at, grant, now).ok_or(GrantRefusal::Unknown)?;
        }
        Ok(redeemed)
    }

    /// Revokes a grant; `false` if there is none of this id. Looks through all of them.
    pub fn revoke(&mut self, id: GrantId, now: Timestamp) -> bool {
        let is_it = |packed: &PackedGrant| match packed.whole_at() {
            Some(at) => self.spill.get(at).is_some_and(|grant| grant.id == id),
            None => packed.id == id,
        };
        let found = self.table.iter().find(|(_, packed)| is_it(packed));
        let Some((at, Some(mut grant))) = found.map(|(at, packed)| (at, self.unpack(packed)))
        else {
            return false;
        };
        grant.revoke(now);
        self.keep_whole(at, grant).is_some()
    }

    /// Forgets at most `budget` grants that are of no more use. Returns how many.
    pub fn expire(&mut self, now: Timestamp, budget: usize) -> usize {
        let (labels, recent, spill) = (&mut self.labels, &mut self.recent, &mut self.spill);
        let forgotten = self.table.expire(now, budget, |_, packed| {
            let label = match packed.whole_at() {
                Some(at) => spill.remove(at),
                None => packed.label(recent),
            };
            recent.let_go(packed.newest());
            label.into_iter().for_each(|label| labels.release(label));
        });
        self.settle(now, budget);
        forgotten
    }

    /// Forgets at most `budget` redemptions that can't be repeated any more.
    fn settle(&mut self, now: Timestamp, budget: usize) {
        for _ in 0..budget {
            match self.recent.due(now) {
                Due::Nothing => break,
                Due::LetGo => {}
                Due::Of(place) => drop(self.let_go_of_old(place, now)),
            }
            self.recent.drop_first();
        }
    }

    fn unpack(&self, packed: &PackedGrant) -> Option<GrantRecord> {
        match packed.whole_at() {
            Some(at) => self.spill.get(at).cloned(),
            None => packed.unpack(&self.labels, &self.recent),
        }
    }

    /// Keeps what [`grant::redeem`] changes of a grant, and only that: its uses and redemptions.
    fn keep_redeemed(&mut self, at: u32, grant: GrantRecord, now: Timestamp) -> Option<()> {
        if let Some(whole) = self.table.get(at)?.whole_at() {
            return self.spill.replace(whole, grant);
        }
        self.remember(at, *grant.consumed.last()?)?;
        let packed = self.table.get_mut(at)?;
        packed.bits = packed.bits & !USES | grant.uses_left & USES;
        self.let_go_of_old(at, now)
    }

    /// Adds a redemption to those of a packed grant.
    fn remember(&mut self, at: u32, past: Consumed) -> Option<()> {
        let packed = self.table.get_mut(at)?;
        let label = packed.label(&self.recent)?;
        packed.label = self.recent.push(past, packed.newest(), label, at)?;
        packed.bits |= REMEMBERS;
        Some(())
    }

    /// Drops the redemptions of a packed grant that can't be repeated any more.
    fn let_go_of_old(&mut self, at: u32, now: Timestamp) -> Option<()> {
        let packed = self.table.get_mut(at)?;
        let label = packed.label(&self.recent)?;
        match self.recent.retain(packed.newest(), now) {
            NONE => {
                packed.label = label;
                packed.bits &= !REMEMBERS;
            }
            newest => packed.label = newest,
        }
        Some(())
    }

    /// Puts a grant of the same label, which does not fit any more, in its place.
    fn keep_whole(&mut self, at: u32, grant: GrantRecord) -> Option<()> {
        let packed = self.table.get_mut(at)?;
        if let Some(whole) = packed.whole_at() {
            return self.spill.replace(whole, grant);
        }
        let whole = self.spill.insert(grant, packed.label(&self.recent)?)?;
        self.recent.let_go(packed.newest());
        *packed = PackedGrant::whole(packed.digest, whole);
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
    /// The label's number, or where it is kept whole, or where its redemptions begin, the newest
    /// first: there the label's number is.
    label: u32,
    /// From the lowest: uses left (10), capabilities (4), method (2, zero in a free place), whether
    /// it is kept whole (1), whether there are redemptions (1), the expiry's highest bits (14).
    bits: u32,
}

const USES: u32 = (1 << 10) - 1;
const METHOD: u32 = 3 << 14;
const WHOLE: u32 = 1 << 16;
const REMEMBERS: u32 = 1 << 17;

impl Default for PackedGrant {
    fn default() -> Self {
        Self {
            digest: Digest::from_bytes([0; 32]),
            id: GrantId::new([0; 16]),
            expires_low: 0,
            life: 0,
            label: 0,
            bits: 0,
        }
    }
}

impl Packed for PackedGrant {
    type Key = Digest;

    fn key(&self) -> Digest {
        self.digest
    }

    fn is_kept(&self) -> bool {
        self.bits & METHOD != 0
    }
}

impl PackedGrant {
    /// All but the label and the redemptions; `None` where anything about it does not fit.
    fn of(digest: Digest, grant: &GrantRecord) -> Option<Self> {
        let expires = grant.expires_at.as_millis();
        let life = expires.checked_sub(grant.created_at.as_millis())?;
        let fits = grant.uses_left <= USES && expires >> 46 == 0;
        let bits = grant.uses_left
            | u32::from(grant.capabilities.bits()) << 10
            | u32::from(grant.method.to_byte()) << 14
            | ((expires >> 32) as u32) << 18;
        (fits && grant.revoked_at.is_none()).then_some(Self {
            digest,
            id: grant.id,
            expires_low: expires as u32,
            life: u32::try_from(life).ok()?,
            label: 0,
            bits,
        })
    }

    fn whole(digest: Digest, at: u32) -> Self {
        Self { digest, label: at, bits: METHOD | WHOLE, ..Self::default() }
    }

    const fn whole_at(&self) -> Option<u32> {
        if self.bits & WHOLE == 0 { None } else { Some(self.label) }
    }

    /// Where its redemptions begin.
    const fn newest(&self) -> u32 {
        if self.bits & REMEMBERS == 0 { NONE } else { self.label }
    }

    /// The label's number, unless it is kept whole.
    fn label(&self, recent: &Recent) -> Option<u32> {
        match self.newest() {
            NONE => Some(self.label),
            newest => recent.label(newest),
        }
    }

    fn unpack(&self, labels: &Labels, recent: &Recent) -> Option<GrantRecord> {
        let expires = u64::from(self.bits >> 18) << 32 | u64::from(self.expires_low);
        Some(GrantRecord {
            id: self.id,
            label: labels.get(self.label(recent)?)?,
            capabilities: Capabilities::from_bits((self.bits >> 10 & 15) as u16)?,
            method: Method::from_byte((self.bits >> 14 & 3) as u8)?,
            created_at: Timestamp::from_millis(expires.checked_sub(self.life.into())?),
            expires_at: Timestamp::from_millis(expires),
            uses_left: self.bits & USES,
            revoked_at: None,
            consumed: recent.all(self.newest()),
        })
    }
}
