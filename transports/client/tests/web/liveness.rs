//! A WebSocket whose server falls silent.

use std::sync::Arc;
use std::time::Duration;

use doorward_client::{
    Client, Closed, Connection, Credential, Link, LinkState, Received, Session, Surroundings,
    Target, Trust,
};
use doorward_policy::Timestamp;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tungstenite::Message;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::Role;

const SECRET: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const NOW: Timestamp = Timestamp::from_secs(1000);
const TOKEN: &str = r#"{"access_token":"A.token","token_type":"Bearer","expires_in":100000,"session_id":"00","subject":"me"}"#;

type Socket = WebSocketStream<TcpStream>;

/// A server that redeems what it is given, and hands over the WebSockets that are opened.
async fn start() -> (Session, mpsc::UnboundedReceiver<Socket>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (sender, sockets) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Some(socket) = serve(stream).await {
                let _result = sender.send(socket);
            }
        }
    });
    let server = Target::parse(&url).expect("valid").server;
    let credential = Credential::parse(SECRET).expect("valid");
    let session = client().pair(&server, &credential, [7; 32], NOW).await.expect("paired");
    (session, sockets)
}

fn client() -> Client {
    Client::new(Trust::system())
}

async fn serve(mut stream: TcpStream) -> Option<Socket> {
    let mut head = vec![0; 4096];
    let length = stream.read(&mut head).await.expect("read");
    let head = String::from_utf8_lossy(&head[..length]).into_owned();
    let Some((_, key)) = head.split_once("sec-websocket-key: ") else {
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{TOKEN}", TOKEN.len());
        stream.write_all(answer.as_bytes()).await.expect("written");
        return None;
    };
    let key = derive_accept_key(key.lines().next().expect("a line").as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {key}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).await.expect("written");
    Some(WebSocketStream::from_raw_socket(stream, Role::Server, None).await)
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

/// A clock that stands still, and then stands an hour later.
struct Clock(std::sync::atomic::AtomicBool);

impl Surroundings for Clock {
    fn now(&self) -> Timestamp {
        let late = self.0.load(std::sync::atomic::Ordering::SeqCst);
        if late { NOW.plus(secs(3600)) } else { NOW }
    }

    fn random(&self) -> [u8; 8] {
        [255; 8]
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_is_doubted_after_a_sleep_and_found_again() {
    let (session, mut sockets) = start().await;
    let clock = Arc::new(Clock(false.into()));
    let link = Link::new(client(), session, None, clock.clone());
    let mut states = link.states();
    let kept = tokio::spawn(link.websocket("/echo", async |mut connection| {
        loop {
            if let Err(closed) = connection.next().await {
                return closed;
            }
        }
    }));
    let _silent = sockets.recv().await.expect("a socket");
    states.wait_for(|state| *state == LinkState::Connected).await.expect("a link");
    clock.0.store(true, std::sync::atomic::Ordering::SeqCst);
    let waiting = states.wait_for(|state| matches!(state, LinkState::Waiting { .. }));
    timeout(secs(7), waiting).await.expect("noticed").expect("a link");
    let _again = sockets.recv().await.expect("another socket");
    kept.abort();
}
