//! A small world around the real policy, for exhaustive exploration.
//!
//! Two gates share one store; clients pair, connect, renew and sign out through either; an
//! administrator revokes; time passes; a gate crashes between any two of its effects, or loses its
//! store; answers are lost. Every decision and every transition of a record is the policy's own
//! code: [`Guard`](doorward_policy::Guard), [`Ledger`], `Standings`, `Tenure`. What surrounds
//! it, the order of a gate's effects, is that of `transports/gate`, one action for each.
//!
//! The checker of `stateright` visits every state that a [`Scope`] can reach and looks at the
//! invariants in each ([`properties`]). A [`Flaw`] breaks the world in one place, to show that its
//! invariant would notice.

mod facts;
mod flaw;
mod flight;
mod gate;
mod kept;
pub mod properties;
mod scope;
mod steps;
mod store;
mod witness;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use doorward_policy::capability::Capabilities;
use doorward_policy::grant::{Attempt, Counter, GrantRecord, GrantRequest};
use doorward_policy::id::SessionId;
use doorward_policy::ledger::{Capacity, Ledger};
use doorward_policy::token::Method;
use doorward_policy::workspace::{Asked, Change, Member, Placing, WorkspaceName};
use stateright::{Model, Property};

pub use self::facts::{Door, Facts, Place};
use self::facts::{blue, moment, subject};
pub use self::flaw::Flaw;
pub use self::flight::{Answer, Flight, Outcome, Pairing, Stage};
pub use self::gate::{Gate, Live};
use self::kept::Kept;
pub use self::scope::{
    Chances, PAIRING, Plan, REPEATING, RIGHTS, SCOPES, SESSIONS, Scope, TOGETHER,
};
pub use self::store::{Effect, Store};
pub use self::witness::{Breach, Told};

/// A client, as far as it remembers anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Client {
    /// How many requests it has made.
    pub requests: u8,
    /// How many nonces it has used.
    pub nonces: u8,
    /// The token that it was given last.
    pub token: Option<Arc<str>>,
}

/// A state of the world.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// How many ticks have passed.
    pub now: u8,
    /// What every crash leaves.
    pub store: Kept<Store>,
    /// The gates.
    pub gates: Vec<Gate>,
    /// The clients.
    pub clients: Vec<Client>,
    /// The requests under way, by client and number.
    pub flights: BTreeMap<(u8, u8), Flight>,
    /// Only of a store that writes its audit records later: those that it has in mind.
    pub unwritten: BTreeSet<Effect>,
    /// What anybody was ever told.
    pub told: BTreeSet<Told>,
    /// What went wrong in a step.
    pub breaches: BTreeSet<Breach>,
    /// What may still happen.
    pub left: Chances,
}

/// Something that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Time passes.
    Tick,
    /// A gate looks at its connections, and asks the store for news.
    Look(u8),
    /// A gate is killed.
    Crash(u8),
    /// A gate starts.
    Start(u8),
    /// A gate loses its store.
    CutOff(u8),
    /// A gate has its store back.
    Restore(u8),
    /// A client redeems a grant.
    Redeem {
        /// Which client.
        client: u8,
        /// Through which gate.
        gate: u8,
        /// Which grant.
        grant: u8,
        /// With which of its nonces.
        nonce: u8,
        /// Where.
        counter: Counter,
        /// Whether the gate hears what the store has committed.
        heard: bool,
    },
    /// A client opens a connection with the token that it has.
    Connect {
        /// Which client.
        client: u8,
        /// To which gate.
        gate: u8,
        /// By which transport.
        door: Door,
        /// To what.
        place: Place,
    },
    /// A client asks for a renewed token.
    Renew(u8, u8),
    /// A client signs out.
    SignOut(u8, u8),
    /// A request takes its next step, or its answer arrives.
    Advance(u8, u8),
    /// The answer to a request is lost.
    Lose(u8, u8),
    /// An administrator revokes a session.
    Revoke(SessionId),
    /// An administrator leaves a session nothing but to observe.
    Limit(SessionId),
    /// An administrator revokes a grant.
    Withdraw(u8),
    /// An administrator says what the first client's subject may do in the workspace `blue`.
    Member(Capabilities),
    /// Only of a store that writes its audit records later.
    WriteDown,
}

