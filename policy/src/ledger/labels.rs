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
        hash(seed, self.text.as_bytes())
    }
}

impl Labels {
    pub(super) const fn new(seed: Seeded) -> Self {
        Self { slab: Slab::new(), index: Index::new(seed), latest: NONE }
    }

    /// The number of a subject that one more record carries; `None` where it can't be kept.
    pub(super) fn take(&mut self, subject: &Subject) -> Option<u32> {
        let text = subject.as_str().as_bytes();
        let latest = self.slab.get(self.latest);
        if latest.is_none_or(|label| label.carriers == 0 || label.text.as_bytes() != text) {
            self.latest = self.find_or_insert(subject, text)?;
        }
        let label = self.slab.get_mut(self.latest)?;
        label.carriers = label.carriers.checked_add(1)?;
        Some(self.latest)
    }

    fn find_or_insert(&mut self, subject: &Subject, text: &[u8]) -> Option<u32> {
        let hash = hash(&self.index.seed, text);
        if let Some(at) = self.index.find(&self.slab, hash, |one| one.text.as_bytes() == text) {
            return Some(at);
        }
        self.index.reserve(&self.slab)?;
        let at = self.slab.insert(Label { text: KeptSubject::new(subject), carriers: 0 })?;
        self.index.insert(hash, at);
        Some(at)
    }

    /// One record fewer carries it; one that none carries any more is gone.
    pub(super) fn release(&mut self, at: u32) {
        let Some(label) = self.slab.get_mut(at) else { return };
        label.carriers = label.carriers.saturating_sub(1);
        if label.carriers == 0 {
            self.index.remove(&self.slab, at);
            self.slab.remove(at);
        }
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
    let key = seed.0.rotate_left(32) ^ SPREAD;
    text.chunks(8).fold(seed.0 ^ text.len() as u64, |state, chunk| {
        let mut word = [0; 8];
        for (to, from) in word.iter_mut().zip(chunk) {
            *to = *from;
        }
        let word = u64::from_le_bytes(word) ^ key;
        let product = u128::from(state ^ word).wrapping_mul(u128::from(key | 1));
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

    #[test]
    fn a_text_is_kept_once_and_for_as_long_as_a_record_carries_it() {
        let mut labels = Labels::new(Seeded(7));
        let numbers: alloc::vec::Vec<_> = (0..3000).map(|at| labels.take(&subject(at))).collect();
        assert_eq!(labels.len(), 3000);
        for (at, number) in (0..).zip(&numbers) {
            assert_eq!(labels.take(&subject(at)), *number);
            assert_eq!(number.and_then(|number| labels.get(number)), Some(subject(at)));
        }
        numbers.iter().flatten().for_each(|number| labels.release(*number));
        assert_eq!(labels.len(), 3000);
        numbers.iter().flatten().for_each(|number| labels.release(*number));
        assert_eq!(labels.len(), 0);
        assert_eq!(numbers.first().and_then(|first| labels.get((*first)?)), None);
    }
}
