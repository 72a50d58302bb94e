//! What can go wrong between a client and its server.

use std::fmt;
use std::io;

use std::time::Duration;

use serde::Deserialize;

use crate::plain::plain;
use crate::server::{Server, UrlError};
use crate::tls::CertificateFault;

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
    /// What the server guards has refused. The session is as good as before.
    Guarded(Refused),
    /// The server's answer is not that of Doorward; what was expected instead.
    Unexpected(Server, &'static str),
    /// The server's certificate was not taken. Nothing was sent to it.
    Certificate(Server, CertificateFault),
    /// The server and this client have no protocol in common; what the one misses in the other.
    Incompatible(Server, String),
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
    /// Reads a refusal's JSON, if it is any.
    pub(crate) fn read(status: u16, json: &[u8], retry_after: Option<u64>) -> Self {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Problem {
            error: String,
            message: String,
            retry_after: Option<u64>,
        }
        let problem: Problem = serde_json::from_slice(json).unwrap_or_default();
        let short = |text: &str| plain(text).chars().take(500).collect();
        Self {
            status,
            code: short(&problem.error),
            message: short(&problem.message),
            retry_after: retry_after.or(problem.retry_after),
        }
    }

    /// Reads the application error that has ended a QUIC connection; `None` if the code is none of
    /// a refusal's (`docs/quic-hello.md`).
    pub(crate) fn from_quic(code: u64, reason: &[u8]) -> Option<Self> {
        let status = match u16::try_from(code).ok()? {
            1001 | 1013 => 503,
            code @ 4400..=4599 => code.saturating_sub(4000),
            _ => return None,
        };
        let mut refused = Self::read(status, reason, None);
        // The certificate has proved whose word this is.
        if status == 401 && refused.code.is_empty() {
            refused.code = "session_expired".to_owned();
        }
        Some(refused)
    }

    /// Whether only pairing again can help: the session is over, in Doorward's own words. Anybody's
    /// login page is a 401, and on plain http anybody may have taken the port.
    #[must_use]
    pub fn wants_pairing(&self) -> bool {
        let over = ["session_expired", "session_revoked", "credential_invalid"];
        over.contains(&self.code.as_str())
    }

    /// When to try again, if waiting can help.
    pub(crate) fn next(&self) -> Next {
        match self.status {
            _ if self.wants_pairing() => Next::PairAgain,
            408 | 429 | 500..=599 => Next::Retry(self.retry_after.map(Duration::from_secs)),
            _ => Next::Stop,
        }
    }
}

/// What a client does after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Tries again, after this much at least.
    Retry(Option<Duration>),
    /// Asks its person for another link.
    PairAgain,
    /// Gives up: the next attempt would fare no better.
    Stop,
}

impl ClientError {
    /// What follows from it.
    pub(crate) fn next(&self) -> Next {
        match self {
            Self::Unreachable(..) => Next::Retry(None),
            Self::Refused(refused) => refused.next(),
            // It says nothing about the session, whatever it says.
            Self::Guarded(refused) => match refused.next() {
                Next::PairAgain => Next::Stop,
                next => next,
            },
            Self::Url(_)
            | Self::Credential
            | Self::Unexpected(..)
            | Self::Certificate(..)
            | Self::Incompatible(..) => Next::Stop,
        }
    }
}

