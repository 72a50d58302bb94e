//! Where frames begin and end in a stream of bytes, and which of them are lawful (RFC 6455,
//! section 5), without holding a single byte of payload.

use std::fmt;

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

/// The longest header: two bytes, eight of length, four of mask.
pub(crate) const MAX_HEADER: usize = 14;
/// The longest payload of a control frame (RFC 6455, section 5.5).
pub(crate) const MAX_CONTROL: u64 = 125;

/// An end of a WebSocket connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// The one that asked for the upgrade. Its frames are masked.
    Client,
    /// The one that granted it: the guarded server, or Doorward itself. Its frames are not masked.
    Server,
}

impl Peer {
    /// The other end.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// What a peer did that RFC 6455 or the limit on messages forbids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Violation {
    /// A reserved bit is set, though no extension was negotiated (section 5.2).
    ReservedBits,
    /// An opcode that means nothing (section 5.2).
    UnknownOpcode,
    /// A client's frame without a mask (section 5.1).
    Unmasked,
    /// A server's frame with a mask (section 5.1).
    Masked,
    /// A length with its highest bit set, 2^63 or more (section 5.2).
    Length,
    /// A control frame in fragments (section 5.5).
    FragmentedControl,
    /// A control frame with more than 125 bytes of payload (section 5.5).
    LongControl,
    /// A Close frame with half a code (section 5.5.1).
    ShortClose,
    /// A continuation with nothing to continue (section 5.4).
    UnexpectedContinuation,
    /// A new message inside a fragmented one (section 5.4).
    Interleaved,
    /// Text, or the reason of a Close frame, that is not UTF-8 (section 8.1). Only an end point
    /// notices: a relay doesn't look into payloads.
    NotUtf8,
    /// A frame, or the fragments of a message together, longer than the limit.
    TooBig,
}

impl Violation {
    /// The close code that says so (RFC 6455, section 7.4.1).
    #[must_use]
    pub const fn close_code(self) -> u16 {
        match self {
            Self::TooBig => 1009,
            Self::NotUtf8 => 1007,
            Self::ReservedBits
            | Self::UnknownOpcode
            | Self::Unmasked
            | Self::Masked
            | Self::Length
            | Self::FragmentedControl
            | Self::LongControl
            | Self::ShortClose
            | Self::UnexpectedContinuation
            | Self::Interleaved => 1002,
        }
    }

    /// One sentence, short enough for a Close frame's reason.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::ReservedBits => "a reserved bit is set",
            Self::UnknownOpcode => "unknown opcode",
            Self::Unmasked => "a client's frame must be masked",
            Self::Masked => "a server's frame must not be masked",
            Self::Length => "a frame's length has its highest bit set",
            Self::FragmentedControl => "a control frame is fragmented",
            Self::LongControl => "a control frame is longer than 125 bytes",
            Self::ShortClose => "a Close frame holds half a code",
            Self::UnexpectedContinuation => "a continuation with nothing to continue",
            Self::Interleaved => "a new message inside a fragmented one",
            Self::NotUtf8 => "text that is not UTF-8",
            Self::TooBig => "a message is longer than the limit",
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for Violation {}

/// A Close frame that went by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Close {
    /// Its code, where it held one.
    pub code: Option<u16>,
}

/// Follows the frames that one peer sends.
///
/// Each byte is judged before it is passed on or kept: [`scan`](Self::scan) says how many of the
/// bytes at hand may go on. A header goes on only as a whole and only if its frame is lawful, so
/// that a receiver never sees the beginning of one that isn't, and there is always room to write a
/// Close frame to it. Payload goes on as it comes, in whatever pieces.
///
/// ```
/// use doorward_websocket::{FrameScanner, Peer, Violation};
///
/// let mut scanner = FrameScanner::new(Peer::Server, 5);
/// // A text frame of 5 bytes, and the beginning of a second frame's header.
/// assert_eq!(scanner.scan(b"\x81\x05hello\x82"), 7);
/// assert!(scanner.at_boundary());
/// // The byte that was not passed on comes again, with more behind it.
/// assert_eq!(scanner.scan(b"\x82\x06"), 0);
/// assert_eq!(scanner.violation(), Some(Violation::TooBig));
/// ```
#[derive(Clone, Debug)]
pub struct FrameScanner {
    from: Peer,
    limit: u64,
    /// Bytes of the current frame's payload that are still to come.
    remaining: u64,
    /// Length so far of the message whose fragments are being sent.
    fragments: Option<u64>,
    /// Whether the current frame, or the last one, is a message's.
    in_message: bool,
    /// Whether any of a message was passed on since this was last asked.
    message_passed: bool,
    /// The Close frame that is going by.
    closing: Option<Closing>,
    close: Option<Close>,
    violation: Option<Violation>,
}

