//! The same credential comes to the same over WebSocket and over QUIC, and the same grant over HTTP
//! and over QUIC: decision, code, audit record and threat.

use std::sync::Arc;
use std::time::Duration;

use doorward_gate::Clock as _;
use doorward_gate::audit::{AuditRecord, Event};
use doorward_gate::store::MemoryStore;
use doorward_http::Limits as HttpLimits;
use doorward_policy::Settings;
use doorward_policy::capability::Capabilities;
use doorward_policy::ledger::Capacity;
use doorward_policy::limiter::Limits as Guesses;
use doorward_policy::token::Method;
use serde_json::Value;

use crate::door::{Answer, Door};
use crate::quic::{GRANT, Greeted, LOCAL, OPEN, SESSION, TICKET, TOKEN, Wicket, Words};

const DAY: Duration = Duration::from_secs(24 * 3600);
const NONCE: &str = "AAAAAAAAAAAAAAAAAAAAAAAA";
const OTHER_NONCE: &str = "BBBBBBBBBBBBBBBBBBBBBBBB";

/// What both transports must come to.
struct Case {
    name: &'static str,
    /// Of HTTP; 2xx and 101 are an admission.
    status: u16,
    /// Of QUIC; 0 for an admission.
    code: u64,
    error: &'static str,
    reason: &'static str,
    threat: &'static str,
}

impl Case {
    const fn admitted(name: &'static str, status: u16) -> Self {
        Self { name, status, code: 0, error: "", reason: "", threat: "" }
    }

    const fn unauthorised(
        name: &'static str,
        error: &'static str,
        reason: &'static str,
        threat: &'static str,
    ) -> Self {
        Self { name, status: 401, code: 4401, error, reason, threat }
    }

    const fn invalid(name: &'static str, reason: &'static str, threat: &'static str) -> Self {
        Self::unauthorised(name, "credential_invalid", reason, threat)
    }

    const fn refused_grant(name: &'static str, reason: &'static str, threat: &'static str) -> Self {
        Self::unauthorised(name, "grant_refused", reason, threat)
    }

    const fn unavailable(name: &'static str, reason: &'static str) -> Self {
        Self { name, status: 503, code: 1013, error: "unavailable", reason, threat: "DW-FAIL-OPEN" }
    }

    const fn revoked(name: &'static str) -> Self {
        let (error, threat) = ("session_revoked", "DW-REVOKED-SESSION");
        Self { name, status: 401, code: 4403, error, reason: error, threat }
    }

    const fn limited(name: &'static str) -> Self {
        let (error, reason, threat) = ("rate_limited", "guesses_limited", "DW-GRANT-GUESSING");
        Self { name, status: 429, code: 4429, error, reason, threat }
    }

    const DRAINING: Self = Self {
        name: "a server that drains",
        status: 503,
        code: 1001,
        error: "draining",
        reason: "unavailable: draining",
        threat: "DW-FAIL-OPEN",
    };

    fn check(&self, outcome: &Outcome) {
        let Self { name, error, .. } = self;
        assert_eq!(outcome.error, *error, "{name}: {outcome:?}");
        assert_eq!(outcome.record["reason"].as_str().unwrap_or_default(), self.reason, "{name}");
        assert_eq!(outcome.record["threat"].as_str().unwrap_or_default(), self.threat, "{name}");
    }
}

/// What a request or a hello has come to, as far as it is the same for every transport.
#[derive(Debug, PartialEq)]
struct Outcome {
    error: String,
    retry_after: Option<u64>,
    record: Value,
}

/// Both doors to one gate.
struct Doors {
    door: Door,
    wicket: Wicket,
}

impl Doors {
    async fn open() -> Self {
        Self::with(Settings::default(), Capacity::default()).await
    }

    async fn with(settings: Settings, capacity: Capacity) -> Self {
        let store = Arc::new(MemoryStore::new(capacity, [1; 8]));
        let door = Door::on(store, settings, None, HttpLimits::default()).await;
        let wicket = Wicket::of(&door);
        Self { door, wicket }
    }

    async fn wait(&self, by: Duration) {
        self.door.clock.turn(by);
        self.door.gate.refresh().await.unwrap();
    }

