//! One session at a time writes to a shared connection; the others follow.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "a test that can't go on must stop"
)]

mod common;

use common::{NOW, millis, secs};
use doorward_policy::Timestamp;
use doorward_policy::id::{QuestionId, SessionId};
use doorward_policy::room::{
    Answer, AnswerRefusal, Asked, Because, Effect, HandOverRefusal, LEASE_GRACE, MOST_PLACES,
    MOST_PLACES_OF_SESSION, MOST_QUESTIONS, MOST_QUESTIONS_OF_ASKER, MayNotOwn, NotOwner, Place,
    PoseRefusal, QUESTION_LIFE, Role, Room, RoomFull, WriteRefusal,
};

const ANN: SessionId = session(1);
const BEN: SessionId = session(2);
const CLEO: SessionId = session(3);
const BUILD: SessionId = session(99);
const QUESTION: QuestionId = QuestionId::new([7; 16]);

const fn session(number: u8) -> SessionId {
    SessionId::new([number; 16])
}

fn asker(number: usize) -> SessionId {
    session(u8::try_from(100 + number).unwrap())
}

fn question(number: usize) -> QuestionId {
    QuestionId::new([u8::try_from(number).unwrap() + 100; 16])
}

/// A room in which these sessions have a place each, the first of them the owner.
fn room_of<const N: usize>(sessions: [SessionId; N]) -> (Room, [Place; N]) {
    let mut room = Room::new();
    let places = sessions.map(|one| room.join(one, true, NOW).unwrap());
    let _told = room.take_effects();
    (room, places)
}

fn denied(because: Because) -> Effect {
    Effect::Answered(QUESTION, Answer::Denied(because))
}

//= req: ROOM-1, type=test
#[test]
fn the_first_who_may_operate_owns_and_the_others_follow() {
    let mut room = Room::new();
    let watching = room.join(CLEO, false, NOW).unwrap();
    assert_eq!((room.role(watching), room.owner()), (Some(Role::Follower), None));
    let ann = room.join(ANN, true, NOW).unwrap();
    let ben = room.join(BEN, true, NOW).unwrap();
    assert_eq!(room.take_effects(), [Effect::OwnerChanged(Some(ANN))]);
    assert_eq!(room.role(ann), Some(Role::Owner));
    assert_eq!(room.role(ben), Some(Role::Follower));
    assert_eq!(room.write(ann), Ok(()));
    assert_eq!(room.write(ben), Err(WriteRefusal::NotOwner));
    assert_eq!(room.write(watching), Err(WriteRefusal::NotAllowed));
}

//= req: ROOM-1, type=test
#[test]
fn every_place_of_the_owner_writes_but_one_that_only_observes() {
    let (mut room, _) = room_of([ANN, BEN]);
    let second = room.join(ANN, true, NOW).unwrap();
    let watching = room.join(ANN, false, NOW).unwrap();
    assert_eq!((room.role(second), room.write(second)), (Some(Role::Owner), Ok(())));
    assert_eq!(room.role(watching), Some(Role::Follower));
    assert_eq!(room.write(watching), Err(WriteRefusal::NotAllowed));
}

#[test]
fn a_place_that_was_left_is_good_for_nothing() {
    let (mut room, [ann]) = room_of([ANN]);
    room.leave(ann, NOW);
    let again = room.join(ANN, true, NOW).unwrap();
    assert_ne!(ann, again);
    assert_eq!((room.role(ann), room.write(ann)), (None, Err(WriteRefusal::NotAllowed)));
    room.leave(ann, NOW);
    assert_eq!(room.write(again), Ok(()), "nobody else's place is given up with it");
}

#[test]
fn an_owner_who_comes_back_in_time_is_still_the_owner() {
    let (mut room, [ann, _]) = room_of([ANN, BEN]);
    room.ask(BEN, NOW).unwrap();
    room.leave(ann, NOW);
    let just_in_time = NOW.plus(LEASE_GRACE).minus(millis(1));
    let again = room.join(ANN, true, just_in_time).unwrap();
    assert_eq!(room.write(again), Ok(()));
    room.tick(NOW.plus(secs(3600)));
    assert_eq!(room.owner(), Some(ANN), "nothing lapses while they are there");
    assert_eq!(room.take_effects(), []);
}

