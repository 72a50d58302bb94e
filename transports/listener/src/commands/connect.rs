//! `doorward connect`: a WebSocket for standard input and output.

use std::io::{self, BufRead as _, IsTerminal as _};
use std::time::Duration;

use doorward_client::{
    Client, ClientError, Closed, Connection, Credential, Misdirected, Received, SavedSessions,
    Server, Session, Target, Trust,
};
use doorward_gate::{Clock as _, SystemClock, SystemEntropy, random};
use doorward_policy::Timestamp;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use zeroize::Zeroizing;

use crate::arguments::{is_code, refusal};
use crate::cli::ConnectArgs;
use crate::config::default_state_dir;
use crate::failure::{Failure, Outcome};
use crate::output;
use crate::serve::read_private;
use crate::terminal::read_secret;

/// Where the built-in console echoes.
const DEFAULT_PATH: &str = "/echo";
/// How long the server's goodbye may take.
const GOODBYE: Duration = Duration::from_secs(5);

pub(super) async fn run(args: &ConnectArgs) -> Outcome {
    if args.url.as_deref().is_some_and(is_code) {
        return Err(refusal("a code"));
    }
    let target = args.url.as_deref().map(Target::parse).transpose().map_err(Failure::usage)?;
    let visitor = Visitor {
        client: Client::new(Trust::system()),
        saved: SavedSessions::new(default_state_dir()?.join("client")),
        clock: SystemClock::new(Timestamp::EPOCH),
    };
    let server = target.as_ref().map(|it| &it.server);
    let (mut session, saved) = visitor.session(args, server).await?;
    session = visitor.renewed(session).await?;
    if args.only_pair {
        let (server, subject) = (session.server(), session.subject());
        return output::line(&format!("Paired with {server} as {subject}."));
    }
    let path = target.as_ref().and_then(|it| it.path.as_deref()).unwrap_or(DEFAULT_PATH);
    let mut lines = Lines::start(saved);
    loop {
        let connection = match visitor.client.connect(&session, path).await {
            Err(error) => return Err(visitor.refused(&session, error)),
            Ok(connection) => connection,
        };
        if io::stderr().is_terminal() {
            let (server, subject) = (session.server(), session.subject());
            eprintln!("Connected to {server}{path} as {subject}. Ctrl-D ends it.");
        }
        match visitor.converse(connection, session, &mut lines, args.linger).await? {
            Some(link) => session = visitor.pair(&link, server).await?,
            None => return Ok(()),
        }
    }
}

struct Visitor {
    client: Client,
    saved: SavedSessions,
    clock: SystemClock,
}

