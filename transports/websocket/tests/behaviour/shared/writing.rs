//! Who may write, and who may not.

use super::*;
use tokio::time::{advance, timeout};

/// What a follower is told.
fn refusal(message: &Message) -> bool {
    message.to_text().is_ok_and(|text| text.starts_with(r#"{"error":"not_owner","message":""#))
}

#[tokio::test]
async fn what_the_owner_says_reaches_the_server() {
    let room = room(64);
    let mut owner = room.owner(64).await;
    let mut server = room.server().await;
    let messages =
        [Message::text("ls"), Message::text(""), Message::binary(vec![7; 100_000]), "end".into()];
    for message in messages {
        let (sent, heard) =
            tokio::join!(soon(owner.client.send(message.clone())), hear(&mut server));
        sent.expect("carried");
        assert!(heard == message);
    }
}

//= req: WS-6, type=test
#[tokio::test]
async fn a_follower_that_writes_is_told_and_stays_and_nothing_arrives() {
    let mut room = room(WIDE);
    let (mut owner, mut follower) = (room.owner(WIDE).await, room.follower(WIDE).await);
    follower.say("rm -rf /").await;
    assert!(refusal(&follower.hear().await));
    owner.say("ls").await;
    room.say(&clear(FIN | TEXT, b"files")).await;
    assert_eq!(follower.hear().await, Message::text("files"));
    assert_eq!(owner.hear().await, Message::text("files"));
    // The follower's would have come first.
    assert_eq!(hear(&mut room.server().await).await, Message::text("ls"));
}

#[tokio::test(start_paused = true)]
async fn a_follower_is_told_once_a_second() {
    let mut room = room(WIDE);
    let mut follower = room.follower(WIDE).await;
    for _ in 0..100 {
        follower.say("me").await;
    }
    assert!(refusal(&follower.hear().await));
    timeout(Duration::from_millis(1), follower.client.next()).await.expect_err("told once");
    room.say(&clear(FIN | TEXT, b"news")).await;
    assert_eq!(follower.hear().await, Message::text("news"));
    advance(Duration::from_secs(1)).await;
    follower.say("me").await;
    assert!(refusal(&follower.hear().await));
}

#[tokio::test(start_paused = true)]
async fn a_follower_does_not_wait_to_be_told_while_the_server_takes_nothing() {
    let room = room(1);
    let (mut owner, mut follower) = (room.owner(WIDE).await, room.follower(WIDE).await);
    owner.say("long").await;
    owner.say("second").await;
    settled().await;
    follower.say("me").await;
    assert!(refusal(&follower.hear().await));
}

#[tokio::test]
async fn who_may_write_is_asked_about_each_message() {
    let room = room(WIDE);
    let (mut one, mut other) = (room.owner(WIDE).await, room.follower(WIDE).await);
    one.say("mine").await;
    let mut server = room.server().await;
    assert_eq!(hear(&mut server).await, Message::text("mine"));
    one.may_write.store(false, Ordering::SeqCst);
    other.may_write.store(true, Ordering::SeqCst);
    one.say("no longer").await;
    assert!(refusal(&one.hear().await));
    other.say("mine now").await;
    assert_eq!(hear(&mut server).await, Message::text("mine now"));
}

//= req: WS-6, type=test
#[tokio::test(start_paused = true)]
async fn what_waited_while_the_right_to_write_was_lost_is_not_passed_on() {
    let room = room(1);
    let (mut one, mut other) = (room.owner(WIDE).await, room.owner(WIDE).await);
    // The server takes nothing of this yet: whatever comes behind it waits.
    one.say("long").await;
    one.say("second").await;
    settled().await;
    other.say("waits").await;
    settled().await;
    other.may_write.store(false, Ordering::SeqCst);
    let mut server = room.server().await;
    assert_eq!(hear(&mut server).await, Message::text("long"));
    assert_eq!(hear(&mut server).await, Message::text("second"));
    assert!(refusal(&other.hear().await));
    one.say("last").await;
    assert_eq!(hear(&mut server).await, Message::text("last"));
}

#[tokio::test]
async fn permission_is_let_go_of_when_the_client_leaves() {
    let room = room(WIDE);
    let member = room.owner(WIDE).await;
    assert_eq!(Arc::strong_count(&member.may_write), 2);
    drop(member.client);
    soon(member.carried).await.expect("no panic");
    assert_eq!(Arc::strong_count(&member.may_write), 1);
}
