//! Runs every mutant of a crate out of one build, and keeps a record of what became of them: README.md.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use doorward_mutants::record::{self, Record};
use doorward_mutants::run::{self, Asked};
use doorward_mutants::{Problem, cargo};

#[derive(Parser)]
#[command(about)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Runs mutants; exit status 1 if one survives that is not accepted.
    Run(Run),
    /// Says whether a source differs from what the record is of; exit status 1 if one does.
    Fresh,
    /// Prints how many mutants of the record are caught, survive or do not compile, and the score.
    Score,
}

/// What to run.
#[derive(Args, Debug)]
struct Run {
    /// Only the mutants of this package; several times.
    #[arg(long)]
    package: Vec<String>,
    /// Only the mutants of functions that are not in the record as they are.
    #[arg(long)]
    changed: bool,
    /// Only the mutants whose name holds this; several times.
    #[arg(long)]
    mutant: Vec<String>,
    /// Only one in so many of them.
    #[arg(long, value_name = "N")]
    sample: Option<usize>,
    /// Each in a build of its own, without a switch.
    #[arg(long)]
    plain: bool,
    /// Writes what became of them into the record.
    #[arg(long)]
    record: bool,
}

impl From<Run> for Asked {
    fn from(asked: Run) -> Self {
        let Run { package, changed, mutant, sample, plain, record } = asked;
        Self {
            packages: package,
            changed,
            names: mutant,
            one_in: sample.unwrap_or(1),
            plain,
            record,
        }
    }
}

fn main() -> ExitCode {
    if std::env::var_os(cargo::AS_COMPILER).is_some() {
        let code = cargo::compile().ok().and_then(|code| u8::try_from(code).ok());
        return ExitCode::from(code.unwrap_or(1));
    }
    let done = match Arguments::parse().what {
        What::Run(asked) => run::run(&root(), &asked.into()),
        What::Fresh => record::fresh(&root()),
        What::Score => score(),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("mutants: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn score() -> Result<bool, Problem> {
    println!("{}", Record::read(&root())?.score());
    Ok(true)
}

/// The top folder of the project.
fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .canonicalize()
        .unwrap_or_else(|_| PathBuf::from("."))
}
