//! Local tokens: one process, one workspace, and nothing beyond.
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

use common::workspace::{BOTH, OBSERVE, OPERATE, at_home, joined, member, name};
use common::{NOW, RawHello, Request, World, millis, subject};
use doorward_policy::admission::AwaitLocal;
use doorward_policy::capability::Capabilities;
use doorward_policy::denial::{Denial, Invalid, Outage};
use doorward_policy::id::SessionId;
use doorward_policy::keys::Digest;
use doorward_policy::ledger::{Capacity, Ledger, NotKept};
use doorward_policy::limiter::Guess;
use doorward_policy::local::{
    self, Liveness, LocalRecord, LocalRefusal, LocalRequest, LocalRequestError, LocalSecret,
    LocalSelector, MAX_DIRECTORY, MAX_LIFE,
};
use doorward_policy::route::Routes;
use doorward_policy::settings::Guarding;
use doorward_policy::standing::Standing;
use doorward_policy::{Admitted, Decision, Denied, Guard, Timestamp};
use proptest::prelude::*;

const ADMINISTER: Capabilities = Capabilities::ADMINISTER;
const LATE: Timestamp = Timestamp::from_secs(u32::MAX);

fn request(seed: u8) -> LocalRequest {
    LocalRequest {
        id: SessionId::new([seed; 16]),
        name: subject("a process"),
        workspace: name("main"),
        capabilities: BOTH,
        pid: 1,
        started: 7,
        directory: "/srv".into(),
    }
}

fn record(seed: u8, incarnation: u8) -> LocalRecord {
    LocalRecord::issue(&request(seed), Capabilities::ALL, [incarnation; 16], NOW).unwrap()
}

fn digest(seed: u8) -> Digest {
    Digest::from_bytes([seed; 32])
}

fn local(token: &str) -> Request {
    Request::get("/x").with("Authorization", format!("Doorward-Session {token}"))
}

fn awaiting(world: &mut World, request: &Request) -> AwaitLocal {
    match world.decide(request) {
        Decision::Local(awaiting) => awaiting,
        other => panic!("a local token is to be looked up, not {other:?}"),
    }
}

/// Goes on with this, whatever the ledger has.
fn resume(
    world: &mut World,
    awaiting: AwaitLocal,
    found: Result<Option<&LocalRecord>, Outage>,
    liveness: Liveness,
) -> Result<Admitted, Denied> {
    let World { settings, keys, digester, standings, directory, limiter, now, .. } = world;
    let guard = Guard { settings, keys, digester, standings, directory };
    awaiting.resume(found, liveness, &guard, limiter, *now)
}

//= req: LOCAL-1, type=test
#[test]
fn a_token_is_exactly_64_lower_case_hexadecimal_digits() {
    let good = "0123456789abcdef".repeat(4);
    let secret = LocalSecret::parse(good.as_bytes()).unwrap();
    assert_eq!(*secret.expose(), good);
    assert_eq!(LocalSecret::new([0xab; 32]).expose().as_str(), "ab".repeat(32));
    assert!(!format!("{secret:?}").contains("0123"));
    for bad in [
        String::new(),
        good[1..].into(),
        format!("{good}0"),
        format!("{good}00"),
        good.to_uppercase(),
        good.replace('f', "F"),
        good.replace('f', "g"),
        good.replace("01", "é"),
        format!(" {}", &good[1..]),
        format!("0x{}", &good[2..]),
        good[..62].into(),
    ] {
        assert!(LocalSecret::parse(bad.as_bytes()).is_none(), "{bad:?}");
        let mut world = World::new();
        let denial = world.denial(&local(&bad));
        assert_eq!(denial, Denial::CredentialInvalid(Invalid::LocalMalformed), "{bad:?}");
        assert_eq!(world.limiter.charges.len(), 1, "{bad:?}");
    }
    assert!(LocalSecret::parse(&[0xff; 64]).is_none());
}

//= req: LOCAL-5, type=test
#[test]
fn a_token_is_made_of_what_its_maker_has_and_never_administers() {
    let issue = |capabilities: Capabilities, issuer: Capabilities| {
        let request = LocalRequest { capabilities, ..request(1) };
        LocalRecord::issue(&request, issuer, [2; 16], NOW).map(|record| record.capabilities)
    };
    let refused = Err(LocalRequestError::Capabilities);
    assert_eq!(issue(BOTH, Capabilities::ALL), Ok(BOTH));
    assert_eq!(issue(OBSERVE, OBSERVE), Ok(OBSERVE));
    assert_eq!(issue(BOTH, OBSERVE), refused);
    assert_eq!(issue(Capabilities::NONE, Capabilities::ALL), refused);
    assert_eq!(issue(ADMINISTER, Capabilities::ALL), refused);
    assert_eq!(issue(Capabilities::ALL, Capabilities::ALL), refused);
}

