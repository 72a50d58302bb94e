//! Plays the corpus of attacks: one test for each attack and transport, each against a server of
//! its own in this process.

#[allow(dead_code, reason = "it is shared with the tests of the wire")]
#[path = "../wire/door.rs"]
mod door;
#[allow(dead_code, reason = "it is shared with the tests of the wire")]
#[path = "../wire/quic/mod.rs"]
mod quic;

mod failing;
mod guarded;
mod server;
mod settings;
mod steps;
mod wrong;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use doorward_probe::{Attack, Pace, Played, Transport, Verdict, play};
use libtest_mimic::{Arguments, Failed, Trial};

use crate::server::Server;

/// Long enough for the slowest machine: nothing here waits for as long unless something is wrong.
const PATIENCE: Duration = Duration::from_secs(20);

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("attacks");
    let mut files: Vec<_> = fs::read_dir(directory)
        .expect("the corpus is there")
        .map(|entry| entry.expect("it can be listed").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        // It says which incidents have no attack.
        .filter(|path| !path.ends_with("exempt.toml"))
        .collect();
    files.sort();
    let corpus = files.iter().flat_map(|path| trials(path));
    let trials = corpus.chain(wrong::trials()).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// The tests of one file.
fn trials(path: &Path) -> Vec<Trial> {
    let id = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
    let text = fs::read_to_string(path).expect("it can be read");
    match Attack::parse(&id, &text) {
        Err(error) => {
            let failed = move || Err(Failed::from(error.to_string()));
            vec![Trial::test(format!("{id}::unreadable"), failed)]
        }
        Ok(attack) => attack.over.iter().map(|&over| trial(attack.clone(), over)).collect(),
    }
}

fn trial(attack: Attack, over: Transport) -> Trial {
    let name = match over {
        Transport::Http => "http",
        Transport::Websocket => "websocket",
        Transport::Quic => "quic",
    };
    Trial::test(format!("{}::{name}", attack.id), move || run(&attack, over))
}

fn run(attack: &Attack, over: Transport) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let played = runtime.block_on(async {
        let server = Server::open(attack).await?;
        Ok::<_, String>(play(attack, over, &server, &Pace::unlimited(PATIENCE)).await)
    });
    // What still runs on the server is of no interest.
    runtime.shutdown_background();
    let played = played?;
    match &played.verdict {
        Verdict::Held => Ok(()),
        Verdict::NotHeld(why) => Err(told("not held", why, &played)),
        Verdict::NotApplicable(why) => Err(told("not played", why, &played)),
    }
}

/// What failed, and what went over the wire until then.
fn told(how: &str, why: &str, played: &Played) -> Failed {
    let mut text = format!("{how}: {why}\n");
    for exchange in &played.exchanges {
        let each = exchange.each.as_ref().map(|each| format!(" each={each}")).unwrap_or_default();
        let (step, came_to) = (exchange.step, &exchange.came_to);
        let (sent, received) = (&exchange.sent.text, &exchange.received.text);
        let _written = write!(
            text,
            "step {step}{each}: {came_to}\n  sent     {sent}\n  received {received}\n"
        );
    }
    text.into()
}
