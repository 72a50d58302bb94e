//! Whether the Doorward that is probed has the settings that an attack needs.

use std::collections::BTreeMap;

use doorward_policy::settings::Exposure;
use doorward_probe::NotOffered;
use toml::Value;

use super::PATIENCE;
use crate::config::Config;

/// Compares what an attack needs with the settings file that was named.
pub(super) fn check(
    wanted: &BTreeMap<String, Value>,
    config: Option<&Config>,
) -> Result<(), NotOffered> {
    if wanted.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = wanted.keys().map(String::as_str).collect();
    let Some(config) = config else {
        let names = names.join(", ");
        return Err(NotOffered(format!("what it has set is not known (--config): {names}")));
    };
    let other = |(name, value): &(&String, &Value)| !has(config, name, value);
    match wanted.iter().find(other) {
        None => Ok(()),
        Some((name, value)) => Err(NotOffered(format!("the setting {name} = {value}"))),
    }
}

fn has(config: &Config, name: &str, value: &Value) -> bool {
    let number = |set: u64| value.as_integer().and_then(|it| u64::try_from(it).ok()) == Some(set);
    let size = |set: usize| u64::try_from(set).is_ok_and(number);
    let listed = |set: Vec<&str>| match value.as_array() {
        Some(items) => items.iter().all(|item| item.as_str().is_some_and(|it| set.contains(&it))),
        None => false,
    };
    match name {
        "allow_origins" => listed(config.allow_origins.iter().map(|it| it.text.as_str()).collect()),
        "allow_hosts" => listed(config.allow_hosts.iter().map(|it| it.text.as_str()).collect()),
        "trusted_proxies" => {
            listed(config.trusted_proxies.iter().map(|it| it.text.as_str()).collect())
        }
        "exposure" => value.as_str() == Some(exposure(config.exposure())),
        "routes" => value.as_table().is_some_and(|routes| {
            let set = |path: &str, can: &str| {
                let route = format!("{path}={can}");
                config.routes.iter().any(|listed| listed.text == route)
            };
            routes.iter().all(|(path, can)| can.as_str().is_some_and(|can| set(path, can)))
        }),
        "per_address" => size(config.per_address),
        "unadmitted" => size(config.unadmitted),
        "codes" => number(config.codes_per_minute.into()),
        "guesses" => number(config.others_per_minute.into()),
        "retry_from" => size(config.quic_retry_from),
        // Whatever it is, as long as it comes while an answer is waited for: what an attack names is
        // short only so that a test is.
        "deadline" => config.head_deadline < PATIENCE,
        _ => false,
    }
}

const fn exposure(exposure: Exposure) -> &'static str {
    match exposure {
        Exposure::Loopback => "loopback",
        Exposure::Desktop => "desktop",
        Exposure::Remote => "remote",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(text: &str) -> BTreeMap<String, Value> {
        toml::from_str(text).expect("settings")
    }

    #[test]
    fn an_attack_that_needs_nothing_is_played_whatever_is_set() {
        assert_eq!(check(&BTreeMap::new(), None), Ok(()));
    }

    #[test]
    fn a_deadline_has_to_come_while_somebody_waits_for_it() {
        let config = Config { head_deadline: PATIENCE, ..Config::default() };
        assert!(check(&wanted("deadline = '1s'"), Some(&config)).is_err());
    }

    #[test]
    fn what_is_not_known_to_be_set_is_not_offered() {
        assert!(check(&wanted("codes = 10"), None).is_err());
        let config = Config::default();
        for set in ["codes = 10", "guesses = 100", "exposure = 'loopback'", "deadline = '1s'"] {
            assert_eq!(check(&wanted(set), Some(&config)), Ok(()), "{set}");
        }
        for other in [
            "codes = 3",
            "exposure = 'remote'",
            "sessions = 2",
            "allow_origins = ['https://a.example']",
            "allow_hosts = 7",
            "routes = { '/m' = 'observe' }",
        ] {
            assert!(check(&wanted(other), Some(&config)).is_err(), "{other}");
        }
    }
}
