//! Whose refusal it is: that of Doorward, or that of what it guards.

use std::sync::Arc;
use std::time::Duration;

use doorward_client::{
    Client, ClientError, Closed, Connection, Credential, Link, LinkState, SavedSessions, Session,
    Surroundings, Target, Trust,
};
use doorward_policy::Timestamp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Role};

const SECRET: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const NOW: Timestamp = Timestamp::from_secs(1000);
const TOKEN: &str = r#"{"access_token":"A.token","token_type":"Bearer","expires_in":100000,"session_id":"00","subject":"me"}"#;
const REVOKED: &str = r#"{"error":"session_revoked","message":"The session was revoked."}"#;
const LOG_IN: &str = r#"{"error":"session_expired","message":"Log in."}"#;

/// How what is guarded ends each WebSocket.
#[derive(Clone, Copy, Debug)]
enum Guarded {
    /// It answers the handshake with this status.
    Refuses(u16),
    /// It closes with this code and reason.
    Closes(u16, &'static str),
}

/// A Doorward that finds the session good or not, and what it guards.
async fn start(good: bool, guarded: Guarded) -> Session {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, good, guarded));
        }
    });
    let server = Target::parse(&url).expect("valid").server;
    let credential = Credential::parse(SECRET).expect("valid");
    client().pair(&server, &credential, [7; 32], NOW).await.expect("paired")
}

async fn serve(mut stream: TcpStream, good: bool, guarded: Guarded) {
    let mut head = vec![0; 4096];
    let length = stream.read(&mut head).await.expect("read");
    let head = String::from_utf8_lossy(&head[..length]).into_owned();
    let (status, body) = match head.split(' ').nth(1).expect("a path") {
        "/.doorward/api/token" => (200, TOKEN),
        "/.doorward/api/session" if head.contains("Bearer A.token") && good => (200, TOKEN),
        "/.doorward/api/session" => (401, REVOKED),
        _ => match guarded {
            Guarded::Refuses(status) => (status, LOG_IN),
            Guarded::Closes(code, reason) => return close(stream, &head, code, reason).await,
        },
    };
    let length = body.len();
    let answer = format!("HTTP/1.1 {status} Said\r\nContent-Length: {length}\r\n\r\n{body}");
    stream.write_all(answer.as_bytes()).await.expect("written");
}

async fn close(mut stream: TcpStream, head: &str, code: u16, reason: &'static str) {
    let key = head.split_once("sec-websocket-key: ").expect("a key").1;
    let key = derive_accept_key(key.lines().next().expect("a line").as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {key}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).await.expect("written");
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
    let frame = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
    socket.close(Some(frame)).await.expect("closed");
}

fn client() -> Client {
    Client::new(Trust::system())
}

/// A clock that stands still, and the longest waits.
struct Still;

impl Surroundings for Still {
    fn now(&self) -> Timestamp {
        NOW
    }

    fn random(&self) -> [u8; 8] {
        [255; 8]
    }
}

async fn until_closed(mut connection: Connection) -> Closed {
    loop {
        if let Err(closed) = connection.next().await {
            return closed;
        }
    }
}

/// Keeps a WebSocket: the state that it ends or first waits in, and whether the session is saved.
async fn keep(session: Session) -> (LinkState, bool) {
    let dir = tempfile::tempdir().expect("a directory");
    let saved = SavedSessions::new(dir.path().join("client"));
    saved.save(&session).expect("saved");
    let server = session.server().clone();
    let link = Link::new(client(), session, Some(saved.clone()), Arc::new(Still));
    let mut states = link.states();
    let kept = tokio::spawn(link.websocket("/echo", until_closed));
    let told = |state: &LinkState| !matches!(state, LinkState::Connecting | LinkState::Connected);
    let state = timeout(Duration::from_secs(20), states.wait_for(told)).await;
    let state = state.expect("in time").expect("a link").clone();
    kept.abort();
    let is_saved = saved.load(&server).expect("readable").is_some();
    (state, is_saved)
}

#[tokio::test]
async fn a_guarded_server_s_own_401_ends_no_session() {
    let session = start(true, Guarded::Refuses(401)).await;
    let Err(error) = client().connect(&session, "/echo").await else { panic!("it was refused") };
    assert!(matches!(error, ClientError::Guarded(_)), "{error}");
    assert_eq!(error.to_string(), "what the server guards has refused with status 401: Log in.");
    let (state, is_saved) = keep(session).await;
    assert!(matches!(state, LinkState::Ended { .. }) && is_saved, "{state:?}");
}

#[tokio::test]
async fn a_guarded_server_s_own_close_code_ends_no_session() {
    for guarded in
        [Guarded::Closes(4401, "session_expired"), Guarded::Closes(4403, "session_revoked")]
    {
        let (state, is_saved) = keep(start(true, guarded).await).await;
        assert!(matches!(state, LinkState::Waiting { .. }) && is_saved, "{guarded:?}: {state:?}");
    }
}

#[tokio::test]
async fn a_session_that_is_over_is_forgotten_as_doorward_says() {
    for guarded in [Guarded::Refuses(401), Guarded::Closes(4403, "session_revoked")] {
        let (state, is_saved) = keep(start(false, guarded).await).await;
        let LinkState::PairAgain { reason } = state else { panic!("{guarded:?}: {state:?}") };
        assert_eq!(reason, "The session was revoked.", "{guarded:?}");
        assert!(!is_saved, "{guarded:?}");
    }
}
