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
    //= req: PROXY-1
    remove_claims(headers);
    //= req: PROXY-4
    remove_our_cookies(headers);
    //= req: PROXY-4
    if headers.get(AUTHORIZATION).is_some_and(|value| is_our_authorization(value.as_bytes())) {
        headers.remove(AUTHORIZATION);
    }
    //= req: WS-3
    headers.remove(SEC_WEBSOCKET_EXTENSIONS);
    //= req: PROXY-4
    remove_our_subprotocols(headers);
    set_identity(headers, admitted);
}

/// Prepares the guarded server's headers for the client.
pub(crate) fn to_client(headers: &mut HeaderMap) {
    remove_hop_by_hop(headers);
    let foreign: Vec<HeaderValue> = headers
        .get_all(SET_COOKIE)
        .iter()
        //= req: PROXY-5
        .filter(|value| !sets_our_cookie(value.as_bytes()))
        .cloned()
        .collect();
    headers.remove(SET_COOKIE);
    for value in foreign {
        headers.append(SET_COOKIE, value);
    }
}

//= req: PROXY-2
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

//= req: PROXY-1
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
        .filter(|pair| !is_our_cookie(pair))
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

//= req: PROXY-5
fn sets_our_cookie(set: &[u8]) -> bool {
    is_our_cookie(set.split(|byte| *byte == b';').next().unwrap_or_default())
}

/// Whether a pair has one of Doorward's names, or none and such a name in its value: there are
/// servers and browsers that read `=doorward_80=x` as `doorward_80=x`.
fn is_our_cookie(pair: &[u8]) -> bool {
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

//= req: PROXY-3
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::{select, subsequence};

    use super::*;

    /// What a client may claim to be, before it is spelled.
    fn claim() -> impl Strategy<Value = String> {
        let ends = "[a-z]{1,8}(-[a-z]{1,8}){0,2}";
        prop_oneof![
            select(vec!["forwarded", "x-forwarded", "x-real-ip"]).prop_map(str::to_owned),
            ends.prop_map(|end| format!("x-forwarded-{end}")),
            ends.prop_map(|end| format!("x-doorward-{end}")),
        ]
    }

    /// A name with some of its hyphens as underscores. A parsed name has no case.
    fn spelled() -> impl Strategy<Value = HeaderName> {
        (claim(), any::<u8>()).prop_map(|(name, which)| {
            let mut hyphen = 0;
            let spelled: String = name
                .chars()
                .map(|each| match each {
                    '-' => {
                        hyphen += 1;
                        if which >> hyphen & 1 == 1 { '_' } else { '-' }
                    }
                    each => each,
                })
                .collect();
            spelled.parse().expect("a name")
        })
    }

    const OURS: [&str; 6] = [
        "__Host-doorward=A.b",
        "doorward_8765=A.b",
        "doorward_9=",
        "=doorward_80=A.b",
        "= __Host-doorward=A.b",
        "doorward_80",
    ];
    const THEIRS: [&str; 6] = ["a=1", "theme=dark", "host-doorward=1", "doorward=1", "x", "=x"];

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        //= req: PROXY-1, type=property
        #[test]
        fn a_claim_is_gone_however_it_is_spelled(
            claims in proptest::collection::vec(spelled(), 1..6),
            others in subsequence(vec!["accept", "x-forward", "x-real", "xforwarded-for"], 0..=4),
        ) {
            let mut headers = HeaderMap::new();
            for name in &claims {
                headers.append(name.clone(), HeaderValue::from_static("127.0.0.1"));
            }
            for name in &others {
                headers.append(*name, HeaderValue::from_static("x"));
            }
            remove_claims(&mut headers);
            let mut left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
            let mut expected = others.clone();
            left.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(left, expected);
        }

        //= req: PROXY-4, type=property
        #[test]
        fn of_cookies_those_of_others_are_left_in_their_order(
            ours in subsequence(OURS.to_vec(), 0..=OURS.len()),
            theirs in subsequence(THEIRS.to_vec(), 0..=THEIRS.len()),
            order in any::<u64>(),
        ) {
            let (mut ours, mut rest) = (ours.into_iter(), theirs.iter().copied());
            let mut sent = Vec::new();
            for place in 0..OURS.len() + THEIRS.len() {
                let first = order >> place & 1 == 1;
                sent.extend(if first { ours.next() } else { rest.next() });
            }
            sent.extend(ours.chain(rest));
            let mut headers = HeaderMap::new();
            headers.insert(COOKIE, sent.join("; ").parse().expect("a value"));
            remove_our_cookies(&mut headers);
            let left = headers.get(COOKIE).map(|value| value.to_str().expect("text"));
            let expected = theirs.join("; ");
            prop_assert_eq!(left.unwrap_or_default(), expected);
        }
    }
}
