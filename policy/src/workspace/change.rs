//! Changing the directory: the one transition, which a store makes atomic.

use alloc::vec::Vec;
use core::fmt;

use super::claim::{MOST_CLAIMS, MOST_CLAIMS_IN_ALL};
use super::{Claim, Directory, MOST_MEMBERS, MOST_WORKSPACES, Member, Server, Workspace};
use super::{Claims, WorkspaceName};
use crate::subject::Subject;

/// Where a workspace is: its routes, and the servers behind them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placing {
    /// The routes that are its own.
    pub claims: Claims,
    /// Its web server. Without any server the built-in console and echo answer.
    pub web: Option<Server>,
    /// What streams of bytes reach.
    pub bytes: Option<Server>,
}

/// One change to the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Makes a workspace without members. With the first one, `main` gets a record too.
    Create(WorkspaceName, Placing),
    /// Gives a workspace other routes and servers; its live connections end.
    Place(WorkspaceName, Placing),
    /// Removes a workspace. `main` goes last, and with it all need of membership.
    Delete(WorkspaceName),
    /// Makes a subject a member. What it was before is replaced, never added to (I11).
    Admit(WorkspaceName, Member),
    /// Ends a membership.
    Expel(WorkspaceName, Subject),
}

/// Why a change is refused. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeRefusal {
    /// There is a workspace of this name.
    Exists,
    /// There is none of this name.
    Unknown,
    /// The subject is no member.
    NoMember,
    /// No room for a further workspace, claim or member.
    Full,
    /// Another workspace claims the same route.
    Claimed,
    /// `main` is placed by the listener's own settings.
    Main,
    /// `main` goes last.
    OthersLeft,
    /// A membership that allows nothing.
    Nothing,
}

impl fmt::Display for ChangeRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exists => "there is a workspace of this name already",
            Self::Unknown => "there is no workspace of this name",
            Self::NoMember => "the subject is not a member of it",
            Self::Full => "there is no room: at most 256 workspaces, 16 routes each and 512 in all, 4096 members",
            Self::Claimed => "another workspace has this route",
            Self::Main => "main is what the listener guards itself: set --upstream there",
            Self::OthersLeft => "main goes last: delete the other workspaces first",
            Self::Nothing => "a member needs at least one capability",
        })
    }
}

impl core::error::Error for ChangeRefusal {}

impl Directory {
    /// Applies one change; `revision` is the store's, which never comes twice.
    ///
    /// # Errors
    /// Why not; nothing has changed then.
    pub fn apply(&mut self, change: &Change, revision: u64) -> Result<(), ChangeRefusal> {
        match change {
            Change::Create(name, placing) => self.create(*name, placing, revision),
            Change::Place(name, placing) => self.put(*name, placing, revision),
            Change::Delete(name) => self.delete(name),
            Change::Admit(name, member) => self.admit(name, *member),
            Change::Expel(name, subject) => self.expel(name, subject),
        }
    }

    fn create(
        &mut self,
        name: WorkspaceName,
        placing: &Placing,
        revision: u64,
    ) -> Result<(), ChangeRefusal> {
        self.check(name, placing)?;
        //= req: WORK-9
        if self.workspaces.len() >= MOST_WORKSPACES {
            return Err(ChangeRefusal::Full);
        }
        let Err(_) = self.place(&name) else { return Err(ChangeRefusal::Exists) };
        if self.is_off() {
            self.insert(WorkspaceName::main(), &Placing::default(), 0);
        }
        self.insert(name, placing, revision);
        Ok(())
    }

    fn insert(&mut self, name: WorkspaceName, placing: &Placing, placement: u64) {
        let Placing { claims, web, bytes } = placing.clone();
        let workspace = Workspace { name, placement, claims, web, bytes, members: Vec::new() };
        let at = self.place(&name).unwrap_or_else(|at| at);
        self.workspaces.insert(at, workspace);
    }

    fn put(
        &mut self,
        name: WorkspaceName,
        placing: &Placing,
        revision: u64,
    ) -> Result<(), ChangeRefusal> {
        self.check(name, placing)?;
        let workspace = self.find(&name)?;
        let Placing { claims, web, bytes } = placing.clone();
        workspace.claims = claims;
        workspace.web = web;
        workspace.bytes = bytes;
        workspace.placement = revision;
        Ok(())
    }

    /// Whether a workspace could be placed so.
    pub(super) fn check(
        &self,
        name: WorkspaceName,
        placing: &Placing,
    ) -> Result<(), ChangeRefusal> {
        if name.is_main() {
            return Err(ChangeRefusal::Main);
        }
        let others = || self.claims().filter(|(one, _)| one.name != name).map(|(_, claim)| claim);
        let claims = placing.claims.len();
        //= req: WORK-9
        if claims > MOST_CLAIMS || others().count().saturating_add(claims) > MOST_CLAIMS_IN_ALL {
            return Err(ChangeRefusal::Full);
        }
        let taken = |claim: &Claim| others().any(|other| other.collides(claim));
        //= req: WORK-6
        if placing.claims.iter().any(taken) { Err(ChangeRefusal::Claimed) } else { Ok(()) }
    }

    fn delete(&mut self, name: &WorkspaceName) -> Result<(), ChangeRefusal> {
        let at = self.place(name).map_err(|_| ChangeRefusal::Unknown)?;
        if name.is_main() && self.workspaces.len() > 1 {
            return Err(ChangeRefusal::OthersLeft);
        }
        self.workspaces.remove(at);
        Ok(())
    }

    fn admit(&mut self, name: &WorkspaceName, member: Member) -> Result<(), ChangeRefusal> {
        if member.capabilities.is_empty() {
            return Err(ChangeRefusal::Nothing);
        }
        let count: usize = self.workspaces.iter().map(|one| one.members.len()).sum();
        let workspace = self.find(name)?;
        match workspace.place(&member.subject) {
            Ok(at) => {
                if let Some(place) = workspace.members.get_mut(at) {
                    //= req: WORK-3
                    *place = member;
                }
            }
            //= req: WORK-9
            Err(_) if count >= MOST_MEMBERS => return Err(ChangeRefusal::Full),
            Err(at) => workspace.members.insert(at, member),
        }
        //= req: WORK-3
        if member.home {
            self.leave_other_homes(name, &member.subject);
        }
        Ok(())
    }

    fn leave_other_homes(&mut self, name: &WorkspaceName, subject: &Subject) {
        for workspace in self.workspaces.iter_mut().filter(|one| one.name != *name) {
            for member in workspace.members.iter_mut().filter(|one| one.subject == *subject) {
                member.home = false;
            }
        }
    }

    fn expel(&mut self, name: &WorkspaceName, subject: &Subject) -> Result<(), ChangeRefusal> {
        let workspace = self.find(name)?;
        let at = workspace.place(subject).map_err(|_| ChangeRefusal::NoMember)?;
        workspace.members.remove(at);
        Ok(())
    }

    fn find(&mut self, name: &WorkspaceName) -> Result<&mut Workspace, ChangeRefusal> {
        let at = self.place(name).map_err(|_| ChangeRefusal::Unknown)?;
        self.workspaces.get_mut(at).ok_or(ChangeRefusal::Unknown)
    }
}
