//! The hello of a QUIC connection: `doorward_policy::hello`, and the decision on it.

use doorward_policy::admission::{AwaitGrant, Decision, Greeting, StoreFailure};
use doorward_policy::credential::{Carrier, Identity};
use doorward_policy::denial::HelloFault;
use doorward_policy::grant::{
    GrantRecord, GrantRequest, GrantSecret, Nonce, Redemption, redeem as redeem_record,
};
use doorward_policy::hello::{Accept, Hello, Kind, MAX_BODY, Offered, PREFIX, Purpose};
use doorward_policy::host::AllowedHost;
use doorward_policy::id::SessionId;
use doorward_policy::notice::Notice;
use doorward_policy::route::Routes;
use doorward_policy::settings::{Exposure, Guarding};
use doorward_policy::ticket::TicketSecret;
use doorward_policy::token::{Claims, Method};
use doorward_policy::workspace::Directory;
use doorward_policy::{Admitted, Capabilities, Denial, Settings};

use super::host_origin::is_loopback;
use super::input::{Input, after, expand};
use super::naive::address::{Host, authority};
use super::naive::hello::{Fault, Hello as Plain, read, read_accept, read_notice};
use super::world::{
    Counting, KEYS, LOOPBACK, NOW, REVOKED, claims, token, use_local, use_ticket, with_guard,
};

/// Input: a kind, then what it needs.
///
/// - `a`: the body of an accept.
/// - `b`: the body of a hello.
/// - `n`: the body of a notice.
/// - anything else: lines. `session:`, `grant:`, `ticket:`, `local:`, `nonce:`, `workspace:`, in
///   which `$` and a letter stand for a credential (`credentials`); `token`; `needs:` and a digit;
///   `name:`; `protocol:`; `allow-host:`; `rule:` with a digit for its prefix and one for what it
///   takes; `remote`; `unguarded`.
///
/// Oracle: a second parser reads the same, or refuses for the same fault; what is read is written
/// as it was. A plain model takes the steps of the decision: a hello is admitted, as the same
/// session, exactly if the model admits it, and nothing is charged unless it was a guess.
//= req: HOST-6, ORIGIN-7, ROUTE-4, CAP-4, type=fuzz
//= req: HELLO-1, HELLO-2, HELLO-3, type=fuzz
pub fn hello(data: &[u8]) {
    let mut input = Input::new(data);
    match input.byte() {
        b'a' => accept(input.rest()),
        b'n' => notice(input.rest()),
        b'b' => Greeted { body: input.rest().to_vec(), ..Greeted::new() }.check(),
        _ => script(&mut input).check(),
    }
}

fn accept(body: &[u8]) {
    let parsed = Accept::parse(body);
    let expected = read_accept(body).ok();
    assert_eq!(parsed.is_some(), expected.is_some(), "{body:?}");
    let (Some(parsed), Some(expected)) = (parsed, expected) else { return };
    let session = parsed.session.map(|one| {
        let subject = one.subject.as_str().to_owned();
        (*one.id.as_bytes(), one.capabilities.bits(), one.expires_in, subject)
    });
    assert_eq!(session, expected.session);
    assert_eq!(parsed.token.as_ref().map_or(&[][..], |token| token), expected.token);
    check_frame(parsed.frame().as_deref(), body);
}

fn notice(body: &[u8]) {
    let parsed = Notice::parse(body);
    assert_eq!(parsed.map(|one| (one.left, one.absolute)), read_notice(body), "{body:?}");
    if let Some(parsed) = parsed {
        check_frame(Some(&parsed.frame().to_vec()), body);
    }
}

fn check_frame(frame: Option<&Vec<u8>>, body: &[u8]) {
    let frame = frame.expect("what was read fits");
    assert_eq!(frame[..PREFIX], (body.len() as u16).to_be_bytes());
    assert_eq!(&frame[PREFIX..], body, "what was read isn't what is written");
}

/// A connection's hello, and what the operator chose.
struct Greeted {
    body: Vec<u8>,
    name: Option<String>,
    protocol: Vec<u8>,
    remote: bool,
    unguarded: bool,
    hosts: Vec<String>,
    /// What each of [`PREFIXES`] takes, if there is a rule for it.
    rules: [Option<u16>; 3],
}

const PREFIXES: [&str; 3] = ["/", "/log", "/shell/new"];

