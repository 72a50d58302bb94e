//! A session as its client knows it.

use std::fmt;
use std::time::Duration;

use doorward_policy::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::api::{self, Answer};
use crate::error::ClientError;
use crate::server::{Server, Target};

/// A session: its token, and the one server that the token is sent to.
pub struct Session {
    server: Server,
    token: Zeroizing<String>,
    id: String,
    subject: String,
    received_at: Timestamp,
    expires_at: Timestamp,
}

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
        let plain = |text: String| text.chars().filter(|each| !each.is_control()).collect();
        Some(Self {
            server: server.clone(),
            token,
            id: plain(granted.session_id),
            subject: plain(granted.subject),
            received_at: now,
            expires_at: now.plus(Duration::from_secs(granted.expires_in?)),
        })
    }

    pub(crate) fn to_text(&self) -> SessionText {
        SessionText {
            version: 1,
            server: self.server.origin(),
            access_token: self.token.as_str().to_owned(),
            session_id: self.id.clone(),
            subject: self.subject.clone(),
            received_at: self.received_at.as_millis(),
            expires_at: self.expires_at.as_millis(),
        }
    }

    pub(crate) fn from_text(mut text: SessionText) -> Option<Self> {
        let target = Target::parse(&text.server).ok().filter(|_| text.version == 1)?;
        Some(Self {
            server: target.server,
            token: Zeroizing::new(std::mem::take(&mut text.access_token)),
            id: std::mem::take(&mut text.session_id),
            subject: std::mem::take(&mut text.subject),
            received_at: Timestamp::from_millis(text.received_at),
            expires_at: Timestamp::from_millis(text.expires_at),
        })
    }
}

/// Asks for a fresher token; `None` if the server finds that it is not time for one yet.
///
/// # Errors
/// If the server refuses, as it does when the session is over, or doesn't answer.
pub async fn renew(session: &Session, now: Timestamp) -> Result<Option<Session>, ClientError> {
    let server = session.server();
    let answer = api::post(server, "/.doorward/api/renew", Some(session.token()), b"{}").await?;
    match answer.status {
        200 => Ok(Session::from_answer(server, &answer, now)),
        _ => Err(ClientError::Refused(answer.refusal())),
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

    #[test]
    fn no_print_shows_its_token_and_no_name_steers_a_terminal() {
        let session = session();
        assert!(!format!("{session:?}").contains("secret"));
        assert_eq!(session.subject(), "tablet");
    }
}
