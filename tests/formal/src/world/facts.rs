//! What is the same in every state: keys, settings, secrets, and the requests that clients make.

use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;

use doorward_policy::admission::{AwaitGrant, Greeting};
use doorward_policy::capability::Capabilities;
use doorward_policy::grant::{Counter, GrantSecret, Nonce};
use doorward_policy::hello::{ALPN, Hello, Kind, Offered, Purpose as Wanted};
use doorward_policy::id::SessionId;
use doorward_policy::keys::{Digest, Digester, KeyRing, MasterKeys, Purpose};
use doorward_policy::limiter::{Charge, Guess, LimitKey, Limited};
use doorward_policy::request::{Field, Head};
use doorward_policy::route::Routes;
use doorward_policy::session::Lifetimes;
use doorward_policy::standing::Standings;
use doorward_policy::subject::Subject;
use doorward_policy::token::{self, Claims, Method};
use doorward_policy::workspace::{Directory, WorkspaceName};
use doorward_policy::{Admitted, Decision, Denial, Denied, Guard, Settings, Timestamp};

use super::gate::Mirror;

/// The first moment of every world.
const START: Timestamp = Timestamp::from_secs(1_750_000_000);
/// How much time passes at once. The life of a token, that of a grant and the window of a repetition
/// are multiples, so that the moments at which they end are met exactly.
pub(super) const TICK: Duration = Duration::from_secs(30);
/// How old what is known of revocations may be: one tick.
pub(super) const FRESHNESS: Duration = TICK;
/// How long a token lives: two ticks.
pub(super) const IDLE: Duration = Duration::from_secs(60);
/// How long a session lives: two ticks and a half, so that a renewal after one is cut short.
pub(super) const ABSOLUTE: Duration = Duration::from_secs(75);

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const HOST: &str = "localhost:8765";
const ORIGIN: &str = "http://localhost:8765";
/// The session whose cookie somebody planted in every browser.
pub(super) const PLANTED: SessionId = SessionId::new([0xee; 16]);
/// A path that the rules name.
pub(super) const GUARDED: &str = "/terminal";

/// What is guarded, and asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// What the session sees by default.
    Default,
    /// The workspace that claims `/blue`.
    Blue,
}

impl Place {
    const fn path(self) -> &'static str {
        match self {
            Self::Default => GUARDED,
            Self::Blue => "/blue/terminal",
        }
    }

    fn workspace(self) -> Option<WorkspaceName> {
        match self {
            Self::Default => None,
            Self::Blue => Some(blue()),
        }
    }
}

/// The workspace that not everybody may see.
pub(super) fn blue() -> WorkspaceName {
    WorkspaceName::new("blue").expect("a name")
}

/// By which transport something is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Door {
    /// An upgrade of a browser, with its cookie.
    WebSocket,
    /// A QUIC hello.
    Quic,
}

/// The limiter is explored by its own tests: here no address ever runs out of guesses.
pub(super) struct Unlimited;

impl Charge for Unlimited {
    fn charge(&mut self, _: LimitKey, _: Guess, _: Timestamp) -> Result<(), Limited> {
        Ok(())
    }
}

/// What is the same in every state.
#[derive(Debug)]
pub struct Facts {
    pub(super) settings: Settings,
    /// As `settings`, but only [`GUARDED`] has a rule.
    pub(super) ruled: Settings,
    pub(super) keys: KeyRing,
    pub(super) digester: Digester,
    /// Knows of nothing, and is never old.
    pub(super) blank: Standings,
    empty: Directory,
    planted: String,
}

impl Facts {
    pub(super) fn new() -> Self {
        let masters = MasterKeys::generate([0x11; 16], [0x22; 32], [0x33; 32], Timestamp::EPOCH);
        let keys = masters.ring(Purpose::Session);
        let lifetimes = Lifetimes::new(IDLE, ABSOLUTE).expect("within bounds");
        let settings = Settings { lifetimes, ..Settings::default() };
        let mut routes = Routes::none();
        assert!(routes.add(GUARDED, Capabilities::OPERATE), "a prefix");
        let ruled = Settings { routes, ..settings.clone() };
        let mut blank = Standings::new([0; 8], FRESHNESS);
        blank.refreshed(Timestamp::from_millis(u64::MAX));
        let planted = text_of(&planted_claims(), &keys);
        let (digester, empty) = (masters.digester(), Directory::default());
        Self { settings, ruled, keys, digester, blank, empty, planted }
    }

    pub(super) const fn guard<'a>(&'a self, mirror: &'a Mirror) -> Guard<'a> {
        Guard {
            settings: &self.settings,
            keys: &self.keys,
            digester: &self.digester,
            standings: &mirror.standings,
            directory: &mirror.directory,
        }
    }

