//! Workspaces against a plain model: the changes that were made, read from the start each time.
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
mod workspace_history;

use common::workspace::{claim, name};
use common::{RawHello, Request, World, subject};
use doorward_policy::capability::Capabilities;
use doorward_policy::denial::Denial;
use doorward_policy::route::Routes;
use doorward_policy::workspace::{
    Change, ChangeRefusal, Claim, Directory, Kept, MOST_MEMBERS, MOST_WORKSPACES, Member, Placing,
    Server,
};
use doorward_policy::{Admitted, Denied};
use proptest::prelude::*;
use workspace_history::{CLAIMS, HOSTS, History, NAMES, PATHS, PEOPLE, Wanted, covers_host};

#[derive(Clone, Debug)]
enum Step {
    Change(Change),
    Visit { who: usize, host: usize, path: usize },
    Greet { who: usize, named: Option<usize> },
}

fn placing() -> impl Strategy<Value = Placing> {
    let claims = prop::collection::vec(prop::sample::select(&CLAIMS[..]), 0..4);
    let server = |text| prop::option::weighted(0.3, Just(Server::new(text).unwrap()));
    (claims, server("http://127.0.0.1:3000"), server("tcp://127.0.0.1:22")).prop_map(
        |(claims, web, bytes)| Placing {
            claims: claims.into_iter().map(claim).collect(),
            web,
            bytes,
        },
    )
}

