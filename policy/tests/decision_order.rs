//! The decision as a whole: its order, what it charges, and that a refusal spends nothing.
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

use common::request::EVIL;
use common::{DAY, NOW, Request, SESSION, World, claims, secs};
use doorward_policy::capability::Capabilities;
use doorward_policy::denial::{Denial, HeadFault, Invalid, Outage, Shown};
use doorward_policy::limiter::{Charge, Guess};
use doorward_policy::route::Routes;
use doorward_policy::settings::Guarding;
use doorward_policy::standing::Standing;
use doorward_policy::token::Claims;
use doorward_policy::{Decision, Timestamp};

/// One thing wrong with a request, how to make it so, and what it is denied for.
struct Wrong {
    what: &'static str,
    spoil: fn(Request) -> Request,
    denied: fn(&Denial) -> bool,
}

/// In the order in which the decision is to notice them.
const WRONGS: [Wrong; 12] = [
    Wrong {
        what: "two origins",
        spoil: |request| request.with("Origin", EVIL).with("Origin", EVIL),
        denied: |denial| *denial == Denial::MalformedHead(HeadFault::Origins),
    },
    Wrong {
        what: "no host",
        spoil: |request| request.without("Host"),
        denied: |denial| *denial == Denial::MalformedHead(HeadFault::Host),
    },
    Wrong {
        what: "an upgrade to something else",
        spoil: |request| request.replacing("Upgrade", "h2c"),
        denied: |denial| *denial == Denial::UpgradeRefused,
    },
    Wrong {
        what: "a path into ours",
        spoil: |mut request| {
            request.target = "/%2edoorward/health".into();
            request
        },
        denied: |denial| *denial == Denial::MalformedPath,
    },
    Wrong {
        what: "a foreign host",
        spoil: |request| request.host("evil"),
        denied: |denial| matches!(denial, Denial::HostDenied { .. }),
    },
    Wrong {
        what: "plain http from afar",
        spoil: |request| request.peer("203.0.113.9"),
        denied: |denial| *denial == Denial::InsecureTransport,
    },
    Wrong {
        what: "no such route",
        spoil: |mut request| {
            request.target = "/.doorward/nothing".into();
            request
        },
        denied: |denial| *denial == Denial::NoRoute,
    },
    Wrong {
        what: "a service worker",
        spoil: |request| request.with("Service-Worker", "script"),
        denied: |denial| *denial == Denial::ServiceWorkerScript,
    },
    Wrong {
        what: "a shadowed cookie",
        spoil: |request| request.with("Cookie", "=__Host-doorward=x"),
        denied: |denial| *denial == Denial::CookieShadowed,
    },
    Wrong {
        what: "a foreign origin",
        spoil: |request| request.origin(EVIL),
        denied: |denial| *denial == Denial::OriginDenied { seen: Shown::new(EVIL) },
    },
    Wrong {
        what: "a forged token",
        spoil: |request| request.bearer("AQEB.x"),
        denied: |denial| *denial == Denial::CredentialInvalid(Invalid::Malformed),
    },
    Wrong {
        what: "nothing else",
        spoil: |request| request,
        denied: |denial| *denial == Denial::CredentialMissing,
    },
];

#[test]
fn whatever_is_wrong_first_in_the_order_is_the_reason() {
    // Every pair, and then everything from some step on.
    for (first, wrong) in WRONGS.iter().enumerate() {
        for later in &WRONGS[first + 1..] {
            let request = (wrong.spoil)((later.spoil)(Request::get("/")));
            let denial = World::new().denial(&request);
            assert!((wrong.denied)(&denial), "{} before {}: {denial:?}", wrong.what, later.what);
        }
        let all = WRONGS[first..]
            .iter()
            .rev()
            .fold(Request::get("/"), |request, one| (one.spoil)(request));
        let denial = World::new().denial(&all);
        assert!((wrong.denied)(&denial), "{} before all: {denial:?}", wrong.what);
    }
}

//= req: LIMIT-4, type=test
#[test]
fn steps_one_to_five_never_charge() {
    for wrong in &WRONGS {
        let mut world = World::new();
        let request = (wrong.spoil)(Request::get("/"));
        for _ in 0..3 {
            world.denial(&request);
        }
        let verification = wrong.what == "a forged token";
        assert_eq!(!world.limiter.charges.is_empty(), verification, "{}", wrong.what);
    }
}

