//! Thousands of live connections over both transports, ended by a revocation that another process
//! makes. How long the last one took is printed.
#![allow(clippy::disallowed_methods, reason = "what is printed is real time; nothing asserts it")]

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use doorward_gate::admin::{Which, revoke_sessions};
use doorward_gate::audit::{AuditRecord, Event};
use doorward_gate::store::SqliteStore;
use doorward_gate::store::sqlite::SqliteSettings;
use doorward_gate::{Clock as _, Gate};
use doorward_http::Limits;
use doorward_policy::Settings;
use doorward_policy::capability::Capabilities;
use doorward_policy::caps::ConnectionLimits;
use doorward_policy::id::{Issuer, SessionId};
use doorward_policy::ledger::Selector;
use doorward_policy::limiter::Limits as Guesses;
use doorward_policy::token::Method;
use quinn::{ConnectionError, Endpoint, TransportConfig};
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::interval;

use crate::door::{Door, read_answer};
use crate::quic::{Caller, Greeted, NEVER, Wicket, Words, greet};

const SESSIONS: usize = 1000;
const WEBSOCKETS: usize = 3;
const QUICS: usize = 2;
const ENDPOINTS: usize = 250;
/// How many sessions are set up at once: handshakes in a debug build take their time.
const AT_ONCE: usize = 12;

/// A connection that has ended: whose it was, with which code, and when. A QUIC client that has
/// missed the one packet with the code hears of the end by a reset (RFC 9000, section 10.3).
type Ended = (usize, Option<u64>, Instant);

/// Both doors, the clients of each session, and what has become of them.
struct Crowd {
    door: Door,
    wicket: Wicket,
    /// Several, so that the end of all doesn't overflow one socket.
    endpoints: Vec<Endpoint>,
    caller: Caller,
    ids: Vec<SessionId>,
    connections: JoinSet<Ended>,
}

impl Crowd {
    /// A listener on this database, as `doorward serve` runs one.
    async fn before(database: &Path) -> Self {
        let settings = Settings {
            guesses: Guesses { others: u32::MAX, ..Guesses::default() },
            connections: ConnectionLimits { unadmitted: 10_000, per_address: 10_000 },
            ..Settings::default()
        };
        let patient = Limits { head_deadline: NEVER, unadmitted: NEVER, ..Limits::default() };
        let store = Arc::new(open(database));
        let door = Door::on(store, settings, None, patient).await;
        tokio::spawn(keep_house(Arc::clone(&door.gate)));
        // So many handshakes take their time on a busy machine.
        let quic = doorward_quic::Limits::default();
        let patient = doorward_quic::Limits { idle: NEVER, deadline: NEVER, ..quic };
        let wicket = Wicket::with(&door, None, patient);
        let endpoint = || Endpoint::client(([127, 0, 0, 1], 0).into()).unwrap();
        let endpoints = (0..ENDPOINTS).map(|_| endpoint()).collect();
        // A client says that it is there, and so hears of an end whose one packet was lost.
        let mut transport = TransportConfig::default();
        transport.max_idle_timeout(None).keep_alive_interval(Some(Duration::from_secs(5)));
        let caller = Caller { cheap: true, transport: Arc::new(transport), ..Caller::default() };
        Self { door, wicket, endpoints, caller, ids: Vec::new(), connections: JoinSet::new() }
    }

    /// Pairs a thousand times, and opens each session's connections.
    async fn gather(&mut self) {
        let grant = self
            .door
            .grant_of("crowd", Method::Link, Capabilities::START_UP, SESSIONS as u32)
            .await;
        for from in (0..SESSIONS).step_by(AT_ONCE) {
            let numbers = from..SESSIONS.min(from + AT_ONCE);
            let tokens: Vec<_> = {
                let mut tokens = Vec::new();
                for number in numbers.clone() {
                    tokens.push(self.pair(&grant, number).await);
                }
                tokens
            };
            let opening = numbers.zip(&tokens).map(|(number, token)| self.open(number, token));
            for opened in futures_util::future::join_all(opening).await {
                for connection in opened {
                    self.connections.spawn(connection.until_ended());
                }
            }
        }
        assert_eq!(self.door.gate.live_connections(), SESSIONS * (WEBSOCKETS + QUICS));
    }

    async fn pair(&mut self, grant: &str, number: usize) -> String {
        let nonce = format!("{number:024}");
        let answer = self.door.redeem("token", grant, &nonce, "").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let who = answer.json();
        self.ids.push(SessionId::parse(who["session_id"].as_str().unwrap()).unwrap());
        who["access_token"].as_str().unwrap().to_owned()
    }

