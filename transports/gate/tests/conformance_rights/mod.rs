//! Scenarios about what sessions may do and processes prove: limits, local tokens, workspaces, and
//! what listeners say they have acted on.

use doorward_gate::audit::Event;
use doorward_gate::store::{Counted, News, Report, Store, StoreError};
use doorward_policy::grant::GrantRefusal;
use doorward_policy::id::SessionId;
use doorward_policy::ledger::Selector;
use doorward_policy::local::{LocalRecord, LocalSelector};
use doorward_policy::session::SessionRecord;
use doorward_policy::standing::Standing;
use doorward_policy::ticket::{TicketRecord, TicketRefusal};
use doorward_policy::workspace::{
    Asked, Change, ChangeRefusal, Claim, Member, Placing, Reach, WorkspaceName,
};
use doorward_policy::{Capabilities, Timestamp};

use super::{lines, make, redeem, session, use_ticket};
use crate::common::{at, attempt, audit, digest, id, local, subject};

async fn news(store: &dyn Store, revision: u64) -> News {
    store.news(revision).await.expect("answered")
}

async fn limit(store: &dyn Store, which: Selector, left: Capabilities) -> Vec<SessionRecord> {
    let record = audit(Event::SessionLimited).limited_to(left);
    store.limit_sessions(which, left, at(1), record).await.expect("done")
}

pub(super) async fn a_limit_takes_away_and_is_seen_after_its_revision(store: &dyn Store) {
    let one = session(store, 1, at(0)).await;
    let start = news(store, 0).await;
    let observe = Capabilities::OBSERVE;
    let limited = limit(store, Selector::Session(one.id), observe).await;
    assert_eq!(limited, [SessionRecord { capabilities: observe, ..one }]);
    assert_eq!(store.sessions().await.as_ref(), Ok(&limited));
    let told = news(store, start.revision).await;
    assert_eq!(told.sessions, [(one.id, Standing::Limited(observe), one.absolute_end)]);

    assert!(limit(store, Selector::All, Capabilities::ALL).await.is_empty(), "nothing comes back");
    assert_eq!(store.sessions().await, Ok(limited));
    assert_eq!(news(store, u64::MAX).await.revision, told.revision);

    let record = audit(Event::SessionRevoked);
    store.revoke_sessions(Selector::All, at(2), record).await.expect("done");
    let told = news(store, told.revision).await.sessions;
    assert_eq!(told, [(one.id, Standing::Revoked, one.absolute_end)]);
    assert_eq!(news(store, 0).await.sessions, told, "once, as it is now");
    assert!(limit(store, Selector::All, Capabilities::NONE).await.is_empty(), "it is over");
}

