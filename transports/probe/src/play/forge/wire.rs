//! QUIC packets as bytes (RFC 9000, section 17), written and read without a library that knows
//! better.

use rustls::Error;
use rustls::quic::DirectionalKeys;

/// The bytes of a packet number, in every packet of ours.
const NUMBER: usize = 4;
/// The bytes that headers are protected with (RFC 9001, section 5.4.2).
const SAMPLE: usize = 16;
const VERSION: [u8; 4] = [0, 0, 0, 1];

/// Which keys a packet is under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Initial,
    Handshake,
    Data,
}

/// The header of a packet of ours.
pub(super) struct Header<'a> {
    pub(super) level: Level,
    pub(super) to: &'a [u8],
    pub(super) from: &'a [u8],
    /// Of an Initial packet.
    pub(super) token: &'a [u8],
    pub(super) number: u32,
}

/// A packet with this payload, under these keys.
pub(super) fn seal(
    header: &Header<'_>,
    payload: &[u8],
    keys: &DirectionalKeys,
) -> Result<Vec<u8>, Error> {
    let mut packet = Vec::new();
    let kind = match header.level {
        Level::Initial => Some(0x00),
        Level::Handshake => Some(0x20),
        Level::Data => None,
    };
    match kind {
        Some(kind) => {
            packet.push(0xc3 | kind);
            packet.extend(VERSION);
            for id in [header.to, header.from] {
                packet.push(u8::try_from(id.len()).unwrap_or(u8::MAX));
                packet.extend(id);
            }
            if header.level == Level::Initial {
                varint(&mut packet, header.token.len());
                packet.extend(header.token);
            }
            varint(&mut packet, NUMBER + payload.len() + keys.packet.tag_len());
        }
        None => {
            packet.push(0x43);
            packet.extend(header.to);
        }
    }
    let number_at = packet.len();
    packet.extend(header.number.to_be_bytes());
    let mut sealed = payload.to_vec();
    let tag = keys.packet.encrypt_in_place(header.number.into(), &packet, &mut sealed)?;
    packet.append(&mut sealed);
    packet.extend(tag.as_ref());
    let sample_at = number_at + NUMBER;
    let sample = packet.get(sample_at..sample_at + SAMPLE).unwrap_or_default().to_vec();
    if let Some((first, rest)) = packet.split_first_mut()
        && let Some(number) = rest.get_mut(number_at - 1..number_at - 1 + NUMBER)
    {
        keys.header.encrypt_in_place(&sample, first, number)?;
    }
    Ok(packet)
}

/// What a server's packet is, before anything is decrypted.
pub(super) enum Seen {
    /// A token to come again with, to this connection id.
    Retry { id: Vec<u8>, token: Vec<u8> },
    /// One under keys: of whom, where its number is, and where it ends.
    Sealed { level: Level, id: Vec<u8>, number_at: usize, end: usize },
}

/// Looks at the first packet of a datagram; `own` is the length of the ids that it is sent to.
pub(super) fn look(datagram: &[u8], own: usize) -> Option<Seen> {
    let mut reader = Reader::new(datagram);
    let first = reader.byte()?;
    if first & 0x80 == 0 {
        let (level, number_at, end) = (Level::Data, 1 + own, datagram.len());
        return Some(Seen::Sealed { level, id: Vec::new(), number_at, end });
    }
    if reader.take(4)? != VERSION {
        return None;
    }
    let length = reader.byte()?;
    reader.take(length.into())?;
    let length = reader.byte()?;
    let id = reader.take(length.into())?.to_vec();
    let level = match first & 0x30 {
        0x00 => Level::Initial,
        0x20 => Level::Handshake,
        0x30 => {
            let token = reader.rest.get(..reader.rest.len().checked_sub(16)?)?.to_vec();
            return Some(Seen::Retry { id, token });
        }
        _ => return None,
    };
    if level == Level::Initial {
        let length = reader.varint()?;
        reader.take(usize::try_from(length).ok()?)?;
    }
    let length = usize::try_from(reader.varint()?).ok()?;
    let number_at = datagram.len() - reader.rest.len();
    Some(Seen::Sealed { level, id, number_at, end: number_at.checked_add(length)? })
}

