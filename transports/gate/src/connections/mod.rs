//! The live connections: on what each was admitted, telling each when it must end (I10), and how
//! many of each session there are, and were closed.

mod live;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use doorward_policy::Timestamp;
use doorward_policy::deadline;
use doorward_policy::denial::{Denial, Outage};
use doorward_policy::id::SessionId;
use doorward_policy::tenure::Tenure;
use doorward_policy::workspace::WorkspaceName;

pub use self::live::{Deadline, End, LiveConnection};
use self::live::{Entry, Holding};

/// How long it is told how many connections of a session were closed.
const CLOSED_LIFE: Duration = Duration::from_secs(60);
/// How many active sessions are looked at in one go.
const ACTIVE_BUDGET: usize = 256;

/// How long a connection may live.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Term {
    /// Its session's end, as it was admitted.
    pub(crate) ends_at: Timestamp,
    /// The end that no activity passes.
    pub(crate) absolute_end: Timestamp,
}

impl Term {
    /// Of what goes by no session.
    pub(crate) const ENDLESS: Self = Self::fixed(live::NEVER);

    /// One that no activity moves.
    pub(crate) const fn fixed(ends_at: Timestamp) -> Self {
        Self { ends_at, absolute_end: ends_at }
    }
}

/// A session whose clients have done something.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Active {
    pub(crate) key: SessionId,
    pub(crate) term: Term,
}

/// What the connections of a session come to: how many there are, and how many were closed by the
/// latest news about it.
pub(crate) type Count = (SessionId, u32, u32);

/// What can be told of all connections, as of one moment.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// The revision of the store up to which every connection that had to end has.
    pub(crate) acted: u64,
    /// Another number means that something below is different.
    pub(crate) changes: u64,
    pub(crate) sessions: Vec<Count>,
}

/// The connections of a process.
///
/// One that goes by no session, on an unguarded server, ends only with the server or with its
/// workspace.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    table: Mutex<Table>,
    /// Sessions that were active, each once, until they are looked at.
    active: Mutex<Vec<SessionId>>,
}

#[derive(Debug, Default)]
struct Table {
    held: HashMap<Option<SessionId>, Held>,
    /// When there is an end or a warning next, at the earliest.
    due: Option<Timestamp>,
    /// The revision of the store whose news all connections were judged by.
    revision: u64,
    /// How many connections that news ended are still there, by the first revision of that news.
    leaving: BTreeMap<u64, usize>,
    closed: HashMap<SessionId, Closed>,
    changes: u64,
}

#[derive(Debug)]
struct Held {
    holding: Arc<Holding>,
    live: Vec<Arc<Entry>>,
    /// How many of them are no client's.
    own: usize,
}

#[derive(Debug)]
struct Closed {
    news: u64,
    count: u32,
    until: Timestamp,
}

impl Connections {
    pub(crate) fn register(
        self: &Arc<Self>,
        tenure: Tenure,
        term: Term,
        by_client: bool,
        now: Timestamp,
    ) -> LiveConnection {
        let entry = self.table().register(tenure, term, by_client, now);
        LiveConnection::new(entry, Arc::clone(self))
    }

    /// A renewal, or activity, moves the end of the session's connections on: they live until its
    /// latest.
    pub(crate) fn extend(&self, session: SessionId, ends_at: Timestamp, now: Timestamp) {
        if let Some(held) = self.table().held.get(&Some(session)) {
            held.holding.put(ends_at, now);
        }
    }

    /// Ends what `judge` ends of the connections that the news up to `revision` concern: those of
    /// these sessions, and of everybody if it is about a workspace or its members.
    pub(crate) fn hear(
        &self,
        revision: u64,
        sessions: impl Iterator<Item = SessionId>,
        everybody: bool,
        now: Timestamp,
        judge: impl Fn(&Tenure, Timestamp) -> Result<(), Denial>,
    ) {
        let mut table = self.table();
        let news = table.revision.saturating_add(1);
        for session in sessions {
            table.forget_closed(session);
            table.judge(Some(session), Some(news), now, &judge);
        }
        if everybody {
            let keys: Vec<_> = table.held.keys().copied().collect();
            keys.into_iter().for_each(|key| table.judge(key, Some(news), now, &judge));
        }
        table.revision = table.revision.max(revision);
    }

