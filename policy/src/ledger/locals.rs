//! Local tokens in memory.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::NotKept;
use crate::keys::Digest;
use crate::local::LocalRecord;
use crate::time::Timestamp;

/// The local tokens. There are few of them: nothing is looked up but by digest, or listed whole.
#[derive(Clone, Debug, Default)]
pub(super) struct Locals {
    pub(super) by_digest: BTreeMap<Digest, LocalRecord>,
}

impl Locals {
    pub(super) fn insert(
        &mut self,
        digest: Digest,
        local: LocalRecord,
        most: usize,
    ) -> Result<Option<LocalRecord>, NotKept> {
        if self.by_digest.contains_key(&digest) {
            return Err(NotKept::Exists);
        }
        let same = |one: &LocalRecord| one.id == local.id;
        //= req: LIMIT-10
        if self.by_digest.len() >= most && !self.by_digest.values().any(same) {
            return Err(NotKept::Full);
        }
        //= req: LOCAL-6
        let evicted = self.remove(same).pop();
        self.by_digest.insert(digest, local);
        Ok(evicted)
    }

    pub(super) fn remove(&mut self, picks: impl Fn(&LocalRecord) -> bool) -> Vec<LocalRecord> {
        let removed: Vec<_> = self.by_digest.values().filter(|one| picks(one)).cloned().collect();
        self.by_digest.retain(|_, local| !picks(local));
        removed
    }

    pub(super) fn expire(&mut self, now: Timestamp, budget: usize) -> usize {
        let over = self.by_digest.iter().filter(|(_, local)| now >= local.ends_at);
        let due: Vec<_> = over.map(|(digest, _)| *digest).take(budget).collect();
        for digest in &due {
            self.by_digest.remove(digest);
        }
        due.len()
    }
}
