//! What a QUIC server tells a client beside the hello: when the session ends. A notice is all there
//! is on a unidirectional stream of its own. `docs/quic-hello.md` is the specification.
//!
//! ```text
//! frame  = length u16, body            big-endian, as for a hello
//! notice = version u8 = 1
//!          kind u8                     1 the session ends
//!          left u32                    in so many seconds
//!          absolute u8                 0, or 1: nothing moves that end on
//! ```
//!
//! Nothing may follow.

use crate::hello::PREFIX;

const VERSION: u8 = 1;
const ENDING: u8 = 1;
/// The bytes of a body.
const BODY: u8 = 7;

/// When a session ends, as its client is told. More than five minutes say that an end which it was
/// told before has moved on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notice {
    /// How many seconds are left.
    pub left: u32,
    /// Whether that is the absolute end, which neither use nor a renewal moves on.
    pub absolute: bool,
}

impl Notice {
    /// The bytes of a whole frame.
    pub const FRAME: usize = PREFIX + BODY as usize;

    /// Parses the body of a frame; `None` for whatever isn't exactly one notice of a kind that is
    /// known.
    #[must_use]
    pub const fn parse(body: &[u8]) -> Option<Self> {
        let &[VERSION, ENDING, a, b, c, d, absolute @ (0 | 1)] = body else { return None };
        Some(Self { left: u32::from_be_bytes([a, b, c, d]), absolute: absolute == 1 })
    }

    /// The whole frame.
    #[must_use]
    pub const fn frame(&self) -> [u8; Self::FRAME] {
        let [a, b, c, d] = self.left.to_be_bytes();
        [0, BODY, VERSION, ENDING, a, b, c, d, self.absolute as u8]
    }
}
