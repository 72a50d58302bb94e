//! What may happen in a state, and what comes of it.

use std::sync::Arc;

use doorward_policy::admission::{Redeem, StoreFailure};
use doorward_policy::capability::Capabilities;
use doorward_policy::denial::Outage;
use doorward_policy::grant::{Counter, GrantRefusal};
use doorward_policy::id::{GrantId, SessionId};
use doorward_policy::ledger::RedeemError;
use doorward_policy::session::SessionRecord;
use doorward_policy::standing::Standing;
use doorward_policy::token::Claims;
use doorward_policy::workspace::{Change, Directory, Member};
use doorward_policy::{Admitted, Denial, Denied, Timestamp};

use super::facts::{
    Door, IDLE, PLANTED, Place, Unlimited, call, knock, moment, secret_of, subject,
};
use super::flight::{Admission, Answer, Flight, Outcome, Pairing, Renewal, Stage};
use super::gate::Live;
use super::kept::Kept;
use super::store::{Effect, Store};
use super::{Action, Breach, Flaw, Gate, State, Told, World, blue, drawn, label_of};

const RENEW: &str = "/.doorward/api/renew";
const LOGOUT: &str = "/.doorward/api/logout";

impl World {
    /// Every action that is possible in a state.
    pub(super) fn offer(&self, state: &State, actions: &mut Vec<Action>) {
        if let Some((client, number)) = self.idle_answer(state) {
            // Whenever it arrives, nothing else is different.
            return actions.push(Action::Advance(client, number));
        }
        if state.now < self.scope.horizon && state.is_at_rest() {
            actions.push(Action::Tick);
        }
        for (number, gate) in (0_u8..).zip(&state.gates) {
            self.offer_fate(state, number, gate, actions);
        }
        for client in 0..self.scope.clients {
            self.offer_requests(state, client, actions);
        }
        for ((client, number), flight) in &state.flights {
            offer_progress(*client, *number, flight, actions);
        }
        self.offer_administration(state, actions);
        if !state.unwritten.is_empty() {
            actions.push(Action::WriteDown);
        }
    }

    /// An answer that no client acts on: a refusal, or what it does not use afterwards.
    fn idle_answer(&self, state: &State) -> Option<(u8, u8)> {
        let used = self.scope.uses_tokens();
        let idle = |flight: &Flight| match &flight.stage {
            Stage::Answered(Answer::Token(_)) => !used,
            Stage::Answered(Answer::Denied(_) | Answer::AsBefore | Answer::Bye) => true,
            _ => false,
        };
        state.flights.iter().find(|(_, flight)| idle(flight)).map(|(id, _)| *id)
    }

    fn offer_fate(&self, state: &State, number: u8, gate: &Gate, actions: &mut Vec<Action>) {
        let news = gate.answered < state.now || gate.heard < state.store.revision;
        if gate.up && (gate.looked < state.now || (gate.reached && news)) {
            actions.push(Action::Look(number));
        }
        if gate.up && state.left.crashes > 0 {
            actions.push(Action::Crash(number));
        }
        if !gate.up && gate.reached {
            actions.push(Action::Start(number));
        }
        if gate.reached && state.left.cuts > 0 {
            actions.push(Action::CutOff(number));
        }
        if !gate.reached {
            actions.push(Action::Restore(number));
        }
    }

    fn offer_requests(&self, state: &State, client: u8, actions: &mut Vec<Action>) {
        let known = &state.clients[usize::from(client)];
        let under_way = state.flights.keys().filter(|(one, _)| *one == client).count();
        if known.requests >= self.scope.requests || under_way >= self.scope.at_once {
            return;
        }
        // Nothing tells the gates apart until something happens.
        let untouched = state.gates.iter().all(|gate| *gate == state.gates[0])
            && state.clients.iter().all(|one| one.requests == 0);
        let gates = (0_u8..).zip(&state.gates).take(if untouched { 1 } else { usize::MAX });
        for (gate, _) in gates.filter(|(_, gate)| gate.up) {
            if !self.scope.paired {
                self.offer_redemptions(state, client, gate, actions);
            }
            if known.token.is_some() {
                self.offer_use(client, gate, actions);
            }
        }
    }

