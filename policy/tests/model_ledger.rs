//! The ledger against a plain model: four maps and the workspaces, and every transition on a copy.
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

use common::workspace::{BOTH, OBSERVE, member, name, placing};
use common::{DAY, NOW, attempt, claims, grant, secs, subject};
use doorward_policy::Timestamp;
use doorward_policy::capability::Capabilities;
use doorward_policy::grant::{self, Attempt, GrantRecord, Redemption};
use doorward_policy::id::SessionId;
use doorward_policy::keys::Digest;
use doorward_policy::ledger::{Capacity, Ledger, NotKept, RedeemError, Selector};
use doorward_policy::local::{LocalRecord, LocalRequest, LocalSelector};
use doorward_policy::session::SessionRecord;
use doorward_policy::ticket::{self, TicketAttempt, TicketRecord};
use doorward_policy::token::Claims;
use doorward_policy::workspace::{Asked, Change, Directory, Reach};
use proptest::prelude::*;

const CAPACITY: Capacity = Capacity { grants: 3, sessions: 4, tickets: 2, locals: 2 };

const WORKSPACES: [&str; 3] = ["main", "blue", "green"];

#[derive(Clone, Copy, Debug)]
enum Event {
    Grant { uses: u32, life: u64 },
    Redeem { digest: u8, nonce: u8, asked: u8, taken: Option<u8> },
    Ticket { session: u8 },
    Consume { digest: u8, asked: u8 },
    Revoke { session: u8 },
    RevokeAll,
    Limit { session: Option<u8>, left: u16 },
    Local { id: u8, digest: u8, workspace: u8 },
    RemoveLocals { id: Option<u8> },
    RemoveIncarnation { made: u8 },
    Change { what: u8, workspace: u8 },
    Extend { session: u8, days: u32 },
    Expire { budget: usize },
    Wait { seconds: u64 },
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => (1..3_u32, 1..300_u64).prop_map(|(uses, life)| Event::Grant { uses, life }),
        6 => (0..8_u8, 0..4_u8, 0..12_u8, prop::option::weighted(0.1, 0..4_u8))
            .prop_map(|(digest, nonce, asked, taken)| {
                Event::Redeem { digest, nonce, asked, taken }
            }),
        2 => (0..20_u8).prop_map(|session| Event::Ticket { session }),
        2 => (0..8_u8, 0..12_u8).prop_map(|(digest, asked)| Event::Consume { digest, asked }),
        1 => (0..20_u8).prop_map(|session| Event::Revoke { session }),
        1 => Just(Event::RevokeAll),
        1 => (prop::option::weighted(0.8, 0..20_u8), 0..16_u16)
            .prop_map(|(session, left)| Event::Limit { session, left }),
        4 => (0..4_u8, 0..6_u8, 0..3_u8)
            .prop_map(|(id, digest, workspace)| Event::Local { id, digest, workspace }),
        1 => prop::option::weighted(0.8, 0..4_u8).prop_map(|id| Event::RemoveLocals { id }),
        1 => any::<u8>().prop_map(|made| Event::RemoveIncarnation { made }),
        2 => (0..6_u8, 0..3_u8).prop_map(|(what, workspace)| Event::Change { what, workspace }),
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
    locals: BTreeMap<u8, LocalRecord>,
    directory: Directory,
}

