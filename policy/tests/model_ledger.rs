//! The ledger against a plain model: three maps, and every transition on a copy.
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

use std::collections::BTreeMap;

use common::{DAY, NOW, attempt, claims, grant, secs};
use doorward_policy::Timestamp;
use doorward_policy::capability::Capabilities;
use doorward_policy::grant::{self, GrantRecord, Redemption};
use doorward_policy::id::SessionId;
use doorward_policy::keys::Digest;
use doorward_policy::ledger::{Capacity, Ledger, RedeemError, Selector};
use doorward_policy::session::SessionRecord;
use doorward_policy::ticket::{self, TicketAttempt, TicketRecord};
use doorward_policy::token::Claims;
use doorward_policy::workspace::{Asked, Directory, Reach};
use proptest::prelude::*;

const CAPACITY: Capacity = Capacity { grants: 3, sessions: 4, tickets: 2, locals: 2 };

#[derive(Clone, Copy, Debug)]
enum Event {
    Grant { uses: u32, life: u64 },
    Redeem { digest: u8, nonce: u8 },
    Ticket { session: u8 },
    Consume { digest: u8 },
    Revoke { session: u8 },
    RevokeAll,
    Extend { session: u8, days: u32 },
    Expire { budget: usize },
    Wait { seconds: u64 },
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => (1..3_u32, 1..300_u64).prop_map(|(uses, life)| Event::Grant { uses, life }),
        6 => (0..8_u8, 0..4_u8).prop_map(|(digest, nonce)| Event::Redeem { digest, nonce }),
        2 => (0..20_u8).prop_map(|session| Event::Ticket { session }),
        2 => (0..8_u8).prop_map(|digest| Event::Consume { digest }),
        1 => (0..20_u8).prop_map(|session| Event::Revoke { session }),
        1 => Just(Event::RevokeAll),
        1 => (0..20_u8, 0..60_u32).prop_map(|(session, days)| Event::Extend { session, days }),
        2 => (0..5_usize).prop_map(|budget| Event::Expire { budget }),
        4 => prop_oneof![0..90_u64, Just(86_400 * 10)].prop_map(|seconds| Event::Wait { seconds }),
    ]
}

const fn digest(seed: u8) -> Digest {
    Digest::from_bytes([seed; 32])
}

#[derive(Default)]
struct Model {
    grants: BTreeMap<u8, GrantRecord>,
    sessions: BTreeMap<SessionId, SessionRecord>,
    tickets: BTreeMap<u8, TicketRecord>,
}

impl Model {
    fn redeem(
        &mut self,
        seed: u8,
        attempt: &grant::Attempt,
        now: Timestamp,
    ) -> Result<SessionRecord, RedeemError> {
        let mut copy = self.grants.get(&seed).cloned();
        match grant::redeem(copy.as_mut(), attempt, &Directory::default(), now)
            .map_err(RedeemError::Refused)?
        {
            Redemption::Repeated(id) => {
                grant::repeat(self.sessions.get(&id), now).map_err(RedeemError::Refused)
            }
            Redemption::Opened(_) if self.sessions.len() == CAPACITY.sessions => {
                Err(RedeemError::Full)
            }
            Redemption::Opened(session) => {
                self.grants.insert(seed, copy.unwrap());
                self.sessions.insert(session.id, session);
                Ok(session)
            }
        }
    }
}

struct Run {
    ledger: Ledger,
    model: Model,
    now: Timestamp,
    next: u8,
}

