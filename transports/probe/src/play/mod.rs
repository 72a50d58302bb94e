//! Plays an attack against a target.

use crate::attack::{Attack, Transport};
use crate::exchange::Exchange;
use crate::pace::Pace;
use crate::target::Target;

/// What came of an attack over one transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Played {
    /// Whether the server held.
    pub verdict: Verdict,
    /// What was sent and received, in order.
    pub exchanges: Vec<Exchange>,
}

/// Whether a server held against an attack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything came as expected.
    Held,
    /// What didn't, and in which step.
    NotHeld(String),
    /// Why the attack says nothing of this server.
    NotApplicable(String),
}

/// Plays an attack over one transport, from its first step.
pub async fn play(attack: &Attack, over: Transport, target: &dyn Target, pace: &Pace) -> Played {
    pace.turn().await;
    let _ = (attack, over, target);
    let verdict = Verdict::NotApplicable("the player takes no steps yet".to_owned());
    Played { verdict, exchanges: Vec::new() }
}
