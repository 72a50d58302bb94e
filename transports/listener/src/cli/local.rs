//! `doorward local`.

use std::ffi::OsString;

use clap::{Args, Subcommand};

use super::StateArgs;

/// Give processes of this machine tokens of their own, which die with them
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  doorward local exec --workspace notebook -- ./agent
  eval \"export $(doorward local mint --workspace notebook)\"
  curl -H \"Authorization: Doorward-Session $(cat \"$DOORWARD_TOKEN_FILE\")\" http://127.0.0.1:8765/
  doorward local list

A token is for one process and those that it hands the variable to, and for one workspace. It ends
with its process, or after 30 days. It is in a file that only you can read; the variable says
where.")]
pub(crate) struct LocalArgs {
    #[command(subcommand)]
    pub(crate) command: LocalCommand,
}

/// What can be done with local tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum LocalCommand {
    /// Make a token for a running process, and print the variable that says where it is
    #[command(after_help = "\
Examples:
  eval \"export $(doorward local mint)\"          for this shell, and what it starts
  doorward local mint --pid 4711 --name indexer --json

Without --pid it is for the process that runs this command. In a pipe that is a shell of its own,
which ends with it: name the one that you mean, with --pid $$.")]
    Mint(MintArgs),
    /// Run a command with a token of its own: it has this process's id, and inherits the variable
    #[command(after_help = "\
Examples:
  doorward local exec -- ./agent --port 8888
  doorward local exec --workspace notebook --can observe -- ./watcher")]
    Exec(ExecArgs),
    /// List the tokens: whose they are, for what, and whether their process lives
    #[command(after_help = "Example:\n  doorward local list --json")]
    List(ListLocalArgs),
    /// Take a token back, and remove its file; its connections end
    #[command(after_help = "\
Examples:
  doorward local revoke 0f8a5c…
  doorward local revoke --all")]
    Revoke(RevokeLocalArgs),
}

/// What a token is for
#[derive(Debug, Args)]
pub(crate) struct LocalTokenArgs {
    #[command(flatten)]
    pub(crate) state: StateArgs,
    /// 32 hexadecimal digits that name it; a token that had this id is no longer valid
    /// [default: random ones]
    #[arg(long, value_name = "HEX")]
    pub(crate) id: Option<String>,
    /// Its name in lists and logs [default: that of the program]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// The one workspace that it is for
    #[arg(long, value_name = "NAME", default_value = "main")]
    pub(crate) workspace: String,
    /// What it may do there: observe, operate, spawn
    #[arg(long, value_name = "CAPS", default_value = "observe,operate")]
    pub(crate) can: String,
}

/// Make a token for a running process
#[derive(Debug, Args)]
pub(crate) struct MintArgs {
    #[command(flatten)]
    pub(crate) token: LocalTokenArgs,
    /// The process [default: the one that runs this command]
    #[arg(long, value_name = "PID")]
    pub(crate) pid: Option<u32>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Run a command with a token of its own
#[derive(Debug, Args)]
pub(crate) struct ExecArgs {
    #[command(flatten)]
    pub(crate) token: LocalTokenArgs,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    pub(crate) command: Vec<OsString>,
}

/// List the tokens
#[derive(Debug, Args)]
pub(crate) struct ListLocalArgs {
    #[command(flatten)]
    pub(crate) state: StateArgs,
    /// Print one JSON array
    #[arg(long)]
    pub(crate) json: bool,
}

/// Take a token back
#[derive(Debug, Args)]
pub(crate) struct RevokeLocalArgs {
    /// The token's id, as `doorward local list` shows it
    #[arg(value_name = "ID", required_unless_present = "all", conflicts_with = "all")]
    pub(crate) id: Option<String>,
    /// All of them
    #[arg(long)]
    pub(crate) all: bool,
    /// Also the one that DOORWARD_TOKEN_FILE names, which is this process's own
    #[arg(long = "self")]
    pub(crate) self_too: bool,
    #[command(flatten)]
    pub(crate) state: StateArgs,
}
