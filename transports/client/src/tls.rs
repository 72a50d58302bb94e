//! TLS to a server: its certificate is judged before anything is said that others must not hear.
//!
//! TLS 1.3 alone. No session is resumed and no data is sent early: a resumed session shows no
//! certificate that could be judged.

use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};

use doorward_policy::link::CertificatePin;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls13_signature,
};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme,
};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::error::ClientError;
use crate::plain::plain;
use crate::server::{Identity, Server};

/// The application protocol of https (RFC 7301).
const HTTP_1_1: &[u8] = b"http/1.1";

/// Why a server's certificate was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateFault {
    /// It is another one than the link names.
    Pin,
    /// It does not prove the server's name; what is wrong with it.
    Name(String),
}

/// Which roots vouch for a server that is known by its name.
#[derive(Clone, Debug)]
pub struct Trust(Arc<Roots>);

#[derive(Debug)]
struct Roots {
    given: Option<RootCertStore>,
    /// Made when it is first needed: a pinned server needs no roots, and reading the system's is
    /// slow.
    verifier: OnceLock<Result<Arc<WebPkiServerVerifier>, String>>,
}

/// Why roots can't be trusted: they can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustError(String);

impl fmt::Display for TrustError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TrustError {}

impl Trust {
    /// The roots of this system.
    #[must_use]
    pub fn system() -> Self {
        Self(Arc::new(Roots { given: None, verifier: OnceLock::new() }))
    }

    /// These roots alone, in PEM.
    ///
    /// # Errors
    /// If that is not PEM, or has no certificate that can be a root.
    pub fn from_pem(pem: &[u8]) -> Result<Self, TrustError> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| TrustError(error.to_string()))?;
            roots.add(certificate).map_err(|error| TrustError(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(TrustError("there is no certificate in PEM in it".to_owned()));
        }
        Ok(Self(Arc::new(Roots { given: Some(roots), verifier: OnceLock::new() })))
    }

    fn by_name(&self) -> Result<Arc<WebPkiServerVerifier>, String> {
        self.0.verifier.get_or_init(|| name_verifier(self.0.given.clone())).clone()
    }
}

fn name_verifier(given: Option<RootCertStore>) -> Result<Arc<WebPkiServerVerifier>, String> {
    let roots = given.unwrap_or_else(system_roots);
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
        .build()
        .map_err(|error| format!("this system has no roots to trust: {error}"))
}

fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    // Systems ship roots that can't be parsed; the others are no worse for it.
    let _counts = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// What one handshake is done with.
pub(crate) struct Handshake {
    pub(crate) config: ClientConfig,
    pub(crate) verdict: Verdict,
}

/// What became of the certificate in one handshake. QUIC reports no more of it than an alert.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict(Arc<OnceLock<CertificateFault>>);

impl Verdict {
    /// Why the handshake has failed, if it was for the certificate.
    pub(crate) fn fault(&self, server: &Server) -> Option<ClientError> {
        self.0.get().map(|fault| ClientError::Certificate(server.clone(), fault.clone()))
    }
}

impl Handshake {
    /// A handshake with a server, for one application protocol.
    pub(crate) fn new(trust: &Trust, server: &Server, alpn: &[u8]) -> Result<Self, ClientError> {
        let proof = match server.identity() {
            Identity::Pinned(pin) => Proof::Pin(pin),
            Identity::Name | Identity::Local => {
                let distrust =
                    |what| ClientError::Certificate(server.clone(), CertificateFault::Name(what));
                Proof::Name(trust.by_name().map_err(distrust)?)
            }
        };
        let verdict = Verdict::default();
        let provider = provider();
        let algorithms = provider.signature_verification_algorithms;
        let judge = Judge { proof, algorithms, verdict: verdict.clone() };
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13]);
        let incompatible =
            |error: Error| ClientError::Incompatible(server.clone(), error.to_string());
        let mut config = config
            .map_err(incompatible)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(judge))
            .with_no_client_auth();
        config.alpn_protocols = vec![alpn.to_vec()];
        //= req: CLIENT-3
        config.resumption = Resumption::disabled();
        //= req: CLIENT-3
        config.enable_early_data = false;
        Ok(Self { config, verdict })
    }
}

