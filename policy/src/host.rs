//! The `Host` of a request, on an allow-list under strict parsing (I2).

use alloc::string::String;
use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};
use core::ops::RangeInclusive;

use crate::byte_set::ByteSet;
use crate::denial::{Denial, Shown};
use crate::settings::{Settings, Surface};
use crate::workspace::Directory;

/// A host name or address, as parsed from a header; names compare without regard to ASCII case.
#[derive(Clone, Copy, Debug)]
pub enum HostName<'a> {
    /// A registered name.
    Name(&'a str),
    /// An IPv4 literal of four decimal numbers.
    V4(Ipv4Addr),
    /// An IPv6 literal, without its brackets.
    V6(Ipv6Addr),
}

impl PartialEq for HostName<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Name(one), Self::Name(two)) => one.eq_ignore_ascii_case(two),
            (Self::V4(one), Self::V4(two)) => one == two,
            (Self::V6(one), Self::V6(two)) => one == two,
            _ => false,
        }
    }
}

impl Eq for HostName<'_> {}

/// Without the brackets of an IPv6 literal.
impl fmt::Display for HostName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::V4(address) => address.fmt(f),
            Self::V6(address) => address.fmt(f),
        }
    }
}

/// `host [":" port]` (RFC 9110, section 7.2), parsed strictly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authority<'a> {
    /// The host.
    pub host: HostName<'a>,
    /// The port, if one is written.
    pub port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// Parses an authority; `None` if it is not exactly one.
    ///
    /// No user information, no empty port, no zone id, no trailing dot; a name that ends in a
    /// number is an IPv4 address of four decimal numbers without leading zeros, or nothing.
    #[must_use]
    //= req: HOST-3
    pub fn parse(text: &'a str) -> Option<Self> {
        if let Some(rest) = text.strip_prefix('[') {
            let (literal, rest) = rest.split_once(']')?;
            let host = HostName::V6(literal.parse().ok()?);
            return Some(Self { host, port: parse_port_suffix(rest)? });
        }
        let colon = text.bytes().position(|byte| byte == b':').unwrap_or(text.len());
        let (name, suffix) = text.split_at_checked(colon)?;
        Some(Self { host: parse_name(name)?, port: parse_port_suffix(suffix)? })
    }

    /// The port written, or the default one of an `https` or `http` authority.
    #[must_use]
    pub fn port_or_default(&self, secure: bool) -> u16 {
        self.port.unwrap_or(if secure { 443 } else { 80 })
    }
}

fn parse_port_suffix(suffix: &str) -> Option<Option<u16>> {
    if suffix.is_empty() {
        return Some(None);
    }
    //= req: HOST-3
    parse_port(suffix.strip_prefix(':')?.as_bytes()).map(Some)
}

/// 1 to 65535, in its one spelling.
pub(crate) fn parse_port(digits: &[u8]) -> Option<u16> {
    if digits.is_empty() || digits.first() == Some(&b'0') {
        return None;
    }
    digits.iter().try_fold(0_u16, |port, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit <= 9)?;
        port.checked_mul(10)?.checked_add(u16::from(digit))
    })
}

/// How long a label is.
const LABEL: RangeInclusive<usize> = 1..=63;

/// What a label is made of.
static OF_A_LABEL: ByteSet =
    ByteSet::of(b"-_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

fn parse_name(name: &str) -> Option<HostName<'_>> {
    if name.len() > 253 {
        return None;
    }
    let mut label = 0_usize;
    for byte in name.bytes() {
        if OF_A_LABEL.has(byte) {
            label = label.saturating_add(1);
        } else if byte == b'.' && LABEL.contains(&label) {
            label = 0;
        } else {
            return None;
        }
    }
    //= req: HOST-3
    if !LABEL.contains(&label) {
        return None;
    }
    let last = name.as_bytes().get(name.len().checked_sub(label)?..)?;
    //= req: HOST-4
    if ends_in_a_number(last) {
        return name.parse().ok().map(HostName::V4);
    }
    Some(HostName::Name(name))
}

/// The URL standard's test: whoever reads such a host otherwise reads it as an IPv4 address.
fn ends_in_a_number(last_label: &[u8]) -> bool {
    let digits = last_label.iter().all(u8::is_ascii_digit);
    let hexadecimal = last_label.get(..2).is_some_and(|start| start.eq_ignore_ascii_case(b"0x"))
        && last_label.iter().skip(2).all(u8::is_ascii_hexdigit);
    digits || hexadecimal
}

