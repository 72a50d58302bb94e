//! Grants: memory, take, put and forget, and the worst pause.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use doorward_benches::median;
use doorward_benches::result::{figure, point};
use doorward_policy::grant::{Attempt, Counter, GrantRecord, GrantRequest, Nonce, Redemption};
use doorward_policy::id::SessionId;
use doorward_policy::keys::Digest;
use doorward_policy::ledger::Grants;
use doorward_policy::session::Lifetimes;
use doorward_policy::subject::Subject;
use doorward_policy::token::Method;
use doorward_policy::workspace::{Asked, Directory};
use doorward_policy::{Capabilities, Timestamp};

use crate::held;
use crate::peer::Peer;
use crate::timing::{cpu, digest, each, id};

const SEED: [u8; 8] = *b"8 random";
/// How many operations one turn takes.
const TURN: u64 = 1000;
const TURNS: usize = 301;
/// How long a grant lives.
const LIFE: Duration = Duration::from_secs(600);

pub(crate) fn measure(sizes: &[u64]) {
    for size in sizes {
        let last = sizes.last() == Some(size);
        memory(*size, last);
        take_and_put(*size, last);
    }
}

fn memory(size: u64, last: bool) {
    let shared = bytes_each(size, |_| label(0));
    let own = bytes_each(size, label);
    let before = held();
    let peer = Peer::filled(size);
    let peers = (held() - before) / size as f64 - 8.0;
    drop(peer);
    println!(
        "{size} grants: {shared:.1} B each, {own:.1} B with a label of its own; hashbrown {peers:.1} B"
    );
    point("grants-bytes", "doorward", size as f64, shared, "B");
    point("grants-bytes", "doorward, own labels", size as f64, own, "B");
    point("grants-bytes", "hashbrown", size as f64, peers, "B");
    if last {
        figure("grants-bytes", shared, "B");
        figure("grants-bytes-own-label", own, "B");
    }
}

fn bytes_each(size: u64, label: impl Fn(u64) -> Subject) -> f64 {
    let before = held();
    let mut grants = Grants::new(SEED);
    for number in 0..size {
        let at = made_at(number, size);
        put(&mut grants, Digest::from_bytes(digest(number)), grant(number, label(number), at));
    }
    (held() - before) / size as f64
}

fn take_and_put(size: u64, last: bool) {
    let mut peer = Peer::filled(size);
    let before = held();
    let mut world = World::filled(size);
    let filling = world.worst;
    // A whole life, so that everything is in the steady state.
    world.worst = 0.0;
    for _ in 0..size / TURN {
        world.turn();
    }
    let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let (our, their) = (world.turn(), peer.turn(TURN));
        ours.push(our);
        theirs.push(their);
        ratios.push(our / their);
    }
    let ratio = median(ratios);
    let (ours, theirs) = (median(ours), median(theirs));
    // With what is kept of a minute's redemptions.
    let busy = (held() - before) / size as f64;
    let steady = world.pauses(20 * TURN);
    println!(
        "{size} grants: redeem, put and forget {ours:.0} ns; hashbrown, remove and insert, {theirs:.0} ns; {ratio:.2} x; \
         {busy:.1} B each; worst pause {:.3} ms while filling, {:.3} ms after",
        filling / 1e6,
        steady / 1e6,
    );
    point("grants-take-put", "doorward", size as f64, ours, "ns");
    point("grants-take-put", "hashbrown", size as f64, theirs, "ns");
    if last {
        figure("grants-take-put-vs-hashbrown", ratio, "x");
        figure("grants-bytes-while-redeemed", busy, "B");
        figure("grants-pause", filling.max(steady) / 1e6, "ms");
    }
}

/// A table with grants that are made one after the other, so that as many are made as are
/// forgotten. Each is redeemed some half a life after it was made, in an order that looks random.
struct World {
    grants: Grants,
    directory: Directory,
    size: u64,
    next: u64,
    worst: f64,
}

