//! Where the guarded server's side and the clients' sides meet. Nothing here waits, and no lock is
//! held while anything is read, written or asked for permission.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tungstenite::protocol::{CloseFrame, Message};

use super::parcel::Parcel;
use super::{Permission, SharedLimits};
use crate::ending::End;

/// A queue with fewer messages than this is never too long, however long they are: of two clients
/// that are equally fast, one is always a message behind.
const AT_LEAST: usize = 2;

/// How the connection to the guarded server ended, and what clients are told.
#[derive(Clone, Debug)]
pub(super) struct Farewell {
    pub(super) end: End,
    /// The Close frame's code and reason, if it has any.
    pub(super) close: Option<CloseFrame>,
}

/// Why a client's place is no longer one.
pub(super) enum Lost {
    /// It hasn't kept up. What was still to be sent to it is gone.
    TooSlow,
    /// The connection is over. What came before is still to be sent.
    Over(Farewell),
}

/// What became of a message of a client's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    PassedOn,
    Refused,
}

/// A message of a client's that is next to go to the guarded server.
pub(super) struct Turn {
    pub(super) seat: u64,
    pub(super) message: Message,
    pub(super) permission: Arc<dyn Permission>,
}

/// A message of a client's on its way.
enum Words {
    None,
    Waiting(Message),
    /// The guarded server's side has it and asks whether it may be passed on.
    InHand,
    Refused,
}

struct Seat {
    queue: VecDeque<Parcel>,
    /// What the queue's parcels cost together.
    cost: usize,
    too_slow: bool,
    words: Words,
    permission: Arc<dyn Permission>,
    waker: Option<Waker>,
}

#[derive(Default)]
struct State {
    seats: BTreeMap<u64, Seat>,
    /// Who waits to speak, the longest-waiting first; some may have left.
    turns: VecDeque<u64>,
    /// How many clients have joined so far.
    joined: u64,
    /// Of the guarded server's side, while it waits for somebody's turn.
    speaker: Option<Waker>,
    /// Of the guarded server's side, while it waits for somebody to have room.
    listener: Option<Waker>,
    over: Option<Farewell>,
}

/// The meeting point of a shared connection.
pub(super) struct Hub {
    pub(super) limits: SharedLimits,
    state: Mutex<State>,
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Hub {
    pub(super) fn new(limits: SharedLimits) -> Self {
        Self { limits, state: Mutex::default() }
    }

    /// The state is consistent between any two statements, so a panic elsewhere spoils nothing.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_over(&self) -> bool {
        self.lock().over.is_some()
    }

    /// From here on the client gets what the guarded server says.
    pub(super) fn seat(&self, permission: Arc<dyn Permission>) -> u64 {
        let mut state = self.lock();
        let seat = state.joined;
        state.joined += 1;
        let new = Seat {
            queue: VecDeque::new(),
            cost: 0,
            too_slow: false,
            words: Words::None,
            permission,
            waker: None,
        };
        state.seats.insert(seat, new);
        wake(&mut state.listener);
        seat
    }

    /// Whatever it was still to be sent, and had still to say, is gone.
    pub(super) fn leave(&self, seat: u64) {
        let mut state = self.lock();
        let left = state.seats.remove(&seat);
        state.turns.retain(|waiting| *waiting != seat);
        // It may have been the only one that kept the others waiting.
        wake(&mut state.listener);
        drop(state);
        // What comes with it may do anything when it is dropped.
        drop(left);
    }

    /// Whether a client has to go. Its task is woken when it has, and when there is something for
    /// it.
    pub(super) fn poll_lost(&self, seat: u64, cx: &Context<'_>) -> Poll<Lost> {
        let mut state = self.lock();
        let over = state.over.clone();
        let Some(here) = state.seats.get_mut(&seat) else { return Poll::Pending };
        if here.too_slow {
            return Poll::Ready(Lost::TooSlow);
        }
        register(&mut here.waker, cx);
        over.map_or(Poll::Pending, |farewell| Poll::Ready(Lost::Over(farewell)))
    }

    /// What a client is to be sent next.
    pub(super) fn next(&self, seat: u64) -> Option<Parcel> {
        let mut state = self.lock();
        let here = state.seats.get_mut(&seat)?;
        let parcel = here.queue.pop_front()?;
        here.cost = here.cost.saturating_sub(parcel.cost());
        wake(&mut state.listener);
        Some(parcel)
    }

