//! `doorward serve`: from settings to connections, and back to nothing.

mod admin;
mod announce;
mod connections;
mod first_grant;
mod housekeeping;
mod quic;
mod sockets;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use doorward_gate::audit::Event;
use doorward_gate::{Gate, Parts, SystemProcesses, keyfile};
use doorward_http::{Site, SiteParts, Upstream};
use doorward_policy::Settings;
use rustix::net::sockopt::set_tcp_nodelay;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::timeout;

use crate::cli::ServeArgs;
use crate::config::parse::PublicUrl;
use crate::config::{Config, Guarded};
use crate::failure::{Failure, Outcome};
use crate::logging;
use crate::presence::Presence;
use crate::state::State;
use crate::tls::{self, Acceptor, Certificates};
use announce::Announcement;
use connections::{Connections, Door, run_until};
use first_grant::Source;
pub(crate) use first_grant::read_private;
use housekeeping::Housekeeping;
use sockets::WebSockets;

/// Runs the listener until it is told to stop.
pub(crate) async fn run(args: &ServeArgs, config: &Config) -> Outcome {
    logging::start()?;
    let settings = config.settings()?;
    let source = Source::choose(args, config)?;
    let mut stop = Stop::new()?;
    raise_file_limit();

    // Nothing is written before it is known that there is something to serve, and where.
    let upstream = match &config.upstream {
        Some(Guarded::Web(url)) => Some(reach(url).await?),
        Some(Guarded::Bytes(_)) | None => None,
    };
    let (socket, address) = bind(config.listen, "--listen").await?;
    let admin = admin::Bound::new(config).await?;
    let quic = quic::Bound::new(config).await?;
    if config.tls()?.is_some() || quic.is_some() {
        tls::gather_entropy();
    }
    let state = State::create(&config.state_dir()?).await?;
    let certificates = certificates(config, &state)?;

    let quic = quic.map(|bound| bound.keyed(&state.keys));
    let gate = open(settings, &state).await?;
    let announcement = Announcement::new(
        config,
        address,
        certificates.as_deref(),
        quic.as_ref().map(quic::Keyed::address),
        admin.as_ref().map(admin::Bound::address),
        args.ready_json,
    )?;
    let secured = certificates.as_ref().filter(|_| announcement.is_secured());
    let acceptor = secured.map(|held| Acceptor::new(held.resolver()));
    let acceptor = acceptor.transpose().map_err(Failure::failed)?;
    let main = SiteParts {
        upstream,
        quic: announcement.quic_info(),
        ..bare_site(Arc::clone(&gate), config)
    };
    let mut gates = vec![Arc::clone(&gate)];
    let mut doors = vec![Door { socket, site: Site::new(main), acceptor: acceptor.clone() }];
    if let Some(bound) = admin {
        let own = open(config.admin_settings(bound.address())?, &state).await?;
        let administered = announcement.administered(&gate);
        doors.push(bound.door(bare_site(Arc::clone(&own), config), administered, acceptor));
        gates.push(own);
    }
    let mut housekeeping = Housekeeping::start(gates.clone(), &state.dir, certificates.clone())?;
    let _presence = Presence::announce(&state.dir, &announcement.listener()).map_err(|error| {
        Failure::failed(format!("can't write to {}: {error}", state.dir.display()))
    })?;
    let quic = quic.zip(certificates);
    let quic =
        quic.map(|(quic, held)| quic.listener(&gate, held.resolver(), config)).transpose()?;
    // Last, so that its life counts from when the listener is ready.
    let grant = source.issue(&gate, &state, config).await?;
    gate.note(Event::Started, announcement.summary());
    announcement.publish(grant)?;

    let connections = Connections::new();
    if let Some(listener) = quic {
        let accepting = connections.accepting();
        accepting.spawn(listener.serve(accepting.drained()));
    }
    tokio::select! {
        () = carry(doors, connections, &gates, config, &mut stop) => {}
        never = housekeeping.go_on() => match never {},
    }
    gate.note(Event::Stopped, "told to stop");
    housekeeping.finish().await
}

/// A gate of its own on the state.
async fn open(settings: Settings, state: &State) -> Outcome<Arc<Gate>> {
    let keys = keyfile::load(&state.dir).map_err(Failure::failed)?;
    let parts = Parts {
        settings,
        keys: keys.ok_or_else(|| Failure::failed("the key file has just been removed"))?,
        store: Arc::clone(&state.store),
        clock: Arc::clone(&state.clock) as _,
        entropy: Arc::clone(&state.entropy) as _,
        processes: Arc::new(SystemProcesses),
    };
    Gate::open(parts).await.map_err(Failure::failed)
}

/// A site with nothing behind it.
fn bare_site(gate: Arc<Gate>, config: &Config) -> SiteParts {
    SiteParts {
        gate,
        upstream: None,
        sockets: Arc::new(WebSockets::new(config)),
        limits: doorward_http::Limits {
            head_deadline: config.head_deadline,
            unadmitted: config.http_unadmitted,
            idle: config.http_idle,
        },
        quic: None,
        administered: None,
    }
}

/// Accepts connections at every door until told to stop, and lets them end.
async fn carry(
    doors: Vec<Door>,
    connections: Connections,
    gates: &[Arc<Gate>],
    config: &Config,
    stop: &mut Stop,
) {
    let accepting = doors.into_iter().map(|door| door.accept(connections.accepting()));
    run_until(accepting, stop.told()).await;
    let live: usize = gates.iter().map(|gate| gate.live_connections()).sum();
    tracing::info!(connections = live, "stopping: connections may end");
    gates.iter().for_each(|gate| gate.drain());
    connections.finish(gates, config.drain, stop).await;
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

async fn bind(address: SocketAddr, flag: &str) -> Outcome<(TcpListener, SocketAddr)> {
    let bound = async {
        let socket = TcpListener::bind(address).await?;
        // Whatever is accepted has it too. Without it, small messages wait for acknowledgements.
        set_tcp_nodelay(&socket, true)?;
        let address = socket.local_addr()?;
        Ok((socket, address))
    };
    bound.await.map_err(|error: io::Error| unbound(address, flag, &error))
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
