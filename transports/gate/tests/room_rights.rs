//! Rooms, for those who were admitted: a membership and a session are looked at each time, and not
//! only when a connection is let in.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test that can't go on must stop"
)]

mod door;

use door::{Door, Paired, name, placing};
use doorward_gate::rooms::{Act, ActRefusal, AskRefusal, QuestionText, RoomPlace};
use doorward_gate::{Admission, Verdict};
use doorward_policy::denial::Denial;
use doorward_policy::id::QuestionId;
use doorward_policy::ledger::Selector;
use doorward_policy::room::Role;
use doorward_policy::route::Routes;
use doorward_policy::settings::Guarding;
use doorward_policy::workspace::Change;
use doorward_policy::{Capabilities, Settings};

/// What a request is admitted as.
async fn admitted(door: &Door, path: &str, who: &Paired) -> Admission {
    admitted_by(door, "GET", path, Some(&who.says)).await
}

async fn admitted_by(door: &Door, method: &str, path: &str, says: Option<&str>) -> Admission {
    match door.ask(method, path, says).await {
        Verdict::Admit(admission) => admission,
        other => panic!("expected an admission, got {other:?}"),
    }
}

async fn about_rooms(door: &Door, who: &Paired) -> Admission {
    admitted(door, "/.doorward/api/room", who).await
}

/// A door with a workspace `lab`, whose members may do all.
async fn lab(members: &[&str]) -> Door {
    let mut routes = Routes::none();
    assert!(routes.add("/", Capabilities::OBSERVE));
    let (door, _clock) = Door::alone(Settings { routes, ..Settings::default() }).await;
    door.workspace("lab").await;
    for member in members {
        door.admit("lab", member, Capabilities::ALL).await;
    }
    door.refresh().await;
    door
}

async fn enter(door: &Door, who: &Paired) -> RoomPlace {
    let admission = admitted(door, "/lab", who).await;
    let _live = door.gate.register(&admission).expect("it stands");
    door.gate.enter_room(&admission, "/lab").expect("there is room")
}

fn act(door: &Door, admission: &Admission, act: Act) -> Result<(), ActRefusal> {
    door.gate.act_in_room(admission, None, act)
}

#[tokio::test]
async fn whoever_has_lost_the_membership_since_gets_no_place() {
    let door = lab(&["ann"]).await;
    let ann = door.pair("ann").await;
    let admission = admitted(&door, "/lab", &ann).await;
    door.expel("lab", "ann").await;
    door.refresh().await;
    let refusal = door.gate.enter_room(&admission, "/lab").expect_err("it is no longer theirs");
    assert_eq!(refusal.denied.denial, Denial::WorkspaceUnknown);
    assert!(door.gate.rooms().is_empty() || door.gate.rooms().seen_by(ann.id).is_empty());
}

#[tokio::test]
async fn whoever_was_revoked_since_gets_no_place() {
    let door = lab(&["ann"]).await;
    let ann = door.pair("ann").await;
    let admission = admitted(&door, "/lab", &ann).await;
    door.revoke(Selector::Session(ann.id)).await;
    door.refresh().await;
    let refusal = door.gate.enter_room(&admission, "/lab").expect_err("it is over");
    assert_eq!(refusal.denied.denial, Denial::SessionRevoked);
}

#[tokio::test]
async fn a_lost_membership_hides_the_room_and_takes_every_act() {
    let door = lab(&["ann", "ben"]).await;
    let (ann, ben) = (door.pair("ann").await, door.pair("ben").await);
    let (place, _follower) = (enter(&door, &ann).await, enter(&door, &ben).await);
    let about = about_rooms(&door, &ben).await;
    assert_eq!(door.gate.rooms_of(&about).len(), 1);
    door.expel("lab", "ben").await;
    door.refresh().await;
    assert_eq!(door.gate.rooms_of(&about), []);
    assert_eq!(act(&door, &about, Act::Ask), Err(ActRefusal::NoRoom));
    let named = door.gate.act_in_room(&about, Some(place.room()), Act::Ask);
    assert_eq!(named, Err(ActRefusal::NoRoom));
    assert_eq!(place.role(), Role::Owner, "the others go on");
}

#[tokio::test]
async fn whoever_may_only_observe_by_now_neither_asks_nor_answers() {
    let door = lab(&["ann", "ben"]).await;
    let (ann, ben) = (door.pair("ann").await, door.pair("ben").await);
    let (_owner, _follower) = (enter(&door, &ann).await, enter(&door, &ben).await);
    door.limit(Selector::Session(ben.id), Capabilities::OBSERVE).await;
    door.refresh().await;
    let about = about_rooms(&door, &ben).await;
    assert_eq!(act(&door, &about, Act::Ask), Err(ActRefusal::MayNotOwn));
    assert_eq!(act(&door, &about, Act::Withdraw), Ok(()), "what gives up is always possible");
}

