//! Two transports, one decision: what HTTP and WebSocket come to, and what QUIC comes to.

mod script;
mod world;

use std::sync::Arc;

use doorward_policy::Capabilities;
use tokio::runtime::{Builder, Runtime};

use self::script::{Shown, Step, steps};
use self::world::{Machine, Over, Said, World};
use super::input::Input;

/// Input: a line with what the operator chose, then a step a line (`script`).
///
/// Oracle: two gates, each on a store of its own, with the same keys, time, processes and entropy.
/// One is asked over HTTP and WebSocket, the other over QUIC, and nothing tells them apart: after
/// every step both have said the same, about the same session, capabilities and workspace, or for
/// the same reason; have told the same live connections to end; and have written down the same.
/// Whoever is let in has shown something, has what everything takes, and no ticket that was used.
//= req: CAP-1, ROUTE-4, TICKET-1, type=fuzz
pub fn transports(data: &[u8]) {
    let mut input = Input::new(data);
    let choices = input.line();
    let steps = steps(&mut input);
    RUNTIME.with(|runtime| runtime.block_on(compare(choices, &steps)));
}

thread_local! {
    static RUNTIME: Runtime =
        Builder::new_current_thread().enable_time().build().expect("a runtime");
}

/// More than these show nothing that they don't.
const MOST_STEPS: usize = 100;

async fn compare(choices: &[u8], steps: &[Step]) {
    let machine = Arc::new(Machine::default());
    let mut web = World::open(Over::Web, choices, &machine).await;
    let mut quic = World::open(Over::Quic, choices, &machine).await;
    let mut used = Vec::new();
    for (number, step) in steps.iter().take(MOST_STEPS).enumerate() {
        machine.take(step);
        let over_web = web.take(step, number).await;
        let over_quic = quic.take(step, number).await;
        assert_eq!(over_web, over_quic, "step {number}, {step:?}: over the web, and over QUIC");
        assert_eq!(web.ended(), quic.ended(), "live connections after {step:?}");
        if let (Step::Open(shown, _), Said::Admitted { held, .. }) = (step, &over_web) {
            check_admission(*shown, *held, web.needed, &mut used);
        }
    }
    assert_eq!(web.written().await, quic.written().await);
}

/// What holds whatever the transports agree on.
fn check_admission(
    shown: Shown,
    held: Capabilities,
    needed: Option<Capabilities>,
    used: &mut Vec<usize>,
) {
    let Some(needed) = needed else { return };
    assert!(held.contains(needed), "admitted with {held}");
    match shown {
        Shown::Nothing => panic!("nobody was admitted"),
        Shown::Forged(token) => panic!("token {token} was forged"),
        Shown::Ticket(ticket) => {
            assert!(!used.contains(&ticket), "ticket {ticket} was used");
            used.push(ticket);
        }
        Shown::Token(_) | Shown::Local(_) => {}
    }
}
