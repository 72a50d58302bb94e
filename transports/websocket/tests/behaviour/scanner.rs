//! The scanner: every rule by hand, every way of cutting, and tungstenite as the model.

use std::io::{Cursor, Read, Write};

use crate::support::{BINARY, CLOSE, CONTINUE, FIN, PING, TEXT, clear, header, masked};
use doorward_websocket::{Close, FrameScanner, Peer, Violation};
use proptest::collection::vec;
use proptest::prelude::*;
use tungstenite::Error;
use tungstenite::error::ProtocolError;
use tungstenite::protocol::{Message, Role, WebSocket, WebSocketConfig};

const LIMIT: u64 = 300;

/// What a scanner made of some bytes.
#[derive(Debug, PartialEq)]
struct Seen {
    passed: usize,
    close: Option<Close>,
    violation: Option<Violation>,
    boundary: bool,
    between: bool,
}

/// Scans bytes that arrive in these pieces, carrying on as a caller has to.
fn scan_in(pieces: &[&[u8]], from: Peer, limit: u64) -> Seen {
    let mut scanner = FrameScanner::new(from, limit);
    let (mut passed, mut held) = (0, Vec::new());
    for piece in pieces {
        held.extend_from_slice(piece);
        let pass = scanner.scan(&held);
        held.drain(..pass);
        passed += pass;
        if !scanner.has_halted() {
            assert!(held.len() <= 13, "only the beginning of a header is held back");
        }
    }
    Seen {
        passed,
        close: scanner.close(),
        violation: scanner.violation(),
        boundary: scanner.at_boundary(),
        between: scanner.between_messages(),
    }
}

fn scan(bytes: &[u8], from: Peer) -> Seen {
    scan_in(&[bytes], from, LIMIT)
}

/// The frame is refused with this, nothing of it is passed, and what comes before it is.
#[track_caller]
fn refused(before: &[u8], frame: &[u8], from: Peer, why: Violation) {
    let bytes = [before, frame].concat();
    let seen = scan(&bytes, from);
    assert_eq!((seen.violation, seen.passed), (Some(why), before.len()));
    assert!(seen.boundary, "a Close frame may be written to the receiver");
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(scan_in(&single, from, LIMIT), seen);
}

#[test]
fn reserved_bits_are_refused() {
    for bit in [0x40, 0x20, 0x10] {
        refused(b"", &masked(FIN | bit | TEXT, b"a"), Peer::Client, Violation::ReservedBits);
        refused(b"", &clear(FIN | bit | TEXT, b"a"), Peer::Server, Violation::ReservedBits);
    }
}

#[test]
fn unknown_opcodes_are_refused() {
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        refused(b"", &masked(FIN | opcode, b"a"), Peer::Client, Violation::UnknownOpcode);
    }
}

#[test]
fn clients_mask_and_servers_do_not() {
    refused(b"", &clear(FIN | TEXT, b"a"), Peer::Client, Violation::Unmasked);
    refused(b"", &clear(FIN | PING, b""), Peer::Client, Violation::Unmasked);
    refused(b"", &masked(FIN | TEXT, b"a"), Peer::Server, Violation::Masked);
    refused(b"", &masked(FIN | PING, b""), Peer::Server, Violation::Masked);
}

#[test]
fn control_frames_are_short_and_whole() {
    for opcode in [CLOSE, PING, 10] {
        refused(b"", &masked(opcode, b"ab"), Peer::Client, Violation::FragmentedControl);
        let long = [b'a'; 126];
        refused(b"", &masked(FIN | opcode, &long), Peer::Client, Violation::LongControl);
        let seen = scan(&masked(FIN | opcode, &long[..125]), Peer::Client);
        assert_eq!(seen.violation, None);
    }
}

#[test]
fn continuations_continue_and_messages_do_not_interleave() {
    let start = masked(TEXT, b"a");
    refused(b"", &masked(CONTINUE, b"a"), Peer::Client, Violation::UnexpectedContinuation);
    refused(b"", &masked(FIN | CONTINUE, b"a"), Peer::Client, Violation::UnexpectedContinuation);
    let whole = [start.clone(), masked(FIN | CONTINUE, b"b")].concat();
    refused(&whole, &masked(FIN | CONTINUE, b""), Peer::Client, Violation::UnexpectedContinuation);
    for opcode in [TEXT, BINARY, FIN | TEXT, FIN | BINARY] {
        refused(&start, &masked(opcode, b"a"), Peer::Client, Violation::Interleaved);
    }
}

