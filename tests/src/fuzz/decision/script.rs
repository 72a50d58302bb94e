//! The script of an input, a line each.
//!
//! | line | means |
//! |---|---|
//! | letters (the first line) | what the operator chose: see [`choices`] |
//! | `grant KCUL` | kind (`l`, `c`), capabilities, uses, life |
//! | `+N` | time passes |
//! | `refresh` | revocations are known up to now |
//! | `revoke-grant N`, `revoke N`, `revoke *`, `limit NC` | administration |
//! | `member WC`, `home WC`, `expel W` | a workspace (0 is `main`), with capabilities, and as the home |
//! | `req PT METHOD target` | peer, `s` for TLS; the request's fields follow, indented |
//! | ` Name: value` | `$` and a digit: a token, a lower-case letter: it with a forged tag, an upper-case letter: a ticket |
//! | ` =GN` | the body: a grant and a nonce |

use std::net::IpAddr;

use super::model::{Body, Model, WORKSPACES};
use crate::fuzz::input::{Input, after, expand, index};
use crate::fuzz::naive::request::{Choices, Seen};
use crate::fuzz::naive::trim;

/// Lengths of time at which something changes, in milliseconds.
const SPANS: [u64; 12] = [
    1,
    999,
    1000,
    5_000,
    5_001,
    30_000,
    59_999,
    60_000,
    600_000,
    302_400_000,
    604_800_000,
    2_000_000_000,
];

const PEERS: [&str; 8] = [
    "127.0.0.1",
    "::1",
    "10.0.0.9",
    "203.0.113.5",
    "::ffff:203.0.113.5",
    "2001:db8::7",
    "2001:db8::8",
    "2001:db8:1::7",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    One(usize),
    All,
}

pub(super) enum Operation<'a> {
    Wait(u64),
    Refresh,
    Grant { code: bool, capabilities: u16, uses: u32, life: u64 },
    RevokeGrant(usize),
    Revoke(Whose),
    Limit(usize, u16),
    Enrol { workspace: usize, capabilities: u16, home: bool },
    Expel(usize),
    Request(Request<'a>),
    Nothing,
}

pub(super) struct Request<'a> {
    peer: IpAddr,
    tls: bool,
    method: &'a str,
    target: &'a str,
    fields: Vec<(String, Vec<u8>)>,
    pub(super) body: Option<Body>,
}

impl Request<'_> {
    pub(super) fn seen(&self) -> Seen<'_> {
        let Self { peer, tls, method, target, fields, .. } = self;
        Seen { peer: *peer, tls: *tls, method, target, fields }
    }
}

/// `r` remote, `u` unguarded, `w` service workers, `h` and `p` listed hosts, `o` a listed origin,
/// `t` a trusted proxy, `n` no rule, `a` rules for some paths, `l` few guesses, `k` workspaces.
pub(super) fn choices(line: &[u8]) -> Model {
    let has = |letter: u8| line.contains(&letter);
    let mut choices = Choices {
        remote: has(b'r'),
        unguarded: has(b'u'),
        service_workers: has(b'w'),
        ..Choices::default()
    };
    choices.hosts.extend(has(b'h').then_some("door.example"));
    choices.hosts.extend(has(b'p').then_some("door.example:8443"));
    choices.origins.extend(has(b'o').then_some("https://app.example"));
    choices.proxy = has(b't').then(|| address(2));
    if !has(b'n') {
        choices.rules.push(("/", 2));
    }
    if has(b'a') {
        choices.rules.extend([("/public", 1), ("/admin", 8), ("/public/deep", 7)]);
    }
    if has(b'k') {
        choices.claims.extend([(1, "/public"), (2, "/public/deep"), (2, "b.example")]);
    }
    Model { choices, limits: if has(b'l') { (1, 2) } else { (10, 100) }, ..Model::default() }
}

fn address(index: usize) -> IpAddr {
    PEERS[index % PEERS.len()].parse().expect("they are sound")
}

pub(super) fn operation<'a>(input: &mut Input<'a>, model: &Model) -> Operation<'a> {
    let line = input.line();
    let digit = |text: &[u8], place: usize| index(text.get(place).copied().unwrap_or(b'0'));
    if let Some(text) = after(line, "grant ") {
        Operation::Grant {
            code: text.first() == Some(&b'c'),
            capabilities: digit(text, 1) as u16 % 16,
            uses: digit(text, 2) as u32 % 4,
            life: SPANS[digit(text, 3) % SPANS.len()],
        }
    } else if let Some(text) = after(line, "+") {
        Operation::Wait(SPANS[digit(text, 0) % SPANS.len()])
    } else if line == b"refresh" {
        Operation::Refresh
    } else if let Some(text) = after(line, "revoke-grant ") {
        Operation::RevokeGrant(digit(text, 0))
    } else if line == b"revoke *" {
        Operation::Revoke(Whose::All)
    } else if let Some(text) = after(line, "revoke ") {
        Operation::Revoke(Whose::One(digit(text, 0)))
    } else if let Some(text) = after(line, "limit ") {
        Operation::Limit(digit(text, 0), digit(text, 1) as u16 % 16)
    } else if let Some(text) = after(line, "member ").or(after(line, "home ")) {
        Operation::Enrol {
            workspace: digit(text, 0) % WORKSPACES.len(),
            capabilities: digit(text, 1) as u16 % 16,
            home: line.starts_with(b"home"),
        }
    } else if let Some(text) = after(line, "expel ") {
        Operation::Expel(digit(text, 0) % WORKSPACES.len())
    } else if let Some(text) = after(line, "req ") {
        request(text, input, model).map_or(Operation::Nothing, Operation::Request)
    } else {
        Operation::Nothing
    }
}

fn request<'a>(line: &'a [u8], input: &mut Input<'a>, model: &Model) -> Option<Request<'a>> {
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.splitn(3, ' ');
    let (from, method) = (words.next()?.as_bytes(), words.next()?);
    let target = words.next()?;
    let peer = address(index(from.first().copied().unwrap_or(b'0')));
    let tls = from.get(1) == Some(&b's');
    let mut request = Request { peer, tls, method, target, fields: Vec::new(), body: None };
    while let Some(line) = input.indented() {
        if let Some(text) = after(line, "=") {
            let name = index(text.first().copied().unwrap_or(b'0'));
            let known = model.grants.get(name).map(|grant| grant.text.clone());
            let nonce = text.get(1).copied().unwrap_or(b'0');
            let grant = known.unwrap_or_else(|| "A".repeat(43));
            request.body = Some(Body { grant, nonce });
        } else if let Some(colon) = line.iter().position(|byte| *byte == b':') {
            let name = String::from_utf8_lossy(&line[..colon]).into_owned();
            let value = expand(&line[colon + 1..], |name| meaning(name, model));
            request.fields.push((name, trim(&value).to_vec()));
        }
    }
    Some(request)
}

fn meaning(name: u8, model: &Model) -> Option<Vec<u8>> {
    let text = |text: &String| text.clone().into_bytes();
    match name {
        b'0'..=b'9' => model.tokens.get(usize::from(name - b'0')).map(|token| text(&token.text)),
        b'a'..=b'z' => model.tokens.get(usize::from(name - b'a')).map(|token| {
            let mut forged = text(&token.text);
            let place = forged.len() - 9;
            forged[place] = if forged[place] == b'A' { b'B' } else { b'A' };
            forged
        }),
        b'A'..=b'Z' => model.tickets.get(usize::from(name - b'A')).map(|ticket| text(&ticket.text)),
        _ => None,
    }
}
