//! The ledger: bounded, full means refuse, a refusal spends nothing, expiry never pauses for long.
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

use common::workspace::{OBSERVE, name};
use common::{DAY, NOW, attempt, claims, grant, millis, secs, subject};
use doorward_policy::capability::Capabilities;
use doorward_policy::grant::{GrantRefusal, REPEAT_WINDOW};
use doorward_policy::id::{GrantId, SessionId};
use doorward_policy::keys::Digest;
use doorward_policy::ledger::{Capacity, Ledger, NotKept, RedeemError, Selector};
use doorward_policy::local::{LocalRecord, LocalRequest, LocalSelector, MAX_LIFE};
use doorward_policy::ticket::{TicketAttempt, TicketRecord, TicketRefusal};
use doorward_policy::workspace::{Asked, Change, Placing, Reach};

const fn digest(seed: u8) -> Digest {
    Digest::from_bytes([seed; 32])
}

fn small(grants: usize, sessions: usize, tickets: usize) -> Ledger {
    Ledger::new(Capacity { grants, sessions, tickets, locals: 4 }, [3; 8])
}

fn ledger_with_grant(sessions: usize, uses: u32) -> Ledger {
    let mut ledger = small(4, sessions, 4);
    ledger.insert_grant(digest(1), grant(uses, secs(3600))).unwrap();
    ledger
}

fn uses_left(ledger: &Ledger) -> u32 {
    ledger.grants().map(|grant| grant.uses_left).sum()
}

//= req: LIMIT-10, type=test
#[test]
fn a_full_ledger_refuses_further_grants_and_tickets() {
    let mut ledger = small(1, 1, 1);
    let ticket = || TicketRecord::issue(&claims(), None, NOW);
    assert_eq!(ledger.insert_grant(digest(1), grant(1, DAY)), Ok(()));
    assert_eq!(ledger.insert_grant(digest(2), grant(1, DAY)), Err(NotKept::Full));
    assert_eq!(ledger.insert_ticket(digest(1), ticket()), Ok(()));
    assert_eq!(ledger.insert_ticket(digest(2), ticket()), Err(NotKept::Full));
    assert_eq!(ledger.grants().count(), 1);
}

//= req: GRANT-7, type=test
#[test]
fn a_full_ledger_opens_no_session_and_spends_no_grant() {
    let mut ledger = ledger_with_grant(1, 3);
    ledger.redeem(&digest(1), &attempt(1, 1), NOW).unwrap();
    assert_eq!(ledger.redeem(&digest(1), &attempt(2, 2), NOW), Err(RedeemError::Full));
    assert_eq!((uses_left(&ledger), ledger.sessions().count()), (2, 1));
    // The attempt left no trace that a repetition could find.
    assert_eq!(ledger.redeem(&digest(1), &attempt(2, 2), NOW), Err(RedeemError::Full));
}

//= req: GRANT-7, type=test
#[test]
fn a_session_id_that_is_taken_opens_no_session_and_spends_no_grant() {
    let mut ledger = ledger_with_grant(4, 3);
    let first = ledger.redeem(&digest(1), &attempt(1, 1), NOW).unwrap();
    assert_eq!(ledger.redeem(&digest(1), &attempt(2, 1), NOW), Err(RedeemError::Full));
    assert_eq!((uses_left(&ledger), ledger.sessions().count()), (2, 1));
    assert_eq!(ledger.redeem(&digest(1), &attempt(1, 1), NOW), Ok(first));
    assert!(ledger.redeem(&digest(1), &attempt(2, 2), NOW).is_ok());
}

#[test]
fn a_full_ledger_still_repeats_and_still_says_why_not() {
    let mut ledger = ledger_with_grant(1, 1);
    let first = ledger.redeem(&digest(1), &attempt(1, 1), NOW).unwrap();
    assert_eq!(ledger.redeem(&digest(1), &attempt(1, 2), NOW), Ok(first));
    let spent = Err(RedeemError::Refused(GrantRefusal::Spent));
    assert_eq!(ledger.redeem(&digest(1), &attempt(2, 2), NOW), spent);
    let unknown = Err(RedeemError::Refused(GrantRefusal::Unknown));
    assert_eq!(ledger.redeem(&digest(9), &attempt(2, 2), NOW), unknown);
}

