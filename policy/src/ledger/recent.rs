//! The redemptions that can still be repeated: a queue of all of them, so that none is kept for
//! longer, and for each grant a ring of its own, so that none is looked for.

use alloc::vec::Vec;
use core::iter;

use super::slab::{NONE, Slab};
use crate::grant::Consumed;
use crate::time::Timestamp;

#[derive(Clone, Debug)]
pub(super) struct Recent {
    slab: Slab<Past>,
    /// The first of the queue, and the last one that was added to it.
    first: u32,
    last: u32,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Past {
    /// `None` in a free place.
    consumed: Option<Consumed>,
    /// The number of the grant's label, for which there is no room beside the ring.
    pub(super) label: u32,
    /// The grant's place in its table.
    pub(super) place: u32,
    /// The one after it of the same grant; after the newest comes the oldest.
    newer: u32,
}

impl Recent {
    pub(super) const fn new() -> Self {
        Self { slab: Slab::new(), first: NONE, last: NONE }
    }

    /// Adds a redemption to those that the grant in this place has already, and returns where it is.
    pub(super) fn push(
        &mut self,
        consumed: Consumed,
        newest: u32,
        label: u32,
        place: u32,
    ) -> Option<u32> {
        let consumed = Some(consumed);
        let at = self.slab.insert(Past { consumed, label, place, newer: NONE })?;
        let oldest = self.oldest(newest).unwrap_or(at);
        self.follow(newest, at);
        self.follow(at, oldest);
        match self.slab.place_mut(self.last).filter(|_| self.first != NONE) {
            Some(before) => before.link = at,
            None => self.first = at,
        }
        self.last = at;
        Some(at)
    }

    /// The number of the label of a grant whose newest redemption this is.
    pub(super) fn label(&self, newest: u32) -> Option<u32> {
        self.slab.get(newest).map(|past| past.label)
    }

    /// A grant's redemptions, the oldest first.
    pub(super) fn all(&self, newest: u32) -> Vec<Consumed> {
        let next = |at: &u32| self.slab.get(*at).map(|past| past.newer).filter(|_| *at != newest);
        let places = iter::successors(self.oldest(newest), next);
        places.filter_map(|at| self.slab.get(at)?.consumed).collect()
    }

    /// Takes the first one off the queue, with where it was, if it can't be repeated any more. In its
    /// grant's ring it is the oldest.
    pub(super) fn pop(&mut self, now: Timestamp) -> Option<(u32, Past)> {
        let at = self.first;
        let place = self.slab.place(at)?;
        if place.body.consumed.is_some_and(|consumed| consumed.is_recent(now)) {
            return None;
        }
        self.first = place.link;
        Some((at, self.slab.remove(at)?))
    }

    /// Closes the ring of a grant without one that was taken off the queue, unless that was in
    /// another's.
    pub(super) fn close(&mut self, newest: u32, at: u32, taken: &Past) {
        if self.oldest(newest) == Some(at) {
            self.follow(newest, taken.newer);
        }
    }

    fn oldest(&self, newest: u32) -> Option<u32> {
        self.slab.get(newest).map(|past| past.newer)
    }

    fn follow(&mut self, at: u32, newer: u32) {
        if let Some(past) = self.slab.get_mut(at) {
            past.newer = newer;
        }
    }

    /// How many there ever were at a time.
    #[cfg(test)]
    pub(super) fn places(&self) -> usize {
        self.slab.numbers().count()
    }
}
