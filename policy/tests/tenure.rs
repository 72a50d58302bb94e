//! What a live connection keeps: as much as a new one would be admitted to, and no more (I10).
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

use common::workspace::{BOTH, OBSERVE, OPERATE, at_home, claim, member, name, placing, server};
use common::{NOW, RawHello, Request, SESSION, World, claims, millis, secs, subject};
use doorward_policy::capability::Capabilities;
use doorward_policy::denial::{Denial, Outage};
use doorward_policy::id::SessionId;
use doorward_policy::local::LocalSelector;
use doorward_policy::route::Routes;
use doorward_policy::settings::Guarding;
use doorward_policy::standing::Standing;
use doorward_policy::tenure::Tenure;
use doorward_policy::token::Claims;
use doorward_policy::workspace::{Change, Member, Placing};
use doorward_policy::{Admitted, Timestamp};
use proptest::prelude::*;

const LATE: Timestamp = Timestamp::from_secs(u32::MAX);
const NAMES: [&str; 3] = ["main", "a", "b"];
const PEOPLE: [&str; 2] = ["ann", "bob"];
/// How long the sessions of these tests last, in seconds.
const LIFE: u64 = 1000;

fn world() -> World {
    let mut world = World::new();
    world.settings.routes = Routes::none();
    assert!(world.settings.routes.add("/", Capabilities::NONE));
    world
}

fn tenure(world: &World, tenure: &Tenure, expires_at: Timestamp) -> Result<(), Denial> {
    world.guard().tenure(tenure, expires_at, world.now)
}

/// What shows who one is.
#[derive(Clone, Copy, Debug)]
enum Credential {
    Session { who: usize, capabilities: Capabilities },
    Local { workspace: usize },
    Nothing,
}

/// How a workspace is asked for.
#[derive(Clone, Copy, Debug)]
enum Way {
    Hello(Option<usize>),
    Host(usize),
}

#[derive(Clone, Debug)]
enum Step {
    Change(Change),
    Revoke,
    Limit(Capabilities),
    Unlimit,
    Remove,
    Wait(u64),
}

fn capabilities() -> impl Strategy<Value = Capabilities> {
    let any = (0..16_u16).prop_map(|bits| Capabilities::from_bits(bits).unwrap());
    prop_oneof![2 => Just(Capabilities::ALL), 1 => Just(BOTH), 2 => any]
}

fn change() -> impl Strategy<Value = Change> {
    let place = || prop::sample::select(&NAMES[..]).prop_map(name);
    let placed = (1..NAMES.len(), any::<bool>(), any::<bool>(), prop::bool::weighted(0.8))
        .prop_map(|(at, web, bytes, claimed)| {
            let placing = Placing {
                claims: claimed
                    .then(|| claim(&format!("{}.example", NAMES[at])))
                    .into_iter()
                    .collect(),
                web: server("http://127.0.0.1:1").filter(|_| web),
                bytes: server("tcp://127.0.0.1:2").filter(|_| bytes),
            };
            (name(NAMES[at]), placing)
        });
    let member =
        (0..PEOPLE.len(), capabilities(), any::<bool>()).prop_map(|(who, capabilities, home)| {
            Member { subject: subject(PEOPLE[who]), capabilities, home }
        });
    let placed = || placed.clone();
    prop_oneof![
        2 => placed().prop_map(|(name, placing)| Change::Create(name, placing)),
        1 => placed().prop_map(|(name, placing)| Change::Place(name, placing)),
        1 => place().prop_map(Change::Delete),
        8 => (place(), member).prop_map(|(name, member)| Change::Admit(name, member)),
        1 => (place(), 0..PEOPLE.len()).prop_map(|(name, who)| Change::Expel(name, subject(PEOPLE[who]))),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        12 => change().prop_map(Step::Change),
        1 => Just(Step::Revoke),
        3 => capabilities().prop_map(Step::Limit),
        2 => Just(Step::Unlimit),
        1 => Just(Step::Remove),
        2 => prop_oneof![1..LIFE / 2, Just(LIFE)].prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 0..12)
}

fn credential() -> impl Strategy<Value = Credential> {
    prop_oneof![
        4 => (0..PEOPLE.len(), capabilities())
            .prop_map(|(who, capabilities)| Credential::Session { who, capabilities }),
        2 => (0..NAMES.len()).prop_map(|workspace| Credential::Local { workspace }),
        1 => Just(Credential::Nothing),
    ]
}

