//! What the guarded server says, handed to every member of a room.

use std::collections::{BTreeMap, VecDeque};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

/// Bytes that may wait for a member that is slower than others.
const QUEUE: usize = 4 << 20;
/// What a place in a queue takes besides its bytes: a queue of single ones is bounded too.
const OVERHEAD: usize = 128;

/// How the guarded server's side ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It has said all.
    Finished,
    /// It was cut off.
    Broken,
    /// Doorward is going away.
    Away,
}

/// What comes next for a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Bytes(Bytes),
    End(End),
    /// The member hasn't kept up with a faster one.
    TooSlow,
}

#[derive(Debug, Default)]
struct State {
    places: BTreeMap<u64, Place>,
    /// How many members have joined so far.
    joined: u64,
    end: Option<End>,
}

#[derive(Debug, Default)]
struct Place {
    queue: VecDeque<Bytes>,
    cost: usize,
    too_slow: bool,
    news: Arc<Notify>,
}

/// Who hears the guarded server.
#[derive(Debug, Default)]
pub(super) struct Fan {
    state: Mutex<State>,
    /// A member has joined, left, or taken something.
    stirred: Notify,
}

impl Fan {
    /// The state is consistent between any two statements, so a panic elsewhere spoils nothing.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on a member hears what is said.
    pub(super) fn sit(self: &Arc<Self>) -> Seat {
        let mut state = self.lock();
        let id = state.joined;
        state.joined += 1;
        let place = Place::default();
        let news = Arc::clone(&place.news);
        state.places.insert(id, place);
        drop(state);
        self.stirred.notify_one();
        Seat { fan: Arc::clone(self), id, news }
    }

    /// Hands out some bytes, once one member, the fastest, has room for them, or there is none.
    /// Whose queue is full by then has been too slow.
    pub(super) async fn publish(&self, bytes: Bytes) {
        let cost = bytes.len().saturating_add(OVERHEAD);
        while !self.try_publish(&bytes, cost) {
            self.stirred.notified().await;
        }
    }

    fn try_publish(&self, bytes: &Bytes, cost: usize) -> bool {
        let mut state = self.lock();
        // Half of the bound, so that who is as fast as the fastest is well below all of it.
        let roomy = |place: &Place| place.cost.saturating_add(cost) <= QUEUE / 2;
        let mut following = state.places.values().filter(|place| !place.too_slow).peekable();
        if following.peek().is_some() && !following.any(roomy) {
            return false;
        }
        drop(following);
        for place in state.places.values_mut().filter(|place| !place.too_slow) {
            if place.cost.saturating_add(cost) > QUEUE {
                *place =
                    Place { too_slow: true, news: Arc::clone(&place.news), ..Place::default() };
            } else {
                place.cost = place.cost.saturating_add(cost);
                place.queue.push_back(bytes.clone());
            }
            place.news.notify_one();
        }
        true
    }

    /// Nothing more is said. Only the first to say so is heard.
    pub(super) fn end(&self, end: End) {
        let mut state = self.lock();
        state.end.get_or_insert(end);
        state.places.values().for_each(|place| place.news.notify_one());
    }

    fn take(&self, id: u64) -> Option<Next> {
        let mut state = self.lock();
        let end = state.end;
        let Some(place) = state.places.get_mut(&id).filter(|place| !place.too_slow) else {
            return Some(Next::TooSlow);
        };
        if let Some(bytes) = place.queue.pop_front() {
            place.cost = place.cost.saturating_sub(bytes.len().saturating_add(OVERHEAD));
            drop(state);
            self.stirred.notify_one();
            return Some(Next::Bytes(bytes));
        }
        end.map(Next::End)
    }
}

/// A member's place among those that hear. It is left by dropping it.
#[derive(Debug)]
pub(super) struct Seat {
    fan: Arc<Fan>,
    id: u64,
    news: Arc<Notify>,
}

impl Seat {
    /// What comes next. Nothing is lost by not waiting for it.
    pub(super) async fn next(&self) -> Next {
        loop {
            if let Some(next) = self.fan.take(self.id) {
                return next;
            }
            self.news.notified().await;
        }
    }

