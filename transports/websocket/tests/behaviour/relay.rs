//! Relays between tungstenite's clients and servers, and between streams of bytes.

use bytes::Bytes;
use doorward_websocket::{End, Limits, Opened, Peer, Summary, Violation, relay};
use futures_util::{SinkExt, StreamExt};
use proptest::collection::vec;
use proptest::prelude::*;
use std::future::pending;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::protocol::frame::{Frame, FrameHeader};
use tungstenite::protocol::{Message, Role};

use crate::support::{
    BINARY, CLOSE, CONTINUE, FIN, GOODBYE, PING, Pipes, TEXT, clear, close_message, close_of,
    header, masked, pipes, pipes_with, rest, websocket,
};

type Ends = (WebSocketStream<DuplexStream>, WebSocketStream<DuplexStream>);

/// A client and a server, both tungstenite's, with a relay between them.
async fn ends(pipes: Pipes) -> (Ends, tokio::task::JoinHandle<Summary>) {
    let client = websocket(pipes.client, Role::Client).await;
    let server = websocket(pipes.server, Role::Server).await;
    // Nothing but the peers ends it.
    drop(pipes.end);
    ((client, server), pipes.relay)
}

async fn next<S>(socket: &mut WebSocketStream<S>) -> Message
where
    WebSocketStream<S>: StreamExt<Item = Result<Message, tungstenite::Error>> + Unpin,
{
    socket.next().await.expect("a message").expect("a lawful one")
}

/// Sends and receives at once, since a message may be longer than what fits on the way.
async fn carry(
    from: &mut WebSocketStream<DuplexStream>,
    to: &mut WebSocketStream<DuplexStream>,
    message: Message,
) {
    let (sent, received) = tokio::join!(from.send(message.clone()), next(to));
    sent.expect("sent");
    assert!(received == message);
}

#[tokio::test]
async fn text_and_binary_go_both_ways() {
    for room in [7, 4096] {
        let ((mut client, mut server), _relay) = ends(pipes(room)).await;
        for message in [
            Message::text("hello"),
            Message::text("süß \u{1f512}"),
            Message::binary(vec![0, 255, 1, 254]),
            Message::text(""),
            Message::binary(vec![7; 66_000]),
        ] {
            carry(&mut client, &mut server, message.clone()).await;
            carry(&mut server, &mut client, message).await;
        }
    }
}

#[tokio::test]
async fn fragments_with_a_ping_between_them_arrive_as_a_message() {
    let ((mut client, mut server), _relay) = ends(pipes(64)).await;
    let fragment = |opcode, is_final, text: &'static str| {
        let header =
            FrameHeader { is_final, opcode: OpCode::Data(opcode), ..FrameHeader::default() };
        Message::Frame(Frame::from_payload(header, Bytes::from_static(text.as_bytes())))
    };
    for message in [
        fragment(Data::Text, false, "one "),
        fragment(Data::Continue, false, "two "),
        Message::Ping("between".into()),
        fragment(Data::Continue, true, "three"),
    ] {
        client.send(message).await.expect("sent");
    }
    assert_eq!(next(&mut server).await, Message::Ping("between".into()));
    assert_eq!(next(&mut server).await, Message::text("one two three"));
}

#[tokio::test]
async fn pings_are_answered_by_the_other_end() {
    let ((mut client, mut server), _relay) = ends(pipes(64)).await;
    client.send(Message::Ping("are you there".into())).await.expect("sent");
    assert_eq!(next(&mut server).await, Message::Ping("are you there".into()));
    server.flush().await.expect("the pong is written");
    assert_eq!(next(&mut client).await, Message::Pong("are you there".into()));
    server.send(Message::Pong("unasked".into())).await.expect("sent");
    assert_eq!(next(&mut client).await, Message::Pong("unasked".into()));
}

