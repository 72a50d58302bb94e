//! QUIC before the hello: who is let into a handshake, and what it leaves behind.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use doorward_policy::Settings;
use doorward_quic::Limits;
use quinn::{Connection, ConnectionError, TransportErrorCode};
use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::UdpSocket;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::door::Door;
use crate::quic::{Caller, NEVER, Wicket, Words, closed, echoes, greet};

/// Of three connections that say nothing, the server refuses one.
async fn one_too_many(door: &Door, reason: &str) {
    let limits = Limits { deadline: NEVER, ..Limits::default() };
    let wicket = Wicket::with(door, None, limits);
    // Those that were admitted do not count.
    let mut admitted = Vec::new();
    for _ in 0..4 {
        admitted.push(wicket.opened(door).await);
    }
    let mut waiting = JoinSet::new();
    for _ in 0..3 {
        let connection = wicket.connect().await;
        waiting.spawn(async move { closed(&connection).await });
    }
    let refused = waiting.join_next().await.unwrap().unwrap();
    assert_eq!((refused.code, refused.error()), (4429, "connections_limited"));
    assert_eq!(refused.reason["retry_after"], 1);
    let record = door.last_denial().await;
    assert_eq!(record["reason"], reason);
    assert_eq!(record["threat"], "DW-RESOURCE-EXHAUSTION");
    assert!(waiting.try_join_next().is_none());
}

#[tokio::test]
async fn unadmitted_connections_of_an_address_are_capped_and_admitted_ones_are_not() {
    let mut settings = Settings::default();
    settings.connections.per_address = 2;
    one_too_many(&Door::under(settings).await, "connections_limited: from this address").await;
}

#[tokio::test]
async fn unadmitted_connections_are_capped_in_all() {
    let mut settings = Settings::default();
    settings.connections.unadmitted = 2;
    one_too_many(&Door::under(settings).await, "connections_limited: in all").await;
}

/// A connection that was refused, or has ended unadmitted, makes room for another.
#[tokio::test]
async fn a_refused_connection_makes_room() {
    let mut settings = Settings::default();
    settings.connections.per_address = 1;
    let door = Door::under(settings).await;
    let wicket = Wicket::of(&door);
    for _ in 0..3 {
        let closed = wicket.greet(&Words::nothing()).await.closed();
        assert_eq!(closed.error(), "credential_missing");
    }
}

/// A proxy of datagrams between one client and the server, which looks at what the server says.
struct Proxy {
    address: SocketAddr,
    /// The first byte of each datagram of the server.
    seen: Arc<Mutex<Vec<u8>>>,
    answered: Arc<Notify>,
}

impl Proxy {
    /// Passes all that the server sends, and `most` of what the client does, with so much
    /// after a Retry.
    async fn to(server: SocketAddr, most: usize, after_retry: usize) -> Self {
        let front = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let back = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        back.connect(server).await.unwrap();
        let address = front.local_addr().unwrap();
        let (seen, answered) = (Arc::<Mutex<Vec<u8>>>::default(), Arc::new(Notify::new()));
        let (firsts, told) = (Arc::clone(&seen), Arc::clone(&answered));
        tokio::spawn(async move {
            let (mut left, mut client) = (most, address);
            let (mut ours, mut theirs) = (vec![0; 65_536], vec![0; 65_536]);
            loop {
                tokio::select! {
                    came = front.recv_from(&mut ours) => {
                        let Ok((length, from)) = came else { return };
                        client = from;
                        if left > 0 {
                            left -= 1;
                            let _sent = back.send(&ours[..length]).await;
                        }
                    }
                    came = back.recv(&mut theirs) => {
                        let Ok(length) = came else { return };
                        firsts.lock().unwrap().push(theirs[0]);
                        if is_retry(&theirs[0]) {
                            left = left.max(after_retry);
                        }
                        told.notify_one();
                        let _sent = front.send_to(&theirs[..length], client).await;
                    }
                }
            }
        });
        Self { address, seen, answered }
    }
}

/// A Retry packet: a long header of type 3 (RFC 9000, section 17.2.5).
fn is_retry(first: &u8) -> bool {
    first & 0xf0 == 0xf0
}

