//! How clients and the guarded server leave.

use super::*;
use doorward_websocket::{End, Peer, Violation};
use tokio::time::timeout;

use crate::support::{CLOSE, close_message, close_of, header, rest, revoked};

#[tokio::test(start_paused = true)]
async fn the_servers_close_ends_everybody_with_its_code_behind_its_last_words() {
    for (payload, expected) in [
        (&b"\x0f\xa0done"[..], Some((4000, "done".to_owned()))),
        (&b"\x03\xe8"[..], Some((1000, String::new()))),
        (&b""[..], None),
    ] {
        let mut room = room(WIDE);
        let mut members = [room.owner(64).await, room.follower(64).await];
        let last = clear(FIN | BINARY, &[9; 10_000]);
        room.say(&[last, clear(FIN | CLOSE, payload)].concat()).await;
        for member in &mut members {
            assert_eq!(member.hear().await.len(), 10_000);
            assert_eq!(close_of(&mut member.client).await, expected);
        }
        let code = expected.map(|(code, _)| code);
        let end = End::Closed { by: Peer::Server, code };
        for member in members {
            assert_eq!(soon(member.carried).await.expect("no panic").end, end);
        }
        // It gets its answer.
        let answer = rest(&mut room.server).await;
        assert_eq!(answer.first(), Some(&(FIN | CLOSE)));
        drop(room.server);
        assert_eq!(soon(room.carried).await.expect("no panic").end, end);
    }
}

#[tokio::test]
async fn a_server_that_vanishes_ends_everybody_with_1011() {
    let room = room(WIDE);
    let mut member = room.follower(WIDE).await;
    drop(room.server);
    assert_eq!(close_of(&mut member.client).await.map(|(code, _)| code), Some(1011));
    assert!(room.shared.is_over());
    // Who comes now is told the same.
    let (client, near) = duplex(WIDE);
    tokio::spawn(room.shared.join(Opened::new(near), || true, std::future::pending()));
    let mut late = websocket(client, Role::Client).await;
    assert_eq!(close_of(&mut late).await.map(|(code, _)| code), Some(1011));
}

#[tokio::test]
async fn a_server_that_breaks_the_rules_is_told_and_so_is_everybody() {
    let limit = limits().messages.from_server as u64;
    for (bytes, violation) in [
        (header(FIN | BINARY, false, limit + 1), Violation::TooBig),
        (header(FIN | BINARY, true, 1), Violation::Masked),
        (clear(FIN | TEXT, b"\xff"), Violation::NotUtf8),
    ] {
        let mut room = room(WIDE);
        let mut member = room.follower(WIDE).await;
        room.say(&bytes).await;
        assert_eq!(close_of(&mut member.client).await.map(|(code, _)| code), Some(1011));
        let mut server = websocket(room.server, Role::Server).await;
        let told = close_of(&mut server).await.map(|(code, _)| code);
        assert_eq!(told, Some(violation.close_code()));
        drop(server);
        let end = soon(room.carried).await.expect("no panic").end;
        assert_eq!(end, End::Violation { by: Peer::Server, violation });
    }
}

#[tokio::test]
async fn a_client_that_breaks_the_rules_leaves_alone() {
    let limit = limits().messages.from_client as u64;
    for (bytes, violation) in [
        (header(FIN | BINARY, true, limit + 1), Violation::TooBig),
        (clear(FIN | BINARY, b"a"), Violation::Unmasked),
        (masked(FIN | TEXT, b"\xff"), Violation::NotUtf8),
    ] {
        let room = room(WIDE);
        let (mut bad, mut good) = (room.owner(WIDE).await, room.owner(WIDE).await);
        bad.client.get_mut().write_all(&bytes).await.expect("carried");
        let told = close_of(&mut bad.client).await.map(|(code, _)| code);
        assert_eq!(told, Some(violation.close_code()));
        drop(bad.client);
        let end = soon(bad.carried).await.expect("no panic").end;
        assert_eq!(end, End::Violation { by: Peer::Client, violation });
        good.say("still here").await;
        assert_eq!(hear(&mut room.server().await).await, Message::text("still here"));
    }
}

