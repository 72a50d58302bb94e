//! Telling where the listener is, and how to pair: to a terminal, to a program, or to the log.

use std::io::{self, IsTerminal as _, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use doorward_gate::Gate;
use doorward_http::{Administered, LinkPlace, QuicInfo};
use doorward_policy::grant::GrantSecret;
use doorward_policy::host::Authority;
use doorward_policy::link::CertificatePin;
use doorward_policy::settings::Exposure;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::config::Config;
use crate::config::parse::show_duration;
use crate::failure::{Failure, Outcome};
use crate::presence::Listener;
use crate::tls::Certificates;

/// The ready line.
#[derive(Serialize)]
struct Ready<'a> {
    event: &'static str,
    http: &'a str,
    websocket: &'a str,
    quic: Option<String>,
    certificate_sha256: Option<String>,
    pairing_url: Option<&'a str>,
    admin: Option<&'a str>,
}

/// What is told once the listener accepts.
#[derive(Debug)]
pub(super) struct Announcement {
    /// What was bound; the rest is what clients on this machine are told.
    listen: SocketAddr,
    quic_listen: Option<SocketAddr>,
    authority: String,
    tls: bool,
    base: String,
    certificate: Option<CertificatePin>,
    pin: Option<CertificatePin>,
    quic: Option<SocketAddr>,
    admin: Option<String>,
    guarded: Option<String>,
    forwarded: Option<String>,
    unguarded: bool,
    ready_json: bool,
    life: Duration,
}

impl Announcement {
    /// `certificates` are those of any transport; `--listen` speaks TLS if the settings say so.
    pub(super) fn new(
        config: &Config,
        address: SocketAddr,
        certificates: Option<&Certificates>,
        quic: Option<SocketAddr>,
        admin: Option<SocketAddr>,
        ready_json: bool,
    ) -> Outcome<Self> {
        let tls = config.tls()?.is_some();
        let authority = reachable(address).to_string();
        let base = match &config.public_url {
            Some(url) => url.to_string(),
            None => format!("{}://{}", scheme("http", tls), named(config, &authority)),
        };
        warn_of_dead_links(&base, address, certificates, quic);
        let admin = admin.map(|address| admin_base(config, address, tls));
        if let Some(admin) = admin.as_ref().filter(|_| tls) {
            warn_of_foreign_certificate(admin, certificates);
        }
        Ok(Self {
            listen: address,
            quic_listen: quic,
            authority,
            tls,
            base,
            certificate: certificates.map(Certificates::sha256),
            pin: certificates.and_then(Certificates::pin),
            quic: quic.map(reachable),
            admin,
            guarded: config.upstream.as_ref().map(ToString::to_string),
            forwarded: config.quic_guarded().map(ToString::to_string),
            unguarded: config.unguarded,
            ready_json,
            life: config.start_up_grant_life,
        })
    }

    /// What other processes are to know of this one.
    pub(super) fn listener(&self) -> Listener {
        Listener {
            pid: std::process::id(),
            http: self.url("http"),
            base: self.base.clone(),
            pin: self.pin.map(|pin| pin.to_string()),
            quic_port: self.quic_port(),
            admin: self.admin.clone(),
        }
    }

    /// Whether `--listen` speaks TLS.
    pub(super) const fn is_secured(&self) -> bool {
        self.tls
    }

    /// Where links lead.
    fn links(&self) -> LinkPlace {
        LinkPlace { base: self.base.clone(), pin: self.pin, quic_port: self.quic_port() }
    }

    /// What the origin of administration shows of the guarded one.
    pub(super) fn administered(&self, gate: &Arc<Gate>) -> Administered {
        let server = self.guarded.clone();
        Administered { gate: Arc::clone(gate), links: self.links(), server }
    }

