//! What differs between the transports.

use std::time::Duration;

use quinn::{ReadError, VarInt};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::house::{House, Member, Server, Wire, soon};

/// More than pipes, windows and queues hold together.
const MUCH: usize = 24 << 20;

#[tokio::test]
async fn the_servers_close_ends_every_websocket_with_its_code() {
    let house = House::open().await;
    let (first, second) = (house.operator().await, house.operator().await);
    let (mut owner, mut server) = house.opened(Wire::WebSocket, &first).await;
    let mut follower = house.join(Wire::WebSocket, &second).await;
    house.until(&second, |room| room["role"] == "follower").await;
    server.say("bye").await;
    server.stream.write_all(b"\x88\x02\x0f\xa1").await.unwrap();
    for member in [&mut owner, &mut follower] {
        member.hears("bye").await;
        assert_eq!(member.ends().await, 4001);
    }
}

#[tokio::test]
async fn the_servers_end_finishes_every_stream_and_the_next_begins_anew() {
    let house = House::open().await;
    let (first, second) = (house.operator().await, house.operator().await);
    let (mut owner, mut server) = house.opened(Wire::Quic, &first).await;
    let mut follower = house.join(Wire::Quic, &second).await;
    house.until(&second, |room| room["role"] == "follower").await;
    server.say("bye").await;
    drop(server);
    for member in [&mut owner, &mut follower] {
        member.hears("bye").await;
        assert_eq!(member.ends().await, 0);
    }
    let (mut owner, mut server) = house.opened(Wire::Quic, &first).await;
    owner.say("anew").await;
    server.hears("anew").await;
}

#[tokio::test]
async fn a_server_that_breaks_off_resets_every_stream() {
    let house = House::open().await;
    let (mut owner, mut server) = house.opened(Wire::Quic, &house.operator().await).await;
    owner.say("x").await;
    server.hears("x").await;
    server.stream.set_zero_linger().unwrap();
    drop(server);
    assert_eq!(owner.ends().await, 4502);
}

#[tokio::test]
async fn a_connection_joins_with_its_first_stream_alone() {
    let house = House::open().await;
    let (mut owner, mut server) = house.opened(Wire::Quic, &house.operator().await).await;
    let Member::Quic(connection, ..) = &owner else { unreachable!() };
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    send.write_all(b"me too").await.unwrap();
    let code = VarInt::from_u32(4409);
    assert_eq!(receive.read(&mut [0]).await, Err(ReadError::Reset(code)));
    assert_eq!(send.stopped().await, Ok(Some(code)));
    owner.say("first").await;
    server.hears("first").await;
}

#[tokio::test]
async fn an_owner_that_finishes_its_side_still_hears_and_ends_nobody_elses() {
    let house = House::open().await;
    let (first, second) = (house.operator().await, house.operator().await);
    let (mut owner, mut server) = house.opened(Wire::Quic, &first).await;
    let mut follower = house.join(Wire::Quic, &second).await;
    house.until(&second, |room| room["role"] == "follower").await;
    owner.say("all").await;
    let Member::Quic(_, send, _) = &mut owner else { unreachable!() };
    send.finish().unwrap();
    server.hears("all").await;
    server.say("still").await;
    owner.hears("still").await;
    follower.hears("still").await;
}

#[tokio::test]
async fn a_session_that_owns_writes_from_each_of_its_connections() {
    let house = House::open().await;
    let token = house.operator().await;
    let (mut one, mut server) = house.opened(Wire::Quic, &token).await;
    let mut other = house.join(Wire::Quic, &token).await;
    one.say("one").await;
    server.hears("one").await;
    other.say("other").await;
    server.hears("other").await;
}

#[tokio::test]
async fn an_owner_that_says_goodbye_is_away_before_the_answer_comes() {
    let house = House::open().await;
    let (first, second) = (house.operator().await, house.operator().await);
    let (mut owner, _server) = house.opened(Wire::WebSocket, &first).await;
    let _follower = house.join(Wire::WebSocket, &second).await;
    house.until(&second, |room| room["role"] == "follower").await;
    let Member::WebSocket(stream) = &mut owner else { unreachable!() };
    stream.write_all(b"\x88\x82\0\0\0\0\x03\xe8").await.unwrap();
    assert_eq!(owner.ends().await, 1000);
    // Its stream is still open.
    assert_eq!(house.room(&second).await["owner"]["connected"], false);
}

