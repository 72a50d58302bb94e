//! What a hello comes to: a gate with its store, asked as the QUIC adapter asks.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test that can't go on must stop"
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use common::fast_place;
use doorward_gate::admin::issue_grant;
use doorward_gate::audit::{AuditRecord, Event};
use doorward_gate::store::sqlite::SqliteSettings;
use doorward_gate::store::{MemoryStore, SqliteStore, Store};
use doorward_gate::{
    Clock, ClockError, Entropy, EntropyError, Gate, Parts, Refusal, SystemEntropy, SystemProcesses,
    Verdict, Welcome, Welcomed,
};
use doorward_policy::admission::Greeting;
use doorward_policy::denial::{Denial, GrantFault, HelloFault, Invalid, Outage};
use doorward_policy::grant::GrantRequest;
use doorward_policy::hello::{ALPN, AcceptedSession, Hello, Kind, Offered, PREFIX, Purpose};
use doorward_policy::id::Issuer;
use doorward_policy::keys::MasterKeys;
use doorward_policy::ledger::{Capacity, Selector};
use doorward_policy::request::{Field, Head};
use doorward_policy::route::Target;
use doorward_policy::settings::Guarding;
use doorward_policy::ticket::{TicketRecord, TicketSecret};
use doorward_policy::token::{self, Claims, Method};
use doorward_policy::workspace::WorkspaceName;
use doorward_policy::{Capabilities, Settings, Timestamp};
use serde_json::Value;

const DAY: Duration = Duration::from_secs(24 * 3600);
const WEEK: u32 = 7 * 24 * 3600;
const ISSUER: [u8; 16] = [7; 16];

#[derive(Debug, Default)]
struct TestClock {
    millis: AtomicU64,
    broken: AtomicBool,
}

impl Clock for TestClock {
    fn now(&self) -> Result<Timestamp, ClockError> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(ClockError);
        }
        Ok(Timestamp::from_millis(self.millis.load(Ordering::SeqCst)))
    }
}

#[derive(Debug, Default)]
struct TestEntropy {
    broken: AtomicBool,
}

impl Entropy for TestEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(EntropyError);
        }
        SystemEntropy.fill(bytes)
    }
}

/// A hello, as a client means it.
#[derive(Clone)]
struct Words {
    purpose: Purpose,
    offered: Option<(Kind, Vec<u8>)>,
    nonce: Vec<u8>,
    workspace: Option<&'static str>,
    capabilities: Capabilities,
}

fn words(purpose: Purpose) -> Words {
    let (offered, nonce, workspace, capabilities) = (None, Vec::new(), None, Capabilities::NONE);
    Words { purpose, offered, nonce, workspace, capabilities }
}

fn session(purpose: Purpose, token: &str) -> Words {
    Words { offered: Some((Kind::Session, token.into())), ..words(purpose) }
}

fn ticket(purpose: Purpose, ticket: &str) -> Words {
    Words { offered: Some((Kind::Ticket, ticket.into())), ..words(purpose) }
}

fn grant(purpose: Purpose, grant: &str, nonce: u8) -> Words {
    let nonce = vec![nonce; 16];
    Words { offered: Some((Kind::Grant, grant.into())), nonce, ..words(purpose) }
}

impl Words {
    fn body(&self) -> Vec<u8> {
        let offered = self.offered.as_ref();
        let hello = Hello {
            purpose: self.purpose,
            offered: offered.map_or(Offered::Nothing, |(kind, text)| Offered::One(*kind, text)),
            nonce: &self.nonce,
            workspace: self.workspace.and_then(WorkspaceName::new),
            capabilities: self.capabilities,
        };
        hello.frame().expect("it fits")[PREFIX..].to_vec()
    }
}

struct Door {
    gate: Arc<Gate>,
    store: Arc<dyn Store>,
    clock: Arc<TestClock>,
    entropy: Arc<TestEntropy>,
    keys: MasterKeys,
}

fn keys() -> MasterKeys {
    MasterKeys::generate(ISSUER, [8; 32], [9; 32], Timestamp::from_secs(1))
}

