//! The policy's side: an installation made of its real parts, which carries out the operations of
//! a trace as a gate with a store in memory would.

mod admission;
mod records;
mod room;

use std::fmt::Write as _;
use std::time::Duration;

use doorward_policy::grant::{GrantSecret, Nonce};
use doorward_policy::host::AllowedHost;
use doorward_policy::id::SessionId;
use doorward_policy::keys::{Digester, KeyRing, MasterKeys, Purpose};
use doorward_policy::ledger::{Capacity, Ledger};
use doorward_policy::limiter::{Limiter, Limits};
use doorward_policy::origin::AllowedOrigin;
use doorward_policy::room::{Place, Room};
use doorward_policy::route::Routes;
use doorward_policy::session::Lifetimes;
use doorward_policy::settings::{Exposure, Guarding};
use doorward_policy::standing::Standings;
use doorward_policy::{Capabilities, Guard, Settings, Timestamp};

use super::{Kind, Operation, Trace};

/// Carries a trace out, and appends a line of outcome for each of its lines.
pub fn carry_out(trace: &Trace, outcomes: &mut String) {
    let (mut installation, ready) = Installation::new(trace.settings.numbers());
    outcomes.push_str(ready);
    outcomes.push('\n');
    for operation in &trace.operations {
        installation.step(operation, outcomes);
        outcomes.push('\n');
    }
    outcomes.push_str("end\n");
}

/// How much there is by now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Made {
    pub(super) grants: u64,
    pub(super) tokens: u64,
    pub(super) places: u64,
    pub(super) questions: u64,
}

pub(super) struct Installation {
    now: Timestamp,
    settings: Settings,
    masters: MasterKeys,
    ring: KeyRing,
    digester: Digester,
    ledger: Ledger,
    standings: Standings,
    limiter: Limiter,
    /// Of the last change to the workspaces.
    revision: u64,
    /// The secrets of the grants that were kept, by number.
    grants: Vec<GrantSecret>,
    /// How many sessions have been opened.
    sessions: u64,
    /// The texts of the tokens that were issued, by number.
    tokens: Vec<String>,
    room: Room,
    places: Vec<Place>,
}

impl Installation {
    pub(super) fn new(numbers: &[u64]) -> (Self, &'static str) {
        let mut all = [0; 16];
        all.iter_mut().zip(numbers).for_each(|(to, from)| *to = *from);
        let [idle, absolute, codes, others, counters, sessions, grants, fresh, start, ..] = all;
        let [.., exposure, guarding, workers, root, a, b, c] = all;
        let now = Timestamp::from_millis(start);
        let lifetimes = Lifetimes::new(Duration::from_secs(idle), Duration::from_secs(absolute));
        let limits =
            Limits { codes: small(codes), others: small(others), capacity: size(counters) };
        let settings = Settings {
            exposure: match exposure {
                0 => Exposure::Loopback,
                1 => Exposure::Desktop,
                _ => Exposure::Remote,
            },
            guarding: if guarding == 0 { Guarding::Required } else { Guarding::Unguarded },
            allowed_hosts: AllowedHost::parse("doorward.example").into_iter().collect(),
            allowed_origins: AllowedOrigin::parse("https://friend.example").into_iter().collect(),
            routes: routes([root, a, b, c]),
            service_workers: workers > 0,
            lifetimes: lifetimes.unwrap_or_default(),
            guesses: limits,
            ..Settings::default()
        };
        let masters = MasterKeys::generate([0x11; 16], [0x22; 32], secret(0x33, 1), now);
        let capacity =
            Capacity { sessions: size(sessions), grants: size(grants), ..Capacity::default() };
        let installation = Self {
            now,
            settings,
            ring: masters.ring(Purpose::Session),
            digester: masters.digester(),
            masters,
            ledger: Ledger::new(capacity, [9; 8]),
            standings: Standings::new([7; 8], Duration::from_millis(fresh)),
            limiter: Limiter::new(limits),
            revision: 0,
            grants: Vec::new(),
            sessions: 0,
            tokens: Vec::new(),
            room: Room::new(),
            places: Vec::new(),
        };
        (installation, if lifetimes.is_ok() { "ready" } else { "refused lifetimes" })
    }

