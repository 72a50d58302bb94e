//! Whether a certificate's time has come and not gone. An expired one is served all the same: a
//! client that pins it doesn't care, and one that verifies it says so better than silence would.

use std::sync::Arc;
use std::time::Duration;

use doorward_policy::Timestamp;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::aws_lc_rs;
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, Error, RootCertStore};
use rustls_pki_types::{ServerName, UnixTime};

/// Says in the log if clients that verify the certificate will refuse it for its times.
pub(super) fn warn(certified: &CertifiedKey, now: Timestamp) {
    if let Some(what) = flaw(certified, now) {
        tracing::warn!("the certificate {what}: clients that verify it refuse it");
    }
}

/// Whether it is a certificate for this host, a name or an address without brackets.
pub(super) fn names(certified: &CertifiedKey, host: &str) -> bool {
    let own = certified.cert.first().and_then(|own| ParsedCertificate::try_from(own).ok());
    let name = ServerName::try_from(host).ok();
    own.zip(name).is_some_and(|(own, name)| verify_server_name(&own, &name).is_ok())
}

/// What is wrong with its times. Of a whole verification, with the certificate as its own root,
/// only what is found of those counts; they are looked at before its name and its issuer.
pub(super) fn flaw(certified: &CertifiedKey, now: Timestamp) -> Option<&'static str> {
    let own = certified.cert.first()?;
    let mut roots = RootCertStore::empty();
    roots.add(own.clone()).ok()?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
    let now = UnixTime::since_unix_epoch(Duration::from_millis(now.as_millis()));
    let name = ServerName::try_from("localhost").ok()?;
    match verifier.build().ok()?.verify_server_cert(own, &[], &name, &[], now) {
        Err(Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        )) => Some("has expired"),
        Err(Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        )) => Some("is not valid yet"),
        _ => None,
    }
}
