//! Where a request comes from: Origin and fetch metadata, for every method and kind (I1).
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

use common::request::{EVIL, ORIGIN};
use common::{Request, World};
use doorward_policy::denial::{Denial, Shown};
use doorward_policy::host::AllowedHost;
use doorward_policy::origin::{AllowedOrigin, Origin};
use doorward_policy::settings::{Exposure, Guarding};

const FOREIGN: [&str; 28] = [
    EVIL,
    "null",
    "",
    "*",
    "http://localhost",
    "http://localhost:8766",
    "https://localhost:8765",
    "http://127.0.0.1:8765",
    "http://localhost:8765/",
    "http://localhost:8765/page",
    "http://localhost:8765 ",
    " http://localhost:8765",
    "http://localhost:8765, https://evil.example",
    "https://evil.example http://localhost:8765",
    "http://localhost:8765.evil.example",
    "http://localhost.:8765",
    "http://localhost:08765",
    "http://user@localhost:8765",
    "http:/localhost:8765",
    "//localhost:8765",
    "localhost:8765",
    "ws://localhost:8765",
    "file://",
    "file:///",
    "http://203.0.113.7",
    "example.com.malicious.domain",
    "chrome-extension://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "moz-extension://5d1fc4ab-97e6-4ed3-a3ad-2e0e1c1d3b2f",
];

fn denied(origin: &str) -> Denial {
    Denial::OriginDenied { seen: Shown::new(origin) }
}

/// Every kind of request, with this credential or none.
fn kinds() -> Vec<Request> {
    let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"];
    let plain = methods.into_iter().map(|method| Request::new(method, "/"));
    plain.chain([Request::upgrade()]).collect()
}

//= req: ORIGIN-1, type=test
#[test]
fn a_foreign_origin_is_denied_whatever_else_the_request_brings() {
    let mut world = World::new();
    let token = world.token();
    for kind in kinds() {
        for origin in FOREIGN {
            for request in [kind.clone(), kind.clone().cookie(&token), kind.clone().bearer(&token)]
            {
                let request = request.origin(origin).with("Sec-Fetch-Site", "same-origin");
                assert_eq!(world.denial(&request), denied(origin), "{request:?}");
            }
        }
    }
    assert!(world.limiter.charges.is_empty());
}

#[test]
fn its_own_origin_is_accepted_with_a_cookie_for_every_kind() {
    let mut world = World::new();
    let token = world.token();
    for kind in kinds() {
        assert!(world.admits(&kind.cookie(&token).same_origin()));
    }
}

//= req: ORIGIN-1, type=test
#[test]
fn its_own_origin_is_accepted_in_either_case_and_denied_with_a_byte_less_or_another() {
    let mut world = World::new();
    for host in ["localhost:8765", "LocalHost:80", "127.0.0.1", "[::1]:8765"] {
        let request = Request::upgrade().host(host).bearer(&world.token());
        let own = format!("http://{host}");
        for spelt in [own.clone(), own.to_ascii_lowercase(), own.to_ascii_uppercase()] {
            world.admit(&request.clone().origin(&spelt));
        }
        for at in 0..own.len() {
            let (before, after) = own.split_at(at);
            for changed in [format!("{before}{}", &after[1..]), format!("{before}~{}", &after[1..])]
            {
                assert_eq!(world.denial(&request.clone().origin(&changed)), denied(&changed));
            }
        }
    }
}

#[test]
fn a_program_needs_no_origin() {
    let mut world = World::new();
    let token = world.token();
    for kind in kinds() {
        assert!(world.admits(&kind.bearer(&token)));
    }
}

//= req: ORIGIN-2, type=test
#[test]
fn a_cookie_needs_an_origin_but_for_reads() {
    let mut world = World::new();
    let token = world.token();
    for kind in kinds() {
        let upgrade = kind.fields.iter().any(|(name, _)| name == "Upgrade");
        if matches!(kind.method.as_str(), "GET" | "HEAD") && !upgrade {
            continue;
        }
        // No metadata makes up for it.
        for site in ["same-origin", "none", "cross-site"] {
            let request = kind
                .clone()
                .cookie(&token)
                .with("Sec-Fetch-Site", site)
                .with("Sec-Fetch-Mode", "navigate")
                .with("Sec-Fetch-Dest", "document");
            assert_eq!(world.denial(&request), Denial::OriginMissing, "{request:?}");
        }
    }
}

