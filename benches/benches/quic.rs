//! What Doorward adds to QUIC: a handshake with its hello, and bytes forwarded to a TCP port, each
//! beside a bare quinn with the same settings that looks at nothing.
//!
//! Servers, client and the guarded TCP server have a thread each, so that the operating system can
//! tell their CPU time apart. The servers take alternating turns, and a ratio is of two neighbours,
//! so that a change in the machine's speed hits both.

use std::cell::Cell;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use doorward_benches::quic::{Bare, Copying, Identity, Outcome, client, guarded, hello, open};
use doorward_quic::Upstream;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use quinn::{Connection, Endpoint, VarInt};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::time::sleep;

/// The aim: so much of the bare one's rate.
const AIM: f64 = 0.95;
const CLIENTS: usize = 16;
const PIECE: usize = 64 * 1024;

struct Amount {
    rounds: usize,
    handshakes: usize,
    megabytes: usize,
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = env::args().collect();
    let has = |name: &str| arguments.iter().any(|one| one == name);
    // `cargo test --benches` runs it without the flag, only to see it start.
    let amount = if has("--bench") {
        Amount { rounds: 11, handshakes: 500, megabytes: 128 }
    } else {
        Amount { rounds: 1, handshakes: 10, megabytes: 1 }
    };
    let bench = Bench::start()?;
    if !has("throughput") {
        bench.handshakes(&amount)?;
    }
    if !has("handshakes") {
        for way in [Way::ToServer, Way::ToClient] {
            for streams in [1, 8] {
                bench.throughput(&amount, way, streams)?;
            }
        }
    }
    Ok(())
}

/// A server in a thread of its own.
struct Server {
    name: &'static str,
    address: SocketAddr,
    thread: String,
}

/// What a turn has cost, each for one handshake or one MiB.
#[derive(Clone, Copy)]
struct Cost {
    /// Microseconds of the server's CPU time.
    server: f64,
    /// Microseconds of everybody's CPU time.
    all: f64,
    /// Microseconds on the clock.
    passed: f64,
}

#[derive(Clone, Copy)]
enum Way {
    ToServer,
    ToClient,
}

struct Bench {
    guarded: Server,
    copying: Server,
    chunks: Server,
    runtime: Runtime,
    client: Endpoint,
    hello: Vec<u8>,
}

impl Bench {
    fn start() -> Outcome<Self> {
        let identity = Identity::generate()?;
        let upstream = spawn("upstream", |tell| async move {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            tell(listener.local_addr()?);
            loop {
                let (stream, _) = listener.accept().await?;
                tokio::spawn(async move { source_or_sink(stream).await.expect("it is used well") });
            }
        })?;
        let target = upstream.address;
        let bare = |name, copying| {
            let identity = Arc::clone(&identity);
            spawn(name, move |tell| async move {
                let server = Bare::new(identity, target, copying)?;
                tell(server.local_addr()?);
                server.serve().await;
                Ok(())
            })
        };
        let copying = bare("bare", Copying::Tokio)?;
        let chunks = bare("bare-chunks", Copying::Chunks)?;
        let presented = Arc::clone(&identity);
        let guarded = spawn("guarded", move |tell| async move {
            let upstream = Upstream::parse(&format!("tcp://{target}"))?;
            let server = guarded(presented, Some(upstream)).await?;
            tell(server.local_addr()?);
            server.serve(std::future::pending()).await;
            Ok(())
        })?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let client = runtime.block_on(async { client(identity.certificate().ok_or("none")?) })?;
        Ok(Self { guarded, copying, chunks, runtime, client, hello: hello()? })
    }

    /// What the work of one turn costs a server, divided by its amount.
    fn turn(
        &self,
        server: &Server,
        amount: usize,
        work: impl Future<Output = Outcome<()>>,
    ) -> Outcome<Cost> {
        self.runtime.block_on(async {
            // So that all that is left of the turn before is done, and everybody sleeps: the
            // accounts are up to date then.
            sleep(Duration::from_millis(20)).await;
            let (of_server, of_all) = (cpu(&server.thread)?, everybodys_cpu()?);
            let begun = now();
            work.await?;
            let passed = begun.elapsed().as_secs_f64() * 1e6;
            sleep(Duration::from_millis(20)).await;
            let each = 1.0 / amount as f64;
            Ok(Cost {
                server: (cpu(&server.thread)? - of_server) * each,
                all: (everybodys_cpu()? - of_all) * each,
                passed: passed * each,
            })
        })
    }

