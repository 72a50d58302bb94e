//! The paths of the explorer's worlds, as traces: every one up to a depth, of worlds that a trace can say. Each request there
//! goes to its end before the next thing happens, one gate hears of everything at once, and nothing is lost.

use doorward_policy::capability::Capabilities;
use doorward_policy::grant::Counter;
use doorward_policy::id::SessionId;
use stateright::Model as _;

use super::source::Kept;
use super::{Operation, Trace};
use crate::world::{
    Action, Answer, Chances, Door, PAIRING, Place, REPEATING, RIGHTS, SESSIONS, Scope, Stage,
    State, TOGETHER, World,
};

/// The worlds, and how far they are followed.
const WALKS: &[(Scope, usize)] = &[
    (of(PAIRING, Chances { withdrawals: 1, ..Chances::NONE }), 5),
    (of(REPEATING, Chances { withdrawals: 1, ..Chances::NONE }), 6),
    (of(SESSIONS, Chances { revocations: 1, limits: 1, ..Chances::NONE }), 7),
    (of(RIGHTS, Chances { limits: 1, memberships: 2, ..Chances::NONE }), 4),
    (of(TOGETHER, Chances { revocations: 1, ..Chances::NONE }), 5),
];

/// A world as a trace can say it. A trace has no way to sign out.
const fn of(scope: Scope, chances: Chances) -> Scope {
    let requests = u8::MAX;
    Scope { gates: 1, at_once: 1, requests, sign_outs: false, prompt: true, chances, ..scope }
}

/// What is gone through, by name: each world's paths.
pub fn all() -> impl Iterator<Item = (String, Kept)> {
    WALKS.iter().map(|(scope, depth)| {
        let name = format!("every path of {depth} steps of the world {}", scope.name);
        (name, Kept(walk(*scope, *depth).into_iter().map(|path| path.trace).collect()))
    })
}

/// A path, as far as it was followed.
#[derive(Clone, Debug)]
struct Path {
    trace: Trace,
    /// Of each operation whether the world says that it was denied; `None` where it is no request.
    denied: Vec<Option<bool>>,
    sessions: Vec<SessionId>,
    tokens: usize,
    /// The number of the token that each client has.
    held: Vec<usize>,
}

impl Path {
    fn push(&mut self, line: &str, denied: Option<bool>) {
        let operation = Operation::parse(line).unwrap_or_else(|| panic!("no operation: {line}"));
        self.trace.operations.push(operation);
        self.denied.push(denied);
    }

    fn session(&self, id: SessionId) -> usize {
        self.sessions.iter().position(|one| *one == id).expect("a session that was opened")
    }
}

fn walk(scope: Scope, depth: usize) -> Vec<Path> {
    let world = World::new(scope);
    let state = world.init_states().remove(0);
    let mut paths = Vec::new();
    follow(&world, &state, beginning(&scope, &state), depth, &mut paths);
    paths
}

/// Lifetimes, freshness, the first moment and the one rule of the worlds; their grants, and the sessions and members
/// that are there from the start.
fn beginning(scope: &Scope, state: &State) -> Path {
    let settings = "settings 60 75 1000 1000 16 64 64 30000 1750000000000 0 0 0 3 0 0 0";
    let trace = Trace::parse(&[settings]).expect("settings");
    let held = vec![0; usize::from(scope.clients)];
    let mut path = Path { trace, denied: Vec::new(), sessions: Vec::new(), tokens: 0, held };
    path.push("refresh", None);
    if scope.rights {
        path.push("create 1", None);
        (0..scope.clients).for_each(|client| path.push(&format!("member 0 {client} 3 1"), None));
    }
    for (grant, plan) in scope.grants.iter().enumerate() {
        let life = u32::from(plan.life) * 30_000;
        path.push(&format!("grant {} {life} 3 0 {grant} 15", plan.uses), None);
    }
    if scope.paired {
        for client in 0..usize::from(scope.clients) {
            path.push(
                &format!("request 0 0 0 0 8 2 0 0 0 0 0 0 0 {client} {client}0"),
                Some(false),
            );
            path.held[client] = client;
            path.tokens += 1;
        }
        let mut sessions: Vec<_> = state.store.ledger.sessions().map(|row| row.id).collect();
        sessions.sort();
        path.sessions = sessions;
    }
    path
}

