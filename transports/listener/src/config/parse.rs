//! The values of settings, from text and back.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use doorward_policy::host::{Authority, HostName, is_loopback_name};

/// What was expected instead of a value.
pub(crate) type Expected = String;

const UNITS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// A span such as `500ms`, `90s`, `10m`, `2h` or `7d`.
pub(crate) fn duration(text: &str) -> Result<Duration, Expected> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
    factor
        .zip(number.parse::<u64>().ok())
        .and_then(|(factor, number)| number.checked_mul(factor))
        .map(Duration::from_millis)
        .ok_or_else(|| "a whole number with a unit, such as 500ms, 90s, 10m, 2h or 7d".to_owned())
}

/// A span in the largest unit that spells it exactly.
pub(crate) fn show_duration(span: Duration) -> String {
    let millis = span.as_millis();
    let exact = |factor: u64| millis > 0 && millis.is_multiple_of(u128::from(factor));
    let (name, factor) =
        UNITS.into_iter().rev().find(|(_, factor)| exact(*factor)).unwrap_or(("s", 1000));
    format!("{}{name}", millis / u128::from(factor))
}

/// A whole number within bounds.
pub(crate) fn number<T>(text: &str, least: T, most: T) -> Result<T, Expected>
where
    T: FromStr + PartialOrd + fmt::Display,
{
    let parsed = text.parse::<T>().ok().filter(|number| (&least..=&most).contains(&number));
    parsed.ok_or_else(|| format!("a whole number from {least} to {most}"))
}

/// `true` or `false`.
pub(crate) fn switch(text: &str) -> Result<bool, Expected> {
    text.parse().map_err(|_| "true or false".to_owned())
}

/// An address and port to listen on.
pub(crate) fn listen(text: &str) -> Result<SocketAddr, Expected> {
    let local = text.strip_prefix("localhost:").and_then(|port| port.parse().ok());
    let local = local.map(|port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    local.or_else(|| text.parse().ok()).ok_or_else(|| {
        "an IP address and a port, such as 127.0.0.1:8765 or [::1]:8765 (port 0 picks a free one)"
            .to_owned()
    })
}

/// The URL under which people reach the listener: `http[s]://host[:port]`, and nothing after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublicUrl {
    secure: bool,
    authority: String,
}

impl PublicUrl {
    pub(crate) fn parse(text: &str) -> Result<Self, Expected> {
        let expected =
            || "a URL of scheme, host and port alone, such as https://dev.example".to_owned();
        let text = text.strip_suffix('/').unwrap_or(text);
        let (scheme, authority) = text.split_once("://").ok_or_else(expected)?;
        let secure = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err(expected()),
        };
        Authority::parse(authority).ok_or_else(expected)?;
        Ok(Self { secure, authority: authority.to_owned() })
    }

    /// Whether it is under TLS.
    pub(crate) const fn is_secure(&self) -> bool {
        self.secure
    }

    /// Its host, without a port and without brackets.
    pub(crate) fn host(&self) -> Option<String> {
        Some(Authority::parse(&self.authority)?.host.to_string())
    }

    /// Whether it names this machine alone.
    pub(crate) fn is_loopback(&self) -> bool {
        Authority::parse(&self.authority).is_some_and(|parsed| is_loopback_name(&parsed.host))
    }

    /// An entry for its host at its own port.
    pub(crate) fn host_entry(&self) -> String {
        let port = if self.secure { 443 } else { 80 };
        match Authority::parse(&self.authority) {
            Some(Authority { port: None, host: HostName::V6(host) }) => format!("[{host}]:{port}"),
            Some(Authority { port: None, .. }) => format!("{}:{port}", self.authority),
            _ => self.authority.clone(),
        }
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http{}://{}", if self.secure { "s" } else { "" }, self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_back_as_they_are_shown() {
        for text in ["500ms", "90s", "10m", "2h", "7d", "0s"] {
            assert_eq!(show_duration(duration(text).expect("valid")), text);
        }
        assert_eq!(show_duration(Duration::from_secs(120)), "2m");
        for text in ["", "5", "m", "1.5h", "-1s", "1h30m", "5 s", "99999999999999999999d"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_public_url_has_a_scheme_and_an_authority_alone() {
        let url = PublicUrl::parse("https://dev.example/").expect("valid");
        assert!(url.is_secure() && !url.is_loopback());
        assert_eq!(url.to_string(), "https://dev.example");
        assert_eq!(url.host_entry(), "dev.example:443");
        assert_eq!(url.host().as_deref(), Some("dev.example"));
        let url = PublicUrl::parse("https://[::1]:8443").expect("valid");
        assert_eq!(url.host().as_deref(), Some("::1"));
        assert_eq!(PublicUrl::parse("http://[::1]").expect("valid").host_entry(), "[::1]:80");
        for text in
            ["dev.example", "ftp://a", "https://", "https://a/b", "https://u@a", "https://a#b"]
        {
            assert!(PublicUrl::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_to_listen_on_has_a_port() {
        assert!(listen("127.0.0.1:0").is_ok() && listen("[::1]:80").is_ok());
        assert_eq!(listen("localhost:8765"), listen("127.0.0.1:8765"));
        for text in ["127.0.0.1", "8765", ":8765", "example.com:80", "localhost"] {
            assert!(listen(text).is_err(), "{text}");
        }
    }
}
