//! What the clients of a shared connection hold, while nothing happens and while they are slow.
//!
//! Every allocation of the process is counted, so this is a test binary of its own, with one test
//! in it.

use std::alloc::System;
use std::future::pending;

use doorward_websocket::{Opened, Shared, SharedLimits, share};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const LONG: usize = 1 << 18;
const CLIENTS: usize = 16;
const MESSAGES: usize = 3_000;
/// What a pipe holds, and what is counted of it for each client.
const PIPE: usize = 512;

fn held() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
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

fn join(shared: &Shared) -> DuplexStream {
    let (client, near) = duplex(PIPE);
    tokio::spawn(shared.join(Opened::new(near), || true, pending()));
    client
}

fn room() -> (DuplexStream, Shared) {
    let (server, near) = duplex(PIPE);
    let (shared, carried) = share(Opened::new(near), SharedLimits::default(), pending());
    tokio::spawn(carried);
    (server, shared)
}

/// Says something short to a client that takes it.
async fn note(server: &mut DuplexStream, client: &mut DuplexStream) {
    server.write_all(b"\x82\x01x").await.expect("carried");
    client.read_exact(&mut [0; 3]).await.expect("carried");
}

/// Per client, when a message of 256 KiB has gone to each, and one of each to the server.
async fn idle() -> usize {
    let (mut server, shared) = room();
    let (down, up) = (frame(LONG, false), frame(LONG, true));
    let mut received = vec![0; up.len()];
    let mut first = join(&shared);
    note(&mut server, &mut first).await;
    let before = held();
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = join(&shared);
        let (sent, _) = tokio::join!(client.write_all(&up), server.read_exact(&mut received));
        sent.expect("carried");
        clients.push(client);
    }
    clients.push(first);
    let say = async { server.write_all(&down).await.expect("carried") };
    let hear = futures_util::future::join_all(clients.iter_mut().map(async |client| {
        let mut left = down.len();
        while left > 0 {
            let mut some = [0; PIPE];
            let wanted = left.min(PIPE);
            left -= client.read(&mut some[..wanted]).await.expect("carried");
        }
    }));
    tokio::join!(say, hear);
    // Whoever takes a further message has let go of the long ones.
    server.write_all(b"\x82\x01x").await.expect("carried");
    for client in &mut clients {
        client.read_exact(&mut [0; 3]).await.expect("carried");
    }
    (held() - before) / CLIENTS
}

/// Per message of one byte that waits for a client.
async fn queued() -> usize {
    let (mut server, shared) = room();
    let (mut quick, _stuck) = (join(&shared), join(&shared));
    for _ in 0..PIPE {
        note(&mut server, &mut quick).await;
    }
    let before = held();
    for _ in 0..MESSAGES {
        note(&mut server, &mut quick).await;
    }
    (held() - before) / MESSAGES
}

#[test]
fn a_client_holds_little_while_idle_and_no_more_than_its_queue_counts_while_slow() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let idle = idle().await;
        println!("{idle} bytes for an idle client, {} of them in its pipe", 2 * PIPE);
        assert!(idle < 6 * 1024, "{idle}");
        let queued = queued().await;
        println!("{queued} bytes for a message of one byte that waits");
        assert!(queued < 256, "{queued}");
    });
}
