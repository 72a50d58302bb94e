//! What the settings amount to for the origin of administration.

use std::net::SocketAddr;
use std::time::Duration;

use doorward_policy::Settings;
use doorward_policy::host::{AllowedHost, Authority};
use doorward_policy::session::Lifetimes;
use doorward_policy::settings::{Exposure, Surface};

use super::Config;
use super::parse::PublicUrl;
use crate::failure::{Failure, Outcome};

/// How long an administrator's token lives without being used.
const IDLE: Duration = Duration::from_secs(3600);
/// How long an administrator's session lives in all.
const ABSOLUTE: Duration = Duration::from_secs(12 * 3600);

impl Config {
    //= req: ADMIN-6
    /// Whether `--admin` goes with the rest: on an origin of its own, in the clear on this machine
    /// alone. What a proxy shows to whom is not known here, so none can vouch for it.
    pub(super) fn check_admin(&self) -> Outcome {
        let Some(admin) = self.admin else { return Ok(()) };
        if admin == self.listen && admin.port() != 0 {
            return Err(Failure::failed(format!(
                "--admin and --listen are both {admin}: administration needs a port of its own, \
                 since the guarded server's scripts share the origin of --listen"
            )));
        }
        if admin.ip().is_loopback() {
            return Ok(());
        }
        if self.tls()?.is_none() {
            return Err(Failure::failed(format!(
                "refusing to administer on {admin}: without TLS, an administrator's credentials \
                 would cross the network readable; speak TLS here (--tls-cert and --tls-key, or \
                 --tls-self-signed), or use --admin 127.0.0.1:{}",
                admin.port()
            )));
        }
        self.name().map(drop).ok_or_else(|| {
            Failure::failed(
                "--admin for a network does not answer to localhost or 127.0.0.1: give the name \
                 that people use with --public-url or --allow-host",
            )
        })
    }

    /// The policy's settings for the origin of administration, at the address that was bound.
    pub(crate) fn admin_settings(&self, address: SocketAddr) -> Outcome<Settings> {
        let near = address.ip().is_loopback();
        let own = self.admin_authority(address).filter(|_| !near);
        Ok(Settings {
            surface: Surface::Admin,
            exposure: if near { Exposure::Loopback } else { Exposure::Remote },
            allowed_hosts: own.as_deref().and_then(AllowedHost::parse).into_iter().collect(),
            lifetimes: Lifetimes::new(IDLE, ABSOLUTE).map_err(Failure::failed)?,
            guesses: self.guesses(),
            connections: self.connections(),
            ..Settings::default()
        })
    }

    /// Host and port under which administrators reach an address that is not this machine's alone.
    pub(crate) fn admin_authority(&self, address: SocketAddr) -> Option<String> {
        let (name, port) = (self.name()?, address.port());
        Some(if name.contains(':') { format!("[{name}]:{port}") } else { format!("{name}:{port}") })
    }

    /// The name under which a network knows this machine.
    fn name(&self) -> Option<String> {
        let listed = || {
            let first = self.allow_hosts.first()?;
            Some(Authority::parse(&first.text)?.host.to_string())
        };
        self.public_url.as_ref().and_then(PublicUrl::host).or_else(listed)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn config(file: &str) -> Config {
        Config::layered(Some((Path::new("doorward.toml"), file)), &[], Vec::new()).expect("valid")
    }

    fn said(file: &str) -> String {
        match config(file).settings() {
            Err(Failure::Failed(what)) => what,
            other => panic!("it was taken: {other:?}"),
        }
    }

    const FAR: &str = "listen = '0.0.0.0:8765'\nadmin = '0.0.0.0:8770'\n";

    #[test]
    fn administration_is_never_where_the_guarded_server_s_scripts_are() {
        let both = said("listen = '127.0.0.1:8765'\nadmin = '127.0.0.1:8765'");
        assert!(both.contains("a port of its own"), "{both}");
        config("listen = '127.0.0.1:0'\nadmin = '127.0.0.1:0'").settings().expect("two ports");
    }

    #[test]
    fn administration_crosses_no_network_in_the_clear() {
        let proxied = "admin = '0.0.0.0:8770'\npublic_url = 'https://a.example'\n\
            trusted_proxies = ['127.0.0.1']";
        assert!(said(proxied).contains("readable"), "no proxy vouches for it");
        let secured = format!("{FAR}tls_self_signed = true\n");
        let named = format!("{secured}public_url = 'https://a.example'");
        config(&named).settings().expect("under TLS");
        let chosen = said(&format!("{named}\nexposure = 'loopback'"));
        assert!(chosen.contains("this machine alone"), "{chosen}");
        let near = "listen = '127.0.0.1:1'\nadmin = '0.0.0.0:2'\ntls_self_signed = true";
        assert!(said(near).contains("--public-url or --allow-host"));
    }

    #[test]
    fn administration_answers_to_its_own_names_at_its_own_port() {
        let file = format!("{FAR}tls_self_signed = true\nallow_hosts = ['a.example', 'b.example']");
        let config = config(&file);
        let at = |address: &str| {
            let settings = config.admin_settings(address.parse().expect("an address"));
            settings.expect("valid")
        };
        let far = at("0.0.0.0:8770");
        assert_eq!(far.exposure, Exposure::Remote);
        let own = AllowedHost::parse("a.example:8770").expect("valid");
        assert_eq!(far.allowed_hosts, [own]);
        let near = at("127.0.0.1:8770");
        assert_eq!((near.exposure, near.allowed_hosts.len()), (Exposure::Loopback, 0));
        assert_eq!((near.surface, near.lifetimes.idle()), (Surface::Admin, IDLE));
    }
}
