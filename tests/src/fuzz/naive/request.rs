//! The steps of a decision on a request, one after the other, as the design lists them.

use std::net::IpAddr;

use super::address::{Host, authority, origin};
use super::credential::{Presented, Sent, presented};
use super::path::{leads_home, readings};
use super::trim;

/// What an operator chose.
#[derive(Clone, Debug, Default)]
pub(crate) struct Choices {
    pub(crate) remote: bool,
    pub(crate) unguarded: bool,
    pub(crate) service_workers: bool,
    pub(crate) hosts: Vec<&'static str>,
    pub(crate) origins: Vec<&'static str>,
    pub(crate) proxy: Option<IpAddr>,
    /// Prefix and capabilities.
    pub(crate) rules: Vec<(&'static str, u16)>,
    /// Which workspace has which path or host; without any there is `main` alone.
    pub(crate) claims: Vec<(usize, &'static str)>,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) peer: IpAddr,
    pub(crate) tls: bool,
    pub(crate) method: &'a str,
    pub(crate) target: &'a str,
    pub(crate) fields: &'a [(String, Vec<u8>)],
}

/// What a rule asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asks {
    /// A page, or a health check.
    Nothing,
    /// `api/session`.
    Whoever,
    /// `api/bootstrap`, `api/token`: a grant in the body.
    Grant { token: bool },
    /// All of these capabilities.
    Session(u16),
    /// A local token.
    Process,
}

/// Which workspace a request belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// None: Doorward's own.
    Own,
    /// Whichever is the default of whoever asks.
    Default,
    /// This one.
    This(usize),
    /// One to some server and another to another.
    Nobodys,
}

/// A request that has passed the checks that need no secret.
#[derive(Clone, Debug)]
pub(crate) struct Passed {
    pub(crate) client: IpAddr,
    pub(crate) asks: Asks,
    /// The endpoint below Doorward's own prefix; `None` for the guarded server.
    pub(crate) own: Option<String>,
    pub(crate) wanted: Wanted,
    pub(crate) presented: Presented,
    pub(crate) origin: Option<Vec<u8>>,
}

