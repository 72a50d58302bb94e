//! The inputs of published incidents. Each returns the denial that it meets; where an incident has
//! several inputs, they must all meet the same one.

use doorward_policy::admission::{Decision, StoreFailure};
use doorward_policy::capability::Capabilities;
use doorward_policy::grant::{Counter, GrantSecret, Redemption, redeem};
use doorward_policy::head::HeadScanner;
use doorward_policy::id::SessionId;
use doorward_policy::limiter::{Charge as _, Guess, Limiter, Limits};
use doorward_policy::origin::AllowedOrigin;
use doorward_policy::route::Routes;
use doorward_policy::standing::Standing;
use doorward_policy::ticket::{TicketRecord, TicketSecret};
use doorward_policy::token::{Claims, Method};
use doorward_policy::workspace::Directory;
use doorward_policy::{Denial, Guard};

use crate::common::record::{Record, join, mac};
use crate::common::request::{COOKIE, EVIL, HOST};
use crate::common::{DAY, NOW, RawHello, Request, SESSION, World, attempt, claims, grant, secs};

fn all_alike(world: &mut World, requests: impl IntoIterator<Item = Request>) -> Denial {
    one_of_all(requests.into_iter().map(|request| world.denial(&request)))
}

fn one_of_all(mut denials: impl Iterator<Item = Denial>) -> Denial {
    let first = denials.next().expect("at least one request");
    denials.for_each(|denial| assert_eq!(denial, first));
    first
}

fn bearers(world: &mut World, texts: impl IntoIterator<Item = String>) -> Denial {
    all_alike(world, texts.into_iter().map(|text| Request::get("/").bearer(&text)))
}

pub(crate) fn foreign_upgrade(world: &mut World) -> Denial {
    all_alike(world, [Request::upgrade().origin(EVIL), Request::post("/rerun").origin(EVIL)])
}

pub(crate) fn address_origin(world: &mut World) -> Denial {
    world.denial(&Request::upgrade().origin("http://203.0.113.7"))
}

pub(crate) fn foreign_origin_valid_host(world: &mut World) -> Denial {
    let token = world.token();
    let hosts = ["localhost:8765", "127.0.0.1:8765"];
    let plain = hosts.map(|host| Request::get("/@fs/etc/passwd").host(host).origin(EVIL));
    let upgrades = hosts.map(|host| Request::upgrade().host(host).bearer(&token).origin(EVIL));
    all_alike(world, plain.into_iter().chain(upgrades))
}

pub(crate) fn foreign_upgrade_with_cookie(world: &mut World) -> Denial {
    let token = world.token();
    world.denial(&Request::upgrade().cookie(&token).origin(EVIL))
}

pub(crate) fn extension_origin(world: &mut World) -> Denial {
    let extension = "chrome-extension://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    let token = world.token();
    world.denial(&Request::upgrade().cookie(&token).origin(extension))
}

pub(crate) fn origin_with_allowed_prefix(world: &mut World) -> Denial {
    world.settings.allowed_origins = vec![AllowedOrigin::parse("https://example.com").unwrap()];
    let token = world.token();
    assert!(world.admits(&Request::upgrade().cookie(&token).origin("https://example.com")));
    world.denial(&Request::upgrade().cookie(&token).origin("https://example.com.malicious.domain"))
}

pub(crate) fn foreign_sign_in(world: &mut World) -> Denial {
    world.denial(&Request::post("/.doorward/api/bootstrap").origin(EVIL))
}

pub(crate) fn rebound_host(world: &mut World) -> Denial {
    let host = "rebind.evil:8080";
    let token = world.token();
    let rebound = Request::upgrade().host(host).origin("http://rebind.evil:8080");
    all_alike(
        world,
        [Request::get("/json/list").host(host), rebound.clone(), rebound.bearer(&token)],
    )
}

pub(crate) fn invalid_address_host(world: &mut World) -> Denial {
    world.denial(&Request::upgrade().host("10.0.2.555:9229"))
}

fn with_cookies(field: &str) -> Request {
    Request::upgrade().same_origin().with("Cookie", field)
}

pub(crate) fn nameless_cookie(world: &mut World) -> Denial {
    let token = world.token();
    all_alike(
        world,
        [
            with_cookies("=__Host-doorward=bad"),
            with_cookies(&format!("{COOKIE}={token}; ={COOKIE}=bad")),
        ],
    )
}

pub(crate) fn duplicate_cookie(world: &mut World) -> Denial {
    let token = world.token();
    all_alike(
        world,
        [
            with_cookies(&format!("{COOKIE}={token}; {COOKIE}=tossed")),
            with_cookies(&format!("{COOKIE}=tossed; {COOKIE}={token}")),
        ],
    )
}

