//! Which server, where on it, and what proves that it is the one meant.

use std::fmt;
use std::net::IpAddr;

use doorward_policy::host::{Authority, HostName};
use doorward_policy::link::CertificatePin;

/// How a server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// HTTP and WebSocket without TLS, on this machine alone.
    Http,
    /// HTTP and WebSocket in TLS.
    Https,
    /// QUIC, which is never without TLS.
    Quic,
}

impl Transport {
    pub(crate) const fn scheme(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Quic => "quic",
        }
    }

    /// The port of a URL that names none.
    const fn default_port(self) -> Option<u16> {
        match self {
            Self::Http => Some(80),
            Self::Https => Some(443),
            Self::Quic => None,
        }
    }
}

/// What proves to a client that a server is the one meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Identity {
    /// That it is on this machine: plain http.
    Local,
    /// A certificate in its name, under a root that the client trusts.
    Name,
    /// One certificate, whatever it says.
    Pinned(CertificatePin),
}

/// A server: its address, and what proves that it is the one meant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Server {
    transport: Transport,
    host: String,
    port: u16,
    identity: Identity,
}

/// Why a URL names no server that can be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlError {
    /// It is not `scheme://host:port` with a known scheme, with or without a path.
    Shape,
    /// It leaves this machine without TLS.
    Network,
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shape => {
                "the URL has to be https://host:port, wss://host:port/path, quic://host:port or, \
                 on this machine, http://host:port or ws://host:port/path, such as \
                 http://127.0.0.1:8765"
            }
            Self::Network => {
                "without TLS the session's token would cross the network readable: use the \
                 listener's https:// or quic:// address or, if it has none, forward its port to \
                 this machine (ssh -L 8765:127.0.0.1:8765 …) and connect to http://127.0.0.1:8765"
            }
        })
    }
}

impl std::error::Error for UrlError {}

/// A server and a path on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The server.
    pub server: Server,
    /// The path with its query, if one is written.
    pub path: Option<String>,
}

impl Target {
    /// Parses `http://host[:port][/path]`, the same with `https`, `ws` or `wss`, or
    /// `quic://host:port`. A fragment is not part of it.
    ///
    /// # Errors
    /// Why it names nothing to connect to.
    pub fn parse(url: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = url.split_once("://").ok_or(UrlError::Shape)?;
        let transport = match scheme {
            "http" | "ws" => Transport::Http,
            "https" | "wss" => Transport::Https,
            "quic" => Transport::Quic,
            _ => return Err(UrlError::Shape),
        };
        let (authority, path) = match rest.find(['/', '?']) {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let sound = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
        let nowhere = transport == Transport::Quic && !path.is_empty();
        if !sound || nowhere || path.starts_with('?') {
            return Err(UrlError::Shape);
        }
        let path = (!path.is_empty()).then(|| path.to_owned());
        Ok(Self { server: Server::from_authority(transport, authority)?, path })
    }
}

impl Server {
    fn from_authority(transport: Transport, text: &str) -> Result<Self, UrlError> {
        let parsed = Authority::parse(text).ok_or(UrlError::Shape)?;
        let port = parsed.port.or(transport.default_port()).ok_or(UrlError::Shape)?;
        let (host, near) = match parsed.host {
            HostName::Name(name) => {
                let name = name.to_ascii_lowercase();
                let near = name == "localhost" || name.ends_with(".localhost");
                (name, near)
            }
            HostName::V4(address) => (address.to_string(), address.is_loopback()),
            HostName::V6(address) => (address.to_string(), IpAddr::V6(address).is_loopback()),
        };
        let identity = match transport {
            //= req: CLIENT-1
            Transport::Http if !near => return Err(UrlError::Network),
            Transport::Http => Identity::Local,
            Transport::Https | Transport::Quic => Identity::Name,
        };
        Ok(Self { transport, host, port, identity })
    }

    /// How it is spoken to.
    #[must_use]
    pub const fn transport(&self) -> Transport {
        self.transport
    }

