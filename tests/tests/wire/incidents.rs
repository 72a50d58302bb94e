//! Published vulnerabilities of servers like the guarded ones, replayed on the wire. Each is
//! answered with its refusal, and recorded with the threat that it is.

use doorward_policy::capability::Capabilities;
use doorward_policy::token::Method;

use crate::door::{Answer, Door, handshake};
use crate::proxying::within;

async fn refused(door: &Door, answer: Answer, status: u16, threat: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    let record = door.last_denial().await;
    assert_eq!(record["threat"], threat, "{record}");
    assert_eq!(record["trace_id"], answer.json()["trace_id"], "{record}");
}

/// CVE-2025-52882, CVE-2026-44211, CVE-2025-24964, CVE-2026-27148, CVE-2018-14732,
/// CVE-2025-30360, CVE-2026-54069, CVE-2022-1996.
#[tokio::test]
async fn a_foreign_origin_is_refused_with_and_without_a_credential() {
    let door = Door::open().await;
    let (cookie, token) = (door.cookie().await, door.token().await);
    let foreign = [
        "https://evil.example",
        "http://203.0.113.7",
        "null",
        "chrome-extension://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "http://127.0.0.1.evil.example",
        "http://127.0.0.1:1",
        "https://127.0.0.1",
    ];
    for origin in foreign {
        for credential in [
            String::new(),
            format!("Cookie: {cookie}\r\n"),
            format!("Authorization: Bearer {token}\r\n"),
        ] {
            let answer = door.upgrade(&format!("Origin: {origin}\r\n{credential}")).await;
            refused(&door, answer, 403, "DW-CROSS-SITE-HIJACK").await;
        }
    }
    let own = format!("Origin: {}\r\nCookie: {cookie}\r\n", door.origin());
    assert_eq!(door.upgrade(&own).await.status, 101);
}

/// CVE-2023-0957, CVE-2023-26114 and others: the browser attaches the cookie by itself.
#[tokio::test]
async fn a_cookie_without_an_origin_opens_no_websocket_and_writes_nothing() {
    let door = Door::open().await;
    let cookie = format!("Cookie: {}\r\n", door.cookie().await);
    refused(&door, door.upgrade(&cookie).await, 403, "DW-CROSS-SITE-HIJACK").await;
    refused(&door, door.post("/", &cookie, "").await, 403, "DW-CROSS-SITE-HIJACK").await;
    refused(&door, door.get("/", &cookie).await, 403, "DW-CROSS-SITE-HIJACK").await;
    let same_site = format!("{cookie}Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: no-cors\r\n");
    refused(&door, door.get("/", &same_site).await, 403, "DW-CROSS-SITE-HIJACK").await;
    let own = format!("{cookie}Sec-Fetch-Site: same-origin\r\n");
    assert_eq!(door.get("/", &own).await.status, 200);
}

/// CVE-2026-42559, CVE-2025-66416, CVE-2024-28224, CVE-2022-41924, CVE-2018-7160, CVE-2022-32212.
#[tokio::test]
async fn a_rebound_name_is_refused_however_it_is_spelled() {
    let door = Door::open().await;
    let bearer = format!("Authorization: Bearer {}\r\n", door.token().await);
    let port = door.port();
    for (host, status) in [
        (format!("rebind.evil:{port}"), 403),
        (format!("localhost.evil:{port}"), 403),
        ("10.0.2.55:9229".to_owned(), 403),
        ("10.0.2.555:9229".to_owned(), 400),
        ("0x7f.1".to_owned(), 400),
        ("127.1".to_owned(), 400),
        ("0.0.0.0".to_owned(), 403),
        ("localhost.".to_owned(), 400),
        ("user@127.0.0.1".to_owned(), 400),
        (String::new(), 400),
    ] {
        let answer = door.send(handshake(&host, "/echo", &bearer).as_bytes()).await;
        refused(&door, answer, status, "DW-DNS-REBINDING").await;
    }
    for host in [format!("localhost:{port}"), format!("[::1]:{port}"), "127.0.0.1:4000".to_owned()]
    {
        assert_eq!(door.send(handshake(&host, "/echo", &bearer).as_bytes()).await.status, 101);
    }
}

