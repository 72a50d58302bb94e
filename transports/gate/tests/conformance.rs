//! Every store passes this suite: scenarios that say what the contract promises, and random
//! sequences of operations in lockstep with the pure ledger as the model.

mod common;
mod conformance_model;
mod conformance_rights;

use std::future::Future;
use std::pin::Pin;

use common::{at, attempt, audit, digest, fast_place, grant, id, open_with, subject};
use conformance_rights::{
    a_change_of_workspaces_is_seen_after_its_revision,
    a_deleted_workspace_takes_its_local_tokens_with_it,
    a_grant_buys_nothing_in_a_workspace_of_others, a_limit_picks_what_was_asked_for,
    a_limit_takes_away_and_is_seen_after_its_revision,
    a_limited_session_gets_nothing_back_by_asking_again, a_local_token_is_forgotten_at_its_end,
    a_local_token_is_found_by_its_digest_alone,
    a_local_token_of_the_same_id_replaces_the_one_before,
    a_local_token_that_is_not_kept_replaces_none, a_refused_change_leaves_no_trace,
    a_ticket_is_for_no_workspace_of_others, listeners_say_what_they_have_acted_on,
    local_tokens_are_removed_as_asked_for,
};
use doorward_gate::audit::Event;
use doorward_gate::store::{Counted, MemoryStore, Report, Store, StoreError, live_connections};
use doorward_policy::grant::{Counter, GrantRefusal};
use doorward_policy::id::{GrantId, SessionId};
use doorward_policy::ledger::{Capacity, Selector};
use doorward_policy::session::SessionRecord;
use doorward_policy::standing::Standing;
use doorward_policy::ticket::{TicketAttempt, TicketRecord, TicketRefusal};
use doorward_policy::workspace::{Asked, Reach};
use doorward_policy::{Capabilities, Timestamp};

type Scenario = for<'s> fn(&'s dyn Store) -> Pin<Box<dyn Future<Output = ()> + 's>>;

macro_rules! scenarios {
    ($($name:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test]
            async fn $name() { super::in_memory(|store| Box::pin(super::$name(store))).await })*
        }
        mod sqlite {
            $(#[tokio::test]
            async fn $name() { super::in_sqlite(|store| Box::pin(super::$name(store))).await })*
        }
    };
}

scenarios! {
    a_grant_buys_one_session,
    the_same_nonce_gets_the_same_session,
    a_lost_answer_is_fetched_past_the_grants_end,
    another_counter_gets_nothing,
    a_revoked_grant_buys_nothing,
    a_grant_without_what_is_needed_is_not_spent,
    a_spent_grant_does_not_come_back_by_being_made_again,
    a_full_store_spends_nothing,
    an_effect_has_its_audit_line_and_a_refusal_none,
    a_ticket_is_consumed_once,
    a_refused_ticket_stays,
    revocation_is_seen_after_its_revision,
    revocation_picks_what_was_asked_for,
    a_revoked_session_is_not_extended,
    a_session_is_never_extended_past_its_end,
    nothing_is_forgotten_early,
    audit_numbers_are_never_used_twice,
    the_clock_never_goes_back,
    connections_are_summed_while_they_count,
    lists_are_newest_first,
    a_limit_takes_away_and_is_seen_after_its_revision,
    a_limit_picks_what_was_asked_for,
    a_limited_session_gets_nothing_back_by_asking_again,
    a_local_token_is_found_by_its_digest_alone,
    a_local_token_of_the_same_id_replaces_the_one_before,
    a_local_token_that_is_not_kept_replaces_none,
    local_tokens_are_removed_as_asked_for,
    a_local_token_is_forgotten_at_its_end,
    a_change_of_workspaces_is_seen_after_its_revision,
    a_refused_change_leaves_no_trace,
    a_deleted_workspace_takes_its_local_tokens_with_it,
    a_grant_buys_nothing_in_a_workspace_of_others,
    a_ticket_is_for_no_workspace_of_others,
    listeners_say_what_they_have_acted_on,
}

const SMALL: Capacity = Capacity { grants: 4, sessions: 3, tickets: 2, locals: 2 };

async fn in_memory(scenario: Scenario) {
    scenario(&MemoryStore::new(SMALL, [3; 8])).await;
}

async fn in_sqlite(scenario: Scenario) {
    let (_dir, path) = fast_place();
    scenario(&open_with(&path, SMALL)).await;
}

