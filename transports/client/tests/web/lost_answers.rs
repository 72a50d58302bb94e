//! A client whose server misbehaves: answers that are lost, refused, or not Doorward's.

use std::sync::{Arc, Mutex};

use doorward_client::{ClientError, Server, Session};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::desk::NOW;
use crate::support::{TOKEN, answer, client, listen, pair};

/// A server that gives these answers, one a connection; `""` hangs up after the request.
struct Scripted {
    server: Server,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    async fn new(answers: &[&str]) -> Self {
        let (listener, server) = listen("http").await;
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let answers: Vec<_> = answers.iter().map(ToString::to_string).collect();
        tokio::spawn(async move {
            for answer in answers {
                let (mut stream, _) = listener.accept().await.expect("accepted");
                let request = read_request(&mut stream).await;
                seen.lock().expect("whole").push(request);
                stream.write_all(answer.as_bytes()).await.expect("written");
            }
        });
        Self { server, requests }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("whole").clone()
    }

    async fn pair(&self) -> Result<Session, ClientError> {
        pair(&client(), &self.server).await
    }
}

async fn read_request(stream: &mut tokio::net::TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 1024];
        let count = stream.read(&mut chunk).await.expect("read");
        bytes.extend_from_slice(&chunk[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().ok())?
        });
        if body.len() >= length.unwrap_or(0) {
            return text;
        }
    }
}

fn granted() -> String {
    answer("200 OK", "", TOKEN)
}

fn body(request: &str) -> &str {
    request.split_once("\r\n\r\n").expect("a body").1
}

#[tokio::test]
async fn a_lost_answer_is_fetched_again_with_the_same_nonce() {
    let server = Scripted::new(&["", "", &granted()]).await;
    let session = server.pair().await.expect("paired");
    assert_eq!((session.id(), session.subject()), ("00", "me"));
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    assert!(requests.iter().all(|request| body(request) == body(&requests[0])));
    assert!(requests[0].starts_with("POST /.doorward/api/token HTTP/1.1\r\n"));
    assert!(!requests[0].to_lowercase().contains("\r\norigin:"), "it is no browser");
}

#[tokio::test]
async fn it_gives_up_after_a_few_tries() {
    let server = Scripted::new(&[""; 4]).await;
    assert!(matches!(server.pair().await, Err(ClientError::Unreachable(..))));
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn an_unavailable_server_is_asked_again_and_a_refusal_is_final() {
    let unavailable = answer("503 Service Unavailable", "Retry-After: 0\r\n", "{}");
    let server = Scripted::new(&[&unavailable, &granted()]).await;
    server.pair().await.expect("paired");

    let said = r#"{"error":"grant_refused","message":"This link was used."}"#;
    let server = Scripted::new(&[&answer("401 Unauthorized", "", said)]).await;
    let Err(ClientError::Refused(refused)) = server.pair().await else { panic!("it was refused") };
    assert_eq!((refused.status, refused.code.as_str()), (401, "grant_refused"));
    assert_eq!(refused.to_string(), "This link was used.");

    let limited = answer("429 Too Many Requests", "Retry-After: 42\r\n", r#"{"message":"Wait."}"#);
    let server = Scripted::new(&[&limited]).await;
    let Err(error) = server.pair().await else { panic!("it was refused") };
    assert_eq!(error.to_string(), "Wait. (in 42 s)");
}

#[tokio::test]
async fn a_redemption_that_took_too_long_is_repeated_with_the_same_nonce() {
    let late = r#"{"error":"deadline","message":"That took too long."}"#;
    let late = answer("408 Request Timeout", "Retry-After: 0\r\n", late);
    let server = Scripted::new(&[&late, &granted()]).await;
    server.pair().await.expect("paired");
    let requests = server.requests();
    assert_eq!(body(&requests[0]), body(&requests[1]));
}

//= req: CLIENT-5, type=test
#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Scripted::new(&[&granted()]).await;
    let location = format!("Location: {}/\r\n", elsewhere.server.origin());
    let server = Scripted::new(&[&answer("307 Temporary Redirect", &location, "")]).await;
    assert!(matches!(server.pair().await, Err(ClientError::Refused(_))));
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn where_nothing_listens_nothing_is_repeated() {
    let (listener, server) = listen("http").await;
    drop(listener);
    let Err(error) = pair(&client(), &server).await else { panic!("nobody there") };
    assert!(error.to_string().contains("doorward serve"), "{error}");
}

//= req: CLIENT-8, type=test
/// However good it would be.
#[tokio::test]
async fn no_more_is_read_than_an_answer_can_be_long() {
    let padded = |length: usize| {
        let space = " ".repeat(length - TOKEN.len());
        answer("200 OK", "", &format!("{TOKEN}{space}"))
    };
    let server = Scripted::new(&[&padded(64 * 1024)]).await;
    server.pair().await.expect("paired");
    let long = padded(64 * 1024 + 1);
    let server = Scripted::new(&[&long, &long, &long, &long]).await;
    assert!(matches!(server.pair().await, Err(ClientError::Unreachable(..))));
}

#[tokio::test]
async fn a_renewal_yields_a_fresher_session_or_none_or_the_denial() {
    let body = r#"{"session_id":"00","subject":"me"}"#;
    let denial = r#"{"error":"session_revoked","message":"The session was revoked; pair again."}"#;
    let answers =
        [granted(), granted(), answer("200 OK", "", body), answer("401 Unauthorized", "", denial)];
    let server = Scripted::new(&answers.each_ref().map(String::as_str)).await;
    let session = server.pair().await.expect("paired");
    assert!(client().renew(&session, NOW).await.expect("renewed").is_some());
    assert!(client().renew(&session, NOW).await.expect("not yet").is_none());
    let Err(ClientError::Refused(refused)) = client().renew(&session, NOW).await else {
        panic!("it was refused")
    };
    assert!(refused.wants_pairing());
    assert!(server.requests()[1].contains("Bearer A.token"));
}

#[tokio::test]
async fn what_does_not_speak_websocket_is_refused() {
    let refusal = r#"{"error":"upstream_unreachable","message":"The guarded server is down."}"#;
    let wrong = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n";
    let answers = [granted(), answer("502 Bad Gateway", "", refusal), wrong.to_owned()];
    let server = Scripted::new(&answers.each_ref().map(String::as_str)).await;
    let session = server.pair().await.expect("paired");
    let Err(error) = client().connect(&session, "/echo").await else { panic!("it was refused") };
    assert_eq!(error.to_string(), "The guarded server is down.");
    let Err(error) = client().connect(&session, "/echo").await else { panic!("the key is wrong") };
    assert!(matches!(error, ClientError::Unexpected(..)), "{error}");
}