impl Door {
    async fn open() -> Self {
        Self::with(Settings::default()).await
    }

    async fn with(settings: Settings) -> Self {
        let store = MemoryStore::new(Capacity::default(), [3; 8]);
        Self::on(Arc::new(store), settings).await
    }

    async fn on(store: Arc<dyn Store>, settings: Settings) -> Self {
        let clock = Arc::new(TestClock::default());
        clock.millis.store(1_900_000_000_000, Ordering::SeqCst);
        let entropy = Arc::new(TestEntropy::default());
        let parts = Parts {
            settings,
            keys: keys(),
            store: Arc::clone(&store),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            entropy: Arc::clone(&entropy) as Arc<dyn Entropy>,
            processes: Arc::new(SystemProcesses),
        };
        let gate = Gate::open(parts).await.unwrap();
        Self { gate, store, clock, entropy, keys: keys() }
    }

    fn now(&self) -> Timestamp {
        self.clock.now().unwrap()
    }

    /// Time goes on, and revocations are known up to then.
    async fn advance(&self, by: Duration) {
        self.clock.millis.fetch_add(by.as_millis() as u64, Ordering::SeqCst);
        self.gate.refresh().await.unwrap();
    }

    async fn greet(&self, words: &Words) -> Result<Welcome, Refusal> {
        self.greet_with(&words.body()).await
    }

    async fn greet_with(&self, body: &[u8]) -> Result<Welcome, Refusal> {
        let peer = [192, 0, 2, 7].into();
        let greeting = Greeting { body, server_name: Some("localhost"), protocol: ALPN, peer };
        self.gate.greet(&greeting).await
    }

    async fn welcome(&self, words: &Words) -> Welcome {
        self.greet(words).await.expect("it is good")
    }

    async fn admits(&self, words: &Words) -> bool {
        self.greet(words).await.is_ok()
    }

    async fn denial(&self, words: &Words) -> Denial {
        self.greet(words).await.expect_err("it is not good").denied.denial
    }

    /// A grant of a use, its label and what it may do.
    async fn grant(&self, method: Method) -> String {
        let request = GrantRequest {
            label: common::subject("laptop"),
            capabilities: Capabilities::START_UP,
            method,
            uses: 1,
            life: Duration::from_secs(600),
        };
        let digester = self.keys.digester();
        let (store, clock, entropy) = (&*self.store, &*self.clock, &*self.entropy);
        let all = Capabilities::ALL;
        let (secret, _) =
            issue_grant(store, &digester, clock, entropy, &request, all).await.unwrap();
        secret.expose().to_string()
    }

    /// A session, paid for with a grant, and its token.
    async fn session(&self) -> (AcceptedSession, String) {
        let link = self.grant(Method::Link).await;
        let welcome = self.welcome(&grant(Purpose::Token, &link, 1)).await;
        (welcome.accept.session.unwrap(), token_of(&welcome).unwrap())
    }

    /// A ticket of a session that is there, for a program.
    async fn ticket(&self, of: &AcceptedSession) -> String {
        let secret = TicketSecret::new(doorward_gate::random(&SystemEntropy).unwrap());
        let record = TicketRecord::issue(&self.claims(of), None, self.now());
        let audit = AuditRecord::new(Event::TicketMade, self.now());
        let digest = secret.digest(&self.keys.digester());
        self.store.insert_ticket(digest, record, audit).await.unwrap();
        secret.expose().to_string()
    }

    fn claims(&self, of: &AcceptedSession) -> Claims {
        Claims {
            session: of.id,
            subject: of.subject,
            capabilities: of.capabilities,
            method: Method::Link,
            issued_at: self.now(),
            expires_at: self.now().plus(7 * DAY),
            absolute_end: self.now().plus(30 * DAY),
        }
    }

    fn token(&self, claims: &Claims) -> String {
        let ring = self.keys.ring(doorward_policy::keys::Purpose::Session);
        token::issue(claims, &ring, self.now()).unwrap().expose().to_owned()
    }

