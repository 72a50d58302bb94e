//! What is done with a secret, with the secret marked: nothing may depend on it but its result.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use doorward_policy::admission::Decision;
use doorward_policy::capability::Capabilities;
use doorward_policy::grant::{
    self, Attempt, Consumed, Counter, GrantRecord, GrantRefusal, GrantRequest, GrantSecret, Nonce,
    Redemption,
};
use doorward_policy::id::SessionId;
use doorward_policy::keys::{Digest, Digester, KeyRing, MasterKeys, Purpose};
use doorward_policy::ledger::{Capacity, Ledger};
use doorward_policy::limiter::{Limiter, Limits};
use doorward_policy::local::LocalSecret;
use doorward_policy::request::{Field, Head};
use doorward_policy::secret::Secret;
use doorward_policy::session::Lifetimes;
use doorward_policy::standing::{DEFAULT_FRESHNESS, Standings};
use doorward_policy::subject::Subject;
use doorward_policy::ticket::TicketSecret;
use doorward_policy::token::{self, Claims, Method, TokenError, UntrustedToken};
use doorward_policy::workspace::{Asked, Directory};
use doorward_policy::{Denial, Guard, Settings, Timestamp};

use crate::Named;
use crate::marks::{make_secret, public, secret};

pub(crate) const ALL: &[Named] = &[
    ("keys are derived from secret masters and a secret pepper", keys_are_derived),
    ("keys are rotated and pruned", keys_are_rotated),
    ("a session token verifies under a secret key", token_verifies),
    ("a token whose tag is wrong in its first byte is refused", || wrong_tag(0)),
    ("a token whose tag is wrong in its middle is refused", || wrong_tag(15)),
    ("a token whose tag is wrong in its last byte is refused", || wrong_tag(31)),
    ("a token of another key is refused", other_key),
    ("a secret tag verifies", secret_tag),
    ("an endpoint's tag is known again", || endpoint_tag(None)),
    ("an endpoint's tag that is wrong in its first byte is refused", || endpoint_tag(Some(0))),
    ("an endpoint's tag that is wrong in its last byte is refused", || endpoint_tag(Some(7))),
    ("two secrets that are the same are compared", || compared(None)),
    ("two secrets that differ in their first byte are compared", || compared(Some(0))),
    ("two secrets that differ in their last byte are compared", || compared(Some(31))),
    ("a link's secret becomes the digest that its grant is found by", link_is_found),
    ("a typed code becomes the digest that its grant is found by", code_is_found),
    ("a ticket becomes a digest", ticket_digest),
    ("a local token becomes a digest", local_digest),
    ("a redemption is repeated with a secret nonce", || nonces(None)),
    ("a redemption with a nonce that differs in its first byte is refused", || nonces(Some(0))),
    ("a redemption with a nonce that differs in its last byte is refused", || nonces(Some(31))),
    ("the whole decision on a bearer token, under secret keys", decision_on_a_bearer_token),
    ("the whole decision on a cookie, under secret keys", decision_on_a_cookie),
    ("the whole decision on a forged token, under secret keys", decision_on_a_forged_token),
    ("the whole decision on a local token, under a secret pepper", decision_on_a_local_token),
    ("a redemption up to the store, under a secret pepper", redemption_up_to_the_store),
];

pub(crate) const EPOCH: Timestamp = Timestamp::from_secs(1_750_000_000);
const ISSUER: [u8; 16] = [0x11; 16];
const PEPPER: [u8; 32] = [0x22; 32];
const MASTER: [u8; 32] = [0x33; 32];

/// The masters of one installation; nothing of them is public but their ids.
fn secret_keys() -> MasterKeys {
    MasterKeys::generate(ISSUER, secret(PEPPER), secret(MASTER), EPOCH)
}

fn subject() -> Subject {
    Subject::new("laptop").expect("a subject")
}

pub(crate) fn claims() -> Claims {
    Claims {
        session: SessionId::new([0x5e; 16]),
        subject: subject(),
        capabilities: Capabilities::START_UP,
        method: Method::Link,
        issued_at: EPOCH,
        expires_at: Timestamp::from_secs(1_750_600_000),
        absolute_end: Timestamp::from_secs(1_752_500_000),
    }
}

/// A token as somebody holds it, made under a master that is known here.
pub(crate) fn token_under(master: [u8; 32]) -> String {
    let keys = MasterKeys::generate(ISSUER, PEPPER, master, EPOCH);
    let token = token::issue(&claims(), &keys.ring(Purpose::Session), EPOCH);
    token.expect("it signs").expose().to_owned()
}

fn parsed(text: &str) -> UntrustedToken {
    UntrustedToken::parse(text.as_bytes()).expect("it is well-formed")
}

fn keys_are_derived() {
    let keys = secret_keys();
    black_box((keys.ring(Purpose::Session), keys.ring(Purpose::Admin)));
    black_box((keys.digester_for(Purpose::Session), keys.digester_for(Purpose::Admin)));
    black_box(keys.endpoint("127.0.0.1:8765"));
}

