//! Nobody slows others down.

use futures_util::{SinkExt, StreamExt};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use tokio::time::timeout;

use crate::support::close_of;

fn small(queue: usize) -> SharedLimits {
    SharedLimits { queue, ..limits() }
}

#[tokio::test(start_paused = true)]
async fn who_does_not_keep_up_is_cut_off_and_the_others_go_on() {
    for length in [0, 100, 5_000, 50_000] {
        let mut room = room_with(1024, small(10_000));
        let (mut quick, mut stuck) = (room.owner(1024).await, room.follower(64).await);
        let frame = clear(FIN | BINARY, &vec![1; length]);
        for _ in 0..300 {
            let say = async { room.server.write_all(&frame).await.expect("carried") };
            let ((), heard) = tokio::join!(say, quick.hear());
            assert_eq!(heard.len(), length);
        }
        let close = close_of(&mut stuck.client).await;
        assert_eq!(close, Some((1013, "too slow".to_owned())), "{length}");
        let end = soon(stuck.carried).await.expect("no panic").end;
        assert_eq!(end, doorward_websocket::End::Ended(CloseReason::new(1013, "too slow")));
    }
}

#[tokio::test(start_paused = true)]
async fn the_only_client_is_never_too_slow_the_server_waits_for_it() {
    let mut room = room_with(1024, small(10_000));
    let mut only = room.follower(64).await;
    let frame = clear(FIN | BINARY, &[1; 7_000]);
    let mut sent = 0;
    // Time passes only when nothing else happens.
    while timeout(Duration::from_secs(1), room.server.write_all(&frame)).await.is_ok() {
        sent += 1;
    }
    assert!(sent < 10, "{sent} messages of 7,000 bytes");
    for _ in 0..sent {
        assert_eq!(only.hear().await.len(), 7_000);
    }
}

