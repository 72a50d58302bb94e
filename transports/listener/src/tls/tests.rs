use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::PathBuf;

use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").permissions().mode() & 0o7777
}

fn write(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).expect("written");
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("changed");
}

/// A folder with a certificate and its key, both in PEM.
struct Given {
    dir: TempDir,
    cert: String,
    key: String,
}

impl Given {
    fn new() -> Self {
        let (cert, key) = made(|_| ());
        let given = Self { dir: tempfile::tempdir().expect("a directory"), cert, key };
        write(&given.files().cert, &given.cert, 0o644);
        write(&given.files().key, &given.key, 0o600);
        given
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn files(&self) -> CertificateFiles {
        CertificateFiles { cert: self.path("cert.pem"), key: self.path("key.pem") }
    }

    fn open(&self) -> Result<Arc<Certificates>, CertificateError> {
        Certificates::open(Source::Files(self.files()), self.dir.path(), None, NOW)
    }

    #[track_caller]
    fn refused(&self, wanted: &[&str]) {
        let said = self.open().expect_err("refused").to_string();
        assert!(wanted.iter().all(|part| said.contains(part)), "{said}");
        assert!(!said.contains('\n') && !said.contains("MIG"), "{said}");
    }
}

fn made(adapt: impl FnOnce(&mut CertificateParams)) -> (String, String) {
    let key = KeyPair::generate().expect("a key");
    let mut all = CertificateParams::new(vec!["door.example".to_owned()]).expect("names");
    adapt(&mut all);
    (all.self_signed(&key).expect("signed").pem(), key.serialize_pem())
}

fn own(dir: &Path) -> Result<Arc<Certificates>, CertificateError> {
    Certificates::open(Source::SelfSigned, dir, Some("door.example"), NOW)
}

#[test]
fn a_self_signed_certificate_is_made_once_and_its_owners_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    let first = own(dir.path()).expect("made");
    for name in ["certificate.pem", "certificate.key"] {
        assert_eq!(mode(&dir.path().join(name)), 0o600, "{name}");
    }
    let later = Timestamp::from_secs(1_900_000_000);
    let again = Certificates::open(Source::SelfSigned, dir.path(), None, later).expect("loaded");
    assert_eq!(first.pin(), again.pin());
    assert_eq!(first.pin(), Some(first.sha256()));
    let left: Vec<_> = fs::read_dir(dir.path()).expect("a directory").flatten().collect();
    assert_eq!(left.len(), 3, "the certificate, its key, the lock: {left:?}");
}

#[test]
fn of_listeners_that_start_at_once_one_makes_it_and_all_use_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let pins: Vec<_> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..8).map(|_| scope.spawn(|| own(dir.path()))).collect();
        let opened = starts.into_iter().map(|start| start.join().expect("ended").expect("made"));
        opened.map(|certificates| certificates.sha256()).collect()
    });
    assert!(pins.iter().all(|pin| *pin == pins[0]), "{pins:?}");
}

#[test]
fn a_first_start_that_was_cut_short_is_taken_up_again() {
    let dir = tempfile::tempdir().expect("a directory");
    own(dir.path()).expect("made");
    let key = fs::read(dir.path().join("certificate.key")).expect("read");
    fs::remove_file(dir.path().join("certificate.pem")).expect("removed");
    fs::write(dir.path().join("certificate.pem.next"), "half of").expect("written");
    own(dir.path()).expect("made for the key that is there");
    assert_eq!(fs::read(dir.path().join("certificate.key")).expect("read"), key);
    assert!(!dir.path().join("certificate.pem.next").exists());
}

#[test]
fn a_self_signed_certificate_without_its_key_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().expect("a directory");
    own(dir.path()).expect("made");
    let cert = fs::read(dir.path().join("certificate.pem")).expect("read");
    fs::remove_file(dir.path().join("certificate.key")).expect("removed");
    let said = own(dir.path()).expect_err("refused").to_string();
    assert!(said.contains("certificate.key") && said.contains("pair again"), "{said}");
    assert_eq!(fs::read(dir.path().join("certificate.pem")).expect("read"), cert);
    assert!(!dir.path().join("certificate.key").exists());
}

#[test]
fn a_self_signed_certificate_is_valid_for_the_names_that_people_use_and_for_long() {
    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier as _;
    use rustls_pki_types::{ServerName, UnixTime};

    let dir = tempfile::tempdir().expect("a directory");
    let certified = own(dir.path()).expect("made").current.get();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certified.cert[0].clone()).expect("a root");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
    let verifier = verifier.build().expect("a verifier");
    let verify = |name: &'static str, years: u64| {
        let at = u64::from(NOW.as_secs()) + years * 365 * 24 * 3600;
        let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(at));
        let name = ServerName::try_from(name).expect("a name");
        verifier.verify_server_cert(&certified.cert[0], &[], &name, &[], at).map(drop)
    };
    for name in ["localhost", "127.0.0.1", "::1", "door.example"] {
        assert_eq!(verify(name, 0), Ok(()), "{name}");
        assert_eq!(verify(name, 9), Ok(()), "{name}");
    }
    assert!(verify("other.example", 0).is_err() && verify("localhost", 11).is_err());
}

#[test]
fn a_given_certificate_is_not_pinned_and_its_digest_is_known() {
    let given = Given::new();
    let certificates = given.open().expect("loaded");
    assert_eq!(certificates.pin(), None);
    assert_eq!(certificates.files(), Some(&given.files()));
    let der = &certificates.current.get().cert[0];
    assert!(certificates.sha256().matches(&Sha256::digest(der).into()));
}