    /// The audit log, without what went before.
    async fn audit(&self) -> Vec<Value> {
        self.gate.flush().await.unwrap();
        let lines = self.store.audit_lines(0, 1000).await.unwrap();
        let last = lines.last().map_or(0, |line| line.number);
        self.store.trim_audit(last).await.unwrap();
        lines.iter().map(|line| serde_json::from_str(&line.json).unwrap()).collect()
    }

    async fn uses_left(&self) -> u32 {
        self.store.grants().await.unwrap().iter().map(|grant| grant.uses_left).sum()
    }
}

fn token_of(welcome: &Welcome) -> Option<String> {
    let token = welcome.accept.token.as_ref()?;
    Some(String::from_utf8(token.to_vec()).expect("a token is text"))
}

fn is_open(welcome: &Welcome) -> bool {
    matches!(&welcome.outcome, Welcomed::Open(admission) if admission.admitted.target() == Target::Guarded)
}

fn text<'l>(line: &'l Value, key: &str) -> &'l str {
    line[key].as_str().unwrap_or_default()
}

/// What happened, over which transport.
fn events(lines: &[Value]) -> Vec<(&str, &str)> {
    lines.iter().map(|line| (text(line, "event"), text(line, "transport"))).collect()
}

#[tokio::test]
async fn a_session_opens_and_gets_no_token() {
    let door = Door::open().await;
    let (of, token) = door.session().await;
    door.audit().await;
    door.advance(Duration::from_secs(100)).await;
    let welcome = door.welcome(&session(Purpose::Open, &token)).await;
    assert!(is_open(&welcome));
    assert_eq!(welcome.accept.session, Some(AcceptedSession { expires_in: WEEK - 100, ..of }));
    assert_eq!(token_of(&welcome), None);
    let Welcomed::Open(admission) = &welcome.outcome else { panic!("it is open") };
    let lines = door.audit().await;
    assert_eq!(events(&lines), [("admitted", "quic")]);
    assert_eq!(lines[0]["session"], of.id.to_string());
    assert_eq!(lines[0]["trace_id"], admission.trace.to_string());
    assert_eq!(lines[0]["peer"], "192.0.2.7");
    assert!(door.gate.register(admission).is_ok());
}

#[tokio::test]
async fn a_session_that_opens_is_not_renewed() {
    let door = Door::open().await;
    let (_, token) = door.session().await;
    door.advance(4 * DAY).await;
    let welcome = door.welcome(&session(Purpose::Open, &token)).await;
    assert_eq!(token_of(&welcome), None);
    assert_eq!(welcome.accept.session.unwrap().expires_in, WEEK - 4 * 24 * 3600);
}

#[tokio::test]
async fn a_session_is_renewed_in_the_second_half_of_its_life_only() {
    let door = Door::open().await;
    let (of, token) = door.session().await;
    let half = Duration::from_secs(u64::from(WEEK) / 2);
    door.advance(half - Duration::from_secs(1)).await;
    let early = door.welcome(&session(Purpose::Token, &token)).await;
    assert!(matches!(early.outcome, Welcomed::Answered));
    assert_eq!(token_of(&early), None);
    assert_eq!(early.accept.session.unwrap().expires_in, WEEK / 2 + 1);
    door.audit().await;
    door.advance(Duration::from_secs(1)).await;
    let renewed = door.welcome(&session(Purpose::Token, &token)).await;
    assert!(matches!(renewed.outcome, Welcomed::Answered));
    assert_eq!(renewed.accept.session, Some(AcceptedSession { expires_in: WEEK, ..of }));
    assert_eq!(events(&door.audit().await), [("admitted", "quic")]);
    let row = door.store.sessions().await.unwrap()[0];
    assert_eq!((row.id, row.expires_at), (of.id, door.now().plus(7 * DAY)));
    // The new one lives on where the old one ends.
    door.advance(half).await;
    assert_eq!(door.denial(&session(Purpose::Open, &token)).await, Denial::SessionExpired);
    let again = door.welcome(&session(Purpose::Open, &token_of(&renewed).unwrap())).await;
    assert_eq!(again.accept.session.unwrap().id, of.id);
}

