//! Pairing: a link or a code for a session.

use std::fmt;
use std::time::Duration;

use doorward_policy::Timestamp;
use doorward_policy::encoding::base64url;
use doorward_policy::grant::GrantSecret;
use serde::Serialize;
use tokio::time::sleep;
use zeroize::Zeroizing;

use crate::api;
use crate::error::ClientError;
use crate::server::{Server, Target};
use crate::session::Session;

/// How often a redemption is sent before it counts as failed.
const TRIES: u32 = 4;
/// The longest that the server's wish to wait is followed.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What a person was given to pair with.
pub struct Credential {
    server: Option<Server>,
    grant: GrantSecret,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Credential {
    /// Parses a link, the secret of a link, or a code in any spelling.
    ///
    /// # Errors
    /// If it is none of them, or its link leads to nothing that can be connected to.
    pub fn parse(text: &str) -> Result<Self, ClientError> {
        let text = text.trim();
        let (link, secret) = match text.rsplit_once('#') {
            Some((link, secret)) => (Some(link), secret),
            None => (None, text),
        };
        let grant = GrantSecret::parse(secret).ok_or(ClientError::Credential)?;
        if link.is_some() && grant.is_code() {
            return Err(ClientError::Credential);
        }
        let server = link.map(Target::parse).transpose()?.map(|target| target.server);
        Ok(Self { server, grant })
    }

    /// Whether a text is a pairing link, whatever it leads to.
    #[must_use]
    pub fn is_link(text: &str) -> bool {
        let split = text.trim().rsplit_once('#');
        split.is_some_and(|(link, secret)| {
            link.ends_with("/.doorward/pair") && GrantSecret::parse(secret).is_some()
        })
    }

    /// The server that a link names; a code names none.
    #[must_use]
    pub const fn server(&self) -> Option<&Server> {
        self.server.as_ref()
    }
}

/// Redeems a credential at a server. `nonce` is 32 bytes of entropy: repeated after a lost answer,
/// so that the one session that the credential bought is fetched again.
///
/// # Errors
/// If the server refuses, can't be reached, or keeps not answering.
pub async fn pair(
    server: &Server,
    credential: &Credential,
    nonce: [u8; 32],
    now: Timestamp,
) -> Result<Session, ClientError> {
    #[derive(Serialize)]
    struct Presented<'a> {
        credential: &'a str,
        nonce: &'a str,
    }
    let (secret, nonce) = (credential.grant.expose(), Zeroizing::new(base64url(&nonce)));
    let body = serde_json::to_vec(&Presented { credential: &secret, nonce: &nonce });
    let body = Zeroizing::new(body.unwrap_or_default());
    let mut tries = 0;
    loop {
        tries += 1;
        let answered = api::post(server, "/.doorward/api/token", None, &body).await;
        let pause = match &answered {
            Ok(answer) if answer.status == 503 => {
                answer.retry_after.map_or(Duration::from_secs(1), Duration::from_secs)
            }
            // Where nothing listens, nothing was lost on the way.
            Err(ClientError::Unreachable(_, error))
                if tries > 1 || error.kind() != std::io::ErrorKind::ConnectionRefused =>
            {
                Duration::from_millis(250) * tries
            }
            _ => break finish(server, answered?, now),
        };
        if tries == TRIES {
            break finish(server, answered?, now);
        }
        sleep(pause.min(LONGEST_PAUSE)).await;
    }
}

fn finish(server: &Server, answer: api::Answer, now: Timestamp) -> Result<Session, ClientError> {
    if answer.status != 200 {
        return Err(ClientError::Refused(answer.refusal()));
    }
    Session::from_answer(server, &answer, now)
        .ok_or_else(|| ClientError::Unexpected(server.clone(), "a session token"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_names_its_server_and_a_code_does_not() {
        let secret = "A".repeat(43);
        let link = format!(" http://127.0.0.1:8765/.doorward/pair#{secret}\n");
        let credential = Credential::parse(&link).expect("a link");
        let origin = credential.server().map(Server::origin);
        assert_eq!(origin.as_deref(), Some("http://127.0.0.1:8765"));
        assert!(Credential::is_link(&link));
        for text in [secret.as_str(), "2345-6789-abcd", "23456789ABCD"] {
            assert!(Credential::parse(text).expect("valid").server().is_none());
            assert!(!Credential::is_link(text));
        }
        assert!(!format!("{credential:?}").contains(&secret));
    }

    #[test]
    fn anything_else_is_no_credential() {
        for text in
            ["", "hello", "http://127.0.0.1:8765/.doorward/pair", "http://127.0.0.1#2345-6789-ABCD"]
        {
            assert!(matches!(Credential::parse(text), Err(ClientError::Credential)), "{text}");
        }
    }
}
