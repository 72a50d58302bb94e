//! A listener in this process, and a client that sends exactly the bytes it is told to.

#[path = "parts.rs"]
mod parts;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use doorward_gate::store::{MemoryStore, Store};
use doorward_gate::{
    Clock, Entropy, Gate, Parts, Processes as _, SystemEntropy, SystemProcesses, admin,
};
use doorward_http::{
    Active, Administered, Carried, Ended, Ending, Limits, MayWrite, Part, Shared, Site, SiteParts,
    Sockets, Stream, Upstream,
};
use doorward_policy::Timestamp;
use doorward_policy::capability::Capabilities;
use doorward_policy::grant::GrantRequest;
use doorward_policy::id::SessionId;
use doorward_policy::keys::{Digester, MasterKeys, Purpose};
use doorward_policy::ledger::Capacity;
use doorward_policy::local::LocalRequest;
use doorward_policy::settings::{Settings, Surface};
use doorward_policy::subject::Subject;
use doorward_policy::token::Method;
use doorward_policy::workspace::WorkspaceName;
use doorward_websocket::{CloseReason, Opened, SharedLimits, share};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

pub(crate) use self::parts::{TestClock, TestEntropy};

/// Carries WebSockets with the adapter that the listener uses.
struct Adapter;

impl Sockets for Adapter {
    fn accept_key(&self, key: &[u8]) -> String {
        doorward_websocket::accept_key(key)
    }

    fn carry(
        &self,
        client: Stream,
        upstream: Option<Stream>,
        active: Active,
        ended: Ending,
    ) -> Carried {
        let limits = doorward_websocket::Limits::default();
        let ended = reason(ended);
        Box::pin(async move {
            let client = Opened::new(client).noting(active);
            match upstream {
                Some(upstream) => {
                    doorward_websocket::relay(client, Opened::new(upstream), limits, ended).await;
                }
                None => {
                    doorward_websocket::echo(client, limits, ended).await;
                }
            }
        })
    }

    fn share(&self, upstream: Stream, over: Ending) -> (Arc<dyn Shared>, Carried) {
        let limits = SharedLimits::default();
        let (shared, carried) = share(Opened::new(upstream), limits, reason(over));
        let carried = async {
            carried.await;
        };
        (Arc::new(Joinable(shared)), Box::pin(carried))
    }
}

struct Joinable(doorward_websocket::Shared);

impl Shared for Joinable {
    fn join(&self, may_write: MayWrite) -> Box<dyn Part> {
        Box::new(Taken(self.0.sit(may_write)))
    }
}

struct Taken(doorward_websocket::Seat);

impl Part for Taken {
    fn carry(self: Box<Self>, client: Stream, ended: Ending) -> Carried {
        let carried = self.0.carry(Opened::new(client), reason(ended));
        Box::pin(async {
            carried.await;
        })
    }
}

async fn reason(ended: Ending) -> CloseReason {
    let Ended { code, reason } = ended.await;
    CloseReason::new(code, reason)
}

/// One origin of a listener.
struct Origin {
    settings: Settings,
    upstream: Option<Upstream>,
    limits: Limits,
    administered: Option<Administered>,
}

/// A listener of its own on a loopback port.
pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    pub(crate) gate: Arc<Gate>,
    pub(crate) site: Arc<Site>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) entropy: Arc<TestEntropy>,
    pub(crate) store: Arc<dyn Store>,
    keys: Keys,
    /// Takes connections, and carries them as long as it does.
    accepting: JoinHandle<()>,
}

/// A loopback port that nothing listens on.
const UNUSED: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// What the keys of an installation are made from.
#[derive(Clone, Copy)]
struct Keys {
    pepper: [u8; 32],
    master: [u8; 32],
    made_at: Timestamp,
}

impl Keys {
    fn new(made_at: Timestamp) -> Self {
        let secret = || doorward_gate::random::<32>(&SystemEntropy).unwrap();
        Self { pepper: secret(), master: secret(), made_at }
    }

    fn masters(&self) -> MasterKeys {
        MasterKeys::generate([7; 16], self.pepper, self.master, self.made_at)
    }
}

impl Door {
    pub(crate) async fn open() -> Self {
        Self::under(Settings::default()).await
    }

    pub(crate) async fn under(settings: Settings) -> Self {
        Self::with(settings, None, Limits::default()).await
    }

    pub(crate) async fn with(
        settings: Settings,
        upstream: Option<Upstream>,
        limits: Limits,
    ) -> Self {
        let store = MemoryStore::new(Capacity::default(), [3; 8]);
        Self::on(Arc::new(store), settings, upstream, limits).await
    }

