//! A ticket opens one connection, soon, for whoever asked for it (I5, I6).
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

use common::request::{COOKIE, EVIL, ORIGIN};
use common::{DAY, NOW, Request, SESSION, World, claims, millis, secs, session_record};
use doorward_policy::admission::{AwaitTicket, StoreFailure};
use doorward_policy::capability::Capabilities;
use doorward_policy::credential::{Carrier, Identity};
use doorward_policy::denial::{Denial, Invalid, Outage};
use doorward_policy::id::SessionId;
use doorward_policy::session::SessionRecord;
use doorward_policy::standing::Standing;
use doorward_policy::ticket::{LIFE, TicketAttempt, TicketRecord, TicketRefusal, consume};
use doorward_policy::token::Claims;
use doorward_policy::workspace::{Asked, Directory, Reach};
use doorward_policy::{Admitted, Decision, Timestamp};

fn attempt() -> TicketAttempt {
    TicketAttempt {
        origin: Some(ORIGIN.into()),
        needed: Capabilities::OPERATE,
        asked: Asked::Default,
        reach: Reach::Web,
        beside: None,
    }
}

fn ticket() -> TicketRecord {
    TicketRecord::issue(&claims(), Some(ORIGIN), NOW)
}

fn session() -> SessionRecord {
    SessionRecord { id: SESSION, ..session_record(1, NOW) }
}

fn used(
    ticket: &TicketRecord,
    attempt: &TicketAttempt,
    at: Timestamp,
) -> Result<Claims, TicketRefusal> {
    consume(Some(ticket), Some(&session()), attempt, &Directory::default(), at)
}

/// A world whose ledger holds the session and a ticket of this text.
fn world_with_ticket() -> (World, String) {
    let mut world = World::new();
    let text = world.with_ticket(&claims(), Some(ORIGIN));
    (world, text)
}

fn awaited(world: &mut World, request: &Request) -> AwaitTicket {
    match world.decide(request) {
        Decision::Ticket(awaited) => awaited,
        other => panic!("expected a ticket to be awaited, got {other:?}"),
    }
}

fn drive(world: &mut World, awaited: AwaitTicket) -> Result<Admitted, Denial> {
    world.consume(awaited).map_err(|denied| denied.denial)
}

fn resume(
    world: &mut World,
    awaited: AwaitTicket,
    outcome: Result<Claims, StoreFailure<TicketRefusal>>,
) -> Result<Admitted, Denial> {
    let World { settings, keys, digester, standings, directory, limiter, now, .. } = world;
    let guard = doorward_policy::Guard { settings, keys, digester, standings, directory };
    awaited.resume(outcome, &guard, limiter, *now).map_err(|denied| denied.denial)
}

#[test]
fn a_ticket_yields_its_sessions_claims() {
    let claims = used(&ticket(), &attempt(), NOW).unwrap();
    assert_eq!((claims.session, claims.capabilities), (SESSION, Capabilities::START_UP));
    assert_eq!(claims.absolute_end, session().absolute_end);
}

#[test]
fn an_unknown_ticket_is_refused() {
    assert_eq!(
        consume(None, Some(&session()), &attempt(), &Directory::default(), NOW),
        Err(TicketRefusal::Unknown)
    );
}

//= req: TICKET-2, type=test
#[test]
fn a_ticket_is_valid_to_the_millisecond_before_thirty_seconds() {
    let end = NOW.plus(LIFE);
    assert_eq!(LIFE, secs(30));
    assert!(used(&ticket(), &attempt(), end.minus(millis(1))).is_ok());
    assert_eq!(used(&ticket(), &attempt(), end), Err(TicketRefusal::Expired));
}

//= req: TICKET-2, type=test
#[test]
fn a_ticket_ends_with_the_token_that_asked_for_it() {
    let expires_at = NOW.plus(secs(10));
    let ticket = TicketRecord::issue(&Claims { expires_at, ..claims() }, Some(ORIGIN), NOW);
    assert_eq!(ticket.expires_at, expires_at);
    assert_eq!(used(&ticket, &attempt(), expires_at), Err(TicketRefusal::Expired));
}

