//! One room, which knows nothing of the rest.

use doorward_policy::id::{QuestionId, SessionId};
use doorward_policy::room::{
    Answer, AnswerRefusal, Asked, Because, Effect, HandOverRefusal, Place, PoseRefusal, Role,
    RoomFull, WriteRefusal,
};

use super::{Installation, numbers, say, session_id, session_number};
use crate::trace::{Kind, Operation};

impl Installation {
    pub(super) fn in_room(&mut self, operation: &Operation, out: &mut String) {
        self.act_in_room(operation, out);
        for effect in self.room.take_effects() {
            self::effect(effect, out);
        }
    }

    fn act_in_room(&mut self, operation: &Operation, out: &mut String) {
        let now = self.now;
        let room = &mut self.room;
        let said = match (operation.kind, operation.numbers()) {
            (Kind::Join, [session, may]) => match room.join(session_id(*session), *may > 0, now) {
                Ok(place) => {
                    say(out, format_args!("place {}", self.places.len()));
                    self.places.push(place);
                    return;
                }
                Err(RoomFull::Room) => "refused room",
                Err(RoomFull::Session) => "refused session",
            },
            (Kind::Leave, [place]) => {
                match place_of(&self.places, *place) {
                    Some(place) => room.leave(place, now),
                    None => room.tick(now),
                }
                "done"
            }
            (Kind::Role, [place]) => {
                match place_of(&self.places, *place).and_then(|place| room.role(place)) {
                    Some(Role::Owner) => "owner",
                    Some(Role::Follower) => "follower",
                    None => "none",
                }
            }
            (Kind::Write, [place]) => {
                match place_of(&self.places, *place).map(|place| room.write(place)) {
                    Some(Ok(())) => "done",
                    Some(Err(WriteRefusal::NotOwner)) => "refused not-owner",
                    Some(Err(WriteRefusal::NotAllowed)) | None => "refused not-allowed",
                }
            }
            (Kind::Ask, [session]) => match room.ask(session_id(*session), now) {
                Ok(Asked::Granted) => "granted",
                Ok(Asked::Waiting) => "waiting",
                Err(_) => "refused may-not-own",
            },
            (Kind::Withdraw, [session]) => {
                room.withdraw(session_id(*session), now);
                "done"
            }
            (Kind::Hand, [by, to]) => match room.hand_over(session_id(*by), session_id(*to), now) {
                Ok(()) => "done",
                Err(HandOverRefusal::NotOwner) => "refused not-owner",
                Err(HandOverRefusal::NotWaiting) => "refused not-waiting",
            },
            (Kind::Release, [by]) => match room.release(session_id(*by), now) {
                Ok(()) => "done",
                Err(_) => "refused not-owner",
            },
            (Kind::Pose, [question, by]) => {
                match room.pose(question_id(*question), session_id(*by), now) {
                    Ok(()) => "done",
                    Err(PoseRefusal::NoOwner) => "refused no-owner",
                    Err(PoseRefusal::TooMany) => "refused too-many",
                    Err(PoseRefusal::Repeated) => "refused repeated",
                }
            }
            (Kind::Retract, [question]) => {
                room.retract(question_id(*question), now);
                "done"
            }
            (Kind::Answer, [by, question, allow]) => {
                let question = question_id(*question);
                match room.answer(session_id(*by), question, *allow > 0, now) {
                    Ok(()) => "done",
                    Err(AnswerRefusal::NotOwner) => "refused not-owner",
                    Err(AnswerRefusal::Unknown) => "refused unknown",
                }
            }
            (Kind::Tick, _) => {
                room.tick(now);
                "done"
            }
            (Kind::Room, _) => {
                self.describe(out);
                return;
            }
            _ => "error",
        };
        out.push_str(said);
    }

    fn describe(&self, out: &mut String) {
        let room = &self.room;
        out.push_str("owner");
        number(out, room.owner().map(session_number));
        out.push_str(" lapses");
        number(out, room.lapses_at().map(doorward_policy::Timestamp::as_millis));
        out.push_str(" waiting");
        numbers(out, room.waiting().iter().map(|one| session_number(*one)));
        out.push_str(" questions");
        numbers(out, room.questions().map(|(question, _)| question_number(question)));
        say(out, format_args!(" places {} over {}", room.len(), u8::from(room.is_over(self.now))));
    }
}

fn effect(effect: Effect, out: &mut String) {
    match effect {
        Effect::OwnerChanged(owner) => {
            out.push_str(" | owner");
            number(out, owner.map(session_number));
        }
        Effect::Answered(question, Answer::Allowed) => {
            say(out, format_args!(" | allowed {}", question_number(question)));
        }
        Effect::Answered(question, Answer::Denied(because)) => {
            let word = match because {
                Because::OwnerSaidNo => "said-no",
                Because::OwnerLeft => "owner-left",
                Because::OwnerChanged => "owner-changed",
                Because::TimedOut => "timed-out",
            };
            say(out, format_args!(" | denied {} {word}", question_number(question)));
        }
    }
}

fn number(out: &mut String, number: Option<u64>) {
    match number {
        Some(number) => say(out, format_args!(" {number}")),
        None => out.push_str(" none"),
    }
}

fn place_of(places: &[Place], number: u64) -> Option<Place> {
    usize::try_from(number).ok().and_then(|at| places.get(at)).copied()
}

fn question_id(number: u64) -> QuestionId {
    QuestionId::new(*session_id(number).as_bytes())
}

pub(super) fn question_number(id: QuestionId) -> u64 {
    session_number(SessionId::new(*id.as_bytes()))
}
