//! The reverse proxy: admitted requests to the guarded server, bodies as they arrive.

use std::fmt;
use std::io;
use std::time::Duration;

use doorward_policy::admission::Admitted;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response, Uri, Version};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::net::TcpStream;

use crate::headers;

/// How long the guarded server has to take a connection.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// The guarded server.
pub struct Upstream {
    authority: Authority,
    client: Client<HttpConnector, Incoming>,
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Upstream({})", self.authority)
    }
}

/// A guarded server's address that can't be used. Never repeats it: it may have a password in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamError(&'static str);

impl fmt::Display for UpstreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the upstream {}; give it as http://HOST:PORT", self.0)
    }
}

impl std::error::Error for UpstreamError {}

impl Upstream {
    /// Parses `http://HOST[:PORT]`.
    ///
    /// # Errors
    /// For another scheme, a path, a query, or user information.
    pub fn parse(url: &str) -> Result<Self, UpstreamError> {
        let uri: Uri = url.parse().map_err(|_| UpstreamError("is not a URL"))?;
        if uri.scheme() != Some(&Scheme::HTTP) {
            return Err(UpstreamError("is not an http URL"));
        }
        let authority = uri.authority().cloned().ok_or(UpstreamError("names no host"))?;
        if authority.as_str().contains('@') {
            return Err(UpstreamError("has user information"));
        }
        if !matches!(uri.path_and_query().map(PathAndQuery::as_str), None | Some("/")) {
            return Err(UpstreamError("has a path"));
        }
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_DEADLINE));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .set_host(false)
            .build(connector);
        Ok(Self { authority, client })
    }

    /// Host and port.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.authority.as_str()
    }

    /// Whether somebody listens there.
    ///
    /// # Errors
    /// As the connection attempt says.
    pub async fn probe(&self) -> io::Result<()> {
        let address = (
            self.authority.host().trim_start_matches('[').trim_end_matches(']'),
            self.authority.port_u16().unwrap_or(80),
        );
        let connected = tokio::time::timeout(CONNECT_DEADLINE, TcpStream::connect(address)).await;
        connected.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?.map(|_stream| ())
    }

    /// Passes an admitted request on, and brings the answer.
    pub(crate) async fn forward(
        &self,
        mut request: Box<Request<Incoming>>,
        admitted: &Admitted,
    ) -> Result<Response<Incoming>, hyper_util::client::legacy::Error> {
        headers::to_upstream(request.headers_mut(), admitted);
        self.send(request).await
    }

    /// Sends a request whose headers are prepared.
    pub(crate) async fn send(
        &self,
        mut request: Box<Request<Incoming>>,
    ) -> Result<Response<Incoming>, hyper_util::client::legacy::Error> {
        let target = request.uri().path_and_query().cloned();
        let mut uri = http::uri::Parts::default();
        uri.scheme = Some(Scheme::HTTP);
        uri.authority = Some(self.authority.clone());
        uri.path_and_query = Some(target.unwrap_or_else(|| PathAndQuery::from_static("/")));
        *request.uri_mut() = Uri::from_parts(uri).unwrap_or_default();
        *request.version_mut() = Version::HTTP_11;
        self.client.request(*request).await
    }
}