    /// Ends the connections of one session that `judge` ends, ahead of the news.
    pub(crate) fn end(
        &self,
        session: SessionId,
        now: Timestamp,
        judge: impl Fn(&Tenure, Timestamp) -> Result<(), Denial>,
    ) {
        self.table().judge(Some(session), None, now, &judge);
    }

    /// Ends the connections whose time is over, and warns those whose time is nearly. Costs nothing
    /// where nothing is due.
    pub(crate) fn pass(
        &self,
        now: Timestamp,
        judge: impl Fn(&Tenure, Timestamp) -> Result<(), Denial>,
    ) {
        let mut table = self.table();
        if table.due.is_none_or(|due| now < due) {
            return;
        }
        let mut over = Vec::new();
        let mut due = None;
        for (key, held) in &table.held {
            held.holding.put(Timestamp::EPOCH, now);
            let ends_at = held.holding.deadline().ends_at;
            match deadline::next(ends_at, now) {
                Some(next) => due = earlier(due, next),
                None => over.push(*key),
            }
        }
        over.into_iter().for_each(|key| table.judge(key, None, now, &judge));
        table.due = due;
    }

    /// Ends every connection.
    pub(crate) fn drain(&self) {
        let table = self.table();
        let all = table.held.values().flat_map(|held| &held.live);
        all.for_each(|entry| entry.tell(Denial::Unavailable(Outage::Draining)));
    }

    /// Notes that a session is in use.
    fn touch(&self, holding: &Holding) {
        let fixed = holding.deadline().ends_at >= holding.absolute_end;
        if fixed || holding.active.load(Relaxed) {
            return;
        }
        if let Some(key) = holding.key
            && !holding.active.swap(true, SeqCst)
        {
            self.active().push(key);
        }
    }

    /// Some of the sessions that were active since they were last taken from here.
    pub(crate) fn take_active(&self) -> Vec<Active> {
        let keys: Vec<_> = {
            let mut active = self.active();
            let some = active.len().min(ACTIVE_BUDGET);
            active.drain(..some).collect()
        };
        let table = self.table();
        let active = |key: SessionId| {
            let holding = &table.held.get(&Some(key))?.holding;
            holding.active.store(false, SeqCst);
            Some(Active { key, term: holding.term() })
        };
        keys.into_iter().filter_map(active).collect()
    }

    /// The session, if it has a connection in this workspace.
    pub(crate) fn find_in(&self, session: SessionId, workspace: &WorkspaceName) -> Option<Active> {
        let table = self.table();
        let held = table.held.get(&Some(session))?;
        let there = |entry: &Arc<Entry>| {
            let joined = entry.tenure.joined();
            !entry.is_told() && joined.is_some_and(|joined| joined.name == *workspace)
        };
        let found = held.live.iter().any(there);
        found.then(|| Active { key: session, term: held.holding.term() })
    }

    /// What can be told of them.
    pub(crate) fn tally(&self) -> Tally {
        let table = self.table();
        Tally { acted: table.acted(), changes: table.changes, sessions: table.counts() }
    }

    /// Of what can be told, the revision and the number of changes.
    pub(crate) fn state(&self) -> (u64, u64) {
        let table = self.table();
        (table.acted(), table.changes)
    }

    /// Forgets what need not be told any more.
    pub(crate) fn prune(&self, now: Timestamp) {
        let mut table = self.table();
        let before = table.closed.len();
        table.closed.retain(|_, closed| now < closed.until);
        if table.closed.len() != before {
            table.changes += 1;
        }
    }

    /// How many connections there are in all.
    pub(crate) fn total(&self) -> usize {
        self.table().held.values().map(|held| held.live.len()).sum()
    }

    fn leave(&self, entry: &Entry, counted: bool) {
        self.table().leave(entry, counted);
    }

    /// The table is consistent between any two statements, so a panic elsewhere spoils nothing.
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn active(&self) -> MutexGuard<'_, Vec<SessionId>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Holding {
    fn term(&self) -> Term {
        Term { ends_at: self.deadline().ends_at, absolute_end: self.absolute_end }
    }
}

