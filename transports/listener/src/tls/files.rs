//! A certificate and its key in files, in PEM (RFC 7468).

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::process::geteuid;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use super::CertificateError;
use crate::watch::{Mark, mark};

/// The longest chains and keys stay far below this.
const MAX_SIZE: usize = 256 * 1024;

/// Where a certificate and its key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CertificateFiles {
    /// The server's own certificate, then those of its issuers.
    pub(crate) cert: PathBuf,
    /// The key of the first.
    pub(crate) key: PathBuf,
}

/// What tells the files from the next ones.
pub(crate) type Marks = [Option<Mark>; 2];

impl CertificateFiles {
    /// Which files there are now.
    pub(crate) fn marks(&self) -> Marks {
        [mark(&self.cert), mark(&self.key)]
    }

    /// What the files hold, if it is a certificate with the key that belongs to it.
    pub(super) fn load(&self) -> Result<CertifiedKey, CertificateError> {
        let chain = read_chain(&self.cert)?;
        let key = read_key(&self.key)?;
        let unfit = |_| {
            let what = "holds a key of a kind that TLS 1.3 can't use: take ECDSA (P-256, P-384), \
                        RSA or Ed25519";
            CertificateError::of(&self.key, what)
        };
        let certified = CertifiedKey::new(chain, any_supported_type(&key).map_err(unfit)?);
        match certified.keys_match() {
            Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(certified),
            Err(Error::InconsistentKeys(_)) => Err(CertificateError::new(format!(
                "the key {} doesn't belong to the first certificate in {}: give the two that were \
                 made together, the server's own certificate before those of its issuers",
                self.key.display(),
                self.cert.display()
            ))),
            Err(error) => {
                let what = format!("holds no certificate of a server ({error})");
                Err(CertificateError::of(&self.cert, what))
            }
        }
    }
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let text = read(path, &open(path)?)?;
    let chain = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    // Not with the reader's reason, which quotes the file: there may be a key in it.
    let chain = chain.map_err(|_| CertificateError::of(path, "is damaged: it is no sound PEM"))?;
    if chain.is_empty() {
        let what = "holds no certificate: a PEM file with -----BEGIN CERTIFICATE----- is needed";
        return Err(CertificateError::of(path, what));
    }
    Ok(chain)
}

fn read_key(path: &Path) -> Result<Zeroizing<PrivateKeyDer<'static>>, CertificateError> {
    let file = open(path)?;
    let found = file.metadata().map_err(|error| unreadable(path, &error))?;
    check_secret(path, &found)?;
    let text = read(path, &file)?;
    PrivateKeyDer::from_pem_slice(&text).map(Zeroizing::new).map_err(|_| {
        let encrypted = text.windows(9).any(|word| word == b"ENCRYPTED");
        CertificateError::of(
            path,
            if encrypted {
                "is encrypted, and there is nobody to type its passphrase: give the key without \
                 one (`openssl pkey -in FILE -out NEW`), in a file that only you can read"
            } else {
                "holds no private key: a PEM file with -----BEGIN PRIVATE KEY----- is needed"
            },
        )
    })
}

/// Links are followed: certbot and Kubernetes hand certificates over by links.
fn open(path: &Path) -> Result<File, CertificateError> {
    // Without NONBLOCK a pipe of that name would wait for its other end.
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = file.map_err(|error| unreadable(path, &error))?;
    let found = file.metadata().map_err(|error| unreadable(path, &error))?;
    if found.is_file() { Ok(file) } else { Err(CertificateError::of(path, "is no regular file")) }
}

fn read(path: &Path, file: &File) -> Result<Zeroizing<Vec<u8>>, CertificateError> {
    // Room for all of it at once: growing would leave a copy behind.
    let mut text = Zeroizing::new(Vec::with_capacity(MAX_SIZE + 1));
    let limit = u64::try_from(MAX_SIZE + 1).unwrap_or(u64::MAX);
    file.take(limit).read_to_end(&mut text).map_err(|error| unreadable(path, &error))?;
    if text.len() > MAX_SIZE {
        return Err(CertificateError::of(path, "is too long to be a certificate or a key"));
    }
    Ok(text)
}

fn unreadable(path: &Path, error: &io::Error) -> CertificateError {
    CertificateError::of(path, format!("can't be read: {error}"))
}

/// A key is its owner's alone. One of root's may be readable by a group, which is how a system
/// shares one among its services (Debian's `ssl-cert`, a Kubernetes secret).
fn check_secret(path: &Path, found: &Metadata) -> Result<(), CertificateError> {
    let (owner, user) = (found.uid(), geteuid().as_raw());
    if owner != user && owner != 0 {
        let what = format!("belongs to user {owner}, not to the user {user} who runs this");
        return Err(CertificateError::of(path, what));
    }
    let others = if owner == user { 0o077 } else { 0o027 };
    let mode = found.mode() & 0o7777;
    if mode & others != 0 {
        let shown = path.display();
        let what = format!(
            "is open to other users (mode {mode:04o}): if nobody else can have read it, run \
             `chmod 600 {shown}`; otherwise have a new certificate issued, with a new key"
        );
        return Err(CertificateError::of(path, what));
    }
    Ok(())
}