    /// All that a client is still to be sent.
    pub(super) fn take_queue(&self, seat: u64) -> VecDeque<Parcel> {
        let mut state = self.lock();
        let Some(here) = state.seats.get_mut(&seat) else { return VecDeque::new() };
        here.cost = 0;
        std::mem::take(&mut here.queue)
    }

    /// A client has something to say. It waits for its turn; one message at a time.
    pub(super) fn speak(&self, seat: u64, message: Message) {
        let mut state = self.lock();
        if let Some(here) = state.seats.get_mut(&seat) {
            here.words = Words::Waiting(message);
            state.turns.push_back(seat);
            wake(&mut state.speaker);
        }
    }

    /// What became of what it said.
    pub(super) fn poll_heard(&self, seat: u64, cx: &Context<'_>) -> Poll<Heard> {
        let mut state = self.lock();
        let Some(here) = state.seats.get_mut(&seat) else { return Poll::Pending };
        match here.words {
            Words::None => Poll::Ready(Heard::PassedOn),
            Words::Refused => {
                here.words = Words::None;
                Poll::Ready(Heard::Refused)
            }
            Words::Waiting(_) | Words::InHand => {
                register(&mut here.waker, cx);
                Poll::Pending
            }
        }
    }

    /// Whose turn it is to speak to the guarded server.
    pub(super) fn poll_turn(&self, cx: &Context<'_>) -> Poll<Turn> {
        let mut state = self.lock();
        while let Some(seat) = state.turns.pop_front() {
            let Some(here) = state.seats.get_mut(&seat) else { continue };
            match std::mem::replace(&mut here.words, Words::InHand) {
                Words::Waiting(message) => {
                    let permission = Arc::clone(&here.permission);
                    return Poll::Ready(Turn { seat, message, permission });
                }
                other => here.words = other,
            }
        }
        register(&mut state.speaker, cx);
        Poll::Pending
    }

    /// Tells a client what became of its message.
    pub(super) fn answer(&self, seat: u64, heard: Heard) {
        if let Some(here) = self.lock().seats.get_mut(&seat) {
            here.words = match heard {
                Heard::PassedOn => Words::None,
                Heard::Refused => Words::Refused,
            };
            wake(&mut here.waker);
        }
    }

    /// Waits for somebody to have joined. What the guarded server says before is for them.
    pub(super) fn poll_attended(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.joined > 0 {
            return Poll::Ready(());
        }
        register(&mut state.listener, cx);
        Poll::Pending
    }

    /// Waits for one client, the fastest, to have room for a message of this cost, or for there to
    /// be no client.
    pub(super) fn poll_room(&self, cost: usize, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        // Half of the bound, so that who is as fast as the fastest is well below all of it.
        let most = self.limits.queue / 2;
        let roomy = |seat: &Seat| {
            !seat.too_slow && (seat.queue.is_empty() || seat.cost.saturating_add(cost) <= most)
        };
        let mut following = state.seats.values().filter(|seat| !seat.too_slow).peekable();
        if following.peek().is_none() || following.any(roomy) {
            return Poll::Ready(());
        }
        drop(following);
        register(&mut state.listener, cx);
        Poll::Pending
    }

    /// Gives a message to every client. Whose queue is full has been too slow.
    pub(super) fn publish(&self, parcel: &Parcel) {
        let mut state = self.lock();
        for seat in state.seats.values_mut().filter(|seat| !seat.too_slow) {
            if seat.queue.len() >= AT_LEAST && seat.cost >= self.limits.queue {
                seat.too_slow = true;
                seat.queue = VecDeque::new();
            } else {
                seat.cost = seat.cost.saturating_add(parcel.cost());
                seat.queue.push_back(parcel.clone());
            }
            wake(&mut seat.waker);
        }
    }

    /// The connection to the guarded server is over. Only the first to say so is heard.
    pub(super) fn end(&self, farewell: Farewell) {
        let mut state = self.lock();
        state.over.get_or_insert(farewell);
        state.seats.values_mut().for_each(|seat| wake(&mut seat.waker));
    }
}

fn register(waker: &mut Option<Waker>, cx: &Context<'_>) {
    match waker {
        Some(waker) => waker.clone_from(cx.waker()),
        None => *waker = Some(cx.waker().clone()),
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}
