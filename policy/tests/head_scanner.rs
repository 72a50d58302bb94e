//! The first head of a connection is read in one way only, however it is cut up (I15, I18).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "a test that can't go on must stop"
)]

mod common;

use doorward_policy::denial::{Bound, Denial, HeadFault};
use doorward_policy::head::{HeadScanner, Progress};
use doorward_policy::request::{MAX_FIELDS, MAX_HEAD};

const GOOD: &str = "GET /terminal?x=1 HTTP/1.1\r\nHost: localhost:8765\r\nAccept: */*\r\n\r\n";

type Scan = Result<Progress, Denial>;

/// Feeds `bytes` up to each of `ends`, until something is known.
fn scan_to(bytes: &[u8], ends: impl IntoIterator<Item = usize>) -> Scan {
    let mut scanner = HeadScanner::default();
    for end in ends {
        match scanner.scan(&bytes[..end]) {
            Ok(Progress::More) => {}
            known => return known,
        }
    }
    Ok(Progress::More)
}

fn scan(bytes: impl AsRef<[u8]>) -> Scan {
    scan_to(bytes.as_ref(), [bytes.as_ref().len()])
}

/// The result of a scan, once every way to cut the head up was seen to give it.
#[track_caller]
fn any_way(bytes: impl AsRef<[u8]>) -> Scan {
    let bytes = bytes.as_ref();
    let whole = scan(bytes);
    assert_eq!(scan_to(bytes, 1..=bytes.len()), whole, "byte by byte");
    for step in [2, 3, 7, 64, 1000] {
        let ends = (1..=bytes.len()).filter(|end| end % step == 0).chain([bytes.len()]);
        assert_eq!(scan_to(bytes, ends), whole, "{step} bytes at a time");
    }
    if bytes.len() < 200 {
        for cut in 0..bytes.len() {
            assert_eq!(scan_to(bytes, [cut, bytes.len()]), whole, "cut at {cut}");
        }
    }
    whole
}

#[track_caller]
fn refused(bytes: impl AsRef<[u8]>, fault: HeadFault) {
    let bytes = bytes.as_ref();
    let text = String::from_utf8_lossy(bytes);
    assert_eq!(any_way(bytes), Err(Denial::MalformedHead(fault)), "{text:?}");
}

fn with_field(field: &str) -> String {
    GOOD.replace("Accept: */*", field)
}

//= req: HEAD-9, type=test
#[test]
fn a_plain_head_is_complete_at_its_empty_line() {
    assert_eq!(any_way(GOOD), Ok(Progress::Complete(GOOD.len())));
    let with_more = format!("{GOOD}GET / HTTP/1.1\nand anything");
    assert_eq!(any_way(&with_more), Ok(Progress::Complete(GOOD.len())));
    assert_eq!(any_way(&GOOD[..GOOD.len() - 1]), Ok(Progress::More));
    assert_eq!(any_way(""), Ok(Progress::More));
}

#[test]
fn every_field_that_is_allowed_is_allowed() {
    for field in [
        "Content-Length: 0",
        "Content-Length:17 ",
        "Transfer-Encoding: Chunked",
        "X:",
        "!#$%&'*+-.^_`|~09azAZ: \t v\tw \u{fc}",
        "Cookie: a=b; c=d",
    ] {
        let head = with_field(field);
        assert_eq!(any_way(&head), Ok(Progress::Complete(head.len())), "{field}");
    }
}

//= req: HEAD-3, type=test
#[test]
fn a_bare_line_feed_ends_no_line() {
    refused(GOOD.replace("HTTP/1.1\r\n", "HTTP/1.1\n"), HeadFault::Line);
    refused(GOOD.replace("*/*\r\n", "*/*\n"), HeadFault::Line);
    refused("GET / HTTP/1.1\r\nHost: localhost\r\n\n", HeadFault::Line);
    refused("\n", HeadFault::Line);
    // Nothing else, in all that is looked at together.
    refused("\n".repeat(32), HeadFault::Line);
}