async fn make(store: &dyn Store, number: u64, uses: u32, now: Timestamp) {
    let grant = grant(number, "ada", uses, now);
    store.insert_grant(digest(number), grant, audit(Event::GrantMade)).await.expect("kept");
}

async fn redeem(
    store: &dyn Store,
    number: u64,
    nonce: u64,
    now: Timestamp,
) -> Result<SessionRecord, GrantRefusal> {
    let record = audit(Event::GrantRedeemed);
    store.redeem(digest(number), attempt(nonce), now, record).await.expect("answered")
}

async fn session(store: &dyn Store, number: u64, now: Timestamp) -> SessionRecord {
    make(store, number, 1, now).await;
    redeem(store, number, number, now).await.expect("a session")
}

async fn lines(store: &dyn Store) -> Vec<String> {
    let lines = store.audit_lines(0, 1000).await.expect("lines");
    lines.into_iter().map(|line| line.json).collect()
}

async fn a_grant_buys_one_session(store: &dyn Store) {
    make(store, 1, 1, at(0)).await;
    let session = redeem(store, 1, 1, at(1)).await.expect("a session");
    assert_eq!(session.subject.as_str(), "ada");
    assert_eq!(session.capabilities, Capabilities::START_UP);
    assert_eq!(session.opened_from, Some([127, 0, 0, 1].into()));
    assert_eq!(redeem(store, 1, 2, at(1)).await, Err(GrantRefusal::Spent));
    assert_eq!(redeem(store, 9, 2, at(1)).await, Err(GrantRefusal::Unknown));
    assert_eq!(store.sessions().await.expect("a list"), [session]);
    assert_eq!(store.grants().await.expect("a list")[0].uses_left, 0);
}

async fn the_same_nonce_gets_the_same_session(store: &dyn Store) {
    make(store, 1, 2, at(0)).await;
    let one = redeem(store, 1, 1, at(1)).await.expect("a session");
    assert_eq!(redeem(store, 1, 1, at(60)).await, Ok(one));
    assert_eq!(store.sessions().await.expect("a list").len(), 1);
    let other = redeem(store, 1, 1, at(61)).await.expect("the second use: the window has closed");
    assert_ne!(other.id, one.id);
    store.revoke_sessions(Selector::All, at(62), audit(Event::SessionRevoked)).await.expect("done");
    assert_eq!(redeem(store, 1, 1, at(63)).await, Err(GrantRefusal::Revoked));
}

async fn a_lost_answer_is_fetched_past_the_grants_end(store: &dyn Store) {
    make(store, 1, 1, at(0)).await;
    let one = redeem(store, 1, 1, at(599)).await.expect("a session");
    store.expire(at(650)).await.expect("done");
    assert_eq!(redeem(store, 1, 1, at(650)).await, Ok(one));
    assert_eq!(redeem(store, 1, 2, at(650)).await, Err(GrantRefusal::Expired));
}

async fn another_counter_gets_nothing(store: &dyn Store) {
    make(store, 1, 1, at(0)).await;
    redeem(store, 1, 1, at(1)).await.expect("a session");
    let mut elsewhere = attempt(1);
    elsewhere.counter = Counter::Token;
    let answer = store.redeem(digest(1), elsewhere, at(1), audit(Event::GrantRedeemed)).await;
    assert_eq!(answer.expect("answered"), Err(GrantRefusal::Spent));
}

async fn a_revoked_grant_buys_nothing(store: &dyn Store) {
    make(store, 1, 1, at(0)).await;
    let revoke =
        |number, now| store.revoke_grant(GrantId::new(id(number)), now, audit(Event::GrantRevoked));
    assert_eq!(revoke(1, at(5)).await, Ok(true));
    assert_eq!(revoke(1, at(6)).await, Ok(true), "the first mark stays");
    assert_eq!(revoke(2, at(5)).await, Ok(false));
    assert_eq!(redeem(store, 1, 1, at(6)).await, Err(GrantRefusal::Revoked));
    assert_eq!(store.grants().await.expect("a list")[0].revoked_at, Some(at(5)));
}

async fn a_grant_without_what_is_needed_is_not_spent(store: &dyn Store) {
    make(store, 1, 1, at(0)).await;
    let mut greedy = attempt(1);
    greedy.needed = Capabilities::ADMINISTER;
    let answer = store.redeem(digest(1), greedy, at(1), audit(Event::GrantRedeemed)).await;
    let refusal = GrantRefusal::Insufficient(Capabilities::ADMINISTER);
    assert_eq!(answer.expect("answered"), Err(refusal));
    redeem(store, 1, 1, at(1)).await.expect("still there");
}

