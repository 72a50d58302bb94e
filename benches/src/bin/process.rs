//! What `doorward serve` is to start and to keep: how large the program is without symbols, how long
//! it takes from its start to the line that says it is ready, and what it holds in memory and takes of the
//! CPU then, with nobody connected. It listens for WebSocket and for QUIC.
//!
//! There are two figures of a start. `cold-start` is that of a process whose state is there: what an
//! operator who starts the service again waits for. `first-start` is the one of a directory in which
//! everything is yet to be made: keys, a certificate and a store, each synced to the disk.
//!
//! Takes how often it is started with state made anew, and in turns with state that is there (21 unless
//! given). The program is `$DOORWARD_BIN`, or the `doorward` beside this one; state and copies are in a
//! directory that is removed afterwards.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use doorward_benches::load::{Outcome, Process, Scratch};
use doorward_benches::median;
use doorward_benches::result::figure;

const MEGABYTE: f64 = 1e6;
/// How long an idle listener's CPU is counted.
const IDLE: Duration = Duration::from_secs(5);
/// Until what a start has left to do is done.
const SETTLING: Duration = Duration::from_millis(1500);

fn main() -> Outcome<()> {
    let starts = env::args().nth(1).map_or(Ok(21), |number| number.parse::<usize>())?.max(1);
    let beside = || Some(env::current_exe().ok()?.parent()?.join("doorward"));
    let program = env::var_os("DOORWARD_BIN").map(PathBuf::from).or_else(beside);
    let program = program.ok_or("no doorward to run")?;
    let place = Scratch::new("process");
    fs::create_dir(place.path())?;

    let stripped = place.path().join("doorward");
    let size = strip(&program, &stripped)? as f64 / MEGABYTE;
    println!("stripped program: {size:.2} MB");
    figure("binary-size", size, "MB");

    let (fresh, kept) = take_starts(&stripped, place.path(), starts)?;
    for (id, what, starts) in
        [("cold-start", "is there", &kept), ("first-start", "is made", &fresh)]
    {
        let passed = middle(starts, |start| start.passed);
        println!(
            "start to ready, state {what}: {passed:.1} ms, {:.1} ms of CPU (medians of {})",
            middle(starts, |start| start.cpu),
            starts.len(),
        );
        figure(id, passed, "ms");
    }

    let (resident, busy) = idle(&stripped, &place.path().join("kept"))?;
    println!("idle: {resident:.2} MB resident, {busy:.2} ms of CPU a second");
    figure("idle-rss", resident, "MB");
    figure("idle-cpu", busy, "ms a second");
    Ok(())
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
        let first = start(program, &anew)?.1;
        let again = start(program, &place.join("kept"))?.1;
        fs::remove_dir_all(anew)?;
        if number > 0 {
            fresh.push(first);
            kept.push(again);
        }
    }
    Ok((fresh, kept))
}

/// VmRSS in MB of a listener that nobody has connected to, and milliseconds of CPU that it takes in a second: it looks
/// for revocations by other processes all the time.
fn idle(program: &Path, state: &Path) -> Outcome<(f64, f64)> {
    let (process, _) = start(program, state)?;
    thread::sleep(SETTLING);
    let resident = process.resident()? as f64 * 1024.0 / MEGABYTE;
    let before = process.cpu()?;
    thread::sleep(IDLE);
    Ok((resident, (process.cpu()? - before) / 1e6 / IDLE.as_secs_f64()))
}

/// A listener that is ready, and what its start has cost.
fn start(program: &Path, state: &Path) -> Outcome<(Process, Start)> {
    let begun = now();
    let (process, ready) = Process::start_ready(
        Command::new(program)
            .args(["serve", "--ready-json", "--listen", "127.0.0.1:0", "--quic", "127.0.0.1:0"])
            .arg("--state-dir")
            .arg(state)
            // No setting of the listener's: it refuses variables that it doesn't know.
            .env_remove("DOORWARD_BIN"),
    )?;
    let passed = begun.elapsed().as_secs_f64() * 1e3;
    if ready["event"] != "ready" {
        return Err(format!("no ready line: {ready}").into());
    }
    let cpu = process.cpu()? / 1e6;
    Ok((process, Start { passed, cpu }))
}

fn middle(starts: &[Start], of: impl Fn(&Start) -> f64) -> f64 {
    median(starts.iter().map(of).collect())
}

#[allow(clippy::disallowed_methods, reason = "a stopwatch: nothing is decided by it")]
fn now() -> Instant {
    Instant::now()
}