//= req: AUDIT-1, type=test
/// CVE-2025-49596, CVE-2026-22812, CVE-2024-28179, CVE-2025-54376, CVE-2023-41338, CVE-2026-42222.
#[tokio::test]
async fn coming_from_loopback_proves_nothing() {
    let door = Door::open().await;
    for headers in [
        "",
        "X-Forwarded-For: 127.0.0.1\r\n",
        "X-Real-IP: 127.0.0.1\r\nForwarded: for=127.0.0.1\r\n",
    ] {
        refused(&door, door.upgrade(headers).await, 401, "DW-AMBIENT-AUTHORITY").await;
        let answer = door.get("/", headers).await;
        assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"doorward\""));
        refused(&door, answer, 401, "DW-AMBIENT-AUTHORITY").await;
        refused(&door, door.get("/api/status", headers).await, 401, "DW-AMBIENT-AUTHORITY").await;
    }
}

/// CVE-2026-33203, CVE-2025-54576: what stands in the query opens nothing.
#[tokio::test]
async fn the_query_opens_nothing() {
    let door = Door::open().await;
    let token = door.token().await;
    for path in [
        "/admin?x=/public".to_owned(),
        "/?/.doorward/health".to_owned(),
        "/?keepalive=1".to_owned(),
        format!("/?token={token}"),
        format!("/?access_token={token}"),
    ] {
        refused(&door, door.get(&path, "").await, 401, "DW-AMBIENT-AUTHORITY").await;
    }
}

#[tokio::test]
async fn a_path_that_decodes_into_ours_is_malformed() {
    let door = Door::open().await;
    let bearer = format!("Authorization: Bearer {}\r\n", door.token().await);
    for path in [
        "/%2edoorward/health",
        "//.doorward/health",
        "/x/../.doorward/health",
        "/.DOORWARD/health",
        "/.doorward%2fhealth",
        "/.doorward;x/health",
    ] {
        refused(&door, door.get(path, &bearer).await, 400, "DW-PATH-CONFUSION").await;
    }
    refused(&door, door.get("/.doorward/nothing", &bearer).await, 404, "DW-ROUTE-BYPASS").await;
}

/// CVE-2026-45720, CVE-2026-3590, CVE-2020-15222, CVE-2025-46815.
#[tokio::test]
async fn many_at_once_redeem_a_grant_once() {
    let mut settings = doorward_policy::Settings::default();
    settings.connections.per_address = 256;
    let door = std::sync::Arc::new(Door::with(settings, None, Default::default()).await);
    let grant = door.grant(Method::Link, Capabilities::START_UP).await;
    let tries = (0..64).map(|number| {
        let (door, grant) = (std::sync::Arc::clone(&door), grant.clone());
        tokio::spawn(async move {
            let nonce = format!("{number:0>24}");
            door.redeem("token", &grant, &nonce, "").await
        })
    });
    let mut sessions = 0;
    for one in tries.collect::<Vec<_>>() {
        let answer = one.await.unwrap();
        match answer.status {
            200 => sessions += 1,
            _ => assert_eq!((answer.status, answer.code().as_str()), (401, "grant_refused")),
        }
    }
    assert_eq!(sessions, 1);
    assert_eq!(door.store.sessions().await.unwrap().len(), 1);
    assert_eq!(door.last_denial().await["threat"], "DW-GRANT-REPLAY");
}

/// CVE-2022-36103: a grant carries what its maker had, and its session no more.
#[tokio::test]
async fn a_session_does_no_more_than_its_grant_carries() {
    let door = Door::open().await;
    let grant = door.grant(Method::Link, Capabilities::OBSERVE).await;
    let answer = door.redeem("token", &grant, "AAAAAAAAAAAAAAAAAAAAAAAA", "").await;
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    let bearer = format!("Authorization: Bearer {token}\r\n");
    refused(&door, door.upgrade(&bearer).await, 403, "DW-CAPABILITY-ESCALATION").await;
    assert_eq!(door.get("/.doorward/api/session", &bearer).await.status, 200);
}

