//! Between rows and the policy's types. All that is read back is checked: a damaged row is an
//! error, never a wider right.

use std::fmt;
use std::net::IpAddr;

use doorward_policy::grant::{
    Consumed, Counter, GrantRecord, MAX_CODE_LIFE, MAX_LINK_LIFE, MAX_USES, Nonce,
};
use doorward_policy::id::{GrantId, SessionId};
use doorward_policy::keys::Digest;
use doorward_policy::local::{LocalRecord, MAX_DIRECTORY, MAX_LIFE};
use doorward_policy::session::{Lifetimes, SessionRecord};
use doorward_policy::subject::Subject;
use doorward_policy::ticket::TicketRecord;
use doorward_policy::token::Method;
use doorward_policy::workspace::WorkspaceName;
use doorward_policy::{Capabilities, Timestamp};

use crate::store::Counted;

/// The longest serialised origin that is read back.
const MAX_ORIGIN: usize = 512;
const CONSUMED: usize = 32 + 1 + 16 + 8;
const REPORTED: usize = 16 + 4 + 4;

/// A row does not hold what Doorward writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt(
    /// Which column.
    pub &'static str,
);

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a row is damaged: {}", self.0)
    }
}

impl std::error::Error for Corrupt {}

/// A row of `grants`, without its digest.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct GrantRow<'r> {
    pub id: &'r [u8],
    pub label: &'r str,
    pub capabilities: i64,
    pub method: i64,
    pub created_at: i64,
    pub expires_at: i64,
    pub uses_left: i64,
    pub revoked_at: Option<i64>,
    pub consumed: &'r [u8],
}

impl GrantRow<'_> {
    //= req: STORE-5
    /// The record, if it is one that Doorward can have written.
    ///
    /// # Errors
    /// The first column that is out of bounds.
    pub fn decode(&self) -> Result<GrantRecord, Corrupt> {
        let method = method(self.method)?;
        let created_at = time(self.created_at, "created_at")?;
        let expires_at = time(self.expires_at, "expires_at")?;
        let longest = if method == Method::Code { MAX_CODE_LIFE } else { MAX_LINK_LIFE };
        if expires_at > created_at.plus(longest) {
            return Err(Corrupt("expires_at"));
        }
        let uses_left = u32::try_from(self.uses_left).map_err(|_| Corrupt("uses_left"))?;
        if uses_left > MAX_USES {
            return Err(Corrupt("uses_left"));
        }
        Ok(GrantRecord {
            id: GrantId::new(array(self.id, "id")?),
            label: Subject::new(self.label).ok_or(Corrupt("label"))?,
            capabilities: capabilities(self.capabilities)?,
            method,
            created_at,
            expires_at,
            uses_left,
            revoked_at: optional_time(self.revoked_at, "revoked_at")?,
            consumed: decode_consumed(self.consumed)?,
        })
    }
}

/// A row of `sessions`, without its revision.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct SessionRow<'r> {
    pub id: &'r [u8],
    pub subject: &'r str,
    pub capabilities: i64,
    pub method: i64,
    pub granted_by: &'r [u8],
    pub opened_from: Option<&'r [u8]>,
    pub created_at: i64,
    pub expires_at: i64,
    pub absolute_end: i64,
    pub revoked_at: Option<i64>,
}

impl SessionRow<'_> {
    //= req: STORE-5
    /// The record, if it is one that Doorward can have written.
    ///
    /// # Errors
    /// The first column that is out of bounds.
    pub fn decode(&self) -> Result<SessionRecord, Corrupt> {
        let created_at = time(self.created_at, "created_at")?;
        let expires_at = time(self.expires_at, "expires_at")?;
        let absolute_end = time(self.absolute_end, "absolute_end")?;
        if absolute_end > created_at.plus(Lifetimes::CEILING) {
            return Err(Corrupt("absolute_end"));
        }
        if expires_at > absolute_end {
            return Err(Corrupt("expires_at"));
        }
        Ok(SessionRecord {
            id: SessionId::new(array(self.id, "id")?),
            subject: Subject::new(self.subject).ok_or(Corrupt("subject"))?,
            capabilities: capabilities(self.capabilities)?,
            method: method(self.method)?,
            grant: GrantId::new(array(self.granted_by, "granted_by")?),
            opened_from: self.opened_from.map(decode_address).transpose()?,
            created_at,
            expires_at,
            absolute_end,
            revoked_at: optional_time(self.revoked_at, "revoked_at")?,
        })
    }
}