//= req: GRANT-5, type=test
#[test]
fn a_repetition_finds_no_session_that_was_revoked() {
    let mut ledger = ledger_with_grant(4, 2);
    ledger.redeem(&digest(1), &attempt(1, 1), NOW).unwrap();
    let revoked = ledger.revoke_sessions(&Selector::All, NOW);
    assert_eq!(revoked.len(), 1);
    let refused = Err(RedeemError::Refused(GrantRefusal::Revoked));
    assert_eq!(ledger.redeem(&digest(1), &attempt(1, 2), NOW), refused);
    assert_eq!(uses_left(&ledger), 1);
}

//= req: TICKET-1, type=test
#[test]
fn a_consumed_ticket_is_gone_and_a_refused_one_is_not() {
    let mut ledger = ledger_with_grant(4, 1);
    ledger.redeem(&digest(1), &attempt(1, 0x5e), NOW).unwrap();
    ledger.insert_ticket(digest(7), TicketRecord::issue(&claims(), None, NOW)).unwrap();
    let attempt = |needed| TicketAttempt {
        origin: None,
        needed,
        asked: Asked::Default,
        reach: Reach::Web,
        beside: None,
    };
    let refused = ledger.consume_ticket(&digest(7), &attempt(Capabilities::SPAWN), NOW);
    assert_eq!(refused, Err(TicketRefusal::Insufficient(Capabilities::SPAWN)));
    assert!(ledger.consume_ticket(&digest(7), &attempt(Capabilities::OPERATE), NOW).is_ok());
    let again = ledger.consume_ticket(&digest(7), &attempt(Capabilities::OPERATE), NOW);
    assert_eq!(again, Err(TicketRefusal::Unknown));
    assert_eq!(ledger.expire(NOW.plus(secs(60)), 10), 0, "nothing of it is kept until its end");
}

#[test]
fn a_revoked_grant_is_revoked_by_its_id() {
    let mut ledger = ledger_with_grant(4, 1);
    assert!(!ledger.revoke_grant(GrantId::new([0; 16]), NOW));
    assert!(ledger.revoke_grant(GrantId::new([0x6a; 16]), NOW));
    let refused = Err(RedeemError::Refused(GrantRefusal::Revoked));
    assert_eq!(ledger.redeem(&digest(1), &attempt(1, 1), NOW), refused);
}

