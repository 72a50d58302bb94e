//! The rooms of a listener: which there are, who is in them, and telling each of them what the
//! policy decides ([`doorward_policy::room`]).
//!
//! [`Rooms::enter`] gives a connection a [`RoomPlace`], which it leaves by dropping it. What the
//! members share, a connection to the guarded server, is kept by whoever carries it, in a
//! [`Links`]: the registry knows no sockets.

mod hall;
mod links;
mod place;
mod question;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use doorward_policy::Timestamp;
use doorward_policy::admission::Transport;
use doorward_policy::denial::{Denial, Outage};
use doorward_policy::id::{QuestionId, SessionId};
use doorward_policy::room::{
    AnswerRefusal, HandOverRefusal, MayNotOwn, NotOwner, PoseRefusal, RoomFull,
};
use doorward_policy::subject::Subject;
use doorward_policy::workspace::Joined;

use self::hall::Hall;
pub use self::links::{Found, Links, Opening};
pub use self::place::{Pen, RoomPlace};
pub use self::question::{MAX_QUESTION, Pending, QuestionText};
use crate::clock::Clock;
use crate::journal::Journal;

/// How many rooms there are at most.
pub const MOST_ROOMS: usize = 256;

/// How many of them one session may have opened or be in, so that nobody takes them all.
pub const MOST_ROOMS_OF_SESSION: usize = 32;

/// What the connections of one room have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomKey {
    /// Whose it is, and where that was placed: who comes after a move does not get a connection to
    /// what was there before.
    pub joined: Joined,
    /// How they have come.
    pub transport: Transport,
    /// Where to: the path without its query for a WebSocket, nothing for QUIC.
    pub place: String,
}

/// Names a room for as long as the listener runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomId(pub u64);

/// Who is in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// What leases are keyed on.
    pub key: SessionId,
    /// What is shown of it.
    pub id: SessionId,
    /// Whose session it is.
    pub subject: Subject,
    /// Whether it may write, when it has the lease.
    pub may_operate: bool,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnterRefusal {
    /// There are as many rooms as may be, in all or with this session in them.
    TooManyRooms,
    /// The room, or the session's share of it, is full.
    Full(RoomFull),
    /// The clock does not answer.
    Clock,
}

impl EnterRefusal {
    /// The refusal that it amounts to.
    #[must_use]
    pub const fn denial(self) -> Denial {
        match self {
            Self::TooManyRooms | Self::Full(_) => Denial::Unavailable(Outage::RoomFull),
            Self::Clock => Denial::Unavailable(Outage::Clock),
        }
    }
}

/// What a room looks like to one who has a place in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomView {
    /// Names it to [`Rooms::act`].
    pub id: RoomId,
    /// What it is a room of.
    pub key: RoomKey,
    /// Whether it is the viewer who may write.
    pub is_owner: bool,
    /// Who holds the lease.
    pub owner: Option<Member>,
    /// When the lease of an owner who is away lapses.
    pub lapses_at: Option<Timestamp>,
    /// Who waits for the lease, the longest first.
    pub waiting: Vec<Member>,
    /// What waits for an answer: shown to nobody but the owner.
    pub questions: Vec<Asking>,
}

/// A question as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asking {
    /// Names it in the answer.
    pub id: QuestionId,
    /// What is asked.
    pub text: QuestionText,
    /// Who asks.
    pub by: Subject,
    /// When it counts as denied.
    pub ends_at: Timestamp,
}

/// Who asks a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asker {
    /// Tells one from another.
    pub key: SessionId,
    /// What is shown.
    pub name: Subject,
}

/// What a member wants of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// The lease, now or later.
    Ask,
    /// No longer to wait for it.
    Withdraw,
    /// To give it up.
    Release,
    /// To give it to the waiting session that is shown with this id.
    Give(SessionId),
    /// To answer a question.
    Answer {
        /// Which.
        question: QuestionId,
        /// With yes.
        allow: bool,
    },
}

/// Why an act has no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActRefusal {
    /// No such room, or no place in it.
    NoRoom,
    /// Who acts can't hold the lease: they may only observe.
    MayNotOwn,
    /// Only the owner may do that.
    NotOwner,
    /// Whom the lease should go to has not asked for it.
    NotWaiting,
    /// No such question waits.
    NoQuestion,
    /// There are several rooms, and it doesn't say in which.
    WhichRoom,
    /// The clock does not answer.
    Clock,
}

/// Why a question reaches nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskRefusal {
    /// No owner is connected to any room of the workspace.
    NoOwner,
    /// As many wait as may.
    TooMany,
    /// The clock, or the generator, does not answer.
    Unavailable,
}

/// The rooms of a listener.
///
/// A room is there from the first place in it until nobody is in it and nobody may come back.
#[derive(Debug)]
pub struct Rooms {
    clock: Arc<dyn Clock>,
    journal: Arc<Journal>,
    /// Locked before any of the rooms in it is.
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    halls: Vec<Arc<Hall>>,
    next: u64,
}

impl Rooms {
    pub(crate) fn new(clock: Arc<dyn Clock>, journal: Arc<Journal>) -> Self {
        Self { clock, journal, table: Mutex::default() }
    }