/// A scope to explore, whole or with a flaw.
#[derive(Debug)]
pub struct World {
    /// What there is and may happen.
    pub scope: Scope,
    /// What is broken about it.
    pub flaw: Option<Flaw>,
    facts: Facts,
}

impl World {
    /// A world that is as it should be.
    #[must_use]
    pub fn new(scope: Scope) -> Self {
        Self { scope, flaw: None, facts: Facts::new() }
    }

    /// One that is broken in one place.
    #[must_use]
    pub fn broken(scope: Scope, flaw: Flaw) -> Self {
        Self { flaw: Some(flaw), ..Self::new(scope) }
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    fn first_state(&self) -> State {
        let mut store = Store::new(self.first_ledger());
        let mut clients = vec![Client::default(); usize::from(self.scope.clients)];
        if self.scope.rights {
            self.place(&mut store);
        }
        if self.scope.paired {
            let tokens = self.pair(&mut store);
            clients.iter_mut().zip(tokens).for_each(|(client, token)| client.token = Some(token));
        }
        let mut state = State {
            now: 0,
            store: Kept::new(store),
            gates: vec![Gate::down(); usize::from(self.scope.gates)],
            clients,
            flights: BTreeMap::new(),
            unwritten: BTreeSet::new(),
            told: BTreeSet::new(),
            breaches: BTreeSet::new(),
            left: self.scope.chances,
        };
        for gate in 0..self.scope.gates {
            self.start(&mut state, gate);
        }
        state
    }

    fn first_ledger(&self) -> Ledger {
        let mut ledger = Ledger::new(Capacity::default(), [0; 8]);
        for (grant, plan) in (0_u8..).zip(self.scope.grants) {
            let request = GrantRequest {
                label: subject(label_of(grant)),
                capabilities: Capabilities::START_UP,
                method: Method::Link,
                uses: plan.uses,
                life: facts::TICK * u32::from(plan.life),
            };
            let record = GrantRecord::issue(&request, Capabilities::ALL, [grant; 16], moment(0));
            let record = record.expect("within bounds");
            ledger.insert_grant(self.facts.digest(grant), record).expect("there is room");
        }
        ledger
    }

    /// One grant for each client, redeemed before anything happens.
    fn pair(&self, store: &mut Store) -> Vec<Arc<str>> {
        let redeemed = (0..self.scope.clients).map(|client| {
            let attempt = Attempt {
                nonce: self.facts.nonce(client, 0),
                counter: Counter::Token,
                needed: Capabilities::NONE,
                asked: Asked::Own,
                session: drawn(client, 0),
                peer: None,
                lifetimes: self.facts.settings.lifetimes,
            };
            let digest = self.facts.digest(client);
            let session = store.redeem(&digest, &attempt, moment(0)).expect("it is good");
            store.audit.insert(Effect::Opened(session.id));
            Arc::from(self.facts.sign(&session.claims()))
        });
        redeemed.collect()
    }

    /// `main` for everybody, and `blue` for nobody yet.
    fn place(&self, store: &mut Store) {
        let claim = doorward_policy::workspace::Claim::parse("/blue").expect("a claim");
        let placing = Placing { claims: vec![claim], ..Placing::default() };
        store.change_directory(&Change::Create(blue(), placing));
        for client in 0..self.scope.clients {
            let (subject, capabilities) = (subject(label_of(client)), Capabilities::START_UP);
            let member = Member { subject, capabilities, home: true };
            store.change_directory(&Change::Admit(WorkspaceName::main(), member));
        }
    }
}

impl Model for World {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![self.first_state()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.offer(state, actions);
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        self.step(&mut state, action);
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut all = properties::always();
        // A broken world is explored until it is seen to be, and not for what else it reaches.
        if self.flaw.is_none() {
            all.extend(properties::sometimes(&self.scope));
        }
        all
    }
}

const fn label_of(number: u8) -> &'static str {
    if number == 0 { "ada" } else { "bob" }
}

/// What the generator gives for the session of a client's request: never the same twice.
const fn drawn(client: u8, request: u8) -> SessionId {
    let mut bytes = [0x1d; 16];
    bytes[0] = client;
    bytes[1] = request;
    SessionId::new(bytes)
}