    /// Resolves when the member hasn't kept up.
    pub(super) async fn too_slow(&self) {
        loop {
            let mut news = pin!(self.news.notified());
            news.as_mut().enable();
            if self.fan.lock().places.get(&self.id).is_none_or(|place| place.too_slow) {
                return;
            }
            news.await;
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.fan.lock().places.remove(&self.id);
        self.fan.stirred.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn chunk() -> Bytes {
        Bytes::from(vec![7; 64 * 1024])
    }

    /// Publishes until nobody is left who could take more, and says how often that went.
    fn fill(fan: &Fan) -> usize {
        (0..1_000).take_while(|_| fan.publish(chunk()).now_or_never().is_some()).count()
    }

    #[test]
    fn everybody_hears_everything_from_when_they_joined() {
        let fan = Arc::new(Fan::default());
        let first = fan.sit();
        fan.publish(Bytes::from("a")).now_or_never().expect("room");
        let second = fan.sit();
        fan.publish(Bytes::from("b")).now_or_never().expect("room");
        fan.end(End::Finished);
        fan.end(End::Broken);
        for (seat, heard) in [(first, &["a", "b"][..]), (second, &["b"][..])] {
            for bytes in heard {
                assert_eq!(seat.next().now_or_never(), Some(Next::Bytes(Bytes::from(*bytes))));
            }
            assert_eq!(seat.next().now_or_never(), Some(Next::End(End::Finished)));
        }
    }

    #[test]
    fn nothing_waits_for_nobody() {
        let fan = Arc::new(Fan::default());
        drop(fan.sit());
        assert_eq!(fill(&fan), 1_000);
    }

    #[test]
    fn the_only_member_is_waited_for() {
        let fan = Arc::new(Fan::default());
        let only = fan.sit();
        let taken = fill(&fan);
        assert!((16..=32).contains(&taken), "{taken} chunks of 64 KiB");
        assert!(only.too_slow().now_or_never().is_none());
        assert!(matches!(only.next().now_or_never(), Some(Next::Bytes(_))));
        assert_eq!(fill(&fan), 1);
    }

    #[test]
    fn who_does_not_keep_up_is_cut_off_and_holds_nothing() {
        let fan = Arc::new(Fan::default());
        let (quick, slow) = (fan.sit(), fan.sit());
        let mut published = 0;
        while slow.too_slow().now_or_never().is_none() {
            fan.publish(chunk()).now_or_never().expect("the quick one has room");
            assert!(matches!(quick.next().now_or_never(), Some(Next::Bytes(_))));
            published += 1;
        }
        assert!((32..=65).contains(&published), "{published} chunks of 64 KiB");
        assert_eq!(slow.next().now_or_never(), Some(Next::TooSlow));
        assert!(fan.lock().places.values().all(|place| place.queue.is_empty()));
    }

    #[test]
    fn who_stopped_together_need_not_go_on_together() {
        let fan = Arc::new(Fan::default());
        let (one, other) = (fan.sit(), fan.sit());
        let together = fill(&fan);
        for _ in 0..together / 2 {
            assert!(matches!(one.next().now_or_never(), Some(Next::Bytes(_))));
            assert_eq!(fill(&fan), 1);
        }
        assert!(other.too_slow().now_or_never().is_none());
    }

    #[test]
    fn single_bytes_fill_a_queue_too() {
        let fan = Arc::new(Fan::default());
        let _only = fan.sit();
        let mut published = 0;
        while fan.publish(Bytes::from_static(b"y")).now_or_never().is_some() {
            published += 1;
        }
        assert!(published <= QUEUE / 2 / OVERHEAD, "{published}");
    }

    #[tokio::test]
    async fn who_leaves_keeps_nobody_waiting() {
        let fan = Arc::new(Fan::default());
        let stuck = fan.sit();
        fill(&fan);
        let waiting = tokio::spawn({
            let fan = Arc::clone(&fan);
            async move { fan.publish(chunk()).await }
        });
        tokio::task::yield_now().await;
        drop(stuck);
        waiting.await.expect("no panic");
    }

    #[tokio::test]
    async fn who_waits_for_bytes_is_woken_by_them_and_by_the_end() {
        let fan = Arc::new(Fan::default());
        let seat = fan.sit();
        let say = async {
            tokio::task::yield_now().await;
            fan.publish(Bytes::from("a")).await;
        };
        assert_eq!(tokio::join!(seat.next(), say).0, Next::Bytes(Bytes::from("a")));
        let end = async {
            tokio::task::yield_now().await;
            fan.end(End::Broken);
        };
        assert_eq!(tokio::join!(seat.next(), end).0, Next::End(End::Broken));
    }
}
