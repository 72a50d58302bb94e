//! CPU time of this thread, and numbers that look random.

use rustix::time::{ClockId, clock_gettime};

/// CPU time of this thread in nanoseconds: what others do on the machine doesn't count, beyond
/// what they take of its caches.
#[allow(clippy::disallowed_methods, reason = "a measurement; the gate's clock is wall time")]
pub(crate) fn cpu() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// CPU nanoseconds of one of `times` operations.
pub(crate) fn each(times: u64, mut operation: impl FnMut()) -> f64 {
    let start = cpu();
    (0..times).for_each(|_| operation());
    (cpu() - start) / times as f64
}

/// Splitmix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }
}

/// 32 bytes like those of a digest, for a number.
pub(crate) fn digest(number: u64) -> [u8; 32] {
    let mut random = Random(number.wrapping_mul(0xd134_2543_de82_ef95));
    let mut bytes = [0; 32];
    for chunk in bytes.chunks_mut(8) {
        chunk.copy_from_slice(&random.next().to_le_bytes());
    }
    bytes
}

/// The first 16 of them.
pub(crate) fn id(number: u64) -> [u8; 16] {
    let mut id = [0; 16];
    id.copy_from_slice(&digest(number)[..16]);
    id
}
