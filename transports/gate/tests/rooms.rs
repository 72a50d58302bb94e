//! Rooms as an adapter meets them: places that are left by dropping them, news of the lease,
//! questions that are answered or denied, and one link for all.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test that can't go on must stop"
)]

mod door;

use std::sync::Arc;
use std::time::Duration;

use door::{Door, MINUTE, TestClock, memory};
use doorward_gate::rooms::{
    Act, ActRefusal, AskRefusal, Asker, EnterRefusal, Found, Links, MAX_QUESTION, MOST_ROOMS,
    MOST_ROOMS_OF_SESSION, Member, Pending, QuestionText, RoomKey, RoomPlace,
};
use doorward_policy::Settings;
use doorward_policy::admission::Transport;
use doorward_policy::id::{QuestionId, SessionId};
use doorward_policy::room::{Answer, Because, LEASE_GRACE, Role, RoomFull};
use doorward_policy::subject::Subject;
use doorward_policy::workspace::{Joined, WorkspaceName};
use serde_json::Value;

const QUESTION: QuestionId = QuestionId::new([9; 16]);
const MILLI: Duration = Duration::from_millis(1);

struct House {
    door: Door,
    clock: Arc<TestClock>,
}

async fn house() -> House {
    let clock = Arc::new(TestClock::default());
    let door = Door::open(Settings::default(), memory(), Arc::clone(&clock) as _).await;
    House { door, clock }
}

fn joined(workspace: &str) -> Joined {
    Joined { name: WorkspaceName::new(workspace).expect("a name"), placement: 0 }
}

fn key(workspace: &str, place: &str) -> RoomKey {
    RoomKey { joined: joined(workspace), transport: Transport::WebSocket, place: place.to_owned() }
}

/// Somebody whose session is shown under another id than it is kept under.
fn member(name: &str, may_operate: bool) -> Member {
    let number = name.as_bytes()[0];
    Member {
        key: SessionId::new([number; 16]),
        id: shown(name),
        subject: Subject::new(name).expect("a subject"),
        may_operate,
    }
}

fn shown(name: &str) -> SessionId {
    SessionId::new([!name.as_bytes()[0]; 16])
}

fn text(text: &str) -> QuestionText {
    QuestionText::new(text).expect("a question")
}

impl House {
    fn enter(&self, name: &str) -> RoomPlace {
        self.enter_at(&key("main", "/terminal"), member(name, true)).expect("there is room")
    }

    fn enter_at(&self, key: &RoomKey, member: Member) -> Result<RoomPlace, EnterRefusal> {
        self.door.gate.rooms().enter(key, member)
    }

    fn act(&self, place: &RoomPlace, act: Act) -> Result<(), ActRefusal> {
        let (who, room) = (place.member().key, place.room());
        self.door.gate.rooms().act(who, room, act)
    }

    fn pose(&self) -> Result<Pending, AskRefusal> {
        self.pose_as(QUESTION)
    }

    fn pose_as(&self, question: QuestionId) -> Result<Pending, AskRefusal> {
        let name = Subject::new("build").expect("a subject");
        let by = Asker { key: SessionId::new([1; 16]), name };
        let may_ask = |one: &Joined| *one == joined("main");
        self.door.gate.rooms().pose(question, &text("Deploy?"), by, may_ask)
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.door.gate.refresh().await.expect("the store answers");
    }
}

#[tokio::test]
async fn those_who_come_to_the_same_place_are_in_one_room() {
    let house = house().await;
    let (ann, ben) = (house.enter("ann"), house.enter("ben"));
    assert_eq!(ann.room(), ben.room());
    assert_eq!((ann.role(), ben.role()), (Role::Owner, Role::Follower));
    assert!(ann.pen().may_write() && !ben.pen().may_write());
}

#[tokio::test]
async fn another_place_workspace_transport_or_upstream_is_another_room() {
    let house = house().await;
    let here = house.enter("ann").room();
    let quic = RoomKey { transport: Transport::Quic, ..key("main", "/terminal") };
    let moved =
        RoomKey { joined: Joined { placement: 1, ..joined("main") }, ..key("main", "/terminal") };
    for other in [key("main", "/"), key("other", "/terminal"), quic, moved] {
        let place = house.enter_at(&other, member("ben", true)).unwrap();
        assert_ne!(place.room(), here, "{other:?}");
        assert_eq!(place.role(), Role::Owner);
    }
}

