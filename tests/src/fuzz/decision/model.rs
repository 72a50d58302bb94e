//! What an installation remembers, the plain way, and what follows from it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::fuzz::naive::credential::Presented;
use crate::fuzz::naive::request::{Asks, Choices, Passed, Wanted};

const IDLE: u64 = 604_800_000;
const ABSOLUTE: u64 = 2_592_000_000;
/// No guard asked for: all but to administer.
const UNGUARDED: u16 = 7;

#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub(super) text: String,
    pub(super) capabilities: u16,
    pub(super) left: u32,
    pub(super) expires: u64,
    pub(super) revoked: bool,
    /// Nonce, whether at the token endpoint, session, time.
    bought: Vec<(u8, bool, usize, u64)>,
}

impl Grant {
    pub(super) const fn new(text: String, capabilities: u16, left: u32, expires: u64) -> Self {
        Self { text, capabilities, left, expires, revoked: false, bought: Vec::new() }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Session {
    /// As its row has them.
    pub(super) capabilities: u16,
    /// As an administrator has limited it since.
    pub(super) limit: u16,
    pub(super) created: u64,
    pub(super) expires: u64,
    pub(super) end: u64,
    pub(super) revoked: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) text: String,
    pub(super) session: usize,
    pub(super) capabilities: u16,
    pub(super) issued: u64,
    pub(super) expires: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Ticket {
    pub(super) text: String,
    pub(super) session: usize,
    pub(super) capabilities: u16,
    pub(super) origin: Option<Vec<u8>>,
    pub(super) expires: u64,
    pub(super) used: bool,
}

/// What a body brings: a grant's text and a nonce.
#[derive(Clone, Debug)]
pub(super) struct Body {
    pub(super) grant: String,
    pub(super) nonce: u8,
}

/// What a decision comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Denied,
    Open,
    Nobody,
    Admitted(Admission),
    /// The session, and whether it was opened just now.
    Redeemed {
        session: usize,
        new: bool,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Admission {
    pub(super) session: usize,
    /// As its token says, and an administrator.
    pub(super) capabilities: u16,
    /// What it may do there.
    pub(super) allowed: u16,
    pub(super) joined: Option<usize>,
    pub(super) by_ticket: bool,
}

impl Admission {
    const fn of(session: usize, capabilities: u16, by_ticket: bool) -> Self {
        Self { session, capabilities, allowed: capabilities, joined: None, by_ticket }
    }
}

/// `main`, `a` and `b`.
pub(super) const WORKSPACES: [&str; 3] = ["main", "a", "b"];

/// An outcome, and what goes with it.
pub(super) struct Verdict {
    pub(super) outcome: Outcome,
    pub(super) charged: Charged,
    /// Which token it was on.
    pub(super) token: Option<usize>,
}

impl Verdict {
    pub(super) const fn new(outcome: Outcome, charged: Charged) -> Self {
        Self { outcome, charged, token: None }
    }
}

/// A guess that failed, or may have: whose counter it goes on.
pub(super) enum Charged {
    No,
    Code,
    Other,
}

#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) choices: Choices,
    pub(super) now: u64,
    pub(super) seen_at: u64,
    pub(super) limits: (u32, u32),
    pub(super) grants: Vec<Grant>,
    pub(super) sessions: Vec<Session>,
    pub(super) tokens: Vec<Token>,
    pub(super) tickets: Vec<Ticket>,
    /// What everybody may do in a workspace, and whether they are at home there.
    pub(super) members: [Option<(u16, bool)>; WORKSPACES.len()],
    /// Start, guesses at codes, other guesses.
    pub(super) counters: BTreeMap<Vec<u8>, (u64, u32, u32)>,
}

impl Model {
    fn fresh(&self) -> bool {
        self.now - self.seen_at <= 5_000
    }

    /// Steps 6 to 9, and what is charged for them. Changes nothing.
    pub(super) fn judge(&self, passed: &Passed, body: Option<&Body>) -> Verdict {
        match passed.asks {
            Asks::Nothing => Verdict::new(Outcome::Open, Charged::No),
            Asks::Whoever if passed.presented == Presented::Nothing => {
                Verdict::new(Outcome::Open, Charged::No)
            }
            Asks::Whoever => self.judge_session(passed, 0),
            Asks::Session(needed) => self.judge_session(passed, needed),
            // None is known.
            Asks::Process if passed.presented == Presented::Local => {
                Verdict::new(Outcome::Denied, Charged::Other)
            }
            Asks::Process => Verdict::new(Outcome::Denied, Charged::No),
            Asks::Grant { token } => self.judge_grant(passed, token, body),
        }
    }

    fn judge_session(&self, passed: &Passed, needed: u16) -> Verdict {
        if self.choices.unguarded {
            let there = passed.wanted == Wanted::Own || self.choices.claims.is_empty();
            let enough = needed & !UNGUARDED == 0 && there;
            let outcome = if enough { Outcome::Nobody } else { Outcome::Denied };
            return Verdict::new(outcome, Charged::No);
        }
        let judged = match &passed.presented {
            Presented::Nothing => Err(Charged::No),
            Presented::Local => Err(Charged::Other),
            Presented::Bearer(text) | Presented::Cookie(text) => {
                self.judge_token(text).map(|(admission, token)| (admission, Some(token)))
            }
            Presented::Ticket { ticket, cookie } => {
                let beside = cookie.as_ref().map(|text| self.judge_token(text)).transpose();
                beside.and_then(|beside| {
                    let beside = beside.map(|(admission, _)| admission.session);
                    let origin = passed.origin.as_deref();
                    Ok((self.judge_ticket(ticket, beside, origin, needed)?, None))
                })
            }
        };
        match judged {
            Ok((admission, token)) => {
                let admission = self.join(passed.wanted, admission);
                let outcome = match admission.filter(|one| needed & !one.allowed == 0) {
                    Some(admission) => Outcome::Admitted(admission),
                    None => Outcome::Denied,
                };
                Verdict { outcome, charged: Charged::No, token }
            }
            Err(charged) => Verdict::new(Outcome::Denied, charged),
        }
    }

    /// Step 8: as far as a membership goes.
    fn join(&self, wanted: Wanted, admission: Admission) -> Option<Admission> {
        let found = match wanted {
            Wanted::Own => return Some(admission),
            _ if self.choices.claims.is_empty() => {
                return Some(Admission { joined: Some(0), ..admission });
            }
            Wanted::Nobodys => None,
            Wanted::This(workspace) => Some(workspace),
            Wanted::Default => self.default_workspace(),
        };
        let (capabilities, _) = self.members[found?]?;
        let allowed = admission.capabilities & capabilities;
        Some(Admission { joined: found, allowed, ..admission })
    }

    fn default_workspace(&self) -> Option<usize> {
        let mine = (0..WORKSPACES.len()).filter(|one| self.members[*one].is_some());
        let mine: Vec<_> = mine.collect();
        let home = mine.iter().find(|one| self.members[**one].is_some_and(|(_, home)| home));
        let main = mine.iter().find(|one| **one == 0);
        home.or(main).or(mine.first().filter(|_| mine.len() == 1)).copied()
    }

    /// A membership replaces the former, and a home every other.
    pub(super) fn enrol(&mut self, workspace: usize, capabilities: u16, home: bool) {
        if home {
            self.members.iter_mut().flatten().for_each(|member| member.1 = false);
        }
        self.members[workspace] = Some((capabilities, home));
    }

    fn judge_token(&self, text: &[u8]) -> Result<(Admission, usize), Charged> {
        let token = self.tokens.iter().position(|known| known.text.as_bytes() == text);
        let token = token.ok_or(Charged::Other)?;
        let Token { session, capabilities, expires, .. } = self.tokens[token];
        let owner = &self.sessions[session];
        if self.now >= expires.min(owner.end) || owner.revoked || !self.fresh() {
            return Err(Charged::No);
        }
        let capabilities = capabilities & owner.limit;
        Ok((Admission::of(session, capabilities, false), token))
    }

    fn judge_ticket(
        &self,
        text: &[u8],
        beside: Option<usize>,
        origin: Option<&[u8]>,
        needed: u16,
    ) -> Result<Admission, Charged> {
        let shaped = crate::fuzz::naive::base64url_decode(text).is_some_and(|b| b.len() == 32);
        if !shaped {
            return Err(Charged::Other);
        }
        if !self.fresh() {
            return Err(Charged::No);
        }
        let ticket = self.tickets.iter().find(|known| known.text.as_bytes() == text);
        let ticket = ticket.ok_or(Charged::Other)?;
        let same = beside.is_none_or(|beside| beside == ticket.session);
        if ticket.used || self.now >= ticket.expires || ticket.origin.as_deref() != origin || !same
        {
            return Err(Charged::Other);
        }
        let session = &self.sessions[ticket.session];
        let capabilities = ticket.capabilities & session.capabilities;
        if session.revoked || self.now >= session.expires || needed & !capabilities != 0 {
            return Err(Charged::No);
        }
        Ok(Admission::of(ticket.session, capabilities & session.limit, true))
    }

    fn judge_grant(&self, passed: &Passed, token: bool, body: Option<&Body>) -> Verdict {
        let Some(body) = body.filter(|_| self.fresh()) else {
            return Verdict::new(Outcome::Denied, Charged::No);
        };
        let charged = if body.grant.len() < 43 { Charged::Code } else { Charged::Other };
        if self.is_limited(passed.client, &charged) {
            return Verdict::new(Outcome::Denied, Charged::No);
        }
        let grant = self.grants.iter().find(|grant| grant.text == body.grant && !grant.revoked);
        let outcome =
            grant.map_or(Outcome::Denied, |grant| self.judge_redemption(grant, token, body));
        Verdict::new(outcome, charged)
    }

    fn judge_redemption(&self, grant: &Grant, token: bool, body: &Body) -> Outcome {
        let again = grant
            .bought
            .iter()
            .find(|past| past.0 == body.nonce && past.1 == token && self.now < past.3 + 60_000);
        if let Some(&(_, _, session, _)) = again {
            let row = &self.sessions[session];
            let lives = !row.revoked && self.now < row.expires;
            return if lives { Outcome::Redeemed { session, new: false } } else { Outcome::Denied };
        }
        if self.now < grant.expires && grant.left > 0 {
            return Outcome::Redeemed { session: self.sessions.len(), new: true };
        }
        Outcome::Denied
    }

    fn counter(&self, client: IpAddr) -> (u64, u32, u32) {
        let counter = self.counters.get(&key(client)).copied().unwrap_or((self.now, 0, 0));
        if self.now >= counter.0 + 60_000 { (self.now, 0, 0) } else { counter }
    }

    fn is_limited(&self, client: IpAddr, charged: &Charged) -> bool {
        let (_, codes, others) = self.counter(client);
        match charged {
            Charged::No => false,
            Charged::Code => codes >= self.limits.0,
            Charged::Other => others >= self.limits.1,
        }
    }

    pub(super) fn charge(&mut self, client: IpAddr, charged: &Charged) {
        let (start, codes, others) = self.counter(client);
        let (most_codes, most_others) = self.limits;
        let counter = match charged {
            Charged::No => return,
            Charged::Code => (start, most_codes.min(codes + 1), others),
            Charged::Other => (start, codes, most_others.min(others + 1)),
        };
        self.counters.insert(key(client), counter);
    }

    pub(super) fn forget_guesses(&mut self) {
        self.counters.clear();
    }

    /// Whether some grant pays for a session more.
    pub(super) fn may_open(&self, body: &Body) -> bool {
        let pays = |grant: &Grant| {
            grant.text == body.grant && !grant.revoked && grant.left > 0 && self.now < grant.expires
        };
        self.grants.iter().any(pays)
    }

    /// A grant was redeemed, and its session opened.
    pub(super) fn open_session(&mut self, body: &Body, token: bool) -> usize {
        let session = self.sessions.len();
        let grant = self.grants.iter_mut().find(|grant| grant.text == body.grant);
        let grant = grant.expect("it was found before");
        grant.left -= 1;
        grant.bought.push((body.nonce, token, session, self.now));
        let created = self.now / 1000 * 1000;
        self.sessions.push(Session {
            capabilities: grant.capabilities,
            limit: 15,
            created,
            expires: created + IDLE,
            end: created + ABSOLUTE,
            revoked: false,
        });
        session
    }

    /// The token that renews the one of an admission, if it is time.
    pub(super) fn renewal(&self, admission: &Admission, token: Option<usize>) -> Option<Token> {
        let token = &self.tokens[token?];
        let half = token.issued + (token.expires - token.issued) / 2;
        let issued = self.now / 1000 * 1000;
        let expires = (issued + IDLE).min(self.sessions[admission.session].end);
        (self.now >= half && expires > token.expires).then(|| Token {
            text: String::new(),
            session: admission.session,
            capabilities: admission.capabilities,
            issued,
            expires,
        })
    }
}

/// An IPv4 address, or the upper half of an IPv6 address.
fn key(client: IpAddr) -> Vec<u8> {
    match client.to_canonical() {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets()[..8].to_vec(),
    }
}