#[test]
fn credential_and_origin_come_before_verification_capability_after() {
    let mut world = World::new();
    let powerless = world.token_with(Capabilities::NONE);
    let forged = Request::get("/").bearer("AQEB.x");
    let lacking = Request::get("/").bearer(&powerless);
    // Ambiguous before a foreign origin, a foreign origin before a forged token.
    let ambiguous = lacking.clone().cookie(&powerless).origin(EVIL);
    assert_eq!(world.denial(&ambiguous), Denial::CredentialAmbiguous);
    assert!(matches!(world.denial(&forged.origin(EVIL)), Denial::OriginDenied { .. }));
    assert!(matches!(world.denial(&lacking.clone().origin(EVIL)), Denial::OriginDenied { .. }));
    // Revoked before lacking.
    world.standings.note(SESSION, Standing::Revoked, claims().absolute_end);
    assert_eq!(world.denial(&lacking), Denial::SessionRevoked);
}

//= req: LIMIT-4, type=test
#[test]
fn only_what_could_be_a_guess_is_charged() {
    let mut world = World::new();
    let token = world.token();
    let charges = |world: &mut World, request: &Request| {
        world.limiter.charges.clear();
        world.denial(request);
        world.limiter.charges.len()
    };
    // Known by their MAC: no guesses.
    let lacking = world.token_with(Capabilities::NONE);
    assert_eq!(charges(&mut world, &Request::get("/").bearer(&lacking)), 0);
    let expired = world.token_of(&Claims { expires_at: NOW, ..claims() });
    assert_eq!(charges(&mut world, &Request::get("/").bearer(&expired)), 0);
    assert_eq!(charges(&mut world, &Request::get("/")), 0);
    // Everything that nobody signed.
    let forged = common::record::Record { key_id: 9, ..common::record::Record::good() }.token();
    for bad in [
        "A.b",
        forged.as_str(),
        &token.replace('.', "A."),
        &format!("{}A", &token[..token.len() - 1]),
    ] {
        assert_eq!(charges(&mut world, &Request::get("/").bearer(bad)), 1, "{bad}");
        assert_eq!(world.limiter.charges[0].1, Guess::Other);
    }
    world.standings.note(SESSION, Standing::Revoked, claims().absolute_end);
    assert_eq!(charges(&mut world, &Request::get("/").bearer(&token)), 0);
}

//= req: LIMIT-6, type=test
#[test]
fn a_valid_token_passes_from_a_limited_address() {
    let mut world = World::new();
    let guess = Request::get("/").bearer("A.b");
    for _ in 0..100 {
        assert_eq!(world.denial(&guess), Denial::CredentialInvalid(Invalid::Malformed));
    }
    let limited = Denial::GuessesLimited { until: NOW.plus(secs(60)) };
    assert_eq!(world.denial(&guess), limited);
    let token = world.token();
    assert!(world.admits(&Request::get("/").bearer(&token)));
    assert!(world.admits(&Request::upgrade().cookie(&token).same_origin()));
    let expired = world.token_of(&Claims { expires_at: NOW, ..claims() });
    assert_eq!(world.denial(&Request::get("/").bearer(&expired)), Denial::SessionExpired);
    world.advance(secs(60));
    assert_eq!(world.denial(&guess), Denial::CredentialInvalid(Invalid::Malformed));
}

#[test]
fn an_admission_says_who_and_what_for() {
    let mut world = World::new();
    let token = world.token();
    let admitted = world.admit(&Request::get("/").cookie(&token).with("Sec-Fetch-Site", "none"));
    assert_eq!(admitted.claims(), Some(&claims()));
    assert!(admitted.by_cookie());
    assert!(!world.admit(&Request::get("/").bearer(&token)).by_cookie());
}

//= req: TOKEN-4, type=test
#[test]
fn a_denial_names_whose_credential_it_was_only_if_its_mac_verified() {
    let mut world = World::new();
    let known = Some((SESSION, claims().subject));
    let expired = world.token_of(&Claims { expires_at: NOW, ..claims() });
    assert_eq!(world.denied(&Request::get("/").bearer(&expired)).known, known);
    let lacking = world.token_with(Capabilities::NONE);
    assert_eq!(world.denied(&Request::get("/").bearer(&lacking)).known, known);
    let unsigned = common::record::join(&common::record::Record::good().bytes(), &[0; 32]);
    assert_eq!(world.denied(&Request::get("/").bearer(&unsigned)).known, None);
}

#[test]
fn an_expired_token_is_told_from_a_revoked_one() {
    let mut world = World::new();
    let token = world.token();
    world.advance(7 * DAY);
    assert_eq!(world.denial(&Request::get("/").bearer(&token)), Denial::SessionExpired);
    let mut world = World::new();
    world.standings.note(SESSION, Standing::Revoked, claims().absolute_end);
    assert_eq!(world.denial(&Request::get("/").bearer(&token)), Denial::SessionRevoked);
}

