//! The settings of a server that an attack asks for.

use std::collections::BTreeMap;
use std::time::Duration;

use doorward_http::Limits;
use doorward_policy::capability::Capabilities;
use doorward_policy::forwarding::TrustedNetwork;
use doorward_policy::host::AllowedHost;
use doorward_policy::ledger::Capacity;
use doorward_policy::origin::AllowedOrigin;
use doorward_policy::route::Routes;
use doorward_policy::session::Lifetimes;
use doorward_policy::settings::{Exposure, Guarding, Settings};
use doorward_probe::duration;
use toml::Value;

/// What stands behind a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Behind {
    /// Nothing: its own console, and echoes.
    #[default]
    Nothing,
    /// A server that answers with the head that has reached it.
    Mirror,
    /// An address where nobody listens.
    Refuses,
}

/// Everything that can be asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) settings: Settings,
    pub(crate) http: Limits,
    pub(crate) quic: doorward_quic::Limits,
    pub(crate) capacity: Capacity,
    pub(crate) behind: Behind,
}

impl Asked {
    /// Reads the table of an attack.
    pub(crate) fn read(table: &BTreeMap<String, Value>) -> Result<Self, String> {
        let mut asked = Self::default();
        let (mut idle, mut absolute) = (Lifetimes::DEFAULT.idle(), Lifetimes::DEFAULT.absolute());
        for (name, value) in table {
            let set = match name.as_str() {
                "idle" => time(value).map(|time| idle = time),
                "absolute" => time(value).map(|time| absolute = time),
                name => asked.set(name, value),
            };
            set.ok_or_else(|| format!("settings: there is no such setting: {name} = {value}"))?;
        }
        let lifetimes = Lifetimes::new(idle, absolute).map_err(|error| error.to_string())?;
        asked.settings.lifetimes = lifetimes;
        Ok(asked)
    }

    fn set(&mut self, name: &str, value: &Value) -> Option<()> {
        let settings = &mut self.settings;
        match name {
            "exposure" => {
                settings.exposure = match value.as_str()? {
                    "loopback" => Exposure::Loopback,
                    "desktop" => Exposure::Desktop,
                    "remote" => Exposure::Remote,
                    _ => return None,
                }
            }
            "public_url" => {
                let (_, authority) = value.as_str()?.split_once("://")?;
                settings.allowed_hosts.push(AllowedHost::parse(authority)?);
            }
            "allow_hosts" => settings.allowed_hosts.extend(list(value, AllowedHost::parse)?),
            "allow_origins" => settings.allowed_origins = list(value, AllowedOrigin::parse)?,
            "trusted_proxies" => settings.trusted_proxies = list(value, TrustedNetwork::parse)?,
            "unguarded" if value.as_bool()? => settings.guarding = Guarding::Unguarded,
            "allow_service_workers" => settings.service_workers = value.as_bool()?,
            "share" => settings.share = value.as_bool()?,
            "routes" => settings.routes = routes(value)?,
            "per_address" => settings.connections.per_address = count(value)?,
            "unadmitted" => settings.connections.unadmitted = count(value)?,
            "codes" => settings.guesses.codes = u32::try_from(value.as_integer()?).ok()?,
            "guesses" => settings.guesses.others = u32::try_from(value.as_integer()?).ok()?,
            "counters" => settings.guesses.capacity = count(value)?,
            "deadline" => {
                let deadline = time(value)?;
                (self.http.head_deadline, self.quic.deadline) = (deadline, deadline);
            }
            "sessions" => self.capacity.sessions = count(value)?,
            "retry_from" => self.quic.retry_from = count(value)?,
            "handshakes" => self.quic.handshakes = count(value)?,
            "guarded" => {
                self.behind = match value.as_str()? {
                    "mirror" => Behind::Mirror,
                    "refuses" => Behind::Refuses,
                    _ => return None,
                }
            }
            _ => return None,
        }
        Some(())
    }
}

fn list<T>(value: &Value, parse: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    value.as_array()?.iter().map(|value| parse(value.as_str()?)).collect()
}

fn count(value: &Value) -> Option<usize> {
    usize::try_from(value.as_integer()?).ok()
}

fn time(value: &Value) -> Option<Duration> {
    duration(value.as_str()?)
}

/// Paths, and what each needs.
fn routes(value: &Value) -> Option<Routes> {
    let mut routes = Routes::none();
    for (path, needed) in value.as_table()? {
        let needed = match needed.as_str()? {
            "" => Capabilities::NONE,
            list => Capabilities::parse(list).ok()?,
        };
        routes.add(path, needed).then_some(())?;
    }
    Some(routes)
}
