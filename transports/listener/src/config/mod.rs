//! The settings of a listener: flags over environment over a file over defaults.

mod admin;
mod guarded;
mod keys;
pub(crate) mod parse;
mod rules;
mod source;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use doorward_policy::capability::Capabilities;
use doorward_policy::caps::ConnectionLimits;
use doorward_policy::forwarding::TrustedNetwork;
use doorward_policy::host::AllowedHost;
use doorward_policy::limiter::Limits;
use doorward_policy::origin::AllowedOrigin;
use doorward_policy::session::Lifetimes;
use doorward_policy::settings::Exposure;

use crate::failure::{Failure, Outcome};
pub(crate) use guarded::Guarded;
use parse::PublicUrl;
pub(crate) use rules::default_state_dir;
pub(crate) use source::{Overrides, Raw};

/// An item of a list, with the text that it was parsed from.
#[derive(Clone, Debug)]
pub(crate) struct Listed<T> {
    pub(crate) text: String,
    pub(crate) value: T,
}

/// What an operator chose, each value within its bounds.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) listen: SocketAddr,
    pub(crate) upstream: Option<Guarded>,
    pub(crate) state_dir: Option<PathBuf>,
    pub(crate) public_url: Option<PublicUrl>,
    pub(crate) tls_cert: Option<PathBuf>,
    pub(crate) tls_key: Option<PathBuf>,
    pub(crate) tls_self_signed: bool,
    pub(crate) admin: Option<SocketAddr>,
    pub(crate) quic: Option<SocketAddr>,
    pub(crate) quic_upstream: Option<doorward_quic::Upstream>,
    pub(crate) quic_handshakes: usize,
    pub(crate) quic_retry_from: usize,
    pub(crate) quic_streams: u32,
    pub(crate) quic_idle: Duration,
    pub(crate) quic_migration: bool,
    pub(crate) allow_hosts: Vec<Listed<AllowedHost>>,
    pub(crate) allow_origins: Vec<Listed<AllowedOrigin>>,
    pub(crate) trusted_proxies: Vec<Listed<TrustedNetwork>>,
    pub(crate) routes: Vec<Listed<(String, Capabilities)>>,
    pub(crate) exposure: Option<Exposure>,
    pub(crate) unguarded: bool,
    pub(crate) allow_service_workers: bool,
    pub(crate) share: bool,
    pub(crate) start_up_grant_life: Duration,
    pub(crate) drain: Duration,
    pub(crate) workers: Option<u16>,
    pub(crate) session_idle: Duration,
    pub(crate) session_absolute: Duration,
    pub(crate) codes_per_minute: u32,
    pub(crate) others_per_minute: u32,
    pub(crate) unadmitted: usize,
    pub(crate) per_address: usize,
    pub(crate) head_deadline: Duration,
    pub(crate) http_unadmitted: Duration,
    pub(crate) http_idle: Duration,
    pub(crate) client_message_bytes: usize,
    pub(crate) server_message_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        let (guesses, connections) = (Limits::default(), ConnectionLimits::default());
        let http = doorward_http::Limits::default();
        let quic = doorward_quic::Limits::default();
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8765)),
            upstream: None,
            state_dir: None,
            public_url: None,
            tls_cert: None,
            tls_key: None,
            tls_self_signed: false,
            admin: None,
            quic: None,
            quic_upstream: None,
            quic_handshakes: quic.handshakes,
            quic_retry_from: quic.retry_from,
            quic_streams: quic.streams,
            quic_idle: quic.idle,
            quic_migration: quic.migration,
            allow_hosts: Vec::new(),
            allow_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            routes: Vec::new(),
            exposure: None,
            unguarded: false,
            allow_service_workers: false,
            share: false,
            start_up_grant_life: Duration::from_secs(600),
            drain: Duration::from_secs(10),
            workers: None,
            session_idle: Lifetimes::DEFAULT.idle(),
            session_absolute: Lifetimes::DEFAULT.absolute(),
            codes_per_minute: guesses.codes,
            others_per_minute: guesses.others,
            unadmitted: connections.unadmitted,
            per_address: connections.per_address,
            head_deadline: http.head_deadline,
            http_unadmitted: http.unadmitted,
            http_idle: http.idle,
            client_message_bytes: 1 << 20,
            server_message_bytes: 16 << 20,
        }
    }
}

impl Config {
    /// Where the listener can be reached. Unless chosen, it follows from the address and the
    /// public URL: whatever either of them shows to a network is remote.
    pub(crate) fn exposure(&self) -> Exposure {
        let near = |url: &PublicUrl| !url.is_secure() || url.is_loopback();
        let local = self.is_local() && self.public_url.as_ref().is_none_or(near);
        self.exposure.unwrap_or(if local { Exposure::Loopback } else { Exposure::Remote })
    }

    /// How many threads carry connections. Unless chosen, half of the processors: a flood of strangers
    /// leaves the others to the guarded server and the store.
    pub(crate) fn workers(&self) -> usize {
        let half = || thread::available_parallelism().map_or(1, |all| all.get().div_ceil(2));
        self.workers.map_or_else(half, usize::from)
    }

    /// Whether nothing listens for a network.
    fn is_local(&self) -> bool {
        self.listen.ip().is_loopback() && self.quic.is_none_or(|quic| quic.ip().is_loopback())
    }

    /// The text of a file that says what is in effect.
    pub(crate) fn in_effect(&self) -> Outcome<String> {
        toml::to_string(&self.to_toml()).map_err(Failure::failed)
    }

    /// All settings that have a value, as a TOML file would spell them.
    pub(crate) fn to_toml(&self) -> toml::Table {
        let mut table = toml::Table::new();
        for key in &keys::KEYS {
            let Some(value) = key.show(self) else { continue };
            match key.name.split_once('.') {
                None => drop(table.insert(key.name.to_owned(), value)),
                Some((section, name)) => {
                    let inner = table
                        .entry(section)
                        .or_insert_with(|| toml::Value::Table(toml::Table::new()));
                    if let toml::Value::Table(inner) = inner {
                        inner.insert(name.to_owned(), value);
                    }
                }
            }
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_have_half_of_the_processors_unless_it_is_said_how_many_threads_they_have() {
        let all = thread::available_parallelism().map_or(1, usize::from);
        assert_eq!(Config::default().workers(), all.div_ceil(2));
        let chosen = Config { workers: Some(7), ..Config::default() };
        assert_eq!(chosen.workers(), 7);
    }
}