    fn offer_redemptions(&self, state: &State, client: u8, gate: u8, actions: &mut Vec<Action>) {
        let used = state.clients[usize::from(client)].nonces;
        let unheard = state.gates[usize::from(gate)].reached && state.left.unheard > 0;
        let grants = (0_u8..).zip(self.scope.grants).map(|(grant, _)| grant);
        for grant in grants {
            for nonce in 0..(used + 1).min(self.scope.nonces) {
                for counter in self.scope.counters.iter().copied() {
                    let redeem =
                        |heard| Action::Redeem { client, gate, grant, nonce, counter, heard };
                    actions.push(redeem(true));
                    actions.extend(unheard.then(|| redeem(false)));
                }
            }
        }
    }

    fn offer_use(&self, client: u8, gate: u8, actions: &mut Vec<Action>) {
        for door in self.scope.doors {
            let action = |place: &Place| {
                let (door, place) = (*door, *place);
                Action::Connect { client, gate, door, place }
            };
            actions.extend(self.scope.places.iter().map(action));
        }
        if self.scope.renewals {
            actions.push(Action::Renew(client, gate));
        }
        if self.scope.sign_outs {
            actions.push(Action::SignOut(client, gate));
        }
    }

    fn offer_administration(&self, state: &State, actions: &mut Vec<Action>) {
        let mut sessions: Vec<_> = state.store.ledger.sessions().collect();
        sessions.retain(|session| session.is_live(moment(state.now)));
        sessions.sort_by_key(|session| session.id);
        if state.left.revocations > 0 {
            actions.extend(sessions.iter().map(|session| Action::Revoke(session.id)));
        }
        if state.left.limits > 0 {
            let more = |one: &&SessionRecord| one.capabilities.contains(Capabilities::OPERATE);
            actions.extend(sessions.iter().filter(more).map(|one| Action::Limit(one.id)));
        }
        if state.left.withdrawals > 0 {
            let grants = (0_u8..).zip(self.scope.grants).map(|(grant, _)| grant);
            actions.extend(grants.map(Action::Withdraw));
        }
        if state.left.memberships > 0 {
            let all = [Capabilities::NONE, Capabilities::OBSERVE, Capabilities::START_UP];
            actions.extend(all.map(Action::Member));
        }
    }

    /// Does what happens.
    pub(super) fn step(&self, state: &mut State, action: Action) {
        let now = moment(state.now);
        match action {
            Action::Tick => self.tick(state),
            Action::Look(gate) => self.look(state, gate),
            Action::Crash(gate) => state.crash(gate),
            Action::Start(gate) => self.start(state, gate),
            Action::CutOff(gate) => {
                state.gates[usize::from(gate)].reached = false;
                state.left.cuts -= 1;
            }
            Action::Restore(gate) => state.gates[usize::from(gate)].reached = true,
            Action::Redeem { client, gate, grant, nonce, counter, heard } => {
                let drawn = drawn(client, state.clients[usize::from(client)].requests);
                let pairing = Pairing { grant, nonce, counter, drawn };
                self.redeem(state, client, gate, pairing, heard);
            }
            Action::Connect { client, gate, door, place } => {
                self.connect(state, client, gate, (door, place));
            }
            Action::Renew(client, gate) => self.renew(state, client, gate),
            Action::SignOut(client, gate) => self.sign_out(state, client, gate),
            Action::Advance(client, number) => self.advance(state, (client, number)),
            Action::Lose(client, number) => {
                state.flights.remove(&(client, number));
            }
            Action::Revoke(session) => {
                state.left.revocations -= 1;
                state.store.change(|store| store.revoke(session, now));
                state.told.insert(Told::Revoked(session));
            }
            Action::Limit(session) => {
                state.left.limits -= 1;
                state.store.change(|store| store.limit(session, Capabilities::OBSERVE, now));
            }
            Action::Withdraw(grant) => {
                state.left.withdrawals -= 1;
                state.store.change(|store| store.withdraw(GrantId::new([grant; 16]), now));
            }
            Action::Member(capabilities) => {
                state.left.memberships -= 1;
                state.store.change(|store| enrol(store, capabilities));
            }
            Action::WriteDown => {
                let effects = std::mem::take(&mut state.unwritten);
                state.store.change(|store| store.audit.extend(effects));
            }
        }
    }

    fn tick(&self, state: &mut State) {
        state.now += 1;
        if self.scope.prompt {
            (0..self.scope.gates).for_each(|gate| {
                if state.gates[usize::from(gate)].up {
                    self.look(state, gate);
                }
            });
        }
    }

