//! Where to probe: a URL, who allows it, and the one address that every connection goes to.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use doorward_policy::host::{Authority, HostName};

/// The URL of a server: scheme, host and port alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    secure: bool,
    authority: String,
}

/// Why nothing is sent there.
#[derive(Debug, PartialEq, Eq)]
pub enum PlaceError {
    /// It is no URL of scheme, host and port alone.
    Url,
    /// It is no host and port.
    HostAndPort,
    /// It is on another machine, and nobody has said that this is allowed.
    Elsewhere {
        /// Its host.
        host: String,
        /// What the host stands for.
        address: IpAddr,
    },
    /// What was named again is not the host of the URL.
    AnotherHost {
        /// What was named.
        named: String,
        /// The host of the URL.
        host: String,
    },
    /// The host can't be found.
    NotFound {
        /// Its host.
        host: String,
        /// What the resolver says.
        reason: String,
    },
}

impl fmt::Display for PlaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url => f.write_str(
                "a server is named by scheme, host and port alone, such as http://127.0.0.1:8765",
            ),
            Self::HostAndPort => {
                f.write_str("QUIC is named by host and port alone, such as 127.0.0.1:8766")
            }
            Self::Elsewhere { host, address } => {
                let stands = match host.parse::<IpAddr>() {
                    Ok(_) => String::new(),
                    Err(_) => format!(" ({address})"),
                };
                write!(
                    f,
                    "{host}{stands} is no loopback address: attack nothing that you may not; if you \
                     may, say so with --authorized {host}"
                )
            }
            Self::AnotherHost { named, host } => {
                write!(f, "--authorized {named} is not the host that is probed, which is {host}")
            }
            Self::NotFound { host, reason } => write!(f, "can't find {host}: {reason}"),
        }
    }
}

impl std::error::Error for PlaceError {}

impl Place {
    /// Reads `http[s]://host[:port]`. User information, a path, a query or a fragment could hide a
    /// secret on a command line, and are refused.
    ///
    /// # Errors
    ///
    /// [`PlaceError::Url`] for anything else.
    pub fn parse(url: &str) -> Result<Self, PlaceError> {
        let (scheme, rest) = url.split_once("://").ok_or(PlaceError::Url)?;
        let secure = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err(PlaceError::Url),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        Authority::parse(authority).ok_or(PlaceError::Url)?;
        Ok(Self { secure, authority: authority.to_owned() })
    }

    /// Reads the `host:port` of a QUIC endpoint.
    ///
    /// # Errors
    ///
    /// [`PlaceError::HostAndPort`] for anything else.
    pub fn parse_quic(text: &str) -> Result<Self, PlaceError> {
        let parsed = Authority::parse(text).filter(|parsed| parsed.port.is_some());
        parsed.ok_or(PlaceError::HostAndPort)?;
        Ok(Self { secure: true, authority: text.to_owned() })
    }

    /// Whether it is under TLS.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// `host[:port]`, as it was written.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Its host, without brackets.
    #[must_use]
    pub fn host(&self) -> String {
        self.parsed().map_or_else(String::new, |parsed| parsed.host.to_string())
    }

