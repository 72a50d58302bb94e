//! `doorward serve`: from settings to connections, and back to nothing.

mod announce;
mod first_grant;
mod housekeeping;
mod quic;
mod sockets;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use doorward_gate::audit::Event;
use doorward_gate::{Gate, Parts, SystemProcesses};
use doorward_http::{Site, SiteParts, Upstream};
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use crate::cli::ServeArgs;
use crate::config::parse::PublicUrl;
use crate::config::{Config, Guarded};
use crate::failure::{Failure, Outcome};
use crate::logging;
use crate::presence::Presence;
use crate::state::State;
use crate::tls::{Acceptor, Certificates};
use announce::Announcement;
use first_grant::Source;
pub(crate) use first_grant::read_private;
use housekeeping::Housekeeping;
use sockets::WebSockets;

/// Runs the listener until it is told to stop.
pub(crate) async fn run(args: &ServeArgs) -> Outcome {
    let config = Config::load(args.settings.config.as_deref(), args.settings.overrides())?;
    logging::start()?;
    let settings = config.settings()?;
    let source = Source::choose(args, &config)?;
    let mut stop = Stop::new()?;
    raise_file_limit();

    // Nothing is written before it is known that there is something to serve, and where.
    let upstream = match &config.upstream {
        Some(Guarded::Web(url)) => Some(reach(url).await?),
        Some(Guarded::Bytes(_)) | None => None,
    };
    let (socket, address) = bind(config.listen).await?;
    let quic = quic::Bound::new(&config).await?;
    let state = State::create(&config.state_dir()?).await?;
    let certificates = certificates(&config, &state)?;

    let digester = state.keys.digester();
    let quic = quic.map(|bound| bound.keyed(&state.keys));
    let parts = Parts {
        settings,
        keys: state.keys,
        store: Arc::clone(&state.store),
        clock: Arc::clone(&state.clock) as _,
        entropy: Arc::clone(&state.entropy) as _,
        processes: Arc::new(SystemProcesses),
    };
    let gate = Gate::open(parts).await.map_err(Failure::failed)?;
    let mut housekeeping =
        Housekeeping::start(Arc::clone(&gate), &state.dir, certificates.clone())?;
    let quic_address = quic.as_ref().map(quic::Keyed::address);
    let announcement = Announcement::new(
        &config,
        address,
        certificates.as_deref(),
        quic_address,
        args.ready_json,
    )?;
    let _presence = Presence::announce(&state.dir, &announcement.listener()).map_err(|error| {
        Failure::failed(format!("can't write to {}: {error}", state.dir.display()))
    })?;
    let site = Site::new(SiteParts {
        gate: Arc::clone(&gate),
        upstream,
        sockets: Arc::new(WebSockets::new(&config)),
        limits: doorward_http::Limits {
            head_deadline: config.head_deadline,
            unadmitted: config.http_unadmitted,
            idle: config.http_idle,
        },
        quic: announcement.quic_info(),
        administered: None,
    });
    let secured = certificates.as_ref().filter(|_| announcement.is_secured());
    let acceptor = secured.map(|held| Acceptor::new(held.resolver()));
    let acceptor = acceptor.transpose().map_err(Failure::failed)?;
    let connections = Connections::new();
    if let Some((quic, certificates)) = quic.zip(certificates) {
        let listener = quic.listener(&gate, certificates.resolver(), &config)?;
        connections.spawn(listener.serve(connections.drained()));
    }
    // Last, so that its life counts from when the listener is ready.
    let grant = source.issue(&gate, &digester, &state.clock, &state.entropy, &config).await?;
    let unguarded = if config.unguarded { ", unguarded" } else { "" };
    gate.note(Event::Started, format!("listening on {address}{unguarded}"));
    announcement.publish(grant)?;

    accept(&socket, &site, &connections, acceptor, &mut stop).await;
    drop(socket);
    tracing::info!(connections = gate.live_connections(), "stopping: connections may end");
    gate.drain();
    connections.finish(&gate, config.drain, &mut stop).await;
    gate.note(Event::Stopped, "told to stop");
    housekeeping.finish().await
}

/// The certificate of whatever speaks TLS: `--listen`, `--quic`, or both.
fn certificates(config: &Config, state: &State) -> Outcome<Option<Arc<Certificates>>> {
    let source = config.tls()?.map_or_else(|| config.quic_tls(), |source| Ok(Some(source)))?;
    let Some(source) = source else { return Ok(None) };
    let host = config.public_url.as_ref().and_then(PublicUrl::host);
    let opened = Certificates::open(source, &state.dir, host.as_deref(), state.now()?);
    opened.map(Some).map_err(Failure::failed)
}

