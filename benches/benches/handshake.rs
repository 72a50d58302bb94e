//! What admission adds to a WebSocket handshake: the server's CPU time for a handshake and its
//! close, with the gate, and on the same stack without it.
//!
//! Prints one line. The two take many short turns, so that a change in the machine's speed hits both.

use std::convert::Infallible;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream as Client};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use doorward_benches::{claims, masters, median};
use doorward_gate::store::MemoryStore;
use doorward_gate::{Clock as _, Gate, Parts, SystemClock, SystemEntropy, SystemProcesses};
use doorward_http::{Active, Carried, Ended, Ending, Shared, Site, SiteParts, Sockets, Stream};
use doorward_policy::keys::Purpose;
use doorward_policy::ledger::Capacity;
use doorward_policy::{Settings, Timestamp, token};
use doorward_websocket::{CloseReason, Limits, Opened, accept_key, echo, switching_headers};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{interval, sleep};

const HANDSHAKES: usize = 500;
const ROUNDS: usize = 61;

fn main() {
    // `cargo test --benches` runs it without the flag, only to see it start.
    let handshakes = if std::env::args().any(|one| one == "--bench") { HANDSHAKES } else { 10 };
    let text = mint();
    let cookie = move |port: u16| format!("theme=dark; doorward_{port}={text}; _xsrf=2|c0ffee");
    let mut ratios = Vec::new();
    let (mut bare, mut guarded) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        bare.push(round(handshakes, false, &cookie));
        guarded.push(round(handshakes, true, &cookie));
        ratios.push(guarded[guarded.len() - 1] / bare[bare.len() - 1]);
    }
    println!(
        "WebSocket handshake and close, server CPU: {:.1} us without the gate, {:.1} us with it, \
         x{:.3} (medians of {ROUNDS} rounds of {handshakes})",
        median(bare) / 1000.0,
        median(guarded) / 1000.0,
        median(ratios),
    );
}

/// A token of a session that was opened a minute ago.
fn mint() -> String {
    let now = SystemClock::new(Timestamp::EPOCH).now().expect("the clock can be read");
    let ring = masters().ring(Purpose::Session);
    token::issue(&claims(1, now), &ring, now).expect("a key signs").expose().to_owned()
}

/// Nanoseconds of CPU that this thread has used.
fn cpu() -> f64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").expect("a Linux with schedstat");
    text.split(' ').next().and_then(|nanos| nanos.parse().ok()).expect("a number")
}

/// Serves this many handshakes on a thread of its own; the CPU nanoseconds of one.
fn round(handshakes: usize, gate: bool, cookie: &dyn Fn(u16) -> String) -> f64 {
    let (tell, told) = mpsc::channel();
    // Named, so that a profiler tells them apart.
    let name = if gate { "guarded" } else { "bare" };
    let server = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            let serving = if gate { Some(site().await) } else { None };
            tell.send(listener.local_addr().expect("an address")).expect("it is awaited");
            // The first is not counted: caches are cold, and the client is starting.
            serve(&listener, serving.as_ref(), 1).await;
            let before = cpu();
            serve(&listener, serving.as_ref(), handshakes).await;
            (cpu() - before) / handshakes as f64
        })
    });
    let server = server.expect("a thread");
    let address: SocketAddr = told.recv().expect("the server starts");
    let head = head(address, &cookie(address.port()));
    for _ in 0..=handshakes {
        shake_hands(address, head.as_bytes());
    }
    server.join().expect("the server ends")
}

