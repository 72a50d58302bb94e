//! Grants, sessions and tickets over their life: `doorward_policy::ledger`, and the transitions in
//! `doorward_policy::{grant, ticket, session}`.

use std::collections::BTreeMap;
use std::time::Duration;

use doorward_policy::grant::{
    Attempt, Counter, GrantRecord, GrantRefusal, GrantRequest, MAX_CODE_LIFE, MAX_LINK_LIFE, Nonce,
};
use doorward_policy::id::SessionId;
use doorward_policy::keys::Digest;
use doorward_policy::ledger::{Capacity, Ledger, RedeemError, Selector};
use doorward_policy::session::{Lifetimes, SessionRecord};
use doorward_policy::subject::Subject;
use doorward_policy::ticket::{TicketAttempt, TicketRecord, TicketRefusal};
use doorward_policy::token::Method;
use doorward_policy::workspace::{Asked, Reach};
use doorward_policy::{Capabilities, Timestamp};

use super::input::Input;
use super::world::{LOOPBACK, NOW};

/// Input: the size of the ledger, then operations, a letter each with a few digits.
///
/// Oracle: a plain model, in which nothing is shared and nothing is clever, gives the same answer
/// to each operation. A grant never buys more sessions than it has uses; no session can do more
/// than its grant, and no ticket more than its session; a refusal changes nothing; no record is
/// forgotten early, and none that is due is kept.
//= req: TICKET-1, TICKET-2, TICKET-3, TICKET-4, TICKET-5, TICKET-6, type=fuzz
//= req: GRANT-1, GRANT-2, GRANT-3, GRANT-4, GRANT-5, GRANT-7, GRANT-8, GRANT-9, type=fuzz
//= req: SESSION-1, type=fuzz
pub fn grant(data: &[u8]) {
    let mut input = Input::new(data);
    let room = 1 + input.below(5);
    let capacity = Capacity { grants: room, sessions: room, tickets: room, locals: room };
    let mut run = Run {
        ledger: Ledger::new(capacity, [input.byte(); 8]),
        room,
        now: NOW,
        made: 0,
        grants: BTreeMap::new(),
        sessions: BTreeMap::new(),
        tickets: BTreeMap::new(),
    };
    while !input.is_empty() {
        run.step(&mut input);
        run.check();
    }
}

/// Lengths of time at which something changes, in milliseconds.
const SPANS: [u64; 12] = [
    0,
    1,
    999,
    1000,
    29_999,
    30_000,
    59_999,
    60_000,
    600_000,
    3_600_000,
    604_800_000,
    2_592_000_000,
];

struct Grant {
    made: u8,
    label: u8,
    capabilities: u16,
    method: Method,
    expires: u64,
    uses: u32,
    left: u32,
    revoked: bool,
    /// Nonce, counter, session and time of each redemption.
    bought: Vec<(u8, u8, u8, u64)>,
}

struct Session {
    label: u8,
    capabilities: u16,
    expires: u64,
    end: u64,
    revoked: bool,
}

struct Ticket {
    session: u8,
    capabilities: u16,
    origin: Option<u8>,
    expires: u64,
}

struct Run {
    ledger: Ledger,
    room: usize,
    now: Timestamp,
    /// How many records there have been; names the next.
    made: u8,
    grants: BTreeMap<u8, Grant>,
    sessions: BTreeMap<u8, Session>,
    tickets: BTreeMap<u8, Ticket>,
}

fn digest(name: u8) -> Digest {
    Digest::from_bytes([name; 32])
}

fn session_id(name: u8) -> SessionId {
    SessionId::new([name; 16])
}

fn label(name: u8) -> Subject {
    Subject::new(&format!("label {name}")).expect("it is sound")
}

fn origin_text(name: u8) -> String {
    format!("https://app{name}.example")
}

fn bits(input: &mut Input<'_>) -> (u16, Capabilities) {
    let bits = input.below(16) as u16;
    (bits, Capabilities::from_bits(bits).expect("all 16 are known"))
}

impl Run {
    fn step(&mut self, input: &mut Input<'_>) {
        match input.byte() {
            b'g' => self.issue(input),
            b'r' => self.redeem(input),
            b't' => self.make_ticket(input),
            b'u' => self.use_ticket(input),
            b'm' => self.extend(input),
            b'v' => self.revoke_sessions(input),
            b'x' => self.revoke_grant(input),
            b'e' => self.expire(input),
            b'+' => self.now = self.now.plus(Duration::from_millis(input.pick(&SPANS))),
            _ => {}
        }
    }

