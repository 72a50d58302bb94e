//! https: the server proves itself before it hears a request.

use std::sync::Arc;

use doorward_client::{CertificateFault, Client, ClientError, Server, Trust};
use doorward_policy::link::CertificatePin;
use rcgen::CertifiedKey;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::PrivateKeyDer;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::support::{TOKEN, answer, listen, pair};

/// A server for one connection.
struct Guarded {
    server: Server,
    pin: CertificatePin,
    pem: String,
    /// What the client has said, if the handshake came to its end.
    heard: JoinHandle<Option<String>>,
}

impl Guarded {
    async fn start() -> Self {
        let CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("made");
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(rustls::ALL_VERSIONS)
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .expect("usable");
        let (listener, server) = listen("https").await;
        let heard = tokio::spawn(hear(listener, TlsAcceptor::from(Arc::new(config))));
        Self {
            server,
            pin: CertificatePin::new(Sha256::digest(cert.der()).into()),
            pem: cert.pem(),
            heard,
        }
    }

    async fn heard(self) -> Option<String> {
        self.heard.await.expect("no panic")
    }
}

async fn hear(listener: TcpListener, acceptor: TlsAcceptor) -> Option<String> {
    let (stream, _) = listener.accept().await.expect("accepted");
    let mut stream = acceptor.accept(stream).await.ok()?;
    let mut bytes = vec![0; 4096];
    let mut length = 0;
    while !bytes[..length].ends_with(b"}") {
        match stream.read(&mut bytes[length..]).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => length += count,
        }
    }
    stream.write_all(answer("200 OK", "", TOKEN).as_bytes()).await.expect("written");
    Some(String::from_utf8(bytes[..length].to_vec()).expect("text"))
}

fn trusting_nobody() -> Client {
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("made");
    Client::new(Trust::from_pem(other.cert.pem().as_bytes()).expect("a root"))
}

#[tokio::test]
async fn a_pinned_server_is_asked_whatever_its_certificate_says() {
    let guarded = Guarded::start().await;
    let server = guarded.server.clone().pinned(guarded.pin);
    pair(&trusting_nobody(), &server).await.expect("paired");
    let heard = guarded.heard().await.expect("a request");
    assert!(heard.starts_with("POST /.doorward/api/token HTTP/1.1\r\n"), "{heard}");
}

//= req: CLIENT-2, type=test
#[tokio::test]
async fn a_server_with_another_certificate_hears_nothing() {
    let guarded = Guarded::start().await;
    let server = guarded.server.clone().pinned(CertificatePin::new([7; 32]));
    let Err(error) = pair(&trusting_nobody(), &server).await else { panic!("it is another") };
    assert!(matches!(error, ClientError::Certificate(_, CertificateFault::Pin)), "{error}");
    assert_eq!(guarded.heard().await, None);
}

//= req: CLIENT-2, type=test
#[tokio::test]
async fn a_server_is_known_by_name_under_a_trusted_root_alone() {
    let guarded = Guarded::start().await;
    let Err(error) = pair(&trusting_nobody(), &guarded.server).await else { panic!("a stranger") };
    assert!(matches!(error, ClientError::Certificate(_, CertificateFault::Name(_))), "{error}");
    assert_eq!(guarded.heard().await, None);

    let guarded = Guarded::start().await;
    let trust = Trust::from_pem(guarded.pem.as_bytes()).expect("a root");
    pair(&Client::new(trust), &guarded.server).await.expect("paired");
    assert!(guarded.heard().await.is_some());
}

#[tokio::test]
async fn what_speaks_no_tls_is_told_from_what_is_not_there() {
    let (listener, server) = listen("https").await;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("accepted");
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.expect("written");
        std::future::pending::<()>().await;
    });
    let Err(error) = pair(&trusting_nobody(), &server).await else { panic!("plain http") };
    assert!(matches!(error, ClientError::Incompatible(..)), "{error}");
}
