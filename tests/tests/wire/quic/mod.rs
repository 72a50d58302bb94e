//! A QUIC listener on the gate of a `Door`, and clients of it: one that may say anything, and one
//! that doesn't even keep to the limits that it is told.

mod lawless;

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use doorward_policy::Timestamp;
use doorward_policy::hello::{ALPN, Accept};
use doorward_policy::keys::MasterKeys;
use doorward_quic::{Limits, Listener, ListenerParts, Upstream};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{
    ApplicationClose, ClientConfig, Connection, ConnectionError, Endpoint, RecvStream, SendStream,
    TransportConfig,
};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientSessionStore, Resumption};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, SignatureScheme};
use serde_json::Value;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use self::lawless::Lawless;
use crate::door::Door;

/// The kinds of credentials in a hello.
pub(crate) const SESSION: u8 = 1;
pub(crate) const GRANT: u8 = 2;
pub(crate) const TICKET: u8 = 3;
pub(crate) const LOCAL: u8 = 4;
/// The purposes of a hello.
pub(crate) const OPEN: u8 = 1;
pub(crate) const TOKEN: u8 = 2;

/// No test waits for as long.
pub(crate) const NEVER: Duration = Duration::from_secs(3600);

/// A QUIC listener of its own on a loopback port.
pub(crate) struct Wicket {
    pub(crate) address: SocketAddr,
    certificate: Arc<InForce>,
    drained: Arc<Notify>,
    served: JoinHandle<()>,
}

impl Wicket {
    pub(crate) fn of(door: &Door) -> Self {
        Self::with(door, None, Limits::default())
    }

    pub(crate) fn with(door: &Door, upstream: Option<Upstream>, limits: Limits) -> Self {
        let certificate = Arc::new(InForce(Mutex::new(certificate())));
        let keys = MasterKeys::generate([7; 16], [8; 32], [9; 32], Timestamp::EPOCH);
        let parts = ListenerParts {
            gate: Arc::clone(&door.gate),
            certificates: Arc::clone(&certificate) as Arc<dyn ResolvesServerCert>,
            secrets: &keys.endpoint("127.0.0.1"),
            upstream,
            limits,
        };
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let listener = Listener::new(socket, parts).unwrap();
        let address = listener.local_addr().unwrap();
        let drained = Arc::new(Notify::new());
        let told = Arc::clone(&drained);
        let served = tokio::spawn(listener.serve(async move { told.notified().await }));
        Self { address, certificate, drained, served }
    }

    /// Puts another certificate in force, and returns it.
    pub(crate) fn renew_certificate(&self) -> CertificateDer<'static> {
        let renewed = certificate();
        let end_entity = renewed.cert[0].clone();
        *self.certificate.0.lock().unwrap() = renewed;
        end_entity
    }

    /// A connection that a session token of its own has opened, and the token.
    pub(crate) async fn opened(&self, door: &Door) -> (Connection, String) {
        let token = door.token().await;
        let (connection, _accept) = self.greet(&Words::token(&token)).await.welcome();
        (connection, token)
    }

    /// Tells the listener to take no more, and waits until it has ended.
    pub(crate) async fn drain(self) {
        self.drained.notify_one();
        self.served.await.unwrap();
    }

    /// Connects as a client does who means well.
    pub(crate) async fn connect(&self) -> Connection {
        Caller::default().connect(self.address).await.unwrap()
    }

    /// Says a hello on a connection of its own.
    pub(crate) async fn greet(&self, words: &Words) -> Greeted {
        greet(self.connect().await, &words.frame()).await
    }
}

/// The certificate of the next handshake.
#[derive(Debug)]
struct InForce(Mutex<Arc<CertifiedKey>>);

impl ResolvesServerCert for InForce {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.lock().unwrap()))
    }
}

/// A self-signed certificate, with a key on P-256.
fn certificate() -> Arc<CertifiedKey> {
    let made = rcgen::generate_simple_self_signed([String::from("localhost")]).unwrap();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let key = aws_lc_rs::sign::any_supported_type(&key).unwrap();
    Arc::new(CertifiedKey::new(vec![made.cert.der().clone()], key))
}

/// A client in the making: what it asks for, and whether it keeps to the rules.
pub(crate) struct Caller {
    /// None if it is empty.
    pub(crate) protocol: &'static [u8],
    pub(crate) server_name: &'static str,
    /// Whether it does what the server's limits forbid.
    pub(crate) lawless: bool,
    /// Whether it does without the costly part of a key exchange.
    pub(crate) cheap: bool,
    /// The session tickets that it is sent.
    pub(crate) tickets: Option<Arc<dyn ClientSessionStore>>,
    /// What it lets the server send, and how long it bears silence.
    pub(crate) transport: Arc<TransportConfig>,
}

impl Default for Caller {
    fn default() -> Self {
        let (protocol, server_name) = (ALPN, "localhost");
        let transport = Arc::default();
        Self { protocol, server_name, lawless: false, cheap: false, tickets: None, transport }
    }
}

impl Caller {
    pub(crate) fn lawless() -> Self {
        Self { lawless: true, ..Self::default() }
    }

    pub(crate) async fn connect(&self, address: SocketAddr) -> Result<Connection, ConnectionError> {
        let endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        self.connect_from(&endpoint, address).await
    }

    pub(crate) async fn connect_from(
        &self,
        endpoint: &Endpoint,
        address: SocketAddr,
    ) -> Result<Connection, ConnectionError> {
        endpoint.connect_with(self.config(), address, self.server_name).unwrap().await
    }

