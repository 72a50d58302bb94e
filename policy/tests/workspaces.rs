//! Workspaces: which of them a route belongs to, and who finds what there (I11).
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

use common::workspace::{BOTH, OBSERVE, OPERATE, at_home, joined, member, name, placing, server};
use common::{NOW, RawHello, Request, World, claims, subject};
use doorward_policy::Decision;
use doorward_policy::capability::Capabilities;
use doorward_policy::denial::{Denial, GrantFault};
use doorward_policy::grant::{Attempt, GrantRecord, GrantRefusal, GrantSecret};
use doorward_policy::ledger::RedeemError;
use doorward_policy::route::Routes;
use doorward_policy::settings::{Exposure, Guarding};
use doorward_policy::workspace::{Asked, Claim, Placing, Server, WorkspaceName};

/// What a path asks for is left to other tests.
fn world() -> World {
    let mut world = World::new();
    world.settings.routes = Routes::none();
    assert!(world.settings.routes.add("/", Capabilities::NONE));
    world
}

/// `alpha` and `beta` with claims; ann is at home in `alpha`, bob in `beta`, and sees both.
fn two() -> World {
    let mut world = world();
    world.create("alpha", &["/alpha", "/shared/alpha", "alpha.example"]);
    world.create("beta", &["/beta", "/shared/alpha/beta", "beta.example:8443"]);
    world.enrol("alpha", at_home("ann", BOTH));
    world.enrol("alpha", member("bob", BOTH));
    world.enrol("beta", at_home("bob", BOTH));
    world
}

fn some(text: &str) -> Option<String> {
    Some(text.into())
}

#[test]
fn without_workspaces_everything_is_main_and_open_to_every_session() {
    let mut world = world();
    for path in ["/", "/alpha", "/x/%2e%2e/y"] {
        assert_eq!(world.reached("anybody", path), some("main"), "{path}");
    }
    assert_eq!(world.greeted("anybody", ""), some("main"));
    assert_eq!(world.greeted("anybody", "main"), some("main"));
    assert_eq!(world.greeted("anybody", "alpha"), None);
    assert_eq!(world.greeted("anybody", "Main"), None);
}

//= req: WORK-1, type=test
#[test]
fn with_the_first_workspace_nobody_reaches_anything_without_a_membership() {
    let mut world = world();
    world.create("alpha", &["/alpha"]);
    for path in ["/", "/alpha", "/other"] {
        assert_eq!(world.reached("ann", path), None, "{path}");
    }
    for named in ["", "main", "alpha"] {
        assert_eq!(world.greeted("ann", named), None, "{named}");
    }
    let names: Vec<_> =
        world.directory.workspaces().iter().map(|one| one.name().to_string()).collect();
    assert_eq!(names, ["alpha", "main"]);
}

#[test]
fn main_goes_last_and_with_it_the_need_of_membership() {
    let mut world = two();
    world.enrol("main", member("cat", OBSERVE));
    assert_eq!(world.reached("cat", "/x"), some("main"));
    world.delete("alpha");
    world.delete("beta");
    assert_eq!(world.reached("ann", "/x"), None);
    world.delete("main");
    assert!(world.directory.is_off());
    assert_eq!(world.reached("ann", "/x"), some("main"));
}

//= req: WORK-4, type=test
#[test]
fn a_path_belongs_to_its_longest_claim_by_whole_segments() {
    let mut world = two();
    for (path, expected) in [
        ("/alpha", "alpha"),
        ("/alpha/", "alpha"),
        ("/alpha/x?/beta", "alpha"),
        ("/shared/alpha", "alpha"),
        ("/shared/alpha/betamax", "alpha"),
        ("/shared/alpha/beta", "beta"),
        ("/shared/alpha/beta/x", "beta"),
        ("/beta", "beta"),
        // What nobody claims is wherever bob is at home.
        ("/", "beta"),
        ("/alphabet", "beta"),
        ("/x/alpha", "beta"),
    ] {
        assert_eq!(world.reached("bob", path), some(expected), "{path}");
    }
}

