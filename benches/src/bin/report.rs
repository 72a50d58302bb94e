//! Runs what measures, and writes what it found: `benches/report --help`.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::{env, fs};

use doorward_benches::report::page::{self, Plot};
use doorward_benches::report::reach::{PLOTS, PROGRAMS, Program};
use doorward_benches::report::results::Results;
use doorward_benches::report::{plot, shown};

type Outcome<T> = Result<T, Box<dyn Error>>;

const HELP: &str = "\
Usage: benches/report [--only PROGRAM]... [--write]

Builds for release, runs what measures, and writes docs/performance.md, the plots beside it, and the headline in
README.md, once every program has been run here. About a quarter of an hour, on a machine that does nothing else. Peers that
are servers of their own are installed by benches/peers/install; without them their rows are not measured.

  --only PROGRAM  runs only this one (can be given several times); of the others the earlier results stay
  --write         runs nothing: writes what is there again

Result lines are kept in target/bench-results/. Exit status 0 if everything ran and every row was measured, whatever the
figures are, 1 if something failed or is missing, 2 for a usage error. The programs: ";

/// The text around the figures.
const TEXT: &str = include_str!("../report/performance.md");
const PAGE: &str = "docs/performance.md";
const PLOTS_IN: &str = "docs/performance";
/// Seconds until a program that has got stuck is stopped.
const LONGEST: &str = "900";

fn main() -> Outcome<ExitCode> {
    let Some(wanted) = wanted(env::args().skip(1)) else { return Ok(ExitCode::from(2)) };
    if wanted.is_none() {
        return Ok(ExitCode::SUCCESS);
    }
    let wanted = wanted.unwrap_or_default();
    let kept = kept();
    fs::create_dir_all(&kept)?;
    if !wanted.is_empty() {
        build(&wanted)?;
    }
    let mut failed = false;
    for program in wanted {
        if let Err(error) = run(program, &kept) {
            eprintln!("FAILED  {}: {error}", program.name);
            failed = true;
        }
    }
    let complete = write(&kept)?;
    Ok(ExitCode::from(u8::from(failed || !complete)))
}

/// What is to be run; `Some(None)` where help was asked for, `None` for a usage error.
fn wanted(mut arguments: impl Iterator<Item = String>) -> Option<Option<Vec<&'static Program>>> {
    let names: Vec<&str> = PROGRAMS.iter().map(|program| program.name).collect();
    let help = format!("{HELP}{}.", names.join(", "));
    let (mut only, mut write) = (Vec::new(), false);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--help" | "-h" => {
                println!("{help}");
                return Some(None);
            }
            "--write" => write = true,
            "--only" => {
                let name = arguments.next().unwrap_or_default();
                let Some(program) = PROGRAMS.iter().find(|program| program.name == name) else {
                    eprintln!("benches/report: no program is called {name:?}\n{help}");
                    return None;
                };
                only.push(program);
            }
            _ => {
                eprintln!("benches/report: unknown argument {argument}\n{help}");
                return None;
            }
        }
    }
    let all = only.is_empty() && !write;
    Some(Some(if all { PROGRAMS.iter().collect() } else { only }))
}

fn kept() -> PathBuf {
    let target =
        env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    target.join("bench-results")
}

/// Before anything is run, so that nothing is measured beside a compiler.
fn build(wanted: &[&Program]) -> Outcome<()> {
    let mut builds = Vec::new();
    // Programs that are no benchmarks of cargo's measure the listener.
    if wanted.iter().any(|program| program.arguments.starts_with("run ")) {
        // Apart, as users build the one and `run` the others: together they would have more features of what they share.
        builds.push("build --release -p doorward".to_owned());
        builds.push("build --release -p doorward-benches --bins".to_owned());
    }
    let benches = wanted.iter().filter(|program| program.arguments.starts_with("bench "));
    builds.extend(benches.map(|program| {
        let built = program.arguments.split(" -- ").next().unwrap_or_default();
        format!("{built} --no-run")
    }));
    for arguments in builds {
        let status = Command::new("cargo").args(arguments.split(' ')).arg("--locked").status()?;
        if !status.success() {
            return Err(format!("cargo {arguments}: {status}").into());
        }
    }
    Ok(())
}

