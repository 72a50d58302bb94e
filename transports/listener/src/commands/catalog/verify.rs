//! `doorward catalog verify`: runs the evidence, and writes the report.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use doorward_catalog::{Facts, Part, Results};
use doorward_gate::{Clock as _, SystemClock, rfc3339};
use doorward_policy::Timestamp;

use super::{checkout, results, write};
use crate::cli::VerifyArgs;
use crate::failure::{Failure, Outcome};
use crate::output;

pub(super) fn run(args: &VerifyArgs) -> Outcome {
    let (root, catalog) = checkout(&args.source)?;
    let results = match results(args.results.as_deref())? {
        Some(results) => results,
        None => run_evidence(&root, args)?,
    };
    let now = SystemClock::new(Timestamp::EPOCH).now().map_err(Failure::failed)?;
    let facts = facts(&root, args, rfc3339(now));
    let report = catalog.report(&results, &facts);
    let folder = args.output.clone().unwrap_or_else(|| target(&root).join("catalog"));
    fs::create_dir_all(&folder)
        .map_err(|error| Failure::failed(format!("can't make {}: {error}", folder.display())))?;
    write(&folder.join("verify.json"), &report.json)?;
    write(&folder.join("verify.md"), &report.markdown)?;
    output::line(&report.verdict)?;
    output::line(&format!("{}  {}", report.sha256, folder.join("verify.json").display()))?;
    output::line(&format!("the report: {}", folder.join("verify.md").display()))?;
    output::hint(
        "the digest is no signature; to sign: ssh-keygen -Y sign -f KEY -n doorward-verify verify.json",
    );
    if report.holds {
        return Ok(());
    }
    Err(Failure::failed("the evidence does not hold; verify.md says what failed or is missing"))
}

/// Runs it as everybody else does, through `tests/run`, and reads what that leaves behind. That
/// something failed is read there, too.
fn run_evidence(root: &Path, args: &VerifyArgs) -> Outcome<Results> {
    let mut parts = vec![Part::Cargo];
    if args.all {
        parts = Part::ALL.to_vec();
    }
    let mut arguments: Vec<&str> = parts.iter().flat_map(|part| ["--only", part.name()]).collect();
    if args.negative_controls {
        arguments.push("--negative-controls");
    }
    tests_run(root, &arguments)?;
    let logs = target(root).join("test-logs");
    Results::read(&logs)
        .map_err(|error| Failure::failed(format!("tests/run has left no results: {error}")))
}

fn tests_run(root: &Path, arguments: &[&str]) -> Outcome {
    let run =
        Command::new("tests/run").args(arguments).current_dir(root).stdin(Stdio::null()).status();
    let status = run.map_err(|error| Failure::failed(format!("can't run tests/run: {error}")))?;
    // 0 and 1 are results; anything else means that there are none.
    match status.code() {
        Some(0 | 1) => Ok(()),
        _ => Err(Failure::failed(format!("tests/run could not be run: {status}"))),
    }
}

/// Where cargo builds.
fn target(root: &Path) -> PathBuf {
    let elsewhere = std::env::var_os("CARGO_TARGET_DIR").filter(|folder| !folder.is_empty());
    elsewhere.map_or_else(|| root.join("target"), |folder| root.join(folder))
}

fn facts(root: &Path, args: &VerifyArgs, date: String) -> Facts {
    let git = |arguments: &[&str]| {
        let ran = Command::new("git").args(arguments).current_dir(root).output().ok()?;
        let text = String::from_utf8(ran.stdout).ok()?;
        ran.status.success().then(|| text.trim().to_owned())
    };
    let user = || {
        let name = git(&["config", "user.name"]).filter(|name| !name.is_empty())?;
        let email = git(&["config", "user.email"]).filter(|email| !email.is_empty());
        Some(email.map_or(name.clone(), |email| format!("{name} <{email}>")))
    };
    let signed_off_by = args.signed_off_by.clone().or_else(user);
    Facts {
        doorward: env!("CARGO_PKG_VERSION").to_owned(),
        commit: git(&["rev-parse", "HEAD"]),
        clean: git(&["status", "--porcelain"]).is_some_and(|changes| changes.is_empty()),
        date,
        signed_off_by: signed_off_by.unwrap_or_else(|| "nobody".to_owned()),
    }
}
