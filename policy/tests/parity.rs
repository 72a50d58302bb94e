//! One door: a WebSocket upgrade and a hello that show the same meet the same decision.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "a test that can't go on must stop"
)]

mod common;

use common::record::{Record, join};
use common::{DAY, NOW, RawHello, Request, SESSION, World, claims, secs};
use doorward_policy::capability::Capabilities;
use doorward_policy::denial::{Denial, Invalid, Outage, PublicAnswer};
use doorward_policy::id::SessionId;
use doorward_policy::ledger::Selector;
use doorward_policy::limiter::{Guess, LimitKey};
use doorward_policy::route::Routes;
use doorward_policy::settings::Guarding;
use doorward_policy::standing::Standing;
use doorward_policy::subject::Subject;
use doorward_policy::threat::ThreatId;
use doorward_policy::token::Claims;
use doorward_policy::{Admitted, Denied};
use proptest::prelude::*;

/// A credential that both can carry.
#[derive(Clone, Debug)]
enum Shown {
    Session(String),
    Ticket(String),
    Local,
}

/// As a program upgrades; a second session token is in a cookie.
fn upgrade(shown: &[Shown]) -> Request {
    shown.iter().enumerate().fold(Request::upgrade(), |request, (place, one)| match one {
        Shown::Session(token) if place == 0 => request.bearer(token),
        Shown::Session(token) => request.cookie(token),
        Shown::Ticket(ticket) => request.ticket(ticket),
        Shown::Local => {
            request.with("Authorization", format!("Doorward-Session {}", "0".repeat(64)))
        }
    })
}

fn hello(shown: &[Shown]) -> RawHello {
    shown.iter().fold(RawHello::open(), |hello, one| match one {
        Shown::Session(token) => hello.session(token),
        Shown::Ticket(ticket) => hello.ticket(ticket),
        Shown::Local => hello.local(),
    })
}

type Refused = (Denial, ThreatId, PublicAnswer, Option<(SessionId, Subject)>);

/// All of a decision that is seen, told or kept, but the transport.
#[derive(Debug, PartialEq)]
struct Outcome {
    decided: Result<Option<Claims>, Refused>,
    charges: Vec<(LimitKey, Guess)>,
}

fn outcome(world: &mut World, settled: Result<Admitted, Denied>) -> Outcome {
    let refused = |denied: Denied| {
        let Denied { denial, known, .. } = denied;
        (denial, denial.threat(), denial.public(), known)
    };
    let decided = settled.map(|admitted| admitted.claims().copied()).map_err(refused);
    Outcome { decided, charges: std::mem::take(&mut world.limiter.charges) }
}

/// What an upgrade and a hello come to, each in a world of its own.
fn both(prepare: impl Fn(&mut World) -> Vec<Shown>) -> [Outcome; 2] {
    let (mut one, mut other) = (World::new(), World::new());
    let request = upgrade(&prepare(&mut one));
    let hello = hello(&prepare(&mut other));
    one.limiter.charges.clear();
    other.limiter.charges.clear();
    let decision = one.decide(&request);
    let settled = one.settle(decision);
    let upgraded = outcome(&mut one, settled);
    let decision = other.decide_hello(&hello);
    let settled = other.settle(decision);
    [upgraded, outcome(&mut other, settled)]
}

struct Case {
    what: &'static str,
    prepare: fn(&mut World) -> Vec<Shown>,
    denied: Option<Denial>,
    charges: usize,
}

const fn admitted(what: &'static str, prepare: fn(&mut World) -> Vec<Shown>) -> Case {
    Case { what, prepare, denied: None, charges: 0 }
}

/// Refused, and no guess.
const fn denied(what: &'static str, denial: Denial, prepare: fn(&mut World) -> Vec<Shown>) -> Case {
    Case { what, prepare, denied: Some(denial), charges: 0 }
}

/// Refused, and charged as a guess.
const fn guessed(
    what: &'static str,
    invalid: Invalid,
    prepare: fn(&mut World) -> Vec<Shown>,
) -> Case {
    Case { what, prepare, denied: Some(Denial::CredentialInvalid(invalid)), charges: 1 }
}

fn session(token: impl Into<String>) -> Vec<Shown> {
    vec![Shown::Session(token.into())]
}

fn ticket(world: &mut World, claims: &Claims) -> Vec<Shown> {
    vec![Shown::Ticket(world.with_ticket(claims, None))]
}

fn revoke(world: &mut World) {
    world.standings.note(SESSION, Standing::Revoked, claims().absolute_end);
}

