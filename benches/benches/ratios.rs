//! What verifying, deciding and issuing cost, as multiples of the HMAC that they can't do without, and
//! peers as multiples of verifying.
//!
//! Each ratio is of two things measured in short turns right after one another, and the median of
//! many such pairs: on a machine that slows down for a second both slow down.

mod peers;

use std::hint::black_box;
use std::time::{Duration, Instant};

use doorward_benches::limit::Midstates;
use doorward_benches::result::{figure, point};
use doorward_benches::{NOW, World, claims, claims_of, handshake, masters, median, upgrade};
use doorward_policy::admission::Decision;
use doorward_policy::keys::{MasterKeys, Purpose};
use doorward_policy::limiter::{Limiter, Limits};
use doorward_policy::token;

/// Iterations of a turn.
const TURN: u32 = 2000;
/// Pairs of turns, of which the median counts: so many that a machine which is busy elsewhere for a second is outvoted.
const PAIRS: usize = 2001;
/// For a point of a plot.
const PLOT_PAIRS: usize = 61;
const REVOKED: u64 = 100_000;
/// The bytes before the subject in a record.
const FIXED: usize = 34;

fn main() {
    let limit = Limit::new(FIXED + "someone's laptop".len());
    let world = World::new(0);
    let crowded = World::new(REVOKED);
    let good = crowded.token(&claims(REVOKED + 1, NOW));

    let against_limit = |id: &str, work: &mut dyn FnMut()| {
        tell(id, &compare(PAIRS, TURN, &mut || limit.verify(), work));
    };
    against_limit("verify-vs-hmac", &mut || accept(&world, &good));
    let many = many(&crowded, REVOKED);
    let mut next = many.iter().cycle();
    against_limit("verify-crowded-vs-hmac", &mut || accept_next(&crowded, &mut next));
    let claims = claims(1, NOW);
    against_limit("issue-vs-hmac", &mut || {
        drop(black_box(token::issue(black_box(&claims), &world.keys, NOW)));
    });
    decide(&crowded, &good, &against_limit);
    reject(&crowded, &good);
    beside_peers(&crowded, &good);
    by_subject(&world);
    by_revoked();
}

/// The least that a verification of a record of this length can be.
struct Limit {
    states: Midstates,
    record: Vec<u8>,
    tag: [u8; 32],
}

impl Limit {
    fn new(length: usize) -> Self {
        let states = Midstates::new(&[7; 32]);
        let record = vec![0x5a; length];
        let tag = states.tag(&record);
        Self { states, record, tag }
    }

    #[inline]
    fn verify(&self) {
        assert!(black_box(self.states.verify(black_box(&self.record), black_box(&self.tag))));
    }
}

/// Nanoseconds of an iteration of two things, and how many times as dear the second is: medians.
struct Compared {
    first: f64,
    second: f64,
    ratio: f64,
}

fn compare<A, B>(pairs: usize, turn: u32, first: &mut A, second: &mut B) -> Compared
where
    A: FnMut() + ?Sized,
    B: FnMut() + ?Sized,
{
    // `cargo test --benches` runs it without the flag, only to see it start.
    let measured = std::env::args().any(|one| one == "--bench");
    let (pairs, turn) = if measured { (pairs, turn) } else { (1, 1) };
    let mut firsts = Vec::with_capacity(pairs);
    let mut seconds = Vec::with_capacity(pairs);
    let mut ratios = Vec::with_capacity(pairs);
    // The first pair only warms up.
    for pair in 0..=pairs {
        // Each goes first as often as the other.
        let (one, other) = if pair % 2 == 0 {
            let one = timed(turn, first);
            (one, timed(turn, second))
        } else {
            let other = timed(turn, second);
            (timed(turn, first), other)
        };
        if pair > 0 {
            firsts.push(one);
            seconds.push(other);
            ratios.push(other / one);
        }
    }
    Compared { first: median(firsts), second: median(seconds), ratio: median(ratios) }
}

/// Nanoseconds of an iteration.
#[allow(clippy::disallowed_methods, reason = "it is time itself that is measured here")]
fn timed(turn: u32, work: &mut (impl FnMut() + ?Sized)) -> f64 {
    let began = Instant::now();
    for _ in 0..turn {
        work();
    }
    began.elapsed().as_nanos() as f64 / f64::from(turn)
}

fn tell(id: &str, found: &Compared) {
    println!("{id}: {:.2} ({:.0} ns, {:.0} ns)", found.ratio, found.second, found.first);
    figure(id, found.ratio, "x");
}

fn accept(world: &World, text: &str) {
    assert!(black_box(world.verify(black_box(text.as_bytes()), NOW)).is_ok());
}

/// Tokens of different sessions: what is looked up for one is not in the cache for another.
fn many(world: &World, revoked: u64) -> Vec<String> {
    (1..=128).map(|more| world.token(&claims(revoked + more, NOW))).collect()
}

fn accept_next<'a>(world: &World, texts: &mut impl Iterator<Item = &'a String>) {
    accept(world, texts.next().expect("it goes round"));
}

