//! Sessions: memory, and what their deadlines cost over a life.

use std::hint::black_box;
use std::time::Duration;

use doorward_benches::median;
use doorward_benches::result::{figure, point};
use doorward_policy::Timestamp;
use doorward_policy::id::SessionId;
use doorward_policy::keys::Digest;
use doorward_policy::ledger::Ledger;

use crate::grants::{attempt, grant, label, ledger, put};
use crate::held;
use crate::timing::{cpu, digest, id};

const TURN: u64 = 1000;
const TURNS: usize = 301;
/// From the opening of one of a million to its absolute end, in the measurement.
const LIFE: u64 = 30 * 24 * 3600;

pub(crate) fn measure(sizes: &[u64]) {
    for size in sizes {
        let last = sizes.last() == Some(size);
        let shared = filled(*size, |_| 0).1;
        let (sessions, own) = filled(*size, |number| number);
        drop(sessions);
        println!("{size} sessions: {shared:.1} B each, {own:.1} B with a subject of its own");
        point("sessions-bytes", "doorward", *size as f64, shared, "B");
        point("sessions-bytes", "doorward, own subjects", *size as f64, own, "B");
        let (upkeep, whole) = over_a_life(*size);
        println!(
            "{size} sessions: move on once and forget {upkeep:.0} ns; with inserting and finding, \
             {whole:.0} ns over a life"
        );
        point("sessions-deadline", "doorward", *size as f64, upkeep, "ns");
        point(
            "sessions-deadline",
            "doorward, with inserting and finding",
            *size as f64,
            whole,
            "ns",
        );
        if last {
            figure("sessions-bytes", shared, "B");
            figure("sessions-bytes-own-subject", own, "B");
            figure("sessions-deadline", upkeep, "ns");
            figure("sessions-life", whole, "ns");
        }
    }
}

/// Sessions that were opened over a life of theirs, by grants that are forgotten by then.
fn filled(size: u64, subject: impl Fn(u64) -> u64) -> (Ledger, f64) {
    let before = held();
    let mut ledger = ledger();
    for number in 0..size {
        open(&mut ledger, number, subject(number), size);
        ledger.expire(opened_at(number, size), 4);
    }
    ledger.expire(opened_at(size, size).plus(Duration::from_secs(1000)), usize::MAX);
    let each = (held() - before) / ledger.sessions().count() as f64;
    (ledger, each)
}

fn open(ledger: &mut Ledger, number: u64, subject: u64, size: u64) {
    let at = opened_at(number, size);
    let secret = Digest::from_bytes(digest(number));
    put(ledger, secret, grant(number, label(subject), at));
    assert!(ledger.redeem(&secret, &attempt(number), at).is_ok());
}

fn opened_at(number: u64, size: u64) -> Timestamp {
    doorward_benches::NOW.plus(Duration::from_secs(number * LIFE / size)).floor_to_second()
}

/// CPU nanoseconds of a session's deadlines over its life, and of the whole life.
///
/// The deadlines': moving the expiry on once, of a session that was found just before, as a renewal
/// has to find it anyway; and forgetting it, with all that it is taken out of. The whole: these, and
/// inserting it, which puts it into the calendar too, and finding it among all others.
fn over_a_life(size: u64) -> (f64, f64) {
    let mut ledger = filled(size, |_| 0).0;
    let mut next = size;
    let turns = (0..TURNS).map(|_| {
        let numbers = next..next + TURN;
        next += TURN;
        turn(&mut ledger, numbers, size)
    });
    let (upkeep, whole) = turns.unzip();
    (median(upkeep), median(whole))
}

fn turn(ledger: &mut Ledger, numbers: std::ops::Range<u64>, size: u64) -> (f64, f64) {
    let renewed: Vec<_> =
        numbers.clone().map(|number| SessionId::new(id(number - size / 2))).collect();
    let now = opened_at(numbers.end, size);
    let start = cpu();
    for number in numbers {
        open(ledger, number, 0, size);
    }
    for id in &renewed {
        assert!(black_box(ledger.session(*id)).is_some());
    }
    let found = cpu();
    for id in &renewed {
        assert!(ledger.extend_session(*id, now.plus(Duration::from_secs(7 * 24 * 3600))));
    }
    ledger.expire(now, 4 * TURN as usize);
    let end = cpu();
    ((end - found) / TURN as f64, (end - start) / TURN as f64)
}
