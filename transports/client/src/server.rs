//! Which server, and where on it.

use std::fmt;
use std::net::IpAddr;

use doorward_policy::host::{Authority, HostName};

/// A server: `http://host:port` on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Server {
    authority: String,
    host: String,
    port: u16,
}

/// Why a URL names no server that can be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlError {
    /// It is not `http://host:port` or `ws://host:port`, with or without a path.
    Shape,
    /// It asks for TLS, which this client doesn't speak.
    Tls,
    /// It leaves this machine without TLS.
    Network,
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shape => {
                "the URL has to be http://host:port, or ws://host:port/path, such as \
                 http://127.0.0.1:8765"
            }
            Self::Tls => {
                "this client does not speak TLS yet: forward the listener's port to this machine \
                 (ssh -L 8765:127.0.0.1:8765 …) and connect to http://127.0.0.1:8765"
            }
            Self::Network => {
                "without TLS the session's token would cross the network readable: forward the \
                 listener's port to this machine (ssh -L 8765:127.0.0.1:8765 …) and connect to \
                 http://127.0.0.1:8765"
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
    /// Parses `http://host[:port][/path]` or the same with `ws`. A fragment is not part of it.
    ///
    /// # Errors
    /// Why it names nothing to connect to.
    pub fn parse(url: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = url.split_once("://").ok_or(UrlError::Shape)?;
        match scheme {
            "http" | "ws" => {}
            "https" | "wss" => return Err(UrlError::Tls),
            _ => return Err(UrlError::Shape),
        }
        let (authority, path) = match rest.find(['/', '?']) {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let sound = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
        if !sound || path.starts_with('?') {
            return Err(UrlError::Shape);
        }
        let path = (!path.is_empty()).then(|| path.to_owned());
        Ok(Self { server: Server::from_authority(authority)?, path })
    }
}

impl Server {
    fn from_authority(text: &str) -> Result<Self, UrlError> {
        let parsed = Authority::parse(text).ok_or(UrlError::Shape)?;
        let port = parsed.port_or_default(false);
        let (host, near) = match parsed.host {
            HostName::Name(name) => {
                let name = name.to_ascii_lowercase();
                let near = name == "localhost" || name.ends_with(".localhost");
                (name, near)
            }
            HostName::V4(address) => (address.to_string(), address.is_loopback()),
            HostName::V6(address) => (address.to_string(), IpAddr::V6(address).is_loopback()),
        };
        if !near {
            return Err(UrlError::Network);
        }
        let shown = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let authority = if port == 80 { shown } else { format!("{shown}:{port}") };
        Ok(Self { authority, host, port })
    }

    /// Its origin, `http://host[:port]`: what sessions are kept under.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://{}", self.authority)
    }

    /// `host[:port]`, as the `Host` header spells it.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
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

    #[test]
    fn a_url_is_a_server_and_perhaps_a_path() {
        let target = Target::parse("ws://LOCALHOST:8765/a/b?c=d").expect("valid");
        assert_eq!(target.server.origin(), "http://localhost:8765");
        assert_eq!(target.path.as_deref(), Some("/a/b?c=d"));
        let plain = Target::parse("http://[::1]").expect("valid");
        assert_eq!((plain.server.origin().as_str(), plain.path), ("http://[::1]", None));
        assert_eq!(plain.server.endpoint(), ("::1", 80));
    }

    #[test]
    fn a_token_leaves_this_machine_under_tls_alone() {
        for url in ["http://192.0.2.1:8765", "ws://dev.example/", "http://localhost.evil.example"] {
            assert_eq!(Target::parse(url), Err(UrlError::Network), "{url}");
        }
        assert_eq!(Target::parse("https://dev.example"), Err(UrlError::Tls));
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
        ] {
            assert_eq!(Target::parse(url), Err(UrlError::Shape), "{url}");
        }
    }
}
