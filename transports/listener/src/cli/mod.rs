//! The command line.

mod catalog;
mod local;
mod probe;
mod sessions;
mod settings;
mod workspaces;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::config::parse;
pub(crate) use catalog::{
    CatalogArgs, CatalogCommand, ExportArgs, MatrixArgs, SourceArgs, VerifyArgs,
};
pub(crate) use local::{
    ExecArgs, ListLocalArgs, LocalArgs, LocalCommand, LocalTokenArgs, MintArgs, RevokeLocalArgs,
};
pub(crate) use probe::ProbeArgs;
pub(crate) use sessions::{
    GrantsArgs, GrantsCommand, LimitSessionArgs, ListArgs, RevokeGrantArgs, RevokeSessionsArgs,
    RevokeSessionsWhich, SessionsArgs, SessionsCommand,
};
pub(crate) use settings::{SettingsArgs, StateArgs};
pub(crate) use workspaces::{
    AddMemberArgs, ListWorkspacesArgs, NameArgs, PlaceWorkspaceArgs, RemoveMemberArgs,
    ShowWorkspaceArgs, WorkspacesArgs, WorkspacesCommand,
};

/// Guards a server: pair once, then only paired clients reach it, over HTTP, WebSocket and QUIC.
#[derive(Debug, Parser)]
#[command(
    name = "doorward",
    version,
    arg_required_else_help = true,
    after_help = "\
Examples:
  doorward serve                                      try it: a small console, no server behind it
  doorward serve --upstream http://127.0.0.1:8888     guard the server on port 8888
  doorward pair                                       another link, while `serve` runs
  doorward sessions list                              who is paired

Settings: flags over environment (DOORWARD_*) over a TOML file (--config) over defaults.
Exit status: 0 done, 1 refused or failed, 2 used wrongly. DOORWARD_LOG sets how much is logged."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Guard a server (or show the built-in console) until told to stop
    Serve(ServeArgs),
    /// Make a pairing link or a typed code, also while `serve` runs
    Pair(PairArgs),
    /// Connect: standard input out and what comes in, or a local port forwarded
    Connect(ConnectArgs),
    /// Show, limit or end sessions
    Sessions(SessionsArgs),
    /// Show or revoke pairing links and codes
    Grants(GrantsArgs),
    /// Give processes of this machine tokens that die with them
    Local(LocalArgs),
    /// Guard several servers, each with members of its own
    Workspaces(WorkspacesArgs),
    /// Look into a session token
    Token(TokenArgs),
    /// Show the threat catalog, and the evidence for it
    Catalog(CatalogArgs),
    /// Play attacks against a running server, and say what it holds
    Probe(ProbeArgs),
    /// Print the audit log
    Audit(AuditArgs),
    /// Manage the keys that sign session tokens
    Key(KeyArgs),
    /// Check the settings and print those in effect
    CheckConfig(CheckConfigArgs),
}

/// Guard a server (or show the built-in console) until told to stop
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  doorward serve
  doorward serve --upstream http://127.0.0.1:8888
  doorward serve --upstream http://127.0.0.1:3000 --public-url https://dev.example --trusted-proxy 127.0.0.1
  doorward serve --listen 0.0.0.0:8765 --tls-self-signed --public-url https://workstation.lan:8765
  doorward serve --quic 127.0.0.1:8766 --quic-upstream tcp://127.0.0.1:5432
  doorward serve --admin 127.0.0.1:8770               and a page for administrators
  doorward serve --listen 127.0.0.1:0 --ready-json
  doorward serve --exposure desktop --grant-fd 3 3</run/user/1000/app/grant

The limits (guesses, connections, message sizes, session lifetimes) are set in the file or in the
environment: `doorward check-config` lists all of them.")]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,
    /// Print one line of JSON on standard output once every listener accepts
    #[arg(long)]
    pub(crate) ready_json: bool,
    /// Desktop exposure: take the first grant from a file that only its owner can read
    #[arg(long, value_name = "FILE", conflicts_with = "grant_fd")]
    pub(crate) grant_file: Option<PathBuf>,
    /// Desktop exposure: take the first grant from an inherited file descriptor
    #[arg(long, value_name = "N")]
    pub(crate) grant_fd: Option<u32>,
}

/// Make a pairing link or a typed code, also while `serve` runs
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  doorward pair                                 a link, and a QR code of it on a terminal
  doorward pair --code                          a code to type, valid for 10 minutes
  doorward pair --label tablet --can observe    may look, not drive
  doorward pair --ttl 2h --uses 5 --json        for a script: five devices
  doorward pair --admin                         for the page of `serve --admin`")]
