//! The plain model of workspaces: all changes that were made, read from the start each time.

use doorward_policy::capability::Capabilities;
use doorward_policy::workspace::{Change, ChangeRefusal, Kept, Member, Placing};

use crate::common::workspace::name;

pub(crate) const NAMES: [&str; 4] = ["main", "a", "bb", "Bb"];
pub(crate) const PEOPLE: [&str; 3] = ["ann", "bob", "cy"];
pub(crate) const CLAIMS: [&str; 8] =
    ["/a", "/A", "/a/b", "/c", "one.example", "ONE.example:80", "one.example:81", "two.example"];
pub(crate) const HOSTS: [&str; 5] =
    ["localhost:8765", "one.example", "One.example:81", "one.example:82", "two.example"];

/// A path; its names as far as every server reads them alike; all names, decoded.
pub(crate) struct Spelling(
    pub(crate) &'static str,
    pub(crate) &'static [&'static str],
    pub(crate) &'static [&'static str],
);

pub(crate) const PATHS: [Spelling; 10] = [
    Spelling("/", &[], &[]),
    Spelling("/x", &["x"], &["x"]),
    Spelling("/a", &["a"], &["a"]),
    Spelling("/a/b/c", &["a", "b", "c"], &["a", "b", "c"]),
    Spelling("/a/B", &["a", "B"], &["a", "B"]),
    Spelling("/A/b", &["A", "b"], &["A", "b"]),
    Spelling("/a/%62", &["a"], &["a", "b"]),
    Spelling("//c", &[], &["c"]),
    Spelling("/c/;x/c?/a", &["c"], &["c", "c"]),
    Spelling("/x/%2e%2e/c", &[], &["x", "..", "c"]),
];

/// The changes that were made, with their revisions; the model knows nothing else.
#[derive(Default)]
pub(crate) struct History(pub(crate) Vec<(u64, Change)>);

/// What a request asks for.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Wanted {
    Default,
    Named(&'static str),
    Nobodys,
}

impl History {
    fn last(&self, is: impl Fn(&Change) -> bool) -> Option<usize> {
        self.0.iter().rposition(|(_, change)| is(change))
    }

    /// Where the life of a workspace begins, if it is there.
    fn birth(&self, workspace: &str) -> Option<usize> {
        let deleted = self.last(|one| matches!(one, Change::Delete(n) if n.as_str() == workspace));
        let after = deleted.map_or(0, |at| at + 1);
        let born = |change: &Change| match change {
            Change::Create(n, _) => workspace == "main" || n.as_str() == workspace,
            _ => false,
        };
        (after..self.0.len()).find(|at| born(&self.0[*at].1))
    }