//= req: TICKET-3, type=test
#[test]
fn a_ticket_of_another_origin_is_refused() {
    let other = Err(TicketRefusal::OtherOrigin);
    for origin in [None, Some(EVIL), Some("http://localhost:8766"), Some("https://localhost:8765")]
    {
        let attempt = TicketAttempt { origin: origin.map(String::from), ..attempt() };
        assert_eq!(used(&ticket(), &attempt, NOW), other, "{origin:?}");
    }
    let of_a_program = TicketRecord::issue(&claims(), None, NOW);
    assert_eq!(used(&of_a_program, &attempt(), NOW), other);
    assert!(used(&of_a_program, &TicketAttempt { origin: None, ..attempt() }, NOW).is_ok());
}

//= req: TICKET-4, type=test
#[test]
fn a_ticket_beside_another_sessions_cookie_is_refused() {
    let beside = |session| TicketAttempt { beside: Some(session), ..attempt() };
    assert!(used(&ticket(), &beside(SESSION), NOW).is_ok());
    let other = beside(SessionId::new([1; 16]));
    assert_eq!(used(&ticket(), &other, NOW), Err(TicketRefusal::OtherSession));
}

//= req: TICKET-6, type=test
#[test]
fn a_ticket_falls_with_its_session() {
    let consume_with = |session: Option<&SessionRecord>, at| {
        consume(Some(&ticket()), session, &attempt(), &Directory::default(), at)
    };
    assert_eq!(consume_with(None, NOW), Err(TicketRefusal::SessionExpired));
    let mut revoked = session();
    revoked.revoke(NOW);
    assert_eq!(consume_with(Some(&revoked), NOW), Err(TicketRefusal::SessionRevoked));
    let over = SessionRecord { expires_at: NOW, ..session() };
    assert_eq!(consume_with(Some(&over), NOW), Err(TicketRefusal::SessionExpired));
}

//= req: TICKET-5, type=test
#[test]
fn a_ticket_has_at_most_what_token_and_session_have_in_common() {
    let observe = TicketRecord { capabilities: Capabilities::OBSERVE, ..ticket() };
    let lacking = Err(TicketRefusal::Insufficient(Capabilities::OPERATE));
    assert_eq!(used(&observe, &attempt(), NOW), lacking);
    let limited = SessionRecord { capabilities: Capabilities::OBSERVE, ..session() };
    assert_eq!(
        consume(Some(&ticket()), Some(&limited), &attempt(), &Directory::default(), NOW),
        lacking
    );
    let undemanding = TicketAttempt { needed: Capabilities::NONE, ..attempt() };
    let greedy = TicketRecord { capabilities: Capabilities::ALL, ..ticket() };
    let claims =
        consume(Some(&greedy), Some(&limited), &undemanding, &Directory::default(), NOW).unwrap();
    assert_eq!(claims.capabilities, Capabilities::OBSERVE);
}

//= req: TICKET-1, type=test
#[test]
fn a_ticket_admits_an_upgrade_once() {
    let (mut world, text) = world_with_ticket();
    let request = Request::upgrade().same_origin().ticket(&text);
    let awaiting = awaited(&mut world, &request);
    let admitted = drive(&mut world, awaiting).unwrap();
    assert!(matches!(admitted.identity(), Identity::Session { carrier: Carrier::Ticket, .. }));
    assert!(!admitted.by_cookie());
    let awaiting = awaited(&mut world, &request);
    let again = drive(&mut world, awaiting);
    assert_eq!(again.unwrap_err(), Denial::CredentialInvalid(Invalid::TicketUnknown));
    assert_eq!(world.limiter.charges.len(), 1, "a used ticket is a guess");
}

#[test]
fn a_refused_ticket_is_not_spent() {
    let (mut world, text) = world_with_ticket();
    let elsewhere = Request::upgrade().ticket(&text);
    let awaiting = awaited(&mut world, &elsewhere);
    let refused = drive(&mut world, awaiting);
    assert_eq!(refused.unwrap_err(), Denial::CredentialInvalid(Invalid::TicketOrigin));
    let awaiting = awaited(&mut world, &elsewhere.same_origin());
    assert!(drive(&mut world, awaiting).is_ok());
}

//= req: SESSION-8, type=test
#[test]
fn a_ticket_that_stale_revocations_would_refuse_is_not_asked_for() {
    let (mut world, text) = world_with_ticket();
    world.now = world.now.plus(secs(6));
    let request = Request::upgrade().same_origin().ticket(&text);
    assert_eq!(world.denial(&request), Denial::Unavailable(Outage::StaleRevocations));
    world.advance(secs(1));
    let awaiting = awaited(&mut world, &request);
    assert!(drive(&mut world, awaiting).is_ok());
}