impl World {
    fn filled(size: u64) -> Self {
        let (grants, directory) = (Grants::new(SEED), Directory::default());
        let mut world = Self { grants, directory, size, next: 0, worst: 0.0 };
        for _ in 0..size {
            let (digest, grant, _) = world.upcoming();
            world.worst =
                world.worst.max(each(1, || put(&mut world.grants, digest, grant.clone())));
        }
        world
    }

    /// The next grant to be made, and when.
    fn upcoming(&mut self) -> (Digest, GrantRecord, Timestamp) {
        let number = self.next;
        self.next += 1;
        let now = made_at(number, self.size);
        (Digest::from_bytes(digest(number)), grant(number, label(0), now), now)
    }

    /// The digest of one that is live and was not redeemed.
    fn redeemable(&self) -> Digest {
        // Each number once: those made half a life ago, in an order that looks random.
        let block = self.size / 4;
        let base = self.next.saturating_sub(self.size / 2) / block * block;
        let within = self.next % block;
        let shuffled = within.wrapping_mul(0x9e37_79b1) % block;
        Digest::from_bytes(digest(base + shuffled))
    }

    /// CPU nanoseconds of redeeming a grant, putting a new one, and forgetting a grant and a redemption
    /// whose time has come: the peer forgets what it removes at once.
    fn turn(&mut self) -> f64 {
        let work: Vec<_> = (0..TURN).map(|_| self.step()).collect();
        let start = cpu();
        let mut now = Timestamp::EPOCH;
        for (taken, attempt, digest, grant, made_at) in work {
            now = made_at;
            let redeemed = self.grants.redeem(&taken, &attempt, &self.directory, now);
            assert!(matches!(redeemed, Ok(Redemption::Opened(_))));
            put(&mut self.grants, digest, grant);
        }
        self.grants.expire(now, 4 * TURN as usize);
        (cpu() - start) / TURN as f64
    }

    fn step(&mut self) -> (Digest, Attempt, Digest, GrantRecord, Timestamp) {
        let taken = self.redeemable();
        let (digest, grant, now) = self.upcoming();
        (taken, attempt(self.next), digest, grant, now)
    }

    /// The longest operation of so many.
    fn pauses(&mut self, times: u64) -> f64 {
        let mut worst = 0.0_f64;
        for _ in 0..times {
            let (taken, attempt, digest, grant, now) = self.step();
            let mut grant = Some(grant);
            worst = worst.max(each(1, || {
                let _ = self.grants.redeem(&taken, &attempt, &self.directory, now);
            }));
            worst = worst.max(each(1, || {
                grant.take().into_iter().for_each(|grant| put(&mut self.grants, digest, grant));
            }));
            worst = worst.max(each(1, || {
                self.grants.expire(now, 1024);
            }));
        }
        worst
    }
}

fn put(grants: &mut Grants, digest: Digest, grant: GrantRecord) {
    assert_eq!(grants.insert(digest, grant, usize::MAX), Ok(()));
}

/// So that as many are made in a life, and the minute after it, as there is room for.
fn made_at(number: u64, size: u64) -> Timestamp {
    doorward_benches::NOW.plus(Duration::from_millis(number * 660_000 / size))
}

fn label(number: u64) -> Subject {
    let text = format!("laptop {number:09}");
    Subject::new(&text).unwrap_or_else(|| unreachable!("it is sound"))
}

fn grant(number: u64, label: Subject, now: Timestamp) -> GrantRecord {
    let request = GrantRequest {
        label,
        capabilities: Capabilities::START_UP,
        method: Method::Link,
        uses: 1,
        life: LIFE,
    };
    let grant = GrantRecord::issue(&request, Capabilities::ALL, id(number), now);
    grant.unwrap_or_else(|_| unreachable!("it is within bounds"))
}

fn attempt(number: u64) -> Attempt {
    Attempt {
        nonce: Nonce::from_digest(Digest::from_bytes(digest(!number))),
        counter: Counter::Token,
        needed: Capabilities::NONE,
        asked: Asked::Own,
        session: SessionId::new(id(number)),
        peer: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        lifetimes: Lifetimes::DEFAULT,
    }
}
