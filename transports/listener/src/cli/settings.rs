//! The settings of a listener, and where the state of a command is.

use std::path::PathBuf;

use clap::{Args, Command, FromArgMatches as _};

use crate::config::{Overrides, Raw};
use crate::failure::{Failure, Outcome};

/// The settings, as flags. Names without a flag are set in the file or in the environment.
#[derive(Debug, Args)]
pub(crate) struct SettingsArgs {
    /// A TOML file with settings
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where to listen [default: 127.0.0.1:8765; port 0 picks a free one]
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// The server to guard: `http://127.0.0.1:8888` or, over QUIC, tcp://HOST:PORT or unix:/PATH
    /// [default: a built-in console]
    #[arg(long, value_name = "URL")]
    upstream: Option<String>,
    /// Where to speak QUIC too, such as `127.0.0.1:8766` (UDP)
    #[arg(long, value_name = "ADDR")]
    quic: Option<String>,
    /// What streams over QUIC reach where --upstream is a web server, past its routes and without
    /// the headers that say who it is: tcp://HOST:PORT or unix:/PATH
    #[arg(long, value_name = "URL")]
    quic_upstream: Option<String>,
    /// Where to serve the page of administration, such as `127.0.0.1:8770`: an origin of its own,
    /// since the guarded server's scripts share the other [default: nowhere]
    #[arg(long, value_name = "ADDR")]
    admin: Option<String>,
    /// Where keys, sessions and the audit log are kept [default: $XDG_STATE_HOME/doorward]
    #[arg(long, value_name = "DIR")]
    state_dir: Option<String>,
    /// The URL that people use, if it is not where this listens: `https://dev.example`
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Speak https with this certificate: PEM, the server's own, then its issuers'
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<String>,
    /// The key of the certificate: PEM, in a file that only its owner can read
    #[arg(long, value_name = "FILE")]
    tls_key: Option<String>,
    /// Speak https with a certificate made here, once; links carry its digest
    #[arg(long)]
    tls_self_signed: bool,
    /// Another host name to answer for, exactly; can be repeated
    #[arg(long, value_name = "HOST")]
    allow_host: Vec<String>,
    /// Another origin whose pages may drive the guarded server; can be repeated
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<String>,
    /// A proxy (address or network) whose forwarding headers are believed; can be repeated
    #[arg(long, value_name = "NET")]
    trusted_proxy: Vec<String>,
    /// What a path needs instead of operate: /metrics=observe; can be repeated
    #[arg(long, value_name = "PATH=CAPS")]
    route: Vec<String>,
    /// Where it can be reached: loopback, desktop or remote [default: as the addresses say]
    #[arg(long, value_name = "WHERE")]
    exposure: Option<String>,
    /// Ask nobody for a credential. Warns at every start
    #[arg(long)]
    unguarded: bool,
    /// Serve the guarded server's service workers, which outlive a session in the browser
    #[arg(long)]
    allow_service_workers: bool,
    /// Let all connections to one place share one to the guarded server: one session at a time
    /// writes, the others follow
    #[arg(long)]
    share: bool,
    /// How long the start-up link is valid [default: 10m]
    #[arg(long, value_name = "TIME")]
    start_up_grant_life: Option<String>,
    /// How long connections may take to end when told to stop [default: 10s]
    #[arg(long, value_name = "TIME")]
    drain: Option<String>,
}

impl SettingsArgs {
    /// Settings without a command around them.
    pub(crate) fn parse_alone(arguments: &[String]) -> Outcome<Self> {
        let command = Self::augment_args(Command::new("doorward")).no_binary_name(true);
        let matches = command.try_get_matches_from(arguments).map_err(Failure::usage)?;
        Self::from_arg_matches(&matches).map_err(Failure::usage)
    }

    pub(crate) fn overrides(&self) -> Overrides {
        let ones = [
            ("listen", &self.listen),
            ("upstream", &self.upstream),
            ("admin", &self.admin),
            ("quic", &self.quic),
            ("quic_upstream", &self.quic_upstream),
            ("state_dir", &self.state_dir),
            ("public_url", &self.public_url),
            ("tls_cert", &self.tls_cert),
            ("tls_key", &self.tls_key),
            ("exposure", &self.exposure),
            ("start_up_grant_life", &self.start_up_grant_life),
            ("drain", &self.drain),
        ];
        let lists = [
            ("allow_hosts", &self.allow_host),
            ("allow_origins", &self.allow_origin),
            ("trusted_proxies", &self.trusted_proxy),
            ("routes", &self.route),
        ];
        let switches = [
            ("tls_self_signed", self.tls_self_signed),
            ("unguarded", self.unguarded),
            ("allow_service_workers", self.allow_service_workers),
            ("share", self.share),
        ];
        let ones =
            ones.into_iter().filter_map(|(name, text)| Some((name, Raw::One(text.clone()?))));
        let lists = lists.into_iter().filter(|(_, items)| !items.is_empty());
        let lists = lists.map(|(name, items)| (name, Raw::Many(items.clone())));
        let switches = switches.into_iter().filter(|(_, on)| *on);
        let switches = switches.map(|(name, _)| (name, Raw::One("true".to_owned())));
        ones.chain(lists).chain(switches).collect()
    }
}

/// Where the state is.
#[derive(Debug, Args)]
pub(crate) struct StateArgs {
    /// Where keys, sessions and the audit log are kept [default: $XDG_STATE_HOME/doorward]
    #[arg(long, value_name = "DIR")]
    state_dir: Option<String>,
    /// A TOML file with settings
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

impl StateArgs {
    pub(crate) fn overrides(&self) -> Overrides {
        let dir = self.state_dir.iter();
        dir.map(|dir| ("state_dir", Raw::One(dir.clone()))).collect()
    }
}
