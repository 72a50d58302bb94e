//! Bad input on QUIC connections leaves nothing behind: after many of each kind the process holds
//! what it held after the first.
//!
//! In its own process, with one test, so that nothing else is measured. As many of each kind as
//! fit into a test run; for 10,000 of each, as before a release:
//!
//! ```text
//! DOORWARD_LEAK_COUNT=10000 cargo test --release -p doorward-tests --test leaks -- --nocapture
//! ```

#[allow(dead_code, reason = "shared with the tests on the wire, which use all of it")]
#[path = "wire/bad.rs"]
mod bad;
#[allow(dead_code, reason = "shared with the tests on the wire, which use all of it")]
#[path = "wire/door.rs"]
mod door;
#[allow(dead_code, reason = "shared with the tests on the wire, which use all of it")]
#[path = "wire/quic/mod.rs"]
mod quic;

use std::alloc::System;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use doorward_http::Limits as HttpLimits;
use doorward_policy::Settings;
use doorward_quic::Limits;
use quinn::{ClientConfig, Connection, ConnectionError, Endpoint, TransportConfig};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::bad::{Deed, first_streams};
use crate::door::Door;
use crate::quic::{Caller, NEVER, Wicket, Words};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How many of each kind there are, unless `DOORWARD_LEAK_COUNT` says otherwise.
const COUNT: usize = 75;
/// How many are there at once.
const AT_ONCE: usize = 32;
/// By how much what Rust code holds may have grown, to the byte: tables that have grown once more.
/// There are some 2,800 connections at least, so that a hundred lost bytes of each would show.
const MARGIN_HELD: usize = 256 * 1024;
/// By how much resident memory may have grown, in KiB, for what C code holds too. It goes up and
/// down by tens of megabytes with what the allocator keeps for later; the state of a TLS connection
/// is tens of kilobytes, so that losing that of every second one would show.
const MARGIN_RESIDENT: usize = 64 * 1024;
/// The deadline of those that never send all of their hello, so that they don't take their 5 s.
const SOON: Duration = Duration::from_millis(250);
/// How long a client waits that hears nothing.
const PATIENCE: Duration = Duration::from_secs(2);

/// A kind of bad input.
#[derive(Clone)]
enum Kind {
    /// A first stream that is no hello.
    FirstStream(Arc<[u8]>),
    /// What QUIC forbids, with a hello that would be good.
    Deed(Deed, Arc<[u8]>),
    /// No hello, and no stream to put one on.
    Silence,
    /// Half a hello.
    Stall(Arc<[u8]>),
    /// Another application protocol.
    OtherProtocol,
    /// A hello that is refused for what it presents.
    Refused(Arc<[u8]>),
    /// A client that leaves in the middle.
    Leaving(Arc<[u8]>),
}

fn kinds(token: &str) -> Vec<Kind> {
    let good: Arc<[u8]> = Words::token(token).frame().into();
    let mut kinds: Vec<Kind> =
        first_streams(token).into_iter().map(|bad| Kind::FirstStream(bad.bytes.into())).collect();
    kinds.extend(Deed::ALL.map(|deed| Kind::Deed(deed, Arc::clone(&good))));
    kinds.push(Kind::Silence);
    kinds.push(Kind::Stall(good[..good.len() / 2].into()));
    kinds.push(Kind::OtherProtocol);
    kinds.push(Kind::Refused(Words::nothing().frame().into()));
    kinds.push(Kind::Leaving(good[..good.len() / 2].into()));
    kinds
}

/// A client of each sort, with one socket for all of its connections.
#[derive(Clone)]
struct Clients {
    endpoint: Endpoint,
    server: SocketAddr,
    /// A listener that does not wait for long.
    impatient: SocketAddr,
    lawful: ClientConfig,
    lawless: ClientConfig,
    other_protocol: ClientConfig,
}

impl Clients {
    fn of(server: &Wicket, impatient: &Wicket) -> Self {
        let config = |caller: Caller| {
            let mut config = Caller { cheap: true, ..caller }.config();
            // Where the server's last packet was lost in the crowd, nothing more comes.
            let mut transport = TransportConfig::default();
            transport.max_idle_timeout(Some(PATIENCE.try_into().unwrap()));
            config.transport_config(Arc::new(transport));
            config
        };
        Self {
            endpoint: Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap(),
            server: server.address,
            impatient: impatient.address,
            lawful: config(Caller::default()),
            lawless: config(Caller::lawless()),
            other_protocol: config(Caller { protocol: b"h3", ..Caller::default() }),
        }
    }

    async fn connect(&self, config: &ClientConfig) -> Result<Connection, ConnectionError> {
        self.endpoint.connect_with(config.clone(), self.server, "localhost").unwrap().await
    }

    /// With these bytes as all that ever comes, until the deadline. That may have passed before
    /// the handshake was over.
    async fn stall(&self, bytes: Option<&[u8]>) {
        let connecting =
            self.endpoint.connect_with(self.lawful.clone(), self.impatient, "localhost").unwrap();
        let Ok(connection) = connecting.await else { return };
        let _open = match bytes {
            Some(bytes) => {
                let Ok((mut send, receive)) = connection.open_bi().await else { return };
                let _result = send.write_all(bytes).await;
                Some((send, receive))
            }
            None => None,
        };
        connection.closed().await;
    }

