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
        //= req: AUDIT-4
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

#[cfg(test)]
mod tests {
    use super::*;

    fn note(journal: &Journal, reason: impl Into<String>) {
        journal.note(AuditRecord::new(Event::Denied, Timestamp::EPOCH).because(reason));
    }

    //= req: AUDIT-4, type=test
    /// 257 kinds beyond the first 256 records, of the first of which there are ten.
    #[test]
    fn under_a_flood_what_looks_alike_is_counted_and_nothing_is_left_out() {
        let journal = Journal::default();
        for number in 0..SINGLE {
            note(&journal, number.to_string());
        }
        for _ in 0..10 {
            note(&journal, "again");
        }
        for number in 0..KINDS {
            note(&journal, format!("kind {number}"));
        }
        let records = journal.take(Timestamp::EPOCH);
        assert_eq!(records.len(), SINGLE + KINDS + 1);
        let of = |reason: &str| {
            let found = records.iter().find(|record| record.reason.as_deref() == Some(reason));
            found.expect("it is there").repeated
        };
        assert_eq!((of("0"), of("again"), of("kind 0")), (None, Some(10), Some(1)));
        assert_eq!(of("flood: of many kinds"), Some(1));
        let counted: u64 = records.iter().map(|record| record.repeated.unwrap_or(1)).sum();
        assert_eq!(counted, (SINGLE + KINDS + 10) as u64);
        assert!(journal.take(Timestamp::EPOCH).is_empty());
    }
}