pub(crate) fn many_cookies(world: &mut World) -> Denial {
    world.denial(&with_cookies(&"a=; ".repeat(100_000)))
}

pub(crate) fn local_without_credential(world: &mut World) -> Denial {
    let requests = ["127.0.0.1", "::1"].into_iter().flat_map(|peer| {
        [
            Request::upgrade().peer(peer),
            Request::get("/sse?command=calc").peer(peer),
            Request::post("/session/1/shell").peer(peer),
        ]
    });
    all_alike(world, requests)
}

pub(crate) fn claim_without_grant(world: &mut World) -> Denial {
    let setup = Request::post("/.doorward/api/setup");
    assert_eq!(world.denial(&setup), Denial::NoRoute);
    all_alike(world, [Request::post("/api/install"), Request::post("/.doorward/api/ticket")])
}

pub(crate) fn magic_query(world: &mut World) -> Denial {
    let path = "/ws?app=siyuan&id=auth&type=auth";
    let mut upgrade = Request::upgrade();
    upgrade.target = path.into();
    all_alike(world, [upgrade, Request::get(path), Request::get("/?/.doorward/health")])
}

pub(crate) fn claiming_headers(world: &mut World) -> Denial {
    let names = ["X-Forwarded-For", "X-Real-IP", "Forwarded", "Client-IP"];
    let local =
        names.map(|name| Request::get("/").tls().peer("203.0.113.9").with(name, "127.0.0.1"));
    let identity = ["X_Forwarded_User", "X-Forwarded-User", "X_Doorward_Subject"]
        .map(|name| Request::get("/").with(name, "admin"));
    all_alike(world, local.into_iter().chain(identity))
}

pub(crate) fn permitted_path_in_query(world: &mut World) -> Denial {
    world.settings.routes = Routes::none();
    assert!(world.settings.routes.add("/public", Capabilities::NONE));
    let token = world.token();
    assert!(world.admits(&Request::get("/public").bearer(&token)));
    let targets = ["/admin?x=/public", "/admin?/public", "/?/public", "/admin?a=1&b=/public/"];
    all_alike(world, targets.map(|target| Request::get(target).bearer(&token)))
}

