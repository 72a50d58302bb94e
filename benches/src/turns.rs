//! Servers that take alternating turns, each on a thread of its own, so that the operating system can
//! tell their CPU time apart. A ratio is of two neighbouring turns, so that a change in the machine's
//! speed hits both.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::{Duration, Instant};
use std::{fs, thread};

use tokio::runtime::Runtime;
use tokio::time::sleep;

use crate::quic::Outcome;

/// A server in a thread of its own.
#[derive(Debug)]
pub struct Server {
    /// What it is called.
    pub name: &'static str,
    /// Where it listens.
    pub address: SocketAddr,
    thread: String,
}

/// Tells where a server listens.
pub type Tell = Box<dyn Fn(SocketAddr) + Send>;

/// What a turn has cost, each for one of what was done.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Microseconds of the server's CPU time.
    pub server: f64,
    /// Microseconds of everybody's CPU time.
    pub all: f64,
    /// Microseconds on the clock.
    pub passed: f64,
}

/// The turns of servers, by their names.
pub type Turns<const N: usize> = [(&'static str, Vec<Cost>); N];

/// Runs a server on a thread, and waits until it has told where it listens.
///
/// # Errors
/// If there is no thread, or the server ends before.
///
/// # Panics
/// On its thread, if the server fails.
pub fn spawn<F: Future<Output = Outcome<()>>>(
    name: &'static str,
    serve: impl FnOnce(Tell) -> F + Send + 'static,
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

/// What the work of one turn costs a server, divided by its amount.
///
/// # Errors
/// If the work fails, or the accounts can't be read.
pub fn turn(
    runtime: &Runtime,
    server: &Server,
    amount: usize,
    work: impl Future<Output = Outcome<()>>,
) -> Outcome<Cost> {
    runtime.block_on(async {
        // So that all that is left of the turn before is done, and everybody sleeps: the accounts
        // are up to date then.
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

/// The servers' costs, turn by turn, after one that isn't counted.
///
/// # Errors
/// As a turn says.
pub fn take_turns<const N: usize>(
    rounds: usize,
    servers: [&Server; N],
    mut turn: impl FnMut(&Server) -> Outcome<Cost>,
) -> Outcome<Turns<N>> {
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

/// The quartiles of the ratios of neighbouring turns.
pub fn ratios(ours: &[Cost], theirs: &[Cost], take: fn(&Cost) -> f64) -> [f64; 3] {
    quartiles(ours.iter().zip(theirs).map(|(ours, theirs)| take(ours) / take(theirs)).collect())
}

/// The quartiles of some numbers.
#[must_use]
pub fn quartiles(mut numbers: Vec<f64>) -> [f64; 3] {
    numbers.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| numbers[(numbers.len() - 1) * quarter / 4])
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
