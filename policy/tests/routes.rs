//! What a path means: rules by whole segments, nothing by query, nothing hidden by spelling (I4).
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

use common::{Request, World};
use doorward_policy::admission::Decision;
use doorward_policy::capability::Capabilities;
use doorward_policy::denial::Denial;
use doorward_policy::route::{Endpoint, Path, Routes, Target};

const OBSERVE: Capabilities = Capabilities::OBSERVE;
const OPERATE: Capabilities = Capabilities::OPERATE;
const ADMINISTER: Capabilities = Capabilities::ADMINISTER;

fn world(rules: &[(&str, Capabilities)]) -> World {
    let mut world = World::new();
    world.settings.routes = Routes::none();
    for (prefix, needed) in rules {
        assert!(world.settings.routes.add(prefix, *needed), "{prefix}");
    }
    world
}

/// What a session would have to hold to be let through.
fn needed(world: &mut World, target: &str) -> Option<Capabilities> {
    let token = world.token_with(Capabilities::NONE);
    match world.decide(&Request::get(target).bearer(&token)) {
        Decision::Admit(_) => Some(Capabilities::NONE),
        Decision::Deny(denied) => match denied.denial {
            Denial::CapabilityLacking(lacking) => Some(lacking),
            Denial::NoRoute => None,
            other => panic!("{target}: {other:?}"),
        },
        other => panic!("{target}: {other:?}"),
    }
}

#[test]
fn everything_needs_operate_by_default() {
    let mut world = World::new();
    for target in ["/", "/x", "/a/b?c", "//", "/%ff", "/a;b/..;/c", "/\\"] {
        assert_eq!(needed(&mut world, target), Some(OPERATE), "{target}");
    }
}

//= req: ROUTE-1, type=test
#[test]
fn what_no_rule_names_is_denied() {
    assert_eq!(needed(&mut world(&[]), "/"), None);
    let mut world = world(&[("/public", OBSERVE)]);
    assert_eq!(needed(&mut world, "/public"), Some(OBSERVE));
    for target in ["/", "/publi", "/publicx", "/PUBLIC", "/x/public", "/public/.."] {
        assert_eq!(needed(&mut world, target), None, "{target}");
    }
}

//= req: ROUTE-2, type=test
#[test]
fn the_longest_prefix_by_whole_segments_counts() {
    let mut world = world(&[("/", OPERATE), ("/admin", ADMINISTER), ("/admin/help/", OBSERVE)]);
    for (target, expected) in [
        ("/", OPERATE),
        ("/administrator", OPERATE),
        ("/admin", ADMINISTER),
        ("/admin/", ADMINISTER),
        ("/admin/users", ADMINISTER),
        ("/admin/helpers", ADMINISTER),
        ("/admin/help", OBSERVE),
        ("/admin/help/page", OBSERVE),
        ("/x/admin", OPERATE),
    ] {
        assert_eq!(needed(&mut world, target), Some(expected), "{target}");
    }
}

#[test]
fn a_later_rule_for_a_prefix_replaces_the_former() {
    let mut world = world(&[("/x", OBSERVE), ("/x/", ADMINISTER)]);
    assert_eq!(needed(&mut world, "/x"), Some(ADMINISTER));
}

//= req: ROUTE-2, type=test
#[test]
fn the_query_is_never_looked_at() {
    let mut world = world(&[("/", ADMINISTER), ("/public", OBSERVE)]);
    for target in ["/admin?x=/public", "/?/public", "/admin?/../public", "/admin?;/public", "/?a?b"]
    {
        assert_eq!(needed(&mut world, target), Some(ADMINISTER), "{target}");
    }
    assert_eq!(needed(&mut world, "/public?/../admin"), Some(OBSERVE));
    // Nor does a magic word in it open anything.
    let keepalive = Request::get("/?keepalive=1&type=main&app=/.doorward/health");
    assert_eq!(world.denial(&keepalive), Denial::CredentialMissing);
}

//= req: PATH-3, type=test
#[test]
fn a_strict_rule_isnt_evaded_by_another_spelling() {
    let mut world = world(&[("/", OBSERVE), ("/admin", ADMINISTER)]);
    for target in [
        "/Admin",
        "/ADMIN/users",
        "/%41dmin",
        "/%61dmin",
        "/%61%64%6d%69%6e/users",
        "//admin",
        "/./admin",
        "/%2e/admin",
        "/\\admin",
        "/%5cadmin",
        "/%2fadmin",
        "/admin;x=y",
        "/admin%3bx",
        "/;x/admin",
        "/x/../admin",
        "/x/%2e%2e/admin",
        "/x/..;/admin",
        "/x/..%2fadmin",
        "/x\\..\\admin",
        "/../admin",
        "/x/y/../../admin",
        "/admin/..;/admin",
        // A parameter to some, with all that follows up to the next slash; two names to others.
        "/;\\x/admin",
        "/;%2fx/admin",
        "/;%252fx/admin",
        "/%3b%5cx/admin",
        "/y;\\x/admin",
    ] {
        let needed = needed(&mut world, target).unwrap();
        assert!(needed.contains(ADMINISTER), "{target}: {needed}");
    }
}