impl Greeted {
    fn new() -> Self {
        Self {
            body: Vec::new(),
            name: None,
            protocol: b"doorward/1".to_vec(),
            remote: false,
            unguarded: false,
            hosts: Vec::new(),
            rules: [Some(2), None, None],
        }
    }
}

fn script(input: &mut Input<'_>) -> Greeted {
    let known = credentials();
    let mut greeted = Greeted::new();
    let mut hello = Plain { purpose: 1, ..Plain::default() };
    let kinds = ["session:", "grant:", "ticket:", "local:"];
    while !input.is_empty() {
        let line = input.line();
        let meant =
            expand(line, |name| known.iter().find(|one| one.name == name).map(|k| k.text.clone()));
        let credential =
            kinds.iter().zip(1..).find_map(|(kind, byte)| Some((byte, after(&meant, kind)?)));
        if let Some((kind, text)) = credential {
            hello.credentials.push((kind, text.to_vec()));
        } else if let Some(nonce) = after(line, "nonce:") {
            hello.nonce = nonce.to_vec();
        } else if let Some(name) = after(line, "workspace:") {
            hello.workspace = String::from_utf8_lossy(name).into_owned();
        } else if let Some(name) = after(line, "name:") {
            greeted.name = std::str::from_utf8(name).ok().map(str::to_owned);
        } else if let Some(protocol) = after(line, "protocol:") {
            greeted.protocol = protocol.to_vec();
        } else if let Some(host) = after(line, "allow-host:") {
            greeted.hosts.extend(std::str::from_utf8(host).ok().map(str::to_owned));
        } else if let Some(digits) = after(line, "needs:") {
            hello.capabilities = Input::new(digits).below(32) as u16;
        } else if let Some(digits) = after(line, "rule:") {
            let mut digits = Input::new(digits);
            let (prefix, takes) = (digits.below(3), digits.below(17) as u16);
            greeted.rules[prefix] = Some(takes).filter(|bits| *bits < 16);
        } else {
            match line {
                b"token" => hello.purpose = 2,
                b"remote" => greeted.remote = true,
                b"unguarded" => greeted.unguarded = true,
                _ => {}
            }
        }
    }
    greeted.body = hello.body();
    greeted
}

/// What a credential is worth: a session and what it may do, presented as this kind.
struct Known {
    name: u8,
    text: Vec<u8>,
    worth: Option<(u8, u8, u16)>,
}

fn credentials() -> Vec<Known> {
    let both = Capabilities::START_UP;
    let session = |name, claims: &Claims, worth: Option<u8>| {
        let worth = worth.map(|session| (1, session, claims.capabilities.bits()));
        Known { name, text: token(claims).into_bytes(), worth }
    };
    let mut forged = session(b'f', &claims(1, both), None);
    let place = forged.text.len() - 20;
    forged.text[place] = if forged.text[place] == b'A' { b'B' } else { b'A' };
    let past = Claims { expires_at: NOW, ..claims(1, both) };
    let ahead =
        Claims { issued_at: NOW.plus(std::time::Duration::from_secs(301)), ..claims(1, both) };
    let other = |name, text: &str, worth: Option<(u8, u8)>| {
        let worth = worth.map(|(kind, session)| (kind, session, 3));
        Known { name, text: text.as_bytes().to_vec(), worth }
    };
    vec![
        session(b'a', &claims(1, both), Some(1)),
        session(b'o', &claims(2, Capabilities::OBSERVE), Some(2)),
        session(b'w', &claims(3, Capabilities::ALL), Some(3)),
        session(b'e', &past, None),
        session(b'n', &ahead, None),
        session(b'r', &claims(REVOKED, both), None),
        forged,
        other(b'k', &TICKET.expose(), Some((3, 1))),
        other(b'p', &PAGE_TICKET.expose(), None),
        other(b'u', &TicketSecret::new([0x75; 32]).expose(), None),
        other(b'g', &LINK.expose(), Some((2, BOUGHT))),
        other(b'x', &GrantSecret::link([0x78; 32]).expose(), None),
    ]
}

const TICKET: TicketSecret = TicketSecret::new([0x74; 32]);
const PAGE_TICKET: TicketSecret = TicketSecret::new([0x70; 32]);
const LINK: GrantSecret = GrantSecret::link([0x4c; 32]);
/// The session that the grant buys.
const BOUGHT: u8 = 9;

