//! Every bound of a connection that nobody has been admitted on answers, and is recorded.

use std::time::Duration;

use doorward_http::Limits;
use doorward_policy::Settings;
use doorward_policy::capability::Capabilities;
use doorward_policy::token::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::door::{Door, read_answer};
use crate::proxying::within;

//= req: HTTP-4, type=test
/// CVE-2024-37890, CVE-2023-43669.
#[tokio::test]
async fn a_head_above_its_bounds_is_refused() {
    let door = Door::open().await;
    let many =
        format!("GET / HTTP/1.1\r\nHost: {}\r\n{}\r\n", door.address, "X-A: b\r\n".repeat(10_000));
    let long =
        format!("GET / HTTP/1.1\r\nHost: {}\r\nX: {}\r\n\r\n", door.address, "a".repeat(20_000));
    let endless = format!("GET /{}", "a".repeat(20_000));
    for request in [many, long, endless] {
        let answer = door.send(request.as_bytes()).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "malformed"));
        assert_eq!(door.last_denial().await["threat"], "DW-RESOURCE-EXHAUSTION");
    }
}

/// A connection whose first request was let in.
async fn answered_once(door: &Door, bearer: &str) -> TcpStream {
    let mut stream = TcpStream::connect(door.address).await.unwrap();
    let first = format!("GET / HTTP/1.1\r\nHost: {}\r\n{bearer}\r\n", door.address);
    stream.write_all(first.as_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut stream).await.status, 200);
    stream
}

/// The second request of a connection is seen by hyper alone, and bounded all the same.
#[tokio::test]
async fn a_later_head_above_its_bounds_is_refused() {
    let door = Door::open().await;
    let bearer = format!("Authorization: Bearer {}\r\n", door.token().await);
    let mut stream = answered_once(&door, &bearer).await;
    let second = format!(
        "GET / HTTP/1.1\r\nHost: {}\r\n{bearer}{}\r\n",
        door.address,
        "X: y\r\n".repeat(80)
    );
    stream.write_all(second.as_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut stream).await.status, 400);
    assert_eq!(door.last_denial().await["threat"], "DW-RESOURCE-EXHAUSTION");
}

/// Absolute form names a host of its own; only the first head is seen by the strict scanner.
#[tokio::test]
async fn a_later_request_in_absolute_form_is_refused() {
    let door = Door::open().await;
    let bearer = format!("Authorization: Bearer {}\r\n", door.token().await);
    let mut stream = answered_once(&door, &bearer).await;
    let second =
        format!("GET http://x.example/ HTTP/1.1\r\nHost: {}\r\n{bearer}\r\n", door.address);
    stream.write_all(second.as_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut stream).await.status, 400);
    assert_eq!(door.last_denial().await["threat"], "DW-PATH-CONFUSION");
}

/// HTTP/1.0 has no upgrades: its connection would be shut down, and then carried as a WebSocket.
#[tokio::test]
async fn a_later_request_of_another_version_is_refused() {
    let door = Door::open().await;
    let bearer = format!("Authorization: Bearer {}\r\n", door.token().await);
    let mut stream = answered_once(&door, &bearer).await;
    let second = door.handshake(&bearer).replace("HTTP/1.1", "HTTP/1.0");
    stream.write_all(second.as_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut stream).await.status, 400);
    assert_eq!(door.last_denial().await["threat"], "DW-PATH-CONFUSION");
}

//= req: HTTP-1, HTTP-2, type=test
/// CVE-2026-26999: a head or a body that never ends is answered at its deadline.
#[tokio::test]
async fn a_head_or_body_that_never_ends_is_answered_at_its_deadline() {
    let limits = Limits { head_deadline: Duration::from_millis(50), ..Limits::default() };
    let door = Door::with(Settings::default(), None, limits).await;
    let answer = within(door.send(b"GET / HTTP/1.1\r\nHost: 127")).await;
    assert_eq!((answer.status, answer.code().as_str()), (408, "deadline_passed"));
    assert_eq!(door.last_denial().await["threat"], "DW-SLOW-HANDSHAKE");

    let body = format!(
        "POST /.doorward/api/token HTTP/1.1\r\nHost: {}\r\nContent-Length: 100\r\n\r\n{{",
        door.address
    );
    let answer = within(door.send(body.as_bytes())).await;
    assert_eq!((answer.status, answer.code().as_str()), (408, "deadline_passed"));

    // Nothing at all: closed without a word.
    let mut stream = TcpStream::connect(door.address).await.unwrap();
    assert_eq!(within(stream.read(&mut [0; 1])).await.unwrap(), 0);
    assert_eq!(door.last_denial().await["threat"], "DW-SLOW-HANDSHAKE");
}

