//! Requests under way: at a gate, between any two of its effects, or on the wire.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use doorward_policy::admission::StoreFailure;
use doorward_policy::grant::{Counter, GrantRefusal};
use doorward_policy::id::SessionId;
use doorward_policy::session::SessionRecord;
use doorward_policy::token::Claims;
use doorward_policy::{Admitted, Denial};

use super::kept::Kept;
use super::store::{Store, lay_out_session};

/// A request that a client has made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Flight {
    /// The gate that it is with.
    pub gate: u8,
    /// What it has come to.
    pub stage: Stage,
}

/// A redemption, as far as it differs from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pairing {
    /// Which grant.
    pub grant: u8,
    /// Which of the client's nonces.
    pub nonce: u8,
    /// Where.
    pub counter: Counter,
    /// What the generator gave for the session's id.
    pub drawn: SessionId,
}

/// Where a request stands. A crash of its gate loses it, unless its answer is on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// A redemption is to be committed.
    Redeem(Pairing),
    /// Only of a store that is not atomic: what was read, to be written back.
    Read(Pairing, Kept<Store>),
    /// A redemption that the store has answered for.
    Redeemed(Pairing, Outcome),
    /// A connection was admitted and is to be registered.
    Admitted(Admission),
    /// It was registered, and is to be looked at once more.
    Registered(Admission),
    /// A renewal is to be committed.
    Renew(Renewal),
    /// A renewal was committed.
    Renewed(Renewal),
    /// A sign-out is to be committed.
    SignOut(SessionId),
    /// A sign-out was committed.
    SignedOut(SessionId),
    /// The answer is on the wire.
    Answered(Answer),
}

/// What the store said to a redemption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What the gate was told.
    pub heard: Result<SessionRecord, StoreFailure<GrantRefusal>>,
    /// Whether it was the store that said so.
    pub by_store: bool,
}

impl Hash for Outcome {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.by_store.hash(state);
        match &self.heard {
            Ok(session) => Row(*session).hash(state),
            Err(failure) => format!("{failure:?}").hash(state),
        }
    }
}

/// A session's row as part of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row(SessionRecord);

impl Hash for Row {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut hasher = std::hash::DefaultHasher::new();
        lay_out_session(&self.0, &mut hasher);
        hasher.finish().hash(state);
    }
}

/// A connection's admission, with what tells it from others.
#[derive(Clone, Debug)]
pub struct Admission(pub(super) Arc<Admitted>);

impl Admission {
    fn print(&self) -> String {
        format!("{:?} {:?}", self.0.claims(), self.0.joined())
    }
}

impl PartialEq for Admission {
    fn eq(&self, other: &Self) -> bool {
        self.0.claims() == other.0.claims() && self.0.joined() == other.0.joined()
    }
}

impl Eq for Admission {}

impl Hash for Admission {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.print().hash(state);
    }
}

/// A renewed token, with what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewal {
    /// What it says.
    pub claims: Claims,
    /// Its text.
    pub token: Arc<str>,
}

impl Hash for Renewal {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.token.hash(state);
    }
}

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A token.
    Token(Arc<str>),
    /// A refusal.
    Denied(Denial),
    /// Nothing has changed.
    AsBefore,
    /// Its session is over, as it asked.
    Bye,
}

impl Hash for Answer {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Token(token) => token.hash(state),
            Self::Denied(denial) => format!("{denial:?}").hash(state),
            Self::AsBefore => 0.hash(state),
            Self::Bye => 1.hash(state),
        }
    }
}
