//! Rooms: all connections of a workspace to one place share one upstream connection, and one
//! session at a time holds the lease that lets it write.
//!
//! The first session that may operate and finds the lease vacant gets it; the others follow. It
//! survives the owner's absence for [`LEASE_GRACE`], and then goes to whoever has waited longest.
//! What waits for the owner's answer is denied as soon as that person can't give one any more.
//!
//! The driver calls, and then passes on what [`Room::take_effects`] holds. A `now` that lies before
//! an earlier one counts as that earlier one, so that nobody gains by a clock that goes back.

mod terms;

use alloc::vec::Vec;
use core::mem;
use core::time::Duration;

pub use self::terms::{
    Answer, AnswerRefusal, Asked, Because, Effect, HandOverRefusal, MayNotOwn, NotOwner, Place,
    PoseRefusal, Role, RoomFull, WriteRefusal,
};
use crate::id::{QuestionId, SessionId};
use crate::time::Timestamp;

/// How long a lease outlives its owner's last connection.
pub const LEASE_GRACE: Duration = Duration::from_secs(30);

/// How long a question waits for its answer.
pub const QUESTION_LIFE: Duration = Duration::from_secs(60);

/// How many places a room has.
pub const MOST_PLACES: usize = 64;

/// How many of them one session may take, so that nobody fills a room alone.
pub const MOST_PLACES_OF_SESSION: usize = 8;

/// How many questions wait for one owner.
pub const MOST_QUESTIONS: usize = 16;

/// How many of them may be of one asker, so that nobody keeps others from asking.
pub const MOST_QUESTIONS_OF_ASKER: usize = 4;

/// Who is in one room, and who of them may write.
///
/// Two things always hold: a vacant lease has nobody waiting for it, and whoever waits has a place
/// that may operate.
#[derive(Debug, Default)]
pub struct Room {
    latest: Timestamp,
    seats: Vec<Seat>,
    lease: Option<Lease>,
    /// In the order in which they asked.
    waiting: Vec<SessionId>,
    questions: Vec<Question>,
    next_place: u64,
    effects: Vec<Effect>,
}

#[derive(Clone, Copy, Debug)]
struct Seat {
    place: Place,
    session: SessionId,
    may_operate: bool,
}

#[derive(Clone, Copy, Debug)]
struct Lease {
    holder: SessionId,
    /// While the holder is away: when the lease ends.
    lapses_at: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug)]
struct Question {
    id: QuestionId,
    by: SessionId,
    ends_at: Timestamp,
}