//= req: QUIC-4, type=test
#[tokio::test]
async fn a_client_is_asked_to_validate_its_address_and_gets_in() {
    let door = Door::open().await;
    let words = Words::token(&door.token().await).frame();
    for (retry_from, retries) in [(0, 1), (1, 0)] {
        let limits = Limits { retry_from, ..Limits::default() };
        let wicket = Wicket::with(&door, None, limits);
        let proxy = Proxy::to(wicket.address, usize::MAX, 0).await;
        let connection = Caller::default().connect(proxy.address).await.unwrap();
        let (connection, _accept) = greet(connection, &words).await.welcome();
        echoes(&connection).await;
        let seen = proxy.seen.lock().unwrap().clone();
        assert_eq!(seen.iter().filter(|first| is_retry(first)).count(), retries, "{seen:?}");
    }
}

/// A client that begins a handshake and never goes on, and whose beginning the server has seen.
async fn begun(wicket: &Wicket) -> (Proxy, tokio::task::JoinHandle<()>) {
    stuck(Proxy::to(wicket.address, 1, 0).await).await
}

/// One whose first packets go through a proxy that lets no more through.
async fn stuck(proxy: Proxy) -> (Proxy, tokio::task::JoinHandle<()>) {
    let address = proxy.address;
    let trying = tokio::spawn(async move {
        let _never = Caller::default().connect(address).await;
    });
    proxy.answered.notified().await;
    (proxy, trying)
}

//= req: QUIC-5, type=test
/// An address that has proved nothing may be anybody's: handshakes in its name keep nobody out.
#[tokio::test]
async fn an_unvalidated_address_is_not_counted_against() {
    let mut settings = Settings::default();
    settings.connections.per_address = 1;
    let door = Door::under(settings).await;
    let limits = Limits { deadline: NEVER, ..Limits::default() };
    let wicket = Wicket::with(&door, None, limits);
    let _begun = [begun(&wicket).await, begun(&wicket).await];
    let (connection, _token) = wicket.opened(&door).await;
    echoes(&connection).await;
}

//= req: QUIC-4, type=test
/// From some handshakes on, whoever comes has to validate the address first.
#[tokio::test]
async fn handshakes_under_way_ask_the_next_for_its_address() {
    let door = Door::open().await;
    let limits = Limits { deadline: NEVER, retry_from: 1, ..Limits::default() };
    let wicket = Wicket::with(&door, None, limits);
    let (first, _trying) = begun(&wicket).await;
    assert!(!first.seen.lock().unwrap().iter().any(is_retry));
    let (second, _trying) = begun(&wicket).await;
    assert!(second.seen.lock().unwrap().iter().all(is_retry));
}

/// The next client is refused before its handshake.
async fn assert_not_shaken(door: &Door, wicket: &Wicket, reason: &str) {
    let Err(ConnectionError::ConnectionClosed(close)) =
        Caller::default().connect(wicket.address).await
    else {
        panic!("it was not refused");
    };
    assert_eq!(close.error_code, TransportErrorCode::CONNECTION_REFUSED);
    assert_eq!(door.last_denial().await["reason"], reason);
}

//= req: QUIC-6, type=test
#[tokio::test]
async fn handshakes_under_way_are_capped() {
    let door = Door::open().await;
    let limits = Limits { deadline: NEVER, handshakes: 1, ..Limits::default() };
    let wicket = Wicket::with(&door, None, limits);
    let (_begun, _trying) = filled(&wicket).await;
    assert_not_shaken(&door, &wicket, "connections_limited: in all").await;
}

/// A client whose handshake takes up all of a listener's room for one.
async fn filled(wicket: &Wicket) -> (Proxy, tokio::task::JoinHandle<()>) {
    // With room for one alone, whoever comes has to validate the address first, and this one goes
    // no further.
    let (begun, trying) = stuck(Proxy::to(wicket.address, 1, 1).await).await;
    while begun.seen.lock().unwrap().iter().all(is_retry) {
        begun.answered.notified().await;
    }
    (begun, trying)
}

//= req: QUIC-7, type=test
/// By its deadline, not by the silence of the connection, which a trickle would put off.
#[tokio::test(start_paused = true)]
async fn a_handshake_that_goes_no_further_makes_room_at_its_deadline() {
    let door = Door::open().await;
    let limits = Limits { handshakes: 1, idle: NEVER, ..Limits::default() };
    let wicket = Wicket::with(&door, None, limits);
    let (_begun, trying) = filled(&wicket).await;
    // It is told, or gives up by itself.
    trying.await.unwrap();
    let (connection, _token) = wicket.opened(&door).await;
    echoes(&connection).await;
}

