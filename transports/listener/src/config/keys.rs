//! The table of settings: the one place that knows their names, how they are read and shown.

use toml::Value;

use super::parse::{self, Expected, PublicUrl};
use super::{Config, Guarded, Listed};
use doorward_policy::capability::Capabilities;
use doorward_policy::forwarding::TrustedNetwork;
use doorward_policy::host::AllowedHost;
use doorward_policy::origin::AllowedOrigin;
use doorward_policy::route::Routes;
use doorward_policy::settings::Exposure;

/// One setting. Its name is that of the file's key; dots become `_` in the environment.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
}

/// How its text becomes part of the configuration, and how that is shown.
pub(crate) enum Kind {
    One(fn(&mut Config, &str) -> Result<(), Expected>, fn(&Config) -> Option<Value>),
    /// Each item in turn, after the list was emptied by the first function.
    Many(
        fn(&mut Config),
        fn(&mut Config, &str) -> Result<(), Expected>,
        fn(&Config) -> Vec<String>,
    ),
}

impl Key {
    /// The name of its environment variable.
    pub(crate) fn variable(&self) -> String {
        format!("DOORWARD_{}", self.name.replace('.', "_").to_ascii_uppercase())
    }

    /// Its flag, where it has one.
    pub(crate) fn flag(&self) -> String {
        let singular = match self.name {
            "allow_hosts" => "allow-host",
            "allow_origins" => "allow-origin",
            "trusted_proxies" => "trusted-proxy",
            "routes" => "route",
            name => return format!("--{}", name.replace('_', "-")),
        };
        format!("--{singular}")
    }

    /// What the configuration holds; `None` where nothing is set.
    pub(crate) fn show(&self, config: &Config) -> Option<Value> {
        match self.kind {
            Kind::One(_, show) => show(config),
            Kind::Many(_, _, show) => {
                Some(Value::Array(show(config).into_iter().map(Value::String).collect()))
            }
        }
    }
}

macro_rules! span {
    ($name:literal, $field:ident) => {
        Key {
            name: $name,
            kind: Kind::One(
                |config, text| parse::duration(text).map(|value| config.$field = value),
                |config| Some(Value::String(parse::show_duration(config.$field))),
            ),
        }
    };
}

macro_rules! number {
    ($name:literal, $field:ident, $least:literal, $most:literal) => {
        Key {
            name: $name,
            kind: Kind::One(
                |config, text| {
                    parse::number(text, $least, $most).map(|value| config.$field = value)
                },
                |config| i64::try_from(config.$field).ok().map(Value::Integer),
            ),
        }
    };
}

macro_rules! switch {
    ($name:literal, $field:ident) => {
        Key {
            name: $name,
            kind: Kind::One(
                |config, text| parse::switch(text).map(|value| config.$field = value),
                |config| Some(Value::Boolean(config.$field)),
            ),
        }
    };
}

macro_rules! list {
    ($name:literal, $field:ident, $parse:expr) => {
        Key {
            name: $name,
            kind: Kind::Many(
                |config| config.$field.clear(),
                |config, text| {
                    let value = $parse(text)?;
                    config.$field.push(Listed { text: text.to_owned(), value });
                    Ok(())
                },
                |config| config.$field.iter().map(|item| item.text.clone()).collect(),
            ),
        }
    };
}

/// A path. Relative to wherever a service manager starts it, it would be lost.
macro_rules! path {
    ($name:literal, $field:ident, $expected:literal) => {
        Key {
            name: $name,
            kind: Kind::One(
                |config, text| {
                    let path = std::path::absolute(text).map_err(|_| $expected.to_owned())?;
                    config.$field = Some(path);
                    Ok(())
                },
                |config| {
                    let path = config.$field.as_ref();
                    path.map(|path| Value::String(path.display().to_string()))
                },
            ),
        }
    };
}

