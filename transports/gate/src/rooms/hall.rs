//! One room: the policy's state machine behind a lock, and what it decides passed on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use doorward_policy::Timestamp;
use doorward_policy::id::{QuestionId, SessionId};
use doorward_policy::room::{
    Answer, Effect, Place, PoseRefusal, Role, Room, RoomFull, WriteRefusal,
};
use doorward_policy::subject::Subject;
use tokio::sync::{oneshot, watch};

use super::question::QuestionText;
use super::{Act, ActRefusal, Asker, Asking, Member, RoomId, RoomKey, RoomView};
use crate::audit::{AuditRecord, Event};
use crate::journal::Journal;

#[derive(Debug)]
pub(super) struct Hall {
    pub(super) id: RoomId,
    pub(super) key: RoomKey,
    journal: Arc<Journal>,
    inside: Mutex<Inside>,
    owner: watch::Sender<Option<SessionId>>,
    over: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Inside {
    room: Room,
    /// Who the sessions are that have a place or hold the lease.
    members: Vec<Member>,
    posed: Vec<Posed>,
}

#[derive(Debug)]
struct Posed {
    id: QuestionId,
    text: QuestionText,
    by: Subject,
    answered: oneshot::Sender<Answer>,
}

impl Hall {
    pub(super) fn new(id: RoomId, key: RoomKey, journal: Arc<Journal>) -> Self {
        let (owner, over) = (watch::Sender::new(None), watch::Sender::new(false));
        Self { id, key, journal, inside: Mutex::default(), owner, over }
    }

    pub(super) fn enter(&self, member: Member, now: Timestamp) -> Result<Place, RoomFull> {
        self.drive(now, |inside| {
            let place = inside.room.join(member.key, member.may_operate, now)?;
            inside.members.retain(|one| one.key != member.key);
            inside.members.push(member);
            Ok(place)
        })
    }

    pub(super) fn leave(&self, place: Place, now: Timestamp) {
        self.drive(now, |inside| inside.room.leave(place, now));
    }

    /// Gives up the lease, or the turn, of a session that won't come back.
    pub(super) fn forfeit(&self, session: SessionId, now: Timestamp) {
        self.drive(now, |inside| {
            inside.room.withdraw(session, now);
            // Who holds no lease has none to lose.
            let _result = inside.room.release(session, now);
        });
    }

    pub(super) fn tick(&self, now: Timestamp) {
        self.drive(now, |inside| inside.room.tick(now));
    }

    /// Whether a session has a place, or the lease.
    pub(super) fn knows(&self, session: SessionId) -> bool {
        self.inside().member(session).is_some()
    }

    pub(super) fn role(&self, place: Place) -> Option<Role> {
        self.inside().room.role(place)
    }

    pub(super) fn write(&self, place: Place) -> Result<(), WriteRefusal> {
        self.inside().room.write(place)
    }

    pub(super) fn owner(&self) -> watch::Receiver<Option<SessionId>> {
        self.owner.subscribe()
    }

    pub(super) fn over(&self) -> watch::Receiver<bool> {
        self.over.subscribe()
    }

    /// Ends the room, if nobody is in it and nobody may come back. To be called under the lock of
    /// the table that it is in: nobody enters it meanwhile.
    pub(super) fn close_if_over(&self, now: Timestamp) -> bool {
        let over = self.inside().room.is_over(now);
        if over {
            self.over.send_replace(true);
        }
        over
    }

    pub(super) fn seen_by(&self, session: SessionId) -> Option<RoomView> {
        let inside = self.inside();
        let Inside { room, .. } = &*inside;
        if !room.holds(session) {
            return None;
        }
        let is_owner = room.owner() == Some(session);
        Some(RoomView {
            id: self.id,
            key: self.key.clone(),
            is_owner,
            owner: room.owner().and_then(|owner| inside.member(owner)),
            lapses_at: room.lapses_at(),
            waiting: room.waiting().iter().filter_map(|one| inside.member(*one)).collect(),
            questions: if is_owner { inside.asking() } else { Vec::new() },
        })
    }

