//! Doorward over QUIC, and a bare quinn beside it with the same settings: one certificate, one key
//! exchange, no tickets, and the windows that Doorward gives to an admitted connection.

use std::error::Error;
use std::io::{self, IoSlice};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use doorward_gate::store::MemoryStore;
use doorward_gate::{Clock as _, Gate, Parts, SystemClock, SystemEntropy, SystemProcesses};
use doorward_policy::caps::ConnectionLimits;
use doorward_policy::hello::{ALPN, Accept, AcceptedSession, Hello, Kind, Offered, Purpose};
use doorward_policy::keys::Purpose as KeyPurpose;
use doorward_policy::ledger::Capacity;
use doorward_policy::{Capabilities, Settings, Timestamp, token};
use doorward_quic::{Limits, Listener, ListenerParts, Upstream};
use futures_util::FutureExt as _;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{
    ClientConfig, Connection, Endpoint, EndpointConfig, IdleTimeout, RecvStream, SendStream,
    ServerConfig, TokioRuntime, TransportConfig, ValidationTokenConfig, VarInt,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::{copy_bidirectional, join};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::interval;

/// Whatever goes wrong ends the measurement.
pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// What Doorward allows a connection that it has admitted.
const RECEIVE_WINDOW: u32 = 8 << 20;
const STREAM_WINDOW: u32 = 1 << 20;
const SEND_WINDOW: u64 = 4 << 20;
/// How long a connection may be silent. Longer than Doorward's own: the idle ones stay that.
const IDLE: Duration = Duration::from_secs(300);

/// A certificate for `localhost`, which both servers present.
#[derive(Debug)]
pub struct Identity(Arc<CertifiedKey>);

impl ResolvesServerCert for Identity {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

impl Identity {
    /// Makes one, with a key on P-256.
    ///
    /// # Errors
    /// If no key can be made.
    pub fn generate() -> Outcome<Arc<Self>> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key)?;
        Ok(Arc::new(Self(Arc::new(CertifiedKey::new(vec![made.cert.der().clone()], key)))))
    }

    /// What a client has to trust.
    #[must_use]
    pub fn certificate(&self) -> Option<&CertificateDer<'static>> {
        self.0.cert.first()
    }
}

fn transport() -> Outcome<TransportConfig> {
    let mut config = TransportConfig::default();
    config
        .max_concurrent_bidi_streams(VarInt::from_u32(Limits::default().streams))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .datagram_receive_buffer_size(None)
        .receive_window(VarInt::from_u32(RECEIVE_WINDOW))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .send_window(SEND_WINDOW)
        .max_idle_timeout(Some(IdleTimeout::try_from(IDLE)?));
    Ok(config)
}

fn socket() -> io::Result<UdpSocket> {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
}

/// A client's endpoint, the same for both servers. It resumes nothing either.
///
/// # Errors
/// If it can't be made.
pub fn client(trusted: &CertificateDer<'static>) -> Outcome<Endpoint> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(trusted.clone())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![ALPN.to_vec()];
    tls.resumption = rustls::client::Resumption::disabled();
    let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
    config.transport_config(Arc::new(transport()?));
    let mut endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into())?;
    endpoint.set_default_client_config(config);
    Ok(endpoint)
}

/// Opens a connection and says hello; the connection, and how many bytes the answer had.
///
/// # Errors
/// If there is no answer.
pub async fn open(
    client: &Endpoint,
    server: SocketAddr,
    hello: &[u8],
) -> Outcome<(Connection, usize)> {
    let connection = client.connect(server, "localhost")?.await?;
    let (mut send, mut receive) = connection.open_bi().await?;
    send.write_all(hello).await?;
    send.finish()?;
    let answer = receive.read_to_end(2048).await?;
    Ok((connection, answer.len()))
}

/// The hello with the token of a session that was opened a minute ago.
///
/// # Errors
/// If the clock can't be read, or no key signs.
pub fn hello() -> Outcome<Vec<u8>> {
    let now = SystemClock::new(Timestamp::EPOCH).now().map_err(|_| "no clock")?;
    let ring = crate::masters().ring(KeyPurpose::Session);
    let token = token::issue(&crate::claims(1, now), &ring, now).ok_or("no key signs")?;
    let hello = Hello {
        purpose: Purpose::Open,
        offered: Offered::One(Kind::Session, token.expose().as_bytes()),
        nonce: &[],
        workspace: None,
        capabilities: Capabilities::NONE,
    };
    Ok(hello.frame().ok_or("too long")?.to_vec())
}

