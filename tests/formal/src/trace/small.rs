//! Small alphabets, of which every trace up to a depth is carried out.

use super::source::{Every, Kept};
use super::{Operation, Trace};

/// Lifetimes of 10 minutes and an hour, `operate` for everything, and revocations that never are
/// too old.
const PLAIN: &str = "settings 600 3600 10 100 16 8 8 1000000000000 1800000000000 0 0 0 3 0 0 0";

/// What is gone through.
#[must_use]
pub fn all() -> Vec<Every> {
    vec![
        every("grants", 5, SHORT, "refresh\ngrant 1 60000 3 0 0 15", GRANTS),
        every("sessions", 6, PLAIN, OPENED, SESSIONS),
        every("keys", 5, PLAIN, OPENED, KEYS),
        every("workspaces", 5, PLAIN, OPENED, WORKSPACES),
        every("revocations", 5, FRESH, OPENED, REVOCATIONS),
        every("guesses", 6, LIMITED, "refresh\ngrant 2 600000 3 1 0 15", GUESSES),
        every("room", 5, PLAIN, "join 1 1", ROOM),
    ]
}

/// Sessions of a minute, which begin half a second before they were opened: an answer can be asked
/// for again when its session is over.
const SHORT: &str = "settings 60 90 10 100 16 8 8 1000000000000 1800000000500 0 0 0 3 0 0 0";

/// A session that is open.
const OPENED: &str = "refresh
grant 2 600000 3 0 0 15
request 0 0 0 0 8 2 0 0 0 0 0 0 0 0 0";

/// A grant of one use: redeemed, repeated, elsewhere, with another nonce, over, revoked.
const GRANTS: &str = "request 0 0 0 0 7 2 0 0 1 0 0 0 0 0 0
request 0 0 0 0 7 2 0 0 1 0 0 0 0 0 1
request 0 0 0 0 8 2 0 0 0 0 0 0 0 0 0
request 0 0 0 0 0 0 0 0 0 0 2 0 0 0 0
revoke-grant 0
revoke 0 0
advance 59999
advance 1
uses 0
sweep";

/// A session: used, renewed, limited, revoked, over.
const SESSIONS: &str = "request 0 0 0 0 0 0 0 0 0 0 2 0 0 0 0
renew 0 0 0 0 0 6 2 0 0 0 0 2 1 0 0 0
renew 0 0 0 0 0 6 2 0 0 0 0 2 0 0 0 0
limit 0 0 1
revoke 1 0
advance 300000
advance 3000000
sweep";

/// What is known of revocations is at most 5 s old.
const FRESH: &str = "settings 600 3600 10 100 16 8 8 5000 1800000000000 0 0 0 3 0 0 0";

/// Revocations and limits, and how old what is known of them is.
const REVOCATIONS: &str = "request 0 0 0 0 0 0 0 0 0 0 2 0 0 0 0
request 0 0 0 0 8 2 0 0 0 0 0 0 0 0 1
request 0 0 0 0 8 2 0 0 0 0 0 0 0 0 0
revoke 0 0
revoke 2 0
limit 3 0 1
refresh
prune
advance 5000
advance 1";

/// Keys: new ones, those that are let go, and tokens under either.
const KEYS: &str = "rotate
replace
prune-keys
renew 301000 0 0 0 0 0 0 0 0 0 0 2 0 0 0 0
request 0 0 0 0 0 0 0 0 0 0 2 1 0 0 0
request 0 0 0 0 8 2 0 0 0 0 0 0 0 0 1
advance 60000
advance 7776000000
row 0";

/// Workspaces: made, joined, left.
const WORKSPACES: &str = "create 1
delete 1
member 1 0 3 0
member 0 0 1 1
expel 1 0
request 0 0 0 4 0 0 0 0 0 0 2 0 0 0 0
request 0 0 0 0 0 0 0 0 0 0 2 0 0 0 0
hello 0 0 1003 0 0 1 2 2 0 0 0 0
hello 0 0 4 0 1 0 1 3 0 0 0 1
place 1";

/// One typed code and two others a minute, and room for two addresses.
const LIMITED: &str = "settings 600 3600 1 2 2 8 8 1000000000000 1800000000000 0 0 0 3 0 0 0";

/// Guesses, from three addresses.
const GUESSES: &str = "request 0 0 0 0 7 2 0 0 0 0 0 0 0 0 0
request 0 0 0 0 7 2 0 0 0 0 0 0 0 0 1
request 0 0 0 0 0 0 0 0 0 0 2 0 2 0 0
request 1 0 0 0 0 0 0 0 0 0 2 0 1 0 0
request 201 1 0 1 0 0 0 0 0 0 2 0 2 0 0
request 202 1 0 1 0 0 0 0 0 0 2 0 0 0 0
advance 59999
advance 1";

/// Two sessions more, and the lease between the three.
const ROOM: &str = "join 2 1
join 3 0
leave 0
leave 1
ask 2
ask 3
hand 1 2
release 1
pose 7 2
answer 1 7 1
advance 30000
room";

/// Traces of many operations that are alike: what there is no more room for in the end.
#[must_use]
pub fn long() -> Kept {
    let many = |count: u64, line: fn(u64) -> String| {
        let lines = [PLAIN.to_owned()].into_iter().chain((0..count).map(line));
        let lines: Vec<_> = lines.collect();
        Trace::parse(&lines).unwrap_or_else(|wrong| panic!("{wrong}"))
    };
    Kept(vec![
        many(257, |_| "rotate".to_owned()),
        many(259, |number| format!("create {}", number + 1)),
        many(4100, |number| match number {
            0 => "create 1".to_owned(),
            label => format!("member {} {label} 1 0", label % 2),
        }),
        many(80, |number| format!("join {} 1", number / 9)),
        many(40, |number| match number {
            0..5 => format!("join {number} 1"),
            asked => format!("pose {asked} {}", asked / 7),
        }),
    ])
}

fn every(name: &'static str, depth: u32, settings: &str, before: &str, alphabet: &str) -> Every {
    let lines: Vec<_> = [settings].into_iter().chain(before.lines()).collect();
    let before = Trace::parse(&lines).unwrap_or_else(|wrong| panic!("{name}: {wrong}"));
    let spelled = |line| Operation::parse(line).unwrap_or_else(|| panic!("{name}: {line}"));
    Every { name, before, alphabet: alphabet.lines().map(spelled).collect(), depth }
}
