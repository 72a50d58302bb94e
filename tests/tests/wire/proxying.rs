//! The reverse proxy in front of a server that writes down what reaches it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use doorward_http::Upstream;
use doorward_policy::Settings;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::door::{Door, read_answer};

/// A guarded server that records each head, and answers with `answer`.
pub(crate) async fn guarded(answer: &'static str) -> (Upstream, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = Upstream::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let heads = Arc::clone(&seen);
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.windows(4).any(|four| four == b"\r\n\r\n") {
                if !matches!(stream.read_buf(&mut head).await, Ok(1..)) {
                    break;
                }
            }
            heads.lock().unwrap().push(String::from_utf8_lossy(&head).to_ascii_lowercase());
            let _sent = stream.write_all(answer.as_bytes()).await;
            // Kept open: an answer without an end is one that goes on.
            open.push(stream);
        }
    });
    (upstream, seen)
}

pub(crate) const PLAIN: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\
    Set-Cookie: theirs=1\r\nSet-Cookie: __Host-doorward=stolen\r\nSet-Cookie: doorward_80=stolen\r\n\
    Set-Cookie: =doorward_80=stolen\r\n\r\nok";

//= req: UPGRADE-3, type=test
#[tokio::test]
async fn nothing_reaches_the_guarded_server_before_admission() {
    let (upstream, seen) = guarded(PLAIN).await;
    let door = Door::with(Settings::default(), Some(upstream), Default::default()).await;
    assert_eq!(door.get("/", "").await.status, 401);
    assert_eq!(door.upgrade("").await.status, 401);
    assert_eq!(door.post("/", "Authorization: Bearer A.A\r\n", "x").await.status, 401);
    assert!(seen.lock().unwrap().is_empty());
}

//= req: PROXY-1, PROXY-3, PROXY-4, PROXY-5, type=test
/// CVE-2025-64484 and the credentials of this server itself.
#[tokio::test]
async fn what_is_ours_does_not_cross_and_what_claims_to_be_is_gone() {
    let (upstream, seen) = guarded(PLAIN).await;
    let door = Door::with(Settings::default(), Some(upstream), Default::default()).await;
    let cookie = door.cookie().await;
    let answer = door
        .get(
            "/x?y=1",
            &format!(
                "Sec-Fetch-Site: same-origin\r\nCookie: a=1; {cookie}; b=2; doorward_9=x\r\n\
                X-Doorward-Subject: admin\r\nX_Doorward_Subject: admin\r\nX-Forwarded-For: 6.6.6.6\r\n\
                X_Forwarded_User: admin\r\nForwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\n\
                Keep-Alive: 5\r\nX-Drop: me\r\nAuthorization: Bearer theirs\r\n"
            ),
        )
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers("set-cookie"), ["theirs=1"]);
    let head = seen.lock().unwrap().pop().unwrap();
    let token = cookie.split('=').nth(1).unwrap().to_ascii_lowercase();
    assert!(head.starts_with("get /x?y=1 http/1.1"), "{head}");
    for absent in ["admin", "6.6.6.6", "keep-alive", "doorward_", token.as_str(), "forwarded: for"]
    {
        assert!(!head.contains(absent), "{absent} in {head}");
    }
    for present in [
        "cookie: a=1; b=2\r\n",
        "authorization: bearer theirs\r\n",
        "x-doorward-subject: tester\r\n",
        "x-doorward-capabilities: observe,operate\r\n",
        "x-forwarded-for: 127.0.0.1\r\n",
        "x-real-ip: 127.0.0.1\r\n",
        "x-forwarded-proto: http\r\n",
    ] {
        assert!(head.contains(present), "{present} not in {head}");
    }
    let records = door.audit().await;
    let id = records.iter().find_map(|record| record["session"].as_str()).unwrap();
    let session = format!("x-doorward-session: {}\r\n", id.to_ascii_lowercase());
    assert!(head.contains(&session), "{session} not in {head}");
    assert!(head.contains(&format!("host: {}", door.address)), "{head}");
}

//= req: PROXY-2, type=test
#[tokio::test]
async fn naming_our_headers_in_connection_strips_nothing_that_is_set_afterwards() {
    let (upstream, seen) = guarded(PLAIN).await;
    let door = Door::with(Settings::default(), Some(upstream), Default::default()).await;
    let token = door.token().await;
    let request = format!(
        "GET / HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\nX-Hop: 1\r\n\
        Connection: close, x-doorward-subject, x-forwarded-for, x-hop, host\r\n\r\n",
        door.address
    );
    assert_eq!(door.send(request.as_bytes()).await.status, 200);
    let head = seen.lock().unwrap().pop().unwrap();
    assert!(head.contains("x-doorward-subject: tester"), "{head}");
    assert!(head.contains("x-forwarded-for: 127.0.0.1"), "{head}");
    assert!(head.contains("host: 127.0.0.1"), "{head}");
    assert!(!head.contains("x-hop") && !head.contains("authorization"), "{head}");
}