    pub(super) fn act(
        &self,
        session: SessionId,
        act: Act,
        now: Timestamp,
    ) -> Result<(), ActRefusal> {
        self.drive(now, |inside| {
            if !inside.room.holds(session) {
                return Err(ActRefusal::NoRoom);
            }
            let room = &mut inside.room;
            match act {
                Act::Ask => room.ask(session, now).map(|_| ())?,
                Act::Withdraw => room.withdraw(session, now),
                Act::Release => room.release(session, now)?,
                Act::Give(shown) => {
                    let to = inside.waiting_as(shown).ok_or(ActRefusal::NotWaiting)?;
                    inside.room.hand_over(session, to, now)?;
                }
                Act::Answer { question, allow } => room.answer(session, question, allow, now)?,
            }
            Ok(())
        })
    }

    pub(super) fn pose(
        &self,
        id: QuestionId,
        text: QuestionText,
        by: Asker,
        now: Timestamp,
    ) -> Result<oneshot::Receiver<Answer>, PoseRefusal> {
        self.drive(now, |inside| {
            inside.room.pose(id, by.key, now)?;
            let (answered, answer) = oneshot::channel();
            inside.posed.push(Posed { id, text, by: by.name, answered });
            Ok(answer)
        })
    }

    pub(super) fn retract(&self, question: QuestionId, now: Timestamp) {
        self.drive(now, |inside| {
            inside.room.retract(question, now);
            inside.posed.retain(|one| one.id != question);
        });
    }

    /// Every call that may change something goes through here, so that what comes of it is passed
    /// on before anybody else sees the room.
    fn drive<T>(&self, now: Timestamp, call: impl FnOnce(&mut Inside) -> T) -> T {
        let mut inside = self.inside();
        let result = call(&mut inside);
        for effect in inside.room.take_effects() {
            match effect {
                Effect::OwnerChanged(owner) => self.owner_changed(&inside, owner, now),
                Effect::Answered(question, answer) => {
                    self.answered(&mut inside, question, answer, now)
                }
            }
        }
        let Inside { room, members, .. } = &mut *inside;
        members.retain(|one| room.holds(one.key) || room.owner() == Some(one.key));
        result
    }

    fn answered(&self, inside: &mut Inside, question: QuestionId, answer: Answer, now: Timestamp) {
        let Some(at) = inside.posed.iter().position(|one| one.id == question) else { return };
        let posed = inside.posed.remove(at);
        let said = match answer {
            Answer::Allowed => "allowed",
            Answer::Denied(because) => because.name(),
        };
        let owner = inside.room.owner().and_then(|owner| inside.member(owner));
        let mut record = AuditRecord::new(Event::QuestionAnswered, now);
        record.session = owner.map(|one| one.id);
        record.subject = owner.map(|one| one.subject);
        // What was asked is left out: it may say more than a log should keep.
        self.journal.note(record.because(format!("{said}, to {}", posed.by.as_str())));
        // Nobody may wait for it any more.
        let _result = posed.answered.send(answer);
    }

    fn owner_changed(&self, inside: &Inside, owner: Option<SessionId>, now: Timestamp) {
        self.owner.send_replace(owner);
        let mut record = AuditRecord::new(Event::RoomOwner, now);
        record.transport = Some(self.key.transport.name());
        let member = owner.and_then(|owner| inside.member(owner));
        record.session = member.map(|one| one.id);
        record.subject = member.map(|one| one.subject);
        // Its path is the guarded server's, and may say more than a log should keep.
        let workspace = self.key.joined.name;
        self.journal.note(record.because(format!("room {} of {workspace}", self.id.0)));
    }

    /// A call that panicked would have left the lock poisoned and the room between two states.
    /// The policy doesn't panic; nobody gains by what a panic elsewhere has left undone here.
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    fn member(&self, session: SessionId) -> Option<Member> {
        self.members.iter().find(|one| one.key == session).copied()
    }

    fn waiting_as(&self, shown: SessionId) -> Option<SessionId> {
        let mut waiting = self.room.waiting().iter().filter_map(|one| self.member(*one));
        waiting.find(|one| one.id == shown).map(|one| one.key)
    }

    fn asking(&self) -> Vec<Asking> {
        let asking = |(id, ends_at)| {
            let posed = self.posed.iter().find(|one| one.id == id)?;
            Some(Asking { id, text: posed.text.clone(), by: posed.by, ends_at })
        };
        self.room.questions().filter_map(asking).collect()
    }
}