fn observer() -> Claims {
    Claims { capabilities: Capabilities::OBSERVE, ..claims() }
}

/// Guesses as many times as an address may.
fn guess_to_the_limit(world: &mut World) {
    for _ in 0..100 {
        world.denial(&Request::get("/").bearer("A.b"));
    }
}

const LACKING: Denial = Denial::CapabilityLacking(Capabilities::OPERATE);

fn cases_of_sessions() -> Vec<Case> {
    vec![
        denied("nothing", Denial::CredentialMissing, |_| Vec::new()),
        admitted("a session", |world| session(world.token())),
        guessed("a malformed token", Invalid::Malformed, |_| session("A.b")),
        guessed("a bad tag", Invalid::BadTag, |_| session(join(&Record::good().bytes(), &[0; 32]))),
        guessed("an unknown key", Invalid::UnknownKey, |_| {
            session(Record { key_id: 9, ..Record::good() }.token())
        }),
        guessed("a bad record", Invalid::BadRecord, |_| {
            session(Record { method: 9, ..Record::good() }.token())
        }),
        guessed("a token of tomorrow", Invalid::NotYetValid, |world| {
            session(world.token_of(&Claims { issued_at: NOW.plus(DAY), ..claims() }))
        }),
        denied("an expired session", Denial::SessionExpired, |world| {
            session(world.token_of(&Claims { expires_at: NOW, ..claims() }))
        }),
        denied("a revoked session", Denial::SessionRevoked, |world| {
            revoke(world);
            session(world.token())
        }),
        denied("a session that may not", LACKING, |world| session(world.token_of(&observer()))),
        denied("a session that may no longer", LACKING, |world| {
            let limited = Standing::Limited(Capabilities::OBSERVE);
            world.standings.note(SESSION, limited, claims().absolute_end);
            session(world.token())
        }),
        denied("two sessions", Denial::CredentialAmbiguous, |world| {
            [session(world.token()), session(world.token())].concat()
        }),
        guessed("a local token", Invalid::LocalUnknown, |_| vec![Shown::Local]),
        denied("stale revocations", Denial::Unavailable(Outage::StaleRevocations), |world| {
            world.now = NOW.plus(secs(6));
            session(world.token())
        }),
        admitted("a session from a limited address", |world| {
            guess_to_the_limit(world);
            session(world.token())
        }),
        Case {
            what: "a guess from a limited address",
            prepare: |world| {
                guess_to_the_limit(world);
                session("A.b")
            },
            denied: Some(Denial::GuessesLimited { until: NOW.plus(secs(60)) }),
            charges: 1,
        },
        admitted("nothing, unguarded", |world| {
            world.settings.guarding = Guarding::Unguarded;
            Vec::new()
        }),
        admitted("anything, unguarded", |world| {
            world.settings.guarding = Guarding::Unguarded;
            session("A.b")
        }),
    ]
}

fn cases_of_tickets() -> Vec<Case> {
    vec![
        admitted("a ticket", |world| ticket(world, &claims())),
        guessed("no ticket", Invalid::Malformed, |_| vec![Shown::Ticket("short".into())]),
        guessed("an unknown ticket", Invalid::TicketUnknown, |_| {
            vec![Shown::Ticket("A".repeat(43))]
        }),
        guessed("a used ticket", Invalid::TicketUnknown, |world| {
            let shown = ticket(world, &claims());
            let decision = world.decide(&upgrade(&shown));
            assert!(world.settle(decision).is_ok());
            shown
        }),
        guessed("an expired ticket", Invalid::TicketExpired, |world| {
            let shown = ticket(world, &claims());
            world.advance(secs(30));
            shown
        }),
        guessed("a page's ticket", Invalid::TicketOrigin, |world| {
            vec![Shown::Ticket(world.with_ticket(&claims(), Some(common::request::ORIGIN)))]
        }),
        denied("a ticket that may not", LACKING, |world| ticket(world, &observer())),
        denied("a ticket of a revoked session", Denial::SessionRevoked, |world| {
            let shown = ticket(world, &claims());
            world.ledger.revoke_sessions(&Selector::All, NOW);
            shown
        }),
        denied(
            "a ticket of a session that is known to be revoked",
            Denial::SessionRevoked,
            |world| {
                let shown = ticket(world, &claims());
                revoke(world);
                shown
            },
        ),
        denied(
            "a ticket and stale revocations",
            Denial::Unavailable(Outage::StaleRevocations),
            |world| {
                world.now = NOW.plus(secs(6));
                ticket(world, &claims())
            },
        ),
        denied("a session and a ticket", Denial::CredentialAmbiguous, |world| {
            [session(world.token()), ticket(world, &claims())].concat()
        }),
        denied("a local token and a ticket", Denial::CredentialAmbiguous, |world| {
            [vec![Shown::Local], ticket(world, &claims())].concat()
        }),
    ]
}

