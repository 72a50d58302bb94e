//! The peer: hashbrown's table of digests with an identity hash and a value of eight bytes.

use std::collections::VecDeque;
use std::hash::{BuildHasherDefault, Hasher};

use hashbrown::HashMap;

use crate::timing::{Random, digest, each};

#[derive(Default)]
pub(crate) struct Identity(u64);

impl Hasher for Identity {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    // The length of the array, the same for each key.
    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

pub(crate) struct Peer {
    map: HashMap<[u8; 32], u64, BuildHasherDefault<Identity>>,
    /// The numbers of the keys that are in it.
    numbers: Vec<u64>,
    next: u64,
    random: Random,
}

impl Peer {
    pub(crate) fn filled(size: u64) -> Self {
        let mut map = HashMap::default();
        for number in 0..size {
            map.insert(digest(number), number);
        }
        Self { map, numbers: (0..size).collect(), next: size, random: Random(1) }
    }

    /// CPU nanoseconds of removing an entry and inserting another.
    pub(crate) fn turn(&mut self, times: u64) -> f64 {
        let mut pairs: VecDeque<_> = (0..times).map(|_| self.pair()).collect();
        each(times, || {
            let Some((old, new, number)) = pairs.pop_front() else { return };
            assert!(self.map.remove(&old).is_some());
            assert!(self.map.insert(new, number).is_none());
        })
    }

    fn pair(&mut self) -> ([u8; 32], [u8; 32], u64) {
        let at = self.random.below(self.numbers.len());
        let old = std::mem::replace(&mut self.numbers[at], self.next);
        let pair = (digest(old), digest(self.next), self.next);
        self.next += 1;
        pair
    }
}