#[tokio::test]
async fn a_place_is_left_by_dropping_it_and_kept_for_the_owner_for_half_a_minute() {
    let house = house().await;
    let (ann, ben) = (house.enter("ann"), house.enter("ben"));
    house.act(&ben, Act::Ask).unwrap();
    drop(ann);
    house.advance(LEASE_GRACE - MILLI).await;
    assert_eq!(ben.role(), Role::Follower);
    assert_eq!(house.enter("ann").role(), Role::Owner, "back in time");
    house.advance(LEASE_GRACE).await;
    assert_eq!(ben.role(), Role::Owner);
}

#[tokio::test]
async fn whoever_leaves_for_good_keeps_no_lease() {
    let house = house().await;
    let (ann, ben) = (house.enter("ann"), house.enter("ben"));
    house.act(&ben, Act::Ask).unwrap();
    let mut owner = ben.owner();
    assert_eq!(*owner.borrow_and_update(), Some(ann.member().key));
    ann.forfeit();
    owner.changed().await.unwrap();
    assert_eq!(*owner.borrow(), Some(ben.member().key));
}

#[tokio::test]
async fn a_place_that_was_left_writes_nothing() {
    let house = house().await;
    let ann = house.enter("ann");
    let pen = ann.pen();
    let _second = house.enter("ann");
    drop(ann);
    assert!(!pen.may_write());
}

#[tokio::test]
async fn a_room_ends_with_its_lease() {
    let house = house().await;
    let ann = house.enter("ann");
    let over = tokio::spawn(ann.over());
    // Whoever still holds on to the room keeps nobody from hearing.
    let _pen = ann.pen();
    let room = ann.room();
    drop(ann);
    assert_eq!(house.door.gate.rooms().len(), 1);
    assert!(!house.door.gate.rooms().is_empty());
    house.advance(LEASE_GRACE).await;
    over.await.unwrap();
    assert!(house.door.gate.rooms().is_empty());
    assert_ne!(house.enter("ann").room(), room, "the next one is another");
}

#[tokio::test]
async fn a_room_of_observers_ends_with_the_last_of_them() {
    let house = house().await;
    let place = house.enter_at(&key("main", "/"), member("ann", false)).unwrap();
    let over = place.over();
    drop(place);
    over.await;
    assert!(house.door.gate.rooms().is_empty());
}

#[tokio::test]
async fn full_means_refuse_and_leaves_nothing_behind() {
    let house = house().await;
    let mut places = Vec::new();
    for number in 0..MOST_ROOMS {
        let key = key("main", &number.to_string());
        let name = char::from(b'A' + u8::try_from(number / MOST_ROOMS_OF_SESSION).unwrap());
        places.push(house.enter_at(&key, member(&name.to_string(), true)).unwrap());
    }
    let refused = house.enter_at(&key("main", "new"), member("ann", true));
    assert_eq!(refused.expect_err("full"), EnterRefusal::TooManyRooms);
    for _ in 0..8 {
        places.push(house.enter_at(&key("main", "0"), member("ann", true)).unwrap());
    }
    let refused = house.enter_at(&key("main", "0"), member("ann", true));
    assert_eq!(refused.expect_err("full"), EnterRefusal::Full(RoomFull::Session));
    assert_eq!(house.door.gate.rooms().len(), MOST_ROOMS);
    drop(places);
    house.advance(LEASE_GRACE).await;
    assert!(house.enter_at(&key("main", "new"), member("ann", true)).is_ok());
}

#[tokio::test]
async fn nobody_takes_all_rooms_not_even_by_leaving_them() {
    let house = house().await;
    for number in 0..MOST_ROOMS_OF_SESSION {
        drop(house.enter_at(&key("main", &number.to_string()), member("ann", true)).unwrap());
    }
    let refused = house.enter_at(&key("main", "new"), member("ann", true));
    assert_eq!(refused.expect_err("too many"), EnterRefusal::TooManyRooms);
    assert!(house.enter_at(&key("main", "new"), member("ben", true)).is_ok());
    assert!(house.enter_at(&key("main", "0"), member("ann", true)).is_ok(), "it is there");
    house.advance(LEASE_GRACE).await;
    assert!(house.enter_at(&key("main", "newer"), member("ann", true)).is_ok());
}