#[tokio::test]
async fn close_codes_and_reasons_pass_both_ways() {
    for (code, reason) in [(1000, "done"), (1001, ""), (3000, "x"), (4999, "the app's own")] {
        for by in [Peer::Client, Peer::Server] {
            let ((client, server), relay) = ends(pipes(256)).await;
            let (mut first, mut second) =
                if by == Peer::Client { (client, server) } else { (server, client) };
            first.send(close_message(code, reason)).await.expect("sent");
            let (answer, heard) = tokio::join!(close_of(&mut first), close_of(&mut second));
            assert_eq!(heard, Some((code, reason.to_owned())));
            assert_eq!(answer, heard, "tungstenite answers with the same");
            let end = relay.await.expect("no panic").end;
            assert_eq!(end, End::Closed { by, code: Some(code) });
        }
    }
}

#[tokio::test]
async fn a_close_without_a_code_stays_without() {
    let ((mut client, mut server), relay) = ends(pipes(256)).await;
    client.send(Message::Close(None)).await.expect("sent");
    assert_eq!(next(&mut server).await, Message::Close(None));
    assert_eq!(tokio::join!(close_of(&mut server), close_of(&mut client)), (None, None));
    let end = relay.await.expect("no panic").end;
    assert_eq!(end, End::Closed { by: Peer::Client, code: None });
}

//= req: WS-1, type=test
#[tokio::test]
async fn a_message_of_the_limit_passes_and_one_byte_more_does_not() {
    let limits = Limits::default();
    assert_eq!((limits.from_client, limits.from_server), (1 << 20, 16 << 20));
    for (by, limit) in [(Peer::Client, limits.from_client), (Peer::Server, limits.from_server)] {
        let ((client, server), relay) = ends(pipes(1 << 16)).await;
        let (mut from, mut to) =
            if by == Peer::Client { (client, server) } else { (server, client) };
        carry(&mut from, &mut to, Message::binary(vec![1; limit])).await;

        let more = Message::binary(vec![1; limit + 1]);
        let offend = async {
            // Refused at its header: the rest may fail to be written.
            let _ = from.send(more).await;
            close_of(&mut from).await
        };
        let (offender, other) = tokio::join!(offend, close_of(&mut to));
        assert_eq!(offender.map(|(code, _)| code), Some(1009));
        let expected = if by == Peer::Client { 1001 } else { 1011 };
        assert_eq!(other.map(|(code, _)| code), Some(expected));
        let summary = relay.await.expect("no panic");
        assert_eq!(summary.end, End::Violation { by, violation: Violation::TooBig });
    }
}

#[tokio::test]
async fn the_limits_of_the_two_directions_are_their_own() {
    let limits = Limits { from_client: 10, from_server: 20, goodbye: GOODBYE };
    let ((mut client, mut server), _relay) = ends(pipes_with(64, limits)).await;
    carry(&mut server, &mut client, Message::binary(vec![0; 20])).await;
    carry(&mut client, &mut server, Message::binary(vec![0; 10])).await;
    client.send(Message::binary(vec![0; 11])).await.expect("sent");
    let (client, _) = tokio::join!(close_of(&mut client), close_of(&mut server));
    assert_eq!(client.map(|(code, _)| code), Some(1009));
}

/// Frames that break a rule, as the first two bytes and the rest.
fn unlawful(from: Peer) -> Vec<(Vec<u8>, Violation)> {
    let frame = |first, payload: &[u8]| match from {
        Peer::Client => masked(first, payload),
        Peer::Server => clear(first, payload),
    };
    let wrong_mask = match from {
        Peer::Client => (clear(FIN | TEXT, b"a"), Violation::Unmasked),
        Peer::Server => (masked(FIN | TEXT, b"a"), Violation::Masked),
    };
    vec![
        wrong_mask,
        (frame(FIN | 0x40 | TEXT, b"a"), Violation::ReservedBits),
        (frame(FIN | 3, b"a"), Violation::UnknownOpcode),
        (frame(PING, b"a"), Violation::FragmentedControl),
        (frame(FIN | PING, &[0; 126]), Violation::LongControl),
        (frame(FIN | CLOSE, b"a"), Violation::ShortClose),
        (frame(FIN | CONTINUE, b"a"), Violation::UnexpectedContinuation),
        (header(FIN | BINARY, from == Peer::Client, 1 << 63), Violation::Length),
        (header(FIN | BINARY, from == Peer::Client, (1 << 63) - 1), Violation::TooBig),
    ]
}