/// Whom the model admits, and how it was shown.
type Verdict = Option<Option<(u8, u16, Carrier)>>;

impl Greeted {
    fn check(&self) {
        let parsed = Hello::parse(&self.body);
        let expected = read(&self.body);
        match (&parsed, &expected) {
            (Ok(parsed), Ok(expected)) => compare(parsed, expected, &self.body),
            (Err(denial), Err(fault)) => assert_eq!(fault_of(denial), Some(*fault)),
            _ => panic!("verdicts differ: {parsed:?}, expected {expected:?}"),
        }
        let (verdict, guess) = expected.map_or((None, false), |hello| self.judge(&hello));
        let (admitted, charged) = self.decide();
        let found = admitted.map(|admitted| match admitted.identity() {
            Identity::Unguarded => None,
            Identity::Local(_) => panic!("none is known"),
            Identity::Session { claims, carrier } => {
                Some((claims.session.as_bytes()[0], claims.capabilities.bits(), *carrier))
            }
        });
        assert_eq!(found, verdict, "{parsed:?}");
        assert!(charged == 0 || guess, "charged for what was no guess: {parsed:?}");
    }

    /// The steps in their order; and whether the credential may be charged for.
    fn judge(&self, hello: &Plain) -> (Verdict, bool) {
        let early = (None, false);
        let needed = match hello.purpose {
            1 if self.rules[0].is_some() => {
                self.rules.iter().flatten().fold(0, |all, one| all | one)
            }
            1 => return early,
            _ => 0,
        } | hello.capabilities;
        if !self.is_named() || hello.credentials.len() > 1 || self.protocol != b"doorward/1" {
            return early;
        }
        let shown = hello.credentials.first();
        let is_grant = shown.is_some_and(|(kind, _)| *kind == 2);
        if is_grant && hello.nonce.is_empty() {
            return early;
        }
        if self.unguarded && !is_grant {
            let enough = needed & !7 == 0 && is_there(&hello.workspace);
            return (enough.then_some(None), false);
        }
        let Some((kind, text)) = shown else { return early };
        let known = credentials();
        let worth = known.iter().find(|one| one.text == *text).and_then(|one| one.worth);
        let Some((_, session, held)) = worth.filter(|worth| worth.0 == *kind) else {
            return (None, true);
        };
        let carrier = match kind {
            1 => Carrier::Bearer,
            2 => Carrier::Grant,
            _ => Carrier::Ticket,
        };
        let admitted = is_there(&hello.workspace) && needed & !held == 0;
        (admitted.then_some(Some((session, held, carrier))), is_grant)
    }

    fn is_named(&self) -> bool {
        let Some(name) = &self.name else { return true };
        let Some((host, None)) = authority(name) else { return false };
        let listed =
            |entry: &String| authority(entry).is_some_and(|(one, _): (Host, _)| one == host);
        (!self.remote && is_loopback(&host)) || self.hosts.iter().any(listed)
    }

    fn settings(&self) -> Settings {
        let mut settings = Settings { routes: Routes::none(), ..Settings::default() };
        for (prefix, needed) in PREFIXES.iter().zip(self.rules) {
            let needed = needed.map(|bits| Capabilities::from_bits(bits).expect("it is below 16"));
            assert!(needed.is_none_or(|needed| settings.routes.add(prefix, needed)));
        }
        settings.exposure = if self.remote { Exposure::Remote } else { Exposure::Loopback };
        settings.guarding = if self.unguarded { Guarding::Unguarded } else { Guarding::Required };
        settings
            .allowed_hosts
            .extend(self.hosts.iter().filter_map(|host| AllowedHost::parse(host)));
        settings
    }

    /// The decision, to its end, and how often it charged a guess.
    fn decide(&self) -> (Option<Admitted>, u32) {
        let settings = self.settings();
        let mut limiter = Counting::default();
        let greeting = Greeting {
            body: &self.body,
            server_name: self.name.as_deref(),
            protocol: &self.protocol,
            peer: LOOPBACK,
        };
        let decided =
            with_guard(&settings, |guard| guard.decide_hello(&greeting, &mut limiter, NOW));
        let admitted = match decided {
            Decision::Admit(admitted) => Some(admitted),
            Decision::Deny(denied) => {
                assert!(denied.denial.public().status >= 400);
                None
            }
            Decision::Ticket(waiting) => {
                let made = [(TICKET, None), (PAGE_TICKET, Some("http://localhost:8765"))];
                use_ticket(waiting, &made, &settings, &mut limiter)
            }
            Decision::Local(waiting) => use_local(waiting, &settings, &mut limiter),
            Decision::Grant(waiting) => redeem(waiting, &self.body, &settings, &mut limiter),
            Decision::Open(_) => panic!("a hello opens nothing"),
        };
        (admitted, limiter.charged)
    }
}

