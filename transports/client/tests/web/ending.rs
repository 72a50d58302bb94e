//! The end of a session as a WebSocket's link foresees it: nothing in a WebSocket tells.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use doorward_client::{Link, LinkState, Server, Surroundings as _};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::desk::{Desk, NOW};
use crate::support::{TOKEN, answer, client, head, listen, pair, until_closed, upgrade};

/// What a renewal that comes too early, or could not move the end on, is answered with.
const NOTHING: &str = r#"{"session_id":"00","subject":"me"}"#;
/// As long as [`TOKEN`] lives.
const LIFE: Duration = Duration::from_secs(100_000);
const MINUTE: Duration = Duration::from_secs(60);

/// A server that renews tokens only while it is told to.
async fn start(renews: Arc<AtomicBool>) -> Server {
    let (listener, server) = listen("http").await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, Arc::clone(&renews)));
        }
    });
    server
}

async fn serve(mut stream: TcpStream, renews: Arc<AtomicBool>) {
    let head = head(&mut stream).await;
    let body = match head.split(' ').nth(1).expect("a path") {
        "/.doorward/api/token" => TOKEN,
        "/.doorward/api/renew" if renews.load(Ordering::SeqCst) => TOKEN,
        "/.doorward/api/renew" => NOTHING,
        _ => {
            let _socket = upgrade(stream, &head).await;
            return std::future::pending().await;
        }
    };
    stream.write_all(answer("200 OK", "", body).as_bytes()).await.expect("written");
}

async fn reach(states: &mut watch::Receiver<LinkState>, wanted: &LinkState) {
    let found = timeout(20 * MINUTE, states.wait_for(|state| state == wanted)).await;
    found.expect("in time").expect("a link");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_the_server_does_not_renew_shows_its_end_and_one_that_it_does_its_life() {
    let renews = Arc::new(AtomicBool::new(false));
    let server = start(Arc::clone(&renews)).await;
    let session = pair(&client(), &server).await.expect("paired");
    let desk = Desk::new();
    let link = Link::new(client(), session, None, desk.clone());
    let mut states = link.states();
    let kept = tokio::spawn(link.websocket("/echo", until_closed));
    reach(&mut states, &LinkState::Connected).await;

    desk.set(NOW.plus(LIFE).minus(5 * MINUTE));
    let at = NOW.plus(LIFE);
    reach(&mut states, &LinkState::Ending { at, absolute: true }).await;
    states.borrow_and_update();
    desk.set(at.minus(MINUTE));
    timeout(MINUTE, states.changed()).await.expect("told again").expect("a link");
    assert_eq!(*states.borrow(), LinkState::Ending { at, absolute: true });

    renews.store(true, Ordering::SeqCst);
    reach(&mut states, &LinkState::Connected).await;
    assert!(desk.now() < at, "in time");
    kept.abort();
}
