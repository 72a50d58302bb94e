//! The look at a connection's first head: `doorward_policy::head`.

use doorward_policy::denial::Denial;
use doorward_policy::head::{HeadScanner, Progress};
use doorward_policy::request::{MAX_FIELDS, MAX_HEAD};

use super::naive;

/// Input: how large the pieces are, then what a client sends.
///
/// Oracle: the verdict is the same however the bytes are cut up, and whatever follows the head.
/// What is let through is a head that `httparse` takes too, with the same length and the same
/// fields, one `Host`, and at most one way to tell its body's length.
//= req: HEAD-1, HEAD-2, HEAD-3, HEAD-4, HEAD-5, HEAD-6, HEAD-7, HEAD-9, type=fuzz
pub fn head(data: &[u8]) {
    let (pieces, sent) = data.split_at(data.len().min(2));
    let whole = HeadScanner::default().scan(sent);
    let pieces = pieces.iter().map(|size| usize::from(*size).max(1)).cycle();
    assert_eq!(in_pieces(sent, pieces), whole, "it depends on how the head was cut up");
    assert_eq!(in_pieces(sent, [1].into_iter().cycle()), whole, "byte by byte");
    if let Ok(Progress::Complete(length)) = whole {
        check_accepted(&sent[..length]);
        let mut longer = sent[..length].to_vec();
        longer.extend(b"GET / HTTP/1.1\r\n\n\r\r\n\r\n");
        assert_eq!(HeadScanner::default().scan(&longer), whole, "what follows counted");
    }
}

fn in_pieces(sent: &[u8], mut pieces: impl Iterator<Item = usize>) -> Result<Progress, Denial> {
    let mut scanner = HeadScanner::default();
    let mut arrived = 0;
    while arrived < sent.len() {
        arrived = sent.len().min(arrived + pieces.next().unwrap_or(1));
        let progress = scanner.scan(&sent[..arrived])?;
        if progress != Progress::More {
            return Ok(progress);
        }
    }
    Ok(Progress::More)
}

fn check_accepted(head: &[u8]) {
    assert!(head.len() <= MAX_HEAD);
    let lines = head.split_inclusive(|byte| *byte == b'\n');
    assert!(lines.clone().all(|line| line.ends_with(b"\r\n")), "a bare line feed ends a line");
    assert_eq!(head.iter().filter(|byte| **byte == b'\r').count(), lines.count());
    let text: Vec<&[u8]> = head.split(|byte| *byte == b'\n').collect();
    let mut space = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut parsed = httparse::Request::new(&mut space);
    match parsed.parse(head) {
        Ok(httparse::Status::Complete(length)) => assert_eq!(length, head.len()),
        other => panic!("httparse doesn't take it: {other:?}"),
    }
    // The request line, the fields, an empty line, and what is after the last line feed.
    assert_eq!(text.len(), parsed.headers.len() + 3);
    for (line, field) in text[1..].iter().zip(parsed.headers.iter()) {
        let colon = line.iter().position(|byte| *byte == b':').expect("a field has a colon");
        assert_eq!(field.name.as_bytes(), &line[..colon]);
        assert_eq!(naive::trim(field.value), naive::trim(&line[colon + 1..]));
    }
    let values = |name: &str| {
        let same = |field: &&httparse::Header<'_>| field.name.eq_ignore_ascii_case(name);
        parsed.headers.iter().filter(same).map(|field| field.value).collect::<Vec<_>>()
    };
    let (lengths, codings) = (values("content-length"), values("transfer-encoding"));
    assert_eq!(values("host").len(), 1);
    assert!(lengths.len() + codings.len() <= 1, "two ways to tell where the body ends");
    assert!(lengths.iter().all(|length| length.iter().all(u8::is_ascii_digit)));
    assert!(codings.iter().all(|coding| coding.eq_ignore_ascii_case(b"chunked")));
    assert_eq!(parsed.version, Some(1));
}