//= req: HEAD-3, type=test
#[test]
fn a_bare_carriage_return_or_zero_is_in_no_line() {
    refused(with_field("A: b\rHost: evil"), HeadFault::Line);
    refused(with_field("A: b\r"), HeadFault::Line);
    refused(with_field("A: b\0c"), HeadFault::Line);
    refused(GOOD.replace("GET /", "GET /\r"), HeadFault::Line);
}

//= req: HEAD-3, type=test
#[test]
fn a_folded_line_is_refused() {
    refused(with_field("A: b\r\n folded"), HeadFault::Line);
    refused(with_field("A: b\r\n\tfolded"), HeadFault::Line);
    refused(GOOD.replace("Host:", " Host:"), HeadFault::Line);
}

//= req: HEAD-5, type=test
#[test]
fn a_leading_empty_line_is_refused() {
    refused(format!("\r\n{GOOD}"), HeadFault::RequestLine);
}

//= req: HEAD-5, type=test
#[test]
fn a_request_line_has_a_method_a_path_and_the_version() {
    for line in [
        "GET  / HTTP/1.1",
        "GET / HTTP/1.1 ",
        " GET / HTTP/1.1",
        "GET\t/\tHTTP/1.1",
        "GET / HTTP/1.0",
        "GET / HTTP/2.0",
        "GET / http/1.1",
        "GET /",
        "GET",
        "GET http://localhost/ HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "CONNECT localhost:22 HTTP/1.1",
        "GET x HTTP/1.1",
        "G(T / HTTP/1.1",
        "GET /a\tb HTTP/1.1",
        "GET /\u{e4} HTTP/1.1",
        "GET / x HTTP/1.1",
        "PRI * HTTP/2.0",
        "\x16\x03\x01\x02\x20",
    ] {
        refused(GOOD.replace("GET /terminal?x=1 HTTP/1.1", line), HeadFault::RequestLine);
    }
}

//= req: HEAD-4, type=test
#[test]
fn a_field_is_a_token_a_colon_and_a_value() {
    for field in [
        "no colon",
        "Host : x",
        ": x",
        "A B: c",
        "A\u{e4}: c",
        "(A): c",
        "A\u{7f}: c",
        "\u{7f}",
        "A: \u{1}",
        "A: b\u{7f}c",
        "A: \u{c}",
        "Transfer-Encoding: \u{b}chunked",
    ] {
        refused(with_field(field), HeadFault::Field);
    }
}

