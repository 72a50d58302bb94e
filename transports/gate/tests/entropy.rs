//! Where secrets and ids come from: the generator, each byte of them, and nowhere else when it
//! fails (I14, I19, I20).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test that can't go on must stop"
)]

mod door;

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use door::{NONCE, TestClock, TestProcesses, keys, memory, name, session};
use doorward_gate::admin::{AdminError, issue_grant, issue_local};
use doorward_gate::store::Store;
use doorward_gate::{Entropy, EntropyError, Gate, Parts, SystemEntropy, Verdict};
use doorward_policy::denial::{Denial, Outage};
use doorward_policy::encoding::{base64url, hex};
use doorward_policy::grant::{GrantRequest, GrantSecret};
use doorward_policy::local::LocalRequest;
use doorward_policy::request::{Field, Head};
use doorward_policy::subject::Subject;
use doorward_policy::token::Method;
use doorward_policy::{Capabilities, Settings};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const ENTROPY: Denial = Denial::Unavailable(Outage::Entropy);

/// The operating system's generator, which fails when it is told to, and then leaves something
/// that looks as if it had not.
#[derive(Debug, Default)]
struct Scripted {
    fails: Mutex<VecDeque<bool>>,
    drawn: Mutex<Vec<Vec<u8>>>,
}

impl Scripted {
    /// What the next draws come to; from then on it works.
    fn script(&self, fails: &[bool]) {
        *self.fails.lock().unwrap() = fails.iter().copied().collect();
        self.drawn.lock().unwrap().clear();
    }

    /// What it has given since.
    fn drawn(&self) -> Vec<Vec<u8>> {
        self.drawn.lock().unwrap().clone()
    }
}

impl Entropy for Scripted {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        if self.fails.lock().unwrap().pop_front() == Some(true) {
            bytes.fill(0x5a);
            return Err(EntropyError);
        }
        SystemEntropy.fill(bytes)?;
        self.drawn.lock().unwrap().push(bytes.to_vec());
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Making {
    Link,
    Code,
    Local,
    Ticket,
    Session,
}

impl Making {
    /// How long what is drawn for it is, each in its turn.
    const fn draws(self) -> &'static [usize] {
        match self {
            Self::Link | Self::Local => &[16, 32],
            Self::Code => &[16, 12],
            Self::Ticket => &[32],
            Self::Session => &[16],
        }
    }
}

/// An installation, and all that was ever made in it.
struct House {
    gate: Arc<Gate>,
    store: Arc<dyn Store>,
    clock: Arc<TestClock>,
    entropy: Arc<Scripted>,
    /// A session that asks for tickets.
    token: String,
    made: BTreeSet<String>,
}

impl House {
    async fn new() -> Self {
        let (store, clock) = (memory(), Arc::new(TestClock::default()));
        let entropy = Arc::new(Scripted::default());
        let parts = Parts {
            settings: Settings::default(),
            keys: keys(),
            store: Arc::clone(&store),
            clock: Arc::clone(&clock) as _,
            entropy: Arc::clone(&entropy) as _,
            processes: Arc::new(TestProcesses::default()),
        };
        let gate = Gate::open(parts).await.unwrap();
        let mut house =
            Self { gate, store, clock, entropy, token: String::new(), made: BTreeSet::new() };
        let link = house.grant(Method::Link).await.unwrap();
        house.token = house.redeem(&link.expose()).await.unwrap().1;
        house
    }

    async fn grant(&self, method: Method) -> Result<GrantSecret, AdminError> {
        let request = GrantRequest {
            label: Subject::new("laptop").unwrap(),
            capabilities: Capabilities::START_UP,
            method,
            uses: 1,
            life: Duration::from_secs(600),
        };
        let (store, clock, entropy) = (&*self.store, &*self.clock, &*self.entropy);
        let all = Capabilities::ALL;
        let issued = issue_grant(store, &keys().digester(), clock, entropy, &request, all).await;
        issued.map(|(secret, _)| secret)
    }

    async fn ask(&self, path: &str, authorization: &str) -> Verdict {
        let fields = [
            Field { name: "host", value: b"localhost:8765" },
            Field { name: "authorization", value: authorization.as_bytes() },
            // What an attacker may have planted.
            Field { name: "cookie", value: b"doorward_8765=AAAA.AAAA" },
        ];
        let used = if authorization.is_empty() { [0, 2] } else { [0, 1] };
        let fields = used.map(|at| fields[at]);
        let peer = [127, 0, 0, 1].into();
        let head = Head { method: "POST", target: path, fields: &fields, peer, tls: false };
        self.gate.decide(&head).await
    }

