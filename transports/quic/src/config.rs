//! What quinn and rustls are told: bounds on everything, and no early data.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hkdf;
use doorward_policy::hello::{ALPN, MAX_BODY, PREFIX};
use doorward_policy::keys::EndpointSecrets;
use quinn::crypto::rustls::{NoInitialCipherSuite, QuicServerConfig};
use quinn::{
    ConnectionIdGenerator, EndpointConfig, IdleTimeout, ServerConfig, TransportConfig,
    ValidationTokenConfig, VarInt,
};
use rustls::server::{NoServerSessionStorage, ResolvesServerCert};

use crate::ids::{ConnectionIds, ResetKey};
use crate::listener::Limits;

/// What an unadmitted connection may send in all: a hello, twice, so that what follows one is seen
/// rather than held back.
const UNADMITTED_BYTES: usize = 2 * (PREFIX + MAX_BODY);
/// What an admitted connection may have on its way that has not been taken yet.
pub(crate) const ADMITTED_BYTES: u32 = 8 << 20;
/// The same for one of its streams.
const STREAM_BYTES: u32 = 1 << 20;
/// What may be kept for an admitted connection that is slow to take it.
const SEND_BYTES: u64 = 2 << 20;
/// Packets that arrive between a client's first one and our taking it up; they are taken up at
/// once, so there are hardly any.
const INCOMING_BYTES: u64 = 16 * 1024;
/// How far apart resets are. After a restart each client that was connected needs one, and has to
/// ask again, for seconds, if another got its own just before. A flood gains nothing by them: only a
/// connection id of ours is answered so, and with fewer bytes than came.
const RESET_INTERVAL: Duration = Duration::from_millis(1);

/// TLS for QUIC: 1.3, our protocol, and nothing that outlives a connection.
///
/// Early data is off, as rustls has it unless told otherwise and as quinn's own helper has not. No
/// session is resumed: a connection lives long, so a resumption would save little, and each
/// handshake proves the certificate that is in force.
fn tls(certificates: Arc<dyn ResolvesServerCert>) -> Result<rustls::ServerConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = vec![ALPN.to_vec()];
    //= req: QUIC-1
    config.max_early_data_size = 0;
    //= req: QUIC-2
    config.session_storage = Arc::new(NoServerSessionStorage {});
    //= req: QUIC-2
    config.send_tls13_tickets = 0;
    Ok(config)
}

/// The server's side of every connection.
pub(crate) fn server(
    certificates: Arc<dyn ResolvesServerCert>,
    secrets: &EndpointSecrets,
    limits: &Limits,
) -> Result<ServerConfig, ConfigError> {
    let tls = QuicServerConfig::try_from(tls(certificates)?)?;
    let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]);
    let token_key = salt.extract(secrets.address_tokens.expose());
    let mut config = ServerConfig::new(Arc::new(tls), Arc::new(token_key));
    // A validated address is worth one handshake: no token for later.
    let mut tokens = ValidationTokenConfig::default();
    //= req: QUIC-2
    tokens.sent(0);
    config
        .transport_config(Arc::new(transport(limits)?))
        .validation_token_config(tokens)
        .migration(limits.migration)
        .max_incoming(limits.handshakes)
        .incoming_buffer_size(INCOMING_BYTES)
        .incoming_buffer_size_total(INCOMING_BYTES.saturating_mul(64));
    Ok(config)
}

/// As a connection begins: one stream for the hello, and nothing else.
fn transport(limits: &Limits) -> Result<TransportConfig, ConfigError> {
    let idle = IdleTimeout::try_from(limits.idle).map_err(|_| ConfigError::Idle)?;
    let unadmitted = u32::try_from(UNADMITTED_BYTES).unwrap_or(u32::MAX);
    let mut config = TransportConfig::default();
    config
        //= req: QUIC-8
        .max_concurrent_bidi_streams(VarInt::from_u32(1))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .datagram_receive_buffer_size(None)
        .receive_window(VarInt::from_u32(unadmitted))
        .stream_receive_window(VarInt::from_u32(STREAM_BYTES))
        .send_window(SEND_BYTES)
        .max_idle_timeout(Some(idle));
    Ok(config)
}

/// The endpoint's side, with the keys that let a client notice a restart at once: a packet of a
/// connection that is no more is answered by a reset that only this endpoint can make.
pub(crate) fn endpoint(secrets: &EndpointSecrets) -> EndpointConfig {
    let mut config = EndpointConfig::new(Arc::new(ResetKey(secrets.reset.clone())));
    let key = secrets.connection_ids.clone();
    config.min_reset_interval(RESET_INTERVAL);
    config.cid_generator(move || -> Box<dyn ConnectionIdGenerator> {
        Box::new(ConnectionIds::new(key.clone()))
    });
    config
}

/// Why quinn or rustls don't take a configuration.
#[derive(Debug)]
pub(crate) enum ConfigError {
    Tls(rustls::Error),
    Suite(NoInitialCipherSuite),
    Idle,
}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tls(error) => error.fmt(f),
            Self::Suite(error) => error.fmt(f),
            Self::Idle => f.write_str("the idle timeout is longer than QUIC can say"),
        }
    }
}

impl From<rustls::Error> for ConfigError {
    fn from(error: rustls::Error) -> Self {
        Self::Tls(error)
    }
}

impl From<NoInitialCipherSuite> for ConfigError {
    fn from(error: NoInitialCipherSuite) -> Self {
        Self::Suite(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct NoCertificate;

    impl ResolvesServerCert for NoCertificate {
        fn resolve(
            &self,
            _hello: rustls::server::ClientHello<'_>,
        ) -> Option<Arc<rustls::sign::CertifiedKey>> {
            None
        }
    }

    //= req: QUIC-1, QUIC-2, type=test
    #[test]
    fn no_early_data_no_tickets_and_no_other_protocol() {
        let config = tls(Arc::new(NoCertificate)).expect("valid");
        assert_eq!(config.max_early_data_size, 0);
        assert_eq!(config.send_tls13_tickets, 0);
        assert!(!config.session_storage.can_cache());
        assert_eq!(config.alpn_protocols, [b"doorward/1"]);
    }

    #[test]
    fn the_hybrid_post_quantum_exchange_comes_first() {
        let config = tls(Arc::new(NoCertificate)).expect("valid");
        let first = config.crypto_provider().kx_groups.first().expect("a group").name();
        assert_eq!(first, rustls::NamedGroup::X25519MLKEM768);
    }
}