    /// Handshake, hello, answer, close; in a closed loop of several clients.
    fn handshakes(&self, amount: &Amount) -> Outcome<()> {
        let turn = |server: &Server| {
            self.turn(server, amount.handshakes, async {
                let left = Cell::new(amount.handshakes);
                let clients = (0..CLIENTS).map(|_| async {
                    while let Some(rest) = left.get().checked_sub(1) {
                        left.set(rest);
                        let (connection, answered) =
                            open(&self.client, server.address, &self.hello).await?;
                        assert!(answered > 20, "that is no answer");
                        connection.close(VarInt::from_u32(0), b"");
                    }
                    Outcome::Ok(())
                });
                all(clients).await
            })
        };
        let turns = take_turns(2 * amount.rounds - 1, [&self.copying, &self.guarded], turn)?;
        println!("\nHandshake, hello, answer and close, {CLIENTS} clients at a time");
        table("handshake", "handshakes/s", &turns, &[(1, 0)]);
        Ok(())
    }

    /// So many MiB, divided among so many streams of one connection.
    fn throughput(&self, amount: &Amount, way: Way, streams: usize) -> Outcome<()> {
        let each = amount.megabytes * 1024 * 1024 / streams;
        let turn = |server: &Server| {
            let opening = open(&self.client, server.address, &self.hello);
            let connection = self.runtime.block_on(opening)?.0;
            let cost = self.turn(server, amount.megabytes, async {
                let transfers = (0..streams).map(|_| transfer(&connection, way, each));
                all(transfers).await
            });
            connection.close(VarInt::from_u32(0), b"");
            cost
        };
        let servers = [&self.copying, &self.chunks, &self.guarded];
        let turns = take_turns(amount.rounds, servers, turn)?;
        let (from, to) = match way {
            Way::ToServer => ("QUIC client", "TCP server"),
            Way::ToClient => ("TCP server", "QUIC client"),
        };
        println!("\n{} MiB from the {from} to the {to}, streams: {streams}", amount.megabytes);
        table("MiB", "MiB/s", &turns, &[(2, 0), (2, 1)]);
        Ok(())
    }
}

/// Runs a server on a thread, and waits until it has told where it listens.
fn spawn<F: Future<Output = Outcome<()>>>(
    name: &'static str,
    serve: impl FnOnce(Box<dyn Fn(SocketAddr) + Send>) -> F + Send + 'static,
) -> Outcome<Server> {
    let (tell, told) = mpsc::channel();
    thread::Builder::new().name(name.to_owned()).spawn(move || {
        let thread = fs::read_link("/proc/thread-self").expect("a Linux with /proc");
        let thread = thread.file_name().expect("its number").to_string_lossy().into_owned();
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let tell = Box::new(move |address| {
            tell.send(Server { name, address, thread: thread.clone() }).expect("it is awaited");
        });
        runtime.block_on(serve(tell)).expect("it serves until the process ends");
    })?;
    Ok(told.recv()?)
}

