//! `doorward catalog`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use doorward_catalog::export::Format;

/// Show the threat catalog, and the evidence for it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  doorward catalog list
  doorward catalog show DW-DNS-REBINDING
  doorward catalog search CVE-2025-52882
  doorward catalog matrix --check              what is missing between threats, code and tests
  doorward catalog export --format html --output catalog.html
  doorward catalog verify                      run the evidence, and write a report

In a checkout of Doorward's source (or with --source) what is shown is read from there, with the code
and the tests that are cited; elsewhere it is what this binary carries. docs/auditing.md says how to
read it.")]
pub(crate) struct CatalogArgs {
    #[command(subcommand)]
    pub(crate) command: CatalogCommand,
}

/// What is done with the catalog.
#[derive(Debug, Subcommand)]
pub(crate) enum CatalogCommand {
    /// List the threats
    #[command(after_help = "Example:\n  doorward catalog list --json")]
    List {
        /// Print one JSON array
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        source: SourceArgs,
    },
    /// Show everything about one threat
    #[command(after_help = "Example:\n  doorward catalog show DW-DNS-REBINDING")]
    Show {
        /// Its name, such as DW-DNS-REBINDING
        id: String,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        source: SourceArgs,
    },
    /// Find threats by words, or by the id of an incident, a weakness or a standard
    #[command(after_help = "\
Examples:
  doorward catalog search origin upgrade
  doorward catalog search CVE-2025-52882
  doorward catalog search CWE-294
  doorward catalog search RFC6455")]
    Search {
        /// Words that all have to be found, in any case
        #[arg(required = true, value_name = "WORD")]
        words: Vec<String>,
        #[command(flatten)]
        source: SourceArgs,
    },
    /// Count the code and the evidence for each threat and requirement
    Matrix(MatrixArgs),
    /// Print the whole catalog in a format for people or tools
    Export(ExportArgs),
    /// Run the evidence, and write a report that says what passed and what is not covered
    Verify(VerifyArgs),
}

/// Where the source is.
#[derive(Debug, Args)]
pub(crate) struct SourceArgs {
    /// A checkout of Doorward's source [default: the one around the current directory, if any]
    #[arg(long, value_name = "DIR")]
    pub(crate) source: Option<PathBuf>,
}

/// Count the code and the evidence for each threat and requirement
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  doorward catalog matrix
  doorward catalog matrix --check
  doorward catalog matrix --check --results target/test-logs     after tests/run

Exit status with --check: 0 if nothing is missing, 1 if something is.")]
pub(crate) struct MatrixArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// Print what is missing or wrong instead, a line each, and fail if there is anything
    #[arg(long)]
    pub(crate) check: bool,
    /// Also look at what became of the tests: the logs of `tests/run`, usually target/test-logs
    #[arg(long, value_name = "DIR")]
    pub(crate) results: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Print the whole catalog in a format for people or tools
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  doorward catalog export --format html --output catalog.html
  doorward catalog export --format markdown > docs/threats.md
  doorward catalog export --format cyclonedx")]
pub(crate) struct ExportArgs {
    /// One of json, markdown, html, otm, cyclonedx, sarif
    #[arg(long, value_name = "FORMAT", value_parser = format)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// Write it there instead of to standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// Run the evidence, and write a report that says what passed and what is not covered
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  doorward catalog verify                            cargo's tests: all attacks, most of the evidence
  doorward catalog verify --all --negative-controls  everything; an hour or more
  doorward catalog verify --results target/test-logs what tests/run came to, without running again

Writes verify.json and verify.md. Exit status: 0 if everything that was to run ran and passed and
nothing is missing in the matrix, 1 otherwise. What was left out stands under \"not covered\".")]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// Fuzz, run the scenarios with real clients, and check the formal evidence, as well
    #[arg(long)]
    pub(crate) all: bool,
    /// Take each guard out in a copy, and see its evidence fail, as well
    #[arg(long)]
    pub(crate) negative_controls: bool,
    /// Run nothing: take the logs that `tests/run` has left there, usually target/test-logs
    #[arg(long, value_name = "DIR", conflicts_with_all = ["all", "negative_controls"])]
    pub(crate) results: Option<PathBuf>,
    /// Where to write the report [default: target/catalog in the source]
    #[arg(long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// Who signs the report off [default: git's user]
    #[arg(long, value_name = "NAME")]
    pub(crate) signed_off_by: Option<String>,
}

fn format(name: &str) -> Result<Format, String> {
    Format::named(name).ok_or_else(|| {
        let names: Vec<&str> = Format::ALL.into_iter().map(Format::name).collect();
        format!("there are: {}", names.join(", "))
    })
}
