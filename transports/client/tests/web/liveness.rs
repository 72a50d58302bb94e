//! A WebSocket whose server falls silent.

use std::time::Duration;

use doorward_client::{Closed, Connection, Link, LinkState, Received, Session};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tungstenite::Message;

use crate::desk::Desk;
use crate::support::{Socket, TOKEN, answer, client, head, listen, pair, until_closed, upgrade};

/// A server that redeems what it is given, and hands over the WebSockets that are opened.
async fn start() -> (Session, mpsc::UnboundedReceiver<Socket>) {
    let (listener, server) = listen("http").await;
    let (sender, sockets) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Some(socket) = serve(stream).await {
                let _result = sender.send(socket);
            }
        }
    });
    let session = pair(&client(), &server).await.expect("paired");
    (session, sockets)
}

async fn serve(mut stream: TcpStream) -> Option<Socket> {
    let head = head(&mut stream).await;
    if head.contains("sec-websocket-key: ") {
        return Some(upgrade(stream, &head).await);
    }
    stream.write_all(answer("200 OK", "", TOKEN).as_bytes()).await.expect("written");
    None
}

async fn connect(session: &Session) -> Connection {
    client().connect(session, "/echo").await.expect("connected")
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stays_silent_is_given_up() {
    let (session, mut sockets) = start().await;
    let mut connection = connect(&session).await;
    let _silent = sockets.recv().await.expect("a socket");
    assert!(timeout(secs(39), connection.next()).await.is_err(), "it has time to answer");
    let closed = timeout(secs(2), connection.next()).await.expect("given up");
    assert!(matches!(closed, Err(Closed::Dropped(_))), "{closed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_answers_is_waited_for() {
    let (session, mut sockets) = start().await;
    let mut connection = connect(&session).await;
    let mut socket = sockets.recv().await.expect("a socket");
    let server = tokio::spawn(async move {
        let mut pings = 0;
        while pings < 100 {
            let message = socket.next().await.expect("open").expect("sound");
            pings += u32::from(message.is_ping());
        }
        socket.send(Message::text("late")).await.expect("sent");
        socket
    });
    let received = connection.next().await;
    assert_eq!(received, Ok(Received::Text("late".to_owned())));
    server.await.expect("no panic");
}

#[tokio::test(start_paused = true)]
async fn a_goodbye_is_followed_by_no_ping() {
    let (session, mut sockets) = start().await;
    let mut connection = connect(&session).await;
    let mut socket = sockets.recv().await.expect("a socket");
    connection.say_goodbye().await.expect("said");
    assert!(timeout(secs(100), connection.next()).await.is_err(), "it waits for the answer");
    assert!(matches!(socket.next().await, Some(Ok(Message::Close(_)))));
    drop(socket);
    assert!(connection.next().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_server_is_doubted_after_a_sleep_and_found_again() {
    let (session, mut sockets) = start().await;
    let desk = Desk::new();
    let link = Link::new(client(), session, None, desk.clone());
    let mut states = link.states();
    let kept = tokio::spawn(link.websocket("/echo", until_closed));
    let _silent = sockets.recv().await.expect("a socket");
    states.wait_for(|state| *state == LinkState::Connected).await.expect("a link");
    desk.advance(secs(3600));
    let waiting = states.wait_for(|state| matches!(state, LinkState::Waiting { .. }));
    timeout(secs(7), waiting).await.expect("noticed").expect("a link");
    let _again = sockets.recv().await.expect("another socket");
    kept.abort();
}
