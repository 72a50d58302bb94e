//! What the command line does.

mod asking;
mod audit;
mod catalog;
mod check_config;
mod connect;
mod grants;
mod key;
mod local;
mod pair;
mod probe;
mod sessions;
mod token;
mod workspaces;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use doorward_policy::capability::Capabilities;
use doorward_policy::workspace::WorkspaceName;
use serde_json::Value;
use tokio::runtime::Builder;

use crate::cli::{Cli, Command, KeyCommand, ServeArgs, TokenCommand};
use crate::config::Config;
use crate::failure::{Failure, Outcome};
use crate::serve;

/// Does what was asked for.
pub(crate) fn run(cli: Cli) -> Outcome {
    match cli.command {
        Command::Serve(args) => serve(&args),
        Command::Pair(args) => block_on(pair::run(&args)),
        Command::Connect(args) => block_on(connect::run(&args)),
        Command::Sessions(args) => block_on(sessions::run(&args.command)),
        Command::Grants(args) => block_on(grants::run(&args.command)),
        Command::Local(args) => local::run(&args.command),
        Command::Workspaces(args) => block_on(workspaces::run(&args.command)),
        Command::Token(args) => match args.command {
            TokenCommand::Inspect(args) => block_on(token::inspect(&args)),
        },
        Command::Catalog(args) => catalog::run(&args.command),
        Command::Probe(args) => block_on(probe::run(&args)),
        Command::Audit(args) => block_on(audit::run(&args)),
        Command::Key(args) => match args.command {
            KeyCommand::Rotate { drop_older: false, state } => block_on(key::rotate(&state)),
            KeyCommand::Rotate { drop_older: true, state } => block_on(key::start_over(&state)),
        },
        Command::CheckConfig(args) => check_config::run(&args),
    }
}

/// Runs the listener, with connections on as many threads as the settings say.
fn serve(args: &ServeArgs) -> Outcome {
    let config = Config::load(args.settings.config.as_deref(), args.settings.overrides())?;
    let mut runtime = Builder::new_multi_thread();
    runtime.worker_threads(config.workers());
    run_on(&mut runtime, serve::run(args, &config))
}

fn block_on<T>(command: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    run_on(&mut Builder::new_multi_thread(), command)
}

fn run_on<T>(runtime: &mut Builder, command: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    let runtime = runtime.enable_all().build();
    let runtime = runtime.map_err(|error| Failure::failed(format!("can't start: {error}")))?;
    let outcome = catch_unwind(AssertUnwindSafe(|| runtime.block_on(command)));
    // Whatever still runs, such as a read of standard input, is not waited for, not even under a panic.
    runtime.shutdown_background();
    outcome.unwrap_or_else(|panic| resume_unwind(panic))
}

fn names(capabilities: Capabilities) -> Value {
    capabilities.names().collect()
}

/// `1 session`, `2 sessions`.
fn counted(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// What is to be said of listeners that have not said that they have closed what they had to.
fn unheard(done: &str, listeners: usize) -> Failure {
    let listeners = counted(u64::try_from(listeners).unwrap_or(u64::MAX), "listener");
    Failure::failed(format!(
        "{done}; {listeners} did not say in time that this is in force: look at the log of whatever runs"
    ))
}

/// The capabilities that a flag lists.
fn capabilities(flag: &str, list: &str) -> Outcome<Capabilities> {
    Capabilities::parse(list).map_err(|word| {
        let known = Capabilities::ALL;
        Failure::usage(format!("{flag}: no capability is called \"{word}\"; there are: {known}"))
    })
}

/// The workspace that an argument or flag names.
fn workspace_name(argument: &str, text: &str) -> Outcome<WorkspaceName> {
    WorkspaceName::new(text).ok_or_else(|| {
        Failure::usage(format!("{argument} takes 1 to 64 bytes of text without control characters"))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::sync::oneshot;
    use tokio::task::spawn_blocking;

    use super::*;

    /// Otherwise this one would wait for ever.
    #[test]
    fn who_panics_waits_for_nothing_that_still_runs() {
        let (_nothing, read) = mpsc::channel::<()>();
        let command = async {
            let (reads, reading) = oneshot::channel();
            spawn_blocking(move || (reads.send(()), read.recv()));
            reading.await.expect("it reads");
            panic!("broken")
        };
        let ran = || run_on::<()>(&mut Builder::new_current_thread(), command);
        let panic = catch_unwind(AssertUnwindSafe(ran)).expect_err("it panics");
        assert_eq!(panic.downcast_ref(), Some(&"broken"));
    }
}
