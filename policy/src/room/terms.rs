//! The words of a room: who sits where, what is refused, and what comes of it.

use crate::id::{QuestionId, SessionId};

/// One connection's place in a room. Never given out twice by the same room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(pub(super) u64);

/// What a place may do with the shared connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Reads and writes.
    Owner,
    /// Reads.
    Follower,
}

impl Role {
    /// Its name in answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Follower => "follower",
        }
    }
}

/// Nobody else fits in; full means refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoomFull {
    /// The room has as many places as it may.
    Room,
    /// The session has.
    Session,
}

/// Why a write is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteRefusal {
    /// Somebody else holds the lease, or nobody does.
    NotOwner,
    /// There is no such place, or it may only observe.
    NotAllowed,
}

/// What asking for the lease came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// It is the asker's, from now on or already.
    Granted,
    /// The asker has a turn.
    Waiting,
}

/// The session has no place that may operate, so it can neither own nor wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MayNotOwn;

/// Somebody else holds the lease, or nobody does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotOwner;

/// Why a lease is not handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandOverRefusal {
    /// It is not the giver's.
    NotOwner,
    /// Whom it should go to has not asked for it.
    NotWaiting,
}

/// Why a question is not put to anybody: whoever asks has to take it as a no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoseRefusal {
    /// No owner is connected.
    NoOwner,
    /// As many wait as may, in all or of this asker.
    TooMany,
    /// One with this id waits already.
    Repeated,
}

/// Why an answer counts for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerRefusal {
    /// It is not from the connected owner.
    NotOwner,
    /// No such question waits, or its time is up.
    Unknown,
}

/// What a question came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The owner said yes.
    Allowed,
    /// No, and why.
    Denied(Because),
}

/// Why a question was answered with no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// The owner said so.
    OwnerSaidNo,
    /// The owner's last connection ended.
    OwnerLeft,
    /// The lease went to somebody else, or was given up.
    OwnerChanged,
    /// Nobody answered in time.
    TimedOut,
}

impl Because {
    /// Its name in answers and in the audit log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OwnerSaidNo => "owner_said_no",
            Self::OwnerLeft => "owner_left",
            Self::OwnerChanged => "owner_changed",
            Self::TimedOut => "timed_out",
        }
    }
}

/// What the driver has to pass on, in the order in which it came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The lease is now this session's, or nobody's.
    OwnerChanged(Option<SessionId>),
    /// A question came to an end.
    Answered(QuestionId, Answer),
}
