//! Taking up a directory that a store has kept.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::{Directory, MOST_MEMBERS, MOST_WORKSPACES, Member, Placing, Workspace, WorkspaceName};
use crate::subject::Subject;

/// A workspace as a store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its name.
    pub name: WorkspaceName,
    /// The revision at which it was placed.
    pub placement: u64,
    /// Where it was placed.
    pub placing: Placing,
    /// Its members.
    pub members: Vec<Member>,
}

impl From<&Workspace> for Kept {
    fn from(workspace: &Workspace) -> Self {
        let Workspace { name, placement, claims, web, bytes, members } = workspace.clone();
        Self { name, placement, placing: Placing { claims, web, bytes }, members }
    }
}

impl Directory {
    /// The directory whose workspaces these are, in their order; `None` for what no changes come
    /// to. A store's document that is damaged is none, and never a wider right.
    #[must_use]
    pub fn restore(kept: Vec<Kept>) -> Option<Self> {
        let members: usize = kept.iter().map(|one| one.members.len()).sum();
        //= req: WORK-10
        if kept.len() > MOST_WORKSPACES || members > MOST_MEMBERS {
            return None;
        }
        let mut directory = Self::default();
        let mut homes = BTreeSet::new();
        for one in kept {
            directory.take_up(one, &mut homes)?;
        }
        let main = directory.place(&WorkspaceName::main()).is_ok();
        //= req: WORK-10
        (main || directory.is_off()).then_some(directory)
    }

    fn take_up(&mut self, kept: Kept, homes: &mut BTreeSet<Subject>) -> Option<()> {
        let Kept { name, placement, placing, members } = kept;
        let in_order = self.workspaces.last().is_none_or(|last| last.name < name);
        let placed = if name.is_main() {
            placement == 0 && placing == Placing::default()
        } else {
            placement > 0 && self.check(name, &placing).is_ok()
        };
        let members_in_order = members.is_sorted_by(|one, next| one.subject < next.subject);
        let sound = |member: &Member| {
            !member.capabilities.is_empty() && (!member.home || homes.insert(member.subject))
        };
        //= req: WORK-10
        if !in_order || !placed || !members_in_order || !members.iter().all(sound) {
            return None;
        }
        let Placing { claims, web, bytes } = placing;
        self.workspaces.push(Workspace { name, placement, claims, web, bytes, members });
        Some(())
    }
}
