//! What can go wrong between a client and its server.

use std::fmt;
use std::io;

use crate::server::{Server, UrlError};

/// Why there is no session, or no connection.
#[derive(Debug)]
pub enum ClientError {
    /// The URL names nothing to connect to.
    Url(UrlError),
    /// What was presented is neither a link nor a code.
    Credential,
    /// The server can't be reached, or went away in the middle.
    Unreachable(Server, io::Error),
    /// The server has refused.
    Refused(Refused),
    /// The server's answer is not that of Doorward; what was expected instead.
    Unexpected(Server, &'static str),
}

/// A refusal, as the server told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The HTTP status.
    pub status: u16,
    /// The stable code, such as `session_revoked`; empty if the server gave none.
    pub code: String,
    /// The sentence for people.
    pub message: String,
    /// When to come back, in seconds.
    pub retry_after: Option<u64>,
}

impl Refused {
    /// Whether only pairing again can help: the session is over.
    #[must_use]
    pub fn wants_pairing(&self) -> bool {
        self.status == 401
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(error) => error.fmt(f),
            Self::Credential => f.write_str(
                "this is neither a pairing link nor a code (XXXX-XXXX-XXXX); `doorward pair` on \
                 the listener's machine makes one",
            ),
            Self::Unreachable(server, error) => {
                write!(f, "{server} can't be reached ({error}): is `doorward serve` running there?")
            }
            Self::Refused(refused) => refused.fmt(f),
            Self::Unexpected(server, what) => {
                write!(f, "{server} does not answer as Doorward does: {what} was expected")
            }
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.message.is_empty() {
            return write!(f, "the server refused with status {}", self.status);
        }
        f.write_str(&self.message)?;
        match self.retry_after {
            Some(seconds) => write!(f, " (in {seconds} s)"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ClientError {}

impl From<UrlError> for ClientError {
    fn from(error: UrlError) -> Self {
        Self::Url(error)
    }
}
