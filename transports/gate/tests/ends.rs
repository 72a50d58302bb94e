//! What ends a live connection, and what does not (I10).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test that can't go on must stop"
)]

mod door;

use std::time::Duration;

use door::{DAY, Door, Paired, ended, living, name, placing};
use doorward_gate::LiveConnection;
use doorward_policy::denial::{Denial, Outage};
use doorward_policy::ledger::Selector;
use doorward_policy::settings::Guarding;
use doorward_policy::subject::Subject;
use doorward_policy::workspace::Change;
use doorward_policy::{Capabilities, Settings};
use proptest::prelude::*;

const OBSERVE: Capabilities = Capabilities::OBSERVE;
const OPERATE: Capabilities = Capabilities::OPERATE;
const START_UP: Capabilities = Capabilities::START_UP;
const MOVED: Denial = Denial::Unavailable(Outage::Moved);
const DRAINING: Denial = Denial::Unavailable(Outage::Draining);

async fn week() -> Door {
    Door::alone(living(7 * DAY, 30 * DAY)).await.0
}

/// Why each must end, if it must.
async fn ends(connections: &[LiveConnection]) -> Vec<Option<Denial>> {
    let mut ends = Vec::new();
    for live in connections {
        ends.push(ended(live).await);
    }
    ends
}

#[tokio::test]
async fn of_5000_connections_those_of_a_revoked_session_end_and_no_other() {
    let door = week().await;
    let (mut paired, mut connections) = (Vec::new(), Vec::new());
    for number in 0..1000 {
        let one = door.pair(&format!("client {number}")).await;
        for _ in 0..5 {
            connections.push(door.connect(&one).await);
        }
        paired.push(one);
    }
    assert_eq!(door.gate.live_connections(), 5000);
    door.revoke(Selector::Session(paired[417].id)).await;
    door.refresh().await;
    for (number, end) in ends(&connections).await.into_iter().enumerate() {
        assert_eq!(end, (number / 5 == 417).then_some(Denial::SessionRevoked), "{number}");
    }
    door.revoke(Selector::All).await;
    door.refresh().await;
    let all = ends(&connections).await;
    assert!(all.iter().all(|end| *end == Some(Denial::SessionRevoked)));
    drop(connections);
    assert_eq!(door.gate.live_connections(), 0);
}

#[tokio::test]
async fn revoking_a_subject_ends_each_of_its_sessions() {
    let door = week().await;
    let mut connections = Vec::new();
    for subject in ["laptop", "laptop", "phone"] {
        connections.push(door.connect(&door.pair(subject).await).await);
    }
    door.revoke(Selector::Subject(Subject::new("laptop").unwrap())).await;
    door.refresh().await;
    let revoked = Some(Denial::SessionRevoked);
    assert_eq!(ends(&connections).await, [revoked, revoked, None]);
}

#[tokio::test]
async fn a_session_left_fewer_capabilities_loses_the_connections_that_had_more() {
    let door = week().await;
    let (laptop, phone) = (door.pair("laptop").await, door.pair("phone").await);
    let connections = [door.connect(&laptop).await, door.connect(&phone).await];
    door.limit(Selector::Session(laptop.id), OPERATE).await;
    door.refresh().await;
    assert_eq!(ends(&connections).await, [Some(Denial::CapabilityLacking(OBSERVE)), None]);
    let after = door.connect(&laptop).await;
    door.refresh().await;
    assert_eq!(ended(&after).await, None, "it has no more than that");
    door.limit(Selector::Session(laptop.id), OBSERVE).await;
    door.refresh().await;
    assert_eq!(ended(&after).await, Some(Denial::CapabilityLacking(OPERATE)));
    assert_eq!(door.denial(&laptop).await, Denial::CapabilityLacking(OPERATE));
}

