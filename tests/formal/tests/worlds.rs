//! Small worlds explored to their end, and broken ones in which an invariant must be violated.
#![allow(missing_docs, reason = "tests")]

use doorward_formal::world::{
    Chances, Flaw, PAIRING, Plan, REPEATING, RIGHTS, SESSIONS, Scope, World, properties,
};
use stateright::{Checker, HasDiscoveries, Model as _};

/// One request is enough for what goes wrong there.
const BRIEF_RIGHTS: Scope = Scope { clients: 1, requests: 1, ..RIGHTS };

/// Explores a broken world until the invariant is violated that is there for it.
#[track_caller]
fn is_noticed(scope: Scope, flaw: Flaw, by: &'static str) {
    let checker = World::broken(scope, flaw).checker();
    let checker = checker.finish_when(HasDiscoveries::AllOf([by].into())).spawn_bfs().join();
    assert!(checker.discovery(by).is_some(), "{flaw:?} is not noticed by {by:?}");
    println!("noticed: {flaw:?} by {by:?}");
}

/// Explores a world to its end.
#[track_caller]
fn holds(scope: Scope) {
    World::new(scope).checker().spawn_bfs().join().assert_properties();
}

#[test]
fn two_clients_race_for_one_use() {
    let grants = &[Plan { uses: 1, life: 1 }];
    let chances = Chances { crashes: 1, unheard: 1, ..Chances::default() };
    holds(Scope { grants, horizon: 1, chances, ..PAIRING });
}

#[test]
fn a_session_is_revoked_while_it_connects() {
    let chances = Chances { revocations: 1, cuts: 1, ..Chances::default() };
    holds(Scope { horizon: 2, requests: 1, chances, ..SESSIONS });
}

#[test]
fn a_membership_comes_and_goes() {
    holds(BRIEF_RIGHTS);
}

#[test]
fn a_store_that_is_not_atomic_sells_a_use_twice() {
    is_noticed(PAIRING, Flaw::TornStore, "I5: at most as many sessions as uses");
}

#[test]
fn an_answer_before_the_commit_is_not_durable() {
    is_noticed(PAIRING, Flaw::EarlyAnswer, "I21: what was told is durable");
}

#[test]
fn an_audit_record_after_the_commit_is_missing() {
    is_noticed(PAIRING, Flaw::LateAudit, "I21: an effect has its audit record");
}

#[test]
fn a_store_that_fails_open_hands_out_what_it_never_kept() {
    let scope = Scope { chances: Chances { unheard: 0, cuts: 1, ..PAIRING.chances }, ..PAIRING };
    is_noticed(scope, Flaw::OpenOnFailure, "I20: no session without the store");
}

#[test]
fn an_id_that_the_browser_came_with_survives_a_sign_in() {
    is_noticed(PAIRING, Flaw::KeptId, "I14: a new id at every sign-in");
}

#[test]
fn a_nonce_that_counts_everywhere_is_repeated_elsewhere() {
    is_noticed(REPEATING, Flaw::AnyCounter, "I5: a repetition buys nothing more");
}

#[test]
fn a_gate_that_notes_no_revocation_keeps_its_connections() {
    is_noticed(SESSIONS, Flaw::DeafMirror, "I10: a revoked connection is closed");
}

#[test]
fn a_gate_that_notes_no_revocation_admits_who_was_revoked() {
    is_noticed(SESSIONS, Flaw::DeafMirror, "I10: nobody is admitted after a revocation");
}

#[test]
fn without_a_second_look_a_revoked_connection_is_admitted() {
    is_noticed(SESSIONS, Flaw::NoSecondLook, "I10: a revoked connection is closed");
}

#[test]
fn a_connection_that_is_not_ended_outlives_its_session() {
    is_noticed(SESSIONS, Flaw::EndlessConnections, "I10: a connection ends with its session");
}

#[test]
fn a_clock_that_stands_still_admits_after_the_end() {
    is_noticed(SESSIONS, Flaw::StoppedClock, "I6: admitted within its time");
}

#[test]
fn a_renewal_without_the_absolute_end_passes_it() {
    is_noticed(SESSIONS, Flaw::EndlessRenewal, "I6: no renewal passes the absolute end");
}

#[test]
fn a_gate_that_believes_itself_fresh_admits_on_old_news() {
    is_noticed(SESSIONS, Flaw::FreshAnyway, "I20: no admission on old news");
}

#[test]
fn a_door_that_is_told_nothing_admits_what_the_other_does_not() {
    is_noticed(SESSIONS, Flaw::SideDoor, "I4: every door decides alike");
}

#[test]
fn a_rule_for_everything_lets_through_what_none_names() {
    is_noticed(SESSIONS, Flaw::OpenRoutes, "I4: what no rule names is denied");
}

#[test]
fn a_membership_that_is_merged_lets_in_who_is_no_member() {
    is_noticed(BRIEF_RIGHTS, Flaw::MergedMembership, "I11: no more than a member may");
}

#[test]
fn a_denial_that_tells_shows_what_is_hidden() {
    is_noticed(BRIEF_RIGHTS, Flaw::TellingDenial, "I11: hidden is as if it were not");
}

#[test]
fn a_membership_that_is_merged_keeps_connections() {
    is_noticed(BRIEF_RIGHTS, Flaw::MergedMembership, "I11: a lost membership closes");
}

#[test]
fn every_invariant_has_a_broken_world() {
    for property in properties::always() {
        let named = include_str!("worlds.rs").contains(&format!("{:?}", property.name));
        assert!(named, "nothing shows that {:?} can be violated", property.name);
    }
}
