//! A server that speaks `docs/quic-hello.md`, and answers as a script says.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use doorward_client::{Client, Credential, Server, Session, Target, Trust};
use doorward_policy::capability::Capabilities;
use doorward_policy::hello::{Accept, AcceptedSession, Hello, Kind, Offered, Purpose};
use doorward_policy::id::SessionId;
use doorward_policy::link::CertificatePin;
use doorward_policy::subject::Subject;
use doorward_policy::workspace::WorkspaceName;
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Connection, Endpoint, Incoming, RecvStream, SendStream, VarInt};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::desk::NOW;

pub(crate) const SECRET: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
/// In how many seconds a token expires.
pub(crate) const LIFE: u32 = 1000;
/// Fails, instead of hanging, what must happen and doesn't.
const PATIENCE: Duration = Duration::from_secs(600);

/// A certificate, and the key that proves it.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    der: CertificateDer<'static>,
    key: Arc<CertifiedKey>,
}

impl Certificate {
    pub(crate) fn self_signed() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("made");
        Self::new(made.cert.der().clone(), &made.signing_key)
    }

    fn new(der: CertificateDer<'static>, key: &KeyPair) -> Self {
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let key = aws_lc_rs::sign::any_supported_type(&key).expect("supported");
        Self { key: Arc::new(CertifiedKey::new(vec![der.clone()], key)), der }
    }

    /// This certificate in the hands of somebody who has another's key.
    pub(crate) fn stolen_by(&self, thief: &Self) -> Self {
        let key = CertifiedKey::new(vec![self.der.clone()], Arc::clone(&thief.key.key));
        Self { der: self.der.clone(), key: Arc::new(key) }
    }

    pub(crate) fn pin(&self) -> CertificatePin {
        CertificatePin::new(Sha256::digest(&self.der).into())
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.key))
    }
}

/// A root, and what it vouches for.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut all = CertificateParams::new([]).expect("valid");
        all.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("generated");
        Self(CertifiedIssuer::self_signed(all, key).expect("signed"))
    }

    pub(crate) fn certify(&self, name: &str) -> Certificate {
        let key = KeyPair::generate().expect("generated");
        let all = CertificateParams::new([name.to_owned()]).expect("valid");
        let signed = all.signed_by(&key, &self.0).expect("signed");
        Certificate::new(signed.der().clone(), &key)
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(Trust::from_pem(self.0.pem().as_bytes()).expect("a root"))
    }
}

/// What the server does with a hello.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Accepts it, with this token.
    Token(&'static str),
    /// Accepts it, with this token, which expires at once.
    Fleeting(&'static str),
    /// Accepts it without a token and echoes each stream.
    Open,
    /// Ends the connection with this code and reason.
    Refuse(u32, &'static str),
    /// Answers with nothing, and ends the connection so a moment later.
    RefuseLate(u32, &'static str),
    /// Says nothing, as if the answer were lost.
    Silence,
    /// Answers with these bytes.
    Bytes(Vec<u8>),
    /// Answers with this many bytes and does not come to an end.
    Endless(usize),
}

/// What came to the server.
#[derive(Debug)]
pub(crate) enum Event {
    /// A connection whose handshake failed.
    Failed,
    /// A hello.
    Hello(Said),
    /// The hello's connection has its reply; it is open.
    Opened(Connection),
}

/// What a hello said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) purpose: Purpose,
    pub(crate) kind: Kind,
    pub(crate) credential: String,
    pub(crate) nonce: Vec<u8>,
    pub(crate) workspace: Option<WorkspaceName>,
}

impl Said {
    fn parse(frame: &[u8]) -> Self {
        let hello = Hello::parse(&frame[2..]).expect("a hello");
        let Offered::One(kind, credential) = hello.offered else { panic!("one credential") };
        let credential = String::from_utf8(credential.to_vec()).expect("text");
        let (purpose, workspace) = (hello.purpose, hello.workspace);
        Self { purpose, kind, credential, nonce: hello.nonce.to_vec(), workspace }
    }
}

/// A running server.
pub(crate) struct Peer {
    endpoint: Endpoint,
    pub(crate) address: SocketAddr,
    events: mpsc::UnboundedReceiver<Event>,
    script: Arc<Script>,
    certificate: Certificate,
}

/// Which replies are given, in turn; the last one again and again.
struct Script(Mutex<VecDeque<Reply>>);

impl Script {
    fn next(&self) -> Reply {
        let mut replies = self.0.lock().expect("whole");
        match replies.len() {
            1 => replies[0].clone(),
            _ => replies.pop_front().expect("a reply"),
        }
    }
}

impl Peer {
    pub(crate) fn start(certificate: Certificate, replies: &[Reply]) -> Self {
        Self::at(([127, 0, 0, 1], 0).into(), certificate, b"doorward/1", replies)
    }

    pub(crate) fn at(
        address: SocketAddr,
        certificate: Certificate,
        alpn: &[u8],
        replies: &[Reply],
    ) -> Self {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("TLS 1.3")
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(certificate.clone()));
        config.alpn_protocols = vec![alpn.to_vec()];
        let config = QuicServerConfig::try_from(config).expect("usable");
        let config = quinn::ServerConfig::with_crypto(Arc::new(config));
        let endpoint = Endpoint::server(config, address).expect("bound");
        let (sender, events) = mpsc::unbounded_channel();
        let script = Arc::new(Script(Mutex::new(replies.to_vec().into())));
        tokio::spawn(accept(endpoint.clone(), Arc::clone(&script), sender));
        let address = endpoint.local_addr().expect("an address");
        Self { endpoint, address, events, script, certificate }
    }

    /// Goes away as a server does that is told to stop, and leaves its port.
    pub(crate) async fn stop(self) {
        let reason = br#"{"error":"draining","message":"The server is going away."}"#;
        self.endpoint.close(VarInt::from_u32(1001), reason);
        self.endpoint.wait_idle().await;
        let address = self.address;
        drop(self);
        while std::net::UdpSocket::bind(address).is_err() {
            tokio::task::yield_now().await;
        }
    }

    /// Is heard no more, without a word.
    pub(crate) fn disappear(&self) {
        let elsewhere = std::net::UdpSocket::bind("127.0.0.1:0").expect("bound");
        self.endpoint.rebind(elsewhere).expect("rebound");
    }

    /// What it does from now on.
    pub(crate) fn does(&self, replies: &[Reply]) {
        *self.script.0.lock().expect("whole") = replies.to_vec().into();
    }

    pub(crate) async fn event(&mut self) -> Event {
        let came = timeout(PATIENCE, self.events.recv()).await;
        came.expect("in time").expect("a server")
    }

    pub(crate) async fn hello(&mut self) -> Said {
        match self.event().await {
            Event::Hello(said) => said,
            event => panic!("a hello was expected, not {event:?}"),
        }
    }

    pub(crate) async fn opened(&mut self) -> Connection {
        match self.event().await {
            Event::Opened(connection) => connection,
            event => panic!("an open connection was expected, not {event:?}"),
        }
    }

    /// Whether anything has come that nobody looked at.
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.events.try_recv().is_err()
    }

    /// It as a client knows it without a pin.
    pub(crate) fn named(&self) -> Server {
        Target::parse(&format!("quic://localhost:{}", self.address.port())).expect("valid").server
    }

    pub(crate) fn pinned(&self) -> Server {
        let url = format!("quic://{}", self.address);
        Target::parse(&url).expect("valid").server.pinned(self.certificate.pin())
    }

    /// A session of it, for which it has to have a token.
    pub(crate) async fn session(&mut self) -> Session {
        let session = client().pair(&self.pinned(), &credential(), [7; 32], NOW).await;
        assert_eq!(self.hello().await.kind, Kind::Grant);
        session.expect("paired")
    }
}

