//! What runs the real policy in lockstep with something that is known: the oracle extracted from the
//! proved model ([`trace`]), and the invariants, over every state that a small world can reach
//! ([`world`]).

pub mod trace;
pub mod world;
