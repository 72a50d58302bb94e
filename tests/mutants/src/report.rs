//! What became of the mutants, for a reader and for a program: target/mutants/report.md and report.json.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::Problem;
use crate::record::Score;
use crate::run::{Outcome, Ran};

/// Writes both reports.
///
/// # Errors
///
/// When they can't be written.
pub fn write(root: &Path, ran: &[Ran]) -> Result<(), Problem> {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let place = target.join("mutants");
    fs::create_dir_all(&place)?;
    let rows: Vec<_> = ran
        .iter()
        .map(|one| {
            let (what, how) = words(&one.outcome);
            json!({
                "id": one.mutant.id, "file": one.mutant.file, "line": one.mutant.span.start.line,
                "function": one.mutant.function, "mutation": one.mutant.mutation,
                "outcome": what, "how": how, "own_build": one.plain,
            })
        })
        .collect();
    fs::write(place.join("report.json"), serde_json::to_string_pretty(&rows)?)?;
    Ok(fs::write(place.join("report.md"), page(ran)?)?)
}

/// Prints what survives and how many there are of each kind. `false` says that one survives that may not.
pub fn tell(ran: &[Ran]) -> bool {
    let mut good = true;
    for one in ran {
        if let Outcome::Survived { tests, accepted: false } = one.outcome {
            println!("survives ({tests} tests reach it): {}", one.mutant.name());
            good = false;
        }
    }
    let count = Counts::of(ran);
    println!(
        "{} mutants: {} caught ({} of them because tests did not end), {} survive, {} of them as is known; {} do not \
         compile; {} had a build of their own",
        ran.len(),
        count.caught,
        count.timed_out,
        count.survived,
        count.accepted,
        count.unviable,
        count.plain
    );
    let Counts { caught, survived, unviable, .. } = count;
    println!("{}", Score { caught, survived, unviable });
    good
}

#[derive(Default)]
struct Counts {
    caught: usize,
    timed_out: usize,
    survived: usize,
    accepted: usize,
    unviable: usize,
    plain: usize,
}

impl Counts {
    fn of(ran: &[Ran]) -> Self {
        let mut counts = Self::default();
        for one in ran {
            counts.plain += usize::from(one.plain);
            match &one.outcome {
                Outcome::Caught(_) => counts.caught += 1,
                Outcome::TimedOut(_) => {
                    counts.caught += 1;
                    counts.timed_out += 1;
                }
                Outcome::Survived { accepted, .. } => {
                    counts.survived += 1;
                    counts.accepted += usize::from(*accepted);
                }
                Outcome::Unviable(_) => counts.unviable += 1,
            }
        }
        counts
    }
}

fn words(outcome: &Outcome) -> (&'static str, String) {
    match outcome {
        Outcome::Caught(test) => ("caught", test.clone()),
        Outcome::TimedOut(test) => ("timed out", test.clone()),
        Outcome::Survived { tests, accepted: true } => {
            ("survives, as is known", format!("{tests} tests reach it"))
        }
        Outcome::Survived { tests, .. } => ("survives", format!("{tests} tests reach it")),
        Outcome::Unviable(code) => ("does not compile", code.clone()),
    }
}

fn page(ran: &[Ran]) -> Result<String, Problem> {
    let mut page =
        "# Mutants\n\n| where | function | mutation | outcome |\n|---|---|---|---|\n".to_owned();
    for one in ran {
        let (what, how) = words(&one.outcome);
        let (mutant, line) = (&one.mutant, one.mutant.span.start.line);
        let text = format!(
            "{}:{line} | {} | {} | {what}: {how}",
            mutant.file, mutant.function, mutant.mutation
        );
        writeln!(page, "| {} |", text.replace("||", "\\|\\|"))?;
    }
    Ok(page)
}
