//! A local port, each of whose connections is one stream of a tunnel that is kept.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use doorward_client::{Link, LinkState, Session, Stream, Surroundings, Tunnel};
use doorward_gate::{Clock as _, SystemClock, SystemEntropy, random};
use doorward_policy::Timestamp;
use serde_json::json;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::{Visitor, pair_again, told_to_stop};
use crate::failure::{Failure, Outcome};
use crate::output;

/// How long a connection waits for a tunnel that is down.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many connections wait to be taken.
const BACKLOG: u32 = 1024;
/// How long to wait where the system has no room for another connection.
const NO_ROOM: Duration = Duration::from_millis(100);

/// The tunnel, while there is one.
type Current = watch::Receiver<Option<Tunnel>>;

/// A local port that is taken, and where nobody is let in yet.
pub(super) struct Port {
    socket: TcpSocket,
    address: SocketAddr,
}

impl Port {
    /// Takes a port of this machine alone: whoever connects is let through without being asked.
    pub(super) fn take(address: &str) -> Outcome<Self> {
        let wrong = |why| {
            Failure::usage(format!(
                "--local takes an address of this machine and a port, such as 127.0.0.1:9000, not \
                 {address}{why}"
            ))
        };
        let parsed: SocketAddr = address.parse().map_err(|_| wrong(""))?;
        if !parsed.ip().is_loopback() {
            return Err(wrong(": whoever reaches it is let through with your session"));
        }
        let bind = || {
            let socket = match parsed {
                SocketAddr::V4(_) => TcpSocket::new_v4()?,
                SocketAddr::V6(_) => TcpSocket::new_v6()?,
            };
            socket.set_reuseaddr(true)?;
            socket.bind(parsed)?;
            Ok(socket)
        };
        let socket = bind().map_err(|error| unavailable(parsed, &error))?;
        Ok(Self { socket, address: parsed })
    }

    fn listen(self) -> Outcome<TcpListener> {
        self.socket.listen(BACKLOG).map_err(|error| unavailable(self.address, &error))
    }
}

fn unavailable(address: SocketAddr, error: &io::Error) -> Failure {
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => ": stop what listens there, or choose another port",
        _ => "",
    };
    Failure::failed(format!("can't listen on {address}: {error}{advice}"))
}

/// Forwards until no further attempt to connect could help.
pub(super) async fn run(
    visitor: Visitor,
    session: Session,
    port: Port,
    ready_json: bool,
) -> Outcome {
    let local = port.listen()?;
    let address = local.local_addr().map_err(Failure::failed)?;
    let machine = Arc::new(Machine { clock: visitor.clock });
    let link = Link::new(visitor.client, session, Some(visitor.saved), machine.clone());
    let states = link.states();
    let (tunnels, current) = watch::channel(None);
    if ready_json {
        output::json(&json!({ "event": "ready", "local": address.to_string() }))?;
    } else {
        eprintln!("forwarding {address}");
    }
    let end = tokio::select! {
        end = link.tunnel(|tunnel| show(tunnel, tunnels.clone())) => end,
        () = report(states, &machine) => return Ok(()),
        () = accept(local, current.clone()) => return Ok(()),
        () = told_to_stop() => {
            let tunnel = current.borrow().clone();
            if let Some(tunnel) = tunnel {
                tunnel.leave().await;
            }
            return Ok(());
        }
    };
    Err(Failure::failed(match end {
        LinkState::PairAgain { reason } => pair_again(&output::printable(&reason)),
        LinkState::Ended { reason } => output::printable(&reason),
        LinkState::Connecting
        | LinkState::Connected
        | LinkState::Ending { .. }
        | LinkState::Waiting { .. } => "the link was given up".to_owned(),
    }))
}

/// Shows a tunnel to the connections for as long as it lives.
async fn show(tunnel: Tunnel, tunnels: watch::Sender<Option<Tunnel>>) -> doorward_client::Closed {
    tunnels.send_replace(Some(tunnel.clone()));
    let closed = tunnel.closed().await;
    tunnels.send_replace(None);
    closed
}

/// Says how the link is doing, a line for each state.
async fn report(mut states: watch::Receiver<LinkState>, machine: &Machine) {
    loop {
        let state = states.borrow_and_update().clone();
        match state {
            LinkState::Connected => eprintln!("connected"),
            LinkState::Ending { at, absolute } => {
                let seconds = at.since(machine.now()).as_secs();
                let help = if absolute { ": pair again to go on" } else { " unless it is used" };
                eprintln!("the session ends in {seconds} s{help}");
            }
            LinkState::Waiting { until, reason } => {
                let seconds = until.since(machine.now()).as_secs_f64().ceil();
                eprintln!("waiting {seconds} s: {}", output::printable(&reason));
            }
            LinkState::Connecting | LinkState::PairAgain { .. } | LinkState::Ended { .. } => {}
        }
        if states.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}

async fn accept(local: TcpListener, current: Current) {
    loop {
        match local.accept().await {
            Ok((connection, _)) => {
                tokio::spawn(carry(connection, current.clone()));
            }
            Err(_) => sleep(NO_ROOM).await,
        }
    }
}

/// Carries one connection over a stream. What one side finishes is finished on the other, and what
/// one breaks is broken.
async fn carry(mut connection: TcpStream, current: Current) {
    let Ok(Some(mut stream)) = timeout(PATIENCE, open(current)).await else { return };
    // Whoever types into it waits for each byte.
    let _result = connection.set_nodelay(true);
    if copy_bidirectional(&mut connection, &mut stream).await.is_err() {
        stream.reset();
        let _result = connection.set_zero_linger();
    }
}

/// A stream of the tunnel that is there, or of the next one; `None` if there will be none.
async fn open(mut current: Current) -> Option<Stream> {
    loop {
        let tunnel = current.wait_for(Option::is_some).await.ok()?.clone()?;
        match tunnel.open().await {
            Ok(stream) => return Some(stream),
            // It has ended: there will be another, or none.
            Err(_) => current.changed().await.ok()?,
        }
    }
}

/// This machine's clock and generator.
struct Machine {
    clock: SystemClock,
}

impl Surroundings for Machine {
    /// A clock that fails seems to jump, and a jump is no more than a reason to look.
    fn now(&self) -> Timestamp {
        self.clock.now().unwrap_or(Timestamp::EPOCH)
    }

    /// Without a generator a wait is half as long as it may be.
    fn random(&self) -> [u8; 8] {
        random(&SystemEntropy).unwrap_or([0x80, 0, 0, 0, 0, 0, 0, 0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobody_is_let_in_at_a_port_that_is_only_taken() {
        let port = Port::take("127.0.0.1:0").expect("taken");
        let address = port.socket.local_addr().expect("bound");
        assert!(TcpStream::connect(address).await.is_err());
        let listener = port.listen().expect("listening");
        TcpStream::connect(address).await.expect("connected");
        assert!(Port::take(&address.to_string()).is_err(), "it is taken");
        drop(listener);
    }
}
