//! Rooms against a plain model: all that ever happened, read from the start each time.
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

use common::{NOW, millis};
use doorward_policy::Timestamp;
use doorward_policy::id::{QuestionId, SessionId};
use doorward_policy::room::{
    Answer, Asked, Because, Effect, LEASE_GRACE, MOST_PLACES_OF_SESSION, MOST_QUESTIONS,
    MOST_QUESTIONS_OF_ASKER, Place, QUESTION_LIFE, Role, Room,
};
use proptest::prelude::*;

const SESSIONS: u8 = 5;

#[derive(Clone, Copy, Debug)]
enum Step {
    Join { session: u8, may_operate: bool },
    Leave(usize),
    Ask(u8),
    Withdraw(u8),
    HandOver { by: u8, to: u8 },
    Release(u8),
    Pose { by: u8 },
    Answer { by: u8, question: usize, allow: bool },
    Wait(u64),
    Back(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let who = || 0..SESSIONS;
    let wait =
        prop_oneof![0..40_000_u64, Just(1), Just(29_999), Just(30_000), Just(59_999), Just(60_000)];
    prop_oneof![
        6 => (who(), prop::bool::weighted(0.8))
            .prop_map(|(session, may_operate)| Step::Join { session, may_operate }),
        5 => (0..40_usize).prop_map(Step::Leave),
        5 => who().prop_map(Step::Ask),
        1 => who().prop_map(Step::Withdraw),
        2 => (who(), who()).prop_map(|(by, to)| Step::HandOver { by, to }),
        2 => who().prop_map(Step::Release),
        4 => (0..3_u8).prop_map(|by| Step::Pose { by }),
        3 => (who(), 0..20_usize, any::<bool>())
            .prop_map(|(by, question, allow)| Step::Answer { by, question, allow }),
        5 => wait.prop_map(Step::Wait),
        1 => (0..100_000_u64).prop_map(Step::Back),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 0..60)
}

const fn id(session: u8) -> SessionId {
    SessionId::new([session; 16])
}

fn question(number: usize) -> QuestionId {
    QuestionId::new([u8::try_from(number).unwrap(); 16])
}

/// One thing that has happened. Places and questions are numbered in the order in which they came.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Past {
    Joined { place: usize, session: u8, may_operate: bool },
    Left(usize),
    Asked(u8),
    Withdrew(u8),
    Owner(Option<u8>),
    Posed { question: usize, by: u8 },
    Answered(usize, Answer),
}

/// What has happened, in order; the model knows nothing else.
#[derive(Default)]
struct History(Vec<(Timestamp, Past)>);

impl History {
    fn note(&mut self, now: Timestamp, past: Past) {
        self.0.push((now, past));
    }

    fn until(&self, end: usize) -> Self {
        Self(self.0[..end].to_vec())
    }

    fn has(&self, past: Past) -> bool {
        self.0.iter().any(|(_, one)| *one == past)
    }

    /// The seats taken: place, session, whether it may operate.
    fn seats(&self) -> Vec<(usize, u8, bool)> {
        let joined = self.0.iter().filter_map(|(_, past)| match *past {
            Past::Joined { place, session, may_operate } => Some((place, session, may_operate)),
            _ => None,
        });
        joined.filter(|(place, ..)| !self.has(Past::Left(*place))).collect()
    }

    fn may_own(&self, session: u8) -> bool {
        self.seats().iter().any(|(_, one, may)| *one == session && *may)
    }

    fn owner(&self) -> Option<u8> {
        let changes = self.0.iter().rev();
        changes
            .filter_map(|(_, past)| if let Past::Owner(to) = past { Some(*to) } else { None })
            .next()?
    }

    /// When the owner was last there, if they aren't now.
    fn away_since(&self) -> Option<Timestamp> {
        let owner = self.owner().filter(|owner| !self.may_own(*owner))?;
        let there = |end: &usize| self.until(*end).may_own(owner);
        let last = (0..self.0.len()).rev().find(there)?;
        Some(self.0[last].0)
    }

