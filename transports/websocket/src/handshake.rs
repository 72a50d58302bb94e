//! What a 101 answers to a WebSocket handshake (RFC 6455, section 4.2.2).

use tungstenite::handshake::derive_accept_key;

/// The version of the protocol, for `Sec-WebSocket-Version`.
pub const VERSION: &str = "13";

/// The `Sec-WebSocket-Accept` that answers this `Sec-WebSocket-Key`.
///
/// ```
/// // RFC 6455, section 1.3
/// let accept = doorward_websocket::accept_key(b"dGhlIHNhbXBsZSBub25jZQ==");
/// assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// ```
#[must_use]
pub fn accept_key(key: &[u8]) -> String {
    derive_accept_key(key)
}

/// The header fields of a 101, names in lower case. No extension is ever accepted.
///
/// `key` is the request's `Sec-WebSocket-Key`; `protocol` the subprotocol that was selected, if
/// any. Whether the request was a lawful handshake is decided before, by the policy.
///
/// ```
/// let fields = doorward_websocket::switching_headers(b"dGhlIHNhbXBsZSBub25jZQ==", Some("doorward"));
/// assert_eq!(fields[3], ("sec-websocket-protocol", "doorward".to_owned()));
/// ```
#[must_use]
pub fn switching_headers(key: &[u8], protocol: Option<&str>) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        ("connection", "Upgrade".to_owned()),
        ("upgrade", "websocket".to_owned()),
        ("sec-websocket-accept", accept_key(key)),
    ];
    fields.extend(protocol.map(|name| ("sec-websocket-protocol", name.to_owned())));
    fields
}
