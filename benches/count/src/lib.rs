//! An installation, its tokens and realistic requests: what is counted here and measured in
//! `doorward-benches`.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use doorward_policy::admission::Guard;
use doorward_policy::id::SessionId;
use doorward_policy::keys::{Digester, KeyRing, MasterKeys, Purpose};
use doorward_policy::request::{Field, Head};
use doorward_policy::standing::{DEFAULT_FRESHNESS, Standing, Standings};
use doorward_policy::subject::Subject;
use doorward_policy::token::{self, Claims, Method, TokenError};
use doorward_policy::workspace::Directory;
use doorward_policy::{Capabilities, Settings, Timestamp};

/// The time of all benchmarks that need none of their own: 2027-01-15.
pub const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// A sequence of 16-byte names that look random.
#[must_use]
pub fn id(number: u64) -> [u8; 16] {
    let spread = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&spread.to_be_bytes());
    bytes[8..].copy_from_slice(&spread.rotate_left(23).to_be_bytes());
    bytes
}

/// The claims of a session that was opened a minute before `now`.
#[must_use]
pub fn claims(number: u64, now: Timestamp) -> Claims {
    claims_of(number, "someone's laptop", now)
}

/// As [`claims`], of this subject: 1 to 64 bytes.
#[must_use]
pub fn claims_of(number: u64, subject: &str, now: Timestamp) -> Claims {
    let issued_at = now.minus(Duration::from_secs(60)).floor_to_second();
    Claims {
        session: SessionId::new(id(number)),
        subject: Subject::new(subject).unwrap_or_else(|| unreachable!("it is sound")),
        capabilities: Capabilities::START_UP,
        method: Method::Link,
        issued_at,
        expires_at: issued_at.plus(Duration::from_secs(7 * 24 * 3600)),
        absolute_end: issued_at.plus(Duration::from_secs(30 * 24 * 3600)),
    }
}

/// Keys like those of an installation, which sign from the beginning of time.
#[must_use]
pub fn masters() -> MasterKeys {
    MasterKeys::generate([1; 16], [2; 32], [3; 32], Timestamp::EPOCH)
}

/// All that a decision is taken on.
#[derive(Debug)]
pub struct World {
    /// What the operator chose: nothing.
    pub settings: Settings,
    /// The keys.
    pub keys: KeyRing,
    /// What turns secrets into digests.
    pub digester: Digester,
    /// What is known of revocations.
    pub standings: Standings,
    /// The workspaces: none.
    pub directory: Directory,
}

impl World {
    /// A world in which this many other sessions are revoked.
    #[must_use]
    pub fn new(revoked: u64) -> Self {
        Self::under(&masters(), revoked)
    }

    /// As [`new`](Self::new), under these keys.
    #[must_use]
    pub fn under(masters: &MasterKeys, revoked: u64) -> Self {
        let mut standings = Standings::new(0x5eed_u64.to_le_bytes(), DEFAULT_FRESHNESS);
        for number in 0..revoked {
            let session = SessionId::new(id(number));
            standings.note(session, Standing::Revoked, Timestamp::from_secs(u32::MAX));
        }
        standings.refreshed(NOW);
        Self {
            settings: Settings::default(),
            keys: masters.ring(Purpose::Session),
            digester: masters.digester(),
            standings,
            directory: Directory::default(),
        }
    }

    /// The guard over it.
    #[must_use]
    pub const fn guard(&self) -> Guard<'_> {
        Guard {
            settings: &self.settings,
            keys: &self.keys,
            digester: &self.digester,
            standings: &self.standings,
            directory: &self.directory,
        }
    }

    /// A token's text.
    #[must_use]
    pub fn token(&self, claims: &Claims) -> String {
        token::issue(claims, &self.keys, NOW).map_or_else(String::new, |t| t.expose().to_owned())
    }

    /// Verifies a token as the decision does, but for how fresh what is known of revocations is: form, tag,
    /// times, revocation.
    ///
    /// # Errors
    /// Why the token proves nothing.
    #[inline]
    pub fn verify(&self, text: &[u8], now: Timestamp) -> Result<Claims, Refused> {
        self.verify_as(text, now, |session| self.standings.of(session))
    }

    /// As [`verify`](Self::verify), with another look at revocations.
    ///
    /// # Errors
    /// Why the token proves nothing.
    #[inline]
    pub fn verify_as(
        &self,
        text: &[u8],
        now: Timestamp,
        standing: impl FnOnce(SessionId) -> Standing,
    ) -> Result<Claims, Refused> {
        let verified = token::verify(text, &self.keys, now).map_err(Refused::Token)?;
        let claims = *verified.claims();
        let capabilities = match standing(claims.session) {
            Standing::Unchanged => claims.capabilities,
            Standing::Limited(capabilities) => claims.capabilities.common(capabilities),
            Standing::Revoked => return Err(Refused::Revoked(claims.session, claims.subject)),
        };
        Ok(Claims { capabilities, ..claims })
    }
}

/// Why a token proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// By itself.
    Token(TokenError),
    /// Its session was revoked.
    Revoked(SessionId, Subject),
}

/// The twelve fields of a browser's WebSocket handshake, and a credential in one of them.
#[must_use]
pub fn handshake<'a>(credential: &'static str, value: &'a str) -> [Field<'a>; 12] {
    let field = |name: &'a str, value: &'a str| Field { name, value: value.as_bytes() };
    [
        field("host", "localhost:8765"),
        field("connection", "Upgrade"),
        field("pragma", "no-cache"),
        field("cache-control", "no-cache"),
        field("user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0.0.0"),
        field("upgrade", "websocket"),
        field("origin", "http://localhost:8765"),
        field("sec-websocket-version", "13"),
        field("accept-encoding", "gzip, deflate, br, zstd"),
        field("accept-language", "en-GB,en;q=0.9,de;q=0.8"),
        field("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        field(credential, value),
    ]
}

/// The request to the built-in echo with these fields, from this machine.
#[must_use]
pub const fn upgrade<'a>(fields: &'a [Field<'a>]) -> Head<'a> {
    let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
    Head { method: "GET", target: "/echo", fields, peer, tls: false }
}