fn decide(world: &World, good: &str, against_limit: &dyn Fn(&str, &mut dyn FnMut())) {
    let cookie = format!("theme=dark; doorward_8765={good}; _xsrf=2|c0ffee|1234");
    let bearer = format!("Bearer {good}");
    let mut limiter = Limiter::new(Limits::default());
    for (id, fields) in [
        ("decide-cookie-vs-hmac", handshake("cookie", &cookie)),
        ("decide-bearer-vs-hmac", handshake("authorization", &bearer)),
    ] {
        let head = upgrade(&fields);
        against_limit(id, &mut || {
            let decision = world.guard().decide(black_box(&head), &mut limiter, NOW);
            assert!(matches!(decision, Decision::Admit(_)));
        });
    }
}

/// The worst of all ways to be refused, over being accepted.
fn reject(world: &World, good: &str) {
    let revoked = world.token(&claims(7, NOW));
    let late = NOW.plus(Duration::from_secs(30 * 24 * 3600));
    let early = NOW.minus(Duration::from_secs(3600));
    let last = good.len() - 1;
    let long = [&[b'A'; 211][..], b".", &[b'A'; 44]].concat();
    let refusals = [
        ("bad tag", changed(good, good.len() - 9), NOW, "Token(BadTag)"),
        ("malformed: not canonical", uncanonical(good), NOW, "Token(Malformed)"),
        ("malformed: its last character", changed_to(good, last, b'!'), NOW, "Token(Malformed)"),
        ("malformed: as long as can be", long, NOW, "Token(Malformed)"),
        ("unknown key", unknown_key().into_bytes(), NOW, "Token(UnknownKey)"),
        ("expired", good.as_bytes().to_vec(), late, "Token(Expired("),
        ("not yet valid", good.as_bytes().to_vec(), early, "Token(NotYetValid)"),
        ("revoked", revoked.into_bytes(), NOW, "Revoked("),
    ];
    let mut worst: f64 = 0.0;
    for (name, text, now, why) in &refusals {
        let refused = world.verify(text, *now).expect_err(name);
        assert!(format!("{refused:?}").starts_with(why), "{name}: {refused:?}");
        let refuse = || {
            let verdict = black_box(world.verify(black_box(text), *now));
            assert!(verdict.is_err(), "{name} was accepted");
        };
        let found = compare(PAIRS, TURN, &mut || accept(world, good), &mut { refuse });
        println!("refused, {name}: {:.2} of accepting", found.ratio);
        worst = worst.max(found.ratio);
    }
    figure("reject-vs-accept", worst, "x");
}

fn changed_to(text: &str, place: usize, byte: u8) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes[place] = byte;
    bytes
}

fn changed(text: &str, place: usize) -> Vec<u8> {
    changed_to(text, place, if text.as_bytes()[place] == b'A' { b'B' } else { b'A' })
}

/// With a bit set that no byte takes: a tag of 32 bytes leaves two over.
fn uncanonical(text: &str) -> Vec<u8> {
    let last = text.as_bytes()[text.len() - 1];
    changed_to(text, text.len() - 1, last + 1)
}

fn unknown_key() -> String {
    let mut masters: MasterKeys = masters();
    masters.replace([4; 32], NOW).expect("ids are left");
    let ring = masters.ring(Purpose::Session);
    let token = token::issue(&claims(REVOKED + 1, NOW), &ring, NOW).expect("a key signs");
    token.expose().to_owned()
}

fn beside_peers(world: &World, good: &str) {
    let (nine, eleven, signed) = (peers::Nine::new(), peers::Eleven::new(), peers::Signed::new());
    let beside = |id: &str, turn: u32, peer: &mut dyn FnMut()| {
        tell(id, &compare(PAIRS, turn, &mut || accept(world, good), peer));
    };
    beside("verify-vs-jsonwebtoken9", TURN / 4, &mut || drop(black_box(nine.verify())));
    beside("verify-vs-jsonwebtoken11", TURN / 4, &mut || drop(black_box(eleven.verify())));
    beside("verify-vs-cookie", TURN, &mut || _ = black_box(signed.verify(1_800_000_000)));
}

/// Against the subject's length: from 22 bytes on there is one compression more.
fn by_subject(world: &World) {
    for length in (1..=64).filter(|length| [1, 21, 22].contains(length) || length % 4 == 0) {
        let text = world.token(&claims_of(1, &"s".repeat(length), NOW));
        let limit = Limit::new(FIXED + length);
        let mut first = || limit.verify();
        let found = compare(PLOT_PAIRS, TURN, &mut first, &mut || accept(world, &text));
        point("verify", "doorward", length as f64, found.second, "ns");
        point("verify", "the HMAC alone", length as f64, found.first, "ns");
    }
}

fn by_revoked() {
    let limit = Limit::new(FIXED + 16);
    for revoked in [0, 1, 10, 100, 1000, 10_000, 100_000, 1_000_000] {
        let world = World::new(revoked);
        let texts = many(&world, revoked);
        let mut next = texts.iter().cycle();
        let mut first = || limit.verify();
        let mut second = || accept_next(&world, &mut next);
        let found = compare(PLOT_PAIRS, TURN, &mut first, &mut second);
        point("verify-revoked", "doorward", revoked as f64, found.second, "ns");
        point("verify-revoked", "the HMAC alone", revoked as f64, found.first, "ns");
    }
}