#[tokio::test]
async fn a_session_sees_the_rooms_that_it_is_in_and_no_other() {
    let house = house().await;
    let (ann, ben) = (house.enter("ann"), house.enter("ben"));
    let _elsewhere = house.enter_at(&key("main", "/other"), member("cleo", true)).unwrap();
    house.act(&ben, Act::Ask).unwrap();
    let _pending = house.pose().unwrap();
    let rooms = house.door.gate.rooms();
    let [seen] = &rooms.seen_by(ann.member().key)[..] else { panic!("one") };
    assert_eq!((seen.is_owner, seen.owner), (true, Some(*ann.member())));
    assert_eq!(seen.waiting, [*ben.member()]);
    assert_eq!(seen.questions[0].text.as_str(), "Deploy?");
    let [seen] = &rooms.seen_by(ben.member().key)[..] else { panic!("one") };
    assert_eq!((seen.is_owner, seen.questions.len()), (false, 0), "questions are the owner's");
    assert_eq!(rooms.seen_by(shown("ann")), []);
}

#[tokio::test]
async fn whoever_is_not_in_a_room_does_nothing_in_it() {
    let house = house().await;
    let ann = house.enter("ann");
    let rooms = house.door.gate.rooms();
    let stranger = member("ben", true).key;
    for act in [Act::Ask, Act::Withdraw, Act::Release, Act::Give(shown("ann"))] {
        let done = rooms.act(stranger, ann.room(), act);
        assert_eq!(done, Err(ActRefusal::NoRoom));
    }
    assert_eq!(ann.role(), Role::Owner);
}

#[tokio::test]
async fn the_owner_gives_the_lease_to_the_session_that_is_shown_as_waiting() {
    let house = house().await;
    let (ann, ben) = (house.enter("ann"), house.enter("ben"));
    assert_eq!(house.act(&ann, Act::Give(shown("ben"))), Err(ActRefusal::NotWaiting));
    house.act(&ben, Act::Ask).unwrap();
    assert_eq!(house.act(&ben, Act::Give(shown("ben"))), Err(ActRefusal::NotOwner));
    assert_eq!(house.act(&ann, Act::Give(shown("ben"))), Ok(()));
    assert_eq!((ann.role(), ben.role()), (Role::Follower, Role::Owner));
}

#[tokio::test]
async fn the_owners_answer_reaches_whoever_asked() {
    for (allow, expected) in
        [(true, Answer::Allowed), (false, Answer::Denied(Because::OwnerSaidNo))]
    {
        let house = house().await;
        let (ann, ben) = (house.enter("ann"), house.enter("ben"));
        let mut pending = house.pose().unwrap();
        let answer = Act::Answer { question: QUESTION, allow };
        assert_eq!(house.act(&ben, answer), Err(ActRefusal::NotOwner));
        house.act(&ann, answer).unwrap();
        assert_eq!(pending.answer().await, expected);
        assert_eq!(house.act(&ann, answer), Err(ActRefusal::NoQuestion));
    }
}

#[tokio::test]
async fn a_question_is_denied_when_the_owner_goes_or_says_nothing() {
    let house = house().await;
    let ann = house.enter("ann");
    let mut pending = house.pose().unwrap();
    drop(ann);
    assert_eq!(pending.answer().await, Answer::Denied(Because::OwnerLeft));
    drop(pending);
    assert_eq!(house.pose().expect_err("nobody is there"), AskRefusal::NoOwner);
    let _ann = house.enter("ann");
    let mut pending = house.pose().unwrap();
    house.advance(MINUTE).await;
    assert_eq!(pending.answer().await, Answer::Denied(Because::TimedOut));
}

#[tokio::test]
async fn a_question_goes_with_whoever_asked_it() {
    let house = house().await;
    let ann = house.enter("ann");
    drop(house.pose().unwrap());
    let seen = house.door.gate.rooms().seen_by(ann.member().key);
    assert_eq!(seen[0].questions, []);
    let answer = Act::Answer { question: QUESTION, allow: true };
    assert_eq!(house.act(&ann, answer), Err(ActRefusal::NoQuestion));
}

#[tokio::test]
async fn a_question_that_is_taken_back_takes_no_other_along() {
    let house = house().await;
    let ann = house.enter("ann");
    let other = QuestionId::new([8; 16]);
    let (taken_back, mut pending) = (house.pose().unwrap(), house.pose_as(other).unwrap());
    drop(taken_back);
    let seen = house.door.gate.rooms().seen_by(ann.member().key);
    assert_eq!(seen[0].questions.iter().map(|one| one.id).collect::<Vec<_>>(), [other]);
    house.act(&ann, Act::Answer { question: other, allow: true }).unwrap();
    assert_eq!(pending.answer().await, Answer::Allowed);
}

