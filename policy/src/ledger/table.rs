//! Packed records in a slab, an index over their keys, and a calendar: for each second, a list of
//! those that can be forgotten then, through the slab's links.

use alloc::collections::BTreeMap;
use core::hash::{BuildHasher as _, Hash};
use core::mem;

use super::NotKept;
use super::index::{Hashed, Index};
use super::slab::{NONE, Slab};
use crate::standing::Seeded;
use crate::time::Timestamp;

/// A record as a table keeps it. The default is none.
pub(super) trait Packed: Default {
    type Key: Copy + Eq + Hash;
    fn key(&self) -> Self::Key;
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
        let at = make().and_then(|record| self.slab.insert(record)).ok_or(NotKept::Full)?;
        self.index.insert(&self.slab, hash, at).ok_or(NotKept::Full)?;
        self.note(at, forget_at).ok_or(NotKept::Full)?;
        Ok(at)
    }

    fn note(&mut self, at: u32, forget_at: Timestamp) -> Option<()> {
        let first = self.calendar.entry(second_after(forget_at)).or_insert(NONE);
        self.slab.place_mut(at)?.link = mem::replace(first, at);
        Some(())
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

    /// What is in all places, each with its number: the default in free ones.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (1..).zip(self.slab.iter())
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
            let Some(mut due) = due.filter(|due| has_come(*due.key(), now)) else {
                break;
            };
            let at = *due.get();
            match self.slab.place(at).map(|place| place.link) {
                None | Some(NONE) => drop(due.remove()),
                Some(next) => *due.get_mut() = next,
            }
            self.index.remove(&self.slab, at);
            self.slab.remove(at).into_iter().for_each(|record| over(at, record));
            forgotten = forgotten.saturating_add(1);
        }
        forgotten
    }
}

/// The second at whose beginning what is kept until a time can be forgotten: no record is early.
pub(super) const fn second_after(time: Timestamp) -> u64 {
    time.as_millis().div_ceil(1000)
}

/// Whether that second has begun; the one after the end of time begins with its end.
pub(super) const fn has_come(second: u64, now: Timestamp) -> bool {
    second.saturating_mul(1000) <= now.as_millis()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_due_before_its_time_or_later_than_the_second_after() {
        let due = |until: u64, now: u64| {
            has_come(second_after(Timestamp::from_millis(until)), Timestamp::from_millis(now))
        };
        assert_eq!([due(5000, 4999), due(5000, 5000)], [false, true]);
        assert_eq!([due(5001, 5999), due(5001, 6000)], [false, true]);
        assert_eq!([due(u64::MAX, u64::MAX - 1), due(u64::MAX, u64::MAX)], [false, true]);
    }
}
