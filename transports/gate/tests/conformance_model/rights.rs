//! What sessions may do and processes prove: limits, local tokens and workspaces, in lockstep.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use doorward_gate::audit::Event;
use doorward_gate::store::{Store, StoreError};
use doorward_policy::id::SessionId;
use doorward_policy::ledger::{NotKept, Selector};
use doorward_policy::local::{LocalRecord, LocalRequest, LocalSelector};
use doorward_policy::standing::Standing;
use doorward_policy::workspace::{Asked, Change, Claim, Member, Placing, Server, WorkspaceName};
use doorward_policy::{Capabilities, Timestamp};

use super::operation::{Locals, Operation, What};
use super::{LABELS, Model, sorted};
use crate::common::{audit, digest, id, subject};

/// What stores keep of rights besides the ledger.
#[derive(Default)]
pub(super) struct Rights {
    limited: BTreeSet<SessionId>,
    departed: BTreeMap<SessionId, Timestamp>,
    made: u64,
    revision: u64,
}

impl Rights {
    pub(super) fn forget(&mut self, now: Timestamp) {
        self.departed.retain(|_, until| now < *until);
    }
}

fn workspace(number: usize) -> WorkspaceName {
    WorkspaceName::new(["main", "blue", "a \"quoted\" grün"][number]).expect("a name")
}

pub(super) fn asked(number: Option<usize>) -> Asked {
    number.map_or(Asked::Default, |number| Asked::Named(workspace(number)))
}

fn incarnation(number: u64) -> [u8; 16] {
    id(5000 + number)
}

/// Where each workspace may be placed; one route is wanted by two.
fn placing(workspace: usize, label: usize) -> Placing {
    let claims: &[&str] = match (workspace, label) {
        (1, 0) => &["/blue", "blue.example:8443"],
        (2, 0) => &["/a/b/"],
        (_, 1) => &["/wanted"],
        _ => &[],
    };
    Placing {
        claims: claims.iter().map(|claim| Claim::parse(claim).expect("a claim")).collect(),
        web: (label == 0).then(|| Server::new("http://127.0.0.1:3000").expect("a server")),
        bytes: (label == 1).then(|| Server::new("unix:/run/blue.sock").expect("a server")),
    }
}

impl Model {
    pub(super) async fn step_rights(&mut self, store: &dyn Store, operation: &Operation) {
        match operation {
            Operation::Limit { session, left } => {
                let one = |session| Selector::Session(self.session(session));
                self.limit(store, session.map_or(Selector::All, one), *left).await;
            }
            Operation::MakeLocal { id, token, workspace } => {
                self.make_local(store, *id, *token, *workspace).await;
            }
            Operation::RemoveLocals { which } => self.remove_locals(store, which).await,
            Operation::Change { what, workspace: number, label, left, home } => {
                let (name, subject) = (workspace(*number), subject(LABELS[*label]));
                let change = match what {
                    What::Create => Change::Create(name, placing(*number, *label)),
                    What::Place => Change::Place(name, placing(*number, *label)),
                    What::Delete => Change::Delete(name),
                    What::Admit => {
                        Change::Admit(name, Member { subject, capabilities: *left, home: *home })
                    }
                    What::Expel => Change::Expel(name, subject),
                };
                self.change(store, change).await;
            }
            _ => {}
        }
    }

    async fn limit(&mut self, store: &dyn Store, which: Selector, left: Capabilities) {
        let record = audit(Event::SessionLimited).limited_to(left);
        let expected = sorted(self.ledger.limit_sessions(&which, left, self.now));
        self.rights.limited.extend(expected.iter().map(|session| session.id));
        let lines = expected.iter().map(|session| record.clone().about_session(session).line());
        self.lines.extend(lines);
        let answer = store.limit_sessions(which, left, self.now, record).await.expect("answered");
        assert_eq!(sorted(answer), expected);
    }

    async fn make_local(&mut self, store: &dyn Store, number: u64, token: u64, place: usize) {
        self.rights.made += 1;
        let request = LocalRequest {
            id: SessionId::new(id(number)),
            name: subject(LABELS[place]),
            workspace: workspace(place),
            capabilities: Capabilities::START_UP,
            pid: 4000 + u32::try_from(number).expect("small"),
            started: u64::MAX - token,
            directory: "/home/grün/\"x\"".to_owned(),
        };
        let made = incarnation(self.rights.made);
        let mut local =
            LocalRecord::issue(&request, Capabilities::ALL, made, self.now).expect("within bounds");
        local.ends_at = self.now.plus(Duration::from_millis(500 + 100_000 * number));
        let expected = self.ledger.insert_local(digest(token), local.clone());
        let record = audit(Event::LocalMade).about_local(&local);
        if let Ok(evicted) = &expected {
            self.lines.push(record.line());
            let removed = audit(Event::LocalRemoved).because("replaced");
            self.depart(evicted.as_slice(), &removed);
        }
        let answer = store.insert_local(digest(token), local, record).await;
        let expected = expected.map_err(|why| match why {
            NotKept::Full => StoreError::Full,
            NotKept::Exists => StoreError::Exists,
        });
        assert_eq!(answer, expected);
    }

