//! What the benchmarks have in common: what they run, what prints results, and the limit.

pub mod limit;
pub mod load;
pub mod quic;
pub mod refusal;
pub mod report;
pub mod result;
pub mod turns;

pub use doorward_count::*;

/// The one in the middle; not a number where there is none.
#[must_use]
pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}
