//! Tickets in memory: few, for they live half a minute.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use super::NotKept;
use super::table::{has_come, second_after};
use crate::keys::Digest;
use crate::standing::Seeded;
use crate::ticket::TicketRecord;
use crate::time::Timestamp;

/// A hash table beside a calendar: for each second, the digests that can be forgotten then.
#[derive(Clone, Debug)]
pub(super) struct Tickets {
    entries: HashMap<Digest, TicketRecord, Seeded>,
    calendar: BTreeMap<u64, Vec<Digest>>,
}

impl Tickets {
    pub(super) fn new(seed: Seeded) -> Self {
        Self { entries: HashMap::with_hasher(seed), calendar: BTreeMap::new() }
    }

    pub(super) fn insert(
        &mut self,
        key: Digest,
        ticket: TicketRecord,
        most: usize,
    ) -> Result<(), NotKept> {
        //= req: LIMIT-10
        if self.entries.len() >= most {
            return Err(NotKept::Full);
        }
        let forget_at = ticket.expires_at;
        match self.entries.entry(key) {
            Entry::Occupied(_) => return Err(NotKept::Exists),
            Entry::Vacant(place) => place.insert(ticket),
        };
        self.calendar.entry(second_after(forget_at)).or_default().push(key);
        Ok(())
    }

    pub(super) fn get(&self, key: &Digest) -> Option<&TicketRecord> {
        self.entries.get(key)
    }

    pub(super) fn remove(&mut self, key: &Digest) {
        self.entries.remove(key);
    }

    pub(super) fn expire(&mut self, now: Timestamp, budget: usize) -> usize {
        let mut forgotten = 0_usize;
        while forgotten < budget {
            let Some(mut due) = self.calendar.first_entry().filter(|due| has_come(*due.key(), now))
            else {
                break;
            };
            match due.get_mut().pop() {
                Some(key) => {
                    self.entries.remove(&key);
                    forgotten = forgotten.saturating_add(1);
                }
                None => {
                    due.remove();
                }
            }
        }
        forgotten
    }
}