//= req: ROOM-2, type=test
#[test]
fn at_exactly_thirty_seconds_the_lease_has_lapsed() {
    let (mut room, [ann, ben]) = room_of([ANN, BEN]);
    room.ask(BEN, NOW).unwrap();
    room.leave(ann, NOW);
    assert_eq!(room.next_tick(), Some(NOW.plus(secs(30))));
    room.tick(NOW.plus(millis(29_999)));
    assert_eq!(room.write(ben), Err(WriteRefusal::NotOwner));
    let again = room.join(ANN, true, NOW.plus(millis(30_000))).unwrap();
    assert_eq!(room.take_effects(), [Effect::OwnerChanged(Some(BEN))]);
    assert_eq!((room.role(again), room.role(ben)), (Some(Role::Follower), Some(Role::Owner)));
}

#[test]
fn an_absent_owner_who_comes_back_to_observe_only_keeps_nothing() {
    let (mut room, [ann, ben]) = room_of([ANN, BEN]);
    room.leave(ann, NOW);
    room.join(ANN, false, NOW).unwrap();
    assert_eq!(room.ask(BEN, NOW.plus(LEASE_GRACE)), Ok(Asked::Granted));
    assert_eq!(room.write(ben), Ok(()));
}

//= req: ROOM-2, type=test
#[test]
fn the_one_who_has_waited_longest_is_next() {
    let (mut room, [ann, ..]) = room_of([ANN, BEN, CLEO]);
    assert_eq!(room.ask(CLEO, NOW), Ok(Asked::Waiting));
    assert_eq!(room.ask(BEN, NOW.plus(secs(1))), Ok(Asked::Waiting));
    assert_eq!(room.ask(CLEO, NOW.plus(secs(2))), Ok(Asked::Waiting));
    assert_eq!(room.waiting(), [CLEO, BEN], "asking again neither gains nor loses a turn");
    room.leave(ann, NOW.plus(secs(3)));
    room.tick(NOW.plus(secs(33)));
    assert_eq!((room.owner(), room.waiting()), (Some(CLEO), &[BEN][..]));
}

#[test]
fn a_turn_ends_with_the_last_place_that_may_operate() {
    let (mut room, [_, ben, cleo]) = room_of([ANN, BEN, CLEO]);
    room.ask(BEN, NOW).unwrap();
    room.ask(CLEO, NOW).unwrap();
    room.join(BEN, false, NOW).unwrap();
    room.join(CLEO, true, NOW).unwrap();
    room.leave(ben, NOW);
    room.leave(cleo, NOW);
    assert_eq!(room.waiting(), [CLEO]);
}

#[test]
fn a_lease_that_nobody_waits_for_goes_to_the_next_who_comes_or_asks() {
    for asks in [true, false] {
        let (mut room, [ann, _]) = room_of([ANN, BEN]);
        room.leave(ann, NOW);
        room.tick(NOW.plus(LEASE_GRACE));
        assert_eq!(room.take_effects(), [Effect::OwnerChanged(None)]);
        if asks {
            assert_eq!(room.ask(BEN, NOW), Ok(Asked::Granted));
        } else {
            room.join(BEN, true, NOW).unwrap();
        }
        assert_eq!(room.take_effects(), [Effect::OwnerChanged(Some(BEN))]);
    }
}

#[test]
fn who_has_no_place_or_may_only_observe_gets_no_turn() {
    let (mut room, _) = room_of([ANN]);
    room.join(CLEO, false, NOW).unwrap();
    assert_eq!(room.ask(BEN, NOW), Err(MayNotOwn));
    assert_eq!(room.ask(CLEO, NOW), Err(MayNotOwn));
    room.release(ANN, NOW).unwrap();
    assert_eq!(room.ask(CLEO, NOW), Err(MayNotOwn), "not even when the lease is vacant");
    assert_eq!(room.owner(), None);
}

//= req: ROOM-3, type=test
#[test]
fn only_the_owner_gives_the_lease_away_and_only_to_who_asked() {
    let (mut room, [_, ben, _]) = room_of([ANN, BEN, CLEO]);
    room.ask(BEN, NOW).unwrap();
    assert_eq!(room.hand_over(BEN, BEN, NOW), Err(HandOverRefusal::NotOwner));
    assert_eq!(room.hand_over(ANN, CLEO, NOW), Err(HandOverRefusal::NotWaiting));
    assert_eq!(room.hand_over(ANN, ANN, NOW), Err(HandOverRefusal::NotWaiting));
    assert_eq!(room.release(CLEO, NOW), Err(NotOwner));
    assert_eq!(room.hand_over(ANN, BEN, NOW), Ok(()));
    assert_eq!(room.take_effects(), [Effect::OwnerChanged(Some(BEN))]);
    assert_eq!((room.write(ben), room.waiting()), (Ok(()), &[][..]));
}

