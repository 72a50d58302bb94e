//! A link: what is tried again, when, and what is not.

use std::sync::Arc;
use std::time::Duration;

use doorward_client::{
    Client, Link, LinkState, SavedSessions, Session, Surroundings as _, Trust, Tunnel,
};
use doorward_policy::hello::{Kind, Purpose};
use doorward_policy::notice::Notice;
use quinn::Connection;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::desk::{Desk, NOW};
use crate::support::{Certificate, LIFE, Peer, Reply, client};

const REVOKED: &str = r#"{"error":"session_revoked","message":"The session was revoked."}"#;

/// A link that is kept in the background.
struct Kept {
    states: watch::Receiver<LinkState>,
    tunnels: mpsc::UnboundedReceiver<Tunnel>,
    end: JoinHandle<LinkState>,
    desk: Arc<Desk>,
    saved: SavedSessions,
    _dir: tempfile::TempDir,
}

impl Kept {
    fn start(session: Session) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let saved = SavedSessions::new(dir.path().join("client"));
        saved.save(&session).expect("saved");
        let desk = Desk::new();
        let link = Link::new(client(), session, Some(saved.clone()), desk.clone());
        let states = link.states();
        let (sender, tunnels) = mpsc::unbounded_channel();
        let end = tokio::spawn(link.tunnel(move |tunnel| {
            let _result = sender.send(tunnel.clone());
            async move { tunnel.closed().await }
        }));
        Self { states, tunnels, end, desk, saved, _dir: dir }
    }

    /// The next state of this kind.
    async fn state(&mut self, wanted: impl Fn(&LinkState) -> bool) -> LinkState {
        let found = timeout(Duration::from_secs(600), self.states.wait_for(|state| wanted(state)));
        found.await.expect("in time").expect("a link").clone()
    }

    async fn connected(&mut self) {
        self.state(|state| matches!(state, LinkState::Connected)).await;
    }

    /// How long the wait is that it has begun, by its clock.
    async fn waiting(&mut self) -> Duration {
        let state = self.state(|state| matches!(state, LinkState::Waiting { .. })).await;
        let LinkState::Waiting { until, .. } = state else { unreachable!() };
        until.since(self.desk.now())
    }

    async fn end(self) -> LinkState {
        let end = timeout(Duration::from_secs(600), self.end).await;
        end.expect("in time").expect("no panic")
    }

    fn is_saved(&self, peer: &Peer) -> bool {
        self.saved.load(&peer.pinned()).expect("readable").is_some()
    }
}

async fn start(replies: &[Reply]) -> (Peer, Kept) {
    let mut peer = Peer::start(Certificate::self_signed(), &[Reply::Token("A.token")]);
    let session = peer.session().await;
    peer.does(replies);
    (peer, Kept::start(session))
}

#[tokio::test(start_paused = true)]
async fn a_server_that_comes_back_is_found_again() {
    let certificate = Certificate::self_signed();
    let mut peer = Peer::start(certificate.clone(), &[Reply::Token("A.token"), Reply::Open]);
    let mut kept = Kept::start(peer.session().await);
    kept.connected().await;
    let address = peer.address;
    peer.stop().await;
    kept.waiting().await;
    let mut peer = Peer::at(address, certificate, b"doorward/1", &[Reply::Open]);
    kept.connected().await;
    assert_eq!(peer.hello().await.purpose, Purpose::Open);
    kept.tunnels.recv().await.expect("the first");
    kept.tunnels.recv().await.expect("the second").open().await.expect("it is alive");
}

