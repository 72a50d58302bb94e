//! Sessions in memory, at some 85 bytes each, growing and forgetting without a pause.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::labels::Labels;
use super::table::{Packed, Table};
use super::{NotKept, Selector};
use crate::capability::Capabilities;
use crate::id::{GrantId, SessionId};
use crate::session::SessionRecord;
use crate::standing::Seeded;
use crate::time::Timestamp;
use crate::token::Method;

/// Sessions by their ids. Records go in and come out exactly as they are.
#[derive(Clone, Debug)]
pub struct Sessions {
    table: Table<PackedSession>,
    labels: Labels,
    /// Those of which something does not fit, by their places: times that no token could spell.
    odd: BTreeMap<u32, SessionRecord>,
}

impl Sessions {
    /// None yet; `seed` is entropy.
    #[must_use]
    pub const fn new(seed: [u8; 8]) -> Self {
        let seed = u64::from_le_bytes(seed);
        Self {
            table: Table::new(Seeded(seed)),
            labels: Labels::new(Seeded(seed)),
            odd: BTreeMap::new(),
        }
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many different subjects they have.
    #[must_use]
    pub const fn labels(&self) -> usize {
        self.labels.len()
    }

    /// Keeps a session, unless there are `most` already, until its absolute end.
    ///
    /// # Errors
    /// [`NotKept`].
    pub fn insert(&mut self, session: &SessionRecord, most: usize) -> Result<(), NotKept> {
        let labels = &mut self.labels;
        let packed = PackedSession::of(session);
        let odd = packed.is_none();
        let at = self.table.insert(session.id, session.absolute_end, most, || {
            let label = labels.take(&session.subject)?;
            Some(PackedSession { label, ..packed.unwrap_or_else(|| PackedSession::odd(session)) })
        })?;
        if odd {
            self.odd.insert(at, *session);
        }
        Ok(())
    }

    /// The session of this id.
    #[must_use]
    pub fn get(&self, id: SessionId) -> Option<SessionRecord> {
        let at = self.table.find(id)?;
        self.unpack(at, self.table.get(at)?)
    }

    /// All of them, revoked ones included, in no order.
    pub fn iter(&self) -> impl Iterator<Item = SessionRecord> {
        self.table.iter().filter_map(|(at, packed)| self.unpack(at, packed))
    }

    /// Moves a session's expiry on to that of a renewed token; `false` if there is none of this
    /// id, or it was revoked, and so stays as it is.
    pub fn extend(&mut self, id: SessionId, expires_at: Timestamp) -> bool {
        let Some(at) = self.table.find(id) else { return false };
        //= req: SESSION-5
        self.change(at, |session| session.revoked_at.is_none(), |one| one.extend(expires_at))
            .is_some()
    }

    /// Revokes the live sessions that `which` picks, and returns them as they are now. Looks
    /// through all of them, unless it picks one.
    pub fn revoke(&mut self, which: &Selector, now: Timestamp) -> Vec<SessionRecord> {
        self.change_picked(which, |one| one.is_live(now), |one| one.revoke(now))
    }

    /// Leaves the live sessions that `which` picks no more than `capabilities`, and returns those
    /// that had more, as they are now.
    pub fn limit(
        &mut self,
        which: &Selector,
        capabilities: Capabilities,
        now: Timestamp,
    ) -> Vec<SessionRecord> {
        let more = |one: &SessionRecord| !one.capabilities.without(capabilities).is_empty();
        self.change_picked(
            which,
            |one| one.is_live(now) && more(one),
            |one| one.limit(capabilities),
        )
    }

    /// Forgets at most `budget` sessions that are past their absolute end. Returns how many.
    pub fn expire(&mut self, now: Timestamp, budget: usize) -> usize {
        let (labels, odd) = (&mut self.labels, &mut self.odd);
        self.table.expire(now, budget, |at, packed| {
            labels.release(packed.label);
            if packed.is_odd() {
                odd.remove(&at);
            }
        })
    }

    fn change_picked(
        &mut self,
        which: &Selector,
        applies: impl Fn(&SessionRecord) -> bool,
        change: impl Fn(&mut SessionRecord),
    ) -> Vec<SessionRecord> {
        if let Selector::Session(id) = which {
            let at = self.table.find(*id);
            return at.and_then(|at| self.change(at, applies, change)).into_iter().collect();
        }
        let applies = |session: &SessionRecord| which.picks(session) && applies(session);
        self.table.places().filter_map(|at| self.change(at, applies, &change)).collect()
    }

    /// Changes a session, but for its id, subject and absolute end, if it applies to it.
    fn change(
        &mut self,
        at: u32,
        applies: impl Fn(&SessionRecord) -> bool,
        change: impl Fn(&mut SessionRecord),
    ) -> Option<SessionRecord> {
        let packed = self.table.get(at).filter(|packed| packed.is_kept())?;
        let mut session = self.unpack(at, packed).filter(applies)?;
        change(&mut session);
        let packed = self.table.get_mut(at)?;
        let new = PackedSession::of(&session);
        if new.is_none() {
            self.odd.insert(at, session);
        } else if packed.is_odd() {
            self.odd.remove(&at);
        }
        let new = new.unwrap_or_else(|| PackedSession::odd(&session));
        *packed = PackedSession { label: packed.label, ..new };
        Some(session)
    }

    fn unpack(&self, at: u32, packed: &PackedSession) -> Option<SessionRecord> {
        if packed.is_odd() { self.odd.get(&at).copied() } else { packed.unpack(&self.labels) }
    }
}

/// What a session has, in 72 bytes; with the calendar's link 76.
#[derive(Clone, Debug)]
struct PackedSession {
    id: SessionId,
    grant: GrantId,
    /// Of an IPv4 address the first four bytes.
    opened_from: [u8; 16],
    /// Seconds, as the following two.
    created_at: u32,
    expires_at: u32,
    absolute_end: u32,
    /// Milliseconds; the rest is in `bits`.
    revoked_low: u32,
    /// The subject's number.
    label: u32,
    /// From the lowest: capabilities (4), method (2, zero in a free place), what address it has (2),
    /// whether it was revoked (1), whether it does not fit (1), the revocation's highest bits (22).
    bits: u32,
}

const METHOD: u32 = 3 << 4;
const IPV4: u32 = 1 << 6;
const IPV6: u32 = 2 << 6;
const REVOKED: u32 = 1 << 8;
const ODD: u32 = 1 << 9;

impl Default for PackedSession {
    fn default() -> Self {
        Self {
            id: SessionId::new([0; 16]),
            grant: GrantId::new([0; 16]),
            opened_from: [0; 16],
            created_at: 0,
            expires_at: 0,
            absolute_end: 0,
            revoked_low: 0,
            label: 0,
            bits: 0,
        }
    }
}

impl Packed for PackedSession {
    type Key = SessionId;