    /// The record of the decision since there were so many, without what differs by nature. An
    /// answer that is given again has none.
    async fn decided(&self, before: usize) -> Value {
        let mut records = self.door.audit().await.split_off(before);
        records.retain(|record| record["transport"].is_string());
        assert!(records.len() <= 1, "{records:?}");
        let Some(Value::Object(mut record)) = records.pop() else { return Value::Null };
        for differs in ["time", "trace_id", "transport"] {
            record.remove(differs).unwrap();
        }
        record.into()
    }

    async fn over_http(&self, case: &Case, asked: impl Future<Output = Answer>) -> Outcome {
        let before = self.door.audit().await.len();
        let answer = asked.await;
        assert_eq!(answer.status, case.status, "{}: {answer:?}", case.name);
        let retry_after = answer.header("retry-after").map(|text| text.parse().unwrap());
        let record = self.decided(before).await;
        Outcome { error: answer.code(), retry_after, record }
    }

    async fn over_quic(&self, case: &Case, words: &Words) -> Outcome {
        let before = self.door.audit().await.len();
        let greeted = self.wicket.greet(words).await;
        let record = self.decided(before).await;
        match greeted {
            Greeted::Welcome(..) => {
                assert_eq!(case.code, 0, "{}: admitted", case.name);
                Outcome { error: String::new(), retry_after: None, record }
            }
            Greeted::Closed(closed) => {
                assert_eq!(closed.code, case.code, "{}: {closed:?}", case.name);
                let retry_after = closed.reason["retry_after"].as_u64();
                Outcome { error: closed.error().to_owned(), retry_after, record }
            }
        }
    }

    /// Presents a credential of its own over each transport.
    async fn same(&self, case: Case, websocket: Credential, quic: Credential) {
        let headers = websocket.headers(&self.door);
        let websocket = self.over_http(&case, self.door.upgrade(&headers)).await;
        let quic = self.over_quic(&case, &quic.words()).await;
        case.check(&quic);
        assert!(quic.record.is_object(), "{}: no record", case.name);
        assert_eq!(websocket, quic, "{}", case.name);
    }

    /// Presents one that is not consumed.
    async fn same_for(&self, case: Case, credential: &Credential) {
        self.same(case, credential.clone(), credential.clone()).await;
    }

    /// Brings a grant of its own to each. What is random in their records is not compared.
    async fn same_grants(&self, case: Case, http: &str, quic: &str) {
        let mut http = self.over_http(&case, self.door.redeem("token", http, NONCE, "")).await;
        let mut quic = self.over_quic(&case, &Words::one(TOKEN, GRANT, quic)).await;
        for outcome in [&mut http, &mut quic] {
            for random in ["session", "grant"] {
                if outcome.record.get(random).is_some() {
                    outcome.record[random] = random.into();
                }
            }
        }
        case.check(&quic);
        assert_eq!(http, quic, "{}", case.name);
    }

    async fn grant(&self) -> String {
        self.door.grant(Method::Link, Capabilities::START_UP).await
    }

    /// A ticket that no page asked for, of this session.
    async fn ticket(&self, token: &str) -> Credential {
        self.ticket_for(token, "").await
    }

    async fn ticket_for(&self, token: &str, origin: &str) -> Credential {
        let headers = format!("{origin}Authorization: Bearer {token}\r\n");
        let answer = self.door.post("/.doorward/api/ticket", &headers, "").await;
        Credential::Ticket(answer.json()["ticket"].as_str().unwrap().to_owned())
    }

    async fn sign_out(&self, token: &str) {
        let bearer = format!("Authorization: Bearer {token}\r\n");
        assert_eq!(self.door.post("/.doorward/api/logout", &bearer, "").await.status, 204);
    }
}

/// What is presented, whatever carries it.
#[derive(Clone)]
enum Credential {
    Nothing,
    /// A session token as programs send it.
    Session(String),
    /// One that over WebSocket comes as the cookie of this server's page.
    Cookie(String),
    Ticket(String),
    Local,
    /// This session token twice, in two ways where there are two.
    Twice(String),
}

impl Credential {
    fn headers(&self, door: &Door) -> String {
        let cookie = |token: &str| {
            format!("Origin: {}\r\nCookie: doorward_{}={token}\r\n", door.origin(), door.port())
        };
        match self {
            Self::Nothing => String::new(),
            Self::Session(token) => format!("Authorization: Bearer {token}\r\n"),
            Self::Cookie(token) => cookie(token),
            Self::Ticket(ticket) => {
                format!("Sec-WebSocket-Protocol: doorward, doorward.ticket.{ticket}\r\n")
            }
            Self::Local => format!("Authorization: Doorward-Session {}\r\n", "0".repeat(64)),
            Self::Twice(token) => format!("{}Authorization: Bearer {token}\r\n", cookie(token)),
        }
    }