fn follow(world: &World, state: &State, path: Path, depth: usize, paths: &mut Vec<Path>) {
    let mut actions = Vec::new();
    if depth > 0 {
        world.actions(state, &mut actions);
    }
    if actions.is_empty() {
        return paths.push(path);
    }
    for action in actions {
        let (next, answer) = carry_out(world, state, action);
        let mut longer = path.clone();
        longer.push(&said(&path, action), answer.is_request.then_some(answer.denied));
        // The gate has looked, as it does after whatever is news.
        if !answer.is_request {
            longer.push("refresh", None);
        }
        if let (Some(client), true) = (client_of(action), answer.token) {
            longer.held[client] = longer.tokens;
            longer.tokens += 1;
        }
        let new = next.store.ledger.sessions().map(|row| row.id);
        let new: Vec<_> = new.filter(|id| !path.sessions.contains(id)).collect();
        longer.sessions.extend(new);
        follow(world, &next, longer, depth - 1, paths);
    }
}

/// What came of a request.
#[derive(Default)]
struct Came {
    is_request: bool,
    denied: bool,
    token: bool,
}

/// An action, and all that follows from it alone: each effect of a request, and the gate's look at the news.
fn carry_out(world: &World, state: &State, action: Action) -> (State, Came) {
    let step = |state: &State, action| world.next_state(state, action).expect("it can happen");
    let mut next = step(state, action);
    let mut came = Came { is_request: client_of(action).is_some(), ..Came::default() };
    while let Some(((client, number), flight)) = next.flights.iter().next() {
        came.denied |= matches!(flight.stage, Stage::Answered(Answer::Denied(_)));
        came.token |= matches!(flight.stage, Stage::Answered(Answer::Token(_)));
        next = step(&next, Action::Advance(*client, *number));
    }
    if next.gates[0].heard < next.store.revision {
        next = step(&next, Action::Look(0));
    }
    (next, came)
}

/// The client that makes a request.
fn client_of(action: Action) -> Option<usize> {
    match action {
        Action::Redeem { client, .. }
        | Action::Connect { client, .. }
        | Action::Renew(client, _) => Some(usize::from(client)),
        _ => None,
    }
}

/// The line of a trace that says it.
fn said(path: &Path, action: Action) -> String {
    let token = |client: u8| path.held[usize::from(client)];
    match action {
        Action::Tick => "advance 30000".to_owned(),
        Action::Redeem { client, grant, nonce, counter: Counter::Bootstrap, .. } => {
            format!("request 0 0 0 0 7 2 0 0 1 0 0 0 0 {grant} {client}{nonce}")
        }
        Action::Redeem { client, grant, nonce, .. } => {
            format!("request 0 0 0 0 8 2 0 0 0 0 0 0 0 {grant} {client}{nonce}")
        }
        Action::Connect { client, door: Door::WebSocket, place, .. } => {
            let host = if place == Place::Blue { 4 } else { 0 };
            format!("request 0 0 0 {host} 0 0 1 0 1 0 1 {} 0 0 0", token(client))
        }
        Action::Connect { client, door: Door::Quic, place, .. } => {
            let workspace = if place == Place::Blue { 2 } else { 0 };
            format!("hello 0 0 0 0 0 0 {workspace} 2 {} 0 0 0", token(client))
        }
        Action::Renew(client, _) => {
            format!("renew 0 0 0 0 0 6 2 0 0 0 0 2 {} 0 0 0", token(client))
        }
        Action::Revoke(session) => format!("revoke 0 {}", path.session(session)),
        Action::Limit(session) => format!("limit 0 {} 1", path.session(session)),
        Action::Withdraw(grant) => format!("revoke-grant {grant}"),
        Action::Member(Capabilities::NONE) => "expel 1 0".to_owned(),
        Action::Member(capabilities) => format!("member 1 0 {} 0", capabilities.bits()),
        other => panic!("no trace says {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::policy;

    /// What a path says in the language of traces is what it is in the world: the same requests are denied.
    #[test]
    fn a_trace_comes_to_what_its_path_came_to() {
        for (scope, depth) in WALKS {
            for path in walk(*scope, depth - 1) {
                let mut said = String::new();
                policy::carry_out(&path.trace, &mut said);
                assert_eq!(said.lines().count(), path.denied.len() + 2, "settings and an end");
                for ((outcome, denied), line) in
                    said.lines().skip(1).zip(&path.denied).zip(&path.trace.lines()[1..])
                {
                    let expected = denied.unwrap_or(false);
                    assert_eq!(outcome.starts_with("deny "), expected, "{line}: {outcome}");
                }
            }
        }
    }
}
