//! Cookies: `doorward_policy::cookie`.

use doorward_policy::cookie::{CookieName, MAX_COOKIES, find, is_ours, pairs};
use doorward_policy::denial::{Bound, Denial};

use super::naive;

/// Input: a `Cookie` field.
///
/// Oracle: the pairs are those of a plain reading; the session cookie is found exactly if it
/// occurs once under its exact name and nothing nameless could be taken for it; a cookie of any
/// other name is never found; the number looked at is bounded.
//= req: COOKIE-1, COOKIE-2, COOKIE-3, COOKIE-4, type=fuzz
pub fn cookie(field: &[u8]) {
    let expected = naive::cookies(field);
    let found: Vec<(Vec<u8>, Vec<u8>)> =
        pairs(field).map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
    assert_eq!(found, expected);
    for name in [CookieName::Secure, CookieName::Plain(8765), CookieName::Plain(80)] {
        check(field, &expected, name);
    }
}

fn check(field: &[u8], cookies: &[(Vec<u8>, Vec<u8>)], wanted: CookieName) {
    let exact = wanted.to_string();
    let ours = |text: &[u8]| {
        let lower = text.to_ascii_lowercase();
        lower.starts_with(b"doorward_") || lower.starts_with(b"__host-doorward")
    };
    for (name, value) in cookies {
        assert_eq!(is_ours(name), ours(name));
        assert_eq!(is_ours(value), ours(value));
    }
    let within = &cookies[..cookies.len().min(MAX_COOKIES)];
    let mut named = within.iter().filter(|(name, _)| *name == exact.as_bytes());
    let first = named.next();
    let shadowed =
        named.next().is_some() || within.iter().any(|(name, value)| name.is_empty() && ours(value));
    let expected = if shadowed {
        Err(Denial::CookieShadowed)
    } else if cookies.len() > MAX_COOKIES {
        Err(Denial::TooLarge(Bound::Cookies))
    } else {
        Ok(first.map(|(_, value)| &**value))
    };
    assert_eq!(find(field, wanted), expected, "{exact}");
}