/// Runs a program and keeps its result lines. Of one that fails nothing is kept, nothing earlier either.
fn run(program: &Program, kept: &Path) -> Outcome<()> {
    let (lines, day) = (lines_of(kept, program), day_of(kept, program));
    _ = fs::remove_file(&lines);
    _ = fs::remove_file(&day);
    eprintln!("--- {}: cargo {}", program.name, program.arguments);
    let mut child = Command::new("timeout")
        // In the foreground: what interrupts this interrupts the program, and the servers that it has started.
        .args(["--foreground", LONGEST, "cargo"])
        .args(program.arguments.split(' '))
        .stdout(Stdio::piped())
        .spawn()?;
    let output = child.stdout.take().ok_or("no standard output")?;
    let mut results = String::new();
    for line in BufReader::new(output).lines() {
        let line = line?;
        if line.starts_with('{') {
            results.extend([&line, "\n"]);
        } else {
            eprintln!("{line}");
        }
    }
    let status = child.wait()?;
    if !status.success() {
        return Err(status.to_string().into());
    }
    Results::default().read(&results)?;
    if results.is_empty() {
        return Err("it printed no result".into());
    }
    fs::write(&day, format!("{}, {}", today()?, processor()))?;
    fs::write(&lines, results)?;
    Ok(())
}

fn lines_of(kept: &Path, program: &Program) -> PathBuf {
    kept.join(format!("{}.jsonl", program.name))
}

fn day_of(kept: &Path, program: &Program) -> PathBuf {
    kept.join(format!("{}.day", program.name))
}

fn today() -> Outcome<String> {
    let output = Command::new("date").arg("+%F").output()?.stdout;
    Ok(String::from_utf8(output)?.trim().to_owned())
}

/// What it is measured on, by its maker's name.
fn processor() -> String {
    let about = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = about.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or("a processor without a name", |(_, name)| name.trim()).to_owned()
}

/// Writes the page, its plots and the headline, of all that is kept; whether every row was measured. Nothing is
/// written where a program was never run: what others have measured would be gone.
fn write(kept: &Path) -> Outcome<bool> {
    let never = PROGRAMS.iter().filter(|program| !lines_of(kept, program).exists());
    let never: Vec<&str> = never.map(|program| program.name).collect();
    if !never.is_empty() {
        println!("{PAGE} stays as it is: never run here, or failed: {}", never.join(", "));
        return Ok(false);
    }
    let (mut results, mut days) = (Results::default(), BTreeMap::new());
    for program in PROGRAMS {
        let lines = fs::read_to_string(lines_of(kept, program))?;
        results.read(&lines).map_err(|error| format!("{}: {error}", program.name))?;
        days.insert(program.name.to_owned(), fs::read_to_string(day_of(kept, program))?);
    }
    let plots = draw(&results)?;
    fs::write(PAGE, page::fill(TEXT, &results, &plots, &days))?;
    let readme = page::headline(&fs::read_to_string("README.md")?, &results)?;
    fs::write("README.md", readme)?;
    let (met, measured, all) = page::score(&results);
    println!("{met} reached, {} missed, {} not measured: {PAGE}", measured - met, all - measured);
    Ok(measured == all)
}

/// Plots of earlier runs go: what they show may be measured no more.
fn draw(results: &Results) -> Outcome<Vec<Plot>> {
    _ = fs::remove_dir_all(PLOTS_IN);
    fs::create_dir_all(PLOTS_IN)?;
    let mut plots = Vec::new();
    for (name, series) in &results.series {
        let known = PLOTS.iter().find(|(one, _, _)| one == name);
        let (title, size) = known.map_or((name.as_str(), "size"), |(_, title, size)| (title, size));
        fs::write(format!("{PLOTS_IN}/{name}.svg"), plot::draw(title, size, series))?;
        let ends = series.lines.iter().filter_map(|(name, points)| {
            let last = points.last()?;
            Some(format!("{name} {} {}", shown(last.1), series.unit))
        });
        let ends = ends.collect::<Vec<_>>().join(", ");
        let title = format!("{title} by {size}; at the right end {ends}");
        plots.push(Plot { file: format!("performance/{name}.svg"), title });
    }
    Ok(plots)
}