impl Run {
    fn step(&mut self, event: Event) -> Result<(), TestCaseError> {
        let Self { ledger, model, now, next } = self;
        *next += 1;
        match event {
            Event::Wait { seconds } => *now = now.plus(secs(seconds)),
            Event::Grant { uses, life } => {
                let mut record = grant(uses, secs(life));
                record.expires_at = now.plus(secs(life));
                let full = model.grants.len() == CAPACITY.grants;
                prop_assert_eq!(ledger.insert_grant(digest(*next), record.clone()).is_err(), full);
                if !full {
                    model.grants.insert(*next, record);
                }
            }
            Event::Redeem { digest: which, nonce } => {
                // One that exists, most of the time.
                let seed = model.grants.keys().nth(which.into()).copied().unwrap_or(which);
                let attempt = attempt(nonce, *next);
                let expected = model.redeem(seed, &attempt, *now);
                prop_assert_eq!(ledger.redeem(&digest(seed), &attempt, *now), expected);
            }
            Event::Ticket { session } => {
                let session = model.sessions.keys().nth(session.into()).copied();
                let session = session.unwrap_or(SessionId::new([0; 16]));
                let record = TicketRecord::issue(&Claims { session, ..claims() }, None, *now);
                let full = model.tickets.len() == CAPACITY.tickets;
                prop_assert_eq!(ledger.insert_ticket(digest(*next), record.clone()).is_err(), full);
                if !full {
                    model.tickets.insert(*next, record);
                }
            }
            Event::Consume { digest: which } => {
                let seed = model.tickets.keys().nth(which.into()).copied().unwrap_or(which);
                let attempt = TicketAttempt {
                    origin: None,
                    needed: Capabilities::OPERATE,
                    asked: Asked::Default,
                    reach: Reach::Web,
                    beside: None,
                };
                let record = model.tickets.get(&seed);
                let session = record.and_then(|one| model.sessions.get(&one.session));
                let expected =
                    ticket::consume(record, session, &attempt, &Directory::default(), *now);
                if expected.is_ok() {
                    model.tickets.remove(&seed);
                }
                prop_assert_eq!(ledger.consume_ticket(&digest(seed), &attempt, *now), expected);
            }
            Event::Revoke { session } => {
                let id = model.sessions.keys().nth(session.into()).copied();
                return self.revoke(&Selector::Session(id.unwrap_or(SessionId::new([0; 16]))));
            }
            Event::RevokeAll => return self.revoke(&Selector::All),
            Event::Extend { session, days } => {
                let Some(id) = model.sessions.keys().nth(session.into()).copied() else {
                    return Ok(());
                };
                let until = now.plus(days * DAY);
                ledger.extend_session(id, until);
                let record = model.sessions.get_mut(&id).unwrap();
                if record.revoked_at.is_none() {
                    record.extend(until);
                }
            }
            Event::Expire { budget } => return self.expire(budget),
        }
        Ok(())
    }

    fn revoke(&mut self, which: &Selector) -> Result<(), TestCaseError> {
        let Self { ledger, model, now, .. } = self;
        let mut seen: Vec<SessionId> =
            ledger.revoke_sessions(which, *now).iter().map(|session| session.id).collect();
        seen.sort_unstable();
        let mut expected = Vec::new();
        for session in model.sessions.values_mut() {
            if which.picks(session) && session.revoked_at.is_none() && *now < session.expires_at {
                session.revoked_at = Some(*now);
                expected.push(session.id);
            }
        }
        prop_assert_eq!(seen, expected);
        Ok(())
    }

    /// Forgets as much as is due, checks that no call passed its budget, and follows in the model.
    fn expire(&mut self, budget: usize) -> Result<(), TestCaseError> {
        let Self { ledger, model, now, .. } = self;
        prop_assert!(ledger.expire(*now, budget) <= 3 * budget);
        while ledger.expire(*now, 7) > 0 {}
        model.grants.retain(|_, one| *now < one.forget_at());
        model.sessions.retain(|_, one| *now < one.absolute_end);
        model.tickets.retain(|_, one| *now < one.expires_at);
        Ok(())
    }

    fn compare(&self) -> Result<(), TestCaseError> {
        let mut sessions: Vec<SessionRecord> = self.ledger.sessions().copied().collect();
        sessions.sort_unstable_by_key(|session| session.id);
        prop_assert_eq!(sessions, self.model.sessions.values().copied().collect::<Vec<_>>());
        let uses = |grants: &mut dyn Iterator<Item = u32>| {
            let mut uses: Vec<u32> = grants.collect();
            uses.sort_unstable();
            uses
        };
        let seen = uses(&mut self.ledger.grants().map(|one| one.uses_left));
        prop_assert_eq!(seen, uses(&mut self.model.grants.values().map(|one| one.uses_left)));
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn ledger_is_three_maps_and_the_transitions(events in prop::collection::vec(event(), 0..100)) {
        let ledger = Ledger::new(CAPACITY, [5; 8]);
        let mut run = Run { ledger, model: Model::default(), now: NOW, next: 0 };
        for event in events {
            run.step(event)?;
            run.compare()?;
        }
    }
}
