//! How `ended` ends a relay.

use doorward_websocket::{CloseReason, End, Limits, Opened, relay};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tungstenite::protocol::{Message, Role};

use crate::support::{
    BINARY, CLOSE, CONTINUE, FIN, GOODBYE, Pipes, TEXT, clear, close_of, header, masked, pipes,
    pipes_with, rest, revoked, until, websocket,
};

/// The Close frame that the client is to get.
fn told() -> Vec<u8> {
    clear(FIN | CLOSE, b"\x11\x33session revoked")
}

#[tokio::test(start_paused = true)]
async fn idle_both_sides_are_told_and_the_client_why() {
    let Pipes { client, server, relay, end } = pipes(256);
    let mut client = websocket(client, Role::Client).await;
    // A tungstenite server refuses frames without a mask.
    let mut server = websocket(server, Role::Server).await;
    client.send(Message::text("hello")).await.expect("sent");
    assert_eq!(server.next().await.expect("one").expect("lawful"), Message::text("hello"));
    end.send(revoked()).expect("listening");
    // Nobody has to wait for a timer.
    let quickly = async { tokio::join!(close_of(&mut client), close_of(&mut server), relay) };
    let (client, server, summary) = timeout(GOODBYE / 2, quickly).await.expect("at once");
    assert_eq!(client, Some((4403, "session revoked".to_owned())));
    assert_eq!(server.map(|(code, _)| code), Some(1001));
    let summary = summary.expect("no panic");
    assert_eq!(summary.end, End::Ended(revoked()));
    assert_eq!((summary.from_client, summary.from_server), (11, 0));
}

#[tokio::test]
async fn each_code_arrives() {
    for (code, reason) in [(4401, "session expired"), (1001, "restarting"), (4404, "")] {
        let Pipes { client, server, relay, end } = pipes(256);
        end.send(CloseReason::new(code, reason)).expect("listening");
        let (mut client, mut server) =
            (websocket(client, Role::Client).await, websocket(server, Role::Server).await);
        let (client, _, _) = tokio::join!(close_of(&mut client), close_of(&mut server), relay);
        assert_eq!(client, Some((code, reason.to_owned())));
    }
}

#[tokio::test(start_paused = true)]
async fn a_frame_under_way_to_the_client_is_finished_first() {
    let Pipes { mut client, mut server, relay, end } = pipes(256);
    let frame = clear(FIN | TEXT, b"a frame in two parts");
    server.write_all(&frame[..9]).await.expect("sent");
    let mut got = vec![0; 9];
    client.read_exact(&mut got).await.expect("its beginning");
    end.send(revoked()).expect("listening");
    // Time stands still until nobody can go on, and all wait for the server.
    tokio::time::sleep(GOODBYE / 4).await;
    // The rest comes, and the beginning of one that is too late.
    server.write_all(&frame[9..]).await.expect("open");
    server.write_all(&clear(FIN | TEXT, b"too late")).await.expect("open");
    let expected = [&frame[9..], &told()].concat();
    let mut got = vec![0; expected.len()];
    client.read_exact(&mut got).await.expect("the rest and the reason");
    assert_eq!(got, expected);
    drop((client, server));
    assert_eq!(relay.await.expect("no panic").end, End::Ended(revoked()));
}

//= req: WS-5, type=test
#[tokio::test(start_paused = true)]
async fn a_frame_that_is_never_finished_is_cut_off_in_time() {
    let Pipes { mut client, mut server, relay, end } = pipes(256);
    server.write_all(&header(FIN | BINARY, false, 200)).await.expect("sent");
    let mut got = [0; 4];
    client.read_exact(&mut got).await.expect("its header");
    end.send(revoked()).expect("listening");
    let summary = timeout(GOODBYE * 2, relay).await.expect("in time").expect("no panic");
    assert_eq!(summary.end, End::Ended(revoked()));
    assert_eq!(rest(&mut client).await, b"", "no Close frame inside of another frame");
}

