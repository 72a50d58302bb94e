//! What a request presents, from a plain list of all that is there.

use super::{cookies, trim};

/// The three fields that can carry a credential; each occurs at most once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent<'a> {
    pub(crate) authorization: Option<&'a [u8]>,
    pub(crate) cookie: Option<&'a [u8]>,
    /// Of an upgrade.
    pub(crate) protocol: Option<&'a [u8]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Presented {
    Nothing,
    Bearer(Vec<u8>),
    Cookie(Vec<u8>),
    Ticket { ticket: Vec<u8>, cookie: Option<Vec<u8>> },
    Local,
}

/// `None` where two are presented that could disagree, or a cookie that could be another's.
pub(crate) fn presented(sent: &Sent<'_>, cookie_name: &str) -> Option<Presented> {
    let pairs = sent.cookie.map_or_else(Vec::new, cookies);
    let shadowing = |value: &[u8]| {
        let value = value.to_ascii_lowercase();
        value.starts_with(b"doorward_") || value.starts_with(b"__host-doorward")
    };
    if pairs.len() > 128 || pairs.iter().any(|(name, value)| name.is_empty() && shadowing(value)) {
        return None;
    }
    let mut all = Vec::new();
    all.extend(sent.authorization.and_then(bearer));
    for (name, value) in pairs {
        if name == cookie_name.as_bytes() {
            all.push(Presented::Cookie(value));
        }
    }
    for item in sent.protocol.unwrap_or_default().split(|byte| *byte == b',') {
        if let Some(ticket) = trim(item).strip_prefix(b"doorward.ticket.") {
            all.push(Presented::Ticket { ticket: ticket.to_vec(), cookie: None });
        }
    }
    match &*all {
        [] => Some(Presented::Nothing),
        [one] => Some(one.clone()),
        [Presented::Cookie(cookie), Presented::Ticket { ticket, .. }] => {
            Some(Presented::Ticket { ticket: ticket.clone(), cookie: Some(cookie.clone()) })
        }
        _ => None,
    }
}

/// What is Doorward's in an `Authorization`; all else is the guarded server's.
fn bearer(value: &[u8]) -> Option<Presented> {
    let mut words = value.splitn(2, |byte| *byte == b' ');
    let scheme = words.next().unwrap_or_default().to_ascii_lowercase();
    let rest = trim(words.next().unwrap_or_default());
    let shaped = rest.starts_with(b"A") && rest.split(|byte| *byte == b'.').count() == 2;
    match &*scheme {
        b"doorward-session" => Some(Presented::Local),
        b"bearer" if shaped => Some(Presented::Bearer(rest.to_vec())),
        _ => None,
    }
}