#[test]
fn a_working_directory_is_bounded_and_can_be_shown() {
    let issue = |directory: String| {
        let request = LocalRequest { directory, ..request(1) };
        LocalRecord::issue(&request, Capabilities::ALL, [2; 16], NOW).map(|record| record.directory)
    };
    let longest = "d".repeat(MAX_DIRECTORY);
    assert_eq!(issue(longest.clone()), Ok(longest));
    assert_eq!(issue("/home/é x".into()), Ok("/home/é x".into()));
    for bad in
        ["d".repeat(MAX_DIRECTORY + 1), "/a\n/b".into(), "/\u{1b}[2J".into(), "\u{9b}".into()]
    {
        assert_eq!(issue(bad.clone()), Err(LocalRequestError::Directory), "{bad:?}");
    }
    assert_ne!(
        LocalRequestError::Directory.to_string(),
        LocalRequestError::Capabilities.to_string()
    );
}

//= req: LOCAL-2, LOCAL-3, type=test
#[test]
fn a_token_lives_until_its_end_as_long_as_its_process_does() {
    let record = record(1, 2);
    assert_eq!(record.ends_at, NOW.plus(MAX_LIFE));
    let at = |now, liveness| local::verify(Some(&record), liveness, now);
    let last = record.ends_at.minus(millis(1));
    assert_eq!(at(last, Liveness::Alive), Ok(record.claims()));
    for late in [record.ends_at, record.ends_at.plus(millis(1))] {
        for liveness in [Liveness::Alive, Liveness::Dead, Liveness::Unknown] {
            assert_eq!(at(late, liveness), Err(LocalRefusal::Expired));
        }
    }
    assert_eq!(at(NOW, Liveness::Dead), Err(LocalRefusal::Dead));
    assert_eq!(at(NOW, Liveness::Unknown), Err(LocalRefusal::Unclear));
    assert_eq!(local::verify(None, Liveness::Alive, NOW), Err(LocalRefusal::Unknown));
}

#[test]
fn a_token_is_admitted_as_its_process() {
    let mut world = World::new();
    let token = world.local_token("main", 3);
    for settled in
        [world.settled(&local(&token)), world.settled_hello(&RawHello::open().with(4, &token))]
    {
        let admitted = settled.unwrap();
        let holder = admitted.holder().unwrap();
        assert_eq!(holder.id, SessionId::new([3; 16]));
        assert_eq!(holder.key, SessionId::new([3 ^ 0xff; 16]));
        assert_eq!(holder.subject, subject("a process"));
        assert_eq!(holder.expires_at, NOW.plus(MAX_LIFE));
        assert_eq!(admitted.capabilities(), BOTH);
        assert!(admitted.claims().is_none() && !admitted.by_cookie());
        assert!(world.guard().renew(&admitted, NOW.plus(MAX_LIFE / 2)).is_none());
    }
    assert!(world.limiter.charges.is_empty());
}

#[test]
fn whether_a_token_is_none_of_any_or_ended_is_told_to_nobody() {
    let mut world = World::new();
    let token = world.local_token("main", 3);
    let record = world.ledger.locals().next().unwrap().clone();
    let over = LocalRecord { ends_at: NOW, ..record.clone() };
    let mut outcome = |found: Option<&LocalRecord>, liveness| {
        let awaiting = awaiting(&mut world, &local(&token));
        resume(&mut world, awaiting, Ok(found), liveness).unwrap_err()
    };
    let unknown = outcome(None, Liveness::Alive);
    let expired = outcome(Some(&over), Liveness::Alive);
    let dead = outcome(Some(&record), Liveness::Dead);
    let reasons = [Invalid::LocalUnknown, Invalid::LocalExpired, Invalid::LocalDead];
    for (denied, reason) in [unknown, expired, dead].into_iter().zip(reasons) {
        assert_eq!(denied.denial, Denial::CredentialInvalid(reason));
        assert_eq!(denied.denial.public(), unknown.denial.public());
        assert_eq!(denied.denial.message(), unknown.denial.message());
    }
    // The record of it, which nobody outside sees, says whose it was.
    let whose = Some((record.id, record.name));
    assert_eq!((unknown.known, expired.known, dead.known), (None, whose, whose));
}

