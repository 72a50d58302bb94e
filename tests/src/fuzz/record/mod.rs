//! What is kept, and read back: rows and documents of the database, the key file, and the texts that
//! people and programs carry.

mod kept;
mod rows;
mod texts;

use super::input::Input;

/// Input: a kind, then what it needs.
///
/// - `g`, `s`, `t`, `l`: a row of grants, sessions, tickets or local tokens. A line for each column
///   in order: text, a number, or hexadecimal digits; `-` for nothing.
/// - `c`, `r`: the bytes of a grant's redemptions, or of a listener's connections.
/// - `w`: the document of the workspaces.
/// - `k`: a key file.
/// - anything else: a text, taken for each of those that have one spelling: the fragment of a link,
///   a grant's secret, a ticket, a local token, an id, a list of capabilities.
///
/// Oracle: a plain reading says which rows are within bounds; only those are read, each column as
/// it stood. What is read is written as it was, and never with a wider right. What is refused is
/// refused without a word of a secret.
//= req: STORE-5, WORK-10, KEY-4, SECRET-10, LOCAL-1, type=fuzz
pub fn record(data: &[u8]) {
    let mut input = Input::new(data);
    match input.peek() {
        Some(b'g') => rows::grant(&mut columns(&mut input)),
        Some(b's') => rows::session(&mut columns(&mut input)),
        Some(b't') => rows::ticket(&mut columns(&mut input)),
        Some(b'l') => rows::local(&mut columns(&mut input)),
        Some(b'c') => rows::consumed(body(&mut input)),
        Some(b'r') => rows::report(body(&mut input)),
        Some(b'w') => kept::workspaces(body(&mut input)),
        Some(b'k') => kept::keys(body(&mut input)),
        _ => texts::check(input.rest()),
    }
}

fn body<'a>(input: &mut Input<'a>) -> &'a [u8] {
    input.byte();
    input.rest()
}

fn columns<'i, 'a>(input: &'i mut Input<'a>) -> Columns<'i, 'a> {
    input.line();
    Columns(input)
}

/// The columns of a row, one a line.
struct Columns<'i, 'a>(&'i mut Input<'a>);

impl<'a> Columns<'_, 'a> {
    /// SQLite gives text that is UTF-8, or an error before any of this.
    fn text(&mut self) -> &'a str {
        str::from_utf8(self.0.line()).unwrap_or_default()
    }

    fn number(&mut self) -> i64 {
        self.text().parse().unwrap_or_default()
    }

    fn bytes(&mut self) -> Vec<u8> {
        let digits = self.text();
        let byte = |place| u8::from_str_radix(digits.get(place..place + 2)?, 16).ok();
        (0..digits.len()).step_by(2).map_while(byte).collect()
    }

    /// Nothing, where the line says so; otherwise what `read` takes.
    fn optional<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.0.peek() == Some(b'-') {
            self.0.line();
            return None;
        }
        Some(read(self))
    }
}
