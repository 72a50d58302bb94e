//! Local tokens: what a process on this machine proves itself by, handed down in a file.
//!
//! A token belongs to one process, told by its id and the time of its start, and to one workspace.
//! It is no member of anything by its name, and dies with its process.

use alloc::string::String;
use core::fmt;
use core::time::Duration;

use zeroize::Zeroizing;

use crate::capability::Capabilities;
use crate::encoding::{decode_hex, hex};
use crate::id::SessionId;
use crate::keys::{Digest, Digester};
use crate::secret::Secret;
use crate::subject::Subject;
use crate::time::Timestamp;
use crate::workspace::{Change, WorkspaceName};

/// The longest life of a local token, whatever its process does.
pub const MAX_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);
/// The longest working directory that is kept, in bytes.
pub const MAX_DIRECTORY: usize = 4096;
/// The environment variable that carries the path of a token's file, never the token.
pub const VARIABLE: &str = "DOORWARD_TOKEN_FILE";

/// A local token's secret: 32 random bytes.
#[derive(Debug)]
pub struct LocalSecret(Secret<32>);

impl LocalSecret {
    /// From entropy.
    #[must_use]
    pub const fn new(entropy: [u8; 32]) -> Self {
        Self(Secret::new(entropy))
    }

    /// From its 64 lower-case hexadecimal digits, which are its one spelling.
    #[must_use]
    //= req: LOCAL-1
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = core::str::from_utf8(text).ok()?;
        decode_hex(text).map(Secret::new).map(Self)
    }

    /// What a store finds it by.
    #[must_use]
    pub fn digest(&self, digester: &Digester) -> Digest {
        digester.digest(self.0.expose())
    }

    /// Lays the text open, for the one file that carries it.
    #[must_use]
    pub fn expose(&self) -> Zeroizing<String> {
        Zeroizing::new(hex(self.0.expose()))
    }
}

/// What is asked for when a local token is made.
#[derive(Clone, Debug)]
pub struct LocalRequest {
    /// Names the process's session; one that was registered before is replaced.
    pub id: SessionId,
    /// Shown in lists and logs.
    pub name: Subject,
    /// The one workspace that it is for.
    pub workspace: WorkspaceName,
    /// At most what whoever makes it has.
    pub capabilities: Capabilities,
    /// The process.
    pub pid: u32,
    /// When the process was started, as its system counts: a process id is used again, and no two
    /// processes have both.
    pub started: u64,
    /// Where it works.
    pub directory: String,
}

/// Why a local token can't be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalRequestError {
    /// It would carry a capability that its issuer lacks, none at all, or `administer`.
    Capabilities,
    /// A working directory longer than [`MAX_DIRECTORY`], or with a control character: it is shown
    /// in lists, on terminals too.
    Directory,
}

impl fmt::Display for LocalRequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Capabilities => {
                "a local token carries at least one of observe, operate and spawn, and none that \
                 its issuer lacks"
            }
            Self::Directory => {
                "its working directory is longer than 4096 bytes, or has a control character"
            }
        })
    }
}

impl core::error::Error for LocalRequestError {}

/// The durable record of a local token; its secret is not in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalRecord {
    /// Names it in lists and logs, and to the guarded server.
    pub id: SessionId,
    /// What its connections are known by: another one for each token that was made under one id,
    /// so that ending the old one's leaves the new one alone.
    pub incarnation: SessionId,
    /// Shown in lists and logs.
    pub name: Subject,
    /// The one workspace that it is for.
    pub workspace: WorkspaceName,
    /// What it may do.
    pub capabilities: Capabilities,
    /// The process.
    pub pid: u32,
    /// When the process was started, as its system counts.
    pub started: u64,
    /// Where it works.
    pub directory: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Valid while `now < ends_at`.
    pub ends_at: Timestamp,
}

/// Whether the process of a token is there: the same one, not a later one of the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liveness {
    /// It is.
    Alive,
    /// It has ended.
    Dead,
    /// It can't be told, which counts as no (I20).
    Unknown,
}