/// Speaks TLS on a stream to a server.
pub(crate) async fn wrap(
    trust: &Trust,
    server: &Server,
    stream: TcpStream,
) -> Result<TlsStream<TcpStream>, ClientError> {
    let Handshake { config, verdict } = Handshake::new(trust, server, HTTP_1_1)?;
    let name = ServerName::try_from(server.host().to_owned());
    let name =
        name.map_err(|error| ClientError::Incompatible(server.clone(), error.to_string()))?;
    let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    connected.map_err(|error| verdict.fault(server).unwrap_or_else(|| failed(server, error)))
}

/// What an error of a handshake stands for: a server that will never do, or one that is not there.
fn failed(server: &Server, error: io::Error) -> ClientError {
    let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match cause {
        Some(Error::InvalidMessage(_)) => {
            let what = format!("its answer is not TLS ({error}): is it served as http, not https?");
            ClientError::Incompatible(server.clone(), what)
        }
        Some(Error::PeerIncompatible(_) | Error::NoApplicationProtocol) => {
            ClientError::Incompatible(server.clone(), error.to_string())
        }
        Some(Error::AlertReceived(alert)) if is_final(u8::from(*alert)) => {
            ClientError::Incompatible(server.clone(), error.to_string())
        }
        _ => ClientError::Unreachable(server.clone(), error),
    }
}

/// Whether a server that sends this alert sends it to the next attempt, too.
pub(crate) fn is_final(alert: u8) -> bool {
    [
        AlertDescription::HandshakeFailure,
        AlertDescription::ProtocolVersion,
        AlertDescription::UnrecognisedName,
        AlertDescription::NoApplicationProtocol,
    ]
    .map(u8::from)
    .contains(&alert)
}

/// What a certificate has to prove.
#[derive(Debug)]
enum Proof {
    /// That it is this one. Its name and its dates are not looked at: who made the link has.
    Pin(CertificatePin),
    /// The server's name.
    Name(Arc<WebPkiServerVerifier>),
}

/// Judges a certificate, and keeps what it found.
#[derive(Debug)]
struct Judge {
    proof: Proof,
    algorithms: WebPkiSupportedAlgorithms,
    verdict: Verdict,
}

impl Judge {
    fn refuse(&self, fault: CertificateFault) {
        // A handshake shows one certificate: nothing was found before.
        let _result = self.verdict.0.set(fault);
    }
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.proof {
            //= req: CLIENT-2
            Proof::Pin(pin) if pin.matches(&Sha256::digest(end_entity).into()) => {
                Ok(ServerCertVerified::assertion())
            }
            Proof::Pin(_) => {
                self.refuse(CertificateFault::Pin);
                Err(CertificateError::ApplicationVerificationFailure.into())
            }
            //= req: CLIENT-2
            Proof::Name(verifier) => verifier
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
                .inspect_err(|error| self.refuse(CertificateFault::Name(quoted(error)))),
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.2 was never offered".to_owned()))
    }

    /// Anybody can show a certificate: the signature proves that it is the server's own.
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        //= req: CLIENT-2
        verify_tls13_signature(message, cert, dss, &self.algorithms).inspect_err(|error| {
            self.refuse(match self.proof {
                Proof::Pin(_) => CertificateFault::Pin,
                Proof::Name(_) => CertificateFault::Name(quoted(error)),
            });
        })
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// An error that may quote a certificate.
fn quoted(error: &Error) -> String {
    plain(&error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Target;

    //= req: CLIENT-3, type=test
    #[test]
    fn nothing_is_sent_early_and_no_session_is_resumed() {
        let pin = CertificatePin::new([7; 32]);
        let server = Target::parse("quic://dev.example:4433").expect("valid").server.pinned(pin);
        let handshake = Handshake::new(&Trust::system(), &server, b"doorward/1").expect("made");
        assert!(!handshake.config.enable_early_data);
        let kept = format!("{:?}", handshake.config.resumption);
        assert_eq!(kept, format!("{:?}", Resumption::disabled()));
        assert_ne!(kept, format!("{:?}", Resumption::default()));
        assert_eq!(handshake.config.alpn_protocols, [b"doorward/1"]);
    }

    #[test]
    fn roots_have_to_be_certificates() {
        for pem in ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert!(Trust::from_pem(pem.as_bytes()).is_err(), "{pem}");
        }
    }
}
