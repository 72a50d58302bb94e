//! One installation at a frozen moment, and requests and hellos to it.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

pub mod drive;
pub mod hello;
pub mod record;
pub mod request;
pub mod workspace;

use core::time::Duration;

use doorward_policy::capability::Capabilities;
use doorward_policy::denial::Denial;
use doorward_policy::grant::{Attempt, Counter, GrantRecord, GrantRequest, Nonce};
use doorward_policy::id::SessionId;
use doorward_policy::keys::{Digester, KeyRing, MasterKeys, Purpose};
use doorward_policy::ledger::{Capacity, Ledger};
use doorward_policy::limiter::{Charge, Guess, LimitKey, Limited, Limiter, Limits};
use doorward_policy::session::{Lifetimes, SessionRecord};
use doorward_policy::standing::{DEFAULT_FRESHNESS, Standings};
use doorward_policy::subject::Subject;
use doorward_policy::token::{self, Claims, Method};
use doorward_policy::workspace::{Asked, Directory};
use doorward_policy::{Admitted, Decision, Denied, Guard, Settings, Timestamp};

pub use hello::RawHello;
pub use request::Request;

/// The moment at which everything happens unless a test says otherwise.
pub const NOW: Timestamp = Timestamp::from_secs(1_750_000_000);
pub const ISSUER: [u8; 16] = [0x11; 16];
pub const PEPPER: [u8; 32] = [0x22; 32];
pub const MASTER: [u8; 32] = [0x33; 32];
pub const SESSION: SessionId = SessionId::new([0x5e; 16]);

pub const DAY: Duration = Duration::from_secs(24 * 3600);

pub fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub fn millis(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

pub fn subject(text: &str) -> Subject {
    Subject::new(text).expect("a subject")
}

pub fn masters() -> MasterKeys {
    MasterKeys::generate(ISSUER, PEPPER, MASTER, NOW.minus(DAY))
}

/// A limiter that notes what it was charged.
pub struct Counting {
    pub inner: Limiter,
    pub charges: Vec<(LimitKey, Guess)>,
}

impl Charge for Counting {
    fn charge(&mut self, key: LimitKey, guess: Guess, now: Timestamp) -> Result<(), Limited> {
        self.charges.push((key, guess));
        self.inner.charge(key, guess, now)
    }
}

pub struct World {
    pub settings: Settings,
    pub keys: KeyRing,
    pub digester: Digester,
    pub standings: Standings,
    pub directory: Directory,
    pub limiter: Counting,
    pub ledger: Ledger,
    /// Of the last change to the workspaces.
    pub revision: u64,
    pub now: Timestamp,
}

impl World {
    pub fn new() -> Self {
        let masters = masters();
        let mut standings = Standings::new([7; 8], DEFAULT_FRESHNESS);
        standings.refreshed(NOW);
        Self {
            settings: Settings::default(),
            keys: masters.ring(Purpose::Session),
            digester: masters.digester(),
            standings,
            directory: Directory::default(),
            limiter: Counting { inner: Limiter::new(Limits::default()), charges: Vec::new() },
            ledger: Ledger::new(Capacity::default(), [9; 8]),
            revision: 0,
            now: NOW,
        }
    }

    /// Time goes on, and revocations are known up to then.
    pub fn advance(&mut self, span: Duration) {
        self.now = self.now.plus(span);
        self.standings.refreshed(self.now);
    }

    pub fn guard(&self) -> Guard<'_> {
        Guard {
            settings: &self.settings,
            keys: &self.keys,
            digester: &self.digester,
            standings: &self.standings,
            directory: &self.directory,
        }
    }

    pub fn decide(&mut self, request: &Request) -> Decision {
        let Self { settings, keys, digester, standings, directory, limiter, now, .. } = self;
        let guard = Guard { settings, keys, digester, standings, directory };
        request.with_head(|head| guard.decide(head, limiter, *now))
    }

    pub fn denied(&mut self, request: &Request) -> Denied {
        match self.decide(request) {
            Decision::Deny(denied) => denied,
            Decision::Local(awaiting) => self.look_up(awaiting).expect_err("a denial"),
            other => panic!("expected a denial of {request:?}, got {other:?}"),
        }
    }

    pub fn denial(&mut self, request: &Request) -> Denial {
        self.denied(request).denial
    }

    pub fn admit(&mut self, request: &Request) -> Admitted {
        match self.decide(request) {
            Decision::Admit(admitted) => admitted,
            other => panic!("expected an admission of {request:?}, got {other:?}"),
        }
    }

    pub fn admits(&mut self, request: &Request) -> bool {
        matches!(self.decide(request), Decision::Admit(_))
    }

    pub fn decide_hello(&mut self, hello: &RawHello) -> Decision {
        let Self { settings, keys, digester, standings, directory, limiter, now, .. } = self;
        let guard = Guard { settings, keys, digester, standings, directory };
        hello.with_greeting(|greeting| guard.decide_hello(greeting, limiter, *now))
    }

    pub fn hello_denied(&mut self, hello: &RawHello) -> Denied {
        match self.decide_hello(hello) {
            Decision::Deny(denied) => denied,
            Decision::Local(awaiting) => self.look_up(awaiting).expect_err("a denial"),
            other => panic!("expected a denial of {hello:?}, got {other:?}"),
        }
    }

    pub fn hello_denial(&mut self, hello: &RawHello) -> Denial {
        self.hello_denied(hello).denial
    }

    pub fn admit_hello(&mut self, hello: &RawHello) -> Admitted {
        match self.decide_hello(hello) {
            Decision::Admit(admitted) => admitted,
            other => panic!("expected an admission of {hello:?}, got {other:?}"),
        }
    }

    pub fn token_of(&self, claims: &Claims) -> String {
        token::issue(claims, &self.keys, self.now).expect("a ring signs").expose().to_owned()
    }

    /// A token of [`SESSION`] that may observe and operate.
    pub fn token(&self) -> String {
        self.token_of(&claims())
    }

    /// A token of [`SESSION`] that may do just this.
    pub fn token_with(&self, capabilities: Capabilities) -> String {
        self.token_of(&Claims { capabilities, ..claims() })
    }
}

