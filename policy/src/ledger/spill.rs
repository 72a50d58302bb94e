//! Grants that don't fit their packed form, kept whole, such as one that was revoked.

use super::slab::Slab;
use crate::grant::GrantRecord;

#[derive(Clone, Debug)]
pub(super) struct Spill(Slab<Option<Whole>>);

#[derive(Clone, Debug)]
struct Whole {
    grant: GrantRecord,
    /// Its label's number.
    label: u32,
}

impl Spill {
    pub(super) const fn new() -> Self {
        Self(Slab::new())
    }

    pub(super) fn insert(&mut self, grant: GrantRecord, label: u32) -> Option<u32> {
        self.0.insert(Some(Whole { grant, label }))
    }

    pub(super) fn get(&self, at: u32) -> Option<&GrantRecord> {
        self.0.get(at)?.as_ref().map(|whole| &whole.grant)
    }

    pub(super) fn replace(&mut self, at: u32, grant: GrantRecord) -> Option<()> {
        self.0.get_mut(at)?.as_mut()?.grant = grant;
        Some(())
    }

    /// Forgets a grant, and returns its label's number.
    pub(super) fn remove(&mut self, at: u32) -> Option<u32> {
        self.0.remove(at).map(|whole| whole.label)
    }
}
