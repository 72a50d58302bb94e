//! What a gate is made of, and what it says.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use doorward_policy::Timestamp;
use doorward_policy::admission::{Admitted, AwaitGrant, AwaitLocal, AwaitTicket, Denied, Opened};
use doorward_policy::denial::Denial;
use doorward_policy::id::TraceId;
use doorward_policy::keys::MasterKeys;
use doorward_policy::settings::Settings;
use serde::Serialize;

use crate::clock::Clock;
use crate::store::{Store, StoreError};
use crate::system::{Entropy, EntropyError, Processes};

/// What a gate is made of.
#[derive(Debug)]
pub struct Parts {
    /// What the operator chose.
    pub settings: Settings,
    /// The keys of this installation.
    pub keys: MasterKeys,
    /// Where records are kept.
    pub store: Arc<dyn Store>,
    /// Where `now` comes from.
    pub clock: Arc<dyn Clock>,
    /// Where secrets come from.
    pub entropy: Arc<dyn Entropy>,
    /// Which processes there are: local tokens live no longer than theirs.
    pub processes: Arc<dyn Processes>,
}

/// Why a gate can't be opened.
#[derive(Debug)]
pub enum GateError {
    /// No entropy for its tables.
    Entropy(EntropyError),
    /// The store does not answer.
    Store(StoreError),
    /// The clock does not answer.
    Clock,
}

impl fmt::Display for GateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entropy(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::Clock => f.write_str("the clock can't be read"),
        }
    }
}

impl std::error::Error for GateError {}

/// What the gate says to a request.
#[derive(Debug)]
#[must_use = "a verdict that nobody acts on is a door that nobody closed"]
pub enum Verdict {
    /// Admitted.
    Admit(Admission),
    /// One of Doorward's own pages or endpoints, which needs no credential.
    Open(Opened),
    /// Read the body, then [`redeem`](super::Gate::redeem) or [`refuse`](super::Gate::refuse).
    Grant(AwaitGrant),
    /// Refused.
    Deny(Refusal),
}

/// How far a decision goes without the store.
#[derive(Debug)]
#[must_use = "a decision that nobody finishes is a door that nobody closed"]
pub enum Begun {
    /// To its end.
    Decided(Verdict),
    /// A ticket is to be consumed, as of this time.
    Ticket(AwaitTicket, Timestamp),
    /// A local token is to be looked up, as of this time.
    Local(AwaitLocal, Timestamp),
}

impl From<Verdict> for Begun {
    fn from(verdict: Verdict) -> Self {
        Self::Decided(verdict)
    }
}

impl From<Refusal> for Begun {
    fn from(refusal: Refusal) -> Self {
        Self::Decided(Verdict::Deny(refusal))
    }
}

/// An admission, and the trace id of its audit record.
#[derive(Debug)]
pub struct Admission {
    /// The proof.
    pub admitted: Admitted,
    /// When it was decided.
    pub at: Timestamp,
    /// Joins it with its audit record.
    pub trace: TraceId,
}

/// A refusal as the caller gets it; its audit record is written.
#[derive(Clone, Copy, Debug)]
pub struct Refusal {
    /// What was refused, and why.
    pub denied: Denied,
    /// Joins the answer with its audit record.
    pub trace: TraceId,
    /// When to come back, in whole seconds from now.
    pub retry_after: Option<u64>,
}

impl Refusal {
    /// What the caller is told, in the one form that every transport carries.
    #[must_use]
    pub fn problem(&self) -> Problem<'static> {
        Problem { retry_after: self.retry_after, ..Problem::new(self.denied.denial, self.trace) }
    }
}

/// A refusal in words: the body of an HTTP answer, and the reason for which a QUIC connection is
/// closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem<'a> {
    /// The stable code.
    pub error: Cow<'a, str>,
    /// The sentence for people.
    pub message: Cow<'a, str>,
    /// Joins it with its audit record.
    pub trace_id: String,
    /// When to come back, in seconds, where waiting helps and no header says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

impl Problem<'_> {
    /// The words for a refusal.
    #[must_use]
    pub fn new(denial: Denial, trace: TraceId) -> Self {
        Self {
            error: denial.public().code.into(),
            message: denial.message().into(),
            trace_id: trace.to_string(),
            retry_after: None,
        }
    }
}