/// CVE-2015-9235, CVE-2022-23540, CVE-2020-28042, CVE-2009-0217, CVE-2022-39227, CVE-2025-30204,
/// GHSA-j5fj-8wxc-gvmj.
#[tokio::test]
async fn a_token_that_was_tampered_with_is_refused() {
    let mut settings = doorward_policy::Settings::default();
    settings.guesses.others = 1000;
    let door = Door::with(settings, None, Default::default()).await;
    let token = door.token().await;
    let (record, tag) = token.split_once('.').unwrap();
    let last = tag.chars().last().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut forged = vec![
        format!("{record}."),
        format!("{record}.{}", &tag[..1]),
        format!("{record}.{}", &tag[..42]),
        format!("{record}.{tag}="),
        format!("{record}.{tag}A"),
        format!("A{record}.{tag}"),
        "AeyJhbGciOiJub25lIn0.".to_owned(),
    ];
    forged.extend(
        alphabet
            .chars()
            .filter(|other| *other != last)
            .map(|other| format!("{record}.{}{other}", &tag[..tag.len() - 1])),
    );
    for text in forged {
        let answer = door.upgrade(&format!("Authorization: Bearer {text}\r\n")).await;
        refused(&door, answer, 401, "DW-TOKEN-FORGERY").await;
    }
    let cookie =
        format!("Cookie: doorward_{}={}\r\n", door.port(), format_args!("{record}.{tag}.x"));
    let answer = door.get("/", &format!("{cookie}Sec-Fetch-Site: none\r\n")).await;
    assert!(answer.header("set-cookie").unwrap().contains("Max-Age=0"));
    refused(&door, answer, 401, "DW-TOKEN-FORGERY").await;
    assert_eq!(door.upgrade(&format!("Authorization: Bearer {token}\r\n")).await.status, 101);
}

/// CVE-2023-23934, CVE-2024-21583, CVE-2025-58186.
#[tokio::test]
async fn a_cookie_that_is_shadowed_is_refused() {
    let door = Door::open().await;
    let cookie = door.cookie().await;
    let origin = format!("Origin: {}\r\n", door.origin());
    let name = cookie.split('=').next().unwrap();
    for field in [
        format!("{cookie}; {name}=other"),
        format!("={name}=bad; {cookie}"),
        format!("{cookie}; {name}"),
    ] {
        let answer = door.upgrade(&format!("{origin}Cookie: {field}\r\n")).await;
        refused(&door, answer, 401, "DW-COOKIE-SHADOWING").await;
    }
    let twice = format!("{origin}Cookie: {cookie}\r\nCookie: {name}=other\r\n");
    refused(&door, door.upgrade(&twice).await, 400, "DW-COOKIE-SHADOWING").await;
    let many = format!("{origin}Cookie: {}{cookie}\r\n", "a=; ".repeat(2000));
    refused(&door, door.upgrade(&many).await, 400, "DW-RESOURCE-EXHAUSTION").await;
}

/// CVE-2024-41666, CVE-2023-40025.
#[tokio::test]
async fn two_sources_of_one_credential_are_ambiguous() {
    let door = Door::open().await;
    let both = format!(
        "Origin: {}\r\nCookie: {}\r\nAuthorization: Bearer {}\r\n",
        door.origin(),
        door.cookie().await,
        door.token().await
    );
    refused(&door, door.upgrade(&both).await, 401, "DW-CREDENTIAL-AMBIGUITY").await;
}

