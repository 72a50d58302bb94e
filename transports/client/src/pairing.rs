//! Pairing: a link or a code for a session.

use std::fmt;
use std::io;
use std::time::Duration;

use doorward_policy::Timestamp;
use doorward_policy::encoding::base64url;
use doorward_policy::grant::GrantSecret;
use doorward_policy::hello::{Kind, Offered, Purpose};
use doorward_policy::link::{LinkFragment, PAIR_PATH};
use serde::Serialize;
use tokio::time::sleep;
use zeroize::Zeroizing;

use crate::api;
use crate::client::Client;
use crate::error::ClientError;
use crate::quic;
use crate::server::{Identity, Server, Target, Transport, UrlError};
use crate::session::Session;

/// How often a redemption is sent before it counts as failed.
const TRIES: u32 = 4;
/// The longest that the server's wish to wait is followed.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What a person was given to pair with.
pub struct Credential {
    place: Option<Place>,
    grant: GrantSecret,
}

/// Where a link is redeemed.
#[derive(Clone, Debug)]
enum Place {
    Web(Server),
    Quic(Server),
    Both { web: Server, quic: Server },
}

impl Place {
    fn web(&self) -> Option<&Server> {
        match self {
            Self::Web(web) | Self::Both { web, .. } => Some(web),
            Self::Quic(_) => None,
        }
    }

    fn quic(&self) -> Option<&Server> {
        match self {
            Self::Quic(quic) | Self::Both { quic, .. } => Some(quic),
            Self::Web(_) => None,
        }
    }

    /// The one that is meant where nobody says which.
    const fn first(&self) -> &Server {
        match self {
            Self::Web(first) | Self::Quic(first) | Self::Both { web: first, .. } => first,
        }
    }
}

/// Why a credential is redeemed nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misdirected {
    /// A code names no server, and nobody else did.
    Nowhere,
    /// The link is for one server, and another was named.
    Elsewhere {
        /// The server of the link.
        linked: Server,
        /// The one that was named.
        named: Server,
    },
}

impl fmt::Display for Misdirected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nowhere => f.write_str("a code doesn't say for which server it is: name one"),
            Self::Elsewhere { linked, named } => write!(
                f,
                "the link is for {linked}, not for {named}: it is sent to no other server"
            ),
        }
    }
}

impl std::error::Error for Misdirected {}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Credential {
    /// Parses a link, the secret of a link, or a code in any spelling.
    ///
    /// # Errors
    /// If it is none of them, or its link leads to nothing that can be connected to.
    pub fn parse(text: &str) -> Result<Self, ClientError> {
        let text = text.trim();
        let Some((link, fragment)) = text.rsplit_once('#') else {
            let grant = GrantSecret::parse(text).ok_or(ClientError::Credential)?;
            return Ok(Self { place: None, grant });
        };
        let LinkFragment { grant, pin, quic_port } =
            LinkFragment::parse(fragment).ok_or(ClientError::Credential)?;
        let known = |server: Server| match pin {
            Some(pin) => server.pinned(pin),
            None => server,
        };
        let place = match (Target::parse(link), quic_port) {
            (Ok(target), _) if target.server.transport() == Transport::Quic => {
                return Err(ClientError::Credential);
            }
            (Ok(Target { server: web, .. }), Some(port)) => {
                Place::Both { quic: known(web.quic(port)), web: known(web) }
            }
            (Ok(Target { server: web, .. }), None) => Place::Web(known(web)),
            // Nothing is sent there in the clear, and QUIC never is.
            (Err(UrlError::Network), Some(port)) => {
                let secured = link.replacen("http://", "https://", 1);
                Place::Quic(known(Target::parse(&secured)?.server.quic(port)))
            }
            // Two links in a row, for example: what is wrong is the link.
            (Err(UrlError::Shape), _) => return Err(ClientError::Credential),
            (Err(error), _) => return Err(error.into()),
        };
        Ok(Self { place: Some(place), grant })
    }

    /// Whether a text holds a pairing link, whatever it leads to: one that was damaged when it was
    /// copied is still most of a secret.
    #[must_use]
    pub fn is_link(text: &str) -> bool {
        text.match_indices(PAIR_PATH).any(|(at, path)| {
            let after = at.saturating_add(path.len());
            text.get(after..).is_some_and(|rest| rest.starts_with('#'))
        })
    }

    /// The web server that a link names, if it can be spoken to; a code names none.
    #[must_use]
    pub fn web(&self) -> Option<&Server> {
        self.place.as_ref()?.web()
    }

    /// The QUIC server that a link names, if it names one.
    #[must_use]
    pub fn quic(&self) -> Option<&Server> {
        self.place.as_ref()?.quic()
    }

