//! QUIC beside HTTP: a UDP socket on which the same gate decides.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

use doorward_gate::Gate;
use doorward_policy::keys::{EndpointSecrets, MasterKeys};
use doorward_quic::{Listener, ListenerParts};
use rustls::server::ResolvesServerCert;

use super::unbound;
use crate::config::Config;
use crate::failure::{Failure, Outcome};

/// A socket that nobody is greeted on yet.
pub(super) struct Bound {
    socket: UdpSocket,
    address: SocketAddr,
}

impl Bound {
    /// Binds `--quic`, if it is set, after the server behind it has answered.
    pub(super) async fn new(config: &Config) -> Outcome<Option<Self>> {
        let Some(address) = config.quic else { return Ok(None) };
        if let Some(upstream) = config.quic_guarded() {
            upstream.probe().await.map_err(|error| {
                Failure::failed(format!(
                    "the guarded server at {upstream} can't be reached ({error}): start it first, \
                     or correct --upstream or --quic-upstream"
                ))
            })?;
        }
        let bound = UdpSocket::bind(address).and_then(|socket| {
            let address = socket.local_addr()?;
            Ok(Self { socket, address })
        });
        bound.map(Some).map_err(|error| unbound(address, "--quic", &error))
    }

    /// With the secrets that it has at every start.
    pub(super) fn keyed(self, keys: &MasterKeys) -> Keyed {
        let secrets = keys.endpoint(&self.address.to_string());
        Keyed { bound: self, secrets }
    }
}

/// A socket with its secrets.
pub(super) struct Keyed {
    bound: Bound,
    secrets: EndpointSecrets,
}

impl Keyed {
    pub(super) const fn address(&self) -> SocketAddr {
        self.bound.address
    }

    pub(super) fn listener(
        self,
        gate: &Arc<Gate>,
        certificates: Arc<dyn ResolvesServerCert>,
        config: &Config,
    ) -> Outcome<Listener> {
        let parts = ListenerParts {
            gate: Arc::clone(gate),
            certificates,
            secrets: &self.secrets,
            upstream: config.quic_guarded().cloned(),
            limits: config.quic_limits(),
        };
        Listener::new(self.bound.socket, parts)
            .map_err(|error| Failure::failed(format!("can't speak QUIC: {error}")))
    }
}