fn way() -> impl Strategy<Value = Way> {
    prop_oneof![
        2 => prop::option::of(0..NAMES.len()).prop_map(Way::Hello),
        1 => (1..NAMES.len()).prop_map(Way::Host),
    ]
}

/// A world, and one who has something to show in it.
struct Run {
    world: World,
    credential: Credential,
    text: String,
    key: Option<SessionId>,
    expires_at: Timestamp,
}

impl Run {
    fn new(credential: Credential) -> Self {
        let mut world = world();
        let mut expires_at = NOW.plus(secs(LIFE));
        let (text, key) = match credential {
            Credential::Session { who, capabilities } => {
                let subject = subject(PEOPLE[who]);
                let claims = Claims { subject, capabilities, expires_at, ..claims() };
                (world.token_of(&claims), Some(SESSION))
            }
            Credential::Local { workspace } => {
                expires_at = NOW.plus(doorward_policy::local::MAX_LIFE);
                let text = world.local_token(NAMES[workspace], 3);
                (text, world.ledger.locals().next().map(|local| local.incarnation))
            }
            Credential::Nothing => {
                world.settings.guarding = Guarding::Unguarded;
                expires_at = LATE;
                (String::new(), None)
            }
        };
        Self { world, credential, text, key, expires_at }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Change(change) => _ = self.world.change(change),
            Step::Revoke => self.note(Standing::Revoked),
            Step::Limit(capabilities) => self.note(Standing::Limited(*capabilities)),
            Step::Unlimit => self.note(Standing::Unchanged),
            Step::Remove => _ = self.world.ledger.remove_locals(&LocalSelector::All),
            Step::Wait(seconds) => self.world.advance(secs(*seconds)),
        }
        // What a store removes, it says is revoked.
        let local = matches!(self.credential, Credential::Local { .. });
        if local && self.world.ledger.locals().next().is_none() {
            self.note(Standing::Revoked);
        }
    }

    fn note(&mut self, standing: Standing) {
        self.key.into_iter().for_each(|key| self.world.standings.note(key, standing, LATE));
    }

    /// An admission now, by the same credential.
    fn ask(&mut self, way: Way) -> Option<Admitted> {
        let settled = match (way, self.credential) {
            (Way::Hello(named), credential) => {
                let hello =
                    RawHello::open().workspace(named.map(|at| NAMES[at]).unwrap_or_default());
                let hello = match credential {
                    Credential::Session { .. } => hello.session(&self.text),
                    Credential::Local { .. } => hello.with(4, &self.text),
                    Credential::Nothing => hello,
                };
                self.world.settled_hello(&hello)
            }
            (Way::Host(at), credential) => {
                let request = Request::get("/x").host(&format!("{}.example", NAMES[at]));
                let request = match credential {
                    Credential::Session { .. } => request.bearer(&self.text),
                    Credential::Local { .. } => {
                        request.with("Authorization", format!("Doorward-Session {}", self.text))
                    }
                    Credential::Nothing => request,
                };
                self.world.settled(&request)
            }
        };
        settled.ok()
    }

    /// The way to the workspace that was joined, by its name.
    fn way_back(&self, way: Way, admitted: &Admitted) -> Way {
        let named = admitted.joined().unwrap().name;
        let at = NAMES.iter().position(|one| *one == named.as_str());
        match way {
            Way::Hello(_) => Way::Hello(at),
            Way::Host(_) => way,
        }
    }

    /// Why it must end, read off what there is now.
    fn reason(&self, admitted: &Admitted) -> Option<Denial> {
        let standing = self.key.map_or(Standing::Unchanged, |key| self.world.standings.of(key));
        let of_credential = match self.credential {
            Credential::Session { capabilities, .. } => capabilities,
            Credential::Local { .. } => BOTH,
            Credential::Nothing => Capabilities::ALL.without(Capabilities::ADMINISTER),
        };
        let left = match standing {
            Standing::Revoked => return Some(Denial::SessionRevoked),
            Standing::Limited(limit) => of_credential.common(limit),
            Standing::Unchanged => of_credential,
        };
        if self.world.now >= self.expires_at {
            return Some(Denial::SessionExpired);
        }
        let joined = admitted.joined().unwrap();
        let off = self.world.directory.is_off() && joined.name == name("main");
        let workspace = self.world.directory.workspace(&joined.name);
        let members = workspace.map(|one| one.members()).unwrap_or_default();
        let membership = match self.credential {
            _ if off => Some(Capabilities::ALL),
            Credential::Session { who, .. } => members
                .iter()
                .find(|one| one.subject.as_str() == PEOPLE[who])
                .map(|one| one.capabilities),
            Credential::Local { .. } => workspace.map(|_| Capabilities::ALL),
            Credential::Nothing => None,
        };
        let Some(membership) = membership else { return Some(Denial::WorkspaceUnknown) };
        if workspace.is_some_and(|one| one.placement() != joined.placement) {
            return Some(Denial::Unavailable(Outage::Moved));
        }
        let lost = admitted.capabilities().without(left.common(membership));
        (!lost.is_empty()).then_some(Denial::CapabilityLacking(lost))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(700))]

    //= req: SESSION-9, WORK-8, type=property
    /// A connection goes on if and only if a new one of the same credential to the same workspace
    /// would be admitted now, to the same place, with at least the same rights.
    #[test]
    fn a_connection_keeps_what_a_new_one_would_get(
        before in steps(), credential in credential(), way in way(), after in steps(),
    ) {
        let mut run = Run::new(credential);
        before.iter().for_each(|step| run.take(step));
        let Some(admitted) = run.ask(way) else { return Ok(()) };
        let kept = Tenure::of(&admitted);
        prop_assert_eq!(kept.key(), run.key);
        prop_assert_eq!(kept.joined(), admitted.joined());
        let back = run.way_back(way, &admitted);
        for step in after {
            run.take(&step);
            let anew = run.ask(back).is_some_and(|anew| {
                anew.joined() == admitted.joined()
                    && anew.capabilities().contains(admitted.capabilities())
            });
            let goes_on = tenure(&run.world, &kept, run.expires_at);
            prop_assert_eq!(goes_on.is_ok(), anew, "{:?}: {:?}", step, goes_on);
        }
    }

    //= req: SESSION-9, WORK-8, CAP-5, type=property
    #[test]
    fn a_connection_ends_for_the_reason_that_there_is(
        before in steps(), credential in credential(), way in way(), after in steps(),
    ) {
        let mut run = Run::new(credential);
        before.iter().for_each(|step| run.take(step));
        let Some(admitted) = run.ask(way) else { return Ok(()) };
        let kept = Tenure::of(&admitted);
        for step in after {
            run.take(&step);
            let ends = tenure(&run.world, &kept, run.expires_at).err();
            prop_assert_eq!(ends, run.reason(&admitted), "{:?}", step);
        }
    }
}

