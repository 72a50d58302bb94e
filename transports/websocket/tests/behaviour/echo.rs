//! The console's echo.

use doorward_websocket::{CloseReason, End, Limits, Opened, Peer, Summary, Violation, echo};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tungstenite::protocol::{Message, Role};

use crate::support::{
    BINARY, CLOSE, CONTINUE, FIN, GOODBYE, PING, TEXT, clear, close_message, close_of, header,
    masked, rest, revoked, until, websocket,
};

struct Talk {
    client: DuplexStream,
    end: oneshot::Sender<CloseReason>,
    echo: JoinHandle<Summary>,
}

fn talk(room: usize) -> Talk {
    let (client, near) = duplex(room);
    let (end, ended) = oneshot::channel();
    let limits = Limits { goodbye: GOODBYE, ..Limits::default() };
    let echo = tokio::spawn(echo(Opened::new(near), limits, until(ended)));
    Talk { client, end, echo }
}

#[tokio::test]
async fn text_and_binary_come_back() {
    for room in [1, 64, 1 << 16] {
        let Talk { client, .. } = talk(room);
        let mut client = websocket(client, Role::Client).await;
        for message in [
            Message::text("hello"),
            Message::text(""),
            Message::binary(vec![0, 255]),
            Message::text("ü".repeat(3_000)),
            Message::binary(vec![3; 20_000]),
        ] {
            client.send(message.clone()).await.expect("sent");
            assert!(client.next().await.expect("one").expect("lawful") == message);
        }
    }
}

#[tokio::test]
async fn messages_sent_in_one_go_come_back_in_order() {
    let Talk { mut client, .. } = talk(1 << 16);
    let (mut sent, mut expected) = (Vec::new(), Vec::new());
    for length in [0, 1, 3000, 5, 125, 126, 10_000, 1] {
        sent.extend(masked(FIN | BINARY, &vec![7; length]));
        expected.extend(clear(FIN | BINARY, &vec![7; length]));
    }
    sent.extend(
        [masked(TEXT, b"in "), masked(CONTINUE, b"three "), masked(FIN | CONTINUE, b"go")].concat(),
    );
    expected.extend(clear(FIN | TEXT, b"in three go"));
    client.write_all(&sent).await.expect("sent");
    let mut got = vec![0; expected.len()];
    client.read_exact(&mut got).await.expect("all");
    assert!(got == expected);
}

#[tokio::test]
async fn pings_are_answered_between_fragments_too() {
    let Talk { mut client, .. } = talk(1 << 16);
    client.write_all(&masked(TEXT, b"a")).await.expect("sent");
    client.write_all(&masked(FIN | PING, b"1")).await.expect("sent");
    let mut pong = [0; 3];
    client.read_exact(&mut pong).await.expect("a pong");
    assert_eq!(pong, *b"\x8a\x011");
    client.write_all(&masked(FIN | CONTINUE, b"b")).await.expect("sent");
    let mut got = [0; 4];
    client.read_exact(&mut got).await.expect("the message");
    assert_eq!(got, *b"\x81\x02ab");
}

#[tokio::test]
async fn a_close_is_answered_and_the_stream_ends() {
    for (code, reason) in [(1000, "done"), (3001, "")] {
        let Talk { client, echo, .. } = talk(256);
        let mut client = websocket(client, Role::Client).await;
        client.send(close_message(code, reason)).await.expect("sent");
        assert_eq!(close_of(&mut client).await, Some((code, reason.to_owned())));
        let summary = echo.await.expect("no panic");
        assert_eq!(summary.end, End::Closed { by: Peer::Client, code: Some(code) });
    }
    let Talk { mut client, echo, .. } = talk(256);
    client.write_all(&masked(FIN | CLOSE, b"")).await.expect("sent");
    assert_eq!(rest(&mut client).await, b"\x88\x00");
    let summary = echo.await.expect("no panic");
    assert_eq!(summary.end, End::Closed { by: Peer::Client, code: None });
    assert_eq!((summary.from_client, summary.from_server), (6, 2));
}