    pub(crate) async fn on(
        store: Arc<dyn Store>,
        settings: Settings,
        upstream: Option<Upstream>,
        limits: Limits,
    ) -> Self {
        let clock = Arc::new(TestClock::standing());
        let keys = Keys::new(clock.now().unwrap());
        let entropy = Arc::new(TestEntropy::default());
        let origin = Origin { settings, upstream, limits, administered: None };
        Self::opened(store, clock, entropy, keys, origin, UNUSED).await
    }

    /// What is started at the same address after this listener was killed, on what `store` holds:
    /// under the same keys, with the same clock.
    pub(crate) async fn restarted(
        self,
        store: Arc<dyn Store>,
        settings: Settings,
        upstream: Option<Upstream>,
        limits: Limits,
    ) -> Self {
        self.accepting.abort();
        let _aborted = self.accepting.await;
        let (clock, entropy) = (self.clock, Arc::new(TestEntropy::default()));
        let origin = Origin { settings, upstream, limits, administered: None };
        Self::opened(store, clock, entropy, self.keys, origin, self.address).await
    }

    /// Another origin on the same state, such as that of administration.
    pub(crate) async fn beside(
        &self,
        settings: Settings,
        administered: Option<Administered>,
    ) -> Self {
        let (store, clock) = (Arc::clone(&self.store), Arc::clone(&self.clock));
        let limits = Limits::default();
        let origin = Origin { settings, upstream: None, limits, administered };
        Self::opened(store, clock, Arc::clone(&self.entropy), self.keys, origin, UNUSED).await
    }

