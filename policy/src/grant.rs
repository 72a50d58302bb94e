//! Grants: bearer secrets that buy a session, consumed atomically and once.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;
use core::ops::RangeInclusive;
use core::time::Duration;

use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize as _, Zeroizing};

use crate::capability::Capabilities;
use crate::encoding::{base64url, decode_exact, decode_into};
use crate::id::{GrantId, SessionId};
use crate::keys::{Digest, Digester};
use crate::secret::Secret;
use crate::session::{self, Lifetimes, SessionRecord};
use crate::subject::Subject;
use crate::time::Timestamp;
use crate::token::Method;
use crate::workspace::{self, Asked, Directory, Reach, Visitor};

/// The longest life of a typed code: 60 bits are enough for minutes, not for days.
pub const MAX_CODE_LIFE: Duration = Duration::from_secs(600);
/// The longest life of a grant in a link.
pub const MAX_LINK_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long a redemption can be repeated with its own nonce: an answer lost on the way is not a
/// lost pairing.
pub const REPEAT_WINDOW: Duration = Duration::from_secs(60);
/// The most uses of one grant.
pub const MAX_USES: u32 = 1000;

/// How many bytes a client's nonce has.
pub const NONCE_BYTES: RangeInclusive<usize> = 16..=32;

const ALPHABET: [u8; 32] = *b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
const CODE_LENGTH: usize = 12;

/// A grant's secret, as made or as presented: 32 bytes of a link, or the 12 characters of a code.
#[derive(Debug)]
pub enum GrantSecret {
    /// base64url, 43 characters.
    Link(Secret<32>),
    /// Upper case, without separators.
    Code(Secret<CODE_LENGTH>),
}

impl GrantSecret {
    /// A link's secret, from entropy.
    #[must_use]
    //= req: GRANT-10
    pub const fn link(entropy: [u8; 32]) -> Self {
        Self::Link(Secret::new(entropy))
    }

    /// A typed code, from entropy: twelve characters of five bits each.
    #[must_use]
    //= req: GRANT-10
    pub fn code(entropy: [u8; CODE_LENGTH]) -> Self {
        let symbol = |byte: u8| ALPHABET.get(usize::from(byte & 31)).copied().unwrap_or(b'2');
        Self::Code(Secret::new(entropy.map(symbol)))
    }

    /// What somebody presented: 43 characters of base64url, or a code in any case, with or
    /// without separators. `None` for anything else.
    #[must_use]
    //= req: GRANT-10
    pub fn parse(text: &str) -> Option<Self> {
        match text.len() {
            43 => decode_exact(text.as_bytes()).map(Secret::new).map(Self::Link),
            0..=32 => parse_code(text).map(Secret::new).map(Self::Code),
            _ => None,
        }
    }

    /// What a store finds the grant by.
    #[must_use]
    pub fn digest(&self, digester: &Digester) -> Digest {
        match self {
            Self::Link(secret) => digester.digest(secret.expose()),
            Self::Code(secret) => digester.digest(secret.expose()),
        }
    }

    /// Whether it was typed by a person, and so is guarded by the stricter limit.
    #[must_use]
    pub const fn is_code(&self) -> bool {
        matches!(self, Self::Code(_))
    }

    /// Lays the text open, for the one answer or terminal that shows it: a link's 43 characters,
    /// or `XXXX-XXXX-XXXX`.
    #[must_use]
    pub fn expose(&self) -> Zeroizing<String> {
        Zeroizing::new(match self {
            Self::Link(secret) => base64url(secret.expose()),
            Self::Code(secret) => grouped(secret.expose()),
        })
    }
}

fn grouped(code: &[u8; CODE_LENGTH]) -> String {
    let mut text = String::with_capacity(14);
    for group in code.chunks(4) {
        if !text.is_empty() {
            text.push('-');
        }
        text.extend(group.iter().map(|byte| char::from(*byte)));
    }
    text
}

fn parse_code(text: &str) -> Option<[u8; CODE_LENGTH]> {
    let mut code = [0; CODE_LENGTH];
    let mut places = code.iter_mut();
    for byte in text.bytes().filter(|byte| !matches!(byte, b'-' | b' ' | b'_')) {
        let upper = byte.to_ascii_uppercase();
        let known = ALPHABET.contains(&upper);
        *places.next().filter(|_| known)? = upper;
    }
    let complete = places.next().is_none();
    complete.then_some(code)
}

