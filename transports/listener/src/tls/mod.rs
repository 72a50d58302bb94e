//! TLS: the certificate of the listener, for HTTPS and QUIC alike, and the handshake of HTTPS.

mod acceptor;
mod files;
mod self_signed;
mod validity;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use doorward_policy::Timestamp;
use doorward_policy::link::CertificatePin;
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use sha2::{Digest as _, Sha256};
use tokio::task::spawn_blocking;

pub(crate) use acceptor::Acceptor;
pub(crate) use files::{CertificateFiles, Marks};

/// Has the generator of TLS gather its first entropy, which is tens of milliseconds of CPU, on a thread
/// of its own, while a start waits for the disk. Whoever draws from it before it is done waits for it:
/// nothing is drawn from less.
pub(crate) fn gather_entropy() {
    let generator = aws_lc_rs::default_provider().secure_random;
    // A failure is met again, and told, by whoever needs the bytes.
    drop(spawn_blocking(move || generator.fill(&mut [0; 32])));
}

/// Why a certificate can't be used, and what to do about it.
#[derive(Debug)]
pub(crate) struct CertificateError(String);

impl CertificateError {
    fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }

    /// About a file.
    fn of(path: &Path, what: impl fmt::Display) -> Self {
        Self(format!("{} {what}", path.display()))
    }
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where the certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// From files that somebody else renews; clients verify it by name.
    Files(CertificateFiles),
    /// Made once and kept in the state directory; clients pin it.
    SelfSigned,
}

/// The certificate in force.
#[derive(Debug)]
pub(crate) struct Certificates {
    source: Source,
    opened: Marks,
    current: Arc<Current>,
}

impl Certificates {
    /// Loads what is given, or the self-signed one of a state directory that
    /// [`open_state`](doorward_gate::keyfile::open_state) has checked; a first start makes it.
    ///
    /// `host` is the name that people use, for a self-signed certificate.
    pub(crate) fn open(
        source: Source,
        state_dir: &Path,
        host: Option<&str>,
        now: Timestamp,
    ) -> Result<Arc<Self>, CertificateError> {
        // Before they are read: a renewal in between is noticed afterwards.
        let opened = match &source {
            Source::Files(files) => files.marks(),
            Source::SelfSigned => Marks::default(),
        };
        let certified = match &source {
            Source::Files(files) => files.load()?,
            Source::SelfSigned => self_signed::load_or_make(state_dir, host, now)?,
        };
        validity::warn(&certified, now);
        let current = Arc::new(Current(RwLock::new(Arc::new(certified))));
        Ok(Arc::new(Self { source, opened, current }))
    }

    /// Which files there were before they were read for the first time.
    pub(crate) const fn opened(&self) -> Marks {
        self.opened
    }

    /// Whether clients that are led to a host know the server there: by the pin, or by this name.
    pub(crate) fn are_for(&self, host: &str) -> bool {
        self.pin().is_some() || validity::names(&self.current.get(), host)
    }

    /// Hands out whatever certificate is in force when a client asks.
    pub(crate) fn resolver(&self) -> Arc<dyn ResolvesServerCert> {
        Arc::clone(&self.current) as _
    }

    /// What clients are to pin; `None` where they verify by name.
    pub(crate) fn pin(&self) -> Option<CertificatePin> {
        (self.source == Source::SelfSigned).then(|| self.sha256())
    }

    /// The digest of the certificate in force.
    pub(crate) fn sha256(&self) -> CertificatePin {
        let certified = self.current.get();
        let der = certified.cert.first().map(|der| &**der).unwrap_or_default();
        CertificatePin::new(Sha256::digest(der).into())
    }

    /// The files to watch, where there are any that somebody else renews.
    pub(crate) const fn files(&self) -> Option<&CertificateFiles> {
        match &self.source {
            Source::Files(files) => Some(files),
            Source::SelfSigned => None,
        }
    }

    /// Puts what the files hold now in force, for connections from here on. What can't be used
    /// changes nothing.
    pub(crate) fn reload(&self, now: Timestamp) -> Result<(), CertificateError> {
        let Some(files) = self.files() else { return Ok(()) };
        let certified = files.load()?;
        validity::warn(&certified, now);
        self.current.set(certified);
        Ok(())
    }
}

/// The one place that both transports ask.
struct Current(RwLock<Arc<CertifiedKey>>);

impl Current {
    fn get(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn set(&self, certified: CertifiedKey) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(certified);
    }
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Current").finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.get())
    }
}

#[cfg(test)]
mod tests;
