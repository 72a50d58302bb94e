//! Keys: the durable masters of one installation, and the rings derived from them.
//!
//! A master's id is never used twice. One master signs; older ones verify until the last token
//! under them has expired; a new one verifies everywhere before it signs.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use hkdf::Hkdf;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroize;

use crate::id::Issuer;
use crate::mac::MacKey;
use crate::secret::{Secret, Wiped};
use crate::session::Lifetimes;
use crate::time::Timestamp;

/// How long a new master only verifies, so that every process and machine has read it before the
/// first token under it is presented anywhere.
pub const PROPAGATION: Duration = Duration::from_secs(60);

/// The fewest bytes of a tag: one of 8 is guessed after 2^63 tries on average. That is less than the half of
/// the hash, 16 bytes, and than the 10 at least, that RFC 2104, section 5, recommends, and will do only where
/// each try is a message to whoever verifies it and a right one gains nothing that can't be had by asking, as
/// with a connection id (docs/decisions/0019).
const MIN_TAG: usize = 8;

/// HMAC-SHA256 of a secret under the pepper: what a store keeps, and finds a grant by.
///
/// Keyed, so it may be compared and hashed like any number: whoever can choose it has the pepper. An
/// endpoint's tags, which anybody can present, are a [`TagKey`]'s.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// From where a store kept it.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// For a store to keep.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(..)")
    }
}

/// What a ring's tokens are for; bound into its keys, so that a token of one purpose never
/// verifies as another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Sessions of the guarded origin.
    Session,
    /// Sessions of the administration origin.
    Admin,
}

impl Purpose {
    const fn info(self) -> &'static [u8] {
        match self {
            Self::Session => b"doorward/v1/session",
            Self::Admin => b"doorward/v1/admin",
        }
    }
}

/// One master secret. Only ever inside [`MasterKeys`] and the key file.
#[derive(Debug)]
pub struct Master {
    /// Stands in every token made under it.
    pub id: u8,
    /// 32 bytes of the operating system's generator.
    pub secret: Secret<32>,
    /// From when it signs; it verifies at once.
    pub signs_from: Timestamp,
}

/// The durable key material of one installation: the content of its key file.
#[derive(Debug)]
pub struct MasterKeys {
    issuer: Issuer,
    pepper: Secret<32>,
    last_id: u8,
    masters: Vec<Master>,
}

/// What is wrong with key material that was read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyMaterialError {
    /// No master at all.
    Empty,
    /// Two masters with one id, ids out of order, or one above the highest ever used.
    Ids,
    /// All 255 ids have been used.
    Exhausted,
}

impl fmt::Display for KeyMaterialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "it holds no master secret",
            Self::Ids => "its key ids are not strictly ascending up to its last id",
            Self::Exhausted => "all 255 key ids have been used; start with a new state directory",
        })
    }
}

impl core::error::Error for KeyMaterialError {}

impl MasterKeys {
    /// The keys of a new installation, from entropy.
    #[must_use]
    pub fn generate(issuer: [u8; 16], pepper: [u8; 32], master: [u8; 32], now: Timestamp) -> Self {
        let first = Master { id: 1, secret: Secret::new(master), signs_from: now };
        let masters = Vec::from([first]);
        Self { issuer: Issuer::new(issuer), pepper: Secret::new(pepper), last_id: 1, masters }
    }

    /// From a key file's content; `masters` in ascending order of their ids.
    ///
    /// # Errors
    /// If no master is there, or the ids are not strictly ascending from 1 to at most `last_id`.
    pub fn restore(
        issuer: Issuer,
        pepper: Secret<32>,
        last_id: u8,
        masters: Vec<Master>,
    ) -> Result<Self, KeyMaterialError> {
        //= req: KEY-4
        if masters.is_empty() {
            return Err(KeyMaterialError::Empty);
        }
        let mut below = 0;
        for master in &masters {
            //= req: KEY-4
            if master.id <= below || master.id > last_id {
                return Err(KeyMaterialError::Ids);
            }
            below = master.id;
        }
        Ok(Self { issuer, pepper, last_id, masters })
    }

    /// This installation's name.
    #[must_use]
    pub const fn issuer(&self) -> Issuer {
        self.issuer
    }

    /// The pepper, for the key file.
    #[must_use]
    pub const fn pepper(&self) -> &Secret<32> {
        &self.pepper
    }

    /// The highest id ever used.
    #[must_use]
    pub const fn last_id(&self) -> u8 {
        self.last_id
    }

