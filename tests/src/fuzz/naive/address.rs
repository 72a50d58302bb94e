//! Authorities and origins, digit by digit.

/// A host, so that two are the same exactly if they compare equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    Name(String),
    V4(Vec<u8>),
    V6(Vec<u16>),
}

/// `host [":" port]`, or `None` for anything that two readers could take for two different things.
pub(crate) fn authority(text: &str) -> Option<(Host, Option<u16>)> {
    let end = match text.find(if text.starts_with('[') { ']' } else { ':' }) {
        Some(bracket) if text.starts_with('[') => bracket + 1,
        Some(colon) => colon,
        None if text.starts_with('[') => return None,
        None => text.len(),
    };
    let (host, port) = text.split_at(end);
    let host = match host.strip_prefix('[') {
        Some(literal) => Host::V6(v6(literal.strip_suffix(']')?)?),
        None => name_or_v4(host)?,
    };
    Some((host, if port.is_empty() { None } else { Some(self::port(port)?) }))
}

/// `scheme "://" authority`, the scheme in lower case.
pub(crate) fn origin(text: &str) -> Option<(String, Host, Option<u16>)> {
    let at = text.find("://")?;
    let scheme = text[..at].to_lowercase();
    let plain = |symbol: char| symbol.is_ascii_lowercase() || symbol.is_ascii_digit();
    if !text.is_ascii()
        || !scheme.starts_with(|symbol: char| symbol.is_ascii_lowercase())
        || !scheme.chars().all(|symbol| plain(symbol) || "+-.".contains(symbol))
    {
        return None;
    }
    let (host, port) = authority(&text[at + 3..])?;
    let default = match scheme.as_str() {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    };
    Some((scheme, host, port.or(default)))
}

fn port(text: &str) -> Option<u16> {
    let mut digits = text.chars();
    if digits.next() != Some(':') || text.len() == 1 || text.len() > 6 || text.starts_with(":0") {
        return None;
    }
    let number = digits.try_fold(0, |number, digit| Some(number * 10 + digit.to_digit(10)?))?;
    (number < 65_536).then_some(number as u16)
}

fn name_or_v4(text: &str) -> Option<Host> {
    let labels: Vec<&str> = text.split('.').collect();
    let plain = |symbol: char| symbol.is_ascii_alphanumeric() || symbol == '-' || symbol == '_';
    let sound =
        |label: &&str| (1..=63).contains(&label.chars().count()) && label.chars().all(plain);
    if text.len() > 253 || !labels.iter().all(sound) {
        return None;
    }
    let last = labels[labels.len() - 1].to_ascii_lowercase();
    let decimal = last.chars().all(|symbol| symbol.is_ascii_digit());
    let hexadecimal = last
        .strip_prefix("0x")
        .is_some_and(|digits| digits.chars().all(|symbol| symbol.is_ascii_hexdigit()));
    if decimal || hexadecimal {
        return Some(Host::V4(v4(text)?));
    }
    Some(Host::Name(text.to_ascii_lowercase()))
}

/// Four decimal numbers without leading zeros.
fn v4(text: &str) -> Option<Vec<u8>> {
    let numbers: Vec<u8> = text
        .split('.')
        .map(|part| (0..=255_u8).find(|number| number.to_string() == part))
        .collect::<Option<_>>()?;
    (numbers.len() == 4).then_some(numbers)
}

/// RFC 4291, section 2.2: eight groups, one run of zero groups left out, the last two perhaps as
/// an IPv4 address.
fn v6(text: &str) -> Option<Vec<u16>> {
    let Some(gap) = text.find("::") else {
        return groups(text, true).filter(|groups| groups.len() == 8);
    };
    let (before, after) = (&text[..gap], &text[gap + 2..]);
    let before = if before.is_empty() { Vec::new() } else { groups(before, false)? };
    let after = if after.is_empty() { Vec::new() } else { groups(after, true)? };
    let zeros = 8_usize.checked_sub(before.len() + after.len()).filter(|zeros| *zeros > 0)?;
    Some([before, vec![0; zeros], after].concat())
}

fn groups(text: &str, last: bool) -> Option<Vec<u16>> {
    let mut groups = Vec::new();
    let parts: Vec<&str> = text.split(':').collect();
    for (index, part) in parts.iter().enumerate() {
        if part.contains('.') && last && index + 1 == parts.len() {
            let bytes = v4(part)?;
            groups.extend(bytes.chunks(2).map(|two| u16::from(two[0]) << 8 | u16::from(two[1])));
        } else if (1..=4).contains(&part.len()) && part.chars().all(|c| c.is_ascii_hexdigit()) {
            groups.push(part.chars().fold(0, |g, c| g << 4 | c.to_digit(16).unwrap_or(0) as u16));
        } else {
            return None;
        }
    }
    Some(groups)
}
