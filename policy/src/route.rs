//! Which rule governs a request: Doorward's own endpoints, or the guarded server's routes (I4).
//!
//! Only the path is looked at, never the query.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use crate::capability::Capabilities;
use crate::denial::Denial;
use crate::grant::Counter;

/// What all of Doorward's own paths begin with.
pub const OWN_PREFIX: &str = "/.doorward/";
const OWN_SEGMENT: &[u8] = b".doorward";

/// Doorward's own pages and endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `GET pair`: the pairing page.
    PairPage,
    /// `POST api/bootstrap`: a grant for a cookie.
    Bootstrap,
    /// `POST api/token`: a grant for a bearer token.
    Token,
    /// `GET api/session`: who am I.
    Session,
    /// `POST api/renew`: a token for a fresher one.
    Renew,
    /// `POST api/ticket`: a ticket for an upgrade.
    Ticket,
    /// `POST api/logout`: end this session.
    Logout,
    /// `GET health`.
    Health,
}

/// What a rule asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// No credential is looked at.
    Open,
    /// A grant is brought, in the body or in the hello, for a session with these capabilities;
    /// cookies are ignored, so that a revoked one never stands in the way of pairing again.
    Redeem(Counter, Capabilities),
    /// A session if one is presented, and nobody otherwise.
    Anyone,
    /// A session, with these capabilities.
    Session(Capabilities),
}

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// To Doorward itself.
    Own(Endpoint),
    /// To the guarded server.
    Guarded,
}

/// Proof that a rule names this route.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RouteProof {
    pub(crate) target: Target,
    pub(crate) access: Access,
}

/// Proof that the session may do what the rule asks for.
#[derive(Debug)]
pub(crate) struct CapabilityProof(());

/// Checks that `held` has all of `needed`.
pub(crate) fn verify_capability(
    held: Capabilities,
    needed: Capabilities,
) -> Result<CapabilityProof, Denial> {
    let lacking = needed.without(held);
    if lacking.is_empty() {
        Ok(CapabilityProof(()))
    } else {
        Err(Denial::CapabilityLacking(lacking))
    }
}

/// The rules for the guarded server's routes. What none names is denied.
#[derive(Clone, Debug)]
pub struct Routes {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    prefix: Vec<String>,
    needed: Capabilities,
}

impl Default for Routes {
    /// Everything needs `operate`.
    fn default() -> Self {
        Self { rules: Vec::from([Rule { prefix: Vec::new(), needed: Capabilities::OPERATE }]) }
    }
}

impl Routes {
    /// No rule: everything is denied.
    #[must_use]
    pub const fn none() -> Self {
        Self { rules: Vec::new() }
    }

    /// Adds a rule: what lies under `prefix`, segment by segment, needs `needed`. The longest
    /// prefix that matches counts.
    ///
    /// Returns `false`, and adds nothing, unless `prefix` is a plain absolute path outside of
    /// Doorward's own.
    #[must_use]
    pub fn add(&mut self, prefix: &str, needed: Capabilities) -> bool {
        let Some(plain) = prefix.strip_prefix('/') else { return false };
        let plain = plain.strip_suffix('/').unwrap_or(plain);
        let known = |byte: u8| byte.is_ascii_graphic() && !b"%\\;?#".contains(&byte);
        let segments: Vec<String> =
            if plain.is_empty() { Vec::new() } else { plain.split('/').map(Into::into).collect() };
        let sound = |segment: &String| {
            !matches!(segment.as_str(), "" | "." | "..") && segment.bytes().all(known)
        };
        let own = segments.first().is_some_and(|first| is_own_segment(first.as_bytes()));
        if own || !segments.iter().all(sound) {
            return false;
        }
        self.rules.retain(|rule| rule.prefix != segments);
        self.rules.push(Rule { prefix: segments, needed });
        true
    }

