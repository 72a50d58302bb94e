//! Where a request comes from: `Origin` and fetch metadata (I1).

use alloc::string::String;
use core::fmt;

use crate::denial::{Denial, Shown};
use crate::forwarding::Scheme;
use crate::hello;
use crate::host::Authority;
use crate::request::Fields;
use crate::settings::{Guarding, Settings, Surface};

/// A tuple origin (RFC 6454, section 3.2), parsed strictly.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    scheme: &'a str,
    authority: Authority<'a>,
}

impl<'a> Origin<'a> {
    /// Parses `scheme "://" host [":" port]`; `None` for `null`, a path, a list, anything else.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let colon = text.bytes().position(|byte| byte == b':')?;
        let (scheme, rest) = text.split_at_checked(colon)?;
        let rest = rest.strip_prefix("://")?;
        let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        let starts = scheme.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
        if !starts || !scheme.bytes().all(known) {
            return None;
        }
        Some(Self { scheme, authority: Authority::parse(rest)? })
    }

    fn same(&self, other: &Self) -> bool {
        let port = |origin: &Self| match origin.authority.port {
            None if origin.scheme.eq_ignore_ascii_case("http") => Some(80),
            None if origin.scheme.eq_ignore_ascii_case("https") => Some(443),
            written => written,
        };
        self.scheme.eq_ignore_ascii_case(other.scheme)
            && self.authority.host == other.authority.host
            && port(self) == port(other)
    }
}

/// One entry of the list of foreign origins that may drive the guarded server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedOrigin {
    text: String,
}

impl AllowedOrigin {
    /// Parses an entry: exactly one origin. `None` for `*`, `null`, a pattern, or a path.
    #[must_use]
    //= req: ORIGIN-4
    pub fn parse(text: &str) -> Option<Self> {
        Origin::parse(text)?;
        Some(Self { text: text.into() })
    }

    fn admits(&self, seen: &Origin<'_>) -> bool {
        Origin::parse(&self.text).is_some_and(|allowed| allowed.same(seen))
    }
}

impl fmt::Display for AllowedOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Proof that the origin check ran and passed.
#[derive(Debug)]
pub struct OriginProof(());

/// What the origin check needs to know of a request.
pub(crate) struct Question<'f, 'a> {
    pub(crate) fields: &'f Fields<'a>,
    pub(crate) scheme: Scheme,
    pub(crate) host: &'f Authority<'a>,
    /// What that was parsed from.
    pub(crate) host_text: &'a str,
    /// The credential is one that a browser attaches by itself.
    pub(crate) ambient: bool,
    pub(crate) upgrade: bool,
    pub(crate) method: &'a str,
}

impl Question<'_, '_> {
    /// Whether an `Origin` is the scheme and, byte for byte, the `Host`: to parse it would only tell the same once
    /// more. Nearly every page that asks is one of the guarded server's own.
    fn is_repeated_by(&self, origin: &[u8]) -> bool {
        let rest = origin.strip_prefix(self.scheme.name().as_bytes());
        rest.and_then(|rest| rest.strip_prefix(b"://")) == Some(self.host_text.as_bytes())
    }
}

/// Checks where a request comes from (I1): a present `Origin` always; with a cookie it is required
/// on upgrades and on every method but GET and HEAD, and those need fetch metadata instead.
pub(crate) fn verify(
    question: &Question<'_, '_>,
    settings: &Settings,
) -> Result<OriginProof, Denial> {
    if let Some(text) = question.fields.origin.value() {
        return check_present(text, question, settings);
    }
    // Where no guard was asked for, to reach the port is all that it takes, and that is what a
    // browser brings for any page: its own word on where a request comes from counts then.
    let unguarded = settings.guarding == Guarding::Unguarded;
    //= req: ORIGIN-6
    if unguarded && question.fields.sec_fetch_site.is_present() {
        return check_fetch_metadata(question.fields);
    }
    if !question.ambient {
        return Ok(OriginProof(()));
    }
    let reading = matches!(question.method, "GET" | "HEAD") && !question.upgrade;
    //= req: ORIGIN-2
    if !reading {
        return Err(Denial::OriginMissing);
    }
    check_fetch_metadata(question.fields)
}

/// The proof that a connection comes from no page: a browser negotiates protocols of its own, and
/// never this one.
pub(crate) fn verify_protocol(negotiated: &[u8]) -> Result<OriginProof, Denial> {
    //= req: ORIGIN-7
    if negotiated == hello::ALPN { Ok(OriginProof(())) } else { Err(Denial::BrowserRefused) }
}

fn check_present(
    text: &[u8],
    question: &Question<'_, '_>,
    settings: &Settings,
) -> Result<OriginProof, Denial> {
    let own = Origin { scheme: question.scheme.name(), authority: *question.host };
    let parsed = || core::str::from_utf8(text).ok().and_then(Origin::parse);
    //= req: ORIGIN-1
    if question.is_repeated_by(text) {
        debug_assert!(parsed().is_some_and(|seen| own.same(&seen)), "a Host that is no authority");
        return Ok(OriginProof(()));
    }
    let denied = || Denial::OriginDenied { seen: Shown::from_bytes(text) };
    let seen = parsed().ok_or_else(denied)?;
    // No foreign page drives administration.
    let listed = || {
        settings.surface == Surface::Guarded
            && settings.allowed_origins.iter().any(|entry| entry.admits(&seen))
    };
    //= req: ORIGIN-1
    if own.same(&seen) || listed() { Ok(OriginProof(())) } else { Err(denied()) }
}

/// Fetch Metadata Request Headers, sections 2.1 to 2.4. `same-site` is not enough: another port of
/// this machine is the same site.
fn check_fetch_metadata(fields: &Fields<'_>) -> Result<OriginProof, Denial> {
    let site = fields.sec_fetch_site.value();
    let own = matches!(site, Some(b"same-origin" | b"none"));
    //= req: ORIGIN-3
    if own || is_navigation(fields) {
        return Ok(OriginProof(()));
    }
    Err(Denial::FetchMetadata { site: Shown::from_bytes(site.unwrap_or(b"(none sent)")) })
}

/// A browser's navigation of a person to a whole page, so that a refusal may be a page too.
#[must_use]
pub fn is_navigation(fields: &Fields<'_>) -> bool {
    fields.sec_fetch_mode.value() == Some(b"navigate")
        && fields.sec_fetch_dest.value() == Some(b"document")
}
