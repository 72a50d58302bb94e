//! Admitted WebSockets, carried by `doorward-websocket`.

use std::future::Future;
use std::pin::Pin;

use doorward_http::{Ended, Sockets, Stream};
use doorward_websocket::{CloseReason, Limits, Opened, accept_key, echo, relay};

use crate::config::Config;

/// Relays to the guarded server, or echoes where there is none.
#[derive(Debug)]
pub(super) struct WebSockets {
    limits: Limits,
}

impl WebSockets {
    pub(super) fn new(config: &Config) -> Self {
        let limits = Limits {
            from_client: config.client_message_bytes,
            from_server: config.server_message_bytes,
            ..Limits::default()
        };
        Self { limits }
    }
}

impl Sockets for WebSockets {
    fn accept_key(&self, key: &[u8]) -> String {
        accept_key(key)
    }

    fn carry(
        &self,
        client: Stream,
        upstream: Option<Stream>,
        ended: Pin<Box<dyn Future<Output = Ended> + Send>>,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let limits = self.limits;
        let ended = async move {
            let Ended { code, reason } = ended.await;
            CloseReason::new(code, reason)
        };
        let client = Opened::new(client);
        match upstream {
            // Boxed apart, so that the many idle connections of one kind don't pay for the other.
            Some(server) => Box::pin(async move {
                let summary = relay(client, Opened::new(server), limits, ended).await;
                tracing::debug!(end = ?summary.end, "a WebSocket has ended");
            }),
            None => Box::pin(async move {
                let summary = echo(client, limits, ended).await;
                tracing::debug!(end = ?summary.end, "a WebSocket has ended");
            }),
        }
    }
}
