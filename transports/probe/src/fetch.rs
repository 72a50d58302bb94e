//! One plain request, for what has to be done beside an attack: pairing, signing in, a ticket.

use std::fmt;
use std::io;
use std::net::IpAddr;

use zeroize::Zeroizing;

use crate::pace::Pace;
use crate::play::Wire;
use crate::target::HttpAddress;

/// One plain request on a connection of its own. Redirects are not followed.
pub struct Fetch<'a> {
    /// The method.
    pub method: &'a str,
    /// The target.
    pub path: &'a str,
    /// Header lines beside `Host` and those that say how long the body is.
    pub headers: &'a [&'a str],
    /// The body.
    pub body: Option<&'a str>,
}

/// Without what may hold a secret.
impl fmt::Debug for Fetch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetch").field("method", &self.method).finish_non_exhaustive()
    }
}

/// An answer.
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Its header fields, in their order.
    pub fields: Vec<(String, String)>,
    /// Its body.
    pub body: Zeroizing<Vec<u8>>,
}

/// Without what may hold a secret.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("status", &self.status).finish_non_exhaustive()
    }
}

impl Reply {
    /// The first field of this name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        let named = self.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str())
    }
}

impl Fetch<'_> {
    /// Sends it, and reads the answer.
    ///
    /// # Errors
    ///
    /// If there is no connection, or no answer within the pace's patience.
    pub async fn send(
        &self,
        to: &HttpAddress,
        from: Option<IpAddr>,
        pace: &Pace,
    ) -> io::Result<Reply> {
        pace.turn().await;
        let request = self.written(to);
        let mut wire = Wire::connect(to, from, pace.patience).await?;
        wire.send(request.as_bytes(), 1, pace.patience).await;
        wire.reply(pace.patience).await
    }

    fn written(&self, to: &HttpAddress) -> Zeroizing<String> {
        let length = self.body.map(|body| format!("Content-Length: {}\r\n", body.len()));
        let mut request = Zeroizing::new(format!(
            "{} {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{}",
            self.method,
            self.path,
            to.authority,
            length.unwrap_or_default()
        ));
        for line in self.headers {
            request.push_str(line);
            request.push_str("\r\n");
        }
        request.push_str("\r\n");
        request.push_str(self.body.unwrap_or_default());
        request
    }
}
