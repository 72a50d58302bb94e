//! Whether a request asks for an upgrade, and only for a WebSocket (RFC 6455, section 4.2.1).

use crate::byte_set::ByteSet;
use crate::denial::Denial;
use crate::request::{Fields, lists};

/// `true` for a complete WebSocket handshake, `false` for a plain request.
///
/// # Errors
/// [`Denial::UpgradeRefused`] for CONNECT and for every other request with an `Upgrade`.
pub(super) fn verify(method: &str, fields: &Fields<'_>) -> Result<bool, Denial> {
    //= req: UPGRADE-1
    if method == "CONNECT" {
        return Err(Denial::UpgradeRefused);
    }
    let Some(upgrade) = fields.upgrade.value() else {
        return Ok(false);
    };
    //= req: UPGRADE-2
    let complete = method == "GET"
        && upgrade.trim_ascii().eq_ignore_ascii_case(b"websocket")
        && fields.connection.value().is_some_and(|value| lists(value, b"upgrade"))
        && fields.websocket_version.value() == Some(b"13")
        && fields.websocket_key.value().is_some_and(is_key)
        && !fields.transfer_encoding.is_present()
        && fields.content_length.value().is_none_or(|length| length == b"0");
    if complete { Ok(true) } else { Err(Denial::UpgradeRefused) }
}

/// base64 of 16 bytes: 22 characters (RFC 4648, section 4), the last of which has only two bits to tell,
/// and two of padding.
fn is_key(value: &[u8]) -> bool {
    let Ok(&[ref text @ .., last, b'=', b'=']) = <&[u8; 24]>::try_from(value) else { return false };
    text.iter().all(|byte| OF_BASE64.has(*byte)) && matches!(last, b'A' | b'Q' | b'g' | b'w')
}

/// RFC 4648, section 4, without padding.
static OF_BASE64: ByteSet =
    ByteSet::of(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