/// A row of `tickets`, without its digest.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct TicketRow<'r> {
    pub session: &'r [u8],
    pub capabilities: i64,
    pub origin: Option<&'r str>,
    pub expires_at: i64,
}

impl TicketRow<'_> {
    //= req: STORE-5
    /// The record, if it is one that Doorward can have written.
    ///
    /// # Errors
    /// The first column that is out of bounds.
    pub fn decode(&self) -> Result<TicketRecord, Corrupt> {
        if self.origin.is_some_and(|origin| origin.len() > MAX_ORIGIN) {
            return Err(Corrupt("origin"));
        }
        Ok(TicketRecord {
            session: SessionId::new(array(self.session, "session")?),
            capabilities: capabilities(self.capabilities)?,
            origin: self.origin.map(str::to_owned),
            expires_at: time(self.expires_at, "expires_at")?,
        })
    }
}

/// A row of `locals`, without its digest.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct LocalRow<'r> {
    pub id: &'r [u8],
    pub incarnation: &'r [u8],
    pub name: &'r str,
    pub workspace: &'r str,
    pub capabilities: i64,
    pub pid: i64,
    /// All 64 bits count, whatever their sign.
    pub started: i64,
    pub directory: &'r str,
    pub created_at: i64,
    pub ends_at: i64,
}

impl LocalRow<'_> {
    //= req: STORE-5
    /// The record, if it is one that Doorward can have written.
    ///
    /// # Errors
    /// The first column that is out of bounds.
    pub fn decode(&self) -> Result<LocalRecord, Corrupt> {
        let capabilities = capabilities(self.capabilities)?;
        if capabilities.is_empty() || capabilities.contains(Capabilities::ADMINISTER) {
            return Err(Corrupt("capabilities"));
        }
        let shown = !self.directory.chars().any(char::is_control);
        if self.directory.len() > MAX_DIRECTORY || !shown {
            return Err(Corrupt("directory"));
        }
        let created_at = time(self.created_at, "created_at")?;
        let ends_at = time(self.ends_at, "ends_at")?;
        if ends_at > created_at.plus(MAX_LIFE) {
            return Err(Corrupt("ends_at"));
        }
        Ok(LocalRecord {
            id: SessionId::new(array(self.id, "id")?),
            incarnation: SessionId::new(array(self.incarnation, "incarnation")?),
            name: Subject::new(self.name).ok_or(Corrupt("name"))?,
            workspace: WorkspaceName::new(self.workspace).ok_or(Corrupt("workspace"))?,
            capabilities,
            pid: u32::try_from(self.pid).map_err(|_| Corrupt("pid"))?,
            started: self.started.cast_unsigned(),
            directory: self.directory.to_owned(),
            created_at,
            ends_at,
        })
    }
}

/// The redemptions of a grant, one after the other: nonce digest, counter, session, time.
#[must_use]
pub fn encode_consumed(consumed: &[Consumed]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(consumed.len() * CONSUMED);
    for one in consumed {
        bytes.extend_from_slice(one.nonce.digest().as_bytes());
        bytes.push(one.counter.to_byte());
        bytes.extend_from_slice(one.session.as_bytes());
        bytes.extend_from_slice(&millis(one.at).to_be_bytes());
    }
    bytes
}

