//! Counts what verifying, deciding and issuing allocate.

use std::alloc::System;

use doorward_benches::{NOW, World, claims, handshake, upgrade};
use doorward_policy::admission::Decision;
use doorward_policy::limiter::{Limiter, Limits};
use doorward_policy::token;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The allocations of a run of `work`: the fewest of a few runs, since a test harness has threads
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

/// The most that any of many good and bad tokens costs.
pub(crate) fn verifying() -> usize {
    let world = World::new(1000);
    let good = world.token(&claims(1001, NOW));
    let revoked = world.token(&claims(7, NOW));
    let mut forged = good.clone().into_bytes();
    forged[good.len() - 9] ^= 1;
    let late = NOW.plus(std::time::Duration::from_secs(30 * 24 * 3600));
    let texts = [good.as_bytes(), revoked.as_bytes(), &forged, b"", &[b'.'; 300]];
    let costs = texts.into_iter().flat_map(|text| {
        [NOW, late].map(|now| allocations(|| _ = std::hint::black_box(world.verify(text, now))))
    });
    costs.max().unwrap_or_default()
}

/// The most that an upgrade by cookie or by bearer token costs, from parsed head to answer.
pub(crate) fn deciding() -> usize {
    let world = World::new(1000);
    let good = world.token(&claims(1001, NOW));
    let cookie = format!("a=b; doorward_8765={good}");
    let bearer = format!("Bearer {good}");
    let mut limiter = Limiter::new(Limits::default());
    let mut decide = |fields: [_; 12]| {
        let head = upgrade(&fields);
        allocations(|| {
            let decision = world.guard().decide(&head, &mut limiter, NOW);
            assert!(matches!(decision, Decision::Admit(_)));
        })
    };
    decide(handshake("cookie", &cookie)).max(decide(handshake("authorization", &bearer)))
}

/// What a token costs to issue.
pub(crate) fn issuing() -> usize {
    let world = World::new(0);
    let claims = claims(1, NOW);
    allocations(|| drop(std::hint::black_box(token::issue(&claims, &world.keys, NOW))))
}
