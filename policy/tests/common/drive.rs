//! Takes a decision to its end, as a driver with the ledger for a store does.

use doorward_policy::admission::{AwaitGrant, AwaitLocal, AwaitTicket, Redeemed, StoreFailure};
use doorward_policy::denial::Outage;
use doorward_policy::grant::{GrantSecret, Nonce};
use doorward_policy::ledger::RedeemError;
use doorward_policy::local::Liveness;
use doorward_policy::ticket::{TicketRecord, TicketSecret};
use doorward_policy::token::Claims;
use doorward_policy::{Admitted, Decision, Denied, Guard};

use super::{NOW, World, attempt, claims, grant, secs};

impl World {
    /// Has the ledger know [`super::SESSION`], and a ticket of it with these claims.
    pub fn with_ticket(&mut self, claims: &Claims, origin: Option<&str>) -> String {
        self.keep_session();
        let secret = TicketSecret::new([0x71; 32]);
        let ticket = TicketRecord::issue(claims, origin, NOW);
        self.ledger.insert_ticket(secret.digest(&self.digester), ticket).expect("there is room");
        secret.expose().to_string()
    }

    fn keep_session(&mut self) {
        let mut grant = grant(1, secs(3600));
        grant.label = claims().subject;
        let digest = doorward_policy::keys::Digest::from_bytes([1; 32]);
        self.ledger.insert_grant(digest, grant).expect("there is room");
        self.ledger.redeem(&digest, &attempt(1, 0x5e), NOW).expect("it is good");
    }

    /// Consumes the ticket that a decision asks for; any other is at its end already.
    pub fn settle(&mut self, decision: Decision) -> Result<Admitted, Denied> {
        match decision {
            Decision::Admit(admitted) => Ok(admitted),
            Decision::Deny(denied) => Err(denied),
            Decision::Ticket(awaiting) => self.consume(awaiting),
            Decision::Local(awaiting) => self.look_up(awaiting),
            other => panic!("nothing was to be redeemed: {other:?}"),
        }
    }

    pub fn consume(&mut self, awaiting: AwaitTicket) -> Result<Admitted, Denied> {
        let Self { settings, keys, digester, standings, directory, limiter, ledger, now, .. } =
            self;
        let guard = Guard { settings, keys, digester, standings, directory };
        let outcome = ledger.consume_ticket(awaiting.digest(), awaiting.attempt(), *now);
        awaiting.resume(outcome.map_err(StoreFailure::Refused), &guard, limiter, *now)
    }

    /// Looks a local token up. Process 1 is there, and no other.
    pub fn look_up(&mut self, awaiting: AwaitLocal) -> Result<Admitted, Denied> {
        let Self { settings, keys, digester, standings, directory, limiter, ledger, now, .. } =
            self;
        let guard = Guard { settings, keys, digester, standings, directory };
        let found = ledger.local(awaiting.digest());
        let alive = found.is_none_or(|local| local.pid == 1);
        let liveness = if alive { Liveness::Alive } else { Liveness::Dead };
        awaiting.resume(Ok(found), liveness, &guard, limiter, *now)
    }

    /// Redeems a grant, for a session whose id is made of `seed`.
    pub fn redeem(
        &mut self,
        awaiting: AwaitGrant,
        secret: &GrantSecret,
        nonce: Nonce,
        seed: u8,
    ) -> Result<Redeemed, Denied> {
        let Self { settings, keys, digester, standings, directory, limiter, ledger, now, .. } =
            self;
        let guard = Guard { settings, keys, digester, standings, directory };
        let redeem = awaiting.present(secret, nonce, [seed; 16], &guard, limiter, *now)?;
        let outcome = ledger.redeem(redeem.digest(), redeem.attempt(), *now);
        let outcome = outcome.map_err(|error| match error {
            RedeemError::Refused(refused) => StoreFailure::Refused(refused),
            RedeemError::Full => StoreFailure::Unavailable(Outage::Full),
        });
        redeem.resume(outcome, &guard, *now)
    }
}