#[tokio::test]
async fn a_grant_opens_and_buys_a_token() {
    let door = Door::open().await;
    let link = door.grant(Method::Link).await;
    door.audit().await;
    let welcome = door.welcome(&grant(Purpose::Open, &link, 1)).await;
    assert!(is_open(&welcome));
    let of = welcome.accept.session.unwrap();
    assert_eq!((of.expires_in, of.capabilities), (WEEK, Capabilities::START_UP));
    assert_eq!(of.subject.as_str(), "laptop");
    let lines = door.audit().await;
    assert_eq!(events(&lines), [("grant_redeemed", "quic"), ("admitted", "quic")]);
    assert!(lines.iter().all(|line| line["session"] == of.id.to_string()));
    let Welcomed::Open(admission) = &welcome.outcome else { panic!("it is open") };
    assert!(door.gate.register(admission).is_ok());
    assert_eq!(door.store.sessions().await.unwrap()[0].opened_from, Some([192, 0, 2, 7].into()));
    let token = token_of(&welcome).unwrap();
    assert!(is_open(&door.welcome(&session(Purpose::Open, &token)).await));
}

#[tokio::test]
async fn a_grant_buys_a_token_alone() {
    let door = Door::open().await;
    let code = door.grant(Method::Code).await;
    door.audit().await;
    let welcome = door.welcome(&grant(Purpose::Token, &code, 1)).await;
    assert!(matches!(welcome.outcome, Welcomed::Answered));
    assert_eq!(welcome.accept.session.unwrap().expires_in, WEEK);
    assert_eq!(events(&door.audit().await), [("grant_redeemed", "quic")]);
    let token = token_of(&welcome).unwrap();
    assert!(is_open(&door.welcome(&session(Purpose::Open, &token)).await));
}

#[tokio::test]
async fn a_ticket_opens_once_and_buys_nothing() {
    let door = Door::open().await;
    let (of, _) = door.session().await;
    for purpose in [Purpose::Open, Purpose::Token] {
        let shown = ticket(purpose, &door.ticket(&of).await);
        door.audit().await;
        let welcome = door.welcome(&shown).await;
        assert_eq!(is_open(&welcome), purpose == Purpose::Open);
        assert_eq!(welcome.accept.session, Some(of));
        assert_eq!(token_of(&welcome), None);
        assert_eq!(events(&door.audit().await), [("admitted", "quic")]);
        let used = Denial::CredentialInvalid(Invalid::TicketUnknown);
        assert_eq!(door.denial(&shown).await, used);
    }
}

#[tokio::test]
async fn the_same_nonce_gets_the_same_session_and_another_gets_nothing() {
    let door = Door::open().await;
    let link = door.grant(Method::Link).await;
    let first = door.welcome(&grant(Purpose::Token, &link, 1)).await;
    let spent = Denial::GrantRefused(GrantFault::Spent);
    assert_eq!(door.denial(&grant(Purpose::Token, &link, 2)).await, spent);
    door.advance(Duration::from_secs(59)).await;
    for purpose in [Purpose::Open, Purpose::Token] {
        let again = door.welcome(&grant(purpose, &link, 1)).await;
        assert_eq!(again.accept.session.unwrap().id, first.accept.session.unwrap().id);
        assert!(token_of(&again).is_some());
    }
    assert_eq!(door.store.sessions().await.unwrap().len(), 1);
    door.advance(Duration::from_secs(1)).await;
    assert_eq!(door.denial(&grant(Purpose::Token, &link, 1)).await, spent);
}

#[tokio::test]
async fn a_nonce_counts_to_its_last_byte() {
    let door = Door::open().await;
    let link = door.grant(Method::Link).await;
    let with = |nonce: Vec<u8>| Words { nonce, ..grant(Purpose::Token, &link, 0) };
    assert!(door.admits(&with(vec![5; 32])).await);
    let spent = Denial::GrantRefused(GrantFault::Spent);
    let mut other = vec![5; 32];
    other[31] = 6;
    for nonce in [vec![5; 16], vec![5; 31], other] {
        assert_eq!(door.denial(&with(nonce)).await, spent);
    }
    assert!(door.admits(&with(vec![5; 32])).await);
}

