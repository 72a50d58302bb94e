//! How a command fails: one sentence on standard error, and an exit status.

use std::fmt;
use std::io;
use std::process::ExitCode;

use crate::output;

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It was asked for the wrong way: status 2.
    Usage(String),
    /// It was refused, or something failed: status 1.
    Failed(String),
    /// Nobody reads its output any more: status 0, as other tools in a pipe do it.
    OutputClosed,
}

/// What a command comes to.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    pub(crate) fn failed(what: impl fmt::Display) -> Self {
        Self::Failed(what.to_string())
    }

    pub(crate) fn usage(what: impl fmt::Display) -> Self {
        Self::Usage(what.to_string())
    }

    /// Says so on standard error, and gives the status to exit with.
    pub(crate) fn report(&self) -> ExitCode {
        let (status, what) = match self {
            Self::Usage(what) => (2, what),
            Self::Failed(what) => (1, what),
            Self::OutputClosed => return ExitCode::SUCCESS,
        };
        eprintln!("{}", sentence(what));
        ExitCode::from(status)
    }
}

/// What is shown of a failure, which may quote a server, a file or an argument.
fn sentence(what: &str) -> String {
    format!("doorward: {}", output::printable(what))
}

/// Failures of standard output.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::OutputClosed;
        }
        Self::Failed(format!("can't write to standard output: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_failure_steers_a_terminal() {
        assert_eq!(sentence("a\u{1b}[2Jb\u{9b}c"), "doorward: a\u{fffd}[2Jb\u{fffd}c");
    }
}
