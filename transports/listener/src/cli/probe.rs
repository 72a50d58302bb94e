//! `doorward probe`.

use std::path::PathBuf;

use clap::Args;

/// Play attacks against a running server, and say what it holds
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  doorward probe http://127.0.0.1:8765 --state-dir ~/.local/state/doorward
  doorward probe http://127.0.0.1:8765 --grant-file ./link     a link of `doorward pair --uses 50`
  doorward probe http://127.0.0.1:8888 --profile jupyter       asks for its token
  doorward probe http://127.0.0.1:8765 --threat DW-DNS-REBINDING --json
  doorward probe https://door.example --authorized door.example --sarif probe.sarif

It attacks: only what is on this machine, unless the host is named again with --authorized, and you
are to name only what you may attack. An attack that could disturb others who use the server is asked
about on a terminal, played with --disturb, and left out otherwise.

Exit status: 0 all that applies is held, 1 something is not (or nothing applies), 2 used wrongly.
docs/probe.md says how to describe another server to it.")]
pub(crate) struct ProbeArgs {
    /// The server: `http[s]://host[:port]`
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// The host of the URL once more, if it is not on this machine: you may attack it
    #[arg(long, value_name = "HOST")]
    pub(crate) authorized: Option<String>,
    /// What it is: doorward, jupyter, vite, websocketd, or a file that says how it is spoken to
    #[arg(long, value_name = "NAME|FILE", default_value = "doorward")]
    pub(crate) profile: String,
    /// How the report calls it [default: the profile's name]
    #[arg(long, value_name = "TEXT")]
    pub(crate) product: Option<String>,
    /// Only this attack; can be repeated
    #[arg(long = "attack", value_name = "ID")]
    pub(crate) attack: Vec<String>,
    /// Only the attacks of this threat; can be repeated
    #[arg(long = "threat", value_name = "ID")]
    pub(crate) threat: Vec<String>,
    /// Play the *.toml files of this directory instead of the built-in attacks
    #[arg(long, value_name = "DIR")]
    pub(crate) attacks: Option<PathBuf>,
    /// Where it speaks QUIC [default: with --state-dir, as its listener says]
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) quic: Option<String>,
    /// The SHA-256 of its certificate, as 64 hexadecimal digits: nothing is sent to another one.
    /// Needed for a server elsewhere that speaks https or QUIC
    #[arg(long, value_name = "HEX")]
    pub(crate) certificate_sha256: Option<String>,
    /// The state directory of the Doorward that is probed: grants and sessions are made, revoked and
    /// cleared away there, and its audit log has to name the threat
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
    /// The settings file of the Doorward that is probed, for attacks that need certain settings
    #[arg(long, value_name = "FILE", requires = "state_dir")]
    pub(crate) config: Option<PathBuf>,
    /// Read the link, the code or another product's token from a file that only its owner can read
    /// [default: a prompt without echo, or the first line of standard input]
    #[arg(long, value_name = "FILE", conflicts_with = "state_dir")]
    pub(crate) grant_file: Option<PathBuf>,
    /// Also play what could disturb others who use the server
    #[arg(long)]
    pub(crate) disturb: bool,
    /// How many connections a second are opened at most; never more than one to a Doorward that each
    /// attack can't come to from an address of its own
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) rate: u32,
    /// Print the whole report as one JSON object, with all that was sent and received
    #[arg(long)]
    pub(crate) json: bool,
    /// Write the report as SARIF 2.1.0; `-` prints it
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    pub(crate) sarif: Option<PathBuf>,
    /// Write the report as Markdown; `-` prints it
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    pub(crate) markdown: Option<PathBuf>,
}