#[tokio::test]
async fn an_owner_that_loses_the_lease_is_cut_off_in_the_middle() {
    let house = House::open().await;
    let (first, second) = (house.operator().await, house.operator().await);
    let (mut owner, _server) = house.opened(Wire::Quic, &first).await;
    let _follower = house.join(Wire::Quic, &second).await;
    house.until(&second, |room| room["role"] == "follower").await;
    house.act(&second, r#"{"do":"ask"}"#).await;
    let Member::Quic(_, send, _) = &mut owner else { unreachable!() };
    // The server reads none of it.
    let mut sent = 0;
    let much = vec![7; MUCH];
    while let Ok(more) = timeout(Duration::from_millis(200), send.write(&much[sent..])).await {
        sent += more.unwrap();
    }
    assert_eq!(house.act(&first, r#"{"do":"release"}"#).await.status, 200);
    // While nothing is taken.
    owner.is_told_that_it_follows().await;
}

#[tokio::test]
async fn a_follower_that_does_not_keep_up_is_cut_off_and_slows_nobody() {
    let house = House::open().await;
    let (first, second) = (house.operator().await, house.operator().await);
    let (mut owner, server) = house.opened(Wire::Quic, &first).await;
    let mut follower = house.join(Wire::Quic, &second).await;
    house.until(&second, |room| room["role"] == "follower").await;
    let Server { mut stream, .. } = server;
    let saying = tokio::spawn(async move {
        stream.write_all(&vec![7; MUCH]).await.unwrap();
        stream
    });
    let Member::Quic(_, _, receive) = &mut owner else { unreachable!() };
    let mut heard = 0;
    while heard < MUCH {
        heard += receive.read_chunk(MUCH, true).await.unwrap().unwrap().bytes.len();
    }
    let _stream = saying.await.unwrap();
    let Member::Quic(_, _, receive) = &mut follower else { unreachable!() };
    // It is told without having taken anything.
    let code = soon(receive.received_reset()).await.unwrap();
    assert_eq!(code, Some(VarInt::from_u32(1013)));
}

#[tokio::test]
async fn nobody_takes_more_places_than_a_room_has_for_one_session() {
    let house = House::open().await;
    let token = house.operator().await;
    let (mut owner, mut server) = house.opened(Wire::Quic, &token).await;
    let mut others = Vec::new();
    for _ in 1..8 {
        let mut other = house.join(Wire::Quic, &token).await;
        other.say("x").await;
        server.hears("x").await;
        others.push(other);
    }
    assert_eq!(house.join(Wire::Quic, &token).await.ends().await, 1013);
    owner.say("still").await;
    server.hears("still").await;
}

#[tokio::test]
async fn a_server_that_can_not_be_reached_resets_and_is_tried_again() {
    let mut house = House::open().await;
    let token = house.operator().await;
    let address = house.stop_bytes();
    for _ in 0..2 {
        assert_eq!(house.join(Wire::Quic, &token).await.ends().await, 4502);
    }
    house.start_bytes(address).await;
    let (mut owner, mut server) = house.opened(Wire::Quic, &token).await;
    owner.say("at last").await;
    server.hears("at last").await;
}

#[tokio::test]
async fn what_is_shared_ends_with_the_listener() {
    let house = House::open().await;
    let token = house.operator().await;
    let (mut owner, mut server) = house.opened(Wire::Quic, &token).await;
    owner.say("x").await;
    server.hears("x").await;
    let House { door, wicket, .. } = house;
    door.gate.drain();
    assert_eq!(owner.ends().await, 1001);
    wicket.drain().await;
    let mut rest = Vec::new();
    // Reset, or ended: nobody holds it any more.
    let _result = soon(server.stream.read_to_end(&mut rest)).await;
    assert!(rest.is_empty());
}