pub(super) async fn a_limit_picks_what_was_asked_for(store: &dyn Store) {
    for (number, label) in [(1, "ada"), (2, "bob"), (3, "ada")] {
        let grant = crate::common::grant(number, label, 1, at(0));
        store.insert_grant(digest(number), grant, audit(Event::GrantMade)).await.expect("kept");
        redeem(store, number, number, at(0)).await.expect("a session");
    }
    let before = lines(store).await.len();
    let limited = limit(store, Selector::Subject(subject("ada")), Capabilities::OPERATE).await;
    assert_eq!(limited.len(), 2);
    assert!(limited.iter().all(|one| one.subject == subject("ada")));
    let rest = limit(store, Selector::All, Capabilities::OPERATE).await;
    assert_eq!(rest.len(), 1, "the others have no more already");
    let record = audit(Event::SessionLimited).limited_to(Capabilities::OPERATE);
    let line = record.about_session(&rest[0]).line();
    assert!(line.contains(r#""event":"session_limited""#), "{line}");
    assert!(line.contains(r#""capabilities":"operate""#), "{line}");
    assert_eq!(lines(store).await[before + 2..], [line]);
}

pub(super) async fn a_limited_session_gets_nothing_back_by_asking_again(store: &dyn Store) {
    let one = session(store, 1, at(0)).await;
    let ticket = TicketRecord::issue(&one.claims(), None, at(1));
    store.insert_ticket(digest(1), ticket, audit(Event::TicketMade)).await.expect("kept");
    limit(store, Selector::All, Capabilities::OBSERVE).await;
    let again = redeem(store, 1, 1, at(2)).await;
    assert!(again.is_err() || again.is_ok_and(|one| one.capabilities == Capabilities::OBSERVE));
    let refused = store.consume_ticket(digest(1), use_ticket(None), at(2)).await;
    let lacking = TicketRefusal::Insufficient(Capabilities::OPERATE);
    assert_eq!(refused.expect("answered"), Err(lacking));
}

async fn keep(store: &dyn Store, token: u64, local: &LocalRecord) -> Option<LocalRecord> {
    let record = audit(Event::LocalMade).about_local(local);
    store.insert_local(digest(token), local.clone(), record).await.expect("kept")
}

pub(super) async fn a_local_token_is_found_by_its_digest_alone(store: &dyn Store) {
    let (one, two) = (local(1, 11, at(0)), local(2, 12, at(5)));
    assert_eq!(keep(store, 1, &one).await, None);
    assert_eq!(keep(store, 2, &two).await, None);
    assert_eq!(store.find_local(digest(1)).await, Ok(Some(one.clone())));
    assert_eq!(store.find_local(digest(2)).await, Ok(Some(two.clone())));
    assert_eq!(store.find_local(digest(3)).await, Ok(None));
    assert_eq!(store.locals().await, Ok(vec![two, one]), "newest first");
    assert!(news(store, 0).await.sessions.is_empty(), "nobody needs to hear of a new one");
}

pub(super) async fn a_local_token_of_the_same_id_replaces_the_one_before(store: &dyn Store) {
    let (one, two) = (local(1, 11, at(0)), local(1, 12, at(5)));
    keep(store, 1, &one).await;
    let start = news(store, 0).await;
    assert_eq!(keep(store, 2, &two).await, Some(one.clone()));
    assert_eq!(store.find_local(digest(1)).await, Ok(None));
    assert_eq!(store.locals().await, Ok(vec![two.clone()]));
    let told = news(store, start.revision).await;
    assert_eq!(told.sessions, [(one.incarnation, Standing::Revoked, one.ends_at)]);
    let made = |local| audit(Event::LocalMade).about_local(local).line();
    let removed = audit(Event::LocalRemoved).because("replaced").about_local(&one).line();
    let mut held = lines(store).await;
    held.sort();
    let mut expected = [made(&one), removed, made(&two)];
    expected.sort();
    assert_eq!(held, expected);
}

pub(super) async fn a_local_token_that_is_not_kept_replaces_none(store: &dyn Store) {
    let (one, two) = (local(1, 11, at(0)), local(2, 12, at(0)));
    keep(store, 1, &one).await;
    keep(store, 2, &two).await;
    let before = (news(store, 0).await.revision, lines(store).await);
    let record = audit(Event::LocalMade);
    let same_digest = store.insert_local(digest(2), local(1, 13, at(1)), record.clone()).await;
    assert_eq!(same_digest, Err(StoreError::Exists));
    let third = store.insert_local(digest(3), local(3, 13, at(1)), record).await;
    assert_eq!(third, Err(StoreError::Full));
    assert_eq!(store.find_local(digest(1)).await, Ok(Some(one.clone())));
    assert_eq!(store.locals().await.expect("a list").len(), 2);
    assert_eq!((news(store, 0).await.revision, lines(store).await), before);
    assert_eq!(keep(store, 3, &local(1, 13, at(1))).await, Some(one), "that needs no more room");
}

pub(super) async fn local_tokens_are_removed_as_asked_for(store: &dyn Store) {
    let remove = |which| store.remove_locals(which, audit(Event::LocalRemoved));
    let (one, two) = (local(1, 11, at(0)), local(2, 12, at(1)));
    keep(store, 1, &one).await;
    keep(store, 2, &two).await;
    let start = news(store, 0).await;
    let nobody = LocalSelector::Id(SessionId::new(id(9)));
    assert_eq!(remove(nobody).await, Ok(Vec::new()));
    assert_eq!(news(store, u64::MAX).await.revision, start.revision);
    let dead = LocalSelector::Incarnations(vec![one.incarnation, SessionId::new(id(8))]);
    assert_eq!(remove(dead).await, Ok(vec![one.clone()]));
    let told = news(store, start.revision).await;
    assert_eq!(told.sessions, [(one.incarnation, Standing::Revoked, one.ends_at)]);
    assert_eq!(store.find_local(digest(1)).await, Ok(None));
    let line = audit(Event::LocalRemoved).about_local(&one).line();
    assert_eq!(lines(store).await.last(), Some(&line));

    // Made again meanwhile, it is another's; and one that is gone makes room.
    let again = local(1, 13, at(2));
    keep(store, 3, &again).await;
    assert_eq!(remove(LocalSelector::Incarnations(vec![one.incarnation])).await, Ok(Vec::new()));
    assert_eq!(remove(LocalSelector::Id(again.id)).await, Ok(vec![again.clone()]));
    let told = news(store, told.revision).await;
    let gone = (again.incarnation, Standing::Revoked, again.ends_at);
    assert_eq!(told.sessions, [gone], "and nothing that was told before");
    assert_eq!(remove(LocalSelector::All).await, Ok(vec![two]));
    assert_eq!(store.locals().await, Ok(Vec::new()));
    assert_eq!(news(store, 0).await.sessions.len(), 3);
}

pub(super) async fn a_local_token_is_forgotten_at_its_end(store: &dyn Store) {
    let (one, two) = (local(1, 11, at(0)), local(2, 12, at(0)));
    keep(store, 1, &one).await;
    keep(store, 2, &two).await;
    store.remove_locals(LocalSelector::Id(one.id), audit(Event::LocalRemoved)).await.expect("one");
    let before = Timestamp::from_millis(one.ends_at.as_millis() - 1);
    assert_eq!(store.expire(before).await, Ok(0));
    assert_eq!(news(store, 0).await.sessions.len(), 1);
    assert_eq!(store.expire(one.ends_at).await, Ok(2));
    assert!(news(store, 0).await.sessions.is_empty());
    assert_eq!(store.locals().await, Ok(Vec::new()));
    keep(store, 1, &local(1, 13, at(0))).await;
    keep(store, 2, &local(2, 14, at(0))).await;
}

fn blue() -> WorkspaceName {
    WorkspaceName::new("blue").expect("a name")
}

fn create(claim: &str) -> Change {
    let claims = vec![Claim::parse(claim).expect("a claim")];
    Change::Create(blue(), Placing { claims, ..Placing::default() })
}

fn admit(name: WorkspaceName, label: &str, capabilities: Capabilities) -> Change {
    Change::Admit(name, Member { subject: subject(label), capabilities, home: false })
}

async fn change(store: &dyn Store, change: Change) -> Result<(), ChangeRefusal> {
    let record = audit(Event::WorkspaceChanged).about_change(&change);
    store.change_directory(change, record).await.expect("answered")
}

pub(super) async fn a_change_of_workspaces_is_seen_after_its_revision(store: &dyn Store) {
    session(store, 1, at(0)).await;
    let start = news(store, 0).await;
    assert!(store.directory().await.expect("answered").is_off());
    assert_eq!(change(store, create("/blue")).await, Ok(()));
    let made = news(store, start.revision).await;
    let directory = made.directory.expect("it has changed");
    assert_eq!(directory.workspaces().len(), 2, "main has a record too");
    assert_eq!(directory.workspace(&blue()).expect("blue").placement(), made.revision);
    assert_eq!(store.directory().await, Ok(directory));
    assert!(news(store, made.revision).await.directory.is_none());

    assert_eq!(change(store, admit(blue(), "ada", Capabilities::OBSERVE)).await, Ok(()));
    let admitted = news(store, made.revision).await;
    let directory = admitted.directory.expect("it has changed");
    let workspace = directory.workspace(&blue()).expect("blue");
    assert_eq!(workspace.members().len(), 1);
    assert_eq!(workspace.placement(), made.revision, "nothing has moved");

    // News of another kind does not bring it again.
    store.revoke_sessions(Selector::All, at(1), audit(Event::SessionRevoked)).await.expect("one");
    let told = news(store, admitted.revision).await;
    assert!(told.directory.is_none() && told.sessions.len() == 1);
    assert_eq!(change(store, Change::Place(blue(), Placing::default())).await, Ok(()));
    let directory = news(store, told.revision).await.directory.expect("it has changed");
    assert!(directory.workspace(&blue()).expect("blue").placement() > made.revision);
}

pub(super) async fn a_refused_change_leaves_no_trace(store: &dyn Store) {
    change(store, create("/blue")).await.expect("made");
    let before = (news(store, 0).await.revision, store.directory().await, lines(store).await);
    assert_eq!(change(store, create("/blue")).await, Err(ChangeRefusal::Exists));
    let nothing = admit(blue(), "ada", Capabilities::NONE);
    assert_eq!(change(store, nothing).await, Err(ChangeRefusal::Nothing));
    let main = Change::Delete(WorkspaceName::main());
    assert_eq!(change(store, main.clone()).await, Err(ChangeRefusal::OthersLeft));
    let after = (news(store, 0).await.revision, store.directory().await, lines(store).await);
    assert_eq!(after, before);
    let line = audit(Event::WorkspaceChanged).about_change(&create("/blue")).line();
    assert!(line.contains(r#""workspace":"blue","change":"create""#), "{line}");
    assert_eq!(after.2, [line]);

    change(store, Change::Delete(blue())).await.expect("deleted");
    change(store, main).await.expect("deleted");
    assert!(news(store, before.0).await.directory.expect("it has changed").is_off());
}

pub(super) async fn a_deleted_workspace_takes_its_local_tokens_with_it(store: &dyn Store) {
    let (one, other) = (local(1, 11, at(0)), local(2, 12, at(0)));
    let other = LocalRecord { workspace: WorkspaceName::main(), ..other };
    keep(store, 1, &one).await;
    keep(store, 2, &other).await;
    change(store, create("/blue")).await.expect("made");
    assert_eq!(store.locals().await.expect("a list").len(), 2);
    let made = news(store, 0).await;
    change(store, Change::Delete(blue())).await.expect("deleted");
    assert_eq!(store.locals().await, Ok(vec![other]));
    let told = news(store, made.revision).await;
    assert_eq!(told.sessions, [(one.incarnation, Standing::Revoked, one.ends_at)]);
    let line = audit(Event::LocalRemoved).because("workspace deleted").about_local(&one).line();
    assert_eq!(lines(store).await.last(), Some(&line));
    change(store, create("/blue")).await.expect("made anew");
    assert_eq!(store.find_local(digest(1)).await, Ok(None));
}

pub(super) async fn a_grant_buys_nothing_in_a_workspace_of_others(store: &dyn Store) {
    make(store, 1, 1, at(0)).await;
    change(store, create("/blue")).await.expect("made");
    let ask = |nonce, asked| {
        let attempt = doorward_policy::grant::Attempt { asked, ..attempt(nonce) };
        store.redeem(digest(1), attempt, at(1), audit(Event::GrantRedeemed))
    };
    let named = Asked::Named(blue());
    for asked in [named, Asked::Default, Asked::Unclear] {
        assert_eq!(ask(1, asked).await, Ok(Err(GrantRefusal::Workspace)));
    }
    change(store, admit(blue(), "ada", Capabilities::OBSERVE)).await.expect("admitted");
    let lacking = GrantRefusal::Insufficient(Capabilities::OPERATE);
    assert_eq!(ask(1, named).await, Ok(Err(lacking)));
    change(store, admit(blue(), "ada", Capabilities::ALL)).await.expect("admitted");
    let session = ask(1, named).await.expect("answered").expect("it was not spent");

    change(store, Change::Expel(blue(), subject("ada"))).await.expect("expelled");
    assert_eq!(ask(1, named).await, Ok(Err(GrantRefusal::Workspace)), "not even once more");
    assert_eq!(ask(1, Asked::Own).await, Ok(Ok(session)));
}

pub(super) async fn a_ticket_is_for_no_workspace_of_others(store: &dyn Store) {
    let session = session(store, 1, at(0)).await;
    let ticket = TicketRecord::issue(&session.claims(), None, at(1));
    store.insert_ticket(digest(1), ticket, audit(Event::TicketMade)).await.expect("kept");
    change(store, create("/blue")).await.expect("made");
    let ask = |asked| {
        let attempt =
            doorward_policy::ticket::TicketAttempt { asked, reach: Reach::Web, ..use_ticket(None) };
        store.consume_ticket(digest(1), attempt, at(2))
    };
    let named = Asked::Named(blue());
    assert_eq!(ask(named).await, Ok(Err(TicketRefusal::Workspace)));
    change(store, admit(blue(), "ada", Capabilities::ALL)).await.expect("admitted");
    let main = Asked::Named(WorkspaceName::main());
    assert_eq!(ask(main).await, Ok(Err(TicketRefusal::Workspace)));
    assert_eq!(ask(named).await, Ok(Ok(session.claims())));
    assert_eq!(ask(named).await, Ok(Err(TicketRefusal::Unknown)));
}

pub(super) async fn listeners_say_what_they_have_acted_on(store: &dyn Store) {
    let counted = |number, live, closed| {
        let session = SessionId::new(id(number));
        Counted { session, live, closed }
    };
    let say = |listener, acted, sessions, until| {
        let report = Report { acted, sessions, until };
        let said = store.report_connections([listener; 16], report.clone());
        async move { said.await.map(|()| ([listener; 16], report)) }
    };
    let one = say(1, 3, vec![counted(1, 2, 0), counted(2, 0, 9)], at(10)).await.expect("kept");
    let two = say(2, 0, Vec::new(), at(20)).await.expect("kept");
    assert_eq!(store.reports(at(9)).await, Ok(vec![one, two.clone()]));
    assert_eq!(store.reports(at(10)).await, Ok(vec![two]), "the first has gone");
    let two = say(2, 4, vec![counted(1, u32::MAX, u32::MAX)], at(30)).await.expect("kept");
    assert_eq!(store.reports(at(10)).await, Ok(vec![two]));
}