    /// Finds the rule for a request.
    pub(crate) fn resolve(&self, path: &Path<'_>, method: &str) -> Result<RouteProof, Denial> {
        if let Some(own) = path.raw.strip_prefix(OWN_PREFIX) {
            let (endpoint, access) = own_endpoint(own, method).ok_or(Denial::NoRoute)?;
            return Ok(RouteProof { target: Target::Own(endpoint), access });
        }
        // Where one rule covers everything, as it does unless an operator adds others, there is
        // nothing to take apart.
        let plain = self.rules.iter().all(|rule| rule.prefix.is_empty());
        let reading = if plain { Reading::default() } else { path.read() };
        let needed = self.needed(&reading).ok_or(Denial::NoRoute)?;
        Ok(RouteProof { target: Target::Guarded, access: Access::Session(needed) })
    }

    /// What it takes to reach the guarded server past all rules, as a stream of bytes does: the
    /// capabilities of every rule. `None` where no rule covers everything.
    pub(crate) fn whole(&self) -> Option<Capabilities> {
        let everything = self.rules.iter().any(|rule| rule.prefix.is_empty());
        let all = |needed: Capabilities, rule: &Rule| needed.with(rule.needed);
        everything.then(|| self.rules.iter().fold(Capabilities::NONE, all))
    }

    /// What the rules ask for; `None` where none names the path.
    ///
    /// As far as every server reads the path alike, the longest prefix counts. Beyond, each rule
    /// that it comes under in some reading counts too: those that cover what is decoded or, once
    /// the path climbs, all of them. Otherwise `/admin/..%2fpublic` would need no more than
    /// `/public` does, before a server that decodes no separator and serves what is under `/admin`.
    fn needed(&self, reading: &Reading<'_>) -> Option<Capabilities> {
        let Reading { plain, alike, climbs } = reading;
        let covers = |rule: &&Rule| {
            let mut names = names(plain);
            rule.prefix.iter().all(|one| names.next() == Some(one.as_bytes()))
        };
        let certain = self.rules.iter().filter(|rule| rule.prefix.len() <= *alike).filter(covers);
        let certain = certain.max_by_key(|rule| rule.prefix.len())?;
        let possible = |rule: &&Rule| *climbs || (rule.prefix.len() > *alike && covers(rule));
        let possible = self.rules.iter().filter(possible);
        Some(possible.fold(certain.needed, |needed, rule| needed.with(rule.needed)))
    }
}

fn own_endpoint(path: &str, method: &str) -> Option<(Endpoint, Access)> {
    let session = Access::Session(Capabilities::NONE);
    let redeem = |counter| Access::Redeem(counter, Capabilities::NONE);
    Some(match (path, method) {
        ("pair", "GET" | "HEAD") => (Endpoint::PairPage, Access::Open),
        ("health", "GET" | "HEAD") => (Endpoint::Health, Access::Open),
        ("api/bootstrap", "POST") => (Endpoint::Bootstrap, redeem(Counter::Bootstrap)),
        ("api/token", "POST") => (Endpoint::Token, redeem(Counter::Token)),
        ("api/session", "GET") => (Endpoint::Session, Access::Anyone),
        ("api/renew", "POST") => (Endpoint::Renew, session),
        ("api/ticket", "POST") => (Endpoint::Ticket, session),
        ("api/logout", "POST") => (Endpoint::Logout, session),
        _ => return None,
    })
}

/// A path in origin form, without its query.
#[derive(Clone, Copy, Debug)]
pub struct Path<'a> {
    raw: &'a str,
}

impl<'a> Path<'a> {
    /// Takes the path of a request target.
    ///
    /// # Errors
    /// [`Denial::MalformedPath`] unless it is in origin form, of printable ASCII; or if it does not
    /// begin with [`OWN_PREFIX`] and yet decodes or normalises into it.
    pub fn parse(target: &'a str) -> Result<Self, Denial> {
        let raw = target.split('?').next().unwrap_or_default();
        let plain = raw.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
        if !raw.starts_with('/') || !plain {
            return Err(Denial::MalformedPath);
        }
        let path = Self { raw };
        if !raw.starts_with(OWN_PREFIX) && path.leads_home() {
            return Err(Denial::MalformedPath);
        }
        Ok(path)
    }