//= req: HELLO-3, type=test
#[tokio::test]
async fn a_grant_in_no_form_or_without_a_nonce_is_malformed_and_no_guess() {
    let door = Door::open().await;
    let link = door.grant(Method::Link).await;
    let without = Words { nonce: Vec::new(), ..grant(Purpose::Open, &link, 1) };
    assert_eq!(door.denial(&without).await, HelloFault::Nonce.into());
    for text in [&b""[..], b"short", b"\xff\xfe", &[b'A'; 44], b"0000-0000-0000"] {
        let offered = Some((Kind::Grant, text.to_vec()));
        let words = Words { offered, ..grant(Purpose::Token, &link, 1) };
        for _ in 0..30 {
            assert_eq!(door.denial(&words).await, HelloFault::Credential.into());
        }
    }
    assert_eq!(door.uses_left().await, 1);
    assert!(door.admits(&grant(Purpose::Open, &link, 1)).await);
}

#[tokio::test]
async fn typed_codes_have_their_limit_here_too() {
    let door = Door::open().await;
    let code = door.grant(Method::Code).await;
    for nonce in 0..10 {
        let wrong = grant(Purpose::Token, "2222-2222-2222", nonce);
        assert_eq!(door.denial(&wrong).await, Denial::GrantRefused(GrantFault::Unknown));
    }
    let refusal = door.greet(&grant(Purpose::Token, &code, 1)).await.unwrap_err();
    assert!(matches!(refusal.denied.denial, Denial::GuessesLimited { .. }));
    assert_eq!(refusal.problem().retry_after, Some(60));
    assert_eq!(door.uses_left().await, 1);
    door.advance(Duration::from_secs(60)).await;
    assert!(door.admits(&grant(Purpose::Token, &code, 1)).await);
}

#[tokio::test]
async fn what_is_refused_before_it_is_redeemed_spends_nothing() {
    let door = Door::open().await;
    let link = door.grant(Method::Link).await;
    let good = grant(Purpose::Open, &link, 1);
    let named = Words { workspace: Some("attic"), ..good.clone() };
    assert_eq!(door.denial(&named).await, Denial::WorkspaceUnknown);
    let greedy = Words { capabilities: Capabilities::SPAWN, ..good.clone() };
    assert_eq!(door.denial(&greedy).await, Denial::CapabilityLacking(Capabilities::SPAWN));
    assert_eq!(door.uses_left().await, 1);
    assert!(door.store.sessions().await.unwrap().is_empty());
    assert!(door.admits(&good).await);
}

#[tokio::test]
async fn a_revoked_session_is_neither_opened_nor_renewed_nor_repeated() {
    let door = Door::open().await;
    let link = door.grant(Method::Link).await;
    let welcome = door.welcome(&grant(Purpose::Token, &link, 1)).await;
    let (of, token) = (welcome.accept.session.unwrap(), token_of(&welcome).unwrap());
    let shown = door.ticket(&of).await;
    let audit = AuditRecord::new(Event::SessionRevoked, door.now());
    door.store.revoke_sessions(Selector::All, door.now(), audit).await.unwrap();
    door.gate.refresh().await.unwrap();
    for purpose in [Purpose::Open, Purpose::Token] {
        assert_eq!(door.denial(&session(purpose, &token)).await, Denial::SessionRevoked);
        assert_eq!(door.denial(&ticket(purpose, &shown)).await, Denial::SessionRevoked);
        let again = door.denial(&grant(purpose, &link, 1)).await;
        assert_eq!(again, Denial::GrantRefused(GrantFault::Revoked));
    }
}