    /// One connection of a kind, until its end. How the server ends it is tested on the wire; here
    /// there is a crowd, and any end will do.
    async fn one(self, kind: Kind) {
        match kind {
            Kind::FirstStream(bytes) | Kind::Refused(bytes) => {
                let Ok(connection) = self.connect(&self.lawful).await else { return };
                let Ok((mut send, _receive)) = connection.open_bi().await else { return };
                let _result = send.write_all(&bytes).await;
                let _result = send.finish();
                connection.closed().await;
            }
            Kind::Deed(deed, hello) => {
                let Ok(connection) = self.connect(&self.lawless).await else { return };
                deed.commit(&connection, &hello).await;
                connection.closed().await;
            }
            Kind::Silence => self.stall(None).await,
            Kind::Stall(half) => self.stall(Some(&half)).await,
            Kind::OtherProtocol => {
                assert!(self.connect(&self.other_protocol).await.is_err());
            }
            Kind::Leaving(half) => {
                let Ok(connection) = self.connect(&self.lawful).await else { return };
                let Ok((mut send, _receive)) = connection.open_bi().await else { return };
                let _result = send.write_all(&half).await;
                connection.close(0_u32.into(), b"");
            }
        }
    }

    /// So many of a kind, a bounded number at once, and waits until all have gone.
    async fn many(&self, kind: &Kind, count: usize) {
        let mut under_way = JoinSet::new();
        for _ in 0..count {
            if under_way.len() >= AT_ONCE {
                under_way.join_next().await.unwrap().unwrap();
            }
            under_way.spawn(self.clone().one(kind.clone()));
        }
        while let Some(done) = under_way.join_next().await {
            done.unwrap();
        }
    }
}

/// A round of each kind, after which nobody is connected.
async fn round(door: &Door, clients: &Clients, kinds: &[Kind], count: usize) {
    for kind in kinds {
        clients.many(kind, count).await;
        // As the listener does once a second.
        door.gate.flush().await.unwrap();
        let written = door.store.audit_lines(0, usize::MAX).await.unwrap();
        door.store.trim_audit(written.last().map_or(0, |line| line.number)).await.unwrap();
    }
    clients.endpoint.wait_idle().await;
}

/// What the process holds once the server has forgotten whom it has said goodbye to: it answers
/// their last packets for some seconds (RFC 9000, section 10.2), and a listener that goes on says
/// nowhere when that is over.
async fn settled() -> (usize, usize) {
    let mut before = held();
    for _ in 0..20 {
        sleep(Duration::from_secs(1)).await;
        let now = held();
        if now.0 >= before.0 {
            return now;
        }
        before = now;
    }
    before
}

/// What the process holds: bytes that Rust code has allocated, and resident memory in KiB.
fn held() -> (usize, usize) {
    let stats = ALLOCATOR.stats();
    (stats.bytes_allocated - stats.bytes_deallocated, resident_kib())
}

fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// How many threads have panicked: a task's panic is seen by nobody else.
fn count_panics() -> Arc<AtomicUsize> {
    let count = Arc::new(AtomicUsize::new(0));
    let (counted, shown) = (Arc::clone(&count), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |panic| {
        counted.fetch_add(1, Ordering::SeqCst);
        shown(panic);
    }));
    count
}

//= req: HELLO-2, type=test
#[tokio::test]
async fn bad_input_leaves_nothing_behind_and_panics_nowhere() {
    let panics = count_panics();
    let count = std::env::var("DOORWARD_LEAK_COUNT").ok().and_then(|text| text.parse().ok());
    let count = count.unwrap_or(COUNT);
    let mut settings = Settings::default();
    settings.connections.per_address = usize::MAX;
    let door = Door::with(settings, None, HttpLimits::default()).await;
    // So many at once may take a busy machine longer than the 5 s that a client has.
    let waiting = |deadline| Limits { deadline, ..Limits::default() };
    let wicket = Wicket::with(&door, None, waiting(NEVER));
    let impatient = Wicket::with(&door, None, waiting(SOON));
    let token = door.token().await;
    let (clients, kinds) = (Clients::of(&wicket, &impatient), kinds(&token));

    // As many, once: buffers, tables and the allocator's own arenas grow to what so many need, and
    // stay. What is lost for good is lost again in the second round.
    round(&door, &clients, &kinds, count).await;
    let before = settled().await;
    round(&door, &clients, &kinds, count).await;
    let after = settled().await;
    let figures = format!(
        "{} kinds, {count} of each: {} bytes held before and {} after, {} KiB resident before and \
         {} after",
        kinds.len(),
        before.0,
        after.0,
        before.1,
        after.1
    );
    println!("{figures}");
    assert!(after.0 <= before.0 + MARGIN_HELD, "{figures}");
    assert!(after.1 <= before.1 + MARGIN_RESIDENT, "{figures}");
    assert_eq!(panics.load(Ordering::SeqCst), 0);
    assert_eq!(door.gate.live_connections(), 0);
    // And the next client is greeted as the first was.
    wicket.greet(&Words::token(&token)).await.welcome();
}