    /// The masters, in ascending order of their ids.
    #[must_use]
    pub fn masters(&self) -> &[Master] {
        &self.masters
    }

    /// Adds a master that verifies at once and signs after [`PROPAGATION`]. Returns its id.
    ///
    /// # Errors
    /// [`KeyMaterialError::Exhausted`] after 255 masters; nothing has changed then.
    pub fn rotate(&mut self, secret: [u8; 32], now: Timestamp) -> Result<u8, KeyMaterialError> {
        //= req: KEY-1
        let id = self.last_id.checked_add(1).ok_or(KeyMaterialError::Exhausted)?;
        //= req: KEY-2
        let signs_from = now.plus(PROPAGATION);
        self.masters.push(Master { id, secret: Secret::new(secret), signs_from });
        self.last_id = id;
        Ok(id)
    }

    /// As [`rotate`](Self::rotate), where a master may be in the wrong hands: every other one is gone,
    /// and with it whatever was signed under it. The new one signs at once, since nothing is left that
    /// could until then; a process that has not read it yet refuses its tokens for as long.
    ///
    /// # Errors
    /// [`KeyMaterialError::Exhausted`] after 255 masters; nothing has changed then.
    pub fn replace(&mut self, secret: [u8; 32], now: Timestamp) -> Result<u8, KeyMaterialError> {
        let id = self.rotate(secret, now)?;
        //= req: KEY-5
        self.masters.retain(|master| master.id == id);
        self.masters.iter_mut().for_each(|master| master.signs_from = now);
        Ok(id)
    }

    /// Drops every master whose last token has expired: one whose successor has been signing for
    /// longer than any token may live.
    pub fn prune(&mut self, now: Timestamp) {
        //= req: KEY-3
        let done = |successor: &Master| now >= successor.signs_from.plus(Lifetimes::CEILING);
        let outlived = self.masters.iter().skip(1).take_while(|next| done(next)).count();
        self.masters.drain(..outlived);
    }

    /// The ring of one purpose.
    #[must_use]
    pub fn ring(&self, purpose: Purpose) -> KeyRing {
        let derive = |master: &Master| RingKey {
            id: master.id,
            signs_from: master.signs_from,
            mac: derive(master.secret.expose(), self.issuer, purpose),
        };
        KeyRing { keys: self.masters.iter().map(derive).collect() }
    }

    /// The secrets of a QUIC endpoint at one address, the same at every start: they come from the
    /// pepper, which is never rotated. `address` keeps the endpoints of one installation apart: where
    /// two share it (the same port of two containers, on one state), one can be made to say what
    /// resets a connection of the other (RFC 9000, section 21.11).
    #[must_use]
    pub fn endpoint(&self, address: &str) -> EndpointSecrets {
        let hkdf = Hkdf::<Sha256>::new(Some(self.issuer.as_bytes()), self.pepper.expose());
        let secret = |info: &[u8]| {
            let mut bytes = [0; 32];
            let expanded = hkdf.expand_multi_info(&[info, address.as_bytes()], &mut bytes);
            debug_assert!(expanded.is_ok(), "32 bytes are within what HKDF-SHA256 expands to");
            let secret = Secret::new(bytes);
            bytes.zeroize();
            secret
        };
        let tag_key = |info: &[u8]| TagKey(MacKey::new(secret(info).expose()));
        EndpointSecrets {
            reset: tag_key(b"doorward/v1/quic-reset/"),
            address_tokens: secret(b"doorward/v1/quic-token/"),
            connection_ids: tag_key(b"doorward/v1/quic-connection-id/"),
        }
    }

    /// What turns a presented secret into the digest that a store finds it by.
    #[must_use]
    pub fn digester(&self) -> Digester {
        Digester(MacKey::new(self.pepper.expose()))
    }

    /// As [`digester`](Self::digester), for the secrets of one purpose: a grant for the origin of
    /// administration is unknown at the guarded one, and the other way round.
    #[must_use]
    pub fn digester_for(&self, purpose: Purpose) -> Digester {
        match purpose {
            Purpose::Session => self.digester(),
            Purpose::Admin => Digester(derive(self.pepper.expose(), self.issuer, purpose)),
        }
    }
}

/// What a QUIC endpoint keeps over a restart, so that its clients notice at once.
#[derive(Debug)]
pub struct EndpointSecrets {
    /// Makes stateless reset tokens (RFC 9000, section 10.3.2).
    pub reset: TagKey,
    /// Seals address validation tokens (RFC 9000, section 8.1.4).
    pub address_tokens: Secret<32>,
    /// Tells connection ids of this endpoint from others.
    pub connection_ids: TagKey,
}