//= req: FAIL-1, type=test
#[tokio::test]
async fn a_store_that_fails_admits_nobody_new_and_renews_nothing() {
    let (_dir, path) = fast_place();
    let issuer = Issuer::new(ISSUER);
    let store = SqliteStore::open(&path, issuer, SqliteSettings::default()).unwrap();
    let door = Door::on(Arc::new(store), Settings::default()).await;
    let (of, token) = door.session().await;
    let link = door.grant(Method::Link).await;
    let shown = door.ticket(&of).await;
    door.advance(4 * DAY).await;
    let other = rusqlite::Connection::open(&path).unwrap();
    for table in ["grants", "sessions", "tickets"] {
        other.execute_batch(&format!("DROP TABLE {table}")).unwrap();
    }
    let outage = Denial::Unavailable(Outage::Store);
    for purpose in [Purpose::Open, Purpose::Token] {
        let refusal = door.greet(&grant(purpose, &link, 1)).await.unwrap_err();
        assert_eq!((refusal.denied.denial, refusal.retry_after), (outage, Some(1)));
        assert_eq!(door.denial(&ticket(purpose, &shown)).await, outage);
    }
    // What needs no store goes on, for as long as revocations are known.
    assert!(is_open(&door.welcome(&session(Purpose::Open, &token)).await));
    let same = door.welcome(&session(Purpose::Token, &token)).await;
    assert_eq!(token_of(&same), None);
    assert_eq!(same.accept.session.unwrap().expires_in, WEEK - 4 * 24 * 3600);
}

//= req: FAIL-1, type=test
#[tokio::test]
async fn a_full_store_is_an_outage() {
    let none = Capacity { sessions: 0, ..Capacity::default() };
    let door = Door::on(Arc::new(MemoryStore::new(none, [3; 8])), Settings::default()).await;
    let link = door.grant(Method::Link).await;
    let full = Denial::Unavailable(Outage::Full);
    assert_eq!(door.denial(&grant(Purpose::Open, &link, 1)).await, full);
    assert_eq!(door.uses_left().await, 1);
}

//= req: FAIL-2, ENTROPY-2, type=test
#[tokio::test]
async fn a_clock_or_a_generator_that_fails_admits_nobody() {
    let door = Door::open().await;
    let (_, token) = door.session().await;
    let link = door.grant(Method::Link).await;
    door.entropy.broken.store(true, Ordering::SeqCst);
    let entropy = Denial::Unavailable(Outage::Entropy);
    assert_eq!(door.denial(&grant(Purpose::Open, &link, 1)).await, entropy);
    assert_eq!(door.uses_left().await, 1);
    door.audit().await;
    door.clock.broken.store(true, Ordering::SeqCst);
    let clock = Denial::Unavailable(Outage::Clock);
    assert_eq!(door.denial(&session(Purpose::Open, &token)).await, clock);
    door.clock.broken.store(false, Ordering::SeqCst);
    let lines = door.audit().await;
    assert_eq!(events(&lines), [("denied", "quic")]);
    assert_eq!(lines[0]["peer"], "192.0.2.7");
}

#[tokio::test]
async fn stale_revocations_admit_nobody() {
    let door = Door::open().await;
    let (_, token) = door.session().await;
    door.clock.millis.fetch_add(5_001, Ordering::SeqCst);
    let stale = Denial::Unavailable(Outage::StaleRevocations);
    assert_eq!(door.denial(&session(Purpose::Open, &token)).await, stale);
    door.gate.refresh().await.unwrap();
    assert!(door.admits(&session(Purpose::Open, &token)).await);
}

#[tokio::test]
async fn an_unguarded_gate_answers_with_nobodys_session() {
    let settings = Settings { guarding: Guarding::Unguarded, ..Settings::default() };
    let door = Door::with(settings).await;
    for purpose in [Purpose::Open, Purpose::Token] {
        for shown in [words(purpose), session(purpose, "A.b")] {
            let welcome = door.welcome(&shown).await;
            assert_eq!(is_open(&welcome), purpose == Purpose::Open);
            assert_eq!((welcome.accept.session, token_of(&welcome)), (None, None));
        }
    }
    // A grant is what it always is.
    let link = door.grant(Method::Link).await;
    let welcome = door.welcome(&grant(Purpose::Token, &link, 1)).await;
    assert!(welcome.accept.session.is_some() && token_of(&welcome).is_some());
    let named = Words { workspace: Some("attic"), ..words(Purpose::Open) };
    assert_eq!(door.denial(&named).await, Denial::WorkspaceUnknown);
}

