//! The handshake of HTTPS.

use std::io;
use std::sync::Arc;

use rustls::server::ResolvesServerCert;
use rustls::{ServerConfig, crypto::aws_lc_rs, version::TLS13};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// What a client is told that speaks plain http where https is spoken.
const PLAINLY: &str = "This port speaks https: use https:// instead of http:// in the address.\n";

/// Secures TCP connections.
#[derive(Clone)]
pub(crate) struct Acceptor(TlsAcceptor);

impl Acceptor {
    pub(crate) fn new(certificates: Arc<dyn ResolvesServerCert>) -> Result<Self, rustls::Error> {
        Ok(Self(TlsAcceptor::from(Arc::new(configuration(certificates)?))))
    }

    /// Secures a connection. The caller bounds it in time.
    pub(crate) async fn secure(self, mut stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        if speaks_plainly(&stream).await? {
            tell(&mut stream).await?;
            return Err(io::Error::other("the client speaks plain http"));
        }
        self.0.accept(stream).await
    }
}

/// TLS 1.3 alone, without early data, which whoever recorded it could send again (RFC 8446,
/// appendix E.5); HTTP/1.1 alone, which is what carries WebSockets here.
fn configuration(certificates: Arc<dyn ResolvesServerCert>) -> Result<ServerConfig, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider);
    //= req: HTTP-7
    let builder = builder.with_protocol_versions(&[&TLS13])?.with_no_client_auth();
    let mut configuration = builder.with_cert_resolver(certificates);
    configuration.alpn_protocols = vec![b"http/1.1".to_vec()];
    //= req: HTTP-7
    configuration.max_early_data_size = 0;
    Ok(configuration)
}

/// A request begins with a letter (RFC 9112, section 3), a handshake with 22 (RFC 8446, section
/// 5.1).
async fn speaks_plainly(stream: &TcpStream) -> io::Result<bool> {
    let mut first = [0];
    Ok(stream.peek(&mut first).await? == 1 && first[0].is_ascii_alphabetic())
}

/// Tells a client what to do, and takes what it still sends: a socket that is closed with unread
/// bytes is reset, and the answer may be lost with it (RFC 9112, section 9.6).
async fn tell(stream: &mut TcpStream) -> io::Result<()> {
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{PLAINLY}",
        PLAINLY.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    let mut rest = [0; 512];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    //= req: HTTP-7, type=test
    #[test]
    fn only_tls_1_3_and_http_1_1_and_no_early_data_are_offered() {
        #[derive(Debug)]
        struct None;
        impl ResolvesServerCert for None {
            fn resolve(
                &self,
                _hello: rustls::server::ClientHello<'_>,
            ) -> Option<Arc<rustls::sign::CertifiedKey>> {
                Option::None
            }
        }
        let configuration = configuration(Arc::new(None)).expect("a configuration");
        assert_eq!(configuration.max_early_data_size, 0);
        assert_eq!(configuration.alpn_protocols, [b"http/1.1"]);
        let groups = &configuration.crypto_provider().kx_groups;
        assert_eq!(groups[0].name(), rustls::NamedGroup::X25519MLKEM768);
    }
}