    /// What the audit log says of the start.
    pub(super) fn summary(&self) -> String {
        let admin = self.admin.as_ref().map(|url| format!(", administration at {url}"));
        let unguarded = if self.unguarded { ", unguarded" } else { "" };
        format!("listening on {}{}{unguarded}", self.listen, admin.unwrap_or_default())
    }

    fn quic_port(&self) -> Option<u16> {
        self.quic.map(|address| address.port())
    }

    /// What clients are told of QUIC, once they are paired.
    pub(super) fn quic_info(&self) -> Option<QuicInfo> {
        // A certificate that clients verify by name is renewed, and its digest with it.
        let certificate_sha256 = self.pin.map(|pin| pin.to_string());
        self.quic_port().map(|port| QuicInfo { port, certificate_sha256 })
    }

    /// Where it listens, as a URL of this scheme or its secure variant.
    fn url(&self, plain: &str) -> String {
        format!("{}://{}", scheme(plain, self.tls), self.authority)
    }

    /// Whether somebody sees a link: a terminal, or the program that asked for the ready line.
    pub(super) fn is_watched(ready_json: bool) -> bool {
        ready_json || io::stderr().is_terminal()
    }

    /// Tells. The link is in no log: only on a terminal, or in the line that was asked for.
    pub(super) fn publish(&self, grant: Option<GrantSecret>) -> Outcome {
        let link = grant.map(|grant| self.links().link(grant));
        let web = self.guarded.as_deref().filter(|_| !self.bytes_alone());
        let mut reached = vec![(self.listen, web.unwrap_or("the built-in console"))];
        tracing::info!(listen = %self.listen, guarded = reached[0].1, "ready");
        if let Some(listen) = self.quic_listen {
            let guarded = self.forwarded.as_deref().unwrap_or("the built-in echo");
            reached.push((listen, guarded));
            tracing::info!(%listen, guarded, "ready over QUIC");
        }
        if let Some(admin) = &self.admin {
            tracing::info!(
                url = admin,
                "ready for administrators: `doorward pair --admin` lets one in"
            );
        }
        if self.unguarded {
            // Whatever the log's level is: it was asked for by name, and is told at every start.
            for (listen, guarded) in reached {
                eprintln!(
                    "doorward: WARNING: UNGUARDED: whoever reaches {listen} reaches {guarded}, \
                     without a credential"
                );
            }
        } else if link.is_none() {
            tracing::info!("to pair a client, run `doorward pair`");
        }
        if io::stderr().is_terminal() {
            self.tell_person(link.as_deref().map(String::as_str));
        }
        if self.ready_json { self.tell_program(link.as_deref()) } else { Ok(()) }
    }

    /// Whether what is guarded is reached over QUIC alone.
    fn bytes_alone(&self) -> bool {
        self.forwarded.is_some() && self.forwarded == self.guarded
    }

    fn tell_person(&self, link: Option<&str>) {
        let bytes = self.bytes_alone();
        let what = match (&self.guarded, self.unguarded) {
            // Reached over QUIC alone, of which the next line tells.
            (Some(_), _) if bytes => format!("Pairing and console at {}", self.base),
            (Some(server), false) => format!("Guarding {server} at {}", self.base),
            (Some(server), true) => format!("Passing everything on to {server} from {}", self.base),
            (None, _) => format!("The console is at {}", self.base),
        };
        let mut text = Zeroizing::new(format!("\n  {what}\n"));
        if let Some(quic) = self.quic {
            let reached = self.forwarded.as_deref().unwrap_or("an echo");
            text.push_str(&format!("  QUIC at {quic} reaches {reached}\n"));
        }
        if let Some(admin) = &self.admin {
            text.push_str(&format!(
                "  Administration at {admin}: doorward pair --admin lets you in\n"
            ));
        }
        if let Some(link) = link {
            let life = show_duration(self.life);
            let open = match bytes {
                true => "Paste this link into `doorward connect --local 127.0.0.1:9000`",
                false => "Open this link to pair",
            };
            text.push_str(&format!("\n  {open}, once, within {life}:\n\n    "));
            text.push_str(link);
            text.push_str("\n\n  For another device: doorward pair. To stop: Ctrl-C.\n");
            if self.forwarded.is_some() && !bytes {
                text.push_str("  Over QUIC: paste a link into doorward connect --local ADDR.\n");
            }
        }
        text.push('\n');
        // A terminal that has gone needs no link.
        let _result = io::stderr().lock().write_all(text.as_bytes());
    }