/// What a redemption must repeat to get the same session again: 16 to 32 random bytes of the
/// client's, kept only as their digest.
#[derive(Clone, Copy, Debug)]
pub struct Nonce(Digest);

impl Nonce {
    /// From base64url; `None` unless it decodes to 16 to 32 bytes.
    #[must_use]
    pub fn parse(text: &str, digester: &Digester) -> Option<Self> {
        let mut bytes = [0; 32];
        let length = decode_into(text.as_bytes(), &mut bytes)?;
        let nonce = Self::from_bytes(bytes.get(..length)?, digester);
        bytes.zeroize();
        nonce
    }

    /// From the bytes themselves; `None` unless they are 16 to 32.
    #[must_use]
    pub fn from_bytes(bytes: &[u8], digester: &Digester) -> Option<Self> {
        //= req: GRANT-6
        NONCE_BYTES.contains(&bytes.len()).then(|| Self(digester.digest(bytes)))
    }

    /// From where a store kept its digest.
    #[must_use]
    pub const fn from_digest(digest: Digest) -> Self {
        Self(digest)
    }

    /// For a store to keep.
    #[must_use]
    pub const fn digest(&self) -> &Digest {
        &self.0
    }

    fn same(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

/// Where a grant is redeemed; a repetition must come to the same place, so that what was paid
/// into a cookie can't be fetched as a bearer token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Counter {
    /// `POST api/bootstrap`: answers with a cookie.
    Bootstrap,
    /// `POST api/token`: answers with a bearer token.
    Token,
    /// A QUIC hello: the accept frame carries the token.
    Hello,
    /// `POST api/bootstrap` of the origin of administration: answers with a bearer token.
    Admin,
}

impl Counter {
    /// The byte that a store keeps.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Bootstrap => 1,
            Self::Token => 2,
            Self::Hello => 3,
            Self::Admin => 4,
        }
    }

    /// From the byte that a store kept.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Bootstrap),
            2 => Some(Self::Token),
            3 => Some(Self::Hello),
            4 => Some(Self::Admin),
            _ => None,
        }
    }
}

/// A use that was consumed, kept for [`REPEAT_WINDOW`].
#[derive(Clone, Copy, Debug)]
pub struct Consumed {
    /// The client's nonce.
    pub nonce: Nonce,
    /// Where it was redeemed.
    pub counter: Counter,
    /// The session that it bought.
    pub session: SessionId,
    /// When.
    pub at: Timestamp,
}

impl Consumed {
    /// Whether it can still be repeated.
    #[must_use]
    pub fn is_recent(&self, now: Timestamp) -> bool {
        now < self.at.plus(REPEAT_WINDOW)
    }
}

/// The durable record of a grant; its secret is not in it.
#[derive(Clone, Debug)]
pub struct GrantRecord {
    /// Names it in lists and logs.
    pub id: GrantId,
    /// Becomes the session's subject.
    pub label: Subject,
    /// Becomes the session's capabilities.
    pub capabilities: Capabilities,
    /// Becomes the session's method.
    pub method: Method,
    /// When it was made.
    pub created_at: Timestamp,
    /// Valid while `now < expires_at`.
    pub expires_at: Timestamp,
    /// How many redemptions are left.
    pub uses_left: u32,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
    /// The redemptions of the last [`REPEAT_WINDOW`].
    pub consumed: Vec<Consumed>,
}

/// What is asked for when a grant is made.
#[derive(Clone, Copy, Debug)]
pub struct GrantRequest {
    /// Becomes the session's subject.
    pub label: Subject,
    /// At most what the issuer has.
    pub capabilities: Capabilities,
    /// How it will be presented.
    pub method: Method,
    /// 1 to [`MAX_USES`].
    pub uses: u32,
    /// How long it is valid.
    pub life: Duration,
}

/// Why a grant can't be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantRequestError {
    /// It would carry a capability that its issuer lacks, or none at all.
    Capabilities,
    /// Zero uses, or more than [`MAX_USES`].
    Uses,
    /// A life of zero, or longer than its kind allows.
    Life,
}

