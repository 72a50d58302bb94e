//! The whole decision, from a head to an admission, over the life of an installation:
//! `doorward_policy::admission` with all that it stands on.

mod model;
mod script;

use doorward_policy::admission::{
    AwaitGrant, AwaitLocal, AwaitTicket, Decision, Guard, StoreFailure,
};
use doorward_policy::credential::{Carrier, Identity};
use doorward_policy::grant::{GrantRecord, GrantRequest, GrantSecret, Nonce};
use doorward_policy::host::AllowedHost;
use doorward_policy::id::SessionId;
use doorward_policy::ledger::{Capacity, Ledger, RedeemError, Selector};
use doorward_policy::limiter::{Limiter, Limits};
use doorward_policy::local::Liveness;
use doorward_policy::origin::AllowedOrigin;
use doorward_policy::request::{Field, Head};
use doorward_policy::route::Routes;
use doorward_policy::settings::{Exposure, Guarding};
use doorward_policy::standing::{DEFAULT_FRESHNESS, Standing, Standings};
use doorward_policy::subject::Subject;
use doorward_policy::ticket::{TicketRecord, TicketSecret};
use doorward_policy::token::Method;
use doorward_policy::workspace::{Change, Claim, Directory, Member, Placing, WorkspaceName};
use doorward_policy::{Admitted, Capabilities, Settings, Timestamp};

use self::model::{
    Admission, Body, Charged, Grant, Model, Outcome, Ticket, Token, Verdict, WORKSPACES,
};
use self::script::{Operation, Whose};
use super::input::Input;
use super::naive::request::{Passed, Seen};
use super::world::{KEYS, NOW};

/// Input: a script (`script`): what the operator chose, then requests and what happens between
/// them.
///
/// Oracle: a plain model of the installation, which takes the steps of the decision in the order of
/// the design and remembers grants, sessions, tokens, tickets and guesses in lists. Each request
/// comes to the same: denied, open to anyone, a session opened, or admitted as the same session with
/// the same capabilities. So whatever is admitted has passed every check of the model, and nothing
/// that passes them all is locked out.
//= req: HEAD-7, type=fuzz
//= req: PATH-1, PATH-2, type=fuzz
//= req: HOST-1, type=fuzz
//= req: ORIGIN-1, ORIGIN-2, ORIGIN-3, ORIGIN-5, ORIGIN-6, type=fuzz
//= req: ROUTE-1, ROUTE-2, ROUTE-3, ROUTE-5, type=fuzz
//= req: FORWARD-1, FORWARD-2, FORWARD-3, FORWARD-4, type=fuzz
//= req: CRED-1, CRED-2, CRED-3, CRED-5, CRED-6, type=fuzz
//= req: COOKIE-1, COOKIE-2, type=fuzz
//= req: TOKEN-7, type=fuzz
//= req: TICKET-1, TICKET-2, TICKET-3, TICKET-7, type=fuzz
//= req: LOCAL-7, LIMIT-1, LIMIT-2, LIMIT-4, LIMIT-5, LIMIT-6, LIMIT-7, type=fuzz
//= req: GRANT-1, GRANT-2, GRANT-3, GRANT-4, SESSION-1, SESSION-2, SESSION-6, type=fuzz
//= req: SESSION-8, WORK-1, WORK-3, WORK-4, WORK-5, CAP-1, CAP-2, type=fuzz
//= req: UPGRADE-1, UPGRADE-2, type=fuzz
pub fn decision(data: &[u8]) {
    let mut input = Input::new(data);
    let model = Model { now: NOW.as_millis(), ..script::choices(input.line()) };
    let mut run = Run {
        settings: settings(&model),
        standings: Standings::new([7; 8], DEFAULT_FRESHNESS),
        directory: Directory::default(),
        ledger: Ledger::new(Capacity::default(), [9; 8]),
        limiter: Limiter::new(limits(&model)),
        revision: 0,
        model,
    };
    run.make_workspaces();
    run.refresh();
    while !input.is_empty() {
        match script::operation(&mut input, &run.model) {
            Operation::Wait(millis) => run.model.now += millis,
            Operation::Refresh => run.refresh(),
            Operation::Grant { code, capabilities, uses, life } => {
                run.issue(code, capabilities, uses, life);
            }
            Operation::RevokeGrant(index) => run.revoke_grant(index),
            Operation::Revoke(whose) => run.revoke(whose),
            Operation::Limit(session, capabilities) => run.limit(session, capabilities),
            Operation::Enrol { workspace, capabilities, home } => {
                run.enrol(workspace, capabilities, home);
            }
            Operation::Expel(workspace) => run.expel(workspace),
            Operation::Request(request) => run.request(&request.seen(), request.body.as_ref()),
            Operation::Nothing => {}
        }
    }
}

