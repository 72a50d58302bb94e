//! The session token, version 1: `base64url(record) "." base64url(tag)`.
//!
//! | bytes | field |
//! |---|---|
//! | 1 | version, `01` |
//! | 1 | key id |
//! | 1 | method: link 1, code 2, desktop 3 |
//! | 2 | capabilities |
//! | 16 | session id |
//! | 4, 4, 4 | issued at, expires at, absolute end: seconds since 1970 UTC |
//! | 1 | length of the subject |
//! | 1 to 64 | subject, UTF-8 |
//!
//! Big-endian; nothing may follow. The tag is HMAC-SHA256 over the record under the key that the
//! key id picks (I7). What an unverified token says chooses nothing else: the version is fixed and
//! both lengths follow from the text's.

use alloc::string::String;
use alloc::vec;
use core::fmt;
use core::time::Duration;

use memchr::memchr_iter;
use zeroize::Zeroizing;

use crate::capability::Capabilities;
use crate::encoding::{base64url_length, decode_into, encode_into};
use crate::id::SessionId;
use crate::keys::KeyRing;
use crate::mac::Padded;
use crate::subject::Subject;
use crate::time::Timestamp;

/// The longest text of a token, in bytes.
pub const MAX_TEXT: usize = 256;
/// How far ahead of `now` an `issued at` may lie: clocks of two machines differ.
pub const CLOCK_SKEW: Duration = Duration::from_secs(300);

const VERSION: u8 = 1;
const FIXED: usize = 34;
/// The length of the dot and the second segment.
const TAG_TEXT: usize = 1 + base64url_length(32);
/// The longest record of a token, in bytes.
pub const MAX_RECORD: usize = FIXED + Subject::MAX;

/// How a session came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// A grant in a link.
    Link,
    /// A typed code.
    Code,
    /// A grant handed down by a parent process.
    Desktop,
}

impl Method {
    /// The byte in a token record.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Link => 1,
            Self::Code => 2,
            Self::Desktop => 3,
        }
    }

    /// From the byte in a token record.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Link),
            2 => Some(Self::Code),
            3 => Some(Self::Desktop),
            _ => None,
        }
    }

    /// Its name in lists and records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Code => "code",
            Self::Desktop => "desktop",
        }
    }
}

/// What a token says. Trusted only inside a [`VerifiedSession`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The session that it proves.
    pub session: SessionId,
    /// Whose session that is.
    pub subject: Subject,
    /// What it may do at most.
    pub capabilities: Capabilities,
    /// How it came to be.
    pub method: Method,
    /// When this token was made; whole seconds.
    pub issued_at: Timestamp,
    /// The first moment at which it is no longer valid; whole seconds.
    pub expires_at: Timestamp,
    /// The session's end, which no renewal passes; whole seconds.
    pub absolute_end: Timestamp,
}

/// A session token's text: a secret.
pub struct SessionToken(Zeroizing<String>);

impl SessionToken {
    /// Lays the text open, for the one cookie or answer that carries it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken(..)")
    }
}

/// A well-formed token that nobody has checked.
pub struct UntrustedToken {
    record: Padded,
    length: usize,
    tag: [u8; 32],
}

impl fmt::Debug for UntrustedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UntrustedToken(..)")
    }
}

/// Claims under a tag that verified, at a time at which they hold.
///
/// Its only constructor is [`UntrustedToken::verify`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifiedSession {
    claims: Claims,
    key_id: u8,
}

/// Why a token proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// Not two segments in canonical base64url within the bounds, or not version 1.
    Malformed,
    /// Its key id names no live key.
    UnknownKey,
    /// The tag is not the record's.
    BadTag,
    /// The tag verified and the record is none that Doorward writes.
    BadRecord,
    /// The tag verified; issued too far in the future.
    NotYetValid,
    /// The tag verified; the session of this id has expired.
    Expired(SessionId, Subject),
}

