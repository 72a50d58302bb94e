//! Paths, and how differently servers may read them.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use super::OWN_PREFIX;
use crate::denial::Denial;

const OWN_SEGMENT: &[u8] = b".doorward";

/// A plain absolute path, by its segments: what lies under it is meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix(Vec<String>);

impl Prefix {
    /// Parses a prefix; `None` unless it is a plain absolute path outside of Doorward's own: no
    /// segment that some server would decode, resolve or split.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.strip_prefix('/')?;
        let plain = plain.strip_suffix('/').unwrap_or(plain);
        let known = |byte: u8| byte.is_ascii_graphic() && !b"%\\;?#".contains(&byte);
        let segments: Vec<String> =
            if plain.is_empty() { Vec::new() } else { plain.split('/').map(Into::into).collect() };
        let sound = |segment: &String| {
            !matches!(segment.as_str(), "" | "." | "..") && segment.bytes().all(known)
        };
        let own = segments.first().is_some_and(|first| is_own_segment(first.as_bytes()));
        //= req: PATH-5
        (!own && segments.iter().all(sound)).then_some(Self(segments))
    }

    /// How many segments it has; none for the prefix of everything.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether some server takes the two for the same.
    pub(crate) fn is_read_as(&self, other: &Self) -> bool {
        let same = |(one, two): (&String, &String)| one.eq_ignore_ascii_case(two);
        self.len() == other.len() && self.0.iter().zip(&other.0).all(same)
    }

    /// Whether everything lies under it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl core::fmt::Display for Prefix {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        if self.0.is_empty() {
            return f.write_str("/");
        }
        self.0.iter().try_for_each(|segment| write!(f, "/{segment}"))
    }
}

/// A path in origin form, without its query.
#[derive(Clone, Copy, Debug)]
pub struct Path<'a> {
    pub(super) raw: &'a str,
}

impl<'a> Path<'a> {
    /// Takes the path of a request target.
    ///
    /// # Errors
    /// [`Denial::MalformedPath`] unless it is in origin form, of printable ASCII; or if it does not
    /// begin with [`OWN_PREFIX`] and yet decodes or normalises into it.
    pub fn parse(target: &'a str) -> Result<Self, Denial> {
        //= req: ROUTE-2
        let end = target.bytes().position(|byte| byte == b'?').unwrap_or(target.len());
        let raw = target.get(..end).unwrap_or_default();
        let plain = raw.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
        //= req: PATH-1
        if !raw.starts_with('/') || !plain {
            return Err(Denial::MalformedPath);
        }
        let path = Self { raw };
        //= req: PATH-2
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
        let mut climbs = self.hides_a_separator();
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

    /// Whether a segment has, among its parameters, what only some servers read as a separator: to
    /// others it is a parameter's and goes with it, so that what comes after is another segment to them.
    fn hides_a_separator(&self) -> bool {
        //= req: PATH-2, PATH-3, PATH-4
        self.raw.split('/').any(|segment| {
            let plain = decode_fully(segment);
            let mut rest = plain.iter().skip_while(|byte| **byte != b';');
            rest.any(|byte| is_separator(*byte))
        })
    }

    /// The path as rules and claims see it.
    pub(crate) fn read(&self) -> Reading<'a> {
        let plain = decode_fully(self.raw);
        let climbs = self.hides_a_separator()
            || segments(&plain).any(|segment| matches!(kind(segment), Kind::Parent));
        let raw = self.raw.split('/').skip(1).map(str::as_bytes);
        let alike = raw.take_while(|segment| !climbs && is_read_alike(segment)).count();
        Reading { plain, alike, climbs }
    }
}

/// How a path can be read.
#[derive(Default)]
pub(crate) struct Reading<'a> {
    /// It, fully decoded.
    plain: Cow<'a, [u8]>,
    /// How many of its names, from the first, every server reads so.
    alike: usize,
    /// It has a segment that leads up, on some server, or that swallows a separator.
    climbs: bool,
}

impl Reading<'_> {
    /// Whether the path lies under `prefix` to every server.
    pub(crate) fn certainly_under(&self, prefix: &Prefix) -> bool {
        prefix.len() <= self.alike && self.covered_by(prefix, |name, one| name == one)
    }

    /// Whether it lies under `prefix` to some server, and not to every one. To some, `/Admin` is
    /// `/admin`.
    pub(crate) fn possibly_under(&self, prefix: &Prefix) -> bool {
        let covered = || self.covered_by(prefix, <[u8]>::eq_ignore_ascii_case);
        //= req: PATH-3, PATH-4
        self.climbs || (!self.certainly_under(prefix) && covered())
    }

    fn covered_by(&self, prefix: &Prefix, same: impl Fn(&[u8], &[u8]) -> bool) -> bool {
        let mut names = names(&self.plain);
        prefix.0.iter().all(|one| names.next().is_some_and(|name| same(name, one.as_bytes())))
    }
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
        .split(|byte| is_separator(*byte))
        .map(|segment| segment.split(|byte| *byte == b';').next().unwrap_or_default())
}

/// A slash, or what some server takes for one.
const fn is_separator(byte: u8) -> bool {
    matches!(byte, b'/' | b'\\')
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
        //= req: PATH-2
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
