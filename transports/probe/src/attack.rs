//! An attack as data: the file format of `tests/attacks/*.toml`.
//!
//! A file is one attack: what it is, and steps that are taken in order. Some steps prepare
//! something (a session, a grant, a server whose store fails), some put bytes on the wire and say
//! what must come back. The same steps are played over each transport that the file names, each
//! time from the start. `tests/attacks/README.md` is the reference for who writes one.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use crate::check::{Fault, check};

/// One attack.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attack {
    /// The name of its file, without the ending.
    #[serde(skip)]
    pub id: String,
    /// What the attacker does, in a few words.
    pub title: String,
    /// The row of the catalog, such as `DW-DNS-REBINDING`.
    pub threat: String,
    /// Published incidents that it replays.
    #[serde(default)]
    pub incidents: Vec<String>,
    /// What it is played over.
    pub over: Vec<Transport>,
    /// Why it could disturb a server that others use; without this it is harmless.
    pub disturbs: Option<String>,
    /// Settings that the server has to have:
    ///
    /// - `allow_origins`, `allow_hosts`, `trusted_proxies`: lists of texts;
    /// - `exposure`: `loopback`, `desktop` or `remote`;
    /// - `routes`: a table of paths and the capabilities that each needs, instead of the usual one;
    /// - `per_address`, `unadmitted`: how many connections that nobody was admitted on;
    /// - `codes`, `guesses`, `counters`: how many guesses a minute of a code and of anything else,
    ///   and how many addresses are counted;
    /// - `deadline`: to a complete head or hello, such as `300ms`;
    /// - `sessions`: for how many there is room;
    /// - `retry_from`: from how many QUIC handshakes on an address has to be validated first;
    /// - `guarded`: `mirror`, a guarded server that answers with the head that has reached it.
    #[serde(default)]
    pub settings: BTreeMap<String, toml::Value>,
    /// What is done, in order.
    #[serde(rename = "step")]
    pub steps: Vec<Step>,
}

/// What an attack is played over.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// A plain request.
    Http,
    /// A WebSocket upgrade.
    Websocket,
    /// A QUIC connection that begins with a hello.
    Quic,
}

/// One step.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Step {
    /// Pairs, and names what that bought: `${NAME.token}`, `${NAME.cookie}` (its value), `${NAME.id}`.
    Session {
        /// The name.
        r#as: String,
        /// The subject; `tester` without it.
        subject: Option<String>,
        /// Capabilities, such as `observe,operate`; those of a start-up grant without it.
        can: Option<String>,
    },
    /// Renews a session: its name's `token` and `cookie` are the fresher ones if it was time for
    /// one, and stay as they are if not.
    Renew {
        /// The session's name.
        session: String,
    },
    /// Issues a grant: `${NAME.secret}`.
    Grant {
        /// The name.
        r#as: String,
        /// Uses; 1 without it.
        uses: Option<u32>,
        /// Capabilities; those of a start-up grant without it.
        can: Option<String>,
        /// Whether it is one to type.
        #[serde(default)]
        code: bool,
    },
    /// Asks for a ticket: `${NAME.secret}`.
    Ticket {
        /// The name.
        r#as: String,
        /// The session that it is for.
        of: String,
        /// The origin of the page that asks for it; none without it.
        origin: Option<String>,
    },
    /// Makes a local token: `${NAME.token}`.
    Local {
        /// The name.
        r#as: String,
        /// Whether its process has ended, and another one runs under its number.
        #[serde(default)]
        ended: bool,
    },
    /// Makes a workspace.
    Workspace {
        /// Its name.
        name: String,
        /// Where it is: a path, such as `/team`.
        prefix: String,
        /// The subjects that are its members.
        members: Vec<String>,
    },
    /// Sets a membership, whatever it was before.
    Member {
        /// The workspace; `main` is the one that there always is.
        of: String,
        /// The subject.
        subject: String,
        /// What they may do there; without it they are no member any more.
        can: Option<String>,
    },
    /// Revokes a session.
    Revoke {
        /// The session's name.
        session: String,
    },
    /// Lets time pass, such as `7d` or `1500ms`.
    Advance {
        /// How much.
        by: String,
    },
    /// Lets a part of the server fail: `store`, `clock` or `entropy`.
    Fail {
        /// Which.
        what: Part,
    },
    /// Lets the server end as if it were killed, and starts it on what it had written down.
    Restart {},
    /// One request: over HTTP as such, over WebSocket as an upgrade, over QUIC as a hello.
    Ask(Ask),
    /// Bytes on a TCP connection of their own.
    Send(Send),
    /// Bytes on the first stream of a QUIC connection.
    Hello(Hello),
    /// QUIC packets that no library would send.
    Packets(Packets),
    /// These secrets or ids must have nothing in common: each differs from each other one in at
    /// least half of its characters.
    Differ {
        /// What is compared, each such as `${NAME.id}`.
        values: Vec<String>,
    },
    /// Sends on an open connection ([`Ask::stay`]).
    Say {
        /// The connection's name.
        on: String,
        /// Bytes as text, see [`Send::bytes`]; without it nothing is sent.
        bytes: Option<String>,
        /// What must follow.
        expect: Expect,
    },
}