    /// What proves that it is the one meant.
    #[must_use]
    pub const fn identity(&self) -> Identity {
        self.identity
    }

    /// The same server, known by one certificate; plain http has none to be known by.
    #[must_use]
    pub fn pinned(self, pin: CertificatePin) -> Self {
        match self.transport {
            Transport::Http => self,
            Transport::Https | Transport::Quic => Self { identity: Identity::Pinned(pin), ..self },
        }
    }

    /// The same host, spoken to in QUIC on this port, and known by name.
    #[must_use]
    pub fn quic(&self, port: u16) -> Self {
        let host = self.host.clone();
        Self { transport: Transport::Quic, host, port, identity: Identity::Name }
    }

    /// Whether two are spoken to in the same way at the same address, whatever proves them.
    #[must_use]
    pub fn same_address(&self, other: &Self) -> bool {
        let address = |it: &Self| (it.transport, it.port);
        address(self) == address(other) && self.host == other.host
    }

    /// Its origin, `scheme://host[:port]`: what sessions are kept under.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("{}://{}", self.transport.scheme(), self.authority())
    }

    /// `host[:port]`, as the `Host` header spells it.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = &self.host;
        let shown = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        if Some(self.port) == self.transport.default_port() {
            return shown;
        }
        format!("{shown}:{}", self.port)
    }

    /// Its host: a name, or an address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn endpoint(&self) -> (&str, u16) {
        (&self.host, self.port)
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str) -> Server {
        Target::parse(url).expect("valid").server
    }

    #[test]
    fn a_url_is_a_server_and_perhaps_a_path() {
        let target = Target::parse("ws://LOCALHOST:8765/a/b?c=d").expect("valid");
        assert_eq!(target.server.origin(), "http://localhost:8765");
        assert_eq!(target.path.as_deref(), Some("/a/b?c=d"));
        let plain = Target::parse("http://[::1]").expect("valid");
        assert_eq!((plain.server.origin().as_str(), plain.path), ("http://[::1]", None));
        assert_eq!(plain.server.endpoint(), ("::1", 80));
        assert_eq!(server("wss://dev.example/x").origin(), "https://dev.example");
        assert_eq!(server("https://dev.example").endpoint(), ("dev.example", 443));
        assert_eq!(server("quic://[2001:db8::1]:4433").origin(), "quic://[2001:db8::1]:4433");
    }

    //= req: CLIENT-1, type=test
    #[test]
    fn a_token_leaves_this_machine_under_tls_alone() {
        for url in ["http://192.0.2.1:8765", "ws://dev.example/", "http://localhost.evil.example"] {
            assert_eq!(Target::parse(url), Err(UrlError::Network), "{url}");
        }
        for url in ["https://192.0.2.1", "wss://dev.example/", "quic://dev.example:4433"] {
            assert_eq!(server(url).identity(), Identity::Name, "{url}");
        }
    }

    #[test]
    fn anything_else_is_no_url() {
        for url in [
            "",
            "127.0.0.1:8765",
            "ftp://localhost",
            "http://u@localhost",
            "http://localhost:0x1",
            "http://localhost/a b",
            "http://localhost/#x",
            "http://localhost\r\n/",
            "quic://localhost",
            "quic://localhost:4433/echo",
        ] {
            assert_eq!(Target::parse(url), Err(UrlError::Shape), "{url}");
        }
    }

    #[test]
    fn an_address_is_transport_host_and_port_and_no_certificate() {
        let pin = CertificatePin::new([7; 32]);
        let named = server("quic://dev.example:4433");
        let pinned = named.clone().pinned(pin);
        assert!(named.same_address(&pinned) && named != pinned);
        for other in ["https://dev.example:4433", "quic://dev.example:4434", "quic://x:4433"] {
            assert!(!named.same_address(&server(other)), "{other}");
        }
        let plain = server("http://127.0.0.1:8765").pinned(pin);
        assert_eq!(plain.identity(), Identity::Local);
        assert_eq!(plain.quic(4433).origin(), "quic://127.0.0.1:4433");
    }
}