    /// A guard that nothing was ever told.
    pub(super) const fn unknowing(&self) -> Guard<'_> {
        Guard {
            settings: &self.settings,
            keys: &self.keys,
            digester: &self.digester,
            standings: &self.blank,
            directory: &self.empty,
        }
    }

    pub(super) fn digest(&self, grant: u8) -> Digest {
        secret_of(grant).digest(&self.digester)
    }

    pub(super) fn nonce(&self, client: u8, number: u8) -> Nonce {
        let bytes = [client.wrapping_mul(16).wrapping_add(number); 16];
        Nonce::from_bytes(&bytes, &self.digester).expect("16 bytes")
    }

    pub(super) fn sign(&self, claims: &Claims) -> String {
        text_of(claims, &self.keys)
    }

    /// Goes to where a grant is redeemed, with the planted cookie where there are cookies.
    pub(super) fn approach(
        &self,
        guard: &Guard<'_>,
        counter: Counter,
        now: Timestamp,
    ) -> Result<AwaitGrant, Denied> {
        let decision = match counter {
            Counter::Bootstrap => {
                let cookie = format!("doorward_8765={}", self.planted);
                let fields = [("Origin", ORIGIN), ("Cookie", &cookie)];
                post("/.doorward/api/bootstrap", &fields, guard, now)
            }
            Counter::Token | Counter::Admin => post("/.doorward/api/token", &[], guard, now),
            Counter::Hello => {
                let text = secret_of(0).expose();
                let offered = Offered::One(Kind::Grant, text.as_bytes());
                greet(Wanted::Token, offered, None, guard, now)
            }
        };
        match decision {
            Decision::Grant(awaiting) => Ok(awaiting),
            Decision::Deny(denied) => Err(denied),
            other => panic!("{counter:?} takes a grant, and came to {other:?}"),
        }
    }
}

/// Presents a token where what is guarded is reached.
pub(super) fn knock(
    guard: &Guard<'_>,
    door: Door,
    token: &str,
    place: Place,
    now: Timestamp,
) -> Result<Admitted, Denied> {
    let decision = match door {
        Door::WebSocket => {
            let cookie = format!("doorward_8765={token}");
            let fields = [
                ("Origin", ORIGIN),
                ("Connection", "Upgrade"),
                ("Upgrade", "websocket"),
                ("Sec-WebSocket-Version", "13"),
                ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
                ("Cookie", &cookie),
            ];
            ask("GET", place.path(), &fields, guard, now)
        }
        Door::Quic => {
            let offered = Offered::One(Kind::Session, token.as_bytes());
            greet(Wanted::Open, offered, place.workspace(), guard, now)
        }
    };
    settled(decision)
}

/// Presents a token to one of Doorward's own endpoints.
pub(super) fn call(
    guard: &Guard<'_>,
    endpoint: &str,
    token: &str,
    now: Timestamp,
) -> Result<Admitted, Denied> {
    let bearer = format!("Bearer {token}");
    settled(post(endpoint, &[("Authorization", &bearer)], guard, now))
}

fn settled(decision: Decision) -> Result<Admitted, Denied> {
    match decision {
        Decision::Admit(admitted) => Ok(admitted),
        Decision::Deny(denied) => Err(denied),
        other => panic!("a token is admitted or denied, and came to {other:?}"),
    }
}

fn post(target: &str, fields: &[(&str, &str)], guard: &Guard<'_>, now: Timestamp) -> Decision {
    ask("POST", target, fields, guard, now)
}

fn ask(
    method: &str,
    target: &str,
    fields: &[(&str, &str)],
    guard: &Guard<'_>,
    now: Timestamp,
) -> Decision {
    let host = [("Host", HOST)];
    let fields: Vec<Field<'_>> = host
        .iter()
        .chain(fields)
        .map(|(name, value)| Field { name, value: value.as_bytes() })
        .collect();
    let head = Head { method, target, fields: &fields, peer: PEER, tls: false };
    guard.decide(&head, &mut Unlimited, now)
}

fn greet(
    purpose: Wanted,
    offered: Offered<'_>,
    workspace: Option<WorkspaceName>,
    guard: &Guard<'_>,
    now: Timestamp,
) -> Decision {
    let nonce: &[u8] = if matches!(offered, Offered::One(Kind::Grant, _)) { &[7; 16] } else { &[] };
    let capabilities = Capabilities::NONE;
    let hello = Hello { purpose, offered, nonce, workspace, capabilities };
    let frame = hello.frame().expect("it fits");
    let body = frame.get(2..).expect("a body");
    let greeting = Greeting { body, server_name: Some("localhost"), protocol: ALPN, peer: PEER };
    guard.decide_hello(&greeting, &mut Unlimited, now)
}

/// The moment after this many ticks.
pub(super) fn moment(ticks: u8) -> Timestamp {
    START.plus(TICK * u32::from(ticks))
}

pub(super) fn secret_of(grant: u8) -> GrantSecret {
    GrantSecret::link([0xa0 | grant; 32])
}

pub(super) fn subject(text: &str) -> Subject {
    Subject::new(text).expect("a subject")
}

/// What a caller is told, without the trace: all that may tell one refusal from another.
pub(super) fn told(denial: Denial) -> (u16, &'static str, String) {
    let public = denial.public();
    (public.status, public.code, denial.message().to_string())
}

fn planted_claims() -> Claims {
    Claims {
        session: PLANTED,
        subject: subject("mallory"),
        capabilities: Capabilities::START_UP,
        method: Method::Link,
        issued_at: START,
        expires_at: START.plus(ABSOLUTE),
        absolute_end: START.plus(ABSOLUTE),
    }
}

fn text_of(claims: &Claims, keys: &KeyRing) -> String {
    token::issue(claims, keys, claims.issued_at).expect("a ring signs").expose().to_owned()
}