fn change() -> impl Strategy<Value = Change> {
    let place = || prop::sample::select(&NAMES[..]).prop_map(name);
    let who = || prop::sample::select(&PEOPLE[..]).prop_map(subject);
    let capabilities = (0..16_u16).prop_map(|bits| Capabilities::from_bits(bits).unwrap());
    let member = (who(), capabilities, prop::bool::weighted(0.3))
        .prop_map(|(subject, capabilities, home)| Member { subject, capabilities, home });
    prop_oneof![
        4 => (place(), placing()).prop_map(|(name, placing)| Change::Create(name, placing)),
        2 => (place(), placing()).prop_map(|(name, placing)| Change::Place(name, placing)),
        1 => place().prop_map(Change::Delete),
        8 => (place(), member).prop_map(|(name, member)| Change::Admit(name, member)),
        2 => (place(), who()).prop_map(|(name, who)| Change::Expel(name, who)),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = || 0..PEOPLE.len();
    let step = prop_oneof![
        3 => change().prop_map(Step::Change),
        2 => (who(), 0..HOSTS.len(), 0..PATHS.len())
            .prop_map(|(who, host, path)| Step::Visit { who, host, path }),
        1 => (who(), prop::option::of(0..NAMES.len()))
            .prop_map(|(who, named)| Step::Greet { who, named }),
    ];
    prop::collection::vec(step, 0..60)
}

struct Run {
    world: World,
    history: History,
}

impl Run {
    fn new() -> Self {
        let mut world = World::new();
        world.settings.routes = Routes::none();
        assert!(world.settings.routes.add("/", Capabilities::NONE));
        Self { world, history: History::default() }
    }

    /// Makes a change on both sides; whether it was made.
    fn change(&mut self, change: &Change) -> bool {
        let expected = self.history.verdict(change);
        assert_eq!(self.world.change(change), expected, "{change:?}");
        if expected.is_ok() {
            self.history.0.push((self.world.revision, change.clone()));
        }
        expected.is_ok()
    }

    fn visit(&mut self, who: usize, host: usize, path: usize) {
        let (who, host, path) = (PEOPLE[who], HOSTS[host], &PATHS[path]);
        let request = Request::get(path.0).host(host).bearer(&self.world.token_for(who));
        let claimed = self.history.claims().iter().any(|(_, text)| covers_host(text, host));
        if !claimed && host != HOSTS[0] {
            assert!(matches!(self.world.denial(&request), Denial::HostDenied { .. }));
            return;
        }
        let expected = self.history.joins(who, self.history.wanted(host, path), false);
        let found = found(self.world.settled(&request));
        assert_eq!(found, expected, "{who} at {host}{}", path.0);
    }

    fn greet(&mut self, who: usize, named: Option<usize>) {
        let (who, named) = (PEOPLE[who], named.map(|at| NAMES[at]));
        let hello = RawHello::open().session(&self.world.token_for(who));
        let hello = hello.workspace(named.unwrap_or_default());
        let wanted = named.map_or(Wanted::Default, Wanted::Named);
        let expected = self.history.joins(who, wanted, true);
        assert_eq!(found(self.world.settled_hello(&hello)), expected, "{who} to {named:?}");
    }

    fn everybody_everywhere(&mut self) {
        for who in 0..PEOPLE.len() {
            for host in 0..HOSTS.len() {
                (0..PATHS.len()).for_each(|path| self.visit(who, host, path));
            }
            self.greet(who, None);
            (0..NAMES.len()).for_each(|named| self.greet(who, Some(named)));
        }
    }
}

fn found(settled: Result<Admitted, Denied>) -> Option<(String, u64, Capabilities)> {
    match settled {
        Ok(admitted) => {
            let joined = admitted.joined().expect("it is guarded");
            Some((joined.name.to_string(), joined.placement, admitted.capabilities()))
        }
        Err(denied) => {
            assert_eq!(denied.denial, Denial::WorkspaceUnknown);
            None
        }
    }
}

fn kept(directory: &Directory) -> Vec<Kept> {
    directory.workspaces().iter().map(Kept::from).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    //= req: WORK-1, WORK-3, WORK-4, WORK-5, WORK-6, type=model
    #[test]
    fn whoever_asks_finds_what_the_history_comes_to(steps in steps()) {
        let mut run = Run::new();
        for step in steps {
            match step {
                Step::Change(change) => _ = run.change(&change),
                Step::Visit { who, host, path } => run.visit(who, host, path),
                Step::Greet { who, named } => run.greet(who, named),
            }
        }
        prop_assert_eq!(kept(&run.world.directory), run.history.kept());
        run.everybody_everywhere();
    }

    #[test]
    fn a_refused_change_changes_nothing(changes in prop::collection::vec(change(), 0..60)) {
        let mut run = Run::new();
        for change in changes {
            let before = run.world.directory.clone();
            if !run.change(&change) {
                prop_assert_eq!(&run.world.directory, &before);
            }
        }
    }

    //= req: WORK-3, type=property
    #[test]
    fn membership_replaces_never_merges(changes in prop::collection::vec(change(), 0..60)) {
        let mut world = World::new();
        for change in changes {
            if world.change(&change).is_err() {
                continue;
            }
            if let Change::Admit(name, member) = &change {
                let workspace = world.directory.workspace(name).unwrap();
                let of_them = |one: &&Member| one.subject == member.subject;
                let theirs: Vec<_> = workspace.members().iter().filter(of_them).collect();
                prop_assert_eq!(theirs, [member]);
            }
        }
    }

    //= req: WORK-1, CAP-1, type=property
    #[test]
    fn nobody_joins_what_they_are_no_member_of(
        changes in prop::collection::vec(change(), 1..60), who in 0..PEOPLE.len(),
    ) {
        let mut run = Run::new();
        changes.iter().for_each(|change| _ = run.change(change));
        prop_assume!(!run.world.directory.is_off());
        let mut all = Vec::new();
        for host in HOSTS {
            for path in &PATHS {
                let request = Request::get(path.0).host(host);
                let request = request.bearer(&run.world.token_for(PEOPLE[who]));
                all.extend(run.world.settled(&request));
            }
        }
        for named in NAMES {
            let hello = RawHello::open().session(&run.world.token_for(PEOPLE[who]));
            all.extend(run.world.settled_hello(&hello.workspace(named)));
        }
        for admitted in all {
            let workspace = run.world.directory.workspace(&admitted.joined().unwrap().name);
            let is_them = |one: &&Member| one.subject.as_str() == PEOPLE[who];
            let member = workspace.unwrap().members().iter().find(is_them);
            prop_assert_eq!(member.map(|one| one.capabilities), Some(admitted.capabilities()));
        }
    }

    //= req: WORK-2, type=property
    #[test]
    fn unknown_and_foreign_are_one(
        changes in prop::collection::vec(change(), 0..60), who in 0..PEOPLE.len(),
        unknown in "[a-z]{3,8}",
    ) {
        let mut run = Run::new();
        changes.iter().for_each(|change| _ = run.change(change));
        let hello = RawHello::open().session(&run.world.token_for(PEOPLE[who]));
        let told = |denied: Denied| format!("{denied:?} {}", denied.denial.message());
        let of_unknown = told(run.world.hello_denied(&hello.clone().workspace(&unknown)));
        for named in NAMES {
            if let Err(denied) = run.world.settled_hello(&hello.clone().workspace(named)) {
                prop_assert_eq!(told(denied), of_unknown.clone());
            }
        }
    }

    //= req: WORK-3, type=property
    #[test]
    fn everybody_has_one_home_at_most(changes in prop::collection::vec(change(), 0..60)) {
        let mut world = World::new();
        for change in changes {
            let _refused_or_not = world.change(&change);
            for who in PEOPLE {
                let homes = world.directory.seen_by(subject(who)).filter(|(_, one)| one.home);
                prop_assert!(homes.count() <= 1);
            }
        }
    }

    #[test]
    fn one_place_is_one_set_of_routes_and_servers(changes in prop::collection::vec(change(), 0..60)) {
        let mut world = World::new();
        let mut seen: Vec<Kept> = Vec::new();
        for change in changes {
            let _refused_or_not = world.change(&change);
            for now in kept(&world.directory) {
                let same = |one: &&Kept| one.name == now.name && one.placement == now.placement;
                match seen.iter().find(same) {
                    Some(before) => prop_assert_eq!(&before.placing, &now.placing),
                    None => seen.push(now),
                }
            }
        }
    }

    #[test]
    fn what_was_kept_is_taken_up_as_it_was(changes in prop::collection::vec(change(), 0..60)) {
        let mut world = World::new();
        changes.iter().for_each(|change| _ = world.change(change));
        prop_assert_eq!(Directory::restore(kept(&world.directory)), Some(world.directory));
    }
}

fn member(number: usize) -> Member {
    let subject = subject(&format!("member {number}"));
    Member { subject, capabilities: Capabilities::OBSERVE, home: false }
}

//= req: WORK-9, type=test
#[test]
fn a_full_directory_takes_no_further_workspace() {
    let mut directory = Directory::default();
    let create = |number: usize| Change::Create(name(&format!("w{number}")), Placing::default());
    // `main` has a record too.
    for number in 1..MOST_WORKSPACES {
        directory.apply(&create(number), 1).unwrap();
    }
    assert_eq!(directory.workspaces().len(), MOST_WORKSPACES);
    let before = directory.clone();
    assert_eq!(directory.apply(&create(0), 1), Err(ChangeRefusal::Full));
    assert_eq!(directory, before);
    directory.apply(&Change::Delete(name("w7")), 1).unwrap();
    assert_eq!(directory.apply(&create(0), 1), Ok(()));
}

//= req: WORK-9, type=test
#[test]
fn a_full_directory_takes_no_further_member_and_changes_those_it_has() {
    let mut directory = Directory::default();
    for workspace in ["a", "b"] {
        directory.apply(&Change::Create(name(workspace), Placing::default()), 1).unwrap();
    }
    for number in 0..MOST_MEMBERS {
        let workspace = name(["a", "b"][number % 2]);
        directory.apply(&Change::Admit(workspace, member(number)), 1).unwrap();
    }
    let further = Change::Admit(name("a"), member(MOST_MEMBERS));
    assert_eq!(directory.apply(&further, 1), Err(ChangeRefusal::Full));
    let more = Member { capabilities: Capabilities::ALL, ..member(0) };
    assert_eq!(directory.apply(&Change::Admit(name("a"), more), 1), Ok(()));
    directory.apply(&Change::Expel(name("b"), member(1).subject), 1).unwrap();
    assert_eq!(directory.apply(&further, 1), Ok(()));
}

//= req: WORK-9, type=test
#[test]
fn a_workspace_has_sixteen_claims_at_most() {
    let mut directory = Directory::default();
    let placing = |count: usize| {
        let claims = (0..count).map(|number| claim(&format!("/{number}"))).collect();
        Placing { claims, ..Placing::default() }
    };
    let (a, full) = (name("a"), Err(ChangeRefusal::Full));
    assert_eq!(directory.apply(&Change::Create(a, placing(17)), 1), full);
    assert!(directory.is_off());
    assert_eq!(directory.apply(&Change::Create(a, placing(16)), 1), Ok(()));
    assert_eq!(directory.apply(&Change::Place(a, placing(17)), 2), full);
}

//= req: WORK-9, type=test
#[test]
fn all_workspaces_together_have_512_claims_at_most() {
    let mut directory = Directory::default();
    let placing = |from: usize, count: usize| {
        let claims = (from..from + count).map(|number| claim(&format!("/{number}"))).collect();
        Placing { claims, ..Placing::default() }
    };
    for number in 0..32 {
        let create = Change::Create(name(&format!("w{number}")), placing(number * 16, 16));
        assert_eq!(directory.apply(&create, 1), Ok(()));
    }
    let (full, last) = (Err(ChangeRefusal::Full), name("last"));
    assert_eq!(directory.apply(&Change::Create(last, placing(512, 1)), 2), full);
    // What a workspace had itself doesn't count against what it is given.
    assert_eq!(directory.apply(&Change::Place(name("w0"), placing(600, 16)), 2), Ok(()));
    assert_eq!(directory.apply(&Change::Create(last, placing(0, 0)), 2), Ok(()));
}

//= req: WORK-9, type=test
#[test]
fn a_claim_has_256_bytes_at_most() {
    let path = |length: usize| format!("/{}", "a".repeat(length - 1));
    assert!(Claim::parse(&path(256)).is_some());
    assert!(Claim::parse(&path(257)).is_none());
}

#[test]
fn each_refusal_of_a_change_says_why() {
    use ChangeRefusal::{Claimed, Exists, Full, Main, NoMember, Nothing, OthersLeft, Unknown};
    let all = [Claimed, Exists, Full, Main, NoMember, Nothing, OthersLeft, Unknown];
    let texts: std::collections::BTreeSet<_> = all.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), all.len());
}
