//! The installation that every input meets: fixed keys, a fixed time, a handful of sessions.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;
use std::time::Duration;

use doorward_policy::admission::AwaitLocal;
use doorward_policy::admission::{AwaitTicket, Decision, Guard, StoreFailure};
use doorward_policy::id::{GrantId, Issuer, SessionId};
use doorward_policy::keys::{Digester, KeyRing, Master, MasterKeys, Purpose};
use doorward_policy::limiter::{Charge, Guess, LimitKey, Limited};
use doorward_policy::local::Liveness;
use doorward_policy::request::{Field, Head};
use doorward_policy::secret::Secret;
use doorward_policy::session::SessionRecord;
use doorward_policy::standing::{DEFAULT_FRESHNESS, Standing, Standings};
use doorward_policy::subject::Subject;
use doorward_policy::ticket::{TicketRecord, TicketSecret, consume};
use doorward_policy::token::{self, Claims, Method};
use doorward_policy::workspace::Directory;
use doorward_policy::{Admitted, Capabilities, Settings, Timestamp};

use super::naive;

/// 2027-01-15, in milliseconds.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
pub(crate) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

const ISSUER: [u8; 16] = [0x15; 16];
const PEPPER: [u8; 32] = [0x9e; 32];

/// The keys of an installation, as the policy and as the plain model hold them.
pub(crate) struct Keys {
    pub(crate) ring: KeyRing,
    /// The same masters for the administration origin.
    pub(crate) admin: KeyRing,
    pub(crate) digester: Digester,
    pub(crate) naive: Vec<naive::token::Key>,
}

/// Two masters, the second of which signs at [`NOW`].
pub(crate) static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let masters = master_keys(&[1, 2]);
    Keys {
        ring: masters.ring(Purpose::Session),
        admin: masters.ring(Purpose::Admin),
        digester: masters.digester(),
        naive: vec![key(1), key(2)],
    }
});

/// A ring in which nothing but this key lives.
pub(crate) fn ring_of(id: u8) -> KeyRing {
    master_keys(&[id]).ring(Purpose::Session)
}

/// The plain model's key of this id.
pub(crate) fn key(id: u8) -> naive::token::Key {
    naive::token::Key::derive(id, &[id; 32], &ISSUER, b"doorward/v1/session")
}

/// Keys of somebody else: another purpose, another issuer.
pub(crate) static FOREIGN: LazyLock<[naive::token::Key; 2]> = LazyLock::new(|| {
    [
        naive::token::Key::derive(1, &[1; 32], &ISSUER, b"doorward/v1/admin"),
        naive::token::Key::derive(1, &[1; 32], &[0x51; 16], b"doorward/v1/session"),
    ]
});

fn master_keys(ids: &[u8]) -> MasterKeys {
    let master = |id: &u8| Master {
        id: *id,
        secret: Secret::new([*id; 32]),
        signs_from: Timestamp::from_secs(u32::from(*id)),
    };
    let masters = ids.iter().map(master).collect();
    MasterKeys::restore(Issuer::new(ISSUER), Secret::new(PEPPER), u8::MAX, masters)
        .expect("ids ascend")
}

/// Claims of a session that was opened a minute ago.
pub(crate) fn claims(session: u8, capabilities: Capabilities) -> Claims {
    let issued_at = NOW.minus(Duration::from_secs(60));
    Claims {
        session: SessionId::new([session; 16]),
        subject: Subject::new("someone").expect("it is sound"),
        capabilities,
        method: Method::Link,
        issued_at,
        expires_at: issued_at.plus(Duration::from_secs(7 * 24 * 3600)),
        absolute_end: issued_at.plus(Duration::from_secs(30 * 24 * 3600)),
    }
}

/// The text of a token, under the key that signs at [`NOW`].
pub(crate) fn token(claims: &Claims) -> String {
    token::issue(claims, &KEYS.ring, NOW).expect("a key signs").expose().to_owned()
}

/// The session that is revoked in [`standings`].
pub(crate) const REVOKED: u8 = 0xee;

/// One revocation, and nothing else.
pub(crate) fn standings() -> Standings {
    let mut standings = Standings::new([7; 8], DEFAULT_FRESHNESS);
    standings.note(
        SessionId::new([REVOKED; 16]),
        Standing::Revoked,
        Timestamp::from_secs(u32::MAX),
    );
    standings.refreshed(NOW);
    standings
}

