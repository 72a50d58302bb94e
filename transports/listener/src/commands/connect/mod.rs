//! `doorward connect`: a WebSocket or a stream for standard input and output, or a local port.

mod forward;
mod lines;
mod pipe;

use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::pin::pin;

use doorward_client::{
    Client, ClientError, Closed, Credential, Misdirected, SavedSessions, Server, Session, Target,
    Transport, Trust,
};
use doorward_gate::{Clock as _, SystemClock, SystemEntropy, random};
use doorward_policy::Timestamp;
use tokio::signal::ctrl_c;
use tokio::signal::unix::{SignalKind, signal};

use self::forward::Port;
use self::lines::Lines;
use super::workspace_name;
use crate::arguments::{is_code, refusal};
use crate::cli::ConnectArgs;
use crate::config::default_state_dir;
use crate::failure::{Failure, Outcome};
use crate::output;
use crate::serve::read_private;
use crate::terminal::read_secret;

/// Where the built-in console echoes.
const DEFAULT_PATH: &str = "/echo";

pub(super) async fn run(args: &ConnectArgs) -> Outcome {
    if args.url.as_deref().is_some_and(is_code) {
        return Err(refusal("a code"));
    }
    let target = args.url.as_deref().map(Target::parse).transpose().map_err(Failure::usage)?;
    let server = target.as_ref().map(|it| &it.server);
    let visitor = Visitor {
        client: client(args)?,
        saved: SavedSessions::new(default_state_dir()?.join("client")),
        clock: SystemClock::new(Timestamp::EPOCH),
        in_quic: args.local.is_some() || args.workspace.is_some(),
    };
    if let Some(server) = server.filter(|it| visitor.in_quic && it.transport() != Transport::Quic) {
        return Err(only_in_quic(args, server));
    }
    // Before a link is spent on a port that can't be had.
    let local = args.local.as_deref().map(Port::take).transpose()?;
    let paired = async {
        let (session, saved) = visitor.session(args, server).await?;
        Ok::<_, Failure>((visitor.renewed(session).await?, saved))
    };
    let (session, saved) = tokio::select! {
        // The prompt puts the terminal back as it was, and says so.
        biased;
        paired = paired => paired?,
        () = told_to_stop() => return Err(Failure::failed("cancelled")),
    };
    if args.only_pair {
        let (server, subject) = (session.server(), session.subject());
        return output::line(&format!("Paired with {server} as {subject}."));
    }
    match local {
        Some(local) => forward::run(visitor, session, local, args.ready_json).await,
        None if session.server().transport() == Transport::Quic => {
            pipe::run(&visitor, &session, saved).await
        }
        None => {
            let path = target.as_ref().and_then(|it| it.path.as_deref());
            visitor.talk(args, server, path.unwrap_or(DEFAULT_PATH), session, saved).await
        }
    }
}

fn client(args: &ConnectArgs) -> Outcome<Client> {
    let client = Client::new(trust(args.ca.as_deref())?);
    let Some(name) = &args.workspace else { return Ok(client) };
    Ok(client.joining(workspace_name("--workspace", name)?))
}

fn only_in_quic(args: &ConnectArgs, server: &Server) -> Failure {
    let why = match args.local {
        Some(_) => "--local forwards through QUIC",
        None => "--workspace joins through QUIC; over HTTP the URL's host or path says which one",
    };
    Failure::usage(format!("{why}: connect to the listener's quic:// address, not to {server}"))
}

/// The roots in a file, or the system's.
fn trust(ca: Option<&Path>) -> Outcome<Trust> {
    let Some(path) = ca else { return Ok(Trust::system()) };
    let failed = |what: &dyn std::fmt::Display| {
        Failure::failed(format!("{} can't be trusted: {what}", path.display()))
    };
    let pem = std::fs::read(path).map_err(|error| failed(&error))?;
    Trust::from_pem(&pem).map_err(|error| failed(&error))
}

