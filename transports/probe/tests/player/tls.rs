//! The player over TLS.

use std::sync::Arc;

use doorward_probe::{
    Audited, HttpAddress, NotOffered, Pace, Pending, Profile, QuicAddress, Step, Target, Transport,
    Variables, Verdict, play,
};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::server::{PATIENCE, REFUSAL, ask, attack};

/// A server under TLS that refuses everything.
struct Refusing {
    address: HttpAddress,
    profile: Profile,
}

async fn refusing() -> Refusing {
    let made = rcgen::generate_simple_self_signed([String::from("localhost")]).expect("it is made");
    let certificate = made.cert.der().clone();
    let pin = Sha256::digest(&certificate).into();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let tls = rustls::ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("there are some")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("the key is the certificate's");
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut stream = acceptor.accept(stream).await?;
                let _read = stream.read(&mut [0; 1024]).await?;
                stream.write_all(REFUSAL.as_bytes()).await?;
                stream.shutdown().await
            });
        }
    });
    let authority = address.to_string();
    let address = HttpAddress { address, tls: true, certificate_sha256: Some(pin), authority };
    Refusing { address, profile: Profile { strict: false, ..Profile::doorward() } }
}

impl Target for Refusing {
    fn http(&self) -> Option<HttpAddress> {
        Some(self.address.clone())
    }

    fn quic(&self) -> Option<QuicAddress> {
        None
    }

    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn prepare<'a>(
        &'a self,
        _step: &'a Step,
        _known: &'a mut Variables,
    ) -> Pending<'a, Result<(), NotOffered>> {
        Box::pin(async { Err(NotOffered("anything".to_owned())) })
    }

    fn audit<'a>(&'a self, _trace_id: Option<&'a str>) -> Pending<'a, Audited> {
        Box::pin(async { Audited::Unreadable })
    }
}

#[tokio::test]
async fn what_is_pinned_or_not_looked_at_is_spoken_to_and_nothing_else_is() {
    let mut target = refusing().await;
    let attack = attack(&ask("origin = '${origin}'", "outcome = \"refused\""));
    let pace = Pace::unlimited(PATIENCE);
    let pin = target.address.certificate_sha256;
    for pin in [pin, None] {
        target.address.certificate_sha256 = pin;
        let played = play(&attack, Transport::Http, &target, &pace).await;
        assert_eq!(played.verdict, Verdict::Held, "{played:?}");
        let sent = &played.exchanges[0].sent.text;
        let origin = format!("Origin: https://{}\\r\\n", target.address.authority);
        assert!(sent.contains(&origin), "{sent}");
    }
    target.address.certificate_sha256 = Some([7; 32]);
    let played = play(&attack, Transport::Http, &target, &pace).await;
    assert!(matches!(played.verdict, Verdict::NotApplicable(_)), "{played:?}");
}