    /// A gate reads what is revoked before anybody is admitted.
    pub(super) fn start(&self, state: &mut State, gate: u8) {
        state.gates[usize::from(gate)].up = true;
        self.look(state, gate);
    }

    /// As `Gate::refresh` does it.
    fn look(&self, state: &mut State, number: u8) {
        let now = moment(state.now);
        let gate = &mut state.gates[usize::from(number)];
        gate.looked = state.now;
        if gate.reached {
            let mut news = state.store.news(gate.heard);
            if self.has(Flaw::DeafMirror) {
                news.sessions.clear();
            }
            if self.has(Flaw::MergedMembership) {
                news.directory = news.directory.filter(|new| !takes_away(gate, new));
            }
            gate.mirror.change(|mirror| {
                mirror.hear(&news);
                mirror.refreshed(now);
            });
            gate.heard = news.revision;
            gate.answered = state.now;
        } else if self.has(Flaw::FreshAnyway) {
            gate.mirror.change(|mirror| mirror.refreshed(now));
        }
        self.end_connections(gate, now);
    }

    /// Ends every connection that may not go on.
    fn end_connections(&self, gate: &mut Gate, now: Timestamp) {
        let guard = self.facts.guard(&gate.mirror);
        for live in gate.live.iter_mut().filter(|live| live.ended.is_none()) {
            let endless = self.has(Flaw::EndlessConnections);
            let ends_at = if endless { now.plus(IDLE) } else { live.ends_at };
            live.ended = guard.tenure(&live.tenure, ends_at, now).err();
        }
    }

    /// What a gate decides on a token.
    pub(super) fn decide(
        &self,
        state: &State,
        gate: u8,
        door: Door,
        token: &str,
        place: Place,
    ) -> Result<Admitted, Denied> {
        let mirror = &state.gates[usize::from(gate)].mirror;
        let aside = door == Door::Quic && self.has(Flaw::SideDoor);
        let guard = if aside { self.facts.unknowing() } else { self.facts.guard(mirror) };
        let stopped = self.has(Flaw::StoppedClock);
        let now = if stopped { moment(0) } else { moment(state.now) };
        knock(&guard, door, token, place, now)
    }

    fn redeem(&self, state: &mut State, client: u8, gate: u8, pairing: Pairing, heard: bool) {
        let now = moment(state.now);
        let guard = self.facts.guard(&state.gates[usize::from(gate)].mirror);
        let presented = self.facts.approach(&guard, pairing.counter, now).and_then(|awaiting| {
            let nonce = self.facts.nonce(client, pairing.nonce);
            let (grant, id) = (secret_of(pairing.grant), *pairing.drawn.as_bytes());
            awaiting.present(&grant, nonce, id, &guard, &mut Unlimited, now)
        });
        let stage = match presented {
            Err(denied) => Stage::Answered(Answer::Denied(denied.denial)),
            Ok(_) if self.has(Flaw::EarlyAnswer) => self.answer_early(state, client, pairing),
            Ok(_) if !heard => self.commit_unheard(state, client, pairing),
            Ok(_) => self.commit(state, client, gate, pairing),
        };
        let known = &mut state.clients[usize::from(client)];
        known.nonces = known.nonces.max(pairing.nonce + 1);
        state.set_out(client, gate, stage);
    }

    /// The step that owns the redemption, made again of what it was made of.
    fn redeeming(&self, state: &State, client: u8, pairing: Pairing) -> Redeem {
        let guard = self.facts.unknowing();
        let now = moment(state.now);
        let awaiting = self.facts.approach(&guard, pairing.counter, now).expect("it went through");
        let nonce = self.facts.nonce(client, pairing.nonce);
        let (grant, id) = (secret_of(pairing.grant), *pairing.drawn.as_bytes());
        awaiting.present(&grant, nonce, id, &guard, &mut Unlimited, now).expect("it went through")
    }

    fn connect(&self, state: &mut State, client: u8, gate: u8, how: (Door, Place)) {
        let Some(token) = state.clients[usize::from(client)].token.clone() else { return };
        let (door, place) = how;
        let decided = self.decide(state, gate, door, &token, place);
        self.judge(state, gate, place, &decided);
        if self.scope.doors.len() > 1 {
            self.try_doors(state, gate, &token, place);
        }
        let stage = match decided {
            Ok(admitted) => Stage::Admitted(Admission(Arc::new(admitted))),
            Err(denied) => Stage::Answered(Answer::Denied(denied.denial)),
        };
        state.set_out(client, gate, stage);
    }

