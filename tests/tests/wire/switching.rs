//! Connections between their 101 and what they are from then on.

use std::sync::Arc;

use doorward_http::Upstream;
use doorward_policy::Settings;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::door::Door;
use crate::proxying::within;

/// Less than a 101 takes.
const NARROW: usize = 64;

/// A connection whose client has sent its handshake and read one byte of its 101.
struct Stuck {
    client: DuplexStream,
    carried: JoinHandle<()>,
    /// Tells the connection to end gracefully.
    drain: oneshot::Sender<()>,
    /// Resolves when it was told.
    told: oneshot::Receiver<()>,
}

async fn stuck(door: &Door, bearer: &str) -> Stuck {
    let (mut client, server) = duplex(NARROW);
    let peer = ([127, 0, 0, 1], 40_000).into();
    let (drain, drained) = oneshot::channel();
    let (tell, told) = oneshot::channel();
    let drained = async move {
        drained.await.unwrap();
        tell.send(()).unwrap();
    };
    let carried = tokio::spawn(Arc::clone(&door.site).serve(server, peer, false, drained));
    client.write_all(door.handshake(bearer).as_bytes()).await.unwrap();
    assert_eq!(client.read_u8().await.unwrap(), b'H');
    Stuck { client, carried, drain, told }
}

/// The rest of a head, and what comes behind it.
async fn rest(client: &mut DuplexStream) -> (String, Vec<u8>) {
    let mut bytes = Vec::new();
    within(client.read_to_end(&mut bytes)).await.unwrap();
    let end =
        bytes.windows(4).position(|four| four == b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
    let behind = bytes.split_off(end);
    (String::from_utf8(bytes).unwrap(), behind)
}

//= req: PROXY-6, type=test
#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_its_101_unread_is_let_go_soon_after_its_session() {
    let door = Door::open().await;
    let bearer = format!("Authorization: Bearer {}\r\n", door.token().await);
    let Stuck { mut client, carried, drain, told: _told } = stuck(&door, &bearer).await;
    assert_eq!(door.gate.live_connections(), 1);
    assert_eq!(door.post("/.doorward/api/logout", &bearer, "").await.status, 204);
    within(carried).await.unwrap();
    assert_eq!(door.gate.live_connections(), 0);
    let (head, behind) = rest(&mut client).await;
    assert_eq!((head.len(), behind.len()), (NARROW, 0), "{head}");
    drop(drain);
}

#[tokio::test(start_paused = true)]
async fn a_101_under_way_when_all_is_told_to_end_arrives_whole() {
    let door = Door::open().await;
    let bearer = format!("Authorization: Bearer {}\r\n", door.token().await);
    let Stuck { mut client, carried, drain, told } = stuck(&door, &bearer).await;
    door.gate.drain();
    drain.send(()).unwrap();
    told.await.unwrap();
    let (head, behind) = rest(&mut client).await;
    assert!(head.starts_with("TTP/1.1 101 ") && head.ends_with("\r\n\r\n"), "{head}");
    assert_eq!((behind[0], &behind[2..4]), (0x88, &1001_u16.to_be_bytes()[..]));
    drop(client);
    within(carried).await.unwrap();
}

/// A guarded server that answers one handshake, with `behind` in the same write.
async fn guarded(behind: Vec<u8>) -> (Upstream, JoinHandle<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = Upstream::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
            Upgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        stream.write_all(&[head.as_bytes(), &behind].concat()).await.unwrap();
        stream
    });
    (upstream, serving)
}

/// A message of so many bytes, up to 64 KiB, each of which says where it stands.
fn message(masked: bool, length: u16) -> Vec<u8> {
    let (flag, mask): (u8, &[u8]) = if masked { (0x80, &[0; 4]) } else { (0, &[]) };
    let payload: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
    [&[0x82, flag | 126], &length.to_be_bytes()[..], mask, &payload].concat()
}

/// Shorter and longer than what is read ahead of a head, and than what hyper reads at once.
#[tokio::test]
async fn what_is_sent_right_behind_a_handshake_arrives_once_and_in_order() {
    for length in [200, 3_000, 60_000] {
        let (upstream, serving) = guarded(message(false, length)).await;
        let door = Door::with(Settings::default(), Some(upstream), Default::default()).await;
        let bearer = format!("Authorization: Bearer {}\r\n", door.token().await);
        let mut client = TcpStream::connect(door.address).await.unwrap();
        let early = [door.handshake(&bearer).as_bytes(), &message(true, length)].concat();
        client.write_all(&early).await.unwrap();
        client.shutdown().await.unwrap();

        let mut at_client = Vec::new();
        let mut server = within(serving).await.unwrap();
        let mut at_server = Vec::new();
        within(server.read_to_end(&mut at_server)).await.unwrap();
        assert!(at_server == message(true, length), "{length}");
        drop(server);
        within(client.read_to_end(&mut at_client)).await.unwrap();
        assert!(at_client.starts_with(b"HTTP/1.1 101 "), "{length}");
        assert!(at_client.ends_with(&[b"\r\n\r\n", &message(false, length)[..]].concat()));
    }
}

#[tokio::test]
async fn a_client_that_vanishes_before_its_101_is_out_leaves_nothing_behind() {
    let (upstream, serving) = guarded(Vec::new()).await;
    let door = Door::with(Settings::default(), Some(upstream), Default::default()).await;
    let bearer = format!("Authorization: Bearer {}\r\n", door.token().await);
    let Stuck { client, carried, drain, told: _told } = stuck(&door, &bearer).await;
    let mut server = within(serving).await.unwrap();
    assert_eq!(door.gate.live_connections(), 1);
    drop(client);
    within(carried).await.unwrap();
    assert_eq!(door.gate.live_connections(), 0);
    assert_eq!(within(server.read(&mut [0])).await.unwrap(), 0);
    drop(drain);
}