async fn reach(url: &str) -> Outcome<Upstream> {
    let upstream = Upstream::parse(url).map_err(Failure::failed)?;
    let answered = timeout(Duration::from_secs(5), upstream.probe()).await;
    let answered = answered.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    answered.map(|()| upstream).map_err(|error| {
        Failure::failed(format!(
            "the guarded server at {url} can't be reached ({error}): start it first, or correct \
             --upstream"
        ))
    })
}

async fn bind(address: SocketAddr) -> Outcome<(TcpListener, SocketAddr)> {
    let bound = async {
        let socket = TcpListener::bind(address).await?;
        let address = socket.local_addr()?;
        Ok((socket, address))
    };
    bound.await.map_err(|error: io::Error| unbound(address, "--listen", &error))
}

/// Why an address can't be listened on, and which setting to correct.
fn unbound(address: SocketAddr, flag: &str, error: &io::Error) -> Failure {
    let what = match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "the port is in use: stop what listens there, or choose another with {flag} (port 0 \
             picks a free one)"
        ),
        io::ErrorKind::AddrNotAvailable => {
            format!("this machine doesn't have that address: correct {flag}")
        }
        io::ErrorKind::PermissionDenied => {
            format!("that port is for privileged processes: choose one above 1023 with {flag}")
        }
        _ => error.to_string(),
    };
    Failure::failed(format!("can't listen on {address}: {what}"))
}

/// The connections that were accepted. Each holds a sender, so that the channel's end is theirs.
struct Connections {
    drain: watch::Sender<bool>,
    alive: mpsc::Sender<Infallible>,
    all_ended: mpsc::Receiver<Infallible>,
}

impl Connections {
    fn new() -> Self {
        let (alive, all_ended) = mpsc::channel(1);
        Self { drain: watch::Sender::new(false), alive, all_ended }
    }

    fn carry(
        &self,
        site: &Arc<Site>,
        acceptor: Option<Acceptor>,
        stream: TcpStream,
        peer: SocketAddr,
    ) {
        // Without it, small messages wait for acknowledgements; it can't fail on a live socket.
        let _result = stream.set_nodelay(true);
        let (site, drained) = (Arc::clone(site), self.drained());
        match acceptor {
            Some(acceptor) => {
                // Boxed, so that what a handshake takes goes when it is over.
                let securing = Box::pin(acceptor.secure(stream));
                self.spawn(site.serve_secured(securing, peer, drained));
            }
            None => self.spawn(site.serve(stream, peer, false, drained)),
        }
    }

    /// Apart for each kind of connection, so that none pays for what another kind holds.
    fn spawn(&self, carried: impl Future<Output = ()> + Send + 'static) {
        let alive = self.alive.clone();
        tokio::spawn(async move {
            carried.await;
            drop(alive);
        });
    }

    fn drained(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut drain = self.drain.subscribe();
        async move {
            let _result = drain.wait_for(|draining| *draining).await;
        }
    }

    /// Lets the connections end by themselves for so long; those that don't are cut off when the
    /// process ends. A second signal cuts them off at once.
    async fn finish(mut self, gate: &Gate, bound: Duration, stop: &mut Stop) {
        self.drain.send_replace(true);
        drop(self.alive);
        let all_ended = async {
            self.all_ended.recv().await;
            // Those that were upgraded have left their HTTP connection behind.
            while gate.live_connections() > 0 {
                sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::select! {
            ended = timeout(bound, all_ended) => {
                if ended.is_err() {
                    tracing::warn!("some connections did not end in time and are cut off");
                }
            }
            () = stop.told() => tracing::warn!("told to stop again: connections are cut off"),
        }
    }
}

/// Accepts connections until told to stop.
async fn accept(
    socket: &TcpListener,
    site: &Arc<Site>,
    connections: &Connections,
    acceptor: Option<Acceptor>,
    stop: &mut Stop,
) {
    let mut failing = false;
    loop {
        let accepted = tokio::select! {
            accepted = socket.accept() => accepted,
            () = stop.told() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                failing = false;
                connections.carry(site, acceptor.clone(), stream, peer);
            }
            Err(error) => {
                // Out of file descriptors, mostly: others must end before more can be accepted.
                if !failing {
                    tracing::error!(%error, "can't accept connections");
                }
                failing = true;
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// The signals that mean "stop".
struct Stop {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Stop {
    fn new() -> Outcome<Self> {
        let listen = |kind| {
            signal(kind)
                .map_err(|error| Failure::failed(format!("can't listen for signals: {error}")))
        };
        let terminate = listen(SignalKind::terminate())?;
        let hang_up = listen(SignalKind::hangup())?;
        Ok(Self { terminate, hang_up, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn told(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}

/// As many open files as the system lets us have: a connection is one, or two with a server
/// behind it.
fn raise_file_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "can't raise the limit on open files");
    }
}