/// Makes a token's text under the key that signs at `now`.
///
/// Two SHA-256 compressions with a subject of up to 21 bytes, and one allocation: the text lies where
/// it was first written. `None` only for an empty ring.
#[must_use]
pub fn issue(claims: &Claims, keys: &KeyRing, now: Timestamp) -> Option<SessionToken> {
    let (key_id, mac) = keys.signing(now)?;
    let mut buffer = [0; MAX_RECORD];
    let record = claims.write(key_id, &mut buffer)?;
    let tag = mac.sign(record);
    let mut text = vec![b'.'; base64url_length(record.len()).checked_add(TAG_TEXT)?];
    let dot = encode_into(record, &mut text)?;
    encode_into(&tag, text.get_mut(dot.checked_add(1)?..)?)?;
    Some(SessionToken(Zeroizing::new(String::from_utf8(text).ok()?)))
}

/// Verifies a token's text: form, then tag, then times. As [`UntrustedToken::parse`] and
/// [`UntrustedToken::verify`], one after the other.
///
/// # Errors
/// Every way in which the token proves nothing at `now`.
#[inline]
pub fn verify(text: &[u8], keys: &KeyRing, now: Timestamp) -> Result<VerifiedSession, TokenError> {
    let mut token = UntrustedToken::EMPTY;
    token.fill(text).ok_or(TokenError::Malformed)?;
    token.verify(keys, now)
}

impl UntrustedToken {
    /// Whether `text` has the shape of our tokens: exactly one dot, first character `A`. Tells a
    /// bearer token of ours from one of the guarded server; proves nothing.
    #[must_use]
    //= req: CRED-4
    pub fn looks_like_ours(text: &[u8]) -> bool {
        text.first() == Some(&b'A') && memchr_iter(b'.', text).take(2).count() == 1
    }

    /// Takes a token's text apart; bounded, without an allocation.
    ///
    /// # Errors
    /// [`TokenError::Malformed`].
    pub fn parse(text: &[u8]) -> Result<Self, TokenError> {
        let mut token = Self::EMPTY;
        token.fill(text).ok_or(TokenError::Malformed)?;
        Ok(token)
    }

    const EMPTY: Self = Self { record: Padded::new(), length: 0, tag: [0; 32] };

    /// Decodes both segments into an empty token, in place: a copy of what was only just written costs
    /// more than to write it.
    #[inline]
    fn fill(&mut self, text: &[u8]) -> Option<()> {
        //= req: TOKEN-1
        if text.len() > MAX_TEXT {
            return None;
        }
        let (record_text, tag_text) = text.split_at_checked(text.len().checked_sub(TAG_TEXT)?)?;
        // A dot anywhere else is in no alphabet, so that the decoders refuse it.
        //= req: TOKEN-1
        let (b'.', tag_text) = tag_text.split_first()? else { return None };
        self.length = decode_into(record_text, self.record.room().get_mut(..MAX_RECORD)?)?;
        //= req: TOKEN-3
        if decode_into(tag_text, &mut self.tag)? != self.tag.len() {
            return None;
        }
        self.record.finish(self.length, 0);
        let version = *self.record.message(self.length)?.first()?;
        //= req: TOKEN-2
        (self.length > FIXED && version == VERSION).then_some(())
    }

    /// Checks tag and times. The tag comes first: what a record says is looked at only once it is
    /// known who wrote it, except for the key id.
    ///
    /// # Errors
    /// Every way in which the token proves nothing at `now`.
    #[inline]
    pub fn verify(&self, keys: &KeyRing, now: Timestamp) -> Result<VerifiedSession, TokenError> {
        let record = self.record.message(self.length).ok_or(TokenError::Malformed)?;
        let key_id = record.get(1).copied().ok_or(TokenError::Malformed)?;
        let mac = keys.verifying(key_id).ok_or(TokenError::UnknownKey)?;
        //= req: TOKEN-3
        if !mac.verify(&self.record, &self.tag) {
            return Err(TokenError::BadTag);
        }
        //= req: TOKEN-4
        let Some(claims) = Claims::read(record) else { return Err(TokenError::BadRecord) };
        claims.check_times(now)?;
        Ok(VerifiedSession { claims, key_id })
    }
}

