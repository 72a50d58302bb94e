//! Which headers cross the proxy, in either direction.

use std::fmt::Write as _;

use doorward_policy::admission::{Admitted, foreign_subprotocols};
use doorward_policy::cookie;
use doorward_policy::credential::is_our_authorization;
use http::header::{
    AUTHORIZATION, CONNECTION, COOKIE, HOST, HeaderName, SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_PROTOCOL, SET_COOKIE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderValue};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// RFC 9110, section 7.6.1, and those that older agents treat alike.
const HOP_BY_HOP: [HeaderName; 8] = [
    CONNECTION,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    http::header::PROXY_AUTHENTICATE,
    http::header::PROXY_AUTHORIZATION,
];

/// What free text is percent-encoded by (RFC 3986, section 2.1): all but plain characters.
const PLAIN: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%').add(b',').add(b';').add(b'\\');

/// Prepares a client's headers for the guarded server.
///
/// Hop-by-hop headers go first, with those that `Connection` names, so that naming ours strips
/// nothing that is set afterwards.
pub(crate) fn to_upstream(headers: &mut HeaderMap, admitted: &Admitted) {
    remove_hop_by_hop(headers);
    headers.remove(http::header::TE);
    headers.remove(http::header::EXPECT);
    remove_claims(headers);
    remove_our_cookies(headers);
    if headers.get(AUTHORIZATION).is_some_and(|value| is_our_authorization(value.as_bytes())) {
        headers.remove(AUTHORIZATION);
    }
    headers.remove(SEC_WEBSOCKET_EXTENSIONS);
    remove_our_subprotocols(headers);
    set_identity(headers, admitted);
}

/// Prepares the guarded server's headers for the client.
pub(crate) fn to_client(headers: &mut HeaderMap) {
    remove_hop_by_hop(headers);
    let foreign: Vec<HeaderValue> = headers
        .get_all(SET_COOKIE)
        .iter()
        .filter(|value| !sets_our_cookie(value.as_bytes()))
        .cloned()
        .collect();
    headers.remove(SET_COOKIE);
    for value in foreign {
        headers.append(SET_COOKIE, value);
    }
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .filter(|name| *name != HOST)
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// Removes every spelling of the headers that tell the guarded server who the client is: servers
/// that read their headers from an environment don't tell `-` from `_`.
fn remove_claims(headers: &mut HeaderMap) {
    let claims = |name: &HeaderName| {
        let plain = name.as_str().replace('_', "-");
        plain.starts_with("x-doorward-")
            || plain.starts_with("x-forwarded-")
            || matches!(plain.as_str(), "forwarded" | "x-real-ip" | "x-forwarded")
    };
    let removed: Vec<HeaderName> = headers.keys().filter(|name| claims(name)).cloned().collect();
    for name in removed {
        headers.remove(name);
    }
}

fn remove_our_cookies(headers: &mut HeaderMap) {
    let Some(field) = headers.get(COOKIE).map(|value| value.as_bytes().to_vec()) else { return };
    let foreign: Vec<&[u8]> = field
        .split(|byte| *byte == b';')
        .filter(|pair| !cookie::pairs(pair).any(|(name, _)| cookie::is_ours(name)))
        .map(<[u8]>::trim_ascii)
        .filter(|pair| !pair.is_empty())
        .collect();
    headers.remove(COOKIE);
    if let Some(value) =
        (!foreign.is_empty()).then(|| HeaderValue::from_bytes(&foreign.join(&b"; "[..])).ok())
    {
        headers.extend(value.map(|value| (COOKIE, value)));
    }
}

fn sets_our_cookie(set: &[u8]) -> bool {
    let pair = set.split(|byte| *byte == b';').next().unwrap_or_default();
    cookie::pairs(pair)
        .any(|(name, value)| cookie::is_ours(name) || (name.is_empty() && cookie::is_ours(value)))
}

fn remove_our_subprotocols(headers: &mut HeaderMap) {
    let Some(offered) = headers.remove(SEC_WEBSOCKET_PROTOCOL) else { return };
    let foreign = offered.to_str().ok().and_then(foreign_subprotocols);
    if let Some(Ok(value)) = foreign.map(HeaderValue::try_from) {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, value);
    }
}

fn set_identity(headers: &mut HeaderMap, admitted: &Admitted) {
    let client = admitted.context().client;
    set(headers, "x-forwarded-for", &client.address.to_string());
    set(headers, "x-real-ip", &client.address.to_string());
    set(headers, "x-forwarded-proto", client.scheme.name());
    if let Some(host) = headers.get(HOST).cloned() {
        headers.insert(HeaderName::from_static("x-forwarded-host"), host);
    }
    if let Some(joined) = admitted.joined() {
        set(headers, "x-doorward-workspace", &encoded(joined.name.as_str()));
    }
    if let Some(holder) = admitted.holder() {
        set(headers, "x-doorward-subject", &encoded(holder.subject.as_str()));
        set(headers, "x-doorward-session", &holder.id.to_string());
        let mut capabilities = String::new();
        let _infallible = write!(capabilities, "{}", admitted.capabilities());
        set(headers, "x-doorward-capabilities", &capabilities);
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}
