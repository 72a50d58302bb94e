//! The settings of a listener: `doorward::check_config`.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use doorward::check_config;
use toml::{Table, Value};

use super::input::Input;

/// Input: lines. `$NAME=VALUE` sets a variable, a line that begins with `-` is an argument, a line
/// that begins with `>` is the argument behind it; all others are the file.
///
/// Oracle: layers that are taken come to what one file comes to in which a plain reading has put
/// them together; what is printed is in effect again when it is read; whatever is taken keeps the
/// promises about networks and lifetimes; no complaint about a value shows what may be a password.
//= req: HTTP-8, ADMIN-6, SESSION-3, type=fuzz
pub fn config(data: &[u8]) {
    let layers = Layers::of(&String::from_utf8_lossy(data));
    let checked = check_config(Some(&layers.file), &layers.variables, &layers.arguments);
    match checked {
        Ok(text) => {
            let printed = text.parse::<Table>().expect("what is printed is a file");
            let printed = flat(&printed);
            assert!(printed.keys().all(|name| find(name).is_some()), "unknown: {text}");
            let merged = layers.merged().expect("a plain reading takes what is taken");
            assert_eq!(check_config(Some(&merged), &[], &[]).as_ref(), Ok(&text), "{merged}");
            if !administers_from_afar(&printed) {
                assert_eq!(check_config(Some(&text), &[], &[]).as_ref(), Ok(&text));
            }
            check_promises(&printed);
        }
        Err(complaint) => {
            assert!(!complaint.is_empty(), "a complaint that says nothing");
            let shows = is_about_a_value(&complaint) && complaint.contains('@');
            assert!(!shows, "it may be a password: {complaint}");
        }
    }
}

fn is_about_a_value(complaint: &str) -> bool {
    let Some((about, _)) = complaint.split_once(" doesn't take") else { return false };
    let about = about.strip_prefix("doorward.toml: ").unwrap_or(about);
    SETTINGS
        .iter()
        .any(|(name, flag, _)| about == *name || about == *flag || about == variable(name))
}

fn variable(name: &str) -> String {
    format!("DOORWARD_{}", name.replace('.', "_").to_uppercase())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    One,
    Many,
    Switch,
}

/// A setting: its name, its flag where it has one, and what it takes.
type Setting = (&'static str, &'static str, Kind);

const SETTINGS: [Setting; 37] = [
    ("listen", "--listen", Kind::One),
    ("upstream", "--upstream", Kind::One),
    ("state_dir", "--state-dir", Kind::One),
    ("public_url", "--public-url", Kind::One),
    ("tls_cert", "--tls-cert", Kind::One),
    ("tls_key", "--tls-key", Kind::One),
    ("tls_self_signed", "--tls-self-signed", Kind::Switch),
    ("admin", "--admin", Kind::One),
    ("quic", "--quic", Kind::One),
    ("quic_upstream", "--quic-upstream", Kind::One),
    ("quic_handshakes", "", Kind::One),
    ("quic_retry_from", "", Kind::One),
    ("quic_streams", "", Kind::One),
    ("quic_idle", "", Kind::One),
    ("quic_migration", "", Kind::Switch),
    ("allow_hosts", "--allow-host", Kind::Many),
    ("allow_origins", "--allow-origin", Kind::Many),
    ("trusted_proxies", "--trusted-proxy", Kind::Many),
    ("routes", "--route", Kind::Many),
    ("exposure", "--exposure", Kind::One),
    ("unguarded", "--unguarded", Kind::Switch),
    ("allow_service_workers", "--allow-service-workers", Kind::Switch),
    ("share", "--share", Kind::Switch),
    ("start_up_grant_life", "--start-up-grant-life", Kind::One),
    ("drain", "--drain", Kind::One),
    ("workers", "", Kind::One),
    ("session.idle", "", Kind::One),
    ("session.absolute", "", Kind::One),
    ("guesses.codes_per_minute", "", Kind::One),
    ("guesses.others_per_minute", "", Kind::One),
    ("connections.unadmitted", "", Kind::One),
    ("connections.per_address", "", Kind::One),
    ("http.head_deadline", "", Kind::One),
    ("http.unadmitted", "", Kind::One),
    ("http.idle", "", Kind::One),
    ("websocket.client_message_bytes", "", Kind::One),
    ("websocket.server_message_bytes", "", Kind::One),
];

fn find(name: &str) -> Option<Setting> {
    SETTINGS.into_iter().find(|(one, ..)| *one == name)
}

/// Settings by name; those of a section under `section.name`.
type Flat = BTreeMap<String, Value>;

fn flat(table: &Table) -> Flat {
    let mut flat = Flat::new();
    for (name, value) in table {
        match value {
            Value::Table(section) => {
                flat.extend(
                    section.iter().map(|(key, one)| (format!("{name}.{key}"), one.clone())),
                );
            }
            value => drop(flat.insert(name.clone(), value.clone())),
        }
    }
    flat
}

#[derive(Default)]
struct Layers {
    file: String,
    variables: Vec<(String, String)>,
    arguments: Vec<String>,
}

impl Layers {
    fn of(text: &str) -> Self {
        let mut layers = Self::default();
        let mut input = Input::new(text.as_bytes());
        while !input.is_empty() {
            let line = str::from_utf8(input.line()).expect("cut at a line feed");
            if let Some((name, value)) = line.strip_prefix('$').and_then(|it| it.split_once('=')) {
                layers.variables.push((name.to_owned(), value.to_owned()));
            } else if let Some(behind) = line.strip_prefix('>') {
                layers.arguments.push(behind.to_owned());
            } else if line.starts_with('-') {
                layers.arguments.push(line.to_owned());
            } else {
                layers.file.push_str(line);
                layers.file.push('\n');
            }
        }
        layers
    }