impl fmt::Display for GrantRequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Capabilities => {
                "a grant carries at least one capability and none that its issuer lacks"
            }
            Self::Uses => "a grant has 1 to 1000 uses",
            Self::Life => {
                "a link lives for at most 30 days and a typed code for at most 10 minutes"
            }
        })
    }
}

impl core::error::Error for GrantRequestError {}

impl GrantRecord {
    /// The record of a new grant, made by somebody with the capabilities `issuer`.
    ///
    /// # Errors
    /// Whatever in `request` is out of bounds.
    pub fn issue(
        request: &GrantRequest,
        issuer: Capabilities,
        id: [u8; 16],
        now: Timestamp,
    ) -> Result<Self, GrantRequestError> {
        //= req: GRANT-8
        if request.capabilities.is_empty() || !issuer.contains(request.capabilities) {
            return Err(GrantRequestError::Capabilities);
        }
        //= req: GRANT-9
        if request.uses == 0 || request.uses > MAX_USES {
            return Err(GrantRequestError::Uses);
        }
        let longest = if request.method == Method::Code { MAX_CODE_LIFE } else { MAX_LINK_LIFE };
        //= req: GRANT-9
        if request.life.is_zero() || request.life > longest {
            return Err(GrantRequestError::Life);
        }
        Ok(Self {
            id: GrantId::new(id),
            label: request.label,
            capabilities: request.capabilities,
            method: request.method,
            created_at: now,
            expires_at: now.plus(request.life),
            uses_left: request.uses,
            revoked_at: None,
            consumed: Vec::new(),
        })
    }

    /// When the record is of no more use: expired, and nothing left to repeat.
    #[must_use]
    pub fn forget_at(&self) -> Timestamp {
        self.expires_at.plus(REPEAT_WINDOW)
    }

    /// What of it decides whether a use is consumed.
    #[must_use]
    pub const fn left(&self) -> Left {
        Left {
            uses: self.uses_left,
            expires_at: self.expires_at,
            revoked: self.revoked_at.is_some(),
        }
    }

    /// Marks it revoked; the first mark stays.
    pub fn revoke(&mut self, now: Timestamp) {
        self.revoked_at.get_or_insert(now);
    }
}

/// One try to redeem a grant.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    /// The client's nonce.
    pub nonce: Nonce,
    /// Where it is redeemed.
    pub counter: Counter,
    /// What the session must be able to do for the request to be admitted; a grant without it is
    /// refused before it is spent.
    pub needed: Capabilities,
    /// The workspace that the request asks for; one that is not the grant's label's to see is
    /// refused before it is spent.
    pub asked: Asked,
    /// The id of the session to open, from entropy.
    pub session: SessionId,
    /// Where it comes from.
    pub peer: Option<IpAddr>,
    /// The lifetimes in force.
    pub lifetimes: Lifetimes,
}

/// What a redemption yields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redemption {
    /// A use was consumed; this session is to be kept with the grant, in one transaction.
    Opened(SessionRecord),
    /// The same nonce again: the session that it bought, to be read and shown once more. Nothing
    /// is to be written.
    Repeated(SessionId),
}

/// Why a grant is refused. Outside, the first five are one and the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantRefusal {
    /// No grant has this digest.
    Unknown,
    /// It, or the session that it bought, was revoked.
    Revoked,
    /// `now >= expires_at`.
    Expired,
    /// Every use is consumed, and not with this nonce at this counter within the window.
    Spent,
    /// The session that it bought is no more.
    SessionGone,
    /// The workspace that is asked for is none of its label's.
    Workspace,
    /// It lacks what the request needs.
    Insufficient(Capabilities),
}

/// The transition of a grant's record: the one place where a use is consumed.
///
/// A store loads the record, calls this inside a transaction, and writes what has changed:
/// atomicity is all that it adds (I5). `directory` is the store's own, as of the same transaction.
/// On a refusal nothing has changed.
///
/// # Errors
/// Why the grant is refused. Only one that is good otherwise tells what it lacks: whoever holds a
/// spent or expired one learns nothing from it.
pub fn redeem(
    grant: Option<&mut GrantRecord>,
    attempt: &Attempt,
    directory: &Directory,
    now: Timestamp,
) -> Result<Redemption, GrantRefusal> {
    let grant = grant.ok_or(GrantRefusal::Unknown)?;
    let sufficient = || check_sufficient(grant, attempt, directory);
    match grant.left().step(repeated(grant, attempt, now), sufficient, now)? {
        Step::Repeat(session) => Ok(Redemption::Repeated(session)),
        Step::Consume { uses_left } => {
            grant.uses_left = uses_left;
            grant.consumed.retain(|past| past.is_recent(now));
            grant.consumed.push(Consumed {
                nonce: attempt.nonce,
                counter: attempt.counter,
                session: attempt.session,
                at: now,
            });
            Ok(Redemption::Opened(open_session(grant, attempt, now)))
        }
    }
}

