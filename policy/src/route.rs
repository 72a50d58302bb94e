//! Which rule governs a request: Doorward's own endpoints, or the guarded server's routes (I4).
//!
//! Only the path is looked at, never the query.

mod endpoint;
mod path;

use alloc::vec::Vec;

pub use endpoint::{Admin, Endpoint};
pub(crate) use path::Reading;
pub use path::{Path, Prefix};

use crate::capability::Capabilities;
use crate::denial::Denial;
use crate::grant::Counter;
use crate::settings::Surface;

/// What all of Doorward's own paths begin with.
pub const OWN_PREFIX: &str = "/.doorward/";

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
    /// A local token: only what runs on this machine asks for this.
    Process,
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
pub(crate) struct CapabilityProof {
    /// All that it may do there.
    pub(crate) held: Capabilities,
}

/// Checks that `held` has all of `needed`.
pub(crate) fn verify_capability(
    held: Capabilities,
    needed: Capabilities,
) -> Result<CapabilityProof, Denial> {
    let lacking = needed.without(held);
    //= req: CAP-1
    if lacking.is_empty() {
        Ok(CapabilityProof { held })
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
    prefix: Prefix,
    needed: Capabilities,
}

impl Default for Routes {
    /// Everything needs `operate`.
    fn default() -> Self {
        let mut routes = Self::none();
        let _everything = routes.add("/", Capabilities::OPERATE);
        routes
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
        let Some(prefix) = Prefix::parse(prefix) else { return false };
        self.rules.retain(|rule| rule.prefix != prefix);
        self.rules.push(Rule { prefix, needed });
        true
    }

    /// Finds the rule for a request to the origin of this surface.
    pub(crate) fn resolve(
        &self,
        path: &Path<'_>,
        method: &str,
        surface: Surface,
    ) -> Result<RouteProof, Denial> {
        let own = match (path.raw.strip_prefix(OWN_PREFIX), surface) {
            (Some(own), _) => Some(endpoint::find(own, method, surface)),
            // Nothing is guarded there.
            (None, Surface::Admin) => Some(endpoint::front(path.raw, method)),
            (None, Surface::Guarded) => None,
        };
        if let Some(found) = own {
            //= req: ROUTE-3
            let (endpoint, access) = found.ok_or(Denial::NoRoute)?;
            return Ok(RouteProof { target: Target::Own(endpoint), access });
        }
        // Where one rule covers everything, as it does unless an operator adds others, there is
        // nothing to take apart.
        let plain = self.rules.iter().all(|rule| rule.prefix.is_empty());
        let reading = if plain { Reading::default() } else { path.read() };
        //= req: ROUTE-1
        let needed = self.needed(&reading).ok_or(Denial::NoRoute)?;
        Ok(RouteProof { target: Target::Guarded, access: Access::Session(needed) })
    }

    /// What it takes to reach the guarded server past all rules, as a stream of bytes does: the
    /// capabilities of every rule. `None` where no rule covers everything.
    pub(crate) fn whole(&self) -> Option<Capabilities> {
        let everything = self.rules.iter().any(|rule| rule.prefix.is_empty());
        let all = |needed: Capabilities, rule: &Rule| needed.with(rule.needed);
        //= req: ROUTE-4
        everything.then(|| self.rules.iter().fold(Capabilities::NONE, all))
    }

    /// What the rules ask for; `None` where none names the path.
    ///
    /// As far as every server reads the path alike, the longest prefix counts. Beyond, each rule
    /// that it comes under in some reading counts too: those that cover what is decoded or, once
    /// the path climbs, all of them. Otherwise `/admin/..%2fpublic` would need no more than
    /// `/public` does, before a server that decodes no separator and serves what is under `/admin`.
    fn needed(&self, reading: &Reading<'_>) -> Option<Capabilities> {
        let certain = self.rules.iter().filter(|rule| reading.certainly_under(&rule.prefix));
        //= req: ROUTE-2
        let certain = certain.max_by_key(|rule| rule.prefix.len())?;
        let possible = self.rules.iter().filter(|rule| reading.possibly_under(&rule.prefix));
        //= req: PATH-3
        Some(possible.fold(certain.needed, |needed, rule| needed.with(rule.needed)))
    }
}