#[test]
fn a_lease_given_up_goes_to_the_longest_waiting_or_to_nobody() {
    let (mut room, _) = room_of([ANN, BEN]);
    room.ask(BEN, NOW).unwrap();
    room.release(ANN, NOW).unwrap();
    assert_eq!(room.owner(), Some(BEN));
    room.release(BEN, NOW).unwrap();
    let changes = [Effect::OwnerChanged(Some(BEN)), Effect::OwnerChanged(None)];
    assert_eq!(room.take_effects(), changes);
}

#[test]
fn who_withdraws_is_passed_over() {
    let (mut room, _) = room_of([ANN, BEN, CLEO]);
    room.ask(BEN, NOW).unwrap();
    room.ask(CLEO, NOW).unwrap();
    room.withdraw(BEN, NOW);
    room.release(ANN, NOW).unwrap();
    assert_eq!(room.owner(), Some(CLEO));
}

//= req: ROOM-4, type=test
#[test]
fn the_owner_alone_answers_and_only_once() {
    let (mut room, _) = room_of([ANN, BEN]);
    room.pose(QUESTION, BUILD, NOW).unwrap();
    assert_eq!(room.answer(BEN, QUESTION, true, NOW), Err(AnswerRefusal::NotOwner));
    assert_eq!(room.take_effects(), []);
    assert_eq!(room.answer(ANN, QUESTION, true, NOW), Ok(()));
    assert_eq!(room.take_effects(), [Effect::Answered(QUESTION, Answer::Allowed)]);
    assert_eq!(room.answer(ANN, QUESTION, false, NOW), Err(AnswerRefusal::Unknown));
    room.pose(QUESTION, BUILD, NOW).unwrap();
    room.answer(ANN, QUESTION, false, NOW).unwrap();
    assert_eq!(room.take_effects(), [denied(Because::OwnerSaidNo)]);
}

//= req: ROOM-4, type=test
#[test]
fn a_disconnect_denies_at_once_what_waited_for_that_person() {
    let (mut room, [ann, _]) = room_of([ANN, BEN]);
    let second = room.join(ANN, true, NOW).unwrap();
    room.pose(QUESTION, BUILD, NOW).unwrap();
    room.leave(ann, NOW);
    assert_eq!(room.take_effects(), [], "they are still there");
    room.leave(second, NOW);
    assert_eq!(room.take_effects(), [denied(Because::OwnerLeft)]);
    assert_eq!(room.pose(QUESTION, BUILD, NOW), Err(PoseRefusal::NoOwner));
    assert_eq!(room.answer(ANN, QUESTION, true, NOW), Err(AnswerRefusal::NotOwner));
    room.join(ANN, true, NOW).unwrap();
    assert_eq!(room.answer(ANN, QUESTION, true, NOW), Err(AnswerRefusal::Unknown));
}

//= req: ROOM-4, type=test
#[test]
fn a_new_owner_inherits_no_question() {
    let (mut room, _) = room_of([ANN, BEN]);
    let told = [denied(Because::OwnerChanged), Effect::OwnerChanged(Some(BEN))];
    room.ask(BEN, NOW).unwrap();
    room.pose(QUESTION, BUILD, NOW).unwrap();
    room.hand_over(ANN, BEN, NOW).unwrap();
    assert_eq!(room.take_effects(), told);
    assert_eq!(room.answer(BEN, QUESTION, true, NOW), Err(AnswerRefusal::Unknown));
    room.pose(QUESTION, BUILD, NOW).unwrap();
    room.release(BEN, NOW).unwrap();
    assert_eq!(room.take_effects(), [denied(Because::OwnerChanged), Effect::OwnerChanged(None)]);
}

//= req: ROOM-4, type=test
#[test]
fn a_question_waits_for_a_minute() {
    let (mut room, _) = room_of([ANN]);
    room.pose(QUESTION, BUILD, NOW).unwrap();
    assert_eq!(room.next_tick(), Some(NOW.plus(QUESTION_LIFE)));
    room.tick(NOW.plus(QUESTION_LIFE).minus(millis(1)));
    assert_eq!(room.take_effects(), []);
    let late = NOW.plus(QUESTION_LIFE);
    assert_eq!(room.answer(ANN, QUESTION, true, late), Err(AnswerRefusal::Unknown));
    assert_eq!(room.take_effects(), [denied(Because::TimedOut)]);
}