    fn millis(&self) -> u64 {
        self.now.as_millis()
    }

    fn next(&mut self) -> Option<u8> {
        self.made = self.made.checked_add(1)?;
        Some(self.made)
    }

    /// `g`, label, kind, capabilities, the issuer's capabilities, uses, life.
    fn issue(&mut self, input: &mut Input<'_>) {
        let Some(name) = self.next() else { return };
        let owner = input.below(3) as u8;
        let method = input.pick(&[Method::Link, Method::Code, Method::Desktop]);
        let ((wanted, capabilities), (issuer, issuer_capabilities)) = (bits(input), bits(input));
        let uses = input.pick(&[1, 1, 2, 3, 0, 1000, 1001]);
        let life = Duration::from_millis(input.pick(&SPANS));
        let request = GrantRequest { label: label(owner), capabilities, method, uses, life };
        let made = GrantRecord::issue(&request, issuer_capabilities, [name; 16], self.now);
        let longest = if method == Method::Code { MAX_CODE_LIFE } else { MAX_LINK_LIFE };
        let sound = wanted != 0
            && wanted & !issuer == 0
            && (1..=1000).contains(&uses)
            && life > Duration::ZERO
            && life <= longest;
        assert_eq!(made.is_ok(), sound, "{request:?}");
        let Ok(record) = made else { return };
        let kept = self.ledger.insert_grant(digest(name), record);
        assert_eq!(kept.is_ok(), self.grants.len() < self.room);
        if kept.is_ok() {
            let expires = self.millis() + life.as_millis() as u64;
            self.grants.insert(
                name,
                Grant {
                    made: name,
                    label: owner,
                    capabilities: wanted,
                    method,
                    expires,
                    uses,
                    left: uses,
                    revoked: false,
                    bought: Vec::new(),
                },
            );
        }
    }

    /// `r`, grant, nonce, counter, needed capabilities.
    fn redeem(&mut self, input: &mut Input<'_>) {
        let name = self.named(input);
        let (nonce, counter) = (input.below(3) as u8, input.below(3) as u8);
        let (needed, needed_capabilities) =
            if input.byte() == b'n' { bits(input) } else { (0, Capabilities::NONE) };
        let Some(new) = self.next() else { return };
        let attempt = Attempt {
            asked: Asked::Own,
            nonce: Nonce::from_digest(digest(nonce)),
            counter: [Counter::Bootstrap, Counter::Token, Counter::Hello][usize::from(counter)],
            needed: needed_capabilities,
            session: session_id(new),
            peer: Some(LOOPBACK),
            lifetimes: Lifetimes::DEFAULT,
        };
        let answer = self.ledger.redeem(&digest(name), &attempt, self.now);
        let expected = self.model_redeem(name, new, (nonce, counter), needed);
        match (&answer, &expected) {
            (Ok(session), Ok(name)) => self.compare_session(*name, session),
            (Err(found), Err(expected)) => assert_eq!(found, expected),
            _ => panic!("{answer:?}, expected {expected:?}"),
        }
    }

    fn model_redeem(
        &mut self,
        name: u8,
        new: u8,
        key: (u8, u8),
        needed: u16,
    ) -> Result<u8, RedeemError> {
        use GrantRefusal::{Expired, Insufficient, Revoked, SessionGone, Spent, Unknown};
        let now = self.millis();
        let full = self.sessions.len() >= self.room;
        let refuse = |refusal| Err(RedeemError::Refused(refusal));
        let Some(grant) = self.grants.get_mut(&name) else { return refuse(Unknown) };
        if grant.revoked {
            return refuse(Revoked);
        }
        let lacking = Capabilities::from_bits(needed & !grant.capabilities);
        let lacking = lacking.expect("all 16 are known");
        let again =
            grant.bought.iter().find(|past| (past.0, past.1) == key && now < past.3 + 60_000);
        // Who holds one that is over learns nothing of what it could do.
        if again.is_none() && now >= grant.expires {
            return refuse(Expired);
        }
        if again.is_none() && grant.left == 0 {
            return refuse(Spent);
        }
        if !lacking.is_empty() {
            return refuse(Insufficient(lacking));
        }
        if let Some((_, _, session, _)) = again {
            return match self.sessions.get(session) {
                Some(session) if session.revoked => refuse(Revoked),
                Some(found) if now < found.expires => Ok(*session),
                _ => refuse(SessionGone),
            };
        }
        if full {
            return Err(RedeemError::Full);
        }
        grant.left -= 1;
        grant.bought.push((key.0, key.1, new, now));
        let start = now / 1000 * 1000;
        self.sessions.insert(
            new,
            Session {
                label: grant.label,
                capabilities: grant.capabilities,
                expires: start + 604_800_000,
                end: start + 2_592_000_000,
                revoked: false,
            },
        );
        Ok(new)
    }