/// Every setting there is, in the order in which they are shown.
pub(crate) static KEYS: [Key; 37] = [
    Key {
        name: "listen",
        kind: Kind::One(
            |config, text| parse::listen(text).map(|value| config.listen = value),
            |config| Some(Value::String(config.listen.to_string())),
        ),
    },
    Key {
        name: "upstream",
        kind: Kind::One(
            |config, text| Guarded::parse(text).map(|value| config.upstream = Some(value)),
            |config| config.upstream.as_ref().map(|it| Value::String(it.to_string())),
        ),
    },
    path!("state_dir", state_dir, "a directory"),
    Key {
        name: "public_url",
        kind: Kind::One(
            |config, text| PublicUrl::parse(text).map(|value| config.public_url = Some(value)),
            |config| config.public_url.as_ref().map(|url| Value::String(url.to_string())),
        ),
    },
    path!("tls_cert", tls_cert, "a PEM file with a certificate"),
    path!("tls_key", tls_key, "a PEM file with a private key"),
    switch!("tls_self_signed", tls_self_signed),
    Key {
        name: "admin",
        kind: Kind::One(
            |config, text| parse::listen(text).map(|value| config.admin = Some(value)),
            |config| config.admin.map(|address| Value::String(address.to_string())),
        ),
    },
    Key {
        name: "quic",
        kind: Kind::One(
            |config, text| parse::listen(text).map(|value| config.quic = Some(value)),
            |config| config.quic.map(|address| Value::String(address.to_string())),
        ),
    },
    Key {
        name: "quic_upstream",
        kind: Kind::One(
            |config, text| {
                let expected = |_| "tcp://HOST:PORT or unix:/PATH".to_owned();
                let upstream = doorward_quic::Upstream::parse(text).map_err(expected)?;
                config.quic_upstream = Some(upstream);
                Ok(())
            },
            |config| config.quic_upstream.as_ref().map(|it| Value::String(it.to_string())),
        ),
    },
    number!("quic_handshakes", quic_handshakes, 1, 65_536),
    number!("quic_retry_from", quic_retry_from, 0, 65_536),
    number!("quic_streams", quic_streams, 1, 65_536),
    span!("quic_idle", quic_idle),
    switch!("quic_migration", quic_migration),
    list!("allow_hosts", allow_hosts, |text: &str| AllowedHost::parse(text)
        .ok_or_else(|| "a host name or address, with a port or for any port".to_owned())),
    list!("allow_origins", allow_origins, |text: &str| AllowedOrigin::parse(text)
        .ok_or_else(|| "exactly one origin, such as https://app.example".to_owned())),
    list!("trusted_proxies", trusted_proxies, |text: &str| TrustedNetwork::parse(text)
        .ok_or_else(|| "an IP address, or a network such as 10.1.0.0/24".to_owned())),
    list!("routes", routes, parse_route),
    Key {
        name: "exposure",
        kind: Kind::One(
            |config, text| parse_exposure(text).map(|value| config.exposure = Some(value)),
            |config| Some(Value::String(config.exposure().to_string())),
        ),
    },
    switch!("unguarded", unguarded),
    switch!("allow_service_workers", allow_service_workers),
    switch!("share", share),
    span!("start_up_grant_life", start_up_grant_life),
    span!("drain", drain),
    Key {
        name: "workers",
        kind: Kind::One(
            |config, text| parse::number(text, 1, 1024).map(|value| config.workers = Some(value)),
            |config| config.workers.map(|value| Value::Integer(i64::from(value))),
        ),
    },
    span!("session.idle", session_idle),
    span!("session.absolute", session_absolute),
    number!("guesses.codes_per_minute", codes_per_minute, 1, 1_000_000),
    number!("guesses.others_per_minute", others_per_minute, 1, 1_000_000),
    number!("connections.unadmitted", unadmitted, 1, 1_000_000),
    number!("connections.per_address", per_address, 1, 1_000_000),
    span!("http.head_deadline", head_deadline),
    span!("http.unadmitted", http_unadmitted),
    span!("http.idle", http_idle),
    number!("websocket.client_message_bytes", client_message_bytes, 1, 1_073_741_824),
    number!("websocket.server_message_bytes", server_message_bytes, 1, 1_073_741_824),
];

fn parse_exposure(text: &str) -> Result<Exposure, Expected> {
    match text {
        "loopback" => Ok(Exposure::Loopback),
        "desktop" => Ok(Exposure::Desktop),
        "remote" => Ok(Exposure::Remote),
        _ => Err("loopback, desktop or remote".to_owned()),
    }
}

/// `/prefix=capabilities`.
fn parse_route(text: &str) -> Result<(String, Capabilities), Expected> {
    let expected = || {
        "a plain path outside of /.doorward and what it needs, such as /metrics=observe".to_owned()
    };
    let (prefix, needed) = text.rsplit_once('=').ok_or_else(expected)?;
    let needed = Capabilities::parse(needed).map_err(|_| expected())?;
    let sound = Routes::none().add(prefix, needed);
    if sound { Ok((prefix.to_owned(), needed)) } else { Err(expected()) }
}
