//! A listener that is killed while many are connected: all come back by themselves, not at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use doorward_client::{
    Client, Closed, Connection, Credential, Link, LinkState, Surroundings, Trust,
};
use doorward_gate::{Clock as _, SystemClock, SystemEntropy, random};
use doorward_policy::Timestamp;
use rustix::process::Signal;
use tokio::runtime::Runtime;

use crate::support::{Home, Serving, lasting_port};

/// How many clients there are: as many over QUIC as over WebSocket.
const CLIENTS: usize = 100;
/// Fails, instead of hanging: a listener that takes long to start is asked again ever more rarely.
const PATIENCE: Duration = Duration::from_secs(120);
/// The bound of a client's first wait.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// How many clients may choose the same tenth of it. Of 100 that choose by chance 10 do, give or
/// take 3.
const MOST_IN_TENTH: usize = 30;

/// For clients that all come from one address, and all at once.
const RAISED_LIMITS: &str = "
[http]
head_deadline = \"60s\"

[guesses]
others_per_minute = 1000000

[connections]
unadmitted = 4096
per_address = 4096
";

/// This machine, which remembers when a client began to wait: it asks for randomness to choose how
/// long, and for the time right after.
struct Machine {
    clock: SystemClock,
    chooses: AtomicBool,
    began: AtomicU64,
}

impl Machine {
    fn new() -> Self {
        let clock = SystemClock::new(Timestamp::EPOCH);
        Self { clock, chooses: AtomicBool::new(false), began: AtomicU64::new(0) }
    }

    /// How long the client has chosen to wait, of which this is the end.
    fn wait(&self, until: Timestamp) -> Duration {
        until.since(Timestamp::from_millis(self.began.load(Ordering::SeqCst)))
    }
}

impl Surroundings for Machine {
    fn now(&self) -> Timestamp {
        let now = self.clock.now().expect("a clock");
        if self.chooses.swap(false, Ordering::SeqCst) {
            self.began.store(now.as_millis(), Ordering::SeqCst);
        }
        now
    }

    fn random(&self) -> [u8; 8] {
        self.chooses.store(true, Ordering::SeqCst);
        random(&SystemEntropy).expect("entropy")
    }
}

/// What a client reports.
struct News {
    client: usize,
    state: LinkState,
    /// How long it has chosen to wait, if it waits.
    wait: Option<Duration>,
}

/// Starts a client that pairs, stays connected, and tells of each state that it is in.
fn start(runtime: &Runtime, client: usize, link: &str, news: Sender<News>) {
    let credential = Credential::parse(link).expect("a link");
    runtime.spawn(async move {
        let machine = Arc::new(Machine::new());
        let in_quic = client.is_multiple_of(2);
        let server = if in_quic { credential.quic() } else { credential.web() }.expect("a server");
        let visitor = Client::new(Trust::system());
        let nonce = random(&SystemEntropy).expect("entropy");
        let session = visitor.pair(server, &credential, nonce, machine.now()).await;
        let session = session.expect("paired");
        let link = Link::new(visitor, session, None, Arc::clone(&machine) as _);
        let mut states = link.states();
        tokio::spawn(async move {
            while states.changed().await.is_ok() {
                let state = states.borrow_and_update().clone();
                let wait = match state {
                    LinkState::Waiting { until, .. } => Some(machine.wait(until)),
                    _ => None,
                };
                // Nobody listens once the test is over.
                let _result = news.send(News { client, state, wait });
            }
        });
        if in_quic {
            link.tunnel(async |tunnel| tunnel.closed().await).await;
        } else {
            link.websocket("/echo", read_on).await;
        }
    });
}

/// How a WebSocket ends on which nothing comes.
async fn read_on(mut connection: Connection) -> Closed {
    loop {
        if let Err(closed) = connection.next().await {
            return closed;
        }
    }
}

/// Hears of the clients until all have reported that they are connected: what each has chosen for
/// its first wait, if it had to wait.
fn all_connected(reports: &Receiver<News>) -> Vec<Option<Duration>> {
    let (mut connected, mut waits) = (vec![false; CLIENTS], vec![None; CLIENTS]);
    while !connected.iter().all(|it| *it) {
        let there = connected.iter().filter(|it| **it).count();
        let Ok(News { client, state, wait }) = reports.recv_timeout(PATIENCE) else {
            panic!("no news, and {there} of {CLIENTS} are connected")
        };
        match state {
            LinkState::PairAgain { .. } | LinkState::Ended { .. } => {
                panic!("client {client} has given up: {state:?}")
            }
            LinkState::Connected | LinkState::Ending { .. } => connected[client] = true,
            LinkState::Connecting | LinkState::Waiting { .. } => connected[client] = false,
        }
        waits[client] = waits[client].or(wait);
    }
    waits
}

fn serve(home: &Home, ports: [u16; 2]) -> Serving {
    let config = home.write("doorward.toml", RAISED_LIMITS);
    home.serve_on(ports, &["--config", config.to_str().expect("text")])
}

#[test]
fn a_hundred_clients_of_a_listener_that_was_killed_come_back_by_themselves_and_spread_out() {
    let home = Home::new();
    let ports = [lasting_port(), lasting_port()];
    let serving = serve(&home, ports);
    let issued = home.run(&["pair", "--json", "--uses", &CLIENTS.to_string()]).json();
    let link = issued["url"].as_str().expect("text");
    let runtime = Runtime::new().expect("a runtime");
    let (news, reports) = channel();
    for client in 0..CLIENTS {
        start(&runtime, client, link, news.clone());
    }
    all_connected(&reports);

    serving.signal(Signal::KILL);
    serving.ended();
    let clock = SystemClock::new(Timestamp::EPOCH);
    let killed = clock.now().expect("a clock");
    let serving = serve(&home, ports);
    let up = clock.now().expect("a clock");
    let waits = all_connected(&reports);
    let back = clock.now().expect("a clock");

    // A wait that is over at once may go unseen; the one after it has twice the bound.
    let first: Vec<_> = waits.into_iter().flatten().filter(|wait| *wait <= FIRST_WAIT).collect();
    let mut tenths = [0; 10];
    for wait in &first {
        let tenth = wait.as_millis() * 10 / FIRST_WAIT.as_millis();
        tenths[usize::try_from(tenth).expect("small").min(9)] += 1;
    }
    println!(
        "the listener was up again after {:?}, all {CLIENTS} clients were back after {:?}; first \
         waits in each tenth of {FIRST_WAIT:?}: {tenths:?}",
        up.since(killed),
        back.since(killed)
    );
    assert!(first.len() >= CLIENTS * 9 / 10, "{} clients have waited", first.len());
    assert!(tenths.iter().all(|count| *count <= MOST_IN_TENTH), "{tenths:?}");
    let sessions = home.run(&["sessions", "list", "--json"]).json();
    assert_eq!(sessions.as_array().expect("a list").len(), CLIENTS);
    let audit = home.run(&["audit", "--json"]).ok();
    assert_eq!(audit.matches("\"grant_redeemed\"").count(), CLIENTS, "nobody has paired again");
    drop(runtime);
    serving.stop();
}