//= req: SESSION-6, type=test
#[test]
fn revocation_is_by_session_whatever_the_tokens_text() {
    let mut world = World::new();
    world.standings.note(SESSION, Standing::Revoked, claims().absolute_end);
    // Another token of the same session, one that was renewed.
    let other = world.token_of(&Claims { expires_at: NOW.plus(8 * DAY), ..claims() });
    assert_ne!(other, world.token());
    assert_eq!(world.denial(&Request::get("/").bearer(&other)), Denial::SessionRevoked);
}

//= req: CAP-2, type=test
#[test]
fn capabilities_in_force_are_those_of_token_and_row_in_common() {
    let mut world = World::new();
    let token = world.token_with(Capabilities::OPERATE.with(Capabilities::SPAWN));
    let limited = Standing::Limited(Capabilities::START_UP);
    world.standings.note(SESSION, limited, claims().absolute_end);
    let admitted = world.admit(&Request::get("/").bearer(&token));
    assert_eq!(admitted.claims().unwrap().capabilities, Capabilities::OPERATE);
    let none = Standing::Limited(Capabilities::NONE);
    world.standings.note(SESSION, none, claims().absolute_end);
    let lacking = Denial::CapabilityLacking(Capabilities::OPERATE);
    assert_eq!(world.denial(&Request::get("/").bearer(&token)), lacking);
}

//= req: SESSION-8, type=test
#[test]
fn stale_revocations_admit_nobody() {
    let mut world = World::new();
    let token = world.token();
    let request = Request::get("/").bearer(&token);
    world.now = NOW.plus(secs(5));
    assert!(world.admits(&request));
    world.now = world.now.plus(common::millis(1));
    assert_eq!(world.denial(&request), Denial::Unavailable(Outage::StaleRevocations));
    assert!(world.limiter.charges.is_empty());
}

//= req: SESSION-10, type=test
#[test]
fn an_admitted_session_is_looked_at_once_more() {
    let mut world = World::new();
    let token = world.token();
    let admitted = world.admit(&Request::upgrade().bearer(&token));
    assert_eq!(world.guard().still_stands(&admitted, NOW), Ok(()));
    let stale = world.guard().still_stands(&admitted, NOW.plus(secs(6)));
    assert_eq!(stale, Err(Denial::Unavailable(Outage::StaleRevocations)));
    world.standings.note(SESSION, Standing::Revoked, claims().absolute_end);
    assert_eq!(world.guard().still_stands(&admitted, NOW), Err(Denial::SessionRevoked));
}

//= req: CRED-6, type=test
#[test]
fn unguarded_replaces_the_credential_alone() {
    let mut world = World::new();
    world.settings.guarding = Guarding::Unguarded;
    let admitted = world.admit(&Request::get("/"));
    assert_eq!(admitted.claims(), None);
    assert!(world.guard().renew(&admitted, NOW).is_none());
    assert!(matches!(world.denial(&Request::get("/").host("evil")), Denial::HostDenied { .. }));
    assert!(matches!(world.denial(&Request::get("/").origin(EVIL)), Denial::OriginDenied { .. }));
    let two = Request::get("/").bearer("A.b").cookie("A.b").same_origin();
    assert_eq!(world.denial(&two), Denial::CredentialAmbiguous);
    // Nobody administers, and what no rule names stays denied.
    world.settings.routes = Routes::none();
    assert_eq!(world.denial(&Request::get("/")), Denial::NoRoute);
    assert!(world.settings.routes.add("/", Capabilities::ADMINISTER));
    let lacking = Denial::CapabilityLacking(Capabilities::ADMINISTER);
    assert_eq!(world.denial(&Request::get("/")), lacking);
}

#[test]
fn the_same_inputs_give_the_same_decision() {
    let decide = |seed: u8| {
        let mut world = World::new();
        world.standings = doorward_policy::standing::Standings::new([seed; 8], secs(5));
        world.standings.refreshed(NOW);
        let token = world.token();
        let upgrade = Request::upgrade().cookie(&token).same_origin();
        format!("{:?} {:?}", world.decide(&upgrade), world.decide(&Request::get("/").bearer("A.b")))
    };
    assert_eq!(decide(0), decide(255));
}

#[test]
fn a_refused_request_mutates_nothing_but_the_limiter() {
    // The guard is borrowed immutably, so only the ledger could lose something: nothing here has it.
    struct Untouched;
    impl Charge for Untouched {
        fn charge(
            &mut self,
            _key: doorward_policy::limiter::LimitKey,
            _guess: Guess,
            _now: Timestamp,
        ) -> Result<(), doorward_policy::limiter::Limited> {
            panic!("charged");
        }
    }
    let world = World::new();
    let request = Request::upgrade().origin(EVIL).cookie(&world.token());
    let decision = request.with_head(|head| world.guard().decide(head, &mut Untouched, NOW));
    assert!(matches!(decision, Decision::Deny(_)));
}
