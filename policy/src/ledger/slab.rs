//! Numbered places in chunks of one size: growing adds a chunk, and copies nothing. Only the first
//! chunk starts small and doubles, so that a small ledger is small.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;

/// No place: the first one of a slab is never used.
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
        let place = self.places.get_mut(at)?;
        if self.free == at {
            self.free = place.link;
        }
        *place = Place { link: NONE, body };
        Some(at)
    }

    fn unused(&mut self) -> Option<u32> {
        let at = self.highest.checked_add(1)?;
        if at >= self.places.len() {
            self.places.grow()?;
        }
        self.highest = at;
        Some(at)
    }

    /// Makes sure that there is a free place; `None` where no further one could be numbered.
    pub(super) fn reserve(&mut self) -> Option<()> {
        let fits = self.free != NONE || self.highest.checked_add(1)? < self.places.len();
        if fits { Some(()) } else { self.places.grow() }
    }

    /// Gives a place back that is taken.
    pub(super) fn remove(&mut self, at: u32) -> T {
        let Some(place) = self.places.get_mut(at) else { return T::default() };
        place.link = mem::replace(&mut self.free, at);
        mem::take(&mut place.body)
    }

    pub(super) fn place(&self, at: u32) -> Option<&Place<T>> {
        self.places.get(at)
    }

    pub(super) fn place_mut(&mut self, at: u32) -> Option<&mut Place<T>> {
        self.places.get_mut(at)
    }

    pub(super) fn get(&self, at: u32) -> Option<&T> {
        self.places.get(at).map(|place| &place.body)
    }

    pub(super) fn get_mut(&mut self, at: u32) -> Option<&mut T> {
        self.places.get_mut(at).map(|place| &mut place.body)
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
        assert_eq!([slab.remove(7), slab.remove(1999)], [7, 1999]);
        assert_eq!([slab.get(7), slab.get(1999)], [Some(&0), Some(&0)]);
        let again: Vec<_> = (1..=3).map(|_| slab.insert(5)).collect();
        assert_eq!(again, [Some(1999), Some(7), Some(2001)]);
        assert_eq!(slab.iter().filter(|body| **body == 5).count(), 4);
    }
}