    /// `t`, session, origin.
    fn make_ticket(&mut self, input: &mut Input<'_>) {
        let session = self.named(input);
        let origin = Some(input.below(3) as u8).filter(|origin| *origin > 0);
        let Some(record) = self.ledger.session(session_id(session)) else { return };
        let (Some(name), Some(known)) = (self.next(), self.sessions.get(&session)) else { return };
        if record.revoked_at.is_some() || self.now >= record.expires_at {
            return;
        }
        let (limit, limit_capabilities) = bits(input);
        let mut claims = record.claims();
        claims.capabilities = claims.capabilities.common(limit_capabilities);
        let ticket = TicketRecord::issue(&claims, origin.map(origin_text).as_deref(), self.now);
        let kept = self.ledger.insert_ticket(digest(name), ticket);
        assert_eq!(kept.is_ok(), self.tickets.len() < self.room);
        if kept.is_ok() {
            let expires = known.expires.min(self.millis() + 30_000);
            let capabilities = known.capabilities & limit;
            self.tickets.insert(name, Ticket { session, capabilities, origin, expires });
        }
    }

    /// `u`, ticket, origin, needed capabilities, session of a cookie.
    fn use_ticket(&mut self, input: &mut Input<'_>) {
        let name = self.named(input);
        let origin = Some(input.below(3) as u8).filter(|origin| *origin > 0);
        let (needed, needed_capabilities) = bits(input);
        let beside = Some(self.named(input)).filter(|beside| *beside > 0);
        let attempt = TicketAttempt {
            asked: Asked::Default,
            reach: Reach::Web,
            origin: origin.map(origin_text),
            needed: needed_capabilities,
            beside: beside.map(session_id),
        };
        let answer = self.ledger.consume_ticket(&digest(name), &attempt, self.now);
        let expected = self.model_ticket(name, origin, needed, beside);
        match (answer, expected) {
            (Ok(claims), Ok((session, capabilities))) => {
                assert_eq!(claims.session, session_id(session));
                assert_eq!(claims.capabilities.bits(), capabilities);
                assert!(claims.capabilities.bits() & !self.sessions[&session].capabilities == 0);
                assert_eq!(claims.expires_at.as_millis(), self.sessions[&session].expires);
                self.tickets.remove(&name);
            }
            (Err(found), Err(expected)) => assert_eq!(found, expected),
            (found, expected) => panic!("{found:?}, expected {expected:?}"),
        }
    }

    fn model_ticket(
        &self,
        name: u8,
        origin: Option<u8>,
        needed: u16,
        beside: Option<u8>,
    ) -> Result<(u8, u16), TicketRefusal> {
        use TicketRefusal::{
            Expired, Insufficient, OtherOrigin, OtherSession, SessionExpired, SessionRevoked,
            Unknown,
        };
        let ticket = self.tickets.get(&name).ok_or(Unknown)?;
        if self.millis() >= ticket.expires {
            return Err(Expired);
        }
        if ticket.origin != origin {
            return Err(OtherOrigin);
        }
        if beside.is_some_and(|beside| beside != ticket.session) {
            return Err(OtherSession);
        }
        let session = self.sessions.get(&ticket.session).ok_or(SessionExpired)?;
        if session.revoked {
            return Err(SessionRevoked);
        }
        if self.millis() >= session.expires {
            return Err(SessionExpired);
        }
        let capabilities = ticket.capabilities & session.capabilities;
        match needed & !capabilities {
            0 => Ok((ticket.session, capabilities)),
            lacking => Err(Insufficient(Capabilities::from_bits(lacking).unwrap_or_default())),
        }
    }

    /// `m`, session, span.
    fn extend(&mut self, input: &mut Input<'_>) {
        let name = self.named(input);
        let to = self.now.plus(Duration::from_millis(input.pick(&SPANS)));
        self.ledger.extend_session(session_id(name), to);
        if let Some(session) = self.sessions.get_mut(&name).filter(|session| !session.revoked) {
            session.expires = session.expires.max(to.as_millis().min(session.end));
        }
    }