#[test]
fn what_is_no_certificate_is_refused_and_said_to_be_what_it_is() {
    let given = Given::new();
    let cert = given.files().cert;
    for text in ["", &*given.key] {
        write(&cert, text, 0o644);
        given.refused(&["cert.pem", "holds no certificate: a PEM file"]);
    }
    write(&cert, &given.cert[..given.cert.len() / 2], 0o644);
    given.refused(&["cert.pem", "damaged"]);
    write(&cert, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 0o644);
    given.refused(&["cert.pem", "no certificate of a server"]);
    write(&cert, &"x".repeat(300 * 1024), 0o644);
    given.refused(&["cert.pem", "too long"]);
    fs::remove_file(&cert).expect("removed");
    given.refused(&["cert.pem", "can't be read"]);
    fs::create_dir(&cert).expect("created");
    given.refused(&["cert.pem", "regular file"]);
}

#[test]
fn what_is_no_key_is_refused_and_not_repeated() {
    let given = Given::new();
    let key = given.files().key;
    for text in
        ["", &*given.cert, &given.key[..given.key.len() / 2], &given.key.replace("-\n", "-x")]
    {
        write(&key, text, 0o600);
        given.refused(&["key.pem", "holds no private key"]);
    }
    write(&key, &given.key.replace("PRIVATE", "ENCRYPTED PRIVATE"), 0o600);
    given.refused(&["key.pem", "encrypted", "openssl pkey"]);
    write(&key, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", 0o600);
    given.refused(&["key.pem", "of a kind"]);
    write(&key, &made(|_| ()).1, 0o600);
    given.refused(&["key.pem", "cert.pem", "doesn't belong"]);
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let given = Given::new();
    for open in [0o640, 0o604, 0o644, 0o620] {
        write(&given.files().key, &given.key, open);
        given.refused(&["key.pem", &format!("{open:04o}"), "chmod 600"]);
    }
    write(&given.files().key, &given.key, 0o400);
    given.open().expect("its owner's alone");
}

#[test]
fn a_key_of_another_user_is_refused() {
    // Nobody else can give a file away.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let given = Given::new();
    let key = given.files().key;
    chown(&key, Some(12345), None).expect("given away");
    given.refused(&["key.pem", "belongs to user 12345"]);
    chown(&key, Some(0), None).expect("taken back");
    given.open().expect("its owner's again");
}

#[test]
fn links_to_the_files_are_followed() {
    let given = Given::new();
    for name in ["cert.pem", "key.pem"] {
        fs::rename(given.path(name), given.path(&format!("real-{name}"))).expect("moved");
        std::os::unix::fs::symlink(format!("real-{name}"), given.path(name)).expect("linked");
    }
    given.open().expect("loaded");
    fs::set_permissions(given.path("real-key.pem"), Permissions::from_mode(0o644))
        .expect("changed");
    given.refused(&["key.pem", "0644"]);
}

#[test]
fn what_is_reloaded_is_in_force_for_those_who_ask_from_here_on() {
    let given = Given::new();
    let certificates = given.open().expect("loaded");
    let (first, held) = (certificates.sha256(), certificates.current.get());
    let (cert, key) = made(|_| ());

    write(&given.files().cert, &cert, 0o644);
    certificates.reload(NOW).expect_err("its key is not there yet");
    assert_eq!(certificates.sha256(), first, "the old one stays in force");
    write(&given.files().key, &key, 0o600);
    certificates.reload(NOW).expect("the two belong together");
    assert_ne!(certificates.sha256(), first);
    assert!(!Arc::ptr_eq(&held, &certificates.current.get()));
}

#[test]
fn a_certificate_whose_time_has_not_come_or_has_gone_is_known() {
    let at = |seconds: i64| time::OffsetDateTime::from_unix_timestamp(seconds).expect("a time");
    let now = i64::from(NOW.as_secs());
    for (from, until, wanted) in [
        (now - 10, now + 10, None),
        (now - 20, now - 10, Some("has expired")),
        (now + 10, now + 20, Some("is not valid yet")),
    ] {
        let (cert, key) = made(|all| (all.not_before, all.not_after) = (at(from), at(until)));
        let given = Given { cert, key, ..Given::new() };
        write(&given.files().cert, &given.cert, 0o644);
        write(&given.files().key, &given.key, 0o600);
        let certified = given.open().expect("it is served all the same").current.get();
        assert_eq!(validity::flaw(&certified, NOW), wanted);
    }
}

#[test]
fn a_certificate_is_for_its_names_alone_unless_it_is_pinned() {
    let given = Given::new().open().expect("good");
    assert!(given.are_for("door.example") && !given.are_for("127.0.0.1"));
    let dir = tempfile::tempdir().expect("a directory");
    let pinned = Certificates::open(Source::SelfSigned, dir.path(), None, NOW).expect("made");
    assert!(pinned.are_for("whatever.example"));
}

#[test]
fn a_renewal_since_the_start_is_no_news_that_is_lost() {
    let given = Given::new();
    let certificates = given.open().expect("good");
    let files = given.files();
    assert_eq!(certificates.opened(), files.marks());
    fs::rename(given.files().cert, given.path("old.pem")).expect("moved");
    write(&files.cert, &given.cert, 0o644);
    assert_ne!(certificates.opened(), files.marks());
}