    fn key(&self) -> SessionId {
        self.id
    }

    fn is_kept(&self) -> bool {
        self.bits & METHOD != 0
    }
}

impl PackedSession {
    /// All but the subject; `None` where anything about it does not fit.
    fn of(session: &SessionRecord) -> Option<Self> {
        let (address, opened_from) = pack_address(session.opened_from);
        let revoked = session.revoked_at.map(Timestamp::as_millis);
        let millis = revoked.unwrap_or_default();
        let revoked = if revoked.is_some() { REVOKED } else { 0 };
        let bits = u32::from(session.capabilities.bits())
            | u32::from(session.method.to_byte()) << 4
            | address
            | revoked
            | ((millis >> 32) as u32) << 10;
        (millis >> 54 == 0).then_some(Self {
            id: session.id,
            grant: session.grant,
            opened_from,
            created_at: whole_seconds(session.created_at)?,
            expires_at: whole_seconds(session.expires_at)?,
            absolute_end: whole_seconds(session.absolute_end)?,
            revoked_low: millis as u32,
            label: 0,
            bits,
        })
    }

    fn odd(session: &SessionRecord) -> Self {
        Self { id: session.id, bits: METHOD | ODD, ..Self::default() }
    }

    const fn is_odd(&self) -> bool {
        self.bits & ODD != 0
    }

    fn unpack(&self, labels: &Labels) -> Option<SessionRecord> {
        let millis = u64::from(self.bits >> 10) << 32 | u64::from(self.revoked_low);
        let revoked = self.bits & REVOKED != 0;
        Some(SessionRecord {
            id: self.id,
            subject: labels.get(self.label)?,
            capabilities: Capabilities::from_bits((self.bits & 15) as u16)?,
            method: Method::from_byte((self.bits >> 4 & 3) as u8)?,
            grant: self.grant,
            opened_from: unpack_address(self.bits, self.opened_from),
            created_at: Timestamp::from_secs(self.created_at),
            expires_at: Timestamp::from_secs(self.expires_at),
            absolute_end: Timestamp::from_secs(self.absolute_end),
            revoked_at: revoked.then_some(Timestamp::from_millis(millis)),
        })
    }
}

fn whole_seconds(time: Timestamp) -> Option<u32> {
    (time.floor_to_second() == time).then_some(time.as_secs())
}

fn pack_address(address: Option<IpAddr>) -> (u32, [u8; 16]) {
    match address {
        None => (0, [0; 16]),
        Some(IpAddr::V4(address)) => {
            let [a, b, c, d] = address.octets();
            (IPV4, [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
        }
        Some(IpAddr::V6(address)) => (IPV6, address.octets()),
    }
}

fn unpack_address(bits: u32, octets: [u8; 16]) -> Option<IpAddr> {
    let [a, b, c, d, ..] = octets;
    match bits & (IPV4 | IPV6) {
        IPV4 => Some(IpAddr::V4(Ipv4Addr::new(a, b, c, d))),
        IPV6 => Some(IpAddr::V6(Ipv6Addr::from(octets))),
        _ => None,
    }
}
