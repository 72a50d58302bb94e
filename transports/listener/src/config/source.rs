//! Where settings come from, and what is said about those that are wrong.

use std::path::{Path, PathBuf};

use toml::Value;

use super::Config;
use super::keys::{KEYS, Key, Kind};
use crate::failure::{Failure, Outcome};

/// Variables that set something else than a setting of the file.
const OTHER_VARIABLES: [&str; 3] =
    ["DOORWARD_CONFIG", "DOORWARD_LOG", doorward_policy::local::VARIABLE];

/// A setting's text, before anybody has looked at it.
#[derive(Clone, Debug)]
pub(crate) enum Raw {
    /// One value.
    One(String),
    /// A list.
    Many(Vec<String>),
}

/// What the flags set: the names of settings, and their text.
pub(crate) type Overrides = Vec<(&'static str, Raw)>;

enum Source<'a> {
    Flag,
    Variable(&'a str),
    File(&'a Path),
}

impl Config {
    /// The configuration of this process.
    pub(crate) fn load(file: Option<&Path>, flags: Overrides) -> Outcome<Self> {
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok().filter(|name| name.starts_with("DOORWARD_"))?;
            Some((name, value.to_string_lossy().into_owned()))
        });
        let variables: Vec<_> = variables.collect();
        let named = variables.iter().find(|(name, _)| name == "DOORWARD_CONFIG");
        let file = file.map(Path::to_owned).or_else(|| named.map(|(_, path)| PathBuf::from(path)));
        let content = file.map(|path| read(&path).map(|text| (path, text))).transpose()?;
        let file = content.as_ref().map(|(path, text)| (path.as_path(), text.as_str()));
        Self::layered(file, &variables, flags)
    }

    /// The configuration of a file's content under variables under flags.
    pub(crate) fn layered(
        file: Option<(&Path, &str)>,
        variables: &[(String, String)],
        flags: Overrides,
    ) -> Outcome<Self> {
        let mut config = Self::default();
        if let Some((path, text)) = file {
            config.apply_file(path, text)?;
        }
        for (name, value) in variables {
            config.apply_variable(name, value)?;
        }
        for (name, raw) in flags {
            let key = KEYS.iter().find(|key| key.name == name);
            let key = key.ok_or_else(|| Failure::usage(format!("no setting is called {name}")))?;
            config.apply(key, &raw, &Source::Flag)?;
        }
        Ok(config)
    }

    fn apply_file(&mut self, path: &Path, text: &str) -> Outcome {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            let line = error.span().map_or(1, |span| line_of(text, span.start));
            let what = error.message().replace('\n', " ");
            Failure::failed(format!("{}, line {line}: {what}", path.display()))
        })?;
        for (name, value) in &table {
            match value {
                Value::Table(section) => {
                    for (inner, value) in section {
                        self.apply_entry(path, &format!("{name}.{inner}"), value)?;
                    }
                    // A section without an entry still has to be a section.
                    let known = KEYS.iter().any(|key| key.name.starts_with(&format!("{name}.")));
                    if !known {
                        return Err(unknown(path, name));
                    }
                }
                value => self.apply_entry(path, name, value)?,
            }
        }
        Ok(())
    }

    fn apply_entry(&mut self, path: &Path, name: &str, value: &Value) -> Outcome {
        let key = KEYS.iter().find(|key| key.name == name).ok_or_else(|| unknown(path, name))?;
        let raw = match value {
            Value::Array(items) => items.iter().map(scalar).collect::<Option<_>>().map(Raw::Many),
            value => scalar(value).map(Raw::One),
        };
        let raw = raw.ok_or_else(|| {
            Failure::failed(format!("{}: {name} takes no value of this type", path.display()))
        })?;
        self.apply(key, &raw, &Source::File(path))
    }

    fn apply_variable(&mut self, name: &str, value: &str) -> Outcome {
        if OTHER_VARIABLES.contains(&name) {
            return Ok(());
        }
        let Some(key) = KEYS.iter().find(|key| key.variable() == name) else {
            let known: Vec<_> = KEYS.iter().map(Key::variable).collect();
            return Err(Failure::failed(format!(
                "unknown environment variable {name}; unset it, or use one of: {}, {}",
                known.join(", "),
                OTHER_VARIABLES.join(", ")
            )));
        };
        if value.is_empty() {
            return Ok(());
        }
        let raw = match key.kind {
            Kind::One(..) => Raw::One(value.to_owned()),
            Kind::Many(..) => {
                let items = value.split(',').map(str::trim).filter(|item| !item.is_empty());
                Raw::Many(items.map(str::to_owned).collect())
            }
        };
        self.apply(key, &raw, &Source::Variable(name))
    }

    fn apply(&mut self, key: &Key, raw: &Raw, source: &Source<'_>) -> Outcome {
        let complain = |text: &str, expected: &str| {
            let named = source.name(key);
            let seen = if text.contains('@') { String::new() } else { format!(" \"{text}\"") };
            let what = format!("{named} doesn't take{seen}: it takes {expected}");
            if matches!(source, Source::Flag) {
                Failure::Usage(what)
            } else {
                Failure::Failed(what)
            }
        };
        match (&key.kind, raw) {
            (Kind::One(set, _), Raw::One(text)) => {
                set(self, text).map_err(|expected| complain(text, &expected))
            }
            (Kind::Many(clear, add, _), Raw::Many(items)) => {
                clear(self);
                items.iter().try_for_each(|text| {
                    add(self, text).map_err(|expected| complain(text, &expected))
                })
            }
            (Kind::One(..), Raw::Many(_)) => Err(complain("a list", "a single value")),
            (Kind::Many(..), Raw::One(text)) => Err(complain(text, "a list")),
        }
    }
}