//= req: WS-4, type=test
#[tokio::test]
async fn nothing_from_the_client_reaches_the_server_any_more() {
    let Pipes { mut client, mut server, relay, end } = pipes(256);
    // In the middle of a frame: the client is told at once, the frame stays cut off.
    let frame = masked(FIN | TEXT, b"delete everything");
    client.write_all(&frame[..12]).await.expect("sent");
    let mut got = [0; 12];
    server.read_exact(&mut got).await.expect("its beginning");
    end.send(revoked()).expect("listening");
    let mut got = vec![0; told().len()];
    client.read_exact(&mut got).await.expect("told");
    assert_eq!(got, told());
    client.write_all(&frame[12..]).await.expect("open");
    client.write_all(&masked(FIN | CLOSE, b"\x11\x33")).await.expect("open");
    assert_eq!(rest(&mut server).await, b"");
    drop(server);
    assert_eq!(rest(&mut client).await, b"");
    assert_eq!(relay.await.expect("no panic").from_client, 12);
}

#[tokio::test]
async fn between_fragments_both_are_told_at_once() {
    let Pipes { mut client, mut server, relay, end } = pipes(256);
    client.write_all(&masked(TEXT, b"first, ")).await.expect("sent");
    server.write_all(&clear(TEXT, b"half a ")).await.expect("sent");
    let (mut at_server, mut at_client) = ([0; 13], [0; 9]);
    server.read_exact(&mut at_server).await.expect("a fragment");
    client.read_exact(&mut at_client).await.expect("a fragment");
    end.send(revoked()).expect("listening");
    let mut got = vec![0; told().len()];
    client.read_exact(&mut got).await.expect("told");
    assert_eq!(got, told());
    client.write_all(&masked(FIN | CONTINUE, b"second")).await.expect("open");
    drop(client);
    let mut server = websocket(server, Role::Server).await;
    assert_eq!(close_of(&mut server).await.map(|(code, _)| code), Some(1001));
    drop(server);
    relay.await.expect("no panic");
}

//= req: WS-5, type=test
#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_is_cut_off_in_time() {
    let Pipes { client, mut server, relay, end } = pipes(64);
    let frame = clear(FIN | BINARY, &[0; 1000]);
    while let Ok(sent) = timeout(GOODBYE, server.write_all(&frame)).await {
        sent.expect("open");
    }
    end.send(revoked()).expect("listening");
    timeout(GOODBYE * 2, relay).await.expect("in time").expect("no panic");
    drop((client, server));
}

