//! What a connection holds while nothing happens, before and after it carried 1 MiB.
//!
//! Every allocation of the process is counted, so this is a test binary of its own, with one test
//! in it. The peers are the standard library's blocking sockets, which hold nothing on the heap;
//! what is measured is the crate with tokio's task and socket around it.

use std::alloc::System;
use std::future::pending;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener as Listener, TcpStream as Socket};

use doorward_websocket::{Limits, Opened, Summary, echo, relay};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::io::{AsyncReadExt, DuplexStream, duplex};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Enough that the runtime's own growth is spread thin.
const CONNECTIONS: usize = 64;
const MIB: usize = 1 << 20;

fn held() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

fn socket(listener: &Listener) -> (Socket, Socket) {
    let near = Socket::connect(listener.local_addr().expect("bound")).expect("connected");
    (near, listener.accept().expect("accepted").0)
}

fn opened(socket: Socket) -> Opened<TcpStream> {
    socket.set_nonblocking(true).expect("a socket option");
    Opened::new(TcpStream::from_std(socket).expect("registered"))
}

/// A binary frame; the mask, if there is one, is zero.
fn frame(length: usize, masked: bool) -> Vec<u8> {
    let flag = if masked { 0x80 } else { 0 };
    let mut frame = vec![0x82, flag | 127];
    frame.extend((length as u64).to_be_bytes());
    frame.extend_from_slice(if masked { &[0; 4] } else { &[] });
    frame.resize(frame.len() + length, b'x');
    frame
}

/// A short binary frame.
fn note(masked: bool) -> &'static [u8] {
    if masked { b"\x82\x81\0\0\0\0x" } else { b"\x82\x01x" }
}

/// Sends from one socket while the other receives.
fn carry(mut from: &Socket, to: &Socket, sent: &[u8], received: &mut [u8]) {
    std::thread::scope(|scope| {
        let mut to = to;
        scope.spawn(move || to.read_exact(received).expect("open"));
        from.write_all(sent).expect("open");
    });
}

/// Waits for the end of each, so that none of their memory is given back during the next run.
fn all(runtime: &Runtime, tasks: Vec<JoinHandle<Summary>>) {
    for task in tasks {
        runtime.block_on(task).expect("no panic");
    }
}

/// Per connection: idle after its first message, and idle after 1 MiB each way.
struct Measured {
    fresh: usize,
    used: usize,
}

fn echoes(runtime: &Runtime, listener: &Listener) -> Measured {
    let mut clients = Vec::with_capacity(CONNECTIONS);
    let mut tasks = Vec::with_capacity(CONNECTIONS);
    let (sent, mut received) = (frame(MIB, true), vec![0; MIB + 10]);
    let before = held();
    for _ in 0..CONNECTIONS {
        let (client, server) = socket(listener);
        tasks.push(
            runtime.spawn(async { echo(opened(server), Limits::default(), pending()).await }),
        );
        carry(&client, &client, note(true), &mut received[..3]);
        clients.push(client);
    }
    let fresh = held() - before;
    for client in &clients {
        carry(client, client, &sent, &mut received);
        assert!(received[10..].iter().all(|byte| *byte == b'x'));
        // Answered only after the buffers of the long one were given back.
        carry(client, client, note(true), &mut received[..3]);
    }
    let used = held() - before;
    drop(clients);
    all(runtime, tasks);
    Measured { fresh: fresh / CONNECTIONS, used: used / CONNECTIONS }
}

fn relays(runtime: &Runtime, listener: &Listener) -> Measured {
    let mut ends = Vec::with_capacity(CONNECTIONS);
    let mut tasks = Vec::with_capacity(CONNECTIONS);
    let (up, down, mut received) = (frame(MIB, true), frame(MIB, false), vec![0; MIB + 14]);
    let before = held();
    let notes = |(client, server): &(Socket, Socket), received: &mut [u8]| {
        carry(client, server, note(true), &mut received[..7]);
        carry(server, client, note(false), &mut received[..3]);
    };
    for _ in 0..CONNECTIONS {
        let ((client, near_client), (server, near_server)) = (socket(listener), socket(listener));
        tasks.push(runtime.spawn(async {
            relay(opened(near_client), opened(near_server), Limits::default(), pending()).await
        }));
        ends.push((client, server));
        notes(&ends[ends.len() - 1], &mut received);
    }
    let fresh = held() - before;
    for end in &ends {
        carry(&end.0, &end.1, &up, &mut received);
        assert!(received == up);
        carry(&end.1, &end.0, &down, &mut received[..MIB + 10]);
        notes(end, &mut received);
    }
    let used = held() - before;
    drop(ends);
    all(runtime, tasks);
    Measured { fresh: fresh / CONNECTIONS, used: used / CONNECTIONS }
}

/// What is held by a task that took 10 KiB in one read, when it has handed all of it to a peer who
/// takes 64 bytes at a time.
async fn drained<F>(length: usize, task: impl FnOnce(DuplexStream) -> F) -> usize
where
    F: Future<Output = Summary> + Send + 'static,
{
    let mut received = vec![0; length];
    let before = held();
    let (mut peer, near) = duplex(64);
    let task = tokio::spawn(task(near));
    peer.read_exact(&mut received).await.expect("open");
    // Woken by that, the task finds that it has nothing more to do.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    let held = held() - before;
    drop(peer);
    task.await.expect("no panic");
    held
}

async fn drained_relay() -> usize {
    let (_server, near_server) = duplex(64);
    let relay = drained(10_000 + 10, |client| {
        let server = Opened::with_read(near_server, frame(10_000, false).into());
        relay(Opened::new(client), server, Limits::default(), pending())
    });
    relay.await
}

fn slow_receivers() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let echo = drained(3 * 1500, |client| {
            let client = Opened::with_read(client, note(true).repeat(1500).into());
            echo(client, Limits::default(), pending())
        });
        let echo = echo.await;
        println!("echo: {echo} bytes after many messages at once");
        assert!(echo < 4 * 1024, "{echo}");

        // Once for the room that all reads of this thread share.
        drained_relay().await;
        let relay = drained_relay().await;
        println!("relay: {relay} bytes after a slow receiver");
        assert!(relay < 2 * 1024, "{relay}");
    });
}

#[test]
fn an_idle_connection_holds_little_even_after_a_long_message() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let listener = Listener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    // Once for the runtime's own sake.
    echoes(&runtime, &listener);
    relays(&runtime, &listener);

    let echo = echoes(&runtime, &listener);
    println!("echo: {} bytes fresh, {} after 1 MiB", echo.fresh, echo.used);
    assert!(echo.fresh < 4 * 1024, "{}", echo.fresh);
    assert!(echo.used < 4 * 1024, "{}", echo.used);

    let relay = relays(&runtime, &listener);
    println!("relay: {} bytes fresh, {} after 1 MiB each way", relay.fresh, relay.used);
    assert!(relay.fresh < 2 * 1024, "{}", relay.fresh);
    assert!(relay.used < 2 * 1024, "{}", relay.used);

    // Its thread is still tidying up.
    drop(runtime);
    slow_receivers();
}
