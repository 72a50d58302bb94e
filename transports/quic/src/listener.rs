//! The UDP socket: who gets a handshake, and how many at once.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use doorward_gate::{ClientSlot, Gate};
use doorward_policy::admission::Wire;
use doorward_policy::denial::Denial;
use doorward_policy::keys::EndpointSecrets;
use quinn::{Endpoint, Incoming, TokioRuntime};
use rustls::server::ResolvesServerCert;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::config;
use crate::connection::{self, Admitted};
use crate::room::Lines;
use crate::upstream::Upstream;

/// Bounds on what connections may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From a client's first packet to its complete hello, and for the answer to be taken.
    pub deadline: Duration,
    /// How many handshakes may be under way.
    pub handshakes: usize,
    /// From how many on an address has to be validated first, by a Retry (RFC 9000, section 8.1.2);
    /// 0 is always.
    pub retry_from: usize,
    /// How many streams an admitted connection may have at once.
    pub streams: u32,
    /// How long a connection may be silent.
    pub idle: Duration,
    /// Whether a connection may move to another address (RFC 9000, section 9).
    pub migration: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(5),
            handshakes: 256,
            retry_from: 32,
            streams: 100,
            idle: Duration::from_secs(30),
            migration: true,
        }
    }
}

/// What a client gets for its first packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reception {
    /// It is asked to validate its address.
    Validate,
    /// There is no room for it.
    Full,
    /// A handshake.
    Handshake,
}

impl Limits {
    /// However the two are set: packets that nobody stands behind fill at most half.
    fn reception(&self, validated: bool, under_way: usize) -> Reception {
        //= req: QUIC-4
        let retry_from = self.retry_from.min(self.handshakes / 2);
        if !validated && under_way >= retry_from {
            Reception::Validate
        } else if under_way >= self.handshakes {
            Reception::Full
        } else {
            Reception::Handshake
        }
    }
}

/// What a listener is made of.
pub struct ListenerParts<'a> {
    /// Takes the decisions.
    pub gate: Arc<Gate>,
    /// Brings the certificate of each handshake.
    pub certificates: Arc<dyn ResolvesServerCert>,
    /// What is the same at every start.
    pub secrets: &'a EndpointSecrets,
    /// The guarded server of `main`; the built-in echo if there is none. The gate's settings say
    /// whether connections share one to it.
    pub upstream: Option<Upstream>,
    /// Bounds.
    pub limits: Limits,
}

impl fmt::Debug for ListenerParts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListenerParts")
            .field("upstream", &self.upstream)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Why there is no listener.
#[derive(Debug)]
pub enum BindError {
    /// The socket can't be used.
    Socket(io::Error),
    /// The configuration can't be used.
    Config(String),
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(error) => error.fmt(f),
            Self::Config(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for BindError {}

/// A UDP socket on which clients are greeted.
#[derive(Debug)]
pub struct Listener {
    endpoint: Endpoint,
    shared: Arc<Shared>,
}

/// What every connection of a listener needs.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) gate: Arc<Gate>,
    pub(crate) upstream: Option<Upstream>,
    /// What connections share, where they do.
    pub(crate) lines: Arc<Lines>,
    pub(crate) limits: Limits,
    handshakes: Arc<AtomicUsize>,
    draining: watch::Sender<bool>,
}

impl Listener {
    /// Listens on a bound socket. Needs a tokio runtime.
    ///
    /// # Errors
    /// If the socket or the configuration can't be used.
    pub fn new(socket: UdpSocket, parts: ListenerParts<'_>) -> Result<Self, BindError> {
        let ListenerParts { gate, certificates, secrets, upstream, limits } = parts;
        let server = config::server(certificates, secrets, &limits);
        let server = server.map_err(|error| BindError::Config(error.to_string()))?;
        let endpoint =
            Endpoint::new(config::endpoint(secrets), Some(server), socket, Arc::new(TokioRuntime));
        let endpoint = endpoint.map_err(BindError::Socket)?;
        let (handshakes, draining) = (Arc::default(), watch::Sender::new(false));
        let lines = Lines::new();
        let shared = Arc::new(Shared { gate, upstream, lines, limits, handshakes, draining });
        Ok(Self { endpoint, shared })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// As the operating system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.endpoint.local_addr()
    }

    /// Greets clients and carries their connections until `drained` resolves; then takes no more,
    /// and returns once those that there are have ended. The gate tells them to.
    pub async fn serve(self, drained: impl Future<Output = ()> + Send) {
        let mut drained = pin!(drained);
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                incoming = self.endpoint.accept() => match incoming {
                    Some(incoming) => {
                        if let Some(met) = self.shared.meet(incoming) {
                            connections.spawn(greet(Arc::clone(&self.shared), met));
                        }
                    }
                    None => {
                        tracing::error!("the UDP socket has failed: QUIC is no longer spoken");
                        break;
                    }
                },
                Some(_ended) = connections.join_next(), if !connections.is_empty() => {}
                () = &mut drained => break,
            }
        }
        self.shared.draining.send_replace(true);
        // Who comes now is told so, rather than left to wait for an answer.
        loop {
            tokio::select! {
                Some(incoming) = self.endpoint.accept() => incoming.refuse(),
                ended = connections.join_next() => if ended.is_none() { break },
            }
        }
        self.endpoint.set_server_config(None);
        // So that the last word to each client still goes out.
        self.endpoint.wait_idle().await;
    }
}