    /// `v`, whose.
    fn revoke_sessions(&mut self, input: &mut Input<'_>) {
        let name = self.named(input);
        let subject = input.below(3) as u8;
        let (which, number) = match input.byte() {
            b's' => (Selector::Subject(label(subject)), 1),
            b'*' => (Selector::All, 2),
            _ => (Selector::Session(session_id(name)), 0),
        };
        let now = self.millis();
        let mut expected = Vec::new();
        for (id, session) in &mut self.sessions {
            let picked = [*id == name, session.label == subject, true][number];
            if picked && !session.revoked && now < session.expires {
                session.revoked = true;
                expected.push(session_id(*id));
            }
        }
        let mut revoked: Vec<SessionId> =
            self.ledger.revoke_sessions(&which, self.now).iter().map(|one| one.id).collect();
        revoked.sort_unstable();
        assert_eq!(revoked, expected);
    }

    /// `x`, grant.
    fn revoke_grant(&mut self, input: &mut Input<'_>) {
        let name = self.named(input);
        let id = doorward_policy::id::GrantId::new([name; 16]);
        let found = self.ledger.revoke_grant(id, self.now);
        let grant = self.grants.get_mut(&name);
        assert_eq!(found, grant.is_some());
        if let Some(grant) = grant {
            grant.revoked = true;
        }
    }

    /// `e`, budget. What may be forgotten is what is of no more use.
    fn expire(&mut self, input: &mut Input<'_>) {
        let budget = input.pick(&[0, 1, 2, 1000]);
        self.ledger.expire(self.now, budget);
        let now = self.millis();
        let gone = |forget_at: u64| now >= forget_at.div_ceil(1000) * 1000;
        let before = (self.grants.len(), self.sessions.len());
        let kept: Vec<_> = self.ledger.grants().map(|grant| grant.id).collect();
        self.grants.retain(|name, grant| {
            let here = kept.contains(&doorward_policy::id::GrantId::new([*name; 16]));
            assert!(here || gone(grant.expires + 60_000), "a grant was forgotten early");
            assert!(!here || budget < 1000 || !gone(grant.expires + 60_000), "kept for ever");
            here
        });
        let kept: Vec<_> = self.ledger.sessions().map(|session| session.id).collect();
        self.sessions.retain(|name, session| {
            let here = kept.contains(&session_id(*name));
            assert!(here || gone(session.end), "a session was forgotten early");
            assert!(!here || budget < 1000 || !gone(session.end), "kept for ever");
            here
        });
        assert!(before.0 - self.grants.len() <= budget && before.1 - self.sessions.len() <= budget);
        self.expire_all();
    }

    /// Tickets can't be listed, so that it isn't known which a small budget left: all that is due
    /// goes.
    fn expire_all(&mut self) {
        self.ledger.expire(self.now, usize::MAX);
        let now = self.millis();
        let due = |at: u64| now >= at.div_ceil(1000) * 1000;
        self.tickets.retain(|_, ticket| !due(ticket.expires));
        self.grants.retain(|_, grant| !due(grant.expires + 60_000));
        self.sessions.retain(|_, session| !due(session.end));
    }

    /// One of the records made so far; zero for one that never was.
    fn named(&self, input: &mut Input<'_>) -> u8 {
        input.below(usize::from(self.made) + 1) as u8
    }

    fn compare_session(&self, name: u8, found: &SessionRecord) {
        let expected = &self.sessions[&name];
        assert_eq!(found.id, session_id(name));
        assert_eq!(found.subject, label(expected.label));
        assert_eq!(found.capabilities.bits(), expected.capabilities);
        assert_eq!(found.expires_at.as_millis(), expected.expires);
        assert_eq!(found.absolute_end.as_millis(), expected.end);
        assert_eq!(found.revoked_at.is_some(), expected.revoked);
        assert!(found.expires_at <= found.absolute_end);
    }

    /// What holds after every operation.
    fn check(&self) {
        assert_eq!(self.ledger.grants().count(), self.grants.len());
        assert_eq!(self.ledger.sessions().count(), self.sessions.len());
        for record in self.ledger.grants() {
            let name = record.id.as_bytes()[0];
            let grant = &self.grants[&name];
            assert_eq!(record.uses_left, grant.left, "a refusal, or nothing, changed a grant");
            assert_eq!(record.method, grant.method);
            assert_eq!(grant.made, name);
            assert!(grant.bought.len() as u32 + grant.left <= grant.uses, "more than it has uses");
        }
        for record in self.ledger.sessions() {
            self.compare_session(record.id.as_bytes()[0], &record);
        }
    }
}