impl Table {
    fn register(
        &mut self,
        tenure: Tenure,
        term: Term,
        by_client: bool,
        now: Timestamp,
    ) -> Arc<Entry> {
        let key = tenure.key();
        let held = self.held.entry(key).or_insert_with(|| Held {
            holding: Arc::new(Holding::new(key, term.absolute_end, term.ends_at, now)),
            live: Vec::new(),
            own: 0,
        });
        held.holding.put(term.ends_at, now);
        // The connections of a session are mostly alike.
        let alike = held.live.last().filter(|last| *last.tenure == tenure);
        let tenure = alike.map_or_else(|| Arc::new(tenure), |last| Arc::clone(&last.tenure));
        let place = u32::try_from(held.live.len()).unwrap_or(u32::MAX);
        let entry = Arc::new(Entry::new(tenure, Arc::clone(&held.holding), place, by_client));
        held.live.push(Arc::clone(&entry));
        held.own += usize::from(!by_client);
        // What is over already is due at once.
        let next = deadline::next(held.holding.deadline().ends_at, now).unwrap_or(now);
        self.due = earlier(self.due, next);
        self.changes += 1;
        entry
    }

    /// Ends the connections of one session that must end. Those that news ends are counted.
    fn judge(
        &mut self,
        key: Option<SessionId>,
        news: Option<u64>,
        now: Timestamp,
        judge: &impl Fn(&Tenure, Timestamp) -> Result<(), Denial>,
    ) {
        let Some(held) = self.held.get(&key) else { return };
        let ends_at = held.holding.deadline().ends_at;
        for entry in &held.live {
            let Err(denial) = judge(&entry.tenure, ends_at) else { continue };
            entry.tell(denial);
            // Time passing is no news.
            let counted = denial != Denial::SessionExpired && entry.news.load(Relaxed) == 0;
            let Some(news) = news.filter(|_| counted) else { continue };
            entry.news.store(news, Relaxed);
            *self.leaving.entry(news).or_default() += 1;
            if let Some(session) = key {
                let until = now.plus(CLOSED_LIFE);
                let closed = self.closed.entry(session).or_insert(Closed { news, count: 0, until });
                if closed.news != news {
                    *closed = Closed { news, count: 0, until };
                }
            }
        }
    }

    /// Whoever waits for further news about a session is not told what earlier news closed, unless
    /// that is still under way.
    fn forget_closed(&mut self, session: SessionId) {
        let over = |closed: &Closed| !self.leaving.contains_key(&closed.news);
        if self.closed.get(&session).is_some_and(over) {
            self.closed.remove(&session);
        }
    }

    fn leave(&mut self, entry: &Entry, counted: bool) {
        let key = entry.holding.key;
        if let Some(held) = self.held.get_mut(&key) {
            held.remove(entry);
            if held.live.is_empty() {
                self.held.remove(&key);
            }
        }
        self.changes += 1;
        let news = entry.news.load(Relaxed);
        if let Some(left) = self.leaving.get_mut(&news) {
            *left -= 1;
            if *left == 0 {
                self.leaving.remove(&news);
            }
        }
        let closed = key.and_then(|session| self.closed.get_mut(&session));
        if let Some(closed) = closed.filter(|closed| counted && closed.news == news) {
            closed.count += 1;
        }
    }

    fn acted(&self) -> u64 {
        self.leaving.keys().next().map_or(self.revision, |first| first.saturating_sub(1))
    }

    fn counts(&self) -> Vec<Count> {
        let mut counts = BTreeMap::<SessionId, (u32, u32)>::new();
        for (key, held) in &self.held {
            if let Some(session) = key {
                let live = u32::try_from(held.live.len() - held.own).unwrap_or(u32::MAX);
                counts.entry(*session).or_default().0 = live;
            }
        }
        for (session, closed) in &self.closed {
            counts.entry(*session).or_default().1 = closed.count;
        }
        counts.into_iter().map(|(session, (live, closed))| (session, live, closed)).collect()
    }
}

impl Held {
    fn remove(&mut self, entry: &Entry) {
        let place = entry.place.load(Relaxed);
        let at = place as usize;
        if self.live.get(at).is_some_and(|found| std::ptr::eq(&**found, entry)) {
            self.live.swap_remove(at);
            self.own -= usize::from(!entry.by_client);
            if let Some(moved) = self.live.get(at) {
                moved.place.store(place, Relaxed);
            }
        }
    }
}

fn earlier(one: Option<Timestamp>, other: Timestamp) -> Option<Timestamp> {
    Some(one.map_or(other, |one| one.min(other)))
}
