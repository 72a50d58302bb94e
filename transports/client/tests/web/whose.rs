//! Whose refusal it is: that of Doorward, or that of what it guards.

use std::time::Duration;

use doorward_client::{ClientError, Link, LinkState, SavedSessions, Session};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;

use crate::desk::Desk;
use crate::support::{TOKEN, answer, client, head, listen, pair, until_closed, upgrade};

const REVOKED: &str = r#"{"error":"session_revoked","message":"The session was revoked."}"#;
const LOG_IN_PAGE: &str = "<title>Log in</title>";
const LOG_IN: &str = r#"{"error":"session_expired","message":"Log in."}"#;

/// How what is guarded ends each WebSocket.
#[derive(Clone, Copy, Debug)]
enum Guarded {
    /// It answers the handshake with this status.
    Refuses(u16),
    /// It does, with a page that is longer than any answer of Doorward's.
    RefusesAtLength(u16),
    /// It closes with this code and reason.
    Closes(u16, &'static str),
}

/// What is found about the session.
#[derive(Clone, Copy, Debug)]
enum Doorward {
    Good,
    Revoked,
    /// Somebody else's server has taken its place.
    Gone,
}

/// A Doorward and what it guards.
async fn start(doorward: Doorward, guarded: Guarded) -> Session {
    let (listener, server) = listen("http").await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, doorward, guarded));
        }
    });
    pair(&client(), &server).await.expect("paired")
}

async fn serve(mut stream: TcpStream, doorward: Doorward, guarded: Guarded) {
    let head = head(&mut stream).await;
    let (status, body) = match head.split(' ').nth(1).expect("a path") {
        "/.doorward/api/token" => (200, TOKEN.to_owned()),
        "/.doorward/api/session" if head.contains("Bearer A.token") => match doorward {
            Doorward::Good => (200, TOKEN.to_owned()),
            Doorward::Revoked => (401, REVOKED.to_owned()),
            Doorward::Gone => (401, LOG_IN_PAGE.to_owned()),
        },
        _ => match guarded {
            Guarded::Refuses(status) => (status, LOG_IN.to_owned()),
            Guarded::RefusesAtLength(status) => (status, "x".repeat(100_000)),
            Guarded::Closes(code, reason) => return close(stream, &head, code, reason).await,
        },
    };
    stream
        .write_all(answer(&format!("{status} Said"), "", &body).as_bytes())
        .await
        .expect("written");
}

async fn close(stream: TcpStream, head: &str, code: u16, reason: &'static str) {
    let mut socket = upgrade(stream, head).await;
    let frame = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
    socket.close(Some(frame)).await.expect("closed");
}

/// Keeps a WebSocket: the state that it ends or first waits in, and whether the session is saved.
async fn keep(session: Session) -> (LinkState, bool) {
    let dir = tempfile::tempdir().expect("a directory");
    let saved = SavedSessions::new(dir.path().join("client"));
    saved.save(&session).expect("saved");
    let server = session.server().clone();
    let link = Link::new(client(), session, Some(saved.clone()), Desk::new());
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
    let session = start(Doorward::Good, Guarded::Refuses(401)).await;
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
        let (state, is_saved) = keep(start(Doorward::Good, guarded).await).await;
        assert!(matches!(state, LinkState::Waiting { .. }) && is_saved, "{guarded:?}: {state:?}");
    }
}

#[tokio::test]
async fn a_session_that_is_over_is_forgotten_as_doorward_says() {
    for guarded in [Guarded::Refuses(401), Guarded::Closes(4403, "session_revoked")] {
        let (state, is_saved) = keep(start(Doorward::Revoked, guarded).await).await;
        let LinkState::PairAgain { reason } = state else { panic!("{guarded:?}: {state:?}") };
        assert_eq!(reason, "The session was revoked.", "{guarded:?}");
        assert!(!is_saved, "{guarded:?}");
    }
}

#[tokio::test]
async fn a_refusal_with_a_long_page_is_a_refusal() {
    for status in [401, 404] {
        let session = start(Doorward::Good, Guarded::RefusesAtLength(status)).await;
        let (state, is_saved) = keep(session).await;
        let LinkState::Ended { reason } = state else { panic!("{status}: {state:?}") };
        assert_eq!(reason, format!("what the server guards has refused with status {status}"));
        assert!(is_saved);
    }
}

#[tokio::test]
async fn a_server_in_doorward_s_place_ends_no_session() {
    for guarded in [Guarded::Refuses(401), Guarded::Closes(4401, "session_expired")] {
        let (state, is_saved) = keep(start(Doorward::Gone, guarded).await).await;
        assert!(!matches!(state, LinkState::PairAgain { .. }) && is_saved, "{state:?}");
    }
}