//= req: ORIGIN-2, type=test
#[test]
fn methods_are_compared_exactly() {
    let mut world = World::new();
    let token = world.token();
    for method in ["get", "Get", "head", "GETX"] {
        let request =
            Request::new(method, "/").cookie(&token).with("Sec-Fetch-Site", "same-origin");
        assert_eq!(world.denial(&request), Denial::OriginMissing, "{method}");
    }
}

//= req: ORIGIN-3, type=test
#[test]
fn a_read_by_cookie_needs_fetch_metadata() {
    let mut world = World::new();
    let token = world.token();
    for method in ["GET", "HEAD"] {
        let read = Request::new(method, "/").cookie(&token);
        for site in ["same-origin", "none"] {
            assert!(world.admits(&read.clone().with("Sec-Fetch-Site", site)), "{site}");
        }
        let refused = |site: &str| Denial::FetchMetadata { site: Shown::new(site) };
        assert_eq!(world.denial(&read), refused("(none sent)"));
        for site in ["same-site", "cross-site", "Same-Origin", "same-origin, none", ""] {
            let request = read.clone().with("Sec-Fetch-Site", site);
            assert_eq!(world.denial(&request), refused(site));
        }
    }
}

//= req: ORIGIN-3, type=test
#[test]
fn a_navigation_to_a_document_is_a_persons() {
    let mut world = World::new();
    let token = world.token();
    let read = |mode: &str, dest: &str| {
        Request::get("/")
            .cookie(&token)
            .with("Sec-Fetch-Site", "cross-site")
            .with("Sec-Fetch-Mode", mode)
            .with("Sec-Fetch-Dest", dest)
    };
    let navigation = read("navigate", "document");
    assert!(world.admit(&navigation).context().navigation);
    for (mode, dest) in [
        ("navigate", "iframe"),
        ("navigate", "embed"),
        ("navigate", "empty"),
        ("no-cors", "document"),
        ("no-cors", "image"),
        ("cors", "empty"),
        ("websocket", "websocket"),
        ("Navigate", "Document"),
    ] {
        let denial = world.denial(&read(mode, dest));
        assert!(matches!(denial, Denial::FetchMetadata { .. }), "{mode} {dest}");
    }
    // And even a navigation says where it comes from, if it says so.
    assert_eq!(world.denial(&navigation.origin(EVIL)), denied(EVIL));
}

/// Whoever navigates is refused with a page; a script and a frame are told in their own terms.
#[test]
fn a_refused_request_is_a_navigation_only_as_a_whole() {
    let mut world = World::new();
    for (mode, dest, page) in [
        (Some("navigate"), Some("document"), true),
        (Some("navigate"), Some("iframe"), false),
        (Some("navigate"), None, false),
        (Some("cors"), Some("document"), false),
        (None, Some("document"), false),
        (None, None, false),
    ] {
        let fields = [("Sec-Fetch-Mode", mode), ("Sec-Fetch-Dest", dest)];
        let request = fields.into_iter().fold(Request::get("/"), |request, (name, value)| {
            value.into_iter().fold(request, |request, value| request.with(name, value))
        });
        let denied = world.denied(&request);
        assert_eq!(denied.denial, Denial::CredentialMissing);
        assert_eq!(denied.context.navigation, page, "{mode:?} {dest:?}");
    }
}

//= req: ORIGIN-1, type=test
#[test]
fn the_origin_is_that_of_scheme_and_host_of_this_request() {
    let mut world = World::new();
    world.settings.exposure = Exposure::Loopback;
    world.settings.allowed_hosts = vec![AllowedHost::parse("door.example").unwrap()];
    let token = world.token();
    for (host, tls, origin, same) in [
        ("localhost", false, "http://localhost", true),
        ("localhost", false, "http://localhost:80", true),
        ("localhost:80", false, "http://localhost", true),
        ("LOCALHOST", false, "HTTP://localhost", true),
        ("door.example", true, "https://door.example", true),
        ("door.example:443", true, "https://door.example", true),
        ("door.example", true, "https://door.example:443", true),
        ("door.example", true, "http://door.example:443", false),
        ("door.example", true, "http://door.example", false),
        ("localhost", false, "https://localhost", false),
        ("localhost", false, "http://localhost:443", false),
        ("localhost", false, "http://[::1]", false),
        ("[::1]:8765", false, "http://[0:0:0:0:0:0:0:1]:8765", true),
        ("127.0.0.1:8765", false, "http://127.0.0.1:8765", true),
    ] {
        let mut request = Request::upgrade().host(host).bearer(&token).origin(origin);
        request.tls = tls;
        assert_eq!(world.admits(&request), same, "{host} {tls} {origin}");
    }
}

