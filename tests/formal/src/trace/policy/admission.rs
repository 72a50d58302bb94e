//! The whole decision on a request or a hello, and on to its end.

use std::time::Duration;

use doorward_policy::admission::{AwaitGrant, AwaitLocal, AwaitTicket, Decision, StoreFailure};
use doorward_policy::admission::{Denied, Redeemed};
use doorward_policy::credential::Identity;
use doorward_policy::denial::{GrantFault, Invalid, Outage};
use doorward_policy::encoding::{base64url, decode_into};
use doorward_policy::grant::GrantSecret;
use doorward_policy::ledger::RedeemError;
use doorward_policy::local::Liveness;
use doorward_policy::ticket::TicketRefusal;
use doorward_policy::{Admitted, Denial};

use super::{Installation, nonce, nonce_bytes, numbers, say, session_id, session_number};
use crate::trace::request::{Facts, HelloFacts};

impl Installation {
    pub(super) fn request(&mut self, numbers: &[u64], out: &mut String) {
        if let Some(admitted) = self.decide(numbers, out) {
            admission(&admitted, out);
        }
    }

    /// What comes of it is said, unless it is an admission.
    fn decide(&mut self, numbers: &[u64], out: &mut String) -> Option<Admitted> {
        let facts = Facts::new(numbers);
        let token = self.token_text(facts.token, facts.fault);
        let now = self.now;
        let (guard, limiter) = self.guard_and_limiter();
        let decision = facts.with_head(&token, |head| guard.decide(head, limiter, now));
        self.finish(decision, facts.grant, facts.nonce, out)
    }

    pub(super) fn hello(&mut self, numbers: &[u64], out: &mut String) {
        let facts = HelloFacts::new(numbers);
        let token = self.token_text(facts.token, facts.fault);
        let (grant, nonce) = (self.secret_of(facts.grant).expose(), nonce_bytes(facts.nonce));
        let now = self.now;
        let (guard, limiter) = self.guard_and_limiter();
        let decision = facts.with_greeting(&token, &grant, &nonce, |greeting| {
            guard.decide_hello(greeting, limiter, now)
        });
        if let Some(admitted) = self.finish(decision, facts.grant, facts.nonce, out) {
            admission(&admitted, out);
        }
    }

    pub(super) fn renew(&mut self, ahead: u64, request: &[u64], out: &mut String) {
        let Some(admitted) = self.decide(request, out) else { return };
        let later = self.now.plus(Duration::from_millis(ahead));
        let Some((claims, token)) = self.guard().renew(&admitted, later) else {
            out.push_str("kept");
            return;
        };
        self.ledger.extend_session(claims.session, claims.expires_at);
        let (caps, expires) = (claims.capabilities.bits(), claims.expires_at.as_millis());
        say(out, format_args!("renewed token {} caps {caps} expires {expires}", self.tokens.len()));
        self.tokens.push(token.expose().to_owned());
    }

    fn finish(
        &mut self,
        decision: Decision,
        grant: u64,
        nonce: u64,
        out: &mut String,
    ) -> Option<Admitted> {
        let finished = match decision {
            Decision::Admit(admitted) => Ok(admitted),
            Decision::Local(waiting) => self.look_up(waiting),
            Decision::Ticket(waiting) => self.no_ticket(waiting),
            Decision::Deny(denied) => Err(denied),
            Decision::Open(_) => {
                out.push_str("open");
                return None;
            }
            Decision::Grant(waiting) => match self.redeem(waiting, grant, nonce) {
                Ok((redeemed, opened)) => {
                    self.redeemed(&redeemed, opened, out);
                    return None;
                }
                Err(denied) => Err(denied),
            },
        };
        finished.map_err(|denied| deny(&denied.denial, out)).ok()
    }

    /// The session that a grant buys, and whether it was opened just now.
    fn redeem(
        &mut self,
        waiting: AwaitGrant,
        grant: u64,
        number: u64,
    ) -> Result<(Redeemed, bool), Denied> {
        // As a body brings them.
        let secret = GrantSecret::parse(&self.secret_of(grant).expose());
        let Some((secret, nonce)) = secret.zip(nonce(number, &self.digester)) else {
            return Err(waiting.refuse(Denial::MalformedBody));
        };
        let (new, now) = (session_id(self.sessions), self.now);
        let (guard, limiter) = self.guard_and_limiter();
        let step = waiting.present(&secret, nonce, *new.as_bytes(), &guard, limiter, now)?;
        let kept = self.ledger.redeem(step.digest(), step.attempt(), now);
        let opened = kept.is_ok_and(|session| session.id == new);
        self.sessions += u64::from(opened);
        let kept = kept.map_err(|error| match error {
            RedeemError::Refused(refusal) => StoreFailure::Refused(refusal),
            RedeemError::Full => StoreFailure::Unavailable(Outage::Full),
        });
        step.resume(kept, &self.guard(), now).map(|redeemed| (redeemed, opened))
    }

    fn redeemed(&mut self, redeemed: &Redeemed, opened: bool, out: &mut String) {
        let admitted = redeemed.admitted();
        let Some(claims) = admitted.claims() else { return };
        let session = session_number(claims.session);
        out.push_str(if opened { "redeemed" } else { "repeated" });
        say(out, format_args!(" session {session} token {}", self.tokens.len()));
        let (expires, end) = (claims.expires_at.as_millis(), claims.absolute_end.as_millis());
        let caps = admitted.capabilities().bits();
        say(out, format_args!(" caps {caps} expires {expires} absolute {end}"));
        at(admitted, out);
        self.tokens.push(redeemed.token().expose().to_owned());
    }