impl Seen<'_> {
    fn all(&self, name: &str) -> Vec<&[u8]> {
        let named = |field: &&(String, Vec<u8>)| field.0.eq_ignore_ascii_case(name);
        self.fields.iter().filter(named).map(|field| &*field.1).collect()
    }

    /// The value of a field that may occur once; `Err` if it occurs more often.
    fn once(&self, name: &str) -> Result<Option<&[u8]>, ()> {
        match *self.all(name) {
            [] => Ok(None),
            [value] => Ok(Some(value)),
            _ => Err(()),
        }
    }

    fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// Whether every server reads the path alike. The policy may refuse any other.
    pub(crate) fn is_plain(&self) -> bool {
        !self.path().contains(['%', '\\', ';'])
            && !self.path().contains("//")
            && !format!("{}/", self.path()).contains("./")
    }

    /// Steps 1 to 5.
    pub(crate) fn pass(&self, choices: &Choices) -> Result<Passed, ()> {
        self.shape()?;
        let (client, secure) = self.client(choices)?;
        let upgrade = self.upgrade()?;
        let (host, port) = self.host(choices, secure)?;
        if !secure && !client.to_canonical().is_loopback() {
            return Err(());
        }
        let (asks, own) = self.route(choices)?;
        let wanted = if own.is_some() { Wanted::Own } else { self.wanted(choices, &host, port) };
        if !self.all("service-worker").is_empty() && !choices.service_workers {
            return Err(());
        }
        let name = if secure { "__Host-doorward".to_owned() } else { format!("doorward_{port}") };
        let presented = match asks {
            Asks::Nothing | Asks::Grant { .. } => Presented::Nothing,
            Asks::Whoever | Asks::Session(_) | Asks::Process => self.presented(upgrade, &name)?,
        };
        self.origin(choices, (secure, host, port), &asks, &presented, upgrade)?;
        let origin = self.once("origin")?.map(<[u8]>::to_vec);
        Ok(Passed { client, asks, own, wanted, presented, origin })
    }

    fn shape(&self) -> Result<(), ()> {
        const ONCE: [&str; 15] = [
            "host",
            "origin",
            "authorization",
            "cookie",
            "upgrade",
            "connection",
            "sec-websocket-key",
            "sec-websocket-version",
            "sec-websocket-protocol",
            "sec-fetch-site",
            "sec-fetch-mode",
            "sec-fetch-dest",
            "service-worker",
            "transfer-encoding",
            "content-length",
        ];
        let repeated = ONCE.iter().any(|name| self.once(name).is_err());
        let framed = !self.all("transfer-encoding").is_empty();
        let framed_twice = framed && !self.all("content-length").is_empty();
        let printable = self.path().bytes().all(|byte| (0x21..=0x7e).contains(&byte));
        let path = self.path();
        let ours = path.starts_with("/.doorward/");
        let malformed = !path.starts_with('/') || !printable || path.contains('#');
        let home = !ours && !malformed && leads_home(&readings(path, 3));
        let too_many = self.fields.len() > 64;
        if repeated || framed_twice || malformed || home || too_many { Err(()) } else { Ok(()) }
    }

    fn client(&self, choices: &Choices) -> Result<(IpAddr, bool), ()> {
        let peer = self.peer.to_canonical();
        if choices.proxy != Some(peer) {
            return Ok((peer, self.tls));
        }
        let text = |value| std::str::from_utf8(value).map_err(|_| ());
        let mut client = peer;
        if let Some(list) = self.once("x-forwarded-for")? {
            for hop in text(list)?.split(',').rev() {
                let hop: IpAddr = hop.trim().parse().map_err(|_| ())?;
                client = hop.to_canonical();
                if choices.proxy != Some(client) {
                    break;
                }
            }
        }
        match self.once("x-forwarded-proto")? {
            None => Ok((client, self.tls)),
            Some(b"http") => Ok((client, false)),
            Some(b"https") => Ok((client, true)),
            Some(_) => Err(()),
        }
    }

    fn upgrade(&self) -> Result<bool, ()> {
        if self.method == "CONNECT" {
            return Err(());
        }
        let Some(upgrade) = self.once("upgrade")? else { return Ok(false) };
        let connection = self.once("connection")?.unwrap_or_default().to_ascii_lowercase();
        let asked = connection.split(|byte| *byte == b',').any(|item| trim(item) == b"upgrade");
        let length = self.once("content-length")?.unwrap_or(b"0");
        let sound = self.method == "GET"
            && trim(upgrade).eq_ignore_ascii_case(b"websocket")
            && asked
            && self.once("sec-websocket-version")? == Some(b"13")
            && self.once("sec-websocket-key")?.is_some_and(is_websocket_key)
            && self.all("transfer-encoding").is_empty()
            && length == b"0";
        if sound { Ok(true) } else { Err(()) }
    }

    fn host(&self, choices: &Choices, secure: bool) -> Result<(Host, u16), ()> {
        let text = self.once("host")?.and_then(|value| std::str::from_utf8(value).ok());
        let (host, port) = text.and_then(authority).ok_or(())?;
        let port = port.unwrap_or(if secure { 443 } else { 80 });
        let loopback = ["localhost", "127.0.0.1", "[::1]"]
            .iter()
            .any(|name| authority(name).is_some_and(|known| known.0 == host));
        let claimed = choices.claims.iter().map(|(_, claim)| *claim);
        let listed = choices
            .hosts
            .iter()
            .copied()
            .chain(claimed.filter(|claim| !claim.starts_with('/')))
            .filter_map(authority)
            .any(|entry| entry.0 == host && entry.1.is_none_or(|wanted| wanted == port));
        if listed || (loopback && !choices.remote) { Ok((host, port)) } else { Err(()) }
    }

    fn route(&self, choices: &Choices) -> Result<(Asks, Option<String>), ()> {
        if let Some(own) = self.path().strip_prefix("/.doorward/") {
            let asks = match (self.method, own) {
                ("GET" | "HEAD", "pair" | "health") => Asks::Nothing,
                ("GET", "api/session") => Asks::Whoever,
                ("POST", "api/bootstrap") => Asks::Grant { token: false },
                ("POST", "api/token") => Asks::Grant { token: true },
                ("POST", "api/renew" | "api/ticket" | "api/logout" | "api/room")
                | ("GET", "api/workspaces" | "api/room") => Asks::Session(0),
                ("POST", "api/stay" | "api/ask") => Asks::Process,
                _ => return Err(()),
            };
            return Ok((asks, Some(own.to_owned())));
        }
        let mut needed = None;
        for reading in readings(self.path(), 3) {
            let matching = choices.rules.iter().filter(|(prefix, _)| is_under(&reading, prefix));
            let (_, here) = matching.max_by_key(|(prefix, _)| prefix.len()).ok_or(())?;
            // To some server, case is nothing.
            let folded =
                choices.rules.iter().filter(|(prefix, _)| is_only_folded(&reading, prefix));
            needed = Some(folded.fold(needed.unwrap_or(0) | here, |all, (_, one)| all | one));
        }
        Ok((Asks::Session(needed.ok_or(())?), None))
    }

    /// The workspace whose claim every server finds.
    fn wanted(&self, choices: &Choices, host: &Host, port: u16) -> Wanted {
        let (paths, hosts): (Vec<_>, Vec<_>) =
            choices.claims.iter().partition(|(_, claim)| claim.starts_with('/'));
        let here = |claim: &str| {
            authority(claim)
                .is_some_and(|one| one.0 == *host && one.1.is_none_or(|wanted| wanted == port))
        };
        if let Some((workspace, _)) = hosts.iter().find(|(_, claim)| here(claim)) {
            return Wanted::This(*workspace);
        }
        let mut owners = Vec::new();
        for reading in readings(self.path(), 3) {
            let matching = paths.iter().filter(|(_, claim)| is_under(&reading, claim));
            let longest = matching.max_by_key(|(_, claim)| claim.len());
            owners.push(longest.map(|(workspace, _)| *workspace));
            let folded = paths.iter().filter(|(_, claim)| is_only_folded(&reading, claim));
            owners.extend(folded.map(|(workspace, _)| Some(*workspace)));
        }
        owners.sort_unstable();
        owners.dedup();
        match *owners {
            [None] => Wanted::Default,
            [Some(workspace)] => Wanted::This(workspace),
            _ => Wanted::Nobodys,
        }
    }

    fn presented(&self, upgrade: bool, cookie_name: &str) -> Result<Presented, ()> {
        let sent = Sent {
            authorization: self.once("authorization")?,
            cookie: self.once("cookie")?,
            protocol: self.once("sec-websocket-protocol")?.filter(|_| upgrade),
        };
        presented(&sent, cookie_name).ok_or(())
    }

    fn origin(
        &self,
        choices: &Choices,
        (secure, host, port): (bool, Host, u16),
        asks: &Asks,
        presented: &Presented,
        upgrade: bool,
    ) -> Result<(), ()> {
        let site = self.once("sec-fetch-site")?;
        if let Some(value) = self.once("origin")? {
            let seen = std::str::from_utf8(value).ok().and_then(origin).ok_or(())?;
            let own = (if secure { "https" } else { "http" }.to_owned(), host, Some(port));
            let listed = choices.origins.iter().any(|entry| origin(entry).as_ref() == Some(&seen));
            let refused = *asks == Asks::Grant { token: true };
            return if (seen == own || listed) && !refused { Ok(()) } else { Err(()) };
        }
        let ambient =
            matches!(presented, Presented::Cookie(_) | Presented::Ticket { cookie: Some(_), .. });
        let told = matches!(site, Some(b"same-origin" | b"none"))
            || (self.once("sec-fetch-mode")? == Some(b"navigate")
                && self.once("sec-fetch-dest")? == Some(b"document"));
        let reading = matches!(self.method, "GET" | "HEAD") && !upgrade;
        let enough =
            if choices.unguarded && site.is_some() { told } else { !ambient || (reading && told) };
        if enough { Ok(()) } else { Err(()) }
    }
}

/// Whether a path that was read so lies under a prefix.
fn is_under(reading: &[Vec<u8>], prefix: &str) -> bool {
    let mut segments = prefix.split('/').filter(|one| !one.is_empty());
    let mut read = reading.iter();
    segments.all(|one| read.next().is_some_and(|segment| segment == one.as_bytes()))
}

/// Whether it does to a server for which case is nothing, and to no other.
fn is_only_folded(reading: &[Vec<u8>], prefix: &str) -> bool {
    let folded: Vec<_> = reading.iter().map(|segment| segment.to_ascii_lowercase()).collect();
    is_under(&folded, &prefix.to_ascii_lowercase()) && !is_under(reading, prefix)
}

/// base64 of 16 bytes, with its padding.
fn is_websocket_key(value: &[u8]) -> bool {
    let Some(text) = value.strip_suffix(b"==") else { return false };
    let url: Vec<u8> = text
        .iter()
        .map(|byte| match byte {
            b'+' => b'-',
            b'/' => b'_',
            b'-' | b'_' => b'!',
            other => *other,
        })
        .collect();
    super::base64url_decode(&url).is_some_and(|bytes| bytes.len() == 16)
}