//= req: LIMIT-4, type=test
#[test]
fn only_what_is_not_known_is_charged_as_a_guess() {
    let mut world = World::new();
    let token = world.local_token("main", 3);
    let record = world.ledger.locals().next().unwrap().clone();
    let first = awaiting(&mut world, &local(&token));
    resume(&mut world, first, Ok(Some(&record)), Liveness::Dead).unwrap_err();
    assert!(world.limiter.charges.is_empty());
    assert!(world.settled(&local(&"0".repeat(64))).is_err());
    let charged: Vec<_> = world.limiter.charges.iter().map(|(_, guess)| *guess).collect();
    assert_eq!(charged, [Guess::Other]);
    for _ in 0..99 {
        assert!(world.settled(&local(&"0".repeat(64))).is_err());
    }
    let limited = world.settled(&local(&"0".repeat(64))).unwrap_err();
    assert!(matches!(limited.denial, Denial::GuessesLimited { .. }));
    // A good one passes from a limited address.
    assert!(world.settled(&local(&token)).is_ok());
}

//= req: LOCAL-2, type=test
#[test]
fn what_cant_be_told_is_no_and_no_guess() {
    let mut world = World::new();
    let token = world.local_token("main", 3);
    let record = world.ledger.locals().next().unwrap().clone();
    for (found, liveness, outage) in [
        (Ok(Some(&record)), Liveness::Unknown, Outage::Processes),
        (Err(Outage::Store), Liveness::Alive, Outage::Store),
        (Err(Outage::Clock), Liveness::Alive, Outage::Clock),
    ] {
        let awaiting = awaiting(&mut world, &local(&token));
        let denied = resume(&mut world, awaiting, found, liveness).unwrap_err();
        assert_eq!(denied.denial, Denial::Unavailable(outage));
    }
    // What is known of revocations has to be recent, before the look-up and after it.
    let waiting = awaiting(&mut world, &local(&token));
    world.now = NOW.plus(millis(5001));
    let stale = Denial::Unavailable(Outage::StaleRevocations);
    let denied = resume(&mut world, waiting, Ok(Some(&record)), Liveness::Alive).unwrap_err();
    assert_eq!(denied.denial, stale);
    // By then nothing is looked up at all.
    let Decision::Deny(denied) = world.decide(&local(&token)) else { panic!("it is too old") };
    assert_eq!(denied.denial, stale);
    assert!(world.limiter.charges.is_empty());
}

//= req: LOCAL-6, CAP-2, type=test
#[test]
fn a_removed_token_is_dead_whatever_the_store_still_says() {
    let mut world = World::new();
    let token = world.local_token("main", 3);
    let record = world.ledger.locals().next().unwrap().clone();
    world.standings.note(record.incarnation, Standing::Revoked, LATE);
    let denied = world.settled(&local(&token)).unwrap_err();
    assert_eq!(denied.denial, Denial::CredentialInvalid(Invalid::LocalUnknown));
    assert_eq!(denied.known, Some((record.id, record.name)));
    // What happens to a session of the same id is nothing to it.
    let token = world.local_token("main", 4);
    world.standings.note(SessionId::new([4; 16]), Standing::Revoked, LATE);
    assert!(world.settled(&local(&token)).is_ok());
    world.standings.note(SessionId::new([4 ^ 0xff; 16]), Standing::Limited(OBSERVE), LATE);
    let denied = world.settled(&local(&token)).unwrap_err();
    assert_eq!(denied.denial, Denial::CapabilityLacking(OPERATE));
}

