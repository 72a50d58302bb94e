//! What Doorward exists to hold.

/// An invariant: a promise that can be tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// Whatever a browser attaches by itself (a cookie) is accepted only with proof of where the request comes from: exactly one `Origin`, equal to an allowed (scheme, host, port) after default-port normalisation, on every upgrade and every method but GET and HEAD; for those, fetch metadata that says same-origin or a navigation of the person. A present `Origin` is always checked. `null`, extension schemes, wildcards and IP literals other than the listener's own address are never allowed implicitly.
    I1,
    /// Exactly one `Host`, on an allow-list, under strict IP parsing; checked independently of I1.
    I2,
    /// Coming from loopback, or a header that says so, never authenticates.
    I3,
    /// Every route of every transport passes the same decision; what no rule names is denied.
    I4,
    /// Consuming a grant is linearizable: over any interleaving, process and machine, at most as many sessions as the grant has uses. Only its hash is stored.
    I5,
    /// A credential is valid in `[not_before, expires_at)`; what is malformed is denied; renewal never passes the absolute maximum; a lifetime comes from policy, never from the caller.
    I6,
    /// A session token has exactly two segments, a bounded length, one fixed algorithm, the whole 32-byte tag, and one canonical base64url spelling. Nothing in an unverified token chooses an algorithm or a length; a key id only picks among live keys of the same purpose.
    I7,
    /// Revocation is keyed on the session id inside the MAC, never on the token's text.
    I8,
    /// Secrets are compared in constant time.
    I9,
    /// Revocation, expiry and a lost membership close live connections within a stated bound.
    I10,
    /// Membership replaces, never merges; which workspace a resource belongs to is resolved on the server. What one may not see answers as if it didn't exist.
    I11,
    /// No secret reaches a URL's path or query, a log line, a `Debug` print, an error, or an endpoint that the caller chose.
    I12,
    /// Cookies: `__Host-` and `Secure` wherever the effective scheme is TLS, always `HttpOnly` and `SameSite`; a nameless or duplicated session cookie is denied; the number parsed is bounded.
    I13,
    /// A new session id at every sign-in; nothing an attacker fixed beforehand survives it.
    I14,
    /// Before admission everything is bounded: bytes, headers, frames, time, connections per address. No input panics.
    I15,
    /// A limiter's key is a validated address; making room never resets a live counter; one address can't lock another out, and no flood locks out the holder of a valid session.
    I16,
    /// No decision on 0-RTT data or on an unvalidated address.
    I17,
    /// Nothing is forwarded before admission; a failed upgrade closes the connection.
    I18,
    /// Secrets come from the operating system's generator, 256 bits (at least 60 where a person types them, then rate-limited); a failing generator is an error.
    I19,
    /// When the store, the clock or the generator fails, the answer is a denial that says "unavailable", never an admission.
    I20,
    /// An effect is written down before it is acknowledged: a grant made or spent, a session made or revoked, a key rotated, each with its audit record, survive `kill -9` at any point. (Audit records of plain admissions and denials may lag by up to a second.)
    I21,
}

impl Invariant {
    /// Every invariant.
    pub const ALL: [Self; 21] = [
        Self::I1,
        Self::I2,
        Self::I3,
        Self::I4,
        Self::I5,
        Self::I6,
        Self::I7,
        Self::I8,
        Self::I9,
        Self::I10,
        Self::I11,
        Self::I12,
        Self::I13,
        Self::I14,
        Self::I15,
        Self::I16,
        Self::I17,
        Self::I18,
        Self::I19,
        Self::I20,
        Self::I21,
    ];

    /// Its name, `I1` to `I21`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::I1 => "I1",
            Self::I2 => "I2",
            Self::I3 => "I3",
            Self::I4 => "I4",
            Self::I5 => "I5",
            Self::I6 => "I6",
            Self::I7 => "I7",
            Self::I8 => "I8",
            Self::I9 => "I9",
            Self::I10 => "I10",
            Self::I11 => "I11",
            Self::I12 => "I12",
            Self::I13 => "I13",
            Self::I14 => "I14",
            Self::I15 => "I15",
            Self::I16 => "I16",
            Self::I17 => "I17",
            Self::I18 => "I18",
            Self::I19 => "I19",
            Self::I20 => "I20",
            Self::I21 => "I21",
        }
    }

    /// What it promises.
    #[must_use]
    pub const fn statement(self) -> &'static str {
        match self {
            Self::I1 => {
                "Whatever a browser attaches by itself (a cookie) is accepted only with proof of where the request comes from: exactly one `Origin`, equal to an allowed (scheme, host, port) after default-port normalisation, on every upgrade and every method but GET and HEAD; for those, fetch metadata that says same-origin or a navigation of the person. A present `Origin` is always checked. `null`, extension schemes, wildcards and IP literals other than the listener's own address are never allowed implicitly."
            }
            Self::I2 => {
                "Exactly one `Host`, on an allow-list, under strict IP parsing; checked independently of I1."
            }
            Self::I3 => "Coming from loopback, or a header that says so, never authenticates.",
            Self::I4 => {
                "Every route of every transport passes the same decision; what no rule names is denied."
            }
            Self::I5 => {
                "Consuming a grant is linearizable: over any interleaving, process and machine, at most as many sessions as the grant has uses. Only its hash is stored."
            }
            Self::I6 => {
                "A credential is valid in `[not_before, expires_at)`; what is malformed is denied; renewal never passes the absolute maximum; a lifetime comes from policy, never from the caller."
            }
            Self::I7 => {
                "A session token has exactly two segments, a bounded length, one fixed algorithm, the whole 32-byte tag, and one canonical base64url spelling. Nothing in an unverified token chooses an algorithm or a length; a key id only picks among live keys of the same purpose."
            }
            Self::I8 => {
                "Revocation is keyed on the session id inside the MAC, never on the token's text."
            }
            Self::I9 => "Secrets are compared in constant time.",
            Self::I10 => {
                "Revocation, expiry and a lost membership close live connections within a stated bound."
            }
            Self::I11 => {
                "Membership replaces, never merges; which workspace a resource belongs to is resolved on the server. What one may not see answers as if it didn't exist."
            }
            Self::I12 => {
                "No secret reaches a URL's path or query, a log line, a `Debug` print, an error, or an endpoint that the caller chose."
            }
            Self::I13 => {
                "Cookies: `__Host-` and `Secure` wherever the effective scheme is TLS, always `HttpOnly` and `SameSite`; a nameless or duplicated session cookie is denied; the number parsed is bounded."
            }
            Self::I14 => {
                "A new session id at every sign-in; nothing an attacker fixed beforehand survives it."
            }
            Self::I15 => {
                "Before admission everything is bounded: bytes, headers, frames, time, connections per address. No input panics."
            }
            Self::I16 => {
                "A limiter's key is a validated address; making room never resets a live counter; one address can't lock another out, and no flood locks out the holder of a valid session."
            }
            Self::I17 => "No decision on 0-RTT data or on an unvalidated address.",
            Self::I18 => {
                "Nothing is forwarded before admission; a failed upgrade closes the connection."
            }
            Self::I19 => {
                "Secrets come from the operating system's generator, 256 bits (at least 60 where a person types them, then rate-limited); a failing generator is an error."
            }
            Self::I20 => {
                "When the store, the clock or the generator fails, the answer is a denial that says \"unavailable\", never an admission."
            }
            Self::I21 => {
                "An effect is written down before it is acknowledged: a grant made or spent, a session made or revoked, a key rotated, each with its audit record, survive `kill -9` at any point. (Audit records of plain admissions and denials may lag by up to a second.)"
            }
        }
    }
}
