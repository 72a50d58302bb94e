//! What the members of a room share, opened by one of them while the others wait.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::{RoomId, RoomPlace};

/// One link for each room: a handle to whatever carries it.
pub struct Links<L> {
    slots: Mutex<HashMap<RoomId, Slot<L>>>,
    changed: Notify,
}

enum Slot<L> {
    Opening,
    Open(L),
}

/// What there is of a room's link.
#[derive(Debug)]
pub enum Found<L> {
    /// It.
    Open(L),
    /// Nothing, and whoever gets this opens it.
    Yours(Opening<L>),
    /// Nothing, and who may only observe doesn't open it.
    Nothing,
}

impl<L: Clone> Links<L> {
    /// None yet.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self { slots: Mutex::default(), changed: Notify::new() })
    }

    /// Finds the link of the room that `place` is in, or has it opened by whoever asks first of
    /// those that may operate. Waits while somebody else opens it: to be bounded by the caller.
    pub async fn find(self: &Arc<Self>, place: &RoomPlace) -> Found<L> {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // From here on it is woken: a change is either seen now or told later.
            changed.as_mut().enable();
            if let Some(found) = self.look(place) {
                return found;
            }
            changed.await;
        }
    }

    fn look(self: &Arc<Self>, place: &RoomPlace) -> Option<Found<L>> {
        let mut slots = self.slots();
        match slots.get(&place.room()) {
            Some(Slot::Open(link)) => Some(Found::Open(link.clone())),
            Some(Slot::Opening) => None,
            //= req: ROOM-6
            None if !place.member().may_operate => Some(Found::Nothing),
            None => {
                slots.insert(place.room(), Slot::Opening);
                let links = Arc::clone(self);
                Some(Found::Yours(Opening { links, room: place.room() }))
            }
        }
    }
}

impl<L> Links<L> {
    /// How many there are, those that are being opened included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots().len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn set(&self, room: RoomId, slot: Option<Slot<L>>) {
        match slot {
            Some(slot) => self.slots().insert(room, slot),
            None => self.slots().remove(&room),
        };
        self.changed.notify_waiters();
    }

    /// The table is consistent between any two statements, so a panic elsewhere spoils nothing.
    fn slots(&self) -> MutexGuard<'_, HashMap<RoomId, Slot<L>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<L> fmt::Debug for Links<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// The task of opening a room's link, and then of keeping it: nobody else opens one until this is
/// dropped, by whoever failed to open it or by what carries it when it ends.
pub struct Opening<L> {
    links: Arc<Links<L>>,
    room: RoomId,
}

impl<L> Opening<L> {
    /// It is open: whoever waits for it gets it.
    pub fn opened(&self, link: L) {
        self.links.set(self.room, Some(Slot::Open(link)));
    }
}

impl<L> Drop for Opening<L> {
    fn drop(&mut self) {
        self.links.set(self.room, None);
    }
}

impl<L> fmt::Debug for Opening<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening").field("room", &self.room).finish_non_exhaustive()
    }
}
