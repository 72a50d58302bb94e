//! Session tokens, written from their table of bytes.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// A key that tokens are made under.
pub(crate) struct Key {
    pub(crate) id: u8,
    mac: Hmac<Sha256>,
}

impl Key {
    pub(crate) fn derive(id: u8, secret: &[u8; 32], issuer: &[u8; 16], info: &[u8]) -> Self {
        let mut key = [0; 32];
        Hkdf::<Sha256>::new(Some(issuer), secret).expand(info, &mut key).expect("32 bytes fit");
        Self { id, mac: Hmac::new_from_slice(&key).expect("any length is a key") }
    }

    fn tag(&self, record: &[u8]) -> Vec<u8> {
        self.mac.clone().chain_update(record).finalize().into_bytes().to_vec()
    }

    /// The text of a record under this key, whatever is in the record.
    pub(crate) fn sign(&self, record: &[u8]) -> String {
        format!("{}.{}", super::base64url(record), super::base64url(&self.tag(record)))
    }
}

/// What a token says, in the units of its record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) key: u8,
    pub(crate) method: u8,
    pub(crate) capabilities: u16,
    pub(crate) session: [u8; 16],
    pub(crate) issued_at: u32,
    pub(crate) expires_at: u32,
    pub(crate) absolute_end: u32,
    pub(crate) subject: String,
}

impl Claims {
    pub(crate) fn record(&self) -> Vec<u8> {
        let mut record = vec![1, self.key, self.method];
        record.extend(self.capabilities.to_be_bytes());
        record.extend(self.session);
        for time in [self.issued_at, self.expires_at, self.absolute_end] {
            record.extend(time.to_be_bytes());
        }
        record.push(self.subject.len() as u8);
        record.extend(self.subject.bytes());
        record
    }
}

/// Why a token proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Malformed,
    UnknownKey,
    BadTag,
    BadRecord,
    NotYetValid,
    Expired,
}

/// Verifies a token at `now`, in milliseconds since 1970.
pub(crate) fn verify(text: &[u8], keys: &[Key], now: u64) -> Result<Claims, Fault> {
    let segments: Vec<&[u8]> = text.split(|byte| *byte == b'.').collect();
    let [record, tag] = *segments else { return Err(Fault::Malformed) };
    let record = super::base64url_decode(record).ok_or(Fault::Malformed)?;
    let tag = super::base64url_decode(tag).ok_or(Fault::Malformed)?;
    let sound = text.len() <= 256 && (35..=98).contains(&record.len()) && record[0] == 1;
    if !sound || tag.len() != 32 {
        return Err(Fault::Malformed);
    }
    let key = keys.iter().find(|key| key.id == record[1]).ok_or(Fault::UnknownKey)?;
    if key.tag(&record) != tag {
        return Err(Fault::BadTag);
    }
    let claims = read(&record).ok_or(Fault::BadRecord)?;
    let millis = |seconds: u32| u64::from(seconds) * 1000;
    if millis(claims.issued_at) > now + 300_000 {
        return Err(Fault::NotYetValid);
    }
    if now >= millis(claims.expires_at).min(millis(claims.absolute_end)) {
        return Err(Fault::Expired);
    }
    Ok(claims)
}

fn read(record: &[u8]) -> Option<Claims> {
    let number = |at: usize| u32::from_be_bytes(record[at..at + 4].try_into().expect("4 bytes"));
    let claims = Claims {
        key: record[1],
        method: record[2],
        capabilities: u16::from_be_bytes([record[3], record[4]]),
        session: record[5..21].try_into().expect("16 bytes"),
        issued_at: number(21),
        expires_at: number(25),
        absolute_end: number(29),
        subject: String::from_utf8(record[34..].to_vec()).ok()?,
    };
    let known = (1..=3).contains(&claims.method) && claims.capabilities < 16;
    let plain = !claims.subject.chars().any(char::is_control);
    let sized = claims.subject.len() == usize::from(record[33]) && claims.subject.len() <= 64;
    (known && plain && sized && !claims.subject.is_empty()).then_some(claims)
}