async fn a_spent_grant_does_not_come_back_by_being_made_again(store: &dyn Store) {
    make(store, 1, 1, at(0)).await;
    redeem(store, 1, 1, at(1)).await.expect("redeemed");
    let again = store.insert_grant(digest(1), grant(2, "eve", 1, at(2)), audit(Event::GrantMade));
    assert_eq!(again.await, Err(StoreError::Exists));
    assert_eq!(redeem(store, 1, 2, at(2)).await, Err(GrantRefusal::Spent));
    assert_eq!(lines(store).await.len(), 2);
}

async fn a_full_store_spends_nothing(store: &dyn Store) {
    make(store, 1, 4, at(0)).await;
    for nonce in 1..4 {
        redeem(store, 1, nonce, at(1)).await.expect("room for three");
    }
    let record = audit(Event::GrantRedeemed);
    let answer = store.redeem(digest(1), attempt(4), at(1), record.clone()).await;
    assert_eq!(answer, Err(StoreError::Full));
    assert_eq!(store.grants().await.expect("a list")[0].uses_left, 1);
    redeem(store, 1, 3, at(2)).await.expect("a repetition needs no room");

    for number in 2..5 {
        make(store, number, 1, at(0)).await;
    }
    let fifth = store.insert_grant(digest(5), grant(5, "eve", 1, at(0)), record.clone()).await;
    assert_eq!(fifth, Err(StoreError::Full));
    assert_eq!(lines(store).await.len(), 4 + 3);

    let session = store.sessions().await.expect("a list")[0];
    let ticket = TicketRecord::issue(&session.claims(), None, at(2));
    for number in 0..3 {
        let made = store.insert_ticket(digest(number), ticket.clone(), record.clone()).await;
        assert_eq!(made.is_ok(), number < 2);
    }
    assert!(store.expire(at(700)).await.expect("done") > 0);
    make(store, 5, 1, at(700)).await;
}

async fn an_effect_has_its_audit_line_and_a_refusal_none(store: &dyn Store) {
    let session = session(store, 1, at(0)).await;
    redeem(store, 1, 1, at(1)).await.expect("a repetition");
    redeem(store, 1, 2, at(1)).await.expect_err("spent");
    store.revoke_grant(GrantId::new(id(8)), at(1), audit(Event::GrantRevoked)).await.expect("none");
    let all = Selector::All;
    store.revoke_sessions(all, at(2), audit(Event::SessionRevoked)).await.expect("one");
    store.revoke_sessions(all, at(3), audit(Event::SessionRevoked)).await.expect("none");
    let redeemed = audit(Event::GrantRedeemed).about_session(&session).line();
    let revoked = audit(Event::SessionRevoked).about_session(&session).line();
    assert_eq!(lines(store).await, [audit(Event::GrantMade).line(), redeemed, revoked]);
}

fn use_ticket(origin: Option<&str>) -> TicketAttempt {
    let origin = origin.map(str::to_owned);
    TicketAttempt {
        origin,
        needed: Capabilities::OPERATE,
        asked: Asked::Default,
        reach: Reach::Web,
        beside: None,
    }
}

async fn a_ticket_is_consumed_once(store: &dyn Store) {
    let session = session(store, 1, at(0)).await;
    let ticket = TicketRecord::issue(&session.claims(), Some("http://localhost:1"), at(1));
    let record = audit(Event::TicketMade);
    store.insert_ticket(digest(1), ticket, record).await.expect("kept");
    let attempt = use_ticket(Some("http://localhost:1"));
    let claims = store.consume_ticket(digest(1), attempt.clone(), at(2)).await.expect("answered");
    assert_eq!(claims, Ok(session.claims()));
    let again = store.consume_ticket(digest(1), attempt, at(2)).await.expect("answered");
    assert_eq!(again, Err(TicketRefusal::Unknown));
}