#[tokio::test]
async fn a_membership_that_ends_takes_its_connections_along_and_no_other() {
    let door = week().await;
    door.workspace("red").await;
    for (workspace, subject) in [("red", "ada"), ("red", "bob"), ("main", "ada")] {
        door.admit(workspace, subject, START_UP).await;
    }
    door.refresh().await;
    let (ada, bob) = (door.pair("ada").await, door.pair("bob").await);
    let connections = [
        door.connect_at(&ada, "/red").await,
        door.connect_at(&ada, "/").await,
        door.connect_at(&bob, "/red").await,
    ];
    door.expel("red", "ada").await;
    door.refresh().await;
    let unknown = Some(Denial::WorkspaceUnknown);
    assert_eq!(ends(&connections).await, [unknown, None, None]);
    let denial = door.enter_at(&ada, "/red").await.unwrap_err().denied.denial;
    assert_eq!(denial, Denial::WorkspaceUnknown);
    // Less of a membership is a capability less.
    door.admit("main", "ada", OPERATE).await;
    door.refresh().await;
    let lost = Some(Denial::CapabilityLacking(OBSERVE));
    assert_eq!(ends(&connections).await, [unknown, lost, None]);
    // What comes back does not bring them back.
    door.admit("red", "ada", START_UP).await;
    door.refresh().await;
    assert_eq!(ends(&connections).await, [unknown, lost, None]);
}

#[tokio::test]
async fn a_workspace_that_moves_or_goes_takes_its_connections_along() {
    let door = week().await;
    for workspace in ["red", "blue", "green"] {
        door.workspace(workspace).await;
        door.admit(workspace, "ada", START_UP).await;
    }
    door.refresh().await;
    let ada = door.pair("ada").await;
    let connections = [
        door.connect_at(&ada, "/red").await,
        door.connect_at(&ada, "/blue").await,
        door.connect_at(&ada, "/green").await,
    ];
    door.change(Change::Place(name("red"), placing("rose"))).await;
    door.change(Change::Delete(name("blue"))).await;
    door.refresh().await;
    assert_eq!(ends(&connections).await, [Some(MOVED), Some(Denial::WorkspaceUnknown), None]);
    // One made anew under its name is another.
    door.change(Change::Delete(name("green"))).await;
    door.workspace("green").await;
    door.admit("green", "ada", START_UP).await;
    door.refresh().await;
    assert_eq!(ended(&connections[2]).await, Some(MOVED));
}

#[tokio::test]
async fn the_first_workspace_leaves_main_to_its_members() {
    let door = week().await;
    let live = door.connect(&door.pair("ada").await).await;
    door.workspace("red").await;
    door.refresh().await;
    assert_eq!(ended(&live).await, Some(Denial::WorkspaceUnknown));
}

//= req: SESSION-10, type=test
#[tokio::test]
async fn a_session_that_ends_between_its_admission_and_its_registration_is_refused() {
    let door = week().await;
    let ada = door.pair("ada").await;
    let admission = door.enter(&ada).await.unwrap();
    door.revoke(Selector::Session(ada.id)).await;
    door.refresh().await;
    let refused = door.gate.register(&admission).unwrap_err();
    assert_eq!(refused.denied.denial, Denial::SessionRevoked);
    assert_eq!(door.gate.live_connections(), 0);
}

#[tokio::test]
async fn a_membership_that_ends_between_admission_and_registration_is_refused() {
    let door = week().await;
    door.workspace("red").await;
    door.admit("red", "ada", START_UP).await;
    door.refresh().await;
    let admission = door.enter_at(&door.pair("ada").await, "/red").await.unwrap();
    door.expel("red", "ada").await;
    door.refresh().await;
    let refused = door.gate.register(&admission).unwrap_err();
    assert_eq!(refused.denied.denial, Denial::WorkspaceUnknown);
}

#[tokio::test]
async fn signing_out_ends_every_connection_of_the_session_at_once() {
    let door = week().await;
    let (laptop, phone) = (door.pair("laptop").await, door.pair("phone").await);
    let connections = [door.connect(&laptop).await, door.connect(&phone).await];
    let admission = door.call(&laptop, "POST", "/.doorward/api/logout").await.unwrap();
    door.gate.sign_out(&admission).await.unwrap();
    assert_eq!(ends(&connections).await, [Some(Denial::SessionRevoked), None]);
    assert_eq!(door.denial(&laptop).await, Denial::SessionRevoked);
}