//= req: UPGRADE-5, WS-3, PROXY-4, type=test
/// CVE-2018-1002105: what the guarded server refuses is refused, and the connection ends.
#[tokio::test]
async fn a_handshake_that_the_guarded_server_refuses_is_refused() {
    let (upstream, seen) =
        guarded("HTTP/1.1 418 I'm a teapot\r\nContent-Length: 3\r\n\r\nno!").await;
    let door = Door::with(Settings::default(), Some(upstream), Default::default()).await;
    let token = door.token().await;
    let offered =
        "Sec-WebSocket-Protocol: doorward, app\r\nSec-WebSocket-Extensions: permessage-deflate\r\n";
    let answer = door.upgrade(&format!("Authorization: Bearer {token}\r\n{offered}")).await;
    assert_eq!((answer.status, answer.body.as_slice()), (418, &b"no!"[..]));
    assert_eq!(answer.header("connection"), Some("close"));
    let head = seen.lock().unwrap().pop().unwrap();
    assert!(head.contains("sec-websocket-protocol: app\r\n"), "{head}");
    assert!(!head.contains("deflate") && !head.contains("authorization"), "{head}");
}

//= req: UPGRADE-6, type=test
#[tokio::test]
async fn a_handshake_answered_with_what_was_not_offered_is_a_bad_gateway() {
    for answered in [
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
        Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
    ] {
        let (upstream, _seen) = guarded(answered).await;
        let door = Door::with(Settings::default(), Some(upstream), Default::default()).await;
        let token = door.token().await;
        let answer = door.upgrade(&format!("Authorization: Bearer {token}\r\n")).await;
        assert_eq!(answer.status, 502, "{answered}");
    }
}

#[tokio::test]
async fn a_guarded_server_that_is_down_is_a_clear_502() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let upstream = Upstream::parse(&format!("http://{closed}")).unwrap();
    let door = Door::with(Settings::default(), Some(upstream), Default::default()).await;
    let bearer = format!("Authorization: Bearer {}\r\n", door.token().await);
    for answer in [door.get("/", &bearer).await, door.upgrade(&bearer).await] {
        assert_eq!((answer.status, answer.code().as_str()), (502, "upstream_unreachable"));
    }
}

//= req: PROXY-6, type=test
/// CVE-2024-41666 over plain HTTP: an answer that goes on ends with the session that asked for it.
#[tokio::test]
async fn an_answer_that_goes_on_ends_with_its_session() {
    for begun in ["HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nbegun", ""] {
        let (upstream, seen) = guarded(begun).await;
        let door = Door::with(Settings::default(), Some(upstream), Default::default()).await;
        let bearer = format!("Authorization: Bearer {}\r\n", door.token().await);
        let request = format!("GET / HTTP/1.1\r\nHost: {}\r\n{bearer}\r\n", door.address);
        let mut stream = TcpStream::connect(door.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = vec![0; begun.len().min(5)];
        stream.read_exact(&mut answer).await.unwrap();
        while seen.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(door.post("/.doorward/api/logout", &bearer, "").await.status, 204);
        let _end_or_reset = stream.read_to_end(&mut answer).await;
        let text = String::from_utf8_lossy(&answer);
        let expected = if begun.is_empty() { "HTTP/1.1 401" } else { "HTTP/1.1 200" };
        assert!(text.starts_with(expected), "{text}");
    }
}

/// A guarded server whose answer doesn't end, and that says when nobody takes more of it.
async fn endless() -> (Upstream, oneshot::Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = Upstream::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let (stuck, is_stuck) = oneshot::channel();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        let more = [0; 64 * 1024];
        while timeout(Duration::from_millis(300), stream.write_all(&more)).await.is_ok() {}
        stuck.send(()).unwrap();
        std::future::pending::<()>().await;
    });
    (upstream, is_stuck)
}

//= req: PROXY-6, type=test
/// Its body is asked for nothing more, and so could not tell the connection that it is over.
#[tokio::test]
async fn an_answer_that_its_client_does_not_read_ends_with_its_session() {
    let (upstream, is_stuck) = endless().await;
    let door = Door::with(Settings::default(), Some(upstream), Default::default()).await;
    let bearer = format!("Authorization: Bearer {}\r\n", door.token().await);
    let request = format!("GET / HTTP/1.1\r\nHost: {}\r\n{bearer}\r\n", door.address);
    let mut stream = TcpStream::connect(door.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    is_stuck.await.unwrap();
    assert_eq!(door.gate.live_connections(), 1);
    assert_eq!(door.post("/.doorward/api/logout", &bearer, "").await.status, 204);
    within(async {
        while door.gate.live_connections() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

//= req: PROXY-6, type=test
#[tokio::test]
async fn an_upgrade_that_the_guarded_server_leaves_without_an_answer_ends_with_its_session() {
    for share in [false, true] {
        let (upstream, seen) = guarded("").await;
        let settings = Settings { share, ..Settings::default() };
        let door = Door::with(settings, Some(upstream), Default::default()).await;
        let bearer = format!("Authorization: Bearer {}\r\n", door.token().await);
        let mut stream = TcpStream::connect(door.address).await.unwrap();
        stream.write_all(door.handshake(&bearer).as_bytes()).await.unwrap();
        while seen.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(door.post("/.doorward/api/logout", &bearer, "").await.status, 204);
        assert_eq!(within(read_answer(&mut stream)).await.code(), "session_revoked");
        assert_eq!(door.gate.live_connections(), 0);
    }
}

/// Fails, instead of hanging, what must happen and doesn't.
pub(crate) async fn within<T>(what: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), what).await.expect("it has to come")
}