    /// Since when a session has waited without a break: the index of its ask.
    fn waits_since(&self, session: u8) -> Option<usize> {
        let ends =
            |past: Past| [Past::Withdrew(session), Past::Owner(Some(session))].contains(&past);
        let broken = (0..self.0.len())
            .rev()
            .find(|at| ends(self.0[*at].1) || !self.until(at + 1).may_own(session));
        let from = broken.map_or(0, |at| at + 1);
        (from..self.0.len()).find(|at| self.0[*at].1 == Past::Asked(session))
    }

    fn waiting(&self) -> Vec<u8> {
        let mut waiting =
            (0..SESSIONS).filter_map(|one| Some((self.waits_since(one)?, one))).collect::<Vec<_>>();
        waiting.sort_unstable();
        waiting.into_iter().map(|(_, one)| one).collect()
    }

    /// The questions that wait, since when, and whose they are.
    fn questions(&self) -> Vec<(usize, Timestamp, u8)> {
        let ended = |question| {
            let ends = |past: &Past| matches!(past, Past::Answered(one, _) if *one == question);
            self.0.iter().any(|(_, past)| ends(past))
        };
        let posed = self.0.iter().filter_map(|(at, past)| match past {
            Past::Posed { question, by } => Some((*question, *at, *by)),
            _ => None,
        });
        posed.filter(|(question, ..)| !ended(*question)).collect()
    }

    fn deny(&mut self, now: Timestamp, because: Because) {
        for (question, ..) in self.questions() {
            self.note(now, Past::Answered(question, Answer::Denied(because)));
        }
    }

    fn give(&mut self, now: Timestamp, to: Option<u8>) {
        self.deny(now, Because::OwnerChanged);
        self.note(now, Past::Owner(to));
    }

    fn time_passes(&mut self, now: Timestamp) {
        for (question, since, _) in self.questions() {
            if now >= since.plus(QUESTION_LIFE) {
                self.note(now, Past::Answered(question, Answer::Denied(Because::TimedOut)));
            }
        }
        if self.away_since().is_some_and(|since| now >= since.plus(LEASE_GRACE)) {
            let next = self.waiting().first().copied();
            self.give(now, next);
        }
    }

    fn effects(&self) -> Vec<Effect> {
        let effect = |(_, past): &(Timestamp, Past)| match *past {
            Past::Owner(to) => Some(Effect::OwnerChanged(to.map(id))),
            Past::Answered(number, answer) => Some(Effect::Answered(question(number), answer)),
            _ => None,
        };
        self.0.iter().filter_map(effect).collect()
    }
}

/// The room and the model, side by side.
struct Run {
    room: Room,
    history: History,
    effects: Vec<Effect>,
    places: Vec<Place>,
    posed: usize,
    now: Timestamp,
    latest: Timestamp,
}

impl Run {
    fn new() -> Self {
        let mut room = Room::new();
        room.tick(NOW);
        Self {
            room,
            history: History::default(),
            effects: Vec::new(),
            places: Vec::new(),
            posed: 0,
            now: NOW,
            latest: NOW,
        }
    }