fn head(address: SocketAddr, cookie: &str) -> String {
    format!(
        "GET /echo HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nPragma: no-cache\r\n\
         Cache-Control: no-cache\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) \
         AppleWebKit/537.36 Chrome/156.0.0.0\r\nUpgrade: websocket\r\nOrigin: http://{address}\r\n\
         Sec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n\
         Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\nCookie: {cookie}\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

fn shake_hands(address: SocketAddr, head: &[u8]) {
    let mut stream = Client::connect(address).expect("it listens");
    stream.set_nodelay(true).expect("a socket");
    stream.write_all(head).expect("it reads");
    let (mut answer, mut length) = ([0; 1024], 0);
    while !answer[..length].ends_with(b"\r\n\r\n") {
        let read = stream.read(&mut answer[length..]).expect("it answers");
        assert!(read > 0, "refused: {}", String::from_utf8_lossy(&answer[..length]));
        length += read;
    }
    assert!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
    // A masked Close with code 1000.
    stream.write_all(&[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]).expect("it reads");
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).expect("it closes");
}

/// Accepts so many connections and carries them to their end.
async fn serve(listener: &TcpListener, site: Option<&(Arc<Site>, Arc<Gate>)>, connections: usize) {
    let mut open = JoinSet::new();
    // Held by the echoes of the bare stack, so that the channel's end is theirs.
    let (alive, mut all_ended) = tokio::sync::mpsc::channel(1);
    for _ in 0..connections {
        let (stream, peer) = listener.accept().await.expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        match site {
            Some((site, _)) => {
                let site = Arc::clone(site);
                open.spawn(site.serve(stream, peer, false, std::future::pending()));
            }
            None => _ = open.spawn(bare(stream, alive.clone())),
        }
        while open.try_join_next().is_some() {}
    }
    while open.join_next().await.is_some() {}
    drop(alive);
    _ = all_ended.recv().await;
    while site.is_some_and(|(_, gate)| gate.live_connections() > 0) {
        sleep(Duration::from_millis(1)).await;
    }
}

/// The whole of Doorward, with its upkeep going on beside it as in the listener.
async fn site() -> (Arc<Site>, Arc<Gate>) {
    let parts = Parts {
        settings: Settings::default(),
        keys: masters(),
        store: Arc::new(MemoryStore::new(Capacity::default(), [7; 8])),
        clock: Arc::new(SystemClock::new(Timestamp::EPOCH)),
        entropy: Arc::new(SystemEntropy),
        processes: Arc::new(SystemProcesses),
    };
    let gate = Gate::open(parts).await.expect("a gate");
    let beside = Arc::clone(&gate);
    tokio::spawn(async move {
        let mut refresh = interval(Duration::from_millis(200));
        let mut flush = interval(Duration::from_millis(500));
        let mut upkeep = interval(Duration::from_secs(1));
        loop {
            let done = tokio::select! {
                _ = refresh.tick() => beside.refresh().await,
                _ = flush.tick() => beside.flush().await,
                _ = upkeep.tick() => beside.upkeep().await,
            };
            done.expect("the store answers");
        }
    });
    let site = Site::new(SiteParts {
        gate: Arc::clone(&gate),
        upstream: None,
        sockets: Arc::new(Echo),
        limits: doorward_http::Limits::default(),
        quic: None,
        administered: None,
    });
    (site, gate)
}

struct Echo;

impl Sockets for Echo {
    fn accept_key(&self, key: &[u8]) -> String {
        accept_key(key)
    }

    fn carry(
        &self,
        client: Stream,
        _upstream: Option<Stream>,
        active: Active,
        ended: Ending,
    ) -> Carried {
        let ended = async move {
            let Ended { code, reason } = ended.await;
            CloseReason::new(code, reason)
        };
        let client = Opened::new(client).noting(active);
        Box::pin(async move { _ = echo(client, Limits::default(), ended).await })
    }

    fn share(&self, _upstream: Stream, _over: Ending) -> (Arc<dyn Shared>, Carried) {
        unreachable!("nothing is guarded here")
    }
}

/// Held for as long as a connection of the bare stack lives.
type Alive = tokio::sync::mpsc::Sender<Infallible>;

/// The same stack with the gate left out.
async fn bare(stream: TcpStream, alive: Alive) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(5))
        .max_headers(128)
        .max_buf_size(64 * 1024)
        .serve_connection(
            TokioIo::new(stream),
            service_fn(move |request| switch(request, alive.clone())),
        )
        .with_upgrades();
    _ = connection.await;
}

async fn switch(
    mut request: Request<Incoming>,
    alive: Alive,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let mut response = Response::new(Empty::new());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let key = request.headers().get("sec-websocket-key").map(|key| key.as_bytes().to_vec());
    for (name, value) in switching_headers(&key.unwrap_or_default(), None) {
        response.headers_mut().insert(name, value.parse().expect("a header"));
    }
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let parts = upgraded.downcast::<TokioIo<TcpStream>>().expect("what was put in");
        let stream = Opened::new(parts.io.into_inner());
        _ = echo(stream, Limits::default(), std::future::pending()).await;
        drop(alive);
    });
    Ok(response)
}
