//! Audit records that belong to no effect, gathered until the next write: plain admissions and
//! denials. They may lag by up to a second; under a flood, what looks alike is counted.

use std::collections::HashMap;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use doorward_policy::Timestamp;

use crate::audit::{AuditRecord, Event};

/// How many records are kept one by one between two writes.
const SINGLE: usize = 256;
/// How many kinds of records are counted beyond that.
const KINDS: usize = 256;

#[derive(Debug, Default)]
pub(crate) struct Journal {
    gathered: Mutex<Gathered>,
}

#[derive(Debug, Default)]
struct Gathered {
    records: Vec<AuditRecord>,
    kinds: HashMap<(Event, Option<String>), u64>,
    rest: u64,
}

impl Journal {
    pub(crate) fn note(&self, record: AuditRecord) {
        let mut gathered = self.lock();
        if gathered.records.len() < SINGLE {
            gathered.records.push(record);
            return;
        }
        let kind = (record.event, record.reason);
        let room = gathered.kinds.len() < KINDS;
        match gathered.kinds.get_mut(&kind) {
            Some(count) => *count += 1,
            None if room => {
                gathered.kinds.insert(kind, 1);
            }
            None => gathered.rest += 1,
        }
    }

    /// Takes what was gathered, the counts as records of their own.
    pub(crate) fn take(&self, now: Timestamp) -> Vec<AuditRecord> {
        let Gathered { mut records, kinds, rest } = mem::take(&mut *self.lock());
        let counted = kinds.into_iter().map(|((event, reason), count)| AuditRecord {
            reason,
            repeated: Some(count),
            ..AuditRecord::new(event, now)
        });
        records.extend(counted);
        if rest > 0 {
            let record = AuditRecord::new(Event::Denied, now).because("flood: of many kinds");
            records.push(AuditRecord { repeated: Some(rest), ..record });
        }
        records
    }

    /// Puts back what could not be written, as far as there is room.
    pub(crate) fn put_back(&self, records: Vec<AuditRecord>) {
        records.into_iter().for_each(|record| self.note(record));
    }

    fn lock(&self) -> MutexGuard<'_, Gathered> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
