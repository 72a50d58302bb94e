//! Sessions: memory, and what their deadlines cost over a life.

use std::hint::black_box;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use doorward_benches::median;
use doorward_benches::result::{figure, point};
use doorward_policy::Timestamp;
use doorward_policy::id::{GrantId, SessionId};
use doorward_policy::ledger::Sessions;
use doorward_policy::session::SessionRecord;
use doorward_policy::subject::Subject;
use doorward_policy::token::Method;

use crate::held;
use crate::timing::{cpu, id};

const SEED: [u8; 8] = *b"8 random";
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

fn filled(size: u64, subject: impl Fn(u64) -> u64) -> (Sessions, f64) {
    let before = held();
    let mut sessions = Sessions::new(SEED);
    for number in 0..size {
        assert_eq!(sessions.insert(&session(number, subject(number), size), usize::MAX), Ok(()));
    }
    let each = (held() - before) / size as f64;
    (sessions, each)
}

/// CPU nanoseconds of a session's deadlines over its life, and of the whole life.
///
/// The deadlines': moving the expiry on once, of a session that was found just before, as a renewal
/// has to find it anyway; and forgetting it, with all that it is taken out of. The whole: these, and
/// inserting it, which puts it into the calendar too, and finding it among all others.
fn over_a_life(size: u64) -> (f64, f64) {
    let mut sessions = filled(size, |_| 0).0;
    let mut next = size;
    let turns = (0..TURNS).map(|_| {
        let numbers = next..next + TURN;
        next += TURN;
        turn(&mut sessions, numbers, size)
    });
    let (upkeep, whole) = turns.unzip();
    (median(upkeep), median(whole))
}

fn turn(sessions: &mut Sessions, numbers: std::ops::Range<u64>, size: u64) -> (f64, f64) {
    let opened: Vec<_> = numbers.clone().map(|number| session(number, 0, size)).collect();
    let renewed: Vec<_> = numbers.map(|number| SessionId::new(id(number - size / 2))).collect();
    let now = opened.last().map_or(Timestamp::EPOCH, |session| session.created_at);
    let start = cpu();
    for session in &opened {
        assert_eq!(sessions.insert(session, usize::MAX), Ok(()));
    }
    for id in &renewed {
        assert!(black_box(sessions.get(*id)).is_some());
    }
    let found = cpu();
    for id in &renewed {
        assert!(sessions.extend(*id, now.plus(Duration::from_secs(7 * 24 * 3600))));
    }
    sessions.expire(now, 4 * TURN as usize, |_| ());
    let end = cpu();
    ((end - found) / TURN as f64, (end - start) / TURN as f64)
}

/// So that as many are opened in a life as there is room for.
fn session(number: u64, subject: u64, size: u64) -> SessionRecord {
    let at = number * LIFE / size;
    let created_at = doorward_benches::NOW.plus(Duration::from_secs(at)).floor_to_second();
    let text = format!("laptop {subject:09}");
    SessionRecord {
        id: SessionId::new(id(number)),
        subject: Subject::new(&text).unwrap_or_else(|| unreachable!("it is sound")),
        capabilities: doorward_policy::Capabilities::START_UP,
        method: Method::Link,
        grant: GrantId::new(id(!number)),
        opened_from: Some(IpAddr::V6(Ipv6Addr::from(u128::from_le_bytes(id(number))))),
        created_at,
        expires_at: created_at.plus(Duration::from_secs(7 * 24 * 3600)),
        absolute_end: created_at.plus(Duration::from_secs(LIFE)),
        revoked_at: None,
    }
}
