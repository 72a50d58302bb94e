//! What is guarded, as a stream of bytes: a TCP port or a Unix socket.

use std::fmt;
use std::io::{self, IoSlice};
use std::path::PathBuf;
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use doorward_policy::host::Authority;
use rustix::net::Shutdown as How;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

/// How long the guarded server has to take a connection.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// As many chunks as are handed to the system at once.
const SLICES: usize = 64;

/// The guarded server, as a stream of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upstream {
    /// A host and a port.
    Tcp {
        /// A name, or an address without brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// The path of a socket.
    Unix(PathBuf),
}

/// A text that names no guarded server. It is not repeated: it may have a password in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpstreamError;

impl fmt::Display for UpstreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the upstream has to be tcp://HOST:PORT or unix:/PATH")
    }
}

impl std::error::Error for UpstreamError {}

impl Upstream {
    /// Parses `tcp://HOST:PORT` or `unix:/PATH`.
    ///
    /// # Errors
    /// For anything else.
    pub fn parse(text: &str) -> Result<Self, UpstreamError> {
        if let Some(path) = text.strip_prefix("unix:") {
            // Two slashes would begin a host (RFC 3986, section 3).
            let plain = path.starts_with('/') && !path.starts_with("//");
            return if plain { Ok(Self::Unix(path.into())) } else { Err(UpstreamError) };
        }
        let authority = text.strip_prefix("tcp://").and_then(Authority::parse);
        let Authority { host, port } = authority.ok_or(UpstreamError)?;
        let port = port.filter(|port| *port != 0).ok_or(UpstreamError)?;
        Ok(Self::Tcp { host: host.to_string(), port })
    }

    /// Whether somebody listens there.
    ///
    /// # Errors
    /// As the connection attempt says.
    pub async fn probe(&self) -> io::Result<()> {
        self.connect().await.map(|link| link.complete())
    }

