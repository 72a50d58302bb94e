//! The guarded origin and that of administration: what belongs to one is nothing at the other.
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

use common::{RawHello, Request, World, claims, grant, masters, nonce, secs};
use doorward_policy::capability::Capabilities;
use doorward_policy::denial::{Denial, GrantFault, Invalid};
use doorward_policy::grant::{Counter, GrantRecord, GrantSecret};
use doorward_policy::host::AllowedHost;
use doorward_policy::keys::Purpose;
use doorward_policy::origin::AllowedOrigin;
use doorward_policy::route::{Admin, Endpoint, Routes, Target};
use doorward_policy::settings::{Exposure, Guarding, Surface};
use doorward_policy::{Decision, Timestamp};

const ADMINISTER: Capabilities = Capabilities::ADMINISTER;
const SURFACES: [Surface; 2] = [Surface::Guarded, Surface::Admin];

/// What an endpoint asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Asks {
    Nothing,
    Grant,
    Session,
    Administer,
    Process,
}

type Row = (&'static str, &'static str, Endpoint, Asks);

const GUARDED: [Row; 15] = [
    ("GET", "pair", Endpoint::PairPage, Asks::Nothing),
    ("HEAD", "pair", Endpoint::PairPage, Asks::Nothing),
    ("GET", "health", Endpoint::Health, Asks::Nothing),
    ("HEAD", "health", Endpoint::Health, Asks::Nothing),
    ("POST", "api/bootstrap", Endpoint::Bootstrap, Asks::Grant),
    ("POST", "api/token", Endpoint::Token, Asks::Grant),
    ("GET", "api/session", Endpoint::Session, Asks::Nothing),
    ("POST", "api/renew", Endpoint::Renew, Asks::Session),
    ("POST", "api/ticket", Endpoint::Ticket, Asks::Session),
    ("POST", "api/logout", Endpoint::Logout, Asks::Session),
    ("GET", "api/workspaces", Endpoint::Workspaces, Asks::Session),
    ("GET", "api/room", Endpoint::Room, Asks::Session),
    ("POST", "api/room", Endpoint::ActInRoom, Asks::Session),
    ("POST", "api/stay", Endpoint::Stay, Asks::Process),
    ("POST", "api/ask", Endpoint::Ask, Asks::Process),
];

const ADMINISTRATION: [Row; 19] = [
    ("GET", "", Endpoint::Admin(Admin::Page), Asks::Nothing),
    ("HEAD", "", Endpoint::Admin(Admin::Page), Asks::Nothing),
    ("GET", "health", Endpoint::Health, Asks::Nothing),
    ("HEAD", "health", Endpoint::Health, Asks::Nothing),
    ("GET", "api/session", Endpoint::Session, Asks::Nothing),
    ("POST", "api/bootstrap", Endpoint::Admin(Admin::Bootstrap), Asks::Grant),
    ("POST", "api/renew", Endpoint::Renew, Asks::Administer),
    ("POST", "api/logout", Endpoint::Logout, Asks::Administer),
    ("GET", "api/status", Endpoint::Admin(Admin::Status), Asks::Administer),
    ("GET", "api/grants", Endpoint::Admin(Admin::Grants), Asks::Administer),
    ("POST", "api/grants", Endpoint::Admin(Admin::MakeGrant), Asks::Administer),
    ("POST", "api/grants/revoke", Endpoint::Admin(Admin::RevokeGrant), Asks::Administer),
    ("GET", "api/sessions", Endpoint::Admin(Admin::Sessions), Asks::Administer),
    ("POST", "api/sessions/revoke", Endpoint::Admin(Admin::RevokeSessions), Asks::Administer),
    ("POST", "api/sessions/limit", Endpoint::Admin(Admin::LimitSession), Asks::Administer),
    ("GET", "api/workspaces", Endpoint::Admin(Admin::Workspaces), Asks::Administer),
    ("POST", "api/workspaces", Endpoint::Admin(Admin::ChangeWorkspaces), Asks::Administer),
    ("GET", "api/locals", Endpoint::Admin(Admin::Locals), Asks::Administer),
    ("POST", "api/locals/revoke", Endpoint::Admin(Admin::RevokeLocal), Asks::Administer),
];

