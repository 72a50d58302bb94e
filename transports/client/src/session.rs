//! A session as its client knows it.

use std::fmt;
use std::time::Duration;

use doorward_policy::Timestamp;
use doorward_policy::hello::{Accept, Kind, Offered, Purpose};
use doorward_policy::link::CertificatePin;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::api::{self, Answer};
use crate::client::Client;
use crate::error::ClientError;
use crate::plain::plain;
use crate::quic;
use crate::server::{Identity, Server, Target, Transport};

/// The format of a saved session. Version 1 knew plain http alone.
const VERSION: u32 = 2;

/// A session: its token, and the one server that the token is sent to.
pub struct Session {
    server: Server,
    token: Zeroizing<String>,
    id: String,
    subject: String,
    received_at: Timestamp,
    expires_at: Timestamp,
}

//= req: SECRET-1
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("server", &self.server)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A session in its file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SessionText {
    version: u32,
    server: String,
    /// The pinned certificate's digest; none if the server is known in another way.
    #[serde(default)]
    certificate: Option<String>,
    access_token: String,
    session_id: String,
    subject: String,
    received_at: u64,
    expires_at: u64,
}

impl Drop for SessionText {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.access_token);
    }
}

/// What an answer says of a session.
#[derive(Deserialize)]
struct Granted {
    access_token: Option<String>,
    expires_in: Option<u64>,
    session_id: String,
    subject: String,
}

impl Session {
    /// The server that it is for.
    #[must_use]
    pub const fn server(&self) -> &Server {
        &self.server
    }

    /// Its id, which is no secret.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whom the server takes its holder for.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// When its token is no longer valid, by this machine's clock.
    #[must_use]
    pub const fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// Lays the token open, for a request to [`Self::server`].
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// How long until it should be renewed: the second half of its life begins then.
    #[must_use]
    pub fn renewal_in(&self, now: Timestamp) -> Duration {
        let half = self.expires_at.since(self.received_at) / 2;
        self.received_at.plus(half).since(now)
    }

    pub(crate) fn from_answer(server: &Server, answer: &Answer, now: Timestamp) -> Option<Self> {
        let granted: Granted = serde_json::from_slice(&answer.body).ok()?;
        let token = Zeroizing::new(granted.access_token?);
        Some(Self {
            server: server.clone(),
            token,
            id: plain(&granted.session_id),
            subject: plain(&granted.subject),
            received_at: now,
            expires_at: now.plus(Duration::from_secs(granted.expires_in?)),
        })
    }

    /// `None` if no token came with it, or it can't have come from Doorward.
    pub(crate) fn from_accept(server: &Server, accept: Accept, now: Timestamp) -> Option<Self> {
        let (session, token) = (accept.session?, accept.token?);
        let token =
            str::from_utf8(&token).ok().filter(|it| it.bytes().all(|it| it.is_ascii_graphic()));
        Some(Self {
            server: server.clone(),
            token: Zeroizing::new(token?.to_owned()),
            id: session.id.to_string(),
            subject: session.subject.as_str().to_owned(),
            received_at: now,
            expires_at: now.plus(Duration::from_secs(session.expires_in.into())),
        })
    }

    /// Whether both are the same token of the same server: neither has been renewed since.
    pub(crate) fn is(&self, other: &Self) -> bool {
        //= req: SECRET-2
        let same = self.token.as_bytes().ct_eq(other.token.as_bytes());
        self.server == other.server && same.into()
    }

    pub(crate) fn to_text(&self) -> SessionText {
        SessionText {
            version: VERSION,
            server: self.server.origin(),
            certificate: match self.server.identity() {
                Identity::Pinned(pin) => Some(pin.to_string()),
                Identity::Local | Identity::Name => None,
            },
            access_token: self.token.as_str().to_owned(),
            session_id: self.id.clone(),
            subject: self.subject.clone(),
            received_at: self.received_at.as_millis(),
            expires_at: self.expires_at.as_millis(),
        }
    }

    pub(crate) fn from_text(mut text: SessionText) -> Option<Self> {
        let mut server = Target::parse(&text.server).ok()?.server;
        let known = match text.version {
            1 => server.transport() == Transport::Http && text.certificate.is_none(),
            version => version == VERSION,
        };
        if !known {
            return None;
        }
        if let Some(pin) = &text.certificate {
            server = server.pinned(CertificatePin::parse_hex(pin)?);
        }
        Some(Self {
            server,
            token: Zeroizing::new(std::mem::take(&mut text.access_token)),
            id: std::mem::take(&mut text.session_id),
            subject: std::mem::take(&mut text.subject),
            received_at: Timestamp::from_millis(text.received_at),
            expires_at: Timestamp::from_millis(text.expires_at),
        })
    }
}

impl Client {
    /// Asks for a fresher token; `None` if the server finds that it is not time for one yet.
    ///
    /// # Errors
    /// If the server refuses, as it does when the session is over, or doesn't answer.
    pub async fn renew(
        &self,
        session: &Session,
        now: Timestamp,
    ) -> Result<Option<Session>, ClientError> {
        let (server, token) = (session.server(), session.token());
        if server.transport() == Transport::Quic {
            let offered = Offered::One(Kind::Session, token.as_bytes());
            let hello = quic::hello(Purpose::Token, offered, &[]);
            return Ok(Session::from_accept(server, quic::ask(self, server, &hello).await?, now));
        }
        let body = Zeroizing::new(b"{}".to_vec());
        let answer = api::post(self, server, "/.doorward/api/renew", Some(token), body).await?;
        match answer.status {
            200 => Ok(Session::from_answer(server, &answer, now)),
            _ => Err(ClientError::Refused(answer.refusal())),
        }
    }
}

impl Client {
    /// Asks a web server whether a session is good. What it guards may answer with the same status
    /// or close code as Doorward, but never under `/.doorward/`.
    ///
    /// # Errors
    /// If the session is over ([`Refused::wants_pairing`](crate::Refused::wants_pairing)), or the
    /// server doesn't answer.
    pub async fn check(&self, session: &Session) -> Result<(), ClientError> {
        let path = "/.doorward/api/session";
        let answer = api::get(self, session.server(), path, session.token()).await?;
        match answer.status {
            200 => Ok(()),
            _ => Err(ClientError::Refused(answer.refusal())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Session {
        let body = br#"{"access_token":"A.secret","token_type":"Bearer","expires_in":100,
            "session_id":"00ff","subject":"tab\u001blet","capabilities":["observe"]}"#;
        let answer = Answer { status: 200, retry_after: None, body: Zeroizing::new(body.to_vec()) };
        let server = Target::parse("http://127.0.0.1:8765").expect("valid").server;
        Session::from_answer(&server, &answer, Timestamp::from_secs(1000)).expect("complete")
    }

    #[test]
    fn a_session_is_renewed_in_the_second_half_of_its_life() {
        let session = session();
        assert_eq!(session.renewal_in(Timestamp::from_secs(1010)), Duration::from_secs(40));
        assert_eq!(session.renewal_in(Timestamp::from_secs(1051)), Duration::ZERO);
        assert_eq!(session.expires_at(), Timestamp::from_secs(1100));
    }

    //= req: SECRET-1, type=test
    #[test]
    fn no_print_shows_its_token_and_no_name_steers_a_terminal() {
        let session = session();
        assert!(!format!("{session:?}").contains("secret"));
        assert_eq!(session.subject(), "tablet");
    }
}
