//! What a gate holds in memory, and loses in a crash: the mirror of the store's exceptions, and
//! the live connections.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use doorward_policy::capability::Capabilities;
use doorward_policy::id::SessionId;
use doorward_policy::standing::{Standing, Standings};
use doorward_policy::tenure::Tenure;
use doorward_policy::workspace::Directory;
use doorward_policy::{Admitted, Denial, Timestamp};

use super::facts::FRESHNESS;
use super::kept::{Content, Kept};
use super::store::News;

/// What a gate knows of the store.
#[derive(Clone, Debug)]
pub struct Mirror {
    pub(super) standings: Standings,
    pub(super) directory: Directory,
    noted: BTreeSet<SessionId>,
    as_of: Timestamp,
}

impl Mirror {
    pub(super) fn new() -> Self {
        let standings = Standings::new([0; 8], FRESHNESS);
        let (directory, as_of) = (Directory::default(), Timestamp::EPOCH);
        Self { standings, directory, noted: BTreeSet::new(), as_of }
    }

    pub(super) fn note(&mut self, session: SessionId, standing: Standing, until: Timestamp) {
        self.standings.note(session, standing, until);
        self.noted.insert(session);
    }

    pub(super) fn hear(&mut self, news: &News) {
        for (session, standing, until) in &news.sessions {
            self.note(*session, *standing, *until);
        }
        if let Some(directory) = &news.directory {
            self.directory = directory.clone();
        }
    }

    pub(super) fn refreshed(&mut self, now: Timestamp) {
        self.standings.refreshed(now);
        self.as_of = now;
    }
}

impl Content for Mirror {
    fn lay_out(&self, into: &mut DefaultHasher) {
        for session in &self.noted {
            let standing = match self.standings.of(*session) {
                Standing::Unchanged => None,
                Standing::Revoked => Some(None),
                Standing::Limited(left) => Some(Some(left)),
            };
            (session, standing).hash(into);
        }
        format!("{:?}", self.directory).hash(into);
        self.as_of.hash(into);
    }
}

/// A connection in a gate's register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// Which client holds it.
    pub client: u8,
    /// Whether it was looked at once more since it was registered, and so counts as admitted.
    pub admitted: bool,
    /// On what it was admitted.
    pub tenure: Tenure,
    /// What it was allowed.
    pub granted: Capabilities,
    /// The latest end of its session that the gate knows.
    pub ends_at: Timestamp,
    /// Why it was ended, until its client has gone.
    pub ended: Option<Denial>,
}

impl Live {
    pub(super) fn new(client: u8, admitted: &Admitted) -> Self {
        let ends_at = admitted.holder().expect("a session").expires_at;
        Self {
            client,
            admitted: false,
            tenure: Tenure::of(admitted),
            granted: admitted.capabilities(),
            ends_at,
            ended: None,
        }
    }

    /// Its session.
    #[must_use]
    pub fn session(&self) -> SessionId {
        self.tenure.key().expect("a session")
    }

    /// Whether bytes may flow on it.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.admitted && self.ended.is_none()
    }
}

impl Hash for Live {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let joined = self.tenure.joined().map(|joined| (joined.name, joined.placement));
        (self.client, self.admitted, self.tenure.key(), joined).hash(state);
        (self.granted, self.ends_at, self.ended.map(|denial| format!("{denial:?}"))).hash(state);
    }
}

/// A running or crashed gate.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Gate {
    /// Whether it runs.
    pub up: bool,
    /// Whether the store answers it.
    pub reached: bool,
    /// The revision up to which it has heard the news.
    pub heard: u64,
    /// At which tick the store answered it last; what it believes is in its mirror.
    pub answered: u8,
    /// At which tick it looked at its connections last, and for news.
    pub looked: u8,
    /// What it knows.
    pub mirror: Kept<Mirror>,
    /// Its connections.
    pub live: Vec<Live>,
}

impl Gate {
    /// A gate before its first look at the store.
    pub(super) fn down() -> Self {
        Self {
            up: false,
            reached: true,
            heard: 0,
            answered: 0,
            looked: 0,
            mirror: Kept::new(Mirror::new()),
            live: Vec::new(),
        }
    }
}