/// An answer of the size that Doorward's to [`hello`] has.
fn answer() -> Outcome<Vec<u8>> {
    let claims = crate::claims(1, crate::NOW);
    let session = AcceptedSession {
        id: claims.session,
        capabilities: claims.capabilities,
        expires_in: 0,
        subject: claims.subject,
    };
    let accept = Accept { session: Some(session), token: None };
    Ok(accept.frame().ok_or("too long")?.to_vec())
}

/// Doorward's listener, with the gate's upkeep going on beside it.
///
/// # Errors
/// If it can't be made.
pub async fn guarded(identity: Arc<Identity>, upstream: Option<Upstream>) -> Outcome<Listener> {
    let limits = Limits { idle: IDLE, ..Limits::default() };
    listener(identity, upstream, Settings::default(), limits).await
}

/// One that validates every address, and has room for one unadmitted connection from each.
///
/// # Errors
/// If it can't be made.
pub async fn narrow(identity: Arc<Identity>) -> Outcome<Listener> {
    let connections = ConnectionLimits { per_address: 1, ..ConnectionLimits::default() };
    let settings = Settings { connections, ..Settings::default() };
    let limits = Limits { idle: IDLE, deadline: IDLE, retry_from: 0, ..Limits::default() };
    listener(identity, None, settings, limits).await
}

async fn listener(
    identity: Arc<Identity>,
    upstream: Option<Upstream>,
    settings: Settings,
    limits: Limits,
) -> Outcome<Listener> {
    let keys = crate::masters();
    let socket = socket()?;
    let secrets = keys.endpoint(&socket.local_addr()?.to_string());
    let parts = Parts {
        settings,
        keys,
        store: Arc::new(MemoryStore::new(Capacity::default(), [7; 8])),
        clock: Arc::new(SystemClock::new(Timestamp::EPOCH)),
        entropy: Arc::new(SystemEntropy),
        processes: Arc::new(SystemProcesses),
    };
    let gate = Gate::open(parts).await.map_err(|error| format!("{error:?}"))?;
    tokio::spawn(keep_up(Arc::clone(&gate)));
    let parts = ListenerParts { gate, certificates: identity, secrets: &secrets, upstream, limits };
    Ok(Listener::new(socket, parts)?)
}

/// As the listener does it.
async fn keep_up(gate: Arc<Gate>) {
    let mut refresh = interval(Duration::from_millis(200));
    let mut flush = interval(Duration::from_millis(500));
    let mut upkeep = interval(Duration::from_secs(1));
    loop {
        let done = tokio::select! {
            _ = refresh.tick() => gate.refresh().await,
            _ = flush.tick() => match gate.flush().await {
                // Where the listener keeps it is a file's matter.
                Ok(_) => gate.store().trim_audit(u64::MAX).await,
                failed => failed,
            },
            _ = upkeep.tick() => gate.upkeep().await,
        };
        if done.is_err() {
            return;
        }
    }
}

/// What the bare server does with a stream after the first.
#[derive(Clone, Copy, Debug)]
pub enum Copying {
    /// `tokio::io::copy_bidirectional`.
    Tokio,
    /// The loop of Doorward, which hands on chunks and holds no buffer while it waits.
    Chunks,
}

/// A quinn with the same settings and nobody at the door.
#[derive(Debug)]
pub struct Bare {
    endpoint: Endpoint,
    answer: Arc<[u8]>,
    upstream: SocketAddr,
    copying: Copying,
}

