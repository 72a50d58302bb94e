//! The pairing link: where to pair, with which grant, and which certificate to expect there.
//!
//! ```text
//! link     = base "/.doorward/pair#" fragment
//! fragment = grant [ "." pin ]
//!          | grant "." [ pin ] "." port
//! ```
//!
//! `grant` is the link's 43 characters; `pin` is the SHA-256 of the server's certificate in DER, in
//! base64url; `port` is the UDP port on which the same server speaks QUIC. All of it stands in the
//! fragment, which no server sees (RFC 3986, section 3.5).

use alloc::format;
use alloc::string::String;
use core::fmt;

use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::encoding::{base64url, decode_exact, decode_hex, hex};
use crate::grant::GrantSecret;
use crate::host::parse_port;

/// Where the pairing page is, on its server.
pub const PAIR_PATH: &str = "/.doorward/pair";

/// The SHA-256 of a certificate in DER. No secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CertificatePin([u8; 32]);

impl CertificatePin {
    /// From the digest.
    #[must_use]
    pub const fn new(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// Whether a certificate has this digest.
    #[must_use]
    pub fn matches(&self, digest: &[u8; 32]) -> bool {
        self.0.ct_eq(digest).into()
    }

    /// Parses 64 digits of lower-case hexadecimal, as [`fmt::Display`] writes them.
    #[must_use]
    pub fn parse_hex(text: &str) -> Option<Self> {
        decode_hex(text).map(Self)
    }
}

impl fmt::Display for CertificatePin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// What stands in the fragment of a pairing link.
#[derive(Debug)]
pub struct LinkFragment {
    /// What is redeemed.
    pub grant: GrantSecret,
    /// The certificate to expect, where it is not verified by name.
    pub pin: Option<CertificatePin>,
    /// The UDP port on which the server speaks QUIC.
    pub quic_port: Option<u16>,
}

impl LinkFragment {
    /// Parses what follows the `#`. `None` if it is anything else, and for a typed code, which no
    /// link carries.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let grant = GrantSecret::parse(parts.next()?).filter(|grant| !grant.is_code())?;
        let (pin, port) = (parts.next(), parts.next());
        let pin = match (pin, port) {
            (None, _) | (Some(""), Some(_)) => None,
            (Some(pin), _) => Some(CertificatePin(decode_exact(pin.as_bytes())?)),
        };
        let quic_port = match port {
            None => None,
            Some(port) => Some(parse_port(port.as_bytes())?),
        };
        parts.next().is_none().then_some(Self { grant, pin, quic_port })
    }

    /// The link under a base URL such as `https://dev.example`. It holds the grant: lay it open
    /// only where the link is shown.
    #[must_use]
    pub fn link(&self, base: &str) -> Zeroizing<String> {
        let grant = self.grant.expose();
        let pin = self.pin.map(|pin| base64url(&pin.0)).unwrap_or_default();
        let tail = match (self.pin, self.quic_port) {
            (_, Some(port)) => format!(".{pin}.{port}"),
            (Some(_), None) => format!(".{pin}"),
            (None, None) => String::new(),
        };
        //= req: SECRET-7
        let parts = [base, PAIR_PATH, "#", &**grant, &*tail];
        // Room for all of it at once: growing would leave a copy of the grant behind.
        let room = parts.iter().map(|part| part.len()).fold(0, usize::saturating_add);
        let mut link = Zeroizing::new(String::with_capacity(room));
        parts.iter().for_each(|part| link.push_str(part));
        link
    }
}
