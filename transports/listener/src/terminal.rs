//! Secrets from a person: a prompt without echo, or a line of standard input. And how wide a line is.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, IsTerminal as _, Read as _, Write as _};

use rustix::termios::{self, LocalModes, OptionalActions};
use tokio::signal::ctrl_c;
use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

use crate::failure::{Failure, Outcome};

/// The most that is read of a secret: a token has at most 256 characters, a link somewhat more
/// than its server's name.
const MOST: u64 = 4096;

/// How many characters a line of standard output has, if that is a terminal.
pub(crate) fn width() -> Option<usize> {
    let size = termios::tcgetwinsize(io::stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|width| *width > 0)
}

/// Reads one secret: at a prompt without echo if standard input is a terminal, and as the first
/// line of standard input otherwise.
pub(crate) async fn read_secret(prompt: &str) -> Outcome<Zeroizing<String>> {
    if !io::stdin().is_terminal() {
        return first_line();
    }
    let failed = |error| Failure::failed(format!("can't read from the terminal: {error}"));
    let terminal = File::options().read(true).write(true).open("/dev/tty").map_err(failed)?;
    let reader = terminal.try_clone().map_err(failed)?;
    let quiet = Quiet::new(terminal).map_err(failed)?;
    (&quiet.terminal).write_all(prompt.as_bytes()).map_err(failed)?;
    // In a thread of its own, so that Ctrl-C finds somebody who switches the echo on again.
    let read = spawn_blocking(move || {
        let mut text = Zeroizing::new(String::with_capacity(MOST as usize));
        BufReader::new(reader.take(MOST)).read_line(&mut text).map(|_| text)
    });
    let read = tokio::select! {
        read = read => Some(read),
        _ = ctrl_c() => None,
    };
    (&quiet.terminal).write_all(b"\n").map_err(failed)?;
    drop(quiet);
    match read {
        Some(Ok(text)) => text.map(|text| trimmed(&text)).map_err(failed),
        Some(Err(_)) => Err(Failure::failed("reading from the terminal has panicked")),
        None => Err(Failure::failed("cancelled")),
    }
}

/// One line of standard input, byte by byte: what follows it is not this reader's.
fn first_line() -> Outcome<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(MOST as usize));
    let mut stdin = io::stdin().lock();
    // The lock's buffer is shared by every later reader of standard input.
    let failed = |error| Failure::failed(format!("can't read standard input: {error}"));
    let count = (&mut stdin).take(MOST).read_until(b'\n', &mut bytes).map_err(failed)?;
    if count == 0 {
        return Err(Failure::failed("standard input is empty: its first line is read"));
    }
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| Failure::failed("standard input is not text in UTF-8"))?;
    Ok(trimmed(text))
}

fn trimmed(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.trim().to_owned())
}

/// A terminal whose echo is off until this is dropped.
struct Quiet {
    terminal: File,
    before: termios::Termios,
}

impl Quiet {
    fn new(terminal: File) -> io::Result<Self> {
        let before = termios::tcgetattr(&terminal)?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        quiet.local_modes.insert(LocalModes::ICANON | LocalModes::ISIG);
        termios::tcsetattr(&terminal, OptionalActions::Flush, &quiet)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // Nothing is left to be done if the terminal is gone.
        let _result = termios::tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
    }
}
