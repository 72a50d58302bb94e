//! `Host` and `Origin`: `doorward_policy::{host, origin}`, and the steps of the decision that use
//! them.

use doorward_policy::admission::Decision;
use doorward_policy::host::{AllowedHost, Authority, HostName};
use doorward_policy::origin::{AllowedOrigin, Origin};
use doorward_policy::settings::Exposure;
use doorward_policy::{Capabilities, Settings};

use super::input::{Input, after};
use super::naive::address::{Host, authority, origin};
use super::naive::trim;
use super::world::{Request, claims, token};

/// Input: lines. `host:`, `origin:`, `allow-host:` and `allow-origin:` with a value; `remote`;
/// `tls`.
///
/// Oracle: a second parser reads the same, and a request with a good bearer token is admitted
/// exactly if its one `Host` is one of the listed or, unless exposure is remote, of the three
/// loopback names, and its one `Origin`, if there is one, is the triple of its own scheme, host and
/// port, or a listed triple.
//= req: HEAD-6, HEAD-8, HOST-1, HOST-2, HOST-3, HOST-4, HOST-5, ORIGIN-1, ORIGIN-4, type=fuzz
pub fn host_origin(data: &[u8]) {
    let mut input = Input::new(data);
    let (mut hosts, mut origins) = (Vec::new(), Vec::new());
    let mut settings = Settings::default();
    let (mut listed_hosts, mut listed_origins) = (Vec::new(), Vec::new());
    let mut tls = false;
    while !input.is_empty() {
        let line = input.line();
        if let Some(value) = after(line, "host:") {
            hosts.push(trim(value));
        } else if let Some(value) = after(line, "origin:") {
            origins.push(trim(value));
        } else if let Some(value) = after(line, "allow-host:").map(trim).and_then(text) {
            let entry = AllowedHost::parse(value);
            assert_eq!(entry.is_some(), authority(value).is_some(), "{value:?}");
            settings.allowed_hosts.extend(entry);
            listed_hosts.extend(authority(value));
        } else if let Some(value) = after(line, "allow-origin:").map(trim).and_then(text) {
            let entry = AllowedOrigin::parse(value);
            assert_eq!(entry.is_some(), origin(value).is_some(), "{value:?}");
            settings.allowed_origins.extend(entry);
            listed_origins.extend(origin(value));
        } else if line == b"remote" {
            settings.exposure = Exposure::Remote;
        } else if line == b"tls" {
            tls = true;
        }
    }
    for value in hosts.iter().chain(&origins).filter_map(|value| text(value)) {
        compare_parsers(value);
    }

    let remote = settings.exposure.is_remote();
    let scheme = if tls { "https" } else { "http" };
    let default = if tls { 443 } else { 80 };
    let own = match *hosts {
        [host] => text(host).and_then(authority),
        _ => None,
    };
    let own = own.map(|(host, port)| (host, port.unwrap_or(default)));
    let host_allowed = own.as_ref().is_some_and(|(host, port)| {
        let listed =
            |(name, at): &(Host, Option<u16>)| name == host && at.is_none_or(|at| at == *port);
        (!remote && is_loopback(host)) || listed_hosts.iter().any(listed)
    });
    let origin_allowed = match *origins {
        [] => true,
        [one] => text(one).and_then(origin).is_some_and(|seen| {
            let own = own.map(|(host, port)| (scheme.to_owned(), host, Some(port)));
            own.as_ref() == Some(&seen) || listed_origins.contains(&seen)
        }),
        _ => false,
    };

    let bearer = format!("Bearer {}", token(&claims(1, Capabilities::START_UP)));
    let mut fields: Vec<(&str, &[u8])> = vec![("authorization", bearer.as_bytes())];
    fields.extend(hosts.iter().map(|value| ("Host", *value)));
    fields.extend(origins.iter().map(|value| ("oRIGIN", *value)));
    let (decision, charged) = Request { tls, ..Request::get("/x", &fields) }.decide(&settings);
    let admitted = matches!(decision, Decision::Admit(_));
    assert_eq!(admitted, host_allowed && origin_allowed, "{decision:?}");
    assert_eq!(charged, 0, "a wrong host or origin was charged as a guess");
}

fn text(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok()
}

fn compare_parsers(value: &str) {
    let parsed = Authority::parse(value);
    let found = parsed.map(|parsed| {
        let host = match parsed.host {
            HostName::Name(name) => Host::Name(name.to_ascii_lowercase()),
            HostName::V4(address) => Host::V4(address.octets().to_vec()),
            HostName::V6(address) => Host::V6(address.segments().to_vec()),
        };
        (host, parsed.port)
    });
    assert_eq!(found, authority(value), "{value:?}");
    assert_eq!(Origin::parse(value).is_some(), origin(value).is_some(), "{value:?}");
}

pub(crate) fn is_loopback(host: &Host) -> bool {
    match host {
        Host::Name(name) => name == "localhost",
        Host::V4(bytes) => *bytes == [127, 0, 0, 1],
        Host::V6(groups) => *groups == [0, 0, 0, 0, 0, 0, 0, 1],
    }
}
