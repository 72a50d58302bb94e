//! What the command line does.

mod audit;
mod catalog;
mod check_config;
mod connect;
mod grants;
mod key;
mod pair;
mod sessions;
mod token;

use std::future::Future;

use doorward_policy::capability::Capabilities;
use serde_json::Value;

use crate::cli::{CatalogCommand, Cli, Command, KeyCommand, TokenCommand};
use crate::failure::{Failure, Outcome};
use crate::serve;

/// Does what was asked for.
pub(crate) fn run(cli: Cli) -> Outcome {
    match cli.command {
        Command::Serve(args) => block_on(serve::run(&args)),
        Command::Pair(args) => block_on(pair::run(&args)),
        Command::Connect(args) => block_on(connect::run(&args)),
        Command::Sessions(args) => block_on(sessions::run(&args.command)),
        Command::Grants(args) => block_on(grants::run(&args.command)),
        Command::Token(args) => match args.command {
            TokenCommand::Inspect(args) => block_on(token::inspect(&args)),
        },
        Command::Catalog(args) => match args.command {
            CatalogCommand::List { json } => catalog::list(json),
            CatalogCommand::Show { id } => catalog::show(&id),
            CatalogCommand::Markdown => catalog::markdown(),
        },
        Command::Audit(args) => block_on(audit::run(&args)),
        Command::Key(args) => match args.command {
            KeyCommand::Rotate { state } => block_on(key::rotate(&state)),
        },
        Command::CheckConfig(args) => check_config::run(&args),
    }
}

fn block_on(command: impl Future<Output = Outcome>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::failed(format!("can't start: {error}")))?;
    let outcome = runtime.block_on(command);
    // Whatever still runs, such as a read of standard input, is not waited for.
    runtime.shutdown_background();
    outcome
}

fn names(capabilities: Capabilities) -> Value {
    capabilities.names().collect()
}