//= req: ROUTE-6, type=test
#[test]
fn an_upgrade_and_a_hello_with_the_same_credential_meet_the_same_decision() {
    for case in cases_of_sessions().into_iter().chain(cases_of_tickets()) {
        let Case { what, prepare, denied, charges } = case;
        let [upgraded, greeted] = both(prepare);
        assert_eq!(upgraded, greeted, "{what}");
        assert_eq!(greeted.decided.err().map(|refused| refused.0), denied, "{what}");
        assert_eq!(greeted.charges.len(), charges, "{what}");
    }
}

fn any_record() -> impl Strategy<Value = Record> {
    let now = NOW.as_secs();
    let often = |usual: u32| prop_oneof![3 => Just(usual), 1 => now - 400..now + 400];
    (
        prop_oneof![8 => Just(1_u8), 1 => any::<u8>()],
        prop_oneof![8 => Just(1_u8), 1 => any::<u8>()],
        prop_oneof![8 => 0..16_u16, 1 => any::<u16>()],
        often(now),
        often(now + 604_800),
        often(now + 2_592_000),
        prop_oneof![8 => Just(None), 1 => any::<u8>().prop_map(Some)],
    )
        .prop_map(
            |(key_id, method, capabilities, issued_at, expires_at, absolute_end, length)| {
                let claimed_length = length;
                Record {
                    key_id,
                    method,
                    capabilities,
                    issued_at,
                    expires_at,
                    absolute_end,
                    claimed_length,
                    ..Record::good()
                }
            },
        )
}

/// A token of some record, or one that nobody signed.
fn any_token() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => any_record().prop_map(|record| record.token()),
        1 => (any_record(), any::<[u8; 32]>()).prop_map(|(record, tag)| join(&record.bytes(), &tag)),
        1 => "A[A-Za-z0-9_-]{0,60}\\.[A-Za-z0-9_-]{0,43}",
    ]
}

fn any_shown() -> impl Strategy<Value = Vec<Shown>> {
    let one = prop_oneof![
        6 => any_token().prop_map(Shown::Session),
        2 => "[A-Za-z0-9_-]{43}".prop_map(Shown::Ticket),
        1 => "[A-Za-z0-9_-]{0,50}".prop_map(Shown::Ticket),
        1 => Just(Shown::Local),
    ];
    prop_oneof![
        8 => one.prop_map(|one| vec![one]),
        1 => (any_token(), any_token())
            .prop_map(|(one, two)| vec![Shown::Session(one), Shown::Session(two)]),
        1 => Just(Vec::new()),
    ]
}

fn any_standing() -> impl Strategy<Value = Standing> {
    prop_oneof![
        3 => Just(Standing::Unchanged),
        2 => (0..16_u16).prop_map(|bits| Standing::Limited(Capabilities::from_bits(bits).unwrap())),
        1 => Just(Standing::Revoked),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1024,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    //= req: ROUTE-6, type=property
    #[test]
    fn whatever_is_shown_an_upgrade_and_a_hello_meet_the_same_decision(
        shown in any_shown(),
        known_ticket in any::<bool>(),
        standing in any_standing(),
        needed in 0..16_u16,
        late in prop_oneof![4 => Just(0_u64), 1 => 0..40_u64],
        fresh in prop_oneof![4 => Just(true), 1 => Just(false)],
        unguarded in prop_oneof![9 => Just(false), 1 => Just(true)],
        limited in prop_oneof![9 => Just(false), 1 => Just(true)],
    ) {
        let [upgraded, greeted] = both(|world| {
            world.settings.routes = Routes::none();
            let needed = Capabilities::from_bits(needed).unwrap();
            assert!(world.settings.routes.add("/", needed));
            let ticket = world.with_ticket(&claims(), None);
            if limited {
                guess_to_the_limit(world);
            }
            if unguarded {
                world.settings.guarding = Guarding::Unguarded;
            }
            world.standings.note(SESSION, standing, claims().absolute_end);
            world.now = NOW.plus(secs(late));
            if fresh {
                world.advance(secs(0));
            }
            shown
                .iter()
                .map(|one| match one {
                    Shown::Ticket(_) if known_ticket => Shown::Ticket(ticket.clone()),
                    other => other.clone(),
                })
                .collect()
        });
        prop_assert_eq!(upgraded, greeted);
    }
}