#[tokio::test]
async fn codes_that_may_not_be_sent_are_answered_with_1002() {
    for code in [0_u16, 999, 1004, 1005, 1006, 1015, 2000, 5000] {
        let Talk { mut client, .. } = talk(256);
        client.write_all(&masked(FIN | CLOSE, &code.to_be_bytes())).await.expect("sent");
        assert!(rest(&mut client).await[2..].starts_with(&1002_u16.to_be_bytes()), "{code}");
    }
}

#[tokio::test]
async fn violations_get_their_codes() {
    let limit = Limits::default().from_client;
    let half = vec![0; limit / 2];
    let too_big = [masked(BINARY, &half), masked(FIN | CONTINUE, &half), masked(BINARY, &half)];
    let too_big = [too_big.concat(), header(CONTINUE, true, limit as u64)].concat();
    for (bytes, violation) in [
        (clear(FIN | TEXT, b"a"), Violation::Unmasked),
        (masked(FIN | 0x10 | TEXT, b"a"), Violation::ReservedBits),
        (masked(FIN | 15, b"a"), Violation::UnknownOpcode),
        (masked(FIN | PING, &[0; 126]), Violation::LongControl),
        (masked(PING, b""), Violation::FragmentedControl),
        (masked(CONTINUE, b""), Violation::UnexpectedContinuation),
        ([masked(TEXT, b""), masked(TEXT, b"")].concat(), Violation::Interleaved),
        (masked(FIN | CLOSE, b"a"), Violation::ShortClose),
        (header(FIN | TEXT, true, u64::MAX), Violation::Length),
        (header(FIN | TEXT, true, (1 << 63) - 1), Violation::TooBig),
        (header(FIN | TEXT, true, limit as u64 + 1), Violation::TooBig),
        (too_big, Violation::TooBig),
        (masked(FIN | TEXT, b"\xff"), Violation::NotUtf8),
        ([masked(TEXT, b"\xce"), masked(FIN | CONTINUE, b"\xce")].concat(), Violation::NotUtf8),
        (masked(FIN | CLOSE, b"\x03\xe8\xff"), Violation::NotUtf8),
    ] {
        let Talk { client, echo, .. } = talk(4096);
        let (mut reader, mut writer) = tokio::io::split(client);
        let write = async {
            writer.write_all(&bytes).await.expect("open");
            writer.shutdown().await.expect("open");
        };
        let ((), said) = tokio::join!(write, rest(&mut reader));
        let mut reason = violation.close_code().to_be_bytes().to_vec();
        reason.extend(violation.message().as_bytes());
        assert!(said.ends_with(&clear(FIN | CLOSE, &reason)), "{violation:?}");
        let end = echo.await.expect("no panic").end;
        assert_eq!(end, End::Violation { by: Peer::Client, violation });
    }
}

#[tokio::test(start_paused = true)]
async fn an_offender_who_is_still_sending_is_heard_out() {
    let Talk { mut client, echo, .. } = talk(64);
    client.write_all(&header(FIN | BINARY, true, 8 << 20)).await.expect("open");
    // Closing now would reset a TCP stream, and take the Close frame with it.
    client.write_all(&[0; 10_000]).await.expect("open");
    let close = rest(&mut client).await;
    assert_eq!(close[2..4], 1009_u16.to_be_bytes());
    drop(client);
    timeout(GOODBYE / 2, echo).await.expect("at once").expect("no panic");
}

#[tokio::test]
async fn one_mebibyte_comes_back_and_one_byte_more_does_not() {
    let Talk { client, .. } = talk(1 << 16);
    let mut client = websocket(client, Role::Client).await;
    let message = Message::binary(vec![1; 1 << 20]);
    client.send(message.clone()).await.expect("sent");
    assert!(client.next().await.expect("one").expect("lawful") == message);
    let _ = client.send(Message::binary(vec![1; (1 << 20) + 1])).await;
    assert_eq!(close_of(&mut client).await.map(|(code, _)| code), Some(1009));
}

