//! https on `--listen`: with a certificate that is made once, and with one that is given.

use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::ChildStderr;
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error,
    SignatureScheme, StreamOwned,
};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::support::{Home, PATIENCE, Serving, within};

/// Takes the certificate with one digest, and no other.
#[derive(Debug)]
struct Pinned {
    digest: String,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        _issuers: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if sha256(own) == self.digest {
            return Ok(ServerCertVerified::assertion());
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.2 is not spoken".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn sha256(der: &[u8]) -> String {
    Sha256::digest(der).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A keep-alive connection over TLS to a server with a pinned certificate.
struct Client {
    stream: BufReader<StreamOwned<ClientConnection, TcpStream>>,
    authority: String,
}

impl Client {
    fn connect(serving: &Serving, digest: &str) -> std::io::Result<Self> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let pinned = Pinned { digest: digest.to_owned(), provider: Arc::clone(&provider) };
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().expect("TLS 1.3");
        let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(pinned));
        let config = Arc::new(builder.with_no_client_auth());
        let name = ServerName::try_from("localhost").expect("a name");
        let connection = ClientConnection::new(config, name).expect("a connection");
        let socket = TcpStream::connect(serving.authority())?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let mut stream = StreamOwned::new(connection, socket);
        stream.conn.complete_io(&mut stream.sock)?;
        let (stream, authority) = (BufReader::new(stream), serving.authority().to_owned());
        Ok(Self { stream, authority })
    }

    /// Sends a request; the head and the body of its answer.
    fn request(&mut self, start: &str, body: &str) -> (String, String) {
        let request = format!(
            "{start} HTTP/1.1\r\nHost: {0}\r\nOrigin: https://{0}\r\n\
             Content-Type: application/json\r\nContent-Length: {1}\r\n\r\n{body}",
            self.authority,
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes()).expect("sent");
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(self.stream.read_line(&mut head).expect("read"), 0, "{head}");
        }
        let lower = head.to_ascii_lowercase();
        let length = lower.split_once("content-length: ").expect("a length").1;
        let length = length.split_once('\r').expect("a line").0.parse().expect("a number");
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).expect("read");
        (head, String::from_utf8(body).expect("text"))
    }
}

fn digest(serving: &Serving) -> String {
    serving.ready["certificate_sha256"].as_str().expect("a digest").to_owned()
}

/// Writes a new certificate and its key into the home, as `cert.pem` and `key.pem`; its digest.
fn issue(home: &Home) -> String {
    let key = KeyPair::generate().expect("a key");
    let all = CertificateParams::new(vec!["door.example".to_owned()]).expect("names");
    let certificate = all.self_signed(&key).expect("signed");
    replace(home, "cert.pem", &certificate.pem(), 0o644);
    replace(home, "key.pem", &key.serialize_pem(), 0o600);
    sha256(certificate.der())
}

/// Replaces a file as those who renew certificates do it: whole.
fn replace(home: &Home, name: &str, text: &str, mode: u32) {
    let next = home.write(&format!("{name}.next"), text);
    fs::set_permissions(&next, Permissions::from_mode(mode)).expect("changed");
    fs::rename(&next, home.path(name)).expect("moved");
}

const GIVEN: [&str; 4] = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];

/// A listener with a given certificate, and its log line by line.
fn serve_given(home: &Home) -> (Serving, BufReader<ChildStderr>) {
    let mut command = home.command(&["serve", "--listen", "127.0.0.1:0", "--ready-json"]);
    let mut child = command.args(GIVEN).spawn().expect("started");
    let log = BufReader::new(child.stderr.take().expect("piped"));
    (Serving::of(child), log)
}

/// Waits for a line of the log; those that came up to it, and the log again.
fn logged(
    mut log: BufReader<ChildStderr>,
    wanted: &'static str,
) -> (Vec<String>, BufReader<ChildStderr>) {
    within(wanted, None, move || {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            assert_ne!(log.read_line(&mut line).expect("read"), 0, "{lines:?}");
            let found = line.contains(wanted);
            lines.push(line);
            if found {
                return (lines, log);
            }
        }
    })
}