    fn renew(&self, state: &mut State, client: u8, gate: u8) {
        let stage = match self.called(state, client, gate, RENEW) {
            Err(denied) => Stage::Answered(Answer::Denied(denied.denial)),
            Ok(admitted) => match self.renewal(state, gate, &admitted) {
                Some(renewal) => Stage::Renew(renewal),
                // The token that it has is good for longer.
                None => return state.clients[usize::from(client)].requests += 1,
            },
        };
        state.set_out(client, gate, stage);
    }

    fn renewal(&self, state: &State, gate: u8, admitted: &Admitted) -> Option<Renewal> {
        let now = moment(state.now);
        if self.has(Flaw::EndlessRenewal) {
            let claims = *admitted.claims()?;
            let claims = Claims { issued_at: now, expires_at: now.plus(IDLE), ..claims };
            return Some(Renewal { claims, token: self.facts.sign(&claims).into() });
        }
        let guard = self.facts.guard(&state.gates[usize::from(gate)].mirror);
        let (claims, token) = guard.renew(admitted, now)?;
        Some(Renewal { claims, token: token.expose().into() })
    }

    fn sign_out(&self, state: &mut State, client: u8, gate: u8) {
        let stage = match self.called(state, client, gate, LOGOUT) {
            Err(denied) => Stage::Answered(Answer::Denied(denied.denial)),
            Ok(admitted) => Stage::SignOut(admitted.claims().expect("a session").session),
        };
        state.set_out(client, gate, stage);
    }

    fn called(
        &self,
        state: &mut State,
        client: u8,
        gate: u8,
        endpoint: &str,
    ) -> Result<Admitted, Denied> {
        let token = state.clients[usize::from(client)].token.clone().unwrap_or_default();
        let guard = self.facts.guard(&state.gates[usize::from(gate)].mirror);
        let decided = call(&guard, endpoint, &token, moment(state.now));
        self.judge(state, gate, Place::Default, &decided);
        decided
    }

    /// The next effect of a request, or the arrival of its answer.
    fn advance(&self, state: &mut State, id: (u8, u8)) {
        let Some(Flight { gate, stage }) = state.flights.remove(&id) else { return };
        let next = match stage {
            Stage::Redeem(pairing) => self.commit(state, id.0, gate, pairing),
            Stage::Read(pairing, read) => self.write_back(state, id.0, pairing, read),
            Stage::Redeemed(pairing, outcome) => self.resume(state, id.0, gate, pairing, &outcome),
            Stage::Admitted(admission) => {
                let live = Live::new(id.0, &admission.0);
                state.gates[usize::from(gate)].live.push(live);
                Stage::Registered(admission)
            }
            Stage::Registered(admission) => match self.look_again(state, id.0, gate, &admission) {
                None => return,
                Some(denial) => Stage::Answered(Answer::Denied(denial)),
            },
            Stage::Renew(renewal) => commit_renewal(state, gate, renewal),
            Stage::Renewed(renewal) => tell_renewal(state, gate, renewal),
            Stage::SignOut(session) => {
                if !state.gates[usize::from(gate)].reached {
                    let outage = Denial::Unavailable(Outage::Store);
                    Stage::Answered(Answer::Denied(outage))
                } else {
                    let now = moment(state.now);
                    state.store.change(|store| store.revoke(session, now));
                    Stage::SignedOut(session)
                }
            }
            Stage::SignedOut(session) => {
                self.revoked_here(state, gate, session);
                Stage::Answered(Answer::Bye)
            }
            Stage::Answered(answer) => return self.deliver(state, id.0, answer),
        };
        state.flights.insert(id, Flight { gate, stage: next });
    }

    fn commit(&self, state: &mut State, client: u8, gate: u8, pairing: Pairing) -> Stage {
        if !state.gates[usize::from(gate)].reached {
            return Stage::Redeemed(pairing, self.no_answer(state, client, pairing));
        }
        if self.has(Flaw::TornStore) {
            return Stage::Read(pairing, state.store.clone());
        }
        let heard = self.commit_now(state, client, pairing);
        Stage::Redeemed(pairing, Outcome { heard, by_store: true })
    }