    async fn opened(
        store: Arc<dyn Store>,
        clock: Arc<TestClock>,
        entropy: Arc<TestEntropy>,
        keys: Keys,
        origin: Origin,
        at: SocketAddr,
    ) -> Self {
        let Origin { settings, upstream, limits, administered } = origin;
        let gate = Gate::open(Parts {
            settings,
            keys: keys.masters(),
            store: Arc::clone(&store),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            entropy: Arc::clone(&entropy) as Arc<dyn Entropy>,
            processes: Arc::new(SystemProcesses),
        })
        .await
        .unwrap();
        let site = Site::new(SiteParts {
            gate: Arc::clone(&gate),
            upstream,
            sockets: Arc::new(Adapter),
            limits,
            quic: None,
            administered,
        });
        let listener = TcpListener::bind(at).await.unwrap();
        let address = listener.local_addr().unwrap();
        let carrying = Arc::clone(&site);
        let accepting = tokio::spawn(async move {
            let mut carried = JoinSet::new();
            while let Ok((stream, peer)) = listener.accept().await {
                let site = Arc::clone(&carrying);
                carried.spawn(site.serve(stream, peer, false, std::future::pending()));
                while carried.try_join_next().is_some() {}
            }
        });
        Self { address, gate, site, clock, entropy, store, keys, accepting }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// The origin of a page of this server.
    pub(crate) fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port())
    }

    /// What the secrets of this origin are found by.
    pub(crate) fn digester(&self) -> Digester {
        self.keys.masters().digester_for(match self.gate.settings().surface {
            Surface::Guarded => Purpose::Session,
            Surface::Admin => Purpose::Admin,
        })
    }

    /// Makes a grant and lays its secret open.
    pub(crate) async fn grant(&self, method: Method, capabilities: Capabilities) -> String {
        self.grant_to("tester", method, capabilities).await
    }

    async fn grant_to(&self, name: &str, method: Method, capabilities: Capabilities) -> String {
        self.grant_of(name, method, capabilities, 1).await
    }

    /// Makes a grant with so many uses.
    pub(crate) async fn grant_of(
        &self,
        name: &str,
        method: Method,
        capabilities: Capabilities,
        uses: u32,
    ) -> String {
        let request = GrantRequest {
            label: Subject::new(name).unwrap(),
            capabilities,
            method,
            uses,
            life: Duration::from_secs(600),
        };
        let (secret, _record) = admin::issue_grant(
            &*self.store,
            &self.digester(),
            &*self.clock,
            &SystemEntropy,
            &request,
            Capabilities::ALL,
        )
        .await
        .unwrap();
        secret.expose().to_string()
    }

    /// Pairs and returns a bearer token.
    pub(crate) async fn token(&self) -> String {
        self.token_of("tester", Capabilities::START_UP).await
    }

    /// As [`token`](Self::token), for somebody of this name.
    pub(crate) async fn token_of(&self, name: &str, capabilities: Capabilities) -> String {
        let grant = self.grant_to(name, Method::Link, capabilities).await;
        let endpoint = match self.gate.settings().surface {
            Surface::Guarded => "token",
            Surface::Admin => "bootstrap",
        };
        let answer = self.redeem(endpoint, &grant, "AAAAAAAAAAAAAAAAAAAAAAAA", "").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }

    /// The local token of a process of `main`'s, which is this one.
    pub(crate) async fn local(&self, name: &str) -> String {
        let pid = std::process::id();
        let request = LocalRequest {
            id: SessionId::new([pid as u8; 16]),
            name: Subject::new(name).unwrap(),
            workspace: WorkspaceName::main(),
            capabilities: Capabilities::OBSERVE,
            pid,
            started: SystemProcesses.started(pid).unwrap().unwrap(),
            directory: "/".to_owned(),
        };
        let (store, digester) = (&*self.store, self.digester());
        let (clock, all) = (&*self.clock, Capabilities::ALL);
        let made = admin::issue_local(store, &digester, clock, &SystemEntropy, &request, all);
        made.await.unwrap().0.expose().to_string()
    }

    /// Pairs and returns the cookie, as `name=value`.
    pub(crate) async fn cookie(&self) -> String {
        let grant = self.grant(Method::Link, Capabilities::START_UP).await;
        let origin = format!("Origin: {}\r\n", self.origin());
        let answer = self.redeem("bootstrap", &grant, "AAAAAAAAAAAAAAAAAAAAAAAA", &origin).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let cookie = answer.header("set-cookie").unwrap();
        cookie.split(';').next().unwrap().to_owned()
    }

    pub(crate) async fn redeem(
        &self,
        endpoint: &str,
        credential: &str,
        nonce: &str,
        headers: &str,
    ) -> Answer {
        let body = format!("{{\"credential\":\"{credential}\",\"nonce\":\"{nonce}\"}}");
        self.post(&format!("/.doorward/api/{endpoint}"), headers, &body).await
    }

    pub(crate) async fn post(&self, path: &str, headers: &str, body: &str) -> Answer {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\n{headers}Content-Length: {}\r\n\
            Connection: close\r\n\r\n{body}",
            self.address,
            body.len()
        );
        self.send(request.as_bytes()).await
    }

    pub(crate) async fn get(&self, path: &str, headers: &str) -> Answer {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\n{headers}Connection: close\r\n\r\n",
            self.address
        );
        self.send(request.as_bytes()).await
    }

    /// A complete WebSocket handshake at `/echo` with these headers beside it.
    pub(crate) fn handshake(&self, headers: &str) -> String {
        handshake(&self.address.to_string(), "/echo", headers)
    }

    pub(crate) async fn upgrade(&self, headers: &str) -> Answer {
        self.send(self.handshake(headers).as_bytes()).await
    }

    /// Sends these bytes on a connection of their own and reads one answer.
    pub(crate) async fn send(&self, request: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // The answer may come, and the connection end, before all of a bad request is sent.
        let _sent = stream.write_all(request).await;
        read_answer(&mut stream).await
    }

    /// The audit records so far.
    pub(crate) async fn audit(&self) -> Vec<Value> {
        self.gate.flush().await.unwrap();
        let lines = self.store.audit_lines(0, 10_000).await.unwrap();
        lines.iter().map(|line| serde_json::from_str(&line.json).unwrap()).collect()
    }

    /// The last refusal in the audit log.
    pub(crate) async fn last_denial(&self) -> Value {
        let records = self.audit().await;
        records.into_iter().rfind(|record| record["event"] == "denied").unwrap_or_default()
    }
}

pub(crate) fn handshake(host: &str, path: &str, headers: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
    )
}

/// One HTTP answer, as it came.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).into_iter().next()
    }

    pub(crate) fn headers(&self, name: &str) -> Vec<&str> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        let named = fields.filter(|(field, _)| field.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.trim()).collect()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub(crate) fn code(&self) -> String {
        self.json()["error"].as_str().unwrap_or_default().to_owned()
    }
}

/// Reads one answer: its head, and the body that its length announces. An answer that never came
/// has status 0.
pub(crate) async fn read_answer(stream: &mut (impl AsyncRead + Unpin)) -> Answer {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if !matches!(stream.read_buf(&mut bytes).await, Ok(1..)) {
            return Answer::default();
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    let mut answer = Answer { status, head, body: bytes.split_off(end) };
    let length = answer.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    while answer.body.len() < length {
        if !matches!(stream.read_buf(&mut answer.body).await, Ok(1..)) {
            break;
        }
    }
    answer
}