/// CVE-2024-21652, CVE-2026-29794: a typed code is guessed ten times a minute, whatever the
/// forwarding headers say.
#[tokio::test]
async fn guesses_of_codes_are_limited_and_a_valid_session_still_passes() {
    let door = Door::open().await;
    let bearer = format!("Authorization: Bearer {}\r\n", door.token().await);
    for number in 0..10 {
        let headers = format!("X-Forwarded-For: 203.0.113.{number}\r\n");
        let nonce = format!("{number:0>24}");
        let answer = door.redeem("token", "2222-2222-2222", &nonce, &headers).await;
        refused(&door, answer, 401, "DW-GRANT-GUESSING").await;
    }
    let answer = door.redeem("token", "2222-2222-2222", "AAAAAAAAAAAAAAAAAAAAAAAA", "").await;
    assert_eq!(answer.header("retry-after"), Some("60"));
    assert_eq!(answer.code(), "rate_limited");
    refused(&door, answer, 429, "DW-GRANT-GUESSING").await;
    assert_eq!(door.upgrade(&bearer).await.status, 101);
    door.clock.turn(std::time::Duration::from_secs(60));
    door.gate.refresh().await.unwrap();
    let answer = door.redeem("token", "2222-2222-2222", "AAAAAAAAAAAAAAAAAAAAAAAA", "").await;
    assert_eq!(answer.status, 401);
}

//= req: UPGRADE-4, type=test
/// CVE-2018-1002105, CVE-2026-2833: nothing behind a refused upgrade is read.
#[tokio::test]
async fn a_refused_upgrade_ends_the_connection() {
    let door = Door::open().await;
    let bearer = format!("Authorization: Bearer {}\r\n", door.token().await);
    let mut request = door.handshake("");
    request.push_str(&format!("GET / HTTP/1.1\r\nHost: {}\r\n{bearer}\r\n", door.address));
    let mut stream = tokio::net::TcpStream::connect(door.address).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.unwrap();
    let mut all = Vec::new();
    let _reset_or_end = within(tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut all)).await;
    let text = String::from_utf8_lossy(&all);
    assert!(text.starts_with("HTTP/1.1 401"), "{text}");
    assert_eq!(text.matches("HTTP/1.1").count(), 1, "{text}");
    let admitted = door.audit().await.iter().filter(|record| record["event"] == "admitted").count();
    assert_eq!(admitted, 0);
}

//= req: UPGRADE-2, HTTP-4, type=test
/// Two parsers that decide are a smuggling hole: what they could read differently is refused.
#[tokio::test]
async fn an_ambiguous_head_is_refused() {
    let door = Door::open().await;
    let bearer = format!("Authorization: Bearer {}", door.token().await);
    let host = format!("Host: {}", door.address);
    for head in [
        format!("GET / HTTP/1.1\n{host}\n{bearer}\n\n"),
        format!("\r\nGET / HTTP/1.1\r\n{host}\r\n{bearer}\r\n\r\n"),
        format!("GET http://127.0.0.1/ HTTP/1.1\r\n{host}\r\n{bearer}\r\n\r\n"),
        format!("GET / HTTP/1.0\r\n{host}\r\n{bearer}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{host}\r\n{bearer}\r\n X: folded\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{host}\r\n{bearer}\r\nX : y\r\n\r\n"),
        format!(
            "POST / HTTP/1.1\r\n{host}\r\n{bearer}\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
        format!(
            "POST / HTTP/1.1\r\n{host}\r\n{bearer}\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc"
        ),
        format!("POST / HTTP/1.1\r\n{host}\r\n{bearer}\r\nTransfer-Encoding: xchunked\r\n\r\n"),
    ] {
        refused(&door, door.send(head.as_bytes()).await, 400, "DW-REQUEST-SMUGGLING").await;
    }
    for head in [
        format!("GET / HTTP/1.1\r\n{bearer}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{host}\r\n{host}\r\n{bearer}\r\n\r\n"),
    ] {
        refused(&door, door.send(head.as_bytes()).await, 400, "DW-DNS-REBINDING").await;
    }
    for upgrade in ["h2c", "TLS/1.0", "websocket, h2c"] {
        let request = door
            .handshake(&format!("{bearer}\r\n"))
            .replace("Upgrade: websocket", &format!("Upgrade: {upgrade}"));
        refused(&door, door.send(request.as_bytes()).await, 400, "DW-UPGRADE-SMUGGLING").await;
    }
}
