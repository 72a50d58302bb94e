//! Sessions over their life: repeated answers, renewal, tickets, and the ends of live connections.

use std::time::Duration;

use doorward_gate::Clock as _;
use doorward_gate::audit::{AuditRecord, Event};
use doorward_policy::capability::Capabilities;
use doorward_policy::ledger::Selector;
use doorward_policy::token::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::door::{Door, read_answer};

const DAY: Duration = Duration::from_secs(24 * 3600);
const NONCE: &str = "AAAAAAAAAAAAAAAAAAAAAAAA";

pub(crate) async fn live(door: &Door, headers: &str) -> TcpStream {
    let mut stream = TcpStream::connect(door.address).await.unwrap();
    stream.write_all(door.handshake(headers).as_bytes()).await.unwrap();
    let answer = read_answer(&mut stream).await;
    assert_eq!(answer.status, 101, "{answer:?}");
    stream
}

pub(crate) async fn close_code(stream: &mut TcpStream) -> u16 {
    let mut frame = [0; 4];
    stream.read_exact(&mut frame).await.unwrap();
    assert_eq!(frame[0], 0x88, "{frame:?}");
    u16::from_be_bytes([frame[2], frame[3]])
}

/// Sends "hi" and gets it back: the connection is alive.
pub(crate) async fn echoes(stream: &mut TcpStream) {
    stream.write_all(&[0x81, 0x82, 0, 0, 0, 0, b'h', b'i']).await.unwrap();
    let mut echoed = [0; 4];
    stream.read_exact(&mut echoed).await.unwrap();
    assert_eq!(&echoed, &[0x81, 0x02, b'h', b'i']);
}

#[tokio::test]
async fn an_answer_lost_on_the_way_is_fetched_again_with_the_same_nonce() {
    let door = Door::open().await;
    let grant = door.grant(Method::Link, Capabilities::START_UP).await;
    let first = door.redeem("token", &grant, NONCE, "").await.json();
    door.clock.turn(Duration::from_secs(59));
    door.gate.refresh().await.unwrap();
    let again = door.redeem("token", &grant, NONCE, "").await.json();
    assert_eq!(first["access_token"], again["access_token"]);
    assert_eq!(door.redeem("bootstrap", &grant, NONCE, "").await.code(), "grant_refused");
    assert_eq!(
        door.redeem("token", &grant, "BBBBBBBBBBBBBBBBBBBBBBBB", "").await.code(),
        "grant_refused"
    );
    door.clock.turn(Duration::from_secs(1));
    assert_eq!(door.redeem("token", &grant, NONCE, "").await.code(), "grant_refused");
}

#[tokio::test]
async fn a_grant_expires_and_says_the_same_as_an_unknown_one() {
    let door = Door::open().await;
    let grant = door.grant(Method::Link, Capabilities::START_UP).await;
    door.clock.turn(Duration::from_secs(600));
    door.gate.refresh().await.unwrap();
    let expired = door.redeem("token", &grant, NONCE, "").await;
    let unknown = door.redeem("token", &"A".repeat(43), NONCE, "").await;
    for answer in [&expired, &unknown] {
        assert_eq!((answer.status, answer.code().as_str()), (401, "grant_refused"));
    }
    assert_eq!(expired.json()["message"], unknown.json()["message"]);
    let reasons: Vec<String> =
        door.audit().await.iter().map(|record| record["reason"].to_string()).collect();
    assert!(reasons.iter().any(|reason| reason.contains("expired")), "{reasons:?}");
    assert!(reasons.iter().any(|reason| reason.contains("unknown")), "{reasons:?}");
}

#[tokio::test]
async fn a_cookie_is_renewed_past_half_of_its_life_and_never_past_the_end() {
    let door = Door::open().await;
    let mut cookie = door.cookie().await;
    let fetch = "Sec-Fetch-Site: same-origin\r\n";
    let headers = format!("{fetch}Cookie: {cookie}\r\n");
    assert_eq!(door.get("/", &headers).await.header("set-cookie"), None);
    for day in 0..8 {
        door.clock.turn(4 * DAY);
        door.gate.refresh().await.unwrap();
        let answer = door.get("/", &format!("{fetch}Cookie: {cookie}\r\n")).await;
        if day == 7 {
            // 32 days in, past the absolute end of 30.
            assert_eq!(answer.code(), "session_expired");
            return;
        }
        assert_eq!(answer.status, 200, "day {}: {answer:?}", 4 * (day + 1));
        if let Some(renewed) = answer.header("set-cookie") {
            cookie = renewed.split(';').next().unwrap().to_owned();
        }
    }
}