    /// The id and the token of the session that a grant buys.
    async fn redeem(&self, secret: &str) -> Result<(String, String), Denial> {
        let Verdict::Grant(awaiting) = self.ask("/.doorward/api/token", "").await else {
            panic!("a grant is asked for");
        };
        let redeemed = self.gate.redeem(awaiting, secret, NONCE).await;
        let (redeemed, _) = redeemed.map_err(|refusal| refusal.denied.denial)?;
        let id = redeemed.admitted().claims().unwrap().session.to_string();
        Ok((id, redeemed.token().expose().to_owned()))
    }

    async fn ticket(&self) -> Result<String, Denial> {
        let bearer = format!("Bearer {}", self.token);
        let Verdict::Admit(admission) = self.ask("/.doorward/api/ticket", &bearer).await else {
            panic!("it is admitted");
        };
        let issued = self.gate.issue_ticket(&admission, None).await;
        issued
            .map(|(secret, _)| secret.expose().to_string())
            .map_err(|refusal| refusal.denied.denial)
    }

    async fn local(&self) -> Result<String, AdminError> {
        let request = LocalRequest {
            id: session(u8::try_from(self.made.len() % 200).unwrap()),
            name: Subject::new("agent").unwrap(),
            workspace: name("main"),
            capabilities: Capabilities::START_UP,
            pid: 7,
            started: 1,
            directory: "/srv".to_owned(),
        };
        let (store, clock, entropy) = (&*self.store, &*self.clock, &*self.entropy);
        let all = Capabilities::ALL;
        let issued = issue_local(store, &keys().digester(), clock, entropy, &request, all).await;
        issued.map(|(secret, _)| secret.expose().to_string())
    }

    /// All that there is.
    async fn kept(&self) -> String {
        let (grants, sessions) =
            (self.store.grants().await.unwrap(), self.store.sessions().await.unwrap());
        let lines = self.store.audit_lines(0, usize::MAX).await.unwrap();
        format!("{grants:?} {sessions:?} {:?} {lines:?}", self.store.locals().await.unwrap())
    }

    /// Makes one thing while the generator does as it is told, and says what came of it.
    async fn make(&mut self, making: Making, fails: &[bool]) -> Result<(), TestCaseError> {
        let draws = making.draws();
        let fails = &fails[..draws.len()];
        let spare = match making {
            Making::Session => Some(self.grant(Method::Link).await.unwrap().expose()),
            _ => None,
        };
        let before = self.kept().await;
        self.entropy.script(fails);
        let outage = |error: AdminError| match error {
            AdminError::Entropy(_) => ENTROPY,
            other => panic!("{other}"),
        };
        let made = match making {
            Making::Link => self.grant(Method::Link).await.map_err(outage).map(exposed),
            Making::Code => self.grant(Method::Code).await.map_err(outage).map(exposed),
            Making::Local => self.local().await.map_err(outage),
            Making::Ticket => self.ticket().await,
            Making::Session => self.redeem(spare.as_ref().unwrap()).await.map(|(id, _)| id),
        };
        let drawn = self.entropy.drawn();
        if fails.contains(&true) {
            prop_assert_eq!(made, Err(ENTROPY));
            prop_assert_eq!(self.kept().await, before, "something was made or spent");
            self.entropy.script(&[]);
            if let Some(spare) = spare {
                prop_assert!(self.redeem(&spare).await.is_ok(), "it is as good as before");
            }
            return Ok(());
        }
        let made = made.expect("the generator works");
        let lengths: Vec<_> = drawn.iter().map(Vec::len).collect();
        prop_assert_eq!(lengths, draws);
        let secret = drawn.last().unwrap();
        let expected = match making {
            Making::Link | Making::Ticket => base64url(secret),
            Making::Code => exposed(GrantSecret::code(secret.as_slice().try_into().unwrap())),
            Making::Local | Making::Session => hex(secret),
        };
        prop_assert_eq!(&made, &expected);
        prop_assert!(!self.kept().await.contains(&made) || making == Making::Session);
        prop_assert!(self.made.insert(made), "it was made before");
        Ok(())
    }
}

fn exposed(secret: GrantSecret) -> String {
    secret.expose().to_string()
}

fn making() -> impl Strategy<Value = Making> {
    select(vec![Making::Link, Making::Code, Making::Local, Making::Ticket, Making::Session])
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    //= req: ENTROPY-1, ENTROPY-2, ENTROPY-3, SESSION-1, GRANT-12, type=property
    /// Whatever is made is what was drawn for it, and no draw is ever used again; if one fails,
    /// nothing has happened.
    #[test]
    fn what_is_made_is_what_the_generator_gave_and_nothing_where_it_fails(
        makings in vec((making(), vec(prop::bool::weighted(0.25), 2)), 1..12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut house = House::new().await;
            for (making, fails) in makings {
                house.make(making, &fails).await?;
            }
            Ok::<_, TestCaseError>(())
        })?;
    }
}