//= req: LOCAL-4, type=test
#[test]
fn a_token_reaches_its_own_workspace_and_no_other() {
    let mut world = World::new();
    let (of_alpha, of_beta) = {
        let mut world_of = |workspace: &str, seed| world.local_token(workspace, seed);
        (world_of("alpha", 3), world_of("beta", 4))
    };
    // Without workspaces there is `main`, and it is for another.
    assert_eq!(joined(world.settled(&local(&of_alpha))), None);
    world.create("alpha", &["/alpha"]);
    world.create("beta", &["/beta"]);
    // Its name is nobody's membership.
    world.enrol("beta", at_home("a process", BOTH));
    world.enrol("main", member("a process", BOTH));
    let at = |path: &str| Request { target: path.into(), ..local(&of_alpha) };
    let mut reached = |path: &str| joined(world.settled(&at(path)));
    for path in ["/alpha", "/alpha/x", "/", "/x"] {
        assert_eq!(reached(path).as_deref(), Some("alpha"), "{path}");
    }
    for path in ["/beta", "/%61lpha", "/x/../alpha", "/Beta"] {
        assert_eq!(reached(path), None, "{path}");
    }
    let hello = RawHello::open().with(4, &of_alpha);
    for (named, expected) in [
        ("", Some("alpha")),
        ("alpha", Some("alpha")),
        ("beta", None),
        ("main", None),
        ("no", None),
    ] {
        let found = joined(world.settled_hello(&hello.clone().workspace(named)));
        assert_eq!(found.as_deref(), expected, "{named}");
    }
    world.delete("alpha");
    assert!(world.settled(&local(&of_alpha)).is_err());
    // One for what isn't there is for nothing.
    let of_nothing = world.local_token("nowhere", 5);
    assert_eq!(joined(world.settled(&local(&of_nothing))), None);
    assert_eq!(joined(world.settled(&local(&of_beta))).as_deref(), Some("beta"));
}

//= req: LOCAL-6, type=test
#[test]
fn a_token_ends_with_its_workspace_even_if_one_of_that_name_is_made_anew() {
    let mut world = World::new();
    world.create("alpha", &["/alpha"]);
    let token = world.local_token("alpha", 3);
    assert!(world.settled(&local(&token)).is_ok());
    world.delete("alpha");
    world.create("alpha", &["/alpha"]);
    let denied = world.settled(&local(&token)).unwrap_err();
    assert_eq!(denied.denial, Denial::CredentialInvalid(Invalid::LocalUnknown));
}

#[test]
fn a_token_may_do_what_it_says_and_no_more() {
    let mut world = World::new();
    world.settings.routes = Routes::none();
    for (prefix, needed) in [("/", BOTH), ("/spawn", Capabilities::SPAWN), ("/admin", ADMINISTER)] {
        assert!(world.settings.routes.add(prefix, needed));
    }
    let token = world.local_token("main", 3);
    assert!(world.settled(&local(&token)).is_ok());
    for (path, lacking) in [("/spawn", Capabilities::SPAWN), ("/admin", ADMINISTER)] {
        let request = Request { target: path.into(), ..local(&token) };
        let denied = world.settled(&request).unwrap_err();
        assert_eq!(denied.denial, Denial::CapabilityLacking(lacking));
    }
}

#[test]
fn a_token_beside_another_credential_is_ambiguous() {
    let mut world = World::new();
    let token = world.local_token("main", 3);
    let cookie = world.token();
    let both = local(&token).cookie(&cookie).same_origin();
    assert_eq!(world.denial(&both), Denial::CredentialAmbiguous);
    let hello = RawHello::open().with(4, &token).session(&cookie);
    assert_eq!(world.hello_denial(&hello), Denial::CredentialAmbiguous);
}

//= req: LOCAL-7, type=test
#[test]
fn only_a_local_token_asks_for_what_is_for_processes() {
    for guarding in [Guarding::Required, Guarding::Unguarded] {
        let mut world = World::new();
        world.settings.guarding = guarding;
        let token = world.local_token("main", 3);
        let stay = Request::post("/.doorward/api/stay");
        assert_eq!(world.denial(&stay), Denial::CredentialMissing);
        let cookie = world.token();
        for request in [stay.clone().bearer(&cookie), stay.clone().cookie(&cookie).same_origin()] {
            assert_eq!(world.denial(&request), Denial::LocalOnly);
        }
        let bearing =
            |text: &str| stay.clone().with("Authorization", format!("Doorward-Session {text}"));
        let unknown = world.settled(&bearing(&"0".repeat(64))).unwrap_err();
        assert_eq!(unknown.denial, Denial::CredentialInvalid(Invalid::LocalUnknown));
        let malformed = world.settled(&bearing("junk")).unwrap_err();
        assert_eq!(malformed.denial, Denial::CredentialInvalid(Invalid::LocalMalformed));
        assert_eq!(world.limiter.charges.len(), 2);
        let admitted = world.settled(&bearing(&token)).unwrap();
        assert_eq!(admitted.holder().unwrap().id, SessionId::new([3; 16]));
        assert!(admitted.joined().is_none());
    }
}

