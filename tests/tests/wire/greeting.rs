//! QUIC connections of clients who mean well: their hello, their streams, and their end.

use std::sync::Arc;
use std::time::Duration;

use doorward_gate::Clock as _;
use doorward_gate::audit::{AuditRecord, Event};
use doorward_policy::Settings;
use doorward_policy::capability::Capabilities;
use doorward_policy::ledger::Selector;
use doorward_policy::settings::Guarding;
use doorward_policy::token::Method;
use doorward_quic::Limits;
use quinn::{Connection, ConnectionError, ReadError, TransportConfig, VarInt};

use crate::door::Door;
use crate::quic::{
    Caller, GRANT, NEVER, OPEN, SESSION, TOKEN, Wicket, Words, closed, echoes, greet,
};

const DAY: Duration = Duration::from_secs(24 * 3600);

async fn bearer_works(door: &Door, token: &[u8]) {
    let bearer = format!("Authorization: Bearer {}\r\n", str::from_utf8(token).unwrap());
    assert_eq!(door.get("/", &bearer).await.status, 200);
}

#[tokio::test]
async fn a_session_token_opens_and_streams_are_echoed_to_their_end() {
    let door = Door::open().await;
    let wicket = Wicket::of(&door);
    let token = door.token().await;
    let (connection, accept) = wicket.greet(&Words::token(&token)).await.welcome();
    let session = accept.session.unwrap();
    assert_eq!(session.capabilities, Capabilities::START_UP);
    assert_eq!(session.subject.as_str(), "tester");
    assert_eq!(u64::from(session.expires_in), 7 * DAY.as_secs());
    assert!(accept.token.is_none());
    for _ in 0..3 {
        let (mut send, mut receive) = echoes(&connection).await;
        send.write_all(b"there").await.unwrap();
        send.finish().unwrap();
        assert_eq!(receive.read_to_end(16).await.unwrap(), b"there");
    }
    let record = door.audit().await.pop().unwrap();
    assert_eq!((&record["event"], &record["transport"]), (&"admitted".into(), &"quic".into()));
}

/// A reset is a reset, and who stops reading is not written to.
#[tokio::test]
async fn an_echo_passes_on_a_reset_and_a_stop() {
    let door = Door::open().await;
    let wicket = Wicket::of(&door);
    let (connection, _token) = wicket.opened(&door).await;
    let (mut send, mut receive) = echoes(&connection).await;
    send.reset(VarInt::from_u32(7)).unwrap();
    assert_eq!(receive.read(&mut [0]).await, Err(ReadError::Reset(VarInt::from_u32(7))));
    let (mut send, mut receive) = echoes(&connection).await;
    receive.stop(VarInt::from_u32(8)).unwrap();
    send.write_all(b"more").await.unwrap();
    assert_eq!(send.stopped().await, Ok(Some(VarInt::from_u32(8))));
}

#[tokio::test]
async fn a_grant_opens_and_the_answer_has_its_token() {
    let door = Door::open().await;
    let wicket = Wicket::of(&door);
    let grant = door.grant(Method::Link, Capabilities::START_UP).await;
    let words = Words::one(OPEN, GRANT, &grant);
    let (connection, accept) = wicket.greet(&words).await.welcome();
    echoes(&connection).await;
    let token = accept.token.unwrap();
    bearer_works(&door, &token).await;
    // An answer that was lost is fetched again with the same nonce.
    let (_connection, again) = wicket.greet(&words).await.welcome();
    assert_eq!(again.session, accept.session);
    let other = Words { nonce: vec![1; 18], ..words };
    assert_eq!(wicket.greet(&other).await.closed().error(), "grant_refused");
}

