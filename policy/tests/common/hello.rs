//! A hello, put together byte by byte without the code under test, well-formed or not.

use core::net::{IpAddr, Ipv4Addr};

use doorward_policy::admission::Greeting;

pub const SESSION_KIND: u8 = 1;
pub const GRANT_KIND: u8 = 2;
pub const TICKET_KIND: u8 = 3;
pub const LOCAL_KIND: u8 = 4;

#[derive(Clone, Debug)]
pub struct RawHello {
    pub version: u8,
    pub purpose: u8,
    /// What the count says, where that is not how many follow.
    pub claimed_count: Option<u8>,
    pub credentials: Vec<(u8, Vec<u8>)>,
    pub nonce: Vec<u8>,
    pub workspace: Vec<u8>,
    pub capabilities: u16,
    pub trailing: Vec<u8>,
    pub server_name: Option<String>,
    pub protocol: Vec<u8>,
    pub peer: IpAddr,
}

impl RawHello {
    /// To what is guarded, with nothing to show.
    pub fn open() -> Self {
        Self {
            version: 1,
            purpose: 1,
            claimed_count: None,
            credentials: Vec::new(),
            nonce: Vec::new(),
            workspace: Vec::new(),
            capabilities: 0,
            trailing: Vec::new(),
            server_name: Some("localhost".into()),
            protocol: b"doorward/1".to_vec(),
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
        }
    }

    /// For a token alone, with nothing to show.
    pub fn token() -> Self {
        Self { purpose: 2, ..Self::open() }
    }

    pub fn with(mut self, kind: u8, text: impl AsRef<[u8]>) -> Self {
        self.credentials.push((kind, text.as_ref().to_vec()));
        self
    }

    pub fn session(self, token: &str) -> Self {
        self.with(SESSION_KIND, token)
    }

    /// With the nonce that a grant needs.
    pub fn grant(self, text: &str) -> Self {
        self.with(GRANT_KIND, text).nonce([0x0c; 16])
    }

    pub fn ticket(self, ticket: &str) -> Self {
        self.with(TICKET_KIND, ticket)
    }

    pub fn local(self) -> Self {
        self.with(LOCAL_KIND, "0".repeat(64))
    }

    pub fn nonce(mut self, nonce: impl AsRef<[u8]>) -> Self {
        self.nonce = nonce.as_ref().to_vec();
        self
    }

    pub fn workspace(mut self, name: impl AsRef<[u8]>) -> Self {
        self.workspace = name.as_ref().to_vec();
        self
    }

    pub fn needing(self, capabilities: u16) -> Self {
        Self { capabilities, ..self }
    }

    pub fn server_name(self, name: Option<&str>) -> Self {
        Self { server_name: name.map(String::from), ..self }
    }

    pub fn protocol(self, name: &[u8]) -> Self {
        Self { protocol: name.to_vec(), ..self }
    }

    pub fn peer(mut self, address: &str) -> Self {
        self.peer = address.parse().expect("an address");
        self
    }

    pub fn body(&self) -> Vec<u8> {
        let count = u8::try_from(self.credentials.len()).expect("few credentials");
        let mut body = vec![self.version, self.purpose, self.claimed_count.unwrap_or(count)];
        for (kind, text) in &self.credentials {
            body.push(*kind);
            body.extend(u16::try_from(text.len()).expect("a short text").to_be_bytes());
            body.extend(text);
        }
        for short in [&self.nonce, &self.workspace] {
            body.push(u8::try_from(short.len()).expect("a short field"));
            body.extend(short);
        }
        body.extend(self.capabilities.to_be_bytes());
        body.extend(&self.trailing);
        body
    }

    pub fn frame(&self) -> Vec<u8> {
        framed(&self.body())
    }

    pub fn with_greeting<R>(&self, look: impl FnOnce(&Greeting<'_>) -> R) -> R {
        look(&Greeting {
            body: &self.body(),
            server_name: self.server_name.as_deref(),
            protocol: &self.protocol,
            peer: self.peer,
        })
    }
}

/// A body after its length, whatever is in it.
pub fn framed(body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).expect("a short body");
    [&length.to_be_bytes()[..], body].concat()
}
