//! A connection's place in a room.

use std::sync::Arc;

use doorward_policy::id::SessionId;
use doorward_policy::room::{Place, Role, WriteRefusal};
use tokio::sync::watch;

use super::hall::Hall;
use super::{Member, RoomId, Rooms};

/// A place in a room, which its connection leaves by dropping it.
#[derive(Debug)]
pub struct RoomPlace {
    rooms: Arc<Rooms>,
    hall: Arc<Hall>,
    place: Place,
    member: Member,
}

impl RoomPlace {
    pub(super) const fn new(
        rooms: Arc<Rooms>,
        hall: Arc<Hall>,
        place: Place,
        member: Member,
    ) -> Self {
        Self { rooms, hall, place, member }
    }

    /// The room.
    #[must_use]
    pub fn room(&self) -> RoomId {
        self.hall.id
    }

    /// Who has it.
    #[must_use]
    pub const fn member(&self) -> &Member {
        &self.member
    }

    /// What may be done from here.
    #[must_use]
    pub fn role(&self) -> Role {
        self.hall.role(self.place).unwrap_or(Role::Follower)
    }

    /// To be asked for each message, before it is passed on.
    #[must_use]
    pub fn pen(&self) -> Pen {
        Pen { hall: Arc::clone(&self.hall), place: self.place }
    }

    /// Who holds the lease, and each change of that.
    #[must_use]
    pub fn owner(&self) -> watch::Receiver<Option<SessionId>> {
        self.hall.owner()
    }

    /// Resolves when the room is over: nobody is in it, and nobody may come back. What its members
    /// shared is to end then.
    pub fn over(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut over = self.hall.over();
        async move {
            // A room that is gone is over.
            let _result = over.wait_for(|over| *over).await;
        }
    }

    /// Its session won't come back: its lease or its turn is given up at once, rather than kept for
    /// a return.
    pub fn forfeit(&self) {
        let now = self.rooms.clock.now().unwrap_or_default();
        self.hall.forfeit(self.member.key, now);
    }
}

impl Drop for RoomPlace {
    fn drop(&mut self) {
        self.rooms.left(&self.hall, self.place);
    }
}

/// Whether a place may write at this moment. Good for nothing once the place is left.
#[derive(Clone, Debug)]
pub struct Pen {
    hall: Arc<Hall>,
    place: Place,
}

impl Pen {
    /// Whether what came from the place may go to the guarded server.
    ///
    /// # Errors
    /// Unless it is the owner's, and may operate.
    pub fn write(&self) -> Result<(), WriteRefusal> {
        self.hall.write(self.place)
    }

    /// As [`write`](Self::write), in a word.
    #[must_use]
    pub fn may_write(&self) -> bool {
        self.write().is_ok()
    }
}
