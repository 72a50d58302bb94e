//! The invariants, and what shows that they are looked at where it matters.

use std::collections::BTreeSet;

use doorward_policy::Denial;
use doorward_policy::capability::Capabilities;
use doorward_policy::denial::{GrantFault, Outage};
use doorward_policy::grant::{GrantRecord, REPEAT_WINDOW};
use doorward_policy::id::{GrantId, SessionId};
use stateright::Property;

use super::facts::{ABSOLUTE, PLANTED, Place, moment};
use super::{Answer, Breach, Effect, Scope, Stage, State, Told, World};

/// What holds in every state of every world.
#[must_use]
pub fn always() -> Vec<Property<World>> {
    vec![
        Property::always("I4: every door decides alike", |_, state: &State| {
            !state.breaches.contains(&Breach::DoorsDiffer)
        }),
        Property::always("I4: what no rule names is denied", |_, state: &State| {
            !state.breaches.contains(&Breach::Unruled)
        }),
        Property::always("I5: at most as many sessions as uses", uses_are_kept),
        Property::always("I5: a repetition buys nothing more", repetitions_are_free),
        Property::always("I6: admitted within its time", |_, state: &State| {
            !state.breaches.contains(&Breach::OutOfTime)
        }),
        Property::always("I6: no renewal passes the absolute end", renewals_end),
        Property::always("I10: nobody is admitted after a revocation", |_, state: &State| {
            !state.breaches.contains(&Breach::Revoked)
        }),
        Property::always("I10: a revoked connection is closed", revoked_are_closed),
        Property::always("I10: a connection ends with its session", expired_are_closed),
        Property::always("I11: no more than a member may", |_, state: &State| {
            !state.breaches.contains(&Breach::BeyondMembership)
        }),
        Property::always("I11: a lost membership closes", lost_members_are_closed),
        Property::always("I11: hidden is as if it were not", |_, state: &State| {
            !state.breaches.contains(&Breach::Telling)
        }),
        Property::always("I14: a new id at every sign-in", ids_are_new),
        Property::always("I20: no admission on old news", |_, state: &State| {
            !state.breaches.contains(&Breach::OldNews)
        }),
        Property::always("I20: no session without the store", |_, state: &State| {
            !state.breaches.contains(&Breach::NoStore)
        }),
        Property::always("I21: what was told is durable", told_is_durable),
        Property::always("I21: an effect has its audit record", effects_are_audited),
    ]
}

fn grant_of(number: u8) -> GrantId {
    GrantId::new([number; 16])
}

fn uses_are_kept(world: &World, state: &State) -> bool {
    (0_u8..).zip(world.scope.grants).all(|(number, plan)| {
        let told = state.told.iter().filter_map(|told| match told {
            Told::Bought { grant, session, .. } if *grant == number => Some(*session),
            _ => None,
        });
        let kept = state.store.ledger.sessions().filter(|one| one.grant == grant_of(number));
        let sessions: BTreeSet<SessionId> = told.chain(kept.map(|one| one.id)).collect();
        let left = state.store.ledger.grants().find(|grant| grant.id == grant_of(number));
        let left = left.map_or(0, |grant| grant.uses_left);
        // Nothing is lost either: what was spent has bought something.
        sessions.len() == (plan.uses - left) as usize
    })
}

/// Within the window, the same nonce at the same place gets the same session; one of another place
/// gets none of it.
fn repetitions_are_free(_: &World, state: &State) -> bool {
    let bought = state.told.iter().filter_map(|told| match *told {
        Told::Bought { grant, client, nonce, counter, session } => {
            let row = state.store.ledger.session(session);
            Some(((grant, client, nonce), counter, session, row.map(|row| row.created_at)))
        }
        _ => None,
    });
    let bought: Vec<_> = bought.collect();
    let pairs = bought.iter().flat_map(|one| bought.iter().map(move |other| (one, other)));
    let mut same = pairs.filter(|(one, other)| one.0 == other.0);
    same.all(|((_, counter, session, at), (_, other_counter, other, other_at))| {
        if counter != other_counter {
            return session != other;
        }
        let (Some(at), Some(other_at)) = (at, other_at) else { return true };
        session == other || at.since(*other_at).max(other_at.since(*at)) >= REPEAT_WINDOW
    })
}