//= req: HTTP-3, type=test
#[tokio::test]
async fn a_body_above_its_bound_is_refused() {
    let door = Door::open().await;
    let answer = door.post("/.doorward/api/token", "", &"x".repeat(5000)).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "malformed"));
    assert_eq!(door.last_denial().await["threat"], "DW-RESOURCE-EXHAUSTION");
    for body in ["", "{}", "[]", "{\"credential\":1}", "{\"cmd\":1}"] {
        let answer = door.post("/.doorward/api/token", "", body).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "malformed"), "{body}");
    }
}

//= req: HTTP-5, type=test
#[tokio::test]
async fn unadmitted_connections_are_capped_and_admitted_ones_are_not() {
    let mut settings = Settings::default();
    settings.connections.per_address = 3;
    let door = Door::under(settings).await;
    let bearer = format!("Authorization: Bearer {}\r\n", door.token().await);

    let request = format!("GET / HTTP/1.1\r\nHost: {}\r\n{bearer}\r\n", door.address);
    let mut admitted = Vec::new();
    for _ in 0..8 {
        for (request, status) in [(door.handshake(&bearer), 101), (request.clone(), 200)] {
            let mut stream = TcpStream::connect(door.address).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            assert_eq!(read_answer(&mut stream).await.status, status);
            admitted.push(stream);
        }
    }
    let mut waiting = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(door.address).await.unwrap();
        stream.write_all(b"GET ").await.unwrap();
        waiting.push(stream);
    }
    // The listener takes connections in their order, so those three are counted by now.
    let answer = door.get("/.doorward/health", "").await;
    assert_eq!((answer.status, answer.code().as_str()), (429, "connections_limited"));
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(door.last_denial().await["threat"], "DW-RESOURCE-EXHAUSTION");
}

//= req: WS-1, type=test
/// CVE-2022-35922, CVE-2026-27889: a declared length allocates nothing.
#[tokio::test]
async fn a_declared_frame_length_above_the_bound_closes_with_1009() {
    let door = Door::open().await;
    let bearer = format!("Authorization: Bearer {}\r\n", door.token().await);
    for length in [[0xff; 8], [0x80, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0x10, 0, 1]] {
        let mut stream = TcpStream::connect(door.address).await.unwrap();
        stream.write_all(door.handshake(&bearer).as_bytes()).await.unwrap();
        assert_eq!(read_answer(&mut stream).await.status, 101);
        let mut frame = vec![0x82, 0xff];
        frame.extend(length);
        frame.extend([1, 2, 3, 4]);
        stream.write_all(&frame).await.unwrap();
        let mut close = Vec::new();
        let _end = stream.read_to_end(&mut close).await;
        assert_eq!(close.first(), Some(&0x88), "{close:?}");
        let code = u16::from_be_bytes([close[2], close[3]]);
        assert!(matches!(code, 1002 | 1009), "{code}");
    }
}

//= req: HTTP-9, HTTP-10, type=test
#[tokio::test]
async fn an_answer_with_a_credential_is_kept_by_nobody() {
    let door = Door::open().await;
    let grant = door.grant(Method::Link, Capabilities::START_UP).await;
    let answer = door.redeem("token", &grant, "AAAAAAAAAAAAAAAAAAAAAAAA", "").await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(answer.header("set-cookie"), None);
    let grant = door.grant(Method::Link, Capabilities::START_UP).await;
    let answer = door.redeem("bootstrap", &grant, "AAAAAAAAAAAAAAAAAAAAAAAA", "").await;
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{cookie}");
    let token = cookie.split(['=', ';']).nth(1).unwrap();
    assert!(!String::from_utf8_lossy(&answer.body).contains(token));
    let refused = door
        .redeem("token", &grant, "BBBBBBBBBBBBBBBBBBBBBBBB", "Origin: http://127.0.0.1\r\n")
        .await;
    assert_eq!((refused.status, refused.code().as_str()), (403, "origin_denied"));
}