//= req: LOCAL-6, LIMIT-10, type=test
#[test]
fn registering_an_id_again_evicts_the_token_before() {
    let mut ledger = Ledger::new(Capacity { locals: 2, ..Capacity::default() }, [1; 8]);
    assert_eq!(ledger.insert_local(digest(1), record(1, 11)), Ok(None));
    assert_eq!(ledger.insert_local(digest(2), record(2, 12)), Ok(None));
    assert_eq!(ledger.insert_local(digest(3), record(3, 13)), Err(NotKept::Full));
    assert_eq!(ledger.insert_local(digest(2), record(1, 14)), Err(NotKept::Exists));
    assert_eq!(ledger.locals().count(), 2);
    // A full table has room for what replaces one of its own.
    assert_eq!(ledger.insert_local(digest(4), record(1, 14)), Ok(Some(record(1, 11))));
    assert_eq!(ledger.local(&digest(1)), None);
    assert_eq!(ledger.local(&digest(4)), Some(&record(1, 14)));
    assert_eq!(ledger.local(&digest(2)), Some(&record(2, 12)));
    assert_eq!(ledger.locals().count(), 2);
}

#[test]
fn what_is_removed_is_what_was_picked() {
    let full = || {
        let mut ledger = Ledger::new(Capacity::default(), [1; 8]);
        for seed in 1..=3 {
            let workspace = name(if seed == 2 { "alpha" } else { "main" });
            let record = LocalRecord { workspace, ..record(seed, seed + 10) };
            ledger.insert_local(digest(seed), record).unwrap();
        }
        ledger
    };
    let of = |seeds: &[u8]| seeds.iter().map(|one| SessionId::new([*one; 16])).collect::<Vec<_>>();
    for (which, expected) in [
        (LocalSelector::Id(SessionId::new([2; 16])), of(&[2])),
        (LocalSelector::Id(SessionId::new([12; 16])), of(&[])),
        (LocalSelector::Incarnations(of(&[11, 13, 2])), of(&[1, 3])),
        (LocalSelector::Workspace(name("alpha")), of(&[2])),
        (LocalSelector::All, of(&[1, 2, 3])),
    ] {
        let mut ledger = full();
        let removed = ledger.remove_locals(&which);
        let ids: Vec<_> = removed.iter().map(|local| local.id).collect();
        assert_eq!(ids, expected, "{which:?}");
        assert_eq!(ledger.locals().count(), 3 - expected.len());
    }
}

#[test]
fn a_token_is_forgotten_at_its_end_and_not_before() {
    let mut ledger = Ledger::new(Capacity::default(), [1; 8]);
    ledger.insert_local(digest(1), record(1, 11)).unwrap();
    assert_eq!(ledger.expire(NOW.plus(MAX_LIFE).minus(millis(1)), 9), 0);
    assert_eq!(ledger.locals().count(), 1);
    assert_eq!(ledger.expire(NOW.plus(MAX_LIFE), 9), 1);
    assert_eq!(ledger.locals().count(), 0);
}

proptest! {
    //= req: LOCAL-4, type=property
    /// Whatever is presented, it is admitted as that process with its own rights, or not at all.
    #[test]
    fn a_wrong_token_is_a_denial_and_never_a_wider_scope(
        flips in prop::collection::vec((0..64_usize, "[0-9a-f]"), 0..4),
        path in prop::sample::select(&["/", "/alpha", "/beta", "/x"][..]),
        on in any::<bool>(),
    ) {
        let mut world = World::new();
        let good = world.local_token("alpha", 3);
        if on {
            world.create("alpha", &["/alpha"]);
            world.create("beta", &["/beta"]);
            world.enrol("main", member("a process", Capabilities::ALL));
        }
        let mut text = good.clone();
        for (at, digit) in flips {
            text.replace_range(at..=at, &digit);
        }
        let request = Request { target: path.into(), ..local(&text) };
        match world.settled(&request) {
            Ok(admitted) => {
                prop_assert_eq!(&text, &good);
                prop_assert_eq!(admitted.joined().unwrap().name, name("alpha"));
                prop_assert_eq!(admitted.capabilities(), BOTH);
            }
            Err(denied) => {
                let scope = text == good && (path == "/beta" || !on);
                let reason = Denial::CredentialInvalid(Invalid::LocalUnknown);
                let expected = if scope { Denial::WorkspaceUnknown } else { reason };
                prop_assert_eq!(denied.denial, expected);
            }
        }
    }
}

/// A driver whose store fails says so of the request that it was about.
#[test]
fn what_waits_for_the_store_knows_its_request() {
    let mut world = World::new();
    let token = LocalSecret::new([3; 32]).expose();
    let awaiting = awaiting(&mut world, &local(&token).peer("127.0.0.9"));
    assert_eq!(awaiting.context().client.address.to_string(), "127.0.0.9");
}