#[tokio::test]
async fn a_bearer_is_renewed_on_request() {
    let door = Door::open().await;
    let token = door.token().await;
    let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n");
    let early = door.post("/.doorward/api/renew", &bearer(&token), "").await;
    assert_eq!((early.status, early.json().get("access_token").is_some()), (200, false));
    door.clock.turn(4 * DAY);
    door.gate.refresh().await.unwrap();
    let renewed = door.post("/.doorward/api/renew", &bearer(&token), "").await.json();
    let fresh = renewed["access_token"].as_str().unwrap();
    door.clock.turn(4 * DAY);
    door.gate.refresh().await.unwrap();
    assert_eq!(door.upgrade(&bearer(&token)).await.code(), "session_expired");
    assert_eq!(door.upgrade(&bearer(fresh)).await.status, 101);
}

//= req: WS-4, type=test
#[tokio::test]
async fn revocation_ends_the_live_connections_of_its_session_and_no_other() {
    let door = Door::open().await;
    let (one, two) = (door.token().await, door.token().await);
    let mut revoked = live(&door, &format!("Authorization: Bearer {one}\r\n")).await;
    let mut other = live(&door, &format!("Authorization: Bearer {two}\r\n")).await;
    let who = door.get("/.doorward/api/session", &format!("Authorization: Bearer {one}\r\n")).await;
    let id = who.json()["session_id"].as_str().unwrap().to_owned();
    let session = doorward_policy::id::SessionId::parse(&id).unwrap();

    // As another process would: the store is told, and the gate finds it there.
    let now = door.clock.now().unwrap();
    let audit = AuditRecord::new(Event::SessionRevoked, now);
    door.store.revoke_sessions(Selector::Session(session), now, audit).await.unwrap();
    door.gate.refresh().await.unwrap();

    assert_eq!(close_code(&mut revoked).await, 4403);
    let answer = door.upgrade(&format!("Authorization: Bearer {one}\r\n")).await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "session_revoked"));
    echoes(&mut other).await;
}

//= req: WS-4, type=test
#[tokio::test]
async fn expiry_ends_a_live_connection_unless_its_session_was_renewed() {
    let door = Door::open().await;
    let (one, two) = (door.token().await, door.token().await);
    let mut expiring = live(&door, &format!("Authorization: Bearer {one}\r\n")).await;
    let mut renewed = live(&door, &format!("Authorization: Bearer {two}\r\n")).await;
    door.clock.turn(4 * DAY);
    door.gate.refresh().await.unwrap();
    door.post("/.doorward/api/renew", &format!("Authorization: Bearer {two}\r\n"), "").await;
    door.clock.turn(3 * DAY);
    door.gate.refresh().await.unwrap();
    assert_eq!(close_code(&mut expiring).await, 4401);
    echoes(&mut renewed).await;
    door.clock.turn(4 * DAY);
    door.gate.refresh().await.unwrap();
    assert_eq!(close_code(&mut renewed).await, 4401);
}

#[tokio::test]
async fn what_a_client_says_in_a_websocket_keeps_its_session_and_a_ping_does_not() {
    let door = Door::open().await;
    let (one, two) = (door.token().await, door.token().await);
    let mut silent = live(&door, &format!("Authorization: Bearer {one}\r\n")).await;
    let mut busy = live(&door, &format!("Authorization: Bearer {two}\r\n")).await;
    door.clock.turn(6 * DAY);
    door.gate.refresh().await.unwrap();
    silent.write_all(&[0x89, 0x80, 0, 0, 0, 0]).await.unwrap();
    let mut pong = [0; 2];
    silent.read_exact(&mut pong).await.unwrap();
    assert_eq!(pong, [0x8a, 0]);
    echoes(&mut busy).await;
    door.gate.refresh().await.unwrap();
    door.clock.turn(DAY);
    door.gate.refresh().await.unwrap();
    assert_eq!(close_code(&mut silent).await, 4401);
    echoes(&mut busy).await;
}

