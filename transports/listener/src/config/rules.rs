//! What settings must not be together, and what they amount to for the policy.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use doorward_policy::Settings;
use doorward_policy::caps::ConnectionLimits;
use doorward_policy::grant::MAX_LINK_LIFE;
use doorward_policy::host::AllowedHost;
use doorward_policy::limiter::Limits;
use doorward_policy::route::Routes;
use doorward_policy::session::Lifetimes;
use doorward_policy::settings::{Exposure, Guarding, Surface};

use super::parse::PublicUrl;
use super::{Config, Guarded, Listed};
use crate::failure::{Failure, Outcome};
use crate::tls::{CertificateFiles, Source};

/// From twice as long as Doorward's own clients are silent to longer than any of them is.
const QUIC_IDLE: RangeInclusive<Duration> = Duration::from_secs(10)..=Duration::from_secs(3600);

impl Config {
    /// The policy's settings, if the settings go together.
    pub(crate) fn settings(&self) -> Outcome<Settings> {
        self.check_exposure()?;
        self.check_quic()?;
        self.check_admin()?;
        self.check_spans()?;
        let lifetimes = Lifetimes::new(self.session_idle, self.session_absolute)
            .map_err(|error| Failure::failed(format!("session.idle, session.absolute: {error}")))?;
        let mut allowed_hosts = values(&self.allow_hosts);
        let public = self.public_url.as_ref().map(PublicUrl::host_entry);
        allowed_hosts.extend(public.as_deref().and_then(AllowedHost::parse));
        let mut routes = Routes::default();
        for Listed { text, value: (prefix, needed) } in &self.routes {
            if !routes.add(prefix, *needed) {
                return Err(Failure::failed(format!("routes: {text} is no rule")));
            }
        }
        if self.share && self.unguarded {
            return Err(Failure::failed(
                "--share needs to know who may write, and --unguarded asks nobody who they are: \
                 choose one of the two",
            ));
        }
        let guarding = if self.unguarded { Guarding::Unguarded } else { Guarding::Required };
        Ok(Settings {
            surface: Surface::Guarded,
            exposure: self.exposure(),
            guarding,
            allowed_hosts,
            allowed_origins: values(&self.allow_origins),
            trusted_proxies: values(&self.trusted_proxies),
            routes,
            service_workers: self.allow_service_workers,
            share: self.share,
            lifetimes,
            guesses: self.guesses(),
            connections: self.connections(),
        })
    }

    pub(super) fn guesses(&self) -> Limits {
        let (codes, others) = (self.codes_per_minute, self.others_per_minute);
        Limits { codes, others, ..Limits::default() }
    }

    pub(super) const fn connections(&self) -> ConnectionLimits {
        ConnectionLimits { unadmitted: self.unadmitted, per_address: self.per_address }
    }

    /// Where the certificate of `--listen` comes from; `None` if it speaks plain http.
    pub(crate) fn tls(&self) -> Outcome<Option<Source>> {
        match (&self.tls_cert, &self.tls_key) {
            (None, None) => Ok(self.tls_self_signed.then_some(Source::SelfSigned)),
            (Some(_), Some(_)) if self.tls_self_signed => Err(Failure::failed(
                "--tls-self-signed makes a certificate and --tls-cert gives one: choose one of \
                 the two",
            )),
            (Some(cert), Some(key)) => {
                let (cert, key) = (cert.clone(), key.clone());
                Ok(Some(Source::Files(CertificateFiles { cert, key })))
            }
            (Some(_), None) => Err(Failure::failed("--tls-cert needs its key too: --tls-key FILE")),
            (None, Some(_)) => {
                Err(Failure::failed("--tls-key needs its certificate too: --tls-cert FILE"))
            }
        }
    }

    /// Where the certificate of `--quic` comes from: QUIC has no other way.
    pub(crate) fn quic_tls(&self) -> Outcome<Option<Source>> {
        if self.quic.is_none() {
            return Ok(None);
        }
        Ok(Some(self.tls()?.unwrap_or(Source::SelfSigned)))
    }

    /// What streams over QUIC reach; the built-in echo if there is nothing.
    pub(crate) fn quic_guarded(&self) -> Option<&doorward_quic::Upstream> {
        match (&self.quic_upstream, &self.upstream) {
            (Some(upstream), _) | (None, Some(Guarded::Bytes(upstream))) => Some(upstream),
            (None, Some(Guarded::Web(_)) | None) => None,
        }
    }

