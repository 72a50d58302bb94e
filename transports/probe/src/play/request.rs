//! What is sent for an `ask`, in the terms of each transport.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use doorward_policy::grant::NONCE_BYTES;

use super::quic::{self, Presented};
use super::{Round, Stop};
use crate::attack::{Ask, Transport};
use crate::pace::Pace;
use crate::target::{HttpAddress, QuicAddress};
use crate::template::{Spelling, Template};

/// Where bytes go, and the bytes.
pub(super) enum Request {
    Http { to: HttpAddress, from: Option<IpAddr>, bytes: Vec<u8>, bodiless: bool, upgrades: bool },
    Quic { to: QuicAddress, from: Option<IpAddr>, bytes: Vec<u8>, early: bool },
}

impl Request {
    /// Waits until the connections that it takes may be opened: for early data, one goes before.
    pub(super) async fn turns(&self, pace: &Pace) {
        pace.turn().await;
        if matches!(self, Self::Quic { early: true, .. }) {
            pace.turn().await;
        }
    }
}

/// What a credential is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bearer,
    Cookie,
    Ticket,
    Local,
    Grant,
}

impl Kind {
    /// The kind of a credential, and its text.
    pub(crate) fn split(text: &str) -> Result<(Self, &str), String> {
        let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
        let kind = match kind {
            "bearer" => Self::Bearer,
            "cookie" => Self::Cookie,
            "ticket" => Self::Ticket,
            "local" => Self::Local,
            "grant" => Self::Grant,
            _ => {
                return Err(format!(
                    "`{kind}` is no kind of credential; there are bearer, cookie, ticket, local \
                    and grant, each with its value behind it"
                ));
            }
        };
        Ok((kind, rest))
    }

    const fn in_hello(self) -> u8 {
        match self {
            Self::Bearer | Self::Cookie => 1,
            Self::Grant => 2,
            Self::Ticket => 3,
            Self::Local => 4,
        }
    }
}