fn capabilities(bits: u16) -> Capabilities {
    Capabilities::from_bits(bits).expect("all 16 are known")
}

fn limits(model: &Model) -> Limits {
    Limits { codes: model.limits.0, others: model.limits.1, ..Limits::default() }
}

fn settings(model: &Model) -> Settings {
    let choices = &model.choices;
    let mut settings = Settings { guesses: limits(model), ..Settings::default() };
    settings.routes = Routes::none();
    for (prefix, needed) in &choices.rules {
        assert!(settings.routes.add(prefix, capabilities(*needed)));
    }
    settings.exposure = if choices.remote { Exposure::Remote } else { Exposure::Loopback };
    settings.guarding = if choices.unguarded { Guarding::Unguarded } else { Guarding::Required };
    settings.service_workers = choices.service_workers;
    settings.allowed_hosts.extend(choices.hosts.iter().filter_map(|host| AllowedHost::parse(host)));
    settings
        .allowed_origins
        .extend(choices.origins.iter().filter_map(|origin| AllowedOrigin::parse(origin)));
    let proxy = choices.proxy.map(|proxy| proxy.to_string());
    settings
        .trusted_proxies
        .extend(proxy.and_then(|proxy| doorward_policy::forwarding::TrustedNetwork::parse(&proxy)));
    settings
}

fn session_id(index: usize) -> SessionId {
    SessionId::new([(index as u8).wrapping_add(1); 16])
}

/// Whom all sessions belong to.
fn subject() -> Subject {
    Subject::new("someone").expect("it is sound")
}

fn workspace(index: usize) -> WorkspaceName {
    WorkspaceName::new(WORKSPACES[index]).expect("it is sound")
}

struct Run {
    settings: Settings,
    standings: Standings,
    directory: Directory,
    ledger: Ledger,
    limiter: Limiter,
    revision: u64,
    model: Model,
}