#[tokio::test(start_paused = true)]
async fn ended_says_why() {
    let Talk { client, end, echo } = talk(256);
    let mut client = websocket(client, Role::Client).await;
    client.send(Message::text("hello")).await.expect("sent");
    assert_eq!(client.next().await.expect("one").expect("lawful"), Message::text("hello"));
    end.send(revoked()).expect("listening");
    let close = timeout(GOODBYE / 2, close_of(&mut client)).await.expect("at once");
    assert_eq!(close, Some((4403, "session revoked".to_owned())));
    drop(client);
    let summary = timeout(GOODBYE / 2, echo).await.expect("at once").expect("no panic");
    assert_eq!(summary, Summary { from_client: 11, from_server: 7, end: End::Ended(revoked()) });
}

#[tokio::test(start_paused = true)]
async fn ended_comes_behind_an_answer_under_way() {
    let Talk { mut client, end, echo } = talk(100);
    client.write_all(&masked(FIN | BINARY, &[9; 500])).await.expect("sent");
    let mut first = [0];
    client.read_exact(&mut first).await.expect("its beginning");
    end.send(revoked()).expect("listening");
    let (reader, mut writer) = tokio::io::split(client);
    let mut reader = reader;
    let answer = [&clear(FIN | BINARY, &[9; 500])[..], b"\x88\x11\x11\x33session revoked"].concat();
    let mut got = vec![0; answer.len() - 1];
    reader.read_exact(&mut got).await.expect("the rest and the reason");
    assert_eq!(got, answer[1..]);
    // The stream stays open for the client's own goodbye.
    timeout(GOODBYE / 4, reader.read(&mut [0])).await.expect_err("nothing yet");
    // What comes now isn't answered, but for the end.
    writer.write_all(&masked(FIN | TEXT, b"more")).await.expect("open");
    writer.write_all(&masked(FIN | CLOSE, b"\x11\x33")).await.expect("open");
    assert_eq!(rest(&mut reader).await, b"");
    // The goodbye was heard: nobody waits for the stream's end.
    let summary = timeout(GOODBYE / 4, echo).await.expect("at once").expect("no panic");
    assert_eq!(summary.end, End::Ended(revoked()));
}

#[tokio::test(start_paused = true)]
async fn ended_does_not_wait_for_a_client_that_takes_nothing() {
    let Talk { mut client, end, echo } = talk(100);
    let frame = masked(FIN | BINARY, &[9; 500]);
    while timeout(GOODBYE, client.write_all(&frame)).await.is_ok() {}
    end.send(revoked()).expect("listening");
    let summary = timeout(GOODBYE * 2, echo).await.expect("in time").expect("no panic");
    assert_eq!(summary.end, End::Ended(revoked()));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_is_not_read_from() {
    for frame in [masked(FIN | BINARY, &[9; 500]), masked(FIN | PING, &[9; 100])] {
        let Talk { mut client, end, echo } = talk(1024);
        let mut taken = 0;
        while let Ok(sent) = timeout(GOODBYE, client.write(&frame[taken % frame.len()..])).await {
            taken += sent.expect("open");
            assert!(taken < 100_000, "somebody keeps taking");
        }
        // Both pipes, one read, and one message.
        assert!(taken <= 1024 + 16 * 1024 + 1024 + 600, "{taken}");
        assert!(!echo.is_finished());
        drop(end);
    }
}

#[tokio::test]
async fn a_client_that_vanishes_ends_it() {
    for said in [&b""[..], &masked(FIN | TEXT, b"half a frame")[..9]] {
        let Talk { mut client, echo, .. } = talk(100);
        client.write_all(said).await.expect("sent");
        drop(client);
        let end = echo.await.expect("no panic").end;
        assert!(matches!(end, End::Dropped { by: Peer::Client, .. }));
    }
}