/// A Close frame whose payload has not all come yet.
#[derive(Clone, Copy, Debug)]
struct Closing {
    mask: [u8; 2],
    code: [u8; 2],
    seen: u8,
}

impl FrameScanner {
    /// At the beginning of what `from` sends after the handshake. No frame and no message may be
    /// longer than `limit` bytes of payload; control frames have their own limit.
    #[must_use]
    pub const fn new(from: Peer, limit: u64) -> Self {
        Self {
            from,
            limit,
            remaining: 0,
            fragments: None,
            in_message: false,
            message_passed: false,
            closing: None,
            close: None,
            violation: None,
        }
    }

    /// How many of these bytes may be passed on.
    ///
    /// `input` begins with the first byte that was not passed on so far. What isn't passed is the
    /// beginning of a header, at most 13 bytes, and belongs at the front of the next `input`;
    /// unless the scanner has halted, at a [`violation`](Self::violation) or after a
    /// [`close`](Self::close), from where nothing is passed any more.
    #[must_use]
    pub fn scan(&mut self, input: &[u8]) -> usize {
        let mut passed = 0;
        loop {
            let step = self.step(&input[passed..]);
            if step == 0 {
                return passed;
            }
            passed += step;
        }
    }

    /// As [`scan`](Self::scan), but not beyond the end of the current frame (of the first one, if
    /// none has begun).
    #[must_use]
    pub fn step(&mut self, input: &[u8]) -> usize {
        if self.has_halted() {
            return 0;
        }
        let mut passed = 0;
        if self.at_boundary() {
            passed = self.header(input);
            if passed == 0 {
                return 0;
            }
        }
        passed += self.payload(&input[passed..]);
        if self.at_boundary()
            && let Some(closing) = self.closing
        {
            let code = (closing.seen == 2).then_some(u16::from_be_bytes(closing.code));
            self.close = Some(Close { code });
        }
        passed
    }

    /// Whether what was passed on ends with a whole frame, so that another sender's frame may
    /// follow.
    #[must_use]
    pub const fn at_boundary(&self) -> bool {
        self.remaining == 0
    }

    /// Whether what was passed on ends with a whole message.
    #[must_use]
    pub const fn between_messages(&self) -> bool {
        self.at_boundary() && self.fragments.is_none()
    }

    /// Bytes of the current frame's payload that are still to come.
    #[must_use]
    pub const fn remaining(&self) -> u64 {
        self.remaining
    }

    /// The Close frame, once all of it went by. It is the last thing that is passed on.
    #[must_use]
    pub const fn close(&self) -> Option<Close> {
        self.close
    }

    /// What was wrong with the frame that comes next.
    #[must_use]
    pub const fn violation(&self) -> Option<Violation> {
        self.violation
    }

    /// Whether nothing is passed on any more.
    #[must_use]
    pub const fn has_halted(&self) -> bool {
        self.close.is_some() || self.violation.is_some()
    }

    /// Whether any of a message was passed on since this was last asked.
    pub(crate) const fn take_message_passed(&mut self) -> bool {
        std::mem::replace(&mut self.message_passed, false)
    }

    /// The size of the header that `input` begins with; 0 while it is incomplete or unlawful.
    fn header(&mut self, input: &[u8]) -> usize {
        if input.len() < 2 {
            return 0;
        }
        // Zeros stand in for what hasn't come yet. All that is checked besides the length is in
        // the first two bytes, and the length can only come out too small: what is refused now
        // would be refused with every ending, and a peer that stops short is answered all the same.
        let mut padded = [0; MAX_HEADER];
        let bytes = input.first_chunk().unwrap_or_else(|| {
            padded[..input.len()].copy_from_slice(input);
            &padded
        });
        let (header, length, size) = parse(bytes);
        if let Err(violation) = self.verify(&header, length) {
            self.violation = Some(violation);
            return 0;
        }
        if size > input.len() {
            return 0;
        }
        self.begin(&header, length);
        size
    }

