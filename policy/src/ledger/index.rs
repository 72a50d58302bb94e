//! Finds places of a slab by a hash, and grows by one bucket at a time.
//!
//! Linear hashing (Litwin, 1980): a bucket is one line of cache with the numbers of twelve places and
//! a byte of each one's hash, so that a search reads one line, and then hardly ever a place but the
//! one that it is for. Where there are eight entries for each bucket, one bucket is split in two, so
//! that no operation moves more than one bucket, whatever the size. What a bucket has no room for is
//! in further ones behind it, all of them full but the first.

use core::mem;

use super::slab::{Chunks, NONE, Slab};
use crate::standing::Seeded;

/// How many entries a bucket has room for.
const WIDTH: usize = 12;
/// How many there are for each bucket before one is split.
const FILL: u32 = 8;

/// What an index finds.
pub(super) trait Hashed: Default {
    fn hash(&self, seed: &Seeded) -> u64;
}

#[derive(Clone, Debug, Default)]
struct Bucket {
    places: [u32; WIDTH],
    tags: [u8; WIDTH],
    /// The first one behind it.
    more: u32,
}

/// A bucket that lies in one line.
#[derive(Clone, Debug, Default)]
#[repr(align(64))]
struct Line(Bucket);

#[derive(Clone, Debug)]
pub(super) struct Index {
    lines: Chunks<Line>,
    further: Slab<Bucket>,
    buckets: u32,
    length: u32,
    pub(super) seed: Seeded,
}

impl Index {
    pub(super) const fn new(seed: Seeded) -> Self {
        Self { lines: Chunks::new(), further: Slab::new(), buckets: 0, length: 0, seed }
    }

    pub(super) const fn len(&self) -> u32 {
        self.length
    }

    pub(super) fn find<T: Hashed>(
        &self,
        slab: &Slab<T>,
        hash: u64,
        is_it: impl Fn(&T) -> bool,
    ) -> Option<u32> {
        let mut bucket = self.bucket(self.number(hash))?;
        loop {
            let mut tagged = bucket.tagged(tag(hash));
            if let Some(at) = tagged.find(|at| slab.get(*at).is_some_and(&is_it)) {
                return Some(at);
            }
            bucket = self.further.get(bucket.more)?;
        }
    }

    /// Adds a place of the slab that is not in the index. It fits: there are fewer buckets than
    /// entries, and so the slab runs out of numbers for its places first.
    pub(super) fn insert<T: Hashed>(&mut self, slab: &Slab<T>, hash: u64, at: u32) -> Option<()> {
        if self.length >= self.buckets.saturating_mul(FILL) {
            self.split(slab)?;
        }
        self.put(hash, at)?;
        self.length = self.length.saturating_add(1);
        Some(())
    }

    /// Takes a place of the slab out that is in the index.
    pub(super) fn remove<T: Hashed>(&mut self, slab: &Slab<T>, at: u32) -> Option<()> {
        let hash = slab.get(at)?.hash(&self.seed);
        self.take(self.number(hash), at)?;
        self.length = self.length.saturating_sub(1);
        Some(())
    }

    /// The low bits of the hash that count for its bucket: one more in buckets that were split
    /// already, and in those that they were split into.
    fn number(&self, hash: u64) -> u32 {
        let wide = self.buckets.checked_next_power_of_two().unwrap_or(0).wrapping_sub(1);
        let bucket = (hash & u64::from(wide)) as u32;
        if bucket < self.buckets { bucket } else { bucket & (wide >> 1) }
    }

    fn bucket(&self, number: u32) -> Option<&Bucket> {
        self.lines.get(number).map(|line| &line.0)
    }

    fn put(&mut self, hash: u64, at: u32) -> Option<()> {
        let number = self.number(hash);
        let bucket = &mut self.lines.get_mut(number)?.0;
        if bucket.put(tag(hash), at).is_some() {
            return Some(());
        }
        let more = bucket.more;
        let further = self.further.get_mut(more);
        if further.is_some_and(|further| further.put(tag(hash), at).is_some()) {
            return Some(());
        }
        let mut further = Bucket { more, ..Bucket::default() };
        further.put(tag(hash), at)?;
        bucket.more = self.further.insert(further)?;
        Some(())
    }

    /// Takes an entry out, and fills the gap from the first of the further buckets.
    fn take(&mut self, number: u32, at: u32) -> Option<()> {
        let bucket = &mut self.lines.get_mut(number)?.0;
        let more = bucket.more;
        let Some(first) = self.further.get_mut(more) else {
            return bucket.replace(at, (0, NONE));
        };
        let last = first.pop()?;
        if first.places == [NONE; WIDTH] {
            bucket.more = self.further.remove(more)?.more;
        }
        if last.1 == at || bucket.replace(at, last).is_some() {
            return Some(());
        }
        let mut next = bucket.more;
        loop {
            let further = self.further.get_mut(next)?;
            if further.replace(at, last).is_some() {
                return Some(());
            }
            next = further.more;
        }
    }

