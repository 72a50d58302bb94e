//! `doorward workspaces`.

use clap::{Args, Subcommand};

use super::StateArgs;

/// Manage workspaces: several servers behind one door, each with members of its own
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  doorward workspaces create notebook --route /notebook --upstream http://127.0.0.1:8888
  doorward workspaces add notebook tablet --can observe
  doorward workspaces add main laptop
  doorward workspaces list

A member is a subject, as `doorward sessions list` shows it: the label of the link that it paired
with. Without a workspace, every session reaches what `doorward serve` guards. With the first one
that becomes `main`, and nobody reaches anything without being a member. Whatever is changed counts
at once, for live connections too.")]
pub(crate) struct WorkspacesArgs {
    #[command(subcommand)]
    pub(crate) command: WorkspacesCommand,
}

/// What can be done with workspaces.
#[derive(Debug, Subcommand)]
pub(crate) enum WorkspacesCommand {
    /// List the workspaces
    #[command(after_help = "Example:\n  doorward workspaces list --json")]
    List(ListWorkspacesArgs),
    /// Show one workspace and its members
    #[command(after_help = "Example:\n  doorward workspaces show notebook")]
    Show(ShowWorkspaceArgs),
    /// Make a workspace; with the first one, membership begins to count
    #[command(after_help = "\
Examples:
  doorward workspaces create notebook --route /notebook --upstream http://127.0.0.1:8888
  doorward workspaces create shop --route shop.example --upstream http://127.0.0.1:3000
  doorward workspaces create db --upstream tcp://127.0.0.1:5432    over QUIC, by its name
  doorward workspaces create play --route /play                    the built-in console

Paths reach the server as they are: nothing is cut off.")]
    Create(PlaceWorkspaceArgs),
    /// Give a workspace other routes and servers, in place of all that it has; its connections end
    #[command(after_help = "\
Example:
  doorward workspaces place notebook --route /notebook --upstream http://127.0.0.1:9999")]
    Place(PlaceWorkspaceArgs),
    /// Remove a workspace and its members; `main` goes last, and then every session is let in again
    #[command(after_help = "Example:\n  doorward workspaces delete notebook")]
    Delete(NameArgs),
    /// Make a subject a member, or change what it may do
    #[command(after_help = "\
Examples:
  doorward workspaces add notebook tablet --can observe
  doorward workspaces add notebook laptop --home    where it gets without naming a workspace")]
    Add(AddMemberArgs),
    /// End a membership, and the connections that it allowed
    #[command(after_help = "Example:\n  doorward workspaces remove notebook tablet")]
    Remove(RemoveMemberArgs),
}

/// List the workspaces
#[derive(Debug, Args)]
pub(crate) struct ListWorkspacesArgs {
    #[command(flatten)]
    pub(crate) state: StateArgs,
    /// Print one JSON array
    #[arg(long)]
    pub(crate) json: bool,
}

/// Show one workspace and its members
#[derive(Debug, Args)]
pub(crate) struct ShowWorkspaceArgs {
    #[command(flatten)]
    pub(crate) which: NameArgs,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// A workspace, and where it is
#[derive(Debug, Args)]
pub(crate) struct PlaceWorkspaceArgs {
    #[command(flatten)]
    pub(crate) which: NameArgs,
    /// A host (shop.example, shop.example:8765) or the beginning of a path (/notebook) that is its
    /// own; can be repeated
    #[arg(long = "route", value_name = "HOST|/PATH")]
    pub(crate) routes: Vec<String>,
    /// Its web server, `http://HOST:PORT`, or what QUIC reaches, tcp://HOST:PORT or unix:/PATH; one
    /// of each at most [default: the built-in console and echo]
    #[arg(long = "upstream", value_name = "URL")]
    pub(crate) upstreams: Vec<String>,
}

/// A workspace
#[derive(Debug, Args)]
pub(crate) struct NameArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) state: StateArgs,
}

/// A membership
#[derive(Debug, Args)]
pub(crate) struct AddMemberArgs {
    #[command(flatten)]
    pub(crate) which: NameArgs,
    /// Who: every session of this subject
    #[arg(value_name = "SUBJECT")]
    pub(crate) subject: String,
    /// What it may do there, as far as its session may: observe, operate, spawn, administer
    #[arg(long, value_name = "CAPS", default_value = "observe,operate")]
    pub(crate) can: String,
    /// Make this its default: where it gets without naming a workspace
    #[arg(long)]
    pub(crate) home: bool,
}

/// The end of a membership
#[derive(Debug, Args)]
pub(crate) struct RemoveMemberArgs {
    #[command(flatten)]
    pub(crate) which: NameArgs,
    /// Who is no longer to be a member
    #[arg(value_name = "SUBJECT")]
    pub(crate) subject: String,
}