    /// Whether the first segment is ours once decoded and normalised, as some server does it.
    fn leads_home(&self) -> bool {
        // Nothing to decode or normalise, and not ours as it stands.
        let suspicious = |byte: u8| matches!(byte, b'%' | b'\\' | b';' | b'.');
        if !self.raw.bytes().any(suspicious) {
            return false;
        }
        // What leads up takes away a segment, and servers disagree on how many there are: once the
        // path has climbed, any segment may be the first.
        let mut may_be_first = true;
        let mut climbs = false;
        for segment in segments(&decode_fully(self.raw)) {
            match kind(segment) {
                Kind::Empty => {}
                Kind::Parent => climbs = true,
                Kind::Name if may_be_first || climbs => {
                    if is_own_segment(segment) {
                        return true;
                    }
                    may_be_first = false;
                }
                Kind::Name => {}
            }
        }
        false
    }

    /// The path as the rules see it.
    fn read(&self) -> Reading<'a> {
        let plain = decode_fully(self.raw);
        let climbs = segments(&plain).any(|segment| matches!(kind(segment), Kind::Parent));
        let raw = self.raw.split('/').skip(1).map(str::as_bytes);
        let alike = raw.take_while(|segment| !climbs && is_read_alike(segment)).count();
        Reading { plain, alike, climbs }
    }
}

/// How a path can be read.
#[derive(Default)]
struct Reading<'a> {
    /// It, fully decoded.
    plain: Cow<'a, [u8]>,
    /// How many of its names, from the first, every server reads so.
    alike: usize,
    /// It has a segment that leads up, on some server.
    climbs: bool,
}

/// Whether a segment is one and the same name to every server: no parameters, nothing to decode or
/// to split, and no dots to resolve.
fn is_read_alike(segment: &[u8]) -> bool {
    let apart = |byte: &u8| matches!(byte, b'%' | b'\\' | b';');
    matches!(kind(segment), Kind::Name) && !segment.iter().any(apart)
}

enum Kind {
    Empty,
    Parent,
    Name,
}

fn kind(segment: &[u8]) -> Kind {
    match segment {
        b"" | b"." => Kind::Empty,
        b".." => Kind::Parent,
        _ => Kind::Name,
    }
}

/// The names in a decoded path.
fn names(plain: &[u8]) -> impl Iterator<Item = &[u8]> {
    segments(plain).filter(|segment| matches!(kind(segment), Kind::Name))
}

/// The segments of a decoded path, split at every byte that some server reads as a separator, and
/// without their parameters (RFC 3986, section 3.3).
fn segments(plain: &[u8]) -> impl Iterator<Item = &[u8]> {
    plain
        .split(|byte| matches!(byte, b'/' | b'\\'))
        .map(|segment| segment.split(|byte| *byte == b';').next().unwrap_or_default())
}

/// Percent-decodes until nothing is left to decode: of several servers in a row, each may do it
/// once more. Allocates only where there is something to decode.
fn decode_fully(path: &str) -> Cow<'_, [u8]> {
    if !path.contains('%') {
        return Cow::Borrowed(path.as_bytes());
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut plain = Vec::with_capacity(path.len());
    for byte in path.bytes() {
        plain.push(byte);
        // What has just been decoded may be the last of three bytes itself.
        while let Some(&[b'%', high, low]) = plain.last_chunk::<3>() {
            let (Some(high), Some(low)) = (digit(high), digit(low)) else { break };
            plain.truncate(plain.len().saturating_sub(3));
            plain.push((high << 4) | low);
        }
    }
    Cow::Owned(plain)
}

fn is_own_segment(segment: &[u8]) -> bool {
    segment.eq_ignore_ascii_case(OWN_SEGMENT)
}
