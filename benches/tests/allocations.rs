//! Whoever sends a token makes Doorward verify it: that must not cost an allocation.

use std::alloc::System;

use doorward_benches::{NOW, World, claims, handshake, upgrade};
use doorward_policy::admission::Decision;
use doorward_policy::limiter::{Limiter, Limits};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The allocations of a run of `work`: the fewest of a few runs, since the test harness has threads
/// of its own.
fn allocations(mut work: impl FnMut()) -> usize {
    let run = |_| {
        let region = Region::new(ALLOCATOR);
        work();
        let change = region.change();
        change.allocations + change.reallocations
    };
    (0..5).map(run).min().unwrap_or_default()
}

// One test: others would allocate beside it.
#[test]
fn verifying_allocates_nothing() {
    let world = World::new(1000);
    let good = world.token(&claims(1001, NOW));
    let revoked = world.token(&claims(7, NOW));
    let mut forged = good.clone().into_bytes();
    forged[good.len() - 9] ^= 1;
    let late = NOW.plus(std::time::Duration::from_secs(30 * 24 * 3600));

    assert!(allocations(|| drop(world.token(&claims(1001, NOW)))) > 0, "nothing is counted");
    for text in [good.as_bytes(), revoked.as_bytes(), &forged, b"", &[b'.'; 300]] {
        assert_eq!(allocations(|| _ = world.verify(text, NOW)), 0);
        assert_eq!(allocations(|| _ = world.verify(text, late)), 0);
    }

    let cookie = format!("a=b; doorward_8765={good}");
    let bearer = format!("Bearer {good}");
    let mut limiter = Limiter::new(Limits::default());
    for fields in [handshake("cookie", &cookie), handshake("authorization", &bearer)] {
        let head = upgrade(&fields);
        let decide = || {
            let decision = world.guard().decide(&head, &mut limiter, NOW);
            assert!(matches!(decision, Decision::Admit(_)));
        };
        assert_eq!(allocations(decide), 0);
    }
}