impl Source<'_> {
    fn name(&self, key: &Key) -> String {
        match self {
            Self::Flag => key.flag(),
            Self::Variable(name) => (*name).to_owned(),
            Self::File(path) => format!("{}: {}", path.display(), key.name),
        }
    }
}

fn read(path: &Path) -> Outcome<String> {
    std::fs::read_to_string(path).map_err(|error| {
        let what = format!("can't read the configuration file {}: {error}", path.display());
        Failure::Failed(what)
    })
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Boolean(on) => Some(on.to_string()),
        _ => None,
    }
}

fn unknown(path: &Path, name: &str) -> Failure {
    let known: Vec<_> = KEYS.iter().map(|key| key.name).collect();
    let known = known.join(", ");
    Failure::failed(format!("{}: unknown key {name:?}; the keys are: {known}", path.display()))
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Overrides;

    fn layered(file: &str, variables: &[(&str, &str)], flags: Overrides) -> Outcome<Config> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let variables: Vec<_> = variables.iter().map(owned).collect();
        Config::layered(Some((Path::new("doorward.toml"), file)), &variables, flags)
    }

    fn complaint(outcome: Outcome<Config>) -> String {
        match outcome {
            Err(Failure::Failed(what) | Failure::Usage(what)) => what,
            other => panic!("it was taken: {other:?}"),
        }
    }

    fn flag(name: &'static str, text: &str) -> Overrides {
        vec![(name, Raw::One(text.to_owned()))]
    }

    #[test]
    fn flags_win_over_variables_over_the_file_over_defaults() {
        let file = "listen = '127.0.0.1:1'\nallow_hosts = ['file']\n[session]\nidle = '1d'\n";
        let variables = [("DOORWARD_LISTEN", "127.0.0.1:2"), ("DOORWARD_ALLOW_HOSTS", "one, two")];
        let hosts = |config: &Config| {
            config.allow_hosts.iter().map(|item| item.text.clone()).collect::<Vec<_>>()
        };

        let config = layered(file, &[], Vec::new()).expect("valid");
        assert_eq!((config.listen.port(), hosts(&config)), (1, vec!["file".to_owned()]));
        let config = layered(file, &variables, Vec::new()).expect("valid");
        assert_eq!(config.listen.port(), 2);
        assert_eq!(hosts(&config), ["one", "two"], "a list replaces the one below it");
        let config = layered(file, &variables, flag("listen", "127.0.0.1:3")).expect("valid");
        assert_eq!(config.listen.port(), 3);
        assert_eq!(config.session_idle.as_secs(), 24 * 3600, "the rest stays");
        assert_eq!(config.drain, Config::default().drain);
    }

    #[test]
    fn every_setting_has_a_variable_and_reads_back_what_it_shows() {
        let table = Config::default().to_toml().to_string();
        let config = layered(&table, &[], Vec::new()).expect("what is shown can be read");
        assert_eq!(config.to_toml().to_string(), table);
        for key in &KEYS {
            let Some(Value::String(shown)) = key.show(&config) else { continue };
            let variables = [(&*key.variable(), &*shown)];
            let again = layered("", &variables, Vec::new()).expect("valid");
            assert_eq!(key.show(&again), Some(Value::String(shown.clone())), "{}", key.name);
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place_and_what_would_be_right() {
        for (file, wanted) in [
            ("listen = 'nowhere'", &["doorward.toml: listen", "nowhere", "127.0.0.1:8765"][..]),
            ("lisen = 'x'", &["unknown key \"lisen\"", "listen"]),
            ("[guess]\n", &["unknown key \"guess\"", "guesses.codes_per_minute"]),
            ("[session]\nidle = 3.5", &["session.idle", "type"]),
            ("\nlisten = ", &["doorward.toml, line 2"]),
            ("allow_hosts = 'a'", &["allow_hosts", "a list"]),
            ("listen = ['a']", &["listen", "single value"]),
            ("[guesses]\ncodes_per_minute = 0", &["guesses.codes_per_minute", "from 1"]),
        ] {
            let what = complaint(layered(file, &[], Vec::new()));
            assert!(wanted.iter().all(|part| what.contains(part)), "{what}");
            assert!(!what.contains('\n'), "one sentence: {what}");
        }
        let what = complaint(layered("", &[("DOORWARD_DRAIN", "soon")], Vec::new()));
        assert!(what.contains("DOORWARD_DRAIN") && what.contains("10m"), "{what}");
        let what = complaint(layered("", &[], flag("exposure", "everywhere")));
        assert!(what.starts_with("--exposure"), "{what}");
    }

    #[test]
    fn a_password_in_a_url_is_not_repeated() {
        let what = complaint(layered("upstream = 'http://me:hunter2@127.0.0.1'", &[], Vec::new()));
        assert!(what.contains("upstream") && !what.contains("hunter2"), "{what}");
    }
}