impl ClientError {
    /// What follows from it for a client that has been connected: what answers before a certificate
    /// is judged may be a passing network or process, or whoever can send a packet; and who refuses
    /// without a code of Doorward's has only taken its place.
    pub(crate) fn next_after_success(&self) -> Next {
        match self {
            Self::Certificate(..) | Self::Incompatible(..) => Next::Retry(None),
            Self::Refused(refused) if refused.code.is_empty() => Next::Retry(None),
            _ => self.next(),
        }
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
            Self::Guarded(refused) => {
                write!(f, "what the server guards has refused with status {}", refused.status)?;
                if refused.message.is_empty() {
                    return Ok(());
                }
                write!(f, ": {}", refused.message)
            }
            Self::Unexpected(server, what) => {
                write!(f, "{server} does not answer as Doorward does: {what} was expected")
            }
            Self::Certificate(server, CertificateFault::Pin) => write!(
                f,
                "{server} is not the server that the link was made for: its certificate is \
                 another one. Nothing was sent to it. If the listener was given a new \
                 certificate, pair again with a new link (doorward connect --pair)"
            ),
            Self::Certificate(server, CertificateFault::Name(what)) => write!(
                f,
                "the certificate of {server} does not prove that it is the server meant ({what}), \
                 and nothing was sent to it; a link of `doorward pair`, or --ca FILE with its \
                 root, says what to expect"
            ),
            Self::Incompatible(server, what) => {
                write!(f, "{server} and this client have no protocol in common: {what}")
            }
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.message.is_empty() {
            write!(f, "the server refused with status {}", self.status)?;
            let told = !self.code.is_empty();
            return if told { Ok(()) } else { f.write_str(", and not in Doorward's words") };
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

#[cfg(test)]
mod tests {
    use super::*;

    fn next(status: u16, code: &str) -> Next {
        let retry_after = Some(7);
        Refused { status, code: code.to_owned(), message: String::new(), retry_after }.next()
    }

    #[test]
    fn what_follows_from_a_refusal() {
        let later = Next::Retry(Some(Duration::from_secs(7)));
        for (status, code, expected) in [
            (400, "malformed", Next::Stop),
            (401, "session_expired", Next::PairAgain),
            (401, "session_revoked", Next::PairAgain),
            (401, "credential_invalid", Next::PairAgain),
            (403, "session_revoked", Next::PairAgain),
            (403, "host_denied", Next::Stop),
            (403, "origin_denied", Next::Stop),
            (403, "insufficient_capability", Next::Stop),
            (404, "not_found", Next::Stop),
            (408, "deadline", later),
            (429, "limited", later),
            (502, "upstream_unreachable", later),
            (503, "draining", later),
            (307, "", Next::Stop),
        ] {
            assert_eq!(next(status, code), expected, "{status} {code}");
        }
    }

    #[test]
    fn what_follows_from_no_answer_at_all() {
        let server = crate::server::Target::parse("quic://dev.example:4433").expect("valid").server;
        let pin = ClientError::Certificate(server.clone(), CertificateFault::Pin);
        assert_eq!(pin.next(), Next::Stop);
        let incompatible = ClientError::Incompatible(server.clone(), String::new());
        assert_eq!(incompatible.next(), Next::Stop);
        for passing in [pin, incompatible] {
            assert_eq!(passing.next_after_success(), Next::Retry(None), "{passing}");
        }
        let elsewhere = ClientError::Refused(Refused::read(401, b"<title>Log in</title>", None));
        assert_eq!(elsewhere.next(), Next::Stop);
        assert_eq!(
            elsewhere.next_after_success(),
            Next::Retry(None),
            "it has only taken its place"
        );
        let own = ClientError::Refused(Refused::read(404, br#"{"error":"not_found"}"#, None));
        assert_eq!(own.next_after_success(), Next::Stop);
        let lost = ClientError::Unreachable(server, io::ErrorKind::TimedOut.into());
        assert_eq!(lost.next(), Next::Retry(None));
    }

    #[test]
    fn the_codes_of_quic_are_those_of_http() {
        for (code, status) in [(1001, 503), (1013, 503), (4400, 400), (4429, 429), (4599, 599)] {
            assert_eq!(Refused::from_quic(code, b"").expect("a refusal").status, status);
        }
        for code in [0, 1000, 4399, 4600, 1 << 32] {
            assert_eq!(Refused::from_quic(code, b""), None, "{code}");
        }
        let over = Refused::from_quic(4401, b"").expect("a refusal");
        assert!(over.wants_pairing(), "the server has proved itself, and needs no words");
        let json = br#"{"error":"x\u001b","message":"y\n","retry_after":3}"#;
        let read = Refused::from_quic(4429, json).expect("a refusal");
        assert_eq!((read.code.as_str(), read.message.as_str()), ("x", "y"));
        assert_eq!(read.retry_after, Some(3));
    }
}
