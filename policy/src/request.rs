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
    /// Sorts the fields of a head in one pass.
    ///
    /// # Errors
    /// If there are too many, or one that may occur once occurs twice.
    pub fn classify(fields: &[Field<'a>]) -> Result<Self, Denial> {
        //= req: HEAD-2
        if fields.len() > MAX_FIELDS {
            return Err(Denial::TooLarge(Bound::HeadFields));
        }
        let mut found = Self::default();
        for field in fields {
            if let Some(slot) = found.slot(field.name) {
                slot.note(field.value);
            }
        }
        found.check_single()?;
        Ok(found)
    }

    fn slot(&mut self, name: &str) -> Option<&mut Single<'a>> {
        // The length rules out nearly every name before a byte of it is compared.
        let (slot, known) = match name.len() {
            4 => (&mut self.host, "host"),
            6 if same(name, "cookie") => (&mut self.cookie, "cookie"),
            6 => (&mut self.origin, "origin"),
            7 => (&mut self.upgrade, "upgrade"),
            10 => (&mut self.connection, "connection"),
            13 => (&mut self.authorization, "authorization"),
            14 if same(name, "sec-fetch-site") => (&mut self.sec_fetch_site, "sec-fetch-site"),
            14 if same(name, "sec-fetch-mode") => (&mut self.sec_fetch_mode, "sec-fetch-mode"),
            14 if same(name, "sec-fetch-dest") => (&mut self.sec_fetch_dest, "sec-fetch-dest"),
            14 if same(name, "content-length") => (&mut self.content_length, "content-length"),
            14 => (&mut self.service_worker, "service-worker"),
            15 => (&mut self.forwarded_for, "x-forwarded-for"),
            17 if same(name, "sec-websocket-key") => (&mut self.websocket_key, "sec-websocket-key"),
            17 if same(name, "transfer-encoding") => {
                (&mut self.transfer_encoding, "transfer-encoding")
            }
            17 => (&mut self.forwarded_proto, "x-forwarded-proto"),
            21 => (&mut self.websocket_version, "sec-websocket-version"),
            22 => (&mut self.websocket_protocol, "sec-websocket-protocol"),
            _ => return None,
        };
        same(name, known).then_some(slot)
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
        //= req: HEAD-7
        if self.transfer_encoding.is_present() && self.content_length.is_present() {
            return Err(Denial::MalformedHead(HeadFault::Framing));
        }
        //= req: HEAD-8
        match faults.into_iter().find(|(field, _)| field.is_repeated()) {
            Some((_, fault)) => Err(Denial::MalformedHead(fault)),
            None => Ok(()),
        }
    }
}

fn same(name: &str, known: &str) -> bool {
    name.eq_ignore_ascii_case(known)
}

/// Whether a list of tokens (RFC 9110, section 5.6.1) has this one, in any case.
#[must_use]
pub(crate) fn lists(value: &[u8], token: &[u8]) -> bool {
    value.split(|byte| *byte == b',').any(|item| item.trim_ascii().eq_ignore_ascii_case(token))
}