pub(crate) struct PairArgs {
    #[command(flatten)]
    pub(crate) state: StateArgs,
    /// A short code to type instead of a link
    #[arg(long)]
    pub(crate) code: bool,
    /// For the page of administration (see `serve --admin`), and good for nothing else
    #[arg(long)]
    pub(crate) admin: bool,
    /// Whom it is for: names the session in lists and logs
    #[arg(long, value_name = "NAME")]
    pub(crate) label: Option<String>,
    /// How long it is valid [a code: at most 10m; a link: at most 30d]
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = parse::duration)]
    pub(crate) ttl: Duration,
    /// How many sessions it buys
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) uses: u32,
    /// What they may do: observe, operate, spawn, administer
    /// [default: observe,operate; with --admin all of them]
    #[arg(long, value_name = "CAPS")]
    pub(crate) can: Option<String>,
    /// The listener's address [default: that of the listener that runs on this state directory]
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Connect: standard input out and what comes in, or a local port forwarded
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  doorward connect                                    asks for a link at a prompt without echo
  doorward connect http://127.0.0.1:8765              uses its saved session, or asks for a code
  doorward connect ws://127.0.0.1:8765/api/events     another path than /echo
  doorward connect --grant-file ./link                reads the link from a file
  doorward connect quic://dev.example:8765            one stream of bytes, as netcat has it
  doorward connect --local 127.0.0.1:9000             forwards a port through QUIC, and reconnects
  doorward connect --local 127.0.0.1:9000 --workspace notebook

A link's certificate is the only one that its server may show; without one in the link, a root of
this system (or of --ca) has to vouch for the server's name.

Without a saved session, the first line of a piped standard input is the link or the code. A link
or code is never an argument: every user of this machine can read those.")]
pub(crate) struct ConnectArgs {
    /// The listener: `http[s]://host:port`, `ws[s]://host:port/path` or `quic://host:port`
    #[arg(value_name = "URL")]
    pub(crate) url: Option<String>,
    /// Forward connections to this address of this machine, each over a QUIC stream
    #[arg(long, value_name = "ADDR")]
    pub(crate) local: Option<String>,
    /// Join this workspace, through QUIC, instead of the session's default. Over HTTP the URL's
    /// host or path says which one is meant
    #[arg(long, value_name = "NAME")]
    pub(crate) workspace: Option<String>,
    /// With --local: print one line of JSON on standard output once it listens
    #[arg(long, requires = "local")]
    pub(crate) ready_json: bool,
    /// Trust the roots in this PEM file alone, where a server is known by its name
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Read the link or the code from a file that only its owner can read
    #[arg(long, value_name = "FILE")]
    pub(crate) grant_file: Option<PathBuf>,
    /// Pair anew, even with a saved session
    #[arg(long)]
    pub(crate) pair: bool,
    /// Pair or check the saved session, and connect to nothing
    #[arg(long)]
    pub(crate) only_pair: bool,
    /// How long to wait for a WebSocket's messages after the end of standard input
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = parse::duration)]
    pub(crate) linger: Duration,
}

/// Look into a session token
#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    #[command(subcommand)]
    pub(crate) command: TokenCommand,
}

/// What can be done with a token.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Verify the token on standard input with the local keys, and print what it says
    #[command(after_help = "Example:\n  doorward token inspect < token.txt")]
    Inspect(InspectArgs),
}

/// Verify the token on standard input
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// Only there to say that a token is never an argument
    #[arg(hide = true)]
    pub(crate) token: Option<String>,
    #[command(flatten)]
    pub(crate) state: StateArgs,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Print the audit log
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  doorward audit                        everything, in the order in which it was written
  doorward audit --follow               and what comes
  doorward audit --json | jq 'select(.event == \"denied\")'")]
pub(crate) struct AuditArgs {
    #[command(flatten)]
    pub(crate) state: StateArgs,
    /// Print the JSON lines as they are kept
    #[arg(long)]
    pub(crate) json: bool,
    /// Go on printing what is added
    #[arg(long, short)]
    pub(crate) follow: bool,
}

/// Manage the keys that sign session tokens
#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    #[command(subcommand)]
    pub(crate) command: KeyCommand,
}

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Add a key; unless told otherwise, tokens under the older ones stay valid until they expire
    #[command(after_help = "\
Examples:
  doorward key rotate
  doorward key rotate --drop-older    a key may have been read by somebody: everybody pairs anew")]
    Rotate {
        /// Drop the older keys: every token is worthless at once, and every session revoked
        #[arg(long)]
        drop_older: bool,
        #[command(flatten)]
        state: StateArgs,
    },
}

/// Check the settings and print those in effect
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  doorward check-config
  doorward check-config --config doorward.toml
  DOORWARD_SESSION_IDLE=1d doorward check-config > doorward.toml")]
pub(crate) struct CheckConfigArgs {
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound_and_every_command_shows_an_example() {
        let command = Cli::command();
        command.clone().debug_assert();
        for command in command.get_subcommands() {
            let own = command.get_after_help().is_some();
            assert!(own || command.has_subcommands(), "{}", command.get_name());
            for command in command.get_subcommands() {
                let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(text.contains("Example"), "{}", command.get_name());
            }
        }
    }
}
