//! A grant from its request to its session, as a driver goes through it (I5, I20).
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

use common::{DAY, NOW, Request, World, grant, nonce, secs};
use doorward_policy::admission::{AwaitGrant, Redeemed, StoreFailure};
use doorward_policy::denial::{Denial, GrantFault, Outage};
use doorward_policy::grant::{Counter, GrantRefusal, GrantSecret};
use doorward_policy::id::SessionId;
use doorward_policy::ledger::{Capacity, Ledger, Selector};
use doorward_policy::limiter::Guess;
use doorward_policy::standing::Standing;
use doorward_policy::{Decision, Guard};

const LINK: [u8; 32] = [0x4c; 32];
const CODE: [u8; 12] = [5; 12];

fn world_with_grants() -> World {
    let mut world = World::new();
    for secret in [GrantSecret::link(LINK), GrantSecret::code(CODE)] {
        let digest = secret.digest(&world.digester);
        world.ledger.insert_grant(digest, grant(1, secs(600))).unwrap();
    }
    world
}

fn awaited(world: &mut World, path: &str) -> AwaitGrant {
    match world.decide(&Request::post(&format!("/.doorward/api/{path}"))) {
        Decision::Grant(awaited) => awaited,
        other => panic!("expected a grant to be awaited, got {other:?}"),
    }
}

fn redeem_at(
    world: &mut World,
    path: &str,
    secret: &GrantSecret,
    seed: u8,
) -> Result<Redeemed, Denial> {
    let awaited = awaited(world, path);
    world.redeem(awaited, secret, nonce(seed), seed).map_err(|denied| denied.denial)
}

fn redeem(world: &mut World, secret: &GrantSecret, seed: u8) -> Result<Redeemed, Denial> {
    redeem_at(world, "bootstrap", secret, seed)
}

fn uses_left(world: &World) -> u32 {
    world.ledger.grants().map(|grant| grant.uses_left).sum()
}

#[test]
fn a_redeemed_grants_token_admits() {
    let mut world = world_with_grants();
    let redeemed = redeem(&mut world, &GrantSecret::link(LINK), 1).unwrap();
    let token = redeemed.token().expose().to_owned();
    let admitted = world.admit(&Request::get("/").bearer(&token));
    assert_eq!(admitted.claims().unwrap().session, SessionId::new([1; 16]));
    assert_eq!(redeemed.admitted().claims(), admitted.claims());
    assert_eq!(redeemed.cookie().unwrap().to_string(), "doorward_8765");
}

#[test]
fn each_endpoint_is_a_counter_of_its_own() {
    let mut world = world_with_grants();
    for (path, counter) in [("bootstrap", Counter::Bootstrap), ("token", Counter::Token)] {
        let awaited = awaited(&mut world, path);
        let World { settings, keys, digester, standings, directory, limiter, now, .. } = &mut world;
        let guard = Guard { settings, keys, digester, standings, directory };
        let secret = GrantSecret::link(LINK);
        let redeem = awaited.present(&secret, nonce(1), [1; 16], &guard, limiter, *now).unwrap();
        assert_eq!(redeem.attempt().counter, counter);
        assert_eq!(redeem.attempt().peer.unwrap().to_string(), "127.0.0.1");
    }
}

//= req: GRANT-4, type=test
#[test]
fn what_was_paid_into_a_cookie_cant_be_fetched_as_a_token() {
    let mut world = world_with_grants();
    redeem_at(&mut world, "bootstrap", &GrantSecret::link(LINK), 1).unwrap();
    let again = redeem_at(&mut world, "token", &GrantSecret::link(LINK), 1);
    assert_eq!(again.unwrap_err(), Denial::GrantRefused(GrantFault::Spent));
}

#[test]
fn the_same_redemption_again_is_the_same_session_again() {
    let mut world = world_with_grants();
    let first = redeem(&mut world, &GrantSecret::link(LINK), 1).unwrap();
    world.advance(secs(59));
    let again = redeem(&mut world, &GrantSecret::link(LINK), 1).unwrap();
    assert_eq!(first.admitted().claims(), again.admitted().claims());
    world.advance(secs(1));
    let late = redeem(&mut world, &GrantSecret::link(LINK), 1);
    assert_eq!(late.unwrap_err(), Denial::GrantRefused(GrantFault::Spent));
}

#[test]
fn a_session_that_was_revoked_isnt_repeated() {
    let mut world = world_with_grants();
    redeem(&mut world, &GrantSecret::link(LINK), 1).unwrap();
    world.ledger.revoke_sessions(&Selector::All, NOW);
    let again = redeem(&mut world, &GrantSecret::link(LINK), 1);
    assert_eq!(again.unwrap_err(), Denial::GrantRefused(GrantFault::Revoked));
}

//= req: SESSION-6, type=test
#[test]
fn a_session_that_is_known_to_be_revoked_isnt_admitted_whatever_the_store_says() {
    let mut world = world_with_grants();
    let session = SessionId::new([1; 16]);
    world.standings.note(session, Standing::Revoked, NOW.plus(30 * DAY));
    let redeemed = redeem(&mut world, &GrantSecret::link(LINK), 1);
    assert_eq!(redeemed.unwrap_err(), Denial::SessionRevoked);
}