/// Wherever they are among eight bytes that are looked at together, and whatever is beside them.
//= req: HEAD-3, HEAD-4, type=test
#[test]
fn no_control_character_but_the_tab_is_in_a_value_and_none_at_all_in_a_request_line() {
    for (byte, beside) in (0..=u8::MAX).flat_map(|byte| b" ~\x80\xff\t".map(|one| (byte, one))) {
        let fault = match byte {
            b'\r' | b'\n' | 0 => Some(HeadFault::Line),
            b'\t' => None,
            0..0x20 | 0x7f => Some(HeadFault::Field),
            _ => None,
        };
        for at in 0..16 {
            let mut value = [beside; 24];
            value[at] = byte;
            let head = [b"GET / HTTP/1.1\r\nHost: a\r\nA:", &value[..], b"b\r\n\r\n"].concat();
            let refused = fault.map(|fault| Err(Denial::MalformedHead(fault)));
            let complete = Ok(Progress::Complete(head.len()));
            assert_eq!(scan(&head), refused.unwrap_or(complete), "{byte:#x} at {at}");
        }
    }
    for byte in (0..0x20).chain([0x7f]) {
        let line = [b"GET /", &[byte][..], b" HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
        let ends = matches!(byte, b'\r' | b'\n' | 0);
        refused(line, if ends { HeadFault::Line } else { HeadFault::RequestLine });
    }
}

/// Whatever follows: nothing could make it a head any more.
//= req: HEAD-3, HEAD-4, type=test
#[test]
fn a_control_character_is_refused_as_soon_as_it_has_come() {
    let start = &GOOD[..GOOD.len() - 4];
    assert_eq!(scan(format!("{start}\u{1}")), Err(Denial::MalformedHead(HeadFault::Field)));
    assert_eq!(scan(format!("{start}\r")), Ok(Progress::More));
    assert_eq!(scan(format!("{start}\rx")), Err(Denial::MalformedHead(HeadFault::Line)));
    let longest = format!("GET / HTTP/1.1\r\nA: {}", "y".repeat(MAX_HEAD - 19));
    assert_eq!(longest.len(), MAX_HEAD);
    assert_eq!(any_way(format!("{longest}\u{1}")), Err(Denial::TooLarge(Bound::HeadBytes)));
    assert_eq!(any_way(format!("{longest}\r\n")), Err(Denial::TooLarge(Bound::HeadBytes)));
}

//= req: HEAD-6, type=test
#[test]
fn exactly_one_host() {
    refused(GOOD.replace("Host: localhost:8765\r\n", ""), HeadFault::Host);
    refused(with_field("Host: evil"), HeadFault::Host);
    refused(with_field("hOST: localhost:8765"), HeadFault::Host);
}

//= req: HEAD-7, type=test
#[test]
fn one_length_and_only_one_way_to_tell_it() {
    for field in [
        "Content-Length: 1\r\nContent-Length: 1",
        "Content-Length: 1\r\ncontent-length: 2",
        "Content-Length: 1\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 1",
        "Content-Length: 1, 1",
        "Content-Length: +1",
        "Content-Length: -1",
        "Content-Length: 0x1",
        "Content-Length: 1 1",
        "Content-Length:",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding:",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    ] {
        refused(with_field(field), HeadFault::Framing);
    }
    refused(with_field("Transfer-Encoding : chunked"), HeadFault::Field);
}

//= req: HEAD-2, type=test
#[test]
fn the_number_of_fields_is_bounded() {
    let head = |extra: usize| {
        let fields = "X: y\r\n".repeat(extra);
        format!("GET / HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n")
    };
    assert!(matches!(any_way(head(MAX_FIELDS - 1)), Ok(Progress::Complete(_))));
    assert_eq!(any_way(head(MAX_FIELDS)), Err(Denial::TooLarge(Bound::HeadFields)));
    assert_eq!(scan(head(10_000)), Err(Denial::TooLarge(Bound::HeadFields)));
}

/// A head of this many bytes.
fn head_of(bytes: usize, end: &str) -> String {
    let start = "GET / HTTP/1.1\r\nHost: localhost\r\nX: ";
    format!("{start}{}{end}", "y".repeat(bytes - start.len() - end.len()))
}

//= req: HEAD-1, type=test
#[test]
fn the_bytes_of_a_head_are_bounded() {
    let longest = head_of(MAX_HEAD, "\r\n\r\n");
    assert_eq!(any_way(longest), Ok(Progress::Complete(MAX_HEAD)));
    let too_large = Err(Denial::TooLarge(Bound::HeadBytes));
    assert_eq!(any_way(head_of(MAX_HEAD + 1, "\r\n\r\n")), too_large);
    assert_eq!(any_way(head_of(MAX_HEAD + 1, "")), too_large);
    assert_eq!(any_way(head_of(MAX_HEAD, "")), Ok(Progress::More));
    assert_eq!(scan(vec![b'y'; 1 << 20]), too_large);
}

//= req: HEAD-1, type=test
#[test]
fn a_line_past_the_bound_has_one_reason_however_it_arrives() {
    for end in ["\n", "\r\n", "\0\r\n", "\r\n\r\n", "\n\n"] {
        let head = head_of(MAX_HEAD + 100, end);
        assert_eq!(any_way(head), Err(Denial::TooLarge(Bound::HeadBytes)), "{end:?}");
    }
}

//= req: HEAD-9, type=test
#[test]
fn bytes_after_the_head_dont_count_towards_it() {
    let pipelined = format!("{GOOD}{}", "z".repeat(2 * MAX_HEAD));
    assert_eq!(scan(&pipelined), Ok(Progress::Complete(GOOD.len())));
}
