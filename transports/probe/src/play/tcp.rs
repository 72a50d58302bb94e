//! Bytes over TCP, and the HTTP answers that come back.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Sleep, sleep, timeout};
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

use super::answer::{Answer, Bought, Came, MOST};
use super::trust;
use crate::fetch::Reply;
use crate::profile::Profile;
use crate::target::HttpAddress;

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection, and what was read of it and not used yet.
pub(crate) struct Wire {
    stream: Box<dyn Duplex>,
    pub(super) buffer: Vec<u8>,
    /// Everything that has come.
    pub(super) received: Vec<u8>,
    pub(super) over: bool,
}

/// How an answer is read.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    pub(super) profile: &'a Profile,
    pub(super) patience: Duration,
    /// Whether it has no body whatever it says: that of a HEAD.
    pub(super) bodiless: bool,
}

impl Wire {
    pub(crate) async fn connect(
        to: &HttpAddress,
        from: Option<IpAddr>,
        patience: Duration,
    ) -> io::Result<Self> {
        match timeout(patience, Self::dial(to, from)).await {
            Ok(dialled) => dialled,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    async fn dial(to: &HttpAddress, from: Option<IpAddr>) -> io::Result<Self> {
        let socket = match to.address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        if let Some(from) = from {
            socket.bind((from, 0).into())?;
        }
        let stream = socket.connect(to.address).await?;
        stream.set_nodelay(true)?;
        let stream = if to.tls { encrypted(stream, to).await? } else { Box::new(stream) };
        Ok(Self { stream, buffer: Vec::new(), received: Vec::new(), over: false })
    }

    /// Sends these bytes in so many pieces. A server that has seen enough doesn't take the rest,
    /// and what it says to that is read afterwards.
    pub(crate) async fn send(&mut self, bytes: &[u8], pieces: usize, patience: Duration) {
        let size = bytes.len().div_ceil(pieces.max(1)).max(1);
        let sent = async {
            for piece in bytes.chunks(size) {
                self.stream.write_all(piece).await?;
                self.stream.flush().await?;
                tokio::task::yield_now().await;
            }
            io::Result::Ok(())
        };
        let _result = timeout(patience, sent).await;
    }

    /// Reads more by then; `false` if nothing came.
    pub(super) async fn more(&mut self, mut by: Pin<&mut Sleep>) -> bool {
        if self.over || by.is_elapsed() || self.received.len() >= MOST {
            return false;
        }
        let before = self.buffer.len();
        let read = tokio::select! {
            biased;
            read = self.stream.read_buf(&mut self.buffer) => Some(read),
            () = by.as_mut() => None,
        };
        match read {
            Some(Ok(1..)) => {
                let new = self.buffer.get(before..).unwrap_or_default();
                self.received.extend_from_slice(new);
                true
            }
            // A reset is an end as well.
            Some(_) => {
                self.over = true;
                false
            }
            None => false,
        }
    }

    /// Reads one answer.
    pub(super) async fn answer(&mut self, reading: Reading<'_>) -> Answer {
        let mut by = pin!(sleep(reading.patience));
        loop {
            match parse_head(&self.buffer) {
                Ok(Some(head)) if head.is_interim() => {
                    self.buffer.drain(..head.length);
                    continue;
                }
                Ok(Some(head)) => {
                    self.buffer.drain(..head.length);
                    let body = self.body(&head, reading.bodiless, by.as_mut()).await;
                    return judged(&head, &body, reading.profile, self.received.clone());
                }
                Err(()) => {
                    let answer = Answer::new(Came::Silent, self.received.clone());
                    return answer.noted("that is no HTTP");
                }
                Ok(None) => {}
            }
            if !self.more(by.as_mut()).await {
                let came = if self.over { Came::Ended } else { Came::Silent };
                return Answer::new(came, self.received.clone());
            }
        }
    }

    async fn body(&mut self, head: &Head, bodiless: bool, mut by: Pin<&mut Sleep>) -> Vec<u8> {
        if bodiless || matches!(head.status, 101 | 204 | 304) {
            return Vec::new();
        }
        let chunked = head.field("transfer-encoding").is_some();
        let length = head.field("content-length").and_then(|text| text.parse::<usize>().ok());
        loop {
            let whole = match (chunked, length) {
                (true, _) => unchunk(&self.buffer),
                (false, Some(length)) => {
                    self.buffer.get(..length).map(|body| (body.to_vec(), length))
                }
                (false, None) => None,
            };
            if let Some((body, end)) = whole {
                self.buffer.drain(..end);
                return body;
            }
            if !self.more(by.as_mut()).await {
                return std::mem::take(&mut self.buffer);
            }
        }
    }

    /// Reads one answer that nobody judges.
    pub(crate) async fn reply(&mut self, patience: Duration) -> io::Result<Reply> {
        let mut by = pin!(sleep(patience));
        loop {
            match parse_head(&self.buffer) {
                Ok(Some(head)) if head.is_interim() => {
                    self.buffer.drain(..head.length);
                    continue;
                }
                Ok(Some(head)) => {
                    self.buffer.drain(..head.length);
                    let body = Zeroizing::new(self.body(&head, false, by.as_mut()).await);
                    return Ok(Reply { status: head.status, fields: head.fields, body });
                }
                Err(()) => return Err(io::Error::other("that is no HTTP")),
                Ok(None) => {}
            }
            if !self.more(by.as_mut()).await {
                let kind =
                    if self.over { io::ErrorKind::UnexpectedEof } else { io::ErrorKind::TimedOut };
                return Err(kind.into());
            }
        }
    }

    /// Reads whatever comes until the end, or for as long as is waited.
    pub(super) async fn rest(&mut self, patience: Duration) {
        let mut by = pin!(sleep(patience));
        while self.more(by.as_mut()).await {}
    }
}

async fn encrypted(stream: TcpStream, to: &HttpAddress) -> io::Result<Box<dyn Duplex>> {
    let config = trust::config(to.certificate_sha256, &[b"http/1.1"]).map_err(io::Error::other)?;
    let host = to.host().trim_matches(['[', ']']).to_owned();
    let name = ServerName::try_from(host).map_err(io::Error::other)?;
    Ok(Box::new(TlsConnector::from(Arc::new(config)).connect(name, stream).await?))
}

/// The head of an answer.
struct Head {
    status: u16,
    fields: Vec<(String, String)>,
    length: usize,
}

impl Head {
    /// Whether the answer is still to come.
    fn is_interim(&self) -> bool {
        (100..=199).contains(&self.status) && self.status != 101
    }

    fn field<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.all(name).next()
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.fields.iter().filter(move |(field, _)| field.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str())
    }
}

/// The head at the beginning of these bytes; none while it isn't whole.
fn parse_head(bytes: &[u8]) -> Result<Option<Head>, ()> {
    let mut fields = [httparse::EMPTY_HEADER; 128];
    let mut response = httparse::Response::new(&mut fields);
    match response.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => {
            let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
            let fields = response.headers.iter();
            let fields = fields.map(|field| (field.name.to_owned(), text(field.value))).collect();
            Ok(Some(Head { status: response.code.unwrap_or_default(), fields, length }))
        }
        Ok(httparse::Status::Partial) => Ok(None),
        Err(_) => Err(()),
    }
}

