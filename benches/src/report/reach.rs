//! What is to be reached: the rows that `docs/performance.md` has to show, whatever is measured.

/// On which side of its number a figure has to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// This or less.
    AtMost(f64),
    /// This or more.
    AtLeast(f64),
}

impl Bound {
    /// Whether the figure is on the right side.
    #[must_use]
    pub const fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
        }
    }
}

/// One figure that is to be reached.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The name in its result line.
    pub id: &'static str,
    /// What is measured.
    pub what: &'static str,
    /// How good it has to be.
    pub bound: Bound,
    /// Of the figure and the bound.
    pub unit: &'static str,
    /// Which of [`PROGRAMS`] measures it.
    pub program: &'static str,
}

/// A program that measures.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// What `--only` takes.
    pub name: &'static str,
    /// Arguments of cargo.
    pub arguments: &'static str,
}

const fn program(name: &'static str, arguments: &'static str) -> Program {
    Program { name, arguments }
}

/// All of them, in the order in which they are run.
pub const PROGRAMS: &[Program] = &[
    program("ratios", "bench -p doorward-benches --bench ratios"),
    program("allocations", "bench -p doorward-benches --bench allocations"),
    program("tables", "run --release -p doorward-benches --bin tables"),
    program("load", "run --release -p doorward-benches --bin load"),
    program("process", "run --release -p doorward-benches --bin process"),
    program("idle", "run --release -p doorward-benches --bin idle"),
    program("idle-quic", "run --release -p doorward-benches --bin idle quic"),
    program("quic", "bench -p doorward-benches --bench quic -- handshakes refusals"),
];

const fn most(
    program: &'static str,
    id: &'static str,
    most: f64,
    unit: &'static str,
    what: &'static str,
) -> Row {
    Row { id, what, bound: Bound::AtMost(most), unit, program }
}

const fn least(
    program: &'static str,
    id: &'static str,
    least: f64,
    unit: &'static str,
    what: &'static str,
) -> Row {
    Row { id, what, bound: Bound::AtLeast(least), unit, program }
}

