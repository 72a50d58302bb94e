//! The end of a session that is idle, as a QUIC client is told it beforehand, and as its activity
//! moves it on.

use std::sync::Arc;
use std::time::Duration;

use doorward_policy::notice::Notice;
use doorward_quic::{Limits, Upstream};
use quinn::{Connection, TransportConfig, VarInt};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::door::Door;
use crate::quic::{Caller, Wicket, Words, closed, echoes, greet};

const DAY: u64 = 24 * 3600;
/// How long an idle session lives.
const IDLE: u64 = 7 * DAY;

/// Lets time pass, and the gate see it.
async fn wait(door: &Door, seconds: u64) {
    door.clock.turn(Duration::from_secs(seconds));
    door.gate.refresh().await.unwrap();
}

/// The next notice.
async fn told(connection: &Connection) -> Notice {
    let mut stream = connection.accept_uni().await.unwrap();
    let frame = stream.read_to_end(64).await.unwrap();
    assert_eq!(frame[..2], [0, 7]);
    Notice::parse(&frame[2..]).unwrap()
}

fn movable(left: u64) -> Notice {
    Notice { left: left.try_into().unwrap(), absolute: false }
}

#[tokio::test]
async fn an_idle_client_is_told_five_minutes_and_one_minute_before_its_session_ends() {
    let door = Door::open().await;
    let wicket = Wicket::of(&door);
    let (connection, _token) = wicket.opened(&door).await;
    wait(&door, IDLE - 300).await;
    assert_eq!(told(&connection).await, movable(300));
    wait(&door, 100).await;
    wait(&door, 140).await;
    assert_eq!(told(&connection).await, movable(60), "and nothing between");
    wait(&door, 60).await;
    let closed = closed(&connection).await;
    assert_eq!((closed.code, closed.error()), (4401, "session_expired"));
}

#[tokio::test]
async fn what_a_client_sends_moves_the_end_on_up_to_the_absolute_one_and_is_told() {
    let door = Door::open().await;
    let wicket = Wicket::of(&door);
    let (connection, _token) = wicket.opened(&door).await;
    let mut passed = 0;
    let mut pass = async |seconds: u64| {
        passed += seconds;
        wait(&door, seconds).await;
        passed
    };
    for _ in 0..3 {
        pass(IDLE - 300).await;
        assert_eq!(told(&connection).await, movable(300));
        echoes(&connection).await;
        pass(0).await;
        assert_eq!(told(&connection).await, movable(IDLE), "it has moved on");
    }
    let passed = pass(IDLE - 300).await;
    assert_eq!(told(&connection).await, movable(300));
    echoes(&connection).await;
    pass(0).await;
    let left = 30 * DAY - passed;
    let last = |left: u64| Notice { absolute: true, ..movable(left) };
    assert_eq!(told(&connection).await, last(left), "to the absolute end");
    pass(left - 300).await;
    assert_eq!(told(&connection).await, last(300));
    echoes(&connection).await;
    pass(240).await;
    assert_eq!(told(&connection).await, last(60), "which nothing moves");
    pass(60).await;
    assert_eq!(closed(&connection).await.code, 4401);
}

#[tokio::test]
async fn what_goes_to_the_guarded_server_is_activity_and_what_comes_from_it_is_none() {
    let door = Door::open().await;
    let guarded = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = Upstream::parse(&format!("tcp://{}", guarded.local_addr().unwrap())).unwrap();
    let wicket = Wicket::with(&door, Some(upstream), Limits::default());
    let (connection, _token) = wicket.opened(&door).await;
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    // A frame without bytes, so that the server hears of the stream.
    assert_eq!(send.write(&[]).await.unwrap(), 0);
    let (mut server, _) = guarded.accept().await.unwrap();
    wait(&door, IDLE - 300).await;
    assert_eq!(told(&connection).await, movable(300));
    let mut byte = [0];
    server.write_all(b"x").await.unwrap();
    receive.read_exact(&mut byte).await.unwrap();
    wait(&door, 240).await;
    assert_eq!(told(&connection).await, movable(60));
    send.write_all(b"x").await.unwrap();
    server.read_exact(&mut byte).await.unwrap();
    wait(&door, 0).await;
    assert_eq!(told(&connection).await, movable(IDLE));
}

#[tokio::test]
async fn a_connection_that_is_opened_late_is_told_at_once() {
    let door = Door::open().await;
    let wicket = Wicket::of(&door);
    let token = door.token().await;
    wait(&door, IDLE - 45).await;
    let (connection, _accept) = wicket.greet(&Words::token(&token)).await.welcome();
    assert_eq!(told(&connection).await, movable(45));
}

#[tokio::test]
async fn a_client_that_allows_no_notice_goes_without_and_stays() {
    let door = Door::open().await;
    let wicket = Wicket::of(&door);
    let mut transport = TransportConfig::default();
    transport.max_concurrent_uni_streams(VarInt::from_u32(0));
    let caller = Caller { transport: Arc::new(transport), ..Caller::default() };
    let connection = caller.connect(wicket.address).await.unwrap();
    let words = Words::token(&door.token().await);
    let (connection, _accept) = greet(connection, &words.frame()).await.welcome();
    wait(&door, IDLE - 300).await;
    echoes(&connection).await;
    wait(&door, 240).await;
    echoes(&connection).await;
    assert_eq!(connection.close_reason(), None);
}
