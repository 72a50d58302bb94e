//! One hello: to whom it is said, what it says, and what is made of the answer.

use std::time::Duration;

use doorward_client::{CertificateFault, ClientError, Closed, Identity, Server, Session};
use doorward_policy::hello::{Kind, Purpose};
use doorward_policy::notice::Notice;
use doorward_policy::workspace::WorkspaceName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::desk::NOW;
use crate::support::{
    Authority, Certificate, Event, LIFE, Peer, Reply, SECRET, Said, client, credential,
};

async fn pair(server: &Server) -> Result<Session, ClientError> {
    client().pair(server, &credential(), [7; 32], NOW).await
}

/// Nothing was said to a server: its handshake failed, and nothing came after it.
async fn heard_nothing(peer: &mut Peer) {
    assert!(matches!(peer.event().await, Event::Failed));
    assert!(peer.is_quiet());
}

#[tokio::test]
async fn a_pinned_server_redeems_a_grant_with_its_nonce() {
    let mut peer = Peer::start(Certificate::self_signed(), &[Reply::Token("A.token")]);
    let session = pair(&peer.pinned()).await.expect("paired");
    assert_eq!((session.id(), session.subject()), ("ab".repeat(16).as_str(), "me"));
    assert_eq!(session.expires_at(), NOW.plus(Duration::from_secs(LIFE.into())));
    let said = Said {
        purpose: Purpose::Token,
        kind: Kind::Grant,
        credential: SECRET.to_owned(),
        nonce: vec![7; 32],
        workspace: None,
    };
    assert_eq!(peer.hello().await, said);
}

//= req: CLIENT-2, type=test
#[tokio::test]
async fn a_server_with_another_certificate_than_the_pinned_one_hears_nothing() {
    let mut peer = Peer::start(Certificate::self_signed(), &[Reply::Token("A.token")]);
    let server = peer.pinned().pinned(Certificate::self_signed().pin());
    let Err(error) = pair(&server).await else { panic!("it is another server") };
    assert!(matches!(error, ClientError::Certificate(_, CertificateFault::Pin)), "{error}");
    assert!(error.to_string().contains("not the server that the link was made for"), "{error}");
    heard_nothing(&mut peer).await;
}

//= req: CLIENT-2, type=test
#[tokio::test]
async fn a_server_that_shows_the_certificate_without_its_key_hears_nothing() {
    let own = Certificate::self_signed();
    let stolen = own.stolen_by(&Certificate::self_signed());
    let mut peer = Peer::start(stolen, &[Reply::Token("A.token")]);
    let Err(error) = pair(&peer.pinned()).await else { panic!("it is an impostor") };
    assert!(matches!(error, ClientError::Certificate(..)), "{error}");
    heard_nothing(&mut peer).await;
}

//= req: CLIENT-2, type=test
#[tokio::test]
async fn a_server_is_known_by_its_name_under_a_root_that_is_trusted() {
    let authority = Authority::new();
    let certificate = authority.certify("localhost");
    let mut peer = Peer::start(certificate, &[Reply::Token("A.token")]);
    let server = peer.named();
    assert_eq!(server.identity(), Identity::Name);
    let paired = authority.client().pair(&server, &credential(), [7; 32], NOW).await;
    paired.expect("paired");
    peer.hello().await;

    let stranger = Authority::new().client();
    let Err(error) = stranger.pair(&server, &credential(), [7; 32], NOW).await else {
        panic!("its root is not trusted")
    };
    assert!(matches!(error, ClientError::Certificate(_, CertificateFault::Name(_))), "{error}");
    heard_nothing(&mut peer).await;
}

