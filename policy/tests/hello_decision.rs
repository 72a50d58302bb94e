//! The decision on a hello: its order, what it asks for, and that a refusal spends nothing.
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

use common::{DAY, NOW, RawHello, SESSION, World, claims, grant, nonce, secs};
use doorward_policy::admission::{AwaitGrant, Redeemed, Transport};
use doorward_policy::capability::Capabilities;
use doorward_policy::credential::{Carrier, Identity};
use doorward_policy::denial::{Bound, Denial, GrantFault, HelloFault, Invalid, Outage, Shown};
use doorward_policy::forwarding::Scheme;
use doorward_policy::grant::{Counter, GrantSecret};
use doorward_policy::host::AllowedHost;
use doorward_policy::id::SessionId;
use doorward_policy::ledger::Selector;
use doorward_policy::limiter::Guess;
use doorward_policy::route::{Endpoint, Routes, Target};
use doorward_policy::settings::{Exposure, Guarding};
use doorward_policy::standing::Standing;
use doorward_policy::token::Claims;
use doorward_policy::{Admitted, Decision, Denied};

const LINK: [u8; 32] = [0x4c; 32];

/// One thing wrong with a hello, how to make it so, and what it is denied for.
struct Wrong {
    what: &'static str,
    spoil: fn(&mut World, RawHello) -> RawHello,
    denied: fn(&Denial) -> bool,
}

/// In the order in which the decision is to notice them.
const WRONGS: [Wrong; 9] = [
    Wrong {
        what: "a body above the bound",
        spoil: |_, hello| RawHello { trailing: vec![0; 1025], ..hello },
        denied: |denial| *denial == Denial::TooLarge(Bound::HelloBytes),
    },
    Wrong {
        what: "no hello",
        spoil: |_, hello| RawHello { version: 2, ..hello },
        denied: |denial| *denial == Denial::MalformedHello(HelloFault::Version),
    },
    Wrong {
        what: "a foreign server name",
        spoil: |_, hello| hello.server_name(Some("evil.example")),
        denied: |denial| *denial == Denial::HostDenied { seen: Shown::new("evil.example") },
    },
    Wrong {
        what: "no rule for everything",
        spoil: |world, hello| {
            world.settings.routes = Routes::none();
            assert!(world.settings.routes.add("/terminal", Capabilities::OPERATE));
            hello
        },
        denied: |denial| *denial == Denial::NoRoute,
    },
    Wrong {
        what: "several credentials",
        spoil: |world, hello| hello.session(&world.token()).session(&world.token()),
        denied: |denial| *denial == Denial::CredentialAmbiguous,
    },
    Wrong {
        what: "another protocol",
        spoil: |_, hello| hello.protocol(b"h3"),
        denied: |denial| *denial == Denial::BrowserRefused,
    },
    Wrong {
        what: "a forged token",
        spoil: |_, hello| RawHello { credentials: Vec::new(), ..hello }.session("AQEB.x"),
        denied: |denial| *denial == Denial::CredentialInvalid(Invalid::Malformed),
    },
    Wrong {
        what: "a workspace",
        spoil: |_, hello| hello.workspace("attic"),
        denied: |denial| *denial == Denial::WorkspaceUnknown,
    },
    Wrong {
        what: "a capability that is lacking",
        spoil: |_, hello| hello.needing(Capabilities::SPAWN.bits()),
        denied: |denial| *denial == Denial::CapabilityLacking(Capabilities::SPAWN),
    },
];

/// A hello that is admitted.
fn good(world: &World) -> RawHello {
    RawHello::open().session(&world.token())
}

fn denial_with<'w>(wrongs: impl Iterator<Item = &'w Wrong>) -> (Denial, World) {
    let mut world = World::new();
    let good = good(&world);
    let hello = wrongs.fold(good, |hello, one| (one.spoil)(&mut world, hello));
    (world.hello_denial(&hello), world)
}

fn with_grant(world: &mut World) -> GrantSecret {
    let secret = GrantSecret::link(LINK);
    world.ledger.insert_grant(secret.digest(&world.digester), grant(1, secs(600))).unwrap();
    secret
}