pub(crate) fn client() -> Client {
    Client::new(Trust::system())
}

pub(crate) fn credential() -> Credential {
    Credential::parse(SECRET).expect("valid")
}

async fn accept(endpoint: Endpoint, script: Arc<Script>, events: mpsc::UnboundedSender<Event>) {
    while let Some(incoming) = endpoint.accept().await {
        tokio::spawn(serve(incoming, Arc::clone(&script), events.clone()));
    }
}

async fn serve(incoming: Incoming, script: Arc<Script>, events: mpsc::UnboundedSender<Event>) {
    // Nobody may be left who looks.
    let tell = |event| drop(events.send(event));
    let Ok(connection) = incoming.await else { return tell(Event::Failed) };
    let Ok((mut sender, mut receiver)) = connection.accept_bi().await else {
        return tell(Event::Failed);
    };
    let frame = receiver.read_to_end(2000).await.expect("a hello");
    let reply = script.next();
    tell(Event::Hello(Said::parse(&frame)));
    let answer = match reply {
        Reply::Token(token) => accepted(Some(token), LIFE),
        Reply::Fleeting(token) => accepted(Some(token), 0),
        Reply::Open => accepted(None, LIFE),
        Reply::Bytes(ref bytes) => bytes.clone(),
        Reply::Endless(length) => {
            // A client that has read enough reads no more.
            let _result = sender.write_all(&vec![0; length]).await;
            connection.closed().await;
            return;
        }
        Reply::Refuse(code, reason) => {
            return connection.close(VarInt::from_u32(code), reason.as_bytes());
        }
        Reply::RefuseLate(code, reason) => {
            let _result = sender.finish();
            tokio::time::sleep(Duration::from_millis(300)).await;
            return connection.close(VarInt::from_u32(code), reason.as_bytes());
        }
        Reply::Silence => {
            connection.closed().await;
            return;
        }
    };
    // A client that has gone doesn't read.
    let _result = sender.write_all(&answer).await;
    let _result = sender.finish();
    if matches!(reply, Reply::Open) {
        tell(Event::Opened(connection.clone()));
    }
    while let Ok((sender, receiver)) = connection.accept_bi().await {
        tokio::spawn(echo(sender, receiver));
    }
}

fn accepted(token: Option<&str>, expires_in: u32) -> Vec<u8> {
    let session = AcceptedSession {
        id: SessionId::new([0xab; 16]),
        capabilities: Capabilities::NONE,
        expires_in,
        subject: Subject::new("me").expect("valid"),
    };
    let token = token.map(|token| Zeroizing::new(token.as_bytes().to_vec()));
    Accept { session: Some(session), token }.frame().expect("short").to_vec()
}

/// All that comes is sent back once it has ended.
async fn echo(mut sender: SendStream, mut receiver: RecvStream) {
    let Ok(bytes) = receiver.read_to_end(1 << 20).await else { return };
    let _result = sender.write_all(&bytes).await;
    let _result = sender.finish();
}