//= req: PATH-4, type=test
#[test]
fn a_lenient_rule_isnt_reached_by_another_spelling() {
    // Each of these lies under /admin for a server that doesn't normalise as others do.
    let mut world = world(&[("/", OPERATE), ("/admin", ADMINISTER), ("/public", OBSERVE)]);
    for target in [
        "/admin/../public",
        "/admin/%2e%2e/public",
        "/admin/..%2fpublic",
        "/admin/..;/public",
        "/admin/..%3b/public",
        "/admin\\..\\public",
        "/admin%5c..%5cpublic",
        "/public/..%2fadmin",
        "/public/x%2fy/../../admin",
        "/public/x%2fy\\..\\..\\admin",
        "/public/x%2fy/..;/../admin",
    ] {
        let needed = needed(&mut world, target).unwrap();
        assert!(needed.contains(ADMINISTER.with(OPERATE)), "{target}: {needed}");
    }
}

//= req: PATH-3, type=test
#[test]
fn a_name_that_may_be_two_needs_what_either_reading_needs() {
    let mut world = world(&[("/", OPERATE), ("/public", OBSERVE), ("/public/sub", ADMINISTER)]);
    for (target, expected) in [
        // One name of the root for some, two for others.
        ("/public%2fx", OPERATE.with(OBSERVE)),
        ("/public;x", OPERATE.with(OBSERVE)),
        ("/public\\sub", OPERATE.with(OBSERVE).with(ADMINISTER)),
        ("//public", OPERATE.with(OBSERVE)),
        // Under /public for all.
        ("/public/a%2fb", OBSERVE),
        ("/public/a;b", OBSERVE),
        ("/public/", OBSERVE),
        ("/public//", OBSERVE),
        ("/public/%61", OBSERVE),
        ("/public/;/sub", OBSERVE.with(ADMINISTER)),
        ("/public/%2fsub", OBSERVE.with(ADMINISTER)),
    ] {
        assert_eq!(needed(&mut world, target), Some(expected), "{target}");
    }
}

//= req: ROUTE-1, type=test
#[test]
fn a_reading_that_no_rule_names_is_denied() {
    let mut world = world(&[("/public", OBSERVE)]);
    for target in ["/public%2fx", "/public;x", "/public\\x", "/public/../public", "//public"] {
        assert_eq!(needed(&mut world, target), None, "{target}");
    }
    assert_eq!(needed(&mut world, "/public/a%2fb"), Some(OBSERVE));
}

//= req: PATH-5, type=test
#[test]
fn a_rule_is_a_plain_absolute_path_outside_of_ours() {
    let mut routes = Routes::none();
    for prefix in [
        "",
        "public",
        "/a//b",
        "/a/./b",
        "/a/../b",
        "/a%62",
        "/a;b",
        "/a\\b",
        "/a?b",
        "/a#b",
        "/a b",
        "/é",
        "/.doorward",
        "/.doorward/api",
        "/.DOORWARD/x",
    ] {
        assert!(!routes.add(prefix, OBSERVE), "{prefix}");
    }
    assert!(routes.add("/.doorwards", OBSERVE));
}

//= req: PATH-2, type=test
#[test]
fn a_path_that_leads_into_ours_is_malformed() {
    for target in [
        "/.doorward",
        "/.Doorward/health",
        "/.doorward;x/health",
        "/.doorward%2fhealth",
        "/.doorward\\health",
        "/.doorward%5chealth",
        "/%2edoorward/health",
        "/%2Edoorward/health",
        "/.doorwar%64/health",
        "/.doorward%3bx/health",
        "//.doorward/health",
        "/./.doorward/health",
        "/%2e/.doorward/health",
        "/x/../.doorward/health",
        "/x/%2e%2e/.doorward/health",
        "/x/..;/.doorward/health",
        "/x/..;a=b/.doorward/health",
        "/x%2f..%2f.doorward/health",
        "/x\\..\\.doorward\\health",
        "/../../.doorward/health",
        "/\\.doorward/health",
        "/;x/.doorward/health",
        // Decoded by more than one server in a row.
        "/%252edoorward/health",
        "/%25252edoorward/health",
        "/%%32%65doorward/health",
        "/x/%252e%252e/.doorward/health",
        // What leads up takes more away on some servers than on others.
        "/x%2fy/../.doorward/health",
        "/x\\y/../.doorward/health",
        "/x%252fy/%2e%2e/.doorward/health",
        // To some, what only others take for a separator goes with the parameter before it.
        "/;\\x/.doorward/health",
        "/;a%5cx/.doorward/health",
        "/;%2fx/.doorward/health",
        "/%3b%252fx/.doorward/health",
    ] {
        assert_eq!(Path::parse(target).err(), Some(Denial::MalformedPath), "{target}");
    }
}