impl Model {
    fn redeem(
        &mut self,
        seed: u8,
        attempt: &grant::Attempt,
        now: Timestamp,
    ) -> Result<SessionRecord, RedeemError> {
        let mut copy = self.grants.get(&seed).cloned();
        match grant::redeem(copy.as_mut(), attempt, &self.directory, now)
            .map_err(RedeemError::Refused)?
        {
            Redemption::Repeated(id) => {
                grant::repeat(self.sessions.get(&id), now).map_err(RedeemError::Refused)
            }
            Redemption::Opened(session)
                if self.sessions.len() == CAPACITY.sessions
                    || self.sessions.contains_key(&session.id) =>
            {
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

impl Model {
    fn remove_locals(&mut self, picks: impl Fn(&LocalRecord) -> bool) -> Vec<LocalRecord> {
        let gone = self.locals.iter().filter(|(_, one)| picks(one)).map(|(at, _)| *at);
        let gone: Vec<u8> = gone.collect();
        gone.iter().filter_map(|at| self.locals.remove(at)).collect()
    }
}

fn asked_for(number: u8) -> Asked {
    match WORKSPACES.get(usize::from(number)) {
        Some(text) => Asked::Named(name(text)),
        None if number < 6 => Asked::Default,
        None => Asked::Own,
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
            Event::Redeem { digest: which, nonce, asked, taken } => {
                // One that exists, most of the time.
                let seed = model.grants.keys().nth(which.into()).copied().unwrap_or(which);
                let fresh = attempt(nonce, *next);
                // No session of its own, but the id of another's.
                let taken = taken.and_then(|taken| model.sessions.keys().nth(taken.into()));
                let session = taken.copied().unwrap_or(fresh.session);
                let attempt = Attempt { asked: asked_for(asked), session, ..fresh };
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
            Event::Consume { digest: which, asked } => {
                let seed = model.tickets.keys().nth(which.into()).copied().unwrap_or(which);
                let attempt = TicketAttempt {
                    origin: None,
                    needed: Capabilities::OPERATE,
                    asked: asked_for(asked),
                    reach: Reach::Web,
                    beside: None,
                };
                let record = model.tickets.get(&seed);
                let session = record.and_then(|one| model.sessions.get(&one.session));
                let expected = ticket::consume(record, session, &attempt, &model.directory, *now);
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
            Event::Limit { session, left } => {
                let pick = |number: u8| model.sessions.keys().nth(number.into()).copied();
                let which = session.map_or(Selector::All, |number| {
                    Selector::Session(pick(number).unwrap_or(SessionId::new([0; 16])))
                });
                return self.limit(&which, Capabilities::from_bits(left).unwrap());
            }
            Event::Local { id, digest, workspace } => return self.local(id, digest, workspace),
            Event::RemoveLocals { id: None } => return self.remove_locals(&LocalSelector::All),
            Event::RemoveLocals { id: Some(id) } => {
                return self.remove_locals(&LocalSelector::Id(SessionId::new([id; 16])));
            }
            Event::RemoveIncarnation { made } => {
                let made = SessionId::new([made % next.saturating_add(1); 16]);
                return self.remove_locals(&LocalSelector::Incarnations(vec![made]));
            }
            Event::Change { what, workspace } => return self.change(what, workspace),
        }
        Ok(())
    }

    fn limit(&mut self, which: &Selector, left: Capabilities) -> Result<(), TestCaseError> {
        let Self { ledger, model, now, .. } = self;
        let mut seen = ledger.limit_sessions(which, left, *now);
        seen.sort_unstable_by_key(|session| session.id);
        let mut expected = Vec::new();
        for session in model.sessions.values_mut() {
            let live = session.revoked_at.is_none() && *now < session.expires_at;
            let narrower = session.capabilities.common(left);
            if which.picks(session) && live && narrower != session.capabilities {
                session.capabilities = narrower;
                expected.push(*session);
            }
        }
        prop_assert_eq!(seen, expected);
        Ok(())
    }

    fn local(&mut self, id: u8, token: u8, workspace: u8) -> Result<(), TestCaseError> {
        let Self { ledger, model, now, next } = self;
        let request = LocalRequest {
            id: SessionId::new([id; 16]),
            name: subject("agent"),
            workspace: name(WORKSPACES[usize::from(workspace)]),
            capabilities: BOTH,
            pid: id.into(),
            started: 7,
            directory: "/".into(),
        };
        let local = LocalRecord::issue(&request, BOTH, [*next; 16], *now).unwrap();
        let same = model.locals.iter().find(|(_, one)| one.id == local.id).map(|(at, _)| *at);
        let expected = if model.locals.contains_key(&token) {
            Err(NotKept::Exists)
        } else if same.is_none() && model.locals.len() == CAPACITY.locals {
            Err(NotKept::Full)
        } else {
            let evicted = same.and_then(|at| model.locals.remove(&at));
            model.locals.insert(token, local.clone());
            Ok(evicted)
        };
        prop_assert_eq!(ledger.insert_local(digest(token), local), expected);
        Ok(())
    }

    fn remove_locals(&mut self, which: &LocalSelector) -> Result<(), TestCaseError> {
        let expected = self.model.remove_locals(|one| match which {
            LocalSelector::Id(id) => one.id == *id,
            LocalSelector::Incarnations(these) => one.incarnation == these[0],
            LocalSelector::Workspace(_) | LocalSelector::All => true,
        });
        prop_assert_eq!(self.ledger.remove_locals(which), expected);
        Ok(())
    }

    fn change(&mut self, what: u8, workspace: u8) -> Result<(), TestCaseError> {
        let Self { ledger, model, next, .. } = self;
        let name = name(WORKSPACES[usize::from(workspace)]);
        let change = match what {
            0 => Change::Create(name, placing(&[])),
            1 => Change::Place(name, placing(&["/a"])),
            2 => Change::Delete(name),
            3 => Change::Admit(name, member("laptop", OBSERVE)),
            4 => Change::Admit(name, member("laptop", BOTH)),
            _ => Change::Expel(name, subject("laptop")),
        };
        let expected = model.directory.apply(&change, (*next).into()).map(|()| match change {
            Change::Delete(_) => model.remove_locals(|one| one.workspace == name),
            _ => Vec::new(),
        });
        prop_assert_eq!(ledger.change_directory(&change, (*next).into()), expected);
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
        prop_assert!(ledger.expire(*now, budget) <= 4 * budget);
        while ledger.expire(*now, 7) > 0 {}
        model.grants.retain(|_, one| *now < one.forget_at());
        model.sessions.retain(|_, one| *now < one.absolute_end);
        model.tickets.retain(|_, one| *now < one.expires_at);
        model.locals.retain(|_, one| *now < one.ends_at);
        Ok(())
    }

    fn compare(&self) -> Result<(), TestCaseError> {
        let mut sessions: Vec<SessionRecord> = self.ledger.sessions().collect();
        sessions.sort_unstable_by_key(|session| session.id);
        prop_assert_eq!(sessions, self.model.sessions.values().copied().collect::<Vec<_>>());
        let uses = |grants: &mut dyn Iterator<Item = u32>| {
            let mut uses: Vec<u32> = grants.collect();
            uses.sort_unstable();
            uses
        };
        let seen = uses(&mut self.ledger.grants().map(|one| one.uses_left));
        prop_assert_eq!(seen, uses(&mut self.model.grants.values().map(|one| one.uses_left)));
        prop_assert!(self.ledger.locals().eq(self.model.locals.values()));
        for token in 0..6 {
            prop_assert_eq!(self.ledger.local(&digest(token)), self.model.locals.get(&token));
        }
        prop_assert_eq!(self.ledger.directory(), &self.model.directory);
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    //= req: LOCAL-6, GRANT-7, SESSION-5, CAP-3, LIMIT-10, type=model
    #[test]
    fn ledger_is_four_maps_and_the_transitions(events in prop::collection::vec(event(), 0..100)) {
        let ledger = Ledger::new(CAPACITY, [5; 8]);
        let mut run = Run { ledger, model: Model::default(), now: NOW, next: 0 };
        for event in events {
            run.step(event)?;
            run.compare()?;
        }
    }
}
