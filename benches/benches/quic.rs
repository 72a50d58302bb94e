//! What Doorward adds to QUIC: a handshake with its hello, and bytes forwarded to a TCP port, each
//! beside a bare quinn with the same settings that looks at nothing; and what it costs to turn a
//! client away by its first packet, beside a handshake of the bare quinn.
//!
//! Takes `handshakes`, `refusals` and `throughput`, to measure only these.

use std::cell::Cell;
use std::env;
use std::net::Ipv4Addr;
use std::sync::Arc;

use doorward_benches::quic::{
    Bare, Copying, Identity, Outcome, client, guarded, hello, narrow, open,
};
use doorward_benches::refusal::{AT_ONCE, Flood};
use doorward_benches::result::figure;
use doorward_benches::turns::{Cost, Server, Turns, quartiles, ratios, spawn, take_turns, turn};
use doorward_quic::Upstream;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use quinn::{Connection, Endpoint, VarInt};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// The aims: so many times the bare one's cost, of a handshake or MiB, and of a refusal.
const AIM: f64 = 1.05;
const ADMISSION: f64 = 1.02;
const REFUSAL: f64 = 0.1;
const CLIENTS: usize = 16;
const PIECE: usize = 64 * 1024;

struct Amount {
    rounds: usize,
    /// Of handshakes: how often both servers are started anew, since where their memory lies moves the ratio by up
    /// to a tenth for as long as they run.
    starts: usize,
    /// Short ones, and so many that the middle of their ratios is known to a hundredth, where one ratio is off by a
    /// tenth or two.
    turns: usize,
    handshakes: usize,
    refusal_turns: usize,
    refusals: usize,
    megabytes: usize,
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = env::args().collect();
    let has = |name: &str| arguments.iter().any(|one| one == name);
    // `cargo test --benches` runs it without the flag, only to see it start.
    let amount = if has("--bench") {
        Amount {
            rounds: 11,
            starts: 15,
            turns: 27,
            handshakes: 96,
            refusal_turns: 61,
            refusals: 1600,
            megabytes: 128,
        }
    } else {
        Amount {
            rounds: 1,
            starts: 1,
            turns: 1,
            handshakes: 16,
            refusal_turns: 1,
            refusals: 16,
            megabytes: 1,
        }
    };
    let bench = Bench::start()?;
    let all = !["handshakes", "refusals", "throughput"].into_iter().any(has);
    let wanted = |name| all || has(name);
    if wanted("refusals") {
        bench.refusals(&amount)?;
    }
    if wanted("throughput") {
        for way in [Way::ToServer, Way::ToClient] {
            for streams in [1, 8] {
                bench.throughput(&amount, way, streams)?;
            }
        }
    }
    // Last: its servers stay.
    if wanted("handshakes") {
        handshakes(&amount)?;
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Way {
    ToServer,
    ToClient,
}

struct Bench {
    guarded: Server,
    narrow: Server,
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
        let presented = Arc::clone(&identity);
        let narrow = spawn("refusing", |tell| async move {
            let server = narrow(presented).await?;
            tell(server.local_addr()?);
            server.serve(std::future::pending()).await;
            Ok(())
        })?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let client = runtime.block_on(async { client(identity.certificate().ok_or("none")?) })?;
        Ok(Self { guarded, narrow, copying, chunks, runtime, client, hello: hello()? })
    }

    fn handshake_turn(&self, server: &Server, handshakes: usize) -> Outcome<Cost> {
        turn(&self.runtime, server, handshakes, async {
            let left = Cell::new(handshakes);
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
    }

    /// The first packet of a client whose address has as many connections as it may.
    fn refusals(&self, amount: &Amount) -> Outcome<()> {
        let flood = self.runtime.block_on(Flood::prepare(&self.client, self.narrow.address))?;
        let mut dearest = 0.0_f64;
        for (what, retried) in [("asked for its address", true), ("refused", false)] {
            let one = |server: &Server| {
                if server.name == self.copying.name {
                    return self.handshake_turn(server, amount.handshakes);
                }
                // Anew each time: a validation is soon out of date.
                let recorded = self.runtime.block_on(flood.record(&self.client))?;
                let packets = if retried { &recorded.unvalidated } else { &recorded.validated };
                let sent = flood.send(packets, amount.refusals, retried);
                turn(&self.runtime, server, amount.refusals, sent)
            };
            let turns = take_turns(amount.refusal_turns, [&self.copying, &self.narrow], one)?;
            println!("\nA client that is {what}, beside a handshake; {AT_ONCE} at a time");
            table("client", "clients/s", &turns);
            dearest = dearest.max(compare(&turns, (1, 0), REFUSAL));
        }
        figure("quic-refusal-vs-handshake", dearest, "x");
        Ok(())
    }

    /// So many MiB, divided among so many streams of one connection.
    fn throughput(&self, amount: &Amount, way: Way, streams: usize) -> Outcome<()> {
        let each = amount.megabytes * 1024 * 1024 / streams;
        let one = |server: &Server| {
            let opening = open(&self.client, server.address, &self.hello);
            let connection = self.runtime.block_on(opening)?.0;
            let cost = turn(&self.runtime, server, amount.megabytes, async {
                let transfers = (0..streams).map(|_| transfer(&connection, way, each));
                all(transfers).await
            });
            connection.close(VarInt::from_u32(0), b"");
            cost
        };
        let servers = [&self.copying, &self.chunks, &self.guarded];
        let turns = take_turns(amount.rounds, servers, one)?;
        let (from, to) = match way {
            Way::ToServer => ("QUIC client", "TCP server"),
            Way::ToClient => ("TCP server", "QUIC client"),
        };
        println!("\n{} MiB from the {from} to the {to}, streams: {streams}", amount.megabytes);
        table("MiB", "MiB/s", &turns);
        compare(&turns, (2, 0), AIM);
        compare(&turns, (2, 1), AIM);
        Ok(())
    }
}

/// Handshake, hello, answer, close; in a closed loop of several clients.
fn handshakes(amount: &Amount) -> Outcome<()> {
    let mut all: Option<Turns<2>> = None;
    for _ in 0..amount.starts {
        let bench = Bench::start()?;
        let one = |server: &Server| bench.handshake_turn(server, amount.handshakes);
        let turns = take_turns(amount.turns, [&bench.copying, &bench.guarded], one)?;
        match &mut all {
            Some(all) => {
                all.iter_mut().zip(turns).for_each(|(all, (_, more))| all.1.extend(more));
            }
            None => all = Some(turns),
        }
    }
    let turns = all.ok_or("it was not started")?;
    println!("\nHandshake, hello, answer and close, {CLIENTS} clients at a time");
    table("handshake", "handshakes/s", &turns);
    figure("quic-admission", compare(&turns, (1, 0), ADMISSION), "x");
    Ok(())
}

fn table<const N: usize>(unit: &str, rate: &str, turns: &Turns<N>) {
    for (name, costs) in turns {
        let of = |take: fn(&Cost) -> f64| quartiles(costs.iter().map(take).collect())[1];
        println!(
            "  {name:<12} {:9.1} {rate}  {:8.1} us of server CPU, {:8.1} us of all CPU a {unit}",
            1e6 / of(|cost| cost.passed),
            of(|cost| cost.server),
            of(|cost| cost.all),
        );
    }
}

/// Prints how many times the cost of another ours is; that in the server's CPU time.
fn compare<const N: usize>(turns: &Turns<N>, (ours, theirs): (usize, usize), aim: f64) -> f64 {
    let (ours, theirs) = (&turns[ours], &turns[theirs]);
    let ratio = |what: &str, take: fn(&Cost) -> f64| {
        let [low, middle, high] = ratios(&ours.1, &theirs.1, take);
        println!(
            "  {} / {:<12} {what:<17} {middle:.3} (quartiles {low:.3} to {high:.3})",
            ours.0, theirs.0
        );
        middle
    };
    ratio("on the clock", |cost| cost.passed);
    ratio("of all CPU", |cost| cost.all);
    let middle = ratio("of server CPU", |cost| cost.server);
    println!("  aim {aim} {}", if middle <= aim { "met" } else { "MISSED" });
    middle
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
