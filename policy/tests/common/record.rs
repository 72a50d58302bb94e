//! Token records written and signed without the code under test, well-formed or not.

use doorward_policy::encoding::base64url;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::{ISSUER, MASTER};

pub const SESSION_INFO: &str = "doorward/v1/session";
pub const ADMIN_INFO: &str = "doorward/v1/admin";

/// The fields of a record, whatever they hold.
#[derive(Clone, Debug)]
pub struct Record {
    pub version: u8,
    pub key_id: u8,
    pub method: u8,
    pub capabilities: u16,
    pub session: [u8; 16],
    pub issued_at: u32,
    pub expires_at: u32,
    pub absolute_end: u32,
    /// What the length byte says, where that is not the subject's.
    pub claimed_length: Option<u8>,
    pub subject: Vec<u8>,
    pub trailing: Vec<u8>,
}

impl Record {
    /// What a token made now says.
    pub fn good() -> Self {
        let now = super::NOW.as_secs();
        Self {
            version: 1,
            key_id: 1,
            method: 1,
            capabilities: 3,
            session: [0x5e; 16],
            issued_at: now,
            expires_at: now + 7 * 86_400,
            absolute_end: now + 30 * 86_400,
            claimed_length: None,
            subject: b"laptop".to_vec(),
            trailing: Vec::new(),
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let length = u8::try_from(self.subject.len()).expect("a short subject");
        let mut bytes = vec![self.version, self.key_id, self.method];
        bytes.extend(self.capabilities.to_be_bytes());
        bytes.extend(self.session);
        for time in [self.issued_at, self.expires_at, self.absolute_end] {
            bytes.extend(time.to_be_bytes());
        }
        bytes.push(self.claimed_length.unwrap_or(length));
        bytes.extend(&self.subject);
        bytes.extend(&self.trailing);
        bytes
    }

    /// Its text under the key that verifies it.
    pub fn token(&self) -> String {
        sign(&self.bytes(), &derived_key(&MASTER, &ISSUER, SESSION_INFO))
    }
}

pub fn derived_key(master: &[u8; 32], issuer: &[u8; 16], info: &str) -> [u8; 32] {
    let mut key = [0; 32];
    Hkdf::<Sha256>::new(Some(issuer), master)
        .expand(info.as_bytes(), &mut key)
        .expect("32 bytes are few enough");
    key
}

pub fn mac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("any length will do");
    mac.chain_update(message).finalize().into_bytes().into()
}

pub fn sign(record: &[u8], key: &[u8; 32]) -> String {
    join(record, &mac(key, record))
}

pub fn join(record: &[u8], tag: &[u8]) -> String {
    format!("{}.{}", base64url(record), base64url(tag))
}