    pub(super) fn step(&mut self, operation: &Operation, out: &mut String) {
        let numbers = operation.numbers();
        let done = "done";
        match (operation.kind, numbers) {
            (Kind::Advance, [span]) => {
                self.now = self.now.plus(Duration::from_millis(*span));
                say(out, format_args!("now {}", self.now.as_millis()));
            }
            (Kind::Refresh, _) => {
                self.standings.refreshed(self.now);
                out.push_str(done);
            }
            (Kind::Sweep, _) => {
                self.ledger.expire(self.now, usize::MAX);
                out.push_str(done);
            }
            (Kind::Prune, _) => {
                self.standings.prune(self.now);
                out.push_str(done);
            }
            (Kind::Rotate | Kind::Replace | Kind::PruneKeys, _) => self.keys(operation.kind, out),
            (Kind::Request, _) => self.request(numbers, out),
            (Kind::Renew, [ahead, request @ ..]) => self.renew(*ahead, request, out),
            (Kind::Hello, _) => self.hello(numbers, out),
            (
                Kind::Grant
                | Kind::RevokeGrant
                | Kind::Revoke
                | Kind::Limit
                | Kind::Uses
                | Kind::Row,
                _,
            ) => self.record(operation, out),
            (Kind::Create | Kind::Place | Kind::Delete | Kind::Member | Kind::Expel, _) => {
                self.change(operation, out);
            }
            _ => self.in_room(operation, out),
        }
    }

    pub(super) fn made(&self) -> Made {
        Made {
            grants: self.grants.len() as u64,
            tokens: self.tokens.len() as u64,
            places: self.places.len() as u64,
            questions: self
                .room
                .questions()
                .map(|(id, _)| room::question_number(id) + 1)
                .max()
                .unwrap_or(0),
        }
    }

    fn keys(&mut self, kind: Kind, out: &mut String) {
        let new = secret(0x33, self.masters.last_id().wrapping_add(1));
        let changed = match kind {
            Kind::Rotate => self.masters.rotate(new, self.now).map(Some),
            Kind::Replace => self.masters.replace(new, self.now).map(Some),
            _ => {
                self.masters.prune(self.now);
                Ok(None)
            }
        };
        match changed {
            Ok(Some(id)) => say(out, format_args!("key {id}")),
            Ok(None) => {
                out.push_str("keys");
                let ids = self.masters.masters().iter().map(|master| u64::from(master.id));
                numbers(out, ids);
            }
            Err(_) => out.push_str("refused exhausted"),
        }
        self.ring = self.masters.ring(Purpose::Session);
    }

    fn guard(&self) -> Guard<'_> {
        Guard {
            settings: &self.settings,
            keys: &self.ring,
            digester: &self.digester,
            standings: &self.standings,
            directory: self.ledger.directory(),
        }
    }

    fn guard_and_limiter(&mut self) -> (Guard<'_>, &mut Limiter) {
        let guard = Guard {
            settings: &self.settings,
            keys: &self.ring,
            digester: &self.digester,
            standings: &self.standings,
            directory: self.ledger.directory(),
        };
        (guard, &mut self.limiter)
    }

    /// A grant's secret by its number; one that no record has for a grant that never was.
    fn secret_of(&self, grant: u64) -> &GrantSecret {
        static UNKNOWN: GrantSecret = GrantSecret::link([0xee; 32]);
        usize::try_from(grant).ok().and_then(|at| self.grants.get(at)).unwrap_or(&UNKNOWN)
    }
}

fn routes(rules: [u64; 4]) -> Routes {
    let mut routes = Routes::none();
    for (prefix, rule) in ["/", "/a", "/b", "/c"].into_iter().zip(rules) {
        let needed = rule.checked_sub(1).map(capabilities);
        let added = needed.is_none_or(|needed| routes.add(prefix, needed));
        debug_assert!(added, "the prefixes are plain");
    }
    routes
}

/// 32 bytes that no other purpose and number have.
fn secret(purpose: u8, number: u8) -> [u8; 32] {
    let mut secret = [purpose; 32];
    secret[31] = number;
    secret
}

fn capabilities(bits: u64) -> Capabilities {
    Capabilities::from_bits(bits as u16 & 15).unwrap_or_default()
}

fn session_id(number: u64) -> SessionId {
    let mut bytes = [0x5e; 16];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    SessionId::new(bytes)
}

fn session_number(id: SessionId) -> u64 {
    id.as_bytes().first_chunk().map_or(u64::MAX, |bytes| u64::from_be_bytes(*bytes))
}

/// A client's nonce by its number: 16 to 32 bytes.
fn nonce_bytes(number: u64) -> Vec<u8> {
    let mut bytes = vec![0xa5; 16 + (number % 17) as usize];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    bytes
}

fn nonce(number: u64, digester: &Digester) -> Option<Nonce> {
    Nonce::from_bytes(&nonce_bytes(number), digester)
}

fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn say(out: &mut String, words: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(words);
}

fn numbers(out: &mut String, numbers: impl IntoIterator<Item = u64>) {
    for number in numbers {
        say(out, format_args!(" {number}"));
    }
}