//= req: WORK-4, type=test
#[test]
fn a_claimed_host_goes_before_every_path() {
    let mut world = two();
    let token = world.token_for("bob");
    let mut at = |host: &str, path: &str| {
        joined(world.settled(&Request::get(path).host(host).bearer(&token)))
    };
    assert_eq!(at("alpha.example", "/beta/x"), some("alpha"));
    assert_eq!(at("ALPHA.example:99", "/"), some("alpha"));
    assert_eq!(at("beta.example:8443", "/alpha/x"), some("beta"));
    // Nothing has to be read out of a path there.
    assert_eq!(at("alpha.example", "/beta/%2e%2e/alpha"), some("alpha"));
    assert_eq!(at("localhost:8765", "/alpha"), some("alpha"));
}

#[test]
fn a_claimed_host_is_answered_for_and_no_other() {
    let mut world = two();
    world.settings.exposure = Exposure::Remote;
    let request = |host: &str, world: &World| {
        Request::get("/").host(host).bearer(&world.token_for("bob")).tls()
    };
    for host in ["alpha.example", "alpha.example:1", "beta.example:8443"] {
        assert!(world.admits(&request(host, &world)), "{host}");
    }
    for host in ["beta.example", "beta.example:443", "gamma.example", "x.alpha.example"] {
        let denial = world.denial(&request(host, &world));
        assert!(matches!(denial, Denial::HostDenied { .. }), "{host}: {denial:?}");
    }
    world.delete("alpha");
    let denial = world.denial(&request("alpha.example", &world));
    assert!(matches!(denial, Denial::HostDenied { .. }));
}

#[test]
fn a_hello_may_be_sent_under_a_claimed_name_which_chooses_nothing() {
    let mut world = two();
    world.settings.exposure = Exposure::Remote;
    let hello = |server_name: &str, world: &World| {
        RawHello::open().session(&world.token_for("bob")).server_name(Some(server_name))
    };
    for server_name in ["alpha.example", "beta.example"] {
        let hello = hello(server_name, &world);
        assert_eq!(joined(world.settled_hello(&hello)), some("beta"), "{server_name}");
    }
    for server_name in ["localhost", "gamma.example"] {
        let denial = world.hello_denial(&hello(server_name, &world));
        assert!(matches!(denial, Denial::HostDenied { .. }), "{server_name}");
    }
}

//= req: WORK-5, type=test
#[test]
fn a_path_that_some_server_reads_into_a_claim_is_nobodys() {
    let mut world = two();
    for path in [
        "/%61lpha",
        "/%2561lpha/x",
        "//alpha",
        "/./alpha",
        "/\\alpha",
        "/%5calpha",
        "/%2falpha",
        "/alpha;v=1/x",
        "/;/alpha",
        "/alpha%3bx",
        "/Alpha",
        "/ALPHA/x",
        "/shared/%61lpha",
        "/shared/alpha/%62eta",
        "/shared/alpha//beta",
        "/shared/alpha/Beta",
        "/shared//alpha/beta",
    ] {
        assert_eq!(world.reached("bob", path), None, "{path}");
    }
    // What can't be misread into somebody else's passes, to whoever it certainly is.
    for (path, expected) in [
        ("/alpha/%61;x", "alpha"),
        ("/alpha//x\\y", "alpha"),
        ("/shared/alpha/beta/%2fx", "beta"),
        ("/%78", "beta"),
        ("/x;alpha", "beta"),
    ] {
        assert_eq!(world.reached("bob", path), some(expected), "{path}");
    }
}

#[test]
fn a_path_that_could_be_under_another_claim_of_the_same_workspace_is_its_own() {
    let mut world = world();
    world.create("alpha", &["/alpha", "/alpha/inner"]);
    world.enrol("alpha", member("ann", BOTH));
    for path in ["/alpha/%69nner", "/alpha/Inner", "/alpha//inner", "/alpha/inner;x"] {
        assert_eq!(world.reached("ann", path), some("alpha"), "{path}");
    }
}

//= req: WORK-5, type=test
#[test]
fn a_path_that_climbs_is_nobodys_once_a_path_is_claimed() {
    let mut world = world();
    world.create("alpha", &["alpha.example"]);
    world.enrol("main", member("ann", BOTH));
    assert_eq!(world.reached("ann", "/x/../y"), some("main"));
    world.place("alpha", placing(&["/alpha"]));
    for path in ["/x/../y", "/alpha/..", "/x/%2e%2e/y", "/x/..;/y", "/x\\..\\y", "/x/..%2fy"] {
        assert_eq!(world.reached("ann", path), None, "{path}");
    }
    assert_eq!(world.reached("ann", "/x/...y"), some("main"));
}

