//! A strict look at the first head of a connection, before any parser that decides sees it.
//!
//! HTTP parsers accept what two of them read differently: bare line feeds, folded lines, two
//! lengths. This one only refuses; it never decides, and what it lets through is parsed again by
//! the real one, from the same bytes.

use crate::byte_set::ByteSet;
use crate::denial::{Bound, Denial, HeadFault};
use crate::request::{MAX_FIELDS, MAX_HEAD};

/// Scans a head while it arrives, each time from where the last scan stopped.
#[derive(Debug, Default)]
pub struct HeadScanner {
    /// Where the line begins that is not complete yet.
    line: usize,
    /// From there, up to where no control character was found but tabs.
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
        //= req: HEAD-9
        self.searched = loop {
            let Some(at) = find_control(arrived, self.searched) else { break arrived.len() };
            match arrived.get(at..).unwrap_or_default() {
                // What comes next tells whether the line ends here.
                [b'\r'] => break at,
                [b'\r', b'\n', ..] => {
                    let line = arrived.get(self.line..at).unwrap_or_default();
                    if self.end_line(line, at.saturating_add(2))? {
                        return Ok(Progress::Complete(self.line));
                    }
                }
                rest => {
                    within(at.saturating_add(1))?;
                    return Err(fault(self.refuse_control(rest)));
                }
            }
        };
        within(arrived.len()).map(|()| Progress::More)
    }

    /// What is wrong with a head that goes on like this, where a control character ends no line.
    fn refuse_control(&self, rest: &[u8]) -> HeadFault {
        match rest {
            // Some take them for the end of a line, or of a text.
            //= req: HEAD-3
            [b'\r' | b'\n' | 0, ..] => HeadFault::Line,
            _ if self.lines == 0 => HeadFault::RequestLine,
            // RFC 9110, section 5.5.
            //= req: HEAD-4
            _ => HeadFault::Field,
        }
    }

    /// Whether the head is complete with this line, behind whose end `end` is.
    fn end_line(&mut self, line: &[u8], end: usize) -> Result<bool, Denial> {
        // The bound first: it is what a scan of fewer bytes at a time would have met.
        within(end)?;
        (self.line, self.searched) = (end, end);
        if line.is_empty() && self.lines > 0 {
            return self.check_whole().map(|()| true);
        }
        self.check_line(line).map(|()| false)
    }

    fn check_line(&mut self, line: &[u8]) -> Result<(), Denial> {
        let first = self.lines == 0;
        self.lines = self.lines.saturating_add(1);
        if first { check_request_line(line) } else { self.check_field(line) }
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
        let value = rest.strip_prefix(b":").ok_or(fault(HeadFault::Field))?;
        if name.is_empty() {
            return Err(fault(HeadFault::Field));
        }
        if name.eq_ignore_ascii_case(b"host") {
            self.hosts = self.hosts.saturating_add(1);
        } else if name.eq_ignore_ascii_case(b"content-length") {
            self.lengths = self.lengths.saturating_add(1);
            let value = value.trim_ascii();
            let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
            //= req: HEAD-7
            if !digits {
                return Err(fault(HeadFault::Framing));
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            //= req: HEAD-7
            if self.chunked || !value.trim_ascii().eq_ignore_ascii_case(b"chunked") {
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

//= req: HEAD-1
fn within(length: usize) -> Result<(), Denial> {
    if length > MAX_HEAD { Err(Denial::TooLarge(Bound::HeadBytes)) } else { Ok(()) }
}

/// Where the next control character is from a place on, tabs aside.
fn find_control(arrived: &[u8], from: usize) -> Option<usize> {
    let (words, rest) = arrived.get(from..)?.as_chunks();
    let mut at = from;
    for word in words {
        let controls = controls(*word);
        if controls != 0 {
            return at.checked_add(controls.trailing_zeros() as usize / 8);
        }
        at = at.saturating_add(8);
    }
    at.checked_add(rest.iter().position(|byte| byte.is_ascii_control() && *byte != b'\t')?)
}

/// The control characters of eight bytes, tabs aside: each as its byte's highest bit, the first byte
/// lowest.
const fn controls(bytes: [u8; 8]) -> u64 {
    const ONES: u64 = u64::MAX / 0xff;
    const LOW: u64 = ONES * 0x7f;
    let word = u64::from_le_bytes(bytes);
    // No sum carries into the next byte: each is of seven bits, and has at most eight. One more makes
    // delete (0x7f) the least, 0, so that it counts as below a space, which is 0x21 then.
    let more = (word & LOW).wrapping_add(ONES) & LOW;
    let from_space_on = more.wrapping_add(ONES * (0x80 - 0x21));
    let other_than_tab = ((word ^ (ONES * 0x09)) & LOW).wrapping_add(LOW);
    other_than_tab & !(from_space_on | word) & !LOW
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