//= req: WS-5, type=test
#[tokio::test(start_paused = true)]
async fn a_client_that_ignores_it_is_cut_off_in_time() {
    let Pipes { mut client, server, relay, end } = pipes(4096);
    end.send(revoked()).expect("listening");
    let chatter = async {
        // Never says goodbye, and never stops.
        while client.write_all(&masked(FIN | TEXT, b"and another thing")).await.is_ok() {
            tokio::time::sleep(GOODBYE / 100).await;
        }
    };
    let ((), summary) = tokio::join!(chatter, timeout(GOODBYE * 2, relay));
    assert_eq!(summary.expect("in time").expect("no panic").from_client, 0);
    drop(server);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_takes_nothing_does_not_delay_it() {
    let Pipes { mut client, server, relay, end } = pipes(64);
    let frame = masked(FIN | BINARY, &[0; 100]);
    // Until nothing fits any more.
    while timeout(GOODBYE, client.write_all(&frame)).await.is_ok() {}
    end.send(revoked()).expect("listening");
    let mut got = vec![0; told().len()];
    timeout(GOODBYE / 2, client.read_exact(&mut got)).await.expect("at once").expect("told");
    assert_eq!(got, told());
    timeout(GOODBYE * 2, relay).await.expect("in time").expect("no panic");
    drop((client, server));
}

#[tokio::test(start_paused = true)]
async fn it_comes_through_while_a_close_waits_for_its_answer() {
    let limits = Limits { goodbye: GOODBYE * 1000, ..Limits::default() };
    let Pipes { mut client, mut server, relay, end } = pipes_with(64, limits);
    let close = masked(FIN | CLOSE, b"\x03\xe8");
    client.write_all(&close).await.expect("sent");
    let mut got = vec![0; close.len()];
    server.read_exact(&mut got).await.expect("the Close frame");
    end.send(revoked()).expect("listening");
    let mut got = vec![0; told().len()];
    timeout(GOODBYE, client.read_exact(&mut got)).await.expect("at once").expect("told");
    assert_eq!(got, told());
    drop(client);
    server.shutdown().await.expect("open");
    assert_eq!(rest(&mut server).await, b"", "one Close frame is enough");
    drop(server);
    assert_eq!(relay.await.expect("no panic").end, End::Ended(revoked()));
}

#[tokio::test]
async fn a_close_on_its_way_to_the_client_stays_the_only_one() {
    let (mut client, near_client) = duplex(64);
    let (server, near_server) = duplex(64);
    // Read at once, and more than the client takes at once.
    let said = [clear(FIN | BINARY, &[0; 100]), clear(FIN | CLOSE, b"\x03\xe8")].concat();
    let (end, ended) = oneshot::channel();
    let relay = tokio::spawn(relay(
        Opened::new(near_client),
        Opened::with_read(near_server, said.clone().into()),
        Limits::default(),
        until(ended),
    ));
    let mut got = vec![0; 10];
    client.read_exact(&mut got).await.expect("the beginning");
    end.send(revoked()).expect("listening");
    tokio::task::yield_now().await;
    client.shutdown().await.expect("open");
    got.extend(rest(&mut client).await);
    assert!(got == said);
    drop((client, server));
    assert_eq!(relay.await.expect("no panic").end, End::Ended(revoked()));
}

#[tokio::test]
async fn half_a_close_on_its_way_to_the_client_stays_the_only_one() {
    let Pipes { mut client, mut server, relay, end } = pipes(64);
    let close = clear(FIN | CLOSE, b"\x03\xe8done");
    server.write_all(&close[..5]).await.expect("sent");
    let mut got = vec![0; 5];
    client.read_exact(&mut got).await.expect("half of it");
    end.send(revoked()).expect("listening");
    tokio::task::yield_now().await;
    server.write_all(&close[5..]).await.expect("open");
    client.shutdown().await.expect("open");
    got.extend(rest(&mut client).await);
    assert_eq!(got, close);
    drop((client, server));
    assert_eq!(relay.await.expect("no panic").end, End::Ended(revoked()));
}

#[tokio::test]
async fn it_comes_through_a_flood() {
    let limits = Limits { goodbye: GOODBYE / 10, ..Limits::default() };
    let Pipes { client, server, relay, end } = pipes_with(1 << 16, limits);
    let (mut client_in, mut client_out) = tokio::io::split(client);
    let (mut server_in, mut server_out) = tokio::io::split(server);
    let (from_client, from_server) =
        (masked(FIN | BINARY, &[0; 5000]), clear(FIN | BINARY, &[0; 5000]));
    let flood = async { while client_out.write_all(&from_client).await.is_ok() {} };
    let answer = async { while server_out.write_all(&from_server).await.is_ok() {} };
    let revoke = async {
        let mut some = vec![0; 1_000_000];
        server_in.read_exact(&mut some).await.expect("a flood");
        end.send(revoked()).expect("listening");
        let all = rest(&mut server_in).await;
        drop(server_in);
        all
    };
    let limit = GOODBYE * 5;
    let all = async { tokio::join!(flood, answer, revoke, rest(&mut client_in), relay) };
    let ((), (), _, at_client, summary) = timeout(limit, all).await.expect("in time");
    assert!(at_client.ends_with(&told()));
    assert_eq!(summary.expect("no panic").end, End::Ended(revoked()));
}