/// A chunked body and where it ends; `None` while it isn't whole.
fn unchunk(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut body, mut at) = (Vec::new(), 0_usize);
    loop {
        let rest = bytes.get(at..)?;
        let httparse::Status::Complete((head, size)) = httparse::parse_chunk_size(rest).ok()?
        else {
            return None;
        };
        let size = usize::try_from(size).ok()?;
        let start = at.checked_add(head)?;
        let end = start.checked_add(size)?;
        body.extend_from_slice(bytes.get(start..end)?);
        at = end.checked_add(2)?;
        if bytes.len() < at {
            return None;
        }
        if size == 0 {
            return Some((body, at));
        }
    }
}

/// What an answer means.
fn judged(head: &Head, body: &[u8], profile: &Profile, received: Vec<u8>) -> Answer {
    let to_login = head.field("location").is_some_and(|location| leads_to_login(location, profile));
    let came = match head.status {
        101 | 200..=299 => Came::Admitted,
        300..=399 if !to_login => Came::Admitted,
        _ => Came::Refused,
    };
    let mut answer = Answer::new(came, received).explained(body);
    answer.status = Some(head.status);
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| json.get(name).and_then(Value::as_str).map(str::to_owned);
    let id = text("session_id");
    // A token stands in the body or, for a page, in the one cookie that is set.
    let set = head.field("set-cookie").and_then(|cookie| cookie.split(';').next()?.split_once('='));
    let token = text("access_token").or_else(|| set.map(|(_, value)| value.to_owned()));
    answer.bought = token.map(|token| Bought { token, id });
    answer
}

/// Whether this is where somebody without a session is sent.
fn leads_to_login(location: &str, profile: &Profile) -> bool {
    let path = match location.split_once("://") {
        Some((_, rest)) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/"),
        None => location,
    };
    profile.login.as_deref().is_some_and(|login| path.starts_with(login))
}
