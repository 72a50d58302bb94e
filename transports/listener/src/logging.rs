//! The log, on standard error.

use std::io::{self, IsTerminal as _};
use std::str::FromStr as _;

use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::failure::{Failure, Outcome};

/// Sets how much is logged: a level, or directives of `tracing_subscriber::filter::Targets`.
const VARIABLE: &str = "DOORWARD_LOG";

/// Starts logging, at `info` unless `DOORWARD_LOG` says otherwise.
///
/// Only Doorward's own events pass, at any level: what other crates have to tell about a
/// connection may contain a request's head, and with it a credential.
pub(crate) fn start() -> Outcome {
    let text = std::env::var(VARIABLE).ok().filter(|text| !text.is_empty());
    let text = text.unwrap_or_else(|| "info".to_owned());
    let filter = Targets::from_str(&text)
        .map_err(|error| Failure::failed(format!("{VARIABLE} doesn't take \"{text}\": {error}")))?;
    //= req: SECRET-4
    let own = filter_fn(|event| event.target().starts_with("doorward"));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .with_filter(own);
    tracing_subscriber::registry().with(filter).with(lines).init();
    Ok(())
}