    fn split<T: Hashed>(&mut self, slab: &Slab<T>) -> Option<()> {
        let new = self.buckets;
        if new >= self.lines.len() {
            self.lines.grow()?;
        }
        self.buckets = new.checked_add(1)?;
        let highest_bit = new.checked_ilog2().map_or(0, |bit| 1 << bit);
        let old = self.lines.get_mut(new.wrapping_sub(highest_bit))?;
        let mut bucket = mem::take(&mut old.0);
        loop {
            for at in bucket.places.into_iter().filter(|at| *at != NONE) {
                self.put(slab.get(at)?.hash(&self.seed), at)?;
            }
            if bucket.more == NONE {
                return Some(());
            }
            bucket = self.further.remove(bucket.more)?;
        }
    }
}

/// The hash's highest byte: the lowest bits tell the bucket.
const fn tag(hash: u64) -> u8 {
    (hash >> 56) as u8
}

impl Bucket {
    fn tagged(&self, tag: u8) -> impl Iterator<Item = u32> {
        let entries = self.tags.iter().zip(&self.places);
        entries.filter(move |(one, at)| **one == tag && **at != NONE).map(|(_, at)| *at)
    }

    /// Puts an entry where there is room.
    fn put(&mut self, tag: u8, at: u32) -> Option<()> {
        self.replace(NONE, (tag, at))
    }

    fn replace(&mut self, old: u32, (tag, new): (u8, u32)) -> Option<()> {
        let mut entries = self.tags.iter_mut().zip(&mut self.places);
        let (to, at) = entries.find(|(_, at)| **at == old)?;
        (*to, *at) = (tag, new);
        Some(())
    }

    fn pop(&mut self) -> Option<(u8, u32)> {
        let mut entries = self.tags.iter().zip(&mut self.places);
        let (tag, at) = entries.find(|(_, at)| **at != NONE)?;
        Some((*tag, mem::replace(at, NONE)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number whose hash is that of thousands of others.
    #[derive(Default)]
    struct Number(u32);

    impl Hashed for Number {
        fn hash(&self, _: &Seeded) -> u64 {
            u64::from(self.0 % 3)
        }
    }

    #[test]
    fn what_shares_a_bucket_is_found_until_it_is_taken_out_and_further_buckets_are_given_back() {
        let (mut slab, mut index) = (Slab::new(), Index::new(Seeded(7)));
        let mut add = |number: u32| {
            let at = slab.insert(Number(number))?;
            index.insert(&slab, u64::from(number % 3), at)?;
            Some(at)
        };
        let places: alloc::vec::Vec<_> = (0..1000).filter_map(&mut add).collect();
        assert_eq!(index.len(), 1000);
        let find = |index: &Index, number: u32| {
            index.find(&slab, u64::from(number % 3), |one| one.0 == number)
        };
        // In an order that takes from the middle of each chain.
        for step in 0..1000_u32 {
            let number = step * 7 % 1000;
            let at = places.get(number as usize).copied();
            assert_eq!(find(&index, number), at);
            assert_eq!(at.and_then(|at| index.remove(&slab, at)), Some(()));
            assert_eq!(find(&index, number), None);
            let next = (step + 1) * 7 % 1000;
            assert_eq!(find(&index, next).is_none(), step == 999, "{next} after {number}");
        }
        assert_eq!(index.len(), 0);
        let lines = (0..index.buckets).filter_map(|number| index.bucket(number));
        let empty = |bucket: &Bucket| (bucket.places, bucket.more) == ([NONE; WIDTH], NONE);
        assert!(lines.chain(index.further.iter()).all(empty));
    }

    /// A number whose hash is like no other's.
    #[derive(Default)]
    struct Random(u32);

    impl Hashed for Random {
        fn hash(&self, seed: &Seeded) -> u64 {
            let product = u64::from(self.0).wrapping_mul(seed.0);
            product ^ (product >> 32)
        }
    }

    #[test]
    fn a_bucket_lies_in_one_line() {
        assert_eq!((size_of::<Line>(), align_of::<Line>()), (64, 64));
    }

    /// Whatever the size: else each search would look at ever more of them.
    #[test]
    fn a_bucket_has_few_entries_and_a_search_looks_at_hardly_any_but_its_own() {
        let (mut slab, mut index) = (Slab::new(), Index::new(Seeded(0x9e37_79b9_7f4a_7c15)));
        for number in 1..=1024 {
            let hash = Random(number).hash(&index.seed);
            let at = slab.insert(Random(number));
            assert_eq!(at.and_then(|at| index.insert(&slab, hash, at)), Some(()));
            assert_eq!(index.buckets, number.div_ceil(FILL));
        }
        let looked_at = core::cell::Cell::new(0);
        for number in 1..=1024 {
            let is_it = |one: &Random| {
                looked_at.set(looked_at.get() + 1);
                one.0 == number
            };
            assert_eq!(index.find(&slab, Random(number).hash(&index.seed), is_it), Some(number));
        }
        assert!(looked_at.get() < 1024 + 64, "{looked_at:?}");
        assert!(index.further.numbers().count() < 32, "{:?}", index.further.numbers());
    }
}
