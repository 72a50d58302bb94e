//! Numbered places in chunks of one size: growing adds a chunk, and copies nothing. Only the first
//! chunk starts small and doubles, so that a small ledger is small.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;

/// No place: those of a slab are numbered from one on.
pub(super) const NONE: u32 = 0;

const BITS: u32 = 9;
const LENGTH: u32 = 1 << BITS;
/// How long the first chunk is at first.
const FIRST: usize = 4;

/// An array that grows by a chunk at a time.
#[derive(Clone, Debug)]
pub(super) struct Chunks<T>(Vec<Box<[T]>>);

impl<T: Default> Chunks<T> {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn len(&self) -> u32 {
        match self.0.as_slice() {
            [first] => first.len() as u32,
            chunks => u32::try_from(chunks.len()).unwrap_or(u32::MAX).saturating_mul(LENGTH),
        }
    }

    /// `None` where no further place could be numbered.
    pub(super) fn grow(&mut self) -> Option<()> {
        self.len().checked_add(LENGTH)?;
        let fresh = |length: usize| (0..length).map(|_| T::default());
        match self.0.as_mut_slice() {
            [] => self.0.push(fresh(FIRST).collect()),
            [first] if first.len() < LENGTH as usize => {
                let mut longer = mem::take(first).into_vec();
                longer.extend(fresh(longer.len()));
                *first = longer.into_boxed_slice();
            }
            _ => self.0.push(fresh(LENGTH as usize).collect()),
        }
        Some(())
    }

    pub(super) fn get(&self, at: u32) -> Option<&T> {
        self.0.get((at >> BITS) as usize)?.get((at & (LENGTH - 1)) as usize)
    }

    pub(super) fn get_mut(&mut self, at: u32) -> Option<&mut T> {
        self.0.get_mut((at >> BITS) as usize)?.get_mut((at & (LENGTH - 1)) as usize)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flatten()
    }
}

/// A place, and a link to another: of a free one, to the next free one; what is kept uses the link
/// for one list of its own.
#[derive(Clone, Debug, Default)]
pub(super) struct Place<T> {
    pub(super) link: u32,
    pub(super) body: T,
}

/// Places that are taken and given back. A free one holds the default, by which whoever looks
/// through all of them tells it.
#[derive(Clone, Debug)]
pub(super) struct Slab<T> {
    places: Chunks<Place<T>>,
    free: u32,
    /// The highest place that was ever taken.
    highest: u32,
}

impl<T: Default> Slab<T> {
    pub(super) const fn new() -> Self {
        Self { places: Chunks::new(), free: NONE, highest: NONE }
    }

    /// `None` where no further place could be numbered.
    pub(super) fn insert(&mut self, body: T) -> Option<u32> {
        let at = if self.free == NONE { self.unused()? } else { self.free };
        let place = self.place_mut(at)?;
        let free = mem::replace(place, Place { link: NONE, body }).link;
        self.free = free;
        Some(at)
    }

    fn unused(&mut self) -> Option<u32> {
        let at = self.highest.checked_add(1)?;
        if at > self.places.len() {
            self.places.grow()?;
        }
        self.highest = at;
        Some(at)
    }

    /// Gives a place back that is taken.
    pub(super) fn remove(&mut self, at: u32) -> Option<T> {
        let place = self.places.get_mut(at.wrapping_sub(1))?;
        place.link = mem::replace(&mut self.free, at);
        Some(mem::take(&mut place.body))
    }

    pub(super) fn place(&self, at: u32) -> Option<&Place<T>> {
        self.places.get(at.wrapping_sub(1))
    }

    pub(super) fn place_mut(&mut self, at: u32) -> Option<&mut Place<T>> {
        self.places.get_mut(at.wrapping_sub(1))
    }

    pub(super) fn get(&self, at: u32) -> Option<&T> {
        self.place(at).map(|place| &place.body)
    }

    pub(super) fn get_mut(&mut self, at: u32) -> Option<&mut T> {
        self.place_mut(at).map(|place| &mut place.body)
    }

    /// All places, free ones included, from the first on.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.places.iter().map(|place| &place.body)
    }

    /// The numbers of all places that were ever taken.
    pub(super) const fn numbers(&self) -> core::ops::RangeInclusive<u32> {
        1..=self.highest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_was_given_back_is_taken_again_before_a_new_one() {
        let mut slab = Slab::new();
        let places: Vec<_> = (1..=2000_u32).map(|body| slab.insert(body)).collect();
        let numbers: Vec<_> = (1..=2000_u32).map(Some).collect();
        assert_eq!(places, numbers);
        assert_eq!([slab.remove(7), slab.remove(1999)], [Some(7), Some(1999)]);
        assert_eq!([slab.get(7), slab.get(1999)], [Some(&0), Some(&0)]);
        let again: Vec<_> = (1..=3).map(|_| slab.insert(5)).collect();
        assert_eq!(again, [Some(1999), Some(7), Some(2001)]);
        assert_eq!(slab.iter().filter(|body| **body == 5).count(), 4);
        assert_eq!(slab.get(NONE), None);
    }

    #[test]
    fn the_first_chunk_doubles_and_further_ones_are_added_as_they_are_needed() {
        let mut slab = Slab::new();
        let lengths = [1, 4, 5, 512, 513, 2000].map(|count| {
            while slab.highest < count {
                assert!(slab.insert(0_u8).is_some());
            }
            slab.places.len()
        });
        assert_eq!(lengths, [4, 4, 8, 512, 1024, 2048]);
    }
}
