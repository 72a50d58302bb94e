//! A request as the decision sees it: borrowed, bounded, classified in one pass.

use core::net::IpAddr;

use crate::denial::{Bound, Denial, HeadFault};

/// The most header fields of a request.
pub const MAX_FIELDS: usize = 64;
/// The most bytes of a request's head.
pub const MAX_HEAD: usize = 16 * 1024;

/// One header field: its name in any case, its value without surrounding white space.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    /// The name.
    pub name: &'a str,
    /// The value.
    pub value: &'a [u8],
}

/// A request's head, as parsed by an adapter.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The method, as sent.
    pub method: &'a str,
    /// Path and query in origin form (RFC 9112, section 3.2.1), as sent.
    pub target: &'a str,
    /// The fields, in the order in which they came.
    pub fields: &'a [Field<'a>],
    /// The other end of the socket.
    pub peer: IpAddr,
    /// The socket itself is under TLS.
    pub tls: bool,
}

/// A field that may occur once.
#[derive(Clone, Copy, Debug, Default)]
pub enum Single<'a> {
    /// It does not occur.
    #[default]
    Absent,
    /// It occurs once.
    Once(&'a [u8]),
    /// It occurs more than once.
    Repeated,
}

impl<'a> Single<'a> {
    fn note(&mut self, value: &'a [u8]) {
        *self = match self {
            Self::Absent => Self::Once(value),
            _ => Self::Repeated,
        };
    }

    /// The value, if it occurs once.
    #[must_use]
    pub const fn value(&self) -> Option<&'a [u8]> {
        match self {
            Self::Once(value) => Some(value),
            _ => None,
        }
    }

    /// Whether it occurs at all.
    #[must_use]
    pub const fn is_present(&self) -> bool {
        !matches!(self, Self::Absent)
    }

    const fn is_repeated(&self) -> bool {
        matches!(self, Self::Repeated)
    }
}

/// The fields that the decision reads.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fields<'a> {
    pub(crate) host: Single<'a>,
    pub(crate) origin: Single<'a>,
    pub(crate) authorization: Single<'a>,
    pub(crate) cookie: Single<'a>,
    pub(crate) connection: Single<'a>,
    pub(crate) upgrade: Single<'a>,
    pub(crate) websocket_key: Single<'a>,
    pub(crate) websocket_version: Single<'a>,
    pub(crate) websocket_protocol: Single<'a>,
    pub(crate) sec_fetch_site: Single<'a>,
    pub(crate) sec_fetch_mode: Single<'a>,
    pub(crate) sec_fetch_dest: Single<'a>,
    pub(crate) service_worker: Single<'a>,
    pub(crate) forwarded_for: Single<'a>,
    pub(crate) forwarded_proto: Single<'a>,
    pub(crate) transfer_encoding: Single<'a>,
    pub(crate) content_length: Single<'a>,
}

impl<'a> Fields<'a> {
    /// Sorts the fields of a head into none yet, in one pass and in place.
    ///
    /// # Errors
    /// If there are too many, or one that may occur once occurs twice.
    pub(crate) fn sort(&mut self, fields: &[Field<'a>]) -> Result<(), Denial> {
        //= req: HEAD-2
        if fields.len() > MAX_FIELDS {
            return Err(Denial::TooLarge(Bound::HeadFields));
        }
        let mut repeated = false;
        for field in fields {
            if let Some(slot) = self.slot(field.name) {
                repeated |= slot.is_present();
                slot.note(field.value);
            }
        }
        //= req: HEAD-7
        if self.transfer_encoding.is_present() && self.content_length.is_present() {
            return Err(Denial::MalformedHead(HeadFault::Framing));
        }
        if repeated { self.check_single() } else { Ok(()) }
    }

    fn slot(&mut self, name: &str) -> Option<&mut Single<'a>> {
        // The length rules out nearly every name before a byte of it is compared.
        Some(match name.len() {
            4 if same(name, "host") => &mut self.host,
            6 if same(name, "cookie") => &mut self.cookie,
            6 if same(name, "origin") => &mut self.origin,
            7 if same(name, "upgrade") => &mut self.upgrade,
            10 if same(name, "connection") => &mut self.connection,
            13 if same(name, "authorization") => &mut self.authorization,
            14 if same(name, "sec-fetch-site") => &mut self.sec_fetch_site,
            14 if same(name, "sec-fetch-mode") => &mut self.sec_fetch_mode,
            14 if same(name, "sec-fetch-dest") => &mut self.sec_fetch_dest,
            14 if same(name, "content-length") => &mut self.content_length,
            14 if same(name, "service-worker") => &mut self.service_worker,
            15 if same(name, "x-forwarded-for") => &mut self.forwarded_for,
            17 if same(name, "sec-websocket-key") => &mut self.websocket_key,
            17 if same(name, "transfer-encoding") => &mut self.transfer_encoding,
            17 if same(name, "x-forwarded-proto") => &mut self.forwarded_proto,
            21 if same(name, "sec-websocket-version") => &mut self.websocket_version,
            22 if same(name, "sec-websocket-protocol") => &mut self.websocket_protocol,
            _ => return None,
        })
    }