/// The servers' costs, turn by turn, after one that isn't counted.
fn take_turns<const N: usize>(
    rounds: usize,
    servers: [&Server; N],
    mut turn: impl FnMut(&Server) -> Outcome<Cost>,
) -> Outcome<[(&'static str, Vec<Cost>); N]> {
    let mut turns = servers.map(|server| (server.name, Vec::new()));
    for round in 0..=rounds {
        for place in 0..N {
            // Each has its turn at being the first.
            let place = (place + round) % N;
            let cost = turn(servers[place])?;
            if round > 0 {
                turns[place].1.push(cost);
            }
        }
    }
    Ok(turns)
}

fn table<const N: usize>(
    unit: &str,
    rate: &str,
    turns: &[(&'static str, Vec<Cost>); N],
    pairs: &[(usize, usize)],
) {
    for (name, costs) in turns {
        let of = |take: fn(&Cost) -> f64| quartiles(costs.iter().map(take).collect())[1];
        println!(
            "  {name:<12} {:9.1} {rate}  {:8.1} us of server CPU, {:8.1} us of all CPU a {unit}",
            1e6 / of(|cost| cost.passed),
            of(|cost| cost.server),
            of(|cost| cost.all),
        );
    }
    for &(ours, theirs) in pairs {
        let (ours, theirs) = (&turns[ours], &turns[theirs]);
        let ratio = |what: &str, take: fn(&Cost) -> f64| {
            let ratios =
                ours.1.iter().zip(&theirs.1).map(|(ours, theirs)| take(theirs) / take(ours));
            let [low, middle, high] = quartiles(ratios.collect());
            let word = if middle >= AIM { "met" } else { "MISSED" };
            println!(
                "  {} / {:<12} {what:<26} {middle:.3} (quartiles {low:.3} to {high:.3}); \
                 aim {AIM} {word}",
                ours.0, theirs.0
            );
        };
        ratio(rate, |cost| cost.passed);
        ratio("per second of server CPU", |cost| cost.server);
        ratio("per second of all CPU", |cost| cost.all);
    }
}

fn quartiles(mut numbers: Vec<f64>) -> [f64; 3] {
    numbers.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| numbers[(numbers.len() - 1) * quarter / 4])
}

/// Runs them all at once, on this thread.
async fn all(work: impl Iterator<Item = impl Future<Output = Outcome<()>>>) -> Outcome<()> {
    let mut work: FuturesUnordered<_> = work.collect();
    while let Some(done) = work.next().await {
        done?;
    }
    Ok(())
}

/// One stream: its first bytes tell the TCP server what to do.
async fn transfer(connection: &Connection, way: Way, bytes: usize) -> Outcome<()> {
    let (mut send, mut receive) = connection.open_bi().await?;
    match way {
        Way::ToServer => {
            send.write_u64_le(0).await?;
            let piece = bytes::Bytes::from_static(&[b'x'; PIECE]);
            for _ in 0..bytes / PIECE {
                send.write_chunk(piece.clone()).await?;
            }
            send.finish()?;
            let counted = receive.read_u64_le().await?;
            assert_eq!(counted, bytes as u64, "bytes are missing");
        }
        Way::ToClient => {
            send.write_u64_le(bytes as u64).await?;
            send.finish()?;
            let mut come = 0;
            while let Some(chunk) = receive.read_chunk(PIECE, true).await? {
                come += chunk.bytes.len();
            }
            assert_eq!(come, bytes, "bytes are missing");
        }
    }
    Ok(())
}

/// The guarded server: sends as many bytes as it is asked for or, if that is 0, tells how many it
/// was sent.
async fn source_or_sink(mut stream: TcpStream) -> Outcome<()> {
    let wanted = stream.read_u64_le().await? as usize;
    let mut buffer = vec![b'x'; 4 * PIECE];
    if wanted > 0 {
        let mut left = wanted;
        while left > 0 {
            let piece = left.min(buffer.len());
            stream.write_all(&buffer[..piece]).await?;
            left -= piece;
        }
        return Ok(());
    }
    let mut come = 0;
    loop {
        match stream.read(&mut buffer).await? {
            0 => break,
            read => come += read,
        }
    }
    stream.write_u64_le(come as u64).await?;
    Ok(())
}

/// Microseconds of CPU that a thread of this process has used.
fn cpu(thread: &str) -> Outcome<f64> {
    let text = fs::read_to_string(format!("/proc/self/task/{thread}/schedstat"))?;
    let nanos: f64 = text.split(' ').next().ok_or("no schedstat")?.parse()?;
    Ok(nanos / 1e3)
}

fn everybodys_cpu() -> Outcome<f64> {
    let mut sum = 0.0;
    for thread in fs::read_dir("/proc/self/task")? {
        sum += cpu(&thread?.file_name().to_string_lossy())?;
    }
    Ok(sum)
}

#[allow(clippy::disallowed_methods, reason = "a stopwatch: nothing is decided by it")]
fn now() -> Instant {
    Instant::now()
}
