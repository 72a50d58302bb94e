//! `doorward sessions` and `doorward grants`.

use clap::{Args, Subcommand};

use super::StateArgs;

/// Show, limit or end sessions
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  doorward sessions list
  doorward sessions limit 0f8a5c… --can observe
  doorward sessions revoke 0f8a5c…            one session, by its id
  doorward sessions revoke --subject tablet   all of one subject
  doorward sessions revoke --all              everybody pairs again

Tokens of processes are none of these: `doorward local revoke --all` takes those back.")]
pub(crate) struct SessionsArgs {
    #[command(subcommand)]
    pub(crate) command: SessionsCommand,
}

/// What can be done with sessions.
#[derive(Debug, Subcommand)]
pub(crate) enum SessionsCommand {
    /// List the live sessions, newest first
    #[command(after_help = "Example:\n  doorward sessions list --json")]
    List(ListArgs),
    /// End sessions, and their connections with them
    #[command(after_help = "Example:\n  doorward sessions revoke --subject tablet")]
    Revoke(RevokeSessionsArgs),
    /// Leave a session fewer capabilities; connections that needed more end
    #[command(after_help = "Example:\n  doorward sessions limit 0f8a5c… --can observe")]
    Limit(LimitSessionArgs),
}

/// List what is live
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) state: StateArgs,
    /// Also what is over and not forgotten yet
    #[arg(long)]
    pub(crate) all: bool,
    /// Print one JSON array
    #[arg(long)]
    pub(crate) json: bool,
}

/// End sessions, and their connections with them
#[derive(Debug, Args)]
#[group(id = "which", required = true, multiple = false)]
pub(crate) struct RevokeSessionsWhich {
    /// One session, by its id
    #[arg(value_name = "ID", group = "which")]
    pub(crate) id: Option<String>,
    /// All sessions of one subject
    #[arg(long, value_name = "S", group = "which")]
    pub(crate) subject: Option<String>,
    /// All sessions
    #[arg(long, group = "which")]
    pub(crate) all: bool,
}

/// End sessions, and their connections with them
#[derive(Debug, Args)]
pub(crate) struct RevokeSessionsArgs {
    #[command(flatten)]
    pub(crate) which: RevokeSessionsWhich,
    /// Also the session that `doorward connect` has saved here
    #[arg(long = "self")]
    pub(crate) self_too: bool,
    #[command(flatten)]
    pub(crate) state: StateArgs,
    /// Print one JSON object: the sessions, and how many connections were closed
    #[arg(long)]
    pub(crate) json: bool,
}

/// Leave a session fewer capabilities
#[derive(Debug, Args)]
pub(crate) struct LimitSessionArgs {
    /// The session's id, as `doorward sessions list` shows it
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// What it may still do, of what it may now: observe, operate, spawn, administer
    #[arg(long, value_name = "CAPS")]
    pub(crate) can: String,
    #[command(flatten)]
    pub(crate) state: StateArgs,
    /// Print one JSON object: the session, and how many connections were closed
    #[arg(long)]
    pub(crate) json: bool,
}

/// Show or revoke pairing links and codes
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  doorward grants list
  doorward grants revoke 5b1c9e…    a link that went to the wrong place")]
pub(crate) struct GrantsArgs {
    #[command(subcommand)]
    pub(crate) command: GrantsCommand,
}

/// What can be done with grants.
#[derive(Debug, Subcommand)]
pub(crate) enum GrantsCommand {
    /// List the grants that can still be used, newest first
    #[command(after_help = "Example:\n  doorward grants list --json")]
    List(ListArgs),
    /// Revoke a grant; sessions that it bought stay (see `doorward sessions revoke`)
    #[command(after_help = "Example:\n  doorward grants revoke 5b1c9e0f8a5c4d3e2f1a0b9c8d7e6f5a")]
    Revoke(RevokeGrantArgs),
}

/// Revoke a grant
#[derive(Debug, Args)]
pub(crate) struct RevokeGrantArgs {
    /// The grant's id, as `doorward grants list` shows it
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) state: StateArgs,
}
