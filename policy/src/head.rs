//! A strict look at the first head of a connection, before any parser that decides sees it.
//!
//! HTTP parsers accept what two of them read differently: bare line feeds, folded lines, two
//! lengths. This one only refuses; it never decides, and what it lets through is parsed again by
//! the real one, from the same bytes.

use crate::byte_set::ByteSet;
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
        while let Some(length) = arrived.get(self.searched..).and_then(find_line_feed) {
            let end = self.searched.saturating_add(length);
            let line = arrived.get(self.line..end).unwrap_or_default();
            // The bound first: it is what a scan of fewer bytes at a time would have met.
            //= req: HEAD-1
            if end >= MAX_HEAD {
                return Err(Denial::TooLarge(Bound::HeadBytes));
            }
            //= req: HEAD-3
            let line = line.strip_suffix(b"\r").ok_or(fault(HeadFault::Line))?;
            self.line = end.saturating_add(1);
            self.searched = self.line;
            if line.is_empty() && self.lines > 0 {
                self.check_whole()?;
                return Ok(Progress::Complete(self.line));
            }
            self.check_line(line)?;
        }
        //= req: HEAD-9
        self.searched = arrived.len();
        //= req: HEAD-1
        if arrived.len() > MAX_HEAD {
            return Err(Denial::TooLarge(Bound::HeadBytes));
        }
        Ok(Progress::More)
    }

    fn check_line(&mut self, line: &[u8]) -> Result<(), Denial> {
        let control = has(line, |byte| byte.is_ascii_control() && byte != b'\t');
        //= req: HEAD-3
        if control && has(line, |byte| matches!(byte, b'\r' | 0)) {
            return Err(fault(HeadFault::Line));
        }
        let first = self.lines == 0;
        self.lines = self.lines.saturating_add(1);
        if first {
            check_request_line(line)?
        } else {
            self.check_field(line)?
        }
        // RFC 9110, section 5.5.
        //= req: HEAD-4
        if control { Err(fault(HeadFault::Field)) } else { Ok(()) }
    }

    fn check_field(&mut self, line: &[u8]) -> Result<(), Denial> {
        //= req: HEAD-2
        if self.lines > MAX_FIELDS.saturating_add(1) {
            return Err(Denial::TooLarge(Bound::HeadFields));
        }
        //= req: HEAD-3
        if line.first().is_some_and(u8::is_ascii_whitespace) {
            return Err(fault(HeadFault::Line));
        }
        let end = line.iter().position(|byte| !is_token(*byte)).unwrap_or(line.len());
        //= req: HEAD-4
        let (name, rest) = line.split_at_checked(end).ok_or(fault(HeadFault::Field))?;
        let value = rest.strip_prefix(b":").ok_or(fault(HeadFault::Field))?.trim_ascii();
        if name.is_empty() {
            return Err(fault(HeadFault::Field));
        }
        if name.eq_ignore_ascii_case(b"host") {
            self.hosts = self.hosts.saturating_add(1);
        } else if name.eq_ignore_ascii_case(b"content-length") {
            self.lengths = self.lengths.saturating_add(1);
            let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
            //= req: HEAD-7
            if !digits {
                return Err(fault(HeadFault::Framing));
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            //= req: HEAD-7
            if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(fault(HeadFault::Framing));
            }
            self.chunked = true;
        }
        Ok(())
    }

    fn check_whole(&self) -> Result<(), Denial> {
        //= req: HEAD-6
        if self.hosts != 1 {
            return Err(fault(HeadFault::Host));
        }
        //= req: HEAD-7
        if self.lengths > 1 || (self.chunked && self.lengths > 0) {
            return Err(fault(HeadFault::Framing));
        }
        Ok(())
    }
}

/// RFC 9112, section 3: origin form only, and the one version that this server speaks.
//= req: HEAD-5
fn check_request_line(line: &[u8]) -> Result<(), Denial> {
    let mut words = line.split(|byte| *byte == b' ');
    let method = words.next().filter(|word| !word.is_empty() && word.iter().copied().all(is_token));
    let plain = |word: &[u8]| word.iter().all(u8::is_ascii_graphic);
    let target = words.next().filter(|word| word.first() == Some(&b'/') && plain(word));
    let version = words.next().filter(|word| *word == b"HTTP/1.1");
    let whole = method.is_some() && target.is_some() && version.is_some() && words.next().is_none();
    whole.then_some(()).ok_or(fault(HeadFault::RequestLine))
}

fn find_line_feed(bytes: &[u8]) -> Option<usize> {
    let (chunks, _rest) = bytes.as_chunks::<CHUNK>();
    let without = chunks.iter().take_while(|chunk| !some(*chunk, |byte| byte == b'\n')).count();
    let (before, rest) = bytes.split_at_checked(without.checked_mul(CHUNK)?)?;
    let at = rest.iter().position(|byte| *byte == b'\n')?;
    before.len().checked_add(at)
}

/// How many bytes are looked at at once.
const CHUNK: usize = 16;

/// Whether some byte is of a kind.
fn has(bytes: &[u8], kind: impl Fn(u8) -> bool) -> bool {
    let (chunks, rest) = bytes.as_chunks::<CHUNK>();
    chunks.iter().any(|chunk| some(chunk, &kind)) || some(rest, &kind)
}

/// The same without an early end, which lets the compiler look at all of them at once.
fn some(bytes: &[u8], kind: impl Fn(u8) -> bool) -> bool {
    bytes.iter().fold(false, |found, byte| found | kind(*byte))
}

/// RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    TOKEN.has(byte)
}

/// What a token is made of.
static TOKEN: ByteSet =
    ByteSet::of(b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

const fn fault(fault: HeadFault) -> Denial {
    Denial::MalformedHead(fault)
}
