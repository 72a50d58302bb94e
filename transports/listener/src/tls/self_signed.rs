//! A certificate of our own making: made once, and kept, since clients pin it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use doorward_policy::Timestamp;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};
use rustls::sign::CertifiedKey;
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use super::{CertificateError, CertificateFiles};

/// The certificate in a state directory.
const CERTIFICATE: &str = "certificate.pem";
/// Its key.
const KEY: &str = "certificate.key";
/// Taken by whoever changes what a state directory holds.
const LOCK: &str = "lock";
/// A client that pins it does not ask how old it is; others may.
const LIFE: Duration = Duration::days(3650);
/// A client whose clock is slow takes it too.
const BACKDATED: Duration = Duration::days(1);

/// Loads the certificate of a state directory, or makes it.
pub(super) fn load_or_make(
    dir: &Path,
    host: Option<&str>,
    now: Timestamp,
) -> Result<CertifiedKey, CertificateError> {
    let files = CertificateFiles { cert: dir.join(CERTIFICATE), key: dir.join(KEY) };
    let _lock = lock(dir).map_err(|error| unwritable(&dir.join(LOCK), &error))?;
    let (cert, key) = (is_there(&files.cert), is_there(&files.key));
    if cert && !key {
        return Err(CertificateError::new(format!(
            "the certificate {} is there and its key {} is not: bring the key back, or delete the \
             certificate to have a new one made, with which every client has to pair again",
            files.cert.display(),
            files.key.display()
        )));
    }
    if !cert {
        make(&files, host, now)?;
    }
    files.load()
}

/// The key first: alone, it is what a first start that was cut short left behind.
fn make(
    files: &CertificateFiles,
    host: Option<&str>,
    now: Timestamp,
) -> Result<(), CertificateError> {
    let failed = |error: rcgen::Error| {
        CertificateError::new(format!("can't make a self-signed certificate: {error}"))
    };
    if !is_there(&files.key) {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map(Zeroizing::new);
        let text = key.map(|key| Zeroizing::new(key.serialize_pem())).map_err(failed)?;
        create(&files.key, text.as_bytes())?;
    }
    let text = fs::read_to_string(&files.key).map(Zeroizing::new);
    let text = text.map_err(|error| unwritable(&files.key, &error))?;
    let key = KeyPair::from_pem(&text).map(Zeroizing::new).map_err(failed)?;
    let certificate = parameters(host, now).and_then(|all| all.self_signed(&*key));
    create(&files.cert, certificate.map_err(failed)?.pem().as_bytes())
}

fn parameters(host: Option<&str>, now: Timestamp) -> Result<CertificateParams, rcgen::Error> {
    let names = ["localhost", "127.0.0.1", "::1"].into_iter();
    let more = host.filter(|host| names.clone().all(|name| name != *host));
    let names: Vec<_> = names.chain(more).map(str::to_owned).collect();
    let mut all = CertificateParams::new(names)?;
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, "Doorward");
    all.distinguished_name = name;
    all.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    all.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let now = OffsetDateTime::from_unix_timestamp(i64::from(now.as_secs()));
    let now = now.map_err(|_| rcgen::Error::Time)?;
    (all.not_before, all.not_after) = (now - BACKDATED, now + LIFE);
    Ok(all)
}

/// Waits for the lock of the state directory, which ends with the file.
fn lock(dir: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let file = options.append(true).create(true).mode(0o600).open(dir.join(LOCK))?;
    file.lock()?;
    Ok(file)
}

/// Writes a file that was not there, whole or not at all. Holding the lock, whatever is in its way
/// is what a crash left.
fn create(path: &Path, text: &[u8]) -> Result<(), CertificateError> {
    let next = next_to(path);
    let written = || {
        match fs::remove_file(&next) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&next)?;
        file.write_all(text)?;
        file.sync_all()?;
        // A link is made only where nothing is.
        fs::hard_link(&next, path)?;
        fs::remove_file(&next)?;
        File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
    };
    written().map_err(|error| unwritable(path, &error))
}

fn next_to(path: &Path) -> PathBuf {
    let mut next = path.as_os_str().to_owned();
    next.push(".next");
    next.into()
}

fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

fn unwritable(path: &Path, error: &io::Error) -> CertificateError {
    CertificateError::new(format!("can't make {}: {error}", path.display()))
}