/// A hello that brings the grant of [`with_grant`].
fn bringing(purpose: RawHello) -> RawHello {
    purpose.grant(&GrantSecret::link(LINK).expose())
}

fn awaited(world: &mut World, hello: &RawHello) -> AwaitGrant {
    match world.decide_hello(hello) {
        Decision::Grant(awaited) => awaited,
        other => panic!("expected a grant to be awaited, got {other:?}"),
    }
}

fn redeem(world: &mut World, hello: &RawHello, seed: u8) -> Result<Redeemed, Denied> {
    let awaited = awaited(world, hello);
    world.redeem(awaited, &GrantSecret::link(LINK), nonce(seed), seed)
}

fn uses_left(world: &World) -> u32 {
    world.ledger.grants().map(|grant| grant.uses_left).sum()
}

fn settle(world: &mut World, hello: &RawHello) -> Result<Admitted, Denial> {
    let decision = world.decide_hello(hello);
    world.settle(decision).map_err(|denied| denied.denial)
}

#[test]
fn nothing_wrong_is_admitted() {
    let mut world = World::new();
    let hello = good(&world);
    let admitted = world.admit_hello(&hello);
    assert_eq!(admitted.claims(), Some(&claims()));
    assert_eq!(admitted.target(), Target::Guarded);
    assert!(!admitted.by_cookie());
    let context = admitted.context();
    assert_eq!((context.transport, context.client.scheme), (Transport::Quic, Scheme::Https));
    assert_eq!((context.cookie, context.navigation), (None, false));
    assert_eq!(context.client.address, hello.peer);
    assert!(world.limiter.charges.is_empty());
}

#[test]
fn a_greeting_shows_who_asks_for_which_server() {
    let hello = RawHello::open().server_name(Some("localhost")).peer("192.0.2.7");
    assert_eq!(
        hello.with_greeting(|greeting| format!("{greeting:?}")),
        "Greeting { server_name: Some(\"localhost\"), peer: 192.0.2.7, .. }"
    );
}

#[test]
fn whatever_is_wrong_first_in_the_order_is_the_reason() {
    // Every pair, and then everything from some step on.
    for (first, wrong) in WRONGS.iter().enumerate() {
        for later in &WRONGS[first + 1..] {
            let (denial, _) = denial_with([later, wrong].into_iter());
            assert!((wrong.denied)(&denial), "{} before {}: {denial:?}", wrong.what, later.what);
        }
        let (denial, _) = denial_with(WRONGS[first..].iter().rev());
        assert!((wrong.denied)(&denial), "{} before all: {denial:?}", wrong.what);
    }
}

//= req: HELLO-3, type=test
#[test]
fn a_grant_in_no_form_or_without_a_nonce_is_of_no_shape() {
    let mut world = World::new();
    let elsewhere = |hello: RawHello| hello.server_name(Some("evil.example"));
    for (hello, fault) in [
        (RawHello::open().grant("short"), HelloFault::Credential),
        (RawHello { nonce: Vec::new(), ..bringing(RawHello::open()) }, HelloFault::Nonce),
    ] {
        assert_eq!(world.hello_denial(&elsewhere(hello)), Denial::MalformedHello(fault));
    }
    let denial = world.hello_denial(&elsewhere(bringing(RawHello::open())));
    assert_eq!(denial, Denial::HostDenied { seen: Shown::new("evil.example") });
}

//= req: LIMIT-4, type=test
#[test]
fn only_a_failed_verification_is_charged() {
    for wrong in &WRONGS {
        let (_, world) = denial_with([wrong].into_iter());
        let charged = usize::from(wrong.what == "a forged token");
        assert_eq!(world.limiter.charges.len(), charged, "{}", wrong.what);
    }
    let mut world = World::new();
    assert_eq!(world.hello_denial(&RawHello::open()), Denial::CredentialMissing);
    assert!(world.limiter.charges.is_empty());
}

