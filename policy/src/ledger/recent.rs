//! The redemptions that can still be repeated: a queue of all of them, so that none is kept for
//! longer, and for each grant a list of its own, the newest first.

use alloc::vec::Vec;
use core::mem;

use super::slab::{NONE, Slab};
use crate::grant::Consumed;
use crate::time::Timestamp;

#[derive(Clone, Debug)]
pub(super) struct Recent {
    slab: Slab<Past>,
    first: u32,
    last: u32,
}

#[derive(Clone, Debug, Default)]
struct Past {
    /// `None` where the grant has let go of it, and it only waits for its turn in the queue.
    consumed: Option<Consumed>,
    /// The number of the grant's label, for which there is no room beside the list.
    label: u32,
    /// The grant's place in its table.
    place: u32,
    /// The one before it of the same grant.
    older: u32,
}

/// What is first in the queue.
pub(super) enum Due {
    /// Nothing, or something that can still be repeated.
    Nothing,
    /// What the grant in this place should let go of.
    Of(u32),
    /// What nobody holds any more.
    LetGo,
}

impl Recent {
    pub(super) const fn new() -> Self {
        Self { slab: Slab::new(), first: NONE, last: NONE }
    }

    /// Puts a redemption before those that the grant in this place has already, and returns where
    /// its list begins then.
    pub(super) fn push(
        &mut self,
        consumed: Consumed,
        older: u32,
        label: u32,
        place: u32,
    ) -> Option<u32> {
        let at = self.slab.insert(Past { consumed: Some(consumed), label, place, older })?;
        let last = mem::replace(&mut self.last, at);
        match self.slab.place_mut(last).filter(|_| last != NONE) {
            Some(before) => before.link = at,
            None => self.first = at,
        }
        Some(at)
    }

    /// The number of the label of a grant whose list begins here.
    pub(super) fn label(&self, newest: u32) -> Option<u32> {
        self.slab.get(newest).map(|past| past.label)
    }

    /// A grant's redemptions, the oldest first.
    pub(super) fn all(&self, newest: u32) -> Vec<Consumed> {
        let pasts = self.places(newest).filter_map(|at| self.slab.get(at)?.consumed);
        let mut all: Vec<_> = pasts.collect();
        all.reverse();
        all
    }

    /// Lets go of those in a list that can't be repeated any more, and returns where it begins then.
    pub(super) fn retain(&mut self, newest: u32, now: Timestamp) -> u32 {
        let (mut first, mut before, mut at) = (newest, NONE, newest);
        while let Some(past) = self.slab.get_mut(at).filter(|_| at != NONE) {
            let older = past.older;
            if past.consumed.as_ref().is_some_and(|consumed| consumed.is_recent(now)) {
                before = at;
            } else {
                past.consumed = None;
                match self.slab.get_mut(before).filter(|_| before != NONE) {
                    Some(newer) => newer.older = older,
                    None => first = older,
                }
            }
            at = older;
        }
        first
    }

    /// Lets go of a whole list.
    pub(super) fn let_go(&mut self, newest: u32) {
        let mut at = newest;
        while let Some(past) = self.slab.get_mut(at).filter(|_| at != NONE) {
            past.consumed = None;
            at = past.older;
        }
    }

    pub(super) fn due(&self, now: Timestamp) -> Due {
        let first = self.slab.get(self.first).filter(|_| self.first != NONE);
        match first.map(|past| (past.place, &past.consumed)) {
            None => Due::Nothing,
            Some((_, None)) => Due::LetGo,
            Some((_, Some(consumed))) if consumed.is_recent(now) => Due::Nothing,
            Some((place, Some(_))) => Due::Of(place),
        }
    }

    /// Takes what is first off the queue, of which the grant has let go.
    pub(super) fn drop_first(&mut self) {
        let at = self.first;
        let Some(place) = self.slab.place(at).filter(|_| at != NONE) else { return };
        self.first = place.link;
        if self.first == NONE {
            self.last = NONE;
        }
        self.slab.remove(at);
    }

    fn places(&self, newest: u32) -> impl Iterator<Item = u32> {
        let some = |at: u32| Some(at).filter(|at| *at != NONE);
        core::iter::successors(some(newest), move |at| some(self.slab.get(*at)?.older))
    }
}
