//! All workspaces there are, and who may do what in which.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::{Asked, Claim, Joined, Reach, Visitor, WorkspaceName};
use crate::capability::Capabilities;
use crate::subject::Subject;

/// The most workspaces.
pub const MOST_WORKSPACES: usize = 256;
/// The most memberships, of all workspaces together.
pub const MOST_MEMBERS: usize = 4096;

/// Where a workspace's server is: 1 to 256 bytes of printable ASCII, which only adapters read.
#[derive(Clone, PartialEq, Eq)]
pub struct Server(String);

impl Server {
    /// Takes an address; `None` if it can't be one.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
        (plain && (1..=256).contains(&text.len())).then(|| Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// What somebody may do in a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who: every session of this subject.
    pub subject: Subject,
    /// At most what; what a session's token allows still bounds it.
    pub capabilities: Capabilities,
    /// Whether it is their default. Of several memberships of a subject, at most one is.
    pub home: bool,
}

/// A workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    pub(super) name: WorkspaceName,
    pub(super) placement: u64,
    pub(super) claims: Vec<Claim>,
    pub(super) web: Option<Server>,
    pub(super) bytes: Option<Server>,
    /// In the order of their subjects.
    pub(super) members: Vec<Member>,
}

impl Workspace {
    /// Its name.
    #[must_use]
    pub const fn name(&self) -> WorkspaceName {
        self.name
    }

    /// The revision at which its routes and servers were set; 0 for `main`, whose are the
    /// listener's.
    #[must_use]
    pub const fn placement(&self) -> u64 {
        self.placement
    }

    /// The routes that are its own.
    #[must_use]
    pub fn claims(&self) -> &[Claim] {
        &self.claims
    }

    /// The web server behind it.
    #[must_use]
    pub const fn web(&self) -> Option<&Server> {
        self.web.as_ref()
    }

    /// What streams of bytes reach.
    #[must_use]
    pub const fn bytes(&self) -> Option<&Server> {
        self.bytes.as_ref()
    }

    /// Who may see it, in the order of their subjects.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    pub(super) fn place(&self, subject: &Subject) -> Result<usize, usize> {
        self.members.binary_search_by(|member| member.subject.cmp(subject))
    }

    fn member(&self, subject: &Subject) -> Option<&Member> {
        self.place(subject).ok().and_then(|at| self.members.get(at))
    }

    fn joined(&self) -> Joined {
        Joined { name: self.name, placement: self.placement }
    }

    /// Whether there is anything to reach in this way. A web server alone is never reached past
    /// its routes, as a stream of bytes.
    const fn is_reached(&self, reach: Reach) -> bool {
        match reach {
            Reach::Web => self.web.is_some() || self.bytes.is_none(),
            Reach::Bytes => self.bytes.is_some() || self.web.is_none(),
        }
    }
}

/// All workspaces, as of a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directory {
    /// In the order of their names.
    pub(super) workspaces: Vec<Workspace>,
}

impl Directory {
    /// Whether there is no workspace: everything is `main`, open to every session.
    #[must_use]
    pub const fn is_off(&self) -> bool {
        self.workspaces.is_empty()
    }

    /// The workspaces, in the order of their names.
    #[must_use]
    pub fn workspaces(&self) -> &[Workspace] {
        &self.workspaces
    }

    /// One of them.
    #[must_use]
    pub fn workspace(&self, name: &WorkspaceName) -> Option<&Workspace> {
        self.place(name).ok().and_then(|at| self.workspaces.get(at))
    }

    /// Those that a subject may see, with what it may do there at most.
    pub fn seen_by(&self, subject: Subject) -> impl Iterator<Item = (&Workspace, Member)> {
        let member = move |one: &Workspace| one.member(&subject).copied();
        self.workspaces.iter().filter_map(move |one| member(one).map(|member| (one, member)))
    }

    /// A subject's default, where it goes that names no workspace: the membership marked so, else
    /// `main`, else the only one there is.
    #[must_use]
    pub fn home_of(&self, subject: Subject) -> Option<&Workspace> {
        self.home(subject).map(|(workspace, _)| workspace)
    }

    pub(super) fn place(&self, name: &WorkspaceName) -> Result<usize, usize> {
        self.workspaces.binary_search_by(|one| one.name.cmp(name))
    }

    pub(super) fn claims(&self) -> impl Iterator<Item = (&Workspace, &Claim)> {
        self.workspaces.iter().flat_map(|one| one.claims.iter().map(move |claim| (one, claim)))
    }

    /// The workspace that a visitor joins, and what the membership allows; `None` for what does
    /// not exist, is not theirs, or can't be reached in this way.
    pub(super) fn join(
        &self,
        asked: Asked,
        visitor: Visitor,
        reach: Reach,
    ) -> Option<(Joined, Capabilities)> {
        if self.is_off() {
            return join_main(asked, visitor);
        }
        let (workspace, capabilities) = match (visitor, asked) {
            //= req: WORK-1
            (Visitor::Nobody, _) | (_, Asked::Unclear | Asked::Own) => return None,
            //= req: LOCAL-4
            (Visitor::Local(own), Asked::Named(name)) if name != own => return None,
            (Visitor::Local(own), _) => (self.workspace(&own)?, Capabilities::ALL),
            (Visitor::Subject(subject), Asked::Named(name)) => {
                let workspace = self.workspace(&name)?;
                //= req: WORK-1
                (workspace, workspace.member(&subject)?.capabilities)
            }
            (Visitor::Subject(subject), Asked::Default) => self.home(subject)?,
        };
        //= req: WORK-7
        workspace.is_reached(reach).then(|| (workspace.joined(), capabilities))
    }

    /// What is still allowed to somebody who joined before; `None` if it no longer is theirs.
    pub(crate) fn membership(&self, joined: &Joined, visitor: Visitor) -> Option<Capabilities> {
        let found = self.join(Asked::Named(joined.name), visitor, Reach::Web);
        let found = found.or_else(|| self.join(Asked::Named(joined.name), visitor, Reach::Bytes));
        found.map(|(_, capabilities)| capabilities)
    }

    /// Whether a workspace is where it was when it was joined.
    pub(crate) fn is_in_place(&self, joined: &Joined) -> bool {
        let placement = self.workspace(&joined.name).map_or(0, Workspace::placement);
        placement == joined.placement
    }

    //= req: WORK-4
    fn home(&self, subject: Subject) -> Option<(&Workspace, Capabilities)> {
        let seen = || self.seen_by(subject);
        let marked = seen().find(|(_, member)| member.home);
        let home = marked.or_else(|| seen().find(|(workspace, _)| workspace.name.is_main()));
        let only = || {
            let mut all = seen();
            all.next().filter(|_| all.next().is_none())
        };
        home.or_else(only).map(|(workspace, member)| (workspace, member.capabilities))
    }
}

/// Without workspaces there is `main`, for every session. A token for another is for nothing.
fn join_main(asked: Asked, visitor: Visitor) -> Option<(Joined, Capabilities)> {
    let wanted = match asked {
        Asked::Default => true,
        Asked::Named(name) => name.is_main(),
        Asked::Own | Asked::Unclear => false,
    };
    //= req: LOCAL-4
    let foreign = matches!(visitor, Visitor::Local(own) if !own.is_main());
    let main = Joined { name: WorkspaceName::main(), placement: 0 };
    (wanted && !foreign).then_some((main, Capabilities::ALL))
}