#[test]
fn a_path_that_only_mentions_ours_is_the_guarded_servers() {
    for target in [
        "/x/.doorward/health",
        "/.doorwards/health",
        "/.doorward.bak",
        "/doorward/health",
        "/x?/.doorward/health",
        "/x?/../.doorward/health",
        "/x/.doorward/../health",
        "/%25/x",
    ] {
        assert_eq!(needed(&mut World::new(), target), Some(OPERATE), "{target}");
    }
}

//= req: PATH-1, type=test
#[test]
fn a_target_is_printable_ascii_in_origin_form() {
    for target in [
        "",
        "*",
        "x",
        "http://localhost:8765/",
        "localhost:443",
        "?",
        "/a b",
        "/a\tb",
        "/a\0b",
        "/a\r\nHost: evil",
        "/é",
        "/a#b",
        "/\u{7f}",
    ] {
        assert_eq!(Path::parse(target).err(), Some(Denial::MalformedPath), "{target:?}");
        assert_eq!(World::new().denial(&Request::get(target)), Denial::MalformedPath);
    }
}

//= req: ROUTE-3, type=test
#[test]
fn each_endpoint_of_ours_has_one_path_and_its_methods() {
    let endpoints = [
        ("pair", &["GET", "HEAD"][..], Endpoint::PairPage),
        ("health", &["GET", "HEAD"], Endpoint::Health),
        ("api/bootstrap", &["POST"], Endpoint::Bootstrap),
        ("api/token", &["POST"], Endpoint::Token),
        ("api/session", &["GET"], Endpoint::Session),
        ("api/renew", &["POST"], Endpoint::Renew),
        ("api/ticket", &["POST"], Endpoint::Ticket),
        ("api/logout", &["POST"], Endpoint::Logout),
    ];
    let mut world = World::new();
    let token = world.token();
    for (path, methods, endpoint) in endpoints {
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "get"] {
            let target = format!("/.doorward/{path}");
            let request = Request::new(method, &target).bearer(&token);
            let reached = match world.decide(&request) {
                Decision::Admit(admitted) => Some(admitted.target()),
                Decision::Open(opened) => Some(opened.context().target),
                Decision::Grant(awaited) => Some(awaited.context().target),
                Decision::Ticket(_) | Decision::Local(_) => panic!("none came"),
                Decision::Deny(denied) => {
                    assert_eq!(denied.denial, Denial::NoRoute, "{method} {target}");
                    None
                }
            };
            let expected = methods.contains(&method).then_some(Target::Own(endpoint));
            assert_eq!(reached, expected, "{method} {target}");
        }
    }
}

//= req: ROUTE-3, type=test
#[test]
fn no_path_under_ours_reaches_the_guarded_server() {
    let mut world = World::new();
    let token = world.token();
    for path in [
        "",
        "x",
        "pair/",
        "pair/..",
        "../x",
        "api/../../x",
        "%2e%2e/x",
        "api/session/x",
        "API/session",
        "pair;x",
        "pair%20",
    ] {
        let request = Request::get(&format!("/.doorward/{path}")).bearer(&token);
        assert_eq!(world.denial(&request), Denial::NoRoute, "{path}");
    }
}

//= req: CRED-1, type=test
#[test]
fn endpoints_of_a_session_need_one() {
    let mut world = World::new();
    for path in ["renew", "ticket", "logout"] {
        let request = Request::post(&format!("/.doorward/api/{path}"));
        assert_eq!(world.denial(&request), Denial::CredentialMissing, "{path}");
    }
}

//= req: CAP-1, type=test
#[test]
fn a_session_without_the_capability_is_told_which() {
    let mut world = World::new();
    let token = world.token_with(OBSERVE);
    let request = Request::get("/").bearer(&token);
    assert_eq!(world.denial(&request), Denial::CapabilityLacking(OPERATE));
    let token = world.token_with(Capabilities::ALL.without(OPERATE));
    assert_eq!(world.denial(&Request::get("/").bearer(&token)), Denial::CapabilityLacking(OPERATE));
}
