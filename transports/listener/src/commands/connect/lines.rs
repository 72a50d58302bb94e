//! A WebSocket for standard input and output: lines out, messages in.

use std::io::{self, BufRead as _, IsTerminal as _};
use std::pin::Pin;
use std::time::Duration;

use doorward_client::{Connection, Credential, Received, Session};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use zeroize::Zeroizing;

use super::Visitor;
use crate::failure::{Failure, Outcome};
use crate::output;

/// How long the server's goodbye may take.
const GOODBYE: Duration = Duration::from_secs(5);

impl Visitor {
    /// Lines out, messages in, until either side has had enough, `stop` says so, or a link says to
    /// pair anew.
    pub(super) async fn converse(
        &self,
        mut connection: Connection,
        mut session: Session,
        lines: &mut Lines,
        linger: Duration,
        mut stop: Pin<&mut impl Future<Output = ()>>,
    ) -> Outcome<Option<Zeroizing<String>>> {
        loop {
            let renewal = session.renewal_in(self.now()?).max(Duration::from_secs(1));
            tokio::select! {
                received = connection.next() => match received {
                    Ok(received) => print(&received)?,
                    Err(closed) => return self.ended(&session, &closed).await.map(|()| None),
                },
                line = lines.next() => match line? {
                    Some(Line::Message(line)) => {
                        if let Err(closed) = connection.send(line).await {
                            return self.ended(&session, &closed).await.map(|()| None);
                        }
                    }
                    Some(Line::Link(link)) => return Ok(Some(link)),
                    None => break,
                },
                () = &mut stop => {
                    // Whoever stops waits for nobody.
                    let _result = timeout(GOODBYE, connection.say_goodbye()).await;
                    return Ok(None);
                }
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
pub(super) struct Lines {
    read: mpsc::Receiver<io::Result<String>>,
    /// The next line may be a link: none before it had anything in it. A script that always begins
    /// with one would otherwise send it to the guarded server once it has a saved session.
    first: bool,
}

impl Lines {
    /// Reads in a thread of its own: a read of a terminal can't be given up.
    pub(super) fn start(first: bool) -> Self {
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
        let first = self.first;
        self.first = first && line.trim().is_empty();
        Ok(Some(match first && Credential::is_link(&line) {
            true => Line::Link(Zeroizing::new(line)),
            false => Line::Message(line),
        }))
    }
}
