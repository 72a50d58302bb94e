//! WebSocket frames (RFC 6455, section 5.2), as far as an attack needs them.

/// The first byte of a ping.
pub(super) const PING: u8 = 0x89;
const CLOSE: u8 = 0x8;
const PONG: u8 = 0xa;

/// A frame as clients send it, under a mask of zeros: it shows what is in it.
pub(crate) fn client_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ ..126), _) => frame.push(0x80 | length),
        (_, Ok(length)) => {
            frame.push(0x80 | 126);
            frame.extend(length.to_be_bytes());
        }
        _ => {
            frame.push(0x80 | 127);
            frame.extend((payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// What a server's frame says of the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// It is alive and has taken everything before our ping.
    Pong,
    /// It ends, with this code and reason.
    Close(Option<u16>, String),
    /// Something else.
    Other,
}

/// Takes the first frame off these bytes; `None` while it isn't whole.
pub(super) fn take(bytes: &mut Vec<u8>) -> Option<Heard> {
    let first = *bytes.first()?;
    let second = *bytes.get(1)?;
    let (extended, mut at) = match second & 0x7f {
        126 => (Some(bytes.get(2..4)?), 4),
        127 => (Some(bytes.get(2..10)?), 10),
        _ => (None, 2_usize),
    };
    let length = match extended {
        None => u64::from(second & 0x7f),
        Some(digits) => digits.iter().fold(0, |length, &byte| (length << 8) | u64::from(byte)),
    };
    if second & 0x80 != 0 {
        // No server masks; where one does, its mask is passed over.
        at = at.checked_add(4)?;
    }
    let end = at.checked_add(usize::try_from(length).ok()?)?;
    let payload = bytes.get(at..end)?.to_vec();
    bytes.drain(..end);
    Some(match first & 0xf {
        PONG => Heard::Pong,
        CLOSE => {
            let code = payload.first_chunk::<2>().map(|code| u16::from_be_bytes(*code));
            let reason = payload.get(2..).unwrap_or_default();
            Heard::Close(code, String::from_utf8_lossy(reason).into_owned())
        }
        _ => Heard::Other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_taken_whole_and_in_order() {
        let mut bytes = vec![0x81, 2, b'h', b'i', 0x8a, 0, 0x88, 2, 0x11, 0x33];
        let heard: Vec<_> = std::iter::from_fn(|| take(&mut bytes)).collect();
        let close = Heard::Close(Some(4403), String::new());
        assert_eq!(heard, [Heard::Other, Heard::Pong, close]);
        let mut cut = vec![0x82, 126, 1, 0, 7];
        assert_eq!(take(&mut cut), None);
        assert_eq!(cut.len(), 5);
    }

    #[test]
    fn lengths_are_written_in_the_shortest_form() {
        assert_eq!(client_frame(PING, b"ab"), [0x89, 0x82, 0, 0, 0, 0, b'a', b'b']);
        assert_eq!(client_frame(0x81, &[b'a'; 126])[..4], [0x81, 0xfe, 0, 126]);
        assert_eq!(client_frame(0x81, &[0; 65_536])[..4], [0x81, 0xff, 0, 0]);
    }
}