    pub(crate) fn config(&self) -> ClientConfig {
        let tls = Arc::new(QuicClientConfig::try_from(self.tls()).unwrap());
        let mut config = if self.lawless {
            ClientConfig::new(Arc::new(Lawless::new(tls)))
        } else {
            ClientConfig::new(tls)
        };
        config.transport_config(Arc::clone(&self.transport));
        config
    }

    fn tls(&self) -> rustls::ClientConfig {
        let mut provider = aws_lc_rs::default_provider();
        if self.cheap {
            provider.kx_groups = vec![aws_lc_rs::kx_group::X25519];
        }
        let provider = Arc::new(provider);
        let mut config = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
            .with_no_client_auth();
        if !self.protocol.is_empty() {
            config.alpn_protocols = vec![self.protocol.to_vec()];
        }
        if let Some(tickets) = &self.tickets {
            config.resumption = Resumption::store(Arc::clone(tickets));
        }
        config
    }
}

/// Takes every certificate.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("QUIC has TLS 1.3".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// The fields of a hello, in whatever form: this knows no rules.
#[derive(Clone, Debug)]
pub(crate) struct Words {
    pub(crate) version: u8,
    pub(crate) purpose: u8,
    pub(crate) credentials: Vec<(u8, Vec<u8>)>,
    pub(crate) nonce: Vec<u8>,
    pub(crate) workspace: Vec<u8>,
    pub(crate) capabilities: u16,
}

impl Words {
    /// A hello that presents nothing.
    pub(crate) fn nothing() -> Self {
        Self {
            version: 1,
            purpose: OPEN,
            credentials: Vec::new(),
            nonce: Vec::new(),
            workspace: Vec::new(),
            capabilities: 0,
        }
    }

    /// A hello with one credential; with a nonce where that is a grant.
    pub(crate) fn one(purpose: u8, kind: u8, credential: impl AsRef<[u8]>) -> Self {
        let nonce = if kind == GRANT { vec![0; 18] } else { Vec::new() };
        let credentials = vec![(kind, credential.as_ref().to_vec())];
        Self { purpose, credentials, nonce, ..Self::nothing() }
    }

    /// A hello that opens with a session token.
    pub(crate) fn token(token: &str) -> Self {
        Self::one(OPEN, SESSION, token)
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        let mut body = vec![self.version, self.purpose, self.credentials.len() as u8];
        for (kind, credential) in &self.credentials {
            body.push(*kind);
            body.extend((credential.len() as u16).to_be_bytes());
            body.extend(credential);
        }
        for short in [&self.nonce, &self.workspace] {
            body.push(short.len() as u8);
            body.extend(short);
        }
        body.extend(self.capabilities.to_be_bytes());
        body
    }

    pub(crate) fn frame(&self) -> Vec<u8> {
        frame(&self.body())
    }
}

/// A body behind its length.
pub(crate) fn frame(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u16).to_be_bytes(), body].concat()
}

/// What a hello has come to.
#[derive(Debug)]
pub(crate) enum Greeted {
    Welcome(Connection, Accept),
    Closed(Closed),
}

impl Greeted {
    pub(crate) fn welcome(self) -> (Connection, Accept) {
        match self {
            Self::Welcome(connection, accept) => (connection, accept),
            Self::Closed(closed) => panic!("{closed:?}"),
        }
    }

    pub(crate) fn closed(self) -> Closed {
        match self {
            Self::Closed(closed) => closed,
            Self::Welcome(_, accept) => panic!("{accept:?}"),
        }
    }
}

/// How the server has ended a connection: the code, and the reason as it came.
#[derive(Debug)]
pub(crate) struct Closed {
    pub(crate) code: u64,
    pub(crate) reason: Value,
}

impl Closed {
    pub(crate) fn error(&self) -> &str {
        self.reason["error"].as_str().unwrap_or_default()
    }
}

impl From<ApplicationClose> for Closed {
    fn from(close: ApplicationClose) -> Self {
        let reason = serde_json::from_slice(&close.reason).unwrap_or_default();
        Self { code: close.error_code.into_inner(), reason }
    }
}

/// Waits for the end of a connection that the server refuses or ends.
pub(crate) async fn closed(connection: &Connection) -> Closed {
    match connection.closed().await {
        ConnectionError::ApplicationClosed(close) => close.into(),
        error => panic!("{error}"),
    }
}

/// Waits for the end of a connection on which QUIC's own rules were broken, and returns QUIC's
/// own code.
pub(crate) async fn broken(connection: &Connection) -> quinn::TransportErrorCode {
    match connection.closed().await {
        ConnectionError::ConnectionClosed(close) => close.error_code,
        error => panic!("{error}"),
    }
}

/// Sends these bytes as the first stream, finishes it, and waits for what comes of it.
pub(crate) async fn greet(connection: Connection, hello: &[u8]) -> Greeted {
    let (mut send, receive) = connection.open_bi().await.unwrap();
    // A server that has seen enough doesn't take the rest.
    let _result = send.write_all(hello).await;
    let _result = send.finish();
    answer(connection, receive).await
}

/// Reads the answer to a hello, or waits for the refusal.
pub(crate) async fn answer(connection: Connection, mut receive: RecvStream) -> Greeted {
    match receive.read_to_end(4096).await {
        Ok(frame) => {
            let accept = Accept::parse(&frame[2..]).unwrap();
            Greeted::Welcome(connection, accept)
        }
        Err(_) => Greeted::Closed(closed(&connection).await),
    }
}

/// Opens a stream, sends "hi" and gets it back: the connection is alive.
pub(crate) async fn echoes(connection: &Connection) -> (SendStream, RecvStream) {
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    send.write_all(b"hi").await.unwrap();
    let mut echoed = [0; 2];
    receive.read_exact(&mut echoed).await.unwrap();
    assert_eq!(&echoed, b"hi");
    (send, receive)
}