    fn words(&self) -> Words {
        match self {
            Self::Nothing => Words::nothing(),
            Self::Session(token) | Self::Cookie(token) => Words::one(OPEN, SESSION, token),
            Self::Ticket(ticket) => Words::one(OPEN, TICKET, ticket),
            Self::Local => Words::one(OPEN, LOCAL, "0".repeat(64)),
            Self::Twice(token) => {
                let one = (SESSION, token.clone().into_bytes());
                Words { credentials: vec![one; 2], ..Words::nothing() }
            }
        }
    }
}

/// The same token with one character of it replaced.
fn altered(token: &str, at: usize) -> Credential {
    let replacement = if &token[at..=at] == "A" { "B" } else { "A" };
    Credential::Session([&token[..at], replacement, &token[at + 1..]].concat())
}

#[tokio::test]
async fn session_tokens() {
    let both = Doors::open().await;
    let token = both.door.token().await;
    let session = Credential::Session(token.clone());
    both.same_for(Case::admitted("valid", 101), &session).await;
    both.same_for(Case::admitted("valid, in a cookie", 101), &Credential::Cookie(token.clone()))
        .await;
    let missing = Case::unauthorised(
        "missing",
        "credential_missing",
        "credential_missing",
        "DW-AMBIENT-AUTHORITY",
    );
    both.same_for(missing, &Credential::Nothing).await;
    let ambiguous = Case::unauthorised(
        "ambiguous",
        "credential_ambiguous",
        "credential_ambiguous",
        "DW-CREDENTIAL-AMBIGUITY",
    );
    both.same_for(ambiguous, &Credential::Twice(token.clone())).await;
    let unknown = Case::invalid(
        "a local token",
        "credential_invalid: local token unknown",
        "DW-LOCAL-IMPERSONATION",
    );
    both.same_for(unknown, &Credential::Local).await;

    let forged = |name, reason| Case::invalid(name, reason, "DW-TOKEN-FORGERY");
    let case = forged("malformed", "credential_invalid: malformed");
    both.same_for(case, &Credential::Cookie("x.y".to_owned())).await;
    // Its second byte is the key's id: in base64url, the second to fourth character.
    let case = forged("under an unknown key", "credential_invalid: unknown key");
    both.same_for(case, &altered(&token, 2)).await;
    let dot = token.find('.').unwrap();
    for at in [8, dot + 1] {
        let case = forged("with another record or tag", "credential_invalid: bad tag");
        both.same_for(case, &altered(&token, at)).await;
    }

    both.wait(7 * DAY).await;
    let (error, threat) = ("session_expired", "DW-STALE-SESSION");
    both.same_for(Case::unauthorised("expired", error, error, threat), &session).await;
    let token = both.door.token().await;
    both.sign_out(&token).await;
    both.same_for(Case::revoked("revoked"), &Credential::Session(token)).await;

    let token = both.door.token().await;
    both.door.clock.turn_back(DAY);
    let case = forged("of the future", "credential_invalid: not yet valid");
    both.same_for(case, &Credential::Session(token)).await;
}

#[tokio::test]
async fn tickets() {
    let both = Doors::open().await;
    let token = both.door.token().await;
    let (one, two) = (both.ticket(&token).await, both.ticket(&token).await);
    both.same(Case::admitted("valid", 101), one.clone(), two.clone()).await;
    let replayed = |name, reason| Case::invalid(name, reason, "DW-TICKET-REPLAY");
    let case = replayed("spent", "credential_invalid: ticket unknown or used");
    both.same(case, one.clone(), two.clone()).await;
    let case =
        replayed("spent, over the other transport", "credential_invalid: ticket unknown or used");
    both.same(case, two, one).await;
    let case = replayed("unknown", "credential_invalid: ticket unknown or used");
    both.same_for(case, &Credential::Ticket("A".repeat(43))).await;
    let case = Case::invalid("malformed", "credential_invalid: malformed", "DW-TOKEN-FORGERY");
    both.same_for(case, &Credential::Ticket("A".repeat(42))).await;

    let origin = format!("Origin: {}\r\n", both.door.origin());
    let asked_by_a_page = both.ticket_for(&token, &origin).await;
    let case = replayed("of a page", "credential_invalid: ticket of another origin");
    both.same_for(case, &asked_by_a_page).await;

    let (one, two) = (both.ticket(&token).await, both.ticket(&token).await);
    both.sign_out(&token).await;
    both.same(Case::revoked("of a revoked session"), one, two).await;

    let token = both.door.token().await;
    let ticket = both.ticket(&token).await;
    both.wait(Duration::from_secs(30)).await;
    let case = replayed("expired", "credential_invalid: ticket expired");
    both.same_for(case, &ticket).await;
}

