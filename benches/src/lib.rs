//! What the benchmarks have in common: what they run, what prints results, and the limit.

pub mod limit;
pub mod load;
pub mod quic;
pub mod refusal;
pub mod report;
pub mod result;
pub mod turns;

pub use doorward_count::*;