    /// The server to redeem this at: the one that was named or, where none was, the link's web
    /// server, or the only one that it has. A link goes to its own servers alone, and says how they
    /// are known.
    ///
    /// # Errors
    /// If that is none, or not the link's.
    pub fn destination(&self, named: Option<&Server>) -> Result<Server, Misdirected> {
        let (place, named) = match (&self.place, named) {
            (Some(place), Some(named)) => (place, named),
            (Some(place), None) => return Ok(place.first().clone()),
            (None, Some(named)) => return Ok(named.clone()),
            (None, None) => return Err(Misdirected::Nowhere),
        };
        let linked = match named.transport() {
            Transport::Quic => place.quic(),
            Transport::Http | Transport::Https => place.web(),
        };
        let linked = linked.unwrap_or_else(|| place.first());
        let other_pin = matches!(named.identity(), Identity::Pinned(_)) && linked != named;
        //= req: CLIENT-4
        if other_pin || !linked.same_address(named) {
            return Err(Misdirected::Elsewhere { linked: linked.clone(), named: named.clone() });
        }
        Ok(linked.clone())
    }
}

impl Client {
    /// Redeems a credential at a server. `nonce` is 32 bytes of entropy: repeated after a lost
    /// answer, so that the one session that the credential bought is fetched again.
    ///
    /// # Errors
    /// If the server refuses, can't be reached, is not the one meant, or keeps not answering.
    pub async fn pair(
        &self,
        server: &Server,
        credential: &Credential,
        nonce: [u8; 32],
        now: Timestamp,
    ) -> Result<Session, ClientError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let redeemed = match server.transport() {
                Transport::Quic => self.redeem_in_quic(server, credential, nonce, now).await,
                Transport::Http | Transport::Https => {
                    self.redeem_on_the_web(server, credential, nonce, now).await
                }
            };
            match redeemed {
                Err(error)
                    if tries < TRIES
                        && let Some(pause) = pause(&error, tries) =>
                {
                    sleep(pause.min(LONGEST_PAUSE)).await;
                }
                redeemed => return redeemed,
            }
        }
    }

    async fn redeem_on_the_web(
        &self,
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
        let answer = api::post(self, server, "/.doorward/api/token", None, body).await?;
        //= req: CLIENT-5
        if answer.status != 200 {
            return Err(ClientError::Refused(answer.refusal()));
        }
        Session::from_answer(server, &answer, now)
            .ok_or_else(|| ClientError::Unexpected(server.clone(), "a session token"))
    }

    async fn redeem_in_quic(
        &self,
        server: &Server,
        credential: &Credential,
        nonce: [u8; 32],
        now: Timestamp,
    ) -> Result<Session, ClientError> {
        let secret = credential.grant.expose();
        let offered = Offered::One(Kind::Grant, secret.as_bytes());
        let accept = quic::ask(self, server, &quic::hello(Purpose::Token, offered, &nonce)).await?;
        Session::from_accept(server, accept, now)
            .ok_or_else(|| ClientError::Unexpected(server.clone(), "a session token"))
    }
}