/// A part of the server that can be made to fail.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// What it keeps its records in.
    Store,
    /// What it has the time from.
    Clock,
    /// What it has random bytes from.
    Entropy,
}

/// A request in the terms of the transport that the attack is played over.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// The method of a request over HTTP; `GET` without it.
    pub method: Option<String>,
    /// The target; the server's usual one without it.
    pub path: Option<String>,
    /// The address that it comes from, such as `127.0.0.2`; whichever it is without it.
    pub from: Option<String>,
    /// Over QUIC, tries to say the hello in early data, on a resumed connection. Where the server
    /// takes none, that is refused.
    #[serde(default)]
    pub early: bool,
    /// The value of `Host`; the server's own without it. Over QUIC the server name.
    pub host: Option<String>,
    /// The value of `Origin`; none without it.
    pub origin: Option<String>,
    /// More header lines, such as `X-Forwarded-For: 127.0.0.1`.
    #[serde(default)]
    pub headers: Vec<String>,
    /// What is presented: `bearer ${a.token}`, `cookie ${a.cookie}`, `ticket ${t.secret}`,
    /// `local ${l.token}`, `grant ${g.secret}`, or nothing.
    pub credential: Option<String>,
    /// A second credential, in the same words: another header over HTTP, another one of the hello
    /// over QUIC.
    pub beside: Option<String>,
    /// The nonce of a redemption; a fresh one without it.
    pub nonce: Option<String>,
    /// The workspace of a hello.
    pub workspace: Option<String>,
    /// The body of a request over HTTP.
    pub body: Option<String>,
    /// How often, each on a connection of its own; once without it.
    pub times: Option<u32>,
    /// Whether these are all under way at the same time.
    #[serde(default)]
    pub at_once: bool,
    /// The step is taken once for each of these, which `${each}` stands for.
    #[serde(default)]
    pub each: Vec<String>,
    /// Keeps the connection open under this name.
    pub stay: Option<String>,
    /// Keeps the session that this buys under this name, as [`Step::Session`] does.
    pub keep: Option<String>,
    /// What must come back.
    pub expect: Expect,
}

/// Bytes on a TCP connection.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Send {
    /// The bytes as text: `${...}` is filled in, `\xNN` is a byte, `${repeat N TEXT}` repeats.
    pub bytes: String,
    /// In how many pieces the bytes are sent; in one without it.
    pub pieces: Option<u32>,
    /// More bytes, sent after the first answer; at once where `expect` is [`Outcome::Open`].
    pub then: Option<String>,
    /// The step is taken once for each of these, which `${each}` stands for.
    #[serde(default)]
    pub each: Vec<String>,
    /// Keeps the connection open under this name, so that it still counts. Nothing is read from
    /// it where `expect` is [`Outcome::Open`].
    pub stay: Option<String>,
    /// What must come back for the first bytes. [`Expect::never`] is looked for in all that comes
    /// until the connection ends.
    pub expect: Expect,
    /// What must come back for [`then`](Self::then): that the connection has ended by then is a
    /// refusal too.
    pub afterwards: Option<Expect>,
}

/// Bytes on the first stream of a QUIC connection.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hello {
    /// The bytes, see [`Send::bytes`].
    pub bytes: String,
    /// Whether the stream is left without an end.
    #[serde(default)]
    pub unfinished: bool,
    /// Keeps the connection open under this name, as [`Send::stay`] does.
    pub stay: Option<String>,
    /// The step is taken once for each of these, which `${each}` stands for.
    #[serde(default)]
    pub each: Vec<String>,
    /// What must come back.
    pub expect: Expect,
}