#[tokio::test]
async fn draining_ends_live_connections_and_lets_nobody_in() {
    let door = Door::open().await;
    let bearer = format!("Authorization: Bearer {}\r\n", door.token().await);
    let mut stream = live(&door, &bearer).await;
    let mut kept = TcpStream::connect(door.address).await.unwrap();
    let request = format!("GET / HTTP/1.1\r\nHost: {}\r\n{bearer}\r\n", door.address);
    kept.write_all(request.as_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut kept).await.status, 200);
    door.gate.drain();
    assert_eq!(close_code(&mut stream).await, 1001);
    // Neither a new connection, not even for a page of ours, nor a kept one begins anything.
    let answer = door.get("/.doorward/pair", "").await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "draining"));
    kept.write_all(door.handshake(&bearer).as_bytes()).await.unwrap();
    let answer = read_answer(&mut kept).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "draining"));
}

#[tokio::test]
async fn signing_out_revokes_the_session_and_removes_the_cookie() {
    let door = Door::open().await;
    let cookie = door.cookie().await;
    let headers = format!("Origin: {}\r\nCookie: {cookie}\r\n", door.origin());
    let mut stream = live(&door, &headers).await;
    let answer = door.post("/.doorward/api/logout", &headers, "").await;
    assert_eq!(answer.status, 204);
    assert!(answer.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(close_code(&mut stream).await, 4403);
    assert_eq!(door.upgrade(&headers).await.code(), "session_revoked");
}

#[tokio::test]
async fn a_ticket_opens_one_websocket_of_its_origin_within_30_s() {
    let door = Door::open().await;
    let cookie = door.cookie().await;
    let origin = format!("Origin: {}\r\n", door.origin());
    let ticket = || async {
        let headers = format!("{origin}Cookie: {cookie}\r\n");
        let answer = door.post("/.doorward/api/ticket", &headers, "").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["ticket"].as_str().unwrap().to_owned()
    };
    let offer = |ticket: &str| {
        format!("Sec-WebSocket-Protocol: doorward, doorward.ticket.{ticket}, app\r\n")
    };

    let first = ticket().await;
    let answer = door.upgrade(&format!("{origin}{}", offer(&first))).await;
    assert_eq!(answer.status, 101);
    assert_eq!(answer.header("sec-websocket-protocol"), Some("doorward"));
    let again = door.upgrade(&format!("{origin}{}", offer(&first))).await;
    assert_eq!((again.status, again.code().as_str()), (401, "credential_invalid"));
    assert_eq!(door.last_denial().await["threat"], "DW-TICKET-REPLAY");

    let second = ticket().await;
    assert_eq!(door.upgrade(&offer(&second)).await.status, 401);
    // A refused request spends nothing: from its own origin it still opens.
    let beside = format!("{origin}Cookie: {cookie}\r\n{}", offer(&second));
    assert_eq!(door.upgrade(&beside).await.status, 101);

    let third = ticket().await;
    door.clock.turn(Duration::from_secs(30));
    door.gate.refresh().await.unwrap();
    assert_eq!(door.upgrade(&format!("{origin}{}", offer(&third))).await.status, 401);

    let fourth = ticket().await;
    let stranger = door.cookie().await;
    let beside = format!("{origin}Cookie: {stranger}\r\n{}", offer(&fourth));
    assert_eq!(door.upgrade(&beside).await.status, 401);
}

//= req: ENTROPY-3, type=test
#[tokio::test]
async fn a_revoked_cookie_does_not_stand_in_the_way_of_pairing_again() {
    let door = Door::open().await;
    let cookie = door.cookie().await;
    let headers = format!("Origin: {}\r\nCookie: {cookie}\r\n", door.origin());
    door.post("/.doorward/api/logout", &headers, "").await;
    let grant = door.grant(Method::Link, Capabilities::START_UP).await;
    let answer = door.redeem("bootstrap", &grant, NONCE, &headers).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}