/// Waits for Ctrl-C or SIGTERM. Nothing tells the server of a process that has just gone.
pub(super) async fn told_to_stop() {
    match signal(SignalKind::terminate()) {
        Ok(mut terminated) => {
            tokio::select! {
                _ = terminated.recv() => {}
                _ = ctrl_c() => {}
            }
        }
        Err(_) => std::future::pending().await,
    }
}

/// Who connects: with which sessions, and whom they trust.
struct Visitor {
    client: Client,
    saved: SavedSessions,
    clock: SystemClock,
    /// Whether nothing but QUIC will do.
    in_quic: bool,
}

impl Visitor {
    /// Lines over a WebSocket, with another session where a link on standard input asks for it.
    async fn talk(
        &self,
        args: &ConnectArgs,
        server: Option<&Server>,
        path: &str,
        mut session: Session,
        saved: bool,
    ) -> Outcome {
        let mut lines = Lines::start(saved);
        let mut stop = pin!(told_to_stop());
        loop {
            let connection = tokio::select! {
                connected = self.client.connect(&session, path) => connected,
                () = &mut stop => return Ok(()),
            };
            let connection = connection.map_err(|error| self.refused(&session, error))?;
            self.greet(&session, path);
            let (linger, mut stop) = (args.linger, stop.as_mut());
            match self.converse(connection, session, &mut lines, linger, stop.as_mut()).await? {
                Some(link) => {
                    session = tokio::select! {
                        paired = self.pair(&link, server) => paired?,
                        () = stop => return Ok(()),
                    };
                }
                None => return Ok(()),
            }
        }
    }

    /// Tells a person that they are connected.
    fn greet(&self, session: &Session, path: &str) {
        if io::stderr().is_terminal() {
            let (server, subject) = (session.server(), session.subject());
            eprintln!("Connected to {server}{path} as {subject}. Ctrl-D ends it.");
        }
    }

    fn now(&self) -> Outcome<Timestamp> {
        self.clock.now().map_err(Failure::failed)
    }

    /// The saved session, or the one that a link or code buys; whether it is the saved one.
    async fn session(
        &self,
        args: &ConnectArgs,
        server: Option<&Server>,
    ) -> Outcome<(Session, bool)> {
        if let Some(path) = &args.grant_file {
            let session = self.pair(&read_private(path)?, server).await?;
            return Ok((session, false));
        }
        if !args.pair
            && let Some(session) = self.find(server)?
        {
            return Ok((session, true));
        }
        let prompt = match server {
            Some(server) => format!("Link or code for {server}: "),
            None => "Pairing link: ".to_owned(),
        };
        let session = self.pair(&read_secret(&prompt).await?, server).await?;
        Ok((session, false))
    }

    /// The session saved for a server or, where none is named, the only one there is.
    fn find(&self, server: Option<&Server>) -> Outcome<Option<Session>> {
        let only = match server {
            Some(_) => None,
            None => {
                let mut servers = self.saved.servers();
                servers.retain(|it| !self.in_quic || it.transport() == Transport::Quic);
                if servers.len() > 1 {
                    let known: Vec<_> = servers.iter().map(ToString::to_string).collect();
                    let known = known.join(", ");
                    let what = format!("there are sessions for several servers; name one: {known}");
                    return Err(Failure::usage(what));
                }
                servers.pop()
            }
        };
        let Some(server) = server.or(only.as_ref()) else { return Ok(None) };
        let session = self.saved.load(server).map_err(Failure::failed)?;
        let now = self.now()?;
        Ok(session.filter(|session| now < session.expires_at()))
    }

    async fn pair(&self, text: &str, server: Option<&Server>) -> Outcome<Session> {
        let credential = Credential::parse(text).map_err(Failure::failed)?;
        let server = self.destination(&credential, server)?;
        let nonce = random(&SystemEntropy).map_err(Failure::failed)?;
        let session = self.client.pair(&server, &credential, nonce, self.now()?).await;
        let session = session.map_err(Failure::failed)?;
        self.saved.save(&session).map_err(Failure::failed)?;
        Ok(session)
    }

