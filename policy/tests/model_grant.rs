//! Grants against a plain model: the list of all that ever happened, read from the start each time.
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

use core::time::Duration;

use common::{NOW, attempt, grant, millis, secs};
use doorward_policy::Timestamp;
use doorward_policy::grant::{
    Attempt, Counter, GrantRecord, GrantRefusal, REPEAT_WINDOW, Redemption, redeem,
};
use doorward_policy::id::SessionId;
use doorward_policy::workspace::Directory;
use proptest::prelude::*;

#[derive(Clone, Copy, Debug)]
enum Event {
    Redeem { nonce: u8, counter: Counter },
    Revoke,
    Wait(u64),
}

fn event() -> impl Strategy<Value = Event> {
    let counter = prop_oneof![Just(Counter::Bootstrap), Just(Counter::Token), Just(Counter::Hello)];
    prop_oneof![
        12 => (0..5_u8, counter).prop_map(|(nonce, counter)| Event::Redeem { nonce, counter }),
        1 => Just(Event::Revoke),
        // Often to just before, at and just after the edges.
        6 => prop_oneof![
            0..90_000_u64,
            Just(1),
            Just(59_999),
            Just(60_000),
            Just(119_999),
        ].prop_map(Event::Wait),
    ]
}

/// What has happened, in order; the model knows nothing else.
struct History {
    uses: usize,
    life: Duration,
    opened: Vec<(u8, Counter, Timestamp, SessionId)>,
    revoked: bool,
}

impl History {
    fn expected(
        &self,
        nonce: u8,
        counter: Counter,
        now: Timestamp,
    ) -> Result<Option<SessionId>, GrantRefusal> {
        if self.revoked {
            return Err(GrantRefusal::Revoked);
        }
        let repeated = self.opened.iter().find(|(past_nonce, past_counter, at, _)| {
            (*past_nonce, *past_counter) == (nonce, counter) && now.since(*at) < REPEAT_WINDOW
        });
        if let Some((.., session)) = repeated {
            return Ok(Some(*session));
        }
        if now.since(NOW) >= self.life {
            return Err(GrantRefusal::Expired);
        }
        if self.opened.len() == self.uses { Err(GrantRefusal::Spent) } else { Ok(None) }
    }
}

struct Run {
    record: GrantRecord,
    history: History,
    now: Timestamp,
    next: u8,
}

impl Run {
    fn new(uses: u32, life: Duration) -> Self {
        let history = History { uses: uses as usize, life, opened: Vec::new(), revoked: false };
        Self { record: grant(uses, life), history, now: NOW, next: 0 }
    }

    fn step(&mut self, event: Event) -> Result<(), TestCaseError> {
        match event {
            Event::Wait(span) => self.now = self.now.plus(millis(span)),
            Event::Revoke => {
                self.record.revoke(self.now);
                self.history.revoked = true;
            }
            Event::Redeem { nonce, counter } => return self.redeem(nonce, counter),
        }
        Ok(())
    }

    fn redeem(&mut self, nonce: u8, counter: Counter) -> Result<(), TestCaseError> {
        self.next += 1;
        let attempt = Attempt { counter, ..attempt(nonce, self.next) };
        let expected = self.history.expected(nonce, counter, self.now);
        let before = format!("{:?}", self.record);
        match (redeem(Some(&mut self.record), &attempt, &Directory::default(), self.now), expected)
        {
            (Ok(Redemption::Opened(session)), Ok(None)) => {
                prop_assert_eq!(session.id, attempt.session);
                self.history.opened.push((nonce, counter, self.now, session.id));
                return Ok(());
            }
            (Ok(Redemption::Repeated(seen)), Ok(Some(session))) => prop_assert_eq!(seen, session),
            (Err(seen), Err(refusal)) => prop_assert_eq!(seen, refusal),
            (seen, expected) => prop_assert!(false, "{:?} rather than {:?}", seen, expected),
        }
        // Neither a repetition nor a refusal leaves a trace.
        prop_assert_eq!(before, format!("{:?}", self.record));
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    //= req: GRANT-1, GRANT-2, GRANT-3, GRANT-4, type=model
    #[test]
    fn grant_behaves_as_its_history_says(
        uses in 1..4_u32,
        life in 1..200_u64,
        events in prop::collection::vec(event(), 0..60),
    ) {
        let mut run = Run::new(uses, secs(life));
        for event in events {
            run.step(event)?;
        }
    }

    //= req: GRANT-1, type=property
    #[test]
    fn grant_never_yields_more_sessions_than_uses(
        uses in 1..6_u32,
        tries in prop::collection::vec((0..8_u8, 0..30_000_u64), 0..80),
    ) {
        let mut record = grant(uses, secs(3600));
        let mut sessions = std::collections::BTreeSet::new();
        let mut now = NOW;
        for (seed, (nonce, wait)) in tries.into_iter().enumerate() {
            now = now.plus(millis(wait));
            let attempt = attempt(nonce, u8::try_from(seed).unwrap());
            match redeem(Some(&mut record), &attempt, &Directory::default(), now) {
                Ok(Redemption::Opened(session)) => {
                    sessions.insert(session.id);
                }
                Ok(Redemption::Repeated(session)) => {
                    prop_assert!(sessions.contains(&session), "a repetition opens nothing");
                }
                Err(_) => {}
            }
        }
        prop_assert!(sessions.len() <= uses as usize);
        prop_assert_eq!(record.uses_left as usize + sessions.len(), uses as usize);
    }

    //= req: GRANT-2, type=property
    #[test]
    fn grant_opens_nothing_at_or_after_its_expiry(life in 1..100_000_u64, late in 0..100_000_u64) {
        let mut record = grant(1, millis(life));
        let now = NOW.plus(millis(life)).plus(millis(late));
        prop_assert_eq!(redeem(Some(&mut record), &attempt(1, 1), &Directory::default(), now), Err(GrantRefusal::Expired));
    }
}
