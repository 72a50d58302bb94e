//! Plays attacks that are written as data against a server, and says what it holds.

mod attack;

pub use attack::{Ask, Attack, AttackError, Expect, Hello, Outcome, Part, Send, Step, Transport};