/// The redemptions that [`encode_consumed`] wrote.
///
/// # Errors
/// If it can't have written that.
pub fn decode_consumed(bytes: &[u8]) -> Result<Vec<Consumed>, Corrupt> {
    const WRONG: Corrupt = Corrupt("consumed");
    let (entries, []) = bytes.as_chunks::<CONSUMED>() else { return Err(WRONG) };
    if entries.len() > MAX_USES as usize {
        return Err(WRONG);
    }
    let decode = |entry: &[u8; CONSUMED]| {
        let (nonce, rest) = entry.split_first_chunk::<32>()?;
        let (&[counter], rest) = rest.split_first_chunk::<1>()?;
        let (session, at) = rest.split_first_chunk::<16>()?;
        let at = i64::from_be_bytes(at.try_into().ok()?);
        Some(Consumed {
            nonce: Nonce::from_digest(Digest::from_bytes(*nonce)),
            counter: Counter::from_byte(counter)?,
            session: SessionId::new(*session),
            at: time(at, "consumed").ok()?,
        })
    };
    entries.iter().map(|entry| decode(entry).ok_or(WRONG)).collect()
}

/// The connections of a listener, one after the other: session, live, closed.
#[must_use]
pub fn encode_report(sessions: &[Counted]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(sessions.len() * REPORTED);
    for Counted { session, live, closed } in sessions {
        bytes.extend_from_slice(session.as_bytes());
        bytes.extend_from_slice(&live.to_be_bytes());
        bytes.extend_from_slice(&closed.to_be_bytes());
    }
    bytes
}

/// The connections that [`encode_report`] wrote.
///
/// # Errors
/// If it can't have written that.
pub fn decode_report(bytes: &[u8]) -> Result<Vec<Counted>, Corrupt> {
    const WRONG: Corrupt = Corrupt("sessions");
    let (entries, []) = bytes.as_chunks::<REPORTED>() else { return Err(WRONG) };
    let decode = |entry: &[u8; REPORTED]| {
        let (session, counts) = entry.split_first_chunk::<16>()?;
        let (live, closed) = counts.split_first_chunk::<4>()?;
        let (live, closed) = (u32::from_be_bytes(*live), closed.try_into().ok()?);
        let closed = u32::from_be_bytes(closed);
        Some(Counted { session: SessionId::new(*session), live, closed })
    };
    entries.iter().map(|entry| decode(entry).ok_or(WRONG)).collect()
}

/// The 4 or 16 bytes of an address.
pub(super) fn encode_address(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(four) => four.octets().to_vec(),
        IpAddr::V6(six) => six.octets().to_vec(),
    }
}

fn decode_address(bytes: &[u8]) -> Result<IpAddr, Corrupt> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    let six = <[u8; 16]>::try_from(bytes).map(IpAddr::from);
    four.or(six).map_err(|_| Corrupt("opened_from"))
}

/// A time as it is kept; what lies beyond 64 signed bits is far beyond any lifetime.
pub(super) fn millis(time: Timestamp) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

pub(super) fn time(millis: i64, column: &'static str) -> Result<Timestamp, Corrupt> {
    u64::try_from(millis).map(Timestamp::from_millis).map_err(|_| Corrupt(column))
}

fn optional_time(millis: Option<i64>, column: &'static str) -> Result<Option<Timestamp>, Corrupt> {
    millis.map(|millis| time(millis, column)).transpose()
}

fn method(byte: i64) -> Result<Method, Corrupt> {
    u8::try_from(byte).ok().and_then(Method::from_byte).ok_or(Corrupt("method"))
}

fn capabilities(bits: i64) -> Result<Capabilities, Corrupt> {
    u16::try_from(bits).ok().and_then(Capabilities::from_bits).ok_or(Corrupt("capabilities"))
}

pub(super) fn array<const N: usize>(
    bytes: &[u8],
    column: &'static str,
) -> Result<[u8; N], Corrupt> {
    bytes.try_into().map_err(|_| Corrupt(column))
}