/// What of a grant's record decides whether a use of it is consumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// How many redemptions are left.
    pub uses: u32,
    /// Valid while `now < expires_at`.
    pub expires_at: Timestamp,
    /// Whether it was revoked.
    pub revoked: bool,
}

/// What a redemption that is not refused does to the grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing: it repeats the one that bought this session.
    Repeat(SessionId),
    /// It consumes a use.
    Consume {
        /// How many are left then.
        uses_left: u32,
    },
}

impl Left {
    /// The part of [`redeem`] that counts, without an allocation or a look at anything but its
    /// arguments: it is proved for every input on the compiled code. `repeated` is the session
    /// that the same nonce bought within the window; `sufficient` is asked last, so that only a
    /// grant that is good otherwise tells what it lacks.
    ///
    /// # Errors
    /// Why the grant is refused.
    pub fn step(
        self,
        repeated: Option<SessionId>,
        sufficient: impl FnOnce() -> Result<(), GrantRefusal>,
        now: Timestamp,
    ) -> Result<Step, GrantRefusal> {
        //= req: GRANT-3
        if self.revoked {
            return Err(GrantRefusal::Revoked);
        }
        if let Some(session) = repeated {
            return sufficient().map(|()| Step::Repeat(session));
        }
        //= req: GRANT-2
        if now >= self.expires_at {
            return Err(GrantRefusal::Expired);
        }
        //= req: GRANT-1
        let uses_left = self.uses.checked_sub(1).ok_or(GrantRefusal::Spent)?;
        //= req: GRANT-7
        sufficient().map(|()| Step::Consume { uses_left })
    }
}

/// Whether the session that it buys would be admitted to what is asked for.
fn check_sufficient(
    grant: &GrantRecord,
    attempt: &Attempt,
    directory: &Directory,
) -> Result<(), GrantRefusal> {
    let visitor = Visitor::Subject(grant.label);
    let joined = workspace::verify(directory, attempt.asked, visitor, Reach::Bytes);
    let membership = joined.map_err(|_| GrantRefusal::Workspace)?.capabilities;
    let lacking = attempt.needed.without(grant.capabilities.common(membership));
    if lacking.is_empty() { Ok(()) } else { Err(GrantRefusal::Insufficient(lacking)) }
}

fn repeated(grant: &GrantRecord, attempt: &Attempt, now: Timestamp) -> Option<SessionId> {
    //= req: GRANT-4
    let same = |past: &&Consumed| {
        past.nonce.same(&attempt.nonce) && past.counter == attempt.counter && past.is_recent(now)
    };
    grant.consumed.iter().find(same).map(|past| past.session)
}

fn open_session(grant: &GrantRecord, attempt: &Attempt, now: Timestamp) -> SessionRecord {
    let (created_at, expires_at, absolute_end) = session::times(&attempt.lifetimes, now);
    SessionRecord {
        //= req: SESSION-1
        id: attempt.session,
        subject: grant.label,
        capabilities: grant.capabilities,
        method: grant.method,
        grant: grant.id,
        opened_from: attempt.peer,
        created_at,
        expires_at,
        absolute_end,
        revoked_at: None,
    }
}

/// What a repeated redemption comes to, given the row of the session that it bought.
///
/// # Errors
/// [`GrantRefusal::Revoked`] or [`GrantRefusal::SessionGone`].
//= req: GRANT-5
pub fn repeat(
    session: Option<&SessionRecord>,
    now: Timestamp,
) -> Result<SessionRecord, GrantRefusal> {
    let session = session.ok_or(GrantRefusal::SessionGone)?;
    if session.revoked_at.is_some() {
        return Err(GrantRefusal::Revoked);
    }
    if now >= session.expires_at {
        return Err(GrantRefusal::SessionGone);
    }
    Ok(*session)
}
