//! `doorward probe`: plays the attacks against a running server, and reports what it holds.

mod door;
mod owner;
mod settings;
mod watched;

use std::fs;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use doorward_gate::{Clock as _, SystemClock, rfc3339};
use doorward_policy::Timestamp;
use doorward_policy::encoding::decode_hex;
use doorward_probe::{
    Answer, Attack, Consent, Corpus, Door as Visited, Header, HttpAddress, Manner, Pace, Place,
    PlaceError, Product, Profile, QuicAddress, Report, Selection, Standing,
};
use serde_json::Value;
use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

use self::door::Door;
use self::owner::Owner;
use super::connect::told_to_stop;
use crate::cli::ProbeArgs;
use crate::failure::{Failure, Outcome};
use crate::output;
use crate::serve::read_private;
use crate::terminal::read_secret;

/// How long an answer is waited for: longer than a Doorward's own deadlines.
const PATIENCE: Duration = Duration::from_secs(12);
/// How many connections a second are opened where all of them come from one address.
const CROWDED: u32 = 1;
/// How many attacks are under way at once, where they come from addresses of their own.
const AT_ONCE: usize = 8;

pub(super) async fn run(args: &ProbeArgs) -> Outcome {
    check_outputs(args)?;
    let profile = profile(&args.profile)?;
    let corpus = match &args.attacks {
        Some(directory) => Corpus::at(directory),
        None => Corpus::embedded(),
    };
    let corpus = corpus.map_err(Failure::usage)?;
    let (count, sha256) = (corpus.attacks.len(), corpus.sha256);
    let selection = Selection { attacks: args.attack.clone(), threats: args.threat.clone() };
    let attacks = selection.of(corpus.attacks).map_err(Failure::usage)?;
    let wire = Wire::find(args).await?;
    // A Doorward counts guesses by the minute: those of all attacks together would shut out whoever
    // else comes from their address, and the attacks themselves.
    let crowded = profile.strict && door::own_address(&wire.http, 0).is_none();
    let rate = if crowded { args.rate.min(CROWDED) } else { args.rate };
    let pace = Arc::new(Pace::limited(PATIENCE, rate));
    let started_at = now()?;
    let (header, answers) = if profile.strict {
        let door = door(args, profile, &wire, Arc::clone(&pace)).await?;
        // A workspace that stayed would shut everybody out.
        let answers = unless_stopped(play(args, attacks, &door, &pace)).await;
        door.clear_away().await?;
        (header(args, &wire, &door), answers?)
    } else {
        let product = product(args, profile, &wire, Arc::clone(&pace)).await?;
        let answers = play(args, attacks, &product, &pace).await;
        (header(args, &wire, &product), answers)
    };
    let header = Header { corpus_attacks: count, corpus_sha256: sha256, started_at, ..header };
    let report = Report { header, answers };
    tell(args, &report)?;
    verdict(&report)
}

fn header(args: &ProbeArgs, wire: &Wire, door: &dyn Visited) -> Header {
    let target = door.visit();
    let profile = target.profile();
    Header {
        product: args.product.clone().unwrap_or_else(|| profile.name.clone()),
        url: wire.place.to_string(),
        address: wire.http.address.to_string(),
        quic: target.quic().map(|quic| quic.address.to_string()),
        profile: profile.name.clone(),
        strict: profile.strict,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        corpus_attacks: 0,
        corpus_sha256: String::new(),
        started_at: String::new(),
        notes: profile.notes.clone(),
    }
}

/// Where everything goes.
struct Wire {
    place: Place,
    http: HttpAddress,
    quic: Option<QuicAddress>,
}

