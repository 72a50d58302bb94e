//! Where traces come from.

use std::path::{Path, PathBuf};
use std::{fs, io};

use super::Trace;

/// Some traces, each of which can be had by its number.
pub trait Source: Sync {
    /// How many there are.
    fn len(&self) -> u64;

    /// One of them.
    fn trace(&self, number: u64) -> Trace;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Traces from a generator, without an end. Each depends on the seed and its number alone.
#[derive(Clone, Copy, Debug)]
pub struct Random {
    /// The same seed gives the same traces.
    pub seed: u64,
}

/// The most bytes that a random trace is decoded from.
const LONGEST: usize = 1000;

impl Source for Random {
    fn len(&self) -> u64 {
        u64::MAX
    }

    fn trace(&self, number: u64) -> Trace {
        let mut random =
            fastrand::Rng::with_seed(self.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut bytes = vec![0; random.usize(16..LONGEST)];
        random.fill(&mut bytes);
        Trace::from_bytes(&bytes)
    }
}

/// Every trace of `depth` operations of a small alphabet, after operations that all begin with.
#[derive(Clone, Debug)]
pub struct Every {
    /// What it is about.
    pub name: &'static str,
    /// The settings, and what comes first.
    pub before: Trace,
    /// What comes then, in every order and with every repetition.
    pub alphabet: Vec<super::Operation>,
    /// How many of it.
    pub depth: u32,
}

impl Source for Every {
    fn len(&self) -> u64 {
        (self.alphabet.len() as u64).pow(self.depth)
    }

    fn trace(&self, mut number: u64) -> Trace {
        let mut trace = self.before.clone();
        for _ in 0..self.depth {
            let size = self.alphabet.len() as u64;
            trace.operations.push(self.alphabet[(number % size) as usize]);
            number /= size;
        }
        trace
    }
}

/// Traces that are there, such as those decoded from files.
#[derive(Clone, Debug, Default)]
pub struct Kept(pub Vec<Trace>);

impl Source for Kept {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn trace(&self, number: u64) -> Trace {
        self.0[number as usize].clone()
    }
}

/// Every file under a folder, as the bytes of a trace.
///
/// # Errors
/// If one can't be read.
pub fn corpus(folder: &Path) -> io::Result<Kept> {
    let mut traces = Vec::new();
    for path in files(folder)? {
        traces.push(Trace::from_bytes(&fs::read(path)?));
    }
    Ok(Kept(traces))
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
