//! Sessions in memory, at some 85 bytes each, growing and forgetting without a pause.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::bits::{Bits, Field, join, split};
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

    /// Whether there is one of this id.
    #[must_use]
    pub fn contains(&self, id: SessionId) -> bool {
        self.table.find(id).is_some()
    }

    /// All of them, revoked ones included, in no order.
    pub fn iter(&self) -> impl Iterator<Item = SessionRecord> {
        self.table.iter().filter_map(|(at, packed)| self.unpack(at, packed))
    }

    /// Moves a session's expiry on to that of a renewed token; `false` if there is none of this
    /// id, or it was revoked, and so stays as it is.
    pub fn extend(&mut self, id: SessionId, expires_at: Timestamp) -> bool {
        //= req: SESSION-5
        let open = |session: &SessionRecord| session.revoked_at.is_none();
        let found = self.table.find(id);
        found.and_then(|at| self.change(at, open, |one| one.extend(expires_at))).is_some()
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

    /// Forgets at most `budget` sessions that are past their absolute end, and tells of each. Returns
    /// how many.
    pub fn expire(
        &mut self,
        now: Timestamp,
        budget: usize,
        mut tell: impl FnMut(SessionId),
    ) -> usize {
        let (labels, odd) = (&mut self.labels, &mut self.odd);
        self.table.expire(now, budget, |at, packed| {
            tell(packed.id);
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
        let packed = self.table.get(at)?;
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
    bits: Bits,
}

const CAPABILITIES: Field = Field { shift: 0, most: 0xf };
const METHOD: Field = Field { shift: 4, most: 3 };
/// What address it has: none, or of which version.
const VERSION: Field = Field { shift: 6, most: 7 };
/// Whether it was revoked.
const REVOKED: Field = Field { shift: 9, most: 1 };
/// Whether it does not fit, and is kept whole beside.
const ODD: Field = Field { shift: 10, most: 1 };
/// The revocation's highest bits.
const REVOKED_HIGH: Field = Field { shift: 11, most: 0x1f_ffff };

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
            bits: Bits::default(),
        }
    }
}

impl Packed for PackedSession {
    type Key = SessionId;

    fn key(&self) -> SessionId {
        self.id
    }
}

impl PackedSession {
    /// All but the label; `None` where anything about it does not fit.
    fn of(session: &SessionRecord) -> Option<Self> {
        let (version, opened_from) = pack_address(session.opened_from);
        let revoked_at = session.revoked_at.map(Timestamp::as_millis);
        let (revoked_high, revoked_low) = split(revoked_at.unwrap_or_default());
        let mut bits = Bits::default();
        bits.set(CAPABILITIES, session.capabilities.bits().into())?;
        bits.set(METHOD, session.method.to_byte().into())?;
        bits.set(VERSION, version)?;
        bits.set(REVOKED, revoked_at.is_some().into())?;
        bits.set(REVOKED_HIGH, revoked_high)?;
        Some(Self {
            id: session.id,
            grant: session.grant,
            opened_from,
            created_at: whole_seconds(session.created_at)?,
            expires_at: whole_seconds(session.expires_at)?,
            absolute_end: whole_seconds(session.absolute_end)?,
            revoked_low,
            label: 0,
            bits,
        })
    }

    fn odd(session: &SessionRecord) -> Self {
        let mut odd = Self { id: session.id, ..Self::default() };
        let _ = odd.bits.set(ODD, 1);
        odd
    }

    const fn is_odd(&self) -> bool {
        self.bits.get(ODD) != 0
    }

    fn unpack(&self, labels: &Labels) -> Option<SessionRecord> {
        let revoked_at = join(self.bits.get(REVOKED_HIGH), self.revoked_low);
        let revoked = self.bits.get(REVOKED) != 0;
        Some(SessionRecord {
            id: self.id,
            subject: labels.get(self.label)?,
            capabilities: Capabilities::from_bits(self.bits.get(CAPABILITIES) as u16)?,
            method: Method::from_byte(self.bits.get(METHOD) as u8)?,
            grant: self.grant,
            opened_from: unpack_address(self.bits.get(VERSION), self.opened_from),
            created_at: Timestamp::from_secs(self.created_at),
            expires_at: Timestamp::from_secs(self.expires_at),
            absolute_end: Timestamp::from_secs(self.absolute_end),
            revoked_at: revoked.then_some(Timestamp::from_millis(revoked_at)),
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
            (4, [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
        }
        Some(IpAddr::V6(address)) => (6, address.octets()),
    }
}

fn unpack_address(version: u32, octets: [u8; 16]) -> Option<IpAddr> {
    let [a, b, c, d, ..] = octets;
    match version {
        4 => Some(IpAddr::V4(Ipv4Addr::new(a, b, c, d))),
        6 => Some(IpAddr::V6(Ipv6Addr::from(octets))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::subject::Subject;

    fn session(number: u8) -> SessionRecord {
        let at = |seconds| Timestamp::from_secs(1_800_000_000).plus(Duration::from_secs(seconds));
        SessionRecord {
            id: SessionId::new([number; 16]),
            subject: Subject::new("laptop").unwrap_or(Subject::EMPTY),
            capabilities: Capabilities::ALL,
            method: Method::Code,
            grant: GrantId::new([1; 16]),
            opened_from: None,
            created_at: at(0),
            expires_at: at(60),
            absolute_end: at(600),
            revoked_at: None,
        }
    }

    #[test]
    fn a_session_takes_76_bytes() {
        assert_eq!(size_of::<super::super::slab::Place<PackedSession>>(), 76);
    }

    /// Whole records would come out as they went in too, but they take far more memory.
    #[test]
    fn only_what_does_not_fit_is_kept_whole_and_only_for_as_long() {
        let mut sessions = Sessions::new([7; 8]);
        let usual = session(1);
        let odd = SessionRecord { created_at: Timestamp::from_millis(1), ..session(2) };
        let both = [usual, odd].map(|one| sessions.insert(&one, 2));
        assert_eq!((both, sessions.odd.len()), ([Ok(()), Ok(())], 1));
        let revoked = sessions.revoke(&Selector::All, usual.created_at);
        assert_eq!((revoked.len(), sessions.odd.len()), (2, 1));
        assert_eq!(sessions.expire(usual.absolute_end, 2, |_| ()), 2);
        assert_eq!((sessions.len(), sessions.labels(), sessions.odd.len()), (0, 0, 0));
    }

    #[test]
    fn what_becomes_odd_is_kept_whole_and_what_is_so_no_more_is_packed() {
        let mut sessions = Sessions::new([7; 8]);
        let usual = session(1);
        let times = [1_800_000_100_001, 1_800_000_200_000].map(Timestamp::from_millis);
        assert_eq!(sessions.insert(&usual, 1), Ok(()));
        let odd = times.map(|until| (sessions.extend(usual.id, until), sessions.odd.len()));
        assert_eq!(odd, [(true, 1), (true, 0)]);
        assert!(!sessions.extend(SessionId::new([2; 16]), Timestamp::from_secs(1_800_000_300)));
        assert_eq!(sessions.get(usual.id).map(|one| one.expires_at), times.last().copied());
    }
}
