//! Packed records in a slab, an index over their keys, and a calendar: for each second, a list of
//! those that can be forgotten then, through the slab's links.

use alloc::collections::BTreeMap;
use core::hash::{BuildHasher as _, Hash};
use core::mem;

use super::NotKept;
use super::index::{Hashed, Index};
use super::slab::{NONE, Slab};
use crate::capability::Capabilities;
use crate::standing::Seeded;
use crate::time::Timestamp;
use crate::token::Method;

/// Packed records have four bits for capabilities and two for the method, zero in a free place.
const _: () = assert!(Capabilities::ALL.bits() < 1 << 4);
const _: () = assert!(Method::from_byte(0).is_none() && Method::from_byte(4).is_none());

/// A record as a table keeps it. The default is none.
pub(super) trait Packed: Default {
    type Key: Copy + Eq + Hash;
    fn key(&self) -> Self::Key;
    /// Whether it is a record, and not a free place.
    fn is_kept(&self) -> bool;
}

impl<T: Packed> Hashed for T {
    fn hash(&self, seed: &Seeded) -> u64 {
        seed.hash_one(self.key())
    }
}

#[derive(Clone, Debug)]
pub(super) struct Table<T> {
    slab: Slab<T>,
    index: Index,
    /// The first record of each second's list.
    calendar: BTreeMap<u64, u32>,
}

impl<T: Packed> Table<T> {
    pub(super) const fn new(seed: Seeded) -> Self {
        Self { slab: Slab::new(), index: Index::new(seed), calendar: BTreeMap::new() }
    }

    pub(super) const fn len(&self) -> usize {
        self.index.len() as usize
    }

    /// Keeps a record, which is made only if there is room for it, until a time.
    pub(super) fn insert(
        &mut self,
        key: T::Key,
        forget_at: Timestamp,
        most: usize,
        make: impl FnOnce() -> Option<T>,
    ) -> Result<u32, NotKept> {
        //= req: LIMIT-10
        if self.len() >= most {
            return Err(NotKept::Full);
        }
        let hash = self.index.seed.hash_one(key);
        if self.index.find(&self.slab, hash, |one| one.key() == key).is_some() {
            return Err(NotKept::Exists);
        }
        self.index.reserve(&self.slab).ok_or(NotKept::Full)?;
        let at = make().and_then(|record| self.slab.insert(record)).ok_or(NotKept::Full)?;
        self.index.insert(hash, at);
        self.note(at, forget_at);
        Ok(at)
    }

    fn note(&mut self, at: u32, forget_at: Timestamp) {
        // Rounded up, so that no record is forgotten early.
        let second = forget_at.as_millis().div_ceil(1000);
        let first = self.calendar.entry(second).or_insert(NONE);
        if let Some(place) = self.slab.place_mut(at) {
            place.link = mem::replace(first, at);
        }
    }

    pub(super) fn find(&self, key: T::Key) -> Option<u32> {
        self.index.find(&self.slab, self.index.seed.hash_one(key), |one| one.key() == key)
    }

    pub(super) fn get(&self, at: u32) -> Option<&T> {
        self.slab.get(at)
    }

    pub(super) fn get_mut(&mut self, at: u32) -> Option<&mut T> {
        self.slab.get_mut(at)
    }

    /// The records kept, each with its place.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        let places = (0_u32..).zip(self.slab.iter());
        places.filter(|(_, record)| record.is_kept())
    }

    /// The numbers of all places, free ones among them.
    pub(super) const fn places(&self) -> core::ops::RangeInclusive<u32> {
        self.slab.numbers()
    }

    /// Forgets at most `budget` records that are due, and hands each over with its place.
    pub(super) fn expire(
        &mut self,
        now: Timestamp,
        budget: usize,
        mut over: impl FnMut(u32, T),
    ) -> usize {
        let mut forgotten = 0_usize;
        while forgotten < budget {
            let due = self.calendar.first_entry();
            let Some(mut due) = due.filter(|due| *due.key() <= now.as_millis() / 1000) else {
                break;
            };
            let at = *due.get();
            match self.slab.place(at).map(|place| place.link) {
                Some(next) if next != NONE => *due.get_mut() = next,
                _ => drop(due.remove()),
            }
            self.index.remove(&self.slab, at);
            over(at, self.slab.remove(at));
            forgotten = forgotten.saturating_add(1);
        }
        forgotten
    }
}