fn keys_are_rotated() {
    let mut keys = secret_keys();
    keys.rotate(secret([0x44; 32]), EPOCH).expect("ids are left");
    keys.prune(EPOCH);
    black_box(keys.ring(Purpose::Session));
    keys.replace(secret([0x55; 32]), EPOCH).expect("ids are left");
    assert_eq!(keys.masters().len(), 1);
}

fn token_verifies() {
    let token = parsed(&token_under(MASTER));
    let verified = token.verify(&secret_keys().ring(Purpose::Session), EPOCH);
    assert_eq!(*verified.expect("it is genuine").claims(), claims());
}

/// The tag's text begins 43 characters before the end; a character holds six bits.
fn wrong_tag(byte: usize) {
    let mut text = token_under(MASTER).into_bytes();
    let at = text.len() - 43 + byte * 8 / 6;
    text[at] = if text[at] == b'A' { b'Q' } else { b'A' };
    let token = UntrustedToken::parse(&text).expect("it is well-formed");
    let ring = secret_keys().ring(Purpose::Session);
    assert_eq!(token.verify(&ring, EPOCH), Err(TokenError::BadTag));
}

fn other_key() {
    let token = parsed(&token_under([0x77; 32]));
    let ring = secret_keys().ring(Purpose::Session);
    assert_eq!(token.verify(&ring, EPOCH), Err(TokenError::BadTag));
}

/// The tag alone, as it lies in a parsed token.
fn secret_tag() {
    let text = token_under(MASTER);
    let tag: [u8; 32] = {
        let tail = &text.as_bytes()[text.len() - 43..];
        doorward_policy::encoding::decode_exact(tail).expect("a tag")
    };
    let mut token = parsed(&text);
    make_secret(&mut token, &tag);
    let ring = MasterKeys::generate(ISSUER, PEPPER, MASTER, EPOCH).ring(Purpose::Session);
    assert!(token.verify(&ring, EPOCH).is_ok());
}

/// Tags of 8 bytes, as they are in connection ids.
fn endpoint_tag(differs_at: Option<usize>) {
    let key = secret_keys().endpoint("127.0.0.1:8765").connection_ids;
    let mut tag: [u8; 8] = key.tag(b"random");
    if let Some(at) = differs_at {
        tag[at] ^= 1;
    }
    assert_eq!(key.verify(b"random", &tag), differs_at.is_none());
}

/// 32 bytes, and the same but for one.
fn pair(differs_at: Option<usize>) -> [[u8; 32]; 2] {
    let (one, mut two) = ([0x61; 32], [0x61; 32]);
    if let Some(at) = differs_at {
        two[at] ^= 1;
    }
    [secret(one), secret(two)]
}

fn compared(differs_at: Option<usize>) {
    let [one, two] = pair(differs_at).map(Secret::new);
    assert_eq!(one.same(&two), differs_at.is_none());
}

fn digester() -> Digester {
    secret_keys().digester()
}

/// What a store finds something by is public: it is a MAC of the secret under the pepper, so that nobody
/// without the pepper can choose it, or learn the secret from it.
fn published(digest: &Digest) -> Digest {
    public(*digest)
}

fn grant_of(method: Method) -> GrantRecord {
    let request = GrantRequest {
        label: subject(),
        capabilities: Capabilities::START_UP,
        method,
        uses: 2,
        life: std::time::Duration::from_secs(600),
    };
    GrantRecord::issue(&request, Capabilities::ALL, [0x6a; 16], EPOCH).expect("within bounds")
}

fn attempt(nonce: Nonce) -> Attempt {
    Attempt {
        nonce,
        counter: Counter::Token,
        needed: Capabilities::OPERATE,
        asked: Asked::Own,
        session: SessionId::new([0x5e; 16]),
        peer: None,
        lifetimes: Lifetimes::DEFAULT,
    }
}

fn nonce(bytes: [u8; 32]) -> Nonce {
    Nonce::from_bytes(&bytes, &digester()).expect("32 bytes")
}

/// Kept under what the secret's digest is, and redeemed by what is presented.
fn found(kept: &GrantSecret, presented: &GrantSecret, method: Method) {
    let mut ledger = Ledger::new(Capacity::default(), [9; 8]);
    let digest = published(&kept.digest(&digester()));
    ledger.insert_grant(digest, grant_of(method)).expect("there is room");
    let digest = published(&presented.digest(&digester()));
    let session = ledger.redeem(&digest, &attempt(nonce(secret([4; 32]))), EPOCH);
    assert_eq!(session.expect("it is good").subject, subject());
}

fn link_is_found() {
    let link = || GrantSecret::link(secret([0x4c; 32]));
    found(&link(), &link(), Method::Link);
}

fn code_is_found() {
    // Made of entropy by a table, before anybody has it; presented, it is twelve secret characters.
    let code = || {
        let GrantSecret::Code(code) = GrantSecret::code([5; 12]) else { unreachable!() };
        GrantSecret::Code(Secret::new(secret(*code.expose())))
    };
    found(&code(), &code(), Method::Code);
}