impl Wire {
    async fn find(args: &ProbeArgs) -> Outcome<Self> {
        let place = Place::parse(&args.url).map_err(Failure::usage)?;
        let authorized = args.authorized.as_deref();
        let address = place.resolve(authorized).await.map_err(refused)?;
        let pin = args.certificate_sha256.as_deref().map(pin).transpose()?;
        let quic = args.quic.as_deref().map(Place::parse_quic).transpose();
        let quic = quic.map_err(Failure::usage)?;
        let encrypted = place.is_secure() || quic.is_some();
        if encrypted && pin.is_none() && !address.ip().to_canonical().is_loopback() {
            return Err(Failure::usage(
                "a server elsewhere is sent no credential before it has shown its certificate: say \
                 which one with --certificate-sha256",
            ));
        }
        let quic = match &quic {
            Some(place) => {
                let address = place.resolve(authorized).await.map_err(refused)?;
                let server_name = place.host();
                Some(QuicAddress { address, server_name, certificate_sha256: pin })
            }
            None => None,
        };
        let authority = place.authority().to_owned();
        let http =
            HttpAddress { address, tls: place.is_secure(), authority, certificate_sha256: pin };
        Ok(Self { place, http, quic })
    }
}

fn refused(error: PlaceError) -> Failure {
    match error {
        PlaceError::NotFound { .. } => Failure::failed(error),
        error => Failure::usage(error),
    }
}

fn pin(text: &str) -> Outcome<[u8; 32]> {
    let text = text.to_ascii_lowercase();
    decode_hex(&text)
        .ok_or_else(|| Failure::usage("--certificate-sha256 takes 64 hexadecimal digits"))
}

/// A built-in profile by its name, or one in a file.
fn profile(named: &str) -> Outcome<Profile> {
    if let Some(profile) = Profile::named(named) {
        return Ok(profile);
    }
    let text = fs::read_to_string(named).map_err(|error| {
        let known: Vec<_> = Profile::names().collect();
        Failure::usage(format!(
            "--profile takes a file or one of {}, not {named} ({error})",
            known.join(", ")
        ))
    })?;
    Profile::parse(&text).map_err(|wrong| Failure::usage(format!("{named}: {wrong}")))
}

async fn door(args: &ProbeArgs, profile: Profile, wire: &Wire, pace: Arc<Pace>) -> Outcome<Door> {
    let owner = match &args.state_dir {
        Some(dir) => Owner::of_state(dir, args.config.as_deref()).await?,
        None => Owner::of_grant(&secret(args, "Link or code: ").await?)?,
    };
    Door::meet(wire.http.clone(), wire.quic.clone(), profile, owner, pace).await
}

async fn product(
    args: &ProbeArgs,
    profile: Profile,
    wire: &Wire,
    pace: Arc<Pace>,
) -> Outcome<Product> {
    if args.state_dir.is_some() || args.quic.is_some() {
        return Err(Failure::usage(
            "--state-dir and --quic are for a Doorward; another product has neither",
        ));
    }
    let secret = match profile.takes_secret() {
        true => Some(secret(args, &format!("Token of {}: ", profile.name)).await?),
        false => None,
    };
    let product = Product::meet(wire.http.clone(), profile, secret, pace).await;
    product.map_err(Failure::failed)
}

/// The link, code or token: never an argument.
async fn secret(args: &ProbeArgs, prompt: &str) -> Outcome<Zeroizing<String>> {
    match &args.grant_file {
        Some(path) => read_private(path).map(|text| Zeroizing::new(text.trim().to_owned())),
        None => read_secret(prompt).await,
    }
}

fn now() -> Outcome<String> {
    let now = SystemClock::new(Timestamp::EPOCH).now().map_err(Failure::failed)?;
    Ok(rfc3339(now))
}

fn consent(args: &ProbeArgs) -> Consent {
    let person = io::stdin().is_terminal() && io::stderr().is_terminal();
    match (args.disturb, person) {
        (true, _) => Consent::Disturb,
        (false, true) => Consent::Ask,
        (false, false) => Consent::Harmless,
    }
}