    /// Gives a connection a place, in a room that is made for it where there is none.
    ///
    /// # Errors
    /// If there is no room left, in any sense, or the clock fails.
    pub fn enter(
        self: &Arc<Self>,
        key: &RoomKey,
        member: Member,
    ) -> Result<RoomPlace, EnterRefusal> {
        let now = self.clock.now().map_err(|_| EnterRefusal::Clock)?;
        let mut table = self.table();
        table.close_what_is_over(now);
        let found = table.halls.iter().find(|hall| hall.key == *key).cloned();
        let hall = match found {
            Some(hall) => hall,
            None => table.open(key.clone(), &member, Arc::clone(&self.journal))?,
        };
        let place = hall.enter(member, now);
        if place.is_err() {
            table.close_what_is_over(now);
        }
        let place = place.map_err(EnterRefusal::Full)?;
        Ok(RoomPlace::new(Arc::clone(self), hall, place, member))
    }

    /// What a session sees of the rooms that it has a place in.
    #[must_use]
    pub fn seen_by(&self, session: SessionId) -> Vec<RoomView> {
        self.table().halls.iter().filter_map(|hall| hall.seen_by(session)).collect()
    }

    /// Does what a member wants.
    ///
    /// # Errors
    /// If it isn't theirs to do, or the clock fails.
    pub fn act(&self, session: SessionId, room: RoomId, act: Act) -> Result<(), ActRefusal> {
        let now = self.clock.now().map_err(|_| ActRefusal::Clock)?;
        let hall = self.table().halls.iter().find(|hall| hall.id == room).cloned();
        hall.ok_or(ActRefusal::NoRoom)?.act(session, act, now)
    }

    /// Puts a question to the owner of one of the rooms that `may_ask` says it is for: the one that
    /// has been there for longest and whose owner is connected.
    ///
    /// # Errors
    /// If nobody can be asked, or too much waits for them.
    pub fn pose(
        &self,
        id: QuestionId,
        text: &QuestionText,
        by: Asker,
        may_ask: impl Fn(&Joined) -> bool,
    ) -> Result<Pending, AskRefusal> {
        let now = self.clock.now().map_err(|_| AskRefusal::Unavailable)?;
        let mut refusal = AskRefusal::NoOwner;
        let halls = self.table().halls.clone();
        for hall in halls.into_iter().filter(|hall| may_ask(&hall.key.joined)) {
            match hall.pose(id, text.clone(), by, now) {
                Ok(answered) => {
                    return Ok(Pending::new(Arc::clone(&self.clock), hall, id, answered));
                }
                Err(PoseRefusal::NoOwner) => {}
                Err(PoseRefusal::TooMany | PoseRefusal::Repeated) => refusal = AskRefusal::TooMany,
            }
        }
        Err(refusal)
    }

    /// Lets time pass: leases lapse, questions time out, and rooms that are over go.
    pub fn tick(&self, now: Timestamp) {
        let mut table = self.table();
        for hall in &table.halls {
            hall.tick(now);
        }
        table.close_what_is_over(now);
    }

    /// How many rooms there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table().halls.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A place is left. Without a clock it is left at the last known time.
    fn left(&self, hall: &Hall, place: doorward_policy::room::Place) {
        let now = self.clock.now().unwrap_or_default();
        let mut table = self.table();
        hall.leave(place, now);
        table.close_what_is_over(now);
    }

    /// The table is consistent between any two statements, so a panic elsewhere spoils nothing.
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn open(
        &mut self,
        key: RoomKey,
        member: &Member,
        journal: Arc<Journal>,
    ) -> Result<Arc<Hall>, EnterRefusal> {
        let theirs = self.halls.iter().filter(|hall| hall.knows(member.key)).count();
        if self.halls.len() >= MOST_ROOMS || theirs >= MOST_ROOMS_OF_SESSION {
            return Err(EnterRefusal::TooManyRooms);
        }
        let id = RoomId(self.next);
        self.next += 1;
        let hall = Arc::new(Hall::new(id, key, journal));
        self.halls.push(Arc::clone(&hall));
        Ok(hall)
    }

    fn close_what_is_over(&mut self, now: Timestamp) {
        self.halls.retain(|hall| !hall.close_if_over(now));
    }
}

impl From<MayNotOwn> for ActRefusal {
    fn from(_: MayNotOwn) -> Self {
        Self::MayNotOwn
    }
}

impl From<NotOwner> for ActRefusal {
    fn from(_: NotOwner) -> Self {
        Self::NotOwner
    }
}

impl From<HandOverRefusal> for ActRefusal {
    fn from(refusal: HandOverRefusal) -> Self {
        match refusal {
            HandOverRefusal::NotOwner => Self::NotOwner,
            HandOverRefusal::NotWaiting => Self::NotWaiting,
        }
    }
}

impl From<AnswerRefusal> for ActRefusal {
    fn from(refusal: AnswerRefusal) -> Self {
        match refusal {
            AnswerRefusal::NotOwner => Self::NotOwner,
            AnswerRefusal::Unknown => Self::NoQuestion,
        }
    }
}