/// What a verified local token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalClaims {
    /// Names it in lists and logs.
    pub id: SessionId,
    /// What its connections are known by.
    pub incarnation: SessionId,
    /// Shown in lists and logs.
    pub name: Subject,
    /// The one workspace that it is for.
    pub workspace: WorkspaceName,
    /// What it may do.
    pub capabilities: Capabilities,
    /// The process.
    pub pid: u32,
    /// Valid while `now < ends_at`.
    pub ends_at: Timestamp,
}

/// Why a local token proves nothing. Outside, all are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalRefusal {
    /// No token has this digest: never made, replaced or removed.
    Unknown,
    /// `now >= ends_at`.
    Expired,
    /// Its process has ended.
    Dead,
    /// It can't be told whether its process is there.
    Unclear,
}

impl LocalRecord {
    /// The record of a new token, made by somebody with the capabilities `issuer`. `incarnation`
    /// is entropy.
    ///
    /// # Errors
    /// Whatever in `request` is out of bounds.
    pub fn issue(
        request: &LocalRequest,
        issuer: Capabilities,
        incarnation: [u8; 16],
        now: Timestamp,
    ) -> Result<Self, LocalRequestError> {
        let wanted = request.capabilities;
        // A process administers nothing: the origin of administration takes no local tokens.
        let most = issuer.without(Capabilities::ADMINISTER);
        //= req: LOCAL-5
        if wanted.is_empty() || !most.contains(wanted) {
            return Err(LocalRequestError::Capabilities);
        }
        let shown = !request.directory.chars().any(char::is_control);
        if request.directory.len() > MAX_DIRECTORY || !shown {
            return Err(LocalRequestError::Directory);
        }
        Ok(Self {
            id: request.id,
            incarnation: SessionId::new(incarnation),
            name: request.name,
            workspace: request.workspace,
            capabilities: wanted,
            pid: request.pid,
            started: request.started,
            directory: request.directory.clone(),
            created_at: now,
            //= req: LOCAL-3
            ends_at: now.plus(MAX_LIFE),
        })
    }

    /// What it says, without whether that holds.
    #[must_use]
    pub const fn claims(&self) -> LocalClaims {
        LocalClaims {
            id: self.id,
            incarnation: self.incarnation,
            name: self.name,
            workspace: self.workspace,
            capabilities: self.capabilities,
            pid: self.pid,
            ends_at: self.ends_at,
        }
    }
}

/// What a presented local token says, if its record is there, its time is not over and its process
/// lives.
///
/// # Errors
/// Why it proves nothing.
pub fn verify(
    record: Option<&LocalRecord>,
    liveness: Liveness,
    now: Timestamp,
) -> Result<LocalClaims, LocalRefusal> {
    let record = record.ok_or(LocalRefusal::Unknown)?;
    //= req: LOCAL-3
    if now >= record.ends_at {
        return Err(LocalRefusal::Expired);
    }
    //= req: LOCAL-2
    match liveness {
        Liveness::Alive => Ok(record.claims()),
        Liveness::Dead => Err(LocalRefusal::Dead),
        Liveness::Unknown => Err(LocalRefusal::Unclear),
    }
}

/// Which local tokens to remove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocalSelector {
    /// Those of this id.
    Id(SessionId),
    /// These alone, and not what was registered under their ids since.
    Incarnations(alloc::vec::Vec<SessionId>),
    /// Those for this workspace.
    Workspace(WorkspaceName),
    /// All there are.
    All,
}

impl LocalSelector {
    /// Those that a change to the workspaces takes with it.
    #[must_use]
    pub const fn orphaned_by(change: &Change) -> Option<Self> {
        match change {
            Change::Delete(name) => Some(Self::Workspace(*name)),
            Change::Create(..) | Change::Place(..) | Change::Admit(..) | Change::Expel(..) => None,
        }
    }

    /// Whether it picks this one.
    #[must_use]
    pub fn picks(&self, record: &LocalRecord) -> bool {
        match self {
            Self::Id(id) => record.id == *id,
            Self::Incarnations(these) => these.contains(&record.incarnation),
            Self::Workspace(name) => record.workspace == *name,
            Self::All => true,
        }
    }
}