    pub(crate) async fn connect(&self) -> io::Result<Link> {
        let connecting = async {
            match self {
                Self::Tcp { host, port } => {
                    let stream = TcpStream::connect((host.as_str(), *port)).await?;
                    stream.set_nodelay(true)?;
                    // Whatever drops it before `complete` says so has cut it off: it is reset.
                    stream.set_zero_linger()?;
                    Ok(Link::Tcp(stream))
                }
                Self::Unix(path) => UnixStream::connect(path).await.map(Link::Unix),
            }
        };
        let connected = timeout(CONNECT_DEADLINE, connecting).await;
        connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "tcp://[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A connection to the guarded server. Both directions at once, by shared reference.
#[derive(Debug)]
pub(crate) enum Link {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Link {
    /// Waits for bytes and takes them; 0 at the end. No buffer is held while it waits.
    pub(crate) async fn read(&self, most: usize) -> io::Result<Bytes> {
        loop {
            match self {
                Self::Tcp(stream) => stream.readable().await?,
                Self::Unix(stream) => stream.readable().await?,
            }
            let mut buffer = BytesMut::with_capacity(most);
            let read = match self {
                Self::Tcp(stream) => stream.try_read_buf(&mut buffer),
                Self::Unix(stream) => stream.try_read_buf(&mut buffer),
            };
            match read {
                Ok(read) => {
                    return Ok(if read < most / 2 { exact(&buffer) } else { buffer.freeze() });
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes all of it.
    pub(crate) async fn write(&self, mut chunks: Vec<Bytes>) -> io::Result<()> {
        let mut left = chunks.as_mut_slice();
        while !left.is_empty() {
            match self {
                Self::Tcp(stream) => stream.writable().await?,
                Self::Unix(stream) => stream.writable().await?,
            }
            match self.try_write(left) {
                Ok(written) => left = behind(left, written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn try_write(&self, chunks: &[Bytes]) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let count = chunks.len().min(SLICES);
        for (slice, chunk) in slices.iter_mut().zip(chunks) {
            *slice = IoSlice::new(chunk);
        }
        let slices = slices.get(..count).unwrap_or_default();
        match self {
            Self::Tcp(stream) => stream.try_write_vectored(slices),
            Self::Unix(stream) => stream.try_write_vectored(slices),
        }
    }

    /// Says that both directions have ended as they should: what is still on its way gets there.
    ///
    /// A Unix socket has no reset, and ends in one way alone.
    pub(crate) fn complete(&self) {
        if let Self::Tcp(stream) = self {
            // Without it the connection ends a little less politely.
            let _result = rustix::net::sockopt::set_socket_linger(stream, None);
        }
    }

    /// Says that nothing more comes from the client.
    pub(crate) fn finish(&self) -> io::Result<()> {
        let done = match self {
            Self::Tcp(stream) => rustix::net::shutdown(stream, How::Write),
            Self::Unix(stream) => rustix::net::shutdown(stream, How::Write),
        };
        done.map_err(io::Error::from)
    }
}

/// A copy without room to spare: what waits for a slow client must not hold more than it is.
fn exact(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

/// What is left of chunks of which so many bytes are written.
fn behind(chunks: &mut [Bytes], mut written: usize) -> &mut [Bytes] {
    let mut whole = 0;
    for chunk in chunks.iter_mut() {
        if written < chunk.len() {
            chunk.advance(written);
            break;
        }
        written -= chunk.len();
        // So that what is written does not wait for the rest.
        chunk.clear();
        whole += 1;
    }
    chunks.get_mut(whole..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpSocket;

    #[test]
    fn what_is_left_of_chunks_begins_where_writing_has_ended() {
        let left = |written| {
            let mut chunks = ["ab", "", "cde", "f"].map(Bytes::from);
            behind(&mut chunks, written).concat()
        };
        for written in 0..=6 {
            assert_eq!(left(written), b"abcdef"[written..], "{written}");
        }
    }

    /// What of an upload of this much a server gets that is slow to read it.
    async fn received(length: usize, complete: bool) -> io::Result<Vec<u8>> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(4096)?;
        socket.bind("127.0.0.1:0".parse().expect("an address"))?;
        let listener = socket.listen(1)?;
        let upstream = Upstream::parse(&format!("tcp://{}", listener.local_addr()?));
        let link = upstream.expect("valid").connect().await?;
        let (mut server, _) = listener.accept().await?;
        link.write(vec![Bytes::from(vec![7; length])]).await?;
        link.finish()?;
        if complete {
            link.complete();
        }
        drop(link);
        let mut received = Vec::new();
        server.read_to_end(&mut received).await?;
        Ok(received)
    }

    #[tokio::test]
    async fn what_is_complete_gets_there_and_what_is_not_does_not_look_so() {
        let length = 32 * 1024;
        assert_eq!(received(length, true).await.expect("all of it"), vec![7; length]);
        let error = received(length, false).await.expect_err("it was cut off");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }

    /// The system itself would try for minutes.
    #[tokio::test(start_paused = true)]
    async fn a_guarded_server_that_does_not_answer_is_given_up_on() {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind("127.0.0.1:0".parse().expect("an address")).expect("bound");
        let listener = socket.listen(1).expect("listening");
        let address = listener.local_addr().expect("an address");
        let upstream = Upstream::parse(&format!("tcp://{address}")).expect("valid");
        // Whatever nobody accepts fills its backlog, and who comes then is not answered.
        let mut waiting = Vec::new();
        let error = loop {
            match timeout(2 * CONNECT_DEADLINE, upstream.connect()).await.expect("in time") {
                Ok(link) => waiting.push(link),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(!waiting.is_empty());
    }

    #[test]
    fn a_guarded_server_is_a_port_or_a_socket() {
        for text in
            ["tcp://127.0.0.1:22", "tcp://[::1]:22", "tcp://db.internal:5432", "unix:/run/x"]
        {
            assert_eq!(Upstream::parse(text).expect(text).to_string(), text);
        }
    }

    #[test]
    fn anything_else_is_none() {
        for text in [
            "",
            "127.0.0.1:22",
            "tcp://127.0.0.1",
            "tcp://127.0.0.1:0",
            "tcp://h:1/path",
            "tcp://u:p@h:1",
            "http://h:1",
            "unix:",
            "unix:run/x",
            "unix://h/x",
        ] {
            assert_eq!(Upstream::parse(text), Err(UpstreamError), "{text}");
        }
    }
}