//= req: CLIENT-2, type=test
#[tokio::test]
async fn a_certificate_in_another_name_proves_nothing() {
    let authority = Authority::new();
    let mut peer = Peer::start(authority.certify("elsewhere"), &[Reply::Token("A.token")]);
    let paired = authority.client().pair(&peer.named(), &credential(), [7; 32], NOW).await;
    let Err(error) = paired else { panic!("it is another server") };
    assert!(matches!(error, ClientError::Certificate(_, CertificateFault::Name(_))), "{error}");
    heard_nothing(&mut peer).await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_fetched_again_with_the_same_nonce() {
    let draining = Reply::Refuse(1001, r#"{"error":"draining","retry_after":1}"#);
    let replies = [Reply::Silence, draining, Reply::Token("A.token")];
    let mut peer = Peer::start(Certificate::self_signed(), &replies);
    pair(&peer.pinned()).await.expect("paired");
    let first = peer.hello().await;
    assert_eq!(first.nonce, [7; 32]);
    assert_eq!(peer.hello().await, first);
    assert_eq!(peer.hello().await, first);
}

#[tokio::test]
async fn a_refusal_is_the_same_as_over_http() {
    let refusals = [
        (4401, "session_expired", 401, true),
        (4403, "session_revoked", 403, true),
        (4403, "insufficient_capability", 403, false),
        (4404, "not_found", 404, false),
        (4429, "too_many", 429, false),
    ];
    let json = |code: &str| {
        let text = format!(r#"{{"error":"{code}","message":"A sentence.","retry_after":42}}"#);
        &*text.leak()
    };
    let replies: Vec<_> = [Reply::Token("A.token")]
        .into_iter()
        .chain(refusals.iter().map(|(code, error, ..)| Reply::Refuse(*code, json(error))))
        .chain([Reply::Refuse(7, "nonsense")])
        .collect();
    let mut peer = Peer::start(Certificate::self_signed(), &replies);
    let session = peer.session().await;
    for (_, code, status, wants_pairing) in refusals {
        let Err(ClientError::Refused(refused)) = client().tunnel(&session).await else {
            panic!("{code} is a refusal")
        };
        assert_eq!((refused.code.as_str(), refused.status), (code, status));
        assert_eq!((refused.message.as_str(), refused.retry_after), ("A sentence.", Some(42)));
        assert_eq!(refused.wants_pairing(), wants_pairing);
    }
    let Err(error) = client().tunnel(&session).await else { panic!("it is no answer") };
    assert!(matches!(error, ClientError::Unexpected(..)), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_comes_after_the_end_of_the_stream_is_waited_for() {
    let json = r#"{"error":"draining","message":"Later."}"#;
    let replies = [Reply::Token("A.token"), Reply::RefuseLate(1001, json)];
    let mut peer = Peer::start(Certificate::self_signed(), &replies);
    let session = peer.session().await;
    let Err(error) = client().tunnel(&session).await else { panic!("it is a refusal") };
    assert!(matches!(&error, ClientError::Refused(refused) if refused.status == 503), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_is_no_accept_frame_is_not_taken_for_one() {
    let frames = [vec![], vec![0, 3, 1, 0, 0], vec![0, 4, 1, 0, 0, 0, 0], vec![0; 1027]];
    let replies: Vec<_> =
        [Reply::Token("A.token")].into_iter().chain(frames.clone().map(Reply::Bytes)).collect();
    let mut peer = Peer::start(Certificate::self_signed(), &replies);
    let session = peer.session().await;
    for frame in frames {
        let Err(error) = client().tunnel(&session).await else { panic!("{frame:?}") };
        assert!(matches!(error, ClientError::Unexpected(..)), "{error}");
    }
}

//= req: CLIENT-8, type=test
#[tokio::test(start_paused = true)]
async fn no_more_is_read_than_an_answer_can_be_long() {
    let replies = [Reply::Token("A.token"), Reply::Endless(2 + 1024 + 1)];
    let mut peer = Peer::start(Certificate::self_signed(), &replies);
    let session = peer.session().await;
    let Err(error) = client().tunnel(&session).await else { panic!("it is no answer") };
    assert!(matches!(error, ClientError::Unexpected(..)), "{error}");
}

#[tokio::test]
async fn a_server_of_another_protocol_is_none() {
    let certificate = Certificate::self_signed();
    let address = ([127, 0, 0, 1], 0).into();
    let mut peer = Peer::at(address, certificate, b"h3", &[Reply::Token("A.token")]);
    let Err(error) = pair(&peer.pinned()).await else { panic!("it speaks something else") };
    assert!(matches!(error, ClientError::Incompatible(..)), "{error}");
    heard_nothing(&mut peer).await;
}

#[tokio::test]
async fn a_renewal_yields_a_fresher_session_or_none() {
    let replies = [Reply::Token("A.token"), Reply::Token("A.fresher"), Reply::Open];
    let mut peer = Peer::start(Certificate::self_signed(), &replies);
    let session = peer.session().await;
    let later = NOW.plus(Duration::from_secs(600));
    let fresher = client().renew(&session, later).await.expect("renewed").expect("fresher");
    assert_eq!(fresher.expires_at(), later.plus(Duration::from_secs(LIFE.into())));
    let said = peer.hello().await;
    assert_eq!((said.purpose, said.kind), (Purpose::Token, Kind::Session));
    assert_eq!((said.credential.as_str(), said.nonce.len()), ("A.token", 0));
    assert!(client().renew(&fresher, later).await.expect("answered").is_none());
    assert_eq!(peer.hello().await.credential, "A.fresher");
}

#[tokio::test]
async fn each_stream_of_a_tunnel_ends_one_side_at_a_time() {
    let mut peer = Peer::start(Certificate::self_signed(), &[Reply::Token("A.token"), Reply::Open]);
    let session = peer.session().await;
    let tunnel = client().tunnel(&session).await.expect("open");
    let said = peer.hello().await;
    assert_eq!((said.purpose, said.kind), (Purpose::Open, Kind::Session));
    for text in ["one", "two"] {
        let mut stream = tunnel.open().await.expect("open");
        stream.write_all(text.as_bytes()).await.expect("written");
        stream.shutdown().await.expect("finished");
        let mut came = String::new();
        stream.read_to_string(&mut came).await.expect("read");
        assert_eq!(came, text, "the echo begins when this side has ended");
    }
    let theirs = peer.opened().await;
    let reason = br#"{"error":"session_revoked","message":"Pair again."}"#;
    theirs.close(4403u32.into(), reason);
    let Closed::Refused(refused) = tunnel.closed().await else { panic!("it was told why") };
    assert!(refused.wants_pairing());
    assert_eq!(tunnel.end(), Some(Closed::Refused(refused)));
    assert!(tunnel.open().await.is_err());
}

#[tokio::test]
async fn a_tunnel_alone_joins_the_workspace_that_it_is_for() {
    let replies = [Reply::Token("A.token"), Reply::Open, Reply::Token("A.fresher")];
    let mut peer = Peer::start(Certificate::self_signed(), &replies);
    let workspace = WorkspaceName::new("notebook").expect("a name");
    let joining = client().joining(workspace);
    let session = joining.pair(&peer.pinned(), &credential(), [7; 32], NOW).await.expect("paired");
    assert_eq!(peer.hello().await.workspace, None, "a pairing joins nothing");
    let _tunnel = joining.tunnel(&session).await.expect("open");
    assert_eq!(peer.hello().await.workspace, Some(workspace));
    peer.opened().await;
    joining.renew(&session, NOW).await.expect("renewed");
    assert_eq!(peer.hello().await.workspace, None);
}

#[tokio::test(start_paused = true)]
async fn a_server_may_open_nothing_but_two_notices_at_once() {
    let mut peer = Peer::start(Certificate::self_signed(), &[Reply::Token("A.token"), Reply::Open]);
    let session = peer.session().await;
    let _tunnel = client().tunnel(&session).await.expect("open");
    peer.hello().await;
    let theirs = peer.opened().await;
    let minute = Duration::from_secs(60);
    assert!(timeout(minute, theirs.open_bi()).await.is_err());
    let _two = (theirs.open_uni().await.expect("allowed"), theirs.open_uni().await);
    assert!(timeout(minute, theirs.open_uni()).await.is_err());
    assert_eq!(theirs.max_datagram_size(), None);
    assert_eq!(theirs.close_reason(), None, "a silent tunnel is kept alive");
}

#[tokio::test]
async fn a_tunnel_hears_notices_and_passes_over_what_is_none() {
    let mut peer = Peer::start(Certificate::self_signed(), &[Reply::Token("A.token"), Reply::Open]);
    let session = peer.session().await;
    let tunnel = client().tunnel(&session).await.expect("open");
    peer.hello().await;
    let theirs = peer.opened().await;
    let notice = Notice { left: 300, absolute: true };
    let frame = notice.frame();
    let doubled = frame.repeat(2);
    let [mut another_kind, mut longer] = [frame, frame];
    another_kind[3] = 2;
    longer[1] = 8;
    let tell = async {
        for bytes in [&another_kind[..], &longer, &doubled, &frame[..8], &[0; 5000], &[]] {
            let mut stream = theirs.open_uni().await.expect("allowed");
            // One that is too long is not read to its end.
            let _result = stream.write_all(bytes).await;
            let _result = stream.finish();
        }
        let mut endless = theirs.open_uni().await.expect("allowed");
        endless.write_all(&frame[..8]).await.expect("written");
        let mut stream = theirs.open_uni().await.expect("allowed");
        stream.write_all(&frame).await.expect("written");
        stream.finish().expect("open");
        endless
    };
    let (_endless, heard) = tokio::join!(tell, tunnel.notice());
    assert_eq!(heard.expect("open"), notice);
    theirs.close(0u32.into(), b"");
    assert!(matches!(tunnel.notice().await, Err(Closed::Dropped(_))));
}