pub fn claims() -> Claims {
    Claims {
        session: SESSION,
        subject: subject("laptop"),
        capabilities: Capabilities::START_UP,
        method: Method::Link,
        issued_at: NOW,
        expires_at: NOW.plus(7 * DAY),
        absolute_end: NOW.plus(30 * DAY),
    }
}

pub fn session_record(id: u8, now: Timestamp) -> SessionRecord {
    SessionRecord {
        id: SessionId::new([id; 16]),
        subject: subject("laptop"),
        capabilities: Capabilities::START_UP,
        method: Method::Link,
        grant: doorward_policy::id::GrantId::new([id; 16]),
        opened_from: None,
        created_at: now,
        expires_at: now.plus(7 * DAY),
        absolute_end: now.plus(30 * DAY),
        revoked_at: None,
    }
}

pub fn grant_request(uses: u32, life: Duration) -> GrantRequest {
    GrantRequest {
        label: subject("laptop"),
        capabilities: Capabilities::START_UP,
        method: Method::Link,
        uses,
        life,
    }
}

/// A grant made at [`NOW`].
pub fn grant(uses: u32, life: Duration) -> GrantRecord {
    GrantRecord::issue(&grant_request(uses, life), Capabilities::ALL, [0x6a; 16], NOW)
        .expect("a request within bounds")
}

pub fn nonce(seed: u8) -> Nonce {
    let text = doorward_policy::encoding::base64url(&[seed; 16]);
    Nonce::parse(&text, &masters().digester()).expect("16 bytes")
}

/// An attempt at `api/bootstrap` that would open the session with this id.
pub fn attempt(nonce_seed: u8, session: u8) -> Attempt {
    Attempt {
        nonce: nonce(nonce_seed),
        counter: Counter::Bootstrap,
        needed: Capabilities::NONE,
        asked: Asked::Own,
        session: SessionId::new([session; 16]),
        peer: None,
        lifetimes: Lifetimes::DEFAULT,
    }
}