#[test]
fn a_denial_says_what_was_known_by_then() {
    let mut world = World::new();
    let denied = world.hello_denied(&RawHello::token().session("A.b").peer("2001:db8::1"));
    assert_eq!(denied.context.target, Target::Own(Endpoint::Renew));
    assert_eq!(denied.context.transport, Transport::Quic);
    assert_eq!(denied.context.client.address.to_string(), "2001:db8::1");
    assert_eq!((denied.known, denied.expire_cookie), (None, None));
    let hello = good(&world).workspace("attic");
    assert_eq!(world.hello_denied(&hello).known, Some((SESSION, claims().subject)));
}

//= req: HOST-6, type=test
#[test]
fn the_loopback_names_are_implied_unless_exposure_is_remote() {
    let mut world = World::new();
    let hello = good(&world);
    for exposure in [Exposure::Loopback, Exposure::Desktop, Exposure::Remote] {
        world.settings.exposure = exposure;
        for name in ["localhost", "LocalHost", "127.0.0.1", "[::1]"] {
            let decision = world.decide_hello(&hello.clone().server_name(Some(name)));
            let admitted = matches!(decision, Decision::Admit(_));
            assert_eq!(admitted, exposure != Exposure::Remote, "{name} {exposure}");
        }
        // A client that was given an address asks for no name.
        world.admit_hello(&hello.clone().server_name(None));
    }
}

//= req: HOST-6, type=test
#[test]
fn a_listed_name_counts_at_any_port_and_no_other_does() {
    let mut world = World::new();
    world.settings.exposure = Exposure::Remote;
    let listed = ["dev.example:8443", "lab.example"].map(|one| AllowedHost::parse(one).unwrap());
    world.settings.allowed_hosts.extend(listed);
    let hello = good(&world);
    for name in ["dev.example", "DEV.example", "lab.example"] {
        world.admit_hello(&hello.clone().server_name(Some(name)));
    }
    for name in [
        "",
        "example",
        "dev.example.",
        "dev.example:8443",
        "lab.example:443",
        "a.lab.example",
        "lab.example.evil",
        "lab_example",
        "lab example",
        "localhost",
        "127.0.0.1",
        "*",
    ] {
        let denial = world.hello_denial(&hello.clone().server_name(Some(name)));
        assert_eq!(denial, Denial::HostDenied { seen: Shown::new(name) }, "{name}");
    }
}

//= req: ORIGIN-7, type=test
#[test]
fn no_protocol_but_this_one_is_spoken() {
    let mut world = World::new();
    let hello = good(&world);
    for name in [&b""[..], b"h3", b"doorward", b"doorward/1.0", b"doorward/2", b"Doorward/1"] {
        let denial = world.hello_denial(&hello.clone().protocol(name));
        assert_eq!(denial, Denial::BrowserRefused, "{name:?}");
    }
}

//= req: ROUTE-4, type=test
#[test]
fn to_open_takes_what_any_rule_takes() {
    let mut world = World::new();
    let routes = &mut world.settings.routes;
    assert!(routes.add("/shell", Capabilities::SPAWN));
    assert!(routes.add("/log", Capabilities::OBSERVE));
    let needed = Capabilities::START_UP.with(Capabilities::SPAWN);
    for held in (0..16).map(|bits| Capabilities::from_bits(bits).unwrap()) {
        let hello = RawHello::open().session(&world.token_with(held));
        match world.decide_hello(&hello) {
            Decision::Admit(_) => assert!(held.contains(needed), "{held}"),
            Decision::Deny(denied) => {
                let lacking = needed.without(held);
                assert_eq!(denied.denial, Denial::CapabilityLacking(lacking));
                assert!(!lacking.is_empty());
            }
            other => panic!("{other:?}"),
        }
    }
}