#[tokio::test]
async fn a_client_says_goodbye_and_the_others_stay() {
    let room = room(WIDE);
    let (mut one, mut other) = (room.owner(WIDE).await, room.owner(WIDE).await);
    one.say("last words").await;
    one.client.send(close_message(3001, "bye")).await.expect("carried");
    assert_eq!(close_of(&mut one.client).await, Some((3001, "bye".to_owned())));
    let end = soon(one.carried).await.expect("no panic").end;
    assert_eq!(end, End::Closed { by: Peer::Client, code: Some(3001) });
    let mut server = room.server().await;
    assert_eq!(hear(&mut server).await, Message::text("last words"));
    other.say("still here").await;
    assert_eq!(hear(&mut server).await, Message::text("still here"));
}

#[tokio::test]
async fn over_is_told_to_everybody_and_the_server() {
    let room = room(WIDE);
    let mut members = [room.owner(WIDE).await, room.follower(WIDE).await];
    room.over.send(CloseReason::new(1001, "its opener is gone")).expect("carried");
    for member in &mut members {
        let close = close_of(&mut member.client).await;
        assert_eq!(close, Some((1001, "its opener is gone".to_owned())));
    }
    let mut server = websocket(room.server, Role::Server).await;
    assert_eq!(close_of(&mut server).await.map(|(code, _)| code), Some(1001));
    drop(server);
    let end = soon(room.carried).await.expect("no panic").end;
    assert_eq!(end, End::Ended(CloseReason::new(1001, "its opener is gone")));
}

#[tokio::test]
async fn a_connection_that_is_dropped_is_over() {
    let room = room(WIDE);
    let mut member = room.owner(WIDE).await;
    room.carried.abort();
    assert_eq!(close_of(&mut member.client).await.map(|(code, _)| code), Some(1001));
}

#[tokio::test]
async fn ended_says_why_to_that_client_alone() {
    let mut room = room(WIDE);
    let (mut one, mut other) = (room.owner(WIDE).await, room.owner(WIDE).await);
    one.end.send(revoked()).expect("carried");
    assert_eq!(close_of(&mut one.client).await, Some((4403, "session revoked".to_owned())));
    drop(one.client);
    let end = soon(one.carried).await.expect("no panic").end;
    assert_eq!(end, End::Ended(revoked()));
    room.say(&clear(FIN | TEXT, b"on it goes")).await;
    assert_eq!(other.hear().await, Message::text("on it goes"));
}

#[tokio::test(start_paused = true)]
async fn after_ended_nothing_is_passed_on_not_even_what_waited() {
    let room = room(1);
    let (mut revoked_one, mut other) = (room.owner(WIDE).await, room.owner(WIDE).await);
    // The server takes nothing yet.
    other.say("first").await;
    other.say("second").await;
    settled().await;
    revoked_one.say("waits for its turn").await;
    revoked_one.say("is not even read").await;
    settled().await;
    revoked_one.end.send(revoked()).expect("carried");
    settled().await;
    // It hasn't answered its Close frame: it is still being carried.
    let mut server = room.server().await;
    assert_eq!(hear(&mut server).await, Message::text("first"));
    assert_eq!(hear(&mut server).await, Message::text("second"));
    other.say("third").await;
    assert_eq!(hear(&mut server).await, Message::text("third"));
    let close = close_of(&mut revoked_one.client).await;
    assert_eq!(close, Some((4403, "session revoked".to_owned())));
}

#[tokio::test(start_paused = true)]
async fn ended_comes_behind_a_message_under_way() {
    let mut room = room(WIDE);
    let mut member = room.follower(64).await;
    room.say(&clear(FIN | BINARY, &[9; 10_000])).await;
    // As much as the pipe takes is under way.
    settled().await;
    member.end.send(revoked()).expect("carried");
    assert_eq!(hear(&mut member.client).await.len(), 10_000);
    let close = close_of(&mut member.client).await;
    assert_eq!(close, Some((4403, "session revoked".to_owned())));
}

#[tokio::test(start_paused = true)]
async fn no_goodbye_waits_for_a_client_that_takes_nothing() {
    let mut room = room(WIDE);
    let (stuck, revoked_one) = (room.follower(64).await, room.follower(64).await);
    room.say(&clear(FIN | BINARY, &[9; 10_000])).await;
    settled().await;
    revoked_one.end.send(revoked()).expect("carried");
    let carried = timeout(GOODBYE * 2, revoked_one.carried).await.expect("in time");
    assert_eq!(carried.expect("no panic").end, End::Ended(revoked()));
    room.over.send(CloseReason::going_away("over")).expect("carried");
    timeout(GOODBYE * 2, stuck.carried).await.expect("in time").expect("no panic");
}