    /// Where a credential is redeemed: at the server that was named or, if it is a link, at the
    /// link's.
    fn destination(&self, credential: &Credential, named: Option<&Server>) -> Outcome<Server> {
        let linked = match (credential.web(), credential.quic()) {
            (Some(web), None) if self.in_quic => {
                return Err(Failure::failed(format!(
                    "this link names no QUIC port: it is that of a listener without --quic \
                     ({web}), or has lost its end"
                )));
            }
            (_, quic) => quic.filter(|_| self.in_quic),
        };
        credential.destination(named.or(linked)).map_err(|error| match error {
            Misdirected::Nowhere if self.in_quic => {
                Failure::usage(format!("{error}: doorward connect quic://HOST:PORT …"))
            }
            Misdirected::Nowhere => {
                Failure::usage(format!("{error}: doorward connect http://HOST:PORT"))
            }
            Misdirected::Elsewhere { .. } => Failure::failed(error),
        })
    }

    /// The session, fresher if it was time for that.
    async fn renewed(&self, session: Session) -> Outcome<Session> {
        let now = self.now()?;
        if !session.renewal_in(now).is_zero() {
            return Ok(session);
        }
        match self.client.renew(&session, now).await {
            Ok(Some(fresher)) => {
                self.saved.renew(&fresher).map_err(Failure::failed)?;
                Ok(fresher)
            }
            Ok(None) => Ok(session),
            Err(error) => Err(self.refused(&session, error)),
        }
    }

    /// A session that is over is forgotten, so that the next call asks for a link.
    fn refused(&self, session: &Session, error: ClientError) -> Failure {
        if !is_over(&error) {
            return Failure::failed(error);
        }
        match self.saved.forget(session) {
            Ok(()) => Failure::failed(pair_again(&error.to_string())),
            Err(error) => Failure::failed(error),
        }
    }

    /// What the end of a connection means for whoever waits for the command.
    async fn ended(&self, session: &Session, closed: &Closed) -> Outcome {
        let (code, reason) = match closed {
            Closed::Said { code: 1000 | 1005, .. } => return Ok(()),
            Closed::Refused(refused) => {
                return Err(self.refused(session, ClientError::Refused(refused.clone())));
            }
            Closed::Said { code, reason } => (*code, reason),
            Closed::Dropped(what) => {
                return Err(Failure::failed(format!(
                    "the connection to {} was lost: {what}",
                    session.server()
                )));
            }
        };
        // What is guarded may close with the same codes.
        if matches!(code, 4401 | 4403)
            && let Err(error) = self.client.check(session).await
            && is_over(&error)
        {
            return Err(self.refused(session, error));
        }
        Err(Failure::failed(match code {
            1001 => "the server is going away: connect again shortly".to_owned(),
            1009 => "the message was too long for the server".to_owned(),
            _ => format!("the server closed the connection: {code} {reason}").trim_end().to_owned(),
        }))
    }
}

/// Whether a session is over, as Doorward itself says.
fn is_over(error: &ClientError) -> bool {
    matches!(error, ClientError::Refused(refused) if refused.wants_pairing())
}

/// Why a session is over, and what to do: the server's sentence may end with the same advice.
fn pair_again(reason: &str) -> String {
    let reason = reason.trim_end_matches('.');
    let reason = reason.strip_suffix("; pair again").unwrap_or(reason);
    format!("{reason}; pair again, with a link or code of `doorward pair`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advice_to_pair_again_is_given_once() {
        let advice = "pair again, with a link or code of `doorward pair`";
        for (reason, what) in [
            ("The session was revoked; pair again.", "The session was revoked"),
            ("the server refused with status 401", "the server refused with status 401"),
        ] {
            assert_eq!(pair_again(reason), format!("{what}; {advice}"));
        }
    }
}
