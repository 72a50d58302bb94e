//! The connections over TCP: accepted, carried, and told to end.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use doorward_gate::Gate;
use doorward_http::Site;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::Stop;
use crate::tls::Acceptor;

/// A socket that leads to a site.
pub(super) struct Door {
    pub(super) socket: TcpListener,
    pub(super) site: Arc<Site>,
    /// With which certificate, if it speaks TLS.
    pub(super) acceptor: Option<Acceptor>,
}

impl Door {
    /// Accepts connections, for ever. In a task of its own: the thread that runs `serve` itself is no worker, and would
    /// be woken for each connection only to wake one.
    pub(super) async fn accept(self, connections: Accepting) -> Infallible {
        let mut failing = false;
        loop {
            match self.socket.accept().await {
                Ok((stream, peer)) => {
                    failing = false;
                    connections.carry(&self, stream, peer);
                }
                Err(error) => {
                    // Out of file descriptors, mostly: others must end before more can be accepted.
                    if !failing {
                        tracing::error!(%error, "can't accept connections");
                    }
                    failing = true;
                    sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }
}

/// Runs loops, each in a task of its own, until `told`. When this returns they are gone, and whatever they held.
///
/// # Panics
/// When one of them does: a listener that takes nobody in any more must not stay.
pub(super) async fn run_until<L>(loops: impl Iterator<Item = L>, told: impl Future<Output = ()>)
where
    L: Future<Output = Infallible> + Send + 'static,
{
    let mut running: JoinSet<_> = loops.collect();
    tokio::select! {
        () = told => {}
        Some(ended) = running.join_next() => match ended {
            Ok(never) => match never {},
            Err(broken) => resume_unwind(broken.into_panic()),
        },
    }
    running.shutdown().await;
}

/// The connections that were accepted. Each holds a sender, so that the channel's end is theirs.
pub(super) struct Connections {
    accepting: Accepting,
    all_ended: mpsc::Receiver<Infallible>,
}

/// What accepts and carries them.
#[derive(Clone)]
pub(super) struct Accepting {
    drain: watch::Sender<bool>,
    alive: mpsc::Sender<Infallible>,
}

impl Connections {
    pub(super) fn new() -> Self {
        let (alive, all_ended) = mpsc::channel(1);
        let accepting = Accepting { drain: watch::Sender::new(false), alive };
        Self { accepting, all_ended }
    }

    pub(super) fn accepting(&self) -> Accepting {
        self.accepting.clone()
    }

    /// Lets the connections end by themselves for so long; those that don't are cut off when the
    /// process ends. A second signal cuts them off at once.
    pub(super) async fn finish(mut self, gates: &[Arc<Gate>], bound: Duration, stop: &mut Stop) {
        self.accepting.drain.send_replace(true);
        drop(self.accepting);
        let all_ended = async {
            self.all_ended.recv().await;
            // Those to the guarded server that clients share are carried apart.
            while gates.iter().any(|gate| gate.live_connections() > 0) {
                sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::select! {
            ended = timeout(bound, all_ended) => {
                if ended.is_err() {
                    tracing::warn!("some connections did not end in time and are cut off");
                }
            }
            () = stop.told() => tracing::warn!("told to stop again: connections are cut off"),
        }
    }
}

impl Accepting {
    fn carry(&self, door: &Door, stream: TcpStream, peer: SocketAddr) {
        let (site, drained) = (Arc::clone(&door.site), self.drained());
        match door.acceptor.clone() {
            Some(acceptor) => {
                // Boxed, so that what a handshake takes goes when it is over.
                let securing = Box::pin(acceptor.secure(stream));
                self.spawn(site.serve_secured(securing, peer, drained));
            }
            None => self.spawn(site.serve(stream, peer, false, drained)),
        }
    }

    /// Apart for each kind of connection, so that none pays for what another kind holds.
    pub(super) fn spawn(&self, carried: impl Future<Output = ()> + Send + 'static) {
        let alive = self.alive.clone();
        tokio::spawn(async move {
            carried.await;
            drop(alive);
        });
    }

    pub(super) fn drained(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut drain = self.drain.subscribe();
        async move {
            let _result = drain.wait_for(|draining| *draining).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::iter::{once, repeat_with};

    use super::*;

    #[tokio::test]
    async fn a_loop_that_breaks_takes_the_listener_with_it() {
        let whole = run_until(once(async { panic!("broken") }), pending());
        let outcome = timeout(Duration::from_secs(60), tokio::spawn(whole)).await;
        let error = outcome.expect("it doesn't go on").expect_err("it doesn't end as if told to");
        assert_eq!(error.into_panic().downcast_ref(), Some(&"broken"));
    }

    #[tokio::test]
    async fn loops_and_what_they_hold_are_gone_when_told_to_stop() {
        let held = Arc::new(());
        let looping = || {
            let held = Arc::clone(&held);
            async move {
                let _held = held;
                pending().await
            }
        };
        run_until(repeat_with(looping).take(3), ready(())).await;
        assert_eq!(Arc::strong_count(&held), 1);
    }
}
