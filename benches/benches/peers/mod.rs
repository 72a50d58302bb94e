//! What others use for the same purpose, with the same content: signature, issuer and expiry checked.
//! None of them looks up a revocation.

#![allow(dead_code, reason = "not every program that measures takes every peer")]

use cookie::{Cookie, CookieJar, Key};
use jsonwebtoken9 as nine;
use serde::{Deserialize, Serialize};

const ISSUER: &str = "01010101010101010101010101010101";
const KEY: [u8; 32] = [7; 32];
/// Of the peers that take no time and read the clock themselves.
const NEVER: u64 = u32::MAX as u64;

#[derive(Serialize, Deserialize)]
pub(crate) struct Claims {
    iss: String,
    pub(crate) sub: String,
    jti: String,
    scope: String,
    iat: u64,
    exp: u64,
}

fn claims() -> Claims {
    Claims {
        iss: ISSUER.to_owned(),
        sub: "someone's laptop".to_owned(),
        jti: "9e3779b97f4a7c15bf58476d1ce4e5b9".to_owned(),
        scope: "observe operate".to_owned(),
        iat: 1_799_999_940,
        exp: NEVER,
    }
}

/// jsonwebtoken 9 over ring, HS256.
pub(crate) struct Nine {
    text: String,
    key: nine::DecodingKey,
    validation: nine::Validation,
}

impl Nine {
    pub(crate) fn new() -> Self {
        let key = nine::EncodingKey::from_secret(&KEY);
        let text = nine::encode(&nine::Header::default(), &claims(), &key).expect("it encodes");
        let mut validation = nine::Validation::new(nine::Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        Self { text, key: nine::DecodingKey::from_secret(&KEY), validation }
    }

    pub(crate) fn verify(&self) -> Claims {
        let text = std::hint::black_box(&self.text);
        nine::decode::<Claims>(text, &self.key, &self.validation).expect("it verifies").claims
    }
}

/// jsonwebtoken 11 over aws-lc, HS256.
pub(crate) struct Eleven {
    text: String,
    key: jsonwebtoken::DecodingKey,
    validation: jsonwebtoken::Validation,
}

impl Eleven {
    pub(crate) fn new() -> Self {
        let key = jsonwebtoken::EncodingKey::from_secret(&KEY);
        let header = jsonwebtoken::Header::default();
        let text = jsonwebtoken::encode(&header, &claims(), &key).expect("it encodes");
        let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        Self { text, key: jsonwebtoken::DecodingKey::from_secret(&KEY), validation }
    }

    pub(crate) fn verify(&self) -> Claims {
        let text = std::hint::black_box(&self.text);
        let decoded = jsonwebtoken::decode::<Claims>(text, &self.key, &self.validation);
        decoded.expect("it verifies").claims
    }
}

/// A signed cookie of the `cookie` crate with JSON in it: the quickest use of it, without a jar made
/// for each request, its claims borrowed and the time passed in.
pub(crate) struct Signed {
    value: String,
    key: Key,
    jar: CookieJar,
}

#[derive(Deserialize)]
struct Borrowed<'a> {
    iss: &'a str,
    sub: &'a str,
    jti: &'a str,
    scope: &'a str,
    iat: u64,
    exp: u64,
}

impl Signed {
    pub(crate) fn new() -> Self {
        let key = Key::from(&[7; 64]);
        let mut jar = CookieJar::new();
        let json = serde_json::to_string(&claims()).expect("it encodes");
        jar.signed_mut(&key).add(Cookie::new("session", json));
        let value = jar.get("session").expect("it was added").value().to_owned();
        Self { value, key, jar }
    }

    /// The bytes of the subject.
    pub(crate) fn verify(&self, now: u64) -> usize {
        let value = std::hint::black_box(&self.value).clone();
        let cookie = self.jar.signed(&self.key).verify(Cookie::new("session", value));
        let cookie = cookie.expect("it verifies");
        let claims: Borrowed<'_> = serde_json::from_str(cookie.value()).expect("it is JSON");
        assert!(claims.iss == ISSUER && claims.iat <= now && now < claims.exp);
        std::hint::black_box((claims.jti, claims.scope));
        claims.sub.len()
    }
}