/// How long to wait before a redemption is repeated, if that can help.
fn pause(error: &ClientError, tries: u32) -> Option<Duration> {
    match error {
        ClientError::Refused(refused) if matches!(refused.status, 408 | 503) => {
            Some(refused.retry_after.map_or(Duration::from_secs(1), Duration::from_secs))
        }
        // Where nobody answers a first packet, nothing was lost on the way.
        ClientError::Unreachable(_, error)
            if tries > 1
                || !matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionRefused | io::ErrorKind::HostUnreachable
                ) =>
        {
            Some(Duration::from_millis(250) * tries)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use doorward_policy::link::CertificatePin;

    const SECRET: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    const PIN: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";

    fn server(url: &str) -> Server {
        Target::parse(url).expect("valid").server
    }

    #[test]
    fn a_link_names_its_server_and_a_code_does_not() {
        let link = format!(" http://127.0.0.1:8765/.doorward/pair#{SECRET}\n");
        let credential = Credential::parse(&link).expect("a link");
        let origin = credential.web().map(Server::origin);
        assert_eq!(origin.as_deref(), Some("http://127.0.0.1:8765"));
        assert!(Credential::is_link(&link));
        for text in [SECRET, "2345-6789-abcd", "23456789ABCD"] {
            let credential = Credential::parse(text).expect("valid");
            assert!(credential.web().is_none() && credential.quic().is_none());
            assert_eq!(credential.destination(None), Err(Misdirected::Nowhere));
            assert!(!Credential::is_link(text));
        }
        assert!(!format!("{credential:?}").contains(SECRET));
    }

    #[test]
    fn a_link_names_the_certificate_and_the_quic_server() {
        let pin = CertificatePin::new([1; 32]);
        let text = format!("https://dev.example:8765/.doorward/pair#{SECRET}.{PIN}.4433");
        let credential = Credential::parse(&text).expect("a link");
        let web = server("https://dev.example:8765").pinned(pin);
        let quic = server("quic://dev.example:4433").pinned(pin);
        assert_eq!((credential.web(), credential.quic()), (Some(&web), Some(&quic)));
        let damaged = text.len() - 1;
        assert!(Credential::is_link(&text) && Credential::is_link(&text[..damaged]));
        assert!(Credential::is_link(&format!("\u{201c}{text}\u{201d}, it says")));
        let text = format!("http://127.0.0.1:8765/.doorward/pair#{SECRET}..4433");
        let credential = Credential::parse(&text).expect("a link");
        assert_eq!(credential.quic(), Some(&server("quic://127.0.0.1:4433")));
    }

    #[test]
    fn a_link_that_leaves_this_machine_in_the_clear_is_good_for_quic_alone() {
        let text = format!("http://dev.example:8765/.doorward/pair#{SECRET}.{PIN}.4433");
        let credential = Credential::parse(&text).expect("a link");
        let quic = server("quic://dev.example:4433").pinned(CertificatePin::new([1; 32]));
        assert_eq!((credential.web(), credential.quic()), (None, Some(&quic)));
        assert_eq!(credential.destination(None), Ok(quic.clone()));
        assert_eq!(credential.destination(Some(&server("quic://dev.example:4433"))), Ok(quic));
        for other in ["https://dev.example:8765", "http://localhost:8765", "quic://dev.example:1"] {
            assert!(credential.destination(Some(&server(other))).is_err(), "{other}");
        }
        let webby = format!("http://dev.example:8765/.doorward/pair#{SECRET}");
        let error = Credential::parse(&webby).expect_err("nothing that can be spoken to");
        assert!(matches!(error, ClientError::Url(UrlError::Network)), "{error}");
    }

    //= req: CLIENT-4, type=test
    #[test]
    fn a_link_goes_to_its_own_servers_alone_and_says_how_they_are_known() {
        let pin = CertificatePin::new([1; 32]);
        let text = format!("https://dev.example:8765/.doorward/pair#{SECRET}.{PIN}.4433");
        let credential = Credential::parse(&text).expect("a link");
        for own in ["https://dev.example:8765", "quic://dev.example:4433"] {
            let named = server(own);
            assert_eq!(credential.destination(Some(&named)), Ok(named.pinned(pin)));
        }
        let other_pin = server("quic://dev.example:4433").pinned(CertificatePin::new([2; 32]));
        assert!(credential.destination(Some(&other_pin)).is_err());
        for other in ["quic://dev.example:8765", "https://dev.example:4433", "quic://evil:4433"] {
            let Err(error) = credential.destination(Some(&server(other))) else {
                panic!("{other}")
            };
            assert!(error.to_string().contains("sent to no other server"), "{error}");
        }
        let webby = format!("https://dev.example:8765/.doorward/pair#{SECRET}");
        let webby = Credential::parse(&webby).expect("a link");
        assert!(webby.destination(Some(&server("quic://dev.example:8765"))).is_err());
    }

    #[test]
    fn what_nobody_has_heard_is_not_said_again() {
        let lost = |kind: io::ErrorKind| {
            ClientError::Unreachable(server("quic://dev.example:4433"), kind.into())
        };
        for unheard in [io::ErrorKind::ConnectionRefused, io::ErrorKind::HostUnreachable] {
            assert!(pause(&lost(unheard), 1).is_none() && pause(&lost(unheard), 2).is_some());
        }
        assert!(pause(&lost(io::ErrorKind::TimedOut), 1).is_some());
    }

    #[test]
    fn anything_else_is_no_credential() {
        for text in [
            "",
            "hello",
            "http://127.0.0.1:8765/.doorward/pair",
            "http://127.0.0.1#2345-6789-ABCD",
            &format!("quic://127.0.0.1:4433/#{SECRET}"),
            &format!("quic://127.0.0.1:4433#{SECRET}"),
            &format!("https://dev.example/.doorward/pair#{SECRET}.AAAA"),
        ] {
            let parsed = Credential::parse(text);
            assert!(matches!(parsed, Err(ClientError::Credential | ClientError::Url(_))), "{text}");
        }
        let link = format!("https://dev.example/.doorward/pair#{SECRET}");
        for twice in [format!("{link}{link}"), format!("{link} {link}")] {
            let error = Credential::parse(&twice).expect_err("two links");
            assert!(matches!(error, ClientError::Credential), "it is about the link: {error}");
        }
    }
}