    /// A web server behind QUIC is reached past its routes, and sees no header that says who: that
    /// has to be asked for.
    fn check_quic(&self) -> Outcome {
        let complain = |what: &str| Err(Failure::failed(what));
        let web = matches!(self.upstream, Some(Guarded::Web(_)));
        let bytes = matches!(self.upstream, Some(Guarded::Bytes(_)));
        match &self.quic {
            None if bytes => complain(
                "a tcp:// or unix: --upstream is reached over QUIC: say where to listen for it \
                 with --quic 127.0.0.1:8766, or guard a web server with http://HOST:PORT",
            ),
            None if self.quic_upstream.is_some() => {
                complain("--quic-upstream is reached over QUIC: say where to listen with --quic")
            }
            Some(_) if self.quic_upstream.is_some() && bytes => complain(
                "--upstream and --quic-upstream both say what QUIC reaches: leave one of them out, \
                 or guard a web server with --upstream http://HOST:PORT",
            ),
            Some(_) if web && self.quic_upstream.is_none() => complain(
                "--quic forwards bytes, past the routes of an http:// --upstream and without its \
                 identity headers: if that is wanted, say what QUIC reaches with --quic-upstream \
                 tcp://HOST:PORT",
            ),
            Some(_) if self.is_secured_by_a_proxy() => complain(
                "--quic with an https --public-url that a proxy serves needs a certificate for \
                 its name (--tls-cert and --tls-key): a pairing link names one certificate, and \
                 the proxy's is another than a self-signed one",
            ),
            _ => Ok(()),
        }
    }

    fn is_secured_by_a_proxy(&self) -> bool {
        let own = self.tls_cert.is_some() || self.tls_self_signed;
        !own && self.public_url.as_ref().is_some_and(PublicUrl::is_secure)
    }

    /// How QUIC is bounded. A connection stays where it began where addresses mean something.
    pub(crate) fn quic_limits(&self) -> doorward_quic::Limits {
        doorward_quic::Limits {
            deadline: self.head_deadline,
            handshakes: self.quic_handshakes,
            retry_from: self.quic_retry_from,
            streams: self.quic_streams,
            idle: self.quic_idle,
            migration: self.quic_migration && self.trusted_proxies.is_empty(),
        }
    }

    /// What is remote answers to none of the loopback names, so it needs another.
    fn check_name(&self) -> Outcome {
        let named = self.public_url.is_some() || !self.allow_hosts.is_empty();
        if self.exposure() != Exposure::Remote || named {
            return Ok(());
        }
        Err(Failure::failed(
            "a listener for a network (--exposure remote) does not answer to localhost or \
             127.0.0.1: give the name that people use with --public-url or --allow-host",
        ))
    }

    //= req: HTTP-8
    /// A network sees nothing that is not under TLS: this listener's own, or a proxy's.
    fn check_exposure(&self) -> Outcome {
        let own_tls = self.tls()?.is_some();
        self.check_public_url(own_tls)?;
        let chosen_local = self.exposure.is_some_and(|chosen| chosen != Exposure::Remote);
        let mut addresses = [Some(self.listen), self.quic, self.admin].into_iter().flatten();
        let far = addresses.find(|address| !address.ip().is_loopback());
        if let Some(far) = far.filter(|_| chosen_local) {
            return Err(Failure::failed(format!(
                "refusing to listen on {far}: --exposure {} is for this machine alone; listen on \
                 127.0.0.1, or set --exposure remote",
                self.exposure()
            )));
        }
        if self.listen.ip().is_loopback() {
            return self.check_name();
        }
        if own_tls {
            return self.check_name();
        }
        let missing = match &self.public_url {
            _ if self.trusted_proxies.is_empty() => "--trusted-proxy (its address)",
            None => "--public-url (the https URL that it serves)",
            Some(url) if !url.is_secure() => "an https --public-url (the one that it serves)",
            Some(_) => return Ok(()),
        };
        Err(Failure::failed(format!(
            "refusing to listen on {}: without TLS, credentials would cross the network readable; \
             speak TLS here (--tls-cert and --tls-key, or --tls-self-signed), put a proxy that \
             speaks it in front and set {missing}, or listen on 127.0.0.1",
            self.listen
        )))
    }