#[tokio::test]
async fn in_several_rooms_it_has_to_be_said_in_which() {
    let door = lab(&["ann"]).await;
    door.admit("main", "ann", Capabilities::ALL).await;
    door.refresh().await;
    let ann = door.pair("ann").await;
    let in_lab = enter(&door, &ann).await;
    let in_main = admitted(&door, "/", &ann).await;
    let in_main = door.gate.enter_room(&in_main, "/").expect("there is room");
    let about = about_rooms(&door, &ann).await;
    assert_eq!(act(&door, &about, Act::Release), Err(ActRefusal::WhichRoom));
    let released = door.gate.act_in_room(&about, Some(in_lab.room()), Act::Release);
    assert_eq!((released, in_lab.role(), in_main.role()), (Ok(()), Role::Follower, Role::Owner));
}

#[tokio::test]
async fn a_process_asks_the_owner_of_its_own_workspace_alone() {
    let door = lab(&["ann"]).await;
    let ann = door.pair("ann").await;
    door.processes.start(7, 1);
    let place = enter(&door, &ann).await;
    let text = QuestionText::new("Deploy?").expect("a question");
    for (id, workspace, asked) in [(1, "lab", true), (2, "main", false)] {
        let process = door.local(id, workspace, 7).await;
        let path = "/.doorward/api/ask";
        let asking = admitted_by(&door, "POST", path, Some(&process.says)).await;
        let posed = door.gate.ask_owner(&asking, &text);
        let seen = door.gate.rooms().seen_by(place.member().key)[0].questions.len();
        assert_eq!(seen, usize::from(asked), "{workspace}");
        assert_eq!(posed.err(), (!asked).then_some(AskRefusal::NoOwner), "{workspace}");
    }
}

/// Nobody who opened it there may still be asked: what is at the name now is something else.
#[tokio::test]
async fn a_process_asks_nobody_of_a_workspace_that_was_elsewhere() {
    let door = lab(&["ann"]).await;
    let ann = door.pair("ann").await;
    door.processes.start(7, 1);
    let _place = enter(&door, &ann).await;
    let process = door.local(1, "lab", 7).await;
    let asking = admitted_by(&door, "POST", "/.doorward/api/ask", Some(&process.says)).await;
    door.change(Change::Place(name("lab"), placing("other"))).await;
    door.refresh().await;
    let text = QuestionText::new("Deploy?").expect("a question");
    assert_eq!(door.gate.ask_owner(&asking, &text).err(), Some(AskRefusal::NoOwner));
}

/// A question is in one room, so that an answer need not say in which.
#[tokio::test]
async fn an_answer_goes_to_the_room_where_it_was_asked_for() {
    let door = lab(&["ann"]).await;
    door.admit("main", "ann", Capabilities::ALL).await;
    door.refresh().await;
    let ann = door.pair("ann").await;
    door.processes.start(7, 1);
    let in_lab = enter(&door, &ann).await;
    let in_main = admitted(&door, "/", &ann).await;
    let _in_main = door.gate.enter_room(&in_main, "/").expect("there is room");
    let process = door.local(1, "lab", 7).await;
    let asking = admitted_by(&door, "POST", "/.doorward/api/ask", Some(&process.says)).await;
    let text = QuestionText::new("Deploy?").expect("a question");
    let _posed = door.gate.ask_owner(&asking, &text).expect("there is an owner");
    let views = door.gate.rooms().seen_by(in_lab.member().key);
    let question = views.iter().find_map(|view| view.questions.first()).expect("it waits").id;
    let about = about_rooms(&door, &ann).await;
    let unknown = Act::Answer { question: QuestionId::new([9; 16]), allow: true };
    assert_eq!(act(&door, &about, unknown), Err(ActRefusal::NoQuestion));
    let answer = Act::Answer { question, allow: true };
    assert_eq!(act(&door, &about, answer), Ok(()));
    assert_eq!(act(&door, &about, answer), Err(ActRefusal::NoQuestion), "it is answered");
}

#[tokio::test]
async fn a_session_asks_nothing_in_the_place_of_a_process() {
    let door = lab(&["ann"]).await;
    let ann = door.pair("ann").await;
    let _place = enter(&door, &ann).await;
    let text = QuestionText::new("Deploy?").expect("a question");
    let about = about_rooms(&door, &ann).await;
    assert_eq!(door.gate.ask_owner(&about, &text).err(), Some(AskRefusal::NoOwner));
}

#[tokio::test]
async fn nobody_in_particular_has_no_part_in_a_room() {
    let settings = Settings { guarding: Guarding::Unguarded, ..Settings::default() };
    let (door, _clock) = Door::alone(settings).await;
    let admission = admitted_by(&door, "GET", "/", None).await;
    let refusal = door.gate.enter_room(&admission, "/").expect_err("nobody can be told apart");
    assert_eq!(refusal.denied.denial, Denial::CredentialMissing);
    assert_eq!(door.gate.rooms_of(&admission), []);
}