impl Visitor {
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
        let server = credential.destination(server).map_err(|error| match error {
            Misdirected::Nowhere => {
                Failure::usage(format!("{error}: doorward connect http://HOST:PORT"))
            }
            Misdirected::Elsewhere { .. } => Failure::failed(error),
        })?;
        let nonce = random(&SystemEntropy).map_err(Failure::failed)?;
        let session = self.client.pair(&server, &credential, nonce, self.now()?).await;
        let session = session.map_err(Failure::failed)?;
        self.saved.save(&session).map_err(Failure::failed)?;
        Ok(session)
    }

    /// The session, fresher if it was time for that.
    async fn renewed(&self, session: Session) -> Outcome<Session> {
        let now = self.now()?;
        if !session.renewal_in(now).is_zero() {
            return Ok(session);
        }
        match self.client.renew(&session, now).await {
            Ok(Some(fresher)) => {
                self.saved.save(&fresher).map_err(Failure::failed)?;
                Ok(fresher)
            }
            Ok(None) => Ok(session),
            Err(error) => Err(self.refused(&session, error)),
        }
    }

    /// A session that is over is forgotten, so that the next call asks for a link.
    fn refused(&self, session: &Session, error: ClientError) -> Failure {
        let over = matches!(&error, ClientError::Refused(refused) if refused.wants_pairing());
        if over && let Err(error) = self.saved.forget(session) {
            return Failure::failed(error);
        }
        Failure::failed(error)
    }

    /// Lines out, messages in, until either side has had enough, or a link says to pair anew.
    async fn converse(
        &self,
        mut connection: Connection,
        mut session: Session,
        lines: &mut Lines,
        linger: Duration,
    ) -> Outcome<Option<Zeroizing<String>>> {
        loop {
            let renewal = session.renewal_in(self.now()?).max(Duration::from_secs(1));
            tokio::select! {
                received = connection.next() => match received {
                    Ok(received) => print(&received)?,
                    Err(closed) => return self.ended(&session, &closed).map(|()| None),
                },
                line = lines.next() => match line? {
                    Some(Line::Message(line)) => {
                        if let Err(closed) = connection.send(line).await {
                            return self.ended(&session, &closed).map(|()| None);
                        }
                    }
                    Some(Line::Link(link)) => return Ok(Some(link)),
                    None => break,
                },
                () = sleep(renewal) => session = self.renewed(session).await?,
            }
        }
        self.leave(connection, linger).await.map(|()| None)
    }

    /// Prints what still comes, says goodbye, and prints what comes before the server's.
    async fn leave(&self, mut connection: Connection, linger: Duration) -> Outcome {
        let waited = timeout(linger, print_all(&mut connection)).await;
        if let Ok(outcome) = waited {
            return outcome;
        }
        if connection.say_goodbye().await.is_err() {
            return Ok(());
        }
        // Whoever doesn't answer a goodbye is left without one.
        timeout(GOODBYE, print_all(&mut connection)).await.unwrap_or(Ok(()))
    }

    fn ended(&self, session: &Session, closed: &Closed) -> Outcome {
        let (code, reason) = match closed {
            Closed::Said { code: 1000 | 1005, .. } => return Ok(()),
            Closed::Refused(refused) => return Err(Failure::failed(refused)),
            Closed::Said { code, reason } => (*code, output::printable(reason)),
            Closed::Dropped(what) => {
                return Err(Failure::failed(format!(
                    "the connection to {} was lost: {what}",
                    session.server()
                )));
            }
        };
        Err(Failure::failed(match code {
            4401 | 4403 => {
                self.saved.forget(session).map_err(Failure::failed)?;
                let what = if code == 4401 { "has expired" } else { "was revoked" };
                format!("the session {what}: pair again, with a link or code of `doorward pair`")
            }
            1001 => "the server is going away: connect again shortly".to_owned(),
            1009 => "the message was too long for the server".to_owned(),
            _ => format!("the server closed the connection: {code} {reason}").trim_end().to_owned(),
        }))
    }
}

async fn print_all(connection: &mut Connection) -> Outcome {
    while let Ok(received) = connection.next().await {
        print(&received)?;
    }
    Ok(())
}

fn print(received: &Received) -> Outcome {
    match received {
        Received::Text(text) if io::stdout().is_terminal() => {
            text.split('\n').try_for_each(|line| output::line(&output::printable(line)))
        }
        Received::Text(text) => output::line(text),
        Received::Binary(bytes) => {
            eprintln!("(a binary message of {} bytes)", bytes.len());
            Ok(())
        }
    }
}

/// A line of standard input.
enum Line {
    Message(String),
    /// Something to pair with: never sent as a message.
    Link(Zeroizing<String>),
}

/// Standard input, line by line.
struct Lines {
    read: mpsc::Receiver<io::Result<String>>,
    /// The next line may be a link. A script that always begins with one would otherwise send it
    /// to the guarded server once it has a saved session.
    first: bool,
}

impl Lines {
    /// Reads in a thread of its own: a read of a terminal can't be given up.
    fn start(first: bool) -> Self {
        let (sender, read) = mpsc::channel(16);
        std::thread::spawn(move || {
            for line in io::stdin().lock().lines() {
                if sender.blocking_send(line).is_err() {
                    return;
                }
            }
        });
        Self { read, first }
    }

    async fn next(&mut self) -> Outcome<Option<Line>> {
        let Some(line) = self.read.recv().await else { return Ok(None) };
        let line =
            line.map_err(|error| Failure::failed(format!("can't read standard input: {error}")))?;
        let first = std::mem::take(&mut self.first);
        Ok(Some(match first && Credential::is_link(&line) {
            true => Line::Link(Zeroizing::new(line)),
            false => Line::Message(line),
        }))
    }
}
