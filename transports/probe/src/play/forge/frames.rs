//! What a server's frames say (RFC 9000, section 19).

use super::wire::Reader;

/// A frame, as far as an attack looks at it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    /// A part of the handshake.
    Crypto(u64, &'a [u8]),
    /// Something on a stream.
    Stream,
    /// Everything up to this packet number may have come.
    Ack(u64),
    /// The end, with this code; by the application or by QUIC itself.
    Close {
        code: u64,
        application: bool,
    },
    Other,
}

/// The next frame; `None` at the end, and for one that no server sends.
pub(super) fn next<'a>(reader: &mut Reader<'a>) -> Option<Frame<'a>> {
    let kind = reader.varint()?;
    let skip =
        |reader: &mut Reader<'a>, count| (0..count).try_for_each(|_| reader.varint().map(drop));
    Some(match kind {
        0x00 | 0x01 | 0x1e => Frame::Other,
        0x02 | 0x03 => {
            let largest = reader.varint()?;
            reader.varint()?;
            let ranges = reader.varint()?;
            skip(reader, 1)?;
            for _ in 0..ranges {
                skip(reader, 2)?;
            }
            skip(reader, if kind == 0x03 { 3 } else { 0 })?;
            Frame::Ack(largest)
        }
        0x06 => {
            let offset = reader.varint()?;
            Frame::Crypto(offset, counted(reader)?)
        }
        0x07 => {
            counted(reader)?;
            Frame::Other
        }
        0x08..=0x0f => {
            skip(reader, if kind & 0x04 == 0 { 1 } else { 2 })?;
            match kind & 0x02 {
                0 => drop(reader.take(reader.rest.len())?),
                _ => drop(counted(reader)?),
            }
            Frame::Stream
        }
        0x18 => {
            skip(reader, 2)?;
            let length = reader.byte()?;
            reader.take(usize::from(length) + 16)?;
            Frame::Other
        }
        0x1a | 0x1b => {
            reader.take(8)?;
            Frame::Other
        }
        0x1c | 0x1d => {
            let code = reader.varint()?;
            Frame::Close { code, application: kind == 0x1d }
        }
        0x04 => {
            skip(reader, 3)?;
            Frame::Other
        }
        0x05 | 0x11 | 0x15 => {
            skip(reader, 2)?;
            Frame::Other
        }
        0x10 | 0x12..=0x14 | 0x16 | 0x17 | 0x19 => {
            skip(reader, 1)?;
            Frame::Other
        }
        _ => return None,
    })
}

fn counted<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let length = reader.varint()?;
    reader.take(usize::try_from(length).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_told_apart() {
        let mut bytes = vec![0x00, 0x02, 0x05, 0x00, 0x01, 0x00, 0x01, 0x02];
        bytes.extend([0x06, 0x01, 0x02, b'h', b'i', 0x18, 0x01, 0x00, 0x01, 0xaa]);
        bytes.extend([0; 16]);
        bytes.extend([0x0a, 0x00, 0x01, b'x', 0x1c, 0x40, 0x07, 0x00, 0x00]);
        let mut reader = Reader::new(&bytes);
        let frames: Vec<_> = std::iter::from_fn(|| next(&mut reader)).take(6).collect();
        let close = Frame::Close { code: 7, application: false };
        assert_eq!(
            frames,
            [
                Frame::Other,
                Frame::Ack(5),
                Frame::Crypto(1, b"hi"),
                Frame::Other,
                Frame::Stream,
                close
            ]
        );
    }
}