#[tokio::test]
async fn without_a_guard_a_connection_ends_with_the_server_alone() {
    let settings = Settings { guarding: Guarding::Unguarded, ..Settings::default() };
    let (door, clock) = Door::alone(settings).await;
    let nobody = Paired { says: "Basic bm9ib2R5".to_owned(), id: door::session(0) };
    let live = door.connect(&nobody).await;
    door.revoke(Selector::All).await;
    clock.advance(1000 * DAY);
    door.tick().await;
    assert_eq!(ended(&live).await, None);
    assert_eq!(live.ends_at(), None);
    door.gate.drain();
    assert_eq!(ended(&live).await, Some(DRAINING));
}

#[tokio::test]
async fn a_server_that_goes_away_ends_every_connection_and_takes_no_other() {
    let door = week().await;
    let ada = door.pair("ada").await;
    let live = door.connect(&ada).await;
    let admission = door.enter(&ada).await.unwrap();
    door.gate.drain();
    assert_eq!(ended(&live).await, Some(DRAINING));
    assert_eq!(door.gate.register(&admission).unwrap_err().denied.denial, DRAINING);
}

#[tokio::test]
async fn an_end_is_told_to_whoever_waits_and_to_whoever_asks_later() {
    let door = week().await;
    let ada = door.pair("ada").await;
    let live = door.connect(&ada).await;
    let waits = tokio::spawn(async move {
        let end = live.ended().await;
        (end, live.ended().await)
    });
    tokio::task::yield_now().await;
    door.revoke(Selector::All).await;
    door.refresh().await;
    let (first, again) = waits.await.unwrap();
    assert_eq!(first.denial(), Denial::SessionRevoked);
    assert_eq!(first, again);
}

const SUBJECTS: [&str; 4] = ["ada", "ada", "bob", "cyd"];
const IDLE: Duration = DAY;

#[derive(Clone, Copy, Debug)]
enum Doing {
    Connect(usize, bool),
    Leave(usize),
    Revoke(usize),
    RevokeSubject(usize),
    Limit(usize, Capabilities),
    Admit(bool, usize, Capabilities),
    Expel(bool, usize),
    Move,
    Pass(Duration),
}

fn doing() -> impl Strategy<Value = Doing> {
    let who = || 0..SUBJECTS.len();
    let what = || prop_oneof![Just(OBSERVE), Just(OPERATE), Just(START_UP)];
    let span = (0_u64..8).prop_map(|eighths| IDLE / 8 * eighths as u32);
    prop_oneof![
        8 => (who(), any::<bool>()).prop_map(|(who, red)| Doing::Connect(who, red)),
        2 => (0_usize..16).prop_map(Doing::Leave),
        1 => who().prop_map(Doing::Revoke),
        1 => who().prop_map(Doing::RevokeSubject),
        1 => (who(), what()).prop_map(|(who, what)| Doing::Limit(who, what)),
        3 => (any::<bool>(), who(), what()).prop_map(|(red, who, what)| Doing::Admit(red, who, what)),
        1 => (any::<bool>(), who()).prop_map(|(red, who)| Doing::Expel(red, who)),
        1 => Just(Doing::Move),
        1 => span.prop_map(Doing::Pass),
    ]
}

/// What stands, as plainly as it can be said.
#[derive(Debug)]
struct Model {
    revoked: [bool; 4],
    limits: [Capabilities; 4],
    /// By whether it is `red`, and subject.
    members: [[Option<Capabilities>; 4]; 2],
    moved: usize,
    age: Duration,
}

#[derive(Debug)]
struct Connection {
    who: usize,
    red: bool,
    granted: Capabilities,
    moved: usize,
    live: LiveConnection,
    end: Option<Denial>,
}

impl Model {
    fn new() -> Self {
        let members = [[None; 4], [Some(START_UP), Some(START_UP), Some(START_UP), None]];
        let (revoked, limits) = ([false; 4], [START_UP; 4]);
        Self { revoked, limits, members, moved: 0, age: Duration::ZERO }
    }

    fn alike(who: usize) -> impl Iterator<Item = usize> {
        (0..SUBJECTS.len()).filter(move |one| SUBJECTS[*one] == SUBJECTS[who])
    }

    fn held(&self, who: usize, red: bool) -> Capabilities {
        let membership = self.members[usize::from(red)][who].unwrap_or(Capabilities::NONE);
        self.limits[who].common(membership)
    }