/// Makes tags, HMAC-SHA256 or its first bytes, and knows its own again.
///
/// Anybody can present a tag. None is compared with `==`: [`verify`](Self::verify) takes the same time
/// whatever was presented.
#[derive(Clone)]
pub struct TagKey(MacKey);

impl TagKey {
    /// The first `N` bytes of the message's HMAC-SHA256, to be sent. The message must be no secret: it is not
    /// wiped. `N` is at least 8, and at most 32:
    ///
    /// ```
    /// # let keys = doorward_policy::keys::MasterKeys::generate([1; 16], [2; 32], [3; 32], Default::default());
    /// # let key = keys.endpoint("[::1]:8765").reset;
    /// let (shortest, whole): ([u8; 8], [u8; 32]) = (key.tag(b"message"), key.tag(b"message"));
    /// ```
    ///
    /// Anything else doesn't compile.
    ///
    /// ```compile_fail
    /// # let keys = doorward_policy::keys::MasterKeys::generate([1; 16], [2; 32], [3; 32], Default::default());
    /// # let key = keys.endpoint("[::1]:8765").reset;
    /// let short: [u8; 7] = key.tag(b"message");
    /// ```
    ///
    /// ```compile_fail
    /// # let keys = doorward_policy::keys::MasterKeys::generate([1; 16], [2; 32], [3; 32], Default::default());
    /// # let key = keys.endpoint("[::1]:8765").reset;
    /// let long: [u8; 33] = key.tag(b"message");
    /// ```
    #[must_use]
    pub fn tag<const N: usize>(&self, message: &[u8]) -> [u8; N] {
        const { assert!(N >= MIN_TAG && N <= 32, "a tag is 8 to 32 bytes long") }
        self.0.sign(message).first_chunk().copied().unwrap_or([0; N])
    }

    /// Whether a tag is the message's; takes the same time whatever the tag is, and the right one does not
    /// stay behind. `N` as for [`tag`](Self::tag).
    #[must_use]
    pub fn verify<const N: usize>(&self, message: &[u8], tag: &[u8; N]) -> bool {
        const { assert!(N >= MIN_TAG && N <= 32, "a tag is 8 to 32 bytes long") }
        let own = Wiped(self.0.sign(message));
        //= req: SECRET-2
        own.0.first_chunk::<N>().is_some_and(|own| own.as_slice().ct_eq(tag).into())
    }
}

impl fmt::Debug for TagKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TagKey(..)")
    }
}

/// HMAC-SHA256 of secrets, under the pepper or a key that comes from it.
#[derive(Clone)]
pub struct Digester(MacKey);

impl Digester {
    /// The digest of a secret.
    #[must_use]
    //= req: GRANT-12
    pub fn digest(&self, secret: &[u8]) -> Digest {
        Digest(self.0.digest(secret))
    }
}

impl fmt::Debug for Digester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digester(..)")
    }
}

/// The MAC keys of one purpose, their first blocks compressed.
#[derive(Clone, Debug)]
pub struct KeyRing {
    keys: Vec<RingKey>,
}

#[derive(Clone)]
struct RingKey {
    id: u8,
    signs_from: Timestamp,
    mac: MacKey,
}

impl fmt::Debug for RingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RingKey({}, ..)", self.id)
    }
}

impl KeyRing {
    /// The key that verifies what was made under `id`; `None` for an id that is not live.
    pub(crate) fn verifying(&self, id: u8) -> Option<&MacKey> {
        self.keys.iter().find(|key| key.id == id).map(|key| &key.mac)
    }

    /// The id and the key that sign at `now`: the newest that signs already.
    pub(crate) fn signing(&self, now: Timestamp) -> Option<(u8, &MacKey)> {
        //= req: KEY-2
        let started = self.keys.iter().rev().find(|key| key.signs_from <= now);
        started.or_else(|| self.keys.first()).map(|key| (key.id, &key.mac))
    }
}

fn derive(secret: &[u8; 32], issuer: Issuer, purpose: Purpose) -> MacKey {
    let mut key = [0; 32];
    let expanded =
        //= req: TOKEN-6
        Hkdf::<Sha256>::new(Some(issuer.as_bytes()), secret).expand(purpose.info(), &mut key);
    debug_assert!(expanded.is_ok(), "32 bytes are within what HKDF-SHA256 expands to");
    let mac = MacKey::new(&key);
    key.zeroize();
    mac
}
