//! What differs between the transports.

use super::house::{House, Member, Wire};
use quinn::VarInt;
use tokio::io::AsyncWriteExt as _;

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
    assert_eq!(receive.read(&mut [0]).await, Err(quinn::ReadError::Reset(code)));
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