impl Round<'_> {
    /// Fills in a text of a step.
    pub(super) fn fill(&mut self, text: &str, spelling: Spelling) -> Result<Vec<u8>, Stop> {
        let parsed = Template::parse(text, spelling).map_err(|why| self.wrong(&why))?;
        parsed.fill(&mut self.known).map_err(|why| self.unknown(&why))
    }

    fn fill_or(&mut self, text: Option<&str>, other: &str) -> Result<Vec<u8>, Stop> {
        self.fill(text.unwrap_or(other), Spelling::Plain)
    }

    pub(super) fn request(&mut self, ask: &Ask) -> Result<Request, Stop> {
        let from = self.address(ask.from.as_deref())?;
        if self.over == Transport::Quic {
            return self.hello_of(ask, from);
        }
        let to = self.http()?;
        let redeems = ask.credential.as_deref().is_some_and(|text| text.starts_with("grant "));
        let usual = if redeems { "POST" } else { "GET" };
        let method = self.fill_or(ask.method.as_deref(), usual)?;
        let upgrades = self.over == Transport::Websocket && method == b"GET";
        let target = self.target;
        let profile = target.profile();
        let usual = match (redeems, upgrades) {
            (true, _) => profile.redeem.clone().ok_or_else(|| Stop::lacks("grants to redeem"))?,
            (_, true) => profile.websocket.clone().ok_or_else(|| Stop::lacks("a WebSocket"))?,
            (false, false) => profile.page.clone(),
        };
        let mut path = self.fill_or(ask.path.as_deref(), &usual)?;
        self.has_path(&path)?;
        path = self.placed(path, upgrades);
        let host = self.fill_or(ask.host.as_deref(), &to.authority)?;
        let mut lines = vec![[b"Host: ".as_slice(), &host].concat()];
        if let Some(origin) = &ask.origin {
            let origin = self.fill(origin, Spelling::Plain)?;
            lines.push([b"Origin: ".as_slice(), &origin].concat());
        }
        for (kind, line) in self.credentials(ask)? {
            match (kind, &profile.query) {
                (Kind::Bearer, Some(_)) if upgrades => {
                    path.push(if path.contains(&b'?') { b'&' } else { b'?' });
                    path.extend(line);
                }
                _ => lines.push(line),
            }
        }
        let mut written = Vec::new();
        for header in &ask.headers {
            written.push(self.fill(header, Spelling::Plain)?);
        }
        // An upgrade has no body.
        let body = if upgrades { None } else { self.body(ask, &method, redeems)? };
        if upgrades {
            for line in &profile.upgrade {
                lines.push(self.fill(line, Spelling::Plain)?);
            }
        }
        let own = own_lines(upgrades, body.as_ref().map(Vec::len), ask.stay.is_some());
        let named = |line: &String| {
            let name = line.split(':').next().unwrap_or_default();
            written.iter().any(|header| is_named(header, name))
        };
        lines.extend(own.into_iter().filter(|line| !named(line)).map(String::into_bytes));
        lines.append(&mut written);
        lines.insert(0, [method.as_slice(), b" ", &path, b" HTTP/1.1"].concat());
        let mut bytes = lines.join(b"\r\n".as_slice());
        bytes.extend(b"\r\n\r\n");
        bytes.extend(body.unwrap_or_default());
        Ok(Request::Http { to, from, bytes, bodiless: method == b"HEAD", upgrades })
    }

    /// Looks for a path that only a Doorward has: another product refuses it because it doesn't
    /// know it, and not because of what is asked for there.
    fn has_path(&self, target: &[u8]) -> Result<(), Stop> {
        if self.target.profile().strict || !target.starts_with(b"/.doorward") {
            return Ok(());
        }
        Err(Stop::lacks("the endpoints of a Doorward"))
    }

    /// A target of an attack as another product has it: `/` is its page, `/echo` its WebSocket.
    fn placed(&self, target: Vec<u8>, upgrades: bool) -> Vec<u8> {
        let profile = self.target.profile();
        if profile.strict {
            return target;
        }
        let end = target.iter().position(|&byte| byte == b'?').unwrap_or(target.len());
        let (path, query) = target.split_at(end);
        let instead = match path {
            b"/" if upgrades => profile.websocket.as_ref(),
            b"/" => Some(&profile.page),
            b"/echo" => profile.websocket.as_ref(),
            _ => None,
        };
        [instead.map_or(path, |instead| instead.as_bytes()), query].concat()
    }

    /// The same for bytes that begin with a request line.
    pub(super) fn placed_line(&self, bytes: Vec<u8>) -> Result<Vec<u8>, Stop> {
        let mut words = bytes.splitn(3, |&byte| byte == b' ');
        let (Some(method), Some(target), Some(rest)) = (words.next(), words.next(), words.next())
        else {
            return Ok(bytes);
        };
        self.has_path(target)?;
        let target = self.placed(target.to_vec(), false);
        Ok([method, b" ", &target, b" ", rest].concat())
    }

    /// Whether a credential is left out, since nobody is asked for one: a session's own, whole. What
    /// is forged, stale or stolen means nothing there.
    fn is_left_out(&self, value: &str) -> Result<bool, Stop> {
        if !self.target.profile().unguarded.contains(&self.over) {
            return Ok(false);
        }
        let name = value.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
        let own = name.and_then(|name| name.split_once('.'));
        match own {
            Some((name, "token" | "cookie")) if self.own.contains(name) => Ok(true),
            _ => Err(Stop::lacks("any credential that it asks for here")),
        }
    }

    /// What is presented: header lines, or a part of the query.
    fn credentials(&mut self, ask: &Ask) -> Result<Vec<(Kind, Vec<u8>)>, Stop> {
        let mut profile = self.target.profile().clone();
        if self.over == Transport::Websocket && profile.query.is_some() {
            profile.bearer.clone_from(&profile.query);
        }
        let mut lines = Vec::new();
        for text in [&ask.credential, &ask.beside].into_iter().flatten() {
            let (kind, value) = Kind::split(text).map_err(|why| self.wrong(&why))?;
            let (line, what) = match kind {
                Kind::Bearer => (&profile.bearer, "bearer tokens"),
                Kind::Cookie => (&profile.cookie, "a session cookie"),
                Kind::Ticket => (&profile.ticket, "tickets"),
                Kind::Local => (&profile.local, "local tokens"),
                // It stands in the body.
                Kind::Grant => continue,
            };
            if self.is_left_out(value)? {
                continue;
            }
            let line = line.as_deref().ok_or_else(|| Stop::lacks(what))?;
            let value = self.fill(value, Spelling::Plain)?;
            self.known.set_bytes("credential", &value);
            lines.push((kind, self.fill(line, Spelling::Plain)?));
        }
        Ok(lines)
    }

    fn body(&mut self, ask: &Ask, method: &[u8], redeems: bool) -> Result<Option<Vec<u8>>, Stop> {
        if let Some(body) = &ask.body {
            return self.fill(body, Spelling::Plain).map(Some);
        }
        if !redeems {
            return Ok((method == b"POST").then(Vec::new));
        }
        let value = ask.credential.as_deref().and_then(|text| text.strip_prefix("grant "));
        let grant = self.fill(value.unwrap_or_default(), Spelling::Plain)?;
        let nonce = self.fill_or(ask.nonce.as_deref(), "${nonce}")?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let body = serde_json::json!({ "credential": text(&grant), "nonce": text(&nonce) });
        Ok(Some(body.to_string().into_bytes()))
    }

    fn hello_of(&mut self, ask: &Ask, from: Option<IpAddr>) -> Result<Request, Stop> {
        let mut to = self.quic()?;
        if let Some(host) = &ask.host {
            let host = self.fill(host, Spelling::Plain)?;
            to.server_name = String::from_utf8_lossy(&host).into_owned();
        }
        let (mut presented, mut redeems) = (Vec::<Presented>::new(), false);
        for text in [&ask.credential, &ask.beside].into_iter().flatten() {
            let (kind, value) = Kind::split(text).map_err(|why| self.wrong(&why))?;
            redeems |= kind == Kind::Grant;
            presented.push((kind.in_hello(), self.fill(value, Spelling::Plain)?));
        }
        let nonce = match (&ask.nonce, redeems) {
            (None, false) => Vec::new(),
            (nonce, _) => raw(self.fill_or(nonce.as_deref(), "${nonce}")?),
        };
        let workspace = self.fill_or(ask.workspace.as_deref(), "")?;
        // A grant alone is redeemed for a token, as over HTTP.
        let open = !redeems || ask.stay.is_some();
        let bytes = quic::hello(open, &presented, &nonce, &workspace)
            .ok_or_else(|| self.wrong("no hello is as long as that; use a `hello` step"))?;
        Ok(Request::Quic { to, from, bytes, early: ask.early })
    }

    /// The address that a request or a packet comes from.
    pub(super) fn address(&mut self, from: Option<&str>) -> Result<Option<IpAddr>, Stop> {
        let Some(from) = from else { return Ok(self.target.from()) };
        let text = self.fill(from, Spelling::Plain)?;
        let address = str::from_utf8(&text).ok().and_then(|text| text.parse::<IpAddr>().ok());
        let address = address.ok_or_else(|| self.wrong("`from` has to be an address"))?;
        let at = match self.over {
            Transport::Quic => self.quic()?.address,
            Transport::Http | Transport::Websocket => self.http()?.address,
        };
        if address.is_loopback() && !at.ip().is_loopback() {
            return Err(Stop::lacks("a way to it from another address"));
        }
        Ok(Some(address))
    }
}

/// A nonce in the bytes that a hello has it in.
fn raw(nonce: Vec<u8>) -> Vec<u8> {
    match URL_SAFE_NO_PAD.decode(&nonce) {
        Ok(bytes) if NONCE_BYTES.contains(&bytes.len()) => bytes,
        _ => nonce,
    }
}

/// The lines that a request has of itself, unless its attack writes them.
fn own_lines(upgrades: bool, body: Option<usize>, stays: bool) -> Vec<String> {
    let mut lines = Vec::new();
    if upgrades {
        lines.extend([
            "Connection: Upgrade".to_owned(),
            "Upgrade: websocket".to_owned(),
            "Sec-WebSocket-Version: 13".to_owned(),
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==".to_owned(),
        ]);
    } else if !stays {
        lines.push("Connection: close".to_owned());
    }
    if let Some(length) = body {
        lines.push("Content-Type: application/json".to_owned());
        lines.push(format!("Content-Length: {length}"));
    }
    lines
}

fn is_named(header: &[u8], name: &str) -> bool {
    let field = header.split(|&byte| byte == b':').next().unwrap_or_default();
    field.eq_ignore_ascii_case(name.as_bytes())
}