//= req: AUDIT-1, type=test
#[tokio::test]
async fn no_hello_is_refused_as_malformed_and_written_down() {
    let door = Door::open().await;
    let refusal = door.greet_with(&[1, 9]).await.unwrap_err();
    assert_eq!(refusal.denied.denial, HelloFault::Purpose.into());
    let lines = door.audit().await;
    assert_eq!(events(&lines), [("denied", "quic")]);
    assert_eq!(lines[0]["trace_id"], refusal.trace.to_string());
    let problem = refusal.problem();
    assert_eq!((problem.error.as_ref(), problem.retry_after), ("malformed", None));
    assert_eq!(problem.trace_id, refusal.trace.to_string());
}

/// The reason and the threat of the one refusal in the log.
async fn reason(door: &Door, transport: &str) -> (Value, Value) {
    let lines = door.audit().await;
    assert_eq!(events(&lines), [("denied", transport)]);
    (lines[0]["reason"].clone(), lines[0]["threat"].clone())
}

/// Refuses what a program shows in `Authorization`, and in a ticket.
async fn refuse_request(door: &Door, shown: Option<&Words>) {
    let offered = shown.and_then(|words| words.offered.as_ref());
    let (name, value) = match offered {
        None => ("Accept", "*/*".to_owned()),
        Some((Kind::Session, text)) => {
            ("Authorization", format!("Bearer {}", std::str::from_utf8(text).unwrap()))
        }
        Some((_, text)) => {
            let text = std::str::from_utf8(text).unwrap();
            ("Sec-WebSocket-Protocol", format!("doorward, doorward.ticket.{text}"))
        }
    };
    let fields = [
        ("Host", "localhost:8765"),
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        (name, &value),
    ];
    let fields = fields.map(|(name, value)| Field { name, value: value.as_bytes() });
    let peer = [192, 0, 2, 7].into();
    let head = Head { method: "GET", target: "/", fields: &fields, peer, tls: true };
    assert!(matches!(door.gate.decide(&head).await, Verdict::Deny(_)));
}

//= req: AUDIT-1, type=test
#[tokio::test]
async fn the_log_gives_the_reasons_that_it_gives_for_requests() {
    let door = Door::open().await;
    let (of, good) = door.session().await;
    let expired = Claims { expires_at: door.now(), ..door.claims(&of) };
    let lacking = Claims { capabilities: Capabilities::OBSERVE, ..door.claims(&of) };
    let forged = format!("{}AAAA", &good[..good.len() - 4]);
    let cases = [
        None,
        Some(session(Purpose::Open, "A.b")),
        Some(session(Purpose::Open, &forged)),
        Some(session(Purpose::Open, &door.token(&expired))),
        Some(session(Purpose::Open, &door.token(&lacking))),
        Some(ticket(Purpose::Open, &"A".repeat(43))),
    ];
    door.audit().await;
    let mut reasons = Vec::new();
    for shown in cases {
        refuse_request(&door, shown.as_ref()).await;
        let of_request = reason(&door, "websocket").await;
        door.denial(&shown.unwrap_or_else(|| words(Purpose::Open))).await;
        assert_eq!(reason(&door, "quic").await, of_request);
        assert!(!reasons.contains(&of_request), "{of_request:?}");
        reasons.push(of_request);
    }
}

//= req: SECRET-1, type=test
#[tokio::test]
async fn no_secret_is_written_down_or_shown() {
    let door = Door::open().await;
    let link = door.grant(Method::Link).await;
    let welcome = door.welcome(&grant(Purpose::Open, &link, 0x61)).await;
    let token = token_of(&welcome).unwrap();
    let refused = door.denial(&grant(Purpose::Open, &link, 0x62)).await;
    let lines = door.audit().await;
    let shown = format!("{welcome:?} {refused:?} {refused} {lines:?}");
    for secret in [&*link, &token, &"a".repeat(16), &"b".repeat(16)] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
