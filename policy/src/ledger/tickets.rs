//! Tickets in memory: few, for they live half a minute.

use alloc::collections::BTreeMap;

use hashbrown::{HashMap, hash_map};

use super::NotKept;
use super::table::{has_come, second_after};
use crate::keys::Digest;
use crate::standing::Seeded;
use crate::ticket::TicketRecord;
use crate::time::Timestamp;

/// A hash table beside a calendar: by when each can be forgotten, then by when it came.
#[derive(Clone, Debug)]
pub(super) struct Tickets {
    entries: HashMap<Digest, Entry, Seeded>,
    /// It has as many as the table. Not by digest: how long two are compared for their order tells of them.
    calendar: BTreeMap<Place, Digest>,
    issued: u64,
}

#[derive(Clone, Debug)]
struct Entry {
    ticket: TicketRecord,
    place: Place,
}

/// The second after a ticket's end, and how many came before it.
type Place = (u64, u64);

impl Tickets {
    pub(super) fn new(seed: Seeded) -> Self {
        Self { entries: HashMap::with_hasher(seed), calendar: BTreeMap::new(), issued: 0 }
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
        let hash_map::Entry::Vacant(vacant) = self.entries.entry(key) else {
            return Err(NotKept::Exists);
        };
        let place = (second_after(ticket.expires_at), self.issued);
        self.issued = self.issued.saturating_add(1);
        vacant.insert(Entry { ticket, place });
        self.calendar.insert(place, key);
        debug_assert_eq!(self.calendar.len(), self.entries.len());
        Ok(())
    }

    pub(super) fn get(&self, key: &Digest) -> Option<&TicketRecord> {
        self.entries.get(key).map(|entry| &entry.ticket)
    }

    pub(super) fn remove(&mut self, key: &Digest) {
        self.entries.remove(key).and_then(|entry| self.calendar.remove(&entry.place));
        debug_assert_eq!(self.calendar.len(), self.entries.len());
    }

    pub(super) fn expire(&mut self, now: Timestamp, budget: usize) -> usize {
        let mut forgotten = 0_usize;
        while forgotten < budget {
            let Some(due) = self.calendar.first_entry().filter(|due| has_come(due.key().0, now))
            else {
                break;
            };
            self.entries.remove(&due.remove());
            forgotten = forgotten.saturating_add(1);
        }
        debug_assert_eq!(self.calendar.len(), self.entries.len());
        forgotten
    }
}