/// Nobody is behind it yet to whom anything would be owed.
#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_no_handshake() {
    let door = Door::open().await;
    let limits = Limits { deadline: NEVER, idle: NEVER, ..Limits::default() };
    let wicket = Wicket::with(&door, None, limits);
    let (_begun, _trying) = begun(&wicket).await;
    timeout(NEVER / 2, wicket.drain()).await.expect("it does not wait for the deadline");
}

//= req: QUIC-4, type=test
/// However the limits are set, packets that nobody stands behind leave room for others.
#[tokio::test]
async fn handshakes_of_unvalidated_addresses_fill_no_more_than_half() {
    let door = Door::open().await;
    let limits = Limits { deadline: NEVER, handshakes: 2, retry_from: 9, ..Limits::default() };
    let wicket = Wicket::with(&door, None, limits);
    let _begun = [begun(&wicket).await, begun(&wicket).await, begun(&wicket).await];
    let (connection, _token) = wicket.opened(&door).await;
    echoes(&connection).await;
}

#[tokio::test]
async fn a_handshake_that_is_over_makes_room() {
    let door = Door::open().await;
    let wicket = Wicket::with(&door, None, Limits { handshakes: 1, ..Limits::default() });
    let words = Words::token(&door.token().await);
    let mut live = Vec::new();
    for _ in 0..3 {
        live.push(wicket.greet(&words).await.welcome());
    }
}

//= req: QUIC-6, type=test
/// With its address validated, a client that is one too many is refused before a handshake costs
/// anything.
#[tokio::test]
async fn a_validated_address_is_counted_before_its_handshake() {
    let mut settings = Settings::default();
    settings.connections.per_address = 1;
    let door = Door::under(settings).await;
    let limits = Limits { deadline: NEVER, retry_from: 0, ..Limits::default() };
    let wicket = Wicket::with(&door, None, limits);
    let _waiting = wicket.connect().await;
    assert_not_shaken(&door, &wicket, "connections_limited: from this address").await;
}

/// Counts the session tickets that a server sends.
#[derive(Debug, Default)]
struct Tickets(Mutex<usize>);

impl ClientSessionStore for Tickets {
    fn set_kx_hint(&self, _server: ServerName<'static>, _group: NamedGroup) {}

    fn kx_hint(&self, _server: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn set_tls12_session(&self, _server: ServerName<'static>, _value: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _server: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _server: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _server: ServerName<'static>, _value: Tls13ClientSessionValue) {
        *self.0.lock().unwrap() += 1;
    }

    fn take_tls13_ticket(&self, _server: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        None
    }
}

//= req: QUIC-2, type=test
/// Neither a ticket to resume with nor a token to skip a Retry with.
#[tokio::test]
async fn nothing_outlives_a_connection() {
    let door = Door::open().await;
    let words = Words::token(&door.token().await).frame();
    for retry_from in [0, 32] {
        let limits = Limits { retry_from, ..Limits::default() };
        let wicket = Wicket::with(&door, None, limits);
        let tickets = Arc::new(Tickets::default());
        let store = Arc::clone(&tickets) as Arc<dyn ClientSessionStore>;
        let caller = Caller { tickets: Some(store), ..Caller::default() };
        let connection = caller.connect(wicket.address).await.unwrap();
        let (connection, _accept) = greet(connection, &words).await.welcome();
        echoes(&connection).await;
        let received = connection.stats().frame_rx;
        assert_eq!((received.handshake_done, received.new_token), (1, 0));
        assert_eq!(*tickets.0.lock().unwrap(), 0);
    }
}

fn shown(connection: &Connection) -> CertificateDer<'static> {
    let chain = connection.peer_identity().unwrap();
    chain.downcast::<Vec<CertificateDer<'static>>>().unwrap()[0].clone()
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_new_connections_and_ends_no_old_one() {
    let door = Door::open().await;
    let wicket = Wicket::of(&door);
    let (old, _token) = wicket.opened(&door).await;
    let renewed = wicket.renew_certificate();
    let (new, _token) = wicket.opened(&door).await;
    assert_eq!(shown(&new), renewed);
    assert_ne!(shown(&old), renewed);
    echoes(&old).await;
}
