//! Messages through Doorward, and through nginx, to a WebSocket server that echoes them.

use std::time::Instant;

use super::client::Echoed;
use super::listener::Listener;
use super::peers::{self, Peer};
use super::{Outcome, Process};
use crate::median;
use crate::result::{figure, point};

/// Lengths of messages, how many make a turn, and how many of them are under way where it is throughput.
const LENGTHS: [(usize, usize, usize); 3] = [(64, 4000, 32), (4096, 2000, 16), (65536, 200, 4)];
/// Messages of a turn where it is latency.
const ROUND_TRIPS: usize = 100;

/// Compares, in turns, the latency with that of the upstream reached directly, and the CPU time with nginx's.
///
/// The latency that is judged is that in front of Node's `ws`, a server as people guard it. The raw server's is told
/// beside it, and nginx's of both: no hop is as short as the one to a server that does nothing.
///
/// # Errors
/// If a server misbehaves.
pub fn compare(rounds: usize) -> Outcome<()> {
    let raw = peers::raw()?;
    for (length, ratio) in latencies("raw", &raw, rounds)? {
        figure(&format!("proxy-latency-raw-{length}"), ratio, "x");
    }
    match peers::node()? {
        Some(node) => {
            for (length, ratio) in latencies("ws", &node, rounds)? {
                figure(&format!("proxy-latency-{length}"), ratio, "x");
            }
        }
        None => println!(
            "Node or its ws isn't installed (benches/peers/install): no figures of latency"
        ),
    }
    match peers::nginx(raw.place.authority())? {
        Some(nginx) => throughputs(&raw, &nginx, rounds),
        None => {
            println!("nginx isn't installed (benches/peers/install): no figures of throughput");
            Ok(())
        }
    }
}

/// How many times as long a message of each length takes through Doorward.
fn latencies(name: &str, upstream: &Peer, rounds: usize) -> Outcome<Vec<(usize, f64)>> {
    let doorward = Listener::start(Some(&upstream.place))?;
    let nginx = peers::nginx(upstream.place.authority())?;
    let mut all = Vec::new();
    for (length, ..) in LENGTHS {
        let mut direct = Echoed::open(&upstream.place, length)?;
        let mut guarded = Echoed::open(&doorward.place, length)?;
        // It passes on the upstream's own credential.
        let place = nginx.as_ref().map(|nginx| upstream.place.at(nginx.place.authority()));
        let mut other = place.map(|place| Echoed::open(&place, length)).transpose()?;
        let (mut ratios, mut others) = (Vec::new(), Vec::new());
        let (mut alone, mut through) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            let straight = round_trips(&mut direct)?;
            let around = round_trips(&mut guarded)?;
            if let Some(other) = &mut other {
                others.push(round_trips(other)? / straight);
            }
            ratios.push(around / straight);
            alone.push(straight);
            through.push(around);
        }
        let (alone, through) = (median(alone), median(through));
        let (ratio, other) = (median(ratios), median(others));
        println!(
            "{length} B to {name}: {alone:.1} us directly, {through:.1} us through doorward (x{ratio:.2})"
        );
        if nginx.is_some() {
            println!("    through nginx x{other:.2}");
            figure(&format!("proxy-latency-{name}-{length}-nginx"), other, "x");
        }
        point(&format!("proxy-latency-{name}"), "directly", length as f64, alone, "us");
        point(&format!("proxy-latency-{name}"), "doorward", length as f64, through, "us");
        all.push((length, ratio));
    }
    Ok(all)
}

/// Microseconds of a round trip.
fn round_trips(echoed: &mut Echoed) -> Outcome<f64> {
    let mut times = Vec::with_capacity(ROUND_TRIPS);
    for _ in 0..ROUND_TRIPS {
        let before = now();
        echoed.round_trip()?;
        times.push(before.elapsed().as_secs_f64() * 1e6);
    }
    Ok(median(times))
}

fn throughputs(upstream: &Peer, nginx: &Peer, rounds: usize) -> Outcome<()> {
    let doorward = Listener::start(Some(&upstream.place))?;
    LENGTHS.into_iter().try_for_each(|(length, messages, window)| {
        throughput(&doorward, nginx, length, (messages, window), rounds)
    })
}

fn throughput(
    doorward: &Listener,
    nginx: &Peer,
    length: usize,
    (messages, window): (usize, usize),
    rounds: usize,
) -> Outcome<()> {
    let (mut ratios, mut ours, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    let mut guarded = Echoed::open(&doorward.place, length)?;
    let mut other = Echoed::open(&nginx.place, length)?;
    for _ in 0..rounds {
        let here = cost(&doorward.process, &mut guarded, messages, window)?;
        let there = cost(&nginx.process, &mut other, messages, window)?;
        ratios.push(there / here);
        ours.push(here);
        theirs.push(there);
    }
    let (ours, theirs) = (median(ours), median(theirs));
    println!("{length} B, {window} under way: {ours:.2} us of CPU a message, nginx {theirs:.2} us");
    point("proxy-cpu", "doorward", length as f64, ours, "us");
    point("proxy-cpu", "nginx", length as f64, theirs, "us");
    figure(&format!("proxy-throughput-{length}"), median(ratios), "x");
    Ok(())
}

/// Microseconds of the proxy's CPU for a message and its echo.
fn cost(process: &Process, echoed: &mut Echoed, messages: usize, window: usize) -> Outcome<f64> {
    let before = process.cpu()?;
    echoed.stream(messages, window)?;
    Ok((process.cpu()? - before) / 1000.0 / messages as f64)
}

#[expect(
    clippy::disallowed_methods,
    reason = "what is measured is time itself; nothing is decided by it"
)]
fn now() -> Instant {
    Instant::now()
}
