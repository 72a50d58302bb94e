//! The least that a WebSocket server does: one thread of tokio, httparse, one buffer a connection. It checks nothing
//! but that an upgrade is asked for, echoes messages, and answers a goodbye.
//!
//! What Doorward costs is told as a multiple of it; and it is the server behind Doorward where messages are measured.

use std::io::{Error, ErrorKind, Result};

use rustix::net::sockopt::set_tcp_nodelay;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What the buffer has room for before it must grow.
const ROOM: usize = 1024;
/// What it reads at once where messages are long.
const LONG: usize = 64 * 1024;

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        // Whatever is accepted has it too.
        set_tcp_nodelay(&listener, true)?;
        println!("{}", json!({ "authority": listener.local_addr()?.to_string() }));
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(carry(stream));
        }
    })
}

async fn carry(mut stream: TcpStream) -> Result<()> {
    let mut buffer = Vec::with_capacity(ROOM);
    let end = loop {
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
        if let Some((end, answer)) = shake_hands(&buffer)? {
            stream.write_all(answer.as_bytes()).await?;
            break end;
        }
    };
    buffer.drain(..end);
    while !echo(&mut stream, &mut buffer).await? {
        if buffer.len() == buffer.capacity() {
            buffer.reserve(LONG);
        }
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
    }
    stream.shutdown().await
}

/// The length of a whole head, and its answer.
fn shake_hands(read: &[u8]) -> Result<Option<(usize, String)>> {
    let mut fields = [httparse::EMPTY_HEADER; 32];
    let mut head = httparse::Request::new(&mut fields);
    let parsed = head.parse(read).map_err(|error| Error::new(ErrorKind::InvalidData, error))?;
    let httparse::Status::Complete(end) = parsed else { return Ok(None) };
    let (mut key, mut upgrade) = (None, false);
    for field in head.headers {
        if field.name.eq_ignore_ascii_case("sec-websocket-key") {
            key = Some(field.value);
        } else if field.name.eq_ignore_ascii_case("upgrade") {
            upgrade = field.value.eq_ignore_ascii_case(b"websocket");
        }
    }
    let key = key.filter(|_| upgrade).ok_or(ErrorKind::InvalidData)?;
    let accept = tungstenite::handshake::derive_accept_key(key);
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    Ok(Some((end, answer)))
}

/// Answers the whole frames that were read, together; whether one was a goodbye.
async fn echo(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<bool> {
    let (mut taken, mut answered, mut closed) = (0, 0, false);
    while let Some((header, length)) = frame(&buffer[taken..]) {
        if closed || buffer.len() - taken < header + length {
            break;
        }
        closed = buffer[taken] & 0x0f == 8;
        // Its own header is shorter by the mask, so that the answers fit where the messages were.
        let mask: [u8; 4] = std::array::from_fn(|at| buffer[taken + header - 4 + at]);
        buffer.copy_within(taken..taken + header - 4, answered);
        buffer[answered + 1] &= 0x7f;
        let to = answered + header - 4;
        buffer.copy_within(taken + header..taken + header + length, to);
        for (at, byte) in buffer[to..to + length].iter_mut().enumerate() {
            *byte ^= mask[at % 4];
        }
        taken += header + length;
        answered = to + length;
    }
    if answered > 0 {
        stream.write_all(&buffer[..answered]).await?;
        buffer.drain(..taken);
    }
    Ok(closed)
}

/// The lengths of a client's header and payload.
fn frame(read: &[u8]) -> Option<(usize, usize)> {
    let number = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    match read.get(1)? & 0x7f {
        126 => Some((8, number(read.get(2..4)?))),
        127 => Some((14, number(read.get(2..10)?))),
        short => Some((6, usize::from(short))),
    }
}