#[test]
fn control_frames_come_between_fragments() {
    let bytes =
        [masked(TEXT, b"a"), masked(FIN | PING, b"p"), masked(FIN | CONTINUE, b"b")].concat();
    let seen = scan(&bytes, Peer::Client);
    assert_eq!((seen.passed, seen.violation, seen.between), (bytes.len(), None, true));
    let seen = scan(&bytes[..bytes.len() - 8], Peer::Client);
    assert!(!seen.between);
}

#[test]
fn half_a_close_code_is_refused() {
    refused(b"", &masked(FIN | CLOSE, b"\x03"), Peer::Client, Violation::ShortClose);
}

//= req: WS-1, type=test
#[test]
fn lengths_are_bounded_before_any_payload() {
    let limit = LIMIT as usize;
    let exact = vec![0; limit];
    assert_eq!(scan(&masked(FIN | BINARY, &exact), Peer::Client).violation, None);
    for length in [LIMIT + 1, 0xffff, 0x1_0000, u64::from(u32::MAX) + 1, (1 << 63) - 1] {
        refused(b"", &header(FIN | BINARY, true, length), Peer::Client, Violation::TooBig);
        refused(b"", &header(FIN | BINARY, false, length), Peer::Server, Violation::TooBig);
    }
    for length in [1 << 63, (1 << 63) + 1, u64::MAX] {
        refused(b"", &header(FIN | BINARY, true, length), Peer::Client, Violation::Length);
    }
}

#[test]
fn the_longest_lengths_do_not_overflow() {
    // Nothing is too big here, and yet nothing wraps around.
    let start = header(BINARY, false, 1);
    for length in [(1 << 63) - 1, 1 << 63, u64::MAX] {
        let bytes = [&start[..], b"a", &header(FIN | CONTINUE, false, length)].concat();
        let seen = scan_in(&[&bytes], Peer::Server, u64::MAX);
        let lawful = length >> 63 == 0;
        assert_eq!(seen.violation, (!lawful).then_some(Violation::Length));
    }
    let mut scanner = FrameScanner::new(Peer::Server, (1 << 63) - 1);
    assert_eq!(scanner.scan(&header(FIN | BINARY, false, (1 << 63) - 1)), 10);
    assert_eq!(scanner.remaining(), (1 << 63) - 1);
    assert_eq!(scanner.scan(&[0; 4096]), 4096);
}

#[test]
fn a_peer_that_stops_in_the_length_is_answered() {
    // 0xFF: masked, 8 bytes of length. The mask never comes.
    let bytes = [&[FIN | TEXT, 0xff][..], &[0xff; 8]].concat();
    assert_eq!(scan(&bytes, Peer::Client).violation, Some(Violation::Length));
    assert_eq!(scan(&bytes[..3], Peer::Client).violation, Some(Violation::Length));
    assert_eq!(scan(&bytes[..2], Peer::Client).violation, None);
    let too_big = [FIN | TEXT, 0xff, 0, 0, 0, 0, 1];
    assert_eq!(scan(&too_big, Peer::Client).violation, Some(Violation::TooBig));
}

//= req: WS-1, type=test
#[test]
fn fragments_count_together() {
    let half = vec![0; LIMIT as usize / 2];
    let start = [masked(BINARY, &half), masked(CONTINUE, &half)].concat();
    assert_eq!(scan(&start, Peer::Client).violation, None);
    refused(&start, &masked(CONTINUE, b"a"), Peer::Client, Violation::TooBig);
    refused(&start, &masked(FIN | CONTINUE, b"a"), Peer::Client, Violation::TooBig);
    // The next message starts from nothing.
    let next = [start, masked(FIN | CONTINUE, b""), masked(FIN | BINARY, &half)].concat();
    assert_eq!(scan(&next, Peer::Client).violation, None);
}

#[test]
fn a_close_frame_is_the_last() {
    for (payload, code) in
        [(&b""[..], None), (&b"\x03\xe8"[..], Some(1000)), (&b"\x11\x33revoked"[..], Some(4403))]
    {
        let close = masked(FIN | CLOSE, payload);
        let bytes = [close.clone(), masked(FIN | TEXT, b"more"), vec![0xff; 20]].concat();
        let seen = scan(&bytes, Peer::Client);
        assert_eq!((seen.passed, seen.violation), (close.len(), None));
        assert_eq!(seen.close, Some(Close { code }));
        let seen = scan(&close[..close.len() - 1], Peer::Client);
        assert_eq!(seen.close, None, "not before all of it went by");
        let seen = scan(&clear(FIN | CLOSE, payload), Peer::Server);
        assert_eq!(seen.close, Some(Close { code }));
    }
}