    /// All in one file, each layer over those below it; `None` for what is not to be taken.
    fn merged(&self) -> Option<String> {
        let mut all = flat(&self.file.parse().ok()?);
        for (named, value) in &self.variables {
            let is = |(name, ..): &&Setting| *named == variable(name);
            // Others are known and no settings, and an empty one says nothing.
            let Some((name, _, kind)) = SETTINGS.iter().find(is) else { continue };
            let items = || value.split(',').map(str::trim).filter(|item| !item.is_empty());
            let value = match kind {
                _ if value.is_empty() => continue,
                Kind::Many => Value::Array(items().map(Value::from).collect()),
                Kind::One | Kind::Switch => Value::from(value.as_str()),
            };
            all.insert((*name).to_owned(), value);
        }
        all.extend(self.flags()?);
        let quoted = |text: &str| Value::from(text).to_string();
        let entry = |(name, value): (&String, &Value)| format!("{} = {value}\n", quoted(name));
        Some(all.iter().map(entry).collect())
    }

    fn flags(&self) -> Option<Flat> {
        let mut flags = Flat::new();
        let mut arguments = self.arguments.iter();
        while let Some(argument) = arguments.next() {
            if argument == "--" {
                arguments.next().map_or(Some(()), |_| None)?;
                continue;
            }
            let (flag, within) = match argument.split_once('=') {
                Some((flag, value)) => (flag, Some(value)),
                None => (argument.as_str(), None),
            };
            let known = SETTINGS.iter().find(|(_, one, _)| *one == flag && !one.is_empty());
            if known.is_some_and(|(.., kind)| *kind == Kind::Switch) {
                let (name, ..) = known?;
                within.map_or(Some(()), |_| None)?;
                flags.insert((*name).to_owned(), Value::from("true"));
                continue;
            }
            let value = within.or_else(|| arguments.next().map(String::as_str))?;
            match known {
                None if flag == "--config" => {}
                None => return None,
                Some((name, _, Kind::Many)) => {
                    let list = flags.entry((*name).to_owned()).or_insert(Value::Array(Vec::new()));
                    list.as_array_mut()?.push(Value::from(value));
                }
                Some((name, ..)) => drop(flags.insert((*name).to_owned(), Value::from(value))),
            }
        }
        Some(flags)
    }
}

fn text<'s>(settings: &'s Flat, name: &str) -> &'s str {
    settings.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn is_on(settings: &Flat, name: &str) -> bool {
    settings.get(name).and_then(Value::as_bool).unwrap_or_default()
}

fn items<'s>(settings: &'s Flat, name: &str) -> &'s [Value] {
    settings.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Whether an address is on a network.
fn is_far(settings: &Flat, name: &str) -> bool {
    let Some(address) = settings.get(name).and_then(Value::as_str) else { return false };
    let address: SocketAddr = address.parse().expect("an address");
    match address.ip() {
        IpAddr::V4(four) => four.octets()[0] != 127,
        IpAddr::V6(six) => six.segments() != [0, 0, 0, 0, 0, 0, 0, 1],
    }
}

/// Then the exposure that follows from the other addresses is none that may be chosen with it.
fn administers_from_afar(settings: &Flat) -> bool {
    is_far(settings, "admin") && text(settings, "exposure") != "remote"
}

fn check_promises(settings: &Flat) {
    let files = settings.contains_key("tls_cert") && settings.contains_key("tls_key");
    let own_tls = files || is_on(settings, "tls_self_signed");
    let behind = !items(settings, "trusted_proxies").is_empty();
    let public = text(settings, "public_url");
    let vouched = behind && public.starts_with("https://");
    assert!(!is_far(settings, "listen") || own_tls || vouched, "readable on a network");
    assert!(!public.starts_with("https://") || own_tls || behind, "nobody speaks TLS");
    assert!(!is_far(settings, "admin") || own_tls, "administration, readable on a network");
    let remote = text(settings, "exposure") == "remote";
    let far = ["listen", "quic"].iter().any(|name| is_far(settings, name));
    assert!(!far || remote, "a network counts as this machine");
    let named = !public.is_empty() || !items(settings, "allow_hosts").is_empty();
    assert!(!remote || named, "it answers to no name");
    assert!(!is_on(settings, "share") || !is_on(settings, "unguarded"), "nobody is anybody");
    let (idle, absolute) = (millis(settings, "session.idle"), millis(settings, "session.absolute"));
    assert!((60_000..=absolute).contains(&idle), "{idle} ms idle");
    assert!(absolute <= 90 * 24 * 3_600_000 && absolute % 1000 == 0 && idle % 1000 == 0);
    assert!((1..=30 * 24 * 3_600_000).contains(&millis(settings, "start_up_grant_life")));
    assert!(millis(settings, "http.head_deadline") > 0, "no time to say anything");
    for route in items(settings, "routes").iter().filter_map(Value::as_str) {
        let first = first_segment(route);
        assert!(first.is_some_and(|first| !first.eq_ignore_ascii_case(".doorward")), "{route}");
    }
}

/// Of the path of a rule, `/path=capabilities`; `None` unless the path is absolute.
fn first_segment(route: &str) -> Option<&str> {
    let (path, _) = route.rsplit_once('=')?;
    path.strip_prefix('/')?.split('/').next()
}

fn millis(settings: &Flat, name: &str) -> u128 {
    let span = text(settings, name);
    let unit = span.trim_start_matches(|one: char| one.is_ascii_digit());
    let factor = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => panic!("{name} = {span}"),
    };
    let number = span.strip_suffix(unit).and_then(|number| number.parse::<u128>().ok());
    number.expect("a number") * factor
}