/// Ann in `alpha`, as an operator, with the connection that she has there.
fn ann_in_alpha() -> (World, Admitted) {
    let mut world = world();
    world.create("alpha", &["/alpha"]);
    world.enrol("alpha", at_home("ann", BOTH));
    let token = world.token_for("ann");
    let admitted = world.admit(&Request::get("/alpha").bearer(&token));
    (world, admitted)
}

//= req: SESSION-9, WORK-8, CAP-5, type=test
#[test]
fn each_end_has_its_close_code() {
    let close = |world: &World, admitted: &Admitted, expires_at| {
        let ended = tenure(world, &Tenure::of(admitted), expires_at).unwrap_err();
        ended.public().close
    };
    let (mut world, admitted) = ann_in_alpha();
    assert_eq!(tenure(&world, &Tenure::of(&admitted), NOW.plus(millis(1))), Ok(()));
    assert_eq!(close(&world, &admitted, NOW), Some(4401));
    world.standings.note(SESSION, Standing::Revoked, LATE);
    assert_eq!(close(&world, &admitted, LATE), Some(4403));
    let (mut world, admitted) = ann_in_alpha();
    world.enrol("alpha", member("ann", OBSERVE));
    assert_eq!(close(&world, &admitted, LATE), Some(4403));
    world.expel("alpha", "ann");
    assert_eq!(close(&world, &admitted, LATE), Some(4404));
    let (mut world, admitted) = ann_in_alpha();
    world.place("alpha", placing(&["/alpha"]));
    assert_eq!(close(&world, &admitted, LATE), Some(1001));
}

