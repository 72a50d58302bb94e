//! Where a pairing link leads.

use doorward_policy::grant::GrantSecret;
use doorward_policy::host::{Authority, is_loopback_name};
use doorward_policy::link::{CertificatePin, LinkFragment, PAIR_PATH};
use zeroize::Zeroizing;

/// Where the guarded origin is, as a link says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkPlace {
    /// Such as `https://dev.example`, without a slash at its end.
    pub base: String,
    /// The certificate that clients are to pin, where it is not verified by name.
    pub pin: Option<CertificatePin>,
    /// The UDP port on which it speaks QUIC.
    pub quic_port: Option<u16>,
}

impl LinkPlace {
    /// The link with this grant in it. Lay it open only where it is shown.
    #[must_use]
    pub fn link(&self, grant: GrantSecret) -> Zeroizing<String> {
        LinkFragment { grant, pin: self.pin, quic_port: self.quic_port }.link(&self.base)
    }

    /// The page where a code is typed.
    #[must_use]
    pub fn page(&self) -> String {
        format!("{}{PAIR_PATH}", self.base)
    }

    /// What to know of a link on another machine, if it doesn't simply work there.
    #[must_use]
    pub fn elsewhere(&self) -> Option<&'static str> {
        let authority = self.base.strip_prefix("http://").and_then(Authority::parse)?;
        Some(match self.quic_port {
            Some(_) if !is_loopback_name(&authority.host) => {
                "On another machine it is good for `doorward connect` alone, over QUIC; a browser \
                 needs TLS there (see `serve --help`)."
            }
            _ => "It works on this machine only; another one needs TLS (see `serve --help`).",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_in_the_clear_says_where_it_works() {
        let said = |base: &str, quic_port| {
            let place = LinkPlace { base: base.to_owned(), pin: None, quic_port };
            place.elsewhere().unwrap_or_default()
        };
        assert!(said("http://127.0.0.1:8765", Some(4433)).contains("this machine only"));
        assert!(said("http://dev.example:8765", None).contains("this machine only"));
        assert!(said("http://dev.example:8765", Some(4433)).contains("over QUIC"));
        assert_eq!(said("https://dev.example", Some(4433)), "");
    }
}