async fn a_refused_ticket_stays(store: &dyn Store) {
    let session = session(store, 1, at(0)).await;
    let ticket = TicketRecord::issue(&session.claims(), None, at(1));
    store.insert_ticket(digest(1), ticket, audit(Event::TicketMade)).await.expect("kept");
    let attempt = use_ticket(Some("http://evil.example"));
    let refused = store.consume_ticket(digest(1), attempt, at(2)).await.expect("answered");
    assert_eq!(refused, Err(TicketRefusal::OtherOrigin));
    let late = store.consume_ticket(digest(1), use_ticket(None), at(31)).await.expect("answered");
    assert_eq!(late, Err(TicketRefusal::Expired));
    let used = store.consume_ticket(digest(1), use_ticket(None), at(30)).await.expect("answered");
    used.expect("still there");

    let orphan = TicketRecord { session: SessionId::new(id(99)), ..orphan(at(40)) };
    store.insert_ticket(digest(2), orphan, audit(Event::TicketMade)).await.expect("kept");
    let refused = store.consume_ticket(digest(2), use_ticket(None), at(5)).await.expect("answered");
    assert_eq!(refused, Err(TicketRefusal::SessionExpired));
}

fn orphan(expires_at: Timestamp) -> TicketRecord {
    let capabilities = Capabilities::ALL;
    TicketRecord { session: SessionId::new(id(0)), capabilities, origin: None, expires_at }
}

async fn revocation_is_seen_after_its_revision(store: &dyn Store) {
    let one = session(store, 1, at(0)).await;
    let two = session(store, 2, at(0)).await;
    let start = store.news(0).await.expect("answered");
    assert!(start.sessions.is_empty());
    let revoke =
        |id, now| store.revoke_sessions(Selector::Session(id), now, audit(Event::SessionRevoked));
    assert_eq!(revoke(one.id, at(1)).await.expect("done").len(), 1);
    let news = store.news(start.revision).await.expect("answered");
    assert_eq!(news.sessions, [(one.id, Standing::Revoked, one.absolute_end)]);
    let idle = store.news(news.revision).await.expect("answered");
    assert!(idle.sessions.is_empty());
    assert_eq!(idle.revision, news.revision);
    revoke(two.id, at(2)).await.expect("done");
    let news = store.news(idle.revision).await.expect("answered");
    assert_eq!(news.sessions, [(two.id, Standing::Revoked, two.absolute_end)]);
    assert_eq!(store.news(0).await.expect("answered").sessions.len(), 2);
    assert!(revoke(two.id, at(3)).await.expect("done").is_empty(), "it is revoked already");
    let idle = store.news(news.revision).await.expect("answered");
    assert!(idle.sessions.is_empty());
}

async fn revocation_picks_what_was_asked_for(store: &dyn Store) {
    for (number, label) in [(1, "ada"), (2, "bob"), (3, "ada")] {
        let grant = grant(number, label, 1, at(0));
        store.insert_grant(digest(number), grant, audit(Event::GrantMade)).await.expect("kept");
        redeem(store, number, number, at(0)).await.expect("a session");
    }
    let record = audit(Event::SessionRevoked);
    let ada = Selector::Subject(subject("ada"));
    let revoked = store.revoke_sessions(ada, at(1), record.clone()).await.expect("done");
    assert_eq!(revoked.len(), 2);
    assert!(revoked.iter().all(|one| one.subject.as_str() == "ada"));
    assert!(revoked.iter().all(|one| one.revoked_at == Some(at(1))));
    let mut sessions = store.sessions().await.expect("a list").into_iter();
    let bob = sessions.find(|one| one.subject.as_str() == "bob").expect("it is live");
    let others = Selector::AllBut(bob.id);
    let others = store.revoke_sessions(others, at(2), record.clone()).await.expect("done");
    assert!(others.is_empty());
    let rest = store.revoke_sessions(Selector::All, at(2), record).await.expect("done");
    assert_eq!(rest, [SessionRecord { revoked_at: Some(at(2)), ..bob }]);
    let sessions = store.sessions().await.expect("a list");
    let first_mark_stays = |one: &SessionRecord| one.revoked_at < Some(at(2));
    assert_eq!(sessions.iter().filter(|one| first_mark_stays(one)).count(), 2);
}

async fn a_revoked_session_is_not_extended(store: &dyn Store) {
    let session = session(store, 1, at(0)).await;
    let one = Selector::Session(session.id);
    store.revoke_sessions(one, at(1), audit(Event::SessionRevoked)).await.expect("done");
    let extended = store.extend_session(session.id, session.absolute_end).await;
    assert_eq!(extended, Ok(false));
    assert_eq!(store.sessions().await.expect("a list")[0].expires_at, session.expires_at);
}

