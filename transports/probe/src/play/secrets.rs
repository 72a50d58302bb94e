//! What a server hands out that is nobody else's: cookies, tokens, tickets.

/// The most secrets that are looked for in one answer. No server has as many to give; one that
/// sends more is not shown from there on, and costs no more time either.
const MANY: usize = 64;

const COOKIE: &[u8] = b"set-cookie:";
const FIELDS: [&[u8]; 5] =
    [b"\"access_token\"", b"\"ticket\"", b"\"token\"", b"\"refresh_token\"", b"\"id_token\""];

/// The secrets in an answer, whether or not all of it has come, and up to where there are no others.
pub(super) fn handed_out(received: &[u8]) -> (Vec<Vec<u8>>, usize) {
    let mut found = Vec::new();
    let mut rest = received;
    while let Some((&first, behind)) = rest.split_first() {
        let secret = match first {
            b'\n' => cookie(behind),
            b'"' => field(rest),
            _ => None,
        };
        rest = match secret {
            None => behind,
            Some(_) if found.len() == MANY => {
                return (found, received.len().saturating_sub(rest.len()));
            }
            Some((secret, behind)) => {
                found.push(secret.to_vec());
                behind
            }
        };
    }
    (found, received.len())
}

/// The value of the cookie that this line sets, and what is behind it.
fn cookie(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (name, rest) = line.split_at_checked(COOKIE.len())?;
    if !name.eq_ignore_ascii_case(COOKIE) {
        return None;
    }
    let ends = |byte: &u8| matches!(byte, b';' | b'\r' | b'\n');
    let pair = rest.split(ends).next()?;
    let at = pair.iter().position(|&byte| byte == b'=')?;
    let value = pair.get(at.checked_add(1)?..)?;
    Some((value.trim_ascii(), rest.get(pair.len()..)?))
}

/// The text that this member of a JSON object has, as it is written, and what is behind it.
fn field(member: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = FIELDS.iter().find_map(|name| member.strip_prefix(*name))?;
    let rest = rest.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    let text = rest.strip_prefix(b"\"")?;
    let mut escaped = false;
    let end = text.iter().position(|&byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    Some(text.split_at(end.unwrap_or(text.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(received: &[u8]) -> Vec<String> {
        let (found, _) = handed_out(received);
        found.iter().map(|secret| String::from_utf8_lossy(secret).into_owned()).collect()
    }

    #[test]
    fn cookies_and_tokens_are_found_as_they_are_written() {
        let answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=one; Path=/\r\nSET-COOKIE:b= two\r\n\r\n\
            {\"token\" : \"th\\\"ree\",\"ticket\":\"four\",\"other\":\"five\",\"id_token\":\"si";
        assert_eq!(texts(answer), ["one", "two", "th\\\"ree", "four", "si"]);
        assert_eq!(handed_out(b"\nset-cookie: a=\xff\xfe;").0, [b"\xff\xfe".to_vec()]);
    }

    #[test]
    fn an_answer_with_too_many_is_not_shown_from_there_on() {
        let one = b"{\"token\":\"0123456789\"},";
        let (found, shown_to) = handed_out(&one.repeat(MANY + 2));
        assert_eq!((found.len(), shown_to), (MANY, one.len() * MANY + 1));
        let (found, shown_to) = handed_out(&one.repeat(MANY));
        assert_eq!((found.len(), shown_to), (MANY, one.len() * MANY));
    }
}
