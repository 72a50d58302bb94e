//! Who is at the other end, and under which scheme: from the socket, or from a trusted proxy.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::denial::{Denial, HeadFault};
use crate::request::{Fields, Head};
use crate::settings::Settings;

/// The scheme under which the client sent its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Without TLS.
    Http,
    /// With TLS.
    Https,
}

impl Scheme {
    /// `http` or `https`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// Whether it is under TLS.
    #[must_use]
    pub const fn is_secure(self) -> bool {
        matches!(self, Self::Https)
    }
}

/// The client of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its address.
    pub address: IpAddr,
    /// Its scheme.
    pub scheme: Scheme,
}

/// A network of proxies whose forwarding headers are believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustedNetwork {
    upper: u128,
    shift: u32,
}

impl TrustedNetwork {
    /// Parses an address, or a network in CIDR notation (RFC 4632, section 3.1). `None` for
    /// anything else, and for a network that has all addresses of a family in it: `::/64` holds
    /// every IPv4 address, since those are mapped below it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length.parse::<u32>().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let width: u32 = if address.is_ipv4() { 32 } else { 128 };
        let shift = width.checked_sub(length.unwrap_or(width))?;
        // There is nothing left of an address that is shifted by all its 128 bits.
        let upper = bits(address).checked_shr(shift)?;
        let mapped = Ipv4Addr::UNSPECIFIED.to_ipv6_mapped().to_bits();
        let every_v4 = shift >= 32 && mapped.checked_shr(shift) == Some(upper);
        //= req: FORWARD-5
        (!every_v4).then_some(Self { upper, shift })
    }

    /// Whether an address is in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        bits(address).checked_shr(self.shift) == Some(self.upper)
    }
}

/// An address as one number; an IPv4 address as its IPv4-mapped IPv6 address.
fn bits(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => Ipv6Addr::to_bits(v6),
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.address, self.scheme.name())
    }
}

/// Finds out the client of a request. Forwarding headers of anybody but a trusted proxy are as if
/// they weren't there (I3, I16).
///
/// # Errors
/// If a trusted proxy's header can't be read: rather no answer than one to the wrong client.
pub fn resolve(
    head: &Head<'_>,
    fields: &Fields<'_>,
    settings: &Settings,
) -> Result<Client, Denial> {
    let peer = head.peer.to_canonical();
    let scheme = if head.tls { Scheme::Https } else { Scheme::Http };
    let socket = Client { address: peer, scheme };
    //= req: FORWARD-1
    if !settings.trusts(peer) {
        return Ok(socket);
    }
    //= req: FORWARD-3
    let unreadable = Denial::MalformedHead(HeadFault::Forwarding);
    Ok(Client {
        address: forwarded_for(fields, settings).ok_or(unreadable)?.unwrap_or(peer),
        scheme: forwarded_proto(fields).ok_or(unreadable)?.unwrap_or(scheme),
    })
}

/// The last address in the list that is not itself a trusted proxy: what stands before it was
/// written by somebody whom nobody vouches for.
fn forwarded_for(fields: &Fields<'_>, settings: &Settings) -> Option<Option<IpAddr>> {
    if !fields.forwarded_for.is_present() {
        return Some(None);
    }
    let list = core::str::from_utf8(fields.forwarded_for.value()?).ok()?;
    let mut nearest = None;
    for item in list.rsplit(',') {
        let address = item.trim().parse::<IpAddr>().ok()?.to_canonical();
        nearest = Some(address);
        //= req: FORWARD-2
        if !settings.trusts(address) {
            break;
        }
    }
    Some(nearest)
}

fn forwarded_proto(fields: &Fields<'_>) -> Option<Option<Scheme>> {
    if !fields.forwarded_proto.is_present() {
        return Some(None);
    }
    match fields.forwarded_proto.value()? {
        b"http" => Some(Some(Scheme::Http)),
        b"https" => Some(Some(Scheme::Https)),
        _ => None,
    }
}