    /// The port that is written, or the scheme's.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.parsed().map_or(0, |parsed| parsed.port_or_default(self.secure))
    }

    fn parsed(&self) -> Option<Authority<'_>> {
        Authority::parse(&self.authority)
    }

    /// Looks the host up, once, and says whether it may be probed: every connection then goes to
    /// this address, so that nobody can point the name elsewhere in between.
    ///
    /// # Errors
    ///
    /// If it is not on this machine and not `authorized` by exactly its host, if something else was
    /// authorized, or if it can't be found.
    pub async fn resolve(&self, authorized: Option<&str>) -> Result<SocketAddr, PlaceError> {
        let host = self.host();
        self.check_name(authorized)?;
        let failed = |reason: String| PlaceError::NotFound { host: host.clone(), reason };
        let mut found = tokio::net::lookup_host((host.as_str(), self.port()))
            .await
            .map_err(|error| failed(error.to_string()))?;
        let address = found.next().ok_or_else(|| failed("it has no address".to_owned()))?;
        self.check_address(authorized, address.ip())?;
        Ok(address)
    }

    /// Refuses an authorization for something else: whoever gives one has mistyped either.
    fn check_name(&self, authorized: Option<&str>) -> Result<(), PlaceError> {
        let Some(named) = authorized else { return Ok(()) };
        if self.is_named(named) {
            return Ok(());
        }
        Err(PlaceError::AnotherHost { named: named.to_owned(), host: self.host() })
    }

    fn check_address(&self, authorized: Option<&str>, address: IpAddr) -> Result<(), PlaceError> {
        // What is mapped into IPv6 is where its IPv4 address is.
        if address.to_canonical().is_loopback() || authorized.is_some_and(|it| self.is_named(it)) {
            return Ok(());
        }
        Err(PlaceError::Elsewhere { host: self.host(), address })
    }

    /// Whether this is exactly its host, with or without an IPv6 literal's brackets.
    fn is_named(&self, name: &str) -> bool {
        let bare = name.parse().map(HostName::V6).ok();
        let host = bare
            .or_else(|| Authority::parse(name).filter(|it| it.port.is_none()).map(|it| it.host));
        host.zip(self.parsed()).is_some_and(|(host, own)| host == own.host)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http{}://{}", if self.secure { "s" } else { "" }, self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(url: &str) -> Place {
        Place::parse(url).expect("a place")
    }

    #[test]
    fn a_place_is_scheme_host_and_port_alone() {
        let parsed = place("http://127.0.0.1:8765/");
        assert_eq!((parsed.is_secure(), parsed.port()), (false, 8765));
        assert_eq!(parsed.to_string(), "http://127.0.0.1:8765");
        let parsed = place("https://[::1]");
        assert_eq!((parsed.host().as_str(), parsed.port()), ("::1", 443));
        for url in [
            "127.0.0.1:8765",
            "ftp://127.0.0.1",
            "ws://127.0.0.1",
            "http://",
            "http://me:secret@127.0.0.1",
            "http://127.0.0.1/?token=secret",
            "http://127.0.0.1/app",
            "http://127.0.0.1#secret",
            "http://127.1",
            "http://127.0.0.1:0",
        ] {
            assert_eq!(Place::parse(url), Err(PlaceError::Url), "{url}");
        }
        assert!(Place::parse_quic("127.0.0.1:8766").is_ok());
        assert_eq!(Place::parse_quic("127.0.0.1"), Err(PlaceError::HostAndPort));
    }

    #[tokio::test]
    async fn what_is_on_this_machine_is_probed_unasked() {
        for url in [
            "http://127.0.0.1:1",
            "http://127.8.8.8:1",
            "http://[::1]:1",
            "http://[::ffff:127.0.0.1]:1",
        ] {
            let address = place(url).resolve(None).await.expect(url);
            assert!(address.ip().to_canonical().is_loopback(), "{url}");
        }
        let address = place("http://localhost:1").resolve(None).await.expect("found");
        assert!(address.ip().is_loopback());
    }

    #[tokio::test]
    async fn what_is_elsewhere_is_refused_until_its_host_is_named_again() {
        for url in [
            "http://203.0.113.7",
            "http://0.0.0.0:1",
            "http://[2001:db8::1]",
            "http://[::ffff:203.0.113.7]",
        ] {
            let refused = place(url).resolve(None).await.expect_err(url);
            assert!(matches!(refused, PlaceError::Elsewhere { .. }), "{url}");
        }
        let elsewhere = place("http://203.0.113.7:81");
        let address = elsewhere.resolve(Some("203.0.113.7")).await.expect("authorized");
        assert_eq!(address.to_string(), "203.0.113.7:81");
        for named in
            ["203.0.113.8", "203.0.113.7:81", "0xcb.0.113.7", "http://203.0.113.7", "*", ""]
        {
            let refused = elsewhere.resolve(Some(named)).await.expect_err(named);
            assert!(matches!(refused, PlaceError::AnotherHost { .. }), "{named}");
        }
        for named in ["2001:db8::1", "[2001:db8::1]", "2001:DB8:0::1"] {
            place("http://[2001:db8::1]").resolve(Some(named)).await.expect(named);
        }
    }

    #[test]
    fn a_name_counts_as_what_it_stands_for() {
        // As if a name of this machine had been pointed elsewhere, or the other way round.
        let named = place("http://localhost:1");
        assert!(named.check_address(None, IpAddr::from([203, 0, 113, 7])).is_err());
        assert!(named.check_address(None, IpAddr::from([127, 0, 0, 1])).is_ok());
        let named = place("http://dev.example");
        assert!(named.check_address(None, IpAddr::from([203, 0, 113, 7])).is_err());
        assert!(named.check_address(Some("DEV.example"), IpAddr::from([203, 0, 113, 7])).is_ok());
        assert_eq!(
            named.check_name(Some("example")),
            Err(PlaceError::AnotherHost { named: "example".into(), host: "dev.example".into() })
        );
    }
}