//= req: CAP-5, type=test
#[test]
fn what_is_given_beside_ends_nothing() {
    let (mut world, admitted) = ann_in_alpha();
    let kept = Tenure::of(&admitted);
    world.enrol("alpha", at_home("ann", Capabilities::ALL));
    world.enrol("alpha", member("bob", BOTH));
    world.create("beta", &["/beta", "/alpha/inner"]);
    world.enrol("beta", at_home("ann", OBSERVE));
    world.standings.note(SESSION, Standing::Limited(BOTH), LATE);
    assert_eq!(tenure(&world, &kept, LATE), Ok(()));
    world.standings.note(SESSION, Standing::Limited(OPERATE), LATE);
    assert_eq!(tenure(&world, &kept, LATE), Err(Denial::CapabilityLacking(OBSERVE)));
}

#[test]
fn the_first_workspace_ends_what_was_open_to_everybody() {
    let mut world = world();
    let token = world.token_for("ann");
    let admitted = world.admit(&Request::get("/x").bearer(&token));
    let kept = Tenure::of(&admitted);
    world.create("alpha", &["/alpha"]);
    assert_eq!(tenure(&world, &kept, LATE), Err(Denial::WorkspaceUnknown));
    world.enrol("main", member("ann", Capabilities::ALL));
    assert_eq!(tenure(&world, &kept, LATE), Ok(()));
}

//= req: WORK-8, type=test
#[test]
fn a_workspace_made_anew_is_another_one() {
    let (mut world, admitted) = ann_in_alpha();
    world.delete("alpha");
    world.create("alpha", &["/alpha"]);
    world.enrol("alpha", at_home("ann", BOTH));
    let ended = tenure(&world, &Tenure::of(&admitted), LATE);
    assert_eq!(ended, Err(Denial::Unavailable(Outage::Moved)));
}

#[test]
fn doorwards_own_answers_need_no_membership() {
    let mut world = world();
    world.create("alpha", &["/alpha"]);
    let token = world.token_for("ann");
    let admitted = world.admit(&Request::get("/.doorward/api/session").bearer(&token));
    let kept = Tenure::of(&admitted);
    assert_eq!(kept.joined(), None);
    assert_eq!(tenure(&world, &kept, LATE), Ok(()));
    world.standings.note(SESSION, Standing::Revoked, LATE);
    assert_eq!(tenure(&world, &kept, LATE), Err(Denial::SessionRevoked));
}

//= req: SESSION-10, type=test
#[test]
fn a_connection_is_looked_at_once_more_with_what_is_known_by_then() {
    let (mut world, admitted) = ann_in_alpha();
    let stands = |world: &World| world.guard().still_stands(&admitted, world.now);
    assert_eq!(stands(&world), Ok(()));
    world.now = admitted.holder().unwrap().expires_at.minus(millis(1));
    assert_eq!(stands(&world), Err(Denial::Unavailable(Outage::StaleRevocations)));
    world.standings.refreshed(world.now);
    assert_eq!(stands(&world), Ok(()));
    world.now = world.now.plus(millis(1));
    assert_eq!(stands(&world), Err(Denial::SessionExpired));
    let (mut world, admitted) = ann_in_alpha();
    world.expel("alpha", "ann");
    let ended = world.guard().still_stands(&admitted, world.now);
    assert_eq!(ended, Err(Denial::WorkspaceUnknown));
}

#[test]
fn what_one_asks_about_a_connection_is_asked_as_a_member_of_its_workspace() {
    let (mut world, connected) = ann_in_alpha();
    let joined = *connected.joined().unwrap();
    let asking = |world: &mut World, who: &str, capabilities: Capabilities| {
        let claims = Claims { subject: subject(who), capabilities, ..claims() };
        let request = Request::get("/.doorward/api/room").bearer(&world.token_of(&claims));
        let admitted = world.admit(&request);
        world.guard().membership(&admitted, &joined)
    };
    assert_eq!(asking(&mut world, "ann", Capabilities::ALL), Ok(BOTH));
    assert_eq!(asking(&mut world, "ann", OBSERVE), Ok(OBSERVE));
    assert_eq!(asking(&mut world, "bob", BOTH), Err(Denial::WorkspaceUnknown));
    world.place("alpha", placing(&["/alpha"]));
    let moved = Err(Denial::Unavailable(Outage::Moved));
    assert_eq!(asking(&mut world, "ann", BOTH), moved);
    world.expel("alpha", "ann");
    assert_eq!(asking(&mut world, "ann", BOTH), Err(Denial::WorkspaceUnknown));
}