//= req: SESSION-1, type=test
#[test]
fn a_sign_in_always_opens_a_session_of_a_new_id() {
    let mut world = world_with_grants();
    let first = redeem(&mut world, &GrantSecret::link(LINK), 1).unwrap();
    let second = redeem(&mut world, &GrantSecret::code(CODE), 2).unwrap();
    let id = |redeemed: &Redeemed| redeemed.admitted().claims().unwrap().session;
    assert_ne!(id(&first), id(&second));
}

//= req: LIMIT-1, LIMIT-5, type=test
#[test]
fn typed_codes_and_links_have_each_their_limit() {
    let mut world = world_with_grants();
    let wrong = GrantSecret::code([9; 12]);
    for seed in 0..10 {
        let refused = redeem(&mut world, &wrong, seed);
        assert_eq!(refused.unwrap_err(), Denial::GrantRefused(GrantFault::Unknown));
    }
    let limited = Denial::GuessesLimited { until: NOW.plus(secs(60)) };
    assert_eq!(redeem(&mut world, &wrong, 10).unwrap_err(), limited);
    // The right code too: a limit that says yes is none. It isn't spent by that.
    assert_eq!(redeem(&mut world, &GrantSecret::code(CODE), 11).unwrap_err(), limited);
    assert!(redeem(&mut world, &GrantSecret::link(LINK), 12).is_ok());
    world.advance(secs(60));
    assert!(redeem(&mut world, &GrantSecret::code(CODE), 13).is_ok());
}

//= req: LIMIT-5, type=test
#[test]
fn a_redemption_is_charged_once_whatever_comes_of_it() {
    let mut world = world_with_grants();
    redeem(&mut world, &GrantSecret::link(LINK), 1).unwrap();
    redeem(&mut world, &GrantSecret::code([9; 12]), 2).unwrap_err();
    let guesses: Vec<Guess> = world.limiter.charges.iter().map(|(_, guess)| *guess).collect();
    assert_eq!(guesses, [Guess::Other, Guess::Code]);
}

//= req: SESSION-8, type=test
#[test]
fn stale_revocations_refuse_before_a_use_is_spent_or_a_guess_charged() {
    let mut world = world_with_grants();
    world.now = NOW.plus(secs(6));
    let refused = redeem(&mut world, &GrantSecret::link(LINK), 1);
    assert_eq!(refused.unwrap_err(), Denial::Unavailable(Outage::StaleRevocations));
    assert_eq!(uses_left(&world), 2);
    assert!(world.limiter.charges.is_empty());
    world.advance(secs(1));
    assert!(redeem(&mut world, &GrantSecret::link(LINK), 1).is_ok());
}

//= req: LIMIT-10, type=test
#[test]
fn a_full_ledger_is_an_outage_and_spends_nothing() {
    let mut world = world_with_grants();
    let none = Capacity { sessions: 0, ..Capacity::default() };
    world.ledger = Ledger::new(none, [0; 8]);
    let digest = GrantSecret::link(LINK).digest(&world.digester);
    world.ledger.insert_grant(digest, grant(1, DAY)).unwrap();
    let refused = redeem(&mut world, &GrantSecret::link(LINK), 1);
    assert_eq!(refused.unwrap_err(), Denial::Unavailable(Outage::Full));
    assert_eq!(uses_left(&world), 1);
}

#[test]
fn each_refusal_of_a_grant_has_its_denial() {
    use doorward_policy::Capabilities;
    for (failure, denial) in [
        (StoreFailure::Refused(GrantRefusal::Unknown), Denial::GrantRefused(GrantFault::Unknown)),
        (StoreFailure::Refused(GrantRefusal::Revoked), Denial::GrantRefused(GrantFault::Revoked)),
        (StoreFailure::Refused(GrantRefusal::Expired), Denial::GrantRefused(GrantFault::Expired)),
        (StoreFailure::Refused(GrantRefusal::Spent), Denial::GrantRefused(GrantFault::Spent)),
        (
            StoreFailure::Refused(GrantRefusal::SessionGone),
            Denial::GrantRefused(GrantFault::SessionGone),
        ),
        (
            StoreFailure::Refused(GrantRefusal::Insufficient(Capabilities::SPAWN)),
            Denial::CapabilityLacking(Capabilities::SPAWN),
        ),
        (StoreFailure::Unavailable(Outage::Store), Denial::Unavailable(Outage::Store)),
        (StoreFailure::Unavailable(Outage::Entropy), Denial::Unavailable(Outage::Entropy)),
    ] {
        let mut world = world_with_grants();
        let awaited = awaited(&mut world, "token");
        let World { settings, keys, digester, standings, directory, limiter, now, .. } = &mut world;
        let guard = Guard { settings, keys, digester, standings, directory };
        let secret = GrantSecret::link(LINK);
        let redeem = awaited.present(&secret, nonce(1), [1; 16], &guard, limiter, *now).unwrap();
        assert_eq!(redeem.resume(Err(failure), &guard, *now).unwrap_err().denial, denial);
    }
}

#[test]
fn what_the_body_cant_be_read_for_is_the_drivers_word() {
    let mut world = world_with_grants();
    let denied = awaited(&mut world, "bootstrap").refuse(Denial::MalformedBody);
    assert_eq!(denied.denial, Denial::MalformedBody);
    assert!(world.limiter.charges.is_empty());
}