impl Run {
    const fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.model.now)
    }

    fn refresh(&mut self) {
        self.standings.refreshed(self.now());
        self.model.seen_at = self.model.now;
    }

    fn change(&mut self, change: &Change) -> bool {
        self.revision += 1;
        let changed = self.ledger.change_directory(change, self.revision);
        self.directory = self.ledger.directory().clone();
        changed.is_ok()
    }

    fn make_workspaces(&mut self) {
        let claims = self.model.choices.claims.clone();
        for index in 1..WORKSPACES.len() {
            let of_it = claims.iter().filter(|(one, _)| *one == index);
            let of_it = of_it.map(|(_, claim)| Claim::parse(claim).expect("it is sound")).collect();
            let placing = Placing { claims: of_it, ..Placing::default() };
            let made =
                !claims.is_empty() && self.change(&Change::Create(workspace(index), placing));
            assert_eq!(made, !claims.is_empty());
        }
    }

    fn enrol(&mut self, index: usize, bits: u16, home: bool) {
        let subject = subject();
        let member = Member { subject, capabilities: capabilities(bits), home };
        if self.change(&Change::Admit(workspace(index), member)) {
            self.model.enrol(index, bits, home);
        }
    }

    fn expel(&mut self, index: usize) {
        let expelled = self.change(&Change::Expel(workspace(index), subject()));
        assert_eq!(self.model.members[index].take().is_some(), expelled);
    }

    fn issue(&mut self, code: bool, bits: u16, uses: u32, life: u64) {
        let number = self.model.grants.len() as u8;
        if number >= 32 {
            return;
        }
        let secret = if code {
            GrantSecret::code([number; 12])
        } else {
            GrantSecret::link([number + 1; 32])
        };
        let request = GrantRequest {
            label: subject(),
            capabilities: capabilities(bits),
            method: if code { Method::Code } else { Method::Link },
            uses,
            life: std::time::Duration::from_millis(life),
        };
        let issued = GrantRecord::issue(&request, Capabilities::ALL, [number; 16], self.now());
        let Ok(record) = issued else { return };
        let digest = secret.digest(&KEYS.digester);
        self.ledger.insert_grant(digest, record).expect("there is room");
        let expires = self.model.now + life;
        let text = secret.expose().to_string();
        self.model.grants.push(Grant::new(text, bits, uses, expires));
    }

    fn revoke_grant(&mut self, index: usize) {
        let id = doorward_policy::id::GrantId::new([index as u8; 16]);
        let found = self.ledger.revoke_grant(id, self.now());
        let grant = self.model.grants.get_mut(index);
        assert_eq!(found, grant.is_some());
        if let Some(grant) = grant {
            grant.revoked = true;
        }
    }

    fn revoke(&mut self, whose: Whose) {
        let which = match whose {
            Whose::One(index) => Selector::Session(session_id(index)),
            Whose::All => Selector::All,
        };
        for session in self.ledger.revoke_sessions(&which, self.now()) {
            self.standings.note(session.id, Standing::Revoked, session.absolute_end);
        }
        let now = self.model.now;
        for (index, session) in self.model.sessions.iter_mut().enumerate() {
            let picked = whose == Whose::All || whose == Whose::One(index);
            session.revoked |= picked && now < session.expires;
        }
    }

    fn limit(&mut self, index: usize, bits: u16) {
        let Some(session) = self.model.sessions.get_mut(index) else { return };
        session.limit = bits;
        let until = Timestamp::from_millis(session.end);
        self.standings.note(session_id(index), Standing::Limited(capabilities(bits)), until);
    }

    fn guard(&self) -> Guard<'_> {
        Guard {
            settings: &self.settings,
            keys: &KEYS.ring,
            digester: &KEYS.digester,
            standings: &self.standings,
            directory: &self.directory,
        }
    }

    fn request(&mut self, seen: &Seen<'_>, body: Option<&Body>) {
        if self.model.sessions.len().max(self.model.tickets.len()) > 200 {
            return;
        }
        let passed = seen.pass(&self.model.choices);
        let expected = match &passed {
            Ok(passed) => self.model.judge(passed, body),
            Err(()) => Verdict::new(Outcome::Denied, Charged::No),
        };
        let (found, admitted) = self.decide(seen, body);
        if found == Outcome::Denied && !seen.is_plain() {
            // More is refused than the model asks for; the guesses may differ from here on.
            self.limiter = Limiter::new(limits(&self.model));
            self.model.forget_guesses();
            return;
        }
        assert_eq!(found, expected.outcome, "{seen:?} {body:?}");
        let Ok(passed) = passed else { return };
        self.model.charge(passed.client, &expected.charged);
        match found {
            Outcome::Admitted(admission) => {
                let admitted = admitted.expect("it was admitted");
                self.admitted(&admission, expected.token, &admitted, &passed);
            }
            Outcome::Redeemed { session, .. } => {
                let row = &self.model.sessions[session];
                assert!(!row.revoked && self.model.now < row.expires);
            }
            Outcome::Denied | Outcome::Open | Outcome::Nobody => {}
        }
    }

    fn decide(&mut self, seen: &Seen<'_>, body: Option<&Body>) -> (Outcome, Option<Admitted>) {
        let fields: Vec<Field<'_>> =
            seen.fields.iter().map(|(name, value)| Field { name, value }).collect();
        let head = Head {
            method: seen.method,
            target: seen.target,
            fields: &fields,
            peer: seen.peer,
            tls: seen.tls,
        };
        let now = self.now();
        let mut limiter = std::mem::replace(&mut self.limiter, Limiter::new(Limits::default()));
        let decision = self.guard().decide(&head, &mut limiter, now);
        self.limiter = limiter;
        match decision {
            Decision::Deny(denied) => {
                check_denial(&denied.denial);
                (Outcome::Denied, None)
            }
            Decision::Open(_) => (Outcome::Open, None),
            Decision::Grant(waiting) => {
                let token = seen.target.contains("api/token");
                (body.map_or(Outcome::Denied, |body| self.redeem(waiting, body, token)), None)
            }
            Decision::Ticket(waiting) => self.consume(waiting),
            Decision::Local(waiting) => self.look_up(waiting),
            Decision::Admit(admitted) => (self.outcome(&admitted), Some(admitted)),
        }
    }

    fn redeem(&mut self, waiting: AwaitGrant, body: &Body, at_token: bool) -> Outcome {
        let now = self.now();
        let new = self.model.sessions.len();
        let grant = GrantSecret::parse(&body.grant).expect("the model keeps sound texts");
        let nonce = Nonce::from_digest(doorward_policy::keys::Digest::from_bytes([body.nonce; 32]));
        let mut limiter = std::mem::replace(&mut self.limiter, Limiter::new(Limits::default()));
        let id = *session_id(new).as_bytes();
        let step = waiting.present(&grant, nonce, id, &self.guard(), &mut limiter, now);
        self.limiter = limiter;
        let Ok(step) = step else { return Outcome::Denied };
        let kept = self.ledger.redeem(step.digest(), step.attempt(), now);
        let kept = kept.map_err(|error| match error {
            RedeemError::Refused(refusal) => StoreFailure::Refused(refusal),
            RedeemError::Full => panic!("there is room"),
        });
        let Ok(redeemed) = step.resume(kept, &self.guard(), now) else { return Outcome::Denied };
        let claims = redeemed.admitted().claims().expect("a session was opened");
        let session = usize::from(claims.session.as_bytes()[0]) - 1;
        let is_new = session == new;
        if is_new {
            // Checked against the model's verdict by the caller; the model follows at once, so that
            // what is looked up next is there.
            assert!(self.model.may_open(body), "a session that no grant paid for");
            self.model.open_session(body, at_token);
        }
        let row = &self.model.sessions[session];
        assert_eq!(claims.capabilities.bits(), row.capabilities & row.limit);
        assert_eq!(claims.expires_at.as_millis(), row.expires);
        assert_eq!(claims.absolute_end.as_millis(), row.end);
        let token = Token {
            text: redeemed.token().expose().to_owned(),
            session,
            capabilities: row.capabilities,
            issued: row.created,
            expires: row.expires,
        };
        self.model.tokens.push(token);
        Outcome::Redeemed { session, new: is_new }
    }

    fn consume(&mut self, waiting: AwaitTicket) -> (Outcome, Option<Admitted>) {
        let now = self.now();
        let used = self.model.tickets.iter().position(|ticket| {
            TicketSecret::parse(ticket.text.as_bytes())
                .is_some_and(|secret| secret.digest(&KEYS.digester) == *waiting.digest())
        });
        let kept = self.ledger.consume_ticket(waiting.digest(), waiting.attempt(), now);
        let spent = kept.is_ok();
        let mut limiter = std::mem::replace(&mut self.limiter, Limiter::new(Limits::default()));
        let kept = kept.map_err(StoreFailure::Refused);
        let resumed = waiting.resume(kept, &self.guard(), &mut limiter, now);
        self.limiter = limiter;
        let outcome = resumed.as_ref().map_or(Outcome::Denied, |one| self.outcome(one));
        if let Some(ticket) = used.filter(|_| spent).and_then(|at| self.model.tickets.get_mut(at)) {
            assert!(!ticket.used, "a ticket was used twice");
            // The caller compares with what the model said before.
            ticket.used = true;
        }
        (outcome, resumed.ok())
    }

    /// No local token is known here.
    fn look_up(&mut self, waiting: AwaitLocal) -> (Outcome, Option<Admitted>) {
        let now = self.now();
        let mut limiter = std::mem::replace(&mut self.limiter, Limiter::new(Limits::default()));
        let found = waiting.resume(Ok(None), Liveness::Alive, &self.guard(), &mut limiter, now);
        self.limiter = limiter;
        assert!(found.is_err(), "an unknown local token was admitted");
        (Outcome::Denied, None)
    }

    fn outcome(&self, admitted: &Admitted) -> Outcome {
        let Identity::Session { claims, carrier } = admitted.identity() else {
            return Outcome::Nobody;
        };
        let session = usize::from(claims.session.as_bytes()[0]) - 1;
        assert!(claims.expires_at.as_millis() > self.model.now, "admitted past its time");
        Outcome::Admitted(Admission {
            session,
            capabilities: claims.capabilities.bits(),
            allowed: admitted.capabilities().bits(),
            joined: admitted.joined().and_then(|joined| {
                WORKSPACES.iter().position(|name| *name == joined.name.as_str())
            }),
            by_ticket: *carrier == Carrier::Ticket,
        })
    }

    /// What an admission leads to: a renewal, a ticket, the end of the session.
    fn admitted(
        &mut self,
        admission: &Admission,
        token: Option<usize>,
        admitted: &Admitted,
        passed: &Passed,
    ) {
        let now = self.now();
        self.guard().still_stands(admitted, now).expect("it was admitted just now");
        match passed.own.as_deref() {
            Some("api/logout") => self.revoke(Whose::One(admission.session)),
            Some("api/ticket") => self.make_ticket(admission, admitted, passed),
            Some("api/session") => {}
            _ => self.renew(admission, token, admitted),
        }
    }

    fn renew(&mut self, admission: &Admission, token: Option<usize>, admitted: &Admitted) {
        let expected = self.model.renewal(admission, token);
        let renewed = self.guard().renew(admitted, self.now());
        assert_eq!(renewed.is_some(), expected.is_some(), "{admission:?}");
        let (Some((claims, text)), Some(mut token)) = (renewed, expected) else { return };
        assert_eq!(claims.issued_at.as_millis(), token.issued);
        assert_eq!(claims.expires_at.as_millis(), token.expires);
        assert_eq!(claims.capabilities.bits(), token.capabilities);
        token.text = text.expose().to_owned();
        self.ledger.extend_session(claims.session, claims.expires_at);
        let row = &mut self.model.sessions[admission.session];
        row.expires = row.expires.max(token.expires);
        self.model.tokens.push(token);
    }

    fn make_ticket(&mut self, admission: &Admission, admitted: &Admitted, passed: &Passed) {
        let Some(claims) = admitted.claims() else { return };
        let secret = TicketSecret::new([self.model.tickets.len() as u8; 32]);
        let origin = passed.origin.as_deref().and_then(|text| std::str::from_utf8(text).ok());
        let record = TicketRecord::issue(claims, origin, self.now());
        assert!(record.expires_at <= claims.expires_at);
        let digest = secret.digest(&KEYS.digester);
        self.ledger.insert_ticket(digest, record).expect("there is room");
        self.model.tickets.push(Ticket {
            text: secret.expose().to_string(),
            session: admission.session,
            capabilities: admission.capabilities,
            origin: passed.origin.clone(),
            expires: claims.expires_at.as_millis().min(self.model.now + 30_000),
            used: false,
        });
    }
}

/// What each refusal has to bring along.
fn check_denial(denial: &doorward_policy::Denial) {
    assert!(denial.public().status >= 400, "a refusal that reads like a success");
    assert!(!denial.message().is_empty());
}
