//! The session cookie: found once, under its own name, or not at all (I13).
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

use common::request::COOKIE;
use common::{NOW, Request, World, secs};
use doorward_policy::cookie::{CookieName, MAX_COOKIES, find, is_ours, pairs};
use doorward_policy::denial::{Bound, Denial};
use doorward_policy::forwarding::Scheme;
use doorward_policy::token::{SessionToken, issue};

const PLAIN: CookieName = CookieName::Plain(8765);
const SECURE: CookieName = CookieName::Secure;
const SHADOWED: Result<Option<&[u8]>, Denial> = Err(Denial::CookieShadowed);

fn token() -> SessionToken {
    issue(&common::claims(), &World::new().keys, NOW).unwrap()
}

#[test]
fn the_session_cookie_is_found_among_others() {
    let found = |field: &'static str| find(field.as_bytes(), SECURE);
    assert_eq!(found("__Host-doorward=x"), Ok(Some(&b"x"[..])));
    assert_eq!(found("a=1; __Host-doorward=x; b=2"), Ok(Some(&b"x"[..])));
    assert_eq!(found("a=1;__Host-doorward=x;b"), Ok(Some(&b"x"[..])));
    assert_eq!(found("a=1; b=2"), Ok(None));
    assert_eq!(found(""), Ok(None));
}

//= req: COOKIE-4, type=test
#[test]
fn names_are_compared_whole_and_exactly() {
    for name in [
        "__host-doorward",
        "__Host-Doorward",
        "__Host-doorward2",
        "x__Host-doorward",
        "doorward",
        "doorward_8765",
        "\u{a0}__Host-doorward",
        "\u{2000}__Host-doorward",
        "__Host-doorward\u{85}",
        "\u{b}__Host-doorward",
    ] {
        assert_eq!(find(format!("{name}=x").as_bytes(), SECURE), Ok(None), "{name:?}");
    }
}

//= req: COOKIE-4, type=test
#[test]
fn a_plain_cookie_is_that_of_its_port() {
    let found = |field: &'static str| find(field.as_bytes(), PLAIN);
    assert_eq!(found("doorward_8765=x"), Ok(Some(&b"x"[..])));
    for other in [
        "doorward_8766=x",
        "doorward_08765=x",
        "doorward_+8765=x",
        "doorward_74301=x",
        "doorward_=x",
        "__Host-doorward=x",
    ] {
        assert_eq!(found(other), Ok(None), "{other}");
    }
    assert_eq!(find(b"doorward_0=x", CookieName::Plain(0)), Ok(None));
}

//= req: COOKIE-1, type=test
#[test]
fn a_duplicated_session_cookie_is_denied() {
    assert_eq!(find(b"__Host-doorward=a; __Host-doorward=b", SECURE), SHADOWED);
    assert_eq!(find(b"__Host-doorward=a; __Host-doorward=a", SECURE), SHADOWED);
    assert_eq!(find(b"doorward_8765=a; x=y; doorward_8765=b", PLAIN), SHADOWED);
    assert_eq!(find(b"doorward_8765=a; doorward_8766=b", PLAIN), Ok(Some(&b"a"[..])));
}

//= req: COOKIE-2, type=test
#[test]
fn a_nameless_cookie_that_reads_like_ours_is_denied() {
    for field in [
        "=__Host-doorward=bad",
        "__Host-doorward=good; =__Host-doorward=bad",
        "=__Host-doorward=bad; __Host-doorward=good",
        " = __Host-doorward=bad",
        "=__HOST-doorward=bad",
        "=doorward_8765=bad",
        "=doorward_1=bad",
        "__Host-doorward",
        "a=1; __Host-doorward",
    ] {
        assert_eq!(find(field.as_bytes(), SECURE), SHADOWED, "{field}");
        assert_eq!(find(field.as_bytes(), PLAIN), SHADOWED, "{field}");
    }
    assert_eq!(find(b"=other; novalue; __Host-doorward=x", SECURE), Ok(Some(&b"x"[..])));
}