//= req: WORK-3, WORK-4, type=test
#[test]
fn a_default_is_the_home_or_main_or_the_only_one() {
    let mut world = two();
    assert_eq!(world.reached("ann", "/"), some("alpha"));
    assert_eq!(world.greeted("ann", ""), some("alpha"));
    // A second one without a home beside it.
    world.enrol("beta", member("dan", BOTH));
    assert_eq!(world.reached("dan", "/"), some("beta"));
    world.enrol("alpha", member("dan", BOTH));
    assert_eq!(world.reached("dan", "/"), None);
    assert_eq!(world.greeted("dan", ""), None);
    assert_eq!(world.greeted("dan", "beta"), some("beta"));
    world.enrol("main", member("dan", BOTH));
    assert_eq!(world.reached("dan", "/"), some("main"));
    world.enrol("beta", at_home("dan", BOTH));
    assert_eq!(world.reached("dan", "/"), some("beta"));
    // One has one home: the last that was named.
    world.enrol("alpha", at_home("dan", BOTH));
    assert_eq!(world.reached("dan", "/"), some("alpha"));
    world.expel("alpha", "dan");
    assert_eq!(world.reached("dan", "/"), some("main"));
    // Somebody else's home is left alone.
    assert_eq!(world.reached("bob", "/"), some("beta"));
}

#[test]
fn a_name_goes_before_the_default_within_what_one_may_see() {
    let mut world = two();
    assert_eq!(world.greeted("bob", "alpha"), some("alpha"));
    assert_eq!(world.greeted("bob", "beta"), some("beta"));
    assert_eq!(world.greeted("ann", "beta"), None);
    assert_eq!(world.greeted("ann", "main"), None);
    assert_eq!(world.greeted("ann", "ALPHA"), None);
}

//= req: WORK-2, type=test
#[test]
fn unknown_and_foreign_are_one_in_everything_that_is_told() {
    let mut world = two();
    let token = world.token_for("ann");
    let named = |workspace: &str| RawHello::open().session(&token).workspace(workspace);
    let foreign = world.hello_denied(&named("beta"));
    let unknown = world.hello_denied(&named("nowhere"));
    assert_eq!(foreign.denial, unknown.denial);
    assert_eq!(format!("{foreign:?}"), format!("{unknown:?}"));
    // Over HTTP, as what no rule names.
    let elsewhere = world.denial(&Request::get("/beta").bearer(&token));
    let unclear = world.denial(&Request::get("/%62eta").bearer(&token));
    let no_route = world.denial(&Request::get("/.doorward/nothing").bearer(&token));
    for denial in [foreign.denial, unclear, no_route] {
        let told = (denial.public().status, denial.public().code, denial.message());
        assert_eq!(told, (404, "not_found", elsewhere.message()));
        assert_eq!(denial.retry_after(world.now), None);
    }
    assert_eq!(elsewhere.public().close, Some(4404));
    assert!(world.limiter.charges.is_empty());
}

#[test]
fn who_shows_nothing_learns_nothing_of_workspaces() {
    let mut world = two();
    for path in ["/alpha", "/beta", "/nowhere", "/%62eta"] {
        assert_eq!(world.denial(&Request::get(path)), Denial::CredentialMissing, "{path}");
        let forged = Request::get(path).bearer(&format!("A{}.b", "A".repeat(80)));
        assert!(matches!(world.denial(&forged), Denial::CredentialInvalid(_)), "{path}");
    }
}

//= req: CAP-1, type=test
#[test]
fn a_membership_bounds_a_session_and_a_session_its_membership() {
    let mut world = two();
    world.settings.routes = Routes::default();
    world.enrol("alpha", member("eve", OBSERVE));
    let request = Request::get("/alpha").bearer(&world.token_for("eve"));
    assert_eq!(world.denial(&request), Denial::CapabilityLacking(OPERATE));
    world.enrol("alpha", member("eve", Capabilities::ALL));
    let admitted = world.admit(&request);
    assert_eq!(admitted.capabilities(), Capabilities::ALL);
    let lesser = doorward_policy::token::Claims {
        subject: subject("eve"),
        capabilities: OPERATE,
        ..claims()
    };
    let admitted = world.admit(&Request::get("/alpha").bearer(&world.token_of(&lesser)));
    assert_eq!(admitted.capabilities(), OPERATE);
    world.enrol("alpha", member("eve", OPERATE.with(Capabilities::SPAWN)));
    assert_eq!(world.admit(&request).capabilities(), OPERATE.with(Capabilities::SPAWN));
}

