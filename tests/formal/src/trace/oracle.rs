//! The oracle: a process, extracted from the proved model, that reads traces and writes outcomes.

use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};

/// Where the oracle is. A process is started for each batch: it starts in a millisecond, and
/// whatever goes wrong in one batch stays there.
#[derive(Clone, Debug)]
pub struct Oracle {
    program: PathBuf,
}

/// A batch that the oracle is busy with.
#[derive(Debug)]
pub struct Asked {
    answer: JoinHandle<io::Result<String>>,
}

impl Oracle {
    /// The oracle at a path.
    #[must_use]
    pub const fn at(program: PathBuf) -> Self {
        Self { program }
    }

    /// Starts on a batch of traces, as text.
    ///
    /// # Errors
    /// If the process can't be started.
    pub fn ask(&self, batch: String) -> io::Result<Asked> {
        let mut child =
            Command::new(&self.program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let missing = || io::Error::other("a pipe to the oracle is missing");
        let (mut input, mut output) = (input.ok_or_else(missing)?, output.ok_or_else(missing)?);
        // Both at the same time: it answers before it has read everything, and pipes are short.
        let writer = thread::spawn(move || input.write_all(batch.as_bytes()));
        let answer = thread::spawn(move || {
            let mut text = String::new();
            output.read_to_string(&mut text)?;
            let status = child.wait()?;
            let written = writer.join().map_err(|_| io::Error::other("the writer panicked"))?;
            if !status.success() {
                return Err(io::Error::other(format!("the oracle failed: {status}; {text:.200}")));
            }
            written.map(|()| text)
        });
        Ok(Asked { answer })
    }
}

impl Asked {
    /// Waits for all outcomes, a line each.
    ///
    /// # Errors
    /// If the oracle has failed.
    pub fn outcomes(self) -> io::Result<String> {
        self.answer.join().map_err(|_| io::Error::other("the reader panicked"))?
    }
}