/// QUIC packets that no library would send, on a connection of their own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Packets {
    /// Which packets the frames are in.
    pub r#in: Space,
    /// The frames of one round (RFC 9000, section 19), see [`Send::bytes`]; as many rounds to a
    /// packet as fit. `${odd}` is 1 in the first, 3 in the second and so on, in four bytes. Without
    /// it `initial` packets have what a handshake begins with.
    pub frames: Option<String>,
    /// How many rounds there are; one without it.
    pub times: Option<u32>,
    /// Frames that go first, in a packet of their own; then something has to come on a stream.
    pub first: Option<String>,
    /// The client's transport parameters (RFC 9000, section 18) beside the id of its own, see
    /// [`Send::bytes`]; usual ones without it.
    pub parameters: Option<String>,
    /// Asks for a Retry first, and then sends each packet once with a broken tag and twice as it is.
    #[serde(default)]
    pub retry: bool,
    /// The address that they come from; whichever it is without it.
    pub from: Option<String>,
    /// The step is taken once for each of these, which `${each}` stands for.
    #[serde(default)]
    pub each: Vec<String>,
    /// What must come: that the connection is [`Outcome::Ended`] or, in `data` packets, that it is
    /// still [`Outcome::Open`]; in `initial` ones nothing is waited for then.
    pub expect: Expect,
}

/// The packets that frames are in.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Space {
    /// The first packets of a handshake, under keys that everybody knows.
    Initial,
    /// Those behind a complete handshake.
    Data,
}

/// What must come back.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// The outcome.
    pub outcome: Outcome,
    /// How many of [`Ask::times`] come to it; all without it. The others must come to the opposite.
    pub exactly: Option<u32>,
    /// The HTTP status, where the attack is about it.
    pub status: Option<u16>,
    /// The public code, such as `host_denied`.
    pub code: Option<String>,
    /// The close code of a WebSocket or QUIC connection that is ended, such as 4403.
    pub close: Option<u16>,
    /// The reason in the audit log begins with this.
    pub reason: Option<String>,
    /// The threat in the audit log, where it is another than the attack's. An empty one is for what
    /// no decision was taken on: the audit log is not looked at then.
    pub threat: Option<String>,
    /// This text is in no answer and in no record of the audit log.
    #[serde(default)]
    pub never: Vec<String>,
}

/// An outcome.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It is let through. A step with this shows that what follows is refused for its malice alone.
    Admitted,
    /// It is refused, in whatever words.
    Refused,
    /// An open connection is ended.
    Ended,
    /// An open connection goes on.
    Open,
}

/// An attack file that can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttackError {
    /// The file's name, without its ending.
    pub id: String,
    /// The line, from 1, where there is one.
    pub line: Option<usize>,
    /// What is wrong, and what to do.
    pub reason: String,
}

impl AttackError {
    pub(crate) fn new(id: &str, line: Option<usize>, reason: String) -> Self {
        Self { id: id.to_owned(), line, reason }
    }
}

impl fmt::Display for AttackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}.toml:{line}: {}", self.id, self.reason),
            None => write!(f, "{}.toml: {}", self.id, self.reason),
        }
    }
}

impl std::error::Error for AttackError {}

impl Attack {
    /// Reads one file.
    ///
    /// # Errors
    ///
    /// Names the file and the line, and says what is wrong and what to do.
    pub fn parse(id: &str, text: &str) -> Result<Self, AttackError> {
        let mut attack: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| line_at(text, span.start));
            AttackError::new(id, line, error.message().to_owned())
        })?;
        id.clone_into(&mut attack.id);
        check(&attack).map_err(|Fault { step, reason }| {
            let line = step.and_then(|step| line_of_step(text, step));
            AttackError::new(id, line, reason)
        })?;
        Ok(attack)
    }
}

/// The line of the step of this number, both from 1.
fn line_of_step(text: &str, step: usize) -> Option<usize> {
    let is_head = |line: &str| {
        let line: String = line.split_whitespace().collect();
        line.starts_with("[[step]]")
    };
    let heads = (1..).zip(text.lines()).filter(|(_, line)| is_head(line));
    heads.map(|(line, _)| line).nth(step.checked_sub(1)?)
}

/// The line of a byte, from 1.
fn line_at(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|&byte| byte == b'\n').count().saturating_add(1)
}
