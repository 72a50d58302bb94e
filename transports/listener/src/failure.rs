//! How a command fails: one sentence on standard error, and an exit status.

use std::fmt;
use std::io;
use std::process::ExitCode;

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
        match self {
            Self::Usage(what) => {
                eprintln!("doorward: {what}");
                ExitCode::from(2)
            }
            Self::Failed(what) => {
                eprintln!("doorward: {what}");
                ExitCode::from(1)
            }
            Self::OutputClosed => ExitCode::SUCCESS,
        }
    }
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