    async fn remove_locals(&mut self, store: &dyn Store, which: &Locals) {
        let which = match which {
            Locals::Id(number) => LocalSelector::Id(SessionId::new(id(*number))),
            Locals::Incarnations(these) => {
                let these = these.iter().map(|one| SessionId::new(incarnation(*one)));
                LocalSelector::Incarnations(these.collect())
            }
            Locals::All => LocalSelector::All,
        };
        let expected = by_incarnation(self.ledger.remove_locals(&which));
        let record = audit(Event::LocalRemoved);
        self.depart(&expected, &record);
        let answer = store.remove_locals(which, record).await.expect("answered");
        assert_eq!(by_incarnation(answer), expected);
    }

    fn depart(&mut self, locals: &[LocalRecord], record: &doorward_gate::audit::AuditRecord) {
        for local in locals {
            self.lines.push(record.clone().about_local(local).line());
            self.rights.departed.insert(local.incarnation, local.ends_at);
        }
    }

    async fn change(&mut self, store: &dyn Store, change: Change) {
        // The ledger's placements follow the store's revision, which is not part of the contract.
        let revision = store.news(u64::MAX).await.expect("answered").revision + 1;
        assert!(revision > self.rights.revision);
        let expected = self.ledger.change_directory(&change, revision);
        let record = audit(Event::WorkspaceChanged).about_change(&change);
        if let Ok(orphans) = &expected {
            self.rights.revision = revision;
            self.lines.push(record.line());
            let removed = audit(Event::LocalRemoved).because("workspace deleted");
            self.depart(orphans, &removed);
        }
        let answer = store.change_directory(change, record).await;
        assert_eq!(answer, Ok(expected.map(|_| ())));
    }

    pub(super) async fn compare_rights(&self, store: &dyn Store) {
        let locals = store.locals().await.expect("a list");
        let expected = self.ledger.locals().cloned().collect::<Vec<_>>();
        assert_eq!(by_incarnation(locals), by_incarnation(expected));
        for token in 0..12 {
            let expected = self.ledger.local(&digest(token)).cloned();
            assert_eq!(store.find_local(digest(token)).await, Ok(expected));
        }
        assert_eq!(store.directory().await.as_ref(), Ok(self.ledger.directory()));
    }

    /// Whoever asks for everything, or has asked after every operation, knows the same.
    pub(super) async fn compare_news(&mut self, store: &dyn Store) {
        let mut expected = BTreeMap::new();
        for session in self.ledger.sessions() {
            let limited = self.rights.limited.contains(&session.id);
            let standing = match session.revoked_at {
                Some(_) => Standing::Revoked,
                None if limited => Standing::Limited(session.capabilities),
                None => continue,
            };
            expected.insert(session.id, (standing, session.absolute_end));
        }
        let departed = self.rights.departed.iter();
        expected.extend(departed.map(|(id, until)| (*id, (Standing::Revoked, *until))));
        let all = store.news(0).await.expect("answered");
        let told = all.sessions.len();
        let all_told =
            all.sessions.into_iter().map(|(id, standing, until)| (id, (standing, until)));
        assert_eq!(all_told.collect::<BTreeMap<_, _>>(), expected);
        assert_eq!(told, expected.len());
        assert_eq!(&all.directory.unwrap_or_default(), self.ledger.directory());

        let news = store.news(self.revision).await.expect("answered");
        assert!(news.revision >= self.revision);
        self.revision = news.revision;
        self.heard.extend(news.sessions.into_iter().map(|(id, standing, _)| (id, standing)));
        assert!(expected.iter().all(|(id, (standing, _))| self.heard.get(id) == Some(standing)));
        self.seen = news.directory.unwrap_or_else(|| std::mem::take(&mut self.seen));
        assert_eq!(&self.seen, self.ledger.directory());
        let idle = store.news(self.revision).await.expect("answered");
        assert!(idle.sessions.is_empty() && idle.directory.is_none());
        assert_eq!(idle.revision, self.revision);
    }
}

fn by_incarnation(mut locals: Vec<LocalRecord>) -> Vec<LocalRecord> {
    locals.sort_by_key(|local| local.incarnation);
    locals
}