#[tokio::test]
async fn purpose_token_pairs_and_renews_and_leaves() {
    let door = Door::open().await;
    let wicket = Wicket::of(&door);
    let grant = door.grant(Method::Link, Capabilities::START_UP).await;
    let (connection, accept) = wicket.greet(&Words::one(TOKEN, GRANT, &grant)).await.welcome();
    assert_eq!(closed(&connection).await.code, 0);
    let first = accept.token.unwrap();
    bearer_works(&door, &first).await;

    let renewal = Words::one(TOKEN, SESSION, &first);
    let (connection, accept) = wicket.greet(&renewal).await.welcome();
    assert_eq!(closed(&connection).await.code, 0);
    assert!(accept.token.is_none(), "before half of its life");
    door.clock.turn(4 * DAY);
    door.gate.refresh().await.unwrap();
    let (_connection, accept) = wicket.greet(&renewal).await.welcome();
    let second = accept.token.unwrap();
    assert_ne!(first, second);
    door.clock.turn(4 * DAY);
    door.gate.refresh().await.unwrap();
    assert_eq!(wicket.greet(&renewal).await.closed().error(), "session_expired");
    bearer_works(&door, &second).await;
}

#[tokio::test]
async fn nobody_in_particular_opens_an_unguarded_server() {
    let settings = Settings { guarding: Guarding::Unguarded, ..Settings::default() };
    let door = Door::under(settings).await;
    let wicket = Wicket::of(&door);
    let (connection, accept) = wicket.greet(&Words::nothing()).await.welcome();
    assert!(accept.session.is_none() && accept.token.is_none());
    echoes(&connection).await;
}

#[tokio::test]
async fn a_name_that_the_server_does_not_go_by_is_refused() {
    let door = Door::open().await;
    let wicket = Wicket::of(&door);
    let words = Words::token(&door.token().await);
    let caller = Caller { server_name: "rebind.evil", ..Caller::default() };
    let connection = caller.connect(wicket.address).await.unwrap();
    let closed = greet(connection, &words.frame()).await.closed();
    assert_eq!((closed.code, closed.error()), (4403, "host_denied"));
    let record = door.last_denial().await;
    assert_eq!(record["reason"], "host_denied: rebind.evil");
    assert_eq!(record["threat"], "DW-DNS-REBINDING");
    // An address is never sent as a name.
    let caller = Caller { server_name: "127.0.0.1", ..Caller::default() };
    let connection = caller.connect(wicket.address).await.unwrap();
    greet(connection, &words.frame()).await.welcome();
}

//= req: QUIC-12, type=test
#[tokio::test]
async fn a_connection_ends_with_its_session_and_says_so() {
    let door = Door::open().await;
    let wicket = Wicket::of(&door);
    let (revoked, token) = wicket.opened(&door).await;
    let (expiring, _token) = wicket.opened(&door).await;

    let (_send, mut cut) = echoes(&revoked).await;
    let bearer = format!("Authorization: Bearer {token}\r\n");
    assert_eq!(door.post("/.doorward/api/logout", &bearer, "").await.status, 204);
    assert!(matches!(cut.read(&mut [0]).await, Err(ReadError::ConnectionLost(_))));
    ended(&door, &revoked, 4403, "session_revoked", "DW-REVOKED-SESSION").await;

    let (_send, mut cut) = echoes(&expiring).await;
    door.clock.turn(7 * DAY);
    door.gate.refresh().await.unwrap();
    assert!(matches!(cut.read(&mut [0]).await, Err(ReadError::ConnectionLost(_))));
    ended(&door, &expiring, 4401, "session_expired", "DW-STALE-SESSION").await;

    let (drained, _token) = wicket.opened(&door).await;
    let (_send, mut cut) = echoes(&drained).await;
    door.gate.drain();
    assert!(matches!(cut.read(&mut [0]).await, Err(ReadError::ConnectionLost(_))));
    ended(&door, &drained, 1001, "draining", "DW-FAIL-OPEN").await;
    // Who comes now is told the same.
    let late = closed(&wicket.connect().await).await;
    assert_eq!((late.code, late.error()), (1001, "draining"));
    wicket.drain().await;
}