    fn there(&self) -> Vec<&'static str> {
        let mut there: Vec<_> =
            NAMES.into_iter().filter(|name| self.birth(name).is_some()).collect();
        there.sort_unstable();
        there
    }

    fn placed(&self, workspace: &str) -> (u64, Placing) {
        let birth = self.birth(workspace).unwrap();
        let placed = self.0[birth..].iter().rev().find_map(|(revision, change)| match change {
            Change::Create(n, placing) | Change::Place(n, placing) if n.as_str() == workspace => {
                Some((*revision, placing.clone()))
            }
            _ => None,
        });
        placed.unwrap_or_default()
    }

    /// The last word on somebody's membership, if it is one.
    fn admitted(&self, workspace: &str, who: &str) -> Option<usize> {
        let birth = self.birth(workspace)?;
        let of = |change: &Change| match change {
            Change::Admit(n, member) => n.as_str() == workspace && member.subject.as_str() == who,
            Change::Expel(n, subject) => n.as_str() == workspace && subject.as_str() == who,
            _ => false,
        };
        let last = self.last(of).filter(|at| *at >= birth)?;
        matches!(self.0[last].1, Change::Admit(..)).then_some(last)
    }

    fn member(&self, workspace: &str, who: &str) -> Option<Member> {
        let at = self.admitted(workspace, who)?;
        let Change::Admit(_, member) = &self.0[at].1 else { return None };
        Some(Member { home: self.home(who) == Some(at), ..*member })
    }

    /// The last time that somebody was given a home, if that still is the last word.
    fn home(&self, who: &str) -> Option<usize> {
        let given = |one: &Change| matches!(one, Change::Admit(_, m) if m.home && m.subject.as_str() == who);
        let at = self.last(given)?;
        let Change::Admit(workspace, _) = &self.0[at].1 else { return None };
        (self.admitted(workspace.as_str(), who) == Some(at)).then_some(at)
    }

    fn members(&self, workspace: &str) -> Vec<Member> {
        PEOPLE.iter().filter_map(|who| self.member(workspace, who)).collect()
    }

    pub(crate) fn kept(&self) -> Vec<Kept> {
        let there = self.there().into_iter();
        there
            .map(|workspace| {
                let (placement, placing) = self.placed(workspace);
                let members = self.members(workspace);
                Kept { name: name(workspace), placement, placing, members }
            })
            .collect()
    }

    /// All claims there are, as their texts.
    pub(crate) fn claims(&self) -> Vec<(&'static str, String)> {
        let of =
            |workspace| self.placed(workspace).1.claims.into_iter().map(move |c| (workspace, c));
        let all = self.there().into_iter().flat_map(of);
        all.map(|(workspace, claim)| (workspace, claim.to_string())).collect()
    }

    pub(crate) fn verdict(&self, change: &Change) -> Result<(), ChangeRefusal> {
        let here = |name: &str| self.birth(name).is_some();
        let unless = |refused: bool, why| if refused { Err(why) } else { Ok(()) };
        match change {
            Change::Create(name, placing) | Change::Place(name, placing) => {
                unless(name.is_main(), ChangeRefusal::Main)?;
                let others = self.claims().into_iter().filter(|(one, _)| *one != name.as_str());
                let others: Vec<_> = others.map(|(_, text)| text).collect();
                let mut wanted = placing.claims.iter().map(ToString::to_string);
                let taken = wanted.any(|one| others.iter().any(|other| clash(&one, other)));
                unless(taken, ChangeRefusal::Claimed)?;
                match change {
                    Change::Create(..) => unless(here(name.as_str()), ChangeRefusal::Exists),
                    _ => unless(!here(name.as_str()), ChangeRefusal::Unknown),
                }
            }
            Change::Delete(name) => {
                unless(!here(name.as_str()), ChangeRefusal::Unknown)?;
                unless(name.is_main() && self.there().len() > 1, ChangeRefusal::OthersLeft)
            }
            Change::Admit(name, member) => {
                unless(member.capabilities.is_empty(), ChangeRefusal::Nothing)?;
                unless(!here(name.as_str()), ChangeRefusal::Unknown)
            }
            Change::Expel(name, who) => {
                unless(!here(name.as_str()), ChangeRefusal::Unknown)?;
                let member = self.member(name.as_str(), who.as_str());
                unless(member.is_none(), ChangeRefusal::NoMember)
            }
        }
    }

    pub(crate) fn wanted(&self, host: &str, Spelling(_, sure, all): &Spelling) -> Wanted {
        let claims = self.claims();
        if let Some((workspace, _)) = claims.iter().find(|(_, text)| covers_host(text, host)) {
            return Wanted::Named(workspace);
        }
        let paths: Vec<_> = claims
            .iter()
            .filter(|(_, text)| text.starts_with('/'))
            .map(|(workspace, text)| (*workspace, text[1..].split('/').collect::<Vec<_>>()))
            .collect();
        let certain = |names: &[&str]| sure.starts_with(names);
        let longest =
            paths.iter().filter(|(_, names)| certain(names)).max_by_key(|(_, names)| names.len());
        let folded = |names: &[&str]| names.iter().map(|n| n.to_lowercase()).collect::<Vec<_>>();
        let possible = |names: &[&str]| {
            all.contains(&"..") || (!certain(names) && folded(all).starts_with(&folded(names)))
        };
        let owner = longest.map(|(workspace, _)| *workspace);
        let elsewhere = paths.iter().any(|(one, names)| possible(names) && Some(*one) != owner);
        match owner {
            _ if elsewhere => Wanted::Nobodys,
            Some(workspace) => Wanted::Named(workspace),
            None => Wanted::Default,
        }
    }

    /// What somebody joins, who may do anything by their token.
    pub(crate) fn joins(
        &self,
        who: &str,
        wanted: Wanted,
        bytes: bool,
    ) -> Option<(String, u64, Capabilities)> {
        if self.there().is_empty() {
            let main = wanted == Wanted::Default || wanted == Wanted::Named("main");
            return main.then(|| ("main".into(), 0, Capabilities::ALL));
        }
        let mine: Vec<_> =
            self.there().into_iter().filter(|one| self.member(one, who).is_some()).collect();
        let workspace = match wanted {
            Wanted::Nobodys => return None,
            Wanted::Named(workspace) => mine.into_iter().find(|one| *one == workspace)?,
            Wanted::Default => {
                let home = mine.iter().find(|one| self.member(one, who).unwrap().home);
                let main = mine.iter().find(|one| **one == "main");
                let only = mine.first().filter(|_| mine.len() == 1);
                *home.or(main).or(only)?
            }
        };
        let (placement, placing) = self.placed(workspace);
        let there = match (placing.web, placing.bytes, bytes) {
            (None, None, _) | (Some(_), Some(_), _) => true,
            (web, _, bytes) => web.is_some() != bytes,
        };
        let member = self.member(workspace, who)?;
        there.then(|| (workspace.into(), placement, member.capabilities))
    }
}

/// Whether two claims, by their texts, have something in common.
fn clash(one: &str, other: &str) -> bool {
    let (one, other) = (one.to_lowercase(), other.to_lowercase());
    if one.starts_with('/') || other.starts_with('/') {
        return one == other;
    }
    let (one, other) = (split_host(&one), split_host(&other));
    one.0 == other.0 && (one.1.is_none() || other.1.is_none() || one.1 == other.1)
}

pub(crate) fn covers_host(claim: &str, host: &str) -> bool {
    let (claim, host) = (claim.to_lowercase(), host.to_lowercase());
    let ((claimed, port), (seen, at)) = (split_host(&claim), split_host(&host));
    !claim.starts_with('/') && claimed == seen && port.is_none_or(|port| port == at.unwrap_or("80"))
}

fn split_host(text: &str) -> (&str, Option<&str>) {
    text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)))
}