    fn step(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Wait(span) => self.now = self.now.plus(millis(span)),
            Step::Back(span) => self.now = self.now.minus(millis(span)),
            _ => {}
        }
        self.latest = self.latest.max(self.now);
        self.history.time_passes(self.latest);
        match step {
            Step::Wait(_) | Step::Back(_) => self.room.tick(self.now),
            Step::Join { session, may_operate } => self.join(session, may_operate)?,
            Step::Leave(place) => self.leave(place),
            Step::Ask(session) => self.ask(session)?,
            Step::Withdraw(session) => {
                self.room.withdraw(id(session), self.now);
                self.history.note(self.latest, Past::Withdrew(session));
            }
            Step::HandOver { by, to } => self.hand_over(by, to)?,
            Step::Release(by) => self.release(by)?,
            Step::Pose { by } => self.pose(by)?,
            Step::Answer { by, question, allow } => self.answer(by, question, allow)?,
        }
        self.effects.extend(self.room.take_effects());
        self.compare()
    }

    fn present_owner(&self) -> Option<u8> {
        self.history.owner().filter(|owner| self.history.may_own(*owner))
    }

    fn join(&mut self, session: u8, may_operate: bool) -> Result<(), TestCaseError> {
        let theirs = self.history.seats().iter().filter(|(_, one, _)| *one == session).count();
        let joined = self.room.join(id(session), may_operate, self.now);
        prop_assert_eq!(joined.is_ok(), theirs < MOST_PLACES_OF_SESSION);
        let Ok(place) = joined else { return Ok(()) };
        let past = Past::Joined { place: self.places.len(), session, may_operate };
        self.history.note(self.latest, past);
        self.places.push(place);
        if may_operate && self.history.owner().is_none() {
            self.history.give(self.latest, Some(session));
        }
        Ok(())
    }

    fn leave(&mut self, number: usize) {
        let Some(place) = self.places.get(number) else { return };
        let before = self.present_owner();
        self.room.leave(*place, self.now);
        self.history.note(self.latest, Past::Left(number));
        if before != self.present_owner() {
            self.history.deny(self.latest, Because::OwnerLeft);
        }
    }

    fn ask(&mut self, session: u8) -> Result<(), TestCaseError> {
        let asked = self.room.ask(id(session), self.now);
        prop_assert_eq!(asked.is_ok(), self.history.may_own(session));
        let Ok(asked) = asked else { return Ok(()) };
        match self.history.owner() {
            None => self.history.give(self.latest, Some(session)),
            Some(owner) if owner == session => {}
            Some(_) => self.history.note(self.latest, Past::Asked(session)),
        }
        let granted = self.history.owner() == Some(session);
        prop_assert_eq!(asked, if granted { Asked::Granted } else { Asked::Waiting });
        Ok(())
    }

    fn hand_over(&mut self, by: u8, to: u8) -> Result<(), TestCaseError> {
        let given = self.room.hand_over(id(by), id(to), self.now).is_ok();
        let may = self.history.owner() == Some(by) && self.history.waiting().contains(&to);
        prop_assert_eq!(given, may);
        if given {
            self.history.give(self.latest, Some(to));
        }
        Ok(())
    }

    fn release(&mut self, by: u8) -> Result<(), TestCaseError> {
        let released = self.room.release(id(by), self.now).is_ok();
        prop_assert_eq!(released, self.history.owner() == Some(by));
        if released {
            let next = self.history.waiting().first().copied();
            self.history.give(self.latest, next);
        }
        Ok(())
    }

    fn pose(&mut self, by: u8) -> Result<(), TestCaseError> {
        let posed = self.room.pose(question(self.posed), id(by), self.now).is_ok();
        let waiting = self.history.questions();
        let theirs = waiting.iter().filter(|(.., one)| *one == by).count();
        let room = waiting.len() < MOST_QUESTIONS && theirs < MOST_QUESTIONS_OF_ASKER;
        prop_assert_eq!(posed, room && self.present_owner().is_some());
        if posed {
            self.history.note(self.latest, Past::Posed { question: self.posed, by });
            self.posed += 1;
        }
        Ok(())
    }

    fn answer(&mut self, by: u8, number: usize, allow: bool) -> Result<(), TestCaseError> {
        let answered = self.room.answer(id(by), question(number), allow, self.now).is_ok();
        let waits = self.history.questions().iter().any(|(one, ..)| *one == number);
        prop_assert_eq!(answered, waits && self.present_owner() == Some(by));
        if answered {
            let no = Answer::Denied(Because::OwnerSaidNo);
            let answer = if allow { Answer::Allowed } else { no };
            self.history.note(self.latest, Past::Answered(number, answer));
        }
        Ok(())
    }

    fn compare(&self) -> Result<(), TestCaseError> {
        let Self { room, history, .. } = self;
        prop_assert_eq!(&self.effects, &history.effects());
        prop_assert_eq!(room.owner(), history.owner().map(id));
        let waiting = history.waiting().into_iter().map(id).collect::<Vec<_>>();
        prop_assert_eq!(room.waiting(), waiting);
        prop_assert_eq!(room.lapses_at(), history.away_since().map(|at| at.plus(LEASE_GRACE)));
        let questions = history.questions().into_iter();
        let questions = questions.map(|(one, at, _)| (question(one), at.plus(QUESTION_LIFE)));
        prop_assert_eq!(room.questions().collect::<Vec<_>>(), questions.collect::<Vec<_>>());
        let over = history.seats().is_empty() && history.owner().is_none();
        prop_assert_eq!(room.is_over(self.now), over);
        self.compare_places()
    }

    fn compare_places(&self) -> Result<(), TestCaseError> {
        let seats = self.history.seats();
        prop_assert_eq!(self.room.len(), seats.len());
        for (number, place) in self.places.iter().enumerate() {
            let seat = seats.iter().find(|(one, ..)| *one == number);
            let owns = seat.is_some_and(|(_, who, may)| *may && self.history.owner() == Some(*who));
            let role = if owns { Role::Owner } else { Role::Follower };
            prop_assert_eq!(self.room.role(*place), seat.map(|_| role));
            prop_assert_eq!(self.room.write(*place).is_ok(), owns);
        }
        Ok(())
    }
}