    fn tell_program(&self, link: Option<&String>) -> Outcome {
        let ready = Ready {
            event: "ready",
            http: &self.url("http"),
            websocket: &self.url("ws"),
            quic: self.quic.map(|address| address.to_string()),
            certificate_sha256: self.certificate.map(|digest| digest.to_string()),
            pairing_url: link.map(String::as_str),
            admin: self.admin.as_deref(),
        };
        let line = serde_json::to_string(&ready).map(Zeroizing::new).map_err(Failure::failed)?;
        let mut stdout = io::stdout().lock();
        let written = writeln!(stdout, "{}", line.as_str()).and_then(|()| stdout.flush());
        written.map_err(|error| {
            Failure::failed(format!("can't print the ready line on standard output: {error}"))
        })
    }
}

/// Says in the log if a link leads somewhere that its clients can't take for this server.
fn warn_of_dead_links(
    base: &str,
    address: SocketAddr,
    certificates: Option<&Certificates>,
    quic: Option<SocketAddr>,
) {
    let Some(host) = host_of(base) else { return };
    if certificates.is_some_and(|certificates| !certificates.are_for(&host)) {
        tracing::warn!(
            "the certificate is not for {host}, which links lead to: say with --public-url \
             https://NAME:PORT under which of its names people reach this listener"
        );
    }
    let web = reachable(address).ip();
    if let Some(quic) = quic.filter(|quic| web.to_string() == host && reachable(*quic).ip() != web)
    {
        tracing::warn!(
            "links lead to {host} for QUIC too, but it listens on {quic} alone: give --quic the \
             address of --listen, or --public-url a name for both"
        );
    }
}

/// Says in the log if a browser won't take the page of administration for this server's.
fn warn_of_foreign_certificate(admin: &str, certificates: Option<&Certificates>) {
    let Some(host) = host_of(admin) else { return };
    if certificates.is_some_and(|certificates| !certificates.are_for(&host)) {
        tracing::warn!(
            "the certificate is not for {host}, where the page of administration is, and browsers \
             will say so: give --admin an address that one of its names leads to"
        );
    }
}

fn host_of(base: &str) -> Option<String> {
    let authority = base.split("://").nth(1).and_then(Authority::parse)?;
    Some(authority.host.to_string())
}

/// The URL of the origin of administration.
fn admin_base(config: &Config, address: SocketAddr, tls: bool) -> String {
    let named = config.admin_authority(address).filter(|_| !address.ip().is_loopback());
    let authority = named.unwrap_or_else(|| reachable(address).to_string());
    format!("{}://{authority}", scheme("http", tls))
}

fn scheme(plain: &str, tls: bool) -> String {
    format!("{plain}{}", if tls { "s" } else { "" })
}

/// The authority that it answers to: to a network not by its address, but by the first of the
/// names that were allowed.
fn named(config: &Config, authority: &str) -> String {
    let first = config.allow_hosts.first().filter(|_| config.exposure() == Exposure::Remote);
    let Some(name) = first.map(|first| first.text.as_str()) else { return authority.to_owned() };
    let portless = Authority::parse(name).is_some_and(|parsed| parsed.port.is_none());
    match authority.rsplit_once(':') {
        Some((_, port)) if portless => format!("{name}:{port}"),
        _ => name.to_owned(),
    }
}

/// An address that a client on this machine can connect to.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::from([127, 0, 0, 1]),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