fn renewals_end(_: &World, state: &State) -> bool {
    let end = |session: SessionId| {
        let row = state.store.ledger.session(session);
        row.map_or(moment(0), |row| row.created_at.plus(ABSOLUTE))
    };
    let rows = state.store.ledger.sessions();
    let mut kept = rows.map(|row| (row.id, row.expires_at));
    let told = state.told.iter().filter_map(|told| match told {
        Told::Renewed(session, until) => Some((*session, *until)),
        _ => None,
    });
    kept.all(|(session, until)| until <= end(session)) && {
        let mut told = told;
        told.all(|(session, until)| until <= end(session))
    }
}

fn revoked_are_closed(_: &World, state: &State) -> bool {
    state.gates.iter().all(|gate| {
        let open = gate.live.iter().filter(|live| live.is_open());
        let mut revoked = open.filter_map(|live| state.store.revoked_in(live.session()));
        revoked.all(|revision| revision > gate.heard)
    }) && revoked_are_closed_in_time(state)
}

/// Where the store answers, the news come before the next tick.
fn revoked_are_closed_in_time(state: &State) -> bool {
    state.gates.iter().filter(|gate| gate.answered + 1 >= state.now).all(|gate| {
        let open = gate.live.iter().filter(|live| live.is_open());
        let rows = open.filter_map(|live| state.store.ledger.session(live.session()));
        let mut revoked = rows.filter_map(|row| row.revoked_at);
        revoked.all(|at| moment(state.now).since(at) <= super::facts::TICK)
    })
}

/// Also where the store does not answer.
fn expired_are_closed(_: &World, state: &State) -> bool {
    state.gates.iter().filter(|gate| gate.looked == state.now).all(|gate| {
        let mut open = gate.live.iter().filter(|live| live.is_open());
        open.all(|live| {
            let row = state.store.ledger.session(live.session());
            row.is_none_or(|row| moment(state.now) < row.expires_at)
        })
    })
}

fn lost_members_are_closed(_: &World, state: &State) -> bool {
    state.gates.iter().all(|gate| {
        let mut open = gate.live.iter().filter(|live| live.is_open());
        open.all(|live| {
            let Some(row) = state.store.ledger.session(live.session()) else { return true };
            let blue = live.tenure.joined().is_some_and(|joined| joined.name.as_str() == "blue");
            let place = if blue { Place::Blue } else { Place::Default };
            let allowed = state.store.membership(row.subject, place, gate.heard);
            live.granted.without(allowed).is_empty()
        })
    })
}

/// No session was bought twice, and none goes by the id that came with the request.
fn ids_are_new(_: &World, state: &State) -> bool {
    let bought: Vec<_> = state
        .told
        .iter()
        .filter_map(|told| match *told {
            Told::Bought { grant, client, nonce, session, .. } => {
                Some((session, (grant, client, nonce)))
            }
            _ => None,
        })
        .collect();
    let planted = bought.iter().any(|(session, _)| *session == PLANTED);
    let clash = |(session, by): &(SessionId, (u8, u8, u8))| {
        bought.iter().any(|(other, other_by)| session == other && by != other_by)
    };
    !planted && !bought.iter().any(clash)
}

fn told_is_durable(_: &World, state: &State) -> bool {
    state.told.iter().all(|told| match *told {
        Told::Bought { session, .. } => state.store.ledger.session(session).is_some(),
        Told::Renewed(session, until) => {
            let row = state.store.ledger.session(session);
            row.is_some_and(|row| row.expires_at >= until)
        }
        Told::Revoked(session) => state.store.revoked_in(session).is_some(),
    })
}

fn effects_are_audited(_: &World, state: &State) -> bool {
    let (ledger, audit) = (&state.store.ledger, &state.store.audit);
    let sessions = ledger.sessions().all(|row| {
        let whole = row.capabilities.contains(Capabilities::START_UP);
        audit.contains(&Effect::Opened(row.id))
            && (row.revoked_at.is_none() || audit.contains(&Effect::Revoked(row.id)))
            && (whole || audit.contains(&Effect::Limited(row.id)))
    });
    let kept = |grant: &GrantRecord| {
        grant.revoked_at.is_none() || audit.contains(&Effect::Withdrawn(grant.id))
    };
    sessions && ledger.grants().all(|grant| kept(&grant))
}

