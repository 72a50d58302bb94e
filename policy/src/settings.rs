//! What an operator chooses, parsed and within its bounds.

use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;

use crate::admission::Wire;
use crate::caps::ConnectionLimits;
use crate::forwarding::TrustedNetwork;
use crate::host::AllowedHost;
use crate::limiter::Limits;
use crate::origin::AllowedOrigin;
use crate::route::Routes;
use crate::session::Lifetimes;

/// Where the listener can be reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exposure {
    /// From this machine.
    #[default]
    Loopback,
    /// From this machine, by children of a parent process that hands over the first grant.
    Desktop,
    /// From a network.
    Remote,
}

impl Exposure {
    /// Whether the loopback names are no longer implied.
    #[must_use]
    pub const fn is_remote(self) -> bool {
        matches!(self, Self::Remote)
    }
}

impl fmt::Display for Exposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Loopback => "loopback",
            Self::Desktop => "desktop",
            Self::Remote => "remote",
        })
    }
}

/// Which of Doorward's origins a listener is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Surface {
    /// The one in front of the guarded server, whose scripts share it.
    #[default]
    Guarded,
    /// That of administration, with nothing of the guarded server's: its tokens are bearer tokens,
    /// under keys of their own, and cookies are not looked at.
    Admin,
}

/// Whether a credential is asked for at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Guarding {
    /// Always.
    #[default]
    Required,
    /// Never: everything but the credential is still checked. Must be asked for by name.
    Unguarded,
}

/// The settings of one listener.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Which origin this is.
    pub surface: Surface,
    /// Where it can be reached.
    pub exposure: Exposure,
    /// Whether a credential is asked for.
    pub guarding: Guarding,
    /// Hosts beside the implied ones; the host of the public URL is one of them.
    pub allowed_hosts: Vec<AllowedHost>,
    /// Origins beside its own.
    pub allowed_origins: Vec<AllowedOrigin>,
    /// Proxies whose forwarding headers are believed.
    pub trusted_proxies: Vec<TrustedNetwork>,
    /// The rules of the guarded routes.
    pub routes: Routes,
    /// Serve the guarded server's service worker scripts.
    pub service_workers: bool,
    /// Connections to one place of a workspace share one to the guarded server: a
    /// [room](crate::room). Whoever is nobody in particular has no part in one.
    pub share: bool,
    /// How long sessions live.
    pub lifetimes: Lifetimes,
    /// How many guesses a minute.
    pub guesses: Limits,
    /// How many unadmitted connections.
    pub connections: ConnectionLimits,
}

impl Settings {
    /// Whether an address is a trusted proxy's.
    #[must_use]
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|network| network.contains(address))
    }

    /// Whether the caps for each address leave a peer out: a trusted proxy brings many people. None
    /// of them comes over QUIC, which no trusted proxy speaks.
    #[must_use]
    pub fn exempts(&self, peer: IpAddr, wire: Wire) -> bool {
        //= req: LIMIT-9
        wire != Wire::Quic && self.trusts(peer)
    }
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self::DEFAULT
    }
}