    /// The URL that people use is under TLS if and only if somebody speaks it.
    fn check_public_url(&self, own_tls: bool) -> Outcome {
        match self.public_url.as_ref().map(PublicUrl::is_secure) {
            Some(true) if !own_tls && self.trusted_proxies.is_empty() => Err(Failure::failed(
                "an https --public-url needs somebody who speaks TLS: this listener (--tls-cert \
                 and --tls-key, or --tls-self-signed), or a proxy (--trusted-proxy with the \
                 address from which it connects, since only it can say that a request came under \
                 TLS)",
            )),
            Some(false) if own_tls => Err(Failure::failed(
                "an http --public-url leads nowhere where this listener speaks https: write it \
                 with https://, or leave the TLS settings out",
            )),
            _ => Ok(()),
        }
    }

    fn check_spans(&self) -> Outcome {
        let spans = [
            ("http.head_deadline", self.head_deadline),
            ("http.unadmitted", self.http_unadmitted),
            ("http.idle", self.http_idle),
            ("start_up_grant_life", self.start_up_grant_life),
        ];
        if let Some((name, _)) = spans.iter().find(|(_, span)| span.is_zero()) {
            return Err(Failure::failed(format!("{name} must be longer than nothing")));
        }
        if !QUIC_IDLE.contains(&self.quic_idle) {
            return Err(Failure::failed(
                "quic_idle must be 10 s to 1 hour: a client that is there says so every 5 s",
            ));
        }
        if self.start_up_grant_life > MAX_LINK_LIFE {
            return Err(Failure::failed("start_up_grant_life: a link lives for at most 30 days"));
        }
        Ok(())
    }

    /// The state directory: the one set, or `doorward` in the place that the XDG base directory
    /// specification has for state; never the current directory.
    pub(crate) fn state_dir(&self) -> Outcome<PathBuf> {
        if let Some(dir) = &self.state_dir {
            return Ok(dir.clone());
        }
        default_state_dir()
    }
}

/// `$XDG_STATE_HOME/doorward`, or `~/.local/state/doorward`.
pub(crate) fn default_state_dir() -> Outcome<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|dir| dir.is_absolute());
    let home = || absolute("HOME").map(|home| home.join(".local/state"));
    let base = absolute("XDG_STATE_HOME").or_else(home);
    base.map(|base| base.join("doorward")).ok_or_else(|| {
        Failure::failed("neither XDG_STATE_HOME nor HOME says where the state is: set one of them")
    })
}

fn values<T: Clone>(list: &[Listed<T>]) -> Vec<T> {
    list.iter().map(|item| item.value.clone()).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn config(file: &str) -> Config {
        Config::layered(Some((Path::new("doorward.toml"), file)), &[], Vec::new()).expect("valid")
    }

    /// A link over QUIC pins this listener's own certificate, and the page is under the proxy's.
    #[test]
    fn quic_beside_a_proxy_s_https_needs_a_certificate_for_its_name() {
        let proxy =
            "public_url = 'https://a.example'\ntrusted_proxies = ['127.0.0.1']\ntls_self_signed = ";
        let quic = "quic = '127.0.0.1:8766'\n";
        let said = match config(&format!("{quic}{proxy}false")).settings() {
            Err(Failure::Failed(what)) => what,
            other => panic!("it was taken: {other:?}"),
        };
        assert!(said.contains("--quic") && said.contains("--tls-cert and --tls-key"), "{said}");
        config(&format!("{quic}{proxy}true")).settings().expect("one certificate for both");
        config(&format!("{proxy}false")).settings().expect("there is no QUIC");
        config(quic).settings().expect("there is no proxy");
    }

    /// Where a proxy says who a client is, an address is part of what was decided on.
    #[test]
    fn no_connection_moves_where_addresses_mean_something() {
        let may_move = |file: &str| config(file).quic_limits().migration;
        assert!(may_move(""));
        assert!(!may_move("quic_migration = false"));
        assert!(!may_move("trusted_proxies = ['10.0.0.1']"));
        assert!(!may_move("trusted_proxies = ['10.0.0.1']\nquic_migration = true"));
    }
}
