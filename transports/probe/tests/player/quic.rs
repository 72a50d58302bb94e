//! The player over QUIC, against a server of a few lines.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use doorward_policy::hello::{ALPN, Accept, Hello, PREFIX};
use doorward_probe::{QuicAddress, Transport, Verdict};
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Connection, Endpoint, Incoming, ServerConfig, VarInt};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use sha2::{Digest as _, Sha256};

use crate::server::{Does, Fake, OK, ask, not_held};

/// What a server does with a hello.
#[derive(Clone, Copy)]
enum Greets {
    /// Closes the connection with this code.
    Closes(u32),
    /// Accepts it, and sends back what comes on other streams.
    Accepts,
    /// Accepts it, and closes the connection with this code at the next stream.
    AcceptsThenCloses(u32),
}

const REASON: &[u8] = b"{\"error\":\"origin_denied\",\"trace_id\":\"77aa\"}";

/// A Doorward over QUIC that does this.
async fn doorward(greets: Greets) -> Fake {
    let made = rcgen::generate_simple_self_signed([String::from("localhost")]).expect("it is made");
    let certificate = made.cert.der().clone();
    let pin = Sha256::digest(&certificate).into();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("there is TLS 1.3")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("the key is the certificate's");
    tls.alpn_protocols = vec![ALPN.to_vec()];
    let tls = QuicServerConfig::try_from(tls).expect("it is for QUIC");
    let config = ServerConfig::with_crypto(Arc::new(tls));
    let endpoint = Endpoint::server(config, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let endpoint = endpoint.expect("a port is free");
    let address = endpoint.local_addr().expect("it is bound");
    tokio::spawn(async move {
        while let Some(incoming) = endpoint.accept().await {
            tokio::spawn(serve(incoming, greets));
        }
    });
    let mut fake = Fake::strict(Does::Says(OK)).await;
    let server_name = "localhost".to_owned();
    fake.quic = Some(QuicAddress { address, server_name, certificate_sha256: Some(pin) });
    fake
}

async fn serve(incoming: Incoming, greets: Greets) {
    let Ok(connection) = incoming.await else { return };
    let Ok((mut send, mut receive)) = connection.accept_bi().await else { return };
    let hello = receive.read_to_end(2048).await.unwrap_or_default();
    let close = |connection: &Connection, code| connection.close(VarInt::from_u32(code), REASON);
    let known = hello.get(PREFIX..).is_some_and(|body| Hello::parse(body).is_ok());
    match greets {
        _ if !known => close(&connection, 4400),
        Greets::Closes(code) => close(&connection, code),
        Greets::Accepts | Greets::AcceptsThenCloses(_) => {
            let accept = Accept { session: None, token: None }.frame().expect("it is short");
            let _result = send.write_all(&accept).await;
            let _result = send.finish();
            while let Ok((mut send, mut receive)) = connection.accept_bi().await {
                if let Greets::AcceptsThenCloses(code) = greets {
                    close(&connection, code);
                    break;
                }
                let said = receive.read_to_end(2048).await.unwrap_or_default();
                let _result = send.write_all(&said).await;
                let _result = send.finish();
            }
        }
    }
    connection.closed().await;
}

#[tokio::test]
async fn a_refusal_is_the_code_and_the_words_that_http_has() {
    let fake = doorward(Greets::Closes(4403)).await;
    let expect = |more: &str| format!("outcome = \"refused\", threat = \"DW-DNS-REBINDING\"{more}");
    let right = ", status = 403, code = \"origin_denied\", close = 4403";
    let played = fake.play(&ask("", &expect(right)), Transport::Quic).await;
    assert_eq!(played.verdict, Verdict::Held, "{played:?}");
    assert_eq!(played.exchanges[0].came_to, "refused with 4403 origin_denied");
    for (wrong, said) in [
        (", status = 401", "its status had to be 401"),
        (", code = \"host_denied\"", "its code had to be"),
        (", close = 4401", "it had to be closed with 4401"),
    ] {
        let played = fake.play(&ask("", &expect(wrong)), Transport::Quic).await;
        assert!(not_held(&played).contains(said), "{played:?}");
    }
}

/// 4403 stands for a session that was revoked too, which is 401; but not in these words.
#[tokio::test]
async fn a_code_in_the_words_of_another_refusal_is_none_of_its_status() {
    let fake = doorward(Greets::Closes(4401)).await;
    let expect = "outcome = \"refused\", status = 403";
    let played = fake.play(&ask("", expect), Transport::Quic).await;
    assert!(not_held(&played).contains("its status had to be 403"), "{played:?}");
}

#[tokio::test]
async fn a_server_that_accepts_everything_does_not_hold() {
    let fake = doorward(Greets::Accepts).await;
    let played = fake.play(&ask("", "outcome = \"refused\""), Transport::Quic).await;
    assert!(
        not_held(&played).contains("it had to be refused, and came to: admitted"),
        "{played:?}"
    );
}

#[tokio::test]
async fn two_credentials_and_raw_bytes_are_said() {
    let fake = doorward(Greets::Accepts).await;
    let two = "credential = 'bearer x'\nbeside = 'ticket y'";
    let played = fake.play(&ask(two, "outcome = \"admitted\""), Transport::Quic).await;
    assert_eq!(played.verdict, Verdict::Held, "{played:?}");
    let sent = "\\x00\\x0f\\x01\\x01\\x02\\x01\\x00\\x01x\\x03\\x00\\x01y\\x00\\x00\\x00\\x00";
    assert_eq!(played.exchanges[0].sent.text, sent);
    let hello = "[[step]]\ndo = \"hello\"\nbytes = '${counted16 \\x02}'\n\
        expect = { outcome = \"refused\", code = \"origin_denied\", close = 4400 }\n";
    let played = fake.play(hello, Transport::Quic).await;
    assert_eq!(played.verdict, Verdict::Held, "{played:?}");
}

#[tokio::test]
async fn what_becomes_of_a_connection_that_stays_is_seen() {
    let stays = |expect: &str| {
        let first = ask("stay = \"it\"", "outcome = \"admitted\"");
        format!("{first}[[step]]\ndo = \"say\"\non = \"it\"\nexpect = {{ {expect} }}\n")
    };
    let fake = doorward(Greets::Accepts).await;
    let played = fake.play(&stays("outcome = \"open\""), Transport::Quic).await;
    assert_eq!(played.verdict, Verdict::Held, "{played:?}");
    let fake = doorward(Greets::AcceptsThenCloses(4403)).await;
    let played = fake.play(&stays("outcome = \"open\""), Transport::Quic).await;
    assert!(not_held(&played).contains("it had to be open"), "{played:?}");
    let ends = stays("outcome = \"ended\", close = 4403").replace("on =", "bytes = 'x'\non =");
    let played = fake.play(&ends, Transport::Quic).await;
    assert_eq!(played.verdict, Verdict::Held, "{played:?}");
}

/// Another server than the one that was meant is none that holds.
#[tokio::test]
async fn a_certificate_that_was_not_pinned_is_not_spoken_to() {
    let mut fake = doorward(Greets::Closes(4403)).await;
    if let Some(address) = &mut fake.quic {
        address.certificate_sha256 = Some([7; 32]);
    }
    let played = fake.play(&ask("", "outcome = \"refused\""), Transport::Quic).await;
    assert!(matches!(played.verdict, Verdict::NotApplicable(_)), "{played:?}");
    assert!(played.exchanges.is_empty());
}