#[tokio::test]
async fn a_session_that_may_not() {
    let both = Doors::open().await;
    let grant = both.door.grant(Method::Link, Capabilities::OBSERVE).await;
    let answer = both.door.redeem("token", &grant, NONCE, "").await;
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    let lacking = |name| Case {
        name,
        status: 403,
        code: 4403,
        error: "insufficient_capability",
        reason: "capability_lacking: operate",
        threat: "DW-CAPABILITY-ESCALATION",
    };
    let ticket = both.ticket(&token).await;
    both.same_for(lacking("a session"), &Credential::Session(token)).await;
    both.same_for(lacking("its ticket"), &ticket).await;
}

#[tokio::test]
async fn guesses() {
    let guesses = Guesses { others: 2, codes: 1, ..Guesses::default() };
    let settings = Settings { guesses, ..Settings::default() };
    let both = Doors::with(settings, Capacity::default()).await;
    let guess = || Credential::Ticket("A".repeat(43));
    let unknown = "credential_invalid: ticket unknown or used";
    // Two are free, and it does not matter what they come through.
    both.same_for(Case::invalid("a guess", unknown, "DW-TICKET-REPLAY"), &guess()).await;
    both.same_for(Case::limited("a ticket too many"), &guess()).await;
    both.same_for(Case::limited("a local token too many"), &Credential::Local).await;
    both.same_grants(Case::limited("a link too many"), &"A".repeat(43), &"A".repeat(43)).await;
    both.door.redeem("token", "AAAA-AAAA-AAAA", NONCE, "").await;
    let (one, two) = ("AAAA-AAAA-AAAA", "AAAA-AAAA-AAAA");
    both.same_grants(Case::limited("a code too many"), one, two).await;
}

#[tokio::test]
async fn grants() {
    let both = Doors::open().await;
    let (one, two) = (both.grant().await, both.grant().await);
    both.same_grants(Case::admitted("valid", 200), &one, &two).await;
    both.same_grants(Case::admitted("again, with the same nonce", 200), &one, &two).await;
    let replayed = |name| Case::refused_grant(name, "grant_refused: spent", "DW-GRANT-REPLAY");
    both.same_grants(replayed("with the nonce, over the other"), &two, &one).await;
    both.wait(Duration::from_secs(60)).await;
    both.same_grants(replayed("spent"), &one, &two).await;
    let unknown = "A".repeat(43);
    let case = Case::refused_grant("unknown", "grant_refused: unknown", "DW-GRANT-GUESSING");
    both.same_grants(case, &unknown, &unknown).await;

    let (one, two) = (both.grant().await, both.grant().await);
    both.wait(Duration::from_secs(600)).await;
    let case = Case::refused_grant("expired", "grant_refused: expired", "DW-STALE-GRANT");
    both.same_grants(case, &one, &two).await;

    let (one, two) = (both.grant().await, both.grant().await);
    let now = both.door.clock.now().unwrap();
    for grant in both.door.store.grants().await.unwrap() {
        let audit = AuditRecord::new(Event::GrantRevoked, now);
        both.door.store.revoke_grant(grant.id, now, audit).await.unwrap();
    }
    let case = Case::refused_grant("revoked", "grant_refused: revoked", "DW-STALE-GRANT");
    both.same_grants(case, &one, &two).await;
}

/// The answer is asked for again, and the session that it would bring was ended.
#[tokio::test]
async fn grants_of_sessions_that_were_ended() {
    let both = Doors::open().await;
    let (one, two) = (both.grant().await, both.grant().await);
    let answer = both.door.redeem("token", &one, NONCE, "").await;
    both.sign_out(answer.json()["access_token"].as_str().unwrap()).await;
    let (_connection, accept) = both.wicket.greet(&Words::one(TOKEN, GRANT, &two)).await.welcome();
    both.sign_out(str::from_utf8(&accept.token.unwrap()).unwrap()).await;
    let case = Case::refused_grant("ended", "grant_refused: revoked", "DW-STALE-GRANT");
    both.same_grants(case, &one, &two).await;
}