#[test]
fn revocation_picks_one_a_subject_or_all_and_each_once() {
    let mut ledger = small(4, 8, 0);
    for (seed, label) in [(1, "laptop"), (2, "phone"), (3, "phone")] {
        let mut grant = grant(1, DAY);
        grant.label = subject(label);
        ledger.insert_grant(digest(seed), grant).unwrap();
        ledger.redeem(&digest(seed), &attempt(seed, seed), NOW).unwrap();
    }
    let mut picked = |which| {
        let mut ids: Vec<u8> = ledger
            .revoke_sessions(&which, NOW)
            .iter()
            .map(|session| {
                assert_eq!(session.revoked_at, Some(NOW));
                session.id.as_bytes()[0]
            })
            .collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(picked(Selector::Session(SessionId::new([9; 16]))), []);
    assert_eq!(picked(Selector::Session(SessionId::new([3; 16]))), [3]);
    assert_eq!(picked(Selector::Subject(subject("phone"))), [2]);
    assert_eq!(picked(Selector::AllBut(SessionId::new([1; 16]))), []);
    assert_eq!(picked(Selector::All), [1]);
    assert_eq!(picked(Selector::All), []);
}

//= req: SESSION-5, type=test
#[test]
fn a_revoked_session_is_not_extended() {
    let mut ledger = ledger_with_grant(4, 1);
    let session = ledger.redeem(&digest(1), &attempt(1, 1), NOW).unwrap();
    ledger.revoke_sessions(&Selector::All, NOW);
    assert!(!ledger.extend_session(session.id, NOW.plus(20 * DAY)));
    assert_eq!(ledger.session(session.id).unwrap().expires_at, session.expires_at);
}

#[test]
fn records_are_forgotten_when_they_are_of_no_more_use_and_not_before() {
    let mut ledger = ledger_with_grant(4, 1);
    let session = ledger.redeem(&digest(1), &attempt(1, 0x5e), NOW).unwrap();
    ledger.insert_ticket(digest(7), TicketRecord::issue(&claims(), None, NOW)).unwrap();
    assert_eq!(ledger.expire(NOW.plus(secs(30)).minus(millis(1)), 10), 0);
    assert_eq!(ledger.expire(NOW.plus(secs(30)), 10), 1, "the ticket");
    let grant_over = NOW.plus(secs(3600)).plus(REPEAT_WINDOW);
    assert_eq!(ledger.expire(grant_over.minus(millis(1)), 10), 0);
    assert_eq!(ledger.expire(grant_over, 10), 1, "the grant");
    assert_eq!(ledger.expire(session.absolute_end.minus(millis(1)), 10), 0);
    assert_eq!(ledger.expire(session.absolute_end, 10), 1, "the session");
    assert_eq!(ledger.sessions().count() + ledger.grants().count(), 0);
}

#[test]
fn a_revoked_session_is_kept_until_its_absolute_end() {
    let mut ledger = ledger_with_grant(4, 1);
    let session = ledger.redeem(&digest(1), &attempt(1, 1), NOW).unwrap();
    ledger.revoke_sessions(&Selector::All, NOW);
    ledger.expire(session.absolute_end.minus(secs(1)), 100);
    assert!(ledger.session(session.id).unwrap().revoked_at.is_some());
}

//= req: CAP-3, type=test
#[test]
fn a_limit_only_takes_away_and_tells_whom_it_took_from() {
    let mut ledger = ledger_with_grant(4, 2);
    for session in [1, 2] {
        ledger.redeem(&digest(1), &attempt(session, session), NOW).unwrap();
    }
    let one = Selector::Session(SessionId::new([1; 16]));
    let limited = ledger.limit_sessions(&one, OBSERVE, NOW);
    assert_eq!(limited.iter().map(|one| one.capabilities).collect::<Vec<_>>(), [OBSERVE]);
    assert_eq!(ledger.limit_sessions(&one, Capabilities::ALL, NOW), [], "nothing comes back");
    assert_eq!(ledger.limit_sessions(&Selector::All, OBSERVE, NOW).len(), 1, "the other one");
    let other = ledger.limit_sessions(&one, Capabilities::OPERATE, NOW);
    assert_eq!(other.iter().map(|one| one.capabilities).collect::<Vec<_>>(), [Capabilities::NONE]);
    ledger.revoke_sessions(&one, NOW);
    assert_eq!(ledger.limit_sessions(&one, Capabilities::NONE, NOW), [], "it is over");
}

fn local(id: u8, incarnation: u8) -> LocalRecord {
    let request = LocalRequest {
        id: SessionId::new([id; 16]),
        name: subject("agent"),
        workspace: name("blue"),
        capabilities: OBSERVE,
        pid: 1,
        started: 1,
        directory: "/".into(),
    };
    LocalRecord::issue(&request, Capabilities::ALL, [incarnation; 16], NOW).unwrap()
}

fn with_locals(most: usize, ids: std::ops::RangeInclusive<u8>) -> Ledger {
    let mut ledger = Ledger::new(Capacity { locals: most, ..Capacity::default() }, [3; 8]);
    for id in ids {
        assert_eq!(ledger.insert_local(digest(id), local(id, id)), Ok(None));
    }
    ledger
}

#[test]
fn a_local_token_made_again_takes_the_place_of_the_one_before_even_where_it_is_full() {
    let mut ledger = with_locals(2, 1..=2);
    assert_eq!(ledger.insert_local(digest(3), local(3, 3)), Err(NotKept::Full));
    assert_eq!(ledger.insert_local(digest(2), local(1, 3)), Err(NotKept::Exists));
    assert_eq!(ledger.local(&digest(1)), Some(&local(1, 1)), "a refusal evicts nothing");
    assert_eq!(ledger.insert_local(digest(3), local(1, 3)), Ok(Some(local(1, 1))));
    assert_eq!(ledger.local(&digest(1)), None);
    assert_eq!(ledger.locals().count(), 2);
}

#[test]
fn a_local_token_that_was_made_again_is_not_removed_for_the_one_before() {
    let mut ledger = with_locals(4, 1..=2);
    let ended = LocalSelector::Incarnations(vec![SessionId::new([1; 16])]);
    ledger.insert_local(digest(3), local(1, 3)).unwrap();
    assert_eq!(ledger.remove_locals(&ended), []);
    assert_eq!(ledger.remove_locals(&LocalSelector::Id(SessionId::new([1; 16]))), [local(1, 3)]);
    assert_eq!(ledger.remove_locals(&LocalSelector::Workspace(name("green"))), []);
    assert_eq!(ledger.remove_locals(&LocalSelector::Workspace(name("blue"))), [local(2, 2)]);
}

#[test]
fn a_workspace_that_is_made_anew_does_not_get_the_local_tokens_of_the_former() {
    let mut ledger = with_locals(4, 1..=2);
    let create = Change::Create(name("blue"), Placing::default());
    assert_eq!(ledger.change_directory(&create, 1), Ok(Vec::new()));
    let gone = ledger.change_directory(&Change::Delete(name("blue")), 2).unwrap();
    assert_eq!(gone, [local(1, 1), local(2, 2)]);
    assert_eq!(ledger.change_directory(&create, 3), Ok(Vec::new()));
    assert_eq!(ledger.locals().count(), 0);
}

#[test]
fn local_tokens_are_forgotten_at_their_end_as_many_as_the_budget() {
    let mut ledger = with_locals(8, 1..=5);
    let end = NOW.plus(MAX_LIFE);
    assert_eq!(ledger.expire(end.minus(millis(1)), 10), 0);
    assert_eq!([3, 3, 3].map(|budget| ledger.expire(end, budget)), [3, 2, 0]);
    assert_eq!(ledger.locals().count(), 0);
}

#[test]
fn one_expiry_forgets_at_most_its_budget() {
    let mut ledger = Ledger::new(Capacity::default(), [3; 8]);
    for seed in 0..100 {
        ledger.insert_grant(digest(seed), grant(1, secs(1 + u64::from(seed % 7)))).unwrap();
    }
    let over = NOW.plus(DAY);
    assert_eq!(ledger.expire(over, 0), 0);
    let mut rounds = Vec::new();
    while ledger.grants().count() > 0 {
        rounds.push(ledger.expire(over, 30));
    }
    assert_eq!(rounds, [30, 30, 30, 10]);
    assert_eq!(ledger.expire(over, 30), 0);
}

#[test]
fn an_expired_grant_makes_room() {
    let mut ledger = small(1, 1, 1);
    ledger.insert_grant(digest(1), grant(1, secs(10))).unwrap();
    assert_eq!(ledger.expire(NOW.plus(secs(70)), 1), 1);
    assert_eq!(ledger.insert_grant(digest(2), grant(1, DAY)), Ok(()));
}

/// Whoever could keep a second record under a digest could put spent uses back.
#[test]
fn what_is_kept_is_not_replaced_by_another_of_its_digest() {
    let mut ledger = small(4, 4, 4);
    let ticket = || TicketRecord::issue(&claims(), None, NOW);
    ledger.insert_grant(digest(1), grant(1, DAY)).unwrap();
    ledger.redeem(&digest(1), &attempt(1, 1), NOW).unwrap();
    assert_eq!(ledger.insert_grant(digest(1), grant(9, DAY)), Err(NotKept::Exists));
    assert_eq!(uses_left(&ledger), 0);
    ledger.insert_ticket(digest(2), ticket()).unwrap();
    assert_eq!(ledger.insert_ticket(digest(2), ticket()), Err(NotKept::Exists));
}