    /// No ticket is ever made here.
    fn no_ticket(&mut self, waiting: AwaitTicket) -> Result<Admitted, Denied> {
        let unknown = Err(StoreFailure::Refused(TicketRefusal::Unknown));
        let now = self.now;
        let (guard, limiter) = self.guard_and_limiter();
        waiting.resume(unknown, &guard, limiter, now)
    }

    /// Nor is any local token.
    fn look_up(&mut self, waiting: AwaitLocal) -> Result<Admitted, Denied> {
        let now = self.now;
        let (guard, limiter) = self.guard_and_limiter();
        waiting.resume(Ok(None), Liveness::Alive, &guard, limiter, now)
    }

    /// The text of a token, with what is wrong with it.
    fn token_text(&self, token: u64, fault: u64) -> String {
        let made = usize::try_from(token).ok().and_then(|at| self.tokens.get(at));
        match (made, fault) {
            (None, _) | (_, 2) => "A.A".to_owned(),
            (Some(text), 0) => text.clone(),
            (Some(text), 1) => with_another_tag(text, token),
            (Some(text), _) => with_key_0(text),
        }
    }
}

/// One bit of the tag is another: each token has one of its own.
fn with_another_tag(text: &str, token: u64) -> String {
    let (record, tag) = text.split_once('.').unwrap_or((text, ""));
    let mut bytes = [0; 32];
    let _ = decode_into(tag.as_bytes(), &mut bytes);
    let bit = (token * 37 + 131) % 256;
    bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
    format!("{record}.{}", base64url(&bytes))
}

fn with_key_0(text: &str) -> String {
    let (record, tag) = text.split_once('.').unwrap_or((text, ""));
    let mut bytes = [0; 128];
    let length = decode_into(record.as_bytes(), &mut bytes).unwrap_or_default();
    bytes[1] = 0;
    format!("{}.{tag}", base64url(&bytes[..length]))
}

fn admission(admitted: &Admitted, out: &mut String) {
    out.push_str("admit ");
    match admitted.identity() {
        Identity::Session { claims, .. } => {
            say(out, format_args!("session {}", session_number(claims.session)));
        }
        Identity::Local(_) => out.push_str("local"),
        Identity::Unguarded => out.push_str("nobody"),
    }
    say(out, format_args!(" caps {}", admitted.capabilities().bits()));
    at(admitted, out);
}

/// The workspace that was joined: `main` is 0, and `w<W>` is W.
fn at(admitted: &Admitted, out: &mut String) {
    let joined = admitted.joined().map(|joined| joined.name);
    match &joined {
        None => out.push_str(" at own"),
        Some(name) if name.is_main() => out.push_str(" at 0"),
        Some(name) => say(out, format_args!(" at {}", name.as_str().trim_start_matches('w'))),
    }
}

fn deny(denial: &Denial, out: &mut String) {
    out.push_str("deny ");
    out.push_str(reason(denial));
    match denial {
        Denial::CapabilityLacking(lacking) => numbers(out, [u64::from(lacking.bits())]),
        Denial::GuessesLimited { until } => numbers(out, [until.as_millis()]),
        _ => {}
    }
}

/// The word for a denial. What can't come of any operation here has none, so that it would show as
/// a difference.
const fn reason(denial: &Denial) -> &'static str {
    match denial {
        Denial::MalformedHead(_) => "malformed-head",
        Denial::MalformedPath => "malformed-path",
        Denial::MalformedHello(_) => "malformed-hello",
        Denial::UpgradeRefused => "upgrade-refused",
        Denial::ServiceWorkerScript => "service-worker-script",
        Denial::HostDenied { .. } => "host-denied",
        Denial::InsecureTransport => "insecure-transport",
        Denial::OriginDenied { .. } => "origin-denied",
        Denial::OriginMissing => "origin-missing",
        Denial::FetchMetadata { .. } => "fetch-metadata",
        Denial::BrowserRefused => "browser-refused",
        Denial::NoRoute => "no-route",
        Denial::CredentialMissing => "credential-missing",
        Denial::CredentialAmbiguous => "credential-ambiguous",
        Denial::CookieShadowed => "cookie-shadowed",
        Denial::CredentialInvalid(invalid) => match invalid {
            Invalid::Malformed => "invalid-malformed",
            Invalid::UnknownKey => "invalid-unknown-key",
            Invalid::BadTag => "invalid-bad-tag",
            Invalid::NotYetValid => "invalid-not-yet-valid",
            Invalid::LocalMalformed => "invalid-local-malformed",
            Invalid::LocalUnknown => "invalid-local-unknown",
            Invalid::BadRecord
            | Invalid::TicketUnknown
            | Invalid::TicketExpired
            | Invalid::TicketOrigin
            | Invalid::TicketSession
            | Invalid::LocalExpired
            | Invalid::LocalDead => "invalid-?",
        },
        Denial::SessionExpired => "session-expired",
        Denial::SessionRevoked => "session-revoked",
        Denial::GrantRefused(fault) => match fault {
            GrantFault::Unknown => "grant-unknown",
            GrantFault::Revoked => "grant-revoked",
            GrantFault::Expired => "grant-expired",
            GrantFault::Spent => "grant-spent",
            GrantFault::SessionGone => "grant-session-gone",
        },
        Denial::WorkspaceUnknown => "workspace-unknown",
        Denial::CapabilityLacking(_) => "capability-lacking",
        Denial::LocalOnly => "local-only",
        Denial::GuessesLimited { .. } => "guesses-limited",
        Denial::Unavailable(Outage::StaleRevocations) => "unavailable-stale",
        Denial::Unavailable(Outage::Full) => "unavailable-full",
        Denial::MalformedBody
        | Denial::TooLarge(_)
        | Denial::ConnectionsLimited { .. }
        | Denial::DeadlinePassed
        | Denial::Unavailable(_) => "?",
    }
}