/// A client that gets a handshake.
struct Met {
    incoming: Incoming,
    peer: IpAddr,
    /// Counts it as unadmitted, if its address is known to be its own.
    slot: Option<ClientSlot>,
    handshake: Handshake,
}

impl Shared {
    /// Resolves once nobody new gets in.
    pub(crate) async fn drained(&self) {
        let mut draining = self.draining.subscribe();
        // The sender is our own, so this does not fail.
        let _result = draining.wait_for(|draining| *draining).await;
    }

    /// Decides whether a client gets a handshake, before one costs anything. An address that nobody
    /// has validated is anybody's: nothing is counted against it (I16, I17).
    fn meet(&self, incoming: Incoming) -> Option<Met> {
        let peer = incoming.remote_address().ip().to_canonical();
        let validated = incoming.remote_address_validated();
        let under_way = self.handshakes.load(Ordering::Relaxed);
        match self.limits.reception(validated, under_way) {
            //= req: QUIC-4
            Reception::Validate => {
                // It can be asked to, since it has not been.
                let _result = incoming.retry();
                return None;
            }
            //= req: QUIC-6
            Reception::Full => {
                let full = Denial::ConnectionsLimited { from_address: false };
                self.gate.refuse_early(full, peer, Wire::Quic);
                incoming.refuse();
                return None;
            }
            Reception::Handshake => {}
        }
        //= req: QUIC-5, QUIC-6
        let slot = match validated.then(|| self.gate.enter(peer, Wire::Quic)) {
            Some(Ok(slot)) => Some(slot),
            Some(Err(_refusal)) => {
                incoming.refuse();
                return None;
            }
            None => None,
        };
        Some(Met { incoming, peer, slot, handshake: Handshake::begin(&self.handshakes) })
    }
}

/// From the handshake to the connection's end.
fn greet(shared: Arc<Shared>, met: Met) -> impl Future<Output = ()> + Send {
    // In a box of its own, which is gone by the time that a connection waits: what the handshake
    // and the hello need is several times what an idle connection does.
    let introduced = Box::pin(introduce(Arc::clone(&shared), met));
    async move {
        if let Some(admitted) = introduced.await {
            connection::live(&shared, &admitted).await;
        }
    }
}

/// From the handshake to the answer.
async fn introduce(shared: Arc<Shared>, met: Met) -> Option<Box<Admitted>> {
    let Met { incoming, peer, slot, handshake } = met;
    let connecting = incoming.accept().ok()?;
    let mut deadline = pin!(sleep(shared.limits.deadline));
    let mut drained = pin!(shared.drained());
    let connection = tokio::select! {
        //= req: QUIC-3
        connection = connecting => connection,
        //= req: QUIC-7
        () = &mut deadline => return None,
        () = &mut drained => return None,
    };
    drop(handshake);
    let connection = match connection {
        Ok(connection) => connection,
        Err(error) => {
            tracing::debug!(%error, "a QUIC handshake has failed");
            return None;
        }
    };
    // The handshake has validated the address.
    let slot = match slot.map_or_else(|| shared.gate.enter(peer, Wire::Quic), Ok) {
        Ok(slot) => slot,
        Err(refusal) => {
            crate::answer::refuse(&connection, &refusal);
            return None;
        }
    };
    connection::greet(&shared, connection, peer, slot, deadline, drained).await
}

/// A handshake that is under way until this is dropped.
struct Handshake(Arc<AtomicUsize>);

impl Handshake {
    fn begin(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        //= req: QUIC-4, QUIC-6, type=property
        /// Whatever comes and goes in whatever order, and however the limits are set.
        #[test]
        fn no_flood_of_unvalidated_addresses_keeps_out_who_has_one(
            handshakes in 0_usize..40,
            retry_from in 0_usize..60,
            happenings in proptest::collection::vec(any::<(bool, bool)>(), 1..200),
        ) {
            let limits = Limits { handshakes, retry_from, ..Limits::default() };
            let mut under_way: Vec<bool> = Vec::new();
            for (comes, validated) in happenings {
                if !comes {
                    under_way.pop();
                    continue;
                }
                let reception = limits.reception(validated, under_way.len());
                let room = under_way.len() < handshakes;
                match (validated, reception) {
                    (true, Reception::Handshake) => prop_assert!(room),
                    (true, Reception::Full) => prop_assert!(!room),
                    (true, Reception::Validate) => prop_assert!(false, "it has"),
                    (false, Reception::Handshake) => prop_assert!(under_way.len() < retry_from),
                    (false, Reception::Full) => prop_assert!(false, "a Retry costs nothing"),
                    (false, Reception::Validate) => {}
                }
                if reception == Reception::Handshake {
                    under_way.push(validated);
                }
                let unvalidated = under_way.iter().filter(|validated| !**validated).count();
                prop_assert!(unvalidated <= handshakes / 2);
                prop_assert!(under_way.len() <= handshakes);
            }
        }
    }
}
