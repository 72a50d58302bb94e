//! Texts with one spelling: what is taken is what would be written.

use doorward_policy::Capabilities;
use doorward_policy::grant::{GrantSecret, Nonce};
use doorward_policy::id::SessionId;
use doorward_policy::link::{CertificatePin, LinkFragment};
use doorward_policy::local::LocalSecret;
use doorward_policy::ticket::TicketSecret;

use crate::fuzz::naive::base64url_decode;
use crate::fuzz::world::KEYS;

pub(super) fn check(bytes: &[u8]) {
    let ticket = TicketSecret::parse(bytes);
    assert_eq!(ticket.is_some(), is_secret(bytes));
    assert!(ticket.is_none_or(|ticket| ticket.expose().as_bytes() == bytes));
    let local = LocalSecret::parse(bytes);
    assert_eq!(local.is_some(), is_hex(bytes, 64));
    assert!(local.is_none_or(|local| local.expose().as_bytes() == bytes));
    let Ok(text) = str::from_utf8(bytes) else { return };
    let id = SessionId::parse(text);
    assert_eq!(id.is_some(), is_hex(bytes, 32));
    assert!(id.is_none_or(|id| id.to_string() == text));
    let pin = CertificatePin::parse_hex(text);
    assert_eq!(pin.is_some(), is_hex(bytes, 64));
    assert!(pin.is_none_or(|pin| pin.to_string() == text));
    let nonce = base64url_decode(bytes).is_some_and(|nonce| (16..=32).contains(&nonce.len()));
    assert_eq!(Nonce::parse(text, &KEYS.digester).is_some(), nonce);
    grant(text);
    link(text);
    capabilities(text);
}

fn grant(text: &str) {
    let code = code_of(text);
    let Some(grant) = GrantSecret::parse(text) else {
        return assert!(!is_secret(text.as_bytes()) && code.is_none(), "{text}");
    };
    assert_eq!(grant.is_code(), code.is_some());
    assert_eq!(&**grant.expose(), code.as_deref().unwrap_or(text));
    let again = GrantSecret::parse(&grant.expose()).expect("what is shown is taken");
    assert_eq!(again.digest(&KEYS.digester), grant.digest(&KEYS.digester));
}

/// A code as it is shown, from any spelling of at most 32 bytes.
fn code_of(text: &str) -> Option<String> {
    let code: String = text.chars().filter(|one| !"- _".contains(*one)).collect();
    let code = code.to_ascii_uppercase();
    let known = |one: char| "23456789ABCDEFGHJKLMNPQRSTUVWXYZ".contains(one);
    let sound = text.len() <= 32 && code.len() == 12 && code.chars().all(known);
    sound.then(|| format!("{}-{}-{}", &code[..4], &code[4..8], &code[8..]))
}

fn link(text: &str) {
    let parts: Vec<&str> = text.split('.').collect();
    let pin = |pin: &str| is_secret(pin.as_bytes());
    let port = |port: &str| {
        port.parse::<u16>().is_ok_and(|number| number > 0 && number.to_string() == port)
    };
    let sound = is_secret(parts[0].as_bytes())
        && match parts[1..] {
            [] => true,
            [only] => pin(only),
            [first, second] => (first.is_empty() || pin(first)) && port(second),
            _ => false,
        };
    let parsed = LinkFragment::parse(text);
    assert_eq!(parsed.is_some(), sound, "{text}");
    let Some(parsed) = parsed else { return };
    let link = parsed.link("https://dev.example");
    assert_eq!(*link, format!("https://dev.example/.doorward/pair#{text}"));
}

fn capabilities(text: &str) {
    let words = ["observe", "operate", "spawn", "administer"];
    let bit = |word: &str| words.iter().position(|one| *one == word.trim()).map(|place| 1 << place);
    let expected = text.split(',').map(bit).try_fold(0, |all: u16, one| Some(all | one?));
    let parsed = Capabilities::parse(text).ok();
    assert_eq!(parsed.map(Capabilities::bits), expected, "{text}");
    if let Some(parsed) = parsed {
        assert_eq!(Capabilities::parse(&parsed.to_string()), Ok(parsed));
    }
}

fn is_secret(text: &[u8]) -> bool {
    base64url_decode(text).is_some_and(|bytes| bytes.len() == 32)
}

fn is_hex(text: &[u8], digits: usize) -> bool {
    text.len() == digits && text.iter().all(|byte| b"0123456789abcdef".contains(byte))
}