//= req: ORIGIN-4, type=test
#[test]
fn a_listed_origin_is_exact() {
    let mut world = World::new();
    world.settings.allowed_origins = ["https://app.example", "chrome-extension://abcdef"]
        .map(|text| AllowedOrigin::parse(text).unwrap())
        .to_vec();
    let token = world.token();
    let request = |origin: &str| Request::upgrade().cookie(&token).origin(origin);
    for origin in ["https://app.example", "https://app.example:443", "chrome-extension://abcdef"] {
        assert!(world.admits(&request(origin)), "{origin}");
    }
    for origin in [
        "http://app.example",
        "https://app.example:8443",
        "https://app.example.evil.example",
        "https://www.app.example",
        "https://appxexample",
        "chrome-extension://abcdeg",
        "chrome-extension://abcdef.x",
        "chrome-extension://abcdef:443",
    ] {
        assert_eq!(world.denial(&request(origin)), denied(origin));
    }
}

//= req: ORIGIN-4, type=test
#[test]
fn a_list_of_origins_has_no_wildcards() {
    for entry in [
        "*",
        "null",
        "",
        "https://*.example.com",
        "https://*",
        "*://app.example",
        "https://app.example/",
        "app.example",
        "://app.example",
        "1https://app.example",
        "chrome-extension://*",
    ] {
        assert!(AllowedOrigin::parse(entry).is_none(), "{entry}");
        assert!(Origin::parse(entry).is_none(), "{entry}");
    }
}

//= req: HEAD-8, type=test
#[test]
fn two_origins_are_malformed() {
    use doorward_policy::denial::HeadFault;
    let mut world = World::new();
    let request = Request::upgrade().same_origin().with("origin", ORIGIN);
    assert_eq!(world.denial(&request), Denial::MalformedHead(HeadFault::Origins));
}

//= req: ORIGIN-1, type=test
#[test]
fn a_preflight_has_no_exemption() {
    let mut world = World::new();
    let preflight = Request::new("OPTIONS", "/")
        .origin(EVIL)
        .with("Access-Control-Request-Method", "POST")
        .with("Access-Control-Request-Headers", "authorization");
    assert_eq!(world.denial(&preflight), denied(EVIL));
    let own = preflight.replacing("Origin", ORIGIN);
    assert_eq!(world.denial(&own), Denial::CredentialMissing);
}

//= req: ORIGIN-5, type=test
#[test]
fn the_endpoint_for_programs_refuses_every_origin() {
    let mut world = World::new();
    for origin in [ORIGIN, EVIL, "null", ""] {
        let request = Request::post("/.doorward/api/token").origin(origin);
        assert_eq!(world.denial(&request), Denial::BrowserRefused);
    }
}

//= req: ORIGIN-1, type=test
#[test]
fn a_sign_in_from_another_site_is_refused() {
    let mut world = World::new();
    let request = Request::post("/.doorward/api/bootstrap").origin(EVIL);
    assert_eq!(world.denial(&request), denied(EVIL));
}

//= req: ORIGIN-6, type=test
#[test]
fn unguarded_still_refuses_what_another_site_sends() {
    let mut world = World::new();
    world.settings.guarding = Guarding::Unguarded;
    for kind in kinds() {
        assert!(world.admits(&kind), "a program");
        assert!(world.admits(&kind.clone().same_origin()), "its own page");
        assert_eq!(world.denial(&kind.clone().origin(EVIL)), denied(EVIL));
        // An image or a script of another site, which sends no origin.
        for site in ["cross-site", "same-site"] {
            let foreign = kind.clone().with("Sec-Fetch-Site", site);
            let denial = world.denial(&foreign);
            assert_eq!(denial, Denial::FetchMetadata { site: Shown::new(site) });
        }
    }
    let typed = Request::get("/").with("Sec-Fetch-Site", "none");
    assert!(world.admits(&typed));
}

/// RFC 3986, section 3.1: a letter, and then letters, digits, `+`, `-` and `.`.
#[test]
fn an_origin_begins_with_a_scheme() {
    for text in ["http://a", "x-dev+tool.1://a", "A://a"] {
        assert!(Origin::parse(text).is_some(), "{text}");
    }
    for text in ["://a", "1http://a", "+http://a", "ht_tp://a", "ht tp://a", "h\u{e9}://a"] {
        assert!(Origin::parse(text).is_none(), "{text}");
        assert!(AllowedOrigin::parse(text).is_none(), "{text}");
    }
}
