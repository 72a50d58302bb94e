//! `doorward catalog`: the threats, and the evidence that they are defeated.

mod verify;

use std::fs;
use std::path::{Path, PathBuf};

use doorward_catalog::export::export;
use doorward_catalog::{Catalog, Results};
use doorward_policy::threat::{Threat, ThreatId};
use serde_json::Value;

use crate::cli::{CatalogCommand, ExportArgs, MatrixArgs, SourceArgs};
use crate::failure::{Failure, Outcome};
use crate::output;
use crate::terminal;

/// How wide a page is where there is no terminal.
const PAGE: usize = 100;

pub(super) fn run(command: &CatalogCommand) -> Outcome {
    match command {
        CatalogCommand::List { json, source } => list(&catalog(source)?, *json),
        CatalogCommand::Show { id, json, source } => show(&catalog(source)?, id, *json),
        CatalogCommand::Search { words, source } => search(&catalog(source)?, words),
        CatalogCommand::Matrix(args) => matrix(args),
        CatalogCommand::Export(args) => write_export(args),
        CatalogCommand::Verify(args) => verify::run(args),
    }
}

/// What is in the source, or without one what this binary carries.
fn catalog(args: &SourceArgs) -> Outcome<Catalog> {
    match source(args)? {
        Some(root) => Catalog::read(&root).map_err(Failure::failed),
        None => Ok(Catalog::embedded()),
    }
}

/// The same, where what this binary carries is not enough.
fn checkout(args: &SourceArgs) -> Outcome<(PathBuf, Catalog)> {
    let root = source(args)?.ok_or_else(|| {
        Failure::usage(
            "this needs Doorward's source: run it in a checkout, or say where one is with --source",
        )
    })?;
    let catalog = Catalog::read(&root).map_err(Failure::failed)?;
    Ok((root, catalog))
}

/// The root of the source.
fn source(args: &SourceArgs) -> Outcome<Option<PathBuf>> {
    let is_root = |folder: &Path| {
        folder.join("docs/requirements").is_dir() && folder.join("policy/src/threat").is_dir()
    };
    if let Some(folder) = &args.source {
        return if is_root(folder) {
            Ok(Some(folder.clone()))
        } else {
            let folder = folder.display();
            Err(Failure::usage(format!(
                "--source: {folder} is no checkout of Doorward's source: it has no docs/requirements"
            )))
        };
    }
    let here = std::env::current_dir().map_err(Failure::failed)?;
    Ok(here.ancestors().find(|folder| is_root(folder)).map(Path::to_owned))
}

fn results(folder: Option<&Path>) -> Outcome<Option<Results>> {
    let read = |folder: &Path| {
        Results::read(folder).map_err(|error| {
            Failure::failed(format!("{error}; `tests/run` leaves its logs in target/test-logs"))
        })
    };
    folder.map(read).transpose()
}

fn list(catalog: &Catalog, as_json: bool) -> Outcome {
    if as_json {
        let all: Value = ThreatId::all().map(|id| catalog.threat_json(id, None)).collect();
        return output::json(&all);
    }
    let row = |threat: &Threat| {
        let invariants: Vec<&str> = threat.invariants.iter().map(|one| one.name()).collect();
        [
            threat.name.to_owned(),
            threat.severity.level.text().to_owned(),
            threat.title.to_owned(),
            invariants.join(" "),
        ]
    };
    output::table(
        ["THREAT", "SEVERITY", "WHAT AN ATTACKER WOULD GET", "INVARIANTS"],
        &ThreatId::all().map(|id| row(id.row())).collect::<Vec<_>>(),
    )
}

fn show(catalog: &Catalog, name: &str, as_json: bool) -> Outcome {
    let threat = Threat::find(name).ok_or_else(|| {
        Failure::failed(format!("no threat is called \"{name}\"; see `doorward catalog list`"))
    })?;
    if as_json {
        return output::json(&catalog.threat_json(threat.id, None));
    }
    let width = terminal::width().unwrap_or(PAGE);
    output::line(catalog.shown(threat.id, width).trim_end())
}

fn search(catalog: &Catalog, words: &[String]) -> Outcome {
    let found = catalog.search(words);
    if found.is_empty() {
        let words = words.join(" ");
        return Err(Failure::failed(format!(
            "no threat has \"{words}\" in what the catalog says of it; see `doorward catalog list`"
        )));
    }
    let rows = found
        .iter()
        .map(|one| [one.threat.name.to_owned(), one.threat.title.to_owned(), one.parts.join(", ")]);
    let headings = ["THREAT", "WHAT AN ATTACKER WOULD GET", "FOUND IN"];
    output::table(headings, &rows.collect::<Vec<_>>())
}

fn matrix(args: &MatrixArgs) -> Outcome {
    let (_, catalog) = checkout(&args.source)?;
    let results = results(args.results.as_deref())?;
    let faults = catalog.faults(results.as_ref());
    let count = super::counted(u64::try_from(faults.len()).unwrap_or(u64::MAX), "fault");
    if args.json {
        output::json(&catalog.matrix_json(results.as_ref()))?;
    } else if args.check {
        faults.iter().try_for_each(|fault| output::line(&output::printable(&fault.to_string())))?;
    } else {
        output::lines_of_cells(&catalog.matrix_table(results.as_ref()))?;
        if !faults.is_empty() {
            output::hint(&format!("{count} in the matrix; --check lists them"));
        }
    }
    if args.check && !faults.is_empty() {
        return Err(Failure::failed(format!("{count} in the matrix")));
    }
    if args.check && !args.json {
        output::line("nothing is missing in the matrix")?;
    }
    Ok(())
}

fn write_export(args: &ExportArgs) -> Outcome {
    let text = export(&catalog(&args.source)?, args.format);
    match &args.output {
        None => output::line(text.trim_end_matches('\n')),
        Some(file) => write(file, &text),
    }
}

/// Writes a file that somebody asked for.
fn write(file: &Path, text: &str) -> Outcome {
    fs::write(file, text)
        .map_err(|error| Failure::failed(format!("can't write {}: {error}", file.display())))
}
