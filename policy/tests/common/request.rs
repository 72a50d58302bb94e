//! A request, put together field by field.

use core::net::{IpAddr, Ipv4Addr};

use doorward_policy::request::{Field, Head};

pub const HOST: &str = "localhost:8765";
pub const ORIGIN: &str = "http://localhost:8765";
pub const EVIL: &str = "https://evil.example";
pub const COOKIE: &str = "doorward_8765";

#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub target: String,
    pub fields: Vec<(String, Vec<u8>)>,
    pub peer: IpAddr,
    pub tls: bool,
}

impl Request {
    pub fn new(method: &str, target: &str) -> Self {
        let request = Self {
            method: method.into(),
            target: target.into(),
            fields: Vec::new(),
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
            tls: false,
        };
        request.with("Host", HOST)
    }

    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    pub fn post(target: &str) -> Self {
        Self::new("POST", target)
    }

    /// A complete WebSocket handshake, from nowhere and with nothing to show.
    pub fn upgrade() -> Self {
        Self::get("/terminal")
            .with("Connection", "keep-alive, Upgrade")
            .with("Upgrade", "websocket")
            .with("Sec-WebSocket-Version", "13")
            .with("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
    }

    pub fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.fields.push((name.into(), value.as_ref().to_vec()));
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(one, _)| !one.eq_ignore_ascii_case(name));
        self
    }

    pub fn replacing(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.without(name).with(name, value)
    }

    pub fn host(self, host: &str) -> Self {
        self.replacing("Host", host)
    }

    pub fn origin(self, origin: &str) -> Self {
        self.with("Origin", origin)
    }

    /// As a page of this server sends it.
    pub fn same_origin(self) -> Self {
        self.origin(ORIGIN)
    }

    pub fn cookie(self, token: &str) -> Self {
        self.with("Cookie", format!("{COOKIE}={token}"))
    }

    pub fn bearer(self, token: &str) -> Self {
        self.with("Authorization", format!("Bearer {token}"))
    }

    pub fn ticket(self, ticket: &str) -> Self {
        self.with("Sec-WebSocket-Protocol", format!("doorward, doorward.ticket.{ticket}"))
    }

    pub fn peer(mut self, address: &str) -> Self {
        self.peer = address.parse().expect("an address");
        self
    }

    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    pub fn with_head<R>(&self, look: impl FnOnce(&Head<'_>) -> R) -> R {
        let fields: Vec<Field<'_>> =
            self.fields.iter().map(|(name, value)| Field { name, value }).collect();
        look(&Head {
            method: &self.method,
            target: &self.target,
            fields: &fields,
            peer: self.peer,
            tls: self.tls,
        })
    }
}
