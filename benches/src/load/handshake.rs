//! The CPU time of a server for a WebSocket handshake and its close.

use std::thread;
use std::time::Duration;

use super::client::{Place, close};
use super::listener::Listener;
use super::{Outcome, Process, peers};
use crate::median;
use crate::result::figure;

/// Handshakes of a server's turn: so many that what Doorward does five times a second anyhow, to learn of revocations,
/// is a small part of what is counted.
const TURN: usize = 1000;
/// Clients at a time.
const CLIENTS: usize = 4;
/// Until what a server has put off is done: Doorward writes its audit records twice a second.
const SETTLING: Duration = Duration::from_millis(700);

/// Compares Doorward's listener, the raw server, and Node, in turns.
///
/// # Errors
/// If a server misbehaves.
pub fn compare(rounds: usize) -> Outcome<()> {
    let doorward = Listener::start(None)?;
    let raw = peers::raw()?;
    let node = peers::node()?;
    let mut turns = [const { Vec::new() }; 3];
    let (mut over_raw, mut under_node) = (Vec::new(), Vec::new());
    for round in 0..=rounds {
        let guarded = turn(&doorward.process, &doorward.place)?;
        let bare = turn(&raw.process, &raw.place)?;
        let other = node.as_ref().map(|node| turn(&node.process, &node.place)).transpose()?;
        // Of the first, some is the servers' warming up.
        if round == 0 {
            continue;
        }
        over_raw.push(guarded / bare);
        under_node.extend(other.map(|other| other / guarded));
        turns[0].push(guarded);
        turns[1].push(bare);
        turns[2].extend(other);
    }
    let [guarded, bare, other] = turns.map(|turns| median(turns) / 1000.0);
    println!(
        "WebSocket handshake and close, CPU of the whole server: doorward {guarded:.1} us, raw tokio and httparse \
         {bare:.1} us (medians of {rounds} turns of {TURN}, {CLIENTS} clients at a time)"
    );
    figure("ws-handshake-vs-raw", median(over_raw), "x");
    if node.is_some() {
        println!("The same of Node's ws with a bearer check: {other:.1} us");
        figure("ws-handshake-node-vs-doorward", median(under_node), "x");
    } else {
        println!("Node or its ws isn't installed (benches/peers/install): no figure");
    }
    Ok(())
}

/// Nanoseconds of the server's CPU for one handshake.
fn turn(process: &Process, place: &Place) -> Outcome<f64> {
    let before = process.cpu()?;
    thread::scope(|scope| {
        let shaking = || (0..TURN / CLIENTS).try_for_each(|_| close(place.open()?));
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(shaking)).collect();
        clients.into_iter().try_for_each(|client| client.join().map_err(|_| "a client broke")?)
    })?;
    thread::sleep(SETTLING);
    Ok((process.cpu()? - before) / TURN as f64)
}
