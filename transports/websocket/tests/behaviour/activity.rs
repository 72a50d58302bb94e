//! What of a client's frames counts as its doing something.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use doorward_websocket::{Limits, Opened, echo, relay};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use crate::support::{BINARY, CLOSE, CONTINUE, FIN, PING, PONG, TEXT, clear, masked, soon};

/// How often activity was told.
#[derive(Clone, Default)]
struct Told(Arc<AtomicUsize>);

impl Told {
    fn opened(&self, stream: DuplexStream) -> Opened<DuplexStream> {
        let told = Arc::clone(&self.0);
        Opened::new(stream).noting(move || {
            told.fetch_add(1, SeqCst);
        })
    }

    fn take(&self) -> usize {
        self.0.swap(0, SeqCst)
    }
}

/// What a client says, in the order in which it may, and whether that is activity.
fn said() -> Vec<(Vec<u8>, bool)> {
    let long = masked(FIN | BINARY, &[0; 300]);
    vec![
        (masked(FIN | PING, b"?"), false),
        (masked(FIN | PONG, b""), false),
        (masked(FIN | TEXT, b"hi"), true),
        (masked(FIN | TEXT, b""), true),
        (masked(BINARY, b"a"), true),
        (masked(FIN | PING, b"in between"), false),
        (masked(FIN | CONTINUE, b"b"), true),
        (long[..9].to_vec(), true),
        (long[9..].to_vec(), true),
        (masked(FIN | PONG, b"late"), false),
        (masked(FIN | CLOSE, &1000_u16.to_be_bytes()), false),
    ]
}

#[tokio::test]
async fn a_relay_tells_of_messages_and_of_nothing_else_that_a_client_says() {
    let ((mut client, near_client), (mut server, near_server)) = (duplex(4096), duplex(4096));
    let told = Told::default();
    let near = told.opened(near_client);
    tokio::spawn(relay(near, Opened::new(near_server), Limits::default(), pending()));
    server.write_all(&clear(FIN | TEXT, b"news")).await.unwrap();
    client.read_exact(&mut [0; 6]).await.unwrap();
    assert_eq!(told.take(), 0, "what the server says is not the client's");
    for (bytes, active) in said() {
        client.write_all(&bytes).await.unwrap();
        soon(server.read_exact(&mut vec![0; bytes.len()])).await.unwrap();
        assert_eq!(told.take() > 0, active, "{bytes:02x?}");
    }
}

#[tokio::test]
async fn an_echo_tells_of_messages_and_of_nothing_else_that_a_client_says() {
    let (mut client, near) = duplex(4096);
    let told = Told::default();
    tokio::spawn(echo(told.opened(near), Limits::default(), pending()));
    for (bytes, active) in [
        (masked(FIN | PONG, b""), false),
        (masked(FIN | PING, b"hi"), false),
        (masked(FIN | TEXT, b"hi"), true),
        (masked(FIN | CLOSE, &1000_u16.to_be_bytes()), false),
    ] {
        client.write_all(&bytes).await.unwrap();
        if bytes[0] != FIN | PONG {
            soon(client.read_exact(&mut [0; 4])).await.unwrap();
        }
        assert_eq!(told.take() > 0, active, "{bytes:02x?}");
    }
}
