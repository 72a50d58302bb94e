//! What one verification, one decision and one redemption cost, beside the HMAC that no design can
//! do without and beside peers. Times as criterion takes them; for ratios that hold on a machine whose
//! speed changes there is the `ratios` program.

mod peers;

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use doorward_benches::limit::Midstates;
use doorward_benches::{NOW, Refused, World, claims, handshake, id, upgrade};
use doorward_policy::admission::Decision;
use doorward_policy::grant::{Attempt, Counter, GrantRecord, GrantRequest, Nonce};
use doorward_policy::head::{HeadScanner, Progress};
use doorward_policy::id::SessionId;
use doorward_policy::keys::Digest;
use doorward_policy::ledger::{Capacity, Ledger};
use doorward_policy::limiter::{Limiter, Limits};
use doorward_policy::session::Lifetimes;
use doorward_policy::token::{self, Method};
use doorward_policy::workspace::Asked;
use doorward_policy::{Capabilities, Timestamp};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The bytes under the MAC of the benchmarks' tokens: 34, and a subject of 16.
const RECORD: usize = 50;
const REVOKED: u64 = 100_000;

fn verify(criterion: &mut Criterion) {
    let world = World::new(0);
    let crowded = World::new(REVOKED);
    let good = world.token(&claims(REVOKED + 1, NOW));
    let revoked = world.token(&claims(7, NOW));
    let mut forged = good.clone().into_bytes();
    let place = forged.len() - 9;
    forged[place] = if forged[place] == b'A' { b'B' } else { b'A' };
    let late = NOW.plus(std::time::Duration::from_secs(30 * 24 * 3600));

    let raw = Midstates::new(&[7; 32]);
    let record = [0x5a; RECORD];
    let mac = Hmac::<Sha256>::new_from_slice(&[7; 32]).expect("any length will do");
    let tag: [u8; 32] = mac.chain_update(record).finalize().into_bytes().into();
    assert!(raw.verify(&record, &tag), "the limit is the same HMAC");

    let mut group = criterion.benchmark_group("verify");
    group.bench_function("limit: HMAC of the same bytes from saved midstates", |bencher| {
        bencher.iter(|| raw.verify(black_box(&record), black_box(&tag)));
    });
    group.bench_function("accepted", |bencher| {
        bencher.iter(|| world.verify(black_box(good.as_bytes()), NOW));
    });
    group.bench_function("accepted, 100,000 sessions revoked", |bencher| {
        bencher.iter(|| crowded.verify(black_box(good.as_bytes()), NOW));
    });
    assert!(matches!(crowded.verify(revoked.as_bytes(), NOW), Err(Refused::Revoked(..))));
    group.bench_function("revoked, 100,000 sessions revoked", |bencher| {
        bencher.iter(|| crowded.verify(black_box(revoked.as_bytes()), NOW));
    });
    assert!(world.verify(&forged, NOW).is_err());
    group.bench_function("bad tag", |bencher| {
        bencher.iter(|| world.verify(black_box(&forged), NOW));
    });
    assert!(world.verify(good.as_bytes(), late).is_err());
    group.bench_function("expired", |bencher| {
        bencher.iter(|| world.verify(black_box(good.as_bytes()), late));
    });
    let (nine, eleven, signed) = (peers::Nine::new(), peers::Eleven::new(), peers::Signed::new());
    group.bench_function("peer: jsonwebtoken 9 (ring), HS256", |bencher| {
        bencher.iter(|| nine.verify());
    });
    group.bench_function("peer: jsonwebtoken 11 (aws-lc), HS256", |bencher| {
        bencher.iter(|| eleven.verify());
    });
    group.bench_function("peer: cookie 0.18, signed, JSON", |bencher| {
        bencher.iter(|| signed.verify(1_800_000_000));
    });
    group.finish();

    criterion.bench_function("issue", |bencher| {
        let claims = claims(1, NOW);
        bencher.iter(|| token::issue(black_box(&claims), &world.keys, NOW));
    });
}

