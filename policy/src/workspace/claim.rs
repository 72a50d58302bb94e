//! Which routes belong to which workspace.

use alloc::vec::Vec;
use core::fmt;

use super::{Asked, Directory};
use crate::host::{AllowedHost, Authority};
use crate::route::{Path, Prefix, Reading};

/// The most claims of one workspace.
pub(super) const MOST_CLAIMS: usize = 16;
/// The most claims of all workspaces together: each is compared with each.
pub(super) const MOST_CLAIMS_IN_ALL: usize = 512;
/// The longest claim, in bytes.
const LONGEST: usize = 256;

/// A part of the web that a workspace has for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Every path of a host, which is answered for then; with a port, at that port alone.
    Host(AllowedHost),
    /// What lies under a path, at any host that no workspace claims.
    Path(Prefix),
}

impl Claim {
    /// Parses a path, which begins with `/`, or a host. `None` for what is neither, and for `/`:
    /// what is everybody's is nobody's. At most 256 bytes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        //= req: WORK-9
        if text.len() > LONGEST {
            return None;
        }
        if text.starts_with('/') {
            return Prefix::parse(text).filter(|prefix| !prefix.is_empty()).map(Self::Path);
        }
        AllowedHost::parse(text).map(Self::Host)
    }

    /// Whether both claim the same, if only to some server.
    //= req: WORK-6
    pub(super) fn collides(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Host(one), Self::Host(other)) => one.overlaps(other),
            (Self::Path(one), Self::Path(other)) => one.is_read_as(other),
            _ => false,
        }
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(host) => host.fmt(f),
            Self::Path(prefix) => prefix.fmt(f),
        }
    }
}

/// The claims of one workspace.
pub type Claims = Vec<Claim>;

impl Directory {
    /// What a route belongs to.
    pub(super) fn claimant(&self, host: &Authority<'_>, secure: bool, path: &Path<'_>) -> Asked {
        let by_host = self.claims().find(|(_, claim)| match claim {
            Claim::Host(claimed) => claimed.admits(host, secure),
            Claim::Path(_) => false,
        });
        //= req: WORK-4
        match by_host {
            Some((workspace, _)) => Asked::Named(workspace.name()),
            None => self.claimant_of_path(path),
        }
    }

    /// The longest claim counts, as far as every server reads the path alike. Where some server
    /// could read it into another workspace's claim, it is nobody's.
    fn claimant_of_path(&self, path: &Path<'_>) -> Asked {
        let paths = || {
            self.claims().filter_map(|(workspace, claim)| match claim {
                Claim::Path(prefix) => Some((workspace.name(), prefix)),
                Claim::Host(_) => None,
            })
        };
        if paths().next().is_none() {
            // Nothing to take the path apart for.
            return Asked::Default;
        }
        let reading: Reading<'_> = path.read();
        let certain = paths()
            .filter(|(_, prefix)| reading.certainly_under(prefix))
            //= req: WORK-4
            .max_by_key(|(_, prefix)| prefix.len())
            .map(|(name, _)| name);
        let elsewhere =
            |(name, prefix): (_, &Prefix)| reading.possibly_under(prefix) && Some(name) != certain;
        //= req: WORK-5
        if paths().any(elsewhere) {
            return Asked::Unclear;
        }
        certain.map_or(Asked::Default, Asked::Named)
    }

    /// The hosts that workspaces claim, which are answered for as if they were listed.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = &AllowedHost> {
        self.claims().filter_map(|(_, claim)| match claim {
            Claim::Host(host) => Some(host),
            Claim::Path(_) => None,
        })
    }
}