async fn play(
    args: &ProbeArgs,
    attacks: Vec<Attack>,
    door: &dyn Visited,
    pace: &Pace,
) -> Vec<Answer> {
    let total = attacks.iter().map(|attack| attack.over.len()).sum();
    let mut progress = Progress { total, done: 0, shown: io::stderr().is_terminal() };
    // Attacks from addresses of their own don't get in each other's way.
    let at_once = if door.visit().from().is_some() { AT_ONCE } else { 1 };
    let manner = Manner { pace, consent: consent(args), at_once };
    let answers =
        doorward_probe::run(attacks, door, manner, ask, |answer| progress.step(answer)).await;
    progress.end();
    answers
}

/// What this comes to, unless somebody stops it.
async fn unless_stopped<T>(work: impl Future<Output = T>) -> Outcome<T> {
    tokio::select! {
        done = work => Ok(done),
        () = told_to_stop() => Err(Failure::failed("stopped: what was made for it is taken back")),
    }
}

/// Asks whoever sits at the terminal.
async fn ask(attack: &Attack, why: &str) -> bool {
    let question = output::printable(&format!(
        "{} [{}] could disturb others: {why} Play it? [y/N] ",
        attack.title, attack.id
    ));
    let answer = spawn_blocking(move || {
        let mut stderr = io::stderr();
        write!(stderr, "\r\x1b[K{question}").and_then(|()| stderr.flush()).ok()?;
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line).ok()?;
        Some(matches!(line.trim(), "y" | "Y" | "yes"))
    });
    answer.await.ok().flatten().unwrap_or(false)
}

/// A line that says how far it is, for a person who waits.
struct Progress {
    total: usize,
    done: usize,
    shown: bool,
}

impl Progress {
    fn step(&mut self, answer: &Answer) {
        self.done = self.done.saturating_add(1);
        if self.shown {
            let name = output::printable(&answer.attack.id);
            eprint!("\r\x1b[K{}/{} {name}", self.done, self.total);
        }
    }

    fn end(&self) {
        if self.shown {
            eprint!("\r\x1b[K");
        }
    }
}

/// Refuses two reports on standard output.
fn check_outputs(args: &ProbeArgs) -> Outcome {
    let printed = |file: &Option<PathBuf>| file.as_deref() == Some(Path::new("-"));
    if printed(&args.sarif) && printed(&args.markdown) {
        return Err(Failure::usage("standard output takes one report: give a file for the other"));
    }
    Ok(())
}

fn tell(args: &ProbeArgs, report: &Report) -> Outcome {
    let mut printed = false;
    if let Some(file) = &args.sarif {
        printed |= write(file, &pretty(&report.sarif())?)?;
    }
    if let Some(file) = &args.markdown {
        printed |= write(file, &report.markdown())?;
    }
    if args.json {
        return output::json(&report.json());
    }
    if printed {
        return Ok(());
    }
    report.table().trim_end().lines().try_for_each(|line| output::line(&output::printable(line)))
}

fn pretty(value: &Value) -> Outcome<String> {
    serde_json::to_string_pretty(value).map(|text| text + "\n").map_err(Failure::failed)
}

/// Writes a report; whether it went to standard output.
fn write(file: &Path, text: &str) -> Outcome<bool> {
    if file == Path::new("-") {
        output::line(text.trim_end())?;
        return Ok(true);
    }
    fs::write(file, text)
        .map_err(|error| Failure::failed(format!("can't write {}: {error}", file.display())))?;
    Ok(false)
}

fn verdict(report: &Report) -> Outcome {
    match report.standing() {
        Standing::Held => Ok(()),
        Standing::NotHeld => {
            let count = u64::try_from(report.count(Standing::NotHeld)).unwrap_or(u64::MAX);
            let threats = super::counted(count, "threat");
            Err(Failure::failed(format!("{threats} not held")))
        }
        Standing::NotApplicable => Err(Failure::failed("no attack applies: nothing was shown")),
    }
}