#[test]
fn a_membership_counts_by_the_exact_name_of_the_subject() {
    let mut world = two();
    for who in ["Ann", "ann ", "an", "annn"] {
        assert_eq!(world.reached(who, "/alpha"), None, "{who}");
    }
}

//= req: WORK-3, type=test
#[test]
fn a_further_membership_replaces_the_former() {
    let mut world = two();
    world.enrol("alpha", member("ann", OBSERVE));
    let workspace = world.directory.workspace(&name("alpha")).unwrap();
    let of_ann: Vec<_> =
        workspace.members().iter().filter(|one| one.subject == subject("ann")).collect();
    assert_eq!(of_ann, [&member("ann", OBSERVE)]);
    let admitted = world.admit(&Request::get("/alpha").bearer(&world.token_for("ann")));
    assert_eq!(admitted.capabilities(), OBSERVE);
}

//= req: WORK-1, type=test
#[test]
fn a_change_of_members_counts_at_the_next_request() {
    let mut world = two();
    let request = Request::get("/alpha").bearer(&world.token_for("ann"));
    assert!(world.admits(&request));
    world.expel("alpha", "ann");
    assert_eq!(world.denial(&request), Denial::WorkspaceUnknown);
    world.enrol("alpha", member("ann", BOTH));
    assert!(world.admits(&request));
}

//= req: WORK-7, type=test
#[test]
fn a_web_server_is_never_reached_past_its_routes() {
    let web = Placing { web: server("http://127.0.0.1:3000"), ..placing(&["/alpha"]) };
    let bytes = Placing { bytes: server("tcp://127.0.0.1:22"), ..placing(&["/alpha"]) };
    let both = Placing { bytes: bytes.bytes.clone(), ..web.clone() };
    let neither = placing(&["/alpha"]);
    for (placing, by_web, by_bytes) in
        [(web, true, false), (bytes, false, true), (both, true, true), (neither, true, true)]
    {
        let mut world = two();
        world.place("alpha", placing.clone());
        let expected = |there: bool| there.then(|| String::from("alpha"));
        assert_eq!(world.reached("ann", "/alpha"), expected(by_web), "{placing:?}");
        assert_eq!(world.reached("ann", "/"), expected(by_web), "{placing:?}");
        assert_eq!(world.greeted("ann", "alpha"), expected(by_bytes), "{placing:?}");
        assert_eq!(world.greeted("ann", ""), expected(by_bytes), "{placing:?}");
        let upgrade = Request::upgrade().bearer(&world.token_for("ann"));
        assert_eq!(joined(world.settled(&upgrade)), expected(by_web), "{placing:?}");
    }
}

#[test]
fn doorwards_own_pages_belong_to_no_workspace() {
    let mut world = two();
    let token = world.token_for("nobody's member");
    for (method, path) in [("GET", "api/session"), ("POST", "api/renew"), ("GET", "api/workspaces")]
    {
        let path = format!("/.doorward/{path}");
        let admitted = world.admit(&Request::new(method, &path).bearer(&token));
        assert!(admitted.joined().is_none(), "{path}");
        assert_eq!(admitted.capabilities(), Capabilities::ALL, "{path}");
    }
    let renewal = RawHello::token().session(&token);
    assert!(world.admit_hello(&renewal).joined().is_none());
    // What is named has to be there, whatever it is named for.
    assert_eq!(world.hello_denial(&renewal.workspace("alpha")), Denial::WorkspaceUnknown);
}

