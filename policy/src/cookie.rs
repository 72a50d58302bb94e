//! The session cookie: its name, its flags, and finding it among others (I13).

use alloc::format;
use alloc::string::String;
use core::fmt;

use memchr::{memchr, memchr_iter};

use crate::denial::{Bound, Denial};
use crate::forwarding::Scheme;
use crate::host::parse_port;
use crate::time::Timestamp;
use crate::token::SessionToken;

/// The most cookies of a request. Browsers share a host's cookies among all its ports, so a
/// developer's machine sends many.
pub const MAX_COOKIES: usize = 128;

const SECURE_NAME: &str = "__Host-doorward";
const PLAIN_PREFIX: &str = "doorward_";

/// The name of the session cookie: `__Host-doorward` under https; with the port of the `Host` in
/// it on plain http, since cookies don't separate ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookieName {
    /// Under https.
    Secure,
    /// On plain http, for this port.
    Plain(u16),
}

impl CookieName {
    /// The name for a request of this scheme to this port.
    #[must_use]
    //= req: COOKIE-4
    pub const fn of(scheme: Scheme, port: u16) -> Self {
        match scheme {
            Scheme::Https => Self::Secure,
            Scheme::Http => Self::Plain(port),
        }
    }

    //= req: COOKIE-4
    fn is(self, name: &[u8]) -> bool {
        match self {
            Self::Secure => name == SECURE_NAME.as_bytes(),
            Self::Plain(port) => {
                name.strip_prefix(PLAIN_PREFIX.as_bytes()).and_then(parse_port) == Some(port)
            }
        }
    }

    /// The `Set-Cookie` that hands out a token (RFC 6265, section 4.1), to be kept as long as it
    /// is valid.
    #[must_use]
    pub fn set(self, token: &SessionToken, expires_at: Timestamp, now: Timestamp) -> String {
        let age = expires_at.since(now).as_secs();
        format!("{self}={}; Max-Age={age}{}", token.expose(), self.flags())
    }

    /// The `Set-Cookie` that removes it.
    #[must_use]
    pub fn expire(self) -> String {
        format!("{self}=; Max-Age=0{}", self.flags())
    }

    //= req: COOKIE-5
    const fn flags(self) -> &'static str {
        match self {
            Self::Secure => "; Path=/; Secure; HttpOnly; SameSite=Lax",
            Self::Plain(_) => "; Path=/; HttpOnly; SameSite=Lax",
        }
    }
}

impl fmt::Display for CookieName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secure => f.write_str(SECURE_NAME),
            Self::Plain(port) => write!(f, "{PLAIN_PREFIX}{port}"),
        }
    }
}

/// Whether a cookie of this name is Doorward's, at whatever port: such a cookie is never forwarded
/// to the guarded server, and never taken from it.
#[must_use]
pub fn is_ours(name: &[u8]) -> bool {
    let plain = |prefix: &str| {
        name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
    };
    plain(PLAIN_PREFIX) || plain(SECURE_NAME)
}

/// The `name=value` pairs of a `Cookie` field. A pair without `=` has an empty name: so does a
/// browser store it, and so might it send a name of ours as a value.
pub fn pairs(field: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    pieces(field).map(|pair| {
        let pair = pair.trim_ascii();
        match memchr(b'=', pair) {
            Some(at) => {
                let (name, rest) = pair.split_at_checked(at).unwrap_or((pair, b""));
                (name.trim_ascii(), rest.get(1..).unwrap_or_default().trim_ascii())
            }
            None => (&b""[..], pair),
        }
    })
}

/// What stands between the semicolons.
fn pieces(field: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ends = memchr_iter(b';', field).chain(core::iter::once(field.len()));
    ends.scan(0, |start, end| {
        let piece = field.get(*start..end).unwrap_or_default();
        *start = end.saturating_add(1);
        Some(piece)
    })
}

/// Finds the session cookie in a `Cookie` field.
///
/// # Errors
/// [`Denial::CookieShadowed`] if it occurs twice, or without a name; [`Denial::TooLarge`] if there
/// are more than [`MAX_COOKIES`].
pub fn find(field: &[u8], wanted: CookieName) -> Result<Option<&[u8]>, Denial> {
    let mut found = None;
    for (index, (name, value)) in pairs(field).enumerate() {
        //= req: COOKIE-3
        if index >= MAX_COOKIES {
            return Err(Denial::TooLarge(Bound::Cookies));
        }
        //= req: COOKIE-2
        if name.is_empty() && is_ours(value) {
            return Err(Denial::CookieShadowed);
        }
        //= req: COOKIE-1
        if wanted.is(name) && found.replace(value).is_some() {
            return Err(Denial::CookieShadowed);
        }
    }
    Ok(found)
}
