//! What `doorward serve` is to start and to keep: how large the program is without symbols, how long
//! it takes from its start to the line that says it is ready, and what it holds in memory then, with
//! nobody connected. It listens for WebSocket and for QUIC.
//!
//! There are two figures of a start. `cold-start` is that of a process whose state is there: what an
//! operator who starts the service again waits for. `first-start` is the one of a directory in which
//! everything is yet to be made: keys, a certificate and a store, each synced to the disk.
//!
//! Takes how often it is started with state made anew, and in turns with state that is there (21 unless
//! given). The program is `$DOORWARD_BIN`, or the `doorward` beside this one; state and copies are in a
//! directory that is removed afterwards.

use std::error::Error;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use doorward_benches::result::figure;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const MEGABYTE: f64 = 1e6;
/// Until what a start has left to do is done.
const SETTLING: Duration = Duration::from_millis(1500);

fn main() -> Outcome<()> {
    let starts = env::args().nth(1).map_or(Ok(21), |number| number.parse::<usize>())?.max(1);
    let beside = || Some(env::current_exe().ok()?.parent()?.join("doorward"));
    let program = env::var_os("DOORWARD_BIN").map(PathBuf::from).or_else(beside);
    let program = program.ok_or("no doorward to run")?;
    let place = Place::new()?;

    let stripped = place.0.join("doorward");
    let size = strip(&program, &stripped)? as f64 / MEGABYTE;
    println!("stripped program: {size:.2} MB");
    figure("binary-size", size, "MB");

    let (fresh, kept) = take_starts(&stripped, &place.0, starts)?;
    for (id, what, starts) in
        [("cold-start", "is there", &kept), ("first-start", "is made", &fresh)]
    {
        let passed = median(starts.iter().map(|start| start.passed));
        println!(
            "start to ready, state {what}: {passed:.1} ms, {:.1} ms of CPU (medians of {})",
            median(starts.iter().map(|start| start.cpu)),
            starts.len(),
        );
        figure(id, passed, "ms");
    }

    let resident = idle(&stripped, &place.0.join("kept"))?;
    println!("resident memory, idle: {resident:.2} MB");
    figure("idle-rss", resident, "MB");
    Ok(())
}

/// A directory that is removed in the end.
struct Place(PathBuf);

impl Place {
    fn new() -> Outcome<Self> {
        let path = env::temp_dir().join(format!("doorward-process-{}", std::process::id()));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        _ = fs::remove_dir_all(&self.0);
    }
}

/// Makes a copy without symbols, and tells its size in bytes.
fn strip(program: &Path, copy: &Path) -> Outcome<u64> {
    let done = Command::new("strip").arg("-o").arg(copy).arg(program).status();
    if !done.map_err(|error| format!("strip, of the binutils, can't be run: {error}"))?.success() {
        return Err("strip has failed".into());
    }
    Ok(fs::metadata(copy)?.len())
}

/// What a start has cost, in milliseconds.
#[derive(Clone, Copy)]
struct Start {
    passed: f64,
    cpu: f64,
}

/// Starts with state made anew, and with state that is there, after one of each that isn't counted.
fn take_starts(program: &Path, place: &Path, starts: usize) -> Outcome<(Vec<Start>, Vec<Start>)> {
    let (mut fresh, mut kept) = (Vec::new(), Vec::new());
    for number in 0..=starts {
        let anew = place.join(format!("state-{number}"));
        let first = Listener::start(program, &anew)?.begun;
        let again = Listener::start(program, &place.join("kept"))?.begun;
        fs::remove_dir_all(anew)?;
        if number > 0 {
            fresh.push(first);
            kept.push(again);
        }
    }
    Ok((fresh, kept))
}

/// VmRSS in MB of a listener that nobody has connected to.
fn idle(program: &Path, state: &Path) -> Outcome<f64> {
    let listener = Listener::start(program, state)?;
    thread::sleep(SETTLING);
    let status = fs::read_to_string(format!("/proc/{}/status", listener.process.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next()).ok_or("no VmRSS")?;
    Ok(number.parse::<f64>()? * 1024.0 / MEGABYTE)
}

/// A listener that is ready.
struct Listener {
    process: Child,
    begun: Start,
}

impl Drop for Listener {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

impl Listener {
    fn start(program: &Path, state: &Path) -> Outcome<Self> {
        let begun = now();
        let process = Command::new(program)
            .args(["serve", "--ready-json", "--listen", "127.0.0.1:0", "--quic", "127.0.0.1:0"])
            .arg("--state-dir")
            .arg(state)
            // No setting of the listener's: it refuses variables that it doesn't know.
            .env_remove("DOORWARD_BIN")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut listener = Self { process, begun: Start { passed: 0.0, cpu: 0.0 } };
        let mut line = String::new();
        let output = listener.process.stdout.take().ok_or("no standard output")?;
        BufReader::new(output).read_line(&mut line)?;
        let passed = begun.elapsed().as_secs_f64() * 1e3;
        let ready: serde_json::Value = serde_json::from_str(&line)?;
        if ready["event"] != "ready" {
            return Err(format!("no ready line: {line}").into());
        }
        listener.begun = Start { passed, cpu: cpu(&listener.process)? };
        Ok(listener)
    }
}

/// Milliseconds of CPU that the threads of a process have used.
fn cpu(process: &Child) -> Outcome<f64> {
    let mut sum = 0.0;
    for thread in fs::read_dir(format!("/proc/{}/task", process.id()))? {
        let account = fs::read_to_string(thread?.path().join("schedstat"))?;
        sum += account.split(' ').next().ok_or("no schedstat")?.parse::<f64>()? / 1e6;
    }
    Ok(sum)
}

fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

#[allow(clippy::disallowed_methods, reason = "a stopwatch: nothing is decided by it")]
fn now() -> Instant {
    Instant::now()
}