    async fn open(&self, number: usize, token: &str) -> Vec<Connection> {
        let mut opened = Vec::new();
        let bearer = format!("Authorization: Bearer {token}\r\n");
        for _ in 0..WEBSOCKETS {
            let mut stream = TcpStream::connect(self.door.address).await.unwrap();
            stream.write_all(self.door.handshake(&bearer).as_bytes()).await.unwrap();
            assert_eq!(read_answer(&mut stream).await.status, 101);
            opened.push(Connection { number, wire: Wire::WebSocket(stream) });
        }
        let endpoint = &self.endpoints[number % ENDPOINTS];
        for _ in 0..QUICS {
            let connection = self.caller.connect_from(endpoint, self.wicket.address).await;
            let frame = Words::token(token).frame();
            match greet(connection.unwrap(), &frame).await {
                Greeted::Welcome(connection, _) => {
                    opened.push(Connection { number, wire: Wire::Quic(connection) });
                }
                Greeted::Closed(closed) => panic!("{closed:?}"),
            }
        }
        opened
    }

    /// Revokes as the command line does, with a store of its own, and waits until so many have
    /// ended. Returns whose they were, and prints how long the last one took.
    async fn revoke(&mut self, database: &Path, which: Selector, expected: usize) -> Vec<usize> {
        let store = open(database);
        let clock = &*self.door.clock;
        let audit = AuditRecord::new(Event::SessionRevoked, clock.now().unwrap());
        let began = Instant::now();
        let which = Which::by_owner(which);
        let revoked = revoke_sessions(&store, clock, which, audit).await.unwrap();
        let told = began.elapsed();
        let mut whose = Vec::new();
        let (mut last, mut missed) = (Duration::ZERO, 0);
        while whose.len() < expected {
            let (number, code, at) = self.connections.join_next().await.unwrap().unwrap();
            assert_eq!(code.unwrap_or(4403), 4403);
            missed += usize::from(code.is_none());
            whose.push(number);
            last = last.max(at.duration_since(began));
        }
        assert_eq!((revoked.closed, revoked.unheard), (expected as u64, 0), "what is told");
        // Past what catches the output of a test that passes.
        let _result = writeln!(
            std::io::stderr(),
            "{} sessions revoked: {expected} connections closed, the last after {} ms; told after \
             {} ms; {missed} heard of it by a reset",
            revoked.sessions.len(),
            last.as_millis(),
            told.as_millis()
        );
        whose
    }
}

struct Connection {
    number: usize,
    wire: Wire,
}

enum Wire {
    WebSocket(TcpStream),
    Quic(quinn::Connection),
}

impl Connection {
    async fn until_ended(self) -> Ended {
        let code = match self.wire {
            Wire::WebSocket(mut stream) => {
                let mut frame = [0; 4];
                stream.read_exact(&mut frame).await.unwrap();
                assert_eq!(frame[0], 0x88, "a Close frame, and nothing before it");
                Some(u64::from(u16::from_be_bytes([frame[2], frame[3]])))
            }
            Wire::Quic(connection) => match connection.closed().await {
                ConnectionError::ApplicationClosed(close) => Some(close.error_code.into_inner()),
                ConnectionError::Reset => None,
                error => panic!("{error}"),
            },
        };
        (self.number, code, Instant::now())
    }
}

fn open(database: &Path) -> SqliteStore {
    SqliteStore::open(database, Issuer::new([7; 16]), SqliteSettings::default()).unwrap()
}

/// What the listener does beside its connections, as often as it does.
async fn keep_house(gate: Arc<Gate>) {
    let mut ticks = interval(Duration::from_millis(200));
    loop {
        ticks.tick().await;
        gate.refresh().await.unwrap();
    }
}

/// Each connection is two open files here, and the usual limit is below that.
fn raise_file_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revoking_one_session_closes_its_connections_alone_and_revoking_all_closes_all() {
    raise_file_limit();
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("doorward.db");
    let mut crowd = Crowd::before(&database).await;
    crowd.gather().await;
    let each = WEBSOCKETS + QUICS;

    let one = crowd.ids[500];
    let whose = crowd.revoke(&database, Selector::Session(one), each).await;
    assert_eq!(whose, vec![500; each]);
    assert_eq!(crowd.door.gate.live_connections(), (SESSIONS - 1) * each);
    assert!(crowd.connections.try_join_next().is_none(), "another session's was closed");

    let mut whose = crowd.revoke(&database, Selector::All, (SESSIONS - 1) * each).await;
    whose.sort_unstable();
    whose.dedup();
    assert_eq!(whose.len(), SESSIONS - 1);
    assert_eq!(crowd.door.gate.live_connections(), 0);
    assert!(crowd.connections.is_empty());
}
