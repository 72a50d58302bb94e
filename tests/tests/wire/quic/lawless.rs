//! A client that hears other limits than the server has said, and so breaks them in good faith.

use std::any::Any;
use std::sync::Arc;

use quinn::ConnectError;
use quinn::crypto::rustls::QuicClientConfig;
use quinn_proto::crypto::{
    ClientConfig, ExportKeyingMaterialError, HeaderKey, KeyPair, Keys, PacketKey, Session,
};
use quinn_proto::transport_parameters::TransportParameters;
use quinn_proto::{ConnectionId, Side, TransportError};

/// What it hears (RFC 9000, section 18.2; RFC 9221, section 3), each as an identifier and a value:
/// initial_max_data, initial_max_stream_data for both sides' streams and for unidirectional ones,
/// initial_max_streams for either kind, and max_datagram_frame_size. Each needs four bytes.
const HEARD: [(u8, u32); 7] = [
    (0x04, 1 << 24),
    (0x05, 1 << 24),
    (0x06, 1 << 24),
    (0x07, 1 << 24),
    (0x08, 1 << 16),
    (0x09, 1 << 16),
    (0x20, 1 << 16),
];

/// TLS as it is, but for the limits.
pub(super) struct Lawless(Arc<QuicClientConfig>);

impl Lawless {
    pub(super) fn new(tls: Arc<QuicClientConfig>) -> Self {
        Self(tls)
    }
}

impl ClientConfig for Lawless {
    fn start_session(
        self: Arc<Self>,
        version: u32,
        server_name: &str,
        params: &TransportParameters,
    ) -> Result<Box<dyn Session>, ConnectError> {
        let session = Arc::clone(&self.0).start_session(version, server_name, params)?;
        Ok(Box::new(Misheard(session)))
    }
}

struct Misheard(Box<dyn Session>);

impl Session for Misheard {
    fn transport_parameters(&self) -> Result<Option<TransportParameters>, TransportError> {
        let Some(said) = self.0.transport_parameters()? else { return Ok(None) };
        let mut bytes = Vec::new();
        said.write(&mut bytes);
        let heard = mishear(&bytes);
        Ok(Some(TransportParameters::read(Side::Client, &mut heard.as_slice()).unwrap()))
    }

    fn initial_keys(&self, dst_cid: &ConnectionId, side: Side) -> Keys {
        self.0.initial_keys(dst_cid, side)
    }

    fn handshake_data(&self) -> Option<Box<dyn Any>> {
        self.0.handshake_data()
    }

    fn peer_identity(&self) -> Option<Box<dyn Any>> {
        self.0.peer_identity()
    }

    fn early_crypto(&self) -> Option<(Box<dyn HeaderKey>, Box<dyn PacketKey>)> {
        self.0.early_crypto()
    }

    fn early_data_accepted(&self) -> Option<bool> {
        self.0.early_data_accepted()
    }

    fn is_handshaking(&self) -> bool {
        self.0.is_handshaking()
    }

    fn read_handshake(&mut self, buf: &[u8]) -> Result<bool, TransportError> {
        self.0.read_handshake(buf)
    }

    fn write_handshake(&mut self, buf: &mut Vec<u8>) -> Option<Keys> {
        self.0.write_handshake(buf)
    }

    fn next_1rtt_keys(&mut self) -> Option<KeyPair<Box<dyn PacketKey>>> {
        self.0.next_1rtt_keys()
    }

    fn is_valid_retry(&self, orig_dst_cid: &ConnectionId, header: &[u8], payload: &[u8]) -> bool {
        self.0.is_valid_retry(orig_dst_cid, header, payload)
    }

    fn export_keying_material(
        &self,
        output: &mut [u8],
        label: &[u8],
        context: &[u8],
    ) -> Result<(), ExportKeyingMaterialError> {
        self.0.export_keying_material(output, label, context)
    }
}

/// The server's parameters with ours in the place of its limits.
fn mishear(mut said: &[u8]) -> Vec<u8> {
    let mut heard = Vec::new();
    while !said.is_empty() {
        let start = said;
        let id = varint(&mut said);
        let length = varint(&mut said) as usize;
        said = &said[length..];
        if !HEARD.iter().any(|(ours, _)| u64::from(*ours) == id) {
            heard.extend(&start[..start.len() - said.len()]);
        }
    }
    for (id, value) in HEARD {
        heard.extend([id, 4]);
        // Two bits say that it has four bytes (RFC 9000, section 16).
        heard.extend((value | 0x8000_0000).to_be_bytes());
    }
    heard
}

/// Takes an integer of one, two, four or eight bytes (RFC 9000, section 16).
fn varint(bytes: &mut &[u8]) -> u64 {
    let length = 1 << (bytes[0] >> 6);
    let (taken, rest) = bytes.split_at(length);
    *bytes = rest;
    let first = u64::from(taken[0] & 0x3f);
    taken[1..].iter().fold(first, |value, byte| (value << 8) | u64::from(*byte))
}