#[test]
fn a_self_signed_certificate_is_made_once_kept_and_in_the_link() {
    let home = Home::new();
    let serving = home.serve(&["--tls-self-signed"]);
    let first = digest(&serving);
    assert!(serving.http().starts_with("https://127.0.0.1:"), "{}", serving.http());
    assert_eq!(serving.ready["websocket"], serving.http().replace("https", "wss"));
    for name in ["certificate.pem", "certificate.key"] {
        let found = fs::metadata(home.state().join(name)).expect("there");
        assert_eq!(found.permissions().mode() & 0o7777, 0o600, "{name}");
    }
    let issued = home.run(&["pair", "--json"]).json();
    for link in [serving.link(), issued["url"].as_str().expect("a link")] {
        let (start, fragment) = link.split_once('#').expect("a fragment");
        assert_eq!(start, format!("{}/.doorward/pair", serving.http()));
        let (grant, pin) = fragment.split_once('.').expect("a pin");
        assert_eq!((grant.len(), pin.len()), (43, 43), "{link}");
        let pin: [u8; 32] =
            doorward_policy::encoding::decode_exact(pin.as_bytes()).expect("32 bytes");
        assert_eq!(doorward_policy::encoding::hex(&pin), first);
    }
    serving.stop();
    let serving = home.serve(&["--tls-self-signed"]);
    assert_eq!(digest(&serving), first);
}

#[test]
fn https_answers_under_the_pinned_certificate_and_sets_a_cookie_for_https() {
    let home = Home::new();
    let serving = home.serve(&["--tls-self-signed"]);
    let mut client = Client::connect(&serving, &digest(&serving)).expect("connected");
    let (head, _) = client.request("GET /.doorward/health", "");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let grant = serving.link().split_once('#').expect("a fragment").1;
    let grant = grant.split_once('.').expect("a pin").0;
    let body = serde_json::json!({ "credential": grant, "nonce": "n".repeat(24) });
    let (head, body) = client.request("POST /.doorward/api/bootstrap", &body.to_string());
    assert!(head.starts_with("HTTP/1.1 200"), "{head}{body}");
    assert!(head.contains("set-cookie: __Host-doorward=") && head.contains("; Secure"), "{head}");

    let refused = Client::connect(&serving, &"0".repeat(64));
    assert!(refused.is_err(), "the certificate has another digest");
}

#[test]
fn a_given_certificate_is_announced_and_not_pinned() {
    let home = Home::new();
    let issued = issue(&home);
    let serving = home.serve(&GIVEN);
    assert_eq!(digest(&serving), issued);
    let (_, grant) = serving.link().split_once('#').expect("a fragment");
    assert_eq!(grant.len(), 43, "clients verify it by name");
    Client::connect(&serving, &issued).expect("connected");
    assert!(!home.state().join("certificate.key").exists());
}

#[test]
fn a_certificate_that_can_not_be_used_is_refused_before_anything_is_served() {
    let home = Home::new();
    let refused = |arguments: &[&str], wanted: &str| {
        let arguments = [&["serve", "--listen", "127.0.0.1:0"], arguments].concat();
        let said = home.run(&arguments).refused(1);
        assert!(said.contains(wanted), "{said}");
        assert!(!said.contains("MIG"), "a part of the key: {said}");
    };
    refused(&GIVEN, "cert.pem can't be read");
    issue(&home);
    refused(&GIVEN[..2], "--tls-key");
    refused(&GIVEN[2..], "--tls-cert");
    refused(&[&GIVEN[..], &["--tls-self-signed"]].concat(), "choose one");
    refused(&["--tls-cert", "key.pem", "--tls-key", "key.pem"], "holds no certificate");
    refused(
        &["--tls-cert", "cert.pem", "--tls-key", "cert.pem"],
        "cert.pem is open to other users",
    );

    fs::set_permissions(home.path("key.pem"), Permissions::from_mode(0o640)).expect("changed");
    refused(&GIVEN, "chmod 600");
    let other = KeyPair::generate().expect("a key").serialize_pem();
    replace(&home, "key.pem", &other, 0o600);
    refused(&GIVEN, "doesn't belong");
}

#[test]
fn a_renewed_certificate_is_taken_up_and_no_connection_ends() {
    let home = Home::new();
    let old = issue(&home);
    let (serving, log) = serve_given(&home);
    let mut live = Client::connect(&serving, &old).expect("connected");
    assert!(live.request("GET /.doorward/health", "").0.starts_with("HTTP/1.1 200"));

    let new = issue(&home);
    let (lines, _log) = logged(log, "the new one is in force");
    assert!(!lines.iter().any(|line| line.contains("ERROR")), "{lines:?}");
    Client::connect(&serving, &new).expect("connected");
    assert!(Client::connect(&serving, &old).is_err(), "the old one is still served");
    assert!(live.request("GET /.doorward/health", "").0.starts_with("HTTP/1.1 200"));
}

