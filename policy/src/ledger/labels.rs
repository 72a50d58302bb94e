//! Subjects, each text kept once, however many records carry it.

use super::index::{Hashed, Index};
use super::slab::{NONE, Slab};
use crate::standing::Seeded;
use crate::subject::{KeptSubject, Subject};

/// The subjects of one table, with how many records carry each.
#[derive(Clone, Debug)]
pub(super) struct Labels {
    slab: Slab<Label>,
    index: Index,
    /// The one that was taken last: often the next is the same.
    latest: u32,
}

#[derive(Clone, Debug, Default)]
struct Label {
    text: KeptSubject,
    carriers: u32,
}

impl Hashed for Label {
    fn hash(&self, seed: &Seeded) -> u64 {
        hash(seed, self.text.as_bytes().unwrap_or_default())
    }
}

impl Labels {
    pub(super) const fn new(seed: Seeded) -> Self {
        Self { slab: Slab::new(), index: Index::new(seed), latest: NONE }
    }

    /// The number of a subject that one more record carries; `None` where it can't be kept.
    pub(super) fn take(&mut self, subject: &Subject) -> Option<u32> {
        let text = subject.as_bytes();
        let latest = self.slab.get(self.latest);
        if latest.is_none_or(|label| label.text.as_bytes() != Some(text)) {
            self.latest = self.find_or_insert(subject, text)?;
        }
        let label = self.slab.get_mut(self.latest)?;
        label.carriers = label.carriers.checked_add(1)?;
        Some(self.latest)
    }

    fn find_or_insert(&mut self, subject: &Subject, text: &[u8]) -> Option<u32> {
        let hash = hash(&self.index.seed, text);
        if let Some(at) = self.index.find(&self.slab, hash, |one| one.text.as_bytes() == Some(text))
        {
            return Some(at);
        }
        let at = self.slab.insert(Label { text: KeptSubject::new(subject), carriers: 0 })?;
        self.index.insert(&self.slab, hash, at)?;
        Some(at)
    }

    /// One record fewer carries it; one that none carries any more is gone.
    pub(super) fn release(&mut self, at: u32) -> Option<()> {
        let label = self.slab.get_mut(at)?;
        label.carriers = label.carriers.saturating_sub(1);
        if label.carriers == 0 {
            self.index.remove(&self.slab, at)?;
            self.slab.remove(at)?;
        }
        Some(())
    }

    pub(super) fn get(&self, at: u32) -> Option<Subject> {
        self.slab.get(at)?.text.subject()
    }

    /// How many different ones there are.
    pub(super) const fn len(&self) -> usize {
        self.index.len() as usize
    }
}

/// Folds each eight bytes into a product with the seed: people choose the texts, and without the
/// seed nobody can tell which of them would share a bucket.
fn hash(seed: &Seeded, text: &[u8]) -> u64 {
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    let key = seed.0.rotate_left(32).wrapping_add(SPREAD);
    text.chunks(8).fold(seed.0.wrapping_add(text.len() as u64), |state, chunk| {
        let mut word = [0; 8];
        for (to, from) in word.iter_mut().zip(chunk) {
            *to = *from;
        }
        let word = u64::from_le_bytes(word).wrapping_add(state);
        let product = u128::from(word).wrapping_mul(key.into());
        (product as u64) ^ ((product >> 64) as u64)
    })
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    fn subject(number: u32) -> Subject {
        Subject::new(&format!("laptop {number}")).unwrap_or(Subject::EMPTY)
    }

    /// Else texts that somebody chose, or that are much alike, could share a bucket.
    #[test]
    fn every_bit_of_a_text_and_of_the_seed_changes_the_hash_above_and_below() {
        let changed = |one: u64, other: u64| {
            let differing = one ^ other;
            assert!(differing.trailing_zeros().max(differing.leading_zeros()) < 16);
        };
        let text = *b"ada's laptop at home";
        let usual = hash(&Seeded(7), &text);
        for bit in 0..text.len() * 8 {
            let mut other = text;
            other.iter_mut().skip(bit / 8).take(1).for_each(|byte| *byte ^= 1 << (bit % 8));
            changed(usual, hash(&Seeded(7), &other));
        }
        (0..64).for_each(|bit| changed(usual, hash(&Seeded(7 ^ (1 << bit)), &text)));
        changed(usual, hash(&Seeded(7), b"ada's laptop at home\0"));
    }

    #[test]
    fn each_bit_of_a_hash_is_set_for_half_of_the_texts() {
        let hashes = (0..4096).map(|at| hash(&Seeded(7), subject(at).as_bytes()));
        let hashes: alloc::vec::Vec<_> = hashes.collect();
        for bit in 0..64 {
            let set = hashes.iter().filter(|hash| **hash >> bit & 1 == 1).count();
            assert!((1800..2300).contains(&set), "bit {bit}: {set}");
        }
    }

    #[test]
    fn a_text_is_kept_once_and_for_as_long_as_a_record_carries_it() {
        let mut labels = Labels::new(Seeded(7));
        let numbers: alloc::vec::Vec<_> = (0..3000).map(|at| labels.take(&subject(at))).collect();
        assert_eq!(labels.len(), 3000);
        for (at, number) in (0..).zip(&numbers) {
            assert_eq!(labels.take(&subject(at)), *number);
            assert_eq!(number.and_then(|number| labels.get(number)), Some(subject(at)));
        }
        let released = numbers.iter().flatten().filter_map(|number| labels.release(*number));
        assert_eq!(released.count(), 3000);
        assert_eq!(labels.len(), 3000);
        let released = numbers.iter().flatten().filter_map(|number| labels.release(*number));
        assert_eq!(released.count(), 3000);
        assert_eq!(labels.len(), 0);
        assert_eq!(numbers.first().and_then(|first| labels.get((*first)?)), None);
    }
}