#[test]
fn a_step_ends_with_its_frame() {
    let bytes =
        [clear(FIN | TEXT, b"one"), clear(FIN | TEXT, b""), clear(FIN | TEXT, b"3")].concat();
    let mut scanner = FrameScanner::new(Peer::Server, LIMIT);
    assert_eq!(scanner.step(&bytes), 5);
    assert_eq!(scanner.step(&bytes[5..]), 2);
    assert_eq!(scanner.step(&bytes[7..8]), 0);
    assert_eq!(scanner.step(&bytes[7..9]), 2);
    assert!(!scanner.at_boundary());
    assert_eq!(scanner.step(&bytes[9..]), 1);
}

/// Frames, mostly lawful ones, one of whose properties may be off.
fn frames(from: Peer) -> impl Strategy<Value = Vec<u8>> {
    let frame = (
        prop_oneof![
            12 => Just(FIN | TEXT), 8 => Just(FIN | BINARY), 8 => Just(BINARY),
            8 => Just(CONTINUE), 8 => Just(FIN | CONTINUE), 8 => Just(FIN | PING),
            4 => Just(FIN | 10), 4 => Just(FIN | CLOSE), 1 => any::<u8>(),
        ],
        prop_oneof![20 => Just(None), 1 => any::<bool>().prop_map(Some)],
        // ASCII, so that text and reasons are lawful.
        prop_oneof![
            12 => vec(0x20..0x7f_u8, 0..20), 1 => vec(0x20..0x7f_u8, 100..140),
            1 => vec(0x20..0x7f_u8, 280..320),
        ],
    )
        .prop_map(move |(first, mask, payload)| {
            if mask.unwrap_or(from == Peer::Client) {
                masked(first, &payload)
            } else {
                clear(first, &payload)
            }
        });
    vec(frame, 0..12).prop_map(|frames| frames.concat())
}

fn peer() -> impl Strategy<Value = Peer> {
    prop_oneof![Just(Peer::Client), Just(Peer::Server)]
}

fn frames_of_any() -> impl Strategy<Value = (Peer, Vec<u8>)> {
    peer().prop_flat_map(|from| (Just(from), frames(from)))
}

struct Memory(Cursor<Vec<u8>>);

impl Read for Memory {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buf)
    }
}

impl Write for Memory {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        Ok(buf.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What tungstenite says: whether it refused something, and the code of a Close frame.
fn model(bytes: &[u8], from: Peer) -> (bool, Option<Option<u16>>) {
    let role = if from == Peer::Client { Role::Server } else { Role::Client };
    let limit = Some(LIMIT as usize);
    let config = WebSocketConfig::default().max_message_size(limit).max_frame_size(limit);
    let memory = Memory(Cursor::new(bytes.to_vec()));
    let mut socket = WebSocket::from_raw_socket(memory, role, Some(config));
    loop {
        match socket.read() {
            Ok(Message::Close(frame)) => {
                return (false, Some(frame.map(|frame| frame.code.into())));
            }
            Ok(_) => {}
            Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => {
                return (false, None);
            }
            Err(_) => return (true, None),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    //= req: WS-2, type=property
    #[test]
    fn every_way_of_cutting_is_the_same(
        (from, bytes) in frames_of_any(),
        mut cuts in vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let whole = scan(&bytes, from);
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(&scan_in(&single, from, LIMIT), &whole);

        cuts.sort_by_key(|cut| cut.index(bytes.len() + 1));
        let (mut pieces, mut at) = (Vec::new(), 0);
        for cut in cuts.iter().map(|cut| cut.index(bytes.len() + 1)) {
            pieces.push(&bytes[at..cut]);
            at = cut;
        }
        pieces.push(&bytes[at..]);
        prop_assert_eq!(&scan_in(&pieces, from, LIMIT), &whole);
    }

    //= req: WS-1, WS-2, type=property
    #[test]
    fn tungstenite_agrees((from, bytes) in frames_of_any()) {
        let seen = scan(&bytes, from);
        let (refused, close) = model(&bytes, from);
        prop_assert_eq!(seen.violation.is_some(), refused);
        // tungstenite answers a code that may not be sent with 1002.
        if let (Some(close), Some(code)) = (seen.close, close) {
            prop_assert!(close.code == code || code == Some(1002));
        }
        prop_assert_eq!(seen.close.is_some(), close.is_some());
        // And what was passed is lawful to the last byte.
        let (refused, _) = model(&bytes[..seen.passed], from);
        prop_assert!(!refused);
    }

    //= req: WS-2, type=property
    #[test]
    fn no_bytes_make_it_panic(from in peer(), bytes in vec(any::<u8>(), 0..200), limit: u64) {
        let seen = scan_in(&[&bytes], from, limit);
        prop_assert!(seen.passed <= bytes.len());
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(scan_in(&single, from, limit), seen);
    }
}
