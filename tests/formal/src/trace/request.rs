//! Heads and hellos as they come off the wire, from the numbers that stand for them in a trace.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use doorward_policy::admission::Greeting;
use doorward_policy::cookie::CookieName;
use doorward_policy::forwarding::Scheme;
use doorward_policy::request::{Field, Head};

use super::operation::REQUEST;

/// What a request is like. Numbers above the last one that means something mean what that does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    peer: u64,
    tls: bool,
    shape: u64,
    host: u64,
    route: u64,
    method: u64,
    upgrade: u64,
    worker: bool,
    origin: u64,
    fetch: u64,
    credential: u64,
    pub(super) token: u64,
    pub(super) fault: u64,
    pub(super) grant: u64,
    pub(super) nonce: u64,
}

const BOOTSTRAP: u64 = 7;
const TOKEN: u64 = 8;

/// 64 hexadecimal digits, of which no record is kept.
const UNKNOWN_LOCAL: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

impl Facts {
    pub(super) fn new(numbers: &[u64]) -> Self {
        let mut all = [0; REQUEST];
        all.iter_mut().zip(numbers).for_each(|(to, from)| *to = *from);
        let [peer, tls, shape, host, route, method, upgrade, worker, origin, fetch, ..] = all;
        let [.., credential, token, fault, grant, nonce] = all;
        Self {
            peer,
            tls: tls > 0,
            shape: shape.min(3),
            host,
            route: route.min(10),
            method: method.min(3),
            upgrade: upgrade.min(2),
            worker: worker > 0,
            origin: origin.min(3),
            fetch: fetch.min(5),
            credential: credential.min(6),
            token,
            fault: fault.min(3),
            grant,
            nonce,
        }
    }

    /// Lends the head that is like this, with `token` as the token's text.
    pub(super) fn with_head<T>(&self, token: &str, run: impl FnOnce(&Head<'_>) -> T) -> T {
        let fields = self.fields(token);
        let fields: Vec<_> =
            fields.iter().map(|(name, value)| Field { name, value: value.as_bytes() }).collect();
        run(&Head {
            method: self.method(),
            target: self.target(),
            fields: &fields,
            peer: address(self.peer),
            tls: self.tls,
        })
    }

    const fn method(&self) -> &'static str {
        match (self.shape, self.method) {
            (3, _) => "CONNECT",
            (_, 0) => "GET",
            (_, 1) => "HEAD",
            (_, 2) => "POST",
            _ => "DELETE",
        }
    }