#[tokio::test]
async fn who_are_equally_fast_stay_together() {
    for length in [1, 900, 6_000, 60_000] {
        let mut room = room_with(4096, small(10_000));
        let mut members =
            [room.owner(256).await, room.follower(256).await, room.follower(256).await];
        let frame = clear(FIN | BINARY, &vec![1; length]);
        let say = async {
            for _ in 0..200 {
                room.server.write_all(&frame).await.expect("carried");
            }
        };
        let hear_all = futures_util::future::join_all(members.iter_mut().map(async |member| {
            for _ in 0..200 {
                assert_eq!(member.hear().await.len(), length);
            }
        }));
        tokio::join!(say, hear_all);
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_a_message_behind_is_not_too_slow_however_long_it_is() {
    let mut room = room_with(1024, small(10_000));
    let (mut quick, mut behind) = (room.owner(64).await, room.follower(64).await);
    let frames = clear(FIN | BINARY, &[1; 60_000]).repeat(3);
    let hear = async {
        for _ in 0..3 {
            assert_eq!(quick.hear().await.len(), 60_000);
        }
    };
    tokio::join!(room.say(&frames), hear);
    for _ in 0..3 {
        assert_eq!(behind.hear().await.len(), 60_000);
    }
}

#[tokio::test(start_paused = true)]
async fn who_stopped_together_need_not_go_on_together() {
    let room = room_with(64, small(10_000));
    let (mut one, mut other) = (room.owner(64).await, room.follower(64).await);
    let mut server = room.server;
    tokio::spawn(
        async move { server.write_all(&clear(FIN | BINARY, &[1; 100]).repeat(200)).await },
    );
    // Nobody takes anything, so the server waits.
    settled().await;
    for _ in 0..10 {
        one.hear().await;
        settled().await;
    }
    for _ in 0..10 {
        assert_eq!(other.hear().await.len(), 100);
    }
}

#[tokio::test(start_paused = true)]
async fn who_leaves_while_the_server_waits_for_it_keeps_nobody_waiting() {
    let mut room = room_with(64, small(1_000));
    let stuck = room.follower(64).await;
    let frame = clear(FIN | BINARY, &[1; 900]);
    while timeout(Duration::from_secs(1), room.server.write_all(&frame)).await.is_ok() {}
    drop(stuck.client);
    soon(stuck.carried).await.expect("no panic");
    soon(room.server.write_all(&[2; 10_000])).await.expect("taken");
}

#[tokio::test(start_paused = true)]
async fn who_speaks_without_end_does_not_silence_others() {
    let room = room(1);
    let (mut loud, mut quiet) = (room.owner(WIDE).await, room.owner(WIDE).await);
    for _ in 0..1_000 {
        loud.say("!").await;
    }
    quiet.say("excuse me").await;
    settled().await;
    let mut server = room.server().await;
    let mut before = 0;
    while hear(&mut server).await != Message::text("excuse me") {
        before += 1;
    }
    assert!(before <= 3, "{before} others came first");
}

#[tokio::test]
async fn a_server_that_speaks_without_end_is_interrupted() {
    let room = room(256);
    let mut owner = room.owner(256).await;
    let (mut from, mut to) = tokio::io::split(room.server);
    let speaks = async {
        let flood = clear(FIN | TEXT, b"y").repeat(100);
        while to.write_all(&flood).await.is_ok() {}
    };
    owner.say("stop").await;
    let listens = async { while owner.client.next().await.is_some() {} };
    let mut frame = [0; 10];
    tokio::select! {
        read = soon(from.read_exact(&mut frame)) => assert_eq!(read.expect("a frame"), 10),
        ((), ()) = async { tokio::join!(speaks, listens) } => panic!("it goes on for ever"),
    }
}

#[tokio::test(start_paused = true)]
async fn who_takes_nothing_can_still_speak() {
    let mut room = room(WIDE);
    let mut owner = room.owner(64).await;
    room.say(&clear(FIN | BINARY, &[1; 10_000])).await;
    settled().await;
    owner.say("interrupt").await;
    assert_eq!(hear(&mut room.server().await).await, Message::text("interrupt"));
}

/// Somebody's messages, each with its number and of some length.
fn messages(who: &str, count: usize, lengths: &[usize]) -> Vec<Message> {
    let long = |number: usize| "x".repeat(lengths[number % lengths.len()]);
    (0..count).map(|number| Message::text(format!("{who} {number} {}", long(number)))).collect()
}

/// Says all of these while it hears as many as those, in whatever order.
async fn talk(
    socket: WebSocketStream<DuplexStream>,
    say: &[Message],
    count: usize,
) -> (WebSocketStream<DuplexStream>, Vec<Message>) {
    let (mut sink, mut stream) = socket.split();
    let says = async {
        for message in say {
            sink.send(message.clone()).await.expect("carried");
        }
    };
    let hears = async {
        let mut heard = Vec::new();
        while heard.len() < count {
            heard.push(soon(stream.next()).await.expect("carried").expect("lawful"));
        }
        heard
    };
    let ((), heard) = tokio::join!(says, hears);
    (sink.reunite(stream).expect("of one socket"), heard)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    #[test]
    fn everybody_hears_everything_once_and_in_order_and_so_does_the_server(
        lengths in vec(0..5_000_usize, 1..8),
        from_server in 0..20_usize,
        from_each in 0..20_usize,
        widths in vec(100..2_000_usize, 3),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime").block_on(async {
            let room = room(widths[0]);
            let (one, other) = (room.owner(widths[1]).await, room.owner(widths[2]).await);
            let (server, shared) = (websocket(room.server, Role::Server).await, room.shared);
            let said = messages("server", from_server, &lengths);
            let [of_one, of_other] = ["one", "other"].map(|it| messages(it, from_each, &lengths));
            let (server, one, other) = tokio::join!(
                talk(server, &said, 2 * from_each),
                talk(one.client, &of_one, from_server),
                talk(other.client, &of_other, from_server),
            );
            assert!(one.1 == said && other.1 == said);
            let is_of_one = |it: &Message| it.to_text().is_ok_and(|it| it.starts_with("one"));
            let (from_one, from_other): (Vec<_>, Vec<_>) = server.1.into_iter().partition(is_of_one);
            assert!(from_one == of_one && from_other == of_other);
            drop(shared);
        });
    }
}
