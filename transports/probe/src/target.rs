//! What an attack is played against.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;

use zeroize::Zeroizing;

use crate::attack::Step;
use crate::profile::Profile;
use crate::variables::Variables;

/// An answer that is awaited, behind a pointer: a [`Target`] is used as a trait object.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A server, as far as the player has to know it.
pub trait Target: Send + Sync {
    /// Where it takes requests; `None` where it takes none. Asked anew for each step.
    fn http(&self) -> Option<HttpAddress>;

    /// Where it speaks QUIC; `None` where it doesn't. Asked anew for each step.
    fn quic(&self) -> Option<QuicAddress>;

    /// The address that connections come from, unless an attack says which; whichever it is
    /// without one.
    fn from(&self) -> Option<IpAddr> {
        None
    }

    /// How it is spoken to.
    fn profile(&self) -> &Profile;

    /// What is never shown, whether or not an attack has to do with it: each secret, behind its
    /// name.
    fn secrets(&self) -> Vec<(String, Zeroizing<String>)> {
        Vec::new()
    }

    /// Whether it has these settings ([`Attack::settings`](crate::Attack::settings)), or takes
    /// them on; called once, before the first step.
    ///
    /// # Errors
    ///
    /// For settings that it doesn't have. Without an implementation, for any.
    fn settle<'a>(
        &'a self,
        settings: &'a BTreeMap<String, toml::Value>,
    ) -> Pending<'a, Result<(), NotOffered>> {
        Box::pin(async move {
            match settings.keys().next() {
                None => Ok(()),
                Some(_) => {
                    let names: Vec<&str> = settings.keys().map(String::as_str).collect();
                    Err(NotOffered(format!("a server with other settings: {}", names.join(", "))))
                }
            }
        })
    }

    /// Takes a step that prepares something: a session, a grant, a revocation. What it makes is
    /// named with [`Variables::set`] and [`Variables::set_secret`].
    ///
    /// # Errors
    ///
    /// For what can't be prepared here; the attack is not applicable then.
    fn prepare<'a>(
        &'a self,
        step: &'a Step,
        known: &'a mut Variables,
    ) -> Pending<'a, Result<(), NotOffered>>;

    /// The audit record of the decision with this trace id; without one, of the last refusal.
    fn audit<'a>(&'a self, trace_id: Option<&'a str>) -> Pending<'a, Audited>;

    /// Everything that the audit log says since the target was made, one line for each record;
    /// `None` where it can't be read.
    fn records(&self) -> Pending<'_, Option<Vec<String>>> {
        Box::pin(async { None })
    }
}

/// Where requests go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAddress {
    /// Where the TCP connection goes.
    pub address: SocketAddr,
    /// Whether it begins with a TLS handshake.
    pub tls: bool,
    /// The SHA-256 of the certificate that the server has to have; any is taken without it.
    pub certificate_sha256: Option<[u8; 32]>,
    /// The value of `Host`, such as `127.0.0.1:8080`.
    pub authority: String,
}

impl HttpAddress {
    /// The origin of a page from there.
    #[must_use]
    pub fn origin(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{}", self.authority)
    }

    /// The host of the authority, without its port.
    #[must_use]
    pub fn host(&self) -> &str {
        let authority = self.authority.as_str();
        match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => authority,
        }
    }
}

/// Where QUIC connections go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuicAddress {
    /// Where the packets go.
    pub address: SocketAddr,
    /// The name that is asked for (SNI).
    pub server_name: String,
    /// The SHA-256 of the certificate that the server has to have; any is taken without it.
    pub certificate_sha256: Option<[u8; 32]>,
}

/// Something that a target can't prepare or doesn't have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotOffered(
    /// What, in a few words.
    pub String,
);

impl fmt::Display for NotOffered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotOffered {}

/// What is found in a target's audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audited {
    /// It has none that can be read from here: nothing of it is checked.
    Unreadable,
    /// It has no such record.
    Missing,
    /// The record.
    Recorded(Recorded),
}

/// One record of an audit log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Why something was refused; empty for an admission.
    pub reason: String,
    /// The threat, such as `DW-GRANT-REPLAY`; empty for an admission.
    pub threat: String,
}