    fn target(&self) -> &'static str {
        // Each leads to Doorward's own pages for some server, or nowhere.
        const MALFORMED: [&str; 6] = [
            "/x/../.doorward/api/session",
            "/%2edoorward/health",
            "/.DOORWARD/pair",
            "/;\\x/.doorward",
            "x",
            "/a b",
        ];
        if self.shape == 2 {
            return MALFORMED[self.variant(MALFORMED.len())];
        }
        match self.route {
            0 => "/x",
            1 => "/a",
            2 => "/b",
            3 => "/c",
            4 => "/.doorward/health",
            5 => "/.doorward/api/session",
            6 => "/.doorward/api/renew",
            BOOTSTRAP => "/.doorward/api/bootstrap",
            TOKEN => "/.doorward/api/token",
            9 => "/.doorward/api/stay",
            _ => "/.doorward/nothing",
        }
    }

    /// Which of the ways in which the same fact can come about.
    const fn variant(&self, count: usize) -> usize {
        (self.nonce % count as u64) as usize
    }

    fn host(&self) -> String {
        match self.host {
            0 => "localhost:8765".to_owned(),
            1 => "doorward.example".to_owned(),
            2 => "evil.example".to_owned(),
            claimed => format!("w{}.example", claimed - 3),
        }
    }

    fn fields(&self, token: &str) -> Vec<(&'static str, String)> {
        let mut fields = vec![("Accept", "*/*".to_owned())];
        fields.push(("Host", self.host()));
        self.upgrade_fields(&mut fields);
        if self.worker {
            fields.push(("Service-Worker", "script".to_owned()));
        }
        match self.origin {
            0 => {}
            1 => fields.push(("Origin", format!("{}://{}", self.scheme().name(), self.host()))),
            2 => fields.push(("Origin", "https://friend.example".to_owned())),
            _ => fields.push(("Origin", "https://evil.example".to_owned())),
        }
        self.fetch_fields(&mut fields);
        self.credential_fields(token, &mut fields);
        if self.shape == 1 {
            self.break_a_rule(&mut fields);
        }
        fields
    }

    fn upgrade_fields(&self, fields: &mut Vec<(&'static str, String)>) {
        if self.upgrade > 0 {
            fields.push(("Connection", "keep-alive, Upgrade".to_owned()));
        }
        match self.upgrade {
            0 => {}
            1 => {
                fields.push(("Upgrade", "websocket".to_owned()));
                fields.push(("Sec-WebSocket-Version", "13".to_owned()));
                fields.push(("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==".to_owned()));
            }
            _ => fields.push(("Upgrade", "h2c".to_owned())),
        }
    }

    fn fetch_fields(&self, fields: &mut Vec<(&'static str, String)>) {
        let site = match self.fetch {
            0 => return,
            1 => "same-origin",
            2 => "none",
            3 => "same-site",
            _ => "cross-site",
        };
        fields.push(("Sec-Fetch-Site", site.to_owned()));
        if self.fetch == 5 {
            fields.push(("Sec-Fetch-Mode", "navigate".to_owned()));
            fields.push(("Sec-Fetch-Dest", "document".to_owned()));
        }
    }

    const fn scheme(&self) -> Scheme {
        if self.tls { Scheme::Https } else { Scheme::Http }
    }

    fn cookie(&self, token: &str) -> String {
        let port = match (self.host, self.tls) {
            (0, _) => 8765,
            (_, true) => 443,
            (_, false) => 80,
        };
        format!("{}={token}", CookieName::of(self.scheme(), port))
    }

    fn credential_fields(&self, token: &str, fields: &mut Vec<(&'static str, String)>) {
        let cookie = self.cookie(token);
        match self.credential {
            1 => fields.push(("Cookie", format!("theme=dark; {cookie}"))),
            3 => fields.push(("Cookie", cookie)),
            4 => fields.push(("Cookie", format!("{cookie}; {cookie}"))),
            _ => {}
        }
        match self.credential {
            2 | 3 => fields.push(("Authorization", format!("Bearer {token}"))),
            5 => fields.push(("Authorization", format!("Doorward-Session {UNKNOWN_LOCAL}"))),
            6 => fields.push(("Authorization", "Doorward-Session 00".to_owned())),
            _ => {}
        }
    }

    /// One of the rules for a head, whichever.
    fn break_a_rule(&self, fields: &mut Vec<(&'static str, String)>) {
        let twice: &[(&'static str, &str)] = match self.variant(8) {
            0 => {
                fields.retain(|(name, _)| *name != "Host");
                &[]
            }
            1 => &[("host", "localhost:8765")],
            2 => &[("Origin", "http://localhost:8765"), ("origin", "http://localhost:8765")],
            3 => &[("Authorization", "Basic eDp5"), ("authorization", "Basic eDp5")],
            4 => &[("Cookie", "a=b"), ("cookie", "c=d")],
            5 => &[("Transfer-Encoding", "chunked"), ("Content-Length", "5")],
            6 => &[("Sec-Fetch-Site", "none"), ("sec-fetch-site", "none")],
            _ => {
                fields.retain(|(name, _)| *name != "Host");
                &[("Host", "user@localhost:8765")]
            }
        };
        fields.extend(twice.iter().map(|(name, value)| (*name, (*value).to_owned())));
    }
}

/// What a hello is like.
#[derive(Clone, Copy, Debug)]
pub(super) struct HelloFacts {
    peer: u64,
    broken: bool,
    name: u64,
    protocol: u64,
    purpose: u64,
    capabilities: u64,
    workspace: u64,
    credential: u64,
    pub(super) token: u64,
    pub(super) fault: u64,
    pub(super) grant: u64,
    pub(super) nonce: u64,
}

impl HelloFacts {
    pub(super) fn new(numbers: &[u64]) -> Self {
        let mut all = [0; 12];
        all.iter_mut().zip(numbers).for_each(|(to, from)| *to = *from);
        let [peer, shape, name, protocol, purpose, capabilities, ..] = all;
        let [.., workspace, credential, token, fault, grant, nonce] = all;
        Self {
            peer,
            broken: shape > 0,
            name: name.min(1003),
            protocol,
            purpose: purpose.min(1),
            capabilities,
            workspace,
            credential: credential.min(5),
            token,
            fault: fault.min(3),
            grant,
            nonce,
        }
    }

    /// Lends the greeting that is like this.
    pub(super) fn with_greeting<T>(
        &self,
        token: &str,
        grant: &str,
        nonce: &[u8],
        run: impl FnOnce(&Greeting<'_>) -> T,
    ) -> T {
        let body = self.body(token, grant, nonce);
        let name = match self.name {
            0 => Some("localhost".to_owned()),
            1 => Some("doorward.example".to_owned()),
            2 => Some("evil.example".to_owned()),
            1003 => None,
            claimed => Some(format!("w{}.example", claimed - 3)),
        };
        run(&Greeting {
            body: &body,
            server_name: name.as_deref(),
            protocol: if self.protocol == 0 { b"doorward/1" } else { b"h3" },
            peer: address(self.peer),
        })
    }

    /// Byte by byte, since what the policy writes could not be broken.
    fn body(&self, token: &str, grant: &str, nonce: &[u8]) -> Vec<u8> {
        let credentials: &[(u8, &str)] = match self.credential {
            0 => &[],
            1 => &[(1, token), (4, UNKNOWN_LOCAL)],
            2 => &[(1, token)],
            3 => &[(2, grant)],
            4 => &[(4, UNKNOWN_LOCAL)],
            _ => &[(4, "00")],
        };
        let nonce = if self.credential == 3 { nonce } else { &[] };
        let mut body = vec![1, self.purpose as u8 + 1, credentials.len() as u8];
        for (kind, text) in credentials {
            body.push(*kind);
            body.extend((text.len() as u16).to_be_bytes());
            body.extend(text.as_bytes());
        }
        body.push(nonce.len() as u8);
        body.extend(nonce);
        let name = self.workspace.checked_sub(1).map(workspace).unwrap_or_default();
        body.push(name.len() as u8);
        body.extend(name.as_bytes());
        body.extend((self.capabilities as u16 & 15).to_be_bytes());
        if self.broken {
            self.break_a_rule(&mut body);
        }
        body
    }

    fn break_a_rule(&self, body: &mut Vec<u8>) {
        match self.nonce % 4 {
            0 => body.push(0),
            1 => body.truncate(body.len() - 1),
            2 => body[0] = 2,
            _ => body[1] = 3,
        }
    }
}

/// The name of a workspace by its number.
pub(super) fn workspace(number: u64) -> String {
    if number == 0 { "main".to_owned() } else { format!("w{number}") }
}

fn address(peer: u64) -> IpAddr {
    match peer {
        0..=99 => Ipv4Addr::new(127, 0, 0, peer as u8 + 1).into(),
        100..=199 => Ipv4Addr::new(192, 0, 2, (peer - 100) as u8).into(),
        _ => {
            let beyond = peer - 200;
            let (network, host) = ((beyond / 4) as u16, 1 + (beyond % 4) as u16);
            Ipv6Addr::new(0x2001, 0xdb8, 0, network, 0, 0, 0, host).into()
        }
    }
}