fn ticket_digest() {
    black_box(TicketSecret::new(secret([0x71; 32])).digest(&digester()));
}

fn local_digest() {
    black_box(LocalSecret::new(secret([0x72; 32])).digest(&digester()));
}

/// A use was consumed with one nonce, and another try brings the other.
fn nonces(differs_at: Option<usize>) {
    let [past, now] = pair(differs_at).map(|digest| Nonce::from_digest(Digest::from_bytes(digest)));
    let mut grant = GrantRecord { uses_left: 0, ..grant_of(Method::Link) };
    let session = SessionId::new([0x5e; 16]);
    grant.consumed.push(Consumed { nonce: past, counter: Counter::Token, session, at: EPOCH });
    let outcome = grant::redeem(Some(&mut grant), &attempt(now), &Directory::default(), EPOCH);
    let expected = if differs_at.is_none() {
        Ok(Redemption::Repeated(session))
    } else {
        Err(GrantRefusal::Spent)
    };
    assert_eq!(outcome, expected);
}

/// All that a decision needs, with secret keys.
struct Gate {
    settings: Settings,
    keys: KeyRing,
    digester: Digester,
    standings: Standings,
    directory: Directory,
    limiter: Limiter,
}

impl Gate {
    fn new() -> Self {
        let keys = secret_keys();
        let mut standings = Standings::new([7; 8], DEFAULT_FRESHNESS);
        standings.refreshed(EPOCH);
        Self {
            settings: Settings::default(),
            keys: keys.ring(Purpose::Session),
            digester: keys.digester(),
            standings,
            directory: Directory::default(),
            limiter: Limiter::new(Limits::default()),
        }
    }

    fn decide(&mut self, method: &str, target: &str, fields: &[(&str, &str)]) -> Decision {
        let Self { settings, keys, digester, standings, directory, limiter } = self;
        let guard = Guard { settings, keys, digester, standings, directory };
        let host = [("Host", "localhost:8765")];
        let field = |(name, value): &(&'static str, &'static str)| (*name, *value);
        let fields: Vec<_> = host.iter().map(field).chain(fields.iter().copied()).collect();
        let fields: Vec<_> =
            fields.iter().map(|(name, value)| Field { name, value: value.as_bytes() }).collect();
        let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let head = Head { method, target, fields: &fields, peer, tls: false };
        guard.decide(&head, limiter, EPOCH)
    }
}

fn is_admitted(decision: &Decision) -> bool {
    matches!(decision, Decision::Admit(_))
}

fn decision_on_a_bearer_token() {
    let bearer = format!("Bearer {}", token_under(MASTER));
    assert!(is_admitted(&Gate::new().decide("GET", "/", &[("Authorization", &bearer)])));
}

fn decision_on_a_cookie() {
    let cookie = format!("doorward_8765={}", token_under(MASTER));
    let fields = [("Cookie", cookie.as_str()), ("Origin", "http://localhost:8765")];
    assert!(is_admitted(&Gate::new().decide("POST", "/", &fields)));
}

fn decision_on_a_forged_token() {
    let bearer = format!("Bearer {}", token_under([0x77; 32]));
    let decision = Gate::new().decide("GET", "/", &[("Authorization", &bearer)]);
    let Decision::Deny(denied) = decision else { panic!("admitted") };
    assert!(matches!(denied.denial, Denial::CredentialInvalid(_)));
}

fn decision_on_a_local_token() {
    let token = LocalSecret::new([0x72; 32]).expose();
    let field = format!("Doorward-Session {}", &*token);
    let mut gate = Gate::new();
    let decision = gate.decide("GET", "/", &[("Authorization", &field)]);
    let Decision::Local(awaiting) = decision else { panic!("it is looked up") };
    let expected = LocalSecret::new([0x72; 32]).digest(&digester());
    assert_eq!(published(awaiting.digest()), published(&expected));
}

fn redemption_up_to_the_store() {
    let mut gate = Gate::new();
    let decision = gate.decide("POST", "/.doorward/api/token", &[]);
    let Decision::Grant(awaiting) = decision else { panic!("a grant is awaited") };
    let link = GrantSecret::link(secret([0x4c; 32]));
    let Gate { settings, keys, digester, standings, directory, limiter } = &mut gate;
    let guard = Guard { settings, keys, digester, standings, directory };
    let nonce = nonce(secret([4; 32]));
    let redeem = awaiting.present(&link, nonce, [0x5e; 16], &guard, limiter, EPOCH);
    let redeem = redeem.expect("there are guesses left");
    let mut ledger = Ledger::new(Capacity::default(), [9; 8]);
    let digest = published(redeem.digest());
    ledger.insert_grant(digest, grant_of(Method::Link)).expect("there is room");
    ledger.redeem(&digest, redeem.attempt(), EPOCH).expect("it is good");
}