//= req: WS-2, type=test
#[tokio::test(start_paused = true)]
async fn an_unlawful_frame_ends_it_and_no_byte_of_it_passes() {
    for by in [Peer::Client, Peer::Server] {
        for (bytes, violation) in unlawful(by) {
            let Pipes { client, server, relay, .. } = pipes(4096);
            let (mut from, mut to) =
                if by == Peer::Client { (client, server) } else { (server, client) };
            let before = match by {
                Peer::Client => masked(FIN | TEXT, b"before"),
                Peer::Server => clear(FIN | TEXT, b"before"),
            };
            from.write_all(&before).await.expect("sent");
            from.write_all(&bytes).await.expect("sent");

            let mut first = vec![0; before.len()];
            to.read_exact(&mut first).await.expect("what came before passes");
            assert_eq!(first, before);
            let told = |role| if role == Role::Client { Role::Server } else { Role::Client };
            let role = if by == Peer::Client { Role::Client } else { Role::Server };
            // What is left is one lawful Close frame each.
            let (mut from, mut to) = (websocket(from, role).await, websocket(to, told(role)).await);
            let both = async { tokio::join!(close_of(&mut from), close_of(&mut to)) };
            // Each sees the end of its stream, and nobody has to wait for a timer.
            let (offender, other) = timeout(GOODBYE / 2, both).await.expect("at once");
            assert_eq!(offender.map(|(code, _)| code), Some(violation.close_code()));
            let expected = if by == Peer::Client { 1001 } else { 1011 };
            assert_eq!(other.map(|(code, _)| code), Some(expected));
            drop((from, to));
            assert_eq!(relay.await.expect("no panic").end, End::Violation { by, violation });
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_offender_who_is_still_sending_is_heard_out_and_sees_the_end() {
    for by in [Peer::Client, Peer::Server] {
        let Pipes { client, server, relay, end: _end } = pipes(256);
        let (mut from, mut to) =
            if by == Peer::Client { (client, server) } else { (server, client) };
        let too_big = header(FIN | BINARY, by == Peer::Client, 1 << 62);
        from.write_all(&too_big).await.expect("open");
        // Closing now would reset a TCP stream, and take the Close frame with it.
        from.write_all(&[0; 10_000]).await.expect("open");
        // The other side answers by going.
        to.shutdown().await.expect("open");
        let both = async { tokio::join!(rest(&mut from), rest(&mut to)) };
        let (close, _) = timeout(GOODBYE / 2, both).await.expect("at once");
        assert_eq!(close[0], FIN | CLOSE);
        drop((from, to));
        let end = relay.await.expect("no panic").end;
        assert_eq!(end, End::Violation { by, violation: Violation::TooBig });
    }
}

#[tokio::test(start_paused = true)]
async fn an_offender_who_stays_is_dropped_in_time() {
    let Pipes { mut client, mut server, relay, end } = pipes(4096);
    client.write_all(&clear(FIN | TEXT, b"no mask")).await.expect("sent");
    // Neither reads, answers nor leaves.
    let end_by = GOODBYE * 2;
    let summary = timeout(end_by, relay).await.expect("in time").expect("no panic");
    assert!(matches!(summary.end, End::Violation { by: Peer::Client, .. }));
    assert_eq!(rest(&mut server).await.len(), 8 + "the client broke the protocol".len());
    drop((client, end));
}

#[tokio::test(start_paused = true)]
async fn an_offender_is_ended_though_the_other_side_takes_nothing() {
    let Pipes { mut client, server, relay, end } = pipes(64);
    // More than fits on the way, so that some is waiting for the server.
    client.write_all(&masked(FIN | TEXT, &[b'a'; 100])).await.expect("sent");
    client.write_all(&clear(FIN | TEXT, b"no mask")).await.expect("sent");
    let mut client = websocket(client, Role::Client).await;
    assert_eq!(close_of(&mut client).await.map(|(code, _)| code), Some(1002));
    let summary = timeout(GOODBYE * 2, relay).await.expect("in time").expect("no panic");
    assert!(matches!(summary.end, End::Violation { by: Peer::Client, .. }));
    drop((server, end));
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_takes_nothing_stops_its_sender() {
    let all = [Peer::Client, Peer::Server].map(|by| [(by, 1024), (by, 1 << 20)]);
    for (by, pipe) in all.into_iter().flatten() {
        let Pipes { client, server, relay, end } = pipes(pipe);
        let (mut from, mut to) =
            if by == Peer::Client { (client, server) } else { (server, client) };
        let frame = match by {
            Peer::Client => masked(FIN | BINARY, &[0; 60_000]),
            Peer::Server => clear(FIN | BINARY, &[0; 60_000]),
        };
        let mut taken = 0;
        // Time is paused: it moves on only when nobody can do anything any more.
        while let Ok(sent) = timeout(GOODBYE, from.write(&frame[taken % frame.len()..])).await {
            taken += sent.expect("open");
            // Both pipes, and one read in the relay.
            assert!(taken <= pipe + 128 * 1024 + pipe, "somebody keeps taking: {taken}");
        }
        assert!(!relay.is_finished());

        // When the receiver reads, all of it arrives.
        let mut arrived = vec![0; taken];
        to.read_exact(&mut arrived).await.expect("all of it");
        assert!(arrived.iter().eq(frame.iter().cycle().take(taken)));
        drop(end);
    }
}

#[tokio::test]
async fn one_slow_direction_does_not_stop_the_other() {
    let Pipes { mut client, mut server, relay: _relay, end: _end } = pipes(64);
    let frame = clear(FIN | BINARY, &[0; 200]);
    let stuck = async {
        server.write_all(&frame).await.expect("open");
        server.write_all(&frame).await.expect("open");
        std::future::pending::<()>().await;
    };
    let other = async {
        // The client doesn't read, but may write.
        for _ in 0..3 {
            client.write_all(&masked(FIN | TEXT, b"hello")).await.expect("open");
        }
        sleep(std::time::Duration::ZERO).await;
    };
    tokio::select! {
        () = stuck => unreachable!("the client reads nothing"),
        () = other => {}
    }
    let mut arrived = vec![0; 3 * 11];
    server.read_exact(&mut arrived).await.expect("all of it");
}

#[tokio::test(start_paused = true)]
async fn half_a_stream_closes_and_the_other_half_goes_on_for_a_while() {
    let Pipes { mut client, mut server, relay, end: _end } = pipes(64);
    client.write_all(&masked(FIN | TEXT, b"last words")).await.expect("sent");
    client.shutdown().await.expect("shut down");
    assert_eq!(rest(&mut server).await, masked(FIN | TEXT, b"last words"));
    server.write_all(&clear(FIN | TEXT, b"answer")).await.expect("sent");
    let mut answer = [0; 8];
    client.read_exact(&mut answer).await.expect("the answer");
    // The server stays: not for ever.
    assert_eq!(rest(&mut client).await, b"");
    let summary = relay.await.expect("no panic");
    assert_eq!(summary.end, End::Dropped { by: Peer::Client, error: None });
    assert_eq!((summary.from_client, summary.from_server), (16, 8));
}

#[tokio::test]
async fn a_client_that_vanishes_ends_it() {
    let Pipes { client, mut server, relay, end: _end } = pipes(64);
    drop(client);
    assert_eq!(rest(&mut server).await, b"");
    drop(server);
    let end = relay.await.expect("no panic").end;
    assert_eq!(end, End::Dropped { by: Peer::Client, error: None });
}

#[tokio::test]
async fn a_server_that_vanishes_in_a_frame_ends_it() {
    let Pipes { mut client, mut server, relay, end: _end } = pipes(64);
    server.write_all(&header(FIN | BINARY, false, 100)).await.expect("sent");
    drop(server);
    assert_eq!(rest(&mut client).await, header(FIN | BINARY, false, 100));
    drop(client);
    let end = relay.await.expect("no panic").end;
    assert_eq!(end, End::Dropped { by: Peer::Server, error: None });
}

#[tokio::test(start_paused = true)]
async fn a_close_that_nobody_answers_ends_it() {
    let Pipes { mut client, mut server, relay, end: _end } = pipes(64);
    let close = masked(FIN | CLOSE, b"\x03\xe8");
    client.write_all(&close).await.expect("sent");
    // What follows a Close frame isn't passed on.
    client.write_all(&masked(FIN | TEXT, b"more")).await.expect("sent");
    assert_eq!(rest(&mut server).await, close);
    let end = relay.await.expect("no panic").end;
    assert_eq!(end, End::Closed { by: Peer::Client, code: Some(1000) });
}

#[tokio::test]
async fn what_was_read_with_the_handshake_comes_first() {
    let (mut client, near_client) = duplex(64);
    let (mut server, near_server) = duplex(64);
    let early = masked(FIN | TEXT, &[b'e'; 40_000]);
    let (early_bytes, rest_bytes) = early.split_at(39_000);
    let greeting = clear(FIN | TEXT, b"welcome");
    let relay = tokio::spawn(relay(
        Opened::with_read(near_client, Bytes::copy_from_slice(early_bytes)),
        Opened::with_read(near_server, Bytes::copy_from_slice(&greeting)),
        Limits::default(),
        pending(),
    ));
    let mut got = vec![0; greeting.len()];
    client.read_exact(&mut got).await.expect("the greeting");
    assert_eq!(got, greeting);
    let mut got = vec![0; early.len()];
    let (sent, received) = tokio::join!(client.write_all(rest_bytes), server.read_exact(&mut got));
    assert!(sent.is_ok() && received.is_ok());
    assert!(got == early);
    drop((client, server));
    let summary = relay.await.expect("no panic");
    assert_eq!((summary.from_client, summary.from_server), (40_008, 9));
}

/// Lawful frames: messages, some in fragments, with pings between them.
fn lawful(from: Peer) -> impl Strategy<Value = Vec<u8>> {
    let message = (any::<bool>(), vec(vec(any::<u8>(), 0..300), 1..4));
    vec(message, 1..8).prop_map(move |messages| {
        let frame = |first, payload: &[u8]| match from {
            Peer::Client => masked(first, payload),
            Peer::Server => clear(first, payload),
        };
        let mut bytes = Vec::new();
        for (ping, fragments) in messages {
            let last = fragments.len() - 1;
            for (at, fragment) in fragments.iter().enumerate() {
                let opcode = if at == 0 { BINARY } else { CONTINUE };
                let first = if at == last { FIN | opcode } else { opcode };
                bytes.extend(frame(first, fragment));
                if ping {
                    bytes.extend(frame(FIN | PING, b"ping"));
                }
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn lawful_bytes_pass_unchanged_however_they_are_cut(
        from_client in lawful(Peer::Client),
        from_server in lawful(Peer::Server),
        room in 1..400_usize,
        piece in 1..400_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime").block_on(async {
            let Pipes { client, server, relay, end: _end } = pipes(room);
            let (mut client_in, mut client_out) = tokio::io::split(client);
            let (mut server_in, mut server_out) = tokio::io::split(server);
            let say = async |out: &mut tokio::io::WriteHalf<DuplexStream>, bytes: &[u8]| {
                for piece in bytes.chunks(piece) {
                    out.write_all(piece).await.expect("open");
                }
                out.shutdown().await.expect("open");
            };
            let ((), (), at_server, at_client) = tokio::join!(
                say(&mut client_out, &from_client),
                say(&mut server_out, &from_server),
                rest(&mut server_in),
                rest(&mut client_in),
            );
            assert!(at_server == from_client && at_client == from_server);
            let summary = relay.await.expect("no panic");
            assert_eq!(summary.from_client, from_client.len() as u64);
            assert_eq!(summary.from_server, from_server.len() as u64);
        });
    }
}
