//! How connections end, and the Close frames that say so.

use std::borrow::Cow;
use std::io::{Cursor, ErrorKind};
use std::time::Duration;

use bytes::Bytes;
use tungstenite::protocol::frame::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{Role, WebSocket, WebSocketConfig};

use crate::frames::{MAX_CONTROL, Peer, Violation};

/// The longest reason: a control frame's payload without the two bytes of code.
const MAX_REASON: usize = MAX_CONTROL as usize - 2;

/// Why a connection is closed: a code and a few words (RFC 6455, section 7.4).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CloseReason {
    /// The close code. One that stands for no Close frame (1005, 1006, 1015), is reserved or out of
    /// range goes out as 1011.
    pub code: u16,
    /// For people to read. What goes beyond 123 bytes is left out.
    pub reason: Cow<'static, str>,
}

impl CloseReason {
    /// A code and a reason.
    #[must_use]
    pub fn new(code: u16, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { code, reason: reason.into() }
    }

    /// Going away (1001).
    #[must_use]
    pub const fn going_away(reason: &'static str) -> Self {
        Self { code: 1001, reason: Cow::Borrowed(reason) }
    }

    /// As tungstenite has it: a code that may be sent, and a reason that fits.
    pub(crate) fn to_frame(&self) -> CloseFrame {
        let code = CloseCode::from(self.code);
        let code = if code.is_allowed() { code } else { CloseCode::Error };
        let longest = self.reason.len().min(MAX_REASON);
        let fits = (0..=longest).rev().find(|at| self.reason.is_char_boundary(*at)).unwrap_or(0);
        CloseFrame { code, reason: self.reason[..fits].into() }
    }

    /// The bytes of the Close frame that `from` sends. A client's is masked, with a mask that
    /// tungstenite draws.
    pub(crate) fn encode(&self, from: Peer) -> Bytes {
        let role = match from {
            Peer::Client => Role::Client,
            Peer::Server => Role::Server,
        };
        let config = WebSocketConfig::default().read_buffer_size(0).write_buffer_size(0);
        let memory = Cursor::new(Vec::new());
        let mut socket = WebSocket::from_raw_socket(memory, role, Some(config));
        // Writing to memory doesn't fail.
        let _ = socket.close(Some(self.to_frame()));
        socket.into_inner().into_inner().into()
    }
}

impl From<Violation> for CloseReason {
    fn from(violation: Violation) -> Self {
        Self::new(violation.close_code(), violation.message())
    }
}

/// How much is carried, and how long a goodbye may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the longest message from the client.
    pub from_client: usize,
    /// Bytes of the longest message from the guarded server.
    pub from_server: usize,
    /// How long one side may outlive the other, and how long a frame under way, a Close frame and
    /// its answer may take together. After `ended` nothing is left open for longer than this.
    pub goodbye: Duration,
}

impl Default for Limits {
    /// 1 MiB from the client, 16 MiB from the guarded server, 2 seconds.
    fn default() -> Self {
        //= req: WS-1
        Self { from_client: 1 << 20, from_server: 16 << 20, goodbye: Duration::from_secs(2) }
    }
}

impl Limits {
    /// The limit on messages of one end.
    #[must_use]
    pub const fn of(&self, from: Peer) -> u64 {
        match from {
            Peer::Client => self.from_client as u64,
            Peer::Server => self.from_server as u64,
        }
    }
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// With a closing handshake.
    Closed {
        /// Who began it.
        by: Peer,
        /// Their close code, if they gave one.
        code: Option<u16>,
    },
    /// Without one: the stream just ended, or broke.
    Dropped {
        /// Whose stream.
        by: Peer,
        /// What broke it.
        error: Option<ErrorKind>,
    },
    /// Because somebody sent what may not be sent.
    Violation {
        /// Who did.
        by: Peer,
        /// What it was.
        violation: Violation,
    },
    /// Because the `ended` future said so: revocation, expiry, drain.
    Ended(CloseReason),
}

/// What went over a connection, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Bytes from the client, frame headers included, that were passed on.
    pub from_client: u64,
    /// Bytes to the client, frame headers included.
    pub from_server: u64,
    /// How it ended.
    pub end: End,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_says_it_in_the_clear() {
        let frame = CloseReason::new(4403, "session revoked").encode(Peer::Server);
        assert_eq!(&frame[..], b"\x88\x11\x11\x33session revoked");
    }

    #[test]
    fn a_client_says_it_under_a_mask() {
        let frame = CloseReason::going_away("client left").encode(Peer::Client);
        assert_eq!(frame[..2], [0x88, 0x80 | 13]);
        let (mask, payload) = frame[2..].split_at(4);
        let clear: Vec<u8> = payload.iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b).collect();
        assert_eq!(clear, b"\x03\xe9client left");
    }

    #[test]
    fn what_may_not_be_sent_is_not() {
        for code in [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, u16::MAX] {
            assert_eq!(CloseReason::new(code, "").to_frame().code, CloseCode::Error, "{code}");
        }
        for code in [1000, 1001, 1013, 4401, 4403] {
            assert_eq!(u16::from(CloseReason::new(code, "").to_frame().code), code);
        }
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let frame = CloseReason::new(4400, "ä".repeat(100)).encode(Peer::Server);
        assert_eq!(frame[..2], [0x88, 124]);
        assert_eq!(str::from_utf8(&frame[4..]), Ok(&*"ä".repeat(61)));
    }
}