fn world(surface: Surface) -> World {
    let mut world = World::new();
    if surface == Surface::Admin {
        world.settings.surface = surface;
        world.keys = masters().ring(Purpose::Admin);
        world.digester = masters().digester_for(Purpose::Admin);
    }
    world
}

const fn table(surface: Surface) -> &'static [Row] {
    match surface {
        Surface::Guarded => &GUARDED,
        Surface::Admin => &ADMINISTRATION,
    }
}

/// The path of a row; the page of administration is the whole origin's.
fn path(own: &str) -> String {
    if own.is_empty() { "/".into() } else { format!("/.doorward/{own}") }
}

/// What a request comes to: the endpoint that it found, and what that asks for.
fn found(world: &mut World, request: &Request) -> Option<(Target, Asks)> {
    match world.decide(request) {
        Decision::Open(opened) => Some((opened.context().target, Asks::Nothing)),
        Decision::Grant(awaiting) => Some((awaiting.context().target, Asks::Grant)),
        Decision::Deny(denied) => match denied.denial {
            Denial::NoRoute => None,
            Denial::CredentialMissing => {
                let operator = request.clone().bearer(&world.token());
                let asks = match world.decide(&operator) {
                    Decision::Admit(_) => Asks::Session,
                    Decision::Deny(denied) if denied.denial == Denial::LocalOnly => Asks::Process,
                    Decision::Deny(denied) => {
                        assert_eq!(denied.denial, Denial::CapabilityLacking(ADMINISTER));
                        Asks::Administer
                    }
                    other => panic!("{other:?}"),
                };
                Some((denied.context.target, asks))
            }
            other => panic!("{request:?}: {other:?}"),
        },
        other => panic!("{request:?}: {other:?}"),
    }
}

//= req: ADMIN-3, type=test
#[test]
fn each_endpoint_is_at_its_own_origin_and_asks_for_its_own() {
    let mut paths: Vec<_> = GUARDED.iter().chain(&ADMINISTRATION).map(|row| row.1).collect();
    paths.extend(["api", "api/", "api/check", "api/grants/", "admin", "api/sessions/revoke/x"]);
    for surface in SURFACES {
        let mut world = world(surface);
        world.settings.routes = Routes::none();
        for own in &paths {
            for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "get"] {
                let row = table(surface).iter().find(|row| (row.0, row.1) == (method, *own));
                let expected = row.map(|row| (Target::Own(row.2), row.3));
                let request = Request::new(method, &path(own));
                assert_eq!(found(&mut world, &request), expected, "{surface:?} {method} {own}");
            }
        }
    }
}

#[test]
fn an_administrator_may_use_all_of_administration() {
    let mut world = world(Surface::Admin);
    let token = world.token_with(ADMINISTER);
    for (method, own, endpoint, asks) in ADMINISTRATION {
        if asks == Asks::Administer {
            let admitted = world.admit(&Request::new(method, &path(own)).bearer(&token));
            assert_eq!(admitted.target(), Target::Own(endpoint));
            assert!(admitted.joined().is_none());
        }
    }
}

#[test]
fn nothing_is_guarded_at_administration() {
    let mut world = world(Surface::Admin);
    let token = world.token_with(Capabilities::ALL);
    for target in
        ["/x", "//", "/.doorward", "/.doorward/", "/.doorward//", "/index.html", "/;", "/%2f"]
    {
        for request in [Request::get(target), Request::get(target).bearer(&token)] {
            let denial = world.denial(&request);
            assert!(matches!(denial, Denial::NoRoute | Denial::MalformedPath), "{target}");
        }
    }
    assert_eq!(world.denial(&Request::upgrade().bearer(&token)), Denial::NoRoute);
    let ticket = Request::upgrade().ticket(&"A".repeat(43));
    assert_eq!(world.denial(&ticket), Denial::NoRoute);
}

