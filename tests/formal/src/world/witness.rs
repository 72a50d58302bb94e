//! What is remembered for the invariants alone, and decides nothing.

use doorward_policy::capability::Capabilities;
use doorward_policy::id::SessionId;
use doorward_policy::token::Claims;
use doorward_policy::{Admitted, Denial, Denied, Guard, Timestamp};

use super::facts::{ABSOLUTE, Door, FRESHNESS, Place, knock, moment, told};
use super::{Flaw, State, World};

/// What somebody was told has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Told {
    /// A redemption has bought a session.
    Bought {
        /// Which grant.
        grant: u8,
        /// Which client.
        client: u8,
        /// Which of its nonces.
        nonce: u8,
        /// Where, as a store keeps it.
        counter: u8,
        /// The session.
        session: SessionId,
    },
    /// A session lives on until then.
    Renewed(SessionId, Timestamp),
    /// A session is over.
    Revoked(SessionId),
}

/// What went wrong in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Breach {
    /// I4: one transport admits what another does not, or as somebody else.
    DoorsDiffer,
    /// I4: what no rule names was admitted.
    Unruled,
    /// I6: admitted before or after its time.
    OutOfTime,
    /// I10: admitted although its gate has heard of the revocation, or must have.
    Revoked,
    /// I11: admitted to what its subject is no member of, or to more than a member may.
    BeyondMembership,
    /// I11: what one may not see does not answer as if it didn't exist.
    Telling,
    /// I20: admitted on what was known too long ago.
    OldNews,
    /// I20: a session was handed out that no store has answered for.
    NoStore,
}

impl World {
    /// Looks at what a gate has decided with what it does not know.
    pub(super) fn judge(
        &self,
        state: &mut State,
        gate: u8,
        place: Place,
        decided: &Result<Admitted, Denied>,
    ) {
        let breaches = match decided {
            Ok(admitted) => self.judge_admission(state, gate, place, admitted),
            Err(denied) => self.judge_denial(place, denied),
        };
        state.breaches.extend(breaches);
    }

    fn judge_admission(
        &self,
        state: &State,
        gate: u8,
        place: Place,
        admitted: &Admitted,
    ) -> Vec<Breach> {
        let now = moment(state.now);
        let claims = admitted.claims().expect("a session");
        let known = &state.gates[usize::from(gate)];
        let allowed = state.store.membership(claims.subject, place, known.heard);
        let checks = [
            (is_in_time(state, claims, now), Breach::OutOfTime),
            (!was_revoked(state, claims.session, gate), Breach::Revoked),
            (now.since(moment(known.answered)) <= FRESHNESS, Breach::OldNews),
            (within(admitted.capabilities(), allowed), Breach::BeyondMembership),
        ];
        checks.into_iter().filter(|(holds, _)| !holds).map(|(_, breach)| breach).collect()
    }

    fn judge_denial(&self, place: Place, denied: &Denied) -> Vec<Breach> {
        let hidden = place == Place::Blue && denied.denial == Denial::WorkspaceUnknown;
        let said = match self.flaw {
            Some(Flaw::TellingDenial) if hidden => {
                told(Denial::CapabilityLacking(Capabilities::OPERATE))
            }
            _ => told(denied.denial),
        };
        let telling = hidden && said != told(Denial::NoRoute);
        telling.then_some(Breach::Telling).into_iter().collect()
    }

    /// I4: shows the same token at every door, and where there is none.
    pub(super) fn try_doors(&self, state: &mut State, gate: u8, token: &str, place: Place) {
        let now = moment(state.now);
        let seen = [Door::WebSocket, Door::Quic].map(|door| {
            let decided = self.decide(state, gate, door, token, place);
            decided.map(|one| (one.claims().copied().map(bare), one.capabilities()))
        });
        let [one, other] = seen.map(|decided| decided.map_err(|denied| denied.denial));
        if one != other {
            state.breaches.insert(Breach::DoorsDiffer);
        }
        let mirror = &state.gates[usize::from(gate)].mirror;
        let settings =
            if self.has(Flaw::OpenRoutes) { &self.facts.settings } else { &self.facts.ruled };
        let ruled = Guard { settings, ..self.facts.guard(mirror) };
        // A stream of bytes passes every route at once, and `/blue` has no rule here.
        let unruled = [(Door::WebSocket, Place::Blue), (Door::Quic, Place::Default)];
        if unruled.iter().any(|(door, place)| knock(&ruled, *door, token, *place, now).is_ok()) {
            state.breaches.insert(Breach::Unruled);
        }
    }
}

/// What does not depend on when it was looked at.
const fn bare(claims: Claims) -> (SessionId, Timestamp) {
    (claims.session, claims.expires_at)
}

const fn within(held: Capabilities, allowed: Capabilities) -> bool {
    held.without(allowed).is_empty()
}

fn is_in_time(state: &State, claims: &Claims, now: Timestamp) -> bool {
    let row = state.store.ledger.session(claims.session);
    let born = row.map_or(moment(0), |row| row.created_at);
    born <= now && claims.issued_at <= now && now < claims.expires_at && now < born.plus(ABSOLUTE)
}

/// Whether a gate has heard that a session was revoked, or it was so long ago that it must have.
fn was_revoked(state: &State, session: SessionId, gate: u8) -> bool {
    let heard = state.gates[usize::from(gate)].heard;
    let revoked_at = state.store.ledger.session(session).and_then(|row| row.revoked_at);
    let long_ago = |at: Timestamp| moment(state.now).since(at) > FRESHNESS;
    let known = state.store.revoked_in(session).is_some_and(|revision| revision <= heard);
    known || revoked_at.is_some_and(long_ago)
}
