//! What a million grants and a million sessions cost in memory, and what taking and putting them
//! costs, beside hashbrown's table with an identity hash. Prints lines, and figures for
//! `benches/report`.
//!
//! Bytes are counted by the allocator. Times are CPU times of this thread: medians of short turns
//! that alternate with the peer's. `tables quick` stops at 100,000.

mod grants;
mod peer;
mod sessions;
mod timing;

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How many bytes are allocated now.
fn held() -> f64 {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated.wrapping_sub(stats.bytes_deallocated) as f64
}

fn main() {
    let quick = std::env::args().any(|argument| argument == "quick");
    let most = if quick { 100_000 } else { 1_000_000 };
    let sizes: Vec<u64> = [1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000]
        .into_iter()
        .filter(|size| *size <= most)
        .collect();
    grants::measure(&sizes);
    sessions::measure(&sizes);
}