/// What each world must reach, or its invariants say nothing.
#[must_use]
pub fn sometimes(scope: &Scope) -> Vec<Property<World>> {
    match *scope {
        Scope { paired: false, doors: [], .. } => of_pairing(scope),
        Scope { paired: false, .. } => {
            of_pairing(scope).into_iter().chain(of_sessions(scope)).collect()
        }
        Scope { rights: true, .. } => of_rights(),
        Scope { .. } => of_sessions(scope),
    }
}

fn of_pairing(scope: &Scope) -> Vec<Property<World>> {
    let mut all = vec![
        Property::sometimes("every use is spent", |_, state: &State| {
            state.store.ledger.grants().all(|grant| grant.uses_left == 0)
        }),
        Property::sometimes("a lost answer is fetched again", |_, state: &State| {
            state.flights.values().any(|flight| match &flight.stage {
                Stage::Redeemed(pairing, outcome) => {
                    outcome.heard.is_ok_and(|session| session.id != pairing.drawn)
                }
                _ => false,
            })
        }),
        Property::sometimes("a spent grant is refused", |_, state: &State| {
            denied(state, Denial::GrantRefused(GrantFault::Spent))
        }),
        Property::sometimes("a store that fails denies", |_, state: &State| {
            denied(state, Denial::Unavailable(Outage::Store))
        }),
    ];
    let outlived = scope.grants.iter().any(|plan| plan.life <= scope.horizon);
    if outlived {
        all.push(Property::sometimes("an expired grant is refused", |_, state: &State| {
            denied(state, Denial::GrantRefused(GrantFault::Expired))
        }));
    }
    if scope.chances.withdrawals > 0 {
        all.push(Property::sometimes("a revoked grant is refused", |_, state: &State| {
            denied(state, Denial::GrantRefused(GrantFault::Revoked))
        }));
    }
    all
}

fn of_sessions(scope: &Scope) -> Vec<Property<World>> {
    let mut all = vec![
        Property::sometimes("a connection is open", |_, state: &State| {
            state.gates.iter().flat_map(|gate| &gate.live).any(|live| live.is_open())
        }),
        Property::sometimes("a revocation closes a connection", |_, state: &State| {
            closed(state, Denial::SessionRevoked)
        }),
        Property::sometimes("a revoked session is refused", |_, state: &State| {
            denied(state, Denial::SessionRevoked)
        }),
    ];
    if scope.horizon > 2 {
        all.extend([
            Property::sometimes("the end of a session closes a connection", |_, state: &State| {
                closed(state, Denial::SessionExpired)
            }),
            Property::sometimes("an expired session is refused", |_, state: &State| {
                denied(state, Denial::SessionExpired)
            }),
            Property::sometimes("a gate that is cut off refuses", |_, state: &State| {
                denied(state, Denial::Unavailable(Outage::StaleRevocations))
            }),
            Property::sometimes("a renewal is cut short", |_, state: &State| {
                let end = moment(0).plus(ABSOLUTE);
                state.told.iter().any(|told| matches!(told, Told::Renewed(_, at) if *at == end))
            }),
        ]);
    }
    all
}

fn of_rights() -> Vec<Property<World>> {
    vec![
        Property::sometimes("who is no member finds nothing", |_, state: &State| {
            denied(state, Denial::WorkspaceUnknown)
        }),
        Property::sometimes("a lost membership closes a connection", |_, state: &State| {
            closed(state, Denial::WorkspaceUnknown)
        }),
        Property::sometimes("a lost capability closes a connection", |_, state: &State| {
            closed(state, Denial::CapabilityLacking(Capabilities::OPERATE))
        }),
    ]
}

fn closed(state: &State, denial: Denial) -> bool {
    state.gates.iter().flat_map(|gate| &gate.live).any(|live| live.ended == Some(denial))
}

fn denied(state: &State, denial: Denial) -> bool {
    let answer = Stage::Answered(Answer::Denied(denial));
    state.flights.values().any(|flight| flight.stage == answer)
}