impl Room {
    /// An empty room, whose lease is vacant.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            latest: Timestamp::EPOCH,
            seats: Vec::new(),
            lease: None,
            waiting: Vec::new(),
            questions: Vec::new(),
            next_place: 0,
            effects: Vec::new(),
        }
    }

    /// Gives a connection of `session` a place. If it may operate, it takes a vacant lease, and
    /// keeps one that it left less than [`LEASE_GRACE`] ago.
    ///
    /// # Errors
    /// If there is no room; an absent owner's place is held free meanwhile.
    pub fn join(
        &mut self,
        session: SessionId,
        may_operate: bool,
        now: Timestamp,
    ) -> Result<Place, RoomFull> {
        self.tick(now);
        self.check_room_for(session)?;
        let next = self.next_place.checked_add(1).ok_or(RoomFull::Room)?;
        let place = Place(mem::replace(&mut self.next_place, next));
        self.seats.push(Seat { place, session, may_operate });
        if may_operate {
            match &mut self.lease {
                None => self.grant(session),
                Some(lease) if lease.holder == session => lease.lapses_at = None,
                Some(_) => {}
            }
        }
        Ok(place)
    }

    fn check_room_for(&self, session: SessionId) -> Result<(), RoomFull> {
        let theirs = self.seats.iter().filter(|seat| seat.session == session).count();
        //= req: ROOM-5
        if theirs >= MOST_PLACES_OF_SESSION {
            return Err(RoomFull::Session);
        }
        let kept_free = self.lease.is_some_and(|one| one.is_away() && one.holder != session);
        let taken = self.seats.len().saturating_add(usize::from(kept_free));
        //= req: ROOM-5
        if taken >= MOST_PLACES { Err(RoomFull::Room) } else { Ok(()) }
    }

    /// Takes a place back. With the owner's last one that may operate, everything that waited for
    /// their answer is denied, and the lease begins to lapse; whoever waited with their last one
    /// loses their turn.
    pub fn leave(&mut self, place: Place, now: Timestamp) {
        self.tick(now);
        let Some(at) = self.seats.iter().position(|seat| seat.place == place) else { return };
        let session = self.seats.remove(at).session;
        if self.may_own(session) {
            return;
        }
        self.waiting.retain(|one| *one != session);
        let lapses_at = self.latest.plus(LEASE_GRACE);
        if let Some(lease) = self.lease.as_mut().filter(|lease| lease.is_present(session)) {
            //= req: ROOM-2
            lease.lapses_at = Some(lapses_at);
            //= req: ROOM-4
            self.deny_all(Because::OwnerLeft);
        }
    }

    /// What a place may do; `None` if there is no such place.
    #[must_use]
    pub fn role(&self, place: Place) -> Option<Role> {
        let seat = self.seats.iter().find(|seat| seat.place == place)?;
        let owns = seat.may_operate && self.is_present_owner(seat.session);
        Some(if owns { Role::Owner } else { Role::Follower })
    }

    /// Whether what comes from a place may go to the upstream.
    ///
    /// # Errors
    /// Unless it is a place of the owner's that may operate.
    pub fn write(&self, place: Place) -> Result<(), WriteRefusal> {
        //= req: ROOM-1
        let seat = self.seats.iter().find(|seat| seat.place == place && seat.may_operate);
        let session = seat.ok_or(WriteRefusal::NotAllowed)?.session;
        //= req: ROOM-1
        if self.is_present_owner(session) { Ok(()) } else { Err(WriteRefusal::NotOwner) }
    }

    /// Wants the lease: gets it if it is vacant, else a turn. Asking again keeps the turn.
    ///
    /// # Errors
    /// If the session has no place that may operate.
    pub fn ask(&mut self, session: SessionId, now: Timestamp) -> Result<Asked, MayNotOwn> {
        self.tick(now);
        if !self.may_own(session) {
            return Err(MayNotOwn);
        }
        if self.lease.is_none() {
            self.grant(session);
        }
        if self.is_present_owner(session) {
            return Ok(Asked::Granted);
        }
        if !self.waiting.contains(&session) {
            self.waiting.push(session);
        }
        Ok(Asked::Waiting)
    }

    /// Doesn't want it any more.
    pub fn withdraw(&mut self, session: SessionId, now: Timestamp) {
        self.tick(now);
        self.waiting.retain(|one| *one != session);
    }

    /// The owner gives the lease to somebody who has asked for it.
    ///
    /// # Errors
    /// If it isn't theirs to give, or the other has no turn.
    pub fn hand_over(
        &mut self,
        by: SessionId,
        to: SessionId,
        now: Timestamp,
    ) -> Result<(), HandOverRefusal> {
        self.tick(now);
        //= req: ROOM-3
        if self.owner() != Some(by) {
            return Err(HandOverRefusal::NotOwner);
        }
        //= req: ROOM-3
        if !self.waiting.contains(&to) {
            return Err(HandOverRefusal::NotWaiting);
        }
        //= req: ROOM-4
        self.deny_all(Because::OwnerChanged);
        self.grant(to);
        Ok(())
    }

    /// The owner gives the lease up: it goes to whoever has waited longest, or to nobody.
    ///
    /// # Errors
    /// If it isn't theirs.
    pub fn release(&mut self, by: SessionId, now: Timestamp) -> Result<(), NotOwner> {
        self.tick(now);
        if self.owner() != Some(by) {
            return Err(NotOwner);
        }
        self.vacate();
        Ok(())
    }

    /// Puts a question of `by` to the owner, for [`QUESTION_LIFE`].
    ///
    /// # Errors
    /// If no owner is connected, too much waits for them, or the id is in use.
    pub fn pose(
        &mut self,
        question: QuestionId,
        by: SessionId,
        now: Timestamp,
    ) -> Result<(), PoseRefusal> {
        self.tick(now);
        if self.lease.is_none_or(|lease| lease.is_away()) {
            return Err(PoseRefusal::NoOwner);
        }
        let theirs = self.questions.iter().filter(|one| one.by == by).count();
        //= req: ROOM-5
        if self.questions.len() >= MOST_QUESTIONS || theirs >= MOST_QUESTIONS_OF_ASKER {
            return Err(PoseRefusal::TooMany);
        }
        if self.questions.iter().any(|one| one.id == question) {
            return Err(PoseRefusal::Repeated);
        }
        let ends_at = self.latest.plus(QUESTION_LIFE);
        self.questions.push(Question { id: question, by, ends_at });
        Ok(())
    }

    /// Forgets a question that nobody waits for any more. It has no effect.
    pub fn retract(&mut self, question: QuestionId, now: Timestamp) {
        self.tick(now);
        self.questions.retain(|one| one.id != question);
    }

    /// The owner answers a question.
    ///
    /// # Errors
    /// If it isn't the connected owner who does, or no such question waits.
    pub fn answer(
        &mut self,
        by: SessionId,
        question: QuestionId,
        allow: bool,
        now: Timestamp,
    ) -> Result<(), AnswerRefusal> {
        self.tick(now);
        //= req: ROOM-4
        if !self.is_present_owner(by) {
            return Err(AnswerRefusal::NotOwner);
        }
        let at = self.questions.iter().position(|one| one.id == question);
        self.questions.remove(at.ok_or(AnswerRefusal::Unknown)?);
        let no = Answer::Denied(Because::OwnerSaidNo);
        let answer = if allow { Answer::Allowed } else { no };
        self.effects.push(Effect::Answered(question, answer));
        Ok(())
    }

    /// Lets time pass: questions whose time is up are denied, and a lease that has lapsed goes to
    /// whoever has waited longest.
    pub fn tick(&mut self, now: Timestamp) {
        self.latest = self.latest.max(now);
        let latest = self.latest;
        //= req: ROOM-4
        let overdue = |one: &Question| latest >= one.ends_at;
        for question in self.questions.iter().filter(|one| overdue(one)) {
            let answer = Answer::Denied(Because::TimedOut);
            self.effects.push(Effect::Answered(question.id, answer));
        }
        self.questions.retain(|one| !overdue(one));
        if self.lease.is_some_and(|lease| lease.has_lapsed(latest)) {
            self.vacate();
        }
    }

    /// When [`tick`](Self::tick) has something to do next, if nothing else happens.
    #[must_use]
    pub fn next_tick(&self) -> Option<Timestamp> {
        let lapse = self.lease.and_then(|lease| lease.lapses_at);
        self.questions.iter().map(|one| one.ends_at).chain(lapse).min()
    }

    /// Whether nobody is in the room and nobody may come back to it.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        let now = self.latest.max(now);
        self.seats.is_empty() && self.lease.is_none_or(|lease| lease.has_lapsed(now))
    }

    /// What has come of the calls since this was last asked.
    #[must_use]
    pub fn take_effects(&mut self) -> Vec<Effect> {
        mem::take(&mut self.effects)
    }

    /// Who holds the lease, connected or not.
    #[must_use]
    pub fn owner(&self) -> Option<SessionId> {
        self.lease.map(|lease| lease.holder)
    }

    /// When the lease of an owner who is away lapses; `None` while they are connected.
    #[must_use]
    pub fn lapses_at(&self) -> Option<Timestamp> {
        self.lease?.lapses_at
    }

    /// Who waits for the lease, the longest first.
    #[must_use]
    pub fn waiting(&self) -> &[SessionId] {
        &self.waiting
    }

    /// What waits for the owner's answer, the oldest first, and until when.
    pub fn questions(&self) -> impl Iterator<Item = (QuestionId, Timestamp)> + '_ {
        self.questions.iter().map(|one| (one.id, one.ends_at))
    }

    /// Whether a session has a place.
    #[must_use]
    pub fn holds(&self, session: SessionId) -> bool {
        self.seats.iter().any(|seat| seat.session == session)
    }

    /// How many places are taken.
    #[must_use]
    pub fn len(&self) -> usize {
        self.seats.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.seats.is_empty()
    }

    fn may_own(&self, session: SessionId) -> bool {
        self.seats.iter().any(|seat| seat.session == session && seat.may_operate)
    }

    fn is_present_owner(&self, session: SessionId) -> bool {
        self.lease.is_some_and(|lease| lease.is_present(session))
    }

    fn grant(&mut self, session: SessionId) {
        self.waiting.retain(|one| *one != session);
        self.lease = Some(Lease { holder: session, lapses_at: None });
        self.effects.push(Effect::OwnerChanged(Some(session)));
    }

    /// Ends the lease, and gives it to whoever has waited longest.
    fn vacate(&mut self) {
        //= req: ROOM-4
        self.deny_all(Because::OwnerChanged);
        self.lease = None;
        //= req: ROOM-2
        match self.waiting.first().copied() {
            Some(next) => self.grant(next),
            None => self.effects.push(Effect::OwnerChanged(None)),
        }
    }

    fn deny_all(&mut self, because: Because) {
        for question in mem::take(&mut self.questions) {
            self.effects.push(Effect::Answered(question.id, Answer::Denied(because)));
        }
    }
}

impl Lease {
    const fn is_away(self) -> bool {
        self.lapses_at.is_some()
    }

    fn is_present(self, session: SessionId) -> bool {
        self.holder == session && !self.is_away()
    }

    fn has_lapsed(self, now: Timestamp) -> bool {
        self.lapses_at.is_some_and(|lapses_at| now >= lapses_at)
    }
}