    /// The transaction of a redemption.
    fn commit_now(
        &self,
        state: &mut State,
        client: u8,
        pairing: Pairing,
    ) -> Result<SessionRecord, StoreFailure<GrantRefusal>> {
        let redeem = self.redeeming(state, client, pairing);
        let mut attempt = *redeem.attempt();
        if self.has(Flaw::KeptId) && pairing.counter == Counter::Bootstrap {
            attempt.session = PLANTED;
        }
        if self.has(Flaw::AnyCounter) {
            attempt.counter = Counter::Token;
        }
        let now = moment(state.now);
        let redeemed = state.store.change(|store| store.redeem(redeem.digest(), &attempt, now));
        let opened = redeemed.as_ref().is_ok_and(|session| session.id == attempt.session);
        if opened && self.has(Flaw::LateAudit) {
            state.unwritten.insert(Effect::Opened(attempt.session));
        } else if opened {
            state.store.change(|store| store.audit.insert(Effect::Opened(attempt.session)));
        }
        redeemed.map_err(store_failure)
    }

    /// What a gate makes of a store that does not answer.
    fn no_answer(&self, state: &State, client: u8, pairing: Pairing) -> Outcome {
        let heard = if self.has(Flaw::OpenOnFailure) {
            let mut store = Store::clone(&state.store);
            let redeem = self.redeeming(state, client, pairing);
            let redeemed = store.redeem(redeem.digest(), redeem.attempt(), moment(state.now));
            redeemed.map_err(store_failure)
        } else {
            Err(StoreFailure::Unavailable(Outage::Store))
        };
        Outcome { heard, by_store: false }
    }

    fn commit_unheard(&self, state: &mut State, client: u8, pairing: Pairing) -> Stage {
        state.left.unheard -= 1;
        let outcome = self.no_answer(state, client, pairing);
        let _committed = self.commit_now(state, client, pairing);
        Stage::Redeemed(pairing, outcome)
    }

    /// The second half of a store that is not atomic.
    fn write_back(
        &self,
        state: &mut State,
        client: u8,
        pairing: Pairing,
        mut read: Kept<Store>,
    ) -> Stage {
        std::mem::swap(&mut state.store, &mut read);
        let heard = self.commit_now(state, client, pairing);
        if heard.is_err() {
            state.store = read;
        }
        Stage::Redeemed(pairing, Outcome { heard, by_store: true })
    }

    fn resume(
        &self,
        state: &mut State,
        client: u8,
        gate: u8,
        pairing: Pairing,
        outcome: &Outcome,
    ) -> Stage {
        let redeem = self.redeeming(state, client, pairing);
        let guard = self.facts.guard(&state.gates[usize::from(gate)].mirror);
        let resumed = redeem.resume(outcome.heard, &guard, moment(state.now));
        let redeemed = match resumed {
            Ok(redeemed) => redeemed,
            Err(denied) => return Stage::Answered(Answer::Denied(denied.denial)),
        };
        if !outcome.by_store {
            state.breaches.insert(Breach::NoStore);
        }
        let session = redeemed.admitted().claims().expect("a session").session;
        state.told.insert(bought(client, pairing, session));
        Stage::Answered(Answer::Token(redeemed.token().expose().into()))
    }

    /// Tells what the store has yet to say; it is asked afterwards.
    fn answer_early(&self, state: &mut State, client: u8, pairing: Pairing) -> Stage {
        let mut store = Store::clone(&state.store);
        let redeem = self.redeeming(state, client, pairing);
        let now = moment(state.now);
        if let Ok(session) = store.redeem(redeem.digest(), redeem.attempt(), now) {
            state.told.insert(bought(client, pairing, session.id));
        }
        Stage::Redeem(pairing)
    }

    /// As `Gate::register` does it, once the connection is in the register.
    fn look_again(
        &self,
        state: &mut State,
        client: u8,
        gate: u8,
        admission: &Admission,
    ) -> Option<Denial> {
        let now = moment(state.now);
        let gate = &mut state.gates[usize::from(gate)];
        let stands = if self.has(Flaw::NoSecondLook) {
            Ok(())
        } else {
            self.facts.guard(&gate.mirror).still_stands(&admission.0, now)
        };
        let session = admission.0.claims().map(|claims| claims.session);
        let registered =
            |live: &Live| live.client == client && !live.admitted && live.tenure.key() == session;
        let at = gate.live.iter().position(registered)?;
        match stands {
            Ok(()) => gate.live[at].admitted = true,
            Err(_) => drop(gate.live.remove(at)),
        }
        stands.err()
    }