/// Takes the steps, and looks at the room after each.
fn each(
    steps: Vec<Step>,
    mut look: impl FnMut(&Run, &[Effect]) -> Result<(), TestCaseError>,
) -> Result<(), TestCaseError> {
    let mut run = Run::new();
    for step in steps {
        let known = run.effects.len();
        run.step(step)?;
        look(&run, &run.effects[known..])?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    //= req: ROOM-1, ROOM-2, ROOM-3, ROOM-4, type=model
    #[test]
    fn a_room_is_what_its_history_says(steps in steps()) {
        each(steps, |_, _| Ok(()))?;
    }

    //= req: ROOM-1, type=property
    #[test]
    fn one_owner_at_a_time(steps in steps()) {
        each(steps, |run, _| {
            let seats = run.history.seats();
            let writes = |(number, ..): &&(usize, u8, bool)| run.room.write(run.places[*number]).is_ok();
            let writers = seats.iter().filter(writes).map(|(_, who, _)| *who);
            let writers = writers.collect::<std::collections::BTreeSet<_>>();
            prop_assert!(writers.len() <= 1, "{:?}", writers);
            Ok(())
        })?;
    }

    //= req: ROOM-1, type=property
    #[test]
    fn who_only_observes_never_writes(steps in steps()) {
        each(steps, |run, _| {
            for (number, who, may_operate) in run.history.seats() {
                prop_assert!(may_operate || run.room.write(run.places[number]).is_err());
                let may_own = run.history.may_own(who) || run.room.lapses_at().is_some();
                prop_assert!(may_own || run.room.owner() != Some(id(who)));
            }
            Ok(())
        })?;
    }

    //= req: ROOM-2, type=property
    #[test]
    fn the_longest_waiting_is_promoted(steps in steps()) {
        let mut queue = Vec::new();
        let mut given = false;
        let mut run = Run::new();
        for step in steps {
            given |= matches!(step, Step::HandOver { .. });
            let known = run.effects.len();
            run.step(step)?;
            for effect in &run.effects[known..] {
                if let (Effect::OwnerChanged(to), Some(first), false) = (effect, queue.first(), given) {
                    prop_assert_eq!(*to, Some(*first));
                }
            }
            queue = run.room.waiting().to_vec();
            given = false;
        }
    }

    //= req: ROOM-4, type=property
    #[test]
    fn a_disconnect_denies_what_waited_for_that_person(steps in steps()) {
        each(steps, |run, _| {
            let there = run.room.owner().is_some() && run.room.lapses_at().is_none();
            prop_assert!(there || run.room.questions().next().is_none());
            Ok(())
        })?;
    }

    //= req: ROOM-4, type=property
    #[test]
    fn a_question_ends_once(steps in steps()) {
        let mut ended = std::collections::BTreeSet::new();
        each(steps, |_, effects| {
            for effect in effects {
                if let Effect::Answered(question, _) = effect {
                    prop_assert!(ended.insert(*question));
                }
            }
            Ok(())
        })?;
    }

    #[test]
    fn a_lease_nobody_waits_for_is_the_only_vacant_one(steps in steps()) {
        each(steps, |run, _| {
            prop_assert!(run.room.owner().is_some() || run.room.waiting().is_empty());
            Ok(())
        })?;
    }
}