//= req: WORK-1, type=test
#[test]
fn nobody_in_particular_finds_nothing_among_workspaces() {
    let mut world = world();
    world.settings.guarding = Guarding::Unguarded;
    assert_eq!(joined(world.settled(&Request::get("/x"))), some("main"));
    world.create("alpha", &["/alpha"]);
    world.enrol("main", at_home("laptop", BOTH));
    for path in ["/x", "/alpha"] {
        assert_eq!(joined(world.settled(&Request::get(path))), None, "{path}");
        // Not even with a token: none is looked at.
        assert_eq!(world.reached("laptop", path), None, "{path}");
    }
    assert_eq!(joined(world.settled_hello(&RawHello::open())), None);
}

#[test]
fn a_workspace_made_anew_has_no_members_and_another_place() {
    let mut world = two();
    let before = world.directory.workspace(&name("alpha")).unwrap().placement();
    world.delete("alpha");
    assert_eq!(world.reached("ann", "/alpha"), None);
    world.create("alpha", &["/alpha"]);
    assert_eq!(world.reached("ann", "/alpha"), None);
    let after = world.directory.workspace(&name("alpha")).unwrap();
    assert!(after.members().is_empty());
    assert_ne!(after.placement(), before);
}

#[test]
fn a_place_is_new_with_every_placing_and_with_nothing_else() {
    let mut world = two();
    let place = |world: &World| world.directory.workspace(&name("alpha")).unwrap().placement();
    let first = place(&world);
    world.enrol("alpha", member("eve", OBSERVE));
    world.expel("alpha", "eve");
    world.create("gamma", &["/gamma"]);
    assert_eq!(place(&world), first);
    world.place("alpha", placing(&["/alpha"]));
    assert_ne!(place(&world), first);
    assert_eq!(world.directory.workspace(&name("main")).unwrap().placement(), 0);
}

#[test]
fn members_stay_where_their_workspace_is_placed_anew() {
    let mut world = two();
    world.place("alpha", placing(&["/elsewhere"]));
    assert_eq!(world.reached("bob", "/elsewhere"), some("alpha"));
    assert_eq!(world.reached("bob", "/alpha"), some("beta"));
}

#[test]
fn a_session_sees_its_own_memberships_and_no_others() {
    let world = two();
    let seen = |who: &str| {
        let seen = world.directory.seen_by(subject(who));
        seen.map(|(workspace, member)| (workspace.name().to_string(), member)).collect::<Vec<_>>()
    };
    assert_eq!(seen("ann"), [("alpha".into(), at_home("ann", BOTH))]);
    let of_bob = [("alpha".into(), member("bob", BOTH)), ("beta".into(), at_home("bob", BOTH))];
    assert_eq!(seen("bob"), of_bob);
    assert_eq!(seen("eve"), []);
}

//= req: PATH-5, type=test
#[test]
fn a_claim_is_a_plain_path_or_a_host() {
    for (text, shown) in [
        ("/alpha", "/alpha"),
        ("/alpha/", "/alpha"),
        ("/a/b.c/~d", "/a/b.c/~d"),
        ("alpha.example", "alpha.example"),
        ("alpha.example:8443", "alpha.example:8443"),
        ("[::1]:80", "[::1]:80"),
        ("127.0.0.1", "127.0.0.1"),
    ] {
        assert_eq!(Claim::parse(text).map(|claim| claim.to_string()).as_deref(), Some(shown));
    }
    for text in [
        "",
        "/",
        "//",
        "/a//b",
        "/a/../b",
        "/./a",
        "/a%20b",
        "/a;b",
        "/a\\b",
        "/a?b",
        "/a#b",
        "/a b",
        "/é",
        "/.doorward",
        "/.Doorward/x",
        "*.example",
        "a b",
        "http://alpha.example",
        "alpha.example.",
        "alpha.example:",
        "user@alpha.example",
    ] {
        assert_eq!(Claim::parse(text), None, "{text:?}");
    }
}

#[test]
fn names_and_servers_are_bounded() {
    assert!(WorkspaceName::new("").is_none());
    assert!(WorkspaceName::new("a\nb").is_none());
    assert!(WorkspaceName::new(&"x".repeat(64)).is_some());
    assert!(WorkspaceName::new(&"x".repeat(65)).is_none());
    assert!(WorkspaceName::main().is_main() && name("main").is_main() && !name("Main").is_main());
    for text in ["", "http://a b", "http://é", "a\nb", &"x".repeat(257)] {
        assert!(Server::new(text).is_none(), "{text:?}");
    }
    assert_eq!(Server::new(&"x".repeat(256)).unwrap().as_str().len(), 256);
}