    fn end(&self, one: &Connection) -> Option<Denial> {
        let lost = one.granted.without(self.held(one.who, one.red));
        if self.revoked[one.who] {
            Some(Denial::SessionRevoked)
        } else if self.age >= IDLE {
            Some(Denial::SessionExpired)
        } else if self.members[usize::from(one.red)][one.who].is_none() {
            Some(Denial::WorkspaceUnknown)
        } else if one.red && one.moved != self.moved {
            Some(MOVED)
        } else {
            (!lost.is_empty()).then_some(Denial::CapabilityLacking(lost))
        }
    }
}

/// Runs one step on both.
async fn step(
    doing: Doing,
    door: &Door,
    paired: &[Paired],
    model: &mut Model,
    open: &mut Vec<Connection>,
) -> Option<Duration> {
    let place = |red| if red { "red" } else { "main" };
    match doing {
        Doing::Connect(who, red) => {
            let path = if red { format!("/red{}", model.moved) } else { "/".to_owned() };
            let admission = door.enter_at(&paired[who], &path).await;
            let home = model.members[0][who].is_some() || red;
            if !home {
                // Its only membership is its default.
                return None;
            }
            let stands = !model.revoked[who] && model.age < IDLE;
            let granted = model.held(who, red);
            assert_eq!(admission.is_ok(), stands && granted.contains(OPERATE), "{who} {red}");
            let Ok(admission) = admission else { return None };
            let live = door.gate.register(&admission).expect("it stands");
            open.push(Connection { who, red, granted, moved: model.moved, live, end: None });
        }
        Doing::Leave(which) => {
            if which < open.len() {
                open.swap_remove(which);
            }
        }
        Doing::Revoke(who) => {
            model.revoked[who] |= model.age < IDLE;
            door.revoke(Selector::Session(paired[who].id)).await;
        }
        Doing::RevokeSubject(who) => {
            Model::alike(who).for_each(|one| model.revoked[one] |= model.age < IDLE);
            door.revoke(Selector::Subject(Subject::new(SUBJECTS[who]).unwrap())).await;
        }
        Doing::Limit(who, what) => {
            if !model.revoked[who] && model.age < IDLE {
                model.limits[who] = model.limits[who].common(what);
            }
            door.limit(Selector::Session(paired[who].id), what).await;
        }
        Doing::Admit(red, who, what) => {
            Model::alike(who).for_each(|one| model.members[usize::from(red)][one] = Some(what));
            door.admit(place(red), SUBJECTS[who], what).await;
        }
        Doing::Expel(red, who) => {
            if model.members[usize::from(red)][who].is_some() {
                Model::alike(who).for_each(|one| model.members[usize::from(red)][one] = None);
                door.expel(place(red), SUBJECTS[who]).await;
            }
        }
        Doing::Move => {
            model.moved += 1;
            let placing = placing(&format!("red{}", model.moved));
            door.change(Change::Place(name("red"), placing)).await;
        }
        Doing::Pass(span) => {
            model.age += span;
            return Some(span);
        }
    }
    None
}

async fn obeys(doings: &[Doing]) -> Result<(), TestCaseError> {
    let (door, clock) = Door::alone(living(IDLE, IDLE)).await;
    door.change(Change::Create(name("red"), placing("red0"))).await;
    door.admit("red", "ada", START_UP).await;
    door.admit("red", "bob", START_UP).await;
    door.refresh().await;
    let mut paired = Vec::new();
    for subject in SUBJECTS {
        paired.push(door.pair(subject).await);
    }
    let (mut model, mut open) = (Model::new(), Vec::new());
    for doing in doings {
        if let Some(span) = step(*doing, &door, &paired, &mut model, &mut open).await {
            clock.advance(span);
        }
        door.refresh().await;
        for one in &mut open {
            // The first reason stays.
            one.end = one.end.or(model.end(one));
            let end = ended(&one.live).await;
            prop_assert_eq!(end, one.end, "{:?}", one);
        }
        prop_assert_eq!(door.gate.live_connections(), open.len());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_connection_lives_as_long_as_what_it_was_admitted_on(
        doings in proptest::collection::vec(doing(), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.block_on(obeys(&doings))?;
    }
}
