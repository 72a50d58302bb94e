//! Clients that take their time, on a clock that stands still but for them: in memory, without a
//! socket.
#![allow(
    clippy::disallowed_methods,
    reason = "the clock is tokio's own, and stands until nothing else is left to do"
)]

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::{Instant, sleep};

use crate::door::{Door, read_answer};

/// From the accept to a complete head.
const DEADLINE: Duration = Duration::from_secs(5);
/// From the first head on, where nobody is admitted.
const UNADMITTED: Duration = Duration::from_secs(10);
/// How long an end is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// A timer may be late by so much.
const TICK: Duration = Duration::from_millis(1);

/// A connection that was accepted just now.
fn accepted(door: &Door) -> DuplexStream {
    let (client, server) = duplex(64 * 1024);
    let peer = ([127, 0, 0, 1], 40_000).into();
    tokio::spawn(Arc::clone(&door.site).serve(server, peer, false, pending()));
    client
}

/// A pause, and how many bytes come after it.
type Piece = (Duration, usize);

fn pieces() -> impl Strategy<Value = Vec<Piece>> {
    let piece = (10_u64..3_000, 1_usize..9);
    let pieces = prop::collection::vec(piece, 1..40);
    pieces.prop_map(|pieces| {
        pieces.into_iter().map(|(millis, bytes)| (Duration::from_millis(millis), bytes)).collect()
    })
}

/// Sends a text in pieces, over and over until it is all sent or nobody listens; then says nothing.
async fn trickle(text: &[u8], pieces: &[Piece], stream: &mut (impl AsyncWrite + Unpin)) {
    let mut rest = text;
    for (pause, bytes) in pieces.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        sleep(*pause).await;
        let (piece, after) = rest.split_at(rest.len().min(*bytes));
        if stream.write_all(piece).await.is_err() {
            break;
        }
        rest = after;
    }
    pending::<()>().await;
}

/// What is answered to a text that comes in pieces, and when the connection has ended.
async fn answered(text: &[u8], pieces: &[Piece]) -> (String, Duration) {
    let door = Door::open().await;
    let begun = Instant::now();
    let (mut read, mut write) = tokio::io::split(accepted(&door));
    let mut answer = Vec::new();
    tokio::select! {
        end = read.read_to_end(&mut answer) => { end.unwrap(); }
        () = trickle(text, pieces, &mut write) => {}
        () = sleep(PATIENCE) => {}
    }
    (String::from_utf8(answer).unwrap(), begun.elapsed())
}

fn paused<T>(what: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().start_paused(true).build().unwrap().block_on(what)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// No byte of a head that isn't complete buys time.
    //= req: HTTP-1, type=property
    #[test]
    fn a_head_that_trickles_ends_at_the_deadline_whenever_its_bytes_come(pieces in pieces()) {
        let head = format!("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: {}", "x".repeat(8_000));
        let (answer, took) = paused(answered(head.as_bytes(), &pieces));
        let in_time = pieces[0].0 < DEADLINE;
        prop_assert_eq!(answer.starts_with("HTTP/1.1 408 "), in_time, "{}", answer);
        prop_assert!(took >= DEADLINE && took <= DEADLINE + TICK, "{:?}", took);
    }

    /// And one that is complete by then is answered, however it came.
    //= req: HTTP-1, type=property
    #[test]
    fn a_head_that_is_complete_in_time_is_answered(pieces in pieces()) {
        let head = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
        let mut left = head.len();
        let mut comes = Duration::ZERO;
        for (pause, bytes) in pieces.iter().cycle() {
            if left == 0 {
                break;
            }
            comes += *pause;
            left = left.saturating_sub(*bytes);
        }
        prop_assume!(comes + TICK < DEADLINE || comes > DEADLINE + TICK);
        let (answer, _) = paused(answered(head, &pieces));
        let status = if comes < DEADLINE { "HTTP/1.1 401 " } else { "HTTP/1.1 408 " };
        prop_assert!(answer.starts_with(status), "{comes:?}: {answer}");
    }
}

/// Whoever is nobody may ask for what needs nobody, but not for ever on one connection.
//= req: HTTP-6, type=test
#[tokio::test(start_paused = true)]
async fn a_connection_of_nobody_takes_no_request_after_ten_seconds() {
    let door = Door::open().await;
    let mut stream = accepted(&door);
    let request = b"GET /.doorward/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    let begun = Instant::now();
    let mut answers = 0;
    loop {
        let sent = stream.write_all(request).await.is_ok();
        if !sent || read_answer(&mut stream).await.status != 200 {
            break;
        }
        answers += 1;
        assert!(begun.elapsed() <= UNADMITTED + TICK, "it is still answered");
        sleep(Duration::from_millis(900)).await;
    }
    assert_eq!(answers, 12, "one each 0.9 s, from the first at 0 s to the last at 9.9 s");
}

/// One admission, and the connection is an ordinary one.
//= req: HTTP-6, type=test
#[tokio::test(start_paused = true)]
async fn a_connection_of_somebody_goes_on() {
    let door = Door::open().await;
    let mut stream = accepted(&door);
    let bearer = format!("Authorization: Bearer {}\r\n", door.token().await);
    for headers in [bearer.as_str(), "", ""] {
        let request =
            format!("GET /.doorward/api/session HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        assert_eq!(read_answer(&mut stream).await.status, 200);
        sleep(UNADMITTED).await;
    }
}