async fn a_session_is_never_extended_past_its_end(store: &dyn Store) {
    let session = session(store, 1, at(0)).await;
    let end = async || store.sessions().await.expect("a list")[0].expires_at;
    assert_eq!(store.extend_session(session.id, at(1)).await, Ok(true));
    assert_eq!(end().await, session.expires_at, "never back");
    assert_eq!(store.extend_session(session.id, at(999_999_999)).await, Ok(true));
    assert_eq!(end().await, session.absolute_end);
    assert_eq!(store.extend_session(SessionId::new(id(9)), at(5)).await, Ok(false));
}

async fn nothing_is_forgotten_early(store: &dyn Store) {
    let session = session(store, 1, at(0)).await;
    store.insert_ticket(digest(1), orphan(at(30)), audit(Event::TicketMade)).await.expect("kept");
    store.expire(at(659)).await.expect("done");
    assert_eq!(store.grants().await.expect("a list").len(), 1);
    store.expire(at(660)).await.expect("done");
    assert!(store.grants().await.expect("a list").is_empty());
    let before = Timestamp::from_millis(session.absolute_end.as_millis() - 1);
    store.expire(before).await.expect("done");
    assert_eq!(store.sessions().await.expect("a list").len(), 1);
    assert_eq!(store.expire(session.absolute_end).await, Ok(1));
    assert!(store.sessions().await.expect("a list").is_empty());
    assert_eq!(store.expire(session.absolute_end).await, Ok(0));
}

async fn audit_numbers_are_never_used_twice(store: &dyn Store) {
    let record = |event| store.record(vec![audit(event), audit(event)]);
    record(Event::Admitted).await.expect("kept");
    let first = store.audit_lines(0, 10).await.expect("lines");
    assert_eq!(first.len(), 2);
    store.trim_audit(first[1].number).await.expect("done");
    assert!(store.audit_lines(0, 10).await.expect("lines").is_empty());
    record(Event::Denied).await.expect("kept");
    store.record(Vec::new()).await.expect("nothing to keep");
    let second = store.audit_lines(0, 10).await.expect("lines");
    assert!(second[0].number > first[1].number && second[1].number > second[0].number);
    assert_eq!(store.audit_lines(0, 1).await.expect("lines"), second[..1]);
    assert_eq!(store.audit_lines(second[0].number, 10).await.expect("lines"), second[1..]);
}

async fn the_clock_never_goes_back(store: &dyn Store) {
    assert_eq!(store.clock().await, Ok(Timestamp::EPOCH));
    for now in [at(5), at(3), at(4)] {
        store.mark_clock(now).await.expect("kept");
    }
    assert_eq!(store.clock().await, Ok(at(5)));
}

async fn connections_are_summed_while_they_count(store: &dyn Store) {
    let [a, b] = [1, 2].map(|number| SessionId::new(id(number)));
    let report = |listener, connections: &[(SessionId, u32)], until| {
        let counted = |(session, live): &(SessionId, u32)| Counted {
            session: *session,
            live: *live,
            closed: 7,
        };
        let sessions = connections.iter().map(counted).collect();
        store.report_connections([listener; 16], Report { acted: 0, sessions, until })
    };
    let live = async |now| {
        let live = live_connections(&store.reports(now).await.expect("a list"));
        live.into_iter().collect::<Vec<_>>()
    };
    report(1, &[(a, 1), (b, 5)], at(10)).await.expect("kept");
    report(2, &[(a, 2)], at(20)).await.expect("kept");
    assert_eq!(live(at(9)).await, [(a, 3), (b, 5)]);
    assert_eq!(live(at(10)).await, [(a, 2)]);
    report(2, &[(b, 1), (a, 0)], at(30)).await.expect("kept");
    assert_eq!(live(at(10)).await, [(b, 1)]);
    assert_eq!(store.expire(at(30)).await, Ok(2));
}

async fn lists_are_newest_first(store: &dyn Store) {
    for (number, now) in [(1, at(5)), (2, at(9)), (3, at(7))] {
        session(store, number, now).await;
    }
    let grants = store.grants().await.expect("a list");
    let sessions = store.sessions().await.expect("a list");
    assert!(grants.is_sorted_by_key(|one| std::cmp::Reverse(one.created_at)));
    assert!(sessions.is_sorted_by_key(|one| std::cmp::Reverse(one.created_at)));
}