/// Without a directory there is one workspace, with or without its name.
fn is_there(workspace: &str) -> bool {
    matches!(workspace, "" | "main")
}

fn compare(parsed: &Hello<'_>, expected: &Plain, body: &[u8]) {
    assert_eq!(parsed.purpose == Purpose::Open, expected.purpose == 1);
    assert_eq!(parsed.nonce, expected.nonce);
    let workspace = parsed.workspace.as_ref().map_or("", |name| name.as_str());
    assert_eq!(workspace, expected.workspace);
    assert_eq!(parsed.capabilities.bits(), expected.capabilities);
    match (parsed.offered, &*expected.credentials) {
        (Offered::Nothing, []) => {}
        (Offered::One(found, text), [(kind, bytes)]) => {
            assert_eq!((kind_byte(found), text), (*kind, &**bytes));
        }
        (Offered::Several, [_, _, ..]) => return assert!(parsed.frame().is_none()),
        (found, expected) => panic!("{found:?}, expected {expected:?}"),
    }
    check_frame(parsed.frame().as_deref(), body);
}

const fn kind_byte(kind: Kind) -> u8 {
    match kind {
        Kind::Session => 1,
        Kind::Grant => 2,
        Kind::Ticket => 3,
        Kind::Local => 4,
    }
}

const fn fault_of(denial: &Denial) -> Option<Fault> {
    Some(match denial {
        Denial::MalformedHello(fault) => match fault {
            HelloFault::Version => Fault::Version,
            HelloFault::Purpose => Fault::Purpose,
            HelloFault::Truncated => Fault::Truncated,
            HelloFault::Trailing => Fault::Trailing,
            HelloFault::Credential => Fault::Credential,
            HelloFault::Nonce => Fault::Nonce,
            HelloFault::Workspace => Fault::Text,
            HelloFault::Capabilities => Fault::Capabilities,
        },
        Denial::TooLarge(_) => Fault::TooLarge,
        _ => return None,
    })
}

/// Goes on with what the hello brought, as the gate does.
fn redeem(
    waiting: AwaitGrant,
    body: &[u8],
    settings: &Settings,
    limiter: &mut Counting,
) -> Option<Admitted> {
    assert!(body.len() <= MAX_BODY);
    let brought = Hello::parse(body).expect("it was decided on");
    let Offered::One(Kind::Grant, text) = brought.offered else { panic!("no grant was brought") };
    let grant = GrantSecret::parse(std::str::from_utf8(text).ok()?)?;
    let nonce = Nonce::from_bytes(brought.nonce, &KEYS.digester)?;
    let request = GrantRequest {
        label: claims(1, Capabilities::NONE).subject,
        capabilities: Capabilities::START_UP,
        method: Method::Link,
        uses: 1,
        life: std::time::Duration::from_secs(60),
    };
    let record = GrantRecord::issue(&request, Capabilities::ALL, [4; 16], NOW);
    let mut record = record.expect("it is within bounds");
    with_guard(settings, |guard| {
        let step = waiting.present(&grant, nonce, [BOUGHT; 16], guard, limiter, NOW).ok()?;
        let known = *step.digest() == LINK.digest(&KEYS.digester);
        let outcome =
            redeem_record(known.then_some(&mut record), step.attempt(), &Directory::default(), NOW);
        let outcome = outcome.map_err(StoreFailure::Refused).map(|redemption| match redemption {
            Redemption::Opened(session) => session,
            Redemption::Repeated(_) => panic!("it was never redeemed"),
        });
        let redeemed = step.resume(outcome, guard, NOW).ok()?;
        assert_eq!(redeemed.admitted().claims()?.session, SessionId::new([BOUGHT; 16]));
        assert_eq!(record.uses_left, 0);
        Some(redeemed.into_parts().0)
    })
}