    /// As `Gate::revoked_here` does it.
    fn revoked_here(&self, state: &mut State, gate: u8, session: SessionId) {
        let now = moment(state.now);
        let until = state.store.ledger.session(session).map(|row| row.absolute_end);
        let gate = &mut state.gates[usize::from(gate)];
        let until = until.unwrap_or_default();
        gate.mirror.change(|mirror| mirror.note(session, Standing::Revoked, until));
        self.end_connections(gate, now);
        state.told.insert(Told::Revoked(session));
    }
}

impl World {
    fn deliver(&self, state: &mut State, client: u8, answer: Answer) {
        if let Answer::Token(token) = answer
            && self.scope.uses_tokens()
        {
            state.clients[usize::from(client)].token = Some(token);
        }
    }
}

impl State {
    /// Whether time may pass: no gate holds a request, and each has had its look at this moment.
    /// A gate keeps no request for as long as a tick, and looks several times a second.
    fn is_at_rest(&self) -> bool {
        let on_the_wire = |flight: &Flight| matches!(flight.stage, Stage::Answered(_));
        let looked = |gate: &Gate| !gate.up || gate.looked == self.now;
        self.flights.values().all(on_the_wire) && self.gates.iter().all(looked)
    }

    fn set_out(&mut self, client: u8, gate: u8, stage: Stage) {
        let known = &mut self.clients[usize::from(client)];
        self.flights.insert((client, known.requests), Flight { gate, stage });
        known.requests += 1;
    }

    fn crash(&mut self, gate: u8) {
        let lost =
            |flight: &Flight| flight.gate == gate && !matches!(flight.stage, Stage::Answered(_));
        self.flights.retain(|_, flight| !lost(flight));
        self.left.crashes -= 1;
        self.unwritten.clear();
        let crashed = &mut self.gates[usize::from(gate)];
        *crashed = Gate { reached: crashed.reached, ..Gate::down() };
    }
}

fn offer_progress(client: u8, number: u8, flight: &Flight, actions: &mut Vec<Action>) {
    actions.push(Action::Advance(client, number));
    if matches!(flight.stage, Stage::Answered(Answer::Token(_))) {
        actions.push(Action::Lose(client, number));
    }
}

fn commit_renewal(state: &mut State, gate: u8, renewal: Renewal) -> Stage {
    if !state.gates[usize::from(gate)].reached {
        return Stage::Answered(Answer::Denied(Denial::Unavailable(Outage::Store)));
    }
    let Claims { session, expires_at, .. } = renewal.claims;
    if state.store.change(|store| store.ledger.extend_session(session, expires_at)) {
        Stage::Renewed(renewal)
    } else {
        Stage::Answered(Answer::AsBefore)
    }
}

fn tell_renewal(state: &mut State, gate: u8, renewal: Renewal) -> Stage {
    let Claims { session, expires_at, .. } = renewal.claims;
    let theirs = |live: &&mut Live| live.session() == session;
    for live in state.gates[usize::from(gate)].live.iter_mut().filter(theirs) {
        live.ends_at = live.ends_at.max(expires_at);
    }
    state.told.insert(Told::Renewed(session, expires_at));
    Stage::Answered(Answer::Token(renewal.token))
}

fn bought(client: u8, pairing: Pairing, session: SessionId) -> Told {
    let Pairing { grant, nonce, counter, .. } = pairing;
    Told::Bought { grant, client, nonce, counter: counter.to_byte(), session }
}

fn store_failure(error: RedeemError) -> StoreFailure<GrantRefusal> {
    match error {
        RedeemError::Refused(refusal) => StoreFailure::Refused(refusal),
        RedeemError::Full => StoreFailure::Unavailable(Outage::Full),
    }
}

/// Says what the first client's subject may do in `blue`.
fn enrol(store: &mut Store, capabilities: Capabilities) {
    let subject = subject(label_of(0));
    let change = if capabilities.is_empty() {
        Change::Expel(blue(), subject)
    } else {
        Change::Admit(blue(), Member { subject, capabilities, home: false })
    };
    if store.change_directory(&change) {
        store.memberships.insert(store.revision, capabilities);
    }
}

/// Whether somebody may do less in a new directory.
fn takes_away(gate: &Gate, new: &Directory) -> bool {
    let held = |directory: &Directory| {
        let subject = subject(label_of(0));
        let seen = directory.seen_by(subject).find(|(workspace, _)| workspace.name() == blue());
        seen.map_or(Capabilities::NONE, |(_, member)| member.capabilities)
    };
    !held(&gate.mirror.directory).without(held(new)).is_empty()
}
