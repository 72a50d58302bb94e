//! One HTTP exchange with a server, on a connection of its own. Redirects are not followed.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, RETRY_AFTER};
use http::{HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::client::Client;
use crate::error::{ClientError, Refused};
use crate::server::{Server, Transport};
use crate::tls;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer that is read.
const MOST: usize = 64 * 1024;

/// An answer, its body read.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<u64>,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

impl Answer {
    /// What a refusal says about itself.
    pub(crate) fn refusal(&self) -> Refused {
        Refused::read(self.status, &self.body, self.retry_after)
    }
}

/// Sends a request with these additional headers, and hands over the answer's head.
pub(crate) async fn send(
    client: &Client,
    server: &Server,
    mut request: Request<Full<Bytes>>,
    bearer: Option<&str>,
) -> Result<Response<Incoming>, ClientError> {
    let unreachable = |error| ClientError::Unreachable(server.clone(), error);
    let headers = request.headers_mut();
    headers.insert(HOST, header(&server.authority()).map_err(unreachable)?);
    if let Some(token) = bearer {
        let value = header(&Zeroizing::new(format!("Bearer {token}")));
        let mut value = value.map_err(unreachable)?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    let exchange = async {
        let stream = reach(server).await.map_err(unreachable)?;
        match server.transport() {
            Transport::Http => exchange(stream, request).await.map_err(unreachable),
            Transport::Https => {
                let stream = tls::wrap(client.trust(), server, stream).await?;
                exchange(stream, request).await.map_err(unreachable)
            }
            Transport::Quic => Err(ClientError::Unexpected(server.clone(), "a web server")),
        }
    };
    let answered = timeout(PATIENCE, exchange).await;
    answered.unwrap_or_else(|_| Err(unreachable(io::ErrorKind::TimedOut.into())))
}

async fn reach(server: &Server) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(server.endpoint()).await?;
    //= req: CLIENT-1
    if !may_hear(server.transport(), stream.peer_addr()?.ip()) {
        let what = "its name leads away from this machine";
        return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, what));
    }
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Whether an address may hear a token. A resolver decides what a name such as `dev.localhost`
/// leads to, and without TLS nothing else would notice.
fn may_hear(transport: Transport, address: IpAddr) -> bool {
    transport != Transport::Http || address.to_canonical().is_loopback()
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> io::Result<Response<Incoming>> {
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    tokio::spawn(connection.with_upgrades());
    sender.send_request(request).await.map_err(io::Error::other)
}

fn header(text: &str) -> io::Result<HeaderValue> {
    HeaderValue::from_str(text).map_err(|_| io::ErrorKind::InvalidInput.into())
}

/// Posts a JSON body and reads the whole answer.
pub(crate) async fn post(
    client: &Client,
    server: &Server,
    path: &str,
    bearer: Option<&str>,
    body: Zeroizing<Vec<u8>>,
) -> Result<Answer, ClientError> {
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from_owner(body)))
        .map_err(|error| ClientError::Unreachable(server.clone(), io::Error::other(error)))?;
    let response = send(client, server, request, bearer).await?;
    read(server, response).await
}

/// Gets a resource and reads the whole answer.
pub(crate) async fn get(
    client: &Client,
    server: &Server,
    path: &str,
    bearer: &str,
) -> Result<Answer, ClientError> {
    let request = Request::builder()
        .uri(path)
        .body(Full::new(Bytes::new()))
        .map_err(|error| ClientError::Unreachable(server.clone(), io::Error::other(error)))?;
    let response = send(client, server, request, Some(bearer)).await?;
    read(server, response).await
}

/// Reads the body of an answer. Of a refusal the status is enough: what is too long, or breaks off,
/// is none of Doorward's.
pub(crate) async fn read(
    server: &Server,
    response: Response<Incoming>,
) -> Result<Answer, ClientError> {
    let (status, refused) = (response.status().as_u16(), !response.status().is_success());
    let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after = retry_after.and_then(|text| text.parse().ok());
    //= req: CLIENT-8
    let body = timeout(PATIENCE, Limited::new(response.into_body(), MOST).collect()).await;
    let lost = |error| ClientError::Unreachable(server.clone(), error);
    let body = match body {
        Ok(Ok(body)) => body.to_bytes().into(),
        _ if refused => Vec::new(),
        Ok(Err(error)) => return Err(lost(io::Error::other(error))),
        Err(_) => return Err(lost(io::ErrorKind::TimedOut.into())),
    };
    Ok(Answer { status, retry_after, body: Zeroizing::new(body) })
}

#[cfg(test)]
mod tests {
    use super::*;

    //= req: CLIENT-1, type=test
    #[test]
    fn without_tls_nobody_but_this_machine_hears_a_token() {
        for near in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert!(may_hear(Transport::Http, near.parse().expect("an address")), "{near}");
        }
        for far in ["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "0.0.0.0"] {
            let far = far.parse().expect("an address");
            assert!(!may_hear(Transport::Http, far) && may_hear(Transport::Https, far), "{far}");
        }
    }
}
