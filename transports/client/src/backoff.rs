//! When to try again: decisions alone, without a clock, a generator or a timer of their own.

use std::time::Duration;

use doorward_policy::Timestamp;

/// The bound of the first wait. Each one after it may be twice as long.
const FIRST: Duration = Duration::from_secs(1);
/// The bound of the longest wait.
const LONGEST: Duration = Duration::from_secs(30);
/// The most of a server's wish to wait that is followed.
const MOST_ASKED: Duration = Duration::from_secs(3600);
/// The longest nap: how late a jump of the clock can be noticed.
const NAP: Duration = Duration::from_secs(1);
/// How much more than a nap has to pass in one for the clock to have jumped.
const JUMP: Duration = Duration::from_secs(10);

/// Exponential back-off with full jitter: of a thousand clients that lose their server in one
/// moment, no two come back together, from the first wait on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Backoff {
    waits: u32,
}

impl Backoff {
    /// The next wait: uniform below a bound that doubles, after what the server has asked for.
    pub(crate) fn next(&mut self, asked: Option<Duration>, random: [u8; 8]) -> Duration {
        let bound = FIRST.saturating_mul(2u32.saturating_pow(self.waits)).min(LONGEST);
        self.waits = self.waits.saturating_add(1);
        asked.unwrap_or_default().min(MOST_ASKED).saturating_add(share(bound, random))
    }

    /// Begins anew, after something that has worked for a while.
    pub(crate) fn reset(&mut self) {
        self.waits = 0;
    }
}

/// A part of a span, to the millisecond, uniform over nothing to all of it.
fn share(span: Duration, random: [u8; 8]) -> Duration {
    let choices = span.as_millis().saturating_add(1);
    // Of 64 bits times some thousands, the upper half: biased by less than 1 in 10^14.
    let chosen = u128::from(u64::from_be_bytes(random)).saturating_mul(choices) >> 64;
    Duration::from_millis(u64::try_from(chosen).unwrap_or_default())
}

/// A wait in naps, judged by a clock that may stand still, jump ahead or go back meanwhile.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Naps {
    clock: Timestamp,
    left: Duration,
    slept: Duration,
}

/// How a nap was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Woke {
    /// As long as it was meant to be.
    InTime,
    /// The clock has jumped ahead: this machine was asleep.
    Late,
}

impl Naps {
    /// A wait of this length that begins now.
    pub(crate) const fn new(now: Timestamp, length: Duration) -> Self {
        Self { clock: now, left: length, slept: Duration::ZERO }
    }

    /// Naps without an end.
    pub(crate) const fn endless(now: Timestamp) -> Self {
        Self::new(now, Duration::MAX)
    }

    /// How long to nap next; `None` after the last nap.
    pub(crate) fn nap(&self) -> Option<Duration> {
        (!self.left.is_zero()).then(|| self.left.min(NAP))
    }

    /// How long all naps were together, by the timer.
    pub(crate) const fn slept(&self) -> Duration {
        self.slept
    }

    /// Goes on after something else: the time that this took was no nap.
    pub(crate) const fn rebase(&mut self, now: Timestamp) {
        self.clock = now;
    }

    /// After a nap. What has passed is what was slept, or more if the clock says so: never less,
    /// so that a clock that is set back makes no wait longer.
    pub(crate) fn woke(&mut self, now: Timestamp, nap: Duration) -> Woke {
        let passed = now.since(self.clock).max(nap);
        self.clock = now;
        self.slept = self.slept.saturating_add(nap);
        self.left = self.left.saturating_sub(passed);
        if passed > nap.saturating_add(JUMP) { Woke::Late } else { Woke::InTime }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LEAST: [u8; 8] = [0; 8];
    const MOST: [u8; 8] = [255; 8];

    #[test]
    fn the_bound_of_a_wait_doubles_up_to_the_longest() {
        let mut backoff = Backoff::default();
        let bounds: Vec<_> = (0..8).map(|_| backoff.next(None, MOST).as_secs()).collect();
        assert_eq!(bounds, [1, 2, 4, 8, 16, 30, 30, 30]);
        backoff.reset();
        assert_eq!(backoff.next(None, MOST), FIRST);
        assert_eq!(backoff.next(None, LEAST), Duration::ZERO, "it is jittered all the way down");
    }

    #[test]
    fn a_server_that_asks_for_time_gets_it_and_the_jitter_comes_on_top() {
        let mut backoff = Backoff::default();
        let asked = Duration::from_secs(42);
        assert_eq!(backoff.next(Some(asked), LEAST), asked);
        assert_eq!(backoff.next(Some(asked), MOST), asked + Duration::from_secs(2));
        assert_eq!(backoff.next(Some(Duration::MAX), LEAST), MOST_ASKED);
    }

    #[test]
    fn a_clock_that_jumps_ahead_is_noticed_after_one_nap() {
        let start = Timestamp::from_secs(1000);
        for (passed, woke) in [(0, Woke::InTime), (1, Woke::InTime), (11, Woke::InTime)] {
            let now = start.plus(Duration::from_secs(passed));
            assert_eq!(Naps::endless(start).woke(now, NAP), woke, "{passed} s");
        }
        let now = start.plus(Duration::from_millis(11_001));
        assert_eq!(Naps::endless(start).woke(now, NAP), Woke::Late);
    }

    proptest! {
        #[test]
        fn a_wait_is_within_its_bounds(
            before in 0u32..80,
            asked in proptest::option::of(0u64..10_000),
            random in any::<[u8; 8]>(),
        ) {
            let mut backoff = Backoff { waits: before };
            let asked = asked.map(Duration::from_secs);
            let wait = backoff.next(asked, random);
            let least = asked.unwrap_or_default().min(MOST_ASKED);
            prop_assert!(wait >= least && wait <= least + LONGEST);
            prop_assert!(before > 4 || wait <= least + Duration::from_secs(1 << before));
        }

        #[test]
        fn waits_are_spread_evenly(randoms in proptest::collection::vec(any::<[u8; 8]>(), 500)) {
            let later = randoms.iter().filter(|random| {
                Backoff { waits: 9 }.next(None, **random) >= LONGEST / 2
            });
            prop_assert!((150..350).contains(&later.count()));
        }

        #[test]
        fn no_clock_makes_a_wait_longer(
            length in 0u64..30_000,
            readings in proptest::collection::vec(0u64..1_000_000, 64),
        ) {
            let length = Duration::from_millis(length);
            let mut naps = Naps::new(Timestamp::from_millis(500_000), length);
            let mut slept = Duration::ZERO;
            for reading in readings {
                let Some(nap) = naps.nap() else { break };
                prop_assert!(nap <= NAP);
                slept += nap;
                naps.woke(Timestamp::from_millis(reading), nap);
            }
            prop_assert!(naps.nap().is_none() && slept <= length);
        }
    }
}