    //= req: WS-2
    /// Whether a frame may come here.
    fn verify(&self, header: &FrameHeader, length: u64) -> Result<(), Violation> {
        if matches!(
            header.opcode,
            OpCode::Data(Data::Reserved(_)) | OpCode::Control(Control::Reserved(_))
        ) {
            return Err(Violation::UnknownOpcode);
        }
        if header.rsv1 || header.rsv2 || header.rsv3 {
            return Err(Violation::ReservedBits);
        }
        match (self.from, header.mask) {
            (Peer::Client, None) => return Err(Violation::Unmasked),
            (Peer::Server, Some(_)) => return Err(Violation::Masked),
            (Peer::Client, Some(_)) | (Peer::Server, None) => {}
        }
        // What the first two bytes tell comes before what the length tells, so that the answer
        // doesn't depend on how much of the header has come.
        match (header.opcode, self.fragments) {
            (OpCode::Control(_), _) if !header.is_final => Err(Violation::FragmentedControl),
            (OpCode::Control(_), _) if length > MAX_CONTROL => Err(Violation::LongControl),
            (OpCode::Control(Control::Close), _) if length == 1 => Err(Violation::ShortClose),
            (OpCode::Control(_), _) => Ok(()),
            (OpCode::Data(Data::Continue), None) => Err(Violation::UnexpectedContinuation),
            (OpCode::Data(Data::Text | Data::Binary), Some(_)) => Err(Violation::Interleaved),
            (OpCode::Data(_), _) if length >> 63 != 0 => Err(Violation::Length),
            //= req: WS-1
            (OpCode::Data(_), so_far) => match so_far.unwrap_or(0).checked_add(length) {
                Some(message) if message <= self.limit => Ok(()),
                _ => Err(Violation::TooBig),
            },
        }
    }

    fn begin(&mut self, header: &FrameHeader, length: u64) {
        self.remaining = length;
        self.in_message = matches!(header.opcode, OpCode::Data(_));
        self.message_passed |= self.in_message;
        match header.opcode {
            OpCode::Control(Control::Close) => {
                let [first, second, ..] = header.mask.unwrap_or_default();
                self.closing = Some(Closing { mask: [first, second], code: [0; 2], seen: 0 });
            }
            OpCode::Control(_) => {}
            OpCode::Data(_) if header.is_final => self.fragments = None,
            OpCode::Data(_) => {
                let so_far = self.fragments.unwrap_or(0);
                self.fragments = Some(so_far.saturating_add(length));
            }
        }
    }

    fn payload(&mut self, input: &[u8]) -> usize {
        let here = usize::try_from(self.remaining).unwrap_or(usize::MAX).min(input.len());
        if let Some(closing) = &mut self.closing {
            for byte in input[..here].iter().take(2 - usize::from(closing.seen)) {
                let at = usize::from(closing.seen);
                closing.code[at] = byte ^ closing.mask[at];
                closing.seen += 1;
            }
        }
        self.remaining -= here as u64;
        self.message_passed |= self.in_message && here > 0;
        here
    }
}

/// A header, the payload's length and the header's own.
///
/// tungstenite would read it as well, for three times as much: it copies each part out of a stream.
fn parse(bytes: &[u8; MAX_HEADER]) -> (FrameHeader, u64, usize) {
    let [first, second, a, b, c, d, e, f, g, h, rest @ ..] = *bytes;
    let (length, mask, size) = match second & 0x7f {
        126 => (u16::from_be_bytes([a, b]).into(), [c, d, e, f], 4),
        127 => (u64::from_be_bytes([a, b, c, d, e, f, g, h]), rest, 10),
        short => (short.into(), [a, b, c, d], 2),
    };
    let masked = second & 0x80 != 0;
    let header = FrameHeader {
        is_final: first & 0x80 != 0,
        rsv1: first & 0x40 != 0,
        rsv2: first & 0x20 != 0,
        rsv3: first & 0x10 != 0,
        opcode: OpCode::from(first & 0x0f),
        mask: masked.then_some(mask),
    };
    (header, length, if masked { size + 4 } else { size })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn a_header_reads_as_tungstenite_reads_it() {
        for [first, second] in (0..=u16::MAX).map(u16::to_be_bytes) {
            let bytes = [first, second, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13];
            let mut cursor = Cursor::new(bytes);
            let theirs = FrameHeader::parse(&mut cursor).ok().flatten();
            let (header, length, size) = parse(&bytes);
            match theirs {
                Some(theirs) => {
                    assert_eq!((header, length), theirs);
                    assert_eq!(size as u64, cursor.position());
                }
                None => assert!(matches!(
                    header.opcode,
                    OpCode::Data(Data::Reserved(_)) | OpCode::Control(Control::Reserved(_))
                )),
            }
        }
    }
}