#[test]
fn administration_takes_no_hello() {
    let mut world = world(Surface::Admin);
    let token = world.token_with(Capabilities::ALL);
    let grant = GrantSecret::link([5; 32]).expose();
    for hello in [RawHello::open(), RawHello::token()] {
        for hello in [
            hello.clone(),
            hello.clone().session(&token),
            hello.clone().grant(&grant),
            hello.local(),
        ] {
            assert_eq!(world.hello_denial(&hello), Denial::NoRoute);
        }
    }
}

//= req: ADMIN-2, type=test
#[test]
fn administration_looks_at_no_cookie() {
    let mut world = world(Surface::Admin);
    let token = world.token_with(Capabilities::ALL);
    let request = Request::get("/.doorward/api/grants").cookie(&token).same_origin();
    assert_eq!(world.denial(&request), Denial::CredentialMissing);
    // Whatever a cookie says, it stands in nobody's way, and is not expired.
    let beside = Request::get("/.doorward/api/grants").cookie("junk").bearer(&token);
    assert!(world.admits(&beside));
    let twice = Request::get("/.doorward/api/grants")
        .with("Cookie", format!("{0}=a; {0}=b; =c", common::request::COOKIE))
        .bearer(&token);
    assert!(world.admits(&twice));
    let denied = world.denied(&request.replacing("Cookie", "doorward_8765=A.b"));
    assert_eq!(denied.expire_cookie, None);
}

//= req: TOKEN-6, type=test
//= req: ADMIN-1, type=test
#[test]
fn a_token_of_one_origin_never_verifies_at_the_other() {
    let tokens = SURFACES.map(|surface| world(surface).token_with(Capabilities::ALL));
    for surface in SURFACES {
        let mut world = world(surface);
        for (token, of) in tokens.iter().zip(SURFACES) {
            let request = Request::post("/.doorward/api/renew").bearer(token);
            if of == surface {
                assert!(world.admits(&request));
            } else {
                let invalid = Denial::CredentialInvalid(Invalid::BadTag);
                assert_eq!(world.denial(&request), invalid, "{of:?} at {surface:?}");
            }
        }
    }
}

/// What a grant comes to that was made for one origin and is redeemed at another.
fn redeem(made_for: Surface, at: Surface, capabilities: Capabilities) -> (Result<(), Denial>, u32) {
    let mut world = world(at);
    let secret = GrantSecret::link([5; 32]);
    let digest = secret.digest(&self::world(made_for).digester);
    let record = GrantRecord { capabilities, ..grant(1, secs(3600)) };
    world.ledger.insert_grant(digest, record).unwrap();
    let decision = world.decide(&Request::post("/.doorward/api/bootstrap"));
    let Decision::Grant(awaiting) = decision else { panic!("a grant is to be brought") };
    let outcome = world.redeem(awaiting, &secret, nonce(1), 1);
    let left = world.ledger.grants().next().unwrap().uses_left;
    (outcome.map(drop).map_err(|denied| denied.denial), left)
}

#[test]
fn a_grant_of_one_origin_is_unknown_at_the_other() {
    let unknown = Err(Denial::GrantRefused(GrantFault::Unknown));
    for made_for in SURFACES {
        for at in SURFACES {
            let expected = if made_for == at { (Ok(()), 0) } else { (unknown, 1) };
            let outcome = redeem(made_for, at, Capabilities::ALL);
            assert_eq!(outcome, expected, "{made_for:?} at {at:?}");
        }
    }
}

#[test]
fn a_grant_that_doesnt_administer_is_not_spent_at_administration() {
    let lacking = Err(Denial::CapabilityLacking(ADMINISTER));
    let outcome = redeem(Surface::Admin, Surface::Admin, Capabilities::START_UP);
    assert_eq!(outcome, (lacking, 1));
    assert_eq!(redeem(Surface::Admin, Surface::Admin, ADMINISTER), (Ok(()), 0));
}

#[test]
fn no_two_purposes_find_the_same_by_one_secret() {
    let secret = GrantSecret::link([5; 32]);
    let guarded = secret.digest(&masters().digester());
    assert_eq!(guarded, secret.digest(&masters().digester_for(Purpose::Session)));
    assert_ne!(guarded, secret.digest(&masters().digester_for(Purpose::Admin)));
}