/// What has to be reached. "The raw HMAC" is [`crate::limit`].
pub const ROWS: &[Row] = &[
    most(
        "ratios",
        "verify-crowded-vs-hmac",
        1.5,
        "x",
        "verify a session token, 100,000 others revoked, over the raw HMAC of the same bytes",
    ),
    most("allocations", "verify-allocations", 0.0, "", "allocations of that, accepted or refused"),
    most(
        "ratios",
        "reject-vs-accept",
        1.0,
        "x",
        "refuse that token in the dearest way, over accepting it",
    ),
    least("ratios", "verify-vs-jsonwebtoken9", 8.0, "x", "jsonwebtoken 9 (ring), over verify"),
    least("ratios", "verify-vs-jsonwebtoken11", 10.0, "x", "jsonwebtoken 11 (aws-lc), over verify"),
    least("ratios", "verify-vs-cookie", 3.0, "x", "cookie's SignedJar and JSON, over verify"),
    most(
        "ratios",
        "decide-cookie-vs-hmac",
        4.0,
        "x",
        "the whole decision on a WebSocket upgrade with 12 headers, by cookie, over the raw HMAC",
    ),
    most("ratios", "decide-bearer-vs-hmac", 4.0, "x", "the same by bearer token"),
    most(
        "allocations",
        "decide-allocations",
        0.0,
        "",
        "allocations of that, by cookie or bearer token",
    ),
    most("ratios", "issue-vs-hmac", 2.0, "x", "issue a token, over the raw HMAC"),
    most("allocations", "issue-allocations", 1.0, "", "allocations of that"),
    most(
        "tables",
        "grants-take-put-vs-hashbrown",
        1.5,
        "x",
        "take one of a million grants, put one and forget one, over hashbrown with identity hash",
    ),
    most("tables", "grants-bytes", 80.0, "B", "memory of a grant, a million of them"),
    most("tables", "grants-pause", 1.0, "ms", "the longest pause on the way to a million grants"),
    most(
        "tables",
        "sessions-bytes",
        128.0,
        "B",
        "memory of a session with its idle deadline, a million of them",
    ),
    most(
        "tables",
        "sessions-deadline",
        300.0,
        "ns",
        "upkeep of a session's deadlines over its life",
    ),
    most(
        "load",
        "ws-handshake-vs-raw",
        1.25,
        "x",
        "CPU of a full WebSocket handshake at the listener, over raw tokio and httparse",
    ),
    least(
        "load",
        "ws-handshake-node-vs-doorward",
        4.0,
        "x",
        "CPU of Node's `ws` with a bearer check for the same, over Doorward's",
    ),
    most("idle", "ws-idle", 6.5, "KiB", "memory of an idle admitted WebSocket, 10,000 of them"),
    most(
        "idle-quic",
        "quic-idle-extra",
        1.0,
        "KiB",
        "memory of an idle admitted QUIC connection, more than bare quinn's",
    ),
    most(
        "quic",
        "quic-admission",
        1.02,
        "x",
        "CPU of a QUIC handshake with admission, over bare quinn's handshake",
    ),
    most(
        "quic",
        "quic-refusal-vs-handshake",
        0.1,
        "x",
        "CPU of a denial before the handshake (address limits), over a handshake",
    ),
    most(
        "load",
        "proxy-latency-64",
        1.5,
        "x",
        "latency of a proxied message of 64 B to Node's `ws`, over that server reached directly",
    ),
    most("load", "proxy-latency-4096", 1.5, "x", "the same, 4 KiB"),
    most("load", "proxy-latency-65536", 1.5, "x", "the same, 64 KiB"),
    least(
        "load",
        "proxy-throughput-64",
        1.0,
        "x",
        "proxied messages of 64 B a second of CPU, over nginx's",
    ),
    least("load", "proxy-throughput-4096", 1.0, "x", "the same, 4 KiB"),
    least("load", "proxy-throughput-65536", 1.0, "x", "the same, 64 KiB"),
    most("process", "binary-size", 12.0, "MB", "the release binary, stripped"),
    most("process", "cold-start", 50.0, "ms", "start to ready, with its state there"),
    most("process", "first-start", 50.0, "ms", "the same, with all of its state yet to be made"),
    most("process", "idle-rss", 20.0, "MB", "resident memory, idle"),
];

/// How a plot of a series is labelled; one that isn't here is labelled with its own name.
pub const PLOTS: &[(&str, &str, &str)] = &[
    ("verify", "Verify a session token", "bytes of its subject"),
    ("verify-revoked", "Verify beside revocations", "other sessions that are revoked"),
    ("grants-take-put", "Take a grant and put one", "grants in the table"),
    ("grants-bytes", "Memory of a grant", "grants in the table"),
    ("sessions-bytes", "Memory of a session", "sessions in the table"),
    ("sessions-deadline", "Upkeep of a session's deadlines", "sessions in the table"),
    ("proxy-latency-ws", "Latency of a message to Node's ws", "bytes of the message"),
    ("proxy-latency-raw", "Latency of a message to a bare server", "bytes of the message"),
    ("proxy-cpu", "CPU of a proxied message", "bytes of the message"),
    ("quic-idle", "Memory of idle QUIC connections", "connections"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_row_of_the_reach_can_vanish() {
        let ids: BTreeSet<&str> = ROWS.iter().map(|row| row.id).collect();
        assert_eq!(ids.len(), ROWS.len(), "one name for two rows");
        assert_eq!(ROWS.len(), 32, "the reach has become another");
    }

    #[test]
    fn every_row_has_a_program_that_measures_it() {
        for row in ROWS {
            assert!(PROGRAMS.iter().any(|one| one.name == row.program), "{}", row.id);
        }
    }

    #[test]
    fn a_bound_has_the_right_side() {
        assert!(Bound::AtMost(1.5).is_met(1.5) && !Bound::AtMost(1.5).is_met(1.51));
        assert!(Bound::AtLeast(8.0).is_met(8.0) && !Bound::AtLeast(8.0).is_met(7.9));
        assert!(!Bound::AtMost(1.0).is_met(f64::NAN) && !Bound::AtLeast(1.0).is_met(f64::NAN));
    }
}
