//! The program `doorward`, and what of it can be asked without a process: whether settings are
//! sound.

mod arguments;
mod blocking;
mod cli;
mod commands;
mod config;
mod failure;
mod locals;
mod logging;
mod output;
mod presence;
mod qr;
mod serve;
mod state;
mod terminal;
mod tls;
mod watch;

use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;

use crate::config::Config;
use crate::failure::{Failure, Outcome};

/// Runs the program, with the arguments of this process.
#[must_use]
pub fn run() -> ExitCode {
    if let Err(failure) = arguments::refuse_secrets(std::env::args_os().skip(1)) {
        return failure.report();
    }
    match commands::run(cli::Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// What `doorward check-config` prints: the settings of a file with this content, under these
/// variables, under these flags. Where the state is, if nothing says so, is left out.
///
/// # Errors
/// What is wrong with them, in the words of the program.
pub fn check_config(
    file: Option<&str>,
    variables: &[(String, String)],
    flags: &[String],
) -> Result<String, String> {
    let checked = || -> Outcome<String> {
        let flags = cli::SettingsArgs::parse_alone(flags)?.overrides();
        let file = file.map(|text| (Path::new("doorward.toml"), text));
        let config = Config::layered(file, variables, flags)?;
        config.settings()?;
        config.in_effect()
    };
    checked().map_err(|failure| match failure {
        Failure::Usage(what) | Failure::Failed(what) => what,
        Failure::OutputClosed => String::new(),
    })
}
