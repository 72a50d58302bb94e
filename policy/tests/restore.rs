//! Workspaces as a store keeps them: what changes come to is taken up, and nothing else.
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

use common::subject;
use common::workspace::{BOTH, OBSERVE, at_home, claim, member, name, placing, server};
use doorward_policy::capability::Capabilities;
use doorward_policy::workspace::{
    Change, Directory, Kept, MOST_MEMBERS, MOST_WORKSPACES, Member, Placing,
};
use proptest::prelude::*;

fn kept(directory: &Directory) -> Vec<Kept> {
    directory.workspaces().iter().map(Kept::from).collect()
}

/// Blue and green with a member each, and main with both.
fn whole() -> Vec<Kept> {
    let mut directory = Directory::default();
    let green = Placing { web: server("http://127.0.0.1:1"), ..placing(&["/green"]) };
    let changes = [
        Change::Create(name("green"), green),
        Change::Create(name("blue"), placing(&["/blue", "blue.example"])),
        Change::Admit(name("blue"), at_home("ada", BOTH)),
        Change::Admit(name("green"), member("bob", OBSERVE)),
        Change::Admit(name("main"), member("ada", OBSERVE)),
        Change::Admit(name("main"), at_home("bob", OBSERVE)),
    ];
    for (revision, change) in (1..).zip(&changes) {
        directory.apply(change, revision).unwrap();
    }
    let whole = kept(&directory);
    assert_eq!(Directory::restore(whole.clone()), Some(directory));
    whole
}

/// What `spoil` makes of it is refused.
fn refused(spoil: impl FnOnce(&mut Vec<Kept>)) {
    let mut spoiled = whole();
    spoil(&mut spoiled);
    assert_ne!(spoiled, whole(), "it is another");
    assert_eq!(Directory::restore(spoiled), None);
}

const BLUE: usize = 0;
const GREEN: usize = 1;
const MAIN: usize = 2;

#[test]
fn nothing_kept_is_no_workspaces() {
    assert_eq!(Directory::restore(Vec::new()), Some(Directory::default()));
}

#[test]
fn main_alone_still_asks_for_membership() {
    let mut only = whole();
    only.drain(..MAIN);
    assert!(!Directory::restore(only).unwrap().is_off());
}

//= req: WORK-10, type=test
#[test]
fn workspaces_without_main_are_refused() {
    refused(|kept| {
        kept.remove(MAIN);
    });
}

//= req: WORK-10, type=test
#[test]
fn workspaces_that_come_twice_or_out_of_order_are_refused() {
    refused(|kept| kept.swap(BLUE, GREEN));
    refused(|kept| kept.push(kept[MAIN].clone()));
    refused(|kept| kept[GREEN].name = name("blue"));
}

#[test]
fn main_with_a_place_of_its_own_is_refused() {
    refused(|kept| kept[MAIN].placement = 7);
    refused(|kept| kept[MAIN].placing = placing(&["/main"]));
    refused(|kept| kept[MAIN].placing.web = server("http://127.0.0.1:1"));
}

#[test]
fn a_workspace_that_was_never_placed_is_refused() {
    refused(|kept| kept[BLUE].placement = 0);
}

//= req: WORK-6, type=test
#[test]
fn a_route_of_two_workspaces_is_refused() {
    refused(|kept| kept[GREEN].placing = placing(&["/blue"]));
    refused(|kept| kept[GREEN].placing = placing(&["blue.example:8443"]));
}

//= req: WORK-10, type=test
#[test]
fn more_than_there_can_be_is_refused() {
    refused(|kept| kept[BLUE].placing.claims = (0..17).map(|n| claim(&format!("/{n}"))).collect());
    let workspace = |number: usize| Kept {
        name: name(&format!("a{number:04}")),
        placement: 1,
        placing: Placing::default(),
        members: Vec::new(),
    };
    let many = |count: usize| {
        let mut many: Vec<Kept> = (0..count - 1).map(workspace).collect();
        many.push(Kept { name: name("main"), placement: 0, ..workspace(0) });
        many
    };
    assert!(Directory::restore(many(MOST_WORKSPACES)).is_some());
    assert_eq!(Directory::restore(many(MOST_WORKSPACES + 1)), None);
    let crowd = |count: usize| {
        let mut crowd = whole();
        crowd[GREEN].members.clear();
        crowd[MAIN].members.clear();
        let numbered = |number| member(&format!("m{number:04}"), OBSERVE);
        crowd[BLUE].members = (0..count).map(numbered).collect();
        crowd
    };
    assert!(Directory::restore(crowd(MOST_MEMBERS)).is_some());
    assert_eq!(Directory::restore(crowd(MOST_MEMBERS + 1)), None);
}

//= req: WORK-10, type=test
#[test]
fn members_that_no_change_makes_are_refused() {
    let mut spoil: Vec<fn(&mut Vec<Member>)> = Vec::new();
    spoil.push(|members| members.swap(0, 1));
    spoil.push(|members| members[0].subject = subject("bob"));
    spoil.push(|members| members[0].capabilities = Capabilities::NONE);
    // She is at home in blue.
    spoil.push(|members| members[0].home = true);
    for spoil in spoil {
        refused(|kept| spoil(&mut kept[MAIN].members));
    }
}

fn change() -> impl Strategy<Value = Change> {
    let names = prop::sample::select(vec!["main", "blue", "green", "red"]).prop_map(name);
    let routes = vec!["/a", "/b", "/a/b", "a.example", "b.example:1"];
    let placing = prop::sample::subsequence(routes, 0..3).prop_map(|claims| placing(&claims));
    let who = prop::sample::select(vec!["ada", "bob", "eve"]);
    let member = (who.clone(), 0..16_u16, any::<bool>()).prop_map(|(who, bits, home)| {
        let capabilities = Capabilities::from_bits(bits).unwrap();
        Member { subject: subject(who), capabilities, home }
    });
    (names, placing, member, who, 0..8_u8).prop_map(|(name, placing, member, who, what)| match what
    {
        0 | 1 => Change::Create(name, placing),
        2 => Change::Place(name, placing),
        3 => Change::Delete(name),
        4 => Change::Expel(name, subject(who)),
        _ => Change::Admit(name, member),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_changes_come_to_is_taken_up_as_it_was(
        changes in prop::collection::vec(change(), 0..40),
    ) {
        let mut directory = Directory::default();
        for (revision, change) in (1..).zip(&changes) {
            let before = directory.clone();
            if directory.apply(change, revision).is_err() {
                prop_assert_eq!(&directory, &before, "a refusal changes nothing");
            }
            prop_assert_eq!(Directory::restore(kept(&directory)), Some(directory.clone()));
        }
    }
}