fn decide(criterion: &mut Criterion) {
    let world = World::new(REVOKED);
    let text = world.token(&claims(REVOKED + 1, NOW));
    let cookie = format!("theme=dark; doorward_8765={text}; _xsrf=2|c0ffee|1234");
    let bearer = format!("Bearer {text}");
    let mut limiter = Limiter::new(Limits::default());
    let mut group = criterion.benchmark_group("decide");
    for (name, fields) in [
        ("upgrade by cookie", handshake("cookie", &cookie)),
        ("upgrade by bearer", handshake("authorization", &bearer)),
        ("upgrade refused: foreign origin", foreign(handshake("cookie", &cookie))),
    ] {
        let head = upgrade(&fields);
        let admitted = matches!(world.guard().decide(&head, &mut limiter, NOW), Decision::Admit(_));
        assert_eq!(admitted, !name.contains("refused"));
        group.bench_function(name, |bencher| {
            bencher.iter(|| world.guard().decide(black_box(&head), &mut limiter, NOW));
        });
    }
    group.finish();
}

/// The look at a connection's first head, before hyper sees it.
fn scan(criterion: &mut Criterion) {
    let world = World::new(0);
    let cookie = format!("theme=dark; doorward_8765={}", world.token(&claims(1, NOW)));
    let mut head = b"GET /echo HTTP/1.1\r\n".to_vec();
    for field in handshake("cookie", &cookie) {
        head.extend([field.name.as_bytes(), b": ", field.value, b"\r\n"].concat());
    }
    head.extend(b"\r\n");
    assert!(matches!(HeadScanner::default().scan(&head), Ok(Progress::Complete(_))));
    criterion.bench_function("scan of a first head", |bencher| {
        bencher.iter(|| HeadScanner::default().scan(black_box(&head)));
    });
}

fn foreign<'a>(
    mut fields: [doorward_policy::request::Field<'a>; 12],
) -> [doorward_policy::request::Field<'a>; 12] {
    fields[6].value = b"https://evil.example";
    fields
}

fn redeem(criterion: &mut Criterion) {
    const GRANTS: u64 = 10_000;
    let attempt = |number: u64| Attempt {
        nonce: Nonce::from_digest(digest(number)),
        counter: Counter::Bootstrap,
        needed: Capabilities::NONE,
        asked: Asked::Own,
        session: SessionId::new(id(number)),
        peer: None,
        lifetimes: Lifetimes::DEFAULT,
    };
    let filled = || {
        let mut ledger = Ledger::new(Capacity::default(), 0x5eed_u64.to_le_bytes());
        for number in 0..GRANTS {
            ledger.insert_grant(digest(number), grant(number)).expect("there is room");
        }
        ledger
    };
    let mut group = criterion.benchmark_group("redeem");
    group.throughput(Throughput::Elements(GRANTS));
    group.sample_size(20);
    group.bench_function("10,000 grants in the ledger, one after the other", |bencher| {
        let redeem_all = |mut ledger: Ledger| {
            for number in 0..GRANTS {
                let opened = ledger.redeem(&digest(number), &attempt(number), NOW);
                assert!(black_box(opened).is_ok());
            }
            ledger
        };
        bencher.iter_batched(filled, redeem_all, BatchSize::PerIteration);
    });
    group.finish();
}

fn digest(number: u64) -> Digest {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(&id(number));
    bytes[16..].copy_from_slice(&id(number ^ u64::MAX));
    Digest::from_bytes(bytes)
}

fn grant(number: u64) -> GrantRecord {
    let request = GrantRequest {
        label: claims(0, NOW).subject,
        capabilities: Capabilities::START_UP,
        method: Method::Link,
        uses: 1,
        life: std::time::Duration::from_secs(600),
    };
    let created: Timestamp = NOW;
    GrantRecord::issue(&request, Capabilities::ALL, id(number), created).expect("within bounds")
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(60);
    targets = verify, scan, decide, redeem
}
criterion_main!(benches);
