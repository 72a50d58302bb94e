//! What a QUIC connection's hello comes to: the same decision, and one answer.

use std::time::Duration;

use doorward_policy::Timestamp;
use doorward_policy::admission::{Admitted, AwaitGrant, Decision, Greeting, Wire};
use doorward_policy::denial::{Denial, HelloFault};
use doorward_policy::grant::{GrantSecret, Nonce};
use doorward_policy::hello::{Accept, AcceptedSession, Hello};
use doorward_policy::route::Target;
use doorward_policy::token::SessionToken;
use zeroize::Zeroizing;

use super::{Admission, Gate, Refusal};

/// What becomes of a connection whose hello was admitted.
#[derive(Debug)]
#[must_use = "a welcome that nobody acts on is a door that nobody closed"]
pub struct Welcome {
    /// What to do with it.
    pub outcome: Welcomed,
    /// What it is answered with. It may hold a token: for this one connection.
    pub accept: Accept,
}

/// What a hello was admitted to.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "it is made once a connection")]
pub enum Welcomed {
    /// To what is guarded: register it, answer, carry its streams.
    Open(Admission),
    /// To the answer, and nothing more.
    Answered,
}

impl Gate {
    /// Decides on the hello of a connection. A grant or a ticket that it presents is consumed.
    ///
    /// # Errors
    /// The refusal to close the connection with.
    pub async fn greet(&self, greeting: &Greeting<'_>) -> Result<Welcome, Refusal> {
        let now = match self.now() {
            Ok(now) => now,
            Err(denial) => return Err(self.refuse_early(denial, greeting.peer, Wire::Quic)),
        };
        let decision = self.guarded(|guard, limiter| guard.decide_hello(greeting, limiter, now));
        match decision {
            Decision::Grant(awaiting) => self.redeem_hello(awaiting, greeting, now).await,
            Decision::Ticket(awaiting) => {
                let admission = self.consume_ticket(awaiting, now).await?;
                Ok(self.welcome(admission, now).await)
            }
            Decision::Local(awaiting) => {
                let admission = self.look_up_local(awaiting, now).await?;
                Ok(self.welcome(admission, now).await)
            }
            Decision::Admit(admitted) => Ok(self.welcome(self.admission(admitted, now), now).await),
            Decision::Deny(denied) => Err(self.refusal(denied, now)),
            // The policy opens nothing to a hello.
            Decision::Open(opened) => {
                Err(self.refuse_late(Denial::CredentialMissing, *opened.context()))
            }
        }
    }

    async fn welcome(&self, admission: Admission, now: Timestamp) -> Welcome {
        if admission.admitted.target() == Target::Guarded {
            let accept = accept(&admission.admitted, None, now);
            return Welcome { outcome: Welcomed::Open(admission), accept };
        }
        let renewed = self.renew(&admission.admitted).await;
        let mut accept = accept(&admission.admitted, renewed.as_ref().map(|(_, token)| token), now);
        if let Some((session, (claims, _))) = accept.session.as_mut().zip(renewed.as_ref()) {
            session.expires_in = whole_seconds(claims.expires_at.since(now));
        }
        Welcome { outcome: Welcomed::Answered, accept }
    }

    async fn redeem_hello(
        &self,
        awaiting: AwaitGrant,
        greeting: &Greeting<'_>,
        now: Timestamp,
    ) -> Result<Welcome, Refusal> {
        let (grant, nonce) = match self.brought(greeting) {
            Ok(brought) => brought,
            Err(denial) => return Err(self.refuse(awaiting, denial)),
        };
        let (redeemed, _trace) = self.redeem_parsed(awaiting, grant, nonce).await?;
        let (admitted, token) = redeemed.into_parts();
        let accept = accept(&admitted, Some(&token), now);
        let outcome = match admitted.target() {
            Target::Guarded => Welcomed::Open(self.admission(admitted, now)),
            Target::Own(_) => Welcomed::Answered,
        };
        Ok(Welcome { outcome, accept })
    }

    /// The grant and the nonce of a hello.
    fn brought(&self, greeting: &Greeting<'_>) -> Result<(GrantSecret, Nonce), Denial> {
        let hello = Hello::parse(greeting.body)?;
        let (grant, nonce) = hello.grant()?.ok_or(HelloFault::Credential)?;
        let nonce = Nonce::from_bytes(nonce, &self.keys().digester).ok_or(HelloFault::Nonce)?;
        Ok((grant, nonce))
    }
}

fn accept(admitted: &Admitted, token: Option<&SessionToken>, now: Timestamp) -> Accept {
    let session = admitted.holder().map(|holder| AcceptedSession {
        id: holder.id,
        capabilities: admitted.capabilities(),
        expires_in: whole_seconds(holder.expires_at.since(now)),
        subject: holder.subject,
    });
    let token = token.map(|token| Zeroizing::new(token.expose().as_bytes().to_vec()));
    Accept { session, token }
}

fn whole_seconds(span: Duration) -> u32 {
    u32::try_from(span.as_secs()).unwrap_or(u32::MAX)
}