    fn check_single(&self) -> Result<(), Denial> {
        let faults = [
            (self.origin, HeadFault::Origins),
            (self.authorization, HeadFault::Authorizations),
            (self.cookie, HeadFault::Cookies),
            (self.upgrade, HeadFault::Repeated),
            (self.connection, HeadFault::Repeated),
            (self.websocket_key, HeadFault::Repeated),
            (self.websocket_version, HeadFault::Repeated),
            (self.websocket_protocol, HeadFault::Repeated),
            (self.sec_fetch_site, HeadFault::Repeated),
            (self.sec_fetch_mode, HeadFault::Repeated),
            (self.sec_fetch_dest, HeadFault::Repeated),
            (self.service_worker, HeadFault::Repeated),
            (self.transfer_encoding, HeadFault::Framing),
            (self.content_length, HeadFault::Framing),
        ];
        //= req: HEAD-8
        match faults.into_iter().find(|(field, _)| field.is_repeated()) {
            Some((_, fault)) => Err(Denial::MalformedHead(fault)),
            None => Ok(()),
        }
    }
}

/// Most clients spell names in lower case: so spelled, `known` is compared in one go.
#[inline]
fn same(name: &str, known: &str) -> bool {
    name == known || name.eq_ignore_ascii_case(known)
}

/// Whether a list of tokens (RFC 9110, section 5.6.1) has this one, in any case.
#[must_use]
pub(crate) fn lists(value: &[u8], token: &[u8]) -> bool {
    let is = |item: &[u8]| item.trim_ascii().eq_ignore_ascii_case(token);
    is(value) || value.split(|byte| *byte == b',').any(is)
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;

    use super::*;

    const KNOWN: [&str; 17] = [
        "host",
        "origin",
        "authorization",
        "cookie",
        "connection",
        "upgrade",
        "sec-websocket-key",
        "sec-websocket-version",
        "sec-websocket-protocol",
        "sec-fetch-site",
        "sec-fetch-mode",
        "sec-fetch-dest",
        "service-worker",
        "x-forwarded-for",
        "x-forwarded-proto",
        "transfer-encoding",
        "content-length",
    ];

    /// How many fields the decision reads of one of this name.
    fn read(name: &str) -> usize {
        let mut fields = Fields::default();
        assert!(fields.sort(&[Field { name, value: b"" }]).is_ok());
        format!("{fields:?}").matches("Once").count()
    }

    #[test]
    fn a_field_is_read_by_its_whole_name_in_any_case() {
        for name in KNOWN {
            assert_eq!(read(name), 1, "{name}");
            assert_eq!(read(&name.to_ascii_uppercase()), 1, "{name}");
            for at in 0..name.len() {
                let other = |(index, one): (usize, char)| if index == at { '~' } else { one };
                let other: String = name.chars().enumerate().map(other).collect();
                assert_eq!(read(&other), 0, "{other}");
            }
        }
    }
}