/// What a grant in a hello comes to, and how many sessions there are then.
fn redeem(
    world: &mut World,
    workspace: &str,
    needed: u16,
    seed: u8,
) -> (Result<String, Denial>, usize) {
    let secret = GrantSecret::link([5; 32]);
    let hello = RawHello::open().grant(&secret.expose()).workspace(workspace).needing(needed);
    let Decision::Grant(awaiting) = world.decide_hello(&hello) else { panic!("it brings a grant") };
    let redeemed = world.redeem(awaiting, &secret, common::nonce(1), seed);
    let outcome = redeemed
        .map(|redeemed| redeemed.admitted().joined().expect("it is guarded").name.to_string())
        .map_err(|denied| denied.denial);
    (outcome, world.ledger.sessions().count())
}

/// [`two`], with a grant of one use for bob.
fn with_grant() -> World {
    let mut world = two();
    let grant = GrantRecord { label: subject("bob"), ..common::grant(1, common::secs(3600)) };
    let digest = GrantSecret::link([5; 32]).digest(&world.digester);
    world.ledger.insert_grant(digest, grant).unwrap();
    world
}

//= req: GRANT-7, type=test
#[test]
fn a_grant_refused_for_its_workspace_is_not_spent() {
    let mut world = with_grant();
    world.enrol("beta", member("bob", OBSERVE));
    let unknown = Err(Denial::WorkspaceUnknown);
    for workspace in ["nowhere", "main"] {
        assert_eq!(redeem(&mut world, workspace, 0, 1), (unknown.clone(), 0), "{workspace}");
    }
    let lacking = Err(Denial::CapabilityLacking(OPERATE));
    assert_eq!(redeem(&mut world, "beta", 2, 1), (lacking, 0));
    assert_eq!(redeem(&mut world, "alpha", 2, 1), (Ok("alpha".into()), 1));
}

#[test]
fn a_repeated_redemption_finds_no_more_than_a_first_one() {
    let mut world = with_grant();
    assert_eq!(redeem(&mut world, "alpha", 0, 1), (Ok("alpha".into()), 1));
    assert_eq!(redeem(&mut world, "main", 0, 2), (Err(Denial::WorkspaceUnknown), 1));
    world.expel("alpha", "bob");
    assert_eq!(redeem(&mut world, "alpha", 0, 2), (Err(Denial::WorkspaceUnknown), 1));
    assert_eq!(redeem(&mut world, "beta", 0, 2), (Ok("beta".into()), 1));
}

#[test]
fn a_repetition_in_the_store_is_held_to_what_it_asks_for() {
    let mut world = with_grant();
    let digest = GrantSecret::link([5; 32]).digest(&world.digester);
    let first = Attempt { asked: Asked::Named(name("alpha")), ..common::attempt(1, 1) };
    world.ledger.redeem(&digest, &first, NOW).unwrap();
    let refused = |attempt: Attempt, world: &mut World| {
        world.ledger.redeem(&digest, &attempt, NOW).unwrap_err()
    };
    let foreign = Attempt { asked: Asked::Named(name("main")), ..first };
    assert_eq!(refused(foreign, &mut world), RedeemError::Refused(GrantRefusal::Workspace));
    let lacking = Attempt { needed: Capabilities::SPAWN, ..first };
    let insufficient = GrantRefusal::Insufficient(Capabilities::SPAWN);
    assert_eq!(refused(lacking, &mut world), RedeemError::Refused(insufficient));
    assert!(world.ledger.redeem(&digest, &first, NOW).is_ok());
}

//= req: WORK-7, type=test
#[test]
fn a_grant_in_a_hello_is_not_spent_on_a_web_server_alone() {
    let mut world = with_grant();
    world.place("alpha", Placing { web: server("http://127.0.0.1:3000"), ..placing(&["/alpha"]) });
    assert_eq!(redeem(&mut world, "alpha", 0, 1), (Err(Denial::WorkspaceUnknown), 0));
    world.place("alpha", Placing { bytes: server("tcp://127.0.0.1:22"), ..placing(&[]) });
    assert_eq!(redeem(&mut world, "alpha", 0, 1), (Ok("alpha".into()), 1));
}