impl Claims {
    /// Writes the record of a token under the key `key_id`, and returns what it takes of `buffer`.
    /// `None` for no subject: there is room for every other.
    #[must_use]
    pub fn write<'b>(&self, key_id: u8, buffer: &'b mut [u8; MAX_RECORD]) -> Option<&'b [u8]> {
        let subject = self.subject.as_str().as_bytes();
        let fields: [&[u8]; 10] = [
            &[VERSION],
            &[key_id],
            &[self.method.to_byte()],
            &self.capabilities.bits().to_be_bytes(),
            self.session.as_bytes(),
            &self.issued_at.as_secs().to_be_bytes(),
            &self.expires_at.as_secs().to_be_bytes(),
            &self.absolute_end.as_secs().to_be_bytes(),
            &[u8::try_from(subject.len()).ok()?],
            subject,
        ];
        let mut length = 0_usize;
        for field in fields {
            let end = length.checked_add(field.len())?;
            buffer.get_mut(length..end)?.copy_from_slice(field);
            length = end;
        }
        buffer.get(..length)
    }

    /// What a record says, whose first two bytes (version and key id) were looked at before.
    /// `None` for one that Doorward does not write. To be trusted only under a tag that verified.
    #[must_use]
    #[inline]
    //= req: TOKEN-5
    pub fn read(record: &[u8]) -> Option<Self> {
        let (_version_and_key, rest) = record.split_first_chunk::<2>()?;
        let ([method], rest) = rest.split_first_chunk::<1>()?;
        let (capabilities, rest) = rest.split_first_chunk::<2>()?;
        let (session, rest) = rest.split_first_chunk::<16>()?;
        let (issued_at, rest) = rest.split_first_chunk::<4>()?;
        let (expires_at, rest) = rest.split_first_chunk::<4>()?;
        let (absolute_end, rest) = rest.split_first_chunk::<4>()?;
        let ([length], subject) = rest.split_first_chunk::<1>()?;
        if subject.len() != usize::from(*length) {
            return None;
        }
        Some(Self {
            session: SessionId::new(*session),
            subject: Subject::from_utf8(subject)?,
            capabilities: Capabilities::from_bits(u16::from_be_bytes(*capabilities))?,
            method: Method::from_byte(*method)?,
            issued_at: Timestamp::from_secs(u32::from_be_bytes(*issued_at)),
            expires_at: Timestamp::from_secs(u32::from_be_bytes(*expires_at)),
            absolute_end: Timestamp::from_secs(u32::from_be_bytes(*absolute_end)),
        })
    }

    /// Whether they hold at `now`.
    ///
    /// # Errors
    /// [`TokenError::NotYetValid`] or [`TokenError::Expired`].
    #[inline]
    pub fn check_times(&self, now: Timestamp) -> Result<(), TokenError> {
        //= req: TOKEN-8
        if self.issued_at > now.plus(CLOCK_SKEW) {
            return Err(TokenError::NotYetValid);
        }
        //= req: TOKEN-7
        if now >= self.expires_at || now >= self.absolute_end {
            return Err(TokenError::Expired(self.session, self.subject));
        }
        Ok(())
    }
}

impl VerifiedSession {
    /// What the token says.
    #[must_use]
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The key that it verified under.
    #[must_use]
    pub const fn key_id(&self) -> u8 {
        self.key_id
    }

    /// The same session with at most `capabilities`.
    #[must_use]
    pub const fn limited_to(mut self, capabilities: Capabilities) -> Self {
        self.claims.capabilities = self.claims.capabilities.common(capabilities);
        self
    }
}