pub(crate) fn unsigned_token(world: &mut World) -> Denial {
    let header = join(br#"{"alg":"none"}"#, &[]);
    let record = Record::good().bytes();
    // A real one isn't even taken for a token of ours.
    let jwt = Request::get("/").bearer("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.");
    assert_eq!(world.denial(&jwt), Denial::CredentialMissing);
    let cookies =
        [header, join(&record, &[])].map(|text| Request::upgrade().same_origin().cookie(&text));
    all_alike(world, cookies.into_iter().chain([Request::get("/").bearer(&join(&record, &[]))]))
}

pub(crate) fn short_tags(world: &mut World) -> Denial {
    let record = Record::good().bytes();
    let key = crate::common::record::derived_key(
        &crate::common::MASTER,
        &crate::common::ISSUER,
        crate::common::record::SESSION_INFO,
    );
    let tag = mac(&key, &record);
    bearers(world, [0, 1, 16, 31].map(|length| join(&record, &tag[..length])))
}

pub(crate) fn polyglot_token(world: &mut World) -> Denial {
    let token = world.token();
    let (record, tag) = token.split_once('.').unwrap();
    let json = r#"{"protected":"e30","payload":"e30"}"#;
    let texts = [
        record.to_owned(),
        format!("{record}.{record}.{tag}"),
        format!("{record}.{record}.{record}.{tag}"),
        format!("{json}.{tag}"),
        format!("{record}.{json}"),
        format!("{{\"{token}\":\"\"}}"),
    ];
    all_alike(world, texts.map(|text| Request::upgrade().same_origin().cookie(&text)))
}

pub(crate) fn time_of_wrong_type(world: &mut World) -> Denial {
    let claims = [r#"{"exp":"never"}"#, r#"{"exp":null}"#, r#"{"exp":1e400}"#, r#"{"nbf":[]}"#];
    let forged = claims.map(|text| join(text.as_bytes(), &[0; 32]));
    all_alike(world, forged.map(|text| Request::upgrade().same_origin().cookie(&text)))
}

pub(crate) fn million_dots(world: &mut World) -> Denial {
    let dots = ".".repeat(1_000_000);
    let bearer = Request::get("/").bearer(&dots);
    assert_eq!(world.denial(&bearer), Denial::CredentialMissing);
    world.denial(&Request::upgrade().same_origin().cookie(&dots))
}

pub(crate) fn respelled_token(world: &mut World) -> Denial {
    let token = world.token();
    world.standings.note(SESSION, Standing::Revoked, claims().absolute_end);
    assert_eq!(world.denial(&Request::get("/").bearer(&token)), Denial::SessionRevoked);
    let (start, last) = token.split_at(token.len() - 1);
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let place = alphabet.find(last).unwrap();
    let group = place - place % 4;
    let unused_bits = (group..group + 4)
        .filter(|other| *other != place)
        .map(|other| format!("{start}{}", &alphabet[other..=other]));
    let padded = [format!("{token}="), token.replace('.', "=.")];
    let standard = token.replace('-', "+").replace('_', "/");
    assert_ne!(standard, token, "the sample has a character that the alphabets differ in");
    bearers(world, unused_bits.chain(padded).chain([standard]))
}

fn redemption(world: &mut World, seed: u8) -> Option<Denial> {
    let request = Request::post("/.doorward/api/token");
    let Decision::Grant(awaited) = world.decide(&request) else { panic!("not a redemption") };
    let World { settings, keys, digester, standings, directory, limiter, ledger, now, .. } = world;
    let guard = Guard { settings, keys, digester, standings, directory };
    let nonce = crate::common::nonce(seed);
    let secret = GrantSecret::link([9; 32]);
    let redeem = awaited.present(&secret, nonce, [seed; 16], &guard, limiter, *now).unwrap();
    let outcome = ledger.redeem(redeem.digest(), redeem.attempt(), *now).map_err(|error| {
        let doorward_policy::ledger::RedeemError::Refused(refused) = error else {
            panic!("the ledger has room")
        };
        StoreFailure::Refused(refused)
    });
    redeem.resume(outcome, &guard, *now).err().map(|denied| denied.denial)
}

pub(crate) fn second_redemption(world: &mut World) -> Denial {
    let digest = GrantSecret::link([9; 32]).digest(&world.digester);
    world.ledger.insert_grant(digest, grant(1, DAY)).unwrap();
    assert_eq!(redemption(world, 1), None);
    redemption(world, 2).unwrap()
}

/// Both have been let through as far as the store before either is consumed.
pub(crate) fn interleaved_redemptions(world: &mut World) -> Denial {
    let digest = GrantSecret::link([9; 32]).digest(&world.digester);
    let mut record = grant(1, DAY);
    world.ledger.insert_grant(digest, record.clone()).unwrap();
    // The transition itself, on one record.
    let won = (1..=50)
        .map(|seed| redeem(Some(&mut record), &attempt(seed, seed), &Directory::default(), NOW))
        .filter(|outcome| matches!(outcome, Ok(Redemption::Opened(_))))
        .count();
    assert_eq!(won, 1);
    let mut denials: Vec<Denial> = (1..=10).filter_map(|seed| redemption(world, seed)).collect();
    assert_eq!(denials.len(), 9);
    denials.dedup();
    assert_eq!(denials.len(), 1);
    denials[0]
}

pub(crate) fn renewal_at_the_end(world: &mut World) -> Denial {
    let end = claims().absolute_end;
    let last = Claims { issued_at: NOW.plus(20 * DAY), expires_at: end, ..claims() };
    let token = world.token_of(&last);
    world.advance(30 * DAY - secs(1));
    let admitted = world.admit(&Request::get("/").bearer(&token));
    assert!(world.guard().renew(&admitted, world.now).is_none());
    world.advance(secs(1));
    world.denial(&Request::get("/").bearer(&token))
}

pub(crate) fn lifetime_of_every_path(world: &mut World) -> Denial {
    let lives = [Method::Link, Method::Code, Method::Desktop].into_iter().flat_map(|method| {
        [Counter::Bootstrap, Counter::Token, Counter::Hello].map(|counter| {
            let mut record = grant(1, secs(600));
            record.method = method;
            let mut attempt = attempt(1, 1);
            attempt.counter = counter;
            let Ok(Redemption::Opened(session)) =
                redeem(Some(&mut record), &attempt, &Directory::default(), NOW)
            else {
                panic!("refused")
            };
            let claims = session.claims();
            (claims.expires_at.since(NOW), claims.absolute_end.since(NOW))
        })
    });
    lives.for_each(|life| assert_eq!(life, (7 * DAY, 30 * DAY)));
    // A renewal has it too.
    let token = world.token();
    world.advance(4 * DAY);
    let admitted = world.admit(&Request::get("/").bearer(&token));
    let (_, renewed) = world.guard().renew(&admitted, world.now).unwrap();
    world.advance(7 * DAY);
    world.denial(&Request::get("/").bearer(renewed.expose()))
}

pub(crate) fn expired_while_open(world: &mut World) -> Denial {
    let token = world.token();
    let upgrade = Request::upgrade().bearer(&token);
    let end = world.admit(&upgrade).claims().unwrap().expires_at;
    world.advance(end.since(NOW));
    world.denial(&upgrade)
}

pub(crate) fn revoked_while_open(world: &mut World) -> Denial {
    let token = world.token();
    let admitted = world.admit(&Request::upgrade().bearer(&token));
    world.standings.note(SESSION, Standing::Revoked, claims().absolute_end);
    world.guard().still_stands(&admitted, NOW).unwrap_err()
}

pub(crate) fn ticket_of_another_session(world: &mut World) -> Denial {
    let secret = TicketSecret::new([3; 32]);
    let of_a = Claims { session: SessionId::new([0xa; 16]), ..claims() };
    let digest = secret.digest(&world.digester);
    let origin = crate::common::request::ORIGIN;
    world.ledger.insert_ticket(digest, TicketRecord::issue(&of_a, Some(origin), NOW)).unwrap();
    let of_b = world.token();
    let request = Request::upgrade().same_origin().ticket(&secret.expose()).cookie(&of_b);
    let Decision::Ticket(awaited) = world.decide(&request) else { panic!("no ticket") };
    let World { settings, keys, digester, standings, directory, limiter, ledger, now, .. } = world;
    let guard = Guard { settings, keys, digester, standings, directory };
    let outcome = ledger.consume_ticket(awaited.digest(), awaited.attempt(), *now);
    awaited
        .resume(outcome.map_err(StoreFailure::Refused), &guard, limiter, *now)
        .unwrap_err()
        .denial
}

pub(crate) fn join_token_as_administrator(world: &mut World) -> Denial {
    assert!(world.settings.routes.add("/admin", Capabilities::ADMINISTER));
    let token = world.token();
    world.denial(&Request::post("/admin/users").bearer(&token))
}

pub(crate) fn capability_taken_away(world: &mut World) -> Denial {
    let token = world.token();
    let upgrade = Request::upgrade().bearer(&token);
    assert!(world.admits(&upgrade));
    let standing = Standing::Limited(Capabilities::OBSERVE);
    world.standings.note(SESSION, standing, claims().absolute_end);
    world.denial(&upgrade)
}

/// A hello alone can name one.
pub(crate) fn named_workspace(world: &mut World) -> Denial {
    let token = world.token();
    let hello = RawHello::open().session(&token);
    assert_eq!(world.admit_hello(&hello).claims(), Some(&claims()));
    let names = ["attic", "laptop", "../attic", "*"];
    one_of_all(names.iter().map(|name| world.hello_denial(&hello.clone().workspace(name))))
}

pub(crate) fn flooded_limiter(world: &mut World) -> Denial {
    world.limiter.inner = Limiter::new(Limits { others: 3, capacity: 16, ..Limits::default() });
    let guess = Request::get("/").bearer("A.b");
    for _ in 0..3 {
        world.denial(&guess);
    }
    for address in 0..100_000_u32 {
        let key = core::net::IpAddr::from(address.to_be_bytes()).into();
        let _uncounted = world.limiter.inner.charge(key, Guess::Other, NOW.plus(secs(1)));
    }
    world.denial(&guess)
}

pub(crate) fn rotating_forwarded_for(world: &mut World) -> Denial {
    world.limiter.inner = Limiter::new(Limits { others: 3, ..Limits::default() });
    let guess = |last: usize| {
        let address = format!("198.51.100.{last}");
        Request::get("/").bearer("A.b").with("X-Forwarded-For", &address).with("X-Real-IP", address)
    };
    for last in 0..3 {
        world.denial(&guess(last));
    }
    world.denial(&guess(4))
}

pub(crate) fn trickled_head(_world: &mut World) -> Denial {
    let head = format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nX: {}", "y".repeat(100_000));
    let mut scanner = HeadScanner::default();
    (1..=head.len())
        .find_map(|end| scanner.scan(&head.as_bytes()[..end]).err())
        .expect("no head of that size is waited for")
}

pub(crate) fn many_headers(world: &mut World) -> Denial {
    let request = (0..10_000).fold(Request::upgrade(), |request, _| request.with("X", "y"));
    world.denial(&request)
}
