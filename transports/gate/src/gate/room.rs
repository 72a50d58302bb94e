//! Rooms, for those who were admitted: whether they still are is looked up each time.

use doorward_policy::Capabilities;
use doorward_policy::admission::Admitted;
use doorward_policy::credential::Identity;
use doorward_policy::denial::{Denial, Outage};
use doorward_policy::id::QuestionId;
use doorward_policy::workspace::Joined;

use super::{Admission, Gate, Refusal};
use crate::rooms::{
    Act, ActRefusal, AskRefusal, Asker, Member, Pending, QuestionText, RoomId, RoomKey, RoomPlace,
    RoomView,
};
use crate::system::random;

impl Gate {
    /// Gives a connection, which is [registered](Self::register) by now, a place in the room for
    /// `place`: the path without its query for a WebSocket, nothing for QUIC. Its session and
    /// membership are looked at once more.
    ///
    /// # Errors
    /// The refusal, if there is no room, it may no longer, or nobody in particular was admitted.
    pub fn enter_room(&self, admission: &Admission, place: &str) -> Result<RoomPlace, Refusal> {
        self.find_place(admission, place).map_err(|denial| self.refuse_admitted(admission, denial))
    }

    fn find_place(&self, admission: &Admission, place: &str) -> Result<RoomPlace, Denial> {
        let admitted = &admission.admitted;
        let holder = admitted.holder().ok_or(Denial::CredentialMissing)?;
        let joined = *admitted.joined().ok_or(Denial::WorkspaceUnknown)?;
        let transport = admitted.context().transport;
        let key = RoomKey { joined, transport, place: place.to_owned() };
        let member = Member {
            key: holder.key,
            id: holder.id,
            subject: holder.subject,
            may_operate: admitted.capabilities().contains(Capabilities::OPERATE),
        };
        let place = self.rooms.enter(&key, member).map_err(|refusal| refusal.denial())?;
        self.look_again(admission)?;
        Ok(place)
    }

    /// What the session of a request sees of the rooms that it has a place in.
    #[must_use]
    pub fn rooms_of(&self, admission: &Admission) -> Vec<RoomView> {
        let Some(holder) = admission.admitted.holder() else { return Vec::new() };
        let mut views = self.rooms.seen_by(holder.key);
        views.retain(|view| self.may(&admission.admitted, &view.key.joined).is_some());
        views
    }

    /// Does what the session of a request wants of a room: of the only one that it has a place in,
    /// if it doesn't say which. An answer is for the room where it was asked.
    ///
    /// # Errors
    /// If it isn't theirs to do.
    pub fn act_in_room(
        &self,
        admission: &Admission,
        room: Option<RoomId>,
        act: Act,
    ) -> Result<(), ActRefusal> {
        let holder = admission.admitted.holder().ok_or(ActRefusal::NoRoom)?;
        let views = self.rooms_of(admission);
        let view = match (room, act) {
            (Some(room), _) => views.iter().find(|view| view.id == room),
            (None, Act::Answer { question, .. }) => {
                let asked = |view: &&RoomView| view.questions.iter().any(|one| one.id == question);
                Some(views.iter().find(asked).ok_or(ActRefusal::NoQuestion)?)
            }
            (None, _) if views.len() > 1 => return Err(ActRefusal::WhichRoom),
            (None, _) => views.first(),
        };
        let view = view.ok_or(ActRefusal::NoRoom)?;
        let may = self.may(&admission.admitted, &view.key.joined).ok_or(ActRefusal::NoRoom)?;
        let gives_up = matches!(act, Act::Withdraw | Act::Release);
        if !may.contains(Capabilities::OPERATE) && !gives_up {
            return Err(ActRefusal::MayNotOwn);
        }
        self.rooms.act(holder.key, view.id, act)
    }

    /// Puts a question of a local token's process to whoever may write in its workspace.
    ///
    /// # Errors
    /// If nobody can be asked, which is to be taken as a no.
    pub fn ask_owner(
        &self,
        admission: &Admission,
        text: &QuestionText,
    ) -> Result<Pending, AskRefusal> {
        let admitted = &admission.admitted;
        let Identity::Local(claims) = admitted.identity() else { return Err(AskRefusal::NoOwner) };
        let id = random(&*self.entropy).map_err(|_| AskRefusal::Unavailable)?;
        let by = Asker { key: claims.incarnation, name: claims.name };
        self.rooms.pose(QuestionId::new(id), text, by, |joined| {
            joined.name == claims.workspace && self.may(admitted, joined).is_some()
        })
    }

    /// The refusal of a connection whose room nobody who may has opened.
    pub fn refuse_empty_room(&self, admission: &Admission) -> Refusal {
        self.refuse_admitted(admission, Denial::Unavailable(Outage::RoomEmpty))
    }

    fn may(&self, admitted: &Admitted, joined: &Joined) -> Option<Capabilities> {
        self.guarded(|guard, _| guard.membership(admitted, joined)).ok()
    }
}