#[tokio::test]
async fn a_question_goes_to_the_oldest_room_of_its_workspace_whose_owner_is_there() {
    let house = house().await;
    let _other = house.enter_at(&key("other", "/"), member("dora", true)).unwrap();
    let _observer = house.enter_at(&key("main", "/a"), member("eve", false)).unwrap();
    let ann = house.enter_at(&key("main", "/b"), member("ann", true)).unwrap();
    let ben = house.enter_at(&key("main", "/c"), member("ben", true)).unwrap();
    let _pending = house.pose().unwrap();
    let rooms = house.door.gate.rooms();
    let asked = |place: &RoomPlace| rooms.seen_by(place.member().key)[0].questions.len();
    assert_eq!((asked(&ann), asked(&ben)), (1, 0));
}

#[test]
fn a_question_can_be_shown_as_it_is() {
    assert!(QuestionText::new("Удалить базу? 🗑").is_some());
    assert!(QuestionText::new(&"x".repeat(MAX_QUESTION)).is_some());
    let long = "x".repeat(MAX_QUESTION + 1);
    for text in ["", "  ", "a\nb", "\x1b[2J", "\u{9b}2J", "allow \u{202e}yned", long.as_str()] {
        assert_eq!(QuestionText::new(text), None, "{text:?}");
    }
}

#[tokio::test]
async fn one_member_opens_what_all_share() {
    let house = house().await;
    let links = Links::new();
    let (ann, ben) = (house.enter("ann"), house.enter("ben"));
    let Found::Yours(opening) = links.find(&ann).await else { panic!("the first opens it") };
    let waiting = tokio::spawn({
        let links = Arc::clone(&links);
        async move { (links.find(&ben).await, ben) }
    });
    opening.opened("link");
    let (found, ben) = waiting.await.unwrap();
    assert!(matches!(found, Found::Open("link")));
    assert_eq!((links.len(), links.is_empty()), (1, false));
    drop(opening);
    assert!(links.is_empty());
    assert!(matches!(links.find(&ben).await, Found::Yours(_)), "it has ended: the next opens it");
}

#[tokio::test]
async fn links_are_shown_without_what_they_are_of() {
    let house = house().await;
    let (links, ann) = (Links::<Arc<dyn Fn()>>::new(), house.enter("ann"));
    let Found::Yours(opening) = links.find(&ann).await else { panic!("the first opens it") };
    assert_eq!(format!("{links:?}"), "Links { len: 1, .. }");
    assert_eq!(format!("{opening:?}"), format!("Opening {{ room: {:?}, .. }}", ann.room()));
}

//= req: ROOM-6, type=test
#[tokio::test]
async fn who_waits_for_one_that_fails_opens_it_unless_they_may_only_observe() {
    let house = house().await;
    let links = Links::<()>::new();
    let ann = house.enter("ann");
    let others = [true, false].map(|may_operate| {
        let name = if may_operate { "ben" } else { "cleo" };
        house.enter_at(&key("main", "/terminal"), member(name, may_operate)).unwrap()
    });
    let Found::Yours(opening) = links.find(&ann).await else { panic!("the first opens it") };
    let [ben, cleo] = others.map(|place| {
        let links = Arc::clone(&links);
        tokio::spawn(async move { (links.find(&place).await, place) })
    });
    drop(opening);
    let (found, _ben) = ben.await.unwrap();
    let Found::Yours(opening) = found else { panic!("the next opens it") };
    drop(opening);
    assert!(matches!(cleo.await.unwrap().0, Found::Nothing));
}

#[tokio::test]
async fn each_change_of_the_lease_is_written_down() {
    let house = house().await;
    let (ann, ben) = (house.enter("ann"), house.enter("ben"));
    house.act(&ben, Act::Ask).unwrap();
    house.act(&ann, Act::Release).unwrap();
    house.act(&ben, Act::Release).unwrap();
    house.door.gate.flush().await.unwrap();
    let lines = house.door.store.audit_lines(0, 100).await.unwrap();
    let lines = lines.iter().map(|line| serde_json::from_str(&line.json).unwrap());
    let owners = lines.filter(|line: &Value| line["event"] == "room_owner");
    let named = |line: Value| line["session"].as_str().map(str::to_owned);
    let expected = [Some(shown("ann").to_string()), Some(shown("ben").to_string()), None];
    assert_eq!(owners.map(named).collect::<Vec<_>>(), expected);
}