//= req: TICKET-7, type=test
#[test]
fn a_ticket_never_renews() {
    let (mut world, text) = world_with_ticket();
    let awaiting = awaited(&mut world, &Request::upgrade().same_origin().ticket(&text));
    let admitted = drive(&mut world, awaiting).unwrap();
    let late = NOW.plus(6 * DAY);
    assert!(world.guard().renew(&admitted, late).is_none());
}

#[test]
fn a_ticket_may_stand_beside_its_own_sessions_cookie() {
    let (mut world, text) = world_with_ticket();
    let request = Request::upgrade().same_origin().ticket(&text).cookie(&world.token());
    let awaiting = awaited(&mut world, &request);
    assert_eq!(awaiting.attempt().beside, Some(SESSION));
    assert!(drive(&mut world, awaiting).is_ok());
}

#[test]
fn a_ticket_beside_a_bad_cookie_is_denied_and_the_cookie_removed() {
    let (mut world, text) = world_with_ticket();
    let request = Request::upgrade().same_origin().ticket(&text).cookie("A.b");
    let denied = world.denied(&request);
    assert_eq!(denied.denial, Denial::CredentialInvalid(Invalid::Malformed));
    assert_eq!(denied.expire_cookie.unwrap().to_string(), COOKIE);
    // A bad ticket says nothing against the cookie.
    let request = Request::upgrade().same_origin().ticket("short").cookie(&world.token());
    let denied = world.denied(&request);
    assert_eq!(denied.denial, Denial::CredentialInvalid(Invalid::Malformed));
    assert_eq!(denied.expire_cookie, None);
}

//= req: SESSION-6, type=test
#[test]
fn a_ticket_of_a_revoked_session_is_denied_whatever_the_store_says() {
    let (mut world, text) = world_with_ticket();
    let awaiting = awaited(&mut world, &Request::upgrade().same_origin().ticket(&text));
    world.standings.note(SESSION, Standing::Revoked, claims().absolute_end);
    assert_eq!(drive(&mut world, awaiting).unwrap_err(), Denial::SessionRevoked);
}

#[test]
fn a_store_that_fails_admits_nobody_and_charges_nobody() {
    for outage in [Outage::Store, Outage::Full] {
        let (mut world, text) = world_with_ticket();
        let awaiting = awaited(&mut world, &Request::upgrade().same_origin().ticket(&text));
        let failed = resume(&mut world, awaiting, Err(StoreFailure::Unavailable(outage)));
        assert_eq!(failed.unwrap_err(), Denial::Unavailable(outage));
        assert!(world.limiter.charges.is_empty());
    }
}

#[test]
fn each_refusal_of_a_ticket_has_its_denial() {
    let invalid = Denial::CredentialInvalid;
    for (refusal, denial) in [
        (TicketRefusal::Unknown, invalid(Invalid::TicketUnknown)),
        (TicketRefusal::Expired, invalid(Invalid::TicketExpired)),
        (TicketRefusal::OtherOrigin, invalid(Invalid::TicketOrigin)),
        (TicketRefusal::OtherSession, invalid(Invalid::TicketSession)),
        (TicketRefusal::SessionRevoked, Denial::SessionRevoked),
        (TicketRefusal::SessionExpired, Denial::SessionExpired),
        (
            TicketRefusal::Insufficient(Capabilities::SPAWN),
            Denial::CapabilityLacking(Capabilities::SPAWN),
        ),
    ] {
        let (mut world, text) = world_with_ticket();
        let awaiting = awaited(&mut world, &Request::upgrade().same_origin().ticket(&text));
        let outcome = resume(&mut world, awaiting, Err(StoreFailure::Refused(refusal)));
        assert_eq!(outcome.unwrap_err(), denial);
    }
}

/// A driver whose store fails says so of the request that it was about.
#[test]
fn what_waits_for_the_store_knows_its_request() {
    let (mut world, ticket) = world_with_ticket();
    let request = Request::upgrade().ticket(&ticket).peer("127.0.0.9");
    let awaited = awaited(&mut world, &request);
    assert_eq!(awaited.context().client.address.to_string(), "127.0.0.9");
}