/// The payload of a server's packet.
pub(super) fn open(packet: &[u8], number_at: usize, keys: &DirectionalKeys) -> Option<Vec<u8>> {
    let mut packet = packet.to_vec();
    let sample_at = number_at.checked_add(NUMBER)?;
    let sample = packet.get(sample_at..sample_at.checked_add(SAMPLE)?)?.to_vec();
    let (first, rest) = packet.split_first_mut()?;
    let at = number_at.checked_sub(1)?;
    let number = rest.get_mut(at..at.checked_add(NUMBER)?)?;
    keys.header.decrypt_in_place(&sample, first, number).ok()?;
    let length = usize::from(*first & 0x03) + 1;
    // A server that hears no acknowledgement writes its first numbers in full.
    let number = number.iter().take(length).fold(0, |all, byte| (all << 8) | u64::from(*byte));
    let (header, sealed) = packet.split_at_mut_checked(number_at.checked_add(length)?)?;
    keys.packet.decrypt_in_place(number, header, sealed).ok().map(<[u8]>::to_vec)
}

/// Writes a number in four bytes (RFC 9000, section 16).
pub(super) fn varint(out: &mut Vec<u8>, value: usize) {
    let value = u32::try_from(value).unwrap_or(u32::MAX) & 0x3fff_ffff;
    out.extend((value | 0x8000_0000).to_be_bytes());
}

/// Takes bytes off the front.
pub(super) struct Reader<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    pub(super) fn varint(&mut self) -> Option<u64> {
        let length = 1 << (self.rest.first()? >> 6);
        let bytes = self.take(length)?;
        let (first, rest) = bytes.split_first()?;
        let start = u64::from(first & 0x3f);
        Some(rest.iter().fold(start, |all, byte| (all << 8) | u64::from(*byte)))
    }
}

#[cfg(test)]
mod tests {
    use rustls::Side;
    use rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
    use rustls::quic::{Keys, Version};

    use super::*;

    /// The connection id of RFC 9001, appendix A.
    const ID: [u8; 8] = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];

    fn keys(side: Side) -> Keys {
        let suite = TLS13_AES_128_GCM_SHA256.tls13().and_then(|suite| suite.quic_suite());
        suite.expect("it is there").keys(&ID, side, Version::V1)
    }

    fn header(level: Level) -> Header<'static> {
        Header { level, to: &ID, from: b"own", token: b"token", number: 2 }
    }

    #[test]
    fn a_packet_is_read_by_the_other_side() {
        for level in [Level::Initial, Level::Handshake, Level::Data] {
            let packet = seal(&header(level), &[7; 40], &keys(Side::Client).local).unwrap();
            let mut datagram = packet.clone();
            datagram.extend(if level == Level::Data { &[][..] } else { &[0xc0, 1][..] });
            let Some(Seen::Sealed { level: seen, id, number_at, end }) = look(&datagram, ID.len())
            else {
                panic!("{level:?} is not seen")
            };
            assert_eq!((seen, end), (level, packet.len()));
            assert!(level == Level::Data || id == b"own");
            let keys = keys(Side::Server);
            assert_eq!(open(&packet, number_at, &keys.remote).as_deref(), Some(&[7; 40][..]));
            let mut broken = packet;
            *broken.last_mut().unwrap() ^= 1;
            assert_eq!(open(&broken, number_at, &keys.remote), None);
        }
    }

    #[test]
    fn a_retry_brings_its_token() {
        let mut packet = vec![0xf0, 0, 0, 0, 1, 3, b'o', b'w', b'n', 2, 9, 9];
        packet.extend(b"token");
        packet.extend([0; 16]);
        let Some(Seen::Retry { id, token }) = look(&packet, 3) else { panic!("it is not seen") };
        assert_eq!((id, token), (vec![9, 9], b"token".to_vec()));
        assert!(look(&packet[..20], 3).is_none());
    }

    #[test]
    fn numbers_are_read_in_each_length() {
        // RFC 9000, appendix A.1.
        for (bytes, value) in [
            (&[0x25][..], 37),
            (&[0x40, 0x25], 37),
            (&[0x7b, 0xbd], 15_293),
            (&[0x9d, 0x7f, 0x3e, 0x7d], 494_878_333),
            (&[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c], 151_288_809_941_952_652),
        ] {
            assert_eq!(Reader::new(bytes).varint(), Some(value));
            assert_eq!(Reader::new(&bytes[..bytes.len() - 1]).varint(), None);
        }
        let mut four = Vec::new();
        varint(&mut four, 37);
        assert_eq!(Reader::new(&four).varint(), Some(37));
    }
}