//= req: COOKIE-3, type=test
#[test]
fn the_number_of_cookies_is_bounded() {
    let field = |count: usize| vec!["a="; count].join("; ");
    assert_eq!(find(field(MAX_COOKIES).as_bytes(), PLAIN), Ok(None));
    let too_many = Err(Denial::TooLarge(Bound::Cookies));
    assert_eq!(find(field(MAX_COOKIES + 1).as_bytes(), PLAIN), too_many);
    assert_eq!(find(";".repeat(MAX_COOKIES).as_bytes(), PLAIN), too_many);
    // Also where the session's own comes first.
    let field = format!("{COOKIE}=x; {}", field(MAX_COOKIES));
    assert_eq!(find(field.as_bytes(), PLAIN), too_many);
}

#[test]
fn pairs_are_split_at_the_first_equals_sign() {
    let read: Vec<_> = pairs(b"a=b=c; d ; = e;; f=").collect();
    let expected: [(&[u8], &[u8]); 5] =
        [(b"a", b"b=c"), (b"", b"d"), (b"", b"e"), (b"", b""), (b"f", b"")];
    assert_eq!(read, expected);
}

#[test]
fn the_name_follows_scheme_and_port() {
    assert_eq!(CookieName::of(Scheme::Https, 8765).to_string(), "__Host-doorward");
    assert_eq!(CookieName::of(Scheme::Http, 8765).to_string(), "doorward_8765");
}

//= req: COOKIE-5, type=test
#[test]
fn a_secure_cookie_has_every_flag_and_nothing_that_widens_it() {
    let token = token();
    let set = SECURE.set(&token, NOW.plus(secs(90)), NOW);
    let (pair, flags) = set.split_once("; ").unwrap();
    assert_eq!(pair, format!("__Host-doorward={}", token.expose()));
    assert_eq!(flags, "Max-Age=90; Path=/; Secure; HttpOnly; SameSite=Lax");
    assert_eq!(
        SECURE.expire(),
        "__Host-doorward=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax"
    );
}

//= req: COOKIE-5, type=test
#[test]
fn a_plain_cookie_lacks_only_secure() {
    let set = PLAIN.set(&token(), NOW.plus(secs(90)), NOW);
    assert!(set.ends_with("; Max-Age=90; Path=/; HttpOnly; SameSite=Lax"), "{set}");
    assert_eq!(PLAIN.expire(), "doorward_8765=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax");
    assert!(!set.to_ascii_lowercase().contains("domain"));
}

#[test]
fn every_cookie_of_ours_is_recognised_at_any_port_in_any_case() {
    for name in ["__Host-doorward", "__host-DOORWARD", "doorward_1", "Doorward_8765", "doorward_x"]
    {
        assert!(is_ours(name.as_bytes()), "{name}");
    }
    for name in ["doorward", "_doorward_1", "session", ""] {
        assert!(!is_ours(name.as_bytes()), "{name}");
    }
}

//= req: COOKIE-4, type=test
#[test]
fn the_decision_looks_for_the_cookie_of_scheme_and_host() {
    let mut world = World::new();
    let token = world.token();
    let read = |cookie: String| {
        Request::get("/").with("Cookie", cookie).with("Sec-Fetch-Site", "same-origin")
    };
    assert!(world.admits(&read(format!("doorward_8765={token}"))));
    assert!(!world.admits(&read(format!("doorward_80={token}"))));
    assert!(!world.admits(&read(format!("__Host-doorward={token}"))));
    assert!(world.admits(&read(format!("doorward_80={token}")).host("localhost")));
    assert!(world.admits(&read(format!("__Host-doorward={token}")).tls()));
    assert!(!world.admits(&read(format!("doorward_8765={token}")).tls()));
}

//= req: COOKIE-6, type=test
#[test]
fn a_cookie_that_proves_nothing_is_removed_and_a_good_one_is_not() {
    let mut world = World::new();
    let read = |token: &str| Request::get("/").cookie(token).with("Sec-Fetch-Site", "none");
    let denied = world.denied(&read("A.b"));
    assert_eq!(denied.expire_cookie, Some(PLAIN));
    let by_header = world.denied(&Request::get("/").bearer("A.b"));
    assert_eq!(by_header.expire_cookie, None);
    // Denied for another reason than its own.
    let lacking = world.token_with(doorward_policy::Capabilities::OBSERVE);
    assert_eq!(world.denied(&read(&lacking)).expire_cookie, None);
    let foreign = Request::get("/").cookie(&world.token()).origin("https://evil.example");
    assert_eq!(world.denied(&foreign).expire_cookie, None);
}
