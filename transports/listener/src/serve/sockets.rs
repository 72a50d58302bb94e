//! Admitted WebSockets, carried by `doorward-websocket`.

use std::sync::Arc;

use doorward_http::{Active, Carried, Ended, Ending, MayWrite, Part, Shared, Sockets, Stream};
use doorward_websocket::{
    CloseReason, Limits, Opened, Seat, SharedLimits, accept_key, echo, relay, share,
};

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
        active: Active,
        ended: Ending,
    ) -> Carried {
        let limits = self.limits;
        let ended = reason(ended);
        let client = Opened::new(client).noting(active);
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

    fn share(&self, upstream: Stream, over: Ending) -> (Arc<dyn Shared>, Carried) {
        let limits = SharedLimits { messages: self.limits, ..SharedLimits::default() };
        let (shared, carried) = share(Opened::new(upstream), limits, reason(over));
        let carried = async move {
            let summary = carried.await;
            tracing::debug!(end = ?summary.end, "a shared WebSocket has ended");
        };
        (Arc::new(SharedSocket(shared)), Box::pin(carried))
    }
}

/// A WebSocket to the guarded server that clients share.
struct SharedSocket(doorward_websocket::Shared);

impl Shared for SharedSocket {
    fn join(&self, may_write: MayWrite) -> Box<dyn Part> {
        Box::new(Taken(self.0.sit(may_write)))
    }
}

struct Taken(Seat);

impl Part for Taken {
    fn carry(self: Box<Self>, client: Stream, ended: Ending) -> Carried {
        let carried = self.0.carry(Opened::new(client), reason(ended));
        Box::pin(async move {
            let summary = carried.await;
            tracing::debug!(end = ?summary.end, "a part in a shared WebSocket has ended");
        })
    }
}

async fn reason(ended: Ending) -> CloseReason {
    let Ended { code, reason } = ended.await;
    CloseReason::new(code, reason)
}
