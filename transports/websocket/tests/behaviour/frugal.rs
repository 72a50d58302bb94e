//! Reads that end where frames end.

use std::io;

use bytes::Bytes;
use doorward_websocket::{Frugal, Opened, Peer, Violation, shrink};
use futures_util::{SinkExt, StreamExt};
use proptest::collection::vec;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tungstenite::protocol::{Message, Role};

use crate::support::{BINARY, CLOSE, CONTINUE, FIN, PING, TEXT, clear, masked, websocket};

const LIMIT: usize = 100_000;

/// All of these bytes, to be read at once.
fn frugal(bytes: &[u8]) -> Frugal<DuplexStream> {
    let (_, stream) = duplex(1);
    let opened = Opened::with_read(stream, Bytes::copy_from_slice(bytes));
    Frugal::new(opened, Peer::Client, LIMIT)
}

#[tokio::test]
async fn no_read_goes_beyond_a_frame() {
    let frames = [
        masked(FIN | TEXT, b"one"),
        masked(FIN | PING, b""),
        masked(BINARY, &[2; 500]),
        masked(FIN | CONTINUE, &[3; 70_000]),
        masked(FIN | CLOSE, b"\x03\xe8"),
    ];
    let after = [frames.concat(), masked(FIN | TEXT, b"too late")].concat();
    for room in [1, 3, 14, 600, 100_000] {
        let mut frugal = frugal(&after);
        for frame in &frames {
            let mut left = frame.len();
            while left > 0 {
                let mut buf = vec![0; room];
                let came = frugal.read(&mut buf).await.expect("lawful");
                assert!((1..=left).contains(&came), "{came} of {left}");
                assert_eq!(buf[..came], frame[frame.len() - left..][..came]);
                left -= came;
            }
        }
        assert_eq!(frugal.bytes_read(), frames.concat().len() as u64);
        assert_eq!(frugal.read(&mut [0; 99]).await.expect("the end"), 0);
    }
}

#[tokio::test]
async fn what_is_unlawful_is_not_delivered() {
    let first = masked(FIN | TEXT, b"lawful");
    let mut frugal = frugal(&[first.clone(), clear(FIN | TEXT, b"not masked")].concat());
    let mut buf = vec![0; first.len()];
    frugal.read_exact(&mut buf).await.expect("lawful");
    for _ in 0..2 {
        let error = frugal.read(&mut buf).await.expect_err("unlawful");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        let violation = error.get_ref().and_then(|inner| inner.downcast_ref::<Violation>());
        assert_eq!(violation, Some(&Violation::Unmasked));
    }
}

#[tokio::test]
async fn it_serves_a_client_role_too() {
    let (near, far) = duplex(1000);
    let mut server = websocket(near, Role::Server).await;
    let mut client = Frugal::new(Opened::new(far), Peer::Server, LIMIT).into_websocket().await;
    for length in [5, 60_000] {
        let message = Message::binary(vec![9; length]);
        let (sent, received) = tokio::join!(server.send(message.clone()), client.next());
        sent.expect("sent");
        assert!(received.expect("one").expect("lawful") == message);
        client = shrink(client).await;
        let (sent, received) = tokio::join!(client.send(message.clone()), server.next());
        sent.expect("sent");
        assert!(received.expect("one").expect("lawful") == message);
    }
}

#[tokio::test]
async fn a_fragmented_message_survives_being_shrunk_in_the_middle() {
    let bytes =
        [masked(TEXT, b"one "), masked(FIN | PING, b""), masked(FIN | CONTINUE, b"two")].concat();
    let (_, stream) = duplex(100);
    let opened = Opened::with_read(stream, bytes.into());
    let mut socket = Frugal::new(opened, Peer::Client, LIMIT).into_websocket().await;
    assert_eq!(socket.next().await.expect("one").expect("lawful"), Message::Ping(Bytes::new()));
    socket = shrink(socket).await;
    assert_eq!(socket.next().await.expect("one").expect("lawful"), Message::text("one two"));
}

#[tokio::test]
async fn a_frame_survives_being_shrunk_in_the_middle() {
    let frame = masked(FIN | BINARY, &[5; 5000]);
    // The last cut leaves nothing to come: all of it is read, and only part of it delivered.
    for cut in [1, 7, 8, 4000, frame.len()] {
        let (mut near, far) = duplex(100_000);
        let mut socket = Frugal::new(Opened::new(far), Peer::Client, LIMIT).into_websocket().await;
        near.write_all(&frame[..cut]).await.expect("sent");
        // Gives up after one look.
        let looked = futures_util::FutureExt::now_or_never(socket.next());
        if let Some(message) = looked {
            assert_eq!(message.expect("one").expect("lawful").len(), 5000);
            continue;
        }
        socket = shrink(socket).await;
        near.write_all(&frame[cut..]).await.expect("sent");
        assert_eq!(socket.next().await.expect("one").expect("lawful").len(), 5000);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_message_is_lost_by_shrinking_after_each(
        messages in vec((any::<bool>(), vec(vec(any::<u8>(), 0..5000), 1..3)), 1..10),
        pieces in vec(1..9000_usize, 1..5),
        room in 1..20_000_usize,
    ) {
        let mut bytes = Vec::new();
        for (ping, fragments) in &messages {
            let last = fragments.len() - 1;
            for (at, fragment) in fragments.iter().enumerate() {
                let opcode = if at == 0 { BINARY } else { CONTINUE };
                bytes.extend(masked(if at == last { FIN | opcode } else { opcode }, fragment));
                if *ping {
                    bytes.extend(masked(FIN | PING, b"p"));
                }
            }
        }
        let expected: Vec<Vec<u8>> =
            messages.iter().map(|(_, fragments)| fragments.concat()).collect();

        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.expect("a runtime").block_on(async {
            let (near, far) = duplex(room);
            let (mut pongs, mut near) = tokio::io::split(near);
            let say = async {
                let (mut at, mut pieces) = (0, pieces.iter().cycle());
                while at < bytes.len() {
                    let piece = *pieces.next().expect("endless");
                    let end = bytes.len().min(at + piece);
                    near.write_all(&bytes[at..end]).await.expect("open");
                    at = end;
                }
                near.shutdown().await.expect("open");
            };
            let hear = async {
                let mut heard = Vec::new();
                let opened = Opened::new(far);
                let mut socket = Frugal::new(opened, Peer::Client, LIMIT).into_websocket().await;
                // Up to the end of the stream.
                while let Some(Ok(message)) = socket.next().await {
                    if message.is_binary() {
                        heard.push(message.into_data().to_vec());
                    }
                    socket = shrink(socket).await;
                }
                heard
            };
            let mut sink = tokio::io::sink();
            let pongs = tokio::io::copy(&mut pongs, &mut sink);
            let ((), heard, _) = tokio::join!(say, hear, pongs);
            assert!(heard == expected);
        });
    }
}