#[test]
fn every_place_of_redemption_is_kept_as_a_byte_of_its_own() {
    let all = [Counter::Bootstrap, Counter::Token, Counter::Hello, Counter::Admin];
    for (counter, byte) in all.into_iter().zip(1..) {
        assert_eq!((counter.to_byte(), Counter::from_byte(byte)), (byte, Some(counter)));
    }
    for unknown in [0, 5, 255] {
        assert_eq!(Counter::from_byte(unknown), None);
    }
}

#[test]
fn a_process_administers_nothing() {
    let mut world = world(Surface::Admin);
    let token = world.local_token("main", 3);
    for own in ["api/session", "api/grants", "api/renew"] {
        let method = if own == "api/renew" { "POST" } else { "GET" };
        let request = Request::new(method, &path(own))
            .with("Authorization", format!("Doorward-Session {token}"));
        let denied = world.denied(&request);
        assert_eq!(denied.denial, Denial::CredentialInvalid(Invalid::LocalUnknown), "{own}");
    }
    assert_eq!(world.limiter.charges.len(), 3);
}

//= req: ADMIN-3, type=test
#[test]
fn administration_is_guarded_even_where_nothing_else_is() {
    let mut world = world(Surface::Admin);
    world.settings.guarding = Guarding::Unguarded;
    let request = Request::get("/.doorward/api/session");
    assert!(matches!(world.decide(&request), Decision::Open(_)));
    let request = Request::get("/.doorward/api/grants");
    assert_eq!(world.denial(&request), Denial::CredentialMissing);
    let lesser = request.clone().bearer(&world.token());
    assert_eq!(world.denial(&lesser), Denial::CapabilityLacking(ADMINISTER));
    assert!(world.admits(&request.bearer(&world.token_with(ADMINISTER))));
}

#[test]
fn administration_answers_at_no_workspaces_host() {
    for surface in SURFACES {
        let mut world = world(surface);
        world.settings.exposure = Exposure::Remote;
        world.settings.allowed_hosts = vec![AllowedHost::parse("door.example").unwrap()];
        world.create("alpha", &["alpha.example"]);
        let at = |host: &str| Request::get("/.doorward/health").host(host).tls();
        assert!(matches!(world.decide(&at("door.example")), Decision::Open(_)));
        let claimed = world.decide(&at("alpha.example"));
        assert_eq!(matches!(claimed, Decision::Open(_)), surface == Surface::Guarded);
    }
}

#[test]
fn administration_is_driven_by_no_page_but_its_own() {
    for surface in SURFACES {
        let mut world = world(surface);
        world.settings.allowed_origins = vec![AllowedOrigin::parse("https://app.example").unwrap()];
        let token = world.token_with(Capabilities::ALL);
        let from =
            |origin: &str| Request::post("/.doorward/api/renew").bearer(&token).origin(origin);
        assert!(world.admits(&from("http://localhost:8765")));
        assert_eq!(world.admits(&from("https://app.example")), surface == Surface::Guarded);
        // Its page is on another port of the same host as what is guarded.
        for other in ["http://localhost:8766", "http://127.0.0.1:8765", "https://localhost:8765"] {
            let denial = world.denial(&from(other));
            assert!(matches!(denial, Denial::OriginDenied { .. }), "{other}");
        }
    }
}

#[test]
fn a_session_of_administration_is_renewed_by_its_bearer() {
    let mut world = world(Surface::Admin);
    let token = world.token_with(ADMINISTER);
    world.advance(4 * common::DAY);
    let admitted = world.admit(&Request::post("/.doorward/api/renew").bearer(&token));
    let (renewed, text) = world.guard().renew(&admitted, world.now).unwrap();
    assert_eq!(renewed.absolute_end, claims().absolute_end);
    assert!(renewed.expires_at > Timestamp::from_secs(claims().expires_at.as_secs()));
    assert!(world.admits(&Request::post("/.doorward/api/renew").bearer(text.expose())));
}