#[tokio::test(start_paused = true)]
async fn waits_in_a_row_grow_and_begin_anew_after_a_life() {
    let lost = Reply::Refuse(1013, r#"{"error":"unavailable","message":"Later."}"#);
    let replies = [lost.clone(), lost.clone(), lost.clone(), Reply::Open, lost, Reply::Open];
    let (mut peer, mut kept) = start(&replies).await;
    for seconds in [1, 2, 4] {
        assert_eq!(kept.waiting().await, Duration::from_secs(seconds));
        kept.state(|state| !matches!(state, LinkState::Waiting { .. })).await;
    }
    kept.connected().await;
    for _ in 0..4 {
        peer.hello().await;
    }
    let theirs = peer.opened().await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    theirs.close(1001u32.into(), b"{}");
    assert_eq!(kept.waiting().await, Duration::from_secs(8), "it lived too short");
    kept.connected().await;
    peer.hello().await;
    peer.hello().await;
    let theirs = peer.opened().await;
    tokio::time::sleep(Duration::from_secs(15)).await;
    theirs.close(1001u32.into(), b"{}");
    assert_eq!(kept.waiting().await, Duration::from_secs(1), "it has lived");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_for_time_gets_it() {
    let limited = Reply::Refuse(4429, r#"{"error":"limited","retry_after":40}"#);
    let (_peer, mut kept) = start(&[limited, Reply::Open]).await;
    assert_eq!(kept.waiting().await, Duration::from_secs(41));
    kept.connected().await;
}

#[tokio::test(start_paused = true)]
async fn what_will_not_change_is_not_tried_again() {
    let refusals = [
        Reply::Refuse(4400, r#"{"error":"malformed"}"#),
        Reply::Refuse(4403, r#"{"error":"insufficient_capability"}"#),
        Reply::Refuse(4403, r#"{"error":"host_denied"}"#),
        Reply::Refuse(4404, r#"{"error":"not_found"}"#),
        Reply::Bytes(vec![0, 1, 2]),
    ];
    for refusal in refusals {
        let (mut peer, kept) = start(std::slice::from_ref(&refusal)).await;
        peer.hello().await;
        assert!(matches!(kept.end().await, LinkState::Ended { .. }), "{refusal:?}");
        assert!(peer.is_quiet());
    }
}

#[tokio::test(start_paused = true)]
async fn another_certificate_is_not_tried_again_and_hears_nothing() {
    let mut peer = Peer::start(Certificate::self_signed(), &[Reply::Token("A.token")]);
    let session = peer.session().await;
    let address = peer.address;
    peer.stop().await;
    let mut impostor = Peer::at(address, Certificate::self_signed(), b"doorward/1", &[Reply::Open]);
    let LinkState::Ended { reason } = Kept::start(session).end().await else {
        panic!("it is another server")
    };
    assert!(reason.contains("not the server that the link was made for"), "{reason}");
    assert!(matches!(impostor.event().await, crate::support::Event::Failed));
    assert!(impostor.is_quiet());
}

#[tokio::test(start_paused = true)]
async fn whoever_takes_a_known_server_s_place_for_a_while_ends_nothing() {
    let certificate = Certificate::self_signed();
    let mut peer = Peer::start(certificate.clone(), &[Reply::Token("A.token"), Reply::Open]);
    let mut kept = Kept::start(peer.session().await);
    let address = peer.address;
    for (certificate_of_another, alpn) in [
        (Certificate::self_signed(), &b"doorward/1"[..]),
        // It ends the handshake with an alert, before it shows a certificate.
        (certificate.clone(), b"h3"),
    ] {
        kept.connected().await;
        peer.stop().await;
        let mut other = Peer::at(address, certificate_of_another, alpn, &[Reply::Open]);
        for _ in 0..2 {
            assert!(matches!(other.event().await, crate::support::Event::Failed));
        }
        assert!(other.is_quiet(), "it hears nothing");
        other.stop().await;
        peer = Peer::at(address, certificate.clone(), b"doorward/1", &[Reply::Open]);
    }
    kept.connected().await;
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_over_is_forgotten() {
    for refusal in
        [Reply::Refuse(4401, r#"{"error":"session_expired"}"#), Reply::Refuse(4403, REVOKED)]
    {
        let (peer, mut kept) = start(std::slice::from_ref(&refusal)).await;
        kept.state(|state| matches!(state, LinkState::PairAgain { .. })).await;
        assert!(!kept.is_saved(&peer), "{refusal:?}");
    }
    let (mut peer, mut kept) = start(&[Reply::Open]).await;
    peer.hello().await;
    peer.opened().await.close(4403u32.into(), REVOKED.as_bytes());
    kept.state(|state| matches!(state, LinkState::PairAgain { .. })).await;
    assert!(!kept.is_saved(&peer));
}

#[tokio::test(start_paused = true)]
async fn a_session_is_renewed_while_its_tunnel_lives() {
    let unavailable = Reply::Refuse(1013, r#"{"error":"unavailable"}"#);
    let (mut peer, mut kept) = start(&[Reply::Open, unavailable, Reply::Token("A.fresher")]).await;
    kept.connected().await;
    peer.hello().await;
    let theirs = peer.opened().await;
    kept.desk.advance(Duration::from_secs(u64::from(LIFE) * 3 / 4));
    for _ in 0..2 {
        let said = peer.hello().await;
        assert_eq!((said.purpose, said.kind), (Purpose::Token, Kind::Session));
        assert_eq!(said.credential, "A.token", "a renewal that fails is tried again");
    }
    let expires = || kept.saved.load(&peer.pinned()).ok().flatten().map(|it| it.expires_at());
    let fresher = Some(kept.desk.now().plus(Duration::from_secs(LIFE.into())));
    let saved = async {
        while expires() != fresher {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(60), saved).await.expect("saved");
    assert_eq!(theirs.close_reason(), None, "its tunnel never noticed");
    assert!(matches!(*kept.states.borrow(), LinkState::Connected));
}

async fn tell(theirs: &Connection, left: u32, absolute: bool) {
    let mut stream = theirs.open_uni().await.expect("allowed");
    stream.write_all(&Notice { left, absolute }.frame()).await.expect("written");
    stream.finish().expect("open");
}

#[tokio::test(start_paused = true)]
async fn an_end_that_is_told_shows_until_it_has_moved_on() {
    let (mut peer, mut kept) = start(&[Reply::Open]).await;
    kept.connected().await;
    peer.hello().await;
    let theirs = peer.opened().await;
    for (left, absolute) in [(300, false), (60, true)] {
        tell(&theirs, left, absolute).await;
        let at = kept.desk.now().plus(Duration::from_secs(left.into()));
        kept.state(|state| *state == LinkState::Ending { at, absolute }).await;
    }
    tell(&theirs, 301, false).await;
    kept.connected().await;
}

#[tokio::test(start_paused = true)]
async fn a_server_whose_tokens_expire_at_once_is_not_asked_again_at_once() {
    let (mut peer, mut kept) = start(&[Reply::Open, Reply::Fleeting("A.fleeting")]).await;
    kept.connected().await;
    peer.hello().await;
    peer.opened().await;
    kept.desk.advance(Duration::from_secs(u64::from(LIFE) * 3 / 4));
    peer.hello().await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let renewals = std::iter::from_fn(|| (!peer.is_quiet()).then_some(())).take(100).count();
    assert!((1..=6).contains(&renewals), "{renewals}");
}

#[tokio::test(start_paused = true)]
async fn a_session_is_renewed_before_it_is_used() {
    let mut peer = Peer::start(Certificate::self_signed(), &[Reply::Token("A.token")]);
    let session = peer.session().await;
    peer.does(&[Reply::Token("A.fresher"), Reply::Open]);
    let desk = Desk::new();
    desk.advance(Duration::from_secs(u64::from(LIFE) * 3 / 4));
    let link = Link::new(Client::new(Trust::system()), session, None, desk);
    let kept = tokio::spawn(link.tunnel(|tunnel| async move { tunnel.closed().await }));
    assert_eq!(peer.hello().await.credential, "A.token");
    let said = peer.hello().await;
    assert_eq!((said.purpose, said.credential.as_str()), (Purpose::Open, "A.fresher"));
    kept.abort();
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_was_asleep_waits_no_longer() {
    let limited = Reply::Refuse(4429, r#"{"error":"limited","retry_after":3000}"#);
    let (_peer, mut kept) = start(&[limited, Reply::Open]).await;
    kept.waiting().await;
    kept.desk.advance(Duration::from_secs(60));
    timeout(Duration::from_secs(2), kept.connected()).await.expect("at once");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_makes_no_wait_longer() {
    let lost = Reply::Refuse(1013, "{}");
    let (_peer, mut kept) = start(&[lost.clone(), lost.clone(), lost, Reply::Open]).await;
    while kept.waiting().await < Duration::from_secs(4) {
        kept.state(|state| !matches!(state, LinkState::Waiting { .. })).await;
    }
    kept.desk.set(NOW.minus(Duration::from_secs(100_000)));
    timeout(Duration::from_secs(5), kept.connected()).await.expect("in its time");
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_whose_server_is_gone_after_a_sleep_is_lost_within_seconds() {
    let (peer, mut kept) = start(&[Reply::Open]).await;
    kept.connected().await;
    peer.disappear();
    kept.desk.advance(Duration::from_secs(20));
    timeout(Duration::from_secs(10), kept.waiting()).await.expect("noticed");
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_whose_server_is_there_survives_a_sleep() {
    let (mut peer, mut kept) = start(&[Reply::Open]).await;
    kept.connected().await;
    peer.hello().await;
    let theirs = peer.opened().await;
    kept.desk.advance(Duration::from_secs(20));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(theirs.close_reason(), None);
    assert!(matches!(*kept.states.borrow(), LinkState::Connected));
}