#[test]
fn a_broken_renewal_leaves_the_old_certificate_in_force_says_so_once_and_is_recovered_from() {
    let home = Home::new();
    let old = issue(&home);
    let (serving, log) = serve_given(&home);
    let other = KeyPair::generate().expect("a key").serialize_pem();
    replace(&home, "key.pem", &other, 0o600);
    let (_, log) = logged(log, "the old one stays in force");
    Client::connect(&serving, &old).expect("the old one is in force");

    replace(&home, "cert.pem", "-----BEGIN CERTIFICATE-----\nx", 0o644);
    let new = issue(&home);
    let (lines, _log) = logged(log, "works again");
    assert!(!lines.iter().any(|line| line.contains("ERROR")), "said more than once: {lines:?}");
    Client::connect(&serving, &new).expect("connected");
}

#[test]
fn plain_http_on_the_port_of_https_is_told_what_to_do() {
    let home = Home::new();
    let serving = home.serve(&["--tls-self-signed"]);
    let mut stream = TcpStream::connect(serving.authority()).expect("connected");
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    stream.write_all(b"POST / HTTP/1.1\r\nHost: localhost\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("use https://"), "{answer}");
    // A client that first sends all that it has to say must not be reset before it reads.
    for _ in 0..3 {
        stream.write_all(&[b'x'; 4096]).expect("it is still taken");
    }
}

//= req: HTTP-1, type=test
#[test]
fn a_client_that_says_nothing_or_goes_on_in_plain_http_is_dropped_in_time() {
    let home = Home::new();
    let file =
        home.write("doorward.toml", "tls_self_signed = true\n[http]\nhead_deadline = '300ms'\n");
    let serving = home.serve(&["--config", file.to_str().expect("text")]);
    for begun in [&b""[..], &[22, 3, 1], b"GET / HTTP/1.1\r\n"] {
        let mut stream = TcpStream::connect(serving.authority()).expect("connected");
        stream.set_read_timeout(Some(PATIENCE)).expect("set");
        stream.write_all(begun).expect("sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("the end");
        assert_eq!(answer.starts_with(b"HTTP/1.1 400"), begun.len() > 3);
    }
    Client::connect(&serving, &digest(&serving)).expect("it goes on");
}

//= req: HTTP-5, type=test
#[test]
fn handshakes_count_as_connections_from_their_first_byte() {
    let home = Home::new();
    let settings = "tls_self_signed = true\n[connections]\nper_address = 2\n\
                    [http]\nhead_deadline = '1h'\n";
    let file = home.write("doorward.toml", settings);
    let serving = home.serve(&["--config", file.to_str().expect("text"), "--drain", "0s"]);
    let (sender, ended) = std::sync::mpsc::channel();
    // Any of them may be the one too many: each is counted in by a task of its own.
    for _ in 0..3 {
        let mut silent = TcpStream::connect(serving.authority()).expect("connected");
        let sender = sender.clone();
        std::thread::spawn(move || sender.send(silent.read(&mut [0])));
    }
    assert!(matches!(ended.recv_timeout(PATIENCE), Ok(Ok(0))), "none was one too many");
}

#[test]
fn a_network_may_see_what_is_under_tls_by_a_name() {
    let home = Home::new();
    let check = |arguments: &[&str]| home.run(&[&["check-config"], arguments].concat());
    let network = ["--listen", "0.0.0.0:0", "--tls-self-signed"];
    let said = check(&network).refused(1);
    assert!(said.contains("--public-url") && said.contains("--allow-host"), "{said}");
    let said = check(&["--tls-self-signed", "--public-url", "http://a.example"]).refused(1);
    assert!(said.contains("https://"), "{said}");
    let shown = check(&[&network[..], &["--public-url", "https://a.example"]].concat()).ok();
    assert!(shown.contains("exposure = \"remote\"") && shown.contains("tls_self_signed = true"));
    check(&["--tls-self-signed", "--public-url", "https://a.example"]).ok();
    for arguments in [&["--listen", "0.0.0.0:0"][..], &["--public-url", "https://a.example"]] {
        let said = check(arguments).refused(1);
        assert!(said.contains("--tls-cert") && said.contains("--tls-self-signed"), "{said}");
    }
}

#[test]
fn a_link_to_a_network_address_names_what_it_answers_to() {
    let home = Home::new();
    for (host, wanted) in [("a.example", true), ("a.example:444", false)] {
        let mut command = home.command(&["serve", "--listen", "0.0.0.0:0", "--ready-json"]);
        let command = command.args(["--tls-self-signed", "--allow-host", host]);
        let serving = Serving::of(command.spawn().expect("started"));
        let port = serving.authority().rsplit_once(':').expect("a port").1.to_owned();
        let base =
            if wanted { format!("https://{host}:{port}/") } else { format!("https://{host}/") };
        assert!(serving.link().starts_with(&base), "{}", serving.link());
        assert_eq!(serving.ready["quic"], Value::Null);
    }
}
