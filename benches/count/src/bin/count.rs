//! Runs one hot path so many times: `count NAME`. `benches/instructions` runs it under callgrind,
//! which counts inside the functions of [`counted`] alone.
//!
//! The same instructions at every run: no clock, no entropy, no threads, and no table seeded by chance.

use std::env;
use std::hint::black_box;
use std::process::ExitCode;

use doorward_count::{NOW, World, claims, handshake, id, upgrade};
use doorward_policy::Capabilities;
use doorward_policy::grant::{GrantRecord, GrantRequest, GrantSecret};
use doorward_policy::hello::{Hello, Kind, Offered, Purpose};
use doorward_policy::ledger::{Capacity, Ledger};
use doorward_policy::token::Method;

/// The iterations of a run; `benches/instructions` divides by it.
const ITERATIONS: u64 = 1000;
/// Other sessions that are revoked.
const REVOKED: u64 = 1000;
/// 16 to 32 random bytes.
const NONCE: [u8; 32] = [9; 32];

fn main() -> ExitCode {
    let name = env::args().nth(1).unwrap_or_default();
    let world = World::new(REVOKED);
    let text = world.token(&claims(REVOKED + 1, NOW));
    match name.as_str() {
        "verify" => counted::verify(&world, text.as_bytes()),
        "decide" => {
            let cookie = format!("theme=dark; doorward_8765={text}; _xsrf=2|c0ffee|1234");
            counted::decide(&world, &upgrade(&handshake("cookie", &cookie)));
        }
        "hello" => counted::hello(&world, &hello(Kind::Session, text.as_bytes(), &[])),
        "redeem" => counted::redeem(&world, &hellos(), &mut ledger(&world)),
        // What the comparison has to find: verify, with a mistake.
        "planted-copy" => counted::copy(&world, text.as_bytes()),
        "planted-second-hash" => counted::second_hash(&world, text.as_bytes()),
        "planted-no-lookup" => counted::no_lookup(&world, text.as_bytes()),
        _ => {
            eprintln!("count: no path is called {name:?}");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

/// The body of a hello.
fn hello(kind: Kind, text: &[u8], nonce: &[u8]) -> Vec<u8> {
    let hello = Hello {
        purpose: Purpose::Open,
        offered: Offered::One(kind, text),
        nonce,
        workspace: None,
        capabilities: Capabilities::NONE,
    };
    let frame = hello.frame().expect("it is short");
    frame[doorward_policy::hello::PREFIX..].to_vec()
}

/// The secret of a link.
fn secret(number: u64) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(&id(number));
    bytes[16..].copy_from_slice(&id(number ^ u64::MAX));
    bytes
}

fn hellos() -> Vec<Vec<u8>> {
    let hello = |number| {
        let text = GrantSecret::link(secret(number)).expose();
        hello(Kind::Grant, text.as_bytes(), &NONCE)
    };
    (0..ITERATIONS).map(hello).collect()
}

/// A ledger with the grants of all of them.
fn ledger(world: &World) -> Ledger {
    let mut ledger = Ledger::new(Capacity::default(), 0x5eed_u64.to_le_bytes());
    for number in 0..ITERATIONS {
        let request = GrantRequest {
            label: claims(0, NOW).subject,
            capabilities: Capabilities::START_UP,
            method: Method::Link,
            uses: 1,
            life: std::time::Duration::from_secs(600),
        };
        let grant = GrantRecord::issue(&request, Capabilities::ALL, id(number), NOW);
        let digest = GrantSecret::link(secret(number)).digest(&world.digester);
        ledger.insert_grant(digest, grant.expect("within bounds")).expect("there is room");
    }
    ledger
}

/// What is counted: each a function of its own, by whose name counting is switched on.
mod counted {
    use std::net::{IpAddr, Ipv4Addr};

    use doorward_policy::admission::Greeting;
    use doorward_policy::admission::{Decision, Redeemed};
    use doorward_policy::grant::Nonce;
    use doorward_policy::hello::ALPN;
    use doorward_policy::id::SessionId;
    use doorward_policy::limiter::{Limiter, Limits};
    use doorward_policy::request::Head;
    use doorward_policy::standing::Standing;

    use super::*;

    #[inline(never)]
    pub(super) fn verify(world: &World, text: &[u8]) {
        for _ in 0..ITERATIONS {
            accept(world, text);
        }
    }

    fn accept(world: &World, text: &[u8]) {
        assert!(black_box(world.verify(black_box(text), NOW)).is_ok(), "it verifies");
    }

    #[inline(never)]
    pub(super) fn decide(world: &World, head: &Head<'_>) {
        let mut limiter = Limiter::new(Limits::default());
        for _ in 0..ITERATIONS {
            let decision = black_box(world.guard().decide(black_box(head), &mut limiter, NOW));
            assert!(matches!(decision, Decision::Admit(_)), "it is let in");
        }
    }

    const fn greeting(body: &[u8]) -> Greeting<'_> {
        let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Greeting { body, server_name: Some("localhost"), protocol: ALPN, peer }
    }

    #[inline(never)]
    pub(super) fn hello(world: &World, body: &[u8]) {
        let mut limiter = Limiter::new(Limits::default());
        for _ in 0..ITERATIONS {
            let greeting = black_box(greeting(body));
            let decision = black_box(world.guard().decide_hello(&greeting, &mut limiter, NOW));
            assert!(matches!(decision, Decision::Admit(_)), "it is let in");
        }
    }

    #[inline(never)]
    pub(super) fn redeem(world: &World, bodies: &[Vec<u8>], ledger: &mut Ledger) {
        // Redemptions are charged, and all these come from one address.
        let mut limiter = Limiter::new(Limits { others: u32::MAX, ..Limits::default() });
        for (number, body) in (0..).zip(bodies) {
            black_box(redeemed(world, body, number, &mut limiter, ledger).expect("it is let in"));
        }
    }

    /// From the hello to the session's token.
    fn redeemed(
        world: &World,
        body: &[u8],
        number: u64,
        limiter: &mut Limiter,
        ledger: &mut Ledger,
    ) -> Option<Redeemed> {
        let guard = world.guard();
        let greeting = black_box(greeting(body));
        let Decision::Grant(asked) = guard.decide_hello(&greeting, limiter, NOW) else {
            return None;
        };
        let (grant, nonce) = Hello::parse(body).ok()?.grant().ok()??;
        let nonce = Nonce::from_bytes(nonce, &world.digester)?;
        let session = id(REVOKED + 2 + number);
        let redeem = asked.present(&grant, nonce, session, &guard, limiter, NOW).ok()?;
        let opened = ledger.redeem(redeem.digest(), redeem.attempt(), NOW).ok()?;
        redeem.resume(Ok(opened), &guard, NOW).ok()
    }

    #[inline(never)]
    pub(super) fn copy(world: &World, text: &[u8]) {
        for _ in 0..ITERATIONS {
            accept(world, &black_box(text.to_vec()));
        }
    }

    #[inline(never)]
    pub(super) fn second_hash(world: &World, text: &[u8]) {
        for _ in 0..ITERATIONS {
            accept(world, text);
            black_box(world.digester.digest(black_box(&[0; 50])));
        }
    }

    #[inline(never)]
    pub(super) fn no_lookup(world: &World, text: &[u8]) {
        for _ in 0..ITERATIONS {
            let unlooked = |_: SessionId| black_box(Standing::Unchanged);
            let verdict = world.verify_as(black_box(text), NOW, unlooked);
            assert!(black_box(verdict).is_ok(), "it verifies");
        }
    }
}