//= req: FAIL-1, FAIL-2, type=test
#[tokio::test]
async fn what_fails_says_no() {
    let both = Doors::open().await;
    let token = both.door.token().await;
    let session = Credential::Session(token.clone());
    let ticket = both.ticket(&token).await;
    let grant = both.grant().await;

    both.door.clock.turn(Duration::from_millis(5001));
    let stale = |name| Case::unavailable(name, "unavailable: revocations too old");
    both.same_for(stale("a session, on old news"), &session).await;
    both.same_for(stale("a ticket, on old news"), &ticket).await;
    both.same_grants(stale("a grant, on old news"), &grant, &grant).await;
    both.door.gate.refresh().await.unwrap();

    both.door.clock.set_broken(true);
    let clock = |name| Case::unavailable(name, "unavailable: clock");
    both.same_for(clock("a session, at no time"), &session).await;
    both.same_grants(clock("a grant, at no time"), &grant, &grant).await;
    both.door.clock.set_broken(false);

    both.door.entropy.set_broken(true);
    let case = Case::unavailable("a grant, without entropy", "unavailable: generator");
    both.same_grants(case, &grant, &grant).await;
    both.door.entropy.set_broken(false);

    // Nothing of it was spent.
    both.wicket.greet(&ticket.words()).await.welcome();
    both.wicket.greet(&Words::one(TOKEN, GRANT, &grant)).await.welcome();

    both.door.gate.drain();
    both.same_for(Case::DRAINING, &session).await;
    both.same_grants(Case::DRAINING, &grant, &grant).await;
}

#[tokio::test]
async fn a_full_store_says_no() {
    let capacity = Capacity { sessions: 0, ..Capacity::default() };
    let both = Doors::with(Settings::default(), capacity).await;
    let grant = both.grant().await;
    let case = Case::unavailable("a grant", "unavailable: a table is full");
    both.same_grants(case, &grant, &grant).await;
    assert_eq!(both.door.store.grants().await.unwrap()[0].uses_left, 1);
}

/// Of two that come at once, over one transport or over both, one is let in.
#[tokio::test]
async fn a_ticket_that_is_raced_opens_once() {
    let both = Doors::open().await;
    let token = both.door.token().await;
    for (first_over_quic, second_over_quic) in [(false, false), (true, true), (false, true)] {
        let ticket = both.ticket(&token).await;
        let attempt = |over_quic| {
            let (both, ticket) = (&both, &ticket);
            async move {
                if over_quic {
                    matches!(both.wicket.greet(&ticket.words()).await, Greeted::Welcome(..))
                } else {
                    both.door.upgrade(&ticket.headers(&both.door)).await.status == 101
                }
            }
        };
        let (first, second) = tokio::join!(attempt(first_over_quic), attempt(second_over_quic));
        assert!(first != second, "{first_over_quic} {second_over_quic}");
        assert_eq!(both.door.last_denial().await["threat"], "DW-TICKET-REPLAY");
    }
}

#[tokio::test]
async fn a_grant_that_is_raced_is_redeemed_once() {
    let both = Doors::open().await;
    for (first_over_quic, second_over_quic) in [(false, false), (true, true), (false, true)] {
        let grant = both.grant().await;
        let attempt = |over_quic, nonce: &'static str| {
            let (both, grant) = (&both, &grant);
            async move {
                if over_quic {
                    let nonce = nonce.as_bytes().to_vec();
                    let words = Words { nonce, ..Words::one(OPEN, GRANT, grant) };
                    matches!(both.wicket.greet(&words).await, Greeted::Welcome(..))
                } else {
                    both.door.redeem("token", grant, nonce, "").await.status == 200
                }
            }
        };
        let (first, second) =
            tokio::join!(attempt(first_over_quic, NONCE), attempt(second_over_quic, OTHER_NONCE));
        assert!(first != second, "{first_over_quic} {second_over_quic}");
        assert_eq!(both.door.last_denial().await["threat"], "DW-GRANT-REPLAY");
    }
}
