//! A strict look at the first head of a connection, before any parser that decides sees it.
//!
//! HTTP parsers accept what two of them read differently: bare line feeds, folded lines, two
//! lengths. This one only refuses; it never decides, and what it lets through is parsed again by
//! the real one, from the same bytes.

use crate::denial::{Bound, Denial, HeadFault};
use crate::request::{MAX_FIELDS, MAX_HEAD};

/// Scans a head while it arrives. Every byte is looked at once, however the head is cut up.
#[derive(Debug, Default)]
pub struct HeadScanner {
    /// Where the line begins that is not complete yet.
    line: usize,
    /// Up to where no line feed was found.
    searched: usize,
    lines: usize,
    hosts: usize,
    lengths: usize,
    chunked: bool,
}

/// How far a scan has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The head is not complete yet.
    More,
    /// The head is complete, and this many bytes long.
    Complete(usize),
}

impl HeadScanner {
    /// Goes on with all that has arrived so far, from the first byte of the connection on.
    ///
    /// # Errors
    /// As soon as the head can't become one that is read in exactly one way.
    pub fn scan(&mut self, arrived: &[u8]) -> Result<Progress, Denial> {
        while let Some(length) =
            arrived.get(self.searched..).and_then(|rest| rest.iter().position(|b| *b == b'\n'))
        {
            let end = self.searched.saturating_add(length);
            let line = arrived.get(self.line..end).unwrap_or_default();
            // The bound first: it is what a scan of fewer bytes at a time would have met.
            if end >= MAX_HEAD {
                return Err(Denial::TooLarge(Bound::HeadBytes));
            }
            let line = line.strip_suffix(b"\r").ok_or(fault(HeadFault::Line))?;
            self.line = end.saturating_add(1);
            self.searched = self.line;
            if line.is_empty() && self.lines > 0 {
                self.check_whole()?;
                return Ok(Progress::Complete(self.line));
            }
            self.check_line(line)?;
        }
        self.searched = arrived.len();
        if arrived.len() > MAX_HEAD {
            return Err(Denial::TooLarge(Bound::HeadBytes));
        }
        Ok(Progress::More)
    }

    fn check_line(&mut self, line: &[u8]) -> Result<(), Denial> {
        if line.iter().any(|byte| matches!(byte, b'\r' | 0)) {
            return Err(fault(HeadFault::Line));
        }
        let first = self.lines == 0;
        self.lines = self.lines.saturating_add(1);
        if first { check_request_line(line) } else { self.check_field(line) }
    }

    fn check_field(&mut self, line: &[u8]) -> Result<(), Denial> {
        if self.lines > MAX_FIELDS.saturating_add(1) {
            return Err(Denial::TooLarge(Bound::HeadFields));
        }
        if line.first().is_some_and(u8::is_ascii_whitespace) {
            return Err(fault(HeadFault::Line));
        }
        let colon = line.iter().position(|byte| *byte == b':').ok_or(fault(HeadFault::Field))?;
        let (name, value) = line.split_at_checked(colon).ok_or(fault(HeadFault::Field))?;
        if name.is_empty() || !name.iter().copied().all(is_token) {
            return Err(fault(HeadFault::Field));
        }
        let whole = value.get(1..).unwrap_or_default();
        let value = whole.trim_ascii();
        if name.eq_ignore_ascii_case(b"host") {
            self.hosts = self.hosts.saturating_add(1);
        } else if name.eq_ignore_ascii_case(b"content-length") {
            self.lengths = self.lengths.saturating_add(1);
            let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
            if !digits {
                return Err(fault(HeadFault::Framing));
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(fault(HeadFault::Framing));
            }
            self.chunked = true;
        }
        // RFC 9110, section 5.5.
        if whole.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
            return Err(fault(HeadFault::Field));
        }
        Ok(())
    }

    fn check_whole(&self) -> Result<(), Denial> {
        if self.hosts != 1 {
            return Err(fault(HeadFault::Host));
        }
        if self.lengths > 1 || (self.chunked && self.lengths > 0) {
            return Err(fault(HeadFault::Framing));
        }
        Ok(())
    }
}

/// RFC 9112, section 3: origin form only, and the one version that this server speaks.
fn check_request_line(line: &[u8]) -> Result<(), Denial> {
    let mut words = line.split(|byte| *byte == b' ');
    let method = words.next().filter(|word| !word.is_empty() && word.iter().copied().all(is_token));
    let plain = |word: &[u8]| word.iter().all(u8::is_ascii_graphic);
    let target = words.next().filter(|word| word.first() == Some(&b'/') && plain(word));
    let version = words.next().filter(|word| *word == b"HTTP/1.1");
    let whole = method.is_some() && target.is_some() && version.is_some() && words.next().is_none();
    whole.then_some(()).ok_or(fault(HeadFault::RequestLine))
}

/// RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

const fn fault(fault: HeadFault) -> Denial {
    Denial::MalformedHead(fault)
}