impl Bare {
    /// Listens. Streams are forwarded to `upstream`.
    ///
    /// # Errors
    /// If it can't.
    pub fn new(identity: Arc<Identity>, upstream: SocketAddr, copying: Copying) -> Outcome<Self> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_no_client_auth()
            .with_cert_resolver(identity);
        tls.alpn_protocols = vec![ALPN.to_vec()];
        tls.session_storage = Arc::new(NoServerSessionStorage {});
        tls.send_tls13_tickets = 0;
        let mut config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
        let mut tokens = ValidationTokenConfig::default();
        tokens.sent(0);
        config.transport_config(Arc::new(transport()?)).validation_token_config(tokens);
        let runtime = Arc::new(TokioRuntime);
        let endpoint = Endpoint::new(EndpointConfig::default(), Some(config), socket()?, runtime)?;
        Ok(Self { endpoint, answer: answer()?.into(), upstream, copying })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// As the operating system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.endpoint.local_addr()
    }

    /// Serves until the process ends.
    pub async fn serve(self) {
        while let Some(incoming) = self.endpoint.accept().await {
            let Ok(connecting) = incoming.accept() else { continue };
            let answer = Arc::clone(&self.answer);
            let (upstream, copying) = (self.upstream, self.copying);
            tokio::spawn(async move {
                if let Ok(connection) = connecting.await {
                    // It ends when the client goes.
                    _ = carry(connection, &answer, upstream, copying).await;
                }
            });
        }
    }
}

async fn carry(
    connection: Connection,
    answer: &[u8],
    upstream: SocketAddr,
    copying: Copying,
) -> Outcome<()> {
    let (mut send, mut receive) = connection.accept_bi().await?;
    let mut prefix = [0; 2];
    receive.read_exact(&mut prefix).await?;
    let mut body = vec![0; u16::from_be_bytes(prefix).into()];
    receive.read_exact(&mut body).await?;
    send.write_all(answer).await?;
    send.finish()?;
    drop((send, receive, body));
    let mut streams = JoinSet::new();
    loop {
        let (send, receive) = connection.accept_bi().await?;
        streams.spawn(async move {
            match copying {
                Copying::Tokio => copy(upstream, send, receive).await,
                Copying::Chunks => hand_on(upstream, send, receive).await,
            }
        });
        while streams.try_join_next().is_some() {}
    }
}

async fn copy(upstream: SocketAddr, send: SendStream, receive: RecvStream) -> Outcome<()> {
    let mut server = TcpStream::connect(upstream).await?;
    server.set_nodelay(true)?;
    let mut client = join(receive, send);
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

const MOST: usize = 64 * 1024;
const CHUNKS: usize = 64;

async fn hand_on(
    upstream: SocketAddr,
    mut send: SendStream,
    mut receive: RecvStream,
) -> Outcome<()> {
    let server = TcpStream::connect(upstream).await?;
    server.set_nodelay(true)?;
    let there = async {
        while let Some(chunk) = receive.read_chunk(MOST, true).await? {
            let mut chunks = vec![chunk.bytes];
            let mut next = [const { Bytes::new() }; CHUNKS - 1];
            if let Some(count) = receive.read_chunks(&mut next).now_or_never() {
                chunks.extend(next.into_iter().take(count?.unwrap_or(0)));
            }
            write(&server, chunks).await?;
        }
        rustix::net::shutdown(&server, rustix::net::Shutdown::Write)?;
        Outcome::Ok(())
    };
    let back = async {
        loop {
            let bytes = read(&server).await?;
            if bytes.is_empty() {
                send.finish()?;
                return Outcome::Ok(());
            }
            send.write_chunk(bytes.freeze()).await?;
        }
    };
    tokio::try_join!(there, back)?;
    Ok(())
}

async fn read(server: &TcpStream) -> io::Result<BytesMut> {
    loop {
        server.readable().await?;
        let mut buffer = BytesMut::with_capacity(MOST);
        match server.try_read_buf(&mut buffer) {
            Ok(_) => return Ok(buffer),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

async fn write(server: &TcpStream, mut chunks: Vec<Bytes>) -> io::Result<()> {
    let mut left = chunks.as_mut_slice();
    while !left.is_empty() {
        server.writable().await?;
        let mut slices = [IoSlice::new(&[]); CHUNKS];
        for (slice, chunk) in slices.iter_mut().zip(&*left) {
            *slice = IoSlice::new(chunk);
        }
        let mut written = match server.try_write_vectored(&slices[..left.len().min(CHUNKS)]) {
            Ok(written) => written,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        };
        let mut whole = 0;
        for chunk in left.iter_mut() {
            if written < chunk.len() {
                chunk.advance(written);
                break;
            }
            written -= chunk.len();
            whole += 1;
        }
        left = &mut left[whole..];
    }
    Ok(())
}