#[test]
fn a_grant_says_nothing_of_workspaces_once_it_is_spent() {
    let mut world = with_grant();
    assert_eq!(redeem(&mut world, "alpha", 0, 1).1, 1);
    world.advance(common::secs(61));
    for workspace in ["alpha", "main", "nowhere"] {
        let spent = Err(Denial::GrantRefused(GrantFault::Spent));
        assert_eq!(redeem(&mut world, workspace, 0, 2), (spent, 1), "{workspace}");
    }
}

//= req: GRANT-7, type=test
#[test]
fn a_ticket_refused_for_its_workspace_is_not_spent() {
    let mut world = two();
    world.settings.routes = Routes::default();
    let ticket = world.with_ticket(&claims(), Some(common::request::ORIGIN));
    world.enrol("alpha", member("laptop", OPERATE));
    world.enrol("beta", member("laptop", OBSERVE));
    let upgrade = |path: &str| {
        let upgrade = Request { target: path.into(), ..Request::upgrade() };
        upgrade.same_origin().ticket(&ticket)
    };
    for path in ["/", "/%61lpha", "/x"] {
        let denied = world.settled(&upgrade(path)).unwrap_err();
        assert_eq!(denied.denial, Denial::WorkspaceUnknown, "{path}");
    }
    let denied = world.settled(&upgrade("/beta")).unwrap_err();
    assert_eq!(denied.denial, Denial::CapabilityLacking(OPERATE));
    assert!(world.limiter.charges.is_empty());
    let admitted = world.settled(&upgrade("/alpha")).unwrap();
    assert_eq!(admitted.capabilities(), OPERATE);
    assert!(world.settled(&upgrade("/alpha")).is_err());
}

#[test]
fn a_ticket_goes_where_its_transport_goes() {
    let mut world = two();
    world.enrol("alpha", member("laptop", BOTH));
    world.place("alpha", Placing { web: server("http://127.0.0.1:3000"), ..placing(&["/alpha"]) });
    let ticket = world.with_ticket(&claims(), None);
    let hello = RawHello::open().ticket(&ticket).workspace("alpha");
    assert_eq!(joined(world.settled_hello(&hello)), None);
    let upgrade = Request { target: "/alpha".into(), ..Request::upgrade() };
    assert_eq!(joined(world.settled(&upgrade.ticket(&ticket))), some("alpha"));
}

#[test]
fn a_workspace_says_what_it_claims_and_where_its_servers_are() {
    let mut world = world();
    let web = server("http://127.0.0.1:3000");
    world.create("alpha", &["/alpha"]);
    world.place("alpha", Placing { web: web.clone(), ..placing(&["/a", "alpha.example"]) });
    let alpha = world.directory.workspace(&name("alpha")).unwrap();
    assert_eq!((alpha.web(), alpha.bytes()), (web.as_ref(), None));
    let claims: Vec<_> = alpha.claims().iter().map(ToString::to_string).collect();
    assert_eq!(claims, ["/a", "alpha.example"]);
    assert_eq!(alpha.web().unwrap().as_str(), "http://127.0.0.1:3000");
    let bytes = server("127.0.0.1:22");
    world.place("alpha", Placing { bytes: bytes.clone(), ..placing(&["/a"]) });
    let alpha = world.directory.workspace(&name("alpha")).unwrap();
    assert_eq!((alpha.web(), alpha.bytes()), (None, bytes.as_ref()));
}

//= req: WORK-4, type=test
#[test]
fn a_subjects_home_is_the_one_marked_then_main_then_the_only_one() {
    let mut world = two();
    world.enrol("beta", member("ann", BOTH));
    world.enrol("alpha", member("cat", BOTH));
    let home = |world: &World, who: &str| {
        world.directory.home_of(subject(who)).map(|one| one.name().to_string())
    };
    assert_eq!(home(&world, "ann"), some("alpha"), "marked");
    assert_eq!(home(&world, "cat"), some("alpha"), "the only one");
    world.enrol("beta", member("cat", BOTH));
    assert_eq!(home(&world, "cat"), None, "one of two");
    world.enrol("main", member("cat", OBSERVE));
    assert_eq!(home(&world, "cat"), some("main"));
    assert_eq!(home(&world, "nobody"), None);
}
