//! `doorward`: a listener that guards a server. Pair once, then only paired clients get through.

mod arguments;
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

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    if let Err(failure) = arguments::refuse_secrets(std::env::args_os().skip(1)) {
        return failure.report();
    }
    match commands::run(cli::Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
