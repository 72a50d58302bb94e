//! Which credential a request presents: `doorward_policy::credential`.

use doorward_policy::admission::Decision;
use doorward_policy::credential::{Carrier, Identity};
use doorward_policy::id::SessionId;
use doorward_policy::ticket::TicketSecret;
use doorward_policy::token::Claims;
use doorward_policy::{Capabilities, Settings};

use super::input::{Input, after, expand};
use super::naive;
use super::naive::credential::{Presented, Sent, presented};
use super::world::{
    Counting, HANDSHAKE, NOW, REVOKED, Request, claims, token, use_local, use_ticket,
};

/// Input: lines. `authorization:`, `cookie:` and `protocol:` with a value, in which `$` and a
/// letter stand for a credential (`credentials`); `upgrade`.
///
/// Oracle: a plain reading lists what is presented, in all three places. A request is admitted
/// exactly if that is one credential, and that one is good; or a good ticket, alone or with a good
/// cookie of the same session. Nothing is charged for a request that is admitted.
//= req: CRED-1, CRED-2, CRED-4, type=fuzz
pub fn credential(data: &[u8]) {
    let known = credentials();
    let mut input = Input::new(data);
    let mut fields: Vec<(&str, Vec<u8>)> = Vec::new();
    let mut upgrade = false;
    while !input.is_empty() {
        let line = input.line();
        let value = |text: &[u8]| {
            let text = expand(text, |name| known.iter().find(|k| k.0 == name).map(|k| k.1.clone()));
            naive::trim(&text).to_vec()
        };
        if let Some(text) = after(line, "authorization:") {
            fields.push(("Authorization", value(text)));
        } else if let Some(text) = after(line, "cookie:") {
            fields.push(("Cookie", value(text)));
        } else if let Some(text) = after(line, "protocol:") {
            fields.push(("Sec-WebSocket-Protocol", value(text)));
        } else if line == b"upgrade" {
            upgrade = true;
        }
    }
    let expected = judge(&fields, upgrade, &known);
    let mut sent: Vec<(&str, &[u8])> =
        vec![("Host", b"localhost:8765"), ("Origin", b"http://localhost:8765")];
    sent.extend(if upgrade { &HANDSHAKE[..] } else { &[] });
    sent.extend(fields.iter().map(|(name, value)| (*name, &**value)));
    let (settings, mut limiter) = (Settings::default(), Counting::default());
    let (decision, charged) = Request::get("/x", &sent).decide(&settings);
    let admitted = match decision {
        Decision::Admit(admitted) => Some(admitted),
        Decision::Ticket(waiting) => {
            let made = [(ticket(), Some("http://localhost:8765"))];
            use_ticket(waiting, &made, &settings, &mut limiter)
        }
        Decision::Local(waiting) => use_local(waiting, &settings, &mut limiter),
        Decision::Open(_) | Decision::Grant(_) => panic!("no such endpoint was asked for"),
        Decision::Deny(_) => None,
    };
    let found = admitted.as_ref().map(|admitted| match admitted.identity() {
        Identity::Session { claims, carrier } => (claims.session, *carrier),
        Identity::Local(_) | Identity::Unguarded => panic!("nobody asked for that"),
    });
    assert_eq!(found, expected);
    assert!(
        found.is_none() || charged + limiter.charged == 0,
        "an admission was charged as a guess"
    );
}

/// The letter of each credential, its text, and the session that it opens the door for.
fn credentials() -> Vec<(u8, Vec<u8>, Option<u8>)> {
    let both = Capabilities::START_UP;
    let good = token(&claims(1, both));
    let mut forged = good.clone().into_bytes();
    let place = forged.len() - 20;
    forged[place] = if forged[place] == b'A' { b'B' } else { b'A' };
    let past = Claims { expires_at: NOW, ..claims(1, both) };
    let ahead =
        Claims { issued_at: NOW.plus(std::time::Duration::from_secs(301)), ..claims(1, both) };
    vec![
        (b'a', good.into_bytes(), Some(1)),
        (b'b', token(&claims(2, both)).into_bytes(), Some(2)),
        (b'o', token(&claims(3, Capabilities::OBSERVE)).into_bytes(), None),
        (b'e', token(&past).into_bytes(), None),
        (b'n', token(&ahead).into_bytes(), None),
        (b'r', token(&claims(REVOKED, both)).into_bytes(), None),
        (b'f', forged, None),
        (b'k', ticket().expose().as_bytes().to_vec(), None),
        (b'u', TicketSecret::new([0x75; 32]).expose().as_bytes().to_vec(), None),
        (b'c', b"doorward_8765".to_vec(), None),
        (b'p', b"doorward.ticket.".to_vec(), None),
    ]
}

const fn ticket() -> TicketSecret {
    TicketSecret::new([0x74; 32])
}

/// What a plain reading comes to: the session that is admitted, and by what.
fn judge(
    fields: &[(&str, Vec<u8>)],
    upgrade: bool,
    known: &[(u8, Vec<u8>, Option<u8>)],
) -> Option<(SessionId, Carrier)> {
    let values = |name: &str| -> Vec<&[u8]> {
        fields.iter().filter(|field| field.0 == name).map(|field| &*field.1).collect()
    };
    let once = |name: &str| match *values(name) {
        [] => Some(None),
        [value] => Some(Some(value)),
        _ => None,
    };
    let protocol = once("Sec-WebSocket-Protocol")?.filter(|_| upgrade);
    let sent = Sent { authorization: once("Authorization")?, cookie: once("Cookie")?, protocol };
    let good = |text: &[u8]| known.iter().find(|one| one.1 == text).and_then(|one| one.2);
    let session = |id: u8| SessionId::new([id; 16]);
    match presented(&sent, "doorward_8765")? {
        Presented::Bearer(text) => Some((session(good(&text)?), Carrier::Bearer)),
        Presented::Cookie(text) => Some((session(good(&text)?), Carrier::Cookie)),
        Presented::Ticket { ticket: text, cookie } => {
            let agrees = cookie.is_none_or(|text| good(&text) == Some(1));
            let is_good = text == ticket().expose().as_bytes();
            (agrees && is_good).then_some((session(1), Carrier::Ticket))
        }
        Presented::Nothing | Presented::Local => None,
    }
}