/// One entry of an allow-list: exactly this host, at this port or, with none given, at any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedHost {
    text: String,
}

impl AllowedHost {
    /// Parses an entry; `None` if it is no authority. There are no wildcards and no expressions.
    #[must_use]
    //= req: HOST-5
    pub fn parse(text: &str) -> Option<Self> {
        Authority::parse(text)?;
        Some(Self { text: text.into() })
    }

    //= req: HOST-5
    pub(crate) fn admits(&self, seen: &Authority<'_>, secure: bool) -> bool {
        Authority::parse(&self.text).is_some_and(|allowed| {
            allowed.host == seen.host
                && allowed.port.is_none_or(|port| port == seen.port_or_default(secure))
        })
    }

    pub(crate) fn names(&self, host: &HostName<'_>) -> bool {
        Authority::parse(&self.text).is_some_and(|allowed| allowed.host == *host)
    }
}

impl AllowedHost {
    /// Whether some authority is admitted by both.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        let parsed = Authority::parse(&self.text).zip(Authority::parse(&other.text));
        parsed.is_some_and(|(one, other)| {
            one.host == other.host
                && (one.port.is_none() || other.port.is_none() || one.port == other.port)
        })
    }
}

impl fmt::Display for AllowedHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Proof that the `Host` check ran and passed.
#[derive(Debug)]
pub struct HostProof(());

/// Checks the one `Host` of a request against the allow-list (I2).
///
/// `localhost`, `127.0.0.1` and `[::1]` at any port while exposure is not remote; the host of the
/// public URL; what is listed; and what a workspace claims. Nothing else, wherever the request
/// comes from (I3).
pub(crate) fn verify(
    seen: &Authority<'_>,
    text: &str,
    secure: bool,
    settings: &Settings,
    directory: &Directory,
) -> Result<HostProof, Denial> {
    //= req: HOST-2
    let local = !settings.exposure.is_remote() && is_loopback_name(&seen.host);
    let listed = || listed(settings, directory).any(|entry| entry.admits(seen, secure));
    if local || listed() {
        return Ok(HostProof(()));
    }
    //= req: HOST-1
    Err(Denial::HostDenied { seen: Shown::new(text) })
}

/// What an operator has listed and, on the guarded origin, what workspaces have for themselves: none
/// of them has a name at which administration answers.
fn listed<'s>(
    settings: &'s Settings,
    directory: &'s Directory,
) -> impl Iterator<Item = &'s AllowedHost> {
    let claimed = (settings.surface == Surface::Guarded).then(|| directory.hosts());
    settings.allowed_hosts.iter().chain(claimed.into_iter().flatten())
}

/// Checks the name that a TLS client asked for (RFC 6066, section 3), where it asked for one: a
/// name on the allow-list, at any port, since the server name has none. An address is never sent
/// as a name, so a client that was given one asks for nothing.
pub(crate) fn verify_server_name(
    name: Option<&str>,
    settings: &Settings,
    directory: &Directory,
) -> Result<HostProof, Denial> {
    let Some(text) = name else { return Ok(HostProof(())) };
    let denied = || Denial::HostDenied { seen: Shown::new(text) };
    let seen = Authority::parse(text).filter(|seen| seen.port.is_none()).ok_or_else(denied)?;
    let local = !settings.exposure.is_remote() && is_loopback_name(&seen.host);
    let listed = || listed(settings, directory).any(|entry| entry.names(&seen.host));
    //= req: HOST-6
    if local || listed() { Ok(HostProof(())) } else { Err(denied()) }
}

/// The three spellings that browsers use for this machine. Not all of 127.0.0.0/8: a service that
/// answers for any of it is a rebinding target of its own.
#[must_use]
//= req: HOST-2
pub fn is_loopback_name(host: &HostName<'_>) -> bool {
    match host {
        HostName::Name(name) => name.eq_ignore_ascii_case("localhost"),
        HostName::V4(address) => *address == Ipv4Addr::LOCALHOST,
        HostName::V6(address) => *address == Ipv6Addr::LOCALHOST,
    }
}
