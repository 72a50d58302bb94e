//! A client that costs little: written-out heads and frames over blocking sockets.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use super::Outcome;

/// A WebSocket server, and how it is asked.
#[derive(Clone, Debug)]
pub struct Place {
    authority: String,
    /// The header lines of credentials.
    credentials: String,
}

impl Place {
    /// The server at host and port.
    #[must_use]
    pub fn new(authority: &str) -> Self {
        Self { authority: authority.to_owned(), credentials: String::new() }
    }

    /// The same with one more credential.
    #[must_use]
    pub fn with(self, name: &str, value: &str) -> Self {
        Self { credentials: self.credentials + &format!("{name}: {value}\r\n"), ..self }
    }

    /// The same credentials at another host and port.
    #[must_use]
    pub fn at(&self, authority: &str) -> Self {
        Self { authority: authority.to_owned(), ..self.clone() }
    }

    /// A browser's handshake.
    fn head(&self) -> String {
        let Self { authority, credentials } = self;
        format!(
            "GET /echo HTTP/1.1\r\nHost: {authority}\r\nConnection: Upgrade\r\nPragma: no-cache\r\n\
             Cache-Control: no-cache\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) \
             AppleWebKit/537.36 Chrome/156.0.0.0\r\nUpgrade: websocket\r\nOrigin: http://{authority}\r\n\
             Sec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n\
             Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n{credentials}\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
    }

    /// Host and port.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Opens a WebSocket.
    ///
    /// # Errors
    /// If it is refused.
    pub fn open(&self) -> Outcome<TcpStream> {
        let mut stream = TcpStream::connect(&self.authority)?;
        stream.set_nodelay(true)?;
        // A server that says nothing fails the run, and doesn't hold it.
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        stream.write_all(self.head().as_bytes())?;
        let (mut answer, mut length) = ([0; 1024], 0);
        while !answer[..length].ends_with(b"\r\n\r\n") {
            match stream.read(&mut answer[length..])? {
                0 => return Err("the server closed a connection".into()),
                read => length += read,
            }
        }
        let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
        if answer.starts_with("HTTP/1.1 101") { Ok(stream) } else { Err(answer.into()) }
    }
}

/// Says goodbye, and waits until the server has too.
///
/// # Errors
/// If the server answers something else, or nothing.
pub fn close(mut stream: TcpStream) -> Outcome<()> {
    // A masked Close with code 1000.
    stream.write_all(&[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8])?;
    let (mut answer, mut length) = ([0; 64], 0);
    loop {
        match stream.read(&mut answer[length..])? {
            0 => break,
            read => length += read,
        }
    }
    if answer.starts_with(&[0x88]) { Ok(()) } else { Err("no goodbye".into()) }
}

/// Messages of one length to a server that echoes them.
#[derive(Debug)]
pub struct Echoed {
    stream: TcpStream,
    message: Vec<u8>,
    answer: usize,
    room: Vec<u8>,
}

impl Echoed {
    /// Over a new WebSocket.
    ///
    /// # Errors
    /// If it is refused.
    pub fn open(place: &Place, length: usize) -> Outcome<Self> {
        let (message, header) = frame(length);
        Ok(Self {
            stream: place.open()?,
            message,
            answer: header + length,
            room: vec![0; 256 * 1024],
        })
    }

    /// Sends one and waits for its echo.
    ///
    /// # Errors
    /// If the connection breaks.
    pub fn round_trip(&mut self) -> Outcome<()> {
        self.stream.write_all(&self.message)?;
        self.stream.read_exact(&mut self.room[..self.answer])?;
        if self.room[0] == 0x82 { Ok(()) } else { Err("not an echo".into()) }
    }

    /// Sends so many with `window` of them under way at a time.
    ///
    /// # Errors
    /// If the connection breaks.
    pub fn stream(&mut self, messages: usize, window: usize) -> Outcome<()> {
        let (mut sent, mut bytes) = (0, 0);
        while bytes < messages * self.answer {
            let due = (bytes / self.answer + window).min(messages);
            for _ in sent..due {
                self.stream.write_all(&self.message)?;
            }
            sent = due;
            bytes += match self.stream.read(&mut self.room)? {
                0 => return Err("the server closed a connection".into()),
                read => read,
            };
        }
        Ok(())
    }
}

/// A client's binary message of so many bytes, and the length of its header when it comes back.
fn frame(length: usize) -> (Vec<u8>, usize) {
    let mut frame = vec![0x82];
    let header = match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ ..126), _) => {
            frame.push(0x80 | short);
            2
        }
        (_, Ok(long)) => {
            frame.push(0x80 | 126);
            frame.extend(long.to_be_bytes());
            4
        }
        _ => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
            10
        }
    };
    frame.extend([1, 2, 3, 4]);
    frame.resize(frame.len() + length, b'm');
    (frame, header)
}