/// Counts what is charged, and never limits.
#[derive(Debug, Default)]
pub(crate) struct Counting {
    pub(crate) charged: u32,
}

impl Charge for Counting {
    fn charge(&mut self, _: LimitKey, _: Guess, _: Timestamp) -> Result<(), Limited> {
        self.charged += 1;
        Ok(())
    }
}

/// A request from this machine, decided on at [`NOW`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) target: &'a str,
    pub(crate) fields: &'a [(&'a str, &'a [u8])],
    pub(crate) tls: bool,
}

impl<'a> Request<'a> {
    pub(crate) const fn get(target: &'a str, fields: &'a [(&'a str, &'a [u8])]) -> Self {
        Self { target, fields, tls: false }
    }

    /// The decision, and how often it charged a guess.
    pub(crate) fn decide(&self, settings: &Settings) -> (Decision, u32) {
        self.decide_among(settings, &Directory::default())
    }

    /// The same, where there are workspaces.
    pub(crate) fn decide_among(
        &self,
        settings: &Settings,
        directory: &Directory,
    ) -> (Decision, u32) {
        let field = |(name, value): &(&'a str, &'a [u8])| Field { name, value };
        let fields: Vec<Field<'_>> = self.fields.iter().map(field).collect();
        let mut limiter = Counting::default();
        let head = Head {
            method: "GET",
            target: self.target,
            fields: &fields,
            peer: LOOPBACK,
            tls: self.tls,
        };
        let decide = |guard: &Guard<'_>| guard.decide(&head, &mut limiter, NOW);
        let decision = with_guard_of(settings, directory, decide);
        (decision, limiter.charged)
    }
}

/// Lends the guard of [`NOW`].
pub(crate) fn with_guard<T>(settings: &Settings, run: impl FnOnce(&Guard<'_>) -> T) -> T {
    with_guard_of(settings, &Directory::default(), run)
}

fn with_guard_of<T>(
    settings: &Settings,
    directory: &Directory,
    run: impl FnOnce(&Guard<'_>) -> T,
) -> T {
    let standings = standings();
    run(&Guard {
        settings,
        keys: &KEYS.ring,
        digester: &KEYS.digester,
        standings: &standings,
        directory,
    })
}

/// The fields of a WebSocket handshake, without those under test.
pub(crate) const HANDSHAKE: [(&str, &[u8]); 4] = [
    ("Connection", b"keep-alive, Upgrade"),
    ("Upgrade", b"websocket"),
    ("Sec-WebSocket-Version", b"13"),
    ("Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ=="),
];

/// Goes on with a ticket, as the gate and its store do, where session 1 has asked for these, each
/// on behalf of a page or of a program.
pub(crate) fn use_ticket(
    waiting: AwaitTicket,
    made: &[(TicketSecret, Option<&str>)],
    settings: &Settings,
    limiter: &mut Counting,
) -> Option<Admitted> {
    let claims = claims(1, Capabilities::START_UP);
    let record = made
        .iter()
        .find(|(secret, _)| *waiting.digest() == secret.digest(&KEYS.digester))
        .map(|(_, origin)| TicketRecord::issue(&claims, *origin, NOW));
    let session = SessionRecord {
        id: claims.session,
        subject: claims.subject,
        capabilities: claims.capabilities,
        method: claims.method,
        grant: GrantId::new([4; 16]),
        opened_from: None,
        created_at: claims.issued_at,
        expires_at: claims.expires_at,
        absolute_end: claims.absolute_end,
        revoked_at: None,
    };
    let outcome =
        consume(record.as_ref(), Some(&session), waiting.attempt(), &Directory::default(), NOW);
    let outcome = outcome.map_err(StoreFailure::Refused);
    with_guard(settings, |guard| waiting.resume(outcome, guard, limiter, NOW).ok())
}

/// Goes on with a local token, as the gate does where none is known.
pub(crate) fn use_local(
    waiting: AwaitLocal,
    settings: &Settings,
    limiter: &mut Counting,
) -> Option<Admitted> {
    let resume =
        |guard: &Guard<'_>| waiting.resume(Ok(None), Liveness::Alive, guard, limiter, NOW).ok();
    with_guard(settings, resume)
}
