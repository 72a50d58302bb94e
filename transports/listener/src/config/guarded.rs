//! The guarded server, as `--upstream` names it: a web server, or a stream of bytes.

use std::fmt;

use super::parse::Expected;

/// The guarded server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Guarded {
    /// `http://HOST:PORT`: guarded request by request, over HTTP and WebSocket.
    Web(String),
    /// `tcp://HOST:PORT` or `unix:/PATH`: guarded connection by connection, over QUIC.
    Bytes(doorward_quic::Upstream),
}

impl Guarded {
    pub(crate) fn parse(text: &str) -> Result<Self, Expected> {
        if let Ok(bytes) = doorward_quic::Upstream::parse(text) {
            return Ok(Self::Bytes(bytes));
        }
        // In words of our own: the text may hold a password.
        let expected = |_| {
            "the guarded server's http://HOST:PORT without a path or, over QUIC, tcp://HOST:PORT \
             or unix:/PATH"
                .to_owned()
        };
        doorward_http::Upstream::parse(text).map_err(expected)?;
        Ok(Self::Web(text.to_owned()))
    }
}

impl fmt::Display for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Web(url) => f.write_str(url),
            Self::Bytes(upstream) => upstream.fmt(f),
        }
    }
}