#[test]
fn a_retracted_question_can_not_be_answered() {
    let (mut room, _) = room_of([ANN]);
    room.pose(QUESTION, BUILD, NOW).unwrap();
    assert_eq!(room.pose(QUESTION, BUILD, NOW), Err(PoseRefusal::Repeated));
    room.retract(QUESTION, NOW);
    assert_eq!(room.answer(ANN, QUESTION, true, NOW), Err(AnswerRefusal::Unknown));
    assert_eq!((room.take_effects(), room.questions().count()), (Vec::new(), 0));
}

//= req: ROOM-5, type=test
#[test]
fn full_means_refuse() {
    let (mut room, _) = room_of([ANN]);
    for _ in 1..MOST_PLACES_OF_SESSION {
        room.join(ANN, true, NOW).unwrap();
    }
    assert_eq!(room.join(ANN, true, NOW), Err(RoomFull::Session));
    for number in MOST_PLACES_OF_SESSION..MOST_PLACES {
        room.join(session(10 + u8::try_from(number).unwrap()), true, NOW).unwrap();
    }
    assert_eq!(room.join(BEN, true, NOW), Err(RoomFull::Room));
    assert_eq!(room.len(), MOST_PLACES);
    for number in 0..MOST_QUESTIONS {
        room.pose(question(number), asker(number / MOST_QUESTIONS_OF_ASKER), NOW).unwrap();
    }
    let refused = room.pose(question(MOST_QUESTIONS), BUILD, NOW);
    assert_eq!(refused, Err(PoseRefusal::TooMany));
}

//= req: ROOM-5, type=test
#[test]
fn nobody_asks_so_much_that_others_can_not() {
    let (mut room, _) = room_of([ANN]);
    for number in 0..MOST_QUESTIONS_OF_ASKER {
        room.pose(question(number), BUILD, NOW).unwrap();
    }
    assert_eq!(room.pose(QUESTION, BUILD, NOW), Err(PoseRefusal::TooMany));
    assert_eq!(room.pose(QUESTION, asker(1), NOW), Ok(()));
}

#[test]
fn nobody_takes_the_place_of_an_owner_who_is_away() {
    let (mut room, [ann]) = room_of([ANN]);
    for number in 1..MOST_PLACES {
        room.join(session(10 + u8::try_from(number).unwrap()), true, NOW).unwrap();
    }
    room.leave(ann, NOW);
    assert_eq!(room.join(BEN, true, NOW), Err(RoomFull::Room));
    let again = room.join(ANN, true, NOW).unwrap();
    room.leave(again, NOW);
    assert!(room.join(BEN, true, NOW.plus(LEASE_GRACE)).is_ok(), "not beyond the lease");
}

#[test]
fn a_room_is_over_when_nobody_is_there_or_may_come_back() {
    let mut room = Room::new();
    assert!(room.is_over(NOW));
    let watching = room.join(CLEO, false, NOW).unwrap();
    assert!(!room.is_over(NOW));
    room.leave(watching, NOW);
    assert!(room.is_over(NOW), "there is no lease to come back to");
    let ann = room.join(ANN, true, NOW).unwrap();
    room.leave(ann, NOW);
    assert!(!room.is_over(NOW.plus(LEASE_GRACE).minus(millis(1))));
    assert!(room.is_over(NOW.plus(LEASE_GRACE)));
}

#[test]
fn a_clock_that_goes_back_gives_nobody_time() {
    let (mut room, [ann, ben]) = room_of([ANN, BEN]);
    room.ask(BEN, NOW).unwrap();
    room.pose(QUESTION, BUILD, NOW).unwrap();
    room.leave(ann, NOW.minus(secs(3600)));
    assert_eq!(room.lapses_at(), Some(NOW.plus(LEASE_GRACE)));
    room.tick(NOW.plus(secs(29)));
    let back = room.join(ANN, false, Timestamp::EPOCH).unwrap();
    room.leave(back, Timestamp::EPOCH);
    room.tick(NOW.plus(LEASE_GRACE));
    assert_eq!(room.write(ben), Ok(()));
}

#[test]
fn a_room_knows_who_has_a_place() {
    let mut room = Room::new();
    assert!(room.is_empty() && !room.holds(ANN));
    let ann = room.join(ANN, true, NOW).unwrap();
    assert!(room.holds(ANN) && !room.holds(BEN) && !room.is_empty());
    room.leave(ann, NOW);
    assert!(room.is_empty() && !room.holds(ANN));
}
