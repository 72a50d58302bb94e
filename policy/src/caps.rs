//! Caps on connections that nobody has been admitted on yet (I15).

use alloc::collections::BTreeMap;

use crate::limiter::LimitKey;

/// How many unadmitted connections there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// In all.
    pub unadmitted: usize,
    /// From one IPv4 address or IPv6 /64.
    pub per_address: usize,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        //= req: LIMIT-8
        Self { unadmitted: 256, per_address: 32 }
    }
}

/// Which cap is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CapReached {
    /// The one over all addresses.
    All,
    /// The one of this address.
    Address,
}

/// The unadmitted connections, counted.
#[derive(Debug)]
pub struct ConnectionCaps {
    limits: ConnectionLimits,
    total: usize,
    addresses: BTreeMap<LimitKey, usize>,
}

impl ConnectionCaps {
    /// None yet.
    #[must_use]
    pub const fn new(limits: ConnectionLimits) -> Self {
        Self { limits, total: 0, addresses: BTreeMap::new() }
    }

    /// Counts a connection in. `exempt`: it comes from a trusted proxy, which brings many people.
    ///
    /// # Errors
    /// If a cap is reached; nothing was counted then.
    pub fn enter(&mut self, key: LimitKey, exempt: bool) -> Result<(), CapReached> {
        //= req: LIMIT-8
        if self.total >= self.limits.unadmitted {
            return Err(CapReached::All);
        }
        let here = self.addresses.get(&key).copied().unwrap_or(0);
        //= req: LIMIT-8
        if here >= self.limits.per_address && !exempt {
            return Err(CapReached::Address);
        }
        self.addresses.insert(key, here.saturating_add(1));
        self.total = self.total.saturating_add(1);
        Ok(())
    }

    /// Counts a connection out: it was admitted, or has ended.
    pub fn leave(&mut self, key: LimitKey) {
        let Some(here) = self.addresses.get_mut(&key) else { return };
        *here = here.saturating_sub(1);
        if *here == 0 {
            self.addresses.remove(&key);
        }
        self.total = self.total.saturating_sub(1);
    }

    /// How many are counted.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.total
    }

    /// Whether none is counted.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.total == 0
    }
}