async fn ended(door: &Door, connection: &Connection, code: u64, error: &str, threat: &str) {
    let closed = closed(connection).await;
    assert_eq!((closed.code, closed.error()), (code, error));
    let records = door.audit().await;
    let record = records.iter().rfind(|record| record["event"] == "closed").unwrap();
    assert_eq!(record["threat"], threat);
    assert_eq!(record["trace_id"], closed.reason["trace_id"]);
}

//= req: QUIC-12, type=test
/// As another process would: the store is told, and the gate finds it there.
#[tokio::test]
async fn what_another_process_revokes_ends_here() {
    let door = Door::open().await;
    let wicket = Wicket::of(&door);
    let token = door.token().await;
    let (connection, accept) = wicket.greet(&Words::token(&token)).await.welcome();
    let (other, _token) = wicket.opened(&door).await;
    let now = door.clock.now().unwrap();
    let which = Selector::Session(accept.session.unwrap().id);
    let audit = AuditRecord::new(Event::SessionRevoked, now);
    door.store.revoke_sessions(which, now, audit).await.unwrap();
    door.gate.refresh().await.unwrap();
    assert_eq!(closed(&connection).await.code, 4403);
    echoes(&other).await;
}

/// Whoever has said nothing yet holds nothing up: without an end of that, this would never end.
#[tokio::test]
async fn a_drain_waits_for_nobody_who_is_silent() {
    let door = Door::open().await;
    let limits = Limits { deadline: NEVER, ..Limits::default() };
    let wicket = Wicket::with(&door, None, limits);
    let silent = wicket.connect().await;
    door.gate.drain();
    wicket.drain().await;
    silent.closed().await;
}

//= req: QUIC-12, type=test
/// Whoever doesn't take the answer has been admitted all the same, and its end is not held up.
#[tokio::test]
async fn a_client_that_takes_no_answer_is_ended_with_its_session() {
    let door = Door::open().await;
    let wicket = Wicket::with(&door, None, Limits { deadline: NEVER, ..Limits::default() });
    let token = door.token().await;
    let mut transport = TransportConfig::default();
    transport.stream_receive_window(VarInt::from_u32(0));
    let caller = Caller { transport: Arc::new(transport), ..Caller::default() };
    let connection = caller.connect(wicket.address).await.unwrap();
    let (mut send, _receive) = connection.open_bi().await.unwrap();
    send.write_all(&Words::token(&token).frame()).await.unwrap();
    while door.gate.live_connections() == 0 {
        tokio::task::yield_now().await;
    }
    let now = door.clock.now().unwrap();
    let audit = AuditRecord::new(Event::SessionRevoked, now);
    door.store.revoke_sessions(Selector::All, now, audit).await.unwrap();
    door.gate.refresh().await.unwrap();
    assert_eq!(closed(&connection).await.code, 4403);
}

#[tokio::test]
async fn a_listener_that_is_told_to_drain_ends_after_its_connections() {
    let door = Door::open().await;
    let wicket = Wicket::of(&door);
    let (connection, _token) = wicket.opened(&door).await;
    let (other, _token) = wicket.opened(&door).await;
    let (address, drained) = (wicket.address, tokio::spawn(wicket.drain()));
    let refused = async || loop {
        match Caller::default().connect(address).await {
            // It has not heard yet.
            Ok(early) => early.close(VarInt::from_u32(0), b""),
            Err(error) => break matches!(error, ConnectionError::ConnectionClosed(_)),
        }
    };
    // It takes no more, and says so, but carries on what there is.
    assert!(refused().await);
    other.close(VarInt::from_u32(0), b"");
    while door.gate.live_connections() > 1 {
        tokio::task::yield_now().await;
    }
    for _ in 0..3 {
        assert!(refused().await, "as long as any is there");
    }
    echoes(&connection).await;
    assert!(!drained.is_finished());
    door.gate.drain();
    assert_eq!(closed(&connection).await.code, 1001);
    drained.await.unwrap();
}
