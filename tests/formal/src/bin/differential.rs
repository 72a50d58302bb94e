//! The oracle and the policy carry out the same traces: `tests/formal/differential/README.md`.

use std::hash::{BuildHasher as _, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use doorward_formal::trace::Trace;
use doorward_formal::trace::compare::{self, Report};
use doorward_formal::trace::oracle::Oracle;
use doorward_formal::trace::saved::{self, Saved};
use doorward_formal::trace::source::{self, Random, Source};
use doorward_formal::trace::{paths, small};

/// Has the oracle and the policy carry out the same operations, and compares every outcome.
///
/// What is carried out, in this order: the kept traces, every file of the fuzz corpora, every path of the explorer's
/// worlds up to a depth, every trace over some small alphabets, with random ones before and after. Exit status 1 at the first difference, which is
/// made small and kept, and if there is an outcome that never came.
#[derive(Parser, Debug)]
#[command(version)]
struct Arguments {
    /// How many operations, in all
    #[arg(long, default_value_t = 20_000_000)]
    operations: u64,
    /// What the random traces follow from; random itself unless given, and printed
    #[arg(long)]
    seed: Option<u64>,
    /// Goes on until there is a difference
    #[arg(long)]
    forever: bool,
    /// The oracle, which tests/formal/model/run makes
    #[arg(long, default_value = "target/formal/oracle")]
    oracle: PathBuf,
    /// Where traces are kept, and where one that shows a difference is put
    #[arg(long, default_value = "tests/formal/traces")]
    traces: PathBuf,
    /// The fuzz corpora
    #[arg(long, default_value = "fuzz/corpus")]
    corpus: PathBuf,
    /// Writes what the oracle says into this trace, and does nothing else
    #[arg(long, value_name = "FILE")]
    record: Vec<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let run =
        Run { oracle: Oracle::at(arguments.oracle.clone()), arguments, whole: Report::default() };
    match run.carry_out() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("differential: {error}");
            ExitCode::FAILURE
        }
    }
}

/// How many operations of random traces come first.
const FIRST: u64 = 3_000_000;
/// How many follow each seed of a run without an end.
const ROUND: u64 = 100_000_000;

struct Run {
    arguments: Arguments,
    oracle: Oracle,
    whole: Report,
}

impl Run {
    /// Whether there was nothing to complain of.
    fn carry_out(mut self) -> io::Result<bool> {
        if !self.arguments.record.is_empty() {
            return self
                .arguments
                .record
                .iter()
                .try_for_each(|file| self.record(file))
                .map(|()| true);
        }
        let seed = self
            .arguments
            .seed
            .unwrap_or_else(|| std::hash::RandomState::new().build_hasher().finish());
        println!("seed {seed}");
        if !self.kept_traces_stand()? {
            return Ok(false);
        }
        let corpus = source::corpus(&self.arguments.corpus)?;
        if !self.compare("fuzz corpora", &corpus, u64::MAX)?
            || !self.compare("long", &small::long(), u64::MAX)?
        {
            return Ok(false);
        }
        // Some random ones first: most differences show soon.
        if !self.random(seed, FIRST)? {
            return Ok(false);
        }
        for (name, paths) in paths::all() {
            if !self.compare(&name, &paths, u64::MAX)? {
                return Ok(false);
            }
        }
        for every in small::all() {
            let name = format!("every trace of {} operations: {}", every.depth, every.name);
            if !self.compare(&name, &every, u64::MAX)? {
                return Ok(false);
            }
        }
        let left = self.arguments.operations.saturating_sub(self.whole.operations);
        if !self.random(seed.wrapping_add(1), left)? {
            return Ok(false);
        }
        let complete = self.is_complete();
        let mut seed = seed.wrapping_add(1);
        while self.arguments.forever {
            seed = seed.wrapping_add(1);
            if !self.random(seed, ROUND)? {
                return Ok(false);
            }
        }
        Ok(complete)
    }

    fn random(&mut self, seed: u64, most: u64) -> io::Result<bool> {
        self.compare(&format!("random, seed {seed}"), &Random { seed }, most)
    }

    /// Compares what a source has. `false` after a difference.
    fn compare(&mut self, name: &str, source: &dyn Source, most: u64) -> io::Result<bool> {
        let report = compare::compare(&self.oracle, source, most)?;
        println!("{name}: {} traces, {} operations", report.traces, report.operations);
        let difference = report.difference.clone();
        self.whole.add(report);
        difference.map_or(Ok(true), |trace| self.show(name, &trace).map(|()| false))
    }

    fn show(&self, name: &str, trace: &Trace) -> io::Result<()> {
        println!("DIFFERENCE, found in: {name}. Making it small.");
        let (saved, policy) = compare::smallest(&self.oracle, trace, &format!("Found in: {name}"))?;
        let path = saved.write(&policy, &self.arguments.traces)?;
        println!("Kept as {} (`=` is the model, `!` the policy):\n", path.display());
        println!("{}", saved.text(&policy));
        Ok(())
    }

    /// The oracle still says what the kept traces say that it says, and so does the policy.
    fn kept_traces_stand(&mut self) -> io::Result<bool> {
        let mut kept = source::Kept::default();
        for (path, saved) in saved::kept(&self.arguments.traces)? {
            let trace = Trace::parse(&saved.lines).map_err(io::Error::other)?;
            let (theirs, _) = compare::both(&self.oracle, &trace)?;
            if theirs != saved.outcomes {
                println!("{}: the oracle says something else now", path.display());
                println!("{}", Saved { outcomes: theirs, ..saved }.text(&[]));
                return Ok(false);
            }
            kept.0.push(trace);
        }
        self.compare("kept traces", &kept, u64::MAX)
    }

    fn record(&self, path: &Path) -> io::Result<()> {
        let text = std::fs::read_to_string(path)?;
        let mut saved = Saved::default();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with("    ")) {
            match line.strip_prefix('#') {
                Some(why) => saved.why.push(why.trim().to_owned()),
                None => saved.lines.push(line.to_owned()),
            }
        }
        let trace = Trace::parse(&saved.lines).map_err(io::Error::other)?;
        let (theirs, ours) = compare::both(&self.oracle, &trace)?;
        saved.outcomes = theirs;
        std::fs::write(path, saved.text(&ours))
    }

    /// Prints what came how often. `false` if something never did.
    fn is_complete(&self) -> bool {
        for (words, count) in &self.whole.outcomes {
            println!("{count:>12}  {words}");
        }
        let missing: Vec<_> = self.whole.missing().collect();
        if !missing.is_empty() {
            println!("NEVER CAME: {}", missing.join(", "));
        }
        println!("FIGURE\tdifferential operations\t{}", self.whole.operations);
        println!("FIGURE\tdifferential traces\t{}", self.whole.traces);
        println!("FIGURE\tdistinct outcomes\t{}", self.whole.outcomes.len());
        missing.is_empty()
    }
}