//= req: CAP-4, type=test
#[test]
fn a_hello_needs_what_it_asks_for() {
    let mut world = World::new();
    for held in (0..16).map(|bits| Capabilities::from_bits(bits).unwrap()) {
        let token = world.token_with(held);
        for asked in (0..16).map(|bits| Capabilities::from_bits(bits).unwrap()) {
            for (purpose, rules) in
                [(RawHello::open(), Capabilities::OPERATE), (RawHello::token(), Capabilities::NONE)]
            {
                let needed = asked.with(rules);
                let hello = purpose.session(&token).needing(asked.bits());
                match world.decide_hello(&hello) {
                    Decision::Admit(_) => assert!(held.contains(needed)),
                    Decision::Deny(denied) => {
                        let lacking = needed.without(held);
                        assert_eq!(denied.denial, Denial::CapabilityLacking(lacking));
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }
}

#[test]
fn a_token_alone_needs_no_rule_and_no_capability() {
    let mut world = World::new();
    world.settings.routes = Routes::none();
    let token = world.token_with(Capabilities::NONE);
    let admitted = world.admit_hello(&RawHello::token().session(&token));
    assert_eq!(admitted.target(), Target::Own(Endpoint::Renew));
    let hello = bringing(RawHello::token());
    assert_eq!(awaited(&mut world, &hello).context().target, Target::Own(Endpoint::Token));
    assert_eq!(world.hello_denial(&bringing(RawHello::open())), Denial::NoRoute);
    assert_eq!(world.hello_denial(&RawHello::token()), Denial::CredentialMissing);
}

//= req: ROUTE-4, type=test
#[test]
fn no_rule_that_covers_everything_is_no_route() {
    let mut world = World::new();
    let hello = good(&world);
    world.settings.routes = Routes::none();
    assert_eq!(world.hello_denial(&hello), Denial::NoRoute);
    assert!(world.settings.routes.add("/terminal", Capabilities::NONE));
    assert_eq!(world.hello_denial(&hello), Denial::NoRoute);
    assert!(world.settings.routes.add("/", Capabilities::NONE));
    world.admit_hello(&hello);
}

//= req: CRED-2, type=test
#[test]
fn several_credentials_are_ambiguous_whatever_they_are() {
    let mut world = World::new();
    let token = world.token();
    let ticket = world.with_ticket(&claims(), None);
    for purpose in [RawHello::open(), RawHello::token()] {
        for hello in [
            purpose.clone().session(&token).session(&token),
            purpose.clone().session(&token).ticket(&ticket),
            bringing(purpose.clone().session(&token)),
            bringing(bringing(purpose.clone())),
            purpose.clone().local().session(&token),
            purpose.clone().session("").session("").session(""),
        ] {
            assert_eq!(world.hello_denial(&hello), Denial::CredentialAmbiguous);
        }
    }
    assert!(world.limiter.charges.is_empty());
}

#[test]
fn a_local_token_is_nobodys() {
    let mut world = World::new();
    for purpose in [RawHello::open(), RawHello::token()] {
        let denied = world.hello_denied(&purpose.local());
        assert_eq!(denied.denial, Denial::CredentialInvalid(Invalid::LocalUnknown));
    }
    assert_eq!(world.limiter.charges.len(), 2);
}

//= req: TOKEN-4, type=test
#[test]
fn expired_and_revoked_are_told_only_after_the_mac() {
    let mut world = World::new();
    let expired = world.token_of(&Claims { expires_at: NOW, ..claims() });
    assert_eq!(world.hello_denial(&RawHello::open().session(&expired)), Denial::SessionExpired);
    let good = good(&world);
    world.standings.note(SESSION, Standing::Revoked, claims().absolute_end);
    assert_eq!(world.hello_denial(&good), Denial::SessionRevoked);
    assert!(world.limiter.charges.is_empty());
    // Neither is told of what nobody signed.
    let past = common::record::Record { expires_at: 1, ..common::record::Record::good() };
    let unsigned = common::record::join(&past.bytes(), &[0; 32]);
    let denied = world.hello_denied(&RawHello::open().session(&unsigned));
    assert_eq!(denied.denial, Denial::CredentialInvalid(Invalid::BadTag));
    assert_eq!(denied.known, None);
    assert_eq!(world.limiter.charges.len(), 1);
}

//= req: SESSION-8, type=test
#[test]
fn stale_revocations_admit_nobody_and_spend_nothing() {
    let mut world = World::new();
    with_grant(&mut world);
    let ticket = world.with_ticket(&claims(), None);
    world.now = NOW.plus(secs(6));
    let stale = Denial::Unavailable(Outage::StaleRevocations);
    let session = good(&world);
    assert_eq!(world.hello_denial(&session), stale);
    assert_eq!(world.hello_denial(&RawHello::open().ticket(&ticket)), stale);
    let refused = redeem(&mut world, &bringing(RawHello::open()), 1).unwrap_err();
    assert_eq!(refused.denial, stale);
    assert!(world.limiter.charges.is_empty());
    world.advance(secs(1));
    settle(&mut world, &RawHello::open().ticket(&ticket)).unwrap();
    redeem(&mut world, &bringing(RawHello::open()), 1).unwrap();
}

//= req: TICKET-1, type=test
#[test]
fn a_ticket_is_taken_once() {
    let mut world = World::new();
    let ticket = world.with_ticket(&claims(), None);
    let hello = RawHello::open().ticket(&ticket);
    let admitted = settle(&mut world, &hello).unwrap();
    assert!(matches!(admitted.identity(), Identity::Session { carrier: Carrier::Ticket, .. }));
    assert_eq!(admitted.claims().unwrap().session, SESSION);
    // One connection is what it buys, and no token.
    assert!(world.guard().renew(&admitted, NOW.plus(6 * DAY)).is_none());
    let again = settle(&mut world, &hello).unwrap_err();
    assert_eq!(again, Denial::CredentialInvalid(Invalid::TicketUnknown));
    assert_eq!(world.limiter.charges.len(), 1);
}

//= req: TICKET-3, type=test
#[test]
fn a_ticket_of_a_page_is_refused_and_stays_good_for_the_page() {
    let mut world = World::new();
    let ticket = world.with_ticket(&claims(), Some(common::request::ORIGIN));
    let refused = settle(&mut world, &RawHello::open().ticket(&ticket)).unwrap_err();
    assert_eq!(refused, Denial::CredentialInvalid(Invalid::TicketOrigin));
    let request = common::Request::upgrade().same_origin().ticket(&ticket);
    let decision = world.decide(&request);
    assert!(world.settle(decision).is_ok());
}

#[test]
fn a_ticket_without_what_is_needed_is_refused_unspent() {
    let mut world = World::new();
    let ticket = world.with_ticket(&claims(), None);
    let hello = RawHello::open().ticket(&ticket);
    let greedy = hello.clone().needing(Capabilities::SPAWN.bits());
    let refused = settle(&mut world, &greedy).unwrap_err();
    assert_eq!(refused, Denial::CapabilityLacking(Capabilities::SPAWN));
    assert!(settle(&mut world, &hello).is_ok());
    assert!(world.limiter.charges.is_empty());
}

#[test]
fn a_redeemed_grant_opens_the_door_and_buys_a_token() {
    for purpose in [RawHello::open(), RawHello::token()] {
        let mut world = World::new();
        with_grant(&mut world);
        let hello = bringing(purpose);
        let target = awaited(&mut world, &hello).context().target;
        let redeemed = redeem(&mut world, &hello, 1).unwrap();
        assert_eq!(redeemed.cookie(), None);
        let token = redeemed.token().expose().to_owned();
        let (admitted, same) = redeemed.into_parts();
        assert_eq!(same.expose(), token);
        assert_eq!(admitted.target(), target);
        let claims = *admitted.claims().unwrap();
        assert_eq!(claims.session, SessionId::new([1; 16]));
        let again = world.admit_hello(&RawHello::open().session(&token));
        assert_eq!(again.claims(), Some(&claims));
        let guesses: Vec<Guess> = world.limiter.charges.iter().map(|(_, guess)| *guess).collect();
        assert_eq!(guesses, [Guess::Other], "charged once, as a redemption is");
    }
}

#[test]
fn a_hello_is_a_counter_of_its_own_whatever_its_purpose() {
    let mut world = World::new();
    with_grant(&mut world);
    let first = redeem(&mut world, &bringing(RawHello::token()), 1).unwrap();
    let again = redeem(&mut world, &bringing(RawHello::open()), 1).unwrap();
    assert_eq!(first.admitted().claims(), again.admitted().claims());
    let other = redeem(&mut world, &bringing(RawHello::open()), 2).unwrap_err();
    assert_eq!(other.denial, Denial::GrantRefused(GrantFault::Spent));
    // What was fetched here can't be had as a cookie.
    let request = common::Request::post("/.doorward/api/bootstrap");
    let Decision::Grant(awaiting) = world.decide(&request) else { panic!("a grant is awaited") };
    let elsewhere = world.redeem(awaiting, &GrantSecret::link(LINK), nonce(1), 3).unwrap_err();
    assert_eq!(elsewhere.denial, Denial::GrantRefused(GrantFault::Spent));
}

#[test]
fn the_attempt_says_what_the_hello_needs_and_where_it_came_from() {
    let mut world = World::new();
    for (purpose, needed) in [
        (RawHello::open(), Capabilities::OPERATE.with(Capabilities::SPAWN)),
        (RawHello::token(), Capabilities::SPAWN),
    ] {
        let hello = bringing(purpose).needing(Capabilities::SPAWN.bits()).peer("2001:db8::1");
        let awaiting = awaited(&mut world, &hello);
        let World { settings, keys, digester, standings, directory, limiter, now, .. } = &mut world;
        let guard = doorward_policy::Guard { settings, keys, digester, standings, directory };
        let secret = GrantSecret::link(LINK);
        let redeem = awaiting.present(&secret, nonce(1), [1; 16], &guard, limiter, *now).unwrap();
        assert_eq!(redeem.attempt().counter, Counter::Hello);
        assert_eq!(redeem.attempt().needed, needed);
        assert_eq!(redeem.attempt().peer, Some(hello.peer));
        assert_eq!(redeem.context().transport, Transport::Quic);
    }
}

#[test]
fn a_grant_without_what_is_needed_is_refused_unspent() {
    let mut world = World::new();
    with_grant(&mut world);
    for purpose in [RawHello::open(), RawHello::token()] {
        let hello = bringing(purpose).needing(Capabilities::SPAWN.bits());
        let refused = redeem(&mut world, &hello, 1).unwrap_err();
        assert_eq!(refused.denial, Denial::CapabilityLacking(Capabilities::SPAWN));
        assert_eq!(uses_left(&world), 1);
    }
    assert!(world.settings.routes.add("/shell", Capabilities::ADMINISTER));
    let refused = redeem(&mut world, &bringing(RawHello::open()), 1).unwrap_err();
    assert_eq!(refused.denial, Denial::CapabilityLacking(Capabilities::ADMINISTER));
    assert_eq!(uses_left(&world), 1);
    redeem(&mut world, &bringing(RawHello::token()), 1).unwrap();
}

/// The store says what the session that was bought may do by now, and that counts: its first token
/// was as good as its grant.
//= req: CAP-3, type=test
#[test]
fn a_redemption_that_is_repeated_gives_nothing_back_that_was_taken_away() {
    let mut world = World::new();
    with_grant(&mut world);
    let hello = bringing(RawHello::open()).needing(Capabilities::OPERATE.bits());
    let first = redeem(&mut world, &hello, 1).unwrap();
    let session = first.admitted().claims().unwrap().session;
    world.ledger.limit_sessions(&Selector::Session(session), Capabilities::OBSERVE, NOW);
    let refused = redeem(&mut world, &hello, 1).unwrap_err();
    assert_eq!(refused.denial, Denial::CapabilityLacking(Capabilities::OPERATE));
}

#[test]
fn a_workspace_is_unknown_before_anything_is_spent() {
    let mut world = World::new();
    with_grant(&mut world);
    let ticket = world.with_ticket(&claims(), None);
    let left = uses_left(&world);
    for purpose in [RawHello::open(), RawHello::token()] {
        let refused = redeem(&mut world, &bringing(purpose.clone()).workspace("attic"), 1);
        assert_eq!(refused.unwrap_err().denial, Denial::WorkspaceUnknown);
        assert_eq!(uses_left(&world), left);
        let named = purpose.clone().ticket(&ticket).workspace("attic");
        assert_eq!(settle(&mut world, &named).unwrap_err(), Denial::WorkspaceUnknown);
        let session = purpose.session(&world.token()).workspace("attic");
        assert_eq!(world.hello_denial(&session), Denial::WorkspaceUnknown);
    }
    // Charged for the redemptions alone, as ever.
    assert_eq!(world.limiter.charges.len(), 2);
    settle(&mut world, &RawHello::open().ticket(&ticket)).unwrap();
    redeem(&mut world, &bringing(RawHello::open()), 1).unwrap();
    assert_eq!(uses_left(&world), left - 1);
}

#[test]
fn a_workspace_is_told_only_to_whom_the_door_is_open() {
    let mut world = World::new();
    let forged = RawHello::open().session("A.b").workspace("attic");
    assert_eq!(world.hello_denial(&forged), Denial::CredentialInvalid(Invalid::Malformed));
    let missing = RawHello::open().workspace("attic");
    assert_eq!(world.hello_denial(&missing), Denial::CredentialMissing);
    let session = good(&world).workspace("attic");
    world.standings.note(SESSION, Standing::Revoked, claims().absolute_end);
    assert_eq!(world.hello_denial(&session), Denial::SessionRevoked);
}

//= req: LIMIT-6, type=test
#[test]
fn a_valid_token_passes_from_a_limited_address_and_a_grant_does_not() {
    let mut world = World::new();
    with_grant(&mut world);
    let guess = RawHello::open().session("A.b");
    for _ in 0..100 {
        assert_eq!(world.hello_denial(&guess), Denial::CredentialInvalid(Invalid::Malformed));
    }
    let limited = Denial::GuessesLimited { until: NOW.plus(secs(60)) };
    assert_eq!(world.hello_denial(&guess), limited);
    // What was guessed here counts for every transport.
    assert_eq!(world.denial(&common::Request::get("/").bearer("A.b")), limited);
    let refused = redeem(&mut world, &bringing(RawHello::open()), 1).unwrap_err();
    assert_eq!(refused.denial, limited);
    assert_eq!(uses_left(&world), 1);
    let hello = good(&world);
    world.admit_hello(&hello);
    assert_eq!(world.hello_denial(&guess.clone().peer("192.0.2.1")), {
        Denial::CredentialInvalid(Invalid::Malformed)
    });
}

//= req: CRED-6, type=test
#[test]
fn unguarded_replaces_the_credential_alone() {
    let mut world = World::new();
    world.settings.guarding = Guarding::Unguarded;
    for hello in [RawHello::open(), RawHello::token(), RawHello::open().session("A.b")] {
        let admitted = world.admit_hello(&hello);
        assert_eq!(admitted.claims(), None);
        assert!(world.guard().renew(&admitted, NOW).is_none());
    }
    let foreign = RawHello::open().server_name(Some("evil"));
    assert!(matches!(world.hello_denial(&foreign), Denial::HostDenied { .. }));
    assert_eq!(world.hello_denial(&RawHello::open().protocol(b"h3")), Denial::BrowserRefused);
    let two = RawHello::open().session("A.b").session("A.b");
    assert_eq!(world.hello_denial(&two), Denial::CredentialAmbiguous);
    let named = RawHello::open().workspace("attic");
    assert_eq!(world.hello_denial(&named), Denial::WorkspaceUnknown);
    let administer = RawHello::open().needing(Capabilities::ADMINISTER.bits());
    let lacking = Denial::CapabilityLacking(Capabilities::ADMINISTER);
    assert_eq!(world.hello_denial(&administer), lacking);
    world.settings.routes = Routes::none();
    assert_eq!(world.hello_denial(&RawHello::open()), Denial::NoRoute);
    assert!(world.limiter.charges.is_empty());
}

#[test]
fn the_same_hello_gives_the_same_decision() {
    let decide = |seed: u8| {
        let mut world = World::new();
        world.standings = doorward_policy::standing::Standings::new([seed; 8], secs(5));
        world.standings.refreshed(NOW);
        let hello = good(&world);
        format!("{:?} {:?}", world.decide_hello(&hello), world.decide_hello(&RawHello::open()))
    };
    assert_eq!(decide(0), decide(255));
}
